# %% [markdown]
# # Softmax

# %%
import numpy as np


# %%
def softmax(z):
    """Return the softmax of each row of `z` (N, C)."""
    # BEGIN SOLUTION
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
    # END SOLUTION


# %%
def softmax_backward(grad_p, p):
    """Return the gradient for `z`, given the one for `p = softmax(z)`; all (N, C)."""
    # BEGIN SOLUTION
    return p * (grad_p - (grad_p * p).sum(axis=1, keepdims=True))
    # END SOLUTION
