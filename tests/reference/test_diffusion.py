"""The reference of the topic `diffusion`, proven by other means than its hidden suite.

Distributions by their moments, followed step by step; Bayes' rule by numerical integration; inverse
functions by going there and back; samplers by the moments of what they produce.
"""

import itertools
import math
from pathlib import Path

import pytest
import torch

from autograder.checks import bank

ROOT = Path(__file__).parents[2]
TOPIC = bank.load(ROOT, "diffusion")
SOLUTION, SUPPORT = TOPIC.solution, TOPIC.support
BETAS = torch.tensor([0.05, 0.3, 0.12, 0.4, 0.2], dtype=torch.float64)
LEFT = SOLUTION["alpha_bars"](BETAS)


def normal(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def assert_close(actual, expected, tolerance=1e-10):
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


def single(value):
    return torch.tensor([value], dtype=torch.float64)


def at(t):
    return torch.tensor([t])


# --- the way there ----------------------------------------------------------------------------


def test_single_steps_add_up():
    """Mean factor and variance, followed through x_t = sqrt(1 - beta) x + sqrt(beta) noise."""
    factor, variance = 1.0, 0.0
    for t, beta in enumerate(BETAS.tolist()):
        factor, variance = math.sqrt(1 - beta) * factor, (1 - beta) * variance + beta
        assert_close(SOLUTION["q_sample"](single(1.0), at(t), single(0.0), LEFT).item(), factor)
        assert_close(
            SOLUTION["q_sample"](single(0.0), at(t), single(1.0), LEFT).item() ** 2, variance
        )


def test_variance_is_preserved():
    t = torch.arange(5)
    ones, zeros = torch.ones(5, 1, dtype=torch.float64), torch.zeros(5, 1, dtype=torch.float64)
    of_data = SOLUTION["q_sample"](ones, t, zeros, LEFT)
    of_noise = SOLUTION["q_sample"](zeros, t, ones, LEFT)
    assert_close(of_data**2 + of_noise**2, ones)
    assert (of_data[1:] < of_data[:-1]).all()


def test_the_schedule_of_the_paper_ends_in_noise():
    left = SOLUTION["alpha_bars"](torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64))
    assert left[0].item() == pytest.approx(1 - 1e-4)
    assert left[-1].item() == pytest.approx(4e-5, rel=0.02)


@pytest.mark.parametrize("shape", [(3,), (3, 2), (3, 3, 3), (3, 1, 2, 4)])
def test_each_sample_has_its_own_step(shape):
    x_0, noise, t = normal(0, *shape), normal(1, *shape), torch.tensor([4, 0, 2])
    together = SOLUTION["q_sample"](x_0, t, noise, LEFT)
    for n in range(3):
        alone = SOLUTION["q_sample"](x_0[n : n + 1], t[n : n + 1], noise[n : n + 1], LEFT)
        assert_close(together[n : n + 1], alone)


# --- what Bayes says --------------------------------------------------------------------------


@pytest.mark.parametrize("t", [1, 2, 4])
def test_posterior_by_integration(t):
    """Mean and variance of q(x before | x_0) q(x_t | x before), on a grid."""
    x_0, x_t = 0.8, -0.5
    grid = torch.linspace(-8, 8, 40_001, dtype=torch.float64)
    start = LEFT[t - 1].sqrt() * x_0
    log_density = -((grid - start) ** 2) / (2 * (1 - LEFT[t - 1]))
    log_density = log_density - (x_t - (1 - BETAS[t]).sqrt() * grid) ** 2 / (2 * BETAS[t])
    density = log_density.exp()
    density = density / torch.trapezoid(density, grid)
    mean = torch.trapezoid(grid * density, grid)
    variance = torch.trapezoid((grid - mean) ** 2 * density, grid)
    found = SOLUTION["posterior"](single(x_0), single(x_t), at(t), BETAS)
    assert_close(found[0].squeeze(), mean, 1e-8)
    assert_close(found[1].squeeze(), variance, 1e-8)


def test_posterior_at_the_first_step():
    x_0, x_t = normal(2, 3, 2), normal(3, 3, 2)
    mean, variance = SOLUTION["posterior"](x_0, x_t, torch.zeros(3, dtype=torch.int64), BETAS)
    assert_close(mean, x_0)
    assert not variance.any()


def test_posterior_is_between_the_two_neighbours():
    """The variance grows with t as long as beta does, and never exceeds beta."""
    betas = torch.linspace(0.01, 0.3, 20, dtype=torch.float64)
    zeros = torch.zeros(20, dtype=torch.float64)
    variance = SOLUTION["posterior"](zeros, zeros, torch.arange(20), betas)[1]
    assert (variance < betas).all()
    assert (variance[1:] > variance[:-1]).all()


