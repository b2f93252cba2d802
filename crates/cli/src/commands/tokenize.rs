//! `contexture tokenize`: the tokens that a model sees in a text.

use std::io::{BufWriter, Write};

use anyhow::Result;
use clap::Args;
use contexture::Embedder;
use contexture_bulk::{Input, SourceOptions};

use crate::model::ModelArguments;

/// Show the tokens that a model sees in a text, with ids and byte spans.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    contexture tokenize 'Contextualised embeddings'\n  \
    contexture tokenize --json --input corpus.txt")]
pub(crate) struct TokenizeArguments {
    /// The texts; none: standard input, a line each.
    texts: Vec<String>,
    /// Read the texts from a file instead (.txt, .jsonl, .tsv, .csv, .parquet; - is standard
    /// input).
    #[arg(short, long, value_name = "FILE", conflicts_with = "texts")]
    input: Option<String>,
    #[command(flatten)]
    model: ModelArguments,
    /// Leave out the special tokens that the model adds.
    #[arg(long)]
    no_special: bool,
    /// Print a JSON object a text: `{"id", "tokens": [{"id", "text", "span"}]}`.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: TokenizeArguments) -> Result<()> {
    let located = arguments.model.locate(false)?;
    let tokenizer = Embedder::open_tokenizer(&located.folder)?;
    let input = match (&arguments.input, arguments.texts.is_empty()) {
        (Some(name), _) => Input::from(name.as_str()),
        (None, true) => Input::Stdin,
        (None, false) => Input::Arguments(arguments.texts.clone()),
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    for item in contexture_bulk::open_source(&input, &SourceOptions::default())? {
        let item = item?;
        let encoding = if arguments.no_special {
            tokenizer.encode_without_special(&item.text)
        } else {
            tokenizer.encode(&item.text)
        }?;
        let tokens: Vec<_> = encoding
            .ids
            .iter()
            .zip(&encoding.spans)
            .map(|(id, span)| (*id, tokenizer.token(*id).unwrap_or_default(), *span))
            .collect();
        if arguments.json {
            let tokens: Vec<_> = tokens
                .iter()
                .map(|(id, text, span)| serde_json::json!({"id": id, "text": text, "span": span}))
                .collect();
            let id = item.id.to_string();
            writeln!(out, "{}", serde_json::json!({ "id": id, "tokens": tokens }))?;
            continue;
        }
        writeln!(out, "{} tokens", tokens.len())?;
        for (id, text, span) in tokens {
            let span = span.map_or("-".to_owned(), |[start, end]| format!("{start}..{end}"));
            writeln!(out, "{id:>7}  {span:>11}  {text}")?;
        }
    }
    Ok(out.flush()?)
}
