# %% [markdown]
# # Diffusion
#
# Add a little noise to a picture, again and again, and in the end nothing is left of it but noise.
# That is easy, and it needs no learning. A diffusion model learns to go back, one small step at a
# time; then it starts from noise that nobody ever made from a picture, and a picture comes out. In
# this notebook you write all of it but the network: the way there, what Bayes says about the way
# back, the loss, and the sampler.
#
# **Words.** `x_0` is a batch of data, of shape `(N, ...)`: numbers, points, pictures. There are `T`
# steps. Step `t` keeps a share of what was there and adds Gaussian noise of variance $\beta_t$:
#
# $$x_t = \sqrt{1 - \beta_t}\; x_{t-1} + \sqrt{\beta_t}\; \epsilon , \qquad \epsilon \sim
# \mathcal{N}(0, I)$$
#
# `betas`, of shape `(T,)`, is the *schedule*: numbers strictly between 0 and 1. Further $\alpha_t =
# 1 - \beta_t$, and $\bar\alpha_t$ is the product of all $\alpha$ up to step `t`.
#
# **How steps are counted.** `t` is an index into `betas`: it counts **from 0 to T - 1**. The papers
# count from 1: their $\beta_1$ is `betas[0]`, and their $x_1$ is the sample after step 0. Two
# things follow. The data are what comes *before* step 0; for them $\bar\alpha = 1$, which no array
# holds. And the formulas below, which are written as in the paper, mean this $\bar\alpha = 1$ where
# they say $\bar\alpha_{t-1}$ and `t` is the first step.
#
# Unless an exercise says otherwise, `t` is an int64 tensor of shape `(N,)`: each sample of the
# batch is at a step of its own.
#
# **By hand.** Nothing is forbidden here: the work is in the formulas. You may call the functions
# that you have already written; a mistake in them then costs twice. Noise always comes as an
# argument: no function draws any.
#
# **What is always tested.** Your result has the shape stated, the dtype and device of the floating
# inputs (float64 first, float32 too), however these lie in memory (transposed, strided, repeated by
# `expand`). Several points of an exercise are *parts* of their own.
#
# **Sources.** *Deep learning: Unpacking Transformers, LLMs and image generation*, session 6, names
# the topic. The formulas are those of Ho, Jain and Abbeel, *Denoising Diffusion Probabilistic
# Models*, 2020 (DDPM below), whose equations the exercises cite.

# %%
"""Diffusion: the way to noise and back."""

import math
from collections.abc import Callable

import torch

# %% [markdown]
# ## 1. `alpha_bars`
#
# **Goal.** How much of the data is left after each step? Each step multiplies the variance that
# comes from the data by $\alpha_t$:
#
# $$\bar\alpha_t = \prod_{s \le t} (1 - \beta_s) \qquad \texttt{betas}\ (T,) \to (T,)$$
#
# It falls from nearly 1 to nearly 0.
#
# **Source.** DDPM, section 2, above equation (4).
#
# **Worked number.** $\beta = (0.1, 0.2, 0.5)$ gives $(0.9, 0.72, 0.36)$.
#
# **Not allowed.** Nothing is.
#
# **Hidden tests vary** `T` (also 1), the schedule (constant, linear with 1000 steps, random), dtype
# and memory layout.


# %%
def alpha_bars(betas: torch.Tensor) -> torch.Tensor:
    """Return the share of the data's variance that is left after each step.

    Args:
        betas: Variance of the noise of each step, shape (T,), floating dtype, in (0, 1).

    Returns:
        Shape (T,), same dtype; entry t is after step t.
    """
    raise NotImplementedError("alpha_bars: write this function")


# %% [markdown]
# ## 2. `q_sample`
#
# **Goal.** Jump to any step at once. Many small Gaussian noises add up to one, so that nobody needs
# to walk:
#
# $$x_t = \sqrt{\bar\alpha_t}\; x_0 + \sqrt{1 - \bar\alpha_t}\; \epsilon \qquad x_0, \epsilon \text{
# and } x_t\ (N, \dots) ,\ t\ (N,) ,\ \bar\alpha\ (T,)$$
#
# The squares of the two factors add up to 1: data of variance 1 keep it. Each sample has its own
# `t`, and behind the axis of samples there may be any number of axes, of any size.
#
# **Source.** DDPM, equation (4).
#
# **Worked number.** $\bar\alpha = (0.64, 0.36)$, $x_0 = (2, 2)$, noise $(1, -1)$, $t = (0, 1)$: the
# results are $0.8 \cdot 2 + 0.6 \cdot 1 = 2.2$ and $0.6 \cdot 2 - 0.8 \cdot 1 = 0.4$.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `x_t` (samples that are numbers or vectors); `images` (samples with more axes).
# **Hidden tests vary** the shape (also square, also one sample), steps that repeat, the first and
# the last, the schedule, dtype and memory layout.


