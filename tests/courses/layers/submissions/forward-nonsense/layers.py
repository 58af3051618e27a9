import numpy as np


def affine_forward(x, w, b):
    return "out", "cache", "and more"


def affine_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.sum(axis=0)


def relu_forward(x):
    out = np.maximum(x, 0)
    out += 0


def relu_backward(dout, cache):
    return dout * (cache > 0)
