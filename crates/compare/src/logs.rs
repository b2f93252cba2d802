//! What a run's logs say: `metrics.jsonl` knows steps, tokens and losses, `timings.jsonl` how long
//! each step took. Seconds of the steps alone are tokens by tokens a second: evaluations, snapshots
//! and interruptions are not in them.

use std::collections::BTreeMap;
use std::path::Path;

use contexture_train::{METRICS, TIMINGS};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::CompareError;
use crate::report::CurvePoint;

#[derive(Deserialize)]
struct MetricsLine {
    step: u64,
    tokens: u64,
    loss: Option<f64>,
    held_out: Option<BTreeMap<String, f64>>,
}

#[derive(Deserialize)]
struct TimingsLine {
    step: u64,
    tokens_per_s: f64,
}

/// A run, step by step.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Log {
    /// After each step.
    pub(crate) steps: Vec<CurvePoint>,
    /// After each evaluation.
    pub(crate) held_out: Vec<CurvePoint>,
}

/// How much of a budget is used.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Spent {
    pub(crate) steps: u64,
    pub(crate) tokens: u64,
    pub(crate) seconds: f64,
}

impl Log {
    /// Reads a run's logs up to `last` steps; a run that has not begun has none.
    pub(crate) fn read(run: &Path, last: u64) -> Result<Self, CompareError> {
        let mut took = BTreeMap::new();
        for line in lines::<TimingsLine>(&run.join(TIMINGS))? {
            took.insert(line.step, line.tokens_per_s);
        }
        let mut log = Self::default();
        let mut now = CurvePoint::default();
        for line in lines::<MetricsLine>(&run.join(METRICS))? {
            if line.step > last {
                break;
            }
            if let Some(loss) = line.loss {
                let tokens = line.tokens.saturating_sub(now.tokens) as f64;
                let rate = took.get(&line.step).copied().unwrap_or(0.0);
                let seconds = now.seconds + if rate > 0.0 { tokens / rate } else { 0.0 };
                now = CurvePoint { step: line.step, tokens: line.tokens, seconds, loss };
                log.steps.push(now);
            }
            if let Some(loss) = line.held_out.and_then(|losses| losses.get("loss").copied()) {
                log.held_out.push(CurvePoint { loss, ..now });
            }
        }
        Ok(log)
    }

    /// What was used after the last step.
    pub(crate) fn spent(&self) -> Spent {
        spent(self.steps.last())
    }

    /// What was used before the last step.
    pub(crate) fn spent_before_last(&self) -> Spent {
        spent(self.steps.iter().rev().nth(1))
    }

    /// Losses as means over at most `count` stretches of steps.
    pub(crate) fn curve(&self, count: usize) -> Vec<CurvePoint> {
        let stretch = self.steps.len().div_ceil(count).max(1);
        let mean = |part: &[CurvePoint]| {
            let loss = part.iter().map(|point| point.loss).sum::<f64>() / part.len() as f64;
            part.last().map(|last| CurvePoint { loss, ..*last })
        };
        self.steps.chunks(stretch).filter_map(mean).collect()
    }
}

fn spent(point: Option<&CurvePoint>) -> Spent {
    point.map_or(Spent::default(), |point| Spent {
        steps: point.step,
        tokens: point.tokens,
        seconds: point.seconds,
    })
}

/// The lines that are whole: the last one may be torn where a process was killed.
fn lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, CompareError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(CompareError::io(path, "cannot be read", e)),
    };
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_those_of_the_steps_and_torn_lines_are_passed_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let metrics = "{\"step\":1,\"tokens\":100,\"loss\":3.0}\n\
                       {\"step\":2,\"tokens\":300,\"loss\":2.0}\n\
                       {\"step\":2,\"tokens\":300,\"held_out\":{\"loss\":2.5}}\n\
                       {\"step\":3,\"tokens\":400,\"loss\":1.0}\n{\"step\":4,\"tok";
        let timings = "{\"step\":1,\"seconds\":9.0,\"tokens_per_s\":50.0}\n\
                       {\"step\":2,\"seconds\":20.0,\"tokens_per_s\":100.0}\n\
                       {\"step\":3,\"seconds\":80.0,\"tokens_per_s\":200.0}\n";
        std::fs::write(folder.path().join(METRICS), metrics).expect("written");
        std::fs::write(folder.path().join(TIMINGS), timings).expect("written");
        let log = Log::read(folder.path(), u64::MAX).expect("read");
        assert_eq!(log.spent(), Spent { steps: 3, tokens: 400, seconds: 4.5 });
        assert_eq!(log.spent_before_last(), Spent { steps: 2, tokens: 300, seconds: 4.0 });
        let expected = CurvePoint { step: 2, tokens: 300, seconds: 4.0, loss: 2.5 };
        assert_eq!(log.held_out, [expected]);
        let curve = log.curve(2);
        assert_eq!((curve.len(), curve[0].loss, curve[1].loss), (2, 2.5, 1.0));
        assert_eq!(Log::read(folder.path(), 2).expect("read").spent().steps, 2);
    }
}
