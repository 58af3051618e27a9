# %% [markdown]
# # Losses and softmax

# %%
"""Losses and softmax, by hand."""

import math

import torch


# %%
def softmax(z: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """Return the softmax of `z` along `dim`.

    Args:
        z: Scores, any shape, floating dtype; entries may be -inf, but not a whole slice.
        dim: The axis along which entries compete.

    Returns:
        Probabilities, same shape and dtype as `z`, summing to 1 along `dim`.
    """
    raise NotImplementedError("softmax: write this function")


# %%
def softmax_backward(grad_p: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
    """Return the gradient of the loss with respect to the scores of a softmax.

    Args:
        grad_p: Gradient of the loss with respect to `p`, shape (N, C).
        p: Output of softmax along the last axis, shape (N, C): each row sums to 1.

    Returns:
        grad_z, shape (N, C), same dtype.
    """
    raise NotImplementedError("softmax_backward: write this function")


# %%
def cross_entropy(
    logits: torch.Tensor, target: torch.Tensor, reduction: str = "mean"
) -> torch.Tensor:
    """Return the cross-entropy between the targets and softmax of the logits."""
    raise NotImplementedError("cross_entropy: write this function")


# %%
def cross_entropy_backward(
    logits: torch.Tensor, target: torch.Tensor, reduction: str = "mean"
) -> torch.Tensor:
    """Return the gradient of `cross_entropy` with respect to the logits."""
    raise NotImplementedError("cross_entropy_backward: write this function")
