"""Known wrong versions of the exercises on recurrent networks, and hints for each."""

import torch

from autograder.checks.bank import mistake

# --- rnn_cell ---------------------------------------------------------------------------------


@mistake(
    "rnn_cell",
    source="class notes, 5.2.2, which have no bias",
    hints=(
        "Your state does not depend on one of the arguments.",
        "With an input and a state of 0 you return 0 whatever the parameters are.",
        "Which of the five arguments have you not used?",
    ),
)
def no_bias(x, h, W_x, W_h, b):
    return torch.tanh(x @ W_x.T + h @ W_h.T)


@mistake(
    "rnn_cell",
    source="constructed: the nonlinearity is forgotten",
    hints=(
        "Your state leaves the interval from -1 to 1.",
        "Small inputs nearly hide it, large ones do not.",
        "What bends the line in this network?",
    ),
)
def linear_cell(x, h, W_x, W_h, b):
    return x @ W_x.T + h @ W_h.T + b


@mistake(
    "rnn_cell",
    source="constructed: the other squashing function",
    hints=(
        "Your state is never negative.",
        "It is what happens to the pre-activation.",
        "Between which two values does tanh lie?",
    ),
)
def sigmoid_cell(x, h, W_x, W_h, b):
    return torch.sigmoid(x @ W_x.T + h @ W_h.T + b)


@mistake(
    "rnn_cell",
    source="constructed: nonlinearity='relu', the other choice of torch.nn.RNN",
    hints=(
        "Your state is never negative, and sometimes above 1.",
        "It is what happens to the pre-activation.",
        "What is tanh of a large number?",
    ),
)
def relu_cell(x, h, W_x, W_h, b):
    return torch.relu(x @ W_x.T + h @ W_h.T + b)


@mistake(
    "rnn_cell",
    source="constructed: W_h is square, so the transpose is easily lost",
    hints=(
        "The memory acts on the wrong units.",
        "With a state of 0, with a single hidden unit, or with a symmetric W_h all is well.",
        "Which axis of W_h counts the units that it feeds?",
    ),
)
def state_weight_not_transposed(x, h, W_x, W_h, b):
    return torch.tanh(x @ W_x.T + h @ W_h + b)


@mistake(
    "rnn_cell",
    source="121 public solution sets of one course: Wx and Wh swapped",
    hints=(
        "Input and state are each multiplied by a matrix that is not theirs.",
        "It runs only if there are as many inputs as hidden units.",
        "Which weight has the shape (H, D)?",
    ),
)
def weights_exchanged(x, h, W_x, W_h, b):
    return torch.tanh(x @ W_h.T + h @ W_x.T + b)


@mistake(
    "rnn_cell",
    source="121 public solution sets of one course: hand-written tanh",
    hints=(
        "For large inputs, of either sign, the result is not a number.",
        "It is the nonlinearity, written with exponentials.",
        "What is infinity divided by infinity?",
    ),
)
def quotient_of_exponentials(x, h, W_x, W_h, b):
    a = x @ W_x.T + h @ W_h.T + b
    return (torch.exp(a) - torch.exp(-a)) / (torch.exp(a) + torch.exp(-a))


@mistake(
    "rnn_cell",
    source="constructed: hand-written tanh, with one exponential",
    hints=(
        "For large inputs the result is not a number; for very negative ones it is right.",
        "It is the nonlinearity, written with an exponential.",
        "Which sign should the exponent have, so that it cannot overflow?",
    ),
)
def growing_exponential(x, h, W_x, W_h, b):
    e = torch.exp(2 * (x @ W_x.T + h @ W_h.T + b))
    return (e - 1) / (e + 1)


@mistake(
    "rnn_cell",
    source="constructed: a straight line with a lid",
    hints=(
        "For large inputs you are right, in between you are not.",
        "It is the nonlinearity.",
        "Is the curve of tanh made of straight pieces?",
    ),
)
def hard_tanh(x, h, W_x, W_h, b):
    return (x @ W_x.T + h @ W_h.T + b).clamp(-1, 1)


@mistake(
    "rnn_cell",
    source="constructed: a parenthesis that closes too early",
    hints=(
        "Your state leaves the interval from -1 to 1.",
        "With b = 0 all is well.",
        "What is inside the tanh?",
    ),
)
def bias_outside(x, h, W_x, W_h, b):
    return torch.tanh(x @ W_x.T + h @ W_h.T) + b


@mistake(
    "rnn_cell",
    source="constructed: the memory squashed by itself",
    hints=(
        "Input and memory are not added where they should be.",
        "If one of the two is 0, you are right.",
        "How many times does the formula apply tanh?",
    ),
)
def two_tanhs(x, h, W_x, W_h, b):
    return torch.tanh(x @ W_x.T + b) + torch.tanh(h @ W_h.T)


@mistake(
    "rnn_cell",
    source="121 public solution sets of one course: np.squeeze drops axes of size 1",
    hints=(
        "The values are right, but an axis is missing.",
        "Only if some size is 1.",
        "What shape does a batch of one sequence have?",
    ),
)
def squeezed(x, h, W_x, W_h, b):
    return torch.tanh(x @ W_x.T + h @ W_h.T + b).squeeze()


# --- rnn_forward ------------------------------------------------------------------------------


def _cell(x, h, W_x, W_h, b):
    return torch.tanh(x @ W_x.T + h @ W_h.T + b)


@mistake(
    "rnn_forward",
    source="121 public solution sets of one course: the state is not carried on",
    hints=(
        "Change the first input: your later states do not move.",
        "The first step is right.",
        "From which state does step 2 start?",
    ),
)
def always_from_the_start(x, h_0, W_x, W_h, b):
    return torch.stack([_cell(x_t, h_0, W_x, W_h, b) for x_t in x])


@mistake(
    "rnn_forward",
    source="constructed: appended before the step instead of after it",
    hints=(
        "Your first state does not depend on the input at all.",
        "Each state comes one step too late.",
        "Is h_0 among the states to return?",
    ),
)
def one_step_late(x, h_0, W_x, W_h, b):
    h, states = h_0, []
    for x_t in x:
        states.append(h)
        h = _cell(x_t, h, W_x, W_h, b)
    return torch.stack(states)


@mistake(
    "rnn_forward",
    source="constructed: the initial state returned along with the others",
    hints=(
        "You return one state too many.",
        "It is at the beginning.",
        "How many states does a sequence of one step have?",
    ),
)
def initial_state_too(x, h_0, W_x, W_h, b):
    states = [h_0]
    for x_t in x:
        states.append(_cell(x_t, states[-1], W_x, W_h, b))
    return torch.stack(states)


@mistake(
    "rnn_forward",
    source="class notes, 5.2.3: the initial state is often 0",
    hints=(
        "One of the arguments has no effect.",
        "It shows unless the sequence starts from 0.",
        "What does the network remember from before the first step?",
    ),
)
def ignores_the_initial_state(x, h_0, W_x, W_h, b):
    h, states = torch.zeros_like(h_0), []
    for x_t in x:
        h = _cell(x_t, h, W_x, W_h, b)
        states.append(h)
    return torch.stack(states)


@mistake(
    "rnn_forward",
    source="constructed: only the end is returned, as for many-to-one",
    hints=(
        "An axis is missing.",
        "The state after the last step is there, the others are not.",
        "How many states does a sequence of T steps have?",
    ),
)
def last_state_only(x, h_0, W_x, W_h, b):
    h = h_0
    for x_t in x:
        h = _cell(x_t, h, W_x, W_h, b)
    return h


@mistake(
    "rnn_forward",
    source="constructed: one buffer for the state, appended T times",
    hints=(
        "All your states are the same.",
        "The last one is right.",
        "How many different tensors are in your list?",
    ),
)
def one_buffer(x, h_0, W_x, W_h, b):
    h, states = h_0.clone(), []
    for x_t in x:
        h.copy_(_cell(x_t, h, W_x, W_h, b))
        states.append(h)
    return torch.stack(states)


@mistake(
    "rnn_forward",
    source="constructed: the sequence read from its end",
    hints=(
        "Change the last input: your first states move.",
        "With a single step all is well.",
        "May the network know the future?",
    ),
)
def backwards_in_time(x, h_0, W_x, W_h, b):
    h, states = h_0, []
    for x_t in x.flip(0):
        h = _cell(x_t, h, W_x, W_h, b)
        states.append(h)
    return torch.stack(states).flip(0)


@mistake(
    "rnn_forward",
    source="a habit from libraries: batch_first=True",
    hints=(
        "Sequences influence each other.",
        "It runs only if there are as many steps as sequences, or one of either.",
        "Which axis of x counts the steps?",
    ),
)
def batch_first(x, h_0, W_x, W_h, b):
    h, states = h_0, []
    for x_t in x.transpose(0, 1):
        h = _cell(x_t, h, W_x, W_h, b)
        states.append(h)
    return torch.stack(states, dim=1)


@mistake(
    "rnn_forward",
    source="121 public solution sets of one course: return inside the loop",
    hints=(
        "You return too few states.",
        "With a single step all is well.",
        "After which step does your function end?",
    ),
)
def returns_too_early(x, h_0, W_x, W_h, b):
    h, states = h_0, []
    for x_t in x:
        h = _cell(x_t, h, W_x, W_h, b)
        states.append(h)
        return torch.stack(states)
    return None


@mistake(
    "rnn_forward",
    source="constructed: off by one in the range of the loop",
    hints=(
        "One of your states is 0.",
        "It is the last one.",
        "How often does your loop run?",
    ),
)
def one_step_short(x, h_0, W_x, W_h, b):
    h, states = h_0, x.new_zeros(len(x), *h_0.shape)
    for t in range(len(x) - 1):
        h = _cell(x[t], h, W_x, W_h, b)
        states[t] = h
    return states


@mistake(
    "rnn_forward",
    source="121 public solution sets of one course: buffers of the default dtype",
    hints=(
        "Half of the digits are lost.",
        "It shows in float64.",
        "Which dtype does torch.zeros have?",
    ),
)
def default_dtype(x, h_0, W_x, W_h, b):
    h, states = h_0, torch.zeros(len(x), *h_0.shape, device=x.device)
    for t in range(len(x)):
        h = _cell(x[t], h, W_x, W_h, b)
        states[t] = h
    return states


@mistake(
    "rnn_forward",
    source="121 public solution sets of one course: np.squeeze drops axes of size 1",
    hints=(
        "Some sequences give an error instead of states.",
        "It is those with a single feature.",
        "What shape has one step of a batch, if each input is one number?",
    ),
)
def step_squeezed(x, h_0, W_x, W_h, b):
    h, states = h_0, []
    for x_t in x.split(1):
        h = _cell(x_t.squeeze(), h, W_x, W_h, b)
        states.append(h)
    return torch.stack(states)


# --- last_hidden ------------------------------------------------------------------------------


