import numpy as np
import pytest


def draws(draw, *shapes):
    return [draw.normal(*shape, dtype=draw.dtype).numpy() for shape in shapes]


def cache_of(returned):
    """Return the cache; what is no pair raises, and blocks the backward pass."""
    _, cache = returned
    return cache


@pytest.mark.exercise("affine_forward", parts={"out": 1})
class TestAffineForward:
    """Affine layer, forward"""

    @pytest.mark.parametrize("n", [1, 5])
    def test_random(self, student, draw, expect, oracle, n):
        """random layer"""
        x, w, b = draws(draw, (n, 3), (3, 4), (4,))
        out, _ = student.affine_forward(x, w, b)
        expect(out, oracle(lambda x, w, b: x @ w + b, x, w, b))


@pytest.mark.exercise("affine_backward", parts={"dx": 1, "dw": 1, "db": 1})
class TestAffineBackward:
    """Affine layer, backward"""

    @pytest.mark.parametrize("n", [1, 5])
    def test_random(self, student, draw, expect, oracle, n):
        """random layer and random upstream gradient"""
        x, w, b, dout = draws(draw, (n, 3), (3, 4), (4,), (n, 4))
        key = f"affine_forward with {n} samples"
        cache = student.cached(key, lambda: cache_of(student.affine_forward(x, w, b)))
        dx, dw, db = student.affine_backward(dout, cache)
        expect(dx, np.einsum("nm,dm->nd", dout, w), name="dx")
        expect(dw, np.einsum("nd,nm->dm", x, dout), name="dw")
        expect(db, np.einsum("nm->m", dout), name="db")


@pytest.mark.exercise("relu_forward", parts={"out": 1})
class TestReluForward:
    """ReLU, forward"""

    def test_random(self, student, draw, expect):
        """random input"""
        (x,) = draws(draw, (4, 5))
        out, _ = student.relu_forward(x)
        expect(out, np.where(x > 0, x, np.zeros_like(x)))


@pytest.mark.exercise("relu_backward", parts={"dx": 1})
class TestReluBackward:
    """ReLU, backward"""

    def test_random(self, student, draw, expect):
        """random input"""
        x, dout = draws(draw, (4, 5), (4, 5))
        cache = student.cached(
            "relu_forward of random input", lambda: cache_of(student.relu_forward(x))
        )
        expect(student.relu_backward(dout, cache), np.where(x > 0, dout, np.zeros_like(x)))
