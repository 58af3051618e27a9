"""Other right versions of the exercises on language models: every suite accepts them."""

import math
from collections import Counter

import numpy as np
import torch

from autograder.checks.bank import alternative

# --- bigram_counts ----------------------------------------------------------------------------


@alternative("bigram_counts")
def with_a_counter(words, stoi):
    seen = Counter(pair for word in words for pair in zip("." + word, word + ".", strict=True))
    counts = torch.zeros((len(stoi), len(stoi)), dtype=torch.long)
    for (first, second), times in seen.items():
        counts[stoi[first], stoi[second]] = times
    return counts


@alternative("bigram_counts")
def with_bincount(words, stoi):
    V = len(stoi)
    text = "." + "".join(word + "." for word in words)
    path = torch.tensor([stoi[one] for one in text])
    return torch.bincount(path[:-1] * V + path[1:], minlength=V * V).reshape(V, V)


@alternative("bigram_counts")
def with_nested_lists(words, stoi):
    table = [[0] * len(stoi) for _ in stoi]
    for word in words:
        before = "."
        for one in [*word, "."]:
            table[stoi[before]][stoi[one]] += 1
            before = one
    return torch.tensor(table)


@alternative("bigram_counts")
def with_a_float_table(words, stoi):
    counts = torch.zeros(len(stoi), len(stoi))
    for word in words:
        path = torch.tensor([0] + [stoi[one] for one in word] + [0])
        counts.index_put_((path[:-1], path[1:]), torch.tensor(1.0), accumulate=True)
    return counts.long()


# --- bigram_probabilities ---------------------------------------------------------------------


@alternative("bigram_probabilities")
def row_by_row(counts, smoothing):
    P = torch.zeros(counts.shape, dtype=torch.float64, device=counts.device)
    for i, row in enumerate(counts):
        total = float(row.sum()) + len(row) * smoothing
        for j, one in enumerate(row):
            P[i, j] = (float(one) + smoothing) / total
    return P


@alternative("bigram_probabilities")
def in_single_precision(counts, smoothing):
    smooth = counts.float()
    smooth += smoothing
    smooth /= torch.sum(smooth, dim=1, keepdim=True)
    return smooth


@alternative("bigram_probabilities")
def with_einsum(counts, smoothing):
    smooth = counts.double() + smoothing
    return torch.einsum("ij,i->ij", smooth, 1 / smooth.sum(1))


@alternative("bigram_probabilities")
def transposed_twice(counts, smoothing):
    smooth = (counts + torch.tensor(smoothing, device=counts.device)).to(torch.float32)
    return (smooth.T / smooth.sum(dim=1)).T


# --- bigram_nll -------------------------------------------------------------------------------


@alternative("bigram_nll")
def with_a_loop(words, stoi, P):
    total, n = torch.zeros((), dtype=P.dtype, device=P.device), 0
    for word in words:
        before = 0
        for one in word + ".":
            total = total - torch.log(P[before, stoi[one]])
            before, n = stoi[one], n + 1
    return total / n


@alternative("bigram_nll")
def in_plain_numbers(words, stoi, P):
    surprises = [
        -math.log(p) if p > 0 else math.inf
        for word in words
        for p in (P[stoi[a], stoi[b]].item() for a, b in zip("." + word, word + ".", strict=True))
    ]
    return sum(surprises) / len(surprises)


@alternative("bigram_nll")
def with_xlogy(words, stoi, P):
    counts = torch.zeros_like(P)
    for word in words:
        for first, second in zip("." + word, word + ".", strict=True):
            counts[stoi[first], stoi[second]] += 1
    return -torch.special.xlogy(counts, P).sum() / counts.sum()


@alternative("bigram_nll")
def with_nll_loss(words, stoi, P):
    text = "." + "".join(word + "." for word in words)
    path = torch.tensor([stoi[one] for one in text], device=P.device)
    return torch.nn.functional.nll_loss(P[path[:-1]].log(), path[1:])


# --- sample_words -----------------------------------------------------------------------------


@alternative("sample_words")
def by_recursion(P, num_words, generator, max_len):
    P = P.cpu()

    def rest(current, left):
        if left == 0:
            return []
        following = torch.multinomial(P[current], num_samples=1, generator=generator).item()
        return [following, *rest(following, left - 1)] if following else []

    return [rest(0, max_len) for _ in range(num_words)]


