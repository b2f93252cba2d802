//! What a run shows while it trains: a bar on a terminal, a line now and then elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use anyhow::Result;
use contexture_train::{Config, Event, Forecast, Outcome, PositionReport, StepReport};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::TrainArguments;
use crate::say;

/// Where there is no terminal, a line so often.
const LINE_EVERY: Duration = Duration::from_secs(30);

pub(super) struct Display {
    bar: ProgressBar,
    quiet: bool,
    json: bool,
    terminal: bool,
    last_line: Option<Instant>,
}

impl Display {
    pub(super) fn new(arguments: &TrainArguments) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = match terminal && !arguments.quiet {
            true => ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(4)),
            false => ProgressBar::hidden(),
        };
        let template = "{bar:20} {pos}/{len}  {msg}";
        let style = ProgressStyle::with_template(template).expect("the template is right");
        bar.set_style(style);
        let (quiet, json) = (arguments.quiet, arguments.json);
        Self { bar, quiet, json, terminal, last_line: None }
    }

    fn say(&self, line: &str) {
        if !self.quiet {
            self.bar.suspend(|| eprintln!("contexture: {line}"));
        }
    }

    pub(super) fn opening(&self, config: &Config) {
        self.say(&format!("opening {}", config.output.display()));
    }

    pub(super) fn forecast(&self, f: &Forecast) {
        let mb = |bytes: u64| bytes.div_ceil(1 << 20);
        self.say(&format!(
            "about {} MB of memory: weights {}, gradients {}, optimiser {}, a step's rows {}, \
             waiting text up to {}",
            mb(f.total()),
            mb(f.weights),
            mb(f.gradients),
            mb(f.optimiser),
            mb(f.activations),
            mb(f.rows),
        ));
    }

    /// Range and distance profile, in a line or two.
    pub(super) fn positions(&self, report: &PositionReport) {
        let mut line = format!("positions: {}", report.name);
        if let Some(range) = report.range {
            line += &format!(
                ", {:.3} to {:.3}, longest row {:.2}; mean distance",
                range.least, range.greatest, range.largest_norm
            );
            let apart = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096];
            let near = apart.into_iter().filter(|apart| *apart < report.distances.len());
            let parts: Vec<String> = near
                .map(|apart| format!("{:.2} ({apart} apart)", report.distances[apart]))
                .collect();
            line += &format!(" {}", parts.join(", "));
        }
        self.say(&line);
        self.say(&report.verdict);
    }

    pub(super) fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Ready { forecast, positions, parameters, from_step, steps, notes } => {
                notes.iter().for_each(|note| self.say(note));
                positions.iter().for_each(|report| self.positions(report));
                self.forecast(forecast);
                let begin = match from_step {
                    0 => format!("{steps} steps"),
                    step => format!("going on after step {step} of {steps}"),
                };
                self.say(&format!("{} parameters, {begin}", thousands(*parameters as u64)));
                self.bar.set_length(*steps);
                self.bar.set_position(*from_step);
            }
            Event::Step(report) => self.step(report),
            Event::HeldOut { step, loss, best } => {
                let mark = if *best { ", the best so far" } else { "" };
                let parts = loss.objectives.iter().map(|(name, loss)| format!("{name} {loss:.4}"));
                let parts = match loss.objectives.len() {
                    0 | 1 => String::new(),
                    _ => format!(" ({})", parts.collect::<Vec<_>>().join(", ")),
                };
                let scores = loss.scores.iter().map(|(name, score)| format!(", {name} {score:.2}"));
                let scores: String = scores.collect();
                let held_out = loss.loss;
                self.say(&format!("step {step}: held-out loss {held_out:.4}{parts}{scores}{mark}"));
            }
            _ => {}
        }
    }

    fn step(&mut self, r: &StepReport) {
        let line = format!(
            "loss {:.4}  {} tokens/s  {:.0} % of peak  rate {:.2e}  |g| {:.2}  {} left",
            r.loss,
            thousands(r.tokens_per_s as u64),
            100.0 * r.peak_share,
            r.learning_rate,
            r.gradient_norm,
            time(r.seconds_left),
        );
        self.bar.set_position(r.step);
        self.bar.set_message(line.clone());
        let due = self.last_line.is_none_or(|last| last.elapsed() >= LINE_EVERY);
        if !self.terminal && due {
            self.last_line = Some(Instant::now());
            self.say(&format!("step {}/{}  {line}", r.step, r.steps));
        }
    }

    pub(super) fn finish(&self, outcome: &Outcome, translates: bool) -> Result<()> {
        self.bar.finish_and_clear();
        if self.json {
            return say::out(&format!("{}\n", serde_json::to_string(outcome)?));
        }
        let folder = outcome.folder.display();
        let mut line = match (outcome.finished, outcome.stopped_early) {
            (false, _) => format!(
                "stopped after step {}; the same command goes on from there\n",
                outcome.steps
            ),
            (true, true) => format!("{folder}: ended early after step {}", outcome.steps),
            (true, false) => format!("{folder}: {} steps", outcome.steps),
        };
        if outcome.finished {
            line += &format!(", {} tokens", thousands(outcome.tokens));
            if let Some((step, loss)) = outcome.best {
                line += &format!(", best held-out loss {loss:.4} after step {step}");
            }
            if outcome.truncated > 0 {
                line +=
                    &format!("; {} texts were cut to their length", thousands(outcome.truncated));
            }
            line += &format!("; written: {} weights\n", outcome.written);
            let command = if translates { "translate" } else { "embed" };
            line += &format!("try it: contexture {command} --model {folder} 'ram hits sam'\n");
        }
        say::out(&line)
    }
}

fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn time(seconds: f64) -> String {
    let s = seconds.max(0.0).round() as u64;
    match (s / 3600, s / 60 % 60, s % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m}:{s:02}"),
        (h, m, s) => format!("{h}:{m:02}:{s:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!((thousands(7), thousands(1234567)), ("7".into(), "1,234,567".into()));
        assert_eq!(
            (time(5.0), time(65.0), time(3661.0)),
            ("5 s".into(), "1:05".into(), "1:01:01".into())
        );
    }
}
