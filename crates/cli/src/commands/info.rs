//! `contexture info`: what a model is.

use anyhow::Result;
use clap::Args;

use crate::model::ModelArguments;

/// Describe a model: architecture, positions, pooling, limits, size, licence, digest, and which
/// configuration keys were read.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    contexture info\n  \
    contexture info ./my-model --json\n  \
    contexture info sentence-transformers/all-mpnet-base-v2")]
pub(crate) struct InfoArguments {
    /// A model's name, its folder, or an archive that holds one; wins over --model.
    name: Option<String>,
    #[command(flatten)]
    model: ModelArguments,
    /// Print everything as one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(mut arguments: InfoArguments) -> Result<()> {
    if let Some(name) = arguments.name.take() {
        arguments.model.model = name;
    }
    let located = arguments.model.locate(false)?;
    let embedder = arguments.model.open(false)?;
    let info = embedder.info(true)?;
    let mut fields = serde_json::to_value(&info)?;
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("name".into(), located.name.into());
        fields.insert("folder".into(), located.folder.display().to_string().into());
    }
    if arguments.json {
        println!("{fields:#}");
        return Ok(());
    }
    for (key, value) in fields.as_object().into_iter().flatten() {
        println!("{:<18} {}", key.replace('_', " "), plain(value));
    }
    Ok(())
}

/// A value as a person reads it.
fn plain(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::Null => "not stated".into(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::Array(items) if items.is_empty() => "none".into(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| format!("{key}={}", plain(value)));
            fields.collect::<Vec<_>>().join(", ")
        }
        Value::Number(number) => number.to_string(),
    }
}
