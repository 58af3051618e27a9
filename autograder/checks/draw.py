"""Inputs of a case: the same for every student of a run, on every machine.

Values come from numpy's legacy Mersenne Twister, whose stream is frozen for good (NEP 19), so that
a grade can be reproduced years later; torch promises no such thing.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch

from autograder.errors import SuiteError

LAYOUTS = ("transposed", "strided", "expanded", "offset")


class Draw:
    """A generator for one case.

    The trusted process computes on the CPU; `student` has the inputs moved to the run's device, and
    its results back.

    Args:
        seed: Any text; SHA-256 of it seeds the stream.
        dtype: What `dtype=None` means.
        state: A generator to seed and use; making one takes twenty times as long as seeding it.
    """

    device = "cpu"

    def __init__(
        self,
        seed: str,
        *,
        dtype: torch.dtype = torch.float64,
        state: np.random.RandomState | None = None,
    ) -> None:
        digest = hashlib.sha256(seed.encode()).digest()
        self._state = np.random.RandomState(0) if state is None else state
        self._state.seed(np.frombuffer(digest, dtype=np.uint32))
        self.dtype = dtype

    def normal(
        self, *shape: int, mean: float = 0.0, std: float = 1.0, dtype: torch.dtype | None = None
    ) -> torch.Tensor:
        """Return independent normal values of the given shape."""
        return self._tensor(mean + std * self._state.standard_normal(shape), dtype)

    def uniform(
        self, *shape: int, low: float = 0.0, high: float = 1.0, dtype: torch.dtype | None = None
    ) -> torch.Tensor:
        """Return independent uniform values in [low, high)."""
        return self._tensor(low + (high - low) * self._state.random_sample(shape), dtype)

    def integers(self, *shape: int, low: int = 0, high: int) -> torch.Tensor:
        """Return int64 values in [low, high)."""
        return self._tensor(self._state.randint(low, high, size=shape), torch.int64)

    def probabilities(self, *shape: int, dtype: torch.dtype | None = None) -> torch.Tensor:
        """Return positive values whose rows (last axis) sum to 1."""
        weights = np.exp(self._state.standard_normal(shape))
        return self._tensor(weights / weights.sum(axis=-1, keepdims=True), dtype)

    def one_hot(self, n: int, classes: int, *, dtype: torch.dtype | None = None) -> torch.Tensor:
        """Return `n` rows of zeros with a single one, of shape (n, classes)."""
        return self._tensor(np.eye(classes)[self._state.randint(0, classes, size=n)], dtype)

    def permutation(self, n: int) -> torch.Tensor:
        """Return the numbers 0..n-1 in random order, int64."""
        return self._tensor(self._state.permutation(n), torch.int64)

    def generator(self) -> torch.Generator:
        """Return a seeded CPU generator to hand to the student."""
        return torch.Generator().manual_seed(int(self._state.randint(0, 2**31 - 1)))

    @staticmethod
    def advanced(generator: torch.Generator) -> torch.Generator:
        """Return a generator of the same seed in another state: five numbers have been drawn."""
        later = generator.clone_state()
        torch.rand(5, generator=later)
        return later

    def layout(self, x: torch.Tensor, kind: str) -> torch.Tensor:
        """Return the values of `x` in another memory layout.

        Args:
            x: A tensor; "expanded" keeps its first row (first axis) and repeats it with stride 0.
            kind: "transposed" (last two axes swapped in memory), "strided" (every second element
                of the last axis of a larger buffer), "expanded", or "offset" (inside a larger
                buffer).

        Raises:
            SuiteError: If `kind` is none of these.
        """
        if kind == "transposed":
            return x.transpose(-1, -2).contiguous().transpose(-1, -2) if x.dim() > 1 else x
        if kind == "strided":
            buffer = torch.zeros(*x.shape[:-1], 2 * x.shape[-1], dtype=x.dtype, device=x.device)
            buffer[..., ::2] = x
            return buffer[..., ::2]
        if kind == "expanded":
            return x[:1].expand(x.shape)
        if kind == "offset":
            buffer = torch.zeros(x.numel() + 3, dtype=x.dtype, device=x.device)
            buffer[3:] = x.reshape(-1)
            return buffer[3:].view(x.shape)
        raise SuiteError(
            f"draw.layout: expected one of {LAYOUTS}, got {kind!r}. Correct the suite."
        )

    def _tensor(self, values: Any, dtype: torch.dtype | None) -> torch.Tensor:
        tensor = torch.as_tensor(np.asarray(values))
        return tensor.to(dtype=self.dtype if dtype is None else dtype)
