"""Other right versions of the exercises on recurrent networks: every suite accepts them."""

import numpy as np
import torch

from autograder.checks.bank import alternative

F = torch.nn.functional

# --- rnn_cell ---------------------------------------------------------------------------------


@alternative("rnn_cell")
def with_one_matrix(x, h, W_x, W_h, b):
    W = torch.cat([W_h, W_x], dim=1)
    return (torch.cat([h, x], dim=1) @ W.T + b).tanh()


@alternative("rnn_cell")
def with_linear_layers(x, h, W_x, W_h, b):
    return torch.tanh(F.linear(x, W_x, b) + F.linear(h, W_h))


@alternative("rnn_cell")
def unit_by_unit(x, h, W_x, W_h, b):
    new = torch.empty_like(h)
    for n in range(h.shape[0]):
        for j in range(h.shape[1]):
            a = b[j]
            for d in range(x.shape[1]):
                a = a + W_x[j, d] * x[n, d]
            for k in range(h.shape[1]):
                a = a + W_h[j, k] * h[n, k]
            new[n, j] = torch.tanh(a)
    return new


@alternative("rnn_cell")
def with_a_sigmoid(x, h, W_x, W_h, b):
    a = torch.einsum("nd,hd->nh", x, W_x) + torch.einsum("nk,hk->nh", h, W_h) + b
    return 2 * torch.sigmoid(2 * a) - 1


@alternative("rnn_cell")
def with_a_stable_quotient(x, h, W_x, W_h, b):
    a = x @ W_x.T + h @ W_h.T + b
    return 1 - 2 / (torch.exp(2 * a) + 1)


@alternative("rnn_cell")
def with_shrinking_exponentials(x, h, W_x, W_h, b):
    a = b + x.matmul(W_x.t()) + h.matmul(W_h.t())
    e = torch.exp(-2 * a.abs())
    return a.sign() * (1 - e) / (1 + e)


@alternative("rnn_cell")
def in_columns(x, h, W_x, W_h, b):
    a = W_x @ x.T
    a += W_h @ h.T
    a += b[:, None]
    return a.tanh_().T


@alternative("rnn_cell")
def with_numpy(x, h, W_x, W_h, b):
    x, h, W_x, W_h, b = (one.cpu().numpy() for one in (x, h, W_x, W_h, b))
    return torch.from_numpy(np.tanh(np.dot(x, W_x.T) + np.dot(h, W_h.T) + b))


# --- rnn_forward ------------------------------------------------------------------------------


@alternative("rnn_forward")
def inputs_all_at_once(x, h_0, W_x, W_h, b):
    driven, h = x @ W_x.T + b, [h_0]
    for t in range(x.shape[0]):
        h.append(torch.tanh(driven[t] + h[-1] @ W_h.T))
    return torch.stack(h[1:])


@alternative("rnn_forward")
def into_a_buffer(x, h_0, W_x, W_h, b):
    T, N, _ = x.shape
    states = torch.zeros(T, N, h_0.shape[1], dtype=x.dtype, device=x.device)
    for t in range(T):
        before = h_0 if t == 0 else states[t - 1]
        states[t] = torch.tanh(F.linear(x[t], W_x, b) + F.linear(before, W_h))
    return states


@alternative("rnn_forward")
def by_recursion(x, h_0, W_x, W_h, b):
    def states_after(t):
        before = states_after(t - 1) if t > 0 else [h_0]
        a = torch.cat([x[t], before[-1]], 1) @ torch.cat([W_x, W_h], 1).T + b
        return [*before, torch.tanh(a)]

    return torch.stack(states_after(len(x) - 1)[1:])


@alternative("rnn_forward")
def sequence_by_sequence(x, h_0, W_x, W_h, b):
    columns = []
    for n in range(x.shape[1]):
        h, states = h_0[n], []
        for t in range(x.shape[0]):
            h = torch.tanh(torch.mv(W_x, x[t, n]) + torch.mv(W_h, h) + b)
            states.append(h)
        columns.append(torch.stack(states))
    return torch.stack(columns, dim=1)


@alternative("rnn_forward")
def with_one_more_row(x, h_0, W_x, W_h, b):
    h = x.new_empty(len(x) + 1, *h_0.shape)
    h[0] = h_0
    for t, x_t in enumerate(x.unbind(0), start=1):
        h[t] = torch.einsum("nd,hd->nh", x_t, W_x)
        h[t] += torch.einsum("nk,hk->nh", h[t - 1], W_h)
        h[t] += b
        h[t].tanh_()
    return h[1:]


