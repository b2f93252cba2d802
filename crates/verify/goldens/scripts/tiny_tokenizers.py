"""Tiny tokenizers trained on public-domain books, one builder for each kind that the families use.

Each returns a transformers tokenizer of the family's own class, so that normalizer, pre-tokenizer,
post-processor and special tokens are the family's real ones; only the vocabulary is tiny.
"""
import gzip
import io
import json
import pathlib

import sentencepiece
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertTokenizer, CamembertTokenizer, MPNetTokenizer, PreTrainedTokenizerFast, RobertaTokenizer, XLMRobertaTokenizer

BOOKS = ["bryant-stories", "austen-persuasion", "chesterton-brown"]
EXTRA = ["Straße Grüße süß café naïve brûlée déjà", "東京 世界 你好 漢字 日本語 こんにちは カタカナ", "Привет мир ёж", "مرحبا שלום", "0123456789 %$€ @#&*_+=<>/\\|~^`{}[]()", "😀👩👧🍕"]


VOCABULARIES = pathlib.Path(__file__).parent / "vocabularies.json"


def kept(name, train):
    """A trained vocabulary, kept beside the scripts: the trainers break ties in an order that changes from run to run."""
    known = json.loads(VOCABULARIES.read_text(encoding="utf-8")) if VOCABULARIES.exists() else {}
    if name not in known:
        known[name] = train()
        VOCABULARIES.write_text(json.dumps(known, ensure_ascii=True, indent=None, separators=(",", ":")) + "\n", encoding="utf-8")
    return known[name]


def lines(data):
    for book in BOOKS:
        with gzip.open(data / "text" / "gutenberg" / f"{book}.txt.gz", "rt", encoding="utf-8") as file:
            for n, line in enumerate(file):
                if n < 3000 and line.strip():
                    yield line.strip()
    yield from EXTRA * 20


def word_piece_vocabulary(data, specials, size, lowercase):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=size - len(specials), special_tokens=[], limit_alphabet=200, show_progress=False)
    tokenizer.train_from_iterator(lines(data), trainer)
    pieces = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    names = list(specials) + [piece for piece, _ in pieces if piece not in specials]
    return {piece: i for i, piece in enumerate(names)}


def bert(data, length, size=600, lowercase=True):
    vocabulary = kept(f"bert-{size}-{lowercase}", lambda: word_piece_vocabulary(data, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], size, lowercase))
    return BertTokenizer(vocab=vocabulary, do_lower_case=lowercase, model_max_length=length)


def mpnet(data, length, size=600):
    # As in microsoft/mpnet-base: BERT pieces behind <s> <pad> </s> <unk>, with [UNK] inside and <mask> last.
    vocabulary = kept(f"mpnet-{size}", lambda: word_piece_vocabulary(data, ["<s>", "<pad>", "</s>", "<unk>", "[UNK]"], size - 1, True))
    vocabulary["<mask>"] = len(vocabulary)
    return MPNetTokenizer(vocab=vocabulary, model_max_length=length)


def byte_level_bpe(data, specials, size):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=specials, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False)
    tokenizer.train_from_iterator(lines(data), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(pair) for pair in model["merges"]]


def roberta(data, length, size=600):
    vocabulary, merges = kept(f"roberta-{size}", lambda: byte_level_bpe(data, ["<s>", "<pad>", "</s>", "<unk>"], size - 1))
    merges = [tuple(pair) for pair in merges]
    vocabulary["<mask>"] = len(vocabulary)
    return RobertaTokenizer(vocab=vocabulary, merges=merges, model_max_length=length)


def modernbert(data, length, size=600):
    # As in ModernBERT: the GPT-NeoX kind of BPE after NFC, special tokens behind the pieces.
    vocabulary, merges = kept(f"modernbert-{size}", lambda: byte_level_bpe(data, [], size - 7))
    merges = [tuple(pair) for pair in merges]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True)
    tokenizer.decoder = decoders.ByteLevel()
    # Runs of blanks are ordinary added tokens there.
    tokenizer.add_tokens([AddedToken("    ", normalized=True), AddedToken("  ", normalized=True)])
    tokenizer.add_special_tokens(["[UNK]", "[CLS]", "[SEP]", "[PAD]", AddedToken("[MASK]", lstrip=True)])
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:0 [SEP]:0", special_tokens=[("[CLS]", cls), ("[SEP]", sep)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=length, cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]", unk_token="[UNK]",
        mask_token=AddedToken("[MASK]", lstrip=True), model_input_names=["input_ids", "attention_mask"])


def unigram(data, size):
    """Pieces with scores and the nmt_nfkc character map of a SentencePiece model trained here."""
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(list(lines(data))), model_writer=out, vocab_size=size, model_type="unigram", character_coverage=0.9999,
        normalization_rule_name="nmt_nfkc", num_threads=1, hard_vocab_limit=False, minloglevel=2)
    from sentencepiece import sentencepiece_model_pb2
    proto = sentencepiece_model_pb2.ModelProto.FromString(out.getvalue())
    pieces = [(p.piece, p.score) for p in proto.pieces if p.type == 1]
    return pieces, proto.normalizer_spec.precompiled_charsmap


def xlm_roberta(data, length, size=700):
    pieces, charsmap = unigram(data, size - 5)
    vocabulary = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)] + pieces + [("<mask>", 0.0)]
    return XLMRobertaTokenizer(vocab=vocabulary, _spm_precompiled_charsmap=charsmap, model_max_length=length, mask_token=AddedToken("<mask>", lstrip=True, special=True))


def camembert(data, length, size=700):
    pieces, charsmap = unigram(data, size - 8)
    vocabulary = [("<s>NOTUSED", 0.0), ("<pad>", 0.0), ("</s>NOTUSED", 0.0), ("<unk>", 0.0), ("<unk>NOTUSED", -100.0), ("<s>", 0.0), ("</s>", 0.0)] + pieces + [("<mask>", 0.0)]
    return CamembertTokenizer(vocab=vocabulary, _spm_precompiled_charsmap=charsmap, model_max_length=length)


def save(tokenizer, folder):
    """Save as the library does, plus the special_tokens_map.json that folders have carried for years."""
    folder = pathlib.Path(folder)
    tokenizer.save_pretrained(folder)
    names = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"]
    found = {n: str(getattr(tokenizer, n)) for n in names if getattr(tokenizer, n, None) is not None}
    (folder / "special_tokens_map.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
