//! What a user may say to `contexture embed`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{ArgAction, Args, ValueEnum};
use contexture::{DEFAULT_BUDGET_TOKENS, EmbedOptions, Layer, Levels, Overflow, Pooling};
use contexture_bulk::{Input, Output, OutputFormat};

use crate::commands::reading::{Reading, Texts};
use crate::model::ModelArguments;

/// Turn texts into vectors, of sentences, words or tokens.
///
/// Texts come from the arguments, from --input, or from standard input (a line each). A record is
/// `{"id", "embedding", "tokens", "tokens_used", "truncated", "span": [start, end]}`, the span in
/// bytes of the input; nothing is cut silently. --level word adds "words", an array of `{"text",
/// "span", "embedding"}`; --level token makes "tokens" such an array and calls the count
/// "tokens_total". --on-overflow chunk gives a record for each "chunk". Models that spell words out
/// (ELMo) add "cut_words" where words are longer than they take. A text without any token has
/// a vector of zeros.
///
/// Files appear under their names when they are whole. A summary goes to standard error.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    contexture embed 'ram hits sam' 'sam hits ram'\n  \
    contexture embed --input reviews.csv.gz --column review --output reviews.parquet\n  \
    contexture embed --input docs.jsonl --field body --on-overflow chunk --output docs.jsonl.zst\n  \
    contexture embed --level word,sentence 'The bank of the river'\n  \
    cat lines.txt | contexture embed --output lines.npy --dimensions 128")]
pub(crate) struct EmbedArguments {
    #[command(flatten)]
    texts: Texts,
    /// Write records to a file; its ending says the format: .jsonl[.gz|.zst], .npy, .parquet.
    #[arg(short, long, value_name = "FILE", default_value = "-", hide_default_value = true)]
    output: String,
    /// The output's format, whatever its name.
    #[arg(long, value_name = "FORMAT", value_parser = OutputFormat::NAMES)]
    format: Option<String>,
    /// Print the summary as JSON: on standard output where records go to a file, else on standard
    /// error.
    #[arg(long)]
    pub(crate) json: bool,
    /// No bar and no summary; errors and cut texts are still said.
    #[arg(short, long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) model: ModelArguments,
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    vectors: Vectors,
}

