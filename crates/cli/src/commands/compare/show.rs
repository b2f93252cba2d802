//! What a comparison shows: a bar on a terminal, a line now and then elsewhere, tables at its end.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use contexture_compare::report::{By, Exponent, Mode};
use contexture_compare::{Comparison, Estimate, Event, Outcome, Phase};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Where there is no terminal, a line so often.
const LINE_EVERY: Duration = Duration::from_secs(30);
/// Parts of the bar.
const PARTS: u64 = 1000;

pub(super) struct Display {
    bar: ProgressBar,
    quiet: bool,
    terminal: bool,
    last_line: Option<Instant>,
}

impl Display {
    pub(super) fn new(quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = match terminal && !quiet {
            true => ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(4)),
            false => ProgressBar::hidden(),
        };
        let style = ProgressStyle::with_template("{bar:20} {percent:>3}%  {msg}");
        bar.set_style(style.expect("the template is right"));
        bar.set_length(PARTS);
        Self { bar, quiet, terminal, last_line: None }
    }

    fn say(&self, line: &str) {
        if !self.quiet {
            self.bar.suspend(|| eprintln!("contexture: {line}"));
        }
    }

    pub(super) fn estimate(&self, found: &Estimate) {
        for line in estimate(found).lines() {
            self.say(line);
        }
    }

    pub(super) fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Said(line) => self.say(line),
            Event::Progress { phase, part, share, message } => {
                let line = format!("{}  {part}  {message}", name(*phase));
                self.bar.set_position((share * PARTS as f64) as u64);
                self.bar.set_message(line.clone());
                let due = self.last_line.is_none_or(|last| last.elapsed() >= LINE_EVERY);
                if !self.terminal && due {
                    self.last_line = Some(Instant::now());
                    self.say(&format!("{:.0} %  {line}", 100.0 * share));
                }
            }
            _ => {}
        }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Train => "train",
        Phase::Speed => "speed",
        Phase::Tasks => "tasks",
        Phase::Page => "page",
    }
}

/// What it will take.
pub(super) fn estimate(found: &Estimate) -> String {
    let mut text = String::new();
    for note in &found.notes {
        let _ = writeln!(text, "{note}");
    }
    for m in &found.models {
        let _ = writeln!(
            text,
            "{}: {} parameters, {} of them words'; about {:.0} tokens/s, {} a run",
            m.name,
            m.parameters,
            m.word_parameters,
            m.tokens_per_s,
            time(m.run_seconds)
        );
    }
    let _ = writeln!(
        text,
        "about {} of training that is not done yet, and {} of speeds if none is measured yet, \
         besides tasks",
        time(found.train_seconds),
        time(found.speed_seconds)
    );
    text
}

/// What came of it.
pub(super) fn outcome(outcome: &Outcome) -> String {
    let report = &outcome.report;
    let mut text = models(report);
    text += &growth(report);
    for note in &report.notes {
        let _ = writeln!(text, "note: {note}");
    }
    if outcome.interrupted {
        text += "stopped before the end; the same command goes on from there\n";
    }
    let _ = writeln!(text, "{}", outcome.json.display());
    if let Some(page) = &outcome.page {
        let _ = writeln!(text, "{}", page.display());
    }
    text
}

fn models(report: &Comparison) -> String {
    let mut text = String::from(
        "model             parameters  besides words  seed      tokens    seconds  held-out loss\n",
    );
    for m in &report.models {
        for run in &m.runs {
            let loss = run.held_out.map_or("-".into(), |loss| format!("{loss:.4}"));
            let _ = writeln!(
                text,
                "{:<16}  {:>10}  {:>13}  {:>4}  {:>10}  {:>9.1}  {loss:>13}",
                m.name,
                m.parameters,
                m.parameters - m.word_parameters,
                run.seed,
                run.tokens,
                run.seconds
            );
        }
    }
    text
}

/// Exponents of a token's seconds, on one thread or the fewest that were measured.
fn growth(report: &Comparison) -> String {
    let Some(threads) = report.exponents.iter().map(|e| e.threads).min() else {
        return String::new();
    };
    let mut text =
        format!("\nseconds a token grow as size^b on {threads} threads: b [95 % interval]\n");
    let shown = |e: &&Exponent| e.threads == threads && e.per == "token";
    for e in report.exponents.iter().filter(shown) {
        let _ = writeln!(
            text,
            "{:<16}  {:<9}  {} {:>4} to {:<4}  {:>6.3} [{:.3}, {:.3}]",
            e.model,
            if e.mode == Mode::Infer { "inference" } else { "training" },
            if e.by == By::Length { "length" } else { "depth " },
            e.from,
            e.to,
            e.exponent,
            e.interval[0],
            e.interval[1]
        );
    }
    text
}

fn time(seconds: f64) -> String {
    let s = seconds.max(0.0).round() as u64;
    match (s / 3600, s / 60 % 60, s % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m}:{s:02}"),
        (h, m, s) => format!("{h}:{m:02}:{s:02}"),
    }
}
