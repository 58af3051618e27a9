# %%
"""The multilayer perceptron, by hand."""

import math

import torch


# %%
def mlp_forward(
    x: torch.Tensor,
    W_h: torch.Tensor,
    b_h: torch.Tensor,
    W_y: torch.Tensor,
    b_y: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the hidden layer and the class probabilities of a tanh network."""
    pass


# %%
def mlp_backward(
    x: torch.Tensor,
    h: torch.Tensor,
    y_hat: torch.Tensor,
    y: torch.Tensor,
    W_y: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradients of the mean cross-entropy of a tanh network."""
    ...


# %%
def embedding_backward(
    idx: torch.Tensor, grad_emb: torch.Tensor, num_embeddings: int
) -> torch.Tensor:
    """Return the gradient of the loss with respect to an embedding table."""
    raise NotImplementedError("embedding_backward: write this function")
