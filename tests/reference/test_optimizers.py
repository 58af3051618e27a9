"""The reference optimizers against second oracles: whole walks, theory, properties."""

import itertools
import math
from pathlib import Path

import pytest
import torch

from autograder.checks import bank

ROOT = Path(__file__).parents[2]
TOPIC = bank.load(ROOT, "optimizers")
MISTAKES = {one.id: one.definition for one in TOPIC.mistakes}


def solved(name):
    return TOPIC.solution[name]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def assert_close(actual, expected, rtol=1e-11, atol=1e-12):
    torch.testing.assert_close(actual, expected, rtol=rtol, atol=atol)


def quadratic(theta):
    return (theta * theta * torch.tensor([30.0, 3.0, 0.1], dtype=theta.dtype)).sum() / 2


def rosenbrock(theta):
    x, y = theta
    return (1 - x) ** 2 + 100 * (y - x * x) ** 2


WALKS = [
    pytest.param(quadratic, [1.0, -2.0, 3.0], id="quadratic"),
    pytest.param(rosenbrock, [-1.2, 1.0], id="rosenbrock"),
]


def slope(loss, theta):
    leaf = theta.clone().requires_grad_()
    return torch.autograd.grad(loss(leaf), leaf)[0]


def torch_walk(loss, start, make, steps=20):
    """Return the places that an optimizer of torch visits."""
    theta = torch.tensor(start, dtype=torch.float64).requires_grad_()
    optimizer, places = make([theta]), []
    for _ in range(steps):
        optimizer.zero_grad()
        loss(theta).backward()
        optimizer.step()
        places.append(theta.detach().clone())
    return torch.stack(places)


def walk(loss, start, step, states, steps=20):
    """Return the places that a step of ours visits, and the state at each."""
    now = torch.tensor(start, dtype=torch.float64)
    now, places = (now, *[torch.zeros_like(now)] * states), []
    for t in range(1, steps + 1):
        now = step(slope(loss, now[0]), t, *now)
        places.append(torch.stack(now))
    return torch.stack(places).unbind(1)


# --- whole walks ------------------------------------------------------------------------------


@pytest.mark.parametrize(("loss", "start"), WALKS)
def test_momentum_walks_as_torch_does_while_the_rate_stays(loss, start):
    ours = walk(
        loss, start, lambda g, t, x, v: solved("momentum_step")(x, g, v, 3e-4, gamma=0.9), 1
    )
    assert_close(
        ours[0], torch_walk(loss, start, lambda p: torch.optim.SGD(p, lr=3e-4, momentum=0.9))
    )


def test_momentum_parts_from_torch_when_the_rate_changes():
    theta, grads = normal(4), normal(2, 4, seed=1)
    leaf, v = theta.clone().requires_grad_(), torch.zeros_like(theta)
    optimizer = torch.optim.SGD([leaf], lr=1.0, momentum=0.9)
    for grad, lr, equal in zip(grads, (1.0, 0.1), (True, False), strict=True):
        optimizer.param_groups[0]["lr"] = lr
        leaf.grad = grad.clone()
        optimizer.step()
        theta, v = solved("momentum_step")(theta, grad, v, lr)
        assert torch.allclose(theta, leaf, atol=1e-12) is equal
    # Torch scales the push of the first step down with the second one, ours does not.
    assert_close(leaf - theta, 0.9 * (1.0 - 0.1) * grads[0])


@pytest.mark.parametrize(("loss", "start"), WALKS)
def test_torchs_nesterov_walks_through_the_places_where_ours_looks(loss, start):
    lr, gamma = 3e-4, 0.9
    theta = torch.tensor(start, dtype=torch.float64)
    v, looks = torch.zeros_like(theta), []
    for _ in range(20):
        theta, v = solved("nesterov_step")(theta, lambda x: slope(loss, x), v, lr, gamma=gamma)
        looks.append(theta - gamma * v)

    def make(params):
        return torch.optim.SGD(params, lr=lr, momentum=gamma, nesterov=True)

    theirs = torch_walk(loss, start, make)
    assert_close(torch.stack(looks), theirs)
    assert (theirs[-1] - theta).abs().max() > 1e-4


@pytest.mark.parametrize(("loss", "start"), WALKS)
def test_adam_and_adamw_walk_as_torch_does(loss, start):
    ours = walk(loss, start, lambda g, t, x, m, v: solved("adam_step")(x, g, m, v, t, 0.1), 2)
    assert_close(ours[0], torch_walk(loss, start, lambda p: torch.optim.Adam(p, lr=0.1)))

    def step(g, t, x, m, v):
        return solved("adamw_step")(x, g, m, v, t, 0.1, weight_decay=0.2)

    ours = walk(loss, start, step, 2)
    theirs = torch_walk(loss, start, lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.2))
    assert_close(ours[0], theirs)
    coupled = torch_walk(loss, start, lambda p: torch.optim.Adam(p, lr=0.1, weight_decay=0.2))
    assert (coupled - theirs).abs().max() > 0.01


