"""Second oracles for the reference of normalising flows.

Finite differences, `torch.func`, closed forms, numerical integration and statistics: not the
witnesses of the hidden suite, which takes autograd's Jacobian row by row.
"""

import math
from pathlib import Path

import pytest
import torch

from autograder.checks import bank

ROOT = Path(__file__).parents[2]
TOPIC = bank.load(ROOT, "flows")
SOLUTION, SUPPORT = TOPIC.solution, TOPIC.support
FLOAT64 = torch.float64


@pytest.fixture
def g():
    return torch.Generator().manual_seed(20260209)


def normal(g, *shape):
    return torch.randn(*shape, generator=g, dtype=FLOAT64)


def tanh_net(g, inputs, outputs):
    sizes = ((5, inputs), (5,), (outputs, 5), (outputs,))
    return SUPPORT["tanh_net"](*(0.6 * normal(g, *size) for size in sizes))


def autoregressive_net(g, D):
    weights = [normal(g, D, D).tril(-1), normal(g, D), normal(g, D, D).tril(-1), normal(g, D)]
    return SUPPORT["autoregressive_net"](*(0.7 * one for one in weights))


def triangular(g, D):
    return SUPPORT["Triangular"](0.3 * normal(g, D, D).tril(-1) - torch.eye(D), normal(g, D))


def differences(f, x, step=1e-6):
    """Return log |det| of the Jacobian of f at each row, by central differences."""
    D = x.shape[1]
    columns = [
        (f(x + step * torch.eye(D, dtype=x.dtype)[j]) - f(x - step * torch.eye(D)[j].to(x)))
        / (2 * step)
        for j in range(D)
    ]
    return torch.linalg.slogdet(torch.stack(columns, dim=2)).logabsdet


def transforms(f, x):
    """Return the Jacobians of f at each row, by torch.func."""
    return torch.func.vmap(torch.func.jacrev(lambda row: f(row.unsqueeze(0)).squeeze(0)))(x)


def assert_close(one, other, atol=1e-10):
    torch.testing.assert_close(one, other, rtol=1e-9, atol=atol)


# --- the log-determinants -----------------------------------------------------------------------


@pytest.mark.parametrize(("D", "d"), [(5, 2), (5, 4), (2, 1), (6, 3), (7, 1)])
def test_coupling_log_det_by_differences(g, D, d):
    x, nets = normal(g, 6, D), (tanh_net(g, d, D - d), tanh_net(g, d, D - d))
    forward = SOLUTION["coupling_forward"]
    assert_close(
        forward(x, *nets, d)[1], differences(lambda x: forward(x, *nets, d)[0], x), atol=1e-7
    )


def test_coupling_jacobian_is_triangular_with_the_scales_on_its_diagonal(g):
    x, scale, shift = normal(g, 4, 5), tanh_net(g, 2, 3), tanh_net(g, 2, 3)
    jacobian = transforms(lambda x: SOLUTION["coupling_forward"](x, scale, shift, 2)[0], x)
    assert not jacobian.triu(1).any()
    diagonal = torch.cat([torch.ones(4, 2, dtype=FLOAT64), scale(x[:, :2]).exp()], dim=1)
    assert_close(jacobian.diagonal(dim1=1, dim2=2), diagonal)


@pytest.mark.parametrize("mask", [[1, 0, 1, 0], [0, 0, 1], [1, 1, 0, 0, 0], [0]])
def test_masked_coupling_log_det_by_differences(g, mask):
    mask = torch.tensor(mask, dtype=FLOAT64)
    D = len(mask)
    x, nets = normal(g, 5, D), (tanh_net(g, D, D), tanh_net(g, D, D))

    def forward(x):
        return SOLUTION["masked_coupling_forward"](x, mask, *nets)

    assert_close(forward(x)[1], differences(lambda x: forward(x)[0], x), atol=1e-7)
    passed = mask.bool()
    assert torch.equal(forward(x)[0][:, passed], x[:, passed])


