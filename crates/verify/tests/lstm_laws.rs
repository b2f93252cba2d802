//! What must hold for an LSTM layer, to the bit, whatever its weights; and that two layers of it
//! give PyTorch's outputs and gradients.

use std::sync::Arc;

use contexture_kernels::Pool;
use contexture_nn::ops::{Lstm, LstmCarry, LstmDirection, Reads};
use contexture_nn::{
    Builder, Declaration, Gradients, Initial, Rows, Segments, Session, Stored, Value, Weights,
};
use contexture_verify::{goldens, tensors};

const INPUTS: usize = 9;

/// Layers of one kind.
#[derive(Clone, Copy, Debug)]
struct Kind {
    cells: usize,
    projected: Option<usize>,
    clips: (Option<f32>, Option<f32>),
    reads: Reads,
}

const KINDS: [Kind; 4] = [
    Kind { cells: 32, projected: None, clips: (None, None), reads: Reads::All },
    Kind { cells: 13, projected: None, clips: (Some(0.5), None), reads: Reads::Own },
    Kind { cells: 40, projected: Some(11), clips: (Some(0.5), Some(0.2)), reads: Reads::Own },
    // More than one block of the recurrent product's inner dimension.
    Kind { cells: 300, projected: None, clips: (None, None), reads: Reads::All },
];

struct Layer {
    kind: Kind,
    directions: Vec<LstmDirection>,
    declaration: Declaration,
}

/// A layer of these directions, `true` for a reversed one.
fn layer(kind: Kind, reversed: &[bool]) -> Layer {
    let mut b = Builder::new();
    let Kind { cells, projected, .. } = kind;
    let outputs = projected.unwrap_or(cells);
    let normal = Initial::Normal(1.0 / (outputs as f32).sqrt());
    let direction = |&reversed: &bool| LstmDirection {
        input: b.matrix(&format!("input {reversed}"), 4 * cells, INPUTS, normal),
        recurrent: b.matrix(&format!("recurrent {reversed}"), 4 * cells, outputs, normal),
        bias: b.vector(&format!("bias {reversed}"), 4 * cells, Initial::ForgetBias { cells }),
        projection: projected
            .map(|outputs| b.matrix(&format!("projection {reversed}"), outputs, cells, normal)),
        reversed,
    };
    let directions = reversed.iter().map(direction).collect();
    Layer { kind, directions, declaration: b.finish() }
}

impl Layer {
    fn op(&self, carry: Option<LstmCarry>) -> Lstm {
        Lstm {
            directions: self.directions.clone(),
            reads: self.kind.reads,
            cell_clip: self.kind.clips.0,
            projection_clip: self.kind.clips.1,
            carry,
        }
    }

    fn weights(&self) -> Weights {
        Weights::initial(self.declaration.clone(), 5)
    }

    fn width(&self) -> usize {
        if self.kind.reads == Reads::Own { INPUTS * self.directions.len() } else { INPUTS }
    }

    fn outputs(&self) -> usize {
        self.kind.projected.unwrap_or(self.kind.cells)
    }

    fn infer(&self, x: &Rows, lengths: &[usize], carry: Option<LstmCarry>) -> Rows {
        let pool = Arc::new(Pool::new(2));
        let mut session = Session::infer(Arc::new(self.weights().packed()), pool);
        self.run(&mut session, x, lengths, carry).1.rows().clone()
    }

    fn run(
        &self,
        session: &mut Session,
        x: &Rows,
        lengths: &[usize],
        carry: Option<LstmCarry>,
    ) -> (Value, Value) {
        let x = session.input(x.clone());
        let y = session.apply(self.op(carry), &[&x], &Segments::from_lengths(lengths.to_vec()));
        (x, y)
    }

    /// Outputs and all gradients, on that many threads.
    fn train(&self, x: &Rows, seed: &Rows, lengths: &[usize], threads: usize) -> Vec<Vec<f32>> {
        let pool = Arc::new(Pool::new(threads));
        let mut session = Session::train(Arc::new(self.weights()), pool);
        let (x, y) = self.run(&mut session, x, lengths, None);
        let gradients = session.backward(&y, seed.clone());
        let mut found = vec![y.rows().as_slice().to_vec()];
        found.extend(gradients.value(&x).map(|dx| dx.as_slice().to_vec()));
        for declared in &self.declaration.params {
            found.extend(gradients.parameter(declared.param).map(<[f32]>::to_vec));
        }
        assert_eq!(found.len(), 2 + self.declaration.params.len());
        found
    }
}

