"""Other right versions of the exercises on tensors: every suite accepts them."""

import itertools
import math

import torch

from autograder.checks.bank import alternative

# --- row_normalize ----------------------------------------------------------------------------


@alternative("row_normalize")
def row_by_row(counts):
    rows = []
    for row in counts:
        total = row.sum()
        rows.append(row / total if total > 0 else torch.ones_like(row) / len(row))
    return torch.stack(rows)


@alternative("row_normalize")
def ones_for_zeros(counts):
    empty = (counts == 0).all(dim=1)
    filled = counts.clone()
    filled[empty] = 1
    return filled / filled.sum(dim=1)[:, None]


@alternative("row_normalize")
def through_the_transpose(counts):
    share = (counts.T / counts.sum(1)).T
    return torch.nan_to_num(share, nan=1 / counts.shape[1])


@alternative("row_normalize")
def with_a_matrix_product(counts):
    values = counts if counts.is_floating_point() else counts.double()
    total = values @ torch.ones(values.shape[1], 1).to(values)
    return torch.where(total > 0, values / total, torch.full_like(values, 1 / values.shape[1]))


# --- one_hot ----------------------------------------------------------------------------------


@alternative("one_hot")
def rows_of_the_identity(y, num_classes):
    return torch.eye(num_classes, device=y.device)[y]


@alternative("one_hot")
def with_scatter(y, num_classes):
    zeros = torch.zeros(len(y), num_classes, dtype=torch.float64, device=y.device)
    return zeros.scatter(1, y.reshape(-1, 1), 1.0)


@alternative("one_hot")
def place_by_place(y, num_classes):
    out = torch.zeros(y.shape[0], num_classes, device=y.device)
    for n in range(y.shape[0]):
        out[n, y[n]] = 1
    return out


@alternative("one_hot")
def with_two_indices(y, num_classes):
    out = torch.zeros(y.numel(), num_classes, device=y.device)
    out[torch.arange(y.numel(), device=y.device), y] = 1.0
    return out


# --- standardize ------------------------------------------------------------------------------


@alternative("standardize")
def with_var_mean(x, eps):
    variance, mean = torch.var_mean(x, dim=0, correction=0)
    return (x - mean) * torch.rsqrt(variance + eps)


@alternative("standardize")
def column_by_column(x, eps):
    columns = []
    for column in x.T:
        centred = column - sum(column) / len(column)
        columns.append(centred / math.sqrt(float(centred @ centred) / len(column) + eps))
    return torch.stack(columns, dim=1)


@alternative("standardize")
def in_place_on_a_copy(x, eps):
    y = x.clone()
    y -= y.mean(dim=0, keepdim=True)
    y /= (y.pow(2).mean(dim=0, keepdim=True) + eps).sqrt()
    return y


@alternative("standardize")
def with_a_centring_matrix(x, eps):
    n = len(x)
    centring = torch.eye(n).to(x) - 1 / n
    y = centring @ (x - x[:1])
    return y / torch.sqrt(torch.einsum("nd,nd->d", y, y) / n + eps)


# --- moving_average ---------------------------------------------------------------------------


@alternative("moving_average")
def shifted_copies(x, k):
    length = x.shape[1] - k + 1
    total = torch.zeros_like(x[:, :length])
    for i in range(k):
        total = total + x[:, i : i + length]
    return total / k


@alternative("moving_average")
def with_cumulative_sums(x, k):
    total = torch.cat([torch.zeros_like(x[:, :1]), x.cumsum(1)], dim=1)
    return (total[:, k:] - total[:, :-k]) / k


@alternative("moving_average")
def with_a_pooling_layer(x, k):
    return torch.nn.functional.avg_pool1d(x[:, None], k, stride=1)[:, 0]


@alternative("moving_average")
def with_a_band_matrix(x, k):
    t = x.shape[1]
    start = torch.arange(t - k + 1, device=x.device)
    time = torch.arange(t, device=x.device).unsqueeze(1)
    inside = (start <= time) & (time < start + k)
    return x @ (inside.to(x.dtype) / k)


# --- gather_rows ------------------------------------------------------------------------------


@alternative("gather_rows")
def with_gather(x, idx):
    return torch.gather(x, 1, idx[:, None, None].expand(-1, 1, x.shape[2]))[:, 0]


@alternative("gather_rows")
def example_by_example(x, idx):
    return torch.stack([one[i] for one, i in zip(x, idx.tolist(), strict=True)])


@alternative("gather_rows")
def with_a_mask(x, idx):
    chosen = torch.arange(x.shape[1], device=x.device) == idx.unsqueeze(1)
    return torch.einsum("nt,ntd->nd", chosen.to(x.dtype), x)


@alternative("gather_rows")
def from_the_flat_table(x, idx):
    n, t, d = x.shape
    return x.reshape(n * t, d).index_select(0, torch.arange(n, device=x.device) * t + idx)


@alternative("gather_rows")
def diagonal_of_all_with_all(x, idx):
    return x[:, idx].diagonal(dim1=0, dim2=1).T


# --- pairwise_sq_dist -------------------------------------------------------------------------


@alternative("pairwise_sq_dist")
def two_loops(A, B):
    out = A.new_zeros(len(A), len(B))
    for n in range(len(A)):
        for m in range(len(B)):
            out[n, m] = ((A[n] - B[m]) ** 2).sum()
    return out


