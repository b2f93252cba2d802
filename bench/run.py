"""Contexture beside its peers on all-MiniLM-L6-v2, float32, CPU: texts in, unit vectors out, interleaved in one run.

    python bench/run.py --model FOLDER --contexture target/release/contexture-bench
"""

import argparse
import gzip
import json
import os
import pathlib
import platform
import signal
import sys
import tempfile
import time

import tokenizers
from configurations import BATCHES, MAX_LENGTH, NAMES, PEERS, QUICK_BATCHES, configurations
from driver import HERE, Worker, WorkerFailed, idle_cpu_seconds, python_worker
from report import markdown

CHECKED_ROWS = 32
LEAST_COSINE = 0.9999
KEEP_WITHIN = 1.06  # configurations slower than their peer's best by more than this in tuning are left out of the rounds
LATENCY_TEXTS = {"12 tokens": ("short", 12, 60), "128 tokens": ("mixed", 128, 25)}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="sentence-transformers folder of all-MiniLM-L6-v2")
    parser.add_argument("--contexture", metavar="BINARY", help="contexture-bench; without it only the peers run")
    parser.add_argument("--contexture-options", type=json.loads, default={}, metavar="JSON", help="options for its `load`")
    parser.add_argument("--peers", default=",".join(PEERS), help="comma-separated, out of %(default)s")
    parser.add_argument("--threads", default="1,2", help="comma-separated thread counts (default %(default)s)")
    parser.add_argument("--sets", default=",".join(MAX_LENGTH), help="comma-separated, out of %(default)s")
    parser.add_argument("--rounds", type=int, help="interleaved rounds (default 4, quick 2)")
    parser.add_argument("--share", type=float, help="share of each set's texts, evenly drawn (default 0.5, quick 0.1)")
    parser.add_argument("--quick", action="store_true", help="fewer texts, rounds and configurations")
    parser.add_argument("--no-latency", action="store_true", help="skip the single-text latencies")
    parser.add_argument("--work", type=pathlib.Path, default=HERE / ".export", help="folder for exported models (default %(default)s)")
    parser.add_argument("--json", metavar="OUT", help="write every figure to this file")
    args = parser.parse_args()
    args.rounds = args.rounds or (2 if args.quick else 4)
    args.share = args.share or (0.1 if args.quick else 0.5)
    args.peers = [p for p in args.peers.split(",") if p]
    args.threads = [int(t) for t in args.threads.split(",")]
    args.sets = args.sets.split(",")
    if unknown := (set(args.peers) - set(PEERS)) | (set(args.sets) - set(MAX_LENGTH)):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    args.model = str(pathlib.Path(args.model).resolve())
    return args


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def machine():
    model = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.processor())
    load = round(os.getloadavg()[0], 2)
    return {"processor": model, "cores": len(os.sched_getaffinity(0)), "kernel": platform.release(), "python": platform.python_version(), "load_at_start": load}


