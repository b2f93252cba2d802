//! Cross-attention as a page: for each text a map of each layer and head, rows the output's tokens and
//! columns the text's.

use crate::heat::{Heat, average, draw_key, image, png};
use crate::label::{fit, width};
use crate::markup::{escape, figure, pixels};
use crate::page::page;
use crate::plot::svg;

/// What an output's tokens looked at in its text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AttentionPicture {
    /// The text.
    pub text: String,
    /// The output.
    pub output: String,
    /// The text's tokens: the maps' columns.
    pub source: Vec<String>,
    /// The output's tokens: the maps' rows.
    pub target: Vec<String>,
    /// For each layer, for each head, `[target, source]`, each row a distribution.
    pub layers: Vec<Vec<Vec<f32>>>,
}

/// A map's place on the page.
struct Map<'a> {
    id: String,
    title: String,
    values: &'a [f32],
    /// Pixels that the map may take, its names not counted.
    room: f64,
}

/// Cells of a map that are also said in numbers; beyond them a page would not be read any more.
const MOST_SAID: usize = 4096;
/// Columns of a terminal that a token's name has at most.
const NAME: usize = 14;
/// Pixels of one of them.
const CHARACTER: f64 = 8.3;
/// Between the names of neighbours.
const LINE: f64 = 13.0;
/// The side of a cell, where there is room.
const SIDE: f64 = 22.0;
/// The cosine and sine of the angle of columns' names.
const TURN: (f64, f64) = (0.642_787_6, 0.766_044_4);

/// The page for outputs of `model`, one section each, with what there is to be said before them. The
/// same input gives the same bytes.
pub fn attention_page(model: &str, notes: &[String], pictures: &[AttentionPicture]) -> String {
    let title = format!("Cross-attention: {model}");
    let mut body = format!("<h1>{}</h1>\n", escape(&title));
    body.push_str(
        "<p>A row is a token of the output; it was told from the tokens above it and from what it \
         took of the text's tokens, the columns. A row's shares sum to 1.</p>\n",
    );
    for note in notes {
        body.push_str(&format!("<p class=\"quiet\">{}</p>\n", escape(note)));
    }
    if !pictures.is_empty() {
        body.push_str(&key());
    }
    for (number, picture) in pictures.iter().enumerate() {
        body.push_str(&picture.section(number + 1));
    }
    page(&title, &body)
}

fn key() -> String {
    let mut drawn = String::new();
    draw_key(&mut drawn, (0.0, 1.0), (2.0, 10.0), 100.0);
    let what = "the paler a cell, the smaller its share, from 1 down to 0";
    let drawn = svg("key", ["Colours", what], (70.0, 120.0), "", "", &drawn);
    format!("<div class=\"maps\"><figure>{drawn}</figure></div>\n")
}

impl AttentionPicture {
    fn section(&self, number: usize) -> String {
        let names = |names: &[String]| {
            let names = serde_json::to_string(names).unwrap_or_default();
            escape(&names)
        };
        let mut out = format!(
            "<section data-rows=\"{}\" data-columns=\"{}\">\n<h2>Text {number}</h2>\n\
             <p class=\"said\">{}</p>\n<p class=\"said\">→ {}</p>\n",
            names(&self.target),
            names(&self.source),
            escape(&self.text),
            escape(&self.output)
        );
        if !self.is_whole() {
            out.push_str("<p class=\"quiet\">There is no attention to show.</p>\n");
            return out + "</section>\n";
        }
        if !self.is_said() {
            out.push_str(&format!(
                "<p class=\"quiet\">{} × {} tokens: too many for numbers beside the colours.</p>\n",
                self.target.len(),
                self.source.len()
            ));
        }
        self.draw(number, &mut out);
        out + "</section>\n"
    }

    /// The layers' means, then the heads of each and its numbers, folded.
    fn draw(&self, number: usize, out: &mut String) {
        let means: Vec<Vec<f32>> = self.layers.iter().map(|heads| mean(heads)).collect();
        let count = self.layers.len();
        out.push_str("<div class=\"maps\">\n");
        for (layer, values) in means.iter().enumerate() {
            let of = if self.layers[layer].len() > 1 { ", mean of its heads" } else { "" };
            let title = format!("Layer {} of {count}{of}", layer + 1);
            let id = format!("t{number}l{}", layer + 1);
            out.push_str(&self.map(&Map { id, title, values, room: 900.0 }));
        }
        out.push_str("</div>\n");
        for (layer, heads) in self.layers.iter().enumerate().filter(|(_, heads)| heads.len() > 1) {
            let layer = layer + 1;
            out.push_str(&format!(
                "<details><summary>Layer {layer}, head by head</summary>\n<div class=\"maps\">\n"
            ));
            for (head, values) in heads.iter().enumerate() {
                let title = format!("Layer {layer}, head {}", head + 1);
                let id = format!("t{number}l{layer}h{}", head + 1);
                out.push_str(&self.map(&Map { id, title, values, room: 300.0 }));
            }
            out.push_str("</div>\n</details>\n");
        }
        for (layer, values) in means.iter().enumerate().filter(|_| self.is_said()) {
            let summary = format!("Layer {} in numbers", layer + 1);
            out.push_str(&format!("<details><summary>{summary}</summary>\n"));
            out.push_str(&self.table(values));
            out.push_str("</details>\n");
        }
    }

