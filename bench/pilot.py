"""Recipes for contexture-small-en tried in PyTorch on a GPU, where one takes minutes: which parts of the teacher to keep, how
many pieces, which bounds for the triples. What came of it stands in docs/own-model.md; the model itself is trained by
Contexture (crates/recipe/make.sh).

    pip install torch transformers tokenizers safetensors numpy scipy scikit-learn pytrec-eval-terrier==0.5.11
    python bench/pilot.py --teacher FOLDER --work WORK --data DATA --swaps data/swaps.tsv [RECIPE ...]

FOLDER is that of all-MiniLM-L6-v2, WORK holds texts.jsonl, teacher.npy and swaps.jsonl as make.sh writes them, RECIPE is one of
the names below (all of them where none is given). The objective, the schedule and the optimiser are those of the
configurations (crates/recipe/configs), products in bf16; draws are others, so figures differ by some tenths.
"""

import argparse
import collections
import json
import pathlib

import numpy
import static
import tokenizers
import torch
import transformers
from torch.nn import functional

SOURCES = {"wordnet": 0.25, "tatoeba": 0.2, "wikipedia": 0.4, "wikisplit": 0.05, "gutenberg": 0.1}
KINDS = {
    "roles": 0.5, "modifiers": 0.4, "voice": 0.3, "actions": 0.3, "comparisons": 0.24, "directions": 0.24, "times": 0.24,
    "negations": 0.22, "numbers": 0.14,
}  # fmt: skip


def triples(weight, margin, positive, negative, **more):
    bounds = {"weight": weight, "margin": margin, "positive": positive, "negative": negative}
    return {"steps": 3500, "rate": 2e-4, "texts": 60, "triples": 32, "bounds": bounds} | more


FIRST = {"steps": 3000, "rate": 4e-4, "texts": 96}
# The pieces of the vocabulary (0: all), the layers, and the stages.
RECIPES = {
    "10,000 pieces": (10_000, (0, 2, 4, 5), [FIRST]),
    "12,000 pieces": (12_000, (0, 2, 4, 5), [FIRST]),
    "20,000 pieces": (20_000, (0, 2, 4, 5), [FIRST]),
    "all pieces": (0, (0, 2, 4, 5), [FIRST]),
    "soft": (20_000, (0, 2, 4, 5), [FIRST, triples(1.0, 0.1, 0.92, 0.85)]),
    "hard": (20_000, (0, 2, 4, 5), [FIRST, triples(1.0, 0.2, 0.9, 0.75)]),
    "hard, nine words or more": (20_000, (0, 2, 4, 5), [FIRST, triples(1.0, 0.2, 0.9, 0.75, words=9)]),
    "hard, rate 5e-4": (20_000, (0, 2, 4, 5), [FIRST, triples(1.0, 0.2, 0.9, 0.75, rate=5e-4)]),
    "heavy": (20_000, (0, 2, 4, 5), [FIRST, triples(3.0, 0.3, 0.9, 0.65)]),
    "margin only": (20_000, (0, 2, 4, 5), [FIRST, triples(2.0, 0.15, -1.0, 1.0)]),
    "hard and contrast": (20_000, (0, 2, 4, 5), [FIRST, triples(1.0, 0.2, 0.9, 0.75, contrast=0.15)]),
}
SHARES = (0.5, 0.7, 0.8)
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


class Data:
    """Texts with the teacher's vectors, and triples, by source and by kind."""

    def __init__(self, work):
        texts = lines(work / "texts.jsonl")
        self.texts = [row["text"] for row in texts]
        self.sources = by(texts, "source")
        self.teacher = numpy.load(work / "teacher.npy", mmap_mode="r")
        self.swaps = lines(work / "swaps.jsonl")
        self.kinds = by(self.swaps, "kind")

    def draw_texts(self, count, random):
        rows = drawn(self.sources, SOURCES, count, random)
        target = torch.tensor(self.teacher[numpy.sort(rows)], device=DEVICE)
        return [self.texts[row] for row in numpy.sort(rows)], functional.normalize(target, dim=-1)

    def draw_triples(self, count, words, random):
        found = [[], [], []]
        while len(found[0]) < count:
            for row in drawn(self.kinds, KINDS, count, random):
                swap = self.swaps[row]
                if len(swap["anchor"].split()) < words or len(found[0]) == count:
                    continue
                pair = [swap["anchor"], swap["positive"]][:: random.choice([1, -1])]
                for column, text in zip(found, [*pair, swap["negative"]]):
                    column.append(text)
        return found[0] + found[1] + found[2]


def by(rows, key):
    groups = collections.defaultdict(list)
    for at, row in enumerate(rows):
        groups[row[key]].append(at)
    return groups


def drawn(groups, weights, count, random):
    share = numpy.array([weights[name] for name in groups])
    counts = random.multinomial(count, share / share.sum())
    return numpy.concatenate([random.choice(group, n) for group, n in zip(groups.values(), counts)])