@alternative("pairwise_sq_dist")
def coordinate_by_coordinate(A, B):
    out = torch.zeros(len(A), len(B), dtype=A.dtype, device=A.device)
    for d in range(A.shape[1]):
        out += (A[:, d : d + 1] - B[:, d]) ** 2
    return out


@alternative("pairwise_sq_dist")
def with_einsum(A, B):
    difference = B[None, :, :] - A[:, None, :]
    return torch.einsum("nmd,nmd->nm", difference, difference)


@alternative("pairwise_sq_dist")
def row_of_b_by_row(A, B):
    return torch.stack([torch.linalg.vector_norm(A - b, dim=1) ** 2 for b in B], dim=1)


# --- gram_matrix ------------------------------------------------------------------------------


@alternative("gram_matrix")
def with_matrix_products(x):
    flat = x.reshape(x.shape[0], x.shape[1], -1)
    return torch.bmm(flat, flat.mT) / flat.shape[2]


@alternative("gram_matrix")
def with_broadcasting(x):
    return (x.unsqueeze(1) * x.unsqueeze(2)).mean(dim=(3, 4))


@alternative("gram_matrix")
def three_loops(x):
    n, c, height, width = x.shape
    out = x.new_zeros(n, c, c)
    for i, a, b in itertools.product(range(n), range(c), range(c)):
        out[i, a, b] = (x[i, a] * x[i, b]).sum() / (height * width)
    return out


@alternative("gram_matrix")
def places_one_after_the_other(x):
    places = x.permute(2, 3, 0, 1).reshape(-1, *x.shape[:2])
    return sum(one.unsqueeze(2) @ one.unsqueeze(1) for one in places) / len(places)


# --- patchify ---------------------------------------------------------------------------------


@alternative("patchify")
def cut_out_one_by_one(x, size):
    _, _, height, width = x.shape
    patches = [
        x[:, :, top : top + size, left : left + size].flatten(1)
        for top in range(0, height, size)
        for left in range(0, width, size)
    ]
    return torch.stack(patches, dim=1)


@alternative("patchify")
def with_tensor_unfold(x, size):
    windows = x.unfold(2, size, size).unfold(3, size, size)
    return windows.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)


@alternative("patchify")
def with_functional_unfold(x, size):
    return torch.nn.functional.unfold(x, kernel_size=size, stride=size).mT


@alternative("patchify")
def pixel_by_place(x, size):
    n, c, height, width = x.shape
    out = x.new_zeros(n, height * width // size**2, c * size**2)
    for h, w in itertools.product(range(height), range(width)):
        patch = (h // size) * (width // size) + w // size
        inside = (h % size) * size + w % size
        out[:, patch, inside :: size**2] = x[:, :, h, w]
    return out


# --- mse --------------------------------------------------------------------------------------


@alternative("mse")
def with_a_table(pred, target, reduction="mean"):
    reductions = {"mean": torch.mean, "sum": torch.sum, "none": torch.clone}
    if reduction not in reductions or pred.size() != target.size():
        raise ValueError("mse: bad shapes or reduction")
    return reductions[reduction]((pred - target).square())


@alternative("mse")
def with_a_scalar_product(pred, target, reduction="mean"):
    if list(pred.shape) != list(target.shape):
        raise ValueError(f"{pred.shape} is not {target.shape}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(reduction)
    difference = target - pred
    if reduction == "none":
        return difference * difference
    flat = difference.reshape(-1)
    total = flat @ flat
    return total if reduction == "sum" else total / flat.numel()


@alternative("mse")
def number_by_number(pred, target, reduction="mean"):
    if reduction not in {"mean", "sum", "none"}:
        raise ValueError("unknown reduction")
    if pred.dim() != target.dim() or any(
        a != b for a, b in zip(pred.shape, target.shape, strict=True)
    ):
        raise ValueError("expected equal shapes")
    if reduction == "none":
        return torch.pow(pred - target, 2)
    pairs = zip(pred.reshape(-1).tolist(), target.reshape(-1).tolist(), strict=True)
    errors = [(a - b) ** 2 for a, b in pairs]
    total = sum(errors) / len(errors) if reduction == "mean" else sum(errors)
    return torch.tensor(total, dtype=pred.dtype, device=pred.device)


# --- unbroadcast ------------------------------------------------------------------------------


@alternative("unbroadcast")
def added_axes_first(grad, shape):
    while grad.dim() > len(shape):
        grad = grad.sum(0)
    for axis, length in enumerate(shape):
        if length == 1 and grad.shape[axis] != 1:
            grad = grad.sum(axis, keepdim=True)
    return grad


@alternative("unbroadcast")
def all_axes_at_once(grad, shape):
    padded = (1,) * (grad.dim() - len(shape)) + tuple(shape)
    axes = [axis for axis, length in enumerate(padded) if length == 1]
    return (grad.sum(axes) if axes else grad).reshape(shape)


@alternative("unbroadcast")
def entry_by_entry(grad, shape):
    out = torch.zeros(shape, dtype=grad.dtype, device=grad.device)
    for place in itertools.product(*(range(length) for length in grad.shape)):
        kept = place[len(place) - len(shape) :]
        out[tuple(i if n > 1 else 0 for i, n in zip(kept, shape, strict=True))] += grad[place]
    return out


@alternative("unbroadcast")
def by_number_of_the_entry(grad, shape):
    n = math.prod(shape)
    number = torch.arange(n, device=grad.device).reshape(shape).expand(grad.shape)
    flat = grad.new_zeros(n).index_add(0, number.reshape(-1), grad.reshape(-1))
    return flat.reshape(shape)