    /// Whether there is a map, and every one has a cell for each pair of tokens.
    fn is_whole(&self) -> bool {
        let cells = self.source.len() * self.target.len();
        let mut maps = self.layers.iter().flatten().peekable();
        cells > 0 && maps.peek().is_some() && maps.all(|map| map.len() == cells)
    }

    fn is_said(&self) -> bool {
        self.source.len() * self.target.len() <= MOST_SAID
    }

    fn map(&self, map: &Map<'_>) -> String {
        let (rows, columns) = (self.target.len(), self.source.len());
        let side = (map.room / rows.max(columns) as f64).clamp(1.0, SIDE);
        let heat = Heat {
            title: &map.title,
            rows,
            columns,
            row_name: "output",
            column_name: "text",
            values: map.values,
        };
        let cells = average(&heat);
        let longest = |names: &[String]| {
            CHARACTER * names.iter().map(|name| width(name, NAME)).max().unwrap_or(0) as f64
        };
        let slanted = longest(&self.source);
        let (left, top) = (longest(&self.target) + 10.0, 24.0 + slanted * TURN.1 + 14.0);
        let (wide, high) = (columns as f64 * side, rows as f64 * side);
        let mut drawn =
            format!("<text class=\"head\" x=\"2\" y=\"15\">{}</text>\n", escape(&map.title));
        drawn.push_str(&image(&png(&cells, 1.0), (left, top), (wide, high)));
        let step = (LINE / side).ceil() as usize;
        for (row, name) in self.target.iter().enumerate().step_by(step) {
            let y = top + (row as f64 + 0.5) * side + 4.5;
            drawn.push_str(&tick(name, "end", "", left - 6.0, y));
        }
        for (column, name) in self.source.iter().enumerate().step_by(step) {
            let x = left + (column as f64 + 0.5) * side;
            let y = top - 6.0;
            let turned = format!(" transform=\"rotate(-50 {} {})\"", pixels(x), pixels(y));
            drawn.push_str(&tick(name, "start", &turned, x, y));
        }
        // The title needs as much as its letters, where a map is narrow.
        let title = 8.5 * map.title.chars().count() as f64;
        let size = ((left + wide + slanted * TURN.0 + 12.0).max(title), top + high + 4.0);
        let attributes = match self.is_said() {
            true => format!(
                " data-map=\"{} {} {}\" data-cells=\"{}\"",
                pixels(left),
                pixels(top),
                side,
                thousandths(map.values)
            ),
            false => String::new(),
        };
        let what = self.summary(map.values, cells.block);
        let drawn = svg(&map.id, [&map.title, &what], size, &attributes, "", &drawn);
        format!("<figure>{drawn}</figure>\n")
    }

    /// What a map shows, for those who do not see it: where each token looked most.
    fn summary(&self, values: &[f32], block: (usize, usize)) -> String {
        let (rows, columns) = (self.target.len(), self.source.len());
        let mut what = format!("{rows} tokens of the output down, {columns} of the text across");
        if block != (1, 1) {
            what.push_str(&format!(", means of {} × {} cells", block.0, block.1));
        }
        let most = |(name, row): (&String, &[f32])| {
            let (at, share) = row
                .iter()
                .enumerate()
                .max_by(|a, b| a.1.total_cmp(b.1))
                .map_or((0, 0.0), |(at, share)| (at, *share));
            format!("{name} ← {} {}", self.source[at], figure(rounded(share)))
        };
        let rows: Vec<String> =
            self.target.iter().zip(values.chunks(columns)).take(ROWS_TOLD).map(most).collect();
        format!("{what}. Most of each row: {}", rows.join("; "))
    }

    fn table(&self, values: &[f32]) -> String {
        let heading: String = self
            .source
            .iter()
            .map(|name| format!("<th scope=\"col\">{}</th>", escape(name)))
            .collect();
        let mut out = format!(
            "<div class=\"scroll\" tabindex=\"0\"><table>\n<thead><tr><th scope=\"col\">output</th>\
             {heading}</tr></thead>\n<tbody>\n"
        );
        for (name, row) in self.target.iter().zip(values.chunks(self.source.len())) {
            let cells: String = row.iter().map(|share| format!("<td>{share:.3}</td>")).collect();
            out.push_str(&format!("<tr><th scope=\"row\">{}</th>{cells}</tr>\n", escape(name)));
        }
        out + "</tbody>\n</table></div>\n"
    }
}

/// Rows whose greatest share a summary tells.
const ROWS_TOLD: usize = 40;

fn tick(name: &str, anchor: &str, more: &str, x: f64, y: f64) -> String {
    let (x, y) = (pixels(x), pixels(y));
    let name = fit(name, NAME.min(width(name, NAME)).max(1));
    let name = escape(name.trim_end());
    format!(
        "<text class=\"tick\" text-anchor=\"{anchor}\" x=\"{x}\" y=\"{y}\"{more}>{name}</text>\n"
    )
}

fn mean(heads: &[Vec<f32>]) -> Vec<f32> {
    let mut mean = vec![0.0; heads.first().map_or(0, Vec::len)];
    for head in heads {
        mean.iter_mut().zip(head).for_each(|(sum, value)| *sum += value / heads.len() as f32);
    }
    mean
}

fn rounded(share: f32) -> f64 {
    (f64::from(share) * 1000.0).round() / 1000.0
}

fn thousandths(values: &[f32]) -> String {
    let whole = |value: &f32| format!("{:.0}", f64::from(*value) * 1000.0);
    values.iter().map(whole).collect::<Vec<_>>().join(" ")
}
