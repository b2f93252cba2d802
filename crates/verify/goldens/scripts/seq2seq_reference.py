"""Greedy and beam search, and T5's forward, in plain steps: what ../seq2seq/README.md states, asserted against transformers."""
import math

import torch
from transformers.models.t5.modeling_t5 import T5Attention


def log_probabilities(model, ids, prefixes, max_length):
    """Of the next token after each prefix. The pad is struck out of them, without making the rest sum to one again; before the
    last place Marian's only choice is the end, at no cost."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids]).expand(len(prefixes), -1), decoder_input_ids=torch.tensor(prefixes)).logits[:, -1]
    out = torch.log_softmax(logits, -1)
    settings = model.generation_config
    if settings.bad_words_ids:
        out[:, settings.pad_token_id] = -math.inf
    if settings.forced_eos_token_id is not None and len(prefixes[0]) == max_length - 1:
        out[:] = -math.inf
        out[:, settings.forced_eos_token_id] = 0
    return out


def greedy(model, ids, max_length):
    settings = model.generation_config
    tokens = [settings.decoder_start_token_id]
    while len(tokens) < max_length and (len(tokens) == 1 or tokens[-1] != settings.eos_token_id):
        (first, second), best = log_probabilities(model, ids, [tokens], max_length)[0].topk(2)
        assert first - second > 1e-3, "too close for another order of summation"
        tokens.append(best[0].item())
    return tokens


def pads(model, ids, tokens):
    """How often the pad would have been chosen."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids]), decoder_input_ids=torch.tensor([tokens[:-1]])).logits[0]
    return (logits.argmax(-1) == model.generation_config.pad_token_id).sum().item()


