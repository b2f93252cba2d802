//! Heads and relations: a greedy arc-hybrid parser with a dynamic oracle.
//!
//! A state is a stack, the words not yet read, and the heads found so far. Three moves: Shift reads
//! the next word n0; Left gives the top of the stack s0 the head n0; Right gives s0 the head s1
//! below it; both take s0 off (Kuhlmann et al. 2011). Training follows its own moves and learns,
//! at each state, those that lose no head still to be had (Goldberg & Nivre 2013). Each arc's
//! relation is chosen afterwards. Cost: 2n moves for n words.

use std::path::Path;

use anyhow::Result;

use super::perceptron::{Perceptron, feature};
use super::sentence::{Relation, Tag};
use super::treebank::{Word, treebank};
use crate::normal::{Dice, shuffle};

const EPOCHS: u64 = 6;
const MOVES: usize = 3;
const SHIFT: usize = 0;
const LEFT: usize = 1;
const RIGHT: usize = 2;
const RELATIONS: usize = Relation::ALL.len();

/// A trained parser.
pub(crate) struct Parser {
    moves: Perceptron<MOVES>,
    relations: Perceptron<RELATIONS>,
}

struct State {
    stack: Vec<usize>,
    next: usize,
    heads: Vec<Option<usize>>,
    /// The dependents found so far of each word (and of the root, last), in order of finding.
    left: Vec<Vec<usize>>,
    right: Vec<Vec<usize>>,
}

impl State {
    fn new(words: usize) -> Self {
        Self {
            stack: Vec::new(),
            next: 0,
            heads: vec![None; words],
            left: vec![Vec::new(); words + 1],
            right: vec![Vec::new(); words + 1],
        }
    }

    fn words(&self) -> usize {
        self.heads.len()
    }

    fn done(&self) -> bool {
        self.stack.is_empty() && self.next == self.words()
    }

    fn allows(&self, choice: usize) -> bool {
        match choice {
            SHIFT => self.next < self.words(),
            LEFT => !self.stack.is_empty(),
            _ => self.stack.len() >= 2,
        }
    }

    fn make(&mut self, choice: usize) {
        if choice == SHIFT {
            self.stack.push(self.next);
            self.next += 1;
            return;
        }
        let Some(child) = self.stack.pop() else { return };
        let head = match self.stack.last() {
            Some(below) if choice == RIGHT => *below,
            _ => self.next,
        };
        self.heads[child] = Some(head);
        match child < head {
            true => self.left[head].push(child),
            false => self.right[head].push(child),
        }
    }

    /// The moves after which every head of `gold` that could be found still can.
    fn right_moves(&self, gold: &[usize]) -> Vec<usize> {
        let Some(&top) = self.stack.last() else { return vec![SHIFT] };
        let (next, words) = (self.next, self.words());
        let head = |word: usize| gold.get(word).copied();
        if self.allows(SHIFT) && head(next) == Some(top) {
            return vec![SHIFT];
        }
        if gold[top] == next {
            return vec![LEFT];
        }
        let below = self.stack.len().checked_sub(2).map(|at| self.stack[at]);
        let tied =
            |word: usize, other: usize| head(word) == Some(other) || head(other) == Some(word);
        let mut right: Vec<usize> = (0..MOVES).filter(|choice| self.allows(*choice)).collect();
        if below == Some(gold[top]) {
            right.retain(|choice| *choice != LEFT);
        }
        if self.stack.iter().any(|word| tied(next, *word)) {
            right.retain(|choice| *choice != SHIFT);
        }
        if (next + 1..=words).any(|word| tied(top, word)) {
            right.retain(|choice| *choice != LEFT && *choice != RIGHT);
        }
        right
    }
}

impl Parser {
    /// Trains on the treebank of the data folder; `tags` gives the classes as they will be found.
    pub(crate) fn train(
        data: &Path,
        seed: u64,
        tags: impl Fn(&[&str]) -> Vec<Tag>,
    ) -> Result<Self> {
        let mut sentences = treebank(&data.join("tagging/ud-ewt-train.tsv.gz"))?;
        for sentence in &mut sentences {
            let texts: Vec<&str> = sentence.iter().map(|word| word.text.as_str()).collect();
            let found = tags(&texts);
            sentence.iter_mut().zip(found).for_each(|(word, tag)| word.tag = tag);
        }
        let mut parser = Self { moves: Perceptron::new(), relations: Perceptron::new() };
        for epoch in 0..EPOCHS {
            shuffle(seed + epoch, &mut sentences, |sentence| format!("{sentence:?}"));
            for sentence in &sentences {
                parser.learn(sentence, epoch, seed);
            }
        }
        parser.moves.average();
        parser.relations.average();
        Ok(parser)
    }