@pytest.mark.parametrize(("loss", "start"), WALKS)
def test_adagrad_and_rmsprop_walk_as_torch_does_with_a_small_epsilon(loss, start):
    ours = walk(loss, start, lambda g, t, x, s: solved("adagrad_step")(x, g, s, 0.1, eps=1e-20), 1)
    theirs = torch_walk(loss, start, lambda p: torch.optim.Adagrad(p, lr=0.1, eps=1e-20))
    assert_close(ours[0], theirs)
    ours = walk(loss, start, lambda g, t, x, s: solved("rmsprop_step")(x, g, s, 0.1, eps=1e-20), 1)
    theirs = torch_walk(loss, start, lambda p: torch.optim.RMSprop(p, lr=0.1, alpha=0.9, eps=1e-20))
    assert_close(ours[0], theirs)


@pytest.mark.parametrize(("loss", "start"), WALKS)
def test_amsgrad_walks_elsewhere_than_torch_and_its_rates_never_rise(loss, start):
    def step(g, t, x, m, v, v_max):
        return solved("amsgrad_step")(x, g, m, v, v_max, 0.1)

    theta, _, v, v_max = walk(loss, start, step, 3)
    theirs = torch_walk(loss, start, lambda p: torch.optim.Adam(p, lr=0.1, amsgrad=True))
    assert (theta - theirs).abs().max() > 0.1
    assert_close(v_max, torch.cummax(v, 0).values)


# --- theory -----------------------------------------------------------------------------------


def test_the_velocity_is_a_weighted_sum_of_the_past():
    v, grads, theta = normal(3, 2, seed=4), normal(6, 3, 2, seed=5), normal(3, 2)
    rolled = v
    for k, grad in enumerate(grads):
        theta, rolled = solved("momentum_step")(theta, grad, rolled, 0.3, gamma=0.7)
        assert_close(solved("momentum_unrolled")(v, grads[: k + 1], 0.3, gamma=0.7), rolled)
    printed = MISTAKES["one_fading_less"](v, grads, 0.3, gamma=0.7)
    assert_close(printed - rolled, (0.7**5 - 0.7**6) * v)


def test_a_constant_slope_gives_terminal_velocity():
    theta, v = normal(3), torch.zeros(3, dtype=torch.float64)
    grad = normal(3, seed=1)
    for _ in range(400):
        theta, v = solved("momentum_step")(theta, grad, v, 0.2, gamma=0.9)
    assert_close(v, 0.2 * grad / (1 - 0.9))


