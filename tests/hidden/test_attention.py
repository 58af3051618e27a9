"""Attention and transformers: what grades them.

The truth is torch's own attention, autograd or a closed form in float64, never the solution.
"""

import math

import pytest
import torch

F = torch.nn.functional


def numbers(draw, values):
    return torch.tensor(values, dtype=draw.dtype, device=draw.device)


def some_mask(draw, *shape):
    """Return a random mask in which each row allows at least one key."""
    mask = draw.uniform(*shape) < 0.5
    keys = torch.arange(shape[-2], device=draw.device) % shape[-1]
    mask[..., torch.arange(shape[-2], device=draw.device), keys] = True
    return mask


def causal(draw, T):
    return torch.ones(T, T, dtype=torch.bool, device=draw.device).tril()


# --- additive attention -----------------------------------------------------------------------


def by_bilinear_network(s, h, W_s, W_h, v):
    scores = F.linear(torch.tanh(F.linear(s, W_s)[:, None] + F.linear(h, W_h)), v[None])[..., 0]
    a = torch.softmax(scores, dim=1)
    return torch.einsum("ns,nsd->nd", a, h), a


@pytest.mark.exercise("additive_attention", parts={"context": 1, "a": 1, "stability": 1})
class TestAdditiveAttention:
    """Attention by a small network"""

    def check(self, student, expect, oracle, *args):
        context, a = student.additive_attention(*args)
        right = oracle(by_bilinear_network, *args)
        expect(context, right[0], name="context")
        expect(a, right[1], name="a")

    def inputs(self, draw, N, S, ds, dh, k, dtype=None):
        return (
            draw.normal(N, ds, dtype=dtype),
            draw.normal(N, S, dh, dtype=dtype),
            draw.normal(k, ds, dtype=dtype),
            draw.normal(k, dh, dtype=dtype),
            draw.normal(k, dtype=dtype),
        )

    @pytest.mark.parametrize(
        "sizes",
        [(3, 5, 2, 4, 6), (1, 4, 3, 2, 5), (4, 4, 4, 4, 4), (3, 1, 2, 3, 4), (2, 6, 1, 1, 1)],
        ids=str,
    )
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """random states, sizes (N, S, ds, dh, k)"""
        self.check(student, expect, oracle, *self.inputs(draw, *sizes))

    def test_order(self, student, draw, expect, oracle):
        """the states of the encoder in another order"""
        s, h, *weights = self.inputs(draw, 3, 5, 2, 4, 6)
        order = torch.tensor([3, 0, 4, 1, 2], device=draw.device)
        context, a = student.additive_attention(s, h[:, order], *weights)
        right = oracle(by_bilinear_network, s, h, *weights)
        expect(context, right[0], name="context")
        expect(a, right[1][:, order], name="a")

    @pytest.mark.parametrize("kind", ["transposed", "strided", "expanded"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        s, h, W_s, W_h, v = self.inputs(draw, 3, 5, 2, 4, 6)
        h, W_h = draw.layout(h, kind), draw.layout(W_h, "transposed")
        v = draw.layout(v, "strided")
        self.check(student, expect, oracle, draw.layout(s, kind), h, W_s, W_h, v)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        self.check(student, expect, oracle, *self.inputs(draw, 3, 5, 2, 4, 6, torch.float32))

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("sign", [1, -1], ids="sign={}".format)
    def test_large_scores(self, student, draw, expect, oracle, sign):
        """scores of several thousand, close together"""
        s, h, W_s, W_h, _ = self.inputs(draw, 3, 5, 2, 4, 6)
        # The first hidden unit is saturated, and adds the same large number to every score.
        s, W_s = torch.cat([1 + 0 * s[:, :1], s], 1), torch.cat([0 * W_s[:, :1], W_s], 1)
        W_s[0], W_h[0] = 0.0, 0.0
        W_s[0, 0] = 64.0
        v = numbers(draw, [4096.0 * sign, 1.0, -2.0, 1.5, 0.5, -1.0])
        args = (s, h, W_s, W_h, v)
        context, a = student.additive_attention(*args)
        right = oracle(by_bilinear_network, *args)
        # Scores of thousands lose digits in float32; what counts there is that nothing overflows.
        loose = {"rtol": 3e-3, "atol": 3e-3} if s.dtype == torch.float32 else {}
        expect(context, right[0], name="stability", **loose)
        expect(a, right[1], name="stability", **loose)


# --- masks ------------------------------------------------------------------------------------


@pytest.mark.exercise("causal_mask", parts={"mask": 1})
class TestCausalMask:
    """Who may look at whom"""

    @pytest.mark.parametrize("T", [1, 2, 4, 7], ids="T={}".format)
    def test_sizes(self, student, draw, expect, T):
        """T tokens"""
        rows = [[key <= query for key in range(T)] for query in range(T)]
        right = torch.tensor(rows, dtype=torch.bool, device=draw.device)
        expect(student.causal_mask(T), right)


# --- scaled dot-product attention -------------------------------------------------------------


def attend(q, k, v, mask=None):
    """Return torch's own attention, and its weights: what it makes of the rows of an identity."""
    S = k.shape[-2]
    mask = None if mask is None else torch.atleast_2d(mask)
    eye = torch.eye(S, dtype=k.dtype, device=k.device).expand(*k.shape[:-1], S)
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return y, F.scaled_dot_product_attention(q, k, eye, attn_mask=mask)


def far(draw, *shape):
    """Return whole multiples of 32: products of 16 of them are large, and exact in float32 too."""
    return 32.0 * draw.integers(*shape, low=-3, high=4).to(draw.dtype)


def near(draw, *shape, first):
    """Return small whole numbers, the first feature `first`: scores that are shifted far."""
    values = draw.integers(*shape, low=-2, high=3).to(draw.dtype)
    values[..., 0] = first
    return values


SDPA = {"y": 2, "a": 2, "stability": 1, "empty_rows": 1}
SIZES = [
    ((2,), 3, 5, 4, 6),
    ((), 3, 5, 4, 2),
    ((), 4, 2, 9, 3),
    ((2, 3), 4, 5, 2, 6),
    ((3,), 4, 4, 4, 4),
    ((2, 2), 3, 3, 3, 3),
    ((1,), 1, 1, 3, 2),
    ((2,), 3, 1, 2, 4),
    ((4,), 1, 5, 1, 1),
]


@pytest.mark.exercise("scaled_dot_product_attention", parts=SDPA)
class TestScaledDotProductAttention:
    """Scaled dot-product attention"""

    def check(self, student, expect, oracle, *args):
        y, a = student.scaled_dot_product_attention(*args)
        right = oracle(attend, *args)
        expect(y, right[0], name="y")
        expect(a, right[1], name="a")

    def check_all(self, student, expect, oracle, part, *args):
        y, a = student.scaled_dot_product_attention(*args)
        right = oracle(attend, *args)
        # A log-sum-exp of thousands loses digits in float32; what counts there is that it survives.
        loose = args[0].dtype == torch.float32 and part == "stability"
        tolerance = {"rtol": 3e-3, "atol": 3e-3} if loose else {}
        expect(y, right[0], name=part, **tolerance)
        expect(a, right[1], name=part, **tolerance)

    def inputs(self, draw, lead, L, S, d, dv, dtype=None):
        return (
            draw.normal(*lead, L, d, dtype=dtype),
            draw.normal(*lead, S, d, dtype=dtype),
            draw.normal(*lead, S, dv, dtype=dtype),
        )

    @pytest.mark.parametrize("sizes", SIZES, ids=str)
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """all keys allowed, leading axes and (L, S, d, dv)"""
        self.check(student, expect, oracle, *self.inputs(draw, *sizes))

    @pytest.mark.parametrize("sizes", SIZES[:6], ids=str)
    def test_masked(self, student, draw, expect, oracle, sizes):
        """a random mask, leading axes and (L, S, d, dv)"""
        mask = some_mask(draw, *sizes[0], *sizes[1:3])
        self.check(student, expect, oracle, *self.inputs(draw, *sizes), mask)

    @pytest.mark.parametrize(
        "shape", [(3, 4), (1, 4), (4,), (2, 1, 1, 4), (2, 1, 3, 4), (1, 5, 3, 4)], ids=str
    )
    def test_mask_shapes(self, student, draw, expect, oracle, shape):
        """a mask of another shape than the scores, (2, 5, 3, 4)"""
        mask = draw.uniform(*shape) < 0.5
        mask[..., 1] = True
        mask[..., 2] = False
        self.check(student, expect, oracle, *self.inputs(draw, (2, 5), 3, 4, 6, 7), mask)

    @pytest.mark.parametrize("lead", [(), (2,), (2, 2)], ids=str)
    def test_causal(self, student, draw, expect, oracle, lead):
        """as many queries as keys, each sees itself and those before it"""
        self.check(student, expect, oracle, *self.inputs(draw, lead, 4, 4, 4, 4), causal(draw, 4))

    def test_one_key(self, student, draw, expect, oracle):
        """one key allowed for each query: its value comes out"""
        q, k, v = self.inputs(draw, (2,), 3, 5, 4, 6)
        keys = torch.tensor([4, 0, 2], device=draw.device)
        mask = F.one_hot(keys, 5).to(torch.bool)
        y, a = student.scaled_dot_product_attention(q, k, v, mask)
        expect(y, v[:, keys], name="y")
        expect(a, mask.to(v).expand(2, 3, 5), name="a")

    def test_equal_scores(self, student, draw, expect, oracle):
        """queries of zeros: the mean of the values that are allowed"""
        q, k, v = self.inputs(draw, (2,), 3, 5, 4, 6)
        self.check(student, expect, oracle, 0 * q, k, v, some_mask(draw, 2, 3, 5))

    def test_small_scores(self, student, draw, expect, oracle):
        """short queries, long values"""
        q, k, v = self.inputs(draw, (2,), 3, 5, 4, 6)
        self.check(student, expect, oracle, 0.1 * q, k, 10 * v, some_mask(draw, 3, 5))

    @pytest.mark.parametrize("kind", ["transposed", "strided", "expanded", "offset"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        q, k, v = (draw.layout(one, kind) for one in self.inputs(draw, (2,), 3, 5, 4, 6))
        mask = draw.layout(some_mask(draw, 2, 3, 5), kind)
        self.check(student, expect, oracle, q, k, v, mask)

    @pytest.mark.parametrize("masked", [False, True], ids="mask={}".format)
    def test_float32(self, student, draw, expect, oracle, masked):
        """float32"""
        args = self.inputs(draw, (2,), 3, 5, 4, 6, torch.float32)
        args = (*args, some_mask(draw, 2, 3, 5)) if masked else args
        self.check(student, expect, oracle, *args)

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("masked", [False, True], ids="mask={}".format)
    def test_large_scores(self, student, draw, expect, oracle, masked):
        """scores of several thousand, far apart"""
        args = (far(draw, 2, 3, 16), far(draw, 2, 5, 16), draw.normal(2, 5, 6))
        args = (*args, some_mask(draw, 2, 3, 5)) if masked else args
        self.check_all(student, expect, oracle, "stability", *args)

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("sign", [1, -1], ids="sign={}".format)
    def test_shifted_scores(self, student, draw, expect, oracle, sign):
        """scores of about 1000, close together, of either sign"""
        q, k = near(draw, 2, 4, 16, first=64.0), near(draw, 2, 5, 16, first=64.0 * sign)
        mask = some_mask(draw, 2, 4, 5)
        self.check_all(student, expect, oracle, "stability", q, k, draw.normal(2, 5, 6), mask)

    @pytest.mark.part("stability")
    def test_rows_far_apart(self, student, draw, expect, oracle):
        """the scores of one query about 2000 above those of another"""
        q, k = near(draw, 4, 16, first=0.0), near(draw, 5, 16, first=64.0)
        q[:, 0] = numbers(draw, [64.0, -64.0, 0.0, 32.0])
        self.check_all(student, expect, oracle, "stability", q, k, draw.normal(5, 6))

    @pytest.mark.part("stability")
    def test_hidden_giant(self, student, draw, expect, oracle):
        """a key that is not allowed, with a score about 2000 above the others"""
        q, k = near(draw, 2, 4, 16, first=64.0), near(draw, 2, 5, 16, first=0.0)
        k[:, 3, 0] = 128.0
        mask = some_mask(draw, 2, 4, 5)
        mask[..., 3], mask[..., 4] = False, True
        self.check_all(student, expect, oracle, "stability", q, k, draw.normal(2, 5, 6), mask)

    @pytest.mark.part("stability")
    def test_far_below_what_is_hidden(self, student, draw, expect, oracle):
        """keys that are not allowed, with scores of about 0, and allowed ones far below -10 000"""
        # float32 still has digits for the differences of scores around -16 384.
        first = 256.0 if draw.dtype == torch.float32 else 8192.0
        q, k = near(draw, 2, 4, 16, first=first), near(draw, 2, 5, 16, first=-first)
        k[:, 3, 0] = 0.0
        mask = some_mask(draw, 2, 4, 5)
        mask[..., 3], mask[..., 4] = False, True
        self.check_all(student, expect, oracle, "stability", q, k, draw.normal(2, 5, 6), mask)

    @pytest.mark.part("empty_rows")
    @pytest.mark.parametrize("lead", [(), (2,), (2, 2)], ids=str)
    def test_empty_rows(self, student, draw, expect, oracle, lead):
        """some queries may attend to nothing, leading axes"""
        mask = some_mask(draw, *lead, 4, 5)
        mask[..., 1, :] = False
        mask[..., 3, :] = False
        args = (*self.inputs(draw, lead, 4, 5, 3, 6), mask)
        self.check_all(student, expect, oracle, "empty_rows", *args)

    @pytest.mark.part("empty_rows")
    def test_all_empty_but_one(self, student, draw, expect, oracle):
        """one query of the batch may attend to one key, the others to nothing"""
        mask = torch.zeros(2, 3, 4, dtype=torch.bool, device=draw.device)
        mask[1, 2, 0] = True
        args = (*self.inputs(draw, (2,), 3, 4, 5, 2), mask)
        self.check_all(student, expect, oracle, "empty_rows", *args)

    @pytest.mark.part("empty_rows")
    def test_padding(self, student, draw, expect, oracle):
        """a sequence that is padding from beginning to end, next to one that is not"""
        mask = torch.tensor([[True, True, False, False], [False] * 4], device=draw.device)
        args = (*self.inputs(draw, (2, 3), 4, 4, 2, 5), mask[:, None, None])
        self.check_all(student, expect, oracle, "empty_rows", *args)


GRADIENTS = {"grad_q": 2, "grad_k": 2, "grad_v": 1}


def weights_of(q, k, mask):
    """Return attention weights through which autograd can go, also where a row is empty."""
    scores = torch.einsum("...ld,...sd->...ls", q, k) / q.shape[-1] ** 0.5
    seen = torch.softmax(scores.masked_fill(~mask, -1e30), dim=-1)
    return seen * mask.any(-1, keepdim=True)


def attention_grads(grad_y, q, k, v, mask):
    q, k, v = (one.clone().requires_grad_() for one in (q, k, v))
    return torch.autograd.grad(weights_of(q, k, mask) @ v, (q, k, v), grad_y)


def grads_at(grad_y, a, q, k, v):
    """Return the gradients where the weights are `a`, whatever the size of q and k."""
    q, k, v = (one.clone().requires_grad_() for one in (q, k, v))
    scores = q @ k.mT / q.shape[-1] ** 0.5
    y = torch.softmax(a.log() + scores - scores.detach(), dim=-1) @ v
    return torch.autograd.grad(y, (q, k, v), grad_y)


@pytest.mark.exercise("attention_backward", parts=GRADIENTS)
class TestAttentionBackward:
    """Backward pass of attention"""

    def check(self, student, expect, oracle, inputs, mask, layout=lambda tensor: tensor):
        grad_y, q, k, v = inputs
        a = oracle(weights_of, q, k, mask)
        args = (layout(one) for one in (grad_y, a, q, k, v))
        grad_q, grad_k, grad_v = student.attention_backward(*args)
        right = oracle(attention_grads, grad_y, q, k, v, mask)
        for name, grad, one in zip(GRADIENTS, (grad_q, grad_k, grad_v), right, strict=True):
            expect(grad, one, name=name)

    def inputs(self, draw, lead, L, S, d, dv, dtype=None):
        return (
            draw.normal(*lead, L, dv, dtype=dtype),
            draw.normal(*lead, L, d, dtype=dtype),
            draw.normal(*lead, S, d, dtype=dtype),
            draw.normal(*lead, S, dv, dtype=dtype),
        )

    @pytest.mark.parametrize("sizes", SIZES, ids=str)
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """all keys allowed, leading axes and (L, S, d, dv)"""
        mask = torch.ones(sizes[1:3], dtype=torch.bool, device=draw.device)
        self.check(student, expect, oracle, self.inputs(draw, *sizes), mask)

    @pytest.mark.parametrize("sizes", SIZES[:6], ids=str)
    def test_masked(self, student, draw, expect, oracle, sizes):
        """a random mask, leading axes and (L, S, d, dv)"""
        mask = some_mask(draw, *sizes[0], *sizes[1:3])
        self.check(student, expect, oracle, self.inputs(draw, *sizes), mask)

    def test_causal(self, student, draw, expect, oracle):
        """a causal mask, all sizes equal"""
        args = self.inputs(draw, (2,), 4, 4, 4, 4)
        self.check(student, expect, oracle, args, causal(draw, 4))

    def test_empty_rows(self, student, draw, expect, oracle):
        """queries that may attend to nothing"""
        mask = some_mask(draw, 2, 4, 5)
        mask[0, 1], mask[1, 3] = False, False
        self.check(student, expect, oracle, self.inputs(draw, (2,), 4, 5, 3, 6), mask)

    def test_sure(self, student, draw, expect, oracle):
        """weights that are exactly 0 or 1, next to some that are not"""
        grad_y, q, k, v = self.inputs(draw, (2,), 4, 5, 3, 6)
        a = torch.cat([draw.one_hot(4, 5).reshape(2, 2, 5), draw.probabilities(2, 2, 5)], dim=1)
        grad_q, grad_k, grad_v = student.attention_backward(grad_y, a, q, k, v)
        right = oracle(grads_at, grad_y, a, q, k, v)
        for name, grad, one in zip(GRADIENTS, (grad_q, grad_k, grad_v), right, strict=True):
            expect(grad, one, name=name)

    @pytest.mark.parametrize("kind", ["transposed", "strided", "expanded", "offset"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        mask = torch.ones(3, 5, dtype=torch.bool, device=draw.device)
        args = self.inputs(draw, (2,), 3, 5, 4, 6)
        if kind == "expanded":
            args = tuple(draw.layout(one, kind) for one in args)
        self.check(student, expect, oracle, args, mask, layout=lambda one: draw.layout(one, kind))

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        args = self.inputs(draw, (2,), 3, 5, 4, 6, torch.float32)
        self.check(student, expect, oracle, args, some_mask(draw, 2, 3, 5))


# --- heads ------------------------------------------------------------------------------------


def chunked(x, num_heads):
    return torch.stack(torch.chunk(x, num_heads, dim=-1), dim=1)


def side_by_side(x):
    return torch.cat(x.unbind(1), dim=-1)


# (N, T, D, H)
HEADS = [(2, 3, 6, 2), (1, 5, 4, 2), (3, 2, 6, 3), (2, 4, 4, 1), (2, 3, 4, 4), (4, 4, 16, 4),
         (1, 1, 6, 3)]  # fmt: skip


@pytest.mark.exercise("split_heads", parts={"heads": 1})
class TestSplitHeads:
    """Dealing features out to heads"""

    @pytest.mark.parametrize("sizes", HEADS, ids=str)
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """random tokens, sizes (N, T, D, H)"""
        x = draw.normal(*sizes[:3])
        expect(student.split_heads(x, sizes[3]), oracle(chunked, x, sizes[3]))

    @pytest.mark.parametrize("kind", ["transposed", "strided", "expanded", "offset"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        x = draw.layout(draw.normal(2, 3, 8), kind)
        expect(student.split_heads(x, 2), oracle(chunked, x, 2))

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        x = draw.normal(2, 3, 6, dtype=torch.float32)
        expect(student.split_heads(x, 3), oracle(chunked, x, 3))


@pytest.mark.exercise("merge_heads", parts={"tokens": 1})
class TestMergeHeads:
    """Putting heads side by side"""

    @pytest.mark.parametrize("sizes", HEADS, ids=str)
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """random features, sizes (N, T, D, H)"""
        N, T, D, H = sizes
        x = draw.normal(N, H, T, D // H)
        expect(student.merge_heads(x), oracle(side_by_side, x))

    @pytest.mark.parametrize("kind", ["transposed", "strided", "expanded", "offset"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        x = draw.layout(draw.normal(2, 3, 4, 5), kind)
        expect(student.merge_heads(x), oracle(side_by_side, x))

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        x = draw.normal(2, 3, 4, 2, dtype=torch.float32)
        expect(student.merge_heads(x), oracle(side_by_side, x))


def self_attention(x, W_q, W_k, W_v, W_o, num_heads, mask=None):
    q, k, v = (chunked(F.linear(x, W), num_heads) for W in (W_q, W_k, W_v))
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return F.linear(side_by_side(y), W_o)


def four_weights(draw, D, E, dtype=None):
    """Return W_q, W_k, W_v, W_o such that scores and outputs are of about 1."""
    three = [draw.normal(E, D, std=1.2 * D**-0.5, dtype=dtype) for _ in range(3)]
    return (*three, draw.normal(D, E, std=E**-0.5, dtype=dtype))


def lower(draw, W_q, W_k, num_heads):
    """Put all scores of tokens whose first feature is 1 far below 0, where exp is not yet 0."""
    size = len(W_q) // num_heads
    W_q[::size], W_k[::size] = 0.0, 0.0  # the first feature of each head
    W_q[::size, 0] = (60 if draw.dtype == torch.float32 else 500) * size**0.5
    W_k[::size, 0] = -1.0


@pytest.mark.exercise("multi_head_attention", parts={"y": 1})
class TestMultiHeadAttention:
    """Multi-head self-attention"""

    def check(self, student, expect, oracle, *args):
        expect(student.multi_head_attention(*args), oracle(self_attention, *args))

    @pytest.mark.parametrize(
        "sizes",
        [
            (2, 3, 4, 6, 2),
            (1, 4, 6, 6, 3),
            (2, 4, 4, 4, 2),
            (4, 4, 4, 4, 4),
            (3, 2, 5, 4, 1),
            (2, 1, 3, 6, 3),
            (2, 5, 8, 4, 2),
            (2, 3, 1, 2, 2),
        ],
        ids=str,
    )
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """no mask, sizes (N, T, D, E, H)"""
        N, T, D, E, H = sizes
        self.check(student, expect, oracle, draw.normal(N, T, D), *four_weights(draw, D, E), H)

    @pytest.mark.parametrize("sizes", [(2, 4, 5, 6, 3), (3, 4, 4, 4, 2), (1, 5, 3, 4, 1)], ids=str)
    def test_causal(self, student, draw, expect, oracle, sizes):
        """a causal mask, sizes (N, T, D, E, H)"""
        N, T, D, E, H = sizes
        x, weights = draw.normal(N, T, D), four_weights(draw, D, E)
        self.check(student, expect, oracle, x, *weights, H, causal(draw, T))

    @pytest.mark.parametrize(
        "shape", [(2, 1, 1, 4), (2, 1, 4, 4), (1, 3, 4, 4), (3, 4, 4)], ids=str
    )
    def test_mask_shapes(self, student, draw, expect, oracle, shape):
        """a mask of another shape than the scores, (2, 3, 4, 4)"""
        mask = draw.uniform(*shape) < 0.5
        mask[..., 1] = True
        mask[..., 2] = False
        x, weights = draw.normal(2, 4, 5), four_weights(draw, 5, 6)
        self.check(student, expect, oracle, x, *weights, 3, mask)

    def test_low_scores(self, student, draw, expect, oracle):
        """a causal mask, and allowed scores far below 0"""
        x, weights = draw.normal(2, 4, 5), four_weights(draw, 5, 6)
        x[..., 0] = 1.0
        lower(draw, *weights[:2], 2)
        self.check(student, expect, oracle, x, *weights, 2, causal(draw, 4))

    def test_order(self, student, draw, expect, oracle):
        """the tokens in another order"""
        x, weights = draw.normal(2, 5, 4), four_weights(draw, 4, 6)
        order = torch.tensor([3, 0, 4, 1, 2], device=draw.device)
        y = student.multi_head_attention(x[:, order], *weights, 2)
        expect(y, oracle(self_attention, x, *weights, 2)[:, order])

    @pytest.mark.parametrize("kind", ["transposed", "strided", "expanded"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        x = draw.layout(draw.normal(2, 3, 4), kind)
        layout = "strided" if kind == "expanded" else kind
        weights = [draw.layout(one, layout) for one in four_weights(draw, 4, 6)]
        self.check(student, expect, oracle, x, *weights, 2)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        x = draw.normal(2, 4, 5, dtype=torch.float32)
        weights = four_weights(draw, 5, 6, torch.float32)
        self.check(student, expect, oracle, x, *weights, 3, causal(draw, 4))


def one_step(x, cache_k, cache_v, W_q, W_k, W_v, W_o, num_heads):
    q, k, v = (chunked(F.linear(x, W), num_heads) for W in (W_q, W_k, W_v))
    keys, values = torch.cat([cache_k, k], 2), torch.cat([cache_v, v], 2)
    y = F.scaled_dot_product_attention(q, keys, values)
    return F.linear(side_by_side(y), W_o), keys, values


@pytest.mark.exercise("kv_cache_step", parts={"y": 2, "cache_k": 1, "cache_v": 1})
class TestKvCacheStep:
    """One token at a time"""

    def check(self, student, expect, oracle, *args):
        y, cache_k, cache_v = student.kv_cache_step(*args)
        right = oracle(one_step, *args)
        expect(y, right[0], name="y")
        expect(cache_k, right[1], name="cache_k")
        expect(cache_v, right[2], name="cache_v")

    def inputs(self, draw, N, S, D, H, d, dtype=None):
        caches = (draw.normal(N, H, S, d, dtype=dtype), draw.normal(N, H, S, d, dtype=dtype))
        x = draw.normal(N, 1, D, dtype=dtype)
        return (x, *caches, *four_weights(draw, D, H * d, dtype), H)

    @pytest.mark.parametrize(
        "sizes",
        [(2, 3, 5, 3, 2), (1, 4, 6, 2, 3), (2, 2, 4, 2, 2), (3, 5, 2, 1, 4), (2, 1, 4, 4, 1)],
        ids=str,
    )
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """a filled cache, sizes (N, S, D, H, d)"""
        self.check(student, expect, oracle, *self.inputs(draw, *sizes))

    @pytest.mark.parametrize("sizes", [(2, 0, 5, 3, 2), (1, 0, 4, 1, 4)], ids=str)
    def test_first_token(self, student, draw, expect, oracle, sizes):
        """an empty cache, sizes (N, S, D, H, d)"""
        self.check(student, expect, oracle, *self.inputs(draw, *sizes))

    @pytest.mark.parametrize(("N", "D", "H", "d"), [(2, 5, 3, 2), (1, 4, 2, 2)], ids=str)
    def test_step_by_step(self, student, draw, expect, oracle, N, D, H, d):
        """five tokens, one after the other, and all at once with a causal mask"""
        x, weights = draw.normal(N, 5, D), four_weights(draw, D, H * d)
        right = oracle(self_attention, x, *weights, H, causal(draw, 5))
        kept = (draw.normal(N, H, 0, d), draw.normal(N, H, 0, d))
        for t in range(5):
            y, *kept = student.kv_cache_step(x[:, t : t + 1], *kept, *weights, H)
            expect(y, right[:, t : t + 1], name="y")
        expect(kept[0], oracle(lambda x, W: chunked(F.linear(x, W), H), x, weights[1]),
               name="cache_k")  # fmt: skip
        expect(kept[1], oracle(lambda x, W: chunked(F.linear(x, W), H), x, weights[2]),
               name="cache_v")  # fmt: skip

    @pytest.mark.parametrize("kind", ["transposed", "strided", "expanded"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        *args, H = self.inputs(draw, 2, 3, 5, 3, 2)
        layout = "strided" if kind == "expanded" else kind
        args = [*(draw.layout(one, kind) for one in args[:3]),
                *(draw.layout(one, layout) for one in args[3:])]  # fmt: skip
        self.check(student, expect, oracle, *args, H)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        self.check(student, expect, oracle, *self.inputs(draw, 2, 3, 5, 3, 2, torch.float32))


# --- positions --------------------------------------------------------------------------------


def waves(positions, d):
    """The real and imaginary parts of complex waves, column by column."""
    columns = []
    for j in range(d):
        wave = torch.exp(1j * positions.to(torch.complex128) * 1e-4 ** (2 * (j // 2) / d))
        columns.append(wave.real if j % 2 else wave.imag)
    return torch.stack(columns, dim=1)


@pytest.mark.exercise("sinusoidal_positions", parts={"positions": 1})
class TestSinusoidalPositions:
    """A vector for each position"""

    def check(self, student, expect, oracle, positions, d):
        expect(student.sinusoidal_positions(positions, d), oracle(waves, positions, d))

    @pytest.mark.parametrize(
        ("T", "d"), [(5, 4), (4, 6), (6, 6), (1, 8), (7, 2), (3, 1), (4, 3), (2, 7)], ids=str
    )
    def test_sizes(self, student, draw, expect, oracle, T, d):
        """the first T positions, d features"""
        positions = torch.arange(T, dtype=draw.dtype, device=draw.device)
        self.check(student, expect, oracle, positions, d)

    @pytest.mark.parametrize("d", [6, 9], ids="d={}".format)
    def test_far_out(self, student, draw, expect, oracle, d):
        """positions up to 1000, not in order, some of them twice"""
        # In float64 whatever the run's dtype: in float32 the angles themselves lose digits.
        positions = draw.integers(6, low=100, high=1000).to(torch.float64)
        positions[4] = positions[1]
        self.check(student, expect, oracle, positions, d)

    def test_between(self, student, draw, expect, oracle):
        """positions that are not whole"""
        self.check(student, expect, oracle, draw.uniform(5, high=6.0), 8)

    def test_layout(self, student, draw, expect, oracle):
        """another memory layout"""
        positions = torch.arange(6, dtype=draw.dtype, device=draw.device)
        self.check(student, expect, oracle, draw.layout(positions, "strided"), 4)
        self.check(student, expect, oracle, draw.layout(positions + 2, "expanded"), 4)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        positions = torch.arange(5, dtype=torch.float32, device=draw.device)
        self.check(student, expect, oracle, positions, 6)


# --- the block --------------------------------------------------------------------------------


def block_parameters(draw, D, E, width, dtype=None):
    W_q, W_k, W_v, W_o = four_weights(draw, D, E, dtype)
    params = {"W_q": W_q, "W_k": W_k, "W_v": W_v, "W_o": W_o}
    params |= {"W_1": draw.normal(width, D, std=D**-0.5, dtype=dtype)}
    params |= {"b_1": draw.normal(width, std=0.5, dtype=dtype)}
    params |= {"W_2": draw.normal(D, width, std=width**-0.5, dtype=dtype)}
    params |= {"b_2": draw.normal(D, std=0.5, dtype=dtype)}
    for i in (1, 2):
        params |= {f"gamma_{i}": draw.normal(D, mean=1.0, std=0.4, dtype=dtype)}
        params |= {f"beta_{i}": draw.normal(D, std=0.5, dtype=dtype)}
    return params


def block(x, params, num_heads, mask=None, norm="post"):
    def attention(h):
        weights = (params[name] for name in ("W_q", "W_k", "W_v", "W_o"))
        return self_attention(h, *weights, num_heads, mask)

    def perceptron(h):
        hidden = F.relu(F.linear(h, params["W_1"], params["b_1"]))
        return F.linear(hidden, params["W_2"], params["b_2"])

    def layer_norm(h, i):
        return F.layer_norm(h, h.shape[-1:], params[f"gamma_{i}"], params[f"beta_{i}"], 1e-5)

    for i, layer in ((1, attention), (2, perceptron)):
        x = layer_norm(x + layer(x), i) if norm == "post" else x + layer(layer_norm(x, i))
    return x


@pytest.mark.exercise("transformer_block", parts={"post": 1, "pre": 1})
class TestTransformerBlock:
    """The transformer block"""

    def check(self, student, expect, oracle, norm, *args):
        y = student.transformer_block(*args, norm=norm)
        expect(y, oracle(block, *args, norm=norm), name=norm)

    def sizes(self, student, draw, expect, oracle, norm, sizes):
        N, T, D, E, width, H = sizes
        params = block_parameters(draw, D, E, width)
        self.check(student, expect, oracle, norm, draw.normal(N, T, D), params, H)

    SIZES = ((2, 3, 4, 6, 5, 2), (1, 4, 6, 6, 8, 3), (4, 4, 4, 4, 4, 4), (2, 1, 5, 4, 3, 1),
             (3, 2, 4, 8, 1, 2))  # fmt: skip

    @pytest.mark.part("post")
    @pytest.mark.parametrize("sizes", SIZES, ids=str)
    def test_sizes_post(self, student, draw, expect, oracle, sizes):
        """post, sizes (N, T, D, E, F, H)"""
        self.sizes(student, draw, expect, oracle, "post", sizes)

    @pytest.mark.part("pre")
    @pytest.mark.parametrize("sizes", SIZES, ids=str)
    def test_sizes_pre(self, student, draw, expect, oracle, sizes):
        """pre, sizes (N, T, D, E, F, H)"""
        self.sizes(student, draw, expect, oracle, "pre", sizes)

    def masked(self, student, draw, expect, oracle, norm):
        args = (draw.normal(2, 4, 5), block_parameters(draw, 5, 6, 7), 3)
        self.check(student, expect, oracle, norm, *args, causal(draw, 4))
        padding = torch.tensor([[True] * 4, [True, True, False, False]], device=draw.device)
        self.check(student, expect, oracle, norm, *args, padding[:, None, None])

    @pytest.mark.part("post")
    def test_masks_post(self, student, draw, expect, oracle):
        """post, a causal mask, then one that hides padding"""
        self.masked(student, draw, expect, oracle, "post")

    @pytest.mark.part("pre")
    def test_masks_pre(self, student, draw, expect, oracle):
        """pre, a causal mask, then one that hides padding"""
        self.masked(student, draw, expect, oracle, "pre")

    def low_scores(self, student, draw, expect, oracle, norm):
        x, params = draw.normal(2, 4, 5), block_parameters(draw, 5, 6, 7)
        # The first feature of all that attention sees is 1, normalised or not.
        x[..., 0], params["gamma_1"][0], params["beta_1"][0] = 1.0, 0.0, 1.0
        lower(draw, params["W_q"], params["W_k"], 2)
        self.check(student, expect, oracle, norm, x, params, 2, causal(draw, 4))

    @pytest.mark.part("post")
    def test_low_scores_post(self, student, draw, expect, oracle):
        """post, a causal mask, and allowed scores far below 0"""
        self.low_scores(student, draw, expect, oracle, "post")

    @pytest.mark.part("pre")
    def test_low_scores_pre(self, student, draw, expect, oracle):
        """pre, a causal mask, and allowed scores far below 0"""
        self.low_scores(student, draw, expect, oracle, "pre")

    def nearly_equal(self, student, draw, expect, oracle, norm):
        # Whole multiples of 1/256 around 2: the deviations are exact in float32 too.
        x = 2 + draw.integers(2, 3, 4, low=-1, high=2).to(draw.dtype) / 256
        x[..., 0], x[..., 1] = 2 + 1 / 256, 2 - 1 / 256
        params = block_parameters(draw, 4, 4, 5)
        params["W_o"] = 0 * params["W_o"]
        self.check(student, expect, oracle, norm, x, params, 2)

    @pytest.mark.part("post")
    def test_nearly_equal_post(self, student, draw, expect, oracle):
        """post, tokens whose features are nearly equal"""
        self.nearly_equal(student, draw, expect, oracle, "post")

    @pytest.mark.part("pre")
    def test_nearly_equal_pre(self, student, draw, expect, oracle):
        """pre, tokens whose features are nearly equal"""
        self.nearly_equal(student, draw, expect, oracle, "pre")

    def test_default(self, student, draw, expect, oracle):
        """neither mask nor norm given"""
        args = (draw.normal(2, 3, 4), block_parameters(draw, 4, 6, 5), 2)
        expect(student.transformer_block(*args), oracle(block, *args), name="post")

    def layout(self, student, draw, expect, oracle, norm, kind):
        params = {
            name: draw.layout(one, kind) for name, one in block_parameters(draw, 4, 6, 5).items()
        }
        x = draw.layout(draw.normal(2, 3, 4), kind)
        self.check(student, expect, oracle, norm, x, params, 2)

    @pytest.mark.part("post")
    @pytest.mark.parametrize("kind", ["transposed", "strided"])
    def test_layout_post(self, student, draw, expect, oracle, kind):
        """post, another memory layout"""
        self.layout(student, draw, expect, oracle, "post", kind)

    @pytest.mark.part("pre")
    @pytest.mark.parametrize("kind", ["transposed", "strided"])
    def test_layout_pre(self, student, draw, expect, oracle, kind):
        """pre, another memory layout"""
        self.layout(student, draw, expect, oracle, "pre", kind)

    def float32(self, student, draw, expect, oracle, norm):
        params = block_parameters(draw, 5, 6, 7, torch.float32)
        x = draw.normal(2, 4, 5, dtype=torch.float32)
        self.check(student, expect, oracle, norm, x, params, 3, causal(draw, 4))

    @pytest.mark.part("post")
    def test_float32_post(self, student, draw, expect, oracle):
        """post, float32"""
        self.float32(student, draw, expect, oracle, "post")

    @pytest.mark.part("pre")
    def test_float32_pre(self, student, draw, expect, oracle):
        """pre, float32"""
        self.float32(student, draw, expect, oracle, "pre")


# --- GPT --------------------------------------------------------------------------------------


def gpt_parameters(draw, V, C, D, width, layers, dtype=None):
    params = {"tok": draw.normal(V, D, dtype=dtype), "pos": draw.normal(C, D, dtype=dtype)}
    params |= {"blocks": [block_parameters(draw, D, D, width, dtype) for _ in range(layers)]}
    params |= {"gamma": draw.normal(D, mean=1.0, std=0.4, dtype=dtype)}
    params |= {"beta": draw.normal(D, std=0.5, dtype=dtype)}
    return params | {"head": draw.normal(V, D, dtype=dtype)}


def gpt(idx, params, num_heads):
    T = idx.shape[1]
    places = torch.arange(T, device=idx.device)
    h = F.embedding(idx, params["tok"]) + F.embedding(places, params["pos"])
    mask = places[:, None] >= places
    for one in params["blocks"]:
        h = block(h, one, num_heads, mask, "pre")
    return F.linear(F.layer_norm(h, h.shape[-1:], params["gamma"], params["beta"]), params["head"])


def count_all(params):
    if isinstance(params, torch.Tensor):
        return params.numel()
    values = params.values() if isinstance(params, dict) else params
    return sum(count_all(one) for one in values)


@pytest.mark.exercise("gpt_param_count", parts={"count": 1})
class TestGptParamCount:
    """How many numbers it learns"""

    @pytest.mark.parametrize(
        "sizes",
        [(11, 5, 4, 6, 3, 2), (3, 7, 6, 10, 1, 1), (7, 7, 6, 6, 2, 3), (5, 3, 4, 16, 0, 4),
         (13, 9, 8, 2, 4, 8), (2, 1, 1, 3, 2, 1)],
        ids=str,
    )  # fmt: skip
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """vocabulary, context, D, F, layers, heads"""
        V, C, D, width, layers, _ = sizes
        right = count_all(gpt_parameters(draw, V, C, D, width, layers))
        expect(student.gpt_param_count(*sizes), right)

    def test_large(self, student, expect):
        """the size of GPT-2, without the biases of its attention and with a head of its own"""
        sizes = (50257, 1024, 768, 3072, 12, 12)
        # GPT-2 has 124 439 808: four biases fewer in each of 12 layers, one table more.
        right = 124_439_808 - 12 * 4 * 768 + 50257 * 768
        expect(student.gpt_param_count(*sizes), right)


@pytest.mark.exercise("gpt_forward", parts={"logits": 2, "causality": 1})
class TestGptForward:
    """A GPT from scratch"""

    @pytest.mark.part("logits")
    @pytest.mark.parametrize(
        "sizes",
        [
            (2, 4, 7, 6, 6, 8, 2, 2),
            (3, 2, 5, 2, 4, 3, 1, 4),
            (1, 5, 4, 9, 6, 6, 3, 3),
            (4, 4, 4, 4, 4, 4, 1, 1),
            (2, 3, 6, 5, 4, 2, 0, 1),
            (2, 1, 5, 3, 4, 6, 1, 2),
        ],
        ids=str,
    )
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """sizes (N, T, V, C, D, F, layers, H)"""
        N, T, V, C, D, width, layers, H = sizes
        idx, params = draw.integers(N, T, high=V), gpt_parameters(draw, V, C, D, width, layers)
        expect(student.gpt_forward(idx, params, H), oracle(gpt, idx, params, H), name="logits")

    @pytest.mark.part("logits")
    def test_repeated_tokens(self, student, draw, expect, oracle):
        """one token, again and again"""
        idx, params = draw.integers(2, 1, high=7).expand(2, 5), gpt_parameters(draw, 7, 6, 4, 5, 1)
        expect(student.gpt_forward(idx, params, 2), oracle(gpt, idx, params, 2), name="logits")

    @pytest.mark.part("logits")
    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        idx = draw.integers(2, 4, high=7)
        params = gpt_parameters(draw, 7, 5, 6, 8, 1, torch.float32)
        expect(student.gpt_forward(idx, params, 2), oracle(gpt, idx, params, 2), name="logits")

    @pytest.mark.part("causality")
    @pytest.mark.parametrize("at", [1, 2, 4], ids="position={}".format)
    def test_causality(self, student, draw, expect, at):
        """one token changes: the scores before it do not, its own do"""
        idx, params = draw.integers(2, 5, high=7), gpt_parameters(draw, 7, 6, 4, 8, 2)
        other = idx.clone()
        other[:, at] = (idx[:, at] + 1 + draw.integers(2, high=6)) % 7
        before, after = student.gpt_forward(idx, params, 2), student.gpt_forward(other, params, 2)
        change = (before - after).abs().amax((0, 2))
        facts = [bool((change[:at] < 1e-5).all()), bool(change[at] > 1e-5)]
        expect([list(before.shape), *facts], [[2, 5, 7], True, True], name="causality")


def shifted_cross_entropy(logits, idx):
    return F.cross_entropy(logits[:, :-1].transpose(1, 2), idx[:, 1:])


@pytest.mark.exercise("next_token_loss", parts={"loss": 2, "stability": 1})
class TestNextTokenLoss:
    """The loss of a language model"""

    def check(self, student, expect, oracle, logits, idx, name="loss"):
        expect(student.next_token_loss(logits, idx), oracle(shifted_cross_entropy, logits, idx),
               name=name)  # fmt: skip

    @pytest.mark.parametrize(
        "sizes", [(3, 5, 4), (1, 6, 3), (4, 4, 4), (3, 2, 5), (1, 2, 2), (2, 7, 3)], ids=str
    )
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """random scores, sizes (N, T, V)"""
        idx = draw.integers(*sizes[:2], high=sizes[2])
        self.check(student, expect, oracle, draw.normal(*sizes, std=2.0), idx)

    def test_knows_nothing(self, student, draw, expect):
        """equal scores cost ln V"""
        idx = draw.integers(3, 5, high=7)
        loss = student.next_token_loss(numbers(draw, 0.3).expand(3, 5, 7), idx)
        expect(loss, numbers(draw, math.log(7)), name="loss")

    @pytest.mark.parametrize("kind", ["transposed", "strided", "expanded"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        logits = draw.layout(draw.normal(3, 5, 4), kind)
        idx = draw.layout(draw.integers(3, 5, high=4), kind)
        self.check(student, expect, oracle, logits, idx)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        logits = draw.normal(3, 5, 4, dtype=torch.float32)
        self.check(student, expect, oracle, logits, draw.integers(3, 5, high=4))

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("sign", [1, -1], ids="sign={}".format)
    def test_large_logits(self, student, draw, expect, oracle, sign):
        """logits of several thousand, close together"""
        logits = 4096.0 * sign + draw.integers(3, 5, 4, high=8).to(draw.dtype)
        idx = draw.integers(3, 5, high=4)
        self.check(student, expect, oracle, logits, idx, name="stability")

    @pytest.mark.part("stability")
    def test_far_apart(self, student, draw, expect, oracle):
        """logits of several thousand, far apart"""
        logits = 512.0 * draw.integers(3, 5, 4, low=-8, high=9).to(draw.dtype)
        idx = draw.integers(3, 5, high=4)
        self.check(student, expect, oracle, logits, idx, name="stability")


# --- writing ----------------------------------------------------------------------------------


def most_likely(table, idx, n, context, decay):
    """Continue with the most likely token, by the definition of the model."""
    for _ in range(n):
        shown = idx[:, -context:]
        age = torch.arange(shown.shape[1] - 1, -1, -1, device=idx.device)
        logits = torch.einsum("t,ntv->nv", decay ** age.to(table.dtype), table[shown])
        idx = torch.cat([idx, logits.argmax(1, keepdim=True)], dim=1)
    return idx


WRITING = {"greedy": 1, "context": 1, "sampling": 2, "generator": 1}


@pytest.mark.exercise("generate", parts=WRITING)
class TestGenerate:
    """Writing"""

    def greedy(self, student, support, draw, sizes, V):
        """Return what a random model writes, and what it should: sizes are idx's, n, context."""
        shape, n, context = sizes
        table, idx = draw.normal(V, V), draw.integers(*shape, high=V)
        model = support.make("window_model", table, context, 0.9)
        found = student.generate(model, idx, n, context, 0.7, 1, draw.generator())
        return found, (most_likely, table, idx, n, context, 0.9)

    @pytest.mark.part("greedy")
    @pytest.mark.parametrize(
        ("shape", "n", "V"),
        [((3, 2), 6, 7), ((1, 1), 8, 5), ((4, 4), 4, 4), ((2, 5), 0, 6)],
        ids=str,
    )
    def test_greedy(self, student, support, draw, expect, oracle, shape, n, V):
        """top_k 1, idx of the given shape, n tokens, V"""
        found, right = self.greedy(student, support, draw, (shape, n, 16), V)
        expect(found, oracle(*right), name="greedy")

    @pytest.mark.part("context")
    @pytest.mark.parametrize(
        ("shape", "n", "context"), [((3, 2), 8, 4), ((2, 6), 5, 3), ((2, 1), 5, 1), ((1, 4), 6, 4)],
        ids=str,
    )  # fmt: skip
    def test_context(self, student, support, draw, expect, oracle, shape, n, context):
        """top_k 1, a text longer than the context: shape of idx, n, context"""
        found, right = self.greedy(student, support, draw, (shape, n, context), 9)
        expect(found, oracle(*right), name="context")

    def shares(self, student, support, draw, row, n, temperature, top_k):
        """Return how often each token was drawn, after 2500 texts that begin alike."""
        table = row.repeat(len(row), 1)
        model = support.make("window_model", table, 4)
        idx = torch.full((2500, 2), 1, dtype=torch.int64, device=draw.device)
        found = student.generate(model, idx, n, 4, temperature, top_k, draw.generator())
        return torch.bincount(found[:, -1], minlength=len(row)).to(draw.dtype) / 2500

    @pytest.mark.part("sampling")
    @pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0], ids="temperature={}".format)
    def test_temperature(self, student, support, draw, expect, temperature):
        """how often each token is drawn, all allowed"""
        row = numbers(draw, [0.5, -1.0, 1.0, 2.0, 0.0])
        shares = self.shares(student, support, draw, row, 1, temperature, None)
        # Five standard deviations of a share are at most 0.05.
        expect(shares, torch.softmax(row / temperature, 0), name="sampling", rtol=0, atol=0.05)

    @pytest.mark.part("sampling")
    @pytest.mark.parametrize("top_k", [2, 3, 5, 8], ids="top_k={}".format)
    def test_top_k(self, student, support, draw, expect, top_k):
        """how often each token is drawn, the best of five; none of the others"""
        row = numbers(draw, [0.5, -1.0, 1.0, -2.0, 0.0]) - 1
        allowed = row.argsort(descending=True)[:top_k]
        right = torch.zeros_like(row)
        right[allowed] = torch.softmax(row[allowed] / 2, 0)
        shares = self.shares(student, support, draw, row, 2, 2.0, top_k)
        expect(shares, right, name="sampling", rtol=0, atol=0.05)
        expect(shares > 0, right > 0, name="sampling")

    @pytest.mark.part("generator")
    @pytest.mark.parametrize("top_k", [None, 4], ids="top_k={}".format)
    def test_generator(self, student, support, draw, expect, top_k):
        """the same state gives the same text, another one another text"""
        model = support.make("window_model", 0.1 * draw.normal(6, 6), 8, 0.5)
        idx, source, other = draw.integers(2, 3, high=6), draw.generator(), draw.generator()
        first, again, different, later = (
            student.generate(model, idx, 16, 8, 1.0, top_k, one)
            for one in (source, source, other, draw.advanced(source))
        )
        facts = [list(first.shape), torch.equal(first[:, :3], idx), torch.equal(first, again)]
        facts += [torch.equal(first, different), torch.equal(first, later)]
        expect(facts, [[2, 19], True, True, False, False], name="generator")

    @pytest.mark.part("generator")
    @pytest.mark.parametrize("top_k", [None, 4], ids="top_k={}".format)
    def test_each_token_anew(self, student, support, draw, expect, top_k):
        """all tokens equally good, or nearly so: they are not all drawn with the same number"""
        # No token is likelier than 0.27: two rows of 16 are constant in 1 of 10^17 calls.
        table = (draw.permutation(6).to(draw.dtype) / 20).repeat(6, 1)
        model, idx = support.make("window_model", table, 1), draw.integers(2, 3, high=6)
        new = student.generate(model, idx, 16, 1, 1.0, top_k, draw.generator())[:, 3:]
        facts = [list(new.shape), bool((new == new[:, :1]).all())]
        expect(facts, [[2, 16], False], name="generator")