@mistake(
    "last_hidden",
    source="class notes, 5.2.4: h_T, whatever the length",
    hints=(
        "Your result does not depend on the lengths.",
        "It is right for sequences that fill the batch.",
        "What did the network read in the last steps of a short sequence?",
    ),
)
def state_of_the_batch(h, lengths):
    return h[-1]


@mistake(
    "last_hidden",
    source="constructed: off by one, hidden by a guard against the error",
    hints=(
        "You take a state after the end.",
        "It is right for sequences that fill the batch.",
        "Which row of h is the state after one step?",
    ),
)
def one_too_far(h, lengths):
    rows = lengths.clamp(max=len(h) - 1)
    return h[rows, torch.arange(h.shape[1], device=h.device)]


@mistake(
    "last_hidden",
    source="constructed: off by one in the other direction",
    hints=(
        "You take a state before the end.",
        "The last real step has no influence on your result.",
        "Which row of h is the state after one step?",
    ),
)
def one_too_early(h, lengths):
    rows = (lengths - 2).clamp(min=0)
    return h[rows, torch.arange(h.shape[1], device=h.device)]


@mistake(
    "last_hidden",
    source="constructed: one index where two are needed",
    hints=(
        "You return the states of all sequences at the end of each.",
        "There is one axis too many.",
        "How many indices does it take to name one state?",
    ),
)
def all_pairs(h, lengths):
    return h[lengths - 1]


@mistake(
    "last_hidden",
    source="constructed: the longest sequence decides for all",
    hints=(
        "All sequences end at the same step.",
        "It is right for the longest one.",
        "Whose length do you use?",
    ),
)
def end_of_the_longest(h, lengths):
    return h[lengths.max() - 1]


@mistake(
    "last_hidden",
    source="a habit from text classifiers: mean pooling",
    hints=(
        "All real states have a say in your result.",
        "It is right for sequences of length 1.",
        "Which single state has read everything?",
    ),
)
def mean_of_the_real_ones(h, lengths):
    real = torch.arange(len(h), device=h.device).unsqueeze(1) < lengths
    return (h * real.unsqueeze(2)).sum(0) / lengths.unsqueeze(1)


@mistake(
    "last_hidden",
    source="constructed: the wrong end",
    hints=(
        "Your result does not depend on the lengths.",
        "It is right for sequences of length 1.",
        "Which state has read the whole sequence?",
    ),
)
def first_state(h, lengths):
    return h[0]


@mistake(
    "last_hidden",
    source="constructed: padding masked, then the last row taken",
    hints=(
        "Short sequences give 0.",
        "It is right for sequences that fill the batch.",
        "At which step do you look?",
    ),
)
def masked_then_last(h, lengths):
    real = torch.arange(len(h), device=h.device).unsqueeze(1) < lengths
    return (h * real.unsqueeze(2))[-1]


# --- rnn_two_layers ---------------------------------------------------------------------------


def _layer(x, h, W_x, W_h, b):
    states = []
    for x_t in x:
        h = _cell(x_t, h, W_x, W_h, b)
        states.append(h)
    return torch.stack(states)


@mistake(
    "rnn_two_layers",
    source="constructed: h_last read as 'of the top layer'",
    hints=(
        "One of the returned tensors has an axis too few.",
        "It is h_last.",
        "How many layers does a caller need the state of, to go on reading?",
    ),
)
def last_of_the_top_only(x, h_0, first, second):
    top = _layer(_layer(x, h_0[0], *first), h_0[1], *second)
    return top, top[-1]


@mistake(
    "rnn_two_layers",
    source="constructed: h[-2:] read as 'the last state of two layers'",
    hints=(
        "The states of h_last do not belong to two layers.",
        "With a single step even the shape is wrong.",
        "What is the first axis of h_last, and what is the first axis of h?",
    ),
)
def last_two_steps(x, h_0, first, second):
    top = _layer(_layer(x, h_0[0], *first), h_0[1], *second)
    return top, top[-2:]


@mistake(
    "rnn_two_layers",
    source="constructed: top layer first",
    hints=(
        "The right states, in the wrong places.",
        "It is h_last.",
        "Which layer comes first?",
    ),
)
def top_first(x, h_0, first, second):
    bottom = _layer(x, h_0[0], *first)
    top = _layer(bottom, h_0[1], *second)
    return top, torch.stack([top[-1], bottom[-1]])


@mistake(
    "rnn_two_layers",
    source="constructed: encoder and decoder, instead of two layers",
    hints=(
        "The top layer knows the end of the sequence in its first step.",
        "Its own initial state has no influence.",
        "Where does the second layer start?",
    ),
)
def starts_where_the_first_ended(x, h_0, first, second):
    bottom = _layer(x, h_0[0], *first)
    top = _layer(bottom, bottom[-1], *second)
    return top, torch.stack([bottom[-1], top[-1]])


@mistake(
    "rnn_two_layers",
    source="constructed: one initial state for both layers",
    hints=(
        "Half of h_0 has no influence.",
        "The first layer is right.",
        "Where does the second layer start?",
    ),
)
def same_initial_state(x, h_0, first, second):
    bottom = _layer(x, h_0[0], *first)
    top = _layer(bottom, h_0[0], *second)
    return top, torch.stack([bottom[-1], top[-1]])


@mistake(
    "rnn_two_layers",
    source="constructed: the rows of h_0 exchanged",
    hints=(
        "Each layer starts from a state that is not its own.",
        "With an h_0 of 0 all is well.",
        "Which row of h_0 belongs to which layer?",
    ),
)
def initial_states_exchanged(x, h_0, first, second):
    bottom = _layer(x, h_0[1], *first)
    top = _layer(bottom, h_0[0], *second)
    return top, torch.stack([bottom[-1], top[-1]])


@mistake(
    "rnn_two_layers",
    source="constructed: initial states of 0",
    hints=(
        "One of the arguments has no influence.",
        "With an h_0 of 0 all is well.",
        "Where does each layer start?",
    ),
)
def both_from_zero(x, h_0, first, second):
    zero = torch.zeros_like(h_0[0])
    bottom = _layer(x, zero, *first)
    top = _layer(bottom, zero, *second)
    return top, torch.stack([bottom[-1], top[-1]])


@mistake(
    "rnn_two_layers",
    source="constructed: the second layer reads the state of the step before",
    hints=(
        "Change an input: the top layer answers a step too late.",
        "The first layer is right.",
        "Which of its states has the first layer reached when the second reads it?",
    ),
)
def one_step_behind(x, h_0, first, second):
    bottom = _layer(x, h_0[0], *first)
    top = _layer(torch.cat([h_0[:1], bottom[:-1]]), h_0[1], *second)
    return top, torch.stack([bottom[-1], top[-1]])


@mistake(
    "rnn_two_layers",
    source="constructed: both layers returned",
    hints=(
        "One of the returned tensors is too wide.",
        "It is h.",
        "Whose states does torch.nn.RNN return?",
    ),
)
def side_by_side(x, h_0, first, second):
    bottom = _layer(x, h_0[0], *first)
    top = _layer(bottom, h_0[1], *second)
    return torch.cat([bottom, top], dim=2), torch.stack([bottom[-1], top[-1]])


@mistake(
    "rnn_two_layers",
    source="constructed: the states of the wrong layer",
    hints=(
        "The parameters of the second layer have no influence on one of the results.",
        "It is h.",
        "Which layer is on top?",
    ),
)
def states_of_the_first(x, h_0, first, second):
    bottom = _layer(x, h_0[0], *first)
    top = _layer(bottom, h_0[1], *second)
    return bottom, torch.stack([bottom[-1], top[-1]])


@mistake(
    "rnn_two_layers",
    source="a habit from deep networks: a skip connection",
    hints=(
        "Your states leave the interval from -1 to 1.",
        "It is h.",
        "Is what the second layer has read part of its state?",
    ),
)
def skip_connection(x, h_0, first, second):
    bottom = _layer(x, h_0[0], *first)
    top = _layer(bottom, h_0[1], *second)
    return bottom + top, torch.stack([bottom[-1], top[-1]])


@mistake(
    "rnn_two_layers",
    source="constructed: a summary handed up instead of a sequence",
    hints=(
        "The top layer reads the same thing in every step.",
        "With a single step all is well.",
        "What does the first layer hand up in step 1?",
    ),
)
def reads_the_summary(x, h_0, first, second):
    bottom = _layer(x, h_0[0], *first)
    top = _layer(bottom[-1:].expand(bottom.shape), h_0[1], *second)
    return top, torch.stack([bottom[-1], top[-1]])


# --- rnn_cell_backward ------------------------------------------------------------------------


def _through_cell(delta, x, h, W_x, W_h):
    return delta @ W_x, delta @ W_h, delta.T @ x, delta.T @ h, delta.sum(0)


@mistake(
    "rnn_cell_backward",
    source="constructed: the derivative of tanh is forgotten",
    hints=(
        "Saturated units still hand gradients down.",
        "All five gradients suffer.",
        "What stands between the pre-activation and the state?",
    ),
)
def no_tanh_derivative(grad_h_next, x, h, h_next, W_x, W_h):
    return _through_cell(grad_h_next, x, h, W_x, W_h)


@mistake(
    "rnn_cell_backward",
    source="a slip seen in many notebooks: h_t and h_{t-1} exchanged",
    hints=(
        "The slopes are those of another step.",
        "With a state of 0 before the step you act as if no unit were saturated.",
        "Which of the two states is a tanh of this step's pre-activation?",
    ),
)
def slope_of_the_old_state(grad_h_next, x, h, h_next, W_x, W_h):
    return _through_cell(grad_h_next * (1 - h**2), x, h, W_x, W_h)


@mistake(
    "rnn_cell_backward",
    source="constructed: the square is lost",
    hints=(
        "Units near -1 get larger gradients than units near 0.",
        "It is the derivative of tanh.",
        "What is the slope of tanh at its left end, and what is yours?",
    ),
)
def slope_without_square(grad_h_next, x, h, h_next, W_x, W_h):
    return _through_cell(grad_h_next * (1 - h_next), x, h, W_x, W_h)


@mistake(
    "rnn_cell_backward",
    source="constructed: tanh applied to what is a tanh already",
    hints=(
        "Saturated units still hand some gradient down.",
        "It is the derivative of tanh.",
        "Is h_next before or after the nonlinearity?",
    ),
)
def tanh_twice(grad_h_next, x, h, h_next, W_x, W_h):
    return _through_cell(grad_h_next * (1 - torch.tanh(h_next) ** 2), x, h, W_x, W_h)


@mistake(
    "rnn_cell_backward",
    source="constructed: the derivative of the other squashing function",
    hints=(
        "Negative states get gradients of the wrong sign.",
        "It is the derivative of the nonlinearity.",
        "Of which function is h (1 - h) the derivative?",
    ),
)
def slope_of_sigmoid(grad_h_next, x, h, h_next, W_x, W_h):
    return _through_cell(grad_h_next * h_next * (1 - h_next), x, h, W_x, W_h)


