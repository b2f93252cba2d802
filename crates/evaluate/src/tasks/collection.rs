//! A folder shaped as BEIR's: `corpus.jsonl` (`_id`, `title`, `text`), `queries.jsonl` (`_id`,
//! `text`), each also .gz or .zst, and judgements in `qrels.tsv`, `qrels/test.tsv` or another file
//! of `qrels/` (query, document, score; trec_eval's four columns too).

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::EvaluateError;
use crate::reading::{lines, object};

/// A query and its judgements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Its id.
    pub id: String,
    /// Its text.
    pub text: String,
    /// Document ids to judgements.
    pub judged: BTreeMap<String, i64>,
}

/// Queries, judgements, and where the documents lie.
#[derive(Debug, Clone)]
pub struct Collection {
    corpus: PathBuf,
    ids: Vec<String>,
    queries: Vec<Query>,
    unjudged: usize,
    unknown: usize,
}

impl Collection {
    /// Reads the queries that are judged, at most `limit` of them, and the documents' ids; the
    /// documents' texts are read when they are searched. `split` names the judgements in `qrels/`.
    ///
    /// # Errors
    /// Where a file is missing or malformed, an id stands twice, or no query is judged.
    pub fn open(
        folder: &Path,
        split: Option<&str>,
        limit: Option<usize>,
    ) -> Result<Self, EvaluateError> {
        let corpus = find(folder, "corpus", "corpus.jsonl or corpus.jsonl.gz")?;
        let queries = find(folder, "queries", "queries.jsonl or queries.jsonl.gz")?;
        let mut judged = judgements(&qrels(folder, split)?)?;
        let mut found =
            Self { ids: ids(&corpus)?, corpus, queries: Vec::new(), unjudged: 0, unknown: 0 };
        let file = queries.display().to_string();
        let mut seen = Seen::new(&file);
        for item in lines(&queries)? {
            let (line, text) = item?;
            if text.trim().is_empty() {
                continue;
            }
            let fields = object(&file, line, &text)?;
            let id = id(&file, line, &fields)?;
            seen.add(&id, line)?;
            let text = string(&file, line, &fields, "text")?;
            match judged.remove(&id) {
                Some(judged) => found.queries.push(Query { id, text, judged }),
                None => found.unjudged += 1,
            }
        }
        found.unknown = judged.len();
        found.queries.truncate(limit.unwrap_or(usize::MAX));
        if found.queries.is_empty() {
            return Err(EvaluateError::Empty { file, expected: "queries that are judged" });
        }
        Ok(found)
    }

    /// The judged queries, in the order of their file.
    pub fn queries(&self) -> &[Query] {
        &self.queries
    }

    /// The documents' ids, in the order of their file.
    pub fn ids(&self) -> &[String] {
        &self.ids
    }

    /// Queries of the file that nobody judged: they are left out.
    pub fn unjudged(&self) -> usize {
        self.unjudged
    }

    /// Queries of the judgements that the queries file does not hold: they are left out.
    pub fn unknown(&self) -> usize {
        self.unknown
    }

    /// The documents' texts in order, the title before the text as BEIR joins them.
    ///
    /// # Errors
    /// Where the file cannot be opened; errors of lines come with them.
    pub fn documents(
        &self,
        without_titles: bool,
    ) -> Result<impl Iterator<Item = Result<String, EvaluateError>> + Send, EvaluateError> {
        let file = self.corpus.display().to_string();
        let text = move |(line, text): (usize, String)| {
            let fields = object(&file, line, &text)?;
            let body = string(&file, line, &fields, "text")?;
            let title = fields.get("title").and_then(Value::as_str).unwrap_or_default();
            let whole = if without_titles { body } else { format!("{title} {body}") };
            Ok(whole.trim().to_owned())
        };
        let written = |item: &Result<(usize, String), EvaluateError>| {
            item.as_ref().map_or(true, |(_, text)| !text.trim().is_empty())
        };
        Ok(lines(&self.corpus)?.filter(written).map(move |item| item.and_then(&text)))
    }
}

fn find(folder: &Path, stem: &str, expected: &'static str) -> Result<PathBuf, EvaluateError> {
    let names = ["jsonl", "jsonl.gz", "jsonl.zst"].map(|end| folder.join(format!("{stem}.{end}")));
    let missing = || EvaluateError::Folder { folder: folder.to_owned(), expected };
    names.into_iter().find(|path| path.is_file()).ok_or_else(missing)
}

