"""JinaBERT v2 in plain PyTorch, written from its published description.

The library has no class for it (the public checkpoints bring their own code), so this is the reference.
  embeddings: LayerNorm(word + token type), no position table
  attention:  BERT's, scores = q.k/sqrt(width) - slope[head] * |i - j|   (symmetric ALiBi, arXiv 2108.12409, 2310.19923)
  slopes:     2^(-8 k / n), k = 1..n, for n heads a power of two; otherwise those of the power p below, then every
              second slope of 2p
  block:      x = LayerNorm(x + dense(attention)); y = LayerNorm(x + wo(gelu(first half) * second half)), the halves of
              gated_layers(x), no bias there; erf GELU
"""
import json
import math

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F


def slopes(heads):
    below = 2 ** math.floor(math.log2(heads))
    regular = [2.0 ** (-8.0 * (k + 1) / below) for k in range(below)]
    finer = [2.0 ** (-8.0 * (k + 1) / (2 * below)) for k in range(2 * below)]
    return regular + finer[0::2][: heads - below]


class JinaReference(nn.Module):
    """Weights by checkpoint name; forward returns the hidden states [layers + 1][batch, tokens, hidden]."""

    def __init__(self, config, weights):
        super().__init__()
        self.config = config
        self.weights = nn.ParameterDict({k.replace(".", "/"): nn.Parameter(v, requires_grad=False) for k, v in weights.items()})

    @classmethod
    def open(cls, folder):
        return cls(json.loads((folder / "config.json").read_text()), load_file(folder / "model.safetensors")).eval()

    @staticmethod
    def shapes(c):
        """Name and shape of each tensor."""
        hidden, inner = c["hidden_size"], c["intermediate_size"]
        yield "embeddings.word_embeddings.weight", (c["vocab_size"], hidden)
        yield "embeddings.token_type_embeddings.weight", (c["type_vocab_size"], hidden)
        for part in ("weight", "bias"):
            yield f"embeddings.LayerNorm.{part}", (hidden,)
        for i in range(c["num_hidden_layers"]):
            at = f"encoder.layer.{i}."
            for dense in ("self.query", "self.key", "self.value", "output.dense"):
                yield f"{at}attention.{dense}.weight", (hidden, hidden)
                yield f"{at}attention.{dense}.bias", (hidden,)
            for norm in ("attention.output.LayerNorm", "mlp.layernorm"):
                yield f"{at}{norm}.weight", (hidden,)
                yield f"{at}{norm}.bias", (hidden,)
            yield f"{at}mlp.gated_layers.weight", (2 * inner, hidden)
            yield f"{at}mlp.wo.weight", (hidden, inner)
            yield f"{at}mlp.wo.bias", (hidden,)

    def get(self, name):
        return self.weights[name.replace(".", "/")]

    def linear(self, x, name, bias=True):
        return F.linear(x, self.get(name + ".weight"), self.get(name + ".bias") if bias else None)

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.get(name + ".weight"), self.get(name + ".bias"), self.config["layer_norm_eps"])

    @torch.no_grad()
    def forward(self, ids, mask):
        heads = self.config["num_attention_heads"]
        x = F.embedding(ids, self.get("embeddings.word_embeddings.weight")) + self.get("embeddings.token_type_embeddings.weight")[0]
        x = self.norm(x, "embeddings.LayerNorm")
        at = torch.arange(ids.shape[1])
        bias = -torch.tensor(slopes(heads), dtype=x.dtype)[:, None, None] * (at[:, None] - at[None, :]).abs().to(x.dtype)
        bias = bias[None] + (1 - mask[:, None, None, :].to(x.dtype)) * torch.finfo(x.dtype).min
        states = [x]
        for i in range(self.config["num_hidden_layers"]):
            states.append(self.layer(states[-1], f"encoder.layer.{i}.", bias, heads))
        return states

    def layer(self, x, at, bias, heads):
        batch, tokens, hidden = x.shape
        split = lambda y: y.view(batch, tokens, heads, hidden // heads).transpose(1, 2)
        q, k, v = (split(self.linear(x, f"{at}attention.self.{n}")) for n in ("query", "key", "value"))
        scores = q @ k.transpose(2, 3) / math.sqrt(hidden // heads) + bias
        context = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, tokens, hidden)
        x = self.norm(x + self.linear(context, at + "attention.output.dense"), at + "attention.output.LayerNorm")
        first, second = self.linear(x, at + "mlp.gated_layers", bias=False).chunk(2, -1)
        return self.norm(x + self.linear(F.gelu(first) * second, at + "mlp.wo"), at + "mlp.layernorm")
