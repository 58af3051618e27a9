"""Other right versions of the exercises on attention: every suite accepts them."""

import math

import numpy as np
import torch

from autograder.checks.bank import alternative

F = torch.nn.functional

# --- additive_attention -----------------------------------------------------------------------


@alternative("additive_attention")
def state_by_state(s, h, W_s, W_h, v):
    contexts, weights = [], []
    for state, states in zip(s, h, strict=True):
        scores = torch.stack([v.dot(torch.tanh(W_s @ state + W_h @ one)) for one in states])
        e = torch.exp(scores - scores.max())
        a = e / e.sum()
        contexts.append(sum(share * one for share, one in zip(a, states, strict=True)))
        weights.append(a)
    return torch.stack(contexts), torch.stack(weights)


@alternative("additive_attention")
def with_einsum(s, h, W_s, W_h, v):
    hidden = torch.einsum("nd,kd->nk", s, W_s)[:, None] + torch.einsum("nsd,kd->nsk", h, W_h)
    e = torch.einsum("nsk,k->ns", hidden.tanh(), v)
    a = torch.exp(e - torch.logsumexp(e, dim=1, keepdim=True))
    return [torch.einsum("ns,nsd->nd", a, h), a]


@alternative("additive_attention")
def one_layer_on_both(s, h, W_s, W_h, v):
    both = torch.cat([s.unsqueeze(1).expand(-1, h.shape[1], -1), h], dim=2)
    hidden = torch.tanh(F.linear(both, torch.cat([W_s, W_h], dim=1)))
    a = F.softmax((hidden * v).sum(2), dim=1)
    return (a.unsqueeze(2) * h).sum(1), a


# --- causal_mask ------------------------------------------------------------------------------


@alternative("causal_mask")
def by_comparison(T):
    place = torch.arange(T)
    return place.unsqueeze(1) >= place


@alternative("causal_mask")
def not_above(T):
    return ~torch.triu(torch.ones(T, T), diagonal=1).bool()


@alternative("causal_mask")
def row_by_row(T):
    mask = torch.zeros(T, T, dtype=torch.bool)
    for i in range(T):
        mask[i, : i + 1] = True
    return mask


# --- scaled_dot_product_attention -------------------------------------------------------------


@alternative("scaled_dot_product_attention")
def einsum_and_nan_to_num(q, k, v, mask=None):
    scores = torch.einsum("...ld,...sd->...ls", q, k) * q.shape[-1] ** -0.5
    if mask is not None:
        scores = torch.where(mask, scores, -torch.inf)
    e = torch.exp(scores - scores.max(dim=-1, keepdim=True).values)
    a = torch.nan_to_num(e / e.sum(dim=-1, keepdim=True))
    return torch.einsum("...ls,...sv->...lv", a, v), a


@alternative("scaled_dot_product_attention")
def head_by_head(q, k, v, mask=None):
    lead, (L, d), S = q.shape[:-2], q.shape[-2:], k.shape[-2]
    if mask is None:
        mask = torch.ones(L, S, dtype=torch.bool, device=q.device)
    mask = mask.expand(*lead, L, S).reshape(-1, L, S)
    qs, ks, vs = (one.reshape(-1, *one.shape[-2:]) for one in (q, k, v))
    a = q.new_zeros(len(qs), L, S)
    y = q.new_zeros(len(qs), L, v.shape[-1])
    for n in range(len(qs)):
        for i in range(L):
            keys = mask[n, i].nonzero()[:, 0]
            if len(keys) == 0:
                continue
            scores = ks[n][keys] @ qs[n, i] / d**0.5
            e = (scores - scores.max()).exp()
            a[n, i, keys] = e / e.sum()
            y[n, i] = a[n, i, keys] @ vs[n][keys]
    return y.reshape(*lead, L, -1), a.reshape(*lead, L, S)


@alternative("scaled_dot_product_attention")
def masked_after_and_renormalised(q, k, v, mask=None):
    scores = (q / math.sqrt(q.shape[-1])) @ k.mT
    if mask is None:
        mask = torch.ones_like(scores, dtype=torch.bool)
    allowed = torch.where(mask, scores, scores.amin(-1, keepdim=True))
    e = (scores - allowed.amax(-1, keepdim=True)).clamp(max=0).exp() * mask
    total = e.sum(-1, keepdim=True)
    a = torch.where(total > 0, e / total, 0.0)
    return a @ v, a


