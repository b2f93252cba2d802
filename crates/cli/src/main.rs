//! The `contexture` command: one file a command, this one is the table of contents.
#![forbid(unsafe_code)]

mod commands;
mod model;
mod progress;
mod say;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use commands::{
    compare, embed, eval, export, info, positions, pull, similarity, tokenize, train, translate,
};

/// Turn text into contextual embeddings, on a CPU, exactly and fast.
#[derive(Parser)]
#[command(name = "contexture", version, max_term_width = 100)]
#[command(after_help = "Examples:\n  \
    contexture embed 'ram hits sam' 'sam hits ram'\n  \
    contexture embed --input reviews.csv --column review --output reviews.parquet\n  \
    contexture similarity 'ram hits sam' 'sam hits ram'\n\n\
    Exit codes: 0 done; 1 an error, said on standard error; 2 wrong usage; 130 interrupted.\n\
    Without --model the model inside this program is used, contexture-small-en (it was\n    \
    all-MiniLM-L6-v2 before, which --model all-MiniLM-L6-v2 still fetches).\n    \
    CONTEXTURE_MODEL names the model, CONTEXTURE_ISA (avx512, avx2, neon, plain) forces an\n\
    instruction set. `contexture COMMAND --help` shows a command's options with examples.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Say more on standard error; twice for traces.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

// A variant's comment would take the place of its arguments' own: it stands where those say less.
#[derive(Subcommand)]
enum Command {
    Embed(Box<embed::EmbedArguments>),
    /// Measure a model on gold answers: similarity, retrieval, word senses, probes.
    Eval(Box<eval::EvalArguments>),
    Similarity(similarity::SimilarityArguments),
    Translate(Box<translate::TranslateArguments>),
    Tokenize(tokenize::TokenizeArguments),
    /// Describe a model: architecture, positions, pooling, limits, digest.
    Info(info::InfoArguments),
    /// Look at a position function: table, distances, periods, and whether places coincide.
    Positions(positions::PositionsArguments),
    Export(export::ExportArguments),
    Pull(pull::PullArguments),
    /// Train a model of one's own, from scratch or from one that is there.
    Train(Box<train::TrainArguments>),
    /// Compare models on the same data with the same budget: speed, learning, knowledge.
    Compare(Box<compare::CompareArguments>),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    listen(arguments.verbose);
    // A word that names no instruction set would else be passed over in silence.
    if let Err(refused) = contexture::Isa::from_environment() {
        eprintln!("contexture: {refused}");
        return ExitCode::FAILURE;
    }
    let outcome = match arguments.command {
        Command::Embed(arguments) => embed::run(*arguments),
        Command::Eval(arguments) => eval::run(*arguments),
        Command::Similarity(arguments) => similarity::run(arguments),
        Command::Translate(arguments) => translate::run(*arguments),
        Command::Tokenize(arguments) => tokenize::run(arguments),
        Command::Info(arguments) => info::run(arguments),
        Command::Positions(arguments) => positions::run(arguments),
        Command::Export(arguments) => export::run(arguments),
        Command::Pull(arguments) => pull::run(arguments),
        Command::Train(arguments) => train::run(*arguments),
        Command::Compare(arguments) => compare::run(*arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if say::reader_has_left(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("contexture: {}", say::chain(&error));
            ExitCode::FAILURE
        }
    }
}

fn listen(verbose: u8) {
    let level = match verbose {
        0 => tracing::Level::WARN,
        1 => tracing::Level::INFO,
        _ => tracing::Level::TRACE,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .without_time()
        .with_target(false)
        .init();
}
