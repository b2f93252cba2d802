//! Attention against a naive f64 twin, on every instruction set, and its laws: a sequence's result
//! depends on nothing but itself, bitwise.

use contexture_kernels::attention::{
    AttentionShape, Reach, ToeplitzBias, attend, attend_backward, attend_on, attention_map,
};
use contexture_kernels::{Pool, isa::Isa};

fn noise(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        })
        .collect()
}

fn offsets(lengths: &[usize]) -> Vec<usize> {
    let mut offsets = vec![0];
    for length in lengths {
        offsets.push(offsets[offsets.len() - 1] + length);
    }
    offsets
}

fn shape<'a>(
    (heads, head_width): (usize, usize),
    reach: Reach,
    bias: Option<ToeplitzBias<'a>>,
    offsets: &'a [usize],
) -> AttentionShape<'a> {
    AttentionShape {
        heads,
        head_width,
        scale: 1.7 / (head_width as f32).sqrt(),
        reach,
        bias,
        offsets,
    }
}

/// The equation, in f64, score by score.
fn naive(shape: &AttentionShape<'_>, qkv: &[f32]) -> Vec<f64> {
    let (width, hidden) = (shape.head_width, shape.heads * shape.head_width);
    let at = |row: usize, part: usize, column: usize| {
        f64::from(qkv[row * 3 * hidden + part * hidden + column])
    };
    let mut out = vec![0.0; qkv.len() / 3];
    for pair in shape.offsets.windows(2) {
        let length = pair[1] - pair[0];
        for head in 0..shape.heads {
            for i in 0..length {
                let keys: Vec<usize> = (0..length)
                    .filter(|&j| {
                        j + shape.reach.back.min(length) >= i
                            && j <= i + shape.reach.ahead.min(length)
                    })
                    .collect();
                let scores: Vec<f64> = keys
                    .iter()
                    .map(|&j| {
                        let dot: f64 = (0..width)
                            .map(|k| {
                                let column = head * width + k;
                                at(pair[0] + i, 0, column) * at(pair[0] + j, 1, column)
                            })
                            .sum();
                        let bias = shape.bias.map_or(0.0, |bias| {
                            let place = j + bias.span - 1 - i;
                            f64::from(bias.table[head * (2 * bias.span - 1) + place])
                        });
                        f64::from(shape.scale) * dot + bias
                    })
                    .collect();
                let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let powers: Vec<f64> = scores.iter().map(|score| (score - most).exp()).collect();
                let sum: f64 = powers.iter().sum();
                for k in 0..width {
                    let column = head * width + k;
                    let mix: f64 = keys
                        .iter()
                        .zip(&powers)
                        .map(|(&j, p)| p * at(pair[0] + j, 2, column))
                        .sum();
                    out[(pair[0] + i) * hidden + column] = mix / sum;
                }
            }
        }
    }
    out
}

fn compare(isa: Isa, shape: &AttentionShape<'_>, seed: u64) {
    let hidden = shape.heads * shape.head_width;
    let rows = *shape.offsets.last().unwrap();
    let qkv = noise(rows * 3 * hidden, seed);
    let expected = naive(shape, &qkv);
    let mut out = vec![f32::NAN; rows * hidden];
    attend_on(isa, &Pool::new(1), shape, &qkv, &mut out);
    for (index, (found, expected)) in out.iter().zip(&expected).enumerate() {
        let error = (f64::from(*found) - expected).abs();
        assert!(error < 2e-6, "{isa} {shape:?} value {index}: {found} against {expected}");
    }
}

#[test]
fn every_length_and_width_equals_the_naive_twin() {
    for isa in Isa::supported() {
        for length in (0..=70).chain([127, 128, 129, 200]) {
            let lengths = [length, 3];
            let offsets = offsets(&lengths);
            compare(isa, &shape((2, 32), Reach::ALL, None, &offsets), length as u64);
            compare(isa, &shape((1, 16), Reach::ALL, None, &offsets), length as u64);
        }
        for head_width in (1..=70).chain([80, 96, 127, 128, 192, 256]) {
            let offsets = offsets(&[1, 17, 0, 40]);
            compare(isa, &shape((2, head_width), Reach::ALL, None, &offsets), head_width as u64);
        }
    }
}

#[test]
fn every_reach_and_bias_equals_the_naive_twin() {
    let lengths = [1, 2, 15, 33, 100, 64];
    let offsets = offsets(&lengths);
    let span = 103;
    let table = noise(3 * (2 * span - 1), 5);
    let bias = Some(ToeplitzBias { table: &table, span });
    for isa in Isa::supported() {
        for back in [0, 1, 5, 16, 40, usize::MAX] {
            for ahead in [0, 1, 5, 16, 40, usize::MAX] {
                let reach = Reach { back, ahead };
                compare(isa, &shape((3, 8), reach, bias, &offsets), 7);
                compare(isa, &shape((3, 20), reach, None, &offsets), 9);
            }
        }
    }
}

