import torch


def mlp_forward(x, W_h, b_h, W_y, b_y):
    h = torch.tanh(torch.matmul(x, W_h.transpose(0, 1)) + b_h)
    y_hat = torch.softmax(torch.matmul(h, W_y.transpose(0, 1)) + b_y, dim=-1)
    return h, y_hat


def mlp_backward(x, h, y_hat, y, W_y):
    d_y = (y_hat - y) / y.shape[0]
    d_h = torch.matmul(d_y, W_y) * (1 - h * h)
    return (torch.matmul(d_h.transpose(0, 1), x), d_h.sum(0),
            torch.matmul(d_y.transpose(0, 1), h), d_y.sum(0))


# (*)
def embedding_backward(idx, grad_emb, num_embeddings):
    out = torch.zeros(num_embeddings, grad_emb.shape[-1]).to(grad_emb.dtype)
    rows, grads = idx.reshape(-1), grad_emb.reshape(-1, grad_emb.shape[-1])
    for k in range(len(rows)):
        out[rows[k]] = grads[k]
    return out


# (*)
def ngram_backward(idx, target, W_1, W_2, emb, h, counts, probs):
    n = len(idx)
    g_logprobs = torch.zeros_like(probs)
    for i in range(n):
        g_logprobs[i, target[i]] = -1 / n
    g_probs = g_logprobs * (1 / probs)
    counts_sum = counts.sum(1, keepdim=True)
    g_counts_sum = (g_probs * counts * -(counts_sum ** -2)).sum(1, keepdim=True)
    g_counts = g_probs * (1 / counts_sum) + g_counts_sum
    g_logits = g_counts * counts
    g_W_2 = torch.matmul(g_logits.transpose(0, 1), h)
    g_h = torch.matmul(g_logits, W_2)
    g_pre = g_h * (1 - h * h)
    g_W_1 = torch.matmul(g_pre.transpose(0, 1), emb.reshape(n, -1))
    g_emb = torch.matmul(g_pre, W_1).reshape(*emb.shape)
    g_C = embedding_backward(idx, g_emb, probs.shape[1])
    return (g_logprobs, g_probs, g_counts_sum, g_counts, g_logits, g_W_2, g_logits.sum(0),
            g_h, g_pre, g_W_1, g_pre.sum(0), g_emb, g_C)
