# %% [markdown]
# # Optimizers
#
# Backpropagation says which way is down; an optimizer decides how to walk. In this notebook you
# write the steps of the optimizers that train nearly every network, from plain gradient descent to
# Adam, and what goes around them: clipping, schedules, and the one theorem that says how far you
# will get.
#
# **Words.** `theta` is a tensor of parameters, of any shape; `grad` is the gradient of the loss at
# `theta`, of the same shape; `lr` is the learning rate $\eta$. An optimizer remembers: `v`, `s`,
# `m` are its *state*, of the shape of `theta`, and start at 0. All arithmetic is coordinate by
# coordinate; squares, roots and divisions too.
#
# **One step.** Each exercise is one step. It takes the parameters, the gradient, the state and the
# options, and returns the new parameters and the new state as a tuple:
#
#     theta, v = momentum_step(theta, grad, v, lr, gamma=0.9)
#
# A step is best written as a pure function, which leaves its inputs as they are. Changing an input
# costs no points, but the caller may still need it.
#
# **By hand.** No exercise allows *optim*: `torch.optim`, with its schedules. `clip_grad_norm` does
# not allow *clipping* either: `torch.nn.utils.clip_grad_norm_`, its relatives, and `torch.renorm`.
# You may call the functions that you have already written; a mistake in them then costs twice.
#
# **What is always tested.** Results have the shape of `theta`, its dtype and its device (float64
# first, float32 too), however the inputs lie in memory (transposed, strided, inside a larger
# buffer). Each tensor that you return is a *part* of its own: a right state earns its points even
# if the parameters are wrong. The tests never take two steps in a row with your own numbers: each
# step starts from a right state.
#
# **Where epsilon goes.** Several optimizers divide by the root of something that may be 0, and add
# a small $\varepsilon$ for it. Whether it is added before or after the root is drawn, and to which
# number, hardly matters for $\varepsilon = 10^{-8}$, and matters a lot for large $\varepsilon$ or
# tiny gradients. Libraries and papers differ, so each exercise says what it means, and a part of
# its own, `eps`, tests it with a large $\varepsilon$.
#
# **Sources.** Marc Lelarge, Jill-Jênn Vie and Kevin Scaman, *Deep Learning*, class notes by
# Antoine Groudiev (the *class notes* below), chapter 3; where they have a slip, the exercise says
# so and gives the right formula. The papers are named where they are needed.
#
# Two slips that concern no exercise but your first training loop: class notes, 3.6, prints
# `torch.optim.(params, lr=...)`, which lacks the name of the class (`torch.optim.SGD`), and trains
# with `nn.NLLLoss()` on the outputs of the model. That loss wants log-probabilities: end the model
# with `nn.LogSoftmax(dim=1)`, or use `nn.CrossEntropyLoss()`.

# %%
"""Optimizers, by hand."""

import math
from collections.abc import Callable, Sequence

import torch

# %% [markdown]
# ## 1. `sgd_step`
#
# **Goal.** One step of gradient descent on a mini-batch. You are given the gradients of the `b`
# examples of the batch, one after the other; the step follows their average.
#
# $$\theta_{t+1} = \theta_t - \eta \, \frac{1}{b} \sum_{j=1}^{b} \nabla \mathcal{L}_{i_j}(\theta_t)
# \qquad \texttt{grads}\ (b, *) ,\ \theta\ (*)$$
#
# The star stands for the axes of `theta`, of which there may be any number, also none. With $b = 1$
# this is stochastic gradient descent, with all examples in the batch it is batch gradient descent.
#
# **Source.** Class notes, 3.3.4. Three slips there: the formula of stochastic gradient descent
# prints the loss $\mathcal{L}_{i_t}$ where its gradient $\nabla \mathcal{L}_{i_t}$ belongs; the sum
# of mini-batch gradient descent runs over $i$, which does not occur in $i_{b,t}$ (read $i_{j,t}$,
# and sum over $j$); and all gradients are taken at $\theta_t$, the current parameters.
#
# **Worked number.** $\theta = (1, 2)$, gradients $(2, 0)$ and $(4, 2)$, $\eta = 0.1$: their average
# is $(3, 1)$ and the new parameters are $(0.7, 1.9)$.
#
# **Not allowed.** optim.
#
# **Hidden tests vary** the shape of `theta`, `b` (also 1), `lr`, gradients that cancel or are 0,
# dtype and memory layout.


# %%
def sgd_step(theta: torch.Tensor, grads: torch.Tensor, lr: float) -> torch.Tensor:
    """Return the parameters after one step of mini-batch gradient descent.

    Args:
        theta: Parameters, any shape, floating dtype.
        grads: Gradients of the b examples of the batch, shape (b, *theta.shape), b >= 1.
        lr: Learning rate, positive.

    Returns:
        The new theta, same shape and dtype.
    """
    raise NotImplementedError("sgd_step: write this function")


