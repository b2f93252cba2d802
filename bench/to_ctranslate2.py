"""Writes an encoder-decoder that Contexture trained as CTranslate2 keeps one: the same float32 arrays.

    python bench/to_ctranslate2.py RUN OUT

Attention with norms before and sinusoids or no positions, one tokenizer for both sides, tied words: what the preset `translation` makes.
"""

import json
import math
import pathlib
import sys

import numpy
from ctranslate2.specs import common_spec, transformer_spec
from safetensors.numpy import load_file


def sinusoids(settings, rows):
    """Interleaved sines and cosines (Vaswani et al. 2017, section 3.5), rows x hidden."""
    hidden = settings["hidden"]
    found = [kind["sinusoidal"] for kind in settings["positions"]]
    table = numpy.zeros((rows, hidden))
    if found:
        if found != [{"divisor": "paper", "layout": "interleaved", "offset": 0}]:
            sys.exit(f"sinusoids as in the paper are understood, not {found}")
        places = numpy.arange(rows)[:, None]
        rates = numpy.power(10000.0, -numpy.arange(0, hidden, 2) / hidden)
        table[:, 0::2], table[:, 1::2] = numpy.sin(places * rates), numpy.cos(places * rates)
    return table.astype(numpy.float32)


class Writer:
    def __init__(self, folder):
        self.arrays = load_file(folder / "model.safetensors")
        config = json.loads((folder / "config.json").read_text())
        self.encoder, self.decoder = config["encoder"], config["decoder"]
        layers = self.decoder["layers"]
        expected = {"aggregator": "attention", "norm": "before", "final_norm": True, "embedding_norm": False, "activation": "relu", "gated": False}
        for settings in (self.encoder, layers):
            for key, value in expected.items():
                if settings[key] != value:
                    sys.exit(f"{folder}: {key} = {value!r} is understood, not {settings[key]!r}")
        if not (self.decoder["tied"] and self.decoder["shared_words"]) or self.decoder["bias"]:
            sys.exit(f"{folder}: one table of words for both sides and the output is understood")
        tokenizer = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
        self.words = sorted(tokenizer, key=tokenizer.get)

    def linear(self, spec, name):
        spec.weight, spec.bias = self.arrays[f"{name}.weight"], self.arrays[f"{name}.bias"]

    def norm(self, spec, name):
        spec.gamma, spec.beta = self.arrays[f"{name}.weight"], self.arrays[f"{name}.bias"]

    def side(self, spec, settings, prefix):
        embeddings = spec.embeddings[0] if isinstance(spec.embeddings, list) else spec.embeddings
        embeddings.weight = self.arrays["embeddings.words.weight"]
        if not math.isclose(settings["embedding_scale"], math.sqrt(settings["hidden"]), rel_tol=1e-5):
            sys.exit("words times the root of their width are understood")
        spec.position_encodings.encodings = sinusoids(settings, settings["maximum_tokens"])
        self.norm(spec.layer_norm, f"{prefix}norm")
        for number, layer in enumerate(spec.layer):
            name = f"{prefix}layers.{number}"
            self.norm(layer.self_attention.layer_norm, f"{name}.attention.norm")
            self.linear(layer.self_attention.linear[0], f"{name}.attention.qkv")
            self.linear(layer.self_attention.linear[1], f"{name}.attention.output")
            if hasattr(layer, "attention"):
                self.norm(layer.attention.layer_norm, f"{name}.cross.norm")
                self.linear(layer.attention.linear[0], f"{name}.cross.query")
                self.linear(layer.attention.linear[1], f"{name}.cross.keys_values")
                self.linear(layer.attention.linear[2], f"{name}.cross.output")
            self.norm(layer.ffn.layer_norm, f"{name}.feed_forward.norm")
            self.linear(layer.ffn.linear_0, f"{name}.feed_forward.first")
            self.linear(layer.ffn.linear_1, f"{name}.feed_forward.second")

    def write(self, out):
        layers = self.decoder["layers"]
        spec = transformer_spec.TransformerSpec.from_config(
            (len(self.encoder["layers"]), len(layers["layers"])), layers["heads"], pre_norm=True, activation=common_spec.Activation.RELU
        )
        self.side(spec.encoder, self.encoder, "")
        self.side(spec.decoder, layers, "decoder.")
        spec.decoder.projection.weight = self.arrays["embeddings.words.weight"]
        spec.config.layer_norm_epsilon = layers["epsilon"]
        spec.config.bos_token = spec.config.decoder_start_token = self.words[self.decoder["start"]]
        spec.config.eos_token, spec.config.unk_token = self.words[self.decoder["end"]], "[UNK]"
        spec.register_source_vocabulary(self.words)
        spec.register_target_vocabulary(self.words)
        spec.validate()
        spec.optimize()
        pathlib.Path(out).mkdir(parents=True, exist_ok=True)
        spec.save(str(out))


def convert(folder, out):
    Writer(pathlib.Path(folder)).write(out)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    convert(*sys.argv[1:])
