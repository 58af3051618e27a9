"""Normalisation, initialisation, dropout: the checks that students run too."""

import functools
import math

import pytest
import torch


def numbers(draw, values):
    return torch.tensor(values, dtype=draw.dtype, device=draw.device)


def feature(draw, value):
    """Return one number as the parameter of a single feature or channel."""
    return numbers(draw, [value])


def check_grads(expect, grads, expected):
    grad_x, grad_gamma, grad_beta = grads
    expect(grad_x, expected[0], name="grad_x")
    expect(grad_gamma, expected[1], name="grad_gamma")
    expect(grad_beta, expected[2], name="grad_beta")


def check_forward(expect, result, expected):
    y, running_mean, running_var = result
    expect(y, expected[0], name="y")
    expect(running_mean, expected[1], name="running_mean")
    expect(running_var, expected[2], name="running_var")


GRADS = {"grad_x": 3, "grad_gamma": 1, "grad_beta": 1}

# --- batch normalisation ----------------------------------------------------------------------

BATCHNORM = {
    "y": 2, "running_mean": 1, "running_var": 1, "evaluation": 1, "stability": 1, "one_example": 1,
}  # fmt: skip


@pytest.mark.exercise("batchnorm_forward", parts=BATCHNORM)
class TestBatchnormForward:
    """Batch normalisation"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        args = [feature(draw, value) for value in (2.0, 1.0, 0.0, 1.0)]
        x = numbers(draw, [[1.0], [7.0]])
        result = student.batchnorm_forward(x, *args, training=True, eps=7.0)
        expected = ([[-0.5], [2.5]], [0.4], [2.7])
        check_forward(expect, result, [numbers(draw, one) for one in expected])

    def test_random(self, student, draw, expect, oracle):
        """five random examples"""
        args = (draw.normal(5, 3), draw.normal(3), draw.normal(3), draw.normal(3))
        running_var = draw.uniform(3, low=0.5)
        result = student.batchnorm_forward(*args, running_var, training=True)
        expected = oracle.batchnorm_forward(*args, running_var, training=True)
        check_forward(expect, result, expected)

    @pytest.mark.part("evaluation")
    def test_evaluation(self, student, draw, expect):
        """the worked number of the handout, in evaluation"""
        args = [feature(draw, value) for value in (2.0, 1.0, 1.0, 9.0)]
        x = numbers(draw, [[1.0], [7.0]])
        result = student.batchnorm_forward(x, *args, training=False, eps=7.0)
        expected = (numbers(draw, [[1.0], [4.0]]), args[2], args[3])
        for one, right in zip(result, expected, strict=True):
            expect(one, right, name="evaluation")

    @pytest.mark.part("one_example")
    def test_one_example(self, student, draw, expect):
        """one example: a ValueError in training, a value in evaluation"""
        args = [feature(draw, value) for value in (2.0, 1.0, 1.0, 9.0)]
        x = numbers(draw, [[7.0]])
        y, _, _ = student.batchnorm_forward(x, *args, training=False, eps=7.0)
        expect(y, numbers(draw, [[4.0]]), name="one_example")
        training = functools.partial(student.batchnorm_forward, training=True)
        expect.raises(ValueError, training, x, *args, name="one_example")


@pytest.mark.exercise("batchnorm_backward", parts=GRADS)
class TestBatchnormBackward:
    """Backward pass of batch normalisation"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        grad_y, x = numbers(draw, [[1.0], [2.0]]), numbers(draw, [[1.0], [7.0]])
        grads = student.batchnorm_backward(grad_y, x, feature(draw, 2.0), eps=7.0)
        expected = ([[-0.109375], [0.109375]], [0.75], [3.0])
        check_grads(expect, grads, [numbers(draw, one) for one in expected])

    def test_random(self, student, draw, expect, oracle):
        """five random examples"""
        args = (draw.normal(5, 3), draw.normal(5, 3), draw.normal(3))
        check_grads(expect, student.batchnorm_backward(*args), oracle.batchnorm_backward(*args))

    def test_sums_that_vanish(self, student, draw, expect):
        """the gradients of one feature sum to 0: shifting all inputs changes nothing"""
        args = (draw.normal(7, 2), draw.normal(7, 2), draw.normal(2))
        grad_x, _, _ = student.batchnorm_backward(*args)
        facts = [list(grad_x.shape), bool(grad_x.abs().max() > 0.001)]
        expect(facts, [[7, 2], True], name="grad_x")
        expect(grad_x.sum(0), torch.zeros_like(args[2]), name="grad_x")


