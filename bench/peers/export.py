"""The model in the form each peer runs fastest, made once for each model folder and kept in a work folder.

    python bench/peers/export.py --model FOLDER --work FOLDER

ONNX Runtime gets the graph that its transformer optimizer aims at (EmbedLayerNormalization, Attention, SkipLayerNormalization,
BiasGelu), written out node by node because the optimizer does not recognise what today's exporters emit; OpenVINO gets
a conversion of a plain PyTorch module; CTranslate2 uses its own converter. Mean pooling and unit length are inside the first
two graphs. The mean needs no division: unit length follows.
"""

import argparse
import hashlib
import json
import pathlib
import shutil

import numpy

LINEAR = ("attention.self.query", "attention.self.key", "attention.self.value")


def weights(model):
    from safetensors.numpy import load_file

    tensors = load_file(str(model / "model.safetensors"))
    return {name.removeprefix("bert."): numpy.ascontiguousarray(t, numpy.float32) for name, t in tensors.items() if t.dtype.kind == "f"}


def settings(model):
    config = json.loads((model / "config.json").read_text())
    if config["model_type"] != "bert" or config["hidden_act"] != "gelu":
        raise SystemExit(f"{model}: the peers are set up for BERT with gelu, not for {config['model_type']}/{config['hidden_act']}")
    return config


# --- ONNX Runtime


class Graph:
    """Collects nodes and initializers; `add` returns the name of the first output."""

    def __init__(self):
        self.nodes, self.constants, self.count = [], {}, 0

    def keep(self, name, array):
        self.constants[name] = array
        return name

    def add(self, op, inputs, outputs=1, domain="", **attributes):
        from onnx import helper

        names = [f"{op}_{self.count}_{i}" for i in range(outputs)]
        self.count += 1
        self.nodes.append(helper.make_node(op, inputs, names, name=names[0], domain=domain, **attributes))
        return names[0] if outputs == 1 else names


def fused_layer(graph, tensors, config, layer, hidden, mask_index, flash):
    ms, eps = "com.microsoft", config["layer_norm_eps"]
    at = f"encoder.layer.{layer}."

    def keep(name, transpose=False):
        array = tensors[at + name]
        return graph.keep(at + name, numpy.ascontiguousarray(array.T) if transpose else array)

    bias = graph.keep(at + "qkv.bias", numpy.concatenate([tensors[f"{at}{n}.bias"] for n in LINEAR]))
    if flash:
        q, k, v = (graph.add("MatMul", [hidden, keep(n + ".weight", True)]) for n in LINEAR)
        mixed = graph.add("MultiHeadAttention", [q, k, v, bias], domain=ms, num_heads=config["num_attention_heads"])
    else:
        packed = numpy.ascontiguousarray(numpy.concatenate([tensors[f"{at}{n}.weight"] for n in LINEAR]).T)
        weight = graph.keep(at + "qkv.weight", packed)
        mixed = graph.add("Attention", [hidden, weight, bias, mask_index], domain=ms, num_heads=config["num_attention_heads"])
    for step, entry in (("attention.output", mixed), ("output", None)):
        if entry is None:
            inner = graph.add("MatMul", [hidden, keep("intermediate.dense.weight", True)])
            entry = graph.add("BiasGelu", [inner, keep("intermediate.dense.bias")], domain=ms)
        out = graph.add("MatMul", [entry, keep(step + ".dense.weight", True)])
        norm = [keep(step + ".LayerNorm.weight"), keep(step + ".LayerNorm.bias"), keep(step + ".dense.bias")]
        hidden = graph.add("SkipLayerNormalization", [out, hidden, *norm], domain=ms, epsilon=eps)
    return hidden


