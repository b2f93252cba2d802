//! Figures of tasks, with intervals over items and seeds.
//!
//! A figure is the mean over a model's runs of the (weighted) mean over items. Its 95 % interval
//! is the percentile bootstrap over both: each of 1,000 resamples draws as many runs as there are,
//! with replacement, and, once for all of them, as many items as there are (Owen 2007: the items
//! are the same for every run, so that rows and columns are drawn, not each cell). With one run
//! items alone are drawn. The difference of two models is drawn in the same way, items once for
//! both: pairs of answers to one item are compared, and two intervals that overlap may well differ
//! surely. All draws follow from the place in the report, so that the same results give the same
//! intervals.

use std::collections::BTreeMap;

use contexture_evaluate::Draws;

use super::{ItemGroup, RunItems};
use crate::report::{TaskEstimate, TaskFigure};

/// Resamples of an interval.
const RESAMPLES: usize = 1000;

/// The figures of every task, split, part and model over all runs, and the differences of every
/// two models, in the order in which they first stand. What is not defined is left out.
pub fn figures(runs: &[RunItems]) -> Vec<TaskFigure> {
    let mut parts: Vec<(&str, &str, &str)> = Vec::new();
    let mut models: Vec<&str> = Vec::new();
    for run in runs {
        if !models.contains(&run.model.as_str()) {
            models.push(&run.model);
        }
        for task in &run.tasks {
            for group in &task.groups {
                let part = (task.task.as_str(), group.split.as_str(), group.bin.as_str());
                if !parts.contains(&part) {
                    parts.push(part);
                }
            }
        }
    }
    let mut figures = Vec::new();
    for part in parts {
        let tables: Vec<Answers> =
            models.iter().filter_map(|m| Answers::of(runs, m, part)).collect();
        let seed = seed_of(part);
        for table in &tables {
            figures.push(table.figure(part, None, table.estimate(seed)));
        }
        for (at, one) in tables.iter().enumerate() {
            for other in &tables[at + 1..] {
                let (Some(left), Some(right)) = (one.shared(other), other.shared(one)) else {
                    continue;
                };
                let estimate = left.difference(&right, seed);
                figures.push(left.figure(part, Some(other.model), estimate));
            }
        }
    }
    figures.retain(|figure| figure.estimate.value.is_finite());
    figures
}

/// What the runs say about their tasks, each thing once.
pub fn notes(runs: &[RunItems]) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    for run in runs {
        for task in &run.tasks {
            for note in &task.notes {
                let note = format!("{} ({}): {note}", task.task, run.model);
                if !notes.contains(&note) {
                    notes.push(note);
                }
            }
        }
    }
    notes
}

