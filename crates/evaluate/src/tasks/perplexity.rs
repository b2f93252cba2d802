//! Perplexity: how many words a model hesitates between, exp of the mean of -log p.
//!
//! Causal: over all tokens of the texts but each one's first where nothing stands before it; exact.
//! Masked: pseudo-perplexity (Salazar et al. 2020, eq. 3), not comparable with the causal one. By
//! default a share of each text's tokens, drawn by the seed and the text's number, is masked at
//! once: one forward a text, and the conditions of training. [`Masking::Each`] masks every token
//! in turn, exact and as many forwards as tokens. Special tokens are never asked for.

use contexture_bulk::{RowError, Source};
use contexture_engine::{Ask, Likelihood, Objective};
use serde::Serialize;

use super::minimal_pairs::Conditioning;
use crate::report::{Figure, Line};
use crate::{Bootstrap, Draws, Estimate, EvaluateError, Setup};

/// Which tokens a masked model is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Masking {
    /// This share of a text's tokens, at least one, together.
    Share(f64),
    /// Every token, one at a time.
    Each,
}

impl Default for Masking {
    fn default() -> Self {
        Self::Share(0.15)
    }
}

/// How surprised a model is.
#[derive(Debug, Clone, Serialize)]
pub struct PerplexityResult {
    /// Texts with at least one token that was asked for.
    pub texts: usize,
    /// Tokens that were asked for.
    pub tokens: usize,
    /// Tokens of all texts, special ones not counted.
    pub tokens_in_all: usize,
    /// exp of the mean negative log-likelihood.
    pub perplexity: Estimate,
    /// The mean negative log-likelihood of a token, in nats.
    pub loss: Estimate,
    /// How the model was asked.
    pub conditioning: Conditioning,
    /// The share that was masked at once; `None` where each token was asked for by itself.
    pub masked_share: Option<f64>,
    /// Texts that were cut at the model's limit.
    pub truncated: usize,
    /// Tokens that were cut away.
    pub tokens_cut: usize,
}

impl PerplexityResult {
    /// As a row of a report.
    pub fn line(&self, data: impl Into<String>) -> Line {
        let name = match self.conditioning {
            Conditioning::Causal => "perplexity",
            Conditioning::Masked => "pseudo-perplexity",
        };
        let figures = vec![
            Figure::plain(name, self.perplexity),
            Figure::plain("loss (nats)", self.loss),
            Figure::count("tokens asked", self.tokens),
            Figure::count("tokens", self.tokens_in_all),
            Figure::count("tokens cut", self.tokens_cut),
        ];
        Line::new(data, self.texts, figures)
    }
}

/// Texts that are scored together: bounds memory.
const GROUP: usize = 256;

/// Sums of one text.
#[derive(Clone, Copy)]
struct Sum {
    loss: f64,
    tokens: usize,
}

/// Perplexity over texts.
///
/// # Errors
/// A text that cannot be read, no token at all, a share outside 0 to 1, or the model's.
pub fn perplexity(
    model: &Likelihood<'_>,
    texts: impl Iterator<Item = Result<String, EvaluateError>>,
    masking: Masking,
    setup: &Setup<'_>,
) -> Result<PerplexityResult, EvaluateError> {
    if let Masking::Share(share) = masking
        && !(share > 0.0 && share <= 1.0)
    {
        let (found, expected) = (share.to_string(), "a share above 0, at most 1".to_owned());
        return Err(EvaluateError::Setting { setting: "mask", found, expected });
    }
    let mut run = Run { model, masking, seed: setup.bootstrap.seed, found: Vec::new(), number: 0 };
    let mut counts = Counts::default();
    let mut group = Vec::with_capacity(GROUP);
    let mut texts = texts;
    loop {
        let text = texts.next().transpose()?;
        let ended = text.is_none();
        group.extend(text);
        if group.len() == GROUP || ended {
            run.score(&group, &mut counts)?;
            setup.say("scoring", run.number, 0);
            group.clear();
        }
        if ended {
            break;
        }
    }
    run.result(counts, &setup.bootstrap)
}

/// The texts of a source, for [`perplexity`].
pub fn texts(source: Source) -> impl Iterator<Item = Result<String, EvaluateError>> {
    source.map(|item: Result<_, RowError>| Ok(item?.text))
}

#[derive(Default)]
struct Counts {
    tokens: usize,
    truncated: usize,
    cut: usize,
}

