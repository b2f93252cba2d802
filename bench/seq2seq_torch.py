"""PyTorch's worker for bench/seq2seq_train.py: nn.Transformer on padded batches; JSON lines in, JSON lines out."""

import json
import math
import sys
import time

import torch
from torch import nn


class Translator(nn.Module):
    """The Transformer of the paper, norms before, with sinusoids and one table of words for everything."""

    def __init__(self, sizes):
        super().__init__()
        hidden, self.scale = sizes["hidden"], math.sqrt(sizes["hidden"])
        self.words = nn.Embedding(sizes["vocabulary"], hidden, padding_idx=0)
        self.body = nn.Transformer(
            hidden, sizes["heads"], sizes["layers"], sizes["layers"], sizes["inner"], sizes["dropout"], "relu",
            batch_first=True, norm_first=True,
        )
        place = torch.arange(512)[:, None] * torch.exp(torch.arange(0, hidden, 2) * (-math.log(10000) / hidden))
        self.register_buffer("places", torch.stack([place.sin(), place.cos()], -1).reshape(512, hidden))
        self.dropout = nn.Dropout(sizes["dropout"])

    def embed(self, ids):
        return self.dropout(self.words(ids) * self.scale + self.places[: ids.shape[1]])

    def forward(self, source, target):
        mask = nn.Transformer.generate_square_subsequent_mask(target.shape[1])
        padding = source == 0
        rows = self.body(
            self.embed(source), self.embed(target), tgt_mask=mask, src_key_padding_mask=padding,
            tgt_key_padding_mask=target == 0, memory_key_padding_mask=padding, tgt_is_causal=True,
        )
        return rows @ self.words.weight.T


class Worker:
    def load(self, request):
        torch.manual_seed(1)
        torch.set_num_threads(request["threads"])
        torch.set_flush_denormal(True)
        self.vocabulary = request["sizes"]["vocabulary"]
        self.model = Translator(request["sizes"]).train()
        self.loss = nn.CrossEntropyLoss(label_smoothing=request["smoothing"], ignore_index=0)
        self.optimiser = torch.optim.Adam(self.model.parameters(), 1e-4, (0.9, 0.98), fused=request["options"].get("fused", False))
        return {}

    def version(self, _):
        return {"name": "PyTorch", "version": torch.__version__}

    def pad(self, lengths):
        ids = torch.randint(1, self.vocabulary, (len(lengths), max(lengths)))
        return ids.masked_fill(torch.arange(max(lengths)) >= torch.tensor(lengths)[:, None], 0)

    def step(self, pairs):
        source, target, told = self.pad([a for a, _ in pairs]), self.pad([b for _, b in pairs]), self.pad([b for _, b in pairs])
        self.optimiser.zero_grad(set_to_none=True)
        loss = self.loss(self.model(source, target).flatten(0, 1), told.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        return loss.item()

    def run(self, request):
        begun = time.perf_counter()
        losses = [self.step(pairs) for pairs in request["batches"]]
        return {"seconds": time.perf_counter() - begun, "losses": losses}


def main():
    worker = Worker()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = {"ok": True, **getattr(worker, request["cmd"])(request)}
        except Exception as error:  # the driver is told
            reply = {"ok": False, "error": repr(error)}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
