//! Retrieval: does the cosine of query and document bring up what people judged relevant?
//!
//! Exact search over folders shaped as BEIR's (Thakur et al. 2021). Queries are embedded once; the
//! documents pass in blocks and only each query's best are kept, so that memory holds the queries'
//! vectors, `depth` candidates each, the documents' ids, and one block, never the collection.
//!
//! Figures are those of `metrics`: a query counts where the judgements name it and the
//! queries file holds it, also where none of its judgements is relevant (it then scores 0), as
//! pytrec_eval and BEIR average. Equal scores are ordered as trec_eval does.

use std::collections::HashMap;

use contexture_engine::{EmbedOptions, Embedder, Levels};
use contexture_kernels::Pool;
use serde::Serialize;

use super::collection::Collection;
use super::search::Search;
use crate::metrics::{average_precision_of_ranking, ndcg_at, recall_at, reciprocal_rank_at};
use crate::report::{Figure, Line};
use crate::vectors::{sentences, stream};
use crate::{Estimate, EvaluateError, Setup};

/// How documents are found and counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrievalSettings {
    /// Depths of nDCG.
    pub ndcg: Vec<usize>,
    /// Depths of recall.
    pub recall: Vec<usize>,
    /// Depths of the mean reciprocal rank.
    pub mrr: Vec<usize>,
    /// Documents kept a query; mean average precision sees these.
    pub depth: usize,
    /// Text put before each query; `None`: what the setup's options say.
    pub query_prompt: Option<String>,
    /// Text put before each document; `None`: what the setup's options say.
    pub document_prompt: Option<String>,
    /// Leaves out a document that has the query's own id, as BEIR does: right where queries are
    /// themselves documents, wrong where both are merely numbered from 1.
    pub skip_same_ids: bool,
    /// Documents are their text only, without the title before it.
    pub without_titles: bool,
}

impl Default for RetrievalSettings {
    fn default() -> Self {
        Self {
            ndcg: vec![10],
            recall: vec![10, 100],
            mrr: vec![10],
            depth: 1000,
            query_prompt: None,
            document_prompt: None,
            skip_same_ids: false,
            without_titles: false,
        }
    }
}

/// A figure at a depth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AtDepth {
    /// The depth.
    pub k: usize,
    /// The mean over the queries.
    pub mean: Estimate,
}

/// How well relevant documents come up.
#[derive(Debug, Clone, Serialize)]
pub struct RetrievalResult {
    /// Queries that were evaluated.
    pub queries: usize,
    /// Documents that were searched.
    pub documents: usize,
    /// nDCG.
    pub ndcg: Vec<AtDepth>,
    /// Recall.
    pub recall: Vec<AtDepth>,
    /// Mean reciprocal rank.
    pub mrr: Vec<AtDepth>,
    /// Mean average precision over the documents kept.
    pub map: Estimate,
    /// Queries without a relevant document; each counts as 0.
    pub queries_without_relevant: usize,
    /// Judgements of documents that the collection does not hold; they count as not found.
    pub judged_missing: usize,
    /// Queries and documents that were cut at the model's limit.
    pub truncated: usize,
}

impl RetrievalResult {
    /// As a row of a report.
    pub fn line(&self, data: impl Into<String>) -> Line {
        let mut figures = Vec::new();
        for (name, all) in [("nDCG", &self.ndcg), ("recall", &self.recall), ("MRR", &self.mrr)] {
            let at = |at: &AtDepth| Figure::share(format!("{name}@{}", at.k), at.mean);
            figures.extend(all.iter().map(at));
        }
        figures.push(Figure::share("MAP", self.map));
        figures.push(Figure::count("documents", self.documents));
        Line::new(data, self.queries, figures)
    }
}

/// One query's judgements: those of its found documents in their order, and all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judged {
    /// Of the documents found, 0 where nobody judged.
    pub ranked: Vec<i64>,
    /// All judgements of the query.
    pub judged: Vec<i64>,
}

