"""An autodiff engine: what grades it.

The truth is autograd, a closed form or the solution of a linear system in float64, not the
reference solution.
"""

import heapq
import math

import pytest
import torch

LAYOUTS = ("transposed", "strided", "expanded", "offset")
F64 = torch.float64
# A difference of two values that are known to 1e-16, divided by 2e-5.
ROUNDING = {"rtol": 1e-6, "atol": 1e-8}


def numbers(draw, values):
    return torch.tensor(values, dtype=draw.dtype, device=draw.device)


def doubles(values):
    return torch.tensor(values, dtype=F64)


def grads_of(function, tensors, cotangent):
    """Return the gradients of <function(*tensors), cotangent> with respect to each tensor."""
    leaves = [tensor.clone().requires_grad_() for tensor in tensors]
    return torch.autograd.grad(function(*leaves), leaves, cotangent)


# --- numbers ----------------------------------------------------------------------------------


@pytest.mark.exercise("central_difference", parts={"gradient": 3, "integer_x": 1})
class TestCentralDifference:
    """The gradient of any function, by trying"""

    @pytest.mark.parametrize("shape", [(4,), (1,), (), (2, 3), (2, 1, 3)], ids=str)
    def test_shapes(self, student, support, draw, expect, shape):
        """a sine, the given h"""
        weights, x = (draw.normal(*shape, dtype=F64) for _ in range(2))
        truth = weights * torch.cos((weights * x).sum())
        f = support.make("sine", weights)
        expect(student.central_difference(f, x), truth, name="gradient", **ROUNDING)

    @pytest.mark.parametrize("h", [0.5, 0.1, 1e-3], ids="h={}".format)
    def test_error_of_a_cubic(self, student, support, draw, expect, h):
        """a cubic, whose error is known"""
        weights, x = (draw.normal(4, dtype=F64) for _ in range(2))
        f, truth = support.make("cubic", weights), weights * (3 * x**2 + h**2)
        expect(student.central_difference(f, x, h), truth, name="gradient")

    @pytest.mark.parametrize("h", [0.7, 0.01], ids="h={}".format)
    def test_error_of_a_sine(self, student, support, draw, expect, h):
        """a sine of all coordinates, whose error is known"""
        weights, x = (draw.normal(3, dtype=F64) for _ in range(2))
        truth = torch.cos((weights * x).sum()) * torch.sin(h * weights) / h
        f = support.make("sine", weights)
        expect(student.central_difference(f, x, h=h), truth, name="gradient")

    def test_quadratic(self, student, support, draw, expect):
        """a quadratic with mixed terms: no error for any h"""
        A, b, x = draw.normal(3, 3, dtype=F64), draw.normal(3, dtype=F64), draw.normal(3, dtype=F64)
        f, truth = support.make("quadratic", A, b), (A + A.T) @ x / 2 + b
        expect(student.central_difference(f, x, h=0.25), truth, name="gradient")

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_memory_layout(self, student, support, draw, expect, layout):
        """an input that does not lie in memory row by row"""
        weights = draw.normal(2, 3, dtype=F64)
        x = draw.layout(draw.normal(2, 3, dtype=F64), layout)
        f, truth = support.make("cubic", weights), weights * (3 * x**2 + 0.01)
        expect(student.central_difference(f, x, h=0.1), truth, name="gradient")

    @pytest.mark.part("integer_x")
    @pytest.mark.parametrize("dtype", [torch.int64, torch.int32], ids=str)
    def test_integers(self, student, support, draw, expect, dtype):
        """a TypeError for whole numbers, a gradient for the same numbers in float64"""
        x = draw.integers(3, low=-3, high=4).to(dtype)
        f, truth = support.make("cubic", torch.ones(3, dtype=F64)), 3 * x.double() ** 2 + 0.01
        expect(student.central_difference(f, x.double(), h=0.1), truth, name="integer_x")
        expect.raises(TypeError, student.central_difference, f, x, name="integer_x")


@pytest.mark.exercise("forward_pass_example", parts={"q": 1, "f": 1})
class TestForwardPassExample:
    """Forward through a small graph"""

    @pytest.mark.parametrize("trial", range(3))
    def test_random(self, student, draw, expect, trial):
        """random numbers"""
        x, y, z = draw.normal(3, dtype=F64).tolist()
        q, f = student.forward_pass_example(x, y, z)
        expect(q, x + y, name="q")
        expect(f, x * z + y * z, name="f")

    def test_integers(self, student, expect):
        """whole numbers"""
        q, f = student.forward_pass_example(7, -2, 3)
        expect(q, 5.0, name="q")
        expect(f, 15.0, name="f")


INPUTS = {"grad_x": 1, "grad_y": 1, "grad_z": 1}


@pytest.mark.exercise("backward_pass_example", parts=INPUTS)
class TestBackwardPassExample:
    """Backward through a small graph"""

    @pytest.mark.parametrize("trial", range(3))
    def test_random(self, student, draw, expect, trial):
        """random numbers, a random gradient from above"""
        args, grad_f = draw.normal(3, dtype=F64), draw.normal(1, dtype=F64)[0]
        grads = student.backward_pass_example(*args.tolist(), grad_f.item())
        expected = grads_of(lambda x, y, z: (x + y) * z, args.unbind(), grad_f)
        for name, grad, right in zip(INPUTS, grads, expected, strict=True):
            expect(grad, right, name=name)

    def test_integers(self, student, expect):
        """whole numbers"""
        for name, grad, right in zip(
            INPUTS, student.backward_pass_example(7, -2, 3, -1), (-3.0, -3.0, -5.0), strict=True
        ):
            expect(grad, right, name=name)


SIGMOID = {"f": 1, "grad_x": 1, "grad_w": 1}


