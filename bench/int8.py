"""Contexture's int8 beside its own f32 and beside the int8 of OpenVINO and ONNX Runtime, interleaved in many short rounds.

    python bench/int8.py --model FOLDER --contexture target/release/contexture-bench

Texts in, unit vectors out, tokenisation counted. Each round runs every configuration once on every set; ratios are taken
within a round and their median is what counts, so that a machine that is slow for a while is slow for all.
"""

import argparse
import json
import pathlib
import signal
import statistics
import sys
import tempfile
import time

from configurations import MAX_LENGTH, NAMES, Configuration
from driver import HERE, Worker, WorkerFailed, idle_cpu_seconds, python_worker
from report import heading, row
from run import cosine, machine, read_set, say

SHARES = {"short": 0.1, "mixed": 0.1, "long": 0.125}
BATCHES = {
    "short": [{"batch": 16}, {"batch": 32}],
    "mixed": [{"batch": 8}, {"tokens": 1024}],
    "long": [{"batch": 1}, {"batch": 2}],
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="sentence-transformers folder of all-MiniLM-L6-v2")
    parser.add_argument("--contexture", required=True, metavar="BINARY", help="contexture-bench")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--sets", default=",".join(MAX_LENGTH))
    parser.add_argument("--work", type=pathlib.Path, default=HERE / ".export", help="folder for exported models (default %(default)s)")
    parser.add_argument("--json", metavar="OUT", help="write every figure to this file")
    parser.add_argument("--ours", action="store_true", help="only Contexture's f32 and int8")
    args = parser.parse_args()
    args.model, args.sets = str(pathlib.Path(args.model).resolve()), args.sets.split(",")
    return args


def configurations(args):
    def made(peer, *options):
        found = [Configuration(peer, args.threads, options)]
        return found + [Configuration(peer, args.threads, (*options, ("instances", args.threads)))] * (args.threads > 1 and peer != "contexture")

    ours = made("contexture", ("weights", "f32")) + made("contexture", ("weights", "int8"))
    if args.ours:
        return ours
    openvino = made("openvino", ("int8", "static")) + made("openvino", ("int8", "weights"))
    return ours + openvino + made("onnxruntime", ("int8", True)) + made("onnxruntime", ("int8", True), ("flash", True))


def side(configuration):
    """What a configuration competes as: a peer, or one of ours."""
    options = dict(configuration.options)
    if configuration.peer == "contexture":
        return f"Contexture {options['weights']}"
    kind = {"static": " static", "weights": " weights"}.get(options["int8"], " dynamic")
    return NAMES[configuration.peer] + kind


