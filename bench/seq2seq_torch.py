"""PyTorch's worker for bench/seq2seq_train.py: nn.Transformer as its users write it; JSON lines in, JSON lines out.

One table of words for source, target and output, times sqrt(hidden) on the way in; sinusoidal positions; norms after each part, as in
the paper; label smoothing; Adam (0.9, 0.98, 1e-9). A batch is padded to its longest source and its longest target.

Options of `load`: `optimiser` (fused, foreach), `compile` (true: torch.compile with dynamic shapes).
"""

import json
import math
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

PAD, START = 0, 1


class Model(nn.Module):
    def __init__(self, sizes, dropout):
        super().__init__()
        hidden = sizes["hidden"]
        self.words = nn.Embedding(sizes["vocabulary"], hidden, padding_idx=PAD)
        nn.init.normal_(self.words.weight, std=hidden**-0.5)
        self.dropout = nn.Dropout(dropout)
        self.transformer = nn.Transformer(
            hidden, sizes["heads"], sizes["layers"], sizes["layers"], sizes["inner"], dropout, batch_first=True)
        place = torch.arange(sizes["longest"])[:, None] * torch.exp(torch.arange(0, hidden, 2) * (-math.log(10000) / hidden))
        self.register_buffer("positions", torch.stack([place.sin(), place.cos()], -1).flatten(1), persistent=False)

    def embed(self, ids):
        return self.dropout(self.words(ids) * math.sqrt(self.words.embedding_dim) + self.positions[: ids.shape[1]])

    def forward(self, source, target):
        padding = source == PAD
        mask = nn.Transformer.generate_square_subsequent_mask(target.shape[1], dtype=torch.bool)
        hidden = self.transformer(
            self.embed(source), self.embed(target), tgt_mask=mask, tgt_is_causal=True, src_key_padding_mask=padding,
            memory_key_padding_mask=padding, tgt_key_padding_mask=target == PAD)
        return hidden @ self.words.weight.T


def padded(rows):
    longest = max(map(len, rows))
    return torch.tensor([row + [PAD] * (longest - len(row)) for row in rows])


class Worker:
    def load(self, request):
        with open(request["problem"], encoding="utf-8") as file:
            problem = json.load(file)
        torch.manual_seed(1)
        torch.set_num_threads(request["threads"])
        torch.set_flush_denormal(True)
        options, self.smoothing = request["options"], problem["label_smoothing"]
        self.model = Model(problem["sizes"], problem["dropout"]).train()
        self.run_model = torch.compile(self.model, dynamic=True) if options.get("compile") else self.model
        how = {options.get("optimiser", "fused"): True}
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=problem["rate"], betas=(0.9, 0.98), eps=1e-9, **how)
        # The decoder reads the start and the target, and says the target and its end; ids hold the end already.
        self.batches = [
            (padded([source for source, _ in batch]), padded([[START, *target[:-1]] for _, target in batch]), padded([target for _, target in batch]))
            for batch in problem["batches"]]
        return {}

    def run(self, request):
        """Every batch once, `n` times; the seconds of each time, and the loss of the last batch."""
        seconds = []
        for _ in range(request["n"]):
            begun = time.perf_counter()
            for source, target, labels in self.batches:
                logits = self.run_model(source, target)
                loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=PAD, label_smoothing=self.smoothing)
                loss.backward()
                self.optimiser.step()
                self.optimiser.zero_grad(set_to_none=True)
            seconds.append(time.perf_counter() - begun)
        return {"seconds": seconds, "loss": loss.item()}

    def version(self, _):
        return {"name": "PyTorch", "version": torch.__version__, "details": {"capability": torch.backends.cpu.get_cpu_capability()}}


def main():
    replies, sys.stdout = sys.stdout, sys.stderr
    worker = Worker()
    for line in sys.stdin:
        request = json.loads(line)
        if request["cmd"] == "exit":
            break
        try:
            reply = {"ok": True, **getattr(worker, request["cmd"])(request)}
        except Exception as error:
            reply = {"ok": False, "error": f"{type(error).__name__}: {error}"[:600]}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
