"""Normalisation, initialisation, dropout: what grades it.

The truth is torch's own operators and autograd, or a closed form, in float64; never the solution.
"""

import functools
import math

import pytest
import torch

LAYOUTS = ("transposed", "strided", "offset")


def numbers(draw, values):
    return torch.tensor(values, dtype=draw.dtype, device=draw.device)


def grads_of(function, tensors, grad):
    """Return the gradients of `function(*tensors)` with respect to each tensor."""
    leaves = [tensor.clone().requires_grad_() for tensor in tensors]
    return torch.autograd.grad(function(*leaves), leaves, grad)


def spread_out(draw, *shape, axes=(0,), std=(0.5, 2.0), dtype=None):
    """Return values whose mean and deviation over `axes` are random, but never extreme.

    A few plain normal values are now and then nearly equal, and normalising them magnifies the
    rounding of float32, whatever the formula. Slices along each axis differ in mean.
    """
    axes = [axis % len(shape) for axis in axes]
    x = draw.normal(*shape, dtype=torch.float64)
    for axis, size in enumerate(shape):
        x = x + draw.normal(*(size if k == axis else 1 for k in range(len(shape))), dtype=x.dtype)
    if math.prod(shape[axis] for axis in axes) > 1:
        x = (x - x.mean(axes, keepdim=True)) / x.std(axes, correction=0, keepdim=True)
    sets = [1 if axis in axes else size for axis, size in enumerate(shape)]
    x = x * draw.uniform(*sets, low=std[0], high=std[1], dtype=x.dtype)
    x = x + draw.normal(*sets, dtype=x.dtype)
    return x.to(draw.dtype if dtype is None else dtype)


def far_from_zero(draw, *shape, axes=(0,)):
    """Return values whose squares leave no digits for their variance."""
    offset = 1e7 if draw.dtype == torch.float64 else 1e3
    x = spread_out(draw, *shape, axes=axes, std=(1.0, 2.0), dtype=torch.float64)
    return (x + offset).to(draw.dtype)


def rounding(draw):
    """Tolerance for `far_from_zero`: even the mean carries the rounding of large numbers."""
    size = 1e-6 if draw.dtype == torch.float64 else 1e-3
    return {"rtol": size, "atol": size}


def laid_out(draw, x, kind):
    """Return `x` in another memory layout; channels last is for images."""
    if kind == "channels last":
        return x.to(memory_format=torch.channels_last)
    return draw.layout(x, kind)


def check_grads(expect, grads, expected):
    grad_x, grad_gamma, grad_beta = grads
    tolerance = {}
    if expected[0].dtype == torch.float32:
        # Terms of one size are subtracted; where little is left, their rounding is.
        tolerance = {"rtol": 1e-4, "atol": 1e-5 * max(1.0, float(expected[0].abs().max()))}
    expect(grad_x, expected[0], name="grad_x", **tolerance)
    expect(grad_gamma, expected[1], name="grad_gamma")
    expect(grad_beta, expected[2], name="grad_beta")


GRADS = {"grad_x": 3, "grad_gamma": 1, "grad_beta": 1}

# What shares a mean.
BATCH, CHANNEL, VECTOR, PICTURE = (0,), (0, 2, 3), (-1,), (2, 3)

# --- batch normalisation ----------------------------------------------------------------------


def batchnorm(x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5):
    """Return the output and the new running statistics, whatever follows the axis of channels."""
    mean, var = running_mean.clone(), running_var.clone()
    y = torch.nn.functional.batch_norm(x, mean, var, gamma, beta, training, momentum, eps)
    return y, mean, var


def batchnorm_grads(grad_y, x, gamma, *, eps=1e-5):
    def forward(x, gamma, beta):
        return torch.nn.functional.batch_norm(x, None, None, gamma, beta, True, 0.1, eps)

    return grads_of(forward, (x, gamma, torch.zeros_like(gamma)), grad_y)


def parameters(draw, channels, dtype=None):
    """Return gamma, beta and running statistics that no initial value could stand for."""
    gamma, beta, mean = (draw.normal(channels, dtype=dtype) for _ in range(3))
    return gamma, beta, mean, draw.uniform(channels, low=0.5, high=3.0, dtype=dtype)


def check_batchnorm(expect, oracle, function, x, params, part=None, tolerance=None, **options):
    """Compare what a forward pass returns: three parts, or one part of all three."""
    names = (part,) * 3 if part else ("y", "running_mean", "running_var")
    result = function(x, *params, **options)
    y, running_mean, running_var = result
    expected = oracle(batchnorm, x, *params, **options)
    for name, one, right in zip(names, (y, running_mean, running_var), expected, strict=True):
        expect(one, right, name=name, **(tolerance or {}))


BATCHNORM = {
    "y": 2, "running_mean": 1, "running_var": 1, "evaluation": 1, "stability": 1, "one_example": 1,
}  # fmt: skip


@pytest.mark.exercise("batchnorm_forward", parts=BATCHNORM)
class TestBatchnormForward:
    """Batch normalisation"""

    @pytest.mark.parametrize("shape", [(6, 3), (4, 4), (2, 5), (3, 1), (40, 2)], ids=str)
    def test_sizes(self, student, draw, expect, oracle, shape):
        """training: random examples of size (N, C)"""
        x, params = spread_out(draw, *shape), parameters(draw, shape[1])
        check_batchnorm(
            expect, oracle, student.batchnorm_forward, x, params, training=True, momentum=0.1
        )

    @pytest.mark.parametrize(
        ("momentum", "eps"), [(0.3, 1e-2), (0.9, 1e-5), (1.0, 0.5), (0.0, 1e-5)], ids=str
    )
    def test_options(self, student, draw, expect, oracle, momentum, eps):
        """training: momentum and eps"""
        check_batchnorm(
            expect, oracle, student.batchnorm_forward, spread_out(draw, 5, 3),
            parameters(draw, 3), training=True, momentum=momentum, eps=eps,
        )  # fmt: skip

    @pytest.mark.parametrize("scale", [0.01, 0.001], ids="scale={}".format)
    def test_tiny_variance(self, student, draw, expect, oracle, scale):
        """training: features whose variance is not large against eps, or far below"""
        x, params = scale * spread_out(draw, 3, 4), parameters(draw, 4)
        check_batchnorm(expect, oracle, student.batchnorm_forward, x, params, training=True)

    def test_no_variance(self, student, draw, expect, oracle):
        """training: a feature that never changes"""
        x, params = spread_out(draw, 8, 3), parameters(draw, 3)
        x[:, 1] = 2.0
        check_batchnorm(expect, oracle, student.batchnorm_forward, x, params, training=True)

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, kind):
        """training: another memory layout"""
        x = draw.layout(spread_out(draw, 5, 3), kind)
        params = [draw.layout(one, "strided") for one in parameters(draw, 3)]
        check_batchnorm(expect, oracle, student.batchnorm_forward, x, params, training=True)

    def test_float32(self, student, draw, expect, oracle):
        """training: float32"""
        x = spread_out(draw, 6, 3, dtype=torch.float32)
        params = parameters(draw, 3, torch.float32)
        check_batchnorm(expect, oracle, student.batchnorm_forward, x, params, training=True)

    @pytest.mark.part("evaluation")
    @pytest.mark.parametrize("shape", [(6, 3), (4, 4), (1, 3), (5, 1)], ids=str)
    def test_evaluation(self, student, draw, expect, oracle, shape):
        """evaluation: random examples of size (N, C), far from the running mean"""
        x, params = draw.normal(*shape, mean=5.0), parameters(draw, shape[1])
        check_batchnorm(
            expect, oracle, student.batchnorm_forward, x, params, "evaluation", training=False
        )

    @pytest.mark.part("evaluation")
    @pytest.mark.parametrize(("scale", "eps"), [(1e-4, 1e-5), (0.0, 1e-3), (1.0, 0.5)], ids=str)
    def test_evaluation_eps(self, student, draw, expect, oracle, scale, eps):
        """evaluation: running variances times a scale, and eps"""
        gamma, beta, mean, var = parameters(draw, 3)
        params = (gamma, beta, mean, scale * var)
        check_batchnorm(
            expect, oracle, student.batchnorm_forward, draw.normal(4, 3), params, "evaluation",
            training=False, eps=eps,
        )  # fmt: skip

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("shape", [(6, 3), (3, 8)], ids=str)
    def test_far_from_zero(self, student, draw, expect, oracle, shape):
        """data far from 0"""
        x, params = far_from_zero(draw, *shape), parameters(draw, shape[1])
        y, _, _ = student.batchnorm_forward(x, *params, training=True)
        expected = oracle(batchnorm, x, *params, training=True)
        expect(y, expected[0], name="stability", **rounding(draw))

    @pytest.mark.part("one_example")
    @pytest.mark.parametrize("channels", [1, 3], ids="C={}".format)
    def test_one_example(self, student, draw, expect, oracle, channels):
        """one example: a ValueError in training only; two examples: none"""
        x, params = spread_out(draw, 2, channels), parameters(draw, channels)
        training = functools.partial(student.batchnorm_forward, training=True)
        for examples, mode in ((x[:1], False), (x, True)):
            y, _, _ = student.batchnorm_forward(examples, *params, training=mode)
            right = oracle(batchnorm, examples, *params, training=mode)
            expect(y, right[0], name="one_example")
        expect.raises(ValueError, training, x[:1], *params, name="one_example")


