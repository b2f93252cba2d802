//! One source's files, read row by row: each field is a column.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use contexture_bulk::{IdChoice, Input, InputFormat, Source, SourceOptions, open_source};

use super::paragraphs::Paragraphs;
use crate::TrainError;
use crate::config::{Join, SourceSettings};

/// One row of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its number in the source, from 0, over all files.
    pub number: u64,
    /// File and line, for messages.
    pub place: String,
    /// The objective's fields, in its order.
    pub fields: Vec<String>,
    /// The teacher's vector, where the source has one for each row.
    pub vector: Option<Vec<f32>>,
}

/// Reads a source's files one after the other.
pub struct RowReader {
    settings: SourceSettings,
    fields: Vec<String>,
    waiting: VecDeque<Files>,
    open: Option<Open>,
    next: u64,
}

/// A file, and the one that stands beside it.
#[derive(Debug, Clone)]
struct Files {
    path: PathBuf,
    beside: Option<PathBuf>,
}

/// A file that is being read: each field is a pass of its own over the columns, in step.
struct Open {
    files: Files,
    columns: Vec<Column>,
    /// Rows of each so far.
    read: Vec<u64>,
}

impl Open {
    fn next(&mut self, column: usize) -> Result<Option<(usize, String)>, TrainError> {
        let path = match &self.files.beside {
            Some(beside) if column == 1 => beside,
            _ => &self.files.path,
        };
        self.columns[column].next(path)
    }

    /// Two files side by side of which one ended before the other: how long each is.
    fn unequal(&mut self) -> Result<TrainError, TrainError> {
        for column in 0..self.columns.len() {
            while self.next(column)?.is_some() {
                self.read[column] += 1;
            }
        }
        Ok(TrainError::Parallel {
            first: self.files.path.clone(),
            second: self.files.beside.clone().unwrap_or_default(),
            lines: [self.read[0], self.read[1]],
        })
    }
}

enum Column {
    Rows(Source),
    Paragraphs(Paragraphs),
}

impl Column {
    fn next(&mut self, path: &Path) -> Result<Option<(usize, String)>, TrainError> {
        let bad = |source| TrainError::BadRow {
            name: path.display().to_string(),
            source: Box::new(source),
        };
        match self {
            Self::Rows(source) => {
                let item = source.next().transpose().map_err(bad)?;
                Ok(item.map(|item| (item.row, item.text)))
            }
            Self::Paragraphs(paragraphs) => paragraphs.next().transpose().map_err(bad),
        }
    }
}

impl RowReader {
    /// Finds the files; nothing is read yet.
    ///
    /// # Errors
    /// A pattern that no file fits, a format that is not known.
    pub fn open(settings: &SourceSettings, fields: &[String]) -> Result<Self, TrainError> {
        let all = |patterns: &[String]| -> Result<Vec<PathBuf>, TrainError> {
            let found = patterns.iter().map(|pattern| matching(pattern));
            Ok(found.collect::<Result<Vec<_>, _>>()?.concat())
        };
        let (paths, beside) = (all(&settings.files)?, all(&settings.beside)?);
        if !beside.is_empty() {
            check_beside(settings, fields, paths.len(), beside.len())?;
        }
        let mut beside = beside.into_iter();
        let waiting = paths.into_iter().map(|path| Files { path, beside: beside.next() }).collect();
        if let Some(format) = &settings.format
            && InputFormat::from_name(format).is_none()
        {
            let known = InputFormat::NAMES.join(", ");
            return Err(TrainError::value("format", format!("one of {known}"), format));
        }
        let fields = fields.to_vec();
        Ok(Self { settings: settings.clone(), fields, waiting, open: None, next: 0 })
    }

    /// The next row; `None` after the last file's last.
    ///
    /// # Errors
    /// A file or a row that cannot be read.
    pub fn next_row(&mut self) -> Result<Option<Row>, TrainError> {
        loop {
            if self.open.is_none() {
                let Some(files) = self.waiting.pop_front() else { return Ok(None) };
                self.open = Some(self.open_file(files)?);
            }
            let Some(open) = &mut self.open else { continue };
            let mut line = 0;
            let mut fields = Vec::with_capacity(open.columns.len());
            for number in 0..open.columns.len() {
                if let Some((row, text)) = open.next(number)? {
                    line = row;
                    fields.push(text);
                    open.read[number] += 1;
                }
            }
            if fields.is_empty() {
                self.open = None;
                continue;
            }
            let place = format!("{}:{line}", open.files.path.display());
            if fields.len() < open.columns.len() {
                if open.files.beside.is_some() {
                    return Err(open.unequal()?);
                }
                let (expected, found) = (open.columns.len(), fields.len());
                let expected = format!("{expected} fields in step");
                return Err(TrainError::Row { place, expected, found: found.to_string() });
            }
            let number = self.next;
            self.next += 1;
            return Ok(Some(Row { number, place, fields, vector: None }));
        }
    }

    fn open_file(&self, files: Files) -> Result<Open, TrainError> {
        let columns: Vec<Column> = match &files.beside {
            Some(beside) => vec![lines(&files.path)?, lines(beside)?],
            None => {
                let columns = self.fields.iter().map(|field| self.column(&files.path, field));
                columns.collect::<Result<_, _>>()?
            }
        };
        let read = vec![0; columns.len()];
        Ok(Open { files, columns, read })
    }

