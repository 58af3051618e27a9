"""Known wrong versions of the exercises on the autodiff engine, and hints for each."""

import math
from itertools import starmap

import torch

from autograder.checks.bank import mistake

# --- central_difference -----------------------------------------------------------------------


def _steps(x, h):
    """Return a step of size h along each axis, or refuse whole numbers."""
    if not x.is_floating_point():
        raise TypeError("x: whole numbers cannot be moved a little")
    return h * torch.eye(x.numel(), dtype=x.dtype, device=x.device).reshape(-1, *x.shape)


@mistake(
    "central_difference",
    source="the slides and the class notes, 2.2.2: the one-sided formula",
    hints=(
        "Half of h gives half of the error; it should give a quarter.",
        "It is hard to see for the h that is the default, and plain for h = 0.1.",
        "At which point between your two values is the slope of their line the best guess?",
    ),
)
def one_sided(f, x, h=1e-5):
    here = f(x)
    return torch.stack([(f(x + step) - here) / h for step in _steps(x, h)]).reshape(x.shape)


@mistake(
    "central_difference",
    source="constructed: the one-sided formula, backward",
    hints=(
        "Half of h gives half of the error; it should give a quarter.",
        "It is hard to see for the h that is the default, and plain for h = 0.1.",
        "You look to one side only. Which way does the error change if you look to the other?",
    ),
)
def one_sided_backward(f, x, h=1e-5):
    here = f(x)
    return torch.stack([(here - f(x - step)) / h for step in _steps(x, h)]).reshape(x.shape)


@mistake(
    "central_difference",
    source="constructed: the denominator of the one-sided formula",
    hints=(
        "Every entry is off by the same factor, whatever the function.",
        "It is what you divide by.",
        "How far apart are the two points at which you evaluate f?",
    ),
)
def divided_by_h(f, x, h=1e-5):
    slopes = [(f(x + step) - f(x - step)) / h for step in _steps(x, h)]
    return torch.stack(slopes).reshape(x.shape)


@mistake(
    "central_difference",
    source="constructed: all coordinates moved together",
    hints=(
        "All entries of your gradient are the same number.",
        "A single coordinate hides it.",
        "How many coordinates may move at a time if you want to know what one of them does?",
    ),
)
def all_at_once(f, x, h=1e-5):
    _steps(x, h)
    return torch.full_like(x, float((f(x + h) - f(x - h)) / (2 * h)))


@mistake(
    "central_difference",
    source="CS231n's numerical gradient without its last line: the coordinate is not put back",
    hints=(
        "The first entry is right, later ones are off a little.",
        "It grows with h and with the number of the entry.",
        "Where are the other coordinates while you move one of them?",
    ),
)
def not_put_back(f, x, h=1e-5):
    _steps(x, h)
    moved = x.clone().reshape(-1)
    slopes = []
    for i in range(moved.numel()):
        moved[i] += h
        above = f(moved.reshape(x.shape))
        moved[i] -= 2 * h
        slopes.append((above - f(moved.reshape(x.shape))) / (2 * h))
    return torch.stack(slopes).reshape(x.shape)


@mistake(
    "central_difference",
    source="constructed: h as the distance between the points",
    hints=(
        "Your error is a quarter of what it should be.",
        "It shows for large h only: you are better than the formula, and so not it.",
        "By how much is each coordinate moved, to either side?",
    ),
)
def half_steps(f, x, h=1e-5):
    slopes = [(f(x + step / 2) - f(x - step / 2)) / h for step in _steps(x, h)]
    return torch.stack(slopes).reshape(x.shape)


@mistake(
    "central_difference",
    source="a habit from libraries: a step that grows with the coordinate",
    hints=(
        "Your error depends on how large the coordinates are.",
        "It shows for large h only.",
        "Whose step is it, the one that was asked for or one of your own?",
    ),
)
def relative_steps(f, x, h=1e-5):
    slopes = []
    for step in _steps(x, h):
        size = 1 + float((step * x).abs().sum()) / h  # 1 + |x_i|
        slopes.append((f(x + size * step) - f(x - size * step)) / (2 * h * size))
    return torch.stack(slopes).reshape(x.shape)


@mistake(
    "central_difference",
    source="constructed: the two values exchanged",
    hints=(
        "Every entry has the wrong sign.",
        "It is the numerator.",
        "If f grows with x, which of your two values is the larger one?",
    ),
)
def lower_minus_upper(f, x, h=1e-5):
    slopes = [(f(x - step) - f(x + step)) / (2 * h) for step in _steps(x, h)]
    return torch.stack(slopes).reshape(x.shape)


@mistake(
    "central_difference",
    source="constructed: a flat gradient",
    hints=(
        "The numbers are right, the shape is not.",
        "A vector as input hides it.",
        "Which shape must a gradient have, always?",
    ),
)
def flat(f, x, h=1e-5):
    return torch.stack([(f(x + step) - f(x - step)) / (2 * h) for step in _steps(x, h)])


@mistake(
    "central_difference",
    source="121 public solution sets of one course: an exception that is asked for and not raised",
    hints=(
        "Where the handout asks for an exception, you give an answer.",
        "It is about the dtype of x.",
        "Who should decide what 3 as a whole number means here, you or the caller?",
    ),
)
def converts_whole_numbers(f, x, h=1e-5):
    x = x.double()
    slopes = [(f(x + step) - f(x - step)) / (2 * h) for step in _steps(x, h)]
    return torch.stack(slopes).reshape(x.shape)


@mistake(
    "central_difference",
    source="constructed: a view of a matrix that has gaps in memory",
    hints=(
        "Some inputs give an error, though their shapes and dtypes are right.",
        "It is those that do not lie in memory in the order of their axes.",
        "Which ways to flatten need the numbers to lie side by side in memory, and which copy?",
    ),
)
def in_order_only(f, x, h=1e-5):
    steps, flat = _steps(x, h).reshape(x.numel(), -1), x.view(-1)
    ends = [((flat + step).view(x.shape), (flat - step).view(x.shape)) for step in steps]
    return torch.stack([(f(up) - f(down)) / (2 * h) for up, down in ends]).view(x.shape)


# --- forward_pass_example ---------------------------------------------------------------------


@mistake(
    "forward_pass_example",
    source="constructed: precedence",
    hints=(
        "The node in the middle is right, the result does not use it.",
        "It is f.",
        "Which of the two operations comes first in the graph, and which in your line?",
    ),
)
def product_first(x, y, z):
    return x + y, x + y * z


@mistake(
    "forward_pass_example",
    source="constructed: the operations exchanged",
    hints=(
        "Both nodes are wrong.",
        "Try x = y = z = 1: the middle node should be 2.",
        "Which operation stands in the first node of the graph?",
    ),
)
def operations_exchanged(x, y, z):
    return x * y, x * y + z


@mistake(
    "forward_pass_example",
    source="constructed: a sum for the product",
    hints=(
        "The node in the middle is right, the result is not.",
        "It is f: double z, and f should double.",
        "With which operation does z come in?",
    ),
)
def only_sums(x, y, z):
    return x + y, x + y + z


@mistake(
    "forward_pass_example",
    source="constructed: inputs exchanged",
    hints=(
        "Each input has the part of another.",
        "It is hidden if y and z are equal.",
        "Which two inputs meet in the first node?",
    ),
)
def inputs_exchanged(x, y, z):
    return x + z, (x + z) * y


@mistake(
    "forward_pass_example",
    source="constructed: the order of the results",
    hints=(
        "Both numbers are there, in each other's place.",
        "It is the return statement.",
        "In which order are the nodes computed?",
    ),
)
def result_first(x, y, z):
    return (x + y) * z, x + y


# --- backward_pass_example --------------------------------------------------------------------


