"""Other right versions of the exercises on the multilayer perceptron: every suite accepts them."""

import math

import torch

from autograder.checks.bank import alternative

# --- linreg_fit -------------------------------------------------------------------------------


@alternative("linreg_fit")
def with_dot_products(x, y):
    if torch.all(x == 0):
        raise ValueError("x is zero everywhere")
    return torch.dot(x, y) / torch.dot(x, x)


@alternative("linreg_fit")
def with_a_loop(x, y):
    above, below = 0.0, 0.0
    for a, b in zip(x, y, strict=True):
        above = above + a * b
        below = below + a**2
    if below == 0:
        raise ValueError("no slope: all inputs are zero")
    return above / below


@alternative("linreg_fit")
def with_a_unit_vector(x, y):
    length = torch.linalg.vector_norm(x)
    if length == 0:
        raise ValueError("expected an x that is not 0")
    return torch.einsum("i,i->", x / length, y) / length


@alternative("linreg_fit")
def with_means(x, y):
    if x.abs().max() == 0:
        raise ValueError("x must not vanish")
    return torch.mean(x * y) / torch.mean(x**2)


# --- linreg_fit_multivariate ------------------------------------------------------------------


@alternative("linreg_fit_multivariate")
def with_an_inverse(x, y):
    return y.T @ x @ torch.linalg.inv(x.T @ x)


@alternative("linreg_fit_multivariate")
def with_a_triangle(x, y):
    q, r = torch.linalg.qr(x)
    return torch.linalg.solve_triangular(r, q.T @ y, upper=True).T


@alternative("linreg_fit_multivariate")
def output_by_output(x, y):
    gram = torch.einsum("ni,nj->ij", x, x)
    return torch.stack([torch.linalg.solve(gram, x.T @ column) for column in y.T])


# --- sgd_epoch --------------------------------------------------------------------------------


@alternative("sgd_epoch")
def in_place_on_copies(params, x, y, lr, batch_size, permutation):
    W, b = params[0].clone(), params[1].clone()
    x, y = x[permutation], y[permutation]
    for start in range(0, len(x), batch_size):
        xb, yb = x[start : start + batch_size], y[start : start + batch_size]
        error = xb @ W.T + b - yb
        W -= lr * 2 / len(xb) * error.T @ xb
        b -= lr * 2 / len(xb) * error.sum(dim=0)
    return W, b


@alternative("sgd_epoch")
def example_by_example(params, x, y, lr, batch_size, permutation):
    W, b = params
    order = permutation.tolist()
    while order:
        batch, order = order[:batch_size], order[batch_size:]
        grad_W, grad_b = torch.zeros_like(W), torch.zeros_like(b)
        for n in batch:
            error = 2 * (W @ x[n] + b - y[n])
            grad_W += torch.outer(error, x[n])
            grad_b += error
        W = W - lr * grad_W / len(batch)
        b = b - lr * grad_b / len(batch)
    return W, b


@alternative("sgd_epoch")
def with_a_column_of_ones(params, x, y, lr, batch_size, permutation):
    theta = torch.cat([params[0], params[1].unsqueeze(1)], dim=1)
    x = torch.cat([x, torch.ones_like(x[:, :1])], dim=1)
    steps = math.ceil(len(x) / batch_size)
    for step in range(steps):
        batch = permutation[step * batch_size : min((step + 1) * batch_size, len(x))]
        error = torch.einsum("ni,oi->no", x[batch], theta) - y[batch]
        theta = theta - lr * 2 * torch.einsum("no,ni->noi", error, x[batch]).mean(0)
    return [theta[:, :-1], theta[:, -1]]


# --- mlp_forward ------------------------------------------------------------------------------


@alternative("mlp_forward")
def with_library_functions(x, W_h, b_h, W_y, b_y):
    h = torch.nn.functional.linear(x, W_h, b_h).tanh()
    return h, torch.nn.functional.softmax(torch.nn.functional.linear(h, W_y, b_y), dim=-1)


