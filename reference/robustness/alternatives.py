"""Other right versions of the exercises on robustness: every suite accepts them."""

import math

import numpy as np
import torch

from autograder.checks.bank import alternative

# --- fgsm -------------------------------------------------------------------------------------


@alternative("fgsm")
def with_comparisons(x, grad, epsilon):
    moved = x + epsilon * ((grad > 0).to(x.dtype) - (grad < 0).to(x.dtype))
    return torch.clamp(moved, min=0.0, max=1.0)


@alternative("fgsm")
def pixel_by_pixel(x, grad, epsilon):
    pixels = []
    for value, slope in zip(x.reshape(-1).tolist(), grad.reshape(-1).tolist(), strict=True):
        step = math.copysign(epsilon, slope) if slope != 0 else 0.0
        pixels.append(min(max(value + step, 0.0), 1.0))
    return torch.tensor(pixels, dtype=x.dtype, device=x.device).reshape(x.shape)


@alternative("fgsm")
def with_a_quotient(x, grad, epsilon):
    size = grad.abs()
    sign = torch.where(size > 0, grad / torch.where(size > 0, size, torch.ones_like(size)), size)
    return torch.min(torch.max(x + epsilon * sign, torch.zeros_like(x)), torch.ones_like(x))


# --- pgd --------------------------------------------------------------------------------------


@alternative("pgd")
def change_by_change(x, gradient, epsilon, alpha, steps):
    delta = torch.zeros_like(x)
    for _ in range(steps):
        delta = (delta + alpha * torch.sign(gradient(x + delta))).clamp(-epsilon, epsilon)
        delta = (x + delta).clamp(0.0, 1.0) - x
    return x + delta


@alternative("pgd")
def range_before_ball(x, gradient, epsilon, alpha, steps):
    z = x.clone()
    while steps > 0:
        grad = gradient(z)
        z = z + alpha * (grad > 0).to(x.dtype) - alpha * (grad < 0).to(x.dtype)
        z = torch.clamp(z, 0, 1)
        z = torch.min(torch.max(z, x - epsilon), x + epsilon)
        steps -= 1
    return z


@alternative("pgd")
def recursive(x, gradient, epsilon, alpha, steps):
    def after(k):
        if k == 0:
            return x
        z = after(k - 1)
        z = z + alpha * gradient(z).sign()
        return z.minimum((x + epsilon).clamp(max=1)).maximum((x - epsilon).clamp(min=0))

    return after(steps)


# --- spectral_norm ----------------------------------------------------------------------------


@alternative("spectral_norm")
def half_steps(W, v_0, num_iters):
    v, sigma = v_0 / torch.linalg.norm(v_0), torch.zeros_like(v_0[0])
    for _ in range(num_iters):
        u = W @ v
        if not u.any():
            return torch.zeros_like(sigma)
        u = u / torch.linalg.norm(u)
        v = W.T @ u
        sigma = torch.linalg.norm(v)
        v = v / sigma
    return sigma


@alternative("spectral_norm")
def with_the_square(W, v_0, num_iters):
    square, v = torch.einsum("ki,kj->ij", W, W), v_0
    for _ in range(num_iters):
        v = torch.einsum("ij,j->i", square, v)
        size = (v * v).sum().sqrt()
        if size > 0:
            v = v / size
    return torch.dot(v, square @ v).clamp(min=0).sqrt()


@alternative("spectral_norm")
def rayleigh(W, v_0, num_iters):
    v = v_0.clone()
    for _ in range(num_iters):
        v = (W.t() @ (W @ v.unsqueeze(1))).squeeze(1)
        v = v / (v.norm(p=2) + 1e-30) if bool(v.any()) else v
    length = v.norm()
    return torch.norm(W @ v) / length if length > 0 else length


@alternative("spectral_norm")
def largest_entry_one(W, v_0, num_iters):
    v = v_0 / v_0.abs().max()
    for _ in range(num_iters):
        v = torch.mv(W.T, torch.mv(W, v))
        largest = v.abs().max()
        if largest == 0:
            return largest
        v = v / largest
    return (W @ v).pow(2).sum().sqrt() / v.pow(2).sum().sqrt()


@alternative("spectral_norm")
def normalised(W, v_0, num_iters):
    v = torch.nn.functional.normalize(v_0, dim=0)
    for _ in range(num_iters):
        u = torch.nn.functional.normalize(W @ v, dim=0)
        v = torch.nn.functional.normalize(W.T @ u, dim=0)
    return u @ W @ v


@alternative("spectral_norm")
def in_numpy(W, v_0, num_iters):
    matrix, v = W.cpu().numpy().astype(np.float64), v_0.cpu().numpy().astype(np.float64)
    for _ in range(num_iters):
        v = matrix.T @ (matrix @ v)
        if not v.any():
            return 0.0
        v /= np.sqrt(v @ v)
    return float(np.sqrt(((matrix @ v) ** 2).sum()))


