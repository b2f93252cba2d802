//! WikiSplit: a long sentence of Wikipedia, and two that say the same.

use std::path::Path;

use anyhow::Result;

use crate::files::rows;

/// A long sentence and its two halves.
pub(crate) struct Split {
    /// The long sentence.
    pub(crate) whole: String,
    /// What its editors made of it.
    pub(crate) halves: [String; 2],
}

/// Reads the pairs that are for training.
pub(crate) fn wikisplit(data: &Path) -> Result<Vec<Split>> {
    let mut splits = Vec::new();
    rows(&data.join("pairs/wikisplit-validation.tsv.gz"), 3, |row| {
        splits.push(Split {
            whole: detokenise(row[0]),
            halves: [detokenise(row[1]), detokenise(row[2])],
        });
        Ok(())
    })?;
    Ok(splits)
}

/// Puts the marks that a tokenizer set apart back to their words.
pub(crate) fn detokenise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Whether the next word follows without a blank, and whether a quotation is open.
    let (mut joined, mut quoted) = (true, false);
    for word in text.split_whitespace() {
        let word = if word == "''" || word == "``" { "\"" } else { word };
        let closes = match word {
            "\"" => {
                quoted = !quoted;
                !quoted
            }
            "," | "." | ";" | ":" | "!" | "?" | ")" | "]" | "%" | "..." => true,
            _ => word.starts_with('\'') || word == "n't",
        };
        if !joined && !closes {
            out.push(' ');
        }
        out.push_str(word);
        joined = match word {
            "\"" => quoted,
            "(" | "[" | "$" | "\u{a3}" => true,
            _ => false,
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::detokenise;

    #[test]
    fn marks_go_back_to_their_words() {
        let set_apart = "'' Gone '' is Sherk 's work ( of 1998 , or so ) , is n't it ?";
        assert_eq!(detokenise(set_apart), "\"Gone\" is Sherk's work (of 1998, or so), isn't it?");
    }
}