def fused_onnx(model, path, flash):
    """`flash`: the unmasked variant for batches without padding, whose attention ONNX Runtime runs tile by tile."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    config, tensors, graph = settings(model), weights(model), Graph()
    positions = tensors["embeddings.position_embeddings.weight"] + tensors["embeddings.token_type_embeddings.weight"][0]
    hidden, mask_index = graph.add(
        "EmbedLayerNormalization",
        ["ids", "", graph.keep("words", tensors["embeddings.word_embeddings.weight"]), graph.keep("positions", positions), "",
         graph.keep("scale", tensors["embeddings.LayerNorm.weight"]), graph.keep("shift", tensors["embeddings.LayerNorm.bias"]), "mask"],
        outputs=2, domain="com.microsoft", epsilon=config["layer_norm_eps"],
    )
    for layer in range(config["num_hidden_layers"]):
        hidden = fused_layer(graph, tensors, config, layer, hidden, mask_index, flash)
    share = graph.add("Cast", ["mask"], to=TensorProto.FLOAT)
    row = graph.add("Unsqueeze", [share, graph.keep("axis_one", numpy.array([1], numpy.int64))])
    total = graph.add("Squeeze", [graph.add("MatMul", [row, hidden]), "axis_one"])
    graph.nodes.append(helper.make_node("LpNormalization", [total], ["vectors"], axis=-1, p=2))
    body = helper.make_graph(
        graph.nodes, "encoder",
        [helper.make_tensor_value_info(n, TensorProto.INT32, ["batch", "length"]) for n in ("ids", "mask")],
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["batch", config["hidden_size"]])],
        [numpy_helper.from_array(a, n) for n, a in graph.constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(body, opset_imports=opsets, ir_version=8), str(path))


# --- OpenVINO


def plain_module(model, sdpa):
    import torch
    from torch.nn import functional as F

    config = settings(model)
    tensors = {n: torch.from_numpy(t) for n, t in weights(model).items()}
    heads, eps = config["num_attention_heads"], config["layer_norm_eps"]
    width = config["hidden_size"] // heads

    class Encoder(torch.nn.Module):
        def linear(self, x, name):
            return F.linear(x, tensors[name + ".weight"], tensors[name + ".bias"])

        def norm(self, x, name):
            return F.layer_norm(x, (x.shape[-1],), tensors[name + ".weight"], tensors[name + ".bias"], eps)

        def attention(self, x, bias, at):
            batch, length = x.shape[0], x.shape[1]
            q, k, v = (self.linear(x, at + n).view(batch, length, heads, width).transpose(1, 2) for n in LINEAR)
            if sdpa:
                mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
            else:
                mixed = torch.softmax(q @ k.transpose(2, 3) * width**-0.5 + bias, dim=-1) @ v
            return mixed.transpose(1, 2).reshape(batch, length, heads * width)

        def forward(self, ids, mask):
            share = mask.to(torch.float32)
            bias = ((1.0 - share) * -1e9)[:, None, None, :]
            places = torch.arange(ids.shape[1])
            rows = F.embedding(ids, tensors["embeddings.word_embeddings.weight"])
            rows = rows + F.embedding(places, tensors["embeddings.position_embeddings.weight"])
            x = self.norm(rows + tensors["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
            for layer in range(config["num_hidden_layers"]):
                at = f"encoder.layer.{layer}."
                x = self.norm(self.linear(self.attention(x, bias, at), at + "attention.output.dense") + x, at + "attention.output.LayerNorm")
                inner = F.gelu(self.linear(x, at + "intermediate.dense"))
                x = self.norm(self.linear(inner, at + "output.dense") + x, at + "output.LayerNorm")
            return F.normalize((x * share[:, :, None]).sum(1), dim=-1)

    return Encoder().eval()


def openvino_ir(model, path, sdpa):
    import openvino
    import torch

    ids = torch.ones((2, 9), dtype=torch.int32)
    with torch.no_grad():
        converted = openvino.convert_model(plain_module(model, sdpa), example_input=(ids, torch.ones_like(ids)), input=[openvino.PartialShape([-1, -1])] * 2)
    openvino.save_model(converted, str(path), compress_to_fp16=False)


# --- int8

CALIBRATION_TEXTS = 300


def calibration_ids(model):
    """Texts of the sets that are measured, so that nobody can say that calibration met other texts."""
    import gzip

    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    texts = []
    for name in ("short", "mixed"):
        with gzip.open(pathlib.Path(__file__).parent.parent / "sets" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
            own = [json.loads(line) for line in file]
        texts += own[:: max(1, 2 * len(own) // CALIBRATION_TEXTS)]
    return [numpy.array([e.ids], numpy.int32) for e in tokenizer.encode_batch(texts)]


def openvino_static(model, path):
    """NNCF's post-training quantisation for transformers (with SmoothQuant), in its mixed preset."""
    import nncf
    import openvino

    plain = path.with_name("plain.xml")
    openvino_ir(model, plain, sdpa=True)
    texts = nncf.Dataset(calibration_ids(model), lambda ids: (ids, numpy.ones_like(ids)))
    made = nncf.quantize(
        openvino.Core().read_model(str(plain)), texts, model_type=nncf.ModelType.TRANSFORMER,
        preset=nncf.QuantizationPreset.MIXED, subset_size=CALIBRATION_TEXTS,
    )
    openvino.save_model(made, str(path), compress_to_fp16=False)


def openvino_weights(model, path):
    import nncf
    import openvino

    plain = path.with_name("plain.xml")
    openvino_ir(model, plain, sdpa=True)
    made = nncf.compress_weights(openvino.Core().read_model(str(plain)), mode=nncf.CompressWeightsMode.INT8_SYM)
    openvino.save_model(made, str(path), compress_to_fp16=False)


def onnx_dynamic(model, path, flash):
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    plain = path.with_name("plain.onnx")
    fused_onnx(model, plain, flash)
    # the types of fused operators' outputs are not inferred: all of them are float
    extra = {"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT}
    quantize_dynamic(str(plain), str(path), per_channel=True, reduce_range=False, weight_type=QuantType.QInt8, extra_options=extra)
    plain.unlink()


# --- CTranslate2


def ctranslate2_folder(model, path):
    from ctranslate2.converters import TransformersConverter

    TransformersConverter(str(model)).convert(str(path), quantization="float32", force=True)


FORMS = {
    "fused.onnx": lambda m, p: fused_onnx(m, p, flash=False),
    "flash.onnx": lambda m, p: fused_onnx(m, p, flash=True),
    "sdpa.xml": lambda m, p: openvino_ir(m, p, sdpa=True),
    "matmul.xml": lambda m, p: openvino_ir(m, p, sdpa=False),
    "int8-static.xml": openvino_static,
    "int8-weights.xml": openvino_weights,
    "fused-int8.onnx": lambda m, p: onnx_dynamic(m, p, flash=False),
    "flash-int8.onnx": lambda m, p: onnx_dynamic(m, p, flash=True),
    "ctranslate2": ctranslate2_folder,
}


def form(model, work, name):
    """The path of one form, made if it is not there yet."""
    model = pathlib.Path(model).resolve()
    facts = f"{model} {(model / 'model.safetensors').stat().st_size}"
    folder = pathlib.Path(work) / hashlib.sha256(facts.encode()).hexdigest()[:8]
    path = folder / name
    if not path.exists():
        # made beside its place, so that an interrupted run leaves no half model under the final name
        making = folder / "making"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        FORMS[name](model, making / name)
        for part in making.iterdir():
            part.rename(folder / part.name)
        making.rmdir()
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--work", required=True)
    args = parser.parse_args()
    for name in FORMS:
        print(form(args.model, args.work, name))


if __name__ == "__main__":
    main()
