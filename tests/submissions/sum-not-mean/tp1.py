import torch


def softmax(z, dim=-1):
    c = torch.max(z, dim, keepdim=True).values
    ez = torch.exp(z - c)
    return ez / torch.sum(ez, dim, keepdim=True)


def softmax_backward(grad_p, p):
    return p * (grad_p - torch.sum(p * grad_p, -1, keepdim=True))


def cross_entropy(logits, target, reduction="mean"):
    c = torch.max(logits, 1, keepdim=True).values
    logsum = c + torch.log(torch.sum(torch.exp(logits - c), 1, keepdim=True))
    logp = logits - logsum
    if len(target.shape) == 1:
        ce = -logp[torch.arange(target.shape[0]), target]
    else:
        ce = -torch.sum(target * logp, 1)
    if reduction == "mean":
        return torch.mean(ce)
    return torch.sum(ce) if reduction == "sum" else ce


def cross_entropy_backward(logits, target, reduction="mean"):
    P = softmax(logits, 1)
    if len(target.shape) == 1:
        Y = torch.zeros_like(P)
        Y[torch.arange(target.shape[0]), target] = 1
    else:
        Y = target
    if reduction == "sum":
        return P - Y
    return (P - Y) / P.shape[0]


def mlp_forward(x, W_h, b_h, W_y, b_y):
    h_tilde = x @ W_h.T + b_h
    h = torch.tanh(h_tilde)
    y_tilde = h @ W_y.T + b_y
    return h, softmax(y_tilde, 1)


def mlp_backward(x, h, y_hat, y, W_y):
    # same names as on the slide
    delta_y = y_hat - y
    grad_W_y = delta_y.T @ h
    grad_b_y = torch.sum(delta_y, 0)
    delta_h = (delta_y @ W_y) * (1 - h**2)
    grad_W_h = delta_h.T @ x
    grad_b_h = torch.sum(delta_h, 0)
    return grad_W_h, grad_b_h, grad_W_y, grad_b_y
