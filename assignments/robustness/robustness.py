# %% [markdown]
# # Robustness and generalisation
#
# A network that is right about what it has seen may be wrong about what it has not, and wrong about
# what it has seen if somebody changes it a little on purpose. In this notebook you write two
# attacks, the numbers that bound what an attack can do, and the tools that tell how well a model
# generalises and when to stop training it.
#
# **Words.** `N` examples, one per row; `x` an input with entries in $[0, 1]$, as pixels have.
# $\mathcal L_{\mathcal D}$ is the *risk*, the expected loss on new data; $\mathcal L_{\hat{\mathcal
# D}_n}$ the *empirical risk*, the mean loss on the $n$ examples of the training set. A weight $W$
# has the shape `(out, in)`. All logarithms are natural. Everything counts from 0.
#
# **By hand.** One exercise, `spectral_norm`, does not allow *spectral*: everything that finds
# singular values or eigenvalues for you (`torch.linalg.svd`, `svdvals`, `eigh` and its relatives,
# `lstsq`, `torch.linalg.matrix_norm`, `torch.linalg.norm` of a matrix with order 2,
# `torch.nn.utils.spectral_norm`, their like in numpy, `numpy.linalg.norm` among them, and
# `scipy.linalg`). The length of a *vector* is allowed, as torch computes it. No other exercise
# forbids anything. You may call the functions that you have already written; a mistake in them then
# costs twice.
#
# **What is always tested.** Results have the shapes stated, the dtype and device of the floating
# inputs (float64 first, float32 too), and do not depend on how an input lies in memory. Several
# points of an exercise are *parts* of their own.
#
# **Sources.** Marc Lelarge, Jill-Jênn Vie and Kevin Scaman, *Deep Learning*, class notes by
# Antoine Groudiev (the *class notes* below), sections 7.2 and 7.3. They describe attacks in words;
# the formulas are from the papers that the exercises name.

# %%
"""Robustness and generalisation: attacks, bounds, and when to stop."""

import math
from collections.abc import Callable, Sequence

import torch

# %% [markdown]
# ## 1. `fgsm`
#
# **Goal.** The fast gradient sign method: how to change each pixel by $\varepsilon$ at most so that
# the loss rises as much as possible, if the loss were linear? `grad` is the gradient of the loss
# with respect to `x`.
#
# $$x_{\text{adv}} = \text{clip}_{[0, 1]} \big( x + \varepsilon\, \text{sign}(\texttt{grad}) \big)
# \qquad \text{all of one shape, any}$$
#
# Where the gradient is 0 there is no reason to move: $\text{sign}(0) = 0$. The result must be an
# image again, so it is clipped to $[0, 1]$.
#
# **Source.** Class notes, 7.3.1, "Adversarial attacks" (white-box); Goodfellow, Shlens and Szegedy,
# *Explaining and harnessing adversarial examples* (2015), section 4.
#
# **Worked number.** $x = (0.5, 0.5, 0.5, 0.875)$, $\texttt{grad} = (3, -0.01, 0, 2)$, $\varepsilon
# = 1/4$: $x_{\text{adv}} = (0.75, 0.25, 0.5, 1)$.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `x_adv`; `bounds` (where $[0, 1]$ would be left); `zero_grad` (some or all entries of
# the gradient are 0). **Hidden tests vary** the shape, $\varepsilon$ (also 0, also 1), gradients of
# very different size, dtype and memory layout.


# %%
def fgsm(x: torch.Tensor, grad: torch.Tensor, epsilon: float) -> torch.Tensor:
    """Return the input after one step of the fast gradient sign method.

    Args:
        x: Inputs, any shape, floating dtype, entries in [0, 1].
        grad: Gradient of the loss with respect to `x`, same shape and dtype.
        epsilon: The largest change of an entry, at least 0.

    Returns:
        The changed inputs, same shape and dtype, entries in [0, 1].
    """
    raise NotImplementedError("fgsm: write this function")