/// Exact retrieval by the cosine.
///
/// # Errors
/// Where the folder's files cannot be read, no query is judged, or the model fails.
pub fn retrieval(
    embedder: &Embedder,
    collection: &Collection,
    settings: &RetrievalSettings,
    setup: &Setup<'_>,
) -> Result<RetrievalResult, EvaluateError> {
    check(settings)?;
    let with = |prompt: &Option<String>| {
        let mut options = EmbedOptions { levels: Levels::SENTENCE, ..setup.options.clone() };
        options.prompt = prompt.clone().or(options.prompt);
        options
    };
    let for_queries = Setup { options: with(&settings.query_prompt), ..setup.clone() };
    let texts = collection.queries().iter().map(|query| query.text.as_str());
    let queries = sentences(embedder, texts, &for_queries)?;
    let pool = Pool::new(embedder.threads());
    let mut search = Search::new(&queries, settings.depth, collection.ids(), &pool);
    if settings.skip_same_ids {
        search.skip(collection.queries().iter().map(|query| query.id.as_str()));
    }
    let mut truncated = queries.truncated;
    let documents = collection.documents(settings.without_titles)?;
    let documents = documents.map(|text| Ok((text?, None)));
    let (options, total) = (with(&settings.document_prompt), collection.ids().len());
    stream(embedder, documents, total, &options, setup, |_, record| {
        truncated += usize::from(record.truncated);
        search.add(record.vector());
        Ok(())
    })?;
    let judged: Vec<Judged> = search
        .finish()
        .iter()
        .zip(collection.queries())
        .map(|(found, query)| Judged {
            ranked: found.iter().map(|id| query.judged.get(*id).copied().unwrap_or(0)).collect(),
            judged: query.judged.values().copied().collect(),
        })
        .collect();
    let known: HashMap<&str, ()> = collection.ids().iter().map(|id| (id.as_str(), ())).collect();
    let all = collection.queries().iter().flat_map(|query| query.judged.keys());
    Ok(RetrievalResult {
        documents: total,
        judged_missing: all.filter(|id| !known.contains_key(id.as_str())).count(),
        truncated,
        ..figures(&judged, settings, setup)
    })
}

fn check(settings: &RetrievalSettings) -> Result<(), EvaluateError> {
    let depths = settings.ndcg.iter().chain(&settings.recall).chain(&settings.mrr);
    match depths.copied().find(|k| *k == 0 || *k > settings.depth) {
        None if settings.depth > 0 => Ok(()),
        k => Err(EvaluateError::Setting {
            setting: "a depth",
            found: k.unwrap_or(0).to_string(),
            expected: format!("1 to {}, the documents that are kept a query", settings.depth),
        }),
    }
}

/// The figures of queries that have been searched and judged.
pub fn figures(
    judged: &[Judged],
    settings: &RetrievalSettings,
    setup: &Setup<'_>,
) -> RetrievalResult {
    let mean = |figure: &dyn Fn(&Judged) -> f64| {
        let values: Vec<f64> = judged.iter().map(figure).collect();
        setup.bootstrap.mean(&values)
    };
    let at = |depths: &[usize], figure: fn(&Judged, usize) -> f64| -> Vec<AtDepth> {
        depths.iter().map(|k| AtDepth { k: *k, mean: mean(&|query| figure(query, *k)) }).collect()
    };
    let none = |query: &&Judged| query.judged.iter().all(|gain| *gain < 1);
    RetrievalResult {
        queries: judged.len(),
        documents: 0,
        ndcg: at(&settings.ndcg, |query, k| ndcg_at(&query.ranked, &query.judged, k)),
        recall: at(&settings.recall, |query, k| recall_at(&query.ranked, &query.judged, k)),
        mrr: at(&settings.mrr, |query, k| reciprocal_rank_at(&query.ranked, k)),
        map: mean(&|query| average_precision_of_ranking(&query.ranked, &query.judged)),
        queries_without_relevant: judged.iter().filter(none).count(),
        judged_missing: 0,
        truncated: 0,
    }
}
