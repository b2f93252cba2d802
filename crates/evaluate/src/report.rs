//! Results as a table: for a terminal, as Markdown, as JSON.

use serde::Serialize;

use crate::Estimate;

/// How a figure is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A share or a correlation, shown times 100 with two decimals.
    Share,
    /// Points of 100, as they are, with two decimals.
    Points,
    /// As it is, with four decimals.
    Plain,
    /// A whole number.
    Count,
}

/// One figure of one row.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// What it is called: `Spearman`, `nDCG@10`.
    pub name: String,
    /// How it is shown.
    pub unit: Unit,
    /// The figure, a share as a share.
    pub value: f64,
    /// The ends of its 95 % interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
}

impl Figure {
    /// A share or a correlation with its interval.
    pub fn share(name: impl Into<String>, estimate: Estimate) -> Self {
        let Estimate { value, interval } = estimate;
        Self { name: name.into(), unit: Unit::Share, value, interval }
    }

    /// Points of 100.
    pub fn points(name: impl Into<String>, estimate: Estimate) -> Self {
        Self { unit: Unit::Points, ..Self::share(name, estimate) }
    }

    /// A figure that is no share.
    pub fn plain(name: impl Into<String>, estimate: Estimate) -> Self {
        Self { unit: Unit::Plain, ..Self::share(name, estimate) }
    }

    /// A number of things.
    pub fn count(name: impl Into<String>, count: usize) -> Self {
        Self { unit: Unit::Count, ..Self::share(name, Estimate::exact(count as f64)) }
    }

    fn show(&self, value: f64) -> String {
        match self.unit {
            _ if value.is_nan() => "undefined".to_owned(),
            Unit::Share => format!("{:.2}", 100.0 * value),
            Unit::Points => format!("{value:.2}"),
            Unit::Plain => format!("{value:.4}"),
            Unit::Count => format!("{value:.0}"),
        }
    }

    fn cell(&self, with_interval: bool) -> String {
        let value = self.show(self.value);
        match self.interval.filter(|_| with_interval) {
            Some([low, high]) => format!("{value} [{}, {}]", self.show(low), self.show(high)),
            None => value,
        }
    }
}

/// One row: a file, a case, a subset.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// What was evaluated.
    pub data: String,
    /// Items: pairs, queries, texts, words.
    pub items: usize,
    /// The figures, the first being the headline.
    pub figures: Vec<Figure>,
    /// All that the task found, for JSON; null where there is nothing more to say.
    #[serde(skip_serializing_if = "serde_json::Value::is_null")]
    pub result: serde_json::Value,
}

impl Line {
    /// A row of figures.
    pub fn new(data: impl Into<String>, items: usize, figures: Vec<Figure>) -> Self {
        Self { data: data.into(), items, figures, result: serde_json::Value::Null }
    }
}

/// All that a run of `contexture eval` found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The task's name.
    pub task: String,
    /// The model; `None` where only its output was judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What an item is: `pairs`, `queries`.
    pub unit: &'static str,
    /// The rows.
    pub lines: Vec<Line>,
    /// What a reader must know: cut texts, thresholds learned on the data themselves.
    pub notes: Vec<String>,
    /// Wall-clock time.
    pub seconds: f64,
}

