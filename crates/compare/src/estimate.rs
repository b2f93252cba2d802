//! About how long a comparison will take, by one step of each model: said before it is begun.
//!
//! A step is timed without the language head and the optimiser, whose work is added by its
//! multiply-adds at the speed that the step reached. Longer sequences are taken to cost as much a
//! token as those of the objective. Tasks are not in it.

use std::sync::Arc;

use contexture_kernels::Pool;
use serde::Serialize;

use crate::CompareError;
use crate::config::{Budget, Config};
use crate::report::{By, Mode};
use crate::runs::Finished;
use crate::sizes::Parameters;
use crate::speed::{Prepared, places};

/// What a comparison will take, about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate {
    /// By model.
    pub models: Vec<ModelEstimate>,
    /// Seconds of all runs that are not finished.
    pub train_seconds: f64,
    /// Seconds of all speeds, as if none were measured.
    pub speed_seconds: f64,
    /// Widths that were chosen.
    pub notes: Vec<String>,
}

/// What one model will take, about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelEstimate {
    /// The model.
    pub name: String,
    /// Values that are trained.
    pub parameters: usize,
    /// Those of them that belong to words.
    pub word_parameters: usize,
    /// Tokens a second while it trains.
    pub tokens_per_s: f64,
    /// Seconds of a run.
    pub run_seconds: f64,
}

/// Times a step of each model.
pub(crate) fn estimate(config: &Config, notes: Vec<String>) -> Result<Estimate, CompareError> {
    let threads = match config.training.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let pool = Arc::new(Pool::new(threads));
    let mut found = Estimate { models: Vec::new(), train_seconds: 0.0, speed_seconds: 0.0, notes };
    for model in 0..config.models.len() {
        found.add(config, model, threads, &pool)?;
    }
    Ok(found)
}

impl Estimate {
    fn add(
        &mut self,
        config: &Config,
        model: usize,
        threads: usize,
        pool: &Arc<Pool>,
    ) -> Result<(), CompareError> {
        let run = config.run(model, config.seeds[0]);
        let objectives = &run.objectives;
        let length = objectives.iter().map(|o| o.length()).max().unwrap_or(1);
        let tokens = objectives.iter().map(|o| o.batch_tokens()).max().unwrap_or(1);
        let mut prepared = Prepared::new(&run, length)?;
        let work = prepared.work((tokens / length).max(1), length)?;
        let mut time = |mode: Mode| {
            // The first step makes memory that later ones use again.
            prepared.seconds(mode, &work, pool);
            let timed = [(); 2].map(|()| prepared.seconds(mode, &work, pool));
            timed[0].min(timed[1]) / work.tokens() as f64
        };
        let (infer, train) = (time(Mode::Infer), time(Mode::Train));
        let vocabulary = run.tokenizer.vocabulary;
        let parameters = Parameters::of(&run)?;
        let heads = objectives.iter().filter(|o| o.needs_language_head()).count() as f64;
        // Products of a vocabulary run near the peak: the machine's, on these threads.
        let peak = contexture_kernels::measure::peak_gflops(threads) * 1e9;
        let word_operations = heads * 6.0 * (vocabulary * run.model.hidden) as f64;
        let token = train + word_operations / (0.7 * peak);
        let run_seconds = match (config.budget.by, config.budget.tokens, config.budget.seconds) {
            (Budget::Seconds, _, Some(seconds)) => seconds,
            (_, tokens, _) => tokens.unwrap_or(0) as f64 * token,
        };
        let left = |seed: &&u64| Finished::read(config, model, **seed).is_none();
        self.train_seconds += run_seconds * config.seeds.iter().filter(left).count() as f64;
        let layers = prepared.settings().layers.len().max(1) as f64;
        let s = &config.speed;
        for place in places(s) {
            let deeper = if place.by == By::Depth { place.size as f64 / layers } else { 1.0 };
            let step = s.tokens.max(place.length(s)) as f64 * threads as f64 / place.threads as f64;
            let token = if place.mode == Mode::Infer { infer } else { train };
            self.speed_seconds += (s.repeats + 1) as f64 * step * token * deeper;
        }
        self.models.push(ModelEstimate {
            name: config.models[model].name.clone(),
            parameters: parameters.with(vocabulary),
            word_parameters: vocabulary * parameters.per_word,
            tokens_per_s: 1.0 / token,
            run_seconds,
        });
        Ok(())
    }
}
