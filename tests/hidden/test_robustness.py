"""Robustness and generalisation: what grades it.

The truth is a definition, a closed form, torch's SVD or numpy's polynomials, in float64; never the
reference solution.
"""

import math

import numpy as np
import pytest
import torch

F64 = torch.float64
LAYOUTS = ("transposed", "strided", "expanded", "offset")
# Plain numbers may have been computed in torch's default float32, which is no mistake.
PLAIN = {"rtol": 1e-5, "atol": 1e-6}


def plain(expect, actual, expected, name=None):
    """Compare two plain numbers.

    They may have been computed in torch's default float32, which is no mistake.
    """
    expect(actual, torch.tensor(expected, dtype=torch.float32), name=name, **PLAIN)


def numbers(draw, values, dtype=None):
    return torch.tensor(values, dtype=dtype or draw.dtype, device=draw.device)


# --- attacks ----------------------------------------------------------------------------------


def uphill(x, grad, epsilon):
    """The definition, by cases."""
    moved = torch.where(grad > 0, x + epsilon, torch.where(grad < 0, x - epsilon, x))
    return torch.maximum(torch.minimum(moved, torch.ones_like(x)), torch.zeros_like(x))


@pytest.mark.exercise("fgsm", parts={"x_adv": 2, "bounds": 1, "zero_grad": 1})
class TestFgsm:
    """The fast gradient sign method"""

    def check(self, student, expect, oracle, name, *args):
        expect(student.fgsm(*args), oracle(uphill, *args), name=name)

    def inside(self, draw, *shape, dtype=None):
        """Draw images that an epsilon of 0.2 does not lead out of."""
        return draw.uniform(*shape, low=0.25, high=0.75, dtype=dtype)

    @pytest.mark.part("x_adv")
    @pytest.mark.parametrize("shape", [(5,), (3, 4), (4, 4), (1, 6), (2, 3, 4, 5), ()], ids=str)
    def test_shapes(self, student, draw, expect, oracle, shape):
        """random images of the given shape"""
        args = (self.inside(draw, *shape), draw.normal(*shape), 0.2)
        self.check(student, expect, oracle, "x_adv", *args)

    @pytest.mark.part("x_adv")
    @pytest.mark.parametrize("scale", [1e-6, 1e6], ids="{:g}".format)
    def test_sizes(self, student, draw, expect, oracle, scale):
        """gradients of another size"""
        args = (self.inside(draw, 3, 4), scale * draw.normal(3, 4), 0.1)
        self.check(student, expect, oracle, "x_adv", *args)

    @pytest.mark.part("x_adv")
    def test_no_change(self, student, draw, expect, oracle):
        """epsilon 0"""
        self.check(student, expect, oracle, "x_adv", draw.uniform(3, 4), draw.normal(3, 4), 0.0)

    @pytest.mark.part("x_adv")
    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """tensors that do not lie in memory row by row"""
        x, grad = self.inside(draw, 3, 4), draw.normal(3, 4)
        args = (draw.layout(x, layout), draw.layout(grad, layout), 0.15)
        self.check(student, expect, oracle, "x_adv", *args)

    @pytest.mark.part("x_adv")
    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        x, grad = self.inside(draw, 3, 4, dtype=torch.float32), draw.normal(3, 4)
        self.check(student, expect, oracle, "x_adv", x, grad.float(), 0.1)

    @pytest.mark.part("bounds")
    @pytest.mark.parametrize("epsilon", [0.5, 1.0, 3.0], ids="epsilon={}".format)
    def test_bounds(self, student, draw, expect, oracle, epsilon):
        """changes that would leave the range of pixels"""
        args = (draw.uniform(4, 5), draw.normal(4, 5), epsilon)
        self.check(student, expect, oracle, "bounds", *args)

    @pytest.mark.part("bounds")
    def test_edges(self, student, draw, expect, oracle):
        """pixels that are black or white"""
        x, grad = draw.integers(4, 4, high=2).to(draw.dtype), draw.normal(4, 4)
        self.check(student, expect, oracle, "bounds", x, grad, 0.1)

    @pytest.mark.part("zero_grad")
    def test_some_zeros(self, student, draw, expect, oracle):
        """a gradient of which some entries are 0"""
        grad = draw.normal(3, 4)
        grad[:, ::2] = 0.0
        args = (self.inside(draw, 3, 4), grad, 0.2)
        self.check(student, expect, oracle, "zero_grad", *args)

    @pytest.mark.part("zero_grad")
    def test_all_zeros(self, student, draw, expect, oracle):
        """a gradient of zeros, of either sign"""
        x = self.inside(draw, 3, 4)
        self.check(student, expect, oracle, "zero_grad", x, torch.zeros_like(x), 0.2)
        self.check(student, expect, oracle, "zero_grad", x, -torch.zeros_like(x), 0.2)


