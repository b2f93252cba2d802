"""Goldens of training: gradients of whole models, ten optimiser steps, losses on sentence vectors.

    pip install -r requirements.txt        # torch 2.15.0, transformers 5.23.0, sentence-transformers 6.2.0
    python training.py                     # writes training/; the same bits each time (seeds below, one thread)

Everything is synthetic: random weights, ids of no text. The reference runs in float64 on weights that were rounded to
float32, so that what is stored is the function's value and not one library's rounding; the script asserts that the same
code in float32 lies near it, and prints how near.

`training/bert/` is computed by transformers' BertForMaskedLM. The variants are computed by `Encoder` below, plain PyTorch
whose settings cover all of them; it is asserted to give BertForMaskedLM's loss and gradients in BERT's own settings, and
its buckets are transformers' (MPNetEncoder.relative_position_bucket). What each file holds stands in README.md.
"""

import json
import math
import pathlib

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F
from transformers import BertConfig, BertForMaskedLM
from transformers.models.mpnet.modeling_mpnet import MPNetEncoder

HERE = pathlib.Path(__file__).parent / "training"
PAD, CLS, SEP, MASK, FIRST = 0, 2, 3, 4, 5
BERT = {"hidden": 32, "heads": 4, "inner": 64, "layers": 2, "vocabulary": 200, "positions": 48, "types": 2, "epsilon": 1e-12}
SMALL = {"hidden": 16, "heads": 2, "inner": 24, "layers": 2, "vocabulary": 60, "positions": 48, "types": 0, "epsilon": 1e-12}
STEPS, WARM, PEAK = 10, 3, 2e-3


# ---------------------------------------------------------------------------------------------- data

def sequences(generator, lengths, vocabulary):
    """Ids with some regularity: mostly a fixed successor, else any word."""
    made = []
    for length in lengths:
        ids = [CLS, int(torch.randint(FIRST, vocabulary, (1,), generator=generator))]
        while len(ids) < length - 1:
            free = torch.rand(1, generator=generator) < 0.3
            any_word = int(torch.randint(FIRST, vocabulary, (1,), generator=generator))
            ids.append(any_word if free else FIRST + (7 * ids[-1] + 3) % (vocabulary - FIRST))
        made.append(ids + [SEP])
    return made


def masked(generator, made, vocabulary):
    """BERT's 80/10/10 on every sixth word or so: (inputs, rows among all tokens end to end, targets)."""
    inputs, rows, targets, first = [], [], [], 0
    for ids in made:
        out = list(ids)
        for place in range(1, len(ids) - 1):
            if torch.rand(1, generator=generator) < 0.18 or (place == 1 and first == 0):
                rows.append(first + place)
                targets.append(ids[place])
                dice = float(torch.rand(1, generator=generator))
                if dice < 0.8:
                    out[place] = MASK
                elif dice < 0.9:
                    out[place] = int(torch.randint(FIRST, vocabulary, (1,), generator=generator))
        inputs.append(out)
        first += len(ids)
    return {"lengths": [len(i) for i in inputs], "ids": sum(inputs, []), "rows": rows, "targets": targets}


def next_words(made):
    """Each token's successor in its sequence is the target; the last token has none."""
    rows, targets, first = [], [], 0
    for ids in made:
        rows += [first + i for i in range(len(ids) - 1)]
        targets += ids[1:]
        first += len(ids)
    return {"lengths": [len(i) for i in made], "ids": sum(made, []), "rows": rows, "targets": targets}


def padded(batch):
    """(ids, attention mask) `[sequences, longest]`, and the padded flat place of each of the batch's rows."""
    longest = max(batch["lengths"])
    ids = torch.full((len(batch["lengths"]), longest), PAD)
    mask = torch.zeros_like(ids)
    place, first = {}, 0
    for number, length in enumerate(batch["lengths"]):
        ids[number, :length] = torch.tensor(batch["ids"][first : first + length])
        mask[number, :length] = 1
        place |= {first + i: number * longest + i for i in range(length)}
        first += length
    return ids, mask, torch.tensor([place[row] for row in batch["rows"]])


# ------------------------------------------------------------------------------- an encoder by settings

