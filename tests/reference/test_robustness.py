"""The reference for robustness against other oracles: enumeration, geometry, probabilities."""

import itertools
import math
from pathlib import Path

import pytest
import torch

from autograder.checks import bank

ROOT = Path(__file__).parents[2]
TOPIC = bank.load(ROOT, "robustness")
F64 = torch.float64


def solved(name):
    return TOPIC.solution[name]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=F64)


def uniform(*shape, seed=0):
    return torch.rand(*shape, generator=seeded(seed), dtype=F64)


def assert_close(actual, expected, rtol=1e-10, atol=1e-11):
    torch.testing.assert_close(actual, expected, rtol=rtol, atol=atol)


# --- attacks ----------------------------------------------------------------------------------


def test_a_linear_loss_rises_by_epsilon_times_the_1_norm_and_no_corner_is_higher():
    w, x, epsilon = normal(6), 0.4 + 0.2 * uniform(6), 0.1
    risen = w @ solved("fgsm")(x, w, epsilon) - w @ x
    assert_close(risen, epsilon * w.abs().sum())
    corners = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=6)), dtype=F64)
    assert_close(risen, (epsilon * corners @ w).max())


def test_attacks_stay_in_the_ball_and_in_the_range():
    x, gradient = uniform(50), TOPIC.support["wave_gradient"](20 * normal(50), normal(50, seed=1))
    for epsilon in (0.0, 0.05, 0.4, 2.0):
        for attacked in (
            solved("fgsm")(x, gradient(x), epsilon),
            solved("pgd")(x, gradient, epsilon, 0.13, 9),
        ):
            assert (attacked - x).abs().max() <= epsilon + 1e-15
            assert attacked.min() >= 0
            assert attacked.max() <= 1


def test_enough_small_steps_up_a_linear_loss_are_one_large_one():
    w, x = normal(3, 4), uniform(3, 4)
    w[0, 0] = 0.0
    gradient = TOPIC.support["linear_gradient"](w)
    assert_close(solved("pgd")(x, gradient, 0.2, 0.03, 7), solved("fgsm")(x, w, 0.2))
    assert_close(solved("pgd")(x, gradient, 0.2, 0.2, 1), solved("fgsm")(x, w, 0.2))


def test_a_concave_loss_is_climbed_to_its_top_within_the_box():
    x, top = uniform(40), 2 * uniform(40, seed=1) - 0.5
    found = solved("pgd")(x, lambda z: top - z, 0.3, 0.01, 80)
    best = torch.minimum(torch.maximum(top, (x - 0.3).clamp(min=0)), (x + 0.3).clamp(max=1))
    assert (found - best).abs().max() <= 0.01


@pytest.mark.parametrize("name", ["wave_gradient", "network_gradient"])
def test_the_gradients_of_the_support_are_gradients(name):
    if name == "wave_gradient":
        about = (normal(3, 4), normal(3, 4, seed=1))
        loss = lambda x: torch.sin(about[0] * x + about[1]).sum()  # noqa: E731
    else:
        about = (normal(5, 4), normal(5, seed=1), normal(5, seed=2))
        loss = lambda x: (torch.tanh(x @ about[0].T + about[1]) @ about[2]).sum()  # noqa: E731
    x = normal(3, 4, seed=3)
    assert_close(TOPIC.support[name](*about)(x), torch.func.grad(loss)(x))


# --- bounds -----------------------------------------------------------------------------------


def test_the_spectral_norm_is_the_longest_image_of_the_unit_circle():
    W, angle = normal(3, 2), torch.linspace(0, math.pi, 20_001, dtype=F64)
    longest = (torch.stack([angle.cos(), angle.sin()], 1) @ W.T).norm(dim=1).max()
    assert_close(solved("spectral_norm")(W, normal(2, seed=1), 200), longest, rtol=1e-7)


def test_properties_of_the_spectral_norm():
    def norm(W):
        return solved("spectral_norm")(W, normal(W.shape[1], seed=9), 2000)

    A, B = normal(4, 3), normal(3, 4, seed=1)
    assert_close(norm(A), norm(A.T))
    assert_close(norm(-3 * A), 3 * norm(A))
    assert norm(A + B.T) <= norm(A) + norm(B.T) + 1e-12
    assert norm(A @ B) <= norm(A) * norm(B) + 1e-12
    turn = torch.linalg.qr(normal(4, 4, seed=2))[0]
    assert_close(norm(turn @ A), norm(A))
    assert_close(norm(A), torch.linalg.matrix_norm(A, 2))