@alternative("mlp_forward")
def with_einsum(x, W_h, b_h, W_y, b_y):
    h = torch.tanh(torch.einsum("ni,hi->nh", x, W_h) + b_h)
    logits = torch.einsum("nh,yh->ny", h, W_y) + b_y
    e = torch.exp(logits - logits.max(dim=1, keepdim=True).values)
    return h, e / e.sum(dim=1, keepdim=True)


@alternative("mlp_forward")
def row_by_row(x, W_h, b_h, W_y, b_y):
    h = torch.stack([torch.tanh(W_h @ row + b_h) for row in x])
    y_hat = [torch.softmax(W_y @ row + b_y, dim=0) for row in h]
    return [h, torch.stack(y_hat)]


@alternative("mlp_forward")
def in_columns(x, W_h, b_h, W_y, b_y):
    pre = W_h @ x.T + b_h.unsqueeze(1)
    h = 2 * torch.sigmoid(2 * pre) - 1
    logits = W_y @ h + b_y.unsqueeze(1)
    return h.T, torch.exp(logits - torch.logsumexp(logits, dim=0)).T


# --- mlp_backward -----------------------------------------------------------------------------


@alternative("mlp_backward")
def loop_over_examples(x, h, y_hat, y, W_y):
    grad_W_h, grad_b_h = x.new_zeros(h.shape[1], x.shape[1]), x.new_zeros(h.shape[1])
    grad_W_y, grad_b_y = torch.zeros_like(W_y), x.new_zeros(W_y.shape[0])
    for n in range(x.shape[0]):
        delta_y = y_hat[n] - y[n]
        delta_h = (1 - h[n] ** 2) * (W_y.T @ delta_y)
        grad_W_y += torch.outer(delta_y, h[n])
        grad_b_y += delta_y
        grad_W_h += torch.outer(delta_h, x[n])
        grad_b_h += delta_h
    n = x.shape[0]
    return grad_W_h / n, grad_b_h / n, grad_W_y / n, grad_b_y / n


@alternative("mlp_backward")
def with_einsums(x, h, y_hat, y, W_y):
    delta_y = y_hat - y
    delta_h = torch.einsum("ny,yh,nh->nh", delta_y, W_y, 1 - h.square())
    n = len(x)
    return (
        torch.einsum("nh,ni->hi", delta_h, x) / n,
        torch.einsum("nh->h", delta_h) / n,
        torch.einsum("ny,nh->yh", delta_y, h) / n,
        torch.einsum("ny->y", delta_y) / n,
    )


@alternative("mlp_backward")
def with_ones_beside_x(x, h, y_hat, y, W_y):
    one = torch.ones_like(x[:, :1])
    delta_y = (y_hat - y) / x.shape[0]
    delta_h = torch.mm(delta_y, W_y) * (1 + h) * (1 - h)
    grad_h = delta_h.t() @ torch.cat([x, one], dim=1)
    grad_y = delta_y.t() @ torch.cat([h, one], dim=1)
    return grad_h[:, :-1], grad_h[:, -1], grad_y[:, :-1], grad_y[:, -1]


@alternative("mlp_backward")
def means_of_outer_products(x, h, y_hat, y, W_y):
    delta_y = y_hat * y.sum(1, keepdim=True) - y
    delta_h = (delta_y.unsqueeze(2) * W_y).sum(1)
    delta_h = delta_h - delta_h * h * h
    grad_W_h = (delta_h.unsqueeze(2) * x.unsqueeze(1)).mean(0)
    grad_W_y = (delta_y.unsqueeze(2) * h.unsqueeze(1)).mean(0)
    return [grad_W_h, delta_h.mean(0), grad_W_y, delta_y.mean(0)]


# --- train_mlp --------------------------------------------------------------------------------


