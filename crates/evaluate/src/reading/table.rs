//! Rows and columns: TSV (no quoting, a tab always divides) and JSONL (an object a line).

use std::path::Path;

use serde_json::Value;

use super::lines;
use crate::EvaluateError;

/// A table in memory.
#[derive(Debug, Clone)]
pub struct Table {
    file: String,
    names: Vec<String>,
    header: bool,
    rows: Vec<Row>,
}

/// A row of it.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its line in the file, from 1.
    pub line: usize,
    cells: Vec<String>,
}

impl Table {
    /// Reads a file: `.jsonl` and `.ndjson` as JSON objects, whose fields are the columns, any
    /// other name as columns divided by tabs, the first line naming them where `header` says so;
    /// either may be .gz or .zst. Empty lines are no rows. At most `limit` rows.
    ///
    /// # Errors
    /// Where the file cannot be read, a line is not UTF-8 or not a JSON object, or no row is there.
    pub fn open(path: &Path, header: bool, limit: Option<usize>) -> Result<Self, EvaluateError> {
        let file = path.display().to_string();
        let name = file.to_ascii_lowercase();
        let name = name.trim_end_matches(".gz").trim_end_matches(".zst");
        let json = name.ends_with(".jsonl") || name.ends_with(".ndjson");
        let mut table = Self { file, names: Vec::new(), header: header || json, rows: Vec::new() };
        let mut first = true;
        for item in lines(path)? {
            let (line, text) = item?;
            if text.is_empty() {
                continue;
            }
            if first && !json {
                table.names = text.split('\t').map(str::to_owned).collect();
            }
            if first && json {
                table.names = object(&table.file, line, &text)?.keys().cloned().collect();
            }
            if std::mem::take(&mut first) && header && !json {
                continue;
            }
            if limit.is_some_and(|limit| table.rows.len() >= limit) {
                break;
            }
            let cells = if json { table.fields(line, &text)? } else { cells(&text) };
            table.rows.push(Row { line, cells });
        }
        if table.rows.is_empty() {
            let expected = if table.header { "rows below a header" } else { "rows" };
            return Err(EvaluateError::Empty { file: table.file, expected });
        }
        Ok(table)
    }

    /// The file's name, for messages.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The rows.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    fn fields(&self, line: usize, text: &str) -> Result<Vec<String>, EvaluateError> {
        let fields = object(&self.file, line, text)?;
        let cell = |name: &String| match fields.get(name) {
            None => Err(self.wrong(line, name, "the field", "nothing")),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(other) => Ok(other.to_string()),
        };
        self.names.iter().map(cell).collect()
    }

    /// The column that `wanted` names, by name or by number from 1; without it the first of
    /// `usual` that exists, and in a table without a header column `number`.
    ///
    /// # Errors
    /// [`EvaluateError::Column`], which lists the columns.
    pub fn column(
        &self,
        wanted: Option<&str>,
        usual: &[&str],
        number: usize,
        option: &'static str,
    ) -> Result<usize, EvaluateError> {
        let by_name = |name: &str| {
            let same = |column: &String| column.eq_ignore_ascii_case(name);
            self.header.then(|| self.names.iter().position(same)).flatten()
        };
        let found = match wanted {
            Some(name) => by_name(name).or_else(|| {
                let number: usize = name.parse().ok()?;
                (1..=self.names.len()).contains(&number).then(|| number - 1)
            }),
            None if self.header => usual.iter().find_map(|name| by_name(name)),
            None => (number <= self.names.len()).then(|| number - 1),
        };
        found.ok_or_else(|| EvaluateError::Column {
            file: self.file.clone(),
            wanted: match wanted {
                Some(name) => format!("`{name}`"),
                None if self.header => {
                    let usual: Vec<String> = usual.iter().map(|name| format!("`{name}`")).collect();
                    usual.join(" or ")
                }
                None => number.to_string(),
            },
            columns: self.columns(),
            option,
        })
    }

    fn columns(&self) -> String {
        let shown = self.names.iter().take(50).enumerate().map(|(at, name)| {
            let name: String = name.chars().take(40).collect();
            format!("{} `{name}`", at + 1)
        });
        let columns = shown.collect::<Vec<_>>().join(", ");
        if self.header { columns } else { format!("{columns} (the first row: there is no header)") }
    }

    /// The cell of a row.
    ///
    /// # Errors
    /// Where the row is too short.
    pub fn cell<'a>(&self, row: &'a Row, column: usize) -> Result<&'a str, EvaluateError> {
        row.cells.get(column).map(String::as_str).ok_or_else(|| EvaluateError::Cells {
            file: self.file.clone(),
            line: row.line,
            expected: column + 1,
            found: row.cells.len(),
        })
    }

    /// The cell as a finite number.
    ///
    /// # Errors
    /// Where it is none.
    pub fn number(&self, row: &Row, column: usize) -> Result<f64, EvaluateError> {
        let text = self.cell(row, column)?.trim();
        let number = text.parse().ok().filter(|number: &f64| number.is_finite());
        number.ok_or_else(|| self.wrong_cell(row, column, "a number"))
    }

    /// The cell as yes or no: 1, T, true, yes against 0, F, false, no.
    ///
    /// # Errors
    /// Where it is neither.
    pub fn yes(&self, row: &Row, column: usize) -> Result<bool, EvaluateError> {
        match self.cell(row, column)?.trim().to_ascii_lowercase().as_str() {
            "1" | "1.0" | "t" | "true" | "yes" => Ok(true),
            "0" | "0.0" | "f" | "false" | "no" => Ok(false),
            _ => Err(self.wrong_cell(row, column, "1, T or true, or 0, F or false")),
        }
    }

    /// The error of a cell that holds something else.
    pub fn wrong_cell(&self, row: &Row, column: usize, expected: &'static str) -> EvaluateError {
        let name = match self.names.get(column) {
            Some(name) if self.header => format!("column `{name}`"),
            _ => format!("column {}", column + 1),
        };
        let found = row.cells.get(column).map_or("", String::as_str);
        self.wrong(row.line, &name, expected, found)
    }

    fn wrong(&self, line: usize, what: &str, expected: &'static str, found: &str) -> EvaluateError {
        EvaluateError::Value {
            file: self.file.clone(),
            line,
            what: what.to_owned(),
            expected,
            found: found.chars().take(80).collect(),
        }
    }
}

