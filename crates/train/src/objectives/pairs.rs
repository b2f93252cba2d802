//! Pair regression: the cosine of two texts is to be their score, brought to 0 .. 1.

use contexture_model::Model;
use contexture_nn::Rows;

use super::pass::encoder_operations;
use super::texts::{OnTexts, Texts, embed, number, scaled};
use super::{Drawn, Pass};
use crate::TrainError;
use crate::config::PairsSettings;
use crate::data::{Row, Tokens};
use crate::losses::{Loss, cosine_regression};

pub(super) struct Pairs {
    pub(super) settings: PairsSettings,
}

impl OnTexts for Pairs {
    fn make(&self, rows: Vec<Row>, texts: &mut Texts) -> Result<Box<dyn Drawn>, TrainError> {
        let PairsSettings { least, most, .. } = self.settings;
        let ids = texts.fields(&rows, 2)?;
        let mut scores = Vec::with_capacity(rows.len());
        for row in &rows {
            scores.push(((number(row, 2, "the score")? - least) / (most - least)) as f32);
        }
        let places = rows.into_iter().map(|row| row.place).collect();
        Ok(Box::new(Scored { ids, scores, places }))
    }
}

/// First texts, then second ones.
struct Scored {
    ids: Vec<Tokens>,
    scores: Vec<f32>,
    places: Vec<String>,
}

impl Drawn for Scored {
    fn places(&self) -> Vec<&str> {
        self.places.iter().map(String::as_str).collect()
    }

    fn tokens(&self) -> usize {
        self.ids.iter().map(Tokens::len).sum()
    }

    fn terms(&self) -> usize {
        self.scores.len()
    }

    fn run(&self, pass: &mut Pass<'_>) -> Result<f64, TrainError> {
        let mut s = pass.session();
        let (_, vectors) = embed(pass.learner, &mut s, &self.ids)?;
        let width = vectors.rows().width();
        let (first, second) = vectors.rows().as_slice().split_at(self.scores.len() * width);
        let rows = |values: &[f32]| Rows::new(values.to_vec(), width);
        let Loss { sum, gradients } = cosine_regression(&rows(first), &rows(second), &self.scores);
        let both = [gradients[0].as_slice(), gradients[1].as_slice()].concat();
        let seed = scaled(Rows::new(both, width), pass);
        pass.backward(&mut s, vec![(&vectors, seed)]);
        Ok(sum)
    }

    fn operations(&self, model: &Model) -> f64 {
        encoder_operations(model, self.ids.iter().map(Tokens::len))
    }
}