IMAGES = {"y": 2, "running_mean": 1, "running_var": 1, "evaluation": 1, "one_value": 1}


@pytest.mark.exercise("batchnorm2d_forward", parts=IMAGES)
class TestBatchnorm2dForward:
    """Batch normalisation of images"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        args = [feature(draw, value) for value in (2.0, 1.0, 0.0, 1.0)]
        x = numbers(draw, [[[[1.0, 7.0]]], [[[1.0, 7.0]]]])
        result = student.batchnorm2d_forward(x, *args, training=True, eps=7.0)
        expected = ([[[[-0.5, 2.5]]], [[[-0.5, 2.5]]]], [0.4], [2.1])
        check_forward(expect, result, [numbers(draw, one) for one in expected])

    def test_random(self, student, draw, expect, oracle):
        """two random images of three channels"""
        args = (draw.normal(2, 3, 4, 5), draw.normal(3), draw.normal(3), draw.normal(3))
        running_var = draw.uniform(3, low=0.5)
        result = student.batchnorm2d_forward(*args, running_var, training=True)
        expected = oracle.batchnorm2d_forward(*args, running_var, training=True)
        check_forward(expect, result, expected)

    @pytest.mark.part("evaluation")
    def test_evaluation(self, student, draw, expect):
        """evaluation: with the running statistics of the handout's exercise 1"""
        args = [feature(draw, value) for value in (2.0, 1.0, 1.0, 9.0)]
        x = numbers(draw, [[[[1.0, 7.0]]]])
        result = student.batchnorm2d_forward(x, *args, training=False, eps=7.0)
        expected = (numbers(draw, [[[[1.0, 4.0]]]]), args[2], args[3])
        for one, right in zip(result, expected, strict=True):
            expect(one, right, name="evaluation")

    @pytest.mark.part("one_value")
    def test_one_value(self, student, draw, expect):
        """a single value in a channel: a ValueError in training, a value in evaluation"""
        args = [feature(draw, value) for value in (2.0, 1.0, 1.0, 9.0)]
        x = numbers(draw, [[[[7.0]]]])
        y, _, _ = student.batchnorm2d_forward(x, *args, training=False, eps=7.0)
        expect(y, numbers(draw, [[[[4.0]]]]), name="one_value")
        training = functools.partial(student.batchnorm2d_forward, training=True)
        expect.raises(ValueError, training, x, *args, name="one_value")


