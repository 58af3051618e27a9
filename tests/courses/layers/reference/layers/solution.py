# %% [markdown]
# # Layers in numpy
#
# Each `*_forward` returns its output and a `cache`: whatever its `*_backward` needs. Nobody looks
# into the cache but you.

# %%
import numpy as np

# %% [markdown]
# ## Affine
# `out = x W + b` with `x` (N, D), `W` (D, M), `b` (M,).


# %%
def affine_forward(x, w, b):
    """Return `out` of shape (N, M) and a cache for `affine_backward`."""
    # BEGIN SOLUTION
    return x @ w + b, (x, w)
    # END SOLUTION


# %%
def affine_backward(dout, cache):
    """Return `dx` (N, D), `dw` (D, M) and `db` (M,) for `dout` (N, M)."""
    # BEGIN SOLUTION
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.sum(axis=0)
    # END SOLUTION


# %% [markdown]
# ## ReLU


# %%
def relu_forward(x):
    """Return `out` with the shape of `x`, and a cache for `relu_backward`."""
    # BEGIN SOLUTION
    return np.maximum(x, 0), x
    # END SOLUTION


# %%
def relu_backward(dout, cache):
    """Return `dx` with the shape of `dout`; at 0 it is 0."""
    # BEGIN SOLUTION
    return dout * (cache > 0)
    # END SOLUTION
