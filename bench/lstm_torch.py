"""PyTorch's worker for bench/lstm.py: nn.LSTM on the weights, rows and gradient of a file; JSON lines in, JSON lines out.

Options of `load`: `batch_first`, `onednn` (its LSTM kernels, forward and backward), `packed` (a PackedSequence instead of a
tensor; all sequences are equally long, so nothing is saved by it).
"""

import json
import sys
import time

import torch
from safetensors.torch import load_file
from torch import nn


class Worker:
    def load(self, request):
        options = request["options"]
        torch.set_num_threads(request["threads"])
        torch.set_flush_denormal(True)
        torch.backends.mkldnn.enabled = options.get("onednn", True)
        stored = load_file(request["file"])
        x, self.seed = stored.pop("x"), stored.pop("g")
        self.first = options.get("batch_first", False)
        if not self.first:
            x, self.seed = x.transpose(0, 1).contiguous(), self.seed.transpose(0, 1).contiguous()
        self.x = x.requires_grad_()
        layers = 1 + max(int(name.split("_l")[1].split("_")[0]) for name in stored)
        hidden = stored["weight_hh_l0"].shape[1]
        self.model = nn.LSTM(x.shape[-1], hidden, layers, bidirectional=True, batch_first=self.first)
        self.model.load_state_dict(stored)
        self.packed = options.get("packed", False)
        return {}

    def input(self):
        if not self.packed:
            return self.x, self.seed
        count, length = self.x.shape[:2] if self.first else self.x.shape[1::-1]
        lengths = [length] * count
        pack = nn.utils.rnn.pack_padded_sequence
        return pack(self.x, lengths, batch_first=self.first), pack(self.seed, lengths, batch_first=self.first).data

    def output(self, x):
        y, _ = self.model(x)
        return y.data if self.packed else y

    def once(self, step):
        self.model.zero_grad(set_to_none=True)
        self.x.grad = None
        if not step:
            with torch.inference_mode():
                x, _ = self.input()
                begun = time.perf_counter()
                self.output(x)
                return (time.perf_counter() - begun) * 1e3
        x, seed = self.input()
        begun = time.perf_counter()
        self.output(x).backward(seed)
        return (time.perf_counter() - begun) * 1e3

    def run(self, request):
        return {"ms": [self.once(request["what"] == "step") for _ in range(request["n"])]}

    def check(self, _):
        """Enough of the results to tell whether others' are the same; see contexture-bench."""
        self.once(True)
        y, _ = self.model(self.x)
        y = y.detach() if self.first else y.detach().transpose(0, 1)
        squares = {"x": self.x.grad.double().square().sum().item()}
        for name, value in self.model.named_parameters():
            if "bias_hh" not in name:  # its gradient is that of bias_ih
                squares[name.replace("bias_ih", "bias")] = value.grad.double().square().sum().item()
        return {"first": y[0, 0].tolist(), "rows": y.double().square().sum((1, 2)).tolist(), "gradients": squares}

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
