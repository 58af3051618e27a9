"""Convolutional networks by hand: the checks that students run too."""

import math

import pytest
import torch


def numbers(draw, values):
    return torch.tensor(values, dtype=draw.dtype, device=draw.device)


def image(draw, rows):
    """Return a batch of one image with one channel."""
    return numbers(draw, [[rows]])


def counting(draw):
    """Return the image 1 to 9 of the handout."""
    return image(draw, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])


def mountains(draw):
    """Return the image of the handout's pooling exercises."""
    return image(draw, [[1.0, 2.0, 5.0], [4.0, 3.0, 0.0], [-1.0, 7.0, 6.0]])


@pytest.mark.exercise("conv_out_size", parts={"size": 2, "too_large": 1})
class TestConvOutSize:
    """How many windows fit"""

    def test_worked_numbers(self, student, expect):
        """the worked numbers of the handout"""
        expect(student.conv_out_size(32, 5), 28, name="size")
        expect(student.conv_out_size(6, 3, 2, 1), 3, name="size")

    def test_same_padding(self, student, expect):
        """a padding that keeps the size"""
        expect(student.conv_out_size(10, 7, 1, 3), 10, name="size")

    @pytest.mark.part("too_large")
    def test_too_large(self, student, expect):
        """a window as large as the padded image, and one that is larger"""
        expect(student.conv_out_size(3, 5, 1, 1), 1, name="too_large")
        expect(student.conv_out_size(6, 5, 1, 1), 4, name="too_large")
        expect.raises(ValueError, student.conv_out_size, 3, 6, 1, 1, name="too_large")


@pytest.mark.exercise("receptive_field", parts={"width": 1})
class TestReceptiveField:
    """How far a pixel sees"""

    def test_worked_numbers(self, student, expect):
        """the worked numbers of the handout"""
        expect(student.receptive_field([(3, 1), (3, 1), (3, 1)]), 7)
        lenet = [(5, 1), (2, 2), (5, 1), (2, 2)]
        for depth, width in enumerate((5, 6, 14, 16), start=1):
            expect(student.receptive_field(lenet[:depth]), width)


@pytest.mark.exercise("conv_params", parts={"count": 1})
class TestConvParams:
    """Parameters of a layer"""

    def test_worked_number(self, student, expect):
        """the worked number of the handout"""
        expect(student.conv_params(6, 16, 5), 2416)

    def test_first_layer(self, student, expect):
        """from three colours to eight channels"""
        expect(student.conv_params(3, 8, 3), 224)


