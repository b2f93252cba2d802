//! What a user may say to `contexture eval`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use contexture::{EmbedOptions, Layer};

use crate::commands::embed::layer;
use crate::model::ModelArguments;

/// Measure a model on gold answers, with 95 % intervals.
///
/// Figures are those of scipy, scikit-learn, trec_eval and sacreBLEU. Shares are shown times 100 and
/// written to JSON as shares; BLEU and chrF are points of 100 in both.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    contexture eval sts sts-dev.tsv sick.tsv\n  \
    contexture eval pairs paws.tsv.gz --json\n  \
    contexture eval triples swaps.tsv\n  \
    contexture eval retrieval scifact/ --markdown\n  \
    contexture eval wic wic-dev.tsv --train wic-train.tsv --layer 4\n  \
    contexture eval classify sst2-train.tsv --test sst2-dev.tsv\n  \
    contexture eval tagging ewt-train.tsv --test ewt-dev.tsv --layer mix\n  \
    contexture eval minimal-pairs agreement.tsv --model ./my-masked-lm\n  \
    contexture eval perplexity held-out.txt --model ./my-masked-lm\n  \
    contexture eval translation --hypotheses out.de --references ref.de\n\n\
    `contexture eval TASK --help` shows a task's options with examples.")]
pub(crate) struct EvalArguments {
    #[command(subcommand)]
    pub(crate) task: Task,
}

// A variant's comment would take the place of its arguments' own, which say more.
#[derive(Subcommand)]
pub(crate) enum Task {
    Sts(Sts),
    Pairs(Pairs),
    Triples(Triples),
    Retrieval(Retrieval),
    Wic(Wic),
    Classify(Classify),
    Tagging(Tagging),
    MinimalPairs(MinimalPairs),
    Perplexity(Perplexity),
    Translation(Translation),
}

impl Task {
    /// What every task takes, and what those with a model take besides.
    fn options(&self) -> (&Reporting, Option<&Shared>) {
        let shared = match self {
            Self::Sts(task) => &task.shared,
            Self::Pairs(task) => &task.shared,
            Self::Triples(task) => &task.shared,
            Self::Retrieval(task) => &task.shared,
            Self::Wic(task) => &task.shared,
            Self::Classify(task) => &task.shared,
            Self::Tagging(task) => &task.shared,
            Self::MinimalPairs(task) => &task.shared,
            Self::Perplexity(task) => &task.shared,
            Self::Translation(task) => return (&task.reporting, None),
        };
        (&shared.reporting, Some(shared))
    }

    pub(crate) fn reporting(&self) -> &Reporting {
        self.options().0
    }

    /// `None` of a task without a model.
    pub(crate) fn shared(&self) -> Option<&Shared> {
        self.options().1
    }
}

