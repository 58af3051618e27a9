"""Normalising flows: the checks that students run too."""

import math

import pytest
import torch


def numbers(draw, values):
    return torch.tensor(values, dtype=draw.dtype, device=draw.device)


def constant_net(draw, support, values, inputs):
    """Return a network that answers `values`, whatever it is asked."""
    values = numbers(draw, values)
    return support.make("affine_net", values.new_zeros(len(values), inputs), values)


def tanh_net(draw, support, inputs, outputs):
    """Return a random network, and the same one for the reference."""
    params = (draw.normal(4, inputs), draw.normal(4), draw.normal(outputs, 4, std=0.5))
    params = (*params, draw.normal(outputs, std=0.5))

    def plain(h):
        W_1, b_1, W_2, b_2 = (param.to(h) for param in params)
        return torch.tanh(h @ W_1.T + b_1) @ W_2.T + b_2

    return support.make("tanh_net", *params), plain


@pytest.mark.exercise("change_of_variables_1d", parts={"log_p": 2, "underflow": 1})
class TestChangeOfVariables1d:
    """Change of variables on the line"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        log_p = student.change_of_variables_1d(
            numbers(draw, [0.0, 2.0]), numbers(draw, [1.0, -0.5])
        )
        half = 0.5 * math.log(2 * math.pi)
        expect(log_p, numbers(draw, [-half, -half - 2 - math.log(2)]), name="log_p")

    @pytest.mark.parametrize("slope", [3.0, -3.0], ids="slope={}".format)
    def test_interval(self, student, draw, expect, slope):
        """the density of a straight map sums to 1 over a fine grid"""
        x = torch.linspace(-4, 4, 401, dtype=draw.dtype)
        log_p = student.change_of_variables_1d(slope * x, torch.full_like(x, slope))
        # A sum over a grid is no better than its spacing, and float32 keeps seven digits.
        total = 0.02 * torch.exp(log_p.double()).sum()
        expect(float(total), 1.0, name="log_p", rtol=0, atol=1e-4)

    @pytest.mark.part("underflow")
    def test_far_out(self, student, draw, expect):
        """values 60 standard deviations from the mean"""
        z, slope = numbers(draw, [60.0, -60.0]), numbers(draw, [1.0, 1.0])
        right = -1800 - 0.5 * math.log(2 * math.pi)
        log_p = student.change_of_variables_1d(z, slope)
        expect(log_p, numbers(draw, [right, right]), name="underflow")


@pytest.mark.exercise("coupling_forward", parts={"y": 2, "log_det": 3, "stability": 1})
class TestCouplingForward:
    """Affine coupling layer"""

    def test_worked_number(self, student, draw, support, expect):
        """the worked number of the handout"""
        scale = constant_net(draw, support, [math.log(2), -math.log(4)], 1)
        shift = constant_net(draw, support, [10.0, 20.0], 1)
        x = numbers(draw, [[1.0, 3.0, 5.0]])
        y, log_det = student.coupling_forward(x, scale, shift, 1)
        expect(y, numbers(draw, [[1.0, 16.0, 21.25]]), name="y")
        expect(log_det, numbers(draw, [-math.log(2)]), name="log_det")

    @pytest.mark.parametrize("d", [1, 2, 3], ids="d={}".format)
    def test_random(self, student, draw, support, expect, oracle, d):
        """six examples with four coordinates, random networks"""
        x = draw.normal(6, 4)
        scale, plain_scale = tanh_net(draw, support, d, 4 - d)
        shift, plain_shift = tanh_net(draw, support, d, 4 - d)
        y, log_det = student.coupling_forward(x, scale, shift, d)
        right = oracle.coupling_forward(x, plain_scale, plain_shift, d)
        expect(y, right[0], name="y")
        expect(log_det, right[1], name="log_det")

    @pytest.mark.part("stability")
    def test_huge_volume(self, student, draw, support, expect):
        """thirteen scales of 60 each: the determinant is e to the 780"""
        scale = constant_net(draw, support, [60.0] * 13, 1)
        shift = constant_net(draw, support, [0.0] * 13, 1)
        _, log_det = student.coupling_forward(draw.normal(2, 14), scale, shift, 1)
        expect(log_det, numbers(draw, [780.0, 780.0]), name="stability")


@pytest.mark.exercise("coupling_inverse", parts={"x": 1})
class TestCouplingInverse:
    """Inverse of the coupling layer"""

    def test_worked_number(self, student, draw, support, expect):
        """the worked number of the handout"""
        scale = constant_net(draw, support, [math.log(2), -math.log(4)], 1)
        shift = constant_net(draw, support, [10.0, 20.0], 1)
        y = numbers(draw, [[1.0, 16.0, 21.25]])
        expect(student.coupling_inverse(y, scale, shift, 1), numbers(draw, [[1.0, 3.0, 5.0]]))

    @pytest.mark.parametrize("d", [1, 2, 3], ids="d={}".format)
    def test_round_trip(self, student, draw, support, expect, oracle, d):
        """six examples with four coordinates, there and back again"""
        x = draw.normal(6, 4)
        scale, plain_scale = tanh_net(draw, support, d, 4 - d)
        shift, plain_shift = tanh_net(draw, support, d, 4 - d)
        y, _ = oracle.coupling_forward(x, plain_scale, plain_shift, d)
        expect(student.coupling_inverse(y, scale, shift, d), x)


@pytest.mark.exercise("permute_forward", parts={"permutation": 1})
class TestPermuteForward:
    """Permutation layer"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout, and its log-determinant"""
        x, permutation = numbers(draw, [[10.0, 20.0, 30.0]]), torch.tensor([1, 2, 0])
        right = (numbers(draw, [[20.0, 30.0, 10.0]]), numbers(draw, [0.0]))
        expect(student.permute_forward(x, permutation), right)

    def test_reversal(self, student, draw, expect):
        """reversal"""
        x, permutation = draw.normal(5, 4), torch.tensor([3, 2, 1, 0])
        expect(student.permute_forward(x, permutation), (x.flip(1), x.new_zeros(5)))


