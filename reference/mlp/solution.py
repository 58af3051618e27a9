# %% [markdown]
# # The multilayer perceptron, by hand
#
# From the smallest model that can be fitted, one slope through the origin, to a network that bends
# its decision around two moons: in this notebook you fit, go down gradients, and write every
# derivative of a multilayer perceptron yourself. At the end nothing in it is magic.
#
# **Words.** `N` examples, one per row; `nx` inputs, `nh` hidden units, `ny` outputs or classes. A
# weight has the shape `(out, in)`, so a layer is $x W^\top + b$, as in torch. A gradient is called
# `grad_<primal>`, has the shape of its primal, and is that of a *mean* over the examples. `y`
# holds one row per example; for classification the rows are probabilities: a single 1 (one-hot),
# or several shares that sum to 1 (soft labels).
#
# **By hand.** Each exercise says what it does not allow:
#
# * *autograd*: everything that differentiates for you (`backward`, `torch.autograd`,
#   `torch.func`);
# * *optim*: `torch.optim`;
# * *least squares*: `torch.linalg.lstsq`, `torch.linalg.pinv` and numpy's.
#
# Everything else is yours: matrix products, `torch.einsum`, `torch.tanh`, `torch.softmax`,
# `F.linear`, `F.one_hot`, and loops (the tests are small enough for them).
#
# **What is always tested.** Your results have the shapes stated, the dtype and device of the
# floating inputs (float64 first, float32 too), and do not depend on how an input lies in memory
# (transposed, strided, repeated by `expand`). Several points of an exercise are *parts* of their
# own, usually one for each tensor that you return. The tests hand you every input, also what a
# forward pass would have kept: a mistake in one exercise costs nothing in another.
#
# **Sources.** The slides and notes of the course; where they have a slip, the exercise says so and
# gives the right formula. Rémy Sun, *Lecture 3: A primer on fundamentals of deep learning* (this
# notebook follows it); Kevin Scaman, *Deep Learning: Introduction, simple architectures (MLPs) and
# autodiff*; *Deep learning: Unpacking Transformers, LLMs and image generation*, session 2; Marc
# Lelarge, Jill-Jênn Vie and Kevin Scaman, *Deep Learning*, class notes by Antoine Groudiev (the
# *class notes* below).

# %%
"""The multilayer perceptron, by hand."""

import math

import torch

# %% [markdown]
# ## 1. `linreg_fit`
#
# **Goal.** Fit the simplest model there is, a line through the origin, $f_\theta(x) = \theta x$.
# Its empirical risk is a parabola in $\theta$, so the best slope can be written down.
#
# $$\hat{\mathcal R}_\theta = \frac{1}{N} \sum_i (y_i - \theta x_i)^2, \qquad
# \hat\theta = \frac{\sum_i x_i y_i}{\sum_i x_i^2}
# \qquad x, y\ (N,) \to \hat\theta \text{ a single number}$$
#
# If all $x_i$ are 0, every slope is equally good and there is no answer: raise a `ValueError`.
#
# **Source.** Sun, lecture 3, "2. Example: linear regression". The first two slides of the section
# print the risk without its square, $\frac{1}{N} \sum_i (y_i - \theta x_i)$, which has no minimum;
# the later ones are right.
#
# **Worked number.** $x = (1, 2)$, $y = (3, 4)$: $\hat\theta = (3 + 8) / (1 + 4) = 2.2$.
#
# **Not allowed.** least squares.
#
# **Parts.** `theta`; `zero_x` (when to raise, and when not). **Hidden tests vary** `N` (also 1),
# the sign and the size of the numbers, data far from the origin, zeros among the $x_i$, dtype and
# memory layout.


