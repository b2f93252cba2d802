//! Functions of one value and of rows, against f64 twins on every instruction set.

use contexture_kernels::activation::{Activation, exp, exp2_nonpositive, gelu_coarse};
use contexture_kernels::isa::{Isa, Kernel, Simd, dispatch_on};
use contexture_kernels::lookup::lookup_backward;
use contexture_kernels::norm::{Norm, layer_norm_backward, layer_norm_on};
use contexture_kernels::pointwise::normalize;
use contexture_kernels::pooling::{Pooling, pool_rows};
use contexture_kernels::rotary::{Rotation, Turn, rotate_on};
use contexture_kernels::softmax::{Smoothed, cross_entropy_on, softmax_on};
use contexture_kernels::{Pool, pooling};

fn noise(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        })
        .collect()
}

/// Which function to map over values.
#[derive(Clone, Copy, Debug)]
enum Function {
    Exp,
    Exp2,
    Value(Activation),
    Slope(Activation),
    CoarseGelu,
}

struct MapOver<'a>(Function, &'a mut [f32]);

impl Kernel for MapOver<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for part in self.1.chunks_mut(S::LANES) {
            let x = s.load_tail(part);
            let y = match self.0 {
                Function::Exp => exp(s, x),
                Function::Exp2 => exp2_nonpositive(s, x),
                Function::Value(activation) => activation.apply(s, x),
                Function::Slope(activation) => activation.slope(s, x),
                Function::CoarseGelu => gelu_coarse(s, x),
            };
            s.store_tail(y, part);
        }
    }
}

fn map(isa: Isa, function: Function, x: &[f32]) -> Vec<f32> {
    let mut y = x.to_vec();
    dispatch_on(isa, MapOver(function, &mut y));
    y
}

/// Every 1009th f32 there is: all signs, sizes and denormals, no NaN.
fn all_sizes() -> Vec<f32> {
    (0..u32::MAX).step_by(1009).map(f32::from_bits).filter(|x| !x.is_nan()).collect()
}

/// Distance in units of the last place of `expected`.
fn ulps(found: f32, expected: f64) -> f64 {
    let nearest = expected as f32;
    if found == nearest {
        return 0.0;
    }
    let unit = f64::from(f32::from_bits((nearest.abs().to_bits()).saturating_add(1)))
        - f64::from(nearest.abs());
    (f64::from(found) - expected).abs() / unit.max(1e-45)
}

#[test]
fn exponentials_are_within_two_ulps() {
    let x = all_sizes();
    for isa in Isa::supported() {
        // Without a fused multiply-add, rounding twice costs a little.
        let bound = if isa == Isa::Plain { 2.5 } else { 2.0 };
        let mut worst = 0.0f64;
        for (x, y) in x.iter().zip(map(isa, Function::Exp, &x)) {
            let expected = f64::from(*x).exp();
            if expected < 2.4e-38 {
                assert!((f64::from(y) - expected).abs() < 2.4e-38, "exp({x}) = {y}");
            } else if expected > f64::from(f32::MAX) {
                assert!(y == f32::INFINITY || y > 3.402e38, "exp({x}) = {y}");
            } else {
                worst = worst.max(ulps(y, expected));
            }
        }
        println!("{isa}: exp {worst:.2} ULP");
        assert!(worst <= bound, "{isa}: {worst}");
        worst = 0.0;
        for (x, y) in x.iter().zip(map(isa, Function::Exp2, &x)).filter(|(x, _)| **x <= 0.0) {
            match f64::from(*x).exp2() {
                expected if *x >= -126.0 => worst = worst.max(ulps(y, expected)),
                _ => assert_eq!(y, f32::MIN_POSITIVE, "2^{x}"),
            }
        }
        println!("{isa}: exp2 {worst:.2} ULP");
        assert!(worst <= bound, "{isa}: {worst}");
        let edges = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, 88.8, -104.0];
        let y = map(isa, Function::Exp, &edges);
        assert!(y[0].is_nan() && y[1..] == [f32::INFINITY, 0.0, 1.0, 1.0, f32::INFINITY, 0.0]);
        assert!(map(isa, Function::Exp2, &[f32::NAN])[0].is_nan());
    }
}

