"""Training steps of an encoder-decoder: Contexture beside PyTorch's nn.Transformer, the same shape and the same batches, interleaved in one run.

    cargo build --release -p contexture-bench
    python bench/seq2seq_train.py --contexture target/release/contexture-bench

Words are numbers drawn by a seed; the lengths of the pairs are those of `--lengths` (a line each: source, tab, target), else drawn to look
like sentences. Pairs are sorted by length and cut into batches of about as many tokens; a step is forward, loss, backward and Adam.
PyTorch pads each batch to its longest; tokens that are counted are words and ends alone, of both sides. PyTorch's figure is that of its best
configuration, found in the same run for each number of threads.
"""

import argparse
import json
import pathlib
import random
import statistics
import sys
import tempfile

from driver import HERE, Worker, WorkerFailed
from lstm import KEEP_MEMORY
from once import once
from run import machine, say

PAIRS = 400
# label: (options of the worker, environment)
PYTORCH = {
    "fused Adam": ({"optimiser": "fused"}, {}),
    "fused Adam, memory kept": ({"optimiser": "fused"}, KEEP_MEMORY),
    "foreach Adam, memory kept": ({"optimiser": "foreach"}, KEEP_MEMORY),
}
COMPILED = {"fused Adam, memory kept, compiled": ({"optimiser": "fused", "compile": True}, KEEP_MEMORY)}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contexture", metavar="BINARY", help="contexture-bench; without it only PyTorch runs")
    parser.add_argument("--threads", default="1,2", help="comma-separated thread counts (default %(default)s)")
    for name, usual in (("hidden", 256), ("heads", 4), ("inner", 1024), ("layers", 3), ("vocabulary", 8000)):
        parser.add_argument(f"--{name}", type=int, default=usual, help="default %(default)s")
    parser.add_argument("--lengths", metavar="TSV", type=pathlib.Path, help="lengths of source and target, a pair a line, without ends")
    parser.add_argument("--tokens", type=int, default=2000, help="tokens of one batch, both sides and ends (default %(default)s)")
    parser.add_argument("--batches", type=int, default=6, help="batches of one run, evenly out of all lengths (default %(default)s)")
    parser.add_argument("--dropout", type=float, default=0.1, help="default %(default)s")
    parser.add_argument("--label-smoothing", type=float, default=0.1, help="default %(default)s")
    parser.add_argument("--rounds", type=int, default=6, help="interleaved rounds (default %(default)s)")
    parser.add_argument("--compile", action="store_true", help="try torch.compile too, which takes minutes")
    parser.add_argument("--json", metavar="OUT", help="write every figure to this file")
    args = parser.parse_args()
    args.threads = [int(t) for t in args.threads.split(",")]
    return args


def lengths(args, rng):
    if args.lengths:
        rows = [line.split("\t") for line in args.lengths.read_text(encoding="utf-8").splitlines()]
        return [(int(source), int(target)) for source, target in rows]
    sources = [min(80, max(2, round(rng.lognormvariate(2.6, 0.45)))) for _ in range(PAIRS)]
    return [(source, min(80, max(2, round(source * rng.uniform(0.75, 1.35))))) for source in sources]


