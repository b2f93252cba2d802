//! An LSTM's steps, forward and backward, against an f64 twin on every instruction set, over tails
//! and lengths; and the law that a sequence is the same to the bit alone and in any company.

use contexture_kernels::Pool;
use contexture_kernels::gemm::PackedMatrix;
use contexture_kernels::isa::Isa;
use contexture_kernels::lstm::{Adjoint, Direction, LstmShape, backward, forward};

fn noise(len: usize, seed: u32, scale: f32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 8) as f32 / (1 << 24) as f32 - 0.5) * scale
    };
    // Exactly as many as asked, so that a tool that guards memory sees any overreach.
    (0..len).map(|_| next()).collect::<Vec<_>>().into_boxed_slice().into_vec()
}

#[derive(Clone)]
struct Case {
    cells: usize,
    projected: Option<usize>,
    clips: (Option<f32>, Option<f32>),
    lengths: Vec<usize>,
    /// What is reversed, direction by direction.
    reversed: Vec<bool>,
}

/// Everything that both sides read.
struct Data {
    recurrent: Vec<Vec<f32>>,
    projection: Vec<Vec<f32>>,
    /// The inputs' share.
    z: Vec<Vec<f32>>,
    dy: Vec<f32>,
}

impl Case {
    fn outputs(&self) -> usize {
        self.projected.unwrap_or(self.cells)
    }

    fn offsets(&self) -> Vec<usize> {
        let mut offsets = vec![0];
        for length in &self.lengths {
            offsets.push(offsets[offsets.len() - 1] + length);
        }
        offsets
    }

    /// From one token's gates to the next one's.
    fn stride(&self) -> usize {
        LstmShape::gates_stride(self.cells)
    }

    fn tokens(&self) -> usize {
        self.lengths.iter().sum()
    }

    fn data(&self) -> Data {
        let (cells, outputs, tokens) = (self.cells, self.outputs(), self.tokens());
        let each = |len: usize, seed: u32, scale: f32| -> Vec<Vec<f32>> {
            (0..self.reversed.len()).map(|d| noise(len, seed + d as u32, scale)).collect()
        };
        let scale = 2.0 / (outputs as f32).sqrt();
        Data {
            recurrent: each(4 * cells * outputs, 1, scale),
            projection: match self.projected {
                Some(outputs) => each(outputs * cells, 11, scale),
                None => Vec::new(),
            },
            z: each(tokens * self.stride(), 21, 4.0),
            dy: noise(tokens * self.reversed.len() * outputs, 31, 1.0),
        }
    }
}

/// What the kernels find, and what the twin finds.
#[derive(PartialEq, Debug)]
struct Found<T> {
    y: Vec<T>,
    gates: Vec<Vec<T>>,
    memory: Vec<Vec<T>>,
    dz: Vec<Vec<T>>,
    before: Vec<Vec<T>>,
    dp: Vec<Vec<T>>,
    m: Vec<Vec<T>>,
}

