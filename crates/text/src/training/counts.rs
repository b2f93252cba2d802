//! How often each word occurs, counted on all cores.
//!
//! Counts add up to the same whatever the order, so that neither the order of the texts nor the
//! number of threads can be seen in the result.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::{
    NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer,
};

use super::settings::TokenizerSettings;
use crate::error::TextError;

/// A normalised text takes some 20 bytes a byte: longer ones are cut between words.
const PART_BYTES: usize = 64 << 10;
/// What goes to a thread at once.
const BATCH_BYTES: usize = 512 << 10;
const BATCH_TEXTS: usize = 4096;
/// The trainers count in 32 bits with sign.
const MOST_CHARACTERS: u64 = i32::MAX as u64;

/// The words of all texts.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Each word with its count, by word.
    pub words: Vec<(String, u64)>,
    /// Texts read.
    pub texts: u64,
}

struct Cutter {
    normalizer: Option<NormalizerWrapper>,
    pre_tokenizer: PreTokenizerWrapper,
}

impl Cutter {
    fn count(&self, text: &str, counts: &mut HashMap<String, u64>) -> tokenizers::Result<()> {
        let mut normalized = NormalizedString::from(text);
        if let Some(normalizer) = &self.normalizer {
            normalizer.normalize(&mut normalized)?;
        }
        let mut parts = PreTokenizedString::from(normalized);
        self.pre_tokenizer.pre_tokenize(&mut parts)?;
        for (word, ..) in parts.get_splits(OffsetReferential::Original, OffsetType::None) {
            match counts.get_mut(word) {
                Some(count) => *count += 1,
                None if word.is_empty() => {}
                None => {
                    counts.insert(word.to_owned(), 1);
                }
            }
        }
        Ok(())
    }

    /// Counts batches until there are no more.
    fn work(&self, batches: &Mutex<Receiver<Vec<String>>>) -> tokenizers::Result<Counted> {
        let mut counts = Counted::default();
        loop {
            let next = batches.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(batch) = next else { return Ok(counts) };
            for text in batch.iter().flat_map(|text| parts(text)) {
                self.count(text, &mut counts)?;
            }
        }
    }
}

type Counted = HashMap<String, u64>;

/// Cuts a text before white space into parts of some 64 KiB.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let from = rest.ceil_char_boundary(PART_BYTES.min(rest.len()));
        let end = rest[from..].find(char::is_whitespace).map_or(rest.len(), |at| from + at);
        let (part, after) = rest.split_at(end);
        rest = after;
        Some(part)
    })
}

/// Reads all texts and counts their words.
pub(crate) fn count<E>(
    settings: &TokenizerSettings,
    texts: impl Iterator<Item = Result<String, E>>,
) -> Result<Counts, TextError>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let cutter =
        Cutter { normalizer: settings.normalizer()?, pre_tokenizer: settings.pre_tokenizer() };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (counted, read) = std::thread::scope(|scope| {
        let (send, receive) = sync_channel(threads);
        let receive = Arc::new(Mutex::new(receive));
        let cutter = &cutter;
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let receive = receive.clone();
                scope.spawn(move || cutter.work(&receive))
            })
            .collect();
        // Only the workers hold the other end: were all of them gone, sending would fail.
        drop(receive);
        let read = send_all(texts, &send);
        drop(send);
        let mut all = Counted::new();
        for worker in workers {
            let counts =
                worker.join().map_err(|_| TextError::training("a counting thread died"))?;
            for (word, count) in counts.map_err(TextError::training)? {
                *all.entry(word).or_default() += count;
            }
        }
        Ok::<_, TextError>((all, read?))
    })?;
    let mut words: Vec<_> = counted.into_iter().collect();
    words.sort_unstable();
    Ok(Counts { words, texts: read })
}

/// Hands the texts out in batches; gives their number.
fn send_all<E>(
    texts: impl Iterator<Item = Result<String, E>>,
    send: &SyncSender<Vec<String>>,
) -> Result<u64, TextError>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (mut batch, mut bytes, mut read) = (Vec::new(), 0, 0);
    for text in texts {
        let number = read + 1;
        let text = text.map_err(|e| TextError::Source { number, source: e.into() })?;
        read = number;
        bytes += text.len();
        batch.push(text);
        if bytes >= BATCH_BYTES || batch.len() >= BATCH_TEXTS {
            bytes = 0;
            // A worker that failed says why when it is joined.
            if send.send(std::mem::take(&mut batch)).is_err() {
                return Ok(read);
            }
        }
    }
    let _ = send.send(batch);
    Ok(read)
}

/// Makes the counts small enough for the trainers, which add them up in 32 bits: all are halved
/// alike, and none falls below one.
pub(crate) fn scale(words: &mut [(String, u64)]) {
    let sum = |words: &[(String, u64)]| {
        words.iter().fold(0u64, |sum, (word, count)| {
            sum.saturating_add(count.saturating_mul(word.chars().count() as u64))
        })
    };
    while sum(words) > MOST_CHARACTERS && words.iter().any(|(_, count)| *count > 1) {
        for (_, count) in words.iter_mut() {
            *count = count.div_ceil(2);
        }
    }
}

/// The characters to keep: the most frequent ones, of equal ones the lower. In rising order.
pub(crate) fn alphabet(words: &[(String, u64)], most: usize) -> (Vec<char>, usize) {
    let mut seen: HashMap<char, u64> = HashMap::new();
    for (word, count) in words {
        for c in word.chars() {
            let sum = seen.entry(c).or_default();
            *sum = sum.saturating_add(*count);
        }
    }
    let mut kept: Vec<(char, u64)> = seen.into_iter().filter(|(c, _)| *c != '\0').collect();
    kept.sort_unstable_by_key(|(c, count)| (std::cmp::Reverse(*count), *c));
    let dropped = kept.len().saturating_sub(most);
    kept.truncate(most);
    let mut kept: Vec<char> = kept.into_iter().map(|(c, _)| c).collect();
    kept.sort_unstable();
    (kept, dropped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_hold_the_whole_text_and_cut_between_words() {
        let word = "é".repeat(30_000);
        let text = format!("{word} b {word}\n{word} {word}");
        let cut: Vec<&str> = parts(&text).collect();
        assert_eq!(cut.concat(), text);
        assert!(cut.len() > 1 && cut[1..].iter().all(|part| part.starts_with([' ', '\n'])));
        assert_eq!(parts("").count(), 0);
        assert_eq!(parts(&"x".repeat(200_000)).count(), 1);
    }

    #[test]
    fn counts_are_halved_until_they_fit() {
        let mut words = vec![("ab".to_owned(), 1 << 40), ("c".to_owned(), 5), ("d".to_owned(), 1)];
        scale(&mut words);
        assert_eq!(words[0].1, 1 << 29);
        assert_eq!((words[1].1, words[2].1), (1, 1));
        let mut small = vec![("ab".to_owned(), 7)];
        scale(&mut small);
        assert_eq!(small[0].1, 7);
    }

    #[test]
    fn the_alphabet_keeps_the_frequent() {
        let words = [("zza".to_owned(), 2), ("b\0".to_owned(), 2), ("y".to_owned(), 1)];
        assert_eq!(alphabet(&words, 3), (vec!['a', 'b', 'z'], 1));
        assert_eq!(alphabet(&words, 9), (vec!['a', 'b', 'y', 'z'], 0));
    }
}
