# %% [markdown]
# # Normalising flows
#
# A flow turns a complicated distribution into a standard normal one, by a map that can be undone.
# Then the density of every example can be written down exactly, no bound and no game: transform,
# look up the normal density, and account for how much the map stretched the space on the way. That
# last number, the logarithm of a determinant, is what this notebook is about.
#
# **Words.** `B` examples with `D` coordinates, `x` the data, `z` the latent variable, `f` the flow
# from `x` to `z`. `log_det` is $\log |\det J|$ with $J$ the Jacobian of the map in question at one
# example: there is one number for each example, so its shape is `(B,)`, even where the number is
# the same for all. All logarithms are natural. The base density is $\mathcal N(0, I)$.
#
# A *network* (`scale_net`, `shift_net`, `net`) is an argument: call it with a batch. A *layer* is
# called with `x` and returns `(y, log_det)`; `layer.inverse(y)` returns `(x, log_det)`, with the
# log-determinant of the inverse. The tests make theirs in `support.py`.
#
# **By hand.** Each exercise says what it does not allow:
#
# * *determinant*: `torch.linalg.det`, `slogdet`, `torch.logdet` and their like, numpy's too;
# * *autograd*: everything that differentiates for you (`backward`, `torch.autograd`, `torch.func`,
#   so no `jacobian` either);
# * *distributions*: `torch.distributions`, `F.gaussian_nll_loss` and their like.
#
# A determinant costs $D^3$ steps and a Jacobian $D^2$ numbers. Flows are built such that neither is
# needed.
#
# **What is always tested.** Your results have the shapes stated, the dtype and device of the
# floating inputs (float64 first, float32 too), and do not depend on how an input lies in memory
# (transposed, strided, repeated by `expand`). Most results are *parts* of their own. The tests
# hand you every input: a mistake in one exercise costs nothing in another, unless you call it.
#
# **Sources.** Marc Lelarge, Jill-Jênn Vie and Kevin Scaman, *Deep Learning*, class notes by Antoine
# Groudiev, section 12 (the *class notes* below; their 12.4 and 12.5 are still empty, and this
# notebook goes on from there). L. Dinh, J. Sohl-Dickstein and S. Bengio, *Density estimation using
# Real NVP*, 2017; D. P. Kingma and P. Dhariwal, *Glow: Generative Flow with Invertible 1x1
# Convolutions*, 2018; G. Papamakarios, T. Pavlakou and I. Murray, *Masked Autoregressive Flow for
# Density Estimation*, 2017.