@mistake(
    "rnn_cell_backward",
    source="121 public solution sets of one course: the state after instead of before",
    hints=(
        "One gradient takes the wrong state.",
        "With a state of 0 before the step, grad_W_h has to be 0.",
        "What did W_h multiply?",
    ),
)
def weight_meets_the_new_state(grad_h_next, x, h, h_next, W_x, W_h):
    delta = grad_h_next * (1 - h_next**2)
    return delta @ W_x, delta @ W_h, delta.T @ x, delta.T @ h_next, delta.sum(0)


@mistake(
    "rnn_cell_backward",
    source="constructed: W_h is square, so the transpose is easily lost",
    hints=(
        "The gradient reaches the wrong units.",
        "It is grad_h; with a symmetric W_h, or a single unit, all is well.",
        "Forward, W_h is transposed. And backward?",
    ),
)
def wrong_transpose(grad_h_next, x, h, h_next, W_x, W_h):
    delta = grad_h_next * (1 - h_next**2)
    return delta @ W_x, delta @ W_h.T, delta.T @ x, delta.T @ h, delta.sum(0)


@mistake(
    "rnn_cell_backward",
    source="constructed: the outer product the wrong way round",
    hints=(
        "The right numbers, with rows and columns exchanged.",
        "It is grad_W_h.",
        "Which axis of W_h counts the units that it feeds?",
    ),
)
def outer_product_reversed(grad_h_next, x, h, h_next, W_x, W_h):
    delta = grad_h_next * (1 - h_next**2)
    return delta @ W_x, delta @ W_h, delta.T @ x, h.T @ delta, delta.sum(0)


@mistake(
    "rnn_cell_backward",
    source="constructed: a mean for the bias",
    hints=(
        "One gradient is too small by a factor that grows with the batch.",
        "It is grad_b; with one sequence all is well.",
        "Is the loss here a mean over the batch?",
    ),
)
def bias_averaged(grad_h_next, x, h, h_next, W_x, W_h):
    delta = grad_h_next * (1 - h_next**2)
    return delta @ W_x, delta @ W_h, delta.T @ x, delta.T @ h, delta.mean(0)


@mistake(
    "rnn_cell_backward",
    source="a habit from losses: 1/N for all parameters",
    hints=(
        "Some gradients are too small by a factor that grows with the batch.",
        "Those of the parameters are, those of input and state are not.",
        "Who divides by N: the loss, or the cell?",
    ),
)
def parameters_averaged(grad_h_next, x, h, h_next, W_x, W_h):
    delta = grad_h_next * (1 - h_next**2)
    n = len(x)
    return delta @ W_x, delta @ W_h, delta.T @ x / n, delta.T @ h / n, delta.mean(0)


@mistake(
    "rnn_cell_backward",
    source="121 public solution sets of one course: keepdims leaves (1, H)",
    hints=(
        "The values are right, a shape is not.",
        "It is grad_b.",
        "How many axes does b have?",
    ),
)
def bias_keeps_an_axis(grad_h_next, x, h, h_next, W_x, W_h):
    delta = grad_h_next * (1 - h_next**2)
    return delta @ W_x, delta @ W_h, delta.T @ x, delta.T @ h, delta.sum(0, keepdim=True)


@mistake(
    "rnn_cell_backward",
    source="constructed: the slope skipped on the way to the state",
    hints=(
        "Saturated units still send a gradient to the past.",
        "It is grad_h; the others are right.",
        "Does the way from the old state to the new one lead through tanh?",
    ),
)
def shortcut_to_the_past(grad_h_next, x, h, h_next, W_x, W_h):
    delta = grad_h_next * (1 - h_next**2)
    return delta @ W_x, grad_h_next @ W_h, delta.T @ x, delta.T @ h, delta.sum(0)


# --- rnn_backward -----------------------------------------------------------------------------


def _deltas(grad_h, h, W_h):
    carried, deltas = torch.zeros_like(grad_h[0]), []
    for t in reversed(range(len(h))):
        deltas.append((grad_h[t] + carried) * (1 - h[t] ** 2))
        carried = deltas[-1] @ W_h
    return torch.stack(deltas[::-1])


def _before(h, h_0):
    return torch.cat([h_0.unsqueeze(0), h[:-1]])


def _summed(delta, other):
    return torch.einsum("tnh,tnk->hk", delta, other)


@mistake(
    "rnn_backward",
    source="121 public solution sets of one course: the gradient is not carried back in time",
    hints=(
        "A loss on the last step alone moves nothing in earlier steps.",
        "With a single step all is well.",
        "On what, besides its own loss, does a state act?",
    ),
)
def truncated_at_one(grad_h, x, h, h_0, W_x, W_h):
    delta = grad_h * (1 - h**2)
    grad_W_h = _summed(delta, _before(h, h_0))
    return delta @ W_x, delta[0] @ W_h, _summed(delta, x), grad_W_h, delta.sum((0, 1))


@mistake(
    "rnn_backward",
    source="d2l-ai/d2l-en, issue 2616: terms missing in backpropagation through time",
    hints=(
        "A loss on the last step reaches the step before it, and no further.",
        "With two steps or fewer all is well.",
        "What is handed back: the direct gradient, or all that has arrived?",
    ),
)
def truncated_at_two(grad_h, x, h, h_0, W_x, W_h):
    direct = grad_h * (1 - h**2)
    from_next = torch.cat([direct[1:] @ W_h, torch.zeros_like(direct[:1])])
    delta = (grad_h + from_next) * (1 - h**2)
    grad_W_h = _summed(delta, _before(h, h_0))
    return delta @ W_x, delta[0] @ W_h, _summed(delta, x), grad_W_h, delta.sum((0, 1))


@mistake(
    "rnn_backward",
    source="constructed: = where += is needed, going back in time",
    hints=(
        "Only one step has a say in the gradients of the parameters.",
        "It is the first one; with a single step all is well.",
        "How many times are the weights used?",
    ),
)
def overwritten_in_each_step(grad_h, x, h, h_0, W_x, W_h):
    delta = _deltas(grad_h, h, W_h)
    grad_W_x, grad_W_h = delta[0].T @ x[0], delta[0].T @ h_0
    return delta @ W_x, delta[0] @ W_h, grad_W_x, grad_W_h, delta[0].sum(0)


@mistake(
    "rnn_backward",
    source="constructed: = where += is needed, for W_h alone",
    hints=(
        "One gradient hears of a single step only.",
        "It is grad_W_h; with a single step all is well.",
        "How many times is W_h used?",
    ),
)
def state_weight_overwritten(grad_h, x, h, h_0, W_x, W_h):
    delta = _deltas(grad_h, h, W_h)
    grad_W_h = delta[0].T @ h_0
    return delta @ W_x, delta[0] @ W_h, _summed(delta, x), grad_W_h, delta.sum((0, 1))


@mistake(
    "rnn_backward",
    source="a slip seen in many notebooks: h_t for h_{t-1}",
    hints=(
        "One gradient meets states of the wrong step.",
        "It is grad_W_h; with a single step that starts at 0 it has to be 0.",
        "What did W_h multiply in step t?",
    ),
)
def meets_the_same_step(grad_h, x, h, h_0, W_x, W_h):
    delta = _deltas(grad_h, h, W_h)
    return delta @ W_x, delta[0] @ W_h, _summed(delta, x), _summed(delta, h), delta.sum((0, 1))


@mistake(
    "rnn_backward",
    source="class notes, 5.2.3: the initial state is often 0",
    hints=(
        "One gradient lacks a term.",
        "It is grad_W_h; if the sequence starts from 0 all is well.",
        "What did W_h multiply in the very first step?",
    ),
)
def first_step_left_out(grad_h, x, h, h_0, W_x, W_h):
    delta = _deltas(grad_h, h, W_h)
    grad_W_h = _summed(delta, _before(h, torch.zeros_like(h_0)))
    return delta @ W_x, delta[0] @ W_h, _summed(delta, x), grad_W_h, delta.sum((0, 1))


@mistake(
    "rnn_backward",
    source="constructed: the direct gradient added after the nonlinearity",
    hints=(
        "Saturated units still pass a gradient on.",
        "What comes from later steps is treated right, what comes from the loss is not.",
        "Is the direct gradient one of the state, or of the pre-activation?",
    ),
)
def added_after_the_slope(grad_h, x, h, h_0, W_x, W_h):
    carried, deltas = torch.zeros_like(h_0), []
    for t in reversed(range(len(h))):
        deltas.append(grad_h[t] + carried * (1 - h[t] ** 2))
        carried = deltas[-1] @ W_h
    delta = torch.stack(deltas[::-1])
    grad_W_h = _summed(delta, _before(h, h_0))
    return delta @ W_x, carried, _summed(delta, x), grad_W_h, delta.sum((0, 1))


@mistake(
    "rnn_backward",
    source="constructed: what is carried back does not pass the nonlinearity",
    hints=(
        "Saturated units still pass a gradient on to earlier steps.",
        "With a single step all is well.",
        "Which two things are added before the slope is applied?",
    ),
)
def carried_past_the_slope(grad_h, x, h, h_0, W_x, W_h):
    carried, deltas = torch.zeros_like(h_0), []
    for t in reversed(range(len(h))):
        deltas.append(grad_h[t] * (1 - h[t] ** 2) + carried)
        carried = deltas[-1] @ W_h
    delta = torch.stack(deltas[::-1])
    grad_W_h = _summed(delta, _before(h, h_0))
    return delta @ W_x, carried, _summed(delta, x), grad_W_h, delta.sum((0, 1))


@mistake(
    "rnn_backward",
    source="constructed: many-to-one taken for granted",
    hints=(
        "The loss of early steps has no influence.",
        "With a loss on the last step alone all is well.",
        "At how many steps does a gradient come in?",
    ),
)
def last_step_only(grad_h, x, h, h_0, W_x, W_h):
    only = torch.cat([torch.zeros_like(grad_h[:-1]), grad_h[-1:]])
    delta = _deltas(only, h, W_h)
    grad_W_h = _summed(delta, _before(h, h_0))
    return delta @ W_x, delta[0] @ W_h, _summed(delta, x), grad_W_h, delta.sum((0, 1))


@mistake(
    "rnn_backward",
    source="constructed: stopped one matrix short of h_0",
    hints=(
        "One gradient stops a step too early.",
        "It is grad_h_0.",
        "What did the first step multiply h_0 by?",
    ),
)
def stops_at_the_first_step(grad_h, x, h, h_0, W_x, W_h):
    delta = _deltas(grad_h, h, W_h)
    grad_W_h = _summed(delta, _before(h, h_0))
    return delta @ W_x, delta[0], _summed(delta, x), grad_W_h, delta.sum((0, 1))


