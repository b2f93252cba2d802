//! The curves of a training run, from the lines of its `metrics.jsonl`.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};

use serde::{Deserialize, Deserializer};

use crate::error::ViewError;

/// A line beyond this is no line of metrics.
const LONGEST_LINE: u64 = 1 << 20;

/// What a run measured of itself at one step. What it did not measure is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Point {
    /// Steps taken.
    pub step: u64,
    /// Tokens seen so far.
    pub tokens: u64,
    /// Seconds of training so far.
    pub seconds: f64,
    /// The loss of the step; NaN leaves a gap in the curve.
    pub loss: f64,
    /// The learning rate.
    pub lr: Option<f64>,
    /// Norm of the gradient, before clipping.
    pub gradient_norm: Option<f64>,
    /// Tokens a second.
    pub tokens_per_s: Option<f64>,
    /// Share of the machine's peak, 0 to 1.
    pub peak_share: Option<f64>,
    /// The loss of each objective.
    pub objectives: BTreeMap<String, f64>,
}

/// An evaluation on held-out data.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HeldOut {
    /// Steps taken.
    pub step: u64,
    /// Tokens seen so far.
    pub tokens: u64,
    /// Seconds of training so far.
    pub seconds: f64,
    /// Each measure by its name, `loss` among them.
    pub values: BTreeMap<String, f64>,
}

/// One training run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunCurves {
    /// The run's name, as legends show it.
    pub name: String,
    /// Its configuration, shown as it is.
    pub config: Option<String>,
    /// Steps in rising order.
    pub points: Vec<Point>,
    /// Evaluations in rising order of steps.
    pub held_out: Vec<HeldOut>,
    /// What the reader should know of how the run was read.
    pub notes: Vec<String>,
}

#[derive(Deserialize)]
struct Line {
    step: u64,
    tokens: Option<u64>,
    seconds: Option<f64>,
    #[serde(default, deserialize_with = "given")]
    loss: Option<Option<f64>>,
    lr: Option<f64>,
    gradient_norm: Option<f64>,
    tokens_per_s: Option<f64>,
    peak_share: Option<f64>,
    objectives: Option<BTreeMap<String, Option<f64>>>,
    held_out: Option<BTreeMap<String, Option<f64>>>,
}

/// Tells a key that holds null, as JSON writes NaN, from one that is absent.
fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<f64>>, D::Error> {
    Option::deserialize(from).map(Some)
}

impl RunCurves {
    /// Reads a run's metrics: one JSON object a line, of a step (with `loss`) or of an evaluation
    /// (with `held_out`). Keys that are not known are passed over.
    ///
    /// A last line that was torn off in writing is skipped with a note. Where a resumed run wrote
    /// steps anew, the later lines count, with a note too.
    ///
    /// # Errors
    /// [`ViewError::Read`] and [`ViewError::Malformed`], with the line's number.
    ///
    /// ```
    /// use contexture_view::RunCurves;
    /// let lines = r#"{"step":1,"tokens":2048,"seconds":0.4,"loss":9.1,"lr":1e-5}
    /// {"step":1,"held_out":{"loss":9.0},"seconds":0.5}
    /// {"step":2,"tok"#;
    /// let run = RunCurves::from_jsonl("first", lines.as_bytes())?;
    /// assert_eq!((run.points.len(), run.held_out[0].tokens), (1, 2048));
    /// assert!(run.notes[0].contains("line 3"));
    /// # Ok::<(), contexture_view::ViewError>(())
    /// ```
    pub fn from_jsonl(name: &str, mut reader: impl BufRead) -> Result<Self, ViewError> {
        let mut run = RunCurves { name: name.to_owned(), ..Self::default() };
        let mut reached = Reached::default();
        let mut bytes = Vec::new();
        for line in 1.. {
            bytes.clear();
            let read = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes);
            read.map_err(|source| ViewError::Read { run: name.to_owned(), line, source })?;
            let ended = bytes.last() == Some(&b'\n');
            if bytes.is_empty() {
                break;
            }
            if bytes.trim_ascii().is_empty() {
                continue;
            }
            let parsed = serde_json::from_slice::<Line>(&bytes).map_err(|e| e.to_string());
            match parsed.and_then(|parsed| run.add(parsed, &mut reached)) {
                Ok(()) => {}
                Err(_) if !ended && (bytes.len() as u64) < LONGEST_LINE => {
                    run.notes.push(format!("line {line} was torn off in writing and is left out"));
                }
                Err(reason) => {
                    return Err(ViewError::Malformed { run: name.to_owned(), line, reason });
                }
            }
        }
        if reached.replaced > 0 {
            run.notes.push(format!(
                "{} lines were written anew after the run was resumed; the later ones are shown",
                reached.replaced
            ));
        }
        Ok(run)
    }

    fn add(&mut self, line: Line, reached: &mut Reached) -> Result<(), String> {
        let numbers = |values: BTreeMap<String, Option<f64>>| -> BTreeMap<String, f64> {
            values.into_iter().map(|(name, value)| (name, value.unwrap_or(f64::NAN))).collect()
        };
        if line.loss.is_none() && line.held_out.is_none() {
            return Err("expected `loss` or `held_out`, found neither".to_owned());
        }
        if line.step < reached.step {
            let before = self.points.len() + self.held_out.len();
            self.points.retain(|point| point.step < line.step);
            self.held_out.retain(|held| held.step < line.step);
            reached.replaced += before - self.points.len() - self.held_out.len();
            reached.tokens = self.points.last().map_or(0, |point| point.tokens);
            reached.seconds = self.points.last().map_or(0.0, |point| point.seconds);
        }
        reached.step = line.step;
        reached.tokens = line.tokens.unwrap_or(reached.tokens);
        reached.seconds = line.seconds.unwrap_or(reached.seconds);
        let (step, tokens, seconds) = (reached.step, reached.tokens, reached.seconds);
        if let Some(loss) = line.loss {
            // The same step once more is a step written anew as well.
            if self.points.last().is_some_and(|last| last.step == step) {
                self.points.pop();
                reached.replaced += 1;
            }
            self.points.push(Point {
                step,
                tokens,
                seconds,
                loss: loss.unwrap_or(f64::NAN),
                lr: line.lr,
                gradient_norm: line.gradient_norm,
                tokens_per_s: line.tokens_per_s,
                peak_share: line.peak_share,
                objectives: line.objectives.map(numbers).unwrap_or_default(),
            });
        }
        if let Some(values) = line.held_out {
            let held = HeldOut { step, tokens, seconds, values: numbers(values) };
            match self.held_out.last_mut() {
                // Measures of one step may come in several lines.
                Some(last) if last.step == step => last.values.extend(held.values),
                _ => self.held_out.push(held),
            }
        }
        Ok(())
    }
}