# %%
"""Normalising flows, by hand."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

# %% [markdown]
# ## 1. `change_of_variables_1d`
#
# **Goal.** The formula that carries this notebook, in one dimension. A strictly monotone function
# $f$ turns $x$ into $z = f(x)$, and $z$ is standard normal. How dense is $x$?
#
# $$p_X(x) = p_Z(f(x))\, \left| \frac{dz}{dx} \right|, \qquad
# p_Z(z) = \frac{1}{\sqrt{2\pi}}\, e^{-z^2/2} \qquad z, \tfrac{dz}{dx} \text{ of one shape, any}$$
#
# The probability of a small interval is the same on both sides; where $f$ stretches, the same
# probability comes from a smaller piece of $x$. Return $\log p_X(x)$, element by element. You are
# handed $z$ and the derivative, which is never 0. A density may be too small to be stored; its
# logarithm is not.
#
# **Source.** Class notes, 12.3, the change of variables formula, for $D = 1$.
#
# **Worked number.** $z = (0, 2)$, $dz/dx = (1, -1/2)$: $-\frac{1}{2} \ln 2\pi = -0.9189$, and
# $-0.9189 - 2 - \ln 2 = -3.6121$.
#
# **Not allowed.** determinant, autograd, distributions.
#
# **Parts.** `log_p`; `underflow` (densities that are 0 in floating point). **Hidden tests vary**
# the shape (0 to 2 axes), the map (rising, falling, steep, flat), dtype and memory layout.


# %%
def change_of_variables_1d(z: torch.Tensor, dz_dx: torch.Tensor) -> torch.Tensor:
    """Return the log-density of x, where z = f(x) is standard normal.

    Args:
        z: The transformed values f(x), any shape, floating dtype.
        dz_dx: The derivative of f at x, same shape and dtype, not 0.

    Returns:
        The log-density of x, element by element, same shape and dtype.
    """
    raise NotImplementedError("change_of_variables_1d: write this function")


# %% [markdown]
# ## 2. `coupling_forward`
#
# **Goal.** The affine coupling layer: one part of $x$ passes unchanged and decides how the other
# part is scaled and shifted.
#
# $$\begin{aligned} y_{1:d} &= x_{1:d} \\
# y_{d+1:D} &= x_{d+1:D} \odot \exp(s(x_{1:d})) + t(x_{1:d}) \end{aligned}
# \qquad x, y\ (B, D), \quad s, t: (B, d) \to (B, D - d)$$
#
# $$J = \frac{\partial y}{\partial x} = \begin{pmatrix} I_d & 0 \\
# \frac{\partial y_{d+1:D}}{\partial x_{1:d}} & \operatorname{diag}(\exp(s(x_{1:d}))) \end{pmatrix}
# \qquad \texttt{log\_det} = \log |\det J| = \sum_{j=1}^{D-d} s(x_{1:d})_j \quad (B,)$$
#
# Whatever the networks do, $J$ is triangular, and its determinant the product of its diagonal. So
# $s$ and $t$ may be as wild as they like; nobody ever needs their derivatives, or their inverses.
# Use the scale as `scale_net` returns it (no tanh around it), and leave the order of the
# coordinates as it is: reversing is a layer of its own here.
#
# **Source.** Class notes, 12.2.1 and the Jacobian in 12.3; Dinh et al. 2017, equations 4 to 6. The
# notes add the reversal at the end of each coupling layer; we keep it apart (exercise 4).
#
# **Worked number.** $x = (1, 3, 5)$, $d = 1$, with networks that return $s = (\ln 2, -\ln 4)$ and
# $t = (10, 20)$: $y = (1, 3 \cdot 2 + 10, 5 / 4 + 20) = (1, 16, 21.25)$ and $\texttt{log\_det} =
# \ln 2 - \ln 4 = -0.6931$.
#
# **Not allowed.** determinant, autograd, distributions.
#
# **Parts.** `y`; `log_det`; `stability` (determinants that overflow or underflow while their
# logarithm does not). **Hidden tests vary** `B`, `D` and `d` (also odd, also 1, $d$ larger and
# smaller than and equal to $D - d$), the networks, scales up to 20 of either sign, dtype and
# memory layout.


# %%
def coupling_forward(
    x: torch.Tensor,
    scale_net: Callable[[torch.Tensor], torch.Tensor],
    shift_net: Callable[[torch.Tensor], torch.Tensor],
    d: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the output of an affine coupling layer and its log-determinant.

    Args:
        x: Inputs, shape (B, D), floating dtype.
        scale_net: Takes (B, d) and returns s, the logarithm of the scale, shape (B, D - d).
        shift_net: Takes (B, d) and returns the shift t, shape (B, D - d).
        d: How many coordinates pass unchanged, 0 < d < D.

    Returns:
        (y, log_det) of shapes (B, D) and (B,), same dtype.
    """
    raise NotImplementedError("coupling_forward: write this function")


# %% [markdown]
# ## 3. `coupling_inverse`
#
# **Goal.** The way back, which generates data. It is as cheap as the way there, and the networks
# are called forward again, never inverted.
#
# $$\begin{aligned} x_{1:d} &= y_{1:d} \\
# x_{d+1:D} &= (y_{d+1:D} - t(y_{1:d})) \odot \exp(-s(y_{1:d})) \end{aligned}
# \qquad x, y\ (B, D)$$
#
# **Source.** Class notes, 12.2.2; Dinh et al. 2017, equations 7 and 8.
#
# **Worked number.** $y = (1, 16, 21.25)$ and the networks of exercise 2 give $x = (1, 3, 5)$ back.
#
# **Not allowed.** autograd.
#
# **Hidden tests vary** the sizes as in exercise 2, the networks, scales up to 20 of either sign,
# dtype and memory layout.


