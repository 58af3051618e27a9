"""Second oracles for the reference of the losses.

Finite differences, `torch.func`, exact rational arithmetic, closed forms and torch.distributions:
other witnesses than torch's own operators, which the hidden suite uses.
"""

import math
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from autograder.checks import bank

ROOT = Path(__file__).parents[2]
SOLUTION = bank.load(ROOT, "losses").solution
FLOAT64 = torch.float64
SHAPES = [(3, 4), (1, 5), (4, 4), (2, 1), (6, 3)]


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


# --- softmax and its relatives ------------------------------------------------------------------


def test_softmax_of_logarithms_is_exact():
    """The logarithms of whole numbers: what comes out is a fraction."""
    counts = [[1, 2, 3], [7, 1, 1], [5, 5, 90]]
    p = SOLUTION["softmax"](torch.tensor(counts, dtype=FLOAT64).log())
    exact = [[float(Fraction(one, sum(row))) for one in row] for row in counts]
    assert_close(p, torch.tensor(exact, dtype=FLOAT64), atol=1e-15)


def test_softmax_of_two_is_a_logistic_function(g):
    z = 5 * normal(g, 7, 2)
    assert_close(SOLUTION["softmax"](z)[:, 0], 0.5 * (1 + torch.tanh((z[:, 0] - z[:, 1]) / 2)))


