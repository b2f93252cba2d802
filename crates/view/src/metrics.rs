//! Which plots a set of runs gives.

use std::collections::BTreeSet;

use crate::curves::{Point, RunCurves, smooth, thin_extremes, thin_means};
use crate::plot::{Curve, Look, Plot};
use crate::scale::{Fit, Scale};

/// Points of a curve at most.
pub(crate) const MOST_POINTS: usize = 1000;
/// With more runs than this, curves as measured would hide each other.
pub(crate) const MOST_RAW: usize = 3;
/// Fewer points than this are not smoothed.
const LEAST_SMOOTHED: usize = 100;

/// What curves run against.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Against {
    /// Steps taken.
    #[default]
    Steps,
    /// Tokens seen.
    Tokens,
    /// Time spent, in a unit that fits.
    Time,
}

impl Against {
    pub(crate) const ALL: [Against; 3] = [Against::Steps, Against::Tokens, Against::Time];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Against::Steps => "steps",
            Against::Tokens => "tokens",
            Against::Time => "time",
        }
    }

    fn of(self, step: u64, tokens: u64, seconds: f64) -> f64 {
        match self {
            Against::Steps => step as f64,
            Against::Tokens => tokens as f64,
            Against::Time => seconds,
        }
    }
}

/// One thing that is measured over a run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CurveKind {
    /// The training loss.
    Loss,
    /// The loss of one objective.
    Objective(String),
    /// A measure on held-out data, such as `loss`.
    HeldOut(String),
    /// The learning rate.
    LearningRate,
    /// Norm of the gradient.
    GradientNorm,
    /// Tokens a second.
    Speed,
    /// Share of the machine's peak.
    PeakShare,
}

impl CurveKind {
    /// All that the runs have, in the order of a report.
    pub(crate) fn present(runs: &[RunCurves]) -> Vec<CurveKind> {
        let held: BTreeSet<&String> =
            runs.iter().flat_map(|run| &run.held_out).flat_map(|held| held.values.keys()).collect();
        let objectives: BTreeSet<&String> =
            runs.iter().flat_map(|run| &run.points).flat_map(|p| p.objectives.keys()).collect();
        let mut kinds = vec![CurveKind::Loss];
        // The loss comes first; all else goes by its name.
        let (loss, other): (Vec<&String>, Vec<&String>) =
            held.into_iter().partition(|name| *name == "loss");
        kinds.extend(loss.into_iter().chain(other).cloned().map(CurveKind::HeldOut));
        if objectives.len() > 1 {
            kinds.extend(objectives.into_iter().cloned().map(CurveKind::Objective));
        }
        kinds.extend([
            CurveKind::LearningRate,
            CurveKind::GradientNorm,
            CurveKind::Speed,
            CurveKind::PeakShare,
        ]);
        kinds.retain(|kind| runs.iter().any(|run| !kind.points(run, Against::Steps).is_empty()));
        kinds
    }

    /// The name of the measure, for titles and axes.
    pub(crate) fn title(&self) -> String {
        match self {
            CurveKind::Loss => "Training loss".to_owned(),
            CurveKind::Objective(name) => format!("Objective {name}: loss"),
            CurveKind::HeldOut(name) => format!("Held-out {name}"),
            CurveKind::LearningRate => "Learning rate".to_owned(),
            CurveKind::GradientNorm => "Gradient norm".to_owned(),
            CurveKind::Speed => "Tokens a second".to_owned(),
            CurveKind::PeakShare => "Share of peak (%)".to_owned(),
        }
    }

    /// The measure alone, where the title stands beside it.
    pub(crate) fn measure(&self) -> &str {
        match self {
            CurveKind::Loss | CurveKind::Objective(_) => "loss",
            CurveKind::HeldOut(name) => name,
            _ => "",
        }
    }

