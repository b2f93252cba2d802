//! `contexture tokenize`: the tokens that a model sees in a text.

use std::io::{BufWriter, Write};

use anyhow::{Context, Result};
use clap::Args;
use contexture::{Embedder, Span, Tokenizer};
use contexture_bulk::{Id, Item};

use crate::commands::reading::{Reading, Texts, bad_row, open};
use crate::model::ModelArguments;

/// Show the tokens that a model sees in a text, with ids and byte spans.
///
/// Prompts are not added and nothing is cut: these are all the tokens of the text itself.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    contexture tokenize 'Contextualised embeddings'\n  \
    contexture tokenize --json --input corpus.jsonl --field body | head -1\n  \
    echo 'one text a line' | contexture tokenize --no-special")]
pub(crate) struct TokenizeArguments {
    #[command(flatten)]
    texts: Texts,
    /// Leave out the special tokens that the model adds.
    #[arg(long)]
    no_special: bool,
    /// Print a JSON object a text: `{"id", "tokens": [{"id", "text", "span"}]}`.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    reading: Reading,
}

#[derive(serde::Serialize)]
struct Token<'a> {
    id: u32,
    text: &'a str,
    span: Option<Span>,
}

#[derive(serde::Serialize)]
struct Line<'a> {
    id: serde_json::Value,
    tokens: Vec<Token<'a>>,
}

pub(crate) fn run(arguments: TokenizeArguments) -> Result<()> {
    let mut source = open(&arguments.texts.input(), &arguments.reading)?;
    let located = arguments.model.locate(false)?;
    let tokenizer = Embedder::open_tokenizer(&located.folder)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    for item in &mut source {
        let item = match item {
            Ok(item) => item,
            Err(error) => {
                out.flush().context("standard output: cannot be written")?;
                return Err(bad_row(error));
            }
        };
        show(&arguments, &tokenizer, item, &mut out)?;
    }
    out.flush().context("standard output: cannot be written")?;
    if let Some(first) = source.first_skipped() {
        eprintln!("contexture: {} skipped, the first: {first}", source.skipped());
    }
    Ok(())
}

fn show(
    arguments: &TokenizeArguments,
    tokenizer: &Tokenizer,
    item: Item,
    out: &mut impl Write,
) -> Result<()> {
    let encoding = if arguments.no_special {
        tokenizer.encode_without_special(&item.text)
    } else {
        tokenizer.encode(&item.text)
    }?;
    // Words that are spelled out are in a list by chance only.
    let spelled = tokenizer.characters().is_some();
    let named = |(id, span): (&u32, &Option<Span>)| match span.filter(|_| spelled) {
        Some([start, end]) => item.text.get(start..end).unwrap_or_default(),
        None => tokenizer.token(*id).unwrap_or_default(),
    };
    let texts: Vec<_> = encoding.ids.iter().zip(&encoding.spans).map(named).collect();
    let tokens = encoding.ids.iter().zip(&encoding.spans).zip(&texts);
    let tokens: Vec<_> =
        tokens.map(|((id, span), text)| Token { id: *id, text, span: *span }).collect();
    let text = if arguments.json {
        let id = match item.id {
            Id::Number(number) => number.into(),
            Id::Text(text) => text.into(),
        };
        serde_json::to_string(&Line { id, tokens })? + "\n"
    } else {
        let plural = if tokens.len() == 1 { "" } else { "s" };
        let mut text = format!("{}: {} token{plural}\n", item.id, tokens.len());
        for Token { id, text: token, span } in tokens {
            let span = span.map_or("-".to_owned(), |[start, end]| format!("{start}..{end}"));
            text += &format!("{id:>7}  {span:>11}  {token}\n");
        }
        text
    };
    out.write_all(text.as_bytes()).context("standard output: cannot be written")
}
