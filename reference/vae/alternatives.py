"""Other right versions of the exercises on autoregressive models and the VAE."""

import math

import numpy as np
import torch

from autograder.checks.bank import alternative

F = torch.nn.functional


def _rows(x):
    """Put each example in a row."""
    return x.reshape(x.shape[0], -1)


# --- autoregressive_log_prob --------------------------------------------------------------------


@alternative("autoregressive_log_prob")
def entry_by_entry(cond_logits, x):
    log_prob = []
    for scores, sequence in zip(cond_logits, x, strict=True):
        total = 0.0
        for row, k in zip(scores, sequence, strict=True):
            largest = row.max()
            total = total + row[k] - largest - torch.log(torch.sum(torch.exp(row - largest)))
        log_prob.append(total)
    return torch.stack(log_prob)


@alternative("autoregressive_log_prob")
def with_one_hot(cond_logits, x):
    one_hot = F.one_hot(x, cond_logits.shape[-1]).to(cond_logits.dtype)
    chosen = torch.einsum("btk,btk->bt", cond_logits, one_hot)
    odds = cond_logits - chosen.unsqueeze(-1)  # ln p = -ln(sum of the odds against x)
    largest = odds.max(dim=-1).values
    lse = largest + (odds - largest.unsqueeze(-1)).exp().sum(-1).log()
    return -lse.sum(dim=1)


@alternative("autoregressive_log_prob")
def with_two_index_tensors(cond_logits, x):
    B, T, _ = cond_logits.shape
    shifted = cond_logits - cond_logits.max(-1, keepdim=True).values
    p = torch.exp(shifted)
    picked = shifted[torch.arange(B).unsqueeze(1), torch.arange(T), x]
    return (picked - torch.log(p.sum(-1))).sum(-1)


@alternative("autoregressive_log_prob")
def with_logaddexp(cond_logits, x):
    total = cond_logits[..., 0]
    for k in range(1, cond_logits.shape[-1]):
        total = torch.logaddexp(total, cond_logits[..., k])
    return (torch.take_along_dim(cond_logits, x[..., None], dim=-1)[..., 0] - total).sum(1)


# --- pixelcnn_mask ------------------------------------------------------------------------------


@alternative("pixelcnn_mask")
def with_slices(kernel_size, kind):
    if kind not in {"A", "B"} or kernel_size % 2 != 1 or kernel_size <= 0:
        raise ValueError("no such mask")
    centre = kernel_size // 2
    mask = torch.ones(kernel_size, kernel_size)
    mask[centre, centre + (kind == "B") :] = 0
    mask[centre + 1 :] = 0
    return mask


@alternative("pixelcnn_mask")
def with_comparisons(kernel_size, kind):
    if kernel_size not in range(1, 10**6, 2):
        raise ValueError(kernel_size)
    if kind == "A":
        last = kernel_size**2 // 2
    elif kind == "B":
        last = kernel_size**2 // 2 + 1
    else:
        raise ValueError(kind)
    place = torch.arange(kernel_size**2).reshape(kernel_size, kernel_size)
    return place < last


@alternative("pixelcnn_mask")
def with_lists(kernel_size, kind):
    centre = {"A": 0, "B": 1}
    if kind not in centre:
        raise ValueError("kind")
    half, rest = divmod(kernel_size, 2)
    if rest == 0 or half < 0:
        raise ValueError("kernel_size")
    rows = [[1] * kernel_size for _ in range(half)]
    rows.append([1] * half + [centre[kind]] + [0] * half)
    rows += [[0] * kernel_size for _ in range(half)]
    return torch.tensor(rows)


# --- masked_conv2d ------------------------------------------------------------------------------


@alternative("masked_conv2d")
def weight_by_weight(x, weight, bias, kind):
    k, (_, _, height, width) = weight.shape[-1], x.shape
    half = k // 2
    padded = torch.nn.functional.pad(x, (half, half, half, half))
    y = bias.reshape(1, -1, 1, 1).expand(len(x), -1, height, width)
    for i in range(half + 1):
        for j in range(k):
            if (i, j) < (half, half + (kind == "B")):
                window = padded[:, :, i : i + height, j : j + width]
                y = y + torch.einsum("nchw,fc->nfhw", window, weight[:, :, i, j])
    return y


@alternative("masked_conv2d")
def above_and_left(x, weight, bias, kind):
    half = weight.shape[-1] // 2
    end = half + (kind == "B")
    y = bias[:, None, None].to(x)
    if half:
        rows_above = F.conv2d(F.pad(x, (half, half, half, 0)), weight[:, :, :half])
        y = y + rows_above[:, :, : x.shape[2]]
    if end:
        left = F.conv2d(F.pad(x, (half, 0, 0, 0)), weight[:, :, half : half + 1, :end])
        y = y + left[..., : x.shape[3]]
    return y.expand(x.shape[0], weight.shape[0], x.shape[2], x.shape[3]).contiguous()


