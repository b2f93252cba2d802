//! WordPiece and BPE: pairs merged by their counts.
//!
//! The crate's trainer orders pairs by count and then by the ids of their parts, so that its
//! vocabulary depends on hash maps at two points alone: the ids that it hands out to `##` letters
//! as it meets them, and, among equal counts, the rank of a pair that it merged twice. The first
//! is settled by giving it the letters beforehand, the second by [`settle`].

use std::collections::{BTreeMap, HashSet};

use tokenizers::AddedToken;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

use super::counts::{alphabet, scale};
use super::settings::{LONGEST_WORD, SPECIAL, TokenizerSettings};
use super::train::{Learned, alone};
use crate::error::TextError;

const PREFIX: &str = "##";
/// Bytes of a word that BPE learns from in one piece.
const LONGEST_BYTES: usize = 256;

/// BERT's kind: the vocabulary of merges within words, `##` before what does not begin one.
pub(crate) fn wordpiece(
    settings: &TokenizerSettings,
    mut words: Vec<(String, u64)>,
) -> Result<Learned<WordPiece>, TextError> {
    words.retain(|(word, _)| word.chars().nth(LONGEST_WORD).is_none());
    let (letters, dropped) = alphabet(&words, settings.alphabet);
    let known: HashSet<char> = letters.iter().copied().collect();
    words.retain(|(word, _)| word.chars().all(|c| known.contains(&c)));
    let inside: HashSet<char> = words.iter().flat_map(|(word, _)| word.chars().skip(1)).collect();
    let mut first: Vec<String> = SPECIAL.iter().map(|token| (*token).to_owned()).collect();
    first.extend(letters.iter().map(char::to_string));
    first.extend(letters.iter().filter(|c| inside.contains(c)).map(|c| format!("{PREFIX}{c}")));
    let letters = first.len() - SPECIAL.len();
    TextError::check_vocabulary(settings.vocabulary, letters)?;
    let trainer = BpeTrainer::builder()
        .continuing_subword_prefix(PREFIX.to_owned())
        .special_tokens(first.into_iter().map(|token| AddedToken::from(token, true)).collect());
    let bpe = merge(settings, trainer.build(), words)?;
    Ok(Learned { model: WordPiece::from_bpe(&bpe), letters, dropped })
}

/// GPT-2's kind: all bytes, and merges of them.
pub(crate) fn bpe(
    settings: &TokenizerSettings,
    words: Vec<(String, u64)>,
) -> Result<Learned<BPE>, TextError> {
    let words = cut(words);
    let bytes: HashSet<char> = ByteLevel::alphabet().into_iter().collect();
    let letters = bytes.len();
    TextError::check_vocabulary(settings.vocabulary, letters)?;
    let special = SPECIAL.iter().map(|token| AddedToken::from(*token, true)).collect();
    let trainer = BpeTrainer::builder().initial_alphabet(bytes).special_tokens(special);
    let model = merge(settings, trainer.build(), words)?;
    let file = serde_json::to_value(&model).map_err(TextError::training)?;
    let merges: Vec<(String, String)> =
        serde_json::from_value(file["merges"].clone()).map_err(TextError::training)?;
    let model = BPE::new(model.get_vocab().into_iter().collect(), settle(merges));
    Ok(Learned { model, letters, dropped: 0 })
}

/// Cuts very long words: the trainer's time goes by the square of a word's length.
fn cut(words: Vec<(String, u64)>) -> Vec<(String, u64)> {
    let mut all = BTreeMap::<String, u64>::new();
    for (word, count) in words {
        let mut rest = word.as_str();
        while !rest.is_empty() {
            let end = rest.char_indices().nth(LONGEST_BYTES).map_or(rest.len(), |(at, _)| at);
            let (part, after) = rest.split_at(end);
            *all.entry(part.to_owned()).or_default() += count;
            rest = after;
        }
    }
    all.into_iter().collect()
}

fn merge(
    settings: &TokenizerSettings,
    mut trainer: BpeTrainer,
    mut words: Vec<(String, u64)>,
) -> Result<BPE, TextError> {
    trainer.show_progress = false;
    trainer.vocab_size = settings.vocabulary;
    trainer.min_frequency = settings.min_frequency.max(1);
    scale(&mut words);
    alone(move || {
        let mut model = BPE::default();
        let words = words.iter().map(|(word, count)| (word.as_str().into(), *count)).collect();
        trainer.do_train(&words, &mut model)?;
        Ok(model)
    })
}

/// Puts merges whose rank the trainer leaves to chance into one order.
///
/// Where a token comes about in two ways, a pair that holds it can stand in the trainer's queue
/// twice, as equals; it is then merged twice, and its last merge gives its rank. Should one of the
/// two have no occurrence left, then merges that use the pair's product may come in between or
/// not, as the hash maps have it. Here each pair moves before such a run of merges that all grow
/// from its product, which gives one order for both.
fn settle(mut merges: Vec<(String, String)>) -> Vec<(String, String)> {
    let product = |(left, right): &(String, String)| format!("{left}{right}");
    for at in 1..merges.len() {
        let made = product(&merges[at]);
        let mut start = at;
        for from in (0..at).rev() {
            let grown = product(&merges[from]);
            if grown.len() <= made.len() || !grown.contains(&made) {
                break;
            }
            if grows_from(&merges[from..at], &made) {
                start = from;
            }
        }
        merges[start..=at].rotate_right(1);
    }
    merges
}

/// Whether each merge uses `made` or the product of one before it that does.
fn grows_from(merges: &[(String, String)], made: &str) -> bool {
    let mut grown = HashSet::from([made.to_owned()]);
    merges.iter().all(|(left, right)| {
        let uses = grown.contains(left) || grown.contains(right);
        grown.insert(format!("{left}{right}"));
        uses
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merges(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(left, right)| ((*left).to_owned(), (*right).to_owned())).collect()
    }

    #[test]
    fn merges_left_to_chance_come_into_one_order() {
        let one = merges(&[("b", "c"), ("a", "bc"), ("x", "abc"), ("w", "xabc"), ("e", "f")]);
        let other = merges(&[("b", "c"), ("x", "abc"), ("w", "xabc"), ("a", "bc"), ("e", "f")]);
        assert_eq!(settle(one.clone()), one);
        assert_eq!(settle(other), one);
    }

    #[test]
    fn merges_that_do_not_grow_from_each_other_stay() {
        for list in [
            &[("i", "n"), ("in", "g"), ("n", "g")][..],
            &[("a", "b"), ("x", "ab"), ("e", "f"), ("a", "b")][..],
            &[][..],
        ] {
            assert_eq!(settle(merges(list)), merges(list));
        }
    }
}
