"""Recurrent networks: the checks that students run too."""

import math

import pytest
import torch

LN2, LN3 = math.log(2), math.log(3)


def numbers(draw, values):
    return torch.tensor(values, dtype=draw.dtype, device=draw.device)


def weights(draw, D, H, blocks=1):
    """Return a random weight of the input, a weight of the state and a bias."""
    rows = blocks * H
    return draw.normal(rows, D, std=0.7), draw.normal(rows, H, std=0.7), draw.normal(rows, std=0.5)


@pytest.mark.exercise("rnn_cell", parts={"h_next": 2, "stability": 1})
class TestRnnCell:
    """One step of a tanh RNN"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        W_x = numbers(draw, [[0.0, LN2 / 2], [LN3 / 2, 0.0]])
        W_h = numbers(draw, [[2 * LN2, 7.0], [LN3, 7.0]])
        x, h, b = numbers(draw, [[1.0, 2.0]]), numbers(draw, [[0.5, 0.0]]), [-LN2, 0.0]
        h_next = student.rnn_cell(x, h, W_x, W_h, numbers(draw, b))
        expect(h_next, numbers(draw, [[0.6, 0.8]]), name="h_next")

    def test_random(self, student, draw, expect, oracle):
        """five random inputs"""
        args = (draw.normal(5, 3), draw.uniform(5, 4, low=-1.0), *weights(draw, 3, 4))
        expect(student.rnn_cell(*args), oracle.rnn_cell(*args), name="h_next")

    @pytest.mark.part("stability")
    def test_large_inputs(self, student, draw, expect, oracle):
        """inputs of a thousand"""
        args = (1000 * draw.normal(5, 3), draw.uniform(5, 4, low=-1.0), *weights(draw, 3, 4))
        expect(student.rnn_cell(*args), oracle.rnn_cell(*args), name="stability")


@pytest.mark.exercise("rnn_forward", parts={"h": 1})
class TestRnnForward:
    """A tanh RNN through time"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        W_x, W_h = numbers(draw, [[LN3 / 2]]), numbers(draw, [[2 * LN3]])
        x, zero = numbers(draw, [[[1.0]], [[0.0]]]), numbers(draw, [[0.0]])
        h = student.rnn_forward(x, zero, W_x, W_h, numbers(draw, [0.0]))
        expect(h, numbers(draw, [[[0.5]], [[0.8]]]))

    def test_random(self, student, draw, expect, oracle):
        """six random steps, two sequences"""
        args = (draw.normal(6, 2, 3), draw.uniform(2, 4, low=-1.0), *weights(draw, 3, 4))
        expect(student.rnn_forward(*args), oracle.rnn_forward(*args))


@pytest.mark.exercise("last_hidden", parts={"last": 1})
class TestLastHidden:
    """The last state of each sequence"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        h = numbers(draw, [[[1.0], [4.0]], [[2.0], [5.0]], [[3.0], [6.0]]])
        lengths = torch.tensor([3, 1], device=draw.device)
        expect(student.last_hidden(h, lengths), numbers(draw, [[3.0], [4.0]]))

    def test_random(self, student, draw, expect, oracle):
        """four sequences of different lengths"""
        h, lengths = draw.normal(5, 4, 3), torch.tensor([2, 5, 1, 4], device=draw.device)
        expect(student.last_hidden(h, lengths), oracle.last_hidden(h, lengths))


@pytest.mark.exercise("rnn_two_layers", parts={"h": 2, "h_last": 1})
class TestRnnTwoLayers:
    """A tanh RNN with two layers"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        first = (numbers(draw, [[LN3 / 2]]), numbers(draw, [[2 * LN3]]), numbers(draw, [0.0]))
        second = (numbers(draw, [[2 * LN2]]), numbers(draw, [[-LN2]]), numbers(draw, [0.0]))
        x, zeros = numbers(draw, [[[1.0]], [[0.0]]]), numbers(draw, [[[0.0]], [[0.0]]])
        h, h_last = student.rnn_two_layers(x, zeros, first, second)
        expect(h, numbers(draw, [[[0.6]], [[0.6]]]), name="h")
        expect(h_last, numbers(draw, [[[0.8]], [[0.6]]]), name="h_last")

    def test_random(self, student, draw, expect, oracle):
        """five random steps, two sequences"""
        x, h_0 = draw.normal(5, 2, 3), draw.uniform(2, 2, 4, low=-1.0)
        args = (x, h_0, weights(draw, 3, 4), weights(draw, 4, 4))
        h, h_last = student.rnn_two_layers(*args)
        right = oracle.rnn_two_layers(*args)
        expect(h, right[0], name="h")
        expect(h_last, right[1], name="h_last")