class Student(torch.nn.Module):
    """Layers and pieces of the teacher: mean of the last layer, unit length."""

    def __init__(self, folder, layers, pieces, texts):
        super().__init__()
        self.model = transformers.AutoModel.from_pretrained(folder, attn_implementation="sdpa").to(DEVICE)
        self.model.encoder.layer = torch.nn.ModuleList(self.model.encoder.layer[layer] for layer in layers)
        for module in self.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        whole = tokenizers.Tokenizer.from_file(str(pathlib.Path(folder) / "tokenizer.json"))
        whole.no_padding()
        self.tokenizer = whole if not pieces else self.reduce(whole, pieces, texts)

    def reduce(self, whole, pieces, texts):
        counts = collections.Counter(i for e in whole.encode_batch_fast(texts) for i in e.ids)
        words = {i: word for word, i in whole.get_vocab().items()}
        must = [i for i, word in words.items() if word[0] == "[" and word[-1] == "]" and word[1:-1] in SPECIAL]
        must += [i for i, word in words.items() if len(word.removeprefix("##")) == 1 and word.isascii()]
        often = [i for i, _ in counts.most_common() if i not in set(must)]
        kept = sorted(must + often[: pieces - len(must)])
        settings = json.loads(whole.to_str())
        settings["model"]["vocab"] = {words[i]: at for at, i in enumerate(kept)}
        at = settings["model"]["vocab"]
        for token in settings["added_tokens"]:
            token["id"] = at[token["content"]]
        for token in settings["post_processor"].get("special_tokens", {}).values():
            token["ids"] = [at[name] for name in token["tokens"]]
        embeddings = self.model.embeddings
        rows = embeddings.word_embeddings.weight.data[kept]
        embeddings.word_embeddings = torch.nn.Embedding.from_pretrained(rows.clone(), freeze=False)
        return tokenizers.Tokenizer.from_str(json.dumps(settings))

    def forward(self, texts, most):
        self.tokenizer.enable_truncation(most)
        ids = [encoding.ids for encoding in self.tokenizer.encode_batch_fast(texts)]
        longest = max(map(len, ids))
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in ids], device=DEVICE)
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in ids], device=DEVICE)
        rows = self.model(ids, attention_mask=mask).last_hidden_state.float()
        return functional.normalize((rows * mask[..., None]).sum(1) / mask.sum(1, keepdim=True), dim=-1)

    @torch.no_grad()
    def vectors(self, texts):
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        found = numpy.empty((len(texts), 384))
        for start in range(0, len(order), 256):
            own = order[start : start + 256]
            found[own] = self([texts[at] for at in own], 256).cpu().numpy()
        return found


SPECIAL = ("PAD", "UNK", "CLS", "SEP", "MASK")


def losses(student, data, stage, random):
    texts, target = data.draw_texts(stage["texts"], random)
    with torch.autocast(DEVICE, torch.bfloat16):
        loss = (1 - (student(texts, 128) * target).sum(1)).mean()
    if "triples" not in stage:
        return loss
    bounds = stage["bounds"]
    with torch.autocast(DEVICE, torch.bfloat16):
        rows = student(data.draw_triples(stage["triples"], stage.get("words", 0), random), 64)
    anchor, positive, negative = rows.float().chunk(3)
    near, far = (anchor * positive).sum(1), (anchor * negative).sum(1)
    parts = (bounds["margin"] - near + far, bounds["positive"] - near, far - bounds["negative"])
    loss = loss + bounds["weight"] * sum(functional.relu(part) for part in parts).mean()
    if "contrast" in stage:
        scores = 20 * anchor @ torch.cat([positive, negative]).T
        loss = loss + stage["contrast"] * functional.cross_entropy(scores, torch.arange(len(anchor), device=DEVICE))
    return loss


def train(student, data, stage, random, steps):
    optimiser = torch.optim.AdamW(student.parameters(), lr=stage["rate"], weight_decay=0.01)
    warm = min(100, steps)
    for step in range(steps):
        falling = 1 - 0.98 * max(0, step - warm) / max(1, steps - warm)
        for group in optimiser.param_groups:
            group["lr"] = stage["rate"] * min((step + 1) / warm, falling)
        optimiser.zero_grad(set_to_none=True)
        losses(student, data, stage, random).backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimiser.step()


def judge(student, options, name):
    data = options.data
    figures = {
        "STS-B": static.spearman(student, data / "sts/stsb-dev.tsv"),
        "STS12": static.spearman(student, data / "sts/sts12-test.tsv"),
        "SICK": static.spearman(student, data / "sts/sick-train-trial.tsv"),
        "Cranfield": static.ndcg(student, data / "retrieval/cranfield"),
        "PAWS": static.precision(student, data / "paws/paws-wiki-dev.tsv.gz"),
        "swaps": static.swaps(student, options.swaps)["all"],
    }
    print(json.dumps({"recipe": name} | {key: round(float(value), 2) for key, value in figures.items()}), flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("teacher", "work", "data", "swaps"):
        options.add_argument(f"--{name}", type=pathlib.Path, required=True)
    options.add_argument("--steps", type=int, default=0, help="fewer steps a stage, to try the script")
    options.add_argument("recipes", nargs="*", metavar="RECIPE")
    options = options.parse_args()
    data = Data(options.work)
    for name in options.recipes or RECIPES:
        pieces, layers, stages = RECIPES[name]
        torch.manual_seed(1)
        student = Student(options.teacher, layers, pieces, data.texts)
        judge(student, options, f"{name}, untrained")
        held = []
        for number, stage in enumerate(stages):
            train(student, data, stage, numpy.random.default_rng(1), options.steps or stage["steps"])
            held.append({key: value.clone() for key, value in student.state_dict().items()})
            judge(student, options, f"{name}, stage {number + 1}")
        for share in SHARES if len(held) == 2 else ():
            mixed = {key: torch.lerp(a, held[1][key], share) if a.is_floating_point() else a for key, a in held[0].items()}
            student.load_state_dict(mixed)
            judge(student, options, f"{name}, {share} of stage 2")


if __name__ == "__main__":
    main()