def slope_of_wave(x, frequency, phase):
    return frequency * torch.cos(frequency * x + phase)


def slope_of_network(x, W, b, v):
    h = torch.tanh(x @ W.T + b)
    return (v * (1 - h * h)) @ W


def slope_of_line(x, w):
    return w.expand(x.shape)


def climb(slope, x, epsilon, alpha, steps, *about):
    """The definition; the two intervals of the projection one after the other."""
    z = x
    for _ in range(steps):
        z = z + alpha * torch.sign(slope(z, *about))
        z = torch.maximum(torch.minimum(z, x + epsilon), x - epsilon)
        z = torch.maximum(torch.minimum(z, torch.ones_like(x)), torch.zeros_like(x))
    return z


SLOPES = {"line": slope_of_line, "wave": slope_of_wave, "network": slope_of_network}
MAKERS = {"line": "linear_gradient", "wave": "wave_gradient", "network": "network_gradient"}


@pytest.mark.exercise("pgd", parts={"x_adv": 2, "ball": 2, "bounds": 1})
class TestPgd:
    """Projected gradient steps"""

    def loss(self, draw, kind, shape, dtype=None):
        """Return a loss on inputs of the given shape: its kind, and what defines it."""
        if kind == "line":
            return kind, draw.normal(*shape, dtype=dtype)
        if kind == "wave":
            frequency = 12 + 4 * draw.normal(*shape, dtype=dtype)
            return kind, frequency, 3 * draw.normal(*shape, dtype=dtype)
        sizes = ((4, shape[-1]), (4,), (4,))
        return kind, *(2 * draw.normal(*size, dtype=dtype) for size in sizes)

    def check(self, student, support, expect, oracle, name, x, options, loss):
        kind, *about = loss
        gradient = support.make(MAKERS[kind], *about)
        expected = oracle(climb, SLOPES[kind], x, *options, *about)
        expect(student.pgd(x, gradient, *options), expected, name=name)

    @pytest.mark.part("x_adv")
    @pytest.mark.parametrize("kind", list(MAKERS))
    @pytest.mark.parametrize("shape", [(3, 4), (4, 4), (1, 5)], ids=str)
    def test_shapes(self, student, support, draw, expect, oracle, kind, shape):
        """small steps"""
        x, loss = draw.uniform(*shape, low=0.3, high=0.7), self.loss(draw, kind, shape)
        options = (0.25, 0.03, 7)
        self.check(student, support, expect, oracle, "x_adv", x, options, loss)

    @pytest.mark.part("x_adv")
    @pytest.mark.parametrize("steps", [0, 1, 2], ids="steps={}".format)
    def test_few_steps(self, student, support, draw, expect, oracle, steps):
        """few steps"""
        x, loss = draw.uniform(3, 4, low=0.3, high=0.7), self.loss(draw, "wave", (3, 4))
        options = (0.25, 0.1, steps)
        self.check(student, support, expect, oracle, "x_adv", x, options, loss)

    @pytest.mark.part("x_adv")
    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_memory_layout(self, student, support, draw, expect, oracle, layout):
        """inputs that do not lie in memory row by row"""
        x, loss = draw.uniform(3, 4, low=0.3, high=0.7), self.loss(draw, "wave", (3, 4))
        x, options = draw.layout(x, layout), (0.25, 0.04, 5)
        self.check(student, support, expect, oracle, "x_adv", x, options, loss)

    @pytest.mark.part("x_adv")
    def test_float32(self, student, support, draw, expect, oracle):
        """float32"""
        x = draw.uniform(3, 4, low=0.3, high=0.7, dtype=torch.float32)
        loss, options = self.loss(draw, "network", (3, 4), torch.float32), (0.25, 0.04, 5)
        self.check(student, support, expect, oracle, "x_adv", x, options, loss)

    @pytest.mark.part("x_adv")
    def test_idle_inputs(self, student, support, draw, expect, oracle):
        """a loss that some of the inputs do not change"""
        x, w = draw.uniform(3, 4, low=0.3, high=0.7), draw.normal(3, 4)
        w[:, ::2] = 0.0
        self.check(student, support, expect, oracle, "x_adv", x, (0.25, 0.04, 3), ("line", w))

    @pytest.mark.part("ball")
    @pytest.mark.parametrize("kind", list(MAKERS))
    @pytest.mark.parametrize(("epsilon", "alpha"), [(0.1, 0.07), (0.2, 0.13)], ids=str)
    def test_ball(self, student, support, draw, expect, oracle, kind, epsilon, alpha):
        """steps that would leave the ball: epsilon, alpha"""
        x, loss = draw.uniform(5, 6, low=0.3, high=0.7), self.loss(draw, kind, (5, 6))
        options = (epsilon, alpha, 9)
        self.check(student, support, expect, oracle, "ball", x, options, loss)

    @pytest.mark.part("ball")
    def test_one_large_step(self, student, support, draw, expect, oracle):
        """steps larger than the ball, and a ball of size 0"""
        x, loss = draw.uniform(3, 4, low=0.3, high=0.7), self.loss(draw, "wave", (3, 4))
        for options in ((0.1, 0.7, 4), (0.0, 0.1, 3)):
            self.check(student, support, expect, oracle, "ball", x, options, loss)

    @pytest.mark.part("bounds")
    @pytest.mark.parametrize("kind", list(MAKERS))
    def test_bounds(self, student, support, draw, expect, oracle, kind):
        """steps that would leave the range of pixels"""
        x, loss = draw.uniform(4, 5), self.loss(draw, kind, (4, 5))
        options = (0.6, 0.11, 8)
        self.check(student, support, expect, oracle, "bounds", x, options, loss)

    @pytest.mark.part("bounds")
    def test_wide_ball(self, student, support, draw, expect, oracle):
        """a ball larger than the range of pixels"""
        x, loss = draw.integers(3, 4, high=2).to(draw.dtype), self.loss(draw, "wave", (3, 4))
        self.check(student, support, expect, oracle, "bounds", x, (2.0, 0.3, 6), loss)


