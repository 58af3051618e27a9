"""An autodiff engine: the checks that students run too."""

import heapq
import math

import pytest
import torch


def numbers(draw, values):
    return torch.tensor(values, dtype=draw.dtype, device=draw.device)


def doubles(values):
    return torch.tensor(values, dtype=torch.float64)


# --- numbers ----------------------------------------------------------------------------------


@pytest.mark.exercise("central_difference", parts={"gradient": 3, "integer_x": 1})
class TestCentralDifference:
    """The gradient of any function, by trying"""

    def test_worked_number(self, student, support, expect):
        """the worked number of the handout"""
        f = support.make("cubic", doubles([1.0]))
        grad = student.central_difference(f, doubles([2.0]), h=0.1)
        expect(grad, doubles([12.01]), name="gradient")

    def test_order_of_the_error(self, student, support, draw, expect):
        """half the h, a quarter of the error"""
        weights, x = draw.uniform(3, low=1.0, high=2.0, dtype=torch.float64), doubles([0.5, -1, 2])
        f, truth = support.make("cubic", weights), 3 * weights * x**2
        errors = [student.central_difference(f, x, h) - truth for h in (0.1, 0.05)]
        expect(errors[0] / errors[1], doubles([4.0, 4.0, 4.0]), name="gradient")

    def test_default_h(self, student, support, draw, expect):
        """the h that is given when none is asked for, a matrix as input"""
        weights, x = (draw.normal(2, 3, dtype=torch.float64) for _ in range(2))
        grad = student.central_difference(support.make("sine", weights), x)
        truth = weights * torch.cos((weights * x).sum())
        # Differences of numbers that are known to 1e-16, divided by 2e-5.
        expect(grad, truth, name="gradient", rtol=1e-6, atol=1e-8)

    @pytest.mark.part("integer_x")
    def test_integers(self, student, support, expect):
        """a TypeError for whole numbers, a gradient for the same numbers in float64"""
        f, x = support.make("cubic", doubles([1.0, 2.0])), torch.tensor([1, -1])
        grad = student.central_difference(f, x.double(), h=0.1)
        expect(grad, doubles([3.01, 6.02]), name="integer_x")
        expect.raises(TypeError, student.central_difference, f, x, name="integer_x")


@pytest.mark.exercise("forward_pass_example", parts={"q": 1, "f": 1})
class TestForwardPassExample:
    """Forward through a small graph"""

    def test_worked_number(self, student, expect):
        """the worked number of the handout"""
        q, f = student.forward_pass_example(-2.0, 5.0, -4.0)
        expect(q, 3.0, name="q")
        expect(f, -12.0, name="f")


INPUTS = {"grad_x": 1, "grad_y": 1, "grad_z": 1}


@pytest.mark.exercise("backward_pass_example", parts=INPUTS)
class TestBackwardPassExample:
    """Backward through a small graph"""

    @pytest.mark.parametrize("grad_f", [1.0, 2.0], ids="grad_f={}".format)
    def test_worked_number(self, student, expect, grad_f):
        """the worked numbers of the handout"""
        grads = student.backward_pass_example(-2.0, 5.0, -4.0, grad_f)
        for name, grad, right in zip(INPUTS, grads, (-4.0, -4.0, 3.0), strict=True):
            expect(grad, right * grad_f, name=name)


SIGMOID = {"f": 1, "grad_x": 1, "grad_w": 1}


