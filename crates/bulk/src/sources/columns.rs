//! Which columns of a table hold the text and the id.

use crate::error::BulkError;
use crate::input::{IdChoice, SourceOptions};

const NAMES_OF_TEXTS: [&str; 2] = ["text", "sentence"];
const NAMES_OF_IDS: [&str; 2] = ["id", "_id"];

/// Indices from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Columns {
    pub(crate) text: usize,
    pub(crate) id: Option<usize>,
    /// The number of columns in the header or the first row.
    pub(crate) count: usize,
}

/// Finds the columns in a header, or, for a table without one, by their numbers.
pub(crate) fn choose(
    name: &str,
    names: &[String],
    has_header: bool,
    options: &SourceOptions,
) -> Result<Columns, BulkError> {
    let table = Table { name, names, has_header };
    let text = match &options.column {
        Some(wanted) => table.find(wanted)?,
        None => table.text_by_default()?,
    };
    let id = match &options.id {
        IdChoice::RowNumber => None,
        IdChoice::Named(wanted) => Some(table.find(wanted)?),
        IdChoice::Auto if has_header => NAMES_OF_IDS
            .iter()
            .find_map(|id| names.iter().position(|column| column == id))
            .filter(|id| *id != text),
        IdChoice::Auto => None,
    };
    Ok(Columns { text, id, count: names.len() })
}

struct Table<'a> {
    name: &'a str,
    names: &'a [String],
    has_header: bool,
}

impl Table<'_> {
    /// A column by its name, else by its number from 1.
    fn find(&self, wanted: &str) -> Result<usize, BulkError> {
        if self.has_header {
            let mut found = (0..self.names.len()).filter(|index| self.names[*index] == wanted);
            match (found.next(), found.next()) {
                (Some(index), None) => return Ok(index),
                (Some(first), Some(second)) => {
                    return Err(self.problem(format!(
                        "several columns are called `{wanted}`; name one by its number, as {} or {}",
                        first + 1,
                        second + 1
                    )));
                }
                (None, _) => {}
            }
        }
        match wanted.parse::<usize>() {
            Ok(number) if (1..=self.names.len()).contains(&number) => Ok(number - 1),
            Ok(number) => Err(self.problem(format!(
                "there is no column {number}: columns count from 1 to {}",
                self.names.len()
            ))),
            Err(_) if self.has_header => {
                Err(self.problem(format!("there is no column `{wanted}`")))
            }
            Err(_) => Err(self.problem(format!(
                "column `{wanted}` is asked for by name, and the table is read without a header; \
                 give its number from 1"
            ))),
        }
    }

    fn text_by_default(&self) -> Result<usize, BulkError> {
        if self.names.len() == 1 {
            return Ok(0);
        }
        if self.has_header {
            for wanted in NAMES_OF_TEXTS {
                if self.names.iter().any(|name| name == wanted) {
                    return self.find(wanted);
                }
            }
        }
        Err(self.problem("say which column holds the text".to_owned()))
    }

    fn problem(&self, problem: String) -> BulkError {
        let shown = self.names.iter().take(50).enumerate().map(|(index, name)| {
            let name: String = name.chars().take(40).collect();
            format!("{} `{name}`", index + 1)
        });
        let mut columns = shown.collect::<Vec<_>>().join(", ");
        if self.names.len() > 50 {
            columns.push_str(&format!(" and {} more", self.names.len() - 50));
        }
        if !self.has_header {
            columns.push_str(" (the first row, since there is no header)");
        }
        BulkError::Column { name: self.name.to_owned(), problem, columns }
    }
}
