# TP 1 - Frédérique, groupe du matin
# la dérivée du softmax a été vérifiée à la main (voir la feuille jointe)
import torch


def softmax(z, dim=-1):
    décalé = z - z.amax(dim, keepdim=True)   # évite les dépassements
    e = décalé.exp()
    return e / e.sum(dim, keepdim=True)


def softmax_backward(grad_p, p):
    # très important : la somme se fait sur les classes, pas sur les exemples
    return p * (grad_p - (p * grad_p).sum(-1, keepdim=True))


def cross_entropy_backward(logits, target, reduction="mean"):
    Y = torch.eye(logits.shape[1], dtype=logits.dtype)[target] if target.dim() == 1 else target
    gradient = softmax(logits) - Y
    # moyenne sur les N exemples, évidemment
    return gradient / len(logits) if reduction == "mean" else gradient
