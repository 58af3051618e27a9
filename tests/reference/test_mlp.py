"""Second oracles for the reference of the multilayer perceptron.

Finite differences, `torch.func`, `torch.nn` with `torch.optim`, numpy and properties: other
witnesses than the gradients of autograd that the hidden suite uses.
"""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from autograder.checks import bank

ROOT = Path(__file__).parents[2]
SOLUTION = bank.load(ROOT, "mlp").solution
FLOAT64 = torch.float64
SIZES = [(5, 3, 4, 2), (1, 2, 4, 2), (6, 4, 4, 4), (3, 1, 1, 3)]  # (N, nx, nh, ny)


@pytest.fixture
def g():
    return torch.Generator().manual_seed(20260209)


def normal(g, *shape):
    return torch.randn(*shape, generator=g, dtype=FLOAT64)


def shares(g, *shape):
    weights = normal(g, *shape).exp()
    return weights / weights.sum(-1, keepdim=True)


def assert_close(one, other, atol=1e-11):
    torch.testing.assert_close(one, other, rtol=1e-9, atol=atol)


def differences(f, x, step=1e-5):
    """Return the gradient of the number f(x), entry by entry, by central differences."""
    grad = torch.zeros_like(x)
    for i in range(x.numel()):
        move = torch.zeros_like(x)
        move.view(-1)[i] = step
        grad.view(-1)[i] = (f(x + move) - f(x - move)) / (2 * step)
    return grad


def differences_of_all(f, tensors):
    """Return the gradients of the number f(*tensors) with respect to each of them."""

    def alone(i):
        return lambda one: f(*tensors[:i], one, *tensors[i + 1 :])

    return tuple(differences(alone(i), one) for i, one in enumerate(tensors))


# --- linear regression --------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 30])
def test_slope(g, n):
    x, y = normal(g, n) + 1, normal(g, n) + 2
    theta = SOLUTION["linreg_fit"](x, y)
    solution, *_ = np.linalg.lstsq(x.numpy()[:, None], y.numpy(), rcond=None)
    assert float(theta) == pytest.approx(float(solution[0]), rel=1e-10)
    for other in (theta + 0.01, theta - 0.01):
        assert ((y - other * x) ** 2).mean() > ((y - theta * x) ** 2).mean()


def test_slope_of_zeros_is_an_error():
    with pytest.raises(ValueError, match="x"):
        SOLUTION["linreg_fit"](torch.zeros(3), torch.ones(3))


@pytest.mark.parametrize(("n", "nx", "ny"), [(9, 3, 2), (5, 4, 4), (6, 1, 1), (8, 2, 5)])
def test_multivariate_residuals_are_orthogonal_to_the_inputs(g, n, nx, ny):
    x, y = normal(g, n, nx), normal(g, n, ny)
    theta = SOLUTION["linreg_fit_multivariate"](x, y)
    assert_close(x.T @ (y - x @ theta.T), torch.zeros(nx, ny, dtype=FLOAT64))
    solution, *_ = np.linalg.lstsq(x.numpy(), y.numpy(), rcond=None)
    assert_close(theta, torch.from_numpy(solution.T.copy()))


def test_multivariate_with_one_input_is_the_slope(g):
    x, y = normal(g, 7), normal(g, 7)
    theta = SOLUTION["linreg_fit_multivariate"](x.unsqueeze(1), y.unsqueeze(1))
    assert_close(theta.squeeze(), SOLUTION["linreg_fit"](x, y))


# --- gradient descent ---------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "size"), [(8, 3), (6, 6), (5, 1), (4, 9), (1, 1)])
def test_sgd_epoch_is_torch_optim_on_a_linear_module(g, n, size):
    x, y, params = normal(g, n, 3), normal(g, n, 2), (normal(g, 2, 3), normal(g, 2))
    order = torch.randperm(n, generator=g)
    layer = torch.nn.Linear(3, 2, dtype=FLOAT64)
    layer.load_state_dict({"weight": params[0], "bias": params[1]})
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.05)
    for start in range(0, n, size):
        rows = order[start : start + size]
        optimizer.zero_grad()
        (2 * torch.nn.functional.mse_loss(layer(x[rows]), y[rows])).backward()  # a mean over two
        optimizer.step()
    W, b = SOLUTION["sgd_epoch"](params, x, y, 0.05, size, order)
    assert_close(W, layer.weight.detach())
    assert_close(b, layer.bias.detach())


