"""Slopes to walk down: the gradients that the tests hand to `nesterov_step`.

Each function here returns a gradient: a function that takes parameters and returns a tensor of the
same shape.
"""

from collections.abc import Callable

import torch

Gradient = Callable[[torch.Tensor], torch.Tensor]


def bowl_gradient(curvature: torch.Tensor, centre: torch.Tensor) -> Gradient:
    """Return the gradient of sum(curvature * (theta - centre)^2) / 2, for theta of any shape."""

    def gradient(theta: torch.Tensor) -> torch.Tensor:
        return curvature * (theta - centre)

    return gradient


def quadratic_gradient(A: torch.Tensor, b: torch.Tensor) -> Gradient:
    """Return the gradient of theta^T A theta / 2 - b^T theta, for a symmetric A and theta (d,)."""

    def gradient(theta: torch.Tensor) -> torch.Tensor:
        return A @ theta - b

    return gradient


def rosenbrock_gradient(steepness: float = 100.0) -> Gradient:
    """Return the gradient of (1 - x)^2 + steepness (y - x^2)^2, for theta = (x, y)."""

    def gradient(theta: torch.Tensor) -> torch.Tensor:
        x, y = theta
        across = 2 * steepness * (y - x * x)
        return torch.stack([2 * (x - 1) - 2 * x * across, across])

    return gradient