# %%
def coupling_inverse(
    y: torch.Tensor,
    scale_net: Callable[[torch.Tensor], torch.Tensor],
    shift_net: Callable[[torch.Tensor], torch.Tensor],
    d: int,
) -> torch.Tensor:
    """Return the x that `coupling_forward` turns into `y`.

    Args:
        y: Outputs of the layer, shape (B, D), floating dtype.
        scale_net: Takes (B, d) and returns s, the logarithm of the scale, shape (B, D - d).
        shift_net: Takes (B, d) and returns the shift t, shape (B, D - d).
        d: How many coordinates pass unchanged, 0 < d < D.

    Returns:
        x, shape (B, D), same dtype.
    """
    raise NotImplementedError("coupling_inverse: write this function")


# %% [markdown]
# ## 4. `permute_forward`
#
# **Goal.** Coupling layers alone never change the first $d$ coordinates. So between them the
# coordinates change places, the same way for each example.
#
# $$y_{bj} = x_{b\,\pi_j} \qquad x, y\ (B, D), \quad \pi = \texttt{permutation}\ (D,)$$
#
# This is a layer as well and returns its `log_det`, shape `(B,)`. The Jacobian is a permutation
# matrix: every row and every column holds a single 1. What is the absolute value of its
# determinant?
#
# **Source.** Class notes, 12.2.1: "we therefore add a shuffling or reversing operation at the end
# of each coupling layer". What it does to the density is not said there.
#
# **Worked number.** $x = (10, 20, 30)$, $\pi = (1, 2, 0)$: $y = (20, 30, 10)$.
#
# **Not allowed.** determinant, autograd.
#
# **Parts.** One, for both results together. **Hidden tests vary** `B` and `D` (also 1, also equal),
# the permutation (reversal, identity, even, odd, its own inverse or not), dtype and memory layout.