# --- last_hidden ------------------------------------------------------------------------------


@alternative("last_hidden")
def with_a_loop(h, lengths):
    return torch.stack([h[int(lengths[n]) - 1, n] for n in range(h.shape[1])])


@alternative("last_hidden")
def with_gather(h, lengths):
    rows = (lengths - 1).view(1, -1, 1).expand(1, h.shape[1], h.shape[2])
    return torch.gather(h, 0, rows).squeeze(0)


@alternative("last_hidden")
def with_one_hot(h, lengths):
    one_hot = F.one_hot(lengths - 1, len(h)).to(h.dtype)  # (N, T)
    return torch.einsum("nt,tnh->nh", one_hot, h)


@alternative("last_hidden")
def with_where(h, lengths):
    last = h[0]
    for t in range(1, len(h)):
        last = torch.where((lengths > t).unsqueeze(1), h[t], last)
    return last


@alternative("last_hidden")
def from_the_flat_tensor(h, lengths):
    T, N, H = h.shape
    places = (lengths - 1) * N + torch.arange(N, device=h.device)
    return h.reshape(T * N, H).index_select(0, places)


# --- rnn_two_layers ---------------------------------------------------------------------------


@alternative("rnn_two_layers")
def step_by_step(x, h_0, first, second):
    (U, V, a), (P, Q, b) = first, second
    low, high, states = h_0[0], h_0[1], []
    for x_t in x:
        low = torch.tanh(x_t @ U.T + low @ V.T + a)
        high = torch.tanh(low @ P.T + high @ Q.T + b)
        states.append(high)
    return torch.stack(states), torch.stack([low, high])


@alternative("rnn_two_layers")
def layer_by_layer(x, h_0, first, second):
    last = []
    for h, (W_x, W_h, b) in zip(h_0.unbind(0), (first, second), strict=True):
        driven = F.linear(x, W_x, b)
        rows = []
        for t in range(driven.shape[0]):
            h = torch.tanh(driven[t] + F.linear(h, W_h))  # noqa: PLW2901
            rows.append(h)
        x = torch.stack(rows)
        last.append(h)
    return [x, torch.stack(last)]


@alternative("rnn_two_layers")
def into_buffers(x, h_0, first, second):
    T, N, _ = x.shape
    h = torch.empty(2, T + 1, N, h_0.shape[2], dtype=x.dtype, device=x.device)
    h[:, 0] = h_0
    for t in range(T):
        a = torch.einsum("nd,hd->nh", x[t], first[0]) + torch.einsum("nk,hk->nh", h[0, t], first[1])
        h[0, t + 1] = torch.tanh(a + first[2])
        a = torch.cat([h[0, t + 1], h[1, t]], dim=1) @ torch.cat([second[0], second[1]], dim=1).T
        h[1, t + 1] = torch.tanh(a + second[2])
    return h[1, 1:], h[:, -1]


@alternative("rnn_two_layers")
def in_one_wide_state(x, h_0, first, second):
    H, both = h_0.shape[2], torch.cat([h_0[0], h_0[1]], dim=1)
    rows = []
    for x_t in x:
        low = torch.tanh(x_t @ first[0].T + both[:, :H] @ first[1].T + first[2])
        high = torch.tanh(low @ second[0].T + both[:, H:] @ second[1].T + second[2])
        both = torch.cat([low, high], dim=1)
        rows.append(both)
    wide = torch.stack(rows)
    return wide[..., H:], torch.stack(wide[-1].split(H, dim=1))


# --- rnn_cell_backward ------------------------------------------------------------------------


@alternative("rnn_cell_backward")
def loop_over_examples(grad_h_next, x, h, h_next, W_x, W_h):
    grad_x, grad_h = torch.zeros_like(x), torch.zeros_like(h)
    grad_W_x, grad_W_h = torch.zeros_like(W_x), torch.zeros_like(W_h)
    grad_b = torch.zeros_like(W_h[:, 0])
    for n in range(x.shape[0]):
        delta = (1 - h_next[n] * h_next[n]) * grad_h_next[n]
        grad_x[n] = W_x.T @ delta
        grad_h[n] = W_h.T @ delta
        grad_W_x += torch.outer(delta, x[n])
        grad_W_h += torch.outer(delta, h[n])
        grad_b += delta
    return grad_x, grad_h, grad_W_x, grad_W_h, grad_b


