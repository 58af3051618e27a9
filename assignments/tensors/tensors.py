# %% [markdown]
# # Tensors and broadcasting
#
# A warm-up. Nothing is learnt here yet, but everything later is made of these moves: line up axes,
# let them stretch, multiply, sum one away. None of the functions is longer than a few lines; what
# takes the time is to know the shape of everything, at every point. Write it down before you run
# it.
#
# **Words.** The *shape* of a tensor lists the lengths of its axes: `x` of shape $(N, D)$ holds $N$
# examples, one per row, with $D$ numbers each. An operation on each entry needs equal shapes, up
# to *broadcasting*: shapes are aligned at the right; where one has no axis or an axis of length 1,
# it is repeated to fit. So $(4, 1)$ and $(3)$ give $(4, 3)$, which is sometimes what you want.
#
# **By hand.** Each exercise says what it does not allow. All of torch that is not named is welcome.
# Loops are allowed everywhere (the tests are small), but each exercise has a solution without; when
# your loop works, look for it.
#
# **What is always tested.** Your results have the shapes stated, the dtype and device of the
# floating inputs (float64 first, float32 too), and do not depend on how an input lies in memory
# (transposed, strided, repeated by `expand`). Inputs are best left as they are: changing one costs
# no points, but the caller may still need it. Several points of an exercise are *parts* of their
# own.
#
# **Sources.** Marc Lelarge, Jill-Jênn Vie and Kevin Scaman, *Deep Learning*, class notes by Antoine
# Groudiev (the *class notes* below), 3.1 "Tensors in PyTorch": "Manipulating tensors and tensor
# sizes is complex and leads to many bugs"; *Deep learning: Unpacking Transformers, LLMs and image
# generation*, session 2, "A few tips..."; Kevin Scaman, *Deep Learning: Introduction, simple
# architectures (MLPs) and autodiff*. Where a source has a slip, the exercise says so. One that
# concerns no exercise: class notes, 3.1, writes `torch.Tensor(..., dtype=torch.int64)`, which
# raises an error; read `torch.tensor`.

# %%
"""Tensors and broadcasting."""

import torch

# %% [markdown]
# ## 1. `row_normalize`
#
# **Goal.** Turn each row of a table of counts into shares that sum to 1. A row of zeros says
# nothing: its shares are all equal.
#
# $$P_{ij} = \frac{N_{ij}}{\sum_{k=1}^{C} N_{ik}}, \quad \text{or } \frac{1}{C} \text{ if row } i
# \text{ holds only zeros} \qquad N, P\ (R, C)$$
#
# **Source.** Session 2, "A few tips...": normalizing a matrix by row "requires the `keepdim`
# parameter somewhere". What are the shapes of `a.sum(1)` and of `a.sum(1, keepdim=True)`, and how
# does each line up with `a`?
#
# **Worked number.** $\begin{pmatrix} 1 & 3 \\ 0 & 0 \end{pmatrix}$ becomes $\begin{pmatrix} 0.25 &
# 0.75 \\ 0.5 & 0.5 \end{pmatrix}$.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `P`; `zero_row`. **Hidden tests vary** $R$ and $C$ (also equal, also 1), tables of
# whole numbers and of fractions, tiny and large numbers, where rows of zeros stand, memory layout.


# %%
def row_normalize(counts: torch.Tensor) -> torch.Tensor:
    """Divide each row by its sum; a row of zeros becomes uniform.

    Args:
        counts: No negative number, shape (R, C), floating dtype or int64.

    Returns:
        Shares, shape (R, C); each row sums to 1. dtype of `counts`; float32 or float64 if those
        are int64.
    """
    raise NotImplementedError("row_normalize: write this function")