@pytest.mark.exercise("batchnorm2d_backward", parts=GRADS)
class TestBatchnorm2dBackward:
    """Backward pass of batch normalisation of images"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        x = numbers(draw, [[[[1.0, 7.0]]], [[[1.0, 7.0]]]])
        grad_y = numbers(draw, [[[[1.0, 2.0]]], [[[3.0, 6.0]]]])
        grads = student.batchnorm2d_backward(grad_y, x, feature(draw, 2.0), eps=7.0)
        expected = ([[[[-0.71875, -0.78125]]], [[[0.28125, 1.21875]]]], [3.0], [12.0])
        check_grads(expect, grads, [numbers(draw, one) for one in expected])

    def test_random(self, student, draw, expect, oracle):
        """two random images of three channels"""
        args = (draw.normal(2, 3, 4, 5), draw.normal(2, 3, 4, 5), draw.normal(3))
        check_grads(expect, student.batchnorm2d_backward(*args), oracle.batchnorm2d_backward(*args))


@pytest.mark.exercise("fuse_linear_batchnorm", parts={"W": 2, "b": 1, "no_bias": 1})
class TestFuseLinearBatchnorm:
    """A linear layer and a batch normalisation in one"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        args = [feature(draw, value) for value in (1.0, 3.0, 5.0, 2.0, 9.0)]
        W, b = student.fuse_linear_batchnorm(numbers(draw, [[2.0, 4.0]]), *args, eps=7.0)
        expect(W, numbers(draw, [[1.5, 3.0]]), name="W")
        expect(b, numbers(draw, [4.25]), name="b")

    def test_same_outputs(self, student, draw, expect):
        """the fused layer does what the two layers do"""
        W, x = draw.normal(4, 3), draw.normal(6, 3)
        b, gamma, beta, mean = draw.normal(4), draw.normal(4), draw.normal(4), draw.normal(4)
        var = draw.uniform(4, low=0.5, high=2.0)
        fused_W, fused_b = student.fuse_linear_batchnorm(W, b, gamma, beta, mean, var)
        scale = gamma / torch.sqrt(var + 1e-5)
        expect(x @ fused_W.T, x @ W.T * scale, name="W")
        expect(fused_b, scale * (b - mean) + beta, name="b")

    @pytest.mark.part("no_bias")
    def test_no_bias(self, student, draw, expect):
        """a linear layer without bias"""
        args = [feature(draw, value) for value in (3.0, 5.0, 2.0, 9.0)]
        W, b = student.fuse_linear_batchnorm(numbers(draw, [[2.0, 4.0]]), None, *args, eps=7.0)
        expect(W, numbers(draw, [[1.5, 3.0]]), name="no_bias")
        expect(b, numbers(draw, [3.5]), name="no_bias")


@pytest.mark.exercise("fuse_conv_batchnorm", parts={"weight": 2, "b": 1, "no_bias": 1})
class TestFuseConvBatchnorm:
    """A convolution and a batch normalisation in one"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        args = [feature(draw, value) for value in (1.0, 3.0, 5.0, 2.0, 9.0)]
        filters = numbers(draw, [[[[2.0, 4.0]]]])
        weight, b = student.fuse_conv_batchnorm(filters, *args, eps=7.0)
        expect(weight, numbers(draw, [[[[1.5, 3.0]]]]), name="weight")
        expect(b, numbers(draw, [4.25]), name="b")

    def test_random(self, student, draw, expect, oracle):
        """random filters"""
        args = (draw.normal(4, 3, 2, 5), *(draw.normal(4) for _ in range(4)), draw.uniform(4))
        weight, b = student.fuse_conv_batchnorm(*args)
        expected = oracle.fuse_conv_batchnorm(*args)
        expect(weight, expected[0], name="weight")
        expect(b, expected[1], name="b")

    @pytest.mark.part("no_bias")
    def test_no_bias(self, student, draw, expect):
        """a convolution without bias"""
        args = [feature(draw, value) for value in (3.0, 5.0, 2.0, 9.0)]
        filters = numbers(draw, [[[[2.0, 4.0]]]])
        weight, b = student.fuse_conv_batchnorm(filters, None, *args, eps=7.0)
        expect(weight, numbers(draw, [[[[1.5, 3.0]]]]), name="no_bias")
        expect(b, numbers(draw, [3.5]), name="no_bias")


# --- its relatives ----------------------------------------------------------------------------

FORWARD = {"y": 2, "stability": 1}


@pytest.mark.exercise("layernorm_forward", parts=FORWARD)
class TestLayernormForward:
    """Layer normalisation"""

    @pytest.mark.part("y")
    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        args = [numbers(draw, one) for one in ([1.0, 7.0], [1.0, 2.0], [0.0, 1.0])]
        y = student.layernorm_forward(*args, eps=7.0)
        expect(y, numbers(draw, [-0.75, 2.5]), name="y")

    @pytest.mark.part("y")
    def test_random(self, student, draw, expect, oracle):
        """two sentences of three words each"""
        args = (draw.normal(2, 3, 4), draw.normal(4), draw.normal(4))
        expect(student.layernorm_forward(*args), oracle.layernorm_forward(*args), name="y")


@pytest.mark.exercise("layernorm_backward", parts=GRADS)
class TestLayernormBackward:
    """Backward pass of layer normalisation"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        args = [numbers(draw, one) for one in ([1.0, 2.0], [1.0, 7.0], [1.0, 2.0])]
        grads = student.layernorm_backward(*args, eps=7.0)
        expected = ([-0.1640625, 0.1640625], [-0.75, 1.5], [1.0, 2.0])
        check_grads(expect, grads, [numbers(draw, one) for one in expected])

    def test_random(self, student, draw, expect, oracle):
        """two sentences of three words each"""
        args = (draw.normal(2, 3, 4), draw.normal(2, 3, 4), draw.normal(4))
        check_grads(expect, student.layernorm_backward(*args), oracle.layernorm_backward(*args))


