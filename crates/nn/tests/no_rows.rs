//! Texts without tokens: every op takes no rows at all, and sequences of no rows among others.

use std::sync::Arc;

use contexture_kernels::{Activation, Pool as Threads, Reach};
use contexture_nn::ops::*;
use contexture_nn::{Builder, Initial, Op, Param, Rows, Segments, Session, Value, Weights};

const WIDTH: usize = 6;

/// One parameter of each kind that an op here asks for.
struct Params {
    square: Param,
    long: Param,
    vector: Param,
    one: Param,
    table: Param,
    filter: Param,
}

fn weights() -> (Params, impl Fn() -> Weights) {
    let mut builder = Builder::new();
    let normal = Initial::Normal(0.5);
    let params = Params {
        square: builder.matrix("square", WIDTH, WIDTH, normal),
        long: builder.matrix("long", 2 * WIDTH, WIDTH, normal),
        vector: builder.vector("vector", WIDTH, normal),
        one: builder.vector("one", 1, normal),
        table: builder.table("table", 9, WIDTH, normal),
        filter: builder.matrix("filter", WIDTH, 2 * WIDTH, normal),
    };
    let declaration = builder.finish();
    (params, move || Weights::initial(declaration.clone(), 5))
}

/// Runs an op on inputs of no rows: packed, plain and with a backward; its output's width is
/// `width`.
fn check<O: Op>(op: impl Fn() -> O, inputs: &[usize], width: usize, packs: bool) {
    let (_, make) = weights();
    for lengths in [&[][..], &[0], &[0, 0, 0]] {
        for threads in [1, 2] {
            let segments = Segments::from_lengths(lengths.to_vec());
            let run = |session: &mut Session| {
                let inputs: Vec<Value> =
                    inputs.iter().map(|width| session.input(Rows::zeros(0, *width))).collect();
                let y = session.apply(op(), &inputs.iter().collect::<Vec<_>>(), &segments);
                let shape = (y.rows().rows(), y.rows().width());
                assert_eq!(shape, (0, width), "{} of {lengths:?}", op().name());
                y
            };
            let pool = Arc::new(Threads::new(threads));
            run(&mut Session::infer(Arc::new(make()), pool.clone()));
            if packs {
                run(&mut Session::infer(Arc::new(make().packed()), pool.clone()));
            }
            let mut session = Session::train(Arc::new(make()), pool).with_noise(3);
            let y = run(&mut session);
            session.backward(&y, Rows::zeros(0, width));
        }
    }
}

#[test]
fn ops_of_tokens_take_no_rows() {
    let (p, _) = weights();
    let (weight, bias) = (p.square, Some(p.vector));
    for activation in [Activation::Identity, Activation::Gelu] {
        let op = || Linear { weight, bias, activation };
        check(op, &[WIDTH], WIDTH, true);
        check(op, &[WIDTH, WIDTH], WIDTH, true);
        check(|| Activate { activation }, &[WIDTH], WIDTH, true);
    }
    for (first, gated) in [(p.square, false), (p.long, true)] {
        let activation = Activation::Silu;
        let op = || FeedForward {
            first,
            first_bias: None,
            activation,
            gated,
            second: p.square,
            second_bias: bias,
        };
        check(op, &[WIDTH], WIDTH, true);
    }
    check(
        || LayerNorm { weight: p.vector, bias, epsilon: 1e-5, centred: true },
        &[WIDTH],
        WIDTH,
        true,
    );
    check(|| Add, &[WIDTH, WIDTH], WIDTH, true);
    check(|| Scale { factor: 2.0 }, &[WIDTH], WIDTH, true);
    check(|| Mix { weights: Arc::from([0.5, 0.5]) }, &[WIDTH; 2], WIDTH, true);
    check(|| LayerMix { weights: p.vector, scale: p.one }, &[WIDTH; WIDTH], WIDTH, true);
    check(|| Normalize { epsilon: 1e-12 }, &[WIDTH], WIDTH, true);
    check(|| Concatenate, &[WIDTH, 2], WIDTH + 2, true);
    check(|| Columns { from: 1, to: 4 }, &[WIDTH], 3, true);
    check(|| Dropout { rate: 0.1, seed: 1 }, &[WIDTH], WIDTH, true);
    let pair = (p.square, p.vector);
    let activation = Activation::Relu;
    check(|| Highway { transform: pair, gate: pair, activation }, &[WIDTH], WIDTH, true);
    let rows = Arc::new(Rows::zeros(3, WIDTH));
    check(|| Places { rows: rows.clone(), first: 0, scale: 1.0 }, &[WIDTH], WIDTH, true);
}

