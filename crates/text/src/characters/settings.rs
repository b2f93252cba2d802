//! What `characters.json` says.

use serde::{Deserialize, Serialize};
use unicode_categories::UnicodeCategories;

use crate::encoding::Span;
use crate::words::words;

/// Where a text is cut into words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WordSplit {
    /// At white space alone: the text has been cut into tokens before, as ELMo's was.
    #[default]
    Whitespace,
    /// Also around every sign of punctuation, as BERT does it.
    Punctuation,
}

/// The file that makes a folder's tokenizer one of characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CharacterFile {
    /// How characters are numbered.
    pub kind: CharacterKind,
    /// Where words end.
    #[serde(default)]
    pub split: WordSplit,
    /// Whether words are spelled and looked up in lower case.
    #[serde(default)]
    pub lower_case: bool,
    /// Numbers a word, its begin and end counted.
    #[serde(default = "fifty")]
    pub most: usize,
    /// The most words of a text; `None`: no maximum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<usize>,
}

/// How characters are numbered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CharacterKind {
    /// By the bytes of UTF-8; words by the lines of `vocab.txt`, where it is there.
    #[default]
    Bytes,
    /// Unicode characters by the dictionary `char.dic`, words by `word.dic`: ELMoForManyLangs.
    Dictionary,
}

fn fifty() -> usize {
    50
}

impl Default for CharacterFile {
    fn default() -> Self {
        Self {
            kind: CharacterKind::Bytes,
            split: WordSplit::Whitespace,
            lower_case: false,
            most: fifty(),
            max_length: None,
        }
    }
}

impl WordSplit {
    /// The words of a text, in order.
    pub(crate) fn cut(self, text: &str) -> Vec<Span> {
        let runs = words(text);
        if self == Self::Whitespace {
            return runs;
        }
        let mut found = Vec::with_capacity(runs.len());
        for [start, end] in runs {
            let mut from = start;
            for (at, c) in text[start..end].char_indices() {
                if !(c.is_ascii_punctuation() || c.is_punctuation()) {
                    continue;
                }
                let at = start + at;
                if from < at {
                    found.push([from, at]);
                }
                from = at + c.len_utf8();
                found.push([at, from]);
            }
            if from < end {
                found.push([from, end]);
            }
        }
        found
    }
}
