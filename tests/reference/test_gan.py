"""The reference of the topic `gan`, proven by other means than its hidden suite.

Losses by numerical integration and limits, backward passes by finite differences and `torch.func`,
the theory by brute force over all discriminators, one round of the game by hand.
"""

import math
from pathlib import Path

import pytest
import torch

from autograder.checks import bank

ROOT = Path(__file__).parents[2]
TOPIC = bank.load(ROOT, "gan")
SOLUTION, SUPPORT = TOPIC.solution, TOPIC.support


def normal(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def probabilities(seed, *shape):
    return torch.softmax(normal(seed, *shape), dim=-1)


def slopes(function, tensor, step=1e-5):
    """Return the derivative of a scalar function with respect to each entry, by differences."""
    slope = torch.empty_like(tensor).reshape(-1)
    for k in range(tensor.numel()):
        values = []
        for sign in (1, -1):
            moved = tensor.clone().reshape(-1)
            moved[k] += sign * step
            values.append(function(moved.reshape(tensor.shape)))
        slope[k] = (values[0] - values[1]) / (2 * step)
    return slope.reshape(tensor.shape)


def assert_close(actual, expected, tolerance=1e-9):
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


# --- losses -----------------------------------------------------------------------------------


def test_losses_are_integrals_of_the_sigmoid():
    """-ln sigmoid(l) is the area under sigmoid(-t) to the right of l."""
    for logit in (-3.0, 0.0, 2.5):
        t = torch.linspace(logit, 60, 600_001, dtype=torch.float64)
        area = torch.trapezoid(torch.sigmoid(-t), t)
        logits = torch.tensor([logit], dtype=torch.float64)
        assert_close(SOLUTION["generator_loss"](logits), area, 1e-8)
        assert_close(SOLUTION["generator_loss_minimax"](-logits), -area, 1e-8)
        assert_close(SOLUTION["discriminator_loss"](logits, -logits), 2 * area, 1e-8)


def test_losses_of_the_undecided():
    zeros = torch.zeros(7, dtype=torch.float64)
    assert_close(SOLUTION["discriminator_loss"](zeros, zeros).item(), math.log(4))
    assert_close(SOLUTION["generator_loss"](zeros).item(), math.log(2))
    assert_close(SOLUTION["generator_loss_minimax"](zeros).item(), -math.log(2))


def test_exchanging_the_batches_changes_all_signs():
    real, fake = normal(0, 5), normal(1, 3)
    loss = SOLUTION["discriminator_loss"]
    assert_close(loss(real, fake), loss(-fake, -real))


@pytest.mark.parametrize("logit", [-1e4, -100.0, 100.0, 1e4])
def test_losses_far_out(logit):
    logits = torch.full((3,), logit, dtype=torch.float64)
    assert SOLUTION["generator_loss"](logits) == pytest.approx(max(0.0, -logit), abs=1e-12)
    assert SOLUTION["generator_loss_minimax"](logits) == pytest.approx(min(0.0, -logit), abs=1e-12)


def test_slopes_where_the_discriminator_is_sure_of_a_fake():
    """What the handout says: one loss pulls with full strength, the other not at all."""
    sure = torch.tensor([-40.0], dtype=torch.float64)
    assert_close(torch.func.grad(SOLUTION["generator_loss"])(sure).item(), -1.0)
    assert_close(torch.func.grad(SOLUTION["generator_loss_minimax"])(sure).item(), 0.0)


@pytest.mark.parametrize("shapes", [((4,), (3,)), ((2, 3), (5, 1))])
def test_discriminator_loss_backward_by_differences(shapes):
    real, fake, above = normal(2, *shapes[0]), normal(3, *shapes[1]), normal(4)
    grads = SOLUTION["discriminator_loss_backward"](above, real, fake)
    loss = SOLUTION["discriminator_loss"]
    assert_close(grads[0], slopes(lambda r: above * loss(r, fake), real), 1e-8)
    assert_close(grads[1], slopes(lambda f: above * loss(real, f), fake), 1e-8)


# --- theory -----------------------------------------------------------------------------------


def test_no_discriminator_beats_the_optimal_one():
    """Brute force: at each outcome, a fine grid over all answers."""
    p, q = probabilities(5, 6), probabilities(6, 6)
    answers = torch.linspace(0, 1, 20_001, dtype=torch.float64)[1:-1].unsqueeze(1)
    values = p * answers.log() + q * (1 - answers).log()
    best, where = values.max(0)
    assert_close(SOLUTION["optimal_discriminator"](p, q), answers[where, 0], 1e-4)
    assert_close(SOLUTION["value_at_optimum"](p, q), best.sum(), 1e-6)
    assert SOLUTION["value_at_optimum"](p, q) >= best.sum()


def test_the_optimal_discriminator_attains_the_value():
    p, q = probabilities(7, 8), probabilities(8, 8)
    D = SOLUTION["optimal_discriminator"](p, q)
    assert_close(SOLUTION["value_at_optimum"](p, q), (p * D.log() + q * (1 - D).log()).sum())
    assert_close(D + SOLUTION["optimal_discriminator"](q, p), torch.ones(8, dtype=torch.float64))


def test_the_value_is_the_divergence():
    """0 <= JSD <= ln 2, symmetric, 0 only for equal distributions, ln 2 for disjoint ones."""
    for seed in range(20):
        p, q = probabilities(seed, 5), probabilities(seed + 100, 5)
        value = SOLUTION["value_at_optimum"](p, q)
        assert_close(value, SOLUTION["value_at_optimum"](q, p))
        assert 0 < (value + math.log(4)) / 2 < math.log(2)
        assert_close(SOLUTION["value_at_optimum"](p, p).item(), -math.log(4))
        left = torch.cat([p, torch.zeros_like(p)])
        right = torch.cat([torch.zeros_like(q), q])
        assert_close(SOLUTION["value_at_optimum"](left, right).item(), 0.0)


def test_the_loss_of_the_optimal_discriminator():
    """Samples in the shares of p and q, judged by D*: the loss is minus the value."""
    counts_p, counts_q = torch.tensor([3, 5, 2]), torch.tensor([6, 1, 3])
    p, q = counts_p.double() / 10, counts_q.double() / 10
    logits = torch.logit(SOLUTION["optimal_discriminator"](p, q))
    loss = SOLUTION["discriminator_loss"](
        logits.repeat_interleave(counts_p), logits.repeat_interleave(counts_q)
    )
    assert_close(loss, -SOLUTION["value_at_optimum"](p, q))


# --- the game ---------------------------------------------------------------------------------


def test_a_round_by_hand():
    """Affine players in one dimension, with the derivatives written out."""
    a, b, w, c = (torch.tensor(x, dtype=torch.float64) for x in ([[0.5]], [0.2], [[-0.3]], [0.1]))
    real, z_d, z_g = normal(9, 4, 1), normal(10, 3, 1), normal(11, 5, 1)
    game = SUPPORT["Game"]((a, b), (w, c), 0.4, 0.7, stale=3.0)
    d_loss, g_loss = SOLUTION["gan_step"](*game.players(), real, z_d, z_g)

    fake = a * z_d + b
    r, f = w * real + c, w * fake + c
    assert_close(d_loss, (1 + (-r).exp()).log().mean() + (1 + f.exp()).log().mean())
    grad_w = (-torch.sigmoid(-r) * real).mean() + (torch.sigmoid(f) * fake).mean()
    grad_c = -torch.sigmoid(-r).mean() + torch.sigmoid(f).mean()
    w, c = w - 0.7 * grad_w, c - 0.7 * grad_c
    assert_close(game.parameters("discriminator"), (w, c))

    f = w * (a * z_g + b) + c
    assert_close(g_loss, (1 + (-f).exp()).log().mean())
    slope = -torch.sigmoid(-f) * w
    assert_close(
        game.parameters("generator"),
        (a - 0.4 * (slope * z_g).mean(), b - 0.4 * slope.mean()),
    )
    assert game.moves == ["discriminator", "generator"]


def test_a_round_with_modules_of_torch():
    """The reference also plays with `torch.optim` and any modules."""
    torch.manual_seed(0)
    generator = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    discriminator = torch.nn.Linear(1, 1)
    opt_g = torch.optim.Adam(generator.parameters())
    opt_d = torch.optim.Adam(discriminator.parameters())
    before = [param.detach().clone() for param in discriminator.parameters()]
    batches = (torch.randn(4, 1), torch.randn(4, 2), torch.randn(4, 2))
    losses = SOLUTION["gan_step"](generator, discriminator, opt_g, opt_d, *batches)
    assert all(loss.isfinite() and loss.dim() == 0 for loss in losses)
    assert any((a != b).any() for a, b in zip(before, discriminator.parameters(), strict=True))


# --- conditional batch normalisation ----------------------------------------------------------


def drawn(labels=(2, 0, 0, 3, 2, 2)):
    y = torch.tensor(labels)
    return normal(12, len(y), 3), y, normal(13, 5, 3), normal(14, 5, 3)


def test_equal_rows_are_ordinary_batch_normalisation():
    x, y, gamma, beta = drawn()
    gamma, beta = gamma[:1].expand(5, 3), beta[:1].expand(5, 3)
    layer = torch.nn.functional.batch_norm(x, None, None, gamma[0], beta[0], training=True)
    assert_close(SOLUTION["conditional_batchnorm_forward"](x, y, gamma, beta), layer)


def test_moments_of_each_feature():
    x, y, gamma, _ = drawn()
    ones, zeros = torch.ones_like(gamma), torch.zeros_like(gamma)
    out = SOLUTION["conditional_batchnorm_forward"](x, y, ones, zeros, eps=0.0)
    assert_close(out.mean(0), torch.zeros(3, dtype=torch.float64))
    assert_close(out.square().mean(0), torch.ones(3, dtype=torch.float64))


@pytest.mark.parametrize("eps", [1e-5, 0.3])
def test_conditional_batchnorm_backward_by_differences(eps):
    x, y, gamma, beta = drawn()
    above = normal(15, *x.shape)

    def loss(x, gamma, beta):
        out = SOLUTION["conditional_batchnorm_forward"](x, y, gamma, beta, eps=eps)
        return (above * out).sum()

    grads = SOLUTION["conditional_batchnorm_backward"](above, x, y, gamma, eps=eps)
    assert_close(grads[0], slopes(lambda x: loss(x, gamma, beta), x), 1e-7)
    assert_close(grads[1], slopes(lambda gamma: loss(x, gamma, beta), gamma), 1e-7)
    assert_close(grads[2], slopes(lambda beta: loss(x, gamma, beta), beta), 1e-7)
    for expected, grad in zip(torch.func.grad(loss, (0, 1, 2))(x, gamma, beta), grads, strict=True):
        assert_close(grad, expected)


def test_absent_labels_get_exactly_nothing():
    x, y, gamma, _ = drawn()
    _, grad_gamma, grad_beta = SOLUTION["conditional_batchnorm_backward"](x, x, y, gamma)
    assert not grad_gamma[[1, 4]].any()
    assert not grad_beta[[1, 4]].any()


def test_the_gradient_of_x_knows_what_changes_nothing():
    """A shift of all x changes nothing; nor does, without epsilon, a scale."""
    x, y, gamma, _ = drawn()
    grad_x = SOLUTION["conditional_batchnorm_backward"](normal(16, *x.shape), x, y, gamma, eps=0.0)[
        0
    ]
    nothing = torch.zeros(3, dtype=torch.float64)
    assert_close(grad_x.sum(0), nothing)
    assert_close((grad_x * (x - x.mean(0))).sum(0), nothing)
