"""The multilayer perceptron by hand: the checks that students run too."""

import math

import pytest
import torch


def numbers(draw, values):
    return torch.tensor(values, dtype=draw.dtype, device=draw.device)


@pytest.mark.exercise("linreg_fit", parts={"theta": 2, "zero_x": 1})
class TestLinregFit:
    """The best line through the origin"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        theta = student.linreg_fit(numbers(draw, [1.0, 2.0]), numbers(draw, [3.0, 4.0]))
        expect(theta, numbers(draw, 2.2), name="theta")

    def test_exact_line(self, student, draw, expect):
        """points that lie on a line through the origin give its slope"""
        x = draw.normal(6)
        expect(student.linreg_fit(x, -0.7 * x), numbers(draw, -0.7), name="theta")

    @pytest.mark.part("zero_x")
    def test_zero_x(self, student, draw, expect):
        """a ValueError if all x are 0, a slope if only some are"""
        x, y = numbers(draw, [0.0, 2.0]), numbers(draw, [5.0, 3.0])
        expect(student.linreg_fit(x, y), numbers(draw, 1.5), name="zero_x")
        expect.raises(ValueError, student.linreg_fit, 0 * x, y, name="zero_x")


@pytest.mark.exercise("linreg_fit_multivariate", parts={"theta": 1})
class TestLinregFitMultivariate:
    """The normal equations"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        x = numbers(draw, [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
        y = numbers(draw, [[1.0], [2.0], [6.0]])
        expect(student.linreg_fit_multivariate(x, y), numbers(draw, [[2.0, 3.0]]))

    def test_exact_map(self, student, draw, expect):
        """observations that are exactly linear give their weight back"""
        x, theta = draw.normal(9, 3), draw.normal(2, 3)
        expect(student.linreg_fit_multivariate(x, x @ theta.T), theta)


@pytest.mark.exercise("sgd_epoch", parts={"W": 1, "b": 1})
class TestSgdEpoch:
    """One epoch of stochastic gradient descent"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        x, y = numbers(draw, [[1.0], [2.0], [3.0]]), numbers(draw, [[2.0], [3.0], [7.0]])
        params = (numbers(draw, [[0.0]]), numbers(draw, [0.0]))
        order = torch.tensor([2, 0, 1], device=draw.device)
        W, b = student.sgd_epoch(params, x, y, 0.1, 2, order)
        expect(W, numbers(draw, [[1.3]]), name="W")
        expect(b, numbers(draw, [0.4]), name="b")

    @pytest.mark.parametrize("batch_size", [3, 7, 10], ids="batch_size={}".format)
    def test_seven_examples(self, student, draw, expect, oracle, batch_size):
        """seven random examples"""
        params = (draw.normal(2, 3), draw.normal(2))
        x, y, order = draw.normal(7, 3), draw.normal(7, 2), draw.permutation(7)
        W, b = student.sgd_epoch(params, x, y, 0.1, batch_size, order)
        expected = oracle.sgd_epoch(params, x, y, 0.1, batch_size, order)
        expect(W, expected[0], name="W")
        expect(b, expected[1], name="b")


@pytest.mark.exercise("mlp_forward", parts={"h": 1, "y_hat": 2, "stability": 1})
class TestMlpForward:
    """Forward pass of the tanh network"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        W_h = numbers(draw, [[math.log(2), 0.0], [0.0, math.log(3) / 2]])
        W_y = numbers(draw, [[4.0, -3.0], [0.0, 0.0]])
        b_h, b_y = numbers(draw, [0.0, 0.0]), numbers(draw, [0.0, math.log(3)])
        h, y_hat = student.mlp_forward(numbers(draw, [[1.0, 2.0]]), W_h, b_h, W_y, b_y)
        expect(h, numbers(draw, [[0.6, 0.8]]), name="h")
        expect(y_hat, numbers(draw, [[0.25, 0.75]]), name="y_hat")

    def test_random(self, student, draw, expect, oracle):
        """five random examples"""
        args = (draw.normal(5, 3), draw.normal(4, 3), draw.normal(4), draw.normal(2, 4))
        b_y = draw.normal(2)
        h, y_hat = student.mlp_forward(*args, b_y)
        expected = oracle.mlp_forward(*args, b_y)
        expect(h, expected[0], name="h")
        expect(y_hat, expected[1], name="y_hat")

    @pytest.mark.part("stability")
    def test_large_logits(self, student, draw, expect, oracle):
        """logits of several thousand"""
        args = (draw.normal(3, 2), draw.normal(4, 2), draw.normal(4), 1000 * draw.normal(3, 4))
        b_y = 1000 * draw.normal(3)
        _, y_hat = student.mlp_forward(*args, b_y)
        expect(y_hat, oracle.mlp_forward(*args, b_y)[1], name="stability")


