"""Losses and softmax, by hand."""

import torch


def softmax(z: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """Return the softmax of `z` along `dim`."""
    shifted = z - z.max(dim=dim, keepdim=True).values
    exps = shifted.exp()
    return exps / exps.sum(dim=dim, keepdim=True)


def softmax_backward(grad_p: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
    """Return the gradient of the loss with respect to the scores of a softmax."""
    # J = diag(p) - p p^T, so J^T g = p * g - p * <p, g>
    inner = (grad_p * p).sum(dim=1, keepdim=True)
    return p * grad_p - p * inner


def _log_softmax(logits):
    shifted = logits - logits.max(dim=1, keepdim=True).values
    return shifted - shifted.exp().sum(dim=1, keepdim=True).log()


def cross_entropy(
    logits: torch.Tensor, target: torch.Tensor, reduction: str = "mean"
) -> torch.Tensor:
    """Return the cross-entropy between the targets and softmax of the logits."""
    log_p = _log_softmax(logits)
    if target.dim() == 1:
        losses = -log_p[torch.arange(len(target)), target]
    else:
        losses = -(target * log_p).sum(dim=1)
    if reduction == "none":
        return losses
    return losses.mean() if reduction == "mean" else losses.sum()


def cross_entropy_backward(
    logits: torch.Tensor, target: torch.Tensor, reduction: str = "mean"
) -> torch.Tensor:
    """Return the gradient of `cross_entropy` with respect to the logits."""
    if target.dim() == 1:
        target = torch.nn.functional.one_hot(target, logits.shape[1]).to(logits.dtype)
    grad = softmax(logits, dim=1) - target
    if reduction == "mean":
        grad = grad / logits.shape[0]
    return grad


if __name__ == "__main__":
    z = torch.randn(4, 3)
    print(softmax(z).sum(1))