    fn column(&self, path: &Path, field: &str) -> Result<Column, TrainError> {
        let settings = &self.settings;
        let named = settings.columns.get(field).cloned();
        let alone = self.fields.len() == 1;
        if settings.join == Join::Sentence {
            return self.sentences(path, field);
        }
        let options = SourceOptions {
            format: settings.format.as_deref().and_then(InputFormat::from_name),
            fields: named
                .clone()
                .into_iter()
                .chain((!alone).then(|| field.to_owned()))
                .take(1)
                .collect(),
            column: named.or_else(|| (!alone).then(|| field.to_owned())),
            header: settings.header,
            id: IdChoice::RowNumber,
            scalars: true,
            // Fields are read in step: a row that one pass skips must not shift it.
            skip_bad: settings.skip_bad && alone,
            ..SourceOptions::default()
        };
        let source = open_source(&Input::File(path.into()), &options)?;
        Ok(match settings.join {
            Join::Line => Column::Rows(source),
            _ => Column::Paragraphs(Paragraphs::new(source, None)),
        })
    }
}

impl RowReader {
    /// A column of a file of words, a line each.
    fn sentences(&self, path: &Path, field: &str) -> Result<Column, TrainError> {
        let number = match self.settings.columns.get(field) {
            Some(number) => number.clone(),
            // Words stand first, what is said of them after.
            None => (1 + self.fields.iter().position(|f| f == field).unwrap_or(0)).to_string(),
        };
        let column = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        let Some(column) = column else {
            let expected = "a column's number, from 1, where join = \"sentence\"";
            return Err(TrainError::value(format!("columns.{field}"), expected, number));
        };
        let options = SourceOptions {
            format: Some(InputFormat::Text),
            id: IdChoice::RowNumber,
            ..SourceOptions::default()
        };
        let source = open_source(&Input::File(path.into()), &options)?;
        Ok(Column::Paragraphs(Paragraphs::new(source, Some(column))))
    }
}

/// Files side by side are plain text, and there are as many of both.
fn check_beside(
    settings: &SourceSettings,
    fields: &[String],
    files: usize,
    beside: usize,
) -> Result<(), TrainError> {
    if fields.len() != 2 {
        let expected =
            "absent: only rows of two fields, such as source and target, are side by side";
        return Err(TrainError::value("beside", expected, settings.beside.join(", ")));
    }
    if settings.join != Join::Line || !settings.columns.is_empty() {
        let expected = "absent with `join` and `columns`, since a line is a row's field";
        return Err(TrainError::value("beside", expected, settings.beside.join(", ")));
    }
    match files == beside {
        true => Ok(()),
        false => {
            let expected = format!("{files} files, as many as `files`");
            Err(TrainError::value("beside", expected, beside))
        }
    }
}

/// A file of plain text, whatever its name, a line a row.
fn lines(path: &Path) -> Result<Column, TrainError> {
    let options = SourceOptions {
        format: Some(InputFormat::Text),
        id: IdChoice::RowNumber,
        ..SourceOptions::default()
    };
    Ok(Column::Rows(open_source(&Input::File(path.into()), &options)?))
}

/// The files of a pattern, by name; a name without `*` is itself.
fn matching(pattern: &str) -> Result<Vec<PathBuf>, TrainError> {
    let path = Path::new(pattern);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !name.contains('*') {
        return match path.is_file() {
            true => Ok(vec![path.into()]),
            false => Err(TrainError::value("files", "a file that is there", path.display())),
        };
    }
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries =
        std::fs::read_dir(folder).map_err(|e| TrainError::io(folder, "cannot be listed", e))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok())
        .filter(|entry| fits(&entry.file_name().to_string_lossy(), &name))
        .map(|entry| folder.join(entry.file_name()))
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    match found.is_empty() {
        true => Err(TrainError::value("files", "at least one file that fits", pattern)),
        false => Ok(found),
    }
}

/// Whether `name` fits `pattern`, in which `*` stands for any characters.
fn fits(name: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_characters() {
        for (name, pattern, expected) in [
            ("a.txt.gz", "*.txt.gz", true),
            ("a.txt.gz", "*.txt", false),
            ("austen-emma.txt", "austen-*.txt", true),
            ("austen.txt", "austen-*.txt", false),
            ("abcabc", "a*b*c", true),
            ("ab", "a*b*b", false),
            ("x", "x", true),
        ] {
            assert_eq!(fits(name, pattern), expected, "{name} {pattern}");
        }
    }

    fn read(settings: &SourceSettings) -> Result<Vec<Vec<String>>, TrainError> {
        let fields = ["source".to_owned(), "target".to_owned()];
        let mut reader = RowReader::open(settings, &fields)?;
        std::iter::from_fn(|| reader.next_row().transpose())
            .map(|row| row.map(|row| row.fields))
            .collect()
    }

    #[test]
    fn files_side_by_side_are_read_in_step_and_counted_where_they_differ() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let (a, b) = (write("a.en", "one\n\nthree\n"), write("a.de", "eins\n\ndrei\n"));
        let settings = |first: &str, second: &str| SourceSettings {
            beside: vec![second.to_owned()],
            ..SourceSettings::file(first)
        };
        let rows = read(&settings(&a, &b)).unwrap();
        assert_eq!(rows, [["one", "eins"], ["", ""], ["three", "drei"]]);
        let longer = write("b.de", "eins\nzwei\ndrei\nvier\nfünf\n");
        let message = read(&settings(&a, &longer)).unwrap_err().to_string();
        assert!(message.contains("a.en has 3 lines and"), "{message}");
        assert!(message.contains("b.de has 5"), "{message}");
        let message = read(&settings(&longer, &a)).unwrap_err().to_string();
        assert!(message.contains("b.de has 5 lines and"), "{message}");
        let mut two = settings(&a, &b);
        two.files.push(longer);
        let message = read(&two).unwrap_err().to_string();
        assert!(message.contains("2 files"), "{message}");
        two.join = Join::Paragraph;
        assert!(read(&two).unwrap_err().to_string().contains("beside"));
    }
}
