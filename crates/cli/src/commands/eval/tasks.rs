//! From a task's arguments to its data, and from its data to a report.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use contexture::Embedder;
use contexture_bulk::{Input, Source, SourceOptions, open_source};
use contexture_evaluate::probe::LogisticSettings;
use contexture_evaluate::report::{Figure, Line, Report, Unit};
use contexture_evaluate::{
    Collection, Likelihood, Setup, classify, minimal_pairs, pairs, perplexity, retrieval, sts,
    tagging, translation, triples, wic,
};

use super::arguments::{
    Classify, MinimalPairs, Pairs, Perplexity, Retrieval, ScoreName, Sts, Tagging, Task,
    Translation, Triples, Wic,
};

/// What a task's files hold, each with its name.
pub(super) enum Data {
    Sts(Vec<(String, Vec<sts::ScoredPair>)>),
    Pairs(Vec<(String, Vec<pairs::LabelledPair>)>),
    Triples(Vec<triples::Triple>),
    Retrieval(Vec<(String, Collection)>),
    Wic { data: Vec<(String, Vec<wic::WordPair>)>, training: Vec<wic::WordPair> },
    Classify { training: Vec<classify::LabelledText>, test: Option<Vec<classify::LabelledText>> },
    Tagging { training: Vec<tagging::Tagged>, test: Vec<tagging::Tagged> },
    MinimalPairs(minimal_pairs::PairFile),
    Perplexity(Vec<(String, Source)>),
    Translation(Vec<(String, translation::Translations)>),
}

/// Each file under a name that is short and yet tells it from the others.
fn each<'p, T>(
    paths: impl IntoIterator<Item = &'p PathBuf>,
    read: impl Fn(&Path) -> Result<T, contexture_evaluate::EvaluateError>,
) -> Result<Vec<(String, T)>> {
    paths.into_iter().map(|path| Ok((name(path), read(path)?))).collect()
}

fn name(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| path.display().to_string())
}

impl Data {
    /// Reads everything, so that what is wrong is said at once.
    pub(super) fn read(task: &Task) -> Result<Self> {
        match task {
            Task::Sts(task) => task.read(),
            Task::Pairs(task) => task.read(),
            Task::Triples(task) => task.read(),
            Task::Retrieval(task) => {
                let Retrieval { split, shared, .. } = task;
                let open =
                    |path: &Path| Collection::open(path, split.as_deref(), shared.reporting.limit);
                Ok(Self::Retrieval(each(&task.data, open)?))
            }
            Task::Wic(task) => task.read(),
            Task::Classify(task) => task.read(),
            Task::Tagging(task) => {
                let Tagging { data, test, tag, shared, .. } = task;
                let read = |path: &Path| tagging::read(path, *tag, shared.reporting.limit);
                Ok(Self::Tagging { training: read(data)?, test: read(test)? })
            }
            Task::MinimalPairs(task) => task.read(),
            Task::Perplexity(task) => task.read(),
            Task::Translation(task) => task.read(),
        }
    }

