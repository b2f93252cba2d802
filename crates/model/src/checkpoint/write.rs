//! Writes a model's weights back under its family's names.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::Write;
use std::path::Path;

use contexture_kernels::quantised::{quantise_nibbles, quantise_rows};
use contexture_nn::{Param, Role, Weights};
use half::slice::HalfFloatSliceExt;
use safetensors::{Dtype, View};

use super::names::{Dialect, pieces_of};
use super::rows::{COLUMNS, OUTLIERS, SCALE};
use crate::ModelError;
use crate::folder::{Folder, place_whole, write_whole};

/// The numbers in which a file holds weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WeightFormat {
    /// 32-bit floats.
    #[default]
    F32,
    /// 16-bit floats of IEEE 754, rounded to nearest even.
    F16,
    /// Matrices and tables as signed bytes with a scale for each row, see
    /// [`contexture_kernels::quantised`]; vectors stay 32-bit floats.
    I8,
    /// As [`WeightFormat::I8`], but the table of words in four bits, two a byte, where its width is
    /// even: half of the bytes of what is, in a small model, the largest part.
    I4Words,
}

impl WeightFormat {
    /// Whether matrices are bytes.
    pub(crate) fn is_bytes(self) -> bool {
        matches!(self, Self::I8 | Self::I4Words)
    }
}

/// The table that [`WeightFormat::I4Words`] is named after.
const WORDS: &str = "embeddings.words.weight";

/// A tensor's values; borrowed where one parameter holds them in one run.
struct Plain<'a> {
    shape: Vec<usize>,
    role: Role,
    /// Whether it is the table of words.
    words: bool,
    /// Columns that stay floats where the rest becomes bytes.
    outliers: Vec<u32>,
    values: Cow<'a, [f32]>,
}

/// A tensor on its way to a file.
struct Outgoing<'a> {
    shape: Vec<usize>,
    values: Values<'a>,
}

enum Values<'a> {
    F32(Cow<'a, [f32]>),
    F16(Vec<half::f16>),
    I8(Vec<i8>),
    U8(Vec<u8>),
    I32(Vec<i32>),
}

impl Values<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::F32(values) => bytemuck::cast_slice(values),
            Self::F16(values) => bytemuck::cast_slice(values),
            Self::I8(values) => bytemuck::cast_slice(values),
            Self::U8(values) => values,
            Self::I32(values) => bytemuck::cast_slice(values),
        }
    }
}

impl View for &Outgoing<'_> {
    fn dtype(&self) -> Dtype {
        match &self.values {
            Values::F32(_) => Dtype::F32,
            Values::F16(_) => Dtype::F16,
            Values::I8(_) => Dtype::I8,
            Values::U8(_) => Dtype::U8,
            Values::I32(_) => Dtype::I32,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.values.bytes().into()
    }

    fn data_len(&self) -> usize {
        self.values.bytes().len()
    }
}

/// What is written: plain weights, in a format; where that is bytes, `outliers` tells the columns of
/// a matrix that stay floats.
pub(crate) struct Source<'a> {
    pub(crate) weights: &'a Weights,
    pub(crate) format: WeightFormat,
    pub(crate) outliers: &'a dyn Fn(Param) -> Vec<u32>,
}

/// Writes every declared parameter whose name `dialect` knows to `path`. The file appears under
/// its name only once it is whole.
pub(crate) fn write(
    path: &Path,
    source: &Source<'_>,
    dialect: &Dialect,
    prefix: &str,
    wanted: impl Fn(&str) -> bool,
) -> Result<(), ModelError> {
    let format = source.format;
    let tensors = outgoing(source, dialect, prefix, wanted);
    let tensors = converted(path, tensors, format)?;
    let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
    let placed = place_whole(path, |partial| {
        safetensors::serialize_to_file(&tensors, Some(metadata), partial)
            .map_err(std::io::Error::other)
    });
    placed.map_err(|e| ModelError::io(path, e))
}

