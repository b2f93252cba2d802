//! Greedy longest match over normalised words, with a lane of its own for ASCII.
//!
//! word -> the longest token it begins with -> the longest token that the rest begins with,
//! prefixed -> ...; where one is missing the whole word is unknown (Schuster and Nakajima 2012;
//! Devlin et al. 2019). Cost: one multiplication a byte for a word that is a token, else the
//! number of its tokens times the longest token; both linear in the text.

use super::added::{ByteSet, Finder};
use super::characters::{DROPPED, PUNCTUATION, SPACE, properties};
use super::normalize::{Normalized, Normalizer};
use super::settings::{Added, Settings};
use super::vocabulary::{INSIDE, Vocabulary, WORD, extend};
use crate::encoding::Encoding;
use crate::frame::{to_boundaries, trim_span};

/// What a byte of the text means to the ASCII lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Part of a word.
    Letter,
    /// Ends a word, is none.
    Blank,
    /// Ends a word and is one.
    Mark,
    /// Needs the general lane: it is removed, or is not ASCII.
    General,
}

/// A WordPiece tokenizer.
#[derive(Debug)]
pub(crate) struct WordPiece {
    vocabulary: Vocabulary,
    normalizer: Normalizer,
    unknown: u32,
    max_word: usize,
    class: [Class; 256],
    lower: [u8; 256],
    /// The id of each ASCII character as a word.
    single: [u32; 128],
    plain: Finder,
    normalized: Finder,
    suspects: ByteSet,
    extra: Vec<(u32, String)>,
    written: Vec<(u32, String)>,
    trims: Vec<bool>,
    decoder: Option<(String, bool)>,
}

/// Memory for the general lane, kept between texts.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    normalized: Normalized,
    word: Vec<u8>,
    hashes: Vec<u64>,
}

impl WordPiece {
    /// Builds the tokenizer; `None` where the settings need the `tokenizers` crate.
    pub(crate) fn build(settings: Settings) -> Option<WordPiece> {
        let vocabulary = Vocabulary::build(settings.tokens, &settings.prefix)?;
        let unknown = vocabulary.id(&settings.unk_token)?;
        if !settings.trims.is_empty() && vocabulary.has_blank_ends() {
            return None;
        }
        let normalizer = settings.normalizer;
        let Added { plain, normalized, suspects, extra, written } =
            Added::build(&settings.added, &vocabulary, normalizer)?;
        let mut model = WordPiece {
            vocabulary,
            normalizer,
            unknown,
            max_word: settings.max_word,
            class: [Class::General; 256],
            lower: [0; 256],
            single: [unknown; 128],
            plain,
            normalized,
            suspects,
            extra,
            written,
            trims: settings.trims,
            decoder: settings.decoder,
        };
        model.fill_tables();
        Some(model)
    }

    fn fill_tables(&mut self) {
        for byte in 0..128u8 {
            let c = char::from(byte);
            let at = usize::from(byte);
            let bits = properties(c);
            self.lower[at] =
                if self.normalizer.lowercase { c.to_ascii_lowercase() } else { c } as u8;
            self.class[at] = if self.normalizer.clean_text && bits & DROPPED != 0 {
                Class::General
            } else if bits & SPACE != 0 {
                Class::Blank
            } else if bits & PUNCTUATION != 0 {
                Class::Mark
            } else {
                Class::Letter
            };
            let known = self.vocabulary.find(extend(WORD, byte), false, |key| key == [byte]);
            self.single[at] = known.filter(|_| self.max_word > 0).unwrap_or(self.unknown);
        }
    }

    /// Appends the tokens of `text` (shorter than 4 GiB) to `out`.
    pub(crate) fn encode(&self, text: &str, out: &mut Encoding, scratch: &mut Scratch) {
        let (mut from, mut taken) = (0, 0);
        if !self.plain.is_empty() {
            while let Some(found) = self.plain.next(text, &mut from, taken) {
                self.piece(text, taken, found.start, out, scratch);
                let value = &text[found.start..found.end];
                self.push_added(text, found.id, value, [found.start, found.end], out);
                taken = found.end;
            }
        }
        self.piece(text, taken, text.len(), out, scratch);
    }

    fn push_added(
        &self,
        text: &str,
        id: u32,
        value: &str,
        mut span: [usize; 2],
        out: &mut Encoding,
    ) {
        let first = out.ids.len() == out.prefix;
        for add_prefix_space in &self.trims {
            trim_span(value, &mut span, first, *add_prefix_space);
        }
        let [start, end] = to_boundaries(text, span);
        out.push(id, start, end);
    }

