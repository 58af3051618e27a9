"""Other right versions of the exercises on convolutional networks: every suite accepts them."""

import itertools
import math

import numpy as np
import torch
from torch.nn import functional

from autograder.checks.bank import alternative

# --- counting ---------------------------------------------------------------------------------


@alternative("conv_out_size")
def counts_the_starts(size, kernel, stride=1, padding=0):
    starts = range(-padding, size + padding, stride)
    inside = [start for start in starts if start + kernel <= size + padding]
    if not inside:
        raise ValueError("no window fits")
    return len(inside)


@alternative("conv_out_size")
def with_math_floor(size, kernel, stride=1, padding=0):
    room = size - kernel + 2 * padding
    if room < 0:
        raise ValueError(f"a kernel of {kernel} is too large")
    return math.floor(room / stride + 1)


@alternative("conv_out_size")
def walks_along_the_row(size, kernel, stride=1, padding=0):
    if size + 2 * padding < kernel:
        raise ValueError("too large")
    count, end = 0, kernel
    while end <= size + 2 * padding:
        count, end = count + 1, end + stride
    return torch.tensor(count)


@alternative("receptive_field")
def from_the_top(layers):
    width = 1
    for kernel, stride in reversed(layers):
        width = (width - 1) * stride + kernel
    return width


@alternative("receptive_field")
def with_prod(layers):
    strides = [stride for _, stride in layers]
    return 1 + sum((kernel - 1) * math.prod(strides[:i]) for i, (kernel, _) in enumerate(layers))


@alternative("receptive_field")
def follows_every_pixel(layers):
    seen = {0}
    for kernel, stride in layers[::-1]:
        seen = {pixel * stride + offset for pixel in seen for offset in range(kernel)}
    return max(seen) - min(seen) + 1


@alternative("conv_params")
def weights_then_biases(in_channels, out_channels, kernel):
    weights = kernel**2 * in_channels * out_channels
    return weights + out_channels


@alternative("conv_params")
def counts_tensors(in_channels, out_channels, kernel):
    weight = torch.empty(out_channels, in_channels, kernel, kernel)
    return weight.numel() + torch.empty(out_channels).numel()


@alternative("conv_params")
def filter_by_filter(in_channels, out_channels, kernel):
    total = 0
    for _ in range(out_channels):
        total += 1 + sum(kernel * kernel for _ in range(in_channels))
    return total


@alternative("cnn_shapes")
def by_kind(shape, layers):
    def size(n, k, s, p=0):
        return math.floor((n + 2 * p - k) / s) + 1

    shapes, params, current = (), (), torch.Size(shape)
    for layer in layers:
        match layer:
            case ("conv", f, k, s, p):
                count = f * k * k * current[0] + f
                current = torch.Size([f, size(current[1], k, s, p), size(current[2], k, s, p)])
            case ("pool", k, s):
                count = 0
                current = torch.Size([current[0], size(current[1], k, s), size(current[2], k, s)])
            case ("linear", n):
                count = n * current.numel() + n
                current = torch.Size([n])
        shapes, params = (*shapes, tuple(current)), (*params, count)
    return shapes, params


@alternative("cnn_shapes")
def with_windows_that_start(shape, layers):
    shapes, params = [], []
    c, *sides = shape
    for layer in layers:
        if layer[0] == "linear":
            params.append((math.prod([c, *sides]) + 1) * layer[1])
            c, sides = layer[1], []
            shapes.append([c])
            continue
        kernel, stride = layer[2:4] if layer[0] == "conv" else layer[1:3]
        padding = layer[4] if layer[0] == "conv" else 0
        ends = [side + 2 * padding - kernel + 1 for side in sides]
        sides = [len(range(0, end, stride)) for end in ends]
        params.append((c * kernel**2 + 1) * layer[1] if layer[0] == "conv" else 0)
        c = layer[1] if layer[0] == "conv" else c
        shapes.append([c, *sides])
    return shapes, params