@pytest.mark.exercise("instancenorm_forward", parts=FORWARD)
class TestInstancenormForward:
    """Instance normalisation"""

    @pytest.mark.part("y")
    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        x = numbers(draw, [[[[1.0, 7.0]], [[10.0, 10.0]]]])
        args = (numbers(draw, [2.0, 1.0]), numbers(draw, [1.0, 5.0]))
        y = student.instancenorm_forward(x, *args, eps=7.0)
        expect(y, numbers(draw, [[[[-0.5, 2.5]], [[5.0, 5.0]]]]), name="y")

    @pytest.mark.part("y")
    def test_random(self, student, draw, expect, oracle):
        """two random images of three channels"""
        args = (draw.normal(2, 3, 4, 5), draw.normal(3), draw.normal(3))
        expect(student.instancenorm_forward(*args), oracle.instancenorm_forward(*args), name="y")


@pytest.mark.exercise("groupnorm_forward", parts=FORWARD)
class TestGroupnormForward:
    """Group normalisation"""

    @pytest.mark.part("y")
    def test_worked_number(self, student, draw, expect):
        """the worked numbers of the handout, with one group and with two"""
        x = numbers(draw, [[[[1.0]], [[7.0]]]])
        gamma, beta = numbers(draw, [1.0, 2.0]), numbers(draw, [0.0, 1.0])
        y = student.groupnorm_forward(x, 1, gamma, beta, eps=7.0)
        expect(y, numbers(draw, [[[[-0.75]], [[2.5]]]]), name="y")
        y = student.groupnorm_forward(x, 2, gamma, beta, eps=7.0)
        expect(y, numbers(draw, [[[[0.0]], [[1.0]]]]), name="y")

    @pytest.mark.part("y")
    def test_random(self, student, draw, expect, oracle):
        """two random images of six channels in three groups"""
        args = (draw.normal(2, 6, 4, 5), 3, draw.normal(6), draw.normal(6))
        expect(student.groupnorm_forward(*args), oracle.groupnorm_forward(*args), name="y")