    /// Runs the task.
    pub(super) fn evaluate(
        self,
        task: &Task,
        embedder: &Embedder,
        setup: &Setup<'_>,
    ) -> Result<Report> {
        let mut found = Found::default();
        match (self, task) {
            (Self::Sts(data), Task::Sts(_)) => {
                found.of("sts", "pairs");
                for (name, data) in data {
                    let result = sts(embedder, &data, setup)?;
                    found.add(result.line(name), result.truncated, &result)?;
                }
                found.mean();
            }
            (Self::Pairs(data), Task::Pairs(_)) => {
                found.of("pairs", "pairs");
                for (name, data) in data {
                    let result = pairs(embedder, &data, setup)?;
                    found.add(result.line(name), result.truncated, &result)?;
                }
            }
            (Self::Triples(data), Task::Triples(_)) => {
                found.of("triples", "triples");
                let result = triples(embedder, &data, setup)?;
                found.cases(result.lines(), result.truncated, &result)?;
            }
            (Self::Retrieval(data), Task::Retrieval(task)) => {
                found.of("retrieval", "queries");
                for (name, data) in data {
                    let result = retrieval(embedder, &data, &task.settings(), setup)?;
                    found.add(result.line(name.as_str()), result.truncated, &result)?;
                    found.retrieval(&name, &data, &result);
                }
                found.mean();
            }
            (Self::Wic { data, training }, Task::Wic(_)) => {
                found.of("wic", "pairs");
                for (name, data) in data {
                    let result = wic(embedder, &data, &training, setup)?;
                    found.add(result.line(name.as_str()), result.truncated, &result)?;
                    found.wic(&name, &result);
                }
            }
            (Self::Classify { training, test }, Task::Classify(task)) => {
                found.of("classify", "texts");
                let split = match &test {
                    Some(test) => classify::Split::Test(test),
                    None => classify::Split::Folds(task.folds),
                };
                let settings = settings(task.probe.c);
                let result = classify(embedder, &training, split, &settings, setup)?;
                let name = match &task.test {
                    Some(test) => name(test),
                    None => format!("{}, {} folds", name(&task.data), task.folds),
                };
                found.add(result.line(name), result.truncated, &result)?;
                found.converged(result.converged);
            }
            (Self::Tagging { training, test }, Task::Tagging(task)) => {
                found.of("tagging", "words");
                let settings = settings(task.probe.c);
                let result = tagging(embedder, &training, &test, &settings, setup)?;
                found.add(result.line(name(&task.test)), result.truncated, &result)?;
                found.converged(result.converged);
                found.without_vector("words", result.without_vector, "the baseline's tag");
            }
            _ => bail!("the data are not this task's"),
        }
        Ok(found.report)
    }

    /// As [`Data::evaluate`], of tasks that ask how likely words are.
    pub(super) fn evaluate_language(
        self,
        task: &Task,
        model: &Likelihood<'_>,
        setup: &Setup<'_>,
    ) -> Result<Report> {
        let mut found = Found::default();
        match (self, task) {
            (Self::MinimalPairs(data), Task::MinimalPairs(task)) => {
                found.of("minimal-pairs", "pairs");
                let scoring = match task.score {
                    ScoreName::Words => minimal_pairs::Scoring::Words,
                    ScoreName::Sentence => minimal_pairs::Scoring::Sentence,
                };
                let result = minimal_pairs(model, &data.pairs, scoring, setup)?;
                found.minimal_pairs(&result)?;
                if data.equal > 0 {
                    found.note(format!("{} rows of equal sentences were left out", data.equal));
                }
            }
            (Self::Perplexity(data), Task::Perplexity(task)) => {
                found.of("perplexity", "texts");
                let masking = match task.exact {
                    true => perplexity::Masking::Each,
                    false => perplexity::Masking::Share(task.mask),
                };
                for (name, source) in data {
                    let limit = task.shared.reporting.limit.unwrap_or(usize::MAX);
                    let texts = perplexity::texts(source).take(limit);
                    let result = perplexity(model, texts, masking, setup)?;
                    found.add(result.line(name), result.truncated, &result)?;
                }
            }
            _ => bail!("the data are not this task's"),
        }
        Ok(found.report)
    }

    /// As [`Data::evaluate`], of tasks that judge output without a model.
    pub(super) fn evaluate_output(self, task: &Task, setup: &Setup<'_>) -> Result<Report> {
        let mut found = Found::default();
        match (self, task) {
            (Self::Translation(data), Task::Translation(_)) => {
                found.of("translation", "sentences");
                for (name, data) in data {
                    let result = translation(&data, setup)?;
                    found.add(result.line(name.as_str()), 0, &result)?;
                    found.translation(&name, &result);
                }
            }
            _ => bail!("the data are not this task's"),
        }
        Ok(found.report)
    }
}

impl Translation {
    fn read(&self) -> Result<Data> {
        let limit = self.reporting.limit;
        let read = |path: &Path| translation::read(path, &self.references, limit);
        Ok(Data::Translation(each(&self.hypotheses, read)?))
    }
}

