//! From a text to words and their characters.

use std::borrow::Cow;
use std::collections::HashMap;

use super::alphabet::{Alphabet, Listed};
use super::settings::CharacterFile;
use crate::encoding::Encoding;

/// The tokens that a list of words begins with: before and after a sentence, and any word that is
/// not listed.
pub(crate) const BEGINS: [&str; 3] = ["<S>", "</S>", "<UNK>"];
/// The same in a dictionary.
pub(crate) const ROLES: [&str; 3] = ["<bos>", "<eos>", "<oov>"];

/// Words by their characters, and by their number where there is a list of them.
#[derive(Debug)]
pub(crate) struct Characters {
    settings: CharacterFile,
    alphabet: Alphabet,
    list: Vec<String>,
    numbers: HashMap<String, u32>,
    roles: [&'static str; 3],
    unknown: u32,
}

impl Characters {
    /// Words by their bytes, and by their place in the list.
    pub(crate) fn bytes(settings: CharacterFile, list: Vec<String>) -> Self {
        let mut numbers = HashMap::with_capacity(list.len());
        for (number, word) in list.iter().enumerate() {
            // Of a word that is listed twice the first number counts.
            numbers.entry(word.clone()).or_insert(number as u32);
        }
        Self::new(settings, Alphabet::Bytes, (list, numbers), BEGINS)
    }

    /// Words by listed characters, and by their numbers, which are less than there are words.
    pub(crate) fn listed(
        settings: CharacterFile,
        characters: Listed,
        numbers: HashMap<String, u32>,
    ) -> Self {
        let mut list = vec![String::new(); numbers.len()];
        for (word, number) in &numbers {
            list[*number as usize].clone_from(word);
        }
        let alphabet = Alphabet::Listed(Box::new(characters));
        Self::new(settings, alphabet, (list, numbers), ROLES)
    }

    fn new(
        settings: CharacterFile,
        alphabet: Alphabet,
        (list, numbers): (Vec<String>, HashMap<String, u32>),
        roles: [&'static str; 3],
    ) -> Self {
        let unknown = numbers.get(roles[2]).copied().unwrap_or(0);
        Self { settings, alphabet, list, numbers, roles, unknown }
    }

    pub(crate) fn settings(&self) -> &CharacterFile {
        &self.settings
    }

    /// Numbers a word has in all.
    pub(crate) fn most(&self) -> usize {
        self.settings.most
    }

    /// The numbers of what stands before and after a sentence, and of a word that is not listed.
    pub(crate) fn roles(&self) -> [Option<u32>; 3] {
        self.roles.map(|role| self.id(role))
    }

    pub(crate) fn encode(&self, text: &str, out: &mut Encoding) {
        let spans = self.settings.split.cut(text);
        out.characters.reserve(spans.len() * self.most());
        for [start, end] in spans {
            let word = self.cased(&text[start..end]);
            let (known_by, cut) = self.alphabet.spell(&word, self.most(), &mut out.characters);
            out.push(self.number(known_by), start, end);
            if cut {
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
