"""Tiny SentencePiece models, trained on sentences of Tatoeba; `train` gives a model file's bytes, the same each time."""
import contextlib
import io
import pathlib
import tempfile

import sentencepiece

# A small character map instead of nmt_nfkc, which is 240 kB. Most of it is a part of nmt_nfkc; one rule begins like a shorter
# one, some read two characters, one deletes.
RULES = [("\u00a0", " "), ("\u2009", " "), ("\u3000", " "), ("\t", " "), ("\u2026", "..."), ("\ufb01", "fi"), ("\ufb03", "ffi"),
         ("e\u0301", "\u00e9"), ("a\u0300", "\u00e0"), ("a\u0300\u0301", "A"), ("\u200b", ""), ("\uff21", "A"), ("\uff01", "!"),
         ("\u00bd", " 1\u20442"), ("\u2019", "'")]


def sentences(data, language, count=1500):
    lines = (data / "mt" / "tatoeba-dev.en-fr.tsv").read_text(encoding="utf-8").splitlines()
    return list(dict.fromkeys(line.split("\t")[0 if language == "en" else 1] for line in lines))[:count]


def train(lines, size, **settings):
    """`rules=True` takes RULES as the normaliser; the other settings are sentencepiece's own."""
    model = io.BytesIO()
    # The trainer writes the path of the rules into the model, so the path is a bare name.
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        if settings.pop("rules", False):
            code = lambda text: " ".join(f"{ord(c):X}" for c in text)
            pathlib.Path("rules.tsv").write_text("".join(f"{code(a)}\t{code(b)}\n" for a, b in RULES))
            settings["normalization_rule_tsv"] = "rules.tsv"
        else:
            settings.setdefault("normalization_rule_name", "identity")
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines), model_writer=model, vocab_size=size, num_threads=1, minloglevel=2, **settings)
    return model.getvalue()


def pieces(model):
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    return [processor.id_to_piece(i) for i in range(processor.get_piece_size())]