def read_set(name, share):
    with gzip.open(HERE / "sets" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        texts = [json.loads(line) for line in file]
    count = max(4, round(len(texts) * share))
    return [texts[i * len(texts) // count] for i in range(min(count, len(texts)))]


def model_flops(model, lengths):
    """2 x the weights of the linear layers for each token, and 4 x length x hidden for each token and layer (q.k and p.v)."""
    config = json.loads((pathlib.Path(model) / "config.json").read_text())
    hidden, inner, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    linear = 2 * layers * (4 * hidden * hidden + 2 * hidden * inner)
    return sum(n * linear + layers * 4 * n * n * hidden for n in lengths)


class Run:
    def __init__(self, args):
        self.args = args
        self.table = QUICK_BATCHES if args.quick else BATCHES
        self.workers, self.failures, self.versions = {}, [], {}
        self.log = tempfile.NamedTemporaryFile("w+", prefix="bench-", suffix=".log", delete=False)
        tokenizer = tokenizers.Tokenizer.from_file(str(pathlib.Path(args.model) / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self.sets, self.facts = {}, {}
        for name in args.sets:
            texts = read_set(name, args.share)
            lengths = [min(len(e.ids), MAX_LENGTH[name]) for e in tokenizer.encode_batch(texts)]
            self.sets[name] = texts
            self.facts[name] = {"texts": len(texts), "tokens": sum(lengths), "mean_tokens": sum(lengths) / len(lengths), "flops": model_flops(args.model, lengths)}
        self.single = {}
        for label, (name, tokens, _) in LATENCY_TEXTS.items():
            texts = read_set(name, 1.0)
            lengths = [len(e.ids) for e in tokenizer.encode_batch(texts)]
            self.single[label] = texts[min(range(len(texts)), key=lambda i: abs(lengths[i] - tokens))]
        self.chosen, self.seconds, self.latency, self.cosine, self.peaks, self.memory = {}, {}, {}, {}, {}, {}
        self.disturbed, self.timed, self.cpu, self.profiles = 0, 0, {}, {}

    def fail(self, configuration, error):
        say(f"  ! {error}")
        self.failures.append(str(error))
        if configuration in self.workers and "died" in str(error):
            self.workers.pop(configuration).close()

    def start(self):
        peers = (["contexture"] if self.args.contexture else []) + self.args.peers
        for configuration in (c for p in peers for t in self.args.threads for c in configurations(p, t, self.args.quick)):
            own = configuration.peer == "contexture"
            command = [self.args.contexture, "worker"] if own else python_worker(configuration.peer, self.args.work)
            options = self.args.contexture_options if own else dict(configuration.options)
            try:
                worker = Worker(configuration.label, command, configuration.threads, self.log)
                self.workers[configuration] = worker
                with worker.turn():
                    loaded = worker.ask(cmd="load", model=self.args.model, threads=configuration.threads, options=options)
                    self.versions[configuration.peer] = worker.ask(cmd="version")
                    for name, texts in self.sets.items():
                        worker.ask(cmd="set", name=name, texts=texts, max_length=MAX_LENGTH[name])
                        few = texts[:: max(1, len(texts) // max(8, round(len(texts) * 0.2)))]
                        worker.ask(cmd="set", name="tune-" + name, texts=few, max_length=MAX_LENGTH[name])
                say(f"  {configuration.label}: loaded in {loaded['seconds']:.2f} s")
            except (WorkerFailed, OSError) as error:
                self.fail(configuration, error)
                if worker := self.workers.pop(configuration, None):
                    worker.close()

    def run_set(self, configuration, name, options):
        with self.workers[configuration].turn() as worker:
            reply = worker.ask(cmd="run", set=name, options=options)
        if "cpu_seconds" in reply and configuration.threads == 1:
            self.timed += 1
            self.cpu.setdefault((configuration, name), []).append(reply["cpu_seconds"])
            self.disturbed += reply["cpu_seconds"] < 0.95 * reply["seconds"]
        return reply["seconds"]

    def tune(self):
        """The best batch of each configuration for each set, then the configurations worth the rounds."""
        for name in self.sets:
            found = {}
            for configuration in list(self.workers):
                try:
                    for options in configuration.batches(self.table, name):
                        took = min(self.run_set(configuration, "tune-" + name, options) for _ in range(2))
                        if took < found.get(configuration, (took + 1,))[0]:
                            found[configuration] = (took, options)
                except WorkerFailed as error:
                    self.fail(configuration, error)
            for configuration, (took, options) in found.items():
                best = min(t for c, (t, _) in found.items() if (c.peer, c.threads) == (configuration.peer, configuration.threads))
                if took <= best * KEEP_WITHIN:
                    self.chosen[configuration, name] = options
                    say(f"  {name}: {configuration.label} {options}")

    def rounds(self):
        for number in range(self.args.rounds):
            say(f"  round {number + 1} of {self.args.rounds}")
            for name in self.sets:
                for threads in self.args.threads:
                    for configuration in [c for c in self.workers if c.threads == threads and (c, name) in self.chosen]:
                        try:
                            took = self.run_set(configuration, name, self.chosen[configuration, name])
                            self.seconds.setdefault((configuration, name), []).append(took)
                        except WorkerFailed as error:
                            self.fail(configuration, error)
            self.peak()
            if not self.args.no_latency:
                self.latencies()

    def peak(self):
        for threads in self.args.threads:
            for peer in ("contexture", "sentence-transformers"):
                configuration = next((c for c in self.workers if (c.peer, c.threads) == (peer, threads) and c.single), None)
                if configuration:
                    try:
                        with self.workers[configuration].turn() as worker:
                            reply = worker.ask(cmd="peak", threads=threads, seconds=0.7)
                        self.peaks.setdefault(threads, []).append((reply["gflops"], f"{NAMES[peer]}: {reply['what']}"))
                    except WorkerFailed as error:
                        self.fail(configuration, error)

    def latencies(self):
        for label, (_, _, count) in LATENCY_TEXTS.items():
            for configuration in [c for c in self.workers if c.single]:
                try:
                    with self.workers[configuration].turn() as worker:
                        reply = worker.ask(cmd="latency", text=self.single[label], n=count, max_length=256)
                    self.latency.setdefault((configuration, label), []).extend(reply["milliseconds"])
                except WorkerFailed as error:
                    self.fail(configuration, error)

    def check(self):
        """Cosine of the first rows of the timed runs with the reference; a configuration that is off loses its figures."""
        rows = {}
        for configuration, name in list(self.seconds):
            try:
                with self.workers[configuration].turn() as worker:
                    rows[configuration, name] = worker.ask(cmd="vectors", set=name, n=CHECKED_ROWS)["vectors"]
            except (WorkerFailed, KeyError) as error:
                self.fail(configuration, f"{configuration.label}: {name}: figures dropped, no vectors to check ({error})")
                del self.seconds[configuration, name]
        order = ["sentence-transformers", "onnxruntime", "openvino", "ctranslate2"]
        for name in self.sets:
            offered = sorted((order.index(c.peer), i) for i, (c, n) in enumerate(rows) if n == name and c.peer in order)
            if not offered:
                continue
            reference = list(rows.values())[offered[0][1]]
            for configuration in [c for c, n in rows if n == name]:
                least = min(cosine(a, b) for a, b in zip(rows[configuration, name], reference, strict=True))
                self.cosine[configuration, name] = least
                if not least >= LEAST_COSINE:
                    self.failures.append(f"{configuration.label}: {name}: cosine {least} with the reference, figures dropped")
                    del self.seconds[configuration, name]

    def sizes(self):
        for configuration, worker in self.workers.items():
            try:
                with worker.turn():
                    self.memory[configuration] = worker.ask(cmd="rss")
            except WorkerFailed as error:
                self.fail(configuration, error)

    def profile(self):
        """Where Contexture's time goes, if its worker can tell."""
        for configuration, name in [k for k in self.seconds if k[0].peer == "contexture"]:
            try:
                with self.workers[configuration].turn() as worker:
                    self.profiles[configuration, name] = worker.ask(cmd="profile", set=name)
            except (WorkerFailed, KeyError) as error:
                say(f"  no profile: {error}")

    def close(self):
        for worker in self.workers.values():
            worker.close()
        self.log.close()


def cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / (sum(x * x for x in a) * sum(y * y for y in b)) ** 0.5


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    start = time.perf_counter()
    facts = machine()
    run = Run(args)
    say(f"{facts['processor']}, {facts['cores']} cores, load {facts['load_at_start']}; what the workers say: {run.log.name}")
    try:
        run.start()
        idle = idle_cpu_seconds(run.workers.values())
        say(f"  stopped workers: {idle:.2f} s of processor time in 0.5 s")
        if idle > 0.02:
            raise SystemExit("a stopped worker used the processor; the figures would be worthless")
        say(f"tuning ({time.perf_counter() - start:.0f} s so far)")
        run.tune()
        say(f"measuring ({time.perf_counter() - start:.0f} s so far)")
        run.rounds()
        run.check()
        run.sizes()
        run.profile()
    finally:
        run.close()
    text, figures = markdown(run, facts, time.perf_counter() - start)
    print(text)
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