GRADIENTS = {"grad_W_h": 2, "grad_b_h": 1, "grad_W_y": 2, "grad_b_y": 1}


@pytest.mark.exercise("mlp_backward", parts=GRADIENTS)
class TestMlpBackward:
    """Backward pass of the tanh network"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        x = numbers(draw, [[1.0, 2.0], [1.0, 2.0]])
        h = numbers(draw, [[0.6, 0.8], [0.6, 0.8]])
        y_hat = numbers(draw, [[0.25, 0.75], [0.25, 0.75]])
        y = numbers(draw, [[1.0, 0.0], [0.0, 1.0]])
        W_y = numbers(draw, [[4.0, -3.0], [0.0, 0.0]])
        grad_W_h, grad_b_h, grad_W_y, grad_b_y = student.mlp_backward(x, h, y_hat, y, W_y)
        expect(grad_W_h, numbers(draw, [[-0.64, -1.28], [0.27, 0.54]]), name="grad_W_h")
        expect(grad_b_h, numbers(draw, [-0.64, 0.27]), name="grad_b_h")
        expect(grad_W_y, numbers(draw, [[-0.15, -0.2], [0.15, 0.2]]), name="grad_W_y")
        expect(grad_b_y, numbers(draw, [-0.25, 0.25]), name="grad_b_y")

    @pytest.mark.parametrize("labels", ["one-hot", "soft"])
    def test_random(self, student, draw, expect, oracle, labels):
        """five random examples"""
        x, W_y = draw.normal(5, 3), draw.normal(2, 4)
        h, y_hat = oracle.mlp_forward(x, draw.normal(4, 3), draw.normal(4), W_y, draw.normal(2))
        y = draw.one_hot(5, 2) if labels == "one-hot" else draw.probabilities(5, 2)
        grads = student.mlp_backward(x, h, y_hat, y, W_y)
        expected = oracle.mlp_backward(x, h, y_hat, y, W_y)
        for name, grad, right in zip(GRADIENTS, grads, expected, strict=True):
            expect(grad, right, name=name)


def two_circles(draw, n):
    """Return `n` points on two circles of radius 1 and 0.4, in turn, and their one-hot labels."""
    label = torch.arange(n, device=draw.device) % 2
    angle = 2 * math.pi / n * (torch.arange(n, device=draw.device) + draw.uniform(n))
    x = torch.stack([angle.cos(), angle.sin()], dim=1) * (1 - 0.6 * label).unsqueeze(1)
    return x.to(draw.dtype) + draw.normal(n, 2, std=0.03), torch.eye(
        2, dtype=draw.dtype, device=draw.device
    )[label]


def two_moons(draw, n):
    """Return `n` points on two moons, in turn, and their one-hot labels."""
    label = torch.arange(n, device=draw.device) % 2
    angle = math.pi / n * (torch.arange(n, device=draw.device) + draw.uniform(n))
    upper = torch.stack([angle.cos(), angle.sin()], dim=1)
    lower = numbers(draw, [1.0, 0.5]) - upper
    x = torch.where(label.unsqueeze(1) == 0, upper, lower)
    return x.to(draw.dtype) + draw.normal(n, 2, std=0.05), torch.eye(
        2, dtype=draw.dtype, device=draw.device
    )[label]


def share_right(params, x, y):
    """Return the share of the examples that a trained network gets right."""
    W_h, b_h, W_y, b_y = (param.to(x) for param in params)
    scores = torch.tanh(x @ W_h.T + b_h) @ W_y.T + b_y
    return float((scores.argmax(1) == y.argmax(1)).double().mean())


@pytest.mark.exercise("train_mlp", parts={"circles": 2, "moons": 2, "generator": 1})
class TestTrainMlp:
    """Training with your own gradients"""

    @pytest.mark.part("circles")
    def test_two_circles(self, student, draw, expect):
        """share of new points right: two circles"""
        params = student.train_mlp(*two_circles(draw, 60), 16, 200, 2.0, draw.generator())
        expect(share_right(params, *two_circles(draw, 200)), 1.0, name="circles", rtol=0, atol=0.05)

    @pytest.mark.part("moons")
    def test_two_moons(self, student, draw, expect):
        """share of new points right: two moons"""
        params = student.train_mlp(*two_moons(draw, 60), 16, 200, 2.0, draw.generator())
        expect(share_right(params, *two_moons(draw, 200)), 1.0, name="moons", rtol=0, atol=0.05)


@pytest.mark.exercise("mlp_backward_relu_L", parts={"grad_weights": 2, "grad_biases": 1})
class TestMlpBackwardReluL:
    """Backward pass of a ReLU network with L layers"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        activations = [numbers(draw, [[1.0, 2.0]]), numbers(draw, [[1.0, 0.0]])]
        activations.append(numbers(draw, [[0.25, 0.75]]))
        # The weight of layer 1 does not matter: nobody asks for the gradient of the input.
        weights = [
            numbers(draw, [[1.0, 0.0], [0.0, 0.0]]),
            numbers(draw, [[1.0, 2.0], [3.0, -1.0]]),
        ]
        y = numbers(draw, [[1.0, 0.0]])
        grad_weights, grad_biases = student.mlp_backward_relu_L(activations, weights, y)
        first, last = [[1.5, 3.0], [0.0, 0.0]], [[-0.75, 0.0], [0.75, 0.0]]
        expect(grad_weights, (numbers(draw, first), numbers(draw, last)), name="grad_weights")
        first, last = [1.5, 0.0], [-0.75, 0.75]
        expect(grad_biases, (numbers(draw, first), numbers(draw, last)), name="grad_biases")

    def test_three_layers(self, student, draw, expect, oracle):
        """three layers of different widths"""
        activations = [draw.normal(6, 3), draw.normal(6, 5).relu(), draw.normal(6, 4).relu()]
        activations.append(draw.probabilities(6, 2))
        weights = [draw.normal(5, 3), draw.normal(4, 5), draw.normal(2, 4)]
        y = draw.one_hot(6, 2)
        grad_weights, grad_biases = student.mlp_backward_relu_L(activations, weights, y)
        expected = oracle.mlp_backward_relu_L(activations, weights, y)
        expect(grad_weights, expected[0], name="grad_weights")
        expect(grad_biases, expected[1], name="grad_biases")


