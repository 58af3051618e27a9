"""A second opinion on `recurrent`: finite differences, torch's own modules, algebra."""

import itertools
import math
from pathlib import Path

import pytest
import torch

from autograder.checks.bank import load

ROOT = Path(__file__).parents[2]
TOPIC = load(ROOT, "recurrent")
SOLUTION, SUPPORT = TOPIC.solution, TOPIC.support
LN2, LN3 = math.log(2), math.log(3)


@pytest.fixture(autouse=True)
def _double():
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def weights(D, H, blocks=1):
    return torch.randn(blocks * H, D), torch.randn(blocks * H, H), torch.randn(blocks * H)


def differences(function, tensors, step=1e-5):
    """Return the gradients of a scalar function by central differences, entry by entry."""
    grads = []
    for index, tensor in enumerate(tensors):
        grad = torch.zeros_like(tensor)
        for place in itertools.product(*map(range, tensor.shape)):
            ends = []
            for sign in (1, -1):
                moved = [one.clone() for one in tensors]
                moved[index][place] += sign * step
                ends.append(float(function(*moved)))
            grad[place] = (ends[0] - ends[1]) / (2 * step)
        grads.append(grad)
    return grads


def assert_close(actual, expected, atol=1e-8):
    for one, other in zip(actual, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-7, atol=atol)


# --- gradients, by finite differences ---------------------------------------------------------


@pytest.mark.parametrize(("N", "D", "H"), [(3, 2, 4), (1, 3, 3), (2, 1, 1)])
def test_rnn_cell_backward_is_what_differences_say(N, D, H):
    x, h, (W_x, W_h, b) = torch.randn(N, D), torch.randn(N, H), weights(D, H)
    above = torch.randn(N, H)
    h_next = SOLUTION["rnn_cell"](x, h, W_x, W_h, b)
    grads = SOLUTION["rnn_cell_backward"](above, x, h, h_next, W_x, W_h)
    right = differences(
        lambda *args: (SOLUTION["rnn_cell"](*args) * above).sum(), (x, h, W_x, W_h, b)
    )
    assert_close(grads, right)


@pytest.mark.parametrize("looks_at", [slice(None), slice(-1, None), slice(0, 1)])
@pytest.mark.parametrize(("T", "N", "D", "H"), [(4, 2, 3, 2), (1, 2, 2, 3), (3, 1, 1, 1)])
def test_rnn_backward_is_what_differences_say(T, N, D, H, looks_at):
    x, h_0, (W_x, W_h, b) = torch.randn(T, N, D), torch.randn(N, H), weights(D, H)
    above = torch.zeros(T, N, H)
    above[looks_at] = torch.randn(T, N, H)[looks_at]
    h = SOLUTION["rnn_forward"](x, h_0, W_x, W_h, b)
    grads = SOLUTION["rnn_backward"](above, x, h, h_0, W_x, W_h)
    right = differences(
        lambda *args: (SOLUTION["rnn_forward"](*args) * above).sum(), (x, h_0, W_x, W_h, b)
    )
    assert_close(grads, right)


@pytest.mark.parametrize(("N", "D", "H"), [(3, 2, 3), (1, 3, 2), (2, 1, 1)])
def test_lstm_cell_backward_is_what_differences_say(N, D, H):
    x, h, c, params = torch.randn(N, D), torch.randn(N, H), torch.randn(N, H), weights(D, H, 4)
    above_h, above_c = torch.randn(N, H), torch.randn(N, H)
    a = (x @ params[0].T + h @ params[1].T + params[2]).split(H, dim=1)
    gates = torch.cat([a[0].sigmoid(), a[1].sigmoid(), a[2].tanh(), a[3].sigmoid()], dim=1)

    def loss(*args):
        h_next, c_next = SOLUTION["lstm_cell"](*args)
        return (h_next * above_h).sum() + (c_next * above_c).sum()

    grads = SOLUTION["lstm_cell_backward"](above_h, above_c, x, h, c, gates, *params[:2])
    assert_close(grads, differences(loss, (x, h, c, *params)))


