//! In-batch contrast with hard negatives: the loss of `losses::contrastive` on sentence vectors.
//!
//! With gradient caching (Gao et al. 2021, section 3) the batch passes in chunks twice: once for
//! its vectors, from which the loss and its gradients by them follow, and once, with the same
//! dropout, to send those gradients back. Only one chunk's rows are held at a time.

use contexture_model::Model;
use contexture_nn::Rows;

use super::pass::encoder_operations;
use super::texts::{OnTexts, Texts, embed, scaled};
use super::{Drawn, Pass};
use crate::TrainError;
use crate::config::ContrastiveSettings;
use crate::data::{Row, Tokens};
use crate::losses::{Contrast, Loss, contrastive};

pub(super) struct Contrastive {
    pub(super) settings: ContrastiveSettings,
}

impl OnTexts for Contrastive {
    fn make(&self, rows: Vec<Row>, texts: &mut Texts) -> Result<Box<dyn Drawn>, TrainError> {
        let ids = texts.fields(&rows, 2 + self.settings.negatives)?;
        let ContrastiveSettings { scale, symmetric, cache, .. } = self.settings;
        Ok(Box::new(Contrasted {
            ids,
            places: rows.into_iter().map(|row| row.place).collect(),
            contrast: Contrast { scale, symmetric },
            cache,
        }))
    }
}

/// Anchors, positives, then each negative of all rows.
struct Contrasted {
    ids: Vec<Tokens>,
    places: Vec<String>,
    contrast: Contrast,
    cache: usize,
}

impl Contrasted {
    fn loss(&self, pass: &Pass<'_>, vectors: &Rows) -> Loss {
        let (n, width) = (self.places.len(), vectors.width());
        let part = |from: usize, to: usize| {
            Rows::new(vectors.as_slice()[from * width..to * width].to_vec(), width)
        };
        let (anchors, positives) = (part(0, n), part(n, 2 * n));
        let negatives = part(2 * n, self.ids.len());
        let pool = &pass.learner.pool;
        let loss = contrastive(pool, self.contrast, &anchors, &positives, &negatives);
        let gradients: Vec<&[f32]> = loss.gradients.iter().map(Rows::as_slice).collect();
        Loss { sum: loss.sum, gradients: vec![Rows::new(gradients.concat(), width)] }
    }

    fn run_cached(&self, pass: &mut Pass<'_>) -> Result<f64, TrainError> {
        let mut vectors = Vec::new();
        let mut width = 1;
        for (chunk, ids) in self.ids.chunks(self.cache).enumerate() {
            let mut s = pass.session_again(chunk as u64 + 1);
            let (_, value) = embed(pass.learner, &mut s, ids)?;
            width = value.rows().width();
            vectors.extend_from_slice(value.rows().as_slice());
        }
        let Loss { sum, mut gradients } = self.loss(pass, &Rows::new(vectors, width));
        let gradient = scaled(gradients.remove(0), pass);
        if !pass.learns() {
            return Ok(sum);
        }
        let parts = gradient.as_slice().chunks(self.cache * width);
        for (chunk, (ids, part)) in self.ids.chunks(self.cache).zip(parts).enumerate() {
            let mut s = pass.session_again(chunk as u64 + 1);
            let (_, value) = embed(pass.learner, &mut s, ids)?;
            pass.backward(&mut s, vec![(&value, Rows::new(part.to_vec(), width))]);
        }
        Ok(sum)
    }
}

impl Drawn for Contrasted {
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
        if self.cache > 0 && self.cache < self.ids.len() {
            return self.run_cached(pass);
        }
        let mut s = pass.session();
        let (_, vectors) = embed(pass.learner, &mut s, &self.ids)?;
        let Loss { sum, mut gradients } = self.loss(pass, vectors.rows());
        let seed = scaled(gradients.remove(0), pass);
        pass.backward(&mut s, vec![(&vectors, seed)]);
        Ok(sum)
    }

    fn operations(&self, model: &Model) -> f64 {
        let again = if self.cache > 0 && self.cache < self.ids.len() { 4.0 / 3.0 } else { 1.0 };
        again * encoder_operations(model, self.ids.iter().map(Tokens::len))
    }
}
