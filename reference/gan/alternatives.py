"""Other right versions of the exercises on adversarial networks: every suite accepts them."""

import torch

from autograder.checks.bank import alternative

# --- discriminator_loss -----------------------------------------------------------------------


@alternative("discriminator_loss")
def with_logsigmoid(real_logits, fake_logits):
    log_sigmoid = torch.nn.functional.logsigmoid
    return -torch.mean(log_sigmoid(real_logits)) - torch.mean(log_sigmoid(-fake_logits))


@alternative("discriminator_loss")
def with_logaddexp(real_logits, fake_logits):
    of_real = torch.logaddexp(torch.zeros_like(real_logits), -real_logits)
    of_fake = torch.logaddexp(torch.zeros_like(fake_logits), fake_logits)
    return of_real.sum() / of_real.numel() + of_fake.sum() / of_fake.numel()


@alternative("discriminator_loss")
def with_clamp_and_log1p(real_logits, fake_logits):
    def loss(z, label):
        return (z.clamp(min=0) - label * z + torch.log1p(torch.exp(-torch.abs(z)))).mean()

    return loss(real_logits, 1.0) + loss(fake_logits, 0.0)


@alternative("discriminator_loss")
def sample_by_sample_of_both(real_logits, fake_logits):
    on_real, on_fake = real_logits.reshape(-1), fake_logits.reshape(-1)
    of_real = sum(torch.nn.functional.softplus(-logit) for logit in on_real) / len(on_real)
    return of_real + sum(torch.nn.functional.softplus(logit) for logit in on_fake) / len(on_fake)


# --- generator_loss ---------------------------------------------------------------------------


@alternative("generator_loss")
def mean_of_logsigmoids(fake_logits):
    return -torch.nn.functional.logsigmoid(fake_logits).mean()


@alternative("generator_loss")
def softplus_minus_the_logit(fake_logits):
    exponent = torch.exp(-fake_logits.abs())
    return (torch.relu(-fake_logits) + torch.log1p(exponent)).mean()


@alternative("generator_loss")
def sample_by_sample(fake_logits):
    total = torch.zeros_like(fake_logits.reshape(-1)[0])
    for logit in fake_logits.reshape(-1):
        total = total + torch.logaddexp(torch.zeros_like(logit), -logit)
    return total / fake_logits.numel()


# --- generator_loss_minimax -------------------------------------------------------------------


@alternative("generator_loss_minimax")
def logsigmoid_of_the_opposite(fake_logits):
    return torch.nn.functional.logsigmoid(-fake_logits).mean()


@alternative("generator_loss_minimax")
def logsigmoid_minus_the_logit(fake_logits):
    larger = torch.maximum(fake_logits, torch.zeros_like(fake_logits))
    return torch.mean(-larger - torch.log1p(torch.exp(-fake_logits.abs())))


# --- discriminator_loss_backward --------------------------------------------------------------


@alternative("discriminator_loss_backward")
def probability_minus_label(grad_loss, real_logits, fake_logits):
    grad_real = (torch.sigmoid(real_logits) - 1) * (grad_loss / real_logits.numel())
    grad_fake = (torch.sigmoid(fake_logits) - 0) * (grad_loss / fake_logits.numel())
    return [grad_real, grad_fake]


@alternative("discriminator_loss_backward")
def with_tanh(grad_loss, real_logits, fake_logits):
    grad_real = grad_loss * (torch.tanh(real_logits / 2) - 1) / 2
    grad_fake = grad_loss * (torch.tanh(fake_logits / 2) + 1) / 2
    return grad_real / real_logits.numel(), grad_fake / fake_logits.numel()


@alternative("discriminator_loss_backward")
def logit_by_logit(grad_loss, real_logits, fake_logits):
    def one(logits, label):
        values = [torch.sigmoid(logit) - label for logit in logits.reshape(-1)]
        return grad_loss * torch.stack(values).reshape(logits.shape) / len(values)

    return one(real_logits, 1.0), one(fake_logits, 0.0)


# --- optimal_discriminator --------------------------------------------------------------------