def neuron(x, w):
    return torch.sigmoid(w[:-1] @ x + w[-1])


@pytest.mark.exercise("sigmoid_block", parts=SIGMOID | {"stability": 1})
class TestSigmoidBlock:
    """A neuron as one node"""

    def _check(self, student, expect, oracle, x, w, grad_f):
        f, grad_x, grad_w = student.sigmoid_block(x, w, grad_f)
        right = oracle(lambda x, w: grads_of(neuron, (x, w), doubles(grad_f)), x, w)
        expect(f, oracle(neuron, x, w), name="f")
        expect(grad_x, right[0], name="grad_x")
        expect(grad_w, right[1], name="grad_w")

    @pytest.mark.parametrize("D", [1, 2, 5], ids="D={}".format)
    def test_random(self, student, draw, expect, oracle, D):
        """random inputs, a random gradient from above"""
        grad_f = draw.normal(1).item()
        self._check(student, expect, oracle, draw.normal(D), draw.normal(D + 1), grad_f)

    @pytest.mark.parametrize("layout", ["strided", "expanded", "offset"])
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """inputs that do not lie in memory one after the other"""
        x, w = draw.layout(draw.normal(3), layout), draw.layout(draw.normal(4), layout)
        self._check(student, expect, oracle, x, w, 0.7)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        x, w = draw.normal(3, dtype=torch.float32), draw.normal(4, dtype=torch.float32)
        self._check(student, expect, oracle, x, w, -1.3)

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("s", [1000.0, -1000.0, 200.0, -200.0, 0.5], ids="s={}".format)
    def test_large_s(self, student, draw, expect, oracle, s):
        """far out, and near by"""
        x, w = draw.normal(3), draw.normal(4)
        w[-1] += s - (w[:-1] @ x + w[-1])
        right = oracle(lambda x, w: (neuron(x, w), *grads_of(neuron, (x, w), doubles(2.0))), x, w)
        expect(student.sigmoid_block(x, w, 2.0), right, name="stability")


# --- graphs -----------------------------------------------------------------------------------


def nearest_order(order, parents, root):
    """Return the right order that is most like `order`: `order` itself if it is right."""
    wanted, queue = {root}, [root]
    while queue:
        new = set(parents[queue.pop()]) - wanted
        wanted |= new
        queue += new
    children = {node: [] for node in wanted}
    for node in wanted:
        for parent in set(parents[node]):
            children[parent].append(node)
    given = order if isinstance(order, list | tuple) else []
    place = {node: i for i, node in reversed(list(enumerate(given))) if isinstance(node, str | int)}
    missing = {node: len(set(parents[node])) for node in wanted}
    ready = [(place.get(node, len(given)), node) for node in wanted if not missing[node]]
    heapq.heapify(ready)
    right = []
    while ready:
        _, node = heapq.heappop(ready)
        right.append(node)
        for child in children[node]:
            missing[child] -= 1
            if not missing[child]:
                heapq.heappush(ready, (place.get(child, len(given)), child))
    return right


def at_once(order):
    """Return a list of integers as a tensor, which is compared in one go."""
    is_plain = isinstance(order, list | tuple) and all(type(node) is int for node in order)
    return torch.tensor(order) if is_plain else order


def random_table(draw, n):
    """Return the parents of `n` nodes of a random graph, numbered without a pattern, and a root."""
    name = draw.permutation(n).tolist()
    table = [[] for _ in range(n)]
    for node in range(2, n):
        count = int(draw.integers(1, low=1, high=4))
        table[name[node]] = [name[k] for k in draw.integers(count, high=node).tolist()]
    return table, name[-1]


def ladder_above_a_chain(length, rungs):
    """Return the parents in a chain, and above it diamond upon diamond: 2 ** rungs paths."""
    table = [[node - 1] if node else [] for node in range(length)]
    for _ in range(rungs):
        below = len(table) - 1
        table += [[below], [below], [below + 1, below + 2]]
    return table


GRAPHS = {
    "a single node": ([[]], 0),
    "a chain": ([[2], [], [1], [0]], 3),
    "a diamond": ([[1, 2], [3], [3], []], 0),
    "a parent that occurs twice": ([[1, 1], [2, 2], []], 0),
    "a shortcut on the left": ([[1, 3], [2], [3], []], 0),
    "a shortcut on the right": ([[3, 1], [2], [3], []], 0),
    "nodes that nobody needs": ([[], [0], [1, 0], [2]], 1),
}


@pytest.mark.exercise("topological_sort", parts={"order": 2, "depth": 1})
class TestTopologicalSort:
    """An order to go through a graph"""

    @pytest.mark.parametrize("kind", list(GRAPHS))
    def test_small(self, student, support, expect, kind):
        """a small graph"""
        table, root = GRAPHS[kind]
        order = student.topological_sort(root, support.make("lookup", table))
        expect(order, nearest_order(order, table, root), name="order")

    @pytest.mark.parametrize("n", [8, 13, 30], ids="{} nodes".format)
    def test_random(self, student, support, draw, expect, n):
        """a random graph"""
        table, root = random_table(draw, n)
        order = student.topological_sort(root, support.make("lookup", table))
        expect(order, nearest_order(order, table, root), name="order")

    def test_names(self, student, support, draw, expect):
        """a random graph, nodes with names"""
        table, root = random_table(draw, 9)
        named = {f"v{node}": [f"v{parent}" for parent in row] for node, row in enumerate(table)}
        order = student.topological_sort(f"v{root}", support.make("lookup", named))
        expect(order, nearest_order(order, named, f"v{root}"), name="order")

    @pytest.mark.part("depth")
    @pytest.mark.parametrize(("length", "rungs"), [(50, 4), (5000, 40)], ids=str)
    def test_ladder(self, student, support, expect, length, rungs):
        """diamonds on top of each other, above a chain: nodes of the chain, diamonds"""
        table = ladder_above_a_chain(length, rungs)
        lookup = support.make("ladder_lookup", length, rungs)
        order = student.topological_sort(len(table) - 1, lookup)
        right = nearest_order(order, table, len(table) - 1)
        expect(at_once(order), torch.tensor(right), name="depth")


