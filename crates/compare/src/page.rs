//! The page of a comparison: the report, in the words and pictures of a page.

use std::collections::BTreeMap;

use contexture_view::{
    ComparedModel, ComparedRun, ComparisonPage, Cost, CostPoint, LearningCurve, LearningPoint,
    PowerLaw, TaskCell, TaskPanel, TaskSection, TaskSeries, Varied, comparison_figures,
    comparison_page,
};

use crate::Comparison;
use crate::report::{By, CurvePoint, Mode, TaskFigure};
use crate::wording::{self, Kind};

/// One self-contained HTML page; `None` where there is nothing to show.
pub fn page(comparison: &Comparison) -> Option<String> {
    (!comparison.models.is_empty()).then(|| comparison_page(&described(comparison)))
}

/// Every picture of the page as an SVG that stands alone, with a name that can be a file's.
pub fn figures(comparison: &Comparison) -> Vec<(String, String)> {
    comparison_figures(&described(comparison))
}

/// The report as the page's own data.
fn described(comparison: &Comparison) -> ComparisonPage {
    let number = |name: &str| comparison.models.iter().position(|model| model.name == name);
    let held_out = comparison.curves.iter().any(|curve| !curve.held_out.is_empty());
    let names: Vec<&str> = comparison.models.iter().map(|model| model.name.as_str()).collect();
    let mut notes = wording::limits(comparison);
    if !held_out && !comparison.curves.is_empty() {
        notes.push("No rows were held out: curves show the loss on rows learned from.".to_owned());
    }
    notes.extend(comparison.notes.iter().map(|note| sentence(note)));
    let curve = |curve: &crate::report::Curve| {
        let points = if held_out { &curve.held_out } else { &curve.points };
        let points = points.iter().map(learning_point).collect();
        Some(LearningCurve { model: number(&curve.model)?, seed: curve.seed, points })
    };
    ComparisonPage {
        title: format!("Comparison: {}", names.join(", ")),
        facts: wording::facts(comparison),
        models: comparison.models.iter().map(compared).collect(),
        curves: comparison.curves.iter().filter_map(curve).collect(),
        loss: if held_out { String::new() } else { "training loss".to_owned() },
        costs: costs(comparison, &number),
        laws: laws(comparison, &number),
        tasks: sections(comparison, &number),
        notes,
        config: Some(comparison.config.clone()).filter(|config| !config.is_empty()),
    }
}

fn learning_point(point: &CurvePoint) -> LearningPoint {
    let CurvePoint { step, tokens, seconds, loss } = *point;
    LearningPoint { step, tokens, seconds, loss }
}

fn compared(model: &crate::report::ModelSummary) -> ComparedModel {
    let run = |run: &crate::report::RunSummary| ComparedRun {
        seed: run.seed,
        steps: run.steps,
        tokens: run.tokens,
        seconds: run.seconds,
        held_out: run.held_out,
    };
    ComparedModel {
        name: model.name.clone(),
        aggregator: model.aggregator.clone(),
        parameters: model.parameters as u64,
        word_parameters: model.word_parameters as u64,
        layers: model.layers,
        hidden: model.hidden,
        runs: model.runs.iter().map(run).collect(),
    }
}

fn cost(mode: Mode) -> Cost {
    match mode {
        Mode::Infer => Cost::Inference,
        Mode::Train => Cost::Training,
    }
}

fn varied(by: By) -> Varied {
    match by {
        By::Length => Varied::Length,
        By::Depth => Varied::Depth,
    }
}

fn costs(comparison: &Comparison, number: &dyn Fn(&str) -> Option<usize>) -> Vec<CostPoint> {
    let point = |point: &crate::report::SpeedPoint| {
        Some(CostPoint {
            model: number(&point.model)?,
            cost: cost(point.mode),
            threads: point.threads,
            varied: varied(point.by),
            length: point.length,
            depth: point.depth,
            seconds_per_step: point.seconds_per_step,
            seconds_per_token: point.seconds_per_token,
        })
    };
    comparison.speed.iter().filter_map(point).collect()
}