impl Report {
    /// The figures' names: those of all lines, in the order in which they first stand.
    fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for figure in self.lines.iter().flat_map(|line| &line.figures) {
            if !names.contains(&figure.name.as_str()) {
                names.push(&figure.name);
            }
        }
        names
    }

    /// The header and the rows as texts. The headline figure carries its interval.
    fn grid(&self) -> Vec<Vec<String>> {
        let names = self.names();
        let mut header = vec!["data".to_owned(), self.unit.to_owned()];
        header.extend(names.iter().map(|name| (*name).to_owned()));
        let row = |line: &Line| {
            let mut row = vec![line.data.clone(), line.items.to_string()];
            row.extend(names.iter().enumerate().map(|(at, name)| {
                let figure = line.figures.iter().find(|figure| figure.name == *name);
                figure.map_or_else(String::new, |figure| figure.cell(at == 0))
            }));
            row
        };
        std::iter::once(header).chain(self.lines.iter().map(row)).collect()
    }

    /// For a terminal: one row in a list with all intervals, several as a table.
    pub fn text(&self) -> String {
        let mut text = match &self.model {
            Some(model) => format!("{} · {model}\n\n", self.task),
            None => format!("{}\n\n", self.task),
        };
        if let [line] = self.lines.as_slice() {
            text += &format!("{}, {} {}\n", line.data, line.items, self.unit);
            let width = line.figures.iter().map(|f| f.name.chars().count()).max().unwrap_or(0);
            for figure in &line.figures {
                text += &format!("  {:width$}  {}\n", figure.name, figure.cell(true));
            }
        } else {
            text += &aligned(&self.grid());
        }
        if self.figures().any(|figure| figure.interval.is_some()) {
            text += "\nin brackets: 95 % bootstrap intervals";
            text += if self.figures().any(|f| f.unit == Unit::Share) {
                "; shares x 100\n"
            } else {
                "\n"
            };
        }
        for note in &self.notes {
            text += &format!("note: {note}\n");
        }
        text
    }

    fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.lines.iter().flat_map(|line| &line.figures)
    }

    /// A Markdown table with the notes below it.
    pub fn markdown(&self) -> String {
        let escape = |cell: &String| cell.replace('|', "\\|");
        let grid = self.grid();
        let mut text = match &self.model {
            Some(model) => format!("**{}**, `{model}`\n\n", self.task),
            None => format!("**{}**\n\n", self.task),
        };
        for (at, row) in grid.iter().enumerate() {
            let cells: Vec<String> = row.iter().map(escape).collect();
            text += &format!("| {} |\n", cells.join(" | "));
            if at == 0 {
                text += &format!("|---|{}\n", "---:|".repeat(row.len() - 1));
            }
        }
        if !self.notes.is_empty() {
            text.push('\n');
        }
        for note in &self.notes {
            text += &format!("- {note}\n");
        }
        text
    }

    /// One JSON object, shares as shares.
    ///
    /// # Errors
    /// None that is known: every part is plain data.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self).map(|text| text + "\n")
    }
}

/// Columns side by side, the first to the left, the others to the right.
fn aligned(grid: &[Vec<String>]) -> String {
    let columns = grid.first().map_or(0, Vec::len);
    let width = |column: usize| grid.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in grid {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let width = *width;
            line += &if at == 0 { format!("{cell:width$}") } else { format!("  {cell:>width$}") };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(lines: usize) -> Report {
        let estimate = Estimate { value: 0.86719, interval: Some([0.85, 0.88]) };
        let line = |at| {
            let figures = vec![
                Figure::share("Spearman", estimate),
                Figure::plain("threshold", Estimate::exact(f64::NAN)),
            ];
            Line::new(format!("a|{at}.tsv"), 3, figures)
        };
        Report {
            task: "sts".into(),
            model: Some("m".into()),
            unit: "pairs",
            lines: (0..lines).map(line).collect(),
            notes: vec!["1 text was cut".into()],
            seconds: 0.5,
        }
    }

    #[test]
    fn shares_are_shown_times_100_and_written_as_they_are() {
        let one = report(1);
        assert!(one.text().contains("  Spearman   86.72 [85.00, 88.00]\n"), "{}", one.text());
        assert!(one.text().contains("undefined") && one.text().contains("note: 1 text was cut"));
        let json: serde_json::Value =
            serde_json::from_str(&one.json().expect("JSON")).expect("JSON");
        assert_eq!(json["lines"][0]["figures"][0]["value"], 0.86719);
        assert!(json["lines"][0]["figures"][1]["value"].is_null());
    }

    #[test]
    fn points_are_shown_and_written_as_they_are() {
        let mut one = report(1);
        one.model = None;
        one.lines[0].figures = vec![Figure::points("BLEU", Estimate::exact(35.126))];
        assert_eq!(one.text(), "sts\n\na|0.tsv, 3 pairs\n  BLEU  35.13\nnote: 1 text was cut\n");
        assert!(one.markdown().starts_with("**sts**\n\n| data | pairs | BLEU |\n"));
        let json = one.json().expect("JSON");
        assert!(json.contains("\"value\":35.126") && !json.contains("model"), "{json}");
    }

    #[test]
    fn several_rows_are_a_table() {
        let two = report(2);
        assert!(two.text().contains("a|1.tsv      3  86.72 [85.00, 88.00]"), "{}", two.text());
        let markdown = two.markdown();
        assert!(markdown.contains("| data | pairs | Spearman | threshold |\n|---|---:|---:|---:|"));
        assert!(markdown.contains("| a\\|0.tsv | 3 | 86.72 [85.00, 88.00] | undefined |"));
    }
}
