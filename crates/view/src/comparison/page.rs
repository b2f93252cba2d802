//! The page: the argument in its order, a sentence before each picture, the numbers behind it.

use super::data::{ComparisonPage, Varied};
use crate::markup::escape;
use crate::page::page;
use crate::plot::{Plot, rules, svg};

/// Width of a picture that stands alone in its line.
pub(super) const WIDE: f64 = 760.0;

/// A comparison as one self-contained HTML page: what was compared, how it learned, what it costs,
/// what it can do, and what all this does not show. Nothing comes from elsewhere, no script is
/// needed to see anything, and the same comparison gives the same bytes.
///
/// ```
/// use contexture_view::{ComparedModel, ComparisonPage, comparison_page};
/// let model = ComparedModel { name: "attention".to_owned(), ..ComparedModel::default() };
/// let page = ComparisonPage { models: vec![model], ..ComparisonPage::default() };
/// assert!(comparison_page(&page).contains("What was compared"));
/// ```
pub fn comparison_page(comparison: &ComparisonPage) -> String {
    let title = match comparison.title.as_str() {
        "" => "Comparison",
        title => title,
    };
    let mut body = format!("<h1>{}</h1>\n", escape(title));
    body.push_str(&heading("What was compared"));
    for fact in &comparison.facts {
        body.push_str(&format!("<p>{}</p>\n", escape(fact)));
    }
    if comparison.models.is_empty() {
        body.push_str("<p>There are no models to show.</p>\n");
    } else {
        body.push_str(&comparison.model_table());
    }
    body.push_str(&learning(comparison));
    body.push_str(&costs(comparison, Varied::Length));
    body.push_str(&costs(comparison, Varied::Depth));
    body.push_str(&tasks(comparison));
    body.push_str(&notes(comparison));
    if let Some(config) = &comparison.config {
        body.push_str(&format!(
            "<h2>Configuration</h2>\n<details><summary>As it was given</summary>\
             <pre>{}</pre></details>\n",
            escape(config)
        ));
    }
    page(title, &body)
}

/// Every plot of the page as a standalone SVG for a document, with a name that can be a file's.
pub fn comparison_figures(comparison: &ComparisonPage) -> Vec<(String, String)> {
    let mut figures = Vec::new();
    let style = rules();
    let mut add = |name: String, plot: &Plot| {
        let paper = "<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n";
        let content = format!("{paper}{}", plot.draw());
        let size = (plot.width, plot.height);
        let drawn = svg(&name, [&plot.title, &plot.summary()], size, "", &style, &content);
        figures.push((name, drawn));
    };
    for (plot, against) in comparison.learning_plots().iter().zip(["tokens", "time"]) {
        add(format!("loss-by-{against}"), plot);
    }
    for varied in [Varied::Length, Varied::Depth] {
        let all = comparison.cost_series(varied);
        for series in &all {
            add(file_name(&series.title()), &comparison.cost_plot(series, &all));
        }
    }
    for section in &comparison.tasks {
        for panel in &section.panels {
            let name = file_name(&format!("{} {}", section.title, panel.title));
            let drawn = ComparisonPage::panel_svg(panel, &name, &style);
            figures.push((name, drawn));
        }
    }
    // Two panels of one title would be one file.
    let mut seen = std::collections::BTreeSet::new();
    for (name, _) in &mut figures {
        let plain = name.clone();
        let mut number = 2;
        while !seen.insert(name.clone()) {
            *name = format!("{plain}-{number}");
            number += 1;
        }
    }
    figures
}

/// Lower-case letters, digits and dashes.
fn file_name(title: &str) -> String {
    let mut name = String::new();
    for letter in title.chars().take(80) {
        match letter {
            letter if letter.is_ascii_alphanumeric() => name.push(letter.to_ascii_lowercase()),
            _ if !name.is_empty() && !name.ends_with('-') => name.push('-'),
            _ => {}
        }
    }
    let name = name.trim_end_matches('-');
    if name.is_empty() { "figure".to_owned() } else { name.to_owned() }
}

fn heading(title: &str) -> String {
    format!("<h2>{}</h2>\n", escape(title))
}

/// Pictures with what stands below each, two in a line; those that are wide have their own.
fn figures(pictures: impl Iterator<Item = (String, String, bool)>) -> String {
    let figure = |(drawn, numbers, wide): (String, String, bool)| {
        let class = if wide { " class=\"wide\"" } else { "" };
        format!("<figure{class}>{drawn}{numbers}</figure>\n")
    };
    let all: String = pictures.map(figure).collect();
    format!("<div class=\"plots\">\n{all}</div>\n")
}

fn learning(comparison: &ComparisonPage) -> String {
    let plots = comparison.learning_plots();
    if plots.is_empty() {
        return String::new();
    }
    let drawn = plots
        .iter()
        .enumerate()
        .map(|(at, plot)| (plot.svg(&format!("learning-{at}"), ""), String::new(), false));
    format!(
        "{}<p>The loss of each model while it trains, held-out: how surprised it is by text that it has \
         not seen; lower is better. On the left all have read the same number of tokens, on the right they have worked \
         for the same time; a model can win one and lose the other. Dashes tell the runs of one \
         model, which differ in their seed only, apart: differences between models that are not \
         larger than those between runs say nothing.</p>\n{}{}",
        heading("What they learned"),
        figures(drawn),
        comparison.learning_table()
    )
}

fn costs(comparison: &ComparisonPage, varied: Varied) -> String {
    let all = comparison.cost_series(varied);
    if all.is_empty() {
        return String::new();
    }
    let (title, text, word) = match varied {
        Varied::Length => (
            "What a token costs as sequences grow",
            "The time of a step divided by its tokens. Both axes are logarithmic, so that a power \
             law is a straight line whose steepness is the exponent: 0 says that a token costs the \
             same in a long sequence as in a short one, 1 that it costs twice as much when the \
             sequence is twice as long. Dots were measured, lines were fitted.",
            "length",
        ),
        Varied::Depth => (
            "What a token costs as layers are added",
            "The same against the number of layers: an exponent of 1 says that each layer costs as \
             much as the one before, less than 1 that something else than layers takes a share.",
            "depth",
        ),
    };
    let drawn = all.iter().enumerate().map(|(at, series)| {
        let plot = comparison.cost_plot(series, &all);
        (plot.svg(&format!("{word}-{at}"), ""), comparison.cost_table(series), false)
    });
    let laws = comparison.law_table(varied);
    format!("{}<p>{}</p>\n{}{laws}", heading(title), escape(text), figures(drawn))
}

fn tasks(comparison: &ComparisonPage) -> String {
    let mut out = String::new();
    for (at, section) in comparison.tasks.iter().enumerate() {
        out.push_str(&heading(&section.title));
        out.push_str(&format!("<p>{}</p>\n", escape(&section.text)));
        let drawn = section.panels.iter().enumerate().map(|(number, panel)| {
            let id = format!("task-{at}-{number}");
            let drawn = ComparisonPage::panel_svg(panel, &id, "");
            (drawn, ComparisonPage::panel_tables(panel), !panel.ordered)
        });
        out.push_str(&figures(drawn));
    }
    out
}

fn notes(comparison: &ComparisonPage) -> String {
    if comparison.notes.is_empty() {
        return String::new();
    }
    let item = |note: &String| format!("<li>{}</li>\n", escape(note));
    let items: String = comparison.notes.iter().map(item).collect();
    format!("{}<ul>\n{items}</ul>\n", heading("What this does not show"))
}