# %%
def permute_forward(
    x: torch.Tensor, permutation: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the inputs with their coordinates permuted, and the log-determinant of that map.

    Args:
        x: Inputs, shape (B, D), floating dtype.
        permutation: The numbers 0..D-1 in some order, int64, shape (D,).

    Returns:
        (y, log_det) of shapes (B, D) and (B,), same dtype as `x`.
    """
    raise NotImplementedError("permute_forward: write this function")


# %% [markdown]
# ## 5. `permute_inverse`
#
# **Goal.** Put every coordinate back to where it came from. "The shuffling operation is also
# invertible if we keep in memory the permutation used" (class notes, 12.2.2). How?
#
# $$\texttt{permute\_forward}(x, \pi) = (y, \cdot) \quad \Longrightarrow \quad
# \texttt{permute\_inverse}(y, \pi) = x$$
#
# **Worked number.** $y = (20, 30, 10)$, $\pi = (1, 2, 0)$: $x = (10, 20, 30)$.
#
# **Not allowed.** Nothing is.
#
# **Hidden tests vary** `B` and `D` (also 1, also equal), the permutation as in exercise 4, dtype
# and memory layout.


# %%
def permute_inverse(y: torch.Tensor, permutation: torch.Tensor) -> torch.Tensor:
    """Return the x that `permute_forward` turns into `y`.

    Args:
        y: Outputs of the layer, shape (B, D), floating dtype.
        permutation: The one that was used, int64, shape (D,).

    Returns:
        x, shape (B, D), same dtype.
    """
    raise NotImplementedError("permute_inverse: write this function")


# %% [markdown]
# ## 6. `flow_log_prob`
#
# **Goal.** The log-likelihood of data under a flow of several layers: what a flow is trained to
# make large.
#
# $$h^{(0)} = x, \qquad (h^{(k)}, \ell^{(k)}) = \texttt{layers[k-1]}(h^{(k-1)}), \qquad
# z = f(x) = h^{(K)}$$
#
# $$\log p(x) = \log p_Z(z) + \sum_{k=1}^{K} \ell^{(k)}, \qquad
# \log p_Z(z) = -\frac{D}{2} \ln 2\pi - \frac{1}{2} \| z \|^2 \qquad (B,)$$
#
# The determinant of a product is the product of the determinants, hence the sum over layers. The
# list may be empty; then $x$ itself is standard normal.
#
# **Source.** Class notes, 12.3. The objective is printed as $\log p_\theta(f(x_i)) + \log |\det
# J_f(x_i)|$, but the first density is not $p_\theta$, the one that is being defined, but that of
# the prior, $p_Z(f_\theta(x_i))$. Which layers cost nothing is not said there either: reversing and
# shuffling add $\log 1 = 0$. Dinh et al. 2017, equations 2 and 3.
#
# **Worked number.** At the origin, with no layer and $D = 2$: $-\ln 2\pi = -1.8379$. With the two
# layers $x \mapsto 2x$ and $x \mapsto x + 1$ at the same point, $z = (1, 1)$ and
# $\log p = -1.8379 - 1 + 2 \ln 2 = -1.4516$.
#
# **Not allowed.** determinant, autograd, distributions.
#
# **Parts.** `base` (no layers, or such that keep the volume); `log_prob`; `normalised` (a density
# sums to 1 over a fine grid of the plane). **Hidden tests vary** `B` and `D` (also 1, also equal),
# the number and the order of the layers, dtype and memory layout.


# %%
def flow_log_prob(
    x: torch.Tensor, layers: Sequence[Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]]
) -> torch.Tensor:
    """Return the log-density of each example under a flow.

    Args:
        x: Data, shape (B, D), floating dtype.
        layers: Callables that take (B, D) and return (y, log_det) of shapes (B, D) and (B,), to be
            applied in this order; may be empty.

    Returns:
        The log-densities, shape (B,), same dtype.
    """
    raise NotImplementedError("flow_log_prob: write this function")


# %% [markdown]
# ## 7. `flow_sample`
#
# **Goal.** Generate: carry draws of the base distribution back through the flow, and say how dense
# each result is, without a second pass.
#
# $$x = f^{-1}(z), \qquad f = f_K \circ \dots \circ f_1$$
#
# `layers` is $f_1, \dots, f_K$, the list of exercise 6, applied first to last on the way from $x$
# to $z$. `layer.inverse(y)` returns `(x, log_det)`; that `log_det` is the one of the *inverse* map.
# Return $x$ and $\log p(x)$, which must be the number that `flow_log_prob(x, layers)` gives.
#
# **Source.** Class notes, 12.1 and 12.2.2, Figure 12.2. At matching points the inverse has minus
# the log-determinant of the layer, because the two Jacobians are inverse matrices.
#
# **Worked number.** With the layers $x \mapsto 2x$ and $x \mapsto x + 1$ of exercise 6, $z = (1,
# 1)$ comes from $x = (0, 0)$, and $\log p(x) = -1.4516$.
#
# **Not allowed.** determinant, autograd, distributions.
#
# **Parts.** `x`; `log_prob`. **Hidden tests vary** `B` and `D` (also 1, also equal), the number and
# the order of the layers, dtype and memory layout.


# %%
def flow_sample(z: torch.Tensor, layers: Sequence[Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """Carry draws of the base distribution back through a flow.

    Args:
        z: Draws from N(0, I), shape (B, D), floating dtype.
        layers: The layers on the way from x to z, in this order, each with a method `inverse` that
            takes (B, D) and returns (x, log_det of the inverse); may be empty.

    Returns:
        (x, log_prob) of shapes (B, D) and (B,): the samples and their log-densities, same dtype.
    """
    raise NotImplementedError("flow_sample: write this function")


# %% [markdown]
# ## 8. (*) `masked_coupling_forward`
#
# **Goal.** The coupling layer as it is programmed for images: a mask $m$ of zeros and ones says
# which coordinates pass, anywhere in $x$, and the networks keep the size $D$.
#
# $$y = m \odot x + (1 - m) \odot \big( x \odot \exp(s(m \odot x)) + t(m \odot x) \big)
# \qquad x, y\ (B, D), \quad m\ (D,), \quad s, t: (B, D) \to (B, D)$$
#
# Here the networks answer for all $D$ coordinates, also for those that pass. Draw $J$ for $D = 2$
# and $m = (1, 0)$ before you write `log_det`, shape `(B,)`.
#
# **Source.** Dinh et al. 2017, equation 9 and Figure 3. The class notes, 12.2.1, have the split
# $x_{1:d}$ only; it is the mask whose first $d$ entries are 1.
#
# **Worked number.** $x = (3, 1)$, $m = (0, 1)$, with networks that return $s = (\ln 2, 5)$ and $t =
# (10, 7)$: $y = (16, 1)$ and $\texttt{log\_det} = \ln 2$.
#
# **Not allowed.** determinant, autograd, distributions.
#
# **Parts.** `y`; `log_det`. **Hidden tests vary** `B` and `D` (also 1, also equal), the mask (first
# half, checkerboard, a single one, all zeros), the networks, dtype and memory layout.


# %%
def masked_coupling_forward(
    x: torch.Tensor,
    mask: torch.Tensor,
    scale_net: Callable[[torch.Tensor], torch.Tensor],
    shift_net: Callable[[torch.Tensor], torch.Tensor],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the output of a masked affine coupling layer and its log-determinant.

    Args:
        x: Inputs, shape (B, D), floating dtype.
        mask: 1 where a coordinate passes unchanged, 0 where it is transformed, shape (D,), dtype
            of `x`.
        scale_net: Takes (B, D) and returns s, the logarithm of the scale, shape (B, D).
        shift_net: Takes (B, D) and returns the shift t, shape (B, D).

    Returns:
        (y, log_det) of shapes (B, D) and (B,), same dtype.
    """
    raise NotImplementedError("masked_coupling_forward: write this function")


# %% [markdown]
# ## 9. (*) `actnorm_forward`
#
# **Goal.** What flows use in place of batch normalisation: each channel of an image has a scale and
# a bias, which are parameters and do not look at the batch. So the layer can be inverted, and its
# Jacobian is diagonal.
#
# $$y_{bcij} = \texttt{scale}_c \, x_{bcij} + \texttt{bias}_c \qquad x, y\ (B, C, H, W), \quad
# \texttt{scale}, \texttt{bias}\ (C,)$$
#
# One example has $C H W$ coordinates: how long is the diagonal of its Jacobian, and what stands on
# it? A scale may be negative, but not 0. `log_det` has the shape `(B,)`.
#
# **Source.** Kingma and Dhariwal 2018, section 3.1 and Table 1. There the log-determinant is $h
# \cdot w \cdot \text{sum}(\log |s|)$.
#
# **Worked number.** One image of $1 \times 3$ pixels with two channels, $x = \big((1, 2, 3)\big),
# \big((4, 5, 6)\big)$; scale $(2, -1)$, bias $(0, 1)$: $y = \big((2, 4, 6)\big), \big((-3, -4,
# -5)\big)$ and $\texttt{log\_det} = 3 \ln 2 + 3 \ln 1 = 2.0794$.
#
# **Not allowed.** determinant, autograd, distributions.
#
# **Parts.** `y`; `log_det`. **Hidden tests vary** `B`, `C`, `H`, `W` (also 1, also equal), the sign
# and the size of the scales, dtype and memory layout.


# %%
def actnorm_forward(
    x: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the output of an activation normalisation and its log-determinant.

    Args:
        x: Images, shape (B, C, H, W), floating dtype.
        scale: One factor for each channel, shape (C,), of either sign, not 0.
        bias: One summand for each channel, shape (C,).

    Returns:
        (y, log_det) of shapes (B, C, H, W) and (B,), same dtype.
    """
    raise NotImplementedError("actnorm_forward: write this function")


# %% [markdown]
# ## 10. (*) `invertible_conv1x1_forward`
#
# **Goal.** A permutation that can be learnt: each pixel's channels are multiplied by the same
# invertible matrix $W$. Its determinant would cost $C^3$ steps, unless the matrix is kept in
# factors that tell it at a glance.
#
# $$y_{b,:,i,j} = W x_{b,:,i,j}, \qquad W = P L U \qquad x, y\ (B, C, H, W)$$
#
# $L\ (C, C)$ is lower triangular with ones on the diagonal, $U\ (C, C)$ upper triangular with
# nonzero numbers of either sign there. $P$ reorders rows: row $j$ of $W$ is row $\pi_j$ of $L U$,
# with $\pi =$ `permutation`. `log_det` has the shape `(B,)` and counts all pixels.
#
# **Source.** Kingma and Dhariwal 2018, section 3.2, "LU Decomposition", and Table 1. Equation 10
# writes $W = P L (U + \text{diag}(s))$; our $U$ holds $s$ on its diagonal.
#
# **Worked number.** $C = 2$, one pixel $(1, 2)$, $\pi = (1, 0)$,
#
# $$L = \begin{pmatrix} 1 & 0 \\ 3 & 1 \end{pmatrix}, \quad
# U = \begin{pmatrix} 2 & 1 \\ 0 & -4 \end{pmatrix}, \quad
# LU = \begin{pmatrix} 2 & 1 \\ 6 & -1 \end{pmatrix}, \quad
# y = \begin{pmatrix} 4 \\ 4 \end{pmatrix}, \quad \texttt{log\_det} = \ln 2 + \ln 4 = 2.0794$$
#
# **Not allowed.** determinant, autograd, distributions. (`F.conv2d` and `torch.einsum` are
# allowed.)
#
# **Parts.** `y`; `log_det`. **Hidden tests vary** `B`, `C`, `H`, `W` (also 1, also equal), the
# permutation, the signs on the diagonal, dtype and memory layout.


# %%
def invertible_conv1x1_forward(
    x: torch.Tensor, permutation: torch.Tensor, L: torch.Tensor, U: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the output of an invertible 1x1 convolution and its log-determinant.

    Args:
        x: Images, shape (B, C, H, W), floating dtype.
        permutation: Row j of the matrix is row `permutation[j]` of L U; int64, shape (C,).
        L: Lower triangular with ones on the diagonal, shape (C, C), dtype of `x`.
        U: Upper triangular without zeros on the diagonal, shape (C, C), dtype of `x`.

    Returns:
        (y, log_det) of shapes (B, C, H, W) and (B,), same dtype.
    """
    raise NotImplementedError("invertible_conv1x1_forward: write this function")


# %% [markdown]
# ## 11. (*) `maf_forward`
#
# **Goal.** Couple every coordinate with all the ones before it. A masked autoregressive flow
# standardises $x_i$ with a mean and a log-scale that depend on $x_1, \dots, x_{i-1}$.
#
# $$z_i = (x_i - \mu_i) \exp(-\alpha_i), \qquad (\mu, \alpha) = \texttt{net}(x)
# \qquad x, z, \mu, \alpha\ (B, D)$$
#
# `net` is masked inside: column $i$ of its two results depends on the first $i - 1$ columns of its
# input only. So one call serves all coordinates at once, and the Jacobian of $x \mapsto z$ is
# triangular. Return $z$ and the `log_det` of this map, shape `(B,)`.
#
# **Source.** Papamakarios et al. 2017, section 3: $x_i = u_i \exp \alpha_i + \mu_i$, solved for
# $u_i$, which is our $z_i$.
#
# **Worked number.** $x = (3, 5)$, $\mu = (1, 1)$, $\alpha = (0, \ln 2)$: $z = (2, 2)$ and
# $\texttt{log\_det} = -\ln 2$.
#
# **Not allowed.** determinant, autograd, distributions.
#
# **Parts.** `z`; `log_det`. **Hidden tests vary** `B` and `D` (also 1, also equal), the network,
# dtype and memory layout.


# %%
def maf_forward(
    x: torch.Tensor, net: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Turn data into latent variables with an autoregressive network.

    Args:
        x: Data, shape (B, D), floating dtype.
        net: Takes (B, D) and returns (mu, alpha), each (B, D); column i depends on the columns
            before i of its input only.

    Returns:
        (z, log_det) of shapes (B, D) and (B,): log_det is that of x -> z. Same dtype.
    """
    raise NotImplementedError("maf_forward: write this function")


# %% [markdown]
# ## 12. (*) `maf_inverse`
#
# **Goal.** Sample from the flow of exercise 11, with the same `net`. The formula is solved for $x$
# in a moment,
#
# $$x_i = z_i \exp(\alpha_i) + \mu_i, \qquad (\mu_i, \alpha_i) \text{ from } x_1, \dots,
# x_{i-1},$$
#
# but look at what the network has to be fed. Return $x$ and the `log_det` of the map $z \mapsto x$,
# shape `(B,)`.
#
# This asymmetry is why there are two flows. A masked autoregressive flow (MAF) finds densities with
# one call of the network and samples slowly; an inverse autoregressive flow (IAF) feeds the network
# with $z$ instead of $x$, samples with one call, and finds the density of new data slowly. Coupling
# layers are fast both ways, and weaker.
#
# **Source.** Papamakarios et al. 2017, section 3, on sampling and on the relationship with inverse
# autoregressive flow.
#
# **Worked number.** $z = (2, 2)$, $\mu_1 = 1$, $\alpha_1 = 0$: $x_1 = 3$. A network with $\mu_2 =
# x_1 - 2$ and $\alpha_2 = \ln 2$ then gives $x_2 = 2 \cdot 2 + 1 = 5$, and $\texttt{log\_det} = \ln
# 2$.
#
# **Not allowed.** determinant, autograd, distributions.
#
# **Parts.** `x`; `log_det`. **Hidden tests vary** `B` and `D` (1 to 6, also equal), the network,
# dtype and memory layout.


# %%
def maf_inverse(
    z: torch.Tensor, net: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the data that `maf_forward` turns into `z`.

    Args:
        z: Latent variables, shape (B, D), floating dtype.
        net: Takes (B, D) and returns (mu, alpha), each (B, D); column i depends on the columns
            before i of its input only.

    Returns:
        (x, log_det) of shapes (B, D) and (B,): log_det is that of z -> x. Same dtype.
    """
    raise NotImplementedError("maf_inverse: write this function")


# %% [markdown]
# ## 13. (*) `train_flow`
#
# **Goal.** The practical: learn the density of two moons. Build a flow from your coupling layers,
# maximise the mean log-likelihood of `x`, and return what the trained flow makes of `points`: the
# latent variables $z$ and the `log_det` of the map from points to $z$.
#
# $$\max_\theta \frac{1}{N} \sum_{n=1}^{N} \big( \log p_Z(f_\theta(x_n)) + \log |\det
# J_{f_\theta}(x_n)| \big) \qquad x\ (N, 2), \quad \texttt{points}\ (M, 2)$$
#
# Autograd and `torch.optim` are welcome here. `steps` is how often the parameters are changed. All
# randomness comes from `generator` (`torch.randn(..., generator=generator)`): the same generator
# state gives the same flow, another one another. The data have mean 0 and variance 1.
#
# A design that works: four coupling layers with $d = 1$; between them the two coordinates change
# places; in each a network with 16 tanh units and two outputs, of which $s = \tanh(o_1)$, so that
# no scale runs away, and $t = o_2$; the weights of the hidden units wide (standard deviation 2),
# the last ones small (0.1); all examples in each step of Adam, with the learning rate 0.02 that
# falls to 0 over the second half of the steps.
#
# **Source.** Class notes, 12.4 and 12.5, "Training process" and "Example", which are empty; 12.3
# for what is maximised.
#
# **Worked number.** The tests turn the moons by 45 degrees, so that neither coordinate says much
# about the other. On new points a Gaussian fitted to the data pays 2.84 nats, a flow that
# transforms only one of the two coordinates 2.7. You should see less than 2.5; the design above
# reaches 1.6 to 2.2 in 150 steps, which take a third of a second.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `density` (the mean of $-\log p$ on new points is below 2.5, and `log_det` is that of
# the map that gave $z$, as finite differences tell); `generator`. **Hidden tests vary** the
# examples and the generator's state.


# %%
def train_flow(
    x: torch.Tensor, points: torch.Tensor, steps: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Train a flow on `x` and apply it to `points`.

    Args:
        x: Data, shape (N, 2), floating dtype.
        points: Where the trained flow is wanted, shape (M, 2), same dtype.
        steps: Number of times that the parameters are changed.
        generator: Where all random numbers come from.

    Returns:
        (z, log_det) of shapes (M, 2) and (M,): the points after the trained flow, and the
        log-determinants of the whole flow there.
    """
    raise NotImplementedError("train_flow: write this function")


# %% [markdown]
# ## A reward: two moons, as your flow sees them
#
# Trained by maximum likelihood, your flow says how dense the plane is at every point. The fuller
# the character, the denser. It was never told that there are two moons.

# %%
if __name__ == "__main__":
    seeded = torch.Generator().manual_seed(2)
    angle = math.pi * torch.rand(500, generator=seeded)
    moon = torch.stack([angle.cos(), angle.sin()], dim=1)
    moon[1::2] = torch.tensor([1.0, 0.5]) - moon[1::2]
    examples = moon + 0.05 * torch.randn(500, 2, generator=seeded)
    examples = (examples - examples.mean(0)) / examples.std(0)

    across, down = torch.linspace(-2.2, 2.2, 76), torch.linspace(2.1, -2.1, 24)
    grid = torch.cartesian_prod(down, across).flip(1)
    latent, volume = train_flow(examples, grid, 400, seeded)
    density = torch.exp(volume + flow_log_prob(latent, [])).reshape(24, 76)
    shades = " .:-=+*#%@"
    picture = ["".join(shades[min(9, int(9 * p**0.5))] for p in row) for row in density.tolist()]
    print("\n".join(picture))
