//! Word in context: does a word mean the same in two sentences? (Pilehvar & Camacho-Collados
//! 2019.) Evaluate's task on the vectors of each layer: the cosine of the word's two vectors is
//! compared with a threshold, learned on training pairs or, without any, by cross-validation in
//! ten parts: each part is judged by the threshold that is best on the nine others.

use std::path::Path;

use contexture_engine::EmbedOptions;
use contexture_evaluate::metrics::best_accuracy;
use contexture_evaluate::probe::stratified_folds;
use contexture_evaluate::wic::{self, WicColumns};

use super::layers::layers;
use super::measure::TaskContext;
use super::{ItemGroup, TaskItems, WordInContextSettings};
use crate::CompareError;

/// Parts of the cross-validation.
const FOLDS: usize = 10;

/// Judges every pair by the vectors of each layer.
///
/// # Errors
/// The files', the model's.
pub(super) fn measure(
    settings: &WordInContextSettings,
    folder: &Path,
    context: &TaskContext,
) -> Result<TaskItems, CompareError> {
    let limit = |rows: usize| (rows > 0).then_some(rows);
    let columns = WicColumns::default();
    let pairs = wic::read(&settings.file, &columns, limit(settings.rows))?;
    let training = match &settings.training {
        Some(path) => wic::read(path, &columns, limit(settings.training_rows))?,
        None => Vec::new(),
    };
    let embedder = context.embedder(folder)?;
    let gold: Vec<bool> = pairs.iter().map(|pair| pair.same).collect();
    let same = gold.iter().filter(|same| **same).count() as f64 / gold.len() as f64;
    let mut found = TaskItems::default();
    for (name, layer) in layers(&embedder)? {
        let setup = context.setup(EmbedOptions { layer, ..EmbedOptions::default() });
        let result = contexture_evaluate::wic(&embedder, &pairs, &training, &setup)?;
        let called: Vec<bool> = match training.is_empty() {
            true => cross_validated(&result.cosines, &gold),
            false => result.cosines.iter().map(|cosine| *cosine >= result.threshold).collect(),
        };
        let mut group = ItemGroup::new("layer", &name, Some(same.max(1.0 - same)));
        for (at, (called, gold)) in called.iter().zip(&gold).enumerate() {
            group.push(at, f64::from(u8::from(called == gold)));
        }
        found.groups.push(group);
        if name == "0" && result.without_vector > 0 {
            let cut = result.without_vector;
            found.notes.push(format!("of {cut} pairs a word lies behind the model's limit"));
        }
    }
    let threshold = match training.len() {
        0 => format!("by cross-validation in {FOLDS} parts"),
        count => format!("on {count} training pairs"),
    };
    found.notes.insert(0, format!("{} pairs, the threshold learned {threshold}", gold.len()));
    Ok(found)
}

/// Each pair's call by the threshold that is best on the other parts.
fn cross_validated(cosines: &[f64], gold: &[bool]) -> Vec<bool> {
    let classes: Vec<usize> = gold.iter().map(|same| usize::from(*same)).collect();
    let folds = FOLDS.min(gold.len());
    let fold_of = stratified_folds(&classes, folds.max(1));
    let thresholds: Vec<f64> = (0..folds)
        .map(|fold| {
            let others = (0..gold.len()).filter(|at| fold_of[*at] != fold);
            let (values, labels): (Vec<f64>, Vec<bool>) =
                others.map(|at| (cosines[at], gold[at])).unzip();
            best_accuracy(&values, &labels).threshold
        })
        .collect();
    (0..gold.len()).map(|at| cosines[at] >= thresholds[fold_of[at]]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_judged_by_the_others() {
        let gold: Vec<bool> = (0..40).map(|n| n % 2 == 0).collect();
        let clear: Vec<f64> =
            gold.iter().enumerate().map(|(n, same)| f64::from(*same) + n as f64 * 0.01).collect();
        let called = cross_validated(&clear, &gold);
        assert_eq!(called, gold);
        // One threshold for all pairs would be right more than half of the time on noise.
        let noise = vec![0.5; 40];
        assert!(cross_validated(&noise, &gold).windows(2).all(|pair| pair[0] == pair[1]));
    }
}
