//! The `contexture` command: one file a command, this one is the table of contents.
#![forbid(unsafe_code)]

mod commands;
mod model;
mod progress;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use commands::{embed, info, pull, similarity, tokenize};

/// Turn text into contextual embeddings, on a CPU, exactly and fast.
#[derive(Parser)]
#[command(name = "contexture", version, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 done; 1 an error, said on standard error; 2 wrong usage.\n\
    `contexture COMMAND --help` shows each command's options with examples.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Say more on standard error; twice for traces.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

#[derive(Subcommand)]
enum Command {
    /// Turn texts into vectors, of sentences, words or tokens.
    Embed(Box<embed::EmbedArguments>),
    /// Show how similar texts are: the table of cosines.
    Similarity(similarity::SimilarityArguments),
    /// Show the tokens that a model sees in a text.
    Tokenize(tokenize::TokenizeArguments),
    /// Describe a model: architecture, positions, pooling, limits, digest.
    Info(info::InfoArguments),
    /// Bring a model into the cache.
    Pull(pull::PullArguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    listen(arguments.verbose);
    let outcome = match arguments.command {
        Command::Embed(arguments) => embed::run(*arguments),
        Command::Similarity(arguments) => similarity::run(arguments),
        Command::Tokenize(arguments) => tokenize::run(arguments),
        Command::Info(arguments) => info::run(arguments),
        Command::Pull(arguments) => pull::run(arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if reader_has_left(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("contexture: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// `contexture embed ... | head` ends the reading side early: no failure of ours.
fn reader_has_left(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
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
