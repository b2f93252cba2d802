//! Everything that decides what a WordPiece tokenizer does, and whether this module may do it.

use super::added::{AddedToken, ByteSet, Finder};
use super::normalize::Normalizer;
use super::vocabulary::{TokenList, Vocabulary};

/// The parts of a tokenizer file of the BERT kind.
#[derive(Debug)]
pub(crate) struct Settings {
    pub tokens: TokenList,
    pub unk_token: String,
    /// Written before tokens inside a word, `##`.
    pub prefix: String,
    /// Words with more characters than this are unknown as a whole.
    pub max_word: usize,
    pub normalizer: Normalizer,
    pub added: Vec<AddedToken>,
    /// See [`Frame::trims`](crate::frame::Frame).
    pub trims: Vec<bool>,
    /// Prefix and clean-up of the decoder; `None` where tokens are joined by blanks.
    pub decoder: Option<(String, bool)>,
}

/// Added tokens, ready to be found.
pub(super) struct Added {
    /// Those found in the text as it is.
    pub plain: Finder,
    /// Those found in the normalised text, normalised themselves.
    pub normalized: Finder,
    /// Bytes of the text, ASCII, that may become the first byte of a normalised pattern.
    pub suspects: ByteSet,
    /// Those that the vocabulary does not hold.
    pub extra: Vec<(u32, String)>,
    /// What decoding writes for those that normalisation changes.
    pub written: Vec<(u32, String)>,
}

/// Longer added tokens than this are left to the slow path: they bound the work per byte.
const LONGEST_ADDED: usize = 256;

impl Added {
    /// `None` where the reference would see these tokens in another way than this module.
    pub(super) fn build(
        tokens: &[AddedToken],
        vocabulary: &Vocabulary,
        normalizer: Normalizer,
    ) -> Option<Added> {
        let mut added = Added {
            plain: Finder::new(),
            normalized: Finder::new(),
            suspects: ByteSet::new(),
            extra: Vec::new(),
            written: Vec::new(),
        };
        let mut next = vocabulary.len() as u32;
        for token in tokens {
            let id = vocabulary.id(&token.content).unwrap_or_else(|| {
                next += 1;
                next - 1
            });
            let odd = token.single_word || token.id != id || token.content.len() > LONGEST_ADDED;
            if odd || vocabulary.token(id).is_some_and(|t| t != token.content) {
                return None;
            }
            if vocabulary.id(&token.content).is_none() {
                added.extra.push((id, token.content.clone()));
            }
            let pattern = if token.normalized {
                normalizer.plain(&token.content)
            } else {
                token.content.clone()
            };
            let inner = pattern.trim();
            if inner.is_empty() || inner.len() < pattern.len() {
                return None;
            }
            let finder = if token.normalized { &mut added.normalized } else { &mut added.plain };
            finder.add(&pattern, token)?;
            if pattern != token.content {
                added.written.push((id, pattern));
            }
        }
        for byte in 0..128u8 {
            let kept = if normalizer.lowercase { byte.to_ascii_lowercase() } else { byte };
            if added.normalized.first.holds(kept) {
                added.suspects.add(byte);
            }
        }
        Some(added)
    }
}
