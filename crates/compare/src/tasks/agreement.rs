//! Agreement (Linzen et al. 2016; Marvin & Linzen 2018): does a model expect the verb in the form
//! that its subject calls for?
//!
//! The two forms are compared at the verb's place, given what the model's objective lets it see
//! there: a causal model the words before it and nothing else, a masked model (and any other with
//! two directions) the words on both sides, the verb hidden. The score of a form is the sum of the
//! log-probabilities of its tokens, masked together; the item is right where the correct form
//! scores higher, and equal scores are wrong. Figures hold items whose two forms have equally many
//! tokens (as Goldberg 2019, who takes forms of one token): "like" always comes before "like" +
//! "s" for a causal model, and for a masked one the number of masks gives the form away. The
//! others stand apart in the split `tokens`, a causal model's being scored to the sentence's end,
//! which makes the comparison fair to it. Items whose forms are the same to the tokenizer cannot
//! be told apart, and those whose verb lies behind the model's limit cannot be asked for: both are
//! left out and counted.
//!
//! Figures go by the number of attractors (nouns of the other number between subject and verb),
//! by the words before the verb, by construction, and by the distance from the subject, which
//! [`super::templates`] knows for each construction; coordinated verbs and reflexives are left out
//! of the last.

use std::path::Path;

use contexture_engine::{Ask, EngineError, Likelihood, Objective, Sequence};
use contexture_evaluate::reading::Table;

use super::measure::{TaskContext, spread};
use super::sentences::{differing_word, with_word, word_spans};
use super::templates::{Asked, Template};
use super::{AgreementSettings, ItemGroup, TaskItems};
use crate::CompareError;

/// A sentence with one verb in two forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// The sentence with its verb in the right form, and in the wrong one.
    pub sentences: [String; 2],
    /// The verb's place, in words from 0.
    pub verb: usize,
    /// Nouns of the other number between subject and verb.
    pub attractors: Option<usize>,
    /// The construction.
    pub test: Option<String>,
}

impl Item {
    /// Words from the subject to the verb, 1 where they touch; for verbs of known templates.
    pub(super) fn distance(&self) -> Option<usize> {
        let template = Template::of(self.test.as_deref()?)?;
        let subject = template.subject_at(self.verb)?;
        (template.asked == Asked::Verb).then_some(self.verb - subject)
    }
}

/// Reads at most `rows` items (0: all), taken evenly over the file.
///
/// # Errors
/// A file that is no such table; a verb that does not stand at its place.
pub(super) fn read(path: &Path, rows: usize) -> Result<Vec<Item>, CompareError> {
    let table = Table::open(path, true, None)?;
    let column = |name: &str| table.column(None, &[name], 1, "the file's first line");
    let picked = spread(table.rows().len(), rows).map(|at| &table.rows()[at]);
    let row_error = |line: usize, expected: &str, found: &str| CompareError::Row {
        place: format!("{}: line {line}", path.display()),
        expected: expected.to_owned(),
        found: format!("`{found}`"),
    };
    if column("verb_index").is_err() {
        let (good, bad) = (column("grammatical")?, column("ungrammatical")?);
        let test = column("test").ok();
        return picked
            .map(|row| {
                let sentences = [table.cell(row, good)?, table.cell(row, bad)?].map(str::to_owned);
                let expected = "two sentences that differ in one word";
                let verb = differing_word(&sentences[0], &sentences[1])
                    .ok_or_else(|| row_error(row.line, expected, &sentences.join(" / ")))?;
                let test = test.map(|test| table.cell(row, test)).transpose()?;
                Ok(Item { sentences, verb, attractors: None, test: test.map(str::to_owned) })
            })
            .collect();
    }
    let [sentence, place] = [column("sentence")?, column("verb_index")?];
    let [correct, wrong] = [column("correct")?, column("wrong")?];
    let attractors = column("n_attractors").ok();
    picked
        .map(|row| {
            let text = table.cell(row, sentence)?;
            let number = |column: usize| {
                let cell = table.cell(row, column)?.trim();
                let refused = |_| row_error(row.line, "a whole number, 0 or more", cell);
                cell.parse::<usize>().map_err(refused)
            };
            let (verb, form) = (number(place)?, table.cell(row, correct)?);
            let there = word_spans(text).get(verb).is_some_and(|[a, b]| &text[*a..*b] == form);
            let ungrammatical = with_word(text, verb, table.cell(row, wrong)?).filter(|_| there);
            let Some(ungrammatical) = ungrammatical else {
                return Err(row_error(row.line, "the word in `correct` at `verb_index`", form));
            };
            let sentences = [text.to_owned(), ungrammatical];
            let attractors = attractors.map(number).transpose()?;
            Ok(Item { sentences, verb, attractors, test: None })
        })
        .collect()
}

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Outcome {
    /// Whether the right form scored higher; whether the forms have equally many tokens.
    Judged { right: bool, equal: bool, tied: bool },
    /// Both forms are the same tokens.
    Same,
    /// The verb lies behind the model's limit.
    Cut,
}

