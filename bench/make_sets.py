"""Makes sets/{short,mixed,long}.jsonl.gz: the texts that the benchmark embeds.

    python bench/make_sets.py --tokenizer FOLDER/tokenizer.json --books FOLDER --glosses wordnet31-glosses.tsv.gz

`--books` is a folder of plain public-domain books (`*.txt.gz`), `--glosses` a table with a column `gloss`. The choice is
seeded: the same inputs give the same sets. Lengths are WordPiece tokens, [CLS] and [SEP] included.
"""

import argparse
import csv
import gzip
import json
import pathlib
import random
import re

from tokenizers import Tokenizer

SEED = 20260
SHORT = {"texts": 2000, "low": 6, "high": 32, "mean": 15}
MIXED = {"texts": 600, "low": 3, "high": 256, "mean": 63}
LONG = {"texts": 48, "tokens": 512}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", required=True, help="tokenizer.json of the model")
    parser.add_argument("--books", required=True, type=pathlib.Path, help="folder of *.txt.gz")
    parser.add_argument("--glosses", required=True, help="tsv.gz with a column `gloss`")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path(__file__).parent / "sets")
    return parser.parse_args()


def paragraphs(folder):
    for path in sorted(folder.glob("*.txt.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as book:
            for block in re.split(r"\n\s*\n", book.read()):
                text = " ".join(block.split())
                if len(text) > 40 and not text.isupper():
                    yield text


def sentences(blocks):
    for block in blocks:
        yield from (s for s in re.split(r"(?<=[.!?])\s+(?=[A-Z\"'])", block) if s)


def definitions(path):
    with gzip.open(path, "rt", encoding="utf-8") as table:
        for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE):
            yield row["gloss"]
            yield row["lemmas"].split(";")[0]


def lengths(spec, shape, draw):
    """Token counts between low and high whose mean is close to the wanted one: a gamma law, its mean tuned by bisection."""
    low, high = spec["low"], spec["high"]
    least, most = 0.5, 4.0 * spec["mean"]
    for _ in range(40):
        mean = (least + most) / 2
        state = random.Random(draw)
        drawn = [min(high, low + int(state.gammavariate(shape, mean / shape))) for _ in range(spec["texts"])]
        if sum(drawn) / len(drawn) > spec["mean"]:
            most = mean
        else:
            least = mean
    return drawn


def by_tokens(tokenizer, texts, high):
    buckets = {}
    texts = list(dict.fromkeys(texts))
    for start in range(0, len(texts), 4096):
        part = texts[start : start + 4096]
        for text, encoding in zip(part, tokenizer.encode_batch(part)):
            if len(encoding.ids) <= high:
                buckets.setdefault(len(encoding.ids), []).append(text)
    return buckets


def pick(buckets, wanted, source):
    """One unused text for each wanted count, from the nearest count that still has one."""
    for bucket in buckets.values():
        source.shuffle(bucket)
    for count in wanted:
        nearest = min((c for c in buckets if buckets[c]), key=lambda c: (abs(c - count), c))
        yield buckets[nearest].pop()


def exact(tokenizer, words, tokens):
    """Running text of exactly so many tokens from the head of `words`, and how many words it took; None if it cannot be."""
    take = tokens
    while take:
        count = len(tokenizer.encode(" ".join(words[:take])).ids)
        if count == tokens:
            return " ".join(words[:take]), take
        if count < tokens:
            return None
        take -= max(1, (count - tokens) // 3)
    return None


def running(tokenizer, blocks, source):
    """Texts of exactly 512 tokens from the books, evenly spread."""
    words = " ".join(blocks).split()
    step = len(words) // LONG["texts"]
    for text in range(LONG["texts"]):
        at = text * step + source.randrange(step // 4)
        while (found := exact(tokenizer, words[at : at + LONG["tokens"]], LONG["tokens"])) is None:
            at += 1
        yield found[0]


def write(path, tokenizer, texts):
    counts = [len(e.ids) for e in tokenizer.encode_batch(texts)]
    body = "".join(json.dumps(text, ensure_ascii=False) + "\n" for text in texts).encode()
    with open(path, "wb") as raw, gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as out:
        out.write(body)
    mean = sum(counts) / len(counts)
    print(f"{path.name}: {len(texts)} texts, {min(counts)}..{max(counts)} tokens, mean {mean:.1f}, {path.stat().st_size} bytes")


def main():
    args = arguments()
    tokenizer = Tokenizer.from_file(args.tokenizer)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    source = random.Random(SEED)
    blocks = list(paragraphs(args.books))
    glosses = [g for g in definitions(args.glosses)]
    source.shuffle(glosses)
    pool = [s for s in sentences(blocks)]
    source.shuffle(pool)
    small = by_tokens(tokenizer, pool[:12000] + glosses[:12000], SHORT["high"])
    large = by_tokens(tokenizer, blocks + glosses[12000:16000], MIXED["high"])
    args.output.mkdir(exist_ok=True)
    write(args.output / "short.jsonl.gz", tokenizer, list(pick(small, lengths(SHORT, 3.0, SEED), source)))
    write(args.output / "mixed.jsonl.gz", tokenizer, list(pick(large, lengths(MIXED, 1.3, SEED + 1), source)))
    write(args.output / "long.jsonl.gz", tokenizer, list(running(tokenizer, blocks, source)))


if __name__ == "__main__":
    main()
