//! What a user may say to `contexture translate`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::builder::{OsStr, Resettable};
use clap::{Args, ValueEnum};
use contexture::{Overflow, TranslateOptions};
use contexture_bulk::{Input, Output, OutputFormat};

use super::lines::Layout;
use crate::commands::reading::{Reading, Texts};
use crate::model::ModelArguments;

/// Turn texts into their counterparts, with an encoder-decoder.
///
/// Texts come from the arguments, from --input, or from standard input (a line each, answered as soon
/// as it comes). For each, in order, a line is written: the likeliest output that was found. An empty
/// text gives an empty line; line breaks inside an output become blanks.
///
/// --scores puts each output's score before it: `score<TAB>text`. --n-best N writes up to N lines a
/// text, likeliest first, each `id<TAB>score<TAB>text`, the id being the input's own or its number from
/// 0. --json, or an --output that ends in .jsonl, writes a record a text: `{"id", "outputs": [{"text",
/// "score", "ended"}], "tokens", "tokens_used", "truncated", "unknown", "pieces"}`; with --scores, outputs
/// have "tokens", an array of `{"token", "log_probability"}`, the end's last.
///
/// A score is the sum of the log-probabilities of an output's tokens, its end among them, over
/// their number raised to --length-penalty: with 1 the mean, with 0 the sum.
#[derive(Args)]
#[command(mut_arg("model", |model| {
    model
        .default_value(Resettable::<OsStr>::Reset)
        .required(true)
        .help(
            "A model with a decoder: the folder of a run of `contexture train` with the objective \
             `translation`, a name, or an archive (.zip, .whl) that holds one",
        )
        .long_help(None)
}))]
#[command(after_help = "Examples:\n  \
    contexture translate --model runs/en-de 'a dog runs' 'two men cook'\n  \
    contexture translate --model runs/en-de --input news.en --output news.de\n  \
    cat news.en | contexture translate --model runs/en-de --beam 1 > news.de\n  \
    contexture translate --model runs/en-de --n-best 3 'a dog runs'\n  \
    contexture translate --model runs/en-de --input news.tsv --column en --output news.jsonl\n  \
    contexture translate --model runs/en-de --attention look.html 'a dog runs'")]
pub(crate) struct TranslateArguments {
    #[command(flatten)]
    texts: Texts,
    /// Write to a file, through gzip or zstd where its name ends in .gz or .zst.
    #[arg(short, long, value_name = "FILE", default_value = "-", hide_default_value = true)]
    output: String,
    /// Write a JSON record a text.
    #[arg(long)]
    json: bool,
    /// Write scores: of outputs, and with --json of their tokens.
    #[arg(long)]
    scores: bool,
    /// Draw a page of what the outputs' tokens looked at in the texts (at most the first 10).
    #[arg(long, value_name = "FILE.html")]
    attention: Option<PathBuf>,
    /// No bar and no summary; errors and warnings are still said.
    #[arg(short, long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) model: ModelArguments,
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    search: SearchArguments,
}

#[derive(Args)]
#[command(next_help_heading = "Search")]
struct SearchArguments {
    /// Outputs that are followed at once; 1: greedy, the likeliest token after token, which is the
    /// fastest.
    #[arg(long, default_value_t = 4, value_name = "N")]
    beam: usize,
    /// The exponent of an output's length by which its log-probability is divided; 0: not at all,
    /// which favours short outputs.
    #[arg(long, default_value_t = 1.0, value_name = "X", allow_negative_numbers = true)]
    length_penalty: f32,
    /// Outputs of a text, at most as many as the beam is wide.
    #[arg(long, default_value_t = 1, value_name = "N")]
    n_best: usize,
    /// At most this many tokens of a text, special tokens counted [default: the model's limit].
    #[arg(long, value_name = "TOKENS")]
    max_length: Option<usize>,
    /// What to do with a longer text.
    #[arg(long, value_enum, default_value_t = OverflowName::Truncate)]
    on_overflow: OverflowName,
    /// At most this many tokens of an output [default: the model's own number, else twice the text's
    /// and 50 more; at most what it has places for].
    #[arg(long, value_name = "TOKENS")]
    longest: Option<usize>,
    /// Tokens of texts that a thread works on at once, times the beam.
    #[arg(long, default_value_t = TranslateOptions::default().batch_tokens, value_name = "TOKENS")]
    batch_tokens: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OverflowName {
    /// Cut it, and say so.
    Truncate,
    /// End with an error that names it.
    Error,
    /// Translate it in pieces, cut between words, each on its own.
    Chunk,
}

impl TranslateArguments {
    pub(crate) fn input(&self) -> Input {
        self.texts.input()
    }

    pub(crate) fn output(&self) -> Output {
        Output::from(self.output.as_str())
    }

    pub(crate) fn options(&self) -> TranslateOptions {
        let search = &self.search;
        TranslateOptions {
            beam: search.beam,
            length_penalty: search.length_penalty,
            best: search.n_best,
            overflow: match search.on_overflow {
                OverflowName::Truncate => Overflow::Truncate,
                OverflowName::Error => Overflow::Error,
                OverflowName::Chunk => Overflow::Chunk,
            },
            max_length: search.max_length,
            longest: search.longest,
            batch_tokens: search.batch_tokens,
        }
    }

    /// How outputs are written.
    pub(crate) fn layout(&self) -> Result<Layout> {
        let name = ["gz", "gzip", "zst", "zstd"]
            .into_iter()
            .find_map(|ending| self.output.strip_suffix(&format!(".{ending}")))
            .unwrap_or(&self.output);
        let ending = name.rsplit_once('.').and_then(|(_, ending)| OutputFormat::from_name(ending));
        let json = match ending {
            None => self.json,
            Some(OutputFormat::Jsonl) => true,
            Some(_) => bail!("{}: outputs are text or JSONL; name such a file", self.output),
        };
        Ok(match (json, self.search.n_best, self.scores) {
            (true, _, tokens) => Layout::Json { tokens },
            (false, 1, false) => Layout::Plain,
            (false, 1, true) => Layout::Scored,
            (false, ..) => Layout::Numbered,
        })
    }

    /// Where attention is drawn.
    pub(crate) fn attention(&self) -> Result<Option<&PathBuf>> {
        let Some(path) = &self.attention else { return Ok(None) };
        let ending = path.extension().and_then(|ending| ending.to_str());
        if !ending.is_some_and(|e| ["html", "htm"].contains(&e.to_ascii_lowercase().as_str())) {
            bail!("--attention {}: a name that ends in .html is expected", path.display());
        }
        if self.search.on_overflow == OverflowName::Chunk {
            bail!(
                "--attention draws whole texts, and --on-overflow chunk splits them; leave one out"
            );
        }
        Ok(Some(path))
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command};

    use super::*;
    use crate::commands::translate::attention::MOST_DRAWN;

    #[test]
    fn the_help_says_how_many_texts_are_drawn() {
        let mut command = TranslateArguments::augment_args(Command::new("translate"));
        let help = command.render_long_help().to_string();
        assert!(help.contains(&format!("at most the first {MOST_DRAWN}")), "{help}");
        assert!(!help.contains("inside this program"), "{help}");
    }
}
