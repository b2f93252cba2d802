//! A smaller WordPiece vocabulary out of a larger one: the pieces that a text uses most.
//!
//! The longest piece that fits is still the one that is taken (Wu et al. 2016, section 4.1), so a
//! word whose pieces are all kept is cut as before, and any other word is spelled by shorter
//! pieces. All single signs of ASCII are kept, so that no such word becomes unknown.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::files::{pretty, replace};
use crate::error::TextError;
use crate::{Encoding, Tokenizer};

const WHOLE: &str = "tokenizer.json";
const PREFIX: &str = "##";

/// What a text uses of a tokenizer's pieces.
pub struct PieceCounts<'a> {
    tokenizer: &'a Tokenizer,
    counts: Vec<u64>,
    encoding: Encoding,
}

impl<'a> PieceCounts<'a> {
    /// Nothing seen yet.
    pub fn new(tokenizer: &'a Tokenizer) -> Self {
        let counts = vec![0; tokenizer.vocabulary_size()];
        Self { tokenizer, counts, encoding: Encoding::default() }
    }

    /// Counts a text's pieces.
    ///
    /// # Errors
    /// As [`Tokenizer::encode_into`].
    pub fn add(&mut self, text: &str) -> Result<(), TextError> {
        self.tokenizer.encode_into(text, &mut self.encoding)?;
        for id in &self.encoding.ids {
            self.counts[*id as usize] += 1;
        }
        Ok(())
    }
}

/// Writes `folder`'s `tokenizer.json`, whose tokenizer it was counted with, and its `vocab.txt` with
/// `entries` entries: special tokens, single signs of ASCII, and the most frequent pieces, in the
/// order that they had. Of pieces that are equally frequent the earlier ones are kept. The kept
/// entries' old numbers.
///
/// # Errors
/// A tokenizer that is not WordPiece or has no `tokenizer.json`, and fewer entries than must be
/// kept.
pub fn reduce(
    counted: &PieceCounts<'_>,
    entries: usize,
    folder: &Path,
) -> Result<Vec<u32>, TextError> {
    let path = folder.join(WHOLE);
    let text = fs::read_to_string(&path)
        .map_err(|source| TextError::Read { path: path.clone(), source })?;
    let malformed = |reason: String| TextError::Malformed { path: path.clone(), reason };
    let mut file: Value = serde_json::from_str(&text).map_err(|e| malformed(e.to_string()))?;
    let kind = file["model"]["type"].as_str().unwrap_or("nothing");
    if kind != "WordPiece" {
        return Err(TextError::Unsupported {
            path,
            place: "model.type",
            found: kind.to_owned(),
            supported: "WordPiece, whose pieces can be left out one by one",
        });
    }
    let specials: BTreeSet<u32> = added(&file).filter_map(|token| number(&token["id"])).collect();
    let kept = choose(counted, entries, &specials)?;
    renumber(&mut file, &kept).ok_or_else(|| malformed("a token without a number".into()))?;
    let lines: String = kept
        .iter()
        .filter_map(|id| counted.tokenizer.token(*id))
        .map(|token| format!("{token}\n"))
        .collect();
    replace(folder, "vocab.txt", &lines)?;
    replace(folder, WHOLE, &pretty(&file)?)?;
    Ok(kept)
}

fn added(file: &Value) -> impl Iterator<Item = &Value> {
    file["added_tokens"].as_array().into_iter().flatten()
}

fn number(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|id| u32::try_from(id).ok())
}

/// The numbers of the entries to keep, rising.
fn choose(
    counted: &PieceCounts<'_>,
    entries: usize,
    specials: &BTreeSet<u32>,
) -> Result<Vec<u32>, TextError> {
    let single = |id: &u32| {
        let token = counted.tokenizer.token(*id).unwrap_or_default();
        let sign = token.strip_prefix(PREFIX).unwrap_or(token);
        sign.len() == 1 && sign.is_ascii()
    };
    let all = 0..counted.counts.len() as u32;
    let mut kept: BTreeSet<u32> = all.clone().filter(single).collect();
    kept.extend(specials);
    if entries < kept.len() {
        let special = specials.len();
        let letters = kept.len() - special;
        return Err(TextError::SmallVocabulary { vocabulary: entries, special, letters });
    }
    let mut others: Vec<u32> = all.filter(|id| !kept.contains(id)).collect();
    others.sort_by_key(|id| std::cmp::Reverse(counted.counts[*id as usize]));
    let room = entries - kept.len();
    kept.extend(others.into_iter().filter(|id| counted.counts[*id as usize] > 0).take(room));
    Ok(kept.into_iter().collect())
}