/// Items that are scored together: bounds memory.
const TOGETHER: usize = 512;

/// Scores every item.
///
/// # Errors
/// The file's, the model's.
pub(super) fn measure(
    settings: &AgreementSettings,
    folder: &Path,
    context: &TaskContext,
) -> Result<TaskItems, CompareError> {
    let items = read(&settings.file, settings.rows)?;
    let model = match Likelihood::open_folder(folder, &context.open()) {
        Ok(model) => model,
        // A model that was trained without one cannot be asked; the others can.
        Err(EngineError::NoLanguageHead { .. } | EngineError::NoMask { .. }) => {
            let note = "not asked: it has no language head that says how likely a word is";
            return Ok(TaskItems { notes: vec![note.to_owned()], ..TaskItems::default() });
        }
        Err(error) => return Err(error.into()),
    };
    let mut outcomes = Vec::with_capacity(items.len());
    for group in items.chunks(TOGETHER) {
        outcomes.extend(judge(&model, group)?);
    }
    let notes = notes(&items, &outcomes, model.objective());
    Ok(TaskItems { task: String::new(), groups: groups(&items, &outcomes), notes })
}

/// One form, ready to be asked for.
struct Form {
    sequence: Sequence,
    places: Vec<usize>,
}

impl Form {
    /// The form of the word at `verb`; `None` where it lies in a cut tail.
    fn of(model: &Likelihood<'_>, text: &str, verb: usize) -> Result<Option<Self>, EngineError> {
        let sequence = model.sequence(text)?;
        let [begin, end] = word_spans(text)[verb];
        let overlaps = |[from, to]: [usize; 2]| from < end && begin < to;
        let mut places = model.places(&sequence);
        places.retain(|at| sequence.spans[*at].is_some_and(overlaps));
        Ok((!places.is_empty()).then_some(Self { sequence, places }))
    }

    fn ids(&self) -> Vec<u32> {
        self.places.iter().map(|at| self.sequence.ids[*at]).collect()
    }

    /// What comes after the form is nothing to a causal model: it need not be computed.
    fn cut_behind(&mut self) {
        let end = self.places.last().map_or(0, |last| last + 1);
        self.sequence.ids.truncate(end);
        self.sequence.spans.truncate(end);
        self.sequence.type_ids.truncate(end);
    }

    /// All places from the form on.
    fn extend_to_the_end(&mut self, model: &Likelihood<'_>) {
        let first = self.places[0];
        self.places = model.places(&self.sequence);
        self.places.retain(|at| *at >= first);
    }
}

fn judge(model: &Likelihood<'_>, items: &[Item]) -> Result<Vec<Outcome>, CompareError> {
    let causal = model.objective() == Objective::Causal;
    let mut forms: Vec<Form> = Vec::with_capacity(2 * items.len());
    // Each item's place among the forms, and whether these have equally many tokens.
    let mut asked: Vec<Result<(usize, bool), Outcome>> = Vec::with_capacity(items.len());
    for item in items {
        let [right, wrong] = &item.sentences;
        let pair = [Form::of(model, right, item.verb)?, Form::of(model, wrong, item.verb)?];
        let [Some(mut right), Some(mut wrong)] = pair else {
            asked.push(Err(Outcome::Cut));
            continue;
        };
        if right.ids() == wrong.ids() {
            asked.push(Err(Outcome::Same));
            continue;
        }
        let equal = right.places.len() == wrong.places.len();
        for form in [&mut right, &mut wrong] {
            match (causal, equal) {
                (true, true) => form.cut_behind(),
                (true, false) => form.extend_to_the_end(model),
                (false, _) => {}
            }
        }
        asked.push(Ok((forms.len(), equal)));
        forms.extend([right, wrong]);
    }
    let ask = |form: &'_ Form| -> Vec<usize> { form.places.clone() };
    let asks: Vec<Ask<'_>> =
        forms.iter().map(|form| Ask { sequence: &form.sequence, positions: ask(form) }).collect();
    let found = model.log_probabilities(&asks)?;
    let score = |at: usize| found[at].iter().sum::<f64>();
    let outcome = |asked: Result<(usize, bool), Outcome>| match asked {
        Err(outcome) => outcome,
        Ok((at, equal)) => {
            let [right, wrong] = [score(at), score(at + 1)];
            Outcome::Judged { right: right > wrong, equal, tied: right == wrong }
        }
    };
    Ok(asked.into_iter().map(outcome).collect())
}