# --- bounds -----------------------------------------------------------------------------------


def largest_singular_value(W):
    return torch.linalg.svdvals(W)[0]


@pytest.mark.exercise("spectral_norm", parts={"sigma": 3, "zero": 1})
class TestSpectralNorm:
    """The spectral norm"""

    def check(self, student, expect, oracle, W, v_0, num_iters=40):
        sigma = student.spectral_norm(W, v_0, num_iters)
        # Half a step more or less, and a tiny number in a denominator, change no digit here.
        expect(sigma, oracle(largest_singular_value, W), name="sigma", rtol=1e-5, atol=0)

    def matrix(self, draw, m, n, values, dtype=None):
        """Return a random matrix with the given singular values."""
        left, right = (torch.linalg.qr(draw.normal(k, k, dtype=F64))[0] for k in (m, n))
        r = len(values)
        W = left[:, :r] @ torch.diag(torch.tensor(values, dtype=F64)) @ right[:, :r].T
        return W.to(dtype or draw.dtype), right.to(dtype or draw.dtype)

    @pytest.mark.parametrize(
        ("m", "n", "values"),
        [
            (3, 5, [3.0, 1.5, 0.5]),
            (5, 3, [3.0, 1.5, 0.5]),
            (4, 4, [2.0, 1.0, 1.0, 0.2]),
            (1, 4, [2.5]),
            (4, 1, [0.7]),
            (1, 1, [1.3]),
        ],
        ids=str,
    )
    def test_sizes(self, student, draw, expect, oracle, m, n, values):
        """rows, columns and singular values"""
        W, right = self.matrix(draw, m, n, values)
        self.check(student, expect, oracle, W, right.sum(1))

    @pytest.mark.parametrize("rank", [1, 2])
    def test_rank(self, student, draw, expect, oracle, rank):
        """a matrix of low rank"""
        W, right = self.matrix(draw, 4, 5, [3.0, 1.0][:rank])
        self.check(student, expect, oracle, W, right.sum(1))

    def test_slow(self, student, draw, expect, oracle):
        """two singular values that lie close together, many iterations"""
        W, right = self.matrix(draw, 3, 3, [1.0, 0.95, 0.2])
        self.check(student, expect, oracle, W, right.sum(1), 250)

    def test_equal_values(self, student, draw, expect, oracle):
        """a largest singular value that occurs twice"""
        W, right = self.matrix(draw, 4, 3, [2.0, 2.0, 0.5])
        self.check(student, expect, oracle, W, right.sum(1))

    @pytest.mark.parametrize("scale", [1e-2, 1e3], ids="{:g}".format)
    def test_scale(self, student, draw, expect, oracle, scale):
        """a small and a large matrix, many iterations"""
        W, right = self.matrix(draw, 4, 3, [2.0, 1.0, 0.5])
        self.check(student, expect, oracle, scale * W, right.sum(1), 100)

    @pytest.mark.parametrize("length", [1e-2, 1e3], ids="{:g}".format)
    def test_start(self, student, draw, expect, oracle, length):
        """the length of the start does not matter"""
        W, right = self.matrix(draw, 3, 4, [2.0, 1.0, 0.5])
        self.check(student, expect, oracle, W, length * right.sum(1))

    def test_blind_start(self, student, draw, expect):
        """a start that lies in the direction of another singular value"""
        W = torch.diag(numbers(draw, [3.0, 2.0, 5.0]))
        sigma = student.spectral_norm(W, numbers(draw, [0.0, -4.0, 0.0]), 20)
        expect(sigma, numbers(draw, 2.0), name="sigma", rtol=1e-5, atol=0)
        sigma = student.spectral_norm(W, numbers(draw, [2.0, 1.0, 0.0]), 60)
        expect(sigma, numbers(draw, 3.0), name="sigma", rtol=1e-5, atol=0)

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """a matrix that does not lie in memory row by row"""
        W, right = self.matrix(draw, 4, 3, [3.0, 1.0, 0.5])
        v_0 = right.sum(1)
        if layout == "expanded":  # then it has rank 1, and its rows are all it sees
            v_0 = W[0] + 0.1 * v_0
        self.check(student, expect, oracle, draw.layout(W, layout), v_0)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        W, right = self.matrix(draw, 4, 3, [3.0, 1.0, 0.5], torch.float32)
        self.check(student, expect, oracle, W, right.sum(1))

    @pytest.mark.part("zero")
    @pytest.mark.parametrize("shape", [(3, 2), (2, 2), (1, 3)], ids=str)
    def test_zero_matrix(self, student, draw, expect, shape):
        """a matrix of zeros"""
        W = torch.zeros(*shape, dtype=draw.dtype, device=draw.device)
        sigma = student.spectral_norm(W, draw.normal(shape[1]), 10)
        expect(sigma, numbers(draw, 0.0), name="zero")

    @pytest.mark.part("zero")
    def test_orthogonal_start(self, student, draw, expect):
        """a start that the matrix sends to 0, and one that it sends nearly there"""
        W = numbers(draw, [[0.0, 2.0], [0.0, 0.0], [0.0, 1.0]])
        sigma = student.spectral_norm(W, numbers(draw, [3.0, 0.0]), 10)
        expect(sigma, numbers(draw, 0.0), name="zero")
        sigma = student.spectral_norm(W, numbers(draw, [3.0, 0.1]), 10)
        expect(sigma, numbers(draw, math.sqrt(5)), name="zero", rtol=1e-5, atol=0)