@alternative("masked_conv2d")
def with_unfold(x, weight, bias, kind):
    k = weight.shape[-1]
    columns = F.unfold(x, k, padding=k // 2)  # (N, C k k, H W)
    kept = weight.clone().flatten(2)
    kept[..., k * k // 2 + (kind == "B") :] = 0
    y = kept.flatten(1) @ columns + bias.unsqueeze(1)
    return y.unflatten(-1, x.shape[2:])


# --- autoencoder_loss ---------------------------------------------------------------------------


@alternative("autoencoder_loss")
def mse_times_pixels(x, x_hat):
    return F.mse_loss(x_hat, x) * x[0].numel()


@alternative("autoencoder_loss")
def norms_squared(x, x_hat):
    return torch.linalg.vector_norm(_rows(x - x_hat), dim=1).pow(2).mean()


@alternative("autoencoder_loss")
def example_by_example(x, x_hat):
    total = 0
    for one, other in zip(x, x_hat, strict=True):
        difference = (one - other).reshape(-1)
        total = total + torch.dot(difference, difference)
    return total / x.shape[0]


# --- linear_autoencoder -------------------------------------------------------------------------


@alternative("linear_autoencoder")
def with_the_covariance(x, k):
    b = x.mean(dim=0)
    centred = x - b
    values, vectors = torch.linalg.eigh(torch.einsum("ni,nj->ij", centred, centred) / len(x))
    largest_first = values.argsort(descending=True)
    W = vectors[:, largest_first[:k]].T
    return W, b, values[largest_first[k:]].sum()


@alternative("linear_autoencoder")
def axis_after_axis(x, k):
    b = torch.ones(len(x), dtype=x.dtype, device=x.device) @ x / len(x)
    rest, W = x - b, []
    for _ in range(k):
        axis = torch.linalg.svd(rest)[2][0]
        W.append(axis)
        rest = rest - torch.outer(rest @ axis, axis)
    return torch.stack(W), b, (rest * rest).sum() / x.shape[0]


@alternative("linear_autoencoder")
def reconstructed_and_rotated(x, k):
    b = x.sum(0) / x.shape[0]
    left, sizes, axes = torch.svd(x - b)
    angle = torch.linalg.qr(torch.arange(float(k * k)).reshape(k, k).to(x) + torch.eye(k).to(x)).Q
    x_hat = left[:, :k] * sizes[:k] @ axes[:, :k].T + b
    return angle @ axes[:, :k].T, b, (x_hat - x).pow(2).sum(dim=1).mean()


# --- reparameterize -----------------------------------------------------------------------------


@alternative("reparameterize")
def with_a_power(mu, logvar, noise):
    sigma = math.e ** (logvar / 2)
    return noise * sigma + mu


@alternative("reparameterize")
def with_addcmul(mu, logvar, noise):
    return torch.addcmul(mu, noise, torch.exp2(logvar / (2 * math.log(2))))


@alternative("reparameterize")
def with_four_roots(mu, logvar, noise):
    quarter = torch.exp(logvar / 4)
    return mu.add(quarter * (quarter * noise))


@alternative("reparameterize")
def in_numpy(mu, logvar, noise):
    z = np.exp(logvar.numpy() / 2)
    z *= noise.numpy()
    z += mu.numpy()
    return torch.from_numpy(z)


# --- gaussian_kl --------------------------------------------------------------------------------


@alternative("gaussian_kl")
def as_in_the_paper(mu, logvar):
    inside = 1 + logvar - mu.pow(2) - torch.exp(logvar)
    return -0.5 * torch.sum(inside, dim=list(range(1, mu.dim())))


@alternative("gaussian_kl")
def with_expm1(mu, logvar):
    squares = torch.linalg.vector_norm(_rows(mu), dim=1) ** 2
    return (squares + _rows(torch.expm1(logvar) - logvar).sum(dim=1)) / 2


@alternative("gaussian_kl")
def dimension_by_dimension(mu, logvar):
    kl = mu.new_zeros(mu.shape[0])
    for mean, log_of_variance in zip(_rows(mu).T, _rows(logvar).T, strict=True):
        kl = kl + mean * mean / 2 - log_of_variance / 2 + log_of_variance.exp() / 2 - 0.5
    return kl


@alternative("gaussian_kl")
def cross_entropy_minus_entropy(mu, logvar):
    dims, sigma = mu[0].numel(), torch.exp(logvar / 2)
    cross = dims * math.log(2 * math.pi) + torch.einsum("b...->b", mu * mu + sigma * sigma)
    entropy = dims * math.log(2 * math.pi * math.e) + _rows(logvar).sum(1)
    return 0.5 * (cross - entropy)


# --- bernoulli_log_likelihood -------------------------------------------------------------------


@alternative("bernoulli_log_likelihood")
def with_logsigmoid(x, logits):
    per_pixel = x * F.logsigmoid(logits) + (1 - x) * F.logsigmoid(-logits)
    return per_pixel.sum(tuple(range(1, x.dim())))


@alternative("bernoulli_log_likelihood")
def with_logaddexp_of_zero(x, logits):
    zero = torch.zeros_like(logits)
    white = torch.einsum("bp,bp->b", _rows(x), _rows(logits))
    return white - _rows(torch.logaddexp(logits, zero)).sum(-1)


@alternative("bernoulli_log_likelihood")
def with_two_branches(x, logits):
    positive = logits > 0
    small = torch.exp(torch.where(positive, -logits, logits))
    log_white = torch.where(positive, -torch.log1p(small), logits - torch.log1p(small))
    log_black = torch.where(positive, -logits - torch.log1p(small), -torch.log1p(small))
    out = x.new_zeros(len(x))
    for n in range(len(x)):
        out[n] = (x[n] * log_white[n] + (1 - x[n]) * log_black[n]).sum()
    return out


# --- gaussian_log_likelihood --------------------------------------------------------------------


@alternative("gaussian_log_likelihood")
def standardised(x, mu, logvar):
    units = (x - mu) * torch.exp(-logvar / 2)
    entries = x[0].numel()
    return -0.5 * (_rows(logvar).sum(1) + _rows(units * units).sum(1)) - entries * math.log(
        math.sqrt(2 * math.pi)
    )


@alternative("gaussian_log_likelihood")
def divided_by_the_variance(x, mu, logvar):
    var = torch.exp(logvar)
    per_entry = -math.log(2 * math.pi) / 2 - logvar / 2 - (x - mu) ** 2 / var / 2
    return torch.sum(per_entry, tuple(range(1, x.ndim)))


@alternative("gaussian_log_likelihood")
def entry_after_entry(x, mu, logvar):
    total = torch.zeros_like(_rows(x)[:, 0])
    for a, m, s in zip(_rows(x).T, _rows(mu).T, _rows(logvar).T, strict=True):
        total = total - 0.5 * (math.log(2 * math.pi) + s + (a - m).square() / s.exp())
    return total


# --- elbo ---------------------------------------------------------------------------------------


@alternative("elbo")
def written_out(x, logits, mu, logvar):
    recon = (x * F.logsigmoid(logits) + (1 - x) * F.logsigmoid(-logits)).flatten(1).sum(1)
    kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(dim=1)
    return recon - kl, recon, kl


@alternative("elbo")
def with_softplus_in_a_list(x, logits, mu, logvar):
    # softplus with the large threshold: no shortcut that costs digits
    loss = F.softplus(logits, threshold=40) - x * logits
    recon = -loss.reshape(len(x), -1).sum(-1)
    variance = torch.exp(logvar)
    kl = 0.5 * torch.einsum("bd->b", variance + mu * mu - logvar - 1)
    return [torch.sub(recon, kl), recon, kl]


@alternative("elbo")
def example_after_example(x, logits, mu, logvar):
    values, recons, kls = [], [], []
    for n in range(x.shape[0]):
        sign = 2 * x[n] - 1  # right for black and white, mixed for grey
        white = (1 + sign) / 2
        odds = torch.log1p(torch.exp(-logits[n].abs()))
        recon = (white * logits[n].clamp(max=0) - (1 - white) * logits[n].clamp(min=0) - odds).sum()
        kl = sum((m * m + s.exp() - s - 1) / 2 for m, s in zip(mu[n], logvar[n], strict=True))
        values.append(recon - kl)
        recons.append(recon)
        kls.append(kl)
    return torch.stack(values), torch.stack(recons), torch.stack(kls)


@alternative("elbo")
def as_a_negative_loss(x, logits, mu, logvar):
    axes = tuple(range(1, x.dim()))
    bce = (logits.relu() - logits * x + (-logits.abs()).exp().log1p()).sum(axes)
    kld = (torch.expm1(logvar) - logvar + mu.square()).sum(1).div(2)
    loss = bce + kld
    return -loss, -bce, kld


# --- linear_gaussian_elbo -----------------------------------------------------------------------


@alternative("linear_gaussian_elbo")
def with_traces_and_cholesky(x, W, b, sigma, mu, logvar):
    P, D = W.shape
    gram, r = W.T @ W, x - b
    spread = torch.diag_embed(torch.exp(logvar)) + torch.einsum("bi,bj->bij", mu, mu)
    squares = (r * r).sum(1) - 2 * ((r @ W) * mu).sum(1) + torch.einsum("ij,bij->b", gram, spread)
    recon = -P / 2 * math.log(2 * math.pi * sigma**2) - squares / (2 * sigma * sigma)
    kl = 0.5 * (torch.exp(logvar) + mu**2 - logvar).sum(1) - D / 2
    L = torch.linalg.cholesky(W @ W.T + torch.diag(torch.full_like(b, sigma**2)))
    white = torch.linalg.solve_triangular(L, r.T, upper=False)
    log_det = 2 * L.diagonal().log().sum()
    evidence = -0.5 * (P * math.log(2 * math.pi) + log_det + (white**2).sum(0))
    return recon - kl, evidence


@alternative("linear_gaussian_elbo")
def with_woodbury(x, W, b, sigma, mu, logvar):
    P, D = W.shape
    var, s2 = logvar.exp(), sigma**2
    elbo = []
    for n in range(len(x)):
        miss = x[n] - W @ mu[n] - b
        squares = torch.dot(miss, miss)
        for d in range(D):
            squares = squares + var[n, d] * torch.dot(W[:, d], W[:, d])
        kl = 0.5 * (mu[n] ** 2 + var[n] - 1 - logvar[n]).sum()
        elbo.append(-0.5 * (P * math.log(2 * math.pi * s2) + squares / s2) - kl)
    inner = W.T @ W + s2 * torch.eye(D, dtype=x.dtype, device=x.device)
    r = x - b
    projected = r @ W
    distance = (r**2).sum(1) - (projected @ torch.linalg.inv(inner) * projected).sum(1)
    log_det = torch.linalg.slogdet(inner)[1] + (P - D) * math.log(s2)
    return [torch.stack(elbo), -0.5 * (P * math.log(2 * math.pi) + log_det + distance / s2)]


# --- iwae_bound ---------------------------------------------------------------------------------


@alternative("iwae_bound")
def with_logaddexp_over_codes(log_px, z, mu, logvar):
    constant = math.log(2 * math.pi)
    log_prior = (-0.5 * (constant + z**2)).sum(-1)
    log_q = (-0.5 * (constant + logvar + (z - mu) ** 2 / logvar.exp())).sum(-1)
    log_w = log_px + log_prior - log_q
    total = log_w[0]
    for one in log_w[1:]:
        total = torch.logaddexp(total, one)
    return total - math.log(log_w.shape[0])


@alternative("iwae_bound")
def from_the_noise(log_px, z, mu, logvar):
    noise = (z - mu) * torch.exp(-logvar / 2)
    extra = 0.5 * (noise.square() - z.square() + logvar).sum(dim=2)
    log_w = log_px + extra
    top = log_w.max(dim=0, keepdim=True).values
    w = (log_w - top).exp()
    return (w.sum(0) / w.shape[0]).log() + top.squeeze(0)


@alternative("iwae_bound")
def example_for_example(log_px, z, mu, logvar):
    K, B = log_px.shape
    bounds = []
    for n in range(B):
        log_w = []
        for k in range(K):
            prior = -0.5 * (z[k, n] ** 2).sum()
            q = -0.5 * (logvar[n] + (z[k, n] - mu[n]) ** 2 * torch.exp(-logvar[n])).sum()
            log_w.append(log_px[k, n] + prior - q)
        top = max(log_w)
        bounds.append(top + torch.log(sum(torch.exp(one - top) for one in log_w) / K))
    return torch.stack(bounds)


# --- reparameterize_backward --------------------------------------------------------------------


@alternative("reparameterize_backward")
def from_the_deviation(grad_z, logvar, noise):
    deviation = torch.exp(logvar / 2) * noise  # z - mu
    return grad_z, grad_z * deviation / 2


@alternative("reparameterize_backward")
def through_sigma(grad_z, logvar, noise):
    sigma = torch.exp2(logvar / (2 * math.log(2)))
    grad_sigma = torch.mul(grad_z, noise)
    return [torch.ones_like(logvar) * grad_z, grad_sigma * sigma * 0.5]


# --- gaussian_kl_backward -----------------------------------------------------------------------


@alternative("gaussian_kl_backward")
def with_einsums(grad_kl, mu, logvar):
    grad_mu = torch.einsum("b,b...->b...", grad_kl, mu)
    return grad_mu, torch.einsum("b,b...->b...", grad_kl / 2, torch.exp(logvar) - 1)


@alternative("gaussian_kl_backward")
def loop_over_examples(grad_kl, mu, logvar):
    grad_mu, grad_logvar = torch.empty_like(mu), torch.empty_like(logvar)
    for n, grad in enumerate(grad_kl):
        grad_mu[n] = grad * mu[n]
        grad_logvar[n] = 0.5 * grad * logvar[n].exp() - 0.5 * grad
    return grad_mu, grad_logvar


@alternative("gaussian_kl_backward")
def with_axes_at_the_end(grad_kl, mu, logvar):
    swapped_mu, swapped_logvar = mu.transpose(0, -1), logvar.transpose(0, -1)
    grad_mu = (swapped_mu * grad_kl).transpose(0, -1)
    return grad_mu, ((swapped_logvar.exp() - 1) * grad_kl / 2).transpose(0, -1)


# --- train_vae ----------------------------------------------------------------------------------


class _Vae(torch.nn.Module):
    def __init__(self, pixels, hidden, latent):
        super().__init__()
        self.e = torch.nn.Linear(pixels, hidden)
        self.mu = torch.nn.Linear(hidden, latent)
        self.v = torch.nn.Linear(hidden, latent)
        self.d = torch.nn.Linear(latent, hidden)
        self.x = torch.nn.Linear(hidden, pixels)

    def forward(self, x, generator):
        h = self.e(x).tanh()
        mu, logvar = self.mu(h), self.v(h)
        noise = torch.randn(mu.shape, generator=generator, dtype=x.dtype)
        z = mu + (logvar / 2).exp() * noise
        return self.x(self.d(z).tanh()), mu, logvar


@alternative("train_vae")
def with_modules(x, hidden, latent, steps, lr, generator):
    vae = _Vae(x.shape[1], hidden, latent).to(x)
    for name, parameter in vae.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.zeros_(parameter)
        else:
            torch.nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5, generator=generator)
    optimizer = torch.optim.Adam(vae.parameters(), lr=lr)
    for _ in range(steps):
        batch = x[torch.randperm(len(x), generator=generator)[:64]]
        logits, mu, logvar = vae(batch, generator)
        bce = F.binary_cross_entropy_with_logits(logits, batch, reduction="sum")
        kld = -0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp())
        optimizer.zero_grad()
        ((bce + kld) / len(batch)).backward()
        optimizer.step()
    return [parameter.detach() for parameter in vae.parameters()]


