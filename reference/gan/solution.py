# %% [markdown]
# # Generative adversarial networks
#
# Two networks play against each other. The *generator* turns noise into samples; the
# *discriminator* looks at a sample and says whether it comes from the data or from the generator.
# Nobody ever writes down a density: the discriminator is the loss. In this notebook you write
# what each of them minimises, what theory says about the end of the game, one round of it, and the
# layer that tells a generator which class to draw.
#
# **Words.** `real` is a batch of data, `fake` a batch of samples $G(z)$ of the generator. The
# discriminator returns *logits*: any real number $l$, and the probability that it gives to "this
# is real" is
#
# $$D(x) = \sigma(l(x)) = \frac{1}{1 + e^{-l(x)}} .$$
#
# **Real is 1, fake is 0,** everywhere in this notebook. All logarithms are natural; losses are
# means over the batch, and they are what is *minimised*. The two batches may have different sizes.
#
# **By hand.** Each exercise says what it does not allow:
#
# * *distributions*: `torch.distributions`, `F.binary_cross_entropy`, its `_with_logits` form,
#   `F.kl_div`, under any of their names (`torch.nn` modules too);
# * *autograd*: everything that differentiates for you (`backward`, `torch.autograd`,
#   `torch.func`);
# * *batch_norm*: `F.batch_norm`, `nn.BatchNorm1d` and their relatives; `mean` and `var` are fine.
#
# `F.softplus` and `F.logsigmoid` are allowed everywhere. You may call the functions that you have
# already written; a mistake in them then costs twice.
#
# **What is always tested.** Your result has the shape stated, the dtype and device of the floating
# inputs (float64 first, float32 too), however these lie in memory (transposed, strided, repeated by
# `expand`). Several points of an exercise are *parts* of their own: a right formula that breaks for
# extreme numbers keeps the points of the formula.
#
# **Sources.** Marc Lelarge, Jill-Jênn Vie and Kevin Scaman, *Deep Learning*, class notes by
# Antoine Groudiev (the *class notes* below), chapter 11; where they have a slip, the exercise says
# so and gives the right formula. Goodfellow et al., *Generative Adversarial Nets*, 2014.

# %%
"""Generative adversarial networks: their losses, their theory, one round of the game."""

import torch

# %% [markdown]
# ## 1. `discriminator_loss`
#
# **Goal.** What the discriminator minimises. It is asked to maximise
# $V = \mathbb{E}[\ln D(x)] + \mathbb{E}[\ln (1 - D(G(z)))]$, the log-likelihood of putting each
# sample where it belongs; its loss is $-V$, with a mean over each batch:
#
# $$L_D = -\frac{1}{N} \sum_{n=1}^{N} \ln \sigma(r_n) - \frac{1}{M} \sum_{m=1}^{M} \ln\big(1 -
# \sigma(f_m)\big) \qquad r\ (N, \dots) ,\ f\ (M, \dots) \to \text{a number}$$
#
# where $r$ are the logits of real samples and $f$ those of fake ones. A discriminator that wins has
# logits far from 0, where $\sigma$ is 0 or 1 in floating point and a logarithm infinite. Rewrite
# $\ln \sigma$ until it is safe: which function of $l$ is $-\ln \sigma(l)$?
#
# **Source.** Class notes, 11.3, equation (11.3.1). 11.2 says that the labels of real and fake
# samples are "0 and 1 respectively"; that contradicts 11.3, where the discriminator wants $D(x) =
# 1$ for real data. Read: 1 and 0.
#
# **Worked number.** $r = (\ln 3, \ln 3)$ gives real samples the probability 3/4, $f = (0)$ the fake
# one 1/2: the loss is $\ln(4/3) + \ln 2 = \ln(8/3) \approx 0.9808$. A discriminator that cannot
# tell pays $2 \ln 2 \approx 1.3863$: a number to look for in your training curves.
#
# **Not allowed.** distributions.
#
# **Parts.** `loss`; `stability` (large logits). **Hidden tests vary** the shape ((N,), (N, 1), a
# map of logits for each sample; then the mean is over all elements), batches of different sizes,
# one sample, logits up to 10 000 of either sign, dtype and memory layout.