@pytest.mark.exercise("sigmoid_block", parts=SIGMOID | {"stability": 1})
class TestSigmoidBlock:
    """A neuron as one node"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        x, w = numbers(draw, [1.0, 2.0]), numbers(draw, [2.0, -1.0, math.log(3)])
        f, grad_x, grad_w = student.sigmoid_block(x, w, 1.0)
        expect(f, numbers(draw, 0.75), name="f")
        expect(grad_x, numbers(draw, [0.375, -0.1875]), name="grad_x")
        expect(grad_w, numbers(draw, [0.1875, 0.375, 0.1875]), name="grad_w")

    def test_random(self, student, draw, expect, oracle):
        """four random inputs"""
        args = (draw.normal(4), draw.normal(5), -1.7)
        for name, value, right in zip(
            SIGMOID, student.sigmoid_block(*args), oracle.sigmoid_block(*args), strict=True
        ):
            expect(value, right, name=name)

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("s", [1000.0, -1000.0, 1.0], ids="s={}".format)
    def test_large_s(self, student, draw, expect, oracle, s):
        """far out, and near by"""
        args = (numbers(draw, [0.5]), numbers(draw, [1.0, s - 0.5]), 2.0)
        expect(student.sigmoid_block(*args), oracle.sigmoid_block(*args), name="stability")


# --- graphs -----------------------------------------------------------------------------------


def nearest_order(order, parents, root):
    """Return the right order that is most like `order`: `order` itself if it is right."""
    wanted, queue = {root}, [root]
    while queue:
        new = set(parents[queue.pop()]) - wanted
        wanted |= new
        queue += new
    given = order if isinstance(order, list | tuple) else []
    place = {node: i for i, node in reversed(list(enumerate(given))) if isinstance(node, str | int)}
    missing = {node: len(set(parents[node])) for node in wanted}
    ready = [(place.get(node, len(given)), node) for node in wanted if not missing[node]]
    heapq.heapify(ready)
    right = []
    while ready:
        _, node = heapq.heappop(ready)
        right.append(node)
        for child in wanted:
            if node in parents[child]:
                missing[child] -= 1
                if not missing[child]:
                    heapq.heappush(ready, (place.get(child, len(given)), child))
    return right


def at_once(order):
    """Return a list of integers as a tensor, which is compared in one go."""
    is_plain = isinstance(order, list | tuple) and all(type(node) is int for node in order)
    return torch.tensor(order) if is_plain else order


SLIDE = {
    "x": [], "y": [], "z1": ["x", "y"], "z2": ["x"], "z3": ["z1"], "z4": ["z2"],
    "z5": ["z3", "z4"], "out": ["z5"],
}  # fmt: skip


@pytest.mark.exercise("topological_sort", parts={"order": 2, "depth": 1})
class TestTopologicalSort:
    """An order to go through a graph"""

    def test_worked_number(self, student, support, expect):
        """the graph of the handout"""
        order = student.topological_sort("out", support.make("lookup", SLIDE))
        expect(order, nearest_order(order, SLIDE, "out"), name="order")

    def test_shortcut(self, student, support, expect):
        """a node that is used early and late, among nodes without a pattern in their numbers"""
        table = [[2, 4], [], [3], [1], [1], [0, 2, 6], [4, 1], [5]]
        order = student.topological_sort(5, support.make("lookup", table))
        expect(order, nearest_order(order, table, 5), name="order")

    @pytest.mark.part("depth")
    @pytest.mark.parametrize("length", [50, 5000])
    def test_long_chain(self, student, support, expect, length):
        """a chain of so many nodes"""
        order = student.topological_sort(length - 1, support.make("ladder_lookup", length, 0))
        expect(at_once(order), torch.arange(length), name="depth")


# --- the class --------------------------------------------------------------------------------


def check(expect, support, out, operands, data, derivatives):
    """Compare a Value and its derivatives with respect to its operands."""
    expect(out.data, data, name="data")
    expect(support.make("slopes", out, operands), derivatives, name="derivatives")


@pytest.mark.exercise("Value.__add__", parts={"data": 1, "derivatives": 1})
class TestValueAdd:
    """Sums of Values"""

    def test_worked_number(self, student, support, expect):
        """the worked number of the handout"""
        a, b = student.Value(2.0), student.Value(-3.0)
        check(expect, support, a + b, [a, b], -1.0, [1.0, 1.0])

    def test_itself(self, student, support, expect):
        """a + a"""
        a = student.Value(1.5)
        check(expect, support, a + a, [a], 3.0, [2.0])

    def test_constants(self, student, support, expect):
        """a constant on the right, and on the left"""
        a = student.Value(2.0)
        check(expect, support, a + 3, [a], 5.0, [1.0])
        check(expect, support, 0.5 + a, [a], 2.5, [1.0])


@pytest.mark.exercise("Value.__mul__", parts={"data": 1, "derivatives": 1})
class TestValueMul:
    """Products of Values"""

    def test_worked_number(self, student, support, expect):
        """the worked number of the handout"""
        a, b = student.Value(2.0), student.Value(-3.0)
        check(expect, support, a * b, [a, b], -6.0, [-3.0, 2.0])

    def test_itself(self, student, support, expect):
        """a * a"""
        a = student.Value(2.0)
        check(expect, support, a * a, [a], 4.0, [4.0])

    def test_constants(self, student, support, expect):
        """a constant on the right, and on the left"""
        a = student.Value(2.0)
        check(expect, support, a * 3, [a], 6.0, [3.0])
        check(expect, support, 0.5 * a, [a], 1.0, [0.5])


@pytest.mark.exercise("Value.__pow__", parts={"data": 1, "derivatives": 1, "zero": 1})
class TestValuePow:
    """Powers of Values"""

    @pytest.mark.parametrize(
        ("base", "exponent", "data", "slope"),
        [(3.0, 2, 9.0, 6.0), (2.0, -1, 0.5, -0.25), (4.0, 0.5, 2.0, 0.25)],
        ids=["3 ** 2", "2 ** -1", "4 ** 0.5"],
    )
    def test_worked_number(self, student, support, expect, base, exponent, data, slope):
        """the worked numbers of the handout, and a root"""
        a = student.Value(base)
        check(expect, support, a**exponent, [a], data, [slope])

    @pytest.mark.part("zero")
    @pytest.mark.parametrize("base", [0.0, 2.0], ids=str)
    def test_small_exponents(self, student, support, expect, base):
        """exponents 0, 1 and 2"""
        a = student.Value(base)
        for exponent, slope in enumerate([0.0, 1.0, 2 * base]):
            out = a**exponent
            expect(out.data, base**exponent, name="zero")
            expect(support.make("slopes", out, [a]), [slope], name="zero")


@pytest.mark.exercise("Value.tanh", parts={"data": 1, "derivatives": 1, "stability": 1})
class TestValueTanh:
    """The hyperbolic tangent"""

    def test_worked_number(self, student, support, expect):
        """the worked number of the handout"""
        a = student.Value(math.log(2))
        check(expect, support, a.tanh(), [a], 0.6, [0.64])

    def test_negative(self, student, support, expect):
        """a negative number"""
        a = student.Value(-math.log(3))
        check(expect, support, a.tanh(), [a], -0.8, [0.36])

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("x", [1000.0, -1000.0, 1.0], ids=str)
    def test_large(self, student, support, expect, x):
        """far out, and near by"""
        a = student.Value(x)
        out, data = a.tanh(), math.tanh(x)
        expect(out.data, data, name="stability")
        expect(support.make("slopes", out, [a]), [1 - data**2], name="stability")


@pytest.mark.exercise("Value.relu", parts={"data": 1, "derivatives": 1, "kink": 1})
class TestValueRelu:
    """The larger of a number and 0"""

    @pytest.mark.parametrize("x", [3.0, -2.0], ids=str)
    def test_worked_number(self, student, support, expect, x):
        """the worked numbers of the handout"""
        a = student.Value(x)
        check(expect, support, a.relu(), [a], max(x, 0.0), [float(x > 0)])

    @pytest.mark.part("kink")
    def test_kink(self, student, support, expect):
        """at 0, and right next to it"""
        for x, slope in ((0.0, 0.0), (1e-9, 1.0), (-1e-9, 0.0)):
            a = student.Value(x)
            out = a.relu()
            expect(support.make("slopes", out, [a]), [slope], name="kink")


# One row for each node: data, parents, local gradients.
EXAMPLE = [(-2.0, [], []), (5.0, [], []), (-4.0, [], []), (3.0, [0, 1], [1.0, 1.0]),
           (-12.0, [3, 2], [-4.0, 3.0])]  # fmt: skip
SQUARE_PLUS = [(3.0, [], []), (9.0, [0, 0], [3.0, 3.0]), (12.0, [1, 0], [1.0, 1.0])]


@pytest.mark.exercise("Value.backward", parts={"grad": 3, "shared": 3, "again": 1, "depth": 1})
class TestValueBackward:
    """Backpropagation"""

    @pytest.mark.part("grad")
    def test_worked_number(self, student, support, expect):
        """the worked number of the handout: (x + y) z"""
        nodes = support.make("graph", student.Value(0.0), EXAMPLE)
        nodes[-1].backward()
        expect(support.make("grads", nodes), [-4.0, -4.0, 3.0, -4.0, 1.0], name="grad")

    @pytest.mark.part("shared")
    def test_used_three_times(self, student, support, expect):
        """the worked number of the handout: x x + x"""
        nodes = support.make("graph", student.Value(0.0), SQUARE_PLUS)
        nodes[-1].backward()
        expect(support.make("grads", nodes), [7.0, 1.0, 1.0], name="shared")

    @pytest.mark.part("shared")
    def test_used_early_and_late(self, student, support, expect):
        """b = 2 a is used twice, far from the result and near it: b (3 b) + b"""
        rows = [(1.0, [], []), (2.0, [0], [2.0]), (6.0, [1], [3.0]), (12.0, [2, 1], [2.0, 6.0]),
                (14.0, [3, 1], [1.0, 1.0])]  # fmt: skip
        nodes = support.make("graph", student.Value(0.0), rows)
        nodes[-1].backward()
        expect(support.make("grads", nodes), [26.0, 13.0, 2.0, 1.0, 1.0], name="shared")

    @pytest.mark.part("again")
    def test_twice(self, student, support, expect):
        """the same root twice: both times the same grads"""
        nodes = support.make("graph", student.Value(0.0), EXAMPLE)
        for _ in range(2):
            nodes[-1].backward()
            expect(support.make("grads", nodes), [-4.0, -4.0, 3.0, -4.0, 1.0], name="again")

    @pytest.mark.part("depth")
    @pytest.mark.parametrize("length", [50, 5000])
    def test_long_chain(self, student, support, expect, length):
        """a chain of so many nodes"""
        bottom, middle, top = support.make(
            "ladder_graph", student.Value(0.0), length, 0, 1.001, [0, length - 11, -1]
        )
        top.backward()
        grads = support.make("grads", [bottom, middle, top])
        expect(grads, [1.001 ** (length - 1), 1.001**10, 1.0], name="depth")


# --- vectors ----------------------------------------------------------------------------------

LINEAR = {"grad_x": 1, "grad_W": 1, "grad_b": 1}


@pytest.mark.exercise("linear_vjp", parts=LINEAR)
class TestLinearVjp:
    """Backward through a linear layer"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        x, W = numbers(draw, [[1.0, 2.0], [0.0, 1.0]]), numbers(draw, [[1.0, 2.0], [3.0, -1.0]])
        grad_y = numbers(draw, [[1.0, 2.0], [1.0, 0.0]])
        grads = student.linear_vjp(x, W, numbers(draw, [0.0, 0.0]), grad_y)
        expected = ([[7.0, 0.0], [1.0, 2.0]], [[1.0, 3.0], [2.0, 4.0]], [2.0, 2.0])
        for name, grad, right in zip(LINEAR, grads, expected, strict=True):
            expect(grad, numbers(draw, right), name=name)

    def test_random(self, student, draw, expect, oracle):
        """five examples, three inputs, two outputs"""
        args = (draw.normal(5, 3), draw.normal(2, 3), draw.normal(2), draw.normal(5, 2))
        grads = student.linear_vjp(*args)
        for name, grad, right in zip(LINEAR, grads, oracle.linear_vjp(*args), strict=True):
            expect(grad, right, name=name)


