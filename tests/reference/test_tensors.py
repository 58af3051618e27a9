"""The solutions on tensors, against oracles that their hidden suite does not use."""

import itertools
import math
from pathlib import Path

import pytest
import torch

from autograder.checks import bank

ROOT = Path(__file__).parents[2]
TOPIC = bank.load(ROOT, "tensors")


def solution(name):
    return TOPIC.solution[name]


@pytest.fixture
def normal():
    """Seeded float64 normal values."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    return draw


# --- row_normalize, one_hot, standardize ------------------------------------------------------


def test_shares_sum_to_one_and_are_shares(normal):
    counts = normal(5, 4).abs()
    counts[2] = 0
    P = solution("row_normalize")(counts)
    torch.testing.assert_close(P.sum(1), torch.ones(5, dtype=torch.float64))
    torch.testing.assert_close(P * counts.sum(1, keepdim=True), counts)  # 0 where there is nothing
    torch.testing.assert_close(solution("row_normalize")(P), P)
    torch.testing.assert_close(solution("row_normalize")(7 * counts), P)


def test_without_keepdim_the_columns_are_scaled(normal):
    # What a student sees who forgets it: another model, and no error message.
    counts = normal(4, 4).abs()
    wrong = counts / counts.sum(1)
    torch.testing.assert_close(wrong, counts / counts.sum(1)[None, :])
    assert not torch.allclose(wrong.sum(1), torch.ones(4, dtype=torch.float64))


def test_one_hot_picks_rows(normal):
    y, table = torch.tensor([3, 0, 3, 1]), normal(5, 2)
    rows = solution("one_hot")(y, 5)
    torch.testing.assert_close(rows.double() @ table, table[y])
    assert torch.equal(rows.argmax(1), y)
    assert rows.sum() == len(y)


def test_standardize_has_the_moments_of_the_formula(normal):
    x, eps = 3 + 2 * normal(7, 3), 0.3
    y = solution("standardize")(x, eps)
    variance = ((x - x.mean(0)) ** 2).mean(0)
    torch.testing.assert_close(y.mean(0), torch.zeros(3, dtype=torch.float64))
    torch.testing.assert_close((y * y).mean(0), variance / (variance + eps))


def test_standardize_forgets_shift_and_scale(normal):
    x = normal(6, 2)
    y = solution("standardize")(x, 1e-12)
    torch.testing.assert_close(solution("standardize")(5 * x - 100, 1e-12), y)


# --- moving_average, gather_rows --------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2, 5])
def test_a_straight_line_stays_one(k):
    line = torch.arange(8.0, dtype=torch.float64).unsqueeze(0)
    smooth = solution("moving_average")(line, k)
    torch.testing.assert_close(smooth, line[:, : 9 - k] + (k - 1) / 2)


def test_averages_of_averages(normal):
    # Convolution is associative: windows of 2, twice, weigh 1/4, 1/2, 1/4.
    x, f = normal(3, 9), solution("moving_average")
    weighted = (x[:, :-2] + 2 * x[:, 1:-1] + x[:, 2:]) / 4
    torch.testing.assert_close(f(f(x, 2), 2), weighted)


def test_gather_rows_by_definition(normal):
    x, idx = normal(4, 3, 2), torch.tensor([2, 0, 1, 2])
    out = solution("gather_rows")(x, idx)
    for n, d in itertools.product(range(4), range(2)):
        assert out[n, d] == x[n, int(idx[n]), d]


# --- pairs ------------------------------------------------------------------------------------


def test_distances_are_a_metric(normal):
    A = normal(6, 3)
    squared = solution("pairwise_sq_dist")(A, A)
    assert torch.equal(squared, squared.T)
    assert not squared.diagonal().any()
    d = squared.sqrt()
    assert bool((d.unsqueeze(1) <= d.unsqueeze(2) + d.unsqueeze(0).transpose(1, 2) + 1e-12).all())


def test_distances_do_not_see_shifts_and_rotations(normal):
    A, B = normal(4, 3), normal(5, 3)
    Q, _ = torch.linalg.qr(normal(3, 3))
    f, shift = solution("pairwise_sq_dist"), normal(3)
    torch.testing.assert_close(f(A @ Q + shift, B @ Q + shift), f(A, B))


def test_distances_and_scalar_products(normal):
    A, B = normal(4, 3), normal(5, 3)
    out = solution("pairwise_sq_dist")(A, B)
    polar = (A * A).sum(1, keepdim=True) + (B * B).sum(1) - out
    torch.testing.assert_close(polar / 2, A @ B.T)


def test_gram_matrix_is_symmetric_and_positive(normal):
    G = solution("gram_matrix")(normal(3, 4, 2, 5))
    torch.testing.assert_close(G, G.mT)
    assert bool((torch.linalg.eigvalsh(G) > -1e-12).all())


def test_gram_matrix_does_not_see_where(normal):
    x = normal(2, 3, 4, 5)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(1))
    moved = x.flatten(2)[:, :, order].reshape(2, 3, 5, 4)
    G = solution("gram_matrix")(x)
    torch.testing.assert_close(solution("gram_matrix")(moved), G)
    torch.testing.assert_close(G.diagonal(dim1=1, dim2=2), x.square().mean((2, 3)))


# --- patches ----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3])
def test_patches_can_be_put_back(normal, size):
    x = normal(2, 3, 6, 12)
    patches = solution("patchify")(x, size)
    assert patches.shape == (2, 72 // size**2, 3 * size**2)
    back = torch.nn.functional.fold(patches.mT, (6, 12), size, stride=size)
    torch.testing.assert_close(back, x)


def test_a_layer_on_patches_is_a_strided_convolution(normal):
    x, weight = normal(2, 3, 4, 6), normal(5, 3, 2, 2)
    out = solution("patchify")(x, 2) @ weight.flatten(1).T
    conv = torch.nn.functional.conv2d(x, weight, stride=2)
    torch.testing.assert_close(out, conv.flatten(2).mT)


# --- errors and gradients ---------------------------------------------------------------------


def test_mse_splits_into_variance_and_bias(normal):
    pred = normal(50)
    target = torch.full_like(pred, 1.5)
    expected = pred.var(correction=0) + (pred.mean() - 1.5) ** 2
    torch.testing.assert_close(solution("mse")(pred, target), expected)


@pytest.mark.parametrize("shape", [(3, 1), (1, 3), (1,), (), (3, 3), (4,)], ids=str)
def test_mse_refuses_every_other_shape(normal, shape):
    with pytest.raises(ValueError, match="shapes"):
        solution("mse")(normal(3), normal(*shape))


def test_mse_of_a_column_and_a_row_would_be_wrong():
    column = torch.tensor([[1.0], [2.0], [3.0]])
    silently = ((column - column.squeeze(1)) ** 2).mean()
    torch.testing.assert_close(silently, torch.tensor(4 / 3))
    assert solution("mse")(column, column) == 0


SHAPES = [(), (1,), (3,), (2, 3), (2, 1), (1, 3), (1, 1), (4, 2, 3), (4, 1, 1), (1, 2, 1)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_unbroadcast_is_the_adjoint_of_expand(normal, shape):
    # <grad, expand(x)> = <unbroadcast(grad), x> for every x: that defines it.
    grad, x = normal(4, 2, 3), normal(*shape)
    out = solution("unbroadcast")(grad, shape)
    assert out.shape == x.shape
    torch.testing.assert_close((grad * x).sum(), (out * x).sum())


@pytest.mark.parametrize(
    ("one", "other"), [((4, 3), (3,)), ((4, 1), (3,)), ((), (2, 2)), ((2, 1, 3), (4, 1))], ids=str
)
def test_unbroadcast_serves_a_product_of_two(normal, one, other):
    a, b = normal(*one), normal(*other)
    cotangent = normal(*torch.broadcast_shapes(one, other))
    _, vjp = torch.func.vjp(torch.mul, a, b)
    right_a, right_b = vjp(cotangent)
    torch.testing.assert_close(solution("unbroadcast")(cotangent * b, one), right_a)
    torch.testing.assert_close(solution("unbroadcast")(cotangent * a, other), right_b)


def test_unbroadcast_by_finite_differences(normal):
    # f(b) = sum of sin(x + b), a bias that is stretched over the batch.
    x, b, h = normal(5, 3), normal(3), 1e-6
    out = solution("unbroadcast")(torch.cos(x + b), (3,))
    for d in range(3):
        step = torch.zeros(3, dtype=torch.float64)
        step[d] = h
        slope = (torch.sin(x + b + step).sum() - torch.sin(x + b - step).sum()) / (2 * h)
        assert math.isclose(float(out[d]), float(slope), rel_tol=1e-7, abs_tol=1e-8)
