"""Edges of the losses. The truth comes from torch and closed forms, never from the solution."""

import math

import pytest
import torch

F = torch.nn.functional
LAYOUTS = ("transposed", "strided", "expanded", "offset")
INF = math.inf
RARE = -0.5 * (math.log(1e-7) + math.log1p(-1e-7))  # cross-entropy of the pair `rare`

SMALL = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)
TINY = (1e-3, *SMALL, 1e-12, 1e-20)
# The small event makes up most of each result: a wide tolerance sees whether it was counted.
SHARE = {"rtol": 0.1, "atol": 0.0}


def rounding(z):
    """Tolerances for extreme inputs: sums of numbers as large as those of z lose digits.

    What is at stake there is whether a result survives; its last digits are tested elsewhere.
    """
    step = 8 * torch.finfo(z.dtype).eps * z.abs().max().item()
    if z.dtype == torch.float64:
        return {"rtol": 1e-5, "atol": max(1e-7, step)}
    return {"rtol": 1e-4, "atol": max(1e-5, step)}


def far_apart(draw, *shape):
    """Random rows, the first around -10 000, the last around 10 000."""
    offsets = torch.linspace(-1e4, 1e4, shape[0], dtype=draw.dtype)
    return draw.normal(*shape) + offsets.unsqueeze(1)


def targets(draw, kind, n, classes):
    """Class indices (N,), or probabilities (N, C)."""
    return draw.integers(n, high=classes) if kind == "indices" else draw.probabilities(n, classes)


@pytest.mark.exercise("softmax", parts={"p": 2, "stability": 1})
class TestSoftmax:
    """Softmax"""

    @pytest.mark.parametrize("shape", [(3, 4), (4, 4), (1, 5), (5,), (2, 3, 4)], ids=str)
    def test_last_axis(self, student, draw, expect, oracle, shape):
        """random scores, along the last axis"""
        z = draw.normal(*shape)
        expect(student.softmax(z), oracle(torch.softmax, z, -1), name="p")

    @pytest.mark.parametrize(
        ("shape", "dim"), [((4, 3), 0), ((3, 3), 0), ((2, 3, 4), 1), ((2, 3, 4), -3)], ids=str
    )
    def test_other_axis(self, student, draw, expect, oracle, shape, dim):
        """random scores, along another axis than the last"""
        z = draw.normal(*shape)
        expect(student.softmax(z, dim=dim), oracle(torch.softmax, z, dim), name="p")

    def test_one_class(self, student, draw, expect):
        """a single class is certain"""
        z = draw.normal(3, 1)
        expect(student.softmax(z), torch.ones_like(z), name="p")

    def test_equal_scores(self, student, draw, expect):
        """equal scores give equal shares"""
        z = torch.full((2, 5), -0.7, dtype=draw.dtype)
        expect(student.softmax(z), torch.full_like(z, 0.2), name="p")

    def test_small_exponentials(self, student, draw, expect, oracle):
        """scores around -20"""
        z = draw.normal(3, 4) - 20
        expect(student.softmax(z), oracle(torch.softmax, z, -1), name="p")

    def test_excluded_classes(self, student, draw, expect, oracle):
        """scores of minus infinity"""
        z = draw.normal(3, 4)
        z[0, 1] = z[1, 0] = z[1, 1] = z[1, 3] = -INF
        expect(student.softmax(z), oracle(torch.softmax, z, -1), name="p")

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """inputs that do not lie in memory row by row"""
        z = draw.layout(draw.normal(3, 4), layout)
        expect(student.softmax(z), oracle(torch.softmax, z, -1), name="p")

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        z = draw.normal(3, 4, dtype=torch.float32)
        expect(student.softmax(z), oracle(torch.softmax, z, -1), name="p")

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("offset", [1e3, -1e3, 1e4], ids=str)
    def test_large_scores(self, student, draw, expect, oracle, offset):
        """large scores, close together"""
        z = draw.normal(4, 4) + offset
        expect(student.softmax(z), oracle(torch.softmax, z, -1), name="p", **rounding(z))

    @pytest.mark.part("stability")
    def test_spread_scores(self, student, draw, expect, oracle):
        """large scores, far apart"""
        z = draw.normal(4, 4, std=1e3)
        z[0] = torch.tensor([1e4, 0.0, -1e4, 3.0], dtype=draw.dtype)
        expect(student.softmax(z), oracle(torch.softmax, z, -1), name="p", **rounding(z))

    @pytest.mark.part("stability")
    def test_rows_far_apart(self, student, draw, expect, oracle):
        """rows of very different size in one tensor"""
        z = far_apart(draw, 3, 4)
        expect(student.softmax(z), oracle(torch.softmax, z, -1), name="p", **rounding(z))

    @pytest.mark.part("stability")
    def test_columns_far_apart(self, student, draw, expect, oracle):
        """columns of very different size, softmax down the columns"""
        z = far_apart(draw, 3, 3).T
        expect(student.softmax(z, dim=0), oracle(torch.softmax, z, 0), name="p", **rounding(z))