/// The same tensors in another format; bytes with their scales beside them.
fn converted<'a>(
    path: &Path,
    tensors: BTreeMap<String, Plain<'a>>,
    format: WeightFormat,
) -> Result<BTreeMap<String, Outgoing<'a>>, ModelError> {
    let mut converted = BTreeMap::new();
    for (name, Plain { mut shape, role, words, outliers, values }) in tensors {
        let values = match (format, &shape[..]) {
            (WeightFormat::F16, _) => {
                let mut halves = vec![half::f16::ZERO; values.len()];
                halves.convert_from_f32_slice(&values);
                let beyond = halves.iter().position(|v| !v.is_finite());
                if let Some(at) = beyond {
                    let reason = format!("{} does not fit F16; write F32 or I8", values[at]);
                    return Err(ModelError::tensor(path, &name, reason));
                }
                Values::F16(halves)
            }
            (WeightFormat::I4Words, &[rows, width]) if words && width.is_multiple_of(2) => {
                let (bytes, scales) = quantise_nibbles(&values, rows, width);
                let scales = Outgoing { shape: vec![rows], values: Values::F32(scales.into()) };
                converted.insert(format!("{name}{SCALE}"), scales);
                shape = vec![rows, width / 2];
                Values::U8(bytes)
            }
            (format, &[rows, width]) if format.is_bytes() && role.may_be_bytes() => {
                let mut values = values;
                if !outliers.is_empty() {
                    let apart = taken(values.to_mut(), width, &outliers);
                    let numbers = outliers.iter().map(|column| *column as i32).collect();
                    let mut add = |end: &str, shape: Vec<usize>, values: Values<'a>| {
                        converted.insert(format!("{name}{end}"), Outgoing { shape, values });
                    };
                    add(COLUMNS, vec![outliers.len()], Values::I32(numbers));
                    add(OUTLIERS, vec![outliers.len(), rows], Values::F32(apart.into()));
                }
                let (bytes, scales) = quantise_rows(&values, rows, width);
                let scales = Outgoing { shape: vec![rows], values: Values::F32(scales.into()) };
                converted.insert(format!("{name}{SCALE}"), scales);
                Values::I8(bytes)
            }
            _ => Values::F32(values),
        };
        converted.insert(name, Outgoing { shape, values });
    }
    Ok(converted)
}

/// Takes columns out of rows and leaves zeros there: `[columns, rows]`.
fn taken(values: &mut [f32], width: usize, columns: &[u32]) -> Vec<f32> {
    let mut taken = Vec::with_capacity(columns.len() * values.len() / width.max(1));
    for column in columns {
        let column = values.iter_mut().skip(*column as usize).step_by(width);
        taken.extend(column.map(std::mem::take));
    }
    taken
}

/// Copies a weight file as it is.
pub(crate) fn copy(from: &Folder, name: &str, to: &Path) -> Result<(), ModelError> {
    let Some(file) = from.open_file(name)? else {
        let advice = "it was there when the model was opened".into();
        return Err(ModelError::NotFound { path: from.shown(name), advice });
    };
    let copied = write_whole(to, |out| std::io::copy(&mut file.reader(), out).map(drop));
    copied.map_err(|e| ModelError::io(to, e))
}

/// What a folder holds besides weights that a copy needs.
const SETTINGS: [&str; 27] = [
    "config.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "tokenizer.json",
    "characters.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.txt.gz",
    "char.dic",
    "word.dic",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "generation_config.json",
    "source.spm",
    "target.spm",
    "target_vocab.json",
    "spiece.model",
    "source_vocabulary.txt",
    "target_vocabulary.txt",
    "target/tokenizer.json",
    "target/tokenizer_config.json",
    "target/special_tokens_map.json",
    "target/vocab.txt",
];
const SETTING_LIMIT: u64 = 256 << 20;