@alternative("rnn_cell_backward")
def with_einsums(grad_h_next, x, h, h_next, W_x, W_h):
    slope = (1 + h_next) * (1 - h_next)
    return [
        torch.einsum("nh,nh,hd->nd", grad_h_next, slope, W_x),
        torch.einsum("nh,nh,hk->nk", grad_h_next, slope, W_h),
        torch.einsum("nh,nh,nd->hd", grad_h_next, slope, x),
        torch.einsum("nh,nh,nk->hk", grad_h_next, slope, h),
        torch.einsum("nh,nh->h", grad_h_next, slope),
    ]


@alternative("rnn_cell_backward")
def with_one_matrix_backwards(grad_h_next, x, h, h_next, W_x, W_h):
    D, H = x.shape[1], h.shape[1]
    delta = grad_h_next - grad_h_next * h_next.square()
    read = torch.cat([x, h, torch.ones_like(x[:, :1])], dim=1)
    down, grad_W = delta @ torch.cat([W_x, W_h], dim=1), delta.T @ read
    grad_W_x, grad_W_h, grad_b = grad_W.split([D, H, 1], dim=1)
    return down[:, :D], down[:, D:], grad_W_x, grad_W_h, grad_b[:, 0]


@alternative("rnn_cell_backward")
def in_place_in_columns(grad_h_next, x, h, h_next, W_x, W_h):
    grad_h_next *= 1 - h_next**2  # changes its input, which costs a remark
    columns = grad_h_next.t()
    grad_x, grad_h = (W_x.t() @ columns).t(), (W_h.t() @ columns).t()
    return grad_x, grad_h, (x.t() @ columns.t()).t(), columns @ h, columns.sum(1)


@alternative("rnn_cell_backward")
def sums_of_products(grad_h_next, x, h, h_next, W_x, W_h):
    delta = (grad_h_next * (1 - h_next**2)).unsqueeze(2)  # (N, H, 1)
    return (
        (delta * W_x).sum(1),
        (delta * W_h).sum(1),
        (delta * x.unsqueeze(1)).sum(0),
        (delta * h.unsqueeze(1)).sum(0),
        delta.sum(0)[:, 0],
    )


# --- rnn_backward -----------------------------------------------------------------------------


@alternative("rnn_backward")
def summed_on_the_way(grad_h, x, h, h_0, W_x, W_h):
    grad_x = torch.zeros_like(x)
    grad_W_x, grad_W_h = torch.zeros_like(W_x), torch.zeros_like(W_h)
    grad_b, carried = torch.zeros_like(W_h[0]), torch.zeros_like(h_0)
    for t in range(x.shape[0] - 1, -1, -1):
        delta = (carried + grad_h[t]) * (1 - h[t] * h[t])
        grad_x[t] = delta @ W_x
        grad_W_x += delta.T @ x[t]
        grad_W_h += delta.T @ (h[t - 1] if t > 0 else h_0)
        grad_b += delta.sum(0)
        carried = delta @ W_h
    return grad_x, carried, grad_W_x, grad_W_h, grad_b


@alternative("rnn_backward")
def in_place_on_the_gradients(grad_h, x, h, h_0, W_x, W_h):
    for t in range(len(h) - 1, -1, -1):
        grad_h[t] *= 1 - h[t] ** 2  # changes its input, which costs a remark
        if t > 0:
            grad_h[t - 1] += grad_h[t] @ W_h
    before = torch.cat([h_0[None], h[:-1]])
    grad_W_x = sum(delta.T @ x_t for delta, x_t in zip(grad_h, x, strict=True))
    grad_W_h = sum(delta.T @ h_t for delta, h_t in zip(grad_h, before, strict=True))
    grad_x = torch.matmul(grad_h, W_x)
    return [grad_x, grad_h[0] @ W_h, grad_W_x, grad_W_h, grad_h.flatten(0, 1).sum(0)]


