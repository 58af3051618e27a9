import torch


def softmax(z: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """Return the softmax of `z` along `dim`."""
    top = z.amax(dim, keepdim=True)
    return (z - top).exp() / (z - top).exp().sum(dim, keepdim=True)


def softmax_backward(grad_p: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
    """Return the gradient of the loss with respect to the scores of a softmax."""
    return p * (grad_p - torch.bmm(grad_p.unsqueeze(1), p.unsqueeze(2)).squeeze(2))


def cross_entropy(
    logits: torch.Tensor, target: torch.Tensor, reduction: str = "mean"
) -> torch.Tensor:
    """Return the cross-entropy between the targets and softmax of the logits."""
    top = logits.amax(1, keepdim=True)
    lse = ((logits - top).exp().sum(1, keepdim=True).log() + top).squeeze(1)
    if target.dtype == torch.int64:
        losses = lse - logits.gather(1, target.reshape(-1, 1)).squeeze(1)
    else:
        losses = lse - (target * logits).sum(1)
    if reduction == "none":
        return losses
    return losses.sum() / len(losses) if reduction == "mean" else losses.sum()


def cross_entropy_backward(
    logits: torch.Tensor, target: torch.Tensor, reduction: str = "mean"
) -> torch.Tensor:
    """Return the gradient of `cross_entropy` with respect to the logits."""
    if target.dtype == torch.int64:
        target = torch.eye(logits.shape[1], dtype=logits.dtype)[target]
    grad_logits = softmax(logits) - target
    return grad_logits / (len(logits) if reduction == "mean" else 1.0)