def test_one_step_of_backpropagation_through_time_is_the_backward_pass_of_the_cell():
    x, h_0, (W_x, W_h, b) = torch.randn(5, 3, 2), torch.randn(3, 4), weights(2, 4)
    above = torch.randn(5, 3, 4)
    h = SOLUTION["rnn_forward"](x, h_0, W_x, W_h, b)
    carried, sums, rows = torch.zeros(3, 4), [0.0, 0.0, 0.0], []
    for t in reversed(range(5)):
        before = h[t - 1] if t else h_0
        grad_x, carried, *grads = SOLUTION["rnn_cell_backward"](
            above[t] + carried, x[t], before, h[t], W_x, W_h
        )
        rows.insert(0, grad_x)
        sums = [one + other for one, other in zip(sums, grads, strict=True)]
    right = (torch.stack(rows), carried, *sums)
    assert_close(SOLUTION["rnn_backward"](above, x, h, h_0, W_x, W_h), right)


def test_the_lstm_backward_pass_chained_through_time_is_that_of_the_whole_lstm():
    x, h_0, c_0 = torch.randn(4, 2, 3), torch.randn(2, 2), torch.randn(2, 2)
    W_x, W_h, b = weights(3, 2, 4)
    h, c = SOLUTION["lstm_forward"](x, h_0, c_0, W_x, W_h, b)
    above = torch.randn(4, 2, 2)
    carried, cell, sums = torch.zeros(2, 2), torch.zeros(2, 2), [0.0, 0.0, 0.0]
    for t in reversed(range(4)):
        h_t, c_t = (h[t - 1], c[t - 1]) if t else (h_0, c_0)
        a = (x[t] @ W_x.T + h_t @ W_h.T + b).split(2, dim=1)
        gates = torch.cat([a[0].sigmoid(), a[1].sigmoid(), a[2].tanh(), a[3].sigmoid()], dim=1)
        _, carried, cell, *grads = SOLUTION["lstm_cell_backward"](
            above[t] + carried, cell, x[t], h_t, c_t, gates, W_x, W_h
        )
        sums = [one + other for one, other in zip(sums, grads, strict=True)]
    right = differences(
        lambda h_0, c_0, *params: (SOLUTION["lstm_forward"](x, h_0, c_0, *params)[0] * above).sum(),
        (h_0, c_0, W_x, W_h, b),
    )
    assert_close((carried, cell, *sums), right)


def test_backward_passes_are_linear_in_what_comes_from_above():
    x, h_0, (W_x, W_h, b) = torch.randn(4, 2, 3), torch.randn(2, 3), weights(3, 3)
    h = SOLUTION["rnn_forward"](x, h_0, W_x, W_h, b)
    one, other = torch.randn(4, 2, 3), torch.randn(4, 2, 3)
    sums, first, second = (
        SOLUTION["rnn_backward"](above, x, h, h_0, W_x, W_h)
        for above in (one + 2 * other, one, other)
    )
    assert_close(sums, [a + 2 * b for a, b in zip(first, second, strict=True)])


# --- forward passes, by torch's modules -------------------------------------------------------


def filled(module, *layers):
    """Copy weights into a module, the bias shared out between its two biases."""
    for k, (W_x, W_h, b) in enumerate(layers):
        suffix = f"_l{k}" if hasattr(module, "weight_ih_l0") else ""
        values = {"weight_ih": W_x, "weight_hh": W_h, "bias_ih": 0.3 * b, "bias_hh": 0.7 * b}
        for name, value in values.items():
            getattr(module, name + suffix).data.copy_(value)
    return module.requires_grad_(requires_grad=False)


