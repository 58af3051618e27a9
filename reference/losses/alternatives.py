"""Other right versions of the losses: what students may well write, and the suites must accept."""

import functools
import math

import numpy as np
import torch
from torch import Tensor

from autograder.checks.bank import alternative


def _probabilities(target: Tensor, logits: Tensor) -> Tensor:
    """Write targets of either form as probabilities (N, C)."""
    if target.is_floating_point():
        return target
    return torch.nn.functional.one_hot(target, logits.shape[1]).to(logits.dtype)


def _reduced(losses: Tensor, reduction: str) -> Tensor:
    return {"mean": torch.mean, "sum": torch.sum, "none": torch.clone}[reduction](losses)


# --- softmax ------------------------------------------------------------------------------------


@alternative("softmax")
def softmax_through_logarithms(z: Tensor, dim: int = -1) -> Tensor:
    """Exponentiate the log-probabilities."""
    largest = z.max(dim, keepdim=True).values
    return torch.exp(z - (largest + (z - largest).exp().sum(dim, keepdim=True).log()))


@alternative("softmax")
def softmax_row_by_row(z: Tensor, dim: int = -1) -> Tensor:
    """Loop over the slices, then over their entries."""
    rows = z.movedim(dim, -1).reshape(-1, z.shape[dim])
    out = torch.empty_like(rows)
    for i, row in enumerate(rows):
        largest = max(float(score) for score in row)
        numerators = [math.exp(float(score) - largest) for score in row]
        for j, numerator in enumerate(numerators):
            out[i, j] = numerator / sum(numerators)
    return out.reshape(z.movedim(dim, -1).shape).movedim(-1, dim)


@alternative("softmax")
def softmax_in_numpy(z: Tensor, dim: int = -1) -> Tensor:
    """Go through numpy and back."""
    scores = z.numpy()
    e = np.exp(scores - scores.max(axis=dim, keepdims=True))
    return torch.from_numpy(e / e.sum(axis=dim, keepdims=True))


@alternative("softmax")
def softmax_of_powers_of_two(z: Tensor, dim: int = -1) -> Tensor:
    """Sort for the maximum, use powers of 2, and divide in place."""
    largest = z.sort(dim=dim).values.narrow(dim, z.shape[dim] - 1, 1)
    out = torch.exp2((z - largest) / math.log(2))
    out /= out.sum(dim).unsqueeze(dim)
    return out


@alternative("softmax")
def softmax_by_pairwise_sums(z: Tensor, dim: int = -1) -> Tensor:
    """Put the normaliser together two scores at a time."""
    total = functools.reduce(torch.logaddexp, z.unbind(dim))
    return (z - total.unsqueeze(dim)).exp()


# --- logsumexp ----------------------------------------------------------------------------------


@alternative("logsumexp")
def logsumexp_by_pairwise_sums(z: Tensor, dim: int = -1) -> Tensor:
    """Put the sum together two scores at a time."""
    return functools.reduce(torch.logaddexp, z.unbind(dim))


@alternative("logsumexp")
def logsumexp_with_log1p(z: Tensor, dim: int = -1) -> Tensor:
    """Set the largest score apart: its term is exactly 1."""
    ordered = z.movedim(dim, -1).sort(descending=True).values
    largest = ordered[..., 0]
    return largest + torch.log1p((ordered[..., 1:] - largest[..., None]).exp().sum(-1))


@alternative("logsumexp")
def logsumexp_in_numpy(z: Tensor, dim: int = -1) -> Tensor:
    """Go through numpy and back."""
    return torch.as_tensor(np.logaddexp.reduce(z.numpy(), axis=dim))


@alternative("logsumexp")
def logsumexp_in_one_pass(z: Tensor, dim: int = -1) -> Tensor:
    """Keep a running maximum and a running sum, score by score."""
    rows = z.movedim(dim, -1)
    out = torch.empty(rows.shape[:-1], dtype=z.dtype, device=z.device)
    for at in np.ndindex(tuple(out.shape)):
        largest, total = -math.inf, 0.0
        for score in rows[at].tolist():
            if score > largest:
                total, largest = total * math.exp(largest - score) + 1.0, score
            elif score > -math.inf:
                total += math.exp(score - largest)
        out[at] = largest + math.log(total)
    return out