@alternative("cnn_shapes")
def by_recursion(shape, layers):
    def after(shape, kind, *sizes):
        if kind == "linear":
            return (sizes[0],), sizes[0] * (1 + int(np.prod(shape)))
        if kind == "pool":
            k, s = sizes
            return (shape[0], *((side - k) // s + 1 for side in shape[1:])), 0
        f, k, s, p = sizes
        sides = [(side - k + 2 * p) // s + 1 for side in shape[1:]]
        return (f, *sides), f + f * shape[0] * k * k

    def read(shape, layers):
        if not layers:
            return [], []
        now, count = after(shape, *layers[0])
        shapes, params = read(now, layers[1:])
        return [now, *shapes], [count, *params]

    return read(shape, layers)


# --- one image, one kernel --------------------------------------------------------------------


@alternative("corr2d")
def four_loops(x, k):
    height, width = x.shape[0] - k.shape[0] + 1, x.shape[1] - k.shape[1] + 1
    y = torch.zeros(height, width, dtype=x.dtype, device=x.device)
    for i in range(height):
        for j in range(width):
            for a in range(k.shape[0]):
                for b in range(k.shape[1]):
                    y[i, j] += x[i + a, j + b] * k[a, b]
    return y


@alternative("corr2d")
def shifted_images(x, k):
    height, width = x.shape[0] - k.shape[0] + 1, x.shape[1] - k.shape[1] + 1
    terms = [
        k[a, b] * x[a : a + height, b : b + width]
        for a, b in itertools.product(range(k.shape[0]), range(k.shape[1]))
    ]
    return torch.stack(terms).sum(dim=0)


@alternative("corr2d")
def patch_by_patch(x, k):
    kh, kw = k.shape
    return torch.stack(
        [
            torch.stack([(x[i : i + kh, j : j + kw] * k).sum() for j in range(x.shape[1] - kw + 1)])
            for i in range(x.shape[0] - kh + 1)
        ]
    )


@alternative("corr2d")
def with_numpy_windows(x, k):
    windows = np.lib.stride_tricks.sliding_window_view(x.cpu().numpy(), tuple(k.shape))
    return torch.from_numpy(np.tensordot(windows, k.cpu().numpy(), axes=2)).to(x.device)


@alternative("corr2d")
def as_a_toeplitz_matrix(x, k):
    height, width = x.shape
    rows, columns = height - k.shape[0] + 1, width - k.shape[1] + 1
    table = torch.zeros(rows * columns, height * width, dtype=x.dtype, device=x.device)
    for i, j in itertools.product(range(rows), range(columns)):
        mask = torch.zeros_like(x)
        mask[i : i + k.shape[0], j : j + k.shape[1]] = k
        table[i * columns + j] = mask.reshape(-1)
    return (table @ x.reshape(-1)).reshape(rows, columns)


@alternative("true_conv2d")
def four_loops_backwards(x, k):
    kh, kw = k.shape
    y = x.new_zeros(x.shape[0] - kh + 1, x.shape[1] - kw + 1)
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            for a in range(kh):
                for b in range(kw):
                    y[i, j] += x[i + kh - 1 - a, j + kw - 1 - b] * k[a, b]
    return y


@alternative("true_conv2d")
def with_the_fourier_transform(x, k):
    size = (x.shape[0] + k.shape[0] - 1, x.shape[1] + k.shape[1] - 1)
    product = torch.fft.rfft2(x, s=size) * torch.fft.rfft2(k, s=size)
    full = torch.fft.irfft2(product, s=size)
    return full[k.shape[0] - 1 : x.shape[0], k.shape[1] - 1 : x.shape[1]]


@alternative("true_conv2d")
def turned_patches(x, k):
    turned = torch.rot90(k, 2)
    windows = torch.as_strided(
        x,
        (x.shape[0] - k.shape[0] + 1, x.shape[1] - k.shape[1] + 1, *k.shape),
        (*x.stride(), *x.stride()),
        x.storage_offset(),
    )
    return torch.einsum("ijab,ab->ij", windows, turned)


# --- the layer --------------------------------------------------------------------------------


@alternative("conv2d_forward")
def seven_loops(x, weight, bias, *, stride=1, padding=0):
    (n, c, h, w), (f, _, kh, kw) = x.shape, weight.shape
    rows, columns = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    images, filters, biases = x.tolist(), weight.tolist(), bias.tolist()
    y = torch.zeros(n, f, rows, columns, dtype=x.dtype, device=x.device)
    for image in range(n):
        for one in range(f):
            for i in range(rows):
                for j in range(columns):
                    total = biases[one]
                    for channel in range(c):
                        for a in range(kh):
                            for b in range(kw):
                                u, v = i * stride + a - padding, j * stride + b - padding
                                if 0 <= u < h and 0 <= v < w:
                                    pixel = images[image][channel][u][v]
                                    total += pixel * filters[one][channel][a][b]
                    y[image, one, i, j] = total
    return y


@alternative("conv2d_forward")
def window_by_window(x, weight, bias, *, stride=1, padding=0):
    n, c, h, w = x.shape
    f, _, kh, kw = weight.shape
    padded = torch.zeros(n, c, h + 2 * padding, w + 2 * padding, dtype=x.dtype, device=x.device)
    padded[:, :, padding : padding + h, padding : padding + w] = x
    rows, columns = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    y = torch.empty(n, f, rows, columns, dtype=x.dtype, device=x.device)
    for i in range(rows):
        for j in range(columns):
            top, left = i * stride, j * stride
            patch = padded[:, :, top : top + kh, left : left + kw]
            y[:, :, i, j] = patch.reshape(n, -1) @ weight.reshape(f, -1).T + bias
    return y


@alternative("conv2d_forward")
def strided_views(x, weight, bias, *, stride=1, padding=0):
    padded = functional.pad(x, (padding, padding, padding, padding)).contiguous()
    kh, kw = weight.shape[2:]
    rows = (padded.shape[2] - kh) // stride + 1
    columns = (padded.shape[3] - kw) // stride + 1
    s_n, s_c, s_h, s_w = padded.stride()
    windows = torch.as_strided(
        padded,
        (len(x), rows, columns, x.shape[1], kh, kw),
        (s_n, s_h * stride, s_w * stride, s_c, s_h, s_w),
    )
    y = torch.tensordot(windows, weight, dims=([3, 4, 5], [1, 2, 3])) + bias
    return y.permute(0, 3, 1, 2)


@alternative("conv2d_forward")
def offset_by_offset(x, weight, bias, *, stride=1, padding=0):
    padded = functional.pad(x, (padding,) * 4)
    rows = (padded.shape[2] - weight.shape[2]) // stride
    columns = (padded.shape[3] - weight.shape[3]) // stride
    y = bias.reshape(1, -1, 1, 1)
    for a in range(weight.shape[2]):
        for b in range(weight.shape[3]):
            down, right = slice(a, a + rows * stride + 1, stride), slice(b, None, stride)
            seen = padded[:, :, down, right][..., : columns + 1]
            y = y + torch.einsum("nchw,fc->nfhw", seen, weight[:, :, a, b])
    return y


@alternative("conv2d_forward")
def with_gathered_columns(x, weight, bias, *, stride=1, padding=0):
    padded = functional.pad(x, (padding,) * 4)
    (n, c, height, width), (f, _, kh, kw) = padded.shape, weight.shape
    place = torch.arange(c * height * width, device=x.device).reshape(c, height, width)
    windows = place.unfold(1, kh, stride).unfold(2, kw, stride)
    rows, columns = windows.shape[1:3]
    index = windows.permute(0, 3, 4, 1, 2).reshape(c * kh * kw, rows * columns)
    cols = padded.reshape(n, -1)[:, index]
    return (weight.reshape(f, -1) @ cols).reshape(n, f, rows, columns) + bias.view(-1, 1, 1)


@alternative("conv2d_backward")
def seven_loops_back(grad_y, x, weight, *, stride=1, padding=0):
    (n, f, rows, columns), (_, c, kh, kw), (h, w) = grad_y.shape, weight.shape, x.shape[2:]
    images, filters, above = x.tolist(), weight.tolist(), grad_y.tolist()
    grad_x = np.zeros(tuple(x.shape))
    grad_weight, grad_bias = np.zeros(tuple(weight.shape)), np.zeros(f)
    for image in range(n):
        for one in range(f):
            for i in range(rows):
                for j in range(columns):
                    grad = above[image][one][i][j]
                    grad_bias[one] += grad
                    for channel in range(c):
                        for a in range(kh):
                            for b in range(kw):
                                u, v = i * stride + a - padding, j * stride + b - padding
                                if 0 <= u < h and 0 <= v < w:
                                    pixel = images[image][channel][u][v]
                                    grad_x[image, channel, u, v] += (
                                        grad * filters[one][channel][a][b]
                                    )
                                    grad_weight[one, channel, a, b] += grad * pixel
    return tuple(torch.from_numpy(one).to(x) for one in (grad_x, grad_weight, grad_bias))


@alternative("conv2d_backward")
def window_by_window_back(grad_y, x, weight, *, stride=1, padding=0):
    h, w = x.shape[2:]
    kh, kw = weight.shape[2:]
    padded = functional.pad(x, (padding,) * 4)
    grad_padded, grad_weight = torch.zeros_like(padded), torch.zeros_like(weight)
    for i in range(grad_y.shape[2]):
        for j in range(grad_y.shape[3]):
            top, left = i * stride, j * stride
            patch = padded[:, :, top : top + kh, left : left + kw]
            grad = grad_y[:, :, i, j]
            grad_weight += torch.einsum("nf,ncab->fcab", grad, patch)
            grad_padded[:, :, top : top + kh, left : left + kw] += torch.tensordot(
                grad, weight, dims=1
            )
    grad_x = grad_padded[:, :, padding : h + padding, padding : w + padding]
    return [grad_x, grad_weight, grad_y.sum(dim=(0, 2, 3))]


@alternative("conv2d_backward")
def dilated_full_correlation(grad_y, x, weight, *, stride=1, padding=0):
    (h, w), (kh, kw) = x.shape[2:], weight.shape[2:]
    n, f, rows, columns = grad_y.shape
    # Zeros between the gradients, and zeros for the rows and columns that no window reached.
    dilated = grad_y.new_zeros(n, f, h + 2 * padding - kh + 1, w + 2 * padding - kw + 1)
    dilated[:, :, : rows * stride : stride, : columns * stride : stride] = grad_y
    framed = functional.pad(dilated, (kw - 1, kw - 1, kh - 1, kh - 1))
    windows = framed.unfold(2, kh, 1).unfold(3, kw, 1)
    grad_padded = torch.einsum("nfuvab,fcab->ncuv", windows, weight.flip(2, 3))
    grad_x = grad_padded[:, :, padding:, padding:][:, :, :h, :w]
    # The gradient of the weight is a correlation of the image with the dilated gradient.
    padded = functional.pad(x, (padding,) * 4)
    seen = padded.unfold(2, dilated.shape[2], 1).unfold(3, dilated.shape[3], 1)
    grad_weight = torch.einsum("ncabij,nfij->fcab", seen, dilated)
    return grad_x, grad_weight, grad_y.flatten(2).sum(2).sum(0)


@alternative("conv2d_backward")
def with_index_add(grad_y, x, weight, *, stride=1, padding=0):
    (n, c, h, w), (f, _, kh, kw) = x.shape, weight.shape
    height, width = h + 2 * padding, w + 2 * padding
    place = torch.arange(c * height * width, device=x.device).reshape(c, height, width)
    index = place.unfold(1, kh, stride).unfold(2, kw, stride).permute(0, 3, 4, 1, 2)
    index = index.reshape(c * kh * kw, -1)
    padded = x.new_zeros(n, c, height, width)
    padded[:, :, padding : padding + h, padding : padding + w] = x
    grad, cols = grad_y.reshape(n, f, -1), padded.reshape(n, -1)[:, index]
    grad_weight = (grad @ cols.transpose(1, 2)).sum(0).reshape(weight.shape)
    grad_cols = weight.reshape(f, -1).T @ grad
    flat = x.new_zeros(n, c * height * width)
    flat = flat.index_add(1, index.reshape(-1), grad_cols.reshape(n, -1))
    grad_x = flat.reshape(n, c, height, width).narrow(2, padding, h).narrow(3, padding, w)
    return grad_x, grad_weight, torch.einsum("nfl->f", grad)


# --- pooling ----------------------------------------------------------------------------------


@alternative("maxpool2d_forward")
def max_in_loops(x, kernel_size, stride, *, padding=0):
    n, c, h, w = x.shape
    rows = (h + 2 * padding - kernel_size) // stride + 1
    columns = (w + 2 * padding - kernel_size) // stride + 1
    y = torch.zeros(n, c, rows, columns, dtype=x.dtype, device=x.device)
    for i in range(rows):
        for j in range(columns):
            top, left = i * stride - padding, j * stride - padding
            patch = x[:, :, max(top, 0) : top + kernel_size, max(left, 0) : left + kernel_size]
            y[:, :, i, j] = patch.flatten(2).max(dim=2).values
    return y


@alternative("maxpool2d_forward")
def max_of_shifted_images(x, kernel_size, stride, *, padding=0):
    h, w = x.shape[2] + 2 * padding, x.shape[3] + 2 * padding
    padded = torch.full((*x.shape[:2], h, w), -torch.inf, dtype=x.dtype, device=x.device)
    padded[:, :, padding : h - padding, padding : w - padding] = x
    down, right = h - kernel_size + 1, w - kernel_size + 1
    y = padded[:, :, :down:stride, :right:stride]
    for a in range(kernel_size):
        for b in range(kernel_size):
            y = torch.maximum(y, padded[:, :, a : a + down : stride, b : b + right : stride])
    return y


@alternative("maxpool2d_forward")
def max_of_rows_then_columns(x, kernel_size, stride, *, padding=0):
    lowest = torch.finfo(x.dtype).min
    padded = functional.pad(x, (padding, padding, padding, padding), value=lowest)
    rows = padded.unfold(2, kernel_size, stride).max(dim=-1)[0]
    return rows.unfold(3, kernel_size, stride).max(dim=-1)[0]


@alternative("maxpool2d_backward")
def winners_in_loops(grad_y, x, kernel_size, stride, *, padding=0):
    grad_x = torch.zeros_like(x)
    n, c, rows, columns = grad_y.shape
    for image, channel in itertools.product(range(n), range(c)):
        for i, j in itertools.product(range(rows), range(columns)):
            top, left = max(i * stride - padding, 0), max(j * stride - padding, 0)
            bottom, right = i * stride - padding + kernel_size, j * stride - padding + kernel_size
            patch = x[image, channel, top:bottom, left:right]
            row, column = divmod(int(patch.argmax()), patch.shape[1])
            grad_x[image, channel, top + row, left + column] += grad_y[image, channel, i, j]
    return grad_x


@alternative("maxpool2d_backward")
def shared_among_winners(grad_y, x, kernel_size, stride, *, padding=0):
    h, w = x.shape[2:]
    padded = functional.pad(x, (padding,) * 4, value=float("-inf"))
    grad_padded = torch.zeros_like(padded)
    for i in range(grad_y.shape[2]):
        for j in range(grad_y.shape[3]):
            down = slice(i * stride, i * stride + kernel_size)
            right = slice(j * stride, j * stride + kernel_size)
            patch = padded[:, :, down, right]
            wins = (patch == patch.amax(dim=(2, 3), keepdim=True)).to(x.dtype)
            wins = wins / wins.sum(dim=(2, 3), keepdim=True)
            grad_padded[:, :, down, right] += wins * grad_y[:, :, i, j].unsqueeze(2).unsqueeze(3)
    return grad_padded[:, :, padding : padding + h, padding : padding + w]


@alternative("maxpool2d_backward")
def last_winner_by_offset(grad_y, x, kernel_size, stride, *, padding=0):
    (h, w), (rows, columns) = x.shape[2:], grad_y.shape[2:]
    padded = functional.pad(x, (padding,) * 4, value=-torch.inf)
    offsets = list(itertools.product(range(kernel_size), repeat=2))

    def under(image, a, b):
        return image[:, :, a : a + rows * stride : stride, b : b + columns * stride : stride]

    best = torch.full_like(grad_y, -torch.inf)
    winner = torch.zeros_like(grad_y, dtype=torch.int64)
    for number, (a, b) in enumerate(offsets):
        seen = under(padded, a, b)
        winner = torch.where(seen >= best, number, winner)
        best = torch.maximum(best, seen)
    grad_padded = torch.zeros_like(padded)
    for number, (a, b) in enumerate(offsets):
        under(grad_padded, a, b).add_(torch.where(winner == number, grad_y, 0.0))
    return grad_padded.narrow(2, padding, h).narrow(3, padding, w)


@alternative("avgpool2d_forward")
def mean_in_loops(x, kernel_size, stride):
    rows, columns = ((side - kernel_size) // stride + 1 for side in x.shape[2:])
    y = x.new_zeros(*x.shape[:2], rows, columns)
    for i in range(rows):
        for j in range(columns):
            top, left = i * stride, j * stride
            patch = x[:, :, top : top + kernel_size, left : left + kernel_size]
            y[:, :, i, j] = patch.mean(dim=(2, 3))
    return y


@alternative("avgpool2d_forward")
def mean_of_shifted_images(x, kernel_size, stride):
    down, right = x.shape[2] - kernel_size + 1, x.shape[3] - kernel_size + 1
    total = 0
    for a, b in itertools.product(range(kernel_size), repeat=2):
        total = total + x[:, :, a : a + down : stride, b : b + right : stride]
    return total / kernel_size**2


@alternative("avgpool2d_forward")
def with_summed_area_table(x, kernel_size, stride):
    table = functional.pad(x.to(torch.float64), (1, 0, 1, 0)).cumsum(2).cumsum(3)
    k = kernel_size
    sums = table[:, :, k:, k:] - table[:, :, :-k, k:] - table[:, :, k:, :-k] + table[:, :, :-k, :-k]
    return (sums[:, :, ::stride, ::stride] / k**2).to(x.dtype)


@alternative("avgpool2d_backward")
def shares_in_loops(grad_y, x, kernel_size, stride):
    grad_x = torch.zeros(x.shape, dtype=grad_y.dtype, device=x.device)
    for i in range(grad_y.shape[2]):
        for j in range(grad_y.shape[3]):
            top, left = i * stride, j * stride
            share = grad_y[:, :, i : i + 1, j : j + 1] / (kernel_size * kernel_size)
            grad_x[:, :, top : top + kernel_size, left : left + kernel_size] += share
    return grad_x


@alternative("avgpool2d_backward")
def with_two_matrices(grad_y, x, kernel_size, stride):
    def pooling(size, count):
        pixel, start = torch.arange(size, device=x.device), torch.arange(count, device=x.device)
        offset = pixel - stride * start.unsqueeze(1)
        return ((offset >= 0) & (offset < kernel_size)).to(grad_y.dtype) / kernel_size

    down = pooling(x.shape[2], grad_y.shape[2])
    right = pooling(x.shape[3], grad_y.shape[3])
    return down.T @ grad_y @ right


@alternative("avgpool2d_backward")
def pixel_by_pixel(grad_y, x, kernel_size, stride):
    grad_x = torch.zeros_like(x)
    rows, columns = grad_y.shape[2:]
    for u in range(x.shape[2]):
        for v in range(x.shape[3]):
            down = [i for i in range(rows) if 0 <= u - i * stride < kernel_size]
            right = [j for j in range(columns) if 0 <= v - j * stride < kernel_size]
            grad_x[:, :, u, v] = grad_y[:, :, down][:, :, :, right].sum((2, 3)) / kernel_size**2
    return grad_x


# --- as a matrix product ----------------------------------------------------------------------


@alternative("im2col")
def copies_in_loops(x, kernel_size, stride, padding):
    padded = functional.pad(x, (padding,) * 4)
    n, c, height, width = padded.shape
    kh, kw = kernel_size
    columns = [
        padded[:, :, top : top + kh, left : left + kw].reshape(n, c * kh * kw)
        for top in range(0, height - kh + 1, stride)
        for left in range(0, width - kw + 1, stride)
    ]
    return torch.stack(columns, dim=2)


@alternative("im2col")
def rows_in_loops(x, kernel_size, stride, padding):
    padded = functional.pad(x, (padding,) * 4)
    (kh, kw), (height, width) = kernel_size, padded.shape[2:]
    rows = [
        padded[:, channel, a : height - kh + a + 1 : stride, b : width - kw + b + 1 : stride]
        for channel in range(x.shape[1])
        for a in range(kh)
        for b in range(kw)
    ]
    return torch.stack(rows, 1).reshape(len(x), len(rows), -1)


@alternative("im2col")
def with_indices(x, kernel_size, stride, padding):
    padded = functional.pad(x, (padding,) * 4)
    (kh, kw), (n, c, height, width) = kernel_size, padded.shape
    i = torch.arange(0, height - kh + 1, stride, device=x.device).reshape(1, 1, -1, 1)
    j = torch.arange(0, width - kw + 1, stride, device=x.device).reshape(1, 1, 1, -1)
    a = torch.arange(kh, device=x.device).reshape(-1, 1, 1, 1)
    b = torch.arange(kw, device=x.device).reshape(1, -1, 1, 1)
    return padded[:, :, i + a, j + b].reshape(n, c * kh * kw, -1)


@alternative("col2im")
def adds_in_loops(cols, shape, kernel_size, stride, padding):
    n, c, h, w = shape
    kh, kw = kernel_size
    padded = torch.zeros(
        n, c, h + 2 * padding, w + 2 * padding, dtype=cols.dtype, device=cols.device
    )
    column = 0
    for top in range(0, h + 2 * padding - kh + 1, stride):
        for left in range(0, w + 2 * padding - kw + 1, stride):
            patch = cols[:, :, column].reshape(n, c, kh, kw)
            padded[:, :, top : top + kh, left : left + kw] += patch
            column += 1
    return padded[:, :, padding : h + padding, padding : w + padding]


@alternative("col2im")
def with_scattered_sums(cols, shape, kernel_size, stride, padding):
    n, c, h, w = shape
    height, width = h + 2 * padding, w + 2 * padding
    place = torch.arange(c * height * width, device=cols.device).reshape(c, height, width)
    windows = place.unfold(1, kernel_size[0], stride).unfold(2, kernel_size[1], stride)
    index = windows.permute(0, 3, 4, 1, 2).reshape(-1)
    flat = torch.zeros(n, c * height * width, dtype=cols.dtype, device=cols.device)
    flat.index_add_(1, index, cols.reshape(n, -1))
    return flat.reshape(n, c, height, width)[..., padding : padding + h, padding : padding + w]


@alternative("col2im")
def with_numpy_add_at(cols, shape, kernel_size, stride, padding):
    (n, c, h, w), (kh, kw) = shape, kernel_size
    rows, columns = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    channel, a, b, i, j = np.indices((c, kh, kw, rows, columns)).reshape(5, c * kh * kw, -1)
    padded = np.zeros((n, c, h + 2 * padding, w + 2 * padding))
    place = (slice(None), channel, i * stride + a, j * stride + b)
    np.add.at(padded, place, cols.cpu().double().numpy())
    return torch.from_numpy(padded[:, :, padding : padding + h, padding : padding + w]).to(cols)


@alternative("conv2d_cols_forward")
def product_by_einsum(cols, weight, bias, out_size):
    n, f = cols.shape[0], weight.shape[0]
    y = torch.einsum("fk,nkl->nfl", weight.reshape(f, -1), cols)
    return y.reshape(n, f, *out_size) + bias.reshape(1, f, 1, 1)


@alternative("conv2d_cols_forward")
def windows_first(cols, weight, bias, out_size):
    y = cols.transpose(1, 2) @ weight.reshape(len(weight), -1).T + bias
    return y.reshape(len(cols), *out_size, len(weight)).permute(0, 3, 1, 2)


@alternative("conv2d_cols_forward")
def filter_after_filter(cols, weight, bias, out_size):
    maps = [
        (one.reshape(-1, 1) * cols).sum(1).reshape(-1, *out_size) + shift
        for one, shift in zip(weight, bias, strict=True)
    ]
    return torch.stack(maps, dim=1)


@alternative("conv2d_cols_backward")
def image_after_image(grad_y, cols, weight):
    f = len(weight)
    flat, grad_weight, grad_cols = weight.reshape(f, -1), 0, []
    for grad, columns in zip(grad_y.reshape(len(cols), f, -1), cols, strict=True):
        grad_weight = grad_weight + grad @ columns.T
        grad_cols.append(flat.T @ grad)
    grad_bias = grad_y.sum(3).sum(2).sum(0)
    return torch.stack(grad_cols), grad_weight.reshape(weight.shape), grad_bias


@alternative("conv2d_cols_backward")
def batch_in_one_matrix(grad_y, cols, weight):
    n, k, length = cols.shape
    grad = grad_y.permute(1, 0, 2, 3).reshape(len(weight), n * length)
    wide = cols.permute(1, 0, 2).reshape(k, n * length)
    grad_cols = (weight.reshape(-1, k).T @ grad).reshape(k, n, length).permute(1, 0, 2)
    return [grad_cols, (grad @ wide.T).view(weight.shape), grad.sum(1)]


@alternative("conv2d_cols_backward")
def outer_products(grad_y, cols, weight):
    grad = grad_y.flatten(2)
    grad_cols = (weight.flatten(1)[None, :, :, None] * grad[:, :, None]).sum(1)
    grad_weight = (grad[:, :, None] * cols[:, None]).sum((0, 3)).unflatten(1, weight.shape[1:])
    return grad_cols, grad_weight, grad.sum((0, 2))


# --- training ---------------------------------------------------------------------------------


@alternative("train_cnn")
def with_torch_optim(network, params, x, y, orders, *, batch_size, lr, momentum):
    params = [param.clone().requires_grad_() for param in params]
    optimizer = torch.optim.SGD(params, lr=lr, momentum=momentum)
    for order in orders:
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            optimizer.zero_grad()
            functional.cross_entropy(network(x[batch], params), y[batch]).backward()
            optimizer.step()
    return tuple(param.detach() for param in params)


@alternative("train_cnn")
def in_place_without_a_graph(network, params, x, y, orders, *, batch_size, lr, momentum):
    params = [torch.nn.Parameter(param.clone()) for param in params]
    velocity = [torch.zeros_like(param) for param in params]
    for epoch in range(orders.shape[0]):
        shuffled_x, shuffled_y = x[orders[epoch]], y[orders[epoch]]
        for xb, yb in zip(shuffled_x.split(batch_size), shuffled_y.split(batch_size), strict=True):
            log_p = torch.log_softmax(network(xb, params), dim=1)
            loss = -log_p[torch.arange(len(yb)), yb].mean()
            loss.backward()
            with torch.no_grad():
                for param, v in zip(params, velocity, strict=True):
                    v.mul_(momentum).add_(param.grad)
                    param.sub_(lr * v)
                    param.grad = None
    return [param.data for param in params]
