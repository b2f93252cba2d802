//! How seconds grow: seconds = c size^b, with b and c by least squares on logarithms, over all
//! sizes and over their upper half, where constant costs weigh less. The interval is that of
//! resampled repeats: at each size as many repeats are drawn with replacement as there are, their
//! medians fitted anew, and the 2.5th and 97.5th percentiles of b taken (Efron and Tibshirani 1993,
//! section 13.3). It says how much the clock scatters, not whether a power law is the right shape.

use contexture_train::random::Random;

use super::points::median;
use crate::report::{By, Exponent, Mode, SpeedPoint};

const RESAMPLES: u64 = 1000;

/// All exponents that the points allow.
pub(crate) fn exponents(points: &[SpeedPoint]) -> Vec<Exponent> {
    let mut lines: Vec<(&str, Mode, usize, By)> = Vec::new();
    for p in points {
        let line = (p.model.as_str(), p.mode, p.threads, p.by);
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let mut found = Vec::new();
    for line in lines {
        let on_line = |p: &&SpeedPoint| (p.model.as_str(), p.mode, p.threads, p.by) == line;
        let mut points: Vec<&SpeedPoint> = points.iter().filter(on_line).collect();
        points.sort_by_key(|p| size(p));
        let upper = &points[points.len() / 2..];
        for part in [&points[..], upper] {
            for per in ["token", "sequence"] {
                found.extend(fit(part, per));
            }
        }
    }
    found
}

fn size(point: &SpeedPoint) -> usize {
    match point.by {
        By::Length => point.length,
        By::Depth => point.depth,
    }
}

/// `None` where there are too few sizes for a line to mean anything.
fn fit(points: &[&SpeedPoint], per: &str) -> Option<Exponent> {
    let (first, last) = (points.first()?, points.last()?);
    if points.len() < 3 {
        return None;
    }
    let sequence = per == "sequence";
    let logarithms = |seconds: &dyn Fn(&SpeedPoint) -> f64| -> Vec<[f64; 2]> {
        let of = |p: &&SpeedPoint| {
            let parts = p.sequences * if sequence { 1 } else { p.length };
            [(size(p) as f64).ln(), (seconds(p) / parts as f64).ln()]
        };
        points.iter().map(of).collect()
    };
    let [exponent, constant] = line(&logarithms(&|p| p.seconds_per_step));
    let resampled = |number: u64| {
        let drawn = |p: &SpeedPoint| {
            let mut random = Random::of(&[number, size(p) as u64]);
            let count = p.repeats.len();
            median(&(0..count).map(|_| p.repeats[random.below(count)]).collect::<Vec<_>>())
        };
        line(&logarithms(&drawn))[0]
    };
    let mut slopes: Vec<f64> = (0..RESAMPLES).map(resampled).collect();
    slopes.sort_by(f64::total_cmp);
    let at = |share: f64| slopes[(share * (slopes.len() - 1) as f64).round() as usize];
    Some(Exponent {
        model: first.model.clone(),
        mode: first.mode,
        threads: first.threads,
        by: first.by,
        per: per.into(),
        exponent,
        interval: [at(0.025), at(0.975)],
        constant: constant.exp(),
        from: size(first),
        to: size(last),
    })
}

/// Slope and intercept by least squares.
fn line(points: &[[f64; 2]]) -> [f64; 2] {
    let n = points.len() as f64;
    let mean = |k: usize| points.iter().map(|p| p[k]).sum::<f64>() / n;
    let (x, y) = (mean(0), mean(1));
    let across: f64 = points.iter().map(|p| (p[0] - x) * (p[1] - y)).sum();
    let along: f64 = points.iter().map(|p| (p[0] - x) * (p[0] - x)).sum();
    [across / along, y - across / along * x]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(length: usize, seconds: f64) -> SpeedPoint {
        let repeats = [0.97, 1.0, 1.01, 1.04, 0.99].map(|noise| noise * seconds).to_vec();
        SpeedPoint {
            model: "a".into(),
            threads: 1,
            length,
            depth: 4,
            sequences: 4,
            seconds_per_step: median(&repeats),
            seconds_per_token: median(&repeats) / (4 * length) as f64,
            repeats,
            ..SpeedPoint::default()
        }
    }

    #[test]
    fn a_power_law_is_found_again() {
        // Four sequences that take 3e-6 length^1.7 seconds each.
        let seconds = |length: usize| 4.0 * 3e-6 * (length as f64).powf(1.7);
        let points: Vec<_> = [16, 32, 64, 128, 256, 512].map(|l| point(l, seconds(l))).into();
        let found = exponents(&points);
        let shown: Vec<_> = found.iter().map(|e| (e.per.as_str(), e.from, e.to)).collect();
        assert_eq!(
            shown,
            [
                ("token", 16, 512),
                ("sequence", 16, 512),
                ("token", 128, 512),
                ("sequence", 128, 512)
            ]
        );
        for e in &found {
            let expected = if e.per == "token" { 0.7 } else { 1.7 };
            assert!((e.exponent - expected).abs() < 1e-9, "{e:?}");
            assert!((e.constant - 3e-6).abs() < 1e-9, "{e:?}");
            assert!(e.interval[0] < expected && expected < e.interval[1], "{e:?}");
            // Clocks that scatter by 7 %; three sizes are told less surely than six.
            let widest = if e.from == 16 { 0.05 } else { 0.06 };
            assert!(e.interval[1] - e.interval[0] < widest, "{e:?}");
        }
        assert!(exponents(&points[..2]).is_empty());
    }

    #[test]
    fn medians_are_in_the_middle() {
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0, 2.0, 3.0])), (2.0, 2.5));
    }
}
