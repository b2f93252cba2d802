//! What was compared, and how it learned.

use super::data::ComparisonPage;
use super::tables::{ABSENT, folded, table};
use crate::markup::{duration, figure, whole};
use crate::plot::{COLOURS, Curve, Look, Plot};
use crate::scale::{Fit, Scale};

const SIZE: (f64, f64) = (480.0, 300.0);

impl ComparisonPage {
    /// The colour of a model's series, and of its further runs: the same with dashes.
    pub(super) fn colour(model: usize, run: usize) -> usize {
        model % COLOURS + COLOURS * run
    }

    pub(super) fn name(&self, model: usize) -> String {
        self.models.get(model).map_or_else(|| format!("model {}", model + 1), |m| m.name.clone())
    }

    /// All runs in a table.
    pub(super) fn model_table(&self) -> String {
        let heads = [
            "model",
            "aggregator",
            "layers",
            "width",
            "parameters",
            "of the word table",
            "seed",
            "steps",
            "tokens",
            "time",
            "held-out loss",
        ];
        let mut rows = Vec::new();
        for model in &self.models {
            let own = [
                model.name.clone(),
                model.aggregator.clone(),
                model.layers.to_string(),
                model.hidden.to_string(),
                whole(model.parameters as f64),
                whole(model.word_parameters as f64),
            ];
            for run in &model.runs {
                let rest = [
                    run.seed.to_string(),
                    whole(run.steps as f64),
                    whole(run.tokens as f64),
                    duration(run.seconds),
                    run.held_out.map_or(ABSENT.to_owned(), figure),
                ];
                rows.push(own.iter().cloned().chain(rest).collect());
            }
            if model.runs.is_empty() {
                let none = std::iter::repeat_n(ABSENT.to_owned(), heads.len() - own.len());
                rows.push(own.iter().cloned().chain(none).collect());
            }
        }
        table("What was compared", &heads.map(str::to_owned), &rows)
    }

    fn loss(&self) -> &str {
        if self.loss.is_empty() { "held-out loss" } else { &self.loss }
    }

    /// The loss against tokens and against time.
    pub(super) fn learning_plots(&self) -> Vec<Plot> {
        let longest = self.curves.iter().flat_map(|c| &c.points).map(|p| p.seconds);
        let (unit, unit_name) = match longest.fold(0.0, f64::max) {
            l if l < 180.0 => (1.0, "seconds of training"),
            l if l < 10_800.0 => (60.0, "minutes of training"),
            _ => (3600.0, "hours of training"),
        };
        let plot = |x_name: &str, along: &dyn Fn(&super::data::LearningPoint) -> f64| {
            let curves: Vec<Curve> = self.curves.iter().map(|own| self.curve(own, along)).collect();
            let points = || curves.iter().flat_map(|curve| &curve.points);
            Plot {
                title: format!("{} against {x_name}", capitalised(self.loss())),
                x: Scale::linear(points().map(|p| p[0]).chain([0.0]), Fit::Tight, 6),
                x_name: x_name.to_owned(),
                y: Scale::linear(points().map(|p| p[1]), Fit::Ticks, 5),
                y_name: self.loss().to_owned(),
                level: None,
                legend: true,
                width: SIZE.0,
                height: SIZE.1 + 20.0,
                curves,
            }
        };
        if self.curves.iter().all(|curve| curve.points.is_empty()) {
            return Vec::new();
        }
        vec![
            plot("tokens seen", &|point| point.tokens as f64),
            plot(unit_name, &|point| point.seconds / unit),
        ]
    }

    fn curve(
        &self,
        own: &super::data::LearningCurve,
        along: &dyn Fn(&super::data::LearningPoint) -> f64,
    ) -> Curve {
        let siblings = self.curves.iter().filter(|other| other.model == own.model);
        let run = siblings.take_while(|other| other.seed != own.seed).count();
        let points: Vec<[f64; 2]> =
            own.points.iter().map(|point| [along(point), point.loss]).collect();
        Curve {
            name: format!("{}, seed {}", self.name(own.model), own.seed),
            colour: Self::colour(own.model, run),
            look: if points.len() > 60 { Look::Line } else { Look::Dots },
            points: crate::curves::thin_extremes(&points, crate::metrics::MOST_POINTS),
            intervals: Vec::new(),
        }
    }

    /// The held-out losses behind the curves; of long curves some twenty places.
    pub(super) fn learning_table(&self) -> String {
        let mut rows = Vec::new();
        for curve in &self.curves {
            let every = curve.points.len().div_ceil(20).max(1);
            let last = curve.points.len().saturating_sub(1);
            for (at, point) in curve.points.iter().enumerate() {
                if at % every == 0 || at == last {
                    rows.push(vec![
                        self.name(curve.model),
                        curve.seed.to_string(),
                        whole(point.step as f64),
                        whole(point.tokens as f64),
                        duration(point.seconds),
                        figure(point.loss),
                    ]);
                }
            }
        }
        let heads = ["model", "seed", "step", "tokens", "time", self.loss()];
        folded("Numbers", &table(self.loss(), &heads.map(str::to_owned), &rows))
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
