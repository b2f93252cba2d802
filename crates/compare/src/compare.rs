//! A comparison from its configuration to its report, going on where it stood.

use std::path::PathBuf;

use contexture_train::Control;

use crate::CompareError;
use crate::assemble::{SPEED, assemble};
use crate::config::Config;
use crate::estimate::{Estimate, estimate};
use crate::event::{Event, Phase};
use crate::knowledge::measure_tasks;
use crate::report::{Comparison, Machine};
use crate::runs::{self, Ended};
use crate::store::{Store, write_json, write_text};
use crate::{fit, page, speed};

/// A comparison that holds its folder.
#[derive(Debug)]
pub struct Comparer {
    config: Config,
    store: Store,
    machine: Machine,
    notes: Vec<String>,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// Everything that was measured by now.
    pub report: Comparison,
    /// `comparison.json`.
    pub json: PathBuf,
    /// The page, where one was made.
    pub page: Option<PathBuf>,
    /// Whether it was told to stop before its end, and can go on.
    pub interrupted: bool,
}

impl Comparer {
    /// Checks the configuration, fits widths where the budget is one of parameters, and holds the
    /// folder.
    ///
    /// # Errors
    /// Values that cannot work; a folder that cannot be written, or that another process holds.
    pub fn open(mut config: Config) -> Result<Self, CompareError> {
        config.check()?;
        let notes = fit::fit(&mut config)?;
        let store = Store::open(&config.output)?;
        Ok(Self { config, store, machine: Machine::here(), notes })
    }

    /// The configuration, with the widths that were fitted.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// About how long everything will take.
    ///
    /// # Errors
    /// Models that cannot be made.
    pub fn estimate(&self) -> Result<Estimate, CompareError> {
        estimate(&self.config, self.notes.clone())
    }

    /// Does what is not done yet of `phases`, and writes the report of what is there. `force`
    /// begins runs although the forecast is more memory than the machine has.
    ///
    /// # Errors
    /// [`CompareError`]: what was done by then is kept.
    pub fn run(
        &mut self,
        phases: &[Phase],
        force: bool,
        watch: &mut dyn FnMut(Event<'_>) -> Control,
    ) -> Result<Outcome, CompareError> {
        for note in &self.notes {
            watch(Event::Said(note));
        }
        let mut ended = Ended::Done;
        for phase in Phase::ALL.into_iter().filter(|phase| phases.contains(phase)) {
            ended = match phase {
                Phase::Train => runs::train(&self.config, force, watch)?,
                Phase::Speed => {
                    let path = self.store.join(SPEED);
                    speed::measure(&path, &self.config, &self.machine, watch)?
                }
                Phase::Tasks => measure_tasks(&self.config, self.threads(), watch)?,
                Phase::Page => Ended::Done,
            };
            if ended == Ended::Interrupted {
                break;
            }
        }
        let report = assemble(&self.config, self.machine.clone(), self.notes.clone())?;
        let json = self.store.join("comparison.json");
        write_json(&json, &report)?;
        let page = match page::page(&report) {
            Some(text) => {
                let path = self.store.join("comparison.html");
                write_text(&path, &text)?;
                for (name, drawn) in page::figures(&report) {
                    let place = format!("figures/{name}.svg");
                    write_text(&self.store.join(place), &drawn)?;
                }
                Some(path)
            }
            None => None,
        };
        Ok(Outcome { report, json, page, interrupted: ended == Ended::Interrupted })
    }

    fn threads(&self) -> usize {
        match self.config.training.threads {
            0 => self.machine.threads,
            threads => threads,
        }
    }
}
