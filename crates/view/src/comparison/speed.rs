//! What a token costs, against the length of a sequence and against depth.

use std::collections::{BTreeMap, BTreeSet};

use super::data::{ComparisonPage, Cost, CostPoint, PowerLaw, Varied};
use super::tables::{ABSENT, folded, table, with_interval};
use crate::markup::figure;
use crate::plot::{Curve, Look, Plot};
use crate::scale::{Fit, Scale};

const SIZE: (f64, f64) = (480.0, 330.0);

/// The points of one plot: what was timed, and what was varied while all else stayed.
pub(super) struct CostSeries<'a> {
    cost: Cost,
    threads: usize,
    varied: Varied,
    /// The depth, where the length was varied, the length, where the depth was; `None` where that
    /// was not the same for all models.
    fixed: Option<usize>,
    points: Vec<&'a CostPoint>,
}

impl CostSeries<'_> {
    fn along(&self, point: &CostPoint) -> usize {
        match self.varied {
            Varied::Length => point.length,
            Varied::Depth => point.depth,
        }
    }

    fn places(&self) -> BTreeSet<usize> {
        self.points.iter().map(|point| self.along(point)).collect()
    }

    pub(super) fn title(&self) -> String {
        let threads = if self.threads == 1 { "thread" } else { "threads" };
        let fixed = match (self.varied, self.fixed) {
            (_, None) => String::new(),
            (Varied::Length, Some(1)) => ", 1 layer".to_owned(),
            (Varied::Length, Some(layers)) => format!(", {layers} layers"),
            (Varied::Depth, Some(length)) => format!(", sequences of {length}"),
        };
        format!("{}, {} {threads}{fixed}", self.cost.title(), self.threads)
    }
}

impl ComparisonPage {
    /// The measurements in which `varied` changed, by what was timed and on how many threads.
    pub(super) fn cost_series(&self, varied: Varied) -> Vec<CostSeries<'_>> {
        let mut groups: BTreeMap<(Cost, usize), Vec<&CostPoint>> = BTreeMap::new();
        for point in self.costs.iter().filter(|point| point.varied == varied) {
            groups.entry((point.cost, point.threads)).or_default().push(point);
        }
        let other = |point: &CostPoint| match varied {
            Varied::Length => point.depth,
            Varied::Depth => point.length,
        };
        let mut all = Vec::new();
        for ((cost, threads), points) in groups {
            let fixed = points.first().map(|point| other(point));
            let fixed = fixed.filter(|fixed| points.iter().all(|point| other(point) == *fixed));
            all.push(CostSeries { cost, threads, varied, fixed, points });
        }
        all
    }

    pub(super) fn cost_plot(&self, series: &CostSeries<'_>, all: &[CostSeries<'_>]) -> Plot {
        // One scale for both numbers of threads, so that the pictures can be laid side by side.
        let alike = all.iter().filter(|other| other.cost == series.cost);
        let values = alike.flat_map(|other| &other.points).map(|p| 1e6 * p.seconds_per_token);
        let along = series.points.iter().map(|point| series.along(point) as f64);
        let mut curves = Vec::new();
        for model in 0..self.models.len() {
            let own = series.points.iter().filter(|point| point.model == model);
            let mut points: Vec<[f64; 2]> =
                own.map(|p| [series.along(p) as f64, 1e6 * p.seconds_per_token]).collect();
            points.sort_by(|a, b| a[0].total_cmp(&b[0]));
            let curve = |look, points| Curve {
                name: self.name(model),
                colour: Self::colour(model, 0),
                look,
                points,
                intervals: Vec::new(),
            };
            let fits = self.fitted(model, series, &points);
            let look = if fits.is_empty() { Look::Dots } else { Look::Points };
            curves.extend(fits.into_iter().map(|fit| curve(Look::Fit, fit)));
            curves.push(curve(look, points));
        }
        Plot {
            title: series.title(),
            x: Scale::doublings(along.collect::<Vec<_>>().into_iter()),
            x_name: series.varied.name().to_owned(),
            y: Scale::logarithmic(values, Fit::Ticks),
            y_name: "microseconds a token".to_owned(),
            curves,
            level: None,
            legend: true,
            width: SIZE.0,
            height: SIZE.1,
        }
    }

    /// The fitted lines: a least-squares line in logarithms goes through its points' middle.
    fn fitted(
        &self,
        model: usize,
        series: &CostSeries<'_>,
        points: &[[f64; 2]],
    ) -> Vec<Vec<[f64; 2]>> {
        let own = |law: &&PowerLaw| {
            law.model == model
                && law.cost == series.cost
                && law.threads == series.threads
                && law.varied == series.varied
                && law.exponent.is_finite()
        };
        let line = |law: &PowerLaw| {
            let (from, to) = (law.from as f64, law.to as f64);
            let within = |p: &&[f64; 2]| {
                p[0] >= from && p[0] <= to && p.iter().all(|v| v.is_finite() && *v > 0.0)
            };
            let inside: Vec<[f64; 2]> =
                points.iter().filter(within).map(|p| p.map(f64::ln)).collect();
            if inside.is_empty() || from <= 0.0 || to <= from {
                return None;
            }
            let mean =
                |axis: usize| inside.iter().map(|p| p[axis]).sum::<f64>() / inside.len() as f64;
            let (x, y) = (mean(0), mean(1));
            Some([from, to].map(|at| [at, (y + law.exponent * (at.ln() - x)).exp()]).to_vec())
        };
        self.laws.iter().filter(own).filter_map(line).collect()
    }

    /// A row a model and a column a place.
    pub(super) fn cost_table(&self, series: &CostSeries<'_>) -> String {
        let places = series.places();
        let heads = std::iter::once("model".to_owned()).chain(places.iter().map(usize::to_string));
        let heads: Vec<String> = heads.collect();
        let row = |model: usize| {
            let cell = |place: &usize| {
                let mut own = series.points.iter().filter(|point| point.model == model);
                own.find(|point| series.along(point) == *place).map_or(ABSENT.to_owned(), |p| {
                    let (token, step) = (1e6 * p.seconds_per_token, 1e3 * p.seconds_per_step);
                    format!("{} / {}", figure(token), figure(step))
                })
            };
            std::iter::once(self.name(model)).chain(places.iter().map(cell)).collect()
        };
        let rows: Vec<Vec<String>> = (0..self.models.len()).map(row).collect();
        let summary = "Numbers: microseconds a token / milliseconds a step";
        folded(summary, &table(&series.title(), &heads, &rows))
    }

    /// All fitted exponents of one kind.
    pub(super) fn law_table(&self, varied: Varied) -> String {
        let heads = ["model", "timed", "threads", "exponent [95 % interval]", "fitted to"];
        let laws = self.laws.iter().filter(|law| law.varied == varied);
        let rows: Vec<Vec<String>> = laws
            .map(|law| {
                vec![
                    self.name(law.model),
                    law.cost.title().to_lowercase(),
                    law.threads.to_string(),
                    with_interval(law.exponent, law.interval, false),
                    format!("{} to {} {}", law.from, law.to, unit(varied)),
                ]
            })
            .collect();
        if rows.is_empty() {
            return String::new();
        }
        table("Fitted exponents", &heads.map(str::to_owned), &rows)
    }
}

fn unit(varied: Varied) -> &'static str {
    match varied {
        Varied::Length => "tokens",
        Varied::Depth => "layers",
    }
}