def test_many_epochs_find_the_least_squares(g):
    x, params = normal(g, 20, 2), (torch.zeros(1, 2).to(FLOAT64), torch.zeros(1).to(FLOAT64))
    y = x @ torch.tensor([[2.0], [-1.0]], dtype=FLOAT64) + 0.5
    for _ in range(300):
        params = SOLUTION["sgd_epoch"](params, x, y, 0.05, 5, torch.randperm(20, generator=g))
    assert_close(params[0], torch.tensor([[2.0, -1.0]], dtype=FLOAT64), atol=1e-8)
    assert_close(params[1], torch.tensor([0.5], dtype=FLOAT64), atol=1e-8)


# --- the tanh network ---------------------------------------------------------------------------


def parameters(g, nx, nh, ny):
    return normal(g, nh, nx), normal(g, nh), normal(g, ny, nh), normal(g, ny)


@pytest.mark.parametrize("sizes", SIZES)
def test_forward_number_by_number(g, sizes):
    n, nx, nh, ny = sizes
    x, params = normal(g, n, nx), parameters(g, nx, nh, ny)
    h, y_hat = SOLUTION["mlp_forward"](x, *params)
    W_h, b_h, W_y, b_y = (param.tolist() for param in params)
    for i, row in enumerate(x.tolist()):
        hidden = [math.tanh(b + _dot(w, row)) for w, b in zip(W_h, b_h, strict=True)]
        weights = [math.exp(b + _dot(w, hidden)) for w, b in zip(W_y, b_y, strict=True)]
        assert h[i].tolist() == pytest.approx(hidden)
        assert y_hat[i].tolist() == pytest.approx([w / sum(weights) for w in weights])


def test_forward_far_out(g):
    """Saturated hidden units are signs, and only differences of logits matter."""
    x, (W_h, b_h, W_y, b_y) = normal(g, 4, 3), parameters(g, 3, 5, 2)
    h, y_hat = SOLUTION["mlp_forward"](x, 1e5 * W_h, 0 * b_h, W_y, b_y)
    assert_close(h, torch.sign(x @ W_h.T))
    rows = torch.tensor([[1000.0], [-1000.0], [0.0], [500.0]], dtype=FLOAT64)
    shifted = SOLUTION["mlp_forward"](
        torch.cat([x, rows], dim=1),
        torch.block_diag(1e5 * W_h, torch.ones(1, 1).to(FLOAT64)),
        torch.zeros(6).to(FLOAT64),
        torch.cat([W_y, torch.full((2, 1), 900.0).to(FLOAT64)], dim=1),
        b_y,
    )[1]
    assert_close(shifted, y_hat)


def _dot(one, other):
    return sum(a * b for a, b in zip(one, other, strict=True))


def tanh_loss(x, y, W_h, b_h, W_y, b_y):
    """The loss, from the reference's own forward pass, which is tested above."""
    return -(y * SOLUTION["mlp_forward"](x, W_h, b_h, W_y, b_y)[1].log()).sum(1).mean()


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("sizes", SIZES)
def test_backward(g, sizes, soft):
    n, nx, nh, ny = sizes
    x, params = normal(g, n, nx), parameters(g, nx, nh, ny)
    y = shares(g, n, ny) if soft else torch.eye(ny).to(FLOAT64)[torch.arange(n) % ny]
    h, y_hat = SOLUTION["mlp_forward"](x, *params)
    grads = SOLUTION["mlp_backward"](x, h, y_hat, y, params[2])

    def loss(*params):
        return tanh_loss(x, y, *params)

    by_func = torch.func.grad(loss, argnums=(0, 1, 2, 3))(*params)
    for grad, one, other in zip(grads, by_func, differences_of_all(loss, params), strict=True):
        assert_close(grad, one)
        assert_close(grad, other, atol=1e-8)


def test_backward_is_a_mean_over_examples(g):
    x, y, params = normal(g, 6, 3), shares(g, 6, 2), parameters(g, 3, 4, 2)
    h, y_hat = SOLUTION["mlp_forward"](x, *params)

    def grads(rows):
        return SOLUTION["mlp_backward"](x[rows], h[rows], y_hat[rows], y[rows], params[2])

    single = [grads([n]) for n in range(6)]
    for whole, *ones in zip(grads(list(range(6))), *single, strict=True):
        assert_close(whole, torch.stack(ones).mean(0))
    for whole, doubled in zip(grads(list(range(6))), grads(list(range(6)) * 2), strict=True):
        assert_close(whole, doubled)


