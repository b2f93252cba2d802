//! Weights as bytes: what ops give with them, which columns stay f32, and that nobody trains them.

use std::sync::Arc;

use contexture_kernels::{Activation, Pool};
use contexture_nn::ops::{FeedForward, Linear, Lookup};
use contexture_nn::{
    Builder, Declaration, Initial, Param, Rows, Segments, Session, Spreads, Stored, Weights,
};

const HIDDEN: usize = 96;
const INNER: usize = 192;

struct Model {
    declaration: Declaration,
    table: Param,
    linear: Linear,
    network: FeedForward,
}

fn model() -> Model {
    let mut b = Builder::new();
    let normal = Initial::Normal(0.1);
    let table = b.table("words", 11, HIDDEN, Initial::Normal(1.0));
    let linear = Linear {
        weight: b.matrix("linear", HIDDEN, HIDDEN, normal),
        bias: Some(b.vector("bias", HIDDEN, normal)),
        activation: Activation::Identity,
    };
    let network = FeedForward {
        first: b.matrix("first", INNER, HIDDEN, normal),
        first_bias: None,
        activation: Activation::Gelu,
        gated: false,
        second: b.matrix("second", HIDDEN, INNER, normal),
        second_bias: None,
    };
    Model { declaration: b.finish(), table, linear, network }
}

fn weights(model: &Model) -> Weights {
    Weights::initial(model.declaration.clone(), 5)
}

/// Column 7 of the inputs is forty times as large as the others.
fn far() -> Rows {
    let values = (0..9 * HIDDEN).map(|i| {
        let far = if i % HIDDEN == 7 { 40.0 } else { 1.0 };
        far * (i as f32 * 0.731).sin()
    });
    Rows::new(values.collect(), HIDDEN)
}

/// What the linear map gives, and what the feed-forward makes of it.
fn run(session: &mut Session, model: &Model, x: &Rows) -> [Vec<f32>; 2] {
    let segments = Segments::single(9);
    let words = Lookup { table: model.table, ids: (0..9).collect() };
    let words = session.apply(words, &[], &segments);
    let x = session.input(x.clone());
    let y = session.apply(model.linear, &[&x, &words], &segments);
    let z = session.apply(model.network, &[&y, &x], &segments);
    [y, z].map(|value| value.rows().as_slice().to_vec())
}

fn error(a: &[f32], b: &[f32]) -> f32 {
    let sum = |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>().sqrt();
    sum(&mut a.iter().zip(b).map(|(a, b)| a - b)) / sum(&mut b.iter().copied())
}

#[test]
fn ops_take_bytes_and_outliers_are_measured() {
    let (model, x, pool) = (model(), far(), Arc::new(Pool::new(2)));
    let mut plain = Session::infer(Arc::new(weights(&model)), pool.clone());
    plain.measure_spreads();
    let exact = run(&mut plain, &model, &x);
    let spreads = plain.spreads().unwrap();
    assert_eq!(spreads.outliers(model.linear.weight), [7]);
    let of = |spreads: &Spreads| {
        let weights = Arc::new(weights(&model).quantised(spreads));
        let (bytes, _) = weights.count_by_type();
        assert_eq!(bytes, 11 * HIDDEN + HIDDEN * HIDDEN + 2 * HIDDEN * INNER);
        let found = run(&mut Session::infer(weights.clone(), pool.clone()), &model, &x);
        let one = run(&mut Session::infer(weights, Arc::new(Pool::new(1))), &model, &x);
        assert_eq!(found, one, "on one thread");
        [0, 1].map(|op| error(&found[op], &exact[op]))
    };
    let (with, without) = (of(spreads), of(&Spreads::default()));
    println!("errors {with:?} with the outlier apart, {without:?} without");
    assert!(with.iter().all(|error| *error < 0.01), "{with:?}");
    assert!(with[0] < without[0] / 3.0 && with[1] < without[1], "{with:?} and {without:?}");
}

#[test]
#[should_panic(expected = "words is held as bytes and cannot be trained")]
fn a_tape_refuses_bytes() {
    let weights = weights(&model()).quantised(&Spreads::default());
    Session::train(Arc::new(weights), Arc::new(Pool::new(1)));
}

#[test]
#[should_panic(expected = "first is packed bytes")]
fn bytes_are_not_read_as_floats() {
    let model = model();
    let weights = weights(&model).quantised(&Spreads::default());
    weights.plain(model.network.first);
}

#[test]
#[should_panic(expected = "ExactMatrix is never held as bytes")]
fn what_must_be_exact_never_becomes_bytes() {
    let mut b = Builder::new();
    b.exact_matrix("recurrent", 4, 4, Initial::Zeros);
    Stored::quantised(&b.finish().params[0], &[0.0; 16], &[]);
}

#[test]
fn what_must_be_exact_is_packed_instead() {
    let mut b = Builder::new();
    b.exact_matrix("recurrent", 4, 4, Initial::Ones);
    b.exact_table("buckets", 4, 4, Initial::Ones);
    let shared = b.table("words", 4, 4, Initial::Ones);
    b.reads_exactly(shared);
    let weights = Weights::initial(b.finish(), 1).quantised(&Spreads::default());
    assert_eq!(weights.count_by_type(), (0, 48));
    assert!(weights.first_quantised().is_none());
    assert_eq!(weights.plain(shared), [1.0; 16]);
}
