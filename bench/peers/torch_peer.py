"""sentence-transformers. Options: `direct` (its own model and tokenizer, fed here with less ado than by `encode`)."""

import numpy
import sentence_transformers
import tokenizers
import torch
import transformers
from batches import Batches, padded


class Peer:
    def versions(self):
        return {
            "sentence-transformers": sentence_transformers.__version__,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__,
        }

    def load(self, model, work, threads, options):
        torch.set_num_threads(threads)
        self.model = sentence_transformers.SentenceTransformer(model, device="cpu", model_kwargs={"attn_implementation": "sdpa"})
        self.batches, self.direct = Batches(model), options.get("direct", False)
        self.encoder = self.model[0].auto_model

    @torch.inference_mode()
    def embed(self, texts, max_length, options):
        if not self.direct:
            self.model.max_seq_length = max_length
            return self.model.encode(texts, batch_size=options.get("batch", 32), normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False)
        ids = self.batches.ids(texts, max_length)
        result = numpy.empty((len(ids), 384), numpy.float32)
        for rows in self.batches.sorted(ids, options):
            tokens, mask = (torch.from_numpy(a) for a in padded(ids, rows, numpy.int64))
            same = len(ids[rows[-1]]) == tokens.shape[1]
            hidden = self.encoder(input_ids=tokens, attention_mask=None if same else mask).last_hidden_state
            pooled = (hidden * mask[:, :, None]).sum(1)
            result[rows] = torch.nn.functional.normalize(pooled, dim=-1).numpy()
        return result
