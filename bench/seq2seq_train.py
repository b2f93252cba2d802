"""Training steps of an encoder-decoder: Contexture beside PyTorch's nn.Transformer of the same shape, interleaved in one run.

    cargo build --release -p contexture-bench
    python bench/seq2seq_train.py --contexture target/release/contexture-bench

Forward, backward, clipping and Adam, float32, dropout and label smoothing 0.1, words tied. The pairs are as long as captions are: a
normal distribution of 15 tokens, deviation 5, the target some 2 off. PyTorch gets batches of pairs of like lengths, which costs it the least
padding; Contexture, which pads nothing, gets them as they come. Tokens are those of the text, both sides, without padding. PyTorch's
figure is that of its best configuration in the same run (memory kept or not, Adam fused or not).
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
from run import machine, say

SHAPES = {
    "small data (128, 4 layers)": {"hidden": 128, "heads": 4, "inner": 256, "layers": 4, "vocabulary": 8000, "dropout": 0.1},
    "half of base (256, 3 layers)": {"hidden": 256, "heads": 4, "inner": 1024, "layers": 3, "vocabulary": 8000, "dropout": 0.1},
}
PYTORCH = {
    "plain": ({}, {}), "memory kept": ({}, KEEP_MEMORY), "memory kept, fused Adam": ({"fused": True}, KEEP_MEMORY),
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contexture", metavar="BINARY", required=True, help="contexture-bench")
    parser.add_argument("--threads", default="1,2", help="comma-separated thread counts (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=6, help="interleaved rounds (default %(default)s)")
    parser.add_argument("--batch-tokens", type=int, default=4096, help="tokens of a batch, both sides (default %(default)s)")
    parser.add_argument("--json", metavar="OUT", help="write every figure to this file")
    args = parser.parse_args()
    args.threads = [int(t) for t in args.threads.split(",")]
    return args


def batches(tokens, count, sort):
    """The same pairs, as they come or by length, in batches up to so many tokens."""
    draw = random.Random(5)
    pairs = []
    while sum(a + b for a, b in pairs) < tokens * count:
        source = min(max(round(draw.gauss(15, 5)), 4), 60)
        pairs.append((source, min(max(source + round(draw.gauss(0, 2)), 4), 60)))
    if sort:
        pairs.sort()
    made, batch = [], []
    for pair in pairs:
        if batch and sum(map(sum, batch)) + sum(pair) > tokens:
            made.append(batch)
            batch = []
        batch.append(pair)
    made.append(batch)
    draw.shuffle(made)
    return made


def measure(args, threads, sizes, log):
    ours = batches(args.batch_tokens, 3, sort=False)
    padded = batches(args.batch_tokens, 3, sort=True)
    tokens = sum(a + b for batch in ours for a, b in batch)
    sides = {"Contexture": (Worker(f"Contexture [{threads}]", [args.contexture, "seq2seq-step"], threads, log), ours, {})}
    for label, (options, environment) in PYTORCH.items():
        command = ["env", *(f"{k}={v}" for k, v in environment.items()), sys.executable, str(HERE / "seq2seq_torch.py")]
        sides[label] = (Worker(f"PyTorch [{threads}, {label}]", command, threads, log), padded, options)
    try:
        seconds = {label: [] for label in sides}
        for label, (worker, _, options) in sides.items():
            with worker.turn():
                worker.ask(cmd="load", threads=threads, sizes=sizes, smoothing=0.1, options=options)
                version = worker.ask(cmd="version")
                sides[label] += (f"{version['name']} {version['version']}",)
        for number in range(args.rounds + 1):
            for label in sorted(sides, reverse=number % 2):
                worker, work = sides[label][:2]
                with worker.turn():
                    took = worker.ask(cmd="run", batches=work)["seconds"]
                if number:
                    seconds[label].append(took)
        return {"seconds": seconds, "tokens": tokens, "versions": [sides[label][3] for label in ("Contexture", "plain")]}
    finally:
        for worker, *_ in sides.values():
            worker.close()


def markdown(result):
    lines = ["| shape | threads | Contexture, tokens/s best (median) | PyTorch | configuration | ratio, best | by medians |", "|---|---|---|---|---|---|---|"]
    for shape, by_threads in result["shapes"].items():
        for threads, found in by_threads.items():
            peer = min((label for label in found["seconds"] if label != "Contexture"), key=lambda label: min(found["seconds"][label]))
            ours, theirs = found["seconds"]["Contexture"], found["seconds"][peer]
            shown = [f"{found['tokens'] / min(s):,.0f} ({found['tokens'] / statistics.median(s):,.0f})" for s in (ours, theirs)]
            ratios = [min(theirs) / min(ours), statistics.median(theirs) / statistics.median(ours)]
            lines.append(f"| {shape} | {threads} | {shown[0]} | {shown[1]} | {peer} | {ratios[0]:.2f} | {ratios[1]:.2f} |")
    where = result["machine"]
    versions = ", ".join(next(iter(next(iter(result["shapes"].values())).values()))["versions"])
    return "\n".join([*lines, "", f"{versions}; {where['processor']}, {where['cores']} cores, load at the start {where['load_at_start']}."])


def main():
    args = arguments()
    result = {"machine": machine(), "shapes": {}}
    with tempfile.NamedTemporaryFile("w+", prefix="bench-seq2seq-", suffix=".log", delete=False) as log:
        try:
            for shape, sizes in SHAPES.items():
                say(shape)
                result["shapes"][shape] = {str(threads): measure(args, threads, sizes, log) for threads in args.threads}
        except WorkerFailed as error:
            sys.exit(f"{error}; see {log.name}")
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(result, indent=1) + "\n")
    print(markdown(result))


if __name__ == "__main__":
    main()
