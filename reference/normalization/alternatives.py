"""Other right versions of the exercises on normalisation: every suite accepts them."""

import math

import numpy as np
import torch

from autograder.checks.bank import alternative

# --- batchnorm_forward ------------------------------------------------------------------------


@alternative("batchnorm_forward")
def column_by_column(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    if training and x.shape[0] < 2:
        raise ValueError("one example has no variance")
    y, new_mean, new_var = torch.empty_like(x), running_mean.clone(), running_var.clone()
    for j in range(x.shape[1]):
        column = x[:, j]
        mean, var = running_mean[j], running_var[j]
        if training:
            mean = column.sum() / len(column)
            squares = ((column - mean) ** 2).sum()
            var = squares / len(column)
            new_mean[j] += momentum * (mean - running_mean[j])
            new_var[j] += momentum * (squares / (len(column) - 1) - running_var[j])
        y[:, j] = gamma[j] * (column - mean) / (var + eps) ** 0.5 + beta[j]
    return y, new_mean, new_var


@alternative("batchnorm_forward")
def scale_and_shift(x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5):
    if not training:
        scale = gamma * torch.rsqrt(running_var + eps)
        return [(x - running_mean) * scale + beta, running_mean.clone(), running_var.clone()]
    n = x.size(0)
    if n == 1:
        raise ValueError(n)
    unbiased, mean = torch.var_mean(x, dim=0)
    scale = gamma * torch.rsqrt(unbiased * ((n - 1) / n) + eps)
    moved_mean = torch.lerp(running_mean, mean, momentum)
    return [(x - mean) * scale + beta, moved_mean, torch.lerp(running_var, unbiased, momentum)]


@alternative("batchnorm_forward")
def with_einsum(x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5):
    keep = 1 - momentum
    if training:
        if x.shape[0] <= 1:
            raise ValueError("expected at least two examples")
        mean = torch.einsum("nc->c", x) / x.shape[0]
        centred = x - mean
        squares = torch.einsum("nc,nc->c", centred, centred)
        var = squares / x.shape[0]
        running_mean = running_mean * keep + mean * momentum
        running_var = running_var * keep + squares / (x.shape[0] - 1) * momentum
    else:
        centred, var = x - running_mean, running_var
    x_hat = centred / (var + eps).sqrt()
    return torch.einsum("nc,c->nc", x_hat, gamma) + beta, running_mean, running_var


@alternative("batchnorm_forward")
def with_pairs(x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5):
    mean, var = running_mean, running_var
    if training:
        n = len(x)
        if n == 1:
            raise ValueError("a single example")
        mean = x.mean(dim=0)
        # The variance without the mean: half the mean square distance of all pairs.
        pairs = (x.unsqueeze(0) - x.unsqueeze(1)).square().sum((0, 1)) / 2
        var = pairs / n**2
        running_mean = running_mean - momentum * (running_mean - mean)
        running_var = running_var - momentum * (running_var - pairs / (n * (n - 1)))
    x_hat = (x - mean) / torch.sqrt(var + eps)
    return torch.addcmul(beta, gamma, x_hat), running_mean, running_var


# --- batchnorm_backward -----------------------------------------------------------------------


@alternative("batchnorm_backward")
def node_by_node(grad_y, x, gamma, *, eps=1e-5):
    n = x.shape[0]
    mean = x.sum(0) / n
    centred = x - mean
    var = (centred**2).sum(0) / n
    std = torch.sqrt(var + eps)
    inverse = 1 / std
    x_hat = centred * inverse
    grad_beta = grad_y.sum(0)
    grad_gamma = (grad_y * x_hat).sum(0)
    grad_x_hat = grad_y * gamma
    grad_inverse = (grad_x_hat * centred).sum(0)
    grad_centred = grad_x_hat * inverse
    grad_std = -grad_inverse / std**2
    grad_var = grad_std / (2 * std)
    grad_squares = grad_var.expand(x.shape) / n
    grad_centred = grad_centred + 2 * centred * grad_squares
    grad_mean = -grad_centred.sum(0)
    return grad_centred + grad_mean / n, grad_gamma, grad_beta


@alternative("batchnorm_backward")
def compact_formula(grad_y, x, gamma, *, eps=1e-5):
    n = len(x)
    var, mean = torch.var_mean(x, 0, unbiased=False)
    std = (var + eps) ** 0.5
    x_hat = (x - mean) / std
    grad_gamma, grad_beta = (x_hat * grad_y).sum(0), grad_y.sum(0)
    return gamma / (n * std) * (n * grad_y - grad_beta - x_hat * grad_gamma), grad_gamma, grad_beta


@alternative("batchnorm_backward")
def with_einsums(grad_y, x, gamma, *, eps=1e-5):
    n = x.shape[0]
    centred = x - torch.einsum("nc->c", x) / n
    precision = 1 / (torch.einsum("nc,nc->c", centred, centred) / n + eps)
    along = torch.einsum("nc,nc,c->c", grad_y, centred, precision) / n
    grad_beta = torch.einsum("nc->c", grad_y)
    inside = grad_y - grad_beta / n - torch.einsum("nc,c->nc", centred, along)
    grad_x = torch.einsum("c,c,nc->nc", gamma, precision.sqrt(), inside)
    return grad_x, n * along / precision.sqrt(), grad_beta


@alternative("batchnorm_backward")
def loop_over_columns(grad_y, x, gamma, *, eps=1e-5):
    n, channels = x.shape
    grad_x = torch.zeros_like(x)
    grad_gamma, grad_beta = torch.zeros_like(gamma), torch.zeros_like(gamma)
    for j in range(channels):
        mean = x[:, j].mean()
        std = torch.sqrt(((x[:, j] - mean) ** 2).mean() + eps)
        for i in range(n):
            x_hat = (x[i, j] - mean) / std
            grad_gamma[j] += grad_y[i, j] * x_hat
            grad_beta[j] += grad_y[i, j]
        for i in range(n):
            x_hat = (x[i, j] - mean) / std
            own = grad_y[i, j] - grad_beta[j] / n - x_hat * grad_gamma[j] / n
            grad_x[i, j] = gamma[j] / std * own
    return grad_x, grad_gamma, grad_beta


@alternative("batchnorm_backward")
def with_a_jacobian(grad_y, x, gamma, *, eps=1e-5):
    n = x.shape[0]
    eye = torch.eye(n, dtype=x.dtype, device=x.device)
    grad_x, grad_gamma = [], []
    for j, column in enumerate(x.unbind(1)):
        centred = column - column.mean()
        std = (centred.square().mean() + eps).sqrt()
        x_hat = centred / std
        # How each normalised value moves when each input moves; symmetric.
        jacobian = (eye - 1 / n - torch.outer(x_hat, x_hat) / n) / std
        grad_x.append(gamma[j] * jacobian @ grad_y[:, j])
        grad_gamma.append(torch.dot(grad_y[:, j], x_hat))
    ones = torch.ones(n, dtype=x.dtype, device=x.device)
    return [torch.stack(grad_x, dim=1), torch.stack(grad_gamma), ones @ grad_y]


# --- batchnorm2d_forward ----------------------------------------------------------------------


@alternative("batchnorm2d_forward")
def pixels_as_examples(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    N, C, H, W = x.shape
    rows = x.permute(0, 2, 3, 1).reshape(-1, C)
    mean, var = running_mean, running_var
    if training:
        if len(rows) == 1:
            raise ValueError("one value per channel")
        mean, var = rows.mean(0), rows.var(0, unbiased=False)
        running_mean = running_mean * (1 - momentum) + mean * momentum
        running_var = running_var * (1 - momentum) + rows.var(0) * momentum
    y = (rows - mean) / (var + eps).sqrt() * gamma + beta
    return y.reshape(N, H, W, C).permute(0, 3, 1, 2), running_mean, running_var


@alternative("batchnorm2d_forward")
def channel_by_channel(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    count = x.numel() // x.shape[1]
    if training and count < 2:
        raise ValueError(f"{count} value")
    channels, means, variances = [], [], []
    for c, channel in enumerate(x.unbind(1)):
        mean, var = running_mean[c], running_var[c]
        means.append(mean)
        variances.append(var)
        if training:
            mean = channel.mean()
            var = ((channel - mean) ** 2).mean()
            means[c] = means[c] + momentum * (mean - means[c])
            variances[c] = variances[c] + momentum * (var / (1 - 1 / count) - variances[c])
        channels.append(gamma[c] * (channel - mean) * torch.rsqrt(var + eps) + beta[c])
    return torch.stack(channels, dim=1), torch.stack(means), torch.stack(variances)


@alternative("batchnorm2d_forward")
def with_einsum_images(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    n = x.shape[0] * x.shape[2] * x.shape[3]
    mean, var = running_mean, running_var
    if training:
        if n == 1:
            raise ValueError("expected more than one value per channel")
        mean = torch.einsum("nchw->c", x) / n
        centred = x - mean.view(1, -1, 1, 1)
        squares = torch.einsum("nchw,nchw->c", centred, centred)
        var = squares / n
        running_mean = torch.lerp(running_mean, mean, momentum)
        running_var = torch.lerp(running_var, squares / (n - 1), momentum)
    scale = gamma / (var + eps).sqrt()
    y = torch.einsum("nchw,c->nchw", x - mean.view(-1, 1, 1), scale) + beta.view(-1, 1, 1)
    return [y, running_mean, running_var]


# --- batchnorm2d_backward ---------------------------------------------------------------------


@alternative("batchnorm2d_backward")
def channels_in_front(grad_y, x, gamma, *, eps=1e-5):
    C = x.shape[1]
    rows, grad_rows = (one.transpose(0, 1).reshape(C, -1) for one in (x, grad_y))
    n = rows.shape[1]
    centred = rows - rows.mean(1, keepdim=True)
    std = (centred.square().mean(1, keepdim=True) + eps).sqrt()
    x_hat = centred / std
    grad_gamma, grad_beta = (grad_rows * x_hat).sum(1), grad_rows.sum(1)
    own = grad_rows - grad_beta[:, None] / n - x_hat * grad_gamma[:, None] / n
    grad_x = gamma[:, None] / std * own
    N, _, H, W = x.shape
    return grad_x.reshape(C, N, H, W).transpose(0, 1), grad_gamma, grad_beta


@alternative("batchnorm2d_backward")
def node_by_node_for_images(grad_y, x, gamma, *, eps=1e-5):
    n = x[:, 0].numel()
    axes = (0, 2, 3)
    centred = x - x.sum(axes, keepdim=True) / n
    var = (centred * centred).sum(axes, keepdim=True) / n
    inverse = (var + eps) ** -0.5
    grad_x_hat = grad_y * gamma.view(1, -1, 1, 1)
    grad_var = (grad_x_hat * centred).sum(axes, keepdim=True) * -0.5 * inverse**3
    grad_mean = -(grad_x_hat * inverse).sum(axes, keepdim=True)
    grad_mean = grad_mean - 2 * grad_var * centred.mean(axes, keepdim=True)
    grad_x = grad_x_hat * inverse + grad_var * 2 * centred / n + grad_mean / n
    return grad_x, (grad_y * centred * inverse).sum(axes), grad_y.sum(axes)


@alternative("batchnorm2d_backward")
def with_einsums_for_images(grad_y, x, gamma, *, eps=1e-5):
    n = x.shape[0] * x.shape[2] * x.shape[3]
    centred = x - (torch.einsum("nchw->c", x) / n)[:, None, None]
    precision = 1 / (torch.einsum("nchw,nchw->c", centred, centred) / n + eps)
    along = torch.einsum("nchw,nchw->c", grad_y, centred)
    grad_beta = torch.einsum("nchw->c", grad_y)
    inside = n * grad_y - grad_beta[:, None, None]
    inside = inside - torch.einsum("nchw,c->nchw", centred, along * precision)
    scale = gamma * precision.sqrt() / n
    return torch.einsum("nchw,c->nchw", inside, scale), along * precision.sqrt(), grad_beta


# --- fuse_linear_batchnorm --------------------------------------------------------------------


@alternative("fuse_linear_batchnorm")
def with_a_diagonal(W, b, gamma, beta, running_mean, running_var, *, eps=1e-5):
    diagonal = torch.diag(gamma * torch.rsqrt(running_var + eps))
    if b is None:
        b = torch.zeros_like(beta)
    return diagonal @ W, diagonal @ (b - running_mean) + beta


@alternative("fuse_linear_batchnorm")
def row_by_row(W, b, gamma, beta, running_mean, running_var, *, eps=1e-5):
    rows, shifts = [], []
    for j in range(W.shape[0]):
        std = (running_var[j] + eps) ** 0.5
        bias = 0 if b is None else b[j]
        rows.append(gamma[j] * W[j] / std)
        shifts.append(beta[j] - gamma[j] * running_mean[j] / std + gamma[j] * bias / std)
    return [torch.stack(rows), torch.stack(shifts)]


@alternative("fuse_linear_batchnorm")
def bias_as_a_column(W, b, gamma, beta, running_mean, running_var, *, eps=1e-5):
    column = -running_mean if b is None else torch.sub(b, running_mean)
    table = torch.cat([W, column.unsqueeze(1)], dim=1)
    table = torch.einsum("c,cn->cn", gamma / torch.sqrt(running_var + eps), table)
    return table[:, :-1], table[:, -1] + beta


# --- fuse_conv_batchnorm ----------------------------------------------------------------------


@alternative("fuse_conv_batchnorm")
def as_a_linear_layer(weight, b, gamma, beta, running_mean, running_var, *, eps=1e-5):
    scale = gamma * (running_var + eps) ** -0.5
    rows = weight.reshape(weight.shape[0], -1)
    fused = torch.diag(scale) @ rows
    return fused.view(weight.shape), beta + scale * ((0 if b is None else b) - running_mean)


@alternative("fuse_conv_batchnorm")
def filter_by_filter(weight, b, gamma, beta, running_mean, running_var, *, eps=1e-5):
    fused, shifts = torch.empty_like(weight), torch.empty_like(beta)
    for c, one in enumerate(weight):
        scale = gamma[c] / math.sqrt(float(running_var[c]) + eps)
        fused[c] = one * scale
        shifts[c] = beta[c] - running_mean[c] * scale
        if b is not None:
            shifts[c] += b[c] * scale
    return fused, shifts


# --- layernorm_forward ------------------------------------------------------------------------


@alternative("layernorm_forward")
def by_hand(x, gamma, beta, *, eps=1e-5):
    mean = x.sum(-1, keepdim=True) / x.shape[-1]
    centred = x - mean
    var = (centred**2).sum(-1, keepdim=True) / x.shape[-1]
    return centred / (var + eps) ** 0.5 * gamma + beta


@alternative("layernorm_forward")
def example_by_example(x, gamma, beta, *, eps=1e-5):
    rows = [
        gamma * (row - row.mean()) * torch.rsqrt(row.var(unbiased=False) + eps) + beta
        for row in x.reshape(-1, x.shape[-1])
    ]
    return torch.stack(rows).view(x.shape)


@alternative("layernorm_forward")
def with_a_projection(x, gamma, beta, *, eps=1e-5):
    D = x.shape[-1]
    projection = torch.eye(D, dtype=x.dtype, device=x.device) - 1 / D
    # Shifting an example by its own first entry changes nothing and keeps the digits.
    centred = (x - x[..., :1]) @ projection
    square = torch.einsum("...d,...d->...", centred, centred).unsqueeze(-1)
    return torch.einsum("...d,d->...d", centred / (square / D + eps).sqrt(), gamma) + beta


# --- layernorm_backward -----------------------------------------------------------------------


@alternative("layernorm_backward")
def row_after_row(grad_y, x, gamma, *, eps=1e-5):
    D = x.shape[-1]
    grad_x = torch.zeros(x.shape, dtype=x.dtype, device=x.device)
    grad_gamma, grad_beta = torch.zeros_like(gamma), torch.zeros_like(gamma)
    rows = zip(
        grad_y.reshape(-1, D), x.reshape(-1, D), grad_x.view(-1, D), strict=True
    )  # views of grad_x are filled
    for above, row, out in rows:
        centred = row - row.mean()
        std = (centred.square().mean() + eps).sqrt()
        x_hat = centred / std
        grad_gamma += above * x_hat
        grad_beta += above
        grad_x_hat = above * gamma
        out.copy_((grad_x_hat - grad_x_hat.mean() - x_hat * (grad_x_hat @ x_hat) / D) / std)
    return grad_x, grad_gamma, grad_beta


@alternative("layernorm_backward")
def graph_of_layernorm(grad_y, x, gamma, *, eps=1e-5):
    D = x.shape[-1]
    centred = x - x.mean(-1, keepdim=True)
    std = torch.sqrt((centred**2).mean(-1, keepdim=True) + eps)
    leading = tuple(range(x.dim() - 1))
    grad_beta = grad_y.sum(leading) if leading else grad_y
    grad_gamma = grad_y * centred / std
    grad_gamma = grad_gamma.sum(leading) if leading else grad_gamma
    grad_x_hat = grad_y * gamma
    grad_centred = grad_x_hat / std
    grad_std = -(grad_x_hat * centred).sum(-1, keepdim=True) / std**2
    grad_centred = grad_centred + grad_std * centred / (std * D)
    return grad_centred - grad_centred.mean(-1, keepdim=True), grad_gamma, grad_beta


@alternative("layernorm_backward")
def einsums_of_layernorm(grad_y, x, gamma, *, eps=1e-5):
    D = x.shape[-1]
    centred = x - x.mean(-1, keepdim=True)
    precision = 1 / (torch.einsum("...d,...d->...", centred, centred) / D + eps)
    x_hat = torch.einsum("...d,...->...d", centred, precision.sqrt())
    total = torch.einsum("...d,d->...", grad_y, gamma).unsqueeze(-1)
    along = torch.einsum("...d,...d,d->...", grad_y, x_hat, gamma).unsqueeze(-1)
    inside = D * grad_y * gamma - total - along * x_hat
    grad_x = torch.einsum("...d,...->...d", inside, precision.sqrt()) / D
    grad_gamma = torch.einsum("...d,...d->d", grad_y, x_hat)
    return [grad_x, grad_gamma, torch.einsum("...d->d", grad_y)]


# --- instancenorm_forward ---------------------------------------------------------------------


@alternative("instancenorm_forward")
def picture_by_picture(x, gamma, beta, *, eps=1e-5):
    y = torch.empty_like(x)
    for i in range(x.shape[0]):
        for c in range(x.shape[1]):
            centred = x[i, c] - x[i, c].mean()
            y[i, c] = gamma[c] * centred / (centred.pow(2).mean() + eps) ** 0.5 + beta[c]
    return y


@alternative("instancenorm_forward")
def flat_pixels(x, gamma, beta, *, eps=1e-5):
    flat = x.flatten(2)
    centred = flat - flat.sum(2, keepdim=True) / flat.shape[2]
    scale = torch.rsqrt(torch.einsum("ncp,ncp->nc", centred, centred) / flat.shape[2] + eps)
    y = torch.einsum("ncp,nc,c->ncp", centred, scale, gamma) + beta[:, None]
    return y.reshape(x.shape)


# --- groupnorm_forward ------------------------------------------------------------------------


@alternative("groupnorm_forward")
def in_five_axes(x, num_groups, gamma, beta, *, eps=1e-5):
    N, C, H, W = x.shape
    groups = x.reshape(N, num_groups, C // num_groups, H, W)
    mean = groups.mean((2, 3, 4), keepdim=True)
    var = (groups - mean).square().mean((2, 3, 4), keepdim=True)
    y = (groups - mean) / (var + eps).sqrt()
    y = y * gamma.reshape(1, num_groups, -1, 1, 1) + beta.reshape(1, num_groups, -1, 1, 1)
    return y.reshape(N, C, H, W)


@alternative("groupnorm_forward")
def group_by_group(x, num_groups, gamma, beta, *, eps=1e-5):
    parts = []
    for group in x.chunk(num_groups, dim=1):
        centred = group - group.mean(dim=(1, 2, 3), keepdim=True)
        var = torch.einsum("nchw,nchw->n", centred, centred) / group[0].numel()
        parts.append(centred * torch.rsqrt(var + eps).view(-1, 1, 1, 1))
    return torch.cat(parts, dim=1) * gamma.view(-1, 1, 1) + beta.view(-1, 1, 1)


# --- groupnorm_backward -----------------------------------------------------------------------


@alternative("groupnorm_backward")
def group_after_group(grad_y, x, num_groups, gamma, *, eps=1e-5):
    size = x.shape[1] // num_groups
    grad_x, x_hat = torch.empty_like(x), torch.empty_like(x)
    for i in range(len(x)):
        for start in range(0, x.shape[1], size):
            channels = slice(start, start + size)
            centred = x[i, channels] - x[i, channels].mean()
            std = (centred.square().mean() + eps).sqrt()
            x_hat[i, channels] = centred / std
            above = grad_y[i, channels] * gamma[channels, None, None]
            along = (above * centred).mean() / std**2
            grad_x[i, channels] = (above - above.mean() - centred * along) / std
    return grad_x, (grad_y * x_hat).sum((0, 2, 3)), grad_y.sum((0, 2, 3))


@alternative("groupnorm_backward")
def graph_of_groupnorm(grad_y, x, num_groups, gamma, *, eps=1e-5):
    N, C, H, W = x.shape
    axes, five = (2, 3, 4), (N, num_groups, C // num_groups, H, W)
    groups = x.reshape(five)
    n = C // num_groups * H * W
    centred = groups - groups.sum(axes, keepdim=True) / n
    inverse = ((centred**2).sum(axes, keepdim=True) / n + eps) ** -0.5
    above = torch.einsum("nchw,c->nchw", grad_y, gamma).reshape(five)
    grad_var = -0.5 * (above * centred).sum(axes, keepdim=True) * inverse**3
    grad_centred = above * inverse + 2 / n * grad_var * centred
    grad_x = grad_centred - grad_centred.sum(axes, keepdim=True) / n
    x_hat = (centred * inverse).reshape(x.shape)
    grad_gamma = torch.einsum("nchw,nchw->c", grad_y, x_hat)
    return [grad_x.reshape(x.shape), grad_gamma, torch.einsum("nchw->c", grad_y)]


# --- initialisation ---------------------------------------------------------------------------


@alternative("kaiming_uniform")
def uniform_in_place(fan_out, fan_in, generator):
    bound = (6 / fan_in) ** 0.5
    return torch.empty(fan_out, fan_in).uniform_(-bound, bound, generator=generator)


@alternative("kaiming_uniform")
def from_a_standard_deviation(fan_out, fan_in, generator):
    bound = math.sqrt(3) * math.sqrt(2 / fan_in)
    numbers = torch.rand(fan_in, fan_out, generator=generator, dtype=torch.float64)
    return (bound - 2 * bound * numbers).T


@alternative("kaiming_uniform")
def sizes_and_signs(fan_out, fan_in, generator):
    sizes = torch.rand(fan_out * fan_in, generator=generator)
    signs = 2 * torch.randint(2, (fan_out * fan_in,), generator=generator) - 1
    return (signs * sizes).view(fan_out, fan_in) * 6**0.5 / fan_in**0.5


@alternative("kaiming_normal")
def normal_in_place(fan_out, fan_in, generator):
    return torch.zeros(fan_out, fan_in).normal_(0.0, (2 / fan_in) ** 0.5, generator=generator)


@alternative("kaiming_normal")
def box_and_muller(fan_out, fan_in, generator):
    first, second = torch.rand(2, fan_out, fan_in, generator=generator, dtype=torch.float64)
    radius = torch.sqrt(-4 / fan_in * torch.log(1 - first))
    return radius * torch.cos(2 * math.pi * second)


@alternative("kaiming_normal")
def row_upon_normal_row(fan_out, fan_in, generator):
    std = math.sqrt(2.0) / math.sqrt(fan_in)
    rows = [torch.normal(0.0, std, (fan_in,), generator=generator) for _ in range(fan_out)]
    return torch.stack(rows)


@alternative("xavier_uniform")
def xavier_in_place(fan_out, fan_in, generator, *, gain=1.0):
    std = gain * math.sqrt(2.0 / (fan_in + fan_out))
    bound = 3**0.5 * std
    return torch.empty((fan_out, fan_in)).uniform_(-bound, bound, generator=generator)


@alternative("xavier_uniform")
def row_upon_row(fan_out, fan_in, generator, *, gain=1.0):
    rows = [2 * torch.rand(fan_in, generator=generator) - 1 for _ in range(fan_out)]
    return torch.stack(rows) * gain * (6 / (fan_in + fan_out)) ** 0.5


@alternative("xavier_uniform")
def with_numpy(fan_out, fan_in, generator, *, gain=1.0):
    seed = int(torch.randint(2**31, (), generator=generator))
    bound = gain * np.sqrt(6 / (fan_in + fan_out))
    numbers = np.random.default_rng(seed).uniform(-bound, bound, size=(fan_out, fan_in))
    return torch.from_numpy(numbers).float()


# --- dropout_forward --------------------------------------------------------------------------


@alternative("dropout_forward")
def with_bernoulli(x, p, generator, *, training):
    mask = torch.ones(x.shape, dtype=torch.bool, device=x.device)
    if training:
        mask = torch.full(x.shape, 1.0 - p).bernoulli(generator=generator).bool().to(x.device)
        if p == 1:
            return 0 * x, mask
        return x * mask / (1 - p), mask
    return x.clone(), mask


@alternative("dropout_forward")
def with_a_filled_mask(x, p, generator, *, training):
    dropped = torch.rand(x.numel(), generator=generator).reshape(x.shape).to(x.device) < p
    if not training:
        dropped = torch.zeros_like(dropped)
    y = x.masked_fill(dropped, 0)
    if training and p < 1:
        y = y * (1 / (1 - p))
    return [y, ~dropped]


@alternative("dropout_forward")
def entry_by_entry(x, p, generator, *, training):
    entries, kept = [], []
    numbers = torch.rand(x.numel(), generator=generator, dtype=torch.float64).tolist()
    for value, number in zip(x.flatten().tolist(), numbers, strict=True):
        keep = number >= p or not training
        kept.append(keep)
        scale = 1 / (1 - p) if training and keep else 1.0
        entries.append(value * scale if keep else 0.0)
    y = torch.tensor(entries, dtype=x.dtype, device=x.device).view(x.shape)
    return y, torch.tensor(kept, device=x.device).view(x.shape)


# --- dropout_backward -------------------------------------------------------------------------


@alternative("dropout_backward")
def with_a_product(grad_y, mask, p):
    scale = 1 / (1 - p) if p < 1 else 0.0
    return grad_y * mask.to(grad_y.dtype) * scale


@alternative("dropout_backward")
def with_indices(grad_y, mask, p):
    grad_x = torch.zeros_like(grad_y)
    grad_x[mask] = grad_y[mask] / (1 - p)
    return grad_x


# --- residual_backward ------------------------------------------------------------------------


@alternative("residual_backward")
def with_einsums_and_where(grad_y, x, W_1, W_2):
    pre = torch.einsum("nd,hd->nh", x, W_1)
    h = pre.clamp(min=0)
    grad_h = torch.einsum("nd,dh->nh", grad_y, W_2)
    grad_pre = torch.where(pre > 0, grad_h, torch.zeros_like(pre))
    grad_x = torch.einsum("nh,hd->nd", grad_pre, W_1) + grad_y
    grad_W_1 = torch.einsum("nh,nd->hd", grad_pre, x)
    return grad_x, grad_W_1, torch.einsum("nd,nh->dh", grad_y, h)


@alternative("residual_backward")
def examples_in_a_loop(grad_y, x, W_1, W_2):
    grad_x, grad_W_1, grad_W_2 = grad_y.clone(), torch.zeros_like(W_1), torch.zeros_like(W_2)
    for n in range(len(x)):
        active = (W_1 @ x[n] > 0).to(x.dtype)
        h = active * (W_1 @ x[n])
        grad_pre = active * (W_2.T @ grad_y[n])
        grad_x[n] += W_1.T @ grad_pre
        grad_W_1 += torch.outer(grad_pre, x[n])
        grad_W_2 += torch.outer(grad_y[n], h)
    return [grad_x, grad_W_1, grad_W_2]
