import pytest
import torch

SECRET = 8675309.25  # a hidden input that is easily found again


@pytest.mark.exercise("scale", parts={"y": 1})
class TestScale:
    """Scaling"""

    @pytest.mark.parametrize("shape", [(5,), (2, 3)], ids=str)
    def test_random(self, student, draw, expect, shape):
        """random numbers"""
        x = draw.normal(*shape)
        expect(student.scale(x, 3.0), 3.0 * x)

    def test_secret(self, student, draw, expect):
        """a large factor"""
        x = draw.normal(4)
        expect(student.scale(x, SECRET), x * SECRET)


@pytest.mark.exercise("tanh_backward", parts={"grad_x": 1})
class TestTanhBackward:
    """Backward pass of tanh"""

    def test_random(self, student, draw, expect):
        """random numbers"""
        grad_y, y = draw.normal(3, 4), torch.tanh(draw.normal(3, 4))
        expect(student.tanh_backward(grad_y, y), grad_y - grad_y * y**2)

    def test_secret(self, student, draw, expect):
        """a large gradient"""
        y = torch.tanh(draw.normal(4))
        grad_y = torch.full_like(y, SECRET)
        expect(student.tanh_backward(grad_y, y), grad_y - grad_y * y**2)


@pytest.mark.exercise("softmax", parts={"p": 1, "stability": 1})
class TestSoftmax:
    """Softmax"""

    def test_random(self, student, draw, expect):
        """random scores"""
        z = draw.normal(4, 5)
        expect(student.softmax(z), torch.softmax(z, -1), name="p")

    def test_large(self, student, draw, expect):
        """scores around 1000"""
        z = draw.normal(3, 4) + 1000
        expect(student.softmax(z), torch.softmax(z, -1), name="stability")

    def test_far_apart(self, student, draw, expect):
        """scores of very different size"""
        z = draw.normal(3, 4) * 1e4
        expect(student.softmax(z), torch.softmax(z, -1), name="stability")


@pytest.mark.exercise("describe", parts={"count": 1, "rest": 1})
class TestDescribe:
    """Description"""

    @pytest.mark.parametrize("n", [2, 7, 8])
    def test_random(self, student, draw, expect, n):
        """random numbers"""
        x = draw.normal(n)
        count, mean, trend = student.describe(x)
        expect(count, n, name="count")
        expect((mean, trend), (x.mean(), "up" if x[-1] > x[0] else "down"), name="rest")

    def test_secret(self, student, expect):
        """large numbers"""
        count, mean, trend = student.describe(torch.tensor([SECRET, SECRET], dtype=torch.float64))
        expect(count, 2, name="count")
        expect((mean, trend), (SECRET, "down"), name="rest")