@pytest.mark.exercise("groupnorm_backward", parts=GRADS)
class TestGroupnormBackward:
    """Backward pass of group normalisation"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        x, grad_y = numbers(draw, [[[[1.0]], [[7.0]]]]), numbers(draw, [[[[1.0]], [[2.0]]]])
        grads = student.groupnorm_backward(grad_y, x, 1, numbers(draw, [1.0, 2.0]), eps=7.0)
        expected = ([[[[-0.1640625]], [[0.1640625]]]], [-0.75, 1.5], [1.0, 2.0])
        check_grads(expect, grads, [numbers(draw, one) for one in expected])

    def test_random(self, student, draw, expect, oracle):
        """two random images of six channels in three groups"""
        args = (draw.normal(2, 6, 4, 5), draw.normal(2, 6, 4, 5), 3, draw.normal(6))
        check_grads(expect, student.groupnorm_backward(*args), oracle.groupnorm_backward(*args))


# --- initialisation ---------------------------------------------------------------------------

RANDOM = {"weight": 3, "generator": 1}


def percent_of(bound, weight):
    """Return the size of the largest entry in percent of the bound, at most 200."""
    return min(200, round(100 * float(weight.double().abs().max()) / bound))


def check_generator(student, draw, expect, function):
    """The same state gives the same weight, another one another."""
    generator, other = draw.generator(), draw.generator()
    first, again, different = (function(4, 3, source) for source in (generator, generator, other))
    facts = [list(first.shape), bool(first.isfinite().all()), bool(first.any())]
    expect(facts, [[4, 3], True, True], name="generator")
    expect(torch.equal(first, again), expected=True, name="generator")
    expect(torch.equal(first, different), expected=False, name="generator")


@pytest.mark.exercise("kaiming_uniform", parts=RANDOM)
class TestKaimingUniform:
    """Kaiming initialisation, uniform"""

    @pytest.mark.part("weight")
    @pytest.mark.parametrize(("fan_in", "bound"), [(6, 1.0), (24, 0.5)], ids=str)
    def test_worked_number(self, student, draw, expect, fan_in, bound):
        """largest entry of many, in percent of the bound; fan_in and the bound"""
        weight = student.kaiming_uniform(1000, fan_in, draw.generator())
        expect(list(weight.shape), [1000, fan_in], name="weight")
        expect(percent_of(bound, weight), 100, name="weight")

    @pytest.mark.part("generator")
    def test_generator(self, student, draw, expect):
        """the same generator state gives the same weight, another one another"""
        check_generator(student, draw, expect, student.kaiming_uniform)


@pytest.mark.exercise("kaiming_normal", parts=RANDOM)
class TestKaimingNormal:
    """Kaiming initialisation, normal"""

    @pytest.mark.part("weight")
    def test_worked_number(self, student, draw, expect):
        """fan_in 8: standard deviation of many entries, in twentieths (expected 0.5: 10)"""
        weight = student.kaiming_normal(2000, 8, draw.generator())
        expect(list(weight.shape), [2000, 8], name="weight")
        expect(round(20 * float(weight.double().square().mean().sqrt())), 10, name="weight")

    @pytest.mark.part("generator")
    def test_generator(self, student, draw, expect):
        """the same generator state gives the same weight, another one another"""
        check_generator(student, draw, expect, student.kaiming_normal)


@pytest.mark.exercise("xavier_uniform", parts={"weight": 3, "gain": 1, "generator": 1})
class TestXavierUniform:
    """Xavier initialisation"""

    @pytest.mark.part("weight")
    def test_worked_number(self, student, draw, expect):
        """largest entry of many weights of shape (2, 4), in percent of the bound 1"""
        sources = [draw.generator() for _ in range(20)]
        weights = [student.xavier_uniform(2, 4, source) for source in sources]
        expect(list(weights[0].shape), [2, 4], name="weight")
        largest = max(float(weight.abs().max()) for weight in weights)
        expect([largest > 0.9, largest <= 1.000001], [True, True], name="weight")

    @pytest.mark.part("gain")
    def test_gain(self, student, draw, expect):
        """largest entry of many weights of shape (2, 4) with gain 3, of a large one with gain 2"""
        sources = [draw.generator() for _ in range(20)]
        weights = [student.xavier_uniform(2, 4, source, gain=3.0) for source in sources]
        largest = max(float(weight.abs().max()) for weight in weights)
        expect([largest > 2.7, largest <= 3.000001], [True, True], name="gain")
        weight = student.xavier_uniform(200, 100, draw.generator(), gain=2.0)
        expect(percent_of(2 * math.sqrt(6 / 300), weight), 100, name="gain")

    @pytest.mark.part("generator")
    def test_generator(self, student, draw, expect):
        """the same generator state gives the same weight, another one another"""
        check_generator(student, draw, expect, student.xavier_uniform)


# --- dropout ----------------------------------------------------------------------------------

DROPOUT = {"y": 2, "mask": 2, "evaluation": 1, "extremes": 1, "generator": 1}


@pytest.mark.exercise("dropout_forward", parts=DROPOUT)
class TestDropoutForward:
    """Dropout"""

    @pytest.mark.part("y")
    def test_worked_number(self, student, draw, expect):
        """p = 0.75: each 1 that is kept becomes 4, each other one 0"""
        x = torch.ones(200, dtype=draw.dtype, device=draw.device)
        y, mask = student.dropout_forward(x, 0.75, draw.generator(), training=True)
        expect(y[mask.bool()].unique(), numbers(draw, [4.0]), name="y")
        expect(y[~mask.bool()].unique(), numbers(draw, [0.0]), name="y")

    @pytest.mark.part("mask")
    def test_share(self, student, draw, expect):
        """share that is kept of 10 000 entries, p = 0.75, in twentieths (expected 0.25: 5)"""
        x = draw.normal(100, 100)
        _, mask = student.dropout_forward(x, 0.75, draw.generator(), training=True)
        expect([str(mask.dtype), list(mask.shape)], ["torch.bool", [100, 100]], name="mask")
        expect(round(20 * float(mask.double().mean())), 5, name="mask")

    @pytest.mark.part("evaluation")
    def test_evaluation(self, student, draw, expect):
        """evaluation changes nothing, training does"""
        x, source = draw.normal(30), draw.generator()
        y, mask = student.dropout_forward(x, 0.5, source, training=False)
        expect(y, x, name="evaluation")
        expect(mask, torch.ones_like(x, dtype=torch.bool), name="evaluation")
        y, _ = student.dropout_forward(x, 0.5, source, training=True)
        expect(torch.equal(y.to(x), x), expected=False, name="evaluation")

    @pytest.mark.part("extremes")
    def test_all_dropped(self, student, draw, expect):
        """p = 0: nothing is dropped; p = 1: everything"""
        x = draw.normal(3, 4)
        y, mask = student.dropout_forward(x, 0.0, draw.generator(), training=True)
        expect(y, x, name="extremes")
        expect(mask, torch.ones_like(x, dtype=torch.bool), name="extremes")
        y, mask = student.dropout_forward(x, 1.0, draw.generator(), training=True)
        expect(y, torch.zeros_like(x), name="extremes")
        expect(mask, torch.zeros_like(x, dtype=torch.bool), name="extremes")


@pytest.mark.exercise("dropout_backward", parts={"grad_x": 2, "extremes": 1})
class TestDropoutBackward:
    """Backward pass of dropout"""

    @pytest.mark.part("grad_x")
    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        mask = torch.tensor([True, False], device=draw.device)
        grad_x = student.dropout_backward(numbers(draw, [1.0, 2.0]), mask, 0.75)
        expect(grad_x, numbers(draw, [4.0, 0.0]), name="grad_x")

    @pytest.mark.part("extremes")
    def test_all_dropped(self, student, draw, expect):
        """p = 0: all of the gradient arrives; p = 1: none of it"""
        grad_y = draw.normal(3, 4)
        mask = torch.zeros(3, 4, dtype=torch.bool, device=draw.device)
        zeros = torch.zeros_like(grad_y)
        expect(student.dropout_backward(grad_y, ~mask, 0.0), grad_y, name="extremes")
        expect(student.dropout_backward(grad_y, mask, 1.0), zeros, name="extremes")


# --- residual blocks --------------------------------------------------------------------------

RESIDUAL = {"grad_x": 2, "grad_W_1": 1, "grad_W_2": 1}


@pytest.mark.exercise("residual_backward", parts=RESIDUAL)
class TestResidualBackward:
    """Backward pass of a residual block"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        grad_y, x = numbers(draw, [[1.0, -1.0]]), numbers(draw, [[1.0, 2.0]])
        W_1, W_2 = numbers(draw, [[1.0, 0.0], [0.0, -1.0]]), numbers(draw, [[2.0, 1.0], [1.0, 3.0]])
        grad_x, grad_W_1, grad_W_2 = student.residual_backward(grad_y, x, W_1, W_2)
        expect(grad_x, numbers(draw, [[2.0, -1.0]]), name="grad_x")
        expect(grad_W_1, numbers(draw, [[1.0, 2.0], [0.0, 0.0]]), name="grad_W_1")
        expect(grad_W_2, numbers(draw, [[1.0, 0.0], [-1.0, 0.0]]), name="grad_W_2")

    def test_random(self, student, draw, expect, oracle):
        """five random examples"""
        args = (draw.normal(5, 3), draw.normal(5, 3), draw.normal(4, 3), draw.normal(3, 4))
        grads = student.residual_backward(*args)
        expected = oracle.residual_backward(*args)
        for name, grad, right in zip(RESIDUAL, grads, expected, strict=True):
            expect(grad, right, name=name)