def test_rnns_are_those_of_torch():
    x, h_0, layers = torch.randn(5, 2, 3), torch.randn(2, 2, 4), (weights(3, 4), weights(4, 4))
    states, last = filled(torch.nn.RNN(3, 4, num_layers=2), *layers)(x, h_0)
    assert_close(SOLUTION["rnn_two_layers"](x, h_0, *layers), (states, last))
    single, _ = filled(torch.nn.RNN(3, 4), layers[0])(x, h_0[:1])
    assert_close([SOLUTION["rnn_forward"](x, h_0[0], *layers[0])], [single])
    step = filled(torch.nn.RNNCell(3, 4), layers[0])(x[0], h_0[0])
    assert_close([SOLUTION["rnn_cell"](x[0], h_0[0], *layers[0])], [step])


def test_the_lstm_is_that_of_torch_and_not_that_of_the_notes():
    x, h_0, c_0, params = (
        torch.randn(5, 2, 3), torch.randn(2, 4), torch.randn(2, 4), weights(3, 4, 4)
    )  # fmt: skip
    states, (h_T, c_T) = filled(torch.nn.LSTM(3, 4), params)(x, (h_0[None], c_0[None]))
    h, c = SOLUTION["lstm_forward"](x, h_0, c_0, *params)
    assert_close((h, h[-1], c[-1]), (states, h_T[0], c_T[0]))
    in_order_of_the_notes = torch.cat([torch.arange(8), torch.arange(12, 16), torch.arange(8, 12)])
    other = [one[in_order_of_the_notes] for one in params]
    assert (SOLUTION["lstm_forward"](x, h_0, c_0, *other)[0] - states).abs().max() > 0.1


def test_the_gru_is_that_of_torch():
    W_x, W_h, b_x = weights(3, 4, 3)
    b_h, x, h = torch.randn(12), torch.randn(5, 3), torch.randn(5, 4)
    module = torch.nn.GRUCell(3, 4).requires_grad_(requires_grad=False)
    values = {"weight_ih": W_x, "weight_hh": W_h, "bias_ih": b_x, "bias_hh": b_h}
    module.load_state_dict(values)
    assert_close([SOLUTION["gru_cell"](x, h, W_x, W_h, b_x, b_h)], [module(x, h)])


def test_last_hidden_is_what_torch_says_of_a_packed_batch():
    x, lengths, params = torch.randn(6, 4, 3), torch.tensor([2, 6, 1, 4]), weights(3, 5)
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
    _, last = filled(torch.nn.RNN(3, 5), params)(packed)
    h = SOLUTION["rnn_forward"](x, torch.zeros(4, 5), *params)
    assert_close([SOLUTION["last_hidden"](h, lengths)], [last[0]])


# --- closed forms and bounds ------------------------------------------------------------------


def test_gates_that_are_open_or_shut():
    h, c, x = torch.randn(3, 2), 5 * torch.randn(3, 2), torch.randn(3, 2)
    W_x, W_h = torch.zeros(8, 2), torch.zeros(8, 2)
    for keep, write in itertools.product((0, 1), (0, 1)):
        b = 1e3 * torch.tensor([2 * write - 1] * 2 + [2 * keep - 1] * 2 + [1, 1, 1, 1.0])
        h_next, c_next = SOLUTION["lstm_cell"](x, h, c, W_x, W_h, b)
        assert torch.equal(c_next, keep * c + write)
        assert torch.equal(h_next, torch.tanh(c_next))
    W = torch.zeros(6, 2)
    for keep in (0, 1):
        b = 1e3 * torch.tensor([1, 1, 2 * keep - 1, 2 * keep - 1, 1, 1.0])
        h_next = SOLUTION["gru_cell"](x, h, W, W, b, 0 * b)
        assert torch.equal(h_next, h if keep else torch.ones_like(h))


def test_a_cell_grows_without_bound_and_the_state_does_not():
    b = 1e3 * torch.ones(4)
    x, zero = torch.zeros(20, 1, 1), torch.zeros(1, 1)
    h, c = SOLUTION["lstm_forward"](x, zero, zero, torch.zeros(4, 1), torch.zeros(4, 1), b)
    assert c.flatten().tolist() == list(range(1, 21))
    assert h.abs().max() <= 1


