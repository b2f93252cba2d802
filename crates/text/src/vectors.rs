//! Word vectors in text, as GloVe and word2vec write them, for the tokens of a tokenizer.
//!
//! One word and its numbers a line, parted by blanks or tabs; word2vec's first line, `count
//! width`, may be there or not. The caller unpacks what is packed.

use std::collections::HashMap;
use std::io::{BufRead, Read};

use crate::error::{TextError, VectorFault};
use crate::tokenizer::Tokenizer;

/// No word with a few thousand numbers is as long.
const LONGEST_LINE: u64 = 1 << 20;

/// Vectors for those tokens of a vocabulary that are whole words.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WordVectors {
    /// Numbers a vector.
    pub width: usize,
    /// The tokens that have a vector, rising.
    pub ids: Vec<u32>,
    /// The vectors of `ids`, `[ids, width]`.
    pub rows: Vec<f32>,
    /// What was found and what was not.
    pub counts: VectorCounts,
}

/// How much of a vocabulary a file of vectors covers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VectorCounts {
    /// Vectors in the file.
    pub lines: u64,
    /// Tokens that got the vector of the very same word.
    pub exact: usize,
    /// Tokens that got the vector of the word in another case.
    pub other_case: usize,
    /// Tokens that are whole words, without a vector in the file.
    pub missed: usize,
    /// Tokens that are no whole words: special ones, and parts of words.
    pub parts: usize,
}

impl WordVectors {
    /// The vector of a token, where it has one.
    pub fn row(&self, id: u32) -> Option<&[f32]> {
        let at = self.ids.binary_search(&id).ok()?;
        self.rows.get(at * self.width..(at + 1) * self.width)
    }

    /// Tokens that have a vector.
    pub fn found(&self) -> usize {
        self.ids.len()
    }

    /// Reads vectors for the tokens of `tokenizer`.
    ///
    /// A token is a whole word where the word alone, or after a blank, is encoded as that one
    /// token: `the` is, `##ing` and the special tokens are not. It takes the vector of the very
    /// same word; failing that, of its lower case (`The` that of `the`); failing that, of the word
    /// in any other case (`the` that of `THE`). Of several lines of one rank the first counts,
    /// since files go by falling frequency.
    ///
    /// # Errors
    /// [`TextError::Vectors`] with the line's number, for lines that cannot be read, hold another
    /// number of values than those before, or something that is no finite number; and
    /// [`TextError::Encode`] where the tokenizer fails on a word of its own.
    pub fn read(tokenizer: &Tokenizer, mut reader: impl BufRead) -> Result<Self, TextError> {
        let wanted = Wanted::new(tokenizer)?;
        let mut best: HashMap<u32, (Rank, Vec<f32>)> = HashMap::new();
        let (mut width, mut lines) = (None, 0);
        let (mut bytes, mut values) = (Vec::new(), Vec::new());
        for line in 1.. {
            let failed = |fault| TextError::Vectors { line, fault };
            bytes.clear();
            let read = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes);
            if read.map_err(|e| failed(VectorFault::Read(e)))? == 0 {
                break;
            }
            if bytes.len() as u64 == LONGEST_LINE && !bytes.ends_with(b"\n") {
                return Err(failed(VectorFault::TooLong { limit: LONGEST_LINE }));
            }
            if line == 1 {
                width = header(&bytes);
                if width.is_some() {
                    continue;
                }
            }
            if bytes.trim_ascii().is_empty() {
                continue;
            }
            let word = parse(&bytes, &mut width, &mut values).map_err(failed)?;
            lines += 1;
            for (id, rank) in wanted.tokens(word) {
                let known = best.get(&id).map(|(rank, _)| *rank);
                if known.is_none_or(|known| rank < known) {
                    best.insert(id, (rank, values.clone()));
                }
            }
        }
        let width = width.filter(|_| lines > 0);
        let width = width.ok_or(TextError::Vectors { line: lines, fault: VectorFault::Empty })?;
        Ok(Self::collect(width, lines, best, &wanted))
    }

    fn collect(
        width: usize,
        lines: u64,
        best: HashMap<u32, (Rank, Vec<f32>)>,
        wanted: &Wanted,
    ) -> Self {
        let mut found: Vec<(u32, (Rank, Vec<f32>))> = best.into_iter().collect();
        found.sort_unstable_by_key(|(id, _)| *id);
        let exact = found.iter().filter(|(_, (rank, _))| *rank == Rank::Exact).count();
        let counts = VectorCounts {
            lines,
            exact,
            other_case: found.len() - exact,
            missed: wanted.words.len() - found.len(),
            parts: wanted.parts,
        };
        let ids = found.iter().map(|(id, _)| *id).collect();
        let rows = found.into_iter().flat_map(|(_, (_, row))| row).collect();
        Self { width, ids, rows, counts }
    }
}

