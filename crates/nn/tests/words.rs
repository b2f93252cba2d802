//! ELMo's way from characters to a mix of layers (a convolution over characters, two highways, a
//! learned mix, some columns of it) against PyTorch in double precision, whose values the script of
//! the same name writes.

use std::sync::Arc;

use contexture_kernels::{Activation, Pool};
use contexture_nn::ops::{CharacterConvolution, Columns, Filter, Highway, LayerMix};
use contexture_nn::{Builder, Initial, Param, Rows, Segments, Session, Stored, Value, Weights};

const ENTRIES: usize = 30;
const DIM: usize = 4;
const MOST: usize = 10;
const PADDING: u16 = 29;
const WIDTH: usize = 12;
const FILTERS: [(usize, usize); 3] = [(1, 3), (2, 4), (3, 5)];

fn characters() -> Arc<[u16]> {
    let words: [&[u16]; 6] = [
        &[1, 2, 3],
        &[4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
        &[],
        &[14, 1, 14],
        &[3, 29, 2, 1],
        &[20; 9],
    ];
    let padded = |word: &&[u16]| [word, &vec![PADDING; MOST - word.len()][..]].concat();
    words.iter().flat_map(padded).collect()
}

fn wave(count: usize, step: f64) -> Vec<f32> {
    (0..count).map(|index| (index as f64 * step).sin() as f32).collect()
}

/// Parameters in the order of the script, with the steps of their values.
#[derive(Default)]
struct Declared {
    builder: Builder,
    params: Vec<Param>,
    values: Vec<Vec<f32>>,
}

impl Declared {
    fn matrix(&mut self, rows: usize, width: usize, step: f64) -> Param {
        let name = format!("matrix{}", self.params.len());
        let param = self.builder.matrix(&name, rows, width, Initial::Zeros);
        self.add(param, step)
    }

    fn vector(&mut self, width: usize, step: f64) -> Param {
        let name = format!("vector{}", self.params.len());
        let param = self.builder.vector(&name, width, Initial::Zeros);
        self.add(param, step)
    }

    fn add(&mut self, param: Param, step: f64) -> Param {
        self.params.push(param);
        self.values.push(wave(param.len(), step));
        param
    }
}

struct Model {
    characters: CharacterConvolution,
    highways: [Highway; 2],
    mix: LayerMix,
}

fn declare(d: &mut Declared) -> Model {
    let table = d.builder.table("table", ENTRIES, DIM, Initial::Zeros);
    let table = d.add(table, 0.9);
    let filter = |(index, &(width, count)): (usize, &(usize, usize))| Filter {
        width,
        weight: d.matrix(count, width * DIM, 0.71 + index as f64),
        bias: d.vector(count, 1.3 + index as f64),
    };
    let filters: Arc<[Filter]> = FILTERS.iter().enumerate().map(filter).collect();
    let mut pair = |index: usize| {
        let (matrix, vector) = (0.53 + index as f64, 2.1 + index as f64);
        (d.matrix(WIDTH, WIDTH, matrix), d.vector(WIDTH, vector))
    };
    let activation = Activation::Relu;
    let highways =
        [0, 2].map(|index| Highway { transform: pair(index), gate: pair(index + 1), activation });
    let mix = LayerMix { weights: d.vector(3, 0.7), scale: d.vector(1, 0.0) };
    d.values[mix.scale.index()][0] += 1.5;
    let (most, padding, characters) = (MOST, PADDING, characters());
    let characters = CharacterConvolution { table, filters, activation, most, padding, characters };
    Model { characters, highways, mix }
}

fn forward(s: &mut Session, model: &Model) -> Value {
    let segments = Segments::from_lengths([2, 0, 4]);
    let mut layers = vec![s.apply(model.characters.clone(), &[], &segments)];
    for highway in model.highways {
        let y = s.apply(highway, &[&layers[layers.len() - 1]], &segments);
        layers.push(y);
    }
    let y = s.apply(model.mix, &layers.iter().collect::<Vec<_>>(), &segments);
    s.apply(Columns { from: 3, to: 10 }, &[&y], &segments)
}

#[test]
fn values_and_gradients_equal_pytorch() {
    let mut declared = Declared::default();
    let model = declare(&mut declared);
    let Declared { builder, params, values } = declared;
    let declaration = builder.finish();
    let make = || {
        let stored = values.iter().cloned().map(Stored::Plain).collect();
        Weights::new(declaration.clone(), stored)
    };
    let mut session = Session::train(Arc::new(make()), Arc::new(Pool::new(2)));
    let y = forward(&mut session, &model);
    let part = y.rows().clone();
    let gradients = session.backward(&y, Rows::new(wave(6 * 7, 0.37), 7));
    let mut packed = Session::infer(Arc::new(make().packed()), Arc::new(Pool::new(2)));
    assert_eq!(forward(&mut packed, &model).rows(), &part);

    let expected = include_str!("words.txt");
    assert_eq!(expected.lines().count(), 1 + params.len());
    let found = params.iter().map(|param| gradients.parameter(*param).expect("a gradient"));
    let found = std::iter::once(part.as_slice()).chain(found);
    for (index, (found, line)) in found.zip(expected.lines()).enumerate() {
        let line: Vec<f64> = line.split(' ').map(|value| value.parse().unwrap()).collect();
        assert_eq!(found.len(), line.len(), "line {index}");
        let size = line.iter().fold(1.0, |most: f64, value| most.max(value.abs()));
        for (at, (a, b)) in found.iter().zip(&line).enumerate() {
            let near = (f64::from(*a) - b).abs() < 2e-6 * size;
            assert!(near, "line {index}, value {at}: {a} against {b}");
        }
    }
}