/// Gives the kept tokens their new numbers wherever a number stands; `None` where one is missing.
fn renumber(file: &mut Value, kept: &[u32]) -> Option<()> {
    let new = |old: &Value| {
        let place = kept.binary_search(&number(old)?).ok()?;
        Some(Value::from(place))
    };
    let vocabulary = file["model"]["vocab"].as_object_mut()?;
    vocabulary.retain(|_, id| number(id).is_some_and(|id| kept.binary_search(&id).is_ok()));
    for id in vocabulary.values_mut() {
        *id = new(id)?;
    }
    for token in file["added_tokens"].as_array_mut().into_iter().flatten() {
        token["id"] = new(&token["id"])?;
    }
    for special in file["post_processor"]["special_tokens"].as_object_mut().into_iter().flatten() {
        for id in special.1["ids"].as_array_mut().into_iter().flatten() {
            *id = new(id)?;
        }
    }
    // Older files name the markers with their numbers: ["[SEP]", 102].
    for marker in ["sep", "cls"] {
        if let Some(id) = file["post_processor"].get_mut(marker).and_then(|pair| pair.get_mut(1)) {
            *id = new(id)?;
        }
    }
    if let Some(id) = file["padding"].get_mut("pad_id") {
        *id = new(id)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::{TokenizerSettings, train};

    const TEXTS: [&str; 4] = [
        "the unhappy king was happily reigning",
        "the king reigned",
        "unkind kings",
        "happy times",
    ];

    fn trained(folder: &Path, vocabulary: usize) -> Tokenizer {
        let settings = TokenizerSettings { vocabulary, min_frequency: 1, ..Default::default() };
        let texts = TEXTS.iter().map(|text| Ok::<_, std::io::Error>(text.to_string()));
        train(&settings, texts, folder).unwrap();
        Tokenizer::open(folder).unwrap()
    }

    #[test]
    fn the_most_frequent_pieces_stay_and_words_are_spelled_by_them() {
        let folder = tempfile::tempdir().unwrap();
        let whole = trained(folder.path(), 200);
        let mut counts = PieceCounts::new(&whole);
        for _ in 0..3 {
            counts.add("the king").unwrap();
        }
        counts.add("unhappy").unwrap();
        let least = match reduce(&counts, 1, folder.path()) {
            Err(TextError::SmallVocabulary { special, letters, .. }) => special + letters,
            other => panic!("{other:?}"),
        };
        let kept = reduce(&counts, least + 2, folder.path()).unwrap();
        let small = Tokenizer::open(folder.path()).unwrap();
        assert_eq!((small.vocabulary_size(), kept.len()), (least + 2, least + 2));
        for (new, old) in kept.iter().enumerate() {
            assert_eq!(small.token(new as u32), whole.token(*old));
        }
        let cut = |tokenizer: &Tokenizer, text: &str| -> Vec<String> {
            let ids = tokenizer.encode(text).unwrap().ids;
            ids.iter().map(|id| tokenizer.token(*id).unwrap().to_string()).collect()
        };
        assert_eq!(cut(&small, "the king"), cut(&whole, "the king"));
        let spelled = cut(&small, "unhappy");
        assert!(spelled.len() > 3 && !spelled.contains(&"[UNK]".to_string()), "{spelled:?}");
        assert_eq!(spelled.join("").replace("##", ""), "[CLS]unhappy[SEP]");
    }

    #[test]
    fn other_kinds_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let whole = trained(folder.path(), 100);
        let path = folder.path().join(WHOLE);
        let text = fs::read_to_string(&path).unwrap().replace("\"WordPiece\"", "\"BPE\"");
        fs::write(&path, text).unwrap();
        let error = reduce(&PieceCounts::new(&whole), 90, folder.path()).unwrap_err().to_string();
        assert!(error.contains("BPE") && error.contains("WordPiece"), "{error}");
    }
}