@alternative("scaled_dot_product_attention")
def a_billion_below(q, k, v, mask=None):
    scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(k.size(-1))
    if mask is not None:
        scores = scores.masked_fill(mask == 0, -1e9)
    e = torch.exp(scores - scores.max(-1, keepdim=True)[0])
    a = e / e.sum(-1, keepdim=True)
    if mask is not None:
        a = a * mask.any(dim=-1, keepdim=True)
    return torch.matmul(a, v), a


@alternative("scaled_dot_product_attention")
def with_log_sum_exp(q, k, v, mask=None):
    root = q.shape[-1] ** 0.25
    scores = (q / root) @ (k / root).transpose(-2, -1)
    bias = torch.zeros_like(scores)
    if mask is not None:
        bias = bias.masked_fill(mask.logical_not(), -math.inf)
    scores = scores + bias
    top = scores.amax(-1, keepdim=True)
    lse = top + (scores - top).exp().sum(-1, keepdim=True).log()
    a = torch.exp(scores - lse)
    a = torch.where(a.isnan(), torch.zeros_like(a), a)
    return [(a.unsqueeze(-1) * v.unsqueeze(-3)).sum(-2), a]


@alternative("scaled_dot_product_attention")
def key_after_key(q, k, v, mask=None):
    # One pass with a running maximum, as fast kernels do it.
    S = k.shape[-2]
    scores = [(q * k[..., s, :].unsqueeze(-2)).sum(-1) / math.sqrt(q.shape[-1]) for s in range(S)]
    top = torch.full_like(scores[0], -1e30)
    total, y = torch.zeros_like(top), torch.zeros_like(q[..., :1] * v[..., :1, :])
    for s in range(S):
        score = scores[s]
        if mask is not None:
            score = torch.where(mask[..., s if mask.shape[-1] > 1 else 0], score, -math.inf)
        new = torch.maximum(top, score)
        kept, gained = torch.exp(top - new), torch.exp(score - new)
        total = total * kept + gained
        y = y * kept.unsqueeze(-1) + gained.unsqueeze(-1) * v[..., s, :].unsqueeze(-2)
        top, scores[s] = new, score
    safe = torch.where(total > 0, total, torch.ones_like(total))
    a = torch.stack([torch.exp(score - top) / safe for score in scores], dim=-1)
    return y / safe.unsqueeze(-1), a


# --- attention_backward -----------------------------------------------------------------------


@alternative("attention_backward")
def with_jacobians(grad_y, a, q, k, v):
    grad_a = torch.einsum("...lv,...sv->...ls", grad_y, v)
    jacobian = torch.diag_embed(a) - a.unsqueeze(-1) * a.unsqueeze(-2)
    grad_e = torch.einsum("...lst,...lt->...ls", jacobian, grad_a) * q.shape[-1] ** -0.5
    return [
        torch.einsum("...ls,...sd->...ld", grad_e, k),
        torch.einsum("...ls,...ld->...sd", grad_e, q),
        torch.einsum("...ls,...lv->...sv", a, grad_y),
    ]


@alternative("attention_backward")
def with_the_output(grad_y, a, q, k, v):
    # <grad_a, a> over the keys is <grad_y, y> over the features.
    y = a @ v
    grad_e = a * (grad_y @ v.mT - (grad_y * y).sum(-1, keepdim=True))
    scale = 1 / q.shape[-1] ** 0.5
    return scale * (grad_e @ k), scale * (grad_e.mT @ q), a.mT @ grad_y


@alternative("attention_backward")
def query_by_query(grad_y, a, q, k, v):
    grads = [torch.zeros(one.shape, dtype=one.dtype, device=one.device) for one in (q, k, v)]
    flat = [one.reshape(-1, *one.shape[-2:]) for one in (grad_y, a, q, k, v)]
    grad_q, grad_k, grad_v = (one.view(-1, *one.shape[-2:]) for one in grads)
    for n, (gy, weights, queries, keys, values) in enumerate(zip(*flat, strict=True)):
        for i in range(len(queries)):
            row = values @ gy[i]
            row = weights[i] * row - weights[i] * (weights[i] @ row)
            grad_q[n, i] += row @ keys / math.sqrt(q.shape[-1])
            grad_k[n] += torch.outer(row, queries[i]) / math.sqrt(q.shape[-1])
            grad_v[n] += torch.outer(weights[i], gy[i])
    return tuple(grads)


# --- split_heads ------------------------------------------------------------------------------