def shapes(s):
    """Name (Contexture's) and shape of each parameter."""
    hidden, inner = s["hidden"], s["inner"]

    def linear(name, outputs, inputs):
        yield f"{name}.weight", (outputs, inputs)
        yield f"{name}.bias", (outputs,)

    def norm(name):
        yield f"{name}.weight", (hidden,)
        yield f"{name}.bias", (hidden,)

    yield "embeddings.words.weight", (s["vocabulary"], hidden)
    if s["types"]:
        yield "embeddings.types.weight", (s["types"], hidden)
    if s["position"] == "learned":
        yield "embeddings.positions.weight", (s["positions"], hidden)
    if s["position"] == "relative":
        yield "embeddings.buckets.weight", (32, s["heads"])
    if s["embedding_norm"]:
        yield from norm("embeddings.norm")
    for i in range(s["layers"]):
        yield from linear(f"layers.{i}.attention.qkv", 3 * hidden, hidden)
        yield from linear(f"layers.{i}.attention.output", hidden, hidden)
        yield from norm(f"layers.{i}.attention.norm")
        yield from linear(f"layers.{i}.feed_forward.first", inner * (2 if s["gated"] else 1), hidden)
        yield from linear(f"layers.{i}.feed_forward.second", hidden, inner)
        yield from norm(f"layers.{i}.feed_forward.norm")
    if s["norm"] == "before":
        yield from norm("norm")
    yield from linear("language.dense", hidden, hidden)
    yield from norm("language.norm")
    if s["tied"]:
        yield "language.bias", (s["vocabulary"],)
    else:
        yield from linear("language.decoder", s["vocabulary"], hidden)