    /// A stretch without added tokens that are found in the plain text.
    fn piece(
        &self,
        text: &str,
        start: usize,
        end: usize,
        out: &mut Encoding,
        scratch: &mut Scratch,
    ) {
        if start >= end {
            return;
        }
        let before = out.ids.len();
        let bytes = &text.as_bytes()[..end];
        if self.suspects.find(&bytes[start..]).is_none() {
            if self.lane(text, bytes, start, out, scratch) {
                return;
            }
            out.ids.truncate(before);
            out.spans.truncate(before);
        }
        let mut normal = std::mem::take(&mut scratch.normalized);
        self.normalizer.run(&text[start..end], start, &mut normal);
        let (mut from, mut taken) = (0, 0);
        while let Some(found) = self.normalized.next(&normal.text, &mut from, taken) {
            self.words(&normal, taken, found.start, out, scratch);
            let value = &normal.text[found.start..found.end];
            let span = normal.source(found.start, found.end);
            self.push_added(text, found.id, value, span, out);
            taken = found.end;
        }
        self.words(&normal, taken, normal.text.len(), out, scratch);
        scratch.normalized = normal;
    }

    /// Words of ASCII are taken straight from the text; a run with anything else in it, up to
    /// the next ASCII blank or punctuation mark, is normalised first. Such a run stands alone:
    /// an ASCII character is never moved or changed by its neighbours. Returns false where a
    /// normalised run may hold the beginning of an added token.
    fn lane(
        &self,
        text: &str,
        bytes: &[u8],
        start: usize,
        out: &mut Encoding,
        scratch: &mut Scratch,
    ) -> bool {
        let mut at = start;
        while let Some(byte) = bytes.get(at) {
            match self.class[usize::from(*byte)] {
                Class::Blank => at += 1,
                Class::Mark => {
                    out.push(self.single[usize::from(*byte)], at, at + 1);
                    at += 1;
                }
                Class::Letter => {
                    let from = at;
                    let mut hash = WORD;
                    let mut class = Class::Blank;
                    while let Some(byte) = bytes.get(at) {
                        class = self.class[usize::from(*byte)];
                        if class != Class::Letter {
                            break;
                        }
                        hash = extend(hash, self.lower[usize::from(*byte)]);
                        at += 1;
                    }
                    if class == Class::General && at < bytes.len() {
                        at = self.run_end(bytes, at);
                        if !self.run(text, from, at, out, scratch) {
                            return false;
                        }
                    } else {
                        self.ascii_word(&bytes[from..at], from, hash, out, scratch);
                    }
                }
                Class::General => {
                    let from = at;
                    at = self.run_end(bytes, at);
                    if !self.run(text, from, at, out, scratch) {
                        return false;
                    }
                }
            }
        }
        true
    }

    fn run_end(&self, bytes: &[u8], from: usize) -> usize {
        let ends = |b: &u8| matches!(self.class[usize::from(*b)], Class::Blank | Class::Mark);
        bytes[from..].iter().position(ends).map_or(bytes.len(), |n| from + n)
    }

    fn run(
        &self,
        text: &str,
        start: usize,
        end: usize,
        out: &mut Encoding,
        scratch: &mut Scratch,
    ) -> bool {
        let mut normal = std::mem::take(&mut scratch.normalized);
        self.normalizer.run(&text[start..end], start, &mut normal);
        let clear = self.normalized.first.find(normal.text.as_bytes()).is_none();
        if clear {
            self.words(&normal, 0, normal.text.len(), out, scratch);
        }
        scratch.normalized = normal;
        clear
    }

    #[inline]
    fn ascii_word(
        &self,
        word: &[u8],
        start: usize,
        hash: u64,
        out: &mut Encoding,
        scratch: &mut Scratch,
    ) {
        if word.len() > self.max_word {
            return out.push(self.unknown, start, start + word.len());
        }
        let same = |key: &[u8]| {
            key.len() == word.len()
                && key.iter().zip(word).all(|(k, b)| *k == self.lower[usize::from(*b)])
        };
        if let Some(id) = self.vocabulary.find(hash, false, same) {
            return out.push(id, start, start + word.len());
        }
        let mut lowered = std::mem::take(&mut scratch.word);
        lowered.clear();
        lowered.extend(word.iter().map(|b| self.lower[usize::from(*b)]));
        self.split(&lowered, &mut scratch.hashes, out, |a, b| [start + a, start + b]);
        scratch.word = lowered;
    }

