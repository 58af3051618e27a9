"""Optimizers, by hand: the checks that students run too."""

import math

import pytest
import torch

TINY = 1e-10  # an epsilon that does not matter, wherever it is added


def numbers(draw, values):
    return torch.tensor(values, dtype=draw.dtype, device=draw.device)


def plain(expect, actual, expected, name=None):
    """Compare two plain numbers.

    They may have been computed in torch's default float32, which is no mistake.
    """
    expected = torch.tensor(expected, dtype=torch.float32)
    expect(actual, expected, name=name, rtol=1e-5, atol=1e-6)


def clearly_not_zero(draw, *shape):
    """Gradients of size 0.5 to 2, of either sign: a tiny epsilon does not matter beside them."""
    return draw.uniform(*shape, low=0.5, high=2.0) * (2.0 * draw.integers(*shape, high=2) - 1)


def compare(expect, actual, expected, parts):
    """Compare what a step returned, one part after the other."""
    theta, *state = actual
    right, *states = expected
    expect(theta, right, name="theta")
    for name, one, other in zip(parts, state, states, strict=True):
        expect(one, other, name=name)


@pytest.mark.exercise("sgd_step", parts={"theta": 1})
class TestSgdStep:
    """A step on a mini-batch"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        theta, grads = numbers(draw, [1.0, 2.0]), numbers(draw, [[2.0, 0.0], [4.0, 2.0]])
        expect(student.sgd_step(theta, grads, 0.1), numbers(draw, [0.7, 1.9]))

    def test_matrix(self, student, draw, expect, oracle):
        """a matrix of parameters, four examples"""
        theta, grads = draw.normal(2, 3), draw.normal(4, 2, 3)
        expect(student.sgd_step(theta, grads, 0.5), oracle.sgd_step(theta, grads, 0.5))


@pytest.mark.exercise("momentum_step", parts={"theta": 1, "v": 1})
class TestMomentumStep:
    """Momentum"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        theta, grad, v = ([1.0, -1.0], [2.0, 0.0], [0.5, 0.5])
        args = (numbers(draw, theta), numbers(draw, grad), numbers(draw, v))
        theta, v = student.momentum_step(*args, 0.1, gamma=0.9)
        expect(theta, numbers(draw, [0.35, -1.45]), name="theta")
        expect(v, numbers(draw, [0.65, 0.45]), name="v")

    def test_matrix(self, student, draw, expect, oracle):
        """a matrix of parameters that is on its way"""
        args = (draw.normal(2, 3), draw.normal(2, 3), draw.normal(2, 3), 0.2)
        right = oracle.momentum_step(*args, gamma=0.8)
        compare(expect, student.momentum_step(*args, gamma=0.8), right, ("v",))


@pytest.mark.exercise("momentum_unrolled", parts={"v": 1})
class TestMomentumUnrolled:
    """What the velocity remembers"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        v, grads = numbers(draw, 4.0), numbers(draw, [1.0, 2.0, 3.0])
        expect(student.momentum_unrolled(v, grads, 0.1, gamma=0.5), numbers(draw, 0.925))

    def test_matrix(self, student, draw, expect, oracle):
        """a matrix of parameters, four steps"""
        args = (draw.normal(2, 3), draw.normal(4, 2, 3), 0.2)
        right = oracle.momentum_unrolled(*args, gamma=0.8)
        expect(student.momentum_unrolled(*args, gamma=0.8), right)


@pytest.mark.exercise("nesterov_step", parts={"theta": 1, "v": 1})
class TestNesterovStep:
    """Nesterov's accelerated gradient"""

    def test_worked_number(self, student, support, draw, expect):
        """the worked number of the handout"""
        grad_fn = support.make("bowl_gradient", numbers(draw, [1.0]), numbers(draw, [0.0]))
        args = (numbers(draw, [1.0]), grad_fn, numbers(draw, [0.5]))
        theta, v = student.nesterov_step(*args, 0.1, gamma=0.9)
        expect(theta, numbers(draw, [0.495]), name="theta")
        expect(v, numbers(draw, [0.505]), name="v")

    def test_bowl(self, student, support, draw, expect):
        """a bowl with other curvatures and another centre"""
        curvature, centre = draw.uniform(2, 3, low=0.5, high=3.0), draw.normal(2, 3)
        theta, v = draw.normal(2, 3), draw.normal(2, 3)
        grad_fn = support.make("bowl_gradient", curvature, centre)
        new_v = 0.8 * v + 0.2 * curvature * (theta - 0.8 * v - centre)
        right = (theta - new_v, new_v)
        compare(expect, student.nesterov_step(theta, grad_fn, v, 0.2, gamma=0.8), right, ("v",))


