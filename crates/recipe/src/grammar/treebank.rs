//! The treebank that word classes and heads are learned from.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::sentence::{Relation, Tag};
use crate::files::lines;

/// A word of the treebank.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    /// Its letters.
    pub(crate) text: String,
    /// Its class.
    pub(crate) tag: Tag,
    /// The place of its head; the number of words where it has none.
    pub(crate) head: usize,
    /// What it is to its head.
    pub(crate) relation: Relation,
}

/// Reads the sentences of UD English-EWT.
pub(crate) fn treebank(path: &Path) -> Result<Vec<Vec<Word>>> {
    let mut sentences = vec![Vec::new()];
    lines(path, |_, line| {
        if line.is_empty() {
            sentences.push(Vec::new());
            return Ok(());
        }
        let [text, tag, _, head, relation] = line.split('\t').collect::<Vec<_>>()[..] else {
            bail!("expected a word, its class, its lemma, its head and their relation");
        };
        let head = head.parse().with_context(|| format!("the head {head:?} is no number"))?;
        sentences.last_mut().expect("never empty").push(Word {
            text: text.to_owned(),
            // A few words stand outside of the classes as `_`.
            tag: Tag::named(tag).unwrap_or(Tag::X),
            head,
            relation: Relation::named(relation),
        });
        Ok(())
    })?;
    sentences.retain(|sentence| !sentence.is_empty());
    for sentence in &mut sentences {
        let count = sentence.len();
        for word in sentence.iter_mut() {
            word.head = word.head.checked_sub(1).unwrap_or(count);
            if word.head > count {
                bail!("{}: the head {} of {count} words", path.display(), word.head + 1);
            }
        }
    }
    Ok(sentences)
}
