"""Other right versions of the exercises on the autodiff engine: every suite accepts them."""

import math
from collections import deque

import numpy as np
import torch

from autograder.checks.bank import alternative

# --- central_difference -----------------------------------------------------------------------


@alternative("central_difference")
def in_place_on_a_copy(f, x, h=1e-5):
    if x.dtype not in (torch.float64, torch.float32):
        raise TypeError("central_difference needs real numbers")
    moved = x.clone(memory_format=torch.contiguous_format)
    grad = torch.zeros_like(moved)
    for i in range(x.numel()):
        kept = moved.view(-1)[i].item()
        moved.view(-1)[i] = kept + h
        above = f(moved)
        moved.view(-1)[i] = kept - h
        grad.view(-1)[i] = (above - f(moved)) / (2 * h)
        moved.view(-1)[i] = kept
    return grad


@alternative("central_difference")
def over_indices(f, x, h=1e-5):
    if not torch.is_floating_point(x):
        raise TypeError("whole numbers")
    grad = np.zeros(tuple(x.shape))
    for index in np.ndindex(*x.shape):
        above, below = x.clone(), x.clone()
        above[index] += h
        below[index] -= h
        grad[index] = (float(f(above)) - float(f(below))) / (2 * h)
    return torch.as_tensor(grad).reshape(x.shape)


@alternative("central_difference")
def mean_of_two_slopes(f, x, h=1e-5):
    if "int" in str(x.dtype):
        raise TypeError(f"cannot move {x.dtype} by {h}")
    values = torch.tensor(
        [
            [float(f((x.flatten() + sign * step).view(x.shape))) for sign in (h, 0.0, -h)]
            for step in torch.eye(x.numel(), dtype=x.dtype)
        ],
        dtype=x.dtype,
    )
    right, left = (values[:, 0] - values[:, 1]) / h, (values[:, 1] - values[:, 2]) / h
    return ((right + left) / 2).view(x.shape)


# --- forward_pass_example ---------------------------------------------------------------------


@alternative("forward_pass_example")
def distributed(x, y, z):
    return sum((x, y)), z * y + z * x


@alternative("forward_pass_example")
def with_tensors(x, y, z):
    q = torch.tensor([x, y], dtype=torch.float64).sum()
    return q, q.mul(z)


@alternative("forward_pass_example")
def as_a_list(x, y, z):
    q = y - (-x)
    return [q, math.prod((q, z))]


# --- backward_pass_example --------------------------------------------------------------------


@alternative("backward_pass_example")
def node_by_node(x, y, z, grad_f):
    q = x + y
    local = {"q": {"x": 1.0, "y": 1.0}, "f": {"q": z, "z": q}}
    grad = {"f": grad_f}
    for node in ("f", "q"):
        for parent, slope in local[node].items():
            grad[parent] = grad.get(parent, 0.0) + slope * grad[node]
    return grad["x"], grad["y"], grad["z"]


@alternative("backward_pass_example")
def as_an_array(x, y, z, grad_f):
    jacobian = np.array([0, 0, x + y]) + np.array([1, 1, 0]) * z
    return tuple(jacobian * grad_f)


@alternative("backward_pass_example")
def by_differences(x, y, z, grad_f):
    def f(x, y, z):
        return (x + y) * z

    # Exact but for rounding: f is linear in each of its inputs.
    here = f(x, y, z)
    moved = (f(x + 1, y, z), f(x, y + 1, z), f(x, y, z + 1))
    return [grad_f * (value - here) for value in moved]


# --- sigmoid_block ----------------------------------------------------------------------------


@alternative("sigmoid_block")
def with_exponentials(x, w, grad_f):
    s = torch.dot(w[:-1], x) + w[-1]
    f = 1 / (1 + torch.exp(-s))
    grad_w = torch.empty_like(w)
    grad_w[:-1] = grad_f * f * (1 - f) * x
    grad_w[-1] = grad_f * f * (1 - f)
    return f, grad_f * f * (1 - f) * w[:-1], grad_w


@alternative("sigmoid_block")
def with_tanh(x, w, grad_f):
    inputs = torch.cat([x, x.new_ones(1)])
    t = torch.tanh((inputs * w).sum() / 2)
    slope = (1 - t * t) / 4
    return (1 + t) / 2, (grad_f * slope * w)[: len(x)], grad_f * slope * inputs


@alternative("sigmoid_block")
def with_two_sigmoids(x, w, grad_f):
    s = torch.einsum("i,i->", w[: len(x)], x) + w[len(x)]
    grad_s = torch.sigmoid(s) * torch.sigmoid(-s) * grad_f
    return [torch.sigmoid(s), grad_s * w[: len(x)], torch.stack([*(grad_s * x), grad_s])]


