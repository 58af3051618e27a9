"""Other right versions of the exercises on optimizers: every suite accepts them."""

import functools
import itertools
import math
import operator

import numpy as np
import torch

from autograder.checks.bank import alternative

# --- sgd_step ---------------------------------------------------------------------------------


@alternative("sgd_step")
def example_after_example(theta, grads, lr):
    new = theta.clone()
    for grad in grads:
        new -= lr / len(grads) * grad
    return new


@alternative("sgd_step")
def in_place(theta, grads, lr):
    theta -= lr * torch.mean(grads, dim=0)
    return theta


@alternative("sgd_step")
def with_einsum(theta, grads, lr):
    return theta + torch.einsum("b...->...", grads) * (-lr / grads.shape[0])


@alternative("sgd_step")
def in_numpy(theta, grads, lr):
    new = theta.numpy() - lr * np.average(grads.numpy(), axis=0)
    return torch.from_numpy(np.asarray(new, dtype=theta.numpy().dtype))


@alternative("sgd_step")
def number_after_number(theta, grads, lr):
    columns = grads.reshape(len(grads), -1).T.tolist()
    new = theta.flatten().tolist()
    for i, column in enumerate(columns):
        new[i] -= lr * sum(column) / len(column)
    return torch.tensor(new, dtype=theta.dtype, device=theta.device).reshape(theta.shape)


# --- momentum_step ----------------------------------------------------------------------------


@alternative("momentum_step")
def rolls_in_place(theta, grad, v, lr, *, gamma=0.9):
    v *= gamma
    v += lr * grad
    theta -= v
    return theta, v


@alternative("momentum_step")
def velocity_in_units_of_the_rate(theta, grad, v, lr, *, gamma=0.9):
    buffer = v / lr * gamma + grad
    return torch.add(theta, buffer, alpha=-lr), lr * buffer


@alternative("momentum_step")
def downhill_and_back(theta, grad, v, lr, *, gamma=0.9):
    step = -(gamma * v) - lr * grad
    return [theta + step, -step]


@alternative("momentum_step")
def all_at_once(theta, grad, v, lr, *, gamma=0.9):
    stacked = torch.stack([theta, v, grad])
    matrix = stacked.new_tensor([[1.0, -gamma, -lr], [0.0, gamma, lr]])
    return tuple(torch.tensordot(matrix, stacked, dims=1))


# --- momentum_unrolled ------------------------------------------------------------------------


@alternative("momentum_unrolled")
def weighted_sum(v, grads, lr, *, gamma=0.9):
    k = grads.shape[0] - 1
    new = gamma ** (k + 1) * v
    for i in range(k + 1):
        new = new + lr * gamma**i * grads[k - i]
    return new


@alternative("momentum_unrolled")
def weights_in_a_tensor(v, grads, lr, *, gamma=0.9):
    weights = gamma ** torch.arange(len(grads) - 1, -1, -1, dtype=v.dtype, device=v.device)
    faded = v * gamma ** len(grads)
    return torch.add(faded, torch.einsum("k,k...->...", weights, grads), alpha=lr)


@alternative("momentum_unrolled")
def folded(v, grads, lr, *, gamma=0.9):
    return functools.reduce(lambda past, grad: torch.add(past * gamma, grad, alpha=lr), grads, v)


@alternative("momentum_unrolled")
def recursively(v, grads, lr, *, gamma=0.9):
    def after(k):
        return v if k == 0 else gamma * after(k - 1) + lr * grads[k - 1]

    return after(len(grads))


# --- nesterov_step ----------------------------------------------------------------------------


@alternative("nesterov_step")
def walks_then_corrects(theta, grad_fn, v, lr, *, gamma=0.9):
    ahead = theta - gamma * v
    new = ahead - lr * grad_fn(ahead)
    return new, theta - new


@alternative("nesterov_step")
def looks_in_place(theta, grad_fn, v, lr, *, gamma=0.9):
    v *= gamma
    theta -= v
    push = lr * grad_fn(theta)
    theta -= push
    v += push
    return theta, v


@alternative("nesterov_step")
def by_torchs_parameter(theta, grad_fn, v, lr, *, gamma=0.9):
    place = theta - gamma * v
    grad = grad_fn(place)
    buffer = gamma * (v / lr) + grad
    place = place - lr * (grad + gamma * buffer)
    v = lr * buffer
    return place + gamma * v, v


