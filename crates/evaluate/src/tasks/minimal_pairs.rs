//! Minimal pairs: does a model find the grammatical one of two sentences more likely?
//! (Linzen et al. 2016; Marvin & Linzen 2018.)
//!
//! A causal model scores a sentence by its log-likelihood, the sum over its tokens. A masked one
//! scores by default the differing words only: the words outside the longest common beginning and
//! end, all of their tokens masked together, their log-probabilities summed (Goldberg 2019 does so
//! for the verb). A word of more tokens than its rival is helped by that the masks tell its length
//! and hurt by that it must be guessed piece by piece: such pairs are counted. With
//! [`Scoring::Sentence`] every token is masked in turn (Salazar et al. 2020). A pair is right where
//! the grammatical score is greater; equal scores, which a bag of words gives to sentences that
//! differ in order only, are wrong, and counted.

use std::path::Path;

use contexture_engine::{Ask, Likelihood, Objective, Sequence};
use serde::Serialize;

use super::cases::{self, CaseResult};
use super::wic::word_spans;
use crate::reading::{Row, Table};
use crate::report::Line;
use crate::{EvaluateError, Setup};

/// A grammatical sentence and its ungrammatical twin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MinimalPair {
    /// The good one.
    pub grammatical: String,
    /// The bad one.
    pub ungrammatical: String,
    /// What is tested.
    pub case: String,
}

/// Which columns hold what; `None`: the usual names.
#[derive(Debug, Clone, Default)]
pub struct MinimalPairColumns {
    /// The good sentence: `grammatical`, `sentence_good`, or, with a verb's place, `sentence`.
    pub grammatical: Option<String>,
    /// The bad one: `ungrammatical`, `sentence_bad`, or, with a verb's place, the form `wrong`.
    pub ungrammatical: Option<String>,
    /// What is tested: `test`, `case`, `n_attractors`, `UID`; without any, all are one case.
    pub case: Option<String>,
}

const CASES: [&str; 4] = ["test", "case", "n_attractors", "uid"];

/// Reads minimal pairs, at most `limit`: a table with both sentences, or one with `sentence`,
/// `verb_index` (from 0, words cut at white space), `correct` and `wrong`.
///
/// # Errors
/// Where the file or a column is not as expected, all pairs' sentences are equal, or a verb does
/// not stand at its place.
pub fn read(
    path: &Path,
    columns: &MinimalPairColumns,
    limit: Option<usize>,
) -> Result<PairFile, EvaluateError> {
    let table = Table::open(path, true, limit)?;
    let by_place = table.column(None, &["verb_index"], 1, "--grammatical").is_ok()
        && columns.grammatical.is_none()
        && columns.ungrammatical.is_none();
    let case = match &columns.case {
        Some(name) => Some(table.column(Some(name), &[], 1, "--case")?),
        None => table.column(None, &CASES, 1, "--case").ok(),
    };
    let case_of = |row: &Row| -> Result<String, EvaluateError> {
        Ok(case.map_or(Ok("all"), |case| table.cell(row, case))?.to_owned())
    };
    if by_place {
        let verb = VerbColumns::of(&table)?;
        let pair = |row: &Row| verb.pair(&table, row, case_of(row)?);
        let all = table.rows().iter().map(pair).collect::<Result<_, EvaluateError>>()?;
        return PairFile::of(all, table.file());
    }
    let usual = ["grammatical", "sentence_good", "good"];
    let good = table.column(columns.grammatical.as_deref(), &usual, 1, "--grammatical")?;
    let usual = ["ungrammatical", "sentence_bad", "bad"];
    let bad = table.column(columns.ungrammatical.as_deref(), &usual, 2, "--ungrammatical")?;
    let pair = |row: &Row| -> Result<MinimalPair, EvaluateError> {
        let grammatical = table.cell(row, good)?.to_owned();
        let ungrammatical = table.cell(row, bad)?.to_owned();
        Ok(MinimalPair { grammatical, ungrammatical, case: case_of(row)? })
    };
    let all = table.rows().iter().map(pair).collect::<Result<_, EvaluateError>>()?;
    PairFile::of(all, table.file())
}

/// The pairs of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairFile {
    /// Pairs whose sentences differ.
    pub pairs: Vec<MinimalPair>,
    /// Rows whose two sentences are the same: left out, since neither can win.
    pub equal: usize,
}

