//! What a tokenizer shall be, and the parts of a file that follow from it.

use serde::{Deserialize, Serialize};
use tokenizers::normalizers::replace::ReplacePattern;
use tokenizers::normalizers::{
    BertNormalizer, Lowercase, NFKC, Nmt, NormalizerWrapper, Replace, Sequence, Strip,
};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::pre_tokenizers::whitespace::WhitespaceSplit;

use crate::characters::WordSplit;
use crate::error::TextError;

/// Special tokens of a trained tokenizer; the place of each is its id.
pub(crate) const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// Words longer than this are `[UNK]` for WordPiece, whatever its vocabulary.
pub(crate) const LONGEST_WORD: usize = 100;

/// How a word is cut into pieces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenizerKind {
    /// BERT's: the longest piece that fits, from the left; pieces inside a word begin with `##`.
    #[default]
    WordPiece,
    /// Byte pairs merged in the order in which they were learned (Sennrich et al. 2016), over
    /// bytes as GPT-2 has it: no text is unknown.
    Bpe,
    /// The likeliest pieces under a unigram model (Kudo 2018), over words that begin with `▁`.
    Unigram,
    /// Not at all: words are spelled out, and the most frequent are listed, as ELMo has it.
    Characters,
}

/// What to train.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenizerSettings {
    /// The kind of model.
    pub kind: TokenizerKind,
    /// Number of tokens, special ones included; fewer where the text does not give as many.
    pub vocabulary: usize,
    /// Lower case throughout; for WordPiece accents go too, as in BERT.
    pub lower_case: bool,
    /// A piece is made only of what was seen at least so often (WordPiece and BPE).
    pub min_frequency: u64,
    /// Characters kept at most, the most frequent ones; words with others are `[UNK]` for
    /// WordPiece, the others alone for Unigram. BPE knows all bytes and has no use for it.
    pub alphabet: usize,
    /// Where words end, for `Characters`; the other kinds have ways of their own.
    pub split: WordSplit,
    /// `model_max_length` of the files, special tokens included; `None`: none.
    pub max_length: Option<usize>,
}

impl Default for TokenizerSettings {
    fn default() -> Self {
        Self {
            kind: TokenizerKind::WordPiece,
            vocabulary: 8192,
            lower_case: true,
            min_frequency: 2,
            alphabet: 1000,
            split: WordSplit::Punctuation,
            max_length: None,
        }
    }
}

impl TokenizerSettings {
    /// How text is normalised before it is cut into words.
    pub(crate) fn normalizer(&self) -> Result<Option<NormalizerWrapper>, TextError> {
        let lower = self.lower_case.then_some(NormalizerWrapper::Lowercase(Lowercase));
        Ok(match self.kind {
            TokenizerKind::WordPiece => {
                Some(BertNormalizer::new(true, true, None, self.lower_case).into())
            }
            TokenizerKind::Bpe | TokenizerKind::Characters => lower,
            TokenizerKind::Unigram => {
                let blanks = Replace::new(ReplacePattern::Regex(" {2,}".to_owned()), " ")
                    .map_err(TextError::training)?;
                let mut steps: Vec<NormalizerWrapper> = vec![Nmt.into(), NFKC.into()];
                steps.extend(lower);
                steps.push(blanks.into());
                steps.push(Strip::new(true, true).into());
                Some(Sequence::new(steps).into())
            }
        })
    }

    /// How normalised text is cut into words.
    pub(crate) fn pre_tokenizer(&self) -> PreTokenizerWrapper {
        match self.kind {
            TokenizerKind::WordPiece => BertPreTokenizer.into(),
            TokenizerKind::Characters if self.split == WordSplit::Whitespace => {
                WhitespaceSplit.into()
            }
            TokenizerKind::Characters => BertPreTokenizer.into(),
            TokenizerKind::Bpe => ByteLevel::new(false, true, true).into(),
            TokenizerKind::Unigram => Metaspace::new('▁', PrependScheme::Always, true).into(),
        }
    }
}
