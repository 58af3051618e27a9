"""The reference engine, proven by other means than the suites use.

Values against torch's engine on random expressions, backward against a sum over all paths, layers
against finite differences and the adjoint identity, the checker against a bank of wrong gradients.
"""

import itertools
import math
import random
import time
from pathlib import Path

import pytest
import torch

from autograder.checks import bank

ROOT = Path(__file__).parents[2]
TOPIC = bank.load(ROOT, "autodiff")
F, SUPPORT = TOPIC.solution, TOPIC.support
Value = F["Value"]


def randn(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


# --- finite differences -------------------------------------------------------------------------


def test_the_error_of_a_central_difference_is_of_second_order():
    x = torch.tensor([0.3, -1.2, 2.0], dtype=torch.float64)

    def f(x):
        return torch.exp(x[0] * x[1]) + torch.sin(x[2]) * x[0]

    truth = torch.autograd.functional.jacobian(f, x)
    errors = [(F["central_difference"](f, x, h) - truth).abs().max() for h in (0.02, 0.01, 0.005)]
    for coarse, fine in itertools.pairwise(errors):
        assert coarse / fine == pytest.approx(4.0, rel=0.02)


@pytest.mark.parametrize("shape", [(), (1,), (3, 2)], ids=str)
def test_a_central_difference_leaves_its_input_alone(shape):
    x = randn(*shape)
    before, version = x.clone(), x._version
    grad = F["central_difference"](lambda x: (x * x).sum(), x)
    assert torch.equal(x, before)
    assert x._version == version
    assert grad.shape == x.shape
    torch.testing.assert_close(grad, 2 * x, rtol=1e-6, atol=1e-8)


# --- the examples of the notes --------------------------------------------------------------------


def test_the_numbers_of_the_class_notes():
    assert F["forward_pass_example"](-2, 5, -4) == (3, -12)
    assert F["backward_pass_example"](-2, 5, -4, 1) == (-4, -4, 3)


def test_both_examples_agree_with_the_class():
    x, y, z = Value(-2), Value(5), Value(-4)
    f = (x + y) * z
    f.backward()
    assert (f.data, x.grad, y.grad, z.grad, f.grad) == (-12, -4, -4, 3, 1)


def test_the_block_is_the_sigmoid_made_of_values():
    x, w = randn(3), randn(4, seed=1)
    a, b = [Value(v) for v in x.tolist()], [Value(v) for v in w.tolist()]
    s = sum((p * q for p, q in zip(a, b[:-1], strict=True)), b[-1])
    f = 1 / (1 + (-s).exp())
    (3 * f).backward()
    block = F["sigmoid_block"](x, w, 3.0)
    assert float(block[0]) == pytest.approx(f.data, rel=1e-12)
    assert block[1].tolist() == pytest.approx([v.grad for v in a], rel=1e-12)
    assert block[2].tolist() == pytest.approx([v.grad for v in b], rel=1e-12)


# --- graphs ---------------------------------------------------------------------------------------


def random_parents(n, rng):
    return [
        [rng.randrange(node) for _ in range(rng.randrange(4))] if node else [] for node in range(n)
    ]


@pytest.mark.parametrize("seed", range(20))
def test_an_order_holds_every_ancestor_once_and_after_its_parents(seed):
    table = random_parents(12, random.Random(seed))
    order = F["topological_sort"](11, table.__getitem__)
    ancestors, new = {11}, {11}
    while new:
        new = {parent for node in new for parent in table[node]} - ancestors
        ancestors |= new
    assert sorted(order) == sorted(ancestors)
    place = {node: index for index, node in enumerate(order)}
    assert all(place[parent] < place[node] for node in order for parent in table[node])


def test_deep_and_branching_graphs_take_no_time():
    start = time.process_time()
    table = SUPPORT["ladder"](20_000, 60)
    assert len(F["topological_sort"](len(table) - 1, table.__getitem__)) == len(table)
    nodes = SUPPORT["ladder_graph"](Value(0.0), 20_000, 60, 1.0, [0, -1])
    nodes[-1].backward()
    assert nodes[0].grad == 1.0
    assert time.process_time() - start < 2


def test_the_ladder_of_the_hidden_suite_is_that_of_the_support_file():
    path = ROOT / "tests" / "hidden" / "test_autodiff.py"
    names = {"__name__": "hidden"}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), names)
    assert names["ladder_above_a_chain"](7, 3) == SUPPORT["ladder"](7, 3)


