"""Write families/<name>/: tiny random checkpoints of every supported family with what the reference computes.

    python families.py --data DATA --out ..

See ../README.md for the meaning of each tensor in expected.safetensors.
"""
import argparse
import copy
import json
import pathlib
import shutil
import tempfile

import numpy as np
import torch
import transformers
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from tokenizers import Tokenizer
from transformers import AutoModel, AutoTokenizer

import tiny_tokenizers
from jina_reference import JinaReference
from family_specs import NOMIC_LEGACY, SPECS, TEXTS

FLAGS = {"cls": "cls_token", "max": "max_tokens", "mean": "mean_tokens", "mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
         "weightedmean": "weightedmean_tokens", "lasttoken": "lasttoken"}


def draw(name, shape, is_norm, generator, std):
    """Larger than a usual initialisation, no zero and no one anywhere, so that a fault is visible."""
    noise = torch.randn(shape, generator=generator)
    if is_norm:
        return 1 + 0.2 * noise if name.endswith("weight") else 0.1 * noise
    if len(shape) == 1:
        return 0.1 * noise
    return (0.5 if "embeddings" in name else std) * noise


def randomise(model, seed, std):
    generator = torch.Generator().manual_seed(seed)
    norms = {id(p) for m in model.modules() if isinstance(m, torch.nn.LayerNorm) for p in m.parameters()}
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(draw(name, p.shape, id(p) in norms, generator, std))


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def save_plain(spec, folder, data):
    """The folder as transformers itself writes it."""
    tokenizer = getattr(tiny_tokenizers, spec["tokenizer"])(data, spec["length"])
    folder.mkdir(parents=True)
    if spec["model"] == "jina":
        config = dict(spec["config"], vocab_size=len(tokenizer))
        generator = torch.Generator().manual_seed(spec["seed"])
        weights = {n: draw(n, s, "norm" in n.lower(), generator, spec["std"]) for n, s in JinaReference.shapes(config)}
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        write_json(folder / "config.json", config)
    else:
        config = getattr(transformers, spec["model"] + "Config")(vocab_size=len(tokenizer), **spec["config"])
        model = getattr(transformers, spec.get("class", spec["model"] + "Model"))(config)
        randomise(model, spec["seed"], spec["std"])
        model.to(spec.get("dtype", torch.float32)).save_pretrained(folder, max_shard_size=spec.get("shard", "50GB"))
    if spec.get("unlimited_tokenizer"):
        tokenizer.model_max_length = int(1e30)
    tiny_tokenizers.save(tokenizer, folder)


