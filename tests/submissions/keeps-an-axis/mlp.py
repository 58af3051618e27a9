import torch


def mlp_forward(x, W_h, b_h, W_y, b_y):
    a = torch.mm(x, W_h.t()) + b_h
    h = a.tanh()
    return h, torch.mm(h, W_y.t()).add(b_y).softmax(1)


def mlp_backward(x, h, y_hat, y, W_y):
    m = x.shape[0]
    dZ2 = (y_hat - y) / m
    dW2 = torch.mm(dZ2.t(), h)
    db2 = dZ2.sum(0, keepdim=True)   # keepdim as in the numpy course, (1, ny)
    dA1 = torch.mm(dZ2, W_y)
    dZ1 = dA1 * (1 - torch.pow(h, 2))
    dW1 = torch.mm(dZ1.t(), x)
    db1 = dZ1.sum(0, keepdim=True)
    return dW1, db1, dW2, db2