def product_of_norms(weights):
    product = torch.ones((), dtype=F64)
    for W in weights:
        product = product * torch.linalg.svdvals(W)[0]
    return product


@pytest.mark.exercise("lipschitz_upper", parts={"bound": 1})
class TestLipschitzUpper:
    """A bound for a whole network"""

    def check(self, student, expect, oracle, weights):
        expected = oracle(product_of_norms, weights)
        expect(student.lipschitz_upper(weights), expected, rtol=1e-5, atol=1e-9)

    @pytest.mark.parametrize("sizes", [(3, 4), (4, 3, 5), (3, 3, 3), (2, 5, 4, 1), (1, 1)], ids=str)
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """random layers between the given sizes"""
        pairs = zip(sizes[1:], sizes[:-1], strict=True)
        self.check(student, expect, oracle, [draw.normal(*pair) for pair in pairs])

    def test_sizes_of_weights(self, student, draw, expect, oracle):
        """a layer with tiny weights and one with large ones"""
        self.check(student, expect, oracle, [0.01 * draw.normal(4, 3), 300 * draw.normal(2, 4)])

    def test_zero_layer(self, student, draw, expect, oracle):
        """a layer that is 0"""
        weights = [draw.normal(4, 3), torch.zeros(2, 4, dtype=draw.dtype, device=draw.device)]
        self.check(student, expect, oracle, weights)

    def test_layers_that_undo_each_other(self, student, draw, expect, oracle):
        """two layers of which the second undoes the first"""
        W = draw.normal(3, 3) + 2 * torch.eye(3, dtype=draw.dtype, device=draw.device)
        self.check(student, expect, oracle, [W, torch.linalg.inv(W)])

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """weights that do not lie in memory row by row"""
        weights = [draw.layout(draw.normal(*size), layout) for size in ((4, 3), (3, 4))]
        self.check(student, expect, oracle, weights)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        weights = [draw.normal(*size, dtype=torch.float32) for size in ((4, 3), (2, 4))]
        self.check(student, expect, oracle, weights)


