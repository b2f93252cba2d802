"""One training step of Contexture beside PyTorch and candle: the same weights, batch, loss and AdamW, interleaved in one run.

    cargo build --release -p contexture-bench
    cargo build --release --manifest-path bench/candle_step/Cargo.toml
    python bench/train.py --contexture target/release/contexture-bench --candle bench/candle_step/target/release/candle-step

An encoder of 4 layers, hidden 256, 4 heads, inner 1024, learned positions, and BERT's masked-LM head over 8,192 words, tied;
32 sequences of 64 tokens; dropout 0 on all sides; AdamW with clipping at norm 1. `--quick` takes a minute or two.
"""

import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile

from driver import HERE, Worker, WorkerFailed, group_processes, idle_cpu_seconds
from run import machine, say
from train_setup import MASKED_SHARE, RECIPE, SIZES, step_flops, write_problem

HEADS = {"all": "head on all tokens", "masked": f"head on {MASKED_SHARE:.0%} of the tokens"}
NAMES = {"contexture": "Contexture", "pytorch": "PyTorch", "candle": "candle"}
CHECKED_STEPS = 3
LOSS_TOLERANCE = 1e-4
# Keeps what a step gives back for the next one, in huge pages: without it, glibc returns large tensors to the kernel.
KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": "8589934592", "MALLOC_TRIM_THRESHOLD_": "8589934592", "MALLOC_TOP_PAD_": "268435456",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
BOUND = {"OMP_PROC_BIND": "true", "OMP_PLACES": "cores"}
# label: (options of the worker, environment)
PYTORCH = {
    "eager": ({}, {}),
    "eager, memory kept": ({}, KEEP_MEMORY),
    "compiled": ({"compile": True}, {}),
    "compiled, memory kept": ({"compile": True}, KEEP_MEMORY),
    "eager, memory kept, plain attention": ({"attention": "plain"}, KEEP_MEMORY),
    "eager, memory kept, foreach": ({"optimiser": "foreach"}, KEEP_MEMORY),
    "eager, memory kept, threads bound": ({}, KEEP_MEMORY | BOUND),
    "eager, memory kept, oneDNN products": ({"linear": "onednn"}, KEEP_MEMORY),
    "compiled, memory kept, threads bound": ({"compile": True}, KEEP_MEMORY | BOUND),
    "compiled, memory kept, oneDNN products": ({"compile": True, "linear": "onednn"}, KEEP_MEMORY),
}
QUICK_PYTORCH = ("eager", "eager, memory kept", "compiled, memory kept")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contexture", metavar="BINARY", help="contexture-bench; without it only the peers run")
    parser.add_argument("--candle", metavar="BINARY", help="candle-step; left out where it is not given")
    parser.add_argument("--no-pytorch", action="store_true", help="leave PyTorch out")
    parser.add_argument("--threads", default="1,2", help="comma-separated thread counts (default %(default)s)")
    parser.add_argument("--rounds", type=int, help="interleaved rounds (default 6, quick 3)")
    parser.add_argument("--steps", type=int, help="steps of one turn (default 8, quick 4)")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, steps and configurations of PyTorch")
    parser.add_argument("--json", metavar="OUT", help="write every figure to this file")
    args = parser.parse_args()
    args.threads = [int(t) for t in args.threads.split(",")]
    args.rounds = args.rounds or (3 if args.quick else 6)
    args.steps = args.steps or (4 if args.quick else 8)
    for binary in (args.contexture, args.candle):
        if binary and not pathlib.Path(binary).is_file():
            parser.error(f"{binary} is not there")
    return args