def test_masked_coupling_with_a_first_half_is_coupling(g):
    scale, shift = tanh_net(g, 5, 5), tanh_net(g, 5, 5)
    x, mask = normal(g, 6, 5), torch.tensor([1, 1, 0, 0, 0], dtype=FLOAT64)

    def of_the_rest(net):
        return lambda passed: net(torch.nn.functional.pad(passed, (0, 3)))[:, 2:]

    one = SOLUTION["masked_coupling_forward"](x, mask, scale, shift)
    other = SOLUTION["coupling_forward"](x, of_the_rest(scale), of_the_rest(shift), 2)
    assert_close(one[0], other[0])
    assert_close(one[1], other[1])


def test_permutations_keep_the_volume(g):
    for _ in range(5):
        x, permutation = normal(g, 3, 6), torch.randperm(6, generator=g)
        y, log_det = SOLUTION["permute_forward"](x, permutation)

        def permuted(x, permutation=permutation):
            return SOLUTION["permute_forward"](x, permutation)[0]

        assert_close(log_det, differences(permuted, x), atol=1e-7)
        assert torch.equal(SOLUTION["permute_inverse"](y, permutation), x)


def test_actnorm_log_det_by_differences(g):
    x = normal(g, 3, 2, 2, 3)
    scale, bias = torch.tensor([-0.4, 1.7], dtype=FLOAT64), normal(g, 2)

    def forward(flat):
        return SOLUTION["actnorm_forward"](flat.reshape(-1, 2, 2, 3), scale, bias)

    assert_close(
        forward(x)[1], differences(lambda x: forward(x)[0].flatten(1), x.flatten(1)), atol=1e-7
    )


def test_actnorm_is_the_affine_part_of_batch_norm(g):
    x, scale, bias = normal(g, 3, 4, 2, 2), normal(g, 4), normal(g, 4)
    zeros, ones = torch.zeros(4, dtype=FLOAT64), torch.ones(4, dtype=FLOAT64)
    right = torch.nn.functional.batch_norm(x, zeros, ones, scale, bias, eps=0.0)
    assert_close(SOLUTION["actnorm_forward"](x, scale, bias)[0], right)


def test_conv1x1_log_det_is_that_of_the_matrix_at_each_pixel(g):
    x, permutation = normal(g, 2, 4, 3, 2), torch.tensor([2, 0, 3, 1])
    weight = normal(g, 4, 4)
    P, L, U = torch.linalg.lu(weight)
    permutation = P.argmax(1)  # row j of P L U is row `permutation[j]` of L U
    y, log_det = SOLUTION["invertible_conv1x1_forward"](x, permutation, L, U)
    pixels = x.permute(0, 2, 3, 1) @ weight.T
    assert_close(y, pixels.permute(0, 3, 1, 2))
    assert_close(log_det, 6 * torch.linalg.slogdet(weight).logabsdet.repeat(2))


def test_maf_log_det_by_differences(g):
    x, net = normal(g, 5, 4), autoregressive_net(g, 4)
    z, log_det = SOLUTION["maf_forward"](x, net)
    assert_close(log_det, differences(lambda x: SOLUTION["maf_forward"](x, net)[0], x), atol=1e-7)
    _, back = SOLUTION["maf_inverse"](z, net)
    assert_close(back, differences(lambda z: SOLUTION["maf_inverse"](z, net)[0], z), atol=1e-7)


# --- round trips --------------------------------------------------------------------------------


@pytest.mark.parametrize(("D", "d"), [(5, 2), (2, 1), (6, 3), (7, 6)])
def test_coupling_there_and_back(g, D, d):
    x, nets = normal(g, 6, D), (tanh_net(g, d, D - d), tanh_net(g, d, D - d))
    y, _ = SOLUTION["coupling_forward"](x, *nets, d)
    assert_close(SOLUTION["coupling_inverse"](y, *nets, d), x)