@mistake(
    "backward_pass_example",
    source="the class notes, 2.3.4: local derivatives in place of downstream ones",
    hints=(
        "Your gradients do not depend on what comes from above.",
        "With grad_f = 1 all is well.",
        "If f counts twice in the loss, how much does x count?",
    ),
)
def ignores_the_upstream(x, y, z, grad_f):
    return z, z, x + y


@mistake(
    "backward_pass_example",
    source="constructed: each factor gets its own value",
    hints=(
        "The gradient of each factor depends on the factor itself.",
        "It is the product; the sum is fine.",
        "f = q z. If z is 0, can changing q change f?",
    ),
)
def own_factor(x, y, z, grad_f):
    q = x + y
    return q * grad_f, q * grad_f, z * grad_f


@mistake(
    "backward_pass_example",
    source="constructed: the sum differentiated like a product",
    hints=(
        "The gradient of z is right, those of x and y are not.",
        "It is the step from q to its parents.",
        "If x grows by 0.1, by how much does x + y grow?",
    ),
)
def sum_as_product(x, y, z, grad_f):
    return y * z * grad_f, x * z * grad_f, (x + y) * grad_f


@mistake(
    "backward_pass_example",
    source="constructed: one link of the chain is missing",
    hints=(
        "The gradient of z is right, those of x and y do not depend on z.",
        "It is the step from q to its parents.",
        "What is the upstream gradient of the node q?",
    ),
)
def chain_cut_at_q(x, y, z, grad_f):
    return grad_f, grad_f, (x + y) * grad_f


@mistake(
    "backward_pass_example",
    source="constructed: local and upstream added",
    hints=(
        "Double grad_f: the gradients should double, yours do not.",
        "It is every step of the way.",
        "What does the chain rule do with the local and the upstream gradient?",
    ),
)
def local_plus_upstream(x, y, z, grad_f):
    grad_q = z + grad_f
    return 1 + grad_q, 1 + grad_q, x + y + grad_f


@mistake(
    "backward_pass_example",
    source="constructed: the value of the result carried along",
    hints=(
        "The gradient of z is too large by a factor, those of x and y are right.",
        "The factor is z.",
        "Which number multiplies z in the graph?",
    ),
)
def value_for_slope(x, y, z, grad_f):
    return z * grad_f, z * grad_f, (x + y) * z * grad_f


# --- sigmoid_block ----------------------------------------------------------------------------


def _neuron(x, w):
    return (w[:-1] * x).sum() + w[-1]


def _with_one(x, w):
    return torch.cat([x, torch.ones_like(w[-1:])])


@mistake(
    "sigmoid_block",
    source="a misconception about softmax's derivative, for one output: the input for the output",
    hints=(
        "The output is right, the gradients may even have the wrong sign.",
        "It is the local gradient of the block.",
        "Is the derivative written with what goes into the sigmoid, or with what comes out?",
    ),
)
def input_for_output(x, w, grad_f):
    s = _neuron(x, w)
    grad_s = grad_f * s * (1 - s)
    return torch.sigmoid(s), grad_s * w[:-1], grad_s * _with_one(x, w)


@mistake(
    "sigmoid_block",
    source="constructed: half of the derivative",
    hints=(
        "The output is right, the gradients are too large.",
        "Far to the right the output hardly changes any more; your gradients say it does.",
        "What is the slope of the sigmoid where it is nearly 1?",
    ),
)
def one_factor_of_the_slope(x, w, grad_f):
    f = torch.sigmoid(_neuron(x, w))
    grad_s = grad_f * f
    return f, grad_s * w[:-1], grad_s * _with_one(x, w)


@mistake(
    "sigmoid_block",
    source="constructed: the derivative of tanh",
    hints=(
        "The output is right, the gradients are not.",
        "At s = 0 the slope should be 1/4, yours is 3/4.",
        "Of which activation is your local gradient?",
    ),
)
def slope_of_tanh(x, w, grad_f):
    f = torch.sigmoid(_neuron(x, w))
    grad_s = grad_f * (1 - f * f)
    return f, grad_s * w[:-1], grad_s * _with_one(x, w)


@mistake(
    "sigmoid_block",
    source="the class notes, 2.3.4: local derivatives in place of downstream ones",
    hints=(
        "Your gradients do not depend on what comes from above.",
        "With grad_f = 1 all is well.",
        "If f counts twice in the loss, how much does a weight count?",
    ),
)
def block_without_upstream(x, w, grad_f):
    f = torch.sigmoid(_neuron(x, w))
    grad_s = f * (1 - f)
    return f, grad_s * w[:-1], grad_s * _with_one(x, w)


@mistake(
    "sigmoid_block",
    source="constructed: the bias is forgotten on the way back",
    hints=(
        "One entry of one gradient is always 0.",
        "It is the last weight.",
        "Which number does the last weight multiply?",
    ),
)
def bias_gets_nothing(x, w, grad_f):
    f = torch.sigmoid(_neuron(x, w))
    grad_s = grad_f * f * (1 - f)
    return f, grad_s * w[:-1], grad_s * torch.cat([x, torch.zeros_like(w[-1:])])


@mistake(
    "sigmoid_block",
    source="constructed: each factor gets its own value",
    hints=(
        "The output is right, the gradients of x and w have each other's place.",
        "It is the product of weights and inputs; the bias is fine.",
        "s = w x. By how much does s grow if x grows by 0.1?",
    ),
)
def own_factors(x, w, grad_f):
    f = torch.sigmoid(_neuron(x, w))
    grad_s = grad_f * f * (1 - f)
    return f, grad_s * x, grad_s * _with_one(w[:-1], w)


@mistake(
    "sigmoid_block",
    source="constructed: the sign of the exponent",
    hints=(
        "A large s should give an output near 1, yours is near 0.",
        "All three results are affected.",
        "What happens to the exponential when s grows?",
    ),
)
def falling(x, w, grad_f):
    f = torch.sigmoid(-_neuron(x, w))
    grad_s = -grad_f * f * (1 - f)
    return f, grad_s * w[:-1], grad_s * _with_one(x, w)


@mistake(
    "sigmoid_block",
    source="121 public solution sets of one course: an exponential that overflows",
    hints=(
        "The formula is right, the result is no number far to the right.",
        "It is the output, for s = 1000.",
        "Which of the two exponentials, of s or of -s, stays harmless there?",
    ),
)
def infinity_over_infinity(x, w, grad_f):
    e = torch.exp(_neuron(x, w))
    f = e / (1 + e)
    grad_s = grad_f * f * (1 - f)
    return f, grad_s * w[:-1], grad_s * _with_one(x, w)


@mistake(
    "sigmoid_block",
    source="constructed: the derivative as a fraction of exponentials",
    hints=(
        "The output is right everywhere, the gradients are no numbers far to the left.",
        "It is the local gradient, for s = -1000.",
        "Can you write the slope with a number that is never large?",
    ),
)
def slope_overflows(x, w, grad_f):
    s = _neuron(x, w)
    e = torch.exp(-s)
    grad_s = grad_f * e / (1 + e) ** 2
    return 1 / (1 + e), grad_s * w[:-1], grad_s * _with_one(x, w)


@mistake(
    "sigmoid_block",
    source="121 public solution sets of one course: an exponential that overflows, here Python's",
    hints=(
        "The formula is right, but far out it gives an error instead of a number.",
        "It is the output, for s = -1000.",
        "Which of the two exponentials, of s or of -s, stays harmless there?",
    ),
)
def too_large_for_python(x, w, grad_f):
    f = x.new_tensor(1 / (1 + math.exp(-_neuron(x, w).item())))
    grad_s = grad_f * f * (1 - f)
    return f, grad_s * w[:-1], grad_s * _with_one(x, w)


# --- topological_sort -------------------------------------------------------------------------


def _postorder(root, parents):
    order, seen, stack = [], set(), [(root, False)]
    while stack:
        node, is_done = stack.pop()
        if is_done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((parent, False) for parent in parents(node))
    return order


