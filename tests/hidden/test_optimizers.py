"""Optimizers, by hand: what grades them.

The truth is torch.optim, one step from the state at hand, or a closed form, in float64. Where the
class notes and torch differ, torch is started from another state: that of AdaGrad and RMSProp holds
the epsilon that the notes add inside the root, AMSGrad has taken so many steps that nothing is left
to correct, and Nesterov's parameter is the point where one looks.
"""

import math

import pytest
import torch

TINY = 1e-10  # an epsilon that does not matter, wherever it is added
SHAPES = [(5,), (3, 4), (4, 4), (1,), (), (2, 3, 4)]
LAYOUTS = ("transposed", "strided", "offset")


def numbers(draw, values):
    return torch.tensor(values, dtype=draw.dtype, device=draw.device)


def clearly_not_zero(draw, *shape, dtype=None):
    """Gradients of size 0.5 to 2, of either sign: a tiny epsilon does not matter beside them."""
    sign = 2.0 * draw.integers(*shape, high=2) - 1
    size = draw.uniform(*shape, low=0.5, high=2.0, dtype=dtype)
    return size * sign.to(size.dtype)


def some_zeros(grad):
    """Return a gradient of which every second coordinate is exactly 0."""
    keep = torch.arange(grad.numel(), device=grad.device).reshape(grad.shape) % 2
    return grad * keep


def compare(expect, actual, expected, parts):
    """Compare what a step returned, one part after the other."""
    theta, *state = actual
    right, *states = expected
    expect(theta, right, name="theta")
    for name, one, other in zip(parts, state, states, strict=True):
        expect(one, other, name=name)


def plain(expect, actual, expected, name=None):
    """Compare two plain numbers.

    They may have been computed in torch's default float32, which is no mistake.
    """
    expected = torch.tensor(expected, dtype=torch.float32)
    expect(actual, expected, name=name, rtol=1e-5, atol=1e-6)


# --- landscapes -------------------------------------------------------------------------------


def quadratic(theta):
    """An ill-conditioned valley that does not lie along the axes."""
    A = theta.new_tensor([[9.0, 3.0, 0.0], [3.0, 2.0, 0.5], [0.0, 0.5, 0.4]])
    return theta @ A @ theta / 2 - theta.sum()


def rosenbrock(theta):
    x, y = theta
    return (1 - x) ** 2 + 100 * (y - x * x) ** 2


LANDSCAPES = {"quadratic": quadratic, "rosenbrock": rosenbrock}


def slope(name, theta):
    """Return the gradient of a landscape."""
    leaf = theta.clone().requires_grad_()
    return torch.autograd.grad(LANDSCAPES[name](leaf), leaf)[0]


def start(draw, name):
    if name == "quadratic":
        return draw.normal(3, mean=2.0)
    return numbers(draw, [-1.2, 1.0]) + draw.uniform(2, low=-0.2, high=0.2)


def walk(step, name, theta, states, *options):
    """Return parameters, gradient and state before each of 20 right steps."""
    now, path = (theta, *[torch.zeros_like(theta)] * states), []
    for t in range(1, 21):
        grad = slope(name, now[0])
        path.append((now[0], grad, *now[1:]))
        now = step(now[0], grad, *now[1:], t, *options)
    return path


# --- torch, one step from any state -----------------------------------------------------------


def torch_step(make, theta, grad, **state):
    """Return the parameters after one step of an optimizer of torch, and its state."""
    leaf = theta.clone().requires_grad_()
    optimizer = make([leaf])
    optimizer.state[leaf].update(state)
    leaf.grad = grad.clone()
    optimizer.step()
    return leaf.detach(), optimizer.state[leaf]


def sgd(theta, grads, lr):
    grad = sum(grads.unbind()) / len(grads)
    return torch_step(lambda params: torch.optim.SGD(params, lr=lr), theta, grad)[0]


def momentum(theta, grad, v, t, lr, gamma):
    if gamma == 0:  # torch keeps no buffer then
        return sgd(theta, grad.unsqueeze(0), lr), lr * grad

    def make(params):
        return torch.optim.SGD(params, lr=lr, momentum=gamma)

    theta, state = torch_step(make, theta, grad, momentum_buffer=v / lr)
    return theta, lr * state["momentum_buffer"]


def nesterov(theta, grad_there, v, lr, gamma):
    """Take a step; `grad_there` is the gradient where one looks."""
    if gamma == 0:
        return momentum(theta, grad_there, v, 1, lr, gamma)

    def make(params):
        return torch.optim.SGD(params, lr=lr, momentum=gamma, nesterov=True)

    there = theta - gamma * v
    there, state = torch_step(make, there, grad_there, momentum_buffer=v / lr)
    v = lr * state["momentum_buffer"]
    return there + gamma * v, v


def adagrad(theta, grad, s, t, lr, eps):
    def make(params):
        return torch.optim.Adagrad(params, lr=lr, eps=0.0)

    theta, state = torch_step(make, theta, grad, step=torch.tensor(3.0), sum=s + eps)
    return theta, state["sum"] - eps


def rmsprop(theta, grad, s, t, lr, gamma, eps):
    def make(params):
        return torch.optim.RMSprop(params, lr=lr, alpha=gamma, eps=0.0)

    inside = s + eps / gamma
    theta, state = torch_step(make, theta, grad, step=torch.tensor(3.0), square_avg=inside)
    return theta, state["square_avg"] - eps


def adam(theta, grad, m, v, t, options):
    def make(params):
        return torch.optim.Adam(params, **options)

    before = torch.tensor(float(t - 1))
    theta, state = torch_step(make, theta, grad, step=before, exp_avg=m, exp_avg_sq=v)
    return theta, state["exp_avg"], state["exp_avg_sq"]


