//! The runs: every model with every seed, each until its budget is used up.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use contexture_train::{Control, Event as TrainEvent, Options, StepReport, TrainError, Trainer};
use serde::{Deserialize, Serialize};

use crate::CompareError;
use crate::config::{Budget, Config};
use crate::event::{Event, Phase};
use crate::logs::{Log, Spent};
use crate::store::{digest, read_json, write_json};

/// What stands in a run's folder once its budget is used up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Finished {
    /// Of the run's configuration and its budget.
    digest: String,
    pub(crate) steps: u64,
    pub(crate) tokens: u64,
    pub(crate) seconds: f64,
}

const FINISHED: &str = "budget.json";
/// The weights of a run that is finished.
pub(crate) const WEIGHTS: &str = "model.safetensors";

impl Finished {
    /// Of a run that ended; `None` where it did not yet, or ended with other settings.
    pub(crate) fn read(config: &Config, model: usize, seed: u64) -> Option<Self> {
        let folder = config.run_folder(model, seed);
        let found: Self = read_json(&folder.join(FINISHED)).ok()??;
        (found.digest == run_digest(config, model, seed) && folder.join(WEIGHTS).is_file())
            .then_some(found)
    }
}

/// What decides a run's outcome: not where it stands, nor how many threads compute it.
fn run_digest(config: &Config, model: usize, seed: u64) -> String {
    let mut run = config.run(model, seed);
    (run.output, run.threads, run.tokenizer.from) = (PathBuf::new(), 0, None);
    let b = &config.budget;
    let budget = match b.by {
        Budget::Seconds => format!("seconds {:?}", b.seconds),
        _ => format!("tokens {:?}", b.tokens),
    };
    digest(&[&run.to_toml(), &budget])
}

/// How a phase ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Done,
    Interrupted,
}

