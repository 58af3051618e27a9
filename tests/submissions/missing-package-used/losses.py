import torch
from d2l import torch as d2l


def softmax(z, dim=-1):
    z_exp = torch.exp(z - z.max(dim=dim, keepdim=True)[0])
    partition = z_exp.sum(dim, keepdim=True)
    return z_exp / partition


def softmax_backward(grad_p, p):
    return p * (grad_p - (grad_p * p).sum(1, keepdim=True))


def cross_entropy(logits, target, reduction="mean"):
    logits = logits - logits.max(dim=1, keepdim=True)[0]
    log_p = logits - torch.log(torch.exp(logits).sum(1, keepdim=True))
    if target.dim() == 1:
        losses = -log_p[list(range(len(target))), target]
    else:
        losses = -(target * log_p).sum(1)
    if reduction == "mean":
        return losses.mean()
    if reduction == "sum":
        return losses.sum()
    return losses


def cross_entropy_backward(logits, target, reduction="mean"):
    if target.dim() == 1:
        target = d2l.one_hot(target, logits.shape[1])
    grad = softmax(logits) - target
    return grad / len(logits) if reduction == "mean" else grad