@pytest.mark.exercise("batchnorm_backward", parts=GRADS)
class TestBatchnormBackward:
    """Backward pass of batch normalisation"""

    def check(self, student, expect, oracle, *args, **options):
        grads = student.batchnorm_backward(*args, **options)
        check_grads(expect, grads, oracle(batchnorm_grads, *args, **options))

    @pytest.mark.parametrize("shape", [(6, 3), (4, 4), (2, 5), (5, 1), (40, 2), (3, 7)], ids=str)
    def test_sizes(self, student, draw, expect, oracle, shape):
        """random examples of size (N, C)"""
        x = spread_out(draw, *shape)
        self.check(student, expect, oracle, draw.normal(*shape), x, draw.normal(shape[1]))

    @pytest.mark.parametrize("eps", [1e-2, 0.5], ids="eps={}".format)
    def test_eps(self, student, draw, expect, oracle, eps):
        """another eps"""
        args = (draw.normal(5, 3), spread_out(draw, 5, 3), draw.normal(3))
        self.check(student, expect, oracle, *args, eps=eps)

    @pytest.mark.parametrize("shape", [(2, 3), (5, 2)], ids=str)
    def test_tiny_variance(self, student, draw, expect, oracle, shape):
        """features whose variance is not large against eps, size (N, C)"""
        args = (draw.normal(*shape), 0.01 * spread_out(draw, *shape), draw.normal(shape[1]))
        self.check(student, expect, oracle, *args)

    def test_no_variance(self, student, draw, expect, oracle):
        """a feature that never changes"""
        x = spread_out(draw, 8, 3)
        x[:, 1] = 2.0
        self.check(student, expect, oracle, draw.normal(8, 3), x, draw.normal(3))

    def test_gamma(self, student, draw, expect, oracle):
        """entries of gamma that are 0, 1 and negative"""
        gamma = numbers(draw, [0.0, 1.0, -2.0, 3.0])
        self.check(student, expect, oracle, draw.normal(5, 4), spread_out(draw, 5, 4), gamma)

    def test_ones_from_above(self, student, draw, expect, oracle):
        """all ones from above"""
        x = spread_out(draw, 5, 3)
        self.check(student, expect, oracle, torch.ones_like(x), x, draw.normal(3))

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        grad_y, x = (draw.layout(one, kind) for one in (draw.normal(5, 3), spread_out(draw, 5, 3)))
        self.check(student, expect, oracle, grad_y, x, draw.layout(draw.normal(3), "strided"))

    def test_repeated_gradient(self, student, draw, expect, oracle):
        """the same gradient for every example, repeated by expand"""
        grad_y = draw.layout(draw.normal(4, 3), "expanded")
        self.check(student, expect, oracle, grad_y, spread_out(draw, 4, 3), draw.normal(3))

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        grad_y = draw.normal(6, 3, dtype=torch.float32)
        x = spread_out(draw, 6, 3, dtype=torch.float32)
        self.check(student, expect, oracle, grad_y, x, draw.normal(3, dtype=torch.float32))


IMAGES = {"y": 2, "running_mean": 1, "running_var": 1, "evaluation": 1, "one_value": 1}


