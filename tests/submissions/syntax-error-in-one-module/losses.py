import torch


def softmax(z, dim=-1):
    e = torch.exp(z - z.amax(dim, keepdim=True))
    return e / e.sum(dim, keepdim=True)


def softmax_backward(grad_p, p)
    return p * (grad_p - (grad_p * p).sum(1, keepdim=True))
