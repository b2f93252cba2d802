"""The way from process start to the first vector, and memory, of whole commands.

    python bench/memory.py start  --contexture BINARY [--repeat 30]
    python bench/memory.py start  --model FOLDER [--contexture BINARY] [--repeat 7]
    python bench/memory.py set    --model FOLDER [--contexture BINARY] [--name mixed]
    python bench/memory.py stream --model FOLDER --contexture BINARY [--texts 1000000]

`start`: seconds from starting the process to the first byte of its output, which is the first vector, and peak resident
memory, for `contexture embed` and for short Python programs with sentence-transformers and ONNX Runtime, one after another in
each repetition. `set`: peak memory while a whole set is embedded from a file. `stream`: resident memory while very many short
texts go from a file through `contexture embed`, sampled once a second; it should stay flat.

Here BINARY is `contexture`, the command line program, not the benchmark's worker. Without --model it is measured alone, with the
model inside it.
"""

import argparse
import gzip
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).parent
TEXT = "A ram hits a sam, and nobody knows quite why it does."

SENTENCE_TRANSFORMERS = """
import sys
from sentence_transformers import SentenceTransformer
texts = [line.rstrip("\\n") for line in open(sys.argv[2], encoding="utf-8")]
model = SentenceTransformer(sys.argv[1], device="cpu")
print(model.encode(texts, normalize_embeddings=True, show_progress_bar=False)[0].tolist(), flush=True)
"""
ONNXRUNTIME = f"""
import sys
sys.path.insert(0, {str(HERE / "peers")!r})
from onnxruntime_peer import Peer
texts = [line.rstrip("\\n") for line in open(sys.argv[2], encoding="utf-8")]
peer = Peer()
peer.load(sys.argv[1], sys.argv[3], {os.cpu_count()}, {{}})
print(peer.embed(texts, 256, {{}})[0].tolist(), flush=True)
"""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("start", "set", "stream"))
    parser.add_argument("--model", help="model folder (default: the model inside Contexture, which no peer has)")
    parser.add_argument("--contexture", help="the command line program")
    parser.add_argument("--contexture-arguments", default="", help="more arguments for `contexture embed`, in one string")
    parser.add_argument("--no-peers", action="store_true", help="only Contexture")
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--name", default="mixed", choices=("short", "mixed", "long"), help="which set (for `set`)")
    parser.add_argument("--texts", type=int, default=100_000, help="how many texts to stream (default %(default)s)")
    parser.add_argument("--work", type=pathlib.Path, default=HERE / ".export", help="folder of exported models")
    parser.add_argument("--json", metavar="OUT")
    return parser.parse_args()


def commands(args, texts):
    """Each way to embed the lines of the file `texts` that prints a vector when it has one."""
    found = {}
    if args.contexture:
        model = ["--model", args.model] if args.model else []
        own = [args.contexture, "embed", *model, "--input", texts, "--format", "jsonl"]
        found["contexture embed"] = own + args.contexture_arguments.split()
    if args.model and not args.no_peers:
        found["sentence-transformers"] = [sys.executable, "-c", SENTENCE_TRANSFORMERS, args.model, texts]
        found["onnxruntime"] = [sys.executable, "-c", ONNXRUNTIME, args.model, texts, str(args.work)]
    return found


def resident_bytes(pid):
    try:
        for line in open(f"/proc/{pid}/status"):
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def measure(command, sample_s=None):
    """Seconds to the first byte of output and to the end, peak resident bytes, and samples of (seconds, resident bytes)."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    with tempfile.TemporaryFile("w+") as errors:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, env=environment)
        samples, finished = [], threading.Event()

        def sample():
            while not finished.wait(sample_s):
                samples.append((time.perf_counter() - start, resident_bytes(process.pid)))

        if sample_s:
            threading.Thread(target=sample, daemon=True).start()
        output = process.stdout.fileno()
        first = os.read(output, 1)
        first_s = time.perf_counter() - start
        while os.read(output, 1 << 20):
            pass
        _, status, usage = os.wait4(process.pid, 0)
        finished.set()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode or not first:
            errors.seek(0)
            raise SystemExit(f"{' '.join(command)[:300]}\nended with {process.returncode}:\n{errors.read()[-2000:]}")
    return {"first_s": first_s, "total_s": time.perf_counter() - start, "peak_bytes": usage.ru_maxrss * 1024, "samples": samples}


def lines_of_set(name):
    with gzip.open(HERE / "sets" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def weight_bytes(args):
    if args.model:
        return (pathlib.Path(args.model) / "model.safetensors").stat().st_size
    return json.loads(subprocess.check_output([args.contexture, "info", "--json"]))["bytes"]


def start_and_set(args, folder):
    path = folder / "texts.txt"
    texts = [TEXT] if args.what == "start" else lines_of_set(args.name)
    path.write_text("".join(text + "\n" for text in texts))
    weights = weight_bytes(args)
    figures = {}
    for _ in range(args.repeat if args.what == "start" else 1):
        for name, command in commands(args, str(path)).items():
            figures.setdefault(name, []).append(measure(command))
    print("| command | to the first vector, best s | median s | whole, best s | peak memory MB | x the weights' bytes |\n|---|---|---|---|---|---|")
    for name, runs in figures.items():
        first = [r["first_s"] for r in runs]
        peak = max(r["peak_bytes"] for r in runs)
        whole = min(r["total_s"] for r in runs)
        print(f"| {name} | {min(first):.3f} | {statistics.median(first):.3f} | {whole:.3f} | {peak / 1e6:.0f} | {peak / weights:.2f} |")
    return figures


def stream(args, folder):
    if not args.contexture:
        raise SystemExit("stream needs --contexture")
    starts = [" ".join(text.split()[:3]) for text in lines_of_set("short")]
    path = folder / "texts.txt"
    with open(path, "w", encoding="utf-8") as out:
        for number in range(args.texts):
            out.write(f"{starts[number % len(starts)]} {number}\n")
    model = ["--model", args.model] if args.model else []
    command = [args.contexture, "embed", *model, "--input", str(path), "--output", str(folder / "vectors.npy")]
    # the program is silent until its end here, so the first byte is the end of its output
    command = ["sh", "-c", 'printf . && exec "$@"', "sh", *command, *args.contexture_arguments.split()]
    figures = measure(command, sample_s=1.0)
    samples = [s for s in figures["samples"] if s[1]]
    for share in (0.1, 0.25, 0.5, 0.75, 0.95):
        if samples:
            at, size = samples[min(len(samples) - 1, int(share * len(samples)))]
            print(f"after {at:7.1f} s: {size / 1e6:.1f} MB resident")
    print(f"{args.texts} texts in {figures['total_s']:.1f} s, peak {figures['peak_bytes'] / 1e6:.1f} MB")
    return {"stream": figures}


def main():
    args = arguments()
    if not (args.model or args.contexture):
        raise SystemExit("name --model, --contexture or both")
    with tempfile.TemporaryDirectory() as folder:
        figures = (stream if args.what == "stream" else start_and_set)(args, pathlib.Path(folder))
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