/// Copies settings and tokenizer of `from` (and of the encoder's own folder) into `to`. Where they are to
/// be small, `tokenizer.json` loses its blanks, and the list of words that it holds too is left out.
pub(crate) fn copy_settings(
    from: &Folder,
    encoder: &Folder,
    to: &Path,
    small: bool,
) -> Result<(), ModelError> {
    let list = from.json("modules.json")?.unwrap_or_default();
    let paths = list.as_array().into_iter().flatten();
    let paths = paths.filter_map(|module| module.get("path")?.as_str());
    let configs = paths.filter(|path| !path.is_empty()).map(|path| format!("{path}/config.json"));
    let beneath = encoder.path().strip_prefix(from.path()).unwrap_or(Path::new(""));
    let own = SETTINGS.iter().map(|name| beneath.join(name).to_string_lossy().into_owned());
    let mut names: BTreeSet<String> = SETTINGS.iter().map(|name| name.to_string()).collect();
    names.extend(own.chain(configs));
    fs::create_dir_all(to).map_err(|e| ModelError::io(to, e))?;
    for name in names {
        let Some(mut bytes) = from.read(&name, SETTING_LIMIT)? else { continue };
        if let (true, Some(folder)) = (small, name.strip_suffix("vocab.txt"))
            && from.open_file(&format!("{folder}tokenizer.json"))?.is_some()
        {
            continue;
        }
        if small && name.ends_with("tokenizer.json") {
            bytes = without_blanks(&bytes);
        }
        let path = to.join(&name);
        let parent = path.parent().unwrap_or(to);
        fs::create_dir_all(parent).map_err(|e| ModelError::io(parent, e))?;
        let written = write_whole(&path, |file| file.write_all(&bytes));
        written.map_err(|e| ModelError::io(&path, e))?;
    }
    Ok(())
}

/// JSON without the blanks between its parts; strings, numbers and order stay as they are.
fn without_blanks(json: &[u8]) -> Vec<u8> {
    let (mut quoted, mut escaped) = (false, false);
    let keeps = |byte: &&u8| {
        let blank = !quoted && byte.is_ascii_whitespace();
        quoted ^= **byte == b'"' && !escaped;
        escaped = quoted && **byte == b'\\' && !escaped;
        !blank
    };
    json.iter().filter(keeps).copied().collect()
}

fn outgoing<'a>(
    source: &Source<'a>,
    dialect: &Dialect,
    prefix: &str,
    wanted: impl Fn(&str) -> bool,
) -> BTreeMap<String, Plain<'a>> {
    let mut tensors: BTreeMap<String, Plain<'a>> = BTreeMap::new();
    let weights = source.weights;
    for declared in &weights.declaration().params {
        if !wanted(&declared.name) {
            continue;
        }
        let (role, values) = (declared.role, weights.plain(declared.param));
        let outliers = match (source.format, role) {
            (format, Role::Matrix) if format.is_bytes() => (source.outliers)(declared.param),
            _ => Vec::new(),
        };
        let words = role == Role::Table && declared.name == WORDS;
        let pieces = pieces_of(dialect, prefix, declared);
        let share = values.len() / pieces.len();
        for (piece, values) in pieces.iter().zip(values.chunks(share)) {
            let width = if declared.role == Role::Vector { 1 } else { declared.param.width };
            let outer = share / width * piece.parts;
            let shape = match declared.role {
                Role::Vector if piece.row => vec![1, outer],
                Role::Vector => vec![outer],
                _ => vec![outer, width],
            };
            if piece.parts == 1 {
                let (outliers, values) = (outliers.clone(), values.into());
                tensors.insert(piece.name.clone(), Plain { shape, role, words, outliers, values });
                continue;
            }
            let zeros = || vec![0.0; share * piece.parts].into();
            let whole = tensors.entry(piece.name.clone());
            let outliers = outliers.clone();
            let begun = || Plain { shape, role, words, outliers, values: zeros() };
            let whole = whole.or_insert_with(begun);
            whole.values.to_mut()[piece.part * share..][..share].copy_from_slice(values);
        }
    }
    tensors
}

#[cfg(test)]
mod tests {
    use super::without_blanks;

    #[test]
    fn only_blanks_between_parts_go() {
        let json = r#"{ "a b" : [ 1, -2.50 ],
            "\" \\" : "x \\\" y", "é " : null }"#;
        let small = without_blanks(json.as_bytes());
        let expected = r#"{"a b":[1,-2.50],"\" \\":"x \\\" y","é ":null}"#;
        assert_eq!(String::from_utf8(small.clone()).unwrap(), expected);
        let [a, b] = [json.as_bytes(), &small]
            .map(|json| serde_json::from_slice::<serde_json::Value>(json).unwrap());
        assert_eq!(a, b);
    }
}
