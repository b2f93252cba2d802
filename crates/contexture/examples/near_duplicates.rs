//! Finds pairs of lines that say nearly the same thing.
//!
//! `cargo run --release --example near_duplicates -- sentences.txt 0.9`

use std::error::Error;

use contexture::{Embedder, cosine};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("usage: near_duplicates FILE [LEAST COSINE]")?;
    let least: f32 = arguments.next().map_or(Ok(0.9), |value| value.parse())?;
    let text = std::fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?;
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();

    let embedder = Embedder::open(contexture::BUILT_IN)?;
    let records = embedder.embed(&lines)?;

    let mut pairs = Vec::new();
    for (i, a) in records.iter().enumerate() {
        for (j, b) in records.iter().enumerate().skip(i + 1) {
            let score = cosine(a.vector(), b.vector());
            if score >= least {
                pairs.push((score, i, j));
            }
        }
    }
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (score, i, j) in &pairs {
        println!("{score:.3}\n  {}\n  {}", lines[*i], lines[*j]);
    }
    println!(
        "{} of {} lines, {} pairs at {least} or above",
        records.len(),
        lines.len(),
        pairs.len()
    );
    Ok(())
}
