# %% [markdown]
# # Convolutional networks, by hand
#
# A dense layer looks at an image as at a list of numbers. Move the digit by one pixel, and for the
# layer it is another list. A convolution slides one small window over the image and asks the same
# question everywhere; what it learns in one place, it knows in all of them. In this notebook you
# count sizes, slide the windows, and carry gradients back through them. Nearly all of it is
# bookkeeping with indices: draw small pictures.
#
# **Words.** A batch of images is `x`, of shape `(N, C, H, W)`: `N` images, `C` channels, `H` rows,
# `W` columns. A layer has `F` filters, one for each output channel, so `weight` is `(F, C, kh,
# kw)` and `bias` is `(F,)`. An output has `H'` rows and `W'` columns, and these are called `y`, of
# shape `(N, F, H', W')`. The *stride* $S$ is the number of pixels from one window to the next, the
# *padding* $P$ the number of rows and columns added on each of the four sides. Kernel sizes,
# strides and paddings are whole numbers. All indices count from 0. A gradient is called
# `grad_<primal>` and has the shape of its primal; what comes from above (`grad_y`) is given.
#
# **By hand.** Each exercise says what it does not allow:
#
# * *convolution*: `torch.conv1d`, `conv2d`, `conv3d`, their transposed forms, `F.unfold`,
#   `F.fold`, `torch.nn.grad`, `scipy.signal`, `scipy.ndimage`, `numpy.convolve`, under any of
#   their names (modules, `torch.nn.functional`);
# * *pooling*: `max_pool2d`, `avg_pool2d`, the adaptive and other forms, likewise;
# * *autograd*: everything that differentiates for you (`backward`, `torch.autograd`,
#   `torch.func`).
#
# Slices with a step, `F.pad`, `torch.einsum`, matrix products, index arithmetic, `torch.as_strided`
# and the method `x.unfold(dim, size, step)` (a view of all windows along one axis; not `F.unfold`)
# are what you build with. So are loops, as many as you like: the tests are small enough for seven,
# one inside the other.
#
# **What is always tested.** Your results have the shapes stated, the dtype and device of the
# floating inputs (float64 first, float32 too), and do not depend on how an input lies in memory
# (transposed, strided, repeated by `expand`). Several points of an exercise are *parts* of their
# own. The tests hand you every input: a mistake in one exercise costs nothing in another.
#
# **Sources.** The slides and notes of the course; where they have a slip, the exercise says so and
# gives the right formula. Marc Lelarge, Jill-Jênn Vie and Kevin Scaman, *Deep Learning*, class
# notes by Antoine Groudiev, chapter 4 (the *class notes* below; in the earlier notes of June 2024
# it is chapter 5). *Deep learning: Unpacking Transformers, LLMs and image generation*, session 5,
# "convnets". Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, *Gradient-based learning applied to
# document recognition*, 1998.

# %%
"""Convolutional networks, by hand."""

from collections.abc import Callable, Sequence

import torch
from torch.nn import functional

# %% [markdown]
# ## 1. `conv_out_size`
#
# **Goal.** How many windows fit into a row? An image of width $W$ with $P$ extra pixels on either
# side has $W + 2P$ of them; windows of width $K$ start every $S$ pixels and must lie inside.
#
# $$W' = \left\lfloor \frac{W - K + 2P}{S} \right\rfloor + 1$$
#
# If the window is larger than the padded image, there is no output at all: raise a `ValueError`.
#
# **Source.** Class notes, 4.2.5 and 4.2.7, equations (4.2.2) and (4.2.3). They print the fraction
# without its floor and say that the result "can be rounded up or down" depending on the
# implementation. Convolutions round *down*, in torch and everywhere else: a window that does not
# fit is not used. And "same-padding" $P = (K - 1)/2$ keeps the size for odd $K$ *and* $S = 1$ only.
#
# **Worked number.** $W = 32$, $K = 5$ gives 28. $W = 6$, $K = 3$, $S = 2$, $P = 1$: $5/2$ is
# rounded down, so 3 windows.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `size`; `too_large` (when to raise, and when not). **Hidden tests vary** all four
# numbers: windows that leave a rest, that fill the image exactly, that jump over pixels, padding
# larger than the window.