@mistake(
    "topological_sort",
    source="constructed: the order of the backward pass",
    hints=(
        "All nodes are there, the root stands first.",
        "It is right for going backward, and for nothing else.",
        "Which node can be computed first?",
    ),
)
def root_first(root, parents):
    return _postorder(root, parents)[::-1]


@mistake(
    "topological_sort",
    source="karpathy/micrograd issue 2: nodes in the order of their distance",
    hints=(
        "A chain and a diamond come out right.",
        "It shows when a node is used both near the root and far from it.",
        "You meet a node first on its shortest way. Which way decides where it stands?",
    ),
)
def by_distance(root, parents):
    order = [root]
    seen = {root}
    for node in order:
        for parent in parents(node):
            if parent not in seen:
                seen.add(parent)
                order.append(parent)
    return order[::-1]


@mistake(
    "topological_sort",
    source="constructed: nodes listed when they are met, not when they are done",
    hints=(
        "A chain comes out right.",
        "It shows in a diamond: its lowest node stands between the two in the middle.",
        "When do you know that all of a node's parents are in the list?",
    ),
)
def listed_when_met(root, parents):
    order, seen, stack = [], set(), [root]
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            order.append(node)
            stack.extend(parents(node))
    return order[::-1]


@mistake(
    "topological_sort",
    source="constructed: nodes marked when they are noted down, not when they are visited",
    hints=(
        "A diamond comes out right.",
        "It shows when a node is a parent of the root and of another of its parents.",
        "May a node that waits for its turn be needed earlier by somebody else?",
    ),
)
def marked_too_early(root, parents):
    order, seen, stack = [], {root}, [(root, False)]
    while stack:
        node, is_done = stack.pop()
        if is_done:
            order.append(node)
            continue
        stack.append((node, True))
        for parent in parents(node):
            if parent not in seen:
                seen.add(parent)
                stack.append((parent, False))
    return order


@mistake(
    "topological_sort",
    source="constructed: no memory of what was visited",
    hints=(
        "Some nodes are listed several times.",
        "A chain hides it.",
        "Who tells your search that it has been here before?",
    ),
)
def with_repeats(root, parents):
    order = []

    def visit(node):
        for parent in parents(node):
            visit(parent)
        order.append(node)

    visit(root)
    return order


@mistake(
    "topological_sort",
    source="constructed: only what the root depends on",
    hints=(
        "One node is missing.",
        "It is the last one.",
        "Does a computation end before its result?",
    ),
)
def without_the_root(root, parents):
    return _postorder(root, parents)[:-1]


@mistake(
    "topological_sort",
    source="constructed: inputs left out",
    hints=(
        "Some nodes are missing.",
        "They are those without parents.",
        "Which nodes are the derivatives for, in the end?",
    ),
)
def without_the_inputs(root, parents):
    return [node for node in _postorder(root, parents) if parents(node) or node == root]


@mistake(
    "topological_sort",
    source="constructed: names taken for an order",
    hints=(
        "The nodes come in the order of their names.",
        "It works by luck where nodes were numbered as they were computed.",
        "What do you know about a node besides its parents?",
    ),
)
def by_name(root, parents):
    return sorted(_postorder(root, parents))


@mistake(
    "topological_sort",
    source="karpathy/micrograd, pull request 90: a RecursionError for a deep graph",
    hints=(
        "Deep graphs give an error.",
        "All others are right, however many ways lead through them.",
        "How many calls are open at once when you arrive at the far end of a long chain?",
    ),
)
def recursive(root, parents):
    order, seen = [], set()

    def visit(node):
        if node not in seen:
            seen.add(node)
            for parent in parents(node):
                visit(parent)
            order.append(node)

    visit(root)
    return order


# --- Value.__add__ ----------------------------------------------------------------------------


def _value(self, other):
    """Return `other` as a Value of the class of `self`."""
    return other if hasattr(other, "local_grads") else type(self)(other)


@mistake(
    "Value.__add__",
    source="constructed: the local gradients of a product",
    hints=(
        "The data is right, the derivatives depend on the numbers.",
        "It is the local gradients.",
        "If a grows by 0.1, by how much does a + b grow?",
    ),
)
def sum_with_slopes_of_a_product(self, other):
    other = _value(self, other)
    return type(self)(self.data + other.data, (self, other), (other.data, self.data))


@mistake(
    "Value.__add__",
    source="constructed: data in place of slopes",
    hints=(
        "The data is right, the derivative to each operand is the operand.",
        "It is the local gradients.",
        "What is the slope of the function that adds 5?",
    ),
)
def sum_with_data_for_slopes(self, other):
    other = _value(self, other)
    return type(self)(self.data + other.data, (self, other), (self.data, other.data))


@mistake(
    "Value.__add__",
    source="121 public solution sets of one course: arguments changed in place",
    hints=(
        "An operand is not what it was before.",
        "It shows when an operand is used a second time.",
        "After c = a + b, what is a?",
    ),
)
def sum_in_place(self, other):
    self.data += _value(self, other).data
    return self


@mistake(
    "Value.__add__",
    source="constructed: only the left operand is a parent",
    hints=(
        "The derivative to one of the operands is 0.",
        "It is the one on the right.",
        "What was the sum computed from?",
    ),
)
def sum_with_one_parent(self, other):
    return type(self)(self.data + _value(self, other).data, (self,), (1.0,))


@mistake(
    "Value.__add__",
    source="karpathy/micrograd: parents kept as a set",
    hints=(
        "Two different operands are fine.",
        "It shows for a + a.",
        "Along how many ways does a reach a + a?",
    ),
)
def sum_parents_as_a_set(self, other):
    other = _value(self, other)
    parents = tuple(dict.fromkeys((self, other)))
    return type(self)(self.data + other.data, parents, tuple(1.0 for _ in parents))


@mistake(
    "Value.__add__",
    source="constructed: the slope of a mean",
    hints=(
        "The data is right, the derivatives are too small.",
        "It is the local gradients.",
        "Do the operands share the slope, or has each its own?",
    ),
)
def sum_shares_the_slope(self, other):
    other = _value(self, other)
    return type(self)(self.data + other.data, (self, other), (0.5, 0.5))


@mistake(
    "Value.__add__",
    source="constructed: constants are forgotten",
    hints=(
        "Some sums give an error.",
        "It is those of a Value and a plain number.",
        "What does a plain number lack that you ask it for?",
    ),
)
def sum_of_values_only(self, other):
    return type(self)(self.data + other.data, (self, other), (1.0, 1.0))


# --- Value.__mul__ ----------------------------------------------------------------------------


@mistake(
    "Value.__mul__",
    source="constructed: each factor gets its own value",
    hints=(
        "The data is right, the derivatives have each other's place.",
        "A square hides it.",
        "If b is 0, what does a little more of a change?",
    ),
)
def product_with_own_factor(self, other):
    other = _value(self, other)
    return type(self)(self.data * other.data, (self, other), (self.data, other.data))


@mistake(
    "Value.__mul__",
    source="constructed: the local gradients of a sum",
    hints=(
        "The data is right, the derivatives do not depend on the numbers.",
        "It is the local gradients.",
        "If a grows by 0.1, by how much does 10 a grow?",
    ),
)
def product_with_slopes_of_a_sum(self, other):
    other = _value(self, other)
    return type(self)(self.data * other.data, (self, other), (1.0, 1.0))


@mistake(
    "Value.__mul__",
    source="karpathy/micrograd: parents kept as a set",
    hints=(
        "Two different operands are fine.",
        "It shows for a * a.",
        "Along how many ways does a reach a * a?",
    ),
)
def product_parents_as_a_set(self, other):
    other = _value(self, other)
    slopes = {self: other.data, other: self.data}
    return type(self)(self.data * other.data, tuple(slopes), tuple(slopes.values()))


