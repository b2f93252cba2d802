//! Probing: what do a word's vectors know of its tag? Evaluate's linear probe on frozen vectors of
//! each layer, learned on some sentences and judged on others. An item is a sentence, its value the
//! share of its words that were tagged right, its weight their number: words of one sentence are
//! not independent. Beside it stands each word's most frequent tag in training, which needs no
//! model.

use std::path::Path;

use contexture_engine::EmbedOptions;
use contexture_evaluate::probe::LogisticSettings;
use contexture_evaluate::tagging::{self, Tagged};

use super::layers::layers;
use super::measure::{TaskContext, spread};
use super::{ItemGroup, ProbingSettings, TaskItems};
use crate::CompareError;

/// Nearer to the optimum tags hardly change: accuracy moves by less than a tenth of a point.
const PROBE: LogisticSettings = LogisticSettings { c: 1.0, tolerance: 1e-4, steps: 300 };

/// Probes every layer.
///
/// # Errors
/// The files', the model's.
pub(super) fn measure(
    settings: &ProbingSettings,
    folder: &Path,
    context: &TaskContext,
) -> Result<TaskItems, CompareError> {
    let read = |path: &Path, most: usize| -> Result<Vec<Tagged>, CompareError> {
        let all = tagging::read(path, settings.column, None)?;
        Ok(spread(all.len(), most).map(|at| all[at].clone()).collect())
    };
    let training = read(&settings.training, settings.training_rows)?;
    let judged = read(&settings.file, settings.rows)?;
    let embedder = context.embedder(folder)?;
    let mut found = TaskItems::default();
    for (name, layer) in layers(&embedder)? {
        let setup = context.setup(EmbedOptions { layer, ..EmbedOptions::default() });
        let result = tagging::tagging(&embedder, &training, &judged, &PROBE, &setup)?;
        let mut group = ItemGroup::new("layer", &name, Some(result.baseline_accuracy.value));
        for (at, sentence) in result.by_sentence.iter().enumerate() {
            let words = sentence.words.max(1) as f64;
            group.push(at, sentence.right as f64 / words);
            group.weights.push(sentence.words as f64);
        }
        found.groups.push(group);
        if !result.converged {
            found.notes.push(format!(
                "the probe of layer {name} stopped after {} steps, short of its optimum",
                result.steps
            ));
        }
        if name == "0" {
            found.notes.insert(
                0,
                format!(
                    "{} tags; the probe learned from {} words of {} sentences and was judged on {} \
                     words of {}",
                    result.tags.len(),
                    result.training_words,
                    training.len(),
                    result.words,
                    result.sentences
                ),
            );
        }
    }
    Ok(found)
}
