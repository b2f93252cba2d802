//! When two texts count as the same, and an order that depends on the seed alone.

use std::collections::HashSet;

use sha2::{Digest, Sha256};

/// Lower-case letters and digits only: case, spaces and punctuation make no other text.
pub(crate) fn normal(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The first 128 bits of SHA-256 over the parts, a zero byte after each.
pub(crate) fn digest(parts: &[&str]) -> u128 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let bytes: [u8; 32] = hash.finalize().into();
    u128::from_be_bytes(bytes[..16].try_into().expect("16 of 32 bytes"))
}

/// A set of texts, each known by the digest of its normal form.
#[derive(Default)]
pub(crate) struct Seen(HashSet<u128>);

impl Seen {
    /// Adds a text; `false` if it, or one with the same normal form, was there.
    pub(crate) fn insert(&mut self, text: &str) -> bool {
        self.0.insert(digest(&[&normal(text)]))
    }

    /// Whether a text with the same normal form is there.
    pub(crate) fn contains(&self, text: &str) -> bool {
        self.0.contains(&digest(&[&normal(text)]))
    }

    /// The number of texts.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Draws that depend on a seed and a text, never on what was drawn before.
#[derive(Clone, Copy)]
pub(crate) struct Dice<'a> {
    seed: u64,
    text: &'a str,
}

impl<'a> Dice<'a> {
    /// The draws for this text.
    pub(crate) fn new(seed: u64, text: &'a str) -> Self {
        Self { seed, text }
    }

    /// A number below `n` for this purpose.
    pub(crate) fn below(&self, purpose: &str, n: usize) -> usize {
        let drawn = digest(&[&self.seed.to_string(), purpose, self.text]) % n as u128;
        usize::try_from(drawn).expect("a number below a usize")
    }
}

/// Sorts by a digest of seed and text: a shuffle that does not depend on the order of arrival.
pub(crate) fn shuffle<T>(seed: u64, items: &mut [T], text: impl Fn(&T) -> String) {
    let seed = seed.to_string();
    items.sort_by_cached_key(|item| digest(&[&seed, &text(item)]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_spaces_and_punctuation_make_no_other_text() {
        assert_eq!(normal("It's 5 o'clock, Tom!"), "its5oclocktom");
        let mut seen = Seen::default();
        assert!(seen.insert("It 's five ."));
        assert!(!seen.insert("it's five"));
        assert!(seen.contains("ITS FIVE!") && !seen.contains("its six"));
    }

    #[test]
    fn a_shuffle_depends_on_the_seed_and_not_on_the_order_of_arrival() {
        let mut up: Vec<u32> = (0..100).collect();
        let mut down: Vec<u32> = (0..100).rev().collect();
        shuffle(3, &mut up, |n| n.to_string());
        shuffle(3, &mut down, |n| n.to_string());
        assert_eq!(up, down);
        let mut other = up.clone();
        shuffle(4, &mut other, |n| n.to_string());
        assert_ne!(up, other);
    }
}
