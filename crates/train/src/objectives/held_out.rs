//! Losses on rows that are not learned from: drawn once, so that every evaluation sees the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use contexture_evaluate::metrics::{BleuCounts, ChrfCounts};
use contexture_nn::Weights;

use super::pass::Memory;
use super::{Drawn, Learner, Pass, open_held_out};
use crate::TrainError;
use crate::config::Config;
use crate::random::{Random, purpose};

/// Held-out batches of all objectives.
pub struct HeldOut {
    objectives: Vec<Batches>,
}

/// One objective's held-out batches.
struct Batches {
    name: String,
    weight: f64,
    batches: Vec<Box<dyn Drawn>>,
    /// Rows whose outputs are compared with what they should be.
    translated: usize,
}

/// Mean losses on held-out rows.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldOutLoss {
    /// The objectives' losses, weighted and added: what the best state is chosen by.
    pub loss: f64,
    /// By objective.
    pub objectives: BTreeMap<String, f64>,
    /// Of objectives whose outputs are texts: BLEU and chrF of greedy outputs, of 100.
    pub scores: BTreeMap<String, f64>,
}

impl HeldOut {
    /// Draws the batches of every objective that has held-out data.
    ///
    /// # Errors
    /// Data that cannot be read, or hold no row.
    pub fn draw(config: &Config, learner: &Learner) -> Result<Self, TrainError> {
        let mut objectives = Vec::new();
        for (number, settings) in config.objectives.iter().enumerate() {
            let Some(mut objective) = open_held_out(settings, learner, config.seed, number)? else {
                continue;
            };
            let mut random = Random::of(&[config.seed, purpose::HELD_OUT, number as u64]);
            let (mut batches, mut rows) = (Vec::new(), 0);
            while rows < config.evaluation.rows
                && let Some(batch) = objective.draw(&mut random)?
            {
                rows += batch.places().len();
                batches.push(batch);
            }
            if batches.iter().all(|batch| batch.terms() == 0) {
                let what = format!("{}: held-out data", settings.name());
                return Err(TrainError::NoData { what, detail: String::new() });
            }
            let (name, weight) = (settings.name().to_owned(), settings.weight());
            let translated = settings.translated();
            objectives.push(Batches { name, weight, batches, translated });
        }
        Ok(Self { objectives })
    }

    /// Whether no objective has held-out data.
    pub fn is_empty(&self) -> bool {
        self.objectives.is_empty()
    }

    /// The losses of these weights.
    ///
    /// # Errors
    /// As [`Drawn::run`].
    pub fn loss(
        &self,
        learner: &Learner,
        weights: &Arc<Weights>,
        memory: &Memory,
    ) -> Result<HeldOutLoss, TrainError> {
        let (objectives, scores) = (BTreeMap::new(), BTreeMap::new());
        let mut result = HeldOutLoss { loss: 0.0, objectives, scores };
        for Batches { name, weight, batches, translated } in &self.objectives {
            let (mut sum, mut terms) = (0.0, 0);
            for batch in batches {
                let mut pass = Pass::judge(learner, weights.clone(), memory);
                sum += batch.run(&mut pass)?;
                terms += batch.terms();
            }
            let mean = sum / terms.max(1) as f64;
            result.loss += weight * mean;
            result.objectives.insert(name.clone(), mean);
            let mut outputs = Vec::new();
            for batch in batches {
                if outputs.len() < *translated {
                    let mut pass = Pass::judge(learner, weights.clone(), memory);
                    outputs.extend(batch.outputs(&mut pass, translated - outputs.len())?);
                }
            }
            if !outputs.is_empty() {
                result.scores.extend(scores_of(&outputs));
            }
        }
        Ok(result)
    }
}

/// BLEU and chrF of outputs, each beside what it should be.
fn scores_of(outputs: &[(String, String)]) -> [(String, f64); 2] {
    let (mut bleu, mut chrf) = (BleuCounts::default(), ChrfCounts::default());
    for (output, reference) in outputs {
        bleu += BleuCounts::of(output, &[reference]);
        chrf += ChrfCounts::of(output, &[reference]);
    }
    [("bleu".into(), bleu.corpus().score), ("chrf".into(), chrf.score())]
}