/// Trains whatever is not trained yet.
pub(crate) fn train(
    config: &Config,
    force: bool,
    watch: &mut dyn FnMut(Event<'_>) -> Control,
) -> Result<Ended, CompareError> {
    tokenizer(config, watch)?;
    let runs = config.runs();
    for (number, (model, seed)) in runs.iter().copied().enumerate() {
        let name = config.run_name(model, seed);
        if let Some(done) = Finished::read(config, model, seed) {
            let line = format!("{name}: trained already, {} tokens", done.tokens);
            watch(Event::Said(&line));
            continue;
        }
        let whole = [number as f64 / runs.len() as f64, 1.0 / runs.len() as f64];
        let run = Run { config, model, seed, name, whole };
        if run.train(force, watch)? == Ended::Interrupted {
            return Ok(Ended::Interrupted);
        }
    }
    Ok(Ended::Done)
}

/// One tokenizer for all, made from the text that all learn from.
fn tokenizer(
    config: &Config,
    watch: &mut dyn FnMut(Event<'_>) -> Control,
) -> Result<(), CompareError> {
    let folder = config.tokenizer_folder();
    let mut run = config.run(0, config.seeds[0]);
    run.tokenizer.from = config.training.tokenizer.from.clone();
    let longest = config.models.iter().map(|named| named.settings.maximum_tokens).max();
    run.model.maximum_tokens = longest.unwrap_or(run.model.maximum_tokens);
    let settings = format!("{:?} {:?} {}", run.tokenizer, run.objectives, run.model.maximum_tokens);
    let (path, wanted) = (folder.join("settings.json"), digest(&[&settings]));
    let there = folder.join("tokenizer.json").is_file();
    match read_json::<String>(&path)? {
        Some(found) if there && found == wanted => return Ok(()),
        Some(_) | None if there => {
            return Err(CompareError::OtherSettings {
                folder,
                what: "a tokenizer that was made with other settings or from other text".into(),
            });
        }
        _ => {}
    }
    watch(Event::Said("making the tokenizer that all models share"));
    // First what it will be, so that what an interruption leaves is known for what it is.
    write_json(&path, &wanted)?;
    contexture_train::tokenizer(&run, &folder)?;
    Ok(())
}

struct Run<'a> {
    config: &'a Config,
    model: usize,
    seed: u64,
    name: String,
    /// Where this run begins in the phase, and how much of it this is.
    whole: [f64; 2],
}

impl Run<'_> {
    fn folder(&self) -> PathBuf {
        self.config.run_folder(self.model, self.seed)
    }

    fn failed(&self, source: TrainError) -> CompareError {
        match source {
            // Its own advice names an option that a comparison has not.
            TrainError::OtherRun { folder, difference } => CompareError::OtherSettings {
                folder,
                what: format!("a run with another configuration ({difference})"),
            },
            source => CompareError::Run { run: self.name.clone(), source: Box::new(source) },
        }
    }

    fn train(
        &self,
        force: bool,
        watch: &mut dyn FnMut(Event<'_>) -> Control,
    ) -> Result<Ended, CompareError> {
        let folder = self.folder();
        let run = self.config.run(self.model, self.seed);
        let mut trainer = Trainer::open(run, &Options { fresh: false, force })
            .map_err(|source| self.failed(source))?;
        let spent = Cell::new(Spent::default());
        let mut fault = None;
        let outcome = trainer.run(&mut |event| match event {
            TrainEvent::Ready { parameters, from_step, notes, .. } => {
                notes.iter().for_each(|note| {
                    watch(Event::Said(&format!("{}: {note}", self.name)));
                });
                match self.resumed(&folder, from_step) {
                    Ok(before) => spent.set(before),
                    Err(error) => {
                        fault = Some(error);
                        return Control::Stop;
                    }
                }
                let line = match from_step {
                    0 => format!("{}: {parameters} parameters", self.name),
                    step => format!("{}: going on after step {step}", self.name),
                };
                self.decide(&spent.get(), watch(Event::Said(&line)))
            }
            TrainEvent::Step(report) => {
                let now = after(&spent.get(), report);
                spent.set(now);
                self.decide(&now, self.show(&now, report, watch))
            }
            TrainEvent::HeldOut { step, loss, .. } => {
                let loss = loss.loss;
                let line = format!("{}: step {step}: held-out loss {loss:.4}", self.name);
                self.decide(&spent.get(), watch(Event::Said(&line)))
            }
            _ => Control::GoOn,
        });
        let outcome = outcome.map_err(|source| self.failed(source))?;
        match fault {
            Some(error) => return Err(error),
            None if !outcome.finished => return Ok(Ended::Interrupted),
            None => {}
        }
        let Spent { steps, tokens, seconds } = spent.get();
        let digest = run_digest(self.config, self.model, self.seed);
        write_json(&folder.join(FINISHED), &Finished { digest, steps, tokens, seconds })?;
        Ok(Ended::Done)
    }

    /// What was used up to the snapshot that the run goes on from.
    fn resumed(&self, folder: &Path, step: u64) -> Result<Spent, CompareError> {
        let log = Log::read(folder, step)?;
        if step > 0 && self.used(&log.spent_before_last()) >= 1.0 {
            return Err(CompareError::OtherSettings {
                folder: folder.into(),
                what: format!(
                    "a run that used more than this budget: {} tokens in {:.1} seconds",
                    log.spent().tokens,
                    log.spent().seconds
                ),
            });
        }
        Ok(log.spent())
    }

    /// The share of the budget that is used.
    fn used(&self, spent: &Spent) -> f64 {
        let b = &self.config.budget;
        match (b.by, b.tokens, b.seconds) {
            (Budget::Seconds, _, Some(seconds)) => spent.seconds / seconds,
            (_, Some(tokens), _) => spent.tokens as f64 / tokens as f64,
            _ => 1.0,
        }
    }

    fn decide(&self, spent: &Spent, asked: Control) -> Control {
        if self.used(spent) >= 1.0 { Control::Finish } else { asked }
    }

    fn show(
        &self,
        now: &Spent,
        report: &StepReport,
        watch: &mut dyn FnMut(Event<'_>) -> Control,
    ) -> Control {
        let used = self.used(now).min(1.0);
        let left = now.seconds * (1.0 / used.max(1e-9) - 1.0);
        let message = format!(
            "loss {:.4}  {} tokens  {:.0} tokens/s  {left:.0} s left",
            report.loss, now.tokens, report.tokens_per_s
        );
        let [begin, share] = self.whole;
        let (phase, part) = (Phase::Train, self.name.as_str());
        watch(Event::Progress { phase, part, share: begin + share * used, message: &message })
    }
}

fn after(spent: &Spent, report: &StepReport) -> Spent {
    let tokens = report.tokens.saturating_sub(spent.tokens) as f64;
    let rate = report.tokens_per_s;
    let seconds = if rate > 0.0 { tokens / rate } else { 0.0 };
    Spent { steps: report.step, tokens: report.tokens, seconds: spent.seconds + seconds }
}