def adamw(theta, grad, m, v, t, options):
    def make(params):
        return torch.optim.AdamW(params, **options)

    before = torch.tensor(float(t - 1))
    theta, state = torch_step(make, theta, grad, step=before, exp_avg=m, exp_avg_sq=v)
    return theta, state["exp_avg"], state["exp_avg_sq"]


def amsgrad(theta, grad, m, v, v_max, t, options):
    def make(params):
        return torch.optim.Adam(params, amsgrad=True, **options)

    memory = {"exp_avg": m, "exp_avg_sq": v, "max_exp_avg_sq": v_max}
    theta, state = torch_step(make, theta, grad, step=torch.tensor(1e6), **memory)
    return theta, *[state[name] for name in memory]


def options(lr=0.1, betas=(0.9, 0.999), eps=TINY, **others):
    """Return the options of Adam as torch takes them, and as the exercises do."""
    of_torch = {"lr": lr, "betas": betas, "eps": eps, **others}
    return of_torch, {"beta_1": betas[0], "beta_2": betas[1], "eps": eps, **others}


# --- gradient descent and momentum ------------------------------------------------------------


@pytest.mark.exercise("sgd_step", parts={"theta": 1})
class TestSgdStep:
    """A step on a mini-batch"""

    def check(self, student, expect, oracle, theta, grads, lr):
        expect(student.sgd_step(theta, grads, lr), oracle(sgd, theta, grads, lr))

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_shapes(self, student, draw, expect, oracle, shape):
        """parameters of the given shape, three examples"""
        self.check(student, expect, oracle, draw.normal(*shape), draw.normal(3, *shape), 0.1)

    @pytest.mark.parametrize("b", [1, 4, 7], ids="b={}".format)
    def test_batches(self, student, draw, expect, oracle, b):
        """as many examples as parameters, fewer, more"""
        self.check(student, expect, oracle, draw.normal(4), draw.normal(b, 4), 0.3)

    @pytest.mark.parametrize("lr", [1e-3, 1.0, 20.0], ids="lr={}".format)
    def test_rates(self, student, draw, expect, oracle, lr):
        """another learning rate"""
        self.check(student, expect, oracle, 1e-2 * draw.normal(3, 3), draw.normal(3, 3, 3), lr)

    def test_nothing_to_do(self, student, draw, expect, oracle):
        """gradients that cancel, and gradients that are 0"""
        theta, grad = draw.normal(4), draw.normal(4)
        self.check(student, expect, oracle, theta, torch.stack([grad, -grad]), 0.5)
        self.check(student, expect, oracle, theta, torch.zeros_like(draw.normal(2, 4)), 0.5)

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        theta = draw.layout(draw.normal(3, 4), kind)
        self.check(student, expect, oracle, theta, draw.layout(draw.normal(2, 3, 4), kind), 0.2)

    def test_repeated_example(self, student, draw, expect, oracle):
        """one gradient, repeated by expand"""
        grads = draw.layout(draw.normal(5, 2, 3), "expanded")
        self.check(student, expect, oracle, draw.normal(2, 3), grads, 0.2)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        theta = draw.normal(3, 2, dtype=torch.float32)
        self.check(student, expect, oracle, theta, draw.normal(4, 3, 2, dtype=torch.float32), 0.1)


@pytest.mark.exercise("momentum_step", parts={"theta": 1, "v": 1})
class TestMomentumStep:
    """Momentum"""

    def check(self, student, expect, oracle, theta, grad, v, lr=0.1, gamma=0.9):
        new = student.momentum_step(theta, grad, v, lr, gamma=gamma)
        compare(expect, new, oracle(momentum, theta, grad, v, 1, lr, gamma), ("v",))

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_shapes(self, student, draw, expect, oracle, shape):
        """parameters of the given shape, on their way"""
        args = [draw.normal(*shape) for _ in range(3)]
        self.check(student, expect, oracle, *args)

    @pytest.mark.parametrize("gamma", [0.0, 0.5, 0.99], ids="gamma={}".format)
    def test_shares(self, student, draw, expect, oracle, gamma):
        """another share of the velocity"""
        args = [draw.normal(2, 3) for _ in range(3)]
        self.check(student, expect, oracle, *args, 0.3, gamma)

    def test_first_step(self, student, draw, expect, oracle):
        """the first step, from a velocity of 0"""
        v = torch.zeros_like(draw.normal(4))
        self.check(student, expect, oracle, draw.normal(4), draw.normal(4), v, 0.5)

    def test_zeros(self, student, draw, expect, oracle):
        """gradients that are 0, in some coordinates or in all: the ball rolls on"""
        theta, grad, v = draw.normal(6), draw.normal(6), draw.normal(6)
        self.check(student, expect, oracle, theta, some_zeros(grad), v)
        self.check(student, expect, oracle, theta, 0 * grad, v)

    def test_the_rate_changes(self, student, draw, expect, oracle):
        """two steps, the second with a hundredth of the learning rate"""
        theta, grads, v = draw.normal(4), draw.normal(2, 4), draw.normal(4)
        self.check(student, expect, oracle, theta, grads[0], v, 1.0)
        theta, v = oracle(momentum, theta, grads[0], v, 1, 1.0, 0.9)
        self.check(student, expect, oracle, theta, grads[1], v, 0.01)

    @pytest.mark.parametrize(("name", "lr"), [("quadratic", 0.05), ("rosenbrock", 5e-4)])
    def test_walk(self, student, draw, expect, oracle, name, lr):
        """20 steps, each from the right place"""
        for args in oracle(walk, momentum, name, start(draw, name), 1, lr, 0.9):
            self.check(student, expect, oracle, *args, lr)

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        args = [draw.layout(draw.normal(3, 4), kind) for _ in range(3)]
        self.check(student, expect, oracle, *args)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        args = [draw.normal(3, 2, dtype=torch.float32) for _ in range(3)]
        self.check(student, expect, oracle, *args)