# --- lipschitz_upper --------------------------------------------------------------------------


@alternative("lipschitz_upper")
def with_singular_values(weights):
    bound = 1.0
    for W in weights:
        bound = bound * torch.linalg.svdvals(W).max()
    return bound


@alternative("lipschitz_upper")
def with_eigenvalues(weights):
    tops = [torch.linalg.eigvalsh(W @ W.T)[-1].clamp(min=0).sqrt() for W in weights]
    return math.prod(float(top) for top in tops)


@alternative("lipschitz_upper")
def with_power_iteration(weights):
    bound = torch.ones((), dtype=weights[0].dtype, device=weights[0].device)
    for W in weights:
        square = W.T @ W
        for _ in range(25):  # squares of squares: 2^25 iterations
            size = square.abs().max()
            square = square / size if size > 0 else square
            square = square @ square
        direction = square[:, square.norm(dim=0).argmax()]
        length = direction.norm()
        bound = bound * ((W @ direction).norm() / length if length > 0 else 0.0)
    return bound


@alternative("lipschitz_upper")
def with_norm_of_order_two(weights):
    return torch.prod(torch.stack([torch.linalg.norm(W, ord=2) for W in weights]))


# --- certified_radius -------------------------------------------------------------------------


@alternative("certified_radius")
def with_differences(logits, target, lipschitz):
    lead = logits.gather(1, target[:, None]) - logits
    lead = lead.scatter(1, target[:, None], float("inf"))
    return lead.min(1).values.relu() / lipschitz * 0.5**0.5


@alternative("certified_radius")
def row_by_row(logits, target, lipschitz):
    radii = []
    for row, y in zip(logits, target.tolist(), strict=True):
        rivals = torch.cat([row[:y], row[y + 1 :]])
        radii.append(max(float(row[y] - rivals.max()), 0.0) / (2**0.5 * lipschitz))
    return torch.tensor(radii, dtype=logits.dtype, device=logits.device)


@alternative("certified_radius")
def with_the_two_best(logits, target, lipschitz):
    best, which = logits.topk(2, dim=1)
    radius = (best[:, 0] - best[:, 1]) / (math.sqrt(2) * lipschitz)
    return torch.where(which[:, 0] == target, radius, torch.zeros_like(radius))


# --- hoeffding_bound --------------------------------------------------------------------------


@alternative("hoeffding_bound")
def with_torch(M, n, delta):
    return M * torch.sqrt(2 / n * torch.log(torch.tensor(2 / delta)))


@alternative("hoeffding_bound")
def with_numpy(M, n, delta):
    return M * np.sqrt(2 * (np.log(2) - np.log(delta))) / np.sqrt(n)


@alternative("hoeffding_bound")
def from_the_interval(M, n, delta):
    width = M - (-M)
    return width * math.sqrt(math.log(2.0 / delta) / (2 * n))


# --- error_decomposition ----------------------------------------------------------------------


@alternative("error_decomposition")
def step_by_step(risk, empirical_risk, best_risk, best_empirical_risk):
    generalization = [a - b for a, b in zip(risk, empirical_risk, strict=True)]
    optimization = torch.stack([b - best_empirical_risk for b in empirical_risk])
    statistical = -(best_risk - best_empirical_risk)
    return torch.stack(generalization), optimization, statistical, best_risk


@alternative("error_decomposition")
def by_difference(risk, empirical_risk, best_risk, best_empirical_risk):
    statistical = best_empirical_risk - best_risk
    optimization = empirical_risk - best_empirical_risk
    rest = optimization + statistical + best_risk
    return [risk - rest, optimization, statistical, best_risk]


@alternative("error_decomposition")
def with_tensors(risk, empirical_risk, best_risk, best_empirical_risk):
    best, empirical = torch.tensor(best_risk), torch.tensor(best_empirical_risk)
    first = torch.sub(risk, empirical_risk)
    return first, torch.sub(empirical_risk, empirical), empirical - best, best


# --- l2_penalty_grad --------------------------------------------------------------------------


@alternative("l2_penalty_grad")
def sum_of_two(params, gamma):
    return [gamma * param + gamma * param for param in params]


@alternative("l2_penalty_grad")
def with_autograd(params, gamma):
    leaves = [param.detach().clone().requires_grad_() for param in params]
    penalty = gamma * sum(leaf.square().sum() for leaf in leaves)
    penalty.backward()
    return tuple(leaf.grad for leaf in leaves)