@alternative("train_mlp")
def in_place(x, y, hidden, steps, lr, generator):
    nx, ny = x.shape[1], y.shape[1]
    W_h = torch.empty(hidden, nx).normal_(0, nx**-0.5, generator=generator).to(x)
    W_y = torch.empty(ny, hidden).normal_(0, hidden**-0.5, generator=generator).to(x)
    b_h, b_y = torch.zeros_like(W_h[:, 0]), torch.zeros_like(W_y[:, 0])
    for _ in range(steps):
        h = torch.tanh(x @ W_h.T + b_h)
        delta_y = (torch.softmax(h @ W_y.T + b_y, dim=1) - y) / len(x)
        delta_h = delta_y @ W_y * (1 - h * h)
        W_y -= lr * delta_y.T @ h
        b_y -= lr * delta_y.sum(0)
        W_h -= lr * delta_h.T @ x
        b_h -= lr * delta_h.sum(0)
    return W_h, b_h, W_y, b_y


@alternative("train_mlp")
def in_batches(x, y, hidden, steps, lr, generator):
    nx, ny = x.shape[1], y.shape[1]
    W_h = torch.randn(hidden, nx, generator=generator, dtype=torch.float64).to(x) / math.sqrt(nx)
    W_y = torch.randn(ny, hidden, generator=generator, dtype=torch.float64).to(x) / math.sqrt(
        hidden
    )
    b_h, b_y = x.new_zeros(hidden), x.new_zeros(ny)
    size = max(1, len(x) // 2)
    for _ in range(steps):
        batch = torch.randperm(len(x), generator=generator)[:size].to(x.device)
        xb, yb = x[batch], y[batch]
        h = torch.tanh(xb @ W_h.T + b_h)
        delta_y = (torch.softmax(h @ W_y.T + b_y, dim=1) - yb) / size
        delta_h = delta_y @ W_y * (1 - h * h)
        W_h, b_h = W_h - lr * delta_h.T @ xb, b_h - lr * delta_h.sum(0)
        W_y, b_y = W_y - lr * delta_y.T @ h, b_y - lr * delta_y.sum(0)
    return [W_h, b_h, W_y, b_y]


@alternative("train_mlp")
def with_one_table_per_layer(x, y, hidden, steps, lr, generator):
    def uniform(rows, columns):
        return (2 * torch.rand(rows, columns, generator=generator) - 1).to(x) * (3 / columns) ** 0.5

    one = torch.ones_like(x[:, :1])
    zero_h, zero_y = x.new_zeros(hidden, 1), x.new_zeros(y.shape[1], 1)
    first = torch.cat([uniform(hidden, x.shape[1]), zero_h], dim=1)
    second = torch.cat([uniform(y.shape[1], hidden), zero_y], dim=1)
    inputs = torch.cat([x, one], dim=1)
    for _ in range(steps):
        h = torch.tanh(inputs @ first.T)
        middle = torch.cat([h, one], dim=1)
        e = torch.exp(middle @ second.T)
        delta_y = (e / e.sum(1, keepdim=True) - y) / len(x)
        delta_h = delta_y @ second[:, :-1] * (1 - h**2)
        second = second - lr * delta_y.T @ middle
        first = first - lr * delta_h.T @ inputs
    return first[:, :-1], first[:, -1], second[:, :-1], second[:, -1]


# --- mlp_backward_relu_L ----------------------------------------------------------------------


@alternative("mlp_backward_relu_L")
def by_recursion(activations, weights, y):
    def below(grad, layer):
        a = activations[layer]
        here = [(torch.einsum("no,ni->oi", grad, a), torch.einsum("no->o", grad))]
        if layer == 0:
            return here
        passed = torch.where(a > 0, grad @ weights[layer], torch.zeros_like(a))
        return below(passed, layer - 1) + here

    grads = below((activations[-1] - y) / y.shape[0], len(weights) - 1)
    return [grad_W for grad_W, _ in grads], [grad_b for _, grad_b in grads]


@alternative("mlp_backward_relu_L")
def example_after_example(activations, weights, y):
    n = y.shape[0]
    grad_weights = [torch.zeros_like(weight) for weight in weights]
    grad_biases = [weight.new_zeros(weight.shape[0]) for weight in weights]
    for k in range(n):
        grad = activations[-1][k] - y[k]
        for layer in range(len(weights) - 1, -1, -1):
            grad_weights[layer] += torch.outer(grad, activations[layer][k]) / n
            grad_biases[layer] += grad / n
            grad = weights[layer].T @ grad
            grad[activations[layer][k] <= 0] = 0
    return tuple(grad_weights), tuple(grad_biases)


# --- embedding_backward -----------------------------------------------------------------------


@alternative("embedding_backward")
def with_one_hot(idx, grad_emb, num_embeddings):
    one_hot = torch.nn.functional.one_hot(idx, num_embeddings).to(grad_emb.dtype)
    return torch.einsum("...v,...e->ve", one_hot, grad_emb)


@alternative("embedding_backward")
def row_after_row(idx, grad_emb, num_embeddings):
    grad_table = torch.zeros(
        num_embeddings, grad_emb.shape[-1], dtype=grad_emb.dtype, device=grad_emb.device
    )
    for k, row in enumerate(idx.flatten()):
        grad_table[row] += grad_emb.flatten(0, -2)[k]
    return grad_table


@alternative("embedding_backward")
def with_index_put(idx, grad_emb, num_embeddings):
    grad_table = grad_emb.new_zeros(num_embeddings, grad_emb.shape[-1])
    return grad_table.index_put((idx,), grad_emb, accumulate=True)


# --- ngram_backward ---------------------------------------------------------------------------


@alternative("ngram_backward")
def with_one_hot_targets(idx, target, W_1, W_2, emb, h, counts, probs):
    n, B, E = emb.shape
    one_hot = torch.nn.functional.one_hot(target, counts.shape[1]).to(probs.dtype)
    total = counts.sum(dim=1, keepdim=True)
    grad_logprobs = one_hot / -n
    grad_probs = grad_logprobs * probs**-1
    grad_inverse = (grad_probs * counts).sum(dim=1, keepdim=True)
    grad_counts_sum = grad_inverse * -(total**-2)
    grad_counts = grad_probs * total**-1
    grad_counts += torch.ones_like(counts) * grad_counts_sum
    grad_logits = (probs - one_hot) / n
    grad_h = torch.einsum("nv,vh->nh", grad_logits, W_2)
    grad_pre = grad_h - grad_h * h**2
    grad_flat = grad_pre @ W_1
    characters = torch.nn.functional.one_hot(idx, counts.shape[1]).to(probs.dtype)
    grad_emb = grad_flat.view(n, B, E)
    return [
        grad_logprobs, grad_probs, grad_counts_sum, grad_counts, grad_logits,
        torch.einsum("nv,nh->vh", grad_logits, h), grad_logits.sum(dim=0), grad_h, grad_pre,
        torch.einsum("nh,ni->hi", grad_pre, emb.flatten(1)), grad_pre.sum(dim=0), grad_emb,
        torch.einsum("nbv,nbe->ve", characters, grad_emb),
    ]  # fmt: skip


# --- count_linear_regions_1d ------------------------------------------------------------------


@alternative("count_linear_regions_1d")
def slopes_between_the_kinks(W, b, w2):
    awake = W != 0
    kinks = torch.unique(-b[awake] / W[awake])
    if len(kinks) == 0:
        return 1
    middles = torch.cat([kinks[:1] - 1, (kinks[1:] + kinks[:-1]) / 2, kinks[-1:] + 1])
    active = middles.unsqueeze(1) * W + b > 0
    slopes = (active * (w2 * W)).sum(1)
    return int((slopes[1:] != slopes[:-1]).sum()) + 1


@alternative("count_linear_regions_1d")
def with_tolerances(W, b, w2):
    neurons = [
        (float(-c / a), float(abs(a) * out)) for a, c, out in zip(W, b, w2, strict=True) if a
    ]
    neurons.sort()
    pieces, place, jump = 1, None, 0.0
    for kink, change in [*neurons, (math.inf, 0.0)]:
        if place is not None and kink - place > 1e-9:
            pieces += abs(jump) > 1e-9
            jump = 0.0
        place = kink
        jump += change
    return torch.tensor(pieces)