@pytest.mark.exercise("permute_inverse", parts={"x": 1})
class TestPermuteInverse:
    """Inverse of the permutation layer"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        y, permutation = numbers(draw, [[20.0, 30.0, 10.0]]), torch.tensor([1, 2, 0])
        expect(student.permute_inverse(y, permutation), numbers(draw, [[10.0, 20.0, 30.0]]))

    def test_round_trip(self, student, draw, expect, oracle):
        """a random permutation of seven coordinates, there and back again"""
        x, permutation = draw.normal(5, 7), draw.permutation(7)
        y, _ = oracle.permute_forward(x, permutation)
        expect(student.permute_inverse(y, permutation), x)


def doubled_and_moved(draw, support):
    """Return the two layers of the handout: x -> 2x, and x -> x + 1."""
    eye = torch.eye(2, dtype=draw.dtype, device=draw.device)
    double = support.make("Triangular", 2 * eye, numbers(draw, [0.0, 0.0]))
    return [double, support.make("Triangular", eye, numbers(draw, [1.0, 1.0]))]


def bent_layers(draw, support):
    """Return three layers that bend the plane."""
    L, b = numbers(draw, [[1.5, 0.0], [0.5, -0.8]]), numbers(draw, [0.3, -0.2])
    return [
        support.make("Triangular", L, b),
        support.make("Shear", numbers(draw, [0.0, 1.2])),
        support.make("Rotation", 0.7),
    ]


@pytest.mark.exercise("flow_log_prob", parts={"base": 1, "log_prob": 3, "normalised": 1})
class TestFlowLogProb:
    """Log-likelihood under a flow"""

    @pytest.mark.part("base")
    def test_no_layer(self, student, draw, expect):
        """the origin of the plane, and no layer"""
        log_prob = student.flow_log_prob(numbers(draw, [[0.0, 0.0]]), [])
        expect(log_prob, numbers(draw, [-math.log(2 * math.pi)]), name="base")

    def test_worked_number(self, student, draw, support, expect):
        """the two layers of the handout, at the origin and elsewhere"""
        x = numbers(draw, [[0.0, 0.0], [1.0, -1.0]])
        log_prob = student.flow_log_prob(x, doubled_and_moved(draw, support))
        at_origin = -math.log(2 * math.pi) - 1 + 2 * math.log(2)
        expect(log_prob, numbers(draw, [at_origin, at_origin - 4]), name="log_prob")

    @pytest.mark.part("normalised")
    def test_grid(self, student, draw, support, expect):
        """the sum over a grid of the plane, three layers"""
        axis = torch.linspace(-7, 7, 43, dtype=draw.dtype)
        log_prob = student.flow_log_prob(
            torch.cartesian_prod(axis, axis), bent_layers(draw, support)
        )
        # A sum over a grid is no better than its spacing and its borders.
        total = torch.exp(log_prob.double()).sum() / 9
        expect(float(total), 1.0, name="normalised", rtol=0, atol=1e-3)


@pytest.mark.exercise("flow_sample", parts={"x": 1, "log_prob": 1})
class TestFlowSample:
    """Samples of a flow"""

    def test_worked_number(self, student, draw, support, expect):
        """the two layers of the handout"""
        z = numbers(draw, [[1.0, 1.0], [3.0, -1.0]])
        x, log_prob = student.flow_sample(z, doubled_and_moved(draw, support))
        expect(x, numbers(draw, [[0.0, 0.0], [1.0, -1.0]]), name="x")
        at_origin = -math.log(2 * math.pi) - 1 + 2 * math.log(2)
        expect(log_prob, numbers(draw, [at_origin, at_origin - 4]), name="log_prob")

    def test_no_layer(self, student, draw, expect):
        """no layer"""
        z = draw.normal(5, 3)
        x, log_prob = student.flow_sample(z, [])
        expect(x, z, name="x")
        right = -0.5 * (z * z).sum(1) - 1.5 * math.log(2 * math.pi)
        expect(log_prob, right, name="log_prob")


@pytest.mark.exercise("masked_coupling_forward", parts={"y": 1, "log_det": 1})
class TestMaskedCouplingForward:
    """Coupling layer with a mask"""

    def test_worked_number(self, student, draw, support, expect):
        """the worked number of the handout"""
        scale = constant_net(draw, support, [math.log(2), 5.0], 2)
        shift = constant_net(draw, support, [10.0, 7.0], 2)
        x, mask = numbers(draw, [[3.0, 1.0]]), numbers(draw, [0.0, 1.0])
        y, log_det = student.masked_coupling_forward(x, mask, scale, shift)
        expect(y, numbers(draw, [[16.0, 1.0]]), name="y")
        expect(log_det, numbers(draw, [math.log(2)]), name="log_det")

    def test_checkerboard(self, student, draw, support, expect, oracle):
        """five examples, every second coordinate passes"""
        x, mask = draw.normal(5, 4), numbers(draw, [1.0, 0.0, 1.0, 0.0])
        scale, plain_scale = tanh_net(draw, support, 4, 4)
        shift, plain_shift = tanh_net(draw, support, 4, 4)
        y, log_det = student.masked_coupling_forward(x, mask, scale, shift)
        right = oracle.masked_coupling_forward(x, mask, plain_scale, plain_shift)
        expect(y, right[0], name="y")
        expect(log_det, right[1], name="log_det")


@pytest.mark.exercise("actnorm_forward", parts={"y": 1, "log_det": 2})
class TestActnormForward:
    """Activation normalisation"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        x = numbers(draw, [[[[1.0, 2.0, 3.0]], [[4.0, 5.0, 6.0]]]])
        y, log_det = student.actnorm_forward(
            x, numbers(draw, [2.0, -1.0]), numbers(draw, [0.0, 1.0])
        )
        expect(y, numbers(draw, [[[[2.0, 4.0, 6.0]], [[-3.0, -4.0, -5.0]]]]), name="y")
        expect(log_det, numbers(draw, [3 * math.log(2)]), name="log_det")

    def test_random(self, student, draw, expect, oracle):
        """two images of 2 by 4 pixels with three channels"""
        x, scale, bias = draw.normal(2, 3, 2, 4), draw.uniform(3, low=0.5, high=2.0), draw.normal(3)
        y, log_det = student.actnorm_forward(x, scale, bias)
        right = oracle.actnorm_forward(x, scale, bias)
        expect(y, right[0], name="y")
        expect(log_det, right[1], name="log_det")


