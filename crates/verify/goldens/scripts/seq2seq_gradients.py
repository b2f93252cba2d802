"""Gradients of tiny encoder-decoders, by transformers and PyTorch in float64.

python seq2seq_gradients.py          writes ../seq2seq/NAME/gradients.safetensors for the models below

The loss is the sum over all pairs of the folder of the label-smoothed cross entropy (0.1) of the target's tokens,
teacher forced, each pair on its own. Gradients are stored in float32 under the checkpoint's own names, and `loss` [1].
Packages: ../requirements.txt
"""

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, MarianMTModel, T5ForConditionalGeneration

FOLDER = Path(__file__).resolve().parent.parent / "seq2seq"
MODELS = {"marian_relu": MarianMTModel, "t5_gated": T5ForConditionalGeneration}
SMOOTHING = 0.1


def main():
    for name, kind in MODELS.items():
        folder = FOLDER / name
        config = AutoConfig.from_pretrained(folder)
        model = kind.from_pretrained(folder, config=config, attn_implementation="eager").double().eval()
        expected = load_file(folder / "expected.safetensors")
        count = sum(key.startswith("source.") for key in expected)
        start = model.config.decoder_start_token_id
        total = 0
        for i in range(count):
            source, target = (expected[f"{side}.{i}"].long()[None] for side in ("source", "target"))
            read = torch.cat([torch.tensor([[start]]), target[:, :-1]], 1)
            logits = model(input_ids=source, decoder_input_ids=read, use_cache=False).logits
            total = total + torch.nn.functional.cross_entropy(
                logits[0], target[0], reduction="sum", label_smoothing=SMOOTHING)
        total.backward()
        with safe_open(folder / "model.safetensors", "pt") as file:
            names = set(file.keys())
        gradients = {key: value.grad.float().contiguous() for key, value in model.named_parameters()
                     if key in names and value.grad is not None}
        gradients["loss"] = total.detach().float().reshape(1)
        save_file(gradients, folder / "gradients.safetensors")
        print(name, float(total), len(gradients), sorted(names - set(gradients)))


if __name__ == "__main__":
    main()
