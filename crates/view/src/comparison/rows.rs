//! Figures of things of several kinds, below each other: a line a kind, a dot a model, and its
//! interval along the line.

use super::data::TaskPanel;
use super::page::WIDE;
use crate::markup::{escape, figure, pixels, shorten};
use crate::plot::COLOURS;
use crate::scale::{Fit, Scale};

/// Height of one model's line within a kind's.
const LINE: f64 = 13.0;
const GAP: f64 = 9.0;
const NAME: usize = 40;
const LETTER: f64 = 7.2;
const LEGEND: f64 = 20.0;

/// `(title, description, height, elements)` of the picture, [`WIDE`] pixels wide.
pub(super) fn draw(panel: &TaskPanel, colours: &[usize]) -> (String, String, f64, String) {
    let percent = if panel.percent { 100.0 } else { 1.0 };
    let cells = || panel.series.iter().flat_map(|series| series.cells.iter().flatten());
    let ends = cells().flat_map(|cell| cell.interval.into_iter().flatten().chain([cell.value]));
    let x = Scale::linear(
        ends.chain(panel.level.iter().map(|level| level.0)).map(|v| percent * v),
        Fit::Ticks,
        6,
    );
    let letters = panel.bins.iter().map(|name| name.chars().count().min(NAME)).max().unwrap_or(1);
    let (left, right) = (letters as f64 * LETTER + 14.0, WIDE - 20.0);
    let (legend, top) = legend(panel, colours);
    let each = panel.series.len().max(1) as f64 * LINE + GAP;
    let bottom = top + panel.bins.len().max(1) as f64 * each;
    let place = |value: f64| left + x.place(percent * value) * (right - left);
    let mut out =
        format!("<text class=\"head\" x=\"2\" y=\"15\">{}</text>\n{legend}", escape(&panel.title));
    for (value, name) in &x.ticks {
        let at = pixels(left + x.place(*value) * (right - left));
        out.push_str(&format!(
            "<path class=\"grid\" d=\"M{at} {}V{}\"/>\
             <text class=\"tick\" text-anchor=\"middle\" x=\"{at}\" y=\"{}\">{}</text>\n",
            pixels(top),
            pixels(bottom),
            pixels(bottom + 17.0),
            escape(name)
        ));
    }
    if let Some((level, name)) = panel.level.as_ref().filter(|level| level.0.is_finite()) {
        let at = pixels(place(*level));
        out.push_str(&format!(
            "<path class=\"level\" d=\"M{at} {}V{}\"/>\
             <text class=\"name\" text-anchor=\"middle\" x=\"{at}\" y=\"{}\">{}</text>\n",
            pixels(top),
            pixels(bottom),
            pixels(top - 5.0),
            escape(name)
        ));
    }
    for (bin, name) in panel.bins.iter().enumerate() {
        let begin = top + bin as f64 * each;
        out.push_str(&format!(
            "<text class=\"tick\" text-anchor=\"end\" x=\"{}\" y=\"{}\">{}</text>\n",
            pixels(left - 8.0),
            pixels(begin + each / 2.0 + 4.5),
            escape(&shorten(name, NAME))
        ));
        for (at, series) in panel.series.iter().enumerate() {
            let Some(cell) = series.cells.get(bin).copied().flatten() else { continue };
            if !cell.value.is_finite() {
                continue;
            }
            let y = pixels(begin + GAP / 2.0 + (at as f64 + 0.5) * LINE);
            let colour = colours.get(at).copied().unwrap_or(at) % COLOURS;
            if let Some([low, high]) = cell.interval.filter(|ends| ends[0].is_finite()) {
                let (low, high) = (pixels(place(low)), pixels(place(high)));
                out.push_str(&format!("<path class=\"bar c{colour}\" d=\"M{low} {y}H{high}\"/>"));
            }
            let value = pixels(place(cell.value));
            out.push_str(&format!("<path class=\"dots c{colour}\" d=\"M{value} {y}h0\"/>\n"));
        }
    }
    let axis = format!("{}{}", panel.measure, if panel.percent { ", %" } else { "" });
    out.push_str(&format!(
        "<path class=\"axis\" d=\"M{} {}V{}H{}\"/>\n\
         <text class=\"name\" text-anchor=\"middle\" x=\"{}\" y=\"{}\">{}</text>\n",
        pixels(left),
        pixels(top),
        pixels(bottom),
        pixels(right),
        pixels((left + right) / 2.0),
        pixels(bottom + 35.0),
        escape(&axis)
    ));
    (format!("{}: {}", panel.title, panel.measure), describe(panel), bottom + 42.0, out)
}

/// The models' names above the frame, and where the frame begins.
fn legend(panel: &TaskPanel, colours: &[usize]) -> (String, f64) {
    let (mut x, mut y) = (2.0, 36.0);
    let mut out = String::new();
    for (at, series) in panel.series.iter().enumerate() {
        let name = shorten(&series.name, NAME);
        let width = name.chars().count() as f64 * LETTER + 36.0;
        if x > 2.0 && x + width > WIDE {
            (x, y) = (2.0, y + LEGEND);
        }
        let colour = colours.get(at).copied().unwrap_or(at) % COLOURS;
        out.push_str(&format!(
            "<path class=\"dots c{colour}\" d=\"M{} {}h0\"/>\
             <text class=\"tick\" x=\"{}\" y=\"{}\">{}</text>\n",
            pixels(x + 6.0),
            pixels(y - 4.5),
            pixels(x + 16.0),
            pixels(y),
            escape(&name)
        ));
        x += width;
    }
    (out, y + 24.0)
}

fn describe(panel: &TaskPanel) -> String {
    let percent = if panel.percent { 100.0 } else { 1.0 };
    let said = panel.series.iter().map(|series| {
        let cells = series.cells.iter().zip(&panel.bins).filter_map(|(cell, bin)| {
            cell.map(|cell| format!("{bin} {}", figure(percent * cell.value)))
        });
        format!("{}: {}", series.name, cells.collect::<Vec<_>>().join(", "))
    });
    said.collect::<Vec<_>>().join("; ")
}
