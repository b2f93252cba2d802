//! From a text to ids and back.

use std::collections::HashSet;

use super::normalize::{BLANK, Normalizer};
use super::pieces::{Pieces, byte_of};
use super::proto::{ModelFile, PieceKind};
use super::vocabulary::Vocabulary;
use crate::encoding::Encoding;
use crate::wordpiece::Finder;

/// A model with the ids of its pieces, ready to be used from many threads.
#[derive(Debug)]
pub(crate) struct SentencePiece {
    pieces: Pieces,
    normalizer: Normalizer,
    unknown_surface: String,
    ids: Ids,
}

/// How pieces are numbered, and what is not the model's affair.
#[derive(Debug)]
pub(crate) struct Ids {
    pub vocabulary: Vocabulary,
    /// The id of what the vocabulary does not know.
    pub unknown: u32,
    /// Tokens that are found in a text before the model sees it.
    pub special: Finder,
    /// Their ids.
    pub special_ids: HashSet<u32>,
    /// Whether `>>...<<` at the beginning is a token, as multilingual Marian models have it.
    pub language_codes: bool,
}

impl SentencePiece {
    /// An error is its reason.
    pub(crate) fn new(mut file: ModelFile, ids: Ids) -> Result<Self, String> {
        let pieces = Pieces::new(&mut file)?;
        let normalizer =
            Normalizer::new(&file).map_err(|e| format!("precompiled_charsmap: {e}"))?;
        Ok(Self { pieces, normalizer, unknown_surface: file.unknown_surface, ids })
    }

    /// Appends the tokens of `text` to `out`; an error is its reason.
    pub(crate) fn encode(&self, text: &str, out: &mut Encoding) -> Result<(), String> {
        let (mut done, mut from) = (0, 0);
        if !self.ids.special.is_empty() {
            while let Some(found) = self.ids.special.next(text, &mut from, done) {
                self.part(text, done, found.start, out)?;
                out.push(found.id, found.start, found.end);
                done = found.end;
                from = from.max(done);
            }
        }
        self.part(text, done, text.len(), out)
    }

    /// Appends the tokens of a part without special tokens.
    fn part(
        &self,
        text: &str,
        mut start: usize,
        end: usize,
        out: &mut Encoding,
    ) -> Result<(), String> {
        let coded = self.ids.language_codes && text[start..end].starts_with(">>");
        if let Some(close) = text[start..end].find("<<").filter(|_| coded) {
            let close = start + close + 2;
            out.push(self.id_or_unknown(&text[start..close]), start, close);
            start = close;
        }
        let normalized = self.normalizer.normalize(&self.pieces, &text[start..end])?;
        let text = normalized.text.as_str();
        let mut begin = 0;
        let mut segments = self.pieces.segment(text).into_iter().peekable();
        while let Some(segment) = segments.next() {
            let mut stop = segment.end;
            let unknown = self.pieces.get(segment.id).kind == PieceKind::Unknown;
            let bytes = self.pieces.bytes.as_deref().filter(|_| unknown);
            if unknown && bytes.is_none() {
                // Unknown pieces in a row are one.
                while let Some(next) = segments.next_if(|next| next.id == segment.id) {
                    stop = next.end;
                }
            }
            let [first, last] = normalized.origin(begin, stop).map(|at| at + start);
            let piece = &text[begin..stop];
            match bytes {
                None => out.push(self.id_or_unknown(piece), first, last),
                Some(ids) => {
                    for byte in piece.bytes() {
                        let piece = &self.pieces.get(ids[usize::from(byte)]).text;
                        out.push(self.id_or_unknown(piece), first, last);
                    }
                }
            }
            begin = stop;
        }
        Ok(())
    }

    fn id_or_unknown(&self, piece: &str) -> u32 {
        self.ids.vocabulary.id(piece).unwrap_or(self.ids.unknown)
    }

    pub(crate) fn token(&self, id: u32) -> Option<&str> {
        self.ids.vocabulary.token(id)
    }

    pub(crate) fn id(&self, token: &str) -> Option<u32> {
        self.ids.vocabulary.id(token)
    }

    pub(crate) fn vocabulary_size(&self) -> usize {
        self.ids.vocabulary.len()
    }

    /// Text again from ids but those that are skipped; special tokens that are kept have a blank
    /// behind them.
    pub(crate) fn decode(&self, ids: &[u32], skip: impl Fn(u32) -> bool) -> String {
        let mut out = String::new();
        let mut run = Vec::new();
        for id in ids.iter().filter(|id| !skip(**id)) {
            let Some(token) = self.token(*id) else { continue };
            if self.ids.special_ids.contains(id) {
                out.push_str(&self.join(&std::mem::take(&mut run)));
                out.push_str(token);
                out.push(' ');
            } else {
                run.push(token);
            }
        }
        out.push_str(&self.join(&run));
        // What Python strips, as transformers does.
        let blank = |c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c);
        out.replace(BLANK, " ").trim_matches(blank).to_owned()
    }

    /// The text that pieces spell.
    fn join(&self, pieces: &[&str]) -> String {
        let (mut out, mut bytes) = (String::new(), Vec::new());
        let (mut at_start, mut dropped) = (true, false);
        for piece in pieces {
            let id = self.pieces.id(piece);
            let kind = id.map_or(PieceKind::Unknown, |id| self.pieces.get(id).kind);
            if kind == PieceKind::Byte {
                bytes.extend(byte_of(piece));
                continue;
            }
            spell(&std::mem::take(&mut bytes), &mut out);
            at_start &= !dropped && out.is_empty();
            dropped = false;
            match kind {
                PieceKind::Control => {}
                PieceKind::Unknown if id.is_some() => out.push_str(&self.unknown_surface),
                PieceKind::Unknown => out.push_str(piece),
                _ => {
                    let behind = piece.strip_prefix(BLANK);
                    let drops = at_start && self.normalizer.drops_first_blank();
                    let rest = behind.filter(|_| drops);
                    dropped = rest.is_some() && !self.normalizer.drops_first_blanks();
                    let rest = rest.unwrap_or(piece);
                    out.push_str(&rest.replace(BLANK, " "));
                }
            }
        }
        spell(&bytes, &mut out);
        out
    }
}

/// Appends characters by their bytes; each byte that belongs to none becomes U+FFFD.
fn spell(mut bytes: &[u8], out: &mut String) {
    while !bytes.is_empty() {
        let valid = match std::str::from_utf8(bytes) {
            Ok(text) => return out.push_str(text),
            Err(e) => e.valid_up_to(),
        };
        out.push_str(std::str::from_utf8(&bytes[..valid]).unwrap_or_default());
        out.push('\u{fffd}');
        bytes = &bytes[valid + 1..];
    }
}