CELL = {"grad_x": 1, "grad_h": 2, "grad_W_x": 1, "grad_W_h": 1, "grad_b": 1}


@pytest.mark.exercise("rnn_cell_backward", parts=CELL)
class TestRnnCellBackward:
    """Backward pass of one step of a tanh RNN"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        W_x, W_h = numbers(draw, [[1.0, 0.0], [2.0, -1.0]]), numbers(draw, [[1.0, 2.0], [0.0, 3.0]])
        x, h = numbers(draw, [[1.0, 2.0]]), numbers(draw, [[0.5, -1.0]])
        h_next, above = numbers(draw, [[0.6, 0.8]]), numbers(draw, [[1.0, 2.0]])
        grad_x, grad_h, grad_W_x, grad_W_h, grad_b = student.rnn_cell_backward(
            above, x, h, h_next, W_x, W_h
        )
        expect(grad_x, numbers(draw, [[2.08, -0.72]]), name="grad_x")
        expect(grad_h, numbers(draw, [[0.64, 3.44]]), name="grad_h")
        expect(grad_W_x, numbers(draw, [[0.64, 1.28], [0.72, 1.44]]), name="grad_W_x")
        expect(grad_W_h, numbers(draw, [[0.32, -0.64], [0.36, -0.72]]), name="grad_W_h")
        expect(grad_b, numbers(draw, [0.64, 0.72]), name="grad_b")

    def test_random(self, student, draw, expect, oracle):
        """five random inputs"""
        x, h, (W_x, W_h, b) = draw.normal(5, 3), draw.normal(5, 4), weights(draw, 3, 4)
        args = (draw.normal(5, 4), x, h, oracle.rnn_cell(x, h, W_x, W_h, b), W_x, W_h)
        grads, right = student.rnn_cell_backward(*args), oracle.rnn_cell_backward(*args)
        for name, grad, one in zip(CELL, grads, right, strict=True):
            expect(grad, one, name=name)


THROUGH_TIME = {"grad_x": 1, "grad_h_0": 1, "grad_W_x": 1, "grad_W_h": 2, "grad_b": 1}


@pytest.mark.exercise("rnn_backward", parts=THROUGH_TIME)
class TestRnnBackward:
    """Backpropagation through time"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        above, x = numbers(draw, [[[0.0]], [[1.0]]]), numbers(draw, [[[1.0]], [[2.0]]])
        h, h_0 = numbers(draw, [[[0.5]], [[0.8]]]), numbers(draw, [[1.0]])
        W_x, W_h = numbers(draw, [[3.0]]), numbers(draw, [[2.0]])
        grads = student.rnn_backward(above, x, h, h_0, W_x, W_h)
        right = ([[[1.62]], [[1.08]]], [[1.08]], [[1.26]], [[0.72]], [0.9])
        for name, grad, one in zip(THROUGH_TIME, grads, right, strict=True):
            expect(grad, numbers(draw, one), name=name)

    @pytest.mark.parametrize("loss", ["all steps", "last step"])
    def test_random(self, student, draw, expect, oracle, loss):
        """five random steps, two sequences, a loss on the given steps"""
        x, h_0, (W_x, W_h, b) = draw.normal(5, 2, 3), draw.normal(2, 4), weights(draw, 3, 4)
        above = draw.normal(5, 2, 4)
        if loss == "last step":
            above[:-1] = 0.0
        args = (above, x, oracle.rnn_forward(x, h_0, W_x, W_h, b), h_0, W_x, W_h)
        grads, right = student.rnn_backward(*args), oracle.rnn_backward(*args)
        for name, grad, one in zip(THROUGH_TIME, grads, right, strict=True):
            expect(grad, one, name=name)


