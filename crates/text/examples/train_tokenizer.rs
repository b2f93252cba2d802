//! Trains a tokenizer from files of text, one text a line.
//!
//! `cargo run --release -p contexture-text --example train_tokenizer -- KIND SIZE FOLDER FILE...`

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use contexture_text::training::{TokenizerKind, TokenizerSettings, train};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, size, folder, files @ ..] = arguments.as_slice() else {
        return Err("expected KIND SIZE FOLDER FILE...".into());
    };
    let kind: TokenizerKind = serde_json::from_value(kind.as_str().into())?;
    let settings =
        TokenizerSettings { kind, vocabulary: size.parse()?, ..TokenizerSettings::default() };
    let mut texts = Vec::new();
    for file in files {
        texts.push(BufReader::new(File::open(file)?));
    }
    let texts = texts.into_iter().flat_map(|file| file.lines());
    let start = std::time::Instant::now();
    let trained = train(&settings, texts, Path::new(folder))?;
    println!("{trained:?} in {:.1} s", start.elapsed().as_secs_f32());
    Ok(())
}