@alternative("train_vae")
def adam_by_hand(x, hidden, latent, steps, lr, generator):
    widths = [(hidden, x.shape[1]), (latent, hidden), (latent, hidden), (hidden, latent)]
    params = []
    for rows, columns in [*widths, (x.shape[1], hidden)]:
        bound = (3 / columns) ** 0.5
        params.append(bound * (2 * torch.rand(rows, columns, generator=generator).to(x) - 1))
        params.append(torch.zeros(rows).to(x))
    first = [torch.zeros_like(one) for one in params]
    second = [torch.zeros_like(one) for one in params]
    batches = []
    for step in range(1, steps + 1):
        if not batches:
            batches = list(torch.randperm(len(x), generator=generator).split(100))
        batch = x[batches.pop()]
        params = [one.detach().requires_grad_() for one in params]
        W_e, b_e, W_mu, b_mu, W_v, b_v, W_d, b_d, W_x, b_x = params
        h = torch.tanh(F.linear(batch, W_e, b_e))
        mu, logvar = F.linear(h, W_mu, b_mu), F.linear(h, W_v, b_v)
        z = mu + torch.exp(logvar / 2) * torch.randn(mu.shape, generator=generator).to(x)
        logits = F.linear(torch.tanh(F.linear(z, W_d, b_d)), W_x, b_x)
        cost = (F.softplus(logits) - batch * logits).sum(1) + 0.5 * (
            mu**2 + logvar.exp() - 1 - logvar
        ).sum(1)
        grads = torch.autograd.grad(cost.mean(), params)
        with torch.no_grad():
            first = [0.9 * m + 0.1 * g for m, g in zip(first, grads, strict=True)]
            second = [0.999 * v + 0.001 * g * g for v, g in zip(second, grads, strict=True)]
            params = [
                p - lr * (m / (1 - 0.9**step)) / ((v / (1 - 0.999**step)).sqrt() + 1e-8)
                for p, m, v in zip(params, first, second, strict=True)
            ]
    return tuple(params)