@pytest.mark.parametrize("D", [1, 2, 6])
def test_maf_there_and_back(g, D):
    x, net = normal(g, 5, D), autoregressive_net(g, D)
    z, log_det = SOLUTION["maf_forward"](x, net)
    back, log_det_back = SOLUTION["maf_inverse"](z, net)
    assert_close(back, x)
    assert_close(log_det_back, -log_det)


def layers_of(g, D):
    support = SUPPORT
    more = [support["Shear"](normal(g, D)), support["Rotation"](0.4)] if D > 1 else []
    return [triangular(g, D), *more, support["Sinh"](), triangular(g, D)]


@pytest.mark.parametrize("D", [1, 2, 5])
def test_samples_have_the_density_that_the_flow_says(g, D):
    z, layers = normal(g, 6, D), layers_of(g, D)
    x, log_prob = SOLUTION["flow_sample"](z, layers)
    assert_close(SOLUTION["flow_log_prob"](x, layers), log_prob)
    for layer in layers:
        x, _ = layer(x)
    assert_close(x, z)


@pytest.mark.parametrize("D", [2, 5])
def test_support_layers_say_their_own_log_det(g, D):
    x = normal(g, 4, D)
    for layer in layers_of(g, D):
        y, log_det = layer(x)
        back, log_det_back = layer.inverse(y)
        assert_close(log_det, differences(lambda x, f=layer: f(x)[0], x), atol=1e-7)
        assert_close(back, x)
        assert_close(log_det_back, -log_det)


def test_autoregressive_networks_look_back_only(g):
    x, net = normal(g, 3, 4), autoregressive_net(g, 4)
    for result in (0, 1):
        assert not transforms(lambda x, i=result: net(x)[i], x).triu().any()


# --- densities ----------------------------------------------------------------------------------


def test_one_dimension_integrates_to_one():
    x = torch.linspace(-12, 12, 4001, dtype=FLOAT64)
    for z, slope in ((-0.7 * x + 1, torch.full_like(x, -0.7)), (x**3 / 9 + x, x**2 / 3 + 1)):
        p = SOLUTION["change_of_variables_1d"](z, slope).exp()
        assert abs(float(torch.trapezoid(p, x)) - 1) < 1e-9


def test_log_normal_density():
    x = torch.linspace(0.1, 6, 50, dtype=FLOAT64)
    right = -torch.log(x * 0.5 * math.sqrt(2 * math.pi)) - (torch.log(x) - 1) ** 2 / 0.5
    assert_close(SOLUTION["change_of_variables_1d"]((torch.log(x) - 1) / 0.5, 2 / x), right)


def test_a_linear_flow_is_a_normal_distribution(g):
    layers = [triangular(g, 3), triangular(g, 3)]
    A = layers[1].L @ layers[0].L
    b = layers[1].L @ layers[0].b + layers[1].b
    inverse = torch.linalg.inv(A)
    right = torch.distributions.MultivariateNormal(-inverse @ b, inverse @ inverse.T)
    x = normal(g, 7, 3)
    assert_close(SOLUTION["flow_log_prob"](x, layers), right.log_prob(x))


def test_logarithms_survive_where_the_numbers_do_not():
    z, ones = torch.tensor([45.0, -60.0], dtype=FLOAT64), torch.ones(2, dtype=FLOAT64)
    right = torch.tensor([-1012.5, -1800.0], dtype=FLOAT64) - 0.5 * math.log(2 * math.pi)
    assert_close(SOLUTION["change_of_variables_1d"](z, -ones), right)
    for size in (30.0, -30.0):
        net = SUPPORT["affine_net"](torch.zeros(40, 1), torch.full((40,), size))
        y, log_det = SOLUTION["coupling_forward"](torch.ones(2, 41), net, net, 1)
        assert_close(log_det, torch.full((2,), 40 * size))
        assert_close(y[:, 1:], torch.full((2, 40), math.exp(size) + size))


