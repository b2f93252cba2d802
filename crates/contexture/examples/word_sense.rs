//! Shows that a word's vector follows its context: `bank` by the river and `bank` with money.
//!
//! `cargo run --release --example word_sense`
//! `cargo run --release --example word_sense -- WORD "SENTENCE" "SENTENCE" ...`

use std::error::Error;

use contexture::{EmbedOptions, Embedder, Levels, cosine};

const SENTENCES: [&str; 4] = [
    "She sat on the bank of the river and watched the water.",
    "The boat drifted towards the muddy bank of the stream.",
    "He opened an account at the bank and deposited his money.",
    "The bank raised the interest on every loan.",
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let word = arguments.next().unwrap_or_else(|| "bank".into());
    let mut sentences: Vec<String> = arguments.collect();
    if sentences.is_empty() {
        sentences = SENTENCES.map(String::from).to_vec();
    }

    let embedder = Embedder::open(contexture::BUILT_IN)?;
    let options = EmbedOptions { levels: Levels::WORDS, ..EmbedOptions::default() };
    let mut found = Vec::new();
    for (record, sentence) in embedder.embed_with(&sentences, &options)?.iter().zip(&sentences) {
        let words = record.words.as_deref().unwrap_or_default();
        let same = |text: &str| text.trim_matches(|c: char| !c.is_alphanumeric()) == word;
        match words.iter().find(|unit| same(&unit.text)) {
            Some(unit) => found.push((unit.embedding.clone(), sentence)),
            None => return Err(format!("no word {word:?} in {sentence:?}").into()),
        }
    }
    println!("cosine of {word:?} between its contexts:");
    for (vector, sentence) in &found {
        for (other, _) in &found {
            print!("{:6.3}", cosine(vector, other));
        }
        println!("  {sentence}");
    }
    Ok(())
}
