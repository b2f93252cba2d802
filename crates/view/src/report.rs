//! One or several training runs as one page, and a single plot of them for a document.

use std::collections::BTreeSet;

use crate::curves::RunCurves;
use crate::markup::{duration, escape, figure, whole};
use crate::metrics::{Against, CurveKind, MOST_POINTS, MOST_RAW};
use crate::page::page;
use crate::plot::{COLOURS, dash, rules, svg};

const SIZE: (f64, f64) = (480.0, 300.0);
const DOCUMENT_SIZE: (f64, f64) = (760.0, 440.0);

/// The curves of all runs as one self-contained HTML page: no script is needed to see anything,
/// and nothing comes from elsewhere. The same runs give the same bytes.
///
/// Long curves are thinned to at most 1,000 points, which the page says and explains.
///
/// ```
/// use contexture_view::{Point, RunCurves, run_report};
/// let points = (1..=3).map(|step| Point { step, loss: 9.0 / step as f64, ..Point::default() });
/// let run = RunCurves { name: "first".to_owned(), points: points.collect(), ..RunCurves::default() };
/// let page = run_report(&[run]);
/// assert!(page.starts_with("<!DOCTYPE html>") && page.contains("Training loss"));
/// ```
pub fn run_report(runs: &[RunCurves]) -> String {
    let mut body = String::from("<h1>Training report</h1>\n");
    if runs.is_empty() {
        body.push_str("<p>There are no runs to show.</p>\n");
        return page("Training report", &body);
    }
    body.push_str(&legend(runs));
    let kinds = CurveKind::present(runs);
    if kinds.is_empty() {
        body.push_str("<p>The runs hold no values yet.</p>\n");
    } else {
        body.push_str(&plots(runs, &kinds));
    }
    body.push_str(&table(runs));
    body.push_str(&notes(runs));
    body.push_str(&configs(runs));
    let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    page(&format!("Training report: {}", names.join(", ")), &body)
}

/// One measure of all runs as a standalone SVG, with its legend, for a document.
pub fn curves_svg(runs: &[RunCurves], kind: &CurveKind, against: Against) -> String {
    let mut plot = kind.plot(runs, against, DOCUMENT_SIZE);
    plot.title = kind.title();
    plot.y_name = kind.measure().to_owned();
    plot.legend = true;
    let (width, height) = (DOCUMENT_SIZE.0 + 24.0, DOCUMENT_SIZE.1 + 20.0);
    let content = format!(
        "<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n\
         <g transform=\"translate(12 10)\">\n{}</g>\n",
        plot.draw()
    );
    let title = format!("{} against {}", kind.title(), plot.x_name);
    svg("curves", [&title, &plot.summary()], (width, height), "", &rules(), &content)
}

fn legend(runs: &[RunCurves]) -> String {
    let item = |(n, run): (usize, &RunCurves)| {
        let line = format!("<path class=\"line c{}\"{} d=\"M0 4h26\"/>", n % COLOURS, dash(n));
        let name = escape(&run.name);
        format!(
            "<li><svg width=\"26\" height=\"8\" viewBox=\"0 0 26 8\" aria-hidden=\"true\">\
             {line}</svg>{name}</li>\n"
        )
    };
    let items: String = runs.iter().enumerate().map(item).collect();
    format!("<ul class=\"runs\" aria-label=\"Runs\">\n{items}</ul>\n")
}

/// All plots against all axes; which axis is seen is a matter of the radio buttons and of CSS.
fn plots(runs: &[RunCurves], kinds: &[CurveKind]) -> String {
    let measured = |against: &Against| match against {
        Against::Steps => true,
        Against::Tokens => runs.iter().flat_map(|run| &run.points).any(|point| point.tokens > 0),
        Against::Time => runs.iter().flat_map(|run| &run.points).any(|point| point.seconds > 0.0),
    };
    let axes: Vec<Against> = Against::ALL.into_iter().filter(measured).collect();
    let mut out = String::from("<p class=\"axes\">Against:</p>\n");
    for (n, axis) in axes.iter().enumerate() {
        let word = axis.word();
        let checked = if n == 0 { " checked=\"checked\"" } else { "" };
        out.push_str(&format!(
            "<input type=\"radio\" name=\"axis\" id=\"by-{word}\"{checked}/>\
             <label for=\"by-{word}\">{word}</label>\n"
        ));
    }
    out.push_str("<div class=\"plots\">\n");
    for (n, kind) in kinds.iter().enumerate() {
        let title = escape(&kind.title());
        out.push_str(&format!("<figure aria-label=\"{title}\">\n"));
        for axis in &axes {
            let word = axis.word();
            let drawn = kind.plot(runs, *axis, SIZE).svg(&format!("p{n}-{word}"), "");
            out.push_str(&format!("<div class=\"by-{word}\">{drawn}</div>\n"));
        }
        out.push_str("</figure>\n");
    }
    out.push_str("</div>\n");
    out
}

