"""The reference of the topic `convolution` against second opinions that its suites do not use.

Finite differences, the adjoint identity, the Fourier transform, scipy, and what must hold for any
convolution: the hidden suite compares with torch's own operators instead.
"""

import itertools
from pathlib import Path

import pytest
import torch

from autograder.checks.bank import load

ROOT = Path(__file__).parents[2]
F = torch.nn.functional
LAYERS = [(1, 0), (1, 1), (2, 0), (2, 1), (3, 2), (1, 3)]  # stride, padding


@pytest.fixture(scope="module")
def reference():
    return load(ROOT, "convolution").solution


@pytest.fixture
def normal():
    generator = torch.Generator().manual_seed(7)
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)


def slopes(function, x, h=1e-5):
    """Return the gradient of a scalar function by central differences."""
    grad = torch.zeros_like(x)
    for place in range(x.numel()):
        step = torch.zeros(x.numel(), dtype=x.dtype)
        step[place] = h
        step = step.reshape(x.shape)
        grad.view(-1)[place] = (function(x + step) - function(x - step)) / (2 * h)
    return grad


def assert_close(one, other):
    torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-8)


# --- counting ---------------------------------------------------------------------------------


def test_conv_out_size_is_the_length_of_an_unfold(reference):
    for size, kernel, stride, padding in itertools.product(
        range(1, 8), range(1, 6), (1, 2, 3), (0, 2)
    ):
        if kernel > size + 2 * padding:
            with pytest.raises(ValueError, match="does not fit"):
                reference["conv_out_size"](size, kernel, stride, padding)
        else:
            windows = torch.zeros(size + 2 * padding).unfold(0, kernel, stride)
            assert reference["conv_out_size"](size, kernel, stride, padding) == len(windows)