fn cells(text: &str) -> Vec<String> {
    text.split('\t').map(str::to_owned).collect()
}

/// A JSON object on one line.
pub(crate) fn object(
    file: &str,
    line: usize,
    text: &str,
) -> Result<serde_json::Map<String, Value>, EvaluateError> {
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => Err(EvaluateError::Value {
            file: file.to_owned(),
            line,
            what: "the line".to_owned(),
            expected: "a JSON object",
            found: text.chars().take(80).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, content: &str, header: bool) -> Result<Table, EvaluateError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("written");
        Table::open(&path, header, None)
    }

    #[test]
    fn columns_are_found_by_name_by_number_and_by_custom() {
        let found = table("a.tsv", "score\tsentence1\n1\ta\n\n2\tb\n", true).expect("a table");
        assert_eq!(found.rows().len(), 2);
        assert_eq!(found.rows()[1].line, 4);
        assert_eq!(found.column(Some("sentence1"), &[], 1, "--first").expect("by name"), 1);
        assert_eq!(found.column(Some("1"), &[], 1, "--first").expect("by number"), 0);
        assert_eq!(found.column(None, &["gold", "Score"], 1, "--score").expect("usual"), 0);
        let refused = found.column(Some("x"), &[], 1, "--score").expect_err("no column x");
        let said = refused.to_string();
        assert!(said.contains("1 `score`, 2 `sentence1`") && said.contains("--score"), "{said}");
    }

    #[test]
    fn objects_are_rows_too() {
        let found = table("a.jsonl", "{\"a\": 0.5, \"b\": \"x\"}\n", true).expect("a table");
        let column = found.column(Some("a"), &[], 1, "--score").expect("a");
        assert_eq!(found.number(&found.rows()[0], column).expect("a number"), 0.5);
        let missing = table("a.jsonl", "{\"a\": 1}\n{\"b\": 1}\n", true).expect_err("no field a");
        assert!(missing.to_string().contains("line 2: a: expected the field"), "{missing}");
        let broken = table("a.jsonl", "[1]\n", true).expect_err("no object");
        assert!(broken.to_string().contains("line 1: the line: expected a JSON object"));
    }

    #[test]
    fn what_does_not_fit_is_named_by_line() {
        let found = table("a.tsv", "1\ta\nx\n", false).expect("a table");
        let row = &found.rows()[1];
        let said = found.number(row, 0).expect_err("x").to_string();
        assert!(said.ends_with("line 2: column 1: expected a number, found `x`"), "{said}");
        let said = found.cell(row, 1).expect_err("short").to_string();
        assert!(said.ends_with("line 2: expected 2 columns or more, found 1"), "{said}");
        for content in ["", "header only\n"] {
            let said = table("a.tsv", content, true).expect_err("empty").to_string();
            assert!(said.contains("found none"), "{said}");
        }
    }
}