@mistake(
    "rnn_backward",
    source="constructed: W_h is square, so the transpose is easily lost",
    hints=(
        "The gradient reaches the wrong units of earlier steps.",
        "With a symmetric W_h, or a single unit, all is well.",
        "Forward, W_h is transposed. And backward?",
    ),
)
def carried_by_the_transpose(grad_h, x, h, h_0, W_x, W_h):
    delta = _deltas(grad_h, h, W_h.T)
    grad_W_h = _summed(delta, _before(h, h_0))
    return delta @ W_x, delta[0] @ W_h.T, _summed(delta, x), grad_W_h, delta.sum((0, 1))


@mistake(
    "rnn_backward",
    source="constructed: a list filled from the end and not turned round",
    hints=(
        "The right gradients, in the wrong steps.",
        "It is grad_x.",
        "Which step did you compute first?",
    ),
)
def inputs_reversed(grad_h, x, h, h_0, W_x, W_h):
    delta = _deltas(grad_h, h, W_h)
    grad_W_h = _summed(delta, _before(h, h_0))
    grad_x = (delta @ W_x).flip(0)
    return grad_x, delta[0] @ W_h, _summed(delta, x), grad_W_h, delta.sum((0, 1))


@mistake(
    "rnn_backward",
    source="constructed: a mean over the steps",
    hints=(
        "Some gradients shrink when the sequence gets longer.",
        "Those of the parameters; with a single step all is well.",
        "Does the loss divide by T, or do you?",
    ),
)
def averaged_over_time(grad_h, x, h, h_0, W_x, W_h):
    delta, T = _deltas(grad_h, h, W_h), len(h)
    grad_W_x, grad_W_h = _summed(delta, x) / T, _summed(delta, _before(h, h_0)) / T
    return delta @ W_x, delta[0] @ W_h, grad_W_x, grad_W_h, delta.sum((0, 1)) / T


@mistake(
    "rnn_backward",
    source="constructed: the gradient walks with time, not against it",
    hints=(
        "A loss on the first step moves later inputs.",
        "With a single step all is well.",
        "In which step does the backward pass begin?",
    ),
)
def forward_in_time(grad_h, x, h, h_0, W_x, W_h):
    delta = _deltas(grad_h.flip(0), h.flip(0), W_h).flip(0)
    grad_W_h = _summed(delta, _before(h, h_0))
    return delta @ W_x, delta[-1] @ W_h, _summed(delta, x), grad_W_h, delta.sum((0, 1))


@mistake(
    "rnn_backward",
    source="constructed: the slope of the state before",
    hints=(
        "The slopes are those of another step.",
        "Even a single step is wrong.",
        "Which state is the tanh of step t's pre-activation?",
    ),
)
def slopes_of_the_step_before(grad_h, x, h, h_0, W_x, W_h):
    before = _before(h, h_0)
    delta = _deltas(grad_h, before, W_h)
    return delta @ W_x, delta[0] @ W_h, _summed(delta, x), _summed(delta, before), delta.sum((0, 1))


@mistake(
    "rnn_backward",
    source="121 public solution sets of one course: keepdims leaves (1, H)",
    hints=(
        "The values are right, a shape is not.",
        "It is grad_b.",
        "How many axes does b have?",
    ),
)
def bias_keeps_an_axis_through_time(grad_h, x, h, h_0, W_x, W_h):
    delta = _deltas(grad_h, h, W_h)
    grad_W_h = _summed(delta, _before(h, h_0))
    return delta @ W_x, delta[0] @ W_h, _summed(delta, x), grad_W_h, delta.sum((0, 1)).unsqueeze(0)


# --- gradient_norm_through_time ---------------------------------------------------------------


def _followed(grad, h, W_h, factor):
    """Return the lengths of the gradients, and the bounds with a factor for each step."""
    bound = grad.norm(dim=1)
    norms, bounds = [bound], [bound]
    for t in reversed(range(len(h))):
        slope = 1 - h[t] ** 2
        grad, bound = (grad * slope) @ W_h, bound * factor(slope, t)
        norms.append(grad.norm(dim=1))
        bounds.append(bound)
    return torch.stack(norms[::-1]), torch.stack(bounds[::-1])


def _largest(W_h):
    return torch.linalg.matrix_norm(W_h, ord=2)


@mistake(
    "gradient_norm_through_time",
    source="class notes, 5.3: the largest eigenvalue",
    hints=(
        "Your bound is sometimes below the norm that it should bound.",
        "It is the number that stands for W_h; for a symmetric W_h it is right.",
        "How long can W_h make a vector of length 1, and what do eigenvalues say about that?",
    ),
)
def largest_eigenvalue(grad_last, h, W_h):
    radius = torch.linalg.eigvals(W_h).abs().max()
    return _followed(grad_last, h, W_h, lambda slope, _: radius * slope.amax(1))


@mistake(
    "gradient_norm_through_time",
    source="constructed: the default of torch.linalg.norm",
    hints=(
        "Your bound holds, but it is not the one asked for.",
        "It is the number that stands for W_h; for a single unit it is right.",
        "Which norm of a matrix does your function compute if nothing else is said?",
    ),
)
def frobenius(grad_last, h, W_h):
    size = torch.linalg.norm(W_h)
    return _followed(grad_last, h, W_h, lambda slope, _: size * slope.amax(1))


@mistake(
    "gradient_norm_through_time",
    source="constructed: the smallest singular value",
    hints=(
        "Your bound is below the norm that it should bound.",
        "It is the number that stands for W_h; for a rotation it is right.",
        "Can W_h stretch no vector by more than that?",
    ),
)
def smallest_singular_value(grad_last, h, W_h):
    least = torch.linalg.svdvals(W_h)[-1]
    return _followed(grad_last, h, W_h, lambda slope, _: least * slope.amax(1))


@mistake(
    "gradient_norm_through_time",
    source="constructed: the slope of tanh is taken to be 1",
    hints=(
        "Your bound holds, but it does not see that units saturate.",
        "It depends on T and not on the states.",
        "What else, besides W_h, does a step multiply the gradient by?",
    ),
)
def bound_without_slopes(grad_last, h, W_h):
    return _followed(
        grad_last, h, W_h, lambda slope, _: _largest(W_h) * torch.ones_like(slope[:, 0])
    )


@mistake(
    "gradient_norm_through_time",
    source="constructed: one slope for the whole batch",
    hints=(
        "Add a sequence to the batch: the bounds of the others move.",
        "With one sequence all is well.",
        "Over which axis do you take the maximum?",
    ),
)
def steepest_of_the_batch(grad_last, h, W_h):
    return _followed(grad_last, h, W_h, lambda slope, _: _largest(W_h) * slope.max())


@mistake(
    "gradient_norm_through_time",
    source="constructed: one slope for the whole sequence, as in the theorem",
    hints=(
        "Your bound holds, but the same slope is used in every step.",
        "With a single step all is well.",
        "Over which axes do you take the maximum?",
    ),
)
def steepest_of_all_steps(grad_last, h, W_h):
    steepest = (1 - h**2).amax((0, 2))
    return _followed(grad_last, h, W_h, lambda *_: _largest(W_h) * steepest)


@mistake(
    "gradient_norm_through_time",
    source="constructed: the average unit for the steepest",
    hints=(
        "Your bound is sometimes below the norm that it should bound.",
        "With a single hidden unit all is well.",
        "What if the gradient lies in the unit that saturates least?",
    ),
)
def average_slope(grad_last, h, W_h):
    return _followed(grad_last, h, W_h, lambda slope, _: _largest(W_h) * slope.mean(1))


@mistake(
    "gradient_norm_through_time",
    source="constructed: from the first state to the last",
    hints=(
        "The right numbers, upside down.",
        "Both results are.",
        "To which state does the first row belong?",
    ),
)
def last_state_first(grad_last, h, W_h):
    norms, bounds = _followed(grad_last, h, W_h, lambda slope, _: _largest(W_h) * slope.amax(1))
    return norms.flip(0), bounds.flip(0)


@mistake(
    "gradient_norm_through_time",
    source="constructed: h_0 is forgotten",
    hints=(
        "A row is missing.",
        "The one of the initial state is.",
        "How many states does a sequence of T steps have, the one before it included?",
    ),
)
def without_the_initial_state(grad_last, h, W_h):
    norms, bounds = _followed(grad_last, h, W_h, lambda slope, _: _largest(W_h) * slope.amax(1))
    return norms[1:], bounds[1:]


@mistake(
    "gradient_norm_through_time",
    source="constructed: the nonlinearity is forgotten on the way back",
    hints=(
        "Saturated units pass the gradient on as if they were not.",
        "It is norms; bounds are right.",
        "What does a step do to the gradient before the matrix does?",
    ),
)
def norms_without_slopes(grad_last, h, W_h):
    _, bounds = _followed(grad_last, h, W_h, lambda slope, _: _largest(W_h) * slope.amax(1))
    norms, _ = _followed(grad_last, 0 * h, W_h, lambda slope, _: slope.amax(1))
    return norms, bounds


@mistake(
    "gradient_norm_through_time",
    source="constructed: W_h is square, so the transpose is easily lost",
    hints=(
        "The gradient goes through the matrix the wrong way.",
        "It is norms; with a symmetric W_h all is well.",
        "Forward, W_h is transposed. And backward?",
    ),
)
def followed_through_the_transpose(grad_last, h, W_h):
    return _followed(grad_last, h, W_h.T, lambda slope, _: _largest(W_h) * slope.amax(1))


@mistake(
    "gradient_norm_through_time",
    source="constructed: matrix first, slope second",
    hints=(
        "The two factors of a step are applied in the wrong order.",
        "It is norms; with a single hidden unit all is well.",
        "Going back from a state, what do you meet first: tanh, or the matrix?",
    ),
)
def matrix_before_slope(grad_last, h, W_h):
    norms, bounds = _followed(grad_last, h, W_h, lambda slope, _: _largest(W_h) * slope.amax(1))
    grad, norms = grad_last, [grad_last.norm(dim=1)]
    for t in reversed(range(len(h))):
        grad = (grad @ W_h) * (1 - h[t] ** 2)
        norms.append(grad.norm(dim=1))
    return torch.stack(norms[::-1]), bounds


@mistake(
    "gradient_norm_through_time",
    source="constructed: the norm of the whole batch",
    hints=(
        "An axis is missing.",
        "Both results have it for each sequence.",
        "Over which axis is the norm taken?",
    ),
)
def whole_batch(grad_last, h, W_h):
    norms, bounds = _followed(grad_last, h, W_h, lambda slope, _: _largest(W_h) * slope.amax(1))
    return norms.norm(dim=1), bounds.norm(dim=1)


