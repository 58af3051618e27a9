"""The reference of the topic `normalization`, proven by other means than its hidden suite.

Every backward pass against finite differences of the reference's own forward pass and against
`torch.func`; every forward pass against what it must satisfy; random weights by what they are for.
"""

import itertools
import math
from pathlib import Path

import pytest
import torch

from autograder.checks import bank

ROOT = Path(__file__).parents[2]
SOLUTION = bank.load(ROOT, "normalization").solution
EXACT = {"rtol": 1e-9, "atol": 1e-10}


def normal(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


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


def batchnorm(name, x, gamma, beta):
    """Training mode of the reference; the running statistics do not matter for the output."""
    zeros = torch.zeros_like(gamma)
    return SOLUTION[name](x, gamma, beta, zeros, zeros, training=True)[0]


# name of the backward pass: its forward pass, the shape of x, and what both take besides
FAMILY = {
    "batchnorm_backward": (
        lambda x, gamma, beta: batchnorm("batchnorm_forward", x, gamma, beta), (5, 3), ()
    ),
    "batchnorm2d_backward": (
        lambda x, gamma, beta: batchnorm("batchnorm2d_forward", x, gamma, beta), (2, 3, 2, 3), ()
    ),
    "layernorm_backward": (SOLUTION["layernorm_forward"], (2, 3, 4), ()),
    "groupnorm_backward": (
        lambda x, gamma, beta: SOLUTION["groupnorm_forward"](x, 2, gamma, beta), (2, 6, 2, 1), (2,)
    ),
}  # fmt: skip


def drawn(name, scale=1.0):
    """Return grad_y, x, gamma, beta for one member of the family."""
    shape = FAMILY[name][1]
    size = shape[-1] if name.startswith("layernorm") else shape[1]
    x = scale * normal(1, *shape) + 0.5
    return normal(0, *shape), x, normal(2, size), normal(3, size)


class TestBackward:
    @pytest.mark.parametrize("name", FAMILY)
    @pytest.mark.parametrize("scale", [1.0, 0.02])
    def test_finite_differences(self, name, scale):
        forward, _, extra = FAMILY[name]
        grad_y, x, gamma, beta = drawn(name, scale)
        grads = SOLUTION[name](grad_y, x, *extra, gamma)

        def loss(x, gamma, beta):
            return (grad_y * forward(x, gamma, beta)).sum()

        differences = (
            slopes(lambda t: loss(t, gamma, beta), x, 1e-5 * scale),
            slopes(lambda t: loss(x, t, beta), gamma),
            slopes(lambda t: loss(x, gamma, t), beta),
        )
        for grad, slope in zip(grads, differences, strict=True):
            torch.testing.assert_close(grad, slope, rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize("name", FAMILY)
    def test_vjp(self, name):
        forward, _, extra = FAMILY[name]
        grad_y, x, gamma, beta = drawn(name)
        _, pull_back = torch.func.vjp(forward, x, gamma, beta)
        grads = SOLUTION[name](grad_y, x, *extra, gamma)
        torch.testing.assert_close(grads, pull_back(grad_y), **EXACT)

    @pytest.mark.parametrize("name", FAMILY)
    def test_is_linear_in_what_comes_from_above(self, name):
        _, _, extra = FAMILY[name]
        grad_y, x, gamma, _ = drawn(name)
        once = SOLUTION[name](grad_y, x, *extra, gamma)
        twice = SOLUTION[name](-2 * grad_y, x, *extra, gamma)
        for one, two in zip(once, twice, strict=True):
            torch.testing.assert_close(-2 * one, two, **EXACT)

    def test_sums_that_must_vanish(self):
        grad_y, x, gamma, _ = drawn("batchnorm_backward")
        grad_x, _, _ = SOLUTION["batchnorm_backward"](grad_y, x, gamma, eps=1e-12)
        centred = x - x.mean(0)
        assert grad_x.sum(0).abs().max() < 1e-12
        assert (grad_x * centred).sum(0).abs().max() < 1e-9
        grad_y, x, gamma, _ = drawn("layernorm_backward")
        grad_x, _, _ = SOLUTION["layernorm_backward"](grad_y, x, gamma)
        assert grad_x.sum(-1).abs().max() < 1e-12

    def test_ones_from_above_leave_the_input_of_batchnorm_alone(self):
        _, x, gamma, _ = drawn("batchnorm_backward")
        grad_x, _, grad_beta = SOLUTION["batchnorm_backward"](torch.ones_like(x), x, gamma)
        assert grad_x.abs().max() < 1e-12
        assert torch.equal(grad_beta, torch.full((3,), 5.0, dtype=torch.float64))

    def test_a_feature_that_never_changes(self):
        grad_y, x, gamma, _ = drawn("batchnorm_backward")
        x[:, 1] = 2.0
        grad_x, grad_gamma, _ = SOLUTION["batchnorm_backward"](grad_y, x, gamma)
        g = (grad_y * gamma)[:, 1]
        torch.testing.assert_close(grad_x[:, 1], (g - g.mean()) / math.sqrt(1e-5), **EXACT)
        assert grad_gamma[1] == 0

    def test_the_family_agrees_with_itself(self):
        grad_y, x, gamma = normal(0, 3, 4, 2, 5), normal(1, 3, 4, 2, 5), normal(2, 4)
        images = SOLUTION["batchnorm2d_backward"](grad_y, x, gamma)
        rows = [t.permute(0, 2, 3, 1).reshape(-1, 4) for t in (grad_y, x)]
        flat = SOLUTION["batchnorm_backward"](*rows, gamma)
        back = flat[0].reshape(3, 2, 5, 4).permute(0, 3, 1, 2)
        torch.testing.assert_close(images, (back, *flat[1:]), **EXACT)

    def test_groups_of_one_image_are_rows(self):
        grad_y, x, gamma = normal(0, 3, 4, 1, 1), normal(1, 3, 4, 1, 1), normal(2, 4)
        groups = SOLUTION["groupnorm_backward"](grad_y, x, 1, gamma)
        rows = SOLUTION["layernorm_backward"](grad_y.flatten(1), x.flatten(1), gamma)
        torch.testing.assert_close(groups[0].flatten(1), rows[0], **EXACT)
        torch.testing.assert_close(groups[1:], rows[1:], **EXACT)

    def test_residual_block(self):
        args = normal(0, 4, 3), normal(1, 4, 3), normal(2, 5, 3), normal(3, 3, 5)
        grad_y, *primals = args

        def loss(x, W_1, W_2):
            return (grad_y * (x + (x @ W_1.T).clamp(min=0) @ W_2.T)).sum()

        grads = SOLUTION["residual_backward"](*args)
        for k, grad in enumerate(grads):
            moved = slopes(lambda t, k=k: loss(*primals[:k], t, *primals[k + 1 :]), primals[k])
            torch.testing.assert_close(grad, moved, rtol=1e-6, atol=1e-7)

    def test_residual_block_at_the_kink(self):
        grad_y, x, W_1, W_2 = normal(0, 1, 3), normal(1, 1, 3), normal(2, 5, 3), normal(3, 3, 5)
        grad_x, grad_W_1, grad_W_2 = SOLUTION["residual_backward"](grad_y, 0 * x, W_1, W_2)
        assert torch.equal(grad_x, grad_y)
        assert not grad_W_1.any()
        assert not grad_W_2.any()


class TestForward:
    def test_batchnorm_standardises(self):
        x = 3 * normal(0, 50, 4) + 7
        one, zero = torch.ones(4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
        y, _, _ = SOLUTION["batchnorm_forward"](x, one, zero, zero, one, training=True, eps=1e-14)
        assert y.mean(0).abs().max() < 1e-12
        torch.testing.assert_close(y.var(0, correction=0), one, **EXACT)

    def test_gamma_and_beta_that_recover_the_identity(self):
        x = normal(0, 6, 3)
        mean, var = x.mean(0), x.var(0, correction=0)
        gamma = torch.sqrt(var + 1e-5)
        y, _, _ = SOLUTION["batchnorm_forward"](x, gamma, mean, mean, var, training=True)
        torch.testing.assert_close(y, x, **EXACT)

    def test_running_statistics_converge_to_those_of_the_population(self):
        mean, var = torch.zeros(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64)
        parameters = (var.clone(), mean.clone())
        batches = 3 * normal(0, 4000, 5, 2) - 2
        means, variances = [], []
        for x in batches:
            _, mean, var = SOLUTION["batchnorm_forward"](
                x, *parameters, mean, var, training=True, momentum=0.05
            )
            means.append(mean)
            variances.append(var)
        # Unbiased: a biased memory would end at 7.2.
        assert (torch.stack(means[200:]).mean(0) + 2).abs().max() < 0.15
        assert (torch.stack(variances[200:]).mean(0) - 9).abs().max() < 0.5

    def test_evaluation_is_one_affine_map(self):
        gamma, beta, mean, var = normal(0, 3), normal(1, 3), normal(2, 3), normal(3, 3).exp()

        def layer(x):
            return SOLUTION["batchnorm_forward"](x, gamma, beta, mean, var, training=False)[0]

        x = normal(4, 5, 3)
        torch.testing.assert_close(layer(x), torch.cat([layer(row[None]) for row in x]), **EXACT)
        middle = layer((x[:1] + x[1:2]) / 2)
        torch.testing.assert_close(middle, (layer(x[:1]) + layer(x[1:2])) / 2, **EXACT)

    @pytest.mark.parametrize("mode", [True, False])
    def test_nothing_that_came_in_changes(self, mode):
        args = [normal(0, 4, 3, 2, 2), *(normal(k, 3) for k in (1, 2, 3)), normal(4, 3).exp()]
        before = [one.clone() for one in args]
        SOLUTION["batchnorm2d_forward"](*args, training=mode)
        assert all(map(torch.equal, args, before))

    @pytest.mark.parametrize("bias", [True, False])
    def test_fused_layers_do_what_two_do(self, bias):
        norm = [normal(k, 4) for k in range(3)]
        norm.append(normal(3, 4).exp())
        b = normal(4, 4) if bias else None
        x, W = normal(5, 6, 3), normal(6, 4, 3)
        fused = SOLUTION["fuse_linear_batchnorm"](W, b, *norm)
        two = SOLUTION["batchnorm_forward"](
            torch.nn.functional.linear(x, W, b), *norm, training=False
        )
        torch.testing.assert_close(torch.nn.functional.linear(x, *fused), two[0], **EXACT)
        image, filters = normal(7, 2, 3, 6, 5), normal(8, 4, 3, 2, 3)
        for options in ({}, {"stride": 2, "padding": 1}):
            out = torch.nn.functional.conv2d(image, filters, b, **options)
            two = SOLUTION["batchnorm2d_forward"](out, *norm, training=False)
            fused = SOLUTION["fuse_conv_batchnorm"](filters, b, *norm)
            one = torch.nn.functional.conv2d(image, *fused, **options)
            torch.testing.assert_close(one, two[0], **EXACT)

    def test_layernorm_sees_one_example_at_a_time(self):
        x, gamma, beta = normal(0, 4, 5), normal(1, 5), normal(2, 5)
        y = SOLUTION["layernorm_forward"](x, gamma, beta)
        x[1:] = 100 * x[1:]
        assert torch.equal(SOLUTION["layernorm_forward"](x, gamma, beta)[0], y[0])
        moved = SOLUTION["layernorm_forward"](3 * x + 7, gamma, beta, eps=9e-5)
        torch.testing.assert_close(moved, SOLUTION["layernorm_forward"](x, gamma, beta), **EXACT)

    def test_groups_lie_between_instances_and_layers(self):
        x, one = normal(0, 2, 6, 3, 4), torch.ones(6, dtype=torch.float64)
        instances = SOLUTION["instancenorm_forward"](x, one, 0 * one)
        groups = [SOLUTION["groupnorm_forward"](x, G, one, 0 * one) for G in (1, 2, 3, 6)]
        torch.testing.assert_close(groups[-1], instances, **EXACT)
        shape = (1, 6, 3, 4)
        layer = torch.nn.functional.layer_norm(x, shape[1:])
        torch.testing.assert_close(groups[0], layer, **EXACT)
        assert not any(itertools.starmap(torch.allclose, itertools.combinations(groups, 2)))
        # Neighbours: the first group of three does not notice the other channels.
        x[:, 2:] = 5 * x[:, 2:]
        again = SOLUTION["groupnorm_forward"](x, 3, one, 0 * one)
        assert torch.equal(again[:, :2], groups[2][:, :2])


class TestInitialisation:
    @pytest.mark.parametrize("name", ["kaiming_uniform", "kaiming_normal"])
    def test_keeps_the_energy_of_a_relu_network(self, name):
        """Property 7.1 of the class notes: the variance of a pre-activation is 2 |x|^2 / d."""
        generator, ratios = torch.Generator().manual_seed(0), []
        for _ in range(200):
            a = torch.randn(1, 30, generator=generator)
            start = 2 * float(a.square().mean())
            for width in (40, 30, 50, 40):
                z = a @ SOLUTION[name](width, a.shape[1], generator).T
                a = z.relu()
            ratios.append(float(z.square().mean()) / start)
        assert 0.85 < sum(ratios) / len(ratios) < 1.15

    def test_xavier_is_between_the_fans(self):
        def variance(out, inner, **gain):
            generator = torch.Generator().manual_seed(1)
            return float(SOLUTION["xavier_uniform"](out, inner, generator, **gain).var())

        assert math.isclose(variance(300, 100), 2 / 400, rel_tol=0.03)
        assert math.isclose(variance(100, 300), 2 / 400, rel_tol=0.03)
        assert math.isclose(variance(200, 200, gain=math.sqrt(2)), 2 / 200, rel_tol=0.03)


class TestDropout:
    def test_keeps_the_mean(self):
        x = torch.full((200, 200), 3.0, dtype=torch.float64)
        for p in (0.1, 0.5, 0.8):
            generator = torch.Generator().manual_seed(int(10 * p))
            y, _ = SOLUTION["dropout_forward"](x, p, generator, training=True)
            spread = 3 * math.sqrt(p / (1 - p)) / 200
            assert abs(float(y.mean()) - 3) < 5 * spread

    def test_gradient_of_a_fixed_mask(self):
        x, grad_y = normal(0, 4, 5), normal(1, 4, 5)

        def forward(x):
            generator = torch.Generator().manual_seed(3)
            return SOLUTION["dropout_forward"](x, 0.3, generator, training=True)

        _, mask = forward(x)
        grad_x = SOLUTION["dropout_backward"](grad_y, mask, 0.3)
        moved = slopes(lambda t: (grad_y * forward(t)[0]).sum(), x)
        torch.testing.assert_close(grad_x, moved, rtol=1e-7, atol=1e-8)
