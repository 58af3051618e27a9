"""Other right versions of the exercises on normalising flows: every suite accepts them."""

import math

import numpy as np
import torch

from autograder.checks.bank import alternative

# --- change_of_variables_1d -------------------------------------------------------------------


@alternative("change_of_variables_1d")
def with_two_logarithms(z, dz_dx):
    log_base = -(z**2) / 2 - math.log(math.sqrt(2 * math.pi))
    return log_base + 0.5 * torch.log(dz_dx**2)


@alternative("change_of_variables_1d")
def divided_by_the_inverse_slope(z, dz_dx):
    dx_dz = torch.reciprocal(dz_dx)
    return -torch.log(dx_dz.abs() * math.sqrt(2 * math.pi)) - z.square() / 2


@alternative("change_of_variables_1d")
def sign_by_sign(z, dz_dx):
    stretch = torch.where(dz_dx < 0, -dz_dx, dz_dx)
    return stretch.log() - torch.full_like(z, 0.5 * math.log(2 * math.pi)) - 0.5 * z.pow(2)


@alternative("change_of_variables_1d")
def number_by_number(z, dz_dx):
    values = [
        -0.5 * a * a - 0.5 * math.log(2 * math.pi) + math.log(abs(b))
        for a, b in zip(z.flatten().tolist(), dz_dx.flatten().tolist(), strict=True)
    ]
    return torch.tensor(values, dtype=z.dtype, device=z.device).reshape(z.shape)


# --- coupling_forward -------------------------------------------------------------------------


@alternative("coupling_forward")
def written_into_a_copy(x, scale_net, shift_net, d):
    y = x.clone()
    log_scale = scale_net(x[:, :d])
    y[:, d:] *= torch.exp(log_scale)
    y[:, d:] += shift_net(x[:, :d])
    return y, torch.einsum("bj->b", log_scale)


@alternative("coupling_forward")
def example_by_example(x, scale_net, shift_net, d):
    rows, volumes = [], []
    for row in x:
        s, t = scale_net(row[None, :d])[0], shift_net(row[None, :d])[0]
        rows.append(torch.cat([row[:d], row[d:] * s.exp() + t]))
        volumes.append(s.sum())
    return [torch.stack(rows), torch.stack(volumes)]


@alternative("coupling_forward")
def with_split_and_ones(x, scale_net, shift_net, d):
    kept, moved = torch.split(x, [d, x.shape[1] - d], dim=1)
    s = scale_net(kept)
    y = torch.hstack((kept, torch.addcmul(shift_net(kept), moved, s.exp())))
    return y, s @ s.new_ones(s.shape[1])


@alternative("coupling_forward")
def logarithms_of_the_diagonal(x, scale_net, shift_net, d):
    scale = torch.exp(scale_net(x[:, :d]))
    full_scale = torch.cat([torch.ones_like(x[:, :d]), scale], dim=1)
    full_shift = torch.cat([torch.zeros_like(x[:, :d]), shift_net(x[:, :d])], dim=1)
    return x * full_scale + full_shift, full_scale.log().sum(dim=-1)


# --- coupling_inverse -------------------------------------------------------------------------


@alternative("coupling_inverse")
def divided_by_the_scale(y, scale_net, shift_net, d):
    first, second = y[:, :d], y[:, d:]
    return torch.cat([first, (second - shift_net(first)) / scale_net(first).exp()], dim=1)


@alternative("coupling_inverse")
def back_in_a_copy(y, scale_net, shift_net, d):
    x = torch.empty_like(y)
    x[:, :d] = y[:, :d]
    x[:, d:] = torch.sub(y[:, d:], shift_net(x[:, :d]))
    x[:, d:] *= torch.exp(-scale_net(x[:, :d]))
    return x


@alternative("coupling_inverse")
def column_by_column(y, scale_net, shift_net, d):
    s, t = scale_net(y[:, :d]), shift_net(y[:, :d])
    columns = [y[:, j] for j in range(d)]
    columns += [(y[:, d + j] - t[:, j]) * torch.exp(-s[:, j]) for j in range(y.shape[1] - d)]
    return torch.stack(columns, dim=1)


@alternative("coupling_inverse")
def as_an_affine_map(y, scale_net, shift_net, d):
    shrink = torch.exp(-scale_net(y[:, :d]))
    back = y[:, d:] * shrink - shrink * shift_net(y[:, :d])
    return torch.hstack([y[:, :d], back])


# --- permute_forward --------------------------------------------------------------------------


