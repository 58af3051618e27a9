"""Recurrent networks: what grades them.

The truth is torch's own operators, autograd through them, or a plain formula in float64, not the
reference solution.
"""

import math

import pytest
import torch

SIZES = [(5, 3, 4), (1, 3, 4), (4, 2, 5), (4, 4, 4), (3, 1, 1), (2, 3, 1), (1, 1, 1)]  # N, D, H
# T, N, D, H
LENGTHS = [
    (6, 2, 3, 4),
    (1, 3, 2, 4),
    (4, 1, 3, 2),
    (4, 4, 4, 4),
    (3, 5, 4, 2),
    (3, 2, 1, 1),
    (1, 1, 1, 1),
    (12, 2, 2, 3),
]


def numbers(draw, values):
    return torch.tensor(values, dtype=draw.dtype, device=draw.device)


def weights(draw, D, H, blocks=1, dtype=None):
    """Return a random weight of the input, a weight of the state and a bias."""
    rows = blocks * H
    return (
        draw.normal(rows, D, std=0.7, dtype=dtype),
        draw.normal(rows, H, std=0.7, dtype=dtype),
        draw.normal(rows, std=0.5, dtype=dtype),
    )


def state(draw, *shape, dtype=None):
    return draw.uniform(*shape, low=-1.0, dtype=dtype)


def grads_of(function, tensors, above):
    """Return the gradients of all tensors, given those of what `function` returns."""
    leaves = [tensor.clone().requires_grad_() for tensor in tensors]
    return torch.autograd.grad(function(*leaves), leaves, above)


def laid_out(draw, x, states, kind):
    """Lay inputs and states out in memory.

    Only the inputs are ever repeated by `expand`: states may be updated in place, which is a remark
    and no fault, and impossible where elements share their memory.
    """
    own = "transposed" if kind == "expanded" else kind
    return [draw.layout(x, kind), *(draw.layout(one, own) for one in states)]


def check_parts(expect, names, actual, right):
    """Compare tensor by tensor, each under its own name."""
    for name, one, truth in zip(names, actual, right, strict=True):
        expect(one, truth, name=name)


# --- tanh RNNs --------------------------------------------------------------------------------


def cell(x, h, W_x, W_h, b):
    return torch.rnn_tanh_cell(x, h, W_x, W_h, b, torch.zeros_like(b))


