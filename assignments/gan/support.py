"""The two players that the tests of `gan_step` hand to your function.

Networks are ordinary `torch.nn.Module`s, the optimizers do what `torch.optim.SGD` does. A `Game`
holds both and keeps a record, so that a test can ask afterwards who moved when, and what stood in
the gradients of the other player meanwhile. You need not read on.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn


class Network(nn.Module):
    """An affine map ``x W^T + b``, or one with a hidden tanh layer below it.

    Args:
        weights: (W, b), or (W_1, b_1, W_2, b_2) with the hidden layer first.
    """

    def __init__(self, weights: Sequence[Tensor]) -> None:
        super().__init__()
        self.weights = nn.ParameterList([nn.Parameter(one.clone()) for one in weights])

    def forward(self, x: Tensor) -> Tensor:
        """Map a batch (N, n_in) to (N, n_out)."""
        *hidden, W, b = self.weights
        if hidden:
            x = torch.tanh(x @ hidden[0].T + hidden[1])
        return x @ W.T + b


class Descent:
    """Plain gradient descent, with the two methods of an optimizer that a training loop calls."""

    def __init__(self, game: "Game", name: str, params: Iterable[Tensor], lr: float) -> None:
        self.param_groups = [{"params": list(params), "lr": lr}]
        self._game = game
        self._name = name

    def zero_grad(self, set_to_none: bool = True) -> None:  # noqa: FBT001, FBT002 -- as in torch.optim
        """Forget the gradients of this player."""
        for group in self.param_groups:
            for param in group["params"]:
                if set_to_none:
                    param.grad = None
                elif param.grad is not None:
                    param.grad = torch.zeros_like(param)

    @torch.no_grad()
    def step(self) -> None:
        """Move the parameters of this player against their gradients."""
        self._game.record(self._name)
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is not None:
                    param.sub_(group["lr"] * param.grad)


class Game:
    """A generator, a discriminator, and an optimizer for each.

    Args:
        generator: Weights of the generator, see `Network`.
        discriminator: Weights of the discriminator.
        lr_g: Learning rate of the generator.
        lr_d: Learning rate of the discriminator.
        stale: What stands in all gradients at the start, as if from an earlier step; None: nothing.

    Attributes:
        moves: Whose optimizer was stepped, in order.
    """

    def __init__(
        self,
        generator: Sequence[Tensor],
        discriminator: Sequence[Tensor],
        lr_g: float,
        lr_d: float,
        stale: float | None = None,
    ) -> None:
        self.generator, self.discriminator = Network(generator), Network(discriminator)
        self.opt_g = Descent(self, "generator", self.generator.parameters(), lr_g)
        self.opt_d = Descent(self, "discriminator", self.discriminator.parameters(), lr_d)
        self.moves: list[str] = []
        self._seen: dict[str, tuple[Tensor, ...]] = {}
        if stale is not None:
            for param in (*self.generator.parameters(), *self.discriminator.parameters()):
                param.grad = torch.full_like(param, stale)

    def players(self) -> tuple[Any, ...]:
        """Return what `gan_step` is called with: generator, discriminator, opt_g, opt_d."""
        return self.generator, self.discriminator, self.opt_g, self.opt_d

    def parameters(self, name: str) -> tuple[Tensor, ...]:
        """Return the parameters of the player `name` as they are now."""
        return tuple(param.detach().clone() for param in self._player(name).parameters())

    def gradients(self, name: str) -> tuple[Tensor, ...]:
        """Return the gradients of the player `name` as they are now, 0 where there is none."""
        return tuple(
            torch.zeros_like(param) if param.grad is None else param.grad.detach().clone()
            for param in self._player(name).parameters()
        )

    def generator_meanwhile(self) -> tuple[Tensor, ...]:
        """Return the generator's gradients when the discriminator last moved, 0 if it never did."""
        zeros = tuple(torch.zeros_like(one) for one in self.parameters("generator"))
        return self._seen.get("discriminator", zeros)

    def record(self, name: str) -> None:
        """Note that the player `name` moves now, and the generator's gradients at this moment."""
        self.moves.append(name)
        self._seen[name] = self.gradients("generator")

    def _player(self, name: str) -> Network:
        return self.generator if name == "generator" else self.discriminator