def unrolled(v, grads, lr, gamma):
    """Return the velocity by its closed form, as a weighted sum."""
    k = len(grads) - 1
    weights = v.new_tensor([gamma ** (k - i) if i < k else 1.0 for i in range(k + 1)])
    return gamma ** (k + 1) * v + lr * torch.tensordot(weights, grads, dims=1)


@pytest.mark.exercise("momentum_unrolled", parts={"v": 1})
class TestMomentumUnrolled:
    """What the velocity remembers"""

    def check(self, student, expect, oracle, v, grads, lr=0.1, gamma=0.9):
        new = student.momentum_unrolled(v, grads, lr, gamma=gamma)
        expect(new, oracle(unrolled, v, grads, lr, gamma))

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_shapes(self, student, draw, expect, oracle, shape):
        """a velocity of the given shape, three gradients"""
        self.check(student, expect, oracle, draw.normal(*shape), draw.normal(3, *shape))

    @pytest.mark.parametrize("count", [1, 2, 5, 12], ids="{} gradients".format)
    def test_counts(self, student, draw, expect, oracle, count):
        """another number of gradients"""
        self.check(student, expect, oracle, draw.normal(5), draw.normal(count, 5), 0.7, 0.8)

    @pytest.mark.parametrize("gamma", [0.0, 0.5, 0.99], ids="gamma={}".format)
    def test_shares(self, student, draw, expect, oracle, gamma):
        """another share of the velocity"""
        self.check(student, expect, oracle, draw.normal(4), draw.normal(4, 4), 0.3, gamma)

    def test_zeros(self, student, draw, expect, oracle):
        """from rest; and a velocity that only fades"""
        v, grads = draw.normal(3), draw.normal(4, 3)
        self.check(student, expect, oracle, 0 * v, grads)
        self.check(student, expect, oracle, v, 0 * grads)

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        v, grads = draw.layout(draw.normal(3, 4), kind), draw.layout(draw.normal(2, 3, 4), kind)
        self.check(student, expect, oracle, v, grads)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        v, grads = draw.normal(3, dtype=torch.float32), draw.normal(4, 3, dtype=torch.float32)
        self.check(student, expect, oracle, v, grads)


@pytest.mark.exercise("nesterov_step", parts={"theta": 1, "v": 1})
class TestNesterovStep:
    """Nesterov's accelerated gradient"""

    def check(self, student, expect, oracle, slope_at, *args, lr=0.1, gamma=0.9):
        new = student.nesterov_step(*args, lr, gamma=gamma)
        theta, _, v = args
        grad_there = oracle(lambda theta, v: slope_at(theta - gamma * v), theta, v)
        compare(expect, new, oracle(nesterov, theta, grad_there, v, lr, gamma), ("v",))

    def in_a_bowl(self, student, support, draw, expect, oracle, theta, v, **options):
        curvature = draw.uniform(*theta.shape, low=0.5, high=3.0, dtype=theta.dtype)
        centre = draw.normal(*theta.shape, dtype=theta.dtype)
        grad_fn = support.make("bowl_gradient", curvature, centre)

        def slope_at(there):
            return curvature.to(there) * (there - centre.to(there))

        self.check(student, expect, oracle, slope_at, theta, grad_fn, v, **options)

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_shapes(self, student, support, draw, expect, oracle, shape):
        """a bowl, parameters of the given shape"""
        args = (draw.normal(*shape), draw.normal(*shape))
        self.in_a_bowl(student, support, draw, expect, oracle, *args)

    @pytest.mark.parametrize("gamma", [0.0, 0.5, 0.99], ids="gamma={}".format)
    def test_shares(self, student, support, draw, expect, oracle, gamma):
        """a bowl, another share of the velocity"""
        args = (draw.normal(2, 3), draw.normal(2, 3))
        self.in_a_bowl(student, support, draw, expect, oracle, *args, lr=0.3, gamma=gamma)

    def test_first_step(self, student, support, draw, expect, oracle):
        """the first step, from a velocity of 0"""
        args = (draw.normal(4), torch.zeros_like(draw.normal(4)))
        self.in_a_bowl(student, support, draw, expect, oracle, *args)

    def test_quadratic(self, student, support, draw, expect, oracle):
        """a quadratic whose axes are not those of the parameters"""
        root, b, theta, v = draw.normal(4, 4), draw.normal(4), draw.normal(4), draw.normal(4)
        A = root @ root.T
        grad_fn = support.make("quadratic_gradient", A, b)

        def slope_at(there):
            return A.to(there) @ there - b.to(there)

        self.check(student, expect, oracle, slope_at, theta, grad_fn, v, lr=0.05, gamma=0.8)

    @pytest.mark.parametrize("steepness", [100.0, 5.0], ids="steepness={}".format)
    def test_valley(self, student, support, draw, expect, oracle, steepness):
        """Rosenbrock's valley, where the slope depends on the place in a crooked way"""

        def slope_at(there):
            x, y = there
            across = steepness * (y - x**2)
            return torch.stack([-2 * (1 - x) - 4 * x * across, 2 * across])

        theta, v = start(draw, "rosenbrock"), 0.3 * draw.normal(2)
        grad_fn = support.make("rosenbrock_gradient", steepness)
        self.check(student, expect, oracle, slope_at, theta, grad_fn, v, lr=1e-3)

    def test_walk(self, student, support, draw, expect, oracle):
        """20 steps down Rosenbrock's valley, each from the right place"""

        def path(theta):
            v, places = torch.zeros_like(theta), []
            for _ in range(20):
                places.append((theta, v))
                v = 0.9 * v + 5e-4 * slope("rosenbrock", theta - 0.9 * v)
                theta = theta - v
            return places

        grad_fn = support.make("rosenbrock_gradient")
        for theta, v in oracle(path, start(draw, "rosenbrock")):
            self.check(
                student, expect, oracle, lambda there: slope("rosenbrock", there),
                theta, grad_fn, v, lr=5e-4,
            )  # fmt: skip

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, support, draw, expect, oracle, kind):
        """a bowl, another memory layout"""
        args = [draw.layout(draw.normal(3, 4), kind) for _ in range(2)]
        self.in_a_bowl(student, support, draw, expect, oracle, *args)

    def test_float32(self, student, support, draw, expect, oracle):
        """a bowl, float32"""
        args = [draw.normal(3, 2, dtype=torch.float32) for _ in range(2)]
        self.in_a_bowl(student, support, draw, expect, oracle, *args)


