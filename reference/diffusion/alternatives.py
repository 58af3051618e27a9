"""Other right versions of the exercises on diffusion: every suite accepts them."""

import math

import numpy as np
import torch

from autograder.checks.bank import alternative

# --- alpha_bars -------------------------------------------------------------------------------


@alternative("alpha_bars")
def with_logarithms(betas):
    return torch.log1p(-betas).cumsum(0).exp()


@alternative("alpha_bars")
def step_by_step(betas):
    left, all_left = 1.0, []
    for beta in betas:
        left = left * (1 - beta)
        all_left.append(left)
    return torch.stack(all_left)


@alternative("alpha_bars")
def with_a_triangle(betas):
    alphas = (1 - betas).expand(len(betas), -1)
    return torch.where(torch.ones_like(alphas).tril() > 0, alphas, 1.0).prod(dim=1)


@alternative("alpha_bars")
def in_numpy(betas):
    return torch.from_numpy(np.cumprod(1 - betas.cpu().numpy())).to(betas.device)


# --- q_sample ---------------------------------------------------------------------------------


def _beside(values, x):
    """Give one number for each sample as many axes as the samples have."""
    while values.dim() < x.dim():
        values = values.unsqueeze(-1)
    return values


@alternative("q_sample")
def sample_by_sample(x_0, t, noise, alpha_bar):
    x_t = torch.empty_like(x_0, memory_format=torch.contiguous_format)
    for n, step in enumerate(t.tolist()):
        share = float(alpha_bar[step])
        x_t[n] = math.sqrt(share) * x_0[n] + math.sqrt(1 - share) * noise[n]
    return x_t


@alternative("q_sample")
def with_gather(x_0, t, noise, alpha_bar):
    signal = _beside(torch.sqrt(alpha_bar).gather(0, t), x_0)
    spread = _beside(torch.sqrt(1.0 - alpha_bar).gather(0, t), x_0)
    return signal * x_0 + spread * noise


@alternative("q_sample")
def axes_turned_round(x_0, t, noise, alpha_bar):
    axes = tuple(reversed(range(x_0.dim())))
    share = alpha_bar.index_select(0, t)
    x_t = share.pow(0.5) * x_0.permute(axes) + (1 - share).pow(0.5) * noise.permute(axes)
    return x_t.permute(axes)


@alternative("q_sample")
def with_einsum(x_0, t, noise, alpha_bar):
    share = alpha_bar[t]
    of_data = torch.einsum("n,n...->n...", share.sqrt(), x_0)
    return of_data + torch.einsum("n,n...->n...", (1 - share).sqrt(), noise)


# --- posterior --------------------------------------------------------------------------------


@alternative("posterior")
def by_precisions(x_0, x_t, t, betas):
    left = torch.cumprod(1 - betas, 0)
    mean, variance = torch.empty_like(x_0), torch.empty_like(x_0.reshape(len(x_0), -1)[:, 0])
    for n, step in enumerate(t.tolist()):
        if step == 0:
            mean[n], variance[n] = x_0[n], 0.0
            continue
        before, alpha = left[step - 1], 1 - betas[step]
        of_start, of_end = 1 / (1 - before), alpha / betas[step]
        variance[n] = 1 / (of_start + of_end)
        start, end = before.sqrt() * x_0[n], x_t[n] / alpha.sqrt()
        mean[n] = variance[n] * (of_start * start + of_end * end)
    return mean, variance


@alternative("posterior")
def gathered_first(x_0, x_t, t, betas):
    alpha_bar = torch.cumprod(1 - betas, dim=0)
    beta, now = betas[t], alpha_bar[t]
    before = torch.where(t > 0, alpha_bar[(t - 1).clamp(min=0)], 1.0)
    variance = beta * (1 - before) / (1 - now)
    of_x_0 = torch.sqrt(before) * beta / (1 - now)
    of_x_t = torch.sqrt(1 - beta) * (1 - before) / (1 - now)
    return _beside(of_x_0, x_0) * x_0 + _beside(of_x_t, x_t) * x_t, variance


