//! The header of a safetensors file: 8 bytes of length (little-endian), then JSON that gives each
//! tensor its type, shape and place.
//!
//! The `safetensors` crate reads headers too, but wants the whole file in memory and does not
//! always name the tensor; what it refuses is refused here as well (a test compares the two).

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use safetensors::Dtype;
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};

use crate::ModelError;

/// The format's own limit.
const HEADER_LIMIT: u64 = 100_000_000;

/// Where a tensor's values lie in its file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// How the values are stored.
    pub dtype: Dtype,
    /// The tensor's shape.
    pub shape: Vec<usize>,
    /// Bytes from the file's beginning.
    pub start: u64,
    /// Bytes in all.
    pub len: u64,
}

/// The tensors of one file, by name.
pub(crate) type Entries = BTreeMap<String, Entry>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

struct Raw(Vec<(String, RawEntry)>);

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Raw;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object from tensor names to their type, shape and place")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
                let mut pairs = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        map.next_value::<BTreeMap<String, String>>()?;
                    } else {
                        pairs.push((name, map.next_value()?));
                    }
                }
                Ok(Raw(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// The length of the JSON part, from the file's first 8 bytes.
pub(crate) fn json_len(path: &Path, first: [u8; 8], file_len: u64) -> Result<usize, ModelError> {
    let len = u64::from_le_bytes(first);
    if len > HEADER_LIMIT {
        let reason = format!("it claims {len} bytes; at most {HEADER_LIMIT} are allowed");
        return Err(ModelError::header(path, reason));
    }
    if len > file_len.saturating_sub(8) {
        let reason = format!("it claims {len} bytes, but the file has only {file_len}");
        return Err(ModelError::header(path, reason));
    }
    usize::try_from(len).map_err(|_| ModelError::header(path, "longer than this machine's memory"))
}

/// Checks and resolves the entries: types known, sizes exact, places without gap or overlap.
pub(crate) fn parse(path: &Path, json: &[u8], file_len: u64) -> Result<Entries, ModelError> {
    let Raw(pairs) =
        serde_json::from_slice(json).map_err(|e| ModelError::header(path, e.to_string()))?;
    let begin = 8 + json.len() as u64;
    let data_len = file_len - begin;
    let mut entries = Entries::new();
    for (name, raw) in pairs {
        let entry = resolve(path, &name, raw, begin, data_len)?;
        if entries.contains_key(&name) {
            return Err(ModelError::tensor(path, &name, "it is listed twice"));
        }
        entries.insert(name, entry);
    }
    check_places(path, &entries, begin, file_len)?;
    Ok(entries)
}

fn resolve(
    path: &Path,
    name: &str,
    raw: RawEntry,
    begin: u64,
    data_len: u64,
) -> Result<Entry, ModelError> {
    let wrong = |reason: String| Err(ModelError::tensor(path, name, reason));
    let known: Result<Dtype, _> = serde_json::from_value(raw.dtype.clone().into());
    let Ok(dtype) = known else { return wrong(format!("unknown type {:?}", raw.dtype)) };
    let bits = raw
        .shape
        .iter()
        .try_fold(1u64, |product, size| product.checked_mul(*size))
        .and_then(|count| count.checked_mul(dtype.bitsize() as u64));
    let shape: Option<Vec<usize>> = raw.shape.iter().map(|s| usize::try_from(*s).ok()).collect();
    let (Some(bits), Some(shape)) = (bits, shape) else {
        return wrong(format!("the shape {:?} is too large", raw.shape));
    };
    let (from, to) = raw.data_offsets;
    if from > to || to > data_len {
        return wrong(format!("bytes {from}..{to} lie outside the {data_len} bytes of data"));
    }
    let len = to - from;
    if bits != len * 8 {
        return wrong(format!(
            "shape {shape:?} of {} takes {} bytes; the header gives it {len}",
            raw.dtype,
            bits / 8
        ));
    }
    Ok(Entry { dtype, shape, start: begin + from, len })
}

fn check_places(
    path: &Path,
    entries: &Entries,
    begin: u64,
    file_len: u64,
) -> Result<(), ModelError> {
    let mut order: Vec<_> = entries.iter().collect();
    order.sort_by_key(|(_, entry)| (entry.start, entry.len));
    let mut end = begin;
    for (name, entry) in order {
        if entry.start != end {
            let kind = if entry.start < end { "overlaps another one" } else { "leaves a gap" };
            let reason = format!("its place {kind} (byte {} against {end})", entry.start);
            return Err(ModelError::tensor(path, name, reason));
        }
        end += entry.len;
    }
    if end != file_len {
        let reason = format!("the tensors end at byte {end}, the file at {file_len}");
        return Err(ModelError::header(path, reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(json: &str, data: usize) -> Vec<u8> {
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend(json.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        bytes
    }

    fn ours(bytes: &[u8]) -> Result<Entries, ModelError> {
        let path = Path::new("model.safetensors");
        let len = bytes.len() as u64;
        let json = json_len(path, bytes[..8].try_into().expect("8 bytes"), len)?;
        parse(path, &bytes[8..8 + json], len)
    }

    #[test]
    fn agrees_with_the_safetensors_crate() {
        let cases = [
            (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 8),
            (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}   "#, 8),
            (r#"{"__metadata__":{"format":"pt"}}"#, 0),
            (r#"{"a":{"dtype":"F32","shape":[2,0],"data_offsets":[0,0]}}"#, 0),
            (r#"{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}"#, 4),
            (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, 8),
            (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, 8),
            (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#, 12),
            (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 9),
            (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 7),
            (r#"{"a":{"dtype":"Q4","shape":[2],"data_offsets":[0,8]}}"#, 8),
            (r#"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#, 8),
            (r#"[]"#, 0),
            (r#"{"#, 0),
        ];
        for (json, data) in cases {
            let bytes = file(json, data);
            let theirs = safetensors::SafeTensors::deserialize(&bytes);
            let ours = ours(&bytes);
            assert_eq!(ours.is_ok(), theirs.is_ok(), "{json}: {ours:?} {theirs:?}");
        }
    }
}
