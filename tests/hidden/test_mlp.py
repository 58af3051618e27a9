"""The multilayer perceptron by hand: what grades it.

The truth is autograd or a closed form in float64, not the reference solution.
"""

import itertools
import math

import pytest
import torch

cross_entropy = torch.nn.functional.cross_entropy


def numbers(draw, values):
    return torch.tensor(values, dtype=draw.dtype, device=draw.device)


def grads_of(loss, tensors):
    """Return the gradients of `loss(*tensors)` with respect to each of them."""
    leaves = [tensor.clone().requires_grad_() for tensor in tensors]
    return torch.autograd.grad(loss(*leaves), leaves)


# --- linear regression ------------------------------------------------------------------------


def best_slope(x, y):
    return torch.linalg.lstsq(x.unsqueeze(1), y.unsqueeze(1)).solution.squeeze()


@pytest.mark.exercise("linreg_fit", parts={"theta": 2, "zero_x": 1})
class TestLinregFit:
    """The best line through the origin"""

    @pytest.mark.parametrize("n", [1, 2, 9], ids="N={}".format)
    def test_far_from_the_origin(self, student, draw, expect, oracle, n):
        """a cloud of points far from the origin"""
        x, y = draw.uniform(n, low=1.0, high=3.0), draw.normal(n, mean=5.0)
        expect(student.linreg_fit(x, y), oracle(best_slope, x, y), name="theta")

    def test_balanced(self, student, draw, expect, oracle):
        """inputs that sum to 0, observations of either sign"""
        half, y = draw.uniform(3, low=0.5, high=2.0), draw.normal(6, mean=0.5)
        x = torch.stack([half, -half], dim=1).reshape(6)
        expect(student.linreg_fit(x, y), oracle(best_slope, x, y), name="theta")

    def test_small_numbers(self, student, draw, expect, oracle):
        """inputs and observations of about 0.001"""
        x, y = (
            0.001 * draw.uniform(4, low=0.5, high=2.0),
            0.001 * draw.uniform(4, low=0.5, high=2.0),
        )
        expect(student.linreg_fit(x, y), oracle(best_slope, x, y), name="theta")

    @pytest.mark.parametrize("kind", ["strided", "expanded"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        x, y = draw.layout(draw.normal(7, mean=1.0), kind), draw.layout(draw.normal(7), "strided")
        expect(student.linreg_fit(x, y), oracle(best_slope, x, y), name="theta")

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        x = draw.normal(8, mean=1.0, dtype=torch.float32)
        y = draw.normal(8, mean=2.0, dtype=torch.float32)
        expect(student.linreg_fit(x, y), oracle(best_slope, x, y), name="theta")

    @pytest.mark.part("zero_x")
    @pytest.mark.parametrize("n", [1, 4], ids="N={}".format)
    def test_only_zeros(self, student, draw, expect, oracle, n):
        """a ValueError if all x are 0, whatever y is"""
        x, y = draw.uniform(n, low=0.5, high=2.0), draw.normal(n, mean=2.0)
        expect(student.linreg_fit(x, y), oracle(best_slope, x, y), name="zero_x")
        expect.raises(ValueError, student.linreg_fit, torch.zeros_like(x), y, name="zero_x")
        zeros = (torch.zeros_like(x), torch.zeros_like(y))
        expect.raises(ValueError, student.linreg_fit, *zeros, name="zero_x")

    @pytest.mark.part("zero_x")
    def test_some_zeros(self, student, draw, expect, oracle):
        """zeros among the x, x that sum to 0, tiny x, y that are all 0: there is a slope"""
        x, y = numbers(draw, [0.0, 2.0, 0.0, -2.0, 0.0]), draw.normal(5, mean=1.0)
        right = oracle(best_slope, x, y)
        expect(student.linreg_fit(x, y), right, name="zero_x")
        for scale in (1e-4, 1e-10):
            expect(student.linreg_fit(scale * x, scale * y), right, name="zero_x")
        expect(student.linreg_fit(x, torch.zeros_like(y)), numbers(draw, 0.0), name="zero_x")


def best_weight(x, y):
    return torch.linalg.lstsq(x, y).solution.T


def well_posed(draw, n, nx, **kwargs):
    """Return inputs whose columns are far from dependent: rows repeat the axes, plus noise."""
    axes = torch.eye(nx, device=draw.device).repeat(n // nx + 1, 1)[:n]
    noise = draw.uniform(n, nx, low=-0.4, high=0.4, **kwargs)
    return 2 * axes.to(noise.dtype) + noise


@pytest.mark.exercise("linreg_fit_multivariate", parts={"theta": 1})
class TestLinregFitMultivariate:
    """The normal equations"""

    @pytest.mark.parametrize(
        "sizes", [(9, 3, 2), (7, 2, 4), (8, 3, 3), (5, 4, 4), (5, 1, 1)], ids=str
    )
    def test_random(self, student, draw, expect, oracle, sizes):
        """random observations of size (N, nx, ny), far from the origin"""
        n, nx, ny = sizes
        x, y = 0.5 + well_posed(draw, n, nx), draw.normal(n, ny, mean=3.0)
        expect(student.linreg_fit_multivariate(x, y), oracle(best_weight, x, y))

    def test_small_numbers(self, student, draw, expect, oracle):
        """inputs of about 0.01"""
        x, y = 0.01 * well_posed(draw, 8, 3), 0.01 * draw.normal(8, 2, mean=1.0)
        expect(student.linreg_fit_multivariate(x, y), oracle(best_weight, x, y))

    @pytest.mark.parametrize("kind", ["transposed", "strided"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        x, y = draw.layout(well_posed(draw, 7, 2), kind), draw.layout(draw.normal(7, 3), kind)
        expect(student.linreg_fit_multivariate(x, y), oracle(best_weight, x, y))

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        x = well_posed(draw, 9, 3, dtype=torch.float32)
        y = draw.normal(9, 2, mean=1.0, dtype=torch.float32)
        expect(student.linreg_fit_multivariate(x, y), oracle(best_weight, x, y))


# --- gradient descent -------------------------------------------------------------------------


def epoch(W, b, x, y, lr, batch_size, order):
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]

        def loss(W, b, rows=rows):
            return (x[rows] @ W.T + b - y[rows]).square().sum(1).mean()

        grad_W, grad_b = grads_of(loss, (W, b))
        W, b = W - lr * grad_W, b - lr * grad_b
    return W, b


@pytest.mark.exercise("sgd_epoch", parts={"W": 1, "b": 1})
class TestSgdEpoch:
    """One epoch of stochastic gradient descent"""

    def check(self, student, expect, oracle, params, x, y, *options):
        W, b = student.sgd_epoch(params, x, y, *options)
        right = oracle(epoch, *params, x, y, *options)
        expect(W, right[0], name="W")
        expect(b, right[1], name="b")

    @pytest.mark.parametrize(
        ("n", "batch_size"),
        [(8, 3), (8, 4), (5, 1), (6, 6), (4, 9), (1, 1), (3, 2)],
        ids=str,
    )
    def test_sizes(self, student, draw, expect, oracle, n, batch_size):
        """N examples, batches of the given size"""
        params = (draw.normal(2, 3), draw.normal(2))
        x, y, order = draw.uniform(n, 3, low=-1.0), draw.normal(n, 2), draw.permutation(n)
        self.check(student, expect, oracle, params, x, y, 0.05, batch_size, order)

    @pytest.mark.parametrize("ny", [1, 4], ids="ny={}".format)
    def test_order(self, student, draw, expect, oracle, ny):
        """a permutation that is not its own inverse, another learning rate"""
        params, order = (draw.normal(ny, 4), draw.normal(ny)), (3 * torch.arange(7) + 1) % 7
        x, y = draw.uniform(7, 4, low=-1.0), draw.normal(7, ny)
        self.check(student, expect, oracle, params, x, y, 0.2, 2, order.to(draw.device))

    @pytest.mark.parametrize("kind", ["transposed", "strided"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        params = (draw.layout(draw.normal(2, 3), kind), draw.layout(draw.normal(2), "strided"))
        x, y = draw.layout(draw.uniform(5, 3), kind), draw.layout(draw.normal(5, 2), kind)
        order = draw.layout(draw.permutation(5), "strided")
        self.check(student, expect, oracle, params, x, y, 0.05, 2, order)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        params = (draw.normal(2, 3, dtype=torch.float32), draw.normal(2, dtype=torch.float32))
        x = draw.uniform(6, 3, low=-1.0, dtype=torch.float32)
        y, order = draw.normal(6, 2, dtype=torch.float32), draw.permutation(6)
        self.check(student, expect, oracle, params, x, y, 0.1, 4, order)


# --- the tanh network -------------------------------------------------------------------------


def tanh_network(x, W_h, b_h, W_y, b_y):
    h = torch.tanh(torch.nn.functional.linear(x, W_h, b_h))
    return h, torch.softmax(torch.nn.functional.linear(h, W_y, b_y), dim=1)


def parameters(draw, nx, nh, ny, dtype=None):
    """Return random weights and biases of a network that is far from saturated."""
    return (
        draw.normal(nh, nx, std=0.7, dtype=dtype),
        draw.normal(nh, std=0.5, dtype=dtype),
        draw.normal(ny, nh, std=0.7, dtype=dtype),
        draw.normal(ny, std=0.5, dtype=dtype),
    )


@pytest.mark.exercise("mlp_forward", parts={"h": 1, "y_hat": 2, "stability": 1})
class TestMlpForward:
    """Forward pass of the tanh network"""

    def check(self, student, expect, oracle, *args):
        h, y_hat = student.mlp_forward(*args)
        right = oracle(tanh_network, *args)
        expect(h, right[0], name="h")
        expect(y_hat, right[1], name="y_hat")

    @pytest.mark.parametrize(
        "sizes", [(5, 3, 4, 2), (1, 2, 4, 2), (6, 4, 4, 4), (4, 3, 5, 4), (3, 1, 1, 1)], ids=str
    )
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """random network of size (N, nx, nh, ny)"""
        n, nx, nh, ny = sizes
        self.check(student, expect, oracle, draw.normal(n, nx), *parameters(draw, nx, nh, ny))

    @pytest.mark.parametrize("kind", ["transposed", "strided", "expanded"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        W_h, b_h, W_y, b_y = parameters(draw, 3, 4, 2)
        x = draw.layout(draw.normal(5, 3), kind)
        W_h, W_y = draw.layout(W_h, "transposed"), draw.layout(W_y, "strided")
        self.check(student, expect, oracle, x, W_h, draw.layout(b_h, "offset"), W_y, b_y)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        x = draw.normal(5, 3, dtype=torch.float32)
        self.check(student, expect, oracle, x, *parameters(draw, 3, 4, 2, torch.float32))

    @pytest.mark.part("stability")
    def test_saturated(self, student, draw, expect, oracle):
        """pre-activations of several thousand"""
        W_h, b_h, W_y, b_y = parameters(draw, 3, 4, 2)
        args = (2000 * draw.uniform(5, 3, low=0.5), W_h.sign(), b_h, W_y, b_y)
        h, y_hat = student.mlp_forward(*args)
        right = oracle(tanh_network, *args)
        expect(h, right[0], name="stability")
        expect(y_hat, right[1], name="stability")

    @pytest.mark.part("stability")
    def test_large_logits(self, student, draw, expect, oracle):
        """all logits of about 750, and close together"""
        W_h, b_h, W_y, b_y = parameters(draw, 3, 4, 2)
        args = (draw.normal(5, 3), W_h, b_h, W_y, b_y + 750)
        expect(student.mlp_forward(*args)[1], oracle(tanh_network, *args)[1], name="stability")

    @pytest.mark.part("stability")
    def test_rows_far_apart(self, student, draw, expect, oracle):
        """the logits of one example about 800 above those of another"""
        _, b_h, W_y, b_y = parameters(draw, 1, 4, 3)
        x, W_h = numbers(draw, [[30.0], [-30.0]]), torch.ones_like(b_h).unsqueeze(1)
        args = (x, W_h, 0 * b_h, W_y + 100, b_y)
        expect(student.mlp_forward(*args)[1], oracle(tanh_network, *args)[1], name="stability")


GRADIENTS = {"grad_W_h": 2, "grad_b_h": 1, "grad_W_y": 2, "grad_b_y": 1}


def tanh_network_grads(x, y, *params):
    def loss(W_h, b_h, W_y, b_y):
        return cross_entropy(torch.tanh(x @ W_h.T + b_h) @ W_y.T + b_y, y)

    return grads_of(loss, params)


@pytest.mark.exercise("mlp_backward", parts=GRADIENTS)
class TestMlpBackward:
    """Backward pass of the tanh network"""

    def check(self, student, expect, oracle, x, y, *params, layout=lambda tensor: tensor):
        h, y_hat = oracle(tanh_network, x, *params)
        args = [layout(tensor) for tensor in (x, h, y_hat, y, params[2])]
        grad_W_h, grad_b_h, grad_W_y, grad_b_y = student.mlp_backward(*args)
        grads = (grad_W_h, grad_b_h, grad_W_y, grad_b_y)
        right = oracle(tanh_network_grads, x, y, *params)
        for name, grad, one in zip(GRADIENTS, grads, right, strict=True):
            expect(grad, one, name=name)

    @pytest.mark.parametrize(
        "sizes",
        [(5, 3, 4, 2), (7, 3, 4, 2), (1, 2, 4, 2), (6, 4, 4, 4), (4, 4, 4, 4), (3, 1, 1, 2)],
        ids=str,
    )
    def test_one_hot(self, student, draw, expect, oracle, sizes):
        """one-hot labels, network of size (N, nx, nh, ny)"""
        n, nx, nh, ny = sizes
        x, y = draw.normal(n, nx), draw.one_hot(n, ny)
        self.check(student, expect, oracle, x, y, *parameters(draw, nx, nh, ny))

    @pytest.mark.parametrize("sizes", [(5, 3, 4, 2), (1, 2, 3, 5), (4, 3, 3, 3)], ids=str)
    def test_soft(self, student, draw, expect, oracle, sizes):
        """soft labels, network of size (N, nx, nh, ny)"""
        n, nx, nh, ny = sizes
        x, y = draw.normal(n, nx), draw.probabilities(n, ny)
        self.check(student, expect, oracle, x, y, *parameters(draw, nx, nh, ny))

    def test_confident(self, student, draw, expect, oracle):
        """probabilities that are exactly 0 or 1, right and wrong ones"""
        W_h, b_h, W_y, b_y = parameters(draw, 3, 4, 3)
        x, y = draw.normal(6, 3), draw.one_hot(6, 3)
        far_apart = 2000 * torch.arange(3, device=draw.device)
        self.check(student, expect, oracle, x, y, W_h, b_h, W_y, b_y + far_apart)

    def test_saturated(self, student, draw, expect, oracle):
        """hidden units that are exactly 1 or -1, and one that is not"""
        W_h, b_h, W_y, b_y = parameters(draw, 2, 4, 3)
        b_h = b_h + numbers(draw, [50.0, -50.0, 50.0, 0.0])
        self.check(
            student, expect, oracle, draw.normal(5, 2), draw.one_hot(5, 3), W_h, b_h, W_y, b_y
        )

    @pytest.mark.parametrize("kind", ["transposed", "strided", "offset"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        x, y, params = draw.normal(5, 3), draw.one_hot(5, 2), parameters(draw, 3, 4, 2)
        self.check(
            student, expect, oracle, x, y, *params, layout=lambda tensor: draw.layout(tensor, kind)
        )

    def test_repeated_example(self, student, draw, expect, oracle):
        """one example, repeated by expand, with several labels"""
        x = draw.layout(draw.normal(4, 3), "expanded")
        self.check(student, expect, oracle, x, draw.one_hot(4, 2), *parameters(draw, 3, 4, 2))

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        x, y = draw.normal(5, 3, dtype=torch.float32), draw.one_hot(5, 2, dtype=torch.float32)
        self.check(student, expect, oracle, x, y, *parameters(draw, 3, 4, 2, torch.float32))


def two_circles(draw, n):
    """Return `n` points on two circles of radius 1 and 0.4, in turn, and their one-hot labels."""
    label = torch.arange(n, device=draw.device) % 2
    angle = 2 * math.pi / n * (torch.arange(n, device=draw.device) + draw.uniform(n))
    x = torch.stack([angle.cos(), angle.sin()], dim=1) * (1 - 0.6 * label).unsqueeze(1)
    labels = torch.eye(2, dtype=draw.dtype, device=draw.device)[label]
    return x.to(draw.dtype) + draw.normal(n, 2, std=0.03), labels


def two_moons(draw, n):
    """Return `n` points on two moons, in turn, and their one-hot labels."""
    label = torch.arange(n, device=draw.device) % 2
    angle = math.pi / n * (torch.arange(n, device=draw.device) + draw.uniform(n))
    upper = torch.stack([angle.cos(), angle.sin()], dim=1)
    lower = numbers(draw, [1.0, 0.5]) - upper
    x = torch.where(label.unsqueeze(1) == 0, upper, lower)
    labels = torch.eye(2, dtype=draw.dtype, device=draw.device)[label]
    return x.to(draw.dtype) + draw.normal(n, 2, std=0.05), labels


def share_right(params, x, y):
    """Return the share of the examples that a trained network gets right."""
    W_h, b_h, W_y, b_y = (param.to(x) for param in params)
    scores = torch.tanh(x @ W_h.T + b_h) @ W_y.T + b_y
    return float((scores.argmax(1) == y.argmax(1)).double().mean())


@pytest.mark.exercise("train_mlp", parts={"circles": 2, "moons": 2, "generator": 1})
class TestTrainMlp:
    """Training with your own gradients"""

    @pytest.mark.part("circles")
    @pytest.mark.parametrize("seed", [0, 1])
    def test_two_circles(self, student, draw, expect, seed):
        """share of new points right: two circles, seed"""
        params = student.train_mlp(*two_circles(draw, 60), 16, 200, 2.0, draw.generator())
        share = share_right(params, *two_circles(draw, 200))
        expect(share, 1.0, name="circles", rtol=0, atol=0.05)

    @pytest.mark.part("moons")
    @pytest.mark.parametrize("seed", [0, 1])
    def test_two_moons(self, student, draw, expect, seed):
        """share of new points right: two moons, seed"""
        params = student.train_mlp(*two_moons(draw, 60), 16, 200, 2.0, draw.generator())
        share = share_right(params, *two_moons(draw, 200))
        expect(share, 1.0, name="moons", rtol=0, atol=0.05)

    @pytest.mark.part("generator")
    def test_generator(self, student, draw, expect):
        """the same generator state gives the same parameters, another one gives others"""
        x, y, generator, other = (
            draw.normal(12, 3), draw.one_hot(12, 2), draw.generator(), draw.generator(),
        )  # fmt: skip
        first, again, different, later = (
            torch.cat([param.reshape(-1) for param in student.train_mlp(x, y, 4, 3, 0.5, source)])
            for source in (generator, generator, other, draw.advanced(generator))
        )
        facts = [len(first), bool(first.isfinite().all()), bool(first.any())]
        expect(facts, [26, True, True], name="generator")
        expect(torch.equal(first, again), expected=True, name="generator")
        expect(torch.equal(first, different), expected=False, name="generator")
        expect(torch.equal(first, later), expected=False, name="generator")


# --- ReLU networks of any depth ---------------------------------------------------------------


def relu_network(x, weights, biases):
    """Return the input, the hidden layers and the probabilities."""
    activations = [x]
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        activations.append(torch.relu(activations[-1] @ weight.T + bias))
    logits = activations[-1] @ weights[-1].T + biases[-1]
    return [*activations, torch.softmax(logits, dim=1)]


def relu_network_grads(x, y, weights, biases):
    def loss(*params):
        a = x
        for weight, bias in zip(params[: len(weights) - 1], params[len(weights) : -1], strict=True):
            a = torch.relu(a @ weight.T + bias)
        return cross_entropy(a @ params[len(weights) - 1].T + params[-1], y)

    grads = grads_of(loss, [*weights, *biases])
    return grads[: len(weights)], grads[len(weights) :]


@pytest.mark.exercise("mlp_backward_relu_L", parts={"grad_weights": 2, "grad_biases": 1})
class TestMlpBackwardReluL:
    """Backward pass of a ReLU network with L layers"""

    def check(self, student, expect, oracle, x, y, weights, biases, layout=lambda tensor: tensor):
        activations = [layout(one) for one in oracle(relu_network, x, weights, biases)]
        mine = [layout(weight) for weight in weights]
        grad_weights, grad_biases = student.mlp_backward_relu_L(activations, mine, layout(y))
        right = oracle(relu_network_grads, x, y, weights, biases)
        expect(grad_weights, right[0], name="grad_weights")
        expect(grad_biases, right[1], name="grad_biases")

    def layers(self, draw, widths, dtype=None):
        pairs = list(zip(widths[1:], widths[:-1], strict=True))
        weights = [draw.normal(out, inner, std=0.8, dtype=dtype) for out, inner in pairs]
        return weights, [draw.normal(out, std=0.5, dtype=dtype) for out, _ in pairs]

    @pytest.mark.parametrize(
        ("n", "widths"),
        [
            (5, (3, 4)),
            (6, (3, 5, 2)),
            (5, (4, 6, 3, 2)),
            (1, (3, 5, 4, 2)),
            (4, (4, 4, 4, 4)),
            (7, (2, 6, 5, 4, 4, 3)),
            (3, (1, 4, 1, 2)),
        ],
        ids=str,
    )
    def test_sizes(self, student, draw, expect, oracle, n, widths):
        """one-hot labels, N examples, widths of the layers"""
        x, y = draw.normal(n, widths[0]), draw.one_hot(n, widths[-1])
        self.check(student, expect, oracle, x, y, *self.layers(draw, widths))

    def test_soft(self, student, draw, expect, oracle):
        """soft labels"""
        x, y = draw.normal(6, 3), draw.probabilities(6, 4)
        self.check(student, expect, oracle, x, y, *self.layers(draw, (3, 5, 5, 4)))

    @pytest.mark.parametrize("dead", [0, 1], ids="layer={}".format)
    def test_dead_layer(self, student, draw, expect, oracle, dead):
        """a hidden layer in which no unit is active"""
        weights, biases = self.layers(draw, (3, 4, 5, 2))
        biases[dead] = biases[dead] - 1000
        self.check(student, expect, oracle, draw.normal(5, 3), draw.one_hot(5, 2), weights, biases)

    def test_kink(self, student, draw, expect, oracle):
        """units that are exactly at the kink"""
        weights, biases = self.layers(draw, (3, 4, 5, 2))
        x = draw.normal(5, 3)
        x[1], x[3] = 0.0, 0.0
        biases[0] = 0 * biases[0]
        self.check(student, expect, oracle, x, draw.one_hot(5, 2), weights, biases)

    @pytest.mark.parametrize("kind", ["transposed", "strided"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        x, y, (weights, biases) = (
            draw.normal(5, 3),
            draw.one_hot(5, 2),
            self.layers(draw, (3, 4, 2)),
        )
        self.check(
            student, expect, oracle, x, y, weights, biases,
            layout=lambda tensor: draw.layout(tensor, kind),
        )  # fmt: skip

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        x, y = draw.normal(6, 3, dtype=torch.float32), draw.one_hot(6, 2, dtype=torch.float32)
        layers = self.layers(draw, (3, 5, 4, 2), torch.float32)
        self.check(student, expect, oracle, x, y, *layers)


# --- embeddings and the n-gram network --------------------------------------------------------


def table_grad(idx, grad_emb, num_embeddings):
    table = torch.zeros(num_embeddings, grad_emb.shape[-1], dtype=torch.float64)
    (grad,) = grads_of(
        lambda table: (torch.nn.functional.embedding(idx, table) * grad_emb).sum(),
        [table.to(grad_emb.device)],
    )
    return grad


@pytest.mark.exercise("embedding_backward", parts={"grad_table": 1})
class TestEmbeddingBackward:
    """Backward pass of an embedding"""

    def check(self, student, expect, oracle, *args):
        expect(student.embedding_backward(*args), oracle(table_grad, *args))

    @pytest.mark.parametrize("shape", [(7,), (1,), (4, 3), (3, 3), (2, 3, 4)], ids=str)
    def test_shapes(self, student, draw, expect, oracle, shape):
        """indices of the given shape, rows repeated and rows never used"""
        idx = 1 + draw.integers(*shape, high=3)
        self.check(student, expect, oracle, idx, draw.normal(*shape, 5), 6)

    def test_all_different(self, student, draw, expect, oracle):
        """each row looked up once"""
        self.check(student, expect, oracle, draw.permutation(5), draw.normal(5, 3), 5)

    def test_all_the_same(self, student, draw, expect, oracle):
        """one row looked up by all"""
        idx = draw.integers(1, high=4).expand(3, 2)
        self.check(student, expect, oracle, idx, draw.normal(3, 2, 2), 4)

    def test_within_and_between(self, student, draw, expect, oracle):
        """row 0 among the rows; repeats within an example only, then between examples only"""
        within = torch.tensor([[0, 0, 1], [2, 3, 2]], device=draw.device)
        self.check(student, expect, oracle, within, draw.normal(2, 3, 4), 5)
        between = torch.tensor([[0, 1, 2], [2, 0, 1]], device=draw.device)
        self.check(student, expect, oracle, between, draw.normal(2, 3, 4), 3)

    @pytest.mark.parametrize("kind", ["transposed", "strided", "expanded"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        idx = draw.layout(draw.integers(4, 3, high=5), "transposed")
        self.check(student, expect, oracle, idx, draw.layout(draw.normal(4, 3, 2), kind), 5)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
    def test_dtype(self, student, draw, expect, oracle, dtype):
        """dtype"""
        idx, grad_emb = draw.integers(6, high=3), draw.normal(6, 4, dtype=dtype)
        self.check(student, expect, oracle, idx, grad_emb, 4)


NGRAM = {
    "grad_logprobs": 1, "grad_probs": 1, "grad_counts_sum": 1, "grad_counts": 1, "grad_logits": 1,
    "grad_W_2": 1, "grad_b_2": 1, "grad_h": 1, "grad_pre": 1, "grad_W_1": 1, "grad_b_1": 1,
    "grad_emb": 1, "grad_C": 1,
}  # fmt: skip


def ngram_network(idx, C, W_1, b_1, W_2, b_2):
    """Return what the forward pass keeps: emb, h, counts, probs."""
    emb = C[idx]
    h = torch.tanh(emb.flatten(1) @ W_1.T + b_1)
    counts = torch.exp(h @ W_2.T + b_2)
    return emb, h, counts, counts / counts.sum(1, keepdim=True)


def ngram_grads(idx, target, C, W_1, b_1, W_2, b_2):
    """Return the gradients of all that stands in the chain, each kept by autograd itself."""
    C, W_1, b_1, W_2, b_2 = (one.clone().requires_grad_() for one in (C, W_1, b_1, W_2, b_2))
    emb = C[idx]
    pre = emb.flatten(1) @ W_1.T + b_1
    h = torch.tanh(pre)
    logits = h @ W_2.T + b_2
    counts = torch.exp(logits)
    counts_sum = counts.sum(1, keepdim=True)
    probs = counts / counts_sum
    logprobs = torch.log(probs)
    loss = -logprobs[torch.arange(len(idx), device=idx.device), target].mean()
    chain = (logprobs, probs, counts_sum, counts, logits, W_2, b_2, h, pre, W_1, b_1, emb, C)
    return torch.autograd.grad(loss, chain)


@pytest.mark.exercise("ngram_backward", parts=NGRAM)
class TestNgramBackward:
    """Every intermediate of an n-gram network"""

    def check(self, student, expect, oracle, idx, target, params, layout=lambda tensor: tensor):
        kept = oracle(ngram_network, idx, *params)
        args = [layout(tensor) for tensor in (idx, target, params[1], params[3], *kept)]
        grads = student.ngram_backward(*args)
        right = oracle(ngram_grads, idx, target, *params)
        for name, grad, one in zip(NGRAM, grads, right, strict=True):
            expect(grad, one, name=name)

    def params(self, draw, B, V, E, nh, *, scale=0.7, dtype=None):
        return (
            draw.normal(V, E, dtype=dtype),
            draw.normal(nh, B * E, std=0.5, dtype=dtype),
            draw.normal(nh, std=0.3, dtype=dtype),
            draw.normal(V, nh, std=scale, dtype=dtype),
            draw.normal(V, std=0.3, dtype=dtype),
        )

    @pytest.mark.parametrize(
        "sizes",
        [(6, 3, 5, 2, 4), (1, 3, 4, 2, 5), (4, 2, 4, 2, 4), (5, 1, 3, 4, 2), (3, 2, 6, 1, 1)],
        ids=str,
    )
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """random characters, sizes (N, B, V, E, nh)"""
        n, B, V, E, nh = sizes
        idx, target = draw.integers(n, B, high=V), draw.integers(n, high=V)
        self.check(student, expect, oracle, idx, target, self.params(draw, B, V, E, nh))

    def test_repeats(self, student, draw, expect, oracle):
        """characters repeated in an example, in the batch and in the targets"""
        idx = torch.tensor([[0, 0, 2], [2, 1, 2], [3, 3, 3], [0, 1, 3]], device=draw.device)
        target = torch.tensor([4, 4, 0, 4], device=draw.device)
        self.check(student, expect, oracle, idx, target, self.params(draw, 3, 5, 2, 4))

    def test_confident(self, student, draw, expect, oracle):
        """large logits"""
        idx, target = draw.integers(6, 3, high=5), draw.integers(6, high=5)
        self.check(student, expect, oracle, idx, target, self.params(draw, 3, 5, 2, 4, scale=2.0))

    @pytest.mark.parametrize("kind", ["transposed", "strided"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        idx, target = draw.integers(5, 3, high=4), draw.integers(5, high=4)
        params = self.params(draw, 3, 4, 2, 6)
        self.check(
            student, expect, oracle, idx, target, params,
            layout=lambda tensor: draw.layout(tensor, kind),
        )  # fmt: skip

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        idx, target = draw.integers(6, 3, high=5), draw.integers(6, high=5)
        params = self.params(draw, 3, 5, 2, 4, dtype=torch.float32)
        self.check(student, expect, oracle, idx, target, params)


# --- affine regions ---------------------------------------------------------------------------


def regions(W, b, w2):
    """Count by the definition: the slope of the network left and right of each kink."""
    kinks = sorted({float(-bias / slope) for slope, bias in zip(W, b, strict=True) if slope != 0})

    def slope_at(x):
        return float((w2 * W * (W * x + b > 0)).sum())

    ends = [kinks[0] - 1, *kinks, kinks[-1] + 1] if kinks else [0.0, 1.0]
    slopes = [slope_at((left + right) / 2) for left, right in itertools.pairwise(ends)]
    return 1 + sum(left != right for left, right in itertools.pairwise(slopes))


@pytest.mark.exercise("count_linear_regions_1d", parts={"regions": 1})
class TestCountLinearRegions1d:
    """Affine pieces of a ReLU network"""

    def check(self, student, draw, expect, W, b, w2, right):
        args = (numbers(draw, W), numbers(draw, b), numbers(draw, w2))
        expect(student.count_linear_regions_1d(*args), right)

    def test_one_neuron(self, student, draw, expect):
        """a single neuron: one that works, one without slope, one without output weight"""
        self.check(student, draw, expect, [-2.0], [1.0], [-0.5], 2)
        self.check(student, draw, expect, [0.0], [1.0], [3.0], 1)
        self.check(student, draw, expect, [2.0], [1.0], [0.0], 1)

    def test_same_kink(self, student, draw, expect):
        """several neurons with the kink at the same place, on either side"""
        W, b = [1.0, 2.0, -4.0, 1.0], [-1.0, -2.0, 4.0, 3.0]
        self.check(student, draw, expect, W, b, [1.0, 1.0, 1.0, 1.0], 3)
        self.check(student, draw, expect, W, b, [1.0, -1.5, 0.5, 1.0], 2)
        self.check(student, draw, expect, W, b, [1.0, 1.5, -1.0, 0.0], 1)

    def test_at_zero(self, student, draw, expect):
        """kinks at 0"""
        self.check(student, draw, expect, [1.0, -1.0], [0.0, 0.0], [1.0, 1.0], 2)
        self.check(student, draw, expect, [1.0, -1.0, 2.0], [0.0, 0.0, 0.0], [1.0, 1.0, -1.0], 1)
        self.check(student, draw, expect, [1.0, -1.0, 2.0], [0.0, 0.0, 4.0], [1.0, -1.0, 1.0], 2)

    def test_far_and_near(self, student, draw, expect):
        """kinks far apart, and kinks close together"""
        W, b = [1.0, 1.0, -1.0, 1.0], [4096.0, -4096.0, 0.0078125, 0.0]
        self.check(student, draw, expect, W, b, [1.0, 1.0, 1.0, 1.0], 5)

    def test_no_slope(self, student, draw, expect):
        """neurons without slope, active or not, among others"""
        W, b = [0.0, 0.0, 0.0, 1.0, -2.0], [1.0, -1.0, 0.0, 1.0, 1.0]
        self.check(student, draw, expect, W, b, [1.0, 2.0, 3.0, 1.0, 1.0], 3)

    @pytest.mark.parametrize("n", [6, 12, 24], ids="n={}".format)
    def test_random(self, student, draw, expect, oracle, n):
        """random neurons with small whole numbers"""
        # Slopes of 1, 2 or 4 in size: the kinks are exact.
        W = (2.0 ** draw.integers(n, high=3)) * (draw.integers(n, low=0, high=3) - 1)
        args = [W, draw.integers(n, low=-2, high=3), draw.integers(n, low=-1, high=2)]
        args = [one.to(draw.dtype) for one in args]
        expect(student.count_linear_regions_1d(*args), oracle(regions, *args))

    def test_float32(self, student, draw, expect):
        """float32"""
        args = [torch.tensor([1.0, -2.0, 4.0], device=draw.device, dtype=torch.float32)] * 2
        args.append(torch.ones(3, device=draw.device, dtype=torch.float32))
        expect(student.count_linear_regions_1d(*args), 2)
        args[1] = torch.tensor([1.0, 1.0, -1.0], device=draw.device, dtype=torch.float32)
        expect(student.count_linear_regions_1d(*args), 4)