# %% [markdown]
# ## 2. (*) `pgd`
#
# **Goal.** Projected gradient descent (uphill, in fact): many small steps do more harm than a large
# one, for the loss is not linear. Start at $x_0 = x$ and repeat `steps` times:
#
# $$x_{k+1} = \Pi \big( x_k + \alpha\, \text{sign}(\nabla L(x_k)) \big)$$
#
# The projection $\Pi$ brings each entry back to the nearest number that is within $\varepsilon$ of
# the entry of the *original* $x$ and in $[0, 1]$. `gradient` is a function: `gradient(z)` returns
# $\nabla L(z)$, of the shape of `z`. Return the last $x_k$.
#
# **Source.** Class notes, 7.3.1; Madry et al., *Towards deep learning models resistant to
# adversarial attacks* (2018), section 2.1, without the random start.
#
# **Worked number.** One pixel, $x = 0.5$, $L(z) = 2z$, $\varepsilon = 0.3$, $\alpha = 0.2$: after
# one step 0.7, after two 0.8, and there it stays.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `x_adv` (steps so small that nothing needs to be projected); `ball` (where
# $\varepsilon$ would be exceeded); `bounds` (where $[0, 1]$ would be left). **Hidden tests vary**
# the loss (linear, a wave, a network), the shape, $\varepsilon$, $\alpha$ and the number of steps
# (also 0 and 1), dtype and memory layout.


# %%
def pgd(
    x: torch.Tensor,
    gradient: Callable[[torch.Tensor], torch.Tensor],
    epsilon: float,
    alpha: float,
    steps: int,
) -> torch.Tensor:
    """Return the input after projected gradient steps that raise the loss.

    Args:
        x: Inputs, any shape, floating dtype, entries in [0, 1].
        gradient: Takes inputs, returns the gradient of the loss there, of the same shape.
        epsilon: The largest distance of an entry from that of `x`, at least 0.
        alpha: The size of a step, positive.
        steps: How many steps to take.

    Returns:
        The changed inputs, same shape and dtype, entries in [0, 1].
    """
    raise NotImplementedError("pgd: write this function")


# %% [markdown]
# ## 3. `spectral_norm`
#
# **Goal.** By how much can a layer stretch its input? By its largest singular value:
#
# $$\|W\| = \max_{u \neq 0} \frac{\|W u\|_2}{\|u\|_2} \qquad W\ (m, n) \to \text{a single number}$$
#
# *Power iteration* finds it with products only. $W^\top W$ stretches most in the direction that we
# look for, so apply it again and again, and keep the length at 1:
#
# $$v_{k} = \frac{W^\top W v_{k-1}}{\| W^\top W v_{k-1} \|_2}, \quad k = 1, \dots,
# \texttt{num\_iters} \qquad \|W\| \approx \|W v_{\texttt{num\_iters}}\|_2$$
#
# If the iteration meets the vector 0, it has no direction to keep: return 0. (It does so for $W =
# 0$, or if the start is orthogonal to all that $W$ sees.)
#
# **Source.** Class notes, 7.3.2, "operator norm"; Miyato et al., *Spectral normalization for
# generative adversarial networks* (2018), algorithm 1, for power iteration in a network.
#
# **Worked number.** $W = \begin{pmatrix} 3 & 0 \\ 0 & 4 \end{pmatrix}$: $\|W\| = 4$, from $v_0 =
# (1, 1)$ after a few iterations (in each, the ratio of the two entries of $v$ grows by $16/9$). But
# from $v_0 = (1, 0)$ one never leaves the first axis: the result is 3, whatever `num_iters` is.
#
# **Not allowed.** spectral.
#
# **Parts.** `sigma`; `zero`. **Hidden tests vary** $m$ and $n$ (also equal, also 1), the rank,
# the size of $W$ and of `v_0`, how close the second singular value is, dtype and memory layout.
# `num_iters` is always large enough for the number to have settled; how you count half steps does
# not matter.


# %%
def spectral_norm(W: torch.Tensor, v_0: torch.Tensor, num_iters: int) -> torch.Tensor:
    """Return the largest singular value of a matrix, by power iteration.

    Args:
        W: A matrix, shape (m, n), floating dtype.
        v_0: Where to start, shape (n,), same dtype, not 0, of any length.
        num_iters: Number of iterations, at least 1.

    Returns:
        A 0-d tensor, same dtype; 0 if the iteration meets the vector 0.
    """
    raise NotImplementedError("spectral_norm: write this function")