@alternative("rnn_backward")
def by_recursion_through_time(grad_h, x, h, h_0, W_x, W_h):
    def from_step(t, state):
        """Run the backward pass while the recursion returns, last step first."""
        if t == len(x):
            return [], torch.zeros_like(h_0), 0, 0, 0
        grads_x, arriving, grad_W_x, grad_W_h, grad_b = from_step(t + 1, h[t])
        delta = (grad_h[t] + arriving) * (1 - h[t] ** 2)
        return (
            [delta @ W_x, *grads_x],
            delta @ W_h,
            grad_W_x + delta.T @ x[t],
            grad_W_h + delta.T @ state,
            grad_b + delta.sum(0),
        )

    grads_x, *others = from_step(0, h_0)
    return torch.stack(grads_x), *others


@alternative("rnn_backward")
def path_by_path(grad_h, x, h, h_0, W_x, W_h):
    """Follow the loss of each step by itself back to the beginning, and add up."""
    slope, delta, grad_h_0 = 1 - h**2, torch.zeros_like(h), torch.zeros_like(h_0)
    for last in range(len(h)):
        grad = grad_h[last]
        for t in range(last, -1, -1):
            grad = grad * slope[t]
            delta[t] += grad
            grad = torch.einsum("nh,hk->nk", grad, W_h)
        grad_h_0 += grad
    grad_W_x = (delta.unsqueeze(3) * x.unsqueeze(2)).sum((0, 1))
    grad_W_h = torch.outer(delta[0, 0], h_0[0]) * 0
    for t in range(len(h)):
        grad_W_h = grad_W_h + delta[t].T @ (h_0 if t == 0 else h[t - 1])
    return delta @ W_x, grad_h_0, grad_W_x, grad_W_h, delta.sum(1).sum(0)


@alternative("rnn_backward")
def with_a_block_matrix(grad_h, x, h, h_0, W_x, W_h):
    """Solve for all deltas at once: a triangular system for each sequence."""
    T, N, H = h.shape
    slope, deltas = 1 - h**2, []
    for n in range(N):
        system = torch.eye(T * H, dtype=h.dtype, device=h.device)
        for t in range(T - 1):
            block = slope[t, n].unsqueeze(1) * W_h.T
            system[t * H : (t + 1) * H, (t + 1) * H : (t + 2) * H] = -block
        right = (grad_h[:, n] * slope[:, n]).reshape(T * H, 1)
        solved = torch.linalg.solve_triangular(system, right, upper=True)
        deltas.append(solved.reshape(T, H))
    delta = torch.stack(deltas, dim=1)
    flat, before = delta.reshape(T * N, H), torch.cat([h_0[None], h])[:-1]
    grad_W_x, grad_W_h = flat.T @ x.reshape(T * N, -1), flat.T @ before.reshape(T * N, H)
    return delta @ W_x, delta[0] @ W_h, grad_W_x, grad_W_h, flat.sum(0)


# --- gradient_norm_through_time ---------------------------------------------------------------


@alternative("gradient_norm_through_time")
def with_singular_values(grad_last, h, W_h):
    largest = torch.linalg.svdvals(W_h).max()
    T, N, _ = h.shape
    norms, bounds = h.new_zeros(T + 1, N), h.new_zeros(T + 1, N)
    grad = grad_last
    norms[T] = bounds[T] = grad.pow(2).sum(1).sqrt()
    for t in range(T - 1, -1, -1):
        grad = torch.einsum("nh,nh,hk->nk", grad, 1 - h[t].pow(2), W_h)
        norms[t] = grad.pow(2).sum(1).sqrt()
        bounds[t] = bounds[t + 1] * largest * (1 - h[t].abs().amin(1) ** 2)
    return norms, bounds


@alternative("gradient_norm_through_time")
def with_jacobians(grad_last, h, W_h):
    T, N, H = h.shape
    largest = torch.linalg.eigvalsh(W_h @ W_h.T)[-1].sqrt()
    jacobian = torch.eye(H, dtype=h.dtype, device=h.device).expand(N, H, H)
    rows = [torch.linalg.norm(grad_last, dim=1)]
    for t in range(T - 1, -1, -1):
        step = (1 - h[t] ** 2).unsqueeze(2) * W_h  # (N, H, H)
        jacobian = jacobian @ step
        rows.insert(0, torch.linalg.norm((grad_last.unsqueeze(1) @ jacobian).squeeze(1), dim=1))
    factors = (largest * (1 - h**2).max(dim=2).values).flip(0).cumprod(0).flip(0)
    bounds = torch.cat([factors, torch.ones_like(factors[:1])]) * rows[-1]
    return [torch.stack(rows), bounds]