# %% [markdown]
# ## 2. `momentum_step`
#
# **Goal.** A ball that rolls: it keeps a share $\gamma$ of its velocity and the slope adds to it.
# In a narrow valley the pushes from left and right cancel, those along the valley add up.
#
# $$\begin{aligned}
# v_{t+1} &= \gamma\, v_t + \eta\, \nabla \mathcal{L}(\theta_t) \\
# \theta_{t+1} &= \theta_t - v_{t+1}
# \end{aligned}$$
#
# Mind two things that others do differently. Here the learning rate is part of the velocity: when
# `lr` changes between two steps, the pushes of the past keep the size that they had. (PyTorch's
# buffer is $v / \eta$: as long as `lr` does not change, the parameters are the same.) And `v` is
# subtracted: it points uphill, as the gradient does.
#
# **Source.** Class notes, 3.5.1. Polyak, *Some methods of speeding up the convergence of iteration
# methods*, 1964.
#
# **Worked number.** $\theta = (1, -1)$, gradient $(2, 0)$, $v = (0.5, 0.5)$, $\eta = 0.1$,
# $\gamma = 0.9$: the new velocity is $(0.65, 0.45)$ and the new parameters are $(0.35, -1.45)$.
#
# **Not allowed.** optim.
#
# **Parts.** `theta`; `v`. **Hidden tests vary** the shape, `lr`, $\gamma$ (also 0), the velocity
# (also 0), gradients that are 0, in some coordinates or in all; 20 steps down a quadratic and down
# Rosenbrock's valley; dtype and memory layout.