@mistake(
    "gradient_norm_through_time",
    source="constructed: squares without the root",
    hints=(
        "Twice the gradient gives you four times the length.",
        "It is norms.",
        "What is the length of the vector (3, 4)?",
    ),
)
def squared_lengths(grad_last, h, W_h):
    norms, bounds = _followed(grad_last, h, W_h, lambda slope, _: _largest(W_h) * slope.amax(1))
    return norms**2, bounds


@mistake(
    "gradient_norm_through_time",
    source="constructed: bounds of the matrices alone",
    hints=(
        "Twice the gradient must give twice the bound.",
        "Your last row of bounds does not depend on the gradient.",
        "Where does the product start?",
    ),
)
def bound_of_a_unit_vector(grad_last, h, W_h):
    norms, bounds = _followed(grad_last, h, W_h, lambda slope, _: _largest(W_h) * slope.amax(1))
    return norms, bounds / norms[-1]


# --- lstm_cell --------------------------------------------------------------------------------


def _blocks(x, h, W_x, W_h, b):
    return (x @ W_x.T + h @ W_h.T + b).chunk(4, dim=1)


def _gated(i, f, g, o, c):
    c_next = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c_next), c_next


@mistake(
    "lstm_cell",
    source="class notes, 5.4.1: gates in the order i, f, o, g",
    hints=(
        "Two of the four blocks play each other's part.",
        "Drive one block at a time: the first two do what they should.",
        "In which order do the rows of the weights stand here?",
    ),
)
def order_of_the_notes(x, h, c, W_x, W_h, b):
    i, f, o, g = _blocks(x, h, W_x, W_h, b)
    return _gated(i, f, g, o, c)


@mistake(
    "lstm_cell",
    source="121 public solution sets of one course: gates in the order f, i, o, g",
    hints=(
        "All four blocks play another's part.",
        "Drive one block at a time and see what it does.",
        "In which order do the rows of the weights stand here?",
    ),
)
def forget_first_cell_last(x, h, c, W_x, W_h, b):
    f, i, o, g = _blocks(x, h, W_x, W_h, b)
    return _gated(i, f, g, o, c)


@mistake(
    "lstm_cell",
    source="constructed: input and forget gate exchanged",
    hints=(
        "What should be written is kept, and what should be kept is written.",
        "The last two blocks do what they should.",
        "Which block comes first?",
    ),
)
def keeps_what_it_should_write(x, h, c, W_x, W_h, b):
    f, i, g, o = _blocks(x, h, W_x, W_h, b)
    return _gated(i, f, g, o, c)


@mistake(
    "lstm_cell",
    source="a habit from early TensorFlow: gates in the order i, j, f, o",
    hints=(
        "Two of the four blocks play each other's part.",
        "The first and the last do what they should.",
        "In which order do the rows of the weights stand here?",
    ),
)
def order_of_tensorflow(x, h, c, W_x, W_h, b):
    i, g, f, o = _blocks(x, h, W_x, W_h, b)
    return _gated(i, f, g, o, c)


@mistake(
    "lstm_cell",
    source="a habit from ONNX: gates in the order i, o, f, c",
    hints=(
        "Three of the four blocks play another's part.",
        "The first does what it should.",
        "In which order do the rows of the weights stand here?",
    ),
)
def order_of_onnx(x, h, c, W_x, W_h, b):
    i, o, f, g = _blocks(x, h, W_x, W_h, b)
    return _gated(i, f, g, o, c)


@mistake(
    "lstm_cell",
    source="a habit from Chainer: the cell input first",
    hints=(
        "Three of the four blocks play another's part.",
        "The last does what it should.",
        "In which order do the rows of the weights stand here?",
    ),
)
def cell_input_first(x, h, c, W_x, W_h, b):
    g, i, f, o = _blocks(x, h, W_x, W_h, b)
    return _gated(i, f, g, o, c)


@mistake(
    "lstm_cell",
    source="a habit from early TensorFlow: forget_bias=1.0",
    hints=(
        "Your cell keeps more than it should.",
        "It is the forget gate; if it is driven hard all is well.",
        "Is there anything in your pre-activations that is not in the formula?",
    ),
)
def forget_bias_of_one(x, h, c, W_x, W_h, b):
    i, f, g, o = _blocks(x, h, W_x, W_h, b)
    return _gated(i, f + 1, g, o, c)


@mistake(
    "lstm_cell",
    source="class notes, 5.4.1, which have no bias",
    hints=(
        "One of the arguments has no influence.",
        "With an input and a state of 0 all your gates are half open.",
        "Which of the six arguments have you not used?",
    ),
)
def lstm_without_bias(x, h, c, W_x, W_h, b):
    i, f, g, o = _blocks(x, h, W_x, W_h, torch.zeros_like(b))
    return _gated(i, f, g, o, c)


@mistake(
    "lstm_cell",
    source="constructed: one nonlinearity for all four blocks",
    hints=(
        "What your cell writes is never negative.",
        "It is one of the four blocks.",
        "Which of the four is not a gate?",
    ),
)
def sigmoid_for_all(x, h, c, W_x, W_h, b):
    i, f, g, o = (torch.sigmoid(a) for a in _blocks(x, h, W_x, W_h, b))
    c_next = f * c + i * g
    return o * torch.tanh(c_next), c_next


@mistake(
    "lstm_cell",
    source="constructed: the cell shown as it is",
    hints=(
        "Your state leaves the interval from -1 to 1.",
        "c_next is right.",
        "What happens to the cell before it is shown?",
    ),
)
def cell_shown_as_it_is(x, h, c, W_x, W_h, b):
    _, c_next = _gated(*_blocks(x, h, W_x, W_h, b), c)
    return torch.sigmoid(_blocks(x, h, W_x, W_h, b)[3]) * c_next, c_next


@mistake(
    "lstm_cell",
    source="constructed: the output gate inside the nonlinearity",
    hints=(
        "The state is wrong, the cell is right.",
        "For small cells, or an output gate that is open, it is nearly right.",
        "Does the output gate act before or after tanh?",
    ),
)
def gate_inside_tanh(x, h, c, W_x, W_h, b):
    _, c_next = _gated(*_blocks(x, h, W_x, W_h, b), c)
    return torch.tanh(torch.sigmoid(_blocks(x, h, W_x, W_h, b)[3]) * c_next), c_next


@mistake(
    "lstm_cell",
    source="constructed: the old cell shown",
    hints=(
        "What is written now can be seen only in the next step.",
        "c_next is right.",
        "Which cell does the output gate show?",
    ),
)
def old_cell_shown(x, h, c, W_x, W_h, b):
    _, c_next = _gated(*_blocks(x, h, W_x, W_h, b), c)
    return torch.sigmoid(_blocks(x, h, W_x, W_h, b)[3]) * torch.tanh(c), c_next


@mistake(
    "lstm_cell",
    source="class notes, 5.4.1: [-1, 1] as the range of c_t",
    hints=(
        "Your cell cannot grow.",
        "As long as cells are small all is well.",
        "What does a cell hold that keeps 3 and writes 1?",
    ),
)
def cell_kept_in_range(x, h, c, W_x, W_h, b):
    _, c_next = _gated(*_blocks(x, h, W_x, W_h, b), c)
    c_next = c_next.clamp(-1, 1)
    return torch.sigmoid(_blocks(x, h, W_x, W_h, b)[3]) * torch.tanh(c_next), c_next


@mistake(
    "lstm_cell",
    source="constructed: coupled gates, as in a GRU",
    hints=(
        "One of the blocks has no influence.",
        "What your cell keeps and what it writes always add up to 1.",
        "How many gates decide about the new cell?",
    ),
)
def coupled_gates(x, h, c, W_x, W_h, b):
    _, f, g, o = _blocks(x, h, W_x, W_h, b)
    c_next = torch.sigmoid(f) * c + (1 - torch.sigmoid(f)) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c_next), c_next


@mistake(
    "lstm_cell",
    source="constructed: tanh around the new cell",
    hints=(
        "Your cell does not keep what it holds, however open the forget gate is.",
        "Both results are wrong.",
        "Which operations act on the way from one cell to the next?",
    ),
)
def cell_squashed(x, h, c, W_x, W_h, b):
    c_next = torch.tanh(_gated(*_blocks(x, h, W_x, W_h, b), c)[1])
    return torch.sigmoid(_blocks(x, h, W_x, W_h, b)[3]) * torch.tanh(c_next), c_next


@mistake(
    "lstm_cell",
    source="constructed: results exchanged",
    hints=(
        "The right tensors, in the wrong places.",
        "Look at what each of them may be larger than.",
        "What does the docstring return first?",
    ),
)
def results_exchanged(x, h, c, W_x, W_h, b):
    h_next, c_next = _gated(*_blocks(x, h, W_x, W_h, b), c)
    return c_next, h_next


@mistake(
    "lstm_cell",
    source="121 public solution sets of one course: hand-written sigmoid",
    hints=(
        "For large inputs a result is not a number.",
        "It is a nonlinearity, written with an exponential.",
        "Which sign should the exponent have, so that it cannot overflow?",
    ),
)
def growing_exponential_in_the_gates(x, h, c, W_x, W_h, b):
    i, f, g, o = _blocks(x, h, W_x, W_h, b)
    i, f, o = (torch.exp(a) / (1 + torch.exp(a)) for a in (i, f, o))
    c_next = f * c + i * torch.tanh(g)
    return o * torch.tanh(c_next), c_next


@mistake(
    "lstm_cell",
    source="121 public solution sets of one course: hand-written tanh",
    hints=(
        "For large inputs, of either sign, a result is not a number.",
        "The gates are fine.",
        "What is infinity divided by infinity?",
    ),
)
def quotient_of_exponentials_in_the_cell(x, h, c, W_x, W_h, b):
    i, f, g, o = _blocks(x, h, W_x, W_h, b)
    g = (torch.exp(g) - torch.exp(-g)) / (torch.exp(g) + torch.exp(-g))
    c_next = torch.sigmoid(f) * c + torch.sigmoid(i) * g
    return torch.sigmoid(o) * torch.tanh(c_next), c_next


@mistake(
    "lstm_cell",
    source="121 public solution sets of one course: np.squeeze drops axes of size 1",
    hints=(
        "The values are right, but an axis is missing.",
        "Only if some size is 1.",
        "What shape does a batch of one sequence have?",
    ),
)
def lstm_squeezed(x, h, c, W_x, W_h, b):
    h_next, c_next = _gated(*_blocks(x, h, W_x, W_h, b), c)
    return h_next.squeeze(), c_next.squeeze()


@mistake(
    "lstm_cell",
    source="torch.split, which takes the size of a piece where np.split takes their number",
    hints=(
        "Most networks give an error; those with four hidden units do not.",
        "It is how the pre-activations are cut into gates.",
        "Is 4 here the number of pieces, or the size of one?",
    ),
)
def pieces_of_four(x, h, c, W_x, W_h, b):
    i, f, g, o = (x @ W_x.T + h @ W_h.T + b).split(4, dim=1)
    return _gated(i, f, g, o, c)


