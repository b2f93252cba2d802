"""Write minilm.safetensors and mpnet.safetensors: sentence-transformers' own vectors of texts.jsonl.

    python real_models.py --models MODELS --out ..

MODELS holds all-MiniLM-L6-v2/ and all-mpnet-base-v2/. float32, CPU, batch size 32, the folder's own
max_seq_length, pooling and normalisation. Also says how far the reference moves by itself when a text
is encoded alone and when everything is computed in float64.
"""
import argparse
import json
import pathlib

import numpy as np
import torch
from safetensors.numpy import save_file
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

MODELS = {"minilm": "all-MiniLM-L6-v2", "mpnet": "all-mpnet-base-v2"}
TOKEN_LEVEL = 24
TOKEN_LEVEL_BUDGET = 700


def choose(counts, kinds):
    """Texts for token level: one of each kind in turn, short ones first come, within a budget, plus one truncated."""
    order = sorted(range(len(counts)), key=lambda i: (counts[i] > 40, i))
    picked, used, seen = [max(range(len(counts)), key=lambda i: counts[i])], 0, set()
    for i in order:
        if len(picked) == TOKEN_LEVEL:
            break
        if kinds[i] in seen or used + counts[i] > TOKEN_LEVEL_BUDGET or i in picked:
            continue
        seen.add(kinds[i])
        picked.append(i)
        used += counts[i]
    return sorted(picked)


def bare_tokenizer(folder, limit):
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(limit)
    return tokenizer


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--models", type=pathlib.Path, required=True)
    args.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent)
    args.add_argument("--double", action="store_true", help="also report the distance to a float64 run")
    args = args.parse_args()
    rows = [json.loads(line) for line in open(args.out / "texts.jsonl", encoding="utf-8")]
    texts, kinds = [r["text"] for r in rows], [r["kind"] for r in rows]
    for name, folder in MODELS.items():
        model = SentenceTransformer(str(args.models / folder), device="cpu")
        sentence = model.encode(texts, batch_size=32, show_progress_bar=False)
        assert sentence.dtype == np.float32 and np.isfinite(sentence).all()
        ids = [model.tokenizer(t, truncation=True, max_length=model.max_seq_length)["input_ids"] for t in texts]
        counts = [len(x) for x in ids]
        bare = bare_tokenizer(args.models / folder, model.max_seq_length)
        differing = [i for i, t in enumerate(texts) if bare.encode(t).ids != ids[i]]
        print(name, "texts where tokenizer.json alone gives other ids:", [(i, texts[i][:40]) for i in differing])
        out = {"sentence": sentence, "tokens": np.array(counts, np.int32)}
        picked = choose(counts, kinds)
        for i in picked:
            hidden = model.encode([texts[i]], output_value="token_embeddings", show_progress_bar=False)[0]
            out[f"token.{i}"] = hidden.numpy().astype(np.float32)
            assert len(out[f"token.{i}"]) == counts[i]
        save_file(out, args.out / f"{name}.safetensors", metadata={"model": folder, "max_seq_length": str(model.max_seq_length)})
        alone = np.stack([model.encode([t], show_progress_bar=False)[0] for t in texts])
        print(name, sentence.shape, "token level:", picked, "longest", max(counts), "alone vs batched:", np.abs(alone - sentence).max())
        if args.double:
            double = SentenceTransformer(str(args.models / folder), device="cpu").double().encode(texts, show_progress_bar=False)
            print(name, "float64 vs stored:", np.abs(double - sentence).max(), "float64 vs alone:", np.abs(double - alone).max())


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
