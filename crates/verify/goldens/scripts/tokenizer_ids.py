"""Write tokenizer-ids.jsonl.gz (20,000 strings with all-MiniLM-L6-v2's ids) and tokenizer-ids-families.json.gz.

    python tokenizer_ids.py --models MODELS --data DATA --out ..

Ids are those of the model's own Python tokenizer, with special tokens, without truncation or padding.
12,500 strings are real text (../README.md lists the sources), the rest comes from the generator below (fixed seed).
"""
import argparse
import gzip
import json
import pathlib
import random
import unicodedata

from tokenizers import Tokenizer
from transformers import AutoTokenizer
from transformers import logging as library_logging

REAL = {"wordnet": 3600, "tatoeba-en": 1400, "tatoeba-de": 2000, "tatoeba-fr": 2000, "wikipedia": 2400, "gutenberg": 1100}
HOSTILE = 20000 - sum(REAL.values())
FAMILY_SAMPLE = 1500

SPACES = "\t\n\u000b\u000c\r\u001c\u001d\u001e\u001f \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\u200b\ufeff\u180e\u2060"
LOOKS = ["[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]", "[cls]", "[Sep]", "[ MASK ]", "[MASK", "CLS]", "<s>", "</s>", "<pad>", "<mask>", "<unk>", "<unk>NOTUSED",
         "##ing", "##", "[unused0]", "[unused99]", "▁", "Ġ", "<|endoftext|>", "[[CLS]]", "[CLS][SEP]"]
WORDS = "the a of running Embeddings İstanbul STRASSE straße ẞ naïve café co-operate don't O'Neill e.g. U.S.A. 3.14 1,000 x² H₂O ﬁsh ǅ Ŀ ŉ ǰ ΐ ﬗ ΌΣΟΣ ὈΔΥΣΣΕΎΣ ᾳ ıI iİ K Å ſ ʼn ß ςσΣ Ω ẛ̣".split()
BLOCKS = [(0x20, 0x7f), (0x80, 0x100), (0x100, 0x250), (0x250, 0x300), (0x300, 0x370), (0x370, 0x400), (0x400, 0x530), (0x530, 0x600), (0x600, 0x780), (0x900, 0xe00),
          (0xe00, 0x1000), (0x1000, 0x1200), (0x1e00, 0x2000), (0x2000, 0x2070), (0x2070, 0x2200), (0x2200, 0x2c00), (0x2e80, 0x3100), (0x3100, 0x3400), (0x3400, 0x4dc0),
          (0x4e00, 0xa000), (0xa000, 0xabff), (0xac00, 0xd7a4), (0xe000, 0xe100), (0xf900, 0xfb00), (0xfb00, 0xfe00), (0xfe00, 0xfff0), (0xfff0, 0x10000),
          (0x10000, 0x11000), (0x11000, 0x13000), (0x13000, 0x17000), (0x1b000, 0x1b200), (0x1d000, 0x1d800), (0x1e000, 0x1f000), (0x1f000, 0x1fb00),
          (0x20000, 0x20100), (0x2a6d0, 0x2a710), (0x2b730, 0x2b830), (0x2ceb0, 0x2cee0), (0x2f800, 0x2fa20), (0x30000, 0x31350), (0xe0000, 0xe0200), (0xf0000, 0xf0010), (0x10fff0, 0x110000)]
# First and last of every range that BERT's rules name, and their neighbours.
EDGES = sorted({c + d for c in [0, 0x9, 0xa, 0xd, 0x1f, 0x20, 0x21, 0x2f, 0x3a, 0x40, 0x5b, 0x60, 0x7b, 0x7e, 0x7f, 0x80, 0x9f, 0xa0, 0xad, 0x2ff, 0x300, 0x36f, 0x370, 0x1ab0, 0x1dc0, 0x1e9e,
               0x2000, 0x200b, 0x200d, 0x200f, 0x2028, 0x202f, 0x205f, 0x2064, 0x20d0, 0x20f0, 0x3000, 0x3400, 0x4dbf, 0x4e00, 0x9fff, 0xa000, 0xac00, 0xd7a3, 0xd7ff, 0xe000, 0xf8ff, 0xf900, 0xfaff,
               0xfb00, 0xfe00, 0xfe0f, 0xfe20, 0xfeff, 0xff00, 0xfff9, 0xfffc, 0xfffd, 0xfffe, 0xffff, 0x10000, 0x1f600, 0x1ffff, 0x20000, 0x2a6df, 0x2a700, 0x2b73f, 0x2b740, 0x2b81f, 0x2b820, 0x2ceaf,
               0x2ceb0, 0x2f800, 0x2fa1f, 0x30000, 0xe0001, 0xe007f, 0xe0100, 0xe01ef, 0xf0000, 0xffffd, 0x100000, 0x10ffff] for d in (-1, 0, 1) if 0 <= c + d <= 0x10ffff and not 0xd800 <= c + d < 0xe000})