@alternative("l2_penalty_grad")
def as_one_vector(params, gamma):
    flat = torch.cat([param.reshape(-1) for param in params]) * (2 * gamma)
    parts = flat.split([param.numel() for param in params])
    return tuple(part.view(param.shape) for part, param in zip(parts, params, strict=True))


# --- early_stopping ---------------------------------------------------------------------------


@alternative("early_stopping")
def with_a_counter(losses, patience):
    lowest, best, waited = float("inf"), -1, 0
    epoch = 0
    for epoch in range(len(losses)):
        if losses[epoch] < lowest:
            lowest, best, waited = losses[epoch].item(), epoch, 0
        else:
            waited += 1
            if waited == patience:
                break
    return epoch, best


@alternative("early_stopping")
def with_running_minima(losses, patience):
    lowest = losses.cummin(0).values
    improves = torch.cat([torch.tensor([True]).to(losses.device), lowest[1:] < lowest[:-1]])
    epochs = torch.arange(len(losses), device=losses.device)
    last = torch.where(improves, epochs, 0).cummax(0).values
    late = torch.nonzero(epochs - last >= patience).flatten()
    stop = int(late[0]) if len(late) else len(losses) - 1
    return stop, int(last[stop])


@alternative("early_stopping")
def with_windows(losses, patience):
    values = losses.tolist()
    for stop in range(patience, len(values)):
        if min(values[stop - patience + 1 : stop + 1]) >= min(values[: stop - patience + 1]):
            return torch.tensor(stop), values.index(min(values[: stop + 1]))
    return len(values) - 1, values.index(min(values))


# --- kfold_indices ----------------------------------------------------------------------------


@alternative("kfold_indices")
def with_sizes(n, k):
    if k < 2 or n < k:
        raise ValueError("k must lie between 2 and n")
    sizes = [n // k + 1] * (n % k) + [n // k] * (k - n % k)
    folds, start = [], 0
    for size in sizes:
        val = torch.arange(start, start + size)
        train = torch.cat([torch.arange(start), torch.arange(start + size, n)])
        folds.append((train, val))
        start += size
    return folds


@alternative("kfold_indices")
def with_masks(n, k):
    if not 1 < k <= n:
        raise ValueError(f"{k} folds of {n} examples")
    fold = torch.tensor([i for i in range(k) for _ in range(n // k + (1 if i < n % k else 0))])
    return [(torch.where(fold != i)[0], torch.where(fold == i)[0]) for i in range(k)]


@alternative("kfold_indices")
def with_numpy_splits(n, k):
    if k > n or k <= 1:
        raise ValueError
    return [
        (torch.from_numpy(np.setdiff1d(np.arange(n), val)), torch.from_numpy(val))
        for val in np.array_split(np.arange(n), k)
    ]


# --- polynomial_risks -------------------------------------------------------------------------


@alternative("polynomial_risks")
def normal_equations(x, y, x_new, y_new, degrees):
    train, test = torch.zeros(len(degrees)).to(x), torch.zeros(len(degrees)).to(x)
    for i, degree in enumerate(degrees):
        A = torch.stack([x**j for j in range(degree + 1)], dim=1)
        B = torch.stack([x_new**j for j in range(degree + 1)], dim=1)
        c = torch.linalg.solve(A.T @ A, A.T @ y)
        train[i] = torch.nn.functional.mse_loss(A @ c, y)
        test[i] = torch.nn.functional.mse_loss(B @ c, y_new)
    return train, test


@alternative("polynomial_risks")
def with_polyfit(x, y, x_new, y_new, degrees):
    fits = [np.polyfit(x.cpu().numpy(), y.cpu().numpy(), degree) for degree in degrees]
    pairs = ((x.cpu().numpy(), y.cpu().numpy()), (x_new.cpu().numpy(), y_new.cpu().numpy()))
    errors = [[((np.polyval(c, p) - q) ** 2).mean() for c in fits] for p, q in pairs]
    return tuple(torch.tensor(one, dtype=x.dtype, device=x.device) for one in errors)


@alternative("polynomial_risks")
def with_legendre_polynomials(x, y, x_new, y_new, degrees):
    def basis(p, degree):
        columns = [torch.ones_like(p), p]
        for j in range(1, degree):
            columns.append(((2 * j + 1) * p * columns[j] - j * columns[j - 1]) / (j + 1))
        return torch.stack(columns[: degree + 1], dim=1)

    train, test = [], []
    for degree in degrees:
        q, r = torch.linalg.qr(basis(x, degree))
        c = torch.linalg.solve_triangular(r, (q.T @ y).unsqueeze(1), upper=True).squeeze(1)
        train.append(((y - basis(x, degree) @ c) ** 2).sum() / len(x))
        test.append(((y_new - basis(x_new, degree) @ c) ** 2).sum() / len(x_new))
    return torch.stack(train), torch.stack(test)
