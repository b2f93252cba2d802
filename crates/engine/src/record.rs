//! What comes out of the engine: plain data, owned, ready for a sink, JSON or a terminal.

/// Half-open byte range of the input text, `[start, end)`.
pub type Span = [usize; 2];

/// One vector of a finer level: a user's word, or a model token.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    /// The unit's text: the slice of the input for a word; the vocabulary's entry for a token.
    pub text: String,
    /// Where it stands in the input; `None` for tokens that the model added (`[CLS]`, `</s>`).
    pub span: Option<Span>,
    /// `[dimensions]`; empty for a word of which no token was used (it lies in the cut tail).
    pub embedding: Vec<f32>,
}

/// A vector in the precision that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Vector {
    /// 32-bit floats, one per dimension.
    F32(Vec<f32>),
    /// One signed byte per dimension, quantised over the calibration range.
    Int8(Vec<i8>),
    /// One bit per dimension, eight to a byte, most significant first, less 128.
    Binary(Vec<i8>),
}

/// One text, or one chunk of a text, embedded.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The sentence vector; `None` where only finer levels were asked for.
    pub embedding: Option<Vector>,
    /// Tokens of the whole text, special tokens counted.
    pub tokens: usize,
    /// Tokens that the model saw.
    pub tokens_used: usize,
    /// Whether the text was longer than the model's limit and was cut.
    pub truncated: bool,
    /// The bytes of the input that this record covers.
    pub span: Span,
    /// The chunk's number within its text, from 0; always 0 unless chunking.
    pub chunk: usize,
    /// Word vectors, where asked for.
    pub words: Option<Vec<Unit>>,
    /// Token vectors, where asked for.
    pub tokens_detail: Option<Vec<Unit>>,
    /// Words of which the model, which spells words out, saw only the beginning: they have more
    /// bytes than it takes. 0 for models of sub-words.
    pub cut_words: usize,
}

impl Record {
    /// The sentence vector as floats; empty where there is none or it was quantised.
    pub fn vector(&self) -> &[f32] {
        match &self.embedding {
            Some(Vector::F32(values)) => values,
            _ => &[],
        }
    }
}

/// The cosine of the angle between two vectors of one length; 0 where one of them is zero.
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "dimensions of the two vectors");
    let sum = |x: &[f32], y: &[f32]| -> f64 {
        x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
    };
    let lengths = (sum(a, a) * sum(b, b)).sqrt();
    if lengths > 0.0 { (sum(a, b) / lengths) as f32 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosine_is_guarded_and_bounded() {
        assert_eq!(cosine(&[1.0, 0.0], &[2.0, 0.0]), 1.0);
        assert_eq!(cosine(&[1.0, 0.0], &[0.0, 3.0]), 0.0);
        assert_eq!(cosine(&[0.0, 0.0], &[0.0, 3.0]), 0.0);
    }
}
