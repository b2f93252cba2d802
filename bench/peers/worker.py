"""One peer behind the line protocol of bench/README.md.

    python bench/peers/worker.py openvino --work FOLDER

A peer is a class with `load(model, work, threads, options)`, `embed(texts, max_length, options) -> [texts, dimensions]` and
`versions()`. `{"processes": 2}` in the options of `load` deals the texts to that many one-thread children of the same peer.
"""

import argparse
import ctypes
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import time

import numpy

PEERS = {
    "openvino": "openvino_peer",
    "onnxruntime": "onnxruntime_peer",
    "ctranslate2": "ctranslate2_peer",
    "sentence-transformers": "torch_peer",
}
UNTIMED_CALLS = 10


def end_with_the_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Processes:
    """Texts dealt to children by length, rows collected through a file in memory; all of it inside the timed part."""

    def __init__(self, peer, work):
        self.peer, self.work, self.children, self.dealt = peer, work, [], {}

    def ask(self, requests):
        for child, request in zip(self.children, requests):
            child.stdin.write(json.dumps(request) + "\n")
            child.stdin.flush()
        replies = [json.loads(child.stdout.readline()) for child, _ in zip(self.children, requests)]
        for reply in replies:
            if not reply["ok"]:
                raise RuntimeError(reply["error"])
        return replies

    def load(self, model, work, threads, options):
        options = dict(options)
        count = options.pop("processes")
        command = [sys.executable, __file__, self.peer, "--work", self.work]
        environment = {**os.environ, **{n: "1" for n in os.environ if n.endswith("_NUM_THREADS")}}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.children = [subprocess.Popen(command, env=environment, preexec_fn=end_with_the_parent, **pipes) for _ in range(count)]
        self.ask([{"cmd": "load", "model": model, "threads": threads // count, "options": options}] * count)

    def versions(self):
        return self.ask([{"cmd": "version"}] * len(self.children))[0]["details"]

    def deal(self, name, texts, max_length):
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        shares = [order[i :: len(self.children)] for i in range(len(self.children))]
        path = f"/dev/shm/bench-{os.getpid()}-{name}"
        width = self.ask([{"cmd": "width"}])[0]["width"]
        rows = numpy.lib.format.open_memmap(path, "w+", numpy.float32, (len(texts), width))
        self.ask([{"cmd": "set", "name": name, "texts": [texts[i] for i in share], "max_length": max_length, "path": path, "rows": share} for share in shares])
        os.unlink(path)
        self.dealt[name] = rows

    def embed_set(self, name, options):
        self.ask([{"cmd": "run", "set": name, "options": options}] * len(self.children))
        return numpy.array(self.dealt[name])

    def embed(self, texts, max_length, options):
        raise RuntimeError("latency is not measured over several processes")


class Worker:
    def __init__(self, name, work):
        self.name, self.work = name, work
        self.peer, self.sets, self.results = None, {}, {}

    def make(self):
        return getattr(importlib.import_module(PEERS[self.name]), "Peer")()

    def version(self, request):
        peer = self.peer or self.make()
        details = peer.versions()
        return {"name": self.name, "version": next(iter(details.values())), "details": details}

    def load(self, request):
        start = time.perf_counter()
        options = request.get("options", {})
        self.peer = Processes(self.name, self.work) if "processes" in options else self.make()
        self.peer.load(request["model"], self.work, request["threads"], options)
        return {"seconds": time.perf_counter() - start}

    def width(self, request):
        return {"width": self.peer.embed(["width"], 16, {}).shape[1]}

    def set(self, request):
        self.sets[request["name"]] = request
        if isinstance(self.peer, Processes):
            self.peer.deal(request["name"], request["texts"], request["max_length"])
        if "path" in request:
            request["into"] = numpy.load(request["path"], mmap_mode="r+")
        return {"texts": len(request["texts"])}

    def run(self, request):
        batch, options = self.sets[request["set"]], request.get("options", {})
        start, cpu = time.perf_counter(), time.process_time()
        if isinstance(self.peer, Processes):
            result = self.peer.embed_set(request["set"], options)
        else:
            result = self.peer.embed(batch["texts"], batch["max_length"], options)
            if "into" in batch:
                batch["into"][batch["rows"]] = result
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        self.results[request["set"]] = result
        return {"seconds": seconds} if isinstance(self.peer, Processes) else {"seconds": seconds, "cpu_seconds": cpu}

    def vectors(self, request):
        return {"vectors": self.results[request["set"]][: request["n"]].tolist()}

    def latency(self, request):
        texts, max_length = [request["text"]], request.get("max_length", 256)
        for _ in range(UNTIMED_CALLS):
            self.peer.embed(texts, max_length, {})
        figures = []
        for _ in range(request["n"]):
            start = time.perf_counter()
            self.peer.embed(texts, max_length, {})
            figures.append((time.perf_counter() - start) * 1e3)
        return {"milliseconds": figures}

    def rss(self, request):
        total = {"VmRSS": 0, "VmHWM": 0}
        children = self.peer.children if isinstance(self.peer, Processes) else []
        for process in [os.getpid(), *(child.pid for child in children)]:
            for line in open(f"/proc/{process}/status"):
                key, _, value = line.partition(":")
                if key in total:
                    total[key] += int(value.split()[0]) * 1024
        peak = total["VmHWM"] or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return {"rss_bytes": total["VmRSS"], "peak_rss_bytes": peak}

    def peak(self, request):
        """A large f32 product: no bound from above, but a rate that this machine has been seen to reach."""
        import torch

        torch.set_num_threads(request["threads"])
        size = 2048
        a, b, best = torch.rand(size, size), torch.rand(size, size), 0.0
        until = time.perf_counter() + request.get("seconds", 1.0)
        while time.perf_counter() < until:
            start = time.perf_counter()
            a @ b
            best = max(best, 2 * size**3 / (time.perf_counter() - start) / 1e9)
        return {"gflops": best, "what": f"torch matrix product of side {size}"}


COMMANDS = ("version", "load", "width", "set", "run", "vectors", "latency", "rss", "peak")


def answer(worker, line):
    try:
        request = json.loads(line)
        if request["cmd"] not in COMMANDS:
            raise RuntimeError(f"no command {request['cmd']!r} here")
        return {"ok": True, **getattr(worker, request["cmd"])(request)}
    except Exception as error:  # the driver decides what an error means
        return {"ok": False, "error": f"{type(error).__name__}: {error}"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("--work", required=True, help="folder of exported models")
    args = parser.parse_args()
    # libraries print to standard output; the protocol keeps it to itself
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker(args.peer, args.work)
    for line in sys.stdin:
        if json.loads(line).get("cmd") == "exit":
            print(json.dumps({"ok": True}), file=replies, flush=True)
            break
        print(json.dumps(answer(worker, line)), file=replies, flush=True)


if __name__ == "__main__":
    main()
