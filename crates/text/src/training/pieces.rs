//! Unigram: the pieces under which the words are likeliest.
//!
//! The crate's trainer, given sorted words and one thread, is determined but for one thing:
//! letters that fell out of its model come back with the lowest scores, in the order of a hash
//! map. [`settle`] hands those scores out by letter.

use std::cmp::Ordering;
use std::collections::HashSet;

use tokenizers::AddedToken;
use tokenizers::models::unigram::{Unigram, UnigramTrainer};

use super::counts::{alphabet, scale};
use super::settings::{LONGEST_WORD, SPECIAL, TokenizerSettings};
use super::train::{Learned, alone};
use crate::error::TextError;

/// How much lower than the one before it the trainer scores a letter that fell out.
const STEP: f64 = 0.0001;

/// SentencePiece's kind, over words that begin with `▁`.
pub(crate) fn unigram(
    settings: &TokenizerSettings,
    words: Vec<(String, u64)>,
) -> Result<Learned<Unigram>, TextError> {
    let (letters, dropped) = alphabet(&words, settings.alphabet);
    TextError::check_vocabulary(settings.vocabulary, letters.len())?;
    let mut sentences = sentences(words, &letters);
    scale(&mut sentences);
    let sentences: Vec<(String, u32)> = sentences
        .into_iter()
        .map(|(word, count)| (word, u32::try_from(count).unwrap_or(u32::MAX)))
        .collect();
    let vocabulary = u32::try_from(settings.vocabulary).map_err(TextError::training)?;
    let special: Vec<AddedToken> =
        SPECIAL.iter().map(|token| AddedToken::from(*token, true)).collect();
    let trainer = UnigramTrainer::builder()
        .show_progress(false)
        .vocab_size(vocabulary)
        .special_tokens(special)
        .unk_token(Some(SPECIAL[1].to_owned()))
        .build()
        .map_err(TextError::training)?;
    let model = alone(move || {
        let mut model = Unigram::default();
        trainer.do_train(sentences, &mut model)?;
        Ok(model)
    })?;
    let pieces = model.iter().skip(SPECIAL.len()).cloned().collect();
    let pieces = settle(pieces, &letters, settings.vocabulary - SPECIAL.len());
    let all = SPECIAL.iter().map(|token| ((*token).to_owned(), 0.0)).chain(pieces).collect();
    let model = Unigram::from(all, Some(1), false).map_err(TextError::training)?;
    Ok(Learned { model, letters: letters.len(), dropped })
}

/// Words cut at letters that are not kept, and cut where they are very long.
fn sentences(words: Vec<(String, u64)>, letters: &[char]) -> Vec<(String, u64)> {
    let mut all = std::collections::BTreeMap::<String, u64>::new();
    for (word, count) in words {
        for part in word.split(|c| letters.binary_search(&c).is_err()) {
            let mut part: &str = part;
            while !part.is_empty() {
                let end = part.char_indices().nth(LONGEST_WORD).map_or(part.len(), |(at, _)| at);
                *all.entry(part[..end].to_owned()).or_default() += count;
                part = &part[end..];
            }
        }
    }
    all.into_iter().collect()
}

/// The pieces in falling order of their scores, all letters among them, at most `most`.
fn settle(pieces: Vec<(String, f64)>, letters: &[char], most: usize) -> Vec<(String, f64)> {
    let lone = |piece: &str| {
        let mut chars = piece.chars();
        chars.next().filter(|c| chars.next().is_none() && letters.binary_search(c).is_ok())
    };
    let mut pieces: Vec<(String, f64)> =
        pieces.into_iter().filter(|(piece, _)| !SPECIAL.contains(&piece.as_str())).collect();
    let lowest = pieces.iter().map(|(_, score)| *score).fold(f64::INFINITY, f64::min);
    // The trainer's own sum, so that the bits agree.
    let (mut handed, mut penalty) = (HashSet::new(), 0.0);
    for _ in 0..=letters.len() {
        handed.insert((lowest + penalty).to_bits());
        penalty += STEP;
    }
    let fallen =
        |(piece, score): &(String, f64)| lone(piece).is_some() && handed.contains(&score.to_bits());
    let mut scores: Vec<f64> = pieces.iter().filter(|p| fallen(p)).map(|p| p.1).collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    let places: Vec<bool> = pieces.iter().map(fallen).collect();
    let mut names: Vec<&mut (String, f64)> = pieces
        .iter_mut()
        .zip(places)
        .filter(|(_, fallen)| *fallen)
        .map(|(piece, _)| piece)
        .collect();
    names.sort_by(|a, b| a.0.cmp(&b.0));
    for (piece, score) in names.into_iter().zip(scores) {
        piece.1 = score;
    }
    let order = |a: &(String, f64), b: &(String, f64)| -> Ordering {
        b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0))
    };
    pieces.sort_by(order);
    // The trainer adds without end where the letters alone fill the vocabulary.
    let mut room = most.saturating_sub(letters.len());
    pieces.retain(|(piece, _)| {
        let kept = lone(piece).is_some() || room > 0;
        if lone(piece).is_none() && kept {
            room -= 1;
        }
        kept
    });
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(list: &[(&str, f64)]) -> Vec<(String, f64)> {
        list.iter().map(|(piece, score)| ((*piece).to_owned(), *score)).collect()
    }

    #[test]
    fn letters_that_fell_out_are_scored_by_their_order() {
        let low = -9.0 + 0.0;
        let next = -9.0 + 0.0001;
        let one = named(&[("ab", -1.0), ("c", -2.0), ("x", low), ("q", next), ("[SEP]", -3.0)]);
        let other = named(&[("ab", -1.0), ("q", low), ("c", -2.0), ("x", next)]);
        let letters = ['a', 'b', 'c', 'q', 'x'];
        let expected = named(&[("ab", -1.0), ("c", -2.0), ("q", next), ("x", low)]);
        assert_eq!(settle(one, &letters, 9), expected);
        assert_eq!(settle(other.clone(), &letters, 9), expected);
        assert_eq!(settle(other, &letters, 5), expected[1..]);
    }

    #[test]
    fn words_are_cut_at_unknown_letters() {
        let words = vec![("abxcd".to_owned(), 2), ("a".repeat(150), 1), ("xx".to_owned(), 1)];
        let cut = sentences(words, &['a', 'b', 'c', 'd']);
        let expected = vec![
            ("a".repeat(50), 1),
            ("a".repeat(100), 1),
            ("ab".to_owned(), 2),
            ("cd".to_owned(), 2),
        ];
        assert_eq!(cut, expected);
    }
}