def test_momentum_converges_on_a_quadratic_at_the_rate_of_theory():
    """With the best lr and gamma the error shrinks by (sqrt(k) - 1) / (sqrt(k) + 1) per step."""
    curvature = torch.tensor([1.0, 100.0], dtype=torch.float64)
    root = (10 - 1) / (10 + 1)
    lr, gamma = (2 / (1 + 10)) ** 2, root**2
    theta, v = torch.ones(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    for _ in range(200):
        theta, v = solved("momentum_step")(theta, curvature * theta, v, lr, gamma=gamma)
    assert theta.norm() < 400 * root**200


def test_steps_of_different_rules_agree_where_they_must():
    theta, grad, v = normal(5), normal(5, seed=1), normal(5, seed=2)
    still = torch.zeros_like(v)
    plain = solved("sgd_step")(theta, grad.unsqueeze(0), 0.1)
    assert_close(solved("momentum_step")(theta, grad, v, 0.1, gamma=0.0)[0], plain)
    assert_close(solved("nesterov_step")(theta, lambda _: grad, still, 0.1)[0], plain)
    # For a constant slope, looking ahead changes nothing.
    ahead = solved("nesterov_step")(theta, lambda _: grad, v, 0.1)
    for one, other in zip(ahead, solved("momentum_step")(theta, grad, v, 0.1), strict=True):
        assert_close(one, other)
    # Adam without memory of directions, after very many steps, is RMSProp.
    s = v**2
    adam = solved("adam_step")(theta, grad, still, s, 10**6, 0.1, beta_1=0.0, eps=1e-20)
    rmsprop = solved("rmsprop_step")(theta, grad, s, 0.1, gamma=0.999, eps=1e-20)
    assert_close(adam[0], rmsprop[0])
    for weight_decay in (0.0, 0.3):
        adamw = solved("adamw_step")(theta, grad, v, s, 9, 0.1, weight_decay=weight_decay)[0]
        adam = solved("adam_step")(theta, grad, v, s, 9, 0.1)[0]
        assert_close(adamw, adam - 0.1 * weight_decay * theta)


def test_a_batch_is_as_good_as_its_average_gradient():
    theta, x = normal(3), normal(7, 3, seed=1)
    grads = torch.func.vmap(torch.func.grad(lambda p, row: (p @ row).tanh()), (None, 0))(theta, x)
    whole = torch.func.grad(lambda p: (x @ p).tanh().mean())(theta)
    assert_close(solved("sgd_step")(theta, grads, 0.4), theta - 0.4 * whole)


def test_adam_takes_first_steps_of_the_length_of_the_rate():
    theta, zero = normal(6), torch.zeros(6, dtype=torch.float64)
    for size in (1e-6, 1.0, 1e6):
        grad = size * normal(6, seed=1)
        new = solved("adam_step")(theta, grad, zero, zero, 1, 0.01, eps=1e-30)[0]
        assert_close(new, theta - 0.01 * grad.sign())
        raw = MISTAKES["not_corrected"](theta, grad, zero, zero, 1, 0.01, eps=1e-30)[0]
        assert_close(raw - theta, math.sqrt(10) * (new - theta), rtol=1e-9)


def test_the_correction_makes_the_averages_of_a_constant_exact():
    grad = normal(4)
    theta = m = v = torch.zeros_like(grad)
    for t in range(1, 60):
        theta, m, v = solved("adam_step")(theta, grad, m, v, t, 0.01, eps=1e-30)
        assert_close(m / (1 - 0.9**t), grad)
        assert_close(v / (1 - 0.999**t), grad**2, rtol=1e-9)
        assert_close(theta, -0.01 * t * grad.sign(), rtol=1e-9)


def test_adagrad_slows_down_with_the_root_of_time_and_rmsprop_does_not():
    grad = normal(4)
    theta, s = torch.zeros_like(grad), torch.zeros_like(grad)
    for t in range(1, 30):
        new, s = solved("adagrad_step")(theta, grad, s, 0.1, eps=1e-30)
        assert_close(new - theta, -0.1 * grad.sign() / math.sqrt(t))
        theta = new
    theta, s = torch.zeros_like(grad), torch.zeros_like(grad)
    for _ in range(300):
        last = theta
        theta, s = solved("rmsprop_step")(theta, grad, s, 0.1, eps=1e-30)
    assert_close(theta - last, -0.1 * grad.sign(), rtol=1e-9)


def test_weights_decay_exponentially_without_a_gradient():
    theta = start = normal(4)
    m = v = grad = torch.zeros_like(theta)
    for t in range(1, 41):
        theta, m, v = solved("adamw_step")(theta, grad, m, v, t, 0.1, weight_decay=0.5)
    assert_close(theta, start * (1 - 0.05) ** 40)


@pytest.mark.parametrize(
    ("exercise", "other", "args"),
    [
        ("adagrad_step", "eps_outside", 1),
        ("rmsprop_step", "eps_outside_the_root", 1),
        ("adam_step", "eps_inside", 2),
        ("adam_step", "epsilon_hat", 2),
    ],
)
def test_another_place_for_a_small_epsilon_is_within_the_tolerance(exercise, other, args):
    """So only the part `eps` can tell: the handout says which place is meant."""
    theta, grad = normal(200), normal(200, seed=1)
    grad = grad.sign() * (0.5 + grad.abs())
    state = [grad * 0.3, grad**2][-args:]
    more = (40,) if args == 2 else ()
    ours = solved(exercise)(theta, grad, *state, *more, 0.1, eps=1e-10)[0]
    theirs = MISTAKES[other](theta, grad, *state, *more, 0.1, eps=1e-10)[0]
    assert (ours - theirs).abs().max() < 1e-9
    ours = solved(exercise)(theta, grad, *state, *more, 0.1, eps=1e-2)[0]
    theirs = MISTAKES[other](theta, grad, *state, *more, 0.1, eps=1e-2)[0]
    assert (ours - theirs).abs().max() > 1e-5


# --- clipping ---------------------------------------------------------------------------------


@pytest.mark.parametrize("max_norm", [0.1, 3.0, 1e3])
def test_clipping_keeps_the_direction_and_can_be_repeated(max_norm):
    grads = [normal(3, 4), 10 * normal(4, seed=1), normal(2, 1, 2, seed=2)]
    clipped, norm = solved("clip_grad_norm")(grads, max_norm)
    flat, short = (torch.cat([g.reshape(-1) for g in one]) for one in (grads, clipped))
    assert_close(norm, flat.norm())
    assert short.norm() <= max_norm * (1 + 1e-12)
    assert_close(torch.nn.functional.cosine_similarity(flat, short, dim=0), torch.ones_like(norm))
    again, _ = solved("clip_grad_norm")(clipped, max_norm)
    assert_close(again, clipped)


@pytest.mark.parametrize("max_norm", [0.5, 3.0, 100.0])
def test_clipping_agrees_with_torch_up_to_its_epsilon(max_norm):
    params = [torch.nn.Parameter(normal(3, 4)), torch.nn.Parameter(normal(5))]
    grads = [5 * normal(3, 4, seed=1), normal(5, seed=2)]
    for param, grad in zip(params, grads, strict=True):
        param.grad = grad.clone()
    norm = torch.nn.utils.clip_grad_norm_(params, max_norm)
    clipped, ours = solved("clip_grad_norm")(grads, max_norm)
    assert_close(ours, norm)
    assert_close(clipped, [param.grad for param in params], rtol=2e-6)


# --- schedules --------------------------------------------------------------------------------


def scheduled(make, steps):
    """Return the rates of a schedule of torch."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    schedule, rates = make(optimizer), []
    for _ in range(steps):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    return rates


def test_schedules_agree_with_torch():
    rates = scheduled(lambda o: torch.optim.lr_scheduler.StepLR(o, 7, gamma=0.5), 40)
    assert rates == pytest.approx([solved("lr_step")(t, 0.3, 7, gamma=0.5) for t in range(40)])
    rates = scheduled(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 25, eta_min=0.02), 26)
    ours = [solved("lr_cosine")(t, 25, 0.3, lr_min=0.02) for t in range(26)]
    assert rates == pytest.approx(ours)


def test_the_cosine_schedule_is_continuous_and_monotone():
    rates = [solved("lr_cosine")(t, 3000, 1.0, lr_min=0.1, warmup=1000) for t in range(4000)]
    steps = [later - now for now, later in itertools.pairwise(rates)]
    assert max(map(abs, steps)) < 2e-3
    assert all(step > 0 for step in steps[:1000])
    assert all(step <= 0 for step in steps[1000:])
    assert (rates[0], max(rates), rates[-1]) == (0.0, 1.0, 0.1)


# --- the theorem ------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.0, 0.1, 1.0, 10.0])
@pytest.mark.parametrize("T", [1, 30, 2000])
def test_no_other_step_size_has_a_smaller_bound(sigma, T):
    beta, delta = 3.0, 5.0
    lr, bound, floor = solved("sgd_bound")(beta, delta, sigma, T)
    assert 0 < lr <= 1 / beta
    for share in torch.linspace(0.001, 1, 500).tolist():
        other = share / beta
        assert bound <= (2 * delta / (other * T) + other * beta * sigma**2) * (1 + 1e-12)
    printed = 4 * beta * delta / T + math.sqrt(8 * beta * delta * sigma**2 / T)
    tighter = 2 * beta * delta / T + math.sqrt(8 * beta * delta * sigma**2 / T)
    assert bound <= tighter * (1 + 1e-12) <= printed * (1 + 1e-12)
    assert floor**2 == pytest.approx(lr * beta * sigma**2)


@pytest.mark.parametrize("sigma", [0.0, 0.5, 4.0])
def test_noisy_walks_on_a_quadratic_keep_the_promise(sigma):
    """The expected smallest squared slope, over 300 walks, is below the bound."""
    beta, T, d, walks = 4.0, 60, 3, 300
    curvature = torch.tensor([4.0, 1.0, 0.2], dtype=torch.float64)
    theta = torch.ones(walks, d, dtype=torch.float64)
    delta = float((curvature * theta[0] ** 2).sum() / 2)
    lr, bound, _ = solved("sgd_bound")(beta, delta, sigma, T)
    squares, noise = [], seeded(7)
    for _ in range(T):
        grad = curvature * theta
        squares.append((grad**2).sum(1))
        kick = torch.randn(walks, d, generator=noise, dtype=torch.float64) * sigma / math.sqrt(d)
        theta = solved("sgd_step")(theta, (grad + kick).unsqueeze(0), lr)
    squares = torch.stack(squares)
    assert squares.min(0).values.mean() <= bound
    assert squares.mean() <= bound * 1.1  # what the proof bounds is the average over the steps


def test_a_walk_that_goes_on_for_ever_stays_below_the_floor():
    """On the worst quadratic (curvature beta) the slope settles where theory says."""
    beta, sigma = 2.0, 3.0
    lr, _, floor = solved("sgd_bound")(beta, 5.0, sigma, 100)
    theta, noise = torch.zeros(4000, dtype=torch.float64), seeded(3)
    for _ in range(400):
        kick = sigma * torch.randn(4000, generator=noise, dtype=torch.float64)
        theta = solved("sgd_step")(theta, (beta * theta + kick).unsqueeze(0), lr)
    settled = float((beta * theta).square().mean())
    assert settled == pytest.approx(lr * beta * sigma**2 / (2 - lr * beta), rel=0.15)
    assert math.sqrt(settled) < floor
