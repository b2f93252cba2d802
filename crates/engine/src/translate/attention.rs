//! Which of a text's tokens each token of its counterpart looked at.

use std::sync::Arc;

use contexture_kernels::Pool;
use contexture_nn::{Segments, Session};
use contexture_text::Overflow;

use super::Translator;
use crate::EngineError;

/// Cross-attention of one output to its text.
#[derive(Debug, Clone, PartialEq)]
pub struct AttentionMap {
    /// The text's tokens as the model reads them.
    pub source: Vec<String>,
    /// The output's tokens, the end last: row i was told from what stands before it.
    pub target: Vec<String>,
    /// For each layer, for each head, `[target, source]`, each row a distribution.
    pub layers: Vec<Vec<Vec<f32>>>,
}

impl AttentionMap {
    /// The mean over a layer's heads, `[target, source]`.
    pub fn mean(&self, layer: usize) -> Vec<f32> {
        let heads = &self.layers[layer];
        let mut mean = vec![0.0; heads.first().map_or(0, Vec::len)];
        for head in heads {
            mean.iter_mut().zip(head).for_each(|(sum, value)| *sum += value / heads.len() as f32);
        }
        mean
    }
}

impl Translator {
    /// Where each token of `output` looked in `text`, by layer and head: the output is read again as
    /// a whole. `text` is cut to what the model takes.
    ///
    /// # Errors
    /// A text or an output that the model cannot take.
    pub fn attention(&self, text: &str, output: &[u32]) -> Result<AttentionMap, EngineError> {
        let limit = self.max_length();
        let mut pieces = self.source.fit("", text, limit, Overflow::Truncate)?;
        let ids = pieces.swap_remove(0).ids;
        let decoder = self.decoder();
        let weights = self.model.weights().clone();
        let mut s = Session::explain(weights, Arc::new(Pool::new(1)), true);
        let texts = Segments::single(ids.len());
        let batch = self.model.batch(ids.clone().into(), None, texts.clone())?;
        let memory = self.model.tokens(&mut s, &batch);
        s.observations();
        let read: Vec<u32> =
            std::iter::once(decoder.settings().start).chain(output.iter().copied()).collect();
        let batch = decoder.batch(read.as_slice().into(), Segments::single(read.len()))?;
        decoder.forward(&mut s, &batch, &memory, &texts);
        let layers = s
            .observations()
            .into_iter()
            .filter(|seen| seen.name == "cross attention")
            .map(|seen| seen.revealed.into_iter().map(|map| map.rows.into_vec()).collect())
            .collect();
        let name = |tokenizer: &contexture_text::Tokenizer, id: &u32| {
            tokenizer.token(*id).unwrap_or_default().to_owned()
        };
        let end = decoder.settings().end;
        Ok(AttentionMap {
            source: ids.iter().map(|id| name(&self.source, id)).collect(),
            target: output.iter().chain([&end]).map(|id| name(self.target(), id)).collect(),
            layers,
        })
    }
}
