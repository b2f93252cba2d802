"""Goldens of training recurrent encoders: the loss, and its gradient by every parameter.

    pip install -r requirements.txt        # torch 2.15.0, transformers 5.23.0 (for training.py, whose heads and draws are used)
    python training_recurrent.py           # writes into training/; the same bits each time (seeds below, one thread)

Everything is synthetic: random weights, ids of no text. The reference is plain PyTorch, token after token, in float64 on
weights that were rounded to float32; the script asserts that the same code in float32 lies near it, that one direction of
a layer is nn.LSTM where nothing is clipped, that words are spelled as nn.Conv1d does it, and that clips that are asked for
do cut. What each file holds stands in README.md.
"""

import math

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

import training
from training import HERE, farthest, masked, next_words, sequences, write

BEGIN, END = 0, 1
LENGTHS = [9, 30, 3, 17]
CLIPS = {"cell_clip": 0.5, "projection_clip": 0.3}
SPELLED = {"entries": 20, "width": 5, "filters": [[1, 5], [2, 6], [4, 4]], "highways": 2, "most": 9, "activation": "relu",
           "padding": 19, "markers": [[16, 14, 17], [16, 15, 17]]}


def lstm(**changes):
    return {"cells": 8, "projection": False, "directions": "both", "joint": True, "skip_connections": False} | changes


def variant(**changes):
    return {"hidden": 16, "layers": 2, "vocabulary": 40, "epsilon": 1e-12, "lstm": lstm(), "characters": None, "mix": False,
            "types": 0, "position": "none", "positions": 48, "embedding_norm": False, "embedding_scale": 1.0,
            "final_norm": False, "transform": True, "tied": True, "sides": False} | changes


APART = lstm(cells=11, projection=True, joint=False, skip_connections=True, **CLIPS)
VARIANTS = {
    "lstm_joint": variant(embedding_norm=True, types=2, embedding_scale=2.0),
    "lstm_forward": variant(lstm=lstm(cells=16, directions="forward", skip_connections=True), tied=False, position="sinusoidal"),
    "lstm_sides": variant(lstm=APART, transform=False, sides=True),
    "lstm_spelled": variant(lstm=APART, transform=False, sides=True, tied=False, characters=SPELLED),
    "lstm_mix": variant(mix=True, final_norm=True, embedding_norm=True, position="learned"),
    "lstm_spelled_mix": variant(mix=True, tied=False, position="learned", characters=SPELLED | {"activation": "tanh", "highways": 1}),
    "lstm_spelled_words": variant(layers=1, lstm=APART, transform=False, sides=True, tied=False,
                                  characters=SPELLED | {"words": {"width": 3, "markers": [BEGIN, END]}}),
}


# ---------------------------------------------------------------------------------------------- data

def spell(generator, settings):
    """Characters of a made-up word between its two marks, filled up; now and then as many as there may be."""
    most = settings["most"]
    length = int(torch.randint(1, most - 1, (1,), generator=generator))
    inside = torch.randint(1, 14, (length,), generator=generator).tolist()
    return ([16] + inside + [17] + [settings["padding"]] * most)[:most]


def sides(made, directions):
    """Each direction tells the token that it comes to next, the last of a sequence none."""
    told = [{"rows": [], "targets": []} for _ in range(directions)]
    first = 0
    for ids in made:
        steps = len(ids) - 1
        for backward, side in enumerate(told):
            side["rows"] += [first + backward + i for i in range(steps)]
            side["targets"] += ids[:-1] if backward else ids[1:]
        first += len(ids)
    return told


def batch_of(s, generator):
    """Ids of sequences end to end, their characters, and the rows that are told from, with targets, by direction. With
    characters, the rows of a head by direction count the two markers of each sequence, which the ids do not."""
    made = sequences(generator, LENGTHS, s["vocabulary"])
    if s["sides"]:
        inside = [ids[1:-1] for ids in made] if s["characters"] else made
        framed = [[BEGIN, *ids, END] for ids in inside] if s["characters"] else made
        batch = {"lengths": [len(i) for i in inside], "ids": sum(inside, []), "sides": sides(framed, directions(s))}
    else:
        one = next_words(made) if s["lstm"]["directions"] == "forward" else masked(generator, made, s["vocabulary"])
        batch = {"lengths": one["lengths"], "ids": one["ids"], "sides": [{k: one[k] for k in ("rows", "targets")}]}
    batch["characters"] = []
    if s["characters"]:
        words = [spell(generator, s["characters"]) for _ in range(s["vocabulary"])]
        assert any(s["characters"]["padding"] not in word for word in words)
        batch["characters"] = sum((words[i] for i in batch["ids"]), [])
    return batch


