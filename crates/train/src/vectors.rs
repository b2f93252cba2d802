//! Word vectors that the words' table begins with.

use std::io::{BufReader, Read};
use std::sync::Arc;

use contexture_bulk::{IdChoice, Input, InputFormat, Source, SourceOptions, open_source};
use contexture_nn::Weights;
use contexture_text::{Tokenizer, WordVectors};

use crate::TrainError;
use crate::config::EmbeddingVectors;

const WORDS: &str = "embeddings.words.weight";

/// Puts the file's vectors into the rows of the words that it has; what it had, in words.
pub(crate) fn begin_with(
    settings: &EmbeddingVectors,
    tokenizer: &Tokenizer,
    weights: &mut Arc<Weights>,
) -> Result<String, TrainError> {
    let options = SourceOptions {
        format: Some(InputFormat::Text),
        id: IdChoice::RowNumber,
        ..SourceOptions::default()
    };
    let source = open_source(&Input::File(settings.file.as_str().into()), &options)?;
    let lines = Lines { source, bytes: Vec::new(), at: 0 };
    let found = WordVectors::read(tokenizer, BufReader::new(lines))?;
    let weights = Arc::get_mut(weights).expect("nobody else has the weights yet");
    let words = weights.declaration().params.iter().find(|declared| declared.name == WORDS);
    let Some(words) = words.map(|declared| declared.param) else {
        return Err(TrainError::value("model.vectors", "a model with a table of words", "none"));
    };
    if found.width != words.width {
        let expected = format!("vectors of model.hidden ({}) values", words.width);
        let stands = format!("{} in {}", found.width, settings.file);
        return Err(TrainError::value("model.vectors", expected, stands));
    }
    let table = weights.plain_mut(words);
    for id in &found.ids {
        let to = &mut table[*id as usize * found.width..][..found.width];
        for (to, from) in to.iter_mut().zip(found.row(*id).unwrap_or_default()) {
            *to = *from * settings.scale as f32;
        }
    }
    let counts = &found.counts;
    Ok(format!(
        "{}: {} of {} words begin with its vectors ({} in another case); {} do not stand in it, \
         {} tokens are no whole words",
        settings.file,
        found.found(),
        found.found() + counts.missed,
        counts.other_case,
        counts.missed,
        counts.parts
    ))
}

/// A source's lines as bytes again, unpacked on the way.
struct Lines {
    source: Source,
    bytes: Vec<u8>,
    at: usize,
}

impl Read for Lines {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.bytes.len() {
            let Some(item) = self.source.next() else { return Ok(0) };
            let item = item.map_err(std::io::Error::other)?;
            self.bytes = item.text.into_bytes();
            self.bytes.push(b'\n');
            self.at = 0;
        }
        let count = out.len().min(self.bytes.len() - self.at);
        out[..count].copy_from_slice(&self.bytes[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}
