//! What an opened model computes for given word numbers: `score FOLDER WORDS.json`, where the file
//! holds a list of lists of numbers. Prints a JSON object: `tokens`, `sentences`, and `words` and
//! `classes` (scores) where the model has heads.

use std::sync::Arc;

use contexture_kernels::Pool;
use contexture_model::{Model, OpenOptions};
use contexture_nn::{Segments, Session, Value};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, words] = &arguments[..] else {
        return Err("usage: score FOLDER WORDS.json".into());
    };
    let model = Model::open(folder, &OpenOptions { heads: true, ..OpenOptions::default() })?;
    let texts: Vec<Vec<u32>> = serde_json::from_slice(&std::fs::read(words)?)?;
    let segments = Segments::from_lengths(texts.iter().map(Vec::len));
    let batch = model.batch(texts.concat().into(), None, segments.clone())?;
    let mut s = Session::infer(model.weights().clone(), Arc::new(Pool::new(1)));
    let tokens = model.tokens(&mut s, &batch);
    let sentences = model.sentences(&mut s, &tokens, &batch, &Arc::from([]));
    let mut all = vec![("tokens", tokens.clone()), ("sentences", sentences)];
    if let Some(head) = model.language() {
        let rows = head.transform(&mut s, &tokens, &segments);
        all.push(("words", head.logits(&mut s, &rows)));
    }
    if let Some(head) = model.classifier() {
        let rows = head.transform(&mut s, &tokens, &segments);
        all.push(("classes", head.logits(&mut s, &rows)));
    }
    let all: serde_json::Map<_, _> =
        all.iter().map(|(name, value)| (name.to_string(), rows(value).into())).collect();
    println!("{}", serde_json::Value::from(all));
    Ok(())
}

fn rows(value: &Value) -> Vec<Vec<f32>> {
    let rows = value.rows();
    (0..rows.rows()).map(|row| rows.row(row).to_vec()).collect()
}
