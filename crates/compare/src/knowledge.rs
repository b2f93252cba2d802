//! What each trained model does on each task, kept so that nothing is measured twice.

use std::path::PathBuf;

use contexture_train::Control;
use serde::{Deserialize, Serialize};

use crate::CompareError;
use crate::config::Config;
use crate::event::{Event, Phase};
use crate::runs::{Ended, Finished, WEIGHTS};
use crate::store::{digest, file_digest, read_json, write_json};
use crate::tasks::{RunItems, TaskContext, TaskItems, TaskSettings, measure};

/// `tasks/<model>-<seed>.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Kept {
    tasks: Vec<KeptTask>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct KeptTask {
    /// Of the task's settings, its files and the model's weights.
    digest: String,
    items: TaskItems,
}

/// All tasks decide with the same seed which items they draw.
const SEED: u64 = 1;

fn path(config: &Config, model: usize, seed: u64) -> PathBuf {
    config.output.join("tasks").join(format!("{}.json", config.run_name(model, seed)))
}

fn task_digest(task: &TaskSettings, weights: &str) -> Result<String, CompareError> {
    let settings = format!("{task:?}");
    let mut parts = vec![settings, weights.to_owned()];
    for (_, file) in task.files() {
        parts.push(file_digest(file)?);
    }
    Ok(digest(&parts.iter().map(String::as_str).collect::<Vec<_>>()))
}

/// Measures whatever is not measured yet, on every run that is finished.
pub(crate) fn measure_tasks(
    config: &Config,
    threads: usize,
    watch: &mut dyn FnMut(Event<'_>) -> Control,
) -> Result<Ended, CompareError> {
    let runs = config.runs();
    let all = runs.len() * config.tasks.len();
    for (number, (model, seed)) in runs.into_iter().enumerate() {
        let name = config.run_name(model, seed);
        if Finished::read(config, model, seed).is_none() {
            watch(Event::Said(&format!("{name}: not trained to its budget yet: no task")));
            continue;
        }
        let folder = config.run_folder(model, seed);
        let weights = file_digest(&folder.join(WEIGHTS))?;
        let path = path(config, model, seed);
        let before: Kept = read_json(&path)?.unwrap_or_default();
        let mut kept = Kept::default();
        for (index, task) in config.tasks.iter().enumerate() {
            let digest = task_digest(task, &weights)?;
            let share = (number * config.tasks.len() + index) as f64 / all as f64;
            let message = task.name();
            let progress = Event::Progress { phase: Phase::Tasks, part: &name, share, message };
            if watch(progress) == Control::Stop {
                return Ok(Ended::Interrupted);
            }
            let items = match before.tasks.iter().find(|known| known.digest == digest) {
                Some(known) => known.items.clone(),
                None => measure(task, &folder, &TaskContext { threads, seed: SEED })?,
            };
            kept.tasks.push(KeptTask { digest, items });
            // What a later task of the list knows already is not lost where this is cut off.
            let mut written = kept.clone();
            let rest =
                before.tasks.iter().filter(|b| kept.tasks.iter().all(|k| k.digest != b.digest));
            written.tasks.extend(rest.cloned());
            write_json(&path, &written)?;
        }
    }
    Ok(Ended::Done)
}

/// What is known of every run, as far as it fits settings, files and weights of now.
pub(crate) fn known(config: &Config) -> Result<Vec<RunItems>, CompareError> {
    let mut found = Vec::new();
    for (model, seed) in config.runs() {
        let weights = config.run_folder(model, seed).join(WEIGHTS);
        if Finished::read(config, model, seed).is_none() {
            continue;
        }
        let Some(kept) = read_json::<Kept>(&path(config, model, seed))? else { continue };
        let weights = file_digest(&weights)?;
        let mut tasks = Vec::new();
        for task in &config.tasks {
            let digest = task_digest(task, &weights)?;
            let known = kept.tasks.iter().find(|known| known.digest == digest);
            tasks.extend(known.map(|known| known.items.clone()));
        }
        found.push(RunItems { model: config.models[model].name.clone(), seed, tasks });
    }
    Ok(found)
}