# --- the class --------------------------------------------------------------------------------


def check(expect, support, out, operands, data, derivatives):
    """Compare a Value and its derivatives with respect to its operands."""
    expect(out.data, data, name="data")
    expect(support.make("slopes", out, operands), derivatives, name="derivatives")


def some(draw, n, low=0.3, high=2.5):
    """Return numbers of either sign, none of them near 0."""
    size = draw.uniform(n, low=low, high=high, dtype=F64)
    return (size * (2 * draw.integers(n, high=2) - 1)).tolist()


def values(student, numbers):
    return [student.Value(number) for number in numbers]


@pytest.mark.exercise("Value.__add__", parts={"data": 1, "derivatives": 1})
class TestValueAdd:
    """Sums of Values"""

    def test_two(self, student, support, draw, expect):
        """two random Values, which stay what they are"""
        x, y = some(draw, 2)
        a, b = values(student, (x, y))
        check(expect, support, a + b, [a, b], x + y, [1.0, 1.0])
        expect([a.data, b.data], [x, y], name="data")

    @pytest.mark.parametrize("constant", [2, -0.75, 0, 1], ids=str)
    def test_constants(self, student, support, draw, expect, constant):
        """a constant on the right, and on the left"""
        (x,) = some(draw, 1)
        a = student.Value(x)
        check(expect, support, a + constant, [a], x + constant, [1.0])
        check(expect, support, constant + a, [a], x + constant, [1.0])

    def test_sums(self, student, support, draw, expect):
        """sums of sums, with one Value in several places"""
        x, y, z = some(draw, 3)
        a, b, c = values(student, (x, y, z))
        out = (a + b) + (c + a) + a
        check(expect, support, out, [a, b, c], 3 * x + y + z, [3.0, 1.0, 1.0])

    def test_whole_numbers(self, student, support, expect):
        """Values made of whole numbers"""
        a, b = values(student, (2, 5))
        check(expect, support, a + b, [a, b], 7.0, [1.0, 1.0])


@pytest.mark.exercise("Value.__mul__", parts={"data": 1, "derivatives": 1})
class TestValueMul:
    """Products of Values"""

    def test_two(self, student, support, draw, expect):
        """two random Values, which stay what they are"""
        x, y = some(draw, 2)
        a, b = values(student, (x, y))
        check(expect, support, a * b, [a, b], x * y, [y, x])
        expect([a.data, b.data], [x, y], name="data")

    @pytest.mark.parametrize("constant", [2, -0.75, 0, 1], ids=str)
    def test_constants(self, student, support, draw, expect, constant):
        """a constant on the right, and on the left"""
        (x,) = some(draw, 1)
        a = student.Value(x)
        check(expect, support, a * constant, [a], x * constant, [float(constant)])
        check(expect, support, constant * a, [a], x * constant, [float(constant)])

    def test_products(self, student, support, draw, expect):
        """products of products, with one Value in several places"""
        x, y, z = some(draw, 3)
        a, b, c = values(student, (x, y, z))
        out = (a * b) * (c * a) * a
        slopes = [3 * x**2 * y * z, x**3 * z, x**3 * y]
        check(expect, support, out, [a, b, c], x**3 * y * z, slopes)

    def test_zero(self, student, support, draw, expect):
        """one factor is 0"""
        (y,) = some(draw, 1)
        a, b = values(student, (0.0, y))
        check(expect, support, a * b, [a, b], 0.0, [y, 0.0])


@pytest.mark.exercise("Value.__pow__", parts={"data": 1, "derivatives": 1, "zero": 1})
class TestValuePow:
    """Powers of Values"""

    @pytest.mark.parametrize("exponent", [3, 2, -2, 0.5, -1.7, 2.0, 1], ids="n={}".format)
    def test_positive(self, student, support, draw, expect, exponent):
        """a positive base"""
        x = draw.uniform(1, low=0.4, high=2.0, dtype=F64).item()
        a = student.Value(x)
        slope = exponent * math.exp((exponent - 1) * math.log(x))
        check(expect, support, a**exponent, [a], math.exp(exponent * math.log(x)), [slope])
        expect(a.data, x, name="data")

    @pytest.mark.parametrize("exponent", [3, 2, -1, -2], ids="n={}".format)
    def test_negative(self, student, support, draw, expect, exponent):
        """a negative base"""
        x = -draw.uniform(1, low=0.4, high=2.0, dtype=F64).item()
        sign = 1 if exponent % 2 == 0 else -1
        a, size = student.Value(x), math.exp(exponent * math.log(-x))
        check(expect, support, a**exponent, [a], sign * size, [exponent * sign * size / x])

    def test_powers(self, student, support, draw, expect):
        """a power of a power"""
        x = draw.uniform(1, low=0.4, high=2.0, dtype=F64).item()
        a = student.Value(x)
        check(expect, support, (a**2) ** 1.5, [a], x * x * x, [3 * x * x])

    @pytest.mark.part("zero")
    @pytest.mark.parametrize("x", [0.0, -1.3, 0.8], ids=str)
    def test_small_exponents(self, student, support, expect, x):
        """exponents 0, 1 and 2"""
        a = student.Value(x)
        for exponent, (data, slope) in enumerate([(1.0, 0.0), (x, 1.0), (x * x, 2 * x)]):
            out = a**exponent
            expect(out.data, data, name="zero")
            expect(support.make("slopes", out, [a]), [slope], name="zero")


