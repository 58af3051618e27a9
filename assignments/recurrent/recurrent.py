# %% [markdown]
# # Recurrent networks
#
# A multilayer perceptron reads a fixed number of values. A recurrent network reads a sequence of
# any length, one step at a time, with the same weights at each step and a state that remembers.
# In this notebook you write the cells, run them through time, send gradients back through time,
# measure why that is hard, and let a network speak.
#
# **Words.** `T` steps, `N` sequences (a batch), `D` inputs for each step, `H` hidden units. A batch
# of sequences has the shape `(T, N, D)`, time first, as in `torch.nn.RNN`: `x[t]` is what the
# network reads in step `t`. Steps count from 1 in formulas and from 0 in Python: the tensor `h`
# holds $h_1, \dots, h_T$, so `h[0]` is $h_1$, and the state before the first step, $h_0$, is an
# argument of its own, `h_0`. A weight has the shape `(out, in)`. A gradient is called
# `grad_<primal>` and has the shape of its primal; nothing is averaged here, whoever defines the
# loss does that.
#
# **By hand.** Each exercise says what it does not allow:
#
# * *recurrent*: `nn.RNN`, `nn.LSTM`, `nn.GRU`, their cells, and what they call (`torch.rnn_tanh`,
#   `torch.lstm`, `torch.gru_cell`, ...);
# * *autograd*: everything that differentiates for you (`backward`, `torch.autograd`,
#   `torch.func`).
#
# Everything else is yours: `torch.tanh`, `torch.sigmoid`, matrix products, `torch.einsum`,
# `F.linear`, and loops: over time there is no other way. You may call the functions that you have
# already written; a mistake in them then costs twice.
#
# **What is always tested.** Your results have the shapes stated, the dtype and device of the
# floating inputs (float64 first, float32 too), and do not depend on how an input lies in memory
# (transposed, strided, repeated by `expand`). Several points of an exercise are *parts* of their
# own, usually one for each tensor that you return. The tests hand you every input, also what a
# forward pass would have kept: a mistake in one exercise costs nothing in another.
#
# **Sources.** Marc Lelarge, Jill-Jênn Vie and Kevin Scaman, *Deep Learning*, class notes by Antoine
# Groudiev (the *class notes* below), section 5, which this notebook follows; where they have a
# slip, the exercise says so and gives the right formula. Sepp Hochreiter and Jürgen Schmidhuber,
# *Long short-term memory*, 1997; Razvan Pascanu, Tomas Mikolov and Yoshua Bengio, *On the
# difficulty of training recurrent neural networks*, 2013; Kyunghyun Cho and others, *Learning
# phrase representations using RNN encoder-decoder for statistical machine translation*, 2014.

# %%
"""Recurrent networks, by hand."""

from collections.abc import Callable

import torch

# %% [markdown]
# ## 1. `rnn_cell`
#
# **Goal.** One step of the simplest recurrent network: read an input, change the state.
#
# $$h_t = \tanh(x_t W_x^\top + h_{t-1} W_h^\top + b)$$
#
# $x_t\ (N, D)$, $h_{t-1}\ (N, H)$, $W_x\ (H, D)$, $W_h\ (H, H)$, $b\ (H,)$, $h_t\ (N, H)$. tanh
# acts on each entry.
#
# **Source.** Class notes, 5.2.2 "A vanilla RNN": $\tanh(W_h h_{t-1} + W_x x_t)$, for one sequence
# and without a bias. (torch adds two, `bias_ih` and `bias_hh`; their sum is all that matters.)
#
# **Worked number.** $x_t = (1, 2)$, $W_x = \begin{pmatrix} 0 & \frac{1}{2} \ln 2 \\ \frac{1}{2} \ln
# 3 & 0 \end{pmatrix}$, $h_{t-1} = (0.5, 0)$, $W_h = \begin{pmatrix} 2 \ln 2 & 7 \\ \ln 3 & 7
# \end{pmatrix}$, $b = (-\ln 2, 0)$. The pre-activations are $\ln 2 + \ln 2 - \ln 2 = \ln 2$ and
# $\frac{1}{2} \ln 3 + \frac{1}{2} \ln 3 = \ln 3$, and $h_t = (0.6, 0.8)$.
#
# **Not allowed.** recurrent.
#
# **Parts.** `h_next`; `stability` (pre-activations of a thousand: $e^{1000}$ is infinite). **Hidden
# tests vary** the sizes (also 1, also equal), a state that is 0, dtype and memory layout.