@alternative("posterior")
def by_regression(x_0, x_t, t, betas):
    """The sample before is Gaussian with x_t: a correction by covariance over variance."""
    padded = torch.nn.functional.pad(torch.cumprod(1 - betas, 0), (1, 0), value=1.0)
    before, now = padded[t], padded[t + 1]
    covariance = torch.sqrt(1 - betas[t]) * (1 - before)
    gain = covariance / (1 - now)
    error = x_t - _beside(now.sqrt(), x_t) * x_0
    mean = _beside(before.sqrt(), x_0) * x_0 + _beside(gain, x_0) * error
    return [mean, (1 - before) - gain * covariance]


# --- predict_x0_from_noise --------------------------------------------------------------------


@alternative("predict_x0_from_noise")
def with_reciprocals(x_t, t, noise, alpha_bar):
    inverse = _beside(torch.rsqrt(alpha_bar)[t], x_t)
    odds = _beside(torch.sqrt(1 / alpha_bar - 1)[t], x_t)
    return inverse * x_t - odds * noise


@alternative("predict_x0_from_noise")
def one_at_a_time(x_t, t, noise, alpha_bar):
    rows = []
    for x, step, e in zip(x_t, t, noise, strict=True):
        share = alpha_bar[step]
        rows.append((x - torch.sqrt(1 - share) * e) / torch.sqrt(share))
    return torch.stack(rows)


@alternative("predict_x0_from_noise")
def axes_in_reverse(x_t, t, noise, alpha_bar):
    axes = tuple(range(x_t.dim()))[::-1]
    share = alpha_bar[t]
    noise_part = (1 - share).sqrt() * noise.permute(axes)
    return ((x_t.permute(axes) - noise_part) * share**-0.5).permute(axes)


# --- predict_mean_from_noise ------------------------------------------------------------------


@alternative("predict_mean_from_noise")
def by_way_of_the_data(x_t, t, noise, betas):
    left = torch.cumprod(1 - betas, 0)
    before = torch.cat([left.new_ones(1), left])[t]
    now, beta = left[t], betas[t]
    x_0 = (x_t - _beside((1 - now).sqrt(), x_t) * noise) / _beside(now.sqrt(), x_t)
    of_x_0 = before.sqrt() * beta / (1 - now)
    of_x_t = (1 - beta).sqrt() * (1 - before) / (1 - now)
    return _beside(of_x_0, x_t) * x_0 + _beside(of_x_t, x_t) * x_t


@alternative("predict_mean_from_noise")
def two_factors(x_t, t, noise, betas):
    left = torch.exp(torch.cumsum(torch.log(1 - betas), 0))
    of_x = 1 / torch.sqrt(1 - betas)
    of_noise = of_x * betas / torch.sqrt(1 - left)
    return _beside(of_x[t], x_t) * x_t - _beside(of_noise[t], x_t) * noise


@alternative("predict_mean_from_noise")
def row_by_row(x_t, t, noise, betas):
    rows = []
    for x, step, e in zip(x_t, t.tolist(), noise, strict=True):
        left = torch.prod(1 - betas[: step + 1])
        rows.append((x - betas[step] / (1 - left) ** 0.5 * e) / (1 - betas[step]) ** 0.5)
    return torch.stack(rows)


# --- ddpm_loss --------------------------------------------------------------------------------


@alternative("ddpm_loss")
def with_mse_loss(model, x_0, t, noise, alpha_bar):
    share = _beside(alpha_bar[t], x_0)
    x_t = torch.sqrt(share) * x_0 + torch.sqrt(1 - share) * noise
    return torch.nn.functional.mse_loss(model(x_t, t), noise)