@alternative("permute_forward")
def with_index_select(x, permutation):
    log_det = torch.zeros(x.shape[0], dtype=x.dtype, device=x.device)
    return torch.index_select(x, 1, permutation), log_det


@alternative("permute_forward")
def with_gather(x, permutation):
    return x.gather(1, permutation.expand(len(x), -1)), torch.zeros_like(x[:, 0])


@alternative("permute_forward")
def with_a_matrix(x, permutation):
    matrix = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)[permutation]
    return x @ matrix.T, 0 * x.sum(1)


@alternative("permute_forward")
def columns_in_a_list(x, permutation):
    y = torch.stack([x[:, j] for j in permutation.tolist()], dim=-1)
    return y, torch.log(torch.ones(len(x)).to(x))


# --- permute_inverse --------------------------------------------------------------------------


@alternative("permute_inverse")
def written_where_it_came_from(y, permutation):
    x = torch.empty_like(y)
    x[:, permutation] = y
    return x


@alternative("permute_inverse")
def with_scatter(y, permutation):
    return torch.zeros_like(y).scatter(1, permutation.expand(len(y), -1), y)


@alternative("permute_inverse")
def with_the_transposed_matrix(y, permutation):
    return y @ torch.nn.functional.one_hot(permutation, y.shape[1]).to(y)


@alternative("permute_inverse")
def with_index_of(y, permutation):
    order = permutation.tolist()
    return y[:, [order.index(j) for j in range(len(order))]]


# --- flow_log_prob ----------------------------------------------------------------------------


@alternative("flow_log_prob")
def base_first(x, layers):
    volumes = []
    z = x
    for layer in layers:
        z, volume = layer(z)
        volumes.append(volume)
    base = (-0.5 * (math.log(2 * math.pi) + z.pow(2))).sum(dim=1)
    return base + sum(volumes)


@alternative("flow_log_prob")
def recursively(x, layers):
    def from_layer(k, h):
        if k == len(layers):
            square = torch.linalg.vector_norm(h, dim=1) ** 2
            return -square / 2 - h.shape[-1] / 2 * math.log(2 * math.pi)
        y, log_det = layers[k](h)
        return log_det + from_layer(k + 1, y)

    return from_layer(0, x)


@alternative("flow_log_prob")
def one_example_at_a_time(x, layers):
    values = []
    for row in x:
        h, total = row.reshape(1, -1), 0.0
        for layer in layers:
            h, log_det = layer(h)
            total = total + log_det[0]
        values.append(total - torch.dot(h[0], h[0]) / 2 - len(row) * math.log(2 * math.pi) / 2)
    return torch.stack(values)


@alternative("flow_log_prob")
def coordinate_densities(x, layers):
    log_det = torch.zeros_like(x[:, 0])
    for i in range(len(layers)):
        x, one = layers[i](x)
        log_det += one
    norm = torch.tensor(2 * math.pi, dtype=x.dtype, device=x.device).rsqrt()
    for j in range(x.shape[1]):
        log_det = log_det + torch.log(norm) - x[:, j] * x[:, j] / 2
    return log_det


# --- flow_sample ------------------------------------------------------------------------------


@alternative("flow_sample")
def by_popping(z, layers):
    D, remaining = z.shape[1], list(layers)
    x, volume = z, torch.zeros_like(z[:, 0])
    while remaining:
        x, log_det = remaining.pop().inverse(x)
        volume = volume + log_det
    return x, -volume - (z * z).sum(1) / 2 - D / 2 * math.log(2 * math.pi)


@alternative("flow_sample")
def asking_the_layers_again(z, layers):
    x = z
    for layer in layers[::-1]:
        x = layer.inverse(x)[0]
    log_prob, h = 0, x
    for layer in layers:
        h, log_det = layer(h)
        log_prob = log_prob + log_det
    return x, log_prob + (-0.5 * (h**2 + math.log(2 * math.pi))).sum(1)


@alternative("flow_sample")
def by_recursion(z, layers):
    def back(k):
        if k == len(layers):
            constant = z.shape[1] * 0.5 * math.log(2 * math.pi)
            return z, -0.5 * torch.einsum("bd,bd->b", z, z) - constant
        h, log_prob = back(k + 1)
        x, log_det = layers[k].inverse(h)
        return x, log_prob - log_det

    return back(0)


# --- masked_coupling_forward ------------------------------------------------------------------


@alternative("masked_coupling_forward")
def with_where(x, mask, scale_net, shift_net):
    passes = mask.bool()
    seen = x.masked_fill(~passes, 0.0)
    s, t = scale_net(seen), shift_net(seen)
    y = torch.where(passes, x, x * s.exp() + t)
    return y, s.masked_fill(passes, 0.0).sum(dim=1)


