"""Write sentencepiece/: SentencePiece models of every kind that is read, and ids and texts by sentencepiece and transformers.

    python sentencepiece_ids.py --data DATA --out ..

Needs ../seq2seq (seq2seq.py). See ../README.md for what the files hold.
"""
import argparse
import base64
import gzip
import json
import pathlib
import random
import re
import unicodedata

import sentencepiece
import transformers
from sentencepiece import sentencepiece_model_pb2 as proto
from transformers import AutoTokenizer

import tiny_sentencepiece
from tokenizer_ids import hostile

SYMBOLS = ["<sep>", "foo bar", "é", "fo", "\u3000x"]
UNIGRAM = {
    "nfkc": dict(size=300, normalization_rule_name="nmt_nfkc"),
    "symbols": dict(size=200, rules=True, user_defined_symbols=SYMBOLS, control_symbols=["<ctl>"]),
    "bytes": dict(size=420, byte_fallback=True),
    "keep": dict(size=160, rules=True, add_dummy_prefix=False, remove_extra_whitespaces=False, allow_whitespace_only_pieces=True),
    "suffix": dict(size=160, treat_whitespace_as_suffix=True),
}
BPE = {
    "bpe": dict(size=260, rules=True, user_defined_symbols=SYMBOLS),
    "bpe_bytes": dict(size=520, byte_fallback=True, remove_extra_whitespaces=False, split_digits=True, allow_whitespace_only_pieces=True),
}
REPEATS = ["aaaaaaaaaaaaaaa", "-----", "---------", "..........", "!!!!!!!", "hahahahahahaha", "ha ha ha ha", "ssssssss tttttttt", "eeeeeeeeee eeeee", "1111111 000000",
           "nananananananana", "lllllllllllll", "tttttttttttttttttttttttttttt", "ererererererer", "onononononon", "ininininin", "ouuuuuuuuuh", "?!?!?!?!?!", "''''''''", '""""""']
SPACES = ["", " ", "  ", "   a", "a   ", " a  b   c ", "\ta\tb", "a\u00a0b", "\u3000a\u3000\u3000b\u3000", "a\u2009b\u200bc", "\u200b", "\u200b \u200b", "a \u200b b", "a\nb", "a\r\nb", "a\u2028b", "▁", "▁a", "a▁b",
          "a ▁ b", "▁▁▁", " ▁a▁ ", "\u00a0", " \u3000 ", "½", " ½ ", "a½b", "½½", "\0", "a\0b", "\ufeffa", "a\u0085b", "a\x0bb"]
FORMS = ["e\u0301", "a\u0300\u0301", "a\u0300", "a\u0300\u0302", "e\u0302\u0323", "ê\u0323", "o\u031b\u0301", "Việt Nam", unicodedata.normalize("NFD", "Việt Nam, tiếng Việt, được"), unicodedata.normalize("NFD", "한국어 안녕하세요"),
         unicodedata.normalize("NFD", "Ça été élevé à Nîmes"), "ﬁne ﬃ ﬀ", "ＡＢＣ１２３！", "①②③ ㍿ ㌔", "ﷺ", "Ⅷ Ⅳ", "²³ x₁", "ǅ ǆ", "ｶﾞｷﾞ", "が か\u3099", "İ ı", "ß ẞ", "…….", "l’été d’Anaïs", "☃ 😀👩\u200d👩\u200d👧 🇫🇷",
         "\u0301a", "\u0301", "a\u0301\u0301\u0301", "\ufffd", "\U0001f1eb", "אָלֶף", "กำ", "ক্ষ", "Ω Å K"]
MARKS = ["<sep>", "a<sep>b", "<sep><sep>", "foo bar", "foobar", "fofoo bar", "é", "été", "<ctl>", "a <ctl> b", "\u3000x", "a\u3000xb", "<s> a", "<0x41>", "a<0xE4>b", "<sep", "sep>", "fo o", "x<sep> y"]
CODES = [">>fra<< Hello.", ">>fra<<", ">>deu<< Hello.", ">> fra << a", ">>a", "a >>fra<< b", " >>fra<< b", ">>fra<<>>fra<< b", ">><<", ">>fra<<a<<", "</s>", "a </s> b", "a</s>b", "<pad>", "<unk> a", "a <unk> >>fra<< b",
         "</s></s>", "</s", "<pad ><pad>", " </s> ", "\u3000</s>\u3000x", "<extra_id_0>", "a <extra_id_1> b<extra_id_5>", "<extra_id_6>", "<extra_id_00>"]


def real(data, rng):
    rows = [line.split("\t") for name in ("en-fr", "en-de") for line in (data / "mt" / f"tatoeba-dev.{name}.tsv").read_text(encoding="utf-8").splitlines()]
    return rng.sample(sorted({text for row in rows for text in row[:2] if len(text) < 60}), 170)