@pytest.mark.parametrize(
    "layers", [[(3, 1)] * 3, [(5, 1), (2, 2), (5, 1), (2, 2)], [(3, 2), (4, 1), (3, 3)]]
)
def test_receptive_field_is_where_the_gradient_is(reference, layers):
    x = torch.zeros(1, 1, 400, dtype=torch.float64, requires_grad=True)
    y = x
    for kernel, stride in layers:
        y = F.conv1d(y, torch.ones(1, 1, kernel, dtype=torch.float64), stride=stride)
    (grad,) = torch.autograd.grad(y[0, 0, y.shape[2] // 2], x)
    seen = grad[0, 0].nonzero().reshape(-1)
    assert reference["receptive_field"](layers) == int(seen[-1] - seen[0]) + 1


def test_cnn_shapes_agree_with_the_other_two(reference):
    layers = [("conv", 6, 5, 1, 0), ("pool", 2, 2), ("conv", 16, 5, 1, 0), ("pool", 2, 2)]
    shapes, params = reference["cnn_shapes"]((1, 32, 32), layers)
    size = 32
    for (kind, *numbers), shape in zip(layers, shapes, strict=True):
        kernel, stride = numbers[1:3] if kind == "conv" else numbers
        size = reference["conv_out_size"](size, kernel, stride)
        assert shape[1:] == (size, size)
    assert params == [reference["conv_params"](1, 6, 5), 0, reference["conv_params"](6, 16, 5), 0]


# --- one image, one kernel --------------------------------------------------------------------


def test_both_convolutions_agree_with_scipy(reference, normal):
    signal = pytest.importorskip("scipy.signal")
    for shape, kernel in [((6, 7), (3, 2)), ((5, 5), (5, 1)), ((4, 6), (1, 1))]:
        x, k = normal(*shape), normal(*kernel)
        assert_close(
            reference["corr2d"](x, k), torch.tensor(signal.correlate2d(x, k, mode="valid"))
        )
        assert_close(
            reference["true_conv2d"](x, k), torch.tensor(signal.convolve2d(x, k, mode="valid"))
        )


def test_true_convolution_is_a_product_of_spectra_and_commutes(reference, normal):
    x, k = normal(6, 7), normal(3, 2)
    size = (8, 8)
    full = torch.fft.irfft2(torch.fft.rfft2(x, s=size) * torch.fft.rfft2(k, s=size), s=size)
    assert_close(reference["true_conv2d"](x, k), full[2:6, 1:7])
    framed_x, framed_k = F.pad(x, (1, 1, 2, 2)), F.pad(k, (6, 6, 5, 5))
    assert_close(reference["true_conv2d"](framed_x, k), reference["true_conv2d"](framed_k, x))


# --- the layer --------------------------------------------------------------------------------


@pytest.mark.parametrize(("stride", "padding"), LAYERS)
def test_conv2d_is_bilinear_and_its_gradients_are_its_adjoints(reference, normal, stride, padding):
    options = {"stride": stride, "padding": padding}
    x, weight, bias = normal(2, 3, 5, 6), normal(4, 3, 3, 2), normal(4)
    y = reference["conv2d_forward"](x, weight, bias, **options)
    grad_y = torch.randn(y.shape, generator=torch.Generator().manual_seed(1), dtype=y.dtype)
    grads = reference["conv2d_backward"](grad_y, x, weight, **options)
    linear = reference["conv2d_forward"](x, weight, 0 * bias, **options)
    constant = reference["conv2d_forward"](0 * x, weight, bias, **options)
    assert_close((grads[0] * x).sum(), (grad_y * linear).sum())
    assert_close((grads[1] * weight).sum(), (grad_y * linear).sum())
    assert_close((grads[2] * bias).sum(), (grad_y * constant).sum())


@pytest.mark.parametrize(("stride", "padding"), LAYERS)
def test_conv2d_backward_is_the_slope_of_the_forward_pass(reference, normal, stride, padding):
    options = {"stride": stride, "padding": padding}
    args = [normal(2, 2, 4, 5), normal(3, 2, 3, 2), normal(3)]
    grad_y = normal(*reference["conv2d_forward"](*args, **options).shape)
    grads = reference["conv2d_backward"](grad_y, *args[:2], **options)
    for place, grad in enumerate(grads):

        def loss(one, place=place):
            changed = [*args[:place], one, *args[place + 1 :]]
            return (grad_y * reference["conv2d_forward"](*changed, **options)).sum()

        assert_close(grad, slopes(loss, args[place]))


def test_conv2d_moves_with_the_image(reference, normal):
    x, weight, bias = normal(1, 2, 9, 9), normal(3, 2, 3, 3), normal(3)
    y = reference["conv2d_forward"](x, weight, bias, stride=2)
    moved = reference["conv2d_forward"](x.roll((2, 2), (2, 3)), weight, bias, stride=2)
    assert_close(moved[:, :, 1:, 1:], y[:, :, :-1, :-1])


def test_conv2d_is_a_sum_of_corr2d(reference, normal):
    x, weight, bias = normal(2, 3, 5, 6), normal(4, 3, 3, 2), normal(4)
    y = reference["conv2d_forward"](x, weight, bias)
    for n, f in itertools.product(range(2), range(4)):
        maps = [reference["corr2d"](x[n, c], weight[f, c]) for c in range(3)]
        assert_close(y[n, f], sum(maps) + bias[f])


# --- pooling ----------------------------------------------------------------------------------

POOLS = [(2, 2, 0), (3, 1, 0), (3, 2, 1), (2, 3, 0), (1, 2, 0), (4, 2, 2)]


@pytest.mark.parametrize(("kernel_size", "stride", "padding"), POOLS)
def test_maxpool2d_backward_is_the_slope_of_the_forward_pass(
    reference, normal, kernel_size, stride, padding
):
    x = normal(2, 2, 5, 6)
    y = reference["maxpool2d_forward"](x, kernel_size, stride, padding=padding)
    grad_y = normal(*y.shape)

    def loss(x):
        return (
            grad_y * reference["maxpool2d_forward"](x, kernel_size, stride, padding=padding)
        ).sum()

    grad_x = reference["maxpool2d_backward"](grad_y, x, kernel_size, stride, padding=padding)
    assert_close(grad_x, slopes(loss, x))
    assert_close(grad_x.sum(), grad_y.sum())


@pytest.mark.parametrize(("kernel_size", "stride", "padding"), [one for one in POOLS if not one[2]])
def test_avgpool2d_is_a_convolution_and_its_gradient_the_adjoint(
    reference, normal, kernel_size, stride, padding
):
    del padding
    x = normal(2, 3, 5, 6)
    y = reference["avgpool2d_forward"](x, kernel_size, stride)
    box = torch.full((1, 1, kernel_size, kernel_size), 1 / kernel_size**2, dtype=x.dtype)
    zero = torch.zeros(1, dtype=x.dtype)
    flat = reference["conv2d_forward"](x.reshape(6, 1, 5, 6), box, zero, stride=stride)
    assert_close(y, flat.reshape(y.shape))
    grad_y = normal(*y.shape)
    grad_x = reference["avgpool2d_backward"](grad_y, x, kernel_size, stride)
    assert_close((grad_x * x).sum(), (grad_y * y).sum())
    assert_close(
        grad_x,
        slopes(
            lambda x: (grad_y * reference["avgpool2d_forward"](x, kernel_size, stride)).sum(), x
        ),
    )


def test_max_is_never_below_mean(reference, normal):
    x = normal(2, 3, 7, 8)
    largest, mean = reference["maxpool2d_forward"](x, 3, 2), reference["avgpool2d_forward"](x, 3, 2)
    assert bool((largest > mean).all())
    low = reference["maxpool2d_forward"](-x.abs() - 1, 3, 2, padding=1)
    assert bool((low <= -1).all())


# --- as a matrix product ----------------------------------------------------------------------


@pytest.mark.parametrize(("stride", "padding"), LAYERS)
def test_the_four_exercises_on_columns_make_the_layer(reference, normal, stride, padding):
    options = {"stride": stride, "padding": padding}
    x, weight, bias = normal(2, 3, 5, 6), normal(4, 3, 3, 2), normal(4)
    y = reference["conv2d_forward"](x, weight, bias, **options)
    cols = reference["im2col"](x, (3, 2), stride, padding)
    assert_close(reference["conv2d_cols_forward"](cols, weight, bias, tuple(y.shape[2:])), y)
    grad_y = normal(*y.shape)
    grad_cols, *others = reference["conv2d_cols_backward"](grad_y, cols, weight)
    grad_x = reference["col2im"](grad_cols, tuple(x.shape), (3, 2), stride, padding)
    for one, right in zip(
        (grad_x, *others), reference["conv2d_backward"](grad_y, x, weight, **options), strict=True
    ):
        assert_close(one, right)


@pytest.mark.parametrize(("stride", "padding"), LAYERS)
def test_col2im_is_the_transpose_of_im2col(reference, normal, stride, padding):
    x = normal(2, 3, 5, 6)
    columns = reference["im2col"](x, (3, 2), stride, padding)
    cols = normal(*columns.shape)
    image = reference["col2im"](cols, tuple(x.shape), (3, 2), stride, padding)
    assert_close((cols * columns).sum(), (image * x).sum())


# --- training ---------------------------------------------------------------------------------


def test_train_cnn_takes_the_steps_of_torch(reference, normal):
    network = load(ROOT, "convolution").support["small_cnn"]()
    shapes = [(2, 1, 3, 3), (2,), (3, 2, 3, 3), (3,), (3, 12), (3,)]
    params = [0.5 * normal(*shape) for shape in shapes]
    x, y = normal(7, 1, 8, 8), torch.tensor([0, 1, 2, 0, 1, 2, 0])
    orders = torch.stack([torch.arange(7), torch.arange(7).flip(0)])
    kept = [param.clone() for param in params]
    trained = reference["train_cnn"](
        network, params, x, y, orders, batch_size=3, lr=0.05, momentum=0.9
    )
    theirs = [param.clone().requires_grad_() for param in params]
    optimizer = torch.optim.SGD(theirs, lr=0.05, momentum=0.9)
    for batch in (rows for order in orders for rows in order.split(3)):
        optimizer.zero_grad()
        F.cross_entropy(network(x[batch], theirs), y[batch]).backward()
        optimizer.step()
    for mine, their, param, before in zip(trained, theirs, params, kept, strict=True):
        assert_close(mine, their.detach())
        assert not mine.requires_grad
        assert torch.equal(param, before)
        assert not param.requires_grad