/// What every task takes.
#[derive(Args)]
pub(crate) struct Reporting {
    /// Print the result as one JSON object.
    #[arg(long, conflicts_with = "markdown")]
    pub(crate) json: bool,
    /// Print the result as a Markdown table.
    #[arg(long)]
    pub(crate) markdown: bool,
    /// Write the result to a file too: as --json or --markdown say, else by its ending (.json,
    /// .md), else as text.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Use the first N items (pairs, queries, texts, sentences) of each file.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Resamples for the 95 % intervals; 0: none.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) bootstrap: usize,
    /// Seed of everything that is drawn.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// No bar and no summary; errors are still said.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// What every task with a model takes.
#[derive(Args)]
pub(crate) struct Shared {
    #[command(flatten)]
    pub(crate) reporting: Reporting,
    #[command(flatten)]
    pub(crate) model: ModelArguments,
    #[command(flatten)]
    pub(crate) vectors: Vectors,
}

#[derive(Args)]
#[command(next_help_heading = "Vectors")]
pub(crate) struct Vectors {
    /// The layer: last, a number (0 is the embeddings' output), mix (the mean of all), or
    /// mix:W0,W1,... (one weight a layer, embeddings first).
    #[arg(long, default_value = "last", value_parser = layer)]
    layer: Layer,
    /// Keep the first N dimensions (Matryoshka).
    #[arg(long, value_name = "N")]
    dimensions: Option<usize>,
    /// Text that is put before each text.
    #[arg(long, conflicts_with = "prompt_name")]
    prompt: Option<String>,
    /// One of the model's own prompts, by name.
    #[arg(long, value_name = "NAME")]
    prompt_name: Option<String>,
    /// At most this many tokens a text, special tokens counted [default: the model's limit].
    #[arg(long, value_name = "TOKENS")]
    max_length: Option<usize>,
}

impl Vectors {
    pub(crate) fn options(&self) -> EmbedOptions {
        EmbedOptions {
            layer: self.layer.clone(),
            dimensions: self.dimensions,
            prompt: self.prompt.clone(),
            prompt_name: self.prompt_name.clone(),
            max_length: self.max_length,
            ..EmbedOptions::default()
        }
    }
}

/// Textual similarity: Spearman and Pearson of cosine and gold score.
///
/// Tables are TSV (no quoting) or JSONL, plain, .gz or .zst; several files give a row each and
/// their mean.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    contexture eval sts stsb-dev.tsv sick-dev.tsv sts12.tsv.gz\n  \
    contexture eval sts pairs.tsv --no-header --score 3 --first 1 --second 2\n  \
    contexture eval sts pairs.jsonl --score similarity --model ./my-model --json")]
pub(crate) struct Sts {
    /// Files of pairs with scores.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) data: Vec<PathBuf>,
    /// The column of the gold score, by name or number from 1 [default: score, similarity,
    /// relatedness, gold; without a header 1].
    #[arg(long, value_name = "COLUMN")]
    pub(crate) score: Option<String>,
    #[command(flatten)]
    pub(crate) columns: PairColumns,
    #[command(flatten)]
    pub(crate) shared: Shared,
}

#[derive(Args)]
pub(crate) struct PairColumns {
    /// The column of the one sentence [default: sentence1, sentence_A, text1, question1; without a
    /// header 2].
    #[arg(long, value_name = "COLUMN")]
    pub(crate) first: Option<String>,
    /// The column of the other sentence [default: sentence2, sentence_B, text2, question2; without
    /// a header 3].
    #[arg(long, value_name = "COLUMN")]
    pub(crate) second: Option<String>,
    /// The first line is data.
    #[arg(long)]
    pub(crate) no_header: bool,
}

/// Pair classification: average precision, best accuracy and F1 of the cosine.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    contexture eval pairs paws-dev.tsv.gz\n  \
    contexture eval pairs qqp.tsv --label is_duplicate --first question1 --second question2")]
pub(crate) struct Pairs {
    /// Files of pairs with labels (1, T, true against 0, F, false).
    #[arg(required = true, value_name = "FILE")]
    pub(crate) data: Vec<PathBuf>,
    /// The column of the label, by name or number from 1 [default: label, is_duplicate; without a
    /// header 1].
    #[arg(long, value_name = "COLUMN")]
    pub(crate) label: Option<String>,
    #[command(flatten)]
    pub(crate) columns: PairColumns,
    #[command(flatten)]
    pub(crate) shared: Shared,
}

/// Triples: is a sentence closer to its paraphrase than to another one?
///
/// The share of triples in which the cosine of anchor and positive is greater than that of anchor
/// and negative, by kind and in all. Equal cosines are wrong, and counted.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    contexture eval triples swaps.tsv\n  \
    contexture eval triples triplets.jsonl --anchor query --positive pos --negative neg --json\n  \
    contexture eval triples bare.tsv --no-header --kind 4 --markdown")]
pub(crate) struct Triples {
    /// The file of triples, TSV or JSONL.
    #[arg(value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// The column of the sentence, by name or number from 1 [default: anchor, sentence, query;
    /// without a header 1].
    #[arg(long, value_name = "COLUMN")]
    pub(crate) anchor: Option<String>,
    /// The column of the sentence that says the same [default: positive, paraphrase, pos; without
    /// a header 2].
    #[arg(long, value_name = "COLUMN")]
    pub(crate) positive: Option<String>,
    /// The column of the sentence that does not [default: negative, swap, neg; without a header 3].
    #[arg(long, value_name = "COLUMN")]
    pub(crate) negative: Option<String>,
    /// The column that says how it differs [default: kind, case, type; without a header none].
    #[arg(long, value_name = "COLUMN")]
    pub(crate) kind: Option<String>,
    /// The first line is data.
    #[arg(long)]
    pub(crate) no_header: bool,
    #[command(flatten)]
    pub(crate) shared: Shared,
}

/// Retrieval in folders shaped as BEIR's: nDCG, recall, MRR, MAP.
///
/// A folder holds corpus.jsonl (_id, title, text), queries.jsonl (_id, text), each also .gz or
/// .zst, and the judgements in qrels/test.tsv or qrels.tsv. Search is exact; equal scores are
/// ordered as trec_eval does. A judged query without a relevant document counts as 0; queries that
/// nobody judged are left out.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    contexture eval retrieval scifact/\n  \
    contexture eval retrieval nfcorpus/ --split dev --ndcg 1,10,100 --recall 100,1000\n  \
    contexture eval retrieval fiqa/ --query-prompt 'query: ' --document-prompt 'passage: '")]
pub(crate) struct Retrieval {
    /// Folders.
    #[arg(required = true, value_name = "FOLDER")]
    pub(crate) data: Vec<PathBuf>,
    /// The judgements: qrels/NAME.tsv [default: qrels/test.tsv, else qrels.tsv].
    #[arg(long, value_name = "NAME")]
    pub(crate) split: Option<String>,
    /// Depths of nDCG.
    #[arg(long, value_delimiter = ',', value_name = "K", default_value = "10")]
    pub(crate) ndcg: Vec<usize>,
    /// Depths of recall.
    #[arg(long, value_delimiter = ',', value_name = "K", default_value = "10,100")]
    pub(crate) recall: Vec<usize>,
    /// Depths of the mean reciprocal rank.
    #[arg(long, value_delimiter = ',', value_name = "K", default_value = "10")]
    pub(crate) mrr: Vec<usize>,
    /// Documents kept a query; MAP sees these.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) depth: usize,
    /// Text put before each query.
    #[arg(long, value_name = "TEXT")]
    pub(crate) query_prompt: Option<String>,
    /// Text put before each document.
    #[arg(long, value_name = "TEXT")]
    pub(crate) document_prompt: Option<String>,
    /// Leave out a document that has the query's own id, as BEIR does: right where queries are
    /// documents themselves, wrong where both are numbered from 1.
    #[arg(long)]
    pub(crate) skip_same_ids: bool,
    /// Documents are their text only, without the title before it.
    #[arg(long)]
    pub(crate) no_titles: bool,
    #[command(flatten)]
    pub(crate) shared: Shared,
}

/// Word in context: does a word mean the same in two sentences?
///
/// Sentences are cut into words at white space; the data number them from 0. The cosine of the two
/// word vectors is compared with the best threshold of --train, or, without it, of the data
/// themselves.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    contexture eval wic wic-dev.tsv --train wic-train.tsv\n  \
    contexture eval wic wic-dev.tsv --train wic-train.tsv --layer 4")]
pub(crate) struct Wic {
    /// Files of word pairs.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) data: Vec<PathBuf>,
    /// Word pairs on which the threshold is learned.
    #[arg(long, value_name = "FILE")]
    pub(crate) train: Option<PathBuf>,
    /// The column of the label [default: label].
    #[arg(long, value_name = "COLUMN")]
    pub(crate) label: Option<String>,
    /// The column of the words' numbers, as 2-5 [default: idx1-idx2].
    #[arg(long, value_name = "COLUMN")]
    pub(crate) index: Option<String>,
    #[command(flatten)]
    pub(crate) columns: PairColumns,
    #[command(flatten)]
    pub(crate) shared: Shared,
}

/// Classification by a linear probe on sentence vectors.
///
/// Logistic regression with an L2 penalty, as scikit-learn's, on the vectors as they are.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    contexture eval classify sst2-train.tsv --test sst2-dev.tsv\n  \
    contexture eval classify trec.tsv --folds 10 --json")]
pub(crate) struct Classify {
    /// The file of texts with classes to learn from.
    #[arg(value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// The file to test on; without it, stratified folds of the one file.
    #[arg(long, value_name = "FILE", conflicts_with = "folds")]
    pub(crate) test: Option<PathBuf>,
    /// Folds where there is no --test.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) folds: usize,
    /// The column of the class, by name or number from 1 [default: label, class; without a header
    /// 1].
    #[arg(long, value_name = "COLUMN")]
    pub(crate) label: Option<String>,
    /// The column of the text [default: text, sentence; without a header 2].
    #[arg(long, value_name = "COLUMN")]
    pub(crate) text: Option<String>,
    /// The first line is data.
    #[arg(long)]
    pub(crate) no_header: bool,
    #[command(flatten)]
    pub(crate) probe: Probe,
    #[command(flatten)]
    pub(crate) shared: Shared,
}

#[derive(Args)]
pub(crate) struct Probe {
    /// Inverse strength of the probe's penalty.
    #[arg(long = "c", value_name = "C", default_value_t = 1.0, value_parser = positive)]
    pub(crate) c: f64,
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| "expected a number above 0".to_owned())
}

