//! The protobuf messages of a model file, as much of them as decides what a text becomes.
//!
//! | message | fields |
//! |---|---|
//! | model | 1 piece, 2 trainer, 3 normalizer, 5 denormalizer |
//! | piece | 1 text, 2 score, 3 kind |
//! | trainer | 3 algorithm, 24 whether blanks end words, 35 bytes for unknown characters, 44 how `<unk>` is shown |
//! | normalizer | 2 character map, 3 to 5 what is done with blanks |
//!
//! Other fields are stepped over. A message that comes twice is the sum of both, the later field
//! counts: so protobuf has it.

use std::path::Path;

use crate::error::TextError;

/// What a piece is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PieceKind {
    Normal,
    /// Stands for what no piece spells.
    Unknown,
    /// Never comes from a text and leaves none.
    Control,
    /// Is never cut or rewritten.
    UserDefined,
    Unused,
    /// One byte of a character that no piece spells.
    Byte,
}

/// One entry of the model's vocabulary; its place is its id.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Piece {
    pub text: String,
    pub score: f32,
    pub kind: PieceKind,
}

/// How pieces are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Unigram,
    Bpe,
}

/// What is done with a text before pieces are chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NormalizerSpec {
    pub character_map: Vec<u8>,
    pub add_dummy_prefix: bool,
    pub remove_extra_whitespaces: bool,
    pub escape_whitespaces: bool,
}

/// A model file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ModelFile {
    pub pieces: Vec<Piece>,
    pub algorithm: Algorithm,
    pub whitespace_as_suffix: bool,
    pub byte_fallback: bool,
    /// What an unknown piece is shown as.
    pub unknown_surface: String,
    pub normalizer: NormalizerSpec,
}

/// The largest models in use have some 260,000 pieces.
const MOST_PIECES: usize = 1 << 20;

impl ModelFile {
    /// Reads the file at `path`.
    pub(crate) fn read(bytes: &[u8], path: &Path) -> Result<ModelFile, TextError> {
        let malformed = |reason| TextError::Malformed { path: path.to_path_buf(), reason };
        let mut draft = Draft::default();
        draft.model(Fields { rest: bytes, at: 0 }).map_err(malformed)?;
        // Every trainer writes both, in this order and last: a file without them was cut off.
        let missing =
            |what| malformed(format!("ends without its {what}; it is cut off, copy it anew"));
        let algorithm = draft.algorithm.ok_or_else(|| missing("trainer's settings"))?;
        let normalizer = draft.normalizer.ok_or_else(|| missing("normalizer"))?;
        let refuse = |place, found: String, supported| {
            Err(TextError::Unsupported { path: path.to_path_buf(), place, found, supported })
        };
        if !draft.denormalizer.unwrap_or_else(empty_normalizer).character_map.is_empty() {
            return refuse("denormalizer_spec", "a character map".to_owned(), "none");
        }
        let algorithm = match algorithm {
            1 => Algorithm::Unigram,
            2 => Algorithm::Bpe,
            3 => return refuse("model_type", "WORD".to_owned(), "UNIGRAM, BPE"),
            4 => return refuse("model_type", "CHAR".to_owned(), "UNIGRAM, BPE"),
            other => return refuse("model_type", other.to_string(), "UNIGRAM, BPE"),
        };
        Ok(ModelFile {
            pieces: draft.pieces,
            algorithm,
            whitespace_as_suffix: draft.whitespace_as_suffix,
            byte_fallback: draft.byte_fallback,
            unknown_surface: draft.unknown_surface.unwrap_or_else(|| " \u{2047} ".to_owned()),
            normalizer,
        })
    }
}

fn empty_normalizer() -> NormalizerSpec {
    NormalizerSpec {
        character_map: Vec::new(),
        add_dummy_prefix: true,
        remove_extra_whitespaces: true,
        escape_whitespaces: true,
    }
}

#[derive(Default)]
struct Draft {
    pieces: Vec<Piece>,
    algorithm: Option<u64>,
    whitespace_as_suffix: bool,
    byte_fallback: bool,
    unknown_surface: Option<String>,
    normalizer: Option<NormalizerSpec>,
    denormalizer: Option<NormalizerSpec>,
}