impl PairFile {
    fn of(all: Vec<MinimalPair>, file: &str) -> Result<Self, EvaluateError> {
        let rows = all.len();
        let differ = |pair: &MinimalPair| words(&pair.grammatical) != words(&pair.ungrammatical);
        let pairs: Vec<MinimalPair> = all.into_iter().filter(differ).collect();
        if pairs.is_empty() {
            let expected = "pairs whose sentences differ";
            return Err(EvaluateError::Empty { file: file.to_owned(), expected });
        }
        Ok(Self { equal: rows - pairs.len(), pairs })
    }
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// A sentence with one verb in two forms.
struct VerbColumns {
    sentence: usize,
    place: usize,
    correct: usize,
    wrong: usize,
}

impl VerbColumns {
    fn of(table: &Table) -> Result<Self, EvaluateError> {
        let column = |name: &str| table.column(None, &[name], 1, "--grammatical");
        Ok(Self {
            sentence: column("sentence")?,
            place: column("verb_index")?,
            correct: column("correct")?,
            wrong: column("wrong")?,
        })
    }

    fn pair(&self, table: &Table, row: &Row, case: String) -> Result<MinimalPair, EvaluateError> {
        let expected = "the number, from 0, of the word in `correct`";
        let refused = || table.wrong_cell(row, self.place, expected);
        let sentence = table.cell(row, self.sentence)?;
        let place: usize = table.cell(row, self.place)?.trim().parse().map_err(|_| refused())?;
        let (correct, wrong) = (table.cell(row, self.correct)?, table.cell(row, self.wrong)?);
        let [begin, end] = word_spans(sentence).get(place).copied().ok_or_else(refused)?;
        if &sentence[begin..end] != correct {
            return Err(refused());
        }
        let ungrammatical = format!("{}{wrong}{}", &sentence[..begin], &sentence[end..]);
        Ok(MinimalPair { grammatical: sentence.to_owned(), ungrammatical, case })
    }
}

/// How a masked model scores a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scoring {
    /// The differing words, masked together.
    #[default]
    Words,
    /// All tokens, masked one at a time.
    Sentence,
}

/// What a model was asked, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Conditioning {
    /// Masked words given all others.
    Masked,
    /// Words given those before.
    Causal,
}

impl From<Objective> for Conditioning {
    fn from(objective: Objective) -> Self {
        match objective {
            Objective::Masked => Self::Masked,
            Objective::Causal => Self::Causal,
        }
    }
}

/// How often the grammatical sentence is the likelier one.
#[derive(Debug, Clone, Serialize)]
pub struct MinimalPairsResult {
    /// All pairs.
    pub overall: CaseResult,
    /// Each case, in the order in which they first stand.
    pub cases: Vec<CaseResult>,
    /// The mean of the cases' accuracies.
    pub mean_of_cases: f64,
    /// How the model was asked.
    pub conditioning: Conditioning,
    /// How a masked model scored.
    pub scoring: Scoring,
    /// Pairs whose differing words have unequal numbers of tokens.
    pub unequal_tokens: usize,
    /// Sentences that were cut at the model's limit.
    pub truncated: usize,
}

impl MinimalPairsResult {
    /// As rows of a report: a row a case, then all.
    pub fn lines(&self) -> Vec<Line> {
        cases::lines(&self.cases, &self.overall)
    }
}

/// Pairs that are scored together: bounds memory.
const GROUP: usize = 512;

/// Accuracy on minimal pairs.
///
/// # Errors
/// No pair, or the model's.
pub fn minimal_pairs(
    model: &Likelihood<'_>,
    pairs: &[MinimalPair],
    scoring: Scoring,
    setup: &Setup<'_>,
) -> Result<MinimalPairsResult, EvaluateError> {
    if pairs.is_empty() {
        let file = "the pairs".to_owned();
        return Err(EvaluateError::Empty { file, expected: "minimal pairs" });
    }
    let mut scores = Vec::with_capacity(pairs.len());
    let (mut unequal_tokens, mut truncated) = (0, 0);
    for group in pairs.chunks(GROUP) {
        let mut sequences = Vec::with_capacity(2 * group.len());
        let mut places = Vec::with_capacity(2 * group.len());
        for pair in group {
            let texts = [pair.grammatical.as_str(), pair.ungrammatical.as_str()];
            let [a, b] = differing(texts[0], texts[1]);
            let own = [model.sequence(texts[0])?, model.sequence(texts[1])?];
            let spans = [within(model, &own[0], a), within(model, &own[1], b)];
            unequal_tokens += usize::from(spans[0].len() != spans[1].len());
            truncated += own.iter().filter(|sequence| sequence.truncated).count();
            let whole = scoring == Scoring::Sentence || model.objective() == Objective::Causal;
            places.extend(
                spans.into_iter().zip(&own).map(
                    |(span, sequence)| {
                        if whole { model.places(sequence) } else { span }
                    },
                ),
            );
            sequences.extend(own);
        }
        let sums = sums(model, &sequences, places, scoring)?;
        scores.extend(sums.chunks_exact(2).map(|pair| [pair[0], pair[1]]));
        setup.say("scoring", scores.len(), pairs.len());
    }
    let names = pairs.iter().map(|pair| pair.case.as_str());
    let (cases, overall) = cases::contests(names, &scores, setup);
    Ok(MinimalPairsResult {
        mean_of_cases: cases::mean(&cases),
        overall,
        cases,
        conditioning: model.objective().into(),
        scoring,
        unequal_tokens,
        truncated,
    })
}