class Side:
    """One configuration of one library on some threads, as a worker of its own."""

    def __init__(self, library, label, threads, command, options, environment, log):
        self.library, self.label, self.threads, self.options, self.log = library, label, threads, options, log
        command = ["env", *(f"{k}={v}" for k, v in environment.items()), *command] if environment else command
        shown = f"{NAMES[library]} [{threads} thread{'s' * (threads > 1)}{', ' * bool(label)}{label}]"
        self.command = command
        self.worker = Worker(shown, command, threads, log)
        self.steps, self.losses, self.memory, self.shares, self.cpu_ms = {}, {}, {}, [], {}

    def load(self, problem):
        self.worker.ask(cmd="load", file=problem, threads=self.threads, options=self.options, sizes=SIZES, recipe=RECIPE)
        self.version = self.worker.ask(cmd="version")
        self.losses = {head: [self.worker.ask(cmd="loss", head=head)["loss"]] for head in HEADS}
        trained = self.worker.ask(cmd="run", head="all", n=CHECKED_STEPS)
        self.losses["steps"] = [step[3] for step in trained["steps"]]

    def cpu_seconds(self):
        ticks = sum(int(f[11]) + int(f[12]) for _, f in group_processes({self.worker.process.pid}))
        return ticks / os.sysconf("SC_CLK_TCK")

    def run(self, head, steps, keep=True):
        with self.worker.turn():
            before = self.cpu_seconds()
            reply = self.worker.ask(cmd="run", head=head, n=steps)
            cpu = self.cpu_seconds() - before
        if keep:
            self.steps.setdefault(head, []).extend(step[:3] for step in reply["steps"])
            wall = sum(sum(step[:3]) for step in reply["steps"]) / 1e3
            self.shares.append(cpu / wall / self.threads)
            self.cpu_ms.setdefault(head, []).append(cpu / steps * 1e3)
        return min(sum(step[:3]) for step in reply["steps"])

    def measure_memory(self, head, problem):
        """What a few steps with this head alone hold at most, in a process of their own, less what was there with the weights."""
        worker = Worker(self.worker.label, self.command, self.threads, self.log)
        try:
            worker.ask(cmd="load", file=problem, threads=self.threads, options=self.options, sizes=SIZES, recipe=RECIPE)
            reply = worker.ask(cmd="run", head=head, n=CHECKED_STEPS)
            self.memory[head] = reply["peak_rss_bytes"] - reply["rest_bytes"]
        finally:
            worker.close()

    def summary(self, head):
        totals = [sum(step) for step in self.steps[head]]
        split = min(self.steps[head], key=sum)
        return {
            "min_ms": min(totals), "median_ms": statistics.median(totals), "steps": len(totals),
            "forward_ms": split[0], "backward_ms": split[1], "optimiser_ms": split[2],
            "cpu_ms": min(self.cpu_ms[head]), "memory_bytes": self.memory[head],
        }


def sides(args, threads, log):
    """Every configuration that is to be tried on that many threads."""
    if args.contexture:
        yield Side("contexture", "", threads, [args.contexture, "train-step"], {}, {}, log)
    if not args.no_pytorch:
        for label, (options, environment) in PYTORCH.items():
            if label in QUICK_PYTORCH or not args.quick:
                command = [sys.executable, str(HERE / "train_torch.py")]
                yield Side("pytorch", label, threads, command, options, environment, log)
    if args.candle:
        yield Side("candle", "", threads, [args.candle], {}, {}, log)


def opened(args, threads, problem, log, failures):
    made = []
    for side in sides(args, threads, log):
        try:
            with side.worker.turn():
                side.load(problem)
            for head in HEADS:
                side.run(head, 2, keep=False)
            made.append(side)
            say(f"  {side.worker.label}: {', '.join(f'{loss:.6f}' for loss in side.losses['steps'])}")
        except WorkerFailed as error:
            say(f"  ! {error}")
            failures.append(str(error))
            side.worker.close()
    return made


def best_of_pytorch(made, steps):
    """One PyTorch configuration for each head: the fastest over three interleaved turns. The others end here."""
    peers = [side for side in made if side.library == "pytorch"]
    best = {(side, head): [] for side in peers for head in HEADS}
    for _ in range(3 if len(peers) > 1 else 0):
        for (side, head), found in best.items():
            found.append(side.run(head, steps, keep=False))
    chosen = {head: min(peers, key=lambda side: min(best[side, head], default=0)) for head in HEADS} if peers else {}
    tried = {head: {side.label: round(min(best[side, head], default=0), 1) for side in peers} for head in HEADS}
    for side in peers:
        if side not in chosen.values():
            side.worker.close()
            made.remove(side)
    return chosen, tried


def check(made):
    """The farthest loss of any side from PyTorch's (else the first's), before training and after each checked step."""
    reference = next((side for side in made if side.library == "pytorch"), made[0])
    worst = 0.0
    for side in made:
        for key, losses in side.losses.items():
            worst = max([worst, *(abs(a - b) for a, b in zip(losses, reference.losses[key]))])
    return worst


