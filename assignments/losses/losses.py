# %% [markdown]
# # Losses and softmax
#
# A network ends in numbers; a loss says how wrong they are. In this notebook you write the
# functions between the two, by hand, and the derivatives that training needs: softmax,
# cross-entropy, the losses that come out of maximum likelihood, and the three numbers of
# information theory.
#
# **Words.** `N` examples, `C` classes, `z` or `logits` the scores before softmax (any real
# numbers), `p` probabilities, `target` the truth. All logarithms are natural. A gradient is
# called `grad_<primal>` and has the shape of its primal. Targets count from 0, as in torch (the
# slides write 1..C).
#
# **By hand.** Each exercise says what it does not allow:
#
# * *softmax*: `torch.softmax`, `torch.log_softmax`, `torch.logsumexp`, `F.cross_entropy`,
#   `F.nll_loss`, under any of their names (methods, `torch.nn` modules, `torch.special`);
# * *autograd*: everything that differentiates for you (`backward`, `torch.autograd`,
#   `torch.func`);
# * *distributions*: `torch.distributions`, `F.binary_cross_entropy`, its `_with_logits` form,
#   `F.kl_div`, `F.gaussian_nll_loss`;
# * *least squares*: `torch.linalg.lstsq`, `torch.linalg.pinv` and numpy's.
#
# Sums, maxima, `exp`, `log`, indexing, `torch.where`, matrix products are what you build with.
# You may call the functions that you have already written; a mistake in them then costs twice.
#
# **What is always tested.** Your result has the shape stated, the dtype and device of the
# floating input (float64 first, float32 too), and does not depend on how the input lies in memory
# (transposed, strided, repeated by `expand`). Several points of an exercise are *parts* of their
# own: a right formula that breaks for extreme numbers keeps the points of the formula.
#
# **Sources.** The slides and notes of the course; where they have a slip, the exercise says so
# and gives the right formula. Rémy Sun, *Lecture 3: A primer on fundamentals of deep learning*;
# Kevin Scaman, *Deep Learning: Introduction, simple architectures (MLPs) and autodiff*; *Deep
# learning: Unpacking Transformers, LLMs and image generation*, session 2; Marc Lelarge, Jill-Jênn
# Vie and Kevin Scaman, *Deep Learning*, class notes by Antoine Groudiev (the *class notes*
# below).
#
# One slip that concerns no exercise but every plot you will draw: the slides "Typical loss
# functions" and the class notes, 1.2.1, call $\mathbb{1}\{y \neq y'\}$ the accuracy. It is the
# 0-1 *error*; accuracy is $\mathbb{1}\{y = y'\}$, averaged, and the two add up to 1.

# %%
"""Losses and softmax, by hand."""

import math

import torch

# %% [markdown]
# ## 1. `softmax`
#
# **Goal.** Turn scores into probabilities: positive, summing to 1 along the axis `dim`, largest
# where the score is largest.
#
# $$p_k = \frac{e^{z_k}}{\sum_j e^{z_j}} \qquad z \text{ and } p \text{ of one shape, any}$$
#
# The fraction is exact on paper. In float64 $e^{710}$ is infinite, in float32 already $e^{89}$,
# and infinity over infinity is no number. But softmax does not change when one and the same
# number is added to all the scores that compete with each other. A score of $-\infty$ is a class
# that is excluded: its probability is 0 (at least one score per slice is finite).
#
# **Source.** Session 2, "Loss functions" (multiclass classification); Sun, lecture 3, "Example:
# Tanh MLP". Both write $\text{SoftMax}(\tilde y_i)$ or $\text{softmax}(\mathbf z)$ for what is
# one entry, $\text{softmax}(\mathbf z)_k$: softmax needs all scores of an example. Class notes,
# 3.2.2, for the warning about numerical errors.
#
# **Worked number.** $z = (0, \ln 2, \ln 3)$: the exponentials are 1, 2, 3, so $p = (1/6, 1/3,
# 1/2)$.
#
# **Not allowed.** softmax.
#
# **Parts.** `p`; `stability` (large scores). **Hidden tests vary** the shape (1 to 3 axes, one
# class, one example, square), `dim`, scores up to 10 000 of either sign, $-\infty$, dtype and
# memory layout.


