//! A smaller model that begins as a part of a larger one: some of its layers, some of its words
//! (Sanh et al. 2019, section 2: a student that starts from the teacher's own layers).

use std::path::Path;
use std::sync::Arc;

use contexture_nn::Weights;

use super::model::Model;
use super::options::NewModel;
use crate::ModelError;
use crate::architectures::Aggregator;

const WORDS: &str = "embeddings.words.weight";
const LAYERS: &str = "layers.";

impl Model {
    /// A new model that has `layers` of this one, by number from below, and of its table of words the
    /// rows `words`, in that order; everything else is copied, heads of other tasks are left out.
    /// This model's weights must be plain. `dropout` is for training.
    ///
    /// Errors: a model whose layers are not attention, layers or words that it does not have.
    pub fn reduced(
        &self,
        layers: &[usize],
        words: &[u32],
        dropout: f32,
    ) -> Result<Self, ModelError> {
        let e = self.encoder.settings();
        let refused = |key: &str, expected: String, found: String| {
            Err(ModelError::Contradiction { key: key.into(), expected, found })
        };
        if e.aggregator != Aggregator::Attention || e.characters.is_some() || e.mix {
            let expected = "layers of attention over a table of words, without a mix of layers";
            return refused("keep", expected.into(), format!("{:?} layers", e.aggregator));
        }
        if let Some(wrong) = layers.iter().find(|layer| **layer >= e.layers.len()) {
            let expected = format!("layers from 0 to {}", e.layers.len() - 1);
            return refused("keep.layers", expected, wrong.to_string());
        }
        if let Some(wrong) = words.iter().find(|word| **word as usize >= e.vocabulary) {
            let expected = format!("words below {}", e.vocabulary);
            return refused("keep.vocabulary", expected, wrong.to_string());
        }
        let mut settings = e.clone();
        settings.layers = layers.iter().map(|layer| e.layers[*layer]).collect();
        settings.vocabulary = words.len();
        settings.dropout = dropout;
        let mut model = Self::create(
            &NewModel {
                settings,
                head: self.head.settings().modules.clone(),
                language: None,
                classifier: None,
                decoder: None,
                sentence: self.sentence.clone(),
            },
            0,
        )?;
        let mut weights = model.take_weights();
        let own = Arc::get_mut(&mut weights).expect("nobody else has a new model's weights");
        copy(&self.weights, own, layers, words, self.info.folder.as_path())?;
        model.set_weights(weights);
        Ok(model)
    }
}

fn copy(
    from: &Weights,
    to: &mut Weights,
    layers: &[usize],
    words: &[u32],
    folder: &Path,
) -> Result<(), ModelError> {
    let source: std::collections::HashMap<&str, _> =
        from.declaration().params.iter().map(|d| (d.name.as_str(), d.param)).collect();
    let wanted: Vec<_> =
        to.declaration().params.iter().map(|d| (d.name.clone(), d.param)).collect();
    for (name, param) in wanted {
        let theirs = original(&name, layers);
        let Some(found) = source.get(theirs.as_str()) else {
            return Err(ModelError::MissingTensor {
                path: folder.into(),
                tensor: theirs,
                parameter: name,
                expected: format!("[{}, {}]", param.rows, param.width),
            });
        };
        let (values, own) = (from.plain(*found), to.plain_mut(param));
        if name == WORDS {
            for (row, word) in own.chunks_exact_mut(param.width).zip(words) {
                row.copy_from_slice(&values[*word as usize * param.width..][..param.width]);
            }
        } else {
            own.copy_from_slice(values);
        }
    }
    Ok(())
}

/// What a parameter of the part is called in the whole: layers have other numbers there.
fn original(name: &str, layers: &[usize]) -> String {
    let numbered = name.strip_prefix(LAYERS).and_then(|rest| rest.split_once('.'));
    match numbered.and_then(|(number, rest)| Some((number.parse::<usize>().ok()?, rest))) {
        Some((number, rest)) => format!("{LAYERS}{}.{rest}", layers[number]),
        None => name.to_owned(),
    }
}
