"""Tiny random models of ELMoForManyLangs and what its own package computes with them.

    pip install --no-deps elmoformanylangs==0.0.4.post2 overrides==3.1.0 h5py==3.16.0
    python many_langs.py             # writes ../many_langs/: the same bits each time

The package is used as it is: its `Model` makes the weights' names, its `Embedder` opens the
folder with its pickles and computes every vector. Weights are drawn, rounded to float32 and saved; the vectors
are computed in float64 from them. The pickles are then converted as docs/elmo.md says and thrown away.
"""

import json
import logging
import tempfile
from pathlib import Path

import numpy as np
import torch
from elmoformanylangs.elmo import Embedder
from elmoformanylangs.frontend import Model
from elmoformanylangs.modules.embedding_layer import EmbeddingLayer
from safetensors.torch import save_file

logging.getLogger("elmoformanylangs").setLevel(logging.ERROR)
TO = Path(__file__).resolve().parent.parent / "many_langs"

# What the dictionaries hold; everything else in the sentences is unknown. The blank is one that a
# line's strip() takes away, which makes it the ideographic space.
CHARACTERS = sorted(set("abcdefghilmnoprstuvwy.,'ABCTРусскийязыкüñ日本語中文क्ष漢🙂")) + ["\u2003"]
WORDS = (
    "the cat sat on mat . , a b ABC Русский язык 日本語 中文 über año क्ष hits ram sam "
    "averylongwo 🙂 not 'll"
).split()
SENTENCES = [
    "the cat sat on the mat .",
    "The cat sat on the mat .",
    "ram hits sam",
    "sam hits ram",
    "the",
    ".",
    "🙂",
    "Русский язык",
    "русский ЯЗЫК",
    "日本語 中文",
    "中 文 日 本 語",
    "漢字 かな 交じり",
    "über año .",
    "u\u0308ber an\u0303o .",
    "क्ष त्र",
    "unknown words everywhere",
    "XYZ QQQ 12345",
    "☃ ☂ ♞",
    "a b a b a b a b a b a b a b a b a b a b a b a b a b a b a b a b",
    "averylongwordindeed",
    "averylongwo averylongwor averylongword",
    "日本語日本語日本語日本語日本語 x",
    "🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂 🙂",
    "<bos>",
    "the <eos> cat <bos>",
    "<oov> <pad> <bow> <eow>",
    "the cat 's mat , not the ram 'll",
    "A",
    "ABC abc Abc aBC",
    "the\u200bcat \u00adsat",
    "𝒶𝒷 \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "",
]

MODELS = {
    # Characters and words, two layers, clips that bite; sizes in a folder of their own.
    "words": {
        "config_path": "configs/tiny.json",
        "sizes": {
            "encoder": {"name": "elmo", "projection_dim": 8, "cell_clip": 1.5, "proj_clip": 1.1, "dim": 14, "n_layers": 2},
            "token_embedder": {
                "name": "cnn",
                "activation": "relu",
                "filters": [[1, 4], [2, 5], [3, 7]],
                "n_highway": 2,
                "word_dim": 6,
                "char_dim": 5,
                "max_characters_per_token": 13,
            },
            "classifier": {"name": "sampled_softmax", "n_samples": 8192},
            "dropout": 0.1,
        },
    },
    # Characters alone, three layers, no clips; the path is one of another machine.
    "characters": {
        "config_path": "/elsewhere/configs/plain.json",
        "sizes": {
            "encoder": {"name": "elmo", "projection_dim": 6, "cell_clip": 0, "proj_clip": None, "dim": 6, "n_layers": 3},
            "token_embedder": {
                "name": "cnn",
                "activation": "tanh",
                "filters": [[2, 6], [4, 5]],
                "n_highway": 1,
                "word_dim": 0,
                "char_dim": 7,
                "max_characters_per_token": 20,
            },
            "dropout": 0.0,
        },
    },
}


