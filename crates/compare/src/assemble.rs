//! From what stands in the comparison's folder to its report.

use crate::CompareError;
use crate::config::Config;
use crate::knowledge;
use crate::logs::Log;
use crate::report::{Comparison, Curve, Machine, ModelSummary, RunSummary};
use crate::runs::Finished;
use crate::sizes::Parameters;
use crate::speed::{self, Prepared};
use crate::tasks;

/// Points of a drawn curve.
const CURVE_POINTS: usize = 200;

/// The report of everything that is there by now.
pub(crate) fn assemble(
    config: &Config,
    machine: Machine,
    mut notes: Vec<String>,
) -> Result<Comparison, CompareError> {
    let speed = speed::read(&config.output.join(SPEED), config, &machine)?.unwrap_or_default();
    let mut curves = Vec::new();
    let mut models = Vec::new();
    for model in 0..config.models.len() {
        models.push(summary(config, model, &mut curves, &mut notes)?);
    }
    if !speed.points.is_empty() {
        notes.push(STAND_IN.into());
    }
    notes.extend(speed.notes.iter().cloned());
    notes.extend(speed.left_out_sentences());
    let known = knowledge::known(config)?;
    notes.extend(tasks::notes(&known));
    Ok(Comparison {
        config: config.to_toml(),
        budget: config.budget.by.name().into(),
        machine,
        version: env!("CARGO_PKG_VERSION").into(),
        models,
        exponents: speed::exponents(&speed.points),
        speed: speed.points,
        curves,
        tasks: tasks::figures(&known),
        notes,
    })
}

/// What was measured of steps.
pub(crate) const SPEED: &str = "speed.json";

const STAND_IN: &str = "A training step is timed as a forward, a stand-in loss (the mean of the \
    hidden rows' values with changing signs) and the backward with all gradients; without a \
    head over the vocabulary, which would cost every model the same, without the optimiser and \
    without dropout. Inference is a forward with packed weights. Both have as many tokens a step \
    at every length, so that longer sequences are fewer.";

fn summary(
    config: &Config,
    model: usize,
    curves: &mut Vec<Curve>,
    notes: &mut Vec<String>,
) -> Result<ModelSummary, CompareError> {
    let named = &config.models[model];
    let run = config.run(model, config.seeds[0]);
    let settings = Prepared::settings_of(&run)?;
    let parameters = Parameters::of(&run)?;
    let vocabulary = vocabulary(config)?;
    let mut runs = Vec::new();
    for seed in config.seeds.iter().copied() {
        let finished = Finished::read(config, model, seed);
        let last = finished.as_ref().map_or(u64::MAX, |finished| finished.steps);
        let log = Log::read(&config.run_folder(model, seed), last)?;
        let spent = log.spent();
        if finished.is_none() {
            let (name, tokens) = (config.run_name(model, seed), spent.tokens);
            notes.push(format!("{name}: not trained to its budget yet, {tokens} tokens so far"));
        }
        let held_out = log.held_out.last().map(|point| point.loss);
        let (steps, tokens, seconds) = (spent.steps, spent.tokens, spent.seconds);
        runs.push(RunSummary { seed, steps, tokens, seconds, held_out });
        if !log.steps.is_empty() {
            let (model, points) = (named.name.clone(), log.curve(CURVE_POINTS));
            curves.push(Curve { model, seed, points, held_out: log.held_out });
        }
    }
    let aggregator = serde_json::to_value(named.settings.aggregator).unwrap_or_default();
    Ok(ModelSummary {
        name: named.name.clone(),
        aggregator: aggregator.as_str().unwrap_or_default().into(),
        parameters: parameters.with(vocabulary),
        word_parameters: vocabulary * parameters.per_word,
        layers: settings.layers.len(),
        hidden: settings.hidden,
        runs,
    })
}

/// The tokens that there are, which may be fewer than the configuration allows.
fn vocabulary(config: &Config) -> Result<usize, CompareError> {
    let folder = config.tokenizer_folder();
    let run = config.run(0, config.seeds[0]);
    match folder.join("tokenizer.json").is_file() {
        true => Ok(contexture_train::tokenizer(&run, &folder)?.vocabulary_size()),
        false => Ok(run.tokenizer.vocabulary),
    }
}
