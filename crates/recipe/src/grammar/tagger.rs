//! Word classes from the words around them, chosen from left to right.

use std::path::Path;

use anyhow::Result;

use super::parser::Parser;
use super::perceptron::{Perceptron, feature};
use super::sentence::{Sentence, Tag, Token, split};
use super::treebank::{Word, treebank};
use crate::normal::shuffle;

const TAGS: usize = Tag::ALL.len();
const EPOCHS: u64 = 5;

/// Word classes and heads for a text.
pub(crate) struct Reader {
    tagger: Tagger,
    parser: Parser,
}

impl Reader {
    /// Trains on the treebank of the data folder.
    pub(crate) fn train(data: &Path, seed: u64) -> Result<Self> {
        let tagger = Tagger::train(data, seed)?;
        let parser = Parser::train(data, seed, |words| tagger.tags(words))?;
        Ok(Self { tagger, parser })
    }

    /// The sentence of this text.
    pub(crate) fn read(&self, text: &str) -> Sentence {
        let words = split(text);
        let plain: Vec<&str> = words.iter().map(|(word, _)| word.as_str()).collect();
        let tags = self.tagger.tags(&plain);
        let tagged: Vec<(&str, Tag)> = plain.into_iter().zip(tags).collect();
        let arcs = self.parser.parse(&tagged);
        let capital = text.chars().find(|c| c.is_alphanumeric()).is_some_and(char::is_uppercase);
        let token = |(at, (text, glued)): (usize, &(String, bool))| Token {
            text: text.clone(),
            tag: tagged[at].1,
            glued: *glued,
            id: Some(at),
            head: Some(arcs[at].0).filter(|head| *head < tagged.len()),
            relation: arcs[at].1,
        };
        let mut tokens: Vec<Token> = words.iter().enumerate().map(token).collect();
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

    /// The shares of the treebank's other sentences whose classes, heads, and heads with
    /// relations are found.
    pub(crate) fn accuracy(&self, path: &Path) -> Result<[f64; 3]> {
        let (mut right, mut all) = ([0_u32; 3], 0_u32);
        for sentence in treebank(path)? {
            let words: Vec<&str> = sentence.iter().map(|word| word.text.as_str()).collect();
            let tags = self.tagger.tags(&words);
            let tagged: Vec<(&str, Tag)> = words.into_iter().zip(tags.iter().copied()).collect();
            for ((word, tag), arc) in sentence.iter().zip(tags).zip(self.parser.parse(&tagged)) {
                let head = arc.0 == word.head;
                let found = [tag == word.tag, head, head && arc.1 == word.relation];
                right.iter_mut().zip(found).for_each(|(count, found)| *count += u32::from(found));
                all += 1;
            }
        }
        Ok(right.map(|count| f64::from(count) / f64::from(all.max(1))))
    }
}

struct Tagger(Perceptron<TAGS>);

impl Tagger {
    fn train(data: &Path, seed: u64) -> Result<Self> {
        let mut sentences = treebank(&data.join("tagging/ud-ewt-train.tsv.gz"))?;
        let mut tagger = Self(Perceptron::new());
        for epoch in 0..EPOCHS {
            shuffle(seed + epoch, &mut sentences, |sentence| format!("{sentence:?}"));
            sentences.iter().for_each(|sentence| tagger.learn(sentence));
        }
        tagger.0.average();
        Ok(tagger)
    }

    fn tags(&self, words: &[&str]) -> Vec<Tag> {
        let mut tags = Vec::with_capacity(words.len());
        for at in 0..words.len() {
            let features = features(words, &tags, at);
            tags.push(Tag::ALL[self.0.best(&features, |_| true)]);
        }
        tags
    }

    fn learn(&mut self, sentence: &[Word]) {
        let words: Vec<&str> = sentence.iter().map(|word| word.text.as_str()).collect();
        let mut tags = Vec::with_capacity(words.len());
        for (at, word) in sentence.iter().enumerate() {
            let features = features(&words, &tags, at);
            let found = self.0.best(&features, |_| true);
            self.0.learn(&features, word.tag as usize, found);
            tags.push(Tag::ALL[found]);
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
    .map(|(kind, text)| feature(kind, &[text]))
    .collect()
}
