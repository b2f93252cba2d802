//! `contexture export`: a model's folder, written anew.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use contexture::export::{CHECKED, Export, ExportOptions, export};
use contexture::{BUILT_IN, WeightFormat};
use contexture_bulk::{Input, SourceOptions, open_source};

use crate::commands::reading::bad_row;
use crate::model::ModelArguments;
use crate::say;

/// Write a model's folder anew, its weights as bytes, halves or floats.
///
/// int8 holds each matrix and table as signed bytes with a scale for each row, a quarter of f32;
/// int4-words holds the table of words in half of that. Such a folder is opened by Contexture only
/// (Python's libraries refuse it by name). f16 and f32 are read by sentence-transformers too.
/// Tokenizer, modules and card stand beside the weights. What embedding does not need is left out and
/// listed: heads of other tasks, unless --heads keeps them.
///
/// Both models then embed the texts of --check (or twelve of its own), and the least cosine is said.
/// The folder appears when it is whole.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    contexture export --model all-MiniLM-L6-v2 --weights int8 --output minilm-int8\n  \
    contexture export --model runs/mine --weights f16 --check dev.txt --output mine-f16\n  \
    contexture export --weights f32 --output mine   # the model inside this program")]
pub(crate) struct ExportArguments {
    /// The model's name, its folder, or an archive that holds one.
    #[arg(short, long, default_value = BUILT_IN, env = "CONTEXTURE_MODEL")]
    model: String,
    /// The numbers in which weights are written.
    #[arg(short, long, value_enum)]
    weights: Weights,
    /// The folder to write.
    #[arg(short, long, value_name = "FOLDER")]
    output: PathBuf,
    /// Keep the heads of other tasks (words, classes).
    #[arg(long)]
    heads: bool,
    /// A model card (Markdown) to put beside the weights [default: the model's own].
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
    /// Texts to compare both models on: .txt, .jsonl, .tsv, .csv, .parquet, also .gz or .zst.
    #[arg(long, value_name = "FILE")]
    check: Option<String>,
    /// Replace a model that stands at the place already.
    #[arg(long)]
    force: bool,
    /// Threads to use; 0: as many as this process may.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1024))]
    threads: u16,
    /// Never touch the network: a model that is not cached is an error.
    #[arg(long)]
    offline: bool,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Weights {
    /// 32-bit floats.
    F32,
    /// 16-bit floats of IEEE 754.
    F16,
    /// Signed bytes with a scale for each row; vectors stay f32.
    Int8,
    /// As int8, but the table of words in four bits.
    Int4Words,
}

/// More tell nothing new, and both models embed them.
const MOST_TEXTS: usize = 100_000;

pub(crate) fn run(arguments: ExportArguments) -> Result<()> {
    let texts = texts(arguments.check.as_deref())?;
    let model = ModelArguments {
        model: arguments.model.clone(),
        threads: arguments.threads,
        offline: arguments.offline,
        weights: None,
    };
    let located = model.locate(false)?;
    let options = ExportOptions {
        weights: match arguments.weights {
            Weights::F32 => WeightFormat::F32,
            Weights::F16 => WeightFormat::F16,
            Weights::Int8 => WeightFormat::I8,
            Weights::Int4Words => WeightFormat::I4Words,
        },
        heads: arguments.heads,
        card: arguments.card.clone(),
        replace: arguments.force,
        threads: arguments.threads.into(),
    };
    let export = export(&located.folder, &arguments.output, &options, &texts)?;
    if !export.card {
        eprintln!(
            "contexture: {}: no card stands beside the weights; --card FILE puts one there",
            arguments.output.display()
        );
    }
    if arguments.json {
        return say::out(&format!("{}\n", serde_json::to_string(&export)?));
    }
    say::out(&told(&export))
}

fn texts(check: Option<&str>) -> Result<Vec<String>> {
    let Some(name) = check else { return Ok(CHECKED.map(String::from).to_vec()) };
    let source = open_source(&Input::from(name), &SourceOptions::default())?;
    let texts: Result<Vec<_>> =
        source.take(MOST_TEXTS).map(|item| Ok(item.map_err(bad_row)?.text)).collect();
    let texts = texts?;
    if texts.is_empty() {
        bail!("{name}: holds no text to compare the models on");
    }
    Ok(texts)
}

fn told(export: &Export) -> String {
    let [before, after] = export.weight_bytes;
    let share = after as f64 / before.max(1) as f64 * 100.0;
    let left_out = match &export.left_out[..] {
        [] => "nothing".into(),
        names => names.join(", "),
    };
    let worst: String = export.worst_text.chars().take(60).collect();
    format!(
        "folder          {}\n\
         weights         {before} bytes before, {after} after ({share:.1} %), {}\n\
         folder's bytes  {}\n\
         left out        {left_out}\n\
         cosine          least {:.6}, mean {:.6} over {} texts\n\
         least for       {worst}\n",
        export.folder.display(),
        export.formats.join(", "),
        export.folder_bytes,
        export.worst_cosine,
        export.mean_cosine,
        export.texts,
    )
}