    /// The head of each word (the number of words for the root) and its relation.
    pub(crate) fn parse(&self, words: &[(&str, Tag)]) -> Vec<(usize, Relation)> {
        let mut state = State::new(words.len());
        while !state.done() {
            let choice =
                self.moves.best(&move_features(words, &state), |choice| state.allows(choice));
            state.make(choice);
        }
        let heads: Vec<usize> =
            state.heads.iter().map(|head| head.unwrap_or(words.len())).collect();
        let relation = |child: usize| {
            let features = arc_features(words, child, heads[child]);
            Relation::ALL[self.relations.best(&features, |_| true)]
        };
        (0..words.len()).map(|child| (heads[child], relation(child))).collect()
    }

    fn learn(&mut self, sentence: &[Word], epoch: u64, seed: u64) {
        let words: Vec<(&str, Tag)> = sentence.iter().map(|w| (w.text.as_str(), w.tag)).collect();
        let gold: Vec<usize> = sentence.iter().map(|word| word.head).collect();
        let text = words.iter().map(|word| word.0).collect::<Vec<_>>().join(" ");
        let dice = Dice::new(seed + epoch, &text);
        // After the first pass, most sentences are parsed along the parser's own moves, right or
        // wrong, as they will be in use.
        let explores = epoch > 0 && dice.below("explore", 10) > 0;
        let mut state = State::new(words.len());
        while !state.done() {
            let features = move_features(&words, &state);
            let found = self.moves.best(&features, |choice| state.allows(choice));
            let right = state.right_moves(&gold);
            // No move keeps all heads where arcs cross: nothing is learned there.
            let Some(best) = right.iter().copied().max_by(|a, b| {
                let scores = self.moves.scores(&features);
                scores[*a].total_cmp(&scores[*b])
            }) else {
                state.make(found);
                continue;
            };
            let correct = if right.contains(&found) { found } else { best };
            self.moves.learn(&features, correct, found);
            state.make(if explores { found } else { correct });
        }
        for (child, word) in sentence.iter().enumerate() {
            let features = arc_features(&words, child, word.head);
            let found = self.relations.best(&features, |_| true);
            self.relations.learn(&features, word.relation as usize, found);
        }
    }
}

/// A word and its class, at a place that may be none.
fn at<'a>(words: &[(&'a str, Tag)], place: Option<usize>) -> (&'a str, &'static str) {
    match place {
        None => ("", ""),
        Some(place) if place == words.len() => ("ROOT", "ROOT"),
        Some(place) => words.get(place).map_or(("", ""), |(word, tag)| (*word, tag.name())),
    }
}

/// The words near a state's top and next word: each with its class, and counts as text.
struct Around<'a> {
    stack: [(&'a str, &'static str); 3],
    next: [(&'a str, &'static str); 3],
    /// The last two dependents found: left of the next word, left and right of the top.
    dependents: [[(&'a str, &'static str); 2]; 3],
    /// How many dependents the top has left and right and the next word left, and how far it is
    /// from the one to the other.
    counts: [String; 4],
}