@pytest.mark.exercise("Value.tanh", parts={"data": 1, "derivatives": 1, "stability": 1})
class TestValueTanh:
    """The hyperbolic tangent"""

    @pytest.mark.parametrize("trial", range(3))
    def test_random(self, student, support, draw, expect, trial):
        """a random number"""
        (x,) = some(draw, 1)
        a = student.Value(x)
        slope = 1 / math.cosh(x) ** 2
        check(expect, support, a.tanh(), [a], math.sinh(x) / math.cosh(x), [slope])
        expect(a.data, x, name="data")

    def test_zero(self, student, support, expect):
        """at 0, where it is steepest"""
        a = student.Value(0)
        check(expect, support, a.tanh(), [a], 0.0, [1.0])

    def test_twice(self, student, support, draw, expect):
        """of itself"""
        (x,) = some(draw, 1)
        a, inner = student.Value(x), math.tanh(x)
        slope = (1 - math.tanh(inner) ** 2) / math.cosh(x) ** 2
        check(expect, support, a.tanh().tanh(), [a], math.tanh(inner), [slope])

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("x", [1000.0, -1000.0, 400.0, -25.0, 0.7], ids=str)
    def test_large(self, student, support, expect, x):
        """far out, and near by"""
        a = student.Value(x)
        out, data = a.tanh(), math.tanh(x)
        expect(out.data, data, name="stability")
        expect(support.make("slopes", out, [a]), [1 - data**2], name="stability")


@pytest.mark.exercise("Value.relu", parts={"data": 1, "derivatives": 1, "kink": 1})
class TestValueRelu:
    """The larger of a number and 0"""

    @pytest.mark.parametrize("sign", [1, -1], ids=["positive", "negative"])
    def test_random(self, student, support, draw, expect, sign):
        """a random number"""
        x = sign * draw.uniform(1, low=0.3, high=40.0, dtype=F64).item()
        a = student.Value(x)
        check(expect, support, a.relu(), [a], max(x, 0.0), [float(x > 0)])
        expect(a.data, x, name="data")

    @pytest.mark.parametrize("x", [2.5, -2.5], ids=str)
    def test_twice(self, student, support, expect, x):
        """of itself"""
        a = student.Value(x)
        check(expect, support, a.relu().relu(), [a], max(x, 0.0), [float(x > 0)])

    @pytest.mark.part("kink")
    @pytest.mark.parametrize("zero", [0.0, -0.0, 0], ids=str)
    def test_kink(self, student, support, expect, zero):
        """at 0, and right next to it"""
        for x, slope in ((zero, 0.0), (1e-12, 1.0), (-1e-12, 0.0)):
            a = student.Value(x)
            out = a.relu()
            expect(out.data, max(x, 0.0), name="kink")
            expect(support.make("slopes", out, [a]), [slope], name="kink")


# Graphs: one row for each node, (data, parents, local gradients).


def random_tree(draw, leaves):
    """Return a graph in which each node but the last has one child."""
    rows = [(number, [], []) for number in some(draw, leaves)]
    free = list(range(leaves))
    while len(free) > 1:
        take = min(len(free), int(draw.integers(1, low=1, high=4)))
        order = draw.permutation(len(free)).tolist()
        chosen = [free[k] for k in order[:take]]
        free = [free[k] for k in order[take:]] + [len(rows)]
        rows.append((some(draw, 1)[0], chosen, some(draw, take)))
    return rows


def random_graph(draw, n):
    """Return a graph in which nodes have any number of children, one even twice the same."""
    rows = [(number, [], []) for number in some(draw, 2)]
    for node in range(2, n):
        count = int(draw.integers(1, low=1, high=4))
        rows.append((some(draw, 1)[0], draw.integers(count, high=node).tolist(), some(draw, count)))
    data, parents, local_grads = rows[-1]
    twice = int(draw.integers(1, high=n - 1))
    rows[-1] = (data, [*parents, twice, twice], [*local_grads, *some(draw, 2)])
    return rows


def derivatives(rows, root):
    """Return d root / d node for each node, from the linear system g = e_root + L^T g."""
    L = torch.zeros(len(rows), len(rows), dtype=F64)
    for node, (_, parents, local_grads) in enumerate(rows):
        for parent, local_grad in zip(parents, local_grads, strict=True):
            L[node, parent] += local_grad
    eye = torch.eye(len(rows), dtype=F64)
    return torch.linalg.solve(eye - L.T, eye[root]).tolist()


def slide(x, y):
    """Return the graph of out = sin(exp(x y) + 2 x^2), its derivatives to x and to y."""
    z1, z2 = x * y, x**2
    z3, z4 = math.exp(z1), 2 * z2
    z5 = z3 + z4
    slope = math.cos(z5)
    rows = [(x, [], []), (y, [], []), (z1, [0, 1], [y, x]), (z2, [0], [2 * x]), (z3, [2], [z3]),
            (z4, [3], [2.0]), (z5, [4, 5], [1.0, 1.0]), (math.sin(z5), [6], [slope])]  # fmt: skip
    return rows, slope * (y * z3 + 4 * x), slope * x * z3


