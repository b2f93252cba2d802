//! Products against an f64 twin on every instruction set, over all tails; and the law that a row's
//! result is the same to the bit alone, in any batch and on any number of threads.

use contexture_kernels::Pool;
use contexture_kernels::activation::Activation;
use contexture_kernels::gemm::{
    Epilogue, FeedForward, Operand, Output, PackedMatrix, Store, feed_forward, linear,
    linear_plain, matmul_on, weight_gradient_on,
};
use contexture_kernels::isa::Isa;

fn noise(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    // Exactly as many as asked, so that a tool that guards memory sees any overreach.
    (0..len).map(|_| next()).collect::<Vec<_>>().into_boxed_slice().into_vec()
}

fn naive(x: &[f32], w: &[f32], (rows, inputs, outputs): (usize, usize, usize)) -> Vec<f64> {
    let mut out = Vec::with_capacity(rows * outputs);
    for r in 0..rows {
        for c in 0..outputs {
            let product = |k: usize| f64::from(x[r * inputs + k]) * f64::from(w[c * inputs + k]);
            out.push((0..inputs).map(product).sum());
        }
    }
    out
}

fn scalar(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Identity => x,
        Activation::Relu => x.max(0.0),
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::Tanh => x.tanh(),
        other => panic!("no twin for {other:?}"),
    }
}

fn assert_close(found: &[f32], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len());
    for (i, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(found) - expected).abs() / (1.0 + expected.abs());
        assert!(error <= tolerance, "{what}, element {i}: {found} is not {expected}");
    }
}

#[test]
fn linear_equals_its_twin_over_all_tails() {
    let pool = Pool::new(2);
    for isa in Isa::supported() {
        for rows in 1..=30 {
            for (inputs, outputs) in
                [(1, 1), (3, 31), (7, 33), (17, 5), (24, 64), (65, 97), (1024, 40)]
            {
                if inputs == 1024 && rows % 7 != 0 {
                    continue;
                }
                let (x, w) = (noise(rows * inputs, 1), noise(inputs * outputs, 2));
                let (bias, residual) = (noise(outputs, 3), noise(rows * outputs, 4));
                let packed = PackedMatrix::pack_for(isa, &w, outputs, inputs);
                let product = naive(&x, &w, (rows, inputs, outputs));
                let mut out = vec![f32::NAN; rows * outputs];
                linear(&pool, &x, rows, &packed, &Epilogue::default(), &mut out);
                let what = format!("{isa} {rows} x {inputs} x {outputs}");
                // The rounding errors of a chain grow as a random walk does.
                let tolerance = 5e-7 * (inputs as f64).sqrt().max(4.0);
                assert_close(&out, &product, tolerance, &what);
                for activation in
                    [Activation::Identity, Activation::Relu, Activation::Silu, Activation::Tanh]
                {
                    let epilogue =
                        Epilogue { bias: Some(&bias), activation, residual: Some(&residual) };
                    linear(&pool, &x, rows, &packed, &epilogue, &mut out);
                    let expected: Vec<f64> = (0..rows * outputs)
                        .map(|i| {
                            let sum = product[i] + f64::from(bias[i % outputs]);
                            scalar(activation, sum) + f64::from(residual[i])
                        })
                        .collect();
                    assert_close(
                        &out,
                        &expected,
                        2.0 * tolerance,
                        &format!("{what} {activation:?}"),
                    );
                    let mut plain = vec![f32::NAN; rows * outputs];
                    linear_plain(&pool, &x, rows, (&w, outputs, inputs), &epilogue, &mut plain);
                    assert_close(
                        &plain,
                        &expected,
                        2.0 * tolerance,
                        &format!("plain {what} {activation:?}"),
                    );
                }
            }
        }
    }
}

#[test]
fn a_row_is_the_same_in_any_batch_and_on_any_threads() {
    for isa in Isa::supported() {
        let (inputs, outputs, rows) = (96, 200, 131);
        let (x, w) = (noise(rows * inputs, 5), noise(inputs * outputs, 6));
        let (bias, residual) = (noise(outputs, 7), noise(rows * outputs, 8));
        let packed = PackedMatrix::pack_for(isa, &w, outputs, inputs);
        let run = |pool: &Pool, from: usize, to: usize| {
            let epilogue = Epilogue {
                bias: Some(&bias),
                activation: Activation::Gelu,
                residual: Some(&residual[from * outputs..to * outputs]),
            };
            let mut out = vec![f32::NAN; (to - from) * outputs];
            linear(pool, &x[from * inputs..to * inputs], to - from, &packed, &epilogue, &mut out);
            out
        };
        let whole = run(&Pool::new(1), 0, rows);
        for threads in [1, 2, 3, 4, 8] {
            let pool = Pool::new(threads);
            assert!(same(&run(&pool, 0, rows), &whole), "{isa} on {threads} threads");
            for (from, to) in [(0, 1), (5, 7), (13, 27), (40, 71), (130, 131), (3, 131)] {
                let part = &whole[from * outputs..to * outputs];
                assert!(
                    same(&run(&pool, from, to), part),
                    "{isa} rows {from}..{to}, {threads} threads"
                );
            }
        }
    }
}