/// `erf` to 1e-16: its series near 0, its continued fraction elsewhere.
fn erfc(x: f64) -> f64 {
    let a = x.abs();
    let tail = if a < 2.5 {
        let (mut term, mut sum) = (a, a);
        for n in 1..80 {
            term *= -a * a / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        1.0 - sum * 2.0 / std::f64::consts::PI.sqrt()
    } else {
        let fraction = (1..=80).rev().fold(0.0, |rest, n| f64::from(n) / 2.0 / (a + rest));
        (-a * a).exp() / (std::f64::consts::PI.sqrt() * (a + fraction))
    };
    if x < 0.0 { 2.0 - tail } else { tail }
}

fn expected(activation: Activation, x: f64) -> f64 {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    match activation {
        Activation::Identity => x,
        Activation::Relu => x.max(0.0),
        Activation::Gelu => x * 0.5 * erfc(-x / 2f64.sqrt()),
        Activation::GeluTanh => {
            x * sigmoid((8.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x))
        }
        Activation::Silu => x * sigmoid(x),
        Activation::Tanh => x.tanh(),
        Activation::Sigmoid => sigmoid(x),
    }
}

#[test]
fn activations_are_exact_over_the_whole_range() {
    let mut x = all_sizes();
    x.retain(|x| x.is_finite());
    x.extend((-200_000..200_000).map(|i| i as f32 * 1e-4));
    for isa in Isa::supported() {
        for activation in Activation::ALL {
            let (mut absolute, mut relative) = (0.0f64, 0.0f64);
            for (x, y) in x.iter().zip(map(isa, Function::Value(activation), &x)) {
                assert!(!y.is_nan(), "{activation:?}({x})");
                let expected = expected(activation, f64::from(*x));
                let error = (f64::from(y) - expected).abs();
                absolute = absolute.max(error / expected.abs().max(1.0));
                relative = relative.max(if error < 1e-37 { 0.0 } else { error / expected.abs() });
            }
            println!("{isa} {activation:?}: {absolute:.1e} absolute, {relative:.1e} relative");
            if activation == Activation::Tanh {
                assert!(relative < 4.5e-7, "{isa} {activation:?}: {relative}");
            } else {
                assert!(absolute < 2.5e-7, "{isa} {activation:?}: {absolute}");
            }
        }
    }
}

#[test]
fn the_gelu_of_bytes_is_near_the_exact_one() {
    let x: Vec<f32> = (-100_000..100_000).map(|i| i as f32 * 1e-4).collect();
    for isa in Isa::supported() {
        let y = map(isa, Function::CoarseGelu, &x);
        let error = |(x, y): (&f32, &f32)| {
            (f64::from(*y) - expected(Activation::Gelu, f64::from(*x))).abs()
        };
        let worst = x.iter().zip(&y).map(error).fold(0.0, f64::max);
        println!("{isa}: {worst:.1e}");
        assert!(worst < 2e-5, "{isa}: {worst}");
        let ends = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, 0.0];
        let y = map(isa, Function::CoarseGelu, &ends);
        assert!(y[0].is_nan() && y[1] == f32::INFINITY && y[2].abs() < 2e-5, "{isa} {y:?}");
        assert!(y[3] == f32::MAX && y[4] == 0.0, "{isa} {y:?}");
    }
}

#[test]
fn activations_at_the_ends_are_their_limits() {
    let ends = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 0.0];
    for isa in Isa::supported() {
        for activation in Activation::ALL {
            let y = map(isa, Function::Value(activation), &ends);
            assert!(y[0].is_nan(), "{isa} {activation:?}");
            let (top, bottom) = match activation {
                Activation::Identity => continue,
                Activation::Tanh => (1.0, -1.0),
                Activation::Sigmoid => (1.0, 0.0),
                _ => (f32::INFINITY, 0.0),
            };
            assert!(y[1] == top && (y[2] - bottom).abs() < 1e-9, "{isa} {activation:?} {y:?}");
            assert!(y[3] == top.min(f32::MAX) && (y[4] - bottom).abs() < 1e-9, "{isa} {y:?}");
            let slope = map(isa, Function::Slope(activation), &ends);
            assert!(slope[1..].iter().all(|x| x.is_finite()), "{isa} {activation:?} {slope:?}");
        }
    }
}

#[test]
fn slopes_are_those_of_the_functions() {
    let x: Vec<f32> = (-1200..1200).map(|i| i as f32 * 0.01 + 0.003).collect();
    for isa in Isa::supported() {
        for activation in Activation::ALL {
            for (x, slope) in x.iter().zip(map(isa, Function::Slope(activation), &x)) {
                let at = |h: f64| expected(activation, f64::from(*x) + h);
                let numeric = (at(1e-4) - at(-1e-4)) / 2e-4;
                let error = (f64::from(slope) - numeric).abs();
                assert!(error < 2e-6, "{isa} {activation:?} at {x}: {slope} against {numeric}");
            }
        }
    }
}