@pytest.mark.exercise("gradient_norm_through_time", parts={"norms": 1, "bounds": 1})
class TestGradientNormThroughTime:
    """How far back a gradient reaches"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        W_h, zeros = numbers(draw, [[0.0, 3.0], [0.0, 0.0]]), numbers(draw, [[[0.0, 0.0]]] * 2)
        last = numbers(draw, [[1.0, 0.0]])
        norms, bounds = student.gradient_norm_through_time(last, zeros, W_h)
        expect(norms, numbers(draw, [[0.0], [3.0], [1.0]]), name="norms")
        expect(bounds, numbers(draw, [[9.0], [3.0], [1.0]]), name="bounds")

    def test_random(self, student, draw, expect, oracle):
        """six random states of two sequences"""
        args = (draw.normal(2, 3), draw.uniform(6, 2, 3, low=-0.9, high=0.9), draw.normal(3, 3))
        norms, bounds = student.gradient_norm_through_time(*args)
        right = oracle.gradient_norm_through_time(*args)
        expect(norms, right[0], name="norms")
        expect(bounds, right[1], name="bounds")


def lstm_of_the_handout(draw):
    """Return the weights of exercise 8."""
    W_x = numbers(draw, [[0.0], [LN3], [LN3 / 2], [LN3]])
    return W_x, numbers(draw, [[0.0]] * 4), numbers(draw, [0.0] * 4)


@pytest.mark.exercise("lstm_cell", parts={"h_next": 2, "c_next": 2, "stability": 1})
class TestLstmCell:
    """One step of an LSTM"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        one, zero = numbers(draw, [[1.0]]), numbers(draw, [[0.0]])
        h_next, c_next = student.lstm_cell(one, zero, one, *lstm_of_the_handout(draw))
        expect(h_next, numbers(draw, [[0.75 * math.tanh(1)]]), name="h_next")
        expect(c_next, numbers(draw, [[1.0]]), name="c_next")

    def test_random(self, student, draw, expect, oracle):
        """five random inputs"""
        args = (draw.normal(5, 3), draw.uniform(5, 4, low=-1.0), 2 * draw.normal(5, 4))
        args += weights(draw, 3, 4, blocks=4)
        h_next, c_next = student.lstm_cell(*args)
        right = oracle.lstm_cell(*args)
        expect(h_next, right[0], name="h_next")
        expect(c_next, right[1], name="c_next")

    @pytest.mark.part("stability")
    def test_large_inputs(self, student, draw, expect, oracle):
        """inputs of a thousand"""
        args = (1000 * draw.normal(5, 3), draw.uniform(5, 4, low=-1.0), 2 * draw.normal(5, 4))
        args += weights(draw, 3, 4, blocks=4)
        h_next, c_next = student.lstm_cell(*args)
        right = oracle.lstm_cell(*args)
        expect(h_next, right[0], name="stability")
        expect(c_next, right[1], name="stability")


