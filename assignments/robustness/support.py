"""Gradients of losses with respect to an input: what the tests hand to `pgd`.

Each function here returns a gradient: a function that takes inputs and returns a tensor of the same
shape.
"""

from collections.abc import Callable

import torch

Gradient = Callable[[torch.Tensor], torch.Tensor]


def linear_gradient(w: torch.Tensor) -> Gradient:
    """Return the gradient of sum(w * x), for x of the shape of w."""

    def gradient(x: torch.Tensor) -> torch.Tensor:
        return w + 0 * x

    return gradient


def wave_gradient(frequency: torch.Tensor, phase: torch.Tensor) -> Gradient:
    """Return the gradient of sum(sin(frequency * x + phase)), for x of the same shape."""

    def gradient(x: torch.Tensor) -> torch.Tensor:
        return frequency * torch.cos(frequency * x + phase)

    return gradient


def network_gradient(W: torch.Tensor, b: torch.Tensor, v: torch.Tensor) -> Gradient:
    """Return the gradient of the summed outputs of a network, tanh(x W^T + b) v, for x (N, d)."""

    def gradient(x: torch.Tensor) -> torch.Tensor:
        h = torch.tanh(x @ W.T + b)
        return (v * (1 - h * h)) @ W

    return gradient