@alternative("masked_coupling_forward")
def both_masked_before(x, mask, scale_net, shift_net):
    s, t = scale_net(x * mask) * (1 - mask), shift_net(x * mask) * (1 - mask)
    return x * torch.exp(s) + t, torch.einsum("bd->b", s)


@alternative("masked_coupling_forward")
def chosen_columns(x, mask, scale_net, shift_net):
    free = [j for j, m in enumerate(mask.tolist()) if m == 0]
    s, t = scale_net(x * mask), shift_net(x * mask)
    y, log_det = x.clone(), torch.zeros_like(x[:, 0])
    for j in free:
        y[:, j] = x[:, j] * torch.exp(s[:, j]) + t[:, j]
        log_det = log_det + s[:, j]
    return y, log_det


# --- actnorm_forward --------------------------------------------------------------------------


@alternative("actnorm_forward")
def channels_last(x, scale, bias):
    B, _, H, W = x.shape
    y = (x.permute(0, 2, 3, 1) * scale + bias).permute(0, 3, 1, 2)
    return y, (H * W * scale.abs().log().sum()).expand(B)


@alternative("actnorm_forward")
def the_whole_diagonal(x, scale, bias):
    diagonal = torch.ones_like(x) * scale[None, :, None, None]
    log_det = 0.5 * torch.log(diagonal * diagonal).flatten(1).sum(1)
    return x * diagonal + bias[None, :, None, None], log_det


@alternative("actnorm_forward")
def channel_by_channel(x, scale, bias):
    y, log_det = torch.empty_like(x), torch.zeros_like(x[:, 0, 0, 0])
    for c in range(x.shape[1]):
        y[:, c] = scale[c] * x[:, c] + bias[c]
        log_det = log_det + x[0, c].numel() * math.log(abs(float(scale[c])))
    return y, log_det


# --- invertible_conv1x1_forward ---------------------------------------------------------------


@alternative("invertible_conv1x1_forward")
def as_a_convolution(x, permutation, L, U):
    weight = torch.matmul(L, U)[permutation][:, :, None, None]
    volume = U.diagonal().abs().log().sum() * x[0, 0].numel()
    return torch.nn.functional.conv2d(x, weight), torch.full_like(x[:, 0, 0, 0], float(volume))


@alternative("invertible_conv1x1_forward")
def factor_by_factor(x, permutation, L, U):
    B, C, H, W = x.shape
    y = L @ (U @ x.reshape(B, C, H * W))
    volume = sum(math.log(abs(U[c, c].item())) for c in range(C))
    return y[:, permutation].reshape(B, C, H, W), x.new_ones(B) * volume * H * W


@alternative("invertible_conv1x1_forward")
def pixel_by_pixel(x, permutation, L, U):
    P = torch.zeros_like(L)
    P[torch.arange(len(P)), permutation] = 1
    weight, y = P @ L @ U, torch.zeros_like(x)
    log_det = torch.zeros_like(x[:, 0, 0, 0])
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            y[:, :, i, j] = x[:, :, i, j] @ weight.T
            log_det = log_det + torch.diag(U).square().log().sum() / 2
    return y, log_det


@alternative("invertible_conv1x1_forward")
def with_singular_values(x, permutation, L, U):
    weight = (L @ U)[permutation]
    volume = torch.linalg.svdvals(weight).log().sum() * x.shape[-1] * x.shape[-2]
    return torch.tensordot(x, weight, dims=([1], [1])).movedim(-1, 1), volume.repeat(x.shape[0])


# --- maf_forward ------------------------------------------------------------------------------


@alternative("maf_forward")
def divided_by_a_deviation(x, net):
    mean, log_std = net(x)
    return (x - mean) / log_std.exp(), torch.einsum("bd->b", log_std).neg()


@alternative("maf_forward")
def one_coordinate_after_the_other(x, net):
    mu, alpha = net(x)
    z, log_det = torch.zeros_like(x), torch.zeros_like(x[:, 0])
    for i in range(x.shape[1]):
        z[:, i] = (x[:, i] - mu[:, i]) * torch.exp(-alpha[:, i])
        log_det -= alpha[:, i]
    return z, log_det


@alternative("maf_forward")
def with_numpy(x, net):
    mu, alpha = (one.cpu().numpy() for one in net(x))
    z = x.cpu().numpy() * np.exp(-alpha) - mu * np.exp(-alpha)
    log_det = np.log(np.exp(-alpha)).sum(axis=1)
    return torch.from_numpy(z).to(x), torch.from_numpy(log_det).to(x)