def measure(args, threads, problem, log, failures):
    say(f"{threads} thread{'s' * (threads > 1)}")
    made = opened(args, threads, problem, log, failures)
    if not made:
        return None
    try:
        difference = check(made)
        chosen, tried = best_of_pytorch(made, args.steps)
        peak = measured_peak(made, threads)
        idle = idle_cpu_seconds([side.worker for side in made])
        for number in range(args.rounds):
            for head in HEADS:
                for side in made:
                    if side.library != "pytorch" or chosen[head] is side:
                        side.run(head, args.steps)
            say(f"  round {number + 1} of {args.rounds}")
        for side in made:
            for head in side.steps:
                side.measure_memory(head, problem)
        rows = {head: {side.library: {"configuration": side.label, **side.summary(head)} for side in made if head in side.steps} for head in HEADS}
        shares = [share for side in made for share in side.shares]
        return {
            "loss_difference": difference, "pytorch_tried": tried, "peak": peak, "idle_cpu_seconds": idle, "heads": rows,
            "processor_share": statistics.median(shares), "versions": {side.library: side.version for side in made},
        }
    finally:
        for side in made:
            side.worker.close()


def measured_peak(made, threads):
    """Contexture's multiply-adds on registers, else PyTorch's best product; candle has neither."""
    for side in made:
        if side.library != "candle":
            with side.worker.turn() as worker:
                return worker.ask(cmd="peak", threads=threads)
    return None


def markdown(result):
    lines = []
    for threads, found in result["threads"].items():
        peak = found["peak"]["gflops"] if found["peak"] else None
        for head, what in HEADS.items():
            flops = step_flops(head)
            floor = f"; {flops / 1e9:.1f} GFLOP, {flops / peak / 1e6:.0f} ms at the peak of {peak:.0f} GFLOP/s" if peak else ""
            lines += ["", f"{threads} thread{'s' * (int(threads) > 1)}, {what}{floor}", ""]
            lines += ["| | ms a step (min) | median | forward | backward | optimiser | share of the peak | memory besides the weights | ms of processor |"]
            lines += ["|---|---|---|---|---|---|---|---|---|"]
            rows = found["heads"][head]
            for library, row in sorted(rows.items(), key=lambda item: item[1]["min_ms"]):
                share = f"{flops / row['min_ms'] / 1e6 / peak:.0%}" if peak else ""
                name = NAMES[library] + (f" ({row['configuration']})" if row["configuration"] else "")
                figures = " | ".join(f"{row[k]:.0f}" for k in ("min_ms", "median_ms", "forward_ms", "backward_ms"))
                lines.append(f"| {name} | {figures} | {row['optimiser_ms']:.1f} | {share} | {row['memory_bytes'] / 2**20:.0f} MB | {row['cpu_ms']:.0f} |")
            if "contexture" in rows and "pytorch" in rows:
                ours, theirs = rows["contexture"], rows["pytorch"]
                by = " and ".join(f"{theirs[k] / ours[k]:.2f} by {n}" for k, n in (("min_ms", "best steps"), ("median_ms", "medians")))
                lines += ["", f"PyTorch / Contexture: {by}."]
        lines += ["", f"Losses agree within {found['loss_difference']:.1e}, before training and after each of {CHECKED_STEPS - 1} steps; the"
                  f" processor was there for {found['processor_share']:.0%} of the time."]
        tried = "; ".join(f"{label} {found['pytorch_tried']['all'][label]:.0f} / {ms:.0f}" for label, ms in found["pytorch_tried"]["masked"].items())
        lines += [f"PyTorch's configurations, ms with the head on all / masked tokens: {tried}."] if tried else []
    versions = next(iter(result["threads"].values()))["versions"]
    said = ", ".join(f"{v['name']} {v['version']}" for v in versions.values())
    where = result["machine"]
    lines += ["", f"{said}; {where['processor']}, {where['cores']} cores, load at the start {where['load_at_start']}."]
    return "\n".join(lines + [f"Not measured: {failure}" for failure in result["failures"]])


def main():
    args = arguments()
    result = {"machine": machine(), "sizes": SIZES, "recipe": RECIPE, "threads": {}, "failures": []}
    with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile("w+", prefix="bench-train-", suffix=".log", delete=False) as log:
        problem = str(pathlib.Path(folder) / "problem.safetensors")
        write_problem(problem)
        for threads in args.threads:
            if found := measure(args, threads, problem, log, result["failures"]):
                result["threads"][str(threads)] = found
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(result, indent=1) + "\n")
    if not result["threads"]:
        sys.exit(f"nothing ran; see {log.name}")
    print(markdown(result))
    apart = [t for t, found in result["threads"].items() if not found["loss_difference"] <= LOSS_TOLERANCE]
    if apart:
        sys.exit(f"the losses differ by more than {LOSS_TOLERANCE} on {', '.join(apart)} threads: not the same training")


if __name__ == "__main__":
    main()