@alternative("sample_words")
def with_cumulative_sums(P, num_words, generator, max_len):
    edges = P.double().cpu().cumsum(1)
    edges = edges / edges[:, -1:]
    words = []
    for _ in range(num_words):
        word, current = [], 0
        for _ in range(max_len):
            u = torch.rand((), generator=generator, dtype=torch.float64)
            current = int((edges[current] <= u).sum())
            if current == 0:
                break
            word.append(current)
        words.append(word)
    return words


@alternative("sample_words")
def all_words_at_once(P, num_words, generator, max_len):
    words = [[] for _ in range(num_words)]
    current = torch.zeros(num_words, dtype=torch.int64)
    writing = torch.arange(num_words)
    for _ in range(max_len):
        if len(writing) == 0:
            break
        current = torch.multinomial(P.cpu()[current], 1, generator=generator).squeeze(1)
        going = current != 0
        writing, current = writing[going], current[going]
        for k, one in zip(writing.tolist(), current.tolist(), strict=True):
            words[k].append(one)
    return words


@alternative("sample_words")
def with_gumbel_noise(P, num_words, generator, max_len):
    log_p = P.cpu().double().log()
    words = []
    for _ in range(num_words):
        word = []
        while len(word) < max_len:
            u = torch.rand(len(P), generator=generator, dtype=torch.float64).clamp(min=1e-300)
            following = int((log_p[word[-1] if word else 0] - torch.log(-torch.log(u))).argmax())
            if not following:
                break
            word.append(following)
        words.append(word)
    return words


# --- bigram_logits_loss_grad ------------------------------------------------------------------


@alternative("bigram_logits_loss_grad")
def with_one_hot(W, xs, ys):
    V, n = W.shape[1], xs.shape[0]
    x = torch.nn.functional.one_hot(xs, num_classes=V).to(W.dtype)
    y = torch.nn.functional.one_hot(ys, num_classes=V).to(W.dtype)
    logits = x @ W
    shift = logits.amax(dim=1, keepdim=True)
    counts = torch.exp(logits - shift)
    probs = counts / counts.sum(1, keepdim=True)
    log_z = shift + torch.log(counts.sum(1, keepdim=True))
    loss = (log_z.squeeze(1) - (logits * y).sum(1)).sum() / n
    return loss, x.T @ (probs - y) / n


@alternative("bigram_logits_loss_grad")
def pair_by_pair(W, xs, ys):
    loss, grad = W.new_zeros(()), torch.zeros_like(W)
    for x, y in zip(xs.tolist(), ys.tolist(), strict=True):
        row = W[x] - W[x].max()
        e = torch.exp(row)
        loss = loss - (row[y] - torch.log(e.sum())) / len(xs)
        grad[x] += e / e.sum() / len(xs)
        grad[x, y] -= 1 / len(xs)
    return [loss, grad]


@alternative("bigram_logits_loss_grad")
def through_the_counts(W, xs, ys):
    n, V = len(xs), len(W)
    pairs = torch.bincount(xs * V + ys, minlength=V * V).reshape(V, V).to(W.dtype)
    shifted = W - W.max(dim=1).values[:, None]
    log_p = shifted - torch.log(torch.exp(shifted).sum(1))[:, None]
    loss = -torch.sum(pairs * log_p) / n
    return loss, (pairs.sum(1, keepdim=True) * torch.exp(log_p) - pairs) / n


@alternative("bigram_logits_loss_grad")
def with_logaddexp(W, xs, ys):
    logits = W[xs]
    log_z = logits[:, 0]
    for column in logits.T[1:]:
        log_z = torch.logaddexp(log_z, column)
    loss = (log_z - logits.gather(1, ys.unsqueeze(1)).squeeze(1)).mean()
    delta = torch.exp(logits - log_z.unsqueeze(1)) - torch.eye(len(W)).to(W)[ys]
    return loss, torch.zeros_like(W).index_put((xs,), delta / len(xs), accumulate=True)


# --- build_dataset ----------------------------------------------------------------------------