/// Numbers that spread well; a row's depend on nothing but its place and the seed.
fn rows(count: usize, width: usize, seed: u64) -> Rows {
    let mut state = seed | 1;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    Rows::new((0..count * width).map(|_| next()).collect(), width)
}

fn part(x: &Rows, range: std::ops::Range<usize>) -> Rows {
    let width = x.width();
    Rows::new(x.as_slice()[range.start * width..range.end * width].to_vec(), width)
}

const LENGTHS: [usize; 12] = [4, 17, 0, 1, 9, 30, 2, 9, 9, 0, 12, 5];

fn total() -> usize {
    LENGTHS.iter().sum()
}

#[test]
fn a_batch_is_its_sequences() {
    for kind in KINDS {
        let layer = layer(kind, &[false, true]);
        let x = rows(total(), layer.width(), 1);
        let together = layer.infer(&x, &LENGTHS, None);
        for range in Segments::from_lengths(LENGTHS).iter() {
            let alone = layer.infer(&part(&x, range.clone()), &[range.len()], None);
            assert!(alone == part(&together, range.clone()), "{kind:?}, tokens {range:?}");
        }
    }
}

#[test]
fn threads_and_packing_do_not_change_a_bit() {
    for kind in KINDS {
        let layer = layer(kind, &[false, true]);
        let x = rows(total(), layer.width(), 1);
        let seed = rows(total(), 2 * layer.outputs(), 2);
        let one = layer.train(&x, &seed, &LENGTHS, 1);
        for threads in 2..=4 {
            let more = layer.train(&x, &seed, &LENGTHS, threads);
            assert!(one == more, "{kind:?} on {threads} threads");
        }
        let packed = layer.infer(&x, &LENGTHS, None);
        assert!(packed.as_slice() == one[0], "{kind:?}: packed against recorded");
        let mut session = Session::infer(Arc::new(layer.weights()), Arc::new(Pool::new(3)));
        let (_, plain) = layer.run(&mut session, &x, &LENGTHS, None);
        assert!(packed == *plain.rows(), "{kind:?}: packed against plain");
    }
}

/// The forward direction is blind to the future, the backward direction to the past; and neither
/// to the other side.
#[test]
fn a_direction_is_blind_to_what_it_has_not_read() {
    let (length, changed) = (14, 6);
    for kind in KINDS {
        let layer = layer(kind, &[false, true]);
        let (x, outputs) = (rows(length, layer.width(), 1), layer.outputs());
        let before = layer.infer(&x, &[length], None);
        let mut other = x.clone();
        other.row_mut(changed).iter_mut().for_each(|value| *value += 0.5);
        let after = layer.infer(&other, &[length], None);
        for token in 0..length {
            let (forward, backward) = before.row(token).split_at(outputs);
            let (forward_after, backward_after) = after.row(token).split_at(outputs);
            assert_eq!(forward == forward_after, token < changed, "{kind:?}, token {token}");
            assert_eq!(backward == backward_after, token > changed, "{kind:?}, token {token}");
        }
    }
}

#[test]
fn a_carried_state_goes_on_as_if_uncut() {
    // Cut at different places; one sequence is empty in its first half, one in its second.
    let (lengths, cuts) = ([9, 6, 5, 3, 1], [4, 0, 5, 1, 1]);
    let rest: Vec<usize> = lengths.iter().zip(&cuts).map(|(all, cut)| all - cut).collect();
    for kind in KINDS {
        let layer = layer(kind, &[false]);
        let x = rows(lengths.iter().sum(), layer.width(), 1);
        let whole = layer.infer(&x, &lengths, None);
        let (mut halves, carry) = ([Vec::new(), Vec::new()], LstmCarry::default());
        for (range, cut) in Segments::from_lengths(lengths).iter().zip(&cuts) {
            let middle = range.start + cut;
            halves[0].extend_from_slice(part(&x, range.start..middle).as_slice());
            halves[1].extend_from_slice(part(&x, middle..range.end).as_slice());
        }
        let [first, second] = halves.map(|half| Rows::new(half, layer.width()));
        let first = layer.infer(&first, &cuts, Some(carry.clone()));
        let second = layer.infer(&second, &rest, Some(carry.clone()));
        let (firsts, seconds) =
            (Segments::from_lengths(cuts), Segments::from_lengths(rest.clone()));
        for (index, range) in Segments::from_lengths(lengths).iter().enumerate() {
            let mut found = part(&first, firsts.range(index)).into_vec();
            found.extend(part(&second, seconds.range(index)).into_vec());
            let what = format!("{kind:?}, sequence {index}");
            assert!(found == part(&whole, range.clone()).into_vec(), "{what}");
            let state = &carry.states()[0];
            assert_eq!(state.hidden.row(index), whole.row(range.end - 1), "{what}");
        }
        // A state that is no longer zero is read.
        let again = layer.infer(&x, &lengths, Some(carry.clone()));
        assert!(again != whole, "{kind:?}");
        carry.clear();
        assert!(layer.infer(&x, &lengths, Some(carry)) == whole, "{kind:?}");
    }
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |most, value| most.max(value.abs()))
}