def coupling_layers(g):
    """A flow of the student's own layers, in the plane."""

    def coupling(scale, shift):
        return lambda x: SOLUTION["coupling_forward"](x, scale, shift, 1)

    def swap(x):
        return SOLUTION["permute_forward"](x, torch.tensor([1, 0]))

    nets = [(tanh_net(g, 1, 1), tanh_net(g, 1, 1)) for _ in range(3)]
    return [coupling(*nets[0]), swap, coupling(*nets[1]), swap, coupling(*nets[2])]


def test_a_flow_of_coupling_layers_integrates_to_one(g):
    axis = torch.linspace(-12, 12, 401, dtype=FLOAT64)
    p = SOLUTION["flow_log_prob"](torch.cartesian_prod(axis, axis), coupling_layers(g)).exp()
    total = torch.trapezoid(torch.trapezoid(p.reshape(401, 401), axis), axis)
    assert abs(float(total) - 1) < 1e-5


def test_volumes_add_up_along_a_flow(g):
    x, layers = normal(g, 5, 2), coupling_layers(g)

    def whole(x):
        for layer in layers:
            x = layer(x)[0]
        return x

    base = -0.5 * whole(x).square().sum(1) - math.log(2 * math.pi)
    assert_close(SOLUTION["flow_log_prob"](x, layers), base + differences(whole, x), atol=1e-7)


def test_samples_are_distributed_as_the_density_says(g):
    """Kolmogorov and Smirnov, in one dimension, on 4000 samples."""
    layers = [triangular(g, 1), SUPPORT["Sinh"](), triangular(g, 1)]
    x, _ = SOLUTION["flow_sample"](normal(g, 4000, 1), layers)
    grid = torch.linspace(float(x.min()) - 3, float(x.max()) + 3, 8001, dtype=FLOAT64)
    p = SOLUTION["flow_log_prob"](grid.unsqueeze(1), layers).exp()
    cdf = torch.cumulative_trapezoid(p, grid)
    ordered = x.squeeze(1).sort().values
    at = cdf[torch.searchsorted(grid[1:], ordered).clamp(max=len(cdf) - 1)]
    distance = float((at - (torch.arange(4000) + 0.5) / 4000).abs().max())
    assert distance < 1.95 / math.sqrt(4000)  # one in a thousand exceeds it by chance


# --- training -----------------------------------------------------------------------------------


def test_training_finds_a_bent_distribution(g):
    """The best density is known: no flow does better on average than the truth itself."""

    def banana(n):
        u, v = normal(g, n), normal(g, n)
        return torch.stack([u**2 - 1 + 0.4 * v, u], dim=1)

    new = banana(2000)
    z, log_det = SOLUTION["train_flow"](banana(800), new, 150, torch.Generator().manual_seed(1))
    nll = -float((SOLUTION["flow_log_prob"](z, []) + log_det).mean())
    best = 1 + math.log(2 * math.pi) + math.log(0.4)
    assert best - 0.1 < nll < best + 0.3


def test_training_draws_from_the_generator_and_nothing_else(g):
    x = normal(g, 6, 2)

    def trained(seed):
        return SOLUTION["train_flow"](x, x, 2, torch.Generator().manual_seed(seed))[0]

    torch.manual_seed(1)
    first = trained(0)
    torch.manual_seed(2)
    assert torch.equal(trained(0), first)
    assert not torch.equal(trained(1), first)


def test_training_returns_the_volume_of_what_it_returns(g):
    x = normal(g, 50, 2)

    def trained(points):
        return SOLUTION["train_flow"](x, points, 20, torch.Generator().manual_seed(1))

    points = normal(g, 5, 2)
    assert_close(trained(points)[1], differences(lambda p: trained(p)[0], points), atol=1e-6)