@alternative("logsumexp")
def logsumexp_with_einsum(z: Tensor, dim: int = -1) -> Tensor:
    """Sum with einsum, the axis moved to the end."""
    rows = z.movedim(dim, -1)
    largest = rows.max(-1).values
    e = torch.exp(rows - largest.unsqueeze(-1))
    return torch.log(torch.einsum("...c->...", e)).add(largest)


# --- log_softmax --------------------------------------------------------------------------------


@alternative("log_softmax")
def log_softmax_by_pairwise_sums(z: Tensor, dim: int = -1) -> Tensor:
    """Subtract a log-sum-exp that is put together two scores at a time."""
    return z - functools.reduce(torch.logaddexp, z.unbind(dim)).unsqueeze(dim)


@alternative("log_softmax")
def log_softmax_scores_minus_normaliser(z: Tensor, dim: int = -1) -> Tensor:
    """Shift back inside the normaliser."""
    largest = z.max(dim, keepdim=True).values
    return z - largest - torch.log(torch.exp(z - largest).sum(dim, keepdim=True))


@alternative("log_softmax")
def log_softmax_in_numpy(z: Tensor, dim: int = -1) -> Tensor:
    """Go through numpy and back."""
    scores = z.numpy()
    shifted = scores - scores.max(axis=dim, keepdims=True)
    return torch.from_numpy(shifted - np.log(np.exp(shifted).sum(axis=dim, keepdims=True)))


@alternative("log_softmax")
def log_softmax_column_by_column(z: Tensor, dim: int = -1) -> Tensor:
    """Collect the normaliser in a loop over the classes, then stack."""
    columns = list(z.unbind(dim))
    largest = columns[0]
    for column in columns[1:]:
        largest = torch.maximum(largest, column)
    total = torch.zeros_like(largest)
    for column in columns:
        total = total + torch.exp(column - largest)
    return torch.stack([column - largest - torch.log(total) for column in columns], dim)


# --- softmax_jacobian ---------------------------------------------------------------------------


@alternative("softmax_jacobian")
def jacobian_pair_by_pair(z: Tensor) -> Tensor:
    """Fill in the two cases one by one."""
    e = torch.exp(z - z.max())
    p = e / e.sum()
    out = torch.empty(len(z), len(z), dtype=z.dtype, device=z.device)
    for i in range(len(z)):
        for j in range(len(z)):
            out[i, j] = p[i] * (1 - p[i]) if i == j else -p[i] * p[j]
    return out


@alternative("softmax_jacobian")
def jacobian_by_broadcasting(z: Tensor) -> Tensor:
    """Broadcast p_i (delta_ij - p_j)."""
    e = torch.exp(z - torch.max(z))
    p = e / torch.sum(e)
    return p[:, None] * (torch.eye(z.numel(), dtype=z.dtype, device=z.device) - p[None, :])


@alternative("softmax_jacobian")
def jacobian_of_the_logarithm(z: Tensor) -> Tensor:
    """Differentiate log p first: a product of two matrices."""
    p = (z - functools.reduce(torch.logaddexp, z)).exp()
    eye = torch.eye(len(z), dtype=z.dtype, device=z.device)
    return torch.diag_embed(p) @ (eye - torch.ones_like(p).unsqueeze(1) * p)


@alternative("softmax_jacobian")
def jacobian_by_quotient_rule(z: Tensor) -> Tensor:
    """Use the quotient rule as it stands, with einsum."""
    e = torch.exp(z - z.max())
    total = e.sum()
    return (torch.diagflat(e) * total - torch.einsum("i,j->ij", e, e)) / total**2


# --- softmax_backward ---------------------------------------------------------------------------