# %%
def softmax(z: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """Return the softmax of `z` along `dim`.

    Args:
        z: Scores, any shape, floating dtype; entries may be -inf, but not a whole slice.
        dim: The axis along which entries compete.

    Returns:
        Probabilities, same shape and dtype as `z`, summing to 1 along `dim`.
    """
    raise NotImplementedError("softmax: write this function")


# %% [markdown]
# ## 2. `logsumexp`
#
# **Goal.** The logarithm of softmax's denominator: a maximum with its corners rounded off. It
# lies between $\max_j z_j$ and $\max_j z_j + \ln C$.
#
# $$\text{lse}(z) = \ln \sum_j e^{z_j} \qquad z\ (\dots, C, \dots) \to (\dots, \dots)
# \text{: the axis } \texttt{dim} \text{ is gone}$$
#
# What happens to lse when the same number $c$ is added to all scores? The answer makes it safe.
#
# **Source.** Class notes, 3.2.2 "Cross Entropy": the denominator of the definition.
#
# **Worked number.** $z = (0, \ln 2, \ln 3)$ gives $\ln 6 \approx 1.7918$, and
# $z = (1000, 1000)$ gives $1000 + \ln 2 \approx 1000.6931$.
#
# **Not allowed.** softmax.
#
# **Parts.** `lse`; `stability` (large scores). **Hidden tests vary** the shape, `dim`, scores up
# to 10 000 of either sign, rows of very different size in one tensor, $-\infty$, dtype, memory
# layout.


# %%
def logsumexp(z: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """Return log(sum(exp(z))) along `dim`.

    Args:
        z: Scores, any shape, floating dtype; entries may be -inf, but not a whole slice.
        dim: The axis to sum over.

    Returns:
        The shape of `z` without the axis `dim`, same dtype.
    """
    raise NotImplementedError("logsumexp: write this function")


# %% [markdown]
# ## 3. `log_softmax`
#
# **Goal.** The logarithm of softmax, right even where the probability itself is too small to be
# stored: $e^{-800}$ is 0 in float64 ($e^{-104}$ in float32), but its logarithm is just $-800$.
#
# $$\log p_k = z_k - \ln \sum_j e^{z_j} \qquad \text{same shape as } z$$
#
# **Source.** Class notes, 3.2.2: "$\log P(Y = k \mid X) \propto g_\theta(X)_k$". Proportional is
# the wrong word: the log-probability equals the score *plus a constant* that is the same for all
# classes of an example, $\log p_k = g_k - \text{lse}(g)$, so that $p = \text{softmax}(g)$.
#
# **Worked number.** $z = (0, \ln 2, \ln 3)$ gives $(-1.7918, -1.0986, -0.6931)$, the logarithms
# of $(1/6, 1/3, 1/2)$. And $z = (0, -1000)$ gives $(0, -1000)$.
#
# **Not allowed.** softmax.
#
# **Parts.** `log_p`; `stability` (large scores that lie close together); `underflow` (scores so
# far apart that some probability is 0 in floating point). **Hidden tests vary** the shape, `dim`,
# the size and spread of the scores, $-\infty$ (whose log-probability is $-\infty$), dtype and
# memory layout.


# %%
def log_softmax(z: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """Return the logarithm of softmax of `z` along `dim`.

    Args:
        z: Scores, any shape, floating dtype; entries may be -inf, but not a whole slice.
        dim: The axis along which entries compete.

    Returns:
        Log-probabilities, same shape and dtype as `z`.
    """
    raise NotImplementedError("log_softmax: write this function")


# %% [markdown]
# ## 4. `softmax_jacobian`
#
# **Goal.** All derivatives of one softmax: how does each probability move when each score moves?
# "Wait, can I differentiate softmax? Yes, and you will do it by hand." (session 2, "Loss
# functions")
#
# $$J_{ij} = \frac{\partial p_i}{\partial z_j} = p_i\,(\delta_{ij} - p_j)
# \qquad z\ (C,) \to J\ (C, C)$$
#
# with $\delta_{ij} = 1$ if $i = j$, else 0. Derive it once on paper from $p_i = e^{z_i} / \sum_k
# e^{z_k}$, the cases $i = j$ and $i \neq j$ apart. Each row and each column sums to 0: what one
# class gains the others lose.
#
# **Worked number.** $z = (0, \ln 2, \ln 3)$:
#
# $$J = \frac{1}{36}\begin{pmatrix} 5 & -2 & -3 \\ -2 & 8 & -6 \\ -3 & -6 & 9 \end{pmatrix}$$
#
# **Not allowed.** softmax, autograd.
#
# **Parts.** `jacobian`; `stability` (large scores). **Hidden tests vary** `C` (also 1 and 2),
# equal scores, scores up to 10 000, dtype and memory layout.


# %%
def softmax_jacobian(z: torch.Tensor) -> torch.Tensor:
    """Return the matrix of derivatives of softmax at `z`.

    Args:
        z: Scores of one example, shape (C,), floating dtype, finite.

    Returns:
        Shape (C, C), same dtype; entry (i, j) is the derivative of p_i with respect to z_j.
    """
    raise NotImplementedError("softmax_jacobian: write this function")


# %% [markdown]
# ## 5. `softmax_backward`
#
# **Goal.** The backward pass of softmax for a batch. From above comes `grad_p`, the gradient of
# the loss with respect to the probabilities; you hand on `grad_z`, the gradient with respect to
# the scores. The forward pass kept `p`, which is all that is needed.
#
# $$\frac{\partial L}{\partial z_{nj}} = \sum_i \frac{\partial L}{\partial p_{ni}}
# \frac{\partial p_{ni}}{\partial z_{nj}} \qquad \texttt{grad\_p}, p\ (N, C) \to \texttt{grad\_z}\
# (N, C)$$
#
# Put the Jacobian of exercise 4 in. The sum simplifies until no $C \times C$ matrix is left: for
# each example, $\texttt{grad\_z} = p \odot (\texttt{grad\_p} - \langle \texttt{grad\_p}, p
# \rangle)$.
#
# **Source.** Session 2, "Loss functions"; the sum over $i$ is the generalized multivariate chain
# rule of the class notes, 2.4.3.
#
# **Worked number.** $p = (1/6, 1/3, 1/2)$ and $\texttt{grad\_p} = (1, 2, 3)$: the inner product
# is $7/3$ and $\texttt{grad\_z} = (-2/9, -1/9, 1/3)$. It sums to 0.
#
# **Not allowed.** softmax, autograd.
#
# **Hidden tests vary** `N` and `C` (also equal, also 1), the gradient from above (random numbers
# of either sign, all ones), probabilities that are exactly 0 or 1, dtype and memory layout.


# %%
def softmax_backward(grad_p: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
    """Return the gradient of the loss with respect to the scores of a softmax.

    Args:
        grad_p: Gradient of the loss with respect to `p`, shape (N, C).
        p: Output of softmax along the last axis, shape (N, C): each row sums to 1.

    Returns:
        grad_z, shape (N, C), same dtype.
    """
    raise NotImplementedError("softmax_backward: write this function")


# %% [markdown]
# ## 6. `cross_entropy`
#
# **Goal.** The loss of classification: how surprised is the model by the truth? The surprise of
# an event that was given probability $p$ is $-\ln p$.
#
# $$\ell_n = -\sum_{c=1}^{C} y_{nc} \ln \text{softmax}(\text{logits}_n)_c$$
#
# `target` comes in two forms: class indices, int64 of shape `(N,)`, where $y_n$ is 1 at that
# class and 0 elsewhere; or probabilities of shape `(N, C)`, the rows of which sum to 1, and which
# are $y$ itself. `reduction` says what happens to the $N$ losses: `"mean"` over the examples (not
# over the classes), `"sum"`, or `"none"`, which returns them, shape `(N,)`.
#
# **Source.** Scaman, "Typical loss functions"; session 2, "Loss functions"; class notes, 3.2.2.
# The class notes, 2.1.1, print it as $\sum_c y_c \log \hat y_c$, without the minus: that would be
# maximised. In 1.2.1 the index is mixed up, $y'_i$ inside a sum over $c$; read $-\sum_c y'_c \log
# \text{softmax}(y)_c$.
#
# **Worked number.** logits $(0, \ln 2, \ln 3)$ with target 2 and $(0, 0, 0)$ with target 0: the
# losses are $\ln 2$ and $\ln 3$, their mean is 0.8959. A model that knows nothing pays $\ln C$:
# 2.3026 for ten digits. If your first loss is far from it, look for a mistake before you train.
#
# **Not allowed.** softmax.
#
# **Parts.** `loss`; `stability` (large logits that lie close together, or in favour of the
# target); `underflow` (logits so far apart that some probability is 0 in floating point).
# **Hidden tests vary** `N` and `C` (also equal, also 1), both forms of `target`, shares of a target
# down to a billionth, `reduction`, the size and spread of the logits, which are always finite,
# dtype and memory layout.


# %%
def cross_entropy(
    logits: torch.Tensor, target: torch.Tensor, reduction: str = "mean"
) -> torch.Tensor:
    """Return the cross-entropy between the targets and softmax of the logits.

    Args:
        logits: Scores, shape (N, C), floating dtype, finite.
        target: Class indices, int64, shape (N,); or probabilities, shape (N, C), dtype of `logits`.
        reduction: "mean" over the N examples, "sum" over them, or "none".

    Returns:
        A 0-d tensor; with reduction "none" the N losses, shape (N,). Same dtype as `logits`.
    """
    raise NotImplementedError("cross_entropy: write this function")


# %% [markdown]
# ## 7. `cross_entropy_backward`
#
# **Goal.** The gradient of the reduced loss with respect to the logits. The logarithm of the loss
# and the exponential of softmax meet, and almost everything cancels.
#
# $$\frac{\partial L}{\partial \text{logits}} = P - Y \text{ for the sum}, \qquad
# \frac{1}{N}(P - Y) \text{ for the mean} \qquad (N, C)$$
#
# $P$ is softmax of the logits, row by row; $Y$ holds the targets as probabilities (a class index
# becomes a row with a single 1).
#
# **Source.** Sun, lecture 3, "Example: Tanh MLP". The slide calls $\hat y - y$ the gradient with
# respect to $\hat y$; it is the gradient with respect to the *logits* $\tilde y$ (with respect to
# $\hat y$ it is $-y / \hat y$). It also holds for one example: the mean over a batch brings the
# factor $1/N$. And it uses that each row of $Y$ sums to 1.
#
# **Worked number.** The two examples of exercise 6, with the mean: the rows are $(1, 2, -3)/12$
# and $(-4, 2, 2)/12$. Each sums to 0.
#
# **Not allowed.** softmax, autograd.
#
# **Parts.** `grad_logits`; `stability` (large logits, near or far apart). **Hidden tests vary**
# `N` and `C` (also equal, also 1), both forms of `target`, repeated targets, `reduction` ("mean"
# or "sum"), the size and spread of the logits, dtype and memory layout.


# %%
def cross_entropy_backward(
    logits: torch.Tensor, target: torch.Tensor, reduction: str = "mean"
) -> torch.Tensor:
    """Return the gradient of `cross_entropy` with respect to the logits.

    Args:
        logits: Scores, shape (N, C), floating dtype, finite.
        target: Class indices, int64, shape (N,); or probabilities, shape (N, C), dtype of `logits`.
        reduction: "mean" over the N examples, or "sum" over them.

    Returns:
        grad_logits, shape (N, C), same dtype as `logits`.
    """
    raise NotImplementedError("cross_entropy_backward: write this function")


# %% [markdown]
# ## 8. `bce_with_logits`
#
# **Goal.** The same loss for yes or no, where one score per question is enough: the probability
# of yes is the logistic sigmoid, $\sigma(z) = 1 / (1 + e^{-z})$.
#
# $$\ell = -\big[\, y \ln \sigma(z) + (1 - y) \ln (1 - \sigma(z)) \,\big]
# \qquad z, y \text{ of one and the same shape}$$
#
# element by element; $y$ is 0, 1 or anything between. `reduction` is `"mean"` over *all*
# elements, `"sum"`, or `"none"` (the shape of `z`). For $z = 800$ the number $1 - \sigma(z)$ is 0
# in floating point and its logarithm infinite, although the loss is 0 (for $y = 1$) or 800 (for
# $y = 0$). Rewrite the formula until no sigmoid is left, then look at the sign of the exponent.
#
# **Source.** Session 2, "Loss functions" (binary classification). The class notes, 2.1.1, print
# the logistic loss without the minus.
#
# **Worked number.** $z = (0, \ln 3)$, $y = (1, 0)$: the probabilities of yes are 1/2 and 3/4, the
# losses $\ln 2$ and $\ln 4$, their mean 1.0397.
#
# **Not allowed.** softmax, distributions.
#
# **Parts.** `loss`; `stability` (large scores). **Hidden tests vary** the shape (1 or 2 axes),
# hard and soft `y`, `reduction`, scores up to 10 000 of either sign, dtype and memory layout.


# %%
def bce_with_logits(z: torch.Tensor, y: torch.Tensor, reduction: str = "mean") -> torch.Tensor:
    """Return the binary cross-entropy between `y` and the sigmoid of `z`.

    Args:
        z: Scores, any shape, floating dtype, finite.
        y: Targets in [0, 1], same shape and dtype as `z`.
        reduction: "mean" over all elements, "sum" over them, or "none".

    Returns:
        A 0-d tensor; with reduction "none" the shape of `z`. Same dtype as `z`.
    """
    raise NotImplementedError("bce_with_logits: write this function")


# %% [markdown]
# ## 9. `gaussian_nll`
#
# **Goal.** The loss of regression when the network predicts a whole distribution, a mean and a
# variance: the negative log-likelihood of what was observed.
#
# $$\ell = \frac{1}{2} \left( \ln 2\pi + \ln \sigma^2 + \frac{(y - \mu)^2}{\sigma^2} \right)
# \qquad y, \mu, \sigma^2 \text{ of one and the same shape}$$
#
# element by element, with the constant $\frac{1}{2} \ln 2\pi$, and not reduced. `var` is the
# variance $\sigma^2$, not the standard deviation; it is positive and is used as it comes (nothing
# added to it).
#
# **Source.** Session 2, "Loss functions" (univariate regression): minus the logarithm of $\Pr(y
# \mid \mu, \sigma^2)$.
#
# **Worked number.** $y = 3$, $\mu = 1$, $\sigma^2 = 4$: $\frac{1}{2}(\ln 2\pi + \ln 4 + 1) =
# 2.1121$.
#
# **Not allowed.** softmax, distributions.
#
# **Parts.** `nll`; `underflow` (observations so far from the mean that their density is 0 in
# floating point). **Hidden tests vary** the shape, the variance from 0.0001 to 10 000, dtype,
# memory layout.


# %%
def gaussian_nll(y: torch.Tensor, mu: torch.Tensor, var: torch.Tensor) -> torch.Tensor:
    """Return the negative log-density of `y` under a normal distribution, per element.

    Args:
        y: Observations, any shape, floating dtype.
        mu: Means, same shape and dtype.
        var: Variances, positive, same shape and dtype.

    Returns:
        The losses with their constant, not reduced, same shape and dtype.
    """
    raise NotImplementedError("gaussian_nll: write this function")


# %% [markdown]
# ## 10. (*) `entropy`
#
# **Goal.** How uncertain is a distribution? Its mean surprise, in nats.
#
# $$H(p) = -\sum_k p_k \ln p_k \qquad p\ (\dots, C) \to (\dots)$$
#
# An event that cannot happen surprises nobody: $0 \ln 0$ counts as 0, its limit.
#
# **Source.** Session 2, "Loss functions": the first term of the KL divergence is minus the
# entropy.
#
# **Worked number.** $H(1/2, 1/2) = \ln 2 = 0.6931$ and $H(1/4, 3/4) = 0.5623$.
#
# **Not allowed.** softmax, distributions.
#
# **Parts.** `entropy`; `zeros` (probabilities that are exactly 0, or hardly above). **Hidden tests
# vary** the shape (1 to 3 axes), uniform and certain distributions, rare events, dtype and memory
# layout.


# %%
def entropy(p: torch.Tensor) -> torch.Tensor:
    """Return the entropy of `p` along the last axis, in nats.

    Args:
        p: Probabilities, shape (..., C), rows sum to 1; entries may be exactly 0.

    Returns:
        Shape (...), same dtype.
    """
    raise NotImplementedError("entropy: write this function")


# %% [markdown]
# ## 11. (*) `cross_entropy_discrete`
#
# **Goal.** The mean surprise of someone who believes $q$ in a world that follows $p$. The loss of
# exercise 6 is this number, with the target as $p$ and the model as $q$.
#
# $$H(p, q) = -\sum_k p_k \ln q_k \qquad p, q\ (\dots, C) \to (\dots)$$
#
# $0 \ln q_k$ counts as 0, even for $q_k = 0$. If something happens that was believed impossible
# ($p_k > 0$, $q_k = 0$), the surprise is infinite: return `inf`, not a large number.
#
# **Source.** Session 2, "Loss functions": the definition of the cross-entropy, discrete case.
#
# **Worked number.** $p = (1/2, 1/2)$, $q = (1/4, 3/4)$: $\frac{1}{2} \ln 4 + \frac{1}{2} \ln
# \frac{4}{3} = 0.8370$.
#
# **Not allowed.** softmax, distributions.
#
# **Parts.** `cross_entropy`; `zeros`. **Hidden tests vary** the shape, zeros in `p`, in `q` and
# in both, rare events, dtype and memory layout.


# %%
def cross_entropy_discrete(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy of `q` relative to `p` along the last axis, in nats.

    Args:
        p: Probabilities of what happens, shape (..., C), rows sum to 1.
        q: Probabilities that are believed, same shape and dtype.

    Returns:
        Shape (...), same dtype; inf where p is positive and q is 0.
    """
    raise NotImplementedError("cross_entropy_discrete: write this function")


# %% [markdown]
# ## 12. (*) `kl_discrete`
#
# **Goal.** What does believing $q$ cost, compared with knowing $p$? The mean surprise that could
# have been avoided.
#
# $$KL(p \,\|\, q) = \sum_k p_k \ln \frac{p_k}{q_k} = H(p, q) - H(p) \geq 0
# \qquad p, q\ (\dots, C) \to (\dots)$$
#
# It is 0 only if the two are equal. Zeros are treated as in exercises 10 and 11.
#
# **Source.** Session 2, "Loss functions". The slide calls it a distance: it is not symmetric, so
# it is none, and the order of the arguments matters. The label "divergence between $q$ and $p$"
# stands there under the cross-entropy term; the divergence is the whole difference. (The double
# integrals should be single.)
#
# **Worked number.** $p = (1/2, 1/2)$, $q = (1/4, 3/4)$: $0.8370 - 0.6931 = 0.1438$. The other way
# round it is 0.1308.
#
# **Not allowed.** softmax, distributions.
#
# **Parts.** `kl`; `zeros`. **Hidden tests vary** the shape, equal distributions, zeros in `p`, in
# `q` and in both, rare events, dtype and memory layout.


# %%
def kl_discrete(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    """Return the Kullback-Leibler divergence KL(p || q) along the last axis, in nats.

    Args:
        p: Probabilities, shape (..., C), rows sum to 1.
        q: Probabilities, same shape and dtype.

    Returns:
        Shape (...), same dtype; inf where p is positive and q is 0.
    """
    raise NotImplementedError("kl_discrete: write this function")


# %% [markdown]
# ## 13. (*) `nll_equals_lsq`
#
# **Goal.** Show with numbers that maximum likelihood with Gaussian noise of a *fixed* width is
# least squares. The model is linear: $y_i = \langle x_i, \theta \rangle + \varepsilon_i$ with
# $\varepsilon_i \sim \mathcal N(0, \sigma^2)$ independent, and no intercept. Return the minimiser
# of the mean negative log-likelihood, and its value there:
#
# $$\hat\theta = \arg\min_\theta \frac{1}{N} \sum_{i=1}^{N} \ell_i(\theta), \qquad
# \text{nll} = \frac{1}{N} \sum_{i=1}^{N} \ell_i(\hat\theta), \qquad
# \ell_i(\theta) = \frac{1}{2} \ln (2 \pi \sigma^2) + \frac{(y_i - \langle x_i, \theta
# \rangle)^2}{2 \sigma^2}$$
#
# with `x` of shape `(N, D)`, `y` of shape `(N,)`, `sigma` a positive Python float (the standard
# deviation), $\hat\theta$ of shape `(D,)` and nll a 0-d tensor. Set the gradient with respect to
# $\theta$ to 0 and watch what becomes of $\sigma$. The columns of `x` are linearly independent.
#
# **Source.** Session 2, "Loss functions": "the NLL is equivalent to least squares"; class notes,
# 3.2.1, where the last line drops the sum over $i$: read $\exp(-\sum_i \| Y_i - g_\theta(X_i)
# \|^2 / 2 \sigma^2)$. What the class notes and Scaman's "Typical loss functions" call the mean
# square error is, for one example, a *sum* of squares. Sun, lecture 3, forgets the square on the
# first two regression slides: the loss is $\frac{1}{N} \sum_i (y_i - \theta x_i)^2$.
#
# **Worked number.** $x = (1, 2)^\top$, $y = (1, 3)$: $\hat\theta = (1 \cdot 1 + 2 \cdot 3) / (1 +
# 4) = 1.4$. With $\sigma = 1$ the nll is 0.9689, with $\sigma = 2$ it is 1.6246.
#
# **Not allowed.** softmax, autograd, distributions, least squares. (`torch.linalg.solve` is
# allowed.)
#
# **Parts.** `theta`; `nll`. **Hidden tests vary** `N` and `D` (also 1, also `N = D`), `sigma`, an
# exact fit, dtype and memory layout.


# %%
def nll_equals_lsq(
    x: torch.Tensor, y: torch.Tensor, sigma: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Fit a linear model by maximum likelihood under Gaussian noise of fixed width.

    Args:
        x: Inputs, shape (N, D), floating dtype, linearly independent columns.
        y: Observations, shape (N,), same dtype.
        sigma: Standard deviation of the noise, positive.

    Returns:
        (theta, nll): the minimiser of the mean negative log-likelihood, shape (D,), and that mean
        at the minimiser, constant included, a 0-d tensor; same dtype as `x`.
    """
    raise NotImplementedError("nll_equals_lsq: write this function")


# %% [markdown]
# ## A reward: the thermometer
#
# A language model has just read "the cat sat on the". Its scores for the next word go through
# your softmax, divided by a *temperature* first. Cold: only the best word survives. Hot: anything
# goes. And the entropy says how many words are really in play: $e^H$ of them.

# %%
if __name__ == "__main__":
    words = ("mat", "sofa", "roof", "dog", "moon")
    scores = torch.tensor([3.0, 2.0, 1.5, 0.0, -2.0])
    lines = []
    for temperature in (0.25, 1.0, 4.0):
        p = softmax(scores / temperature)
        lines.append(f"temperature {temperature}: {float(entropy(p).exp()):.2f} words in play")
        for word, share in zip(words, p.tolist(), strict=True):
            lines.append(f"  {word:5s}{share:6.1%} {'#' * round(40 * share)}")
    print("\n".join(lines))