@pytest.mark.exercise("logsumexp", parts={"lse": 2, "stability": 1})
class TestLogsumexp:
    """Log-sum-exp"""

    @pytest.mark.parametrize("shape", [(3, 4), (4, 4), (1, 5), (5,), (2, 3, 4)], ids=str)
    def test_last_axis(self, student, draw, expect, oracle, shape):
        """random scores, along the last axis"""
        z = draw.normal(*shape)
        expect(student.logsumexp(z), oracle(torch.logsumexp, z, -1), name="lse")

    @pytest.mark.parametrize(
        ("shape", "dim"), [((4, 3), 0), ((3, 3), 0), ((2, 3, 4), 1), ((2, 3, 4), -3)], ids=str
    )
    def test_other_axis(self, student, draw, expect, oracle, shape, dim):
        """random scores, along another axis than the last"""
        z = draw.normal(*shape)
        expect(student.logsumexp(z, dim=dim), oracle(torch.logsumexp, z, dim), name="lse")

    def test_one_class(self, student, draw, expect):
        """a single score comes back as it is"""
        z = draw.normal(3, 1)
        expect(student.logsumexp(z), z.squeeze(1), name="lse")

    def test_equal_scores(self, student, draw, expect):
        """C equal scores lie ln C below their log-sum-exp"""
        z = torch.full((2, 5), -0.7, dtype=draw.dtype)
        expected = torch.full((2,), math.log(5) - 0.7, dtype=draw.dtype)
        expect(student.logsumexp(z), expected, name="lse")

    def test_small_exponentials(self, student, draw, expect, oracle):
        """scores around -20"""
        z = draw.normal(3, 4) - 20
        expect(student.logsumexp(z), oracle(torch.logsumexp, z, -1), name="lse")

    def test_excluded_classes(self, student, draw, expect, oracle):
        """scores of minus infinity"""
        z = draw.normal(3, 4)
        z[0, 1] = z[1, 0] = z[1, 1] = z[1, 3] = -INF
        expect(student.logsumexp(z), oracle(torch.logsumexp, z, -1), name="lse")

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """inputs that do not lie in memory row by row"""
        z = draw.layout(draw.normal(3, 4), layout)
        expect(student.logsumexp(z), oracle(torch.logsumexp, z, -1), name="lse")

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        z = draw.normal(3, 4, dtype=torch.float32)
        expect(student.logsumexp(z), oracle(torch.logsumexp, z, -1), name="lse")

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("offset", [1e3, -1e3, 1e4], ids=str)
    def test_large_scores(self, student, draw, expect, oracle, offset):
        """large scores, close together"""
        z = draw.normal(4, 4) + offset
        expect(student.logsumexp(z), oracle(torch.logsumexp, z, -1), name="lse", **rounding(z))

    @pytest.mark.part("stability")
    def test_spread_scores(self, student, draw, expect, oracle):
        """large scores, far apart"""
        z = draw.normal(4, 4, std=1e3)
        expect(student.logsumexp(z), oracle(torch.logsumexp, z, -1), name="lse", **rounding(z))

    @pytest.mark.part("stability")
    def test_rows_far_apart(self, student, draw, expect, oracle):
        """rows of very different size in one tensor"""
        z = far_apart(draw, 3, 4)
        expect(student.logsumexp(z), oracle(torch.logsumexp, z, -1), name="lse", **rounding(z))


@pytest.mark.exercise("log_softmax", parts={"log_p": 2, "stability": 1, "underflow": 1})
class TestLogSoftmax:
    """Log-softmax"""

    @pytest.mark.parametrize("shape", [(3, 4), (4, 4), (1, 5), (5,), (2, 3, 4)], ids=str)
    def test_last_axis(self, student, draw, expect, oracle, shape):
        """random scores, along the last axis"""
        z = draw.normal(*shape)
        expect(student.log_softmax(z), oracle(torch.log_softmax, z, -1), name="log_p")

    @pytest.mark.parametrize(
        ("shape", "dim"), [((4, 3), 0), ((3, 3), 0), ((2, 3, 4), 1), ((2, 3, 4), -3)], ids=str
    )
    def test_other_axis(self, student, draw, expect, oracle, shape, dim):
        """random scores, along another axis than the last"""
        z = draw.normal(*shape)
        expect(student.log_softmax(z, dim=dim), oracle(torch.log_softmax, z, dim), name="log_p")

    def test_one_class(self, student, draw, expect):
        """a single class is certain"""
        z = draw.normal(3, 1)
        expect(student.log_softmax(z), torch.zeros_like(z), name="log_p")

    def test_small_probabilities(self, student, draw, expect, oracle):
        """probabilities down to e to the -40"""
        z = torch.tensor([[0.0, -40.0, -30.0], [20.0, 0.0, -20.0]], dtype=draw.dtype)
        expect(student.log_softmax(z), oracle(torch.log_softmax, z, -1), name="log_p")

    def test_excluded_classes(self, student, draw, expect, oracle):
        """scores of minus infinity"""
        z = draw.normal(3, 4)
        z[0, 1] = z[1, 0] = z[1, 1] = z[1, 3] = -INF
        expect(student.log_softmax(z), oracle(torch.log_softmax, z, -1), name="log_p")

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """inputs that do not lie in memory row by row"""
        z = draw.layout(draw.normal(3, 4), layout)
        expect(student.log_softmax(z), oracle(torch.log_softmax, z, -1), name="log_p")

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        z = draw.normal(3, 4, dtype=torch.float32)
        expect(student.log_softmax(z), oracle(torch.log_softmax, z, -1), name="log_p")

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("offset", [1e3, -1e3, 1e4], ids=str)
    def test_large_scores(self, student, draw, expect, oracle, offset):
        """large scores, close together"""
        z = draw.normal(4, 4) + offset
        expected = oracle(torch.log_softmax, z, -1)
        expect(student.log_softmax(z), expected, name="log_p", **rounding(z))

    @pytest.mark.part("stability")
    def test_rows_far_apart(self, student, draw, expect, oracle):
        """rows of very different size in one tensor"""
        z = far_apart(draw, 3, 4)
        expected = oracle(torch.log_softmax, z, -1)
        expect(student.log_softmax(z), expected, name="log_p", **rounding(z))

    @pytest.mark.part("underflow")
    def test_spread_scores(self, student, draw, expect, oracle):
        """scores so far apart that some probability cannot be stored"""
        z = draw.normal(4, 4)
        z[0, 0], z[1, 1], z[2, 2], z[3, 3] = 1000.0, -1000.0, 1e4, -1e4
        expected = oracle(torch.log_softmax, z, -1)
        expect(student.log_softmax(z), expected, name="log_p", **rounding(z))

    @pytest.mark.part("underflow")
    def test_column_far_apart(self, student, draw, expect):
        """two scores 10 000 apart, one above the other"""
        z = torch.tensor([[0.0, -1e4], [-1e4, 0.0]], dtype=draw.dtype)
        expect(student.log_softmax(z, dim=0), z, name="log_p")


