//! Search for the likeliest outputs: greedy, or by beams (Sutskever et al. 2014, section 3.2; scores by
//! length: Wu et al. 2016, eq. 14 without its constant).
//!
//! ```text
//! score = sum of log p(token | tokens before it, text) / n^penalty      n tokens, the end among them
//! ```
//!
//! A step keeps the `beam` likeliest continuations of a text. One that ends is put aside, and the next
//! likeliest takes its place; a text is done when as many have ended as the beam is wide, or at its
//! longest, where what has not ended is cut. An output has a token at least: the end cannot come first,
//! and the probability of the first token is shared by the others. Texts do not see each other: a
//! text's outputs are the same in any company.

use std::borrow::Cow;

use contexture_kernels::Pool;
use contexture_kernels::best::{Likely, likeliest};
use contexture_nn::{Segments, Session, Value};

use super::{Decoder, DecoderState};
use crate::ModelError;

/// A logit that leaves no probability.
const NEVER: f32 = -1e9;

/// How to search.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// Continuations that are followed; 1: greedy.
    pub beam: usize,
    /// The exponent of the length by which scores are divided; 0: sums as they are.
    pub length_penalty: f32,
    /// Outputs of a text that are returned, at most the beam.
    pub best: usize,
}

impl Default for Search {
    fn default() -> Self {
        Self { beam: 1, length_penalty: 1.0, best: 1 }
    }
}

/// An output that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Its tokens, without the start and the end.
    pub ids: Vec<u32>,
    /// The log-probability of each token, the end's last where it has one.
    pub log_probabilities: Vec<f32>,
    /// Their sum over the length, by the penalty.
    pub score: f32,
    /// Whether it came to its end; else it was as long as it may be.
    pub ended: bool,
}

/// A text's outputs that are being followed, and those that ended.
struct Text {
    number: usize,
    longest: usize,
    open: Vec<Open>,
    ended: Vec<Output>,
}

/// An output so far.
#[derive(Clone, Default)]
struct Open {
    ids: Vec<u32>,
    log_probabilities: Vec<f32>,
    sum: f32,
}

/// A continuation: of which output, by which token.
struct Candidate {
    parent: usize,
    likely: Likely,
    sum: f32,
}

impl Decoder {
    /// The best outputs for each of `texts`, sequences of the encoder's rows `memory`; at most
    /// `longest` tokens each, the end not counted. Likeliest first.
    ///
    /// # Errors
    /// Outputs longer than the decoder can take.
    pub fn search(
        &self,
        s: &mut Session,
        pool: &Pool,
        (memory, texts): (&Value, &Segments),
        longest: &[usize],
        search: &Search,
    ) -> Result<Vec<Vec<Output>>, ModelError> {
        assert_eq!(longest.len(), texts.len(), "longest outputs against texts");
        let mut found = vec![Vec::new(); texts.len()];
        let mut state = self.begin(s, memory, texts);
        let most = self.longest();
        let mut open: Vec<Text> = (0..texts.len())
            .map(|number| Text {
                number,
                longest: longest[number].min(most),
                open: vec![Open::default()],
                ended: Vec::new(),
            })
            .collect();
        let mut ids = vec![self.settings().start; texts.len()];
        while !open.is_empty() {
            let rows = self.step(s, &ids, &mut state)?;
            let logits = self.logits(s, &rows);
            let classes = logits.rows().width();
            let mut z = Cow::from(logits.rows().as_slice());
            if state.place() == 1 {
                // An output has a token at least: the end has no share of the first one's probability.
                let ends = z.to_mut().iter_mut().skip(self.settings().end as usize);
                ends.step_by(classes).for_each(|logit| *logit = NEVER);
            }
            // An output that ends must leave another one to follow.
            let count = if search.beam == 1 { 1 } else { 2 * search.beam };
            let likely = likeliest(pool, classes, &z, &self.settings().never, count);
            ids = self.follow(&mut open, &likely, &mut state, search, &mut found);
        }
        Ok(found)
    }

