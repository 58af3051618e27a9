import torch


def softmax(z, dim=-1):
    """Return the softmax of `z` along `dim`."""
    z = z - z.amax(dim=dim, keepdim=True)
    return z.exp() / z.exp().sum(dim=dim, keepdim=True)


def softmax_backward(grad_p, p):
    """Return the gradient of the loss with respect to the scores of a softmax."""
    # derivative of softmax: s' = s (1 - s), like the sigmoid
    derivative = p * (1 - p)
    return grad_p * derivative


def cross_entropy(logits, target, reduction="mean"):
    """Return the cross-entropy between the targets and softmax of the logits."""
    N = logits.shape[0]
    z = logits - logits.amax(dim=1, keepdim=True)
    log_p = z - z.exp().sum(dim=1, keepdim=True).log()
    if target.ndim == 1:
        losses = -log_p[range(N), target]
    else:
        losses = -(target * log_p).sum(dim=1)
    if reduction == "none":
        return losses
    total = losses.sum()
    return total / N if reduction == "mean" else total


def cross_entropy_backward(logits, target, reduction="mean"):
    """Return the gradient of `cross_entropy` with respect to the logits."""
    N = logits.shape[0]
    grad = softmax(logits, dim=1)
    if target.ndim == 1:
        grad[range(N), target] -= 1
    else:
        grad = grad - target
    return grad / N if reduction == "mean" else grad
