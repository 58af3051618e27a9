import torch


def mlp_forward(x, W_h, b_h, W_y, b_y):
    h = torch.tanh(x @ W_h.T + b_h)
    logits = h @ W_y.T + b_y
    e = torch.exp(logits - logits.max(1, keepdim=True).values)
    return h, e / e.sum(1, keepdim=True)


def mlp_backward(x, h, y_hat, y, W_y):
    N = x.shape[0]
    grad_W_h, grad_b_h = torch.zeros(h.shape[1], x.shape[1]), torch.zeros(h.shape[1])
    grad_W_y, grad_b_y = torch.zeros_like(W_y), torch.zeros(W_y.shape[0])
    n = 0
    while n < N:
        delta = (y_hat[n] - y[n]) / N
        grad_W_y += torch.outer(delta, h[n])
        grad_b_y += delta
        delta_h = (W_y.T @ delta) * (1 - h[n] ** 2)
        grad_W_h += torch.outer(delta_h, x[n])
        grad_b_h += delta_h
    return grad_W_h, grad_b_h, grad_W_y, grad_b_y


def embedding_backward(idx, grad_emb, num_embeddings):
    grad_table = torch.zeros(num_embeddings, grad_emb.shape[-1], dtype=grad_emb.dtype)
    for row in range(num_embeddings):
        grad_table[row] = grad_emb[idx == row].sum(0)
    return grad_table
