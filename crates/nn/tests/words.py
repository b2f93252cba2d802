"""Writes the values that words.rs compares with, in double precision: ELMo's way from characters to
a mix of layers, its output and its gradients by every parameter, from PyTorch.

    python crates/nn/tests/words.py
"""

import math
import pathlib

import torch

ENTRIES, DIM, MOST, PADDING = 30, 4, 10, 29
FILTERS = [(1, 3), (2, 4), (3, 5)]
WIDTH = 12
WORDS = [[1, 2, 3], [4, 5, 6, 7, 8, 9, 10, 11, 12, 13], [], [14, 1, 14], [3, 29, 2, 1], [20] * 9]


def wave(*shape, step):
    """The numbers of the test, rounded to single precision as there."""
    values = [math.sin(index * step) for index in range(math.prod(shape))]
    values = torch.tensor(values, dtype=torch.float64).float().double()
    return values.reshape(shape).requires_grad_()


params = [wave(ENTRIES, DIM, step=0.9)]
for index, (width, count) in enumerate(FILTERS):
    params += [wave(count, width * DIM, step=0.71 + index), wave(count, step=1.3 + index)]
for index in range(4):
    params += [wave(WIDTH, WIDTH, step=0.53 + index), wave(WIDTH, step=2.1 + index)]
params += [wave(3, step=0.7), wave(1, step=0.0)]
with torch.no_grad():
    params[-1] += 1.5
table, *rest = params
filters, rest = rest[: 2 * len(FILTERS)], rest[2 * len(FILTERS) :]
(t0, tb0, g0, gb0, t1, tb1, g1, gb1), (mix, scale) = rest[:8], rest[8:]

ids = torch.tensor([word + [PADDING] * (MOST - len(word)) for word in WORDS])
embedded = table[ids].transpose(1, 2)
parts = []
for (width, count), weight, bias in zip(FILTERS, filters[::2], filters[1::2]):
    kernel = weight.reshape(count, width, DIM).transpose(1, 2)
    found = torch.nn.functional.conv1d(embedded, kernel, bias)
    parts.append(torch.relu(found.max(-1).values))
layers = [torch.cat(parts, -1)]
for t, tb, g, gb in [(t0, tb0, g0, gb0), (t1, tb1, g1, gb1)]:
    x = layers[-1]
    gate = torch.sigmoid(x @ g.T + gb)
    layers.append(gate * torch.relu(x @ t.T + tb) + (1 - gate) * x)
y = scale * sum(share * layer for share, layer in zip(torch.softmax(mix, 0), layers))
part = y[:, 3:10]
(part * wave(*part.shape, step=0.37).detach()).sum().backward()

with open(pathlib.Path(__file__).with_suffix(".txt"), "w") as out:
    for values in (part, *(param.grad for param in params)):
        out.write(" ".join(f"{v:.9g}" for v in values.detach().flatten().tolist()) + "\n")
