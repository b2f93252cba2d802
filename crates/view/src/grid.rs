//! The table of cosines: every text against every text.

use crate::colour::{ColourMode, paint, ramp};
use crate::label::{fit, width};

const CELL_COLUMNS: usize = 7;
const LABEL_COLUMNS_LEAST: usize = 8;
const LABEL_COLUMNS_MOST: usize = 48;
const LEGEND_STEPS: usize = 5;

/// The table as text, each line ended: numbers, on coloured cells where `mode` says so.
///
/// `matrix` is `[labels, labels]`, row by row. Columns go by the rows' numbers, since texts are
/// too long to stand above them; labels are cut with an ellipsis. Where not all columns fit into
/// `terminal_columns` (`None`: any width), the table goes on below in blocks.
///
/// # Panics
/// If `matrix` does not hold a value for each pair of labels.
pub fn similarity_grid(
    labels: &[&str],
    matrix: &[f32],
    terminal_columns: Option<usize>,
    mode: ColourMode,
) -> String {
    let count = labels.len();
    assert_eq!(matrix.len(), count * count, "[labels, labels] = [{count}, {count}] values");
    if count == 0 {
        return String::new();
    }
    let digits = count.to_string().len();
    let longest = labels.iter().map(|label| width(label, LABEL_COLUMNS_MOST)).max().unwrap_or(0);
    let available = terminal_columns.unwrap_or(usize::MAX);
    // The label yields first, down to its least; then the columns go into blocks.
    let beside = digits + 2 + CELL_COLUMNS * count;
    let label_columns =
        longest.min(available.saturating_sub(beside).max(LABEL_COLUMNS_LEAST)).max(1);
    let for_cells = available.saturating_sub(digits + 2 + label_columns);
    let block = (for_cells / CELL_COLUMNS).clamp(1, count);

    let mut table = String::new();
    for start in (0..count).step_by(block) {
        let columns = start..(start + block).min(count);
        if start > 0 {
            table.push('\n');
        }
        let mut header = " ".repeat(digits + 2 + label_columns);
        for column in columns.clone() {
            header.push_str(&format!("{:^CELL_COLUMNS$}", column + 1));
        }
        table.push_str(header.trim_end());
        table.push('\n');
        for (row, label) in labels.iter().enumerate() {
            table.push_str(&format!("{:>digits$} {} ", row + 1, fit(label, label_columns)));
            let cells: String =
                columns.clone().map(|column| cell(matrix[row * count + column], mode)).collect();
            table.push_str(cells.trim_end());
            table.push('\n');
        }
    }
    let indent = digits + 2 + label_columns;
    if mode != ColourMode::Plain && available >= indent + LEGEND_STEPS * CELL_COLUMNS {
        table.push_str(&format!("\n{:indent$}{}\n", "", legend(mode)));
    }
    table
}

/// The ramp from -1 to 1.
fn legend(mode: ColourMode) -> String {
    (0..LEGEND_STEPS).map(|step| cell(step as f32 / 2.0 - 1.0, mode)).collect()
}

/// Seven columns: a sign, the number to three places, and room beside it.
fn cell(value: f32, mode: ColourMode) -> String {
    if !value.is_finite() {
        return format!("{:^CELL_COLUMNS$}", "-");
    }
    // A zero that rounding left is no negative number.
    let value = if value.abs() < 0.0005 { 0.0 } else { value };
    paint(&format!("{value:>6.3} "), ramp(value), mode)
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;

    fn plain(text: &str) -> String {
        let mut shown = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("\x1b[") {
            shown.push_str(&rest[..start]);
            let end = rest[start..].find('m').map_or(rest.len(), |end| start + end + 1);
            rest = &rest[end..];
        }
        shown + rest
    }

    fn matrix(count: usize) -> Vec<f32> {
        (0..count * count).map(|n| (n as f32 * 0.37).cos()).collect()
    }

    #[test]
    fn lines_keep_to_the_terminal_and_are_aligned() {
        let labels =
            ["a rather long label that cannot stay whole", "日本語のテキスト", "x", "", "5"];
        for count in 0..=labels.len() {
            for terminal in [40, 60, 80, 120] {
                for mode in [ColourMode::Plain, ColourMode::Colours256, ColourMode::TrueColour] {
                    let table =
                        similarity_grid(&labels[..count], &matrix(count), Some(terminal), mode);
                    assert_eq!(table.contains('\x1b'), count > 0 && mode != ColourMode::Plain);
                    let widths: Vec<usize> =
                        plain(&table).lines().map(|line| line.width()).collect();
                    assert!(widths.iter().all(|width| *width <= terminal), "{widths:?}\n{table}");
                    assert!(
                        count == 0 || widths[1..=count].iter().all(|w| *w == widths[1]),
                        "{table}"
                    );
                }
            }
        }
    }

    #[test]
    fn columns_that_do_not_fit_go_on_below() {
        let labels: Vec<String> = (0..30).map(|n| format!("label {n}")).collect();
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        let matrix = matrix(30);
        let table = similarity_grid(&labels, &matrix, Some(60), ColourMode::Plain);
        assert!(table.lines().all(|line| line.width() <= 60), "{table}");
        let shown = table.split_whitespace().filter(|word| word.contains('.')).count();
        assert_eq!(shown, 900, "every value is shown once");
    }

    #[test]
    fn odd_values_are_shown_as_what_they_are() {
        let values = [1.0, -0.0001, f32::NAN, -1.0];
        let table = similarity_grid(&["a", "b"], &values, None, ColourMode::TrueColour);
        let plain = plain(&table);
        assert!(plain.contains(" 0.000 ") && !plain.contains("-0.000"), "{plain}");
        assert!(plain.contains("  -  ") && plain.contains("-1.000"), "{plain}");
    }

    #[test]
    #[should_panic(expected = "[labels, labels] = [2, 2] values")]
    fn a_matrix_of_another_size_is_a_mistake() {
        similarity_grid(&["a", "b"], &[1.0], None, ColourMode::Plain);
    }
}
