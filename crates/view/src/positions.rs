//! A position function as a picture: its table, how far positions lie apart, and its spectrum.

use crate::heat::{Heat, heat_map};
use crate::markup::{escape, figure};
use crate::page::page;
use crate::plot::{Curve, Look, Plot, rules, svg};
use crate::scale::{Fit, Scale};

/// What is known of a position function. Parts that are empty or `None` are not drawn.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PositionPicture {
    /// The function's name, as in a configuration.
    pub name: String,
    /// Its formula, where it has one.
    pub formula: Option<String>,
    /// Number of positions.
    pub length: usize,
    /// Width of an encoding.
    pub hidden: usize,
    /// The encodings `[length, hidden]`, row by row; empty for functions without a table, such as
    /// `alibi` and `relative`.
    pub table: Vec<f32>,
    /// Mean Euclidean distance of the encodings of two positions `k` apart, `k = 0, 1, 2, …`.
    pub distances: Vec<f32>,
    /// Their mean cosine, `k = 0, 1, 2, …`.
    pub cosines: Vec<f32>,
    /// Period in positions and mean power of the encodings at it.
    pub spectrum: Vec<(f32, f32)>,
    /// What each head adds to a score, `[heads]` of as many values as `bias_distances`.
    pub bias_by_head: Option<Vec<Vec<f32>>>,
    /// The distances of `bias_by_head`, rising: key's position less query's.
    pub bias_distances: Option<Vec<i64>>,
    /// The verdict in words.
    pub verdict: String,
    /// Two positions whose encodings coincide: the verdict is bad.
    pub coincide: Option<(usize, usize)>,
    /// Least and greatest value of the table.
    pub range: (f32, f32),
}

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 330.0;
const GAP: f64 = 24.0;
const MARGIN: f64 = 16.0;

impl PositionPicture {
    fn subject(&self) -> String {
        format!("Positions: {}", self.name)
    }

    /// Facts in one line.
    fn facts(&self) -> String {
        let mut facts = format!("{} positions", self.length);
        if self.hidden > 0 {
            facts.push_str(&format!(" × {} values", self.hidden));
        }
        if !self.table.is_empty() {
            let (low, high) = (f64::from(self.range.0), f64::from(self.range.1));
            facts.push_str(&format!(", from {} to {}", figure(low), figure(high)));
        }
        facts
    }

    /// The parts that are there to be drawn, each as `[title, what it shows, elements]`.
    fn panels(&self) -> Vec<[String; 3]> {
        let mut panels = Vec::new();
        if let Some(heat) = self.heat() {
            panels.push(heat_map(&heat, WIDTH, HEIGHT));
        }
        panels.extend(
            self.plots().iter().map(|plot| [plot.title.clone(), plot.summary(), plot.draw()]),
        );
        panels
    }

    fn heat(&self) -> Option<Heat<'_>> {
        let whole = self.hidden > 0 && self.table.len() == self.length * self.hidden;
        (whole && self.length > 0).then_some(Heat {
            title: "Table",
            rows: self.length,
            columns: self.hidden,
            row_name: "position",
            column_name: "dimension",
            values: &self.table,
        })
    }

    fn plots(&self) -> Vec<Plot> {
        let by_distance = |values: &[f32]| -> Vec<[f64; 2]> {
            values.iter().enumerate().map(|(k, v)| [k as f64, f64::from(*v)]).collect()
        };
        let mut plots = Vec::new();
        if !self.distances.is_empty() {
            let curve = line("mean distance", 0, by_distance(&self.distances));
            plots.push(plot("Distance profile", "positions apart", "mean distance", vec![curve]));
        }
        if !self.cosines.is_empty() {
            let curve = line("mean cosine", 1, by_distance(&self.cosines));
            plots.push(plot("Cosine profile", "positions apart", "mean cosine", vec![curve]));
        }
        if !self.spectrum.is_empty() {
            plots.push(self.spectrum_plot());
        }
        if let Some(heads) = self.bias_by_head.as_ref().filter(|heads| !heads.is_empty()) {
            plots.push(self.bias_plot(heads));
        }
        plots
    }

    fn spectrum_plot(&self) -> Plot {
        let mut points: Vec<[f64; 2]> =
            self.spectrum.iter().map(|(period, power)| [*period, *power].map(f64::from)).collect();
        points.sort_by(|a, b| a[0].total_cmp(&b[0]));
        let powers = || points.iter().map(|p| p[1]);
        // Below a millionth of the greatest lies what rounding left.
        let most = powers().filter(|p| p.is_finite()).fold(0.0, f64::max);
        let floor = most * 1e-6;
        let y = Scale::logarithmic(powers().filter(|p| *p >= floor), Fit::Ticks);
        let x = Scale::logarithmic(points.iter().map(|p| p[0]), Fit::Tight);
        let shown = points.iter().map(|p| [p[0], if p[1] > 0.0 { p[1].max(floor) } else { floor }]);
        let shown = shown.collect();
        let curves = vec![line("power", 2, shown)];
        let cut = powers().any(|p| p < floor);
        let name = if cut { "power, from 10⁻⁶ of the greatest on" } else { "power" };
        Plot { x, y, ..plot("Spectrum", "period in positions", name, curves) }
    }

    fn bias_plot(&self, heads: &[Vec<f32>]) -> Plot {
        let distances = self.bias_distances.as_deref().unwrap_or_default();
        let place = |k: usize| distances.get(k).map_or(k as f64, |d| *d as f64);
        let curves = heads.iter().enumerate().map(|(head, values)| {
            let points = values.iter().enumerate().map(|(k, v)| [place(k), f64::from(*v)]);
            line(&format!("head {}", head + 1), head, points.collect())
        });
        let plot = plot("Bias by head", "key less query", "added to the score", curves.collect());
        Plot { legend: true, ..plot }
    }

    fn header(&self, width: f64) -> (String, f64) {
        let mut out = String::new();
        let mut y = 26.0;
        let mut say = |class: &str, text: &str| {
            for line in wrap(text, ((width - 2.0 * MARGIN) / 7.2) as usize) {
                out.push_str(&format!(
                    "<text class=\"{class}\" x=\"{MARGIN}\" y=\"{y}\">{}</text>\n",
                    escape(&line)
                ));
                y += 20.0;
            }
        };
        say("head", &self.subject());
        if let Some(formula) = &self.formula {
            say("tick", formula);
        }
        say("tick", &self.facts());
        say(if self.coincide.is_some() { "bad" } else { "good" }, &self.verdict_line());
        (out, y)
    }

    fn verdict_line(&self) -> String {
        let sign = if self.coincide.is_some() { "✗" } else { "✓" };
        format!("{sign} {}", self.verdict)
    }
}