@mistake(
    "Value.__mul__",
    source="constructed: only the left operand is a parent",
    hints=(
        "The derivative to one of the operands is 0.",
        "It is the one on the right.",
        "What was the product computed from?",
    ),
)
def product_with_one_parent(self, other):
    other = _value(self, other)
    return type(self)(self.data * other.data, (self,), (other.data,))


@mistake(
    "Value.__mul__",
    source="121 public solution sets of one course: arguments changed in place",
    hints=(
        "An operand is not what it was before.",
        "It shows when an operand is used a second time.",
        "After c = a * b, what is a?",
    ),
)
def product_in_place(self, other):
    self.data *= _value(self, other).data
    return self


@mistake(
    "Value.__mul__",
    source="constructed: the product itself as the slope",
    hints=(
        "The data is right, both derivatives are the same number.",
        "It is the local gradients: exp has this one.",
        "Which number multiplies a in a b?",
    ),
)
def product_with_its_own_value(self, other):
    other = _value(self, other)
    data = self.data * other.data
    return type(self)(data, (self, other), (data, data))


@mistake(
    "Value.__mul__",
    source="constructed: constants are forgotten",
    hints=(
        "Some products give an error.",
        "It is those of a Value and a plain number.",
        "What does a plain number lack that you ask it for?",
    ),
)
def product_of_values_only(self, other):
    return type(self)(self.data * other.data, (self, other), (other.data, self.data))


# --- Value.__pow__ ----------------------------------------------------------------------------


@mistake(
    "Value.__pow__",
    source="constructed: the exponent stays",
    hints=(
        "The data is right, the derivative has too many factors.",
        "At 1 it is right.",
        "What is the slope of x ** 1?",
    ),
)
def exponent_not_lowered(self, exponent):
    data = self.data**exponent
    return type(self)(data, (self,), (exponent * data,))


@mistake(
    "Value.__pow__",
    source="constructed: the exponent is lost",
    hints=(
        "The data is right, the derivative is not, unless the exponent is 1.",
        "It is off by the same factor for every base.",
        "x * x: how many of the factors move when x moves?",
    ),
)
def no_exponent_in_front(self, exponent):
    slope = self.data ** (exponent - 1) if exponent else 0.0
    return type(self)(self.data**exponent, (self,), (slope,))


@mistake(
    "Value.__pow__",
    source="constructed: the derivative with respect to the exponent",
    hints=(
        "The data is right, the derivative has a logarithm in it.",
        "At the base 1 yours is 0, and it should be the exponent.",
        "Which of the two numbers moves, the base or the exponent?",
    ),
)
def slope_of_an_exponential(self, exponent):
    data = self.data**exponent
    return type(self)(data, (self,), (data * math.log(abs(self.data) or 1.0),))


@mistake(
    "Value.__pow__",
    source="constructed: squares only",
    hints=(
        "Squares are right, other powers have the right data and a wrong derivative.",
        "It is the local gradient: it does not depend on the exponent.",
        "What is the slope of x ** 3 at 1?",
    ),
)
def slope_of_a_square(self, exponent):
    return type(self)(self.data**exponent, (self,), (2 * self.data,))


@mistake(
    "Value.__pow__",
    source="constructed: whole exponents only",
    hints=(
        "Whole exponents are right, others are not.",
        "Both the data and the derivative are affected.",
        "What becomes of the exponent 0.5 on its way through your code?",
    ),
)
def whole_exponents_only(self, exponent):
    exponent = int(exponent)
    slope = exponent * self.data ** (exponent - 1) if exponent else 0.0
    return type(self)(self.data**exponent, (self,), (slope,))


@mistake(
    "Value.__pow__",
    source="constructed: the sign of the exponent is lost",
    hints=(
        "Positive exponents are right.",
        "It is the derivative, for negative ones.",
        "Does 1 / x rise or fall?",
    ),
)
def negative_exponents_rise(self, exponent):
    slope = abs(exponent) * self.data ** (exponent - 1) if exponent else 0.0
    return type(self)(self.data**exponent, (self,), (slope,))


@mistake(
    "Value.__pow__",
    source="CUNY-CL/yoyodyne, pull request 300: zero to a negative power",
    hints=(
        "A base of 0 gives an error.",
        "It is the derivative, for the exponent 0; every other base is right.",
        "How much does a power change that is 1 whatever its base?",
    ),
)
def zero_to_a_negative_power(self, exponent):
    slope = exponent * self.data ** (exponent - 1)
    return type(self)(self.data**exponent, (self,), (slope,))


@mistake(
    "Value.__pow__",
    source="karpathy/micrograd, pull request 41: a power by way of the logarithm",
    hints=(
        "Some bases give an error.",
        "It is 0 and all negative ones; positive bases are right.",
        "Which function on your way is defined for positive numbers only?",
    ),
)
def by_the_logarithm(self, exponent):
    data = math.exp(exponent * math.log(self.data))
    return type(self)(data, (self,), (exponent * data / self.data,))


# --- Value.tanh -------------------------------------------------------------------------------


@mistake(
    "Value.tanh",
    source="a misconception about tanh layers: the input for the output",
    hints=(
        "The data is right, the derivative is negative far out.",
        "It is the local gradient.",
        "Is the derivative written with what goes into tanh, or with what comes out?",
    ),
)
def slope_of_the_input(self):
    return type(self)(math.tanh(self.data), (self,), (1 - self.data**2,))


@mistake(
    "Value.tanh",
    source="constructed: the square is lost",
    hints=(
        "The data is right, the derivative is too large on the left.",
        "tanh is as steep at -1 as it is at 1; yours is not.",
        "What must the derivative of an odd function be?",
    ),
)
def slope_without_square(self):
    data = math.tanh(self.data)
    return type(self)(data, (self,), (1 - data,))


@mistake(
    "Value.tanh",
    source="121 public solution sets of one course: tanh of what is already tanh",
    hints=(
        "The data is right, the derivative is too large.",
        "Far out it should go to 0, yours stays above 0.4.",
        "How many times is tanh applied on the way to your slope?",
    ),
)
def tanh_of_tanh(self):
    data = math.tanh(self.data)
    return type(self)(data, (self,), (1 - math.tanh(data) ** 2,))


@mistake(
    "Value.tanh",
    source="a misconception about tanh layers: the derivative of the sigmoid",
    hints=(
        "The data is right, the derivative at 0 is 0.",
        "It is the local gradient.",
        "Of which activation is it?",
    ),
)
def slope_of_the_sigmoid(self):
    data = math.tanh(self.data)
    return type(self)(data, (self,), (data * (1 - data),))


@mistake(
    "Value.tanh",
    source="a misconception about tanh layers: no derivative at all",
    hints=(
        "The data is right, the derivative is 1 everywhere.",
        "It is the local gradient.",
        "How much does tanh(10) change when 10 becomes 11?",
    ),
)
def slope_one(self):
    return type(self)(math.tanh(self.data), (self,), (1.0,))


@mistake(
    "Value.tanh",
    source="121 public solution sets of one course: a fraction of exponentials that overflows",
    hints=(
        "The formula is right, the result is no number far out.",
        "It is the data already, for large inputs.",
        "Which of the exponentials is too large to be stored, and can you do without it?",
    ),
)
def tanh_overflows(self):
    e = torch.tensor([self.data, -self.data], dtype=torch.float64).exp()
    data = float((e[0] - e[1]) / (e[0] + e[1]))
    return type(self)(data, (self,), (1 - data * data,))


@mistake(
    "Value.tanh",
    source="karpathy/micrograd, pull request 29: an OverflowError for 1000",
    hints=(
        "The formula is right, but far to the right it gives an error instead of a number.",
        "It is the data already; far to the left all is well.",
        "Which of the exponentials is too large to be stored, and can you do without it?",
    ),
)
def too_large_to_the_right(self):
    e = math.exp(2 * self.data)
    data = (e - 1) / (e + 1)
    return type(self)(data, (self,), (1 - data * data,))


