# %% [markdown]
# # Normalisation, initialisation, dropout
#
# A deep network is a long product, and long products explode or vanish. In this notebook you write
# what keeps them in hand: batch normalisation and its relatives, forwards and backwards; weights
# that start with the right size; dropout; and the shortcut of a residual block.
#
# **Words.** `N` examples; `C` features of an example, or channels of an image of `H` rows and `W`
# columns, `(N, C, H, W)`; `D` the size of the last axis. `gamma` is the *scale* and `beta` the
# *shift* that a layer learns. The *biased* variance of $n$ numbers divides by $n$, the *unbiased*
# one by $n - 1$. A gradient is called `grad_<primal>` and has the shape of its primal; `grad_y`
# comes from above and already holds whatever the loss averages.
#
# **By hand.** Each exercise says what it does not allow:
#
# * *normalization*: `F.batch_norm`, `F.layer_norm`, `F.group_norm`, `F.instance_norm`,
#   `F.rms_norm`, under any of their names (`torch.native_batch_norm`, `torch.nn` modules,
#   `torch.nn.utils.fusion`);
# * *autograd*: everything that differentiates for you (`backward`, `torch.autograd`,
#   `torch.func`);
# * *init*: `torch.nn.init`;
# * *dropout*: `F.dropout` and its relatives, `torch.nn.Dropout`.
#
# Everything else is yours: `mean`, `var`, `std`, `torch.var_mean`, `torch.einsum`, `reshape`,
# loops (the tests are small enough for them), and the functions that you have already written; a
# mistake in one of them then costs twice.
#
# **What is always tested.** Your results have the shapes stated, the dtype and device of the
# floating inputs (float64 first, float32 too), and do not depend on how an input lies in memory
# (transposed, strided, repeated by `expand`). Several points of an exercise are *parts* of their
# own, usually one for each tensor that you return. Inputs keep their values: return new tensors.
#
# **Sources.** The slides and notes of the course; where they have a slip, the exercise says so and
# gives the right formula. Marc Lelarge, Jill-Jênn Vie and Kevin Scaman, *Deep Learning*, class
# notes by Antoine Groudiev (the *class notes* below); *Deep learning: Unpacking Transformers, LLMs
# and image generation*, session 3 (initialisation, residual networks, normalisation, and the
# practicals "Backprop ninja" and "add batchnorm to TP2").

# %%
"""Normalisation, initialisation and dropout, by hand."""

import math

import torch

# %% [markdown]
# ## 1. `batchnorm_forward`
#
# **Goal.** Give each feature mean 0 and variance 1 over the batch, then let the network choose
# another mean and variance after all.
#
# $$\mu_j = \frac{1}{N} \sum_i x_{ij}, \qquad
# \sigma_j^2 = \frac{1}{N} \sum_i (x_{ij} - \mu_j)^2, \qquad
# \hat x_{ij} = \frac{x_{ij} - \mu_j}{\sqrt{\sigma_j^2 + \varepsilon}}, \qquad
# y_{ij} = \gamma_j \hat x_{ij} + \beta_j$$
#
# $x, y\ (N, C)$; $\gamma, \beta, \mu, \sigma^2\ (C,)$. That is *training*. On the way the layer
# remembers what it sees, with momentum $m$:
#
# $$r^\mu \leftarrow (1 - m)\, r^\mu + m\, \mu, \qquad
# r^{\sigma^2} \leftarrow (1 - m)\, r^{\sigma^2} + m\, \frac{N}{N - 1} \sigma^2$$
#
# The batch is normalised with the *biased* variance, which describes this batch; what is
# remembered is the *unbiased* one, which estimates that of all data. In *evaluation* an example
# must not depend on its neighbours: $r^\mu$ and $r^{\sigma^2}$ stand in for $\mu$ and $\sigma^2$
# (with $\varepsilon$), and stay as they are. A single example has no variance: in training, `N = 1`
# raises a `ValueError`, as in torch; in evaluation it is welcome.
#
# **Source.** Class notes, 4.5.1 and 4.5.2; Ioffe and Szegedy, *Batch Normalization*, 2015,
# algorithms 1 and 2. The notes call $\sigma_j^2$ the standard deviation (it is the variance),
# leave out $\varepsilon$ in the operation at test time, and do not say how the running statistics
# are kept; above is torch's rule. The identity is recovered by $\beta = \mu$ and $\gamma =
# \sqrt{\sigma^2 + \varepsilon}$, not by $\gamma = \sigma$.
#
# **Worked number.** One feature, $x = (1, 7)$, $\varepsilon = 7$, $\gamma = 2$, $\beta = 1$: $\mu =
# 4$, $\sigma^2 = 9$, $\hat x = (-0.75, 0.75)$, $y = (-0.5, 2.5)$. From $r^\mu = 0$, $r^{\sigma^2} =
# 1$ with $m = 0.1$ become $0.4$ and $0.9 + 1.8 = 2.7$. In evaluation, with $r^\mu = 1$ and
# $r^{\sigma^2} = 9$: $y = (1, 4)$.
#
# **Not allowed.** normalization.
#
# **Parts.** `y`; `running_mean`; `running_var`; `evaluation`; `stability` (data far from 0);
# `one_example` (when to raise, and when not). **Hidden tests vary** `N` and `C` (also equal, also
# 1), `momentum` (also 0 and 1), `eps`, features with a tiny variance or none, dtype and memory
# layout.