@pytest.mark.exercise("softmax_jacobian", parts={"jacobian": 2, "stability": 1})
class TestSoftmaxJacobian:
    """Jacobian of softmax"""

    @pytest.mark.parametrize("classes", [1, 2, 3, 5])
    def test_random(self, student, draw, expect, oracle, classes):
        """random scores"""
        z = draw.normal(classes)
        expect(student.softmax_jacobian(z), oracle(jacobian, z), name="jacobian")

    def test_equal_scores(self, student, draw, expect):
        """four equal scores"""
        z = torch.full((4,), 2.5, dtype=draw.dtype)
        expected = (
            torch.full((4, 4), -1 / 16, dtype=draw.dtype) + torch.eye(4, dtype=draw.dtype) / 4
        )
        expect(student.softmax_jacobian(z), expected, name="jacobian")

    @pytest.mark.parametrize("layout", ["strided", "offset"])
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """scores that do not lie side by side in memory"""
        z = draw.layout(draw.normal(4), layout)
        expect(student.softmax_jacobian(z), oracle(jacobian, z), name="jacobian")

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        z = draw.normal(4, dtype=torch.float32)
        expect(student.softmax_jacobian(z), oracle(jacobian, z), name="jacobian")

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("offset", [1e3, -1e3, 1e4], ids=str)
    def test_large_scores(self, student, draw, expect, oracle, offset):
        """large scores, close together"""
        z = draw.normal(4) + offset
        expect(student.softmax_jacobian(z), oracle(jacobian, z), name="jacobian", **rounding(z))

    @pytest.mark.part("stability")
    def test_spread_scores(self, student, draw, expect, oracle):
        """large scores, far apart"""
        z = torch.tensor([1000.0, 1000.5, -1000.0, 0.0], dtype=draw.dtype)
        expect(student.softmax_jacobian(z), oracle(jacobian, z), name="jacobian", **rounding(z))


@pytest.mark.exercise("softmax_backward", parts={"grad_z": 1})
class TestSoftmaxBackward:
    """Backward pass of softmax"""

    @pytest.mark.parametrize("shape", [(3, 4), (1, 5), (4, 4), (5, 2), (2, 1)], ids=str)
    def test_random_rows(self, student, draw, expect, oracle, shape):
        """random rows and a random gradient from above"""
        z, grad_p = draw.normal(*shape), draw.normal(*shape)
        p = oracle(torch.softmax, z, -1)
        expect(student.softmax_backward(grad_p, p), oracle(softmax_vjp, grad_p, z), name="grad_z")

    def test_gradient_of_ones(self, student, draw, expect):
        """the same gradient for all classes moves nothing"""
        p = draw.probabilities(3, 4)
        grad_z = student.softmax_backward(torch.ones_like(p), p)
        expect(grad_z, torch.zeros_like(p), name="grad_z")

    def test_certain(self, student, draw, expect, oracle):
        """probabilities that are exactly 0 or 1, and others"""
        z, grad_p = 1000 * draw.one_hot(4, 3), draw.normal(4, 3)
        z[3] = torch.tensor([0.0, 1.0, -1000.0], dtype=draw.dtype)
        p = oracle(torch.softmax, z, -1)
        expect(student.softmax_backward(grad_p, p), oracle(softmax_vjp, grad_p, z), name="grad_z")

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """a gradient that does not lie in memory row by row"""
        z, grad_p = draw.normal(3, 4), draw.layout(draw.normal(3, 4), layout)
        p = draw.layout(oracle(torch.softmax, z, -1), "transposed")
        expect(student.softmax_backward(grad_p, p), oracle(softmax_vjp, grad_p, z), name="grad_z")

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        z, grad_p = draw.normal(3, 4, dtype=torch.float32), draw.normal(3, 4, dtype=torch.float32)
        p = oracle(torch.softmax, z, -1)
        expect(student.softmax_backward(grad_p, p), oracle(softmax_vjp, grad_p, z), name="grad_z")