@alternative("ddpm_loss")
def mean_of_means(model, x_0, t, noise, alpha_bar):
    rows = [
        alpha_bar[step] ** 0.5 * x + (1 - alpha_bar[step]) ** 0.5 * e
        for x, step, e in zip(x_0, t, noise, strict=True)
    ]
    error = model(torch.stack(rows), t) - noise
    return error.square().reshape(len(x_0), -1).mean(1).mean()


@alternative("ddpm_loss")
def sum_by_count(model, x_0, t, noise, alpha_bar):
    share = _beside(alpha_bar.take(t), x_0)
    error = (noise - model(share**0.5 * x_0 + (1 - share) ** 0.5 * noise, t)).flatten()
    return torch.dot(error, error) / error.numel()


# --- p_sample_step ----------------------------------------------------------------------------


@alternative("p_sample_step")
def with_floats(model, x_t, t, noise, betas):
    guess = model(x_t, torch.full((len(x_t),), t, dtype=torch.int64, device=x_t.device))
    beta, left = float(betas[t]), float(torch.prod(1 - betas[: t + 1].double()))
    mean = (x_t - beta / math.sqrt(1 - left) * guess) / math.sqrt(1 - beta)
    return mean + (math.sqrt(beta) if t else 0.0) * noise


@alternative("p_sample_step")
def guessing_the_data(model, x_t, t, noise, betas):
    guess = model(x_t, torch.tensor([t] * len(x_t), device=x_t.device))
    now = torch.prod(1 - betas[: t + 1])
    x_0 = (x_t - (1 - now).sqrt() * guess) / now.sqrt()
    if t == 0:
        return x_0
    before = torch.prod(1 - betas[:t])
    mean = before.sqrt() * betas[t] * x_0 + (1 - betas[t]).sqrt() * (1 - before) * x_t
    return mean / (1 - now) + betas[t] ** 0.5 * noise


# --- p_sample_loop ----------------------------------------------------------------------------


@alternative("p_sample_loop")
def everything_inside(model, x_T, noises, betas):
    alpha_bar = torch.cumprod(1 - betas, 0)
    x, t = x_T, len(betas) - 1
    while t >= 0:
        guess = model(x, torch.zeros(len(x), dtype=torch.int64, device=x.device) + t)
        x = (x - betas[t] / (1 - alpha_bar[t]).sqrt() * guess) / (1 - betas[t]).sqrt()
        if t:
            x = x + betas[t].sqrt() * noises[t]
        t -= 1
    return x


@alternative("p_sample_loop")
def in_place(model, x_T, noises, betas):
    x = x_T.clone()
    left = torch.exp(torch.log1p(-betas).cumsum(0))
    silent = torch.cat([torch.zeros_like(noises[:1]), noises[1:]])
    for t, noise in reversed(list(enumerate(silent))):
        guess = model(x, torch.full((x.shape[0],), t, device=x.device))
        x -= betas[t] * guess / torch.sqrt(1 - left[t])
        x *= (1 - betas[t]) ** -0.5
        x += torch.sqrt(betas[t]) * noise
    return x


# --- ddim_step --------------------------------------------------------------------------------


@alternative("ddim_step")
def with_a_padded_array(model, x_t, t, s, alpha_bar):
    padded = torch.cat([torch.ones_like(alpha_bar[:1]), alpha_bar])
    now, then = padded[t + 1], padded[s + 1]
    guess = model(x_t, torch.full((len(x_t),), t, device=x_t.device))
    return (then / now).sqrt() * (x_t - (1 - now).sqrt() * guess) + (1 - then).sqrt() * guess


@alternative("ddim_step")
def as_an_ode(model, x_t, t, s, alpha_bar):
    """Song et al., equation (13): Euler's method in x / sqrt(alpha_bar)."""
    now = float(alpha_bar[t])
    then = 1.0 if s == -1 else float(alpha_bar[s])
    guess = model(x_t, torch.tensor([t], device=x_t.device).repeat(len(x_t)))
    change = math.sqrt(1 / then - 1) - math.sqrt(1 / now - 1)
    return (x_t / math.sqrt(now) + change * guess) * math.sqrt(then)
