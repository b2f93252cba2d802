"""Write evaluate/: what scipy, scikit-learn and pytrec_eval compute for stored scores, labels, runs and vectors.

    python evaluate.py --out ../evaluate

Everything is drawn here by a seed, but for the vectors of the second probe, which are `sentence` in ../minilm.safetensors with
the `kind` of ../texts.jsonl as class. cases.json holds inputs and expected figures, probe.safetensors the drawn vectors.
"""
import argparse
import json
import pathlib
import warnings

import numpy as np
import pytrec_eval
from safetensors.numpy import load_file, save_file
from scipy.stats import pearsonr, spearmanr
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, average_precision_score, f1_score
from sklearn.model_selection import StratifiedKFold

HERE = pathlib.Path(__file__).parent.parent
rng = np.random.default_rng(20)


def number(value):
    return None if np.isnan(value) else float(value)


def correlations():
    gold = np.round(rng.uniform(0, 5, 400) * 4) / 4
    cases = {
        "continuous": (rng.normal(size=300), rng.normal(size=300)),
        "graded": (np.round(np.tanh(gold + rng.normal(size=400)), 2), gold),
        "ties everywhere": (rng.integers(0, 3, 90).astype(float), rng.integers(0, 2, 90).astype(float)),
        "two": (np.array([0.25, 0.75]), np.array([2.0, 1.0])),
        "constant scores": (np.full(20, 0.5), rng.normal(size=20)),
        "constant gold": (rng.normal(size=20), np.full(20, 3.0)),
        "large offset": (1e6 + rng.normal(size=200), rng.normal(size=200)),
        "signed zeros": (np.array([0.0, -0.0, 1.0, -1.0, 0.0]), np.array([1.0, 2.0, 3.0, 0.0, 5.0])),
    }
    for name, (x, y) in cases.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rank, line = spearmanr(x, y).statistic, pearsonr(x, y).statistic
        yield {"name": name, "x": x.tolist(), "y": y.tolist(), "spearman": number(rank), "pearson": number(line)}


def best(scores, labels, measure):
    """Over all cuts "score >= a value that occurs", and "none"."""
    cuts = [np.inf, *sorted(set(scores), reverse=True)]
    return max(measure(labels, (scores >= cut).astype(int)) for cut in cuts)


def thresholds():
    labels = rng.integers(0, 2, 500)
    cases = {
        "apart": (labels + rng.normal(size=500) * 0.7, labels),
        "ties": (np.round(labels + rng.normal(size=500), 0), labels),
        "constant scores": (np.full(60, 0.3), rng.integers(0, 2, 60)),
        "few positives": (rng.normal(size=300), (rng.uniform(size=300) < 0.03).astype(int)),
        "mostly positives": (rng.normal(size=300), (rng.uniform(size=300) < 0.95).astype(int)),
        "upside down": (-labels + rng.normal(size=500) * 0.1, labels),
        "two": (np.array([0.1, 0.1]), np.array([0, 1])),
    }
    for name, (scores, gold) in cases.items():
        yield {
            "name": name,
            "scores": scores.tolist(),
            "labels": gold.tolist(),
            "average_precision": float(average_precision_score(gold, scores)),
            "accuracy": float(best(scores, gold, accuracy_score)),
            "f1": float(best(scores, gold, lambda g, p: f1_score(g, p, zero_division=0))),
        }


def ranking():
    """Queries with ties, graded and negative judgements, without a relevant document, and with few results."""
    documents = [f"d{n}" for n in range(120)]
    judged, run = {}, {}
    for q in range(30):
        query = f"q{q}"
        relevant = rng.choice(documents, size=rng.integers(1, 15), replace=False)
        judged[query] = {d: int(rng.integers(-1, 4)) for d in relevant}
        found = rng.choice(documents, size=rng.integers(1, 120), replace=False)
        scores = np.round(rng.uniform(size=len(found)), 1 if q % 2 else 4).astype(np.float32)
        run[query] = {d: float(s + 0.125 * max(judged[query].get(d, 0), 0)) for d, s in zip(found, scores)}
    judged["none relevant"] = {"d1": 0, "d2": 0}
    run["none relevant"] = {"d1": 0.5, "d3": 0.5}
    judged["all equal"] = {f"d{n}": 1 for n in range(0, 120, 7)}
    run["all equal"] = {d: 0.5 for d in documents}
    judged["nothing found"] = {"d9": 2}
    run["nothing found"] = {"d1": 0.25}
    judged["not searched"] = {"d9": 2}
    measures = {"ndcg_cut.1,3,10,100", "recall.1,3,10,100", "map", "recip_rank"}
    found = pytrec_eval.RelevanceEvaluator(judged, measures).evaluate(run)
    assert "not searched" not in found and "none relevant" in found
    mean = {name: float(np.mean([f[name] for f in found.values()])) for name in next(iter(found.values()))}
    return {"judged": judged, "run": run, "queries": found, "mean": mean}