class Comparison:
    def __init__(self, args):
        self.args, self.workers, self.chosen, self.seconds, self.worst, self.failures = args, {}, {}, {}, {}, []
        self.sets = {name: read_set(name, SHARES[name]) for name in args.sets}
        self.log = tempfile.NamedTemporaryFile("w+", prefix="bench-", suffix=".log", delete=False)

    def start(self):
        for configuration in configurations(self.args):
            own = configuration.peer == "contexture"
            command = [self.args.contexture, "worker"] if own else python_worker(configuration.peer, self.args.work)
            worker = Worker(configuration.label, command, configuration.threads, self.log)
            try:
                with worker.turn():
                    worker.ask(cmd="load", model=self.args.model, threads=configuration.threads, options=dict(configuration.options))
                    for name, texts in self.sets.items():
                        worker.ask(cmd="set", name=name, texts=texts, max_length=MAX_LENGTH[name])
                self.workers[configuration] = worker
                say(f"  {configuration.label}: loaded")
            except WorkerFailed as error:
                self.failures.append(str(error))
                say(f"  ! {error}")
                worker.close()

    def once(self, configuration, name, options):
        with self.workers[configuration].turn() as worker:
            return worker.ask(cmd="run", set=name, options=options)["seconds"]

    def tune(self):
        """The best batch of each configuration for each set, and the best two configurations of each side."""
        for name in self.sets:
            found = {}
            for configuration in self.workers:
                batches = [{}] if configuration.peer == "contexture" else BATCHES[name]
                tried = [(min(self.once(configuration, name, b) for _ in range(2)), i) for i, b in enumerate(batches)]
                found[configuration] = (min(tried)[0], batches[min(tried)[1]])
            for configuration, (took, batch) in found.items():
                faster = sum(t < took for c, (t, _) in found.items() if side(c) == side(configuration))
                if faster < 2:
                    self.chosen[configuration, name] = batch

    def rounds(self):
        for number in range(self.args.rounds):
            say(f"  round {number + 1} of {self.args.rounds}")
            for configuration, name in self.chosen:
                took = self.once(configuration, name, self.chosen[configuration, name])
                self.seconds.setdefault((configuration, name), []).append(took)

    def check(self):
        """Each side's least cosine with our f32 over all texts of a set."""
        rows = {}
        for configuration, name in self.chosen:
            with self.workers[configuration].turn() as worker:
                rows[configuration, name] = worker.ask(cmd="vectors", set=name, n=len(self.sets[name]))["vectors"]
        for (configuration, name), own in rows.items():
            reference = next(r for (c, n), r in rows.items() if n == name and side(c) == "Contexture f32")
            least = min(cosine(a, b) for a, b in zip(own, reference, strict=True))
            self.worst[side(configuration), name] = min(least, self.worst.get((side(configuration), name), 1.0))

    def best(self, name):
        """side -> seconds of its configuration with the least median, round by round."""
        found = {}
        for (configuration, own), seconds in self.seconds.items():
            if own == name:
                found.setdefault(side(configuration), []).append(seconds)
        return {s: min(several, key=statistics.median) for s, several in found.items()}

    def lines(self):
        sides = list(dict.fromkeys(side(c) for c in self.workers))
        lines = heading(["texts a second, best (median)", *sides])
        ratios = heading(["int8 of Contexture is faster than, median of rounds (by best)", *(s for s in sides if s != "Contexture int8")])
        worst = heading(["least cosine with f32", *sides])
        for name, texts in self.sets.items():
            best = self.best(name)
            ours = best["Contexture int8"]
            speed = [f"{len(texts) / min(best[s]):.1f} ({len(texts) / statistics.median(best[s]):.1f})" for s in sides]
            lines.append(row([name, *speed]))
            others = [best[s] for s in sides if s != "Contexture int8"]
            shown = [f"{statistics.median(o / m for o, m in zip(other, ours)):.2f} ({min(other) / min(ours):.2f})" for other in others]
            ratios.append(row([name, *shown]))
            worst.append(row([name, *(f"{self.worst[s, name]:.4f}" for s in sides)]))
        return [*lines, "", *ratios, "", *worst]


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    begun, facts, run = time.perf_counter(), machine(), Comparison(args)
    try:
        run.start()
        if (idle := idle_cpu_seconds(run.workers.values())) > 0.02:
            raise SystemExit(f"a stopped worker used {idle:.2f} s of the processor; the figures would be worthless")
        say(f"tuning ({time.perf_counter() - begun:.0f} s so far)")
        run.tune()
        run.rounds()
        run.check()
    finally:
        for worker in run.workers.values():
            worker.close()
    counts = ", ".join(f"{name} {len(texts)}" for name, texts in run.sets.items())
    print(f"{facts['processor']}, {args.threads} threads, load {facts['load_at_start']} at the start; {args.rounds} rounds; texts: {counts}\n")
    print("\n".join([*run.lines(), "", *(f"- {f}" for f in run.failures), f"{time.perf_counter() - begun:.0f} s"]))
    if args.json:
        figures = {f"{c.label} {name}": {"batch": run.chosen[c, name], "seconds": s} for (c, name), s in run.seconds.items()}
        pathlib.Path(args.json).write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
