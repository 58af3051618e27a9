import numpy as np
import pytest


def cache_of(returned):
    """Return the cache; what is no pair raises, and blocks the backward pass."""
    _, cache = returned
    return cache


@pytest.mark.exercise("affine_forward", parts={"out": 1})
class TestAffineForward:
    """Affine layer, forward"""

    def test_one_sample(self, student, expect):
        """one sample by hand"""
        x, w, b = np.array([[1.0, 2.0]]), np.array([[1.0], [10.0]]), np.array([0.5])
        out, _ = student.affine_forward(x, w, b)
        expect(out, np.array([[21.5]]))


@pytest.mark.exercise("affine_backward", parts={"dx": 1, "dw": 1, "db": 1})
class TestAffineBackward:
    """Affine layer, backward"""

    def test_two_samples(self, student, expect):
        """two samples by hand"""
        x, w, b = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0], [10.0]]), np.array([0.5])
        cache = student.cached("affine_forward", lambda: cache_of(student.affine_forward(x, w, b)))
        dx, dw, db = student.affine_backward(np.array([[1.0], [2.0]]), cache)
        expect(dx, np.array([[1.0, 10.0], [2.0, 20.0]]), name="dx")
        expect(dw, np.array([[7.0], [10.0]]), name="dw")
        expect(db, np.array([3.0]), name="db")


@pytest.mark.exercise("relu_forward", parts={"out": 1})
class TestReluForward:
    """ReLU, forward"""

    def test_signs(self, student, expect):
        """both signs"""
        out, _ = student.relu_forward(np.array([[-1.0, 2.0]]))
        expect(out, np.array([[0.0, 2.0]]))


@pytest.mark.exercise("relu_backward", parts={"dx": 1})
class TestReluBackward:
    """ReLU, backward"""

    def test_signs(self, student, expect):
        """both signs"""
        x = np.array([[-1.0, 2.0]])
        cache = student.cached("relu_forward", lambda: cache_of(student.relu_forward(x)))
        expect(student.relu_backward(np.array([[3.0, 4.0]]), cache), np.array([[0.0, 4.0]]))