# %%
def rnn_cell(
    x: torch.Tensor,
    h: torch.Tensor,
    W_x: torch.Tensor,
    W_h: torch.Tensor,
    b: torch.Tensor,
) -> torch.Tensor:
    """Return the state after one step of a tanh RNN.

    Args:
        x: Inputs of this step, shape (N, D), floating dtype.
        h: State before it, shape (N, H).
        W_x: Weight of the input, shape (H, D).
        W_h: Weight of the state, shape (H, H).
        b: Bias, shape (H,).

    Returns:
        h_next, shape (N, H), same dtype as `x`.
    """
    raise NotImplementedError("rnn_cell: write this function")


# %% [markdown]
# ## 2. `rnn_forward`
#
# **Goal.** The whole sequence. The weights are the same at each step; only the state changes.
#
# $$h_t = f(h_{t-1}, x_t) \quad \text{for } t = 1, \dots, T, \qquad f \text{ the cell of exercise
# 1}$$
#
# $x\ (T, N, D)$, $h_0\ (N, H)$; return the states $h_1, \dots, h_T$ in one tensor $(T, N, H)$.
#
# **Source.** Class notes, 5.2.1 "General form" and the unfolded graph of 5.2.3.
#
# **Worked number.** $T = 2$, everything else of size 1: $W_x = \frac{1}{2} \ln 3$, $W_h = 2 \ln 3$,
# $b = 0$, $h_0 = 0$, $x = (1, 0)$. First $h_1 = \tanh(\frac{1}{2} \ln 3) = 0.5$, then $h_2 =
# \tanh(0 + 0.5 \cdot 2 \ln 3) = 0.8$.
#
# **Not allowed.** recurrent.
#
# **Hidden tests vary** `T` (also 1), the other sizes (also 1, also all equal), $h_0$, dtype and
# memory layout.


# %%
def rnn_forward(
    x: torch.Tensor,
    h_0: torch.Tensor,
    W_x: torch.Tensor,
    W_h: torch.Tensor,
    b: torch.Tensor,
) -> torch.Tensor:
    """Return all states of a tanh RNN that reads a batch of sequences.

    Args:
        x: Sequences, shape (T, N, D), T at least 1, floating dtype.
        h_0: State before the first step, shape (N, H).
        W_x: Weight of the input, shape (H, D).
        W_h: Weight of the state, shape (H, H).
        b: Bias, shape (H,).

    Returns:
        h, shape (T, N, H), same dtype as `x`: the state after each step.
    """
    raise NotImplementedError("rnn_forward: write this function")


# %% [markdown]
# ## 3. `last_hidden`
#
# **Goal.** Many-to-one: a sentence goes in, one opinion comes out. It is formed from the last
# state, after everything was read. In a batch, sentences have different lengths; the shorter ones
# are filled up with padding, and the network has walked on over it.
#
# $$\text{out}_n = h_{\ell_n, n} \qquad h\ (T, N, H),\ \ell\ (N,) \to (N, H)$$
#
# $\ell_n$, in $1, \dots, T$, is the number of real steps of sequence $n$; states after step
# $\ell_n$ mean nothing.
#
# **Source.** Class notes, 5.2.4 "Many-to-one": "only for the final input", $h_T$. That is one
# sequence; in a padded batch each has its own $T$.
#
# **Worked number.** $T = 3$, $N = 2$, $H = 1$. The states of the first sequence are 1, 2, 3, those
# of the second 4, 5, 6. With the lengths 3 and 1 the result is 3 and 4.
#
# **Not allowed.** Nothing is.
#
# **Hidden tests vary** the sizes (also 1, also equal), the lengths (all different, all the same, 1
# and `T` among them, none of them `T`), dtype and memory layout.


