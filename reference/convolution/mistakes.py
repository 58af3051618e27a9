"""Known wrong versions of the exercises on convolutional networks, and hints for each."""

import torch
from torch.nn import functional

from autograder.checks.bank import mistake


def _windows(x, kh, kw, stride):
    """Return all windows, (N, C, H', W', kh, kw)."""
    return x.unfold(2, kh, stride).unfold(3, kw, stride)


def _fits(size, kernel, stride, padding):
    return (size + 2 * padding - kernel) // stride + 1


# --- conv_out_size ----------------------------------------------------------------------------


def _refuse(size, kernel, padding):
    if kernel > size + 2 * padding:
        raise ValueError("the window is too large")


@mistake(
    "conv_out_size",
    source="constructed: fences and posts",
    hints=(
        "You are short of one window.",
        "It shows in every case.",
        "If the window is as large as the image, how many places does it have?",
    ),
)
def forgets_the_first_window(size, kernel, stride=1, padding=0):
    _refuse(size, kernel, padding)
    return (size + 2 * padding - kernel) // stride


@mistake(
    "conv_out_size",
    source="class notes, 4.2.7: 'the result can be rounded up or down'",
    hints=(
        "You have one window too many where the stride leaves a rest.",
        "With stride 1 all is well.",
        "Does your last window lie inside the padded image?",
    ),
)
def rounds_up(size, kernel, stride=1, padding=0):
    _refuse(size, kernel, padding)
    return -(-(size + 2 * padding - kernel) // stride) + 1


@mistake(
    "conv_out_size",
    source="constructed: rounded to the nearest",
    hints=(
        "You have one window too many for some rests, not for others.",
        "With stride 1 or 2 there is little to see; larger strides show it.",
        "Is a window that fits to three quarters a window?",
    ),
)
def rounds_to_the_nearest(size, kernel, stride=1, padding=0):
    _refuse(size, kernel, padding)
    return int((size + 2 * padding - kernel) / stride + 0.5) + 1


@mistake(
    "conv_out_size",
    source="class notes, 4.2.7, equation (4.2.3): no floor",
    hints=(
        "Some of your sizes are no whole numbers.",
        "It shows where the stride leaves a rest.",
        "Can an image have half a pixel?",
    ),
)
def a_fraction(size, kernel, stride=1, padding=0):
    _refuse(size, kernel, padding)
    return (size + 2 * padding - kernel) / stride + 1


@mistake(
    "conv_out_size",
    source="constructed: padding on one side",
    hints=(
        "Padding makes your output grow by less than it should.",
        "Without padding all is well.",
        "How many sides does a row have?",
    ),
)
def padding_on_one_side(size, kernel, stride=1, padding=0):
    _refuse(size, kernel, padding)
    return (size + padding - kernel) // stride + 1


@mistake(
    "conv_out_size",
    source="constructed: padding is not used",
    hints=(
        "The size does not depend on the padding.",
        "Without padding all is well.",
        "How wide is the image that the window slides over?",
    ),
)
def ignores_padding(size, kernel, stride=1, padding=0):
    _refuse(size, kernel, padding)
    return (size - kernel) // stride + 1


@mistake(
    "conv_out_size",
    source="constructed: the one inside the fraction",
    hints=(
        "Strides make your output smaller than it should be.",
        "With stride 1 all is well.",
        "The first window is there whatever the stride is. Is yours?",
    ),
)
def divides_the_one_too(size, kernel, stride=1, padding=0):
    _refuse(size, kernel, padding)
    return (size + 2 * padding - kernel + 1) // stride


@mistake(
    "conv_out_size",
    source="constructed: half a window on either side of the middle",
    hints=(
        "Windows of even size give one place too many.",
        "Windows of odd size hide it, and some strides.",
        "How far does a window of 4 reach to the left and to the right of its middle?",
    ),
)
def odd_windows_only(size, kernel, stride=1, padding=0):
    _refuse(size, kernel, padding)
    return (size + 2 * padding - 2 * (kernel // 2) - 1) // stride + 1


@mistake(
    "conv_out_size",
    source="121 public solution sets of one course: loops over the unpadded image",
    hints=(
        "Your windows begin at every stride of the image, whether or not they end in it.",
        "The size of the window does not change your result.",
        "Where does the last window begin?",
    ),
)
def starts_everywhere(size, kernel, stride=1, padding=0):
    _refuse(size, kernel, padding)
    return len(range(0, size, stride))


@mistake(
    "conv_out_size",
    source="constructed: the exception is forgotten",
    hints=(
        "Where there is no output, you give a size.",
        "Only if the window is too large.",
        "What does a negative number of windows mean?",
    ),
)
def never_refuses(size, kernel, stride=1, padding=0):
    return (size + 2 * padding - kernel) // stride + 1


@mistake(
    "conv_out_size",
    source="constructed: an empty output instead of an exception",
    hints=(
        "Where there is no output, you give a size.",
        "Only if the window is too large.",
        "Would you rather hear of it here, or ten layers later?",
    ),
)
def empty_instead_of_refusing(size, kernel, stride=1, padding=0):
    return max(0, _fits(size, kernel, stride, padding)) if kernel <= size + 2 * padding else 0


# --- receptive_field --------------------------------------------------------------------------


@mistake(
    "receptive_field",
    source="class notes, 4.2.6: the rule for stride 1",
    hints=(
        "The strides do not change your result.",
        "If all strides are 1, or only the last is not, all is well.",
        "After a stride of 2, how many input pixels lie between two neighbours?",
    ),
)
def strides_ignored(layers):
    return 1 + sum(kernel - 1 for kernel, _ in layers)


@mistake(
    "receptive_field",
    source="constructed: a layer's own stride counts for itself",
    hints=(
        "A single layer with a stride sees too much.",
        "If all strides are 1, all is well.",
        "Does the distance between two windows change what lies in one of them?",
    ),
)
def own_stride_counts(layers):
    width, apart = 1, 1
    for kernel, stride in layers:
        apart *= stride
        width += (kernel - 1) * apart
    return width


@mistake(
    "receptive_field",
    source="constructed: kernels added up",
    hints=(
        "Several layers see too much.",
        "A single layer hides it.",
        "Two layers of 3: the pixel in the middle is common to both. How often do you count it?",
    ),
)
def kernels_added(layers):
    width, apart = 0, 1
    for kernel, stride in layers:
        width += kernel * apart
        apart *= stride
    return max(width, 1)


@mistake(
    "receptive_field",
    source="constructed: the product runs over the layers above",
    hints=(
        "Turn the order of the layers around, and you get the right result.",
        "If all layers are equal, all is well.",
        "Whose strides set the input pixels of a layer apart: those below it, or those above?",
    ),
)
def strides_above(layers):
    width = 1
    for kernel, stride in layers:
        width = (width - 1) * stride + kernel
    return width


@mistake(
    "receptive_field",
    source="constructed: gaps counted as pixels",
    hints=(
        "Strides make your field a little too wide.",
        "If all strides are 1, all is well.",
        "Three pixels in a row: how many steps from the first to the last?",
    ),
)
def counts_pixels_for_steps(layers):
    width = 1
    for kernel, stride in reversed(layers):
        width = width * stride + kernel - 1
    return width


@mistake(
    "receptive_field",
    source="constructed: starts from nothing",
    hints=(
        "Your field is one pixel short.",
        "It shows in every case.",
        "What does a pixel see if there is no layer at all?",
    ),
)
def starts_at_nothing(layers):
    width, apart = 0, 1
    for kernel, stride in layers:
        width += (kernel - 1) * apart
        apart *= stride
    return width


@mistake(
    "receptive_field",
    source="constructed: strides added where they multiply",
    hints=(
        "With three strides or more, your field is too narrow.",
        "A single stride hides it.",
        "A stride of 2 on top of a stride of 2: how far apart are two neighbours in the input?",
    ),
)
def strides_added(layers):
    width, apart = 1, 1
    for kernel, stride in layers:
        width += (kernel - 1) * apart
        apart += stride - 1
    return width


@mistake(
    "receptive_field",
    source="constructed: only the stride of the layer below",
    hints=(
        "You forget what happened further down.",
        "Two layers hide it.",
        "Do the strides of the first layer still matter for the third one?",
    ),
)
def only_the_stride_below(layers):
    width, below = 1, 1
    for kernel, stride in layers:
        width += (kernel - 1) * below
        below = stride
    return width


@mistake(
    "receptive_field",
    source="constructed: half a kernel on either side",
    hints=(
        "Kernels of even size see too much.",
        "Kernels of odd size hide it.",
        "How far does a window of 2 reach on either side?",
    ),
)
def odd_kernels_only(layers):
    width, apart = 1, 1
    for kernel, stride in layers:
        width += 2 * (kernel // 2) * apart
        apart *= stride
    return width


@mistake(
    "receptive_field",
    source="constructed: the area of the field",
    hints=(
        "Your number counts something else.",
        "Without layers all is well.",
        "Is the width of a square asked for, or its area?",
    ),
)
def area_of_the_field(layers):
    width, apart = 1, 1
    for kernel, stride in layers:
        width += (kernel - 1) * apart
        apart *= stride
    return width * width


# --- conv_params ------------------------------------------------------------------------------


@mistake(
    "conv_params",
    source="constructed: no biases",
    hints=(
        "Your number is a little too small.",
        "It shows in every case.",
        "What does a filter add to its map when the image is black?",
    ),
)
def without_biases(in_channels, out_channels, kernel):
    return out_channels * in_channels * kernel * kernel


@mistake(
    "conv_params",
    source="constructed: a bias for each pair of channels",
    hints=(
        "Your number is a little too large.",
        "With one input channel all is well.",
        "How often is a bias added to one output pixel?",
    ),
)
def bias_per_pair(in_channels, out_channels, kernel):
    return out_channels * in_channels * (kernel * kernel + 1)


@mistake(
    "conv_params",
    source="rasbt/stat453-deep-learning-ss21, issue 5: one bias for all",
    hints=(
        "Your number is a little too small.",
        "With one output channel all is well.",
        "How many biases are there?",
    ),
)
def one_bias_for_all(in_channels, out_channels, kernel):
    return out_channels * in_channels * kernel * kernel + 1


@mistake(
    "conv_params",
    source="nntrainer/nntrainer, issue 705: input and output channels exchanged",
    hints=(
        "Your number is right only if there are as many output channels as input channels.",
        "The weights are counted well.",
        "Which channels have a bias?",
    ),
)
def bias_per_input(in_channels, out_channels, kernel):
    return out_channels * in_channels * kernel * kernel + in_channels


@mistake(
    "conv_params",
    source="constructed: a window with one side",
    hints=(
        "Your number grows too slowly with the kernel.",
        "Windows of one pixel hide it.",
        "How many pixels does a window of side 3 have?",
    ),
)
def side_for_area(in_channels, out_channels, kernel):
    return out_channels * (in_channels * kernel + 1)


@mistake(
    "conv_params",
    source="constructed: one kernel for all input channels",
    hints=(
        "Your number does not depend on the input channels.",
        "With one input channel all is well.",
        "Is red weighed like green?",
    ),
)
def kernel_shared_by_channels(in_channels, out_channels, kernel):
    return out_channels * (kernel * kernel + 1)


@mistake(
    "conv_params",
    source="class notes, 4.2.3: biases that are as large as what they are added to",
    hints=(
        "Your number is too large.",
        "Windows of one pixel hide it.",
        "How many numbers is one bias?",
    ),
)
def bias_per_weight(in_channels, out_channels, kernel):
    return out_channels * (in_channels + 1) * kernel * kernel


# --- cnn_shapes -------------------------------------------------------------------------------


def _read(shape, layers, *, fits=_fits, conv=None, pool=None, linear=None, inputs=None):
    """Go through the layers; each function spoils what it is named after."""
    shapes, params, now = [], [], tuple(shape)
    for kind, *sizes in layers:
        if kind == "linear":
            volume = 1
            for side in now:
                volume *= side
            volume = inputs(now, volume) if inputs else volume
            now = (sizes[0],)
            params.append(linear(volume, sizes[0]) if linear else sizes[0] * (volume + 1))
        else:
            channels, height, width = now
            filters, kernel, stride, padding = sizes if kind == "conv" else (channels, *sizes, 0)
            if kind == "pool" and pool:
                filters, kernel, stride = pool(channels, kernel, stride)
            now = (filters, *(fits(side, kernel, stride, padding) for side in (height, width)))
            count = filters * (channels * kernel * kernel + 1)
            if kind == "conv" and conv:
                count = conv(channels, kernel, now)
            params.append(count if kind == "conv" else 0)
        shapes.append(now)
    return shapes, params


@mistake(
    "cnn_shapes",
    source="class notes, 4.2.7: 'the result can be rounded up or down'",
    hints=(
        "Some images are a row or a column too large.",
        "It shows where a stride leaves a rest.",
        "Does the last window lie inside the image?",
    ),
)
def shapes_rounded_up(shape, layers):
    return _read(shape, layers, fits=lambda n, k, s, p: -(-(n + 2 * p - k) // s) + 1)


@mistake(
    "cnn_shapes",
    source="constructed: padding on one side",
    hints=(
        "Layers with padding give images that are too small.",
        "Without padding all is well.",
        "How many sides does a row have?",
    ),
)
def shapes_padded_on_one_side(shape, layers):
    return _read(shape, layers, fits=lambda n, k, s, p: (n + p - k) // s + 1)


@mistake(
    "cnn_shapes",
    source="constructed: fences and posts",
    hints=(
        "All images are a row and a column too small.",
        "Dense layers on their own are fine.",
        "If the window is as large as the image, how many places does it have?",
    ),
)
def shapes_without_the_first_window(shape, layers):
    return _read(shape, layers, fits=lambda n, k, s, p: max(1, (n + 2 * p - k) // s))


@mistake(
    "cnn_shapes",
    source="121 public solution sets of one course: windows as far apart as they are wide",
    hints=(
        "Pooling with a stride of its own gives the wrong size.",
        "If windows lie side by side, all is well.",
        "A pooling layer has two numbers. Where is the second one used?",
    ),
)
def pools_side_by_side(shape, layers):
    return _read(shape, layers, pool=lambda c, k, _: (c, k, k))


@mistake(
    "cnn_shapes",
    source="constructed: pooling over the channels too",
    hints=(
        "After pooling your image has lost its channels.",
        "It is the first number of the shape.",
        "Does a pooling window reach into other channels?",
    ),
)
def pools_the_channels(shape, layers):
    return _read(shape, layers, pool=lambda _, k, s: (1, k, s))


@mistake(
    "cnn_shapes",
    source="121 public solution sets of one course: the width computed from the height",
    hints=(
        "All your images are square.",
        "Square inputs hide it.",
        "Where does the width of the input enter?",
    ),
)
def shapes_square_only(shape, layers):
    return _read((shape[0], shape[1], shape[1]), layers)


@mistake(
    "cnn_shapes",
    source="a habit from other libraries: channels last",
    hints=(
        "The numbers of a shape are right, their order is not.",
        "It shows in the layers before the dense ones.",
        "Which comes first in torch, channels or rows?",
    ),
)
def shapes_channels_last(shape, layers):
    shapes, params = _read(shape, layers)
    return [(*one[1:], one[0]) for one in shapes], params


@mistake(
    "cnn_shapes",
    source="121 public solution sets of one course: height and width exchanged",
    hints=(
        "The numbers of a shape are right, their order is not.",
        "Square images hide it.",
        "Which comes first, rows or columns?",
    ),
)
def shapes_width_first(shape, layers):
    shapes, params = _read(shape, layers)
    return [(one[0], *one[:0:-1]) for one in shapes], params


@mistake(
    "cnn_shapes",
    source="constructed: the input in the list",
    hints=(
        "Your list of shapes has one entry too many.",
        "It is the first.",
        "What is the shape after the first layer?",
    ),
)
def shapes_with_the_input(shape, layers):
    shapes, params = _read(shape, layers)
    return [tuple(shape), *shapes], params


@mistake(
    "cnn_shapes",
    source="constructed: no biases in the convolutions",
    hints=(
        "Some layers have too few parameters.",
        "It is the convolutions.",
        "What does a filter add to its map when the image is black?",
    ),
)
def counts_no_conv_biases(shape, layers):
    return _read(shape, layers, conv=lambda c, k, now: now[0] * c * k * k)


@mistake(
    "cnn_shapes",
    source="class notes, 4.2.3: a bias per output pixel",
    hints=(
        "Some layers have too many parameters, more so for larger images.",
        "It is the convolutions.",
        "May the number of parameters depend on the size of the image?",
    ),
)
def counts_a_bias_per_pixel(shape, layers):
    return _read(
        shape, layers, conv=lambda c, k, now: now[0] * c * k * k + now[0] * now[1] * now[2]
    )


@mistake(
    "cnn_shapes",
    source="constructed: the channels of the input everywhere",
    hints=(
        "The second convolution has the wrong number of parameters.",
        "The first one is fine.",
        "How many channels does a filter of the second layer see?",
    ),
)
def counts_the_input_channels(shape, layers):
    return _read(shape, layers, conv=lambda _, k, now: now[0] * (shape[0] * k * k + 1))


@mistake(
    "cnn_shapes",
    source="constructed: no biases in the dense layers",
    hints=(
        "Some layers have too few parameters.",
        "It is the dense ones.",
        "What is a dense layer's answer to an input of zeros?",
    ),
)
def counts_no_linear_biases(shape, layers):
    return _read(shape, layers, linear=lambda volume, n: volume * n)


@mistake(
    "cnn_shapes",
    source="constructed: the volume is not flattened",
    hints=(
        "The first dense layer has far too few parameters.",
        "The ones after it are fine.",
        "How many numbers go into it?",
    ),
)
def counts_channels_for_the_volume(shape, layers):
    return _read(shape, layers, inputs=lambda now, _: now[0])


@mistake(
    "cnn_shapes",
    source="constructed: parameters added up on the way",
    hints=(
        "Your numbers of parameters never fall.",
        "The first layer is fine.",
        "Does an entry of your list belong to one layer?",
    ),
)
def counts_so_far(shape, layers):
    shapes, params = _read(shape, layers)
    return shapes, [sum(params[: depth + 1]) for depth in range(len(params))]


@mistake(
    "cnn_shapes",
    source="constructed: pooling layers left out of the count",
    hints=(
        "Your list of parameters has too few entries.",
        "Networks without pooling hide it.",
        "What is the entry of a layer that learns nothing?",
    ),
)
def counts_skip_pooling(shape, layers):
    shapes, params = _read(shape, layers)
    pairs = zip(layers, params, strict=True)
    return shapes, [count for layer, count in pairs if layer[0] != "pool"]


@mistake(
    "cnn_shapes",
    source="constructed: three sides are taken for granted",
    hints=(
        "Some networks give an error instead of shapes.",
        "One dense layer is fine, a dense layer behind another one is not.",
        "How many numbers are there in the shape that a dense layer leaves behind?",
    ),
)
def shapes_of_one_dense_layer(shape, layers):
    shapes, params, now = [], [], tuple(shape)
    for kind, *sizes in layers:
        channels, height, width = now
        if kind == "linear":
            now = (sizes[0],)
            params.append(now[0] * (channels * height * width + 1))
        else:
            filters, kernel, stride, padding = sizes if kind == "conv" else (channels, *sizes, 0)
            sides = (_fits(side, kernel, stride, padding) for side in (height, width))
            now = (filters, *sides)
            params.append(filters * (channels * kernel**2 + 1) if kind == "conv" else 0)
        shapes.append(now)
    return shapes, params


# --- corr2d -----------------------------------------------------------------------------------


def _slide(x, k):
    return (x.unfold(0, k.shape[0], 1).unfold(1, k.shape[1], 1) * k).sum((2, 3))


@mistake(
    "corr2d",
    source="class notes, 4.2.2, equation (4.2.1)",
    hints=(
        "A bright pixel gives you an upright picture of the kernel; it should be turned around.",
        "Kernels with enough symmetry hide it.",
        "Which weight of the kernel lies on the top left pixel of the window?",
    ),
)
def corr_turned(x, k):
    return _slide(x, k.flip((0, 1)))


@mistake(
    "corr2d",
    source="constructed: the kernel mirrored left to right",
    hints=(
        "Your kernel runs from right to left.",
        "Kernels that look the same in a mirror hide it.",
        "Which weight of the kernel lies on the top left pixel of the window?",
    ),
)
def corr_mirrored(x, k):
    return _slide(x, k.flip(1))


@mistake(
    "corr2d",
    source="constructed: the kernel upside down",
    hints=(
        "Your kernel runs from bottom to top.",
        "Kernels that look the same upside down hide it.",
        "Which weight of the kernel lies on the top left pixel of the window?",
    ),
)
def corr_upside_down(x, k):
    return _slide(x, k.flip(0))


@mistake(
    "corr2d",
    source="constructed: rows and columns of the kernel exchanged",
    hints=(
        "Your kernel has rows for columns.",
        "Kernels that equal their transpose hide it.",
        "Which of its two axes runs down the image?",
    ),
)
def corr_transposed(x, k):
    return _slide(x, k.T)


@mistake(
    "corr2d",
    source="a habit from image libraries: output of the size of the input",
    hints=(
        "Your output is as large as the image.",
        "Its inner part is right.",
        "May the kernel reach over the border here?",
    ),
)
def corr_same_size(x, k):
    top, left = k.shape[0] // 2, k.shape[1] // 2
    frame = (left, k.shape[1] - 1 - left, top, k.shape[0] - 1 - top)
    return _slide(functional.pad(x, frame), k)


@mistake(
    "corr2d",
    source="constructed: a mean in place of a sum",
    hints=(
        "Your numbers are too small, by a factor that depends on the kernel's size.",
        "Kernels of one pixel hide it.",
        "How do you get from a window of products to one number?",
    ),
)
def corr_mean(x, k):
    return _slide(x, k) / k.numel()


@mistake(
    "corr2d",
    source="a habit from image libraries: kernels that are normalised",
    hints=(
        "Blurring is right, finding edges is not.",
        "Kernels whose weights add up to 1 hide it.",
        "What do the weights of an edge detector add up to?",
    ),
)
def corr_normalised(x, k):
    return _slide(x, k) / k.sum()


@mistake(
    "corr2d",
    source="121 public solution sets of one course: the width computed from the height",
    hints=(
        "Your output has as many columns as rows.",
        "A square image with a square kernel hides it.",
        "Which numbers decide how many columns there are?",
    ),
)
def corr_square_only(x, k):
    y = _slide(x, k)
    square = y.new_zeros(y.shape[0], y.shape[0])
    side = min(y.shape)
    square[:, :side] = y[:, :side]
    return square


@mistake(
    "corr2d",
    source="constructed: fences and posts",
    hints=(
        "Your output lacks its last row and its last column.",
        "What is there is right.",
        "Where does the last window begin?",
    ),
)
def corr_last_window_missing(x, k):
    return _slide(x, k)[:-1, :-1]


@mistake(
    "corr2d",
    source="constructed: assigned where it should be added",
    hints=(
        "Only one pixel of each window counts.",
        "Kernels of one pixel hide it.",
        "What is left of the first product when the last one is there?",
    ),
)
def corr_last_product(x, k):
    (kh, kw), (height, width) = k.shape, x.shape
    return x[kh - 1 : height, kw - 1 : width] * k[kh - 1, kw - 1]


@mistake(
    "corr2d",
    source="a habit from torch: axes for batch and channel",
    hints=(
        "The values are right, the shape is not.",
        "There are axes of size 1.",
        "How many axes does an image have in this exercise?",
    ),
)
def corr_four_axes(x, k):
    return _slide(x, k)[None, None]


# --- true_conv2d ------------------------------------------------------------------------------


@mistake(
    "true_conv2d",
    source="class notes, 4.2.2: 'this corresponds to the dot product'",
    hints=(
        "A bright pixel gives you the kernel turned around; it should be upright.",
        "Kernels with enough symmetry hide it.",
        "What is the difference between this exercise and the one before?",
    ),
)
def conv_not_turned(x, k):
    return _slide(x, k)


@mistake(
    "true_conv2d",
    source="constructed: one axis turned, left to right",
    hints=(
        "A bright pixel gives you a picture that stands on its head.",
        "Kernels that look the same upside down hide it.",
        "How many axes run backwards?",
    ),
)
def conv_mirrored(x, k):
    return _slide(x, k.flip(1))


@mistake(
    "true_conv2d",
    source="constructed: one axis turned, top to bottom",
    hints=(
        "A bright pixel gives you a picture as in a mirror.",
        "Kernels that look the same in a mirror hide it.",
        "How many axes run backwards?",
    ),
)
def conv_upside_down(x, k):
    return _slide(x, k.flip(0))


@mistake(
    "true_conv2d",
    source="constructed: transposed instead of turned",
    hints=(
        "Your kernel has rows for columns.",
        "It shows in the shape if the kernel is not square.",
        "Where does the top left weight go, in this exercise, and where in a transpose?",
    ),
)
def conv_transposed(x, k):
    return _slide(x, k.T)


@mistake(
    "true_conv2d",
    source="constructed: a quarter turn instead of a half",
    hints=(
        "Your kernel lies on its side.",
        "It shows in the shape if the kernel is not square.",
        "Where does the top left weight go?",
    ),
)
def conv_quarter_turn(x, k):
    return _slide(x, torch.rot90(k))


@mistake(
    "true_conv2d",
    source="constructed: the image turned in place of the kernel",
    hints=(
        "Your numbers are right, but they stand in the wrong places.",
        "An output of a single pixel hides it.",
        "If you turn the image, in which direction do you read the result?",
    ),
)
def conv_image_turned(x, k):
    return _slide(x.flip((0, 1)), k)


@mistake(
    "true_conv2d",
    source="a habit from signal processing: all places where kernel and image meet",
    hints=(
        "Your output is larger than the image.",
        "Its inner part is right.",
        "May the kernel reach over the border here?",
    ),
)
def conv_full(x, k):
    frame = (k.shape[1] - 1,) * 2 + (k.shape[0] - 1,) * 2
    return _slide(functional.pad(x, frame), k.flip((0, 1)))


@mistake(
    "true_conv2d",
    source="constructed: a mean in place of a sum",
    hints=(
        "Your numbers are too small, by a factor that depends on the kernel's size.",
        "Kernels of one pixel hide it.",
        "How do you get from a window of products to one number?",
    ),
)
def conv_mean(x, k):
    return _slide(x, k.flip((0, 1))) / k.numel()


# --- conv2d_forward ---------------------------------------------------------------------------


def _framed(x, padding):
    return functional.pad(x, (padding,) * 4)


def _layer(padded, weight, bias, stride):
    """Return the output of the layer for an image that has its frame already."""
    windows = _windows(padded, *weight.shape[2:], stride)
    return torch.einsum("nchwab,fcab->nfhw", windows, weight) + bias[:, None, None]


@mistake(
    "conv2d_forward",
    source="class notes, 4.2.2, equation (4.2.1): the kernel turned around",
    hints=(
        "It is a true convolution that you compute.",
        "Windows of one pixel and symmetric kernels hide it.",
        "Take a single bright pixel. Is the picture of the kernel upright, or turned around?",
    ),
)
def layer_turned(x, weight, bias, *, stride=1, padding=0):
    return _layer(_framed(x, padding), weight.flip((2, 3)), bias, stride)


@mistake(
    "conv2d_forward",
    source="121 public solution sets of one course: rows and columns of the window exchanged",
    hints=(
        "Your windows have rows for columns.",
        "Kernels that equal their transpose hide it.",
        "Which axis of the weight runs down the image?",
    ),
)
def layer_kernel_transposed(x, weight, bias, *, stride=1, padding=0):
    return _layer(_framed(x, padding), weight.transpose(2, 3), bias, stride)


@mistake(
    "conv2d_forward",
    source="121 public solution sets of one course: height and width exchanged",
    hints=(
        "You slide over an image that lies on its side.",
        "It shows in the shape if the image is not square.",
        "Use an image that is not square. Which of its sizes comes first?",
    ),
)
def layer_image_transposed(x, weight, bias, *, stride=1, padding=0):
    return _layer(_framed(x, padding).transpose(2, 3), weight.transpose(2, 3), bias, stride)


@mistake(
    "conv2d_forward",
    source="121 public solution sets of one course: the width computed from the height",
    hints=(
        "Your output has as many columns as rows.",
        "Square images with square windows hide it.",
        "Which numbers decide how many columns there are?",
    ),
)
def layer_square_only(x, weight, bias, *, stride=1, padding=0):
    y = _layer(_framed(x, padding), weight, bias, stride)
    square = y.new_zeros(*y.shape[:3], y.shape[2])
    side = min(y.shape[2:])
    square[..., :side] = y[..., :side]
    return square


@mistake(
    "conv2d_forward",
    source="121 public solution sets of one course: padding is not used",
    hints=(
        "The padding does not change your result.",
        "It shows in the shape.",
        "How large is the image that the window slides over?",
    ),
)
def layer_without_padding(x, weight, bias, *, stride=1, padding=0):
    return _layer(x, weight, bias, stride)


@mistake(
    "conv2d_forward",
    source="constructed: a frame above and to the left only",
    hints=(
        "The frame has two sides only.",
        "Without padding all is well.",
        "Your first windows reach over the border. Do your last ones?",
    ),
)
def layer_framed_on_two_sides(x, weight, bias, *, stride=1, padding=0):
    # Padded twice as much where it is padded, so that the size is right.
    framed = functional.pad(x, (2 * padding, 0, 2 * padding, 0))
    return _layer(framed, weight, bias, stride)


@mistake(
    "conv2d_forward",
    source="constructed: the border repeated instead of zeros",
    hints=(
        "The inner part is right, the border is not.",
        "Without padding all is well.",
        "What is the value of a pixel outside the image?",
    ),
)
def layer_border_repeated(x, weight, bias, *, stride=1, padding=0):
    framed = functional.pad(x, (padding,) * 4, mode="replicate") if padding else x
    return _layer(framed, weight, bias, stride)


@mistake(
    "conv2d_forward",
    source="121 public solution sets of one course: a padding of 1, whatever was asked for",
    hints=(
        "The padding is 1 or none.",
        "It shows in the shape if more is asked for.",
        "Where does your code use the number that it is given?",
    ),
)
def layer_framed_by_one(x, weight, bias, *, stride=1, padding=0):
    framed = _framed(x, min(padding, 1))
    missing = 2 * (padding - min(padding, 1))
    return _layer(functional.pad(framed, (0, missing, 0, missing)), weight, bias, stride)


@mistake(
    "conv2d_forward",
    source="constructed: columns of zeros, but no rows",
    hints=(
        "The image is padded in one direction.",
        "Without padding all is well.",
        "How many rows does your padded image have?",
    ),
)
def layer_framed_left_and_right(x, weight, bias, *, stride=1, padding=0):
    framed = functional.pad(x, (padding, padding, 0, 2 * padding))
    return _layer(framed, weight, bias, stride)


@mistake(
    "conv2d_forward",
    source="constructed: padding after the convolution instead of before",
    hints=(
        "The border of your output is made of zeros.",
        "Without padding all is well.",
        "Who sees the zeros: the next layer, or the windows of this one?",
    ),
)
def layer_output_framed(x, weight, bias, *, stride=1, padding=0):
    y = _layer(_framed(x, padding), weight, bias, stride)
    if padding:
        inner = torch.zeros_like(y)
        inner[:, :, padding:-padding, padding:-padding] = y[
            :, :, padding:-padding, padding:-padding
        ]
        return inner
    return y


@mistake(
    "conv2d_forward",
    source="121 public solution sets of one course: window starts without the stride",
    hints=(
        "Your windows are neighbours, whatever the stride is.",
        "With stride 1 all is well.",
        "For the output pixel (1, 1), which pixel is at the top left of its window?",
    ),
)
def layer_stride_cropped(x, weight, bias, *, stride=1, padding=0):
    rows = _fits(x.shape[2], weight.shape[2], stride, padding)
    columns = _fits(x.shape[3], weight.shape[3], stride, padding)
    return _layer(_framed(x, padding), weight, bias, 1)[:, :, :rows, :columns]


@mistake(
    "conv2d_forward",
    source="121 public solution sets of one course: windows as far apart as they are wide",
    hints=(
        "Your windows lie side by side.",
        "It shows unless the stride is the size of the window.",
        "For the output pixel (1, 1), which pixel is at the top left of its window?",
    ),
)
def layer_side_by_side(x, weight, bias, *, stride=1, padding=0):
    framed = _framed(x, padding)
    kh, kw = weight.shape[2:]
    windows = framed.unfold(2, kh, kh).unfold(3, kw, kw)
    return torch.einsum("nchwab,fcab->nfhw", windows, weight) + bias[:, None, None]


@mistake(
    "conv2d_forward",
    source="class notes, 4.2.7: 'the result can be rounded up or down'",
    hints=(
        "Your output has a row or a column too many.",
        "It shows where the stride leaves a rest.",
        "Does your last window lie inside the padded image?",
    ),
)
def layer_rounded_up(x, weight, bias, *, stride=1, padding=0):
    framed = _framed(x, padding)
    rests = [(framed.shape[axis] - weight.shape[axis]) % stride for axis in (2, 3)]
    down, right = ((stride - rest) % stride for rest in rests)
    return _layer(functional.pad(framed, (0, right, 0, down)), weight, bias, stride)


@mistake(
    "conv2d_forward",
    source="121 public solution sets of one course: loops over the unpadded image",
    hints=(
        "A window begins at every stride of the image, whether or not it ends in it.",
        "It shows in the shape.",
        "Where does the last window begin?",
    ),
)
def layer_starts_everywhere(x, weight, bias, *, stride=1, padding=0):
    kh, kw = weight.shape[2:]
    framed = functional.pad(x, (padding, padding + kw, padding, padding + kh))
    rows, columns = (len(range(0, side, stride)) for side in x.shape[2:])
    return _layer(framed, weight, bias, stride)[:, :, :rows, :columns]


@mistake(
    "conv2d_forward",
    source="constructed: the even windows for the odd ones",
    hints=(
        "Your first window does not begin at the corner.",
        "With stride 1 all is well.",
        "For the output pixel (0, 0), which pixel is at the top left of its window?",
    ),
)
def layer_starts_late(x, weight, bias, *, stride=1, padding=0):
    late = stride - 1
    framed = functional.pad(_framed(x, padding), (0, late, 0, late))[:, :, late:, late:]
    return _layer(framed, weight, bias, stride)


@mistake(
    "conv2d_forward",
    source="121 public solution sets of one course: a reshape for a transpose",
    hints=(
        "The right numbers, and the right sum, in the wrong places.",
        "With one filter all is well.",
        "A reshape never reorders memory. Did you need a reorder?",
    ),
)
def layer_scrambled(x, weight, bias, *, stride=1, padding=0):
    y = _layer(_framed(x, padding), weight, bias, stride)
    return y.permute(0, 2, 3, 1).reshape(y.shape)


@mistake(
    "conv2d_forward",
    source="constructed: one channel for all",
    hints=(
        "Only one channel of the image counts.",
        "With one input channel all is well.",
        "At how many input maps does one output map look?",
    ),
)
def layer_first_channel(x, weight, bias, *, stride=1, padding=0):
    return _layer(_framed(x, padding)[:, :1], weight[:, :1], bias, stride)


@mistake(
    "conv2d_forward",
    source="constructed: the channels averaged",
    hints=(
        "The more channels, the smaller your output.",
        "With one input channel all is well.",
        "Are the channels added up, or averaged?",
    ),
)
def layer_channel_mean(x, weight, bias, *, stride=1, padding=0):
    return _layer(_framed(x, padding), weight / x.shape[1], bias, stride)


@mistake(
    "conv2d_forward",
    source="constructed: channels added up before they are weighed",
    hints=(
        "A weight of one channel acts on all the others too.",
        "With one input channel all is well.",
        "Is red weighed like green?",
    ),
)
def layer_channels_mixed(x, weight, bias, *, stride=1, padding=0):
    mixed = _framed(x, padding).sum(1, keepdim=True)
    return _layer(mixed, weight.sum(1, keepdim=True), bias, stride)


@mistake(
    "conv2d_forward",
    source="nntrainer/nntrainer, issue 705: filters and channels exchanged",
    hints=(
        "The axes of your weight are exchanged.",
        "It is silent if there are as many filters as channels.",
        "First axis of the weight: input or output?",
    ),
)
def layer_filters_for_channels(x, weight, bias, *, stride=1, padding=0):
    return _layer(_framed(x, padding), weight.transpose(0, 1), bias, stride)


@mistake(
    "conv2d_forward",
    source="constructed: the bias on the last axis",
    hints=(
        "The columns of your output have biases of their own.",
        "It is silent if there are as many columns as filters.",
        "How many biases are there, and how many pixels share one?",
    ),
)
def layer_bias_per_column(x, weight, bias, *, stride=1, padding=0):
    return _layer(_framed(x, padding), weight, 0 * bias, stride) + bias


@mistake(
    "conv2d_forward",
    source="rasbt/stat453-deep-learning-ss21, issue 5: one number for all biases",
    hints=(
        "All maps are shifted by the same amount.",
        "With one filter all is well.",
        "Which filter does a bias belong to?",
    ),
)
def layer_bias_summed(x, weight, bias, *, stride=1, padding=0):
    return _layer(_framed(x, padding), weight, bias.sum().expand(bias.shape), stride)


@mistake(
    "conv2d_forward",
    source="constructed: the bias is forgotten",
    hints=(
        "Each map is off by a constant.",
        "A bias of 0 hides it.",
        "What is the answer to a black image?",
    ),
)
def layer_without_bias(x, weight, bias, *, stride=1, padding=0):
    return _layer(_framed(x, padding), weight, 0 * bias, stride)


@mistake(
    "conv2d_forward",
    source="constructed: the bias inside the loop over channels",
    hints=(
        "Each map is off by a constant.",
        "With one input channel all is well.",
        "How often is the bias added to one output pixel?",
    ),
)
def layer_bias_per_channel(x, weight, bias, *, stride=1, padding=0):
    return _layer(_framed(x, padding), weight, x.shape[1] * bias, stride)


@mistake(
    "conv2d_forward",
    source="constructed: assigned where it should be added",
    hints=(
        "Only one pixel of each window counts.",
        "Windows of one pixel hide it.",
        "What is left of the first product when the last one is there?",
    ),
)
def layer_last_product(x, weight, bias, *, stride=1, padding=0):
    only = torch.zeros_like(weight)
    only[:, :, -1, -1] = weight[:, :, -1, -1]
    return _layer(_framed(x, padding), only, bias, stride)


@mistake(
    "conv2d_forward",
    source="constructed: the loop over the batch is missing",
    hints=(
        "All images of the batch get the same answer.",
        "A batch of one hides it.",
        "Where does the number of the image enter?",
    ),
)
def layer_first_image(x, weight, bias, *, stride=1, padding=0):
    return _layer(_framed(x[:1].expand(x.shape), padding), weight, bias, stride)


def _framed_by_slices(x, padding):
    """Return the image with its frame, or raise if there is none."""
    n, channels, height, width = x.shape
    framed = x.new_zeros(n, channels, height + 2 * padding, width + 2 * padding)
    framed[:, :, padding:-padding, padding:-padding] = x
    return framed


@mistake(
    "conv2d_forward",
    source="121 public solution sets of one course, 3 of them: no forward pass without padding",
    hints=(
        "Without padding you give an error instead of an output.",
        "With padding all is well, whatever the stride.",
        "Where in its frame does the image end, if the frame has no width?",
    ),
)
def layer_always_framed(x, weight, bias, *, stride=1, padding=0):
    return _layer(_framed_by_slices(x, padding), weight, bias, stride)


# --- conv2d_backward --------------------------------------------------------------------------


def _crop(padded, shape, padding):
    return padded[:, :, padding : padding + shape[2], padding : padding + shape[3]]


def _scattered(grad_y, weight, shape, stride):
    """Return the gradient of an image with its frame, of the given shape."""
    grad = grad_y.new_zeros(shape)
    down, right = stride * grad_y.shape[2], stride * grad_y.shape[3]
    for a in range(weight.shape[2]):
        for b in range(weight.shape[3]):
            share = torch.einsum("nfhw,fc->nchw", grad_y, weight[:, :, a, b])
            grad[:, :, a : a + down : stride, b : b + right : stride] += share
    return grad


def _grad_frame(grad_y, x, weight, stride, padding):
    sides = (x.shape[2] + 2 * padding, x.shape[3] + 2 * padding)
    return _scattered(grad_y, weight, (*x.shape[:2], *sides), stride)


def _grad_x(grad_y, x, weight, stride, padding):
    return _crop(_grad_frame(grad_y, x, weight, stride, padding), x.shape, padding)


def _grad_weight(grad_y, padded, weight, stride):
    windows = _windows(padded, *weight.shape[2:], stride)
    return torch.einsum("nfhw,nchwab->fcab", grad_y, windows)


def _grads(grad_y, x, weight, stride, padding, **wrong):
    """Return all three gradients, with those in `wrong` in the place of the right ones."""
    right = {
        "grad_x": _grad_x(grad_y, x, weight, stride, padding),
        "grad_weight": _grad_weight(grad_y, _framed(x, padding), weight, stride),
        "grad_bias": grad_y.sum((0, 2, 3)),
    }
    return tuple((right | wrong).values())


@mistake(
    "conv2d_backward",
    source="121 public solution sets of one course, 49 of them: a slice that is empty at 0",
    hints=(
        "Without padding, your gradient of x has no pixels at all.",
        "With padding all is well.",
        "Where does a slice end that goes up to minus zero?",
    ),
)
def crops_to_nothing(grad_y, x, weight, *, stride=1, padding=0):
    grad_frame = _grad_frame(grad_y, x, weight, stride, padding)
    grad_x = grad_frame[:, :, padding:-padding, padding:-padding]
    return _grads(grad_y, x, weight, stride, padding, grad_x=grad_x)


@mistake(
    "conv2d_backward",
    source="constructed: the frame is not cut off",
    hints=(
        "Your gradient of x is larger than x.",
        "Without padding all is well.",
        "Which of its pixels belong to the image?",
    ),
)
def keeps_the_frame(grad_y, x, weight, *, stride=1, padding=0):
    grad_x = _grad_frame(grad_y, x, weight, stride, padding)
    return _grads(grad_y, x, weight, stride, padding, grad_x=grad_x)


@mistake(
    "conv2d_backward",
    source="constructed: the frame cut off on the wrong side",
    hints=(
        "Your gradient of x is shifted.",
        "Without padding all is well.",
        "Where in the padded image is the pixel (0, 0) of the image?",
    ),
)
def crops_from_the_corner(grad_y, x, weight, *, stride=1, padding=0):
    grad_x = _crop(_grad_frame(grad_y, x, weight, stride, padding), x.shape, 0)
    return _grads(grad_y, x, weight, stride, padding, grad_x=grad_x)


@mistake(
    "conv2d_backward",
    source="121 public solution sets of one course: a frame of 1, whatever was asked for",
    hints=(
        "You cut off a frame of 1 pixel.",
        "With a padding of 1 all is well.",
        "Where does your code use the number that it is given?",
    ),
)
def crops_by_one(grad_y, x, weight, *, stride=1, padding=0):
    grad_x = _grad_frame(grad_y, x, weight, stride, padding)[:, :, 1:-1, 1:-1]
    return _grads(grad_y, x, weight, stride, padding, grad_x=grad_x)


@mistake(
    "conv2d_backward",
    source="0809zheng/CS231n-assignment2019, issue 19: assigned where it should be added",
    hints=(
        "A pixel that lies in several windows gets the gradient of one of them.",
        "It is the gradient of x; windows that do not overlap hide it.",
        "How many outputs touch this pixel?",
    ),
)
def pixels_overwritten(grad_y, x, weight, *, stride=1, padding=0):
    grad = torch.zeros_like(_framed(x, padding))
    kh, kw = weight.shape[2:]
    for i in range(grad_y.shape[2]):
        for j in range(grad_y.shape[3]):
            patch = torch.einsum("nf,fcab->ncab", grad_y[:, :, i, j], weight)
            top, left = i * stride, j * stride
            grad[:, :, top : top + kh, left : left + kw] = patch
    grad_x = _crop(grad, x.shape, padding)
    return _grads(grad_y, x, weight, stride, padding, grad_x=grad_x)


@mistake(
    "conv2d_backward",
    source="121 public solution sets of one course: a turned kernel where none is needed",
    hints=(
        "The kernel is turned around on the way back.",
        "It is the gradient of x; windows of one pixel hide it.",
        "Write it as a scatter first: which weight lies on which pixel of the window?",
    ),
)
def scatters_turned(grad_y, x, weight, *, stride=1, padding=0):
    grad_x = _grad_x(grad_y, x, weight.flip((2, 3)), stride, padding)
    return _grads(grad_y, x, weight, stride, padding, grad_x=grad_x)


@mistake(
    "conv2d_backward",
    source="121 public solution sets of one course: rows and columns of the window exchanged",
    hints=(
        "On the way back your windows have rows for columns.",
        "It is the gradient of x; kernels that equal their transpose hide it.",
        "Which axis of the weight runs down the image?",
    ),
)
def scatters_transposed(grad_y, x, weight, *, stride=1, padding=0):
    grad_x = _grad_x(grad_y, x, weight.transpose(2, 3), stride, padding)
    return _grads(grad_y, x, weight, stride, padding, grad_x=grad_x)


@mistake(
    "conv2d_backward",
    source="constructed: mirrored in one direction only",
    hints=(
        "The kernel is mirrored on the way back.",
        "It is the gradient of x; kernels of a single column hide it.",
        "If you turn a kernel around, how many of its axes run backwards?",
    ),
)
def scatters_mirrored(grad_y, x, weight, *, stride=1, padding=0):
    grad_x = _grad_x(grad_y, x, weight.flip(3), stride, padding)
    return _grads(grad_y, x, weight, stride, padding, grad_x=grad_x)


@mistake(
    "conv2d_backward",
    source="constructed: gradients come back as if the stride were 1",
    hints=(
        "The gradients come back to the wrong pixels.",
        "It is the gradient of x; with stride 1 all is well.",
        "Where did the window of the output pixel (1, 1) begin?",
    ),
)
def scatters_without_stride(grad_y, x, weight, *, stride=1, padding=0):
    grad_x = _grad_x(grad_y, x, weight, 1, padding)
    return _grads(grad_y, x, weight, stride, padding, grad_x=grad_x)


@mistake(
    "conv2d_backward",
    source="121 public solution sets of one course: right for one geometry",
    hints=(
        "Your gradient of x is smaller than x.",
        "It shows where the stride leaves a rest.",
        "What is the gradient of a pixel that no window has seen?",
    ),
)
def rest_is_missing(grad_y, x, weight, *, stride=1, padding=0):
    sides = [stride * (grad_y.shape[axis] - 1) + weight.shape[axis] for axis in (2, 3)]
    grad_frame = _scattered(grad_y, weight, (*x.shape[:2], *sides), stride)
    grad_x = _crop(grad_frame, x.shape, padding)
    return _grads(grad_y, x, weight, stride, padding, grad_x=grad_x)


@mistake(
    "conv2d_backward",
    source="constructed: assigned in the loop over the filters",
    hints=(
        "Only one filter pays back.",
        "It is the gradient of x; with one filter all is well.",
        "How many output maps does one pixel touch?",
    ),
)
def last_filter_only(grad_y, x, weight, *, stride=1, padding=0):
    grad_x = _grad_x(grad_y[:, -1:], x, weight[-1:], stride, padding)
    return _grads(grad_y, x, weight, stride, padding, grad_x=grad_x)


@mistake(
    "conv2d_backward",
    source="nntrainer/nntrainer, issue 705: filters and channels exchanged",
    hints=(
        "The axes of your weight are exchanged.",
        "It is the gradient of x, and silent if there are as many filters as channels.",
        "First axis of the weight: input or output?",
    ),
)
def scatters_filters_for_channels(grad_y, x, weight, *, stride=1, padding=0):
    grad_x = _grad_x(grad_y, x, weight.transpose(0, 1), stride, padding)
    return _grads(grad_y, x, weight, stride, padding, grad_x=grad_x)


@mistake(
    "conv2d_backward",
    source="constructed: the image for the kernel",
    hints=(
        "All pixels of a window get the same share.",
        "It is the gradient of x; windows of one pixel hide it.",
        "What decides how much of the gradient a pixel of the window gets?",
    ),
)
def scatters_evenly(grad_y, x, weight, *, stride=1, padding=0):
    even = weight.mean((2, 3), keepdim=True).expand(weight.shape)
    grad_x = _grad_x(grad_y, x, even, stride, padding)
    return _grads(grad_y, x, weight, stride, padding, grad_x=grad_x)


@mistake(
    "conv2d_backward",
    source="a published course: the gradient of the kernel, reversed",
    hints=(
        "The right numbers, turned around.",
        "It is the gradient of the weight; windows of one pixel hide it.",
        "Which pixel of the window did this weight lie on?",
    ),
)
def weight_turned(grad_y, x, weight, *, stride=1, padding=0):
    right = _grad_weight(grad_y, _framed(x, padding), weight, stride)
    return _grads(grad_y, x, weight, stride, padding, grad_weight=right.flip((2, 3)))


@mistake(
    "conv2d_backward",
    source="davharris/mistnet, issue 33: a mean where a sum is meant",
    hints=(
        "The gradient of the weight shrinks when the batch grows.",
        "A batch of one hides it.",
        "The loss already averaged, if it wanted to. Does grad_y know?",
    ),
)
def weight_averaged(grad_y, x, weight, *, stride=1, padding=0):
    right = _grad_weight(grad_y, _framed(x, padding), weight, stride)
    return _grads(grad_y, x, weight, stride, padding, grad_weight=right / len(x))


@mistake(
    "conv2d_backward",
    source="constructed: assigned in the loop over the batch",
    hints=(
        "Most images have no influence on the gradient of the weight.",
        "A batch of one hides it.",
        "What is left of the first image when the last one is there?",
    ),
)
def weight_of_the_last_image(grad_y, x, weight, *, stride=1, padding=0):
    last = _grad_weight(grad_y[-1:], _framed(x[-1:], padding), weight, stride)
    return _grads(grad_y, x, weight, stride, padding, grad_weight=last)


@mistake(
    "conv2d_backward",
    source="constructed: assigned in the loop over the windows",
    hints=(
        "Most windows have no influence on the gradient of the weight.",
        "A single window hides it.",
        "Under how many windows has each weight been?",
    ),
)
def weight_of_the_last_window(grad_y, x, weight, *, stride=1, padding=0):
    windows = _windows(_framed(x, padding), *weight.shape[2:], stride)[:, :, -1, -1]
    last = torch.einsum("nf,ncab->fcab", grad_y[:, :, -1, -1], windows)
    return _grads(grad_y, x, weight, stride, padding, grad_weight=last)


@mistake(
    "conv2d_backward",
    source="constructed: the frame on the wrong side in the gradient of the weight",
    hints=(
        "The windows that you multiply with are shifted.",
        "It is the gradient of the weight; without padding all is well.",
        "Which image did the windows of the forward pass slide over?",
    ),
)
def weight_frame_shifted(grad_y, x, weight, *, stride=1, padding=0):
    shifted = functional.pad(x, (0, 2 * padding, 0, 2 * padding))
    wrong = _grad_weight(grad_y, shifted, weight, stride)
    return _grads(grad_y, x, weight, stride, padding, grad_weight=wrong)


@mistake(
    "conv2d_backward",
    source="a public check that tests stride 1 only hides it",
    hints=(
        "The windows that you multiply with are neighbours, whatever the stride is.",
        "It is the gradient of the weight; with stride 1 all is well.",
        "Where did the window of the output pixel (1, 1) begin?",
    ),
)
def weight_without_stride(grad_y, x, weight, *, stride=1, padding=0):
    windows = _windows(_framed(x, padding), *weight.shape[2:], 1)
    near = windows[:, :, : grad_y.shape[2], : grad_y.shape[3]]
    wrong = torch.einsum("nfhw,nchwab->fcab", grad_y, near)
    return _grads(grad_y, x, weight, stride, padding, grad_weight=wrong)


@mistake(
    "conv2d_backward",
    source="constructed: a mean over the windows",
    hints=(
        "The gradient of the weight is too small, more so for larger images.",
        "A single window hides it.",
        "Do the windows add up, or is there a mean?",
    ),
)
def weight_mean_over_windows(grad_y, x, weight, *, stride=1, padding=0):
    right = _grad_weight(grad_y, _framed(x, padding), weight, stride)
    share = grad_y.shape[2] * grad_y.shape[3]
    return _grads(grad_y, x, weight, stride, padding, grad_weight=right / share)


@mistake(
    "conv2d_backward",
    source="constructed: channels first",
    hints=(
        "The right numbers, with filters and channels exchanged.",
        "It is the gradient of the weight.",
        "Which shape must a gradient have, always?",
    ),
)
def weight_channels_first(grad_y, x, weight, *, stride=1, padding=0):
    right = _grad_weight(grad_y, _framed(x, padding), weight, stride)
    return _grads(grad_y, x, weight, stride, padding, grad_weight=right.transpose(0, 1))


@mistake(
    "conv2d_backward",
    source="constructed: one channel for all in the gradient of the weight",
    hints=(
        "All channels of a filter get the same gradient.",
        "It is the gradient of the weight; with one input channel all is well.",
        "Which channel of the image did a weight lie on?",
    ),
)
def weight_of_the_first_channel(grad_y, x, weight, *, stride=1, padding=0):
    first = _framed(x, padding)[:, :1].expand(-1, x.shape[1], -1, -1)
    wrong = _grad_weight(grad_y, first, weight, stride)
    return _grads(grad_y, x, weight, stride, padding, grad_weight=wrong)


@mistake(
    "conv2d_backward",
    source="class notes, 4.2.3: a bias per output pixel",
    hints=(
        "Your gradient of the bias has a number for each pixel.",
        "It shows in the shape.",
        "How many biases are there, and how many pixels share one?",
    ),
)
def bias_per_pixel(grad_y, x, weight, *, stride=1, padding=0):
    return _grads(grad_y, x, weight, stride, padding, grad_bias=grad_y.sum(0))


@mistake(
    "conv2d_backward",
    source="kvfrans/notes, issue 5: a bias gradient averaged",
    hints=(
        "The gradient of the bias shrinks when images or batches grow.",
        "A single pixel of a single image hides it.",
        "A bias is added to many pixels. Do their gradients add up?",
    ),
)
def bias_averaged(grad_y, x, weight, *, stride=1, padding=0):
    return _grads(grad_y, x, weight, stride, padding, grad_bias=grad_y.mean((0, 2, 3)))


@mistake(
    "conv2d_backward",
    source="constructed: averaged over the images, added over the pixels",
    hints=(
        "The gradient of the bias shrinks when the batch grows.",
        "A batch of one hides it.",
        "The loss already averaged, if it wanted to. Does grad_y know?",
    ),
)
def bias_averaged_over_images(grad_y, x, weight, *, stride=1, padding=0):
    return _grads(grad_y, x, weight, stride, padding, grad_bias=grad_y.sum((2, 3)).mean(0))


@mistake(
    "conv2d_backward",
    source="rasbt/stat453-deep-learning-ss21, issue 5: one number for all biases",
    hints=(
        "All biases get the same gradient.",
        "With one filter all is well.",
        "Which axes does the bias of one filter not have?",
    ),
)
def bias_gradient_shared(grad_y, x, weight, *, stride=1, padding=0):
    shared = grad_y.sum().expand(grad_y.shape[1])
    return _grads(grad_y, x, weight, stride, padding, grad_bias=shared)


@mistake(
    "conv2d_backward",
    source="121 public solution sets of one course: axes kept",
    hints=(
        "The gradient of the bias has the right values, not the right shape.",
        "There are axes of size 1.",
        "Which shape must a gradient have, always?",
    ),
)
def bias_keeps_axes(grad_y, x, weight, *, stride=1, padding=0):
    kept = grad_y.sum((0, 2, 3), keepdim=True)
    return _grads(grad_y, x, weight, stride, padding, grad_bias=kept)


@mistake(
    "conv2d_backward",
    source="constructed: one image for the whole batch",
    hints=(
        "Most images have no influence on the gradient of the bias.",
        "A batch of one hides it.",
        "How many pixels, of how many images, share one bias?",
    ),
)
def bias_of_the_first_image(grad_y, x, weight, *, stride=1, padding=0):
    return _grads(grad_y, x, weight, stride, padding, grad_bias=grad_y[0].sum((1, 2)))


@mistake(
    "conv2d_backward",
    source="121 public solution sets of one course, 3 of them: only with padding",
    hints=(
        "Without padding you give an error instead of gradients.",
        "With padding all is well, whatever the stride.",
        "Where in its frame does the image end, if the frame has no width?",
    ),
)
def gradients_always_framed(grad_y, x, weight, *, stride=1, padding=0):
    grad_weight = _grad_weight(grad_y, _framed_by_slices(x, padding), weight, stride)
    return _grads(grad_y, x, weight, stride, padding, grad_weight=grad_weight)


# --- maxpool2d_forward ------------------------------------------------------------------------


def _pool_windows(x, kernel_size, stride, padding=0, value=-torch.inf):
    framed = functional.pad(x, (padding,) * 4, value=value)
    return _windows(framed, kernel_size, kernel_size, stride)


@mistake(
    "maxpool2d_forward",
    source="121 public solution sets of one course: windows as far apart as they are wide",
    hints=(
        "Your windows lie side by side.",
        "It shows unless the stride is the size of the window.",
        "For the output pixel (1, 1), which pixel is at the top left of its window?",
    ),
)
def max_side_by_side(x, kernel_size, stride, *, padding=0):
    return _pool_windows(x, kernel_size, kernel_size, padding).amax((4, 5))


@mistake(
    "maxpool2d_forward",
    source="121 public solution sets of one course: window starts without the stride",
    hints=(
        "Your windows are neighbours, whatever the stride is.",
        "With stride 1 all is well.",
        "For the output pixel (1, 1), which pixel is at the top left of its window?",
    ),
)
def max_neighbours(x, kernel_size, stride, *, padding=0):
    rows, columns = (_fits(side, kernel_size, stride, padding) for side in x.shape[2:])
    return _pool_windows(x, kernel_size, 1, padding).amax((4, 5))[:, :, :rows, :columns]


@mistake(
    "maxpool2d_forward",
    source="constructed: zeros around the image, as in a convolution",
    hints=(
        "Sometimes the padding wins.",
        "It shows where a window at the border holds no positive pixel.",
        "Which number never wins?",
    ),
)
def max_zeros_win(x, kernel_size, stride, *, padding=0):
    return _pool_windows(x, kernel_size, stride, padding, 0.0).amax((4, 5))


@mistake(
    "maxpool2d_forward",
    source="121 public solution sets of one course: a large number for infinity",
    hints=(
        "Sometimes the padding wins.",
        "It shows where a window at the border holds very negative pixels only.",
        "Which number never wins, whatever the image is?",
    ),
)
def max_minus_thousand(x, kernel_size, stride, *, padding=0):
    return _pool_windows(x, kernel_size, stride, padding, -1e3).amax((4, 5))


@mistake(
    "maxpool2d_forward",
    source="constructed: a running maximum that starts at 0",
    hints=(
        "Your output is never negative.",
        "It shows where a window holds no positive pixel.",
        "Where does your search for the largest begin?",
    ),
)
def max_from_zero(x, kernel_size, stride, *, padding=0):
    return _pool_windows(x, kernel_size, stride, padding).amax((4, 5)).clamp(min=0)


@mistake(
    "maxpool2d_forward",
    source="constructed: the padding above and to the left only",
    hints=(
        "Your windows are shifted.",
        "Without padding all is well.",
        "Your first windows reach over the border. Do your last ones?",
    ),
)
def max_framed_on_two_sides(x, kernel_size, stride, *, padding=0):
    framed = functional.pad(x, (2 * padding, 0, 2 * padding, 0), value=-torch.inf)
    return _pool_windows(framed, kernel_size, stride).amax((4, 5))


@mistake(
    "maxpool2d_forward",
    source="constructed: padding is not used",
    hints=(
        "The padding does not change your result.",
        "It shows in the shape.",
        "How large is the image that the window slides over?",
    ),
)
def max_without_padding(x, kernel_size, stride, *, padding=0):
    grown = functional.pad(x, (0, padding, 0, padding), value=-torch.inf)
    return _pool_windows(grown, kernel_size, stride).amax((4, 5))


@mistake(
    "maxpool2d_forward",
    source="torch's ceil_mode, not asked for",
    hints=(
        "Your output has a row or a column too many.",
        "It shows where the stride leaves a rest.",
        "Does your last window lie inside the image?",
    ),
)
def max_rounded_up(x, kernel_size, stride, *, padding=0):
    rests = [(side + 2 * padding - kernel_size) % stride for side in x.shape[2:]]
    down, right = ((stride - rest) % stride for rest in rests)
    frame = (padding, padding + right, padding, padding + down)
    framed = functional.pad(x, frame, value=-torch.inf)
    # A window that holds nothing of the image at all would be minus infinity.
    return _pool_windows(framed, kernel_size, stride).amax((4, 5)).clamp(min=-1e9)


@mistake(
    "maxpool2d_forward",
    source="constructed: the largest over all channels",
    hints=(
        "All channels of your output are equal.",
        "With one channel all is well.",
        "Does a pooling window reach into other channels?",
    ),
)
def max_over_channels(x, kernel_size, stride, *, padding=0):
    largest = _pool_windows(x, kernel_size, stride, padding).amax((1, 4, 5))
    return largest.unsqueeze(1).repeat(1, x.shape[1], 1, 1)


@mistake(
    "maxpool2d_forward",
    source="constructed: the largest in size",
    hints=(
        "Some very negative pixels win.",
        "Images without a negative pixel hide it.",
        "Is -3 larger than 2?",
    ),
)
def max_of_sizes(x, kernel_size, stride, *, padding=0):
    windows = _pool_windows(x, kernel_size, stride, padding).flatten(4)
    finite = torch.where(windows.isinf(), 0.0, windows)
    return finite.gather(4, finite.abs().argmax(4, keepdim=True)).squeeze(4)


@mistake(
    "maxpool2d_forward",
    source="constructed: the largest along one axis",
    hints=(
        "Only one column of each window counts.",
        "Windows of one pixel hide it.",
        "How many axes does a window have?",
    ),
)
def max_of_a_column(x, kernel_size, stride, *, padding=0):
    return _pool_windows(x, kernel_size, stride, padding).amax(4)[..., -1].clamp(min=-1e9)


@mistake(
    "maxpool2d_forward",
    source="121 public solution sets of one course: the width computed from the height",
    hints=(
        "Your output has as many columns as rows.",
        "Square images hide it.",
        "Which number decides how many columns there are?",
    ),
)
def max_square_only(x, kernel_size, stride, *, padding=0):
    y = _pool_windows(x, kernel_size, stride, padding).amax((4, 5))
    square = y.new_zeros(*y.shape[:3], y.shape[2])
    side = min(y.shape[2:])
    square[..., :side] = y[..., :side]
    return square


@mistake(
    "maxpool2d_forward",
    source="constructed: fences and posts",
    hints=(
        "Your output lacks its last row and its last column.",
        "What is there is right.",
        "Where does the last window begin?",
    ),
)
def max_last_window_missing(x, kernel_size, stride, *, padding=0):
    return _pool_windows(x, kernel_size, stride, padding).amax((4, 5))[:, :, :-1, :-1]


# --- maxpool2d_backward -----------------------------------------------------------------------


def _winners(x, kernel_size, stride, padding, value=-torch.inf):
    """Return which pixel of each window wins, (N, C, H', W', K, K), as 0 and 1."""
    windows = _pool_windows(x, kernel_size, stride, padding, value).flatten(4)
    winner = torch.zeros_like(windows).scatter(4, windows.argmax(4, keepdim=True), 1.0)
    return winner.unflatten(4, (kernel_size, kernel_size))


def _collected(shares, shape, stride, padding):
    """Add the shares of all windows, (N, C, H', W', K, K), up to an image with its frame."""
    grad = shares.new_zeros(*shape[:2], shape[2] + 2 * padding, shape[3] + 2 * padding)
    down, right = stride * shares.shape[2], stride * shares.shape[3]
    for a in range(shares.shape[4]):
        for b in range(shares.shape[5]):
            grad[:, :, a : a + down : stride, b : b + right : stride] += shares[..., a, b]
    return grad


def _paid(shares, x, stride, padding=0):
    return _crop(_collected(shares, x.shape, stride, padding), x.shape, padding)


@mistake(
    "maxpool2d_backward",
    source="121 public solution sets of one course, 38 of them: assigned instead of added",
    hints=(
        "A pixel that wins several windows is paid by one of them only.",
        "Windows that do not overlap hide it.",
        "Can a pixel win twice? Then how often is it paid?",
    ),
)
def winner_paid_once(grad_y, x, kernel_size, stride, *, padding=0):
    winners = _winners(x, kernel_size, stride, padding)
    grad = torch.zeros_like(_framed(x, padding))
    for i in range(grad_y.shape[2]):
        for j in range(grad_y.shape[3]):
            top, left = i * stride, j * stride
            under = grad[:, :, top : top + kernel_size, left : left + kernel_size]
            share = winners[:, :, i, j] * grad_y[:, :, i, j, None, None]
            under.copy_(torch.where(winners[:, :, i, j] > 0, share, under))
    return _crop(grad, x.shape, padding)


@mistake(
    "maxpool2d_backward",
    source="0809zheng/CS231n-assignment2019, issue 19: the whole window assigned",
    hints=(
        "A window wipes out what the windows before it have paid.",
        "Windows that do not overlap hide it.",
        "What happens to a pixel that won one window and lost the next?",
    ),
)
def window_overwritten(grad_y, x, kernel_size, stride, *, padding=0):
    winners = _winners(x, kernel_size, stride, padding)
    grad = torch.zeros_like(_framed(x, padding))
    for i in range(grad_y.shape[2]):
        for j in range(grad_y.shape[3]):
            top, left = i * stride, j * stride
            share = winners[:, :, i, j] * grad_y[:, :, i, j, None, None]
            grad[:, :, top : top + kernel_size, left : left + kernel_size] = share
    return _crop(grad, x.shape, padding)


@mistake(
    "maxpool2d_backward",
    source="tensorflow/tensorflow, issue 4886; 37 of 121 public solution sets of one course",
    hints=(
        "Windows with several winners pay more than they have.",
        "Without ties all is well.",
        "If two pixels share the first place, what do their shares add up to?",
    ),
)
def every_winner_paid_in_full(grad_y, x, kernel_size, stride, *, padding=0):
    windows = _pool_windows(x, kernel_size, stride, padding)
    winners = (windows == windows.amax((4, 5), keepdim=True)).to(x.dtype)
    return _paid(winners * grad_y[..., None, None], x, stride, padding)


@mistake(
    "maxpool2d_backward",
    source="constructed: winners by torch.isclose",
    hints=(
        "Pixels that are nearly as large as the winner are paid too.",
        "Real ties are right, and so are windows whose pixels differ clearly.",
        "By how little may a pixel lose and still get something from you?",
    ),
)
def close_losers_paid(grad_y, x, kernel_size, stride, *, padding=0):
    windows = _pool_windows(x, kernel_size, stride, padding)
    winners = torch.isclose(windows, windows.amax((4, 5), keepdim=True)).to(x.dtype)
    shares = winners / winners.sum((4, 5), keepdim=True)
    return _paid(shares * grad_y[..., None, None], x, stride, padding)


@mistake(
    "maxpool2d_backward",
    source="constructed: a winner must be the only one",
    hints=(
        "Windows with several winners pay nothing.",
        "Without ties all is well.",
        "Is the gradient of a constant window nothing?",
    ),
)
def ties_unpaid(grad_y, x, kernel_size, stride, *, padding=0):
    windows = _pool_windows(x, kernel_size, stride, padding)
    winners = (windows == windows.amax((4, 5), keepdim=True)).to(x.dtype)
    alone = winners.sum((4, 5), keepdim=True) == 1
    return _paid(winners * alone * grad_y[..., None, None], x, stride, padding)


@mistake(
    "maxpool2d_backward",
    source="constructed: zeros around the image, as in a convolution",
    hints=(
        "Some windows pay the padding.",
        "It shows where a window at the border holds no positive pixel.",
        "Which number never wins?",
    ),
)
def zeros_paid(grad_y, x, kernel_size, stride, *, padding=0):
    winners = _winners(x, kernel_size, stride, padding, 0.0)
    return _paid(winners * grad_y[..., None, None], x, stride, padding)


@mistake(
    "maxpool2d_backward",
    source="121 public solution sets of one course: a large number for infinity",
    hints=(
        "Some windows pay the padding.",
        "It shows where a window at the border holds very negative pixels only.",
        "Which number never wins, whatever the image is?",
    ),
)
def minus_thousand_paid(grad_y, x, kernel_size, stride, *, padding=0):
    winners = _winners(x, kernel_size, stride, padding, -1e3)
    return _paid(winners * grad_y[..., None, None], x, stride, padding)


@mistake(
    "maxpool2d_backward",
    source="121 public solution sets of one course: a slice that is empty at 0",
    hints=(
        "Without padding, your gradient has no pixels at all.",
        "With padding all is well.",
        "Where does a slice end that goes up to minus zero?",
    ),
)
def pool_crops_to_nothing(grad_y, x, kernel_size, stride, *, padding=0):
    winners = _winners(x, kernel_size, stride, padding)
    grad = _collected(winners * grad_y[..., None, None], x.shape, stride, padding)
    return grad[:, :, padding:-padding, padding:-padding]


@mistake(
    "maxpool2d_backward",
    source="constructed: the frame is not cut off",
    hints=(
        "Your gradient is larger than x.",
        "Without padding all is well.",
        "Which of its pixels belong to the image?",
    ),
)
def pool_keeps_the_frame(grad_y, x, kernel_size, stride, *, padding=0):
    winners = _winners(x, kernel_size, stride, padding)
    return _collected(winners * grad_y[..., None, None], x.shape, stride, padding)


@mistake(
    "maxpool2d_backward",
    source="constructed: the frame cut off on the wrong side",
    hints=(
        "Your gradient is shifted.",
        "Without padding all is well.",
        "Where in the padded image is the pixel (0, 0) of the image?",
    ),
)
def pool_crops_from_the_corner(grad_y, x, kernel_size, stride, *, padding=0):
    winners = _winners(x, kernel_size, stride, padding)
    grad = _collected(winners * grad_y[..., None, None], x.shape, stride, padding)
    return _crop(grad, x.shape, 0)


@mistake(
    "maxpool2d_backward",
    source="121 public solution sets of one course: the winner's number decoded wrongly",
    hints=(
        "The right amount goes to the wrong pixel of the window.",
        "Windows whose winner lies on the diagonal hide it.",
        "Count through a window row by row. In which row is number 1?",
    ),
)
def winner_transposed(grad_y, x, kernel_size, stride, *, padding=0):
    winners = _winners(x, kernel_size, stride, padding).transpose(4, 5)
    return _paid(winners * grad_y[..., None, None], x, stride, padding)


@mistake(
    "maxpool2d_backward",
    source="121 public solution sets of one course: window starts without the stride",
    hints=(
        "The gradients come back to the wrong windows.",
        "With stride 1 all is well.",
        "Where did the window of the output pixel (1, 1) begin?",
    ),
)
def pays_neighbours(grad_y, x, kernel_size, stride, *, padding=0):
    winners = _winners(x, kernel_size, stride, padding)
    return _paid(winners * grad_y[..., None, None], x, 1, padding)


@mistake(
    "maxpool2d_backward",
    source="constructed: the gradient of average pooling",
    hints=(
        "Every pixel of a window is paid.",
        "Windows of one pixel hide it.",
        "Raise a pixel that is not the largest a little. Does the output move?",
    ),
)
def everyone_paid(grad_y, x, kernel_size, stride, *, padding=0):
    even = torch.ones_like(_winners(x, kernel_size, stride, padding)) / kernel_size**2
    return _paid(even * grad_y[..., None, None], x, stride, padding)


@mistake(
    "maxpool2d_backward",
    source="constructed: the winner's value as a factor",
    hints=(
        "The right pixels get the wrong amounts.",
        "A winner of value 1 hides it.",
        "How much does the output rise if its winner rises by one?",
    ),
)
def paid_by_value(grad_y, x, kernel_size, stride, *, padding=0):
    winners = _winners(x, kernel_size, stride, padding)
    return _paid(winners * grad_y[..., None, None], x, stride, padding) * x


@mistake(
    "maxpool2d_backward",
    source="riccardoandreoni0/CNN-from-scratch, issue 1: an early return inside a loop",
    hints=(
        "Only one image of the batch gets a gradient.",
        "A batch of one hides it.",
        "When does your function return?",
    ),
)
def first_image_paid(grad_y, x, kernel_size, stride, *, padding=0):
    winners = _winners(x, kernel_size, stride, padding)
    first = grad_y * (torch.arange(len(x), device=x.device) == 0).reshape(-1, 1, 1, 1)
    return _paid(winners * first[..., None, None], x, stride, padding)


@mistake(
    "maxpool2d_backward",
    source="constructed: places counted, grad_y not used",
    hints=(
        "Your gradient does not depend on what comes from above.",
        "It counts how often each pixel wins.",
        "How much does each window have to pay?",
    ),
)
def counts_wins(grad_y, x, kernel_size, stride, *, padding=0):
    return _paid(_winners(x, kernel_size, stride, padding), x, stride, padding)


@mistake(
    "maxpool2d_backward",
    source="constructed: a mean over the batch",
    hints=(
        "The gradient shrinks when the batch grows.",
        "A batch of one hides it.",
        "The loss already averaged, if it wanted to. Does grad_y know?",
    ),
)
def paid_by_the_batch(grad_y, x, kernel_size, stride, *, padding=0):
    winners = _winners(x, kernel_size, stride, padding)
    return _paid(winners * grad_y[..., None, None], x, stride, padding) / len(x)


# --- avgpool2d_forward ------------------------------------------------------------------------


@mistake(
    "avgpool2d_forward",
    source="constructed: a sum in place of a mean",
    hints=(
        "An image of a single grey becomes brighter.",
        "Windows of one pixel hide it.",
        "How many pixels does a window have?",
    ),
)
def avg_sum(x, kernel_size, stride):
    return _pool_windows(x, kernel_size, stride).sum((4, 5))


@mistake(
    "avgpool2d_forward",
    source="constructed: divided by the side of the window",
    hints=(
        "An image of a single grey becomes brighter.",
        "Windows of one pixel hide it.",
        "How many pixels does a window of side 3 have?",
    ),
)
def avg_side_for_area(x, kernel_size, stride):
    return _pool_windows(x, kernel_size, stride).sum((4, 5)) / kernel_size


@mistake(
    "avgpool2d_forward",
    source="constructed: divided by the stride",
    hints=(
        "An image of a single grey changes its brightness.",
        "Windows that lie side by side hide it.",
        "Does a window have more pixels if the next one is further away?",
    ),
)
def avg_by_stride(x, kernel_size, stride):
    return _pool_windows(x, kernel_size, stride).sum((4, 5)) / stride**2


@mistake(
    "avgpool2d_forward",
    source="121 public solution sets of one course: windows as far apart as they are wide",
    hints=(
        "Your windows lie side by side.",
        "It shows unless the stride is the size of the window.",
        "For the output pixel (1, 1), which pixel is at the top left of its window?",
    ),
)
def avg_side_by_side(x, kernel_size, stride):
    return _pool_windows(x, kernel_size, kernel_size).mean((4, 5))


@mistake(
    "avgpool2d_forward",
    source="121 public solution sets of one course: window starts without the stride",
    hints=(
        "Your windows are neighbours, whatever the stride is.",
        "With stride 1 all is well.",
        "For the output pixel (1, 1), which pixel is at the top left of its window?",
    ),
)
def avg_neighbours(x, kernel_size, stride):
    rows, columns = (_fits(side, kernel_size, stride, 0) for side in x.shape[2:])
    return _pool_windows(x, kernel_size, 1).mean((4, 5))[:, :, :rows, :columns]


@mistake(
    "avgpool2d_forward",
    source="torch's ceil_mode, not asked for",
    hints=(
        "Your output has a row or a column too many.",
        "It shows where the stride leaves a rest.",
        "Does your last window lie inside the image?",
    ),
)
def avg_rounded_up(x, kernel_size, stride):
    rests = [(side - kernel_size) % stride for side in x.shape[2:]]
    down, right = ((stride - rest) % stride for rest in rests)
    grown = functional.pad(x, (0, right, 0, down))
    return _windows(grown, kernel_size, kernel_size, stride).mean((4, 5))


@mistake(
    "avgpool2d_forward",
    source="constructed: the mean over all channels",
    hints=(
        "All channels of your output are equal.",
        "With one channel all is well.",
        "Does a pooling window reach into other channels?",
    ),
)
def avg_over_channels(x, kernel_size, stride):
    mean = _pool_windows(x, kernel_size, stride).mean((1, 4, 5))
    return mean.unsqueeze(1).repeat(1, x.shape[1], 1, 1)


@mistake(
    "avgpool2d_forward",
    source="121 public solution sets of one course: the width computed from the height",
    hints=(
        "Your output has as many columns as rows.",
        "Square images hide it.",
        "Which number decides how many columns there are?",
    ),
)
def avg_square_only(x, kernel_size, stride):
    y = _pool_windows(x, kernel_size, stride).mean((4, 5))
    square = y.new_zeros(*y.shape[:3], y.shape[2])
    side = min(y.shape[2:])
    square[..., :side] = y[..., :side]
    return square


@mistake(
    "avgpool2d_forward",
    source="constructed: the largest in place of the mean",
    hints=(
        "Your output is too large.",
        "Windows of one pixel hide it.",
        "What does a window with one bright pixel give?",
    ),
)
def avg_largest(x, kernel_size, stride):
    return _pool_windows(x, kernel_size, stride).amax((4, 5))


# --- avgpool2d_backward -----------------------------------------------------------------------


def _even(grad_y, kernel_size):
    """Return the equal shares of all pixels of all windows, not divided yet."""
    return grad_y[..., None, None].expand(*grad_y.shape, kernel_size, kernel_size)


@mistake(
    "avgpool2d_backward",
    source="121 public solution sets of one course: assigned where it should be added",
    hints=(
        "A pixel that lies in several windows gets the share of one of them.",
        "Windows that do not overlap hide it.",
        "How many windows hold this pixel?",
    ),
)
def shares_overwritten(grad_y, x, kernel_size, stride):
    grad = torch.zeros_like(x)
    for i in range(grad_y.shape[2]):
        for j in range(grad_y.shape[3]):
            top, left = i * stride, j * stride
            share = grad_y[:, :, i, j, None, None] / kernel_size**2
            grad[:, :, top : top + kernel_size, left : left + kernel_size] = share
    return grad


@mistake(
    "avgpool2d_backward",
    source="constructed: not divided",
    hints=(
        "Each window pays more than it has.",
        "Windows of one pixel hide it.",
        "What do the shares of one window add up to?",
    ),
)
def shares_undivided(grad_y, x, kernel_size, stride):
    return _paid(_even(grad_y, kernel_size), x, stride)


@mistake(
    "avgpool2d_backward",
    source="constructed: divided by the side of the window",
    hints=(
        "Each window pays more than it has.",
        "Windows of one pixel hide it.",
        "How many pixels does a window of side 3 have?",
    ),
)
def shares_of_the_side(grad_y, x, kernel_size, stride):
    return _paid(_even(grad_y, kernel_size) / kernel_size, x, stride)


@mistake(
    "avgpool2d_backward",
    source="constructed: divided by the stride",
    hints=(
        "A window pays more or less than it has.",
        "Windows that lie side by side hide it.",
        "Does a window have more pixels if the next one is further away?",
    ),
)
def shares_of_the_stride(grad_y, x, kernel_size, stride):
    return _paid(_even(grad_y, kernel_size) / stride**2, x, stride)


@mistake(
    "avgpool2d_backward",
    source="121 public solution sets of one course: window starts without the stride",
    hints=(
        "The shares come back to the wrong windows.",
        "With stride 1 all is well.",
        "Where did the window of the output pixel (1, 1) begin?",
    ),
)
def shares_to_neighbours(grad_y, x, kernel_size, stride):
    return _paid(_even(grad_y, kernel_size) / kernel_size**2, x, 1)


@mistake(
    "avgpool2d_backward",
    source="constructed: a mean over the windows of a pixel",
    hints=(
        "A pixel that lies in several windows gets the mean of its shares.",
        "Windows that do not overlap hide it.",
        "Raise such a pixel a little. How many outputs move, and what becomes of the loss?",
    ),
)
def shares_averaged(grad_y, x, kernel_size, stride):
    even = _even(grad_y, kernel_size)
    windows = _paid(torch.ones_like(even), x, stride).clamp(min=1)
    return _paid(even / kernel_size**2, x, stride) / windows


@mistake(
    "avgpool2d_backward",
    source="constructed: one pixel of the window gets it all",
    hints=(
        "Only one pixel of each window is paid.",
        "Windows of one pixel hide it.",
        "Which pixels of a window move its mean?",
    ),
)
def shares_to_the_corner(grad_y, x, kernel_size, stride):
    shares = torch.zeros_like(_even(grad_y, kernel_size))
    shares[..., 0, 0] = grad_y
    return _paid(shares, x, stride)


@mistake(
    "avgpool2d_backward",
    source="constructed: every channel pays into one pot",
    hints=(
        "All channels get the same gradient.",
        "With one channel all is well.",
        "Does a pooling window reach into other channels?",
    ),
)
def shares_over_channels(grad_y, x, kernel_size, stride):
    pot = grad_y.mean(1, keepdim=True).expand(grad_y.shape)
    return _paid(_even(pot, kernel_size) / kernel_size**2, x, stride)


@mistake(
    "avgpool2d_backward",
    source="constructed: the image as a factor",
    hints=(
        "Your gradient depends on the values of x.",
        "An image of ones hides it.",
        "How does a mean change if one of its numbers rises by one?",
    ),
)
def shares_by_value(grad_y, x, kernel_size, stride):
    return _paid(_even(grad_y, kernel_size) / kernel_size**2, x, stride) * x


# --- im2col -----------------------------------------------------------------------------------


def _to_columns(windows, *order):
    """Return columns from windows (N, C, H', W', kh, kw), whose axes are put in an order first."""
    n, c, rows, columns, kh, kw = windows.shape
    return windows.permute(*order).reshape(n, c * kh * kw, rows * columns)


@mistake(
    "im2col",
    source="constructed: channels last in a column",
    hints=(
        "The right numbers stand in the wrong rows.",
        "With one channel all is well.",
        "Which runs fastest down a column: the channel, the row or the column of the window?",
    ),
)
def columns_channels_last(x, kernel_size, stride, padding):
    windows = _windows(_framed(x, padding), *kernel_size, stride)
    return _to_columns(windows, 0, 4, 5, 1, 2, 3)


@mistake(
    "im2col",
    source="constructed: the window read column by column",
    hints=(
        "The right numbers stand in the wrong rows.",
        "Windows of one row or column hide it.",
        "Which pixel of the window comes second?",
    ),
)
def columns_window_transposed(x, kernel_size, stride, padding):
    windows = _windows(_framed(x, padding), *kernel_size, stride)
    return _to_columns(windows, 0, 1, 5, 4, 2, 3)


@mistake(
    "im2col",
    source="constructed: the windows in the other order",
    hints=(
        "The right columns stand in the wrong places.",
        "A single row of windows hides it.",
        "Which window comes second: the one to the right, or the one below?",
    ),
)
def columns_downwards(x, kernel_size, stride, padding):
    windows = _windows(_framed(x, padding), *kernel_size, stride)
    return _to_columns(windows, 0, 1, 4, 5, 3, 2)


@mistake(
    "im2col",
    source="121 public solution sets of one course: a reshape for a transpose",
    hints=(
        "The right numbers are all there, in a jumble.",
        "It shows unless there is a single window, or a window is a single pixel.",
        "A reshape never reorders memory. Did you need a reorder?",
    ),
)
def columns_scrambled(x, kernel_size, stride, padding):
    windows = _windows(_framed(x, padding), *kernel_size, stride)
    return _to_columns(windows, 0, 1, 2, 3, 4, 5)


@mistake(
    "im2col",
    source="constructed: windows as rows",
    hints=(
        "Your matrix has windows for rows.",
        "It shows in the shape.",
        "Is a window a row or a column?",
    ),
)
def windows_as_rows(x, kernel_size, stride, padding):
    windows = _windows(_framed(x, padding), *kernel_size, stride)
    return _to_columns(windows, 0, 1, 4, 5, 2, 3).transpose(1, 2)


@mistake(
    "im2col",
    source="121 public solution sets of one course: the batch among the columns",
    hints=(
        "You return one matrix for the whole batch.",
        "It shows in the shape.",
        "Which axis tells the images apart?",
    ),
)
def one_matrix_for_all(x, kernel_size, stride, padding):
    windows = _windows(_framed(x, padding), *kernel_size, stride)
    columns = _to_columns(windows, 0, 1, 4, 5, 2, 3)
    return columns.permute(1, 2, 0).flatten(1)


@mistake(
    "im2col",
    source="class notes, 4.2.2, equation (4.2.1): turned around",
    hints=(
        "Your columns run through the window backwards.",
        "Windows of one pixel hide it.",
        "Which pixel of the window comes first?",
    ),
)
def columns_turned(x, kernel_size, stride, padding):
    windows = _windows(_framed(x, padding), *kernel_size, stride).flip((4, 5))
    return _to_columns(windows, 0, 1, 4, 5, 2, 3)


@mistake(
    "im2col",
    source="constructed: a frame above and to the left only",
    hints=(
        "The frame has two sides only.",
        "Without padding all is well.",
        "Your first windows reach over the border. Do your last ones?",
    ),
)
def columns_framed_on_two_sides(x, kernel_size, stride, padding):
    framed = functional.pad(x, (2 * padding, 0, 2 * padding, 0))
    return _to_columns(_windows(framed, *kernel_size, stride), 0, 1, 4, 5, 2, 3)


@mistake(
    "im2col",
    source="121 public solution sets of one course: window starts without the stride",
    hints=(
        "Your windows are neighbours, whatever the stride is.",
        "With stride 1 all is well.",
        "Which pixel is at the top left of the second window?",
    ),
)
def columns_of_neighbours(x, kernel_size, stride, padding):
    rows = _fits(x.shape[2], kernel_size[0], stride, padding)
    columns = _fits(x.shape[3], kernel_size[1], stride, padding)
    windows = _windows(_framed(x, padding), *kernel_size, 1)[:, :, :rows, :columns]
    return _to_columns(windows, 0, 1, 4, 5, 2, 3)


@mistake(
    "im2col",
    source="121 public solution sets of one course: rows and columns of the window exchanged",
    hints=(
        "Your windows lie on their side.",
        "Square windows hide it.",
        "Which of the two sizes is the number of rows?",
    ),
)
def columns_of_lying_windows(x, kernel_size, stride, padding):
    kh, kw = kernel_size
    return _to_columns(_windows(_framed(x, padding), kw, kh, stride), 0, 1, 4, 5, 2, 3)


# --- col2im -----------------------------------------------------------------------------------


def _to_windows(cols, shape, kernel_size, stride, padding):
    """Return windows (N, C, H', W', kh, kw) from columns."""
    rows = _fits(shape[2], kernel_size[0], stride, padding)
    windows = cols.reshape(shape[0], shape[1], *kernel_size, rows, -1)
    return windows.permute(0, 1, 4, 5, 2, 3)


@mistake(
    "col2im",
    source="121 public solution sets of one course: assigned where it should be added",
    hints=(
        "A pixel that was copied several times comes back once.",
        "Windows that do not overlap hide it.",
        "Into how many columns was this pixel copied?",
    ),
)
def copies_overwritten(cols, shape, kernel_size, stride, padding):
    windows = _to_windows(cols, shape, kernel_size, stride, padding)
    grad = cols.new_zeros(*shape[:2], shape[2] + 2 * padding, shape[3] + 2 * padding)
    for i in range(windows.shape[2]):
        for j in range(windows.shape[3]):
            top, left = i * stride, j * stride
            under = grad[:, :, top : top + kernel_size[0], left : left + kernel_size[1]]
            under.copy_(windows[:, :, i, j])
    return _crop(grad, shape, padding)


@mistake(
    "col2im",
    source="constructed: the inverse instead of the transpose",
    hints=(
        "A pixel that was copied several times comes back as the mean of its copies.",
        "Windows that do not overlap hide it.",
        "Is the gradient of a copy handed back in full?",
    ),
)
def copies_averaged(cols, shape, kernel_size, stride, padding):
    windows = _to_windows(cols, shape, kernel_size, stride, padding)
    often = _collected(torch.ones_like(windows), shape, stride, padding).clamp(min=1)
    return _crop(_collected(windows, shape, stride, padding) / often, shape, padding)


@mistake(
    "col2im",
    source="121 public solution sets of one course: a slice that is empty at 0",
    hints=(
        "Without padding, your image has no pixels at all.",
        "With padding all is well.",
        "Where does a slice end that goes up to minus zero?",
    ),
)
def image_cropped_to_nothing(cols, shape, kernel_size, stride, padding):
    windows = _to_windows(cols, shape, kernel_size, stride, padding)
    framed = _collected(windows, shape, stride, padding)
    return framed[:, :, padding:-padding, padding:-padding]


@mistake(
    "col2im",
    source="constructed: the frame is not cut off",
    hints=(
        "Your image is larger than it should be.",
        "Without padding all is well.",
        "Which of its pixels belong to the image?",
    ),
)
def image_keeps_the_frame(cols, shape, kernel_size, stride, padding):
    windows = _to_windows(cols, shape, kernel_size, stride, padding)
    return _collected(windows, shape, stride, padding)


@mistake(
    "col2im",
    source="constructed: the frame cut off on the wrong side",
    hints=(
        "Your image is shifted.",
        "Without padding all is well.",
        "Where in the padded image is the pixel (0, 0) of the image?",
    ),
)
def image_cropped_from_the_corner(cols, shape, kernel_size, stride, padding):
    windows = _to_windows(cols, shape, kernel_size, stride, padding)
    return _crop(_collected(windows, shape, stride, padding), shape, 0)


@mistake(
    "col2im",
    source="constructed: channels last in a column",
    hints=(
        "The entries of a column return to the wrong channels.",
        "With one channel all is well.",
        "Which runs fastest down a column: the channel, the row or the column of the window?",
    ),
)
def image_from_channels_last(cols, shape, kernel_size, stride, padding):
    rows = _fits(shape[2], kernel_size[0], stride, padding)
    windows = cols.reshape(shape[0], *kernel_size, shape[1], rows, -1)
    windows = windows.permute(0, 3, 4, 5, 1, 2)
    return _crop(_collected(windows, shape, stride, padding), shape, padding)


@mistake(
    "col2im",
    source="constructed: the window read column by column",
    hints=(
        "The entries of a column return to the wrong pixels of the window.",
        "Windows of one row or column hide it.",
        "Which pixel of the window comes second?",
    ),
)
def image_from_transposed_windows(cols, shape, kernel_size, stride, padding):
    (kh, kw), rows = kernel_size, _fits(shape[2], kernel_size[0], stride, padding)
    windows = cols.reshape(shape[0], shape[1], kw, kh, rows, -1).permute(0, 1, 4, 5, 3, 2)
    return _crop(_collected(windows, shape, stride, padding), shape, padding)


@mistake(
    "col2im",
    source="constructed: the windows in the other order",
    hints=(
        "Columns return to the wrong windows.",
        "A single row of windows hides it.",
        "Which window comes second: the one to the right, or the one below?",
    ),
)
def image_from_columns_downwards(cols, shape, kernel_size, stride, padding):
    rows = _fits(shape[2], kernel_size[0], stride, padding)
    windows = cols.reshape(shape[0], shape[1], *kernel_size, -1, rows)
    windows = windows.permute(0, 1, 5, 4, 2, 3)
    return _crop(_collected(windows, shape, stride, padding), shape, padding)


@mistake(
    "col2im",
    source="constructed: the windows turned around",
    hints=(
        "The entries of a column return to the wrong pixels of the window.",
        "Windows of one pixel hide it.",
        "Which pixel of the window comes first?",
    ),
)
def image_from_turned_windows(cols, shape, kernel_size, stride, padding):
    windows = _to_windows(cols, shape, kernel_size, stride, padding).flip((4, 5))
    return _crop(_collected(windows, shape, stride, padding), shape, padding)


@mistake(
    "col2im",
    source="121 public solution sets of one course: window starts without the stride",
    hints=(
        "Columns return to windows that are neighbours, whatever the stride is.",
        "With stride 1 all is well.",
        "Which pixel is at the top left of the second window?",
    ),
)
def image_from_neighbours(cols, shape, kernel_size, stride, padding):
    windows = _to_windows(cols, shape, kernel_size, stride, padding)
    return _crop(_collected(windows, shape, 1, padding), shape, padding)


@mistake(
    "col2im",
    source="121 public solution sets of one course: square images only",
    hints=(
        "Most images give an error; those with as many rows of windows as columns do not.",
        "It is how the windows are laid out in rows again.",
        "There are 15 columns in the matrix: which numbers say that these are 3 rows of 5?",
    ),
)
def image_from_a_square_of_windows(cols, shape, kernel_size, stride, padding):
    side = int(cols.shape[2] ** 0.5)
    windows = cols.reshape(*shape[:2], *kernel_size, side, side).permute(0, 1, 4, 5, 2, 3)
    return _crop(_collected(windows, shape, stride, padding), shape, padding)


# --- conv2d_cols_forward ----------------------------------------------------------------------


def _product(cols, weight, bias, out_size):
    return (weight.flatten(1) @ cols + bias[:, None]).unflatten(2, out_size)


@mistake(
    "conv2d_cols_forward",
    source="121 public solution sets of one course: a reshape for a transpose",
    hints=(
        "The right numbers, and the right sum, in the wrong places.",
        "With one filter, or one window, all is well.",
        "In which order do windows and filters stand before you reshape?",
    ),
)
def product_scrambled(cols, weight, bias, out_size):
    y = cols.transpose(1, 2) @ weight.flatten(1).T + bias
    return y.reshape(len(cols), len(bias), *out_size)


@mistake(
    "conv2d_cols_forward",
    source="121 public solution sets of one course: height and width exchanged",
    hints=(
        "The windows are put into an image of the wrong shape.",
        "Square outputs hide it.",
        "Which of the two sizes is the number of rows?",
    ),
)
def product_lying(cols, weight, bias, out_size):
    return _product(cols, weight, bias, tuple(out_size)[::-1])


@mistake(
    "conv2d_cols_forward",
    source="constructed: the windows in the other order",
    hints=(
        "The right numbers stand in the wrong places of their map.",
        "A single row of windows hides it.",
        "Which window comes second: the one to the right, or the one below?",
    ),
)
def product_downwards(cols, weight, bias, out_size):
    return _product(cols, weight, bias, tuple(out_size)[::-1]).transpose(2, 3)


@mistake(
    "conv2d_cols_forward",
    source="constructed: the bias is forgotten",
    hints=(
        "Each map is off by a constant.",
        "A bias of 0 hides it.",
        "What is the answer to a black image?",
    ),
)
def product_without_bias(cols, weight, bias, out_size):
    return _product(cols, weight, 0 * bias, out_size)


@mistake(
    "conv2d_cols_forward",
    source="constructed: the bias on the last axis",
    hints=(
        "The columns of your output have biases of their own.",
        "It is silent if there are as many columns as filters.",
        "How many biases are there, and how many pixels share one?",
    ),
)
def product_bias_per_column(cols, weight, bias, out_size):
    return _product(cols, weight, 0 * bias, out_size) + bias


@mistake(
    "conv2d_cols_forward",
    source="rasbt/stat453-deep-learning-ss21, issue 5: one number for all biases",
    hints=(
        "All maps are shifted by the same amount.",
        "With one filter all is well.",
        "Which filter does a bias belong to?",
    ),
)
def product_bias_summed(cols, weight, bias, out_size):
    return _product(cols, weight, bias.sum().expand(bias.shape), out_size)


@mistake(
    "conv2d_cols_forward",
    source="constructed: channels last in a filter",
    hints=(
        "Weights and pixels do not meet.",
        "With one channel all is well.",
        "Which runs fastest down a column: the channel, the row or the column of the window?",
    ),
)
def product_channels_last(cols, weight, bias, out_size):
    return _product(cols, weight.permute(0, 2, 3, 1), bias, out_size)


@mistake(
    "conv2d_cols_forward",
    source="constructed: a reshape for a transpose, of the weight",
    hints=(
        "Your filters are made of pieces of several filters.",
        "With one filter all is well.",
        "A reshape never reorders memory. Did you need a reorder?",
    ),
)
def product_weight_scrambled(cols, weight, bias, out_size):
    mixed = weight.reshape(-1, weight.shape[0]).T
    return (mixed @ cols + bias[:, None]).unflatten(2, out_size)


@mistake(
    "conv2d_cols_forward",
    source="class notes, 4.2.2, equation (4.2.1): the kernel turned around",
    hints=(
        "It is a true convolution that you compute.",
        "Windows of one pixel and symmetric kernels hide it.",
        "Which weight meets the first entry of a column?",
    ),
)
def product_turned(cols, weight, bias, out_size):
    return _product(cols, weight.flip((2, 3)), bias, out_size)


# --- conv2d_cols_backward ---------------------------------------------------------------------


def _product_grads(grad_y, cols, weight, **wrong):
    """Return all three gradients, with those in `wrong` in the place of the right ones."""
    grad = grad_y.flatten(2)
    right = {
        "grad_cols": weight.flatten(1).T @ grad,
        "grad_weight": torch.einsum("nfl,nkl->fk", grad, cols).reshape(weight.shape),
        "grad_bias": grad.sum((0, 2)),
    }
    return tuple((right | wrong).values())


@mistake(
    "conv2d_cols_backward",
    source="constructed: the gradient of the matrix, not of the weight",
    hints=(
        "The gradient of the weight has the right numbers, not the right shape.",
        "It has two axes.",
        "Which shape must a gradient have, always?",
    ),
)
def weight_left_flat(grad_y, cols, weight):
    flat = torch.einsum("nfl,nkl->fk", grad_y.flatten(2), cols)
    return _product_grads(grad_y, cols, weight, grad_weight=flat)


@mistake(
    "conv2d_cols_backward",
    source="constructed: a reshape for a transpose, of the weight's gradient",
    hints=(
        "The gradient of the weight has the right numbers, in a jumble.",
        "With one filter all is well.",
        "A reshape never reorders memory. Did you need a reorder?",
    ),
)
def weight_scrambled(grad_y, cols, weight):
    flat = torch.einsum("nkl,nfl->kf", cols, grad_y.flatten(2))
    return _product_grads(grad_y, cols, weight, grad_weight=flat.reshape(weight.shape))


@mistake(
    "conv2d_cols_backward",
    source="davharris/mistnet, issue 33: a mean where a sum is meant",
    hints=(
        "The gradient of the weight shrinks when the batch grows.",
        "A batch of one hides it.",
        "The loss already averaged, if it wanted to. Does grad_y know?",
    ),
)
def flat_weight_averaged(grad_y, cols, weight):
    right = _product_grads(grad_y, cols, weight)[1]
    return _product_grads(grad_y, cols, weight, grad_weight=right / len(cols))


@mistake(
    "conv2d_cols_backward",
    source="constructed: assigned in the loop over the batch",
    hints=(
        "Most images have no influence on the gradient of the weight.",
        "A batch of one hides it.",
        "What is left of the first image when the last one is there?",
    ),
)
def flat_weight_of_the_last_image(grad_y, cols, weight):
    last = _product_grads(grad_y[-1:], cols[-1:], weight)[1]
    return _product_grads(grad_y, cols, weight, grad_weight=last)


@mistake(
    "conv2d_cols_backward",
    source="constructed: a reshape for a transpose, of the weight",
    hints=(
        "What goes back is weighed with pieces of several filters.",
        "It is the gradient of the columns; with one filter all is well.",
        "A reshape never reorders memory. Did you need a reorder?",
    ),
)
def cols_from_a_scrambled_weight(grad_y, cols, weight):
    wrong = weight.reshape(-1, weight.shape[0]) @ grad_y.flatten(2)
    return _product_grads(grad_y, cols, weight, grad_cols=wrong)


@mistake(
    "conv2d_cols_backward",
    source="constructed: assigned in the loop over the filters",
    hints=(
        "Only one filter pays back.",
        "It is the gradient of the columns; with one filter all is well.",
        "How many output maps does one entry of a column touch?",
    ),
)
def cols_from_the_last_filter(grad_y, cols, weight):
    wrong = _product_grads(grad_y[:, -1:], cols, weight[-1:])[0]
    return _product_grads(grad_y, cols, weight, grad_cols=wrong)


@mistake(
    "conv2d_cols_backward",
    source="121 public solution sets of one course: a turned kernel where none is needed",
    hints=(
        "The kernel is turned around on the way back.",
        "It is the gradient of the columns; windows of one pixel hide it.",
        "Which weight met the first entry of a column?",
    ),
)
def cols_from_a_turned_weight(grad_y, cols, weight):
    wrong = _product_grads(grad_y, cols, weight.flip((2, 3)))[0]
    return _product_grads(grad_y, cols, weight, grad_cols=wrong)


@mistake(
    "conv2d_cols_backward",
    source="constructed: grad_y read as if the windows came first",
    hints=(
        "What comes from above is read in the wrong order.",
        "It shows in all gradients; with one filter all is well.",
        "Which axis of grad_y counts the filters?",
    ),
)
def grad_y_scrambled(grad_y, cols, weight):
    n, filters = grad_y.shape[:2]
    wrong = grad_y.reshape(n, -1, filters).transpose(1, 2).reshape(grad_y.shape)
    return _product_grads(wrong, cols, weight)


@mistake(
    "conv2d_cols_backward",
    source="class notes, 4.2.3: a bias per output pixel",
    hints=(
        "Your gradient of the bias has a number for each window.",
        "It shows in the shape.",
        "How many biases are there, and how many pixels share one?",
    ),
)
def flat_bias_per_pixel(grad_y, cols, weight):
    return _product_grads(grad_y, cols, weight, grad_bias=grad_y.flatten(2).sum(0))


@mistake(
    "conv2d_cols_backward",
    source="kvfrans/notes, issue 5: a bias gradient averaged",
    hints=(
        "The gradient of the bias shrinks when images or batches grow.",
        "A single window of a single image hides it.",
        "A bias is added to many pixels. Do their gradients add up?",
    ),
)
def flat_bias_averaged(grad_y, cols, weight):
    return _product_grads(grad_y, cols, weight, grad_bias=grad_y.mean((0, 2, 3)))


@mistake(
    "conv2d_cols_backward",
    source="rasbt/stat453-deep-learning-ss21, issue 5: one number for all biases",
    hints=(
        "All biases get the same gradient.",
        "With one filter all is well.",
        "Which axes does the bias of one filter not have?",
    ),
)
def flat_bias_shared(grad_y, cols, weight):
    shared = grad_y.sum().expand(len(weight))
    return _product_grads(grad_y, cols, weight, grad_bias=shared)


@mistake(
    "conv2d_cols_backward",
    source="NVIDIA/apex, pull request 1573: a view of a gradient that has gaps in memory",
    hints=(
        "Some gradients from above give an error, though their shapes are right.",
        "It is those that do not lie in memory in the order of their axes.",
        "Which ways to join two axes need them to lie side by side in memory, and which copy?",
    ),
)
def grad_y_in_order_only(grad_y, cols, weight):
    n, filters, height, width = grad_y.shape
    return _product_grads(grad_y.view(n, filters, 1, height * width), cols, weight)


# --- train_cnn --------------------------------------------------------------------------------


def _trained(network, params, x, y, orders, batch_size, step, reduction="mean"):
    """Take the steps; `step(velocity, grad)` gives the next velocity, times the rate."""
    params = [param.detach().clone() for param in params]
    velocities = [torch.zeros_like(param) for param in params]
    for order in orders:
        for batch in order.split(batch_size):
            leaves = [param.detach().requires_grad_() for param in params]
            logits = network(x[batch], leaves)
            loss = functional.cross_entropy(logits, y[batch], reduction=reduction)
            grads = torch.autograd.grad(loss, leaves)
            pairs = zip(velocities, grads, strict=True)
            velocities = [step(velocity, grad) for velocity, grad in pairs]
            params = [p - v for p, v in zip(params, velocities, strict=True)]
    return params


@mistake(
    "train_cnn",
    source="a habit from torch: gradients that are never set back to zero",
    hints=(
        "The first step is right, the later ones are too long.",
        "A single step hides it, and so does no momentum.",
        "How much of the gradient of the first batch is left in the second step?",
    ),
)
def nothing_forgotten(network, params, x, y, orders, *, batch_size, lr, momentum):
    return _trained(network, params, x, y, orders, batch_size, lambda v, grad: v + lr * grad)


@mistake(
    "train_cnn",
    source="constructed: the velocity is forgotten",
    hints=(
        "The first step is right, the later ones are too short.",
        "No momentum hides it.",
        "What does the velocity remember?",
    ),
)
def no_velocity(network, params, x, y, orders, *, batch_size, lr, momentum):
    return _trained(network, params, x, y, orders, batch_size, lambda v, grad: 0 * v + lr * grad)


@mistake(
    "train_cnn",
    source="the class notes' momentum, read as a mean of gradients",
    hints=(
        "Already the first step is too short.",
        "No momentum hides it.",
        "With which factor does the newest gradient enter the velocity?",
    ),
)
def velocity_as_a_mean(network, params, x, y, orders, *, batch_size, lr, momentum):
    return _trained(
        network, params, x, y, orders, batch_size,
        lambda v, grad: momentum * v + (1 - momentum) * lr * grad,
    )  # fmt: skip


@mistake(
    "train_cnn",
    source="davharris/mistnet, issue 33: gradients summed, not averaged",
    hints=(
        "Larger batches take larger steps.",
        "Batches of one example hide it.",
        "What happens to your step if I duplicate every example of a batch?",
    ),
)
def loss_summed(network, params, x, y, orders, *, batch_size, lr, momentum):
    return _trained(
        network, params, x, y, orders, batch_size,
        lambda v, grad: momentum * v + lr * grad,
        reduction="sum",
    )  # fmt: skip
