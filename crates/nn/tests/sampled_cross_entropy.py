"""Writes the values that sampled_cross_entropy.rs compares with, in double precision.

The formula is that of TensorFlow's sampled_softmax_loss with its log-uniform sampler: logits of the
target and of the sampled classes, each less the logarithm of its expected count, samples that are
the target taken out, softmax cross entropy. Gradients come from PyTorch.

    python crates/nn/tests/sampled_cross_entropy.py
"""

import math
import pathlib

import torch

ROWS, HIDDEN, CLASSES, TRIES = 12, 10, 50, 23
SAMPLES = [0, 4, 1, 17, 2, 49, 8, 3, 30, 6]


def wave(count, step):
    """The numbers of the test, rounded to single precision as there."""
    values = [math.sin(index * step) for index in range(count)]
    return torch.tensor(values, dtype=torch.float64).float().double()


def expected_count(ids):
    p = torch.log((ids + 2) / (ids + 1)) / math.log(CLASSES + 1)
    return -torch.expm1(TRIES * torch.log1p(-p))


x = wave(ROWS * HIDDEN, 0.37).reshape(ROWS, HIDDEN).requires_grad_()
weight = wave(CLASSES * HIDDEN, 0.71).reshape(CLASSES, HIDDEN).requires_grad_()
bias = wave(CLASSES, 1.3).requires_grad_()
targets = torch.tensor([row * 7 % CLASSES for row in range(ROWS)])
samples = torch.tensor(SAMPLES)

true = (x * weight[targets]).sum(1) + bias[targets] - expected_count(targets.double()).log()
sampled = x @ weight[samples].T + bias[samples] - expected_count(samples.double()).log()
hits = targets[:, None] == samples[None, :]
assert hits.any()
sampled = sampled.masked_fill(hits, float("-inf"))
losses = torch.logsumexp(torch.cat([true[:, None], sampled], 1), 1) - true
losses.mean().backward()

with open(pathlib.Path(__file__).with_suffix(".txt"), "w") as out:
    for values in (losses, x.grad, weight.grad, bias.grad):
        out.write(" ".join(repr(v) for v in values.detach().flatten().tolist()) + "\n")