def classes():
    for name, count in {"three": 3, "two": 2, "seventeen": 17}.items():
        gold = rng.integers(0, count, 400)
        called = np.where(rng.uniform(size=400) < 0.6, gold, rng.integers(0, count + 1, 400))
        if name == "three":
            called[called == 1] = 0
        yield {
            "name": name,
            "gold": gold.tolist(),
            "called": called.tolist(),
            "accuracy": float(accuracy_score(gold, called)),
            "macro_f1": float(f1_score(gold, called, average="macro", zero_division=0)),
        }


def folds():
    for name, labels in {
        "sorted": np.repeat([0, 1, 2], [40, 25, 11]),
        "mixed": rng.integers(0, 4, 103),
        "rare": np.array([3] * 50 + [0] * 7 + [1] * 6),
    }.items():
        for count in (2, 5):
            fold = np.zeros(len(labels), int)
            for at, (_, test) in enumerate(StratifiedKFold(count).split(labels, labels)):
                fold[test] = at
            yield {"name": name, "folds": count, "labels": labels.tolist(), "fold": fold.tolist()}


def probe(x, y, c, folds):
    """Out-of-fold predictions at the optimum, in f64."""
    x = x.astype(np.float64)
    called = np.zeros(len(y), int)
    for train, test in StratifiedKFold(folds).split(x, y):
        # The optimum is unique, so the solver is free; lbfgs takes for ever where the penalty is weak.
        solver = "lbfgs" if c == 1 else "newton-cholesky"
        model = LogisticRegression(C=c, solver=solver, tol=1e-9, max_iter=20_000).fit(x[train], y[train])
        called[test] = model.predict(x[test])
    return {
        "c": c,
        "folds": folds,
        "labels": y.tolist(),
        "called": called.tolist(),
        "accuracy": float(accuracy_score(y, called)),
        "macro_f1": float(f1_score(y, called, average="macro", zero_division=0)),
    }


def probes(out):
    """Correlated dimensions of unequal scale, five classes of unequal size, and two classes; then real vectors."""
    mixing = rng.normal(size=(24, 24)) * np.geomspace(0.05, 4, 24)
    y = rng.choice(5, size=700, p=[0.45, 0.3, 0.15, 0.07, 0.03])
    x = ((rng.normal(size=(700, 24)) + rng.normal(size=(5, 24))[y] * 0.8) @ mixing + 2).astype(np.float32)
    save_file({"x": x}, out / "probe.safetensors")
    with open(HERE / "texts.jsonl", newline="\n") as lines:
        kinds = [json.loads(line)["kind"] for line in lines]
    names = sorted(set(kinds))
    kind = np.array([names.index(k) for k in kinds])
    often = np.array([names.index(k) for k in names if kinds.count(k) >= 10])
    sentence = load_file(HERE / "minilm.safetensors")["sentence"]
    keep = np.isin(kind, often)
    real = np.searchsorted(often, kind[keep])
    return {
        "drawn": [probe(x, y, c, 4) for c in (1.0, 0.01, 100.0)],
        "drawn_binary": [probe(x, (y == 0).astype(int), c, 4) for c in (1.0, 100.0)],
        "real": {"rows": np.flatnonzero(keep).tolist(), **probe(sentence[keep], real, 1.0, 5)},
    }


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--out", type=pathlib.Path, default=HERE / "evaluate")
    out = args.parse_args().out
    out.mkdir(exist_ok=True)
    cases = {
        "correlations": list(correlations()),
        "thresholds": list(thresholds()),
        "ranking": ranking(),
        "classes": list(classes()),
        "folds": list(folds()),
        "probes": probes(out),
    }
    (out / "cases.json").write_text(json.dumps(cases))


if __name__ == "__main__":
    main()