def radii(logits, target, lipschitz):
    """The definition, input by input: the closest of all borders."""
    found = []
    for row, right in zip(logits, target.tolist(), strict=True):
        gaps = [float(row[right] - row[j]) for j in range(len(row)) if j != right]
        found.append(max(min(gaps), 0.0) / (2**0.5 * lipschitz))
    return torch.tensor(found, dtype=F64)


@pytest.mark.exercise("certified_radius", parts={"radius": 2, "misclassified": 1})
class TestCertifiedRadius:
    """A promise"""

    def check(self, student, expect, oracle, name, *args):
        expected = oracle(radii, *args).to(args[0].dtype)
        expect(student.certified_radius(*args), expected, name=name, **PLAIN)

    @pytest.mark.part("radius")
    @pytest.mark.parametrize("shape", [(5, 3), (3, 6), (4, 4), (1, 3), (4, 2)], ids=str)
    def test_sizes(self, student, draw, expect, oracle, shape):
        """random scores, all right"""
        logits = draw.normal(*shape)
        self.check(student, expect, oracle, "radius", logits, logits.argmax(1), 1.7)

    @pytest.mark.part("radius")
    @pytest.mark.parametrize("lipschitz", [0.05, 1.0, 40.0], ids="L={}".format)
    def test_lipschitz(self, student, draw, expect, oracle, lipschitz):
        """another Lipschitz constant"""
        logits = draw.normal(4, 3)
        self.check(student, expect, oracle, "radius", logits, logits.argmax(1), lipschitz)

    @pytest.mark.part("radius")
    @pytest.mark.parametrize("offset", [-50.0, 50.0], ids="{:+g}".format)
    def test_offset(self, student, draw, expect, oracle, offset):
        """scores of one sign"""
        logits = draw.normal(4, 3) + offset
        self.check(student, expect, oracle, "radius", logits, logits.argmax(1), 0.8)

    @pytest.mark.part("radius")
    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """scores that do not lie in memory row by row"""
        logits = draw.layout(draw.normal(4, 3), layout)
        self.check(student, expect, oracle, "radius", logits, logits.argmax(1), 0.8)

    @pytest.mark.part("radius")
    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        logits = draw.normal(4, 3, dtype=torch.float32)
        self.check(student, expect, oracle, "radius", logits, logits.argmax(1), 0.8)

    @pytest.mark.part("misclassified")
    @pytest.mark.parametrize("shape", [(6, 3), (4, 4)], ids=str)
    def test_some_wrong(self, student, draw, expect, oracle, shape):
        """random scores and targets, the first one wrong, the last one right"""
        logits, target = draw.normal(*shape), draw.integers(shape[0], high=shape[1])
        target[0], target[-1] = logits[0].argmin(), logits[-1].argmax()
        self.check(student, expect, oracle, "misclassified", logits, target, 1.3)

    @pytest.mark.part("misclassified")
    def test_ties(self, student, draw, expect, oracle):
        """the score of the right class, and another one as high"""
        logits = numbers(draw, [[2.0, 2.0, 1.0], [0.0, 3.0, 3.0], [4.0, 1.0, 1.0]])
        target = torch.tensor([0, 2, 0], device=draw.device)
        self.check(student, expect, oracle, "misclassified", logits, target, 0.5)


