"""OpenVINO. Options: `instances` (streams), `attention`: "sdpa" or "matmul" (which of the two conversions), `int8`: "static"
(weights and activations, calibrated by NNCF) or "weights" (weights alone; activations are quantised on the way, group by group)."""

import numpy
import openvino
import tokenizers
from batches import Batches, padded
from export import form


class Peer:
    def versions(self):
        return {"openvino": openvino.__version__.split("-")[0], "tokenizers": tokenizers.__version__}

    def load(self, model, work, threads, options):
        self.batches, self.instances = Batches(model), options.get("instances", 1)
        setup = {
            "INFERENCE_PRECISION_HINT": "f32",
            # accuracy mode would switch the quantisation of activations off
            "EXECUTION_MODE_HINT": "PERFORMANCE" if "int8" in options else "ACCURACY",
            "PERFORMANCE_HINT": "LATENCY" if self.instances == 1 else "THROUGHPUT",
            "NUM_STREAMS": str(self.instances),
            "INFERENCE_NUM_THREADS": threads,
            "ENABLE_CPU_PINNING": False,
        }
        if options.get("int8") == "weights":
            setup["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = "32"
        name = f"int8-{options['int8']}" if "int8" in options else options.get("attention", "sdpa")
        path = form(model, work, name + ".xml")
        self.model = openvino.Core().compile_model(str(path), "CPU", setup)
        self.request = self.model.create_infer_request()
        self.queue = openvino.AsyncInferQueue(self.model, self.instances) if self.instances > 1 else None

    def embed(self, texts, max_length, options):
        ids = self.batches.ids(texts, max_length)
        result = numpy.empty((len(ids), 384), numpy.float32)
        if not self.queue:
            for rows in self.batches.sorted(ids, options):
                result[rows] = self.request.infer(padded(ids, rows, numpy.int32), share_inputs=True, share_outputs=True)[0]
            return result

        def done(request, rows):
            result[rows] = request.get_output_tensor(0).data

        self.queue.set_callback(done)
        for rows in self.batches.sorted(ids, options):
            self.queue.start_async(padded(ids, rows, numpy.int32), rows)
        self.queue.wait_all()
        return result
