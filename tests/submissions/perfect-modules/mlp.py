"""The multilayer perceptron, by hand."""

import torch

from losses import softmax


def mlp_forward(x, W_h, b_h, W_y, b_y):
    """Return the hidden layer and the class probabilities of a tanh network."""
    h = torch.tanh(x @ W_h.T + b_h)
    return h, softmax(h @ W_y.T + b_y, dim=1)


def mlp_backward(x, h, y_hat, y, W_y):
    """Return the gradients of the mean cross-entropy of a tanh network."""
    N = x.shape[0]
    grad_logits = (y_hat - y) / N
    grad_W_y = grad_logits.T @ h
    grad_b_y = grad_logits.sum(dim=0)
    grad_h = grad_logits @ W_y
    grad_pre = grad_h * (1 - h**2)
    grad_W_h = grad_pre.T @ x
    grad_b_h = grad_pre.sum(dim=0)
    return grad_W_h, grad_b_h, grad_W_y, grad_b_y


def embedding_backward(idx, grad_emb, num_embeddings):
    """Return the gradient of the loss with respect to an embedding table."""
    E = grad_emb.shape[-1]
    grad_table = torch.zeros(num_embeddings, E, dtype=grad_emb.dtype)
    grad_table.index_add_(0, idx.flatten(), grad_emb.reshape(-1, E))
    return grad_table


def ngram_backward(idx, target, W_1, W_2, emb, h, counts, probs):
    """Return the gradient of the loss with respect to every intermediate."""
    N = idx.shape[0]
    dlogprobs = torch.zeros_like(probs)
    dlogprobs[torch.arange(N), target] = -1.0 / N
    dprobs = dlogprobs / probs
    counts_sum = counts.sum(1, keepdim=True)
    dcounts_sum = (-counts / counts_sum**2 * dprobs).sum(1, keepdim=True)
    dcounts = dprobs / counts_sum
    dcounts += torch.ones_like(counts) * dcounts_sum  # counts is used twice
    dlogits = dcounts * counts
    dW_2 = dlogits.T @ h
    db_2 = dlogits.sum(0)
    dh = dlogits @ W_2
    dpre = dh * (1 - h**2)
    dW_1 = dpre.T @ emb.flatten(1)
    db_1 = dpre.sum(0)
    demb = (dpre @ W_1).reshape(emb.shape)
    dC = embedding_backward(idx, demb, probs.shape[1])
    return (dlogprobs, dprobs, dcounts_sum, dcounts, dlogits, dW_2, db_2,
            dh, dpre, dW_1, db_1, demb, dC)
