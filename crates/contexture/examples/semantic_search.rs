//! Finds the lines of a text file that mean what a question asks.
//!
//! `cargo run --release --example semantic_search -- README.md "How do I run the tests?"`

use std::error::Error;

use contexture::{Embedder, cosine};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(file), Some(question)) = (arguments.next(), arguments.next()) else {
        return Err("usage: semantic_search FILE QUESTION".into());
    };
    let text = std::fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?;
    let lines: Vec<(usize, &str)> =
        text.lines().enumerate().filter(|(_, line)| line.split_whitespace().count() >= 3).collect();

    let embedder = Embedder::open(contexture::BUILT_IN)?;
    let question = embedder.embed(&[question])?;
    let passages = embedder.embed(&lines.iter().map(|(_, line)| *line).collect::<Vec<_>>())?;

    let mut found: Vec<(f32, usize, &str)> = passages
        .iter()
        .zip(&lines)
        .map(|(record, (number, line))| {
            (cosine(question[0].vector(), record.vector()), number + 1, *line)
        })
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (score, number, line) in found.iter().take(5) {
        println!("{score:.3}  {file}:{number}  {}", line.trim());
    }
    Ok(())
}