SHARED = {
    "a + a": [(1.0, [], []), (2.0, [0, 0], [1.0, 1.0])],
    "a diamond": [(1.0, [], []), (2.0, [0], [2.0]), (3.0, [0], [-1.5]), (4.0, [1, 2], [0.5, 3.0])],
    "a shortcut on the left": [(1.0, [], []), (2.0, [0], [2.0]), (3.0, [1], [-1.5]),
                               (4.0, [0, 2], [0.5, 3.0])],
    "a shortcut on the right": [(1.0, [], []), (2.0, [0], [2.0]), (3.0, [1], [-1.5]),
                                (4.0, [2, 0], [3.0, 0.5])],
    "a shortcut in the middle": [(1.0, [], []), (2.0, [0], [3.0]), (1.0, [1], [2.0]),
                                 (3.0, [2], [-1.5]), (4.0, [3, 1], [0.5, 3.0])],
}  # fmt: skip


@pytest.mark.exercise("Value.backward", parts={"grad": 3, "shared": 3, "again": 1, "depth": 1})
class TestValueBackward:
    """Backpropagation"""

    @pytest.mark.part("grad")
    @pytest.mark.parametrize("leaves", [2, 3, 7, 12], ids="{} inputs".format)
    def test_tree(self, student, support, draw, expect, leaves):
        """a random graph in which every node has one child"""
        rows = random_tree(draw, leaves)
        nodes = support.make("graph", student.Value(0.0), rows)
        nodes[-1].backward()
        expect(support.make("grads", nodes), derivatives(rows, -1), name="grad")

    @pytest.mark.part("grad")
    def test_input(self, student, support, expect):
        """an input and its only child; then a node that stands alone"""
        nodes = support.make("graph", student.Value(0.0), [(3.0, [], []), (6.0, [0], [2.0])])
        nodes[1].backward()
        expect(support.make("grads", nodes), [2.0, 1.0], name="grad")
        alone = student.Value(-7.0)
        alone.backward()
        expect(alone.grad, 1.0, name="grad")

    @pytest.mark.part("shared")
    @pytest.mark.parametrize("kind", list(SHARED))
    def test_small(self, student, support, expect, kind):
        """a small graph"""
        nodes = support.make("graph", student.Value(0.0), SHARED[kind])
        nodes[-1].backward()
        expect(support.make("grads", nodes), derivatives(SHARED[kind], -1), name="shared")

    @pytest.mark.part("shared")
    @pytest.mark.parametrize("n", [6, 9, 14], ids="{} nodes".format)
    def test_random(self, student, support, draw, expect, n):
        """a random graph; nodes that the root does not depend on keep 0"""
        rows = random_graph(draw, n)
        nodes = support.make("graph", student.Value(0.0), rows)
        nodes[-1].backward()
        expect(support.make("grads", nodes), derivatives(rows, -1), name="shared")

    @pytest.mark.part("shared")
    def test_slide(self, student, support, draw, expect):
        """sin(exp(x y) + 2 x ** 2)"""
        rows, grad_x, grad_y = slide(*draw.uniform(2, low=0.3, high=1.2, dtype=F64).tolist())
        nodes = support.make("graph", student.Value(0.0), rows)
        nodes[-1].backward()
        expect(support.make("grads", nodes[:2]), [grad_x, grad_y], name="shared")

    @pytest.mark.part("again")
    def test_twice(self, student, support, draw, expect):
        """the same root, three times"""
        rows = random_tree(draw, 4)
        nodes = support.make("graph", student.Value(0.0), rows)
        for _ in range(3):
            nodes[-1].backward()
            expect(support.make("grads", nodes), derivatives(rows, -1), name="again")

    @pytest.mark.part("again")
    def test_two_roots(self, student, support, draw, expect):
        """two roots that share nodes; what only the first depends on keeps its grad"""
        local = some(draw, 6)
        rows = [(1.0, [], []), (2.0, [], []), (3.0, [], []), (4.0, [1], local[:1]),
                (5.0, [0, 3], local[1:3]), (6.0, [3, 2], local[3:5])]  # fmt: skip
        nodes = support.make("graph", student.Value(0.0), rows)
        nodes[4].backward()
        first = derivatives(rows, 4)
        expect(support.make("grads", nodes), first, name="again")
        nodes[5].backward()
        second = derivatives(rows, 5)
        right = [first[0], *second[1:4], first[4], second[5]]
        expect(support.make("grads", nodes), right, name="again")

    @pytest.mark.part("again")
    def test_from_the_middle(self, student, support, draw, expect):
        """a root that is a node of the graph of the first"""
        rows = random_tree(draw, 5)
        nodes = support.make("graph", student.Value(0.0), rows)
        nodes[-1].backward()
        nodes[5].backward()
        expect(support.make("grads", nodes[:6])[rows[5][1][0]], rows[5][2][0], name="again")
        expect(nodes[5].grad, 1.0, name="again")

    @pytest.mark.part("depth")
    @pytest.mark.parametrize(("length", "rungs"), [(50, 4), (5000, 40)], ids=str)
    def test_ladder(self, student, support, draw, expect, length, rungs):
        """diamonds on top of each other, above a chain: nodes of the chain, diamonds"""
        local, half = 1 + draw.uniform(1, low=1e-4, high=5e-4, dtype=F64).item(), length // 2
        nodes = support.make(
            "ladder_graph", student.Value(0.0), length, rungs, local, [0, half, length - 1, -1]
        )
        nodes[-1].backward()
        grads, powers = support.make("grads", nodes), (length - 1, length - 1 - half, 0)
        expect(grads, [*(local ** (rungs + power) for power in powers), 1.0], name="depth")


# --- vectors ----------------------------------------------------------------------------------

LINEAR = {"grad_x": 1, "grad_W": 1, "grad_b": 1}
SIZES = [(5, 3, 2), (1, 3, 2), (4, 4, 4), (3, 1, 2), (3, 2, 1), (2, 2, 2), (1, 1, 1)]


def linear(x, W, b):
    return torch.nn.functional.linear(x, W, b)