# --- maf_inverse ------------------------------------------------------------------------------


@alternative("maf_inverse")
def until_nothing_changes(z, net):
    x = z
    for _ in range(z.shape[1] + 1):
        mu, alpha = net(x)
        x = z * torch.exp(alpha) + mu
    return x, alpha.sum(1)


@alternative("maf_inverse")
def in_place_of_z(z, net):
    x, log_det = z.clone(), torch.zeros_like(z[:, 0])
    for i in range(z.shape[1]):
        mu, alpha = net(x)
        x[:, i] = x[:, i] * alpha[:, i].exp() + mu[:, i]
        log_det += alpha[:, i]
    return x, log_det


@alternative("maf_inverse")
def columns_and_padding(z, net):
    B, D = z.shape
    known, volumes = [], []
    for i in range(D):
        padded = torch.stack([*known, *[z.new_zeros(B)] * (D - i)], dim=1)
        mu, alpha = net(padded)
        known.append(torch.addcmul(mu[:, i], z[:, i], alpha[:, i].exp()))
        volumes.append(alpha[:, i])
    return torch.stack(known, dim=1), torch.stack(volumes).sum(0)


# --- train_flow -------------------------------------------------------------------------------


@alternative("train_flow")
def with_modules(x, points, steps, generator):
    class Coupling(torch.nn.Module):
        def __init__(self, first):
            super().__init__()
            self.first = first
            self.net = torch.nn.Sequential(
                torch.nn.Linear(1, 16), torch.nn.Tanh(), torch.nn.Linear(16, 2)
            )
            for i, weight in enumerate(self.net.parameters()):
                std = (2.0, 1.0, 0.1, 0.0)[i]
                weight.data = std * torch.randn(weight.shape, generator=generator)

        def forward(self, h):
            kept, moved = (h[:, :1], h[:, 1:]) if self.first else (h[:, 1:], h[:, :1])
            s, t = self.net(kept).chunk(2, dim=1)
            s = 1.2 * torch.tanh(s)
            moved = moved * s.exp() + t
            pair = (kept, moved) if self.first else (moved, kept)
            return torch.cat(pair, dim=1), s.sum(1)

    layers = torch.nn.ModuleList(Coupling(i % 2 == 0) for i in range(4)).to(x)

    def flow(h):
        total = 0
        for layer in layers:
            h, log_det = layer(h)
            total = total + log_det
        return h, total

    optimizer = torch.optim.Adam(layers.parameters(), lr=0.02)
    half = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda i: min(1.0, 2 - 2 * i / steps))
    for _ in range(steps):
        optimizer.zero_grad()
        z, log_det = flow(x)
        nll = 0.5 * (z**2 + math.log(2 * math.pi)).sum(1) - log_det
        nll.mean().backward()
        optimizer.step()
        half.step()
    return flow(points)


@alternative("train_flow")
def in_float32_with_momentum_of_its_own(x, points, steps, generator):
    x, points = x.float(), points.float()
    sizes = ((20, 1), (20,), (2, 20), (2,))
    deviations = (2.0, 1.0, 0.1, 0.0)
    params = [
        (std * torch.randn(size, generator=generator)).to(x.device).requires_grad_()
        for _ in range(4)
        for size, std in zip(sizes, deviations, strict=True)
    ]

    def flow(h):
        a, b = h[:, 0], h[:, 1]
        total = torch.zeros_like(a)
        for k in range(0, len(params), 4):
            W_1, b_1, W_2, b_2 = params[k : k + 4]
            s, t = (torch.tanh(a[:, None] @ W_1.T + b_1) @ W_2.T + b_2).unbind(1)
            s = torch.tanh(s)
            a, b = b * s.exp() + t, a
            total = total + s
        return torch.stack([a, b], dim=1), total

    first = [torch.zeros_like(param) for param in params]
    second = [torch.zeros_like(param) for param in params]
    for step in range(1, steps + 1):
        z, log_det = flow(x)
        grads = torch.autograd.grad((z.square().sum(1) / 2 - log_det).mean(), params)
        with torch.no_grad():
            for param, grad, m, v in zip(params, grads, first, second, strict=True):
                m.mul_(0.9).add_(0.1 * grad)
                v.mul_(0.999).add_(0.001 * grad**2)
                move = m / (1 - 0.9**step) / ((v / (1 - 0.999**step)).sqrt() + 1e-8)
                param.sub_(0.02 * min(1, 2 - 2 * step / steps) * move)
    with torch.no_grad():
        return flow(points)