@pytest.mark.exercise("linear_jvp", parts={"tangent_y": 1})
class TestLinearJvp:
    """Forward through a linear layer, with changes"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        primals = ([[1.0, 2.0]], [[1.0, 2.0], [3.0, -1.0]], [0.0, 0.0])
        tangents = ([[1.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]], [0.0, 1.0])
        args = [numbers(draw, values) for values in (*primals, *tangents)]
        expect(student.linear_jvp(*args), numbers(draw, [[3.0, 4.0]]))

    def test_random(self, student, draw, expect, oracle):
        """five examples, three inputs, two outputs"""
        args = [draw.normal(*shape) for shape in 2 * [(5, 3), (2, 3), (2,)]]
        expect(student.linear_jvp(*args), oracle.linear_jvp(*args))


def tanh_chain(x, weights, biases):
    """Return the Jacobian of a chain of tanh layers, as a matrix."""
    J = torch.eye(len(x), dtype=x.dtype)
    for W, b in zip(weights, biases, strict=True):
        x = torch.tanh(W @ x + b)
        J = (1 - x * x).unsqueeze(1) * W @ J
    return J


def worked_layers(draw):
    """Return the weights, the biases and the input of the handout."""
    W_1 = numbers(draw, [[math.log(2), 0.0], [0.0, math.log(3)]])
    weights = [W_1, numbers(draw, [[4.0, -3.0]])]
    return weights, [numbers(draw, [0.0, 0.0]), numbers(draw, [0.0])], numbers(draw, [1.0, 1.0])


@pytest.mark.exercise("chain_vjp", parts={"grad_x": 2, "products": 1})
class TestChainVjp:
    """Backward through a chain"""

    def test_worked_number(self, student, support, draw, expect):
        """the worked number of the handout"""
        weights, biases, x = worked_layers(draw)
        layers = support.make("tanh_layers", weights, biases)
        right = numbers(draw, [2.56 * math.log(2), -1.08 * math.log(3)])
        expect(student.chain_vjp(layers, x, numbers(draw, [1.0])), right, name="grad_x")

    @pytest.mark.part("products")
    def test_three_layers(self, student, support, draw, expect):
        """three layers: one product for each, and the right result"""
        weights = [draw.normal(4, 3), draw.normal(4, 4), draw.normal(2, 4)]
        biases, x, u = (
            [draw.normal(4), draw.normal(4), draw.normal(2)],
            draw.normal(3),
            draw.normal(2),
        )
        layers = support.make("tanh_layers", weights, biases)
        found = {"grad_x": student.chain_vjp(layers, x, u)}
        found["products"] = support.make("products", layers)
        right = {"grad_x": u @ tanh_chain(x, weights, biases), "products": [1, 1, 1]}
        expect(found, right, name="products")


@pytest.mark.exercise("chain_jvp", parts={"tangent_y": 2, "products": 1})
class TestChainJvp:
    """Forward through a chain, with a change"""

    def test_worked_number(self, student, support, draw, expect):
        """the worked number of the handout"""
        weights, biases, x = worked_layers(draw)
        layers = support.make("tanh_layers", weights, biases)
        right = numbers(draw, [2.56 * math.log(2)])
        expect(student.chain_jvp(layers, x, numbers(draw, [1.0, 0.0])), right, name="tangent_y")

    @pytest.mark.part("products")
    def test_three_layers(self, student, support, draw, expect):
        """three layers: one product for each, and the right result"""
        weights = [draw.normal(4, 3), draw.normal(4, 4), draw.normal(2, 4)]
        biases, x, v = (
            [draw.normal(4), draw.normal(4), draw.normal(2)],
            draw.normal(3),
            draw.normal(3),
        )
        layers = support.make("tanh_layers", weights, biases)
        found = {"tangent_y": student.chain_jvp(layers, x, v)}
        found["products"] = support.make("products", layers)
        right = {"tangent_y": tanh_chain(x, weights, biases) @ v, "products": [1, 1, 1]}
        expect(found, right, name="products")


# --- checking ---------------------------------------------------------------------------------


@pytest.mark.exercise("gradcheck", parts={"verdict": 3, "form": 1, "float32": 1, "kink": 1})
class TestGradcheck:
    """Is it the gradient?"""

    def test_worked_number(self, student, support, expect):
        """the worked numbers of the handout: 12 and 12.012"""
        f, x = support.make("cubic", doubles([1.0])), doubles([2.0])
        for claim, right in ((12.0, True), (12.012, False)):
            grad = support.make("constant", doubles([claim]))
            expect(student.gradcheck(f, grad, x), right, name="verdict")

    @pytest.mark.part("form")
    def test_form(self, student, support, expect):
        """the right numbers, the right numbers in a row too many, one that is no number"""
        f, x = support.make("cubic", doubles([1.0, 1.0])), doubles([2.0, 1.0])
        claims = ([12.0, 3.0], True), ([[12.0, 3.0]], False), ([12.0, math.nan], False)
        for claim, right in claims:
            grad = support.make("constant", doubles(claim))
            expect(student.gradcheck(f, grad, x), right, name="form")

    @pytest.mark.part("float32")
    def test_float32(self, student, support, expect):
        """the worked numbers of the handout, in single precision"""
        x = torch.tensor([2.0], dtype=torch.float32)
        f = support.make("cubic", torch.ones_like(x))
        for claim, right in ((12.0, True), (12.012, False)):
            grad = support.make("constant", torch.tensor([claim], dtype=torch.float32))
            expect(student.gradcheck(f, grad, x), right, name="float32")

    @pytest.mark.part("kink")
    @pytest.mark.parametrize("claim", [0.0, 0.5, 1.0, 1.1, -0.1], ids=str)
    def test_relu(self, student, support, expect, claim):
        """what is claimed to be the derivative of ReLU at 0"""
        f = support.make("weighted_relu", doubles([1.0]))
        grad = support.make("constant", doubles([claim]))
        verdict = student.gradcheck(f, grad, doubles([0.0]))
        expect(verdict, 0.0 <= claim <= 1.0, name="kink")