@pytest.mark.exercise("cross_entropy", parts={"loss": 3, "stability": 1, "underflow": 1})
class TestCrossEntropy:
    """Cross-entropy of logits"""

    @pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
    @pytest.mark.parametrize("kind", ["indices", "probabilities"])
    def test_reductions(self, student, draw, expect, oracle, kind, reduction):
        """random logits, both forms of target, each reduction"""
        logits, target = draw.normal(5, 3), targets(draw, kind, 5, 3)
        expected = oracle(F.cross_entropy, logits, target, reduction=reduction)
        expect(student.cross_entropy(logits, target, reduction=reduction), expected, name="loss")

    @pytest.mark.parametrize("kind", ["indices", "probabilities"])
    @pytest.mark.parametrize("shape", [(1, 4), (4, 4), (3, 1)], ids=str)
    def test_shapes(self, student, draw, expect, oracle, shape, kind):
        """one example, as many examples as classes, one class"""
        logits, target = draw.normal(*shape), targets(draw, kind, *shape)
        expected = oracle(F.cross_entropy, logits, target)
        expect(student.cross_entropy(logits, target), expected, name="loss")

    @pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
    @pytest.mark.parametrize("kind", ["indices", "probabilities"])
    @pytest.mark.parametrize("classes", [4, 1])
    def test_one_example(self, student, draw, expect, oracle, classes, kind, reduction):
        """one example: a number, or with "none" a list of one"""
        logits, target = draw.normal(1, classes), targets(draw, kind, 1, classes)
        expected = oracle(F.cross_entropy, logits, target, reduction=reduction)
        expect(student.cross_entropy(logits, target, reduction=reduction), expected, name="loss")

    @pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
    def test_small_targets(self, student, draw, expect, oracle, dtype):
        """targets that give a very unlikely class a ten-thousandth, down to a billionth"""
        target = nearly_certain(SMALL, dtype)
        logits = torch.tensor([0.0, -30.0], dtype=dtype).repeat(len(target), 1)
        expected = oracle(F.cross_entropy, logits, target, reduction="none")
        losses = student.cross_entropy(logits, target, reduction="none")
        expect(losses, expected, name="loss", **SHARE)

    def test_one_hot_target(self, student, draw, expect, oracle):
        """targets of zeros and ones"""
        logits, target = draw.normal(4, 3), draw.one_hot(4, 3)
        expected = oracle(F.cross_entropy, logits, target)
        expect(student.cross_entropy(logits, target), expected, name="loss")

    def test_small_probabilities(self, student, draw, expect):
        """a target that the model gives e to the -40"""
        logits = torch.tensor([[0.0, -40.0], [-40.0, 0.0]], dtype=draw.dtype)
        expected = torch.tensor([40.0, 0.0], dtype=draw.dtype)
        losses = student.cross_entropy(logits, torch.tensor([1, 1]), reduction="none")
        expect(losses, expected, name="loss")

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """logits and targets that do not lie in memory row by row"""
        logits = draw.layout(draw.normal(4, 3), layout)
        target = draw.layout(draw.integers(4, high=3), "strided")
        expected = oracle(F.cross_entropy, logits, target)
        expect(student.cross_entropy(logits, target), expected, name="loss")

    @pytest.mark.parametrize("kind", ["indices", "probabilities"])
    def test_float32(self, student, draw, expect, oracle, kind):
        """float32"""
        logits, target = draw.normal(4, 3, dtype=torch.float32), targets(draw, kind, 4, 3)
        target = target if kind == "indices" else target.to(torch.float32)
        expected = oracle(F.cross_entropy, logits, target)
        expect(student.cross_entropy(logits, target), expected, name="loss")

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("kind", ["indices", "probabilities"])
    @pytest.mark.parametrize("offset", [1e3, -1e4], ids=str)
    def test_large_logits(self, student, draw, expect, oracle, offset, kind):
        """large logits, close together"""
        logits, target = draw.normal(4, 4) + offset, targets(draw, kind, 4, 4)
        expected = oracle(F.cross_entropy, logits, target, reduction="none")
        losses = student.cross_entropy(logits, target, reduction="none")
        expect(losses, expected, name="loss", **rounding(logits))

    @pytest.mark.part("stability")
    def test_rows_far_apart(self, student, draw, expect, oracle):
        """examples of very different size in one batch"""
        logits, target = far_apart(draw, 3, 4), draw.integers(3, high=4)
        expected = oracle(F.cross_entropy, logits, target, reduction="none")
        losses = student.cross_entropy(logits, target, reduction="none")
        expect(losses, expected, name="loss", **rounding(logits))

    @pytest.mark.part("stability")
    def test_right_by_a_margin(self, student, draw, expect, oracle):
        """logits in favour of the target, by 40, around 1000"""
        target = draw.integers(4, high=3)
        logits = 1000 + 40 * torch.eye(3, dtype=draw.dtype)[target] + draw.normal(4, 3)
        expected = oracle(F.cross_entropy, logits, target)
        expect(student.cross_entropy(logits, target), expected, name="loss", **rounding(logits))

    @pytest.mark.part("underflow")
    @pytest.mark.parametrize("kind", ["indices", "probabilities"])
    @pytest.mark.parametrize("margin", [1000.0, -1000.0, -1e4], ids=str)
    def test_logits_far_apart(self, student, draw, expect, oracle, margin, kind):
        """logits so far apart, for or against the target, that some probability cannot be stored"""
        hot = draw.one_hot(4, 3)
        logits = margin * hot + draw.normal(4, 3)
        target = hot.argmax(1) if kind == "indices" else hot
        expected = oracle(F.cross_entropy, logits, target, reduction="none")
        losses = student.cross_entropy(logits, target, reduction="none")
        expect(losses, expected, name="loss", **rounding(logits))