#[test]
fn ops_of_numbers_take_none() {
    let (p, _) = weights();
    check(|| Lookup { table: p.table, ids: Arc::from([]) }, &[], WIDTH, true);
    check(|| Gather { rows: Arc::from([]) }, &[WIDTH], WIDTH, true);
    let (weight, bias, targets) = (p.square, Some(p.vector), Arc::from([]));
    let op =
        || CrossEntropy { weight, bias, targets: Arc::clone(&targets), smoothing: 0.1, seed: 1.0 };
    check(op, &[WIDTH], 1, false);
    let op = || SampledCrossEntropy {
        weight,
        bias,
        targets: Arc::clone(&targets),
        samples: Arc::from([2, 0]),
        tries: 3,
        seed: 1.0,
    };
    check(op, &[WIDTH], 1, false);
    let filter = Filter { width: 2, weight: p.filter, bias: p.vector };
    let op = || CharacterConvolution {
        table: p.table,
        filters: Arc::from([filter]),
        activation: Activation::Relu,
        most: 5,
        padding: 8,
        characters: Arc::from([]),
    };
    check(op, &[], WIDTH, true);
}

#[test]
fn ops_of_sequences_take_no_rows() {
    let (heads, head_width) = (2, 1);
    let slopes = ScoreBias::Slopes(Arc::from([0.5, 0.25]));
    for (reach, bias) in [
        (Reach::ALL, ScoreBias::None),
        (Reach::window(2), slopes),
        (Reach::CAUSAL, ScoreBias::None),
    ] {
        let op =
            || Attention { heads, head_width, scale: 0.5, reach, bias: bias.clone(), carry: None };
        check(op, &[WIDTH], 2, true);
    }
    let rotary_width = 2;
    let op = || Rotate {
        heads: 1,
        head_width: 2,
        rotary_width,
        base: 1e4,
        interleaved: false,
        first: 0,
    };
    check(op, &[WIDTH], WIDTH, true);
}

const POOLINGS: [Pooling; 6] = [
    Pooling::Cls,
    Pooling::Max,
    Pooling::Mean,
    Pooling::MeanSqrtLength,
    Pooling::WeightedMean,
    Pooling::Last,
];

/// A sequence of no rows, or of none that count, is a row of zeros, whatever lies in the memory it
/// gets.
#[test]
fn sequences_of_no_rows_pool_to_zeros() {
    let (_, make) = weights();
    for pooling in POOLINGS {
        for (lengths, skip) in [
            (&[][..], &[][..]),
            (&[0], &[]),
            (&[0, 0], &[2, 0]),
            (&[0, 2, 0, 1, 0], &[]),
            (&[0, 2, 0, 1, 0], &[1, 0, 0, 3, 2]),
        ] {
            let rows: usize = lengths.iter().sum();
            let op = Pool { pooling, skip: skip.into() };
            let mut session = Session::train(Arc::new(make()), Arc::new(Threads::new(2)));
            // Memory that is not zero, for the output.
            drop(session.input(Rows::new(vec![7.0; 5 * WIDTH], WIDTH)));
            let ones = vec![1.0; rows * WIDTH];
            let x = session.input(if rows == 0 {
                Rows::zeros(0, WIDTH)
            } else {
                Rows::new(ones, WIDTH)
            });
            let segments = Segments::from_lengths(lengths.to_vec());
            let y = session.apply(op, &[&x], &segments);
            assert_eq!((y.rows().rows(), y.rows().width()), (lengths.len(), WIDTH));
            for (sequence, length) in lengths.iter().enumerate() {
                let row = y.rows().row(sequence);
                assert!(row.iter().all(|y| y.is_finite()), "{pooling:?}: {row:?}");
                if *length == 0 {
                    assert_eq!(row, [0.0; WIDTH], "{pooling:?} of {lengths:?}");
                }
            }
            let mut seed = Rows::zeros(lengths.len(), WIDTH);
            seed.as_mut_slice().fill(1.0);
            let gradients = session.backward(&y, seed);
            let dx = gradients.value(&x).expect("a gradient by the rows");
            assert_eq!((dx.rows(), dx.width()), (rows, WIDTH));
            assert!(dx.as_slice().iter().all(|g| g.is_finite()), "{pooling:?} of {lengths:?}");
        }
    }
}

/// Attention beside a sequence of no rows is attention without it.
#[test]
fn sequences_of_no_rows_disturb_nobody() {
    let (_, make) = weights();
    let run = |lengths: &[usize]| {
        let mut session = Session::train(Arc::new(make()), Arc::new(Threads::new(2)));
        let values = (0..5 * WIDTH).map(|i| (i as f32 * 0.37).sin()).collect();
        let x = session.input(Rows::new(values, WIDTH));
        let bias = ScoreBias::None;
        let op =
            Attention { heads: 1, head_width: 2, scale: 0.5, reach: Reach::ALL, bias, carry: None };
        let y = session.apply(op, &[&x], &Segments::from_lengths(lengths.to_vec()));
        let out = y.rows().clone();
        let gradients = session.backward(&y, out.clone());
        (out, gradients.value(&x).cloned())
    };
    assert_eq!(run(&[0, 2, 0, 3, 0]), run(&[2, 3]));
}
