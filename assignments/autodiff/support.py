"""What the tests of this topic build where your code runs: functions, graphs, layers.

Nothing here needs to be changed. Read it to see what your functions are given.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch

Function = Callable[[torch.Tensor], torch.Tensor]

# --- functions of a tensor, with one number as their value --------------------------------------


def cubic(weights: torch.Tensor) -> Function:
    """Return f(x) = sum_i weights_i x_i^3, for `x` of the shape of `weights`."""
    return lambda x: (weights * x**3).sum()


def sine(weights: torch.Tensor) -> Function:
    """Return f(x) = sin(sum_i weights_i x_i), for `x` of the shape of `weights`."""
    return lambda x: torch.sin((weights * x).sum())


def quadratic(A: torch.Tensor, b: torch.Tensor) -> Function:
    """Return f(x) = x^T A x / 2 + b^T x, for `x` of shape (D,)."""
    return lambda x: ((A * x).sum(1) * x).sum() / 2 + (b * x).sum()


def weighted_relu(weights: torch.Tensor) -> Function:
    """Return f(x) = sum_i weights_i ReLU(x_i), for `x` of the shape of `weights`."""
    return lambda x: (weights * torch.relu(x)).sum()


def constant(values: Any) -> Callable[[torch.Tensor], Any]:
    """Return a function that gives `values` whatever its input: what somebody claims, at one x."""
    return lambda _: values


# --- graphs -------------------------------------------------------------------------------------


def lookup(table: Any) -> Callable[[Any], Any]:
    """Return the function that gives the parents of a node; `table` is a dict or a list."""
    return lambda node: table[node]


def ladder(length: int, rungs: int) -> list[list[int]]:
    """Return the parents of a chain of nodes 0, 1, ..., and above it diamond upon diamond."""
    table: list[list[int]] = [[node - 1] if node else [] for node in range(length)]
    for _ in range(rungs):
        below = len(table) - 1
        table += [[below], [below], [below + 1, below + 2]]
    return table


def ladder_lookup(length: int, rungs: int) -> Callable[[int], list[int]]:
    """Return the function that gives the parents of a node of `ladder(length, rungs)`."""
    return ladder(length, rungs).__getitem__


def graph(leaf: Any, rows: Sequence[tuple[float, Sequence[int], Sequence[float]]]) -> list[Any]:
    """Return nodes of the class of `leaf`, one for each row (data, parents, local_grads).

    Parents are numbers of earlier rows, from 0.
    """
    make = type(leaf)
    nodes: list[Any] = []
    for data, parents, local_grads in rows:
        nodes.append(make(data, tuple(nodes[parent] for parent in parents), tuple(local_grads)))
    return nodes


def ladder_graph(
    leaf: Any, length: int, rungs: int, local_grad: float, keep: Sequence[int]
) -> list[Any]:
    """Return some of the nodes of `ladder(length, rungs)`, which are of the class of `leaf`.

    Local gradients are `local_grad`, and one half on each of the two ways into the top of a
    diamond. Kept are the nodes whose numbers are in `keep`; -1 is the last.
    """
    halves = {0: (), 1: (local_grad,), 2: (0.5, 0.5)}
    nodes = graph(leaf, [(1.0, row, halves[len(row)]) for row in ladder(length, rungs)])
    return [nodes[number] for number in keep]


def grads(nodes: Sequence[Any]) -> list[Any]:
    """Return the `grad` of each node."""
    return [node.grad for node in nodes]


def slopes(out: Any, leaves: Sequence[Any]) -> list[float]:
    """Return the derivative of `out` with respect to each leaf: a sum over all paths to it."""

    def slope(node: Any, leaf: Any) -> float:
        if node is leaf:
            return 1.0
        edges = zip(node.parents, node.local_grads, strict=True)
        return sum((float(local) * slope(parent, leaf) for parent, local in edges), 0.0)

    return [slope(out, leaf) for leaf in leaves]


# --- layers -------------------------------------------------------------------------------------


class TanhLayer:
    """The function x -> tanh(W x + b) from (n_in,) to (n_out,).

    Attributes:
        products: How many products with its Jacobians were computed so far.
    """

    def __init__(self, W: torch.Tensor, b: torch.Tensor) -> None:
        self._W = W
        self._b = b
        self.products = 0

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output at `x`."""
        return torch.tanh(self._W @ x + self._b)

    def jacobian(self, x: torch.Tensor) -> "Jacobian":
        """Return the Jacobian at `x`, of shape (n_out, n_in)."""
        y = self(x)
        return Jacobian(self, (1 - y * y).unsqueeze(1) * self._W)


class Jacobian:
    """A matrix that multiplies vectors only: `J @ v`, `u @ J`, and its transpose `J.T`."""

    __array_ufunc__ = None  # an array leaves products to us

    def __init__(self, layer: TanhLayer, matrix: torch.Tensor) -> None:
        self._layer = layer
        self._matrix = matrix

    @property
    def shape(self) -> torch.Size:
        """Rows count outputs, columns count inputs."""
        return self._matrix.shape

    @property
    def T(self) -> "Jacobian":  # noqa: N802 -- as tensors call it
        """The transpose."""
        return Jacobian(self._layer, self._matrix.T)

    def __matmul__(self, v: torch.Tensor) -> torch.Tensor:
        return self._matrix @ self._vector(v)

    def __rmatmul__(self, u: torch.Tensor) -> torch.Tensor:
        return self._vector(u) @ self._matrix

    def _vector(self, v: Any) -> torch.Tensor:
        if not isinstance(v, torch.Tensor) or v.dim() != 1:
            raise TypeError(
                "Jacobian: expected a product with a vector, a tensor with one axis, got"
                f" {tuple(v.shape) if hasattr(v, 'shape') else type(v).__name__}."
            )
        self._layer.products += 1
        return v


def tanh_layers(weights: Sequence[torch.Tensor], biases: Sequence[torch.Tensor]) -> list[TanhLayer]:
    """Return one layer for each weight and bias."""
    return [TanhLayer(W, b) for W, b in zip(weights, biases, strict=True)]


def products(layers: Sequence[TanhLayer]) -> list[int]:
    """Return how many products with its Jacobians each layer has computed."""
    return [layer.products for layer in layers]