fn same(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

#[test]
fn nan_and_infinity_pass_through() {
    let pool = Pool::new(2);
    for isa in Isa::supported() {
        let (rows, inputs, outputs) = (5, 9, 35);
        let mut x = noise(rows * inputs, 1);
        let w = vec![1.0; inputs * outputs];
        x[inputs + 3] = f32::NAN;
        x[2 * inputs + 8] = f32::INFINITY;
        let packed = PackedMatrix::pack_for(isa, &w, outputs, inputs);
        for activation in [Activation::Identity, Activation::Relu] {
            let mut out = vec![0.0; rows * outputs];
            let epilogue = Epilogue { activation, ..Epilogue::default() };
            linear(&pool, &x, rows, &packed, &epilogue, &mut out);
            for (i, y) in out.iter().enumerate() {
                match i / outputs {
                    1 => assert!(y.is_nan(), "{isa} {activation:?}: {y}"),
                    2 => assert_eq!(*y, f32::INFINITY, "{isa} {activation:?}"),
                    _ => assert!(y.is_finite(), "{isa} {activation:?}: {y}"),
                }
            }
        }
    }
}

/// The network made of its two maps, each checked above.
fn by_maps(
    pool: &Pool,
    x: &[f32],
    rows: usize,
    n: &FeedForward<'_>,
    residual: Option<&[f32]>,
) -> Vec<f32> {
    let (inner, outputs) = (n.second.inputs(), n.second.outputs());
    let mut first = vec![f32::NAN; rows * n.first.outputs()];
    let activation = if n.gated { Activation::Identity } else { n.activation };
    let epilogue = Epilogue { bias: n.first_bias, activation, residual: None };
    linear(pool, x, rows, n.first, &epilogue, &mut first);
    if n.gated {
        let mut halves = Vec::new();
        for row in first.chunks(2 * inner) {
            // The activation by itself: a product with the unit matrix changes nothing.
            let (a, b) = row.split_at(inner);
            let unit: Vec<f32> =
                (0..inner * inner).map(|i| f32::from(i / inner == i % inner)).collect();
            let unit = PackedMatrix::pack_for(n.first.isa(), &unit, inner, inner);
            let epilogue = Epilogue { activation: n.activation, ..Epilogue::default() };
            let mut activated = vec![0.0; inner];
            linear(pool, a, 1, &unit, &epilogue, &mut activated);
            halves.extend(activated.iter().zip(b).map(|(a, b)| a * b));
        }
        first = halves;
    }
    let mut out = vec![f32::NAN; rows * outputs];
    let epilogue = Epilogue { bias: n.second_bias, residual, ..Epilogue::default() };
    linear(pool, &first, rows, n.second, &epilogue, &mut out);
    out
}

#[test]
fn feed_forward_equals_its_maps_to_the_bit() {
    for isa in Isa::supported() {
        for (hidden, inner, outputs, gated) in
            [(40, 75, 40, false), (40, 75, 33, true), (64, 96, 64, true)]
        {
            let halves = if gated { 2 } else { 1 };
            let (w1, w2) = (noise(halves * inner * hidden, 1), noise(outputs * inner, 2));
            let (b1, b2) = (noise(halves * inner, 3), noise(outputs, 4));
            let first = PackedMatrix::pack_for(isa, &w1, halves * inner, hidden);
            let second = PackedMatrix::pack_for(isa, &w2, outputs, inner);
            let network = FeedForward {
                first: &first,
                first_bias: Some(&b1),
                activation: Activation::Gelu,
                gated,
                second: &second,
                second_bias: Some(&b2),
            };
            for rows in [1, 2, 14, 15, 63, 700, 1500] {
                let (x, residual) = (noise(rows * hidden, 5), noise(rows * outputs, 6));
                let expected = by_maps(&Pool::new(1), &x, rows, &network, Some(&residual));
                for threads in [1, 2, 3, 8] {
                    let mut out = vec![f32::NAN; rows * outputs];
                    feed_forward(
                        &Pool::new(threads),
                        &x,
                        rows,
                        &network,
                        Some(&residual),
                        &mut out,
                    );
                    assert!(
                        same(&out, &expected),
                        "{isa}, {rows} rows, gated {gated}, {threads} threads"
                    );
                }
            }
        }
    }
}

#[test]
fn packing_together_or_alone_is_the_same() {
    let shapes = [(33, 7), (64, 384), (1, 1), (100, 16)];
    let weights: Vec<Vec<f32>> = shapes.iter().map(|&(o, i)| noise(o * i, o as u32)).collect();
    let all: Vec<_> = shapes.iter().zip(&weights).map(|(&(o, i), w)| (&w[..], o, i)).collect();
    let pool = Pool::new(3);
    for (packed, &(w, outputs, inputs)) in PackedMatrix::pack_all(&pool, &all).iter().zip(&all) {
        let alone = PackedMatrix::pack(w, outputs, inputs);
        let x = noise(3 * inputs, 9);
        let (mut a, mut b) = (vec![0.0; 3 * outputs], vec![1.0; 3 * outputs]);
        linear(&pool, &x, 3, packed, &Epilogue::default(), &mut a);
        linear(&pool, &x, 3, &alone, &Epilogue::default(), &mut b);
        assert!(same(&a, &b));
        assert_close(&a, &naive(&x, w, (3, inputs, outputs)), 2e-6, "packed together");
    }
}

#[test]
fn matmul_equals_its_twin_in_all_four_forms() {
    let transpose = |a: &[f32], rows: usize, columns: usize| -> Vec<f32> {
        (0..rows * columns).map(|i| a[(i % rows) * columns + i / rows]).collect()
    };
    for (m, k, n) in [
        (1, 1, 1),
        (5, 7, 3),
        (33, 40, 65),
        (200, 31, 300),
        (0, 3, 2),
        (2, 0, 3),
        (70, 1030, 40),
        (40, 1024, 33),
    ] {
        let (a, b, start) = (noise(m * k, 1), noise(k * n, 2), noise(m * n, 3));
        let expected = naive(&a, &transpose(&b, k, n), (m, k, n));
        for (a_turned, b_turned) in [(false, false), (false, true), (true, false), (true, true)] {
            let a = if a_turned { transpose(&a, m, k) } else { a.clone() };
            let b = if b_turned { transpose(&b, k, n) } else { b.clone() };
            let a = match a_turned {
                true => Operand::new(&a, m).transposed(),
                false => Operand::new(&a, k),
            };
            let b = match b_turned {
                true => Operand::new(&b, k).transposed(),
                false => Operand::new(&b, n),
            };
            for store in [Store::Over, Store::Add] {
                for isa in Isa::supported() {
                    let mut first: Option<Vec<f32>> = None;
                    for threads in [1, 2, 3, 8] {
                        let pool = Pool::new(threads);
                        let add = store == Store::Add;
                        let mut out = if add { start.clone() } else { vec![f32::NAN; m * n] };
                        let to = Output { values: &mut out, stride: n, store };
                        matmul_on(isa, &pool, (m, k, n), a, b, to);
                        let before = |i: usize| if add { f64::from(start[i]) } else { 0.0 };
                        let expected: Vec<f64> =
                            (0..m * n).map(|i| expected[i] + before(i)).collect();
                        let what = format!("{isa} {m} {k} {n} {a_turned} {b_turned}");
                        assert_close(&out, &expected, 1e-5, &what);
                        assert!(same(&out, first.get_or_insert_with(|| out.clone())));
                    }
                }
            }
        }
    }
}

#[test]
fn gradients_of_weight_and_bias_equal_their_twins() {
    for (rows, inputs, outputs) in
        [(1, 1, 1), (5, 7, 3), (33, 40, 65), (1100, 31, 130), (0, 3, 2), (64, 300, 15)]
    {
        let (dz, x) = (noise(rows * outputs, 1), noise(rows * inputs, 2));
        let (dw, db) = (noise(outputs * inputs, 3), noise(outputs, 4));
        let mut expected: [Vec<f64>; 2] =
            [&dw, &db].map(|start| start.iter().map(|v| f64::from(*v)).collect());
        for row in 0..rows {
            for o in 0..outputs {
                let dz = f64::from(dz[row * outputs + o]);
                expected[1][o] += dz;
                for i in 0..inputs {
                    expected[0][o * inputs + i] += dz * f64::from(x[row * inputs + i]);
                }
            }
        }
        for isa in Isa::supported() {
            let mut first: Option<(Vec<f32>, Vec<f32>)> = None;
            for threads in [1, 2, 3, 8] {
                let (mut dw, mut db) = (dw.clone(), db.clone());
                let (pool, shape) = (Pool::new(threads), (rows, inputs, outputs));
                let (dz, x) = (Operand::new(&dz, outputs), Operand::new(&x, inputs));
                weight_gradient_on(isa, &pool, shape, dz, x, (&mut dw, Store::Add), Some(&mut db));
                let what = format!("{isa} {rows} {inputs} {outputs}, {threads} threads");
                assert_close(&dw, &expected[0], 2e-5, &what);
                assert_close(&db, &expected[1], 2e-5, &what);
                let first = first.get_or_insert_with(|| (dw.clone(), db.clone()));
                assert!(same(&dw, &first.0) && same(&db, &first.1), "{what}");
            }
        }
    }
}

#[test]
#[should_panic(expected = "bias of a linear map [2, 3] -> [2, 4]: 4 values, found 5")]
fn a_wrong_length_is_named() {
    let packed = PackedMatrix::pack(&[0.0; 12], 4, 3);
    let epilogue = Epilogue { bias: Some(&[0.0; 5]), ..Epilogue::default() };
    linear(&Pool::new(1), &[0.0; 6], 2, &packed, &epilogue, &mut [0.0; 8]);
}