#[test]
fn a_batch_is_its_sequences_bitwise_on_any_number_of_threads() {
    let lengths = [5, 130, 0, 1, 16, 700, 33, 2, 64, 15];
    let offsets_all = offsets(&lengths);
    let (heads, width) = (3, 32);
    let hidden = heads * width;
    let qkv = noise(offsets_all[lengths.len()] * 3 * hidden, 3);
    for reach in [Reach::ALL, Reach::window(20), Reach::CAUSAL] {
        let all = shape((heads, width), reach, None, &offsets_all);
        let mut first = vec![0.0; qkv.len() / 3];
        attend(&Pool::new(1), &all, &qkv, &mut first);
        for threads in [2, 3, 4, 8] {
            let mut out = vec![0.0; first.len()];
            attend(&Pool::new(threads), &all, &qkv, &mut out);
            assert!(out == first, "{threads} threads, {reach:?}");
        }
        for (index, length) in lengths.iter().enumerate() {
            let rows = offsets_all[index]..offsets_all[index + 1];
            let alone = [0, *length];
            let one = shape((heads, width), reach, None, &alone);
            let mut out = vec![0.0; length * hidden];
            let qkv = &qkv[rows.start * 3 * hidden..rows.end * 3 * hidden];
            attend(&Pool::new(2), &one, qkv, &mut out);
            assert!(out == first[rows.start * hidden..rows.end * hidden], "{length}, {reach:?}");
        }
    }
}

#[test]
fn what_is_not_seen_has_no_influence_not_even_if_it_is_not_a_number() {
    let (heads, width, hidden) = (2, 16, 32);
    let offsets = [0, 40, 47];
    let qkv = noise(47 * 3 * hidden, 11);
    let mut spoilt = qkv.clone();
    // The last sequence, and the first one's last key and value.
    spoilt[40 * 3 * hidden..].fill(f32::NAN);
    spoilt[39 * 3 * hidden..40 * 3 * hidden].fill(1e30);
    let causal = shape((heads, width), Reach::CAUSAL, None, &offsets);
    let mut outs = [vec![0.0; 47 * hidden], vec![0.0; 47 * hidden]];
    attend(&Pool::new(1), &causal, &qkv, &mut outs[0]);
    attend(&Pool::new(1), &causal, &spoilt, &mut outs[1]);
    assert!(outs[0][..39 * hidden] == outs[1][..39 * hidden]);
    assert!(outs[1][40 * hidden..].iter().all(|x| x.is_nan()));
}

#[test]
fn extremes_are_defined() {
    let (width, offsets) = (8, [0, 20]);
    // Scores of +-1e8: a softmax that picks one key.
    let mut qkv = vec![0.0; 20 * 24];
    for row in 0..20 {
        qkv[row * 24] = 1e4;
        qkv[row * 24 + 8] = 1e4 * row as f32;
        qkv[row * 24 + 16] = row as f32;
    }
    let mut out = vec![f32::NAN; 20 * width];
    attend(&Pool::new(1), &shape((1, width), Reach::ALL, None, &offsets), &qkv, &mut out);
    assert!(out.chunks(width).all(|row| row[0] == 19.0 && row[1] == 0.0), "{out:?}");
    // A bias that hides every key: zeros.
    let table = vec![f32::NEG_INFINITY; 39];
    let bias = Some(ToeplitzBias { table: &table, span: 20 });
    attend(&Pool::new(1), &shape((1, width), Reach::ALL, bias, &offsets), &qkv, &mut out);
    assert!(out.iter().all(|x| *x == 0.0), "{out:?}");
}

#[test]
fn maps_are_the_probabilities() {
    let offsets = offsets(&[4, 37]);
    let shape = shape((2, 4), Reach::window(9), None, &offsets);
    let qkv = noise(41 * 24, 13);
    let mut out = vec![0.0; 41 * 8];
    attend(&Pool::new(1), &shape, &qkv, &mut out);
    for head in 0..2 {
        let map = attention_map(&shape, &qkv, 1, head);
        for i in 0..37 {
            let row = &map[i * 37..(i + 1) * 37];
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            assert!((0..37usize).all(|j| (row[j] > 0.0) == (j.abs_diff(i) <= 9)), "{row:?}");
            let mixed: f32 = (0..37).map(|j| row[j] * qkv[(4 + j) * 24 + 16 + head * 4]).sum();
            assert!((mixed - out[(4 + i) * 8 + head * 4]).abs() < 1e-5);
        }
    }
}

#[test]
fn gradients_are_the_same_on_any_number_of_threads() {
    let offsets = offsets(&[40, 3, 0, 17]);
    let span = 40;
    let table = noise(2 * 79, 17);
    let bias = Some(ToeplitzBias { table: &table, span });
    let shape = shape((2, 20), Reach::ALL, bias, &offsets);
    let (qkv, gradient) = (noise(60 * 120, 19), noise(60 * 40, 23));
    let mut out = vec![0.0; 60 * 40];
    attend(&Pool::new(1), &shape, &qkv, &mut out);
    let run = |threads: usize| {
        let (mut by_qkv, mut by_bias) = (vec![0.0; qkv.len()], vec![0.0; table.len()]);
        let pool = Pool::new(threads);
        attend_backward(&pool, &shape, &qkv, &out, &gradient, &mut by_qkv, Some(&mut by_bias));
        (by_qkv, by_bias)
    };
    let first = run(1);
    assert!(first.1.iter().any(|x| *x != 0.0));
    for threads in [2, 3, 4, 8] {
        assert!(run(threads) == first, "{threads} threads");
    }
}