def any_char(rng):
    low, high = rng.choice(BLOCKS)
    return chr(rng.randrange(low, high))


def word(rng):
    return rng.choice(WORDS) if rng.random() < 0.5 else "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randrange(1, 12)))


def recased(rng, text):
    return "".join(c.upper() if rng.random() < 0.5 else c.lower() for c in text)


def stacked(rng):
    marks = [chr(c) for c in list(range(0x300, 0x370)) + list(range(0x20d0, 0x20f1)) + [0x5b0, 0x64b, 0x93c, 0xe49, 0x3099, 0x309a, 0x1dc0, 0xfe20]]
    return "".join(rng.choice("aeionscyzßıİ가한あ中") + "".join(rng.choice(marks) for _ in range(rng.choice([0, 1, 1, 2, 3, 12]))) for _ in range(rng.randrange(1, 9)))


def long_word(rng):
    length = rng.choice([95, 98, 99, 100, 101, 102, 150, 199, 200, 201, 260])
    kind = rng.randrange(5)
    if kind == 0:
        return rng.choice("aé中İ😀ßz") * length
    if kind == 1:
        return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(length))
    if kind == 2:
        return (rng.choice(["embed", "ing", "over", "un"]) * length)[:length] + rng.choice(["", ".", " end", "中"])
    if kind == 3:
        return "e\u0301" * (length // 2) + rng.choice(["", "x"])
    return rng.choice(["-", "!", "=", ".,"]) * (length // 2)


def hostile(rng, real):
    kind = rng.randrange(12)
    if kind == 0:
        return "".join(any_char(rng) for _ in range(rng.randrange(1, 14)))
    if kind == 1:
        low, high = rng.choice(BLOCKS)
        return "".join(chr(rng.randrange(low, high)) for _ in range(rng.randrange(1, 14)))
    if kind == 2:
        return "".join(rng.choice(LOOKS) + rng.choice(["", " ", "x", ".", "  ", "\u0301"]) + (word(rng) if rng.random() < 0.5 else "") for _ in range(rng.randrange(1, 5)))
    if kind == 3:
        return recased(rng, " ".join(rng.choice(WORDS) for _ in range(rng.randrange(1, 6))))
    if kind == 4:
        return stacked(rng)
    if kind == 5:
        return "".join(word(rng) + "".join(rng.choice(SPACES) for _ in range(rng.choice([0, 1, 1, 2, 4]))) for _ in range(rng.randrange(1, 7)))
    if kind == 6:
        return long_word(rng) if rng.random() < 0.35 else word(rng) + rng.choice(["-", "_", "/", "'", "’", ".", "·", "٫", "၊", "¿"]) * rng.randrange(1, 5) + word(rng)
    if kind == 7:
        return "".join(chr(rng.choice([0, 1, 7, 8, 9, 10, 13, 27, 31, 127, 128, 133, 159, 173, 0x200c, 0x200d, 0x202a, 0x202e, 0x2066, 0x2069, 0xfeff, 0xfffd, 0xe000, 0xe0041])) + rng.choice(["", "a", "B", " ", "中"]) for _ in range(rng.randrange(1, 10)))
    if kind == 8:
        return "".join(rng.choice([word(rng), "東京", "中", "한국", "ひらがな", "カナ", "𠀀", "。", "ｆｕｌｌ", "１２"]) for _ in range(rng.randrange(1, 7)))
    if kind == 9:
        return rng.choice(["", "a", "x ", "中", "ab"]) + "".join(chr(rng.choice(EDGES)) for _ in range(rng.randrange(1, 4))) + rng.choice(["", "a", " y", "é"])
    if kind == 10:
        return unicodedata.normalize(rng.choice(["NFD", "NFC", "NFKD", "NFKC"]), rng.choice(real))[: rng.randrange(3, 60)]
    text = list(rng.choice(real)[:70])
    for _ in range(rng.randrange(1, 6)):
        text.insert(rng.randrange(len(text) + 1), any_char(rng))
    return "".join(text)


def real_texts(data, rng):
    text = data / "text"
    with gzip.open(text / "wordnet31-glosses.tsv.gz", "rt", encoding="utf-8", newline="") as file:
        yield from pick(rng, "wordnet", [line.rstrip("\n").split("\t")[2] for line in file][1:])
    for language in ("de", "fr"):
        with gzip.open(data / "mt" / f"tatoeba-train.en-{language}.tsv.gz", "rt", encoding="utf-8") as file:
            pairs = [line.rstrip("\n").split("\t") for line in file]
        if language == "de":
            yield from pick(rng, "tatoeba-en", [p[0] for p in pairs])
        yield from pick(rng, f"tatoeba-{language}", [p[1] for p in pairs])
    with gzip.open(text / "wikipedia-vital-summaries.jsonl.gz", "rt", encoding="utf-8") as file:
        leads = [json.loads(line)["text"] for line in file]
    yield from pick(rng, "wikipedia", [s.strip() + "." for lead in leads for s in lead.split(". ")[:3] if 20 < len(s) < 260])
    books = []
    for path in sorted((text / "gutenberg").glob("*.txt.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            books += [p.strip("\n") for p in file.read().split("\n\n") if 10 < len(p) < 300]
    yield from pick(rng, "gutenberg", books)


def pick(rng, name, candidates):
    candidates = sorted({c for c in candidates if c})
    return rng.sample(candidates, REAL[name])


def write_gz(path, lines):
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
        for line in lines:
            file.write((line + "\n").encode("utf-8"))
    print(path.name, path.stat().st_size)


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--models", type=pathlib.Path, required=True)
    args.add_argument("--data", type=pathlib.Path, required=True)
    args.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent)
    args = args.parse_args()
    library_logging.set_verbosity_error()
    rng = random.Random(20_000)
    texts = list(dict.fromkeys(real_texts(args.data, rng)))
    real, seen = list(texts), set(texts)
    for c in EDGES:
        for text in (chr(c), "a" + chr(c) + "b"):
            if text not in seen:
                seen.add(text)
                texts.append(text)
    while len(texts) < 20000:
        text = hostile(rng, real)
        if text not in seen:
            seen.add(text)
            texts.append(text)
    print(len(real), "real,", len(texts) - len(real), "hostile; code points", len({c for t in texts for c in t}))
    folder = args.models / "all-MiniLM-L6-v2"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    bare = Tokenizer.from_file(str(folder / "tokenizer.json"))
    bare.no_truncation()
    bare.no_padding()
    ids = [tokenizer(t)["input_ids"] for t in texts]
    assert ids == [e.ids for e in bare.encode_batch(texts)], "tokenizer.json alone gives other ids"
    write_gz(args.out / "tokenizer-ids.jsonl.gz", (json.dumps({"text": t, "ids": x}, ensure_ascii=False, separators=(",", ":")) for t, x in zip(texts, ids)))
    sample = sorted(rng.sample(range(20000), FAMILY_SAMPLE))
    out = {"indices": sample, "families": {}}
    known = {}
    for family in sorted(p for p in (args.out / "families").iterdir() if (p / "tokenizer.json").exists()):
        key = (family / "tokenizer.json").read_bytes()
        if key in known:
            out["families"][family.name] = known[key]
            continue
        tokenizer = AutoTokenizer.from_pretrained(family)
        bare = Tokenizer.from_file(str(family / "tokenizer.json"))
        bare.no_truncation()
        bare.no_padding()
        rows = [tokenizer(texts[i])["input_ids"] for i in sample]
        other = sum(a != bare.encode(texts[i]).ids for a, i in zip(rows, sample))
        print(family.name, "strings where tokenizer.json alone gives other ids:", other)
        assert other == 0
        out["families"][family.name] = rows
        known[key] = family.name
    write_gz(args.out / "tokenizer-ids-families.json.gz", [json.dumps(out, separators=(",", ":"))])


if __name__ == "__main__":
    main()