# %%
def conv_out_size(size: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """Return how many windows fit along one axis of an image.

    Args:
        size: Pixels along the axis, at least 1.
        kernel: Size of the window, at least 1.
        stride: Pixels from one window to the next, at least 1.
        padding: Pixels added on each of the two sides, at least 0.

    Returns:
        The size of the output along this axis, at least 1.

    Raises:
        ValueError: If the window is larger than the padded image.
    """
    raise NotImplementedError("conv_out_size: write this function")


# %% [markdown]
# ## 2. `receptive_field`
#
# **Goal.** How far does a pixel of the last layer see? Its *receptive field* is the part of the
# input that can influence it: a square, if the layers are square, of a width that grows with each
# layer. A layer with kernel $K_l$ looks at $K_l$ neighbours of the layer below, and these are as
# many input pixels apart as all the strides *below* have made of it:
#
# $$r_0 = 1, \qquad r_l = r_{l-1} + (K_l - 1) \prod_{i < l} S_i$$
#
# `layers` is a list of pairs $(K_l, S_l)$, first layer first; pooling layers count like
# convolutions. Padding changes nothing. Without layers, a pixel sees itself.
#
# **Source.** Class notes, 4.2.6. The rule there, $1 + L (K - 1)$ after $L$ layers, holds for equal
# kernels and stride 1 only; in the next section strides come in, and with them the product.
#
# **Worked number.** Three layers $(3, 1)$ see $1 + 3 \cdot 2 = 7$ pixels. The first four layers of
# LeNet-5 are $(5, 1), (2, 2), (5, 1), (2, 2)$ and see 5, 6, 14, 16 pixels: the last two look at
# neighbours that are 2 pixels apart.
#
# **Not allowed.** Nothing is.
#
# **Hidden tests vary** the number of layers (also none), kernels, strides, and their order.


# %%
def receptive_field(layers: Sequence[tuple[int, int]]) -> int:
    """Return the width of the part of the input that one output pixel depends on.

    Args:
        layers: (kernel, stride) of each layer, first layer first; each at least 1.

    Returns:
        The width in pixels, at least 1; what lies outside the image counts too.
    """
    raise NotImplementedError("receptive_field: write this function")


# %% [markdown]
# ## 3. `conv_params`
#
# **Goal.** How many numbers does a convolutional layer learn? `out_channels` filters, each with a
# square window of side `kernel` in *every* input channel, and each with its bias.
#
# **Source.** Class notes, 4.2.2 and 4.2.3. The remark on biases gives each kernel a bias "of size
# $1 \times (H - K + 1) \times (W - K + 1)$", one per output pixel. That would tie the layer to one
# image size. It is *one number* per filter, added to all pixels of its map: $b \in \mathbb R^F$.
#
# **Worked number.** From 6 channels to 16 with windows of $5 \times 5$: each filter has $6 \cdot
# 25 = 150$ weights and 1 bias, together $16 \cdot 151 = 2416$. The size of the image does not
# appear. (A dense layer between the same two volumes of LeNet-5 would have 1.9 million weights.)
#
# **Not allowed.** Nothing is.
#
# **Hidden tests vary** all three numbers.


# %%
def conv_params(in_channels: int, out_channels: int, kernel: int) -> int:
    """Return the number of parameters of a convolutional layer with biases.

    Args:
        in_channels: Channels of the input.
        out_channels: Filters, which is channels of the output.
        kernel: Side of the square window.

    Returns:
        How many weights and biases there are, together.
    """
    raise NotImplementedError("conv_params: write this function")


# %% [markdown]
# ## 4. `cnn_shapes`
#
# **Goal.** Read a whole architecture: what is the shape after each layer, and how many parameters
# does each have? `shape` is $(C, H, W)$ of one image (the batch axis is left out), `layers` a list
# of
#
# * `("conv", F, K, S, P)`: `F` filters with square windows, stride and padding, with biases;
# * `("pool", K, S)`: pooling without padding;
# * `("linear", n)`: a dense layer with biases on the flattened volume, which leaves the shape
#   $(n,)$. Only dense layers come after it.
#
# Return two lists with one entry per layer: the shapes, as tuples of integers, and the numbers of
# parameters. (ReLU changes neither and is left out.)
#
# **Source.** Class notes, 4.4, "A full CNN example: LeNet-5". The text says that through the first
# blocks "the total volume of the input is preserved". It is not: $1 \cdot 32 \cdot 32 = 1024$
# numbers become 4704, 1176, 1600 and 400. The count of VGG-16 that the class notes give in 3.3.3,
# 138 357 544, is right: your function will find it.
#
# **Worked number.** LeNet-5 on $(1, 32, 32)$: `("conv", 6, 5, 1, 0)`, `("pool", 2, 2)`, `("conv",
# 16, 5, 1, 0)`, `("pool", 2, 2)`, `("linear", 120)`, `("linear", 84)`, `("linear", 10)`. The shapes
# are $(6, 28, 28)$, $(6, 14, 14)$, $(16, 10, 10)$, $(16, 5, 5)$, $(120)$, $(84)$, $(10)$, and the
# parameters 156, 0, 2416, 0, 48120, 10164, 850: together 61 706, most of them in one dense layer.
# (The network of 1998 connected the 6 maps only partly to the 16, and its pooling had weights.)
#
# **Not allowed.** Nothing is.
#
# **Parts.** `shapes`; `params`. **Hidden tests vary** the architecture: images that are not square,
# strides that leave a rest, padding, pooling that overlaps, a dense layer on the input, VGG-16.


# %%
def cnn_shapes(
    shape: tuple[int, int, int], layers: Sequence[tuple]
) -> tuple[list[tuple[int, ...]], list[int]]:
    """Return the shape after each layer of a network, and its number of parameters.

    Args:
        shape: (C, H, W) of one input image.
        layers: ("conv", filters, kernel, stride, padding), ("pool", kernel, stride) or
            ("linear", outputs), first layer first.

    Returns:
        (shapes, params): two lists with an entry for each layer; a shape is (C, H, W) or (n,).
    """
    raise NotImplementedError("cnn_shapes: write this function")


# %% [markdown]
# ## 5. `corr2d`
#
# **Goal.** One image, one channel, one kernel. At each place, multiply the window with the kernel,
# entry by entry, and add up: how much does this neighbourhood look like the kernel?
#
# $$y_{ij} = \sum_{a=0}^{k_h - 1} \sum_{b=0}^{k_w - 1} x_{i + a,\, j + b}\; k_{ab}
# \qquad x\ (H, W),\ k\ (k_h, k_w) \to y\ (H - k_h + 1,\ W - k_w + 1)$$
#
# This is the *cross-correlation*, and it is what every layer called convolution computes, in torch
# and elsewhere: a dot product of the kernel with each window.
#
# **Source.** Class notes, 4.2.2. Equation (4.2.1), $\sum a_{(m-i+1),(n-j+1)}\, b_{ij}$, runs
# through $A$ backwards: that is a *true* convolution (exercise 6), and the sentence below it, "this
# corresponds to the dot product", is false. The dot product is $\sum a_{ij} b_{ij}$. For kernels to
# be learnt it does not matter which one a library takes, as long as it is always the same. The
# earlier notes, 5.2.2, print the second row of the Gaussian blur as 2, 4, 1; its weights then add
# up to $15/16$ and it darkens the image. It is 2, 4, 2.
#
# **Worked number.** A ramp that rises to the right by 1 per pixel, and Sobel's $S_x =
# \begin{pmatrix} 1 & 0 & -1 \\ 2 & 0 & -2 \\ 1 & 0 & -1 \end{pmatrix}$: the result is $-8$
# everywhere. A single bright pixel in the middle of $3 \times 3$ and $k = \begin{pmatrix} 1 & 2 \\
# 3 & 4 \end{pmatrix}$: $y = \begin{pmatrix} 4 & 3 \\ 2 & 1 \end{pmatrix}$.
#
# **Not allowed.** convolution.
#
# **Hidden tests vary** the sizes (kernels that are not square, of size 1, as large as the image),
# kernels with and without symmetry, dtype and memory layout.


# %%
def corr2d(x: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """Return the cross-correlation of an image with a kernel, where the kernel lies inside.

    Args:
        x: Image, shape (H, W), floating dtype.
        k: Kernel, shape (kh, kw), same dtype, not larger than the image.

    Returns:
        y, shape (H - kh + 1, W - kw + 1), same dtype.
    """
    raise NotImplementedError("corr2d: write this function")


# %% [markdown]
# ## 6. `true_conv2d`
#
# **Goal.** The convolution of mathematics and of signal processing, on the same places. One of the
# two runs backwards:
#
# $$y_{ij} = \sum_{a=0}^{k_h - 1} \sum_{b=0}^{k_w - 1} x_{i + a,\, j + b}\;
# k_{k_h - 1 - a,\; k_w - 1 - b} \qquad x\ (H, W),\ k\ (k_h, k_w) \to y\ (H - k_h + 1,\ W - k_w +
# 1)$$
#
# It is this one that commutes ($x * k = k * x$, on the full plane), and that turns a single bright
# pixel into an upright picture of the kernel.
#
# **Source.** Class notes, 4.2.2, equation (4.2.1), which is this sum for one window.
#
# **Worked number.** The two examples of exercise 5: the ramp now gives $+8$ everywhere, and the
# bright pixel gives $\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}$, the kernel itself. With the
# Gaussian blur there is no difference. Why?
#
# **Not allowed.** convolution.
#
# **Hidden tests vary** the same as in exercise 5.


# %%
def true_conv2d(x: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """Return the convolution of an image with a kernel, where the kernel lies inside.

    Args:
        x: Image, shape (H, W), floating dtype.
        k: Kernel, shape (kh, kw), same dtype, not larger than the image.

    Returns:
        y, shape (H - kh + 1, W - kw + 1), same dtype.
    """
    raise NotImplementedError("true_conv2d: write this function")


# %% [markdown]
# ## 7. `conv2d_forward`
#
# **Goal.** The layer: a batch, several channels, several filters, stride and padding.
#
# $$y_{nfij} = b_f + \sum_{c=0}^{C-1} \sum_{a=0}^{k_h - 1} \sum_{b=0}^{k_w - 1}
# \tilde x_{n,\, c,\, iS + a,\, jS + b}\; w_{fcab}$$
#
# $x\ (N, C, H, W)$, $w\ (F, C, k_h, k_w)$, $b\ (F,)$, $y\ (N, F, H', W')$ with the sizes of
# exercise 1. $\tilde x$ is $x$ with $P$ rows and columns of zeros on each of its four sides. It is
# a cross-correlation, as in exercise 5. `stride` and `padding` are the same for rows and columns,
# the window need not be square.
#
# Write it with loops first, as many as you like. Then count how many of them can be one
# `torch.einsum`.
#
# **Source.** Class notes, 4.2.2 to 4.2.7, with the corrections of exercises 1, 3 and 5.
#
# **Worked number.** An image of ones, $4 \times 4$, a kernel of ones, $3 \times 3$, bias 0, stride
# 1, padding 1: each output counts the ones under its window,
#
# $$y = \begin{pmatrix} 4 & 6 & 6 & 4 \\ 6 & 9 & 9 & 6 \\ 6 & 9 & 9 & 6 \\ 4 & 6 & 6 & 4
# \end{pmatrix}$$
#
# **Not allowed.** convolution.
#
# **Parts.** `y` (stride 1, no padding); `padding`; `stride` (with and without padding). **Hidden
# tests vary** all sizes (also 1, also equal), windows of one pixel and as large as the image,
# padding larger than the window, strides that leave a rest and strides larger than the window,
# dtype and memory layout.


# %%
def conv2d_forward(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor,
    *,
    stride: int = 1,
    padding: int = 0,
) -> torch.Tensor:
    """Return the output of a convolutional layer.

    Args:
        x: Images, shape (N, C, H, W), floating dtype.
        weight: Filters, shape (F, C, kh, kw), same dtype.
        bias: Biases, shape (F,), same dtype.
        stride: Pixels from one window to the next, in both directions.
        padding: Rows and columns of zeros on each side; the window fits the padded image.

    Returns:
        y, shape (N, F, H', W'), same dtype.
    """
    raise NotImplementedError("conv2d_forward: write this function")


# %% [markdown]
# ## 8. `conv2d_backward`
#
# **Goal.** The heart of this notebook: all three gradients of the layer. Each output $y_{nfij}$ has
# looked at a window and at a filter. So `grad_y` at this place pays back to every weight of the
# filter, in proportion to the pixel under it, and to every pixel of the window, in proportion to
# the weight on it:
#
# $$\nabla_{w_{fcab}} = \sum_{n,i,j} \nabla_{y_{nfij}}\; \tilde x_{n,\, c,\, iS + a,\, jS + b}
# \qquad
# \nabla_{b_f} = \sum_{n,i,j} \nabla_{y_{nfij}}$$
#
# $$\nabla_{\tilde x_{ncuv}} = \sum_{f} \sum_{\substack{i, a \,:\, iS + a = u}}
# \sum_{\substack{j, b \,:\, jS + b = v}} \nabla_{y_{nfij}}\; w_{fcab}$$
#
# $\nabla_x$ is the part of $\nabla_{\tilde x}$ that belongs to the image: the frame of padding is
# cut off. The loss is whatever it is; if it was a mean over the batch, `grad_y` knows it already.
#
# Before you look for a formula with a turned kernel, write $\nabla_{\tilde x}$ as a *scatter*: take
# the loops of the forward pass, and turn the assignment around. Think of a pixel in several
# windows, and of one in none.
#
# **Source.** Class notes, 2.4.3, for the chain rule with several paths, and 4.2 for the layer. The
# notes do not derive the gradient.
#
# **Worked number.** $x = \begin{pmatrix} 1 & 2 & 3 \\ 4 & 5 & 6 \\ 7 & 8 & 9 \end{pmatrix}$, $w =
# \nabla_y = \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}$, stride 1, no padding:
#
# $$\nabla_x = \begin{pmatrix} 1 & 4 & 4 \\ 6 & 20 & 16 \\ 9 & 24 & 16 \end{pmatrix} \qquad
# \nabla_w = \begin{pmatrix} 37 & 47 \\ 67 & 77 \end{pmatrix} \qquad \nabla_b = 10$$
#
# **Not allowed.** convolution, autograd.
#
# **Parts.** One for each gradient. **Hidden tests vary** the same as in exercise 7.


# %%
def conv2d_backward(
    grad_y: torch.Tensor,
    x: torch.Tensor,
    weight: torch.Tensor,
    *,
    stride: int = 1,
    padding: int = 0,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradients of the loss with respect to what a convolutional layer was given.

    Args:
        grad_y: Gradient with respect to the output, shape (N, F, H', W'), floating dtype.
        x: Images, shape (N, C, H, W), same dtype.
        weight: Filters, shape (F, C, kh, kw), same dtype.
        stride: Pixels from one window to the next, in both directions.
        padding: Rows and columns of zeros on each side.

    Returns:
        (grad_x, grad_weight, grad_bias) of shapes (N, C, H, W), (F, C, kh, kw), (F,); same dtype.
    """
    raise NotImplementedError("conv2d_backward: write this function")


# %% [markdown]
# ## 9. `maxpool2d_forward`
#
# **Goal.** Make the image smaller and keep what stands out: the largest value of each window, in
# each channel by itself.
#
# $$y_{ncij} = \max_{0 \le a, b < K} \tilde x_{n,\, c,\, iS + a,\, jS + b}
# \qquad x\ (N, C, H, W) \to y\ (N, C, H', W')$$
#
# with the sizes of exercise 1 (rounded down). `kernel_size` $K$ is one number, windows are square.
# Windows overlap if $S < K$ and leave pixels out if $S > K$. With padding, a pixel outside the
# image never wins: $\tilde x$ is $-\infty$ there. The padding is at most $K / 2$, so each window
# holds a pixel of the image.
#
# **Source.** Class notes, 4.3.2. "We often choose $K = S$": often, not always. AlexNet pools with
# $K = 3$, $S = 2$, ResNet with padding besides.
#
# **Worked number.** $x = \begin{pmatrix} 1 & 2 & 5 \\ 4 & 3 & 0 \\ -1 & 7 & 6 \end{pmatrix}$, $K =
# 2$, $S = 1$: $y = \begin{pmatrix} 4 & 5 \\ 7 & 7 \end{pmatrix}$.
#
# **Not allowed.** pooling, convolution.
#
# **Parts.** `y`; `padding`. **Hidden tests vary** the sizes (also 1, also equal), `kernel_size` and
# `stride` (overlap, gaps, a rest, one window for the whole image), images without a positive pixel,
# dtype and memory layout.


# %%
def maxpool2d_forward(
    x: torch.Tensor, kernel_size: int, stride: int, *, padding: int = 0
) -> torch.Tensor:
    """Return the largest value of each window.

    Args:
        x: Images, shape (N, C, H, W), floating dtype, finite.
        kernel_size: Side of the square window.
        stride: Pixels from one window to the next, in both directions.
        padding: Rows and columns on each side that never win; at most kernel_size / 2.

    Returns:
        y, shape (N, C, H', W'), same dtype.
    """
    raise NotImplementedError("maxpool2d_forward: write this function")


# %% [markdown]
# ## 10. `maxpool2d_backward`
#
# **Goal.** Raise a pixel a little. If it is the largest of its window, the output rises with it; if
# not, nothing happens. So each window hands its `grad_y` to the pixel that won, and a pixel gets
# what all of its windows hand to it:
#
# $$\nabla_{\tilde x_{ncuv}} = \sum_{i, j} \nabla_{y_{ncij}}\;
# \mathbb 1\{(u, v) \text{ wins the window } (i, j)\}$$
#
# Again $\nabla_x$ is the part that belongs to the image. If several pixels of a window are largest
# (after a ReLU, a window may well hold nothing but zeros), the derivative does not exist, and any
# choice among the winners is fine, also a division, as long as the window pays its `grad_y` out
# *once*.
#
# **Source.** Class notes, 4.3.2, for the layer. The notes do not derive the gradient.
#
# **Worked number.** The image of exercise 9 with $\nabla_y = \begin{pmatrix} 1 & 2 \\ 3 & 4
# \end{pmatrix}$: the pixel 7 wins twice, and $\nabla_x = \begin{pmatrix} 0 & 0 & 2 \\ 1 & 0 & 0 \\
# 0 & 7 & 0 \end{pmatrix}$.
#
# **Not allowed.** pooling, convolution, autograd.
#
# **Parts.** `grad_x` (no ties, no padding); `padding`; `ties` (also pixels that are nearly as large
# as the winner). **Hidden tests vary** the same as in exercise 9.


# %%
def maxpool2d_backward(
    grad_y: torch.Tensor, x: torch.Tensor, kernel_size: int, stride: int, *, padding: int = 0
) -> torch.Tensor:
    """Return the gradient of the loss with respect to the input of max pooling.

    Args:
        grad_y: Gradient with respect to the output, shape (N, C, H', W'), floating dtype.
        x: Images, shape (N, C, H, W), same dtype, finite.
        kernel_size: Side of the square window.
        stride: Pixels from one window to the next, in both directions.
        padding: Rows and columns on each side that never win; at most kernel_size / 2.

    Returns:
        grad_x, shape (N, C, H, W), same dtype.
    """
    raise NotImplementedError("maxpool2d_backward: write this function")


# %% [markdown]
# ## 11. `avgpool2d_forward`
#
# **Goal.** The other way to make an image smaller: the mean of each window, in each channel by
# itself.
#
# $$y_{ncij} = \frac{1}{K^2} \sum_{a=0}^{K-1} \sum_{b=0}^{K-1} x_{n,\, c,\, iS + a,\, jS + b}
# \qquad x\ (N, C, H, W) \to y\ (N, C, H', W')$$
#
# There is no padding here. Sizes as in exercise 1, rounded down.
#
# **Source.** Class notes, 4.3.3. (They write $\text{avg}_P$ and $\max_P$; the index has nothing to
# do with the padding $P$.)
#
# **Worked number.** The image of exercise 9, $K = 2$, $S = 1$: $y = \begin{pmatrix} 2.5 & 2.5 \\
# 3.25 & 4 \end{pmatrix}$.
#
# **Not allowed.** pooling, convolution.
#
# **Hidden tests vary** the same as in exercise 9, without padding.


# %%
def avgpool2d_forward(x: torch.Tensor, kernel_size: int, stride: int) -> torch.Tensor:
    """Return the mean of each window.

    Args:
        x: Images, shape (N, C, H, W), floating dtype.
        kernel_size: Side of the square window.
        stride: Pixels from one window to the next, in both directions.

    Returns:
        y, shape (N, C, H', W'), same dtype.
    """
    raise NotImplementedError("avgpool2d_forward: write this function")


# %% [markdown]
# ## 12. `avgpool2d_backward`
#
# **Goal.** A mean has no winner: each pixel of a window gets the same share of its `grad_y`, and a
# pixel gets what all of its windows hand to it. The pooling is linear, so of `x` only the shape
# matters.
#
# $$\nabla_{x_{ncuv}} = \frac{1}{K^2} \sum_{\substack{i, j \,:\, (u, v) \text{ lies in the} \\
# \text{window } (i, j)}} \nabla_{y_{ncij}}$$
#
# **Source.** Class notes, 4.3.3, for the layer. The notes do not derive the gradient.
#
# **Worked number.** An image of $3 \times 3$, $K = 2$, $S = 1$, $\nabla_y = \begin{pmatrix} 4 & 8
# \\ 12 & 16 \end{pmatrix}$: $\nabla_x = \begin{pmatrix} 1 & 3 & 2 \\ 4 & 10 & 6 \\ 3 & 7 & 4
# \end{pmatrix}$. It adds up to 40, as $\nabla_y$ does.
#
# **Not allowed.** pooling, convolution, autograd.
#
# **Hidden tests vary** the same as in exercise 11.


# %%
def avgpool2d_backward(
    grad_y: torch.Tensor, x: torch.Tensor, kernel_size: int, stride: int
) -> torch.Tensor:
    """Return the gradient of the loss with respect to the input of average pooling.

    Args:
        grad_y: Gradient with respect to the output, shape (N, C, H', W'), floating dtype.
        x: Images, shape (N, C, H, W), same dtype; only its shape matters.
        kernel_size: Side of the square window.
        stride: Pixels from one window to the next, in both directions.

    Returns:
        grad_x, shape (N, C, H, W), same dtype.
    """
    raise NotImplementedError("avgpool2d_backward: write this function")


# %% [markdown]
# ## 13. (*) `im2col`
#
# **Goal.** How do fast libraries do it? They copy the windows into a matrix, and then the
# convolution *is* a matrix product, the one thing that all hardware is good at. Here is the copy:
# each window becomes a column.
#
# $$\text{cols}_{n,\; (c\, k_h + a)\, k_w + b,\; i\, W' + j} = \tilde x_{n,\, c,\, iS + a,\, jS + b}
# \qquad x\ (N, C, H, W) \to (N,\ C k_h k_w,\ H' W')$$
#
# A column runs through the channels, in each channel through the rows of the window, in each row
# from left to right. The columns follow each other as the windows do: row by row, from left to
# right. `kernel_size` is the pair $(k_h, k_w)$; $\tilde x$ is padded with zeros.
#
# **Source.** K. Chellapilla, S. Puri and P. Simard, *High performance convolutional neural networks
# for document processing*, 2006.
#
# **Worked number.** The image 1 to 9 of exercise 8, $(k_h, k_w) = (2, 2)$, stride 1, no padding:
#
# $$\text{cols} = \begin{pmatrix} 1 & 2 & 4 & 5 \\ 2 & 3 & 5 & 6 \\ 4 & 5 & 7 & 8 \\ 5 & 6 & 8 & 9
# \end{pmatrix}$$
#
# **Not allowed.** convolution.
#
# **Hidden tests vary** all sizes (also 1, also equal), windows that are not square, stride and
# padding as in exercise 7, dtype and memory layout.


# %%
def im2col(
    x: torch.Tensor, kernel_size: tuple[int, int], stride: int, padding: int
) -> torch.Tensor:
    """Return a matrix for each image whose columns are its windows.

    Args:
        x: Images, shape (N, C, H, W), floating dtype.
        kernel_size: (kh, kw) of the window.
        stride: Pixels from one window to the next, in both directions.
        padding: Rows and columns of zeros on each side.

    Returns:
        cols, shape (N, C * kh * kw, H' * W'), same dtype.
    """
    raise NotImplementedError("im2col: write this function")


# %% [markdown]
# ## 14. (*) `col2im`
#
# **Goal.** The way back, for gradients: each entry of the matrix returns to the pixel that it was
# copied from. A pixel was copied into several columns; what comes back from them is *added*.
#
# $$x_{ncuv} = \sum_{\substack{a, i \,:\, iS + a = u + P}} \sum_{\substack{b, j \,:\, jS + b = v +
# P}} \text{cols}_{n,\; (c\, k_h + a)\, k_w + b,\; i\, W' + j} \qquad (N,\ C k_h k_w,\ H' W') \to
# (N, C, H, W)$$
#
# It is not the inverse of `im2col` but its *transpose*: both are linear, and for all `cols` and
# `x`, $\langle \text{cols}, \text{im2col}(x) \rangle = \langle \text{col2im}(\text{cols}), x
# \rangle$. `shape` is the shape of the images, $(N, C, H, W)$. What belongs to the padding is
# dropped, pixels without a window get 0.
#
# **Source.** As in exercise 13.
#
# **Worked number.** The columns of exercise 13, with `shape` $(1, 1, 3, 3)$: the corners come back
# once, the edges twice, the middle four times,
#
# $$\begin{pmatrix} 1 & 4 & 3 \\ 8 & 20 & 12 \\ 7 & 16 & 9 \end{pmatrix}$$
#
# **Not allowed.** convolution, autograd.
#
# **Hidden tests vary** the same as in exercise 13.


# %%
def col2im(
    cols: torch.Tensor,
    shape: tuple[int, int, int, int],
    kernel_size: tuple[int, int],
    stride: int,
    padding: int,
) -> torch.Tensor:
    """Return the images whose pixels are the sums of all that was copied from them.

    Args:
        cols: One column per window, shape (N, C * kh * kw, H' * W'), floating dtype.
        shape: (N, C, H, W) of the images.
        kernel_size: (kh, kw) of the window.
        stride: Pixels from one window to the next, in both directions.
        padding: Rows and columns on each side that the windows reached into.

    Returns:
        x, shape (N, C, H, W), same dtype as `cols`.
    """
    raise NotImplementedError("col2im: write this function")


# %% [markdown]
# ## 15. (*) `conv2d_cols_forward`
#
# **Goal.** With the columns at hand, the layer of exercise 7 is one matrix product per image:
#
# $$y_n = \hat w\, \text{cols}_n + b \qquad (F, C k_h k_w) \cdot (C k_h k_w, H' W') \to (F, H' W')$$
#
# and then the axis of windows is taken apart again, $(N, F, H' W') \to (N, F, H', W')$. $\hat w$ is
# the weight with its last three axes in one, in the order of a column. `out_size` is $(H', W')$.
#
# A `reshape` never moves a number in memory; it only counts differently. So: are your axes in the
# right order when you call it?
#
# **Source.** As in exercise 13.
#
# **Worked number.** The columns of exercise 13, two filters $\begin{pmatrix} 1 & 0 \\ 0 & -1
# \end{pmatrix}$ with bias 1 and $\begin{pmatrix} 1 & 1 \\ 1 & 1 \end{pmatrix}$ with bias 0: the
# maps are $\begin{pmatrix} -3 & -3 \\ -3 & -3 \end{pmatrix}$ and $\begin{pmatrix} 12 & 16 \\ 24 &
# 28 \end{pmatrix}$.
#
# **Not allowed.** convolution.
#
# **Hidden tests vary** all sizes (also 1, also equal), dtype and memory layout.


# %%
def conv2d_cols_forward(
    cols: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, out_size: tuple[int, int]
) -> torch.Tensor:
    """Return the output of a convolutional layer from the columns of its input.

    Args:
        cols: Columns as `im2col` returns them, shape (N, C * kh * kw, H' * W'), floating dtype.
        weight: Filters, shape (F, C, kh, kw), same dtype.
        bias: Biases, shape (F,), same dtype.
        out_size: (H', W').

    Returns:
        y, shape (N, F, H', W'), same dtype.
    """
    raise NotImplementedError("conv2d_cols_forward: write this function")


# %% [markdown]
# ## 16. (*) `conv2d_cols_backward`
#
# **Goal.** Backwards, all is linear algebra: a matrix product has two gradients, and a bias that is
# added to many has a sum. What you hand on, `grad_cols`, goes through `col2im` and becomes the
# gradient of the image.
#
# $$\nabla_{\text{cols}_n} = \hat w^\top\, \nabla_{y_n} \qquad
# \nabla_{\hat w} = \sum_n \nabla_{y_n}\, \text{cols}_n^\top \qquad
# \nabla_{b_f} = \sum_{n, l} \nabla_{y_{nfl}}$$
#
# with $\nabla_{y_n}$ of shape $(F, H' W')$.
#
# **Source.** As in exercise 13; class notes, 2.4.2, for the gradient of a product.
#
# **Worked number.** The columns of exercise 13, $w = \nabla_y = \begin{pmatrix} 1 & 2 \\ 3 & 4
# \end{pmatrix}$: $\nabla_w = \begin{pmatrix} 37 & 47 \\ 67 & 77 \end{pmatrix}$ and $\nabla_b = 10$,
# as in exercise 8, and
#
# $$\nabla_{\text{cols}} = \begin{pmatrix} 1 & 2 & 3 & 4 \\ 2 & 4 & 6 & 8 \\ 3 & 6 & 9 & 12 \\ 4 & 8
# & 12 & 16 \end{pmatrix}$$
#
# **Not allowed.** convolution, autograd.
#
# **Parts.** One for each gradient. **Hidden tests vary** all sizes (also 1, also equal), dtype and
# memory layout.


# %%
def conv2d_cols_backward(
    grad_y: torch.Tensor, cols: torch.Tensor, weight: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradients of a convolutional layer that was computed from columns.

    Args:
        grad_y: Gradient with respect to the output, shape (N, F, H', W'), floating dtype.
        cols: Columns as `im2col` returns them, shape (N, C * kh * kw, H' * W'), same dtype.
        weight: Filters, shape (F, C, kh, kw), same dtype.

    Returns:
        (grad_cols, grad_weight, grad_bias), each of the shape of its primal; same dtype.
    """
    raise NotImplementedError("conv2d_cols_backward: write this function")


# %% [markdown]
# ## 17. (*) `train_cnn`
#
# **Goal.** Enough by hand: for once, torch may differentiate. You get a small network in the style
# of LeNet and write the loop that trains it, stochastic gradient descent with momentum.
#
# $$v \leftarrow \mu\, v + \nabla_\theta \mathcal L_B \qquad \theta \leftarrow \theta - \eta\, v
# \qquad \text{for each parameter } \theta, \text{ with } v = 0 \text{ at first}$$
#
# $\mathcal L_B$ is the mean cross-entropy over a batch. `network(x, params)` returns the logits of
# the images `x` (see `small_cnn` in `support.py`); `params` is a list of tensors. One epoch for
# each row of `orders`: the batches are consecutive slices of that row, `batch_size` examples each,
# the last one may be shorter. So each batch makes one step, and the velocity $v$ lives on from
# step to step and from epoch to epoch. Return new tensors; the ones that came in keep their
# values.
#
# **Source.** Class notes, 3.5.1, "Momentum". There $\eta$ stands inside $v$, which for a constant
# $\eta$ makes the same steps; and the sum below it should begin with $\gamma^{k+1} v_{t-k}$. Figure
# 3.3 is the loop; its criterion, `nn.NLLLoss`, wants log-probabilities, logits go into
# `F.cross_entropy`. Session 5, "convnets".
#
# **Worked number.** For logits $\theta x$, one example $x = (1, 0)$ with label 0, $\theta = 0$,
# $\eta = 1$, $\mu = 1/2$ and two epochs: the first gradient is $-1/2$, so $\theta = 1/2$. The
# second is $-0.3775$, so $v = -0.6275$ and $\theta = 1.1275$.
#
# And the reward of all this bookkeeping: handwritten digits of $8 \times 8$ pixels, each somewhere
# in a frame of $10 \times 10$. A linear model, which must learn each digit anew in each place, gets
# about 61 % of new ones right, however long it is trained. The small network, after 250 steps, gets
# about 85 %. At least 68 % are asked for.
#
# **Not allowed.** Nothing is: `torch.autograd`, `F.cross_entropy` and `torch.optim` are welcome.
#
# **Parts.** `params` (the parameters after a few steps, exactly); `accuracy` (the share of new
# digits that the trained network gets right). **Hidden tests vary** the number of examples and
# epochs, `batch_size` (one that leaves a rest, one that does not, more than there are examples),
# `lr`, `momentum` (also 0), dtype.


# %%
def train_cnn(
    network: Callable[[torch.Tensor, Sequence[torch.Tensor]], torch.Tensor],
    params: Sequence[torch.Tensor],
    x: torch.Tensor,
    y: torch.Tensor,
    orders: torch.Tensor,
    *,
    batch_size: int,
    lr: float,
    momentum: float,
) -> list[torch.Tensor]:
    """Train a network with stochastic gradient descent and momentum.

    Args:
        network: Returns the logits, shape (n, classes), of n images under given parameters.
        params: Parameters to start from, floating dtype; not changed.
        x: Images, shape (N, C, H, W), same dtype.
        y: Labels, int64, shape (N,).
        orders: One row per epoch: the numbers 0..N-1 in the order of use, int64, shape (epochs, N).
        batch_size: Examples per step, at least 1; the last batch of an epoch may be shorter.
        lr: Learning rate, positive.
        momentum: How much of the velocity is kept, in [0, 1).

    Returns:
        The parameters after training, of the same shapes and dtype, without a graph.
    """
    raise NotImplementedError("train_cnn: write this function")


# %% [markdown]
# ## A reward: find the kernel
#
# Your cross-correlation lets Sobel's two kernels look at the moon: the picture on the left, the
# size of its edges on the right. Then someone hides the kernel and shows you only pictures and
# results. Start from noise, let your forward pass look, your backward pass blame, and go downhill:
# the nine numbers come back.

# %%
if __name__ == "__main__":
    sobel = torch.tensor([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]])
    down, across = torch.meshgrid(
        torch.linspace(-1.2, 1.2, 20), torch.linspace(-1.2, 1.2, 38), indexing="ij"
    )
    moon = torch.sigmoid(12 * (1 - (down**2 + across**2).sqrt()))
    moon = moon - moon * torch.sigmoid(12 * (0.8 - (down**2 + (across - 0.45) ** 2).sqrt()))
    edges = (corr2d(moon, sobel) ** 2 + corr2d(moon, sobel.T) ** 2).sqrt() / 4
    for left, right in zip(moon[1:-1, 1:-1].tolist(), edges.tolist(), strict=True):
        print("   ".join("".join(" .:-=+*#%@"[int(9.99 * min(max(v, 0.0), 1.0))] for v in row)
                         for row in (left, right)))  # fmt: skip

    seeded = torch.Generator().manual_seed(0)
    pictures = torch.randn(8, 1, 9, 9, generator=seeded)
    shown = conv2d_forward(pictures, sobel[None, None], torch.zeros(1))
    guess, offset = torch.randn(1, 1, 3, 3, generator=seeded), torch.zeros(1)
    for step in range(61):
        error = conv2d_forward(pictures, guess, offset) - shown
        if step % 20 == 0:
            rows = "   ".join(" ".join(f"{v:+.2f}" for v in row) for row in guess[0, 0].tolist())
            print(f"step {step:2d}: {rows}   (mean error {float(error.abs().mean()):.4f})")
        _, grad_guess, grad_offset = conv2d_backward(error / 392, pictures, guess)
        guess, offset = guess - 0.2 * grad_guess, offset - 0.2 * grad_offset
