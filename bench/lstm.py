"""Contexture's LSTM beside PyTorch's nn.LSTM: the same weights and rows, forward and training step, interleaved in one run.

    cargo build --release -p contexture-bench
    python bench/lstm.py --contexture target/release/contexture-bench

2 layers, both directions, 256 cells a direction, inputs of 256, 32 sequences of 64 tokens, float32. A step is forward and
backward, gradients by all weights and by the input, without an optimiser. Each library and configuration is a process of its
own, stopped outside of its turn; PyTorch's figure is that of its best configuration, found in the same run for each number of
threads, forward and step apart.
"""

import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time

from driver import HERE, Worker, WorkerFailed, group_processes
from run import machine, say

LAYERS, CELLS, INPUTS, SEQUENCES, LENGTH = 2, 256, 256, 32, 64
WHATS = ("forward", "step")
# Keeps what a step gives back for the next one, in huge pages: without it, glibc returns large tensors to the kernel.
KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": "8589934592", "MALLOC_TRIM_THRESHOLD_": "8589934592", "MALLOC_TOP_PAD_": "268435456",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
# label: (options of the worker, environment)
PYTORCH = {
    "time first": ({}, {}),
    "time first, memory kept": ({}, KEEP_MEMORY),
    "batch first": ({"batch_first": True}, {}),
    "batch first, memory kept": ({"batch_first": True}, KEEP_MEMORY),
    "time first, memory kept, without oneDNN": ({"onednn": False}, KEEP_MEMORY),
    "time first, memory kept, packed sequence": ({"packed": True}, KEEP_MEMORY),
}
TOLERANCE = 1e-5


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contexture", metavar="BINARY", required=True, help="contexture-bench")
    parser.add_argument("--threads", default="1,2", help="comma-separated thread counts (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=12, help="interleaved rounds (default %(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="runs of one turn (default %(default)s)")
    parser.add_argument("--json", metavar="OUT", help="write every figure to this file")
    args = parser.parse_args()
    args.threads = [int(t) for t in args.threads.split(",")]
    return args


def flops(what):
    """Products alone: for each token, layer and direction 8 * cells * (inputs + cells); twice as many backward."""
    tokens, both = SEQUENCES * LENGTH, 2
    forward = sum(both * tokens * 8 * CELLS * ((INPUTS if layer == 0 else both * CELLS) + CELLS) for layer in range(LAYERS))
    return forward * (3 if what == "step" else 1)


def write_problem(path):
    """Weights as nn.LSTM begins with, rows and a gradient."""
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(1)
    model = torch.nn.LSTM(INPUTS, CELLS, LAYERS, bidirectional=True)
    tensors = {name: value.detach().clone() for name, value in model.named_parameters()}
    tensors["x"] = torch.randn(SEQUENCES, LENGTH, INPUTS)
    tensors["g"] = torch.randn(SEQUENCES, LENGTH, 2 * CELLS)
    save_file(tensors, path)


class Side:
    def __init__(self, library, label, threads, command, options, environment, log):
        self.library, self.label, self.threads, self.options = library, label, threads, options
        command = ["env", *(f"{k}={v}" for k, v in environment.items()), *command] if environment else command
        self.worker = Worker(f"{library} [{threads}, {label}]", command, threads, log)
        self.ms, self.shares = {what: [] for what in WHATS}, []

    def load(self, problem):
        with self.worker.turn():
            self.worker.ask(cmd="load", file=problem, threads=self.threads, options=self.options)
            self.version = self.worker.ask(cmd="version")
            self.found = self.worker.ask(cmd="check")
        for what in WHATS:
            self.run(what, 2, keep=False)

    def cpu_seconds(self):
        ticks = sum(int(f[11]) + int(f[12]) for _, f in group_processes({self.worker.process.pid}))
        return ticks / os.sysconf("SC_CLK_TCK")

    def run(self, what, count, keep=True):
        with self.worker.turn():
            begun, before = time.monotonic(), self.cpu_seconds()
            ms = self.worker.ask(cmd="run", what=what, n=count)["ms"]
            share = (self.cpu_seconds() - before) / (time.monotonic() - begun) / self.threads
        if keep:
            self.ms[what] += ms
            self.shares.append(share)
        return min(ms)


def difference(ours, theirs):
    """The largest relative difference of the checked figures."""
    pairs = [(a, b, 1.0) for a, b in zip(ours["first"], theirs["first"])]
    pairs += [(a, b, b) for a, b in zip(ours["rows"], theirs["rows"])]
    pairs += [(ours["gradients"][name], square, square) for name, square in theirs["gradients"].items()]
    return max(abs(a - b) / scale for a, b, scale in pairs)


def measure(args, threads, problem, log):
    say(f"{threads} thread{'s' * (threads > 1)}")
    made = [Side("Contexture", "", threads, [args.contexture, "lstm"], {}, {}, log)]
    for label, (options, environment) in PYTORCH.items():
        command = [sys.executable, str(HERE / "lstm_torch.py")]
        made.append(Side("PyTorch", label, threads, command, options, environment, log))
    try:
        for side in made:
            side.load(problem)
        ours, peers = made[0], made[1:]
        apart = max(difference(ours.found, peer.found) for peer in peers)
        with ours.worker.turn() as worker:
            peak = worker.ask(cmd="peak", threads=threads)["gflops"]
        tried = {(what, peer): [] for what in WHATS for peer in peers}
        for _ in range(3):
            for (what, peer), found in tried.items():
                found.append(peer.run(what, args.runs, keep=False))
        best = {what: min(peers, key=lambda peer: min(tried[what, peer])) for what in WHATS}
        for number in range(args.rounds):
            for what in WHATS:
                # Who comes first changes.
                turn = (ours, best[what]) if number % 2 else (best[what], ours)
                for side in turn:
                    side.run(what, args.runs)
        figures = {}
        for what in WHATS:
            rows = {side.library: {"ms": side.ms[what], "configuration": side.label} for side in (ours, best[what])}
            for row in rows.values():
                row |= {"best_ms": min(row["ms"]), "median_ms": statistics.median(row["ms"])}
            figures[what] = rows
        return {
            "gflops": peak, "difference": apart, "figures": figures, "versions": [ours.version, peers[0].version],
            "processor_share": statistics.median(ours.shares + [s for peer in set(best.values()) for s in peer.shares]),
            "tried": {what: {peer.label: min(tried[what, peer]) for peer in peers} for what in WHATS},
        }
    finally:
        for side in made:
            side.worker.close()


def markdown(result):
    lines = ["| threads | what | floor, ms | Contexture, best (median) | share of the floor | PyTorch, best (median) | PyTorch / Contexture, best | by medians |"]
    lines += ["|---|---|---|---|---|---|---|---|"]
    for threads, found in result["threads"].items():
        for what in WHATS:
            ours, theirs = found["figures"][what]["Contexture"], found["figures"][what]["PyTorch"]
            floor = flops(what) / found["gflops"] / 1e6
            shown = [f"{row['best_ms']:.0f} ({row['median_ms']:.0f})" for row in (ours, theirs)]
            ratios = [f"{theirs[key] / ours[key]:.2f}" for key in ("best_ms", "median_ms")]
            lines.append(f"| {threads} | {what} | {floor:.0f} | {shown[0]} | {floor / ours['best_ms']:.0%} | {shown[1]} | {ratios[0]} | {ratios[1]} |")
    lines.append("")
    for threads, found in result["threads"].items():
        chosen = ", ".join(f"{what}: {found['figures'][what]['PyTorch']['configuration']}" for what in WHATS)
        tried = "; ".join(f"{label} {ms:.0f} / {found['tried']['step'][label]:.0f}" for label, ms in found["tried"]["forward"].items())
        lines.append(f"{threads} thread{'s' * (int(threads) > 1)}: peak {found['gflops']:.0f} GFLOP/s; PyTorch's best is {chosen}"
                     f" (tried, ms forward / step: {tried}); results differ by {found['difference']:.1e} at most; the processor was"
                     f" there for {found['processor_share']:.0%} of the time.")
    versions = next(iter(result["threads"].values()))["versions"]
    where = result["machine"]
    said = ", ".join(f"{v['name']} {v['version']}" for v in versions)
    lines += [f"{flops('forward') / 1e9:.1f} GFLOP forward, {flops('step') / 1e9:.1f} a step. {said}; {where['processor']}, {where['cores']}"
              f" cores, load at the start {where['load_at_start']}."]
    return "\n".join(lines)


def main():
    args = arguments()
    result = {"machine": machine(), "threads": {}}
    with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile("w+", prefix="bench-lstm-", suffix=".log", delete=False) as log:
        problem = str(pathlib.Path(folder) / "problem.safetensors")
        write_problem(problem)
        try:
            for threads in args.threads:
                result["threads"][str(threads)] = measure(args, threads, problem, log)
        except WorkerFailed as error:
            sys.exit(f"{error}; see {log.name}")
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(result, indent=1) + "\n")
    print(markdown(result))
    if apart := [t for t, found in result["threads"].items() if not found["difference"] <= TOLERANCE]:
        sys.exit(f"the results differ by more than {TOLERANCE} on {', '.join(apart)} threads: not the same LSTM")


if __name__ == "__main__":
    main()