fn line(name: &str, colour: usize, points: Vec<[f64; 2]>) -> Curve {
    let look = Look::Line;
    Curve { name: name.to_owned(), colour, look, points, intervals: Vec::new() }
}

fn plot(title: &str, x_name: &str, y_name: &str, curves: Vec<Curve>) -> Plot {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    Plot {
        x: Scale::linear(points().map(|p| p[0]), Fit::Tight, 6),
        y: Scale::linear(points().map(|p| p[1]), Fit::Ticks, 5),
        title: title.to_owned(),
        x_name: x_name.to_owned(),
        y_name: y_name.to_owned(),
        curves,
        level: None,
        legend: false,
        width: WIDTH,
        height: HEIGHT,
    }
}

/// Lines of at most `most` characters, cut at blanks where there are any.
fn wrap(text: &str, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let (mut used, most) = (0, most.max(1));
    for word in text.split_whitespace() {
        let letters: Vec<char> = word.chars().collect();
        for part in letters.chunks(most) {
            if used > 0 && used + 1 + part.len() > most {
                lines.push(String::new());
                used = 0;
            }
            if let Some(line) = lines.last_mut() {
                if used > 0 {
                    line.push(' ');
                    used += 1;
                }
                line.extend(part);
            }
            used += part.len();
        }
    }
    lines
}

/// The picture as one standalone SVG: the verdict, and below it the table, the profiles, the
/// spectrum and the biases that are given. The same picture gives the same bytes.
pub fn position_picture(picture: &PositionPicture) -> String {
    let panels = picture.panels();
    let columns = panels.len().clamp(1, 2);
    let width = (columns as f64 * (WIDTH + GAP) - GAP + 2.0 * MARGIN).max(640.0);
    let (mut content, top) = picture.header(width);
    let mut height = top + 4.0;
    for (n, [_, _, elements]) in panels.iter().enumerate() {
        let (row, column) = (n / columns, n % columns);
        let x = MARGIN + column as f64 * (WIDTH + GAP);
        let y = top + 8.0 + row as f64 * (HEIGHT + GAP);
        content.push_str(&format!("<g transform=\"translate({x} {y})\">\n{elements}</g>\n"));
        height = y + HEIGHT + MARGIN;
    }
    let paper = "<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n";
    let what = format!("{}. {}", picture.facts(), picture.verdict);
    let texts = [picture.subject(), what];
    let texts = [texts[0].as_str(), texts[1].as_str()];
    svg("positions", texts, (width, height), "", &rules(), &format!("{paper}{content}"))
}

/// The picture as one self-contained HTML page.
pub fn position_page(picture: &PositionPicture) -> String {
    let mut body = format!("<h1>{}</h1>\n", escape(&picture.subject()));
    if let Some(formula) = &picture.formula {
        body.push_str(&format!("<p><code>{}</code></p>\n", escape(formula)));
    }
    body.push_str(&format!("<p class=\"quiet\">{}</p>\n", escape(&picture.facts())));
    let mood = if picture.coincide.is_some() { "wrong" } else { "right" };
    body.push_str(&format!("<p class=\"{mood}\">{}</p>\n", escape(&picture.verdict_line())));
    body.push_str("<div class=\"plots\">\n");
    if let Some(heat) = picture.heat() {
        let [title, what, elements] = heat_map(&heat, WIDTH, HEIGHT);
        let drawn = svg("table", [&title, &what], (WIDTH, HEIGHT), "", "", &elements);
        body.push_str(&format!("<figure>{drawn}</figure>\n"));
    }
    for (n, plot) in picture.plots().iter().enumerate() {
        body.push_str(&format!("<figure>{}</figure>\n", plot.svg(&format!("p{n}"), "")));
    }
    body.push_str("</div>\n");
    page(&picture.subject(), &body)
}