    fn value(&self, point: &Point) -> Option<f64> {
        match self {
            CurveKind::Loss => Some(point.loss),
            CurveKind::Objective(name) => point.objectives.get(name).copied(),
            CurveKind::HeldOut(_) => None,
            CurveKind::LearningRate => point.lr,
            CurveKind::GradientNorm => point.gradient_norm,
            CurveKind::Speed => point.tokens_per_s,
            CurveKind::PeakShare => point.peak_share.map(|share| share * 100.0),
        }
    }

    fn points(&self, run: &RunCurves, against: Against) -> Vec<[f64; 2]> {
        if let CurveKind::HeldOut(name) = self {
            let value = |held: &crate::curves::HeldOut| {
                let x = against.of(held.step, held.tokens, held.seconds);
                Some([x, *held.values.get(name)?])
            };
            return run.held_out.iter().filter_map(value).collect();
        }
        let value = |point: &Point| {
            let x = against.of(point.step, point.tokens, point.seconds);
            Some([x, self.value(point)?])
        };
        run.points.iter().filter_map(value).collect()
    }

    fn curves(&self, runs: &[RunCurves], against: Against) -> Vec<Curve> {
        let mut curves = Vec::new();
        for (colour, run) in runs.iter().enumerate() {
            let points = self.points(run, against);
            let curve = |look, points| {
                let name = run.name.clone();
                Curve { name, colour, look, points, intervals: Vec::new() }
            };
            let plain = points.len() < LEAST_SMOOTHED;
            match self {
                CurveKind::HeldOut(_) => {
                    curves.push(curve(Look::Dots, thin_extremes(&points, MOST_POINTS)))
                }
                CurveKind::LearningRate => {
                    curves.push(curve(Look::Line, thin_extremes(&points, MOST_POINTS)));
                }
                _ if plain => curves.push(curve(Look::Line, points)),
                _ => {
                    if runs.len() <= MOST_RAW {
                        curves.push(curve(Look::Faint, thin_extremes(&points, MOST_POINTS)));
                    }
                    curves.push(curve(Look::Line, thin_means(&smooth(&points), MOST_POINTS / 2)));
                }
            }
        }
        curves
    }

    /// The plot of all runs, each in the colour of its place.
    pub(crate) fn plot(
        &self,
        runs: &[RunCurves],
        against: Against,
        (width, height): (f64, f64),
    ) -> Plot {
        let mut curves = self.curves(runs, against);
        let x_name = match against {
            Against::Time => time_unit(&mut curves),
            _ => against.word(),
        };
        let values =
            || curves.iter().flat_map(|c| &c.points).map(|p| p[1]).filter(|v| v.is_finite());
        let least = values().fold(f64::INFINITY, f64::min);
        let most = values().fold(f64::NEG_INFINITY, f64::max);
        let log = match self {
            CurveKind::HeldOut(name) if name != "loss" => false,
            CurveKind::LearningRate | CurveKind::Speed | CurveKind::PeakShare => false,
            _ => least > 0.0 && most / least >= 3.0,
        };
        let fit = match self {
            CurveKind::LearningRate | CurveKind::Speed | CurveKind::PeakShare => Fit::Zero,
            _ => Fit::Ticks,
        };
        let y =
            if log { Scale::logarithmic(values(), fit) } else { Scale::linear(values(), fit, 5) };
        let along = curves.iter().flat_map(|c| &c.points).map(|p| p[0]);
        Plot {
            title: String::new(),
            x: Scale::linear(along.chain([0.0]), Fit::Tight, 6),
            x_name: x_name.to_owned(),
            y,
            y_name: self.title(),
            curves,
            level: None,
            legend: false,
            width,
            height,
        }
    }
}

/// Turns seconds into the unit that fits the longest run, and names it.
fn time_unit(curves: &mut [Curve]) -> &'static str {
    let longest = curves.iter().flat_map(|c| &c.points).map(|p| p[0]).fold(0.0, f64::max);
    let (unit, name) = match longest {
        l if l < 180.0 => (1.0, "seconds"),
        l if l < 10_800.0 => (60.0, "minutes"),
        _ => (3600.0, "hours"),
    };
    for point in curves.iter_mut().flat_map(|curve| &mut curve.points) {
        point[0] /= unit;
    }
    name
}
