//! `contexture-recipe DATA OUT` writes the training text of Contexture's own model: texts to
//! distil a teacher on, pairs that say the same, and triples in which a swap changes the meaning.
#![forbid(unsafe_code)]

mod files;
mod grammar;
mod held;
mod normal;
mod pairs;
mod rewrites;
mod sources;
mod swaps;
mod texts;
mod triples;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;

use crate::files::JsonLines;
use crate::grammar::{Lexicon, Reader};
use crate::texts::Sources;
use crate::triples::Maker;

/// Write the training text of Contexture's own model.
#[derive(Parser)]
#[command(name = "contexture-recipe")]
struct Arguments {
    /// The folder of the sources
    data: PathBuf,
    /// The folder to write texts.jsonl, pairs.jsonl and swaps.jsonl to
    out: PathBuf,
    /// The seed of every draw
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Name in each triple the rewritings that made its positive
    #[arg(long)]
    explain: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let (data, seed) = (&arguments.data, arguments.seed);
    std::fs::create_dir_all(&arguments.out)
        .with_context(|| format!("{}: cannot be created", arguments.out.display()))?;
    let held = held::held_out(data)?;
    eprintln!("{} texts of evaluation sets are held out", held.len());
    let sources = Sources {
        tatoeba: sources::tatoeba(data)?,
        wordnet: sources::wordnet(data)?,
        wikipedia: sources::wikipedia(data)?,
        wikisplit: sources::wikisplit(data)?,
        gutenberg: sources::gutenberg(data)?,
    };
    let texts = texts::texts(&sources, &held, seed);
    for (source, count) in texts::counts(&texts) {
        eprintln!("texts: {count:>7} of {source}");
    }
    let mut out = JsonLines::create(&arguments.out.join("texts.jsonl"))?;
    texts.iter().try_for_each(|text| out.push(text))?;
    eprintln!("texts: {:>7} in all", out.finish()?);
    let mut out = JsonLines::create(&arguments.out.join("pairs.jsonl"))?;
    pairs::pairs(&sources, &held, seed).iter().try_for_each(|pair| out.push(pair))?;
    eprintln!("pairs: {:>7} in all", out.finish()?);
    let lexicon = Lexicon::new(&sources.wordnet, &texts::words(&texts));
    let reader = Reader::train(data, seed)?;
    let [tags, heads, both] = reader.accuracy(&data.join("tagging/ud-ewt-dev.tsv.gz"))?;
    eprintln!(
        "grammar: {:.1} % of classes, {:.1} % of heads, {:.1} % with their relations (UD English-EWT dev)",
        100.0 * tags,
        100.0 * heads,
        100.0 * both
    );
    let triples =
        Maker::new(&reader, &lexicon, &held, seed).explains(arguments.explain).make(&sources);
    for (kind, _, _) in triples::KINDS {
        let count = triples.iter().filter(|triple| triple.kind == *kind).count();
        eprintln!("swaps: {count:>7} of {kind}");
    }
    let mut out = JsonLines::create(&arguments.out.join("swaps.jsonl"))?;
    triples.iter().try_for_each(|triple| out.push(triple))?;
    eprintln!("swaps: {:>7} in all", out.finish()?);
    Ok(())
}