def problem(args):
    """The file that both sides read: `batches` of `[source ids, target ids]`, ends included; 0 pads, 1 starts, 2 ends."""
    rng = random.Random(7)
    batches, batch, size = [], [], 0
    for pair in sorted(lengths(args, rng)):
        if batch and size + sum(pair) + 2 > args.tokens:
            batches.append(batch)
            batch, size = [], 0
        batch.append(pair)
        size += sum(pair) + 2
    batches.append(batch)
    count = min(args.batches, len(batches))
    chosen = [batches[k * len(batches) // count] for k in range(count)]
    rng.shuffle(chosen)
    draw = lambda length: [rng.randrange(3, args.vocabulary) for _ in range(length)] + [2]
    ids = [[[draw(source), draw(target)] for source, target in batch] for batch in chosen]
    sizes = {name: getattr(args, name) for name in ("hidden", "heads", "inner", "layers", "vocabulary")}
    sizes["longest"] = 1 + max(len(side) for batch in ids for pair in batch for side in pair)
    return {"sizes": sizes, "dropout": args.dropout, "label_smoothing": args.label_smoothing, "rate": 5e-4, "batches": ids}


class Contexture:
    """A process for each run, which goes through the batches once before the clock starts."""

    library, label = "Contexture", ""

    def __init__(self, args, threads, file, log):
        self.command = [args.contexture, "seq2seq-train", "--problem", file, "--threads", str(threads)]
        self.threads, self.log = threads, log

    def run(self, count):
        return once([*self.command, "--runs", str(count)], self.threads, self.log)["seconds"]

    def close(self):
        pass


class PyTorch:
    """A worker that is stopped outside of its turn."""

    library = "PyTorch"

    def __init__(self, label, threads, file, log):
        options, environment = (PYTORCH | COMPILED)[label]
        self.label = label
        command = ["env", *(f"{k}={v}" for k, v in environment.items()), sys.executable, str(HERE / "seq2seq_torch.py")]
        self.worker = Worker(f"PyTorch [{threads}, {label}]", command, threads, log)
        try:
            with self.worker.turn() as worker:
                worker.ask(cmd="load", problem=file, threads=threads, options=options)
                self.version = worker.ask(cmd="version")
                worker.ask(cmd="run", n=1)
        except WorkerFailed:
            self.close()
            raise

    def run(self, count):
        with self.worker.turn() as worker:
            return worker.ask(cmd="run", n=count)["seconds"]

    def close(self):
        self.worker.close()


def opened(args, threads, file, log, notes):
    sides = [PyTorch(label, threads, file, log) for label in (PYTORCH | COMPILED if args.compile else PYTORCH)]
    if not args.contexture:
        return sides
    ours = Contexture(args, threads, file, log)
    try:
        ours.run(1)
    except WorkerFailed as error:
        note = f"Contexture is left out: {error}"
        say(f"  {note}")
        if note not in notes:
            notes.append(note)
        return sides
    return [ours, *sides]


def measure(args, threads, file, log, notes):
    say(f"{threads} thread{'s' * (threads > 1)}")
    sides = opened(args, threads, file, log, notes)
    try:
        peers = [side for side in sides if side.library == "PyTorch"]
        tried = {side: [] for side in peers}
        for _ in range(2):
            for side, seconds in tried.items():
                seconds += side.run(1)
        best = min(peers, key=lambda side: min(tried[side]))
        racers = [side for side in sides if side.library != "PyTorch" or side is best]
        rows = {side.library: {"seconds": [], "configuration": side.label} for side in racers}
        for number in range(args.rounds):
            # Who comes first changes.
            for side in racers[:: 1 if number % 2 else -1]:
                rows[side.library]["seconds"] += side.run(1)
        for row in rows.values():
            row |= {"best_s": min(row["seconds"]), "median_s": statistics.median(row["seconds"])}
        return {"rows": rows, "tried": {side.label: min(seconds) for side, seconds in tried.items()}}, best.version
    finally:
        for side in sides:
            side.close()


def markdown(result):
    tokens = result["tokens"]
    lines = ["| threads | Contexture, tokens/s best (median) | PyTorch, tokens/s best (median) | Contexture / PyTorch, best | by medians |", "|---|---|---|---|---|"]
    below = []
    for threads, found in result["threads"].items():
        ours, theirs = (found["rows"].get(library) for library in ("Contexture", "PyTorch"))
        shown = [f"{tokens / row['best_s']:.0f} ({tokens / row['median_s']:.0f})" if row else "" for row in (ours, theirs)]
        ratios = [f"{theirs[key] / ours[key]:.2f}" if ours else "" for key in ("best_s", "median_s")]
        lines.append(f"| {threads} | {shown[0]} | {shown[1]} | {ratios[0]} | {ratios[1]} |")
        tried = ", ".join(f"{label} {tokens / seconds:.0f}" for label, seconds in found["tried"].items())
        below.append(f"{threads} thread{'s' * (threads > 1)}: PyTorch's best is {theirs['configuration']} (tried, tokens/s: {tried}).")
    where, version = result["machine"], result["version"]
    shape = ", ".join(f"{name} {value}" for name, value in result["sizes"].items())
    below.append(f"{shape}; {result['pairs']} pairs in {result['batches']} batches, {tokens} tokens, {result['padded']} with PyTorch's padding.")
    return "\n".join([*lines, "", *below, *result["notes"], f"{version['name']} {version['version']}; {where['processor']}, {where['cores']} cores, load at the start {where['load_at_start']}."])


def main():
    args = arguments()
    made = problem(args)
    batches = made["batches"]
    padded = sum(len(batch) * (max(len(s) for s, _ in batch) + max(len(t) for _, t in batch)) for batch in batches)
    result = {
        "machine": machine(), "sizes": made["sizes"], "batches": len(batches), "pairs": sum(map(len, batches)), "padded": padded,
        "tokens": sum(len(s) + len(t) for batch in batches for s, t in batch), "threads": {}, "notes": []}
    with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile("w+", prefix="bench-seq2seq-", suffix=".log", delete=False) as log:
        file = pathlib.Path(folder) / "problem.json"
        file.write_text(json.dumps(made))
        try:
            for threads in args.threads:
                result["threads"][threads], result["version"] = measure(args, threads, str(file), log, result["notes"])
        except WorkerFailed as error:
            sys.exit(f"{error}; see {log.name}")
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(result, indent=1) + "\n")
    print(markdown(result))


if __name__ == "__main__":
    main()
