# I don't trust broadcasting so I wrote loops. Slow but I can check each index on paper.
import math

import torch


def softmax(scores, dim=-1):
    rows = scores.movedim(dim, -1)
    table = rows.reshape(-1, rows.shape[-1])
    answer = torch.zeros(table.shape, dtype=scores.dtype)
    for i in range(table.shape[0]):
        values = table[i].tolist()
        top = max(values)
        exps = [math.exp(v - top) for v in values]
        for j in range(len(exps)):
            answer[i, j] = exps[j] / sum(exps)
    return answer.reshape(rows.shape).movedim(-1, dim)


def softmax_backward(upstream, probas):
    N, C = probas.shape
    result = torch.zeros(N, C, dtype=probas.dtype)
    for n in range(N):
        for j in range(C):
            for i in range(C):
                kronecker = 1.0 if i == j else 0.0
                result[n, j] += upstream[n, i] * probas[n, i] * (kronecker - probas[n, j])
    return result


def cross_entropy(logits, labels, reduction="mean"):
    all_losses = []
    for scores, label in zip(logits, labels):
        top = scores.max()
        log_denominator = top + torch.log(torch.sum(torch.exp(scores - top)))
        if label.dim() == 0:
            all_losses.append(log_denominator - scores[label])
        else:
            loss = 0
            for c in range(len(scores)):
                loss = loss + label[c] * (log_denominator - scores[c])
            all_losses.append(loss)
    all_losses = torch.stack(all_losses)
    if reduction == "mean":
        return sum(all_losses) / len(all_losses)
    if reduction == "sum":
        return sum(all_losses)
    return all_losses


def cross_entropy_backward(logits, labels, reduction="mean"):
    out = softmax(logits)
    for n in range(len(logits)):
        if labels.dim() == 1:
            out[n, labels[n]] -= 1
        else:
            for c in range(logits.shape[1]):
                out[n, c] -= labels[n, c]
    if reduction == "mean":
        out /= len(logits)
    return out


def mlp_forward(x, W1, b1, W2, b2):
    N = len(x)
    hidden = torch.zeros(N, len(b1), dtype=x.dtype)
    output = torch.zeros(N, len(b2), dtype=x.dtype)
    for n in range(N):
        for j in range(len(b1)):
            hidden[n, j] = torch.tanh(torch.dot(W1[j], x[n]) + b1[j])
        output[n] = softmax(W2 @ hidden[n] + b2)
    return hidden, output


def mlp_backward(x, hidden, prediction, truth, W2):
    N, n_in = x.shape
    n_hidden, n_out = hidden.shape[1], truth.shape[1]
    dW1 = torch.zeros(n_hidden, n_in, dtype=x.dtype)
    db1 = torch.zeros(n_hidden, dtype=x.dtype)
    dW2 = torch.zeros(n_out, n_hidden, dtype=x.dtype)
    db2 = torch.zeros(n_out, dtype=x.dtype)
    for n in range(N):
        delta2 = (prediction[n] - truth[n]) / N
        delta1 = (W2.T @ delta2) * (1 - hidden[n] ** 2)
        dW2 += torch.outer(delta2, hidden[n])
        db2 += delta2
        dW1 += torch.outer(delta1, x[n])
        db1 += delta1
    return dW1, db1, dW2, db2


def embedding_backward(positions, grads, how_many):
    table = torch.zeros(how_many, grads.shape[-1], dtype=grads.dtype)
    flat = grads.reshape(-1, grads.shape[-1])
    for k, row in enumerate(positions.flatten().tolist()):
        table[row] += flat[k]
    return table


def ngram_backward(context, following, W1, W2, emb, hidden, counts, probas):
    N, V = probas.shape
    d_logprobs = torch.zeros(N, V, dtype=probas.dtype)
    d_probas = torch.zeros(N, V, dtype=probas.dtype)
    d_sum = torch.zeros(N, 1, dtype=probas.dtype)
    d_counts = torch.zeros(N, V, dtype=probas.dtype)
    for n in range(N):
        t = following[n]
        S = counts[n].sum()
        d_logprobs[n, t] = -1 / N
        d_probas[n, t] = -1 / (N * probas[n, t])
        d_sum[n, 0] = 1 / (N * S)      # -d_probas * counts / S^2, and counts / S = probas
        for v in range(V):
            d_counts[n, v] = d_probas[n, v] / S + d_sum[n, 0]
    d_logits = d_counts * counts
    d_hidden = torch.stack([W2.T @ row for row in d_logits])
    d_pre = d_hidden - d_hidden * hidden * hidden
    d_emb = torch.stack([W1.T @ row for row in d_pre]).reshape(emb.shape)
    flat = emb.reshape(N, -1)
    d_W2 = sum(torch.outer(d_logits[n], hidden[n]) for n in range(N))
    d_W1 = sum(torch.outer(d_pre[n], flat[n]) for n in range(N))
    d_C = embedding_backward(context, d_emb, V)
    return (d_logprobs, d_probas, d_sum, d_counts, d_logits, d_W2, sum(d_logits),
            d_hidden, d_pre, d_W1, sum(d_pre), d_emb, d_C)
