"""What every side of bench/train.py trains: sizes, recipe, seeded weights and one batch, written to a safetensors file."""

import torch
from safetensors.torch import save_file

SIZES = {"layers": 4, "hidden": 256, "heads": 4, "inner": 1024, "vocabulary": 8192, "positions": 64, "batch": 32, "length": 64}
RECIPE = {"rate": 1e-4, "weight_decay": 0.01, "clip": 1.0, "betas": [0.9, 0.999], "epsilon": 1e-8}
MASKED_SHARE = 0.15


def shapes(s=SIZES):
    hidden, inner = s["hidden"], s["inner"]

    def linear(name, outputs, inputs):
        return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}

    def norm(name):
        return {f"{name}.weight": (hidden,), f"{name}.bias": (hidden,)}

    made = {"embeddings.words.weight": (s["vocabulary"], hidden), "embeddings.positions.weight": (s["positions"], hidden)}
    made |= norm("embeddings.norm")
    for i in range(s["layers"]):
        at = f"layers.{i}."
        made |= linear(at + "attention.qkv", 3 * hidden, hidden) | linear(at + "attention.output", hidden, hidden)
        made |= norm(at + "attention.norm")
        made |= linear(at + "feed_forward.first", inner, hidden) | linear(at + "feed_forward.second", hidden, inner)
        made |= norm(at + "feed_forward.norm")
    return made | linear("language.dense", hidden, hidden) | norm("language.norm") | {"language.bias": (s["vocabulary"],)}


def write_problem(path, seed=11):
    """Weights by Contexture's names; `batch.ids`, `batch.all` (a target for each token), `batch.rows` and `batch.targets`."""
    s, generator = SIZES, torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in shapes().items():
        if "norm.weight" in name:
            weights[name] = torch.ones(shape)
        elif name.endswith("bias"):
            weights[name] = torch.zeros(shape)
        else:
            weights[name] = torch.randn(shape, generator=generator) * 0.02
    tokens = s["batch"] * s["length"]
    numbers = lambda n, most: torch.randint(0, most, (n,), generator=generator, dtype=torch.int32)
    # Frequencies as in text: the k-th word about 1 / k as often as the first.
    ids = (s["vocabulary"] ** torch.rand(tokens, generator=generator) - 1).to(torch.int32)
    rows = torch.randperm(tokens, generator=generator)[: round(tokens * MASKED_SHARE)].sort().values
    targets = numbers(tokens, s["vocabulary"])
    batch = {"ids": ids.view(s["batch"], s["length"]), "all": targets, "rows": rows.to(torch.int32), "targets": targets[rows]}
    save_file(weights | {f"batch.{name}": value.contiguous() for name, value in batch.items()}, path)


def step_flops(head, s=SIZES):
    """Multiply-adds counted as two: forward, and twice that backward; linear maps, attention's products, the head."""
    tokens, hidden = s["batch"] * s["length"], s["hidden"]
    rows = tokens if head == "all" else round(tokens * MASKED_SHARE)
    layer = tokens * (4 * hidden * hidden + 2 * hidden * s["inner"]) * 2 + tokens * 4 * s["length"] * hidden
    return 3 * (s["layers"] * layer + rows * 2 * (hidden * hidden + hidden * s["vocabulary"]))
