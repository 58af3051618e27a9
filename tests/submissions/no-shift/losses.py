import torch


def softmax(z: torch.Tensor, dim: int = -1) -> torch.Tensor:
    numerator = torch.exp(z)
    denominator = torch.sum(numerator, dim=dim, keepdim=True)
    return numerator / denominator


def softmax_backward(grad_p: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
    dot = torch.sum(grad_p * p, dim=-1, keepdim=True)
    return (grad_p - dot) * p


# found in the class notes that you have to subtract the max here
def log_probs(logits):
    logits = logits - torch.max(logits, dim=1, keepdim=True).values
    return logits - torch.log(torch.sum(torch.exp(logits), dim=1, keepdim=True))


def cross_entropy(logits, target, reduction="mean"):
    lp = log_probs(logits)
    if target.dim() == 1:
        loss = -torch.gather(lp, 1, target.unsqueeze(-1)).squeeze(-1)
    else:
        loss = -torch.sum(target * lp, dim=1)
    if reduction == "mean":
        loss = torch.mean(loss)
    if reduction == "sum":
        loss = torch.sum(loss)
    return loss


def cross_entropy_backward(logits, target, reduction="mean"):
    grad = torch.exp(log_probs(logits))
    if target.dim() == 1:
        grad[torch.arange(logits.shape[0]), target] -= 1.0
    else:
        grad = grad - target
    if reduction == "mean":
        grad = grad / logits.shape[0]
    return grad
