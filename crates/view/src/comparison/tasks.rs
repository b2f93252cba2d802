//! What the models can do: figures with intervals, and differences between models.

use super::data::{ComparisonPage, TaskPanel, TaskSeries};
use super::page::WIDE;
use super::rows;
use super::tables::{ABSENT, folded, table, with_interval};
use crate::plot::{Curve, Look, Plot, svg};
use crate::scale::{Fit, Scale};

const SIZE: (f64, f64) = (480.0, 330.0);
/// Models stand this far apart within a bin, so that their intervals do not hide each other.
const APART: f64 = 0.09;

impl ComparisonPage {
    /// The picture of a panel; with `style`, one that stands alone.
    pub(super) fn panel_svg(panel: &TaskPanel, id: &str, style: &str) -> String {
        let colours: Vec<usize> =
            panel.series.iter().map(|series| Self::colour(series.model, 0)).collect();
        let paper = match style {
            "" => "",
            _ => "<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n",
        };
        if panel.ordered {
            let plot = Self::panel_plot(panel, &colours);
            let title = format!("{}: {}", panel.title, panel.measure);
            let content = format!("{paper}{}", plot.draw());
            let what = format!("{}. {}", plot.summary(), panel.along);
            return svg(id, [&title, &what], (plot.width, plot.height), "", style, &content);
        }
        let (title, what, height, content) = rows::draw(panel, &colours);
        let content = format!("{paper}{content}");
        svg(id, [&title, &what], (WIDE, height), "", style, &content)
    }

    fn panel_plot(panel: &TaskPanel, colours: &[usize]) -> Plot {
        let percent = if panel.percent { 100.0 } else { 1.0 };
        let middle = (panel.series.len().max(1) - 1) as f64 / 2.0;
        let curve = |(at, series): (usize, &TaskSeries)| {
            let shift = ((at as f64 - middle) * APART).clamp(-0.4, 0.4);
            let point = |bin: usize| {
                let cell = series.cells.get(bin).copied().flatten();
                let value = cell.map_or(f64::NAN, |cell| percent * cell.value);
                let interval = cell.and_then(|cell| cell.interval).unwrap_or([f64::NAN; 2]);
                ([bin as f64 + shift, value], interval.map(|end| percent * end))
            };
            let (points, intervals) = (0..panel.bins.len()).map(point).unzip();
            Curve {
                name: series.name.clone(),
                colour: colours.get(at).copied().unwrap_or(at),
                look: Look::Dots,
                points,
                intervals,
            }
        };
        let curves: Vec<Curve> = panel.series.iter().enumerate().map(curve).collect();
        let values = curves.iter().flat_map(|curve| {
            let values = curve.points.iter().map(|point| point[1]);
            values.chain(curve.intervals.iter().flatten().copied())
        });
        let y = Scale::linear(
            values.chain(panel.level.iter().map(|level| percent * level.0)),
            Fit::Ticks,
            5,
        );
        Plot {
            title: panel.title.clone(),
            x: Scale::names(&panel.bins),
            x_name: panel.along.clone(),
            y,
            y_name: format!("{}{}", panel.measure, if panel.percent { ", %" } else { "" }),
            curves,
            level: panel.level.as_ref().map(|(level, name)| (percent * level, name.clone())),
            legend: true,
            width: SIZE.0,
            height: SIZE.1,
        }
    }

    /// The numbers behind a panel, and the differences between models.
    pub(super) fn panel_tables(panel: &TaskPanel) -> String {
        let row = |series: &TaskSeries, bin: usize| match series.cells.get(bin).copied().flatten() {
            None => ABSENT.to_owned(),
            Some(cell) => with_interval(cell.value, cell.interval, panel.percent),
        };
        let made = |label: &str, all: &[TaskSeries]| {
            let heads: Vec<String> = [panel.along.clone(), "items".to_owned()]
                .into_iter()
                .chain(all.iter().map(|series| series.name.clone()))
                .collect();
            let rows: Vec<Vec<String>> = panel
                .bins
                .iter()
                .enumerate()
                .map(|(bin, name)| {
                    let mut cells = all.iter().filter_map(|s| s.cells.get(bin).copied().flatten());
                    let items = cells.next().map_or(ABSENT.to_owned(), |c| c.items.to_string());
                    let figures = all.iter().map(|series| row(series, bin));
                    [name.clone(), items].into_iter().chain(figures).collect()
                })
                .collect();
            table(label, &heads, &rows)
        };
        let unit = if panel.percent { ", %" } else { "" };
        let label = format!("{}{unit} [95 % interval]", panel.measure);
        let mut out = folded(
            &format!("Numbers: {label}"),
            &made(&format!("{}: {label}", panel.title), &panel.series),
        );
        if !panel.differences.is_empty() {
            out.push_str(&folded(
                "Differences between models [95 % interval]: one that holds 0 could be chance",
                &made(&format!("{}: differences", panel.title), &panel.differences),
            ));
        }
        out
    }
}