@alternative("build_dataset")
def with_a_sliding_context(words, stoi, block_size):
    X, Y = [], []
    for word in words:
        context = [0] * block_size
        for one in word + ".":
            X.append(context)
            Y.append(stoi[one])
            context = [*context[1:], stoi[one]]
    return torch.tensor(X), torch.tensor(Y)


@alternative("build_dataset")
def with_unfold(words, stoi, block_size):
    windows = []
    for word in words:
        path = torch.tensor([0] * block_size + [stoi[one] for one in word] + [0])
        windows.append(path.unfold(0, block_size + 1, 1))
    windows = torch.cat(windows)
    return windows[:, :block_size], windows[:, block_size]


@alternative("build_dataset")
def with_copies_of_one_list(words, stoi, block_size):
    X, Y = [], []
    for word in words:
        context = ["."] * block_size
        for one in (*word, "."):
            X.append([stoi[character] for character in context])
            Y.append(stoi[one])
            context.append(one)
            del context[0]
    return [torch.tensor(X, dtype=torch.int64), torch.tensor(Y, dtype=torch.int64)]


@alternative("build_dataset")
def with_numpy(words, stoi, block_size):
    n = sum(len(word) + 1 for word in words)
    X, Y = np.zeros((n, block_size), dtype=np.int64), np.zeros(n, dtype=np.int64)
    k = 0
    for word in words:
        for i in range(len(word) + 1):
            for back in range(1, min(i, block_size) + 1):
                X[k, -back] = stoi[word[i - back]]
            Y[k] = stoi[word[i]] if i < len(word) else 0
            k += 1
    return torch.from_numpy(X), torch.from_numpy(Y)


# --- ngram_mlp_forward ------------------------------------------------------------------------


@alternative("ngram_mlp_forward")
def with_library_functions(C, W_1, b_1, W_2, b_2, X):
    emb = torch.nn.functional.embedding(X, C)
    h = torch.nn.functional.linear(emb.view(len(X), -1), W_1, b_1).tanh()
    return h, torch.nn.functional.linear(h, W_2, b_2)


@alternative("ngram_mlp_forward")
def place_by_place(C, W_1, b_1, W_2, b_2, X):
    E = C.shape[1]
    pre = b_1.expand(len(X), -1)
    for place in range(X.shape[1]):
        pre = pre + C[X[:, place]] @ W_1[:, place * E : (place + 1) * E].T
    h = torch.tanh(pre)
    return [h, h @ W_2.T + b_2]


@alternative("ngram_mlp_forward")
def with_one_hot_and_einsum(C, W_1, b_1, W_2, b_2, X):
    x = torch.nn.functional.one_hot(X, len(C)).to(C.dtype)
    emb = torch.einsum("nbv,ve->nbe", x, C)
    weight = W_1.reshape(len(W_1), X.shape[1], C.shape[1])
    h = 2 * torch.sigmoid(2 * (torch.einsum("nbe,hbe->nh", emb, weight) + b_1)) - 1
    return h, torch.einsum("nh,vh->nv", h, W_2) + b_2


@alternative("ngram_mlp_forward")
def example_by_example(C, W_1, b_1, W_2, b_2, X):
    rows = [torch.cat([C[i] for i in context.tolist()]) for context in X]
    h = torch.stack([torch.tanh(W_1 @ row + b_1) for row in rows])
    return h, torch.stack([W_2 @ row + b_2 for row in h])


# --- ngram_mlp_backward -----------------------------------------------------------------------


@alternative("ngram_mlp_backward")
def backward_by_example(grad_logits, C, W_1, W_2, X, h):
    grad_C, grad_W_1, grad_W_2 = torch.zeros_like(C), torch.zeros_like(W_1), torch.zeros_like(W_2)
    grad_b_1, grad_b_2 = W_1.new_zeros(len(W_1)), W_2.new_zeros(len(W_2))
    E = C.shape[1]
    for k, context in enumerate(X.tolist()):
        flat = torch.cat([C[i] for i in context])
        grad_W_2 += torch.outer(grad_logits[k], h[k])
        grad_b_2 += grad_logits[k]
        grad_pre = (W_2.T @ grad_logits[k]) * (1 - h[k] ** 2)
        grad_W_1 += torch.outer(grad_pre, flat)
        grad_b_1 += grad_pre
        grad_flat = W_1.T @ grad_pre
        for place, i in enumerate(context):
            grad_C[i] += grad_flat[place * E : (place + 1) * E]
    return grad_C, grad_W_1, grad_b_1, grad_W_2, grad_b_2