def drawn(s, seed):
    """Random weights, larger than usual, with no zero bias and no unit norm weight."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in shapes(s):
        normal = torch.randn(shape, generator=generator)
        of_norm = "norm." in name
        scale = 0.1 if of_norm or name.endswith("bias") else 0.5 if "embeddings" in name else 1.2 / math.sqrt(shape[-1])
        weights[name] = normal * scale + (1.0 if of_norm and name.endswith("weight") else 0.0)
    return weights


ACTIVATIONS = {
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "relu": F.relu,
    "silu": F.silu,
}


class Encoder(nn.Module):
    """An encoder and its language head by settings; parameters under Contexture's names."""

    def __init__(self, settings, weights, dtype=torch.float64):
        super().__init__()
        self.s = settings
        self.w = {name: nn.Parameter(value.detach().to(dtype).clone()) for name, value in weights.items()}

    def linear(self, name, x):
        return F.linear(x, self.w[f"{name}.weight"], self.w[f"{name}.bias"])

    def normed(self, name, x):
        return F.layer_norm(x, x.shape[-1:], self.w[f"{name}.weight"], self.w[f"{name}.bias"], self.s["epsilon"])

    def sinusoids(self, length, dtype):
        """sin at 2k, cos at 2k + 1, angle pos 10000^(-2k / hidden): Vaswani et al. 2017, section 3.5."""
        hidden = self.s["hidden"]
        k = torch.arange(0, hidden, 2, dtype=torch.float64)
        angle = torch.arange(length, dtype=torch.float64)[:, None] * 10000 ** (-k / hidden)
        return torch.stack([angle.sin(), angle.cos()], -1).reshape(length, hidden).to(dtype)

    def turned(self, x):
        """x `[batch, heads, length, width]`; pairs are halves (k, k + width / 2) or neighbours (2k, 2k + 1)."""
        width, length = x.shape[-1], x.shape[-2]
        k = torch.arange(0, width, 2, dtype=torch.float64)
        angle = torch.arange(length, dtype=torch.float64)[:, None] * self.s["base"] ** (-k / width)
        sin, cos = angle.sin().to(x.dtype), angle.cos().to(x.dtype)
        if self.s["interleaved"]:
            a, b = x[..., 0::2], x[..., 1::2]
            return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)
        a, b = x.chunk(2, -1)
        return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)

    def score_bias(self, mask, dtype):
        """What scores gain, `[batch, heads or 1, length, length]`."""
        length, heads = mask.shape[1], self.s["heads"]
        places = torch.arange(length)
        distance = places[None, :] - places[:, None]
        unseen = torch.zeros(length, length, dtype=torch.bool) if not self.s["causal"] else distance > 0
        bias = torch.zeros(1, 1, length, length, dtype=dtype)
        if self.s["position"] == "alibi":
            slopes = torch.tensor([2.0 ** (-8.0 * (h + 1) / heads) for h in range(heads)], dtype=dtype)
            bias = (-slopes[:, None, None] * distance.abs().to(dtype))[None]
        if self.s["position"] == "relative":
            buckets = MPNetEncoder.relative_position_bucket(distance, num_buckets=32, max_distance=128)
            bias = self.w["embeddings.buckets.weight"][buckets].permute(2, 0, 1)[None]
        return bias.masked_fill(unseen | (mask == 0)[:, None, None, :], -torch.inf)

    def attention(self, i, x, bias):
        batch, length, hidden = x.shape
        heads = self.s["heads"]
        parts = self.linear(f"layers.{i}.attention.qkv", x).chunk(3, -1)
        q, k, v = (p.view(batch, length, heads, hidden // heads).transpose(1, 2) for p in parts)
        if self.s["position"] == "rotary":
            q, k = self.turned(q), self.turned(k)
        scores = q @ k.transpose(-1, -2) / math.sqrt(hidden // heads) + bias
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, length, hidden)
        return self.linear(f"layers.{i}.attention.output", mixed)

    def feed_forward(self, i, x):
        act = ACTIVATIONS[self.s["activation"]]
        z = self.linear(f"layers.{i}.feed_forward.first", x)
        if self.s["gated"]:
            a, b = z.chunk(2, -1)
            return self.linear(f"layers.{i}.feed_forward.second", act(a) * b)
        return self.linear(f"layers.{i}.feed_forward.second", act(z))

    def hidden(self, ids, mask):
        x = F.embedding(ids, self.w["embeddings.words.weight"]) * self.s["embedding_scale"]
        if self.s["types"]:
            x = x + self.w["embeddings.types.weight"][0]
        if self.s["position"] == "learned":
            x = x + self.w["embeddings.positions.weight"][: ids.shape[1]]
        if self.s["position"] == "sinusoidal":
            x = x + self.sinusoids(ids.shape[1], x.dtype)
        if self.s["embedding_norm"]:
            x = self.normed("embeddings.norm", x)
        bias = self.score_bias(mask, x.dtype)
        for i in range(self.s["layers"]):
            if self.s["norm"] == "after":
                x = self.normed(f"layers.{i}.attention.norm", x + self.attention(i, x, bias))
                x = self.normed(f"layers.{i}.feed_forward.norm", x + self.feed_forward(i, x))
            else:
                x = x + self.attention(i, self.normed(f"layers.{i}.attention.norm", x), bias)
                x = x + self.feed_forward(i, self.normed(f"layers.{i}.feed_forward.norm", x))
        return self.normed("norm", x) if self.s["norm"] == "before" else x

    def loss(self, batch, smoothing=0.0):
        ids, mask, places = padded(batch)
        rows = self.hidden(ids, mask).flatten(0, 1)[places]
        rows = self.normed("language.norm", F.gelu(self.linear("language.dense", rows)))
        if self.s["tied"]:
            logits = F.linear(rows, self.w["embeddings.words.weight"], self.w["language.bias"])
        else:
            logits = self.linear("language.decoder", rows)
        return F.cross_entropy(logits, torch.tensor(batch["targets"]), label_smoothing=smoothing)

    def gradients(self, batch, smoothing=0.0):
        loss = self.loss(batch, smoothing)
        found = torch.autograd.grad(loss, list(self.w.values()))
        return float(loss.detach()), dict(zip(self.w, found))


def variant(sizes, **changes):
    settings = {"norm": "after", "activation": "gelu", "gated": False, "position": "learned", "causal": False, "tied": True,
                "embedding_norm": True, "embedding_scale": 1.0, "base": 10000.0, "interleaved": False}
    return sizes | settings | changes


VARIANTS = {
    "pre_norm": {"norm": "before", "embedding_norm": False},
    "gated_silu": {"activation": "silu", "gated": True},
    "relu_untied": {"activation": "relu", "tied": False, "position": "none"},
    "gelu_tanh": {"activation": "gelu_tanh"},
    "rotary": {"position": "rotary", "base": 100.0},
    "rotary_neighbours": {"position": "rotary", "base": 1000.0, "interleaved": True, "norm": "before"},
    "alibi": {"position": "alibi"},
    "relative": {"position": "relative"},
    "sinusoidal": {"position": "sinusoidal", "embedding_scale": 4.0},
    "causal": {"causal": True, "norm": "before"},
}


# -------------------------------------------------------------------------------- BERT by transformers

STEMS = {
    "embeddings.words": ["bert.embeddings.word_embeddings"],
    "embeddings.types": ["bert.embeddings.token_type_embeddings"],
    "embeddings.positions": ["bert.embeddings.position_embeddings"],
    "embeddings.norm": ["bert.embeddings.LayerNorm"],
    "attention.qkv": [f"attention.self.{part}" for part in ("query", "key", "value")],
    "attention.output": ["attention.output.dense"],
    "attention.norm": ["attention.output.LayerNorm"],
    "feed_forward.first": ["intermediate.dense"],
    "feed_forward.second": ["output.dense"],
    "feed_forward.norm": ["output.LayerNorm"],
    "language.dense": ["cls.predictions.transform.dense"],
    "language.norm": ["cls.predictions.transform.LayerNorm"],
}


def checkpoint_names(name):
    """The checkpoint's tensors whose rows, end to end, are our parameter `name`."""
    if name == "language.bias":
        return ["cls.predictions.bias"]
    stem, part = name.rsplit(".", 1)
    if stem.startswith("layers."):
        number, stem = stem.split(".", 2)[1:]
        return [f"bert.encoder.layer.{number}.{theirs}.{part}" for theirs in STEMS[stem]]
    return [f"{theirs}.{part}" for theirs in STEMS[stem]]


def bert(weights, dtype):
    s = BERT
    config = BertConfig(
        vocab_size=s["vocabulary"], hidden_size=s["hidden"], num_hidden_layers=s["layers"], num_attention_heads=s["heads"],
        intermediate_size=s["inner"], max_position_embeddings=s["positions"], type_vocab_size=s["types"], pad_token_id=PAD,
        layer_norm_eps=s["epsilon"], hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, attn_implementation="eager",
    )
    model = BertForMaskedLM(config).to(dtype)
    own = dict(model.named_parameters())
    with torch.no_grad():
        for name, value in weights.items():
            names = checkpoint_names(name)
            for theirs, rows in zip(names, value.chunk(len(names))):
                own[theirs].copy_(rows)
    return model.train()


def bert_loss(model, batch, smoothing=0.0):
    ids, mask, places = padded(batch)
    logits = model(input_ids=ids, attention_mask=mask).logits.flatten(0, 1)[places]
    return F.cross_entropy(logits, torch.tensor(batch["targets"]), label_smoothing=smoothing)


def in_our_names(weights, model):
    """The gradients of a BertForMaskedLM under our names, fused as ours are."""
    own = dict(model.named_parameters())
    return {name: torch.cat([own[theirs].grad for theirs in checkpoint_names(name)]) for name in weights}


def farthest(found, expected):
    """The largest difference of any value, in units of its tensor's largest."""
    return max(float((found[n] - expected[n]).abs().max() / expected[n].abs().max().clamp(min=1e-3)) for n in expected)


# ------------------------------------------------------------------------------------------ ten steps

def rates():
    """Linear warm-up over 3 steps, then linear decay: 1/3, 2/3, 1, 7/8, ... 1/8 of the peak."""
    return [PEAK * min(step / WARM, (STEPS + 1 - step) / (STEPS + 1 - WARM)) for step in range(1, STEPS + 1)]


def grouped(parameters, decay):
    matrices = [p for p in parameters if p.dim() > 1]
    vectors = [p for p in parameters if p.dim() == 1]
    return [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]


OPTIMISERS = {
    "adamw": (0.0, lambda p: torch.optim.AdamW(grouped(p, 0.01), lr=1.0, betas=(0.9, 0.999), eps=1e-8)),
    "adam": (0.0, lambda p: torch.optim.Adam(grouped(p, 0.01), lr=1.0, betas=(0.9, 0.999), eps=1e-8)),
    "adafactor": (0.0, lambda p: torch.optim.Adafactor(
        grouped(p, 0.01), lr=1.0, beta2_decay=-0.8, eps=(2.0**-23, 1e-3), d=1.0)),
    "adamw_smoothed": (0.1, lambda p: torch.optim.AdamW(grouped(p, 0.01), lr=1.0, betas=(0.9, 0.999), eps=1e-8)),
}


def ten_steps(s, weights, batches, name, dtype):
    """Over parameters as Contexture fuses them: to Adafactor, query, key and value are one matrix."""
    smoothing, make = OPTIMISERS[name]
    model = Encoder(s, weights, dtype)
    optimiser = make(list(model.w.values()))
    losses, norms = [], []
    for rate, batch in zip(rates(), batches):
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.zero_grad()
        loss = model.loss(batch, smoothing)
        loss.backward()
        norms.append(float(nn.utils.clip_grad_norm_(model.w.values(), 1.0)))
        optimiser.step()
        losses.append(float(loss.detach()))
    moved = {n: model.w[n].detach() - v.to(dtype) for n, v in weights.items()}
    # A bias of keys adds the same to all scores of a query: its gradient is 0 but for rounding, and so is what it would say.
    moved = {n: torch.cat([v.chunk(3)[0], v.chunk(3)[2]]) if n.endswith("qkv.bias") else v for n, v in moved.items()}
    return losses, norms, {n: v.flatten() for n, v in moved.items()}


def library_losses(weights, batches):
    """AdamW's ten losses by BertForMaskedLM itself."""
    model, losses = bert(weights, torch.float64), []
    optimiser = OPTIMISERS["adamw"][1](list(model.parameters()))
    for rate, batch in zip(rates(), batches):
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.zero_grad()
        loss = bert_loss(model, batch)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        losses.append(float(loss.detach()))
    return losses


def digest(moved):
    """Of each parameter's move over the ten steps (keys' biases left out): its length, eight of its values, evenly drawn."""
    return {n: {"norm": float(v.norm()), "values": [float(v[len(v) * i // 8]) for i in range(8)]} for n, v in moved.items()}


# --------------------------------------------------------------------------------- sentence losses

def sentence_losses():
    import sentence_transformers.sentence_transformer.losses as losses

    generator = torch.Generator().manual_seed(31)
    drawn = lambda: torch.randn(6, 12, generator=generator)
    near = drawn()
    columns = {"anchors": near + 0.6 * drawn(), "positives": near + 0.6 * drawn(), "negatives": near + 1.5 * drawn()}
    columns["teacher"] = near + 0.3 * drawn()
    scores = (torch.rand(6, generator=generator) * 2 - 0.5).clamp(0, 1)
    ranking = lambda **k: losses.MultipleNegativesRankingLoss(nn.Identity(), scale=20.0, **k)
    both = {"directions": ("query_to_doc", "doc_to_query"), "partition_mode": "per_direction"}
    plain, symmetric = ranking(), ranking(**both)
    pairs, triples = ["anchors", "positives"], ["anchors", "positives", "negatives"]
    given = lambda v, names: [v[n] for n in names]
    as_model = lambda v, names: [{"sentence_embedding": e} for e in given(v, names)]
    stub = type("Stub", (nn.Module,), {"forward": lambda self, features: features})()
    regression, distillation = losses.CosineSimilarityLoss(stub), losses.MSELoss(stub)
    cases = {
        "contrastive": (pairs, lambda v: plain.compute_loss_from_embeddings(given(v, pairs), None)),
        "contrastive_negatives": (triples, lambda v: plain.compute_loss_from_embeddings(given(v, triples), None)),
        "contrastive_symmetric": (pairs, lambda v: symmetric.compute_loss_from_embeddings(given(v, pairs), None)),
        "contrastive_symmetric_negatives": (triples, lambda v: symmetric.compute_loss_from_embeddings(given(v, triples), None)),
        "regression": (pairs, lambda v: regression(as_model(v, pairs), scores.double())),
        "distillation": (["anchors"], lambda v: distillation(as_model(v, ["anchors"]), columns["teacher"].double())),
    }
    tensors = {f"vectors.{n}": v for n, v in columns.items()} | {"scores": scores}
    values = {}
    for name, (names, loss) in cases.items():
        v = {n: columns[n].double().requires_grad_() for n in names}
        value = loss(v)
        values[name] = float(value.detach())
        for column, gradient in zip(names, torch.autograd.grad(value, list(v.values()))):
            tensors[f"{name}.{column}"] = gradient.float()
    save_file(tensors, HERE / "sentence-losses.safetensors")
    write("sentence-losses.json", {"scale": 20.0, "losses": values})


# ---------------------------------------------------------------------------------------------- main

def write(name, value):
    (HERE / name).write_text(json.dumps(value) + "\n")


def variants():
    described = {}
    for number, (name, changes) in enumerate(VARIANTS.items()):
        s = variant(SMALL, **changes)
        generator = torch.Generator().manual_seed(200 + number)
        made = sequences(generator, [9, 40, 3, 17], s["vocabulary"])
        batch = next_words(made) if s["causal"] else masked(generator, made, s["vocabulary"])
        weights = drawn(s, 100 + number)
        loss, gradients = Encoder(s, weights).gradients(batch)
        single_loss, single = Encoder(s, weights, torch.float32).gradients(batch)
        print(f"{name}: loss {loss:.6f}; float32 differs by {abs(single_loss - loss):.1e}, gradients {farthest(single, gradients):.1e}")
        assert farthest(single, gradients) < 2e-5
        described[name] = {"settings": s, "batch": batch, "loss": loss}
        stored = {f"weight.{n}": v for n, v in weights.items()} | {f"gradient.{n}": v.float() for n, v in gradients.items()}
        save_file(stored, HERE / f"{name}.safetensors")
    write("variants.json", described)


def bert_goldens():
    s = variant(BERT)
    weights = drawn(s, 7)
    generator = torch.Generator().manual_seed(8)
    lengths = [[12, 5, 31, 20, 3], [8, 8, 24, 40], [16, 30, 2 + 4, 11, 27, 9]]
    batches = [masked(generator, sequences(generator, lengths[i % 3], s["vocabulary"]), s["vocabulary"]) for i in range(STEPS)]
    folder = HERE / "bert"
    bert(weights, torch.float32).save_pretrained(folder)
    for unwanted in folder.glob("generation_config.json"):
        unwanted.unlink()
    gradients, losses = {}, {}
    for kind, smoothing in (("plain", 0.0), ("smoothed", 0.1)):
        model = bert(weights, torch.float64)
        loss = bert_loss(model, batches[0], smoothing)
        loss.backward()
        theirs = in_our_names(weights, model)
        own_loss, own = Encoder(s, weights).gradients(batches[0], smoothing)
        single = Encoder(s, weights, torch.float32).gradients(batches[0], smoothing)[1]
        print(f"bert, {kind}: loss {loss.item():.6f}; own module differs by {abs(own_loss - loss.item()):.1e}, gradients "
              f"{farthest(own, theirs):.1e}; float32 {farthest(single, theirs):.1e}")
        assert abs(own_loss - loss.item()) < 1e-12 and farthest(own, theirs) < 1e-10
        losses[kind] = float(loss.detach())
        gradients |= {f"{kind}.{n}": v.float() for n, v in theirs.items()}
    save_file(gradients, HERE / "bert-gradients.safetensors")
    runs = {}
    for name in OPTIMISERS:
        found, norms, moved = ten_steps(s, weights, batches, name, torch.float64)
        single, _, single_moved = ten_steps(s, weights, batches, name, torch.float32)
        far = max(abs(a - b) / abs(b) for a, b in zip(single, found))
        print(f"{name}: losses {found[0]:.4f} .. {found[-1]:.4f}, norms {norms[0]:.2f} .. {norms[-1]:.2f}; float32 differs by "
              f"{far:.1e}, moves {farthest(single_moved, moved):.1e}")
        if name == "adamw":
            far = max(abs(a - b) for a, b in zip(library_losses(weights, batches), found))
            print(f"adamw: BertForMaskedLM's losses differ by {far:.1e}")
            assert far < 1e-6
        runs[name] = {"smoothing": OPTIMISERS[name][0], "losses": found, "norms": norms, "moved": digest(moved)}
    write("bert.json", {"batches": batches, "losses": losses, "rates": rates(), "weight_decay": 0.01, "clip": 1.0, "runs": runs})


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    HERE.mkdir(exist_ok=True)
    bert_goldens()
    variants()
    sentence_losses()
    for path in sorted(HERE.rglob("*.*")):
        size = path.stat().st_size
        print(f"{size:8} {path.relative_to(HERE)}")
        assert size < 300_000


if __name__ == "__main__":
    main()
