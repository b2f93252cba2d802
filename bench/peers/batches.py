"""Tokenising, sorting and padding, the same for every peer that takes ids."""

import pathlib
from concurrent.futures import ThreadPoolExecutor

import numpy
import tokenizers


class Batches:
    def __init__(self, model):
        self.tokenizer = tokenizers.Tokenizer.from_file(str(pathlib.Path(model) / "tokenizer.json"))
        self.tokenizer.no_padding()

    def ids(self, texts, max_length):
        self.tokenizer.enable_truncation(max_length)
        return [encoding.ids for encoding in self.tokenizer.encode_batch_fast(texts)]

    def sorted(self, ids, options):
        """Indices of each batch, longest texts first: `batch` texts each, or as many as `tokens` padded tokens hold."""
        order = sorted(range(len(ids)), key=lambda i: -len(ids[i]))
        budget, count = options.get("tokens"), options.get("batch", 32)
        at = 0
        while at < len(order):
            take = max(1, budget // len(ids[order[at]])) if budget else count
            yield order[at : at + take]
            at += take


def padded(ids, rows, kind):
    length = len(ids[rows[0]])
    tokens = numpy.zeros((len(rows), length), kind)
    mask = numpy.zeros((len(rows), length), kind)
    for at, row in enumerate(rows):
        tokens[at, : len(ids[row])] = ids[row]
        mask[at, : len(ids[row])] = 1
    return tokens, mask


def spread(instances, batches, work):
    """Each batch through `work`, on that many Python threads; the library releases the interpreter while it computes."""
    if instances == 1:
        for rows in batches:
            work(rows)
    else:
        with ThreadPoolExecutor(instances) as pool:
            list(pool.map(work, batches))


def unit_mean(hidden, lengths):
    """Mean over each text's own tokens, then unit length; the mean needs no division."""
    result = numpy.empty((hidden.shape[0], hidden.shape[2]), numpy.float32)
    for row, length in enumerate(lengths):
        numpy.add.reduce(hidden[row, :length], axis=0, out=result[row])
    result /= numpy.sqrt(numpy.einsum("ij,ij->i", result, result))[:, None]
    return result