@mistake(
    "Value.tanh",
    source="121 public solution sets of one course: hand-written tanh, here with Python's numbers",
    hints=(
        "The formula is right, but far out it gives an error instead of a number.",
        "It is the data already, on either side.",
        "Which of the exponentials is too large to be stored, and can you do without it?",
    ),
)
def too_large_on_either_side(self):
    rising, falling = math.exp(self.data), math.exp(-self.data)
    data = (rising - falling) / (rising + falling)
    return type(self)(data, (self,), (1 - data * data,))


# --- Value.relu -------------------------------------------------------------------------------


@mistake(
    "Value.relu",
    source="121 public solution sets of one course: the slope at the kink is 1",
    hints=(
        "Everything is right but for one single number.",
        "It is the derivative at 0.",
        "Which slope does the handout ask for there?",
    ),
)
def one_at_the_kink(self):
    return type(self)(max(self.data, 0.0), (self,), (1.0 if self.data >= 0 else 0.0,))


@mistake(
    "Value.relu",
    source="constructed: the mean of both slopes at the kink",
    hints=(
        "Everything is right but for one single number.",
        "It is the derivative at 0: yours is what a central difference gives.",
        "Which slope does the handout ask for there?",
    ),
)
def half_at_the_kink(self):
    slope = 0.5 if self.data == 0 else float(self.data > 0)
    return type(self)(max(self.data, 0.0), (self,), (slope,))


@mistake(
    "Value.relu",
    source="constructed: the gate is forgotten",
    hints=(
        "The data is right, the derivative is not for negative inputs.",
        "It is the local gradient.",
        "How much does max(0, x) change when x goes from -2 to -1?",
    ),
)
def always_open(self):
    return type(self)(max(self.data, 0.0), (self,), (1.0,))


@mistake(
    "Value.relu",
    source="constructed: the output as the slope",
    hints=(
        "The data is right, the derivative grows with the input.",
        "It is the local gradient, for positive inputs.",
        "Is ReLU steeper at 5 than at 1?",
    ),
)
def output_as_slope(self):
    data = max(self.data, 0.0)
    return type(self)(data, (self,), (data,))


@mistake(
    "Value.relu",
    source="a habit from libraries: a leak",
    hints=(
        "Positive inputs are right.",
        "For negative ones neither data nor derivative is 0.",
        "Which number comes out for -2, by the formula?",
    ),
)
def leaky(self):
    slope = 1.0 if self.data > 0 else 0.01
    if self.data == 0:
        slope = 0.0
    return type(self)(slope * self.data, (self,), (slope,))


@mistake(
    "Value.relu",
    source="constructed: the absolute value",
    hints=(
        "Positive inputs are right.",
        "For negative ones the data is positive.",
        "Which of the two is larger, -2 or 0?",
    ),
)
def absolute(self):
    slope = float(self.data > 0) - float(self.data < 0)
    return type(self)(abs(self.data), (self,), (slope,))


# --- Value.backward ---------------------------------------------------------------------------


def _order(root):
    return _postorder(root, lambda node: node.parents)


def _cleared(root):
    order = _order(root)
    for node in order:
        node.grad = 0.0
    root.grad = 1.0
    return order


def _edges(node):
    return zip(node.parents, node.local_grads, strict=True)


@mistake(
    "Value.backward",
    source="karpathy/micrograd issue 2: the gradient is set, not added to",
    hints=(
        "As long as every node is used once, all is well.",
        "It shows for a + a, whose derivative you say is 1.",
        "Along how many ways does a reach the result?",
    ),
)
def overwrites(self):
    for node in reversed(_cleared(self)):
        for parent, local_grad in _edges(node):
            parent.grad = local_grad * node.grad


@mistake(
    "Value.backward",
    source="karpathy/micrograd issue 2: down the graph without an order",
    hints=(
        "As long as every node is used once, all is well.",
        "It shows below a node that is used twice: its parents get too much.",
        "Has a node heard from all of its children when it hands its gradient on?",
    ),
)
def depth_first(self):
    _cleared(self)

    def descend(node):
        for parent, local_grad in _edges(node):
            parent.grad += local_grad * node.grad
            descend(parent)

    descend(self)


@mistake(
    "Value.backward",
    source="karpathy/micrograd issue 2: layer by layer from the root",
    hints=(
        "Chains and diamonds come out right.",
        "It shows when a node is used both near the root and far from it.",
        "Has a node heard from all of its children when it hands its gradient on?",
    ),
)
def breadth_first(self):
    _cleared(self)
    queue, seen = [self], {self}
    for node in queue:
        for parent, local_grad in _edges(node):
            parent.grad += local_grad * node.grad
            if parent not in seen:
                seen.add(parent)
                queue.append(parent)


@mistake(
    "Value.backward",
    source="karpathy/micrograd issues 53 and 102: nothing is cleared before the second call",
    hints=(
        "The first call is right, the second is not.",
        "It is not even twice the right gradient: the nodes in the middle count again.",
        "What do the nodes still hold when your second call begins?",
    ),
)
def clears_nothing(self):
    self.grad = 1.0
    for node in reversed(_order(self)):
        for parent, local_grad in _edges(node):
            parent.grad += local_grad * node.grad


@mistake(
    "Value.backward",
    source="a habit from torch: gradients of the inputs add up between calls",
    hints=(
        "The first call is right, the second is not.",
        "It is the inputs: theirs is the sum of the gradients of both calls.",
        "Which nodes does the handout want to start afresh?",
    ),
)
def adds_up_in_the_inputs(self):
    order = _order(self)
    for node in order:
        if node.parents:
            node.grad = 0.0
    self.grad = 1.0
    for node in reversed(order):
        for parent, local_grad in _edges(node):
            parent.grad += local_grad * node.grad


@mistake(
    "Value.backward",
    source="constructed: the result in place of its derivative",
    hints=(
        "All gradients are off by one and the same factor.",
        "The factor is the data of the root.",
        "How much does the root change when the root changes by 0.1?",
    ),
)
def starts_with_the_data(self):
    order = _cleared(self)
    self.grad = self.data
    for node in reversed(order):
        for parent, local_grad in _edges(node):
            parent.grad += local_grad * node.grad


@mistake(
    "Value.backward",
    source="constructed: from the inputs to the root",
    hints=(
        "Only the direct parents of the root get a gradient.",
        "It is the direction in which you go.",
        "When a node hands its gradient on, must it have one already?",
    ),
)
def forward_order(self):
    for node in _cleared(self):
        for parent, local_grad in _edges(node):
            parent.grad += local_grad * node.grad


@mistake(
    "Value.backward",
    source="constructed: local gradients only",
    hints=(
        "The direct parents of the root are right, what lies below is not.",
        "Your gradients do not depend on what comes from above.",
        "What does the chain rule do with the upstream gradient?",
    ),
)
def without_upstream(self):
    for node in reversed(_cleared(self)):
        for parent, local_grad in _edges(node):
            parent.grad += local_grad


@mistake(
    "Value.backward",
    source="karpathy/micrograd: parents taken as a set",
    hints=(
        "As long as the parents of each node differ, all is well.",
        "It shows for a + a.",
        "Is a once or twice among the parents of a + a?",
    ),
)
def each_parent_once(self):
    for node in reversed(_cleared(self)):
        for parent, local_grad in dict(_edges(node)).items():
            parent.grad += local_grad * node.grad


@mistake(
    "Value.backward",
    source="constructed: nodes are cleared once they have handed on their gradient",
    hints=(
        "The inputs are right, all other nodes have the gradient 0.",
        "It is what happens to a node after its turn.",
        "Who may want to know the gradient of a node in the middle?",
    ),
)
def clears_behind_itself(self):
    for node in reversed(_cleared(self)):
        for parent, local_grad in _edges(node):
            parent.grad += local_grad * node.grad
        if node.parents:
            node.grad = 0.0