@alternative("gradient_norm_through_time")
def sequence_after_sequence(grad_last, h, W_h):
    largest = torch.linalg.svd(W_h).S[0]
    norms, bounds = [], []
    for n in range(h.shape[1]):
        grad, bound = grad_last[n], grad_last[n].norm()
        length, most = [bound], [bound]
        for state in h[:, n].flip(0):
            slope = 1 - state * state
            grad = W_h.T @ (slope * grad)
            length.append(grad.norm())
            most.append(most[-1] * slope.max() * largest)
        norms.append(torch.stack(length).flip(0))
        bounds.append(torch.stack(most).flip(0))
    return torch.stack(norms, dim=1), torch.stack(bounds, dim=1)


# --- lstm_cell --------------------------------------------------------------------------------


@alternative("lstm_cell")
def with_slices(x, h, c, W_x, W_h, b):
    H = h.shape[1]
    a = F.linear(x, W_x, b) + F.linear(h, W_h)
    i, f = torch.sigmoid(a[:, :H]), torch.sigmoid(a[:, H : 2 * H])
    g, o = torch.tanh(a[:, 2 * H : 3 * H]), torch.sigmoid(a[:, 3 * H :])
    c = f * c + i * g
    return o * c.tanh(), c


@alternative("lstm_cell")
def block_by_block(x, h, c, W_x, W_h, b):
    blocks = zip(W_x.chunk(4), W_h.chunk(4), b.chunk(4), strict=True)
    a_i, a_f, a_g, a_o = (
        torch.einsum("nd,hd->nh", x, U) + torch.einsum("nk,hk->nh", h, V) + bias
        for U, V, bias in blocks
    )
    c_next = torch.addcmul(a_f.sigmoid() * c, a_i.sigmoid(), a_g.tanh())
    return [a_o.sigmoid() * c_next.tanh(), c_next]


@alternative("lstm_cell")
def with_one_matrix_for_the_gates(x, h, c, W_x, W_h, b):
    a = torch.cat([x, h], dim=1) @ torch.cat([W_x, W_h], dim=1).T + b
    a = a.view(len(x), 4, -1)
    half = 0.5 * (torch.tanh(0.5 * a) + 1)
    c_next = half[:, 1] * c + half[:, 0] * torch.tanh(a[:, 2])
    return half[:, 3] * torch.tanh(c_next), c_next


@alternative("lstm_cell")
def with_reciprocals(x, h, c, W_x, W_h, b):
    def sigmoid(a):
        return 1 / (1 + torch.exp(-a))

    a_i, a_f, a_g, a_o = (W_x @ x.T + W_h @ h.T + b[:, None]).T.split(h.shape[1], dim=1)
    c_next = sigmoid(a_f) * c + sigmoid(a_i) * (2 * sigmoid(2 * a_g) - 1)
    return sigmoid(a_o) * (2 * sigmoid(2 * c_next) - 1), c_next


@alternative("lstm_cell")
def in_place_on_the_cell(x, h, c, W_x, W_h, b):
    a = x @ W_x.T + h @ W_h.T + b
    c = c.clone()
    for n in range(len(x)):
        i, f, g, o = a[n].view(4, -1)
        c[n].mul_(f.sigmoid_()).add_(i.sigmoid_() * g.tanh_())
        o.sigmoid_()
    return a[:, 3 * c.shape[1] :] * torch.tanh(c), c


@alternative("lstm_cell")
def on_the_old_cell_itself(x, h, c, W_x, W_h, b):
    i, f, g, o = (x @ W_x.T + h @ W_h.T + b).chunk(4, dim=1)
    c *= torch.sigmoid(f)  # changes its input, which costs a remark
    c += torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


@alternative("lstm_cell")
def cell_with_numpy(x, h, c, W_x, W_h, b):
    x, h, c, W_x, W_h, b = (one.cpu().numpy() for one in (x, h, c, W_x, W_h, b))
    i, f, g, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o = (np.tanh(a / 2) / 2 + 1 / 2 for a in (i, f, o))
    c = f * c + i * np.tanh(g)
    return torch.from_numpy(o * np.tanh(c)), torch.from_numpy(c)


# --- lstm_forward -----------------------------------------------------------------------------