# --- lstm_forward -----------------------------------------------------------------------------


def _lstm(x, h, c, W_x, W_h, b):
    return _gated(*_blocks(x, h, W_x, W_h, b), c)


@mistake(
    "lstm_forward",
    source="121 public solution sets of one course: the cell is not carried on",
    hints=(
        "What was written into the cell is gone in the next step.",
        "The first step is right.",
        "How many things are handed from step to step?",
    ),
)
def cell_not_carried(x, h_0, c_0, W_x, W_h, b):
    h, states, cells = h_0, [], []
    for x_t in x:
        h, c = _lstm(x_t, h, c_0, W_x, W_h, b)
        states.append(h)
        cells.append(c)
    return torch.stack(states), torch.stack(cells)


@mistake(
    "lstm_forward",
    source="constructed: the state is not carried on",
    hints=(
        "The gates do not know what was shown in the step before.",
        "The first step is right.",
        "How many things are handed from step to step?",
    ),
)
def state_not_carried(x, h_0, c_0, W_x, W_h, b):
    c, states, cells = c_0, [], []
    for x_t in x:
        h, c = _lstm(x_t, h_0, c, W_x, W_h, b)
        states.append(h)
        cells.append(c)
    return torch.stack(states), torch.stack(cells)


@mistake(
    "lstm_forward",
    source="a habit from one course's assignments: the first cell is 0",
    hints=(
        "One of the arguments has no influence.",
        "If the cell is 0 at first all is well.",
        "What does the cell hold before the first step?",
    ),
)
def cell_starts_at_zero(x, h_0, c_0, W_x, W_h, b):
    h, c, states, cells = h_0, torch.zeros_like(c_0), [], []
    for x_t in x:
        h, c = _lstm(x_t, h, c, W_x, W_h, b)
        states.append(h)
        cells.append(c)
    return torch.stack(states), torch.stack(cells)


@mistake(
    "lstm_forward",
    source="constructed: state and cell exchanged",
    hints=(
        "Two arguments are taken for each other.",
        "If both are 0 at first all is well.",
        "Which of the two do the gates read in the first step?",
    ),
)
def initial_values_exchanged(x, h_0, c_0, W_x, W_h, b):
    h, c, states, cells = c_0, h_0, [], []
    for x_t in x:
        h, c = _lstm(x_t, h, c, W_x, W_h, b)
        states.append(h)
        cells.append(c)
    return torch.stack(states), torch.stack(cells)


@mistake(
    "lstm_forward",
    source="constructed: appended before the step instead of after it",
    hints=(
        "Your first row does not depend on the input at all.",
        "Each row comes one step too late.",
        "Are h_0 and c_0 among the things to return?",
    ),
)
def lstm_one_step_late(x, h_0, c_0, W_x, W_h, b):
    h, c, states, cells = h_0, c_0, [], []
    for x_t in x:
        states.append(h)
        cells.append(c)
        h, c = _lstm(x_t, h, c, W_x, W_h, b)
    return torch.stack(states), torch.stack(cells)


@mistake(
    "lstm_forward",
    source="a habit from torch.nn.LSTM, which returns the last cell only",
    hints=(
        "One of the results has an axis too few.",
        "It is c.",
        "How many cells does a sequence of T steps have?",
    ),
)
def last_cell_only(x, h_0, c_0, W_x, W_h, b):
    h, c, states = h_0, c_0, []
    for x_t in x:
        h, c = _lstm(x_t, h, c, W_x, W_h, b)
        states.append(h)
    return torch.stack(states), c


@mistake(
    "lstm_forward",
    source="constructed: the sequence read from its end",
    hints=(
        "Change the last input: your first states move.",
        "With a single step all is well.",
        "May the network know the future?",
    ),
)
def lstm_backwards_in_time(x, h_0, c_0, W_x, W_h, b):
    h, c, states, cells = h_0, c_0, [], []
    for x_t in x.flip(0):
        h, c = _lstm(x_t, h, c, W_x, W_h, b)
        states.append(h)
        cells.append(c)
    return torch.stack(states).flip(0), torch.stack(cells).flip(0)


@mistake(
    "lstm_forward",
    source="class notes, 5.4.1: gates in the order i, f, o, g",
    hints=(
        "Two of the four blocks play each other's part.",
        "Even the first step is wrong.",
        "In which order do the rows of the weights stand here?",
    ),
)
def order_of_the_notes_through_time(x, h_0, c_0, W_x, W_h, b):
    h, c, states, cells = h_0, c_0, [], []
    for x_t in x:
        i, f, o, g = _blocks(x_t, h, W_x, W_h, b)
        h, c = _gated(i, f, g, o, c)
        states.append(h)
        cells.append(c)
    return torch.stack(states), torch.stack(cells)


@mistake(
    "lstm_forward",
    source="constructed: the cell carried as the state",
    hints=(
        "The gates read something that was never shown.",
        "The first step is right.",
        "What do the gates of step 2 read, besides the input?",
    ),
)
def gates_read_the_cell(x, h_0, c_0, W_x, W_h, b):
    read, c, states, cells = h_0, c_0, [], []
    for x_t in x:
        h, c = _lstm(x_t, read, c, W_x, W_h, b)
        read = c
        states.append(h)
        cells.append(c)
    return torch.stack(states), torch.stack(cells)


@mistake(
    "lstm_forward",
    source="121 public solution sets of one course: buffers of the default dtype",
    hints=(
        "Half of the digits are lost.",
        "It shows in float64.",
        "Which dtype does torch.zeros have?",
    ),
)
def lstm_default_dtype(x, h_0, c_0, W_x, W_h, b):
    h, c = h_0, c_0
    states = torch.zeros(len(x), *h_0.shape, device=x.device)
    cells = torch.zeros(len(x), *c_0.shape, device=x.device)
    for t in range(len(x)):
        h, c = _lstm(x[t], h, c, W_x, W_h, b)
        states[t], cells[t] = h, c
    return states, cells


# --- lstm_cell_backward -----------------------------------------------------------------------


def _gate_grads(grad_h, grad_cell, c, shown, gates):
    """Return the gradients of the four pre-activations, given that of the cell."""
    i, f, g, o = gates
    return (
        grad_cell * g * i * (1 - i),
        grad_cell * c * f * (1 - f),
        grad_cell * i * (1 - g**2),
        grad_h * shown * o * (1 - o),
    )


def _down(grad_a, x, h, grad_c, W_x, W_h):
    """Return what the linear layer hands down, the gradient of the cell among it."""
    grad_a = torch.cat(grad_a, dim=1)
    return grad_a @ W_x, grad_a @ W_h, grad_c, grad_a.T @ x, grad_a.T @ h, grad_a.sum(0)


def _cell_grad(grad_h, grad_c, c, gates):
    """Return tanh of the new cell, and the gradient of that cell."""
    i, f, g, o = gates
    shown = torch.tanh(f * c + i * g)
    return shown, grad_c + grad_h * o * (1 - shown**2)


@mistake(
    "lstm_cell_backward",
    source="constructed: the gradient of the next step is dropped",
    hints=(
        "One of the arguments has no influence.",
        "With a gradient along the state only, all is well.",
        "Along which two paths does the cell act on the loss?",
    ),
)
def cell_path_dropped(grad_h_next, grad_c_next, x, h, c, gates, W_x, W_h):
    parts = gates.chunk(4, dim=1)
    shown, grad_cell = _cell_grad(grad_h_next, 0 * grad_c_next, c, parts)
    grad_a = _gate_grads(grad_h_next, grad_cell, c, shown, parts)
    return _down(grad_a, x, h, grad_cell * parts[1], W_x, W_h)


@mistake(
    "lstm_cell_backward",
    source="constructed: the path through the state is dropped",
    hints=(
        "The gradient of the state reaches the output gate, and nothing else.",
        "With a gradient along the cell only, all is well.",
        "Along which two paths does the cell act on the loss?",
    ),
)
def state_path_dropped(grad_h_next, grad_c_next, x, h, c, gates, W_x, W_h):
    parts = gates.chunk(4, dim=1)
    shown, _ = _cell_grad(grad_h_next, grad_c_next, c, parts)
    grad_a = _gate_grads(grad_h_next, grad_c_next, c, shown, parts)
    return _down(grad_a, x, h, grad_c_next * parts[1], W_x, W_h)


@mistake(
    "lstm_cell_backward",
    source="class notes, 5.4.2, read as if c_t acted on c_{t+1} only",
    hints=(
        "One gradient lacks a term.",
        "It is grad_c; with a gradient along the cell only, all is well.",
        "Which of the two gradients of the cell goes on to the old cell?",
    ),
)
def old_cell_gets_the_direct_part(grad_h_next, grad_c_next, x, h, c, gates, W_x, W_h):
    parts = gates.chunk(4, dim=1)
    shown, grad_cell = _cell_grad(grad_h_next, grad_c_next, c, parts)
    grad_a = _gate_grads(grad_h_next, grad_cell, c, shown, parts)
    return _down(grad_a, x, h, grad_c_next * parts[1], W_x, W_h)


@mistake(
    "lstm_cell_backward",
    source="constructed: the gates are taken for pre-activations",
    hints=(
        "Gates that are shut still get a gradient.",
        "grad_c is right.",
        "What lies between the gates that you are given and their pre-activations?",
    ),
)
def no_gate_slopes(grad_h_next, grad_c_next, x, h, c, gates, W_x, W_h):
    i, f, g, _ = parts = gates.chunk(4, dim=1)
    shown, grad_cell = _cell_grad(grad_h_next, grad_c_next, c, parts)
    grad_a = (grad_cell * g, grad_cell * c, grad_cell * i, grad_h_next * shown)
    return _down(grad_a, x, h, grad_cell * f, W_x, W_h)


@mistake(
    "lstm_cell_backward",
    source="constructed: one derivative for all four blocks",
    hints=(
        "One block gets a gradient of the wrong sign wherever it is negative.",
        "It is the one that is no gate.",
        "Which derivative belongs to which nonlinearity?",
    ),
)
def slope_of_sigmoid_for_all(grad_h_next, grad_c_next, x, h, c, gates, W_x, W_h):
    i, f, g, _ = parts = gates.chunk(4, dim=1)
    shown, grad_cell = _cell_grad(grad_h_next, grad_c_next, c, parts)
    grad_a = list(_gate_grads(grad_h_next, grad_cell, c, shown, parts))
    grad_a[2] = grad_cell * i * g * (1 - g)
    return _down(grad_a, x, h, grad_cell * f, W_x, W_h)


