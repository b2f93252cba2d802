"""Outputs of an encoder-decoder: Contexture beside CTranslate2, greedy and by four beams, interleaved in one run.

    cargo build --release -p contexture-bench
    python bench/translate.py --contexture target/release/contexture-bench --ctranslate2 DIR [--repeat 20]
    python bench/translate.py --contexture target/release/contexture-bench --model RUN --texts FILE

DIR holds the transliteration model as CTranslate2 keeps it (model.bin and both vocabularies; tests/data/models/v2/aren-transliteration of
its repository); ours reads the same arrays from crates/verify/goldens/transliteration. The 143 words of expected.tsv, repeated. Or RUN is
a model that Contexture trained, written for CTranslate2 by to_ctranslate2.py, and FILE has a text a line. Each library at the best of
several batch sizes, found in the same run; float32; outputs must be the same. Contexture's time holds tokenising and joining tokens again,
CTranslate2's does not: it is given and gives tokens.
"""

import argparse
import json
import pathlib
import statistics
import sys
import tempfile
import time

from driver import HERE, Worker, WorkerFailed
from run import machine, say

GOLDENS = HERE.parent / "crates" / "verify" / "goldens" / "transliteration"
OURS = (128, 256, 512, 1024, 4096)
THEIRS = (16, 32, 64, 128, 512)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contexture", metavar="BINARY", required=True, help="contexture-bench")
    model = parser.add_mutually_exclusive_group(required=True)
    model.add_argument("--ctranslate2", metavar="DIR", help="the transliteration model as CTranslate2 keeps it")
    model.add_argument("--model", metavar="RUN", type=pathlib.Path, help="a model that Contexture trained")
    parser.add_argument("--texts", metavar="FILE", type=pathlib.Path, help="with --model: a text a line")
    parser.add_argument("--repeat", type=int, default=20, help="times that the 143 words come (default %(default)s)")
    parser.add_argument("--threads", default="1,2", help="comma-separated thread counts (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=8, help="interleaved rounds (default %(default)s)")
    parser.add_argument("--json", metavar="OUT", help="write every figure to this file")
    args = parser.parse_args()
    args.threads = [int(t) for t in args.threads.split(",")]
    if bool(args.model) != bool(args.texts):
        parser.error("--model and --texts go together")
    return args


class Letters:
    """The transliteration model's tokens."""

    def __init__(self, repeat):
        rows = (GOLDENS / "expected.tsv").read_text().splitlines()[1:]
        self.texts = [row.split("\t")[0] for row in rows if row] * repeat

    def tokens(self):
        return [list(word) for word in self.texts]

    def text(self, tokens):
        return "".join(tokens)


class Words:
    """Those of a model that Contexture trained, by the same tokenizer.json."""

    def __init__(self, folder, texts):
        import tokenizers

        self.tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.texts = [line for line in texts.read_text().splitlines() if line]

    def tokens(self):
        return [found.tokens for found in self.tokenizer.encode_batch(self.texts)]

    def text(self, tokens):
        return self.tokenizer.decode([self.tokenizer.token_to_id(token) for token in tokens])


class Theirs:
    """In this process: its threads sleep outside of their turn. One translator by threads a translation, one by parallel translations."""

    def __init__(self, folder, threads):
        import ctranslate2

        self.version = ctranslate2.__version__
        kinds = {"intra": {"inter_threads": 1, "intra_threads": threads}, "inter": {"inter_threads": threads, "intra_threads": 1}}
        if threads == 1:
            kinds.pop("inter")
        self.made = {kind: ctranslate2.Translator(folder, device="cpu", compute_type="float32", **how) for kind, how in kinds.items()}

    def run(self, words, beam, kind, batch):
        begun = time.perf_counter()
        found = self.made[kind].translate_batch(words, beam_size=beam, max_batch_size=batch)
        return time.perf_counter() - begun, [result.hypotheses[0] for result in found]


def measure(args, threads, ours_in, theirs_in, kind_of_text, log):
    say(f"{threads} thread{'s' * (threads > 1)}")
    ours = Worker(f"Contexture [{threads}]", [args.contexture, "translate"], threads, log)
    theirs = Theirs(theirs_in, threads)
    tokens = kind_of_text.tokens()
    try:
        with ours.turn():
            version = ours.ask(cmd="version")
            ours.ask(cmd="load", model=str(ours_in), threads=threads)
            ours.ask(cmd="set", texts=kind_of_text.texts)
        figures = {}
        for beam in (1, 4):
            def our(batch, beam=beam):
                with ours.turn():
                    return ours.ask(cmd="run", beam=beam, batch_tokens=batch)

            tried = {("Contexture", batch): [our(batch)["seconds"] for _ in range(3)] for batch in OURS}
            for kind in theirs.made:
                for batch in THEIRS:
                    tried["CTranslate2", kind, batch] = [theirs.run(tokens, beam, kind, batch)[0] for _ in range(3)]
            best = {name: min((key for key in tried if key[0] == name), key=lambda key: min(tried[key])) for name in ("Contexture", "CTranslate2")}
            seconds = {name: [] for name in best}
            for number in range(args.rounds):
                for name in sorted(best, reverse=number % 2):
                    if name == "Contexture":
                        reply = our(best[name][1])
                        seconds[name].append(reply["seconds"])
                    else:
                        took, texts = theirs.run(tokens, beam, *best[name][1:])
                        seconds[name].append(took)
            with ours.turn():
                written = ours.ask(cmd="outputs")["texts"]
            same = sum(kind_of_text.text(tokens) == text for tokens, text in zip(texts, written, strict=True))
            figures[beam] = {"seconds": seconds, "best": {n: list(b[1:]) for n, b in best.items()}, "same": same, "tokens": reply["tokens"]}
        return {"version": version["version"], "isa": version["details"]["isa"], "ctranslate2": theirs.version, "figures": figures}
    finally:
        ours.close()


def markdown(result, count):
    lines = ["| threads | beam | Contexture, texts/s best (median) | CTranslate2 | ratio, best | by medians | same outputs | batches |", "|---|---|---|---|---|---|---|---|"]
    for threads, found in result["threads"].items():
        for beam, row in found["figures"].items():
            ours, theirs = row["seconds"]["Contexture"], row["seconds"]["CTranslate2"]
            shown = [f"{count / min(s):,.0f} ({count / statistics.median(s):,.0f})" for s in (ours, theirs)]
            ratios = [min(theirs) / min(ours), statistics.median(theirs) / statistics.median(ours)]
            chosen = f"{row['best']['Contexture'][0]} tokens; {' '.join(map(str, row['best']['CTranslate2']))} texts"
            lines.append(f"| {threads} | {beam} | {shown[0]} | {shown[1]} | {ratios[0]:.2f} | {ratios[1]:.2f} | {row['same']:,} | {chosen} |")
    first = next(iter(result["threads"].values()))
    where = result["machine"]
    lines += ["", f"{count:,} texts; Contexture {first['version']} ({first['isa']}), CTranslate2 {first['ctranslate2']}; {where['processor']},"
                  f" {where['cores']} cores, load at the start {where['load_at_start']}."]
    return "\n".join(lines)


def main():
    args = arguments()
    result = {"machine": machine(), "threads": {}}
    with tempfile.NamedTemporaryFile("w+", prefix="bench-translate-", suffix=".log", delete=False) as log, tempfile.TemporaryDirectory() as made:
        if args.model:
            from to_ctranslate2 import convert

            convert(args.model, made)
            ours_in, theirs_in, kind_of_text = args.model, made, Words(args.model, args.texts)
        else:
            ours_in, theirs_in, kind_of_text = GOLDENS, args.ctranslate2, Letters(args.repeat)
        count = len(kind_of_text.texts)
        try:
            for threads in args.threads:
                result["threads"][str(threads)] = measure(args, threads, ours_in, theirs_in, kind_of_text, log)
        except WorkerFailed as error:
            sys.exit(f"{error}; see {log.name}")
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(result, indent=1) + "\n")
    print(markdown(result, count))
    if any(row["same"] < count for found in result["threads"].values() for row in found["figures"].values()):
        sys.exit("the outputs differ")


if __name__ == "__main__":
    main()
