"""Goldens of the LSTM: outputs and gradients of nn.LSTM, 2 layers, both directions, without and with `proj_size`.

    pip install -r ../requirements.txt     # torch 2.15.0, safetensors 0.8.0
    python lstm.py                         # writes lstm.safetensors; the same bits each time

Random weights and rows of sequences of several lengths, as a PackedSequence. The reference runs in float64 on weights that
were rounded to float32, and results are rounded to float32, so that what is stored is the function's value. For each of
`plain.` and `projected.`: the parameters under PyTorch's names, `x` and `seed` `[tokens, width]` sequence after sequence,
`y` `[tokens, 2 * outputs]`, and `gradient.NAME` of `sum(y * seed)` by every parameter and by `x`.
"""

import pathlib

import torch
from safetensors.torch import save_file
from torch.nn.utils.rnn import pad_sequence, pack_padded_sequence, pad_packed_sequence

HERE = pathlib.Path(__file__).parent
LENGTHS = [7, 1, 12, 4, 12, 3]
INPUTS, CELLS, LAYERS = 10, 16, 2


def golden(projected, seed):
    generator = torch.Generator().manual_seed(seed)
    model = torch.nn.LSTM(INPUTS, CELLS, LAYERS, bidirectional=True, batch_first=True, proj_size=projected).double()
    for parameter in model.parameters():
        values = torch.rand(parameter.shape, generator=generator, dtype=torch.float32) * 1.6 - 0.8
        parameter.data = values.double()
    outputs = projected or CELLS
    draw = lambda width: torch.randn(sum(LENGTHS), width, generator=generator, dtype=torch.float32)
    x, weight = draw(INPUTS), draw(2 * outputs)
    leaf = x.double().requires_grad_()
    padded = pad_sequence(leaf.split(LENGTHS), batch_first=True)
    packed = pack_padded_sequence(padded, LENGTHS, batch_first=True, enforce_sorted=False)
    y, _ = pad_packed_sequence(model(packed)[0], batch_first=True)
    y = torch.cat([row[:length] for row, length in zip(y, LENGTHS)])
    (y * weight.double()).sum().backward()
    found = {name: parameter.data for name, parameter in model.named_parameters()}
    found |= {f"gradient.{name}": parameter.grad for name, parameter in model.named_parameters()}
    found |= {"x": x, "seed": weight, "y": y.detach(), "gradient.x": leaf.grad}
    return {name: value.float().contiguous() for name, value in found.items()}


def main():
    torch.set_num_threads(1)
    made = {f"plain.{name}": value for name, value in golden(0, 11).items()}
    made |= {f"projected.{name}": value for name, value in golden(6, 12).items()}
    made["lengths"] = torch.tensor(LENGTHS, dtype=torch.int32)
    save_file(made, HERE / "lstm.safetensors")


if __name__ == "__main__":
    main()
