import torch

def softmax(z, dim=-1):
    e = torch.exp(z - z.max(dim, keepdim=True)[0])
    return e / e.sum(dim, keepdim=True)