# ------------------------------------------------------------------------------- an encoder by settings

def directions(s):
    return 2 if s["lstm"]["directions"] == "both" else 1


def width(s):
    """Of a token's row before the first layer, and of one direction's output."""
    return s["hidden"] // directions(s)


def shapes(s):
    """Name (Contexture's) and shape of each parameter."""
    def linear(name, outputs, inputs):
        yield f"{name}.weight", (outputs, inputs)
        yield f"{name}.bias", (outputs,)

    def norm(name, width):
        yield f"{name}.weight", (width,)
        yield f"{name}.bias", (width,)

    own, cells, c = width(s), s["lstm"]["cells"], s["characters"]
    if c:
        features = sum(count for _, count in c["filters"])
        known = c["words"]["width"] if "words" in c else 0
        if known:
            yield "embeddings.words.weight", (s["vocabulary"], known)
        yield "embeddings.characters.weight", (c["entries"], c["width"])
        for i, (window, count) in enumerate(c["filters"]):
            yield from linear(f"embeddings.filters.{i}", count, window * c["width"])
        for i in range(c["highways"]):
            yield from linear(f"embeddings.highways.{i}.transform", features, features)
            yield from linear(f"embeddings.highways.{i}.gate", features, features)
        yield from linear("embeddings.projection", own, known + features)
    else:
        yield "embeddings.words.weight", (s["vocabulary"], own)
    if s["types"]:
        yield "embeddings.types.weight", (s["types"], own)
    if s["position"] == "learned":
        yield "embeddings.positions.weight", (s["positions"], own)
    if s["embedding_norm"]:
        yield from norm("embeddings.norm", own)
    for i in range(s["layers"]):
        inputs = s["hidden"] if i and s["lstm"]["joint"] else own
        for name in ("forward", "backward")[: directions(s)]:
            yield from linear(f"layers.{i}.{name}.input", 4 * cells, inputs)
            yield f"layers.{i}.{name}.recurrent.weight", (4 * cells, own)
            if s["lstm"]["projection"]:
                yield f"layers.{i}.{name}.projection.weight", (own, cells)
    if s["final_norm"]:
        yield from norm("norm", s["hidden"])
    if s["mix"]:
        yield "mix.weights", (s["layers"] + 1,)
        yield "mix.scale", (1,)
    inputs = own if s["sides"] else s["hidden"]
    words = own if s["tied"] else inputs
    if s["transform"]:
        yield from linear("language.dense", words, inputs)
        yield from norm("language.norm", words)
    if s["tied"]:
        yield "language.bias", (s["vocabulary"],)
    else:
        yield from linear("language.decoder", s["vocabulary"], words)