fn qrels(folder: &Path, split: Option<&str>) -> Result<PathBuf, EvaluateError> {
    let names = match split {
        Some(split) => vec![format!("qrels/{split}.tsv")],
        None => vec!["qrels/test.tsv".to_owned(), "qrels.tsv".to_owned()],
    };
    let expected = "the judgements, qrels/test.tsv or qrels.tsv (--split names another)";
    let missing = || EvaluateError::Folder { folder: folder.to_owned(), expected };
    let paths =
        names.iter().flat_map(|name| ["", ".gz"].map(|end| folder.join(format!("{name}{end}"))));
    paths.into_iter().find(|path| path.is_file()).ok_or_else(missing)
}

/// Ids and the lines where they stood.
struct Seen<'f> {
    file: &'f str,
    lines: HashMap<String, usize>,
}

impl<'f> Seen<'f> {
    fn new(file: &'f str) -> Self {
        Self { file, lines: HashMap::new() }
    }

    fn add(&mut self, id: &str, line: usize) -> Result<(), EvaluateError> {
        match self.lines.insert(id.to_owned(), line) {
            None => Ok(()),
            Some(first) => Err(EvaluateError::Twice {
                file: self.file.to_owned(),
                line,
                id: id.to_owned(),
                first,
            }),
        }
    }
}

fn ids(corpus: &Path) -> Result<Vec<String>, EvaluateError> {
    let file = corpus.display().to_string();
    let mut seen = Seen::new(&file);
    let mut ids = Vec::new();
    for item in lines(corpus)? {
        let (line, text) = item?;
        if text.trim().is_empty() {
            continue;
        }
        let id = id(&file, line, &object(&file, line, &text)?)?;
        seen.add(&id, line)?;
        ids.push(id);
    }
    if ids.is_empty() {
        return Err(EvaluateError::Empty { file: file.clone(), expected: "documents" });
    }
    Ok(ids)
}

/// Numbers are ids too: some collections write them without quotes.
fn id(file: &str, line: usize, fields: &Map<String, Value>) -> Result<String, EvaluateError> {
    match fields.get("_id").or_else(|| fields.get("id")) {
        Some(Value::String(id)) => Ok(id.clone()),
        Some(Value::Number(id)) => Ok(id.to_string()),
        other => Err(wrong(file, line, "_id", "an id", other)),
    }
}

fn string(
    file: &str,
    line: usize,
    fields: &Map<String, Value>,
    name: &str,
) -> Result<String, EvaluateError> {
    match fields.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        other => Err(wrong(file, line, name, "a text", other)),
    }
}

fn wrong(
    file: &str,
    line: usize,
    what: &str,
    expected: &'static str,
    found: Option<&Value>,
) -> EvaluateError {
    let found = found.map_or("nothing".to_owned(), Value::to_string);
    let found = found.chars().take(80).collect();
    EvaluateError::Value { file: file.to_owned(), line, what: what.to_owned(), expected, found }
}

type Judgements = HashMap<String, BTreeMap<String, i64>>;

/// Three columns, or trec_eval's four, of which the second means nothing; a first line whose score
/// is no number is a header. A pair that is judged twice keeps the later judgement, as BEIR does.
fn judgements(path: &Path) -> Result<Judgements, EvaluateError> {
    let file = path.display().to_string();
    let mut judged = Judgements::new();
    for (at, item) in lines(path)?.enumerate() {
        let (line, text) = item?;
        if text.trim().is_empty() {
            continue;
        }
        let cells: Vec<&str> = match text.contains('\t') {
            true => text.split('\t').map(str::trim).collect(),
            false => text.split_whitespace().collect(),
        };
        let (query, document, score) = match cells.as_slice() {
            [query, document, score] | [query, _, document, score] => (*query, *document, *score),
            _ => {
                let found = cells.len();
                return Err(EvaluateError::Cells { file, line, expected: 3, found });
            }
        };
        let Ok(score) = score.parse::<i64>() else {
            if at == 0 {
                continue;
            }
            let (what, expected) = ("the judgement".to_owned(), "a whole number");
            return Err(EvaluateError::Value {
                file,
                line,
                what,
                expected,
                found: score.to_owned(),
            });
        };
        judged.entry(query.to_owned()).or_default().insert(document.to_owned(), score);
    }
    if judged.is_empty() {
        return Err(EvaluateError::Empty { file, expected: "judgements" });
    }
    Ok(judged)
}
