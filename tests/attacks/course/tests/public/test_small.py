import math

import pytest
import torch


@pytest.mark.exercise("scale", parts={"y": 1})
class TestScale:
    """Scaling"""

    def test_two(self, student, expect):
        """twice two numbers"""
        expect(student.scale(torch.tensor([1.0, 3.0]), 2.0), torch.tensor([2.0, 6.0]))


@pytest.mark.exercise("tanh_backward", parts={"grad_x": 1})
class TestTanhBackward:
    """Backward pass of tanh"""

    def test_half(self, student, expect):
        """where tanh is one half"""
        half = torch.tensor([0.5])
        expect(student.tanh_backward(torch.tensor([2.0]), half), torch.tensor([1.5]))


@pytest.mark.exercise("softmax", parts={"p": 1, "stability": 1})
class TestSoftmax:
    """Softmax"""

    def test_two_scores(self, student, expect):
        """two scores"""
        z = torch.tensor([[0.0, math.log(3.0)]])
        expect(student.softmax(z), torch.tensor([[0.25, 0.75]]), name="p")


@pytest.mark.exercise("describe", parts={"count": 1, "rest": 1})
class TestDescribe:
    """Description"""

    def test_three(self, student, expect):
        """three numbers"""
        count, mean, trend = student.describe(torch.tensor([1.0, 2.0, 6.0]))
        expect(count, 3, name="count")
        expect((mean, trend), (3.0, "up"), name="rest")