# %% [markdown]
# ## 2. `one_hot`
#
# **Goal.** Write classes as vectors: row $n$ is 0 everywhere, but 1 at place $y_n$.
#
# $$\text{out}_{nc} = \begin{cases} 1 & \text{if } c = y_n \\ 0 & \text{otherwise} \end{cases}
# \qquad y\ (N,) \to \text{out}\ (N, C)$$
#
# Classes count from 0. `num_classes` is $C$; it may be larger than any class that occurs.
#
# **Source.** Session 2, "A few tips...": `F.one_hot(x, num_classes=...).float()`. Without
# `.float()` the result holds integers, and no weight matrix can be multiplied with it.
#
# **Worked number.** $y = (2, 0)$, $C = 3$: $\begin{pmatrix} 0 & 0 & 1 \\ 1 & 0 & 0 \end{pmatrix}$.
#
# **Not allowed.** one hot: `F.one_hot` itself.
#
# **Hidden tests vary** $N$ (also 0), $C$ (also 1, also more than occur), repeated classes, memory
# layout.


# %%
def one_hot(y: torch.Tensor, num_classes: int) -> torch.Tensor:
    """Return a row for each class: zeros, and a single one.

    Args:
        y: Classes, int64, shape (N,), entries in 0..num_classes-1.
        num_classes: Length of the rows.

    Returns:
        float32 or float64, shape (N, num_classes).
    """
    raise NotImplementedError("one_hot: write this function")


# %% [markdown]
# ## 3. `standardize`
#
# **Goal.** Networks like inputs of about the same size. Shift each column to mean 0 and scale it to
# variance 1.
#
# $$\text{out}_{nd} = \frac{x_{nd} - \mu_d}{\sqrt{\sigma_d^2 + \varepsilon}} \qquad
# \mu_d = \frac{1}{N} \sum_n x_{nd}, \quad \sigma_d^2 = \frac{1}{N} \sum_n (x_{nd} - \mu_d)^2$$
#
# $x, \text{out}\ (N, D)$, $\mu, \sigma^2\ (D,)$. The variance divides by $N$. The small
# $\varepsilon$ keeps a constant column from a division by 0.
#
# **Source.** Class notes, 4.5.2, uses the same formula inside a network, where it is called batch
# normalization, and calls $\sigma_j^2$ the "standard deviation": it is the variance.
#
# **Worked number.** $x = \begin{pmatrix} 0 & 7 \\ 4 & 7 \end{pmatrix}$, $\varepsilon = 5$: the
# columns have the means 2 and 7 and the variances 4 and 0, and the result is $\begin{pmatrix}
# -\frac23 & 0 \\ \frac23 & 0 \end{pmatrix}$.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `value`; `far` (columns far from 0, compared with how much they vary). **Hidden tests
# vary** $N$ and $D$ (also equal, also 1), $\varepsilon$ (tiny and large), constant columns, columns
# of very different sizes, dtype and memory layout.


# %%
def standardize(x: torch.Tensor, eps: float) -> torch.Tensor:
    """Shift and scale each column to mean 0 and variance 1.

    Args:
        x: Shape (N, D), floating dtype.
        eps: Added to the variance, positive.

    Returns:
        Shape (N, D), dtype of `x`.
    """
    raise NotImplementedError("standardize: write this function")


# %% [markdown]
# ## 4. `moving_average`
#
# **Goal.** Smooth curves, one per row: each value of the result is the mean of `k` neighbours.
#
# $$\text{out}_{nt} = \frac{1}{k} \sum_{i=0}^{k-1} x_{n, t + i} \qquad
# x\ (N, T) \to \text{out}\ (N, T - k + 1)$$
#
# Only full windows count, so the result is shorter. Windows never reach from one row into the next.
#
# **Source.** Class notes, 4.2, where such a sum with weights is called a convolution.
#
# **Worked number.** $x = (1, 2, 6, 4)$, $k = 2$: $(1.5, 4, 5)$.
#
# **Not allowed.** Nothing is. There are at least four ways: a loop over `i`, `x.unfold`, a
# cumulative sum, a pooling layer.
#
# **Hidden tests vary** $N$ and $T$ (also 1), $k$ (1 to $T$), the sizes of the numbers, dtype and
# memory layout.


# %%
def moving_average(x: torch.Tensor, k: int) -> torch.Tensor:
    """Return the mean of every `k` neighbours of each row.

    Args:
        x: Shape (N, T), floating dtype.
        k: Length of the window, 1 to T.

    Returns:
        Shape (N, T - k + 1), dtype of `x`.
    """
    raise NotImplementedError("moving_average: write this function")