impl Draft {
    fn model(&mut self, mut fields: Fields) -> Result<(), String> {
        while let Some(field) = fields.next()? {
            match field.number {
                1 if self.pieces.len() == MOST_PIECES => {
                    return field.fail(&format!("expected at most {MOST_PIECES} pieces"));
                }
                1 => self.pieces.push(piece(field.message()?)?),
                2 => self.trainer(field.message()?)?,
                3 => normalizer(
                    self.normalizer.get_or_insert_with(empty_normalizer),
                    field.message()?,
                )?,
                5 => normalizer(
                    self.denormalizer.get_or_insert_with(empty_normalizer),
                    field.message()?,
                )?,
                _ => {}
            }
        }
        Ok(())
    }

    fn trainer(&mut self, mut fields: Fields) -> Result<(), String> {
        // Unigram is the default of the field.
        self.algorithm.get_or_insert(1);
        while let Some(field) = fields.next()? {
            match field.number {
                3 => self.algorithm = Some(field.integer()?),
                24 => self.whitespace_as_suffix = field.integer()? != 0,
                35 => self.byte_fallback = field.integer()? != 0,
                44 => self.unknown_surface = Some(field.text()?),
                _ => {}
            }
        }
        Ok(())
    }
}

fn piece(mut fields: Fields) -> Result<Piece, String> {
    let at = fields.at;
    let mut piece = Piece { text: String::new(), score: 0.0, kind: PieceKind::Normal };
    while let Some(field) = fields.next()? {
        match field.number {
            1 => piece.text = field.text()?,
            2 => piece.score = field.float()?,
            3 => {
                piece.kind = match field.integer()? {
                    1 => PieceKind::Normal,
                    2 => PieceKind::Unknown,
                    3 => PieceKind::Control,
                    4 => PieceKind::UserDefined,
                    5 => PieceKind::Unused,
                    6 => PieceKind::Byte,
                    other => {
                        return field
                            .fail(&format!("expected a piece's type from 1 to 6, found {other}"));
                    }
                }
            }
            _ => {}
        }
    }
    if piece.text.is_empty() || piece.text.contains('\0') {
        return Err(format!(
            "byte {at}: expected a piece of text without U+0000, found {:?}",
            piece.text
        ));
    }
    if !piece.score.is_finite() {
        return Err(format!("byte {at}: expected a finite score, found {}", piece.score));
    }
    Ok(piece)
}

fn normalizer(spec: &mut NormalizerSpec, mut fields: Fields) -> Result<(), String> {
    while let Some(field) = fields.next()? {
        match field.number {
            2 => spec.character_map = field.message()?.rest.to_vec(),
            3 => spec.add_dummy_prefix = field.integer()? != 0,
            4 => spec.remove_extra_whitespaces = field.integer()? != 0,
            5 => spec.escape_whitespaces = field.integer()? != 0,
            _ => {}
        }
    }
    Ok(())
}

/// The fields of a message, one after the other.
#[derive(Debug, Clone, Copy)]
struct Fields<'a> {
    rest: &'a [u8],
    /// Where `rest` begins in the file.
    at: usize,
}

struct Field<'a> {
    number: u64,
    value: Value<'a>,
    /// Where its value begins in the file.
    at: usize,
}

enum Value<'a> {
    Integer(u64),
    Four([u8; 4]),
    Eight,
    Bytes(&'a [u8]),
}

impl<'a> Fields<'a> {
    fn take(&mut self, count: u64) -> Result<&'a [u8], String> {
        let split = usize::try_from(count).ok().and_then(|count| self.rest.split_at_checked(count));
        let Some((taken, rest)) = split else {
            let left = self.rest.len();
            return Err(format!("byte {}: expected {count} bytes more, found {left}", self.at));
        };
        self.rest = rest;
        self.at += taken.len();
        Ok(taken)
    }

    fn integer(&mut self) -> Result<u64, String> {
        let (at, mut value) = (self.at, 0);
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(format!("byte {at}: expected a number of at most ten bytes"))
    }

    fn next(&mut self) -> Result<Option<Field<'a>>, String> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let begin = self.at;
        let key = self.integer()?;
        let mut at = self.at;
        let value = match key & 7 {
            0 => Value::Integer(self.integer()?),
            1 => {
                self.take(8)?;
                Value::Eight
            }
            2 => {
                let count = self.integer()?;
                at = self.at;
                Value::Bytes(self.take(count)?)
            }
            5 => Value::Four(self.take(4)?.try_into().unwrap_or_default()),
            kind => {
                return Err(format!(
                    "byte {begin}: expected a protobuf field, found its type {kind}"
                ));
            }
        };
        Ok(Some(Field { number: key >> 3, value, at }))
    }
}