@mistake(
    "Value.backward",
    source="constructed: the root is left out",
    hints=(
        "All gradients are right but one.",
        "It is that of the root.",
        "How much does the root change when the root changes by 0.1?",
    ),
)
def root_gets_nothing(self):
    for node in reversed(_cleared(self)):
        for parent, local_grad in _edges(node):
            parent.grad += local_grad * node.grad
    self.grad = 0.0


@mistake(
    "Value.backward",
    source="karpathy/micrograd, pull request 90: a RecursionError for a deep graph",
    hints=(
        "Deep graphs give an error.",
        "All others are right, however many ways lead through them.",
        "How many calls are open at once when you arrive at the far end of a long chain?",
    ),
)
def orders_by_recursion(self):
    order, seen = [], set()

    def visit(node):
        if node not in seen:
            seen.add(node)
            for parent in node.parents:
                visit(parent)
            order.append(node)

    visit(self)
    for node in order:
        node.grad = 0.0
    self.grad = 1.0
    for node in reversed(order):
        for parent, local_grad in _edges(node):
            parent.grad += local_grad * node.grad


# --- linear_vjp -------------------------------------------------------------------------------


@mistake(
    "linear_vjp",
    source="a misconception about linear layers: rows and columns of the weight",
    hints=(
        "The gradient of the weight has its rows and columns exchanged.",
        "It shows in the shape, or in the values where n_in equals n_out.",
        "Name the rows and columns of W. Which index of your product is which?",
    ),
)
def weight_transposed(x, W, b, grad_y):
    return grad_y @ W, x.T @ grad_y, grad_y.sum(0)


@mistake(
    "linear_vjp",
    source="constructed: the weight of the forward pass, as it stands there",
    hints=(
        "The gradient of x goes through the wrong side of the weight.",
        "It raises unless n_in equals n_out, and is wrong then.",
        "In y_i, the weight W_ij multiplies x_j. Which entries of grad_y does x_j meet?",
    ),
)
def weight_as_in_the_forward_pass(x, W, b, grad_y):
    return grad_y @ W.T, grad_y.T @ x, grad_y.sum(0)


@mistake(
    "linear_vjp",
    source="rasbt/stat453-deep-learning-ss21 issue 5, kvfrans/notes issue 5: the bias averaged",
    hints=(
        "The gradient of the bias is too small.",
        "With one example all is well.",
        "Each example is pushed by the same bias. Do their gradients add up, or share?",
    ),
)
def bias_averaged(x, W, b, grad_y):
    return grad_y @ W, grad_y.T @ x, grad_y.mean(0)


@mistake(
    "linear_vjp",
    source="a misconception about linear layers: one bias for all outputs",
    hints=(
        "All entries of the bias gradient are the same number.",
        "With one output all is well.",
        "How many biases are there, and which axes of grad_y does each of them not see?",
    ),
)
def bias_summed_over_all(x, W, b, grad_y):
    return grad_y @ W, grad_y.T @ x, grad_y.sum().expand(b.shape)


@mistake(
    "linear_vjp",
    source="karpathy/nn-zero-to-hero issue 59: shapes that broadcasting hides",
    hints=(
        "The numbers are right, the shape is not.",
        "It is the gradient of the bias.",
        "Which shape must a gradient have, always?",
    ),
)
def bias_keeps_an_axis(x, W, b, grad_y):
    return grad_y @ W, grad_y.T @ x, grad_y.sum(0, keepdim=True)


@mistake(
    "linear_vjp",
    source="121 public solution sets of one course: divided by N a second time",
    hints=(
        "The gradients of the parameters are too small, that of x is right.",
        "With one example all is well.",
        "If the loss is a mean over examples, who has divided by N already?",
    ),
)
def parameters_averaged(x, W, b, grad_y):
    return grad_y @ W, grad_y.T @ x / len(x), grad_y.mean(0)


@mistake(
    "linear_vjp",
    source="minitorch and others check with out.sum(), which cannot see this",
    hints=(
        "Your gradients do not depend on what comes from above.",
        "If grad_y is 1 everywhere, all is well.",
        "If the loss looks at one output only, which weights matter?",
    ),
)
def upstream_of_ones(x, W, b, grad_y):
    ones = torch.ones_like(grad_y)
    return ones @ W, ones.T @ x, ones.sum(0)


@mistake(
    "linear_vjp",
    source="a misconception about loops over examples: = for +=",
    hints=(
        "The gradients of the parameters are those of a single example.",
        "With one example all is well.",
        "What happens to the gradient of the first example when the second one comes?",
    ),
)
def last_example_only(x, W, b, grad_y):
    return grad_y @ W, torch.outer(grad_y[-1], x[-1]), grad_y[-1].clone()


@mistake(
    "linear_vjp",
    source="constructed: the order of the results",
    hints=(
        "All three gradients are there, two of them in each other's place.",
        "It is the return statement.",
        "In which order are the arguments, and whose gradient comes first?",
    ),
)
def weight_first(x, W, b, grad_y):
    return grad_y.T @ x, grad_y @ W, grad_y.sum(0)


# --- linear_jvp -------------------------------------------------------------------------------


@mistake(
    "linear_jvp",
    source="constructed: parameters taken for constants",
    hints=(
        "Changes of the parameters have no effect.",
        "It shows when W or b changes.",
        "On how many things does y depend here?",
    ),
)
def only_x_moves(x, W, b, tangent_x, tangent_W, tangent_b):
    return tangent_x @ W.T


@mistake(
    "linear_jvp",
    source="constructed: the bias is forgotten",
    hints=(
        "A change of the bias has no effect.",
        "The other two are right.",
        "On how many things does y depend here?",
    ),
)
def bias_stays(x, W, b, tangent_x, tangent_W, tangent_b):
    return tangent_x @ W.T + x @ tangent_W.T


@mistake(
    "linear_jvp",
    source="constructed: only one half of the product rule",
    hints=(
        "A change of the weight has no effect.",
        "The other two are right.",
        "What is the derivative of a product when both factors move?",
    ),
)
def weight_stays(x, W, b, tangent_x, tangent_W, tangent_b):
    return tangent_x @ W.T + tangent_b.expand(len(x), -1)


@mistake(
    "linear_jvp",
    source="constructed: the derivative of a product as a product of derivatives",
    hints=(
        "If only one of x and W changes, your result does not.",
        "It is the product; the bias is right.",
        "What is the derivative of a product when both factors move?",
    ),
)
def product_of_the_changes(x, W, b, tangent_x, tangent_W, tangent_b):
    return tangent_x @ tangent_W.T + tangent_b


@mistake(
    "linear_jvp",
    source="constructed: the whole difference, second order included",
    hints=(
        "Double all changes: the result should double, yours grows faster.",
        "If only one of the three changes, all is well.",
        "What becomes of a product of two small changes, to first order?",
    ),
)
def second_order_too(x, W, b, tangent_x, tangent_W, tangent_b):
    return (x + tangent_x) @ (W + tangent_W).T + tangent_b - x @ W.T


@mistake(
    "linear_jvp",
    source="constructed: the output added to its change",
    hints=(
        "If nothing changes, your result is not 0.",
        "It is the layer's own output that comes on top.",
        "Is the question where y ends up, or by how much it moves?",
    ),
)
def output_included(x, W, b, tangent_x, tangent_W, tangent_b):
    return x @ W.T + b + tangent_x @ W.T + x @ tangent_W.T + tangent_b


@mistake(
    "linear_jvp",
    source="constructed: the change of the bias shared among the examples",
    hints=(
        "The change of the bias has too small an effect.",
        "With one example all is well.",
        "By how much does the output of one example move when the bias moves by 0.1?",
    ),
)
def bias_shared(x, W, b, tangent_x, tangent_W, tangent_b):
    return tangent_x @ W.T + x @ tangent_W.T + tangent_b / len(x)


