//! Tables of a page: each plot's numbers stand behind it, for eyes, ears and clipboards.

use crate::markup::{escape, figure};

/// What stands where nothing was measured.
pub(super) const ABSENT: &str = "–";

/// A table with a row of heads and rows whose first cell is their head, in a box that scrolls.
pub(super) fn table(label: &str, heads: &[String], rows: &[Vec<String>]) -> String {
    let cell = |text: &String| format!("<td>{}</td>", escape(text));
    let head: String =
        heads.iter().map(|head| format!("<th scope=\"col\">{}</th>", escape(head))).collect();
    let row = |cells: &Vec<String>| {
        let first = cells.first().map_or(String::new(), |first| escape(first));
        let rest: String = cells.iter().skip(1).map(cell).collect();
        format!("<tr><th scope=\"row\">{first}</th>{rest}</tr>\n")
    };
    let body: String = rows.iter().map(row).collect();
    format!(
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{}\"><table>\n\
         <thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>\n",
        escape(label)
    )
}

/// A table that is folded away until it is asked for.
pub(super) fn folded(summary: &str, table: &str) -> String {
    format!("<details><summary>{}</summary>{table}</details>\n", escape(summary))
}

/// A value with its interval, `61.2 [58.0, 64.1]`; shares as per cent, to a tenth.
pub(super) fn with_interval(value: f64, interval: Option<[f64; 2]>, percent: bool) -> String {
    let number = |value: f64| match percent {
        true if value.is_finite() => format!("{:.1}", 100.0 * value),
        _ => figure(value),
    };
    match interval {
        Some([low, high]) => format!("{} [{}, {}]", number(value), number(low), number(high)),
        None => number(value),
    }
}
