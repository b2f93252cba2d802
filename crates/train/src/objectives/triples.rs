//! Triples: the loss of `losses::triples` on sentence vectors.

use contexture_model::Model;
use contexture_nn::Rows;

use super::pass::encoder_operations;
use super::texts::{OnTexts, Texts, embed, scaled};
use super::{Drawn, Pass};
use crate::TrainError;
use crate::config::TriplesSettings;
use crate::data::{Row, Tokens};
use crate::losses::{Loss, Margins, triples};

pub(super) struct Triples {
    pub(super) settings: TriplesSettings,
}

impl OnTexts for Triples {
    fn make(&self, rows: Vec<Row>, texts: &mut Texts) -> Result<Box<dyn Drawn>, TrainError> {
        let ids = texts.fields(&rows, 3)?;
        let TriplesSettings { margin, positive, negative, .. } = self.settings;
        let margins = Margins { margin, least: positive, most: negative };
        let places = rows.into_iter().map(|row| row.place).collect();
        Ok(Box::new(Told { ids, places, margins }))
    }
}

/// Anchors, positives, negatives.
struct Told {
    ids: Vec<Tokens>,
    places: Vec<String>,
    margins: Margins,
}

impl Drawn for Told {
    fn places(&self) -> Vec<&str> {
        self.places.iter().map(String::as_str).collect()
    }

    fn tokens(&self) -> usize {
        self.ids.iter().map(Tokens::len).sum()
    }

    fn terms(&self) -> usize {
        self.places.len()
    }

    fn run(&self, pass: &mut Pass<'_>) -> Result<f64, TrainError> {
        let mut s = pass.session();
        let (_, vectors) = embed(pass.learner, &mut s, &self.ids)?;
        let width = vectors.rows().width();
        let part = |number: usize| {
            let n = self.places.len() * width;
            Rows::new(vectors.rows().as_slice()[number * n..(number + 1) * n].to_vec(), width)
        };
        let Loss { sum, gradients } = triples(self.margins, &part(0), &part(1), &part(2));
        let all: Vec<&[f32]> = gradients.iter().map(Rows::as_slice).collect();
        let seed = scaled(Rows::new(all.concat(), width), pass);
        pass.backward(&mut s, vec![(&vectors, seed)]);
        Ok(sum)
    }

    fn operations(&self, model: &Model) -> f64 {
        encoder_operations(model, self.ids.iter().map(Tokens::len))
    }
}