@alternative("softmax_backward")
def with_explicit_jacobian(grad_p: Tensor, p: Tensor) -> Tensor:
    """Build the Jacobian of each example and multiply."""
    jacobian = torch.diag_embed(p) - p.unsqueeze(2) * p.unsqueeze(1)
    return torch.bmm(jacobian, grad_p.unsqueeze(2)).squeeze(2)


@alternative("softmax_backward")
def with_einsum(grad_p: Tensor, p: Tensor) -> Tensor:
    """Write both terms as contractions."""
    return grad_p * p - torch.einsum("nk,nk,nj->nj", grad_p, p, p)


@alternative("softmax_backward")
def with_four_loops(grad_p: Tensor, p: Tensor) -> Tensor:
    """Sum over pairs of classes, example by example."""
    grad_z = torch.zeros_like(p)
    for n in range(p.shape[0]):
        for j in range(p.shape[1]):
            for i in range(p.shape[1]):
                moves = p[n, i] * ((1.0 if i == j else 0.0) - p[n, j])
                grad_z[n, j] += grad_p[n, i] * moves
    return grad_z


@alternative("softmax_backward")
def with_differences(grad_p: Tensor, p: Tensor) -> Tensor:
    """Compare each class with all others."""
    differences = grad_p.unsqueeze(2) - grad_p.unsqueeze(1)  # (N, C, C)
    return p * (differences * p.unsqueeze(1)).sum(2)


@alternative("softmax_backward")
def with_row_products(grad_p: Tensor, p: Tensor) -> Tensor:
    """Loop over the examples; each is a vector times a matrix."""
    rows = [u @ (torch.diag(q) - torch.outer(q, q)) for u, q in zip(grad_p, p, strict=True)]
    return torch.stack(rows)


@alternative("softmax_backward")
def in_numpy(grad_p: Tensor, p: Tensor) -> Tensor:
    """Go through numpy and back, changing a copy in place."""
    out = grad_p.numpy() * p.numpy()
    out -= p.numpy() * out.sum(axis=1)[:, np.newaxis]
    return torch.from_numpy(out)


# --- cross_entropy ------------------------------------------------------------------------------


