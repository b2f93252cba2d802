//! Figures against scipy, scikit-learn and pytrec_eval, on stored scores, runs and vectors.

use std::collections::BTreeMap;

use contexture_evaluate::classify::cross_validate;
use contexture_evaluate::metrics::{
    accuracy, average_precision, average_precision_of_ranking, best_accuracy, best_f1, macro_f1,
    ndcg_at, pearson, recall_at, reciprocal_rank_at, shares_at, spearman, trec_order,
};
use contexture_evaluate::probe::{LogisticSettings, Samples, stratified_folds};
use contexture_evaluate::{EvaluateError, Setup, pairs, retrieval, sts};
use contexture_verify::{goldens, tensors};
use serde::Deserialize;

/// Four decimals of a share, and room for nothing else.
const BOUND: f64 = 5e-5;

#[derive(Deserialize)]
struct Cases {
    correlations: Vec<Correlation>,
    thresholds: Vec<Thresholds>,
    ranking: Ranking,
    classes: Vec<Classes>,
    folds: Vec<Folds>,
    probes: Probes,
}

#[derive(Deserialize)]
struct Correlation {
    name: String,
    x: Vec<f64>,
    y: Vec<f64>,
    spearman: Option<f64>,
    pearson: Option<f64>,
}

#[derive(Deserialize)]
struct Thresholds {
    name: String,
    scores: Vec<f64>,
    labels: Vec<u8>,
    average_precision: f64,
    accuracy: f64,
    f1: f64,
}

