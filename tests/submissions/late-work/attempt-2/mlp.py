import torch


def mlp_forward(x, W_h, b_h, W_y, b_y):
    h = torch.tanh(x @ W_h.mT + b_h)
    return h, torch.softmax(h @ W_y.mT + b_y, dim=-1)


def mlp_backward(x, h, y_hat, y, W_y):
    grad_logits = (y_hat - y) / x.shape[0]
    grad_pre = grad_logits @ W_y * (1 - h.square())
    return grad_pre.mT @ x, grad_pre.sum(0), grad_logits.mT @ h, grad_logits.sum(0)
