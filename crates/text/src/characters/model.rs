//! From a text to words and their characters.

use std::borrow::Cow;
use std::collections::HashMap;

use super::settings::{BEGIN, CharacterFile, END, FILL};
use crate::encoding::Encoding;

/// The tokens that a list of words begins with.
pub(crate) const BEGINS: [&str; 3] = ["<S>", "</S>", "<UNK>"];

/// Words by their characters, and by their number where there is a list of them.
#[derive(Debug)]
pub(crate) struct Characters {
    settings: CharacterFile,
    list: Vec<String>,
    numbers: HashMap<String, u32>,
    unknown: u32,
}

impl Characters {
    pub(crate) fn new(settings: CharacterFile, list: Vec<String>) -> Self {
        let mut numbers = HashMap::with_capacity(list.len());
        for (number, word) in list.iter().enumerate() {
            // Of a word that is listed twice the first number counts.
            numbers.entry(word.clone()).or_insert(number as u32);
        }
        let unknown = numbers.get(BEGINS[2]).copied().unwrap_or(0);
        Self { settings, list, numbers, unknown }
    }

    pub(crate) fn settings(&self) -> &CharacterFile {
        &self.settings
    }

    /// Numbers a word has in all.
    pub(crate) fn most(&self) -> usize {
        self.settings.most
    }

    pub(crate) fn encode(&self, text: &str, out: &mut Encoding) {
        let spans = self.settings.split.cut(text);
        out.characters.reserve(spans.len() * self.most());
        for [start, end] in spans {
            let word = self.cased(&text[start..end]);
            out.push(self.number(&word), start, end);
            if self.spell(word.as_bytes(), &mut out.characters) {
                out.cut.push(out.ids.len() - 1);
            }
        }
    }

    fn cased<'a>(&self, word: &'a str) -> Cow<'a, str> {
        match self.settings.lower_case {
            true => word.chars().flat_map(char::to_lowercase).collect::<String>().into(),
            false => word.into(),
        }
    }

    fn number(&self, word: &str) -> u32 {
        self.numbers.get(word).copied().unwrap_or(self.unknown)
    }

    /// Appends the word's numbers; tells whether it had to be cut.
    fn spell(&self, bytes: &[u8], out: &mut Vec<u16>) -> bool {
        let most = self.most();
        let kept = bytes.len().min(most - 2);
        let end = out.len() + most;
        out.push(BEGIN);
        out.extend(bytes[..kept].iter().map(|byte| u16::from(*byte) + 1));
        out.push(END);
        out.resize(end, FILL);
        kept < bytes.len()
    }

    pub(crate) fn token(&self, id: u32) -> Option<&str> {
        self.list.get(id as usize).map(String::as_str)
    }

    pub(crate) fn id(&self, token: &str) -> Option<u32> {
        self.numbers.get(token).copied()
    }

    pub(crate) fn size(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn decode(&self, ids: &[u32], skip: impl Fn(u32) -> bool) -> String {
        let kept = ids.iter().filter(|id| !skip(**id)).filter_map(|id| self.token(*id));
        kept.collect::<Vec<_>>().join(" ")
    }
}