# --- chain_vjp --------------------------------------------------------------------------------


def _inputs(layers, x):
    """Return the input of each layer, and the output of the last."""
    points = [x]
    for layer in layers:
        points.append(layer(points[-1]))
    return points


@mistake(
    "chain_vjp",
    source="constructed: all Jacobians at the input of the chain",
    hints=(
        "One layer is right, more are not.",
        "It raises unless all widths are equal.",
        "What does the second layer get as its input?",
    ),
)
def vjp_all_at_x(layers, x, u):
    for layer in reversed(layers):
        u = u @ layer.jacobian(x)
    return u


@mistake(
    "chain_vjp",
    source="constructed: Jacobians at the outputs of the layers",
    hints=(
        "Even one layer is wrong.",
        "It raises unless input and output of a layer have the same width.",
        "At which point is the Jacobian of a layer taken, before it or behind it?",
    ),
)
def vjp_at_the_outputs(layers, x, u):
    points = _inputs(layers, x)[1:]
    for layer, point in zip(reversed(layers), reversed(points), strict=True):
        u = u @ layer.jacobian(point)
    return u


@mistake(
    "chain_vjp",
    source="Sun, lecture 3, section 3: the composition written the other way round",
    hints=(
        "One layer is right, more are not.",
        "It raises unless the widths fit by chance.",
        "Which layer is next to u in the product?",
    ),
)
def vjp_first_layer_first(layers, x, u):
    for layer, point in zip(layers, _inputs(layers, x)[:-1], strict=True):
        u = u @ layer.jacobian(point)
    return u


@mistake(
    "chain_vjp",
    source="a misconception about linear layers: rows and columns of the weight",
    hints=(
        "The Jacobian is used from the wrong side.",
        "It raises unless input and output of a layer have the same width.",
        "Do rows of a Jacobian count inputs or outputs, and which of them does u belong to?",
    ),
)
def vjp_from_the_wrong_side(layers, x, u):
    points = _inputs(layers, x)[:-1]
    for layer, point in zip(reversed(layers), reversed(points), strict=True):
        u = layer.jacobian(point) @ u
    return u


@mistake(
    "chain_vjp",
    source="constructed: the last layer is left out",
    hints=(
        "One layer gives back what it was given.",
        "It raises unless the last layer keeps the width.",
        "How many Jacobians stand in the product for two layers?",
    ),
)
def vjp_without_the_last(layers, x, u):
    points = _inputs(layers, x)[:-1]
    for layer, point in zip(reversed(layers[:-1]), reversed(points[:-1]), strict=True):
        u = u @ layer.jacobian(point)
    return u


@mistake(
    "chain_vjp",
    source="the slides, 'Computational complexity': forward propagation of a whole matrix",
    hints=(
        "The result is right, the price is not.",
        "It is the number of products: it grows with the width of the input.",
        "With which end of the product do you start, and is there a vector there?",
    ),
)
def vjp_column_by_column(layers, x, u):
    columns = []
    points = _inputs(layers, x)[:-1]
    for column in torch.eye(len(x), dtype=x.dtype, device=x.device):
        for layer, point in zip(layers, points, strict=True):
            column = layer.jacobian(point) @ column  # noqa: PLW2901
        columns.append((u * column).sum())
    return torch.stack(columns)


@mistake(
    "chain_vjp",
    source="121 public solution sets of one course: a buffer of the wrong size",
    hints=(
        "Some chains give an error instead of a gradient.",
        "It is those whose widths differ from layer to layer.",
        "How long is the input of the second layer?",
    ),
)
def vjp_inputs_of_one_width(layers, x, u):
    points = x.new_empty(len(layers), len(x))
    for number, layer in enumerate(layers):
        points[number] = x
        x = layer(x)
    for number, layer in reversed(list(enumerate(layers))):
        u = u @ layer.jacobian(points[number])
    return u


# --- chain_jvp --------------------------------------------------------------------------------


@mistake(
    "chain_jvp",
    source="constructed: all Jacobians at the input of the chain",
    hints=(
        "One layer is right, more are not.",
        "It raises unless all widths are equal.",
        "What does the second layer get as its input?",
    ),
)
def jvp_all_at_x(layers, x, v):
    for layer in layers:
        v = layer.jacobian(x) @ v
    return v


@mistake(
    "chain_jvp",
    source="constructed: Jacobians at the outputs of the layers",
    hints=(
        "Even one layer is wrong.",
        "It raises unless input and output of a layer have the same width.",
        "In which order do you move on to the next point and take the Jacobian?",
    ),
)
def jvp_at_the_outputs(layers, x, v):
    for layer in layers:
        x = layer(x)
        v = layer.jacobian(x) @ v
    return v


@mistake(
    "chain_jvp",
    source="Sun, lecture 3, section 3: the composition written the other way round",
    hints=(
        "One layer is right, more are not.",
        "It raises unless the widths fit by chance.",
        "Which layer is next to v in the product?",
    ),
)
def jvp_last_layer_first(layers, x, v):
    points = _inputs(layers, x)[:-1]
    for layer, point in zip(reversed(layers), reversed(points), strict=True):
        v = layer.jacobian(point) @ v
    return v


@mistake(
    "chain_jvp",
    source="a misconception about linear layers: rows and columns of the weight",
    hints=(
        "The Jacobian is used from the wrong side.",
        "It raises unless input and output of a layer have the same width.",
        "Do rows of a Jacobian count inputs or outputs, and which of them does v belong to?",
    ),
)
def jvp_from_the_wrong_side(layers, x, v):
    for layer in layers:
        v = v @ layer.jacobian(x)
        x = layer(x)
    return v


@mistake(
    "chain_jvp",
    source="constructed: the change of the point carried along as a point",
    hints=(
        "Double v: the result should double, yours does not.",
        "It is what you do with v between two layers.",
        "Does the activation act on the change, or only on the point?",
    ),
)
def change_through_the_layers(layers, x, v):
    for layer in layers:
        v = torch.tanh(layer.jacobian(x) @ v)
        x = layer(x)
    return v


@mistake(
    "chain_jvp",
    source="the slides, 'Computational complexity': the whole matrix, output by output",
    hints=(
        "The result is right, the price is not.",
        "It is the number of products: it grows with the width of the output.",
        "With which end of the product do you start, and is there a vector there?",
    ),
)
def jvp_output_by_output(layers, x, v):
    points = _inputs(layers, x)
    entries = []
    for row in torch.eye(len(points[-1]), dtype=x.dtype, device=x.device):
        for layer, point in zip(reversed(layers), reversed(points[:-1]), strict=True):
            row = row @ layer.jacobian(point)  # noqa: PLW2901
        entries.append((row * v).sum())
    return torch.stack(entries)


# --- gradcheck --------------------------------------------------------------------------------


def _one_sided(f, x, h):
    """Return the slopes to the right and to the left, of the shape of `x`."""
    here = f(x)
    steps = h * torch.eye(x.numel(), dtype=x.dtype).reshape(-1, *x.shape)
    right = torch.stack([(f(x + step) - here) / h for step in steps])
    left = torch.stack([(here - f(x - step)) / h for step in steps])
    return right.reshape(x.shape), left.reshape(x.shape)


def _room(right, left, rtol, atol):
    return atol + rtol * torch.maximum(right.abs(), left.abs())


def _is_between(g, low, high):
    return bool(((low <= g) & (g <= high)).all())


@mistake(
    "gradcheck",
    source="the defaults of torch.autograd.gradcheck: rtol=1e-3, atol=1e-5",
    hints=(
        "You let errors pass that should not.",
        "They are about as large as 0.1 %.",
        "How much room for error does the handout give, and how much do you?",
    ),
)
def room_of_torch(f, grad, x, h=1e-5, rtol=1e-4, atol=1e-8):
    x = x.double()
    g, (right, left) = grad(x).double(), _one_sided(f, x, h)
    room = _room(right, left, 1e-3, 1e-5)
    low, high = torch.minimum(right, left) - room, torch.maximum(right, left) + room
    return g.shape == x.shape and _is_between(g, low, high)