@pytest.mark.parametrize("seed", [0, 1])
def test_training_separates_what_no_line_separates(g, seed):
    """An exclusive or: a linear model gets half of it."""
    x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], dtype=FLOAT64).repeat(10, 1)
    x = x + 0.1 * normal(g, 40, 2)
    y = torch.eye(2).to(FLOAT64)[torch.tensor([0, 1, 1, 0]).repeat(10)]
    generator = torch.Generator().manual_seed(seed)
    params = SOLUTION["train_mlp"](x, y, 8, 400, 1.0, generator)
    assert [tuple(param.shape) for param in params] == [(8, 2), (8,), (2, 8), (2,)]
    y_hat = SOLUTION["mlp_forward"](x, *params)[1]
    assert bool((y_hat.argmax(1) == y.argmax(1)).all())


def test_training_goes_down_and_starts_from_the_stated_variances(g):
    x, y = normal(g, 30, 5), shares(g, 30, 3)
    losses = []
    for steps in (0, 1, 20):
        params = SOLUTION["train_mlp"](x, y, 400, steps, 0.1, torch.Generator().manual_seed(3))
        losses.append(float(tanh_loss(x, y, *params)))
    assert losses[0] > losses[1] > losses[2]
    W_h, b_h, W_y, b_y = SOLUTION["train_mlp"](x, y, 400, 0, 0.1, torch.Generator())
    assert float(W_h.var()) == pytest.approx(1 / 5, rel=0.2)
    assert float(W_y.var()) == pytest.approx(1 / 400, rel=0.2)
    assert not b_h.any()
    assert not b_y.any()