# %%
def discriminator_loss(real_logits: torch.Tensor, fake_logits: torch.Tensor) -> torch.Tensor:
    """Return what the discriminator minimises.

    Args:
        real_logits: Logits of real samples, any shape, floating dtype, finite.
        fake_logits: Logits of fake samples, any shape, same dtype.

    Returns:
        A 0-d tensor, same dtype.
    """
    # BEGIN SOLUTION
    softplus = torch.nn.functional.softplus
    return softplus(-real_logits).mean() + softplus(fake_logits).mean()
    # END SOLUTION


# %% [markdown]
# ## 2. `generator_loss`
#
# **Goal.** What the generator minimises. In the game of equation (11.3.1) it would be $\ln(1 -
# D(G(z)))$, whose slope vanishes when the discriminator is sure. In practice one takes another loss
# that pulls the same way, and pulls hardest when the generator is losing:
#
# $$L_G = -\frac{1}{M} \sum_{m=1}^{M} \ln \sigma(f_m) \qquad f\ (M, \dots) \to \text{a number}$$
#
# It is called *non-saturating*. The generator wants its fakes to be taken for real.
#
# **Source.** Class notes, 11.3: "we train it to minimize $-\log D(G(z))$".
#
# **Worked number.** $f = (0, \ln 3)$: the probabilities are 1/2 and 3/4, the loss is
# $(\ln 2 + \ln(4/3)) / 2 \approx 0.4904$.
#
# **Not allowed.** distributions.
#
# **Parts.** `loss`; `stability` (large logits). **Hidden tests vary** the shape, one sample, logits
# up to 10 000 of either sign, dtype and memory layout.


# %%
def generator_loss(fake_logits: torch.Tensor) -> torch.Tensor:
    """Return what the generator minimises, in the non-saturating form.

    Args:
        fake_logits: Logits of fake samples, any shape, floating dtype, finite.

    Returns:
        A 0-d tensor, same dtype.
    """
    # BEGIN SOLUTION
    return torch.nn.functional.softplus(-fake_logits).mean()
    # END SOLUTION


# %% [markdown]
# ## 3. (*) `generator_loss_minimax`
#
# **Goal.** The loss that the game itself would give to the generator: the part of $V$ that depends
# on $G$, which $G$ minimises.
#
# $$\frac{1}{M} \sum_{m=1}^{M} \ln\big(1 - \sigma(f_m)\big) \qquad f\ (M, \dots) \to \text{a
# number}$$
#
# It is never positive, and falls without end the better the generator does. Draw its slope
# $-\sigma(f)$ beside that of exercise 2, $\sigma(f) - 1$: where the discriminator is sure that a
# sample is fake ($f \to -\infty$), one is 0 and the other is $-1$.
#
# **Source.** Class notes, 11.3. The text says that the generator tries to minimize "both these
# quantities"; the first, $\mathbb{E}[\ln D(x)]$, does not depend on $G$.
#
# **Worked number.** $f = (0, \ln 3)$: $(\ln \frac12 + \ln \frac14) / 2 = -\ln 8 / 2 \approx
# -1.0397$.
#
# **Not allowed.** distributions.
#
# **Parts.** `loss`; `stability` (large logits). **Hidden tests vary** the shape, one sample, logits
# up to 10 000 of either sign, dtype and memory layout.


# %%
def generator_loss_minimax(fake_logits: torch.Tensor) -> torch.Tensor:
    """Return the generator's share of the value of the game, which it minimises.

    Args:
        fake_logits: Logits of fake samples, any shape, floating dtype, finite.

    Returns:
        A 0-d tensor, same dtype.
    """
    # BEGIN SOLUTION
    return -torch.nn.functional.softplus(fake_logits).mean()
    # END SOLUTION


# %% [markdown]
# ## 4. `discriminator_loss_backward`
#
# **Goal.** The gradient of exercise 1 with respect to both batches of logits, multiplied by what
# comes from above, the number `grad_loss`.
#
# $$\frac{\partial L_D}{\partial r_n} , \qquad \frac{\partial L_D}{\partial f_m} \qquad
# \text{of the shapes of } r \text{ and } f$$
#
# The derivative of $\ln(1 + e^{l})$ is $\sigma(l)$, and $1 - \sigma(l) = \sigma(-l)$: no logarithm
# is left. The signs say how the game goes: a step against the gradient raises the logits of real
# samples and lowers those of fakes, and hardly moves those that are right already.
#
# **Source.** Class notes, 11.3 (the update of $D$ there is an *ascent*, along $\partial V /
# \partial D$).
#
# **Worked number.** $r = (\ln 3, -\ln 3)$, $f = (0)$, `grad_loss` 2: the gradients are
# $(-\frac14, -\frac34)$ and $(1)$.
#
# **Not allowed.** distributions, autograd.
#
# **Parts.** `grad_real_logits`; `grad_fake_logits`; `stability` (large logits, where the gradient
# is 0, or as large as it gets). **Hidden tests vary** the shape, batches of different sizes, one
# sample, `grad_loss`, logits up to 10 000 of either sign, dtype and memory layout.