fn farthest(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).fold(0.0, |most, (a, b)| most.max((a - b).abs()))
}

#[test]
fn outputs_and_gradients_are_those_of_pytorch() {
    let golden = tensors(&goldens().join("lstm/lstm.safetensors"));
    // An empty sequence, which PyTorch does not take, stands among them.
    let mut lengths: Vec<usize> =
        golden["lengths"].values.iter().map(|length| *length as usize).collect();
    lengths.insert(2, 0);
    for kind in ["plain", "projected"] {
        let get = |name: &str| &golden[&format!("{kind}.{name}")];
        let (mut b, mut stored, mut names) = (Builder::new(), Vec::new(), Vec::new());
        let mut declare = |name: String, of: &[&str]| {
            let parts: Vec<String> = of.iter().map(|part| format!("{part}_{name}")).collect();
            let shape = &get(&parts[0]).shape;
            let mut values = get(&parts[0]).values.clone();
            for part in &parts[1..] {
                values.iter_mut().zip(&get(part).values).for_each(|(sum, value)| *sum += value);
            }
            stored.push(Stored::Plain(values));
            names.push(parts[0].clone());
            match shape[..] {
                [rows, width] => b.matrix(&parts[0], rows, width, Initial::Zeros),
                _ => b.vector(&parts[0], shape[0], Initial::Zeros),
            }
        };
        let mut layers = Vec::new();
        for layer in 0..2 {
            let directions = [false, true].map(|reversed| {
                let name = format!("l{layer}{}", if reversed { "_reverse" } else { "" });
                LstmDirection {
                    input: declare(name.clone(), &["weight_ih"]),
                    recurrent: declare(name.clone(), &["weight_hh"]),
                    bias: declare(name.clone(), &["bias_ih", "bias_hh"]),
                    projection: (kind == "projected").then(|| declare(name, &["weight_hr"])),
                    reversed,
                }
            });
            layers.push(directions.to_vec());
        }
        let declaration = b.finish();
        let weights = Arc::new(Weights::new(declaration.clone(), stored));
        let mut session = Session::train(weights, Arc::new(Pool::new(2)));
        let of = |name: &str| Rows::new(get(name).values.clone(), get(name).shape[1]);
        let x = session.input(of("x"));
        let mut y = x.clone();
        for directions in layers {
            let (reads, cell_clip, projection_clip, carry) = (Reads::All, None, None, None);
            let layer = Lstm { directions, reads, cell_clip, projection_clip, carry };
            y = session.apply(layer, &[&y], &Segments::from_lengths(lengths.clone()));
        }
        let apart = farthest(y.rows().as_slice(), &get("y").values);
        println!("{kind}: outputs {apart:e}");
        assert!(apart <= 2e-6, "{kind}: outputs {apart}");
        let mut gradients = Gradients::default();
        session.backward_into(vec![(&y, of("seed"))], &mut gradients);
        let compare = |name: &str, found: &[f32]| {
            let expected = &get(&format!("gradient.{name}")).values;
            let apart = farthest(found, expected) / largest(expected);
            println!("{kind}: gradient of {name} {apart:e}");
            assert!(apart <= 1e-5, "{kind}: gradient of {name} {apart} of its largest");
        };
        compare("x", gradients.value(&x).map_or(&[][..], Rows::as_slice));
        for (name, declared) in names.iter().zip(&declaration.params) {
            compare(name, gradients.parameter(declared.param).unwrap_or(&[]));
        }
    }
}