@pytest.mark.exercise("linear_vjp", parts=LINEAR)
class TestLinearVjp:
    """Backward through a linear layer"""

    def _check(self, student, expect, oracle, args):
        expected = oracle(lambda x, W, b, grad_y: grads_of(linear, (x, W, b), grad_y), *args)
        for name, grad, right in zip(LINEAR, student.linear_vjp(*args), expected, strict=True):
            expect(grad, right, name=name)

    @pytest.mark.parametrize("size", SIZES, ids="N, n_in, n_out = {}".format)
    def test_sizes(self, student, draw, expect, oracle, size):
        """random inputs"""
        N, n_in, n_out = size
        shapes = [(N, n_in), (n_out, n_in), (n_out,), (N, n_out)]
        self._check(student, expect, oracle, [draw.normal(*shape) for shape in shapes])

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """inputs that do not lie in memory row by row"""
        shapes = [(4, 3), (2, 3), (2,), (4, 2)]
        args = [draw.layout(draw.normal(*shape), layout) for shape in shapes]
        self._check(student, expect, oracle, args)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        shapes = [(4, 3), (2, 3), (2,), (4, 2)]
        args = [draw.normal(*shape, dtype=torch.float32) for shape in shapes]
        self._check(student, expect, oracle, args)


@pytest.mark.exercise("linear_jvp", parts={"tangent_y": 1})
class TestLinearJvp:
    """Forward through a linear layer, with changes"""

    def _check(self, student, expect, oracle, args):
        def right(*args):
            return torch.func.jvp(linear, args[:3], args[3:])[1]

        expect(student.linear_jvp(*args), oracle(right, *args))

    @pytest.mark.parametrize("size", SIZES, ids="N, n_in, n_out = {}".format)
    def test_sizes(self, student, draw, expect, oracle, size):
        """random inputs and changes"""
        N, n_in, n_out = size
        shapes = [(N, n_in), (n_out, n_in), (n_out,)]
        self._check(student, expect, oracle, [draw.normal(*shape) for shape in 2 * shapes])

    @pytest.mark.parametrize("moving", ["x", "W", "b"])
    def test_one_at_a_time(self, student, draw, expect, oracle, moving):
        """only one of the three changes"""
        shapes = {"x": (4, 3), "W": (2, 3), "b": (2,)}
        primals = [draw.normal(*shape) for shape in shapes.values()]
        tangents = [draw.normal(*shape) * (name == moving) for name, shape in shapes.items()]
        self._check(student, expect, oracle, [*primals, *tangents])

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """inputs that do not lie in memory row by row"""
        shapes = 2 * [(4, 3), (2, 3), (2,)]
        args = [draw.layout(draw.normal(*shape), layout) for shape in shapes]
        self._check(student, expect, oracle, args)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        shapes = 2 * [(4, 3), (2, 3), (2,)]
        args = [draw.normal(*shape, dtype=torch.float32) for shape in shapes]
        self._check(student, expect, oracle, args)


def network(weights, biases):
    """Return the chain of layers x -> tanh(W x + b) as one function."""

    def apply(x):
        for W, b in zip(weights, biases, strict=True):
            x = torch.tanh(W @ x + b)
        return x

    return apply


WIDTHS = [(3, 2), (4, 3, 2), (3, 3, 3, 3), (1, 1, 1), (2, 5, 1), (1, 4, 3), (2, 3, 2, 4, 2, 3, 2)]
VECTOR_LAYOUTS = ("strided", "expanded", "offset")


def draw_chain(draw, widths, dtype=None):
    """Return weights and biases of a chain of layers."""
    shapes = list(zip(widths[1:], widths[:-1], strict=True))
    weights = [draw.normal(*shape, std=0.8, dtype=dtype) for shape in shapes]
    return weights, [draw.normal(width, std=0.5, dtype=dtype) for width in widths[1:]]


@pytest.mark.exercise("chain_vjp", parts={"grad_x": 2, "products": 1})
class TestChainVjp:
    """Backward through a chain"""

    @staticmethod
    def _right(weights, biases, x, u):
        return grads_of(network(weights, biases), (x,), u)[0]

    def _check(self, student, support, expect, oracle, chain, x, u):
        grad_x = student.chain_vjp(support.make("tanh_layers", *chain), x, u)
        expect(grad_x, oracle(self._right, *chain, x, u), name="grad_x")

    @pytest.mark.parametrize("widths", WIDTHS, ids=str)
    def test_widths(self, student, support, draw, expect, oracle, widths):
        """random layers"""
        chain, x, u = draw_chain(draw, widths), draw.normal(widths[0]), draw.normal(widths[-1])
        self._check(student, support, expect, oracle, chain, x, u)

    @pytest.mark.parametrize("layout", VECTOR_LAYOUTS)
    def test_memory_layout(self, student, support, draw, expect, oracle, layout):
        """vectors that do not lie in memory one entry after the other"""
        x, u = draw.layout(draw.normal(3), layout), draw.layout(draw.normal(2), layout)
        self._check(student, support, expect, oracle, draw_chain(draw, (3, 4, 2)), x, u)

    def test_float32(self, student, support, draw, expect, oracle):
        """float32"""
        chain = draw_chain(draw, (3, 4, 2), dtype=torch.float32)
        x, u = draw.normal(3, dtype=torch.float32), draw.normal(2, dtype=torch.float32)
        self._check(student, support, expect, oracle, chain, x, u)

    @pytest.mark.part("products")
    @pytest.mark.parametrize("widths", [(3, 2), (4, 4, 4, 4), (5, 4, 3, 4, 1)], ids=str)
    def test_products(self, student, support, draw, expect, oracle, widths):
        """one product for each layer, and the right result"""
        chain, x, u = draw_chain(draw, widths), draw.normal(widths[0]), draw.normal(widths[-1])
        layers = support.make("tanh_layers", *chain)
        found = {"grad_x": student.chain_vjp(layers, x, u)}
        found["products"] = support.make("products", layers)
        right = {"grad_x": oracle(self._right, *chain, x, u), "products": [1] * (len(widths) - 1)}
        expect(found, right, name="products")