/// How far the lines have come.
#[derive(Default)]
struct Reached {
    step: u64,
    tokens: u64,
    seconds: f64,
    replaced: usize,
}

/// At most `most` points: of each stretch of the curve its least and its greatest, in order, and
/// both ends. Gaps stay gaps.
pub(crate) fn thin_extremes(points: &[[f64; 2]], most: usize) -> Vec<[f64; 2]> {
    if points.len() <= most {
        return points.to_vec();
    }
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    let inner = &points[1..points.len() - 1];
    let mut kept = vec![*first];
    for stretch in stretches(inner, most.saturating_sub(2) / 2) {
        let mut ends: Option<(usize, usize)> = None;
        for (at, point) in stretch.iter().enumerate().filter(|(_, point)| point[1].is_finite()) {
            let (low, high) = ends.unwrap_or((at, at));
            let low = if point[1] < stretch[low][1] { at } else { low };
            let high = if point[1] > stretch[high][1] { at } else { high };
            ends = Some((low, high));
        }
        match ends {
            None => kept.extend(stretch.first()),
            Some((low, high)) if low == high => kept.push(stretch[low]),
            Some((low, high)) => kept.extend([stretch[low.min(high)], stretch[low.max(high)]]),
        }
    }
    kept.push(*last);
    kept
}

/// At most `most` points: the mean of each stretch of the curve, and both ends.
pub(crate) fn thin_means(points: &[[f64; 2]], most: usize) -> Vec<[f64; 2]> {
    if points.len() <= most {
        return points.to_vec();
    }
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    let means = stretches(&points[1..points.len() - 1], most.saturating_sub(2)).map(|stretch| {
        let known: Vec<&[f64; 2]> = stretch.iter().filter(|p| p[1].is_finite()).collect();
        let mean = |axis: usize| known.iter().map(|p| p[axis]).sum::<f64>() / known.len() as f64;
        if known.is_empty() { [stretch[0][0], f64::NAN] } else { [mean(0), mean(1)] }
    });
    [*first].into_iter().chain(means).chain([*last]).collect()
}

/// The points in `count` stretches of as equal a length as can be.
fn stretches(points: &[[f64; 2]], count: usize) -> impl Iterator<Item = &[[f64; 2]]> {
    let count = count.clamp(1, points.len().max(1));
    (0..count).map(move |n| &points[n * points.len() / count..(n + 1) * points.len() / count])
}

