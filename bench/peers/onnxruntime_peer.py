"""ONNX Runtime on the fused graph. Options: `instances` (calls in flight), `flash` (unmasked attention where nothing is padded),
`int8` (dynamic quantisation: a scale for each column of weights, one for each array of activations)."""

import numpy
import onnxruntime
import tokenizers
from batches import Batches, padded, spread
from export import form


class Peer:
    def versions(self):
        return {"onnxruntime": onnxruntime.__version__, "tokenizers": tokenizers.__version__}

    def load(self, model, work, threads, options):
        self.batches, self.instances = Batches(model), options.get("instances", 1)
        setup = onnxruntime.SessionOptions()
        setup.intra_op_num_threads = threads // self.instances
        setup.inter_op_num_threads = 1
        setup.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL

        def session(name):
            return onnxruntime.InferenceSession(str(form(model, work, name)), setup, providers=["CPUExecutionProvider"])

        kind = "-int8.onnx" if options.get("int8") else ".onnx"
        self.masked = session("fused" + kind)
        self.unmasked = session("flash" + kind) if options.get("flash") else None

    def embed(self, texts, max_length, options):
        ids = self.batches.ids(texts, max_length)
        result = numpy.empty((len(ids), 384), numpy.float32)

        def work(rows):
            tokens, mask = padded(ids, rows, numpy.int32)
            session = self.unmasked if self.unmasked and len(ids[rows[-1]]) == len(ids[rows[0]]) else self.masked
            result[rows] = session.run(None, {"ids": tokens, "mask": mask})[0]

        spread(self.instances, self.batches.sorted(ids, options), work)
        return result