# --- a learning rate for each parameter -------------------------------------------------------


@pytest.mark.exercise("adagrad_step", parts={"theta": 2, "s": 1, "eps": 1})
class TestAdagradStep:
    """AdaGrad"""

    def check(self, student, expect, oracle, theta, grad, s, lr=0.3):
        new = student.adagrad_step(theta, grad, s, lr, eps=TINY)
        compare(expect, new, oracle(adagrad, theta, grad, s, 1, lr, TINY), ("s",))

    def state(self, draw, *shape, dtype=None):
        s = draw.uniform(*shape, low=0.2, high=3.0, dtype=dtype)
        return draw.normal(*shape, dtype=dtype), clearly_not_zero(draw, *shape, dtype=dtype), s

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_shapes(self, student, draw, expect, oracle, shape):
        """parameters of the given shape, on their way"""
        self.check(student, expect, oracle, *self.state(draw, *shape))

    def test_first_step(self, student, draw, expect, oracle):
        """the first step: all coordinates move equally far"""
        theta, grad, s = self.state(draw, 2, 3)
        self.check(student, expect, oracle, theta, grad, 0 * s)

    def test_zeros(self, student, draw, expect, oracle):
        """gradients that are 0, in some coordinates or in all, before anything was seen or later"""
        theta, grad, s = self.state(draw, 6)
        for one in (some_zeros(grad), 0 * grad):
            self.check(student, expect, oracle, theta, one, s)
            self.check(student, expect, oracle, theta, one, 0 * s)

    def test_a_long_past(self, student, draw, expect, oracle):
        """coordinates that have seen a lot, and coordinates that have not"""
        theta, grad, s = self.state(draw, 6)
        self.check(student, expect, oracle, theta, grad, s * 10.0 ** torch.arange(-2, 4), 1.0)

    @pytest.mark.parametrize("name", LANDSCAPES)
    def test_walk(self, student, draw, expect, oracle, name):
        """20 steps, each from the right place"""
        for args in oracle(walk, adagrad, name, start(draw, name), 1, 0.3, TINY):
            self.check(student, expect, oracle, *args)

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        args = [draw.layout(one, kind) for one in self.state(draw, 3, 4)]
        self.check(student, expect, oracle, *args)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        self.check(student, expect, oracle, *self.state(draw, 3, 2, dtype=torch.float32))

    @pytest.mark.part("eps")
    @pytest.mark.parametrize("eps", [0.01, 3.0], ids="eps={}".format)
    def test_epsilon(self, student, draw, expect, oracle, eps):
        """an epsilon that matters; the first step and a later one"""
        theta, grad, s = self.state(draw, 5)
        for before in (s, 0 * s):
            args = (theta, 0.3 * grad, before)
            new = student.adagrad_step(*args, 0.3, eps=eps)
            expect(new, oracle(adagrad, *args, 1, 0.3, eps), name="eps")

    @pytest.mark.part("eps")
    def test_tiny_gradients(self, student, draw, expect, oracle):
        """gradients of about 0.00001, and the usual epsilon"""
        theta, grad, s = self.state(draw, 5)
        args = (theta, 1e-5 * grad, 1e-10 * s, 0.3)
        new, _ = student.adagrad_step(*args, eps=1e-8)
        expect(new, oracle(adagrad, *args[:3], 1, 0.3, 1e-8)[0], name="eps")