# %% [markdown]
# ## 5. `gather_rows`
#
# **Goal.** From each example pick one row, another one for each: of the states of $N$ sequences at
# $T$ times, say, the one at the end of each sequence.
#
# $$\text{out}_{nd} = x_{n, \text{idx}_n, d} \qquad
# x\ (N, T, D),\ \text{idx}\ (N,) \to \text{out}\ (N, D)$$
#
# Try `x[:, idx]` on paper first: which shape does it have? What would have to stand in the place of
# the colon?
#
# **Source.** Session 2, "Step 2", needs the probability of the true class of each example, which is
# the same pick with one axis less.
#
# **Worked number.** $x_0 = \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}$, $x_1 = \begin{pmatrix} 5
# & 6 \\ 7 & 8 \end{pmatrix}$ and idx $= (1, 0)$: $\begin{pmatrix} 3 & 4 \\ 5 & 6 \end{pmatrix}$.
#
# **Not allowed.** Nothing is.
#
# **Hidden tests vary** the sizes (also 1, also all equal), `idx` (repeated, the first, the last),
# dtype and memory layout.


# %%
def gather_rows(x: torch.Tensor, idx: torch.Tensor) -> torch.Tensor:
    """Return row ``idx[n]`` of example ``n``, for all examples.

    Args:
        x: Shape (N, T, D), floating dtype.
        idx: int64, shape (N,), entries in 0..T-1.

    Returns:
        Shape (N, D), dtype of `x`.
    """
    raise NotImplementedError("gather_rows: write this function")


# %% [markdown]
# ## 6. `pairwise_sq_dist`
#
# **Goal.** The squared distance of each of $N$ points to each of $M$ others.
#
# $$\text{out}_{nm} = \| a_n - b_m \|^2 = \sum_{d=1}^{D} (a_{nd} - b_{md})^2 \qquad
# A\ (N, D),\ B\ (M, D) \to \text{out}\ (N, M)$$
#
# A difference for each $n$, $m$ and $d$ has three axes: give each of $A$ and $B$ the axis that it
# lacks. One can also multiply out, $\|a\|^2 + \|b\|^2 - 2\, a \cdot b$, which needs less memory;
# but between two points that are close together and far from the origin it subtracts large numbers
# that are nearly equal. A part of its own tests that.
#
# **Source.** Scaman, "Typical loss functions", for $\|y - y'\|^2$ of one pair; the rest is
# broadcasting.
#
# **Worked number.** $A = \begin{pmatrix} 0 & 0 \\ 3 & 4 \end{pmatrix}$, $B = \begin{pmatrix} 0 & 4
# \end{pmatrix}$: $\begin{pmatrix} 16 \\ 9 \end{pmatrix}$.
#
# **Not allowed.** distances: `torch.cdist`, `F.pairwise_distance` and their relatives.
#
# **Parts.** `value`; `precision` (points far from the origin and close together; the distance of a
# point to itself is exactly 0). **Hidden tests vary** $N$, $M$, $D$ (also equal, also 1), the size
# of the numbers, dtype and memory layout.


# %%
def pairwise_sq_dist(A: torch.Tensor, B: torch.Tensor) -> torch.Tensor:
    """Return the squared Euclidean distance of each row of `A` to each row of `B`.

    Args:
        A: Shape (N, D), floating dtype.
        B: Shape (M, D), same dtype.

    Returns:
        Shape (N, M), same dtype, no negative entry.
    """
    raise NotImplementedError("pairwise_sq_dist: write this function")


