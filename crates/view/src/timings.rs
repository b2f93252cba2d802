//! When the steps of a run were taken, from the lines of its `timings.jsonl`.
//!
//! They stand apart from the metrics, since the clock never says the same twice.

use std::collections::BTreeMap;
use std::io::BufRead;

use serde::Deserialize;

use crate::curves::RunCurves;
use crate::error::ViewError;

#[derive(Deserialize)]
struct Line {
    step: u64,
    /// Since the process began: it begins anew where a run was resumed.
    seconds: f64,
    tokens_per_s: Option<f64>,
    peak_share: Option<f64>,
}

impl RunCurves {
    /// Adds seconds, tokens a second and the share of the peak to the steps that are there. A
    /// last line that was torn off in writing is passed over.
    ///
    /// # Errors
    /// [`ViewError::Read`] and [`ViewError::Malformed`], with the line's number.
    pub fn add_timings(&mut self, reader: impl BufRead) -> Result<(), ViewError> {
        let mut times = BTreeMap::new();
        let (mut earlier, mut last, mut malformed) = (0.0, 0.0, None);
        for (index, line) in reader.lines().enumerate() {
            let (run, number) = (self.name.clone(), index as u64 + 1);
            if let Some(error) = malformed {
                return Err(error);
            }
            let line =
                line.map_err(|source| ViewError::Read { run: run.clone(), line: number, source })?;
            match serde_json::from_str::<Line>(&line) {
                Ok(line) => {
                    if line.seconds < last {
                        earlier += last;
                    }
                    last = line.seconds;
                    times.insert(line.step, (earlier + last, line));
                }
                Err(e) => {
                    let reason = e.to_string();
                    malformed = Some(ViewError::Malformed { run, line: number, reason });
                }
            }
        }
        for point in &mut self.points {
            if let Some((seconds, line)) = times.get(&point.step) {
                point.seconds = *seconds;
                point.tokens_per_s = line.tokens_per_s;
                point.peak_share = line.peak_share;
            }
        }
        for held_out in &mut self.held_out {
            if let Some((seconds, _)) = times.get(&held_out.step) {
                held_out.seconds = *seconds;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_go_on_where_a_run_was_resumed() {
        let metrics: String = (1..=4).map(|s| format!("{{\"step\":{s},\"loss\":1}}\n")).collect();
        let mut run = RunCurves::from_jsonl("a", metrics.as_bytes()).unwrap();
        let times = [(1, 0.5), (2, 1.0), (3, 0.25), (4, 0.75)];
        let line = |(step, s)| format!("{{\"step\":{step},\"seconds\":{s},\"peak_share\":0.5}}\n");
        let mut text: String = times.into_iter().map(line).collect();
        text.push_str("{\"step\":5,\"sec");
        run.add_timings(text.as_bytes()).unwrap();
        let seconds: Vec<f64> = run.points.iter().map(|point| point.seconds).collect();
        assert_eq!(seconds, [0.5, 1.0, 1.25, 1.75]);
        assert_eq!(run.points[0].peak_share, Some(0.5));
        text.push_str("\n{\"step\":6,\"seconds\":1}\n");
        assert!(run.add_timings(text.as_bytes()).is_err());
    }
}