@pytest.mark.exercise("adagrad_step", parts={"theta": 2, "s": 1, "eps": 1})
class TestAdagradStep:
    """AdaGrad"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        args = [numbers(draw, [one]) for one in (1.0, 3.0, 16.0)]
        theta, s = student.adagrad_step(*args, 0.5)
        expect(theta, numbers(draw, [0.7]), name="theta")
        expect(s, numbers(draw, [25.0]), name="s")

    def test_matrix(self, student, draw, expect, oracle):
        """a matrix of parameters"""
        args = (draw.normal(2, 3), clearly_not_zero(draw, 2, 3), draw.uniform(2, 3), 0.3)
        right = oracle.adagrad_step(*args, eps=TINY)
        compare(expect, student.adagrad_step(*args, eps=TINY), right, ("s",))

    @pytest.mark.part("eps")
    def test_large_epsilon(self, student, draw, expect):
        """the worked number with a large epsilon"""
        args = [numbers(draw, [one]) for one in (1.0, 3.0, 16.0)]
        theta, _ = student.adagrad_step(*args, 0.5, eps=11.0)
        expect(theta, numbers(draw, [0.75]), name="eps")


@pytest.mark.exercise("rmsprop_step", parts={"theta": 2, "s": 1, "eps": 1})
class TestRmspropStep:
    """RMSProp"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        args = [numbers(draw, [one]) for one in (1.0, 8.0, 12.0)]
        theta, s = student.rmsprop_step(*args, 0.5, gamma=0.75)
        expect(theta, numbers(draw, [0.2]), name="theta")
        expect(s, numbers(draw, [25.0]), name="s")

    def test_matrix(self, student, draw, expect, oracle):
        """a matrix of parameters"""
        args = (draw.normal(2, 3), clearly_not_zero(draw, 2, 3), draw.uniform(2, 3), 0.3)
        right = oracle.rmsprop_step(*args, eps=TINY)
        compare(expect, student.rmsprop_step(*args, eps=TINY), right, ("s",))

    @pytest.mark.part("eps")
    def test_large_epsilon(self, student, draw, expect):
        """the worked number with a large epsilon"""
        args = [numbers(draw, [one]) for one in (1.0, 8.0, 12.0)]
        theta, _ = student.rmsprop_step(*args, 0.5, gamma=0.75, eps=11.0)
        expect(theta, numbers(draw, [1 / 3]), name="eps")


def adam_state(draw, *shape):
    """Return parameters, gradient and averages as they are after many steps."""
    grad, m = clearly_not_zero(draw, *shape), draw.normal(*shape)
    return draw.normal(*shape), grad, m, draw.uniform(*shape, low=0.5, high=2.0)


@pytest.mark.exercise("adam_step", parts={"theta": 3, "m": 1, "v": 1, "eps": 1})
class TestAdamStep:
    """Adam"""

    def test_first_step(self, student, draw, expect):
        """the first step of the handout"""
        args = [numbers(draw, [one]) for one in (1.0, -2.0, 0.0, 0.0)]
        right = [numbers(draw, [one]) for one in (1.001, -0.2, 0.004)]
        compare(expect, student.adam_step(*args, 1, 0.001), right, ("m", "v"))

    def test_second_step(self, student, draw, expect):
        """the second step of the handout"""
        args = [numbers(draw, [one]) for one in (1.0, 1.0, 2.0, 2.0)]
        right = [numbers(draw, [one]) for one in (0.9, 1.5, 1.75)]
        new = student.adam_step(*args, 2, 0.1, beta_1=0.5, beta_2=0.75)
        compare(expect, new, right, ("m", "v"))

    def test_matrix(self, student, draw, expect, oracle):
        """a matrix of parameters after 300 steps"""
        args = (*adam_state(draw, 2, 3), 300, 0.1)
        right = oracle.adam_step(*args, eps=TINY)
        compare(expect, student.adam_step(*args, eps=TINY), right, ("m", "v"))

    @pytest.mark.part("eps")
    def test_large_epsilon(self, student, draw, expect):
        """the first step of the handout with a large epsilon"""
        args = [numbers(draw, [one]) for one in (1.0, -2.0, 0.0, 0.0)]
        theta, _, _ = student.adam_step(*args, 1, 0.001, eps=2.0)
        expect(theta, numbers(draw, [1.0005]), name="eps")