@alternative("sigmoid_block")
def case_by_case(x, w, grad_f):
    s = sum((a * b for a, b in zip(w[:-1], x, strict=True)), w[-1])
    e = torch.exp(-abs(s))
    f = 1 / (1 + e) if s > 0 else e / (1 + e)
    grad_s = grad_f * e / (1 + e) ** 2
    return f, w[:-1] * grad_s, torch.cat([x * grad_s, grad_s.reshape(1)])


# --- topological_sort -------------------------------------------------------------------------


@alternative("topological_sort")
def peeled_from_the_root(root, parents):
    waiting = {root: 0}
    queue = deque([root])
    while queue:
        for parent in parents(queue.popleft()):
            if parent not in waiting:
                waiting[parent] = 0
                queue.append(parent)
            waiting[parent] += 1
    order, free = [], [root]
    while free:
        node = free.pop()
        order.append(node)
        for parent in parents(node):
            waiting[parent] -= 1
            if waiting[parent] == 0:
                free.append(parent)
    order.reverse()
    return order


@alternative("topological_sort")
def peeled_from_the_inputs(root, parents):
    children, missing = {root: []}, {}
    stack = [root]
    while stack:
        node = stack.pop()
        missing[node] = set(parents(node))
        for parent in missing[node]:
            if parent not in children:
                children[parent] = []
                stack.append(parent)
            children[parent].append(node)
    order = [node for node, needs in missing.items() if not needs]
    for node in order:  # grows
        for child in children[node]:
            missing[child].discard(node)
            if not missing[child]:
                order.append(child)
    return tuple(order)


@alternative("topological_sort")
def with_iterators(root, parents):
    done = {}
    path = [(root, iter(parents(root)))]
    while path:
        node, rest = path[-1]
        for parent in rest:
            if parent not in done:
                path.append((parent, iter(parents(parent))))
                break
        else:
            done[node] = True
            path.pop()
    return list(done)


@alternative("topological_sort")
def with_colours(root, parents):
    white, grey, black = 0, 1, 2
    colour, order, stack = {}, [], [root]
    while stack:
        node = stack[-1]
        if colour.get(node, white) == white:
            colour[node] = grey
            stack += [p for p in reversed(list(parents(node))) if colour.get(p, white) == white]
        else:
            stack.pop()
            if colour[node] == grey:
                order.append(node)
            colour[node] = black
    return order


# --- Value.__add__ ----------------------------------------------------------------------------


@alternative("Value.__add__")
def sum_numbers_are_no_parents(self, other):
    if isinstance(other, int | float):
        return type(self)(self.data + other, (self,), (1.0,))
    return type(self)(self.data + other.data, [self, other], [1, 1])


@alternative("Value.__add__")
def sum_counts_twice_at_once(self, other):
    if self is other:
        return type(self)(2 * self.data, (self,), (2.0,))
    other = other if hasattr(other, "data") else type(self)(float(other))
    return type(self)(other.data + self.data, (other, self), (1.0, 1.0))


@alternative("Value.__add__")
def sum_of_copies(self, other):
    make = type(self)
    if not isinstance(other, make):
        other = make(other)
    left, right = make(self.data, (self,), (1.0,)), make(other.data, (other,), (1.0,))
    return make(math.fsum((left.data, right.data)), (left, right), (1.0, 1.0))


# --- Value.__mul__ ----------------------------------------------------------------------------


@alternative("Value.__mul__")
def product_numbers_are_no_parents(self, other):
    if isinstance(other, int | float):
        return type(self)(self.data * other, (self,), (other,))
    return type(self)(self.data * other.data, [self, other], [other.data, self.data])


@alternative("Value.__mul__")
def product_squares_apart(self, other):
    if self is other:
        return type(self)(self.data**2, (self,), (2 * self.data,))
    other = other if hasattr(other, "data") else type(self)(other)
    return type(self)(other.data * self.data, (other, self), (self.data, other.data))


@alternative("Value.__mul__")
def product_of_sum_and_difference(self, other):
    make = type(self)
    if not isinstance(other, make):
        other = make(other)
    total = make(self.data + other.data, (self, other), (1, 1))
    gap = make(self.data - other.data, (self, other), (1, -1))
    data = (total.data + gap.data) * (total.data - gap.data) / 4
    return make(data, (total, gap), (total.data / 2, -gap.data / 2))


# --- Value.__pow__ ----------------------------------------------------------------------------


@alternative("Value.__pow__")
def power_case_by_case(self, exponent):
    if exponent == 0:
        return type(self)(1.0)
    slope = exponent * math.pow(self.data, exponent - 1)
    return type(self)(math.pow(self.data, exponent), (self,), (slope,))


@alternative("Value.__pow__")
def power_divides(self, exponent):
    data = self.data**exponent
    at_zero = 1.0 if exponent == 1 else 0.0
    slope = exponent * data / self.data if self.data else at_zero
    return type(self)(data, (self,), (slope,))


