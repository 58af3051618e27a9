# sorry, my laptop was broken on Monday
import torch


def mlp_forward(x, W_h, b_h, W_y, b_y):
    h = torch.tanh(torch.addmm(b_h, x, W_h.T))
    return h, torch.softmax(torch.addmm(b_y, h, W_y.T), dim=1)


def mlp_backward(x, h, y_hat, y, W_y):
    dy = (y_hat - y) / len(y)
    dh = torch.mm(dy, W_y) * (1 - h**2)
    return torch.mm(dh.T, x), dh.sum(dim=0), torch.mm(dy.T, h), dy.sum(dim=0)


def embedding_backward(idx, grad_emb, num_embeddings):
    rows = torch.arange(num_embeddings).unsqueeze(1)
    chosen = (rows == idx.reshape(1, -1)).to(grad_emb.dtype)  # (V, K)
    return chosen @ grad_emb.reshape(-1, grad_emb.shape[-1])
