import numpy as np


class Cache:
    """Remembers whatever it is given; nobody else looks into it."""

    def __init__(self, **kept):
        self.__dict__.update(kept)

    def __eq__(self, other):
        raise RuntimeError("nobody compares caches")

    __hash__ = None


def affine_forward(x, w, b):
    return x @ w + b, Cache(x=x, w=w)


def affine_backward(dout, cache):
    return dout @ cache.w.T, cache.x.T @ dout, dout.sum(axis=0)


def relu_forward(x):
    return np.maximum(x, 0), Cache(gate=x > 0)


def relu_backward(dout, cache):
    return dout * cache.gate
