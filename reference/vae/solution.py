# %% [markdown]
# # Autoregressive models and the variational autoencoder
#
# Two ways to give a picture a probability. The first reads it pixel by pixel and asks, each time,
# how surprising the next one is: exact, but slow to draw from. The second believes that a short
# hidden code lies behind the picture. It cannot compute the probability any more, only a number
# that is certainly not larger, and trains by pushing that number up. You write both by hand, check
# the bound where the truth can be computed, and train one network at the end.
#
# **Words.** `B` examples, one per entry of the first axis; `D` latent dimensions; `x` the data;
# `z` the code; `mu` and `logvar` the mean and the logarithm of the *variance* of a Gaussian with
# independent entries, $\sigma^2 = e^{\text{logvar}}$. All logarithms are natural. What has the
# shape `(B,)` is one number per example, *summed* over all other axes, however many there are:
# independent entries multiply their probabilities. A gradient is called `grad_<primal>` and has
# the shape of its primal. Classes count from 0.
#
# **By hand.** Each exercise says what it does not allow:
#
# * *distributions*: `torch.distributions`, `F.binary_cross_entropy`, its `_with_logits` form,
#   `F.kl_div`, `F.gaussian_nll_loss`, under any of their names;
# * *softmax*: `torch.softmax`, `torch.log_softmax`, `torch.logsumexp`, `F.cross_entropy`,
#   `F.nll_loss`, under any of their names;
# * *autograd*: everything that differentiates for you (`backward`, `torch.autograd`,
#   `torch.func`).
#
# Everything else is yours: `torch.sigmoid`, `F.logsigmoid`, `F.softplus`, `F.conv2d`,
# `torch.linalg`, and loops (the tests are small enough for them). Nothing here is random, except
# in the last exercise: where noise is needed, it is an argument.
#
# **What is always tested.** Your results have the shapes stated, the dtype and device of the
# floating inputs (float64 first, float32 too), and do not depend on how an input lies in memory
# (transposed, strided, repeated by `expand`). Several points of an exercise are *parts* of their
# own. The tests hand you every input: a mistake in one exercise costs nothing in another, unless
# you call it there.
#
# **Sources.** The notes of the course; where they have a slip, the exercise says so and gives the
# right formula. Marc Lelarge, Jill-Jênn Vie and Kevin Scaman, *Deep Learning*, class notes by
# Antoine Groudiev (the *class notes* below), chapters 9 and 10; *Deep learning: Unpacking
# Transformers, LLMs and image generation*, session 6. Diederik Kingma and Max Welling,
# *Auto-Encoding Variational Bayes*, 2014; Aäron van den Oord, Nal Kalchbrenner and Koray
# Kavukcuoglu, *Pixel Recurrent Neural Networks*, 2016; Yuri Burda, Roger Grosse and Ruslan
# Salakhutdinov, *Importance Weighted Autoencoders*, 2016.

# %%
"""Autoregressive models and the variational autoencoder, by hand."""

import math

import torch

# %% [markdown]
# ## 1. `autoregressive_log_prob`
#
# **Goal.** The log-probability of a whole sequence, from what a network says about each entry when
# it has seen the ones before.
#
# $$\log p(x) = \sum_{t=1}^{T} \log p(x_t \mid x_1, \dots, x_{t-1}), \qquad
# p(x_t = k \mid x_1, \dots, x_{t-1}) = \text{softmax}(\texttt{cond\_logits}_t)_k$$
#
# for each example of the batch: `cond_logits` $(B, T, K) \to (B,)$. `cond_logits[:, t]` are the
# scores of the `K` possible values of `x[:, t]`, made from `x[:, :t]` alone (by whom is not your
# concern: nothing has to be shifted). If that is so, the probabilities of all $K^T$ sequences sum
# to 1, and the tests add them up.
#
# **Source.** Class notes, 9.2.2, the chain rule of probability. In 9.2.1 they call $\sum_i \log
# f_\theta(x^{(i)})$ a loss and minimise it; that would make the data improbable. What is minimised
# is *minus* this sum. You return the log-probability itself.
#
# **Worked number.** $T = 2$, $K = 2$, scores $(0, \ln 3)$ and $(\ln 2, 0)$: the conditionals are
# $(1/4, 3/4)$ and $(2/3, 1/3)$. For $x = (1, 1)$ the probability is $\frac34 \cdot \frac13 =
# \frac14$, and you return $-\ln 4 = -1.3863$.
#
# **Not allowed.** softmax, distributions.
#
# **Parts.** `log_prob`; `stability` (scores so large that an exponential overflows, or so far
# apart that a probability is 0 in floating point). **Hidden tests vary** `B`, `T` and `K` (also
# equal, also 1), the size of the scores, all sequences of a length at once, dtype and memory
# layout.


