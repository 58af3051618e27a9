"""Tensors and broadcasting: the checks that students run too."""

import math

import pytest
import torch


def numbers(draw, values):
    return torch.tensor(values, dtype=draw.dtype, device=draw.device)


def whole(draw, values):
    return torch.tensor(values, dtype=torch.int64, device=draw.device)


@pytest.mark.exercise("row_normalize", parts={"P": 2, "zero_row": 1})
class TestRowNormalize:
    """Shares of a row"""

    @pytest.mark.part("zero_row")
    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        P = student.row_normalize(numbers(draw, [[1.0, 3.0], [0.0, 0.0]]))
        expect(P, numbers(draw, [[0.25, 0.75], [0.5, 0.5]]), name="zero_row")

    def test_random(self, student, draw, expect, oracle):
        """a random table with three rows and four columns"""
        counts = draw.uniform(3, 4, high=9.0)
        expect(student.row_normalize(counts), oracle.row_normalize(counts), name="P")

    def test_whole_numbers(self, student, draw, expect):
        """a table of integers"""
        P = student.row_normalize(whole(draw, [[1, 2, 1], [0, 3, 1], [4, 0, 4]]))
        right = torch.tensor([[0.25, 0.5, 0.25], [0.0, 0.75, 0.25], [0.5, 0.0, 0.5]])
        expect(P, right, name="P")


@pytest.mark.exercise("one_hot", parts={"one_hot": 1})
class TestOneHot:
    """Classes as vectors"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        rows = student.one_hot(whole(draw, [2, 0]), 3)
        expect(rows, torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]))

    def test_unused(self, student, draw, expect):
        """more classes than occur"""
        rows = student.one_hot(whole(draw, [1, 1, 0]), 4)
        right = [[0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]]
        expect(rows, torch.tensor(right))


@pytest.mark.exercise("standardize", parts={"value": 2, "far": 1})
class TestStandardize:
    """Mean 0, variance 1"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        y = student.standardize(numbers(draw, [[0.0, 7.0], [4.0, 7.0]]), 5.0)
        expect(y, numbers(draw, [[-2 / 3, 0.0], [2 / 3, 0.0]]), name="value")

    def test_random(self, student, draw, expect, oracle):
        """five random rows of three columns"""
        x = draw.normal(5, 3, mean=1.0)
        expect(student.standardize(x, 0.1), oracle.standardize(x, 0.1), name="value")

    @pytest.mark.part("far")
    def test_far(self, student, draw, expect, oracle):
        """columns of about a million"""
        # float64, also where float32 is drawn: there the mean itself would lose its digits.
        x = 1_000_000 + draw.integers(6, 3, high=9).double()
        expect(student.standardize(x, 0.1), oracle.standardize(x, 0.1), name="far")


@pytest.mark.exercise("moving_average", parts={"average": 1})
class TestMovingAverage:
    """Smooth curves"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        y = student.moving_average(numbers(draw, [[1.0, 2.0, 6.0, 4.0]]), 2)
        expect(y, numbers(draw, [[1.5, 4.0, 5.0]]))

    def test_random(self, student, draw, expect, oracle):
        """three random curves, windows of three"""
        x = draw.normal(3, 7)
        expect(student.moving_average(x, 3), oracle.moving_average(x, 3))


@pytest.mark.exercise("gather_rows", parts={"rows": 1})
class TestGatherRows:
    """Another row for each example"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        x = numbers(draw, [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]])
        expect(student.gather_rows(x, whole(draw, [1, 0])), numbers(draw, [[3.0, 4.0], [5.0, 6.0]]))

    def test_random(self, student, draw, expect, oracle):
        """four examples of three rows"""
        x, idx = draw.normal(4, 3, 2), whole(draw, [2, 0, 2, 1])
        expect(student.gather_rows(x, idx), oracle.gather_rows(x, idx))


