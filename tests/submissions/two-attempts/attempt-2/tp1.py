import torch

def softmax(z, dim=-1):
    e = torch.exp(z - torch.amax(z, dim, keepdim=True))
    return e / e.sum(dim, keepdim=True)

def softmax_backward(grad_p, p):
    # every p_i depends on every z_j!
    return p * (grad_p - (grad_p * p).sum(-1, keepdim=True))

def mlp_forward(x, W_h, b_h, W_y, b_y):
    h = torch.tanh(x @ W_h.T + b_h)
    return h, softmax(h @ W_y.T + b_y)

def mlp_backward(x, h, y_hat, y, W_y):
    g = (y_hat - y) / len(x)
    grad_W_y, grad_b_y = g.T @ h, g.sum(0)
    g = (g @ W_y) * (1 - h * h)
    return g.T @ x, g.sum(0), grad_W_y, grad_b_y

def embedding_backward(idx, grad_emb, num_embeddings):
    table = torch.zeros(num_embeddings, grad_emb.shape[-1], dtype=grad_emb.dtype)
    for position, row in enumerate(idx.flatten()):
        table[row] += grad_emb.flatten(0, -2)[position]
    return table