impl<'a> Field<'a> {
    fn fail<T>(&self, reason: &str) -> Result<T, String> {
        Err(format!("byte {}: {reason}", self.at))
    }

    fn integer(&self) -> Result<u64, String> {
        match self.value {
            Value::Integer(value) => Ok(value),
            _ => self.fail(&format!("expected an integer in field {}", self.number)),
        }
    }

    fn float(&self) -> Result<f32, String> {
        match self.value {
            Value::Four(bytes) => Ok(f32::from_le_bytes(bytes)),
            _ => self.fail(&format!("expected a float in field {}", self.number)),
        }
    }

    fn message(&self) -> Result<Fields<'a>, String> {
        match self.value {
            Value::Bytes(rest) => Ok(Fields { rest, at: self.at }),
            _ => self.fail(&format!("expected bytes in field {}", self.number)),
        }
    }

    fn text(&self) -> Result<String, String> {
        match std::str::from_utf8(self.message()?.rest) {
            Ok(text) => Ok(text.to_owned()),
            Err(e) => self.fail(&format!("not UTF-8 from {} bytes on", e.valid_up_to())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<ModelFile, String> {
        ModelFile::read(bytes, Path::new("m")).map_err(|e| e.to_string())
    }

    /// A piece `a` of score -1.5, a trainer, a normalizer.
    const SMALL: &[u8] = &[10, 8, 10, 1, b'a', 21, 0, 0, 0xc0, 0xbf, 18, 0, 26, 2, 24, 0];

    #[test]
    fn fields_and_defaults() {
        let file = read(SMALL).unwrap();
        let piece = Piece { text: "a".to_owned(), score: -1.5, kind: PieceKind::Normal };
        assert_eq!((file.pieces, file.algorithm), (vec![piece], Algorithm::Unigram));
        assert!(!file.normalizer.add_dummy_prefix && file.normalizer.remove_extra_whitespaces);
        assert_eq!(file.unknown_surface, " \u{2047} ");
        // Fields of later versions, of every type, and the same message again.
        let more = [SMALL, &[0xa0, 6, 7, 0xa1, 6, 1, 2, 3, 4, 5, 6, 7, 8, 26, 2, 24, 1]].concat();
        assert!(read(&more).unwrap().normalizer.add_dummy_prefix);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let with = |more: &[u8]| read(&[SMALL, more].concat()).unwrap_err();
        for (error, part) in [
            (read(&SMALL[..6]).unwrap_err(), "byte 2: expected 8 bytes more, found 4"),
            (read(&SMALL[..10]).unwrap_err(), "without its trainer's settings"),
            (read(&SMALL[..12]).unwrap_err(), "without its normalizer"),
            (with(&[10, 0]), "byte 18: expected a piece of text"),
            (with(&[10, 3, 10, 1, 0xff]), "byte 20: not UTF-8 from 0 bytes on"),
            (with(&[10, 5, 10, 1, b'b', 24, 9]), "byte 22: expected a piece's type from 1 to 6"),
            (with(&[10, 8, 10, 1, b'b', 21, 0, 0, 0x80, 0x7f]), "finite score, found inf"),
            (with(&[8, 1]), "byte 17: expected bytes in field 1"),
            (with(&[18, 2, 24, 4]), "model_type: found CHAR"),
            (with(&[42, 3, 18, 1, 7]), "denormalizer_spec"),
            (with(&[11]), "found its type 3"),
            (with(&[0xff; 12]), "at most ten bytes"),
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}