@alternative("nesterov_step")
def between_two_places(theta, grad_fn, v, lr, *, gamma=0.9):
    before = theta + v
    ahead = torch.lerp(theta, before, -gamma)
    after = torch.sub(ahead, grad_fn(ahead), alpha=lr)
    return [after, -(after - theta)]


# --- adagrad_step -----------------------------------------------------------------------------


@alternative("adagrad_step")
def with_rsqrt(theta, grad, s, lr, *, eps=1e-8):
    s = torch.addcmul(s, grad, grad)
    return theta - lr * torch.rsqrt(s + eps) * grad, s


@alternative("adagrad_step")
def sums_in_place(theta, grad, s, lr, *, eps=1e-8):
    s += grad.square()
    theta -= lr * grad / (s + eps) ** 0.5
    return theta, s


@alternative("adagrad_step")
def with_rates(theta, grad, s, lr, *, eps=1e-8):
    s = s + grad.abs() ** 2
    rates = lr / torch.sqrt(s + eps)
    return torch.addcmul(theta, rates, grad, value=-1), s


@alternative("adagrad_step")
def one_by_one(theta, grad, s, lr, *, eps=1e-8):
    new_theta, new_s = theta.clone().reshape(-1), s.clone().reshape(-1)
    for i, g in enumerate(grad.reshape(-1).tolist()):
        new_s[i] += g * g
        new_theta[i] -= lr * g / math.sqrt(float(new_s[i]) + eps)
    return new_theta.reshape(theta.shape), new_s.reshape(s.shape)


# --- rmsprop_step -----------------------------------------------------------------------------


@alternative("rmsprop_step")
def with_lerp(theta, grad, s, lr, *, gamma=0.9, eps=1e-8):
    s = torch.lerp(grad.square(), s, gamma)
    return theta - lr * grad * torch.rsqrt(s + eps), s


@alternative("rmsprop_step")
def averages_in_place(theta, grad, s, lr, *, gamma=0.9, eps=1e-8):
    s *= gamma
    s += (1 - gamma) * grad * grad
    theta -= lr / torch.sqrt(s + eps) * grad
    return [theta, s]


@alternative("rmsprop_step")
def by_the_difference(theta, grad, s, lr, *, gamma=0.9, eps=1e-8):
    s = s + (1 - gamma) * (torch.pow(grad, 2) - s)
    return theta.addcdiv(grad, torch.pow(s + eps, 0.5), value=-lr), s


@alternative("rmsprop_step")
def averages_in_numpy(theta, grad, s, lr, *, gamma=0.9, eps=1e-8):
    x, g, old = theta.numpy(), grad.numpy(), s.numpy()
    new = gamma * old + (1 - gamma) * np.square(g)
    x = x - lr * g / np.sqrt(new + eps)
    return torch.as_tensor(x).to(theta), torch.as_tensor(new).to(theta)


# --- adam_step --------------------------------------------------------------------------------


