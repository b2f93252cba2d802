//! Word classes from the words around: an averaged perceptron, left to right.
//!
//! score(tag) = sum over features f of w[f][tag]; on a wrong tag, w[f][right] += 1 and
//! w[f][wrong] -= 1; the weights used are the mean over all steps (Collins 2002, algorithm 1 and
//! section 2.5). Trained when the program starts, on UD English-EWT (about 96 % of its dev words).

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result};

use super::sentence::{Sentence, Tag, Token, split};
use crate::files::lines;
use crate::normal::shuffle;

const TAGS: usize = Tag::ALL.len();
const EPOCHS: u64 = 5;

#[derive(Clone, Default)]
struct Row {
    weights: [f32; TAGS],
    totals: [f32; TAGS],
    changed: [u32; TAGS],
}

/// A trained tagger.
pub(crate) struct Tagger {
    rows: HashMap<u64, Row>,
    step: u32,
}

type Tagged = Vec<(String, Tag)>;

impl Tagger {
    /// Trains on the treebank of the data folder.
    pub(crate) fn train(data: &Path, seed: u64) -> Result<Self> {
        let mut sentences = treebank(&data.join("tagging/ud-ewt-train.tsv.gz"))?;
        let mut tagger = Self { rows: HashMap::new(), step: 0 };
        for epoch in 0..EPOCHS {
            shuffle(seed + epoch, &mut sentences, |sentence| format!("{sentence:?}"));
            sentences.iter().for_each(|sentence| tagger.learn(sentence));
        }
        let step = tagger.step;
        for row in tagger.rows.values_mut() {
            for tag in 0..TAGS {
                let held = (step - row.changed[tag]) as f32;
                row.weights[tag] = (row.totals[tag] + held * row.weights[tag]) / step as f32;
            }
        }
        Ok(tagger)
    }

    /// The sentence of this text.
    pub(crate) fn read(&self, text: &str) -> Sentence {
        let words = split(text);
        let plain: Vec<&str> = words.iter().map(|(word, _)| word.as_str()).collect();
        let tags = self.tags(&plain);
        let capital = text.chars().find(|c| c.is_alphanumeric()).is_some_and(char::is_uppercase);
        let mut tokens: Vec<Token> =
            words.into_iter().zip(tags).map(|((text, glued), tag)| Token { text, tag, glued }).collect();
        if let Some(first) = tokens.iter_mut().find(|token| token.tag != Tag::Punct) {
            let name = matches!(first.tag, Tag::Propn | Tag::X)
                || first.text == "I"
                || first.text.chars().skip(1).any(char::is_uppercase);
            if !name {
                first.text = first.text.to_lowercase();
            }
        }
        Sentence { tokens, capital }
    }

    fn tags(&self, words: &[&str]) -> Vec<Tag> {
        let mut tags = Vec::with_capacity(words.len());
        for at in 0..words.len() {
            let features = features(words, &tags, at);
            tags.push(self.best(&features));
        }
        tags
    }

    fn best(&self, features: &[u64]) -> Tag {
        let mut scores = [0.0; TAGS];
        for row in features.iter().filter_map(|feature| self.rows.get(feature)) {
            for (score, weight) in scores.iter_mut().zip(row.weights) {
                *score += weight;
            }
        }
        let best = (0..TAGS).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap_or_default();
        Tag::ALL[best]
    }

    fn learn(&mut self, sentence: &Tagged) {
        let words: Vec<&str> = sentence.iter().map(|(word, _)| word.as_str()).collect();
        let mut tags = Vec::with_capacity(words.len());
        for (at, (_, right)) in sentence.iter().enumerate() {
            let features = features(&words, &tags, at);
            let found = self.best(&features);
            self.step += 1;
            if found != *right {
                for feature in features {
                    let row = self.rows.entry(feature).or_default();
                    for (tag, change) in [(*right, 1.0), (found, -1.0)] {
                        let tag = tag as usize;
                        let held = (self.step - row.changed[tag]) as f32;
                        row.totals[tag] += held * row.weights[tag];
                        row.weights[tag] += change;
                        row.changed[tag] = self.step;
                    }
                }
            }
            tags.push(found);
        }
    }
}

/// What a word's class may depend on, each as a number.
fn features(words: &[&str], tags: &[Tag], at: usize) -> Vec<u64> {
    let word = words[at];
    let lower = word.to_lowercase();
    let near = |offset: isize| {
        let place = at.checked_add_signed(offset).and_then(|place| words.get(place));
        place.map_or_else(String::new, |word| word.to_lowercase())
    };
    let end = |word: &str, letters: usize| {
        let skip = word.chars().count().saturating_sub(letters);
        word.chars().skip(skip).collect::<String>()
    };
    let tag = |back: usize| at.checked_sub(back).map_or(TAGS, |place| tags[place] as usize);
    let (one, two) = (tag(1), tag(2));
    let (before, after) = (near(-1), near(1));
    // All-capital lines and first words say little by their capitals.
    let capital = word.chars().next().is_some_and(char::is_uppercase);
    let shape = format!(
        "{}{}{}{}",
        u8::from(capital),
        u8::from(at == 0),
        u8::from(word.chars().any(|c| c.is_ascii_digit())),
        u8::from(word.contains('-')),
    );
    [
        String::new(),
        lower.clone(),
        end(&lower, 3),
        end(&lower, 2),
        lower.chars().take(1).collect(),
        format!("{one}"),
        format!("{two}"),
        format!("{one} {two}"),
        format!("{one} {lower}"),
        before.clone(),
        end(&before, 3),
        near(-2),
        after.clone(),
        end(&after, 3),
        near(2),
        shape.clone(),
        format!("{shape} {}", end(&lower, 2)),
        format!("{before} {lower}"),
        format!("{lower} {after}"),
    ]
    .iter()
    .enumerate()
    .map(|(kind, text)| hash(kind, text))
    .collect()
}

/// FNV-1a over the kind of feature and its text.
fn hash(kind: usize, text: &str) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325_u64 ^ kind as u64;
    text.bytes().chain([0]).fold(start.wrapping_mul(0x0100_0000_01b3), |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn treebank(path: &Path) -> Result<Vec<Tagged>> {
    let mut sentences = vec![Vec::new()];
    lines(path, |_, line| {
        if line.is_empty() {
            sentences.push(Vec::new());
            return Ok(());
        }
        let mut fields = line.split('\t');
        let word = fields.next().unwrap_or_default().to_owned();
        let name = fields.next().context("expected a word, a tab and its class")?;
        // A few words stand outside of the classes as `_`.
        let tag = Tag::named(name).unwrap_or(Tag::X);
        sentences.last_mut().expect("never empty").push((word, tag));
        Ok(())
    })?;
    sentences.retain(|sentence| !sentence.is_empty());
    Ok(sentences)
}
