//! The page of what outputs looked at.

use std::path::Path;

use anyhow::Result;
use contexture::translate::Output;
use contexture::{TranslateOptions, Translator};
use contexture_bulk::TextSink;
use contexture_view::{AttentionPicture, attention_page};

/// Texts on a page: beyond them nobody looks, and each has a map for every head.
pub(crate) const MOST_DRAWN: usize = 10;

/// A text, with its likeliest output.
pub(crate) type Drawn = (String, Output);

/// Draws the page; `texts` is how many there were.
pub(crate) fn draw(
    path: &Path,
    model: &str,
    translator: &Translator,
    options: &TranslateOptions,
    (drawn, texts): (&[Drawn], u64),
) -> Result<()> {
    let mut pictures = Vec::with_capacity(drawn.len());
    for (text, output) in drawn {
        let map = translator.attention(text, output, options)?;
        let mut picture = AttentionPicture {
            text: text.clone(),
            output: output.text.clone(),
            ..AttentionPicture::default()
        };
        if let Some(map) = map {
            (picture.source, picture.target, picture.layers) = (map.source, map.target, map.layers);
        }
        pictures.push(picture);
    }
    let mut notes = Vec::new();
    if texts > drawn.len() as u64 {
        let note = format!("The first {} of {texts} texts are drawn.", drawn.len());
        eprintln!("contexture: {}: {}", path.display(), note.to_lowercase().trim_end_matches('.'));
        notes.push(note);
    }
    let mut sink = TextSink::create(&contexture_bulk::Output::File(path.into()))?;
    sink.write(&attention_page(model, &notes, &pictures))?;
    sink.finish()?;
    Ok(())
}
