"""CTranslate2, float32. Options: `instances` (calls in flight)."""

import ctranslate2
import numpy
import tokenizers
from batches import Batches, spread, unit_mean
from export import form


class Peer:
    def versions(self):
        return {"ctranslate2": ctranslate2.__version__, "tokenizers": tokenizers.__version__}

    def load(self, model, work, threads, options):
        self.batches, self.instances = Batches(model), options.get("instances", 1)
        self.encoder = ctranslate2.Encoder(
            str(form(model, work, "ctranslate2")), "cpu", compute_type="float32",
            inter_threads=self.instances, intra_threads=threads // self.instances,
        )

    def embed(self, texts, max_length, options):
        ids = self.batches.ids(texts, max_length)
        result = numpy.empty((len(ids), 384), numpy.float32)

        def work(rows):
            output = self.encoder.forward_batch([ids[row] for row in rows])
            result[rows] = unit_mean(numpy.asarray(output.last_hidden_state), [len(ids[row]) for row in rows])

        spread(self.instances, self.batches.sorted(ids, options), work)
        return result
