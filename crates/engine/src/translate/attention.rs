//! Which of a text's tokens each token of its counterpart looked at.

use std::sync::Arc;

use contexture_kernels::Pool;
use contexture_nn::{Segments, Session};
use contexture_text::Tokenizer;

use super::{Output, TranslateOptions, Translator};
use crate::EngineError;

/// Cross-attention of one output to its text.
#[derive(Debug, Clone, PartialEq)]
pub struct AttentionMap {
    /// The text's tokens as the model reads them, by the vocabulary's entries; where those spell
    /// bytes, by what they stand for.
    pub source: Vec<String>,
    /// The output's tokens, the end last where it came to one: row i was told from what stands before
    /// it.
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
    /// Where each token of an `output` of `text` looked, by layer and head: the output is read again
    /// as a whole. `None` where there was nothing to read or to write, and where the text was split
    /// into pieces, which did not see each other.
    ///
    /// # Errors
    /// A text that is too long where that is an error.
    pub fn attention(
        &self,
        text: &str,
        output: &Output,
        options: &TranslateOptions,
    ) -> Result<Option<AttentionMap>, EngineError> {
        options.check(self)?;
        let pieces = self.pieces(text, 0, options)?;
        let decoder = self.decoder();
        let start = decoder.settings().start;
        let read: Vec<u32> = [start].iter().chain(&output.ids).copied().collect();
        // An output that came to no end was cut: nothing was told from its last token.
        let told = if output.ended { read.len() } else { read.len() - 1 };
        let ([piece], false) = (pieces.as_slice(), told == 0) else { return Ok(None) };
        let ids = &piece.ids;
        let weights = self.model().weights().clone();
        let mut s = Session::explain(weights, Arc::new(Pool::new(1)), true);
        let texts = Segments::single(ids.len());
        let batch = self.model().batch(ids.as_slice().into(), None, texts.clone())?;
        let memory = self.model().tokens(&mut s, &batch);
        s.observations();
        let batch = decoder.batch(read[..told].into(), Segments::single(told))?;
        decoder.forward(&mut s, &batch, &memory, &texts);
        let layers = s
            .observations()
            .into_iter()
            .filter(|seen| seen.name == "cross attention")
            .map(|seen| seen.revealed.into_iter().map(|map| map.rows.into_vec()).collect())
            .collect();
        let end = decoder.settings().end;
        Ok(Some(AttentionMap {
            source: ids.iter().map(|id| name(self.source(), *id)).collect(),
            target: output
                .ids
                .iter()
                .chain([&end])
                .take(told)
                .map(|id| name(self.target(), *id))
                .collect(),
            layers,
        }))
    }
}

/// A vocabulary of bytes holds `ĠMÃ¤nner` for ` Männer`; a part of a character stays as it is.
fn name(tokenizer: &Tokenizer, id: u32) -> String {
    let entry = tokenizer.token(id).unwrap_or_default();
    let text = tokenizer.decode(&[id], false).unwrap_or_default();
    let marked = entry.contains('▁') || entry.starts_with("##");
    match text.is_empty() || text.contains('\u{fffd}') || marked {
        true => entry.to_owned(),
        false => text.replace(' ', "▁"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn tokens_of_bytes_are_named_by_what_they_stand_for() {
        let file = br#"{
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
            "normalizer": null, "post_processor": null,
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true},
            "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true},
            "model": {"type": "BPE", "dropout": null, "unk_token": null,
                "continuing_subword_prefix": "", "end_of_word_suffix": "", "fuse_unk": false,
                "vocab": {"\u0120M\u00c3\u00a4nner": 0, "nn": 1, "\u00c3": 2}, "merges": []}
        }"#;
        let files = [("tokenizer.json", file.as_slice())];
        let tokenizer = Tokenizer::open_files(Path::new("tiny"), &files).expect("a tokenizer");
        let names = [0, 1, 2, 9].map(|id| name(&tokenizer, id));
        assert_eq!(names, ["▁Männer", "nn", "\u{c3}", ""]);
    }
}
