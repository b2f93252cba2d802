"""Write sts-b-dev.json: Spearman x 100 of the cosine on STS-B dev, by sentence-transformers in float32.

    python sts.py --models MODELS --data DATA --out ..
"""
import argparse
import json
import pathlib

import numpy as np
from scipy.stats import spearmanr
from sentence_transformers import SentenceTransformer


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--models", type=pathlib.Path, required=True)
    args.add_argument("--data", type=pathlib.Path, required=True)
    args.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent)
    args = args.parse_args()
    with open(args.data / "sts" / "stsb-dev.tsv", encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file][1:]
    assert len(rows) == 1500 and all(len(r) == 3 for r in rows)
    gold = np.array([float(r[0]) for r in rows])
    out = {"set": "STS-B dev, 1500 pairs", "measure": "Spearman x 100 of the cosine, float32"}
    for name in ("all-MiniLM-L6-v2", "all-mpnet-base-v2"):
        model = SentenceTransformer(str(args.models / name), device="cpu")
        a, b = (model.encode([r[k] for r in rows], batch_size=32, normalize_embeddings=True, show_progress_bar=False) for k in (1, 2))
        out[name] = round(100 * spearmanr((a * b).sum(1), gold).statistic, 6)
        print(name, out[name])
    (args.out / "sts-b-dev.json").write_text(json.dumps(out, indent=2) + "\n")


if __name__ == "__main__":
    main()