@alternative("ngram_mlp_backward")
def backward_with_einsum(grad_logits, C, W_1, W_2, X, h):
    B = X.shape[1]
    x = torch.nn.functional.one_hot(X, len(C)).to(C.dtype)
    delta = torch.einsum("nv,vh,nh->nh", grad_logits, W_2, (1 + h) * (1 - h))
    grad_emb = torch.einsum("nh,hbe->nbe", delta, W_1.reshape(len(W_1), B, -1))
    emb = torch.einsum("nbv,ve->nbe", x, C)
    return (
        torch.einsum("nbv,nbe->ve", x, grad_emb),
        torch.einsum("nh,nbe->hbe", delta, emb).reshape(W_1.shape),
        torch.einsum("nh->h", delta),
        torch.einsum("nv,nh->vh", grad_logits, h),
        torch.einsum("nv->v", grad_logits),
    )


@alternative("ngram_mlp_backward")
def backward_with_index_put(grad_logits, C, W_1, W_2, X, h):
    one = torch.ones_like(h[:, :1])
    last = grad_logits.T @ torch.cat([h, one], dim=1)
    grad_h = torch.mm(grad_logits, W_2)
    grad_pre = grad_h - grad_h * h.square()
    flat = torch.cat([C[X[:, place]] for place in range(X.shape[1])] + [one], dim=1)
    first = grad_pre.T @ flat
    grad_emb = (grad_pre @ W_1).view(X.shape[0], X.shape[1], -1)
    grad_C = torch.zeros_like(C).index_put_((X,), grad_emb, accumulate=True)
    return [grad_C, first[:, :-1], first[:, -1], last[:, :-1], last[:, -1]]


# --- train_ngram_mlp --------------------------------------------------------------------------


def _gradients(C, W_1, b_1, W_2, b_2, X, Y):
    flat = C[X].flatten(1)
    h = torch.tanh(flat @ W_1.T + b_1)
    delta = torch.softmax(h @ W_2.T + b_2, dim=1)
    delta[torch.arange(len(X)), Y] -= 1
    delta /= len(X)
    inner = delta @ W_2 * (1 - h * h)
    grad_emb = (inner @ W_1).reshape(-1, C.shape[1])
    grad_C = torch.zeros_like(C).index_add(0, X.reshape(-1), grad_emb)
    return grad_C, inner.T @ flat, inner.sum(0), delta.T @ h, delta.sum(0)


@alternative("train_ngram_mlp")
def on_batches(X, Y, num_embeddings, embedding_dim, hidden, steps, lr, generator):
    width = X.shape[1] * embedding_dim
    shapes = [(num_embeddings, embedding_dim), (hidden, width), (hidden,)]
    shapes += [(num_embeddings, hidden), (num_embeddings,)]
    spreads = [1, width**-0.5, 0, hidden**-0.5, 0]
    params = [
        (spread * torch.randn(shape, generator=generator, dtype=torch.float64)).to(X.device)
        for shape, spread in zip(shapes, spreads, strict=True)
    ]
    for _ in range(steps):
        batch = torch.randint(len(X), (min(100, len(X)),), generator=generator).to(X.device)
        grads = _gradients(*params, X[batch], Y[batch])
        params = [one - lr * grad for one, grad in zip(params, grads, strict=True)]
    return params


@alternative("train_ngram_mlp")
def in_place_from_small_weights(
    X, Y, num_embeddings, embedding_dim, hidden, steps, lr, generator
):  # fmt: skip
    width = X.shape[1] * embedding_dim
    C = torch.empty(num_embeddings, embedding_dim).normal_(0, 1, generator=generator)
    W_1 = (torch.rand(hidden, width, generator=generator) * 2 - 1) * math.sqrt(3 / width)
    W_2 = 0.1 * torch.randn(num_embeddings, hidden, generator=generator)
    params = (C, W_1, torch.zeros(hidden), W_2, torch.zeros(num_embeddings))
    params = tuple(one.to(X.device) for one in params)
    for _ in range(steps):
        for one, grad in zip(params, _gradients(*params, X, Y), strict=True):
            one.sub_(lr * grad)
    return params