fn kernels(isa: Isa, threads: usize, case: &Case, data: &Data) -> Found<f32> {
    let (cells, outputs, tokens) = (case.cells, case.outputs(), case.tokens());
    let (pool, offsets) = (Pool::new(threads), case.offsets());
    let shape = LstmShape {
        cells,
        outputs,
        cell_clip: case.clips.0,
        projection_clip: case.clips.1,
        offsets: &offsets,
    };
    let count = case.reversed.len();
    let empty = |len: usize| vec![vec![f32::NAN; len].into_boxed_slice().into_vec(); count];
    let mut found = Found {
        y: vec![f32::NAN; tokens * count * outputs],
        gates: data.z.clone(),
        memory: empty(tokens * cells),
        // Nobody writes between the rows.
        dz: vec![vec![0.0; tokens * case.stride()]; count],
        before: empty(tokens * outputs),
        dp: empty(case.projected.map_or(0, |p| tokens * p)),
        m: empty(case.projected.map_or(0, |_| tokens * cells)),
    };
    let pack = |w: &[f32], rows, width| PackedMatrix::pack_for(isa, w, rows, width);
    let recurrent: Vec<_> = data.recurrent.iter().map(|w| pack(w, 4 * cells, outputs)).collect();
    let projection: Vec<_> = data.projection.iter().map(|w| pack(w, outputs, cells)).collect();
    let mut directions: Vec<_> = (found.gates.iter_mut().zip(&mut found.memory).enumerate())
        .map(|(d, (gates, memory))| Direction {
            recurrent: &recurrent[d],
            projection: case.projected.map(|_| &projection[d]),
            reversed: case.reversed[d],
            gates,
            memory: Some(memory),
            state: None,
        })
        .collect();
    forward(&pool, &shape, &mut directions, &mut found.y);
    let transpose =
        |w: &[f32], rows, width| PackedMatrix::pack_transposed_for(isa, &pool, w, rows, width);
    let recurrent: Vec<_> =
        data.recurrent.iter().map(|w| transpose(w, 4 * cells, outputs)).collect();
    let projection: Vec<_> = data.projection.iter().map(|w| transpose(w, outputs, cells)).collect();
    let mut adjoints = Vec::new();
    let written = found.dz.iter_mut().zip(&mut found.before);
    let written = written.zip(found.dp.iter_mut().zip(&mut found.m)).enumerate();
    for (d, ((dz, before), (dp, m))) in written {
        adjoints.push(Adjoint {
            recurrent: &recurrent[d],
            projection: case.projected.map(|_| &projection[d]),
            reversed: case.reversed[d],
            gates: &found.gates[d],
            memory: &found.memory[d],
            dz,
            before,
            projected: case.projected.map(|_| (&mut dp[..], &mut m[..])),
        });
    }
    backward(&pool, &shape, &mut adjoints, &found.y, &data.dy);
    found
}

/// The equations, one number after the other.
fn twin(case: &Case, data: &Data) -> Found<f64> {
    let (cells, outputs, tokens) = (case.cells, case.outputs(), case.tokens());
    let count = case.reversed.len();
    let zeros = |len: usize| vec![vec![0.0; len]; count];
    let projected = |len: usize| if case.projected.is_some() { len } else { 0 };
    let mut found = Found {
        y: vec![0.0; tokens * count * outputs],
        gates: data.z.iter().map(|z| z.iter().map(|z| f64::from(*z)).collect()).collect(),
        memory: zeros(tokens * cells),
        dz: zeros(tokens * case.stride()),
        before: zeros(tokens * outputs),
        dp: zeros(projected(tokens * outputs)),
        m: zeros(projected(tokens * cells)),
    };
    for (begin, length) in case.offsets().into_iter().zip(&case.lengths) {
        for d in 0..count {
            let order: Vec<usize> = match case.reversed[d] {
                true => (begin..begin + length).rev().collect(),
                false => (begin..begin + length).collect(),
            };
            twin_forward(case, data, d, &order, &mut found);
            twin_backward(case, data, d, &order, &mut found);
        }
    }
    found
}

/// `sum_k w[row, k] x[k]`, or the transpose's.
fn times(w: &[f32], x: &[f64], outputs: usize, transposed: bool) -> Vec<f64> {
    let inputs = x.len();
    let at = |row: usize, k: usize| if transposed { k * outputs + row } else { row * inputs + k };
    (0..outputs).map(|row| (0..inputs).map(|k| f64::from(w[at(row, k)]) * x[k]).sum()).collect()
}

