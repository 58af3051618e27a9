# %% [markdown]
# # An autodiff engine
#
# Training needs derivatives: of one number, the loss, with respect to thousands of others. In this
# notebook you build the machine that finds them, twice: first for single numbers, as a class of
# thirty lines that differentiates whatever is computed with it, then for vectors, where a layer
# hands on products with its Jacobian and never the Jacobian itself. Between and around the two
# stands the slow, honest method to check everything: move each input a little and look.
#
# **Words.** A computation is a graph; a *node* is a number in it. The *parents* of a node are the
# numbers that it was computed from, its *children* those computed from it (the words of the
# slides: inputs are roots of the graph, the result is a leaf). The *local gradient* of a node with
# respect to a parent, $\partial f^{(w)} / \partial x^{(v)}$, knows nothing of the rest of the
# graph; `grad` is the derivative of the final result with respect to a node. A *VJP* (vector times
# Jacobian) carries gradients backward, a *JVP* (Jacobian times vector) carries small changes,
# *tangents*, forward.
#
# **By hand.** *autograd*, everything that differentiates for you (`torch.Tensor.backward`,
# `torch.autograd`, `torch.func`), is not allowed anywhere. A method of your own that is called
# `backward` is what you are here to write. *graphlib* (Python's `graphlib`, `networkx`) is not
# allowed where you sort a graph. All else is: Python's `math`, `max`, `torch.eye`, products, ...
# You may call the functions that you have already written; a mistake in them then costs twice.
#
# **What is always tested.** Where tensors come in, the result has the shape stated and the dtype
# of the input, and does not depend on how the input lies in memory. Where numbers come in, `int`
# and `float` are both numbers. Several points of an exercise are *parts* of their own.
#
# **Sources.** Kevin Scaman, *Deep Learning: Introduction, simple architectures (MLPs) and
# autodiff* (the *slides* below); Marc Lelarge, Jill-Jênn Vie and Kevin Scaman, *Deep Learning*,
# class notes by Antoine Groudiev, chapter 2 (the *class notes*); *Deep learning: Unpacking
# Transformers, LLMs and image generation*, session 1 ("Intro to micrograd"). The class `Value`
# follows the idea of Andrej Karpathy's `micrograd` (2020).

# %%
"""An autodiff engine, by hand."""

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import torch

# %% [markdown]
# ## 1. `central_difference`
#
# **Goal.** The gradient of any function, by trying. Move one coordinate up by $h$ and down by $h$,
# and divide the difference of the two values by the distance:
#
# $$g_i = \frac{f(x + h\,e_i) - f(x - h\,e_i)}{2h} \qquad x, g \text{ of one shape, any}$$
#
# with $e_i$ the tensor that is 1 at position $i$ and 0 elsewhere. `f` takes a tensor of the shape
# of `x` and returns a 0-d tensor. The error of this formula shrinks like $h^2$, that of the
# one-sided formula only like $h$: with $h = 10^{-5}$ that is the difference between eight or more
# right digits and five. Make $h$ much smaller and rounding eats them again.
#
# Whole numbers cannot be moved by $10^{-5}$: for an `x` of an integer dtype raise a `TypeError`.
#
# **Source.** Class notes, 2.2.2 "Numerical differentiation", and the slides, "Existing approaches
# to compute gradients": both give the one-sided formula $(f(x + h) - f(x)) / h$. The slides then
# count two function calls per parameter, which is the price of *this* formula; the one-sided one
# needs $p + 1$ for $p$ parameters.
#
# **Worked number.** $f(x) = x^3$ at $x = 2$ with $h = 0.1$: $(9.261 - 6.859) / 0.2 = 12.01$. The
# derivative is 12, and the error is $h^2$ exactly.
#
# **Not allowed.** autograd.
#
# **Parts.** `gradient`; `integer_x`. **Hidden tests vary** the function, the shape of `x` (1 to 3
# axes, one element, no axes), $h$ (also large, where the error itself is checked), memory layout.


# %%
def central_difference(
    f: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, h: float = 1e-5
) -> torch.Tensor:
    """Return the central difference quotients of `f` at `x`.

    Args:
        f: Takes a tensor of the shape of `x`, returns a 0-d tensor.
        x: Where, any shape, float64.
        h: How far each coordinate is moved, positive.

    Returns:
        The approximate gradient, same shape and dtype as `x`.

    Raises:
        TypeError: If `x` is not of a floating dtype.
    """
    # BEGIN SOLUTION
    if not x.is_floating_point():
        raise TypeError(f"x: expected a floating dtype, got {x.dtype}. Convert it.")
    steps = h * torch.eye(x.numel(), dtype=x.dtype, device=x.device).reshape(-1, *x.shape)
    return torch.stack([(f(x + step) - f(x - step)) / (2 * h) for step in steps]).reshape(x.shape)
    # END SOLUTION