/// Tagging by a linear probe on word vectors.
///
/// Files hold a word and its tags a line, divided by tabs, an empty line between sentences. Beside
/// the probe stands each word's most frequent tag in training, which needs no context.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    contexture eval tagging ewt-train.tsv.gz --test ewt-dev.tsv.gz\n  \
    contexture eval tagging wnut-train.conll --test wnut-dev.conll --layer mix\n  \
    contexture eval tagging ewt-train.tsv.gz --test ewt-dev.tsv.gz --tag 5 --layer 3")]
pub(crate) struct Tagging {
    /// The file of tagged words to learn from.
    #[arg(value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// The file to test on.
    #[arg(long, value_name = "FILE")]
    pub(crate) test: PathBuf,
    /// The column of the tag, from 2; column 1 holds the words.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) tag: usize,
    #[command(flatten)]
    pub(crate) probe: Probe,
    #[command(flatten)]
    pub(crate) shared: Shared,
}

/// Minimal pairs: is the grammatical sentence the likelier one? Needs a language head.
///
/// A causal model compares the sentences' log-likelihoods. A masked one masks the differing words
/// together and compares the sums of their log-probabilities; --score sentence masks every token in
/// turn. The table holds both sentences, or a sentence with a verb's place, right and wrong form
/// (verb_index from 0, correct, wrong, sentence).
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    contexture eval minimal-pairs marvin-linzen.tsv.gz --model ./my-model\n  \
    contexture eval minimal-pairs linzen.tsv.gz --model ./my-model --score sentence --json\n  \
    contexture eval minimal-pairs blimp.jsonl --case UID --model ./my-model")]
