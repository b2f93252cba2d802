//! What is done with a text before pieces are chosen: the character map, and blanks.

use super::character_map::CharacterMap;
use super::pieces::Pieces;
use super::proto::ModelFile;

/// What stands for a blank.
pub(crate) const BLANK: &str = "\u{2581}";

/// A text as pieces see it, and where each of its bytes comes from.
#[derive(Debug, Default)]
pub(crate) struct Normalized {
    pub text: String,
    /// For each byte, and for the end, the byte of the user's text where what became it begins.
    pub from: Vec<u32>,
}

#[derive(Debug)]
pub(crate) struct Normalizer {
    map: Option<CharacterMap>,
    dummy_prefix: bool,
    dummy_suffix: bool,
    /// Whether blanks at both ends are dropped, and those in a row joined.
    joins_blanks: bool,
    blank: &'static str,
}

impl Normalizer {
    /// An error is its reason.
    pub(crate) fn new(file: &ModelFile) -> Result<Normalizer, String> {
        let spec = &file.normalizer;
        let map = (!spec.character_map.is_empty()).then(|| CharacterMap::read(&spec.character_map));
        Ok(Normalizer {
            map: map.transpose()?,
            dummy_prefix: spec.add_dummy_prefix && !file.whitespace_as_suffix,
            dummy_suffix: spec.add_dummy_prefix && file.whitespace_as_suffix,
            joins_blanks: spec.remove_extra_whitespaces,
            blank: if spec.escape_whitespaces { BLANK } else { " " },
        })
    }

    /// Whether a blank at the beginning of a decoded text is left out.
    pub(crate) fn drops_first_blank(&self) -> bool {
        self.dummy_prefix || self.dummy_suffix || self.joins_blanks
    }

    /// Whether all blanks at the beginning are.
    pub(crate) fn drops_first_blanks(&self) -> bool {
        self.joins_blanks
    }

    /// The normal form of `text`, whose bytes have places of 32 bits.
    pub(crate) fn normalize(&self, pieces: &Pieces, text: &str) -> Result<Normalized, String> {
        let mut out = Normalized::default();
        let mut at = 0;
        if self.joins_blanks {
            while let Some((taken, " ")) = self.prefix(pieces, &text[at..]) {
                at += taken;
            }
        }
        if at == text.len() {
            return Ok(out);
        }
        out.text.reserve(text.len() - at + BLANK.len());
        out.from.reserve(text.len() - at + BLANK.len());
        if self.dummy_prefix {
            out.push(self.blank, at);
        }
        let mut after_blank = self.joins_blanks;
        while let Some((taken, mut becomes)) = self.prefix(pieces, &text[at..]) {
            if after_blank {
                becomes = becomes.trim_start_matches(' ');
            }
            for part in becomes.split_inclusive(' ') {
                out.push(part.trim_end_matches(' '), at);
                if part.ends_with(' ') {
                    out.push(self.blank, at);
                }
            }
            if !becomes.is_empty() {
                after_blank = self.joins_blanks && becomes.ends_with(' ');
            }
            at += taken;
            if out.text.len() > u32::MAX as usize - BLANK.len() {
                return Err("its normal form has more than 4 GiB; cut the text before".to_owned());
            }
        }
        if self.joins_blanks {
            while out.text.ends_with(self.blank) {
                let length = out.text.len() - self.blank.len();
                at = out.from[length] as usize;
                out.text.truncate(length);
                out.from.truncate(length);
            }
        }
        if self.dummy_suffix {
            out.push(self.blank, at);
        }
        out.from.push(at as u32);
        Ok(out)
    }

    /// How many bytes at the beginning are rewritten together, and what they become.
    fn prefix<'a>(&'a self, pieces: &Pieces, text: &'a str) -> Option<(usize, &'a str)> {
        if let Some(length) = pieces.symbol(text) {
            return Some((length, &text[..length]));
        }
        if let Some(rule) = self.map.as_ref().and_then(|map| map.rule(text)) {
            return Some(rule);
        }
        let length = text.chars().next()?.len_utf8();
        Some((length, &text[..length]))
    }
}

impl Normalized {
    fn push(&mut self, part: &str, at: usize) {
        self.text.push_str(part);
        self.from.resize(self.text.len(), at as u32);
    }

    /// The bytes of the user's text that became the bytes `start..end` here; all of what was rewritten
    /// together where only a part of it stands here.
    pub(crate) fn origin(&self, start: usize, end: usize) -> [usize; 2] {
        let last = self.from[end.max(1) - 1];
        let next = self.from[end..].iter().find(|from| **from > last).unwrap_or(&last);
        [self.from[start] as usize, *next as usize]
    }
}