#[derive(Args)]
#[command(next_help_heading = "Vectors")]
struct Vectors {
    /// Which vectors are made; several, comma-separated, in one pass.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "sentence")]
    level: Vec<LevelName>,
    /// How token vectors become a sentence's [default: what the model's folder says].
    #[arg(long, value_enum)]
    pooling: Option<PoolingName>,
    /// The layer: last, a number (0 is the embeddings' output), mix (the model's own learned mix,
    /// else the mean of all), or mix:W0,W1,... (one weight a layer, embeddings first).
    #[arg(long, default_value = "last", value_parser = layer)]
    layer: Layer,
    /// Unit length for every vector; --normalize=false adds none to what the model's own modules
    /// do [default: sentences as the model's folder says, words and tokens not].
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true",
          action = ArgAction::Set, value_name = "BOOL")]
    normalize: Option<bool>,
    /// Keep the first N dimensions (Matryoshka), then normalise.
    #[arg(long, value_name = "N")]
    dimensions: Option<usize>,
    /// Precision of sentence vectors, as sentence-transformers defines it. int8 spans the range of
    /// each dimension: over all texts of the run, or as --int8-ranges says.
    #[arg(long, value_enum, default_value_t = PrecisionName::F32)]
    pub(crate) precision: PrecisionName,
    /// JSON file {"min": [..], "max": [..]} with the range of each dimension; without it, ranges
    /// are taken from the run's own vectors.
    #[arg(long, value_name = "FILE")]
    pub(crate) int8_ranges: Option<PathBuf>,
    /// Text that is put before each text.
    #[arg(long, conflicts_with = "prompt_name")]
    prompt: Option<String>,
    /// One of the model's own prompts, by name.
    #[arg(long, value_name = "NAME")]
    prompt_name: Option<String>,
    /// At most this many tokens a text, special tokens counted [default: the model's limit].
    #[arg(long, value_name = "TOKENS")]
    max_length: Option<usize>,
    /// What to do with a longer text.
    #[arg(long, value_enum, default_value_t = OverflowName::Truncate)]
    on_overflow: OverflowName,
    /// Tokens that one forward takes together, per thread.
    #[arg(long, default_value_t = DEFAULT_BUDGET_TOKENS, value_name = "TOKENS")]
    budget_tokens: usize,
    /// Let a recurrent model (ELMo, LSTM) go on from each text to the next, as the first ELMo did.
    /// A text's vectors then depend on every text before it in the run; without, each text begins
    /// afresh and always has the same vectors.
    #[arg(long)]
    stateful: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LevelName {
    /// One vector a text.
    Sentence,
    /// One for each word between white space, sub-words averaged.
    Word,
    /// One for each token of the model.
    Token,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PoolingName {
    /// The first token.
    Cls,
    /// The greatest value of each dimension.
    Max,
    /// The mean of all tokens.
    Mean,
    /// The sum over the square root of the number of tokens.
    MeanSqrtLen,
    /// The mean with weights 1, 2, 3, ...
    WeightedMean,
    /// The last token.
    Last,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PrecisionName {
    /// 32-bit floats.
    F32,
    /// A signed byte a dimension.
    Int8,
    /// A bit a dimension, eight to a byte.
    Binary,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OverflowName {
    /// Cut it, and say so.
    Truncate,
    /// End with an error that names it.
    Error,
    /// One vector for each chunk, with its span.
    Chunk,
}

pub(crate) fn layer(text: &str) -> Result<Layer, String> {
    match text {
        "last" => Ok(Layer::Last),
        "mix" => Ok(Layer::Mix(Vec::new())),
        _ => match text.strip_prefix("mix:") {
            Some(weights) => weights
                .split(',')
                .map(|weight| weight.trim().parse::<f32>().ok().filter(|w| w.is_finite()))
                .collect::<Option<_>>()
                .map(Layer::Mix)
                .ok_or_else(|| "expected numbers, as in mix:0.2,0.3,0.5".into()),
            None => text
                .parse()
                .map(Layer::Number)
                .map_err(|_| "expected last, a number, mix, or mix:W0,W1,...".into()),
        },
    }
}

impl EmbedArguments {
    pub(crate) fn input(&self) -> Input {
        self.texts.input()
    }

    pub(crate) fn output(&self) -> Output {
        Output::from(self.output.as_str())
    }

    pub(crate) fn output_format(&self) -> Option<OutputFormat> {
        self.format.as_deref().and_then(OutputFormat::from_name)
    }

    pub(crate) fn precision(&self) -> (PrecisionName, Option<&PathBuf>) {
        (self.vectors.precision, self.vectors.int8_ranges.as_ref())
    }

    pub(crate) fn embed_options(&self) -> Result<EmbedOptions> {
        let vectors = &self.vectors;
        let wants = |level| vectors.level.contains(&level);
        let levels = Levels {
            sentence: wants(LevelName::Sentence),
            words: wants(LevelName::Word),
            tokens: wants(LevelName::Token),
        };
        if vectors.precision != PrecisionName::F32 && !levels.sentence {
            bail!("--precision is about sentence vectors: add sentence to --level");
        }
        Ok(EmbedOptions {
            levels,
            pooling: vectors.pooling.map(|name| match name {
                PoolingName::Cls => Pooling::Cls,
                PoolingName::Max => Pooling::Max,
                PoolingName::Mean => Pooling::Mean,
                PoolingName::MeanSqrtLen => Pooling::MeanSqrtLength,
                PoolingName::WeightedMean => Pooling::WeightedMean,
                PoolingName::Last => Pooling::Last,
            }),
            layer: vectors.layer.clone(),
            normalize: vectors.normalize,
            dimensions: vectors.dimensions,
            prompt: vectors.prompt.clone(),
            prompt_name: vectors.prompt_name.clone(),
            max_length: vectors.max_length,
            overflow: match vectors.on_overflow {
                OverflowName::Truncate => Overflow::Truncate,
                OverflowName::Error => Overflow::Error,
                OverflowName::Chunk => Overflow::Chunk,
            },
            budget_tokens: vectors.budget_tokens,
            stateful: vectors.stateful,
        })
    }
}
