//! Products of bytes against a twin in exact integers, on every set of instructions and over all tails;
//! the law that a row's result is the same to the bit in any company; and what extreme rows give.

use contexture_kernels::Pool;
use contexture_kernels::activation::Activation;
use contexture_kernels::gemm::Epilogue;
use contexture_kernels::isa::ByteIsa;
use contexture_kernels::quantised::{
    FeedForward, MOST, QuantisedMatrix, feed_forward, linear, quantise_rows,
};

fn noise(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..len).map(|_| next()).collect::<Vec<_>>().into_boxed_slice().into_vec()
}

/// A matrix in the form that tests compute with: bytes, scales, and columns left out of the bytes.
struct Matrix {
    bytes: Vec<i8>,
    scales: Vec<f32>,
    outputs: usize,
    inputs: usize,
    outliers: Vec<u32>,
    columns: Vec<f32>,
}

impl Matrix {
    fn new(outputs: usize, inputs: usize, outliers: &[u32], seed: u32) -> Self {
        let mut values = noise(outputs * inputs, seed);
        let mut columns = Vec::new();
        for column in outliers {
            for output in 0..outputs {
                columns.push(std::mem::take(&mut values[output * inputs + *column as usize]));
            }
        }
        let (bytes, scales) = quantise_rows(&values, outputs, inputs);
        Self { bytes, scales, outputs, inputs, outliers: outliers.to_vec(), columns }
    }

    fn packed(&self, set: ByteIsa) -> QuantisedMatrix {
        let Self { bytes, scales, outputs, inputs, .. } = self;
        QuantisedMatrix::pack_for(set, bytes, scales, *outputs, *inputs)
            .with_outliers(&self.outliers, &self.columns)
    }

    /// One output element: integers exactly, then the kernel's own chain of f32.
    fn element(&self, row: &Quantised, output: usize, bias: f32) -> f32 {
        let own = &self.bytes[output * self.inputs..][..self.inputs];
        let sum: i64 = row.bytes.iter().zip(own).map(|(q, v)| i64::from(*q) * i64::from(*v)).sum();
        let bytes: i64 = own.iter().map(|v| i64::from(*v)).sum();
        let scale = self.scales[output];
        let constant = row.offset.mul_add(bytes as f32 * scale, bias);
        let mut y = (sum as f32 * row.scale).mul_add(scale, constant);
        for (index, x) in row.outliers.iter().enumerate() {
            y = x.mul_add(self.columns[index * self.outputs + output], y);
        }
        y
    }
}

struct Quantised {
    bytes: Vec<u8>,
    scale: f32,
    offset: f32,
    outliers: Vec<f32>,
}

impl Quantised {
    fn of(row: &[f32], outliers: &[u32]) -> Self {
        let mut rest = row.to_vec();
        outliers.iter().for_each(|at| rest[*at as usize] = 0.0);
        let low = rest.iter().copied().fold(f32::INFINITY, f32::min);
        let high = rest.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let scale = (high - low) / 255.0;
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        let byte = |x: &f32| ((x - low) * inverse).round_ties_even() as u8;
        Self {
            bytes: rest.iter().map(byte).collect(),
            scale,
            offset: low,
            outliers: outliers.iter().map(|at| row[*at as usize]).collect(),
        }
    }
}

fn same(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

/// Equal to the bit on sets with a fused multiply-add; within its second rounding without.
fn assert_equal(set: ByteIsa, found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len());
    let tolerance = if set == ByteIsa::Plain { 1e-5 } else { 0.0 };
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs() / (1.0 + expected.abs());
        assert!(error <= tolerance, "{set} {what}, element {i}: {found} is not {expected}");
    }
}