def dictionary(entries, path):
    """As its training writes one; the entries with their numbers as its Embedder reads them."""
    lines = [f"{entry}\t{number}" for number, entry in enumerate(entries)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {entry if entry.strip() else "\u3000": number for number, entry in enumerate(entries)}


def build(folder, model, seed):
    sizes = model["sizes"]
    characters = dictionary([*CHARACTERS, "<bos>", "<eos>", "<oov>", "<pad>", "<bow>", "<eow>"], folder / "char.dic")
    words = dictionary(["<oov>", "<bos>", "<eos>", "<pad>", *WORDS], folder / "word.dic")
    path = Path(model["config_path"])
    path = folder / (path.name if path.is_absolute() else path)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(sizes, indent=1) + "\n")
    config = {"seed": seed, "model": "tiny", "config_path": model["config_path"], "word_embedding": None}
    (folder / "config.json").write_text(json.dumps(config) + "\n")

    torch.manual_seed(seed)
    embedder = sizes["token_embedder"]
    word_layer = EmbeddingLayer(embedder["word_dim"], words, fix_emb=False) if embedder["word_dim"] else None
    char_layer = EmbeddingLayer(embedder["char_dim"], characters, fix_emb=False)
    made = Model(sizes, word_layer, char_layer)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            # Large enough that gates leave their middle and clips are reached.
            spread = 0.5 if parameter.dim() == 1 else 1.5 / parameter.shape[-1] ** 0.5
            parameter.normal_(0.0, spread if "emb_layer" not in name else 0.7)
    torch.save(made.token_embedder.state_dict(), folder / "token_embedder.pkl")
    torch.save(made.encoder.state_dict(), folder / "encoder.pkl")


def vectors(folder):
    """Every layer of every sentence: each begun afresh; and the first ten one after the other."""
    embedder = Embedder(str(folder), batch_size=1)
    embedder.model.double()

    def layers(sentence):
        return embedder.sents2elmo([sentence.split()], output_layer=-2)[0]

    found = {}
    for number, sentence in enumerate(SENTENCES):
        embedder.model.encoder._states = None
        found[f"{number}"] = layers(sentence)
        embedder.model.encoder._states = None
        if sentence:
            average = embedder.sents2elmo([sentence.split()])[0]
            assert np.allclose(average, found[f"{number}"].mean(axis=0), atol=1e-12)
    embedder.model.encoder._states = None
    for number, sentence in enumerate(SENTENCES[:10]):
        found[f"carried.{number}"] = layers(sentence)
    return {name: torch.from_numpy(values).to(torch.float32).contiguous() for name, values in found.items()}


def convert(folder):
    """What docs/elmo.md tells users to run, with the older pickles' format tried too."""
    load = lambda name: torch.load(folder / name, map_location="cpu", weights_only=True)
    tensors = {**load("token_embedder.pkl"), **load("encoder.pkl")}
    for name in ["token_embedder.pkl", "encoder.pkl"]:
        old = folder / f"old-{name}"
        torch.save(load(name), old, _use_new_zipfile_serialization=False)
        for key, value in torch.load(old, map_location="cpu", weights_only=True).items():
            assert torch.equal(value, tensors[key])
        old.unlink()
    save_file(tensors, folder / "model.safetensors")


def main():
    TO.mkdir(exist_ok=True)
    (TO / "sentences.json").write_text(json.dumps(SENTENCES, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    for seed, (name, model) in enumerate(MODELS.items(), start=7):
        with tempfile.TemporaryDirectory() as made:
            made = Path(made)
            build(made, model, seed)
            save_file(vectors(made), TO / f"{name}.expected.safetensors")
            convert(made)
            for path in sorted(made.rglob("*")):
                if path.is_file() and path.suffix != ".pkl":
                    to = TO / name / path.relative_to(made)
                    to.parent.mkdir(parents=True, exist_ok=True)
                    to.write_bytes(path.read_bytes())


main()
