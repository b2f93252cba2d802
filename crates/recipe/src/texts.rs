//! The texts that the teacher's vectors are distilled on.

use std::collections::HashMap;

use serde::Serialize;

use crate::normal::{Seen, shuffle};
use crate::sources::{Article, Split, Synset, Tatoeba};

/// What is read once and used by texts, pairs and triples.
pub(crate) struct Sources {
    /// Tatoeba's sentences.
    pub(crate) tatoeba: Vec<Tatoeba>,
    /// WordNet's synsets.
    pub(crate) wordnet: Vec<Synset>,
    /// Wikipedia's lead sections.
    pub(crate) wikipedia: Vec<Article>,
    /// WikiSplit's sentences.
    pub(crate) wikisplit: Vec<Split>,
    /// Gutenberg's sentences.
    pub(crate) gutenberg: Vec<String>,
}

/// One text.
#[derive(Serialize)]
pub(crate) struct Text {
    text: String,
    source: &'static str,
}

/// The most words a piece of several sentences may have.
const LONGEST_PIECE: usize = 100;

/// All texts once, shuffled, without those that are held out.
pub(crate) fn texts(sources: &Sources, held: &Seen, seed: u64) -> Vec<Text> {
    let mut texts = Texts { all: Vec::new(), seen: Seen::default(), held };
    for sentence in &sources.tatoeba {
        texts.add("tatoeba", &sentence.english);
    }
    for synset in &sources.wordnet {
        texts.add("wordnet", &synset.definition);
        for example in &synset.examples {
            texts.add("wordnet", example);
        }
        texts.add("wordnet", &format!("{}: {}", synset.lemmas.join(", "), synset.definition));
    }
    for article in &sources.wikipedia {
        texts.add("wikipedia", &article.title);
        for sentence in &article.sentences {
            texts.add("wikipedia", sentence);
        }
        for piece in pieces(&article.sentences) {
            texts.add("wikipedia", &piece);
        }
    }
    for split in &sources.wikisplit {
        texts.add("wikisplit", &split.whole);
        for half in &split.halves {
            texts.add("wikisplit", half);
        }
    }
    for sentence in &sources.gutenberg {
        texts.add("gutenberg", sentence);
    }
    shuffle(seed, &mut texts.all, |text| text.text.clone());
    texts.all
}

struct Texts<'a> {
    all: Vec<Text>,
    seen: Seen,
    held: &'a Seen,
}

impl Texts<'_> {
    fn add(&mut self, source: &'static str, text: &str) {
        if text.chars().any(char::is_alphabetic)
            && !self.held.contains(text)
            && self.seen.insert(text)
        {
            self.all.push(Text { text: text.to_owned(), source });
        }
    }
}

/// Two or three sentences in a row, while they are no longer than a piece may be.
fn pieces(sentences: &[String]) -> Vec<String> {
    let mut pieces = Vec::new();
    for (start, take) in (0..sentences.len()).flat_map(|start| [(start, 2), (start, 3)]) {
        let Some(row) = sentences.get(start..start + take) else { continue };
        let piece = row.join(" ");
        if piece.split_whitespace().count() <= LONGEST_PIECE {
            pieces.push(piece);
        }
    }
    pieces
}

/// The number of texts of each source.
pub(crate) fn counts(texts: &[Text]) -> Vec<(&'static str, usize)> {
    let mut counts: Vec<(&'static str, usize)> = Vec::new();
    for text in texts {
        match counts.iter_mut().find(|(source, _)| *source == text.source) {
            Some((_, count)) => *count += 1,
            None => counts.push((text.source, 1)),
        }
    }
    counts.sort_unstable();
    counts
}

/// How often each word stands in the texts of connected prose, in lower case.
pub(crate) fn words(texts: &[Text]) -> HashMap<String, usize> {
    let mut count = HashMap::new();
    // Definitions would make every lemma look familiar.
    for text in texts.iter().filter(|text| text.source != "wordnet") {
        for word in text.text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()) {
            *count.entry(word.to_lowercase()).or_default() += 1;
        }
    }
    count
}