@pytest.mark.parametrize("dim", [0, 1, 2, -1, -3])
def test_shifts_along_the_axis_change_nothing(g, dim):
    z = normal(g, 2, 3, 4)
    shift = 1000 * normal(g, 2, 3, 4).narrow(dim, 0, 1)
    for name in ("softmax", "log_softmax"):
        assert_close(SOLUTION[name](z + shift, dim=dim), SOLUTION[name](z, dim=dim), atol=1e-10)
    right = SOLUTION["logsumexp"](z, dim=dim) + shift.squeeze(dim)
    assert_close(SOLUTION["logsumexp"](z + shift, dim=dim), right, atol=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_logsumexp_is_a_potential_of_softmax(g, shape):
    z = normal(g, *shape)
    grad = differences(lambda z: SOLUTION["logsumexp"](z).sum(), z)
    assert_close(grad, SOLUTION["softmax"](z), atol=1e-9)


def test_logsumexp_lies_between_its_bounds(g):
    z = 300 * normal(g, 50, 6)
    lse, largest = SOLUTION["logsumexp"](z), z.amax(1)
    assert ((lse >= largest) & (lse <= largest + math.log(6))).all()


def test_logsumexp_of_all_is_that_of_the_parts(g):
    z = 100 * normal(g, 5, 7)
    parts = torch.stack([SOLUTION["logsumexp"](z[:, :3]), SOLUTION["logsumexp"](z[:, 3:])], dim=1)
    assert_close(SOLUTION["logsumexp"](parts), SOLUTION["logsumexp"](z))


def test_log_softmax_where_the_probability_is_stored(g):
    z = 5 * normal(g, 6, 4)
    assert_close(SOLUTION["log_softmax"](z), SOLUTION["softmax"](z).log())


def test_log_softmax_where_it_is_not():
    z = torch.tensor([[0.0, -5000.0], [1e4, 0.0]], dtype=FLOAT64)
    assert_close(
        SOLUTION["log_softmax"](z), torch.tensor([[0.0, -5000.0], [0.0, -1e4]], dtype=FLOAT64)
    )


@pytest.mark.parametrize("n", [1, 2, 5])
def test_jacobian_by_differences_and_by_func(g, n):
    z = normal(g, n)
    jacobian = SOLUTION["softmax_jacobian"](z)
    assert_close(jacobian, torch.func.jacrev(SOLUTION["softmax"])(z))
    rows = [differences(lambda z, i=i: SOLUTION["softmax"](z)[i], z) for i in range(n)]
    assert_close(jacobian, torch.stack(rows), atol=1e-9)


def test_jacobian_is_a_covariance(g):
    """It is symmetric, has no negative eigenvalue, and constants lie in its kernel."""
    jacobian = SOLUTION["softmax_jacobian"](3 * normal(g, 6))
    assert_close(jacobian, jacobian.T)
    assert_close(jacobian.sum(0), torch.zeros(6, dtype=FLOAT64))
    assert float(torch.linalg.eigvalsh(jacobian).min()) > -1e-15


@pytest.mark.parametrize("shape", SHAPES)
def test_softmax_backward(g, shape):
    z, grad_p = normal(g, *shape), normal(g, *shape)
    p = SOLUTION["softmax"](z)
    grad_z = SOLUTION["softmax_backward"](grad_p, p)
    assert_close(
        grad_z, differences(lambda z: (grad_p * SOLUTION["softmax"](z)).sum(), z), atol=1e-9
    )
    assert_close(grad_z, torch.func.vjp(SOLUTION["softmax"], z)[1](grad_p)[0])
    rows = [SOLUTION["softmax_jacobian"](one) @ grad for one, grad in zip(z, grad_p, strict=True)]
    assert_close(grad_z, torch.stack(rows))


def test_softmax_backward_is_adjoint_to_the_derivative(g):
    """<u, J v> = <J^T u, v>, where J v is how softmax moves when z moves along v."""
    z, u, v = normal(g, 4, 5), normal(g, 4, 5), normal(g, 4, 5)
    softmax = SOLUTION["softmax"]
    moved = (softmax(z + 1e-5 * v) - softmax(z - 1e-5 * v)) / 2e-5
    assert_close(
        (u * moved).sum(), (SOLUTION["softmax_backward"](u, softmax(z)) * v).sum(), atol=1e-8
    )


def test_only_differences_of_scores_matter_to_the_derivatives(g):
    z, grad_p = normal(g, 4), normal(g, 4)
    assert_close(SOLUTION["softmax_jacobian"](z - 1e4), SOLUTION["softmax_jacobian"](z))
    one_far = torch.tensor([-3000.0, 0.0, 1.0, 2.0], dtype=FLOAT64)  # its mean is far away
    p = SOLUTION["softmax"](one_far)
    assert_close(p[1:], SOLUTION["softmax"](one_far[1:]))
    assert float(SOLUTION["softmax_backward"](grad_p[None], p[None])[0, 0]) == 0.0


# --- cross-entropy ------------------------------------------------------------------------------


def targets(g, kind, n, classes):
    if kind == "indices":
        return torch.randint(classes, (n,), generator=g)
    return shares(g, n, classes)


@pytest.mark.parametrize("kind", ["indices", "probabilities"])
@pytest.mark.parametrize("shape", SHAPES)
def test_cross_entropy_term_by_term(g, shape, kind):
    logits, target = normal(g, *shape), targets(g, kind, *shape)
    losses = []
    for n, row in enumerate(logits.tolist()):
        weights = [math.exp(z) for z in row]
        surprise = [-math.log(w / sum(weights)) for w in weights]
        if kind == "indices":
            losses.append(surprise[int(target[n])])
        else:
            losses.append(sum(y * s for y, s in zip(target[n].tolist(), surprise, strict=True)))
    right = torch.tensor(losses, dtype=FLOAT64)
    assert_close(SOLUTION["cross_entropy"](logits, target, "none"), right)
    assert_close(SOLUTION["cross_entropy"](logits, target), right.mean())
    assert_close(SOLUTION["cross_entropy"](logits, target, reduction="sum"), right.sum())


def test_knowing_nothing_costs_the_logarithm_of_the_classes():
    for classes in (1, 2, 10):
        loss = SOLUTION["cross_entropy"](torch.zeros(3, classes), torch.zeros(3, dtype=torch.int64))
        assert float(loss) == pytest.approx(math.log(classes))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("kind", ["indices", "probabilities"])
@pytest.mark.parametrize("shape", SHAPES)
def test_cross_entropy_backward(g, shape, kind, reduction):
    logits, target = normal(g, *shape), targets(g, kind, *shape)

    def loss(logits):
        return SOLUTION["cross_entropy"](logits, target, reduction)

    grad = SOLUTION["cross_entropy_backward"](logits, target, reduction)
    assert_close(grad, differences(loss, logits), atol=1e-9)
    assert_close(grad, torch.func.grad(loss)(logits))
    assert_close(grad.sum(1), torch.zeros(shape[0], dtype=FLOAT64))


def test_a_small_step_against_the_gradient_lowers_the_loss(g):
    logits, target = 3 * normal(g, 5, 4), targets(g, "indices", 5, 4)
    step = logits - 0.01 * SOLUTION["cross_entropy_backward"](logits, target)
    assert SOLUTION["cross_entropy"](step, target) < SOLUTION["cross_entropy"](logits, target)


def test_cross_entropy_of_two_classes_far_apart():
    """The loss is what the wrong class is ahead; the gradient is one step towards the right one."""
    logits = torch.tensor([[-900.0, 0.0], [9000.0, 9900.0], [800.0, -100.0]], dtype=FLOAT64)
    target = torch.tensor([0, 0, 0])
    right = torch.tensor([900.0, 900.0, 0.0], dtype=FLOAT64)
    assert_close(SOLUTION["cross_entropy"](logits, target, "none"), right)
    grad = SOLUTION["cross_entropy_backward"](logits, target, "sum")
    assert_close(grad, torch.tensor([[-1.0, 1.0], [-1.0, 1.0], [0.0, 0.0]], dtype=FLOAT64))


# --- maximum likelihood -------------------------------------------------------------------------


def test_bce_is_cross_entropy_with_a_second_score_of_zero(g):
    z, y = 4 * normal(g, 2, 3), torch.rand(2, 3, generator=g, dtype=FLOAT64)
    two = torch.stack([z, torch.zeros_like(z)], dim=2).flatten(0, 1)
    target = torch.stack([y, 1 - y], dim=2).flatten(0, 1)
    right = SOLUTION["cross_entropy"](two, target, "none").reshape(2, 3)
    assert_close(SOLUTION["bce_with_logits"](z, y, "none"), right)
    assert_close(SOLUTION["bce_with_logits"](z, y), right.mean())
    assert_close(SOLUTION["bce_with_logits"](z, y, "sum"), right.sum())


def test_bce_derivative_is_probability_minus_target(g):
    z, y = normal(g, 2, 3), torch.rand(2, 3, generator=g, dtype=FLOAT64)
    grad = differences(lambda z: SOLUTION["bce_with_logits"](z, y, "sum"), z)
    assert_close(grad, 1 / (1 + torch.exp(-z)) - y, atol=1e-9)


def test_bce_far_out():
    z = torch.tensor([800.0, 800.0, -800.0, -800.0], dtype=FLOAT64)
    y = torch.tensor([1.0, 0.0, 1.0, 0.0], dtype=FLOAT64)
    right = torch.tensor([0.0, 800.0, 800.0, 0.0], dtype=FLOAT64)
    assert_close(SOLUTION["bce_with_logits"](z, y, "none"), right)


@pytest.mark.parametrize(("mu", "var"), [(0.0, 1.0), (2.0, 0.25), (-1.0, 9.0)])
def test_gaussian_density_integrates_to_one_with_its_moments(mu, var):
    y = torch.linspace(mu - 40, mu + 40, 20001, dtype=FLOAT64)
    nll = SOLUTION["gaussian_nll"](y, torch.full_like(y, mu), torch.full_like(y, var))
    p = torch.exp(-nll)
    moments = [torch.trapezoid(p * f, y) for f in (torch.ones_like(y), y, (y - mu) ** 2)]
    assert_close(torch.stack(moments), torch.tensor([1.0, mu, var], dtype=FLOAT64), atol=1e-9)


def test_gaussian_nll_by_torch_distributions(g):
    y, mu, var = normal(g, 3, 4), normal(g, 3, 4), normal(g, 3, 4).exp()
    right = -torch.distributions.Normal(mu, var.sqrt()).log_prob(y)
    assert_close(SOLUTION["gaussian_nll"](y, mu, var), right)


def test_gaussian_nll_far_out():
    y, mu, var = (torch.tensor([one], dtype=FLOAT64) for one in (100.0, 0.0, 1.0))
    right = torch.tensor([5000 + 0.5 * math.log(2 * math.pi)], dtype=FLOAT64)
    assert_close(SOLUTION["gaussian_nll"](y, mu, var), right)


# --- information --------------------------------------------------------------------------------


def test_entropy_of_dyadic_distributions_is_exact():
    p = torch.tensor([[0.5, 0.25, 0.125, 0.125], [0.25] * 4, [1.0, 0, 0, 0]], dtype=FLOAT64)
    assert_close(
        SOLUTION["entropy"](p), math.log(2) * torch.tensor([1.75, 2.0, 0.0], dtype=FLOAT64)
    )


def test_entropy_by_torch_distributions(g):
    p = shares(g, 3, 4, 5)
    assert_close(SOLUTION["entropy"](p), torch.distributions.Categorical(probs=p).entropy())


def test_entropy_of_independent_pairs_adds_up(g):
    p, q = shares(g, 4), shares(g, 5)
    both = torch.outer(p, q).flatten()
    assert_close(SOLUTION["entropy"](both), SOLUTION["entropy"](p) + SOLUTION["entropy"](q))


def test_kl_is_what_believing_costs(g):
    p, q = shares(g, 6, 4), shares(g, 6, 4)
    cost = SOLUTION["cross_entropy_discrete"](p, q) - SOLUTION["entropy"](p)
    kl = SOLUTION["kl_discrete"](p, q)
    assert_close(kl, cost)
    assert (kl > 0).all()
    assert_close(SOLUTION["kl_discrete"](p, p), torch.zeros(6, dtype=FLOAT64))
    assert_close(
        kl, torch.distributions.kl_divergence(*map(torch.distributions.Categorical, (p, q)))
    )


def test_kl_is_at_least_a_squared_distance(g):
    """Pinsker's inequality."""
    p, q = shares(g, 200, 5), shares(g, 200, 5)
    assert (SOLUTION["kl_discrete"](p, q) >= 0.5 * (p - q).abs().sum(1) ** 2).all()


def test_impossible_events():
    p = torch.tensor([[0.5, 0.5], [1.0, 0.0]], dtype=FLOAT64)
    q = torch.tensor([[1.0, 0.0], [0.5, 0.5]], dtype=FLOAT64)
    infinite = torch.tensor([math.inf, math.log(2)], dtype=FLOAT64)
    assert_close(SOLUTION["kl_discrete"](p, q), infinite)
    assert_close(SOLUTION["cross_entropy_discrete"](p, q), infinite)
    both = torch.tensor([0.5, 0.5, 0.0], dtype=FLOAT64)  # what cannot happen and is not believed
    assert_close(SOLUTION["cross_entropy_discrete"](both, both), SOLUTION["entropy"](both))
    assert_close(SOLUTION["kl_discrete"](both, both), torch.zeros((), dtype=FLOAT64))


@pytest.mark.parametrize(("n", "D"), [(9, 3), (4, 4), (5, 1), (1, 1)])
def test_maximum_likelihood_is_least_squares(g, n, D):
    x, y, sigma = normal(g, n, D), normal(g, n), 0.7
    theta, nll = SOLUTION["nll_equals_lsq"](x, y, sigma)
    assert_close(theta, torch.linalg.lstsq(x, y.unsqueeze(1)).solution.squeeze(1))

    def risk(theta):
        noise = torch.distributions.Normal(x @ theta, sigma)
        return -noise.log_prob(y).mean()

    assert_close(nll, risk(theta))
    assert_close(differences(risk, theta), torch.zeros(D, dtype=FLOAT64), atol=1e-8)
    for _ in range(20):
        assert risk(theta + 0.1 * normal(g, D)) > nll