    /// Cuts normalised text into words and those into tokens.
    fn words(
        &self,
        normal: &Normalized,
        start: usize,
        end: usize,
        out: &mut Encoding,
        scratch: &mut Scratch,
    ) {
        let mut word = |from: usize, to: usize, characters: usize, out: &mut Encoding| {
            if from == to {
                return;
            }
            if characters > self.max_word {
                let [a, b] = normal.source(from, to);
                return out.push(self.unknown, a, b);
            }
            let bytes = &normal.text.as_bytes()[from..to];
            let place = |a: usize, b: usize| normal.source(from + a, from + b);
            self.split(bytes, &mut scratch.hashes, out, place);
        };
        let (mut from, mut characters) = (start, 0);
        for (at, c) in normal.text[start..end].char_indices() {
            let at = start + at;
            let bits = properties(c);
            if bits & (SPACE | PUNCTUATION) == 0 {
                characters += 1;
                continue;
            }
            word(from, at, characters, out);
            (from, characters) = (at + c.len_utf8(), 0);
            if bits & SPACE == 0 {
                word(at, from, 1, out);
            }
        }
        word(from, end, characters, out);
    }

    /// Greedy longest match. `place` turns bytes of the word into bytes of the text.
    fn split<F: Fn(usize, usize) -> [usize; 2]>(
        &self,
        word: &[u8],
        hashes: &mut Vec<u64>,
        out: &mut Encoding,
        place: F,
    ) {
        let before = out.ids.len();
        let mut start = 0;
        while start < word.len() {
            let inside = start > 0;
            let (seed, longest) = if inside {
                (INSIDE, self.vocabulary.longest_inside)
            } else {
                (WORD, self.vocabulary.longest_word)
            };
            let reach = word.len().min(start + longest);
            hashes.clear();
            let mut hash = seed;
            hashes.extend(word[start..reach].iter().map(|byte| {
                hash = extend(hash, *byte);
                hash
            }));
            let found = hashes.iter().enumerate().rev().find_map(|(k, hash)| {
                let end = start + k + 1;
                let id = self.vocabulary.find(*hash, inside, |key| key == &word[start..end])?;
                Some((end, id))
            });
            let Some((end, id)) = found else {
                out.ids.truncate(before);
                out.spans.truncate(before);
                let [a, b] = place(0, word.len());
                return out.push(self.unknown, a, b);
            };
            let [a, b] = place(start, end);
            out.push(id, a, b);
            start = end;
        }
    }

    /// The string of an id, added tokens first.
    pub(crate) fn token(&self, id: u32) -> Option<&str> {
        let extra = self.extra.iter().find(|e| e.0 == id).map(|e| e.1.as_str());
        extra.or_else(|| self.vocabulary.token(id))
    }

    /// The id of a token's string.
    pub(crate) fn id(&self, token: &str) -> Option<u32> {
        let extra = self.extra.iter().find(|e| e.1 == token).map(|e| e.0);
        extra.or_else(|| self.vocabulary.id(token))
    }

    /// Number of tokens, added ones included.
    pub(crate) fn vocabulary_size(&self) -> usize {
        self.vocabulary.len() + self.extra.len()
    }

    /// Text again from ids, those for which `skip` says yes left out.
    pub(crate) fn decode<F: Fn(u32) -> bool>(&self, ids: &[u32], skip: F) -> String {
        let mut text = String::new();
        let written = |id: u32| {
            let changed = self.written.iter().find(|w| w.0 == id).map(|w| w.1.as_str());
            changed.or_else(|| self.token(id))
        };
        let kept = ids.iter().filter(|id| !skip(**id)).filter_map(|id| written(*id));
        for (k, token) in kept.enumerate() {
            let Some((prefix, cleanup)) = &self.decoder else {
                if k > 0 {
                    text.push(' ');
                }
                text.push_str(token);
                continue;
            };
            let part = match token.strip_prefix(prefix.as_str()) {
                _ if k == 0 => token.to_owned(),
                Some(rest) => rest.to_owned(),
                None => format!(" {token}"),
            };
            text.push_str(&if *cleanup { clean_up(&part) } else { part });
        }
        text
    }
}

/// The reference's clean-up of blanks before punctuation, which it applies to each token alone.
fn clean_up(part: &str) -> String {
    let pairs = [
        (" .", "."),
        (" ?", "?"),
        (" !", "!"),
        (" ,", ","),
        (" ' ", "'"),
        (" n't", "n't"),
        (" 'm", "'m"),
        (" do not", " don't"),
        (" 's", "'s"),
        (" 've", "'ve"),
        (" 're", "'re"),
    ];
    pairs.iter().fold(part.to_owned(), |text, (from, to)| text.replace(from, to))
}