# %%
def q_sample(
    x_0: torch.Tensor, t: torch.Tensor, noise: torch.Tensor, alpha_bar: torch.Tensor
) -> torch.Tensor:
    """Return the data as they are after step t.

    Args:
        x_0: Data, shape (N, ...), floating dtype.
        t: Step of each sample, int64, shape (N,), from 0 to T - 1.
        noise: Standard normal noise, shape of `x_0`.
        alpha_bar: What is left after each step, shape (T,), same dtype.

    Returns:
        x_t, shape of `x_0`, same dtype.
    """
    raise NotImplementedError("q_sample: write this function")


# %% [markdown]
# ## 3. `posterior`
#
# **Goal.** Where was the sample one step before, if we know where it started and where it is? Both
# pieces of knowledge are Gaussian, and so is what follows from them: $q(x_{t-1} \mid x_t, x_0)$ has
# the mean and the variance
#
# $$\tilde\mu_t = \frac{\sqrt{\bar\alpha_{t-1}}\, \beta_t}{1 - \bar\alpha_t}\, x_0 +
# \frac{\sqrt{\alpha_t}\, (1 - \bar\alpha_{t-1})}{1 - \bar\alpha_t}\, x_t , \qquad \tilde\beta_t =
# \frac{1 - \bar\alpha_{t-1}}{1 - \bar\alpha_t}\, \beta_t$$
#
# At the first step, what was before are the data: the mean is $x_0$, and the variance is 0.
#
# **Source.** DDPM, equations (6) and (7).
#
# **Worked number.** $\beta = (0.36, 0.4375)$, so $\alpha = (0.64, 0.5625)$ and $\bar\alpha = (0.64,
# 0.36)$. With $x_0 = 1$, $x_t = 2$ and $t = 1$: the mean is $(0.8 \cdot 0.4375 \cdot 1 + 0.75 \cdot
# 0.36 \cdot 2) / 0.64 = 1.390625$, the variance $0.36 \cdot 0.4375 / 0.64 = 0.24609375$. With $t =
# 0$ they are 1 and 0.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `mean`; `variance`; `first_step` (both, where some samples are at step 0). **Hidden
# tests vary** the shape, the steps, the schedule, dtype and memory layout.