@mistake(
    "lstm_cell_backward",
    source="class notes, 5.4.1: gates in the order i, f, o, g",
    hints=(
        "Two of the four blocks play each other's part.",
        "If the state has no gradient, grad_c is right.",
        "In which order do the gates stand here?",
    ),
)
def gates_in_the_order_of_the_notes(grad_h_next, grad_c_next, x, h, c, gates, W_x, W_h):
    i, f, o, g = gates.chunk(4, dim=1)
    shown, grad_cell = _cell_grad(grad_h_next, grad_c_next, c, (i, f, g, o))
    grad_i, grad_f, grad_g, grad_o = _gate_grads(grad_h_next, grad_cell, c, shown, (i, f, g, o))
    return _down((grad_i, grad_f, grad_o, grad_g), x, h, grad_cell * f, W_x, W_h)


@mistake(
    "lstm_cell_backward",
    source="constructed: put together in the order of the notes",
    hints=(
        "The right gradients, in the wrong blocks.",
        "grad_c is right; the other five are not.",
        "In which order do the rows of the weights stand here?",
    ),
)
def put_together_in_another_order(grad_h_next, grad_c_next, x, h, c, gates, W_x, W_h):
    parts = gates.chunk(4, dim=1)
    shown, grad_cell = _cell_grad(grad_h_next, grad_c_next, c, parts)
    grad_i, grad_f, grad_g, grad_o = _gate_grads(grad_h_next, grad_cell, c, shown, parts)
    return _down((grad_i, grad_f, grad_o, grad_g), x, h, grad_cell * parts[1], W_x, W_h)


@mistake(
    "lstm_cell_backward",
    source="constructed: new and old cell exchanged",
    hints=(
        "One block takes the wrong cell.",
        "It is the forget gate; if the old cell is 0 its gradient has to be 0.",
        "What did the forget gate multiply?",
    ),
)
def forget_gate_meets_the_new_cell(grad_h_next, grad_c_next, x, h, c, gates, W_x, W_h):
    i, f, g, _ = parts = gates.chunk(4, dim=1)
    shown, grad_cell = _cell_grad(grad_h_next, grad_c_next, c, parts)
    grad_a = _gate_grads(grad_h_next, grad_cell, f * c + i * g, shown, parts)
    return _down(grad_a, x, h, grad_cell * f, W_x, W_h)


@mistake(
    "lstm_cell_backward",
    source="constructed: tanh of the old cell",
    hints=(
        "What is shown does not belong to this step.",
        "With a gradient along the cell only, all is well.",
        "Which cell did the output gate show?",
    ),
)
def shows_the_old_cell(grad_h_next, grad_c_next, x, h, c, gates, W_x, W_h):
    parts = gates.chunk(4, dim=1)
    shown = torch.tanh(c)
    grad_cell = grad_c_next + grad_h_next * parts[3] * (1 - shown**2)
    grad_a = _gate_grads(grad_h_next, grad_cell, c, shown, parts)
    return _down(grad_a, x, h, grad_cell * parts[1], W_x, W_h)


@mistake(
    "lstm_cell_backward",
    source="constructed: the cell taken for its tanh",
    hints=(
        "Large cells get gradients of the wrong sign.",
        "It is the path through the state; the output gate is right.",
        "Is the cell before or after the nonlinearity?",
    ),
)
def slope_from_the_cell(grad_h_next, grad_c_next, x, h, c, gates, W_x, W_h):
    i, f, g, o = parts = gates.chunk(4, dim=1)
    c_next = f * c + i * g
    grad_cell = grad_c_next + grad_h_next * o * (1 - c_next**2)
    grad_a = _gate_grads(grad_h_next, grad_cell, c, torch.tanh(c_next), parts)
    return _down(grad_a, x, h, grad_cell * f, W_x, W_h)


@mistake(
    "lstm_cell_backward",
    source="constructed: the output gate sees the cell without its nonlinearity",
    hints=(
        "One block is too large where cells are large.",
        "It is the output gate; grad_c is right.",
        "What did the output gate multiply?",
    ),
)
def output_gate_meets_the_cell(grad_h_next, grad_c_next, x, h, c, gates, W_x, W_h):
    i, f, g, _ = parts = gates.chunk(4, dim=1)
    _, grad_cell = _cell_grad(grad_h_next, grad_c_next, c, parts)
    grad_a = _gate_grads(grad_h_next, grad_cell, c, f * c + i * g, parts)
    return _down(grad_a, x, h, grad_cell * f, W_x, W_h)


@mistake(
    "lstm_cell_backward",
    source="constructed: the nonlinearity of the shown cell forgotten",
    hints=(
        "Large cells get too much gradient.",
        "With a gradient along the cell only, all is well.",
        "What lies between the cell and what is shown of it?",
    ),
)
def no_slope_of_the_shown_cell(grad_h_next, grad_c_next, x, h, c, gates, W_x, W_h):
    i, f, g, o = parts = gates.chunk(4, dim=1)
    grad_cell = grad_c_next + grad_h_next * o
    grad_a = _gate_grads(grad_h_next, grad_cell, c, torch.tanh(f * c + i * g), parts)
    return _down(grad_a, x, h, grad_cell * f, W_x, W_h)


@mistake(
    "lstm_cell_backward",
    source="constructed: the old cell gets the gradient of the new one",
    hints=(
        "A forget gate that is shut lets the gradient through.",
        "It is grad_c.",
        "What did the old cell have to pass?",
    ),
)
def forget_gate_passed_by(grad_h_next, grad_c_next, x, h, c, gates, W_x, W_h):
    parts = gates.chunk(4, dim=1)
    shown, grad_cell = _cell_grad(grad_h_next, grad_c_next, c, parts)
    grad_a = _gate_grads(grad_h_next, grad_cell, c, shown, parts)
    return _down(grad_a, x, h, grad_cell, W_x, W_h)


@mistake(
    "lstm_cell_backward",
    source="constructed: input gate and cell input exchanged",
    hints=(
        "Two blocks take the wrong partner of their product.",
        "The forget and the output gate are right.",
        "In a product of two, what is the derivative with respect to the one?",
    ),
)
def partners_exchanged(grad_h_next, grad_c_next, x, h, c, gates, W_x, W_h):
    i, f, g, _ = parts = gates.chunk(4, dim=1)
    shown, grad_cell = _cell_grad(grad_h_next, grad_c_next, c, parts)
    grad_a = list(_gate_grads(grad_h_next, grad_cell, c, shown, parts))
    grad_a[0], grad_a[2] = grad_cell * i * i * (1 - i), grad_cell * g * (1 - g**2)
    return _down(grad_a, x, h, grad_cell * f, W_x, W_h)


@mistake(
    "lstm_cell_backward",
    source="121 public solution sets of one course: keepdims leaves (1, 4H)",
    hints=(
        "The values are right, a shape is not.",
        "It is grad_b.",
        "How many axes does b have?",
    ),
)
def lstm_bias_keeps_an_axis(grad_h_next, grad_c_next, x, h, c, gates, W_x, W_h):
    parts = gates.chunk(4, dim=1)
    shown, grad_cell = _cell_grad(grad_h_next, grad_c_next, c, parts)
    grad_a = _gate_grads(grad_h_next, grad_cell, c, shown, parts)
    *others, grad_b = _down(grad_a, x, h, grad_cell * parts[1], W_x, W_h)
    return *others, grad_b.unsqueeze(0)


@mistake(
    "lstm_cell_backward",
    source="torch.split, which takes the size of a piece where np.split takes their number",
    hints=(
        "Most networks give an error; those with four hidden units do not.",
        "It is how the gates are taken apart.",
        "Is 4 here the number of pieces, or the size of one?",
    ),
)
def gates_of_four(grad_h_next, grad_c_next, x, h, c, gates, W_x, W_h):
    i, f, g, o = gates.split(4, dim=1)
    shown, grad_cell = _cell_grad(grad_h_next, grad_c_next, c, (i, f, g, o))
    grad_a = _gate_grads(grad_h_next, grad_cell, c, shown, (i, f, g, o))
    return _down(grad_a, x, h, grad_cell * f, W_x, W_h)


# --- gru_cell ---------------------------------------------------------------------------------


def _thirds(x, h, W_x, W_h, b_x, b_h):
    return (x @ W_x.T + b_x).chunk(3, dim=1), (h @ W_h.T + b_h).chunk(3, dim=1)


@mistake(
    "gru_cell",
    source="Cho and others, 2014, section 2.3: the reset gate before the matrix",
    hints=(
        "The proposal sees another part of the memory than it should.",
        "If the reset gate is wide open, or W_h is diagonal, all is well.",
        "Does the reset gate act on the state, or on what the matrix made of it?",
    ),
)
def reset_before_the_matrix(x, h, W_x, W_h, b_x, b_h):
    (p_r, p_z, p_n), (q_r, q_z, _) = _thirds(x, h, W_x, W_h, b_x, b_h)
    r, z = torch.sigmoid(p_r + q_r), torch.sigmoid(p_z + q_z)
    H = h.shape[1]
    n = torch.tanh(p_n + (r * h) @ W_h[2 * H :].T + b_h[2 * H :])
    return (1 - z) * n + z * h


@mistake(
    "gru_cell",
    source="texts that let z write where torch lets it keep",
    hints=(
        "An update gate that is wide open should keep the state; yours replaces it.",
        "Proposal and reset gate are right.",
        "What is the new state if z is 1?",
    ),
)
def update_gate_reversed(x, h, W_x, W_h, b_x, b_h):
    (p_r, p_z, p_n), (q_r, q_z, q_n) = _thirds(x, h, W_x, W_h, b_x, b_h)
    z = torch.sigmoid(p_z + q_z)
    n = torch.tanh(p_n + torch.sigmoid(p_r + q_r) * q_n)
    return z * n + (1 - z) * h


@mistake(
    "gru_cell",
    source="a habit from Keras: gates in the order z, r, n",
    hints=(
        "Two of the three blocks play each other's part.",
        "The last one does what it should.",
        "In which order do the rows of the weights stand here?",
    ),
)
def order_of_keras(x, h, W_x, W_h, b_x, b_h):
    (p_z, p_r, p_n), (q_z, q_r, q_n) = _thirds(x, h, W_x, W_h, b_x, b_h)
    z = torch.sigmoid(p_z + q_z)
    n = torch.tanh(p_n + torch.sigmoid(p_r + q_r) * q_n)
    return (1 - z) * n + z * h


@mistake(
    "gru_cell",
    source="constructed: no reset gate",
    hints=(
        "One of the three blocks has no influence.",
        "If the reset gate is wide open all is well.",
        "What decides how much of the old state the proposal sees?",
    ),
)
def never_resets(x, h, W_x, W_h, b_x, b_h):
    (_, p_z, p_n), (_, q_z, q_n) = _thirds(x, h, W_x, W_h, b_x, b_h)
    z = torch.sigmoid(p_z + q_z)
    return (1 - z) * torch.tanh(p_n + q_n) + z * h


