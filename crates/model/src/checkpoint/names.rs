//! Name maps both ways: Contexture's declared names to tensors of a file, as data.
//!
//! A row maps a stem (`layers.#.attention.qkv`, `#` stands for the layer's number) to the stems of
//! one or more tensors whose rows, one after the other, fill the parameter. `name[1/2]` means the
//! second half of a tensor's rows. `.weight` and `.bias` are carried over. A row may also map one
//! parameter's whole name to a tensor's whole name; `name[row]` is a vector that is kept as `[1, n]`.

use std::collections::BTreeSet;

use contexture_nn::Declared;

use super::files::Tensors;

/// One way in which files of a family spell their tensors.
#[derive(Debug)]
pub struct Dialect {
    /// What a file may put before every name; the first is what is written.
    pub prefixes: &'static [&'static str],
    /// Declared stems, and the stems of the tensors that fill them.
    pub rows: &'static [(&'static str, &'static [&'static str])],
    /// The same for heads of other tasks, which stand beside the encoder: the prefix is put only
    /// where a name begins with `@`.
    pub heads: &'static [(&'static str, &'static [&'static str])],
}

/// Rows of a tensor: part `part` of `parts` equal ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The tensor's name in the file.
    pub name: String,
    /// Which part of its rows.
    pub part: usize,
    /// In how many parts its rows are divided.
    pub parts: usize,
    /// Whether it is a vector that is kept as a row, `[1, n]`.
    pub row: bool,
}

/// Tensors that a checkpoint may hold besides the encoder: heads for other tasks, and numbers that
/// can be computed. They are left alone and listed.
const HEADS: &[&str] = &[
    "pooler.",
    "cls.",
    "lm_head.",
    "classifier.",
    "qa_outputs.",
    "score.",
    "head.",
    "decoder.",
    "vocab_transform.",
    "vocab_layer_norm.",
    "vocab_projector.",
    "pre_classifier.",
    "discriminator_predictions.",
    "language.",
    "final_logits_bias",
];
const COMPUTED: &[&str] = &["position_ids", "token_type_ids", "inv_freq", "original_inv_freq"];
/// Sinusoids, and second copies of words' tables: encoder-decoders have them in some versions.
const COMPUTED_TABLES: &[&str] = &["embed_positions.weight", "embed_tokens.weight"];

/// What a tensor that no parameter reads may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// A head of another task, or computable.
    Known,
    /// Of the encoder itself: the configuration and the file do not fit.
    Encoder,
    /// Nothing that this software knows of.
    Unknown,
}

impl Dialect {
    /// The tensors that fill a declared parameter; `None` where the dialect has no name for it.
    pub fn pieces(&self, prefix: &str, declared: &str) -> Option<Vec<Piece>> {
        let (stem, suffix) = declared.rsplit_once('.')?;
        let (stem, number) = numbered(stem);
        let of = |rows: &'static [(&'static str, &'static [&'static str])]| {
            rows.iter().find(|(name, _)| *name == stem).map(|(_, sources)| *sources)
        };
        if let Some((_, [source])) = self.rows.iter().find(|(name, _)| *name == declared) {
            let (source, row) = match source.strip_suffix("[row]") {
                Some(source) => (source, true),
                None => (*source, false),
            };
            return Some(vec![Piece { name: source.into(), part: 0, parts: 1, row }]);
        }
        let sources = of(self.rows);
        let own = sources.is_some();
        let pieces = sources.or_else(|| of(self.heads))?.iter().map(|source| {
            let (source, part, parts) = split_part(source);
            let (prefix, source) = match source.strip_prefix('@') {
                Some(source) => (prefix, source),
                None => (if own { prefix } else { "" }, source),
            };
            let source = source.replace('#', &number);
            Piece { name: format!("{prefix}{source}.{suffix}"), part, parts, row: false }
        });
        Some(pieces.collect())
    }

    /// What `tensor` is, where no parameter reads it.
    pub(crate) fn unread(&self, prefix: &str, tensor: &str) -> Unread {
        let last = tensor.rsplit('.').next().unwrap_or(tensor);
        let bare = tensor.strip_prefix(prefix).unwrap_or(tensor);
        if COMPUTED_TABLES.iter().any(|table| bare.ends_with(table)) {
            return Unread::Known;
        }
        if COMPUTED.contains(&last) || HEADS.iter().any(|head| bare.starts_with(head)) {
            return Unread::Known;
        }
        let own = tensor.starts_with(prefix)
            && self.rows.iter().flat_map(|(_, sources)| *sources).any(|source| {
                let root = source.split(['.', '[']).next().unwrap_or(source);
                bare.strip_prefix(root).is_some_and(|rest| rest.starts_with('.'))
            });
        if own { Unread::Encoder } else { Unread::Unknown }
    }
}

/// The dialect and prefix under which most of the declared parameters are found.
pub(crate) fn choose<'d>(
    dialects: &'d [Dialect],
    declared: &[Declared],
    tensors: &Tensors,
) -> (&'d Dialect, &'static str) {
    let found = |dialect: &Dialect, prefix: &str| {
        let pieces = declared.iter().flat_map(|d| pieces_of(dialect, prefix, d));
        pieces.filter(|piece| stored_name(tensors, &piece.name).is_some()).count()
    };
    let candidates =
        dialects.iter().flat_map(|dialect| dialect.prefixes.iter().map(move |p| (dialect, *p)));
    let first = (&dialects[0], dialects[0].prefixes[0]);
    let (best, _) = candidates.fold((first, 0), |(best, most), (dialect, prefix)| {
        let count = found(dialect, prefix);
        if count > most { ((dialect, prefix), count) } else { (best, most) }
    });
    best
}