    /// Takes a step of every text; the tokens of the outputs that are followed on.
    fn follow(
        &self,
        open: &mut Vec<Text>,
        likely: &[Vec<Likely>],
        state: &mut DecoderState,
        search: &Search,
        found: &mut [Vec<Output>],
    ) -> Vec<u32> {
        let (mut ids, mut parents) = (Vec::new(), Vec::new());
        let (mut texts, mut outputs) = (Vec::new(), Vec::new());
        let mut first = 0;
        let place = state.place();
        let mut left = Vec::with_capacity(open.len());
        for (index, mut text) in std::mem::take(open).into_iter().enumerate() {
            let rows = first..first + text.open.len();
            let candidates = candidates(&text, &likely[rows.clone()], search.beam);
            let parents_of = self.advance(&mut text, candidates, place, search);
            let done = text.open.is_empty() || text.ended.len() >= search.beam;
            if done {
                found[text.number] = best(text.ended, search);
            } else {
                parents.extend(parents_of.iter().map(|parent| rows.start + parent));
                ids.extend(text.open.iter().map(|open| open.ids[open.ids.len() - 1]));
                texts.push(index);
                outputs.push(text.open.len());
                left.push(text);
            }
            first = rows.end;
        }
        *open = left;
        state.follow(&parents, &texts, outputs);
        ids
    }

    /// Puts aside what ends and goes on with the rest; whose continuation each one is. Where there is
    /// no room for another token, what does not end is put aside as it is.
    fn advance(
        &self,
        text: &mut Text,
        candidates: Vec<Candidate>,
        place: usize,
        search: &Search,
    ) -> Vec<usize> {
        let end = self.settings().end;
        let last = place > text.longest;
        let (mut open, mut parents) = (Vec::new(), Vec::new());
        let mut closed = vec![false; text.open.len()];
        for (rank, candidate) in candidates.into_iter().enumerate() {
            let ends = candidate.likely.class == end;
            // What ends behind the beam's width is no better than what is followed.
            if open.len() == search.beam || ends && rank >= search.beam || last && !ends {
                continue;
            }
            let mut next = text.open[candidate.parent].clone();
            next.log_probabilities.push(candidate.likely.log_probability);
            next.sum = candidate.sum;
            if ends {
                closed[candidate.parent] = true;
                text.ended.push(next.close(true, search.length_penalty));
            } else {
                next.ids.push(candidate.likely.class);
                open.push(next);
                parents.push(candidate.parent);
            }
        }
        let open = std::mem::replace(&mut text.open, open);
        let cut = open.into_iter().zip(closed).filter(|(_, closed)| last && !closed);
        text.ended.extend(cut.map(|(open, _)| open.close(false, search.length_penalty)));
        parents
    }
}

/// The likeliest continuations of all of a text's outputs, likeliest first.
fn candidates(text: &Text, likely: &[Vec<Likely>], beam: usize) -> Vec<Candidate> {
    let of = |(parent, (open, likely)): (usize, (&Open, &Vec<Likely>))| {
        let sum = open.sum;
        let candidate = move |likely: &Likely| Candidate {
            parent,
            likely: *likely,
            sum: sum + likely.log_probability,
        };
        likely.iter().map(candidate).collect::<Vec<_>>()
    };
    let mut all: Vec<Candidate> = text.open.iter().zip(likely).enumerate().flat_map(of).collect();
    // Stable: of equals the first output's first token.
    all.sort_by(|a, b| b.sum.total_cmp(&a.sum));
    all.truncate(if beam == 1 { 1 } else { 2 * beam });
    all
}

impl Open {
    fn close(self, ended: bool, penalty: f32) -> Output {
        let Self { ids, log_probabilities, sum } = self;
        let length = log_probabilities.len().max(1) as f32;
        Output { ids, log_probabilities, score: sum / length.powf(penalty), ended }
    }
}

fn best(mut ended: Vec<Output>, search: &Search) -> Vec<Output> {
    ended.sort_by(|a, b| b.score.total_cmp(&a.score));
    ended.truncate(search.best);
    ended
}
