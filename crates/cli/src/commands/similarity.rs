//! `contexture similarity`: the table of cosines.

use std::io::IsTerminal;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use contexture::{EmbedOptions, cosine};
use contexture_view::{ColourMode, similarity_grid};

use crate::commands::reading::{Reading, Texts, bad_row, open};
use crate::model::ModelArguments;
use crate::say;

/// Show how similar texts are: the table of cosines.
///
/// In a terminal it is a coloured grid; else plain numbers.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    contexture similarity 'ram hits sam' 'sam hits ram' 'ram strikes sam'\n  \
    contexture similarity --input names.txt --json | jq '.cosine[0]'\n  \
    contexture similarity --input pairs.csv --column title --colour never")]
pub(crate) struct SimilarityArguments {
    #[command(flatten)]
    texts: Texts,
    /// Whether the grid is coloured.
    #[arg(long, value_enum, default_value_t = Colour::Auto)]
    colour: Colour,
    /// Print `{"texts", "cosine", "truncated"}` as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    reading: Reading,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Colour {
    /// Where standard output is a terminal that can show it.
    Auto,
    /// Always.
    Always,
    /// Numbers only.
    Never,
}

/// The table grows with the square of this.
const MOST_TEXTS: usize = 2000;

pub(crate) fn run(arguments: SimilarityArguments) -> Result<()> {
    let texts = texts(&arguments)?;
    let embedder = arguments.model.open(false)?;
    arguments.model.say_what_is_assumed(&embedder)?;
    let records = embedder.embed_with(&texts, &EmbedOptions::default())?;
    let matrix: Vec<Vec<f32>> = records
        .iter()
        .map(|a| records.iter().map(|b| cosine(a.vector(), b.vector())).collect())
        .collect();
    let truncated: Vec<bool> = records.iter().map(|record| record.truncated).collect();
    for (text, _) in texts.iter().zip(&truncated).filter(|(_, cut)| **cut) {
        let begin: String = text.chars().take(40).collect();
        eprintln!("contexture: cut at {} tokens: {begin}...", embedder.max_length());
    }
    if arguments.json {
        let table = serde_json::json!({
            "texts": texts, "cosine": matrix, "truncated": truncated,
        });
        return say::out(&format!("{table}\n"));
    }
    let labels: Vec<&str> = texts.iter().map(String::as_str).collect();
    say::out(&similarity_grid(&labels, &matrix.concat(), width(), mode(arguments.colour)))
}

fn texts(arguments: &SimilarityArguments) -> Result<Vec<String>> {
    let mut source = open(&arguments.texts.input(), &arguments.reading)?;
    let mut texts = Vec::new();
    for item in source.by_ref().take(MOST_TEXTS + 1) {
        texts.push(item.map_err(bad_row)?.text);
    }
    if let Some(first) = source.first_skipped() {
        eprintln!("contexture: {} skipped, the first: {first}", source.skipped());
    }
    match texts.len() {
        n if n < 2 => bail!("a table compares two texts or more; found {n}"),
        n if n > MOST_TEXTS => bail!("a table holds at most {MOST_TEXTS} texts; found more"),
        _ => Ok(texts),
    }
}

fn mode(colour: Colour) -> ColourMode {
    let shown = match colour {
        Colour::Always => true,
        Colour::Never => return ColourMode::Plain,
        Colour::Auto => std::io::stdout().is_terminal(),
    };
    match ColourMode::detect(shown, |name| std::env::var(name).ok()) {
        // Asked for in so many words, colours come also where the environment promises none.
        ColourMode::Plain if colour == Colour::Always => ColourMode::Colours256,
        mode => mode,
    }
}

/// The terminal's columns, where it says them.
fn width() -> Option<usize> {
    let columns = console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns));
    columns.or_else(|| std::env::var("COLUMNS").ok()?.parse().ok())
}