fn twin_forward(case: &Case, data: &Data, d: usize, order: &[usize], found: &mut Found<f64>) {
    let (cells, outputs) = (case.cells, case.outputs());
    let all = case.reversed.len() * outputs;
    let (mut h, mut c) = (vec![0.0; outputs], vec![0.0; cells]);
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    for &token in order {
        found.before[d][token * outputs..][..outputs].copy_from_slice(&h);
        let rest = times(&data.recurrent[d], &h, 4 * cells, false);
        let gates = &mut found.gates[d][token * case.stride()..][..4 * cells];
        let mut m = vec![0.0; cells];
        for (at, gate) in gates.iter_mut().enumerate() {
            let z = f64::from(data.z[d][token * case.stride() + at]) + rest[at];
            *gate = if at / cells == 2 { z.tanh() } else { sigmoid(z) };
        }
        for k in 0..cells {
            c[k] = gates[cells + k] * c[k] + gates[k] * gates[2 * cells + k];
            if let Some(clip) = case.clips.0 {
                c[k] = c[k].clamp(-f64::from(clip), f64::from(clip));
            }
            m[k] = gates[3 * cells + k] * c[k].tanh();
        }
        found.memory[d][token * cells..][..cells].copy_from_slice(&c);
        h = m.clone();
        if case.projected.is_some() {
            h = times(&data.projection[d], &m, outputs, false);
            let clip = case.clips.1.map_or(f64::INFINITY, f64::from);
            h.iter_mut().for_each(|h| *h = h.clamp(-clip, clip));
            found.m[d][token * cells..][..cells].copy_from_slice(&m);
        }
        found.y[token * all + d * outputs..][..outputs].copy_from_slice(&h);
    }
}

fn twin_backward(case: &Case, data: &Data, d: usize, order: &[usize], found: &mut Found<f64>) {
    let (cells, outputs) = (case.cells, case.outputs());
    let all = case.reversed.len() * outputs;
    let (mut dh, mut dc) = (vec![0.0; outputs], vec![0.0; cells]);
    for (step, &token) in order.iter().enumerate().rev() {
        for (k, dh) in dh.iter_mut().enumerate() {
            let at = token * all + d * outputs + k;
            *dh += f64::from(data.dy[at]);
            let cut = case.projected.and(case.clips.1);
            if cut.is_some_and(|clip| found.y[at].abs() >= f64::from(clip)) {
                *dh = 0.0;
            }
        }
        let mut dm = dh.clone();
        if case.projected.is_some() {
            found.dp[d][token * outputs..][..outputs].copy_from_slice(&dh);
            dm = times(&data.projection[d], &dh, cells, true);
        }
        let mut dz = vec![0.0; 4 * cells];
        for k in 0..cells {
            let gate = |gate: usize| found.gates[d][token * case.stride() + gate * cells + k];
            let (i, f, g, o) = (gate(0), gate(1), gate(2), gate(3));
            let c = found.memory[d][token * cells + k];
            let t = c.tanh();
            dc[k] += dm[k] * o * (1.0 - t * t);
            if case.clips.0.is_some_and(|clip| c.abs() >= f64::from(clip)) {
                dc[k] = 0.0;
            }
            let before = if step > 0 { found.memory[d][order[step - 1] * cells + k] } else { 0.0 };
            dz[k] = dc[k] * g * i * (1.0 - i);
            dz[cells + k] = dc[k] * before * f * (1.0 - f);
            dz[2 * cells + k] = dc[k] * i * (1.0 - g * g);
            dz[3 * cells + k] = dm[k] * t * o * (1.0 - o);
            dc[k] *= f;
        }
        dh = times(&data.recurrent[d], &dz, outputs, true);
        found.dz[d][token * case.stride()..][..4 * cells].copy_from_slice(&dz);
    }
}

fn close(what: &str, found: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(*found) - expected).abs() / (1.0 + expected.abs());
        assert!(error <= tolerance, "{what}, element {at}: {found} is not {expected}");
    }
}

fn compare(isa: Isa, case: &Case) {
    let data = case.data();
    let (found, expected) = (kernels(isa, 2, case, &data), twin(case, &data));
    let what = |part: &str| {
        let Case { cells, projected, clips, lengths, .. } = case;
        format!("{isa}, {part}, {cells} cells, {projected:?} {clips:?} {lengths:?}")
    };
    close(&what("y"), &found.y, &expected.y, 2e-6);
    for d in 0..case.reversed.len() {
        close(&what("gates"), &found.gates[d], &expected.gates[d], 2e-6);
        close(&what("memory"), &found.memory[d], &expected.memory[d], 4e-6);
        close(&what("before"), &found.before[d], &expected.before[d], 2e-6);
        close(&what("dz"), &found.dz[d], &expected.dz[d], 1e-5);
        close(&what("dp"), &found.dp[d], &expected.dp[d], 1e-5);
        close(&what("m"), &found.m[d], &expected.m[d], 2e-6);
    }
}

