"""CTranslate2's worker for bench/translate.py: a model folder of its own format, float32; JSON lines in, JSON lines out.

Options of `load`: `inter` and `intra`, how many batches run beside each other and how many threads work on one.
"""

import json
import sys
import time

import ctranslate2


class Worker:
    def load(self, request):
        options = request["options"]
        self.translator = ctranslate2.Translator(
            request["model"], device="cpu", compute_type="float32", inter_threads=options["inter"], intra_threads=options["intra"])
        self.sources = [list(text) for text in request["texts"]]
        return {}

    def run(self, request):
        begun = time.perf_counter()
        found = self.translator.translate_batch(
            self.sources, beam_size=request["beam"], max_batch_size=request["batch"], return_scores=False)
        seconds = time.perf_counter() - begun
        self.translations = ["".join(result.hypotheses[0]) for result in found]
        return {"seconds": seconds}

    def outputs(self, _):
        return {"translations": self.translations}

    def version(self, _):
        return {"name": "CTranslate2", "version": ctranslate2.__version__, "details": {}}


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
