"""What runs: each peer's configurations for a number of threads, and the batch sizes tried for each set."""

import dataclasses

PEERS = ("openvino", "onnxruntime", "ctranslate2", "sentence-transformers")
NAMES = {
    "contexture": "Contexture",
    "openvino": "OpenVINO",
    "onnxruntime": "ONNX Runtime",
    "ctranslate2": "CTranslate2",
    "sentence-transformers": "sentence-transformers",
}
MAX_LENGTH = {"short": 256, "mixed": 256, "long": 512}
BATCHES = {
    "short": [{"batch": 8}, {"batch": 16}, {"batch": 32}, {"batch": 64}],
    "mixed": [{"batch": 8}, {"batch": 16}, {"batch": 32}, {"tokens": 1024}, {"tokens": 2048}],
    "long": [{"batch": 1}, {"batch": 2}, {"batch": 4}, {"batch": 8}],
}
QUICK_BATCHES = {
    "short": [{"batch": 16}, {"batch": 32}],
    "mixed": [{"batch": 8}, {"tokens": 2048}],
    "long": [{"batch": 1}, {"batch": 4}],
}


@dataclasses.dataclass(frozen=True)
class Configuration:
    peer: str
    threads: int
    options: tuple = ()

    @property
    def label(self):
        said = [f"{key} {value}" if value is not True else key for key, value in self.options]
        return f"{NAMES[self.peer]} [{', '.join([f'{self.threads} thread' + 's' * (self.threads > 1), *said])}]"

    @property
    def single(self):
        """Whether one text alone can use all of the threads, so that latency is worth measuring."""
        return not {"instances", "processes"} & {key for key, _ in self.options}

    def batches(self, table, name):
        if self.peer == "contexture":
            return [{}]
        if self.peer == "sentence-transformers" and ("direct", True) not in self.options:
            return [b for b in table[name] if "batch" in b]
        return table[name]


def configurations(peer, threads, quick):
    """One instance on all threads, and as many one-thread instances as threads, each with the peer's own variants."""

    def make(*options):
        return Configuration(peer, threads, options)

    several = threads > 1
    if peer == "contexture":
        return [make()]
    if peer == "openvino":
        made = [make(("attention", "sdpa"))] + [make(("attention", "sdpa"), ("instances", threads))] * several
        made += [] if quick else [make(("attention", "matmul"))] + [make(("attention", "matmul"), ("instances", threads))] * several
    elif peer == "onnxruntime":
        made = [make(("flash", True))] + [make(("flash", True), ("instances", threads))] * several
        made += [] if quick else [make()] + [make(("instances", threads))] * several
    elif peer == "ctranslate2":
        made = [make()] + [make(("instances", threads))] * several
    else:
        made = [make(("direct", True))] + ([] if quick else [make()]) + [make(("direct", True), ("processes", threads))] * several
    return made
