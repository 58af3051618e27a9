"""Decoders to try `greedy_decode` with: each is a `step(token, h) -> (logits, h)`."""

from collections.abc import Callable

import torch

Step = Callable[[int, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


def table_step(table: torch.Tensor) -> Step:
    """Return a step that looks only at the token: `table[token]` are its logits.

    Args:
        table: Logits of the next token, shape (V, V), one row for each token.
    """

    def step(token: int, h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return table[int(token)], h

    return step


def script_step(script: torch.Tensor, V: int) -> Step:
    """Return a step that looks only at the state: it recites `script`, and starts over at its end.

    Args:
        script: Tokens in the order in which they come, int64, shape (n,).
        V: Number of tokens.

    Returns:
        A step; its state, shape (1,), counts how many tokens were recited.
    """

    def step(token: int, h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # noqa: ARG001
        wanted = script[int(h.item()) % len(script)]
        logits = -(torch.arange(V, device=h.device) - wanted).abs().to(h.dtype)
        return logits, h + 1

    return step


def rnn_step(
    embedding: torch.Tensor,
    W_x: torch.Tensor,
    W_h: torch.Tensor,
    b: torch.Tensor,
    W_y: torch.Tensor,
) -> Step:
    """Return a recurrent step: the token's embedding changes the state, the state gives the logits.

    Args:
        embedding: One row for each token, shape (V, D).
        W_x: Weight of the input, shape (H, D).
        W_h: Weight of the state, shape (H, H).
        b: Bias, shape (H,).
        W_y: Weight of the output, shape (V, H).
    """

    def step(token: int, h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        h = torch.tanh(W_x @ embedding[int(token)] + W_h @ h + b)
        return W_y @ h, h

    return step