#[derive(Deserialize)]
struct Ranking {
    judged: BTreeMap<String, BTreeMap<String, i64>>,
    run: BTreeMap<String, BTreeMap<String, f32>>,
    queries: BTreeMap<String, BTreeMap<String, f64>>,
    mean: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct Classes {
    name: String,
    gold: Vec<usize>,
    called: Vec<usize>,
    accuracy: f64,
    macro_f1: f64,
}

#[derive(Deserialize)]
struct Folds {
    name: String,
    folds: usize,
    labels: Vec<usize>,
    fold: Vec<usize>,
}

#[derive(Deserialize)]
struct Probes {
    drawn: Vec<Probe>,
    drawn_binary: Vec<Probe>,
    real: RealProbe,
}

#[derive(Deserialize)]
struct Probe {
    c: f64,
    folds: usize,
    labels: Vec<usize>,
    called: Vec<usize>,
    accuracy: f64,
    macro_f1: f64,
}

#[derive(Deserialize)]
struct RealProbe {
    rows: Vec<usize>,
    #[serde(flatten)]
    probe: Probe,
}

fn cases() -> Cases {
    let path = goldens().join("evaluate/cases.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn near(what: &str, ours: f64, theirs: f64) {
    assert!((ours - theirs).abs() < BOUND, "{what}: {ours} here, {theirs} there");
}

fn near_or_undefined(what: &str, ours: f64, theirs: Option<f64>) {
    match theirs {
        Some(theirs) => near(what, ours, theirs),
        None => assert!(ours.is_nan(), "{what}: {ours} here, undefined there"),
    }
}

#[test]
fn correlations_are_scipys() {
    let cases = cases().correlations;
    assert!(cases.len() >= 8 && cases.iter().any(|case| case.spearman.is_none()));
    for Correlation { name, x, y, spearman: rank, pearson: line } in &cases {
        near_or_undefined(&format!("Spearman, {name}"), spearman(x, y), *rank);
        near_or_undefined(&format!("Pearson, {name}"), pearson(x, y), *line);
        let (with_interval, _) = sts::correlations(x, y, &Setup::default());
        near_or_undefined(name, with_interval.value, *rank);
        if let Some([low, high]) = with_interval.interval {
            assert!(low <= high && (-1.0..=1.0).contains(&low), "{name}: {low} to {high}");
        }
    }
}

#[test]
fn thresholds_and_average_precision_are_scikit_learns() {
    let cases = cases().thresholds;
    assert!(cases.len() >= 7);
    for case in &cases {
        let gold: Vec<bool> = case.labels.iter().map(|label| *label == 1).collect();
        let name = &case.name;
        near(name, average_precision(&case.scores, &gold), case.average_precision);
        let found = best_accuracy(&case.scores, &gold);
        near(name, found.value, case.accuracy);
        near(name, shares_at(&case.scores, &gold, found.threshold)[0], case.accuracy);
        let found = best_f1(&case.scores, &gold);
        near(name, found.value, case.f1);
        near(name, shares_at(&case.scores, &gold, found.threshold)[1], case.f1);
        let whole = pairs::scored(&case.scores, &gold, &Setup::default()).unwrap();
        near(name, whole.average_precision.value, case.average_precision);
    }
}

/// Judgements of a query's run, in trec_eval's order.
fn ranked(run: &BTreeMap<String, f32>, judged: &BTreeMap<String, i64>) -> Vec<i64> {
    let mut found: Vec<(f32, &str)> = run.iter().map(|(id, score)| (*score, id.as_str())).collect();
    found.sort_by(|a, b| trec_order(*a, *b));
    found.iter().map(|(_, id)| judged.get(*id).copied().unwrap_or(0)).collect()
}

#[test]
fn rankings_are_trec_evals() {
    let Ranking { judged, run, queries, mean } = cases().ranking;
    assert!(queries.len() > 30 && judged.len() == queries.len() + 1, "one was not searched");
    let mut all = Vec::new();
    for (query, expected) in &queries {
        let judged = &judged[query];
        let ranked = ranked(&run[query], judged);
        let judged: Vec<i64> = judged.values().copied().collect();
        for k in [1, 3, 10, 100] {
            let at = |name: &str| expected[&format!("{name}_{k}")];
            near(&format!("nDCG@{k}, {query}"), ndcg_at(&ranked, &judged, k), at("ndcg_cut"));
            near(&format!("recall@{k}, {query}"), recall_at(&ranked, &judged, k), at("recall"));
        }
        let precision = average_precision_of_ranking(&ranked, &judged);
        near(&format!("AP, {query}"), precision, expected["map"]);
        let first = reciprocal_rank_at(&ranked, usize::MAX);
        near(&format!("RR, {query}"), first, expected["recip_rank"]);
        all.push(retrieval::Judged { ranked, judged });
    }
    // Means count the query without a relevant document, as pytrec_eval does.
    let settings = retrieval::RetrievalSettings {
        ndcg: vec![1, 3, 10, 100],
        recall: vec![1, 3, 10, 100],
        mrr: vec![120],
        ..retrieval::RetrievalSettings::default()
    };
    let found = retrieval::figures(&all, &settings, &Setup::default());
    assert_eq!(found.queries_without_relevant >= 1, queries.contains_key("none relevant"));
    for (figures, name) in [(&found.ndcg, "ndcg_cut"), (&found.recall, "recall")] {
        for figure in figures {
            near(name, figure.mean.value, mean[&format!("{name}_{}", figure.k)]);
        }
    }
    near("MAP", found.map.value, mean["map"]);
    near("MRR", found.mrr[0].mean.value, mean["recip_rank"]);
}

#[test]
fn class_figures_are_scikit_learns() {
    for case in &cases().classes {
        near(&case.name, accuracy(&case.gold, &case.called), case.accuracy);
        near(&case.name, macro_f1(&case.gold, &case.called), case.macro_f1);
    }
}

#[test]
fn folds_are_scikit_learns() {
    let cases = cases().folds;
    assert_eq!(cases.len(), 6);
    for Folds { name, folds, labels, fold } in &cases {
        assert_eq!(&stratified_folds(labels, *folds), fold, "{name}, {folds} folds");
    }
}

fn check_probe(what: &str, samples: &Samples, probe: &Probe) {
    // A weak penalty leaves the optimum flat: it takes more steps than a user would wait for.
    let steps = if probe.c > 1.0 { 50_000 } else { LogisticSettings::default().steps };
    let settings = LogisticSettings { c: probe.c, steps, ..LogisticSettings::default() };
    let setup = Setup::default();
    let (called, converged) =
        cross_validate(samples, &probe.labels, probe.folds, &settings, &setup).unwrap();
    assert!(converged, "{what}: C = {}", probe.c);
    let other = called.iter().zip(&probe.called).filter(|(ours, theirs)| ours != theirs).count();
    assert_eq!(other, 0, "{what}: C = {}: predictions differ", probe.c);
    near(what, accuracy(&probe.labels, &called), probe.accuracy);
    near(what, macro_f1(&probe.labels, &called), probe.macro_f1);
}

#[test]
fn probes_are_scikit_learns() {
    let Probes { drawn, drawn_binary, real } = cases().probes;
    let x = &tensors(&goldens().join("evaluate/probe.safetensors"))["x"];
    let samples = Samples::from_rows(x.shape[1], x.values.clone());
    assert_eq!((samples.rows(), drawn.len(), drawn_binary.len()), (700, 3, 2));
    drawn.iter().for_each(|probe| check_probe("five classes", &samples, probe));
    drawn_binary.iter().for_each(|probe| check_probe("two classes", &samples, probe));
    let sentence = &tensors(&goldens().join("minilm.safetensors"))["sentence"];
    let rows = real.rows.iter().flat_map(|row| sentence.row(*row).to_vec()).collect();
    check_probe("sentence vectors", &Samples::from_rows(384, rows), &real.probe);
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let setup = Setup::default();
    let unequal = pairs::scored(&[0.5, 0.1], &[true], &setup);
    assert!(matches!(unequal, Err(EvaluateError::Lengths { left: 2, right: 1, .. })));
    let one = pairs::scored(&[0.5, 0.1], &[true, true], &setup);
    assert!(matches!(one, Err(EvaluateError::OneClass { .. })));
    let none = pairs::scored(&[], &[], &setup);
    assert!(matches!(none, Err(EvaluateError::Empty { .. })));
    let samples = Samples::from_rows(1, vec![0.0, 1.0]);
    let settings = LogisticSettings::default();
    let folds = cross_validate(&samples, &[0, 1], 3, &settings, &setup);
    assert!(matches!(folds, Err(EvaluateError::Setting { .. })));
    let lengths = cross_validate(&samples, &[0, 1, 1], 2, &settings, &setup);
    assert!(lengths.is_err());
}