# %% [markdown]
# ## 7. `gram_matrix`
#
# **Goal.** Which channels of an image are active at the same places? Multiply each channel with
# each other one, place by place, and take the mean over the places.
#
# $$G_{ncd} = \frac{1}{H W} \sum_{h=1}^{H} \sum_{w=1}^{W} x_{nchw}\, x_{ndhw} \qquad
# x\ (N, C, H, W) \to G\ (N, C, C)$$
#
# Every index on the right that is missing on the left is summed over. `torch.einsum` lets you write
# the formula as it stands; with a reshape it is one matrix product for each example.
#
# **Source.** Leon Gatys, Alexander Ecker and Matthias Bethge, *Image Style Transfer Using
# Convolutional Neural Networks*, 2016, equation (3): the style of a picture is its Gram matrix
# (they divide later).
#
# **Worked number.** One image of $1 \times 2$ pixels with the channels $(1, 2)$ and $(3, 4)$: $G =
# \frac12 \begin{pmatrix} 5 & 11 \\ 11 & 25 \end{pmatrix}$.
#
# **Not allowed.** Nothing is.
#
# **Hidden tests vary** all sizes (also equal, also 1), channels far from 0, dtype and memory
# layout.


# %%
def gram_matrix(x: torch.Tensor) -> torch.Tensor:
    """Return the mean product of each pair of channels, for each image.

    Args:
        x: Images, shape (N, C, H, W), floating dtype.

    Returns:
        Shape (N, C, C), dtype of `x`.
    """
    raise NotImplementedError("gram_matrix: write this function")


# %% [markdown]
# ## 8. `patchify`
#
# **Goal.** Cut images into square patches of $p \times p$ pixels and lay each one out as a vector:
# that is how a transformer reads a picture. $p$ = `size` divides $H$ and $W$.
#
# $$x\ (N, C, H, W) \to \text{out}\ (N, L, C p^2), \qquad L = \frac{H}{p} \cdot \frac{W}{p}$$
#
# Patches stand in reading order, left to right, then down. Within a patch the channels come one
# after the other, each in reading order. Reshaping changes no order in memory; it cannot exchange
# axes. Split the axes first, then move them, then merge.
#
# **Source.** Class notes, 3.1, for `view`; Alexey Dosovitskiy et al., *An Image is Worth 16x16
# Words*, 2020, section 3.1, for the patches.
#
# **Worked number.** One image, one channel, rows $(0, 1, 2, 3)$ and $(4, 5, 6, 7)$, $p = 2$: the
# patches $(0, 1, 4, 5)$ and $(2, 3, 6, 7)$.
#
# **Not allowed.** Nothing is.
#
# **Hidden tests vary** all sizes (also 1, also equal; $p$ 1 to all of the image), dtype and memory
# layout.


# %%
def patchify(x: torch.Tensor, size: int) -> torch.Tensor:
    """Cut images into square patches, in reading order.

    Args:
        x: Images, shape (N, C, H, W), floating dtype.
        size: Side p of a patch; divides H and W.

    Returns:
        Shape (N, (H / p) * (W / p), C * p * p), dtype of `x`.
    """
    raise NotImplementedError("patchify: write this function")


# %% [markdown]
# ## 9. `mse`
#
# **Goal.** The mean squared error, and a guard. Broadcasting is convenient until it repeats what
# was never meant to be repeated: a column of predictions minus a row of targets is a whole table,
# and its mean is a number like any other. Refuse it.
#
# $$e = (\text{pred} - \text{target})^2, \qquad
# \text{the mean of all } e, \quad \text{their sum, or} \quad e \text{ itself}$$
#
# for `reduction` `"mean"`, `"sum"`, `"none"`. `pred` and `target` have the same shape, whatever it
# is. If their shapes differ in any way, even $(N, 1)$ and $(N)$, or if `reduction` is something
# else, raise a `ValueError`.
#
# **Source.** Class notes, 3.2.1, which warns of $[N, 1]$ and $[N]$. Scaman, "Typical loss
# functions", and the notes call $\|x - y\|^2$ the mean squared error: for one example that is a
# *sum* over the coordinates. `nn.MSELoss` divides by the number of all entries, $N \cdot d$, and
# so do we.
#
# **Worked number.** pred $= (1, 2, 3)$, target $= (1, 4, 6)$: $e = (0, 4, 9)$, the sum is 13, the
# mean $\frac{13}{3}$. And pred $= (1, 2, 3)^\top$ against target $= (1, 2, 3)$ is no error of
# $\frac43$, which is what torch would say, but a `ValueError`.
#
# **Not allowed.** mse: `F.mse_loss` and `nn.MSELoss`.
#
# **Parts.** `value`; `shapes` (when to raise, and when not). **Hidden tests vary** the shape (0 to
# 3 axes), `reduction`, pairs of shapes that broadcast, dtype and memory layout.


