import torch

def softmax(z, dim=-1):
    e = torch.exp(z - torch.max(z, dim=dim, keepdim=True)[0])
    return e / torch.sum(e, dim=dim, keepdim=True)
