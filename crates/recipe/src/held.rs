//! Texts that must not stand in training: those of every evaluation set.

use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use crate::files::lines;
use crate::normal::Seen;

/// Evaluation files and how their texts lie in them.
const FILES: &[(&str, Layout)] = &[
    ("sts/stsb-dev.tsv", Layout::Columns),
    ("sts/stsb-train.tsv", Layout::Columns),
    ("sts/sts12-test.tsv", Layout::Columns),
    ("sts/sick-train-trial.tsv", Layout::Columns),
    ("paws/paws-wiki-dev.tsv.gz", Layout::Columns),
    ("mt/tatoeba-dev.en-de.tsv", Layout::Columns),
    ("mt/tatoeba-dev.en-fr.tsv", Layout::Columns),
    ("pairs/wikisplit-tune.tsv.gz", Layout::Columns),
    ("wic/wic-dev.tsv", Layout::Columns),
    ("wic/wic-train.tsv", Layout::Columns),
    ("retrieval/cranfield/corpus.jsonl.gz", Layout::Json),
    ("retrieval/cranfield/queries.jsonl", Layout::Json),
];

#[derive(Clone, Copy)]
enum Layout {
    /// Every tab-separated field is a text (numbers and labels match no training text).
    Columns,
    /// The strings `title` and `text` of each object.
    Json,
}

/// The swap set, which stands in the repository: anchor, paraphrase, swap, kind, source.
const SWAPS: &str = include_str!("../../../data/swaps.tsv");

/// Reads the texts of all evaluation sets.
pub(crate) fn held_out(data: &Path) -> Result<Seen> {
    let mut held = Seen::default();
    for (file, layout) in FILES {
        lines(&data.join(file), |_, line| {
            match layout {
                Layout::Columns => hold(&mut held, line.split('\t')),
                Layout::Json => {
                    let object: Value = serde_json::from_str(line)?;
                    hold(
                        &mut held,
                        ["title", "text"].iter().filter_map(|key| object[key].as_str()),
                    );
                }
            }
            Ok(())
        })?;
    }
    for row in SWAPS.lines() {
        hold(&mut held, row.split('\t'));
    }
    Ok(held)
}

fn hold<'a>(held: &mut Seen, texts: impl Iterator<Item = &'a str>) {
    for text in texts {
        held.insert(text);
    }
}