@alternative("Value.__pow__")
def power_with_arrays(self, exponent):
    base = np.float64(self.data)
    slope = exponent * np.power(base, exponent - 1.0) if exponent != 0 else np.float64(0)
    return type(self)(np.power(base, float(exponent)), [self], [slope])


# --- Value.tanh -------------------------------------------------------------------------------


@alternative("Value.tanh")
def tanh_of_small_exponentials(self):
    e = math.exp(-2 * abs(self.data))
    data = math.copysign((1 - e) / (1 + e), self.data)
    return type(self)(data, (self,), (4 * e / (1 + e) ** 2,))


@alternative("Value.tanh")
def tanh_of_torch(self):
    t = torch.tanh(torch.tensor(self.data, dtype=torch.float64))
    return type(self)(t.item(), (self,), ((1 + t.item()) * (1 - t.item()),))


@alternative("Value.tanh")
def tanh_of_a_sigmoid(self):
    make = type(self)
    x = 2 * self.data
    f = 1 / (1 + math.exp(-x)) if x > 0 else 1 - 1 / (1 + math.exp(x))
    sigmoid = make(f, (self,), (2 * f * (1 - f),))
    return make(2 * f - 1, (sigmoid,), (2.0,))


# --- Value.relu -------------------------------------------------------------------------------


@alternative("Value.relu")
def relu_case_by_case(self):
    if self.data > 0:
        return type(self)(self.data, (self,), (1,))
    return type(self)(0, (self,), (0,))


@alternative("Value.relu")
def relu_as_a_gate(self):
    gate = self.data > 0
    return type(self)(gate * self.data, [self], [float(gate)])


@alternative("Value.relu")
def relu_cut_off(self):
    if self.data <= 0:
        return type(self)(0.0)
    return type(self)((self.data + abs(self.data)) / 2, (self,), (np.heaviside(self.data, 0.0),))


# --- Value.backward ---------------------------------------------------------------------------


@alternative("Value.backward")
def backward_counts_children(self):
    waiting, stack = {self: 0}, [self]
    while stack:
        node = stack.pop()
        node.grad = 0.0
        for parent in node.parents:
            if parent not in waiting:
                waiting[parent] = 0
                stack.append(parent)
            waiting[parent] += 1
    self.grad = 1.0
    ready = [self]
    while ready:
        node = ready.pop()
        for parent, local_grad in zip(node.parents, node.local_grads, strict=True):
            parent.grad = parent.grad + node.grad * local_grad
            waiting[parent] -= 1
            if not waiting[parent]:
                ready.append(parent)


@alternative("Value.backward")
def backward_into_a_table(self):
    done, path, grads = {}, [(self, iter(self.parents))], {}
    while path:
        node, rest = path[-1]
        new = next((parent for parent in rest if id(parent) not in done), None)
        if new is None:
            done[id(node)] = node
            path.pop()
        else:
            path.append((new, iter(new.parents)))
    grads[id(self)] = 1.0
    for node in reversed(done.values()):
        for index, parent in enumerate(node.parents):
            step = node.local_grads[index] * grads[id(node)]
            grads[id(parent)] = grads.get(id(parent), 0.0) + step
    for number, node in done.items():
        node.grad = grads[number]


@alternative("Value.backward")
def backward_collects_from_children(self):
    order, seen, stack = [], set(), [(self, False)]
    while stack:
        node, is_done = stack.pop()
        if is_done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack += [(node, True), *((parent, False) for parent in node.parents)]
    children = {node: [] for node in order}
    for node in order:
        for parent, local_grad in zip(node.parents, node.local_grads, strict=True):
            children[parent].append((node, local_grad))
    for node in order[::-1]:
        heard = [local_grad * child.grad for child, local_grad in children[node]]
        node.grad = 1.0 if node is self else math.fsum(heard)


# --- linear_vjp -------------------------------------------------------------------------------


@alternative("linear_vjp")
def vjp_with_einsums(x, W, b, grad_y):
    del b
    return (
        torch.einsum("no,oi->ni", grad_y, W),
        torch.einsum("no,ni->oi", grad_y, x),
        torch.einsum("no->o", grad_y),
    )


@alternative("linear_vjp")
def vjp_example_by_example(x, W, b, grad_y):
    grad_x, grad_W, grad_b = torch.zeros_like(x), torch.zeros_like(W), torch.zeros_like(b)
    grad_x = grad_x.contiguous().clone()
    for n in range(x.shape[0]):
        grad_x[n] = W.T @ grad_y[n]
        grad_W = grad_W + torch.outer(grad_y[n], x[n])
        grad_b = grad_b + grad_y[n]
    return grad_x, grad_W, grad_b