def test_training_draws_from_the_generator_and_nothing_else(g):
    x, y = normal(g, 6, 2), shares(g, 6, 3)

    def trained(seed):
        return SOLUTION["train_mlp"](x, y, 4, 2, 0.1, torch.Generator().manual_seed(seed))

    torch.manual_seed(1)
    first = trained(0)
    torch.manual_seed(2)
    for one, other in zip(first, trained(0), strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(first[0], trained(1)[0])


# --- any number of layers -----------------------------------------------------------------------


@pytest.mark.parametrize("widths", [(3, 2), (3, 5, 2), (2, 4, 3, 5, 2), (3, 3, 3, 3), (1, 1, 2)])
def test_backward_of_a_deep_relu_network(g, widths):
    weights = [normal(g, out, n) for n, out in itertools.pairwise(widths)]
    biases = [normal(g, out) for out in widths[1:]]
    x, y = normal(g, 5, widths[0]), shares(g, 5, widths[-1])

    def activations(*params):
        kept = [x]
        for layer, (W, b) in enumerate(zip(params[::2], params[1::2], strict=True), 1):
            pre = kept[-1] @ W.T + b
            kept.append(torch.softmax(pre, 1) if layer == len(weights) else pre.clamp(min=0))
        return kept

    def loss(*params):
        return -(y * activations(*params)[-1].log()).sum(1).mean()

    params = [param for pair in zip(weights, biases, strict=True) for param in pair]
    grad_weights, grad_biases = SOLUTION["mlp_backward_relu_L"](activations(*params), weights, y)
    grads = [grad for pair in zip(grad_weights, grad_biases, strict=True) for grad in pair]
    by_func = torch.func.grad(loss, argnums=tuple(range(len(params))))(*params)
    for grad, one, other in zip(grads, by_func, differences_of_all(loss, params), strict=True):
        assert_close(grad, one)
        assert_close(grad, other, atol=1e-7)


@pytest.mark.parametrize("shape", [(4,), (3, 2), (2, 3, 4)])
def test_embedding_backward_is_the_transpose_of_looking_up(g, shape):
    """<u, table[idx]> is <the gradient of u, table>, for every table."""
    idx, u, table = torch.randint(5, shape, generator=g), normal(g, *shape, 3), normal(g, 6, 3)
    grad = SOLUTION["embedding_backward"](idx, u, 6)
    assert_close((u * table[idx]).sum(), (grad * table).sum())
    one_hot = torch.nn.functional.one_hot(idx, 6).to(FLOAT64)
    assert_close(grad, torch.tensordot(one_hot.flatten(0, -2), u.flatten(0, -2), dims=([0], [0])))
    assert not grad[5].any()


def test_ngram_backward_intermediate_by_intermediate(g):
    """The loss as a function of each intermediate alone, by central differences."""
    idx, target = torch.randint(4, (5, 3), generator=g), torch.randint(4, (5,), generator=g)
    C, W_1, b_1 = normal(g, 4, 2), normal(g, 6, 6), normal(g, 6)
    W_2, b_2 = 0.3 * normal(g, 4, 6), normal(g, 4)  # no probability is tiny: 1/p is curved there

    def from_logprobs(logprobs):
        return -logprobs[torch.arange(5), target].mean()

    def from_probs(probs):
        return from_logprobs(probs.log())

    def from_counts(counts):
        return from_probs(counts / counts.sum(1, keepdim=True))

    def from_logits(logits):
        return from_counts(logits.exp())

    def from_h(h, W_2=W_2, b_2=b_2):
        return from_logits(h @ W_2.T + b_2)

    def from_pre(pre):
        return from_h(torch.tanh(pre))

    def from_emb(emb, W_1=W_1, b_1=b_1):
        return from_pre(emb.flatten(1) @ W_1.T + b_1)

    emb = C[idx]
    pre = emb.flatten(1) @ W_1.T + b_1
    h = torch.tanh(pre)
    logits = h @ W_2.T + b_2
    counts = logits.exp()
    counts_sum = counts.sum(1, keepdim=True)
    probs = counts / counts_sum
    right = (
        differences(from_logprobs, probs.log()),
        differences(from_probs, probs),
        differences(lambda total: from_probs(counts / total), counts_sum),
        differences(from_counts, counts),
        differences(from_logits, logits),
        differences(lambda W: from_h(h, W_2=W), W_2),
        differences(lambda b: from_h(h, b_2=b), b_2),
        differences(from_h, h),
        differences(from_pre, pre),
        differences(lambda W: from_emb(emb, W_1=W), W_1),
        differences(lambda b: from_emb(emb, b_1=b), b_1),
        differences(from_emb, emb),
        differences(lambda C: from_emb(C[idx]), C),
    )
    grads = SOLUTION["ngram_backward"](idx, target, W_1, W_2, emb, h, counts, probs)
    for grad, one in zip(grads, right, strict=True):
        torch.testing.assert_close(grad, one, rtol=1e-6, atol=1e-7)


# --- pieces -------------------------------------------------------------------------------------


def pieces_seen(W, b, w2, points=200_001):
    """Count how often the slope changes along a fine grid."""
    x = torch.linspace(-20, 20, points, dtype=FLOAT64)
    g = (w2 * (x.unsqueeze(1) * W + b).clamp(min=0)).sum(1)
    bends = (g[2:] - 2 * g[1:-1] + g[:-2]).abs() > 1e-9
    starts = bends[1:] & ~bends[:-1]  # a kink between two points of the grid bends twice
    return 1 + int(starts.sum()) + int(bends[0])


@pytest.mark.parametrize("n", [1, 4, 9])
def test_regions_by_looking(g, n):
    for _ in range(3):
        W = torch.randint(-2, 3, (n,), generator=g).to(FLOAT64)
        b = torch.randint(-4, 5, (n,), generator=g).to(FLOAT64) / 2
        w2 = torch.randint(-1, 2, (n,), generator=g).to(FLOAT64)
        assert SOLUTION["count_linear_regions_1d"](W, b, w2) == pieces_seen(W, b, w2)


def test_kinks_that_cancel():
    """Two neurons with their kinks in one place: the slope changes by w2 |W| each."""
    for W, w2, regions in (
        ([1.0, -1.0], [1.0, -1.0], 1),
        ([1.0, -1.0], [1.0, 1.0], 2),
        ([2.0, 1.0], [1.0, -2.0], 1),
        ([2.0, 1.0], [1.0, -1.0], 2),
        ([-2.0, 1.0], [-1.0, 2.0], 1),
    ):
        slopes = torch.tensor(W)
        args = (slopes, -3 * slopes, torch.tensor(w2))
        assert SOLUTION["count_linear_regions_1d"](*args) == regions


def test_each_neuron_adds_at_most_one_region(g):
    """Neurons in general position add exactly one each."""
    W, b, w2 = normal(g, 12), normal(g, 12), normal(g, 12)
    for n in range(13):
        assert SOLUTION["count_linear_regions_1d"](W[:n], b[:n], w2[:n]) == n + 1