@pytest.mark.exercise("rmsprop_step", parts={"theta": 2, "s": 1, "eps": 1})
class TestRmspropStep:
    """RMSProp"""

    def check(self, student, expect, oracle, theta, grad, s, lr=0.1, gamma=0.9):
        new = student.rmsprop_step(theta, grad, s, lr, gamma=gamma, eps=TINY)
        compare(expect, new, oracle(rmsprop, theta, grad, s, 1, lr, gamma, TINY), ("s",))

    def state(self, draw, *shape, dtype=None):
        s = draw.uniform(*shape, low=0.2, high=3.0, dtype=dtype)
        return draw.normal(*shape, dtype=dtype), clearly_not_zero(draw, *shape, dtype=dtype), s

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_shapes(self, student, draw, expect, oracle, shape):
        """parameters of the given shape, on their way"""
        self.check(student, expect, oracle, *self.state(draw, *shape))

    @pytest.mark.parametrize("gamma", [0.2, 0.5, 0.99], ids="gamma={}".format)
    def test_shares(self, student, draw, expect, oracle, gamma):
        """another share of the average"""
        self.check(student, expect, oracle, *self.state(draw, 2, 3), 0.3, gamma)

    def test_first_step(self, student, draw, expect, oracle):
        """the first step: all coordinates move equally far"""
        theta, grad, s = self.state(draw, 2, 3)
        self.check(student, expect, oracle, theta, grad, 0 * s)

    def test_zeros(self, student, draw, expect, oracle):
        """gradients that are 0, in some coordinates or in all, before anything was seen or later"""
        theta, grad, s = self.state(draw, 6)
        for one in (some_zeros(grad), 0 * grad):
            self.check(student, expect, oracle, theta, one, s)
            self.check(student, expect, oracle, theta, one, 0 * s)

    @pytest.mark.parametrize("name", LANDSCAPES)
    def test_walk(self, student, draw, expect, oracle, name):
        """20 steps, each from the right place"""
        for args in oracle(walk, rmsprop, name, start(draw, name), 1, 0.1, 0.9, TINY):
            self.check(student, expect, oracle, *args)

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        args = [draw.layout(one, kind) for one in self.state(draw, 3, 4)]
        self.check(student, expect, oracle, *args)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        self.check(student, expect, oracle, *self.state(draw, 3, 2, dtype=torch.float32))

    @pytest.mark.part("eps")
    @pytest.mark.parametrize("eps", [0.01, 3.0], ids="eps={}".format)
    def test_epsilon(self, student, draw, expect, oracle, eps):
        """an epsilon that matters; the first step and a later one"""
        theta, grad, s = self.state(draw, 5)
        for before in (s, 0 * s):
            args = (theta, 0.3 * grad, before)
            new = student.rmsprop_step(*args, 0.3, gamma=0.8, eps=eps)
            expect(new, oracle(rmsprop, *args, 1, 0.3, 0.8, eps), name="eps")

    @pytest.mark.part("eps")
    def test_tiny_gradients(self, student, draw, expect, oracle):
        """gradients of about 0.00001, and the usual epsilon"""
        theta, grad, s = self.state(draw, 5)
        args = (theta, 1e-5 * grad, 1e-10 * s)
        new, _ = student.rmsprop_step(*args, 0.3, gamma=0.9, eps=1e-8)
        expect(new, oracle(rmsprop, *args, 1, 0.3, 0.9, 1e-8)[0], name="eps")


# --- Adam and its relatives -------------------------------------------------------------------


def averages(draw, t, *shape, beta_1=0.9, beta_2=0.999, dtype=None):
    """Return parameters, gradient and averages as they are before step t: 0 before the first."""
    theta, grad = draw.normal(*shape, dtype=dtype), clearly_not_zero(draw, *shape, dtype=dtype)
    m = (1 - beta_1 ** (t - 1)) * draw.normal(*shape, dtype=dtype)
    v = (1 - beta_2 ** (t - 1)) * draw.uniform(*shape, low=0.5, high=3.0, dtype=dtype)
    return theta, grad, m, v


@pytest.mark.exercise("adam_step", parts={"theta": 3, "m": 1, "v": 1, "eps": 1})
class TestAdamStep:
    """Adam"""

    def check(self, student, expect, oracle, *args, lr=0.1, **others):
        of_torch, by_hand = options(lr, **others)
        new = student.adam_step(*args, lr, **by_hand)
        compare(expect, new, oracle(adam, *args, of_torch), ("m", "v"))

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_shapes(self, student, draw, expect, oracle, shape):
        """parameters of the given shape, on their way"""
        self.check(student, expect, oracle, *averages(draw, 12, *shape), 12)

    @pytest.mark.parametrize("t", [1, 2, 3, 10, 1000, 100_000], ids="t={}".format)
    def test_times(self, student, draw, expect, oracle, t):
        """step number t"""
        self.check(student, expect, oracle, *averages(draw, t, 4), t)

    @pytest.mark.parametrize("t", [1, 2, 7], ids="t={}".format)
    @pytest.mark.parametrize("betas", [(0.5, 0.75), (0.0, 0.9), (0.8, 0.3)], ids=str)
    def test_shares(self, student, draw, expect, oracle, betas, t):
        """other shares of the averages"""
        state = averages(draw, t, 2, 3, beta_1=betas[0], beta_2=betas[1])
        self.check(student, expect, oracle, *state, t, lr=0.3, betas=betas)

    @pytest.mark.parametrize("t", [1, 5], ids="t={}".format)
    def test_zeros(self, student, draw, expect, oracle, t):
        """gradients that are 0, in some coordinates or in all, before anything was seen or later"""
        theta, grad, m, v = averages(draw, t, 6)
        for one in (some_zeros(grad), 0 * grad):
            self.check(student, expect, oracle, theta, one, m, v, t)
            self.check(student, expect, oracle, theta, one, some_zeros(m), some_zeros(v), t)

    def test_usual_epsilon(self, student, draw, expect, oracle):
        """the usual learning rate and epsilon"""
        self.check(student, expect, oracle, *averages(draw, 30, 2, 3), 30, lr=0.001, eps=1e-8)

    @pytest.mark.parametrize("name", LANDSCAPES)
    def test_walk(self, student, draw, expect, oracle, name):
        """20 steps, each from the right place"""
        path = oracle(walk, adam, name, start(draw, name), 2, options()[0])
        for t, args in enumerate(path, start=1):
            self.check(student, expect, oracle, *args, t)

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        args = [draw.layout(one, kind) for one in averages(draw, 4, 3, 4)]
        self.check(student, expect, oracle, *args, 4)

    @pytest.mark.parametrize("t", [1, 50], ids="t={}".format)
    def test_float32(self, student, draw, expect, oracle, t):
        """float32"""
        self.check(student, expect, oracle, *averages(draw, t, 3, 2, dtype=torch.float32), t)

    @pytest.mark.part("eps")
    @pytest.mark.parametrize("t", [1, 4, 3000], ids="t={}".format)
    @pytest.mark.parametrize("eps", [0.01, 1.0], ids="eps={}".format)
    def test_epsilon(self, student, draw, expect, oracle, eps, t):
        """an epsilon that matters"""
        theta, grad, m, v = averages(draw, t, 5)
        args = (theta, 0.3 * grad, 0.3 * m, 0.09 * v, t)
        of_torch, by_hand = options(0.3, eps=eps)
        expect(
            student.adam_step(*args, 0.3, **by_hand)[0],
            oracle(adam, *args, of_torch)[0],
            name="eps",
        )