# %%
def posterior(
    x_0: torch.Tensor, x_t: torch.Tensor, t: torch.Tensor, betas: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and variance of the sample before step t, given its start and its end.

    Args:
        x_0: Data, shape (N, ...), floating dtype.
        x_t: The same after step t, same shape.
        t: Step of each sample, int64, shape (N,), from 0 to T - 1.
        betas: Variance of the noise of each step, shape (T,), same dtype.

    Returns:
        (mean, variance), of shapes (N, ...) and (N,), same dtype.
    """
    raise NotImplementedError("posterior: write this function")


# %% [markdown]
# ## 4. `predict_x0_from_noise`
#
# **Goal.** Who knows the noise knows the data: solve the formula of exercise 2 for $x_0$.
#
# $$\hat x_0 = \; ? \qquad x_t, \epsilon \text{ and } \hat x_0\ (N, \dots) ,\ t\ (N,) ,\ \bar\alpha\
# (T,)$$
#
# This is why a network that guesses noise is as good as one that guesses the picture. At a late
# step a small error of the noise becomes a large one of the data: look at the factor.
#
# **Source.** DDPM, equation (15).
#
# **Worked number.** $\bar\alpha = (0.64, 0.36)$, $x_t = (2.2, 0.4)$, noise $(1, -1)$, $t = (0, 1)$:
# both data were 2.
#
# **Not allowed.** Nothing is.
#
# **Hidden tests vary** the shape, the steps, the schedule, dtype and memory layout.


# %%
def predict_x0_from_noise(
    x_t: torch.Tensor, t: torch.Tensor, noise: torch.Tensor, alpha_bar: torch.Tensor
) -> torch.Tensor:
    """Return the data from which this noise led to `x_t`.

    Args:
        x_t: Samples after step t, shape (N, ...), floating dtype.
        t: Step of each sample, int64, shape (N,), from 0 to T - 1.
        noise: The noise in `x_t`, same shape.
        alpha_bar: What is left after each step, shape (T,), same dtype.

    Returns:
        x_0, shape of `x_t`, same dtype.
    """
    raise NotImplementedError("predict_x0_from_noise: write this function")


# %% [markdown]
# ## 5. `predict_mean_from_noise`
#
# **Goal.** The mean of exercise 3, for somebody who knows the noise in place of the data. Put
# exercise 4 into the formula of $\tilde\mu_t$, and nearly everything cancels:
#
# $$\tilde\mu_t = \frac{1}{\sqrt{\alpha_t}} \Big( x_t - \frac{\beta_t}{\sqrt{1 - \bar\alpha_t}}\,
# \epsilon \Big) \qquad x_t, \epsilon \text{ and } \tilde\mu_t\ (N, \dots) ,\ t\ (N,) ,\ \beta\
# (T,)$$
#
# Mind the two alphas: the one in front belongs to one step, the one below to all of them.
#
# **Source.** DDPM, equation (11).
#
# **Worked number.** $\beta = (0.36, 0.4375)$, $x_t = 0.4$, noise $-1$, $t = 1$: $(0.4 + 0.4375 /
# 0.8) / 0.75 = 1.2625$. By exercise 4 the data are 2, and exercise 3 says $(0.35 \cdot 2 + 0.27
# \cdot 0.4) / 0.64 = 1.2625$.
#
# **Not allowed.** Nothing is.
#
# **Hidden tests vary** the shape, the steps (also the first), the schedule, dtype and memory
# layout.


# %%
def predict_mean_from_noise(
    x_t: torch.Tensor, t: torch.Tensor, noise: torch.Tensor, betas: torch.Tensor
) -> torch.Tensor:
    """Return the mean of the sample before step t, given its end and the noise in it.

    Args:
        x_t: Samples after step t, shape (N, ...), floating dtype.
        t: Step of each sample, int64, shape (N,), from 0 to T - 1.
        noise: The noise in `x_t`, same shape.
        betas: Variance of the noise of each step, shape (T,), same dtype.

    Returns:
        The mean, shape of `x_t`, same dtype.
    """
    raise NotImplementedError("predict_mean_from_noise: write this function")


# %% [markdown]
# ## 6. `ddpm_loss`
#
# **Goal.** How the network learns: make a noisy sample, ask which noise is in it, and take the mean
# of the squared errors.
#
# $$L = \text{mean} \big( \epsilon - \epsilon_\theta(x_t, t) \big)^2 \qquad x_t =
# \sqrt{\bar\alpha_t}\, x_0 + \sqrt{1 - \bar\alpha_t}\, \epsilon$$
#
# `model` is called as `model(x_t, t)`, with the noisy batch and the tensor `t` as it comes, and
# returns a guess of the shape of `x_t`. The mean is over all numbers of the batch.
#
# **Source.** DDPM, equation (14) and Algorithm 1. (The paper writes the squared norm, a sum over
# the numbers of a sample; code takes the mean, so that the size of pictures does not change the
# learning rate.)
#
# **Worked number.** $\bar\alpha = (0.64, 0.36)$, $x_0 = (2, 2)$, noise $(1, -1)$, $t = (0, 1)$, and
# the model of somebody who says 0 to everything: the loss is $(1 + 1) / 2 = 1$. If it returns
# $x_t$, which is $(2.2, 0.4)$, the loss is $(1.2^2 + 1.4^2) / 2 = 1.7$.
#
# **Not allowed.** Nothing is.
#
# **Hidden tests vary** the model, the shape, the steps, the schedule, dtype and memory layout.


# %%
def ddpm_loss(
    model: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    x_0: torch.Tensor,
    t: torch.Tensor,
    noise: torch.Tensor,
    alpha_bar: torch.Tensor,
) -> torch.Tensor:
    """Return the loss of a model that guesses noise.

    Args:
        model: Maps (x_t, t), of shapes (N, ...) and (N,), to a guess of the noise in x_t.
        x_0: Data, shape (N, ...), floating dtype.
        t: Step of each sample, int64, shape (N,), from 0 to T - 1.
        noise: Standard normal noise, shape of `x_0`.
        alpha_bar: What is left after each step, shape (T,), same dtype.

    Returns:
        A 0-d tensor, same dtype.
    """
    raise NotImplementedError("ddpm_loss: write this function")


# %% [markdown]
# ## 7. (*) `p_sample_step`
#
# **Goal.** One step back. Ask the model for the noise, go to the mean of exercise 5, and add fresh
# noise of variance $\beta_t$:
#
# $$x_{t-1} = \frac{1}{\sqrt{\alpha_t}} \Big( x_t - \frac{\beta_t}{\sqrt{1 - \bar\alpha_t}}\,
# \epsilon_\theta(x_t, t) \Big) + \sqrt{\beta_t}\; z$$
#
# Here all samples are at the same step: `t` is an int. The model still wants its tensor, int64 of
# shape `(N,)`. At the last step of the way back, which is `t = 0`, no noise is added: the result is
# what people look at.
#
# **Source.** DDPM, Algorithm 2, and section 3.2 for $\sigma_t^2 = \beta_t$. (The other choice
# there, $\tilde\beta_t$ of exercise 3, is not asked for.)
#
# **Worked number.** $\beta = (0.36, 0.4375)$, a model that always says $-1$, $x_t = 0.4$, $z = 2$.
# For $t = 1$ the mean is 1.2625 and the result $1.2625 + 2 \sqrt{0.4375} \approx 2.5854$; for $t =
# 0$ it is $(0.4 + 0.36 / 0.6) / 0.8 = 1.25$.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `x`; `last_step` (`t = 0`). **Hidden tests vary** the model, the shape, the step, the
# schedule, dtype and memory layout.


# %%
def p_sample_step(
    model: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    x_t: torch.Tensor,
    t: int,
    noise: torch.Tensor,
    betas: torch.Tensor,
) -> torch.Tensor:
    """Return samples as they were before step t, according to a model.

    Args:
        model: Maps (x_t, t), of shapes (N, ...) and (N,), to a guess of the noise in x_t.
        x_t: Samples after step t, shape (N, ...), floating dtype.
        t: The step, the same for all, from 0 to T - 1.
        noise: Fresh standard normal noise, shape of `x_t`.
        betas: Variance of the noise of each step, shape (T,), same dtype.

    Returns:
        Samples before step t, shape of `x_t`, same dtype.
    """
    raise NotImplementedError("p_sample_step: write this function")


# %% [markdown]
# ## 8. (*) `p_sample_loop`
#
# **Goal.** All the way back: from noise to data, through every step.
#
# $$x_{T-1} = \texttt{x\_T} \;\to\; x_{T-2} \;\to\; \dots \;\to\; x_0 \;\to\; \text{data}$$
#
# with the step of exercise 7. `noises[t]` is the fresh noise of step `t`, so that `noises` has the
# shape `(T, N, ...)`; `noises[0]` is there, and not needed. Return the end only.
#
# If the model is as good as can be, and the data are normal with mean $m$ and variance 1, the
# samples are too, up to the very last step, which adds no noise: their variance is $1 - \beta_0$. A
# hidden test checks this with two thousand samples.
#
# **Source.** DDPM, Algorithm 2.
#
# **Worked number.** $\beta = (0.36, 0.4375)$, a model that always says $-1$, $\texttt{x\_T} = 0.4$,
# noises $(5, 2)$: after step 1 it is 2.5854 (exercise 7), and the result is $(2.5854 + 0.6) / 0.8
# \approx 3.9817$.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `samples`; `moments` (mean and variance of many samples, with the best possible model).
# **Hidden tests vary** the model, the shape, `T` (also 1), the schedule, dtype.


# %%
def p_sample_loop(
    model: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    x_T: torch.Tensor,
    noises: torch.Tensor,
    betas: torch.Tensor,
) -> torch.Tensor:
    """Return samples of a model.

    Args:
        model: Maps (x_t, t), of shapes (N, ...) and (N,), to a guess of the noise in x_t.
        x_T: Noise to start from, shape (N, ...), floating dtype: samples after the last step.
        noises: Fresh noise of each step, shape (T, N, ...), same dtype.
        betas: Variance of the noise of each step, shape (T,), same dtype.

    Returns:
        Samples of the data, shape of `x_T`, same dtype.
    """
    raise NotImplementedError("p_sample_loop: write this function")


# %% [markdown]
# ## 9. (*) `ddim_step`
#
# **Goal.** A thousand steps are many. The same model can be walked back without fresh noise, and
# then in large strides: guess the data, and put the guessed noise back in, but only as much as
# belongs to the step `s` where you want to be:
#
# $$\hat x_0 = \frac{x_t - \sqrt{1 - \bar\alpha_t}\, \hat\epsilon}{\sqrt{\bar\alpha_t}} , \qquad x_s
# = \sqrt{\bar\alpha_s}\, \hat x_0 + \sqrt{1 - \bar\alpha_s}\, \hat\epsilon$$
#
# with $\hat\epsilon = \epsilon_\theta(x_t, t)$. Both steps are ints, the same for all samples, and
# $s < t$. To arrive at the data themselves, one passes $s = -1$, the step before step 0.
#
# **Source.** Song, Meng and Ermon, *Denoising Diffusion Implicit Models*, 2021, equation (12) with
# $\sigma_t = 0$.
#
# **Worked number.** $\bar\alpha = (0.64, 0.36)$, a model that always says $-1$, $x_t = 0.4$, $t =
# 1$: the data are guessed as $(0.4 + 0.8) / 0.6 = 2$. For $s = 0$ the result is $0.8 \cdot 2 - 0.6
# = 1$, for $s = -1$ it is 2.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `x`; `data` ($s = -1$). **Hidden tests vary** the model, the shape, the strides, the
# schedule, dtype and memory layout.


# %%
def ddim_step(
    model: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    x_t: torch.Tensor,
    t: int,
    s: int,
    alpha_bar: torch.Tensor,
) -> torch.Tensor:
    """Return samples as they were after an earlier step, without fresh noise.

    Args:
        model: Maps (x_t, t), of shapes (N, ...) and (N,), to a guess of the noise in x_t.
        x_t: Samples after step t, shape (N, ...), floating dtype.
        t: The step where the samples are, from 0 to T - 1.
        s: The step to go to, from -1 (the data) to t - 1.
        alpha_bar: What is left after each step, shape (T,), same dtype.

    Returns:
        Samples after step s, shape of `x_t`, same dtype.
    """
    raise NotImplementedError("ddim_step: write this function")


# %% [markdown]
# ## A reward: order out of noise
#
# The data are points on a spiral. For a handful of points, the best possible guess of the noise can
# be written down (a softmax over the points says which of them the sample may come from), so no
# network has to be trained. Left: noise. Right: the same noise, after your way back. In between:
# you.

# %%
if __name__ == "__main__":
    seeded = torch.Generator().manual_seed(0)
    schedule = torch.linspace(1e-3, 0.12, 120)
    left_over = alpha_bars(schedule)
    turn = torch.linspace(0.6, 3.2 * math.pi, 90)
    spiral = torch.stack([turn * turn.cos(), turn * turn.sin()], dim=1) / 5.5

    def best_guess(x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Return the expected noise in `x_t` if the data are points of the spiral."""
        share = left_over[t].unsqueeze(1)
        distances = (x_t.unsqueeze(1) - share.sqrt().unsqueeze(2) * spiral).square().sum(2)
        expected = torch.softmax(-distances / (2 * (1 - share)), dim=1) @ spiral
        return (x_t - share.sqrt() * expected) / (1 - share).sqrt()

    def picture(points: torch.Tensor) -> list[str]:
        """Return points of the square from -2.2 to 2.2 as lines of text."""
        lines = [[" "] * 44 for _ in range(22)]
        for across, up in (points / 4.4 + 0.5).tolist():
            if 0 <= across < 1 and 0 <= up < 1:
                lines[21 - int(22 * up)][int(44 * across)] = "*"
        return ["".join(line) for line in lines]

    pure_noise = torch.randn(600, 2, generator=seeded)
    fresh = torch.randn(120, 600, 2, generator=seeded)
    result = p_sample_loop(best_guess, pure_noise, fresh, schedule)
    for before, after in zip(picture(pure_noise), picture(result), strict=True):
        print(before, "|", after)