@alternative("linear_vjp")
def vjp_with_a_column_of_ones(x, W, b, grad_y):
    del b
    inputs = torch.cat([x, torch.ones_like(x[:, :1])], dim=1)
    table = torch.matmul(grad_y.t(), inputs)
    return [torch.matmul(W.t(), grad_y.t()).t(), table[:, :-1], table[:, -1]]


@alternative("linear_vjp")
def vjp_entry_by_entry(x, W, b, grad_y):
    del b
    (n_out, n_in), N = W.shape, len(x)
    grad_x, grad_W, grad_b = x.new_zeros(N, n_in), x.new_zeros(n_out, n_in), x.new_zeros(n_out)
    for n in range(N):
        for o in range(n_out):
            grad_b[o] += grad_y[n, o]
            for i in range(n_in):
                grad_x[n, i] += grad_y[n, o] * W[o, i]
                grad_W[o, i] += grad_y[n, o] * x[n, i]
    return grad_x, grad_W, grad_b


# --- linear_jvp -------------------------------------------------------------------------------


@alternative("linear_jvp")
def jvp_with_library_functions(x, W, b, tangent_x, tangent_W, tangent_b):
    del b
    linear = torch.nn.functional.linear
    return linear(tangent_x, W) + linear(x, tangent_W, tangent_b)


@alternative("linear_jvp")
def jvp_with_one_product(x, W, b, tangent_x, tangent_W, tangent_b):
    del b
    inputs = torch.cat([tangent_x, x, torch.ones_like(x[:, :1])], dim=1)
    return inputs @ torch.cat([W, tangent_W, tangent_b.unsqueeze(1)], dim=1).T


@alternative("linear_jvp")
def jvp_row_by_row(x, W, b, tangent_x, tangent_W, tangent_b):
    del b
    rows = [
        W @ moving + tangent_W @ here + tangent_b for here, moving in zip(x, tangent_x, strict=True)
    ]
    return torch.stack(rows)


# --- chain_vjp --------------------------------------------------------------------------------


@alternative("chain_vjp")
def vjp_by_recursion(layers, x, u):
    def above(rest, point):
        if not rest:
            return u
        return rest[0].jacobian(point).T @ above(rest[1:], rest[0](point))

    return above(layers, x)


@alternative("chain_vjp")
def vjp_keeps_the_jacobians(layers, x, u):
    kept = []
    for layer in layers:
        kept.append(layer.jacobian(x))
        x = layer(x)
    while kept:
        u = u @ kept.pop()
    return u


# --- chain_jvp --------------------------------------------------------------------------------


@alternative("chain_jvp")
def jvp_by_recursion(layers, x, v):
    def below(rest, point, moving):
        if len(rest) == 0:
            return moving
        return below(rest[1:], rest[0](point), rest[0].jacobian(point) @ moving)

    return below(layers, x, v)


@alternative("chain_jvp")
def jvp_from_the_other_side(layers, x, v):
    points = [x]
    for layer in layers[:-1]:
        points.append(layer(points[-1]))
    for index in range(len(layers)):
        v = v @ layers[index].jacobian(points[index]).T
    return v


# --- gradcheck --------------------------------------------------------------------------------


@alternative("gradcheck")
def central_first(f, grad, x, h=1e-5, rtol=1e-4, atol=1e-8):
    claim = grad(x)
    if tuple(claim.shape) != tuple(x.shape) or not bool(torch.isfinite(claim).all()):
        return False
    point, claim = x.to(torch.float64).flatten(), claim.to(torch.float64).flatten()

    def at(i, distance):
        moved = point.clone()
        moved[i] += distance
        return float(f(moved.view(x.shape)))

    for i in range(point.numel()):
        above, here, below, g = at(i, h), at(i, 0.0), at(i, -h), float(claim[i])
        central = (above - below) / (2 * h)
        if abs(g - central) <= atol + rtol * abs(central):
            continue
        slopes = (above - here) / h, (here - below) / h
        room = atol + rtol * max(map(abs, slopes))
        if not (min(slopes) - room <= g <= max(slopes) + room):
            return False
    return True


@alternative("gradcheck")
def all_entries_at_once(f, grad, x, h=1e-5, rtol=1e-4, atol=1e-8):
    g, x = grad(x), x.double()
    if g.shape != x.shape:
        return torch.tensor(False)  # noqa: FBT003
    eye = torch.eye(x.numel(), dtype=torch.float64).reshape(-1, *x.shape)
    right = torch.stack([f(x + h * e) - f(x) for e in eye]).reshape(x.shape) / h
    left = torch.stack([f(x) - f(x - h * e) for e in eye]).reshape(x.shape) / h
    slopes = torch.stack([right, left])
    outside = torch.relu(slopes.min(0).values - g) + torch.relu(g - slopes.max(0).values)
    return (outside <= atol + rtol * slopes.abs().max(0).values).all()