@pytest.mark.exercise("amsgrad_step", parts={"theta": 3, "m": 1, "v": 1, "v_max": 1, "eps": 1})
class TestAmsgradStep:
    """AMSGrad"""

    def check(self, student, expect, oracle, *args, lr=0.1, betas=(0.9, 0.99)):
        of_torch, by_hand = options(lr, betas)
        new = student.amsgrad_step(*args, lr, **by_hand)
        compare(expect, new, oracle(amsgrad, *args, 1, of_torch), ("m", "v", "v_max"))

    def state(self, draw, *shape, dtype=None):
        """Return parameters, gradient and averages; about half of the maxima are exceeded."""
        v_max = draw.uniform(*shape, low=0.5, high=3.0, dtype=dtype)
        return *averages(draw, 10_000, *shape, dtype=dtype), v_max

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_shapes(self, student, draw, expect, oracle, shape):
        """parameters of the given shape, on their way"""
        self.check(student, expect, oracle, *self.state(draw, *shape))

    @pytest.mark.parametrize("betas", [(0.5, 0.75), (0.0, 0.9), (0.8, 0.3)], ids=str)
    def test_shares(self, student, draw, expect, oracle, betas):
        """other shares of the averages"""
        self.check(student, expect, oracle, *self.state(draw, 2, 3), lr=0.3, betas=betas)

    def test_first_step(self, student, draw, expect, oracle):
        """the first step"""
        theta, grad, m, v, v_max = self.state(draw, 4)
        self.check(student, expect, oracle, theta, grad, 0 * m, 0 * v, 0 * v_max)

    @pytest.mark.parametrize("factor", [0.1, 10.0], ids="{} times".format)
    def test_maxima(self, student, draw, expect, oracle, factor):
        """maxima that are all exceeded, or none"""
        theta, grad, m, v, _ = self.state(draw, 5)
        self.check(student, expect, oracle, theta, grad, m, v, factor * v)

    def test_zeros(self, student, draw, expect, oracle):
        """gradients that are 0, in some coordinates or in all"""
        theta, grad, m, v, v_max = self.state(draw, 6)
        for one in (some_zeros(grad), 0 * grad):
            self.check(student, expect, oracle, theta, one, m, v, v_max)
            self.check(student, expect, oracle, theta, one, 0 * m, 0 * v, 0 * v_max)

    @pytest.mark.parametrize("name", LANDSCAPES)
    def test_walk(self, student, draw, expect, oracle, name):
        """20 steps, each from the right place"""
        of_torch, _ = options(betas=(0.9, 0.9))
        for args in oracle(walk, amsgrad, name, start(draw, name), 3, of_torch):
            self.check(student, expect, oracle, *args, betas=(0.9, 0.9))

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        args = [draw.layout(one, kind) for one in self.state(draw, 3, 4)]
        self.check(student, expect, oracle, *args)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        self.check(student, expect, oracle, *self.state(draw, 3, 2, dtype=torch.float32))

    @pytest.mark.part("eps")
    @pytest.mark.parametrize("eps", [0.01, 1.0], ids="eps={}".format)
    def test_epsilon(self, student, draw, expect, oracle, eps):
        """an epsilon that matters"""
        theta, grad, m, v, v_max = self.state(draw, 5)
        args = (theta, 0.3 * grad, 0.3 * m, 0.09 * v, 0.09 * v_max)
        of_torch, by_hand = options(0.3, eps=eps)
        right = oracle(amsgrad, *args, 1, of_torch)[0]
        expect(student.amsgrad_step(*args, 0.3, **by_hand)[0], right, name="eps")


@pytest.mark.exercise("adamw_step", parts={"theta": 3, "m": 1, "v": 1, "eps": 1})
class TestAdamwStep:
    """Adam with decoupled weight decay"""

    def check(self, student, expect, oracle, *args, lr=0.1, weight_decay=0.3, **others):
        of_torch, by_hand = options(lr, weight_decay=weight_decay, **others)
        new = student.adamw_step(*args, lr, **by_hand)
        compare(expect, new, oracle(adamw, *args, of_torch), ("m", "v"))

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_shapes(self, student, draw, expect, oracle, shape):
        """parameters of the given shape, on their way"""
        self.check(student, expect, oracle, *averages(draw, 12, *shape), 12)

    @pytest.mark.parametrize("t", [1, 2, 10, 1000], ids="t={}".format)
    def test_times(self, student, draw, expect, oracle, t):
        """step number t"""
        self.check(student, expect, oracle, *averages(draw, t, 4), t)

    @pytest.mark.parametrize("betas", [(0.5, 0.75), (0.0, 0.9), (0.8, 0.3)], ids=str)
    def test_shares(self, student, draw, expect, oracle, betas):
        """other shares of the averages"""
        state = averages(draw, 3, 2, 3, beta_1=betas[0], beta_2=betas[1])
        self.check(student, expect, oracle, *state, 3, lr=0.3, betas=betas)

    @pytest.mark.parametrize("decay", [0.0, 0.01, 2.0], ids="weight_decay={}".format)
    def test_decays(self, student, draw, expect, oracle, decay):
        """another decay"""
        theta, *rest = averages(draw, 5, 2, 3)
        self.check(student, expect, oracle, 5 * theta, *rest, 5, lr=0.2, weight_decay=decay)

    @pytest.mark.parametrize("t", [1, 5], ids="t={}".format)
    def test_zeros(self, student, draw, expect, oracle, t):
        """gradients that are 0, in some coordinates or in all: weights decay all the same"""
        theta, grad, m, v = averages(draw, t, 6)
        for one in (some_zeros(grad), 0 * grad):
            self.check(student, expect, oracle, theta, one, m, v, t)
            self.check(student, expect, oracle, theta, one, some_zeros(m), some_zeros(v), t)

    @pytest.mark.parametrize("name", LANDSCAPES)
    def test_walk(self, student, draw, expect, oracle, name):
        """20 steps, each from the right place"""
        of_torch, _ = options(weight_decay=0.3)
        path = oracle(walk, adamw, name, start(draw, name), 2, of_torch)
        for t, args in enumerate(path, start=1):
            self.check(student, expect, oracle, *args, t)

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        args = [draw.layout(one, kind) for one in averages(draw, 4, 3, 4)]
        self.check(student, expect, oracle, *args, 4)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        self.check(student, expect, oracle, *averages(draw, 9, 3, 2, dtype=torch.float32), 9)

    @pytest.mark.part("eps")
    @pytest.mark.parametrize("t", [1, 4], ids="t={}".format)
    @pytest.mark.parametrize("eps", [0.01, 1.0], ids="eps={}".format)
    def test_epsilon(self, student, draw, expect, oracle, eps, t):
        """an epsilon that matters"""
        theta, grad, m, v = averages(draw, t, 5)
        args = (theta, 0.3 * grad, 0.3 * m, 0.09 * v, t)
        of_torch, by_hand = options(0.3, eps=eps, weight_decay=0.3)
        right = oracle(adamw, *args, of_torch)[0]
        expect(student.adamw_step(*args, 0.3, **by_hand)[0], right, name="eps")


