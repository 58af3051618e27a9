import time

import torch


def mlp_forward(x, W_h, b_h, W_y, b_y):
    h = torch.tanh(x.matmul(W_h.T) + b_h)
    return h, torch.softmax(h.matmul(W_y.T) + b_y, dim=1)


def mlp_backward(x, h, y_hat, y, W_y):
    grad_logits = (y_hat - y).div(len(y))
    grad_pre = grad_logits.matmul(W_y).mul(1 - h.square())
    return grad_pre.T.matmul(x), grad_pre.sum(0), grad_logits.T.matmul(h), grad_logits.sum(0)


def embedding_backward(idx, grad_emb, num_embeddings):
    print("idx", idx.shape, "grad", grad_emb.shape)
    time.sleep(600)  # time to read the print
    table = torch.zeros(num_embeddings, grad_emb.shape[-1], dtype=grad_emb.dtype)
    return table.index_add(0, idx.reshape(-1), grad_emb.reshape(-1, grad_emb.shape[-1]))