impl<'a> Around<'a> {
    fn of(words: &[(&'a str, Tag)], state: &State) -> Self {
        let depth = |below: usize| {
            let place = state.stack.len().checked_sub(below + 1);
            place.map(|place| state.stack[place])
        };
        let ahead = |by: usize| Some(state.next + by).filter(|place| *place <= words.len());
        let (top, next) = (depth(0), ahead(0));
        let lists = [
            next.map(|word| &state.left[word]),
            top.map(|word| &state.left[word]),
            top.map(|word| &state.right[word]),
        ];
        let last = |list: Option<&Vec<usize>>, back: usize| {
            list.and_then(|list| list.len().checked_sub(back + 1).map(|place| list[place]))
        };
        let count = |list: Option<&Vec<usize>>| list.map_or(0, |list| list.len().min(5));
        let far = top.map_or(0, |top| (state.next - top).min(6));
        Self {
            stack: [0, 1, 2].map(|below| at(words, depth(below))),
            next: [0, 1, 2].map(|by| at(words, ahead(by))),
            dependents: lists.map(|list| [0, 1].map(|back| at(words, last(list, back)))),
            counts: [count(lists[1]), count(lists[2]), count(lists[0]), far].map(|n| n.to_string()),
        }
    }
}

/// What a move may depend on (Zhang & Nivre 2011, table 1, without relations).
fn move_features(words: &[(&str, Tag)], state: &State) -> Vec<u64> {
    let around = Around::of(words, state);
    let [(ws0, ts0), (ws1, ts1), (_, ts2)] = around.stack;
    let [(wn0, tn0), (wn1, tn1), (_, tn2)] = around.next;
    let [[(wl, tl), (_, tl2)], [(wf, tf), (_, tf2)], [(wr, tr), (_, tr2)]] = around.dependents;
    let [vl, vr, vn, far] = around.counts.each_ref().map(String::as_str);
    #[rustfmt::skip]
    let lists: [&[&str]; 44] = [
        &[], &[ws0], &[ts0], &[ws0, ts0], &[ws1], &[ts1], &[ws1, ts1], &[wn0], &[tn0], &[wn0, tn0],
        &[wn1], &[tn1], &[wn1, tn1], &[ts2], &[tn2], &[ws0, wn0], &[ws0, ts0, tn0],
        &[ts0, wn0, tn0], &[ts0, tn0], &[ws0, tn0], &[tn0, tn1, ts0], &[tn0, tn1, tn2],
        &[ts0, ts1, tn0], &[ts0, ts1, ts2], &[ws1, wn0], &[ts1, ws0], &[ws1, ws0], &[ts1, ts0],
        &[ts0, tr, tn0], &[ts0, tf, tn0], &[ts0, tn0, tl], &[ts0, tr, tr2], &[ts0, tf, tf2],
        &[tn0, tl, tl2], &[wl, tn0, ts0], &[wf, ts0, tn0], &[wr, ts0, tn0], &[ws0, vr], &[ts0, vl, vr],
        &[wn0, vn], &[ts0, tn0, far], &[ws0, wn0, far], &[ts1, ts0, tn0, tl], &[ws0, tn0, tn1],
    ];
    lists.iter().enumerate().map(|(kind, parts)| feature(100 + kind, parts)).collect()
}

/// What the relation of a word to its head may depend on.
fn arc_features(words: &[(&str, Tag)], child: usize, head: usize) -> Vec<u64> {
    let near = |place: usize, offset: isize| {
        at(words, place.checked_add_signed(offset).filter(|p| *p < words.len()))
    };
    let (wc, tc) = at(words, Some(child));
    let (wh, th) = at(words, Some(head));
    let (wb, tb) = near(child, -1);
    let (wa, ta) = near(child, 1);
    let (whb, thb) = near(head, -1);
    let (wb2, _) = near(child, -2);
    let side = if child < head { "<" } else { ">" };
    let far = child.abs_diff(head).min(5).to_string();
    let far = far.as_str();
    let end = |word: &str| word.chars().rev().take(3).collect::<String>();
    let (ec, eh) = (end(wc), end(wh));
    let (ec, eh) = (ec.as_str(), eh.as_str());
    #[rustfmt::skip]
    let lists: [&[&str]; 24] = [
        &[side], &[wc, side], &[tc, side], &[wh, side], &[th, side], &[wc, wh], &[tc, th, side],
        &[wc, th, side], &[tc, wh, side], &[tc, th, side, far], &[tb, tc, th, side],
        &[tc, ta, th, side], &[wb, tc, th, side], &[wa, tc, side], &[tc, thb, th, side],
        &[whb, th, tc, side], &[ec, tc, th, side], &[eh, tc, th, side], &[wb2, wb, tc, side],
        &[wc, far, side], &[wb, wc], &[wc, wa], &[tb, tc, ta, side], &[whb, eh, tc, side],
    ];
    lists.iter().enumerate().map(|(kind, parts)| feature(200 + kind, parts)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_moves_alone_find_every_head() {
        // "she gave him the book .": gave is the root.
        let gold = [1, 6, 1, 4, 1, 1];
        let mut state = State::new(gold.len());
        while !state.done() {
            let right = state.right_moves(&gold);
            assert!(!right.is_empty());
            state.make(right[0]);
        }
        let heads: Vec<usize> = state.heads.iter().map(|head| head.unwrap()).collect();
        assert_eq!(heads, gold);
    }
}
