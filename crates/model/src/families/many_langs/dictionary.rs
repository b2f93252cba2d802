//! What a model needs to know of its dictionaries: how many entries, and the numbers of a few.

use std::collections::BTreeMap;

use crate::ModelError;
use crate::families::foreign::LIST_LIMIT;
use crate::folder::Folder;

/// `char.dic` or `word.dic`: an entry, a tab and its number in each line.
#[derive(Debug)]
pub(super) struct Dictionary {
    shown: std::path::PathBuf,
    numbers: BTreeMap<String, usize>,
}

/// What a line without an entry stands for: white space is taken off both ends of a line.
const BLANK: &str = "\u{3000}";

impl Dictionary {
    pub(super) fn open(folder: &Folder, name: &str) -> Result<Self, ModelError> {
        let shown = folder.shown(name);
        let Some(bytes) = folder.read(name, LIST_LIMIT)? else {
            let advice = "ELMoForManyLangs numbers its characters in char.dic and its words in \
                          word.dic; take it from the model's own folder"
                .into();
            return Err(ModelError::NotFound { path: shown, advice });
        };
        let wrong = |reason: String| ModelError::modules(&shown, reason);
        let text = std::str::from_utf8(&bytes)
            .map_err(|e| wrong(format!("not UTF-8 from byte {}", e.valid_up_to())))?;
        let mut numbers = BTreeMap::new();
        for (at, line) in text.split_terminator('\n').enumerate() {
            let blank = |c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c);
            let line = line.trim_matches(blank);
            let (entry, number) = line.split_once('\t').unwrap_or((BLANK, line));
            let number = number.trim().parse().map_err(|_| {
                wrong(format!("line {}: expected an entry, a tab and a number", at + 1))
            })?;
            numbers.insert(entry.to_owned(), number);
        }
        Ok(Self { shown, numbers })
    }

    /// How many different entries there are.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The number of an entry that must be there.
    pub(super) fn number(&self, entry: &str) -> Result<usize, ModelError> {
        match self.numbers.get(entry) {
            Some(number) if *number < self.len() => Ok(*number),
            found => {
                let found = found.map_or("missing".into(), |number| format!("number {number}"));
                let expected = format!("a number below {}, the count of its entries", self.len());
                let reason = format!("{entry} is {found}; expected {expected}");
                Err(ModelError::modules(&self.shown, reason))
            }
        }
    }

    /// The number of a word, which is that of unknown words where it is not listed.
    pub(super) fn word(&self, word: &str) -> Result<usize, ModelError> {
        let listed = self.numbers.contains_key(word);
        self.number(if listed { word } else { "<oov>" })
    }
}