/// Words before the verb, in parts of some hundred items each.
const BEFORE: [(usize, &str); 6] =
    [(2, "0-2"), (4, "3-4"), (6, "5-6"), (9, "7-9"), (14, "10-14"), (usize::MAX, "15+")];
/// Distances from the subject; of those in between there is no item.
const DISTANCES: [(usize, &str); 5] =
    [(1, "1"), (4, "2-4"), (5, "5"), (6, "6"), (usize::MAX, "7+")];

fn bin(value: usize, bins: &[(usize, &'static str)]) -> &'static str {
    bins.iter().find(|(most, _)| value <= *most).map_or("", |(_, name)| name)
}

fn groups(items: &[Item], outcomes: &[Outcome]) -> Vec<ItemGroup> {
    let mut all: Vec<ItemGroup> = Vec::new();
    let mut add = |split: &str, name: &str, at: usize, right: bool| {
        let found = all.iter().position(|group| group.split == split && group.bin == name);
        let place = found.unwrap_or_else(|| {
            all.push(ItemGroup::new(split, name, Some(0.5)));
            all.len() - 1
        });
        all[place].push(at, f64::from(u8::from(right)));
    };
    for (at, (item, outcome)) in items.iter().zip(outcomes).enumerate() {
        let Outcome::Judged { right, equal, .. } = *outcome else { continue };
        add("tokens", if equal { "equal" } else { "unequal" }, at, right);
        if !equal {
            continue;
        }
        add("", "", at, right);
        if let Some(count) = item.attractors {
            add("attractors", &if count < 4 { count.to_string() } else { "4+".into() }, at, right);
            add("words before the verb", bin(item.verb, &BEFORE), at, right);
        }
        if let Some(distance) = item.distance() {
            add("distance", bin(distance, &DISTANCES), at, right);
        }
        if let Some(test) = &item.test {
            add("construction", test, at, right);
        }
    }
    let order = ["", "attractors", "distance", "construction", "words before the verb", "tokens"];
    let rank = |group: &ItemGroup| {
        let split = order.iter().position(|split| *split == group.split).unwrap_or(order.len());
        let among = |bins: &[(usize, &str)]| bins.iter().position(|bin| bin.1 == group.bin);
        let bin = match group.split.as_str() {
            "distance" => among(&DISTANCES),
            "words before the verb" => among(&BEFORE),
            "attractors" => group.bin.trim_end_matches('+').parse().ok(),
            _ => None,
        };
        (split, bin.unwrap_or(0))
    };
    all.sort_by_key(rank);
    all
}

fn notes(items: &[Item], outcomes: &[Outcome], objective: Objective) -> Vec<String> {
    let seen = match objective {
        Objective::Causal => "the words before the verb",
        _ => "the words on both sides of the verb",
    };
    let mut notes = vec![format!("of {} items, asked given {seen}", items.len())];
    let [mut unequal, mut same, mut cut, mut ties] = [0usize; 4];
    for outcome in outcomes {
        match outcome {
            Outcome::Same => same += 1,
            Outcome::Cut => cut += 1,
            Outcome::Judged { equal, tied, .. } => {
                unequal += usize::from(!equal);
                ties += usize::from(*tied);
            }
        }
    }
    let parts = [
        (unequal, "stand in the split `tokens` alone: their forms have unequal numbers of tokens"),
        (same, "are left out: their forms are the same tokens"),
        (cut, "are left out: their verb lies behind the model's limit"),
        (ties, "are ties, counted as wrong"),
    ];
    let some = parts.into_iter().filter(|(count, _)| *count > 0);
    notes.extend(some.map(|(count, what)| format!("{count} {what}")));
    notes
}