/// The pieces of a declared parameter; its own name where the dialect has none for it.
pub(crate) fn pieces_of(dialect: &Dialect, prefix: &str, declared: &Declared) -> Vec<Piece> {
    dialect.pieces(prefix, &declared.name).unwrap_or_else(|| {
        let name = format!("{prefix}{}", declared.name);
        vec![Piece { name, part: 0, parts: 1, row: false }]
    })
}

/// The name under which a tensor is stored: as it is, in TensorFlow's old spelling of norms, or
/// under the other of the two names that words' biases have, where only that one was kept.
pub(crate) fn stored_name(tensors: &Tensors, name: &str) -> Option<String> {
    if tensors.places.contains_key(name) {
        return Some(name.into());
    }
    let (stem, suffix) = name.rsplit_once('.')?;
    let shared = match stem.strip_suffix(".decoder") {
        Some(stem) => format!("{stem}.bias"),
        None => format!("{stem}.decoder.bias"),
    };
    if suffix == "bias" && tensors.places.contains_key(&shared) {
        return Some(shared);
    }
    let old = match suffix {
        "weight" => "gamma",
        "bias" => "beta",
        _ => return None,
    };
    let old = format!("{stem}.{old}");
    (["LayerNorm", "layer_norm"].iter().any(|norm| stem.ends_with(norm))
        && tensors.places.contains_key(&old))
    .then_some(old)
}

/// All tensors that nothing read, by what they are.
pub(crate) fn unread(
    dialect: &Dialect,
    prefix: &str,
    tensors: &Tensors,
    read: &BTreeSet<String>,
) -> Vec<(String, Unread)> {
    let names = tensors.places.keys().filter(|name| !read.contains(*name));
    names.map(|name| (name.clone(), dialect.unread(prefix, name))).collect()
}

/// `layers.3.attention.qkv` -> (`layers.#.attention.qkv`, `3`).
fn numbered(stem: &str) -> (String, String) {
    let mut number = String::new();
    let parts: Vec<&str> = stem
        .split('.')
        .map(|part| match part.bytes().all(|b| b.is_ascii_digit()) {
            true => {
                number = part.into();
                "#"
            }
            false => part,
        })
        .collect();
    (parts.join("."), number)
}

/// `name[1/2]` -> (`name`, 1, 2).
fn split_part(source: &str) -> (&str, usize, usize) {
    let parse = || {
        let (name, rest) = source.strip_suffix(']')?.split_once('[')?;
        let (part, parts) = rest.split_once('/')?;
        Some((name, part.parse().ok()?, parts.parse().ok()?))
    };
    parse().unwrap_or((source, 0, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIALECT: Dialect = Dialect {
        prefixes: &["", "bert."],
        rows: &[
            ("layers.#.attention.qkv", &["encoder.layer.#.q", "encoder.layer.#.k"]),
            ("words.bias", &["words_bias[row]"]),
            (
                "layers.#.feed_forward.first",
                &["encoder.layer.#.wi[1/2]", "encoder.layer.#.wi[0/2]"],
            ),
        ],
        heads: &[("language", &["cls.predictions"]), ("classifier.dense", &["@pooler.dense"])],
    };

    #[test]
    fn names_carry_numbers_suffixes_and_parts() {
        let piece = |name: &str, part, parts| Piece { name: name.into(), part, parts, row: false };
        assert_eq!(
            DIALECT.pieces("bert.", "layers.12.attention.qkv.bias"),
            Some(vec![
                piece("bert.encoder.layer.12.q.bias", 0, 1),
                piece("bert.encoder.layer.12.k.bias", 0, 1)
            ])
        );
        assert_eq!(
            DIALECT.pieces("", "layers.0.feed_forward.first.weight"),
            Some(vec![
                piece("encoder.layer.0.wi.weight", 1, 2),
                piece("encoder.layer.0.wi.weight", 0, 2)
            ])
        );
        assert_eq!(DIALECT.pieces("", "norm.weight"), None);
        let whole = Piece { row: true, ..piece("words_bias", 0, 1) };
        assert_eq!(DIALECT.pieces("bert.", "words.bias"), Some(vec![whole]));
        assert_eq!(DIALECT.pieces("", "words.weight"), None);
        let heads = [
            ("language.bias", "cls.predictions.bias"),
            ("classifier.dense.weight", "bert.pooler.dense.weight"),
        ];
        for (declared, stored) in heads {
            assert_eq!(DIALECT.pieces("bert.", declared), Some(vec![piece(stored, 0, 1)]));
        }
    }

    #[test]
    fn what_is_not_read_is_told_apart() {
        let kinds = [
            ("encoder.layer.9.q.weight", Unread::Encoder),
            ("pooler.dense.weight", Unread::Known),
            ("embeddings.position_ids", Unread::Known),
            ("cls.predictions.bias", Unread::Known),
            ("vision.weight", Unread::Unknown),
        ];
        for (name, kind) in kinds {
            assert_eq!(DIALECT.unread("", name), kind, "{name}");
        }
        assert_eq!(DIALECT.unread("bert.", "bert.encoder.layer.9.q.weight"), Unread::Encoder);
        assert_eq!(DIALECT.unread("bert.", "bert.pooler.dense.bias"), Unread::Known);
    }
}