def rewrite_config(spec, folder):
    """Older spellings of config.json and of the weight names."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    if spec.get("config_keys") == "modernbert-old":
        rope = config.pop("rope_parameters")
        config.pop("layer_types")
        config.update(global_attn_every_n_layers=3, global_rope_theta=rope["full_attention"]["rope_theta"],
                      local_rope_theta=rope["sliding_attention"]["rope_theta"], transformers_version="4.48.0")
        write_json(path, config)
    if spec.get("config_keys") == "nomic-legacy":
        write_json(path, dict(NOMIC_LEGACY, **{old: config[new] for old, new in {
            "n_embd": "hidden_size", "n_layer": "num_hidden_layers", "n_head": "num_attention_heads", "n_inner": "intermediate_size",
            "n_positions": "max_position_embeddings", "layer_norm_epsilon": "layer_norm_eps", "vocab_size": "vocab_size",
            "type_vocab_size": "type_vocab_size"}.items()}, rotary_emb_base=config["rope_parameters"]["rope_theta"]))
    if spec.get("old_names"):
        weights = load_file(folder / "model.safetensors")
        old = {"bert." + k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): v for k, v in weights.items()}
        old["bert.embeddings.position_ids"] = torch.arange(config["max_position_embeddings"])[None]
        old["cls.predictions.bias"] = torch.zeros(config["vocab_size"])
        save_file(old, folder / "model.safetensors", metadata={"format": "pt"})


def dense_module(spec, width):
    dense = Dense(width, spec["dense"]["out"], bias=spec["dense"]["bias"], activation_function=getattr(torch.nn, spec["dense"]["activation"])())
    generator = torch.Generator().manual_seed(spec["seed"] + 1000)
    with torch.no_grad():
        for name, p in dense.named_parameters():
            p.copy_(draw(name, p.shape, False, generator, spec["std"]))
    return dense


def layout_old(spec, folder, width):
    """sentence-transformers as it was written before 5.4."""
    modes = spec["pooling"]
    kinds = [("Transformer", ""), ("Pooling", "1_Pooling")]
    write_json(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": width} | {
        f"pooling_mode_{flag}": mode in modes for mode, flag in FLAGS.items()} | {"include_prompt": True})
    if "dense" in spec:
        dense = dense_module(spec, width * len(modes))
        kinds.append(("Dense", "2_Dense"))
        write_json(folder / "2_Dense" / "config.json", {
            "in_features": width * len(modes), "out_features": spec["dense"]["out"], "bias": spec["dense"]["bias"],
            "activation_function": f"torch.nn.modules.activation.{spec['dense']['activation']}"})
        save_file({k: v.detach() for k, v in dense.named_parameters()}, folder / "2_Dense" / "model.safetensors", metadata={"format": "pt"})
    if spec.get("normalize"):
        kinds.append(("Normalize", f"{len(kinds)}_Normalize"))
    write_json(folder / "modules.json", [{"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"} for i, (kind, path) in enumerate(kinds)])
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": spec["max_seq_length"], "do_lower_case": False})
    write_json(folder / "config_sentence_transformers.json", {"__version__": {"sentence_transformers": "2.7.0", "transformers": "4.41.0", "pytorch": "2.3.0"}, "prompts": {}, "default_prompt_name": None})


def layout_new(spec, folder, width):
    """sentence-transformers as the installed version writes it."""
    with tempfile.TemporaryDirectory() as scratch:
        plain = pathlib.Path(scratch) / "plain"
        shutil.move(folder, plain)
        modes = spec["pooling"]
        modules = [Transformer(str(plain)), Pooling(width, pooling_mode=modes[0] if len(modes) == 1 else modes, include_prompt="prompts" not in spec)]
        if "dense" in spec:
            modules.append(dense_module(spec, width * len(modes)))
        if spec.get("normalize"):
            modules.append(Normalize())
        model = SentenceTransformer(modules=modules, device="cpu", prompts=spec.get("prompts"))
        model.save(str(folder), create_model_card=False)
        shutil.copy(plain / "special_tokens_map.json", folder)


def reference_states(spec, folder):
    """A function from ids and mask to (raw hidden states, last hidden state), and its float64 twin."""
    if spec["model"] == "jina":
        def twin(model):
            def run(ids, mask):
                states = model(ids, mask)
                return states, states[-1]
            return run
        model = JinaReference.open(folder)
        return twin(model), twin(copy.deepcopy(model).double())
    if spec.get("config_keys") == "nomic-legacy":
        # The library ignores the legacy keys, so the reference is opened with the same values under today's keys.
        config = transformers.NomicBertConfig(vocab_size=json.loads((folder / "config.json").read_text())["vocab_size"], **spec["config"])
        model, report = AutoModel.from_pretrained(folder, config=config, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    else:
        model, report = AutoModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    missing = [k for k in report["missing_keys"] if not k.startswith("pooler.")]
    assert not missing and not report["mismatched_keys"], report

    def twin(model):
        blocks = next(m for m in model.modules() if isinstance(m, torch.nn.ModuleList) and len(m) == spec["layers"])

        @torch.no_grad()
        def run(ids, mask):
            raw = []
            keep = lambda _m, _args, out: raw.append(out if isinstance(out, torch.Tensor) else out[0])
            hooks = [block.register_forward_hook(keep) for block in blocks]
            out = model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
            for hook in hooks:
                hook.remove()
            states = [out.hidden_states[0]] + raw
            assert len(states) == spec["layers"] + 1 == len(out.hidden_states)
            assert all(torch.equal(a, b) for a, b in zip(states[:-1], out.hidden_states[:-1]))
            assert torch.equal(out.hidden_states[-1], out.last_hidden_state)
            return states, out.last_hidden_state
        return run
    return twin(model.eval()), twin(copy.deepcopy(model).double().eval())


def sentence_encoder(spec, folder, states):
    """A function from one text to its sentence vector by sentence-transformers."""
    if spec["model"] == "jina" or spec.get("config_keys") == "nomic-legacy":
        # Pooling by the library's own class over the reference's states.
        pooling = Pooling(spec["width"], pooling_mode=spec["pooling"][0])

        def encode(text, ids, prompt=None):
            mask = torch.ones_like(ids)
            pooled = pooling({"token_embeddings": states(ids, mask)[1], "attention_mask": mask})["sentence_embedding"]
            return (torch.nn.functional.normalize(pooled, dim=-1) if spec.get("normalize") else pooled)[0].numpy()
        return encode, None
    model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"attn_implementation": "eager", "dtype": torch.float32})
    pooling = next(m for m in model if isinstance(m, Pooling))
    wanted = spec["pooling"][0] if len(spec["pooling"]) == 1 else tuple(spec["pooling"])
    assert pooling.pooling_mode == wanted, (pooling.pooling_mode, wanted)
    return lambda text, ids, prompt=None: model.encode(text, prompt_name=prompt, show_progress_bar=False), model.max_seq_length


def expected(spec, folder):
    texts = TEXTS[: spec.get("texts", len(TEXTS))]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    bare = Tokenizer.from_file(str(folder / "tokenizer.json"))
    bare.no_padding()
    bare.enable_truncation(spec["max_seq_length"])
    states, double = reference_states(spec, folder)
    encode, limit = sentence_encoder(spec, folder, states)
    assert limit in (None, spec["max_seq_length"]), limit
    out, noise, rows = {}, 0.0, []
    for i, text in enumerate(texts):
        ids = tokenizer(text, truncation=True, max_length=spec["max_seq_length"])["input_ids"]
        assert ids == bare.encode(text).ids, (spec["name"], text)
        rows.append(ids)
        row = torch.tensor([ids])
        hidden, last = states(row, torch.ones_like(row))
        exact, exact_last = double(row, torch.ones_like(row))
        noise = max([noise] + [(a.double() - b).abs().max().item() for a, b in zip(hidden + [last], exact + [exact_last])])
        out[f"ids.{i}"] = row[0].to(torch.int32)
        out[f"hidden.{i}"] = torch.cat(hidden)
        out[f"last.{i}"] = last[0]
        out[f"sentence.{i}"] = torch.from_numpy(np.asarray(encode(text, row), dtype=np.float32))
        for prompt in spec.get("prompts", {}):
            out[f"prompt.{prompt}.{i}"] = torch.from_numpy(encode(text, row, prompt))
    together = padded_difference(states, rows, out, tokenizer.pad_token_id)
    if spec["model"] == "MPNet":
        at = torch.arange(-200, 201)[None]
        from transformers.models.mpnet.modeling_mpnet import MPNetEncoder
        out["buckets.-200..200"] = MPNetEncoder.relative_position_bucket(at, num_buckets=32)[0].to(torch.int32)
    save_file({k: v.contiguous() for k, v in out.items()}, folder / "expected.safetensors")
    write_json(folder / "texts.json", {"texts": texts, "max_length": spec["max_seq_length"], "pooling": spec["pooling"], "normalize": bool(spec.get("normalize")),
                                       "dense": spec.get("dense"), "prompts": spec.get("prompts", {}), "layout": spec["layout"]})
    scale = max(v.abs().max().item() for k, v in out.items() if k.startswith("hidden"))
    print(f"{spec['name']:22} tokens {[len(r) for r in rows]} largest |hidden| {scale:.1f} f32 vs f64 {noise:.1e} padded vs alone {together:.1e}")
    assert noise < 1e-5 and together < 1e-5


def padded_difference(states, rows, out, pad):
    """All texts in one padded batch, compared with each text alone."""
    longest = max(len(r) for r in rows)
    ids = torch.tensor([r + [pad] * (longest - len(r)) for r in rows])
    mask = torch.tensor([[1] * len(r) + [0] * (longest - len(r)) for r in rows])
    hidden, last = states(ids, mask)
    return max((state[i, : len(r)] - want).abs().max().item() for i, r in enumerate(rows)
               for state, want in zip(hidden + [last], list(out[f"hidden.{i}"]) + [out[f"last.{i}"]]))


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
        folder = args.out / "families" / spec["name"]
        shutil.rmtree(folder, ignore_errors=True)
        save_plain(spec, folder, args.data)
        {"old": layout_old, "new": layout_new, "none": lambda *_: None}[spec["layout"]](spec, folder, spec["width"])
        rewrite_config(spec, folder)
        expected(spec, folder)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