@pytest.mark.exercise("cross_entropy_backward", parts={"grad_logits": 3, "stability": 1})
class TestCrossEntropyBackward:
    """Backward pass of the cross-entropy"""

    @pytest.mark.parametrize("reduction", ["mean", "sum"])
    @pytest.mark.parametrize("kind", ["indices", "probabilities"])
    def test_reductions(self, student, draw, expect, oracle, kind, reduction):
        """random logits, both forms of target, both reductions"""
        logits, target = draw.normal(5, 3), targets(draw, kind, 5, 3)
        expected = oracle(cross_entropy_gradient, logits, target, reduction)
        grad_logits = student.cross_entropy_backward(logits, target, reduction=reduction)
        expect(grad_logits, expected, name="grad_logits")

    @pytest.mark.parametrize("kind", ["indices", "probabilities"])
    @pytest.mark.parametrize("shape", [(1, 4), (4, 4), (3, 1)], ids=str)
    def test_shapes(self, student, draw, expect, oracle, shape, kind):
        """one example, as many examples as classes, one class"""
        logits, target = draw.normal(*shape), targets(draw, kind, *shape)
        expected = oracle(cross_entropy_gradient, logits, target)
        expect(student.cross_entropy_backward(logits, target), expected, name="grad_logits")

    @pytest.mark.parametrize("target", [[2, 2, 2, 2], [0, 2, 0, 2]], ids=["one", "two"])
    def test_repeated_targets(self, student, draw, expect, oracle, target):
        """a batch in which classes repeat"""
        logits, target = draw.normal(4, 3), torch.tensor(target)
        expected = oracle(cross_entropy_gradient, logits, target)
        expect(student.cross_entropy_backward(logits, target), expected, name="grad_logits")

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """logits and targets that do not lie in memory row by row"""
        logits = draw.layout(draw.normal(4, 3), layout)
        target = draw.layout(draw.integers(4, high=3), "strided")
        expected = oracle(cross_entropy_gradient, logits, target)
        expect(student.cross_entropy_backward(logits, target), expected, name="grad_logits")

    @pytest.mark.parametrize("kind", ["indices", "probabilities"])
    def test_float32(self, student, draw, expect, oracle, kind):
        """float32"""
        logits, target = draw.normal(4, 3, dtype=torch.float32), targets(draw, kind, 4, 3)
        target = target if kind == "indices" else target.to(torch.float32)
        expected = oracle(cross_entropy_gradient, logits, target)
        expect(student.cross_entropy_backward(logits, target), expected, name="grad_logits")

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("kind", ["indices", "probabilities"])
    @pytest.mark.parametrize("offset", [1e3, -1e4], ids=str)
    def test_large_logits(self, student, draw, expect, oracle, offset, kind):
        """large logits, close together"""
        logits, target = draw.normal(4, 4) + offset, targets(draw, kind, 4, 4)
        expected = oracle(cross_entropy_gradient, logits, target)
        grad_logits = student.cross_entropy_backward(logits, target)
        expect(grad_logits, expected, name="grad_logits", **rounding(logits))

    @pytest.mark.part("stability")
    def test_rows_far_apart(self, student, draw, expect, oracle):
        """examples of very different size in one batch"""
        logits, target = far_apart(draw, 3, 4), draw.integers(3, high=4)
        expected = oracle(cross_entropy_gradient, logits, target)
        grad_logits = student.cross_entropy_backward(logits, target)
        expect(grad_logits, expected, name="grad_logits", **rounding(logits))

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("kind", ["indices", "probabilities"])
    @pytest.mark.parametrize("margin", [1000.0, -1000.0, -1e4], ids=str)
    def test_logits_far_apart(self, student, draw, expect, oracle, margin, kind):
        """logits far apart, for or against the target"""
        hot = draw.one_hot(4, 3)
        logits = margin * hot + draw.normal(4, 3)
        target = hot.argmax(1) if kind == "indices" else hot
        expected = oracle(cross_entropy_gradient, logits, target)
        grad_logits = student.cross_entropy_backward(logits, target)
        expect(grad_logits, expected, name="grad_logits", **rounding(logits))


@pytest.mark.exercise("bce_with_logits", parts={"loss": 2, "stability": 1})
class TestBceWithLogits:
    """Binary cross-entropy of logits"""

    @pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
    @pytest.mark.parametrize("shape", [(5,), (3, 4), (1, 1), (3, 3)], ids=str)
    def test_soft_targets(self, student, draw, expect, oracle, shape, reduction):
        """targets between 0 and 1, each reduction"""
        z, y = draw.uniform(*shape, low=-3, high=3), draw.uniform(*shape)
        expected = oracle(F.binary_cross_entropy_with_logits, z, y, reduction=reduction)
        expect(student.bce_with_logits(z, y, reduction=reduction), expected, name="loss")

    @pytest.mark.parametrize("truth", [0.0, 1.0], ids=str)
    def test_hard_targets(self, student, draw, expect, oracle, truth):
        """targets that are all 0 or all 1"""
        z = draw.uniform(6, low=-3, high=3)
        y = torch.full_like(z, truth)
        expected = oracle(F.binary_cross_entropy_with_logits, z, y)
        expect(student.bce_with_logits(z, y), expected, name="loss")

    def test_undecided(self, student, draw, expect):
        """a score of 0 costs ln 2, whatever the truth"""
        y = draw.uniform(4)
        losses = student.bce_with_logits(torch.zeros_like(y), y, reduction="none")
        expect(losses, torch.full_like(y, math.log(2)), name="loss")

    def test_confident_mistakes(self, student, draw, expect):
        """scores of -15 where the truth is yes"""
        z = torch.full((2,), -15.0, dtype=draw.dtype)
        losses = student.bce_with_logits(z, torch.ones_like(z), reduction="none")
        expect(losses, torch.full_like(z, 15 + math.log1p(math.exp(-15))), name="loss")

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """scores and targets that do not lie in memory row by row"""
        z = draw.layout(draw.uniform(3, 4, low=-3, high=3), layout)
        y = draw.layout(draw.uniform(3, 4), "transposed")
        expected = oracle(F.binary_cross_entropy_with_logits, z, y)
        expect(student.bce_with_logits(z, y), expected, name="loss")

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        z = draw.uniform(3, 4, low=-3, high=3, dtype=torch.float32)
        y = draw.uniform(3, 4, dtype=torch.float32)
        expected = oracle(F.binary_cross_entropy_with_logits, z, y)
        expect(student.bce_with_logits(z, y), expected, name="loss")

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("size", [40.0, 800.0, 1e4], ids=str)
    def test_large_scores(self, student, draw, expect, oracle, size):
        """large scores of either sign, right, wrong and in between"""
        z = torch.tensor([size, size, size, -size, -size, -size], dtype=draw.dtype)
        y = torch.tensor([1.0, 0.0, 0.3, 0.0, 1.0, 0.3], dtype=draw.dtype)
        expected = oracle(F.binary_cross_entropy_with_logits, z, y, reduction="none")
        losses = student.bce_with_logits(z, y, reduction="none")
        expect(losses, expected, name="loss", **rounding(z))

    @pytest.mark.part("stability")
    def test_average_of_large_scores(self, student, draw, expect, oracle):
        """random large scores, averaged"""
        z, y = draw.normal(3, 4, std=1e3), draw.uniform(3, 4)
        expected = oracle(F.binary_cross_entropy_with_logits, z, y)
        expect(student.bce_with_logits(z, y), expected, name="loss", **rounding(z))