# %% [markdown]
# ## 2. `forward_pass_example`
#
# **Goal.** The smallest graph that has something to say: $f(x, y, z) = (x + y)\, z$, with the node
# $q = x + y$ in the middle. The forward pass goes from the inputs to the result and keeps what it
# finds on the way.
#
# **Source.** Class notes, 2.3.2 "Forward pass", figure 2.4.
#
# **Worked number.** $x = -2$, $y = 5$, $z = -4$ gives $q = 3$ and $f = -12$.
#
# **Not allowed.** autograd.
#
# **Parts.** `q`; `f`. **Hidden tests vary** the three numbers.


# %%
def forward_pass_example(x: float, y: float, z: float) -> tuple[float, float]:
    """Return the nodes of f = (x + y) z.

    Args:
        x: A number.
        y: A number.
        z: A number.

    Returns:
        (q, f), with q = x + y.
    """
    # BEGIN SOLUTION
    q = x + y
    return q, q * z
    # END SOLUTION


# %% [markdown]
# ## 3. `backward_pass_example`
#
# **Goal.** The same graph, backward. Let $f$ be a node inside a larger computation that ends in
# the loss $L$. From above comes `grad_f` $= \partial L / \partial f$, the *upstream* gradient.
# Each node multiplies what it gets by its *local* gradients and hands the products, the
# *downstream* gradients, to its parents:
#
# $$\underbrace{\frac{\partial L}{\partial q}}_{\text{downstream}} =
# \underbrace{\frac{\partial f}{\partial q}}_{\text{local}}
# \underbrace{\frac{\partial L}{\partial f}}_{\text{upstream}}$$
#
# and then $q$ does the same for $x$ and $y$. If $f$ itself is the result, `grad_f` is 1.
#
# **Source.** Class notes, 2.3.3 "Backward pass". 2.3.4 then says that the downstream derivatives
# are $\partial z / \partial x$ and $\partial z / \partial y$. Those are the local ones; downstream
# go $\partial L / \partial x$ and $\partial L / \partial y$, as the earlier notes (2.4.4) have it.
#
# **Worked number.** $(x, y, z) = (-2, 5, -4)$ with `grad_f` $= 1$ gives $(-4, -4, 3)$; with
# `grad_f` $= 2$ it gives $(-8, -8, 6)$.
#
# **Not allowed.** autograd.
#
# **Parts.** One for each gradient. **Hidden tests vary** all four numbers.


# %%
def backward_pass_example(
    x: float, y: float, z: float, grad_f: float
) -> tuple[float, float, float]:
    """Return the gradients of the loss with respect to the inputs of f = (x + y) z.

    Args:
        x: A number.
        y: A number.
        z: A number.
        grad_f: Derivative of the loss with respect to f.

    Returns:
        (grad_x, grad_y, grad_z).
    """
    # BEGIN SOLUTION
    grad_q = z * grad_f
    grad_z = (x + y) * grad_f
    return grad_q, grad_q, grad_z
    # END SOLUTION


# %% [markdown]
# ## 4. `sigmoid_block`
#
# **Goal.** A graph need not be cut into additions and multiplications. If you know the derivative
# of a whole block, make it one node. The block here is the sigmoid, at the end of a neuron whose
# last weight is its bias:
#
# $$s = \sum_{i=1}^{D} w_i x_i + w_{D+1}, \qquad f = \sigma(s) = \frac{1}{1 + e^{-s}}
# \qquad x\ (D,),\ w\ (D + 1,)$$
#
# Derive once on paper that the local gradient of the block can be written with its *output*
# alone: $\sigma'(s) = f\,(1 - f)$. Return the output and, given `grad_f` from above, the
# gradients of $x$ and $w$.
#
# **Source.** Class notes, 2.3.5 "A complete example", figure 2.6, with $D = 2$ and weights
# counted from 0: $w_0 x_0 + w_1 x_1 + w_2$.
#
# **Worked number.** $x = (1, 2)$, $w = (2, -1, \ln 3)$, `grad_f` $= 1$: $s = \ln 3$, $f = 3/4$ and
# $f (1 - f) = 3/16$. So $\nabla_x = (0.375, -0.1875)$ and $\nabla_w = (0.1875, 0.375, 0.1875)$.
#
# **Not allowed.** autograd.
#
# **Parts.** `f`; `grad_x`; `grad_w`; `stability` ($s$ up to 1000 of either sign). **Hidden tests
# vary** $D$ (also 1), `grad_f`, dtype, memory layout.