# %%
def discriminator_loss_backward(
    grad_loss: torch.Tensor, real_logits: torch.Tensor, fake_logits: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the gradient of the discriminator's loss with respect to its logits.

    Args:
        grad_loss: Gradient from above, 0-d, floating dtype.
        real_logits: Logits of real samples, any shape, same dtype, finite.
        fake_logits: Logits of fake samples, any shape, same dtype, finite.

    Returns:
        (grad_real_logits, grad_fake_logits), each of the shape of its primal, same dtype.
    """
    # BEGIN SOLUTION
    grad_real_logits = -grad_loss * torch.sigmoid(-real_logits) / real_logits.numel()
    grad_fake_logits = grad_loss * torch.sigmoid(fake_logits) / fake_logits.numel()
    return grad_real_logits, grad_fake_logits
    # END SOLUTION


# %% [markdown]
# ## 5. `optimal_discriminator`
#
# **Goal.** Fix the generator. If the discriminator could be any function at all, the best one would
# be
#
# $$D^*(x) = \frac{p(x)}{p(x) + q(x)} \qquad p, q \text{ and the result of one shape}$$
#
# where $p = p_{\text{data}}$ and $q = p_G$ are the densities at $x$ (non-negative, not necessarily
# below 1). Where neither distribution ever puts a sample, $p(x) = q(x) = 0$, any value is optimal;
# yours is to be $\frac12$ there: no evidence either way.
#
# **Source.** Class notes, 11.4: the maximum of $a \ln y + b \ln(1 - y)$ is at $y = a / (a + b)$.
#
# **Worked number.** $p = (3, 0, 0.5, 0)$, $q = (1, 2, 0.5, 0)$ gives $(\frac34, 0, \frac12,
# \frac12)$.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `D`; `nowhere` (points where both densities are 0). **Hidden tests vary** the shape,
# densities large and as small as $10^{-30}$, zeros in one of them, dtype and memory layout.


# %%
def optimal_discriminator(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    """Return the probability of "real" that the best discriminator gives.

    Args:
        p: Density of the data at some points, any shape, floating dtype, non-negative.
        q: Density of the generator at the same points, same shape.

    Returns:
        Probabilities, same shape and dtype; 1/2 where both densities are 0.
    """
    # BEGIN SOLUTION
    total = p + q
    return torch.where(total == 0, 0.5, p / total)
    # END SOLUTION


# %% [markdown]
# ## 6. `value_at_optimum`
#
# **Goal.** The value of the game for a fixed generator and the best discriminator, on a space of
# $K$ outcomes: what the generator is left to minimise.
#
# $$V(G, D^*) = \sum_{k=1}^{K} p_k \ln \frac{p_k}{p_k + q_k} + \sum_{k=1}^{K} q_k \ln \frac{q_k}{p_k
# + q_k} = 2\, \text{JSD}(p \,\|\, q) - \ln 4 \qquad p, q\ (K,) \to \text{a number}$$
#
# JSD is the Jensen-Shannon divergence, half of $\text{KL}(p \,\|\, m) + \text{KL}(q \,\|\, m)$ with
# $m = (p + q) / 2$. It lies between 0 (only if $p = q$) and $\ln 2$ (if no outcome has both). An
# outcome of probability 0 contributes nothing to its sum: $0 \ln 0 = 0$, the limit.
#
# **Source.** Class notes, 11.4. From the third line of the long computation on, the second
# expectation is printed as $\mathbb{E}_{x \sim p_G}[\ln \frac{p_{\text{data}}}{p_{\text{data}} +
# p_G}]$. What stands there is $\ln(1 - D^*)$, so the numerator must be $p_G$. The result, the lines
# with KL and JSD, is right.
#
# **Worked number.** $p = (\frac12, \frac12)$, $q = (1, 0)$: $\frac12 \ln \frac13 + \frac12 \ln 1 +
# 1 \ln \frac23 = \frac12 \ln \frac{4}{27} \approx -0.9548$. For $p = q$ it is $-\ln 4$, for
# distributions that share no outcome 0.
#
# **Not allowed.** distributions.
#
# **Parts.** `value`; `zeros` (outcomes of probability 0). **Hidden tests vary** `K` (also 1), equal
# distributions, close ones, disjoint ones, zeros in one or both, probabilities as small as
# $10^{-30}$, dtype and memory layout.


# %%
def value_at_optimum(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    """Return the value of the game against the best discriminator.

    Args:
        p: Probabilities of the data, shape (K,), floating dtype, summing to 1; zeros are allowed.
        q: Probabilities of the generator, shape (K,), likewise.

    Returns:
        A 0-d tensor, same dtype, between -ln 4 and 0.
    """
    # BEGIN SOLUTION
    total = p + q
    of_p = torch.where(p > 0, p * torch.log(p / total), 0)
    of_q = torch.where(q > 0, q * torch.log(q / total), 0)
    return of_p.sum() + of_q.sum()
    # END SOLUTION


# %% [markdown]
# ## 7. `gan_step`
#
# **Goal.** One round of the game, with real `torch.nn.Module`s and real autograd.
#
# 1. *The discriminator moves:* one step of `opt_d` on the loss of exercise 1, for the batch `real`
#    and the fakes made of the noise `z_d`.
# 2. *The generator moves:* one step of `opt_g` on the loss of exercise 2, for fakes made of the
#    fresh noise `z_g` and judged by the discriminator *as it is now*.
#
# Each step follows the gradient of its own loss and of nothing else, whatever stood in `.grad`
# before. And a player whose turn it is not is a bystander:
#
# * while the discriminator learns, nothing of its loss flows into the generator's gradients;
# * after the generator's step, the discriminator's gradients are still those of its own step (or
#   have been cleared): nothing of the generator's loss is left in them;
# * nobody moves but the player whose turn it is.
#
# `opt_g` and `opt_d` have `zero_grad()` and `step()`, as those of `torch.optim`; the modules are
# called with a batch. Return both losses as they were when they were computed.
#
# **Source.** Class notes, 11.3 (with the generator's loss of the practice); Goodfellow et al.,
# 2014, Algorithm 1.
#
# **Worked number.** $G(z) = z$ (weight 1, bias 0), $D$ gives the logit $0 \cdot x + 0$, both
# learning rates are 1. `real` $= (2)$, `z_d` $= (-1)$, `z_g` $= (0)$. The first loss is $2 \ln 2$,
# with gradients $-\frac32$ for the weight of $D$ and 0 for its bias: $D$ becomes $1.5\,x$. Then
# $G(0) = 0$ has the logit 0, the second loss is $\ln 2$, the slope with respect to $G$'s bias is
# $-\frac12 \cdot 1.5$, and the bias becomes 0.75: $G$ has moved towards the data.
#
# **Not allowed.** Nothing is; the losses may be torch's own here. Yours must be made of torch's
# operations, or nothing flows back through them.
#
# **Parts.** `discriminator` (its loss, and its parameters afterwards); `generator` (likewise);
# `bystanders` (the losses, and what the gradients of the other player hold). **Hidden tests vary**
# the networks (affine, with a hidden layer), batches of different sizes, the learning rates (also
# 0), gradients left over from before, dtype.


# %%
def gan_step(
    generator: torch.nn.Module,
    discriminator: torch.nn.Module,
    opt_g: torch.optim.Optimizer,
    opt_d: torch.optim.Optimizer,
    real: torch.Tensor,
    z_d: torch.Tensor,
    z_g: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Let the discriminator move, then the generator.

    Args:
        generator: Maps noise (M, k) to samples (M, d).
        discriminator: Maps samples (N, d) to logits (N, 1).
        opt_g: Optimizer of the generator's parameters.
        opt_d: Optimizer of the discriminator's parameters.
        real: A batch of data, shape (N, d), floating dtype.
        z_d: Noise for the fakes of the discriminator's step, shape (M, k).
        z_g: Noise for the fakes of the generator's step, shape (L, k).

    Returns:
        (d_loss, g_loss), each 0-d: the discriminator's loss before its step, and the generator's
        before its own.
    """
    # BEGIN SOLUTION
    fake = generator(z_d).detach()
    d_loss = discriminator_loss(discriminator(real), discriminator(fake))
    opt_d.zero_grad()
    d_loss.backward()
    opt_d.step()

    g_loss = generator_loss(discriminator(generator(z_g)))
    opt_g.zero_grad()
    g_loss.backward(inputs=list(generator.parameters()))
    opt_g.step()
    return d_loss.detach(), g_loss.detach()
    # END SOLUTION


# %% [markdown]
# ## 8. (*) `conditional_batchnorm_forward`
#
# **Goal.** How does a generator learn which of $K$ classes to draw? In each batch normalisation,
# every label gets a scale and a shift of its own. The statistics are those of the whole batch:
#
# $$\mu_j = \frac{1}{N} \sum_i x_{ij} , \quad \sigma_j^2 = \frac{1}{N} \sum_i (x_{ij} - \mu_j)^2 ,
# \quad \hat{x}_{ij} = \frac{x_{ij} - \mu_j}{\sqrt{\sigma_j^2 + \varepsilon}} , \quad
# \texttt{out}_{ij} = \gamma_{y_i j}\, \hat{x}_{ij} + \beta_{y_i j}$$
#
# with $x\ (N, C)$, labels $y\ (N,)$ from 0 to $K - 1$, $\gamma$ and $\beta\ (K, C)$, and
# $\texttt{out}\ (N, C)$. This is training mode; there are no running statistics here.
#
# **Source.** Class notes, 11.6.3. There the letter $y$ stands for the label and for the result;
# here $y$ is the label. De Vries et al., *Modulating early visual processing by language*, 2017.
#
# **Worked number.** $x = (1, 3)$ as a column, $\varepsilon = 0$, labels $(1, 0)$, $\gamma = (10,
# 100)$ and $\beta = (1, 2)$ as columns: $\mu = 2$, $\sigma = 1$, $\hat{x} = (-1, 1)$, and the
# result is $(-98, 11)$.
#
# **Not allowed.** batch_norm.
#
# **Hidden tests vary** `N`, `C`, `K` (different, equal, also 1), labels that are absent, repeated,
# or the same for all, features far from 0 or nearly constant, $\varepsilon$, dtype and memory
# layout.


# %%
def conditional_batchnorm_forward(
    x: torch.Tensor, y: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor, *, eps: float = 1e-5
) -> torch.Tensor:
    """Return the batch, normalised per feature, scaled and shifted per label.

    Args:
        x: Features, shape (N, C), floating dtype.
        y: Labels, int64, shape (N,), from 0 to K - 1.
        gamma: Scales, shape (K, C), same dtype.
        beta: Shifts, shape (K, C), same dtype.
        eps: Added to the variance.

    Returns:
        Shape (N, C), same dtype.
    """
    # BEGIN SOLUTION
    x_hat = (x - x.mean(0)) / torch.sqrt(x.var(0, correction=0) + eps)
    return gamma[y] * x_hat + beta[y]
    # END SOLUTION


# %% [markdown]
# ## 9. (*) `conditional_batchnorm_backward`
#
# **Goal.** The backward pass of exercise 8. From above comes `grad_out`; three gradients go down:
#
# $$\frac{\partial L}{\partial x}\ (N, C) , \qquad \frac{\partial L}{\partial \gamma}\ (K, C) ,
# \qquad \frac{\partial L}{\partial \beta}\ (K, C)$$
#
# Two things differ from the layer without labels. A row of $\gamma$ or $\beta$ hears only from the
# examples with its label; a label that is absent from the batch gets a gradient of exactly 0. And
# with $g_{ij} = \partial L / \partial \hat{x}_{ij}$,
#
# $$\frac{\partial L}{\partial x_{ij}} = \frac{1}{\sqrt{\sigma_j^2 + \varepsilon}} \Big( g_{ij} -
# \frac{1}{N} \sum_k g_{kj} - \hat{x}_{ij}\, \frac{1}{N} \sum_k g_{kj}\, \hat{x}_{kj} \Big) ,$$
#
# where the examples of the sums have different scales.
#
# **Source.** Class notes, 11.6.3, and 4.5.2 for batch normalisation; Ioffe and Szegedy, *Batch
# normalization*, 2015, section 3, for its derivatives.
#
# **Worked number.** The numbers of exercise 8 with a third label that is absent, and
# $\texttt{grad\_out} = (1, 2)$: the gradient of $\gamma$ is $(2, -1, 0)$, that of $\beta$ is $(2,
# 1, 0)$. With only two examples and $\varepsilon = 0$, $\hat{x}$ cannot change: the gradient of $x$
# is $(0, 0)$.
#
# **Not allowed.** batch_norm, autograd.
#
# **Parts.** `grad_x`; `grad_gamma`; `grad_beta`. **Hidden tests vary** `N`, `C`, `K` (different,
# equal, also 1), labels that are absent, repeated, or the same for all, features far from 0 or
# nearly constant, $\varepsilon$, dtype and memory layout.


# %%
def conditional_batchnorm_backward(
    grad_out: torch.Tensor,
    x: torch.Tensor,
    y: torch.Tensor,
    gamma: torch.Tensor,
    *,
    eps: float = 1e-5,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradients of a conditional batch normalisation.

    Args:
        grad_out: Gradient of the loss with respect to the result, shape (N, C), floating dtype.
        x: Features, shape (N, C), same dtype.
        y: Labels, int64, shape (N,), from 0 to K - 1.
        gamma: Scales, shape (K, C), same dtype.
        eps: What was added to the variance.

    Returns:
        (grad_x, grad_gamma, grad_beta), of shapes (N, C), (K, C), (K, C), same dtype.
    """
    # BEGIN SOLUTION
    scale = torch.rsqrt(x.var(0, correction=0) + eps)
    x_hat = (x - x.mean(0)) * scale
    grad_gamma = torch.zeros_like(gamma).index_add(0, y, grad_out * x_hat)
    grad_beta = torch.zeros_like(gamma).index_add(0, y, grad_out)
    grad_x_hat = grad_out * gamma[y]
    along = x_hat * (grad_x_hat * x_hat).mean(0)
    grad_x = scale * (grad_x_hat - grad_x_hat.mean(0) - along)
    return grad_x, grad_gamma, grad_beta
    # END SOLUTION


# %% [markdown]
# ## A reward: the forger learns
#
# The data are two heaps of numbers. Your generator starts with one heap in the wrong place; `#` is
# the data, `o` (or `O`, where there are many) are the fakes, round after round of your game. The
# last column is the value of the game, $-L_D$: when the discriminator can no longer tell, it is
# $-\ln 4 \approx -1.39$.

# %%
if __name__ == "__main__":
    seeded = torch.Generator().manual_seed(0)
    torch.manual_seed(1)
    forger = torch.nn.Sequential(
        torch.nn.Linear(1, 24), torch.nn.Tanh(), torch.nn.Linear(24, 24), torch.nn.Tanh(),
        torch.nn.Linear(24, 1),
    )  # fmt: skip
    expert = torch.nn.Sequential(
        torch.nn.Linear(1, 24), torch.nn.LeakyReLU(0.2), torch.nn.Linear(24, 24),
        torch.nn.LeakyReLU(0.2), torch.nn.Linear(24, 1),
    )  # fmt: skip
    opt_forger = torch.optim.Adam(forger.parameters(), lr=2e-3, betas=(0.5, 0.99))
    opt_expert = torch.optim.Adam(expert.parameters(), lr=2e-3, betas=(0.5, 0.99))

    def heaps(n: int) -> torch.Tensor:
        """Return `n` numbers around -2 and 2."""
        side = 4.0 * torch.randint(0, 2, (n, 1), generator=seeded) - 2
        return side + 0.4 * torch.randn(n, 1, generator=seeded)

    def show(name: str, numbers: torch.Tensor, mark: str, note: str = "") -> None:
        """Print a histogram in one line."""
        counts = torch.histc(numbers, 60, -4, 4).tolist()
        line = [" " if not count else mark.lower() if count < 8 else mark for count in counts]
        print(f"{name:>6} |{''.join(line)}| {note}")

    show("data", heaps(500), "#")
    for turn in range(1201):
        noise = torch.randn(128, 1, generator=seeded)
        losses = gan_step(forger, expert, opt_forger, opt_expert, heaps(64), noise[:64], noise[64:])
        if turn % 200 == 0:
            with torch.no_grad():
                fakes = forger(torch.randn(500, 1, generator=seeded))
            show(str(turn), fakes, "O", f"{-losses[0]:.2f}")
