//! `contexture info`: what a model is.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::Args;
use contexture::Info;

use crate::model::ModelArguments;
use crate::say;

/// Describe a model: architecture, positions, pooling, limits, size, licence, digest, and which
/// configuration keys were read.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    contexture info                         # the model inside this program, and its card\n  \
    contexture info ./my-model --json\n  \
    contexture info sentence-transformers/all-mpnet-base-v2 --card")]
pub(crate) struct InfoArguments {
    /// A model's name, its folder, or an archive that holds one; wins over --model.
    name: Option<String>,
    /// Print the model's card too; that of the model inside this program is always printed.
    #[arg(long)]
    card: bool,
    /// Print everything as one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: ModelArguments,
}

pub(crate) fn run(mut arguments: InfoArguments) -> Result<()> {
    if let Some(name) = arguments.name.take() {
        arguments.model.model = name;
    }
    let located = arguments.model.locate(false)?;
    let embedder = arguments.model.open(false)?;
    let info = embedder.info(true)?;
    let folder = match located.folder.files() {
        Some(_) => None,
        None => Some(located.folder.path().display().to_string()),
    };
    let card = if arguments.card || folder.is_none() { embedder.card()? } else { None };
    if arguments.json {
        let mut fields = serde_json::to_value(&info)?;
        if let Some(fields) = fields.as_object_mut() {
            fields.insert("name".into(), located.name.into());
            fields.insert("folder".into(), folder.into());
            fields.extend(card.map(|card| ("card".into(), card.into())));
        }
        return say::out(&format!("{fields:#}\n"));
    }
    let folder = folder.unwrap_or_else(|| "none: built into this program".into());
    let mut rows = vec![("name", located.name.clone()), ("folder", folder)];
    rows.extend(model_rows(&info));
    rows.extend(file_rows(&info));
    let mut text: String = rows.iter().map(|(key, value)| format!("{key:<16}{value}\n")).collect();
    if let Some(card) = card {
        text += &format!("\n{card}\n");
    } else if arguments.card {
        text += "\nno card: there is no README.md beside the weights\n";
    }
    say::out(&text)
}

/// What the model computes.
fn model_rows(info: &Info) -> Vec<(&'static str, String)> {
    let model = &info.model;
    let assumed = if model.pooling_assumed { " (assumed: the folder does not say)" } else { "" };
    let whose = if model.decoder.is_some() { " in the encoder" } else { "" };
    let limit = match model.maximum_tokens {
        Some(most) => format!("{} tokens (its positions reach {most})", info.max_length),
        None => format!("{} tokens (its positions have no end)", info.max_length),
    };
    vec![
        ("architecture", format!("{}, {} family", model.architecture, model.family)),
        ("positions", model.order()),
        ("size", model.shape()),
        ("pooling", format!("{}{assumed}", list(&model.head))),
        ("dimensions", model.dimensions.to_string()),
        ("maximum length", limit),
        ("tokenizer", format!("{}, {} tokens", info.tokenizer, grouped(info.tokens_known as u64))),
        ("prompts", prompts(info)),
        ("parameters", format!("{}{whose}", grouped(model.parameters as u64))),
    ]
}

/// What it is stored in.
fn file_rows(info: &Info) -> Vec<(&'static str, String)> {
    let model = &info.model;
    let mut rows = vec![
        ("bytes", format!("{} ({})", grouped(model.bytes), list(&model.precisions))),
        ("licence", model.licence.clone().unwrap_or_else(|| "not stated".into())),
        ("computed with", info.weights.clone()),
        ("instructions", info.instructions.to_owned()),
    ];
    for (file, digest) in model.weight_files.iter().zip(&info.sha256) {
        rows.push(("weights", file.clone()));
        rows.push(("  sha256", digest.clone()));
    }
    for (file, keys) in &model.keys_read {
        rows.push(("keys read", format!("{file}: {}", list(keys))));
    }
    rows.push(("tensors ignored", summed(&model.tensors_ignored)));
    rows.push(("tensors unknown", summed(&model.tensors_unknown)));
    rows
}

/// The folder's prompts by name.
fn prompts(info: &Info) -> String {
    let sentence = &info.model.sentence;
    let prompts = sentence.prompts.iter().map(|(name, text)| format!("{name} {text:?}"));
    let default = sentence.default_prompt.iter().map(|name| format!("default: {name}"));
    list(&prompts.chain(default).collect::<Vec<_>>())
}

fn list(items: &[String]) -> String {
    if items.is_empty() { "none".into() } else { items.join(", ") }
}

/// Names of tensors; where they are many, how many begin alike: `decoder.* (98)`. The JSON has all.
fn summed(names: &[String]) -> String {
    const SHOWN: usize = 12;
    if names.len() <= SHOWN {
        return list(names);
    }
    let mut alike: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
    for name in names {
        alike.entry(name.split_once('.').map_or(name, |(first, _)| first)).or_default().push(name);
    }
    let of = |(first, names): (&str, Vec<&String>)| match &names[..] {
        [name] => name.to_string(),
        names => format!("{first}.* ({})", names.len()),
    };
    list(&alike.into_iter().map(of).collect::<Vec<_>>())
}

/// `22,713,216`.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn many_tensors_are_counted() {
        let names = |count| (0..count).map(|n| format!("decoder.{n}.weight"));
        let few: Vec<String> = names(2).collect();
        assert_eq!(super::summed(&few), "decoder.0.weight, decoder.1.weight");
        let many: Vec<String> = names(40).chain(["lm_head.weight".into()]).collect();
        assert_eq!(super::summed(&many), "decoder.* (40), lm_head.weight");
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(super::grouped(7), "7");
        assert_eq!(super::grouped(396_680), "396,680");
        assert_eq!(super::grouped(22_713_216), "22,713,216");
    }
}