def test_power_iteration_converges_at_the_rate_of_the_two_largest_values():
    W = torch.diag(torch.tensor([1.0, 0.8], dtype=F64))
    start = torch.ones(2, dtype=F64)
    errors = [1 - float(solved("spectral_norm")(W, start, k)) for k in (10, 11, 12)]
    assert errors[0] > errors[1] > errors[2] > 0
    assert errors[1] / errors[0] == pytest.approx(0.8**4, rel=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_no_pair_of_inputs_and_no_jacobian_exceeds_the_bound(seed):
    weights = [normal(5, 3, seed=seed), normal(6, 5, seed=seed + 1), normal(2, 6, seed=seed + 2)]
    biases = [normal(len(W), seed=seed + 3) for W in weights]

    def network(x):
        for W, b in zip(weights[:-1], biases[:-1], strict=True):
            x = torch.relu(W @ x + b)
        return weights[-1] @ x + biases[-1]

    bound = solved("lipschitz_upper")(weights)
    for x, y in zip(normal(50, 3, seed=seed + 4), normal(50, 3, seed=seed + 5), strict=True):
        assert (network(x) - network(y)).norm() <= bound * (x - y).norm() * (1 + 1e-12)
        assert torch.linalg.matrix_norm(torch.func.jacrev(network)(x), 2) <= bound * (1 + 1e-12)


def test_the_radius_is_no_larger_than_the_distance_to_any_border_of_a_linear_network():
    W, b, x = normal(4, 3), normal(4, seed=1), normal(30, 3, seed=2)
    logits = x @ W.T + b
    y = logits.argmax(1)
    radius = solved("certified_radius")(logits, y, float(torch.linalg.matrix_norm(W, 2)))
    for n, j in itertools.product(range(30), range(4)):
        if j != y[n]:
            normal_vector = W[y[n]] - W[j]
            assert radius[n] <= (logits[n, y[n]] - logits[n, j]) / normal_vector.norm() + 1e-12


def test_the_radius_is_reached_by_two_opposite_scores():
    W, x = torch.tensor([[3.0], [-3.0]], dtype=F64), torch.tensor([[0.7]], dtype=F64)
    lipschitz = float(torch.linalg.matrix_norm(W, 2))
    assert_close(solved("certified_radius")(x @ W.T, torch.tensor([0]), lipschitz), x[0])


@pytest.mark.parametrize("n", [1, 5, 40, 200])
@pytest.mark.parametrize("delta", [0.5, 0.1, 1e-3])
def test_a_coin_of_plus_and_minus_m_keeps_hoeffdings_promise(n, delta):
    """The exact probability that the mean of n coins is further from 0 than the bound."""
    M = 2.0
    bound = solved("hoeffding_bound")(M, n, delta)
    far = sum(math.comb(n, heads) for heads in range(n + 1) if abs(M * (2 * heads - n) / n) > bound)
    assert far / 2**n <= delta
    assert solved("hoeffding_bound")(M, 4 * n, delta) == pytest.approx(bound / 2)


def test_half_the_bound_would_not_do_for_losses_of_either_sign():
    n, delta = 200, 0.5
    bound = solved("hoeffding_bound")(1.0, n, delta) / 2
    far = sum(math.comb(n, heads) for heads in range(n + 1) if abs((2 * heads - n) / n) > bound)
    assert far / 2**n > delta / 2
    bound = solved("hoeffding_bound")(1.0, n, 0.9) / 2
    far = sum(math.comb(n, heads) for heads in range(n + 1) if abs((2 * heads - n) / n) > bound)
    assert far / 2**n > 0.5


def test_the_four_errors_add_up():
    risk, empirical = uniform(7), uniform(7, seed=1)
    errors = solved("error_decomposition")(risk, empirical, 0.2, 0.3)
    assert_close(sum(errors), risk)


# --- against overfitting ----------------------------------------------------------------------


def test_the_penalty_gradient_against_central_differences():
    params, gamma, step = (normal(2, 3), normal(4, seed=1)), 0.7, 1e-6
    grads = solved("l2_penalty_grad")(params, gamma)
    for which, grad in enumerate(grads):
        for at in itertools.product(*map(range, grad.shape)):
            values = []
            for sign in (1, -1):
                moved = [param.clone() for param in params]
                moved[which][at] += sign * step
                values.append(gamma * sum((param**2).sum() for param in moved))
            assert_close((values[0] - values[1]) / (2 * step), grad[at], rtol=1e-7, atol=1e-8)


def test_stopping_knows_nothing_of_the_future():
    losses = torch.randint(8, (300, 12), generator=seeded()).to(F64)
    for row, patience in zip(losses, itertools.cycle([1, 2, 3, 5]), strict=False):
        stop, best = solved("early_stopping")(row, patience)
        assert best <= stop
        assert stop - best == patience or (stop == 11 and stop - best < patience)
        assert row[best] == row[: stop + 1].min()
        assert (row[:best] > row[best]).all()
        changed = row.clone()
        changed[stop + 1 :] = -1.0
        assert solved("early_stopping")(changed, patience) == (stop, best)


@pytest.mark.parametrize(("n", "k"), [(2, 2), (10, 3), (11, 11), (30, 7)])
def test_folds_are_those_of_scikit_learn(n, k):
    selection = pytest.importorskip("sklearn.model_selection")
    ours = [[one.tolist() for one in pair] for pair in solved("kfold_indices")(n, k)]
    theirs = [[one.tolist() for one in pair] for pair in selection.KFold(k).split(range(n))]
    assert ours == theirs
    assert sorted(i for _, val in ours for i in val) == list(range(n))


def test_the_error_on_examples_falls_to_0_where_the_polynomial_is_lagranges():
    x, y, x_new = torch.linspace(-1, 1, 5, dtype=F64), normal(5), torch.tensor([0.3], dtype=F64)
    train, _ = solved("polynomial_risks")(x, y, x_new, x_new, range(5))
    assert (train.diff() <= 1e-12).all()
    assert train[-1] < 1e-20
    lagrange = sum(
        y[i] * math.prod(float((x_new - x[j]) / (x[i] - x[j])) for j in range(5) if j != i)
        for i in range(5)
    )
    _, test = solved("polynomial_risks")(x, y, x_new, lagrange.reshape(1), [4])
    assert test[0] < 1e-20


def test_degree_0_measures_the_variance_and_residuals_are_orthogonal():
    x, y = uniform(9), normal(9)
    train, test = solved("polynomial_risks")(x, y, x, y + 1, [0, 2])
    assert_close(train[0], y.var(unbiased=False))
    assert_close(test - train, torch.ones(2, dtype=F64))  # the residuals sum to 0