# %%
def mse(pred: torch.Tensor, target: torch.Tensor, reduction: str = "mean") -> torch.Tensor:
    """Return the squared error of predictions.

    Args:
        pred: Any shape, floating dtype.
        target: Same shape, same dtype.
        reduction: "mean" of all entries, their "sum", or "none".

    Returns:
        A 0-d tensor, or for "none" one of the shape of `pred`; same dtype.

    Raises:
        ValueError: If the shapes differ, or `reduction` is none of the three.
    """
    raise NotImplementedError("mse: write this function")


# %% [markdown]
# ## 10. `unbroadcast`
#
# **Goal.** Broadcasting in reverse. A tensor of shape `shape` was stretched to the shape of `grad`
# on its way to the loss; `grad` is the gradient with respect to the stretched one. Each original
# entry was used several times: its gradient is the sum over all its copies.
#
# $$\text{out} = \sum_{\text{all axes that were added in front, or stretched from length 1}}
# \text{grad} \qquad \text{out of shape } \texttt{shape}$$
#
# Shapes are aligned at the right. An axis of length 1 that was not stretched stays as it is. Any
# autodiff engine that knows broadcasting contains this function; you will need it.
#
# **Source.** Class notes, 2.4.3, the chain rule with several variables: what reaches the loss in
# several ways adds up. Rémy Sun, *Lecture 3: A primer on fundamentals of deep learning*, section 5,
# for the first example, the bias of a layer: its gradient is the sum over the batch.
#
# **Worked number.** grad $= \begin{pmatrix} 1 & 2 & 3 \\ 4 & 5 & 6 \end{pmatrix}$. For the shape
# $(3)$ the result is $(5, 7, 9)$, for $(2, 1)$ it is $(6, 15)^\top$, for $()$ it is 21.
#
# **Not allowed.** autograd; sum to size: `Tensor.sum_to_size`.
#
# **Hidden tests vary** the number of axes (0 to 4), which of them are added or stretched (none,
# some, all, equal lengths), dtype and memory layout.


# %%
def unbroadcast(grad: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Return the gradient of what was broadcast, from the gradient of the result.

    Args:
        grad: Gradient with respect to the stretched tensor, floating dtype.
        shape: Shape before stretching; broadcasts to that of `grad`.

    Returns:
        A tensor of that shape, dtype of `grad`.
    """
    raise NotImplementedError("unbroadcast: write this function")


# %% [markdown]
# ## A reward: who lives where
#
# Every place of a map belongs to the nearest of ten wells. Distances of all places to all wells,
# the border where the two nearest are about equally far, and the share of the land of each: your
# functions, and not a single loop over pixels.

# %%
if __name__ == "__main__":
    seeded = torch.Generator().manual_seed(4)
    wells = torch.rand(10, 2, generator=seeded) * torch.tensor([22.0, 36.0])
    places = torch.cartesian_prod(torch.arange(22.0), torch.arange(72.0) / 2)
    nearest = pairwise_sq_dist(places, wells).sqrt().sort(1)
    is_border = nearest.values[:, 1] - nearest.values[:, 0] < 0.5
    owners = nearest.indices[:, 0]
    land = torch.where(is_border, 10, owners).reshape(22, 72)
    for y, x in wells.round().int().tolist():
        land[min(y, 21), min(2 * x, 71)] = 11
    print("\n".join("".join("abcdefghij #"[i] for i in row) for row in land.tolist()))

    places_of = one_hot(owners, 10).sum(0, keepdim=True)
    shares = row_normalize(places_of)[0].tolist()
    print(
        "  ".join(f"{name} {share:.0%}" for name, share in zip("abcdefghij", shares, strict=True))
    )