def drawn(s, seed):
    """Random weights, larger than usual, with no zero bias, no unit norm weight, and layers that count unequally."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in shapes(s):
        normal = torch.randn(shape, generator=generator)
        table = name in {f"embeddings.{kind}.weight" for kind in ("words", "types", "positions", "characters")}
        of_norm, vector = "norm." in name, len(shape) == 1
        scale = 0.1 if of_norm else 0.5 if name.startswith("mix") or table else 0.2 if vector else 1.2 / math.sqrt(shape[-1])
        one = (of_norm and name.endswith("weight")) or name == "mix.scale"
        weights[name] = normal * scale + (1.0 if one else 0.0)
    return weights


class Recurrent(training.Encoder):
    """A recurrent encoder and its language head by settings; parameters under Contexture's names."""

    cut = None

    def clipped(self, x, key):
        most = self.s["lstm"].get(key)
        if most is None:
            return x
        found, of = self.cut.get(key, (0, 0))
        self.cut[key] = (found + int((x.abs() > most).sum()), of + x.numel())
        return x.clamp(-most, most)

    def direction(self, name, x, backward):
        """One direction on the rows `[tokens, inputs]` of one sequence."""
        z = self.linear(f"{name}.input", x)
        h, c = x.new_zeros(width(self.s)), x.new_zeros(self.s["lstm"]["cells"])
        outputs = [None] * len(x)
        for t in reversed(range(len(x))) if backward else range(len(x)):
            i, f, g, o = (z[t] + self.w[f"{name}.recurrent.weight"] @ h).chunk(4)
            c = self.clipped(f.sigmoid() * c + i.sigmoid() * g.tanh(), "cell_clip")
            h = o.sigmoid() * c.tanh()
            if self.s["lstm"]["projection"]:
                h = self.clipped(self.w[f"{name}.projection.weight"] @ h, "projection_clip")
            outputs[t] = h
        return torch.stack(outputs)

    def words(self, characters, ids):
        """Rows of words `[words, most]`: filters, the highest place of each, highways, beside them the words' own rows
        where there are such, projection."""
        c = self.s["characters"]
        rows = self.w["embeddings.characters.weight"][characters]
        found = []
        for i, (window, count) in enumerate(c["filters"]):
            windows = rows.unfold(1, window, 1).transpose(2, 3).flatten(2)
            found.append(self.linear(f"embeddings.filters.{i}", windows).amax(1))
        x = getattr(torch, c["activation"])(torch.cat(found, -1))
        for i in range(c["highways"]):
            gate = self.linear(f"embeddings.highways.{i}.gate", x).sigmoid()
            x = gate * self.linear(f"embeddings.highways.{i}.transform", x).relu() + (1 - gate) * x
        if "words" in c:
            x = torch.cat([F.embedding(ids, self.w["embeddings.words.weight"]), x], -1)
        return self.linear("embeddings.projection", x)

    def sinusoids(self, length, dtype):
        own, angle = width(self.s), torch.arange(length, dtype=torch.float64)[:, None]
        angle = angle * 10000 ** (-torch.arange(0, own, 2, dtype=torch.float64) / own)
        return torch.stack([angle.sin(), angle.cos()], -1).reshape(length, own).to(dtype)

    def embedded(self, ids, characters):
        if self.s["characters"]:
            c = self.s["characters"]
            markers = [(m + [c["padding"]] * c["most"])[: c["most"]] for m in c["markers"]]
            framed = [BEGIN, *ids.tolist(), END]
            x = self.words(torch.tensor([markers[0], *characters, markers[1]]), torch.tensor(framed))
        else:
            x = F.embedding(ids, self.w["embeddings.words.weight"])
        x = x * self.s["embedding_scale"]
        if self.s["position"] == "sinusoidal":
            x = x + self.sinusoids(len(x), x.dtype)
        if self.s["types"]:
            x = x + self.w["embeddings.types.weight"][0]
        if self.s["position"] == "learned":
            x = x + self.w["embeddings.positions.weight"][: len(x)]
        return self.normed("embeddings.norm", x) if self.s["embedding_norm"] else x

    def sequence(self, ids, characters):
        """The rows of one sequence `[tokens, hidden]`, markers that the encoder adds among them."""
        words = x = self.embedded(ids, characters)
        layers = [torch.cat([words] * directions(self.s), -1)]
        for i in range(self.s["layers"]):
            own = i > 0 and not self.s["lstm"]["joint"]
            inputs = x.chunk(directions(self.s), -1) if own else [x] * directions(self.s)
            names = ("forward", "backward")
            y = [self.direction(f"layers.{i}.{names[d]}", part, d == 1) for d, part in enumerate(inputs)]
            y = torch.cat(y, -1)
            x = y + x if i and self.s["lstm"]["skip_connections"] else y
            layers.append(x)
        if self.s["final_norm"]:
            layers[-1] = self.normed("norm", layers[-1])
        if not self.s["mix"]:
            return layers[-1]
        shares = self.w["mix.weights"].softmax(0)
        return self.w["mix.scale"] * sum(share * layer for share, layer in zip(shares, layers))

    def loss(self, batch, smoothing=0.0):
        self.cut, most = {}, self.s["characters"] and self.s["characters"]["most"]
        ids, rows, first = torch.tensor(batch["ids"]), [], 0
        for length in batch["lengths"]:
            flat = batch["characters"][first * (most or 0) : (first + length) * (most or 0)]
            characters = [flat[i * most : (i + 1) * most] for i in range(length)] if most else None
            found = self.sequence(ids[first : first + length], characters)
            rows.append(found[1:-1] if most and not self.s["sides"] else found)
            first += length
        rows = torch.cat(rows)
        table = "embeddings.words.weight" if self.s["tied"] else "language.decoder.weight"
        bias = "language.bias" if self.s["tied"] else "language.decoder.bias"
        losses = []
        for direction, side in enumerate(batch["sides"]):
            t = rows[side["rows"]]
            if self.s["sides"]:
                t = t[:, direction * width(self.s) : (direction + 1) * width(self.s)]
            if self.s["transform"]:
                t = self.normed("language.norm", F.gelu(self.linear("language.dense", t)))
            logits = F.linear(t, self.w[table], self.w[bias])
            losses.append(F.cross_entropy(logits, torch.tensor(side["targets"]), reduction="none"))
        return torch.cat(losses).mean()