@alternative("lstm_forward")
def driven_at_once(x, h_0, c_0, W_x, W_h, b):
    driven, h, c = x @ W_x.T + b, [h_0], [c_0]
    for t in range(len(x)):
        i, f, g, o = (driven[t] + h[-1] @ W_h.T).chunk(4, dim=-1)
        c.append(f.sigmoid() * c[-1] + i.sigmoid() * g.tanh())
        h.append(o.sigmoid() * c[-1].tanh())
    return torch.stack(h[1:]), torch.stack(c[1:])


@alternative("lstm_forward")
def lstm_into_buffers(x, h_0, c_0, W_x, W_h, b):
    T, N, _ = x.shape
    H = h_0.shape[1]
    h = torch.zeros(T, N, H, dtype=x.dtype, device=x.device)
    c = torch.zeros_like(h)
    h_before, c_before = h_0, c_0
    for t in range(T):
        a = F.linear(x[t], W_x, b) + F.linear(h_before, W_h)
        gates = torch.sigmoid(a)
        c[t] = gates[:, H : 2 * H] * c_before + gates[:, :H] * torch.tanh(a[:, 2 * H : 3 * H])
        h[t] = gates[:, 3 * H :] * torch.tanh(c[t])
        h_before, c_before = h[t], c[t]
    return h, c