# %% [markdown]
# ## 4. `lipschitz_upper`
#
# **Goal.** How far can the output of a whole network move if the input moves by 1? Each layer $x
# \mapsto W x + b$ stretches by $\|W\|$ at most; ReLU, tanh and their like by 1 at most. So
#
# $$L_g \leq \prod_l \|W^{(l)}\|$$
#
# where $\|W\|$ is the spectral norm of exercise 3. Return this bound. Here the spectral norm may be
# computed however you like.
#
# **Source.** Class notes, 7.3.2: $L_{g_\theta} \leq \prod_l L_{f^{(l)}}$. The bound holds, but it
# is rarely reached: what one layer stretches most is not what the next one does.
#
# **Worked number.** $W^{(1)} = \begin{pmatrix} 3 & 0 \\ 0 & 4 \end{pmatrix}$, $W^{(2)} =
# \begin{pmatrix} 2 & 0 \end{pmatrix}$: the bound is $4 \cdot 2 = 8$ (though no input is ever
# stretched by more than 6).
#
# **Not allowed.** Nothing is.
#
# **Hidden tests vary** the number of layers (also 1), their sizes, the size of the weights, layers
# that are 0, dtype and memory layout.


# %%
def lipschitz_upper(weights: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return an upper bound of the Lipschitz constant of a network.

    Args:
        weights: The weights of the layers, first layer first, of shapes (n_1, n_0), (n_2, n_1),
            ..., floating dtype; at least one.

    Returns:
        The product of their spectral norms, a 0-d tensor, same dtype.
    """
    raise NotImplementedError("lipschitz_upper: write this function")


# %% [markdown]
# ## 5. (*) `certified_radius`
#
# **Goal.** Turn the bound into a promise. `logits` are the scores that a network gives `N` inputs,
# and the network, from inputs to all its scores, is $L$-Lipschitz in the 2-norm. How far may
# anybody move input $n$ without changing the answer?
#
# $$m_n = \text{logits}_{n, y_n} - \max_{j \neq y_n} \text{logits}_{n, j}, \qquad
# r_n = \frac{\max(m_n, 0)}{\sqrt 2\, L} \qquad \text{logits } (N, C) \to r\ (N,)$$
#
# The margin $m$ is by how much the right class $y$ leads. If the input moves by $\delta$, the
# scores move by $L \delta$ at most, all together; the margin falls fastest if one score falls and
# another rises by $L \delta / \sqrt 2$ each. An input that is misclassified already has no radius:
# 0.
#
# **Source.** Class notes, 7.3.2: a small Lipschitz constant "guarantees small input perturbations
# to have limited output perturbations". Tsuzuku, Sato and Sugiyama, *Lipschitz-margin training*
# (2018), proposition 1.
#
# **Worked number.** logits $(5, 1, 3)$ with target 0, $L = \sqrt 2$: the margin is 2, the radius 1.
# With target 2 the margin is $-2$ and the radius 0.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `radius` (inputs that are classified right); `misclassified` (inputs that are not, and
# ties). **Hidden tests vary** $N$ and $C$ (also equal, $C \geq 2$), $L$, scores of either sign,
# dtype and memory layout.


# %%
def certified_radius(logits: torch.Tensor, target: torch.Tensor, lipschitz: float) -> torch.Tensor:
    """Return how far each input may move before its class can change.

    Args:
        logits: Scores, shape (N, C), floating dtype, finite, C >= 2.
        target: True classes, int64, shape (N,), entries in 0..C-1.
        lipschitz: Lipschitz constant of the network in the 2-norm, positive.

    Returns:
        The radii, shape (N,), same dtype; 0 where another class has a score as high.
    """
    raise NotImplementedError("certified_radius: write this function")


# %% [markdown]
# ## 6. `hoeffding_bound`
#
# **Goal.** How far can the mean loss on $n$ examples be from the expected loss? For a model that
# was chosen *without looking at these examples* (so: on a test set), with probability $1 - \delta$
# at least,
#
# $$|\mathcal L_{\hat{\mathcal D}_n}(\theta) - \mathcal L_{\mathcal D}(\theta)|
# \leq M \sqrt{\frac{2 \ln(2 / \delta)}{n}}$$
#
# if the loss of a single example lies between $-M$ and $M$. Return the right side.
#
# **Source.** Class notes, 7.2.3, with $M = \|\ell\|_\infty$; Hoeffding, *Probability inequalities
# for sums of bounded random variables* (1963), theorem 2. (A loss between 0 and $M$ spreads half as
# far, and its bound is half as large: the notes do not use that, nor does this exercise.)
#
# **Worked number.** $M = 1$, $n = 8$, $\delta = 2 e^{-4} \approx 0.0366$: $\ln(2/\delta) = 4$, so
# the bound is 1. Four times as many examples halve it.
#
# **Not allowed.** Nothing is.
#
# **Hidden tests vary** $M$, $n$ (also 1, also a million), $\delta$ from $10^{-12}$ to 0.9.


# %%
def hoeffding_bound(M: float, n: int, delta: float) -> float:
    """Return how far an empirical risk may be from the risk.

    Args:
        M: Largest absolute value of the loss of one example, positive.
        n: Number of examples, at least 1.
        delta: Probability that the bound fails, in (0, 1).

    Returns:
        The bound, a number.
    """
    raise NotImplementedError("hoeffding_bound: write this function")


# %% [markdown]
# ## 7. `error_decomposition`
#
# **Goal.** Why is the risk of a trained model not 0? Four reasons that add up. $\hat\theta_{n,t}$
# are the parameters after $t$ steps of training on $n$ examples, $\theta^*$ the best ones of all,
# of the least risk.
#
# $$\mathcal L_{\mathcal D}(\hat\theta_{n,t})
# = \underbrace{\mathcal L_{\mathcal D}(\hat\theta_{n,t})
# - \mathcal L_{\hat{\mathcal D}_n}(\hat\theta_{n,t})}_{\text{generalization}}
# + \underbrace{\mathcal L_{\hat{\mathcal D}_n}(\hat\theta_{n,t})
# - \mathcal L_{\hat{\mathcal D}_n}(\theta^*)}_{\text{optimization}}
# + \underbrace{\mathcal L_{\hat{\mathcal D}_n}(\theta^*)
# - \mathcal L_{\mathcal D}(\theta^*)}_{\text{statistical}}
# + \underbrace{\mathcal L_{\mathcal D}(\theta^*)}_{\text{approximation}}$$
#
# You get the two risks during training, $\texttt{risk}[t] = \mathcal L_{\mathcal
# D}(\hat\theta_{n,t})$ and $\texttt{empirical\_risk}[t] = \mathcal L_{\hat{\mathcal
# D}_n}(\hat\theta_{n,t})$, and those of $\theta^*$. Return the four errors in this order: the first
# two for each $t$, the last two are numbers.
#
# The optimization error may be negative: trained long enough, a model fits its examples better than
# the best model does. That is overfitting.
#
# **Source.** Class notes, 7.2.4, property 7.3.
#
# **Worked number.** risk $(6, 5)$, empirical risk $(4, 1)$, best risk 2, best empirical risk 3:
# generalization $(2, 4)$, optimization $(1, -2)$, statistical 1, approximation 2. The sums are 6
# and 5.
#
# **Not allowed.** Nothing is.
#
# **Parts.** One for each error. **Hidden tests vary** the number of steps (also 1), dtype and
# memory layout.


# %%
def error_decomposition(
    risk: torch.Tensor,
    empirical_risk: torch.Tensor,
    best_risk: float,
    best_empirical_risk: float,
) -> tuple[torch.Tensor, torch.Tensor, float, float]:
    """Return the four errors that the risk of a model in training consists of.

    Args:
        risk: Risk after each step, shape (T,), floating dtype.
        empirical_risk: Empirical risk after each step, shape (T,), same dtype.
        best_risk: Risk of the best parameters.
        best_empirical_risk: Empirical risk of the best parameters.

    Returns:
        (generalization, optimization, statistical, approximation): two tensors of shape (T,), same
        dtype, and two numbers.
    """
    raise NotImplementedError("error_decomposition: write this function")


# %% [markdown]
# ## 8. `l2_penalty_grad`
#
# **Goal.** Against overfitting one adds $\gamma \|\theta\|_2^2$ to the loss, the squares of *all*
# entries of all parameters. Return the gradient of this term, a tensor for each parameter.
#
# $$\Omega(\theta) = \gamma \sum_i \theta_i^2 \qquad
# \nabla \Omega \text{ has the shapes of } \theta$$
#
# **Source.** Class notes, 7.2.4, "regularization". Many books and programs write
# $\frac{\gamma}{2} \|\theta\|^2$; the notes do not, and loss and gradient must agree.
#
# **Worked number.** $\theta = \big( \begin{pmatrix} 1 & -2 \end{pmatrix}, (4) \big)$ and $\gamma =
# 1/4$: the penalty is $21/4$, its gradient $\big( \begin{pmatrix} 0.5 & -1 \end{pmatrix}, (2)
# \big)$.
#
# **Not allowed.** Nothing is.
#
# **Hidden tests vary** the number of parameters and their shapes (0 to 3 axes), $\gamma$ (also 0),
# parameters that are 0, dtype and memory layout.


# %%
def l2_penalty_grad(params: Sequence[torch.Tensor], gamma: float) -> tuple[torch.Tensor, ...]:
    """Return the gradient of the squared norm of all parameters, times gamma.

    Args:
        params: Parameters, of any shapes, floating dtype; at least one.
        gamma: Strength of the penalty, at least 0.

    Returns:
        A tuple of gradients, one for each parameter, of its shape and dtype.
    """
    raise NotImplementedError("l2_penalty_grad: write this function")


# %% [markdown]
# ## 9. `early_stopping`
#
# **Goal.** Stop when it does not get better any more. After each epoch one measures the loss on
# examples that are not trained on. An epoch *improves* if its loss is strictly lower than that of
# all epochs before; the first one always does. Training stops after the first epoch at which the
# last improvement lies `patience` epochs back; if that never happens, after the last epoch.
#
# Return two numbers: the epoch after which training stops, and the best epoch *until then*, whose
# parameters one keeps. (What would have come later nobody knows.)
#
# **Source.** Class notes, 7.2.4, "early stopping"; Prechelt, *Early stopping, but when?* (1998).
#
# **Worked number.** losses $(5, 3, 4, 3, 2)$: with patience 2 training stops after epoch 3 (epochs
# 2 and 3 do not improve), the best is epoch 1. With patience 3, epoch 4 comes in time: both are 4.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `stop`; `best`. **Hidden tests vary** the number of epochs (also 1), patience (also 1,
# also larger than the number of epochs), losses that are equal, that always fall or always rise,
# dtype.


# %%
def early_stopping(losses: torch.Tensor, patience: int) -> tuple[int, int]:
    """Return when training stops, and which epoch is kept.

    Args:
        losses: Loss after each epoch, shape (T,), floating dtype, T >= 1, finite.
        patience: How many epochs without improvement in a row end the training, at least 1.

    Returns:
        (stop, best): the epoch after which training stops, and the first of the best epochs until
        then; both count from 0.
    """
    raise NotImplementedError("early_stopping: write this function")


# %% [markdown]
# ## 10. `kfold_indices`
#
# **Goal.** Cross-validation uses each example once for validation and otherwise for training. Cut
# the numbers $0, \dots, n - 1$, in their order, into $k$ folds that follow each other. Their sizes
# differ by 1 at most, larger ones first. Return a list of $k$ pairs `(train, val)`: `val` is the
# fold, `train` all other numbers, both in rising order.
#
# If $k$ folds make no sense ($k < 2$ or $k > n$), raise a `ValueError`.
#
# **Source.** Class notes, 7.2.4, "hyperparameters selection via cross-validation". (With examples
# that are sorted, by class for instance, one shuffles them first.)
#
# **Worked number.** $n = 5$, $k = 2$: `val` is $(0, 1, 2)$, then $(3, 4)$; `train` is the other
# one.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `val`; `train`; `no_folds` (the exception). **Hidden tests vary** $n$ and $k$ (also
# equal), with and without a remainder.


# %%
def kfold_indices(n: int, k: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return the indices of k-fold cross-validation.

    Args:
        n: Number of examples.
        k: Number of folds.

    Returns:
        A list of k pairs (train, val) of int64 tensors, each in rising order.

    Raises:
        ValueError: If k < 2 or k > n.
    """
    raise NotImplementedError("kfold_indices: write this function")


# %% [markdown]
# ## 11. (*) `polynomial_risks`
#
# **Goal.** See overfitting. For each degree $d$ fit the polynomial $c_0 + c_1 x + \dots + c_d x^d$
# to the examples `(x, y)` by least squares, and measure the mean squared error on them and on new
# points `(x_new, y_new)`:
#
# $$\hat c = \arg\min_c \frac{1}{N} \sum_n \big( y_n - \textstyle\sum_{j \leq d} c_j x_n^j \big)^2$$
#
# The first error can only fall as $d$ grows, until it is 0 at $d = N - 1$. The second one falls,
# and then rises.
#
# **Source.** Class notes, 7.2.3 and 7.2.4.
#
# **Worked number.** $x = (-1, 0, 1)$, $y = (0, 0, 3)$, new point $(2, 1)$, degrees $(0, 1, 2)$: the
# fits are $1$, $1 + \frac32 x$ and $\frac32 x + \frac32 x^2$; the errors on the examples $(2, 1/2,
# 0)$, on the new point $(0, 9, 64)$.
#
# **Not allowed.** Nothing is; solve the least squares problem however you like.
#
# **Parts.** `train`; `test`. **Hidden tests vary** the number of examples and new points, the
# degrees (0 to 6, in any order, below $N$). They are in float64, with $x$ in $[-1, 1]$ and an
# accuracy of $10^{-5}$.


# %%
def polynomial_risks(
    x: torch.Tensor,
    y: torch.Tensor,
    x_new: torch.Tensor,
    y_new: torch.Tensor,
    degrees: Sequence[int],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the errors of least-squares polynomials on old and on new points.

    Args:
        x: Inputs, shape (N,), float64, all different.
        y: What to fit there, shape (N,), float64.
        x_new: Inputs that are not fitted, shape (K,), float64.
        y_new: What is right there, shape (K,), float64.
        degrees: Degrees of the polynomials, each from 0 to N - 1; D of them.

    Returns:
        (train, test): the mean squared errors on `(x, y)` and on `(x_new, y_new)`, each of shape
        (D,), float64.
    """
    raise NotImplementedError("polynomial_risks: write this function")


# %% [markdown]
# ## A reward: a zero that became a one
#
# The simplest classifier of two digits compares an image with both. Your attack adds a little grey
# where it hurts: you still see a 0, the classifier sees a 1. Then your polynomials overfit.

# %%
if __name__ == "__main__":
    zero = ".###.", "#...#", "#...#", "#...#", "#...#", "#...#", ".###."
    one = "..#..", ".##..", "..#..", "..#..", "..#..", "..#..", ".###."
    images = torch.tensor([[[c == "#" for c in row] for row in rows] for rows in (zero, one)])
    templates = 0.2 + 0.6 * images
    w = templates[1] - templates[0]
    w[6] = 0.1 * w[6]
    middle = (w * templates.mean(0)).sum()
    attacked = fgsm(templates[0], w, 0.32)
    for image in (templates[0], attacked):
        score = float((w * image).sum() - middle)
        print(f"the classifier says {int(score > 0)} (score {score:+.2f})")
        for row in image.tolist():
            print("   " + "".join(2 * " .:-=+*#%@"[round(9 * p)] for p in row))

    seeded = torch.Generator().manual_seed(3)
    x, x_new = (2 * torch.rand(k, generator=seeded, dtype=torch.float64) - 1 for k in (10, 200))
    y, y_new = (
        torch.sin(3 * p) + 0.2 * torch.randn(len(p), generator=seeded, dtype=torch.float64)
        for p in (x, x_new)
    )
    train, test = polynomial_risks(x, y, x_new, y_new, range(9))
    print("\ndegree   error on examples (o) and on new points (x), from 0.001 to 100")
    for degree, pair in enumerate(zip(train.tolist(), test.tolist(), strict=True)):
        line = [" "] * 61
        for mark, error in zip("ox", pair, strict=True):
            line[min(max(round(12 * (math.log10(error + 1e-9) + 3)), 0), 60)] = mark
        print(f"{degree:6d}   |{''.join(line)}|")