struct Run<'r, 'm> {
    model: &'r Likelihood<'m>,
    masking: Masking,
    seed: u64,
    found: Vec<Sum>,
    number: usize,
}

impl Run<'_, '_> {
    fn score(&mut self, texts: &[String], counts: &mut Counts) -> Result<(), EvaluateError> {
        let sequences =
            texts.iter().map(|text| self.model.sequence(text)).collect::<Result<Vec<_>, _>>()?;
        let mut owners = Vec::new();
        let mut asks = Vec::new();
        for (at, sequence) in sequences.iter().enumerate() {
            counts.tokens += sequence.spans.iter().flatten().count();
            counts.truncated += usize::from(sequence.truncated);
            counts.cut += sequence.tokens - sequence.ids.len();
            let places = self.model.places(sequence);
            let parts = match (self.model.objective(), self.masking) {
                (Objective::Causal, _) => vec![places],
                (_, Masking::Each) => places.chunks(1).map(<[usize]>::to_vec).collect(),
                (_, Masking::Share(share)) => {
                    vec![draw(places, share, self.seed, (self.number + at) as u64)]
                }
            };
            for positions in parts.into_iter().filter(|positions| !positions.is_empty()) {
                owners.push(at);
                asks.push(Ask { sequence, positions });
            }
        }
        let mut sums = vec![Sum { loss: 0.0, tokens: 0 }; texts.len()];
        for (owner, found) in owners.into_iter().zip(self.model.log_probabilities(&asks)?) {
            sums[owner].loss -= found.iter().sum::<f64>();
            sums[owner].tokens += found.len();
        }
        self.found.extend(sums.into_iter().filter(|sum| sum.tokens > 0));
        self.number += texts.len();
        Ok(())
    }

    fn result(
        &self,
        counts: Counts,
        bootstrap: &Bootstrap,
    ) -> Result<PerplexityResult, EvaluateError> {
        if self.found.is_empty() {
            let file = "the texts".to_owned();
            return Err(EvaluateError::Empty { file, expected: "tokens to ask for" });
        }
        let mean = |items: &[usize]| {
            let loss: f64 = items.iter().map(|at| self.found[*at].loss).sum();
            loss / items.iter().map(|at| self.found[*at].tokens).sum::<usize>() as f64
        };
        let conditioning: Conditioning = self.model.objective().into();
        let masked = conditioning == Conditioning::Masked;
        Ok(PerplexityResult {
            texts: self.found.len(),
            tokens: self.found.iter().map(|sum| sum.tokens).sum(),
            tokens_in_all: counts.tokens,
            perplexity: bootstrap.estimate(self.found.len(), |items| mean(items).exp()),
            loss: bootstrap.estimate(self.found.len(), mean),
            conditioning,
            masked_share: match self.masking {
                Masking::Share(share) if masked => Some(share),
                _ => None,
            },
            truncated: counts.truncated,
            tokens_cut: counts.cut,
        })
    }
}

/// A share of the places, rounded, at least one, rising; by the seed and the text's number alone.
fn draw(mut places: Vec<usize>, share: f64, seed: u64, text: u64) -> Vec<usize> {
    if places.is_empty() {
        return places;
    }
    let count = ((places.len() as f64 * share).round() as usize).clamp(1, places.len());
    let mut draws = Draws::new(Draws::new(seed ^ Draws::new(text).bits()).bits());
    for at in 0..count {
        let other = at + draws.below(places.len() - at);
        places.swap(at, other);
    }
    places.truncate(count);
    places.sort_unstable();
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_drawn_by_seed_and_text() {
        let places = || (1..41).collect::<Vec<usize>>();
        let drawn = draw(places(), 0.15, 1, 0);
        assert_eq!(drawn.len(), 6);
        assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(drawn, draw(places(), 0.15, 1, 0));
        assert_ne!(drawn, draw(places(), 0.15, 2, 0));
        assert_ne!(drawn, draw(places(), 0.15, 1, 1));
        assert_eq!(draw(vec![5], 0.15, 1, 0), [5]);
        assert!(draw(Vec::new(), 0.15, 1, 0).is_empty());
    }

    #[test]
    fn every_place_is_drawn_equally_often() {
        let mut counts = [0; 20];
        for text in 0..4000 {
            draw((0..20).collect(), 0.15, 9, text).into_iter().for_each(|at| counts[at] += 1);
        }
        assert!(counts.iter().all(|count| (480..720).contains(count)), "{counts:?}");
    }
}
