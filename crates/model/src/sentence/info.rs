//! What there is to say about an opened model.

use std::path::PathBuf;

use serde::Serialize;

use crate::architectures::{CharacterSettings, DecoderSettings, Directions, LstmSettings};
use crate::folder::SentenceSettings;

/// A model's description, for `contexture info` and for records of runs.
#[derive(Debug, Clone, Serialize)]
pub struct ModelInfo {
    /// The folder, as it was named.
    pub folder: PathBuf,
    /// The architecture that runs it.
    pub architecture: &'static str,
    /// The family that its configuration belongs to.
    pub family: &'static str,
    /// Its position functions.
    pub positions: Vec<&'static str>,
    /// Width of a token's row.
    pub hidden: usize,
    /// The number of layers.
    pub layers: usize,
    /// Heads a layer.
    pub heads: usize,
    /// Width inside the feed-forward part.
    pub inner: usize,
    /// Its recurrent layers, where it has such.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lstm: Option<LstmSettings>,
    /// How it reads words that are spelled out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub characters: Option<CharacterSettings>,
    /// Whether its output is a learned mix of its layers.
    pub mix: bool,
    /// The decoder beside it, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decoder: Option<DecoderSettings>,
    /// Entries of the word table.
    pub vocabulary: usize,
    /// Width of a sentence's vector.
    pub dimensions: usize,
    /// The modules after the encoder, e.g. `mean pooling`.
    pub head: Vec<String>,
    /// True where the folder does not say how to pool, so that mean pooling is used.
    pub pooling_assumed: bool,
    /// What the folder says about sentences.
    pub sentence: SentenceSettings,
    /// The most tokens that the encoder can take.
    pub maximum_tokens: Option<usize>,
    /// Values in all parameters that are used.
    pub parameters: usize,
    /// Bytes of the weight files.
    pub bytes: u64,
    /// The number formats in them.
    pub precisions: Vec<String>,
    /// The weight files, beneath the folder.
    pub weight_files: Vec<String>,
    /// The licence, where the folder states one.
    pub licence: Option<String>,
    /// Each configuration file with the keys of it that were read.
    pub keys_read: Vec<(String, Vec<String>)>,
    /// Tensors for other tasks, left alone.
    pub tensors_ignored: Vec<String>,
    /// Tensors that this software knows nothing of, left alone.
    pub tensors_unknown: Vec<String>,
}

impl ModelInfo {
    /// How tokens know their places, in words.
    pub fn order(&self) -> String {
        match (&self.positions[..], &self.lstm) {
            ([], Some(_)) => "none (layers read in order)".into(),
            ([], None) => "none: it sees a bag of words".into(),
            (names, _) => names.join(", "),
        }
    }

    /// Its layers and widths, in words.
    pub fn shape(&self) -> String {
        let Self { layers, heads, hidden, inner, .. } = self;
        let mut size = match &self.lstm {
            None => format!("{layers} layers, {heads} heads, hidden {hidden}, inner {inner}"),
            Some(lstm) => {
                let directions = match lstm.directions {
                    Directions::Both if lstm.joint => "both directions, each layer reads both",
                    Directions::Both => "both directions, kept apart",
                    Directions::Forward => "forward",
                };
                format!("{layers} LSTM layers, {} cells, hidden {hidden}, {directions}", lstm.cells)
            }
        };
        if let Some(spelled) = &self.characters {
            let (filters, most) = (spelled.features(), spelled.most);
            size += &format!("; words spelled in at most {most} characters by {filters} filters");
            if let Some(words) = &spelled.words {
                let (entries, width) = (self.vocabulary, words.width);
                size += &format!(", beside a table of {entries} words of width {width}");
            }
        }
        if let Some(decoder) = &self.decoder {
            let d = &decoder.layers;
            size += &format!("; decoder: {} layers, hidden {}", d.layers.len(), d.hidden);
            if d.lstm.is_some() {
                size += ", LSTM";
            }
        }
        if self.mix {
            size += "; output: a learned mix of the layers";
        }
        size
    }
}

/// What kind of model it is.
pub(super) fn architecture(decoder: Option<&DecoderSettings>) -> &'static str {
    if decoder.is_some() { "encoder-decoder" } else { "encoder" }
}

/// The `license:` line of a model card's front matter.
pub(crate) fn licence(card: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(card);
    let mut lines = text.lines();
    (lines.next()?.trim() == "---").then_some(())?;
    let front = lines.take_while(|line| line.trim() != "---");
    let value = front.filter_map(|line| line.strip_prefix("license:")).next()?;
    let value = value.trim().trim_matches(['"', '\'']);
    (!value.is_empty()).then(|| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_licence_is_read_from_the_front_matter_only() {
        assert_eq!(licence(b"---\nlicense: apache-2.0\n---\n").as_deref(), Some("apache-2.0"));
        assert_eq!(licence(b"---\nlanguage: en\n---\nlicense: mit\n"), None);
        assert_eq!(licence(b"license: mit\n"), None);
        assert_eq!(licence(b"---\nlicense: \"mit\"\n").as_deref(), Some("mit"));
    }
}
