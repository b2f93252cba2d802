"""PyTorch's worker for bench/train.py: the same encoder, head, batch and optimiser; JSON lines in, JSON lines out.

Options of `load`: `compile` (false, true, "autotune"), `optimiser` (fused, foreach, loop), `attention` (sdpa, plain),
`linear` (default: the library's own choice; onednn: its products by oneDNN, which it has but does not use for float32),
`loss` (whole: logits of all rows at once, as everybody writes it; chunks: rows in pieces, recomputed).
"""

import json
import math
import os
import resource
import sys
import time

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F


class OneDnnLinear(torch.autograd.Function):
    """y = x W^T + b whose three products go through oneDNN."""

    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")

    @staticmethod
    def backward(ctx, g):
        x, weight = ctx.saved_tensors
        product = torch.ops.mkldnn._linear_pointwise
        dx = product(g, weight.t().contiguous(), None, "none", [], "") if ctx.needs_input_grad[0] else None
        return dx, product(g.t().contiguous(), x.t().contiguous(), None, "none", [], ""), g.sum(0)


class Step(nn.Module):
    def __init__(self, sizes, weights, attention, linear):
        super().__init__()
        self.sizes, self.attention = sizes, attention
        self.linear = OneDnnLinear.apply if linear == "onednn" else F.linear
        self.names = {name: name.replace(".", "_") for name in weights}
        for name, value in weights.items():
            self.register_parameter(self.names[name], nn.Parameter(value.clone()))

    def get(self, name):
        return getattr(self, self.names[name])

    def map(self, name, x):
        return self.linear(x, self.get(f"{name}.weight"), self.get(f"{name}.bias"))

    def norm(self, name, x):
        return F.layer_norm(x, x.shape[-1:], self.get(f"{name}.weight"), self.get(f"{name}.bias"), 1e-12)

    def mix(self, qkv, batch, length):
        heads = self.sizes["heads"]
        q, k, v = qkv.view(batch, length, 3, heads, -1).permute(2, 0, 3, 1, 4)
        if self.attention == "sdpa":
            mixed = F.scaled_dot_product_attention(q, k, v)
        else:
            mixed = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).softmax(-1) @ v
        return mixed.transpose(1, 2).reshape(batch * length, -1)

    def forward(self, ids, rows, targets):
        batch, length = ids.shape
        x = F.embedding(ids, self.get("embeddings.words.weight")) + self.get("embeddings.positions.weight")[:length]
        x = self.norm("embeddings.norm", x).view(batch * length, -1)
        for i in range(self.sizes["layers"]):
            at = f"layers.{i}."
            mixed = self.mix(self.map(at + "attention.qkv", x), batch, length)
            x = self.norm(at + "attention.norm", x + self.map(at + "attention.output", mixed))
            inner = F.gelu(self.map(at + "feed_forward.first", x))
            x = self.norm(at + "feed_forward.norm", x + self.map(at + "feed_forward.second", inner))
        if rows is not None:
            x = x[rows]
        x = self.norm("language.norm", F.gelu(self.map("language.dense", x)))
        logits = self.linear(x, self.get("embeddings.words.weight"), self.get("language.bias"))
        return F.cross_entropy(logits, targets)


def adamw(model, recipe, kind):
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    groups = [{"params": matrices, "weight_decay": recipe["weight_decay"]}, {"params": vectors, "weight_decay": 0.0}]
    how = {"fused": {"fused": True}, "foreach": {"foreach": True}, "loop": {"foreach": False}}[kind]
    return torch.optim.AdamW(groups, lr=recipe["rate"], betas=(0.9, 0.999), eps=1e-8, **how)


class Worker:
    def load(self, request):
        begun = time.monotonic()
        options = request["options"]
        torch.set_num_threads(request["threads"])
        torch.set_flush_denormal(True)
        stored = load_file(request["file"])
        self.recipe = request["recipe"]
        self.data = {name.removeprefix("batch."): stored.pop(name).long() for name in list(stored) if name.startswith("batch.")}
        self.model = Step(request["sizes"], stored, options.get("attention", "sdpa"), options.get("linear", "default"))
        self.run_model = self.model
        if mode := options.get("compile"):
            import torch._inductor.config as inductor

            inductor.max_autotune = mode == "autotune"
            inductor.cpp.enable_kernel_profile = False
            self.run_model = torch.compile(self.model, dynamic=False)
        self.optimiser = adamw(self.model, self.recipe, options.get("optimiser", "fused"))
        self.rest_bytes = rss()
        return {"seconds": time.monotonic() - begun}

    def batch(self, head):
        return self.data["ids"], *((self.data["rows"], self.data["targets"]) if head == "masked" else (None, self.data["all"]))

    def loss(self, request):
        with torch.no_grad():
            return {"loss": self.model(*self.batch(request["head"])).item()}

    def run(self, request):
        """`n` steps; for each, milliseconds of forward, backward, optimiser (with clipping), and the loss before it."""
        batch = self.batch(request["head"])
        steps = []
        cpu = time.process_time()
        for _ in range(request["n"]):
            times = [time.perf_counter()]
            loss = self.run_model(*batch)
            times.append(time.perf_counter())
            loss.backward()
            times.append(time.perf_counter())
            if self.recipe["clip"]:
                nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe["clip"], foreach=True)
            self.optimiser.step()
            self.optimiser.zero_grad(set_to_none=True)
            times.append(time.perf_counter())
            value = loss.item()
            steps.append([(b - a) * 1e3 for a, b in zip(times, times[1:])] + [value])
        return {"steps": steps, "cpu_seconds": time.process_time() - cpu, "rss_bytes": rss(), "rest_bytes": self.rest_bytes,
                "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}

    def peak(self, request):
        """The best of large products, a lower bound of the peak."""
        torch.set_num_threads(request["threads"])
        a, b = torch.randn(2048, 1024), torch.randn(1024, 2048)
        best = 0.0
        end = time.monotonic() + request.get("seconds", 1.0)
        while time.monotonic() < end:
            begun = time.perf_counter()
            a @ b
            best = max(best, 2 * 2048 * 2048 * 1024 / (time.perf_counter() - begun) / 1e9)
        return {"gflops": best, "what": "product [2048, 1024] [1024, 2048] in PyTorch"}

    def version(self, _):
        return {"name": "PyTorch", "version": torch.__version__, "details": {"capability": torch.backends.cpu.get_cpu_capability()}}


def rss():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


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
