//! What can go wrong between a text and its vectors.

use contexture_hub::HubError;
use contexture_model::ModelError;
use contexture_text::TextError;

/// An error of the engine: it names the place, what was found, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The model could not be found or fetched.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The tokenizer could not be opened or used.
    #[error(transparent)]
    Text(#[from] TextError),
    /// The model could not be opened.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The program was compiled without a model of its own.
    #[error(
        "no model is built into this program (it was compiled without the feature `built-in`, or \
         without the model's files); name one, such as --model all-MiniLM-L6-v2, or a folder"
    )]
    NotBuiltIn,
    /// A model that cannot write, because it has no decoder.
    #[error(
        "{model}: an encoder only, which reads texts and writes none; translate takes an \
         encoder-decoder, such as one trained with the objective `translation`"
    )]
    NoDecoder {
        /// The model.
        model: String,
    },
    /// A place where a model's folder cannot be written.
    #[error("{path}: {reason}", path = .path.display())]
    Output {
        /// The place.
        path: std::path::PathBuf,
        /// What stands in the way.
        reason: String,
    },
    /// A text is longer than the limit, and cutting was not allowed.
    #[error(
        "text {index}: {tokens} tokens, and the limit is {limit}; cut it (truncate), split it \
         (chunk), or raise the maximum length"
    )]
    TooLong {
        /// The text's number in the call, from 0.
        index: usize,
        /// Its tokens, special tokens counted.
        tokens: usize,
        /// The most that the model takes.
        limit: usize,
    },
    /// A setting that this model cannot honour.
    #[error("{setting}: found {found}; this model takes {supported}")]
    Setting {
        /// The setting's name.
        setting: &'static str,
        /// What was asked for.
        found: String,
        /// What is possible.
        supported: String,
    },
    /// `CONTEXTURE_ISA` names an instruction set that this machine cannot run.
    #[error("{0}")]
    Instructions(String),
    /// The tokenizer and the weights are not of one model.
    #[error(
        "the tokenizer gives token {id}, and the model's vocabulary has {vocabulary} entries: \
         the tokenizer's files and the weights are not of one model"
    )]
    Vocabulary {
        /// The token.
        id: u32,
        /// The rows of the embedding table.
        vocabulary: usize,
    },
    /// The model reads words by their characters, and the tokenizer does not give those.
    #[error(
        "the model reads {} characters a word and the tokenizer gives {}: characters.json (or \
         options.json) and the weights are not of one model",
        model.unwrap_or(0), tokenizer.unwrap_or(0)
    )]
    Spelling {
        /// Characters a word that the model reads.
        model: Option<usize>,
        /// Characters a word that the tokenizer gives; `None`: it does not spell words out.
        tokenizer: Option<usize>,
    },
    /// The model computed NaN or an infinity.
    #[error(
        "text {index}: the model computed a value that is not finite; its weights may be damaged \
         (contexture pull --force fetches them again)"
    )]
    NotFinite {
        /// The text's number in the call, from 0.
        index: usize,
    },
    /// The checkpoint holds no language head, which the likelihood of tokens needs.
    #[error(
        "{model}: has no language head, so it cannot say how likely a word is; likelihoods need a \
         masked or causal language model, such as one that `contexture train` made"
    )]
    NoLanguageHead {
        /// The model's folder.
        model: String,
    },
    /// A masked model without a mask token.
    #[error("{model}: the tokenizer has no mask token, which a masked model's likelihoods need")]
    NoMask {
        /// The model's folder.
        model: String,
    },
    /// A place that has no likelihood.
    #[error("sequence {index}: place {found} was asked for; it has places {first} to {last}")]
    Place {
        /// The sequence's number in the call, from 0.
        index: usize,
        /// The place.
        found: usize,
        /// The first place that can be asked for.
        first: usize,
        /// The last place.
        last: usize,
    },
    /// A fault of Contexture itself, caught at this batch.
    #[error("text {index}: internal fault: {what}; please report it with the text")]
    Internal {
        /// The first text of the batch that failed.
        index: usize,
        /// The panic's message.
        what: String,
    },
}