@alternative("cross_entropy")
def loss_with_one_hot(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Contract one-hot rows with log-probabilities."""
    shifted = logits - logits.max(dim=1, keepdim=True).values
    log_p = shifted - torch.log(torch.exp(shifted).sum(dim=1, keepdim=True))
    losses = -torch.einsum("nc,nc->n", _probabilities(target, logits), log_p)
    return _reduced(losses, reduction)


@alternative("cross_entropy")
def loss_as_difference(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Subtract the target's mean logit from the log-sum-exp."""
    normaliser = functools.reduce(torch.logaddexp, logits.unbind(1))
    if target.ndim == 1:
        score = logits[torch.arange(logits.shape[0]), target]
    else:
        score = (target * logits).sum(1)
    return _reduced(normaliser - score, reduction)


@alternative("cross_entropy")
def loss_example_by_example(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Loop over examples and classes."""
    losses = []
    for row, truth in zip(logits, target, strict=True):
        shifted = row - row.max()
        log_p = shifted - shifted.exp().sum().log()
        if truth.dim() == 0:
            losses.append(-log_p[truth])
        else:
            losses.append(-sum(y * value for y, value in zip(truth, log_p, strict=True)))
    out = torch.stack(losses)
    if reduction == "none":
        return out
    return out.sum() / len(losses) if reduction == "mean" else out.sum()


@alternative("cross_entropy")
def loss_of_pairwise_margins(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Sum softly over how far each class is ahead of the target."""
    y = _probabilities(target, logits)
    ahead = logits - (y * logits).sum(1, keepdim=True)
    largest = ahead.amax(1)
    losses = largest + torch.exp(ahead - largest.unsqueeze(1)).sum(1).log()
    return _reduced(losses, reduction)


@alternative("cross_entropy")
def loss_in_numpy(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Go through numpy and back."""
    scores, truth = logits.numpy(), target.numpy()
    log_p = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    if truth.ndim == 1:
        losses = -log_p[np.arange(len(truth)), truth]
    else:
        losses = -(truth * log_p).sum(axis=1)
    return _reduced(torch.from_numpy(losses), reduction)


# --- cross_entropy_backward ---------------------------------------------------------------------


@alternative("cross_entropy_backward")
def gradient_with_one_hot(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Subtract one-hot rows."""
    e = torch.exp(logits - logits.max(1, keepdim=True).values)
    grad = e / e.sum(1, keepdim=True) - _probabilities(target, logits)
    return grad / logits.shape[0] if reduction == "mean" else grad


@alternative("cross_entropy_backward")
def gradient_through_logarithms(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Go back through log-softmax: the upstream gradient minus its sum times p."""
    log_p = logits - functools.reduce(torch.logaddexp, logits.unbind(1)).unsqueeze(1)
    grad_log_p = -_probabilities(target, logits)
    if reduction == "mean":
        grad_log_p = grad_log_p / len(logits)
    return grad_log_p - torch.exp(log_p) * grad_log_p.sum(1, keepdim=True)


@alternative("cross_entropy_backward")
def gradient_with_scatter(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Subtract with scatter_add where the target is."""
    e = torch.exp(logits - logits.amax(1, keepdim=True))
    grad = e / e.sum(1, keepdim=True)
    if target.ndim == 1:
        minus_one = -torch.ones(len(logits), 1, dtype=logits.dtype, device=logits.device)
        grad = grad.scatter_add(1, target[:, None], minus_one)
    else:
        grad = torch.sub(grad, target)
    weight = 1 / len(logits) if reduction == "mean" else 1
    return weight * grad


@alternative("cross_entropy_backward")
def gradient_example_by_example(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Loop over examples and classes."""
    grad = torch.zeros_like(logits)
    for n, row in enumerate(logits):
        e = torch.exp(row - row.max())
        for c in range(len(row)):
            truth = target[n, c] if target.ndim == 2 else float(target[n] == c)
            grad[n, c] = e[c] / e.sum() - truth
    return grad / len(grad) if reduction == "mean" else grad


@alternative("cross_entropy_backward")
def gradient_with_jacobian_of_logs(
    logits: Tensor, target: Tensor, reduction: str = "mean"
) -> Tensor:
    """Multiply the target with the Jacobian of log-softmax, example by example."""
    p = torch.exp(logits - functools.reduce(torch.logaddexp, logits.T).unsqueeze(1))
    eye = torch.eye(logits.shape[1], dtype=logits.dtype, device=logits.device)
    jacobians = eye - p.unsqueeze(1)  # (N, C, C)
    grad = -torch.einsum("nk,nkj->nj", _probabilities(target, logits), jacobians)
    return grad / len(grad) if reduction == "mean" else grad


@alternative("cross_entropy_backward")
def gradient_in_numpy(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Go through numpy and back."""
    scores = logits.numpy()
    e = np.exp(scores - scores.max(axis=1)[:, None])
    grad = e / e.sum(axis=1)[:, None]
    if target.ndim == 1:
        grad[np.arange(len(grad)), target.numpy()] -= 1
    else:
        grad -= target.numpy()
    return torch.from_numpy(grad / len(grad) if reduction == "mean" else grad)


# --- bce_with_logits ----------------------------------------------------------------------------


@alternative("bce_with_logits")
def binary_with_softplus(z: Tensor, y: Tensor, reduction: str = "mean") -> Tensor:
    """Use softplus, in one term."""
    return _reduced(torch.nn.functional.softplus(z) - z * y, reduction)


@alternative("bce_with_logits")
def binary_with_logsigmoid(z: Tensor, y: Tensor, reduction: str = "mean") -> Tensor:
    """Use log-sigmoid of both signs."""
    logsigmoid = torch.nn.functional.logsigmoid
    return _reduced(-(y * logsigmoid(z) + (1 - y) * logsigmoid(-z)), reduction)


@alternative("bce_with_logits")
def binary_as_two_classes(z: Tensor, y: Tensor, reduction: str = "mean") -> Tensor:
    """Use the log-sum-exp of the scores 0 and z."""
    return _reduced(torch.logaddexp(torch.zeros_like(z), z) - y * z, reduction)


@alternative("bce_with_logits")
def binary_by_cases(z: Tensor, y: Tensor, reduction: str = "mean") -> Tensor:
    """Treat the two signs of the score apart."""
    small = torch.log(1 + torch.exp(-torch.abs(z)))
    return _reduced(torch.where(z > 0, (1 - y) * z + small, -y * z + small), reduction)


@alternative("bce_with_logits")
def binary_with_log_cosh(z: Tensor, y: Tensor, reduction: str = "mean") -> Tensor:
    """Split the loss into an even part, ln(2 cosh(z/2)), and an odd one."""
    half = z.abs() / 2
    even = half + torch.log1p(torch.exp(-2 * half))
    return _reduced(even + (0.5 - y) * z, reduction)


@alternative("bce_with_logits")
def binary_one_by_one(z: Tensor, y: Tensor, reduction: str = "mean") -> Tensor:
    """Loop over the elements in plain Python."""
    losses = torch.empty_like(z)
    for at in np.ndindex(tuple(z.shape)):
        score, truth = float(z[at]), float(y[at])
        losses[at] = max(score, 0.0) - score * truth + math.log1p(math.exp(-abs(score)))
    return _reduced(losses, reduction)


# --- gaussian_nll -------------------------------------------------------------------------------


@alternative("gaussian_nll")
def nll_with_deviations(y: Tensor, mu: Tensor, var: Tensor) -> Tensor:
    """Standardise first."""
    sigma = torch.sqrt(var)
    standard = (y - mu) / sigma
    return 0.5 * standard.square() + sigma.log() + 0.5 * math.log(2 * math.pi)


@alternative("gaussian_nll")
def nll_with_precisions(y: Tensor, mu: Tensor, var: Tensor) -> Tensor:
    """Multiply with the precision."""
    precision = var.reciprocal()
    return -0.5 * torch.log(precision / (2 * torch.pi)) + precision * torch.pow(y - mu, 2) / 2


@alternative("gaussian_nll")
def nll_one_by_one(y: Tensor, mu: Tensor, var: Tensor) -> Tensor:
    """Loop over the elements in plain Python."""
    out = torch.zeros_like(y)
    for at in np.ndindex(tuple(y.shape)):
        distance, width = float(y[at]) - float(mu[at]), float(var[at])
        out[at] = 0.5 * math.log(2 * math.pi * width) + distance**2 / (2 * width)
    return out


@alternative("gaussian_nll")
def nll_in_numpy(y: Tensor, mu: Tensor, var: Tensor) -> Tensor:
    """Go through numpy and back."""
    width = var.numpy()
    distance = y.numpy() - mu.numpy()
    return torch.from_numpy(np.log(np.sqrt(2 * np.pi * width)) + distance**2 / (2 * width))


# --- entropy, cross_entropy_discrete, kl_discrete -----------------------------------------------


@alternative("entropy")
def entropy_with_where(p: Tensor) -> Tensor:
    """Replace 0 ln 0 by hand."""
    return torch.where(p > 0, -p * torch.log(p), 0.0).sum(dim=-1)


@alternative("entropy")
def entropy_of_clamped(p: Tensor) -> Tensor:
    """Keep the logarithm finite where its weight is 0."""
    smallest = torch.finfo(p.dtype).tiny
    return -torch.einsum("...k,...k->...", p, p.clamp(min=smallest).log())


@alternative("entropy")
def entropy_row_by_row(p: Tensor) -> Tensor:
    """Loop over the rows and skip the zeros."""
    rows = p.reshape(-1, p.shape[-1])
    values = [-sum(float(x) * math.log(x) for x in row if x > 0) for row in rows]
    return torch.tensor(values, dtype=p.dtype).reshape(p.shape[:-1])


@alternative("cross_entropy_discrete")
def cross_entropy_with_where(p: Tensor, q: Tensor) -> Tensor:
    """Replace 0 ln q by hand."""
    return -torch.where(p > 0, p * torch.log(q), torch.zeros_like(p)).sum(-1)


@alternative("cross_entropy_discrete")
def cross_entropy_with_nan_to_num(p: Tensor, q: Tensor) -> Tensor:
    """Only 0 times minus infinity is NaN, and it counts as 0."""
    terms = p * q.log()
    terms[torch.isnan(terms)] = 0
    return -terms.sum(-1)


@alternative("cross_entropy_discrete")
def cross_entropy_masked(p: Tensor, q: Tensor) -> Tensor:
    """Believe the truth where nothing happens."""
    return -(p * torch.log(q.masked_fill(p == 0, 1.0))).sum(-1)


@alternative("kl_discrete")
def divergence_with_where(p: Tensor, q: Tensor) -> Tensor:
    """Take the logarithm of the ratio where p is positive."""
    return torch.where(p > 0, p * torch.log(p / q), 0.0).sum(-1)


@alternative("kl_discrete")
def divergence_of_entropies(p: Tensor, q: Tensor) -> Tensor:
    """Subtract the entropy from the cross-entropy."""
    happens = p > 0
    cross = -(p * torch.log(q.masked_fill(~happens, 1.0))).sum(-1)
    own = -(p * torch.log(p.masked_fill(~happens, 1.0))).sum(-1)
    return cross - own


@alternative("kl_discrete")
def divergence_row_by_row(p: Tensor, q: Tensor) -> Tensor:
    """Loop in plain Python, with the infinite case spelled out."""
    values = []
    pairs = zip(p.reshape(-1, p.shape[-1]), q.reshape(-1, q.shape[-1]), strict=True)
    for happens, believed in pairs:
        total = 0.0
        for a, b in zip(happens.tolist(), believed.tolist(), strict=True):
            if a > 0:
                total += a * math.log(a / b) if b > 0 else math.inf
        values.append(total)
    return torch.tensor(values, dtype=p.dtype).reshape(p.shape[:-1])


# --- nll_equals_lsq -----------------------------------------------------------------------------


def _mean_nll(x: Tensor, y: Tensor, theta: Tensor, sigma: float) -> Tensor:
    residual = (y - x.matmul(theta)) / sigma
    return (0.5 * residual**2).mean() + math.log(sigma) + 0.5 * math.log(2 * math.pi)


@alternative("nll_equals_lsq")
def fit_with_qr(x: Tensor, y: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Factor x instead of its Gram matrix."""
    q, r = torch.linalg.qr(x)
    theta = torch.linalg.solve_triangular(r, (q.T @ y).unsqueeze(1), upper=True).squeeze(1)
    return theta, _mean_nll(x, y, theta, sigma)


@alternative("nll_equals_lsq")
def fit_with_cholesky(x: Tensor, y: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Factor the Gram matrix, which is symmetric and positive."""
    factor = torch.linalg.cholesky(x.T @ x)
    theta = torch.cholesky_solve((x.T @ y).unsqueeze(1), factor).squeeze(1)
    return theta, _mean_nll(x, y, theta, sigma)


@alternative("nll_equals_lsq")
def fit_with_inverse(x: Tensor, y: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Invert the Gram matrix of the precision-weighted problem."""
    precision = 1 / sigma**2
    theta = torch.linalg.inv(precision * x.T @ x) @ (precision * x.T @ y)
    return theta, _mean_nll(x, y, theta, sigma)


@alternative("nll_equals_lsq")
def fit_with_singular_values(x: Tensor, y: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Divide by the singular values of x."""
    u, s, vh = torch.linalg.svd(x, full_matrices=False)
    theta = vh.T @ ((u.T @ y) / s)
    return theta, _mean_nll(x, y, theta, sigma)