#[test]
fn norms_equal_their_twin_for_all_widths() {
    for isa in Isa::supported() {
        for width in (1..=100).chain([384, 768, 1023]) {
            let x: Vec<f32> = noise(5 * width, width as u64).iter().map(|x| x + 3.0).collect();
            let (weight, bias) = (noise(width, 1), noise(width, 2));
            let bias = (width % 3 != 0).then_some(&bias[..]);
            let norm = Norm { weight: &weight, bias, epsilon: 1e-5, centred: true };
            let mut out = vec![f32::NAN; x.len()];
            layer_norm_on(isa, &Pool::new(1), &norm, &x, &mut out);
            for (x, out) in x.chunks(width).zip(out.chunks(width)) {
                let n = width as f64;
                let mean = x.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
                let variance = x.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / n;
                for (k, found) in out.iter().enumerate() {
                    let normed = (f64::from(x[k]) - mean) / (variance + 1e-5).sqrt();
                    let bias = bias.map_or(0.0, |bias| f64::from(bias[k]));
                    let expected = normed * f64::from(weight[k]) + bias;
                    assert!((f64::from(*found) - expected).abs() < 4e-6, "{isa} {width}");
                }
            }
        }
    }
}

#[test]
fn softmax_equals_its_twin_for_all_widths() {
    for isa in Isa::supported() {
        for width in 1..=80 {
            let mut x: Vec<f32> = noise(4 * width, width as u64).iter().map(|x| x * 9.0).collect();
            x[..width].fill(f32::NEG_INFINITY);
            let input = x.clone();
            softmax_on(isa, &Pool::new(1), width, &mut x);
            assert!(x[..width].iter().all(|p| *p == 0.0));
            for (input, p) in input.chunks(width).zip(x.chunks(width)).skip(1) {
                let sum: f64 = input.iter().map(|x| f64::from(*x).exp()).sum();
                for (input, p) in input.iter().zip(p) {
                    let expected = f64::from(*input).exp() / sum;
                    assert!((f64::from(*p) - expected).abs() < 5e-7 + 2e-6 * expected, "{isa}");
                }
            }
        }
    }
}

#[test]
fn rotations_turn_by_place_and_back() {
    let offsets = [0, 3, 3, 90];
    for isa in Isa::supported() {
        for (head_width, rotary_width) in [(4, 4), (8, 6), (64, 64), (36, 34)] {
            for interleaved in [false, true] {
                let rotation = Rotation {
                    heads: 2,
                    head_width,
                    rotary_width,
                    base: 10000.0,
                    interleaved,
                    first: 0,
                };
                let width = 6 * head_width;
                let x = noise(90 * width, 3);
                let (mut y, mut back) = (vec![0.0; x.len()], vec![0.0; x.len()]);
                let pool = Pool::new(2);
                rotate_on(isa, &pool, &rotation, Turn::Forward, &offsets, &x, &mut y);
                rotate_on(isa, &pool, &rotation, Turn::Back, &offsets, &y, &mut back);
                assert!(x.iter().zip(&back).all(|(x, y)| (x - y).abs() < 1e-6), "{rotation:?}");
                for row in 0..90 {
                    let place = if row < 3 { row } else { row - 3 };
                    for column in 0..width {
                        let k = column % head_width;
                        let half = rotary_width / 2;
                        let at = |k: usize| {
                            f64::from(x[row * width + column / head_width * head_width + k])
                        };
                        let expected = if column >= 4 * head_width || k >= rotary_width {
                            at(k)
                        } else {
                            let (pair, first, second) = if interleaved {
                                (k / 2, k - k % 2, k - k % 2 + 1)
                            } else {
                                (k % half, k % half, k % half + half)
                            };
                            let power = -2.0 * pair as f64 / rotary_width as f64;
                            let angle = place as f64 * 10000f64.powf(power);
                            let (a, b) = (at(first), at(second));
                            if k == first {
                                a * angle.cos() - b * angle.sin()
                            } else {
                                b * angle.cos() + a * angle.sin()
                            }
                        };
                        let error = (f64::from(y[row * width + column]) - expected).abs();
                        assert!(error < 2e-5, "{isa} {rotation:?} {row} {column}: {error}");
                    }
                }
            }
        }
    }
}

#[test]
fn poolings_equal_their_twins() {
    let offsets = [0, 4, 4, 5, 205];
    let skips = [vec![], vec![2, 0, 5, 10]];
    for width in [1, 15, 16, 33, 384] {
        let x = noise(205 * width, width as u64);
        for (skip, column) in skips.iter().flat_map(|s| [(s, 0), (s, width - 1)]) {
            for pooling in [
                Pooling::Cls,
                Pooling::Max,
                Pooling::Mean,
                Pooling::MeanSqrtLength,
                Pooling::WeightedMean,
                Pooling::Last,
            ] {
                let mut out = vec![f32::NAN; 4 * width];
                pool_rows(&Pool::new(2), pooling, width, &offsets, skip, &x, &mut out);
                for sequence in 0..4 {
                    let (begin, end) = (offsets[sequence], offsets[sequence + 1]);
                    let from = (begin + skip.get(sequence).unwrap_or(&0)).min(end);
                    let at = |row: usize| f64::from(x[row * width + column]);
                    let values = || (from..end).map(at);
                    let n = (end - from) as f64;
                    let weights = || (from..end).map(|row| (row - begin + 1) as f64);
                    let expected = match pooling {
                        _ if begin == end => 0.0,
                        Pooling::Cls => at(begin),
                        Pooling::Last => at(end - 1),
                        _ if from == end => 0.0,
                        Pooling::Max => values().fold(f64::NEG_INFINITY, f64::max),
                        Pooling::Mean => values().sum::<f64>() / n,
                        Pooling::MeanSqrtLength => values().sum::<f64>() / n.sqrt(),
                        Pooling::WeightedMean => {
                            values().zip(weights()).map(|(x, w)| x * w).sum::<f64>()
                                / weights().sum::<f64>()
                        }
                    };
                    let found = f64::from(out[sequence * width + column]);
                    assert!((found - expected).abs() < 1e-6, "{pooling:?} {sequence} {width}");
                }
            }
        }
    }
}

