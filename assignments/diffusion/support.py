"""The denoisers that the tests of diffusion hand to your functions.

Each is called as `model(x_t, t)` with a batch (N, ...) and the index of the step for each sample,
int64 of shape (N,), and returns its guess of the noise in `x_t`, of the shape of `x_t`. You need
not read on.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Denoiser = Callable[[Tensor, Tensor], Tensor]


def _beside(t: Tensor, x: Tensor) -> Tensor:
    """Return `t` with as many axes as `x`, so that it counts samples."""
    if not isinstance(t, Tensor) or t.shape != x.shape[:1] or t.dtype != torch.int64:
        found = f"{t.dtype} of shape {tuple(t.shape)}" if isinstance(t, Tensor) else repr(t)
        raise ValueError(f"the model: expected t int64 of shape ({len(x)},), got {found}.")
    return t.reshape(-1, *[1] * (x.dim() - 1))


def linear_denoiser(a: float, c: float) -> Denoiser:
    """Return ``(x, t) -> a x + c``: with a = 0, a model that says the same to everything."""

    def model(x_t: Tensor, t: Tensor) -> Tensor:
        _beside(t, x_t)  # looked at, and not used
        return a * x_t + c

    return model


def wavy_denoiser(a: float, b: float) -> Denoiser:
    """Return ``(x, t) -> tanh(a x + sin(b (t + 1)))``: no good guess, but one that depends on t."""

    def model(x_t: Tensor, t: Tensor) -> Tensor:
        return torch.tanh(a * x_t + torch.sin(b * (_beside(t, x_t).to(x_t.dtype) + 1)))

    return model


def gaussian_denoiser(mean: float, std: float, betas: Tensor) -> Denoiser:
    """Return the best possible guess if the data are normal with this mean and deviation.

    It is the expectation of the noise, given `x_t`.
    """
    alpha_bar = torch.cumprod(1 - betas, dim=0)

    def model(x_t: Tensor, t: Tensor) -> Tensor:
        share = alpha_bar[_beside(t, x_t)]
        spread = share * std**2 + 1 - share  # the variance of x_t
        return (x_t - share.sqrt() * mean) * (1 - share).sqrt() / spread

    return model