@pytest.mark.exercise("chain_jvp", parts={"tangent_y": 2, "products": 1})
class TestChainJvp:
    """Forward through a chain, with a change"""

    @staticmethod
    def _right(weights, biases, x, v):
        return torch.func.jvp(network(weights, biases), (x,), (v,))[1]

    def _check(self, student, support, expect, oracle, chain, x, v):
        tangent_y = student.chain_jvp(support.make("tanh_layers", *chain), x, v)
        expect(tangent_y, oracle(self._right, *chain, x, v), name="tangent_y")

    @pytest.mark.parametrize("widths", WIDTHS, ids=str)
    def test_widths(self, student, support, draw, expect, oracle, widths):
        """random layers"""
        chain, x, v = draw_chain(draw, widths), draw.normal(widths[0]), draw.normal(widths[0])
        self._check(student, support, expect, oracle, chain, x, v)

    @pytest.mark.parametrize("layout", VECTOR_LAYOUTS)
    def test_memory_layout(self, student, support, draw, expect, oracle, layout):
        """vectors that do not lie in memory one entry after the other"""
        x, v = draw.layout(draw.normal(3), layout), draw.layout(draw.normal(3), layout)
        self._check(student, support, expect, oracle, draw_chain(draw, (3, 4, 2)), x, v)

    def test_float32(self, student, support, draw, expect, oracle):
        """float32"""
        chain = draw_chain(draw, (3, 4, 2), dtype=torch.float32)
        x, v = draw.normal(3, dtype=torch.float32), draw.normal(3, dtype=torch.float32)
        self._check(student, support, expect, oracle, chain, x, v)

    @pytest.mark.part("products")
    @pytest.mark.parametrize("widths", [(3, 2), (4, 4, 4, 4), (1, 4, 3, 4, 5)], ids=str)
    def test_products(self, student, support, draw, expect, oracle, widths):
        """one product for each layer, and the right result"""
        chain, x, v = draw_chain(draw, widths), draw.normal(widths[0]), draw.normal(widths[0])
        layers = support.make("tanh_layers", *chain)
        found = {"tangent_y": student.chain_jvp(layers, x, v)}
        found["products"] = support.make("products", layers)
        right = {"tangent_y": oracle(self._right, *chain, x, v)}
        right["products"] = [1] * (len(widths) - 1)
        expect(found, right, name="products")


# --- checking ---------------------------------------------------------------------------------


def scaled_entry(g, at, factor):
    wrong = g.clone()
    wrong[at] *= factor
    return wrong


def opposite_errors(g):
    wrong = g.clone()
    wrong[0], wrong[-1] = g[0] + 0.01, g[-1] - 0.01
    return wrong


WRONG = {
    "the first entry too large by 0.1 %": lambda g: scaled_entry(g, 0, 1.001),
    "the last entry too small by 0.1 %": lambda g: scaled_entry(g, -1, 0.999),
    "the last entry 0": lambda g: scaled_entry(g, -1, 0.0),
    "all entries too large by 0.1 %": lambda g: 1.001 * g,
    "the wrong sign": lambda g: -g,
    "twice the gradient": lambda g: 2 * g,
    "two entries exchanged": lambda g: g[[1, 0, 2, 3, 4]],
    "two errors of the same sum": opposite_errors,
    "zeros": torch.zeros_like,
}
STEPS = torch.tensor([0.5, 0.8, 1.1, 1.4, 1.7], dtype=F64)  # sizes of entries, all different


def draw_quadratic(draw, scale=1.0):
    """Return A, b and x, and the gradient there of x^T A x / 2 + b^T x: no entry is near 0."""
    A, x = draw.normal(5, 5, dtype=F64), draw.normal(5, dtype=F64)
    g = STEPS[draw.permutation(5)] * (2 * draw.integers(5, high=2) - 1)
    return scale * A, scale * (g - (A + A.T) @ x / 2), x, scale * g