def write_models(data, folder):
    lines = [line for language in ("en", "fr") for line in tiny_sentencepiece.sentences(data, language)] + ["foo bar <sep> fo"] * 3
    for name, settings in (UNIGRAM | BPE).items():
        settings = dict(settings)
        size = settings.pop("size")
        # Repeated letters, so that paths of equal score occur.
        model = proto.ModelProto.FromString(tiny_sentencepiece.train(
            lines + REPEATS * 20, size, model_type="bpe" if name in BPE else "unigram", **settings))
        if name in ("keep", "bpe"):
            # Every ninth piece of several letters is out of use, which a trainer never writes but a model may hold.
            for piece in [p for p in model.pieces if p.type == 1 and len(p.piece) > 1][::9]:
                piece.type = proto.ModelProto.SentencePiece.UNUSED
        if name == "nfkc":
            known = json.loads((folder.parent / "families" / "xlm_roberta" / "tokenizer.json").read_text(encoding="utf-8"))
            maps = [n["precompiled_charsmap"] for n in known["normalizer"].get("normalizers", [known["normalizer"]]) if "precompiled_charsmap" in n]
            assert [base64.b64decode(m) for m in maps] == [model.normalizer_spec.precompiled_charsmap]
            model.normalizer_spec.ClearField("precompiled_charsmap")
        (folder / f"{name}.model").write_bytes(model.SerializeToString())


def opened(folder, name):
    model = proto.ModelProto.FromString((folder / f"{name}.model").read_bytes())
    if name == "nfkc":
        known = json.loads((folder.parent / "families" / "xlm_roberta" / "tokenizer.json").read_text(encoding="utf-8"))
        maps = [n["precompiled_charsmap"] for n in known["normalizer"].get("normalizers", [known["normalizer"]]) if "precompiled_charsmap" in n]
        model.normalizer_spec.precompiled_charsmap = base64.b64decode(maps[0])
    return sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())


def bare(folder, texts):
    out = {}
    for name in UNIGRAM | BPE:
        processor = opened(folder, name)
        ids = [processor.encode(text) for text in texts]
        unknown = processor.unk_id()
        # Special tokens are left out of every decoded text, the unknown one among them.
        out[name] = {"ids": ids, "decoded": [processor.decode([i for i in row if i != unknown]).strip() for row in ids]}
    return out


def folders(seq2seq, texts):
    out = {}
    for name in ("marian", "marian_relu", "marian_apart"):
        tokenizer = AutoTokenizer.from_pretrained(seq2seq / name)
        for side in ("source", "target"):
            ids = [(tokenizer(text) if side == "source" else tokenizer(text_target=text))["input_ids"] for text in texts]
            out[f"{name}.{side}"] = {"ids": ids}
            if side == "target":
                out[f"{name}.{side}"]["decoded"] = [tokenizer.decode(row, skip_special_tokens=True) for row in ids]
    tokenizer = AutoTokenizer.from_pretrained(seq2seq / "t5_gated")
    ids = [tokenizer(text)["input_ids"] for text in texts]
    out["t5_gated"] = {"ids": ids, "decoded": [tokenizer.decode(row, skip_special_tokens=True) for row in ids]}
    out["t5_relu"] = t5(seq2seq / "t5_relu", texts)
    return out


def t5(folder, texts):
    """SentencePiece between special tokens, as T5's tokenizer was until transformers 5, which splits words by rules of its own
    and reads its character map by characters; it gives other ids on texts that are counted here."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spiece.model"))
    specials = {token: tokenizer.convert_tokens_to_ids(token) for token in tokenizer.all_special_tokens}
    cut = re.compile("(" + "|".join(re.escape(token) for token in sorted(specials, key=len, reverse=True)) + ")")
    ids = [[i for part in cut.split(text) for i in ([specials[part]] if part in specials else processor.encode(part))] + [1] for text in texts]
    others = sum(row != tokenizer(text)["input_ids"] for row, text in zip(ids, texts))
    print("t5_relu: texts to which transformers gives other ids:", others)
    kept = [[i for i in row if i not in specials.values()] for row in ids]
    return {"ids": ids, "decoded": [processor.decode(row).strip() for row in kept]}


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--data", type=pathlib.Path, required=True)
    args.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent)
    args = args.parse_args()
    transformers.logging.set_verbosity_error()
    rng = random.Random(4321)
    folder = args.out / "sentencepiece"
    folder.mkdir(exist_ok=True)
    write_models(args.data, folder)
    sentences = real(args.data, rng)
    texts = sentences + REPEATS + SPACES + FORMS + MARKS + CODES + [hostile(rng, sentences) for _ in range(110)]
    texts = list(dict.fromkeys(texts))
    out = {"texts": texts, "models": bare(folder, texts), "folders": folders(args.out / "seq2seq", texts)}
    with open(folder / "ids.json.gz", "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
        file.write(json.dumps(out, separators=(",", ":")).encode())
    print(len(texts), "texts;", {path.name: path.stat().st_size for path in folder.iterdir()})


if __name__ == "__main__":
    main()
