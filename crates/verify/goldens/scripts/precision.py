"""Write precision.safetensors and precision.json: quantised and cut vectors as sentence-transformers defines them.

    python precision.py --models MODELS --out ..

Inputs are the first 40 rows of `sentence` in minilm.safetensors. `cut` cases run through encode itself.
"""
import argparse
import json
import pathlib

import numpy as np
from safetensors.numpy import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.util.quantization import quantize_embeddings

ROWS = 40


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--models", type=pathlib.Path, required=True)
    args.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent)
    args = args.parse_args()
    stored = load_file(args.out / "minilm.safetensors")["sentence"]
    vectors = np.ascontiguousarray(stored[:ROWS])
    ranges = np.stack([stored.min(0), stored.max(0)])
    out = {"input": vectors, "ranges": ranges, "ranges.own": np.stack([vectors.min(0), vectors.max(0)])}
    for precision in ("int8", "uint8", "binary", "ubinary"):
        out[precision] = quantize_embeddings(vectors, precision=precision)
    out["int8.ranges"] = quantize_embeddings(vectors, precision="int8", ranges=ranges)
    out["uint8.ranges"] = quantize_embeddings(vectors, precision="uint8", ranges=ranges)
    # Cases that a unit vector never shows: both signs of zero, equal columns, values outside the given ranges.
    edge = np.array([[0.0, -0.0, 1e-45, -1e-45, 0.5, 2.0, -2.0, 0.25] * 2, [0.0, -0.0, 1.0, 1.0, 0.5, -1.0, 1.0, -0.25] * 2, [0.0, 0.0, -1.0, 0.5, 0.5, 0.0, 0.0, 0.0] * 2], np.float32)
    out["edge.input"] = edge
    out["edge.ranges"] = np.stack([np.full(16, -0.5, np.float32), np.linspace(-0.5, 1.0, 16, dtype=np.float32)])
    for precision in ("int8", "uint8"):
        out[f"edge.{precision}"] = quantize_embeddings(edge, precision=precision)
        out[f"edge.{precision}.ranges"] = quantize_embeddings(edge, precision=precision, ranges=out["edge.ranges"])
    for precision in ("binary", "ubinary"):
        out[f"edge.{precision}"] = quantize_embeddings(edge, precision=precision)
        # 13 dimensions: the last byte is filled with zero bits.
        out[f"edge.13.{precision}"] = quantize_embeddings(np.ascontiguousarray(edge[:, :13]), precision=precision)
    texts = [json.loads(line)["text"] for line in open(args.out / "texts.jsonl", encoding="utf-8")][:ROWS]
    model = SentenceTransformer(str(args.models / "all-MiniLM-L6-v2"), device="cpu")
    for dimensions in (64, 128):
        out[f"cut.{dimensions}"] = model.encode(texts, truncate_dim=dimensions, show_progress_bar=False)
        out[f"cut.{dimensions}.normalized"] = model.encode(texts, truncate_dim=dimensions, normalize_embeddings=True, show_progress_bar=False)
        out[f"cut.{dimensions}.normalized.int8"] = model.encode(texts, truncate_dim=dimensions, normalize_embeddings=True, precision="int8", show_progress_bar=False)
        out[f"cut.{dimensions}.binary"] = model.encode(texts, truncate_dim=dimensions, precision="binary", show_progress_bar=False)
    save_file({k: np.ascontiguousarray(v) for k, v in out.items()}, args.out / "precision.safetensors")
    (args.out / "precision.json").write_text(json.dumps({k: {"shape": list(v.shape), "dtype": str(v.dtype)} for k, v in out.items()}, indent=2) + "\n")
    print({k: (v.shape, str(v.dtype)) for k, v in out.items()})


if __name__ == "__main__":
    main()