/// How well a word of the file stands for a token; the lesser the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Exact,
    LowerCase,
    OtherCase,
}

/// The tokens that are whole words.
struct Wanted {
    words: HashMap<u32, String>,
    /// The tokens of each word in lower case.
    by_lower_case: HashMap<String, Vec<u32>>,
    parts: usize,
}

impl Wanted {
    fn new(tokenizer: &Tokenizer) -> Result<Self, TextError> {
        let mut wanted = Self { words: HashMap::new(), by_lower_case: HashMap::new(), parts: 0 };
        let size = tokenizer.vocabulary_size();
        let mut seen = 0;
        // Ids may have gaps; those of a vocabulary of some size do not go far beyond it.
        for id in (0..u32::MAX).take(size.saturating_mul(2).saturating_add(1000)) {
            if seen == size {
                break;
            }
            if tokenizer.token(id).is_none() {
                continue;
            }
            seen += 1;
            match whole_word(tokenizer, id)? {
                Some(word) => {
                    wanted.by_lower_case.entry(word.to_lowercase()).or_default().push(id);
                    wanted.words.insert(id, word);
                }
                None => wanted.parts += 1,
            }
        }
        Ok(wanted)
    }

    /// The tokens that a word of the file stands for; no word where it is not UTF-8.
    fn tokens(&self, word: Option<&str>) -> Vec<(u32, Rank)> {
        let Some(word) = word else { return Vec::new() };
        let lower = word.to_lowercase();
        let Some(ids) = self.by_lower_case.get(&lower) else { return Vec::new() };
        let rank = |id: &u32| match self.words.get(id) {
            Some(own) if own == word => Rank::Exact,
            _ if lower == word => Rank::LowerCase,
            _ => Rank::OtherCase,
        };
        ids.iter().map(|id| (*id, rank(id))).collect()
    }
}

/// The word that a token stands for alone.
fn whole_word(tokenizer: &Tokenizer, id: u32) -> Result<Option<String>, TextError> {
    if tokenizer.special().all.binary_search(&id).is_ok() {
        return Ok(None);
    }
    let text = tokenizer.decode(&[id], false)?;
    let word = text.trim();
    if word.is_empty() || word.contains(char::is_whitespace) {
        return Ok(None);
    }
    let alone = tokenizer.encode_without_special(word)?.ids == [id]
        || tokenizer.encode_without_special(&format!(" {word}"))?.ids == [id];
    Ok(alone.then(|| word.to_owned()))
}

/// The width that word2vec's first line tells: two whole numbers and nothing else.
fn header(line: &[u8]) -> Option<usize> {
    let line = std::str::from_utf8(line).ok()?;
    let mut fields = line.split_whitespace();
    fields.next()?.parse::<u64>().ok()?;
    let width = fields.next()?.parse::<usize>().ok().filter(|width| *width > 0)?;
    fields.next().is_none().then_some(width)
}

/// The numbers of a line into `values`, and its word.
fn parse<'a>(
    line: &'a [u8],
    width: &mut Option<usize>,
    values: &mut Vec<f32>,
) -> Result<Option<&'a str>, VectorFault> {
    let fields = || line.split(|byte| byte.is_ascii_whitespace()).filter(|field| !field.is_empty());
    let count = fields().count();
    let expected = *width.get_or_insert(count.saturating_sub(1));
    if count < 2 || expected == 0 {
        return Err(VectorFault::NoNumbers { found: brief(line) });
    }
    // Some words of GloVe's largest file hold blanks; a number too many is another matter.
    let words = count.saturating_sub(expected);
    let surplus = fields().skip(1).take(words.saturating_sub(1));
    if words == 0 || surplus.into_iter().any(|field| number(field).is_some()) {
        return Err(VectorFault::Ragged { expected, found: count - 1 });
    }
    values.clear();
    for (place, field) in fields().skip(words).enumerate() {
        let place = place + 1;
        let value =
            number(field).ok_or_else(|| VectorFault::NotANumber { place, found: brief(field) })?;
        if !value.is_finite() {
            return Err(VectorFault::NotFinite { place, found: brief(field) });
        }
        values.push(value);
    }
    let word = fields().next().filter(|_| words == 1);
    Ok(word.and_then(|word| std::str::from_utf8(word).ok()))
}

fn number(field: &[u8]) -> Option<f32> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// Some bytes for an error message.
fn brief(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).trim_end().to_owned()
}