@pytest.mark.exercise("embedding_backward", parts={"grad_table": 1})
class TestEmbeddingBackward:
    """Backward pass of an embedding"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        idx = torch.tensor([0, 2, 0], device=draw.device)
        grad_emb = numbers(draw, [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
        expected = numbers(draw, [[6.0, 8.0], [0.0, 0.0], [3.0, 4.0]])
        expect(student.embedding_backward(idx, grad_emb, 3), expected)

    def test_contexts(self, student, draw, expect, oracle):
        """four contexts of three characters each"""
        idx, grad_emb = draw.integers(4, 3, high=5), draw.normal(4, 3, 2)
        expect(
            student.embedding_backward(idx, grad_emb, 6),
            oracle.embedding_backward(idx, grad_emb, 6),
        )


NGRAM = {
    "grad_logprobs": 1, "grad_probs": 1, "grad_counts_sum": 1, "grad_counts": 1, "grad_logits": 1,
    "grad_W_2": 1, "grad_b_2": 1, "grad_h": 1, "grad_pre": 1, "grad_W_1": 1, "grad_b_1": 1,
    "grad_emb": 1, "grad_C": 1,
}  # fmt: skip


@pytest.mark.exercise("ngram_backward", parts=NGRAM)
class TestNgramBackward:
    """Every intermediate of an n-gram network"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout, with one hidden unit"""
        idx, target = torch.tensor([[1]], device=draw.device), torch.tensor([0], device=draw.device)
        weights = (numbers(draw, [[2.0]]), numbers(draw, [[1.0], [-1.0]]))
        kept = (numbers(draw, [[[0.5]]]), numbers(draw, [[0.5]]))
        counts = (numbers(draw, [[1.0, 3.0]]), numbers(draw, [[0.25, 0.75]]))
        grads = student.ngram_backward(idx, target, *weights, *kept, *counts)
        expected = ([[-1.0, 0.0]], [[-4.0, 0.0]], [[0.25]], [[-0.75, 0.25]], [[-0.75, 0.75]],
                    [[-0.375], [0.375]], [-0.75, 0.75], [[-1.5]], [[-1.125]], [[-0.5625]], [-1.125],
                    [[[-2.25]]], [[0.0], [-2.25]])  # fmt: skip
        for name, grad, right in zip(NGRAM, grads, expected, strict=True):
            expect(grad, numbers(draw, right), name=name)

    def test_random(self, student, draw, expect, oracle):
        """six contexts of three characters each"""
        idx, target = draw.integers(6, 3, high=5), draw.integers(6, high=5)
        args = (idx, target, draw.normal(4, 6), draw.normal(5, 4), draw.normal(6, 3, 2))
        counts = draw.uniform(6, 5, low=0.2, high=3.0)
        kept = (
            draw.uniform(6, 4, low=-0.9, high=0.9),
            counts,
            counts / counts.sum(1, keepdim=True),
        )
        grads = student.ngram_backward(*args, *kept)
        expected = oracle.ngram_backward(*args, *kept)
        for name, grad, right in zip(NGRAM, grads, expected, strict=True):
            expect(grad, right, name=name)


@pytest.mark.exercise("count_linear_regions_1d", parts={"regions": 1})
class TestCountLinearRegions1d:
    """Affine pieces of a ReLU network"""

    def test_tent(self, student, draw, expect):
        """the tent of the handout"""
        W, b, w2 = [1.0, 1.0, 1.0], [0.0, -1.0, -2.0], [1.0, -2.0, 1.0]
        args = (numbers(draw, W), numbers(draw, b), numbers(draw, w2))
        expect(student.count_linear_regions_1d(*args), 4)

    def test_identity(self, student, draw, expect):
        """two neurons that add up to the identity"""
        args = (numbers(draw, [1.0, -1.0]), numbers(draw, [0.0, 0.0]), numbers(draw, [1.0, -1.0]))
        expect(student.count_linear_regions_1d(*args), 1)

    def test_idle_neurons(self, student, draw, expect):
        """a constant neuron, a neuron that nobody listens to, and one that works"""
        W, b, w2 = [0.0, 2.0, 1.0], [3.0, 1.0, 1.0], [1.0, 0.0, 1.0]
        args = (numbers(draw, W), numbers(draw, b), numbers(draw, w2))
        expect(student.count_linear_regions_1d(*args), 2)