# %%
def batchnorm_forward(
    x: torch.Tensor,
    gamma: torch.Tensor,
    beta: torch.Tensor,
    running_mean: torch.Tensor,
    running_var: torch.Tensor,
    *,
    training: bool,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the batch, normalised feature by feature, and the new running statistics.

    Args:
        x: Inputs, shape (N, C), floating dtype.
        gamma: Scale, shape (C,), same dtype.
        beta: Shift, shape (C,).
        running_mean: Mean remembered so far, shape (C,); not changed.
        running_var: Variance remembered so far, shape (C,); not changed.
        training: Whether the statistics are those of the batch; else the remembered ones are used.
        momentum: Weight of this batch in what is remembered, in [0, 1].
        eps: Added to the variance, positive.

    Returns:
        (y, running_mean, running_var) of shapes (N, C), (C,), (C,); in evaluation the last two have
        the values that came in.

    Raises:
        ValueError: If `training` and N is 1.
    """
    raise NotImplementedError("batchnorm_forward: write this function")


# %% [markdown]
# ## 2. `batchnorm_backward`
#
# **Goal.** The gradients of training mode. "Hopefully, this is a differentiable function", say the
# class notes, and leave the rest to you. Each input reaches the loss on three roads: directly,
# through the mean, and through the variance of its feature.
#
# $$\nabla_{\hat x} = \nabla_y \odot \gamma, \qquad
# \nabla_{x_{ij}} = \frac{1}{\sqrt{\sigma_j^2 + \varepsilon}} \Big( \nabla_{\hat x_{ij}} -
# \frac{1}{N} \sum_k \nabla_{\hat x_{kj}} -
# \hat x_{ij} \frac{1}{N} \sum_k \nabla_{\hat x_{kj}} \hat x_{kj} \Big)$$
#
# $$\nabla_{\gamma_j} = \sum_i \nabla_{y_{ij}} \hat x_{ij}, \qquad
# \nabla_{\beta_j} = \sum_i \nabla_{y_{ij}} \qquad
# \nabla_y, \nabla_x\ (N, C); \quad \nabla_\gamma, \nabla_\beta\ (C,)$$
#
# Do it in two rounds. First draw the graph ($x \to \mu \to x - \mu \to \sigma^2 \to \hat x \to y$)
# and walk back node by node, adding up where arrows meet; then shorten the result on paper to the
# formula above. Either one is accepted. What comes in is `x`, not what a forward pass kept: compute
# again what you need. No `running_*` appears: nothing flows into them.
#
# **Source.** Class notes, 4.5.1 ("implement its backward gradient"); session 3, "Backprop ninja";
# Ioffe and Szegedy, 2015, section 3, where the derivatives are given node by node.
#
# **Worked number.** $x = (1, 7)$, $\varepsilon = 7$, $\gamma = 2$, $\nabla_y = (1, 2)$:
# $\nabla_{\hat x} = (2, 4)$ with mean 3, $\nabla_{\hat x} \odot \hat x = (-1.5, 3)$ with mean 0.75,
# and $\nabla_x = (-0.109375, 0.109375)$; $\nabla_\gamma = 0.75$, $\nabla_\beta = 3$.
#
# **Not allowed.** normalization, autograd.
#
# **Parts.** One for each gradient. **Hidden tests vary** `N` and `C` (also equal, also 2 and 1),
# `eps`, features with a tiny variance or none, entries of `gamma` that are 0 or negative, dtype and
# memory layout.


# %%
def batchnorm_backward(
    grad_y: torch.Tensor, x: torch.Tensor, gamma: torch.Tensor, *, eps: float = 1e-5
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradients of batch normalisation in training mode.

    Args:
        grad_y: Gradient of the loss with respect to the output, shape (N, C), floating dtype.
        x: Inputs, shape (N, C), same dtype, N at least 2.
        gamma: Scale, shape (C,).
        eps: Added to the variance, positive.

    Returns:
        (grad_x, grad_gamma, grad_beta) of shapes (N, C), (C,), (C,).
    """
    raise NotImplementedError("batchnorm_backward: write this function")


# %% [markdown]
# ## 3. `batchnorm2d_forward`
#
# **Goal.** The same for images. A convolution treats all pixels of a channel alike, so they share
# one mean and one variance: the statistics of a channel run over all its pixels in all images.
#
# $$\mu_c = \frac{1}{n} \sum_{i, h, w} x_{ichw}, \qquad
# \sigma_c^2 = \frac{1}{n} \sum_{i, h, w} (x_{ichw} - \mu_c)^2, \qquad n = N H W$$
#
# $x, y\ (N, C, H, W)$; $\gamma, \beta$ and the running statistics $(C,)$. The rest is as in
# exercise 1, with $n$ in the place of $N$: the biased variance normalises, the unbiased one is
# remembered, and in training $n = 1$ raises a `ValueError`. One image of several pixels is fine.
#
# **Source.** Class notes, 4.5.3. They list $\mu, \sigma$ as "mean and standard deviation" and
# $\gamma, \beta$ as "*learned* mean and standard deviation": $\gamma$ is the scale, $\beta$ the
# shift, in this order.
#
# **Worked number.** Two images of one channel, one row and two columns, both $(1, 7)$; the other
# numbers as in exercise 1. Each image becomes $(-0.5, 2.5)$, $r^\mu = 0.4$, and $r^{\sigma^2} =
# 0.9 + 0.1 \cdot 36 / 3 = 2.1$.
#
# **Not allowed.** normalization.
#
# **Parts.** `y`; `running_mean`; `running_var`; `evaluation`; `one_value` (when to raise, and when
# not). **Hidden tests vary** the sizes (all different, all equal, also 1), `momentum`, `eps`, dtype
# and memory layout (channels last, too).


# %%
def batchnorm2d_forward(
    x: torch.Tensor,
    gamma: torch.Tensor,
    beta: torch.Tensor,
    running_mean: torch.Tensor,
    running_var: torch.Tensor,
    *,
    training: bool,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the images, normalised channel by channel, and the new running statistics.

    Args:
        x: Images, shape (N, C, H, W), floating dtype.
        gamma: Scale, shape (C,), same dtype.
        beta: Shift, shape (C,).
        running_mean: Mean remembered so far, shape (C,); not changed.
        running_var: Variance remembered so far, shape (C,); not changed.
        training: Whether the statistics are those of the batch; else the remembered ones are used.
        momentum: Weight of this batch in what is remembered, in [0, 1].
        eps: Added to the variance, positive.

    Returns:
        (y, running_mean, running_var) of shapes (N, C, H, W), (C,), (C,); in evaluation the last
        two have the values that came in.

    Raises:
        ValueError: If `training` and a channel has a single value (N * H * W is 1).
    """
    raise NotImplementedError("batchnorm2d_forward: write this function")


# %% [markdown]
# ## 4. `batchnorm2d_backward`
#
# **Goal.** The gradients of exercise 3 in training mode. Every mean of exercise 2 now runs over
# what shares a mean; every sum over what shares a parameter.
#
# $$\nabla_{x} = \frac{1}{\sqrt{\sigma^2 + \varepsilon}} \Big( \nabla_{\hat x} -
# \text{mean}_{i, h, w} \nabla_{\hat x} -
# \hat x \; \text{mean}_{i, h, w} (\nabla_{\hat x} \odot \hat x) \Big), \qquad
# \nabla_{\hat x} = \nabla_y \odot \gamma$$
#
# $$\nabla_{\gamma_c} = \sum_{i, h, w} \nabla_{y_{ichw}} \hat x_{ichw}, \qquad
# \nabla_{\beta_c} = \sum_{i, h, w} \nabla_{y_{ichw}} \qquad
# \nabla_y, \nabla_x\ (N, C, H, W); \quad \nabla_\gamma, \nabla_\beta\ (C,)$$
#
# You may write it out, or bring the image into the form $(N H W, C)$ and call
# `batchnorm_backward`. Then mind: a `reshape` never reorders memory.
#
# **Source.** Class notes, 4.5.3.
#
# **Worked number.** The images of exercise 3, $\gamma = 2$, $\varepsilon = 7$, $\nabla_y = (1, 2)$
# for the first and $(3, 6)$ for the second: $\nabla_x = (-0.71875, -0.78125)$ and $(0.28125,
# 1.21875)$, $\nabla_\gamma = 3$, $\nabla_\beta = 12$.
#
# **Not allowed.** normalization, autograd.
#
# **Parts.** One for each gradient. **Hidden tests vary** the sizes (all different, all equal, also
# 1), `eps`, channels with a tiny variance or none, dtype and memory layout (channels last, too).


# %%
def batchnorm2d_backward(
    grad_y: torch.Tensor, x: torch.Tensor, gamma: torch.Tensor, *, eps: float = 1e-5
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradients of batch normalisation of images in training mode.

    Args:
        grad_y: Gradient of the loss with respect to the output, shape (N, C, H, W), floating dtype.
        x: Images, shape (N, C, H, W), same dtype, N * H * W at least 2.
        gamma: Scale, shape (C,).
        eps: Added to the variance, positive.

    Returns:
        (grad_x, grad_gamma, grad_beta) of shapes (N, C, H, W), (C,), (C,).
    """
    raise NotImplementedError("batchnorm2d_backward: write this function")


# %% [markdown]
# ## 5. `fuse_linear_batchnorm`
#
# **Goal.** Batch normalisation for free. In evaluation its statistics are constants, so a linear
# layer and the normalisation behind it are together one linear layer. Find its weight and bias:
#
# $$\text{BN}(x W^\top + b) = x {W'}^\top + b' \quad \text{for every } x, \qquad
# W' = \text{diag}(s)\, W, \quad b' = s \odot (b - r^\mu) + \beta, \quad
# s = \frac{\gamma}{\sqrt{r^{\sigma^2} + \varepsilon}}$$
#
# $W\ (C, n)$ with `C` outputs; $b, \gamma, \beta, r^\mu, r^{\sigma^2}\ (C,)$. A layer in front of a
# normalisation often has no bias at all (why?): then `b` is `None`, and stands for zeros.
#
# **Source.** Class notes, 4.5.2: "it can be fused with the previous fully-connected or
# convolutional layer". They call the operation linear; it is affine, and they leave out
# $\varepsilon$. The "four parameters of the normalization layer" are scale, shift, running mean and
# running variance.
#
# **Worked number.** $W = (2, 4)$, $b = 1$, $\gamma = 3$, $\beta = 5$, $r^\mu = 2$, $r^{\sigma^2} =
# 9$, $\varepsilon = 7$: $s = 3/4$, $W' = (1.5, 3)$, $b' = -0.75 + 5 = 4.25$.
#
# **Not allowed.** normalization.
#
# **Parts.** `W`; `b`; `no_bias`. **Hidden tests vary** the sizes (also equal, also 1), `eps`,
# running variances that are tiny or 0, signs of `gamma`, dtype and memory layout.


# %%
def fuse_linear_batchnorm(
    W: torch.Tensor,
    b: torch.Tensor | None,
    gamma: torch.Tensor,
    beta: torch.Tensor,
    running_mean: torch.Tensor,
    running_var: torch.Tensor,
    *,
    eps: float = 1e-5,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return one linear layer that does what a linear layer and a batch normalisation do.

    Args:
        W: Weight of the linear layer, shape (C, n), floating dtype.
        b: Its bias, shape (C,); None if it has none.
        gamma: Scale of the normalisation, shape (C,).
        beta: Its shift, shape (C,).
        running_mean: Its running mean, shape (C,).
        running_var: Its running variance, shape (C,), not negative.
        eps: Added to the variance, positive.

    Returns:
        (W, b) of the fused layer, of shapes (C, n) and (C,), same dtype.
    """
    raise NotImplementedError("fuse_linear_batchnorm: write this function")


# %% [markdown]
# ## 6. (*) `fuse_conv_batchnorm`
#
# **Goal.** The same for a convolution: `C` output channels, each computed by a filter of its own.
#
# $$w'_{c} = s_c\, w_c, \qquad b' = s \odot (b - r^\mu) + \beta, \qquad
# s = \frac{\gamma}{\sqrt{r^{\sigma^2} + \varepsilon}} \qquad w\ (C, C_{\text{in}}, k_h, k_w)$$
#
# No padding, stride or image appears: a convolution is linear in its filters, whatever they slide
# over. `b` may be `None`.
#
# **Source.** Class notes, 4.5.2, as above. A bias is one number per output channel (the notes,
# 4.2.3, print one per output pixel).
#
# **Worked number.** As in exercise 5, with the filter $w = (2, 4)$ of shape $(1, 1, 1, 2)$: $w' =
# (1.5, 3)$, $b' = 4.25$.
#
# **Not allowed.** normalization.
#
# **Parts.** `weight`; `b`; `no_bias`. **Hidden tests vary** the sizes (all different, all equal,
# also 1), `eps`, running variances that are tiny or 0, signs of `gamma`, dtype and memory layout.


# %%
def fuse_conv_batchnorm(
    weight: torch.Tensor,
    b: torch.Tensor | None,
    gamma: torch.Tensor,
    beta: torch.Tensor,
    running_mean: torch.Tensor,
    running_var: torch.Tensor,
    *,
    eps: float = 1e-5,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return one convolution that does what a convolution and a batch normalisation do.

    Args:
        weight: Filters of the convolution, shape (C, C_in, kh, kw), floating dtype.
        b: Its bias, shape (C,); None if it has none.
        gamma: Scale of the normalisation, shape (C,).
        beta: Its shift, shape (C,).
        running_mean: Its running mean, shape (C,).
        running_var: Its running variance, shape (C,), not negative.
        eps: Added to the variance, positive.

    Returns:
        (weight, b) of the fused convolution, of shapes (C, C_in, kh, kw) and (C,), same dtype.
    """
    raise NotImplementedError("fuse_conv_batchnorm: write this function")


# %% [markdown]
# ## 7. `layernorm_forward`
#
# **Goal.** Normalise each example by itself, over its own features. Nothing is remembered, training
# and evaluation are the same, and a batch of one is no special case: this is what transformers use.
#
# $$\mu = \frac{1}{D} \sum_j x_{\cdot j}, \qquad
# \sigma^2 = \frac{1}{D} \sum_j (x_{\cdot j} - \mu)^2, \qquad
# y_{\cdot j} = \gamma_j \frac{x_{\cdot j} - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta_j$$
#
# $x, y\ (\dots, D)$ with any number of axes in front: each of their entries has its own $\mu$ and
# $\sigma^2$. $\gamma, \beta\ (D,)$: every *feature* has its own scale and shift.
#
# **Source.** Class notes, 4.5.5; Ba, Kiros and Hinton, *Layer Normalization*, 2016. (In the notes
# $\gamma, \beta$ are again "mean and standard deviation": read scale and shift.)
#
# **Worked number.** $x = (1, 7)$, $\varepsilon = 7$, $\gamma = (1, 2)$, $\beta = (0, 1)$: $\hat x =
# (-0.75, 0.75)$ and $y = (-0.75, 2.5)$.
#
# **Not allowed.** normalization.
#
# **Parts.** `y`; `stability` (data far from 0). **Hidden tests vary** the shape (1 to 4 axes, `D`
# also 1, square), `eps`, examples with a tiny variance or none, dtype and memory layout.


# %%
def layernorm_forward(
    x: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor, *, eps: float = 1e-5
) -> torch.Tensor:
    """Return `x`, normalised over its last axis.

    Args:
        x: Inputs, shape (..., D), floating dtype.
        gamma: Scale, shape (D,), same dtype.
        beta: Shift, shape (D,).
        eps: Added to the variance, positive.

    Returns:
        Shape and dtype of `x`.
    """
    raise NotImplementedError("layernorm_forward: write this function")


# %% [markdown]
# ## 8. `layernorm_backward`
#
# **Goal.** Its gradients. Two directions meet here: the statistics run along the features of an
# example, the parameters are shared by all examples.
#
# $$\nabla_{x} = \frac{1}{\sqrt{\sigma^2 + \varepsilon}} \Big( \nabla_{\hat x} -
# \text{mean}_j \nabla_{\hat x} - \hat x \; \text{mean}_j (\nabla_{\hat x} \odot \hat x) \Big),
# \qquad \nabla_{\hat x} = \nabla_y \odot \gamma$$
#
# $$\nabla_{\gamma_j} = \sum \nabla_{y_{\cdot j}} \hat x_{\cdot j}, \qquad
# \nabla_{\beta_j} = \sum \nabla_{y_{\cdot j}} \qquad \text{over all axes but the last}$$
#
# $\nabla_y, \nabla_x\ (\dots, D)$; $\nabla_\gamma, \nabla_\beta\ (D,)$. Before you copy exercise 2
# with another axis: where exactly does $\gamma$ stand now, inside or outside of the means?
#
# **Source.** Class notes, 4.5.5 and 4.5.1; derived as in exercise 2.
#
# **Worked number.** $x = (1, 7)$, $\varepsilon = 7$, $\gamma = (1, 2)$, $\nabla_y = (1, 2)$:
# $\nabla_{\hat x} = (1, 4)$ with mean 2.5, $\nabla_{\hat x} \odot \hat x = (-0.75, 3)$ with mean
# 1.125, $\nabla_x = (-0.1640625, 0.1640625)$, $\nabla_\gamma = (-0.75, 1.5)$, $\nabla_\beta = (1,
# 2)$.
#
# **Not allowed.** normalization, autograd.
#
# **Parts.** One for each gradient. **Hidden tests vary** the shape (1 to 4 axes, `D` also 1,
# square), `eps`, examples with a tiny variance or none, dtype and memory layout.


# %%
def layernorm_backward(
    grad_y: torch.Tensor, x: torch.Tensor, gamma: torch.Tensor, *, eps: float = 1e-5
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradients of layer normalisation.

    Args:
        grad_y: Gradient of the loss with respect to the output, shape (..., D), floating dtype.
        x: Inputs, shape (..., D), same dtype.
        gamma: Scale, shape (D,).
        eps: Added to the variance, positive.

    Returns:
        (grad_x, grad_gamma, grad_beta) of shapes (..., D), (D,), (D,).
    """
    raise NotImplementedError("layernorm_backward: write this function")


# %% [markdown]
# ## 9. (*) `instancenorm_forward`
#
# **Goal.** Each channel of each image by itself: the contrast of a photograph no longer matters,
# which is what style transfer wants.
#
# $$\mu_{ic} = \frac{1}{HW} \sum_{h, w} x_{ichw}, \qquad
# \sigma_{ic}^2 = \frac{1}{HW} \sum_{h, w} (x_{ichw} - \mu_{ic})^2, \qquad
# y_{ichw} = \gamma_c \frac{x_{ichw} - \mu_{ic}}{\sqrt{\sigma_{ic}^2 + \varepsilon}} + \beta_c$$
#
# $x, y\ (N, C, H, W)$; $\gamma, \beta\ (C,)$.
#
# **Source.** Class notes, 4.5.5; Ulyanov, Vedaldi and Lempitsky, *Instance Normalization*, 2016.
# The notes call it "the equivalent of layer normalization for convolutional layers" and its
# parameters "layer normalization": layer normalisation of an image runs over $(C, H, W)$, instance
# normalisation over $(H, W)$.
#
# **Worked number.** One image of two channels, one row and two columns: $(1, 7)$ and $(10, 10)$.
# With $\varepsilon = 7$, $\gamma = (2, 1)$, $\beta = (1, 5)$ they become $(-0.5, 2.5)$ and $(5,
# 5)$.
#
# **Not allowed.** normalization.
#
# **Parts.** `y`; `stability` (data far from 0). **Hidden tests vary** the sizes (all different,
# all equal, also 1), `eps`, channels with a tiny variance or none, dtype and memory layout.


# %%
def instancenorm_forward(
    x: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor, *, eps: float = 1e-5
) -> torch.Tensor:
    """Return the images, each channel of each image normalised by itself.

    Args:
        x: Images, shape (N, C, H, W), floating dtype.
        gamma: Scale, shape (C,), same dtype.
        beta: Shift, shape (C,).
        eps: Added to the variance, positive.

    Returns:
        Shape and dtype of `x`.
    """
    raise NotImplementedError("instancenorm_forward: write this function")


# %% [markdown]
# ## 10. (*) `groupnorm_forward`
#
# **Goal.** One rule with a knob. The channels of an image are put into `G` groups of neighbours,
# the first $C/G$ channels, the next $C/G$, and so on; each group of each image is normalised by
# itself, over its channels and all their pixels.
#
# $$\mu_{ig} = \frac{1}{m} \sum_{c \in g} \sum_{h, w} x_{ichw}, \qquad
# \sigma_{ig}^2 = \frac{1}{m} \sum_{c \in g} \sum_{h, w} (x_{ichw} - \mu_{ig})^2, \qquad
# m = \frac{C}{G} H W$$
#
# and $y_{ichw} = \gamma_c\, (x_{ichw} - \mu_{ig}) / \sqrt{\sigma_{ig}^2 + \varepsilon} + \beta_c$
# with the group $g$ of channel $c$. $x, y\ (N, C, H, W)$; $\gamma, \beta\ (C,)$: they belong to
# channels, not to groups. `num_groups` is the number of groups and divides `C`. With $G = C$ it is
# exercise 9, with $G = 1$ layer normalisation over $(C, H, W)$.
#
# **Source.** Class notes, 4.5.5, figure 4.14; Wu and He, *Group Normalization*, 2018, section 3.
#
# **Worked number.** One image of two channels with one pixel each, $(1, 7)$; one group,
# $\varepsilon = 7$, $\gamma = (1, 2)$, $\beta = (0, 1)$: $y = (-0.75, 2.5)$. With two groups each
# pixel is alone, and $y = \beta$.
#
# **Not allowed.** normalization.
#
# **Parts.** `y`; `stability` (data far from 0). **Hidden tests vary** the sizes (all different, all
# equal, also 1), `num_groups` (1, `C`, between), `eps`, groups with a tiny variance or none, dtype
# and memory layout.


# %%
def groupnorm_forward(
    x: torch.Tensor,
    num_groups: int,
    gamma: torch.Tensor,
    beta: torch.Tensor,
    *,
    eps: float = 1e-5,
) -> torch.Tensor:
    """Return the images, each group of channels of each image normalised by itself.

    Args:
        x: Images, shape (N, C, H, W), floating dtype.
        num_groups: Number of groups of neighbouring channels; divides C.
        gamma: Scale, shape (C,), same dtype.
        beta: Shift, shape (C,).
        eps: Added to the variance, positive.

    Returns:
        Shape and dtype of `x`.
    """
    raise NotImplementedError("groupnorm_forward: write this function")


# %% [markdown]
# ## 11. (*) `groupnorm_backward`
#
# **Goal.** The hardest of the family, and no new idea: means over what shares a mean, sums over
# what shares a parameter.
#
# $$\nabla_{x} = \frac{1}{\sqrt{\sigma^2 + \varepsilon}} \Big( \nabla_{\hat x} -
# \text{mean}_{g} \nabla_{\hat x} -
# \hat x \; \text{mean}_{g} (\nabla_{\hat x} \odot \hat x) \Big), \qquad
# \nabla_{\hat x} = \nabla_y \odot \gamma$$
#
# $$\nabla_{\gamma_c} = \sum_{i, h, w} \nabla_{y_{ichw}} \hat x_{ichw}, \qquad
# \nabla_{\beta_c} = \sum_{i, h, w} \nabla_{y_{ichw}}$$
#
# with the mean over the $m$ values of one group of one image. $\nabla_y, \nabla_x\ (N, C, H, W)$;
# $\nabla_\gamma, \nabla_\beta\ (C,)$.
#
# **Source.** Wu and He, 2018, for the forward pass; derived as in exercise 2.
#
# **Worked number.** The image of exercise 10, one group, $\nabla_y = (1, 2)$: as in exercise 8,
# $\nabla_x = (-0.1640625, 0.1640625)$, $\nabla_\gamma = (-0.75, 1.5)$, $\nabla_\beta = (1, 2)$.
#
# **Not allowed.** normalization, autograd.
#
# **Parts.** One for each gradient. **Hidden tests vary** the sizes (all different, all equal, also
# 1), `num_groups` (1, `C`, between), `eps`, groups with a tiny variance or none, dtype and memory
# layout.


# %%
def groupnorm_backward(
    grad_y: torch.Tensor,
    x: torch.Tensor,
    num_groups: int,
    gamma: torch.Tensor,
    *,
    eps: float = 1e-5,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradients of group normalisation.

    Args:
        grad_y: Gradient of the loss with respect to the output, shape (N, C, H, W), floating dtype.
        x: Images, shape (N, C, H, W), same dtype.
        num_groups: Number of groups of neighbouring channels; divides C.
        gamma: Scale, shape (C,).
        eps: Added to the variance, positive.

    Returns:
        (grad_x, grad_gamma, grad_beta) of shapes (N, C, H, W), (C,), (C,).
    """
    raise NotImplementedError("groupnorm_backward: write this function")


# %% [markdown]
# ## 12. `kaiming_uniform`
#
# **Goal.** Start weights such that a ReLU network neither blows its input up nor forgets it. Each
# unit sums `fan_in` products and ReLU throws away half of the energy, so the variance must be
# $2 / \text{fan\_in}$. Here with a uniform distribution:
#
# $$W_{ij} \sim \mathcal U([-r, r]) \text{ independent}, \qquad
# \mathbb V(W_{ij}) = \frac{r^2}{3} = \frac{2}{\text{fan\_in}}, \qquad
# r = \sqrt{\frac{6}{\text{fan\_in}}} \qquad W\ (\text{fan\_out}, \text{fan\_in})$$
#
# Mind the order: `fan_out` is the number of rows and comes first, as in the shape of a weight. All
# randomness comes from `generator` (`torch.rand(..., generator=generator)`): the same generator
# state gives the same weight, another one another. Your numbers need not be those of anybody else.
#
# **Source.** Class notes, 7.1.3 (property 7.1, $V^{(l)} = 2 / d^{(l-1)}$) and 7.1.4, "Uniform
# initialization"; He, Zhang, Ren and Sun, *Delving Deep into Rectifiers*, 2015, equation 10.
#
# **Worked number.** `fan_in` 6 gives $r = 1$, `fan_in` 24 gives $r = 0.5$, whatever `fan_out` is.
#
# **Not allowed.** init.
#
# **Parts.** `weight` (shape, bound, distribution); `generator`. **Hidden tests vary** `fan_out` and
# `fan_in` (larger, smaller, equal, 1) and the generator's state. Statistics of large weights are
# accepted within more than five standard deviations of what they should be.


# %%
def kaiming_uniform(fan_out: int, fan_in: int, generator: torch.Generator) -> torch.Tensor:
    """Return a random weight for a layer in front of or behind a ReLU, uniformly distributed.

    Args:
        fan_out: Number of outputs of the layer.
        fan_in: Number of inputs of the layer.
        generator: Where all random numbers come from; on the CPU.

    Returns:
        Shape (fan_out, fan_in), float32 (torch's default).
    """
    raise NotImplementedError("kaiming_uniform: write this function")


# %% [markdown]
# ## 13. `kaiming_normal`
#
# **Goal.** The same with a normal distribution.
#
# $$W_{ij} \sim \mathcal N\Big(0, \frac{2}{\text{fan\_in}}\Big) \text{ independent} \qquad
# W\ (\text{fan\_out}, \text{fan\_in})$$
#
# The second parameter of $\mathcal N$ is the variance.
#
# **Source.** Class notes, 7.1.4, "Gaussian initialization"; He, Zhang, Ren and Sun, 2015, equation
# 10.
#
# **Worked number.** `fan_in` 8 gives the standard deviation 0.5: about 68 % of the weights lie
# between $-0.5$ and $0.5$.
#
# **Not allowed.** init.
#
# **Parts.** `weight` (shape, size, distribution); `generator`. **Hidden tests vary** as in exercise
# 12.


# %%
def kaiming_normal(fan_out: int, fan_in: int, generator: torch.Generator) -> torch.Tensor:
    """Return a random weight for a layer in front of or behind a ReLU, normally distributed.

    Args:
        fan_out: Number of outputs of the layer.
        fan_in: Number of inputs of the layer.
        generator: Where all random numbers come from; on the CPU.

    Returns:
        Shape (fan_out, fan_in), float32 (torch's default).
    """
    raise NotImplementedError("kaiming_normal: write this function")


# %% [markdown]
# ## 14. `xavier_uniform`
#
# **Goal.** Forwards a signal wants `fan_in` in the variance, backwards a gradient wants `fan_out`.
# The compromise takes both:
#
# $$W_{ij} \sim \mathcal U([-r, r]) \text{ independent}, \qquad
# r = \text{gain} \cdot \sqrt{\frac{6}{\text{fan\_in} + \text{fan\_out}}} \qquad
# W\ (\text{fan\_out}, \text{fan\_in})$$
#
# `gain` is 1 for a linear layer and tanh near 0; $\sqrt 2$ makes up for ReLU.
#
# **Source.** Class notes, 7.1.4, where the gain is called $c$ (and Xavier Glorot "Xaxier"). The
# "reasonable heuristic" just above it, $V = 4 / (d^{(l)} + d^{(l-1)})$, is the case $c = \sqrt 2$;
# Glorot and Bengio, *Understanding the difficulty of training deep feedforward neural networks*,
# 2010, equation 16, is the case $c = 1$.
#
# **Worked number.** `fan_out` 2 and `fan_in` 4 give $r = 1$; with `gain=3.0` it is 3.
#
# **Not allowed.** init.
#
# **Parts.** `weight` (shape, bound, distribution); `gain`; `generator`. **Hidden tests vary** as in
# exercise 12, and `gain`.


# %%
def xavier_uniform(
    fan_out: int, fan_in: int, generator: torch.Generator, *, gain: float = 1.0
) -> torch.Tensor:
    """Return a random weight whose variance serves both directions, uniformly distributed.

    Args:
        fan_out: Number of outputs of the layer.
        fan_in: Number of inputs of the layer.
        generator: Where all random numbers come from; on the CPU.
        gain: Factor that makes up for the activation, positive.

    Returns:
        Shape (fan_out, fan_in), float32 (torch's default).
    """
    raise NotImplementedError("xavier_uniform: write this function")


# %% [markdown]
# ## 15. (*) `dropout_forward`
#
# **Goal.** In training, each entry is dropped with probability `p`, independently of all others, so
# that no unit can rely on a single neighbour. What remains is scaled up such that the mean stays
# what it was, and evaluation needs no change at all (*inverted* dropout).
#
# $$m_k = \begin{cases} 0 & \text{with probability } p \\ 1 & \text{with probability } 1 - p
# \end{cases} \qquad
# y_k = \frac{m_k\, x_k}{1 - p} \text{ in training}, \qquad y = x \text{ in evaluation}$$
#
# $x, y$ of one and the same shape, any; `mask` has it too, is of dtype `bool`, and True where an
# entry is *kept*. In evaluation everything is kept. `p` may be 0 or 1; with `p = 1` all is dropped
# and $y = 0$ (look out for $0/0$). All randomness comes from `generator`: the same generator state
# gives the same mask, another one another. How you draw it is up to you.
#
# **Source.** Class notes, 7.1.2, name it; Srivastava, Hinton, Krizhevsky, Sutskever and
# Salakhutdinov, *Dropout*, 2014. There `p` is the probability to *keep* and the scale is applied at
# test time; here, as in torch, `p` is the probability to *drop*.
#
# **Worked number.** With $p = 0.75$ a quarter of the entries is kept, and each 1 that is becomes 4.
#
# **Not allowed.** dropout.
#
# **Parts.** `y` (what becomes of what is kept and dropped); `mask` (how many, and independently);
# `evaluation`; `extremes` (`p` 0 and 1); `generator`. **Hidden tests vary** the shape (1 to 4
# axes), `p`, the generator's state, entries that are 0, dtype and memory layout. Shares are
# accepted within more than five standard deviations of what they should be.


# %%
def dropout_forward(
    x: torch.Tensor, p: float, generator: torch.Generator, *, training: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return `x` with entries dropped at random, and which ones were kept.

    Args:
        x: Inputs, any shape, floating dtype.
        p: Probability that an entry is dropped, in [0, 1].
        generator: Where all random numbers come from; on the CPU.
        training: Whether anything is dropped at all.

    Returns:
        (y, mask): shape and dtype of `x`; and the same shape, bool, True where an entry was kept.
    """
    raise NotImplementedError("dropout_forward: write this function")


# %% [markdown]
# ## 16. (*) `dropout_backward`
#
# **Goal.** The gradient of training mode. Once the mask is drawn, dropout is linear: each entry was
# multiplied by a number, and so is its gradient.
#
# $$\frac{\partial L}{\partial x_k} = \frac{m_k}{1 - p} \frac{\partial L}{\partial y_k}
# \qquad \texttt{grad\_y}, \texttt{mask}, \texttt{grad\_x} \text{ of one shape}$$
#
# `mask` is the one of the forward pass (bool, True where an entry was kept); there is nothing
# random left. With `p = 1` no gradient arrives: all zeros.
#
# **Source.** As in exercise 15.
#
# **Worked number.** $\texttt{grad\_y} = (1, 2)$, the first entry kept, the second dropped, $p =
# 0.75$: $\texttt{grad\_x} = (4, 0)$.
#
# **Not allowed.** dropout, autograd.
#
# **Parts.** `grad_x`; `extremes` (`p` 0 and 1). **Hidden tests vary** the shape (1 to 4 axes), `p`,
# entries that are 0, dtype and memory layout.


# %%
def dropout_backward(grad_y: torch.Tensor, mask: torch.Tensor, p: float) -> torch.Tensor:
    """Return the gradient of dropout in training mode.

    Args:
        grad_y: Gradient of the loss with respect to the output, any shape, floating dtype.
        mask: Which entries the forward pass kept, bool, same shape.
        p: Probability with which entries were dropped, in [0, 1].

    Returns:
        grad_x, shape and dtype of `grad_y`.
    """
    raise NotImplementedError("dropout_backward: write this function")


# %% [markdown]
# ## 17. (*) `residual_backward`
#
# **Goal.** Why can a network have a hundred layers? A residual block adds to its input what two
# layers make of it, and the gradient finds a road on which nothing is multiplied.
#
# $$h = \text{ReLU}(x W_1^\top), \qquad y = x + h W_2^\top \qquad
# x, y\ (N, D), \quad h\ (N, n), \quad W_1\ (n, D), \quad W_2\ (D, n)$$
#
# Return the gradients with respect to $x$, $W_1$ and $W_2$. The derivative of ReLU is 1 where its
# output is positive and 0 elsewhere, also at the kink.
#
# **Source.** Class notes, 7.1.1 (a product of $L$ derivatives of size $c$ has size $c^L$) and 7.1.2
# ("residual connections"); session 3, "Residual networks"; He, Zhang, Ren and Sun, *Deep Residual
# Learning*, 2016, equation 1.
#
# **Worked number.** $x = (1, 2)$, $W_1 = \begin{pmatrix} 1 & 0 \\ 0 & -1 \end{pmatrix}$, $W_2 =
# \begin{pmatrix} 2 & 1 \\ 1 & 3 \end{pmatrix}$, $\nabla_y = (1, -1)$: $h = (1, 0)$, $\nabla_{W_2} =
# \begin{pmatrix} 1 & 0 \\ -1 & 0 \end{pmatrix}$, $\nabla_h = (1, -2)$, of which ReLU lets $(1, 0)$
# pass, $\nabla_{W_1} = \begin{pmatrix} 1 & 2 \\ 0 & 0 \end{pmatrix}$ and $\nabla_x = (1, -1) + (1,
# 0) = (2, -1)$.
#
# **Not allowed.** autograd.
#
# **Parts.** One for each gradient. **Hidden tests vary** the sizes (also equal, also 1), units that
# are never active, weights that are 0, inputs at the kink, dtype and memory layout.


# %%
def residual_backward(
    grad_y: torch.Tensor, x: torch.Tensor, W_1: torch.Tensor, W_2: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradients of a residual block of two linear layers with a ReLU between.

    Args:
        grad_y: Gradient of the loss with respect to the output, shape (N, D), floating dtype.
        x: Inputs, shape (N, D), same dtype.
        W_1: Weight of the first layer, shape (n, D).
        W_2: Weight of the second layer, shape (D, n).

    Returns:
        (grad_x, grad_W_1, grad_W_2) of shapes (N, D), (n, D), (D, n).
    """
    raise NotImplementedError("residual_backward: write this function")


# %% [markdown]
# ## A reward: the whispering game
#
# Sixty layers pass a message on. How loud is it after each of them? Started too small, the message
# dies; too large, it deafens; with your weights it arrives; and your batch normalisation rescues
# even a bad start. Each row is a power of ten, each column a layer.

# %%
if __name__ == "__main__":
    depth, width = 60, 64
    players = {"s": "too small", "L": "too large", "k": "kaiming", "b": "too small + batchnorm"}
    picture = [[" "] * depth for _ in range(15)]
    for mark, factor in zip(players, (0.7, 1.35, 1.0, 0.7), strict=True):
        source = torch.Generator().manual_seed(7)
        message = torch.randn(256, width, generator=source)
        one, zero = torch.ones(width), torch.zeros(width)
        for layer in range(depth):
            message = message @ (factor * kaiming_normal(width, width, source)).T
            if mark == "b":
                message, *_ = batchnorm_forward(message, one, zero, zero, one, training=True)
            message = message.relu()
            decade = round(math.log10(float(message.square().mean().sqrt())))
            if mark != "b" or layer % 2:
                picture[7 - max(-7, min(7, decade))][layer] = mark
    for row, line in enumerate(picture):
        print(f"1e{7 - row:+d} |{''.join(line)}")
    print("\n".join(f"   {mark}: {name}" for mark, name in players.items()))