@pytest.mark.exercise("hoeffding_bound", parts={"bound": 1})
class TestHoeffdingBound:
    """Hoeffding's bound"""

    @pytest.mark.parametrize("n", [1, 7, 10**6], ids="n={}".format)
    @pytest.mark.parametrize("delta", [1e-12, 0.05, 0.9], ids="delta={}".format)
    @pytest.mark.parametrize("M", [0.25, 1.0, 6.0], ids="M={}".format)
    def test_several_sizes(self, student, draw, expect, M, n, delta):
        """M, delta, n"""
        # The deviation t at which 2 exp(-n t^2 / (2 M^2)) is delta.
        deviation = M * ((math.log(2) - math.log(delta)) * 2 / n) ** 0.5
        right = torch.tensor(deviation, dtype=torch.float32)  # see PLAIN
        expect(student.hoeffding_bound(M, n, delta), right, rtol=1e-5, atol=0)


ERRORS = {"generalization": 1, "optimization": 1, "statistical": 1, "approximation": 1}


@pytest.mark.exercise("error_decomposition", parts=ERRORS)
class TestErrorDecomposition:
    """Where the risk comes from"""

    def check(self, student, expect, risk, empirical_risk, best, best_empirical):
        errors = student.error_decomposition(risk, empirical_risk, best, best_empirical)
        generalization, optimization, statistical, approximation = errors
        expect(generalization, risk - empirical_risk, name="generalization")
        expect(optimization, empirical_risk - best_empirical, name="optimization")
        plain(expect, statistical, best_empirical - best, "statistical")
        plain(expect, approximation, best, "approximation")

    @pytest.mark.parametrize("T", [1, 4, 9], ids="T={}".format)
    def test_sizes(self, student, draw, expect, T):
        """random risks"""
        self.check(student, expect, draw.uniform(T), draw.uniform(T), 0.3125, 0.125)

    def test_overfitting(self, student, draw, expect):
        """an empirical risk that falls below that of the best model"""
        risk, empirical_risk = numbers(draw, [0.9, 0.6, 0.8]), numbers(draw, [0.8, 0.4, 0.1])
        self.check(student, expect, risk, empirical_risk, 0.25, 0.5)

    @pytest.mark.parametrize("layout", ["strided", "offset"])
    def test_memory_layout(self, student, draw, expect, layout):
        """risks that do not lie in memory one after the other"""
        risk, empirical_risk = (draw.layout(draw.uniform(5), layout) for _ in range(2))
        self.check(student, expect, risk, empirical_risk, 0.5, 0.75)

    def test_float32(self, student, draw, expect):
        """float32"""
        risk, empirical_risk = (draw.uniform(5, dtype=torch.float32) for _ in range(2))
        self.check(student, expect, risk, empirical_risk, 0.5, 0.375)


# --- against overfitting ----------------------------------------------------------------------


def penalty_gradient(params, gamma):
    """Differentiate the penalty."""
    leaves = [param.clone().requires_grad_() for param in params]
    penalty = gamma * sum((leaf**2).sum() for leaf in leaves)
    return torch.autograd.grad(penalty, leaves)