@pytest.mark.exercise("amsgrad_step", parts={"theta": 3, "m": 1, "v": 1, "v_max": 1, "eps": 1})
class TestAmsgradStep:
    """AMSGrad"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        args = ([1.0, 1.0], [1.0, 2.0], [2.0, 2.0], [2.0, 4.0], [9.0, 1.0])
        right = ([0.95, 0.9], [1.5, 2.0], [1.75, 4.0], [9.0, 4.0])
        new = student.amsgrad_step(
            *[numbers(draw, one) for one in args], 0.1, beta_1=0.5, beta_2=0.75, eps=TINY
        )
        compare(expect, new, [numbers(draw, one) for one in right], ("m", "v", "v_max"))

    def test_matrix(self, student, draw, expect, oracle):
        """a matrix of parameters"""
        args = (*adam_state(draw, 2, 3), draw.uniform(2, 3, low=0.5, high=2.0), 0.1)
        right = oracle.amsgrad_step(*args, eps=TINY)
        compare(expect, student.amsgrad_step(*args, eps=TINY), right, ("m", "v", "v_max"))

    @pytest.mark.part("eps")
    def test_large_epsilon(self, student, draw, expect, oracle):
        """a large epsilon"""
        args = (*adam_state(draw, 4), draw.uniform(4, low=0.5, high=2.0), 0.1)
        theta = student.amsgrad_step(*args, eps=0.5)[0]
        expect(theta, oracle.amsgrad_step(*args, eps=0.5)[0], name="eps")


@pytest.mark.exercise("adamw_step", parts={"theta": 3, "m": 1, "v": 1, "eps": 1})
class TestAdamwStep:
    """Adam with decoupled weight decay"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        args = [numbers(draw, [one]) for one in (2.0, 3.0, 0.0, 0.0)]
        right = [numbers(draw, [one]) for one in (1.8, 0.3, 0.009)]
        new = student.adamw_step(*args, 1, 0.1, eps=TINY, weight_decay=0.5)
        compare(expect, new, right, ("m", "v"))

    def test_matrix(self, student, draw, expect, oracle):
        """a matrix of parameters after 300 steps"""
        args = (*adam_state(draw, 2, 3), 300, 0.1)
        right = oracle.adamw_step(*args, eps=TINY, weight_decay=0.3)
        new = student.adamw_step(*args, eps=TINY, weight_decay=0.3)
        compare(expect, new, right, ("m", "v"))

    @pytest.mark.part("eps")
    def test_large_epsilon(self, student, draw, expect, oracle):
        """a large epsilon"""
        args = (*adam_state(draw, 4), 7, 0.1)
        theta = student.adamw_step(*args, eps=0.5, weight_decay=0.3)[0]
        expect(theta, oracle.adamw_step(*args, eps=0.5, weight_decay=0.3)[0], name="eps")


def clipped(draw):
    """torch adds 1e-6 to the norm that it divides by, and that is fine."""
    return {"rtol": 2e-6, "atol": 1e-9} if draw.dtype == torch.float64 else {}