impl MinimalPairs {
    fn read(&self) -> Result<Data> {
        let columns = minimal_pairs::MinimalPairColumns {
            grammatical: self.grammatical.clone(),
            ungrammatical: self.ungrammatical.clone(),
            case: self.case.clone(),
        };
        Ok(Data::MinimalPairs(minimal_pairs::read(
            &self.data,
            &columns,
            self.shared.reporting.limit,
        )?))
    }
}

impl Perplexity {
    fn read(&self) -> Result<Data> {
        let options = SourceOptions {
            column: self.column.clone(),
            fields: self.column.iter().cloned().collect(),
            header: !self.no_header,
            ..SourceOptions::default()
        };
        let open = |path: &PathBuf| -> Result<(String, Source)> {
            Ok((name(path), open_source(&Input::File(path.clone()), &options)?))
        };
        Ok(Data::Perplexity(self.data.iter().map(open).collect::<Result<_>>()?))
    }
}

fn settings(c: f64) -> LogisticSettings {
    LogisticSettings { c, ..LogisticSettings::default() }
}

impl Sts {
    fn read(&self) -> Result<Data> {
        let columns = sts::StsColumns {
            score: self.score.clone(),
            first: self.columns.first.clone(),
            second: self.columns.second.clone(),
            no_header: self.columns.no_header,
        };
        let limit = self.shared.reporting.limit;
        Ok(Data::Sts(each(&self.data, |path| sts::read(path, &columns, limit))?))
    }
}

impl Pairs {
    fn read(&self) -> Result<Data> {
        let columns = pairs::PairColumns {
            label: self.label.clone(),
            first: self.columns.first.clone(),
            second: self.columns.second.clone(),
            no_header: self.columns.no_header,
        };
        let limit = self.shared.reporting.limit;
        Ok(Data::Pairs(each(&self.data, |path| pairs::read(path, &columns, limit))?))
    }
}

impl Retrieval {
    fn settings(&self) -> retrieval::RetrievalSettings {
        retrieval::RetrievalSettings {
            ndcg: self.ndcg.clone(),
            recall: self.recall.clone(),
            mrr: self.mrr.clone(),
            depth: self.depth,
            query_prompt: self.query_prompt.clone(),
            document_prompt: self.document_prompt.clone(),
            skip_same_ids: self.skip_same_ids,
            without_titles: self.no_titles,
        }
    }
}

impl Wic {
    fn read(&self) -> Result<Data> {
        let columns = wic::WicColumns {
            label: self.label.clone(),
            index: self.index.clone(),
            first: self.columns.first.clone(),
            second: self.columns.second.clone(),
            no_header: self.columns.no_header,
        };
        let limit = self.shared.reporting.limit;
        let training = match &self.train {
            Some(path) => wic::read(path, &columns, None)?,
            None => Vec::new(),
        };
        Ok(Data::Wic { data: each(&self.data, |path| wic::read(path, &columns, limit))?, training })
    }
}

impl Triples {
    fn read(&self) -> Result<Data> {
        let columns = triples::TripleColumns {
            anchor: self.anchor.clone(),
            positive: self.positive.clone(),
            negative: self.negative.clone(),
            kind: self.kind.clone(),
            no_header: self.no_header,
        };
        Ok(Data::Triples(triples::read(&self.data, &columns, self.shared.reporting.limit)?))
    }
}

impl Classify {
    fn read(&self) -> Result<Data> {
        let columns = classify::ClassifyColumns {
            label: self.label.clone(),
            text: self.text.clone(),
            no_header: self.no_header,
        };
        let read = |path: &Path| classify::read(path, &columns, self.shared.reporting.limit);
        let test = self.test.as_deref().map(read).transpose()?;
        Ok(Data::Classify { training: read(&self.data)?, test })
    }
}

/// A report that grows.
struct Found {
    report: Report,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            report: Report {
                task: String::new(),
                model: None,
                unit: "items",
                lines: Vec::new(),
                notes: Vec::new(),
                seconds: 0.0,
            },
        }
    }
}