@pytest.mark.exercise("l2_penalty_grad", parts={"grads": 1})
class TestL2PenaltyGrad:
    """The gradient of a penalty"""

    def check(self, student, expect, oracle, params, gamma):
        found = student.l2_penalty_grad(params, gamma)
        expect(found, oracle(penalty_gradient, params, gamma))

    @pytest.mark.parametrize(
        "shapes", [[(3, 4), (3,)], [(4, 4)], [(2, 3, 4), (5,), (2, 2)], [(), (1,)]], ids=str
    )
    def test_shapes(self, student, draw, expect, oracle, shapes):
        """parameters of the given shapes"""
        self.check(student, expect, oracle, [draw.normal(*shape) for shape in shapes], 0.1)

    @pytest.mark.parametrize("gamma", [0.0, 1e-4, 3.0], ids="gamma={}".format)
    def test_gamma(self, student, draw, expect, oracle, gamma):
        """another strength"""
        self.check(student, expect, oracle, [draw.normal(3, 2), draw.normal(3)], gamma)

    def test_zeros(self, student, draw, expect, oracle):
        """parameters of which some are 0"""
        params = [torch.zeros(2, 3, dtype=draw.dtype, device=draw.device), draw.normal(4)]
        params[1][1] = 0.0
        self.check(student, expect, oracle, params, 0.5)

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """parameters that do not lie in memory row by row"""
        params = [draw.layout(draw.normal(3, 4), layout), draw.layout(draw.normal(2, 2), layout)]
        self.check(student, expect, oracle, params, 0.3)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        params = [draw.normal(3, 4, dtype=torch.float32), draw.normal(3, dtype=torch.float32)]
        self.check(student, expect, oracle, params, 0.3)


def stopped(losses, patience):
    """The definition: the first epoch with `patience` epochs since the best one until then."""
    for epoch in range(len(losses)):
        until = losses[: epoch + 1]
        best = until.index(min(until))  # the first of the lowest
        if epoch - best >= patience:
            break
    return epoch, best


LOSSES = {
    "falling": [5.0, 4.0, 3.5, 3.0, 2.0, 1.0],
    "rising": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
    "equal": [2.0, 2.0, 2.0, 2.0, 2.0, 2.0],
    "zigzag": [6.0, 4.0, 5.0, 3.0, 4.0, 2.0, 3.0, 1.0],
    "above the best": [5.0, 1.0, 4.0, 3.0, 2.0, 1.5, 1.2, 0.5],
    "late": [4.0, 3.0, 3.5, 3.4, 3.3, 2.0, 2.5, 2.4, 2.3, 2.2, 0.1],
    "ties": [3.0, 2.0, 2.0, 1.0, 1.0, 1.0, 0.5],
    "negative": [-1.0, -3.0, -2.0, -3.0, -2.5, -4.0],
    "one": [0.7],
}


@pytest.mark.exercise("early_stopping", parts={"stop": 1, "best": 1})
class TestEarlyStopping:
    """When to stop"""

    def check(self, student, expect, losses, patience):
        found = student.early_stopping(losses, patience)
        stop, best = stopped(losses.tolist(), patience)
        expect(found[0], stop, name="stop")
        expect(found[1], best, name="best")

    @pytest.mark.parametrize("patience", [1, 2, 3, 20], ids="patience={}".format)
    @pytest.mark.parametrize("kind", list(LOSSES))
    def test_kinds_of_runs(self, student, draw, expect, kind, patience):
        """losses"""
        self.check(student, expect, numbers(draw, LOSSES[kind]), patience)

    @pytest.mark.parametrize("patience", [1, 2, 4], ids="patience={}".format)
    def test_random(self, student, draw, expect, patience):
        """random losses that fall on average"""
        falling = torch.linspace(3, 0, 20, dtype=draw.dtype, device=draw.device)
        self.check(student, expect, falling + draw.uniform(20), patience)

    def test_float32(self, student, draw, expect):
        """float32"""
        self.check(student, expect, numbers(draw, LOSSES["late"], torch.float32), 3)


