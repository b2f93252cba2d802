//! How a word's characters are numbered.

use std::collections::HashMap;
use std::path::Path;

use crate::error::TextError;

/// ELMo's bytes, counted from 1 so that 0 is never used, between the number that begins and the
/// number that ends a word, filled up.
const BEGIN: u16 = 259;
const END: u16 = 260;
const FILL: u16 = 261;

/// How words become numbers of characters.
#[derive(Debug)]
pub(crate) enum Alphabet {
    /// By the bytes of UTF-8.
    Bytes,
    /// By a list of Unicode characters.
    Listed(Box<Listed>),
}

/// The numbers of listed characters, and of what stands for something else.
#[derive(Debug)]
pub(crate) struct Listed {
    numbers: HashMap<char, u16>,
    begin: u16,
    end: u16,
    fill: u16,
    unknown: u16,
    /// Words that are one character each: those around a sentence.
    whole: [(&'static str, u16); 2],
}

impl Alphabet {
    /// Appends the word's `most` numbers. The part of the word that it is looked up by, and
    /// whether characters had to be left out.
    pub(crate) fn spell<'a>(
        &self,
        word: &'a str,
        most: usize,
        out: &mut Vec<u16>,
    ) -> (&'a str, bool) {
        let room = most - 2;
        let filled = out.len() + most;
        match self {
            Self::Bytes => {
                let kept = word.len().min(room);
                out.push(BEGIN);
                out.extend(word.as_bytes()[..kept].iter().map(|byte| u16::from(*byte) + 1));
                out.push(END);
                out.resize(filled, FILL);
                (word, kept < word.len())
            }
            Self::Listed(listed) => {
                let end = word.char_indices().nth(room).map_or(word.len(), |(at, _)| at);
                let seen = &word[..end];
                out.push(listed.begin);
                match listed.whole.iter().find(|(whole, _)| *whole == seen) {
                    Some((_, number)) => out.push(*number),
                    None => out.extend(seen.chars().map(|c| listed.number(c))),
                }
                out.push(listed.end);
                out.resize(filled, listed.fill);
                (seen, end < word.len())
            }
        }
    }
}

impl Listed {
    /// From the entries of ELMoForManyLangs' `char.dic`.
    pub(crate) fn new(entries: &HashMap<String, u32>, path: &Path) -> Result<Self, TextError> {
        let malformed = |reason: String| TextError::Malformed { path: path.into(), reason };
        let short = |entry: &str, number: u32| {
            u16::try_from(number).map_err(|_| {
                malformed(format!("{entry:?} has number {number}; expected at most {}", u16::MAX))
            })
        };
        let of = |entry: &str| match entries.get(entry) {
            Some(number) => short(entry, *number),
            None => Err(malformed(format!("{entry} is not among its {} entries", entries.len()))),
        };
        let mut numbers = HashMap::with_capacity(entries.len());
        for (entry, number) in entries {
            let mut characters = entry.chars();
            if let (Some(c), None) = (characters.next(), characters.next()) {
                numbers.insert(c, short(entry, *number)?);
            }
        }
        Ok(Self {
            numbers,
            // Its models were trained with the two names exchanged, so words begin with <eow>.
            begin: of("<eow>")?,
            end: of("<bow>")?,
            fill: of("<pad>")?,
            unknown: of("<oov>")?,
            whole: [("<bos>", of("<bos>")?), ("<eos>", of("<eos>")?)],
        })
    }

    fn number(&self, c: char) -> u16 {
        self.numbers.get(&c).copied().unwrap_or(self.unknown)
    }
}