#[test]
fn linear_equals_its_twin_over_all_tails() {
    let pool = Pool::new(2);
    let shapes = [(1, 1), (3, 31), (4, 33), (7, 12), (17, 5), (24, 64), (65, 97), (130, 40)];
    for set in ByteIsa::supported() {
        for (inputs, outputs) in shapes {
            let last = inputs as u32 - 1;
            let few = [last, last / 2];
            for outliers in [&few[..0], &few[..if last > 1 { 2 } else { 1 }]] {
                let matrix = Matrix::new(outputs, inputs, outliers, 2);
                let packed = matrix.packed(set);
                for rows in 1..=30 {
                    let (x, bias) = (noise(rows * inputs, 1), noise(outputs, 3));
                    let residual = noise(rows * outputs, 4);
                    let what = format!("{rows} x {inputs} x {outputs}, outliers {outliers:?}");
                    let quantised: Vec<_> =
                        x.chunks(inputs).map(|row| Quantised::of(row, outliers)).collect();
                    let twin = |bias: Option<&[f32]>| -> Vec<f32> {
                        let of = |(row, output): (&Quantised, usize)| {
                            matrix.element(row, output, bias.map_or(0.0, |bias| bias[output]))
                        };
                        let places =
                            quantised.iter().flat_map(|row| (0..outputs).map(move |c| (row, c)));
                        places.map(of).collect()
                    };
                    let mut out = vec![f32::NAN; rows * outputs];
                    linear(&pool, &x, rows, &packed, &Epilogue::default(), &mut out);
                    assert_equal(set, &out, &twin(None), &what);
                    let (bias, residual) = (Some(&bias[..]), Some(&residual[..]));
                    let epilogue = Epilogue { bias, activation: Activation::Relu, residual };
                    linear(&pool, &x, rows, &packed, &epilogue, &mut out);
                    let mut expected = twin(bias);
                    for (y, r) in expected.iter_mut().zip(residual.unwrap_or_default()) {
                        *y = y.max(0.0) + r;
                    }
                    assert_equal(set, &out, &expected, &format!("{what} with everything"));
                }
            }
        }
    }
}

#[test]
fn products_are_near_those_of_f32() {
    let (rows, inputs, outputs) = (9, 384, 70);
    let (x, w) = (noise(rows * inputs, 1), noise(inputs * outputs, 2));
    let (bytes, scales) = quantise_rows(&w, outputs, inputs);
    for set in ByteIsa::supported() {
        let packed = QuantisedMatrix::pack_for(set, &bytes, &scales, outputs, inputs);
        let mut out = vec![0.0; rows * outputs];
        linear(&Pool::new(1), &x, rows, &packed, &Epilogue::default(), &mut out);
        for (i, y) in out.iter().enumerate() {
            let (row, output) = (i / outputs, i % outputs);
            let pairs = x[row * inputs..][..inputs].iter().zip(&w[output * inputs..][..inputs]);
            let exact: f64 = pairs.map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
            // 384 errors of at most 1/510 and 1/254 of a step each, as a random walk: about 0.02.
            assert!((f64::from(*y) - exact).abs() < 0.08, "{set}: {y} is not {exact}");
        }
    }
}

/// The largest bytes that there are, all of one sign: an instruction that saturates would show.
#[test]
fn sums_of_extremes_are_exact() {
    let (inputs, outputs) = (4099, 35);
    for set in ByteIsa::supported() {
        for byte in [MOST, -MOST] {
            let bytes = vec![byte; outputs * inputs];
            let packed =
                QuantisedMatrix::pack_for(set, &bytes, &vec![1.0; outputs], outputs, inputs);
            // 0 and 255 exactly: scale 1, offset 0; zeros only where they make the range.
            let mut x = vec![255.0; 3 * inputs];
            x.chunks_mut(inputs).for_each(|row| row[7] = 0.0);
            let mut out = vec![0.0; 3 * outputs];
            linear(&Pool::new(1), &x, 3, &packed, &Epilogue::default(), &mut out);
            let expected = (inputs as i64 - 1) * 255 * i64::from(byte);
            assert!(out.iter().all(|y| *y == expected as f32), "{set}: {} {expected}", out[0]);
        }
    }
}