@alternative("lstm_forward")
def lstm_by_recursion(x, h_0, c_0, W_x, W_h, b):
    def run(t, h, c):
        if t == len(x):
            return [], []
        a = torch.cat([x[t], h], dim=1) @ torch.cat([W_x, W_h], dim=1).T + b
        i, f, g, o = a.unflatten(1, (4, -1)).unbind(1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        later_h, later_c = run(t + 1, h, c)
        return [h, *later_h], [c, *later_c]

    return [torch.stack(rows) for rows in run(0, h_0, c_0)]


@alternative("lstm_forward")
def lstm_sequence_by_sequence(x, h_0, c_0, W_x, W_h, b):
    pairs = []
    for n in range(x.shape[1]):
        h, c = h_0[n], c_0[n]
        for t in range(x.shape[0]):
            i, f, g, o = (W_x @ x[t, n] + W_h @ h + b).reshape(4, -1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            pairs.append(torch.stack([h, c]))
    both = torch.stack(pairs).reshape(x.shape[1], x.shape[0], 2, -1).permute(2, 1, 0, 3)
    return both[0], both[1]


# --- lstm_cell_backward -----------------------------------------------------------------------


@alternative("lstm_cell_backward")
def in_place_on_the_gradient(grad_h_next, grad_c_next, x, h, c, gates, W_x, W_h):
    i, f, g, o = gates.chunk(4, dim=1)
    shown = torch.tanh(f * c + i * g)
    grad_c_next += grad_h_next * o * (1 - shown**2)  # changes its input, which costs a remark
    a = torch.empty_like(gates, memory_format=torch.contiguous_format)
    H = h.shape[1]
    a[:, :H] = grad_c_next * g * i * (1 - i)
    a[:, H : 2 * H] = grad_c_next * c * f * (1 - f)
    a[:, 2 * H : 3 * H] = grad_c_next * i * (1 - g) * (1 + g)
    a[:, 3 * H :] = grad_h_next * shown * o * (1 - o)
    return a @ W_x, a @ W_h, grad_c_next * f, a.T @ x, a.T @ h, a.sum(0)


@alternative("lstm_cell_backward")
def gate_by_gate(grad_h_next, grad_c_next, x, h, c, gates, W_x, W_h):
    H = h.shape[1]
    i, f, g, o = (gates[:, k * H : (k + 1) * H] for k in range(4))
    tanh_c = torch.tanh(f * c + i * g)
    dc = torch.addcmul(grad_c_next, grad_h_next * o, 1 - tanh_c * tanh_c)
    slopes = (i - i * i, f - f * f, 1 - g * g, o - o * o)
    upstream = (dc * g, dc * c, dc * i, grad_h_next * tanh_c)
    grad_x, grad_h, rows = torch.zeros_like(x), torch.zeros_like(h), []
    for U, V, slope, up in zip(W_x.split(H), W_h.split(H), slopes, upstream, strict=True):
        delta = slope * up
        grad_x += delta @ U
        grad_h += delta @ V
        rows.append((delta.T @ x, delta.T @ h, delta.sum(0)))
    grad_W_x, grad_W_h, grad_b = (torch.cat(column) for column in zip(*rows, strict=True))
    return grad_x, grad_h, dc * f, grad_W_x, grad_W_h, grad_b


@alternative("lstm_cell_backward")
def example_by_example(grad_h_next, grad_c_next, x, h, c, gates, W_x, W_h):
    rows = []
    for n in range(len(x)):
        i, f, g, o = gates[n].reshape(4, -1)
        shown = torch.tanh(f * c[n] + i * g)
        dc = grad_c_next[n] + grad_h_next[n] * (o - o * shown**2)
        do = grad_h_next[n] * shown
        delta = torch.cat([dc * g * (i - i**2), dc * c[n] * (f - f**2), dc * i * (1 - g**2),
                           do * (o - o**2)])  # fmt: skip
        outer_x, outer_h = torch.outer(delta, x[n]), torch.outer(delta, h[n])
        rows.append((W_x.T @ delta, W_h.T @ delta, dc * f, outer_x, outer_h, delta))
    stacked = [torch.stack(column) for column in zip(*rows, strict=True)]
    return [*stacked[:3], *(one.sum(0) for one in stacked[3:])]


# --- gru_cell ---------------------------------------------------------------------------------


@alternative("gru_cell")
def step_towards_the_proposal(x, h, W_x, W_h, b_x, b_h):
    H = h.shape[1]
    p, q = F.linear(x, W_x, b_x), F.linear(h, W_h, b_h)
    gates = torch.sigmoid(p[:, : 2 * H] + q[:, : 2 * H])
    n = torch.tanh(p[:, 2 * H :] + gates[:, :H] * q[:, 2 * H :])
    return n + gates[:, H:] * (h - n)


@alternative("gru_cell")
def gru_block_by_block(x, h, W_x, W_h, b_x, b_h):
    (U_r, U_z, U_n), (V_r, V_z, V_n) = W_x.chunk(3), W_h.chunk(3)
    (a_r, a_z, a_n), (b_r, b_z, b_n) = b_x.chunk(3), b_h.chunk(3)
    r = 1 / (1 + torch.exp(-(x @ U_r.T + a_r + h @ V_r.T + b_r)))
    write = 1 / (1 + torch.exp(x @ U_z.T + a_z + h @ V_z.T + b_z))
    n = torch.tanh(x @ U_n.T + a_n + r * (h @ V_n.T + b_n))
    return write * n + (1 - write) * h


@alternative("gru_cell")
def gru_example_by_example(x, h, W_x, W_h, b_x, b_h):
    rows = []
    for x_n, h_n in zip(x, h, strict=True):
        p = (torch.mv(W_x, x_n) + b_x).reshape(3, -1)
        q = (torch.mv(W_h, h_n) + b_h).reshape(3, -1)
        r, z = torch.sigmoid(p[:2] + q[:2])
        rows.append(torch.lerp(torch.tanh(p[2] + r * q[2]), h_n, z))
    return torch.stack(rows)


# --- greedy_decode ----------------------------------------------------------------------------


@alternative("greedy_decode")
def with_a_for_loop(step, h, start, stop, max_len):
    tokens, token = [], torch.tensor(start)
    for _ in range(max_len):
        logits, h = step(token, h)
        token = torch.argmax(logits)
        if token.item() == stop:
            return tokens
        tokens.append(token.item())
    return tokens


@alternative("greedy_decode")
def decode_by_recursion(step, h, start, stop, max_len):
    def go_on(token, h, left):
        if left == 0:
            return []
        logits, h = step(token, h)
        best = max(range(len(logits)), key=lambda one: float(logits[one]))
        return [] if best == stop else [best, *go_on(best, h, left - 1)]

    return go_on(start, h, max_len)


@alternative("greedy_decode")
def cut_afterwards(step, h, start, stop, max_len):
    tokens = [start]
    for _ in range(max_len):
        logits, h = step(tokens[-1], h)
        tokens.append(torch.softmax(logits, dim=-1).max(dim=-1).indices)
    said = [int(token) for token in tokens[1:]]
    return said[: said.index(stop)] if stop in said else said


@alternative("greedy_decode")
def with_a_generator(step, h, start, stop, max_len):
    def speak(token, h):
        while True:
            logits, h = step(token, h)
            token = logits.topk(1).indices[0]
            if token == stop:
                return
            yield token.item()

    return [token for _, token in zip(range(max_len), speak(start, h), strict=False)]