@pytest.mark.exercise("clip_grad_norm", parts={"grads": 3, "norm": 1, "edges": 1})
class TestClipGradNorm:
    """Gradient clipping"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        grads, norm = student.clip_grad_norm(
            [numbers(draw, [3.0, 0.0]), numbers(draw, [[4.0]])], 1.0
        )
        right = [numbers(draw, [0.6, 0.0]), numbers(draw, [[0.8]])]
        expect(grads, right, name="grads", **clipped(draw))
        expect(norm, numbers(draw, 5.0), name="norm")

    @pytest.mark.parametrize("max_norm", [2.0, 100.0], ids="max_norm={}".format)
    def test_three_tensors(self, student, draw, expect, oracle, max_norm):
        """three random tensors"""
        given = [draw.normal(4, 3), 3 * draw.normal(4), draw.normal(2, 2, 2)]
        grads, norm = student.clip_grad_norm(given, max_norm)
        right = oracle.clip_grad_norm(given, max_norm)
        expect(grads, right[0], name="grads", **clipped(draw))
        expect(norm, right[1], name="norm")

    @pytest.mark.part("edges")
    def test_exactly_the_maximum(self, student, draw, expect):
        """a norm that is exactly the maximum"""
        given = [numbers(draw, [3.0, 0.0]), numbers(draw, [[4.0]])]
        grads, _ = student.clip_grad_norm(given, 5.0)
        expect(grads, given, name="edges", **clipped(draw))

    @pytest.mark.part("edges")
    def test_zeros(self, student, draw, expect):
        """gradients that are all 0"""
        given = [torch.zeros_like(draw.normal(3)), torch.zeros_like(draw.normal(2, 2))]
        grads, norm = student.clip_grad_norm(given, 1.0)
        expect(grads, given, name="edges")
        expect(norm, numbers(draw, 0.0), name="edges")


@pytest.mark.exercise("lr_step", parts={"lr": 1})
class TestLrStep:
    """A schedule in steps"""

    def test_worked_number(self, student, expect):
        """the worked numbers of the handout"""
        for t, right in ((29, 0.1), (30, 0.01), (75, 0.001)):
            plain(expect, student.lr_step(t, 0.1, 30, gamma=0.1), right)

    def test_every_second_step(self, student, expect):
        """half the rate every second step"""
        rates = [2.0, 2.0, 1.0, 1.0, 0.5, 0.5]
        for t, right in enumerate(rates):
            plain(expect, student.lr_step(t, 2.0, 2, gamma=0.5), right)


@pytest.mark.exercise("lr_cosine", parts={"cosine": 2, "warmup": 1, "after": 1})
class TestLrCosine:
    """A cosine schedule with warm-up"""

    def test_worked_number(self, student, expect):
        """the worked numbers of the handout"""
        for t, right, name in (
            (2, 0.5, "warmup"),
            (4, 1.0, "cosine"),
            (8, 0.6, "cosine"),
            (12, 0.2, "after"),
            (20, 0.2, "after"),
        ):
            plain(expect, student.lr_cosine(t, 12, 1.0, lr_min=0.2, warmup=4), right, name)

    def test_sixths(self, student, expect):
        """no warm-up, down to 0: the start and each sixth of the way"""
        share = [1.0, 0.5 + math.sqrt(3) / 4, 0.75, 0.5, 0.25, 0.5 - math.sqrt(3) / 4]
        for sixth, right in enumerate(share):
            plain(expect, student.lr_cosine(3 * sixth, 18, 2.0), 2 * right, "cosine")


@pytest.mark.exercise("sgd_bound", parts={"lr": 1, "bound": 1, "floor": 1, "noiseless": 1})
class TestSgdBound:
    """How far stochastic gradient descent gets"""

    def check(self, expect, actual, expected):
        for name, one, right in zip(("lr", "bound", "floor"), actual, expected, strict=True):
            plain(expect, one, right, name)

    def test_worked_number(self, student, expect):
        """the worked number of the handout"""
        self.check(expect, student.sgd_bound(2.5, 20.0, 4.0, 100), (0.1, 8.0, 2.0))

    def test_little_noise(self, student, expect):
        """noise so small that the smoothness decides"""
        self.check(expect, student.sgd_bound(4.0, 8.0, 0.5, 16), (0.25, 4.25, 0.5))

    @pytest.mark.part("noiseless")
    def test_no_noise(self, student, expect):
        """the worked number with noise too small to be seen, then with none"""
        for sigma in (1e-13, 0.0):
            lr, bound, floor = student.sgd_bound(2.5, 20.0, sigma, 100)
            for one, right in ((lr, 0.4), (bound, 1.0), (floor, 0.0)):
                plain(expect, one, right, "noiseless")
