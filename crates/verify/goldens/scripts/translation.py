"""Write translation/: what sacreBLEU says of real sentences and of odd ones.

    pip install sacrebleu==2.6.0
    python translation.py --data DATA

DATA holds mt/ (flores-dev, tatoeba-dev, multi30k-val). Hypotheses are other people's translations (tatoeba) or references spoiled by
the rule `spoil` (flores, multi30k). What may be copied is written as text beside cases.json; of multi30k, and of flores as a
whole, only figures are kept, and the test spoils them by the same rule.
"""
import argparse
import gzip
import json
import pathlib
import random
import re
import sys

import sacrebleu
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

assert sacrebleu.__version__ == "2.6.0", sacrebleu.__version__
HERE = pathlib.Path(__file__).parent.parent
ODD = re.compile("""[0-9].*[„“"«»–&%/();:$€°'’…\\[\\u00a0\\u200d]|[„“"«»–&%/();:$€°’…\\[\\u00a0\\u200d].*[0-9]""")


def columns(path):
    opened = gzip.open(path, "rt", encoding="utf-8", newline="\n") if path.suffix == ".gz" else open(path, encoding="utf-8", newline="\n")
    with opened as lines:
        return [line.rstrip("\n").split("\t") for line in lines]


def spoil(lines, others):
    """Line i by rule i mod 8, on the pieces between single blanks; every 50th line becomes empty."""
    spoiled = []
    for i, line in enumerate(lines):
        words = line.split(" ")
        before = lines[i - 1].split(" ") if i else [""]
        if i % 50 == 49:
            words = []
        elif i % 8 == 1:  # Every fifth word is missing.
            words = [w for j, w in enumerate(words) if j % 5 != 4]
        elif i % 8 == 2:  # Neighbours change places.
            for j in range(0, len(words) - 1, 4):
                words[j], words[j + 1] = words[j + 1], words[j]
        elif i % 8 == 3:  # Words of the line before.
            words = [before[j % len(before)] if j % 6 == 2 else w for j, w in enumerate(words)]
        elif i % 8 == 4:  # The first half only.
            words = words[: (len(words) + 1) // 2]
        elif i % 8 == 5:  # Every seventh word twice.
            words = [w for j, w in enumerate(words) for _ in range(2 if j % 7 == 3 else 1)]
        elif i % 8 == 6:  # The other language.
            words = others[i].split(" ")
        elif i % 8 == 7:  # The last word is missing, and the stop with it.
            words = words[:-1]
        spoiled.append(" ".join(words))
    return spoiled


def bleu(found):
    return {
        "score": found.score,
        "precisions": found.precisions,
        "brevity_penalty": found.bp,
        "matches": [int(n) for n in found.counts],
        "totals": [int(n) for n in found.totals],
        "hypothesis_length": found.sys_len,
        "reference_length": found.ref_len,
        "shown": str(found),
    }


def corpus(name, hypotheses, references):
    """`references`: a list for each reference."""
    word, character = BLEU(), CHRF()
    score, other = word.corpus_score(hypotheses, references), character.corpus_score(hypotheses, references)
    case = {"name": name, "sentences": len(hypotheses), "bleu": bleu(score), "chrf": other.score}
    case["bleu_signature"], case["chrf_signature"] = str(word.get_signature()), str(character.get_signature())
    return case


def sentence(hypothesis, references):
    found = sacrebleu.sentence_bleu(hypothesis, references)
    alone = BLEU(force=True).corpus_score([hypothesis], [[r] for r in references])
    return {
        "hypothesis": hypothesis,
        "references": references,
        "bleu": bleu(found),
        "corpus_bleu": alone.score,
        "chrf": sacrebleu.sentence_chrf(hypothesis, references).score,
    }


def stored(out, name, hypotheses, references):
    files = [(f"{name}.hypotheses.txt", hypotheses)]
    files += [(f"{name}.references{n or ''}.txt", lines) for n, lines in enumerate(references)]
    for file, lines in files:
        (out / file).write_text("".join(line + "\n" for line in lines), encoding="utf-8", newline="\n")
    case = corpus(name, hypotheses, references)
    by_line = [(h, [r[i] for r in references]) for i, h in enumerate(hypotheses)]
    case["sentence_bleu"] = [sacrebleu.sentence_bleu(h, r).score for h, r in by_line]
    case["sentence_chrf"] = [sacrebleu.sentence_chrf(h, r).score for h, r in by_line]
    return case


def tatoeba(path, references, most):
    """English sentences with enough translations: the last one against the first."""
    translations = {}
    for english, other in columns(path):
        translations.setdefault(english, []).append(other)
    chosen = [t for t in translations.values() if len(t) > references]
    chosen = sorted(chosen, key=lambda t: -len(t[0]))[:most]
    return [t[-1] for t in chosen], [[t[n] for t in chosen] for n in range(references)]


def edge_sentences():
    long = "the quick brown fox jumps over the lazy dog"
    pairs = [
        ("", "a b c d"), ("a b c d", ""), ("", ""), ("   ", "a"), ("a", "\u3000"), ("\u001c", "\u001f"),
        ("x y z w", "a b c d"), ("a", "a"), ("a b", "a b"), ("a b c", "a b c"), ("a b c d", "a b c d"),
        ("a x b y", "a b c d"), ("a b", "a b c d e f"), ("a b x c d", "a b c d"), ("A B C D", "a b c d"),
        ("the " * 20, "the cat the"), (long, long.upper()), (long, " ".join(reversed(long.split()))),
        (long + " .", long + "."), ("&quot;a&quot; &amp;lt; b", '"a" < b'), ("<skipped> a b c d e", "a b c d e"),
        ("a b-\nc d\ne", "a bc d e"), ("a b c d-\n", "a b c d-"), ("a\u0085b\u001dc d", "a b c d"),
        ("a\u00a0b\u2028c\u202fd", "a b c d"), ("a\u200bb c d e", "a b c d e"), ("\ufeffa b c d", "a b c d"),
        ("1,000.5 km", "1,000.5 km"), ("Um 3. kam .5 an, 7.", "Um 3 . kam 0.5 an, 7."), ("٣.٥ kg ٤,٢", "٣.٥ kg ٤ , ٢"),
        ("12-13 x-13 a-b", "12 - 13 x - 13 a-b"), ("…\"'`~!@#$%^&*()_+-={}|[]\\:;<>?,./", "… \" ' ` ~ !"),
        ("café au lait noir", "cafe\u0301 au lait noir"), ("👩‍🚀 geht 🇩🇪 nach Haus", "👩 geht nach Haus 🇩🇪"),
        ("„Ja“, sagte er – «oui».", '"Ja", sagte er - "oui".'), ("ab", "abcdefgh"), ("abcdefgh", "ab"), ("abcde", "abcde"),
        ("私は学生です。", "私が学生です。"), ("a\rb c\td", "a b c d"),
    ]
    several = [
        ("the the the the the the the", ["The cat is on the mat.", "There is a cat on the mat."]),
        ("a b c d", ["a b c d e", "a b c"]), ("a b c d", ["a b c", "a b c d e"]), ("a b c d", ["", "a b c d"]),
        ("a b c d", ["x", "y z", "a b x d"]), ("abc", ["x", "xyz"]), ("", ["", "a"]), ("a b a b", ["a a", "b b", "a b"]),
    ]
    return [sentence(h, [r]) for h, r in pairs] + [sentence(h, r) for h, r in several]


def drawn(count):
    """Strings and pairs of strings of odd parts."""
    draw = random.Random(6)
    parts = list("ab19.,-'\"&;%/()[]{}~ \t\n") + ["&quot;", "&amp;", "&lt;", "&gt;", "<skipped>", "-\n", "\u001e", "\u0085", "\u00a0", "…", "ß", "٣", "🙂"]
    text = lambda: "".join(draw.choices(parts, k=draw.randrange(1, 30)))
    tokenizer = Tokenizer13a()
    tokens = [{"text": t, "tokens": tokenizer(t)} for t in (text() for _ in range(count))]
    pairs = []
    for _ in range(count):
        reference = text()
        hypothesis = "".join(c for c in reference if draw.random() < 0.9) if draw.random() < 0.7 else text()
        pairs.append(sentence(hypothesis, [reference] + [text()] * draw.randrange(2)))
    return tokens, pairs


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--data", type=pathlib.Path, required=True)
    args.add_argument("--out", type=pathlib.Path, default=HERE / "translation")
    args = args.parse_args()
    args.out.mkdir(exist_ok=True)
    flores = columns(args.data / "mt/flores-dev.en-de-fr.tsv")
    odd = [row for row in flores if ODD.search(row[1]) or ODD.search(row[2])][:120]
    multi30k = columns(args.data / "mt/multi30k-val.en-de-fr.tsv.gz")
    side = lambda rows, column: [row[column] for row in rows]
    spoiled = lambda rows, column: (spoil(side(rows, column), side(rows, 0)), [side(rows, column)])
    tokens, pairs = drawn(200)
    cases = {
        "sacrebleu": sacrebleu.__version__,
        "stored": [
            stored(args.out, "flores-de", *spoiled(odd, 1)),
            stored(args.out, "flores-fr", *spoiled(odd, 2)),
            stored(args.out, "tatoeba-de", *tatoeba(args.data / "mt/tatoeba-dev.en-de.tsv", 1, 200)),
            stored(args.out, "tatoeba-fr", *tatoeba(args.data / "mt/tatoeba-dev.en-fr.tsv", 2, 100)),
        ],
        "spoiled": [
            {"file": file, "column": column, **corpus(f"{file}, column {column}", *spoiled(rows, column))}
            for file, rows in [("mt/multi30k-val.en-de-fr.tsv.gz", multi30k), ("mt/flores-dev.en-de-fr.tsv", flores)]
            for column in (1, 2)
        ],
        "sentences": edge_sentences() + pairs,
        "tokens": tokens,
        "spaces": [n for n in range(sys.maxunicode + 1) if chr(n).isspace()],
    }
    (args.out / "cases.json").write_text(json.dumps(cases, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    main()