# %%
def sigmoid_block(
    x: torch.Tensor, w: torch.Tensor, grad_f: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the output of a sigmoid neuron and the gradients with respect to its inputs.

    Args:
        x: Inputs, shape (D,), floating dtype.
        w: Weights, and the bias as the last entry, shape (D + 1,), same dtype.
        grad_f: Derivative of the loss with respect to the output.

    Returns:
        (f, grad_x, grad_w): a 0-d tensor and tensors of the shapes of `x` and `w`; same dtype.
    """
    # BEGIN SOLUTION
    f = torch.sigmoid((w[:-1] * x).sum() + w[-1])
    grad_s = grad_f * f * (1 - f)
    return f, grad_s * w[:-1], grad_s * torch.cat([x, torch.ones_like(w[-1:])])
    # END SOLUTION


# %% [markdown]
# ## 5. `topological_sort`
#
# **Goal.** In which order may one go through a graph? Forward, a node can be computed once all its
# parents are; backward, it can hand on its gradient once all its children have handed theirs to
# it. One list serves both, read from the front or from the back.
#
# `parents` is a function: `parents(v)` gives the parents of the node `v`, none for an input. Return
# a list of all nodes that `root` depends on, and `root` itself, each exactly once, such that
# *every node stands after all of its parents*. Any such order is right. (The result of the
# computation, the leaf of the slides, is the *root* from which the search starts.)
#
# Computations are deep: every step of a long loop is a node above the last one. Python lets
# functions call themselves about a thousand levels deep, a graph may have many thousand. And a
# graph of a hundred nodes can have more paths than there are atoms in the universe: look at each
# node once.
#
# **Source.** The slides, "The backpropagation algorithm": "iteratively from roots to leaf" and
# "from leaf to roots".
#
# **Worked number.** The code of the slide "Computation graphs: intuition", `z1 = x * y`,
# `z2 = x ** 2`, `z3 = exp(z1)`, `z4 = 2 * z2`, `z5 = z3 + z4`, `out = sin(z5)`: one right order
# from `out` is x, y, z1, z2, z3, z4, z5, out; another is y, x, z2, z4, z1, z3, z5, out.
#
# **Not allowed.** autograd, graphlib.
#
# **Parts.** `order`; `depth` (graphs of 5000 levels). **Hidden tests vary** the graph (a single
# node, a chain, diamonds, a parent that occurs twice, random ones) and how its nodes are named:
# any hashable things.


# %%
def topological_sort(root: Hashable, parents: Callable[[Any], Iterable[Any]]) -> list[Any]:
    """Return the nodes that `root` depends on, each after all of its parents.

    Args:
        root: The node to start from; nodes are hashable.
        parents: Gives the parents of a node.

    Returns:
        A list of nodes, each once, ending in `root`.
    """
    # BEGIN SOLUTION
    order: list[Any] = []
    seen: set[Any] = set()
    stack: list[tuple[Any, bool]] = [(root, False)]
    while stack:
        node, parents_are_done = stack.pop()
        if parents_are_done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((parent, False) for parent in parents(node))
    return order
    # END SOLUTION


# %% [markdown]
# ## The class `Value`
#
# Now numbers that remember where they come from. The next six exercises are methods of one class;
# the cell with the class stands below them, and part of it is written already. A `Value` has
#
# * `data`, a `float`;
# * `parents`, a tuple of the Values that it was computed from, empty for an input;
# * `local_grads`, a tuple of as many floats: the derivative of this node with respect to each
#   parent, *not* of the final result;
# * `grad`, 0 until somebody calls `backward`.
#
# An operation returns a new Value and leaves its operands as they are. This is `exp`, one of those
# that are written, and the pattern for all others:
#
#     def exp(self) -> "Value":
#         data = math.exp(self.data)
#         return Value(data, (self,), (data,))
#
# The other half of the operators, `-`, `/`, constants on the left, is put together from yours.
# Tests of an operation look at `data` and at the derivative of its result with respect to each
# operand, summed over all ways in which the result depends on it. They do not need your
# `backward`, and tests of `backward` do not need your operations.

# %% [markdown]
# ## 6. `Value.__add__`
#
# **Goal.** `a + b`, for Values; and `a + 3`, where `other` is a plain number that wants no
# gradient. (`3 + a` is `a.__radd__(3)`, which is written for you and calls yours.)
#
# **Source.** Class notes, 2.3.3: the node $q = x + y$.
#
# **Worked number.** $a = 2$, $b = -3$: `a + b` has the data $-1$, its derivatives are 1 and 1. The
# derivative of `a + a` with respect to $a$ is 2: both parents are the same Value.
#
# **Not allowed.** autograd.
#
# **Parts.** `data`; `derivatives`. **Hidden tests vary** the numbers, their type (int or float),
# the side of the constant, sums of sums, one Value on both sides.

# %% [markdown]
# ## 7. `Value.__mul__`
#
# **Goal.** `a * b`, `a * 3` and (through `__rmul__`) `3 * a`.
#
# **Source.** Class notes, 2.3.3: "$\partial f / \partial z = q$, since $f = qz$".
#
# **Worked number.** $a = 2$, $b = -3$: data $-6$, derivatives $-3$ and $2$. The derivative of
# `a * a` is 4.
#
# **Not allowed.** autograd.
#
# **Parts.** `data`; `derivatives`. **Hidden tests vary** the numbers, also 0, their type, the side
# of the constant, products of products, one Value on both sides.

# %% [markdown]
# ## 8. `Value.__pow__`
#
# **Goal.** `a ** n` for a plain number $n$, whole or not, of either sign. $a$ is positive unless
# $n$ is whole. ($n$ is no Value: to differentiate $2^a$, `__rpow__` goes through `exp`.) Read
# $x^0$ as the constant 1, also at $x = 0$.
#
# **Source.** The slides, "Computation graphs: intuition": `z2 = x ** 2`.
#
# **Worked number.** $3^2$: data 9, derivative 6. $2^{-1}$: data $0.5$, derivative $-0.25$.
#
# **Not allowed.** autograd.
#
# **Parts.** `data`; `derivatives`; `zero` (exponents 0, 1 and 2, at 0 and elsewhere). **Hidden
# tests vary** base and exponent.

# %% [markdown]
# ## 9. `Value.tanh`
#
# **Goal.** The activation of the network at the end of this notebook. Its derivative can be
# written with its output alone.
#
# **Source.** Sun, lecture 3, "Example: Tanh MLP"; `micrograd`.
#
# **Worked number.** At $\ln 2$: data $(2 - 1/2) / (2 + 1/2) = 0.6$, derivative $0.64$.
#
# **Not allowed.** autograd.
#
# **Parts.** `data`; `derivatives`; `stability` (inputs up to 1000 of either sign). **Hidden tests
# vary** the number.

# %% [markdown]
# ## 10. `Value.relu`
#
# **Goal.** $\max(0, x)$. At the kink any slope between 0 and 1 would be a subgradient; take
# $\text{ReLU}'(0) = 0$, as torch does.
#
# **Source.** The slides, "Structure of MLPs with ReLU activations".
#
# **Worked number.** At $3$: data 3, derivative 1. At $-2$: both 0.
#
# **Not allowed.** autograd.
#
# **Parts.** `data`; `derivatives`; `kink` (0, and numbers next to it). **Hidden tests vary** the
# number.

# %% [markdown]
# ## 11. `Value.backward`
#
# **Goal.** Backpropagation. After `root.backward()`, every node $v$ that `root` was computed from,
# and `root` itself, has
#
# $$\texttt{v.grad} = \frac{\partial\, \texttt{root}}{\partial v} =
# \sum_{w \in \text{Children}(v)} \frac{\partial w}{\partial v}\; \texttt{w.grad},
# \qquad \texttt{root.grad} = 1$$
#
# where a child counts once for each time that $v$ is among its parents. That holds *whatever the
# grads were before*: a second call, or a call on another root that shares nodes with this one,
# starts afresh. (In torch, gradients add up between calls; here they do not.) Nodes that `root`
# does not depend on keep what they have. Graphs are deep, as in exercise 5.
#
# **Source.** The slides, "The backpropagation algorithm": $z^{(v)} = \sum_{w \in
# \text{Children}(v)} (\dots)^\top z^{(w)}$, "iteratively from leaf to roots"; Rumelhart, Hinton
# and Williams, *Learning representations by back-propagating errors*, 1986.
#
# **Worked number.** $(x + y)\,z$ at $(-2, 5, -4)$: the grads of $x, y, z, q, f$ are $-4, -4, 3,
# -4, 1$. And $x \cdot x + x$ at $3$: `x.grad` is 7.
#
# **Not allowed.** autograd (torch's; this `backward` is yours), graphlib.
#
# **Parts.** `grad` (graphs in which every node has one child); `shared` (nodes that are used
# several times); `again` (a second call, another root); `depth` (5000 levels). **Hidden tests
# vary** the graph and its numbers. They build it with the constructor, `Value(data, parents,
# local_grads)`.


# %%
class Value:
    """A number that remembers how it was computed.

    Args:
        data: The number.
        parents: The Values that it was computed from.
        local_grads: Its derivative with respect to each parent.

    Attributes:
        grad: The derivative of the last root that `backward` was called on, with respect to this.
    """

    def __init__(
        self,
        data: float,
        parents: Sequence["Value"] = (),
        local_grads: Sequence[float] = (),
    ) -> None:
        if len(parents) != len(local_grads):
            raise ValueError(
                f"Value: expected a local gradient for each parent, got {len(local_grads)} for"
                f" {len(parents)} parents."
            )
        self.data = float(data)
        self.parents = tuple(parents)
        self.local_grads = tuple(local_grads)
        self.grad = 0.0

    def __repr__(self) -> str:
        return f"Value(data={self.data:g}, grad={self.grad:g})"

    # What you write.

    def __add__(self, other: "Value | float") -> "Value":
        """Return self + other.

        Args:
            other: A Value, or a plain number.
        """
        # BEGIN SOLUTION
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0))
        # END SOLUTION

    def __mul__(self, other: "Value | float") -> "Value":
        """Return self * other.

        Args:
            other: A Value, or a plain number.
        """
        # BEGIN SOLUTION
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))
        # END SOLUTION

    def __pow__(self, exponent: float) -> "Value":
        """Return self ** exponent.

        Args:
            exponent: A plain number.
        """
        # BEGIN SOLUTION
        slope = exponent * self.data ** (exponent - 1) if exponent else 0.0
        return Value(self.data**exponent, (self,), (slope,))
        # END SOLUTION

    def tanh(self) -> "Value":
        """Return the hyperbolic tangent."""
        # BEGIN SOLUTION
        data = math.tanh(self.data)
        return Value(data, (self,), (1 - data * data,))
        # END SOLUTION

    def relu(self) -> "Value":
        """Return the larger of self and 0."""
        # BEGIN SOLUTION
        return Value(max(self.data, 0.0), (self,), (1.0 if self.data > 0 else 0.0,))
        # END SOLUTION

    def backward(self) -> None:
        """Set the `grad` of every node that self depends on, and its own."""
        # BEGIN SOLUTION
        order = topological_sort(self, lambda node: node.parents)
        for node in order:
            node.grad = 0.0
        self.grad = 1.0
        for node in reversed(order):
            for parent, local_grad in zip(node.parents, node.local_grads, strict=True):
                parent.grad += local_grad * node.grad
        # END SOLUTION

    # What is written.

    def exp(self) -> "Value":
        """Return e to the power of self."""
        data = math.exp(self.data)
        return Value(data, (self,), (data,))

    def log(self) -> "Value":
        """Return the natural logarithm."""
        return Value(math.log(self.data), (self,), (1 / self.data,))

    def __neg__(self) -> "Value":
        return Value(-self.data, (self,), (-1.0,))

    def __radd__(self, other: float) -> "Value":
        return self + other

    def __sub__(self, other: "Value | float") -> "Value":
        return self + -other

    def __rsub__(self, other: float) -> "Value":
        return -self + other

    def __rmul__(self, other: float) -> "Value":
        return self * other

    def __truediv__(self, other: "Value | float") -> "Value":
        return self * other**-1

    def __rtruediv__(self, other: float) -> "Value":
        return self**-1 * other

    def __rpow__(self, other: float) -> "Value":
        return (self * math.log(other)).exp()


# %% [markdown]
# ## 12. `linear_vjp`
#
# **Goal.** From numbers to vectors. A linear layer maps a batch of $N$ inputs,
#
# $$y = x W^\top + b \qquad x\ (N, n_{in}),\ W\ (n_{out}, n_{in}),\ b\ (n_{out},),
# \ y\ (N, n_{out})$$
#
# and from above comes `grad_y` $= \partial L / \partial y$. Find the three downstream gradients.
# Each has the shape of its primal, which nearly decides the formulas; to be sure, write one entry
# as a sum, $\frac{\partial L}{\partial W_{ij}} = \sum_{n, k} \frac{\partial L}{\partial y_{nk}}
# \frac{\partial y_{nk}}{\partial W_{ij}}$, and see which terms survive.
#
# The Jacobian of $y$ with respect to $W$ has $N\, n_{out} \times n_{out}\, n_{in}$ entries, nearly
# all of them 0. A VJP never writes it down.
#
# **Source.** Class notes, 2.4.2 "Linear layer gradient" ($J_f = W$ for a single $x$) and 2.4.3.
#
# **Worked number.** $x = \begin{pmatrix} 1 & 2 \\ 0 & 1 \end{pmatrix}$, $W = \begin{pmatrix} 1 & 2
# \\ 3 & -1 \end{pmatrix}$, $\texttt{grad\_y} = \begin{pmatrix} 1 & 2 \\ 1 & 0 \end{pmatrix}$:
# $\nabla_x = \begin{pmatrix} 7 & 0 \\ 1 & 2 \end{pmatrix}$, $\nabla_W = \begin{pmatrix} 1 & 3 \\ 2
# & 4 \end{pmatrix}$, $\nabla_b = (2, 2)$.
#
# **Not allowed.** autograd.
#
# **Parts.** One for each gradient. **Hidden tests vary** $N$, $n_{in}$ and $n_{out}$ (also equal,
# also 1), dtype, memory layout.


# %%
def linear_vjp(
    x: torch.Tensor, W: torch.Tensor, b: torch.Tensor, grad_y: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradients of the loss with respect to the inputs of y = x W^T + b.

    Args:
        x: Inputs, shape (N, n_in), floating dtype.
        W: Weight, shape (n_out, n_in).
        b: Bias, shape (n_out,).
        grad_y: Gradient of the loss with respect to y, shape (N, n_out).

    Returns:
        (grad_x, grad_W, grad_b), of the shapes of `x`, `W` and `b`; same dtype.
    """
    # BEGIN SOLUTION
    del b  # the bias itself does not matter
    return grad_y @ W, grad_y.T @ x, grad_y.sum(0)
    # END SOLUTION


# %% [markdown]
# ## 13. `linear_jvp`
#
# **Goal.** The other direction. Change $x$, $W$ and $b$ a little, along $\dot x$, $\dot W$ and
# $\dot b$ (the tangents, each of the shape of its primal): how does $y = x W^\top + b$ change, to
# first order?
#
# $$\dot y = \lim_{t \to 0} \frac{y(x + t \dot x,\, W + t \dot W,\, b + t \dot b) - y(x, W, b)}{t}$$
#
# VJP and JVP are transposes of each other: $\langle \texttt{grad\_y}, \dot y \rangle = \langle
# \nabla_x, \dot x \rangle + \langle \nabla_W, \dot W \rangle + \langle \nabla_b, \dot b \rangle$
# for whatever `grad_y` and tangents. You can check exercise 12 with it, without a single
# derivative.
#
# **Source.** Class notes, 2.4.3; the slides, "Computational complexity: forward propagation".
#
# **Worked number.** $x = (1, 2)$ (one example), $W$ as above, $\dot x = (1, 0)$, $\dot W =
# \begin{pmatrix} 0 & 1 \\ 0 & 0 \end{pmatrix}$, $\dot b = (0, 1)$: $\dot y = (1, 3) + (2, 0) + (0,
# 1) = (3, 4)$.
#
# **Not allowed.** autograd.
#
# **Hidden tests vary** $N$, $n_{in}$ and $n_{out}$ (also equal, also 1), tangents that are 0,
# dtype, memory layout.


# %%
def linear_jvp(
    x: torch.Tensor,
    W: torch.Tensor,
    b: torch.Tensor,
    tangent_x: torch.Tensor,
    tangent_W: torch.Tensor,
    tangent_b: torch.Tensor,
) -> torch.Tensor:
    """Return the change of y = x W^T + b along the tangents, to first order.

    Args:
        x: Inputs, shape (N, n_in), floating dtype.
        W: Weight, shape (n_out, n_in).
        b: Bias, shape (n_out,).
        tangent_x: Direction in which `x` changes, same shape.
        tangent_W: Direction in which `W` changes, same shape.
        tangent_b: Direction in which `b` changes, same shape.

    Returns:
        tangent_y, shape (N, n_out), same dtype.
    """
    # BEGIN SOLUTION
    del b  # the bias itself does not matter
    return tangent_x @ W.T + x @ tangent_W.T + tangent_b
    # END SOLUTION


# %% [markdown]
# ## 14. (*) `chain_vjp`
#
# **Goal.** A deep network is a chain of functions, $g = f^{(L)} \circ \dots \circ f^{(1)}$, and
# its Jacobian is a product of matrices:
#
# $$J_g(x) = J_L \cdots J_2\, J_1, \qquad J_l = J_{f^{(l)}}\big(g^{(l-1)}(x)\big),
# \qquad g^{(0)}(x) = x$$
#
# Given $u$, with as many entries as $g(x)$, return $u^\top J_g(x)$. Matrix products may be
# bracketed as one likes, and the brackets decide the price: a product of two $n \times n$ matrices
# costs $n^3$ multiplications, a product with a vector $n^2$.
#
# `layers` is a list, first layer first. `layer(x)` gives its output, `layer.jacobian(x)` its
# Jacobian `J` at `x`. It multiplies *vectors only*: write `J @ v`, `u @ J` or `J.T @ u` with
# tensors of one axis (all else raises a `TypeError`), and each layer counts the products. You need
# one for each layer.
#
# **Source.** The slides, "Derivative of a composition of functions" and "Computational
# complexity", where the product is said to have $(L - 1)!$ ways to be computed. So many orders of
# the multiplications there are; the number of ways to set the brackets is smaller, the Catalan
# number $C_{L-1}$ ($L = 4$: 5, not 6).
#
# **Worked number.** Two layers $\tanh(W x + b)$ with $b = 0$, $W_1 = \begin{pmatrix} \ln 2 & 0 \\
# 0 & \ln 3 \end{pmatrix}$, $W_2 = (4, -3)$, at $x = (1, 1)$: $g^{(1)} = (0.6, 0.8)$, $g = 0$, $J_1
# = \begin{pmatrix} 0.64 \ln 2 & 0 \\ 0 & 0.36 \ln 3 \end{pmatrix}$, $J_2 = (4, -3)$. $u = 1$ gives
# $(2.56 \ln 2, -1.08 \ln 3) \approx (1.7745, -1.1865)$.
#
# **Not allowed.** autograd.
#
# **Parts.** `grad_x`; `products` (right, and with one product for each layer). **Hidden tests
# vary** $L$ (1 to 6), the widths (also all equal, also 1), dtype, memory layout.


# %%
def chain_vjp(layers: Sequence[Any], x: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    """Return u^T J for the Jacobian J of a chain of layers.

    Args:
        layers: Functions with a method `jacobian`, the first layer first; at least one.
        x: Input of the first layer, shape (n_0,), floating dtype.
        u: Gradient with respect to the output of the last layer, shape (n_L,).

    Returns:
        grad_x, shape (n_0,), same dtype.
    """
    # BEGIN SOLUTION
    inputs = []
    for layer in layers:
        inputs.append(x)
        x = layer(x)
    for layer, point in zip(reversed(layers), reversed(inputs), strict=True):
        u = u @ layer.jacobian(point)
    return u
    # END SOLUTION


# %% [markdown]
# ## 15. (*) `chain_jvp`
#
# **Goal.** The same chain, $J_g(x)\, v$ for a change $v$ of the input. One product for each layer
# again. Which of the two needs to remember the outputs of all layers?
#
# With a single output, one VJP is the whole gradient, whatever the number of inputs; with a single
# input, one JVP is the whole derivative. Networks end in one number, the loss.
#
# **Source.** The slides, "Which algorithm is faster?": forward propagation $O(d w^2 L)$, backward
# propagation $O(w^2 L)$, for $d$ inputs.
#
# **Worked number.** The layers of exercise 14 with $v = (1, 0)$: $J_1 v = (0.64 \ln 2, 0)$, and
# the result is $2.56 \ln 2 \approx 1.7745$, of shape (1,).
#
# **Not allowed.** autograd.
#
# **Parts.** `tangent_y`; `products`. **Hidden tests vary** what those of exercise 14 vary.


# %%
def chain_jvp(layers: Sequence[Any], x: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Return J v for the Jacobian J of a chain of layers.

    Args:
        layers: Functions with a method `jacobian`, the first layer first; at least one.
        x: Input of the first layer, shape (n_0,), floating dtype.
        v: Change of the input, shape (n_0,).

    Returns:
        tangent_y, shape (n_L,), same dtype.
    """
    # BEGIN SOLUTION
    for layer in layers:
        v = layer.jacobian(x) @ v
        x = layer(x)
    return v
    # END SOLUTION


# %% [markdown]
# ## 16. (*) `gradcheck`
#
# **Goal.** Now you grade. Somebody claims that `grad(x)` is the gradient of `f` at `x`: is it?
# Answer `True` or `False`. At every position $i$, compare the claim $g_i$ with the two one-sided
# slopes
#
# $$s_i^+ = \frac{f(x + h\,e_i) - f(x)}{h}, \qquad s_i^- = \frac{f(x) - f(x - h\,e_i)}{h}$$
#
# and accept it if it lies between them, with a little room for the error of the slopes:
#
# $$\min(s_i^+, s_i^-) - \epsilon_i \le g_i \le \max(s_i^+, s_i^-) + \epsilon_i, \qquad
# \epsilon_i = \texttt{atol} + \texttt{rtol} \cdot \max(|s_i^+|, |s_i^-|)$$
#
# Where `f` is smooth the two slopes agree to five digits and there is hardly any choice. At a kink
# they differ, and every number between them is a subgradient: all of $[0, 1]$ is right for ReLU at
# 0.
#
# A checker is judged by what it lets pass. It must reject a gradient that is wrong by 0.1 % in a
# single entry. It must not be fooled by anything that is no gradient of `x`: a shape other than
# that of `x`, entries that are not numbers. And it must give the same verdict for a float32 `x`,
# although single precision has no digits left for $h = 10^{-5}$: do all of it in float64, starting
# with `x`.
#
# **Source.** Class notes, 2.2.2 (round-off errors); the slides, "Finite differences". torch's own
# `torch.autograd.gradcheck` compares with `rtol=1e-3` and `atol=1e-5`, so it lets an error of
# 0.09 % pass, and it refuses the derivative 0 of ReLU at 0.
#
# **Worked number.** $f(x) = x^3$ at $x = 2$: 12 is accepted, 12.012 is not. ReLU at 0: 0, 0.5 and 1
# are accepted, 1.1 is not.
#
# **Not allowed.** autograd.
#
# **Parts.** `verdict`; `form` (shapes, entries that are not numbers); `float32`; `kink`. Each feeds
# right gradients and wrong ones. **Hidden tests vary** the function, the size of the gradient
# ($10^{-3}$ to $10^4$), where and how it is wrong.


# %%
def gradcheck(
    f: Callable[[torch.Tensor], torch.Tensor],
    grad: Callable[[torch.Tensor], torch.Tensor],
    x: torch.Tensor,
    h: float = 1e-5,
    rtol: float = 1e-4,
    atol: float = 1e-8,
) -> bool:
    """Return whether `grad(x)` is the gradient of `f` at `x`.

    Args:
        f: Takes a tensor of the shape of `x`, returns a 0-d tensor.
        grad: Takes a tensor of the shape of `x`, returns what is claimed to be the gradient.
        x: Where, any shape, floating dtype.
        h: How far each coordinate is moved.
        rtol: Room for error, relative to the slopes.
        atol: Room for error, whatever the slopes.

    Returns:
        True if every entry lies between the one-sided slopes, up to the room for error.
    """
    # BEGIN SOLUTION
    x = x.double()
    claimed, here = grad(x), f(x)
    if claimed.shape != x.shape:
        return False
    steps = h * torch.eye(x.numel(), dtype=x.dtype, device=x.device).reshape(-1, *x.shape)
    for step, g in zip(steps, claimed.reshape(-1), strict=True):
        low, high = sorted([(f(x + step) - here) / h, (here - f(x - step)) / h])
        slack = atol + rtol * max(abs(low), abs(high))
        if not low - slack <= g <= high + slack:
            return False
    return True
    # END SOLUTION


# %% [markdown]
# ## A reward: a network made of single numbers
#
# No tensors, no layers: every weight is a `Value`, every step of the loss a node, and one call of
# `backward` differentiates all of it. The network learns a disc from the ring around it; `#` and
# `.` show what it believes, `o` and `x` the examples.

# %%
if __name__ == "__main__":
    seeded = torch.Generator().manual_seed(3)
    examples = [
        (radius * math.cos(k), radius * math.sin(k), label)
        for k in range(16)
        for radius, label in ((0.5 * (k % 3) / 2, 1.0), (1.2, -1.0))
    ]

    def start(count: int) -> list[Value]:
        """Return random weights."""
        return [Value(number) for number in torch.randn(count, generator=seeded).tolist()]

    hidden, out = [start(3) for _ in range(6)], start(7)
    weights = [*(w for neuron in hidden for w in neuron), *out]

    def network(x: float, y: float) -> Value:
        """Return the score of a point: positive inside the disc."""
        h = [(a * x + b * y + c).tanh() for a, b, c in hidden]
        return sum((w * unit for w, unit in zip(out[1:], h, strict=True)), out[0])

    for _ in range(150):
        errors = [(network(x, y) - label) ** 2 for x, y, label in examples]
        loss = sum(errors, Value(0.0)) * (1 / len(errors))
        loss.backward()
        for weight in weights:
            weight.data -= 0.3 * weight.grad

    rows = [[1.5 - 3 * i / 20 for i in range(21)], [3 * j / 50 - 1.5 for j in range(51)]]
    picture = [["#" if network(x, y).data > 0 else "." for x in rows[1]] for y in rows[0]]
    for x, y, label in examples:
        picture[round((1.5 - y) / 0.15)][round((x + 1.5) / 0.06)] = "o" if label > 0 else "x"
    print("\n".join("".join(row) for row in picture))
    print(f"150 times {len(weights)} derivatives, one call of backward for each: {loss.data:.3f}")