/// A part's place as a seed: FNV-1a.
fn seed_of((task, split, bin): (&str, &str, &str)) -> u64 {
    let bytes = [task, split, bin].into_iter().flat_map(|text| text.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// One model's answers in one part: the same items in every run.
#[derive(Clone)]
struct Answers<'a> {
    model: &'a str,
    chance: Option<f64>,
    items: Vec<u32>,
    /// `[runs][items]`: value times weight, and weight.
    runs: Vec<Vec<[f64; 2]>>,
}

impl<'a> Answers<'a> {
    fn of(runs: &'a [RunItems], model: &'a str, part: (&str, &str, &str)) -> Option<Self> {
        let mut tables: Vec<BTreeMap<u32, [f64; 2]>> = Vec::new();
        let mut chance = None;
        for run in runs.iter().filter(|run| run.model == model) {
            let groups = run.tasks.iter().filter(|task| task.task == part.0);
            let mut groups = groups.flat_map(|task| &task.groups);
            let own = |group: &&ItemGroup| group.split == part.1 && group.bin == part.2;
            let Some(group) = groups.find(own) else { continue };
            chance = chance.or(group.chance);
            let weight = |at: usize| group.weights.get(at).copied().unwrap_or(1.0);
            let values = group.items.iter().zip(&group.values).enumerate();
            let answer = |(at, (item, value)): (usize, (&u32, &f64))| {
                (*item, [value * weight(at), weight(at)])
            };
            tables.push(values.map(answer).collect());
        }
        let mut items: Vec<u32> = tables.first()?.keys().copied().collect();
        items.retain(|item| tables.iter().all(|table| table.contains_key(item)));
        if items.is_empty() {
            return None;
        }
        let runs = tables.iter().map(|table| items.iter().map(|item| table[item]).collect());
        Some(Self { model, chance, runs: runs.collect(), items })
    }

    /// These answers to the items that `other` answered too.
    fn shared(&self, other: &Self) -> Option<Self> {
        let kept: Vec<usize> = (0..self.items.len())
            .filter(|at| other.items.binary_search(&self.items[*at]).is_ok())
            .collect();
        let runs = self.runs.iter().map(|run| kept.iter().map(|at| run[*at]).collect()).collect();
        let items: Vec<u32> = kept.iter().map(|at| self.items[*at]).collect();
        (!items.is_empty()).then_some(Self { items, runs, ..*self })
    }

    fn figure(
        &self,
        (task, split, bin): (&str, &str, &str),
        minus: Option<&str>,
        estimate: TaskEstimate,
    ) -> TaskFigure {
        TaskFigure {
            task: task.to_owned(),
            split: split.to_owned(),
            bin: bin.to_owned(),
            model: self.model.to_owned(),
            minus: minus.map(str::to_owned),
            estimate,
            items: self.items.len(),
            chance: if minus.is_some() { None } else { self.chance },
        }
    }

    /// The mean over these runs of the mean over these items.
    fn mean(&self, runs: &[usize], items: &[usize]) -> f64 {
        let of = |run: &usize| {
            let run = &self.runs[*run];
            let [sum, weight] = items.iter().fold([0.0, 0.0], |[sum, weight], item| {
                [sum + run[*item][0], weight + run[*item][1]]
            });
            sum / weight
        };
        runs.iter().map(of).sum::<f64>() / runs.len() as f64
    }

    fn whole(&self) -> f64 {
        let (runs, items) = (0..self.runs.len(), 0..self.items.len());
        self.mean(&runs.collect::<Vec<_>>(), &items.collect::<Vec<_>>())
    }

    fn estimate(&self, seed: u64) -> TaskEstimate {
        let value = self.whole();
        let certain = self.items.len() < 2 && self.runs.len() < 2;
        interval(value, certain, seed, |draws| {
            let items = drawn(draws, self.items.len());
            self.mean(&drawn(draws, self.runs.len()), &items)
        })
    }

    /// These answers less the other's; both to the same items.
    fn difference(&self, other: &Self, seed: u64) -> TaskEstimate {
        let value = self.whole() - other.whole();
        let certain = self.items.len() < 2 && self.runs.len() < 2 && other.runs.len() < 2;
        interval(value, certain, seed, |draws| {
            let items = drawn(draws, self.items.len());
            let own = self.mean(&drawn(draws, self.runs.len()), &items);
            own - other.mean(&drawn(draws, other.runs.len()), &items)
        })
    }
}

/// As many numbers below `count`, with replacement.
fn drawn(draws: &mut Draws, count: usize) -> Vec<usize> {
    (0..count).map(|_| draws.below(count)).collect()
}

fn interval(
    value: f64,
    certain: bool,
    seed: u64,
    resample: impl Fn(&mut Draws) -> f64,
) -> TaskEstimate {
    if certain || !value.is_finite() {
        return TaskEstimate { value, interval: None };
    }
    let mut figures: Vec<f64> = (0..RESAMPLES as u64)
        .map(|number| {
            // Neighbouring seeds would give shifted streams: mix them apart.
            let own = Draws::new(seed ^ Draws::new(number).bits()).bits();
            resample(&mut Draws::new(own))
        })
        .filter(|figure| figure.is_finite())
        .collect();
    figures.sort_by(f64::total_cmp);
    let ends = [percentile(&figures, 0.025), percentile(&figures, 0.975)];
    let interval = match ends {
        [Some(low), Some(high)] => Some([low, high]),
        _ => None,
    };
    TaskEstimate { value, interval }
}

/// The value below which the share `at` of the sorted values lies, between neighbours linearly.
fn percentile(sorted: &[f64], at: f64) -> Option<f64> {
    let place = at * sorted.len().checked_sub(1)? as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    Some(sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64))
}

#[cfg(test)]
mod tests {
    use super::super::TaskItems;
    use super::*;

