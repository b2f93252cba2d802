"""Contexture's decoding beside CTranslate2's: one trained encoder-decoder, greedy and beam search, interleaved in one run.

    cargo build --release -p contexture-bench
    python bench/translate.py --model FOLDER --contexture target/release/contexture-bench

FOLDER holds the transliteration model that CTranslate2 tests with (model.bin, source_vocabulary.txt, target_vocabulary.txt, and for
Contexture model.safetensors) and expected.tsv, whose words are translated, letter by letter. float32. Each figure is of the best
configuration and batch, found in the same run for each beam and number of threads. Both translate everything once before the clock
starts, and both must give the stored outputs.
"""

import argparse
import json
import pathlib
import statistics
import sys
import tempfile

from driver import HERE, Worker, WorkerFailed
from once import once
from run import machine, say

BATCHES = (1, 8, 32, 64, 128, 256)
BEAMS = (1, 4)
COLUMNS = {1: "greedy", 4: "beam4_1"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, type=pathlib.Path, help="folder of the model and expected.tsv")
    parser.add_argument("--contexture", metavar="BINARY", help="contexture-bench; without it only CTranslate2 runs")
    parser.add_argument("--threads", default="1,2", help="comma-separated thread counts (default %(default)s)")
    parser.add_argument("--batches", default=",".join(map(str, BATCHES)), help="comma-separated (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=8, help="interleaved rounds (default %(default)s)")
    parser.add_argument("--repeat", type=int, default=7, help="how often the list of words is translated in one run (default %(default)s)")
    parser.add_argument("--json", metavar="OUT", help="write every figure to this file")
    args = parser.parse_args()
    args.threads = [int(t) for t in args.threads.split(",")]
    args.batches = [int(b) for b in args.batches.split(",")]
    return args


def stored(folder, repeat):
    """The words, and for each beam what they become."""
    head, *rows = (line.split("\t") for line in (folder / "expected.tsv").read_text(encoding="utf-8").splitlines())
    at = {name: place for place, name in enumerate(head)}
    rows *= repeat
    return [row[at["source"]] for row in rows], {beam: [row[at[COLUMNS[beam]]] for row in rows] for beam in BEAMS}


class Contexture:
    """A process for each run, which loads, warms up and translates; its seconds are of the last alone."""

    library, label = "Contexture", ""

    def __init__(self, args, threads, words, log):
        self.command = [args.contexture, "translate", "--model", str(args.model), "--input", words, "--threads", str(threads)]
        self.threads, self.log = threads, log
        self.found = {}

    def run(self, beam, batch):
        reply = once([*self.command, "--beam", str(beam), "--batch", str(batch)], self.threads, self.log)
        self.found = reply
        return reply["seconds"]

    def outputs(self):
        return self.found.get("translations")

    def close(self):
        pass


class CTranslate2:
    """A worker that is stopped outside of its turn."""

    library = "CTranslate2"

    def __init__(self, args, threads, inter, texts, log):
        self.label = f"{inter} x {threads // inter} threads"
        command = [sys.executable, str(HERE / "translate_ctranslate2.py")]
        self.worker = Worker(f"CTranslate2 [{self.label}]", command, threads // inter, log)
        options = {"inter": inter, "intra": threads // inter}
        try:
            with self.worker.turn() as worker:
                worker.ask(cmd="load", model=str(args.model), texts=texts, options=options)
                self.version = worker.ask(cmd="version")
                worker.ask(cmd="run", beam=1, batch=32)
        except WorkerFailed:
            self.close()
            raise

    def run(self, beam, batch):
        with self.worker.turn() as worker:
            return worker.ask(cmd="run", beam=beam, batch=batch)["seconds"]

    def outputs(self):
        with self.worker.turn() as worker:
            return worker.ask(cmd="outputs")["translations"]

    def close(self):
        self.worker.close()


def checked(side, expected):
    """How many outputs are others than the stored ones; `None` where the side does not tell."""
    found = side.outputs()
    if found is None:
        return None
    return sum(a != b for a, b in zip(found, expected, strict=True))


def opened(args, threads, words, texts, log, notes):
    inters = sorted({1, threads})
    sides = [CTranslate2(args, threads, inter, texts, log) for inter in inters]
    if not args.contexture:
        return sides
    ours = Contexture(args, threads, words, log)
    try:
        ours.run(1, 32)
    except WorkerFailed as error:
        note = f"Contexture is left out: {error}"
        say(f"  {note}")
        if note not in notes:
            notes.append(note)
        return sides
    return [ours, *sides]


def measure(args, threads, words, texts, expected, log, notes):
    say(f"{threads} thread{'s' * (threads > 1)}")
    sides = opened(args, threads, words, texts, log, notes)
    try:
        figures = {}
        for beam in BEAMS:
            tried = {(side, batch): [] for side in sides for batch in args.batches}
            for _ in range(2):
                for (side, batch), seconds in tried.items():
                    seconds.append(side.run(beam, batch))
            best = {}
            for (side, batch), seconds in sorted(tried.items(), key=lambda item: min(item[1])):
                best.setdefault(side.library, (side, batch))
            rows = {library: {"seconds": [], "configuration": side.label, "batch": batch} for library, (side, batch) in best.items()}
            for number in range(args.rounds):
                # Who comes first changes.
                for library in list(best)[:: 1 if number % 2 else -1]:
                    side, batch = best[library]
                    rows[library]["seconds"].append(side.run(beam, batch))
            for library, (side, _) in best.items():
                row = rows[library]
                row |= {"best_s": min(row["seconds"]), "median_s": statistics.median(row["seconds"]), "wrong": checked(side, expected[beam])}
            figures[beam] = {"rows": rows, "tried": {f"{s.library} {s.label} batch {b}".replace("  ", " "): min(t) for (s, b), t in tried.items()}}
        return figures, sides[-1].version
    finally:
        for side in sides:
            side.close()


def markdown(result):
    words = result["words"]
    lines = ["| threads | search | Contexture, words/s best (median) | CTranslate2, words/s best (median) | Contexture / CTranslate2, best | by medians |", "|---|---|---|---|---|---|"]
    below = []
    for threads, figures in result["threads"].items():
        for beam, found in figures.items():
            ours, theirs = (found["rows"].get(library) for library in ("Contexture", "CTranslate2"))
            shown = [f"{words / row['best_s']:.0f} ({words / row['median_s']:.0f})" if row else "" for row in (ours, theirs)]
            ratios = [f"{theirs[key] / ours[key]:.2f}" if ours else "" for key in ("best_s", "median_s")]
            name = "greedy" if beam == 1 else f"beam {beam}"
            lines.append(f"| {threads} | {name} | {shown[0]} | {shown[1]} | {ratios[0]} | {ratios[1]} |")
            for library, row in found["rows"].items():
                told = "its outputs were not told" if row["wrong"] is None else f"{row['wrong']} of {words} outputs are not the stored ones"
                below.append(f"{threads} thread{'s' * (threads > 1)}, {name}: {library} {row['configuration']} batch {row['batch']}; {told}.".replace("  ", " "))
    where, version = result["machine"], result["version"]
    return "\n".join([*lines, "", *below, *result["notes"], f"{version['name']} {version['version']}; {where['processor']}, {where['cores']} cores, load at the start {where['load_at_start']}."])


def main():
    args = arguments()
    texts, expected = stored(args.model, args.repeat)
    result = {"machine": machine(), "words": len(texts), "threads": {}, "notes": []}
    with tempfile.NamedTemporaryFile("w", prefix="bench-words-", suffix=".txt", encoding="utf-8") as words, \
            tempfile.NamedTemporaryFile("w+", prefix="bench-translate-", suffix=".log", delete=False) as log:
        words.write("".join(f"{text}\n" for text in texts))
        words.flush()
        try:
            for threads in args.threads:
                result["threads"][threads], result["version"] = measure(args, threads, words.name, texts, expected, log, result["notes"])
        except WorkerFailed as error:
            sys.exit(f"{error}; see {log.name}")
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(result, indent=1) + "\n")
    print(markdown(result))
    if any(row["wrong"] for figures in result["threads"].values() for found in figures.values() for row in found["rows"].values()):
        sys.exit("some outputs are not the stored ones: the figures do not count")


if __name__ == "__main__":
    main()