@pytest.mark.parametrize("shape", [(5,), (5, 3), (5, 2, 2, 3)])
def test_there_and_back(shape):
    x_0, noise, t = normal(4, *shape), normal(5, *shape), torch.tensor([3, 0, 4, 1, 1])
    x_t = SOLUTION["q_sample"](x_0, t, noise, LEFT)
    assert_close(SOLUTION["predict_x0_from_noise"](x_t, t, noise, LEFT), x_0)
    mean = SOLUTION["predict_mean_from_noise"](x_t, t, noise, BETAS)
    assert_close(mean, SOLUTION["posterior"](x_0, x_t, t, BETAS)[0])


# --- models -----------------------------------------------------------------------------------


def test_no_guess_beats_the_best_one():
    """The expected loss of a guess a x + c is a quadratic; its minimum is the best denoiser."""
    mean, std, t = 1.5, 0.6, 3
    best = SUPPORT["gaussian_denoiser"](mean, std, BETAS)
    x_0 = mean + std * normal(6, 400_000)
    noise, steps = normal(7, 400_000), torch.full((400_000,), t)
    lowest = SOLUTION["ddpm_loss"](best, x_0, steps, noise, LEFT)
    expected = LEFT[t] * std**2 / (LEFT[t] * std**2 + 1 - LEFT[t])  # what cannot be known
    assert lowest.item() == pytest.approx(expected.item(), rel=0.01)
    for a, c in itertools.product((-0.05, 0.0, 0.05), repeat=2):
        if (a, c) != (0.0, 0.0):
            other = SOLUTION["ddpm_loss"](
                lambda x, t, a=a, c=c: best(x, t) + a * x + c, x_0, steps, noise, LEFT
            )
            assert other > lowest


def test_loss_of_a_model_that_knows():
    x_0, noise, t = normal(8, 4, 2, 3), normal(9, 4, 2, 3), torch.tensor([0, 4, 2, 2])
    assert SOLUTION["ddpm_loss"](lambda *_: noise, x_0, t, noise, LEFT) == 0


def moments_of_the_way_back(betas, mean, std):
    """Mean and variance through the affine steps that the best model for normal data takes."""
    left = torch.cumprod(1 - betas, 0)
    model = SUPPORT["gaussian_denoiser"](mean, std, betas)
    m, v = left[-1].sqrt() * mean, left[-1] * std**2 + 1 - left[-1]
    for t in range(len(betas) - 1, -1, -1):

        def step(x, t=t):
            zero = single(0.0)
            return SOLUTION["p_sample_step"](model, single(x), t, zero, betas).item()

        slope = step(1.0) - step(0.0)
        m, v = step(0.0) + slope * m, slope**2 * v + (betas[t] if t else 0.0)
    return m, v


def test_the_way_back_ends_at_the_data():
    """Exactly for variance 1, but for the last noise; for others after many small steps."""
    m, v = moments_of_the_way_back(BETAS, 3.0, 1.0)
    assert_close(float(m), 3.0)
    assert_close(float(v), 1 - BETAS[0].item())
    many = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    m, v = moments_of_the_way_back(many, -1.0, 0.5)
    assert float(m) == pytest.approx(-1.0, abs=1e-3)
    assert float(v) == pytest.approx(0.25, rel=0.01)


def test_loop_takes_every_step_once():
    seen = []

    def model(x, t):
        seen.append(t.tolist())
        return 0 * x

    SOLUTION["p_sample_loop"](model, normal(10, 2, 3), normal(11, 5, 2, 3), BETAS)
    assert seen == [[4, 4], [3, 3], [2, 2], [1, 1], [0, 0]]


def test_loop_does_not_look_at_the_last_noise():
    model = SUPPORT["wavy_denoiser"](0.7, 1.3)
    x_T, noises = normal(12, 3), normal(13, 5, 3)
    other = noises.clone()
    other[0] = 100.0
    loop = SOLUTION["p_sample_loop"]
    assert_close(loop(model, x_T, noises, BETAS), loop(model, x_T, other, BETAS))


def test_strides_of_a_model_that_knows():
    """Whoever knows the noise lands where `q_sample` would have, in any number of strides."""
    x_0, noise = normal(14, 4, 2), normal(15, 4, 2)

    def where(t):
        return SOLUTION["q_sample"](x_0, torch.full((4,), t), noise, LEFT)

    for t, s in itertools.combinations(range(4, -1, -1), 2):
        assert_close(SOLUTION["ddim_step"](lambda *_: noise, where(t), t, s, LEFT), where(s))
    assert_close(SOLUTION["ddim_step"](lambda *_: noise, where(4), 4, -1, LEFT), x_0)


def test_many_small_strides_bring_the_moments_home():
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    left = SOLUTION["alpha_bars"](betas)
    model = SUPPORT["gaussian_denoiser"](2.0, 0.5, betas)
    x = left[-1].sqrt() * 2.0 + torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)
    for t in range(999, -1, -1):
        x = SOLUTION["ddim_step"](model, x, t, t - 1, left)
    assert_close(x, torch.tensor([1.5, 2.0, 2.5], dtype=torch.float64), 0.02)