@pytest.mark.exercise("gaussian_nll", parts={"nll": 2, "underflow": 1})
class TestGaussianNll:
    """Gaussian negative log-likelihood"""

    @pytest.mark.parametrize("shape", [(5,), (3, 4), (1,), (4, 4), (2, 3, 2)], ids=str)
    def test_random(self, student, draw, expect, oracle, shape):
        """random observations, means and variances"""
        y, mu, var = draw.normal(*shape), draw.normal(*shape), draw.uniform(*shape, low=0.2, high=3)
        expect(student.gaussian_nll(y, mu, var), oracle(normal_nll, y, mu, var), name="nll")

    def test_at_the_mean(self, student, draw, expect):
        """an observation at the mean"""
        mu, var = draw.normal(4), torch.ones(4, dtype=draw.dtype)
        expected = torch.full_like(mu, 0.5 * math.log(2 * math.pi))
        expect(student.gaussian_nll(mu, mu, var), expected, name="nll")

    @pytest.mark.parametrize("var", [1e-4, 1e4], ids=str)
    def test_narrow_and_wide(self, student, draw, expect, oracle, var):
        """a very small and a very large variance"""
        mu, var = draw.normal(4), torch.full((4,), var, dtype=draw.dtype)
        y = mu + var.sqrt() * draw.normal(4)
        expect(student.gaussian_nll(y, mu, var), oracle(normal_nll, y, mu, var), name="nll")

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """inputs that do not lie in memory row by row"""
        y, mu = draw.layout(draw.normal(3, 4), "transposed"), draw.normal(3, 4)
        var = draw.layout(draw.uniform(3, 4, low=0.2, high=3), layout)
        expect(student.gaussian_nll(y, mu, var), oracle(normal_nll, y, mu, var), name="nll")

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        y, mu = draw.normal(3, 4, dtype=torch.float32), draw.normal(3, 4, dtype=torch.float32)
        var = draw.uniform(3, 4, low=0.2, high=3, dtype=torch.float32)
        expect(student.gaussian_nll(y, mu, var), oracle(normal_nll, y, mu, var), name="nll")

    @pytest.mark.part("underflow")
    def test_far_from_the_mean(self, student, draw, expect, oracle):
        """observations many standard deviations from the mean"""
        y = torch.tensor([50.0, -60.0, 1000.0, 5.0], dtype=draw.dtype)
        mu, var = draw.normal(4), torch.tensor([1.0, 0.5, 2.0, 0.01], dtype=draw.dtype)
        expect(student.gaussian_nll(y, mu, var), oracle(normal_nll, y, mu, var), name="nll")


@pytest.mark.exercise("entropy", parts={"entropy": 2, "zeros": 1})
class TestEntropy:
    """Entropy"""

    @pytest.mark.parametrize("shape", [(5,), (3, 4), (1, 3), (4, 4), (2, 3, 4)], ids=str)
    def test_random(self, student, draw, expect, oracle, shape):
        """random distributions"""
        p = draw.probabilities(*shape)
        expect(student.entropy(p), oracle(uncertainty, p), name="entropy")

    def test_uniform(self, student, draw, expect):
        """a uniform distribution: ln C"""
        p = torch.full((2, 7), 1 / 7, dtype=draw.dtype)
        expected = torch.full((2,), math.log(7), dtype=draw.dtype)
        expect(student.entropy(p), expected, name="entropy")

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """probabilities that do not lie in memory row by row"""
        p = draw.layout(draw.probabilities(3, 4), layout)
        expect(student.entropy(p), oracle(uncertainty, p), name="entropy")

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        p = draw.probabilities(3, 4, dtype=torch.float32)
        expect(student.entropy(p), oracle(uncertainty, p), name="entropy")

    @pytest.mark.part("zeros")
    def test_impossible_and_certain(self, student, draw, expect, oracle):
        """events that cannot happen, events that must"""
        p = draw.probabilities(3, 4)
        p[0] = torch.tensor([0.0, 1.0, 0.0, 0.0], dtype=draw.dtype)
        p[1] = torch.tensor([0.2, 0.0, 0.8, 0.0], dtype=draw.dtype)
        expect(student.entropy(p), oracle(uncertainty, p), name="entropy")

    @pytest.mark.part("zeros")
    @pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
    def test_nearly_impossible(self, student, expect, oracle, dtype):
        """events that hardly ever happen, but can"""
        p = nearly_certain(SMALL, dtype)
        expect(student.entropy(p), oracle(surprise, p, p), name="entropy", **SHARE)