/// The bytes of the words that differ: those outside the longest common beginning and end.
fn differing(a: &str, b: &str) -> [[usize; 2]; 2] {
    let (left, right) = (word_spans(a), word_spans(b));
    let word = |text: &str, span: [usize; 2]| text[span[0]..span[1]].to_owned();
    let same = |i: usize, j: usize| word(a, left[i]) == word(b, right[j]);
    let least = left.len().min(right.len());
    let begin = (0..least).take_while(|at| same(*at, *at)).count();
    let from_end = |at: &usize| same(left.len() - 1 - at, right.len() - 1 - at);
    let end = (0..least - begin).take_while(from_end).count();
    let bytes = |spans: &[[usize; 2]]| match &spans[begin..spans.len() - end] {
        [] => [0, 0],
        [only] => *only,
        [first, .., last] => [first[0], last[1]],
    };
    [bytes(&left), bytes(&right)]
}

/// The places whose tokens overlap these bytes.
fn within(model: &Likelihood<'_>, sequence: &Sequence, bytes: [usize; 2]) -> Vec<usize> {
    let overlaps = |span: [usize; 2]| span[0] < bytes[1] && bytes[0] < span[1];
    let places = model.places(sequence);
    places.into_iter().filter(|at| sequence.spans[*at].is_some_and(overlaps)).collect()
}

/// The sum of log-probabilities of each sequence's places.
fn sums(
    model: &Likelihood<'_>,
    sequences: &[Sequence],
    places: Vec<Vec<usize>>,
    scoring: Scoring,
) -> Result<Vec<f64>, EvaluateError> {
    let one_by_one = scoring == Scoring::Sentence && model.objective() == Objective::Masked;
    let mut owners = Vec::new();
    let mut asks = Vec::new();
    for (owner, (sequence, places)) in sequences.iter().zip(places).enumerate() {
        let parts = if one_by_one {
            places.chunks(1).map(<[usize]>::to_vec).collect()
        } else {
            vec![places]
        };
        for positions in parts {
            owners.push(owner);
            asks.push(Ask { sequence, positions });
        }
    }
    let mut sums = vec![0.0; sequences.len()];
    for (owner, found) in owners.into_iter().zip(model.log_probabilities(&asks)?) {
        sums[owner] += found.iter().sum::<f64>();
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts<'t>(a: &'t str, b: &'t str) -> [&'t str; 2] {
        let [x, y] = differing(a, b);
        [&a[x[0]..x[1]], &b[y[0]..y[1]]]
    }

    #[test]
    fn differing_words_lie_between_common_ends() {
        assert_eq!(parts("the dog barks now", "the dog bark now"), ["barks", "bark"]);
        assert_eq!(parts("no author has ever", "the author has ever"), ["no", "the"]);
        assert_eq!(parts("a b c", "a c b"), ["b c", "c b"]);
        assert_eq!(parts("a b", "a b b"), ["", "b"]);
    }

    fn write(content: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pairs.tsv");
        std::fs::write(&path, content).expect("written");
        (folder, path)
    }

    #[test]
    fn a_verb_is_put_in_its_wrong_form() {
        let header = "verb_index\tcorrect\twrong\tn_attractors\tsentence\n";
        let (_folder, path) = write(&format!("{header}2\tis\tare\t1\tthe town is small\n"));
        let pairs = read(&path, &MinimalPairColumns::default(), None).expect("a pair").pairs;
        assert_eq!(pairs[0].ungrammatical, "the town are small");
        assert_eq!(pairs[0].case, "1");
        let (_folder, path) = write(&format!("{header}1\tis\tare\t1\tthe town is small\n"));
        let said =
            read(&path, &MinimalPairColumns::default(), None).expect_err("place").to_string();
        assert!(said.contains("line 2: column `verb_index`"), "{said}");
    }

    #[test]
    fn equal_sentences_are_left_out_and_counted() {
        let columns = MinimalPairColumns::default();
        let (_folder, path) = write("grammatical\tungrammatical\na b\ta  b\na\tb\n");
        let found = read(&path, &columns, None).expect("a pair");
        assert_eq!((found.pairs.len(), found.equal), (1, 1));
        let (_folder, path) = write("grammatical\tungrammatical\na b\ta  b\n");
        let said = read(&path, &columns, None).expect_err("none").to_string();
        assert!(said.contains("expected pairs whose sentences differ, found none"), "{said}");
    }
}