impl Found {
    fn of(&mut self, task: &str, unit: &'static str) {
        self.report.task = task.to_owned();
        self.report.unit = unit;
    }

    fn note(&mut self, note: String) {
        self.report.notes.push(note);
    }

    fn add(&mut self, line: Line, truncated: usize, result: &impl serde::Serialize) -> Result<()> {
        if truncated > 0 {
            self.note(format!("{}: {truncated} texts were cut at the model's limit", line.data));
        }
        let result = serde_json::to_value(result)?;
        self.report.lines.push(Line { result, ..line });
        Ok(())
    }

    /// The mean of the files' shares, where there are several.
    fn mean(&mut self) {
        let lines = &self.report.lines;
        let [first, _, ..] = lines.as_slice() else { return };
        let mean = |figure: &Figure| {
            let of =
                |line: &Line| line.figures.iter().find(|f| f.name == figure.name)?.value.into();
            let values: Vec<f64> = lines.iter().filter_map(of).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            Figure { value: mean, interval: None, ..figure.clone() }
        };
        let shares = first.figures.iter().filter(|figure| figure.unit == Unit::Share);
        let line = Line {
            data: "mean".to_owned(),
            items: lines.iter().map(|line| line.items).sum(),
            figures: shares.map(mean).collect(),
            result: serde_json::Value::Null,
        };
        self.report.lines.push(line);
    }

    fn retrieval(&mut self, name: &str, data: &Collection, result: &retrieval::RetrievalResult) {
        let counts = [
            (
                result.queries_without_relevant,
                "judged queries have no relevant document; each counts as 0",
            ),
            (data.unjudged(), "queries without judgements were left out"),
            (data.unknown(), "judged queries that the queries file does not hold were left out"),
            (
                result.judged_missing,
                "judged documents are not in the collection; they count as not found",
            ),
        ];
        for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
            self.note(format!("{name}: {count} {what}"));
        }
    }

    fn wic(&mut self, name: &str, result: &wic::WicResult) {
        if result.threshold_from == wic::ThresholdFrom::Itself {
            self.note(format!(
                "{name}: the threshold is the best one of these very pairs, so the accuracy \
                 flatters; --train learns it elsewhere"
            ));
        }
        self.without_vector("pairs", result.without_vector, "cosine 0");
    }

    fn translation(&mut self, name: &str, result: &translation::TranslationResult) {
        let counts = [
            (result.empty_hypotheses, "hypotheses are empty and match nothing"),
            (result.empty_references, "sentences have an empty reference"),
        ];
        for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
            self.note(format!("{name}: {count} {what}"));
        }
        for signature in [&result.bleu_signature, &result.chrf_signature] {
            if !self.report.notes.contains(signature) {
                self.note(signature.clone());
            }
        }
    }

    fn without_vector(&mut self, what: &str, count: usize, instead: &str) {
        if count > 0 {
            self.note(format!("{count} {what} stood in a cut tail and got {instead}"));
        }
    }

    /// A line a case; the last, of all, holds the result.
    fn cases(
        &mut self,
        mut lines: Vec<Line>,
        truncated: usize,
        result: &impl serde::Serialize,
    ) -> Result<()> {
        let all = lines.pop();
        self.report.lines.extend(lines);
        all.map_or(Ok(()), |line| self.add(line, truncated, result))
    }

    fn minimal_pairs(&mut self, result: &minimal_pairs::MinimalPairsResult) -> Result<()> {
        self.cases(result.lines(), result.truncated, result)?;
        let masked = result.conditioning == minimal_pairs::Conditioning::Masked;
        if masked && result.unequal_tokens > 0 {
            self.note(format!(
                "{} pairs differ in words of unequal numbers of tokens",
                result.unequal_tokens
            ));
        }
        Ok(())
    }

    fn converged(&mut self, converged: bool) {
        if !converged {
            self.note("the probe did not come to its optimum; a smaller --c helps".to_owned());
        }
    }
}