@alternative("adam_step")
def with_lerps(theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m, v = torch.lerp(grad, m, beta_1), torch.lerp(grad * grad, v, beta_2)
    root = (v / (1 - math.pow(beta_2, t))).sqrt()
    return theta.addcdiv(m, root + eps, value=-lr / (1 - math.pow(beta_1, t))), m, v


@alternative("adam_step")
def updates_in_place(theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m *= beta_1
    m += (1 - beta_1) * grad
    v *= beta_2
    v += (1 - beta_2) * grad.square()
    theta -= lr * (m / (1 - beta_1**t)) / (torch.sqrt(v / (1 - beta_2**t)) + eps)
    return theta, m, v


@alternative("adam_step")
def with_the_epsilon_hat_that_fits(theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m = m + (1 - beta_1) * (grad - m)
    v = v + (1 - beta_2) * (grad**2 - v)
    root = math.sqrt(1 - beta_2**t)
    return theta - lr * root / (1 - beta_1**t) * m / (v.sqrt() + eps * root), m, v


@alternative("adam_step")
def corrected_by_a_geometric_sum(theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m, v = beta_1 * m + (1 - beta_1) * grad, beta_2 * v + (1 - beta_2) * grad.pow(2)
    # (1 - beta^t) / (1 - beta) = 1 + beta + ... + beta^(t - 1), until nothing is added any more
    sums = [math.fsum(beta**i for i in range(min(t, 40_000))) for beta in (beta_1, beta_2)]
    m_hat, v_hat = m / (1 - beta_1) / sums[0], v / (1 - beta_2) / sums[1]
    return theta - lr / (torch.sqrt(v_hat) + eps) * m_hat, m, v


@alternative("adam_step")
def coordinate_by_coordinate(theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    new = []
    rows = zip(*(one.flatten().tolist() for one in (theta, grad, m, v)), strict=True)
    for x, g, a, b in rows:
        a = beta_1 * a + (1 - beta_1) * g  # noqa: PLW2901
        b = beta_2 * b + (1 - beta_2) * g * g  # noqa: PLW2901
        step = a / (1 - beta_1**t) / (math.sqrt(b / (1 - beta_2**t)) + eps)
        new.append((x - lr * step, a, b))
    return tuple(
        torch.tensor(column, dtype=theta.dtype, device=theta.device).reshape(theta.shape)
        for column in zip(*new, strict=True)
    )


# --- amsgrad_step -----------------------------------------------------------------------------


@alternative("amsgrad_step")
def with_where(theta, grad, m, v, v_max, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m, v = torch.lerp(grad, m, beta_1), torch.lerp(grad.square(), v, beta_2)
    v_max = torch.where(v > v_max, v, v_max)
    return theta.addcdiv(m, v_max.sqrt() + eps, value=-lr), m, v, v_max


@alternative("amsgrad_step")
def maximum_of_the_roots(theta, grad, m, v, v_max, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m *= beta_1
    m += (1 - beta_1) * grad
    v *= beta_2
    v += (1 - beta_2) * grad * grad
    root = torch.fmax(v_max.sqrt(), v.sqrt())
    theta -= lr * m / (root + eps)
    return [theta, m, v, torch.stack([v, v_max]).amax(0)]


@alternative("amsgrad_step")
def maximum_by_relu(theta, grad, m, v, v_max, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m = m - (1 - beta_1) * (m - grad)
    v = v - (1 - beta_2) * (v - grad**2)
    v_max = v_max + torch.relu(v - v_max)
    return theta - lr / (v_max**0.5 + eps) * m, m, v, v_max


# --- adamw_step -------------------------------------------------------------------------------


@alternative("adamw_step")
def shrinks_first(
    theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8, weight_decay=0.01
):
    theta *= 1 - lr * weight_decay
    m, v = torch.lerp(grad, m, beta_1), torch.lerp(grad.square(), v, beta_2)
    root = torch.sqrt(v) / math.sqrt(1 - beta_2**t)
    return theta.addcdiv(m, root + eps, value=-lr / (1 - beta_1**t)), m, v


@alternative("adamw_step")
def decays_with_the_epsilon_hat_that_fits(
    theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8, weight_decay=0.01
):
    m = m + (1 - beta_1) * (grad - m)
    v = v + (1 - beta_2) * (grad**2 - v)
    root = math.sqrt(1 - beta_2**t)
    adam = lr * root / (1 - beta_1**t) * m / (v.sqrt() + eps * root)
    return theta - adam - theta * weight_decay * lr, m, v


@alternative("adamw_step")
def updates_and_decay_in_place(
    theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8, weight_decay=0.01
):
    old = theta.clone()
    m.mul_(beta_1).add_(grad, alpha=1 - beta_1)
    v.mul_(beta_2).addcmul_(grad, grad, value=1 - beta_2)
    theta.sub_(lr * (m / (1 - beta_1**t)) / (torch.sqrt(v / (1 - beta_2**t)) + eps))
    theta.sub_(old, alpha=lr * weight_decay)
    return [theta, m, v]


# --- clip_grad_norm ---------------------------------------------------------------------------


@alternative("clip_grad_norm")
def as_torch_does(grads, max_norm):
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in grads]))
    factor = torch.clamp(max_norm / (norm + 1e-6), max=1.0)
    return [grad * factor for grad in grads], norm


@alternative("clip_grad_norm")
def side_by_side(grads, max_norm):
    flat = torch.cat([grad.flatten() for grad in grads])
    norm = torch.sqrt(torch.dot(flat, flat))
    if norm > max_norm:
        flat = flat * (max_norm / norm)
    parts = torch.split(flat, [grad.numel() for grad in grads])
    return tuple(part.view(g.shape) for part, g in zip(parts, grads, strict=True)), norm


@alternative("clip_grad_norm")
def clips_in_place(grads, max_norm):
    total = 0.0
    for grad in grads:
        total += grad.pow(2).sum().item()
    norm = math.sqrt(total)
    if norm >= max_norm:
        for grad in grads:
            grad.mul_(max_norm / norm)
    return grads, norm


@alternative("clip_grad_norm")
def in_units_of_the_maximum(grads, max_norm):
    size = functools.reduce(operator.add, [(grad / max_norm).square().sum() for grad in grads])
    size = size.sqrt()
    return [grad / torch.clamp(size, min=1.0) for grad in grads], size * max_norm


@alternative("clip_grad_norm")
def with_numbers(grads, max_norm):
    entries = itertools.chain.from_iterable(grad.reshape(-1).tolist() for grad in grads)
    norm = math.hypot(*entries)
    share = 1.0 if norm <= max_norm else max_norm / norm
    return [share * grad for grad in grads], torch.tensor(norm, dtype=torch.float64)


# --- lr_step ----------------------------------------------------------------------------------


@alternative("lr_step")
def cut_by_cut(t, lr, step_size, *, gamma=0.1):
    for step in range(1, t + 1):
        if step % step_size == 0:
            lr *= gamma
    return lr


@alternative("lr_step")
def with_a_logarithm(t, lr, step_size, *, gamma=0.1):
    return math.exp(math.log(lr) + math.floor(t / step_size) * math.log(gamma))


@alternative("lr_step")
def in_float32(t, lr, step_size, *, gamma=0.1):
    cuts = torch.div(torch.tensor(t), step_size, rounding_mode="floor")
    return torch.tensor(lr) * torch.tensor(gamma) ** cuts


# --- lr_cosine --------------------------------------------------------------------------------


@alternative("lr_cosine")
def clamped(t, T, lr, *, lr_min=0.0, warmup=0):
    if warmup > 0 and t < warmup:
        return t * (lr / warmup)
    share = min(max((t - warmup) / (T - warmup), 0.0), 1.0)
    return lr_min + (lr - lr_min) * math.cos(math.pi / 2 * share) ** 2


@alternative("lr_cosine")
def as_a_mixture(t, T, lr, *, lr_min=0.0, warmup=0):
    share = torch.clamp(torch.tensor((t - warmup) / (T - warmup)), 0, 1)
    top = (1 + torch.cos(torch.pi * share)) / 2
    rate = top * lr + (1 - top) * lr_min
    return rate if t >= warmup else torch.tensor(lr * t / warmup)


@alternative("lr_cosine")
def with_numpy(t, T, lr, *, lr_min=0.0, warmup=0):
    wave = lr - (lr - lr_min) * np.sin(np.pi / 2 * (t - warmup) / (T - warmup)) ** 2
    return np.select([t < warmup, t < T], [lr * t / max(warmup, 1), wave], lr_min)


# --- sgd_bound --------------------------------------------------------------------------------


@alternative("sgd_bound")
def by_cases(beta, delta, sigma, T):
    if sigma**2 * T <= 2 * beta * delta:
        lr = 1 / beta
        return lr, 2 * beta * delta / T + sigma**2, sigma
    lr = math.sqrt(2 * delta / (T * beta)) / sigma
    return lr, 2 * sigma * math.sqrt(2 * beta * delta / T), math.sqrt(lr * beta) * sigma


@alternative("sgd_bound")
def with_infinity(beta, delta, sigma, T):
    best = math.sqrt(2 * delta / (T * beta * sigma**2)) if sigma else math.inf
    lr = min(1 / beta, best)
    return [lr, (2 * delta / lr + lr * beta * T * sigma**2) / T, sigma * (lr * beta) ** 0.5]


@alternative("sgd_bound")
def with_tensors(beta, delta, sigma, T):
    beta, delta, sigma = torch.tensor(beta), torch.tensor(delta), torch.tensor(sigma)
    lr = torch.minimum(1 / beta, torch.sqrt(2 * delta / (T * beta * sigma**2)))
    noise = lr * beta * sigma.square()
    return lr, 2 * delta / (lr * T) + noise, torch.sqrt(noise)