@mistake(
    "gradcheck",
    source="torch.autograd.gradcheck: central differences at a kink",
    hints=(
        "Smooth functions are judged well.",
        "At a kink you refuse subgradients, all but one.",
        "What is the slope of ReLU to the left of 0, what is it to the right, and what is yours?",
    ),
)
def mean_of_the_slopes(f, grad, x, h=1e-5, rtol=1e-4, atol=1e-8):
    x = x.double()
    g, (right, left) = grad(x).double(), _one_sided(f, x, h)
    room, slope = _room(right, left, rtol, atol), (right + left) / 2
    return g.shape == x.shape and _is_between(g, slope - room, slope + room)


@mistake(
    "gradcheck",
    source="constructed: no verdict at kinks",
    hints=(
        "Smooth functions are judged well.",
        "At a kink you accept anything.",
        "Can 2 be a slope of ReLU, anywhere?",
    ),
)
def kinks_are_skipped(f, grad, x, h=1e-5, rtol=1e-4, atol=1e-8):
    x = x.double()
    g, (right, left) = grad(x).double(), _one_sided(f, x, h)
    if g.shape != x.shape:
        return False
    room = _room(right, left, rtol, atol)
    low, high = torch.minimum(right, left) - room, torch.maximum(right, left) + room
    is_kink = (right - left).abs() > 1e-2 * torch.maximum(right.abs(), left.abs())
    return bool((((low <= g) & (g <= high)) | is_kink).all())


@mistake(
    "gradcheck",
    source="constructed: every function bends upward",
    hints=(
        "ReLU is judged well, and so is what bends upward.",
        "At a kink that bends downward you refuse what is right.",
        "Which of the two slopes is the smaller one, always?",
    ),
)
def left_below_right(f, grad, x, h=1e-5, rtol=1e-4, atol=1e-8):
    x = x.double()
    g, (right, left) = grad(x).double(), _one_sided(f, x, h)
    room = _room(right, left, rtol, atol)
    return g.shape == x.shape and _is_between(g, left - room, right + room)


@mistake(
    "gradcheck",
    source="constructed: rejected only if an error is seen to be large",
    hints=(
        "Numbers are judged well.",
        "An entry that is no number passes.",
        "What does Python answer when you ask whether NaN is larger than something?",
    ),
)
def nan_passes(f, grad, x, h=1e-5, rtol=1e-4, atol=1e-8):
    x = x.double()
    g, (right, left) = grad(x).double(), _one_sided(f, x, h)
    room = _room(right, left, rtol, atol)
    is_low = g < torch.minimum(right, left) - room if g.shape == x.shape else torch.tensor([True])
    if is_low.any():
        return False
    return not bool((g > torch.maximum(right, left) + room).any())


@mistake(
    "gradcheck",
    source="karpathy/nn-zero-to-hero issue 59: shapes that broadcasting hides",
    hints=(
        "Values are judged well.",
        "A single number for a whole vector passes, if the entries are equal.",
        "Which shape must a gradient have, always?",
    ),
)
def broadcasts(f, grad, x, h=1e-5, rtol=1e-4, atol=1e-8):
    x = x.double()
    g, (right, left) = grad(x).double(), _one_sided(f, x, h)
    room = _room(right, left, rtol, atol)
    return _is_between(g, torch.minimum(right, left) - room, torch.maximum(right, left) + room)


@mistake(
    "gradcheck",
    source="constructed: entry by entry, without a look at the shape",
    hints=(
        "Values are judged well.",
        "The right numbers in a wrong shape pass, even if there are too few of them.",
        "Which shape must a gradient have, always?",
    ),
)
def entries_in_a_row(f, grad, x, h=1e-5, rtol=1e-4, atol=1e-8):
    x = x.double()
    g, (right, left) = grad(x).double(), _one_sided(f, x, h)
    room = _room(right, left, rtol, atol)
    low = (torch.minimum(right, left) - room).reshape(-1).tolist()
    high = (torch.maximum(right, left) + room).reshape(-1).tolist()
    rows = zip(low, g.reshape(-1).tolist(), high, strict=False)
    return all(starmap(lambda one, claim, other: one <= claim <= other, rows))


@mistake(
    "gradcheck",
    source="measured: in float32 a central difference has no right digit for h = 1e-5",
    hints=(
        "In float64 all is well.",
        "In float32 your verdict is a matter of luck.",
        "How many digits does a float32 have, and which of them does h move?",
    ),
)
def in_the_dtype_of_x(f, grad, x, h=1e-5, rtol=1e-4, atol=1e-8):
    g, (right, left) = grad(x).to(x.dtype), _one_sided(f, x, h)
    room = _room(right, left, rtol, atol)
    low, high = torch.minimum(right, left) - room, torch.maximum(right, left) + room
    return g.shape == x.shape and _is_between(g, low, high)


@mistake(
    "gradcheck",
    source="a habit from course material: lengths of gradients compared",
    hints=(
        "A gradient of the right length passes, whatever its direction.",
        "It shows when the sign is wrong, or two entries are exchanged.",
        "How many numbers do you compare, and how many are there?",
    ),
)
def lengths_only(f, grad, x, h=1e-5, rtol=1e-4, atol=1e-8):
    x = x.double()
    g, (right, left) = grad(x).double(), _one_sided(f, x, h)
    if g.shape != x.shape:
        return False
    error = abs(g.norm() - ((right + left) / 2).norm())
    return bool(error <= _room(right, left, rtol, atol).max())


@mistake(
    "gradcheck",
    source="a habit from course material: out.sum() as the loss",
    hints=(
        "A gradient with the right sum passes.",
        "It shows when two entries are exchanged, or two errors cancel.",
        "How many numbers do you compare, and how many are there?",
    ),
)
def sums_only(f, grad, x, h=1e-5, rtol=1e-4, atol=1e-8):
    x = x.double()
    g, (right, left) = grad(x).double(), _one_sided(f, x, h)
    if g.shape != x.shape:
        return False
    low, high = torch.minimum(right, left).sum(), torch.maximum(right, left).sum()
    room = _room(right, left, rtol, atol).max()
    return _is_between(g.sum(), low - room, high + room)


@mistake(
    "gradcheck",
    source="minitorch's grad_check: one index of many",
    hints=(
        "An error in one entry is seen, the same error in another is not.",
        "You only ever look at the first.",
        "How many numbers do you compare, and how many are there?",
    ),
)
def first_entry_only(f, grad, x, h=1e-5, rtol=1e-4, atol=1e-8):
    x = x.double()
    g, (right, left) = grad(x).double(), _one_sided(f, x, h)
    room = _room(right, left, rtol, atol)
    low, high = torch.minimum(right, left) - room, torch.maximum(right, left) + room
    is_right = _is_between(g.reshape(-1)[:1], low.reshape(-1)[:1], high.reshape(-1)[:1])
    return g.shape == x.shape and is_right


@mistake(
    "gradcheck",
    source="dlsyscourse hw1: an absolute tolerance",
    hints=(
        "Gradients of ordinary size are judged well.",
        "Wrong ones pass if they are small.",
        "Is an error of 0.00001 large or small, and what would you need to know to tell?",
    ),
)
def absolute_room(f, grad, x, h=1e-5, rtol=1e-4, atol=1e-8):
    x = x.double()
    g, (right, left) = grad(x).double(), _one_sided(f, x, h)
    low, high = torch.minimum(right, left) - rtol, torch.maximum(right, left) + rtol
    return g.shape == x.shape and _is_between(g, low - atol, high + atol)
