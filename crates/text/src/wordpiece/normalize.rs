//! BERT's normalisation with the way back: each byte of the result knows its bytes in the text.

use unicode_normalization_alignments::UnicodeNormalization;

use super::characters::{DROPPED, IDEOGRAPH, MARK, SPACE, properties};

/// The four switches of `BertNormalizer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Normalizer {
    /// Remove control characters, make all white space blanks.
    pub clean_text: bool,
    /// Set ideographs between blanks.
    pub handle_chinese_chars: bool,
    /// Decompose and remove marks.
    pub strip_accents: bool,
    /// Lower-case.
    pub lowercase: bool,
}

/// Normalised text. Memory is kept from one text to the next.
#[derive(Debug, Default)]
pub(crate) struct Normalized {
    /// The text, valid UTF-8.
    pub text: String,
    /// For each byte of `text` the bytes of the source that it comes from. Both ends rise.
    pub from: Vec<[u32; 2]>,
    characters: Vec<(char, [u32; 2])>,
}

impl Normalized {
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.from.clear();
    }

    #[inline]
    fn push(&mut self, c: char, from: [u32; 2]) {
        self.text.push(c);
        self.from.resize(self.from.len() + c.len_utf8(), from);
    }

    /// The source bytes of a stretch of `text` that is not empty.
    pub(crate) fn source(&self, start: usize, end: usize) -> [usize; 2] {
        [self.from[start][0] as usize, self.from[end - 1][1] as usize]
    }
}

impl Normalizer {
    /// Normalises `text`, which lies at byte `offset` of the source, into `out`.
    pub(crate) fn run(&self, text: &str, offset: usize, out: &mut Normalized) {
        out.clear();
        let mut characters = std::mem::take(&mut out.characters);
        characters.clear();
        for (at, c) in text.char_indices() {
            let bits = properties(c);
            if self.clean_text && bits & DROPPED != 0 {
                continue;
            }
            let start = (offset + at) as u32;
            let from = [start, start + c.len_utf8() as u32];
            if self.handle_chinese_chars && bits & IDEOGRAPH != 0 {
                characters.extend([(' ', from), (c, from), (' ', from)]);
            } else if self.clean_text && bits & SPACE != 0 {
                characters.push((' ', from));
            } else {
                characters.push((c, from));
            }
        }
        if self.strip_accents {
            // The reference gives the k-th character that a decomposition puts first the place
            // of the k-th source character, even where canonical ordering has moved it.
            let mut taken = 0;
            for (c, change) in characters.iter().map(|(c, _)| *c).nfd() {
                taken += usize::from(change == 0);
                if properties(c) & MARK == 0 {
                    let from = characters.get(taken.saturating_sub(1)).map_or([0; 2], |c| c.1);
                    self.finish(c, from, out);
                }
            }
        } else {
            for (c, from) in &characters {
                self.finish(*c, *from, out);
            }
        }
        out.characters = characters;
    }

    #[inline]
    fn finish(&self, c: char, from: [u32; 2], out: &mut Normalized) {
        if self.lowercase {
            c.to_lowercase().for_each(|lower| out.push(lower, from));
        } else {
            out.push(c, from);
        }
    }

    /// Normalises a short string whose way back is not wanted.
    pub(crate) fn plain(&self, text: &str) -> String {
        let mut out = Normalized::default();
        self.run(text, 0, &mut out);
        out.text
    }
}
