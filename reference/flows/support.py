"""Networks and layers that the tests of normalising flows hand to your functions.

Everything here is ordinary torch on plain tensors. A *network* is called with a batch and returns
one; a *layer* is called with a batch and returns `(y, log_det)`, and its method `inverse` goes back
and returns `(x, log_det)`, with the log-determinant of the inverse. You need not read on.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

Network = Callable[[Tensor], Tensor]
Pair = tuple[Tensor, Tensor]


def affine_net(W: Tensor, b: Tensor) -> Network:
    """Return the network ``x -> x W^T + b``, W of shape (out, in)."""

    def network(x: Tensor) -> Tensor:
        return x @ W.T + b

    return network


def tanh_net(W_1: Tensor, b_1: Tensor, W_2: Tensor, b_2: Tensor) -> Network:
    """Return a network with one hidden layer: ``x -> tanh(x W_1^T + b_1) W_2^T + b_2``."""

    def network(x: Tensor) -> Tensor:
        return torch.tanh(x @ W_1.T + b_1) @ W_2.T + b_2

    return network


def autoregressive_net(
    W_mu: Tensor, b_mu: Tensor, W_alpha: Tensor, b_alpha: Tensor
) -> Callable[[Tensor], Pair]:
    """Return the network ``x -> (mu, alpha)``, each an affine map of tanh(x).

    The weights (D, D) are zero on and above the diagonal, so that row i of the results depends on
    the first i - 1 coordinates of x only.
    """

    def network(x: Tensor) -> Pair:
        h = torch.tanh(x)
        return h @ W_mu.T + b_mu, h @ W_alpha.T + b_alpha

    return network


class Triangular:
    """The layer ``x -> x L^T + b``; L (D, D) is lower triangular, no 0 on its diagonal."""

    def __init__(self, L: Tensor, b: Tensor) -> None:
        self.L, self.b = L, b
        self.volume = torch.log(torch.abs(torch.diagonal(L))).sum()

    def __call__(self, x: Tensor) -> Pair:
        """Return (y, log_det), of shapes (B, D) and (B,)."""
        return x @ self.L.T + self.b, self.volume.repeat(len(x))

    def inverse(self, y: Tensor) -> Pair:
        """Return (x, log_det of the inverse)."""
        x = torch.linalg.solve_triangular(self.L, (y - self.b).T, upper=False).T
        return x, -self.volume.repeat(len(y))


class Sinh:
    """The layer ``x -> sinh(x)``, coordinate by coordinate: it stretches more the farther out."""

    def __call__(self, x: Tensor) -> Pair:
        """Return (y, log_det), of shapes (B, D) and (B,)."""
        return torch.sinh(x), torch.log(torch.cosh(x)).sum(1)

    def inverse(self, y: Tensor) -> Pair:
        """Return (x, log_det of the inverse)."""
        return torch.asinh(y), -0.5 * torch.log1p(y * y).sum(1)


class Shear:
    """The layer that adds ``c tanh(x_1)`` to all coordinates but the first; c has shape (D,)."""

    def __init__(self, c: Tensor) -> None:
        self.c = c

    def __call__(self, x: Tensor) -> Pair:
        """Return (y, log_det), of shapes (B, D) and (B,)."""
        return x + self._shift(x), x.new_zeros(len(x))

    def inverse(self, y: Tensor) -> Pair:
        """Return (x, log_det of the inverse)."""
        return y - self._shift(y), y.new_zeros(len(y))

    def _shift(self, x: Tensor) -> Tensor:
        shift = torch.tanh(x[:, :1]) * self.c
        shift[:, 0] = 0
        return shift


class Rotation:
    """The layer that turns the first two coordinates by an angle."""

    def __init__(self, angle: float) -> None:
        self.cos, self.sin = math.cos(angle), math.sin(angle)

    def __call__(self, x: Tensor) -> Pair:
        """Return (y, log_det), of shapes (B, D) and (B,)."""
        return self._turned(x, self.sin), x.new_zeros(len(x))

    def inverse(self, y: Tensor) -> Pair:
        """Return (x, log_det of the inverse)."""
        return self._turned(y, -self.sin), y.new_zeros(len(y))

    def _turned(self, x: Tensor, sin: float) -> Tensor:
        y = x.clone()
        y[:, 0] = self.cos * x[:, 0] - sin * x[:, 1]
        y[:, 1] = sin * x[:, 0] + self.cos * x[:, 1]
        return y