/// The mean over the points around each, a fiftieth of them: fewer on both sides at the beginning,
/// so that its steep descent stays where it is, and fewer after the point at the end.
pub(crate) fn smooth(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let widest = points.len() / 100;
    let mut sums = vec![(0.0, 0u32)];
    let (mut sum, mut count) = (0.0, 0);
    for [_, y] in points {
        if y.is_finite() {
            (sum, count) = (sum + y, count + 1);
        }
        sums.push((sum, count));
    }
    let mean = |(at, point): (usize, &[f64; 2])| {
        let half = widest.min(at);
        let after = half.min(points.len() - 1 - at);
        let (from, to) = (sums[at - half], sums[at + after + 1]);
        let value = if point[1].is_finite() {
            (to.0 - from.0) / f64::from(to.1 - from.1)
        } else {
            f64::NAN
        };
        [point[0], value]
    };
    points.iter().enumerate().map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(count: usize) -> Vec<[f64; 2]> {
        (0..count).map(|n| [n as f64, (n as f64 * 0.7).sin()]).collect()
    }

    #[test]
    fn thinning_keeps_extremes_order_and_ends() {
        let mut points = wave(100_000);
        points[54_321][1] = 40.0;
        points[12_345][1] = -30.0;
        points[777][1] = f64::NAN;
        let thin = thin_extremes(&points, 1000);
        assert!(thin.len() <= 1000 && thin.len() > 900, "{}", thin.len());
        assert!(thin.windows(2).all(|pair| pair[0][0] < pair[1][0]));
        assert!(thin.contains(&points[54_321]) && thin.contains(&points[12_345]));
        assert_eq!((thin[0], thin[thin.len() - 1]), (points[0], points[99_999]));
        assert!(thin.iter().all(|point| points.contains(point)), "no point is made up");
        let means = thin_means(&points, 500);
        assert_eq!(means.len(), 500);
        assert!(means.iter().all(|point| point[1].abs() < 1.0));
        assert_eq!(thin_extremes(&wave(10), 1000), wave(10));
        for count in 0..5 {
            assert_eq!(thin_means(&wave(count), 3).len(), count.min(3));
            assert!(thin_extremes(&wave(count), 4).len() <= 4);
        }
    }

    #[test]
    fn smoothing_takes_the_noise_and_leaves_the_ends() {
        let points: Vec<[f64; 2]> =
            (0..1000).map(|n| [n as f64, n as f64 + if n % 2 == 0 { 5.0 } else { -5.0 }]).collect();
        let smooth = smooth(&points);
        assert_eq!(smooth[0], points[0]);
        assert!((smooth[999][1] - 994.0).abs() < 1.0, "{:?}", smooth[999]);
        for n in 10..990 {
            assert!((smooth[n][1] - n as f64).abs() < 0.6, "{n}: {}", smooth[n][1]);
        }
        assert!(super::smooth(&[]).is_empty());
        assert!(super::smooth(&[[0.0, f64::NAN]])[0][1].is_nan());
    }

    #[test]
    fn lines_that_are_no_metrics_are_refused_by_number() {
        let read = |text: &str| RunCurves::from_jsonl("r", text.as_bytes());
        let good = "{\"step\":1,\"loss\":2.5}\n";
        for bad in [
            "{\"step\":2,\"loss\":2.5\n",
            "{\"step\":-2,\"loss\":2.5}\n",
            "{\"loss\":2.5}\n",
            "{\"step\":2}\n",
            "[1]\n",
            "\u{feff}\n",
            "{\"step\":2,\"loss\":\"x\"}\n",
        ] {
            let error = read(&format!("{good}\n{bad}{good}")).unwrap_err().to_string();
            assert!(error.starts_with("r: line 3 "), "{error}");
        }
        let run = read(&format!("{good}{{\"step\":2,\"lo")).unwrap();
        assert_eq!((run.points.len(), run.notes.len()), (1, 1));
        let whole = read(&format!("{good}{{\"step\":2,\"loss\":null}}")).unwrap();
        assert!(whole.points[1].loss.is_nan() && whole.notes.is_empty());
        assert_eq!(read("").unwrap().points.len(), 0);
        assert!(RunCurves::from_jsonl("r", &b"{\"step\":1,\"x\":\"\xff\"}\n"[..]).is_err());
    }

    #[test]
    fn a_resumed_run_counts_its_later_lines() {
        let text = "{\"step\":1,\"loss\":5,\"tokens\":10,\"seconds\":1}\n\
                    {\"step\":2,\"loss\":4,\"tokens\":20,\"seconds\":2}\n\
                    {\"step\":2,\"held_out\":{\"loss\":4.5},\"seconds\":2.5}\n\
                    {\"step\":3,\"loss\":3,\"tokens\":30,\"seconds\":3}\n\
                    {\"step\":2,\"loss\":4.1,\"tokens\":20,\"seconds\":2}\n\
                    {\"step\":2,\"held_out\":{\"loss\":4.6}}\n\
                    {\"step\":2,\"held_out\":{\"accuracy\":0.5}}\n";
        let run = RunCurves::from_jsonl("r", text.as_bytes()).unwrap();
        assert_eq!(run.points.iter().map(|p| p.loss).collect::<Vec<_>>(), [5.0, 4.1]);
        assert_eq!(run.held_out.len(), 1);
        assert_eq!(run.held_out[0].values.len(), 2);
        assert_eq!((run.held_out[0].tokens, run.held_out[0].values["loss"]), (20, 4.6));
        assert!(run.notes[0].starts_with("3 lines"), "{:?}", run.notes);
    }
}
