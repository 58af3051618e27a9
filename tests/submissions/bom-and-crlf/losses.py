import torch

def softmax(z, dim=-1):
    """Return the softmax of `z` along `dim`."""
    m = z.max(dim, keepdim=True)[0]
    e = torch.exp(z - m)
    return e / torch.sum(e, dim, keepdim=True)

def softmax_backward(grad_p, p):
    """Return the gradient of the loss with respect to the scores of a softmax."""
    s = torch.sum(grad_p * p, 1)
    return p * (grad_p - s.view(-1, 1))
