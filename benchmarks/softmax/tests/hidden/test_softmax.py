import numpy as np
import pytest


@pytest.mark.exercise("softmax", parts={"p": 1})
def test_softmax(student, draw, expect):
    """random rows"""
    z = draw.normal(4, 5).numpy()
    expected = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    expect(student.softmax(z), expected)


@pytest.mark.exercise("softmax_backward", parts={"grad_z": 1})
def test_softmax_backward(student, draw, expect):
    """random probabilities and gradient"""
    g = draw.normal(4, 5).numpy()
    p = np.exp(g[::-1]) / np.exp(g[::-1]).sum(axis=1, keepdims=True)
    expected = p * (g - (g * p).sum(axis=1, keepdims=True))
    expect(student.softmax_backward(g, p), expected)