@pytest.mark.exercise("invertible_conv1x1_forward", parts={"y": 1, "log_det": 1})
class TestInvertibleConv1x1Forward:
    """Invertible 1x1 convolution"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        x, permutation = numbers(draw, [[[[1.0]], [[2.0]]]]), torch.tensor([1, 0])
        L, U = numbers(draw, [[1.0, 0.0], [3.0, 1.0]]), numbers(draw, [[2.0, 1.0], [0.0, -4.0]])
        y, log_det = student.invertible_conv1x1_forward(x, permutation, L, U)
        expect(y, numbers(draw, [[[[4.0]], [[4.0]]]]), name="y")
        expect(log_det, numbers(draw, [math.log(8)]), name="log_det")

    def test_random(self, student, draw, expect, oracle):
        """two images of 2 by 4 pixels with three channels"""
        x, permutation = draw.normal(2, 3, 2, 4), torch.tensor([1, 2, 0])
        eye = torch.eye(3, dtype=draw.dtype, device=draw.device)
        L, U = draw.normal(3, 3).tril(-1) + eye, draw.normal(3, 3).triu(1) + 2 * eye
        y, log_det = student.invertible_conv1x1_forward(x, permutation, L, U)
        right = oracle.invertible_conv1x1_forward(x, permutation, L, U)
        expect(y, right[0], name="y")
        expect(log_det, right[1], name="log_det")


def autoregressive_net(draw, support, D):
    """Return a random masked network, and the same one for the reference."""
    params = (draw.normal(D, D).tril(-1), draw.normal(D), 0.7 * draw.normal(D, D).tril(-1))
    params = (*params, draw.normal(D, std=0.5))

    def plain(x):
        W_mu, b_mu, W_alpha, b_alpha = (param.to(x) for param in params)
        return torch.tanh(x) @ W_mu.T + b_mu, torch.tanh(x) @ W_alpha.T + b_alpha

    return support.make("autoregressive_net", *params), plain


@pytest.mark.exercise("maf_forward", parts={"z": 1, "log_det": 1})
class TestMafForward:
    """Masked autoregressive flow, from data to latent"""

    def test_worked_number(self, student, draw, support, expect):
        """the worked number of the handout"""
        zeros, ones = numbers(draw, [[0.0, 0.0], [0.0, 0.0]]), numbers(draw, [1.0, 1.0])
        alpha = numbers(draw, [0.0, math.log(2)])
        net = support.make("autoregressive_net", zeros, ones, zeros, alpha)
        z, log_det = student.maf_forward(numbers(draw, [[3.0, 5.0]]), net)
        expect(z, numbers(draw, [[2.0, 2.0]]), name="z")
        expect(log_det, numbers(draw, [-math.log(2)]), name="log_det")

    def test_random(self, student, draw, support, expect, oracle):
        """five examples with four coordinates"""
        x, (net, plain) = draw.normal(5, 4), autoregressive_net(draw, support, 4)
        z, log_det = student.maf_forward(x, net)
        right = oracle.maf_forward(x, plain)
        expect(z, right[0], name="z")
        expect(log_det, right[1], name="log_det")


@pytest.mark.exercise("maf_inverse", parts={"x": 2, "log_det": 1})
class TestMafInverse:
    """Masked autoregressive flow, from latent to data"""

    def test_worked_number(self, student, draw, support, expect):
        """the worked number of the handout"""
        # mu_2 = tanh(x_1) w - 2 with w such that it is x_1 - 2 at x_1 = 3.
        W_mu = numbers(draw, [[0.0, 0.0], [3 / math.tanh(3), 0.0]])
        W_alpha = numbers(draw, [[0.0, 0.0], [0.0, 0.0]])
        b_mu, b_alpha = numbers(draw, [1.0, -2.0]), numbers(draw, [0.0, math.log(2)])
        net = support.make("autoregressive_net", W_mu, b_mu, W_alpha, b_alpha)
        x, log_det = student.maf_inverse(numbers(draw, [[2.0, 2.0]]), net)
        expect(x, numbers(draw, [[3.0, 5.0]]), name="x")
        expect(log_det, numbers(draw, [math.log(2)]), name="log_det")

    def test_round_trip(self, student, draw, support, expect, oracle):
        """five examples with four coordinates, there and back again"""
        x, (net, plain) = draw.normal(5, 4), autoregressive_net(draw, support, 4)
        z, log_det = oracle.maf_forward(x, plain)
        back, log_det_back = student.maf_inverse(z, net)
        expect(back, x, name="x")
        expect(log_det_back, -log_det, name="log_det")


def two_moons(draw, n):
    """Return `n` points on two moons, turned by 45 degrees, with mean 0 and variance 1.

    In float64, whatever the run: what is judged is a flow, not its rounding.
    """
    angle = math.pi * draw.uniform(n, dtype=torch.float64)
    moon = torch.stack([angle.sin(), angle.cos()], dim=1)
    moon[1::2] = torch.tensor([0.5, 1.0], dtype=torch.float64) - moon[1::2]
    moon = moon + draw.normal(n, 2, std=0.05, dtype=torch.float64)
    v, u = ((moon - torch.tensor([0.25, 0.5])) / torch.tensor([0.499, 0.868])).unbind(1)
    return torch.stack([(v - u) / 1.698, (v + u) / 1.047], dim=1)


def surprise(z, log_det):
    """Return the mean of -log p, coarsely: training is not repeatable to the last digit."""
    nll = float((0.5 * (z * z).sum(1) - log_det).mean()) + math.log(2 * math.pi)
    if nll < 2.5:
        return "below 2.5 nats"
    return "between 2.5 and 3.5 nats" if nll < 3.5 else "above 3.5 nats"


STEP = 0.002


def with_neighbours(x):
    """Return `x`, then the first 30 points moved a little: right, left, up, down."""
    moves = STEP * torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    return torch.cat([x, *(x[:30] + move for move in moves)])


def honesty(z, log_det, n):
    """Say whether log_det is what the neighbours show, for most of the first 30 points."""
    right, left, up, down = z[n:].chunk(4)
    a, b = (right - left) / (2 * STEP), (up - down) / (2 * STEP)
    seen = torch.log(torch.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]))
    error = float(torch.abs(seen - log_det[:30]).median())
    return "log_det fits z" if error < 0.1 else "log_det does not fit z"


@pytest.mark.exercise("train_flow", parts={"density": 3, "generator": 1})
class TestTrainFlow:
    """Training a flow"""

    @pytest.mark.part("density")
    def test_two_moons(self, student, draw, expect):
        """mean of -log p on new points of two moons, and finite differences for log_det"""
        x, new = two_moons(draw, 500), two_moons(draw, 1000)
        z, log_det = student.train_flow(x, with_neighbours(new), 150, draw.generator())
        z, log_det = z.double(), log_det.double()
        expect(surprise(z[:1000], log_det[:1000]), "below 2.5 nats", name="density")
        expect(honesty(z, log_det, 1000), "log_det fits z", name="density")

    @pytest.mark.part("generator")
    def test_generator(self, student, draw, expect):
        """the same generator state, the same flow; another state, another flow"""
        x, one, other = two_moons(draw, 20), draw.generator(), draw.generator()
        first, again, different = (
            student.train_flow(x, x, 3, generator)[0] for generator in (one, one, other)
        )
        same = "the same" if torch.allclose(again, first) else "another one"
        expect(same, "the same", name="generator")
        same = "the same" if torch.allclose(different, first) else "another one"
        expect(same, "another one", name="generator")