# %%
def autoregressive_log_prob(cond_logits: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Return the log-probability of each sequence under an autoregressive model.

    Args:
        cond_logits: Scores of the values of each entry given the entries before it, shape
            (B, T, K), floating dtype, finite.
        x: The sequences, int64, shape (B, T), entries in 0..K-1.

    Returns:
        Shape (B,), dtype of `cond_logits`.
    """
    # BEGIN SOLUTION
    shifted = cond_logits - cond_logits.amax(-1, keepdim=True)
    log_p = shifted - shifted.exp().sum(-1, keepdim=True).log()
    return log_p.gather(-1, x.unsqueeze(-1)).sum((1, 2))
    # END SOLUTION


# %% [markdown]
# ## 2. `pixelcnn_mask`
#
# **Goal.** A convolution that may only look at the past. In reading order, the pixels before the
# one in the centre of the kernel are those in the rows above, and those to its left in its own
# row. The mask is 1 where the weight is kept and 0 where it is struck out.
#
# $$M_{ij} = \begin{cases} 1 & \text{if } i < c, \text{ or } i = c \text{ and } j < c \\
# 1 & \text{if } i = j = c \text{ and the kind is B} \\ 0 & \text{otherwise} \end{cases}
# \qquad M\ (k, k), \quad c = \frac{k - 1}{2}, \quad i, j = 0, \dots, k - 1$$
#
# Kind A is for the first layer: a pixel must not be predicted from itself. Kind B is for the
# layers after it, whose centre has not seen the pixel. An even kernel has no centre: raise a
# `ValueError`, also for `kernel_size` below 1 and for a kind that is neither "A" nor "B".
#
# **Source.** Class notes, 9.2.4: "a masked convolution over previously computed regions"; van den
# Oord et al., 2016, section 3.4 and figure 2, for the two kinds (here with one channel per pixel).
#
# **Worked number.** $k = 3$: the rows of kind A are $(1, 1, 1), (1, 0, 0), (0, 0, 0)$; those of
# kind B are $(1, 1, 1), (1, 1, 0), (0, 0, 0)$.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `mask_A`; `mask_B`; `errors` (when to raise, and when not). **Hidden tests vary**
# `kernel_size` (1 to 9) and `kind`.


# %%
def pixelcnn_mask(kernel_size: int, kind: str) -> torch.Tensor:
    """Return the mask of a PixelCNN's convolution.

    Args:
        kernel_size: Height and width of the kernel, odd.
        kind: "A" (the centre is struck out) or "B" (the centre is kept).

    Returns:
        Zeros and ones, shape (kernel_size, kernel_size), float32; another numeric dtype or bool
        is accepted too.

    Raises:
        ValueError: If `kernel_size` is even or below 1, or `kind` is neither "A" nor "B".
    """
    # BEGIN SOLUTION
    if kernel_size < 1 or kernel_size % 2 == 0:
        raise ValueError(f"pixelcnn_mask: expected an odd kernel_size, got {kernel_size}.")
    if kind not in ("A", "B"):
        raise ValueError(f'pixelcnn_mask: expected the kind "A" or "B", got {kind!r}.')
    before = kernel_size * kernel_size // 2  # pixels that are read before the centre
    mask = torch.zeros(kernel_size * kernel_size)
    mask[: before + (kind == "B")] = 1
    return mask.reshape(kernel_size, kernel_size)
    # END SOLUTION


# %% [markdown]
# ## 3. (*) `masked_conv2d`
#
# **Goal.** The layer of a PixelCNN: a convolution as in torch (a cross-correlation, stride 1)
# whose weight is masked, on an image that is padded with zeros on all sides until the output is as
# large as the input.
#
# $$y_{n f r s} = b_f + \sum_c \sum_{i, j} M_{ij}\, w_{f c i j}\,
# x_{n,\, c,\, r + i - p,\, s + j - p} \qquad p = \frac{k - 1}{2}$$
#
# $x\ (N, C, H, W)$, $w\ (F, C, k, k)$, $b\ (F,)$, $y\ (N, F, H, W)$; $x$ counts as 0 outside the
# image; $M$ is the mask of exercise 2 and applies to all channels alike. What comes of it is the
# point: a pixel of $y$ does not move when a later pixel of $x$ does.
#
# **Source.** Class notes, 9.2.4; van den Oord et al., 2016, section 3.4.
#
# **Worked number.** A kernel of ones, $b = 10$, one channel: the image $\begin{pmatrix} 1 & 2 \\ 3
# & 4 \end{pmatrix}$ becomes $\begin{pmatrix} 10 & 11 \\ 13 & 16 \end{pmatrix}$ with kind A and
# $k = 3$, and $\begin{pmatrix} 11 & 13 \\ 16 & 20 \end{pmatrix}$ with kind B.
#
# **Not allowed.** Nothing is: `F.conv2d` is welcome.
#
# **Parts.** `y`; `causality` (which outputs move when one pixel moves). **Hidden tests vary** the
# sizes (also 1, also equal, also a kernel larger than the image), `kind`, which pixel moves, dtype
# and memory layout.


# %%
def masked_conv2d(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, kind: str
) -> torch.Tensor:
    """Return the convolution of a PixelCNN: masked weight, stride 1, output as large as the input.

    Args:
        x: Images, shape (N, C, H, W), floating dtype.
        weight: Shape (F, C, k, k), k odd, same dtype; not yet masked.
        bias: Shape (F,), same dtype.
        kind: "A" or "B", as in `pixelcnn_mask`.

    Returns:
        Shape (N, F, H, W), same dtype.
    """
    # BEGIN SOLUTION
    k = weight.shape[-1]
    mask = pixelcnn_mask(k, kind).to(weight)
    return torch.nn.functional.conv2d(x, weight * mask, bias, padding=k // 2)
    # END SOLUTION


# %% [markdown]
# ## 4. `autoencoder_loss`
#
# **Goal.** The loss of an autoencoder: how far is what comes out, $\hat x$, from what went in?
#
# $$\mathcal L = \frac{1}{B} \sum_{n=1}^{B} \| \hat x_n - x_n \|_2^2
# \qquad x, \hat x \text{ of one and the same shape } (B, \dots)$$
#
# The norm of an image is that of all its pixels: the squares are *summed* within an example, and
# averaged over the examples.
#
# **Source.** Class notes, 10.1.1: $\mathcal L(x) = \| \hat x - x \|_2^2$ for one example.
# (`F.mse_loss` divides by the number of pixels too. A plain autoencoder does not mind; as one term
# of a sum, as in exercise 10, it matters.)
#
# **Worked number.** $x = \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}$, $\hat x = \begin{pmatrix}
# 1 & 0 \\ 2 & 6 \end{pmatrix}$: the two examples are off by $4$ and $1 + 4$, the loss is 4.5.
#
# **Not allowed.** Nothing is.
#
# **Hidden tests vary** the shape (2 to 4 axes, one example, one pixel), a perfect reconstruction,
# dtype and memory layout.


# %%
def autoencoder_loss(x: torch.Tensor, x_hat: torch.Tensor) -> torch.Tensor:
    """Return the squared error of a reconstruction, summed in each example, averaged over them.

    Args:
        x: What went in, shape (B, ...), floating dtype, at least 2 axes.
        x_hat: What came out, same shape and dtype.

    Returns:
        A 0-d tensor, same dtype.
    """
    # BEGIN SOLUTION
    return (x_hat - x).square().sum() / len(x)
    # END SOLUTION


# %% [markdown]
# ## 5. (*) `linear_autoencoder`
#
# **Goal.** An autoencoder without activations needs no training: its best encoder is principal
# component analysis. With a bottleneck of $k$ numbers, code and reconstruction of one example are
#
# $$z = W (x - b)\ (k,), \qquad \hat x = W^\top z + b\ (D,)$$
#
# Return the $W\ (k, D)$ with orthonormal rows ($W W^\top = I$) that makes the loss of exercise 4
# smallest over all examples, $b\ (D,)$ the mean of the examples, and that smallest loss. $W$ is
# not unique, its rows may be rotated among each other; the plane that they span is unique here,
# and it is all that the tests look at.
#
# **Source.** Class notes, 10.1.1: the bottleneck. Pierre Baldi and Kurt Hornik, *Neural networks
# and principal component analysis*, 1989, show that training ends up in the same plane.
#
# **Worked number.** $x = (7, 1), (1, 1), (4, 3), (4, -1)$ and $k = 1$: $b = (4, 1)$, the plane is
# the first axis, $W = \pm(1, 0)$, and what it misses is $0, 0, 2^2, 2^2$: the loss is 2.
#
# **Not allowed.** autograd. (`torch.linalg.svd` and `torch.linalg.eigh` are allowed.)
#
# **Parts.** `W`; `b`; `loss`. **Hidden tests vary** the sizes (more examples than dimensions and
# fewer), $k$ (from 1 to all dimensions), data far from the origin, dtype and memory layout.


# %%
def linear_autoencoder(x: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the best linear autoencoder with `k` hidden numbers, and its loss.

    Args:
        x: Examples, shape (N, D), floating dtype.
        k: Size of the bottleneck, 1..min(N, D).

    Returns:
        (W, b, loss): orthonormal rows, shape (k, D); the mean, shape (D,); a 0-d tensor, the
        squared error summed over D and averaged over N. Same dtype as `x`.
    """
    # BEGIN SOLUTION
    b = x.mean(0)
    _, sizes, axes = torch.linalg.svd(x - b, full_matrices=False)
    return axes[:k], b, sizes[k:].square().sum() / len(x)
    # END SOLUTION


# %% [markdown]
# ## 6. `reparameterize`
#
# **Goal.** Draw a code from $\mathcal N(\mu, \sigma^2)$ so that gradients can pass: all randomness
# sits in `noise`, which is standard normal and was drawn before.
#
# $$z = \mu + \sigma \odot \varepsilon, \qquad \sigma^2 = e^{\text{logvar}}
# \qquad z, \mu, \text{logvar}, \varepsilon\ (B, D)$$
#
# A network may say any number, so it says the logarithm of the variance. If that is 4, how far
# from $\mu$ does a typical code lie?
#
# **Source.** Class notes, 10.2.4, second step; Kingma and Welling, 2014, section 2.4 and equation
# 10. The notes call the diagonal matrix of variances $\Sigma$; `logvar` is the logarithm of its
# diagonal.
#
# **Worked number.** $\mu = (1, -1)$, $\text{logvar} = (\ln 4, \ln 9)$, $\varepsilon = (1.5, -1)$:
# $z = (1 + 2 \cdot 1.5, -1 - 3) = (4, -4)$.
#
# **Not allowed.** distributions.
#
# **Parts.** `z`; `stability` (log-variances so large that $\sigma^2$ overflows, though $\sigma$
# does not). **Hidden tests vary** the shape (2 or 3 axes, one example, one dimension),
# log-variances of $\pm 40$, dtype and memory layout.


# %%
def reparameterize(mu: torch.Tensor, logvar: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Return a sample of a Gaussian with independent entries, made from standard normal noise.

    Args:
        mu: Means, shape (B, ...), floating dtype.
        logvar: Logarithms of the variances, same shape and dtype.
        noise: Standard normal numbers, same shape and dtype.

    Returns:
        z, same shape and dtype.
    """
    # BEGIN SOLUTION
    return mu + torch.exp(0.5 * logvar) * noise
    # END SOLUTION


# %% [markdown]
# ## 7. `gaussian_kl`
#
# **Goal.** What does it cost that the encoder's $q = \mathcal N(\mu, \sigma^2)$ is not the prior
# $p = \mathcal N(0, I)$? The mean of $\ln q(z) - \ln p(z)$ over $z \sim q$ is known in closed
# form, no sample is needed.
#
# $$KL(q \,\|\, p) = \frac{1}{2} \sum_{j} \left( \mu_j^2 + \sigma_j^2 - 1 - \ln \sigma_j^2 \right),
# \qquad \sigma_j^2 = e^{\text{logvar}_j} \qquad \mu, \text{logvar}\ (B, D) \to (B,)$$
#
# It is never negative, and 0 only if $q$ is the prior.
#
# **Source.** Class notes, 10.2.5. The formula printed there sums over $k$ what is indexed by $j$,
# and squares the variance: with $\Sigma$ a covariance, $\log(\Sigma)_j^2$ and $(\Sigma)_j^2$
# should be $\ln \Sigma_{jj}$ and $\Sigma_{jj}$. Its footnote has $x$ where the density is one of
# $z$. Kingma and Welling, 2014, appendix B, have it right. Derive it once for $D = 1$.
#
# **Worked number.** $\mu = (0.5, 1)$, $\sigma^2 = (0.3, 1)$: $\frac12 (0.25 + 0.3 - 1 - \ln 0.3) =
# 0.3770$ and $\frac12 (1 + 1 - 1 - 0) = 0.5$, together 0.8770. (As printed it would be 1.3740.)
#
# **Not allowed.** distributions.
#
# **Parts.** `kl`; `underflow` (log-variances so low that the variance is 0 in floating point; the
# KL is large, but a number). **Hidden tests vary** the shape (2 or 3 axes, one example, one
# dimension, square), log-variances from $-30$ to $20$, dtype and memory layout.


# %%
def gaussian_kl(mu: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    """Return KL(N(mu, exp(logvar)) || N(0, I)) of each example.

    Args:
        mu: Means, shape (B, ...), floating dtype, at least 2 axes.
        logvar: Logarithms of the variances, same shape and dtype.

    Returns:
        Shape (B,), same dtype: summed over all axes but the first.
    """
    # BEGIN SOLUTION
    per_entry = 0.5 * (mu.square() + logvar.exp() - 1 - logvar)
    return per_entry.flatten(1).sum(1)
    # END SOLUTION


# %% [markdown]
# ## 8. `bernoulli_log_likelihood`
#
# **Goal.** How probable are the pixels, if the decoder gives each one its own probability of being
# white, $\sigma(\ell) = 1 / (1 + e^{-\ell})$, through a score $\ell$?
#
# $$\log p(x \mid z) = \sum_i \left[ x_i \ln \sigma(\ell_i) + (1 - x_i) \ln (1 - \sigma(\ell_i))
# \right] \qquad x, \text{logits}\ (B, \dots) \to (B,)$$
#
# $x_i$ is 0, 1, or a shade of grey between. This is a logarithm of a probability, so it is not
# positive; and it is the *score* $\ell$ that comes in, the sigmoid is yours. For $\ell = 500$ the
# number $1 - \sigma(\ell)$ is 0 in floating point, though its logarithm is just $-500$.
#
# **Source.** Class notes, 10.2.5: "computing the log-likelihood of the output data given this
# latent vector", there for a Gaussian; Kingma and Welling, 2014, appendix C.1.
#
# **Worked number.** $x = (1, 0, \frac12)$, $\ell = (\ln 3, \ln 3, 0)$: the probabilities of white
# are $\frac34, \frac34, \frac12$, and $\ln \frac34 + \ln \frac14 + \ln \frac12 = -2.3671$.
#
# **Not allowed.** distributions.
#
# **Parts.** `log_likelihood`; `stability` (scores of $\pm 500$ and beyond). **Hidden tests vary**
# the shape (2 to 4 axes, one example, one pixel), black-and-white and grey pixels, dtype and
# memory layout.


# %%
def bernoulli_log_likelihood(x: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """Return the log-probability of each example when its pixels are independent coins.

    Args:
        x: Pixels in [0, 1], shape (B, ...), floating dtype, at least 2 axes.
        logits: Scores of the pixels, same shape and dtype, finite.

    Returns:
        Shape (B,), same dtype: summed over all axes but the first.
    """
    # BEGIN SOLUTION
    softplus = logits.clamp(min=0) + torch.log1p(torch.exp(-logits.abs()))
    return (x * logits - softplus).flatten(1).sum(1)
    # END SOLUTION


# %% [markdown]
# ## 9. `gaussian_log_likelihood`
#
# **Goal.** The same for data that are any real numbers, where the decoder gives each entry a mean
# and a log-variance.
#
# $$\log p(x \mid z) = -\frac{1}{2} \sum_i \left[ \ln 2 \pi + \text{logvar}_i + \frac{(x_i -
# \mu_i)^2}{e^{\text{logvar}_i}} \right] \qquad x, \mu, \text{logvar}\ (B, \dots) \to (B,)$$
#
# The constant stays: without it this is no log-density, and the bound of exercise 10 would bound
# nothing. A density may be larger than 1, so this may be positive.
#
# **Source.** Class notes, 10.2.2: $p_\theta(x \mid z) = N(\mu_{x|z}, \Sigma_{x|z})$, and the
# density in the footnote of 10.2.5 (its $x$ and $z$ are mixed up).
#
# **Worked number.** $x = (3, 0)$, $\mu = (1, 0)$, variances $(4, 1)$: $-\frac12 [ 2 \ln 2\pi + \ln
# 4 + 1 ] = -3.0310$.
#
# **Not allowed.** distributions.
#
# **Parts.** `log_likelihood`; `stability` (log-variances so large that the variance overflows;
# observations so far from the mean that their density is 0 in floating point). **Hidden tests
# vary** the shape (2 to 4 axes, one example, one entry), log-variances from $-30$ to $40$, dtype
# and memory layout.


# %%
def gaussian_log_likelihood(
    x: torch.Tensor, mu: torch.Tensor, logvar: torch.Tensor
) -> torch.Tensor:
    """Return the log-density of each example under a Gaussian with independent entries.

    Args:
        x: Observations, shape (B, ...), floating dtype, at least 2 axes.
        mu: Means, same shape and dtype.
        logvar: Logarithms of the variances, same shape and dtype.

    Returns:
        Shape (B,), same dtype: summed over all axes but the first, with the constant.
    """
    # BEGIN SOLUTION
    squares = (x - mu).square() * torch.exp(-logvar)
    return -0.5 * (math.log(2 * math.pi) + logvar + squares).flatten(1).sum(1)
    # END SOLUTION


# %% [markdown]
# ## 10. `elbo`
#
# **Goal.** The number that a variational autoencoder pushes up: how well is $x$ explained by the
# code that was drawn, minus what the code cost?
#
# $$\log p(x) \geq \mathbb E_{z \sim q(z \mid x)} [ \log p(x \mid z) ] - KL(q(z \mid x) \,\|\,
# p(z))$$
#
# One sample $z$ estimates the mean. The decoder has turned it into `logits`, the encoder had said
# `mu` and `logvar`; pixels are coins, the prior is $\mathcal N(0, I)$:
#
# $$\text{reconstruction} = \log p(x \mid z), \qquad
# \text{kl} = KL(\mathcal N(\mu, \sigma^2) \,\|\, \mathcal N(0, I)), \qquad
# \text{elbo} = \text{reconstruction} - \text{kl}$$
#
# All three have the shape `(B,)`, in the order `(elbo, reconstruction, kl)`. To train, one
# minimises minus the mean of the first. The tests average your elbo over all codes, with weights
# of a quadrature, for a decoder whose $\log p(x)$ is known: a lower bound must not exceed what it
# bounds, and the gap is exactly $KL(q(z \mid x) \,\|\, p(z \mid x))$.
#
# **Source.** Class notes, 10.2.2, property 10.1. The property and 10.2.5 print $KL(q_\phi(z \mid
# x) \,\|\, p_\theta(x))$; compare $q$ with the *prior* $p(z)$. The last line of the proof keeps
# the wrong one of its two divergences: $KL(q \,\|\, p(z))$ stays, $KL(q \,\|\, p(z \mid x))$ is
# dropped, because it is not negative ("always positive" is too much: it is 0 if $q$ is the true
# posterior). 11.1 has it right. Kingma and Welling, 2014, equation 3.
#
# **Worked number.** $x = (1, 0, \frac12)$, logits $(\ln 3, \ln 3, 0)$, $\mu = (0.5, 1)$, $\sigma^2
# = (0.3, 1)$: reconstruction $-2.3671$, kl 0.8770, elbo $-3.2441$.
#
# **Not allowed.** distributions.
#
# **Parts.** `elbo`; `reconstruction`; `kl`; `stability` (scores of $\pm 500$). **Hidden tests
# vary** the sizes (also 1, also equal), flat and two-dimensional images, black-and-white and grey
# pixels, log-variances from $-30$ to $20$, dtype and memory layout.


# %%
def elbo(
    x: torch.Tensor, logits: torch.Tensor, mu: torch.Tensor, logvar: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the evidence lower bound of each example and its two terms, from one sample.

    Args:
        x: Pixels in [0, 1], shape (B, ...), floating dtype, at least 2 axes.
        logits: The decoder's scores of the pixels, same shape and dtype as `x`, finite.
        mu: The encoder's means, shape (B, D), same dtype.
        logvar: The encoder's log-variances, shape (B, D), same dtype.

    Returns:
        (elbo, reconstruction, kl), each of shape (B,) and the same dtype, with elbo =
        reconstruction - kl.
    """
    # BEGIN SOLUTION
    reconstruction = bernoulli_log_likelihood(x, logits)
    kl = gaussian_kl(mu, logvar)
    return reconstruction - kl, reconstruction, kl
    # END SOLUTION


# %% [markdown]
# ## 11. (*) `linear_gaussian_elbo`
#
# **Goal.** See the bound with your own eyes. If the decoder is linear, $p(x \mid z) = \mathcal
# N(W z + b, s^2 I)$ with $z \sim \mathcal N(0, I)$, both sides have a closed form and nothing is
# sampled:
#
# $$\text{elbo} = \mathbb E_{z \sim \mathcal N(\mu, \sigma^2)} [ \log p(x \mid z) ] - KL(\mathcal
# N(\mu, \sigma^2) \,\|\, \mathcal N(0, I)), \qquad
# \text{log\_evidence} = \ln \mathcal N(x;\, b,\, W W^\top + s^2 I)$$
#
# $x\ (B, P)$, $W\ (P, D)$, $b\ (P,)$, $s$ a positive Python float (a standard deviation), $\mu,
# \text{logvar}\ (B, D)$; both results `(B,)`. The one thing to work out is the mean of a square:
# $\mathbb E \| x - b - W z \|^2$ is what $z = \mu$ would give, and a second term that grows with
# the variances $\sigma_j^2$. And a Gaussian with a full covariance $C$ has the log-density
# $-\frac12 [ P \ln 2 \pi + \ln \det C + (x - b)^\top C^{-1} (x - b) ]$.
#
# The two are equal for some $\mu$ and logvar if the columns of $W$ are orthogonal. When is the gap
# never closed?
#
# **Source.** Class notes, 10.2.2, property 10.1, with the right divergence (exercise 10). Michael
# Tipping and Christopher Bishop, *Probabilistic Principal Component Analysis*, 1999, for the model
# and its evidence.
#
# **Worked number.** $P = D = 1$, $x = 2$, $W = 1$, $b = 0$, $s = 1$: the evidence is $\mathcal
# N(2; 0, 2)$, its logarithm $-\frac12 [ \ln 4\pi + 2 ] = -2.2655$. At $\mu = 0$, logvar 0 the elbo
# is $-\frac12 [ \ln 2 \pi + 4 + 1 ] = -3.4189$; at $\mu = 1$, $\sigma^2 = \frac12$, the true
# posterior, it is $-2.2655$ too.
#
# **Not allowed.** distributions, autograd.
#
# **Parts.** `elbo`; `log_evidence`. **Hidden tests vary** the sizes (more pixels than latent
# dimensions and fewer, also 1, also equal), $s$, orthogonal and other columns, the true posterior
# and others, dtype and memory layout.


# %%
def linear_gaussian_elbo(
    x: torch.Tensor,
    W: torch.Tensor,
    b: torch.Tensor,
    sigma: float,
    mu: torch.Tensor,
    logvar: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the exact ELBO of a linear Gaussian decoder, and the log-evidence that it bounds.

    Args:
        x: Observations, shape (B, P), floating dtype.
        W: Weight of the decoder, shape (P, D), same dtype.
        b: Bias of the decoder, shape (P,), same dtype.
        sigma: Standard deviation of the decoder, the same for each entry, positive.
        mu: The encoder's means, shape (B, D), same dtype.
        logvar: The encoder's log-variances, shape (B, D), same dtype.

    Returns:
        (elbo, log_evidence), both of shape (B,) and the same dtype.
    """
    # BEGIN SOLUTION
    P, constant = len(b), math.log(2 * math.pi)
    squares = (x - b - mu @ W.T).square().sum(1) + logvar.exp() @ W.square().sum(0)
    reconstruction = -0.5 * (P * (constant + 2 * math.log(sigma)) + squares / sigma**2)
    covariance = W @ W.T + sigma**2 * torch.eye(P, dtype=x.dtype, device=x.device)
    distance = ((x - b) * torch.linalg.solve(covariance, (x - b).T).T).sum(1)
    log_evidence = -0.5 * (P * constant + torch.logdet(covariance) + distance)
    return reconstruction - gaussian_kl(mu, logvar), log_evidence
    # END SOLUTION


# %% [markdown]
# ## 12. (*) `iwae_bound`
#
# **Goal.** More samples, a tighter bound. With $K$ codes per example, importance weighted
# autoencoders average the weights *before* the logarithm:
#
# $$\mathcal L_K = \ln \frac{1}{K} \sum_{k=1}^{K} w_k, \qquad
# w_k = \frac{p(x \mid z_k)\, p(z_k)}{q(z_k \mid x)}, \qquad z_k \sim q(z \mid x)$$
#
# $p(z) = \mathcal N(0, I)$, $q(z \mid x) = \mathcal N(\mu, \sigma^2)$. `log_px` $(K, B)$ holds
# $\log p(x \mid z_k)$, `z` $(K, B, D)$ the codes, `mu` and `logvar` $(B, D)$ belong to $q$; you
# return `(B,)`. For $K = 1$ its mean is the elbo; as $K$ grows its mean rises towards $\log p(x)$.
# An image has hundreds of pixels, so $\log w_k$ is about $-1000$ and $w_k$ itself 0 in floating
# point.
#
# **Source.** Burda, Grosse and Salakhutdinov, 2016, equation 8 and theorem 1.
#
# **Worked number.** $K = 2$, one example, $D = 1$, $\mu = 0$, logvar 0 (so $q$ is the prior),
# $\log p(x \mid z_k) = \ln \frac12$ and $\ln \frac14$: $\ln \frac12 (\frac12 + \frac14) = \ln
# \frac38 = -0.9808$. The mean of the two logarithms would be $-1.0397$.
#
# **Not allowed.** softmax, distributions.
#
# **Parts.** `bound`; `stability` (weights that are 0, or infinite, in floating point). **Hidden
# tests vary** `K`, `B` and `D` (also equal, also 1), log-variances, the size and spread of
# `log_px`, dtype and memory layout.


# %%
def iwae_bound(
    log_px: torch.Tensor, z: torch.Tensor, mu: torch.Tensor, logvar: torch.Tensor
) -> torch.Tensor:
    """Return the importance weighted bound of each example.

    Args:
        log_px: log p(x | z_k), shape (K, B), floating dtype.
        z: Codes drawn from q, shape (K, B, D), same dtype.
        mu: Means of q, shape (B, D), same dtype.
        logvar: Log-variances of q, shape (B, D), same dtype.

    Returns:
        Shape (B,), same dtype.
    """
    # BEGIN SOLUTION
    log_prior = -0.5 * z.square().sum(-1)  # the constants of prior and q cancel
    log_q = -0.5 * (logvar + (z - mu).square() * torch.exp(-logvar)).sum(-1)
    log_w = log_px + log_prior - log_q
    largest = log_w.amax(0)
    return largest + torch.exp(log_w - largest).mean(0).log()
    # END SOLUTION


# %% [markdown]
# ## 13. (*) `reparameterize_backward`
#
# **Goal.** The point of exercise 6: the gradient passes through the sample. From above comes
# `grad_z`; hand on what reaches $\mu$ and logvar.
#
# $$\frac{\partial L}{\partial \mu} = \frac{\partial L}{\partial z} \frac{\partial z}{\partial
# \mu}, \qquad \frac{\partial L}{\partial \text{logvar}} = \frac{\partial L}{\partial z}
# \frac{\partial z}{\partial \text{logvar}} \qquad \text{all } (B, D)$$
#
# Noise has no gradient; nobody learns it. Derive the two factors from $z = \mu + e^{\text{logvar}
# / 2} \odot \varepsilon$.
#
# **Source.** Kingma and Welling, 2014, section 2.4; class notes, 2.4.3, for the chain rule.
#
# **Worked number.** $\text{logvar} = (\ln 4, \ln 9)$, $\varepsilon = (1.5, -1)$, $\texttt{grad\_z}
# = (2, 3)$: $\texttt{grad\_mu} = (2, 3)$ and $\texttt{grad\_logvar} = (3, -4.5)$.
#
# **Not allowed.** autograd, distributions.
#
# **Parts.** `gradients`: the two count together. **Hidden tests vary** the shape (2 or 3 axes, one
# example, one dimension), log-variances of $\pm 40$, dtype and memory layout.


# %%
def reparameterize_backward(
    grad_z: torch.Tensor, logvar: torch.Tensor, noise: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the gradients of the loss with respect to the inputs of `reparameterize`.

    Args:
        grad_z: Gradient of the loss with respect to z, shape (B, ...), floating dtype.
        logvar: Logarithms of the variances, same shape and dtype.
        noise: The noise that made z, same shape and dtype.

    Returns:
        (grad_mu, grad_logvar), each of the shape of `grad_z`, same dtype.
    """
    # BEGIN SOLUTION
    return grad_z, 0.5 * grad_z * noise * torch.exp(0.5 * logvar)
    # END SOLUTION


# %% [markdown]
# ## 14. (*) `gaussian_kl_backward`
#
# **Goal.** The other path to $\mu$ and logvar, through the KL term. From above comes one number
# per example, `grad_kl`.
#
# $$KL_n = \frac{1}{2} \sum_{j} \left( \mu_{nj}^2 + e^{\text{logvar}_{nj}} - 1 - \text{logvar}_{nj}
# \right) \qquad \texttt{grad\_kl}\ (B,), \quad \mu, \text{logvar}, \text{ and both gradients } (B,
# D)$$
#
# Where both gradients are 0, the KL term pulls no more: at which $\mu$ and logvar is that? During
# training both paths add up.
#
# **Source.** Class notes, 10.2.5, with the formula of exercise 7; 2.4.3 for the chain rule.
#
# **Worked number.** One example, $\texttt{grad\_kl} = 2$, $\mu = (0.5, -1)$, $\sigma^2 = (4,
# \frac12)$: $\texttt{grad\_mu} = (1, -2)$, $\texttt{grad\_logvar} = (3, -0.5)$.
#
# **Not allowed.** autograd, distributions.
#
# **Parts.** One for each gradient. **Hidden tests vary** the shape (2 or 3 axes, one example, one
# dimension, square), `grad_kl` of either sign, log-variances from $-30$ to $20$, dtype and memory
# layout.


# %%
def gaussian_kl_backward(
    grad_kl: torch.Tensor, mu: torch.Tensor, logvar: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the gradients of the loss with respect to the inputs of `gaussian_kl`.

    Args:
        grad_kl: Gradient of the loss with respect to the KL of each example, shape (B,).
        mu: Means, shape (B, ...), floating dtype, at least 2 axes.
        logvar: Logarithms of the variances, same shape and dtype.

    Returns:
        (grad_mu, grad_logvar), each of the shape of `mu`, same dtype.
    """
    # BEGIN SOLUTION
    per_entry = grad_kl.reshape(-1, *[1] * (mu.dim() - 1))
    return per_entry * mu, 0.5 * per_entry * torch.expm1(logvar)
    # END SOLUTION


# %% [markdown]
# ## 15. (*) `train_vae`
#
# **Goal.** Put it together: a variational autoencoder on small black-and-white images. Here
# autograd and `torch.optim` may work for you.
#
# $$h = \tanh(x {W^e}^\top + b^e), \quad \mu = h {W^\mu}^\top + b^\mu, \quad \text{logvar} = h
# {W^v}^\top + b^v \qquad \text{(encoder)}$$
#
# $$z = \mu + e^{\text{logvar} / 2} \odot \varepsilon, \qquad g = \tanh(z {W^d}^\top + b^d), \quad
# \text{logits} = g {W^x}^\top + b^x \qquad \text{(decoder)}$$
#
# $x\ (N, P)$, $h, g\ (N, n_h)$, $\mu, \text{logvar}, z\ (N, D)$; weights are (out, in). Minimise
# minus the mean elbo with `torch.optim.Adam`, `steps` times, with fresh noise each time; a batch
# of about 100 examples that the generator picks is enough. Start with weights from $\mathcal N(0,
# 1 / n)$, $n$ the number of inputs of the layer, and zero biases. All randomness comes from
# `generator`. Return the ten parameters, without a gradient graph (`detach`).
#
# **Source.** Class notes, 10.2.3 to 10.2.5, and figure 10.3; session 6, "VAE & Diffusion models".
#
# **Worked number.** A model that knows only how often each pixel is white gets $-24.7$ nats on
# handwritten digits ($8 \times 8$, a pixel is white or black), and $-17.8$ on squares at random
# places of a $6 \times 6$ image. With 32 hidden units, 4 latent dimensions, 100 steps and the
# learning rate 0.03 you should see an elbo of about $-21.5$ and $-6$ on new images.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `bound` (the elbo of new images beats that model by at least 1.5 nats on digits and 10
# on squares); `latent` (the code is used, and it is not too expensive: the mean KL lies between 1
# and 15 nats, and the mean code reconstructs well); `generator`. **Hidden tests vary** the images
# and the generator's state; `hidden`, `latent`, `steps` and `lr` are those of the worked number.


# %%
def train_vae(
    x: torch.Tensor,
    hidden: int,
    latent: int,
    steps: int,
    lr: float,
    generator: torch.Generator,
) -> tuple[torch.Tensor, ...]:
    """Train a variational autoencoder from random weights.

    Args:
        x: Black-and-white images, shape (N, P), floating dtype, zeros and ones.
        hidden: Number of hidden units of the encoder, and of the decoder.
        latent: Number of latent dimensions.
        steps: Number of times that the parameters are changed.
        lr: Learning rate of Adam.
        generator: Where all random numbers come from.

    Returns:
        (W_e, b_e, W_mu, b_mu, W_v, b_v, W_d, b_d, W_x, b_x) after training, weights of shape
        (out, in) and biases of shape (out,); same dtype as `x`.
    """
    # BEGIN SOLUTION
    pixels = x.shape[1]
    params = []
    widths = ((hidden, pixels), (latent, hidden), (latent, hidden), (hidden, latent))
    for n_out, n_in in (*widths, (pixels, hidden)):
        weight = torch.randn(n_out, n_in, generator=generator).to(x) / math.sqrt(n_in)
        params += [weight.requires_grad_(), x.new_zeros(n_out).requires_grad_()]
    W_e, b_e, W_mu, b_mu, W_v, b_v, W_d, b_d, W_x, b_x = params
    optimizer = torch.optim.Adam(params, lr=lr)
    for _ in range(steps):
        batch = x[torch.randint(len(x), (min(100, len(x)),), generator=generator)]
        h = torch.tanh(batch @ W_e.T + b_e)
        mu, logvar = h @ W_mu.T + b_mu, h @ W_v.T + b_v
        noise = torch.randn(mu.shape, generator=generator).to(x)
        z = reparameterize(mu, logvar, noise)
        logits = torch.tanh(z @ W_d.T + b_d) @ W_x.T + b_x
        loss = -elbo(batch, logits, mu, logvar)[0].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return tuple(param.detach() for param in params)
    # END SOLUTION


# %% [markdown]
# ## A reward: a ring that grows
#
# Rings of many sizes, as $9 \times 9$ images. To the network they are 81 pixels each, but behind
# them lies a single number. Here is what the decoder paints for the codes of a few rings, from
# small to large.

# %%
if __name__ == "__main__":
    seeded = torch.Generator().manual_seed(0)
    places = torch.cartesian_prod(torch.arange(-4.0, 5.0), torch.arange(-4.0, 5.0))
    radii = 4 * torch.rand(500, 1, generator=seeded).sort(0).values + 0.8
    rings = ((places.norm(dim=1) - radii).abs() < 0.7).float()
    W_e, b_e, W_mu, b_mu, _, _, W_d, b_d, W_x, b_x = train_vae(rings, 32, 2, 500, 0.02, seeded)

    chosen = torch.tanh(rings[20::75] @ W_e.T + b_e) @ W_mu.T + b_mu
    white = torch.sigmoid(torch.tanh(chosen @ W_d.T + b_d) @ W_x.T + b_x).reshape(-1, 9, 9)
    for row in range(9):
        shades = [[" .:+#"[int(4.999 * p)] for p in picture[row].tolist()] for picture in white]
        print("   ".join("".join(shade) for shade in shades))