# %%
def momentum_step(
    theta: torch.Tensor, grad: torch.Tensor, v: torch.Tensor, lr: float, *, gamma: float = 0.9
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return parameters and velocity after one step of gradient descent with momentum.

    Args:
        theta: Parameters, any shape, floating dtype.
        grad: Gradient of the loss at theta, same shape.
        v: Velocity, same shape.
        lr: Learning rate, positive.
        gamma: Share of the velocity that is kept, in [0, 1).

    Returns:
        (theta, v) after the step, same shapes and dtype.
    """
    raise NotImplementedError("momentum_step: write this function")


# %% [markdown]
# ## 3. (*) `momentum_unrolled`
#
# **Goal.** What does the velocity remember? Unroll the recursion of exercise 2 over the last
# $k + 1$ gradients, from the velocity $v_{t-k}$ that was there before them:
#
# $$v_{t+1} = \gamma^{k+1}\, v_{t-k} + \eta \sum_{i=0}^{k} \gamma^i\, \nabla
# \mathcal{L}(\theta_{t-i}) \qquad \texttt{grads}\ (k + 1, *),\ v\ (*)$$
#
# `grads` holds the gradients in the order in which they came: the oldest,
# $\nabla\mathcal{L}(\theta_{t-k})$, first, and the newest last.
#
# **Source.** Class notes, 3.5.1, which print $\gamma^k$ before $v_{t-k}$. Count for $k = 0$: one
# step has been taken, and it multiplies the velocity by $\gamma$ once.
#
# **Worked number.** $v = 4$, gradients 1, 2, 3, $\eta = 0.1$, $\gamma = 0.5$: what is left of the
# old velocity is $4/8 = 0.5$, the gradients add $0.1 \cdot (3 + 2/2 + 1/4) = 0.425$, together
# $0.925$.
#
# **Not allowed.** optim.
#
# **Hidden tests vary** the shape, the number of gradients (also 1), `lr`, $\gamma$ (also 0), the
# velocity (also 0), dtype and memory layout.


# %%
def momentum_unrolled(
    v: torch.Tensor, grads: torch.Tensor, lr: float, *, gamma: float = 0.9
) -> torch.Tensor:
    """Return the velocity after several steps of gradient descent with momentum.

    Args:
        v: Velocity before the first of these steps, any shape, floating dtype.
        grads: The gradients of the steps, oldest first, shape (k + 1, *v.shape).
        lr: Learning rate, positive, the same in all steps.
        gamma: Share of the velocity that is kept in each step, in [0, 1).

    Returns:
        The velocity after the last step, same shape and dtype as v.
    """
    raise NotImplementedError("momentum_unrolled: write this function")


# %% [markdown]
# ## 4. `nesterov_step`
#
# **Goal.** A ball that looks ahead. The velocity will carry it to about $\theta_t - \gamma v_t$
# anyway, so it asks for the slope over there. If the ground rises ahead, it brakes before it
# overshoots.
#
# $$\begin{aligned}
# v_{t+1} &= \gamma\, v_t + \eta\, \nabla \mathcal{L}(\theta_t - \gamma\, v_t) \\
# \theta_{t+1} &= \theta_t - v_{t+1}
# \end{aligned}$$
#
# `grad_fn` is a function: `grad_fn(x)` is the gradient of the loss at `x`, for any `x` of the shape
# of `theta`.
#
# **Source.** Class notes, 3.5.2; Nesterov, 1983, in the form of Sutskever, Martens, Dahl and
# Hinton, *On the importance of initialization and momentum in deep learning*, 2013, equations 3 and
# 4. `torch.optim.SGD(nesterov=True)` gets no function, only one gradient, and therefore stores
# another point: its parameter is $\theta_t - \gamma v_t$, the place where one looks, and not
# $\theta_t$.
#
# **Worked number.** $\mathcal{L}(\theta) = \theta^2 / 2$, so that `grad_fn(x)` is `x`; $\theta =
# 1$, $v = 0.5$, $\eta = 0.1$, $\gamma = 0.9$. The slope at $1 - 0.45$ is $0.55$, so $v = 0.45 +
# 0.055 = 0.505$ and $\theta = 0.495$.
#
# **Not allowed.** optim.
#
# **Parts.** `theta`; `v`. **Hidden tests vary** the shape, the loss (quadratics, Rosenbrock's
# valley), `lr`, $\gamma$ (also 0), the velocity (also 0), 20 steps, dtype and memory layout.


# %%
def nesterov_step(
    theta: torch.Tensor,
    grad_fn: Callable[[torch.Tensor], torch.Tensor],
    v: torch.Tensor,
    lr: float,
    *,
    gamma: float = 0.9,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return parameters and velocity after one step of Nesterov's accelerated gradient.

    Args:
        theta: Parameters, any shape, floating dtype.
        grad_fn: Takes a tensor of the shape of theta, returns the gradient of the loss there.
        v: Velocity, same shape as theta.
        lr: Learning rate, positive.
        gamma: Share of the velocity that is kept, in [0, 1).

    Returns:
        (theta, v) after the step, same shapes and dtype.
    """
    raise NotImplementedError("nesterov_step: write this function")


# %% [markdown]
# ## 5. `adagrad_step`
#
# **Goal.** A learning rate for each parameter. One that has seen large gradients takes small steps;
# one that is hardly ever used (the embedding of a rare word) still learns when its turn comes.
#
# $$\begin{aligned}
# s_{t+1} &= s_t + \nabla \mathcal{L}(\theta_t)^2 \\
# \theta_{t+1} &= \theta_t - \frac{\eta}{\sqrt{s_{t+1} + \varepsilon}}\, \nabla
# \mathcal{L}(\theta_t)
# \end{aligned}$$
#
# Here $\varepsilon$ is added *inside* the root, as in the class notes.
#
# **Source.** Class notes, 3.5.3. Duchi, Hazan and Singer, *Adaptive subgradient methods for online
# learning and stochastic optimization*, 2011. PyTorch adds it outside, $\sqrt{s} + \varepsilon$,
# with $10^{-10}$ by default.
#
# **Worked number.** $\theta = 1$, gradient 3, $s = 16$, $\eta = 0.5$: the new $s$ is 25 and the new
# $\theta$ is $1 - 0.5 \cdot 3/5 = 0.7$. With $\varepsilon = 11$ the root is 6 and $\theta = 0.75$.
#
# **Not allowed.** optim.
#
# **Parts.** `theta`; `s`; `eps` ($\varepsilon$ that is not small beside the gradients). **Hidden
# tests vary** the shape, `lr`, $s$ (also 0), gradients that are 0, in some coordinates or in all;
# 20 steps down a quadratic and down Rosenbrock's valley; dtype and memory layout.


# %%
def adagrad_step(
    theta: torch.Tensor, grad: torch.Tensor, s: torch.Tensor, lr: float, *, eps: float = 1e-8
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return parameters and state after one step of AdaGrad.

    Args:
        theta: Parameters, any shape, floating dtype.
        grad: Gradient of the loss at theta, same shape.
        s: Sum of the squared gradients so far, same shape, not negative.
        lr: Learning rate, positive.
        eps: Added to s inside the square root, positive.

    Returns:
        (theta, s) after the step, same shapes and dtype.
    """
    raise NotImplementedError("adagrad_step: write this function")


# %% [markdown]
# ## 6. `rmsprop_step`
#
# **Goal.** AdaGrad never forgets: its sum only grows, its steps only shrink. An average in which
# the past fades keeps the steps alive.
#
# $$\begin{aligned}
# s_{t+1} &= \gamma\, s_t + (1 - \gamma)\, \nabla \mathcal{L}(\theta_t)^2 \\
# \theta_{t+1} &= \theta_t - \frac{\eta}{\sqrt{s_{t+1} + \varepsilon}}\, \nabla
# \mathcal{L}(\theta_t)
# \end{aligned}$$
#
# Again $\varepsilon$ is added *inside* the root.
#
# **Source.** Class notes, 3.5.4. Tieleman and Hinton, *Neural networks for machine learning*,
# lecture 6.5, 2012. PyTorch adds $\varepsilon$ outside, calls $\gamma$ `alpha` and has 0.99 for it.
#
# **Worked number.** $\theta = 1$, gradient 8, $s = 12$, $\eta = 0.5$, $\gamma = 0.75$: the new $s$
# is $9 + 16 = 25$ and the new $\theta$ is $1 - 0.5 \cdot 8/5 = 0.2$. With $\varepsilon = 11$ the
# root is 6 and $\theta = 1/3$.
#
# **Not allowed.** optim.
#
# **Parts.** `theta`; `s`; `eps` ($\varepsilon$ that is not small beside the gradients). **Hidden
# tests vary** the shape, `lr`, $\gamma$, $s$ (also 0), gradients that are 0, in some coordinates or
# in all; 20 steps down a quadratic and down Rosenbrock's valley; dtype and memory layout.


# %%
def rmsprop_step(
    theta: torch.Tensor,
    grad: torch.Tensor,
    s: torch.Tensor,
    lr: float,
    *,
    gamma: float = 0.9,
    eps: float = 1e-8,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return parameters and state after one step of RMSProp.

    Args:
        theta: Parameters, any shape, floating dtype.
        grad: Gradient of the loss at theta, same shape.
        s: Moving average of the squared gradients, same shape, not negative.
        lr: Learning rate, positive.
        gamma: Share of the average that is kept, in (0, 1).
        eps: Added to s inside the square root, positive.

    Returns:
        (theta, s) after the step, same shapes and dtype.
    """
    raise NotImplementedError("rmsprop_step: write this function")


# %% [markdown]
# ## 7. `adam_step`
#
# **Goal.** Momentum for the direction, RMSProp for the length. Both averages start at 0 and are
# therefore too small at first; Adam knows by how much and corrects it.
#
# $$\begin{aligned}
# m_t &= \beta_1 m_{t-1} + (1 - \beta_1)\, g_t &
# \hat m_t &= \frac{m_t}{1 - \beta_1^t} \\
# v_t &= \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2 &
# \hat v_t &= \frac{v_t}{1 - \beta_2^t} \\
# \theta_t &= \theta_{t-1} - \eta\, \frac{\hat m_t}{\sqrt{\hat v_t} + \varepsilon}
# \end{aligned}$$
#
# The step that you take is step number `t`, and the first one has $t = 1$; $\beta_1^t$ is a power.
# Here $\varepsilon$ is added *outside* the root, to $\sqrt{\hat v_t}$, as in the paper's Algorithm
# 1 and in PyTorch. The state that you return is $m_t$ and $v_t$, without the correction.
#
# What is the first step, from $m_0 = v_0 = 0$, if $\varepsilon$ is negligible? It does not depend
# on the size of the gradient at all.
#
# **Source.** Class notes, 3.5.5, which count so that $t + 1$ stands where $t$ stands here. Kingma
# and Ba, *Adam: a method for stochastic optimization*, 2015, Algorithm 1. The remark below it, in
# section 2, saves a few operations with another quantity $\hat\varepsilon$; it is not meant here.
#
# **Worked number.** The first step: $\theta = 1$, gradient $-2$, $m = v = 0$, $\eta = 0.001$, the
# defaults for the rest. Then $m = -0.2$, $v = 0.004$, $\hat m = -2$, $\hat v = 4$ and $\theta =
# 1.001$; with $\varepsilon = 2$ it is $1.0005$. The second, with $\beta_1 = 0.5$, $\beta_2 = 0.75$:
# $\theta = 1$, gradient 1, $m = v = 2$, $\eta = 0.1$ gives $m = 1.5$, $v = 1.75$, $\hat m = 2$,
# $\hat v = 4$, $\theta = 0.9$.
#
# **Not allowed.** optim.
#
# **Parts.** `theta`; `m`; `v`; `eps` ($\varepsilon$ that is not small beside the gradients).
# **Hidden tests vary** the shape, `t` (1 to 100 000), `lr`, $\beta_1$ and $\beta_2$, gradients that
# are 0, in some coordinates or in all; 20 steps down a quadratic and down Rosenbrock's valley;
# dtype and memory layout.


# %%
def adam_step(
    theta: torch.Tensor,
    grad: torch.Tensor,
    m: torch.Tensor,
    v: torch.Tensor,
    t: int,
    lr: float,
    *,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    eps: float = 1e-8,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return parameters and state after step number t of Adam.

    Args:
        theta: Parameters, any shape, floating dtype.
        grad: Gradient of the loss at theta, same shape.
        m: Moving average of the gradients before the step, same shape, not corrected.
        v: Moving average of the squared gradients before the step, same shape, not corrected.
        t: Number of this step; the first one is 1.
        lr: Learning rate, positive.
        beta_1: Share of m that is kept, in [0, 1).
        beta_2: Share of v that is kept, in [0, 1).
        eps: Added to the square root of the corrected v, positive.

    Returns:
        (theta, m, v) after the step, same shapes and dtype; m and v not corrected.
    """
    raise NotImplementedError("adam_step: write this function")


# %% [markdown]
# ## 8. (*) `amsgrad_step`
#
# **Goal.** Adam sometimes forgets a rare large gradient too fast, and its steps grow again.
# AMSGrad divides by the largest average that it has seen, coordinate by coordinate, so that the
# learning rates never rise.
#
# $$\begin{aligned}
# m_{t+1} &= \beta_1 m_t + (1 - \beta_1)\, g_t \\
# v_{t+1} &= \beta_2 v_t + (1 - \beta_2)\, g_t^2 \\
# \hat v_{t+1} &= \max(\hat v_t, v_{t+1}) \\
# \theta_{t+1} &= \theta_t - \eta\, \frac{m_{t+1}}{\sqrt{\hat v_{t+1}} + \varepsilon}
# \end{aligned}$$
#
# There is no correction of the bias. `v_max` is $\hat v$; $\varepsilon$ is added outside the root.
#
# **Source.** Class notes, 3.5.6; Reddi, Kale and Kumar, *On the convergence of Adam and beyond*,
# 2018, Algorithm 2. The notes say that the moving average is *replaced by* a maximum: it is the
# maximum *of* the moving averages, which go on as before. `torch.optim.Adam(amsgrad=True)` does
# correct the bias, and goes another way.
#
# **Worked number.** $\theta = (1, 1)$, gradient $(1, 2)$, $m = (2, 2)$, $v = (2, 4)$, $\hat v = (9,
# 1)$, $\eta = 0.1$, $\beta_1 = 0.5$, $\beta_2 = 0.75$: $m = (1.5, 2)$, $v = (1.75, 4)$, $\hat v =
# (9, 4)$ and $\theta = (0.95, 0.9)$.
#
# **Not allowed.** optim.
#
# **Parts.** `theta`; `m`; `v`; `v_max`; `eps` ($\varepsilon$ that is not small beside the
# gradients). **Hidden tests vary** the shape, `lr`, $\beta_1$ and $\beta_2$, maxima that are
# exceeded or not or are 0, gradients that are 0; 20 steps down a quadratic and down Rosenbrock's
# valley; dtype and memory layout.


# %%
def amsgrad_step(
    theta: torch.Tensor,
    grad: torch.Tensor,
    m: torch.Tensor,
    v: torch.Tensor,
    v_max: torch.Tensor,
    lr: float,
    *,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    eps: float = 1e-8,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return parameters and state after one step of AMSGrad.

    Args:
        theta: Parameters, any shape, floating dtype.
        grad: Gradient of the loss at theta, same shape.
        m: Moving average of the gradients before the step, same shape.
        v: Moving average of the squared gradients before the step, same shape.
        v_max: Largest v so far, same shape.
        lr: Learning rate, positive.
        beta_1: Share of m that is kept, in [0, 1).
        beta_2: Share of v that is kept, in [0, 1).
        eps: Added to the square root of v_max, positive.

    Returns:
        (theta, m, v, v_max) after the step, same shapes and dtype.
    """
    raise NotImplementedError("amsgrad_step: write this function")


# %% [markdown]
# ## 9. (*) `adamw_step`
#
# **Goal.** Small weights generalise better, so let them decay: each step takes away a share of each
# weight. For plain gradient descent that is the same as adding $\lambda \theta$ to the gradient
# (the gradient of $\frac{\lambda}{2} \|\theta\|^2$, "L2"). For Adam it is not: whatever is added to
# the gradient is divided by $\sqrt{\hat v}$ with it, and the weights that move most would decay
# least. AdamW keeps the two apart.
#
# $$\theta_t = \theta_{t-1} - \eta\, \lambda\, \theta_{t-1} - \eta\, \frac{\hat m_t}{\sqrt{\hat v_t}
# + \varepsilon}$$
#
# with $m_t, v_t, \hat m_t, \hat v_t$ as in exercise 7, from the gradient alone. The decay is
# multiplied by the learning rate, as in PyTorch.
#
# **Source.** Loshchilov and Hutter, *Decoupled weight decay regularization*, 2019, Algorithm 2
# (where a schedule multiplies both terms in place of $\eta$).
#
# **Worked number.** The first step from $\theta = 2$ with gradient 3, $\eta = 0.1$, $\lambda =
# 0.5$: the decay takes $0.1$ away and Adam $0.1$, so $\theta = 1.8$. With L2 it would be $1.9$,
# whatever $\lambda$ is.
#
# **Not allowed.** optim.
#
# **Parts.** `theta`; `m`; `v`; `eps` ($\varepsilon$ that is not small beside the gradients).
# **Hidden tests vary** the shape, `t`, `lr`, $\beta_1$ and $\beta_2$, $\lambda$ (also 0), gradients
# that are 0; 20 steps down a quadratic and down Rosenbrock's valley; dtype and memory layout.


# %%
def adamw_step(
    theta: torch.Tensor,
    grad: torch.Tensor,
    m: torch.Tensor,
    v: torch.Tensor,
    t: int,
    lr: float,
    *,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.01,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return parameters and state after step number t of Adam with decoupled weight decay.

    Args:
        theta: Parameters, any shape, floating dtype.
        grad: Gradient of the loss at theta, same shape.
        m: Moving average of the gradients before the step, same shape, not corrected.
        v: Moving average of the squared gradients before the step, same shape, not corrected.
        t: Number of this step; the first one is 1.
        lr: Learning rate, positive.
        beta_1: Share of m that is kept, in [0, 1).
        beta_2: Share of v that is kept, in [0, 1).
        eps: Added to the square root of the corrected v, positive.
        weight_decay: The factor lambda, not negative.

    Returns:
        (theta, m, v) after the step, same shapes and dtype; m and v not corrected.
    """
    raise NotImplementedError("adamw_step: write this function")


# %% [markdown]
# ## 10. `clip_grad_norm`
#
# **Goal.** One step off a cliff can undo an hour of training. If the gradient is too long, shorten
# it, and keep its direction. The gradient of a network is one long vector, all tensors side by
# side: all of them are multiplied by one and the same factor.
#
# $$\|g\| = \sqrt{\sum_k \|g_k\|^2} \qquad
# g_k \leftarrow \begin{cases} g_k \, \dfrac{c}{\|g\|} & \text{if } \|g\| > c \\
# g_k & \text{otherwise} \end{cases} \qquad c = \texttt{max\_norm}$$
#
# where $\|g_k\|^2$ is the sum of the squares of all entries of the tensor $g_k$. Return the tensors
# and the norm $\|g\|$ that you found, before clipping: it is what one likes to plot.
#
# **Source.** Class notes, 5.3 and 7.1.2. Section 5.3 calls the threshold $\theta$, which is also
# the name of the parameters. Pascanu, Mikolov and Bengio, *On the difficulty of training recurrent
# neural networks*, 2013, Algorithm 1. PyTorch divides by $\|g\| + 10^{-6}$; the tests accept both.
#
# **Worked number.** Two tensors, $(3, 0)$ and $((4))$: the norm is 5. With $c = 1$ they become
# $(0.6, 0)$ and $((0.8))$; with $c = 5$ or more they stay.
#
# **Not allowed.** optim, clipping.
#
# **Parts.** `grads`; `norm`; `edges` (gradients that are all 0, and a norm that is exactly $c$).
# **Hidden tests vary** how many tensors there are, their shapes (also of different numbers of axes,
# also a single number), which of them is large, `max_norm` on either side of the norm, dtype and
# memory layout.


# %%
def clip_grad_norm(
    grads: Sequence[torch.Tensor], max_norm: float
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Return the gradients, scaled down together if their common norm exceeds a maximum.

    Args:
        grads: At least one tensor, any shapes, one floating dtype.
        max_norm: The largest norm that is left alone, positive.

    Returns:
        (grads, norm): a list of tensors of the same shapes and dtype; and the norm of all the given
        gradients together, a 0-d tensor.
    """
    raise NotImplementedError("clip_grad_norm: write this function")


# %% [markdown]
# ## 11. (*) `lr_step`
#
# **Goal.** The oldest schedule: walk for a while, then cut the learning rate, walk on, cut again.
# The factor is applied once every `step_size` steps, all at once.
#
# $$\eta_t = \eta \cdot \gamma^{\lfloor t / \text{step size} \rfloor}$$
#
# Steps count from 0 here: with a step size of 30, the first 30 steps have the full rate.
#
# **Source.** Class notes, 3.5, "how can we adapt the learning rate during training?";
# `torch.optim.lr_scheduler.StepLR`.
#
# **Worked number.** $\eta = 0.1$, step size 30, $\gamma = 0.1$: the rate is $0.1$ at $t = 29$,
# $0.01$ at $t = 30$ and $0.001$ at $t = 75$.
#
# **Not allowed.** optim.
#
# **Hidden tests vary** all arguments: `t` at 0, on both sides of a cut and far behind the last one,
# a step size of 1, $\gamma$ (also 1).


# %%
def lr_step(t: int, lr: float, step_size: int, *, gamma: float = 0.1) -> float:
    """Return the learning rate of step t of a schedule that decays in steps.

    Args:
        t: Number of the step; the first one is 0.
        lr: Learning rate at the start, positive.
        step_size: Number of steps between two cuts, at least 1.
        gamma: What the learning rate is multiplied with at a cut, positive.

    Returns:
        The learning rate, a number.
    """
    raise NotImplementedError("lr_step: write this function")


# %% [markdown]
# ## 12. (*) `lr_cosine`
#
# **Goal.** The schedule that trains most transformers. The rate rises in a straight line from 0 to
# $\eta$ during the first $w$ steps (the warm-up, in which Adam's averages fill), then falls to
# $\eta_\min$ along half a wave of the cosine until step $T$, and stays there.
#
# $$\eta_t = \begin{cases}
# \eta\, \dfrac{t}{w} & t < w \\
# \eta_\min + \dfrac{\eta - \eta_\min}{2} \left(1 + \cos\left(\pi\, \dfrac{t - w}{T - w}
# \right)\right) & w \leq t < T \\
# \eta_\min & t \geq T
# \end{cases}$$
#
# Steps count from 0. Without a warm-up, $w = 0$, there is no first case.
#
# **Source.** Loshchilov and Hutter, *SGDR: stochastic gradient descent with warm restarts*, 2017,
# equation 5 (without restarts).
#
# **Worked number.** $\eta = 1$, $T = 12$, $\eta_\min = 0.2$, $w = 4$: the rate is $0.5$ at $t = 2$,
# $1$ at $t = 4$, $0.6$ at $t = 8$, half-way down, and $0.2$ at $t = 12$ and at $t = 20$.
#
# **Not allowed.** optim.
#
# **Parts.** `cosine`; `warmup`; `after` ($t \geq T$). **Hidden tests vary** all arguments, $t$ at
# the ends of the three phases, with and without a warm-up, $\eta_\min$ also 0.


# %%
def lr_cosine(t: int, T: int, lr: float, *, lr_min: float = 0.0, warmup: int = 0) -> float:
    """Return the learning rate of step t of a cosine schedule with warm-up.

    Args:
        t: Number of the step; the first one is 0.
        T: Step at which the schedule reaches lr_min, larger than warmup.
        lr: The largest learning rate, positive.
        lr_min: The learning rate from step T on, between 0 and lr.
        warmup: Number of steps in which the learning rate rises, not negative.

    Returns:
        The learning rate, a number.
    """
    raise NotImplementedError("lr_cosine: write this function")


# %% [markdown]
# ## 13. (*) `sgd_bound`
#
# **Goal.** How far does gradient descent get, when the loss is not convex and the gradients are
# noisy? Let $\mathcal{L}$ be $\beta$-smooth, $\Delta = \mathcal{L}(\theta_0) - \min \mathcal{L}$,
# and the variance of the noise $\sigma^2$. One step with $\eta \leq 1/\beta$ lowers the loss by at
# least $\frac{\eta}{2} \|\nabla \mathcal{L}\|^2 - \frac{\eta^2}{2} \beta \sigma^2$ on average; add
# up $T$ of them and the sum is at most $\Delta$:
#
# $$\mathbb{E}\left[\min_{t < T} \|\nabla \mathcal{L}(\theta_t)\|^2\right] \leq B(\eta) =
# \frac{2 \Delta}{\eta T} + \eta \beta \sigma^2$$
#
# The first term fades with $T$, the second does not. Return three numbers: the step size that makes
# $B$ smallest,
#
# $$\eta = \min\left(\frac{1}{\beta}, \sqrt{\frac{2\Delta}{T \beta \sigma^2}}\right)$$
#
# the bound $B(\eta)$ at that step size, and the *floor*: what $B$ guarantees for the norm
# $\|\nabla \mathcal{L}\|$ (not its square) when this $\eta$ is kept and the walk goes on for ever.
# Without noise, $\sigma = 0$, the second root is infinite.
#
# **Source.** Class notes, 3.4, the theorem; Ghadimi and Lan, *Stochastic first- and zeroth-order
# methods for nonconvex stochastic programming*, 2013. The notes bound $B(\eta)$ further, by
# $\frac{4\beta\Delta}{T} + \sqrt{\frac{8\beta\Delta\sigma^2}{T}}$; that is true, but 2 in place of
# 4 suffices, and $B(\eta)$ itself is smaller still. The last remark there prints the floor as
# $\sqrt{\eta\beta\sigma}$; compare its units with yours.
#
# **Worked number.** $\beta = 2.5$, $\Delta = 20$, $\sigma = 4$, $T = 100$: $\eta = \min(0.4, 0.1) =
# 0.1$, the bound is $4 + 4 = 8$, the floor is 2. With $\sigma = 0$ they are $0.4$, 1 and 0.
#
# **Not allowed.** optim.
#
# **Parts.** `lr`; `bound`; `floor`; `noiseless` ($\sigma = 0$). **Hidden tests vary** all four
# numbers: little noise and much, few steps and many.


# %%
def sgd_bound(beta: float, delta: float, sigma: float, T: int) -> tuple[float, float, float]:
    """Return the best step size of SGD on a smooth loss, and what it guarantees.

    Args:
        beta: Smoothness of the loss: the gradient is beta-Lipschitz, positive.
        delta: How far the loss at the start lies above its minimum, positive.
        sigma: Standard deviation of the noisy gradient, not negative.
        T: Number of steps, at least 1.

    Returns:
        (lr, bound, floor), three numbers: the step size, the bound on the smallest squared norm of
        the gradient in T steps, and the bound on its norm after infinitely many.
    """
    raise NotImplementedError("sgd_bound: write this function")


# %% [markdown]
# ## A reward: a race down the valley
#
# Rosenbrock's valley bends: its walls (dark) are steep, its floor is nearly flat, and the goal `*`
# lies at the far end. Your optimizers start together at `o`, with a warm-up and a cosine schedule
# of yours. Who gets there in 120 steps? `1` are the footprints of the winner, and so on.

# %%
if __name__ == "__main__":

    def height(x: float, y: float) -> float:
        """Return Rosenbrock's function, with walls that are a little less steep."""
        return (1 - x) ** 2 + 20 * (y - x * x) ** 2

    def slope(theta: torch.Tensor) -> torch.Tensor:
        """Return its gradient."""
        x, y = theta.tolist()
        across = 40 * (y - x * x)
        return torch.tensor([2 * (x - 1) - 2 * x * across, across])

    def clipped(theta: torch.Tensor) -> torch.Tensor:
        """Return its gradient, clipped, as a batch of one."""
        return clip_grad_norm([slope(theta)], 10.0)[0][0].unsqueeze(0)

    # Each racer is told the step, a learning rate, where it stands and what it remembers.
    racers: dict[str, Callable[..., tuple[torch.Tensor, ...]]] = {
        "sgd": lambda _, rate, x: (sgd_step(x, clipped(x), 0.008 * rate),),
        "adagrad": lambda _, rate, x, s: adagrad_step(x, slope(x), s, 0.3 * rate),
        "rmsprop": lambda _, rate, x, s: rmsprop_step(x, slope(x), s, 0.05 * rate),
        "momentum": lambda _, rate, x, v: momentum_step(x, slope(x), v, 0.004 * rate),
        "nesterov": lambda _, rate, x, v: nesterov_step(x, slope, v, 0.004 * rate),
        "adam": lambda t, rate, x, m, v: adam_step(x, slope(x), m, v, t, 0.2 * rate, beta_2=0.99),
    }
    memory = {"sgd": 0, "adam": 2}
    trails: dict[str, list[list[float]]] = {}
    for name, step in racers.items():
        now = (torch.tensor([-1.3, 1.3]), *[torch.zeros(2)] * memory.get(name, 1))
        trails[name] = []
        for t in range(1, 121):
            now = step(t, lr_cosine(t, 120, 1.0, lr_min=0.3, warmup=5), *now)
            trails[name].append(now[0].tolist())

    columns, rows = 76, 24
    picture = []
    for row in range(rows):
        y = 1.9 - 2.5 * row / (rows - 1)
        heights = [height(3.2 * column / (columns - 1) - 1.7, y) for column in range(columns)]
        picture.append([" .:-=+%@"[min(7, int(1.6 * math.log1p(h)))] for h in heights])
    ranking = sorted(trails, key=lambda one: height(*trails[one][-1]))
    marks = [(str(place), x, y) for place, one in enumerate(ranking, 1) for x, y in trails[one]]
    for mark, x, y in [*marks, ("o", -1.3, 1.3), ("*", 1.0, 1.0)]:
        row, column = round((1.9 - y) / 2.5 * (rows - 1)), round((x + 1.7) / 3.2 * (columns - 1))
        if 0 <= row < rows and 0 <= column < columns:
            picture[row][column] = mark
    print("\n".join("".join(row) for row in picture))
    for place, name in enumerate(ranking, 1):
        print(f"{place}. {name:9} {height(*trails[name][-1]):.4f} above the goal")