# ------------------------------------------------------------------------------------------ assertions

def assert_is_nn_lstm(s, weights):
    """One direction of the first layer, without clips, is nn.LSTM's; and in both directions."""
    settings = s | {"lstm": {k: v for k, v in s["lstm"].items() if not k.endswith("clip")}}
    own, cells = width(s), s["lstm"]["cells"]
    model = Recurrent(settings, weights)
    x = torch.randn(7, own, generator=torch.Generator().manual_seed(1)).double()
    both = directions(s) == 2
    theirs = nn.LSTM(own, cells, bidirectional=both, proj_size=own if s["lstm"]["projection"] else 0).double()
    with torch.no_grad():
        for name, end in (("forward", ""), ("backward", "_reverse"))[: directions(s)]:
            at = f"layers.0.{name}"
            getattr(theirs, f"weight_ih_l0{end}").copy_(weights[f"{at}.input.weight"])
            getattr(theirs, f"weight_hh_l0{end}").copy_(weights[f"{at}.recurrent.weight"])
            getattr(theirs, f"bias_ih_l0{end}").copy_(weights[f"{at}.input.bias"])
            getattr(theirs, f"bias_hh_l0{end}").zero_()
            if s["lstm"]["projection"]:
                getattr(theirs, f"weight_hr_l0{end}").copy_(weights[f"{at}.projection.weight"])
        found = [model.direction(f"layers.0.{n}", x, n == "backward") for n in ("forward", "backward")[: directions(s)]]
        assert (torch.cat(found, -1) - theirs(x)[0]).abs().max() < 1e-12


def assert_is_conv1d(s, weights):
    """The largest window of each filter is that of nn.Conv1d's function."""
    c = s["characters"]
    model = Recurrent(s | {"characters": {k: v for k, v in c.items() if k != "words"} | {"highways": 0}}, weights)
    if "words" in c:
        # The columns of the words' own rows are left out.
        model.w["embeddings.projection.weight"] = model.w["embeddings.projection.weight"][:, c["words"]["width"] :]
    words = torch.randint(0, c["entries"], (6, c["most"]), generator=torch.Generator().manual_seed(2))
    rows = model.w["embeddings.characters.weight"][words].transpose(1, 2)
    found = []
    for i, (window, count) in enumerate(c["filters"]):
        kernel = model.w[f"embeddings.filters.{i}.weight"].view(count, window, c["width"]).transpose(1, 2)
        found.append(F.conv1d(rows, kernel, model.w[f"embeddings.filters.{i}.bias"]).amax(-1))
    expected = model.linear("embeddings.projection", getattr(torch, c["activation"])(torch.cat(found, -1)))
    assert (model.words(words, None) - expected).abs().max() < 1e-12


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    described, size = {}, 0
    for number, (name, s) in enumerate(VARIANTS.items()):
        batch = batch_of(s, torch.Generator().manual_seed(400 + number))
        weights = drawn(s, 300 + number)
        assert_is_nn_lstm(s, weights)
        if s["characters"]:
            assert_is_conv1d(s, weights)
        model = Recurrent(s, weights)
        loss, gradients = model.gradients(batch)
        shares = {key: found / of for key, (found, of) in model.cut.items()}
        assert len(shares) == sum(key.endswith("clip") for key in s["lstm"]) and all(0.05 < v < 0.6 for v in shares.values())
        single_loss, single = Recurrent(s, weights, torch.float32).gradients(batch)
        print(f"{name}: loss {loss:.6f}; float32 differs by {abs(single_loss - loss):.1e}, gradients "
              f"{farthest(single, gradients):.1e}; cut {shares}")
        assert farthest(single, gradients) < 2e-5
        described[name] = {"settings": s, "batch": batch, "loss": loss}
        stored = {f"weight.{n}": v for n, v in weights.items()} | {f"gradient.{n}": v.float() for n, v in gradients.items()}
        save_file(stored, HERE / f"{name}.safetensors")
        size += (HERE / f"{name}.safetensors").stat().st_size
    write("recurrent.json", described)
    size += (HERE / "recurrent.json").stat().st_size
    print(f"{size} bytes in all")
    assert size < 300_000


if __name__ == "__main__":
    main()