def test_the_nearest_order_is_the_given_one_exactly_if_it_is_right():
    path = ROOT / "tests" / "hidden" / "test_autodiff.py"
    names = {"__name__": "hidden"}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), names)
    table = [[], [], [0, 1], [0], [2, 3]]
    right = 0
    for order in itertools.permutations(range(5)):
        place = {node: index for index, node in enumerate(order)}
        is_right = all(place[p] < place[node] for node in order for p in table[node])
        assert (names["nearest_order"](list(order), table, 4) == list(order)) is is_right
        right += is_right
    assert right == 5
    for garbage in (None, 3, [], [4], [0, 0, 1, 2, 3, 4], ["x"], [None, 2.5], [[1]]):
        nearest = names["nearest_order"](garbage, table, 4)
        assert sorted(nearest) == list(range(5))


# --- the class ------------------------------------------------------------------------------------

UNARY = {
    "tanh": (lambda v: v.tanh(), torch.tanh),
    "relu": (lambda v: v.relu(), torch.relu),
    "exp": (lambda v: (v * 0.3).exp(), lambda t: (t * 0.3).exp()),
    "log": (lambda v: (v**2 + 1).log(), lambda t: (t**2 + 1).log()),
    "neg": (lambda v: -v, lambda t: -t),
    "pow": (lambda v: (v * v + 0.5) ** -1.5, lambda t: (t * t + 0.5) ** -1.5),
    "left": (lambda v: 3 - 2 * v + 1, lambda t: 3 - 2 * t + 1),
    "over": (lambda v: 2 / (v * v + 1), lambda t: 2 / (t * t + 1)),
    "rpow": (lambda v: 2 ** (v * 0.2), lambda t: 2 ** (t * 0.2)),
}
BINARY = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / (b * b + 1),
}