@pytest.mark.exercise("cnn_shapes", parts={"shapes": 1, "params": 1})
class TestCnnShapes:
    """Shapes and parameters of a network"""

    def test_lenet(self, student, expect):
        """LeNet-5, the worked number of the handout"""
        layers = [("conv", 6, 5, 1, 0), ("pool", 2, 2), ("conv", 16, 5, 1, 0), ("pool", 2, 2)]
        layers += [("linear", 120), ("linear", 84), ("linear", 10)]
        shapes, params = student.cnn_shapes((1, 32, 32), layers)
        right = [(6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (120,), (84,), (10,)]
        expect(shapes, right, name="shapes")
        expect(params, [156, 0, 2416, 0, 48120, 10164, 850], name="params")
        volumes = [math.prod(shape) for shape in shapes[:4]]
        expect([*volumes, sum(params)], [4704, 1176, 1600, 400, 61706], name="params")

    def test_strides(self, student, expect):
        """stride, padding and an image that is not square"""
        layers = [("conv", 4, 3, 2, 1), ("pool", 3, 2), ("linear", 5)]
        shapes, params = student.cnn_shapes((3, 12, 20), layers)
        expect(shapes, [(4, 6, 10), (4, 2, 4), (5,)], name="shapes")
        expect(params, [112, 0, 165], name="params")


SOBEL = [[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]]


@pytest.mark.exercise("corr2d", parts={"y": 1})
class TestCorr2d:
    """Cross-correlation"""

    def test_worked_numbers(self, student, draw, expect):
        """the ramp and the bright pixel of the handout"""
        ramp = numbers(draw, [[0.0, 1.0, 2.0, 3.0]] * 3)
        expect(student.corr2d(ramp, numbers(draw, SOBEL)), numbers(draw, [[-8.0, -8.0]]))
        pixel = numbers(draw, [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
        kernel = numbers(draw, [[1.0, 2.0], [3.0, 4.0]])
        expect(student.corr2d(pixel, kernel), numbers(draw, [[4.0, 3.0], [2.0, 1.0]]))

    def test_blur(self, student, draw, expect):
        """a blur leaves an image of a single grey as it is"""
        blur = numbers(draw, [[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]) / 16
        grey = numbers(draw, [[0.7] * 6] * 5)
        expect(student.corr2d(grey, blur), grey[1:-1, 1:-1])

    def test_random(self, student, draw, expect, oracle):
        """a kernel that is not square"""
        x, k = draw.normal(5, 7), draw.normal(2, 3)
        expect(student.corr2d(x, k), oracle.corr2d(x, k))


@pytest.mark.exercise("true_conv2d", parts={"y": 1})
class TestTrueConv2d:
    """True convolution"""

    def test_worked_numbers(self, student, draw, expect):
        """the ramp and the bright pixel of the handout"""
        ramp = numbers(draw, [[0.0, 1.0, 2.0, 3.0]] * 3)
        expect(student.true_conv2d(ramp, numbers(draw, SOBEL)), numbers(draw, [[8.0, 8.0]]))
        pixel = numbers(draw, [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
        kernel = numbers(draw, [[1.0, 2.0], [3.0, 4.0]])
        expect(student.true_conv2d(pixel, kernel), kernel)

    def test_random(self, student, draw, expect, oracle):
        """a kernel that is not square"""
        x, k = draw.normal(5, 7), draw.normal(2, 3)
        expect(student.true_conv2d(x, k), oracle.true_conv2d(x, k))


@pytest.mark.exercise("conv2d_forward", parts={"y": 2, "padding": 1, "stride": 1})
class TestConv2dForward:
    """Forward pass of a convolutional layer"""

    @pytest.mark.part("padding")
    def test_worked_number(self, student, draw, expect):
        """the ones of the handout"""
        x, weight = image(draw, [[1.0] * 4] * 4), image(draw, [[1.0] * 3] * 3)
        y = student.conv2d_forward(x, weight, numbers(draw, [0.0]), stride=1, padding=1)
        side, middle = [4.0, 6.0, 6.0, 4.0], [6.0, 9.0, 9.0, 6.0]
        expect(y, image(draw, [side, middle, middle, side]), name="padding")

    @pytest.mark.part("y")
    def test_plain(self, student, draw, expect, oracle):
        """stride 1, no padding"""
        args = (draw.normal(2, 3, 5, 6), draw.normal(4, 3, 3, 2), draw.normal(4))
        expect(student.conv2d_forward(*args), oracle.conv2d_forward(*args), name="y")

    @pytest.mark.part("stride")
    def test_stride(self, student, draw, expect, oracle):
        """stride 2, padding 1"""
        args = (draw.normal(2, 3, 5, 7), draw.normal(4, 3, 3, 3), draw.normal(4))
        y = student.conv2d_forward(*args, stride=2, padding=1)
        expect(y, oracle.conv2d_forward(*args, stride=2, padding=1), name="stride")


GRADIENTS = {"grad_x": 2, "grad_weight": 2, "grad_bias": 1}


@pytest.mark.exercise("conv2d_backward", parts=GRADIENTS)
class TestConv2dBackward:
    """Backward pass of a convolutional layer"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        weight = image(draw, [[1.0, 2.0], [3.0, 4.0]])
        grad_x, grad_weight, grad_bias = student.conv2d_backward(weight, counting(draw), weight)
        right = [[1.0, 4.0, 4.0], [6.0, 20.0, 16.0], [9.0, 24.0, 16.0]]
        expect(grad_x, image(draw, right), name="grad_x")
        expect(grad_weight, image(draw, [[37.0, 47.0], [67.0, 77.0]]), name="grad_weight")
        expect(grad_bias, numbers(draw, [10.0]), name="grad_bias")

    @pytest.mark.parametrize(
        ("stride", "padding", "out"), [(1, 1, (5, 8)), (2, 1, (3, 4))], ids=str
    )
    def test_random(self, student, draw, expect, oracle, stride, padding, out):
        """stride, padding, output size"""
        args = (draw.normal(2, 4, *out), draw.normal(2, 3, 5, 7), draw.normal(4, 3, 3, 2))
        grads = student.conv2d_backward(*args, stride=stride, padding=padding)
        expected = oracle.conv2d_backward(*args, stride=stride, padding=padding)
        for name, grad, right in zip(GRADIENTS, grads, expected, strict=True):
            expect(grad, right, name=name)


@pytest.mark.exercise("maxpool2d_forward", parts={"y": 2, "padding": 1})
class TestMaxpool2dForward:
    """Forward pass of max pooling"""

    @pytest.mark.part("y")
    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        y = student.maxpool2d_forward(mountains(draw), 2, 1)
        expect(y, image(draw, [[4.0, 5.0], [7.0, 7.0]]), name="y")

    @pytest.mark.part("y")
    def test_random(self, student, draw, expect, oracle):
        """windows side by side"""
        x = draw.normal(2, 3, 6, 4)
        expect(student.maxpool2d_forward(x, 2, 2), oracle.maxpool2d_forward(x, 2, 2), name="y")

    @pytest.mark.part("padding")
    def test_padding(self, student, draw, expect, oracle):
        """padding 1"""
        x = draw.normal(2, 3, 5, 6)
        y = student.maxpool2d_forward(x, 3, 2, padding=1)
        expect(y, oracle.maxpool2d_forward(x, 3, 2, padding=1), name="padding")


@pytest.mark.exercise("maxpool2d_backward", parts={"grad_x": 2, "padding": 1, "ties": 1})
class TestMaxpool2dBackward:
    """Backward pass of max pooling"""

    @pytest.mark.part("grad_x")
    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        grad_y = image(draw, [[1.0, 2.0], [3.0, 4.0]])
        grad_x = student.maxpool2d_backward(grad_y, mountains(draw), 2, 1)
        right = [[0.0, 0.0, 2.0], [1.0, 0.0, 0.0], [0.0, 7.0, 0.0]]
        expect(grad_x, image(draw, right), name="grad_x")

    @pytest.mark.part("grad_x")
    def test_random(self, student, draw, expect, oracle):
        """windows side by side"""
        grad_y, x = draw.normal(2, 3, 3, 2), draw.normal(2, 3, 6, 4)
        grad_x = student.maxpool2d_backward(grad_y, x, 2, 2)
        expect(grad_x, oracle.maxpool2d_backward(grad_y, x, 2, 2), name="grad_x")

    @pytest.mark.part("padding")
    def test_padding(self, student, draw, expect, oracle):
        """padding 1"""
        grad_y, x = draw.normal(2, 3, 3, 3), draw.normal(2, 3, 5, 6)
        grad_x = student.maxpool2d_backward(grad_y, x, 3, 2, padding=1)
        expect(grad_x, oracle.maxpool2d_backward(grad_y, x, 3, 2, padding=1), name="padding")

    @pytest.mark.part("ties")
    def test_ties(self, student, draw, expect):
        """a window with two winners, and one where all are equal: each pays once"""
        x = image(draw, [[5.0, 5.0, 0.0, 0.0], [1.0, 2.0, 0.0, 0.0]])
        grad_x = student.maxpool2d_backward(image(draw, [[1.0, 2.0]]), x, 2, 2)
        paid = grad_x.unfold(3, 2, 2).sum((2, 4))
        expect(paid, numbers(draw, [[[1.0, 2.0]]]), name="ties")
        expect(grad_x[0, 0, 1, :2], numbers(draw, [0.0, 0.0]), name="ties")


@pytest.mark.exercise("avgpool2d_forward", parts={"y": 1})
class TestAvgpool2dForward:
    """Forward pass of average pooling"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        y = student.avgpool2d_forward(mountains(draw), 2, 1)
        expect(y, image(draw, [[2.5, 2.5], [3.25, 4.0]]))

    def test_random(self, student, draw, expect, oracle):
        """windows side by side"""
        x = draw.normal(2, 3, 6, 9)
        expect(student.avgpool2d_forward(x, 3, 3), oracle.avgpool2d_forward(x, 3, 3))


@pytest.mark.exercise("avgpool2d_backward", parts={"grad_x": 1})
class TestAvgpool2dBackward:
    """Backward pass of average pooling"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        grad_y = image(draw, [[4.0, 8.0], [12.0, 16.0]])
        grad_x = student.avgpool2d_backward(grad_y, counting(draw), 2, 1)
        expect(grad_x, image(draw, [[1.0, 3.0, 2.0], [4.0, 10.0, 6.0], [3.0, 7.0, 4.0]]))

    def test_random(self, student, draw, expect, oracle):
        """windows side by side"""
        args = (draw.normal(2, 3, 2, 3), draw.normal(2, 3, 6, 9), 3, 3)
        expect(student.avgpool2d_backward(*args), oracle.avgpool2d_backward(*args))


COLUMNS = [[1.0, 2.0, 4.0, 5.0], [2.0, 3.0, 5.0, 6.0], [4.0, 5.0, 7.0, 8.0], [5.0, 6.0, 8.0, 9.0]]


@pytest.mark.exercise("im2col", parts={"cols": 1})
class TestIm2col:
    """Windows as columns"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        expect(student.im2col(counting(draw), (2, 2), 1, 0), numbers(draw, [COLUMNS]))

    def test_random(self, student, draw, expect, oracle):
        """a window that is not square, stride 2, padding 1"""
        args = (draw.normal(2, 3, 5, 6), (3, 2), 2, 1)
        expect(student.im2col(*args), oracle.im2col(*args))


@pytest.mark.exercise("col2im", parts={"x": 1})
class TestCol2im:
    """Columns back to pixels"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        x = student.col2im(numbers(draw, [COLUMNS]), (1, 1, 3, 3), (2, 2), 1, 0)
        expect(x, image(draw, [[1.0, 4.0, 3.0], [8.0, 20.0, 12.0], [7.0, 16.0, 9.0]]))

    def test_random(self, student, draw, expect, oracle):
        """a window that is not square, stride 2, padding 1"""
        args = (draw.normal(2, 18, 12), (2, 3, 5, 6), (3, 2), 2, 1)
        expect(student.col2im(*args), oracle.col2im(*args))


@pytest.mark.exercise("conv2d_cols_forward", parts={"y": 1})
class TestConv2dColsForward:
    """Convolution as a matrix product"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        weight = numbers(draw, [[[[1.0, 0.0], [0.0, -1.0]]], [[[1.0, 1.0], [1.0, 1.0]]]])
        bias = numbers(draw, [1.0, 0.0])
        y = student.conv2d_cols_forward(numbers(draw, [COLUMNS]), weight, bias, (2, 2))
        expect(y, numbers(draw, [[[[-3.0, -3.0], [-3.0, -3.0]], [[12.0, 16.0], [24.0, 28.0]]]]))

    def test_random(self, student, draw, expect, oracle):
        """two images, three filters"""
        args = (draw.normal(2, 12, 20), draw.normal(3, 2, 3, 2), draw.normal(3), (4, 5))
        expect(student.conv2d_cols_forward(*args), oracle.conv2d_cols_forward(*args))


COLS_GRADIENTS = {"grad_cols": 1, "grad_weight": 1, "grad_bias": 1}


@pytest.mark.exercise("conv2d_cols_backward", parts=COLS_GRADIENTS)
class TestConv2dColsBackward:
    """Backward pass of the matrix product"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        weight = image(draw, [[1.0, 2.0], [3.0, 4.0]])
        cols = numbers(draw, [COLUMNS])
        grad_cols, grad_weight, grad_bias = student.conv2d_cols_backward(weight, cols, weight)
        row = numbers(draw, [1.0, 2.0, 3.0, 4.0])
        expect(grad_cols, torch.outer(row, row)[None], name="grad_cols")
        expect(grad_weight, image(draw, [[37.0, 47.0], [67.0, 77.0]]), name="grad_weight")
        expect(grad_bias, numbers(draw, [10.0]), name="grad_bias")

    def test_random(self, student, draw, expect, oracle):
        """two images, three filters"""
        args = (draw.normal(2, 3, 4, 5), draw.normal(2, 12, 20), draw.normal(3, 2, 3, 2))
        grads = student.conv2d_cols_backward(*args)
        expected = oracle.conv2d_cols_backward(*args)
        for name, grad, right in zip(COLS_GRADIENTS, grads, expected, strict=True):
            expect(grad, right, name=name)


def small_cnn(x, params):
    """Return the logits of the network in `support.py`, written down once more."""
    w1, b1, w2, b2, w3, b3 = params
    F = torch.nn.functional
    h = F.max_pool2d(torch.relu(F.conv2d(x, w1, b1, padding=1)), 2)
    h = F.max_pool2d(torch.relu(F.conv2d(h, w2, b2, padding=1)), 2)
    return h.flatten(1) @ w3.T + b3


def bars(draw, n):
    """Return `n` noisy pictures of 8 x 8 with a bar of length 5 somewhere; label 1 if it stands."""
    x, label = draw.normal(n, 1, 8, 8, std=0.2), draw.integers(n, high=2)
    at = torch.stack([draw.integers(n, high=8), draw.integers(n, high=4)], dim=1).tolist()
    for picture, stands, (fixed, start) in zip(x, label.tolist(), at, strict=True):
        side = picture[0].T if stands else picture[0]
        side[fixed, start : start + 5] += 1
    return x, label


@pytest.mark.exercise("train_cnn", parts={"params": 1, "accuracy": 1})
class TestTrainCnn:
    """Training a small network"""

    @pytest.mark.part("params")
    def test_worked_number(self, student, support, draw, expect):
        """the worked number of the handout"""
        network = support.make("scaled_pixels")
        x, y = image(draw, [[1.0, 0.0]]), torch.tensor([0], device=draw.device)
        orders = torch.zeros(2, 1, dtype=torch.int64, device=draw.device)
        params = student.train_cnn(
            network, [numbers(draw, [0.0])], x, y, orders, batch_size=1, lr=1.0, momentum=0.5
        )
        grad = -1 / (1 + math.exp(0.5))
        expect(params, [numbers(draw, [0.5 - (0.5 * -0.5 + grad)])], name="params")

    @pytest.mark.part("params")
    def test_two_epochs(self, student, support, draw, expect):
        """five images in batches of two, against numbers from central differences"""
        network = support.make("scaled_pixels")
        x, y = draw.normal(5, 1, 1, 3), draw.integers(5, high=3)
        orders = torch.stack([draw.permutation(5), draw.permutation(5)])
        params = student.train_cnn(
            network, [numbers(draw, [0.3])], x, y, orders, batch_size=2, lr=0.5, momentum=0.9
        )
        theta, velocity, pixels = 0.3, 0.0, x.double().flatten(1)
        for order in orders:
            for batch in order.split(2):
                loss = [
                    float(torch.nn.functional.cross_entropy(one * pixels[batch], y[batch]))
                    for one in (theta - 1e-5, theta + 1e-5)
                ]
                velocity = 0.9 * velocity + (loss[1] - loss[0]) / 2e-5
                theta -= 0.5 * velocity
        # Central differences are good to nine digits or so.
        expect(params, [numbers(draw, [theta])], name="params", rtol=1e-5, atol=1e-6)

    @pytest.mark.part("accuracy")
    def test_bars(self, student, support, draw, expect):
        """at least 90 % of new pictures right: is there a bar that lies, or one that stands"""
        (x, y), (new_x, new_y) = bars(draw, 160), bars(draw, 100)
        params = [draw.normal(6, 1, 3, 3, std=0.5), draw.normal(6, std=0.1)]
        params += [draw.normal(8, 6, 3, 3, std=0.25), draw.normal(8, std=0.1)]
        params += [draw.normal(2, 32, std=0.2), draw.normal(2, std=0.1)]
        orders = torch.stack([draw.permutation(160) for _ in range(8)])
        network = support.make("small_cnn")
        options = {"batch_size": 16, "lr": 0.1, "momentum": 0.9}
        trained = student.train_cnn(network, params, x, y, orders, **options)
        right = small_cnn(new_x, [one.to(new_x) for one in trained]).argmax(1) == new_y
        expect(float(right.double().mean()) >= 0.9, expected=True, name="accuracy")
