//! The pieces of a model, and what holds of them together.

use std::collections::HashMap;

use super::lexicon::Lexicon;
use super::proto::{Algorithm, ModelFile, Piece, PieceKind};
use super::{bpe, unigram};

/// A part of a text: where it ends, and its piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub end: usize,
    pub id: u32,
}

#[derive(Debug)]
pub(crate) struct Pieces {
    list: Vec<Piece>,
    algorithm: Algorithm,
    /// Pieces that a text may be cut into.
    pub lexicon: Lexicon,
    /// Pieces that are never cut.
    symbols: Lexicon,
    /// Pieces that come from no text.
    reserved: HashMap<String, u32>,
    pub unknown: u32,
    /// The id of each byte, where bytes stand for unknown characters.
    pub bytes: Option<Box<[u32; 256]>>,
    /// Least and largest score of the normal pieces.
    pub scores: [f32; 2],
}

/// A longer piece is refused by SentencePiece too; it would make a walk over a text slow.
const LONGEST_PIECE: usize = 8000;

impl Pieces {
    /// Checks the file's pieces as SentencePiece checks them; an error is its reason.
    pub(crate) fn new(file: &mut ModelFile) -> Result<Pieces, String> {
        let list = std::mem::take(&mut file.pieces);
        let in_texts = |piece: &Piece| {
            matches!(piece.kind, PieceKind::Normal | PieceKind::UserDefined | PieceKind::Unused)
        };
        let lexicon = Lexicon::new(&list, in_texts);
        let (mut reserved, mut unknown, mut bytes) = (HashMap::new(), None, [None; 256]);
        let mut twice = lexicon.twice(&list);
        for (id, piece) in (0..).zip(&list) {
            if piece.text.len() >= LONGEST_PIECE {
                return Err(format!(
                    "piece {id} has {} bytes, expected less than {LONGEST_PIECE}",
                    piece.text.len()
                ));
            }
            if !in_texts(piece) && reserved.insert(piece.text.clone(), id).is_some() {
                twice = Some(&piece.text);
            }
            match piece.kind {
                PieceKind::Unknown if unknown.replace(id).is_some() => {
                    return Err("expected one unknown piece, found two".to_owned());
                }
                PieceKind::Byte => match byte_of(&piece.text) {
                    Some(byte) if file.byte_fallback => bytes[usize::from(byte)] = Some(id),
                    _ => return Err(format!("{:?} is no byte piece of this model", piece.text)),
                },
                _ => {}
            }
        }
        if let Some(text) = twice {
            return Err(format!("the piece {text:?} is there twice"));
        }
        let unknown = unknown.ok_or("expected an unknown piece, found none")?;
        let bytes = match file.byte_fallback {
            false => None,
            true => {
                let all: Option<Vec<u32>> = bytes.into_iter().collect();
                let all = all.and_then(|all| Box::<[u32; 256]>::try_from(all).ok());
                Some(all.ok_or("expected a piece for each of the 256 bytes")?)
            }
        };
        let normal = list.iter().filter(|piece| piece.kind == PieceKind::Normal);
        let scores = normal.fold([f32::MAX, f32::MIN], |[least, most], piece| {
            [least.min(piece.score), most.max(piece.score)]
        });
        Ok(Pieces {
            symbols: Lexicon::new(&list, |piece| piece.kind == PieceKind::UserDefined),
            algorithm: file.algorithm,
            list,
            lexicon,
            reserved,
            unknown,
            bytes,
            scores,
        })
    }

    pub(crate) fn list(&self) -> &[Piece] {
        &self.list
    }

    pub(crate) fn get(&self, id: u32) -> &Piece {
        &self.list[id as usize]
    }

    /// The id of a piece's text, whatever it is for.
    pub(crate) fn id(&self, text: &str) -> Option<u32> {
        self.reserved.get(text).copied().or_else(|| self.lexicon.id(&self.list, text))
    }

    /// The length of the longest piece at the beginning of `text` that is never cut.
    pub(crate) fn symbol(&self, text: &str) -> Option<usize> {
        if self.symbols.is_empty() {
            return None;
        }
        let mut longest = None;
        self.symbols.beginnings(&self.list, text.as_bytes(), |length, _| longest = Some(length));
        longest
    }

    /// Cuts a normalised text into pieces.
    pub(crate) fn segment(&self, text: &str) -> Vec<Segment> {
        match self.algorithm {
            Algorithm::Unigram => unigram::segment(self, text),
            Algorithm::Bpe => bpe::segment(self, text),
        }
    }
}

/// The byte of a piece like `<0x0A>`.
pub(crate) fn byte_of(piece: &str) -> Option<u8> {
    let digits = piece.strip_prefix("<0x")?.strip_suffix('>')?;
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b));
    (digits.len() == 2 && plain).then(|| u8::from_str_radix(digits, 16).ok())?
}