@alternative("optimal_discriminator")
def replaced_afterwards(p, q):
    best = p / (p + q)
    return torch.where(torch.isnan(best), torch.full_like(best, 0.5), best)


@alternative("optimal_discriminator")
def masked_denominator(p, q):
    nowhere = (p == 0) & (q == 0)
    best = p / (p + q).masked_fill(nowhere, 1.0)
    return best.masked_fill(nowhere, 0.5)


@alternative("optimal_discriminator")
def one_minus_the_other(p, q):
    best = torch.empty_like(p, memory_format=torch.contiguous_format)
    somewhere = p + q > 0
    best[somewhere] = 1 - q[somewhere] / (p[somewhere] + q[somewhere])
    best[~somewhere] = 0.5
    return best


# --- value_at_optimum -------------------------------------------------------------------------


def _relative_entropy(p, q):
    kept = p > 0
    return torch.sum(p[kept] * torch.log(p[kept] / q[kept]))


@alternative("value_at_optimum")
def from_the_divergence(p, q):
    m = (p + q) / 2
    jsd = 0.5 * _relative_entropy(p, m) + 0.5 * _relative_entropy(q, m)
    return 2 * jsd - torch.log(torch.full_like(jsd, 4.0))


@alternative("value_at_optimum")
def with_xlogy(p, q):
    total = p + q
    return (torch.xlogy(p, p) + torch.xlogy(q, q) - torch.xlogy(total, total)).sum()


@alternative("value_at_optimum")
def common_outcomes(p, q):
    common = (p > 0) & (q > 0)  # what only one of them knows is told with certainty: ln 1 = 0
    p, q = p[common], q[common]
    return -(p @ torch.log1p(q / p)) - q @ torch.log1p(p / q)


@alternative("value_at_optimum")
def outcome_by_outcome(p, q):
    value = torch.zeros_like(p[0])
    for a, b in zip(p, q, strict=True):
        if a > 0:
            value = value + a * torch.log(a / (a + b))
        if b > 0:
            value = value + b * torch.log(b / (a + b))
    return value


# --- gan_step ---------------------------------------------------------------------------------


def _softplus(x):
    return torch.nn.functional.softplus(x)


@alternative("gan_step")
def with_library_losses(generator, discriminator, opt_g, opt_d, real, z_d, z_g):
    criterion = torch.nn.BCEWithLogitsLoss()
    with torch.no_grad():
        fake = generator(z_d)
    opt_d.zero_grad()
    on_real, on_fake = discriminator(real), discriminator(fake)
    d_loss = criterion(on_real, torch.ones_like(on_real))
    d_loss = d_loss + criterion(on_fake, torch.zeros_like(on_fake))
    d_loss.backward()
    opt_d.step()

    for param in discriminator.parameters():
        param.requires_grad_(requires_grad=False)
    opt_g.zero_grad()
    judged = discriminator(generator(z_g))
    g_loss = criterion(judged, torch.ones_like(judged))
    g_loss.backward()
    opt_g.step()
    for param in discriminator.parameters():
        param.requires_grad_(requires_grad=True)
    return d_loss.item(), g_loss.item()


@alternative("gan_step")
def cleared_at_the_end(generator, discriminator, opt_g, opt_d, real, z_d, z_g):
    opt_g.zero_grad()
    opt_d.zero_grad()
    fake = generator(z_d).detach()
    d_on_real = _softplus(-discriminator(real)).mean()
    d_on_fake = _softplus(discriminator(fake)).mean()
    d_on_real.backward()
    d_on_fake.backward()
    opt_d.step()
    g_loss = _softplus(-discriminator(generator(z_g))).mean()
    g_loss.backward()
    opt_g.step()
    opt_d.zero_grad()
    return d_on_real + d_on_fake, g_loss


@alternative("gan_step")
def gradients_by_hand_out(generator, discriminator, opt_g, opt_d, real, z_d, z_g):
    params = list(discriminator.parameters())
    d_loss = (
        -torch.nn.functional.logsigmoid(discriminator(real)).mean()
        - torch.nn.functional.logsigmoid(-discriminator(generator(z_d))).mean()
    )
    for param, grad in zip(params, torch.autograd.grad(d_loss, params), strict=True):
        param.grad = grad
    opt_d.step()
    params = list(generator.parameters())
    g_loss = -torch.nn.functional.logsigmoid(discriminator(generator(z_g))).mean()
    for param, grad in zip(params, torch.autograd.grad(g_loss, params), strict=True):
        param.grad = grad
    opt_g.step()
    return [d_loss.detach(), g_loss.detach()]


