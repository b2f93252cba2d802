//! Classes of texts, and of words by their first tokens (Devlin et al. 2019, sections 4.1 and 5.3).

use std::sync::Arc;

use contexture_model::Model;
use contexture_nn::Segments;
use contexture_nn::ops::Gather;
use contexture_text::{align, join_words};

use super::pass::encoder_operations;
use super::texts::{OnTexts, Texts};
use super::{Drawn, Learner, Pass};
use crate::TrainError;
use crate::config::ClassificationSettings;
use crate::data::{Row, Tokens};

pub(super) struct Classes {
    settings: ClassificationSettings,
    labels: Vec<String>,
    of_words: bool,
}

impl Classes {
    pub(super) fn new(
        settings: &ClassificationSettings,
        of_words: bool,
        learner: &Learner,
    ) -> Result<Self, TrainError> {
        let Some(classifier) = learner.model.classifier() else {
            return Err(TrainError::value("model", "a classifier", "a model without one"));
        };
        let labels = classifier.settings().labels.clone();
        Ok(Self { settings: settings.clone(), labels, of_words })
    }

    fn class(&self, label: &str, row: &Row) -> Result<u32, TrainError> {
        let found = self.labels.iter().position(|known| known == label);
        found.map(|class| class as u32).ok_or_else(|| {
            let shown: Vec<&str> = self.labels.iter().take(20).map(String::as_str).collect();
            let expected = format!("one of the labels {}", shown.join(", "));
            TrainError::Row { place: row.place.clone(), expected, found: format!("`{label}`") }
        })
    }

    fn add_text(&self, row: &Row, texts: &mut Texts, to: &mut Told) -> Result<(), TrainError> {
        let ids = texts.ids(row, 0)?;
        to.targets.push(self.class(row.fields[1].trim(), row)?);
        to.ids.push(ids);
        Ok(())
    }

    fn add_words(&self, row: &Row, texts: &mut Texts, to: &mut Told) -> Result<(), TrainError> {
        let words: Vec<&str> = cells(&row.fields[0]);
        let labels: Vec<&str> = cells(&row.fields[1]);
        if words.len() != labels.len() {
            let expected = format!("as many labels as words ({})", words.len());
            let found = labels.len().to_string();
            return Err(TrainError::Row { place: row.place.clone(), expected, found });
        }
        let (text, spans) = join_words(&words);
        let piece = texts.piece(&text)?;
        let first = to.tokens();
        for ([from, end], label) in align(&text, &spans, &piece.spans).into_iter().zip(labels) {
            // A word that was cut off has no token to be told by.
            if from < end {
                to.rows.push((first + from) as u32);
                to.targets.push(self.class(label, row)?);
            }
        }
        to.ids.push(piece.into());
        Ok(())
    }
}

/// The words of a field; a blank inside a word stands there as a no-break one.
pub(crate) fn cells(field: &str) -> Vec<&str> {
    field.split_ascii_whitespace().collect()
}

impl OnTexts for Classes {
    fn make(&self, rows: Vec<Row>, texts: &mut Texts) -> Result<Box<dyn Drawn>, TrainError> {
        let smoothing = self.settings.smoothing as f32;
        let mut told = Told { smoothing, of_words: self.of_words, ..Told::default() };
        for row in &rows {
            match self.of_words {
                true => self.add_words(row, texts, &mut told)?,
                false => self.add_text(row, texts, &mut told)?,
            }
        }
        told.places = rows.into_iter().map(|row| row.place).collect();
        Ok(Box::new(told))
    }
}

/// Texts whose classes, or whose words' classes, are to be told.
#[derive(Default)]
struct Told {
    ids: Vec<Tokens>,
    places: Vec<String>,
    /// Of words: each one's first token.
    rows: Vec<u32>,
    targets: Vec<u32>,
    smoothing: f32,
    of_words: bool,
}

impl Drawn for Told {
    fn places(&self) -> Vec<&str> {
        self.places.iter().map(String::as_str).collect()
    }

    fn tokens(&self) -> usize {
        self.ids.iter().map(Tokens::len).sum()
    }

    fn terms(&self) -> usize {
        self.targets.len()
    }

    fn run(&self, pass: &mut Pass<'_>) -> Result<f64, TrainError> {
        let learner = pass.learner;
        let Some(classifier) = learner.model.classifier().filter(|_| !self.targets.is_empty())
        else {
            return Ok(0.0);
        };
        let batch = learner.batch(&self.ids)?;
        let mut s = pass.session();
        let hidden = learner.model.tokens(&mut s, &batch);
        let transformed = match self.of_words {
            true => {
                let gather = Gather { rows: self.rows.as_slice().into() };
                let some = s.apply(gather, &[&hidden], batch.segments());
                classifier.transform(&mut s, &some, &Segments::single(self.rows.len()))
            }
            false => classifier.transform(&mut s, &hidden, batch.segments()),
        };
        drop(hidden);
        let smoothing = if pass.learns() { self.smoothing } else { 0.0 };
        let targets: Arc<[u32]> = self.targets.as_slice().into();
        let losses = classifier.loss(&mut s, &transformed, targets, smoothing, pass.scale());
        let sum = losses.rows().as_slice().iter().map(|loss| f64::from(*loss)).sum();
        let seed = contexture_nn::Rows::new(vec![pass.scale(); self.targets.len()], 1);
        pass.backward(&mut s, vec![(&losses, seed)]);
        Ok(sum)
    }

    fn operations(&self, model: &Model) -> f64 {
        encoder_operations(model, self.ids.iter().map(Tokens::len))
    }
}