def beam(model, ids, max_length, size):
    """The best `size` finished hypotheses, each (score, tokens). A score is the sum of log-probabilities over the number of
    tokens, the end included and the start not."""
    settings = model.generation_config
    running, finished = [(0.0, [settings.decoder_start_token_id])], []
    while True:
        scores = log_probabilities(model, ids, [tokens for _, tokens in running], max_length)
        scores = scores + torch.tensor([[score] for score, _ in running])
        best, places = scores.flatten().topk(2 * size + 1)
        assert all(a == -math.inf or best[a] - best[b] > 1e-4 for a, b in ((size - 1, size), (2 * size - 1, 2 * size)) if best[b] > -1e8)
        rows = [(value, running[place // scores.shape[1]][1] + [place % scores.shape[1]]) for value, place in zip(best.tolist()[:-1], places.tolist())]
        ended = [tokens[-1] == settings.eos_token_id or len(tokens) == max_length for _, tokens in rows]
        length = len(rows[0][1]) - 1
        # Only those that end among the first `size` count; the second half keeps the beam filled.
        finished += [(score / length, tokens) for (score, tokens), end in zip(rows[:size], ended) if end and score > -math.inf]
        finished = sorted(finished, key=lambda row: -row[0])[:size]
        running = [row for row, end in zip(rows, ended) if not end][:size]
        if not running or (len(finished) == size and running[0][0] / length <= finished[-1][0]):
            return finished


def check_beams(model, ids, max_length, output):
    """The rows of `output`, each without its start and the pads that fill it up, after a comparison with `beam`."""
    rows = []
    for (score, tokens), theirs, their_score in zip(beam(model, ids, max_length, 4), output.sequences.tolist(), output.sequences_scores.tolist(), strict=True):
        # The library takes a pad of 0 for none and fills up with the end.
        fill = [model.generation_config.pad_token_id or model.generation_config.eos_token_id] * (len(theirs) - len(tokens))
        assert theirs == tokens + fill and abs(score - their_score) < 1e-5, (tokens, theirs, score, their_score)
        rows.append({"ids": tokens[1:], "score": their_score})
    assert all(a["score"] - b["score"] > 1e-4 for a, b in zip(rows, rows[1:])), "too close for another order of summation"
    return rows


def bucket(distance, both_sides, buckets, most):
    """Of key position less query position."""
    first = 0
    if both_sides:
        buckets //= 2
        first, distance = (buckets, distance) if distance > 0 else (0, -distance)
    else:
        distance = max(-distance, 0)
    exact = buckets // 2
    if distance < exact:
        return first + distance
    # In float32, as PyTorch computes it.
    far = torch.log(torch.tensor(distance, dtype=torch.float32) / exact) / math.log(most / exact) * (buckets - exact)
    return first + min(exact + int(far), buckets - 1)


def buckets():
    out, at = {}, torch.arange(-150, 151)
    for name, both_sides, count, most in (("encoder", True, 8, 20), ("decoder", False, 8, 20), ("encoder.usual", True, 32, 128), ("decoder.usual", False, 32, 128)):
        theirs = T5Attention._relative_position_bucket(at, both_sides, count, most)
        assert theirs.tolist() == [bucket(d, both_sides, count, most) for d in at.tolist()], name
        out[f"buckets.{name}"] = theirs.int()
    return out


def check_t5(model, weights, tensors):
    """The whole forward of the second pair from the stored weights alone."""
    config = model.config
    ids, labels = tensors["source.1"].tolist(), tensors["target.1"].tolist()
    w = {name: tensor.double() for name, tensor in weights.items()}

    def norm(x, name):
        return x / torch.sqrt((x * x).mean(-1, keepdim=True) + config.layer_norm_epsilon) * w[name]

    def attention(x, other, at, bias=None):
        heads = lambda rows, name: (rows @ w[f"{at}.{name}.weight"].T).view(len(rows), config.num_heads, config.d_kv).transpose(0, 1)
        scores = heads(x, "q") @ heads(other, "k").transpose(1, 2)
        if bias is not None:
            scores = scores + bias
        rows = (torch.softmax(scores, -1) @ heads(other, "v")).transpose(0, 1).reshape(len(x), -1)
        return rows @ w[f"{at}.o.weight"].T

    def feed_forward(x, at):
        if config.is_gated_act:
            gelu = torch.nn.functional.gelu(x @ w[f"{at}.wi_0.weight"].T, approximate="tanh")
            return (gelu * (x @ w[f"{at}.wi_1.weight"].T)) @ w[f"{at}.wo.weight"].T
        return torch.relu(x @ w[f"{at}.wi.weight"].T) @ w[f"{at}.wo.weight"].T

    def stack(side, tokens, memory=None):
        x = w["shared.weight"][tokens]
        count = len(tokens)
        place = [[bucket(k - q, memory is None, config.relative_attention_num_buckets, config.relative_attention_max_distance) for k in range(count)] for q in range(count)]
        bias = w[f"{side}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"][torch.tensor(place)].permute(2, 0, 1)
        if memory is not None:
            bias = bias + torch.full((count, count), -math.inf).triu(1).double()
        for layer in range(config.num_layers if memory is None else config.num_decoder_layers):
            at = f"{side}.block.{layer}.layer"
            y = norm(x, f"{at}.0.layer_norm.weight")
            x = x + attention(y, y, f"{at}.0.SelfAttention", bias)
            if memory is not None:
                x = x + attention(norm(x, f"{at}.1.layer_norm.weight"), memory, f"{at}.1.EncDecAttention")
            last = 1 if memory is None else 2
            x = x + feed_forward(norm(x, f"{at}.{last}.layer_norm.weight"), f"{at}.{last}.DenseReluDense")
        return norm(x, f"{side}.final_layer_norm.weight")

    memory = stack("encoder", ids)
    hidden = stack("decoder", [config.decoder_start_token_id] + labels[:-1], memory)
    logits = hidden @ w["lm_head.weight"].T if "lm_head.weight" in w else hidden * config.d_model**-0.5 @ w["shared.weight"].T
    for mine, theirs in ((memory, tensors["encoder.1"]), (logits, tensors["logits.1"])):
        assert (mine - theirs).abs().max() < 2e-6 * theirs.abs().max(), (mine - theirs).abs().max()