@pytest.mark.exercise("cross_entropy_discrete", parts={"cross_entropy": 2, "zeros": 1})
class TestCrossEntropyDiscrete:
    """Cross-entropy of two distributions"""

    @pytest.mark.parametrize("shape", [(5,), (3, 4), (1, 3), (4, 4), (2, 3, 4)], ids=str)
    def test_random(self, student, draw, expect, oracle, shape):
        """random distributions"""
        p, q = draw.probabilities(*shape), draw.probabilities(*shape)
        expected = oracle(mean_surprise, p, q)
        expect(student.cross_entropy_discrete(p, q), expected, name="cross_entropy")

    def test_the_truth_is_believed(self, student, draw, expect, oracle):
        """p = q: the entropy"""
        p = draw.probabilities(3, 4)
        expected = oracle(uncertainty, p)
        expect(student.cross_entropy_discrete(p, p), expected, name="cross_entropy")

    def test_unlikely_events(self, student, draw, expect):
        """an event that happens half of the time, believed to be one in ten million"""
        p, q = rare(draw)
        expected = torch.tensor([RARE], dtype=draw.dtype)
        expect(student.cross_entropy_discrete(p, q), expected, name="cross_entropy")

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """probabilities that do not lie in memory row by row"""
        p, q = draw.layout(draw.probabilities(3, 4), layout), draw.probabilities(3, 4)
        expected = oracle(mean_surprise, p, q)
        expect(student.cross_entropy_discrete(p, q), expected, name="cross_entropy")

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        p = draw.probabilities(3, 4, dtype=torch.float32)
        q = draw.probabilities(3, 4, dtype=torch.float32)
        expected = oracle(mean_surprise, p, q)
        expect(student.cross_entropy_discrete(p, q), expected, name="cross_entropy")

    @pytest.mark.part("zeros")
    def test_impossible_events(self, student, draw, expect):
        """zeros in p, in both, and in q alone"""
        p, q = beliefs(draw)
        finite = [1.5 * math.log(2), 0.5 * math.log(16 / 3), math.log(2)]
        expected = torch.tensor([*finite, INF, INF], dtype=draw.dtype)
        expect(student.cross_entropy_discrete(p, q), expected, name="cross_entropy")

    @pytest.mark.part("zeros")
    @pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
    def test_nearly_impossible(self, student, expect, oracle, dtype):
        """events that hardly ever happen, but can"""
        p = nearly_certain(SMALL, dtype)
        result = student.cross_entropy_discrete(p, p)
        expect(result, oracle(surprise, p, p), name="cross_entropy", **SHARE)

    @pytest.mark.part("zeros")
    @pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
    def test_believed_impossible(self, student, expect, dtype):
        """events that hardly ever happen, believed impossible"""
        p = nearly_certain(TINY, dtype)
        q = nearly_certain([0.0] * len(TINY), dtype)
        expected = torch.full((len(TINY),), INF, dtype=dtype)
        expect(student.cross_entropy_discrete(p, q), expected, name="cross_entropy")


@pytest.mark.exercise("kl_discrete", parts={"kl": 2, "zeros": 1})
class TestKlDiscrete:
    """Kullback-Leibler divergence"""

    @pytest.mark.parametrize("shape", [(5,), (3, 4), (1, 3), (4, 4), (2, 3, 4)], ids=str)
    def test_random(self, student, draw, expect, oracle, shape):
        """random distributions"""
        p, q = draw.probabilities(*shape), draw.probabilities(*shape)
        expect(student.kl_discrete(p, q), oracle(divergence, p, q), name="kl")

    def test_the_truth_is_believed(self, student, draw, expect):
        """p = q: nothing is lost"""
        p = draw.probabilities(3, 4)
        expect(student.kl_discrete(p, p), torch.zeros(3, dtype=draw.dtype), name="kl")

    def test_unlikely_events(self, student, draw, expect):
        """an event that happens half of the time, believed to be one in ten million"""
        p, q = rare(draw)
        expected = torch.tensor([RARE - math.log(2)], dtype=draw.dtype)
        expect(student.kl_discrete(p, q), expected, name="kl")

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """probabilities that do not lie in memory row by row"""
        p, q = draw.layout(draw.probabilities(3, 4), layout), draw.probabilities(3, 4)
        expect(student.kl_discrete(p, q), oracle(divergence, p, q), name="kl")

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        p = draw.probabilities(3, 4, dtype=torch.float32)
        q = draw.probabilities(3, 4, dtype=torch.float32)
        expect(student.kl_discrete(p, q), oracle(divergence, p, q), name="kl")

    @pytest.mark.part("zeros")
    def test_impossible_events(self, student, draw, expect):
        """zeros in p, in both, and in q alone"""
        p, q = beliefs(draw)
        finite = [0.5 * math.log(2), 0.5 * math.log(4 / 3), math.log(2)]
        expected = torch.tensor([*finite, INF, INF], dtype=draw.dtype)
        expect(student.kl_discrete(p, q), expected, name="kl")

    @pytest.mark.part("zeros")
    @pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
    def test_nearly_impossible(self, student, expect, oracle, dtype):
        """events that hardly ever happen, believed even less likely"""
        p = nearly_certain(SMALL, dtype)
        q = nearly_certain([share**2 for share in SMALL], dtype)
        expect(student.kl_discrete(p, q), oracle(avoidable, p, q), name="kl", **SHARE)

    @pytest.mark.part("zeros")
    @pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
    def test_believed_impossible(self, student, expect, dtype):
        """events that hardly ever happen, believed impossible"""
        p = nearly_certain(TINY, dtype)
        q = nearly_certain([0.0] * len(TINY), dtype)
        expected = torch.full((len(TINY),), INF, dtype=dtype)
        expect(student.kl_discrete(p, q), expected, name="kl")