@mistake(
    "gru_cell",
    source="constructed: the bias of the state outside the reset gate",
    hints=(
        "A bias counts although its gate is shut.",
        "With biases of 0 all is well.",
        "What exactly does the reset gate multiply?",
    ),
)
def bias_outside_the_reset(x, h, W_x, W_h, b_x, b_h):
    (p_r, p_z, p_n), (q_r, q_z, q_n) = _thirds(x, h, W_x, W_h, b_x, b_h)
    z, bias = torch.sigmoid(p_z + q_z), b_h[2 * h.shape[1] :]
    n = torch.tanh(p_n + torch.sigmoid(p_r + q_r) * (q_n - bias) + bias)
    return (1 - z) * n + z * h


@mistake(
    "gru_cell",
    source="constructed: the input is reset, too",
    hints=(
        "A reset gate that is shut makes you deaf.",
        "If the reset gate is wide open all is well.",
        "What exactly does the reset gate multiply?",
    ),
)
def input_reset_too(x, h, W_x, W_h, b_x, b_h):
    (p_r, p_z, p_n), (q_r, q_z, q_n) = _thirds(x, h, W_x, W_h, b_x, b_h)
    z = torch.sigmoid(p_z + q_z)
    n = torch.tanh(torch.sigmoid(p_r + q_r) * (p_n + q_n))
    return (1 - z) * n + z * h


@mistake(
    "gru_cell",
    source="Cho and others, 2014: no biases",
    hints=(
        "Two of the arguments have no influence.",
        "With biases of 0 all is well.",
        "Which of the six arguments have you not used?",
    ),
)
def gru_without_biases(x, h, W_x, W_h, b_x, b_h):
    (p_r, p_z, p_n), (q_r, q_z, q_n) = _thirds(x, h, W_x, W_h, 0 * b_x, 0 * b_h)
    z = torch.sigmoid(p_z + q_z)
    n = torch.tanh(p_n + torch.sigmoid(p_r + q_r) * q_n)
    return (1 - z) * n + z * h


@mistake(
    "gru_cell",
    source="constructed: one nonlinearity for all three blocks",
    hints=(
        "Your proposal is never negative.",
        "The gates are right.",
        "Which of the three blocks is not a gate?",
    ),
)
def sigmoid_for_the_proposal(x, h, W_x, W_h, b_x, b_h):
    (p_r, p_z, p_n), (q_r, q_z, q_n) = _thirds(x, h, W_x, W_h, b_x, b_h)
    z = torch.sigmoid(p_z + q_z)
    n = torch.sigmoid(p_n + torch.sigmoid(p_r + q_r) * q_n)
    return (1 - z) * n + z * h


@mistake(
    "gru_cell",
    source="constructed: what is kept is forgotten",
    hints=(
        "An update gate that is wide open should keep the state; yours gives 0.",
        "With a state of 0 all is well.",
        "Of which two things is the new state a mixture?",
    ),
)
def keeps_nothing(x, h, W_x, W_h, b_x, b_h):
    (p_r, p_z, p_n), (q_r, q_z, q_n) = _thirds(x, h, W_x, W_h, b_x, b_h)
    n = torch.tanh(p_n + torch.sigmoid(p_r + q_r) * q_n)
    return (1 - torch.sigmoid(p_z + q_z)) * n


@mistake(
    "gru_cell",
    source="121 public solution sets of one course: hand-written sigmoid",
    hints=(
        "For large inputs the result is not a number.",
        "It is a nonlinearity, written with an exponential.",
        "Which sign should the exponent have, so that it cannot overflow?",
    ),
)
def growing_exponential_in_the_gru(x, h, W_x, W_h, b_x, b_h):
    (p_r, p_z, p_n), (q_r, q_z, q_n) = _thirds(x, h, W_x, W_h, b_x, b_h)
    r, z = (torch.exp(a) / (1 + torch.exp(a)) for a in (p_r + q_r, p_z + q_z))
    return (1 - z) * torch.tanh(p_n + r * q_n) + z * h


# --- greedy_decode ----------------------------------------------------------------------------


@mistake(
    "greedy_decode",
    source="class notes, 5.2.4: outputs that depend on the state only",
    hints=(
        "The decoder is never told what it has said.",
        "A step that looks at the state only hides it.",
        "Which token is handed in with the second step?",
    ),
)
def start_every_time(step, h, start, stop, max_len):
    tokens = []
    while len(tokens) < max_len:
        logits, h = step(start, h)
        token = int(logits.argmax())
        if token == stop:
            break
        tokens.append(token)
    return tokens


@mistake(
    "greedy_decode",
    source="constructed: the state is not carried on",
    hints=(
        "The decoder does not remember where it is.",
        "A step that looks at the token only hides it.",
        "Which state is handed in with the second step?",
    ),
)
def state_of_the_start(step, h, start, stop, max_len):
    token, tokens = start, []
    while len(tokens) < max_len:
        logits, _ = step(token, h)
        token = int(logits.argmax())
        if token == stop:
            break
        tokens.append(token)
    return tokens


@mistake(
    "greedy_decode",
    source="constructed: the stop token is appended, then noticed",
    hints=(
        "Your list is one token too long.",
        "If the stop token never comes all is well.",
        "Is the stop token part of the sentence?",
    ),
)
def stop_included(step, h, start, stop, max_len):
    token, tokens = start, []
    while len(tokens) < max_len:
        logits, h = step(token, h)
        token = int(logits.argmax())
        tokens.append(token)
        if token == stop:
            break
    return tokens


@mistake(
    "greedy_decode",
    source="constructed: the list begins with the start token, and it counts",
    hints=(
        "Your list holds a token that was not predicted.",
        "It is the first one.",
        "What is the first thing that the decoder says?",
    ),
)
def start_included(step, h, start, stop, max_len):
    tokens = [start]
    while len(tokens) < max_len:
        logits, h = step(tokens[-1], h)
        token = int(logits.argmax())
        if token == stop:
            break
        tokens.append(token)
    return tokens


@mistake(
    "greedy_decode",
    source="constructed: the start token counts towards max_len",
    hints=(
        "Your list is one token too short.",
        "If the stop token comes early all is well.",
        "How many tokens may the list hold?",
    ),
)
def one_token_short(step, h, start, stop, max_len):
    token, tokens = start, []
    for _ in range(max_len - 1):
        logits, h = step(token, h)
        token = int(logits.argmax())
        if token == stop:
            break
        tokens.append(token)
    return tokens


@mistake(
    "greedy_decode",
    source="constructed: <= for <",
    hints=(
        "Your list is one token too long.",
        "If the stop token comes early all is well.",
        "How many tokens may the list hold?",
    ),
)
def one_token_long(step, h, start, stop, max_len):
    token, tokens = start, []
    while len(tokens) <= max_len:
        logits, h = step(token, h)
        token = int(logits.argmax())
        if token == stop:
            break
        tokens.append(token)
    return tokens


@mistake(
    "greedy_decode",
    source="constructed: the stop token is left out, but does not stop",
    hints=(
        "You go on talking after the end.",
        "If the stop token never comes all is well.",
        "What should happen when the stop token is predicted?",
    ),
)
def stop_skipped(step, h, start, stop, max_len):
    token, tokens = start, []
    for _ in range(max_len):
        logits, h = step(token, h)
        token = int(logits.argmax())
        if token != stop:
            tokens.append(token)
    return tokens


@mistake(
    "greedy_decode",
    source="constructed: no stop token at all",
    hints=(
        "You always return max_len tokens.",
        "If the stop token never comes all is well.",
        "Which of the arguments have you not used?",
    ),
)
def never_stops(step, h, start, stop, max_len):
    token, tokens = start, []
    for _ in range(max_len):
        logits, h = step(token, h)
        token = int(logits.argmax())
        tokens.append(token)
    return tokens


@mistake(
    "greedy_decode",
    source="constructed: the sentence has at least one token",
    hints=(
        "You cannot return an empty list.",
        "If the stop token does not come first all is well.",
        "Do you look at a token before or after you keep it?",
    ),
)
def at_least_one(step, h, start, stop, max_len):
    logits, h = step(start, h)
    tokens = [int(logits.argmax())]
    while len(tokens) < max_len:
        logits, h = step(tokens[-1], h)
        token = int(logits.argmax())
        if token == stop:
            break
        tokens.append(token)
    return tokens


@mistake(
    "greedy_decode",
    source="constructed: the start token also stops",
    hints=(
        "You stop too early.",
        "It shows when the start token is predicted again.",
        "Is there anything special about the start token once the decoder runs?",
    ),
)
def start_stops_too(step, h, start, stop, max_len):
    token, tokens = start, []
    while len(tokens) < max_len:
        logits, h = step(token, h)
        token = int(logits.argmax())
        if token in (start, stop):
            break
        tokens.append(token)
    return tokens


@mistake(
    "greedy_decode",
    source="constructed: what is handed in is checked, not what comes out",
    hints=(
        "The stop token ends the sentence one step too late, or before it has begun.",
        "It shows when one token starts and stops, and whenever the stop token comes.",
        "Which token do you compare with stop?",
    ),
)
def checks_what_goes_in(step, h, start, stop, max_len):
    token, tokens = start, []
    while len(tokens) < max_len and token != stop:
        logits, h = step(token, h)
        token = int(logits.argmax())
        tokens.append(token)
    return tokens


@mistake(
    "greedy_decode",
    source="constructed: no word twice",
    hints=(
        "You stop too early.",
        "It shows when a token comes a second time.",
        "May a sentence hold the same word twice?",
    ),
)
def stops_at_a_repetition(step, h, start, stop, max_len):
    token, tokens = start, []
    while len(tokens) < max_len:
        logits, h = step(token, h)
        token = int(logits.argmax())
        if token == stop or token in tokens:
            break
        tokens.append(token)
    return tokens


@mistake(
    "greedy_decode",
    source="constructed: the least likely token",
    hints=(
        "The decoder says what it believes in least.",
        "Even the first token is wrong.",
        "Are logits high or low for what is likely?",
    ),
)
def least_likely(step, h, start, stop, max_len):
    token, tokens = start, []
    while len(tokens) < max_len:
        logits, h = step(token, h)
        token = int(logits.argmin())
        if token == stop:
            break
        tokens.append(token)
    return tokens


@mistake(
    "greedy_decode",
    source="constructed: first all tokens, then the cut",
    hints=(
        "Some sentences give an error instead of tokens.",
        "It is those that have not ended after max_len tokens.",
        "Where do you cut a sentence in which the stop token does not occur?",
    ),
)
def stop_taken_for_granted(step, h, start, stop, max_len):
    token, tokens = start, []
    for _ in range(max_len):
        logits, h = step(token, h)
        token = int(logits.argmax())
        tokens.append(token)
    return tokens[: tokens.index(stop)]