#[test]
fn unit_length_is_guarded() {
    let x = [3.0, 4.0, 0.0, 0.0, 1e-20, 0.0];
    let mut y = [9.0; 6];
    normalize(&Pool::new(1), 2, 1e-12, &x, &mut y);
    assert_eq!(y[..4], [0.6, 0.8, 0.0, 0.0]);
    assert!(y[4] < 1e-7);
}

#[test]
fn sums_do_not_depend_on_threads() {
    let (rows, width) = (1000, 100);
    let (x, gradient, weight) = (noise(rows * width, 1), noise(rows * width, 2), noise(width, 3));
    let ids: Vec<u32> = (0..rows as u32).map(|i| i * i % 17).collect();
    let run = |threads: usize| {
        let pool = Pool::new(threads);
        let norm = Norm { weight: &weight, bias: None, epsilon: 1e-5, centred: true };
        let (mut dx, mut dw, mut db) = (vec![0.0; x.len()], vec![0.0; width], vec![0.0; width]);
        layer_norm_backward(&pool, &norm, &x, &gradient, &mut dx, &mut dw, Some(&mut db));
        let mut table = vec![0.0; 17 * width];
        lookup_backward(&pool, width, &gradient, &ids, &mut table);
        let mut pooled = vec![0.0; 2 * width];
        let offsets = [0, 300, rows];
        pool_rows(&pool, pooling::Pooling::Mean, width, &offsets, &[], &x, &mut pooled);
        (dx, dw, db, table, pooled)
    };
    let first = run(1);
    for threads in [2, 3, 4, 8] {
        assert!(run(threads) == first, "{threads} threads");
    }
}

#[test]
fn cross_entropy_equals_its_twin_on_every_instruction_set() {
    for (rows, classes, stride) in [(1, 1, 1), (3, 17, 17), (5, 40, 64), (70, 1000, 1016)] {
        let logits: Vec<f32> = (0..rows * stride).map(|i| 9.0 * (i as f32 * 0.7).sin()).collect();
        let targets: Vec<u32> = (0..rows).map(|row| (row * 31 % classes) as u32).collect();
        for (smoothing, seed) in [(0.0, None), (0.1, Some(0.25f32))] {
            for isa in Isa::supported() {
                let smoothed = Smoothed { classes, stride, targets: &targets, smoothing, seed };
                let (mut z, mut losses) = (logits.clone(), vec![f32::NAN; rows]);
                cross_entropy_on(isa, &Pool::new(2), &smoothed, &mut z, &mut losses);
                for row in 0..rows {
                    let own = &logits[row * stride..][..classes];
                    let most = own.iter().fold(f64::MIN, |most, z| most.max(f64::from(*z)));
                    let p = |c: usize| (f64::from(own[c]) - most).exp();
                    let sum: f64 = (0..classes).map(p).sum();
                    let e = f64::from(smoothing);
                    let hit = |c: usize| if c == targets[row] as usize { 1.0 - e } else { 0.0 };
                    let q = |c: usize| e / classes as f64 + hit(c);
                    let likelihood = |c: usize| f64::from(own[c]) - most - sum.ln();
                    let loss: f64 = (0..classes).map(|c| -q(c) * likelihood(c)).sum();
                    let found = f64::from(losses[row]);
                    assert!((found - loss).abs() < 1e-5 * (1.0 + loss), "{found} is not {loss}");
                    for (c, found) in z[row * stride..][..classes].iter().enumerate() {
                        let dz = seed.map(|seed| f64::from(seed) * (p(c) / sum - q(c)));
                        let expected = dz.unwrap_or(f64::from(own[c]));
                        assert!((f64::from(*found) - expected).abs() < 1e-6, "{isa} {row} {c}");
                    }
                    let beyond = row * stride + classes..(row + 1) * stride;
                    assert_eq!(z[beyond.clone()], logits[beyond], "padding is left alone");
                }
            }
        }
    }
}
