"""Print what Python's tools say of a real model: the last column of docs/evaluation.md.

    python evaluate_real.py --model MODEL --data DATA
"""
import argparse
import gzip
import json
import pathlib

import numpy as np
import pytrec_eval
from scipy.stats import pearsonr, spearmanr
from sentence_transformers import SentenceTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, average_precision_score, f1_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict


class Reference:
    def __init__(self, model, data):
        self.model = SentenceTransformer(str(model), device="cpu")
        self.data = data

    def lines(self, file):
        path = self.data / file
        opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else open(path, encoding="utf-8", newline="\n")
        with opened as lines:
            return [line.rstrip("\n") for line in lines]

    def table(self, file):
        header, *rows = [line.split("\t") for line in self.lines(file)]
        return [dict(zip(header, row)) for row in rows]

    def encode(self, texts):
        return self.model.encode(list(texts), batch_size=64, normalize_embeddings=True).astype(np.float64)

    def cosines(self, rows):
        return (self.encode(r["sentence1"] for r in rows) * self.encode(r["sentence2"] for r in rows)).sum(1)

    def sts(self, file):
        rows = self.table(file)
        cosines, gold = self.cosines(rows), [float(r["score"]) for r in rows]
        print(file, "Spearman", 100 * spearmanr(cosines, gold)[0], "Pearson", 100 * pearsonr(cosines, gold)[0], flush=True)

    def pairs(self, file):
        rows = self.table(file)
        print(file, "AP", 100 * average_precision_score([int(r["label"]) for r in rows], self.cosines(rows)), flush=True)

    def retrieval(self, folder):
        corpus = [json.loads(line) for line in self.lines(f"{folder}/corpus.jsonl.gz")]
        queries = [json.loads(line) for line in self.lines(f"{folder}/queries.jsonl")]
        judged = {}
        for line in self.lines(f"{folder}/qrels.tsv")[1:]:
            query, document, score = line.split("\t")
            judged.setdefault(query, {})[document] = int(score)
        documents = self.encode((d["title"] + " " + d["text"]).strip() for d in corpus)
        scores = self.encode(q["text"] for q in queries) @ documents.T
        run = {}
        for query, row in zip(queries, scores):
            run[query["_id"]] = {corpus[j]["_id"]: float(row[j]) for j in np.argsort(-row)[:1000]}
        measures = {"ndcg_cut.10", "recall.10,100", "map_cut.1000", "recip_rank"}
        found = pytrec_eval.RelevanceEvaluator(judged, measures).evaluate(run)
        for name in next(iter(found.values())):
            print(folder, name, 100 * np.mean([f[name] for f in found.values()]), flush=True)

    def classify(self, file, test=None):
        def vectors(file):
            rows = self.table(file)
            return self.encode(r["text"] for r in rows), np.array([int(r["label"]) for r in rows])

        x, y = vectors(file)
        probe = LogisticRegression(C=1, tol=1e-8, max_iter=10_000)
        if test:
            tested, y_test = vectors(test)
            called, y = probe.fit(x, y).predict(tested), y_test
        else:
            called = cross_val_predict(probe, x, y, cv=StratifiedKFold(10))
        accuracy, f1 = accuracy_score(y, called), f1_score(y, called, average="macro")
        print(test or file, "accuracy", 100 * accuracy, "macro-F1", 100 * f1, flush=True)


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--model", type=pathlib.Path, required=True)
    args.add_argument("--data", type=pathlib.Path, required=True)
    args = args.parse_args()
    reference = Reference(args.model, args.data)
    for file in ("sts/stsb-dev.tsv", "sts/sick-train-trial.tsv", "sts/sts12-test.tsv"):
        reference.sts(file)
    reference.retrieval("retrieval/cranfield")
    reference.classify("classify/sst2-train.tsv.gz", "classify/sst2-dev.tsv.gz")
    reference.classify("classify/trec-train.tsv.gz")
    reference.pairs("paws/paws-wiki-dev.tsv.gz")


if __name__ == "__main__":
    main()
