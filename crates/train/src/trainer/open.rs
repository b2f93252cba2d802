//! Before the first step: everything is checked, opened, forecast, and put where it stood.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use contexture_kernels::measure;
use contexture_nn::{Gradients, Weights};

use super::StepReport;
use crate::config::Config;
use crate::forecast;
use crate::objectives::{self, HeldOut, Learner, Memory, Objective};
use crate::optimiser::Optimiser;
use crate::run_folder::{CONFIG, RunFolder, write_whole};
use crate::snapshot::{Progress, Snapshots};
use crate::{Forecast, PositionReport, TrainError, learner};

/// How a run is begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Lets go of the run that stands in the folder.
    pub fresh: bool,
    /// Begins although the forecast is more than the machine has.
    pub force: bool,
}

/// A run.
pub struct Trainer {
    pub(super) config: Config,
    pub(super) learner: Learner,
    pub(super) weights: Arc<Weights>,
    pub(super) optimiser: Optimiser,
    pub(super) objectives: Vec<Box<dyn Objective>>,
    pub(super) held_out: HeldOut,
    pub(super) run: RunFolder,
    pub(super) snapshots: Snapshots,
    pub(super) progress: Progress,
    pub(super) gradients: Gradients,
    pub(super) memory: Memory,
    pub(super) forecast: Forecast,
    pub(super) positions: Vec<PositionReport>,
    pub(super) notes: Vec<String>,
    pub(super) peak_gflops: f64,
    pub(super) last: Option<StepReport>,
}

impl Trainer {
    /// Checks the configuration, opens data and model, and goes on from the newest snapshot where
    /// the run's folder has one.
    ///
    /// # Errors
    /// [`TrainError`]: whatever would stop the run later is said here, where it can be known.
    pub fn open(config: Config, options: &Options) -> Result<Self, TrainError> {
        config.check()?;
        let folder = config.output.clone();
        let run = RunFolder::open(&folder)?;
        let snapshots = Snapshots::open(&folder, config.snapshots.keep)?;
        claim(&config, &folder, &snapshots, options.fresh)?;
        let threads = match config.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let learner::Prepared { learner, weights, positions, notes } =
            learner::prepare(&config, &folder, threads)?;
        let forecast = Forecast::of(&config, &learner.model, &weights);
        check_memory(&forecast, options.force)?;
        let optimiser = Optimiser::new(&config.optimiser, weights.declaration())?;
        let objectives =
            config.objectives.iter().enumerate().map(|(number, settings)| {
                objectives::open(settings, &learner, config.seed, number)
            });
        let objectives = objectives.collect::<Result<Vec<_>, _>>()?;
        let held_out = HeldOut::draw(&config, &learner)?;
        let mut trainer = Self {
            learner,
            weights,
            optimiser,
            objectives,
            held_out,
            snapshots,
            progress: Progress::default(),
            gradients: Gradients::default(),
            memory: Memory::default(),
            forecast,
            positions,
            notes,
            peak_gflops: measure::peak_gflops(threads),
            last: None,
            config,
            run,
        };
        trainer.restore()?;
        Ok(trainer)
    }

    /// Puts everything where the newest snapshot that is whole saw it.
    fn restore(&mut self) -> Result<(), TrainError> {
        let Some((snapshot, passed)) = self.snapshots.newest(self.weights.declaration())? else {
            // What an attempt without a snapshot left in the logs comes again.
            return self.run.rewind([0, 0]);
        };
        self.notes.extend(passed.into_iter().map(|reason| format!("passed over {reason}")));
        let progress = snapshot.manifest.progress;
        if progress.data.len() != self.objectives.len() {
            let found = format!("a snapshot of {}", progress.data.len());
            let expected = format!("{} objectives", self.objectives.len());
            return Err(TrainError::value("snapshots", expected, found));
        }
        self.weights = Arc::new(snapshot.weights);
        self.optimiser.restore(snapshot.optimiser)?;
        for (objective, state) in self.objectives.iter_mut().zip(&progress.data) {
            objective.restore(state)?;
        }
        self.run.rewind(snapshot.manifest.log_bytes)?;
        self.progress = progress;
        Ok(())
    }

    /// How the model knows order, looked at over its whole length.
    pub fn positions(&self) -> &[PositionReport] {
        &self.positions
    }

    /// How much memory it will take.
    pub fn forecast(&self) -> &Forecast {
        &self.forecast
    }
}

/// Sees to it that the folder holds this run or nothing.
fn claim(
    config: &Config,
    folder: &Path,
    snapshots: &Snapshots,
    fresh: bool,
) -> Result<(), TrainError> {
    let path = folder.join(CONFIG);
    let stored = match std::fs::read_to_string(&path) {
        Ok(text) => Some(Config::parse(&text, &path, &[])),
        Err(_) => None,
    };
    let difference = match &stored {
        None if folder.join("config.json").exists() => {
            Some("it holds a model that no run wrote, and training would overwrite it".into())
        }
        None => None,
        Some(Err(_)) => Some("its config.toml cannot be read".into()),
        Some(Ok(other)) => {
            let keys = config.difference(other);
            (!keys.is_empty()).then(|| keys.join(", "))
        }
    };
    match difference {
        None if stored.is_some() && !fresh => return Ok(()),
        Some(difference) if !fresh && (stored.is_none() || !snapshots.is_empty()) => {
            return Err(TrainError::OtherRun { folder: folder.into(), difference });
        }
        _ => {}
    }
    snapshots.clear()?;
    // What another run must not take for its own. The logs are open already: a run that begins cuts
    // them.
    for name in crate::tokenizer::telling().chain([CONFIG.into()]) {
        let path = folder.join(name);
        match std::fs::remove_file(&path) {
            // Nor is there a target's where `target` is a file.
            Err(e) if !matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Err(TrainError::io(&path, "cannot be removed", e));
            }
            _ => {}
        }
    }
    write_whole(&path, |file| std::io::Write::write_all(file, config.to_toml().as_bytes()))
}

fn check_memory(forecast: &Forecast, force: bool) -> Result<(), TrainError> {
    match forecast::available() {
        Some(available) if forecast.total() > available && !force => {
            Err(TrainError::Memory { needed: forecast.total() >> 20, available: available >> 20 })
        }
        _ => Ok(()),
    }
}