/// The figures at each run's end.
fn table(runs: &[RunCurves]) -> String {
    let held: BTreeSet<&str> = runs
        .iter()
        .flat_map(|run| &run.held_out)
        .flat_map(|held| held.values.keys().map(String::as_str))
        .collect();
    let mut heads: Vec<String> =
        ["run", "steps", "tokens", "time", "loss"].map(String::from).into();
    if held.contains("loss") {
        heads.push("best held-out loss".to_owned());
        heads.push("at step".to_owned());
    }
    heads.extend(held.iter().map(|name| format!("last held-out {name}")));
    heads.extend(["tokens/s", "share of peak"].map(String::from));
    let head: String =
        heads.iter().map(|head| format!("<th scope=\"col\">{}</th>", escape(head))).collect();
    let mut rows = String::new();
    for run in runs {
        let cells = row(run, &held);
        let rest: String = cells.iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect();
        rows.push_str(&format!("<tr><th scope=\"row\">{}</th>{rest}</tr>\n", escape(&run.name)));
    }
    format!(
        "<h2>Final figures</h2>\n<div class=\"scroll\" role=\"region\" \
         tabindex=\"0\" aria-label=\"Final figures\"><table>\n<thead><tr>{head}</tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table></div>\n"
    )
}

fn row(run: &RunCurves, held: &BTreeSet<&str>) -> Vec<String> {
    const ABSENT: &str = "–";
    let number = |value: Option<f64>| value.map_or(ABSENT.to_owned(), figure);
    let last = run.points.last();
    let losses: Vec<[f64; 2]> = run.points.iter().map(|p| [p.step as f64, p.loss]).collect();
    let count = |value: Option<u64>| value.map_or(ABSENT.to_owned(), |v| whole(v as f64));
    let mut cells = vec![
        count(last.map(|point| point.step)),
        count(last.map(|point| point.tokens)),
        last.map_or(ABSENT.to_owned(), |point| duration(point.seconds)),
        number(final_mean(&losses)),
    ];
    if held.contains("loss") {
        let known =
            run.held_out.iter().filter_map(|held| Some((*held.values.get("loss")?, held.step)));
        let best = known.filter(|(loss, _)| loss.is_finite()).min_by(|a, b| a.0.total_cmp(&b.0));
        cells.push(number(best.map(|(loss, _)| loss)));
        cells.push(count(best.map(|(_, step)| step)));
    }
    for name in held {
        let mut values = run.held_out.iter().filter_map(|held| held.values.get(*name));
        cells.push(number(values.next_back().copied()));
    }
    let mean = |of: &dyn Fn(&crate::curves::Point) -> Option<f64>| {
        let known: Vec<f64> = run.points.iter().filter_map(of).filter(|v| v.is_finite()).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    };
    cells.push(number(mean(&|point| point.tokens_per_s)));
    let share = mean(&|point| point.peak_share);
    cells.push(share.map_or(ABSENT.to_owned(), |share| format!("{:.1} %", share * 100.0)));
    cells
}

/// The mean of the last fiftieth of the points, one at least.
fn final_mean(points: &[[f64; 2]]) -> Option<f64> {
    let count = (points.len() / 50).max(1);
    let last = &points[points.len().saturating_sub(count)..];
    let known: Vec<f64> = last.iter().map(|p| p[1]).filter(|y| y.is_finite()).collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

/// How the page was made of the numbers.
fn notes(runs: &[RunCurves]) -> String {
    let mut notes = vec![
        "Bold curves are means over a fiftieth of a run's logged steps around each (fewer at its \
         ends); runs of less than 100 logged steps are drawn as they are. The loss in the table \
         is the mean over the last fiftieth; tokens/s and share of peak are means over the run."
            .to_owned(),
    ];
    if runs.len() <= MOST_RAW {
        notes.push("Pale curves are the values as logged.".to_owned());
    } else {
        notes.push(format!(
            "With more than {MOST_RAW} runs the values as logged would hide each other and are \
             not drawn."
        ));
    }
    if runs.iter().any(|run| run.points.len() > MOST_POINTS / 2) {
        notes.push(format!(
            "Long curves are thinned: of values as logged each stretch shows its least and its \
             greatest ({} points a curve at most), of means each stretch shows its mean ({}).",
            whole(MOST_POINTS as f64),
            MOST_POINTS / 2
        ));
    }
    for run in runs {
        notes.extend(run.notes.iter().map(|note| format!("{}: {note}.", run.name)));
    }
    let items: String = notes.iter().map(|note| format!("<li>{}</li>\n", escape(note))).collect();
    format!("<h2>Notes</h2>\n<ul class=\"quiet\">\n{items}</ul>\n")
}

fn configs(runs: &[RunCurves]) -> String {
    let mut out = String::new();
    for run in runs {
        if let Some(config) = &run.config {
            out.push_str(&format!(
                "<details><summary>Configuration of {}</summary><pre>{}</pre></details>\n",
                escape(&run.name),
                escape(config)
            ));
        }
    }
    if out.is_empty() { out } else { format!("<h2>Configurations</h2>\n{out}") }
}