#[test]
fn equal_values_zeros_and_what_is_not_finite() {
    let (inputs, outputs) = (19, 37);
    for set in ByteIsa::supported() {
        for outliers in [&[][..], &[4, 18][..]] {
            let matrix = Matrix::new(outputs, inputs, outliers, 5);
            let packed = matrix.packed(set);
            let run = |x: &[f32]| {
                let mut out = vec![7.0; x.len() / inputs * outputs];
                let rows = x.len() / inputs;
                linear(&Pool::new(1), x, rows, &packed, &Epilogue::default(), &mut out);
                out
            };
            assert!(run(&vec![0.0; inputs]).iter().all(|y| *y == 0.0), "{set}");
            for equal in [3.5, -1e-30, 1e30] {
                let row = vec![equal; inputs];
                let expected: Vec<f32> = {
                    let row = Quantised::of(&row, outliers);
                    (0..outputs).map(|c| matrix.element(&row, c, 0.0)).collect()
                };
                assert_equal(set, &run(&row), &expected, &format!("{equal} everywhere"));
            }
            // A step too small for a reciprocal counts as none.
            let mut tiny = vec![0.0; inputs];
            tiny[3] = 1e-38;
            assert!(run(&tiny).iter().all(|y| y.abs() < 1e-36), "{set}");
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                for at in 0..inputs {
                    let mut x = noise(3 * inputs, 6);
                    x[inputs + at] = bad;
                    let out = run(&x);
                    for (row, y) in out.chunks(outputs).enumerate() {
                        let finite = y.iter().any(|y| y.is_finite());
                        assert_eq!(finite, row != 1, "{set}: row {row}, {bad} at {at}: {y:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn no_rows_and_no_inputs() {
    for set in ByteIsa::supported() {
        let packed = QuantisedMatrix::pack_for(set, &[], &[1.0; 3], 3, 0);
        let bias = [1.0, 2.0, 3.0];
        let epilogue = Epilogue { bias: Some(&bias), ..Epilogue::default() };
        let mut out = [0.0; 6];
        linear(&Pool::new(2), &[], 2, &packed, &epilogue, &mut out);
        assert_eq!(out, [1.0, 2.0, 3.0, 1.0, 2.0, 3.0], "{set}");
        linear(&Pool::new(2), &[], 0, &packed, &epilogue, &mut []);
    }
}

#[test]
fn a_row_is_the_same_in_any_batch_and_on_any_threads() {
    let (inputs, outputs, rows) = (96, 200, 131);
    let mut of_sets: Vec<Vec<f32>> = Vec::new();
    for set in ByteIsa::supported() {
        let packed = Matrix::new(outputs, inputs, &[9, 50], 6).packed(set);
        let (x, bias, residual) =
            (noise(rows * inputs, 5), noise(outputs, 7), noise(rows * outputs, 8));
        let run = |pool: &Pool, from: usize, to: usize| {
            let residual = Some(&residual[from * outputs..to * outputs]);
            let epilogue =
                Epilogue { bias: Some(&bias), activation: Activation::Identity, residual };
            let mut out = vec![f32::NAN; (to - from) * outputs];
            linear(pool, &x[from * inputs..to * inputs], to - from, &packed, &epilogue, &mut out);
            out
        };
        let whole = run(&Pool::new(1), 0, rows);
        for threads in [1, 2, 3, 4, 8] {
            let pool = Pool::new(threads);
            assert!(same(&run(&pool, 0, rows), &whole), "{set} on {threads} threads");
            for (from, to) in [(0, 1), (5, 7), (13, 27), (40, 71), (130, 131), (3, 131)] {
                let part = &whole[from * outputs..to * outputs];
                let found = run(&pool, from, to);
                assert!(same(&found, part), "{set} rows {from}..{to}, {threads} threads");
            }
        }
        if set != ByteIsa::Plain {
            of_sets.push(whole);
        }
    }
    // Sums are exact and the rest is one order of fused operations: the sets agree.
    assert!(of_sets.windows(2).all(|pair| same(&pair[0], &pair[1])));
}

/// The network made of its two maps, each checked above.
fn by_maps(x: &[f32], rows: usize, n: &FeedForward<'_>, residual: &[f32]) -> Vec<f32> {
    let pool = Pool::new(1);
    let mut inner = vec![f32::NAN; rows * n.first.outputs()];
    let epilogue = Epilogue { bias: n.first_bias, activation: n.activation, residual: None };
    linear(&pool, x, rows, n.first, &epilogue, &mut inner);
    let mut out = vec![f32::NAN; residual.len()];
    let residual = Some(residual);
    let epilogue = Epilogue { bias: n.second_bias, residual, ..Epilogue::default() };
    linear(&pool, &inner, rows, n.second, &epilogue, &mut out);
    out
}

#[test]
fn feed_forward_equals_its_maps_to_the_bit() {
    for set in ByteIsa::supported() {
        for (hidden, inner, outputs) in [(40, 75, 40), (64, 96, 33)] {
            let first = Matrix::new(inner, hidden, &[3], 1).packed(set);
            let second = Matrix::new(outputs, inner, &[0, 70], 2).packed(set);
            let (b1, b2) = (noise(inner, 3), noise(outputs, 4));
            let network = FeedForward {
                first: &first,
                first_bias: Some(&b1),
                activation: Activation::Silu,
                gated: false,
                second: &second,
                second_bias: Some(&b2),
            };
            for rows in [1, 2, 14, 15, 63, 700] {
                let (x, residual) = (noise(rows * hidden, 5), noise(rows * outputs, 6));
                let expected = by_maps(&x, rows, &network, &residual);
                for threads in [1, 2, 3, 8] {
                    let mut out = vec![f32::NAN; rows * outputs];
                    let pool = Pool::new(threads);
                    feed_forward(&pool, &x, rows, &network, Some(&residual), &mut out);
                    assert!(same(&out, &expected), "{set}, {rows} rows, {threads} threads");
                }
            }
        }
    }
}

/// Inner values become bytes at once: their GELU is coarser, and hardly any byte is another one.
#[test]
fn a_network_with_gelu_is_the_same_on_any_threads_and_near_its_maps() {
    let (hidden, inner) = (64, 300);
    for set in ByteIsa::supported() {
        let first = Matrix::new(inner, hidden, &[3], 1).packed(set);
        let second = Matrix::new(hidden, inner, &[0, 70], 2).packed(set);
        let network = FeedForward {
            first: &first,
            first_bias: None,
            activation: Activation::Gelu,
            gated: false,
            second: &second,
            second_bias: None,
        };
        for rows in [1, 15, 200] {
            let (x, zeros) = (noise(rows * hidden, 5), vec![0.0; rows * hidden]);
            let near = by_maps(&x, rows, &network, &zeros);
            let mut one = vec![f32::NAN; rows * hidden];
            feed_forward(&Pool::new(1), &x, rows, &network, None, &mut one);
            for threads in [2, 3, 8] {
                let mut out = vec![f32::NAN; rows * hidden];
                feed_forward(&Pool::new(threads), &x, rows, &network, None, &mut out);
                assert!(same(&out, &one), "{set}, {rows} rows, {threads} threads");
            }
            for (found, expected) in one.iter().zip(&near) {
                assert!((found - expected).abs() < 0.02, "{set}: {found} is not {expected}");
            }
        }
    }
}

#[test]
fn a_gated_network_multiplies_its_halves() {
    let (hidden, inner, rows) = (24, 40, 9);
    for set in ByteIsa::supported() {
        let first = Matrix::new(2 * inner, hidden, &[], 1).packed(set);
        let second = Matrix::new(hidden, inner, &[], 2).packed(set);
        let x = noise(rows * hidden, 5);
        let mut halves = vec![0.0; rows * 2 * inner];
        linear(&Pool::new(1), &x, rows, &first, &Epilogue::default(), &mut halves);
        let gate = |row: &[f32]| -> Vec<f32> {
            (0..inner).map(|i| row[i].max(0.0) * row[inner + i]).collect()
        };
        let gated: Vec<f32> = halves.chunks(2 * inner).flat_map(gate).collect();
        let mut expected = vec![0.0; rows * hidden];
        linear(&Pool::new(1), &gated, rows, &second, &Epilogue::default(), &mut expected);
        let network = FeedForward {
            first: &first,
            first_bias: None,
            activation: Activation::Relu,
            gated: true,
            second: &second,
            second_bias: None,
        };
        for threads in [1, 2] {
            let mut out = vec![f32::NAN; rows * hidden];
            feed_forward(&Pool::new(threads), &x, rows, &network, None, &mut out);
            assert!(same(&out, &expected), "{set} on {threads} threads");
        }
    }
}

#[test]
#[should_panic(expected = "-128")]
fn a_byte_beyond_the_range_is_refused() {
    QuantisedMatrix::pack(&[-128, 0], &[1.0], 1, 2);
}
