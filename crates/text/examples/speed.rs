//! Opens a model folder's tokenizer, checks it line by line against the `tokenizers` crate and
//! times both: `speed FOLDER TEXT_FILE`.

use std::path::Path;
use std::time::Instant;

use contexture_text::{Encoding, Tokenizer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, file] = arguments.as_slice() else { return Err("FOLDER TEXT_FILE".into()) };
    let folder = Path::new(folder);
    let mut open_ms = f64::INFINITY;
    let mut tokenizer = Tokenizer::open(folder)?;
    for _ in 0..20 {
        let start = Instant::now();
        tokenizer = Tokenizer::open(folder)?;
        open_ms = open_ms.min(start.elapsed().as_secs_f64() * 1e3);
    }
    println!("open: {open_ms:.2} ms, fast path: {}", tokenizer.is_fast());

    let start = Instant::now();
    let mut reference = tokenizers::Tokenizer::from_file(folder.join("tokenizer.json"))
        .map_err(|e| e.to_string())?;
    println!("open, tokenizers crate: {:.2} ms", start.elapsed().as_secs_f64() * 1e3);
    reference.with_truncation(None).map_err(|e| e.to_string())?;
    reference.with_padding(None);

    let text = std::fs::read_to_string(file)?;
    let lines: Vec<&str> = text.lines().collect();
    let mut different = 0;
    for line in &lines {
        let ours = tokenizer.encode(line)?;
        let theirs = reference.encode(*line, true).map_err(|e| e.to_string())?;
        let body = ours.prefix..ours.len() - ours.suffix;
        let same_spans = ours.spans[body.clone()]
            .iter()
            .zip(&theirs.get_offsets()[body])
            .all(|(a, b)| *a == Some([b.0, b.1]));
        if ours.ids != theirs.get_ids() || !same_spans {
            different += 1;
            if different < 5 {
                println!("DIFFERENT: {line:?}\n {:?}\n {:?}", ours.ids, theirs.get_ids());
            }
        }
    }
    println!("{} lines, {different} different", lines.len());

    let mut out = Encoding::default();
    for round in 0..5 {
        let start = Instant::now();
        let mut tokens = 0;
        for line in &lines {
            tokenizer.encode_into(line, &mut out)?;
            tokens += out.len();
        }
        let seconds = start.elapsed().as_secs_f64();
        println!("round {round}: {tokens} tokens, {:.2} million/s", tokens as f64 / seconds / 1e6);
    }
    let some = &lines[..lines.len().min(5000)];
    let start = Instant::now();
    let mut tokens = 0;
    for line in some {
        tokens += reference.encode(*line, true).map_err(|e| e.to_string())?.len();
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("tokenizers crate: {:.2} million/s", tokens as f64 / seconds / 1e6);
    Ok(())
}