# %%
def last_hidden(h: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Return the last real state of each sequence of a padded batch.

    Args:
        h: States, shape (T, N, H), floating dtype; `h[t]` is the state after step t + 1.
        lengths: Number of real steps of each sequence, int64, shape (N,), entries in 1..T.

    Returns:
        Shape (N, H), same dtype as `h`.
    """
    raise NotImplementedError("last_hidden: write this function")


# %% [markdown]
# ## 4. `rnn_two_layers`
#
# **Goal.** Depth: the states of one RNN are the sequence that a second RNN reads. Each has weights
# and an initial state of its own.
#
# $$h^{(1)}_t = f_1(h^{(1)}_{t-1}, x_t), \qquad h^{(2)}_t = f_2(h^{(2)}_{t-1}, h^{(1)}_t)$$
#
# $x\ (T, N, D)$, $h_0\ (2, N, H)$ holds $h^{(1)}_0$ and $h^{(2)}_0$. `first` and `second` are the
# tuples $(W_x, W_h, b)$ of the layers; $W_x$ of the first is $(H, D)$, that of the second $(H, H)$.
# Return two tensors, those that `torch.nn.RNN` returns: all states of the *top* layer, $(T, N, H)$,
# and the last state of *each* layer, first layer first, $(2, N, H)$.
#
# **Source.** Class notes, 5.5 "Multilayer Recurrent Neural Networks".
#
# **Worked number.** The first layer, its initial state and $x$ are those of exercise 2, with the
# states 0.5 and 0.8. In the second $W_x = 2 \ln 2$, $W_h = -\ln 2$, $b = 0$, $h^{(2)}_0 = 0$, so
# $h^{(2)}_1 = \tanh(\ln 2) = 0.6$ and $h^{(2)}_2 = \tanh(1.6 \ln 2 - 0.6 \ln 2) = 0.6$. The last
# states are 0.8 and 0.6.
#
# **Not allowed.** recurrent.
#
# **Parts.** `h`; `h_last`. **Hidden tests vary** `T` (also 1), the other sizes (also 1, also all
# equal), both initial states, dtype and memory layout.


# %%
def rnn_two_layers(
    x: torch.Tensor,
    h_0: torch.Tensor,
    first: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    second: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the states of a tanh RNN with two layers.

    Args:
        x: Sequences, shape (T, N, D), T at least 1, floating dtype.
        h_0: States of both layers before the first step, shape (2, N, H).
        first: (W_x, W_h, b) of the layer that reads `x`, shapes (H, D), (H, H), (H,).
        second: (W_x, W_h, b) of the layer on top, shapes (H, H), (H, H), (H,).

    Returns:
        (h, h_last): the states of the top layer, shape (T, N, H), and the last state of each
        layer, shape (2, N, H); same dtype as `x`.
    """
    raise NotImplementedError("rnn_two_layers: write this function")


# %% [markdown]
# ## 5. `rnn_cell_backward`
#
# **Goal.** One step of the backward pass. From above comes the gradient with respect to the new
# state; five gradients go out, one for each thing that the cell was given.
#
# $$\delta = \nabla_{h_t} \odot (1 - h_t^2)\ (N, H) \qquad
# \nabla_{x_t} = \delta W_x \qquad \nabla_{h_{t-1}} = \delta W_h$$
#
# $$\nabla_{W_x} = \delta^\top x_t \qquad \nabla_{W_h} = \delta^\top h_{t-1} \qquad
# \nabla_b = \sum_n \delta_n$$
#
# Derive them from exercise 1: $\delta$ is the gradient of the pre-activation. The state occurs
# twice in these formulas, before and after the step; `h` is $h_{t-1}$, `h_next` is $h_t$.
#
# **Source.** Class notes, 5.2.3 "Computational graphs of RNNs"; 2.4.2 for the derivative of a
# linear layer.
#
# **Worked number.** $x_t = (1, 2)$, $h_{t-1} = (0.5, -1)$, $h_t = (0.6, 0.8)$, $W_x =
# \begin{pmatrix} 1 & 0 \\ 2 & -1 \end{pmatrix}$, $W_h = \begin{pmatrix} 1 & 2 \\ 0 & 3
# \end{pmatrix}$, and $(1, 2)$ comes from above. Then $\delta = (0.64, 0.72) = \nabla_b$,
# $\nabla_{x_t} = (2.08, -0.72)$, $\nabla_{h_{t-1}} = (0.64, 3.44)$, $\nabla_{W_x} = \begin{pmatrix}
# 0.64 & 1.28 \\ 0.72 & 1.44 \end{pmatrix}$, $\nabla_{W_h} = \begin{pmatrix} 0.32 & -0.64 \\ 0.36 &
# -0.72 \end{pmatrix}$.
#
# **Not allowed.** recurrent, autograd.
#
# **Parts.** One for each gradient. **Hidden tests vary** the sizes (also 1, also equal), saturated
# states (exactly 1 or -1), dtype and memory layout.


# %%
def rnn_cell_backward(
    grad_h_next: torch.Tensor,
    x: torch.Tensor,
    h: torch.Tensor,
    h_next: torch.Tensor,
    W_x: torch.Tensor,
    W_h: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradients of one step of a tanh RNN.

    Args:
        grad_h_next: Gradient with respect to the state after the step, shape (N, H).
        x: Inputs of the step, shape (N, D), floating dtype.
        h: State before the step, shape (N, H).
        h_next: State after the step, shape (N, H).
        W_x: Weight of the input, shape (H, D).
        W_h: Weight of the state, shape (H, H).

    Returns:
        (grad_x, grad_h, grad_W_x, grad_W_h, grad_b) of shapes (N, D), (N, H), (H, D), (H, H) and
        (H,); same dtype as `x`.
    """
    raise NotImplementedError("rnn_cell_backward: write this function")


# %% [markdown]
# ## 6. (*) `rnn_backward`
#
# **Goal.** Backpropagation through time: the gradients of a loss that looks at all states. Each
# state acts on the loss along two paths, directly, and through the next state.
#
# $$g_t = \nabla_{h_t}^{\text{direct}} + \delta_{t+1} W_h, \qquad
# \delta_t = g_t \odot (1 - h_t^2), \qquad t = T, \dots, 1, \qquad \delta_{T+1} = 0$$
#
# `grad_h[t]` holds what the loss says about each state *directly*, as if the others were constants.
# It is 0 but for the last step if the loss looks only at the end. The parameters are the same at
# each step, so their gradients are sums over the steps:
#
# $$\nabla_{W_h} = \sum_{t=1}^{T} \delta_t^\top h_{t-1} \qquad \nabla_{W_x} = \sum_{t=1}^{T}
# \delta_t^\top x_t \qquad \nabla_b = \sum_{t=1}^{T} \sum_n \delta_{t n}$$
#
# **Source.** Class notes, 5.2.3: "we will sum all the gradients coming from each time step".
#
# **Worked number.** $T = 2$, everything else of size 1: $h_0 = 1$, $h = (0.5, 0.8)$, $x = (1, 2)$,
# $W_x = 3$, $W_h = 2$. The loss looks at the end only, `grad_h` is $(0, 1)$. Then $\delta_2 =
# 0.36$; through $W_h$ comes $0.72$, and $\delta_1 = 0.75 \cdot 0.72 = 0.54$. So $\nabla_x = (1.62,
# 1.08)$, $\nabla_{h_0} = 1.08$, $\nabla_{W_x} = 0.54 + 0.72 = 1.26$, $\nabla_{W_h} = 0.54 + 0.18 =
# 0.72$, $\nabla_b = 0.9$.
#
# **Not allowed.** recurrent, autograd.
#
# **Parts.** One for each gradient. **Hidden tests vary** `T` (also 1), the other sizes (also 1,
# also all equal), a loss that looks at all steps, at the last one only or at an early one only,
# $h_0$, dtype and memory layout.


# %%
def rnn_backward(
    grad_h: torch.Tensor,
    x: torch.Tensor,
    h: torch.Tensor,
    h_0: torch.Tensor,
    W_x: torch.Tensor,
    W_h: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradients of a tanh RNN by backpropagation through time.

    Args:
        grad_h: Direct gradient with respect to the state after each step, shape (T, N, H).
        x: Sequences, shape (T, N, D), T at least 1, floating dtype.
        h: States after each step, shape (T, N, H).
        h_0: State before the first step, shape (N, H).
        W_x: Weight of the input, shape (H, D).
        W_h: Weight of the state, shape (H, H).

    Returns:
        (grad_x, grad_h_0, grad_W_x, grad_W_h, grad_b) of shapes (T, N, D), (N, H), (H, D), (H, H)
        and (H,); same dtype as `x`.
    """
    raise NotImplementedError("rnn_backward: write this function")


# %% [markdown]
# ## 7. (*) `gradient_norm_through_time`
#
# **Goal.** Does the end of a sequence still feel its beginning? A loss looks at $h_T$ only, with
# the gradient `grad_last`. Follow it back through the states and measure its length, for each
# sequence by itself:
#
# $$\text{norms}_k = \Big\| \frac{\partial \mathcal L}{\partial h_k} \Big\|_2, \quad k = 0, \dots,
# T, \qquad \frac{\partial \mathcal L}{\partial h_{t-1}} = \Big( \frac{\partial \mathcal L}{\partial
# h_t} \odot (1 - h_t^2) \Big) W_h$$
#
# Each step back can stretch the gradient by no more than the largest *singular* value of $W_h$,
# written $\sigma_1$, times the steepest slope of that step. That gives a bound without following
# anything:
#
# $$\text{bounds}_k = \| \texttt{grad\_last} \|_2 \prod_{t=k+1}^{T} \sigma_1\, \gamma_t, \qquad
# \gamma_t = \max_j\, (1 - h_{tj}^2)$$
#
# `h` holds $h_1, \dots, h_T$, of shape $(T, N, H)$; $\gamma_t$ is taken for each sequence. Both
# results have the shape $(T + 1, N)$, row $k$ for $h_k$; in the last row both are
# $\| \texttt{grad\_last} \|_2$. `torch.linalg` is allowed.
#
# **Source.** Class notes, 5.3 "Gradient Flow in RNNs": "If the largest eigenvalue of the $W$
# matrix is greater than 1, the gradient will explode." Not so: the $W$ of that section is $[W_h\
# W_x]$, which is not even square and has no eigenvalues. What counts is $W_h$, its largest
# singular value, and the slopes of tanh: $\sigma_1 \max \gamma < 1$ makes the gradient vanish; for
# an explosion $\sigma_1 \max \gamma > 1$ is necessary, but not sufficient (Pascanu and others,
# section 2).
#
# **Worked number.** $W_h = \begin{pmatrix} 0 & 3 \\ 0 & 0 \end{pmatrix}$: both eigenvalues are 0,
# but $\sigma_1 = 3$. With $T = 2$, $h_1 = h_2 = 0$ and `grad_last` $= (1, 0)$ the gradients at
# $h_2, h_1, h_0$ are $(1, 0)$, $(0, 3)$ and $(0, 0)$: the norms are 0, 3, 1 for $k = 0, 1, 2$, the
# bounds 9, 3, 1.
#
# **Not allowed.** recurrent, autograd.
#
# **Parts.** `norms`; `bounds`. **Hidden tests vary** `T` (also 1), `N` and `H` (also 1, also
# equal), $W_h$ (random, symmetric, a rotation, triangular with small eigenvalues), saturated
# states, dtype and memory layout.


# %%
def gradient_norm_through_time(
    grad_last: torch.Tensor, h: torch.Tensor, W_h: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return how long the gradient of the last state is at each earlier state, and a bound.

    Args:
        grad_last: Gradient with respect to the last state, shape (N, H), floating dtype.
        h: States of a tanh RNN after each step, shape (T, N, H), T at least 1.
        W_h: Weight of the state, shape (H, H).

    Returns:
        (norms, bounds), each of shape (T + 1, N), same dtype as `h`; row k belongs to the state
        after k steps.
    """
    raise NotImplementedError("gradient_norm_through_time: write this function")


# %% [markdown]
# ## 8. `lstm_cell`
#
# **Goal.** Long short-term memory: a second state, the cell $c_t$, on which the network only
# multiplies and adds, and four *gates* that decide what is written, kept and shown.
#
# $$(a_i, a_f, a_g, a_o) = x_t W_x^\top + h_{t-1} W_h^\top + b \qquad
# W_x\ (4H, D),\ W_h\ (4H, H),\ b\ (4H,)$$
#
# $$i = \sigma(a_i) \qquad f = \sigma(a_f) \qquad g = \tanh(a_g) \qquad o = \sigma(a_o)$$
#
# $$c_t = f \odot c_{t-1} + i \odot g \qquad h_t = o \odot \tanh(c_t) \qquad (N, H)$$
#
# The $4H$ rows of the weights and of the bias are four blocks of $H$ rows, **in the order i, f, g,
# o**, that of torch. $\sigma(a) = 1 / (1 + e^{-a})$.
#
# **Source.** Class notes, 5.4.1 "Recurrent equation" (LSTM). They order the gates i, f, o, g; with
# weights of torch that exchanges two gates, without an error message. They have no biases. And they
# call $[-1, 1]$ the range of $c_t$: it is that of $g$ and of $h_t$; a cell that keeps ($f = 1$) and
# writes ($i = g = 1$) grows by 1 in each step.
#
# **Worked number.** Everything of size 1: $x_t = 1$, $W_x = (0, \ln 3, \frac{1}{2} \ln 3, \ln 3)$,
# $W_h = 0$, $b = 0$, $c_{t-1} = 1$. Then $i = 0.5$, $f = 0.75$, $g = 0.5$, $o = 0.75$, so $c_t =
# 0.75 + 0.25 = 1$ and $h_t = 0.75 \tanh(1) \approx 0.5712$.
#
# **Not allowed.** recurrent.
#
# **Parts.** `h_next`; `c_next`; `stability` (pre-activations of a thousand). **Hidden tests vary**
# the sizes (also 1, also equal), cells far outside $[-1, 1]$, gates that are open or shut, dtype
# and memory layout.


# %%
def lstm_cell(
    x: torch.Tensor,
    h: torch.Tensor,
    c: torch.Tensor,
    W_x: torch.Tensor,
    W_h: torch.Tensor,
    b: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the state and the cell after one step of an LSTM.

    Args:
        x: Inputs of this step, shape (N, D), floating dtype.
        h: State before it, shape (N, H).
        c: Cell before it, shape (N, H).
        W_x: Weight of the input, shape (4H, D), gates in the order i, f, g, o.
        W_h: Weight of the state, shape (4H, H), same order.
        b: Bias, shape (4H,), same order.

    Returns:
        (h_next, c_next), each of shape (N, H), same dtype as `x`.
    """
    raise NotImplementedError("lstm_cell: write this function")


# %% [markdown]
# ## 9. `lstm_forward`
#
# **Goal.** The LSTM through time. Two things are handed from step to step now.
#
# $$(h_t, c_t) = \text{lstm}(x_t, h_{t-1}, c_{t-1}) \quad \text{for } t = 1, \dots, T$$
#
# $x\ (T, N, D)$, $h_0$ and $c_0\ (N, H)$, the weights as in exercise 8. Return all states and all
# cells, both $(T, N, H)$.
#
# **Source.** Class notes, 5.4.1 and figure 5.10.
#
# **Worked number.** Weights of exercise 8, $x = (1, 0)$, $h_0 = 0$, $c_0 = 1$. Step 1 was computed
# there. In step 2 all pre-activations are 0, so $i = f = o = 0.5$, $g = 0$: $c = (1, 0.5)$ and $h =
# (0.75 \tanh 1, 0.5 \tanh 0.5) \approx (0.5712, 0.2311)$.
#
# **Not allowed.** recurrent.
#
# **Parts.** `h`; `c`. **Hidden tests vary** `T` (also 1), the other sizes (also 1, also all equal),
# $h_0$ and $c_0$, dtype and memory layout.


# %%
def lstm_forward(
    x: torch.Tensor,
    h_0: torch.Tensor,
    c_0: torch.Tensor,
    W_x: torch.Tensor,
    W_h: torch.Tensor,
    b: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return all states and cells of an LSTM that reads a batch of sequences.

    Args:
        x: Sequences, shape (T, N, D), T at least 1, floating dtype.
        h_0: State before the first step, shape (N, H).
        c_0: Cell before the first step, shape (N, H).
        W_x: Weight of the input, shape (4H, D), gates in the order i, f, g, o.
        W_h: Weight of the state, shape (4H, H), same order.
        b: Bias, shape (4H,), same order.

    Returns:
        (h, c), each of shape (T, N, H), same dtype as `x`: what is there after each step.
    """
    raise NotImplementedError("lstm_forward: write this function")


# %% [markdown]
# ## 10. (*) `lstm_cell_backward`
#
# **Goal.** One step of the LSTM, backwards. Gradients come from above for both outputs,
# $\nabla_{h_t}$ and $\nabla_{c_t}^{\text{direct}}$ (from the next step). The forward pass kept the
# gates *after* their nonlinearities, side by side in the order i, f, g, o, as `gates` $(N, 4H)$;
# $c_t = f \odot c_{t-1} + i \odot g$ is quickly computed again.
#
# The cell $c_t$ acts on the loss along two paths: into the next step, and through $h_t = o \odot
# \tanh(c_t)$. Begin with the sum of both,
#
# $$\nabla_{c_t} = \nabla_{c_t}^{\text{direct}} + \nabla_{h_t} \odot o \odot (1 - \tanh^2 c_t),
# \qquad \nabla_{c_{t-1}} = \nabla_{c_t} \odot f$$
#
# and go on yourself: from $\nabla_{c_t}$ and $\nabla_{h_t}$ to the four gates, through their
# nonlinearities ($\sigma' = \sigma (1 - \sigma)$, $\tanh' = 1 - \tanh^2$) to the pre-activations
# $a\ (N, 4H)$, and from there as in any linear layer:
#
# $$\nabla_{x_t} = \nabla_a W_x \qquad \nabla_{h_{t-1}} = \nabla_a W_h \qquad
# \nabla_{W_x} = \nabla_a^\top x_t \qquad \nabla_{W_h} = \nabla_a^\top h_{t-1} \qquad
# \nabla_b = \sum_n (\nabla_a)_n$$
#
# **Source.** Class notes, 5.4.2 "Gradient flow": from $c_t$ to $c_{t-1}$ there is only a
# multiplication by $f$, and no matrix. True of one step, as here; over two there is also the path
# through the gates, which read $h_{t-1}$.
#
# **Worked number.** Everything of size 1: gates $(0.5, 0.5, 0, 0.8)$, $c_{t-1} = 2 \ln 2$, so $c_t
# = \ln 2$; $x_t = 2$, $h_{t-1} = -1$, $W_x = (5, 0, 1, 0)$, $W_h = (0, 0, 0, 1)$, and 1 comes from
# above for both. $\nabla_{c_t} = 1 + 0.8 \cdot 0.64 = 1.512$; $\nabla_a = (0, 0.756 \ln 2, 0.756,
# 0.096) = \nabla_b$; $\nabla_{c_{t-1}} = 0.756$, $\nabla_{x_t} = 0.756$, $\nabla_{h_{t-1}} =
# 0.096$, $\nabla_{W_x} = 2 \nabla_a$, $\nabla_{W_h} = -\nabla_a$ (as columns).
#
# **Not allowed.** recurrent, autograd.
#
# **Parts.** One for each gradient. **Hidden tests vary** the sizes (also 1, also equal), gradients
# that come along one path only, gates that are exactly 0 or 1, large cells, dtype and memory
# layout.


# %%
def lstm_cell_backward(
    grad_h_next: torch.Tensor,
    grad_c_next: torch.Tensor,
    x: torch.Tensor,
    h: torch.Tensor,
    c: torch.Tensor,
    gates: torch.Tensor,
    W_x: torch.Tensor,
    W_h: torch.Tensor,
) -> tuple[torch.Tensor, ...]:
    """Return the gradients of one step of an LSTM.

    Args:
        grad_h_next: Gradient with respect to the state after the step, shape (N, H).
        grad_c_next: Direct gradient with respect to the cell after the step, shape (N, H).
        x: Inputs of the step, shape (N, D), floating dtype.
        h: State before the step, shape (N, H).
        c: Cell before the step, shape (N, H).
        gates: i, f, g, o after their nonlinearities, side by side, shape (N, 4H).
        W_x: Weight of the input, shape (4H, D), gates in the order i, f, g, o.
        W_h: Weight of the state, shape (4H, H), same order.

    Returns:
        (grad_x, grad_h, grad_c, grad_W_x, grad_W_h, grad_b) of shapes (N, D), (N, H), (N, H),
        (4H, D), (4H, H) and (4H,); same dtype as `x`.
    """
    raise NotImplementedError("lstm_cell_backward: write this function")


# %% [markdown]
# ## 11. (*) `gru_cell`
#
# **Goal.** The gated recurrent unit gets by with one state and three blocks. The *update* gate $z$
# keeps, the *reset* gate $r$ decides how much of the old state the proposal $n$ may see. This is
# torch's version, with one bias for the input and one for the state:
#
# $$(p_r, p_z, p_n) = x_t W_x^\top + b_x \qquad (q_r, q_z, q_n) = h_{t-1} W_h^\top + b_h$$
#
# $$r = \sigma(p_r + q_r) \qquad z = \sigma(p_z + q_z) \qquad n = \tanh(p_n + r \odot q_n) \qquad
# h_t = (1 - z) \odot n + z \odot h_{t-1}$$
#
# $W_x\ (3H, D)$, $W_h\ (3H, H)$, $b_x$ and $b_h\ (3H,)$, blocks **in the order r, z, n**.
#
# **Source.** Cho and others, 2014, section 2.3, where $r$ acts on $h_{t-1}$ *before* the matrix,
# $U (r \odot h_{t-1})$, and there are no biases. `torch.nn.GRUCell` lets it act after, bias
# included: all products with $W_h$ can then be one. The two are different functions.
#
# **Worked number.** Everything of size 1: $x_t = 1$, $h_{t-1} = 1$, $W_x = (0, \ln 3, 0)$, $W_h =
# (0, 0, \ln 2)$, $b_x = 0$, $b_h = (0, 0, \ln 2)$. Then $r = 0.5$, $z = 0.75$, $n = \tanh(0.5
# \cdot 2 \ln 2) = 0.6$, and $h_t = 0.25 \cdot 0.6 + 0.75 = 0.9$.
#
# **Not allowed.** recurrent.
#
# **Parts.** `h_next`; `stability` (pre-activations of a thousand). **Hidden tests vary** the sizes
# (also 1, also equal), gates that are open or shut, states outside $[-1, 1]$, dtype and memory
# layout.


# %%
def gru_cell(
    x: torch.Tensor,
    h: torch.Tensor,
    W_x: torch.Tensor,
    W_h: torch.Tensor,
    b_x: torch.Tensor,
    b_h: torch.Tensor,
) -> torch.Tensor:
    """Return the state after one step of a gated recurrent unit.

    Args:
        x: Inputs of this step, shape (N, D), floating dtype.
        h: State before it, shape (N, H).
        W_x: Weight of the input, shape (3H, D), blocks in the order r, z, n.
        W_h: Weight of the state, shape (3H, H), same order.
        b_x: Bias of the input, shape (3H,), same order.
        b_h: Bias of the state, shape (3H,), same order.

    Returns:
        h_next, shape (N, H), same dtype as `x`.
    """
    raise NotImplementedError("gru_cell: write this function")


# %% [markdown]
# ## 12. `greedy_decode`
#
# **Goal.** One-to-many: a state goes in, a sentence comes out. A decoder says how likely each token
# is to come next; take the likeliest, hand it back in, and go on until it wants to stop.
#
# $$(\text{logits}_t, h_t) = \text{step}(y_{t-1}, h_{t-1}), \qquad y_t = \arg\max_v\,
# (\text{logits}_t)_v, \qquad y_0 = \texttt{start}$$
#
# `step` is a function that the tests give you; $h_0$ is `h`, logits have the shape $(V,)$, tokens
# are numbers $0, \dots, V - 1$. Return the list $y_1, y_2, \dots$ of ints. It ends *before* the
# first token that is `stop`, or when it holds `max_len` tokens. Neither `start` nor `stop` is put
# into it by you; `start` is a token like any other, and may be predicted.
#
# **Source.** Class notes, 5.2.4 "One-to-many", where the outputs depend "solely on the previous
# hidden state". A decoder that is to know which word it has chosen must be told: 6.1.1, $s_t =
# g(y_{t-1}, s_{t-1}, c)$.
#
# **Worked number.** A step that looks at the token alone: after 0 comes 2, after 2 comes 1, after
# 1 comes 3. With `start` 0 and `stop` 3 the result is $[2, 1]$, with `max_len` 1 it is $[2]$, and
# with `stop` 2 it is $[\,]$.
#
# **Not allowed.** Nothing is.
#
# **Hidden tests vary** the step (one that looks at the token only, at the state only, a recurrent
# network), `start` (also predicted again), `stop` (predicted at once, late, never, several times),
# `max_len` (also 1, also just enough), dtype.


# %%
def greedy_decode(
    step: Callable[[int, torch.Tensor], tuple[torch.Tensor, torch.Tensor]],
    h: torch.Tensor,
    start: int,
    stop: int,
    max_len: int,
) -> list[int]:
    """Return the tokens that a decoder finds likeliest, one after the other.

    Args:
        step: ``step(token, h)`` returns ``(logits, h)``: scores of the next token, shape (V,), and
            the next state. It accepts an int or a tensor with one element.
        h: State before the first step, floating dtype.
        start: What the first step is given as its token.
        stop: The token that ends the list; it is not part of it.
        max_len: The most tokens to return, at least 1.

    Returns:
        At most `max_len` ints.
    """
    raise NotImplementedError("greedy_decode: write this function")


# %% [markdown]
# ## A reward: learnt by heart
#
# Your network learns a line of Shakespeare, letter by letter, by your gradients, and recites it
# from memory: all it gets is the start token and the state 0. Below that: how long the gradient of
# the end still is at each letter, before training and after. Each sign stands for ten times the
# one to its left in ` .:-=+*#`.

# %%
if __name__ == "__main__":
    text = "to be, or not to be, that is the question"
    alphabet = [*sorted(set(text)), "$"]  # the last token starts and stops
    end, size = len(alphabet) - 1, 48
    target = torch.tensor([*map(alphabet.index, text), end])
    letters = torch.eye(len(alphabet))[torch.cat([target[-1:], target[:-1]])].unsqueeze(1)
    seeded = torch.Generator().manual_seed(0)
    W_in = 0.5 * torch.randn(size, len(alphabet), generator=seeded)
    W_state = 0.7 * torch.randn(size, size, generator=seeded) / size**0.5
    W_out = 0.1 * torch.randn(len(alphabet), size, generator=seeded)
    weights = [W_in, W_state, torch.zeros(size), W_out]
    squares = [torch.zeros_like(weight) for weight in weights]
    zero = torch.zeros(1, size)

    def recite(token: int, h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the logits of the next letter."""
        h = rnn_cell(torch.eye(len(alphabet))[token].unsqueeze(0), h, *weights[:3])
        return (h @ weights[3].T)[0], h

    def bars(states: torch.Tensor) -> str:
        """Return the length of the gradient at each state, as a row of bars."""
        last = torch.eye(len(alphabet))[end].unsqueeze(0) @ weights[3]
        norms, _ = gradient_norm_through_time(last / last.norm(), states, weights[1])
        heights = (norms[1:, 0].clamp(min=1e-9).log10() + 7).clamp(0, 7).round().int()
        return "".join(" .:-=+*#"[height] for height in heights.tolist())

    pictures = []
    for epoch in range(91):
        states = rnn_forward(letters, zero, *weights[:3])
        if epoch % 10 == 0:
            tokens = greedy_decode(recite, zero, end, end, len(text))
            print(f"{epoch:4}  " + "".join(alphabet[token] for token in tokens))
        if epoch in (0, 90):
            pictures.append(bars(states))
        grad_logits = torch.softmax(states[:, 0] @ weights[3].T, dim=1)
        grad_logits[torch.arange(len(target)), target] -= 1
        grad_states = (grad_logits @ weights[3]).unsqueeze(1)
        through_time = rnn_backward(grad_states, letters, states, zero, *weights[:2])
        grads = [*through_time[2:], grad_logits.T @ states[:, 0]]
        for weight, square, grad in zip(weights, squares, grads, strict=True):
            square.mul_(0.9).add_(0.1 * grad**2)
            weight.sub_(0.003 * grad / (square.sqrt() + 1e-6))
    print("\nbefore  " + "\n after  ".join(pictures))
