//! `contexture similarity`: the table of cosines.

use std::io::IsTerminal;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use contexture::{EmbedOptions, cosine};
use contexture_bulk::{Input, SourceOptions};
use contexture_view::{ColourMode, similarity_grid};

use crate::model::ModelArguments;

/// Show how similar texts are: the table of cosines.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    contexture similarity 'ram hits sam' 'sam hits ram' 'ram strikes sam'\n  \
    contexture similarity --input names.txt --json | jq '.cosine[0]'")]
pub(crate) struct SimilarityArguments {
    /// Two texts or more.
    texts: Vec<String>,
    /// Read the texts from a file instead (.txt, .jsonl, .tsv, .csv, .parquet; - is standard
    /// input).
    #[arg(short, long, value_name = "FILE", conflicts_with = "texts")]
    input: Option<String>,
    #[command(flatten)]
    model: ModelArguments,
    /// Whether the grid is coloured.
    #[arg(long, value_enum, default_value_t = Colour::Auto)]
    colour: Colour,
    /// Print `{"texts", "cosine", "truncated"}` as JSON.
    #[arg(long)]
    json: bool,
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
    let records = embedder.embed_with(&texts, &EmbedOptions::default())?;
    let matrix: Vec<Vec<f32>> = records
        .iter()
        .map(|a| records.iter().map(|b| cosine(a.vector(), b.vector())).collect())
        .collect();
    let truncated: Vec<bool> = records.iter().map(|record| record.truncated).collect();
    for (text, _) in texts.iter().zip(&truncated).filter(|(_, cut)| **cut) {
        let begin: String = text.chars().take(40).collect();
        eprintln!(
            "contexture: cut at {} tokens: {begin}...",
            embedder.max_length()
        );
    }
    if arguments.json {
        let table = serde_json::json!({
            "texts": texts, "cosine": matrix, "truncated": truncated,
        });
        println!("{table}");
        return Ok(());
    }
    let labels: Vec<&str> = texts.iter().map(String::as_str).collect();
    print!("{}", similarity_grid(&labels, &matrix.concat(), width(), mode(arguments.colour)));
    Ok(())
}

fn texts(arguments: &SimilarityArguments) -> Result<Vec<String>> {
    let texts = match &arguments.input {
        None => arguments.texts.clone(),
        Some(name) => {
            let source =
                contexture_bulk::open_source(&Input::from(name.as_str()), &SourceOptions::default())?;
            let items = source.take(MOST_TEXTS + 1);
            items.map(|item| Ok(item?.text)).collect::<Result<Vec<_>>>()?
        }
    };
    match texts.len() {
        0 | 1 => bail!("two texts or more are compared; found {}", texts.len()),
        n if n > MOST_TEXTS => bail!("at most {MOST_TEXTS} texts make a table"),
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