#[test]
fn steps_equal_their_twin_over_tails_and_lengths() {
    for isa in Isa::supported() {
        for (cells, projected) in [
            (1, None),
            (3, None),
            (7, Some(2)),
            (16, None),
            (17, Some(33)),
            // Whole panels of every instruction set but NEON's, whose are 12 wide.
            (32, None),
            (36, Some(24)),
            (64, None),
            (96, Some(7)),
            // More than one block of the products' inner dimension.
            (288, None),
        ] {
            let lengths: &[&[usize]] = match cells {
                17 | 32 => &[&[5, 1, 0, 9, 2], &[4; 15], &[3], &[0], &[]],
                _ => &[&[3, 0, 1, 6]],
            };
            for lengths in lengths {
                let case = Case {
                    cells,
                    projected,
                    clips: (None, None),
                    lengths: lengths.to_vec(),
                    reversed: vec![false, true],
                };
                compare(isa, &case);
            }
        }
    }
}

/// Where a clip cuts, its gradient is 0; data that lies on the border of a cut, where f32 and f64
/// may disagree, does not occur.
#[test]
fn clips_equal_their_twin() {
    for isa in Isa::supported() {
        for (cells, projected) in [(5, None), (32, None), (21, Some(6))] {
            for clips in [(Some(0.4), None), (None, Some(0.2)), (Some(0.3), Some(0.1))] {
                let reversed = vec![true, false];
                let case = Case { cells, projected, clips, lengths: vec![6, 2, 0, 5], reversed };
                compare(isa, &case);
                let found = kernels(isa, 1, &case, &case.data());
                let cut = |values: &[f32], clip: f32| values.iter().any(|v| v.abs() == clip);
                let free = |values: &[f32], clip: f32| values.iter().any(|v| v.abs() < clip);
                if let Some(clip) = clips.0 {
                    assert!(cut(&found.memory[0], clip) && free(&found.memory[0], clip));
                }
                if let (Some(clip), Some(_)) = (clips.1, projected) {
                    assert!(cut(&found.y, clip) && free(&found.y, clip));
                }
            }
        }
    }
}

#[test]
fn a_sequence_is_the_same_bits_alone_and_on_any_threads() {
    let lengths = vec![4, 9, 1, 0, 9, 3, 7, 7, 2, 12, 5, 5, 8, 6, 10, 11, 3, 4];
    for isa in Isa::supported() {
        for (cells, projected) in [(32, None), (13, None), (48, Some(20))] {
            let case = Case {
                cells,
                projected,
                clips: (Some(0.8), Some(0.5)),
                lengths: lengths.clone(),
                reversed: vec![false, true],
            };
            let data = case.data();
            let one = kernels(isa, 1, &case, &data);
            for threads in 2..=5 {
                assert!(one == kernels(isa, threads, &case, &data), "{isa}, {threads} threads");
            }
            let (all, gates) = (2 * case.outputs(), case.stride());
            for (begin, &length) in case.offsets().into_iter().zip(&case.lengths) {
                let rows = |width: usize| begin * width..(begin + length) * width;
                let alone = Case { lengths: vec![length], ..case.clone() };
                let own = Data {
                    recurrent: data.recurrent.clone(),
                    projection: data.projection.clone(),
                    z: data.z.iter().map(|z| z[rows(gates)].to_vec()).collect(),
                    dy: data.dy[rows(all)].to_vec(),
                };
                let alone = kernels(isa, 3, &alone, &own);
                assert!(alone.y == one.y[rows(all)], "{isa}: y of {length} tokens");
                for d in 0..2 {
                    assert!(alone.dz[d] == one.dz[d][rows(gates)], "{isa}: dz of {length} tokens");
                }
            }
        }
    }
}
