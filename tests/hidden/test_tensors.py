"""Tensors and broadcasting: what grades it.

The truth is torch's own operator, autograd or a definition in plain numbers, in float64; not the
reference solution.
"""

import itertools

import pytest
import torch

F = torch.nn.functional


def numbers(draw, values):
    return torch.tensor(values, dtype=draw.dtype, device=draw.device)


def whole(draw, values):
    return torch.tensor(values, dtype=torch.int64, device=draw.device)


# --- rows -------------------------------------------------------------------------------------


def shares(counts):
    """Return each row over its L1 norm; a row of ones stands in for a row of zeros."""
    empty = counts.abs().amax(1, keepdim=True) == 0
    filled = torch.where(empty, torch.ones_like(counts), counts).double()
    return filled / torch.linalg.vector_norm(filled, ord=1, dim=1, keepdim=True)


@pytest.mark.exercise("row_normalize", parts={"P": 2, "zero_row": 1})
class TestRowNormalize:
    """Shares of a row"""

    @pytest.mark.parametrize("shape", [(3, 5), (4, 4), (5, 2), (1, 3), (3, 1)], ids=str)
    def test_fractions(self, student, draw, expect, oracle, shape):
        """a random table of the given shape"""
        counts = draw.uniform(*shape, low=0.1, high=4.0)
        expect(student.row_normalize(counts), oracle(shares, counts), name="P")

    @pytest.mark.parametrize("shape", [(3, 5), (4, 4)], ids=str)
    def test_whole_numbers(self, student, draw, expect, shape):
        """a table of integers, some of them 0"""
        counts = draw.integers(*shape, high=4)
        counts[:, 1] += 1
        expect(student.row_normalize(counts), shares(counts).float(), name="P")

    @pytest.mark.parametrize("scale", [1e-10, 1e-6, 1e6], ids="scale={}".format)
    def test_scale(self, student, draw, expect, oracle, scale):
        """tiny and large numbers"""
        counts = scale * draw.uniform(4, 3, low=0.1)
        expect(student.row_normalize(counts), oracle(shares, counts), name="P")

    @pytest.mark.parametrize("kind", ["transposed", "strided", "expanded"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        counts = draw.layout(draw.uniform(4, 4, low=0.1), kind)
        expect(student.row_normalize(counts), oracle(shares, counts), name="P")

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        counts = draw.uniform(3, 6, dtype=torch.float32)
        expect(student.row_normalize(counts), oracle(shares, counts), name="P")

    @pytest.mark.part("zero_row")
    @pytest.mark.parametrize("rows", [(0,), (1, 3), (0, 1, 2, 3)], ids=str)
    def test_zero_rows(self, student, draw, expect, oracle, rows):
        """rows of zeros among four, of fractions and of integers"""
        counts = draw.uniform(4, 5, low=0.1)
        counts[list(rows)] = 0
        expect(student.row_normalize(counts), oracle(shares, counts), name="zero_row")
        counts = draw.integers(4, 3, low=1, high=5)
        counts[list(rows)] = 0
        expect(student.row_normalize(counts), shares(counts).float(), name="zero_row")


@pytest.mark.exercise("one_hot", parts={"one_hot": 1})
class TestOneHot:
    """Classes as vectors"""

    def check(self, student, expect, y, num_classes):
        expect(student.one_hot(y, num_classes), F.one_hot(y, num_classes).float())

    @pytest.mark.parametrize("sizes", [(5, 3), (4, 4), (2, 6), (1, 3), (3, 1)], ids=str)
    def test_random(self, student, draw, expect, sizes):
        """random classes, sizes (N, C)"""
        n, c = sizes
        self.check(student, expect, draw.integers(n, high=c), c)

    def test_all_classes(self, student, draw, expect):
        """each class once, and the classes counted down"""
        self.check(student, expect, draw.permutation(5), 5)
        self.check(student, expect, whole(draw, [4, 3, 2, 1, 0]), 5)

    def test_unused(self, student, draw, expect):
        """many more classes than occur"""
        self.check(student, expect, draw.integers(4, high=3), 9)

    def test_none(self, student, draw, expect):
        """no example at all"""
        self.check(student, expect, draw.integers(3, high=4), 4)
        self.check(student, expect, draw.integers(0, high=4), 4)

    @pytest.mark.parametrize("kind", ["strided", "expanded", "offset"])
    def test_layout(self, student, draw, expect, kind):
        """another memory layout"""
        self.check(student, expect, draw.layout(draw.integers(6, high=4), kind), 4)


def batch_normalized(x, eps):
    return F.batch_norm(x, None, None, training=True, eps=eps)


@pytest.mark.exercise("standardize", parts={"value": 2, "far": 1})
class TestStandardize:
    """Mean 0, variance 1"""

    def check(self, student, expect, oracle, x, eps, name="value"):
        expect(student.standardize(x, eps), oracle(batch_normalized, x, eps), name=name)

    @pytest.mark.parametrize("shape", [(6, 3), (4, 4), (2, 5), (7, 1)], ids=str)
    @pytest.mark.parametrize("eps", [1e-5, 0.5], ids="eps={}".format)
    def test_random(self, student, draw, expect, oracle, shape, eps):
        """random rows of the given shape"""
        self.check(student, expect, oracle, draw.normal(*shape, mean=2.0, std=1.5), eps)

    def test_sizes(self, student, draw, expect, oracle):
        """columns of very different sizes"""
        x = draw.normal(6, 3) * numbers(draw, [0.01, 1.0, 100.0])
        self.check(student, expect, oracle, x, 0.001)

    def test_constant(self, student, draw, expect, oracle):
        """a constant column"""
        x = draw.normal(5, 3)
        x[:, 1] = 4.0
        self.check(student, expect, oracle, x, 0.01)

    def test_one_row(self, student, draw, expect):
        """a single row: all zeros; then two"""
        x = draw.normal(1, 4)
        expect(student.standardize(x, 0.1), torch.zeros_like(x), name="value")
        x = torch.cat([x - 1, x + 1])
        right = numbers(draw, [[-1.0] * 4, [1.0] * 4]) / 1.1**0.5
        expect(student.standardize(x, 0.1), right, name="value")

    @pytest.mark.parametrize("kind", ["transposed", "strided"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        self.check(student, expect, oracle, draw.layout(draw.normal(5, 3), kind), 0.01)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        self.check(student, expect, oracle, draw.normal(8, 3, dtype=torch.float32), 0.01)

    @pytest.mark.part("far")
    @pytest.mark.parametrize("where", [1e6, -3e5], ids="at={}".format)
    def test_far(self, student, draw, expect, oracle, where):
        """columns far from 0"""
        # float64, also where float32 is drawn: there the mean itself would lose its digits.
        x = where + draw.normal(8, 3, dtype=torch.float64)
        self.check(student, expect, oracle, x, 0.01, name="far")


# --- curves and picks -------------------------------------------------------------------------


def pooled(x, k):
    return F.avg_pool1d(x.unsqueeze(1), k, stride=1).squeeze(1)


@pytest.mark.exercise("moving_average", parts={"average": 1})
class TestMovingAverage:
    """Smooth curves"""

    def check(self, student, expect, oracle, x, k):
        expect(student.moving_average(x, k), oracle(pooled, x, k))

    @pytest.mark.parametrize(
        "sizes", [(3, 7, 3), (2, 8, 4), (4, 4, 2), (1, 6, 5), (3, 5, 5), (3, 4, 1), (2, 1, 1)],
        ids=str,
    )  # fmt: skip
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """random curves, sizes (N, T, k)"""
        n, t, k = sizes
        self.check(student, expect, oracle, draw.normal(n, t), k)

    def test_large(self, student, draw, expect, oracle):
        """numbers of about 1000"""
        self.check(student, expect, oracle, draw.normal(3, 9, mean=1000.0), 4)

    @pytest.mark.parametrize("kind", ["transposed", "strided", "expanded"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        self.check(student, expect, oracle, draw.layout(draw.normal(3, 6), kind), 2)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        self.check(student, expect, oracle, draw.normal(3, 8, dtype=torch.float32), 3)


def gathered(x, idx):
    return x.gather(1, idx.reshape(-1, 1, 1).expand(-1, 1, x.shape[2])).squeeze(1)


@pytest.mark.exercise("gather_rows", parts={"rows": 1})
class TestGatherRows:
    """Another row for each example"""

    def check(self, student, expect, oracle, x, idx):
        expect(student.gather_rows(x, idx), oracle(gathered, x, idx))

    @pytest.mark.parametrize(
        "sizes", [(5, 4, 3), (3, 3, 3), (1, 4, 2), (4, 1, 3), (2, 6, 1)], ids=str
    )
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """random picks, sizes (N, T, D)"""
        n, t, d = sizes
        self.check(student, expect, oracle, draw.normal(n, t, d), draw.integers(n, high=t))

    def test_order(self, student, draw, expect, oracle):
        """the first row, the last one, the same one for several"""
        x = draw.normal(4, 3, 2)
        for idx in ([0, 0, 0, 0], [2, 2, 2, 2], [2, 1, 0, 0], [1, 2, 0, 1]):
            self.check(student, expect, oracle, x, whole(draw, idx))

    @pytest.mark.parametrize("kind", ["transposed", "strided", "expanded"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        idx = draw.layout(draw.integers(5, high=3), "strided")
        self.check(student, expect, oracle, draw.layout(draw.normal(5, 3, 2), kind), idx)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        x = draw.normal(4, 5, 2, dtype=torch.float32)
        self.check(student, expect, oracle, x, draw.integers(4, high=5))


# --- pairs ------------------------------------------------------------------------------------


def squared_cdist(A, B):
    return torch.cdist(A, B, compute_mode="donot_use_mm_for_euclid_dist").square()


@pytest.mark.exercise("pairwise_sq_dist", parts={"value": 2, "precision": 1})
class TestPairwiseSqDist:
    """Squared distances of all pairs"""

    def check(self, student, expect, oracle, A, B, name="value"):
        expect(student.pairwise_sq_dist(A, B), oracle(squared_cdist, A, B), name=name)

    @pytest.mark.parametrize(
        "sizes", [(4, 3, 2), (3, 5, 4), (4, 4, 2), (3, 3, 3), (1, 4, 3), (5, 1, 2), (3, 2, 1)],
        ids=str,
    )  # fmt: skip
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """random points, sizes (N, M, D)"""
        n, m, d = sizes
        self.check(student, expect, oracle, draw.normal(n, d), draw.normal(m, d, mean=0.5))

    @pytest.mark.parametrize("scale", [0.01, 100.0], ids="scale={}".format)
    def test_scale(self, student, draw, expect, oracle, scale):
        """small and large numbers"""
        self.check(student, expect, oracle, scale * draw.normal(4, 3), scale * draw.normal(3, 3))

    @pytest.mark.parametrize("kind", ["transposed", "strided", "expanded"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        A, B = draw.layout(draw.normal(4, 3), kind), draw.layout(draw.normal(2, 3), "strided")
        self.check(student, expect, oracle, A, B)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        A, B = draw.normal(4, 3, dtype=torch.float32), draw.normal(5, 3, dtype=torch.float32)
        self.check(student, expect, oracle, A, B)

    @pytest.mark.part("precision")
    def test_far(self, student, draw, expect, oracle):
        """points far from the origin and close together"""
        # Whole numbers that the dtype holds exactly, and their differences; but not their squares.
        far = 300_000_000 if draw.dtype == torch.float64 else 2_000_000
        A = far + draw.integers(4, 3, high=5).to(draw.dtype)
        B = far + draw.integers(3, 3, high=5).to(draw.dtype)
        self.check(student, expect, oracle, A, B, name="precision")

    @pytest.mark.part("precision")
    def test_to_itself(self, student, draw, expect):
        """points to themselves: exactly 0, and no number is negative"""
        A = 1000 * draw.normal(6, 3)
        out = student.pairwise_sq_dist(A, A)
        diagonal = torch.as_tensor(out).diagonal()
        expect(diagonal, torch.zeros_like(diagonal), name="precision", rtol=0, atol=0)
        expect(bool((torch.as_tensor(out) >= 0).all()), expected=True, name="precision")
        far = [[float((a - b).square().sum()) for b in A.double()] for a in A.double()]
        expect(out, numbers(draw, far), name="precision")


def covariances(x):
    """Return the mean products as covariances plus products of the means."""
    flat = x.flatten(2)
    mean = flat.mean(2)
    centred = torch.stack([torch.cov(one, correction=0).reshape(len(one), -1) for one in flat])
    return centred + mean.unsqueeze(2) * mean.unsqueeze(1)


@pytest.mark.exercise("gram_matrix", parts={"G": 1})
class TestGramMatrix:
    """Channels that are active together"""

    def check(self, student, expect, oracle, x):
        expect(student.gram_matrix(x), oracle(covariances, x))

    @pytest.mark.parametrize(
        "shape",
        [(2, 3, 4, 5), (3, 2, 5, 4), (3, 3, 3, 3), (1, 4, 2, 3), (2, 1, 3, 2), (2, 3, 1, 1)],
        ids=str,
    )
    def test_shapes(self, student, draw, expect, oracle, shape):
        """random images of the given shape"""
        self.check(student, expect, oracle, draw.normal(*shape))

    def test_means(self, student, draw, expect, oracle):
        """channels far from 0"""
        mean = numbers(draw, [5.0, -3.0, 1.0]).reshape(1, 3, 1, 1)
        self.check(student, expect, oracle, mean + draw.normal(2, 3, 3, 4))

    @pytest.mark.parametrize("kind", ["transposed", "strided", "expanded"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        self.check(student, expect, oracle, draw.layout(draw.normal(2, 3, 4, 2), kind))

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        self.check(student, expect, oracle, draw.normal(2, 3, 4, 5, dtype=torch.float32))


def unfolded(x, size):
    return F.unfold(x, size, stride=size).transpose(1, 2)


@pytest.mark.exercise("patchify", parts={"patches": 1})
class TestPatchify:
    """Images as rows of patches"""

    def check(self, student, expect, oracle, x, size):
        expect(student.patchify(x, size), oracle(unfolded, x, size))

    @pytest.mark.parametrize(
        "sizes",
        [(2, 3, 4, 6, 2), (1, 1, 6, 3, 3), (2, 2, 4, 4, 2), (3, 1, 2, 4, 2), (2, 2, 2, 8, 2),
         (1, 3, 9, 6, 3), (2, 3, 2, 3, 1), (2, 2, 3, 3, 3)],
        ids=str,
    )  # fmt: skip
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """random images, sizes (N, C, H, W, p)"""
        *shape, size = sizes
        self.check(student, expect, oracle, draw.normal(*shape), size)

    @pytest.mark.parametrize("kind", ["transposed", "strided", "expanded"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        self.check(student, expect, oracle, draw.layout(draw.normal(2, 3, 4, 6), kind), 2)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        self.check(student, expect, oracle, draw.normal(2, 3, 4, 2, dtype=torch.float32), 2)


# --- errors -----------------------------------------------------------------------------------


def torch_mse(pred, target, reduction="mean"):
    return F.mse_loss(pred, target, reduction=reduction)


@pytest.mark.exercise("mse", parts={"value": 2, "shapes": 1})
class TestMse:
    """Squared errors, guarded"""

    def check(self, student, expect, oracle, *args, name="value"):
        expect(student.mse(*args), oracle(torch_mse, *args), name=name)

    @pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
    @pytest.mark.parametrize("shape", [(5,), (3, 4), (4, 1), (2, 3, 2), (1,), ()], ids=str)
    def test_random(self, student, draw, expect, oracle, shape, reduction):
        """random numbers of the given shape"""
        args = (draw.normal(*shape), draw.normal(*shape, mean=0.5))
        self.check(student, expect, oracle, *args, reduction)

    def test_default(self, student, draw, expect, oracle):
        """no reduction given"""
        self.check(student, expect, oracle, draw.normal(4, 3), draw.normal(4, 3))

    @pytest.mark.parametrize("kind", ["transposed", "strided", "expanded"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        args = (draw.layout(draw.normal(4, 3), kind), draw.layout(draw.normal(4, 3), "strided"))
        self.check(student, expect, oracle, *args, "mean")

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        args = (draw.normal(4, 3, dtype=torch.float32), draw.normal(4, 3, dtype=torch.float32))
        self.check(student, expect, oracle, *args)

    @pytest.mark.part("shapes")
    @pytest.mark.parametrize(
        ("one", "other"),
        [((4, 1), (4,)), ((4,), (4, 1)), ((3, 3), (3,)), ((2, 3), (1, 3)), ((5,), ()),
         ((1,), (1, 1)), ((2, 3), (3, 2)), ((4,), (3,))],
        ids=str,
    )  # fmt: skip
    def test_shapes(self, student, draw, expect, oracle, one, other):
        """equal shapes, then two that differ"""
        for reduction in ("mean", "none"):
            args = (draw.normal(*one), draw.normal(*one), reduction)
            self.check(student, expect, oracle, *args, name="shapes")
            args = (draw.normal(*one), draw.normal(*other), reduction)
            expect.raises(ValueError, student.mse, *args, name="shapes")

    @pytest.mark.part("shapes")
    def test_unknown(self, student, draw, expect, oracle):
        """a reduction that is none of the three"""
        args = (draw.normal(3, 2), draw.normal(3, 2))
        self.check(student, expect, oracle, *args, "sum", name="shapes")
        expect.raises(ValueError, student.mse, *args, "average", name="shapes")


# --- broadcasting in reverse ------------------------------------------------------------------


def through_expand(grad, shape):
    """Return what autograd makes of an expanded tensor."""
    leaf = torch.zeros(shape, dtype=grad.dtype, device=grad.device, requires_grad=True)
    return torch.autograd.grad(leaf.expand(grad.shape), leaf, grad)[0]


@pytest.mark.exercise("unbroadcast", parts={"grad": 1})
class TestUnbroadcast:
    """Broadcasting in reverse"""

    def check(self, student, expect, oracle, grad, shape):
        expect(student.unbroadcast(grad, shape), oracle(through_expand, grad, shape))

    @pytest.mark.parametrize(
        ("large", "small"),
        [((3, 4), (4,)), ((3, 3), (3,)), ((3, 4), (3, 1)), ((3, 4), (1, 4)), ((3, 4), (1,)),
         ((3, 4), (1, 1)), ((3, 4), ()), ((3, 4), (3, 4)), ((5,), (1,)), ((), ()),
         ((2, 3, 4), (3, 1)), ((2, 3, 4), (2, 1, 4)), ((3, 3, 3), (3, 1)), ((3, 3, 3), (1, 3, 1)),
         ((2, 2, 3, 4), (2, 1, 4)), ((2, 1, 3), (1, 3)), ((1, 4), (4,)), ((1, 4), (1, 4)),
         ((2, 1), (1, 1)), ((1, 1), ())],
        ids=str,
    )  # fmt: skip
    def test_shapes(self, student, draw, expect, oracle, large, small):
        """shape of the gradient, shape before stretching"""
        self.check(student, expect, oracle, draw.normal(*large), small)

    def test_every_way(self, student, draw, expect, oracle):
        """every way to stretch two axes of three"""
        grad = draw.normal(2, 3, 4)
        for small in itertools.product((1, 2), (1, 3), (1, 4)):
            self.check(student, expect, oracle, grad, small)

    @pytest.mark.parametrize("kind", ["transposed", "strided", "expanded"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        self.check(student, expect, oracle, draw.layout(draw.normal(3, 2, 4), kind), (2, 1))

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        self.check(student, expect, oracle, draw.normal(5, 2, 3, dtype=torch.float32), (1, 3))