@alternative("split_heads")
def view_and_permute(x, num_heads):
    N, T, D = x.shape
    return x.reshape(N, T, num_heads, D // num_heads).permute(0, 2, 1, 3).contiguous()


@alternative("split_heads")
def stacked_chunks(x, num_heads):
    return torch.stack(x.chunk(num_heads, dim=2), dim=1)


@alternative("split_heads")
def entry_by_entry(x, num_heads):
    N, T, D = x.shape
    size = D // num_heads
    out = x.new_empty(N, num_heads, T, size)
    for t in range(T):
        for j in range(D):
            out[:, j // size, t, j % size] = x[:, t, j]
    return out


@alternative("split_heads")
def unfolded(x, num_heads):
    size = x.shape[-1] // num_heads
    return x.unfold(-1, size, size).transpose(1, 2)


# --- merge_heads ------------------------------------------------------------------------------


@alternative("merge_heads")
def permute_and_reshape(x):
    N, H, T, d = x.shape
    return x.permute(0, 2, 1, 3).contiguous().view(N, T, H * d)


@alternative("merge_heads")
def concatenated(x):
    return torch.cat([x[:, h] for h in range(x.shape[1])], dim=-1)


@alternative("merge_heads")
def slice_by_slice(x):
    N, H, T, d = x.shape
    out = x.new_zeros(N, T, H * d)
    for h in range(H):
        out[:, :, h * d : (h + 1) * d] = x[:, h]
    return out


# --- multi_head_attention ---------------------------------------------------------------------


@alternative("multi_head_attention")
def a_loop_over_heads(x, W_q, W_k, W_v, W_o, num_heads, mask=None):
    N, T, _ = x.shape
    size = W_q.shape[0] // num_heads
    if mask is not None:
        mask = mask.expand(N, num_heads, T, T)
    y = torch.zeros_like(x)
    for h in range(num_heads):
        rows = slice(h * size, (h + 1) * size)
        q, k, v = x @ W_q[rows].T, x @ W_k[rows].T, x @ W_v[rows].T
        scores = q @ k.mT / size**0.5
        if mask is not None:
            scores = scores.masked_fill(~mask[:, h], -1e9)
        y = y + torch.softmax(scores, dim=-1) @ v @ W_o[:, rows].T
    return y


@alternative("multi_head_attention")
def with_einsums(x, W_q, W_k, W_v, W_o, num_heads, mask=None):
    W_q, W_k, W_v = (W.unflatten(0, (num_heads, -1)) for W in (W_q, W_k, W_v))
    q, k, v = (torch.einsum("ntd,hed->nhte", x, W) for W in (W_q, W_k, W_v))
    scores = torch.einsum("nhqe,nhke->nhqk", q, k) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = torch.where(mask, scores, -math.inf)
    a = F.softmax(scores, dim=-1)
    return torch.einsum("nhqk,nhke,dhe->nqd", a, v, W_o.unflatten(1, (num_heads, -1)))


@alternative("multi_head_attention")
def with_one_projection(x, W_q, W_k, W_v, W_o, num_heads, mask=None):
    N, T, _ = x.shape
    q, k, v = F.linear(x, torch.cat([W_q, W_k, W_v])).chunk(3, dim=-1)
    q, k, v = (
        one.reshape(N, T, num_heads, -1).transpose(1, 2).reshape(N * num_heads, T, -1)
        for one in (q, k, v)
    )
    scores = torch.bmm(q, k.transpose(1, 2)) * q.shape[-1] ** -0.5
    scores = scores.view(N, num_heads, T, T)
    if mask is not None:
        scores = scores + torch.zeros_like(scores).masked_fill(~mask, -math.inf)
    a = scores.softmax(-1).view(N * num_heads, T, T)
    y = torch.bmm(a, v).view(N, num_heads, T, -1).permute(0, 2, 1, 3).reshape(N, T, -1)
    return F.linear(y, W_o)


# --- kv_cache_step ----------------------------------------------------------------------------


@alternative("kv_cache_step")
def grown_by_hand(x, cache_k, cache_v, W_q, W_k, W_v, W_o, num_heads):
    N, S, H = len(x), cache_k.shape[2], num_heads
    d = len(W_q) // H
    new_k, new_v = cache_k.new_zeros(N, H, S + 1, d), cache_v.new_zeros(N, H, S + 1, d)
    new_k[:, :, :S], new_v[:, :, :S] = cache_k, cache_v
    new_k[:, :, S] = (x[:, 0] @ W_k.T).view(N, H, d)
    new_v[:, :, S] = (x[:, 0] @ W_v.T).view(N, H, d)
    q = (x[:, 0] @ W_q.T).view(N, H, d)
    a = torch.softmax(torch.einsum("nhd,nhsd->nhs", q, new_k) / d**0.5, dim=-1)
    y = torch.einsum("nhs,nhsd->nhd", a, new_v).reshape(N, 1, H * d)
    return y @ W_o.T, new_k, new_v


@alternative("kv_cache_step")
def one_sequence_one_head(x, cache_k, cache_v, W_q, W_k, W_v, W_o, num_heads):
    y, keys, values = torch.zeros_like(x), [], []
    d = W_q.shape[0] // num_heads
    for n in range(len(x)):
        keys.append([])
        values.append([])
        for h in range(num_heads):
            rows = slice(h * d, h * d + d)
            keys[n].append(torch.vstack([cache_k[n, h], x[n] @ W_k[rows].T]))
            values[n].append(torch.vstack([cache_v[n, h], x[n] @ W_v[rows].T]))
            scores = keys[n][h] @ (W_q[rows] @ x[n, 0]) / math.sqrt(d)
            y[n, 0] += W_o[:, rows] @ (values[n][h].T @ torch.softmax(scores, 0))
    keys, values = (torch.stack([torch.stack(one) for one in both]) for both in (keys, values))
    return y, keys, values


# --- sinusoidal_positions ---------------------------------------------------------------------


@alternative("sinusoidal_positions")
def filled_in_twice(positions, d):
    out = positions.new_zeros(len(positions), d)
    frequency = torch.exp(
        torch.arange(0, d, 2, dtype=positions.dtype, device=positions.device)
        * (-math.log(10000.0) / d)
    )
    out[:, 0::2] = torch.sin(positions[:, None] * frequency)
    out[:, 1::2] = torch.cos(positions[:, None] * frequency[: d // 2])
    return out


@alternative("sinusoidal_positions")
def number_by_number(positions, d):
    rows = []
    for t in positions.tolist():
        angles = [t / 10000 ** ((j - j % 2) / d) for j in range(d)]
        rows.append([math.cos(w) if j % 2 else math.sin(w) for j, w in enumerate(angles)])
    return torch.tensor(rows, dtype=positions.dtype, device=positions.device)


@alternative("sinusoidal_positions")
def in_numpy(positions, d):
    t = positions.cpu().numpy()[:, None].astype(np.float64)
    pairs = t / np.power(10000.0, 2 * np.arange((d + 1) // 2) / d)
    waves = np.stack([np.sin(pairs), np.cos(pairs)], axis=-1).reshape(len(t), -1)[:, :d]
    return torch.from_numpy(np.ascontiguousarray(waves)).to(positions)


# --- transformer_block ------------------------------------------------------------------------


_INPUTS = ("W_q", "W_k", "W_v")


def _heads(x, W_q, W_k, W_v, W_o, num_heads, mask):
    N, T, _ = x.shape
    q, k, v = (F.linear(x, W).view(N, T, num_heads, -1).transpose(1, 2) for W in (W_q, W_k, W_v))
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    y = torch.softmax(scores, dim=-1) @ v
    return F.linear(y.transpose(1, 2).reshape(N, T, -1), W_o)


@alternative("transformer_block")
def as_modules(x, params, num_heads, mask=None, norm="post"):
    class Norm:
        def __init__(self, gamma, beta):
            self.gamma, self.beta = gamma, beta

        def __call__(self, z):
            var, mean = torch.var_mean(z, dim=-1, correction=0, keepdim=True)
            return (z - mean) * torch.rsqrt(var + 1e-5) * self.gamma + self.beta

    names = ("W_q", "W_k", "W_v", "W_o")
    layers = (
        lambda z: _heads(z, *(params[name] for name in names), num_heads, mask),
        lambda z: F.linear(
            F.relu(F.linear(z, params["W_1"], params["b_1"])), params["W_2"], params["b_2"]
        ),
    )
    norms = (
        Norm(params["gamma_1"], params["beta_1"]),
        Norm(params["gamma_2"], params["beta_2"]),
    )
    for layer, normalise in zip(layers, norms, strict=True):
        x = normalise(x + layer(x)) if norm == "post" else x + layer(normalise(x))
    return x


@alternative("transformer_block")
def token_by_token(x, params, num_heads, mask=None, norm="post"):
    def normalise(tokens, gamma, beta):
        rows = []
        for token in tokens.reshape(-1, tokens.shape[-1]):
            deviation = token - token.sum() / len(token)
            variance = deviation.dot(deviation) / len(token)
            rows.append(gamma * deviation / (variance + 1e-5) ** 0.5 + beta)
        return torch.stack(rows).view(tokens.shape)

    def think(tokens):
        rows = [
            params["W_2"] @ (params["W_1"] @ token + params["b_1"]).clamp(min=0) + params["b_2"]
            for token in tokens.reshape(-1, tokens.shape[-1])
        ]
        return torch.stack(rows).view(tokens.shape)

    weights = (params["W_q"], params["W_k"], params["W_v"], params["W_o"])
    first = (params["gamma_1"], params["beta_1"])
    second = (params["gamma_2"], params["beta_2"])
    if norm == "pre":
        x = x + _heads(normalise(x, *first), *weights, num_heads, mask)
        return x + think(normalise(x, *second))
    x = normalise(x + _heads(x, *weights, num_heads, mask), *first)
    return normalise(x + think(x), *second)


@alternative("transformer_block")
def with_standard_deviations(x, params, num_heads, mask=None, norm="post"):
    p = dict(params)

    def ln(z, i):
        std = (z.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
        return torch.addcmul(p["beta_" + i], (z - z.mean(-1, keepdim=True)) / std, p["gamma_" + i])

    pre = norm == "pre"
    h = ln(x, "1") if pre else x
    h = x + _heads(h, p["W_q"], p["W_k"], p["W_v"], p["W_o"], num_heads, mask)
    h = h if pre else ln(h, "1")
    z = ln(h, "2") if pre else h
    hidden = torch.einsum("...d,fd->...f", z, p["W_1"]) + p["b_1"]
    hidden = torch.maximum(hidden, torch.zeros_like(hidden))
    y = h + torch.einsum("...f,df->...d", hidden, p["W_2"]) + p["b_2"]
    return y if pre else ln(y, "2")


# --- gpt_param_count --------------------------------------------------------------------------


@alternative("gpt_param_count")
def by_shapes(vocab, context, d, d_ff, layers, num_heads):
    size = d // num_heads
    block = (
        [(size, d)] * 3 * num_heads + [(d, d)] + [(d_ff, d), (d_ff,), (d, d_ff), (d,)] + [(d,)] * 4
    )
    shapes = [(vocab, d), (context, d), *(block * layers), (d,), (d,), (vocab, d)]
    return sum(math.prod(shape) for shape in shapes)


@alternative("gpt_param_count")
def head_by_head_counted(vocab, context, d, d_ff, layers, num_heads):
    size = d // num_heads
    total = (vocab + context) * d
    for _ in range(layers):
        total += num_heads * 3 * size * d + d * num_heads * size
        total += (d + 1) * d_ff + (d_ff + 1) * d
        total += 2 * (d + d)
    return torch.tensor(total + 2 * d + d * vocab)


# --- gpt_forward ------------------------------------------------------------------------------


@alternative("gpt_forward")
def in_one_go(idx, params, num_heads):
    N, T = idx.shape

    def ln(z, gamma, beta):
        var, mean = torch.var_mean(z, -1, correction=0, keepdim=True)
        return gamma * (z - mean) / (var + 1e-5).sqrt() + beta

    h = F.embedding(idx, params["tok"]) + params["pos"][torch.arange(T, device=idx.device)]
    future = torch.full((T, T), -math.inf, dtype=h.dtype, device=h.device).triu(1)
    for p in params["blocks"]:
        z = ln(h, p["gamma_1"], p["beta_1"])
        q, k, v = ((z @ p[name].T).view(N, T, num_heads, -1).transpose(1, 2) for name in _INPUTS)
        a = torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]) + future, dim=-1)
        h = h + (a @ v).transpose(1, 2).reshape(N, T, -1) @ p["W_o"].T
        z = ln(h, p["gamma_2"], p["beta_2"])
        h = h + F.relu(z @ p["W_1"].T + p["b_1"]) @ p["W_2"].T + p["b_2"]
    return F.linear(ln(h, params["gamma"], params["beta"]), params["head"])


@alternative("gpt_forward")
def token_after_token(idx, params, num_heads):
    # Nobody looks ahead if what is ahead does not exist yet.
    def ln(z, gamma, beta):
        centred = z - z.mean(-1, keepdim=True)
        return gamma * centred / torch.sqrt(centred.square().mean(-1, keepdim=True) + 1e-5) + beta

    logits, memory = [], [([], []) for _ in params["blocks"]]
    for t in range(idx.shape[1]):
        one_hot = F.one_hot(idx[:, t], len(params["tok"])).to(params["tok"].dtype)
        h = one_hot @ params["tok"] + params["pos"][t]
        for p, (keys, values) in zip(params["blocks"], memory, strict=True):
            z = ln(h, p["gamma_1"], p["beta_1"])
            q, k, v = ((z @ p[name].T).unflatten(1, (num_heads, -1)) for name in _INPUTS)
            keys.append(k)
            values.append(v)
            scores = torch.stack([(q * one).sum(-1) for one in keys]) / math.sqrt(q.shape[-1])
            a = torch.softmax(scores, dim=0).unsqueeze(-1)
            found = sum(share * one for share, one in zip(a, values, strict=True))
            h = h + found.flatten(1) @ p["W_o"].T
            z = ln(h, p["gamma_2"], p["beta_2"])
            h = h + F.linear(F.linear(z, p["W_1"], p["b_1"]).relu(), p["W_2"], p["b_2"])
        logits.append(ln(h, params["gamma"], params["beta"]) @ params["head"].T)
    return torch.stack(logits, dim=1)


# --- next_token_loss --------------------------------------------------------------------------


@alternative("next_token_loss")
def with_gather(logits, idx):
    log_p = torch.log_softmax(logits, dim=-1)
    return -log_p[:, :-1].gather(2, idx[:, 1:].unsqueeze(2)).mean()


@alternative("next_token_loss")
def question_by_question(logits, idx):
    N, T, _ = logits.shape
    total = 0.0
    for n in range(N):
        for t in range(T - 1):
            scores = logits[n, t]
            total = total + torch.logsumexp(scores, 0) - scores[idx[n, t + 1]]
    return total / (N * (T - 1))


@alternative("next_token_loss")
def with_classes_second(logits, idx):
    return F.cross_entropy(logits.permute(0, 2, 1)[..., :-1], idx[..., 1:], reduction="mean")


# --- generate ---------------------------------------------------------------------------------


@alternative("generate")
def with_gumbel_noise(model, idx, n, context, temperature, top_k, generator):
    text = idx.clone()
    for _ in range(n):
        shown = text if text.shape[1] <= context else text[:, text.shape[1] - context :]
        logits = model(shown)[:, -1, :]
        order = logits.argsort(dim=1, descending=True)
        keep = logits.shape[1] if top_k is None else min(top_k, logits.shape[1])
        u = torch.rand(logits.shape, generator=generator, dtype=torch.float64).to(logits.device)
        noisy = logits / temperature - torch.log(-torch.log(u.clamp(1e-12, 1 - 1e-12)))
        best = noisy.gather(1, order[:, :keep]).argmax(1, keepdim=True)
        text = torch.cat((text, order.gather(1, best)), dim=1)
    return text


@alternative("generate")
def by_the_cumulative_sum(model, idx, n, context, temperature, top_k, generator):
    rows = [row.tolist() for row in idx]
    for _ in range(n):
        shown = torch.tensor([row[-context:] for row in rows], device=idx.device)
        p = torch.softmax(model(shown)[:, -1].double() / temperature, dim=-1)
        if top_k is not None:
            top, where = p.topk(min(top_k, p.shape[1]), dim=-1)
            p = torch.zeros_like(p).scatter(1, where, top)
        c = p.cumsum(1)
        u = torch.rand(len(rows), 1, generator=generator).to(p) * c[:, -1:]
        drawn = (c <= u).sum(1)
        for row, token in zip(rows, drawn.tolist(), strict=True):
            row.append(token)
    return torch.tensor(rows, device=idx.device)


@alternative("generate")
def into_a_buffer(model, idx, n, context, temperature, top_k, generator):
    N, T = idx.shape
    text = torch.empty(N, T + n, dtype=torch.int64, device=idx.device)
    text[:, :T] = idx
    for t in range(T, T + n):
        logits = model(text[:, max(0, t - context) : t])[:, -1] * (1 / temperature)
        if top_k is not None:
            kept = logits.topk(min(top_k, logits.size(-1)))
            inside = torch.multinomial(kept.values.softmax(-1), 1, generator=generator)
            text[:, t] = kept.indices.gather(1, inside)[:, 0]
        else:
            p = torch.exp(logits - logits.amax(1, keepdim=True))
            text[:, t] = torch.multinomial(p, 1, generator=generator)[:, 0]
    return text
