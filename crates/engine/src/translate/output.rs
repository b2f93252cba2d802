//! What comes of a text: plain data.

/// One counterpart of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// The text.
    pub text: String,
    /// Its tokens, without the end.
    pub ids: Vec<u32>,
    /// Each token's log-probability, the end's last where it came to one; where a text was split into
    /// pieces, the ends between them are left out.
    pub log_probabilities: Vec<f32>,
    /// Their sum over the length, by the penalty; what outputs are ranked by. Of several pieces the
    /// mean.
    pub score: f32,
    /// Whether it came to its end; else it is as long as it may be.
    pub ended: bool,
}

impl Output {
    /// The counterpart of a text in which there is nothing to read.
    pub(super) fn empty() -> Self {
        let (text, ids, log_probabilities) = Default::default();
        Self { text, ids, log_probabilities, score: 0.0, ended: true }
    }

    /// The counterparts of a text's pieces as one, a blank between them.
    pub(super) fn joined(parts: Vec<Output>) -> Self {
        let mut whole = Self::empty();
        let count = parts.len().max(1) as f32;
        for part in parts {
            if !whole.text.is_empty() && !part.text.is_empty() {
                whole.text.push(' ');
            }
            whole.text.push_str(&part.text);
            whole.log_probabilities.truncate(whole.ids.len());
            whole.ids.extend(part.ids);
            whole.log_probabilities.extend(part.log_probabilities);
            whole.score += part.score / count;
            whole.ended &= part.ended;
        }
        whole
    }
}

/// A text and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Translation {
    /// Likeliest first; a text in which there is nothing to read has an empty one.
    pub outputs: Vec<Output>,
    /// Tokens of the text, special ones counted.
    pub tokens: usize,
    /// Tokens that were read.
    pub tokens_used: usize,
    /// Whether the rest was left out.
    pub truncated: bool,
    /// Tokens that the source's vocabulary does not know.
    pub unknown: usize,
    /// Pieces that were translated on their own, because the whole was too long; 0 where there was
    /// nothing to read.
    pub pieces: usize,
}