def folds_of(n, k):
    """Return the folds as lists, one example after the other."""
    sizes = [n // k + (i < n % k) for i in range(k)]
    starts = [sum(sizes[:i]) for i in range(k)]
    return [list(range(start, start + size)) for start, size in zip(starts, sizes, strict=True)]


@pytest.mark.exercise("kfold_indices", parts={"val": 1, "train": 1, "no_folds": 1})
class TestKfoldIndices:
    """Cross-validation"""

    @pytest.mark.parametrize(
        ("n", "k"), [(6, 2), (12, 4), (7, 3), (11, 4), (9, 5), (5, 5), (2, 2), (23, 10)], ids=str
    )
    def test_sizes(self, student, draw, expect, n, k):
        """n, k"""
        folds, right = student.kfold_indices(n, k), folds_of(n, k)
        expect([val for _, val in folds], [torch.tensor(one) for one in right], name="val")
        rest = [torch.tensor([i for i in range(n) if i not in one]) for one in right]
        expect([train for train, _ in folds], rest, name="train")

    @pytest.mark.part("no_folds")
    @pytest.mark.parametrize(("n", "k"), [(5, 1), (5, 0), (4, -2), (3, 4), (2, 7)], ids=str)
    def test_no_folds(self, student, draw, expect, n, k):
        """a ValueError if there are no folds, as many folds as examples otherwise: n, k"""
        expect.raises(ValueError, student.kfold_indices, n, k, name="no_folds")
        expect(student.kfold_indices(n, n)[-1][1], torch.tensor([n - 1]), name="no_folds")


def polynomial_errors(x, y, x_new, y_new, degrees):
    """Fit with numpy's polynomials."""
    x, y, x_new, y_new = (tensor.numpy() for tensor in (x, y, x_new, y_new))
    train, test = [], []
    for degree in degrees:
        fit = np.polynomial.Polynomial.fit(x, y, degree)
        train.append(((fit(x) - y) ** 2).mean())
        test.append(((fit(x_new) - y_new) ** 2).mean())
    return torch.tensor(np.array(train)), torch.tensor(np.array(test))


@pytest.mark.exercise("polynomial_risks", parts={"train": 1, "test": 1})
class TestPolynomialRisks:
    """Overfitting"""

    def check(self, student, draw, expect, oracle, sizes, degrees):
        n, k = sizes
        # Inputs that do not lie close together: the fit is well defined then.
        x = torch.linspace(-0.95, 0.95, n, dtype=F64)
        x = (x + draw.uniform(n, low=-0.2 / n, high=0.2 / n, dtype=F64))[draw.permutation(n)]
        x_new = draw.uniform(k, low=-1.0, dtype=F64)
        y, y_new = torch.sin(3 * x), torch.sin(3 * x_new)
        y, y_new = y + 0.3 * draw.normal(n, dtype=F64), y_new + 0.3 * draw.normal(k, dtype=F64)
        train, test = student.polynomial_risks(x, y, x_new, y_new, degrees)
        right = oracle(polynomial_errors, x, y, x_new, y_new, degrees)
        # The accuracy of the handout: who solves the normal equations loses digits.
        expect(train, right[0], name="train", rtol=1e-5, atol=1e-7)
        expect(test, right[1], name="test", rtol=1e-5, atol=1e-7)

    @pytest.mark.parametrize("sizes", [(9, 20), (7, 7), (12, 1)], ids=str)
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """examples, new points"""
        self.check(student, draw, expect, oracle, sizes, [0, 1, 2, 3, 4, 5])

    @pytest.mark.parametrize("degrees", [[3], [0], [6, 2, 4], [5, 1, 1]], ids=str)
    def test_degrees(self, student, draw, expect, oracle, degrees):
        """degrees"""
        self.check(student, draw, expect, oracle, (10, 6), degrees)

    @pytest.mark.parametrize("n", [1, 2, 5], ids="N={}".format)
    def test_interpolation(self, student, draw, expect, oracle, n):
        """a polynomial through all the points"""
        self.check(student, draw, expect, oracle, (n, 4), list(range(n)))