@pytest.mark.exercise("nll_equals_lsq", parts={"theta": 1, "nll": 1})
class TestNllEqualsLsq:
    """Maximum likelihood is least squares"""

    @pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0], ids=str)
    @pytest.mark.parametrize("shape", [(8, 3), (5, 1), (12, 2)], ids=str)
    def test_random(self, student, draw, expect, oracle, shape, sigma):
        """random points that no plane goes through"""
        x, y = full_rank(draw, *shape), draw.normal(shape[0], mean=1)
        check_fit(student.nll_equals_lsq(x, y, sigma), oracle(gaussian_fit, x, y, sigma), expect)

    def test_exact_fit(self, student, draw, expect):
        """points on a plane: no residual is left"""
        x, theta = full_rank(draw, 7, 2), draw.normal(2)
        nll = torch.tensor(0.5 * math.log(2 * math.pi) + math.log(0.7), dtype=draw.dtype)
        check_fit(student.nll_equals_lsq(x, x @ theta, 0.7), (theta, nll), expect)

    def test_as_many_points_as_unknowns(self, student, draw, expect, oracle):
        """N = D"""
        x, y = full_rank(draw, 3, 3), draw.normal(3)
        check_fit(student.nll_equals_lsq(x, y, 1.5), oracle(gaussian_fit, x, y, 1.5), expect)

    @pytest.mark.parametrize("layout", ["transposed", "strided", "offset"])
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """inputs that do not lie in memory row by row"""
        x = draw.layout(full_rank(draw, 8, 3), layout)
        y = draw.layout(draw.normal(8), "strided")
        check_fit(student.nll_equals_lsq(x, y, 0.8), oracle(gaussian_fit, x, y, 0.8), expect)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        x = full_rank(draw, 8, 3).to(torch.float32)
        y = draw.normal(8, dtype=torch.float32)
        check_fit(student.nll_equals_lsq(x, y, 2.0), oracle(gaussian_fit, x, y, 2.0), expect)


# --- oracles and inputs -----------------------------------------------------------------------


def jacobian(z):
    return torch.func.jacrev(lambda scores: torch.softmax(scores, -1))(z)


def softmax_vjp(grad_p, z):
    z.requires_grad_()
    return torch.autograd.grad(torch.softmax(z, -1), z, grad_p)[0]


def cross_entropy_gradient(logits, target, reduction="mean"):
    logits.requires_grad_()
    loss = F.cross_entropy(logits, target, reduction=reduction)
    return torch.autograd.grad(loss, logits)[0]


def normal_nll(y, mu, var):
    return -torch.distributions.Normal(mu, var.sqrt()).log_prob(y)


def uncertainty(p):
    return torch.distributions.Categorical(probs=p).entropy()


def divergence(p, q):
    categorical = torch.distributions.Categorical
    return torch.distributions.kl_divergence(categorical(probs=p), categorical(probs=q))


def mean_surprise(p, q):
    return uncertainty(p) + divergence(p, q)


def beliefs(draw):
    """Pairs of distributions: a zero in p, in both, in p twice, in q alone, in q alone again."""
    p = [[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 1.0, 0.0]]
    q = [[0.25, 0.5, 0.25], [0.0, 0.25, 0.75], [0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.5, 0.0, 0.5]]
    return torch.tensor(p, dtype=draw.dtype), torch.tensor(q, dtype=draw.dtype)


def rare(draw):
    """A pair of distributions: a fair coin, believed to show heads once in ten million."""
    p, q = [[0.5, 0.5]], [[1e-7, 1 - 1e-7]]
    return torch.tensor(p, dtype=draw.dtype), torch.tensor(q, dtype=draw.dtype)


def nearly_certain(shares, dtype):
    """Distributions of two events, the second of which has these probabilities."""
    second = torch.tensor(shares, dtype=torch.float64)
    return torch.stack([1 - second, second], 1).to(dtype)


def surprise(p, q):
    return -torch.xlogy(p, q).sum(-1)


def avoidable(p, q):
    return surprise(p, q) - surprise(p, p)


def gaussian_fit(x, y, sigma):
    theta = torch.linalg.lstsq(x, y.unsqueeze(1)).solution.squeeze(1)
    return theta, -torch.distributions.Normal(x @ theta, sigma).log_prob(y).mean()


def full_rank(draw, n, d):
    """Random inputs whose columns are far from dependent, so that float32 can solve for them."""
    x = draw.normal(n, d)
    x[:d] += 4 * torch.eye(d, dtype=draw.dtype)
    return x


def check_fit(result, expected, expect):
    theta, nll = result
    expect(theta, expected[0], name="theta")
    expect(nll, expected[1], name="nll")