pub(crate) struct MinimalPairs {
    /// The file of pairs, TSV or JSONL.
    #[arg(value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// How a masked model scores a sentence.
    #[arg(long, value_enum, default_value_t = ScoreName::Words)]
    pub(crate) score: ScoreName,
    /// The column of the good sentence [default: grammatical, sentence_good].
    #[arg(long, value_name = "COLUMN")]
    pub(crate) grammatical: Option<String>,
    /// The column of the bad sentence [default: ungrammatical, sentence_bad].
    #[arg(long, value_name = "COLUMN")]
    pub(crate) ungrammatical: Option<String>,
    /// The column that names the case [default: test, case, n_attractors, UID].
    #[arg(long, value_name = "COLUMN")]
    pub(crate) case: Option<String>,
    #[command(flatten)]
    pub(crate) shared: Shared,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScoreName {
    /// The words that differ, masked together.
    Words,
    /// All tokens, masked one at a time.
    Sentence,
}

/// Perplexity of a causal model, pseudo-perplexity of a masked one. Needs a language head.
///
/// A masked model is asked for a share of each text's tokens, drawn by --seed and masked together;
/// --exact masks every token in turn: as many forwards as tokens. The two kinds do not compare.
/// Texts are read as by `contexture embed`: .txt (a line each), .jsonl, .tsv, .csv, .parquet.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    contexture eval perplexity held-out.txt --model ./my-model\n  \
    contexture eval perplexity wiki.jsonl.gz --limit 500 --exact --model ./my-model\n  \
    contexture eval perplexity glosses.tsv --column gloss --mask 0.3 --json --model ./my-model")]
pub(crate) struct Perplexity {
    /// Files of texts.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) data: Vec<PathBuf>,
    /// TSV, CSV, Parquet: the column of the text; JSONL: the field [default: text, sentence].
    #[arg(long, value_name = "COLUMN")]
    pub(crate) column: Option<String>,
    /// TSV, CSV: the first line is data.
    #[arg(long)]
    pub(crate) no_header: bool,
    /// The share of tokens that is masked at once.
    #[arg(long, value_name = "SHARE", default_value_t = 0.15)]
    pub(crate) mask: f64,
    /// Mask every token in turn.
    #[arg(long, conflicts_with = "mask")]
    pub(crate) exact: bool,
    #[command(flatten)]
    pub(crate) shared: Shared,
}

/// Translation: BLEU and chrF of a system's output. Needs no model.
///
/// Files hold a sentence a line, plain, .gz or .zst; line N of one belongs to line N of the others,
/// empty lines too. Figures are sacreBLEU's on its default settings (tokenizer 13a, exp smoothing,
/// chrF2), for text as people write it, not cut into tokens.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    contexture eval translation --hypotheses out.de --references ref.de\n  \
    contexture eval translation --hypotheses a.de b.de --references ref1.de ref2.de --json")]
pub(crate) struct Translation {
    /// What systems wrote: a row each.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub(crate) hypotheses: Vec<PathBuf>,
    /// What people wrote; several files are several right translations of each sentence.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub(crate) references: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) reporting: Reporting,
}