@pytest.mark.exercise("lstm_forward", parts={"h": 1, "c": 1})
class TestLstmForward:
    """An LSTM through time"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        x, one = numbers(draw, [[[1.0]], [[0.0]]]), numbers(draw, [[1.0]])
        h, c = student.lstm_forward(x, 0 * one, one, *lstm_of_the_handout(draw))
        right = [[[0.75 * math.tanh(1)]], [[0.5 * math.tanh(0.5)]]]
        expect(h, numbers(draw, right), name="h")
        expect(c, numbers(draw, [[[1.0]], [[0.5]]]), name="c")

    def test_random(self, student, draw, expect, oracle):
        """six random steps, two sequences"""
        args = (draw.normal(6, 2, 3), draw.uniform(2, 4, low=-1.0), draw.normal(2, 4))
        args += weights(draw, 3, 4, blocks=4)
        h, c = student.lstm_forward(*args)
        right = oracle.lstm_forward(*args)
        expect(h, right[0], name="h")
        expect(c, right[1], name="c")


LSTM_CELL = {"grad_x": 1, "grad_h": 1, "grad_c": 2, "grad_W_x": 1, "grad_W_h": 1, "grad_b": 2}


@pytest.mark.exercise("lstm_cell_backward", parts=LSTM_CELL)
class TestLstmCellBackward:
    """Backward pass of one step of an LSTM"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        one, gates = numbers(draw, [[1.0]]), numbers(draw, [[0.5, 0.5, 0.0, 0.8]])
        W_x, W_h = [[5.0], [0.0], [1.0], [0.0]], [[0.0], [0.0], [0.0], [1.0]]
        grads = student.lstm_cell_backward(
            one, one, 2 * one, -one, 2 * LN2 * one, gates, numbers(draw, W_x), numbers(draw, W_h)
        )
        grad_a = numbers(draw, [0.0, 0.756 * LN2, 0.756, 0.096])
        column = grad_a.unsqueeze(1)
        right = (0.756 * one, 0.096 * one, 0.756 * one, 2 * column, -column, grad_a)
        for name, grad, truth in zip(LSTM_CELL, grads, right, strict=True):
            expect(grad, truth, name=name)

    def test_random(self, student, draw, expect, oracle):
        """five random inputs"""
        kept = (draw.normal(5, 3), draw.normal(5, 4), 2 * draw.normal(5, 4))
        shut, between = draw.uniform(5, 8), draw.uniform(5, 4, low=-1.0)
        gates = torch.cat([shut, between, draw.uniform(5, 4)], dim=1)
        W_x, W_h, _ = weights(draw, 3, 4, blocks=4)
        args = (draw.normal(5, 4), draw.normal(5, 4), *kept, gates, W_x, W_h)
        grads, right = student.lstm_cell_backward(*args), oracle.lstm_cell_backward(*args)
        for name, grad, truth in zip(LSTM_CELL, grads, right, strict=True):
            expect(grad, truth, name=name)


@pytest.mark.exercise("gru_cell", parts={"h_next": 2, "stability": 1})
class TestGruCell:
    """One step of a gated recurrent unit"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        one, W_x = numbers(draw, [[1.0]]), numbers(draw, [[0.0], [LN3], [0.0]])
        W_h, b_h = numbers(draw, [[0.0], [0.0], [LN2]]), numbers(draw, [0.0, 0.0, LN2])
        expect(
            student.gru_cell(one, one, W_x, W_h, 0 * b_h, b_h),
            numbers(draw, [[0.9]]),
            name="h_next",
        )

    def test_random(self, student, draw, expect, oracle):
        """five random inputs"""
        W_x, W_h, b_x = weights(draw, 3, 4, blocks=3)
        args = (draw.normal(5, 3), draw.normal(5, 4), W_x, W_h, b_x, draw.normal(12, std=0.5))
        expect(student.gru_cell(*args), oracle.gru_cell(*args), name="h_next")

    @pytest.mark.part("stability")
    def test_large_inputs(self, student, draw, expect, oracle):
        """inputs of a thousand"""
        W_x, W_h, b_x = weights(draw, 3, 4, blocks=3)
        args = (1000 * draw.normal(5, 3), draw.normal(5, 4), W_x, W_h, b_x, draw.normal(12))
        expect(student.gru_cell(*args), oracle.gru_cell(*args), name="stability")


@pytest.mark.exercise("greedy_decode", parts={"tokens": 1})
class TestGreedyDecode:
    """From a state to a sentence"""

    def test_worked_number(self, student, draw, expect, support):
        """the worked number of the handout"""
        table = numbers(draw, [[0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0],
                               [0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]])  # fmt: skip
        step, h = support.make("table_step", table), numbers(draw, [0.0])
        expect(student.greedy_decode(step, h, 0, 3, 10), [2, 1])
        expect(student.greedy_decode(step, h, 0, 3, 1), [2])
        expect(student.greedy_decode(step, h, 0, 2, 10), [])

    def test_script(self, student, draw, expect, support):
        """a step that looks at the state only, and recites 3, 1, 4, 1, 5"""
        script = torch.tensor([3, 1, 4, 1, 5], device=draw.device)
        step, h = support.make("script_step", script, 6), numbers(draw, [0.0])
        expect(student.greedy_decode(step, h, 0, 5, 10), [3, 1, 4, 1])
        expect(student.greedy_decode(step, h, 0, 2, 7), [3, 1, 4, 1, 5, 3, 1])