fn laws(comparison: &Comparison, number: &dyn Fn(&str) -> Option<usize>) -> Vec<PowerLaw> {
    let law = |law: &crate::report::Exponent| {
        Some(PowerLaw {
            model: number(&law.model)?,
            cost: cost(law.mode),
            threads: law.threads,
            varied: varied(law.by),
            exponent: law.exponent,
            interval: Some(law.interval),
            from: law.from,
            to: law.to,
        })
    };
    // Of a sequence the exponent is greater by one: the page shows seconds a token.
    comparison.exponents.iter().filter(|law| law.per == "token").filter_map(law).collect()
}

/// The names of tasks in the order in which they first stand.
fn task_names(figures: &[TaskFigure]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for figure in figures {
        if !names.contains(&figure.task.as_str()) {
            names.push(&figure.task);
        }
    }
    names
}

/// A section a task, in the order of the argument, not of the configuration.
fn sections(comparison: &Comparison, number: &dyn Fn(&str) -> Option<usize>) -> Vec<TaskSection> {
    let kinds = wording::kinds(&comparison.config);
    let mut sections: Vec<(Kind, TaskSection)> = task_names(&comparison.tasks)
        .into_iter()
        .map(|name| {
            let kind = kinds.get(name).copied().unwrap_or_else(|| Kind::of(name));
            let own: Vec<&TaskFigure> =
                comparison.tasks.iter().filter(|figure| figure.task == name).collect();
            let mut splits: Vec<&str> = Vec::new();
            for figure in &own {
                if !splits.contains(&figure.split.as_str()) {
                    splits.push(&figure.split);
                }
            }
            let panels = splits.into_iter().map(|split| panel(kind, split, &own, number)).collect();
            let [title, text] = wording::section(kind, name);
            (kind, TaskSection { title, text, panels })
        })
        .collect();
    sections.sort_by_key(|(kind, _)| *kind);
    sections.into_iter().map(|(_, section)| section).collect()
}

fn panel(
    kind: Kind,
    split: &str,
    figures: &[&TaskFigure],
    number: &dyn Fn(&str) -> Option<usize>,
) -> TaskPanel {
    let own: Vec<&TaskFigure> =
        figures.iter().copied().filter(|figure| figure.split == split).collect();
    let mut bins: Vec<&str> = Vec::new();
    for figure in &own {
        if !bins.contains(&figure.bin.as_str()) {
            bins.push(&figure.bin);
        }
    }
    if split == "layer" {
        // Models of several depths: numbers first, then what all have.
        let rank = |bin: &&str| bin.parse().unwrap_or(if *bin == "output" { 1000 } else { 1001 });
        bins.sort_by_key(rank);
    }
    let wording = wording::panel(kind, split);
    let level = own.iter().find_map(|figure| figure.chance);
    let series = |wanted: bool| -> Vec<TaskSeries> {
        let mut all: BTreeMap<(usize, usize), TaskSeries> = BTreeMap::new();
        for figure in own.iter().filter(|figure| figure.minus.is_some() == wanted) {
            let Some(model) = number(&figure.model) else { continue };
            let (key, name) = match &figure.minus {
                None => ((model, 0), figure.model.clone()),
                Some(minus) => {
                    let Some(other) = number(minus) else { continue };
                    ((model, other), format!("{} − {minus}", figure.model))
                }
            };
            let cells = vec![None; bins.len()];
            let series = all.entry(key).or_insert_with(|| TaskSeries { name, model, cells });
            let cell = TaskCell {
                value: figure.estimate.value,
                interval: figure.estimate.interval,
                items: figure.items,
            };
            if let Some(at) = bins.iter().position(|bin| *bin == figure.bin) {
                series.cells[at] = Some(cell);
            }
        }
        all.into_values().collect()
    };
    let name = |bin: &&str| if bin.is_empty() { "all".to_owned() } else { (*bin).to_owned() };
    TaskPanel {
        title: wording.title,
        measure: wording.measure.to_owned(),
        along: wording.along.to_owned(),
        ordered: wording.ordered && bins.len() > 1,
        percent: wording.percent,
        level: level.map(|level| (level, wording.level.to_owned())),
        series: series(false),
        differences: series(true),
        bins: bins.iter().map(name).collect(),
    }
}

/// A note as a sentence: with a capital and a full stop.
fn sentence(note: &str) -> String {
    let mut text = note.trim().to_owned();
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
}