# --- clipping ---------------------------------------------------------------------------------


def norm_of(grads):
    return torch.linalg.vector_norm(torch.cat([grad.reshape(-1) for grad in grads]))


def shortened(grads, max_norm):
    """Return the point of the ball that is nearest to the gradients, tensor by tensor."""
    share = torch.clamp(max_norm / norm_of(grads), max=1.0)
    return [share * grad for grad in grads]


@pytest.mark.exercise("clip_grad_norm", parts={"grads": 3, "norm": 1, "edges": 1})
class TestClipGradNorm:
    """Gradient clipping"""

    def tolerance(self, grads):
        # torch adds 1e-6 to the norm that it divides by, and that is fine.
        return {"rtol": 2e-6, "atol": 1e-9} if grads[0].dtype == torch.float64 else {}

    def check(self, student, expect, oracle, given, max_norm):
        grads, norm = student.clip_grad_norm(given, max_norm)
        right = oracle(shortened, given, max_norm)
        expect(grads, right, name="grads", **self.tolerance(given))
        expect(norm, oracle(norm_of, given), name="norm")

    def unit(self, draw, *shapes, dtype=None):
        """Return tensors whose common norm is 1."""
        grads = [draw.normal(*shape, dtype=dtype) for shape in shapes]
        return [grad / norm_of(grads) for grad in grads]

    @pytest.mark.parametrize(
        "shapes",
        [
            [(5,)],
            [(3, 4), (3,)],
            [(4, 4), (4, 4)],
            [(2, 3), (2,), (), (4, 2, 3), (1, 1)],
            [(1,), (1,), (1,), (1,)],
            [()],
        ],
        ids=str,
    )
    @pytest.mark.parametrize("norm", [20.0, 0.7], ids="norm={}".format)
    def test_shapes(self, student, draw, expect, oracle, shapes, norm):
        """tensors of the given shapes, too long together or not"""
        given = [norm * grad for grad in self.unit(draw, *shapes)]
        self.check(student, expect, oracle, given, 1.5)

    @pytest.mark.parametrize("max_norm", [0.01, 1.0, 2.9, 3.1, 50.0], ids="max_norm={}".format)
    def test_maxima(self, student, draw, expect, oracle, max_norm):
        """a common norm of 3"""
        given = [3 * grad for grad in self.unit(draw, (4, 3), (4,), (2, 4))]
        self.check(student, expect, oracle, given, max_norm)

    @pytest.mark.parametrize("largest", [0, 2], ids="tensor {}".format)
    def test_one_is_large(self, student, draw, expect, oracle, largest):
        """one tensor that is a hundred times as long as the others"""
        given = self.unit(draw, (3, 2), (3,), (2, 3))
        given[largest] = 100 * given[largest]
        self.check(student, expect, oracle, given, 2.0)

    def test_only_together(self, student, draw, expect, oracle):
        """tensors that are all short, but too long together"""
        given = [*self.unit(draw, (3, 2)), *self.unit(draw, (3,)), *self.unit(draw, (2, 2))]
        self.check(student, expect, oracle, given, 1.4)

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        given = [draw.layout(4 * grad, kind) for grad in self.unit(draw, (3, 4), (5,), (2, 3, 2))]
        self.check(student, expect, oracle, given, 2.0)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        given = [5 * grad for grad in self.unit(draw, (3, 4), (5,), dtype=torch.float32)]
        self.check(student, expect, oracle, given, 2.0)
        self.check(student, expect, oracle, given, 20.0)

    def edge(self, student, expect, given, max_norm, norm):
        grads, found = student.clip_grad_norm(given, max_norm)
        expect(grads, given, name="edges", **self.tolerance(given))
        expect(found, norm, name="edges")

    @pytest.mark.part("edges")
    @pytest.mark.parametrize("max_norm", [1e-3, 5.0], ids="max_norm={}".format)
    def test_zeros(self, student, draw, expect, max_norm):
        """gradients that are all 0"""
        given = [torch.zeros_like(draw.normal(*shape)) for shape in [(2, 3), (), (4,)]]
        self.edge(student, expect, given, max_norm, numbers(draw, 0.0))

    @pytest.mark.part("edges")
    def test_exactly_the_maximum(self, student, draw, expect):
        """a norm that is exactly the maximum"""
        given = [numbers(draw, [2.0, -4.0]), numbers(draw, [[5.0, 0.0]]), numbers(draw, 2.0)]
        self.edge(student, expect, given, 7.0, numbers(draw, 7.0))

    @pytest.mark.part("edges")
    def test_some_tensors_are_zero(self, student, draw, expect, oracle):
        """a tensor of zeros among others"""
        given = [torch.zeros_like(draw.normal(3)), *self.unit(draw, (2, 2))]
        self.edge(student, expect, given, 2.0, numbers(draw, 1.0))
        grads, _ = student.clip_grad_norm(given, 0.5)
        right = oracle(shortened, given, 0.5)
        expect(grads, right, name="edges", **self.tolerance(given))


