"""A small language model that the tests of `generate` hand to you."""

from collections.abc import Callable

import torch


def window_model(
    table: torch.Tensor, context: int, decay: float = 0.0
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a model whose scores depend on all tokens that it sees, the latest ones most.

    The logits at position t are ``table[idx[t]] + decay * table[idx[t - 1]] + decay**2 * ...``.

    Args:
        table: What each token says about the next one, shape (V, V).
        context: The most tokens that the model can see.
        decay: How much less each older token counts; 0 for a model that sees the last one only.

    Returns:
        A function from tokens, int64, shape (N, T), to logits, shape (N, T, V).
    """

    def model(idx: torch.Tensor) -> torch.Tensor:
        if idx.dim() != 2 or not 1 <= idx.shape[1] <= context:
            raise ValueError(
                f"model: expected tokens of shape (N, T) with T from 1 to {context},"
                f" got the shape {tuple(idx.shape)}."
            )
        said = table[idx]
        logits = [said[:, 0]]
        for t in range(1, idx.shape[1]):
            logits.append(said[:, t] + decay * logits[-1])
        return torch.stack(logits, dim=1)

    return model