@pytest.mark.exercise("gradcheck", parts={"verdict": 3, "form": 1, "float32": 1, "kink": 1})
class TestGradcheck:
    """Is it the gradient?"""

    def _check(self, student, support, expect, f, x, claims, name):
        for claim, right in claims:
            verdict = student.gradcheck(f, support.make("constant", claim), x)
            expect(verdict, right, name=name)

    @pytest.mark.parametrize("kind", list(WRONG))
    def test_quadratic(self, student, support, draw, expect, kind):
        """the right gradient of a quadratic, and a wrong one"""
        A, b, x, g = draw_quadratic(draw)
        f, claims = support.make("quadratic", A, b), [(g, True), (WRONG[kind](g), False)]
        self._check(student, support, expect, f, x, claims, "verdict")

    @pytest.mark.parametrize("scale", [1e-3, 1e4], ids="times {:g}".format)
    def test_scale(self, student, support, draw, expect, scale):
        """a small or large gradient, and the same with one entry off by 0.1 %"""
        A, b, x, g = draw_quadratic(draw, scale)
        f, claims = support.make("quadratic", A, b), [(g, True), (scaled_entry(g, 2, 1.001), False)]
        self._check(student, support, expect, f, x, claims, "verdict")

    def test_other_functions(self, student, support, draw, expect):
        """a cubic and a sine, each with its gradient and with a wrong one"""
        weights = draw.uniform(2, 3, low=0.5, high=1.5, dtype=F64)
        x = draw.uniform(2, 3, low=0.5, high=1.5, dtype=F64)
        g, wrong = 3 * weights * x**2, 3 * weights * x**2
        wrong[1, 2] *= 1.001
        f = support.make("cubic", weights)
        self._check(student, support, expect, f, x, [(g, True), (wrong, False)], "verdict")
        x = x * (math.pi / (weights * x).sum())  # there the sine falls steeply
        f, claims = support.make("sine", weights), [(-weights, True), (-weights.sign(), False)]
        self._check(student, support, expect, f, x, claims, "verdict")

    def test_default_arguments(self, student, support, draw, expect):
        """room for error as asked for"""
        A, b, x, g = draw_quadratic(draw)
        f = support.make("quadratic", A, b)
        grad = support.make("constant", 1.01 * g)
        expect(student.gradcheck(f, grad, x), False, name="verdict")
        expect(student.gradcheck(f, grad, x, rtol=0.05), True, name="verdict")
        expect(student.gradcheck(f, grad, x, rtol=0.0, atol=0.05), True, name="verdict")

    @pytest.mark.part("form")
    def test_shapes(self, student, support, draw, expect):
        """equal entries, in the shape of x and in others"""
        f, x = support.make("quadratic", torch.eye(3, dtype=F64), doubles([1.0, 0.0, -1.0])), None
        x, g = doubles([1.0, 2.0, 3.0]), doubles([2.0, 2.0, 2.0])
        claims = [(g, True), (g[:1], False), (g[0], False), (g.unsqueeze(0), False),
                  (g.unsqueeze(1), False), (doubles([2.0] * 4), False)]  # fmt: skip
        self._check(student, support, expect, f, x, claims, "form")

    @pytest.mark.part("form")
    def test_flat(self, student, support, draw, expect):
        """a matrix as input, the gradient as a matrix and as a vector"""
        weights = draw.uniform(2, 3, low=0.5, high=1.5, dtype=F64)
        f, x = support.make("cubic", weights), torch.ones(2, 3, dtype=F64)
        claims = [(3 * weights, True), (3 * weights.reshape(-1), False), (3 * weights.T, False)]
        self._check(student, support, expect, f, x, claims, "form")

    @pytest.mark.part("form")
    @pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf], ids=str)
    def test_no_number(self, student, support, draw, expect, bad):
        """the right gradient, and one of its entries replaced by what is no number"""
        A, b, x, g = draw_quadratic(draw)
        wrong = g.clone()
        wrong[3] = bad
        f = support.make("quadratic", A, b)
        self._check(student, support, expect, f, x, [(g, True), (wrong, False)], "form")

    @pytest.mark.part("float32")
    @pytest.mark.parametrize("at", [0, 4], ids="entry {}".format)
    def test_float32(self, student, support, draw, expect, at):
        """single precision: the right gradient, and one entry off by 0.1 %"""
        weights = draw.uniform(5, low=0.5, high=1.5, dtype=torch.float32)
        x = draw.uniform(5, low=0.5, high=1.5, dtype=torch.float32)
        g, f = 3 * weights * x**2, support.make("cubic", weights)
        claims = [(g, True), (scaled_entry(g, at, 1.001), False)]
        self._check(student, support, expect, f, x, claims, "float32")

    @pytest.mark.part("kink")
    @pytest.mark.parametrize("slope", [0.0, 0.3, 0.5, 1.0, 1.001, -0.001, 2.0, -1.0], ids=str)
    def test_relu(self, student, support, draw, expect, slope):
        """weighted ReLUs, one of them at its kink, with some slope there"""
        weights = draw.uniform(4, low=0.5, high=1.5, dtype=F64) * doubles([1.0, -1.0, 1.0, -1.0])
        x = draw.uniform(4, low=0.1, high=1.0, dtype=F64) * doubles([1.0, -1.0, 0.0, 1.0])
        steps = doubles([1.0, 0.0, slope, 1.0])
        f, right = support.make("weighted_relu", weights), 0.0 <= slope <= 1.0
        self._check(student, support, expect, f, x, [(weights * steps, right)], "kink")

    @pytest.mark.part("kink")
    def test_falling_kink(self, student, support, expect):
        """a kink that falls to the right"""
        f, x = support.make("weighted_relu", doubles([-2.0])), doubles([0.0])
        claims = [
            (doubles([slope]), -2.0 <= slope <= 0.0) for slope in (0.0, -2.0, -1.0, 1.0, -3.0)
        ]
        self._check(student, support, expect, f, x, claims, "kink")

    @pytest.mark.part("kink")
    @pytest.mark.parametrize("weight", [2.0, -2.0], ids="weight={}".format)
    def test_room_at_a_kink(self, student, support, expect, weight):
        """a little outside of both slopes at a kink: within the room for error, and beyond it"""
        f, x = support.make("weighted_relu", doubles([weight])), doubles([0.0])
        # The slopes are 0 and the weight; the larger one decides how much room there is at either.
        shares = [(-5e-5, True), (1 + 5e-5, True), (-2e-4, False), (1 + 2e-4, False)]
        claims = [(doubles([weight * share]), right) for share, right in shares]
        self._check(student, support, expect, f, x, claims, "kink")

    @pytest.mark.part("kink")
    def test_near_the_kink(self, student, support, expect):
        """close to a kink, but not there: no choice"""
        f, x = support.make("weighted_relu", doubles([1.0, 1.0])), doubles([1e-3, -1e-3])
        claims = [(doubles([1.0, 0.0]), True), (doubles([0.5, 0.0]), False),
                  (doubles([1.0, 0.5]), False)]  # fmt: skip
        self._check(student, support, expect, f, x, claims, "kink")