# %%
def linreg_fit(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the slope of the best line through the origin, in the sense of least squares.

    Args:
        x: Inputs, shape (N,), floating dtype.
        y: Observations, shape (N,), same dtype.

    Returns:
        theta, a 0-d tensor, same dtype.

    Raises:
        ValueError: If every entry of `x` is 0.
    """
    # BEGIN SOLUTION
    if not x.any():
        raise ValueError("linreg_fit: expected some x that is not 0, got zeros only.")
    return (x * y).sum() / (x * x).sum()
    # END SOLUTION


# %% [markdown]
# ## 2. (*) `linreg_fit_multivariate`
#
# **Goal.** The same with several inputs and several outputs. The slope becomes a matrix $\theta$
# with the shape of a weight, and "zero out the gradient" becomes a linear system, the *normal
# equations*.
#
# $$\hat y_n = \theta x_n, \qquad
# \hat{\mathcal R}_\theta = \frac{1}{N} \sum_n \| y_n - \theta x_n \|^2, \qquad
# X^\top X\, \hat\theta^\top = X^\top Y$$
#
# with $X\ (N, n_x)$, $Y\ (N, n_y)$, $\hat\theta\ (n_y, n_x)$. There is no intercept. The columns
# of $X$ are linearly independent, so the solution is unique. `torch.linalg.solve` and
# `torch.linalg.inv` are allowed: the point is the system, not how it is solved.
#
# **Source.** Sun, lecture 3, end of section 2: "Generalizes to multiple dimensions". Scaman,
# "Typical loss functions", calls $\| y - y' \|^2$ the mean square error; for one example it is a
# *sum* of squares, and the mean is over examples. (`F.mse_loss` also divides by $n_y$. Does that
# move the minimum?)
#
# **Worked number.** $X = \begin{pmatrix} 1 & 0 \\ 0 & 1 \\ 1 & 1 \end{pmatrix}$, $Y = (1, 2,
# 6)^\top$: $X^\top X = \begin{pmatrix} 2 & 1 \\ 1 & 2 \end{pmatrix}$, $X^\top Y = (7, 8)^\top$ and
# $\hat\theta = (2, 3)$, of shape $(1, 2)$.
#
# **Not allowed.** least squares.
#
# **Hidden tests vary** `N`, `nx`, `ny` (also equal, also 1), the scale of the data, data far from
# the origin, dtype and memory layout.


# %%
def linreg_fit_multivariate(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the weight of the best linear map from `x` to `y`, in the sense of least squares.

    Args:
        x: Inputs, shape (N, nx), floating dtype, linearly independent columns.
        y: Observations, shape (N, ny), same dtype.

    Returns:
        theta, shape (ny, nx), same dtype: predictions are ``x @ theta.T``.
    """
    # BEGIN SOLUTION
    return torch.linalg.solve(x.T @ x, x.T @ y).T
    # END SOLUTION


# %% [markdown]
# ## 3. `sgd_epoch`
#
# **Goal.** Most models have no closed form; then one goes downhill, a small batch of examples at a
# time. Write one epoch of it for a model whose gradient you know: the linear layer $\hat y = x
# W^\top + b$, `params = (W, b)`, with the squared error.
#
# $$\hat{\mathcal R}(B) = \frac{1}{\# B} \sum_{n \in B} \| \hat y_n - y_n \|^2, \qquad
# (W, b) \leftarrow (W, b) - \eta\, \nabla_{(W, b)} \hat{\mathcal R}(B)$$
#
# $$\nabla_W \hat{\mathcal R}(B) = \frac{2}{\# B} \sum_{n \in B} (\hat y_n - y_n)\, x_n^\top
# \qquad \nabla_b \hat{\mathcal R}(B) = \frac{2}{\# B} \sum_{n \in B} (\hat y_n - y_n)$$
#
# $W\ (n_y, n_x)$, $b\ (n_y,)$, $x\ (N, n_x)$, $y\ (N, n_y)$. The batches are consecutive slices of
# `permutation`: the first `batch_size` examples that it lists, then the next ones, until each
# example has been used once. The last batch may be shorter: $\# B$ is then its real size. If
# `batch_size` is larger than `N` there is a single batch. In each step all gradients are taken at
# the parameters *before* the step. Return new tensors; the ones that came in keep their values.
#
# **Source.** Sun, lecture 3, "4. Gradient descent", and "2. Example: linear regression" for the
# derivative. Class notes, 3.3.4 "Gradient approximations": the line for stochastic gradient
# descent lacks the gradient (read $\theta - \eta \nabla \mathcal L_{i_t}(\theta)$), and the sum
# over a batch runs over $j$, with indices $i_{j,t}$.
#
# **Worked number.** $x = (1, 2, 3)^\top$, $y = (2, 3, 7)^\top$, $W = 0$, $b = 0$, $\eta = 0.1$,
# `batch_size` 2, `permutation` $(2, 0, 1)$. The first batch holds the inputs 3 and 1: its
# gradients are $-23$ and $-9$, so $W = 2.3$, $b = 0.9$. The second holds the input 2 alone, with
# the error $5.5 - 3$: gradients 10 and 5, and the epoch ends at $W = 1.3$, $b = 0.4$.
#
# **Not allowed.** autograd, optim.
#
# **Parts.** `W`; `b`. **Hidden tests vary** the sizes (also 1), `batch_size` (1, one that leaves a
# rest, one that does not, `N` or more), `lr`, the permutation, dtype and memory layout.


# %%
def sgd_epoch(
    params: tuple[torch.Tensor, torch.Tensor],
    x: torch.Tensor,
    y: torch.Tensor,
    lr: float,
    batch_size: int,
    permutation: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the parameters of a linear model after one epoch of stochastic gradient descent.

    Args:
        params: (W, b) of shapes (ny, nx) and (ny,), floating dtype; not changed.
        x: Inputs, shape (N, nx), same dtype.
        y: Observations, shape (N, ny), same dtype.
        lr: Learning rate, positive.
        batch_size: Examples per step, at least 1; the last batch may be shorter.
        permutation: The numbers 0..N-1 in the order in which examples are used, int64, shape (N,).

    Returns:
        (W, b) after the epoch, new tensors of the same shapes and dtype.
    """
    # BEGIN SOLUTION
    W, b = params
    for batch in permutation.split(batch_size):
        grad = 2 * (x[batch] @ W.T + b - y[batch]) / len(batch)
        W, b = W - lr * grad.T @ x[batch], b - lr * grad.sum(0)
    return W, b
    # END SOLUTION


# %% [markdown]
# ## 4. `mlp_forward`
#
# **Goal.** The network of the lecture: one hidden layer with tanh, then a linear layer, then
# softmax.
#
# $$h = \tanh(x {W^h}^\top + b^h) \qquad \hat y = \text{softmax}(h {W^y}^\top + b^y)$$
#
# $x\ (N, n_x)$, $W^h\ (n_h, n_x)$, $b^h\ (n_h,)$, $h\ (N, n_h)$, $W^y\ (n_y, n_h)$, $b^y\ (n_y,)$,
# $\hat y\ (N, n_y)$; tanh acts on each entry, softmax on each row. Both are returned: the backward
# pass will need them.
#
# **Source.** Sun, lecture 3, "Example: Tanh MLP" and its matrix form; class notes, 1.3. The dense
# layer of section 3 is written $W x^\top + b$, which holds examples in *columns*; with examples in
# rows it is $x W^\top + b$. $\text{SoftMax}(\tilde y_i)$ means entry $i$ of $\text{softmax}(\tilde
# y)$: it needs the whole row.
#
# **Worked number.** $x = (1, 2)$, $W^h = \begin{pmatrix} \ln 2 & 0 \\ 0 & \frac{1}{2} \ln 3
# \end{pmatrix}$, $b^h = 0$: the pre-activations are $\ln 2$ and $\ln 3$, and $h = (0.6, 0.8)$.
# With $W^y = \begin{pmatrix} 4 & -3 \\ 0 & 0 \end{pmatrix}$, $b^y = (0, \ln 3)$ the logits are $0$
# and $\ln 3$, and $\hat y = (1/4, 3/4)$.
#
# **Not allowed.** Nothing is: `torch.softmax` and `F.linear` are welcome.
#
# **Parts.** `h`; `y_hat`; `stability` (pre-activations and logits so large that a careless
# exponential overflows). **Hidden tests vary** the sizes (also 1, also equal), the size of weights
# and inputs, dtype and memory layout.


# %%
def mlp_forward(
    x: torch.Tensor,
    W_h: torch.Tensor,
    b_h: torch.Tensor,
    W_y: torch.Tensor,
    b_y: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the hidden layer and the class probabilities of a tanh network.

    Args:
        x: Inputs, shape (N, nx), floating dtype.
        W_h: Weight of the hidden layer, shape (nh, nx).
        b_h: Bias of the hidden layer, shape (nh,).
        W_y: Weight of the output layer, shape (ny, nh).
        b_y: Bias of the output layer, shape (ny,).

    Returns:
        (h, y_hat): the hidden layer after tanh, shape (N, nh), and the probabilities, shape
        (N, ny), each row of which sums to 1; same dtype as `x`.
    """
    # BEGIN SOLUTION
    h = torch.tanh(x @ W_h.T + b_h)
    return h, torch.softmax(h @ W_y.T + b_y, dim=1)
    # END SOLUTION


# %% [markdown]
# ## 5. `mlp_backward`
#
# **Goal.** The heart of the course: the gradients of the mean cross-entropy with respect to all
# four parameters, from what the forward pass kept.
#
# $$\mathcal L = -\frac{1}{N} \sum_{n=1}^{N} \sum_{i=1}^{n_y} y_{ni} \ln \hat y_{ni}
# \qquad \tilde y = h {W^y}^\top + b^y, \quad \tilde h = x {W^h}^\top + b^h$$
#
# $$\nabla_{\tilde y} = \frac{\hat y - y}{N}\ (N, n_y) \qquad
# \nabla_{W^y} = \nabla_{\tilde y}^\top h \qquad
# \nabla_{b^y} = \sum_n (\nabla_{\tilde y})_n$$
#
# $$\nabla_{\tilde h} = (\nabla_{\tilde y} W^y) \odot (1 - h^2)\ (N, n_h) \qquad
# \nabla_{W^h} = \nabla_{\tilde h}^\top x \qquad
# \nabla_{b^h} = \sum_n (\nabla_{\tilde h})_n$$
#
# Do not copy them: derive the first from $\hat y = \text{softmax}(\tilde y)$, then walk back
# through the network, one step at a time. Each gradient has the shape of its parameter, which
# decides most of the transposes.
#
# **Source.** Sun, lecture 3, "Example: Tanh MLP" and its matrix form at the end of section 5.
# Three slips there: the matrix slide calls $\hat y - y$ the gradient with respect to $\hat y$, but
# it is the one with respect to the *logits* $\tilde y$ (with respect to $\hat y$ it is $-y / \hat
# y$); a bias gradient is printed as a transpose, which holds for one example only, with a batch it
# is a *sum* over the examples; and with a mean loss everything carries $1/N$. It also uses that
# each row of $y$ sums to 1, as it does here. Class notes, 2.4.2, for the derivative of a linear
# layer.
#
# **Worked number.** Two examples with the same $x = (1, 2)$, $h = (0.6, 0.8)$, $\hat y = (1/4,
# 3/4)$, $W^y = \begin{pmatrix} 4 & -3 \\ 0 & 0 \end{pmatrix}$, but the labels $(1, 0)$ and $(0,
# 1)$. Then $\nabla_{b^y} = (-0.25, 0.25)$, $\nabla_{W^y} = \begin{pmatrix} -0.15 & -0.2 \\ 0.15 &
# 0.2 \end{pmatrix}$, $\nabla_{b^h} = (-0.64, 0.27)$, $\nabla_{W^h} = \begin{pmatrix} -0.64 & -1.28
# \\ 0.27 & 0.54 \end{pmatrix}$.
#
# **Not allowed.** autograd.
#
# **Parts.** One for each gradient. **Hidden tests vary** the sizes (also 1, also equal), one-hot
# and soft labels, confident predictions (probabilities that are exactly 0 or 1), saturated hidden
# units, dtype and memory layout.


# %%
def mlp_backward(
    x: torch.Tensor,
    h: torch.Tensor,
    y_hat: torch.Tensor,
    y: torch.Tensor,
    W_y: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradients of the mean cross-entropy of a tanh network.

    Args:
        x: Inputs, shape (N, nx), floating dtype.
        h: Hidden layer after tanh, shape (N, nh).
        y_hat: Predicted probabilities, shape (N, ny).
        y: True probabilities, one-hot or soft, shape (N, ny); each row sums to 1.
        W_y: Weight of the output layer, shape (ny, nh).

    Returns:
        (grad_W_h, grad_b_h, grad_W_y, grad_b_y) of shapes (nh, nx), (nh,), (ny, nh), (ny,); same
        dtype as `x`.
    """
    # BEGIN SOLUTION
    grad_logits = (y_hat - y) / len(x)
    grad_pre = grad_logits @ W_y * (1 - h * h)
    return grad_pre.T @ x, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)
    # END SOLUTION


# %% [markdown]
# ## 6. `train_mlp`
#
# **Goal.** Put it together: start from random weights, then repeat forward, backward, step. The
# hidden layer proves its worth on two shapes that no straight line separates, two circles and two
# moons.
#
# $$\theta \leftarrow \theta - \eta\, \nabla_\theta \mathcal L \qquad
# \text{for each } \theta \in \{W^h, b^h, W^y, b^y\}, \quad \texttt{steps} \text{ times}$$
#
# Start with $W^h \sim \mathcal N(0, 1/n_x)$, $W^y \sim \mathcal N(0, 1/n_h)$ (variance, not
# standard deviation) and zero biases. All randomness comes from `generator` (`torch.randn(...,
# generator=generator)`): the same generator state gives the same parameters, another one gives
# others. Each step may use all examples, or a batch of them. Call `mlp_forward` and
# `mlp_backward`, or write their few lines into the loop.
#
# **Source.** Sun, lecture 3, "Practical in pytorch: Training a MLP". A warning from measurements:
# training hides mistakes. On handwritten digits, networks with a wrong tanh derivative or with
# averaged bias gradients still reach 95 to 96 %, like the right ones. That is why exercise 5 was
# graded gradient by gradient, and why this one is worth little.
#
# **Worked number.** On new points, the best straight line gets about 50 % of the two circles and
# 89 % of the two moons. With 16 hidden units, 200 steps on 60 examples and the learning rate 2 you
# should see 99 % or more.
#
# **Not allowed.** autograd, optim.
#
# **Parts.** `circles` and `moons` (at least 95 % of new points right); `generator`. **Hidden tests
# vary** the examples and the generator's state; `hidden`, `steps` and `lr` are those of the worked
# number.


# %%
def train_mlp(
    x: torch.Tensor,
    y: torch.Tensor,
    hidden: int,
    steps: int,
    lr: float,
    generator: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Train a tanh network from random weights with gradient descent.

    Args:
        x: Inputs, shape (N, nx), floating dtype.
        y: True probabilities, shape (N, ny), same dtype; each row sums to 1.
        hidden: Number of hidden units.
        steps: Number of times that the parameters are changed.
        lr: Learning rate, positive.
        generator: Where all random numbers come from.

    Returns:
        (W_h, b_h, W_y, b_y) after training, of shapes (hidden, nx), (hidden,), (ny, hidden) and
        (ny,); same dtype as `x`.
    """
    # BEGIN SOLUTION
    nx, ny = x.shape[1], y.shape[1]
    W_h = torch.randn(hidden, nx, generator=generator).to(x) / math.sqrt(nx)
    W_y = torch.randn(ny, hidden, generator=generator).to(x) / math.sqrt(hidden)
    params = (W_h, x.new_zeros(hidden), W_y, x.new_zeros(ny))
    for _ in range(steps):
        h, y_hat = mlp_forward(x, *params)
        grads = mlp_backward(x, h, y_hat, y, params[2])
        W_h, b_h, W_y, b_y = (p - lr * g for p, g in zip(params, grads, strict=True))
        params = (W_h, b_h, W_y, b_y)
    return params
    # END SOLUTION


# %% [markdown]
# ## 7. (*) `mlp_backward_relu_L`
#
# **Goal.** Any number of layers. Backpropagation is one step, repeated: what comes from above
# passes the activation, pays the weight and the bias, and is handed down.
#
# $$a^{(0)} = x, \qquad a^{(l)} = \text{ReLU}\big(a^{(l-1)} {W^{(l)}}^\top + b^{(l)}\big)
# \ \text{ for } l = 1, \dots, L - 1, \qquad
# \hat y = \text{softmax}\big(a^{(L-1)} {W^{(L)}}^\top + b^{(L)}\big)$$
#
# with widths $n_0, \dots, n_L$: $a^{(l)}\ (N, n_l)$, $W^{(l)}\ (n_l, n_{l-1})$, $b^{(l)}\ (n_l,)$.
# The loss is the mean cross-entropy of exercise 5. The derivative of ReLU is 1 where its output is
# positive and 0 elsewhere, also at the kink: $\text{ReLU}'(0) = 0$, as in torch.
#
# `activations` is the list $a^{(0)}, \dots, a^{(L-1)}, \hat y$, of length $L + 1$; `weights` is
# the list $W^{(1)}, \dots, W^{(L)}$. (In Python both count from 0.) Return two tuples of length
# $L$, first layer first.
#
# **Source.** Scaman, "Multi-Layer Perceptron": $x^{(l+1)} = \sigma(W^{(l)} x^{(l)} + b^{(l)})$,
# "except for the last layer!". Sun, lecture 3, section 3, writes the network as $h^0 \circ h^1
# \circ \dots \circ h^{L-1}$; that would apply the last layer first, read $h^{L-1} \circ \dots
# \circ h^0$.
#
# **Worked number.** $L = 2$, one example: $x = (1, 2)$, $a^{(1)} = (1, 0)$, $\hat y = (1/4, 3/4)$,
# $y = (1, 0)$, $W^{(2)} = \begin{pmatrix} 1 & 2 \\ 3 & -1 \end{pmatrix}$. From above comes
# $(-0.75, 0.75)$, the bias gradient of layer 2, and its weight gradient is $\begin{pmatrix} -0.75
# & 0 \\ 0.75 & 0 \end{pmatrix}$. Through $W^{(2)}$ it becomes $(1.5, -2.25)$, of which ReLU lets
# $(1.5, 0)$ pass: the bias gradient of layer 1; its weight gradient is $\begin{pmatrix} 1.5 & 3 \\
# 0 & 0 \end{pmatrix}$.
#
# **Not allowed.** autograd.
#
# **Parts.** `grad_weights`; `grad_biases`. **Hidden tests vary** $L$ (1 to 5), the widths (also
# all equal, also 1), `N`, one-hot and soft labels, dead units and dead layers, inputs exactly at
# the kink, dtype and memory layout.


# %%
def mlp_backward_relu_L(  # noqa: N802 -- L is the number of layers
    activations: list[torch.Tensor], weights: list[torch.Tensor], y: torch.Tensor
) -> tuple[tuple[torch.Tensor, ...], tuple[torch.Tensor, ...]]:
    """Return the gradients of the mean cross-entropy of a ReLU network with L layers.

    Args:
        activations: The input, the hidden layers after ReLU, and the predicted probabilities:
            L + 1 tensors of shapes (N, n_0), ..., (N, n_L), floating dtype.
        weights: The weights of all layers: L tensors of shapes (n_1, n_0), ..., (n_L, n_{L-1}).
        y: True probabilities, one-hot or soft, shape (N, n_L); each row sums to 1.

    Returns:
        (grad_weights, grad_biases): two tuples of L tensors, first layer first, of shapes
        (n_l, n_{l-1}) and (n_l,); same dtype as the input.
    """
    # BEGIN SOLUTION
    grad_weights: tuple[torch.Tensor, ...] = ()
    grad_biases: tuple[torch.Tensor, ...] = ()
    grad = (activations[-1] - y) / len(y)
    for weight, a in zip(reversed(weights), reversed(activations[:-1]), strict=True):
        grad_weights = (grad.T @ a, *grad_weights)
        grad_biases = (grad.sum(0), *grad_biases)
        grad = grad @ weight * (a > 0)
    return grad_weights, grad_biases
    # END SOLUTION


# %% [markdown]
# ## 8. (*) `embedding_backward`
#
# **Goal.** An embedding looks up rows of a table, `emb = table[idx]`: the layer that turns
# characters into vectors. Looking up is linear, so it has a simple derivative, with one trap.
# Think of a row that was looked up three times.
#
# $$(\nabla_{\text{table}})_r = \sum_{k\,:\,\text{idx}_k = r} (\nabla_{\text{emb}})_k
# \qquad \nabla_{\text{table}}\ (V, E)$$
#
# `idx` has any shape, `grad_emb` has the same axes and one more, of size $E$. $k$ runs over all
# positions of `idx`, $V$ is `num_embeddings`; rows that were never looked up get 0.
#
# **Source.** Session 2, "Step 3: A Neural Probabilistic Language Model": `emb = C[X_train[ix]]`.
#
# **Worked number.** `idx` $= (0, 2, 0)$, $\nabla_{\text{emb}} = \begin{pmatrix} 1 & 2 \\ 3 & 4 \\
# 5 & 6 \end{pmatrix}$, $V = 3$: $\nabla_{\text{table}} = \begin{pmatrix} 6 & 8 \\ 0 & 0 \\ 3 & 4
# \end{pmatrix}$.
#
# **Not allowed.** autograd.
#
# **Hidden tests vary** the shape of `idx` (1 to 3 axes), repeated and missing rows, rows repeated
# within one example and between examples, $V$ larger than needed, dtype and memory layout.


# %%
def embedding_backward(
    idx: torch.Tensor, grad_emb: torch.Tensor, num_embeddings: int
) -> torch.Tensor:
    """Return the gradient of the loss with respect to an embedding table.

    Args:
        idx: Rows that were looked up, int64, any shape, entries in 0..num_embeddings-1.
        grad_emb: Gradient with respect to what was looked up, shape (*idx.shape, E), floating.
        num_embeddings: Number of rows of the table.

    Returns:
        grad_table, shape (num_embeddings, E), dtype of `grad_emb`.
    """
    # BEGIN SOLUTION
    grad_table = grad_emb.new_zeros(num_embeddings, grad_emb.shape[-1])
    return grad_table.index_add(0, idx.reshape(-1), grad_emb.reshape(-1, grad_emb.shape[-1]))
    # END SOLUTION


# %% [markdown]
# ## 9. (*) `ngram_backward`
#
# **Goal.** Become a backprop ninja: the whole chain of a small language model, every intermediate
# by itself. `B` characters of context predict the next one out of `V`; each has an embedding of
# size `E`.
#
# $$\begin{aligned}
# \text{emb} &= C[\text{idx}] & (N, B, E) \\
# \text{pre} &= \text{flat(emb)}\, W_1^\top + b_1 & (N, n_h) \\
# h &= \tanh(\text{pre}) & (N, n_h) \\
# \text{logits} &= h\, W_2^\top + b_2 & (N, V) \\
# \text{counts} &= \exp(\text{logits}) & (N, V) \\
# \text{counts\_sum} &= \textstyle\sum_v \text{counts}_{\cdot v} & (N, 1) \\
# \text{probs} &= \text{counts} / \text{counts\_sum} & (N, V) \\
# \text{logprobs} &= \ln \text{probs} & (N, V)
# \end{aligned}$$
#
# $$\text{loss} = -\frac{1}{N} \sum_n \text{logprobs}_{n, \text{target}_n}$$
#
# `flat` puts the `B` embeddings of an example side by side, $(N, B, E) \to (N, B E)$. Go
# backwards, one line at a time: logprobs, probs, counts_sum, counts, logits, h, pre, emb, and the
# parameters on the way. Where a value is used twice, its gradients add up. (A real program
# subtracts the largest logit first; softmax ignores that shift, so no gradient changes, and here
# the logits are small.)
#
# **Source.** Session 2, "Step 3: A Neural Probabilistic Language Model", and the practical
# "Backprop ninja" of session 3. The slide prints $\text{logits} = \tanh(W_2 h + b_2)$: there is no
# tanh on the logits. The code of step 2 calls the loss a "sum of logs of probs": it is *minus* the
# *mean*.
#
# **Worked number.** One example, $V = 2$, counts $(1, 3)$, target 0: the gradient of logprobs is
# $(-1, 0)$, of probs $(-4, 0)$, of counts_sum $1/4$, of counts $(-0.75, 0.25)$, of logits $(-0.75,
# 0.75)$, which is $\text{probs} - y$: exercise 5 took a shortcut.
#
# **Not allowed.** autograd.
#
# **Parts.** One for each gradient. **Hidden tests vary** the sizes (also 1, also equal), repeated
# characters in an example, in the batch and in the targets, confident predictions, dtype and
# memory layout.


# %%
def ngram_backward(
    idx: torch.Tensor,
    target: torch.Tensor,
    W_1: torch.Tensor,
    W_2: torch.Tensor,
    emb: torch.Tensor,
    h: torch.Tensor,
    counts: torch.Tensor,
    probs: torch.Tensor,
) -> tuple[torch.Tensor, ...]:
    """Return the gradient of the loss with respect to every intermediate of an n-gram network.

    Args:
        idx: Context characters, int64, shape (N, B).
        target: Next characters, int64, shape (N,).
        W_1: Weight of the hidden layer, shape (nh, B * E), floating dtype.
        W_2: Weight of the output layer, shape (V, nh).
        emb: Embeddings, shape (N, B, E).
        h: Hidden layer after tanh, shape (N, nh).
        counts: Exponentials of the logits, shape (N, V).
        probs: Predicted probabilities, shape (N, V).

    Returns:
        (grad_logprobs, grad_probs, grad_counts_sum, grad_counts, grad_logits, grad_W_2, grad_b_2,
        grad_h, grad_pre, grad_W_1, grad_b_1, grad_emb, grad_C), each of the shape of its primal
        (counts_sum is (N, 1), b_2 is (V,), b_1 is (nh,), C is (V, E)); same dtype as `emb`.
    """
    # BEGIN SOLUTION
    n, V, E = len(idx), probs.shape[1], emb.shape[2]
    grad_logprobs = torch.zeros_like(probs)
    grad_logprobs[torch.arange(n), target] = -1 / n
    grad_probs = grad_logprobs / probs
    counts_sum = counts.sum(1, keepdim=True)
    grad_counts_sum = -(grad_probs * counts).sum(1, keepdim=True) / counts_sum**2
    grad_counts = grad_probs / counts_sum + grad_counts_sum
    grad_logits = grad_counts * counts
    grad_W_2, grad_b_2 = grad_logits.T @ h, grad_logits.sum(0)
    grad_h = grad_logits @ W_2
    grad_pre = grad_h * (1 - h * h)
    grad_W_1, grad_b_1 = grad_pre.T @ emb.reshape(n, -1), grad_pre.sum(0)
    grad_emb = (grad_pre @ W_1).reshape(emb.shape)
    grad_C = emb.new_zeros(V, E).index_add(0, idx.reshape(-1), grad_emb.reshape(-1, E))
    layers = (grad_W_2, grad_b_2, grad_h, grad_pre, grad_W_1, grad_b_1, grad_emb, grad_C)
    return (grad_logprobs, grad_probs, grad_counts_sum, grad_counts, grad_logits, *layers)
    # END SOLUTION


# %% [markdown]
# ## 10. (*) `count_linear_regions_1d`
#
# **Goal.** A ReLU network is affine in pieces. For a single input one can count them: into how
# many intervals, as long as possible, does the line split so that the network is affine on each?
#
# $$g(x) = \sum_i w_{2,i}\, \text{ReLU}(W_i x + b_i) + c
# \qquad W, b, w_2\ (n,) \to \text{an integer}$$
#
# Each neuron may contribute a kink. Does it always? Draw a few: a neuron that is constant, a
# neuron that nobody listens to, two kinks at the same place. Count the pieces of $g$, not of the
# neurons: $\text{ReLU}(x) - \text{ReLU}(-x) = x$ is affine everywhere.
#
# All numbers in the tests are such that kinks at the same place are exactly equal in floating
# point, and slopes that cancel do so exactly.
#
# **Source.** Scaman, "Structure of MLPs with ReLU activations": each ReLU *can* create a new
# affine region. Sun, lecture 3, section 3, calls the network piecewise linear; with biases it is
# piecewise affine.
#
# **Worked number.** $W = (1, 1, 1)$, $b = (0, -1, -2)$, $w_2 = (1, -2, 1)$ is a tent, 0 outside
# $[0, 2]$: 4 regions. $W = (1, -1)$, $b = (0, 0)$, $w_2 = (1, -1)$ gives $x$: 1 region.
#
# **Not allowed.** Nothing is.
#
# **Hidden tests vary** the number of neurons, where the kinks lie (far apart, close together, at
# the same place, at 0), neurons without slope or without output weight, slopes that cancel, dtype.


# %%
def count_linear_regions_1d(W: torch.Tensor, b: torch.Tensor, w2: torch.Tensor) -> int:
    """Return the number of affine pieces of a one-dimensional ReLU network.

    Args:
        W: Slopes of the hidden units, shape (n,), floating dtype.
        b: Biases of the hidden units, shape (n,).
        w2: Output weights, shape (n,).

    Returns:
        The smallest number of intervals that cover the line such that the network is affine on
        each; at least 1.
    """
    # BEGIN SOLUTION
    change: dict[float, float] = {}
    for slope, bias, out in zip(W.tolist(), b.tolist(), w2.tolist(), strict=True):
        if slope != 0:
            kink = -bias / slope
            change[kink] = change.get(kink, 0.0) + out * abs(slope)
    return 1 + sum(jump != 0 for jump in change.values())
    # END SOLUTION


# %% [markdown]
# ## A reward: the border between two moons
#
# Your network, trained by your gradients, draws what it has learnt: `#` where it is sure of the
# lower moon, `.` where it is sure of the upper one, a blank where it hesitates, and the examples
# as `o` and `x`.

# %%
if __name__ == "__main__":
    seeded = torch.Generator().manual_seed(0)
    angle = math.pi * torch.rand(30, generator=seeded)
    upper = torch.stack([angle.cos(), angle.sin()], dim=1)
    examples = torch.cat([upper, torch.tensor([1.0, 0.5]) - upper])
    labels = torch.eye(2).repeat_interleave(30, dim=0)
    network = train_mlp(examples, labels, 16, 300, 2.0, seeded)

    across, down = torch.linspace(-1.4, 2.4, 72), torch.linspace(1.4, -0.9, 22)
    grid = torch.cartesian_prod(down, across).flip(1)
    lower = mlp_forward(grid, *network)[1][:, 1].reshape(22, 72)
    picture = [["#" if p > 0.8 else "." if p < 0.2 else " " for p in row] for row in lower.tolist()]
    for (left, top), (in_upper, _) in zip(examples.tolist(), labels.tolist(), strict=True):
        row, column = round((1.4 - top) / 2.3 * 21), round((left + 1.4) / 3.8 * 71)
        picture[row][column] = "o" if in_upper else "x"
    print("\n".join("".join(row) for row in picture))
