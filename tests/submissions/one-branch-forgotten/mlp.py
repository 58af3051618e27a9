import torch
import torch.nn.functional as F


def mlp_forward(x, W_h, b_h, W_y, b_y):
    hidden = torch.tanh(F.linear(x, W_h, b_h))
    return hidden, F.softmax(F.linear(hidden, W_y, b_y), dim=1)


def mlp_backward(x, h, y_hat, y, W_y):
    g = (y_hat - y) / x.shape[0]
    gh = g @ W_y * (1 - h.pow(2))
    return gh.T @ x, gh.sum(0), g.T @ h, g.sum(0)


def embedding_backward(idx, grad_emb, num_embeddings):
    E = grad_emb.shape[-1]
    table = grad_emb.new_zeros((num_embeddings, E))
    index = idx.reshape(-1, 1).expand(-1, E)
    return table.scatter_add(0, index, grad_emb.reshape(-1, E))


def ngram_backward(idx, target, W_1, W_2, emb, h, counts, probs):
    # backprop ninja: manually, as in the video
    N = idx.shape[0]
    counts_sum = counts.sum(1, keepdims=True)
    counts_sum_inv = counts_sum**-1

    dlogprobs = torch.zeros_like(probs)
    dlogprobs[range(N), target] = -1.0 / N
    dprobs = (1.0 / probs) * dlogprobs
    dcounts = counts_sum_inv * dprobs
    dcounts_sum_inv = (counts * dprobs).sum(1, keepdim=True)
    dcounts_sum = (-(counts_sum**-2)) * dcounts_sum_inv
    dlogits = counts * dcounts
    dh = dlogits @ W_2
    dW_2 = dlogits.T @ h
    db_2 = dlogits.sum(0)
    dpre = (1.0 - h**2) * dh
    dW_1 = dpre.T @ emb.flatten(1)
    db_1 = dpre.sum(0)
    demb = (dpre @ W_1).unflatten(1, emb.shape[1:])
    dC = torch.zeros(probs.shape[1], emb.shape[2], dtype=emb.dtype)
    for k in range(idx.shape[0]):
        for j in range(idx.shape[1]):
            dC[idx[k, j]] += demb[k, j]
    return (dlogprobs, dprobs, dcounts_sum, dcounts, dlogits, dW_2, db_2, dh, dpre,
            dW_1, db_1, demb, dC)