# --- schedules and the theorem ----------------------------------------------------------------


@pytest.mark.exercise("lr_step", parts={"lr": 1})
class TestLrStep:
    """A schedule in steps"""

    @pytest.mark.parametrize("step_size", [1, 2, 7], ids="step_size={}".format)
    @pytest.mark.parametrize("gamma", [0.1, 0.5, 1.0], ids="gamma={}".format)
    def test_grid(self, student, draw, expect, step_size, gamma):
        """the first steps, by cutting when it is time"""
        rate = lr = draw.uniform(1, low=0.5, high=2.0).item()
        for t in range(4 * step_size):
            if t > 0 and t % step_size == 0:
                rate *= gamma
            plain(expect, student.lr_step(t, lr, step_size, gamma=gamma), rate)

    @pytest.mark.parametrize("t", [999, 1000, 1001], ids="t={}".format)
    def test_far_behind(self, student, expect, t):
        """after many cuts"""
        cuts = {999: 9, 1000: 10, 1001: 10}[t]
        plain(expect, student.lr_step(t, 3.0, 100, gamma=0.8), 3 * 0.8**cuts)


def half_wave(t, T, lr, lr_min, warmup):
    """Return the falling rate as a square, by the half-angle formula."""
    half = math.pi / 2 * (t - warmup) / (T - warmup)
    return lr_min + (lr - lr_min) * math.cos(half) ** 2


@pytest.mark.exercise("lr_cosine", parts={"cosine": 2, "warmup": 1, "after": 1})
class TestLrCosine:
    """A cosine schedule with warm-up"""

    SCHEDULES = ((10, 1.0, 0.0, 0), (9, 2.0, 0.5, 0), (20, 3.0, 0.3, 5), (7, 0.8, 0.8, 2))

    @pytest.mark.part("cosine")
    @pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
    def test_falls(self, student, expect, schedule):
        """between warm-up and the end of (T, lr, lr_min, warmup)"""
        T, lr, lr_min, warmup = schedule
        for t in range(warmup, T):
            rate = student.lr_cosine(t, T, lr, lr_min=lr_min, warmup=warmup)
            plain(expect, rate, half_wave(t, T, lr, lr_min, warmup), "cosine")

    @pytest.mark.part("warmup")
    @pytest.mark.parametrize("warmup", [1, 3, 8], ids="warmup={}".format)
    def test_rises(self, student, expect, warmup):
        """the warm-up, and the step after it"""
        for t in range(warmup + 1):
            rate = student.lr_cosine(t, 12, 2.0, lr_min=0.4, warmup=warmup)
            plain(expect, rate, 2 * t / warmup, "warmup")

    @pytest.mark.part("after")
    @pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
    def test_stays(self, student, expect, schedule):
        """from the end on, of (T, lr, lr_min, warmup); and just before"""
        T, lr, lr_min, warmup = schedule
        for t in (T - 1, T, T + 1, 2 * T - warmup, 3 * T, 100 * T):
            right = half_wave(min(t, T), T, lr, lr_min, warmup)
            rate = student.lr_cosine(t, T, lr, lr_min=lr_min, warmup=warmup)
            plain(expect, rate, right, "after")


def best_rate(beta, delta, sigma, T):
    """Find the step size at most 1 / beta that makes the bound smallest, by ternary search."""

    def bound(lr):
        return 2 * delta / (lr * T) + lr * beta * sigma**2

    low, high = 0.0, 1 / beta
    for _ in range(200):
        left, right = (2 * low + high) / 3, (low + 2 * high) / 3
        if bound(left) < bound(right):
            high = right
        else:
            low = left
    return high, bound(high), math.sqrt(bound(high) - 2 * delta / (high * T))


@pytest.mark.exercise("sgd_bound", parts={"lr": 1, "bound": 1, "floor": 1, "noiseless": 1})
class TestSgdBound:
    """How far stochastic gradient descent gets"""

    def numbers(self, draw):
        return draw.uniform(1, low=1.5, high=4.0).item(), draw.uniform(1, low=1.5, high=9.0).item()

    @pytest.mark.parametrize("T", [1, 40, 1000], ids="T={}".format)
    @pytest.mark.parametrize("sigma", [0.05, 0.6, 3.0, 20.0], ids="sigma={}".format)
    def test_noise(self, student, draw, expect, sigma, T):
        """little noise and much"""
        beta, delta = self.numbers(draw)
        right = best_rate(beta, delta, sigma, T)
        new = student.sgd_bound(beta, delta, sigma, T)
        for name, one, other in zip(("lr", "bound", "floor"), new, right, strict=True):
            plain(expect, one, other, name)

    @pytest.mark.part("noiseless")
    @pytest.mark.parametrize("T", [1, 50], ids="T={}".format)
    def test_no_noise(self, student, draw, expect, T):
        """noise too small to be seen, then none at all"""
        beta, delta = self.numbers(draw)
        for sigma in (1e-13, 0.0):
            new = student.sgd_bound(beta, delta, sigma, T)
            for one, right in zip(new, (1 / beta, 2 * beta * delta / T, 0.0), strict=True):
                plain(expect, one, right, "noiseless")
