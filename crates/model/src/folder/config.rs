//! A JSON object of settings that remembers which keys were read.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::ModelError;
use crate::error::shown;

/// One configuration file. Each accessor takes several spellings of a key; the first that is there
/// (and not null) counts.
#[derive(Debug, Clone)]
pub struct Config {
    path: PathBuf,
    prefix: String,
    values: Map<String, Value>,
    read: RefCell<BTreeSet<String>>,
}

impl Config {
    /// `value` must be an object.
    pub(crate) fn new(path: PathBuf, value: Value) -> Result<Self, ModelError> {
        match value {
            Value::Object(values) => {
                Ok(Self { path, prefix: String::new(), values, read: RefCell::default() })
            }
            other => {
                Err(ModelError::Json { path, reason: format!("not an object: {}", shown(&other)) })
            }
        }
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The keys that were read and are there, in order.
    pub(crate) fn keys_read(&self) -> Vec<String> {
        self.read.borrow().iter().cloned().collect()
    }

    pub(crate) fn get<'a>(&self, keys: &'a [&'a str]) -> Option<(&'a str, &Value)> {
        let key = keys.iter().find(|key| self.values.get(**key).is_some_and(|v| !v.is_null()))?;
        self.read.borrow_mut().insert(format!("{}{key}", self.prefix));
        self.values.get(*key).map(|value| (*key, value))
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.get(&[key]).is_some()
    }

    /// The object under `key`, as a configuration of its own.
    pub(crate) fn object(&self, key: &str) -> Result<Option<Self>, ModelError> {
        match self.get(&[key]) {
            None => Ok(None),
            Some((_, Value::Object(values))) => Ok(Some(Self {
                path: self.path.clone(),
                prefix: format!("{}{key}.", self.prefix),
                values: values.clone(),
                read: RefCell::default(),
            })),
            Some((_, other)) => Err(self.wrong(key, "an object", other)),
        }
    }

    /// The keys and values, where all are wanted.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.values.iter()
    }

    pub(crate) fn adopt(&self, part: &Self) {
        self.read.borrow_mut().extend(part.read.borrow().iter().cloned());
    }

    /// A whole number within `range`.
    pub(crate) fn count(
        &self,
        keys: &[&str],
        range: RangeInclusive<usize>,
    ) -> Result<usize, ModelError> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        match self.optional_count(keys, range)? {
            Some(count) => Ok(count),
            None => Err(self.missing(keys, expected)),
        }
    }

    pub(crate) fn optional_count(
        &self,
        keys: &[&str],
        range: RangeInclusive<usize>,
    ) -> Result<Option<usize>, ModelError> {
        let Some((key, value)) = self.get(keys) else { return Ok(None) };
        // Python writes some sizes as floats (`n_inner: 3072.0`).
        let whole = value.as_u64().or_else(|| {
            value.as_f64().filter(|v| v.fract() == 0.0 && (0.0..1e15).contains(v)).map(|v| v as u64)
        });
        match whole.and_then(|v| usize::try_from(v).ok()).filter(|v| range.contains(v)) {
            Some(count) => Ok(Some(count)),
            None => {
                let expected = format!("a whole number from {} to {}", range.start(), range.end());
                Err(self.wrong(key, &expected, value))
            }
        }
    }

    /// A finite number within `range`.
    pub(crate) fn number(
        &self,
        keys: &[&str],
        range: RangeInclusive<f64>,
        absent: f64,
    ) -> Result<f64, ModelError> {
        let Some((key, value)) = self.get(keys) else { return Ok(absent) };
        match value.as_f64().filter(|v| range.contains(v)) {
            Some(number) => Ok(number),
            None => {
                let expected = format!("a number from {} to {}", range.start(), range.end());
                Err(self.wrong(key, &expected, value))
            }
        }
    }

    /// True or false.
    pub(crate) fn flag(&self, keys: &[&str], absent: bool) -> Result<bool, ModelError> {
        match self.get(keys) {
            None => Ok(absent),
            Some((_, Value::Bool(flag))) => Ok(*flag),
            Some((key, other)) => Err(self.wrong(key, "true or false", other)),
        }
    }

    /// A string.
    pub(crate) fn text(&self, keys: &[&str]) -> Result<Option<&str>, ModelError> {
        match self.get(keys) {
            None => Ok(None),
            Some((_, Value::String(text))) => Ok(Some(text)),
            Some((key, other)) => Err(self.wrong(key, "a string", other)),
        }
    }

    /// One of the named choices.
    pub(crate) fn choice<T: Copy>(
        &self,
        keys: &[&str],
        choices: &[(&str, T)],
        absent: T,
    ) -> Result<T, ModelError> {
        let Some(text) = self.text(keys)? else { return Ok(absent) };
        match choices.iter().find(|(name, _)| *name == text) {
            Some((_, choice)) => Ok(*choice),
            None => {
                let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
                let key = self.get(keys).map_or(keys[0], |(key, _)| key);
                Err(self.unsupported(key, format!("\"{text}\""), names.join(", ")))
            }
        }
    }

    /// Refuses any other value than `only` (or none at all) under each key.
    pub(crate) fn only(&self, key: &str, only: Value) -> Result<(), ModelError> {
        match self.get(&[key]) {
            Some((_, value)) if *value != only => {
                Err(self.unsupported(key, shown(value), only.to_string()))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn missing(&self, keys: &[&str], expected: impl Into<String>) -> ModelError {
        let key = self.prefix.clone() + &keys.join(" or ");
        ModelError::MissingKey { path: self.path.clone(), key, expected: expected.into() }
    }

    pub(crate) fn wrong(&self, key: &str, expected: &str, found: &Value) -> ModelError {
        ModelError::Setting {
            path: self.path.clone(),
            key: format!("{}{key}", self.prefix),
            expected: expected.into(),
            found: shown(found),
        }
    }

    pub(crate) fn unsupported(
        &self,
        key: &str,
        found: impl Into<String>,
        supported: impl Into<String>,
    ) -> ModelError {
        ModelError::Unsupported {
            path: self.path.clone(),
            key: format!("{}{key}", self.prefix),
            found: found.into(),
            supported: supported.into(),
        }
    }
}
