"""Other right ways to write the layers."""

import numpy as np

from autograder.checks.bank import alternative


@alternative("affine_backward")
def in_a_loop_over_samples(dout, cache):
    """Add outer products."""
    x, w = cache
    dw = np.zeros_like(w)
    db = np.zeros(w.shape[1])
    for xi, di in zip(x, dout, strict=True):
        dw += np.outer(xi, di)
        db += di
    return np.stack([di @ w.T for di in dout]), dw, db


@alternative("relu_backward")
def with_a_mask_in_place(dout, cache):
    """Zero a copy where the gate is closed."""
    dx = dout.copy()
    dx[cache <= 0] = 0
    return dx