@pytest.mark.parametrize("seed", range(25))
def test_random_expressions_agree_with_torch(seed):
    rng = random.Random(seed)
    numbers = [rng.uniform(-2, 2) for _ in range(4)]
    mine = [Value(number) for number in numbers]
    theirs = [torch.tensor(number, dtype=torch.float64, requires_grad=True) for number in numbers]
    leaves = list(theirs)
    for _ in range(25):
        i, j = rng.randrange(len(mine)), rng.randrange(len(mine))
        if rng.random() < 0.4:
            one, other = UNARY[rng.choice(list(UNARY))]
            mine.append(one(mine[i]).tanh())
            theirs.append(other(theirs[i]).tanh())
        else:
            both = BINARY[rng.choice(list(BINARY))]
            mine.append(both(mine[i], mine[j]).tanh())
            theirs.append(both(theirs[i], theirs[j]).tanh())
    root, other = sum(mine, Value(0.0)), sum(theirs)
    root.backward()
    truth = torch.autograd.grad(other, leaves)
    assert root.data == pytest.approx(other.item(), rel=1e-12)
    grads = [leaf.grad for leaf in mine[:4]]
    assert grads == pytest.approx([float(g) for g in truth], rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_backward_is_the_sum_over_all_paths(seed):
    rng = random.Random(seed)
    rows = [
        (rng.random(), parents, [rng.uniform(-2, 2) for _ in parents])
        for parents in random_parents(10, rng)
    ]
    nodes = SUPPORT["graph"](Value(0.0), rows)
    for root in (nodes[-1], nodes[6], nodes[-1]):
        root.backward()
        below = F["topological_sort"](root, lambda node: node.parents)
        assert [node.grad for node in below] == pytest.approx(SUPPORT["slopes"](root, below))


@pytest.mark.parametrize("operation", ["tanh", "relu", "exp", "log"])
@pytest.mark.parametrize("x", [0.4, 1.7])
def test_local_gradients_agree_with_finite_differences(operation, x):
    def f(x):
        return getattr(Value(float(x)), operation)().data

    (slope,) = getattr(Value(x), operation)().local_grads
    assert slope == pytest.approx((f(x + 1e-5) - f(x - 1e-5)) / 2e-5, rel=1e-8)


def test_a_value_needs_a_local_gradient_for_each_parent():
    with pytest.raises(ValueError, match="a local gradient for each parent, got 2 for 1 parents"):
        Value(1.0, (Value(2.0),), (1.0, 1.0))


# --- vectors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("N", "n_in", "n_out"), [(4, 3, 2), (1, 1, 3), (3, 3, 3)])
def test_vjp_and_jvp_of_a_linear_layer_are_transposes(N, n_in, n_out):
    primals = randn(N, n_in), randn(n_out, n_in, seed=1), randn(n_out, seed=2)
    tangents = randn(N, n_in, seed=3), randn(n_out, n_in, seed=4), randn(n_out, seed=5)
    grad_y = randn(N, n_out, seed=6)
    grads = F["linear_vjp"](*primals, grad_y)
    left = (grad_y * F["linear_jvp"](*primals, *tangents)).sum()
    right = sum((g * t).sum() for g, t in zip(grads, tangents, strict=True))
    assert float(left) == pytest.approx(float(right), rel=1e-12)


@pytest.mark.parametrize("moving", range(3))
def test_vjp_of_a_linear_layer_agrees_with_finite_differences(moving):
    primals = [randn(4, 3), randn(2, 3, seed=1), randn(2, seed=2)]
    grad_y = randn(4, 2, seed=3)

    def loss(part):
        x, W, b = [*primals[:moving], part, *primals[moving + 1 :]]
        return ((x @ W.T + b) * grad_y).sum()

    grad = F["linear_vjp"](*primals, grad_y)[moving]
    numeric = F["central_difference"](loss, primals[moving])
    torch.testing.assert_close(grad, numeric, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("widths", [(3, 2), (4, 4, 4), (2, 5, 3, 1)], ids=str)
def test_chains_agree_with_the_whole_jacobian(widths):
    sizes = list(itertools.pairwise(widths))
    weights = [randn(b, a, seed=k) for k, (a, b) in enumerate(sizes)]
    biases = [randn(b, seed=10 + k) for k, (_, b) in enumerate(sizes)]
    layers = SUPPORT["tanh_layers"](weights, biases)

    def g(x):
        for layer in layers:
            x = layer(x)
        return x

    x, u, v = randn(widths[0], seed=20), randn(widths[-1], seed=21), randn(widths[0], seed=22)
    J = torch.func.jacrev(g)(x)
    torch.testing.assert_close(F["chain_vjp"](layers, x, u), u @ J)
    torch.testing.assert_close(F["chain_jvp"](layers, x, v), J @ v)
    assert SUPPORT["products"](layers) == [2] * len(layers)


@pytest.mark.parametrize("matrix", [torch.eye(3), "J", 2.0, None], ids=repr)
def test_a_jacobian_refuses_all_but_vectors(matrix):
    (layer,) = SUPPORT["tanh_layers"]([torch.eye(3)], [torch.zeros(3)])
    J = layer.jacobian(torch.zeros(3))
    other = J if matrix == "J" else matrix
    with pytest.raises(TypeError):
        J @ other
    with pytest.raises(TypeError):
        other @ J
    assert layer.products == 0
    torch.testing.assert_close(J.T @ torch.ones(3), torch.ones(3))
    assert (layer.products, tuple(J.shape)) == (1, (3, 3))


# --- checking -------------------------------------------------------------------------------------


def rosenbrock(x):
    return ((1 - x[:-1]) ** 2 + 100 * (x[1:] - x[:-1] ** 2) ** 2).sum()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("seed", range(5))
def test_gradcheck_accepts_autograd_and_rejects_a_tenth_of_a_percent(dtype, seed):
    x = 2 + randn(4, seed=seed).abs().to(dtype)  # far from where an entry of the gradient is 0
    grad = torch.func.grad(rosenbrock)
    assert F["gradcheck"](rosenbrock, grad, x) is True
    for i in range(4):
        factor = torch.ones(4, dtype=torch.float64)
        factor[i] = 1.001 if i % 2 else 0.999
        assert F["gradcheck"](rosenbrock, lambda x, k=factor: k * grad(x), x) is False


@pytest.mark.parametrize("slope", [-0.01, 0.0, 0.2, 1.0, 1.01, math.nan])
def test_gradcheck_accepts_every_subgradient_and_nothing_else(slope):
    zero = torch.zeros(1, dtype=torch.float64)
    claim = torch.tensor([slope], dtype=torch.float64)
    verdict = F["gradcheck"](lambda x: torch.relu(x).sum(), lambda _: claim, zero)
    assert verdict is (0.0 <= slope <= 1.0)


def test_gradcheck_sees_what_the_defaults_of_torch_let_pass():
    x = torch.tensor([1.0, 2.0], dtype=torch.float64)

    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return (x**3).sum()

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return 3 * 1.0009 * x**2 * grad

    wrong = x.clone().requires_grad_()
    assert torch.autograd.gradcheck(Cube.apply, (wrong,))  # wrong by 0.09 %
    assert not F["gradcheck"](lambda x: (x**3).sum(), lambda x: 3 * 1.0009 * x**2, x)
