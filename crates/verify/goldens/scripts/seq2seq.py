"""Write seq2seq/<name>/: tiny encoder-decoders of Marian and T5 with what transformers computes from them.

    python seq2seq.py --data DATA --out ..

See ../seq2seq/README.md for the files, the tensors and the conventions, which this script asserts.
"""
import argparse
import copy
import json
import pathlib
import shutil

import sentencepiece
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, GenerationConfig

import seq2seq_reference as reference
import tiny_sentencepiece

# English and French of Tatoeba; the first is short, the third longer than any distance that T5's buckets tell apart.
PAIRS = [
    ("I won!", "J'ai gagné !"),
    ("Where is the station?", "Où est la gare ?"),
    ("I don't know what you mean, but Tom can help.", "Je ne sais pas ce que vous dites, mais Tom peut."),
    ("She’s ½ asleep… £5.", "Elle dort à moitié… ŵ."),
]
MAX_LENGTH = 24
STEPS = 150
MARIAN = {"encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 4,
          "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "max_position_embeddings": 96, "dropout": 0.1}
T5 = {"d_model": 16, "num_heads": 4, "num_layers": 2, "relative_attention_num_buckets": 8, "relative_attention_max_distance": 20,
      "decoder_start_token_id": 0}
SPECS = [
    {"name": "marian", "seed": 6, "std": 0.15, "rules": True,
     "config": MARIAN | {"d_model": 16, "activation_function": "swish", "scale_embedding": True}},
    {"name": "marian_relu", "seed": 8, "std": 0.15, "code": ">>fra<<",
     "config": MARIAN | {"d_model": 24, "activation_function": "relu", "scale_embedding": False, "decoder_layers": 1, "decoder_ffn_dim": 40}},
    {"name": "marian_apart", "seed": 9, "std": 0.15, "apart": True,
     "config": MARIAN | {"d_model": 16, "activation_function": "gelu", "scale_embedding": True, "share_encoder_decoder_embeddings": False}},
    {"name": "t5_relu", "seed": 8, "std": 0.2,
     "config": T5 | {"d_kv": 4, "d_ff": 48, "feed_forward_proj": "relu"}},
    {"name": "t5_gated", "seed": 6, "std": 0.15, "steps": 50, "untied": True, "tokenizer_json": True,
     "config": T5 | {"d_kv": 6, "d_ff": 24, "num_decoder_layers": 3, "feed_forward_proj": "gated-gelu"}},
]


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def randomise(model, seed, std):
    """Larger than a usual initialisation, no zero and no one anywhere, so that a fault is visible."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "embed_positions" in name:
                continue
            noise = torch.randn(p.shape, generator=generator)
            norm = "norm" in name.lower()
            if norm and name.endswith("weight"):
                p.copy_(1 + 0.2 * noise)
            elif p.dim() == 1:
                p.copy_(0.1 * noise)
            else:
                p.copy_((1.0 if "relative" in name else 0.25 if "embed" in name or "shared" in name else std) * noise)


def train(model, tokenizer, data, spec, count=40):
    """A few steps on a few pairs: a model that is random alone says one word again and again, whatever the source."""
    lines = (data / "mt" / "tatoeba-dev.en-fr.tsv").read_text(encoding="utf-8").splitlines()
    pairs = PAIRS + [tuple(line.split("\t")[:2]) for line in lines[300 : len(lines) : len(lines) // count]]
    feed = tokenizer([spec.get("code", "") + source for source, _ in pairs], return_tensors="pt", padding=True)
    labels = tokenizer(text_target=[target for _, target in pairs], return_tensors="pt", padding=True)["input_ids"]
    labels[labels == tokenizer.pad_token_id] = -100
    optimiser = torch.optim.Adam(model.parameters(), lr=4e-3)
    model.eval()
    for _ in range(spec.get("steps", STEPS)):
        optimiser.zero_grad()
        logits = model(**feed, labels=labels).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
        loss.backward()
        optimiser.step()
    print(spec["name"], f"loss {loss.item():.2f}")


def marian_vocabulary(lists, code=None):
    """`</s>`, `<unk>`, the pieces of both models less a few, `<pad>` last, as conversions of published models have it."""
    names = list(dict.fromkeys(piece for pieces in lists for piece in pieces[3:]))
    names = [name for i, name in enumerate(names) if i % 23 != 7]
    return {name: i for i, name in enumerate(["</s>", "<unk>", *([code] if code else []), *names, "<pad>"])}


def marian_tokenizer(spec, folder, data):
    models = {side: tiny_sentencepiece.train(tiny_sentencepiece.sentences(data, language), size, rules=spec.get("rules", False))
              for side, language, size in (("source", "en", 90), ("target", "fr", 100))}
    for side, model in models.items():
        (folder / f"{side}.spm").write_bytes(model)
    source, target = (tiny_sentencepiece.pieces(model) for model in models.values())
    if spec.get("apart"):
        # The ids with a role must be the same on both sides, so `<pad>` is not last here.
        specials = ["</s>", "<unk>", "<pad>"]
        write_json(folder / "vocab.json", {name: i for i, name in enumerate(specials + source[3:])})
        write_json(folder / "target_vocab.json", {name: i for i, name in enumerate(specials + target[3:])})
    else:
        write_json(folder / "vocab.json", marian_vocabulary([source, target], spec.get("code")))
    names = {"source_spm": "source.spm", "target_spm": "target.spm", "vocab": "vocab.json"} | (
        {"target_vocab_file": "target_vocab.json", "separate_vocabs": True} if spec.get("apart") else {})
    files = {key: str(folder / value) if isinstance(value, str) else value for key, value in names.items()}
    tokenizer = transformers.MarianTokenizer(**files, source_lang="en", target_lang="fr", model_max_length=96)
    tokenizer.save_pretrained(folder)
    return tokenizer


def marian(spec, folder, data):
    tokenizer = marian_tokenizer(spec, folder, data)
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    pad = vocabulary["<pad>"]
    sizes = {"vocab_size": len(vocabulary)}
    if spec.get("apart"):
        sizes["decoder_vocab_size"] = len(json.loads((folder / "target_vocab.json").read_text(encoding="utf-8")))
    config = transformers.MarianConfig(**sizes, **spec["config"], pad_token_id=pad, decoder_start_token_id=pad, eos_token_id=0, forced_eos_token_id=0)
    model = transformers.MarianMTModel(config)
    randomise(model, spec["seed"], spec["std"])
    generator = torch.Generator().manual_seed(spec["seed"] + 100)
    bias = torch.randn(model.final_logits_bias.shape, generator=generator)
    model.final_logits_bias.copy_(bias)
    train(model, tokenizer, data, spec)
    # The pad would win often, were it not suppressed.
    model.final_logits_bias[0, pad] += 8
    model.generation_config = GenerationConfig(bad_words_ids=[[pad]], decoder_start_token_id=pad, eos_token_id=0, forced_eos_token_id=0,
                                               pad_token_id=pad, max_length=96, num_beams=4)
    model.save_pretrained(folder)


def t5(spec, folder, data):
    lines = tiny_sentencepiece.sentences(data, "en") + tiny_sentencepiece.sentences(data, "fr")
    (folder / "spiece.model").write_bytes(tiny_sentencepiece.train(lines, 116, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, rules=True))
    tokenizer = transformers.T5Tokenizer.from_pretrained(folder, extra_ids=6, model_max_length=96)
    tokenizer.save_pretrained(folder)
    if not spec.get("tokenizer_json"):
        (folder / "tokenizer.json").unlink()
    # More rows than the tokenizer has ids, as in every published T5.
    config = transformers.T5Config(vocab_size=128, tie_word_embeddings="untied" not in spec, **spec["config"])
    assert len(tokenizer) == 122, len(tokenizer)
    model = transformers.T5ForConditionalGeneration(config)
    if spec.get("untied"):
        model.lm_head.weight = torch.nn.Parameter(torch.empty(128, 16))
    randomise(model, spec["seed"], spec["std"])
    train(model, tokenizer, data, spec)
    model.generation_config = GenerationConfig(decoder_start_token_id=0, eos_token_id=1, pad_token_id=0)
    model.save_pretrained(folder)
    if spec.get("untied"):
        # As published v1.1 checkpoints have it: transformers 5 writes `tie_word_embeddings: true` and a key of its own.
        config = json.loads((folder / "config.json").read_text())
        config["tie_word_embeddings"] = False
        config.pop("scale_decoder_outputs", None)
        write_json(folder / "config.json", config)
        weights = {name: p.detach().clone() for name, p in model.state_dict().items() if not name.endswith("embed_tokens.weight")}
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def opened(spec, folder):
    model, report = AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    assert not report["mismatched_keys"], report
    model.eval()
    stored = load_file(folder / "model.safetensors")
    if spec.get("untied"):
        assert torch.equal(model.lm_head.weight, stored["lm_head.weight"]) and not torch.equal(model.lm_head.weight, model.shared.weight)
    print(spec["name"], sorted(report["missing_keys"]), len(stored), "tensors")
    return model


def decoder(tokenizer, folder):
    """Without special tokens. This release joins T5's pieces by rules of its own, which leave blanks at the front; where the
    folder has no tokenizer.json, the text is SentencePiece's."""
    if "tokenizer.json" in {path.name for path in folder.iterdir()} or not (folder / "spiece.model").exists():
        return lambda ids: tokenizer.decode(ids, skip_special_tokens=True)
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spiece.model"))
    return lambda ids: processor.decode([i for i in ids if i not in tokenizer.all_special_ids])


def expected(spec, folder):
    tokenizer, model = AutoTokenizer.from_pretrained(folder), opened(spec, folder)
    double = copy.deepcopy(model).double()
    # With a cache this release fails where the decoder has more layers than the encoder.
    settings = {"max_length": MAX_LENGTH, "do_sample": False, "use_cache": "num_decoder_layers" not in spec["config"]}
    tensors, rows, noise, pads = {}, [], 0.0, 0
    decode = decoder(tokenizer, folder)
    for i, (source, target) in enumerate(PAIRS):
        source = spec["code"] + source if "code" in spec else source
        ids, labels = tokenizer(source)["input_ids"], tokenizer(text_target=target)["input_ids"]
        start = model.config.decoder_start_token_id
        feed = {"input_ids": torch.tensor([ids]), "decoder_input_ids": torch.tensor([[start] + labels[:-1]])}
        with torch.no_grad():
            out, exact = model(**feed), double(**feed)
            by_labels = model(input_ids=feed["input_ids"], labels=torch.tensor([labels])).logits
        assert torch.equal(by_labels, out.logits)
        noise = max(noise, (out.logits - exact.logits).abs().max().item(), (out.encoder_last_hidden_state - exact.encoder_last_hidden_state).abs().max().item())
        tensors |= {f"source.{i}": feed["input_ids"][0].int(), f"target.{i}": torch.tensor(labels).int(),
                    f"encoder.{i}": out.encoder_last_hidden_state[0], f"logits.{i}": out.logits[0]}
        row = {"source": source, "target": target}
        greedy = model.generate(feed["input_ids"], num_beams=1, **settings)[0].tolist()
        assert greedy == reference.greedy(model, ids, MAX_LENGTH), i
        row["greedy"] = {"ids": greedy[1:], "text": decode(greedy)}
        pads += reference.pads(model, ids, greedy)
        beams = model.generate(feed["input_ids"], num_beams=4, num_return_sequences=4, length_penalty=1.0, early_stopping=False,
                               output_scores=True, return_dict_in_generate=True, **settings)
        row["beams"] = reference.check_beams(model, ids, MAX_LENGTH, beams)
        for beam in row["beams"]:
            beam["text"] = decode(beam["ids"])
        row["source_text"] = decode(ids)
        row["target_text"] = decode(labels)
        rows.append(row)
    assert pads or "marian" not in spec["name"], "nothing would tell whether the pad is struck out"
    if "marian" not in spec["name"]:
        reference.check_t5(model, load_file(folder / "model.safetensors"), tensors)
        if spec["name"] == "t5_relu":
            tensors |= reference.buckets()
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "expected.safetensors")
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (folder / "expected.json").write_text(f'{{"max_length": {MAX_LENGTH}, "pairs": [\n{lines}\n]}}\n', encoding="utf-8")
    print(f"  f32 vs f64 {noise:.1e}; largest logit {max(t.abs().max().item() for n, t in tensors.items() if 'logits' in n):.1f}")
    for row in rows:
        print("  ", row["greedy"]["ids"], [round(b["score"], 3) for b in row["beams"]], repr(row["greedy"]["text"]))
    assert noise < 1e-5


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--data", type=pathlib.Path, required=True)
    args.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent)
    args.add_argument("--only")
    args = args.parse_args()
    transformers.logging.set_verbosity_error()
    for spec in SPECS:
        if args.only and spec["name"] != args.only:
            continue
        folder = args.out / "seq2seq" / spec["name"]
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (t5 if spec["name"].startswith("t5") else marian)(spec, folder, args.data)
        expected(spec, folder)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