@pytest.mark.exercise("batchnorm2d_forward", parts=IMAGES)
class TestBatchnorm2dForward:
    """Batch normalisation of images"""

    @pytest.mark.parametrize(
        "shape", [(2, 3, 4, 5), (3, 3, 3, 3), (1, 4, 2, 3), (5, 2, 1, 1), (2, 1, 3, 2)], ids=str
    )
    def test_sizes(self, student, draw, expect, oracle, shape):
        """training: random images of size (N, C, H, W)"""
        x, params = spread_out(draw, *shape, axes=CHANNEL), parameters(draw, shape[1])
        check_batchnorm(expect, oracle, student.batchnorm2d_forward, x, params, training=True)

    @pytest.mark.parametrize(("momentum", "eps"), [(0.3, 1e-2), (0.9, 1e-5), (0.0, 0.5)], ids=str)
    def test_options(self, student, draw, expect, oracle, momentum, eps):
        """training: momentum and eps"""
        x, params = spread_out(draw, 2, 3, 2, 4, axes=CHANNEL), parameters(draw, 3)
        check_batchnorm(
            expect, oracle, student.batchnorm2d_forward, x, params,
            training=True, momentum=momentum, eps=eps,
        )  # fmt: skip

    def test_no_variance(self, student, draw, expect, oracle):
        """training: a channel that never changes, two with a tiny variance"""
        x, params = spread_out(draw, 2, 3, 2, 4, axes=CHANNEL), parameters(draw, 3)
        x[:, 0], x[:, 1], x[:, 2] = 2.0, 0.001 * x[:, 1], 0.01 * x[:, 2]
        check_batchnorm(expect, oracle, student.batchnorm2d_forward, x, params, training=True)

    @pytest.mark.parametrize("kind", [*LAYOUTS, "channels last"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """training: another memory layout"""
        x = laid_out(draw, spread_out(draw, 2, 3, 4, 5, axes=CHANNEL), kind)
        params = [draw.layout(one, "strided") for one in parameters(draw, 3)]
        check_batchnorm(expect, oracle, student.batchnorm2d_forward, x, params, training=True)

    def test_float32(self, student, draw, expect, oracle):
        """training: float32"""
        x = spread_out(draw, 2, 3, 4, 5, axes=CHANNEL, dtype=torch.float32)
        params = parameters(draw, 3, torch.float32)
        check_batchnorm(expect, oracle, student.batchnorm2d_forward, x, params, training=True)

    @pytest.mark.part("evaluation")
    @pytest.mark.parametrize("shape", [(2, 3, 4, 5), (3, 3, 3, 3), (1, 3, 1, 1)], ids=str)
    def test_evaluation(self, student, draw, expect, oracle, shape):
        """evaluation: random images of size (N, C, H, W)"""
        gamma, beta, mean, var = parameters(draw, shape[1])
        params = (gamma, beta, mean, var * numbers(draw, [1e-4, 1.0, 1e-5])[: shape[1]])
        check_batchnorm(
            expect, oracle, student.batchnorm2d_forward, draw.normal(*shape, mean=2.0), params,
            "evaluation", training=False,
        )  # fmt: skip

    @pytest.mark.part("one_value")
    @pytest.mark.parametrize("channels", [1, 3], ids="C={}".format)
    def test_one_value(self, student, draw, expect, oracle, channels):
        """one value in a channel: a ValueError in training only; one image of two: none"""
        x = spread_out(draw, 1, channels, 1, 2, axes=CHANNEL)
        params = parameters(draw, channels)
        training = functools.partial(student.batchnorm2d_forward, training=True)
        for image, mode in ((x[..., :1], False), (x, True)):
            y, _, _ = student.batchnorm2d_forward(image, *params, training=mode)
            right = oracle(batchnorm, image, *params, training=mode)
            expect(y, right[0], name="one_value")
        expect.raises(ValueError, training, x[..., :1], *params, name="one_value")


@pytest.mark.exercise("batchnorm2d_backward", parts=GRADS)
class TestBatchnorm2dBackward:
    """Backward pass of batch normalisation of images"""

    def check(self, student, expect, oracle, *args, **options):
        grads = student.batchnorm2d_backward(*args, **options)
        check_grads(expect, grads, oracle(batchnorm_grads, *args, **options))

    @pytest.mark.parametrize(
        "shape", [(2, 3, 4, 5), (3, 3, 3, 3), (1, 4, 2, 3), (5, 2, 1, 1), (2, 1, 3, 2)], ids=str
    )
    def test_sizes(self, student, draw, expect, oracle, shape):
        """random images of size (N, C, H, W)"""
        x = spread_out(draw, *shape, axes=CHANNEL)
        self.check(student, expect, oracle, draw.normal(*shape), x, draw.normal(shape[1]))

    @pytest.mark.parametrize("eps", [1e-2, 0.5], ids="eps={}".format)
    def test_eps(self, student, draw, expect, oracle, eps):
        """another eps"""
        x = spread_out(draw, 2, 3, 2, 4, axes=CHANNEL)
        args = (draw.normal(2, 3, 2, 4), x, draw.normal(3))
        self.check(student, expect, oracle, *args, eps=eps)

    def test_no_variance(self, student, draw, expect, oracle):
        """a channel that never changes, one with a tiny variance"""
        x = spread_out(draw, 2, 3, 2, 4, axes=CHANNEL)
        x[:, 0], x[:, 2] = 2.0, 0.01 * x[:, 2]
        self.check(student, expect, oracle, draw.normal(2, 3, 2, 4), x, draw.normal(3))

    @pytest.mark.parametrize("kind", [*LAYOUTS, "channels last"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        grad_y, x = draw.normal(2, 3, 4, 5), spread_out(draw, 2, 3, 4, 5, axes=CHANNEL)
        grad_y, x = laid_out(draw, grad_y, kind), laid_out(draw, x, kind)
        self.check(student, expect, oracle, grad_y, x, draw.layout(draw.normal(3), "strided"))

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        grad_y = draw.normal(2, 3, 4, 5, dtype=torch.float32)
        x = spread_out(draw, 2, 3, 4, 5, axes=CHANNEL, dtype=torch.float32)
        self.check(student, expect, oracle, grad_y, x, draw.normal(3, dtype=torch.float32))


# --- fusing -----------------------------------------------------------------------------------


def fused_linear(W, b, gamma, beta, mean, var, *, eps=1e-5):
    """Read the fused layer off its outputs: for the zero input, and for each unit vector."""
    inputs = torch.cat([torch.zeros_like(W[:1]), torch.eye(W.shape[1], dtype=W.dtype)])
    out = torch.nn.functional.linear(inputs, W, b)
    out = torch.nn.functional.batch_norm(out, mean, var, gamma, beta, False, 0.0, eps)
    # Not a difference of outputs, which would lose digits where the shift is large.
    scale = torch.nn.functional.batch_norm(
        torch.ones_like(out[:1]), torch.zeros_like(mean), var, gamma, None, False, 0.0, eps
    )
    return scale.T * W, out[0]


def fused_conv(weight, b, gamma, beta, mean, var, *, eps=1e-5):
    W, b = fused_linear(weight.flatten(1), b, gamma, beta, mean, var, eps=eps)
    return W.reshape(weight.shape), b


class Fusing:
    """What both fusing exercises are asked; a subclass says which function, and its shapes."""

    name = first = ""
    truth = staticmethod(fused_linear)
    shapes = ()

    def check(self, student, expect, oracle, weight, b, *params, **options):
        fused = getattr(student, self.name)(weight, b, *params, **options)
        fused_weight, fused_b = fused
        right = oracle(type(self).truth, weight, b, *params, **options)
        names = (self.first, "b") if b is not None else ("no_bias", "no_bias")
        expect(fused_weight, right[0], name=names[0])
        expect(fused_b, right[1], name=names[1])


@pytest.mark.exercise("fuse_linear_batchnorm", parts={"W": 2, "b": 1, "no_bias": 1})
class TestFuseLinearBatchnorm(Fusing):
    """A linear layer and a batch normalisation in one"""

    name, first = "fuse_linear_batchnorm", "W"

    @pytest.mark.parametrize("shape", [(4, 3), (3, 3), (1, 5), (2, 1)], ids=str)
    def test_sizes(self, student, draw, expect, oracle, shape):
        """random weight of shape (C, n)"""
        args = (draw.normal(*shape), draw.normal(shape[0]), *parameters(draw, shape[0]))
        self.check(student, expect, oracle, *args)

    @pytest.mark.parametrize(("scale", "eps"), [(1e-4, 1e-5), (0.0, 1e-3), (1.0, 0.5)], ids=str)
    def test_eps(self, student, draw, expect, oracle, scale, eps):
        """running variances times a scale, and eps"""
        gamma, beta, mean, var = parameters(draw, 3)
        args = (draw.normal(3, 4), draw.normal(3), gamma, beta, mean, scale * var)
        self.check(student, expect, oracle, *args, eps=eps)

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        params = [draw.layout(one, "strided") for one in (draw.normal(4), *parameters(draw, 4))]
        self.check(student, expect, oracle, draw.layout(draw.normal(4, 3), kind), *params)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        params = (draw.normal(4, dtype=torch.float32), *parameters(draw, 4, torch.float32))
        self.check(student, expect, oracle, draw.normal(4, 3, dtype=torch.float32), *params)

    @pytest.mark.part("no_bias")
    @pytest.mark.parametrize("shape", [(4, 3), (3, 3), (1, 1)], ids=str)
    def test_no_bias(self, student, draw, expect, oracle, shape):
        """no bias, random weight of shape (C, n)"""
        args = (draw.normal(*shape), None, *parameters(draw, shape[0]))
        self.check(student, expect, oracle, *args)


@pytest.mark.exercise("fuse_conv_batchnorm", parts={"weight": 2, "b": 1, "no_bias": 1})
class TestFuseConvBatchnorm(Fusing):
    """A convolution and a batch normalisation in one"""

    name, first = "fuse_conv_batchnorm", "weight"
    truth = staticmethod(fused_conv)

    @pytest.mark.parametrize(
        "shape", [(4, 3, 2, 5), (3, 3, 3, 3), (1, 2, 3, 1), (2, 1, 1, 1)], ids=str
    )
    def test_sizes(self, student, draw, expect, oracle, shape):
        """random filters of shape (C, C_in, kh, kw)"""
        args = (draw.normal(*shape), draw.normal(shape[0]), *parameters(draw, shape[0]))
        self.check(student, expect, oracle, *args)

    def test_eps(self, student, draw, expect, oracle):
        """tiny running variances and another eps"""
        gamma, beta, mean, var = parameters(draw, 3)
        args = (draw.normal(3, 2, 2, 3), draw.normal(3), gamma, beta, mean, 1e-3 * var)
        self.check(student, expect, oracle, *args)
        self.check(student, expect, oracle, *args, eps=1e-2)

    @pytest.mark.parametrize("kind", [*LAYOUTS, "channels last"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        params = [draw.layout(one, "strided") for one in (draw.normal(4), *parameters(draw, 4))]
        filters = laid_out(draw, draw.normal(4, 3, 2, 5), kind)
        self.check(student, expect, oracle, filters, *params)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        params = (draw.normal(4, dtype=torch.float32), *parameters(draw, 4, torch.float32))
        self.check(student, expect, oracle, draw.normal(4, 3, 2, 5, dtype=torch.float32), *params)

    @pytest.mark.part("no_bias")
    @pytest.mark.parametrize("shape", [(4, 3, 2, 5), (3, 3, 3, 3), (1, 1, 1, 1)], ids=str)
    def test_no_bias(self, student, draw, expect, oracle, shape):
        """no bias, random filters of shape (C, C_in, kh, kw)"""
        args = (draw.normal(*shape), None, *parameters(draw, shape[0]))
        self.check(student, expect, oracle, *args)


# --- layer normalisation ----------------------------------------------------------------------


def layernorm(x, gamma, beta, *, eps=1e-5):
    return torch.nn.functional.layer_norm(x, gamma.shape, gamma, beta, eps)


def layernorm_grads(grad_y, x, gamma, *, eps=1e-5):
    forward = functools.partial(layernorm, eps=eps)
    return grads_of(forward, (x, gamma, torch.zeros_like(gamma)), grad_y)


FORWARD = {"y": 2, "stability": 1}
VECTORS = [(5, 4), (4, 4), (1, 6), (3, 1), (7,), (2, 3, 4), (3, 3, 3), (2, 1, 3, 5)]


@pytest.mark.exercise("layernorm_forward", parts=FORWARD)
class TestLayernormForward:
    """Layer normalisation"""

    def check(self, student, expect, oracle, *args, **options):
        expect(
            student.layernorm_forward(*args, **options),
            oracle(layernorm, *args, **options),
            name="y",
        )

    @pytest.mark.part("y")
    @pytest.mark.parametrize("shape", VECTORS, ids=str)
    def test_sizes(self, student, draw, expect, oracle, shape):
        """random examples of the given shape"""
        x = spread_out(draw, *shape, axes=VECTOR)
        args = (x, draw.normal(shape[-1]), draw.normal(shape[-1]))
        self.check(student, expect, oracle, *args)

    @pytest.mark.part("y")
    @pytest.mark.parametrize("eps", [1e-2, 0.5], ids="eps={}".format)
    def test_eps(self, student, draw, expect, oracle, eps):
        """another eps"""
        args = (spread_out(draw, 3, 4, axes=VECTOR), draw.normal(4), draw.normal(4))
        self.check(student, expect, oracle, *args, eps=eps)

    @pytest.mark.part("y")
    def test_no_variance(self, student, draw, expect, oracle):
        """an example whose features are equal, one with a tiny variance"""
        x = spread_out(draw, 3, 4, axes=VECTOR)
        x[0], x[2] = 2.0, 0.01 * x[2]
        self.check(student, expect, oracle, x, draw.normal(4), draw.normal(4))

    @pytest.mark.part("y")
    def test_variance_below_eps(self, student, draw, expect, oracle):
        """examples whose variance is small against eps, but not 0"""
        x = 0.001 * spread_out(draw, 3, 4, axes=VECTOR)
        self.check(student, expect, oracle, x, draw.normal(4), draw.normal(4))

    @pytest.mark.part("y")
    @pytest.mark.parametrize("kind", [*LAYOUTS, "expanded"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        x = draw.layout(spread_out(draw, 3, 2, 4, axes=VECTOR), kind)
        params = [draw.layout(draw.normal(4), "strided") for _ in range(2)]
        self.check(student, expect, oracle, x, *params)

    @pytest.mark.part("y")
    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        x = spread_out(draw, 5, 4, axes=VECTOR, dtype=torch.float32)
        args = (x, *(draw.normal(4, dtype=torch.float32) for _ in range(2)))
        self.check(student, expect, oracle, *args)

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("shape", [(3, 6), (2, 3, 4)], ids=str)
    def test_far_from_zero(self, student, draw, expect, oracle, shape):
        """data far from 0"""
        x = far_from_zero(draw, *shape, axes=VECTOR)
        args = (x, draw.normal(shape[-1]), draw.normal(shape[-1]))
        right = oracle(layernorm, *args)
        expect(student.layernorm_forward(*args), right, name="stability", **rounding(draw))


@pytest.mark.exercise("layernorm_backward", parts=GRADS)
class TestLayernormBackward:
    """Backward pass of layer normalisation"""

    def check(self, student, expect, oracle, *args, **options):
        grads = student.layernorm_backward(*args, **options)
        check_grads(expect, grads, oracle(layernorm_grads, *args, **options))

    @pytest.mark.parametrize("shape", VECTORS, ids=str)
    def test_sizes(self, student, draw, expect, oracle, shape):
        """random examples of the given shape"""
        x = spread_out(draw, *shape, axes=VECTOR)
        self.check(student, expect, oracle, draw.normal(*shape), x, draw.normal(shape[-1]))

    @pytest.mark.parametrize("eps", [1e-2, 0.5], ids="eps={}".format)
    def test_eps(self, student, draw, expect, oracle, eps):
        """another eps"""
        args = (draw.normal(3, 4), spread_out(draw, 3, 4, axes=VECTOR), draw.normal(4))
        self.check(student, expect, oracle, *args, eps=eps)

    def test_no_variance(self, student, draw, expect, oracle):
        """an example whose features are equal, one with a tiny variance"""
        x = spread_out(draw, 3, 4, axes=VECTOR)
        x[0], x[2] = 2.0, 0.01 * x[2]
        self.check(student, expect, oracle, draw.normal(3, 4), x, draw.normal(4))

    @pytest.mark.parametrize("kind", [*LAYOUTS, "expanded"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        grad_y, x = draw.normal(3, 2, 4), spread_out(draw, 3, 2, 4, axes=VECTOR)
        grad_y, x = draw.layout(grad_y, kind), draw.layout(x, kind)
        self.check(student, expect, oracle, grad_y, x, draw.layout(draw.normal(4), "strided"))

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        x = spread_out(draw, 5, 4, axes=VECTOR, dtype=torch.float32)
        args = (draw.normal(5, 4, dtype=torch.float32), x, draw.normal(4, dtype=torch.float32))
        self.check(student, expect, oracle, *args)


# --- instances and groups ---------------------------------------------------------------------


def groupnorm(x, num_groups, gamma, beta, *, eps=1e-5):
    return torch.group_norm(x, num_groups, gamma, beta, eps)


def groupnorm_grads(grad_y, x, num_groups, gamma, *, eps=1e-5):
    def forward(x, gamma, beta):
        return torch.group_norm(x, num_groups, gamma, beta, eps)

    return grads_of(forward, (x, gamma, torch.zeros_like(gamma)), grad_y)


def instancenorm(x, gamma, beta, *, eps=1e-5):
    return torch.group_norm(x, x.shape[1], gamma, beta, eps)


PICTURES = [(2, 3, 4, 5), (3, 3, 3, 3), (1, 4, 2, 3), (2, 1, 3, 2), (4, 2, 5, 1), (2, 3, 1, 1)]


@pytest.mark.exercise("instancenorm_forward", parts=FORWARD)
class TestInstancenormForward:
    """Instance normalisation"""

    def check(self, student, expect, oracle, *args, **options):
        y = student.instancenorm_forward(*args, **options)
        expect(y, oracle(instancenorm, *args, **options), name="y")

    @pytest.mark.part("y")
    @pytest.mark.parametrize("shape", PICTURES, ids=str)
    def test_sizes(self, student, draw, expect, oracle, shape):
        """random images of size (N, C, H, W)"""
        x = spread_out(draw, *shape, axes=PICTURE)
        self.check(student, expect, oracle, x, draw.normal(shape[1]), draw.normal(shape[1]))

    @pytest.mark.part("y")
    @pytest.mark.parametrize("eps", [1e-2, 0.5], ids="eps={}".format)
    def test_eps(self, student, draw, expect, oracle, eps):
        """another eps"""
        x = spread_out(draw, 2, 3, 2, 4, axes=PICTURE)
        args = (x, draw.normal(3), draw.normal(3))
        self.check(student, expect, oracle, *args, eps=eps)

    @pytest.mark.part("y")
    def test_no_variance(self, student, draw, expect, oracle):
        """a channel of one image whose pixels are equal, two with a tiny variance"""
        x = spread_out(draw, 2, 3, 2, 4, axes=PICTURE)
        x[0, 1], x[1, 0], x[1, 2] = 2.0, 0.001 * x[1, 0], 0.01 * x[1, 2]
        self.check(student, expect, oracle, x, draw.normal(3), draw.normal(3))

    @pytest.mark.part("y")
    @pytest.mark.parametrize("kind", [*LAYOUTS, "expanded", "channels last"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        x = laid_out(draw, spread_out(draw, 2, 3, 4, 5, axes=PICTURE), kind)
        params = [draw.layout(draw.normal(3), "strided") for _ in range(2)]
        self.check(student, expect, oracle, x, *params)

    @pytest.mark.part("y")
    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        x = spread_out(draw, 2, 3, 4, 5, axes=PICTURE, dtype=torch.float32)
        args = (x, *(draw.normal(3, dtype=torch.float32) for _ in range(2)))
        self.check(student, expect, oracle, *args)

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("shape", [(2, 3, 2, 4), (1, 2, 3, 3)], ids=str)
    def test_far_from_zero(self, student, draw, expect, oracle, shape):
        """data far from 0"""
        x = far_from_zero(draw, *shape, axes=PICTURE)
        args = (x, draw.normal(shape[1]), draw.normal(shape[1]))
        right = oracle(instancenorm, *args)
        expect(student.instancenorm_forward(*args), right, name="stability", **rounding(draw))


GROUPS = [
    ((2, 6, 4, 5), 3), ((2, 6, 4, 5), 2), ((3, 4, 2, 3), 1), ((2, 3, 4, 2), 3), ((4, 4, 4, 4), 2),
    ((1, 8, 3, 2), 2), ((3, 4, 1, 1), 2), ((2, 1, 3, 2), 1), ((2, 4, 1, 1), 4),
]  # fmt: skip


def grouped(draw, *shape, groups, **options):
    """Return images whose groups have random means and deviations."""
    N, C, H, W = shape
    x = spread_out(draw, N, groups, C // groups, H, W, axes=(2, 3, 4), **options)
    return x.reshape(shape)


@pytest.mark.exercise("groupnorm_forward", parts=FORWARD)
class TestGroupnormForward:
    """Group normalisation"""

    def check(self, student, expect, oracle, *args, **options):
        y = student.groupnorm_forward(*args, **options)
        expect(y, oracle(groupnorm, *args, **options), name="y")

    @pytest.mark.part("y")
    @pytest.mark.parametrize(("shape", "groups"), GROUPS, ids=str)
    def test_sizes(self, student, draw, expect, oracle, shape, groups):
        """random images of size (N, C, H, W), number of groups"""
        x = grouped(draw, *shape, groups=groups)
        self.check(student, expect, oracle, x, groups, draw.normal(shape[1]), draw.normal(shape[1]))

    @pytest.mark.part("y")
    @pytest.mark.parametrize("eps", [1e-2, 0.5], ids="eps={}".format)
    def test_eps(self, student, draw, expect, oracle, eps):
        """another eps"""
        x = grouped(draw, 2, 6, 2, 4, groups=2)
        args = (x, 2, draw.normal(6), draw.normal(6))
        self.check(student, expect, oracle, *args, eps=eps)

    @pytest.mark.part("y")
    def test_no_variance(self, student, draw, expect, oracle):
        """a group of one image whose values are equal, two with a tiny variance"""
        x = grouped(draw, 2, 6, 2, 2, groups=3)
        x[0, :2], x[1, :2], x[1, 2:4] = 2.0, 0.001 * x[1, :2], 0.01 * x[1, 2:4]
        self.check(student, expect, oracle, x, 3, draw.normal(6), draw.normal(6))

    @pytest.mark.part("y")
    @pytest.mark.parametrize("kind", [*LAYOUTS, "expanded", "channels last"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        x = laid_out(draw, grouped(draw, 2, 6, 4, 5, groups=3), kind)
        params = [draw.layout(draw.normal(6), "strided") for _ in range(2)]
        self.check(student, expect, oracle, x, 3, *params)

    @pytest.mark.part("y")
    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        x = grouped(draw, 2, 6, 4, 5, groups=2, dtype=torch.float32)
        gamma, beta = (draw.normal(6, dtype=torch.float32) for _ in range(2))
        self.check(student, expect, oracle, x, 2, gamma, beta)

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("groups", [1, 2], ids="G={}".format)
    def test_far_from_zero(self, student, draw, expect, oracle, groups):
        """data far from 0"""
        x = far_from_zero(draw, 2, groups, 4 // groups, 2, 3, axes=(2, 3, 4)).reshape(2, 4, 2, 3)
        args = (x, groups, draw.normal(4), draw.normal(4))
        right = oracle(groupnorm, *args)
        expect(student.groupnorm_forward(*args), right, name="stability", **rounding(draw))


@pytest.mark.exercise("groupnorm_backward", parts=GRADS)
class TestGroupnormBackward:
    """Backward pass of group normalisation"""

    def check(self, student, expect, oracle, *args, **options):
        grads = student.groupnorm_backward(*args, **options)
        check_grads(expect, grads, oracle(groupnorm_grads, *args, **options))

    @pytest.mark.parametrize(("shape", "groups"), GROUPS, ids=str)
    def test_sizes(self, student, draw, expect, oracle, shape, groups):
        """random images of size (N, C, H, W), number of groups"""
        x = grouped(draw, *shape, groups=groups)
        self.check(student, expect, oracle, draw.normal(*shape), x, groups, draw.normal(shape[1]))

    @pytest.mark.parametrize("eps", [1e-2, 0.5], ids="eps={}".format)
    def test_eps(self, student, draw, expect, oracle, eps):
        """another eps"""
        x = grouped(draw, 2, 6, 2, 4, groups=2)
        args = (draw.normal(2, 6, 2, 4), x, 2, draw.normal(6))
        self.check(student, expect, oracle, *args, eps=eps)

    def test_no_variance(self, student, draw, expect, oracle):
        """a group of one image whose values are equal, one with a tiny variance"""
        x = grouped(draw, 2, 6, 2, 2, groups=3)
        x[0, :2], x[1, 2:4] = 2.0, 0.01 * x[1, 2:4]
        self.check(student, expect, oracle, draw.normal(2, 6, 2, 2), x, 3, draw.normal(6))

    @pytest.mark.parametrize("kind", [*LAYOUTS, "channels last"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        grad_y, x = draw.normal(2, 6, 4, 5), grouped(draw, 2, 6, 4, 5, groups=3)
        grad_y, x = laid_out(draw, grad_y, kind), laid_out(draw, x, kind)
        self.check(student, expect, oracle, grad_y, x, 3, draw.layout(draw.normal(6), "strided"))

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        grad_y = draw.normal(2, 6, 4, 5, dtype=torch.float32)
        x = grouped(draw, 2, 6, 4, 5, groups=2, dtype=torch.float32)
        self.check(student, expect, oracle, grad_y, x, 2, draw.normal(6, dtype=torch.float32))


# --- initialisation ---------------------------------------------------------------------------
# What is compared are coarse facts that hold for whatever numbers a student draws: with tens of
# thousands of entries each is at least five standard deviations from its rounding edge.

RANDOM = {"weight": 3, "generator": 1}
FANS = [(240, 100), (100, 240), (150, 150)]
SMALL_FANS = [(1, 1), (1, 40), (40, 1), (3, 2)]


def check_shape(expect, weight, shape, part="weight"):
    """The right shape, in floating point, finite and not all zero."""
    facts = [list(weight.shape), weight.is_floating_point(), bool(weight.isfinite().all())]
    expect([*facts, bool(weight.any())], [list(shape), True, True, True], name=part)


def percent_of(bound, weight):
    """Return the size of the largest entry in percent of the bound, at most 200."""
    return min(200, round(100 * float(weight.double().abs().max()) / bound))


def share(facts, parts):
    """Return the share of True among `facts`, as the nearest whole number of `parts`-ths."""
    return round(parts * float(facts.double().mean()))


def lines_are_independent(weight, std):
    """Whether the means of all rows and columns are as small as those of independent entries."""
    weight = weight.double()
    rows = weight.mean(1).abs().max() * math.sqrt(weight.shape[1])
    columns = weight.mean(0).abs().max() * math.sqrt(weight.shape[0])
    return bool(max(rows, columns) < 7 * std)


def check_uniform(expect, weight, shape, bound, part="weight"):
    """Uniform on [-bound, bound], entry by entry."""
    check_shape(expect, weight, shape, part)
    expect(percent_of(bound, weight), 100, name=part)
    expect(bool(weight.double().abs().max() <= bound * 1.000001), expected=True, name=part)
    expect(share(weight.abs() < bound / 2, 20), 10, name=part)
    expect(share(weight > 0, 20), 10, name=part)
    expect(lines_are_independent(weight, bound / math.sqrt(3)), expected=True, name=part)


def check_generator(draw, expect, function):
    """The same state gives the same weight, another one another, also if the seed is the same."""
    generator, other = draw.generator(), draw.generator()
    sources = (generator, generator, other, draw.advanced(generator))
    first, again, different, later = (function(5, 3, source) for source in sources)
    check_shape(expect, first, (5, 3), "generator")
    expect(torch.equal(first, again), expected=True, name="generator")
    expect(torch.equal(first, different), expected=False, name="generator")
    expect(torch.equal(first, later), expected=False, name="generator")


@pytest.mark.exercise("kaiming_uniform", parts=RANDOM)
class TestKaimingUniform:
    """Kaiming initialisation, uniform"""

    @pytest.mark.part("weight")
    @pytest.mark.parametrize("fans", FANS, ids=str)
    def test_large(self, student, draw, expect, fans):
        """shape, largest entry in percent of the bound, distribution: (fan_out, fan_in)"""
        weight = student.kaiming_uniform(*fans, draw.generator())
        check_uniform(expect, weight, fans, math.sqrt(6 / fans[1]))

    @pytest.mark.part("weight")
    @pytest.mark.parametrize("fans", SMALL_FANS, ids=str)
    def test_small(self, student, draw, expect, fans):
        """shape and bound of a small weight: (fan_out, fan_in)"""
        weight = student.kaiming_uniform(*fans, draw.generator())
        check_shape(expect, weight, fans)
        expect(percent_of(math.sqrt(6 / fans[1]), weight) <= 100, expected=True, name="weight")

    @pytest.mark.part("generator")
    def test_generator(self, student, draw, expect):
        """the same generator state gives the same weight, another one another"""
        check_generator(draw, expect, student.kaiming_uniform)


@pytest.mark.exercise("kaiming_normal", parts=RANDOM)
class TestKaimingNormal:
    """Kaiming initialisation, normal"""

    @pytest.mark.part("weight")
    @pytest.mark.parametrize("fans", [(300, 200), (200, 300), (250, 250)], ids=str)
    def test_large(self, student, draw, expect, fans):
        """shape, standard deviation (16 steps a doubling, 0 is right), distribution: the fans"""
        weight, std = student.kaiming_normal(*fans, draw.generator()), math.sqrt(2 / fans[1])
        check_shape(expect, weight, fans)
        size = float(weight.double().square().mean().sqrt()) / std
        expect(round(32 * math.log2(size)) if size > 0 else None, 0, name="weight")
        expect(share(weight.abs() < 0.67449 * std, 20), 10, name="weight")
        expect(bool((weight.abs() > 3 * std).any()), expected=True, name="weight")
        expect(share(weight > 0, 20), 10, name="weight")
        expect(lines_are_independent(weight, std), expected=True, name="weight")

    @pytest.mark.part("weight")
    @pytest.mark.parametrize("fans", SMALL_FANS, ids=str)
    def test_small(self, student, draw, expect, fans):
        """shape of a small weight: (fan_out, fan_in)"""
        check_shape(expect, student.kaiming_normal(*fans, draw.generator()), fans)

    @pytest.mark.part("generator")
    def test_generator(self, student, draw, expect):
        """the same generator state gives the same weight, another one another"""
        check_generator(draw, expect, student.kaiming_normal)


@pytest.mark.exercise("xavier_uniform", parts={"weight": 3, "gain": 1, "generator": 1})
class TestXavierUniform:
    """Xavier initialisation"""

    @pytest.mark.part("weight")
    @pytest.mark.parametrize("fans", FANS, ids=str)
    def test_large(self, student, draw, expect, fans):
        """shape, largest entry in percent of the bound, distribution: (fan_out, fan_in)"""
        weight = student.xavier_uniform(*fans, draw.generator())
        check_uniform(expect, weight, fans, math.sqrt(6 / sum(fans)))

    @pytest.mark.part("weight")
    @pytest.mark.parametrize("fans", SMALL_FANS, ids=str)
    def test_small(self, student, draw, expect, fans):
        """shape and bound of a small weight: (fan_out, fan_in)"""
        weight = student.xavier_uniform(*fans, draw.generator())
        check_shape(expect, weight, fans)
        expect(percent_of(math.sqrt(6 / sum(fans)), weight) <= 100, expected=True, name="weight")

    @pytest.mark.part("gain")
    @pytest.mark.parametrize("gain", [0.2, math.sqrt(2), 5 / 3], ids="gain={:.2f}".format)
    def test_gain(self, student, draw, expect, gain):
        """largest entry in percent of the bound, distribution"""
        weight = student.xavier_uniform(120, 200, draw.generator(), gain=gain)
        check_uniform(expect, weight, (120, 200), gain * math.sqrt(6 / 320), "gain")

    @pytest.mark.part("generator")
    def test_generator(self, student, draw, expect):
        """the same generator state gives the same weight, another one another"""
        check_generator(draw, expect, student.xavier_uniform)


# --- dropout ----------------------------------------------------------------------------------

DROPOUT = {"y": 2, "mask": 2, "evaluation": 1, "extremes": 1, "generator": 1}
ANY_SHAPE = [(300,), (20, 15), (15, 15), (1, 200), (5, 4, 12), (2, 3, 5, 8)]


def away_from_zero(draw, *shape, dtype=None):
    """Return values of either sign, none of them near 0."""
    sign = 2 * draw.integers(*shape, high=2) - 1
    return sign * draw.uniform(*shape, low=0.5, high=2.0, dtype=dtype)


@pytest.mark.exercise("dropout_forward", parts=DROPOUT)
class TestDropoutForward:
    """Dropout"""

    def check_values(self, student, draw, expect, x, p):
        """What is kept was multiplied by 1 / (1 - p), the rest is 0, both happen."""
        y, mask = student.dropout_forward(x, p, draw.generator(), training=True)
        expect([list(y.shape), list(mask.shape)], [list(x.shape)] * 2, name="y")
        kept = mask.bool()
        factors = y[kept] / x[kept]
        factor = torch.full((2,), 1 / (1 - p), dtype=x.dtype, device=x.device)
        expect(torch.stack([factors.min(), factors.max()]), factor, name="y")
        expect(y[~kept].abs().max(), torch.zeros_like(factor[0]), name="y")

    @pytest.mark.part("y")
    @pytest.mark.parametrize("shape", ANY_SHAPE, ids=str)
    def test_sizes(self, student, draw, expect, shape):
        """what becomes of each entry, given your mask: shape"""
        self.check_values(student, draw, expect, away_from_zero(draw, *shape), 0.4)

    @pytest.mark.part("y")
    @pytest.mark.parametrize("p", [0.2, 0.5, 0.75], ids="p={}".format)
    def test_probability(self, student, draw, expect, p):
        """what becomes of each entry, given your mask"""
        self.check_values(student, draw, expect, away_from_zero(draw, 20, 15), p)

    @pytest.mark.part("y")
    @pytest.mark.parametrize("kind", [*LAYOUTS, "expanded"])
    def test_layout(self, student, draw, expect, kind):
        """another memory layout"""
        x = draw.layout(away_from_zero(draw, 20, 15), kind)
        self.check_values(student, draw, expect, x, 0.3)

    @pytest.mark.part("y")
    def test_float32(self, student, draw, expect):
        """float32"""
        x = away_from_zero(draw, 20, 15, dtype=torch.float32)
        self.check_values(student, draw, expect, x, 0.3)

    @pytest.mark.part("mask")
    @pytest.mark.parametrize("p", [0.1, 0.3, 0.75], ids="p={}".format)
    def test_share(self, student, draw, expect, p):
        """how many of 40 000 entries are kept, in fortieths; rows and columns alike"""
        x = draw.normal(200, 200)
        _, mask = student.dropout_forward(x, p, draw.generator(), training=True)
        expect([str(mask.dtype), list(mask.shape)], ["torch.bool", [200, 200]], name="mask")
        expect(share(mask, 40), round(40 * (1 - p)), name="mask")
        spread = lines_are_independent(mask.double() - (1 - p), math.sqrt(p * (1 - p)))
        expect(spread, expected=True, name="mask")

    @pytest.mark.part("mask")
    def test_images(self, student, draw, expect):
        """pixels of images: entries are dropped, not whole channels or images"""
        x = draw.normal(8, 5, 20, 20)
        _, mask = student.dropout_forward(x, 0.5, draw.generator(), training=True)
        expect([str(mask.dtype), list(mask.shape)], ["torch.bool", [8, 5, 20, 20]], name="mask")
        centred = mask.double() - 0.5
        expect(lines_are_independent(centred.reshape(40, 400), 0.5), expected=True, name="mask")
        expect(lines_are_independent(centred.reshape(8, 2000), 0.5), expected=True, name="mask")

    @pytest.mark.part("mask")
    def test_zeros(self, student, draw, expect):
        """entries that are 0 are kept as often as others, in fortieths"""
        x = torch.zeros(200, 200, dtype=draw.dtype, device=draw.device)
        x[::2] = 1.0
        _, mask = student.dropout_forward(x, 0.25, draw.generator(), training=True)
        expect([share(mask[::2], 40), share(mask[1::2], 40)], [30, 30], name="mask")

    @pytest.mark.part("mask")
    def test_counts(self, student, draw, expect):
        """how many of eight entries are kept differs from draw to draw"""
        x, sources = draw.normal(8), [draw.generator() for _ in range(24)]
        masks = [student.dropout_forward(x, 0.5, one, training=True)[1] for one in sources]
        expect(len({int(mask.sum()) for mask in masks}) > 1, expected=True, name="mask")

    @pytest.mark.part("evaluation")
    @pytest.mark.parametrize("p", [0.2, 0.5, 0.9], ids="p={}".format)
    def test_evaluation(self, student, draw, expect, p):
        """evaluation changes nothing and keeps everything, training does not"""
        x, source = draw.normal(20, 15), draw.generator()
        y, mask = student.dropout_forward(x, p, source, training=False)
        expect(y, x, name="evaluation")
        expect(mask, torch.ones_like(x, dtype=torch.bool), name="evaluation")
        y, _ = student.dropout_forward(x, p, source, training=True)
        expect(torch.equal(y.to(x), x), expected=False, name="evaluation")

    @pytest.mark.part("extremes")
    @pytest.mark.parametrize("shape", [(3, 4), (7,)], ids=str)
    def test_extremes(self, student, draw, expect, shape):
        """p = 0 drops nothing, p = 1 everything"""
        x = draw.normal(*shape)
        y, mask = student.dropout_forward(x, 0.0, draw.generator(), training=True)
        expect(y, x, name="extremes")
        expect(mask, torch.ones_like(x, dtype=torch.bool), name="extremes")
        y, mask = student.dropout_forward(x, 1.0, draw.generator(), training=True)
        expect(y, torch.zeros_like(x), name="extremes")
        expect(mask, torch.zeros_like(x, dtype=torch.bool), name="extremes")

    @pytest.mark.part("generator")
    def test_generator(self, student, draw, expect):
        """the same generator state gives the same mask, another one another"""
        x, generator, other = draw.normal(10, 12), draw.generator(), draw.generator()
        first, again, different, later = (
            student.dropout_forward(x, 0.5, source, training=True)[1].bool()
            for source in (generator, generator, other, draw.advanced(generator))
        )
        facts = [list(first.shape), bool(first.any()), bool(first.all())]
        expect(facts, [[10, 12], True, False], name="generator")
        expect(torch.equal(first, again), expected=True, name="generator")
        expect(torch.equal(first, different), expected=False, name="generator")
        expect(torch.equal(first, later), expected=False, name="generator")


def dropout_grad(grad_y, mask, p):
    def forward(x):
        return torch.where(mask, x, torch.zeros_like(x)) * (1 / (1 - p))

    return grads_of(forward, (torch.zeros_like(grad_y),), grad_y)[0]


@pytest.mark.exercise("dropout_backward", parts={"grad_x": 2, "extremes": 1})
class TestDropoutBackward:
    """Backward pass of dropout"""

    def check(self, student, expect, oracle, *args):
        expect(student.dropout_backward(*args), oracle(dropout_grad, *args), name="grad_x")

    @pytest.mark.part("grad_x")
    @pytest.mark.parametrize("shape", [(9,), (5, 4), (4, 4), (1, 6), (2, 3, 5, 4)], ids=str)
    def test_sizes(self, student, draw, expect, oracle, shape):
        """random gradients: shape"""
        mask = draw.uniform(*shape) > 0.4
        self.check(student, expect, oracle, draw.normal(*shape), mask, 0.4)

    @pytest.mark.part("grad_x")
    @pytest.mark.parametrize("p", [0.1, 0.5, 0.75], ids="p={}".format)
    def test_probability(self, student, draw, expect, oracle, p):
        """a mask that does not keep just the share 1 - p, zeros from above"""
        grad_y, mask = draw.normal(6, 5), draw.uniform(6, 5) > 0.5
        grad_y[2], grad_y[:, 3] = 0.0, 0.0
        self.check(student, expect, oracle, grad_y, mask, p)

    @pytest.mark.part("grad_x")
    @pytest.mark.parametrize("keeps", [True, False], ids=["kept", "dropped"])
    def test_all(self, student, draw, expect, oracle, keeps):
        """everything was kept, or dropped, by chance"""
        grad_y = draw.normal(4, 3)
        mask = torch.full((4, 3), keeps, device=draw.device)
        self.check(student, expect, oracle, grad_y, mask, 0.3)

    @pytest.mark.part("grad_x")
    @pytest.mark.parametrize("kind", [*LAYOUTS, "expanded"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        mask = draw.layout(draw.uniform(5, 4) > 0.5, kind)
        self.check(student, expect, oracle, draw.layout(draw.normal(5, 4), kind), mask, 0.5)

    @pytest.mark.part("grad_x")
    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        mask = draw.uniform(5, 4) > 0.5
        self.check(student, expect, oracle, draw.normal(5, 4, dtype=torch.float32), mask, 0.3)

    @pytest.mark.part("extremes")
    @pytest.mark.parametrize("shape", [(3, 4), (7,)], ids=str)
    def test_extremes(self, student, draw, expect, shape):
        """p = 0 lets all of the gradient pass, p = 1 none of it"""
        grad_y = draw.normal(*shape)
        mask = torch.zeros(shape, dtype=torch.bool, device=draw.device)
        zeros = torch.zeros_like(grad_y)
        expect(student.dropout_backward(grad_y, ~mask, 0.0), grad_y, name="extremes")
        expect(student.dropout_backward(grad_y, mask, 1.0), zeros, name="extremes")


# --- residual blocks --------------------------------------------------------------------------

RESIDUAL = {"grad_x": 2, "grad_W_1": 1, "grad_W_2": 1}


def residual_grads(grad_y, x, W_1, W_2):
    def forward(x, W_1, W_2):
        return x + torch.relu(x @ W_1.T) @ W_2.T

    return grads_of(forward, (x, W_1, W_2), grad_y)


@pytest.mark.exercise("residual_backward", parts=RESIDUAL)
class TestResidualBackward:
    """Backward pass of a residual block"""

    def check(self, student, expect, oracle, *args):
        grad_x, grad_W_1, grad_W_2 = student.residual_backward(*args)
        expected = oracle(residual_grads, *args)
        for name, grad, right in zip(RESIDUAL, (grad_x, grad_W_1, grad_W_2), expected, strict=True):
            expect(grad, right, name=name)

    def block(self, draw, n, D, hidden, dtype=None):
        return (
            draw.normal(n, D, dtype=dtype),
            draw.normal(n, D, dtype=dtype),
            draw.normal(hidden, D, dtype=dtype),
            draw.normal(D, hidden, dtype=dtype),
        )

    @pytest.mark.parametrize(
        "sizes", [(5, 3, 4), (1, 3, 6), (4, 4, 4), (3, 1, 5), (6, 5, 2)], ids=str
    )
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """random block of size (N, D, n)"""
        self.check(student, expect, oracle, *self.block(draw, *sizes))

    def test_idle(self, student, draw, expect, oracle):
        """units that are never active, and a second weight of zeros"""
        grad_y, x, W_1, W_2 = self.block(draw, 5, 3, 4)
        self.check(
            student,
            expect,
            oracle,
            grad_y,
            x.abs(),
            W_1.abs() * numbers(draw, [[1], [-1], [1], [-1]]),
            W_2,
        )
        self.check(student, expect, oracle, grad_y, x, W_1, 0 * W_2)

    def test_kink(self, student, draw, expect, oracle):
        """inputs at the kink"""
        grad_y, x, W_1, W_2 = self.block(draw, 5, 3, 4)
        x[1], W_1[2] = 0.0, 0.0
        self.check(student, expect, oracle, grad_y, x, W_1, W_2)

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        args = [draw.layout(one, kind) for one in self.block(draw, 5, 3, 4)]
        self.check(student, expect, oracle, *args)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        self.check(student, expect, oracle, *self.block(draw, 5, 3, 4, torch.float32))