# --- conditional_batchnorm_forward ------------------------------------------------------------


@alternative("conditional_batchnorm_forward")
def with_one_hot_matrices(x, y, gamma, beta, *, eps=1e-5):
    rows = torch.nn.functional.one_hot(y, len(gamma)).to(x.dtype)
    var, mean = torch.var_mean(x, dim=0, unbiased=False)
    return (rows @ gamma) * (x - mean) * torch.rsqrt(var + eps) + rows @ beta


@alternative("conditional_batchnorm_forward")
def label_by_label(x, y, gamma, beta, *, eps=1e-5):
    centred = x - x.mean(dim=0, keepdim=True)
    x_hat = centred / (centred.square().mean(dim=0, keepdim=True) + eps).sqrt()
    out = torch.empty_like(x_hat)
    for label in range(len(gamma)):
        out[y == label] = gamma[label] * x_hat[y == label] + beta[label]
    return out


@alternative("conditional_batchnorm_forward")
def feature_by_feature(x, y, gamma, beta, *, eps=1e-5):
    columns = []
    for j in range(x.shape[1]):
        column = x[:, j] - x[:, j].mean()
        column = column / ((column * column).mean() + eps) ** 0.5
        columns.append(column * gamma[y, j] + beta[y, j])
    return torch.stack(columns, dim=1)


# --- conditional_batchnorm_backward -----------------------------------------------------------


@alternative("conditional_batchnorm_backward")
def with_one_hot_products(grad_out, x, y, gamma, *, eps=1e-5):
    rows = torch.nn.functional.one_hot(y, len(gamma)).to(x.dtype)
    centred = x - x.mean(0)
    std = torch.sqrt((centred**2).mean(0) + eps)
    x_hat = centred / std
    g = grad_out * (rows @ gamma)
    n = len(x)
    grad_x = (n * g - g.sum(0) - x_hat * (g * x_hat).sum(0)) / (n * std)
    return grad_x, rows.T @ (grad_out * x_hat), rows.T @ grad_out


@alternative("conditional_batchnorm_backward")
def node_by_node(grad_out, x, y, gamma, *, eps=1e-5):
    n = x.shape[0]
    centred = x - x.mean(0)
    var = (centred**2).sum(0) / n
    inverse = (var + eps) ** -0.5
    grad_gamma, grad_beta = torch.zeros_like(gamma), torch.zeros_like(gamma)
    for i, label in enumerate(y.tolist()):
        grad_gamma[label] += grad_out[i] * centred[i] * inverse
        grad_beta[label] += grad_out[i]
    grad_x_hat = grad_out * gamma.index_select(0, y)
    grad_var = -0.5 * (grad_x_hat * centred).sum(0) * inverse**3
    grad_centred = grad_x_hat * inverse + 2 * centred * grad_var / n
    return grad_centred - grad_centred.sum(0) / n, grad_gamma, grad_beta


@alternative("conditional_batchnorm_backward")
def with_the_jacobian(grad_out, x, y, gamma, *, eps=1e-5):
    n, (K, C) = len(x), gamma.shape
    inverse = torch.rsqrt(torch.var(x, dim=0, unbiased=False) + eps)
    x_hat = (x - x.mean(0)) * inverse
    eye = torch.eye(n, dtype=x.dtype, device=x.device)
    jacobian = eye.unsqueeze(2) - 1 / n - x_hat.unsqueeze(1) * x_hat.unsqueeze(0) / n
    grad_x = inverse * torch.einsum("ikc,kc->ic", jacobian, grad_out * gamma[y])
    grads = [grad_out * x_hat, grad_out]
    of = [torch.stack([g[y == k].sum(0) for k in range(K)]).reshape(K, C) for g in grads]
    return (grad_x, *of)
