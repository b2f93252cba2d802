//! The file itself: reading, overriding, refusing what it does not know.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{
    AveragingSettings, Decay, EvaluationSettings, ModelSettings, ObjectiveSettings,
    OptimiserSettings, ScheduleSettings, SnapshotSettings, TokenizerSettings,
};
use crate::TrainError;

/// A run, as its file describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The run's folder: snapshots and metrics while it trains, the model at its end.
    pub output: PathBuf,
    /// Decides initial weights, the order of data, masks and dropout.
    #[serde(default = "one")]
    pub seed: u64,
    /// Threads; 0: as many as this process may use. Results do not depend on it.
    #[serde(default)]
    pub threads: usize,
    /// What is trained.
    #[serde(default)]
    pub model: ModelSettings,
    /// How text becomes tokens.
    #[serde(default)]
    pub tokenizer: TokenizerSettings,
    /// With `translation`: how the target's text becomes tokens, where it has a tokenizer of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_tokenizer: Option<TokenizerSettings>,
    /// What it learns from; several are added up.
    #[serde(rename = "objective", default)]
    pub objectives: Vec<ObjectiveSettings>,
    /// How gradients become steps.
    #[serde(default)]
    pub optimiser: OptimiserSettings,
    /// How long, and at what rate.
    pub schedule: ScheduleSettings,
    /// Held-out data on the way.
    #[serde(default)]
    pub evaluation: EvaluationSettings,
    /// What is kept to go on from.
    #[serde(default)]
    pub snapshots: SnapshotSettings,
    /// The mean of several states of the weights.
    #[serde(default)]
    pub averaging: AveragingSettings,
}

fn one() -> u64 {
    1
}

impl Config {
    /// Reads a file, with `key=value` overrides (`schedule.steps=100`, `objective.0.weight=2`).
    ///
    /// # Errors
    /// [`TrainError`] that names file, line, key and the nearest known key.
    pub fn read(path: &Path, overrides: &[String]) -> Result<Self, TrainError> {
        let text =
            std::fs::read_to_string(path).map_err(|e| TrainError::io(path, "cannot be read", e))?;
        Self::parse(&text, path, overrides)
    }

    /// As [`Config::read`], from text; `path` is for messages.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn parse(text: &str, path: &Path, overrides: &[String]) -> Result<Self, TrainError> {
        parse_toml(text, path, overrides)
    }

    /// The configuration in full, defaults included.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("a configuration is plain data")
    }

    /// The keys of `other` that differ from this one's and decide what is learned.
    pub fn difference(&self, other: &Self) -> Vec<String> {
        let table =
            |config: &Self| toml::Table::try_from(config).expect("a configuration is plain data");
        let mut found = Vec::new();
        differ("", &table(self).into(), &table(other).into(), &mut found);
        // Where it is written and how many threads compute it change nothing that is learned.
        found.retain(|key| !["output", "threads"].contains(&key.as_str()));
        // Where the rate does not look ahead to the end, a longer run begins as a shorter one.
        let ahead = |s: &ScheduleSettings| matches!(s.decay, Decay::Linear | Decay::Cosine);
        if !ahead(&self.schedule) {
            found.retain(|key| key != "schedule.steps");
        }
        found
    }
}

/// Reads TOML into settings of any kind, with `key=value` overrides; `path` is for messages.
///
/// # Errors
/// [`TrainError::Syntax`], with line, key and the nearest known key.
pub fn parse_toml<T: DeserializeOwned>(
    text: &str,
    path: &Path,
    overrides: &[String],
) -> Result<T, TrainError> {
    let refused = |reason: String| TrainError::Syntax { path: path.into(), reason };
    if overrides.is_empty() {
        // Straight from the text, so that a message names line and column.
        return toml::from_str(text).map_err(|e| refused(explain(&e)));
    }
    let mut table: toml::Table = toml::from_str(text).map_err(|e| refused(explain(&e)))?;
    for entry in overrides {
        set(&mut table, entry).map_err(|reason| refused(format!("`{entry}`: {reason}")))?;
    }
    T::deserialize(table).map_err(|e| refused(explain(&e)))
}

fn differ(key: &str, a: &toml::Value, b: &toml::Value, found: &mut Vec<String>) {
    match (a, b) {
        (toml::Value::Table(a), toml::Value::Table(b)) => {
            let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for name in keys {
                let full = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                match (a.get(name), b.get(name)) {
                    (Some(a), Some(b)) => differ(&full, a, b, found),
                    _ => found.push(full),
                }
            }
        }
        (a, b) if a != b => found.push(key.to_owned()),
        _ => {}
    }
}

/// `a.b.0.c=value`: the value is TOML, or else a text.
fn set(table: &mut toml::Table, entry: &str) -> Result<(), String> {
    let (key, value) =
        entry.split_once('=').ok_or("expected key=value, as in schedule.steps=1000")?;
    let parsed = toml::from_str::<toml::Table>(&format!("value = {value}"));
    let value = match parsed {
        Ok(mut table) => table.remove("value").ok_or("no value")?,
        Err(_) => toml::Value::String(value.to_owned()),
    };
    let mut parts: Vec<&str> = key.trim().split('.').collect();
    let last = parts.pop().filter(|last| !last.is_empty()).ok_or("no key")?;
    let mut place = table;
    let mut parts = parts.into_iter().peekable();
    while let Some(part) = parts.next() {
        let next = place.entry(part).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        place = match next {
            toml::Value::Table(table) => table,
            toml::Value::Array(list) => {
                let index = parts.next().and_then(|index| index.parse::<usize>().ok());
                let count = list.len();
                let entry = index.and_then(|index| list.get_mut(index));
                entry
                    .and_then(toml::Value::as_table_mut)
                    .ok_or(format!("{part} is a list of {count}: expected {part}.0 and the like"))?
            }
            _ => return Err(format!("{part} is a value, not a table")),
        };
    }
    place.insert(last.to_owned(), value);
    Ok(())
}

/// The parser's message, and for an unknown name the nearest of those that it lists.
fn explain(error: &toml::de::Error) -> String {
    let text = error.to_string();
    let text = text.trim_end();
    let message = error.message();
    let unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match names.split_first() {
        Some((found, known)) if unknown => {
            let distance = |name: &&&str| strsim::damerau_levenshtein(found, name);
            match known.iter().min_by_key(distance) {
                Some(nearest) => format!("{text}\ndid you mean `{nearest}`?"),
                None => text.to_owned(),
            }
        }
        _ => text.to_owned(),
    }
}