@pytest.mark.exercise("pairwise_sq_dist", parts={"value": 2, "precision": 1})
class TestPairwiseSqDist:
    """Squared distances of all pairs"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        A, B = numbers(draw, [[0.0, 0.0], [3.0, 4.0]]), numbers(draw, [[0.0, 4.0]])
        expect(student.pairwise_sq_dist(A, B), numbers(draw, [[16.0], [9.0]]), name="value")

    def test_random(self, student, draw, expect, oracle):
        """four points and three others"""
        A, B = draw.normal(4, 2), draw.normal(3, 2)
        right = oracle.pairwise_sq_dist(A, B)
        expect(student.pairwise_sq_dist(A, B), right, name="value")

    @pytest.mark.part("precision")
    def test_far(self, student, draw, expect, oracle):
        """points a million away from the origin, next to each other"""
        A = 1_000_000 + draw.integers(4, 2, high=4).to(draw.dtype)
        right = oracle.pairwise_sq_dist(A, A)
        expect(student.pairwise_sq_dist(A, A), right, name="precision")


@pytest.mark.exercise("gram_matrix", parts={"G": 1})
class TestGramMatrix:
    """Channels that are active together"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        x = numbers(draw, [[[[1.0, 2.0]], [[3.0, 4.0]]]])
        expect(student.gram_matrix(x), numbers(draw, [[[2.5, 5.5], [5.5, 12.5]]]))

    def test_random(self, student, draw, expect, oracle):
        """two random images with three channels"""
        x = draw.normal(2, 3, 4, 5)
        expect(student.gram_matrix(x), oracle.gram_matrix(x))


@pytest.mark.exercise("patchify", parts={"patches": 1})
class TestPatchify:
    """Images as rows of patches"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        x = torch.arange(8, dtype=draw.dtype, device=draw.device).reshape(1, 1, 2, 4)
        right = numbers(draw, [[[0.0, 1.0, 4.0, 5.0], [2.0, 3.0, 6.0, 7.0]]])
        expect(student.patchify(x, 2), right)

    def test_random(self, student, draw, expect, oracle):
        """two random images with three channels"""
        x = draw.normal(2, 3, 4, 6)
        expect(student.patchify(x, 2), oracle.patchify(x, 2))


@pytest.mark.exercise("mse", parts={"value": 2, "shapes": 1})
class TestMse:
    """Squared errors, guarded"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        pred, target = numbers(draw, [1.0, 2.0, 3.0]), numbers(draw, [1.0, 4.0, 6.0])
        expect(student.mse(pred, target), numbers(draw, 13 / 3), name="value")
        expect(student.mse(pred, target, "sum"), numbers(draw, 13.0), name="value")
        right = numbers(draw, [0.0, 4.0, 9.0])
        expect(student.mse(pred, target, "none"), right, name="value")

    def test_random(self, student, draw, expect, oracle):
        """three random rows of two numbers"""
        pred, target = draw.normal(3, 2), draw.normal(3, 2)
        expect(student.mse(pred, target), oracle.mse(pred, target), name="value")

    @pytest.mark.part("shapes")
    def test_column(self, student, draw, expect):
        """a column against a column, then against a row"""
        column, row = numbers(draw, [[1.0], [2.0], [3.0]]), numbers(draw, [1.0, 2.0, 3.0])
        right = numbers(draw, 2.0)
        expect(student.mse(column, column + math.sqrt(2)), right, name="shapes")
        expect.raises(ValueError, student.mse, column, row, name="shapes")


@pytest.mark.exercise("unbroadcast", parts={"grad": 1})
class TestUnbroadcast:
    """Broadcasting in reverse"""

    @pytest.mark.parametrize(
        ("shape", "right"), [((3,), [5.0, 7.0, 9.0]), ((2, 1), [[6.0], [15.0]]), ((), 21.0)]
    )
    def test_worked_number(self, student, draw, expect, shape, right):
        """the worked number of the handout: shape, result"""
        grad = numbers(draw, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
        expect(student.unbroadcast(grad, shape), numbers(draw, right))

    def test_both(self, student, draw, expect, oracle):
        """an axis added in front, and one stretched"""
        grad = draw.normal(4, 2, 3)
        expect(student.unbroadcast(grad, (2, 1)), oracle.unbroadcast(grad, (2, 1)))
