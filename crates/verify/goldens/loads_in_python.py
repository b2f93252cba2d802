"""Does the Python side load a trained folder, and compute the same?

    python loads_in_python.py FOLDER EXPECTED.json

Run by crates/verify/tests/training/python.rs where CONTEXTURE_PYTHON names a Python with sentence-transformers.
EXPECTED holds `texts`, their `vectors` by Contexture, and for the first of them `ids` (special tokens included) and
`logits` `[tokens][vocabulary]` of the language head. Prints the largest differences as JSON; fails where a tensor of the
checkpoint is missing, unused or fresh.
"""

import json
import pathlib
import sys

import numpy
import torch
from sentence_transformers import SentenceTransformer
from transformers import AutoModelForMaskedLM


def language_head(folder, expected):
    model, report = AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)
    kept = {name: sorted(found) for name, found in report.items() if found}
    if kept:
        sys.exit(f"{folder}: {kept}")
    with torch.no_grad():
        logits = model.eval()(input_ids=torch.tensor([expected["ids"]])).logits[0]
    return float((logits - torch.tensor(expected["logits"])).abs().max())


def main():
    folder = sys.argv[1]
    expected = json.loads(pathlib.Path(sys.argv[2]).read_text(encoding="utf-8"))
    model = SentenceTransformer(folder, device="cpu")
    ids = model.tokenizer(expected["texts"][0])["input_ids"]
    if list(ids) != expected["ids"]:
        sys.exit(f"the first text's ids are {ids}, expected {expected['ids']}")
    vectors = model.encode(expected["texts"], batch_size=16, convert_to_numpy=True)
    alone = model.encode(expected["texts"][:1], convert_to_numpy=True)
    ours = numpy.array(expected["vectors"], dtype=numpy.float32)
    print(json.dumps({
        "vectors": float(numpy.abs(vectors - ours).max()),
        "alone": float(numpy.abs(alone - ours[:1]).max()),
        "logits": language_head(folder, expected),
        "maximum_tokens": model.max_seq_length,
        "model": type(model[0].auto_model).__name__,
    }))


if __name__ == "__main__":
    main()