    fn run(model: &str, seed: u64, values: Vec<f64>) -> RunItems {
        let items = (0..values.len() as u32).collect();
        let group = ItemGroup { chance: Some(0.5), items, values, ..ItemGroup::default() };
        let task =
            TaskItems { task: "t".to_owned(), groups: vec![group], notes: vec!["n".to_owned()] };
        RunItems { model: model.to_owned(), seed, tasks: vec![task] }
    }

    fn halves(count: usize, shift: usize) -> Vec<f64> {
        (0..count).map(|n| ((n + shift) % 2) as f64).collect()
    }

    fn width(figure: &TaskFigure) -> f64 {
        let [low, high] = figure.estimate.interval.expect("an interval");
        high - low
    }

    #[test]
    fn one_run_has_the_interval_of_its_items() {
        let found = figures(&[run("a", 1, halves(400, 0))]);
        assert_eq!((found.len(), found[0].items, found[0].chance), (1, 400, Some(0.5)));
        assert_eq!(found[0].estimate.value, 0.5);
        // Two standard errors each way: 2 * 1.96 * 0.5 / 20.
        assert!((width(&found[0]) - 0.098).abs() < 0.012, "{found:?}");
        assert_eq!(found, figures(&[run("a", 1, halves(400, 0))]));
    }

    #[test]
    fn runs_that_differ_widen_it_and_runs_that_agree_do_not() {
        let agree = figures(&[run("a", 1, halves(400, 0)), run("a", 2, halves(400, 0))]);
        assert!((width(&agree[0]) - 0.098).abs() < 0.012, "items are the same: {agree:?}");
        let differ = figures(&[run("a", 1, vec![1.0; 400]), run("a", 2, vec![0.0; 400])]);
        assert_eq!(differ[0].estimate.value, 0.5);
        assert_eq!(differ[0].estimate.interval, Some([0.0, 1.0]));
    }

    /// Of two models that answer alike but for a tenth of the items, the intervals overlap, and yet
    /// the difference is sure.
    #[test]
    fn differences_are_drawn_by_pairs() {
        let one = halves(400, 0);
        let better =
            one.iter().enumerate().map(|(n, v)| if n % 20 == 0 { 1.0 } else { *v }).collect();
        let found = figures(&[run("b", 1, better), run("a", 1, one)]);
        assert_eq!(found.len(), 3);
        let [b, a] = [&found[0], &found[1]].map(|f| f.estimate.interval.expect("an interval"));
        assert!(a[1] > b[0], "{a:?} {b:?}");
        let less = found[2].estimate;
        assert_eq!((found[2].model.as_str(), found[2].minus.as_deref()), ("b", Some("a")));
        assert!((less.value - 0.05).abs() < 1e-12, "{less:?}");
        assert!(less.interval.expect("an interval")[0] > 0.02, "{less:?}");
        assert_eq!(found[2].chance, None);
    }

    #[test]
    fn only_items_that_both_answered_are_compared() {
        let mut short = run("b", 1, vec![1.0; 10]);
        short.tasks[0].groups[0].items = (5..15).collect();
        let found = figures(&[run("a", 1, halves(10, 0)), short]);
        assert_eq!((found[2].items, found[2].estimate.value), (5, 0.6 - 1.0));
        let mut apart = run("b", 1, vec![1.0; 2]);
        apart.tasks[0].groups[0].items = vec![77, 78];
        assert_eq!(figures(&[run("a", 1, halves(10, 0)), apart]).len(), 2);
    }

    #[test]
    fn weights_count_and_single_values_have_no_interval() {
        let mut one = run("a", 1, vec![1.0, 0.0]);
        one.tasks[0].groups[0].weights = vec![3.0, 1.0];
        assert_eq!(figures(&[one])[0].estimate.value, 0.75);
        let single = figures(&[run("a", 1, vec![0.25])]);
        assert_eq!(single[0].estimate, TaskEstimate { value: 0.25, interval: None });
        assert!(figures(&[run("a", 1, vec![])]).is_empty());
        assert!(figures(&[run("a", 1, vec![f64::NAN, 1.0])]).is_empty(), "JSON knows no NaN");
    }

    #[test]
    fn notes_are_said_once() {
        let runs = [run("a", 1, vec![]), run("a", 2, vec![]), run("b", 1, vec![])];
        assert_eq!(notes(&runs), ["t (a): n", "t (b): n"]);
    }
}