@pytest.mark.exercise("rnn_cell", parts={"h_next": 2, "stability": 1})
class TestRnnCell:
    """One step of a tanh RNN"""

    @pytest.mark.parametrize("sizes", SIZES, ids=str)
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """random inputs of size (N, D, H)"""
        n, D, H = sizes
        args = (draw.normal(n, D), state(draw, n, H), *weights(draw, D, H))
        expect(student.rnn_cell(*args), oracle(cell, *args), name="h_next")

    def test_from_zero(self, student, draw, expect, oracle):
        """a state that is 0"""
        args = (draw.normal(5, 3), torch.zeros_like(draw.normal(5, 4)), *weights(draw, 3, 4))
        expect(student.rnn_cell(*args), oracle(cell, *args), name="h_next")

    @pytest.mark.parametrize("kind", ["transposed", "strided", "expanded"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        x, h, (W_x, W_h, b) = draw.normal(5, 3), state(draw, 5, 4), weights(draw, 3, 4)
        params = (draw.layout(W_x, "transposed"), draw.layout(W_h, "strided"))
        args = (*laid_out(draw, x, [h], kind), *params, draw.layout(b, "offset"))
        expect(student.rnn_cell(*args), oracle(cell, *args), name="h_next")

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        x, h = draw.normal(5, 3, dtype=torch.float32), state(draw, 5, 4, dtype=torch.float32)
        args = (x, h, *weights(draw, 3, 4, dtype=torch.float32))
        expect(student.rnn_cell(*args), oracle(cell, *args), name="h_next")

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("size", [100, 1000, 1e5], ids="{:.0f}".format)
    def test_large(self, student, draw, expect, oracle, size):
        """pre-activations of the given size, of either sign"""
        x, h, (W_x, W_h, b) = draw.normal(6, 3), state(draw, 6, 4), weights(draw, 3, 4)
        args = (size * x, h, W_x, W_h, b)
        expect(student.rnn_cell(*args), oracle(cell, *args), name="stability")

    @pytest.mark.part("stability")
    def test_some_large(self, student, draw, expect, oracle):
        """units that are far above, far below and near 0 side by side"""
        x, h, (W_x, W_h, b) = draw.normal(5, 3), state(draw, 5, 4), weights(draw, 3, 4)
        args = (x, h, W_x, W_h, b + numbers(draw, [1000.0, -1000.0, 0.0, 750.0]))
        expect(student.rnn_cell(*args), oracle(cell, *args), name="stability")


def run(x, h_0, W_x, W_h, b):
    flat = [W_x, W_h, b, torch.zeros_like(b)]
    settings = (True, 1, 0.0, False, False, False)  # biases, layers, dropout, the rest is off
    return torch.rnn_tanh(x, h_0.unsqueeze(0), flat, *settings)[0]


@pytest.mark.exercise("rnn_forward", parts={"h": 1})
class TestRnnForward:
    """A tanh RNN through time"""

    @pytest.mark.parametrize("sizes", LENGTHS, ids=str)
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """random sequences of size (T, N, D, H)"""
        T, n, D, H = sizes
        args = (draw.normal(T, n, D), state(draw, n, H), *weights(draw, D, H))
        expect(student.rnn_forward(*args), oracle(run, *args))

    def test_from_zero(self, student, draw, expect, oracle):
        """an initial state that is 0"""
        args = (draw.normal(4, 2, 3), torch.zeros_like(draw.normal(2, 5)), *weights(draw, 3, 5))
        expect(student.rnn_forward(*args), oracle(run, *args))

    def test_silence(self, student, draw, expect, oracle):
        """one input, then zeros: what remains is memory"""
        x, (W_x, W_h, b) = draw.normal(5, 2, 3), weights(draw, 3, 4)
        x[1:] = 0.0
        args = (x, state(draw, 2, 4), W_x, W_h, 0 * b)
        expect(student.rnn_forward(*args), oracle(run, *args))

    @pytest.mark.parametrize("kind", ["transposed", "strided", "expanded"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        x, h_0, (W_x, W_h, b) = draw.normal(4, 2, 3), state(draw, 2, 4), weights(draw, 3, 4)
        params = (draw.layout(W_x, "transposed"), draw.layout(W_h, "strided"))
        args = (*laid_out(draw, x, [h_0], kind), *params, draw.layout(b, "offset"))
        expect(student.rnn_forward(*args), oracle(run, *args))

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
    def test_dtype(self, student, draw, expect, oracle, dtype):
        """dtype"""
        x, h_0 = draw.normal(4, 2, 3, dtype=dtype), state(draw, 2, 4, dtype=dtype)
        args = (x, h_0, *weights(draw, 3, 4, dtype=dtype))
        expect(student.rnn_forward(*args), oracle(run, *args))


def ends(h, lengths):
    return torch.stack([h[length - 1, n] for n, length in enumerate(lengths.tolist())])


@pytest.mark.exercise("last_hidden", parts={"last": 1})
class TestLastHidden:
    """The last state of each sequence"""

    def check(self, student, draw, expect, oracle, h, lengths):
        args = (h, torch.tensor(lengths, device=draw.device))
        expect(student.last_hidden(*args), oracle(ends, *args))

    @pytest.mark.parametrize("lengths", [(3, 1, 5, 2), (5, 5, 5, 5), (1, 1, 1, 1)], ids=str)
    def test_lengths(self, student, draw, expect, oracle, lengths):
        """four sequences of the given lengths, five steps"""
        self.check(student, draw, expect, oracle, draw.normal(5, 4, 3), lengths)

    def test_nobody_is_full(self, student, draw, expect, oracle):
        """all sequences are shorter than the batch"""
        self.check(student, draw, expect, oracle, draw.normal(7, 4, 2), (3, 5, 2, 3))

    def test_square(self, student, draw, expect, oracle):
        """as many steps as sequences as hidden units"""
        self.check(student, draw, expect, oracle, draw.normal(4, 4, 4), (2, 4, 1, 3))

    def test_one(self, student, draw, expect, oracle):
        """one sequence, one step, one hidden unit"""
        self.check(student, draw, expect, oracle, draw.normal(3, 1, 4), (2,))
        self.check(student, draw, expect, oracle, draw.normal(1, 3, 4), (1, 1, 1))
        self.check(student, draw, expect, oracle, draw.normal(4, 3, 1), (4, 1, 2))
        self.check(student, draw, expect, oracle, draw.normal(1, 1, 1), (1,))

    @pytest.mark.parametrize("kind", ["transposed", "strided"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        h, lengths = draw.layout(draw.normal(5, 3, 4), kind), draw.integers(3, low=1, high=6)
        args = (h, draw.layout(lengths, "strided"))
        expect(student.last_hidden(*args), oracle(ends, *args))

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        h = draw.normal(5, 3, 4, dtype=torch.float32)
        self.check(student, draw, expect, oracle, h, (4, 1, 3))


def run_two(x, h_0, first, second):
    flat = [one for W_x, W_h, b in (first, second) for one in (W_x, W_h, b, torch.zeros_like(b))]
    return torch.rnn_tanh(x, h_0, flat, True, 2, 0.0, False, False, False)


@pytest.mark.exercise("rnn_two_layers", parts={"h": 2, "h_last": 1})
class TestRnnTwoLayers:
    """A tanh RNN with two layers"""

    def check(self, student, expect, oracle, *args):
        h, h_last = student.rnn_two_layers(*args)
        check_parts(expect, ("h", "h_last"), (h, h_last), oracle(run_two, *args))

    @pytest.mark.parametrize("sizes", LENGTHS, ids=str)
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """random sequences of size (T, N, D, H)"""
        T, n, D, H = sizes
        layers = (weights(draw, D, H), weights(draw, H, H))
        self.check(student, expect, oracle, draw.normal(T, n, D), state(draw, 2, n, H), *layers)

    def test_from_zero(self, student, draw, expect, oracle):
        """initial states that are 0"""
        x, zeros = draw.normal(4, 3, 2), torch.zeros_like(draw.normal(2, 3, 4))
        self.check(student, expect, oracle, x, zeros, weights(draw, 2, 4), weights(draw, 4, 4))

    @pytest.mark.parametrize("kind", ["transposed", "strided", "expanded"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        x, h_0 = laid_out(draw, draw.normal(4, 2, 3), [state(draw, 2, 2, 4)], kind)
        first, second = (
            (draw.layout(W_x, "transposed"), draw.layout(W_h, "strided"), draw.layout(b, "offset"))
            for W_x, W_h, b in (weights(draw, 3, 4), weights(draw, 4, 4))
        )
        self.check(student, expect, oracle, x, h_0, first, second)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        x = draw.normal(4, 2, 3, dtype=torch.float32)
        h_0 = state(draw, 2, 2, 4, dtype=torch.float32)
        layers = [weights(draw, width, 4, dtype=torch.float32) for width in (3, 4)]
        self.check(student, expect, oracle, x, h_0, *layers)


# --- their gradients --------------------------------------------------------------------------

CELL = {"grad_x": 1, "grad_h": 2, "grad_W_x": 1, "grad_W_h": 1, "grad_b": 1}


def cell_grads(above, *tensors):
    return grads_of(cell, tensors, above)


@pytest.mark.exercise("rnn_cell_backward", parts=CELL)
class TestRnnCellBackward:
    """Backward pass of one step of a tanh RNN"""

    def check(self, student, expect, oracle, above, *kept, layout=lambda one: one):
        x, h, W_x, W_h, _ = kept
        h_next = oracle(cell, *kept)
        args = [layout(one) for one in (above, x, h, h_next, W_x, W_h)]
        grads = student.rnn_cell_backward(*args)
        check_parts(expect, CELL, grads, oracle(cell_grads, above, *kept))

    @pytest.mark.parametrize("sizes", SIZES, ids=str)
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """random inputs of size (N, D, H)"""
        n, D, H = sizes
        kept = (draw.normal(n, D), state(draw, n, H), *weights(draw, D, H))
        self.check(student, expect, oracle, draw.normal(n, H), *kept)

    def test_saturated(self, student, draw, expect, oracle):
        """units that are exactly 1 or -1, and two that are not"""
        x, h, (W_x, W_h, b) = draw.normal(5, 3), state(draw, 5, 4), weights(draw, 3, 4)
        b = b + numbers(draw, [50.0, -50.0, 0.0, 0.0])
        self.check(student, expect, oracle, draw.normal(5, 4), x, h, W_x, W_h, b)

    def test_from_zero(self, student, draw, expect, oracle):
        """a state that is 0"""
        zeros = torch.zeros_like(draw.normal(5, 4))
        kept = (draw.normal(5, 3), zeros, *weights(draw, 3, 4))
        self.check(student, expect, oracle, draw.normal(5, 4), *kept)

    @pytest.mark.parametrize("kind", ["transposed", "strided", "offset"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        kept = (draw.normal(5, 3), state(draw, 5, 4), *weights(draw, 3, 4))
        self.check(
            student, expect, oracle, draw.normal(5, 4), *kept,
            layout=lambda one: draw.layout(one, kind),
        )  # fmt: skip

    def test_repeated(self, student, draw, expect, oracle):
        """the same input for all, repeated by expand"""
        x, h = laid_out(draw, draw.normal(4, 2), [state(draw, 4, 3)], "expanded")
        self.check(student, expect, oracle, draw.normal(4, 3), x, h, *weights(draw, 2, 3))

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        f32 = torch.float32
        kept = (draw.normal(5, 3, dtype=f32), state(draw, 5, 4, dtype=f32))
        above = draw.normal(5, 4, dtype=f32)
        self.check(student, expect, oracle, above, *kept, *weights(draw, 3, 4, dtype=f32))


THROUGH_TIME = {"grad_x": 1, "grad_h_0": 1, "grad_W_x": 1, "grad_W_h": 2, "grad_b": 1}


def run_grads(above, *tensors):
    return grads_of(run, tensors, above)


@pytest.mark.exercise("rnn_backward", parts=THROUGH_TIME)
class TestRnnBackward:
    """Backpropagation through time"""

    def check(self, student, expect, oracle, above, *kept, layout=lambda one: one):
        x, h_0, W_x, W_h, _ = kept
        h = oracle(run, *kept)
        grads = student.rnn_backward(*[layout(one) for one in (above, x, h, h_0, W_x, W_h)])
        check_parts(expect, THROUGH_TIME, grads, oracle(run_grads, above, *kept))

    @pytest.mark.parametrize("sizes", LENGTHS, ids=str)
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """random sequences of size (T, N, D, H), a loss on all steps"""
        T, n, D, H = sizes
        kept = (draw.normal(T, n, D), state(draw, n, H), *weights(draw, D, H))
        self.check(student, expect, oracle, draw.normal(T, n, H), *kept)

    @pytest.mark.parametrize("step", [1, 2, 5], ids="step={}".format)
    def test_one_step(self, student, draw, expect, oracle, step):
        """a loss on one step out of five"""
        above = draw.normal(5, 2, 4)
        above[: step - 1], above[step:] = 0.0, 0.0
        kept = (draw.normal(5, 2, 3), state(draw, 2, 4), *weights(draw, 3, 4))
        self.check(student, expect, oracle, above, *kept)

    def test_from_zero(self, student, draw, expect, oracle):
        """an initial state that is 0"""
        zeros = torch.zeros_like(draw.normal(2, 4))
        kept = (draw.normal(4, 2, 3), zeros, *weights(draw, 3, 4))
        self.check(student, expect, oracle, draw.normal(4, 2, 4), *kept)

    def test_saturated(self, student, draw, expect, oracle):
        """units that are exactly 1 or -1, and two that are not"""
        x, h_0, (W_x, W_h, b) = draw.normal(4, 3, 3), state(draw, 3, 4), weights(draw, 3, 4)
        b = b + numbers(draw, [50.0, -50.0, 0.0, 0.0])
        self.check(student, expect, oracle, draw.normal(4, 3, 4), x, h_0, W_x, W_h, b)

    @pytest.mark.parametrize("kind", ["transposed", "strided", "offset"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        kept = (draw.normal(4, 2, 3), state(draw, 2, 4), *weights(draw, 3, 4))
        self.check(
            student, expect, oracle, draw.normal(4, 2, 4), *kept,
            layout=lambda one: draw.layout(one, kind),
        )  # fmt: skip

    def test_repeated(self, student, draw, expect, oracle):
        """the same input in each step, repeated by expand"""
        x, h_0 = laid_out(draw, draw.normal(4, 2, 2), [state(draw, 2, 3)], "expanded")
        self.check(student, expect, oracle, draw.normal(4, 2, 3), x, h_0, *weights(draw, 2, 3))

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        f32 = torch.float32
        kept = (draw.normal(4, 2, 3, dtype=f32), state(draw, 2, 4, dtype=f32))
        above = draw.normal(4, 2, 4, dtype=f32)
        self.check(student, expect, oracle, above, *kept, *weights(draw, 3, 4, dtype=f32))


def followed(last, x, h_0, W_x, W_h, b):
    """Return the length of autograd's gradient at each state, and the bound of the handout."""
    h_0 = h_0.clone().requires_grad_()
    states = [h_0]
    for x_t in x:
        states.append(cell(x_t, states[-1], W_x, W_h, b))
    grads = torch.autograd.grad(states[-1], states, last)
    norms = torch.stack([grad.square().sum(1).sqrt() for grad in grads])
    largest = torch.linalg.svdvals(W_h)[0]
    factors = [largest * (1 - one.detach() ** 2).max(1).values for one in states[1:]]
    size = last.square().sum(1).sqrt()
    bounds = [size * math.prod(factors[k:]) for k in range(len(states))]
    return norms, torch.stack(bounds)


@pytest.mark.exercise("gradient_norm_through_time", parts={"norms": 1, "bounds": 1})
class TestGradientNormThroughTime:
    """How far back a gradient reaches"""

    def check(self, student, expect, oracle, last, x, h_0, params, layout=lambda one: one):
        h = oracle(run, x, h_0, *params)
        norms, bounds = student.gradient_norm_through_time(
            layout(last), layout(h), layout(params[1])
        )
        right = oracle(followed, last, x, h_0, *params)
        check_parts(expect, ("norms", "bounds"), (norms, bounds), right)

    @pytest.mark.parametrize("sizes", LENGTHS, ids=str)
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """states of size (T, N, H), a random weight"""
        T, n, D, H = sizes
        x, h_0, params = draw.normal(T, n, D, std=0.7), state(draw, n, H), weights(draw, D, H)
        self.check(student, expect, oracle, draw.normal(n, H), x, h_0, params)

    @pytest.mark.parametrize("kind", ["symmetric", "rotation", "triangular", "small"])
    def test_weights(self, student, draw, expect, oracle, kind):
        """a weight of the given kind"""
        W_x, W_h, b = weights(draw, 2, 4)
        angle = 0.3 * torch.arange(2, dtype=draw.dtype, device=draw.device) + 0.5
        W_h = {
            "symmetric": (W_h + W_h.T) / 2,
            "rotation": torch.block_diag(
                *[torch.stack([torch.stack([a.cos(), -a.sin()]), torch.stack([a.sin(), a.cos()])])
                  for a in angle]
            ),
            "triangular": 0.3 * torch.eye(4, dtype=draw.dtype) + 2 * W_h.triu(1),
            "small": 0.1 * W_h,
        }[kind]  # fmt: skip
        x, h_0 = draw.normal(5, 3, 2, std=0.5), state(draw, 3, 4)
        self.check(student, expect, oracle, draw.normal(3, 4), x, h_0, (W_x, W_h, b))

    def test_saturated(self, student, draw, expect, oracle):
        """units that are exactly 1 or -1, and one sequence that is saturated altogether"""
        x, h_0, (W_x, W_h, b) = draw.normal(4, 3, 2), state(draw, 3, 4), weights(draw, 2, 4)
        x[:, 1] = 10_000 * x[:, 1].sign()
        b = b + numbers(draw, [50.0, -50.0, 0.0, 0.0])
        self.check(student, expect, oracle, draw.normal(3, 4), x, h_0, (W_x, W_h, b))

    @pytest.mark.parametrize("kind", ["transposed", "strided", "offset"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        x, h_0, params = draw.normal(4, 3, 2), state(draw, 3, 4), weights(draw, 2, 4)
        self.check(
            student, expect, oracle, draw.normal(3, 4), x, h_0, params,
            layout=lambda one: draw.layout(one, kind),
        )  # fmt: skip

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        f32 = torch.float32
        x, h_0 = draw.normal(4, 3, 2, dtype=f32), state(draw, 3, 4, dtype=f32)
        last, params = draw.normal(3, 4, dtype=f32), weights(draw, 2, 4, dtype=f32)
        self.check(student, expect, oracle, last, x, h_0, params)


# --- gates ------------------------------------------------------------------------------------


def lstm(x, h, c, W_x, W_h, b):
    return torch.lstm_cell(x, (h, c), W_x, W_h, b, torch.zeros_like(b))


@pytest.mark.exercise("lstm_cell", parts={"h_next": 2, "c_next": 2, "stability": 1})
class TestLstmCell:
    """One step of an LSTM"""

    def check(self, student, expect, oracle, *args):
        h_next, c_next = student.lstm_cell(*args)
        check_parts(expect, ("h_next", "c_next"), (h_next, c_next), oracle(lstm, *args))

    def check_stability(self, student, expect, oracle, *args):
        h_next, c_next = student.lstm_cell(*args)
        right = oracle(lstm, *args)
        expect(h_next, right[0], name="stability")
        expect(c_next, right[1], name="stability")

    @pytest.mark.parametrize("sizes", SIZES, ids=str)
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """random inputs of size (N, D, H)"""
        n, D, H = sizes
        args = (draw.normal(n, D), state(draw, n, H), draw.normal(n, H))
        self.check(student, expect, oracle, *args, *weights(draw, D, H, blocks=4))

    def test_large_cells(self, student, draw, expect, oracle):
        """cells between -4 and 4"""
        args = (draw.normal(6, 3), state(draw, 6, 4), 4 * state(draw, 6, 4))
        self.check(student, expect, oracle, *args, *weights(draw, 3, 4, blocks=4))

    def test_from_zero(self, student, draw, expect, oracle):
        """a state and a cell that are 0"""
        zeros = torch.zeros_like(draw.normal(5, 4))
        args = (draw.normal(5, 3), zeros, zeros, *weights(draw, 3, 4, blocks=4))
        self.check(student, expect, oracle, *args)

    def test_one_block(self, student, draw, expect, oracle):
        """one gate after the other is driven, the rest are half open"""
        for block in range(4):
            W_x, W_h, b = (0 * one for one in weights(draw, 2, 3, blocks=4))
            W_x[3 * block : 3 * block + 3] = 1.0
            b[8:] += 0.5  # g would be 0
            args = (draw.normal(4, 2), state(draw, 4, 3), draw.normal(4, 3), W_x, W_h, b)
            self.check(student, expect, oracle, *args)

    @pytest.mark.parametrize("kind", ["transposed", "strided", "expanded"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        args = laid_out(draw, draw.normal(5, 3), [state(draw, 5, 4), draw.normal(5, 4)], kind)
        W_x, W_h, b = weights(draw, 3, 4, blocks=4)
        params = (draw.layout(W_x, "transposed"), draw.layout(W_h, "strided"))
        self.check(student, expect, oracle, *args, *params, draw.layout(b, "offset"))

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        f32 = torch.float32
        args = (draw.normal(5, 3, dtype=f32), state(draw, 5, 4, dtype=f32))
        args += (draw.normal(5, 4, dtype=f32), *weights(draw, 3, 4, blocks=4, dtype=f32))
        self.check(student, expect, oracle, *args)

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("size", [100, 1000, 1e5], ids="{:.0f}".format)
    def test_large(self, student, draw, expect, oracle, size):
        """pre-activations of the given size, of either sign"""
        args = (size * draw.normal(6, 3), state(draw, 6, 4), 2 * draw.normal(6, 4))
        self.check_stability(student, expect, oracle, *args, *weights(draw, 3, 4, blocks=4))

    @pytest.mark.part("stability")
    def test_keeps(self, student, draw, expect):
        """a cell that forgets nothing and takes nothing in: it stays as it is"""
        x, h, c = draw.normal(5, 3), state(draw, 5, 4), draw.normal(5, 4, std=2.0)
        W_x, W_h, b = weights(draw, 3, 4, blocks=4)
        b[:4], b[4:8], b[12:] = -1000.0, 1000.0, 1000.0
        h_next, c_next = student.lstm_cell(x, h, c, W_x, W_h, b)
        expect(c_next, c, name="stability")
        expect(h_next, torch.tanh(c), name="stability")


def lstm_run(x, h_0, c_0, W_x, W_h, b):
    """Return torch's states, and the cells step by step: torch shows only the last one."""
    flat = [W_x, W_h, b, torch.zeros_like(b)]
    initial = [h_0.unsqueeze(0), c_0.unsqueeze(0)]
    settings = (True, 1, 0.0, False, False, False)
    cells = [torch.lstm(x[: t + 1], initial, flat, *settings)[2].squeeze(0) for t in range(len(x))]
    return torch.lstm(x, initial, flat, *settings)[0], torch.stack(cells)


@pytest.mark.exercise("lstm_forward", parts={"h": 1, "c": 1})
class TestLstmForward:
    """An LSTM through time"""

    def check(self, student, expect, oracle, *args):
        h, c = student.lstm_forward(*args)
        check_parts(expect, ("h", "c"), (h, c), oracle(lstm_run, *args))

    @pytest.mark.parametrize("sizes", [*LENGTHS, (2, 3, 4, 5)], ids=str)
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """random sequences of size (T, N, D, H)"""
        T, n, D, H = sizes
        args = (draw.normal(T, n, D), state(draw, n, H), draw.normal(n, H))
        self.check(student, expect, oracle, *args, *weights(draw, D, H, blocks=4))

    def test_from_zero(self, student, draw, expect, oracle):
        """a state and a cell that are 0 at first"""
        zeros = torch.zeros_like(draw.normal(2, 4))
        args = (draw.normal(4, 2, 3), zeros, zeros, *weights(draw, 3, 4, blocks=4))
        self.check(student, expect, oracle, *args)

    def test_growing(self, student, draw, expect, oracle):
        """cells that keep and write: they grow with each step"""
        W_x, W_h, b = weights(draw, 2, 3, blocks=4)
        b[:6], b[6:9] = 6.0, 3.0
        args = (draw.normal(8, 2, 2, std=0.5), state(draw, 2, 3), draw.normal(2, 3))
        self.check(student, expect, oracle, *args, W_x, W_h, b)

    @pytest.mark.parametrize("kind", ["transposed", "strided", "expanded"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        args = laid_out(draw, draw.normal(4, 2, 3), [state(draw, 2, 4), draw.normal(2, 4)], kind)
        W_x, W_h, b = weights(draw, 3, 4, blocks=4)
        params = (draw.layout(W_x, "transposed"), draw.layout(W_h, "strided"))
        self.check(student, expect, oracle, *args, *params, draw.layout(b, "offset"))

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
    def test_dtype(self, student, draw, expect, oracle, dtype):
        """dtype"""
        args = (draw.normal(4, 2, 3, dtype=dtype), state(draw, 2, 4, dtype=dtype))
        args += (draw.normal(2, 4, dtype=dtype), *weights(draw, 3, 4, blocks=4, dtype=dtype))
        self.check(student, expect, oracle, *args)


LSTM_CELL = {"grad_x": 1, "grad_h": 1, "grad_c": 2, "grad_W_x": 1, "grad_W_h": 1, "grad_b": 2}


def gates_of(x, h, W_x, W_h, b):
    i, f, g, o = (x @ W_x.T + h @ W_h.T + b).chunk(4, dim=1)
    return torch.cat([i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()], dim=1)


def lstm_grads(above_h, above_c, *tensors):
    return grads_of(lstm, tensors, (above_h, above_c))


@pytest.mark.exercise("lstm_cell_backward", parts=LSTM_CELL)
class TestLstmCellBackward:
    """Backward pass of one step of an LSTM"""

    def check(self, student, expect, oracle, above, kept, params, layout=lambda one: one):
        x, h, c = kept
        gates = oracle(gates_of, x, h, *params)
        args = [layout(one) for one in (*above, x, h, c, gates, *params[:2])]
        grads = student.lstm_cell_backward(*args)
        check_parts(expect, LSTM_CELL, grads, oracle(lstm_grads, *above, *kept, *params))

    @pytest.mark.parametrize("sizes", SIZES, ids=str)
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """random inputs of size (N, D, H)"""
        n, D, H = sizes
        above, params = (draw.normal(n, H), draw.normal(n, H)), weights(draw, D, H, blocks=4)
        kept = (draw.normal(n, D), state(draw, n, H), draw.normal(n, H))
        self.check(student, expect, oracle, above, kept, params)

    @pytest.mark.parametrize("path", ["state", "cell"])
    def test_one_path(self, student, draw, expect, oracle, path):
        """a gradient along one path only"""
        above, zeros = draw.normal(5, 4), torch.zeros_like(draw.normal(5, 4))
        kept = (draw.normal(5, 3), state(draw, 5, 4), draw.normal(5, 4))
        both = (above, zeros) if path == "state" else (zeros, above)
        self.check(student, expect, oracle, both, kept, weights(draw, 3, 4, blocks=4))

    def test_open_and_shut(self, student, draw, expect, oracle):
        """gates that are exactly 0 or 1, each kind among others"""
        W_x, W_h, b = weights(draw, 3, 4, blocks=4)
        b[0], b[1], b[4], b[6], b[9], b[12], b[15] = (
            800.0,
            -800.0,
            -800.0,
            800.0,
            50.0,
            50.0,
            -800.0,
        )
        kept = (draw.normal(5, 3), state(draw, 5, 4), draw.normal(5, 4))
        above = (draw.normal(5, 4), draw.normal(5, 4))
        self.check(student, expect, oracle, above, kept, (W_x, W_h, b))

    def test_large_cells(self, student, draw, expect, oracle):
        """cells between -4 and 4"""
        kept = (draw.normal(6, 3), state(draw, 6, 4), 4 * state(draw, 6, 4))
        above = (draw.normal(6, 4), draw.normal(6, 4))
        self.check(student, expect, oracle, above, kept, weights(draw, 3, 4, blocks=4))

    @pytest.mark.parametrize("kind", ["transposed", "strided", "offset"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        above = (draw.normal(5, 4), draw.normal(5, 4))
        kept = (draw.normal(5, 3), state(draw, 5, 4), draw.normal(5, 4))
        self.check(
            student, expect, oracle, above, kept, weights(draw, 3, 4, blocks=4),
            layout=lambda one: draw.layout(one, kind),
        )  # fmt: skip

    def test_repeated(self, student, draw, expect, oracle):
        """the same input for all, repeated by expand"""
        above = (draw.normal(5, 4), draw.normal(5, 4))
        states = [state(draw, 5, 4), draw.normal(5, 4)]
        kept = laid_out(draw, draw.normal(5, 3), states, "expanded")
        self.check(student, expect, oracle, above, kept, weights(draw, 3, 4, blocks=4))

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        f32 = torch.float32
        above = (draw.normal(5, 4, dtype=f32), draw.normal(5, 4, dtype=f32))
        kept = (draw.normal(5, 3, dtype=f32), state(draw, 5, 4, dtype=f32))
        kept += (draw.normal(5, 4, dtype=f32),)
        self.check(student, expect, oracle, above, kept, weights(draw, 3, 4, blocks=4, dtype=f32))


@pytest.mark.exercise("gru_cell", parts={"h_next": 2, "stability": 1})
class TestGruCell:
    """One step of a gated recurrent unit"""

    def check(self, student, expect, oracle, *args, name="h_next"):
        expect(student.gru_cell(*args), oracle(torch.gru_cell, *args), name=name)

    def params(self, draw, D, H, dtype=None):
        return *weights(draw, D, H, blocks=3, dtype=dtype), draw.normal(3 * H, dtype=dtype)

    @pytest.mark.parametrize("sizes", SIZES, ids=str)
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """random inputs of size (N, D, H)"""
        n, D, H = sizes
        args = (draw.normal(n, D), state(draw, n, H), *self.params(draw, D, H))
        self.check(student, expect, oracle, *args)

    def test_wide_states(self, student, draw, expect, oracle):
        """states between -3 and 3"""
        args = (draw.normal(6, 3), 3 * state(draw, 6, 4), *self.params(draw, 3, 4))
        self.check(student, expect, oracle, *args)

    def test_from_zero(self, student, draw, expect, oracle):
        """a state that is 0"""
        zeros = torch.zeros_like(draw.normal(5, 4))
        self.check(student, expect, oracle, draw.normal(5, 3), zeros, *self.params(draw, 3, 4))

    def test_no_biases(self, student, draw, expect, oracle):
        """biases that are 0"""
        W_x, W_h, b_x, b_h = self.params(draw, 3, 4)
        args = (draw.normal(5, 3), state(draw, 5, 4), W_x, W_h, 0 * b_x, 0 * b_h)
        self.check(student, expect, oracle, *args)

    @pytest.mark.parametrize("kind", ["transposed", "strided", "expanded"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        args = laid_out(draw, draw.normal(5, 3), [state(draw, 5, 4)], kind)
        W_x, W_h, b_x, b_h = self.params(draw, 3, 4)
        biases = (draw.layout(b_x, "strided"), draw.layout(b_h, "offset"))
        params = (draw.layout(W_x, "transposed"), draw.layout(W_h, "strided"))
        self.check(student, expect, oracle, *args, *params, *biases)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        f32 = torch.float32
        args = (draw.normal(5, 3, dtype=f32), state(draw, 5, 4, dtype=f32))
        self.check(student, expect, oracle, *args, *self.params(draw, 3, 4, dtype=f32))

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("size", [100, 1000, 1e5], ids="{:.0f}".format)
    def test_large(self, student, draw, expect, oracle, size):
        """pre-activations of the given size, of either sign"""
        args = (size * draw.normal(6, 3), state(draw, 6, 4), *self.params(draw, 3, 4))
        self.check(student, expect, oracle, *args, name="stability")


# --- decoding ---------------------------------------------------------------------------------


def recited(scores, h, start, stop, max_len):
    """Return what greedy decoding gives, by the definition."""
    tokens = []
    logits, h = scores(start, h)
    while len(tokens) < max_len and int(logits.argmax()) != stop:
        tokens.append(int(logits.argmax()))
        logits, h = scores(tokens[-1], h)
    return tokens


def network_tokens(weights, h, stop, max_len):
    embedding, W_x, W_h, b, W_y = weights

    def scores(token, h):
        h = torch.tanh(W_x @ embedding[token] + W_h @ h + b)
        return W_y @ h, h

    return recited(scores, h, 0, stop, max_len)


@pytest.mark.exercise("greedy_decode", parts={"tokens": 1})
class TestGreedyDecode:
    """From a state to a sentence"""

    def chain(self, draw, support, after):
        """Return a step that looks at the token only: `after[token]` comes next."""
        table = draw.uniform(len(after), len(after))
        for token, successor in enumerate(after):
            table[token, successor] += 1.0
        return support.make("table_step", table)

    def script(self, draw, support, tokens, V):
        return support.make("script_step", torch.tensor(tokens, device=draw.device), V)

    def test_token_only(self, student, draw, expect, support):
        """a step that looks at the token only"""
        step, h = self.chain(draw, support, [3, 4, 1, 2, 0]), numbers(draw, [0.0])
        expect(student.greedy_decode(step, h, 0, 4, 9), [3, 2, 1])
        expect(student.greedy_decode(step, h, 3, 0, 9), [2, 1, 4])

    def test_state_only(self, student, draw, expect, support):
        """a step that looks at the state only"""
        step, h = self.script(draw, support, [2, 5, 1, 4, 3], 7), numbers(draw, [0.0])
        expect(student.greedy_decode(step, h, 6, 3, 9), [2, 5, 1, 4])
        expect(student.greedy_decode(step, h + 2, 6, 3, 9), [1, 4])

    @pytest.mark.parametrize("max_len", [1, 2, 4, 5, 6], ids="max_len={}".format)
    def test_max_len(self, student, draw, expect, support, max_len):
        """five tokens to recite before the stop"""
        script = [3, 1, 4, 1, 5, 2]
        step, h = self.script(draw, support, script, 6), numbers(draw, [0.0])
        expect(student.greedy_decode(step, h, 0, 2, max_len), script[: min(max_len, 5)])

    def test_never_stops(self, student, draw, expect, support):
        """a step that never predicts the stop token"""
        step, h = self.chain(draw, support, [1, 2, 3, 1, 0]), numbers(draw, [0.0])
        expect(student.greedy_decode(step, h, 4, 4, 8), [0, 1, 2, 3, 1, 2, 3, 1])

    def test_stops_at_once(self, student, draw, expect, support):
        """the stop token comes first, and other tokens would come after it"""
        step, h = self.script(draw, support, [2, 1, 3], 4), numbers(draw, [0.0])
        expect(student.greedy_decode(step, h, 0, 2, 5), [])
        expect(student.greedy_decode(step, h, 0, 3, 5), [2, 1])

    def test_stops_several_times(self, student, draw, expect, support):
        """the stop token would come again"""
        step, h = self.script(draw, support, [1, 4, 2, 3, 2, 5], 6), numbers(draw, [0.0])
        expect(student.greedy_decode(step, h, 0, 2, 9), [1, 4])

    def test_start_again(self, student, draw, expect, support):
        """the start token is predicted again, and means nothing special then"""
        step, h = self.script(draw, support, [1, 3, 3, 2, 4], 5), numbers(draw, [0.0])
        expect(student.greedy_decode(step, h, 3, 4, 9), [1, 3, 3, 2])

    def test_start_is_stop(self, student, draw, expect, support):
        """one token starts and stops"""
        step, h = self.script(draw, support, [1, 3, 2, 0, 1], 4), numbers(draw, [0.0])
        expect(student.greedy_decode(step, h, 0, 0, 9), [1, 3, 2])

    @pytest.mark.parametrize("V", [5, 12], ids="V={}".format)
    def test_network(self, student, draw, expect, oracle, support, V):
        """a recurrent network with random weights, V tokens"""
        params = (draw.normal(V, 3), *weights(draw, 3, 4), draw.normal(V, 4))
        params, h = (*params[:2], 1.5 * params[2], *params[3:]), state(draw, 4)
        step = support.make("rnn_step", *params)
        whole = oracle(network_tokens, params, h, -1, 8)  # nobody predicts -1
        stop = oracle(lambda tokens: tokens[-1], whole)
        for end, max_len in ((V, 8), (stop, 8), (stop, 3)):
            right = oracle(network_tokens, params, h, end, max_len)
            expect(student.greedy_decode(step, h, 0, end, max_len), right)

    def test_float32(self, student, draw, expect, oracle, support):
        """float32"""
        f32 = torch.float32
        params = (draw.normal(6, 3, dtype=f32), *weights(draw, 3, 4, dtype=f32))
        params, h = (*params, draw.normal(6, 4, dtype=f32)), state(draw, 4, dtype=f32)
        step = support.make("rnn_step", *params)
        right = oracle(network_tokens, params, h, 6, 6)
        expect(student.greedy_decode(step, h, 0, 6, 6), right)