@pytest.mark.parametrize("scale", [0.2, 1.0, 3.0])
def test_bounds_bound_the_norms(scale):
    for _ in range(20):
        last, h, W_h = torch.randn(3, 4), torch.rand(7, 3, 4) * 2 - 1, scale * torch.randn(4, 4)
        norms, bounds = SOLUTION["gradient_norm_through_time"](last, h, W_h)
        assert (norms <= bounds * (1 + 1e-12)).all()


def test_norms_are_those_of_backpropagation_through_time():
    x, h_0, (W_x, W_h, b) = torch.randn(5, 2, 3), torch.randn(2, 4), weights(3, 4)
    h, last = SOLUTION["rnn_forward"](x, h_0, W_x, W_h, b), torch.randn(2, 4)
    norms, _ = SOLUTION["gradient_norm_through_time"](last, h, W_h)
    above = torch.cat([torch.zeros(4, 2, 4), last[None]])
    _, grad_h_0, *_ = SOLUTION["rnn_backward"](above, x, h, h_0, W_x, W_h)
    assert_close([norms[0], norms[-1]], [grad_h_0.norm(dim=1), last.norm(dim=1)])
    for k in range(1, 5):  # start later: the first state is then an initial one
        _, grad, *_ = SOLUTION["rnn_backward"](above[k:], x[k:], h[k:], h[k - 1], W_x, W_h)
        assert_close([norms[k]], [grad.norm(dim=1)])


def test_a_rotation_keeps_the_length_and_meets_the_bound():
    turn = torch.tensor([[0.6, -0.8], [0.8, 0.6]])
    last = torch.randn(3, 2)
    norms, bounds = SOLUTION["gradient_norm_through_time"](last, torch.zeros(9, 3, 2), turn)
    assert_close([norms, bounds], [last.norm(dim=1).expand(10, 3)] * 2)


def test_small_eigenvalues_do_not_keep_a_gradient_small():
    W_h = torch.tensor([[0.5, 10.0], [0.0, 0.5]])
    last = torch.tensor([[1.0, 0.0]])
    norms, bounds = SOLUTION["gradient_norm_through_time"](last, torch.zeros(1, 1, 2), W_h)
    assert torch.linalg.eigvals(W_h).abs().max() == 0.5
    assert norms[0, 0] > 10
    assert bounds[0, 0] >= norms[0, 0]


def test_greedy_decoding_follows_the_argmax_and_ends_where_it_should():
    decode, script = SOLUTION["greedy_decode"], torch.tensor([2, 0, 1, 3, 2])
    step, zero = SUPPORT["script_step"](script, 4), torch.zeros(1)
    for stop, max_len in itertools.product(range(5), range(1, 7)):
        said = [int(script[t % 5]) for t in range(max_len)]
        right = said[: said.index(stop)] if stop in said else said
        assert decode(step, zero, 0, stop, max_len) == right
    embedding, (W_x, W_h, b), W_y = torch.randn(6, 3), weights(3, 4), torch.randn(6, 4)
    h = torch.randn(4)
    tokens = decode(SUPPORT["rnn_step"](embedding, W_x, W_h, b, W_y), h, 5, -1, 8)
    x = embedding[[5, *tokens[:-1]]].unsqueeze(1)
    states, _ = filled(torch.nn.RNN(3, 4), (W_x, W_h, b))(x, h.view(1, 1, 4))
    assert (states[:, 0] @ W_y.T).argmax(1).tolist() == tokens


def test_worked_numbers_of_the_handout():
    one = torch.ones(1, 1)
    x, zero = torch.tensor([[[1.0]], [[0.0]]]), torch.zeros(1)
    first = (one * LN3 / 2, one * 2 * LN3, zero)
    h, last = SOLUTION["rnn_two_layers"](
        x, torch.zeros(2, 1, 1), first, (one * 2 * LN2, -one * LN2, zero)
    )
    assert_close(
        [h.flatten(), last.flatten()], [torch.tensor([0.6, 0.6]), torch.tensor([0.8, 0.6])]
    )
