"""Known wrong versions of the exercises on normalising flows, and hints for each."""

import math

import torch

from autograder.checks.bank import mistake

_NORM = math.log(2 * math.pi)


# --- right pieces that wrong versions are made with -------------------------------------------


def _base(z):
    return -0.5 * (z * z).sum(1) - 0.5 * z.shape[1] * _NORM


def _coupled(x, scale_net, shift_net, d):
    s, t = scale_net(x[:, :d]), shift_net(x[:, :d])
    return torch.cat([x[:, :d], x[:, d:] * torch.exp(s) + t], dim=1), s


def _through(x, layers):
    log_dets = []
    for layer in layers:
        x, log_det = layer(x)
        log_dets.append(log_det)
    return x, log_dets


def _back(z, layers):
    log_dets = []
    for layer in reversed(layers):
        z, log_det = layer.inverse(z)
        log_dets.append(log_det)
    return z, log_dets


def _total(log_dets, like):
    return sum(log_dets, torch.zeros_like(like[:, 0]))


def _scaled(x, scale, bias):
    return x * scale.view(-1, 1, 1) + bias.view(-1, 1, 1)


def _mixed(x, weight):
    return torch.einsum("oc,bchw->bohw", weight, x)


def _unrolled(z, net):
    x = torch.zeros_like(z)
    for i in range(z.shape[1]):
        mu, alpha = net(x)
        x[:, i] = z[:, i] * torch.exp(alpha[:, i]) + mu[:, i]
    return x


# --- change_of_variables_1d -------------------------------------------------------------------


@mistake(
    "change_of_variables_1d",
    source="VincentStimper/normalizing-flows, issue 28: the density of z, taken for that of x",
    hints=(
        "Your density does not sum to 1 over x.",
        "It is right only where the map neither stretches nor shrinks.",
        "An interval of x becomes twice as long on the side of z. How dense was it before?",
    ),
)
def no_derivative(z, dz_dx):
    return -0.5 * (z * z + _NORM) + 0 * dz_dx


@mistake(
    "change_of_variables_1d",
    source="danielward27/flowjax, issue 208: the sign, unseen by a test with log_det = 0",
    hints=(
        "Steep places come out rare, flat places crowded.",
        "The sign of one summand.",
        "Where f is steep, is the probability of a unit of x larger or smaller than that of z?",
    ),
)
def minus_the_log_derivative(z, dz_dx):
    return -0.5 * (z * z + _NORM) - torch.log(torch.abs(dz_dx))


@mistake(
    "change_of_variables_1d",
    source="constructed: the absolute value is forgotten",
    hints=(
        "For falling maps you return no number.",
        "Rising maps are fine.",
        "Can a density be negative because a curve runs downwards?",
    ),
)
def signed_derivative(z, dz_dx):
    return -0.5 * (z * z + _NORM) + torch.log(dz_dx)


@mistake(
    "change_of_variables_1d",
    source="constructed: the logarithm of the absolute value, with the signs exchanged",
    hints=(
        "A falling map gets a density that is no number's logarithm.",
        "Steep maps hide it less than flat ones: look at what enters the logarithm.",
        "What does the absolute value belong to, the derivative or its logarithm?",
    ),
)
def absolute_value_of_the_logarithm(z, dz_dx):
    return -0.5 * (z * z + _NORM) + torch.abs(torch.log(torch.abs(dz_dx)))


@mistake(
    "change_of_variables_1d",
    source="ikostrikov/pytorch-flows, issue 16: the constant is dropped",
    hints=(
        "All your values are too large by one and the same number.",
        "It is the density of the base distribution.",
        "What is the log-density of a standard normal at 0?",
    ),
)
def no_constant(z, dz_dx):
    return -0.5 * z * z + torch.log(torch.abs(dz_dx))


@mistake(
    "change_of_variables_1d",
    source="constructed: a factor and its logarithm are mixed up",
    hints=(
        "The derivative counts too much where it is large, and is never a discount.",
        "Where it is 1, you are off by 1.",
        "What becomes of a product when you take logarithms?",
    ),
)
def derivative_is_added(z, dz_dx):
    return -0.5 * (z * z + _NORM) + torch.abs(dz_dx)


@mistake(
    "change_of_variables_1d",
    source="constructed: a density for a log-density",
    hints=(
        "Your values are never negative.",
        "Everything is there, in another form than asked for.",
        "Is it the density that is wanted, or its logarithm?",
    ),
)
def not_the_logarithm(z, dz_dx):
    return torch.exp(-0.5 * (z * z + _NORM)) * torch.abs(dz_dx)


@mistake(
    "change_of_variables_1d",
    source="121 public solution sets of one course: the logarithm of a number that underflows",
    hints=(
        "Far from the mean you return minus infinity.",
        "Ordinary values are fine.",
        "Which number is the first one, on your way, that is too small to be stored?",
    ),
)
def logarithm_of_the_density(z, dz_dx):
    return torch.log(torch.exp(-0.5 * z * z) / math.sqrt(2 * math.pi) * torch.abs(dz_dx))


@mistake(
    "change_of_variables_1d",
    source="121 public solution sets of one course: a logarithm with a small number added inside",
    hints=(
        "Far from the mean your values stop falling.",
        "Ordinary values are nearly right.",
        "What is the logarithm of a small number when another small number is added to it?",
    ),
)
def logarithm_of_the_density_plus_epsilon(z, dz_dx):
    p = torch.exp(-0.5 * z * z) / math.sqrt(2 * math.pi) * torch.abs(dz_dx)
    return torch.log(p + 1e-10)


@mistake(
    "change_of_variables_1d",
    source="constructed: the exponent without its half",
    hints=(
        "At z = 0 you are right; the farther away, the more is missing.",
        "It is the density of the base distribution.",
        "What is the exponent of a normal density of variance 1?",
    ),
)
def no_half(z, dz_dx):
    return -z * z - 0.5 * _NORM + torch.log(torch.abs(dz_dx))


@mistake(
    "change_of_variables_1d",
    source="constructed: the derivative carries its exponent along",
    hints=(
        "Stretching counts for half.",
        "At a derivative of 1 or -1 all is well.",
        "Which of the summands does the one half belong to?",
    ),
)
def half_of_everything(z, dz_dx):
    return -0.5 * (z * z + _NORM) + 0.5 * torch.log(torch.abs(dz_dx))


# --- coupling_forward -------------------------------------------------------------------------


@mistake(
    "coupling_forward",
    source="constructed: the sum over the wrong axis",
    hints=(
        "You return one number for each transformed coordinate, instead of each example.",
        "It is the sum in log_det; with as many examples as such coordinates only values show it.",
        "Six points: how many log-determinants?",
    ),
)
def sum_over_the_batch(x, scale_net, shift_net, d):
    y, s = _coupled(x, scale_net, shift_net, d)
    return y, s.sum(0)


@mistake(
    "coupling_forward",
    source="rosinality/glow-pytorch, issue 14: one number for the whole batch",
    hints=(
        "All examples share one log_det.",
        "A batch of one hides it, but for the shape.",
        "Six points: how many log-determinants?",
    ),
)
def one_number_for_the_batch(x, scale_net, shift_net, d):
    y, s = _coupled(x, scale_net, shift_net, d)
    return y, s.sum()


@mistake(
    "coupling_forward",
    source="wohlert/semi-supervised-pytorch, issue 21: summed over the batch, then repeated",
    hints=(
        "The log_det of an example changes when the other examples do.",
        "A batch of one hides it completely.",
        "Does the volume around one point depend on where another point lies?",
    ),
)
def the_batch_total_for_each(x, scale_net, shift_net, d):
    y, s = _coupled(x, scale_net, shift_net, d)
    return y, s.sum().repeat(len(x))


@mistake(
    "coupling_forward",
    source="constructed: a mean for a sum",
    hints=(
        "log_det is too small in size, unless a single coordinate is transformed.",
        "The factor is the number of those coordinates.",
        "What does the logarithm make of a product of many factors?",
    ),
)
def mean_over_the_coordinates(x, scale_net, shift_net, d):
    y, s = _coupled(x, scale_net, shift_net, d)
    return y, s.mean(1)


@mistake(
    "coupling_forward",
    source="unixpickle/cnn-toys, issue 10: an axis of size 1 that later broadcasts",
    hints=(
        "The values are right, the shape is not.",
        "It is log_det; added to a vector, it would give a matrix.",
        "How many axes does one number for each example need?",
    ),
)
def keeps_an_axis(x, scale_net, shift_net, d):
    y, s = _coupled(x, scale_net, shift_net, d)
    return y, s.sum(1, keepdim=True)


@mistake(
    "coupling_forward",
    source="danielward27/flowjax, issue 208: the sign of the log-determinant",
    hints=(
        "Where the layer stretches you report that it shrinks.",
        "It is the sign of log_det.",
        "A map doubles all lengths. Is its determinant above or below 1?",
    ),
)
def minus_log_det(x, scale_net, shift_net, d):
    y, s = _coupled(x, scale_net, shift_net, d)
    return y, -s.sum(1)


@mistake(
    "coupling_forward",
    source="constructed: the scales themselves are summed",
    hints=(
        "Your log_det is never negative.",
        "A layer that changes nothing has log_det 0, yours has the number of coordinates.",
        "What is the logarithm of what stands on the diagonal?",
    ),
)
def sum_of_the_scales(x, scale_net, shift_net, d):
    y, s = _coupled(x, scale_net, shift_net, d)
    return y, torch.exp(s).sum(1)


@mistake(
    "coupling_forward",
    source="constructed: the determinant for its logarithm",
    hints=(
        "A layer that changes nothing has log_det 0, yours has 1.",
        "The diagonal is right, the last step is missing.",
        "Is it the determinant that is wanted, or its logarithm?",
    ),
)
def the_determinant(x, scale_net, shift_net, d):
    y, s = _coupled(x, scale_net, shift_net, d)
    return y, torch.exp(s).prod(1)


@mistake(
    "coupling_forward",
    source="constructed: the logarithm is taken once too often",
    hints=(
        "log_det is infinite where the networks answer 0.",
        "One logarithm too many.",
        "Which of your numbers are logarithms of scales already?",
    ),
)
def logarithm_of_the_logarithm(x, scale_net, shift_net, d):
    y, s = _coupled(x, scale_net, shift_net, d)
    return y, torch.log(torch.abs(s)).sum(1)


@mistake(
    "coupling_forward",
    source="constructed: the absolute value of the determinant ends up one step too far inside",
    hints=(
        "Shrinking counts as stretching.",
        "Positive answers of scale_net are fine.",
        "The absolute value is taken of the determinant. Can its logarithm be negative?",
    ),
)
def absolute_log_scales(x, scale_net, shift_net, d):
    y, s = _coupled(x, scale_net, shift_net, d)
    return y, s.abs().sum(1)


@mistake(
    "coupling_forward",
    source="constructed: the shift is counted as well",
    hints=(
        "Moving everything by a constant changes your log_det.",
        "It is right where shift_net answers 0.",
        "Does a translation change volumes?",
    ),
)
def counts_the_shift(x, scale_net, shift_net, d):
    y, s = _coupled(x, scale_net, shift_net, d)
    return y, (s + shift_net(x[:, :d])).sum(1)


@mistake(
    "coupling_forward",
    source="constructed: the log-determinant of a layer that keeps the volume",
    hints=(
        "Your log_det does not depend on the networks.",
        "It is right for layers that only shift.",
        "If a coordinate is doubled, what happens to areas?",
    ),
)
def as_if_it_only_shifted(x, scale_net, shift_net, d):
    y, _ = _coupled(x, scale_net, shift_net, d)
    return y, torch.zeros_like(x[:, 0])


@mistake(
    "coupling_forward",
    source="121 public solution sets of one course: a logarithm of a number that overflows",
    hints=(
        "With many large scales log_det is infinite, although it should be a few hundred.",
        "Ordinary scales are fine.",
        "Must you ever hold the determinant itself?",
    ),
)
def logarithm_of_the_product(x, scale_net, shift_net, d):
    y, s = _coupled(x, scale_net, shift_net, d)
    return y, torch.log(torch.exp(s).prod(1))


@mistake(
    "coupling_forward",
    source="a habit from numerics: a bound against overflow",
    hints=(
        "Large scales are not used as they come.",
        "It shows when scale_net answers with tens.",
        "Does the exercise ask for a bound on the scales?",
    ),
)
def clamped_scales(x, scale_net, shift_net, d):
    s, t = scale_net(x[:, :d]).clamp(-10, 10), shift_net(x[:, :d])
    return torch.cat([x[:, :d], x[:, d:] * torch.exp(s) + t], dim=1), s.sum(1)


@mistake(
    "coupling_forward",
    source="constructed: the scale without its exponential",
    hints=(
        "If scale_net answers 0, a coordinate is lost for good.",
        "y is wrong even there, where the shift is 0; log_det belongs to another map.",
        "Is your scale guaranteed not to be 0?",
    ),
)
def no_exponential(x, scale_net, shift_net, d):
    s, t = scale_net(x[:, :d]), shift_net(x[:, :d])
    return torch.cat([x[:, :d], x[:, d:] * s + t], dim=1), s.sum(1)


@mistake(
    "coupling_forward",
    source="chrischute/real-nvp, issue 15: the direction is mixed up",
    hints=(
        "Where the layer should stretch, yours shrinks.",
        "It is y; log_det is the right one for the formula, not for your y.",
        "Which sign does the exponent have on the way from x to y?",
    ),
)
def divides_by_the_scale(x, scale_net, shift_net, d):
    s, t = scale_net(x[:, :d]), shift_net(x[:, :d])
    return torch.cat([x[:, :d], x[:, d:] * torch.exp(-s) + t], dim=1), s.sum(1)


@mistake(
    "coupling_forward",
    source="constructed: shift and scale in the other order",
    hints=(
        "Your shift is stretched along.",
        "y is right where one of the two networks answers 0.",
        "What happens to x first, and what second?",
    ),
)
def shifts_first(x, scale_net, shift_net, d):
    s, t = scale_net(x[:, :d]), shift_net(x[:, :d])
    return torch.cat([x[:, :d], (x[:, d:] + t) * torch.exp(s)], dim=1), s.sum(1)


@mistake(
    "coupling_forward",
    source="constructed: the shift is subtracted, as on the way back",
    hints=(
        "Your shift goes the wrong way.",
        "y is right where shift_net answers 0.",
        "Which sign does the shift have on the way from x to y?",
    ),
)
def subtracts_the_shift(x, scale_net, shift_net, d):
    s, t = scale_net(x[:, :d]), shift_net(x[:, :d])
    return torch.cat([x[:, :d], x[:, d:] * torch.exp(s) - t], dim=1), s.sum(1)


@mistake(
    "coupling_forward",
    source="the class notes, 12.2.1, which append a reversal to each layer",
    hints=(
        "Your coordinates come out in another order.",
        "The numbers of y are right, their places are not.",
        "Which layer reverses the coordinates in this notebook?",
    ),
)
def reversed_at_the_end(x, scale_net, shift_net, d):
    y, s = _coupled(x, scale_net, shift_net, d)
    return y.flip(1), s.sum(1)


@mistake(
    "coupling_forward",
    source="implementations that swap the halves inside the layer",
    hints=(
        "The part that passes has moved to the end.",
        "The numbers of y are right, their places are not.",
        "Which coordinates of y equal those of x?",
    ),
)
def halves_exchanged(x, scale_net, shift_net, d):
    y, s = _coupled(x, scale_net, shift_net, d)
    return torch.cat([y[:, d:], y[:, :d]], dim=1), s.sum(1)


@mistake(
    "coupling_forward",
    source="constructed: the network sees the part that is transformed",
    hints=(
        "Your layer cannot be inverted by the formula of exercise 3.",
        "With parts of different sizes the networks refuse.",
        "On the way back, which part is known before anything is computed?",
    ),
)
def conditions_on_the_changed_part(x, scale_net, shift_net, d):
    s, t = scale_net(x[:, d:]), shift_net(x[:, d:])
    return torch.cat([x[:, :d], x[:, d:] * torch.exp(s) + t], dim=1), s.sum(1)


@mistake(
    "coupling_forward",
    source="implementations of Real NVP that put a tanh around the scale",
    hints=(
        "Your scales never leave the interval from 1/e to e.",
        "Both y and log_det; they fit each other.",
        "Does the exercise put anything around the answer of scale_net?",
    ),
)
def tanh_around_the_scale(x, scale_net, shift_net, d):
    s, t = torch.tanh(scale_net(x[:, :d])), shift_net(x[:, :d])
    return torch.cat([x[:, :d], x[:, d:] * torch.exp(s) + t], dim=1), s.sum(1)


@mistake(
    "coupling_forward",
    source="Glow implementations: sigmoid of the answer plus 2",
    hints=(
        "Your layer only ever shrinks.",
        "Both y and log_det; they fit each other.",
        "By which function does the answer of scale_net become a scale here?",
    ),
)
def sigmoid_scale(x, scale_net, shift_net, d):
    scale, t = torch.sigmoid(scale_net(x[:, :d]) + 2), shift_net(x[:, :d])
    return torch.cat([x[:, :d], x[:, d:] * scale + t], dim=1), torch.log(scale).sum(1)


@mistake(
    "coupling_forward",
    source="constructed: scale and shift networks exchanged",
    hints=(
        "Your scale grows with what should only shift.",
        "Both y and log_det; they fit each other.",
        "Which of the two networks comes first in the arguments?",
    ),
)
def networks_exchanged(x, scale_net, shift_net, d):
    y, s = _coupled(x, shift_net, scale_net, d)
    return y, s.sum(1)


@mistake(
    "coupling_forward",
    source="constructed: the shift is forgotten",
    hints=(
        "Where x is 0, your y is 0.",
        "y is right where shift_net answers 0.",
        "Which of your arguments have you not used?",
    ),
)
def no_shift(x, scale_net, shift_net, d):
    s = scale_net(x[:, :d])
    return torch.cat([x[:, :d], x[:, d:] * torch.exp(s)], dim=1), s.sum(1)


# --- coupling_inverse -------------------------------------------------------------------------


@mistake(
    "coupling_inverse",
    source="chrischute/real-nvp, issue 15: scale and shift undone in the order they were done",
    hints=(
        "There and back again is not the identity, unless a network answers 0.",
        "The part that is transformed.",
        "Socks, then shoes. What comes off first?",
    ),
)
def undone_in_the_same_order(y, scale_net, shift_net, d):
    s, t = scale_net(y[:, :d]), shift_net(y[:, :d])
    return torch.cat([y[:, :d], y[:, d:] * torch.exp(-s) - t], dim=1)


@mistake(
    "coupling_inverse",
    source="constructed: the sign of the exponent stays",
    hints=(
        "There and back again scales twice.",
        "Right where scale_net answers 0.",
        "By what do you undo a multiplication?",
    ),
)
def multiplies_again(y, scale_net, shift_net, d):
    s, t = scale_net(y[:, :d]), shift_net(y[:, :d])
    return torch.cat([y[:, :d], (y[:, d:] - t) * torch.exp(s)], dim=1)


@mistake(
    "coupling_inverse",
    source="constructed: the sign of the shift stays",
    hints=(
        "There and back again shifts twice.",
        "Right where shift_net answers 0.",
        "By what do you undo an addition?",
    ),
)
def adds_again(y, scale_net, shift_net, d):
    s, t = scale_net(y[:, :d]), shift_net(y[:, :d])
    return torch.cat([y[:, :d], (y[:, d:] + t) * torch.exp(-s)], dim=1)


@mistake(
    "coupling_inverse",
    source="constructed: the forward pass once more",
    hints=(
        "You go on in the same direction.",
        "The part that is transformed.",
        "Which of x and y stands alone on the left in your formula?",
    ),
)
def forward_again(y, scale_net, shift_net, d):
    return _coupled(y, scale_net, shift_net, d)[0]


@mistake(
    "coupling_inverse",
    source="constructed: the scale without its exponential",
    hints=(
        "Infinite where scale_net answers 0.",
        "The part that is transformed.",
        "By what was x multiplied on the way there?",
    ),
)
def divides_by_the_log_scale(y, scale_net, shift_net, d):
    s, t = scale_net(y[:, :d]), shift_net(y[:, :d])
    return torch.cat([y[:, :d], (y[:, d:] - t) / s], dim=1)


@mistake(
    "coupling_inverse",
    source="constructed: the networks see the part that is transformed",
    hints=(
        "The networks are fed with what they were not fed with on the way there.",
        "With parts of different sizes they refuse.",
        "At inversion time, which half do you already know?",
    ),
)
def inverse_from_the_changed_part(y, scale_net, shift_net, d):
    s, t = scale_net(y[:, d:]), shift_net(y[:, d:])
    return torch.cat([y[:, :d], (y[:, d:] - t) * torch.exp(-s)], dim=1)


@mistake(
    "coupling_inverse",
    source="constructed: scale and shift networks exchanged",
    hints=(
        "You subtract what should divide.",
        "The part that is transformed.",
        "Which of the two networks comes first in the arguments?",
    ),
)
def inverse_networks_exchanged(y, scale_net, shift_net, d):
    t, s = scale_net(y[:, :d]), shift_net(y[:, :d])
    return torch.cat([y[:, :d], (y[:, d:] - t) * torch.exp(-s)], dim=1)


@mistake(
    "coupling_inverse",
    source="constructed: the networks see zeros, because x is not known yet",
    hints=(
        "Your scale and shift do not depend on the example.",
        "The part that is transformed.",
        "Which coordinates of x do you know before you compute anything?",
    ),
)
def networks_see_zeros(y, scale_net, shift_net, d):
    nothing = torch.zeros_like(y[:, :d])
    x = (y[:, d:] - shift_net(nothing)) * torch.exp(-scale_net(nothing))
    return torch.cat([y[:, :d], x], dim=1)


@mistake(
    "coupling_inverse",
    source="implementations of Real NVP that put a tanh around the scale",
    hints=(
        "Your scales never leave the interval from 1/e to e.",
        "The part that is transformed.",
        "Does the exercise put anything around the answer of scale_net?",
    ),
)
def inverse_with_tanh(y, scale_net, shift_net, d):
    s, t = torch.tanh(scale_net(y[:, :d])), shift_net(y[:, :d])
    return torch.cat([y[:, :d], (y[:, d:] - t) * torch.exp(-s)], dim=1)


@mistake(
    "coupling_inverse",
    source="the class notes, 12.2.1, which append a reversal to each layer",
    hints=(
        "Your coordinates come out in another order.",
        "The numbers are right, their places are not.",
        "Which layer reverses the coordinates in this notebook?",
    ),
)
def inverse_reversed(y, scale_net, shift_net, d):
    s, t = scale_net(y[:, :d]), shift_net(y[:, :d])
    return torch.cat([y[:, :d], (y[:, d:] - t) * torch.exp(-s)], dim=1).flip(1)


# --- permute_forward --------------------------------------------------------------------------


@mistake(
    "permute_forward",
    source="constructed: the inverse permutation",
    hints=(
        "Coordinates go where they should come from.",
        "Permutations that are their own inverse hide it.",
        "Which coordinate of x does the first coordinate of y hold?",
    ),
)
def the_other_way(x, permutation):
    return x[:, torch.argsort(permutation)], torch.zeros_like(x[:, 0])


@mistake(
    "permute_forward",
    source="constructed: always a reversal",
    hints=(
        "Your order does not depend on the permutation.",
        "One particular permutation hides it.",
        "Which of your arguments have you not used?",
    ),
)
def always_reversed(x, permutation):
    return x.flip(1), torch.zeros_like(x[:, 0])


@mistake(
    "permute_forward",
    source="constructed: one number for the batch",
    hints=(
        "One log_det for all examples.",
        "The value is right, the shape is not.",
        "How many examples are there, and how many log-determinants?",
    ),
)
def a_single_zero(x, permutation):
    return x[:, permutation], x.new_zeros(())


@mistake(
    "permute_forward",
    source="unixpickle/cnn-toys, issue 10: an axis of size 1",
    hints=(
        "log_det has one axis too many.",
        "The values are right, the shape is not.",
        "Which shape does one number for each example have?",
    ),
)
def zeros_in_a_column(x, permutation):
    return x[:, permutation], x.new_zeros(len(x), 1)


@mistake(
    "permute_forward",
    source="constructed: the entries of the Jacobian are counted",
    hints=(
        "Moving coordinates about changes volumes, you say.",
        "It is log_det.",
        "A square is laid on another side. What is its area now?",
    ),
)
def counts_the_ones(x, permutation):
    return x[:, permutation], torch.full_like(x[:, 0], x.shape[1])


@mistake(
    "permute_forward",
    source="constructed: the determinant for its logarithm",
    hints=(
        "Moving coordinates about changes volumes, you say.",
        "It is log_det; you are one step short of it.",
        "Is it the determinant that is wanted, or its logarithm?",
    ),
)
def the_determinant_itself(x, permutation):
    return x[:, permutation], torch.ones_like(x[:, 0])


@mistake(
    "permute_forward",
    source="constructed: the sign of the permutation",
    hints=(
        "For half of all permutations log_det is no number.",
        "It is the odd ones.",
        "What is taken of the determinant, before the logarithm?",
    ),
)
def logarithm_of_the_sign(x, permutation):
    order = permutation.tolist()
    inversions = sum(a > b for i, a in enumerate(order) for b in order[i + 1 :])
    return x[:, permutation], torch.log(torch.full_like(x[:, 0], (-1.0) ** inversions))


@mistake(
    "permute_forward",
    source="121 public solution sets of one course: float32 buffers",
    hints=(
        "float64 comes in, float32 goes out.",
        "It is log_det.",
        "Which dtype does torch give to a tensor that you make from nothing?",
    ),
)
def zeros_of_the_default_dtype(x, permutation):
    return x[:, permutation], torch.zeros(len(x), dtype=torch.float32, device=x.device)


@mistake(
    "permute_forward",
    source="constructed: rows are permuted",
    hints=(
        "You exchange examples, not coordinates.",
        "It is the axis.",
        "Which axis of x counts the coordinates?",
    ),
)
def permutes_the_examples(x, permutation):
    rows = permutation[permutation < len(x)]
    y = x.clone()
    y[: len(rows)] = x[rows]
    return y, torch.zeros_like(x[:, 0])


# --- permute_inverse --------------------------------------------------------------------------


@mistake(
    "permute_inverse",
    source="implementations of Real NVP: the permutation is not inverted",
    hints=(
        "There and back again is not the identity.",
        "Permutations that are their own inverse hide it.",
        "The first coordinate of y came from where?",
    ),
)
def applied_again(y, permutation):
    return y[:, permutation]


@mistake(
    "permute_inverse",
    source="constructed: always a reversal",
    hints=(
        "Your order does not depend on the permutation.",
        "One particular permutation hides it.",
        "Which of your arguments have you not used?",
    ),
)
def always_reversed_back(y, permutation):
    return y.flip(1)


@mistake(
    "permute_inverse",
    source="constructed: the permutation read backwards",
    hints=(
        "There and back again is not the identity.",
        "The inverse of a list of places is not the list read backwards.",
        "Where in the permutation does the number 0 stand?",
    ),
)
def read_backwards(y, permutation):
    return y[:, permutation.flip(0)]


@mistake(
    "permute_inverse",
    source="constructed: the values are sorted",
    hints=(
        "Every row of yours rises.",
        "You look at the values, not at the places.",
        "What should be put in order, the coordinates or their numbers?",
    ),
)
def sorts_the_values(y, permutation):
    return y.sort(dim=1).values


@mistake(
    "permute_inverse",
    source="constructed: numbers mirrored at the end",
    hints=(
        "There and back again is not the identity.",
        "For a reversal you do nothing, for the identity you reverse.",
        "Where in the permutation does the number 0 stand?",
    ),
)
def mirrored_numbers(y, permutation):
    return y[:, y.shape[1] - 1 - permutation]


# --- flow_log_prob ----------------------------------------------------------------------------


@mistake(
    "flow_log_prob",
    source="ikostrikov/pytorch-flows, issue 16: the constant is dropped",
    hints=(
        "All values are too large by the same number.",
        "It is the base density; the density sums to more than 1.",
        "What is log p at the origin of a two-dimensional standard normal?",
    ),
)
def constant_dropped(x, layers):
    z, log_dets = _through(x, layers)
    return _total(log_dets, x) - 0.5 * (z * z).sum(1)


@mistake(
    "flow_log_prob",
    source="constructed: the constant of one dimension",
    hints=(
        "With one coordinate all is well, with more the values are too large.",
        "It is the constant of the base density.",
        "What is log p at the origin of a two-dimensional standard normal?",
    ),
)
def constant_counted_once(x, layers):
    z, log_dets = _through(x, layers)
    return _total(log_dets, x) - 0.5 * (z * z).sum(1) - 0.5 * _NORM


@mistake(
    "flow_log_prob",
    source="constructed: the constant without its half",
    hints=(
        "All values are too small by the same number.",
        "It is the constant of the base density.",
        "What is log p at the origin of a two-dimensional standard normal?",
    ),
)
def constant_without_half(x, layers):
    z, log_dets = _through(x, layers)
    return _total(log_dets, x) - 0.5 * (z * z).sum(1) - z.shape[1] * _NORM


@mistake(
    "flow_log_prob",
    source="constructed: a mean over the coordinates",
    hints=(
        "With one coordinate all is well, with more the base density is too large.",
        "It is how the coordinates are put together.",
        "Independent coordinates: what becomes of their log-densities?",
    ),
)
def mean_over_coordinates(x, layers):
    z, log_dets = _through(x, layers)
    return _total(log_dets, x) + (-0.5 * (z * z + _NORM)).mean(1)


@mistake(
    "flow_log_prob",
    source="constructed: the exponent without its half",
    hints=(
        "At the origin you are right; the farther away, the more is missing.",
        "It is the base density.",
        "What is the exponent of a standard normal density?",
    ),
)
def square_without_half(x, layers):
    z, log_dets = _through(x, layers)
    return _total(log_dets, x) - (z * z).sum(1) - 0.5 * z.shape[1] * _NORM


@mistake(
    "flow_log_prob",
    source="constructed: the length for its square",
    hints=(
        "Your base density falls too slowly.",
        "It shows even without layers.",
        "What does the exponent of a normal density hold, the length of z or its square?",
    ),
)
def length_without_square(x, layers):
    z, log_dets = _through(x, layers)
    return _total(log_dets, x) - 0.5 * z.norm(dim=1) - 0.5 * z.shape[1] * _NORM


@mistake(
    "flow_log_prob",
    source="the class notes, 12.3, whose formula names one density for both sides",
    hints=(
        "The base density is looked up at the wrong place.",
        "Without layers all is well.",
        "Which of the two is standard normal, x or z?",
    ),
)
def base_density_of_x(x, layers):
    _, log_dets = _through(x, layers)
    return _total(log_dets, x) + _base(x)


@mistake(
    "flow_log_prob",
    source="VincentStimper/normalizing-flows, issue 28: the sign of the log-determinant",
    hints=(
        "Where the flow stretches you report crowds.",
        "Layers that keep the volume hide it; otherwise the density does not sum to 1.",
        "A map that stretches space: was a point's neighbourhood more or less crowded before?",
    ),
)
def minus_the_log_dets(x, layers):
    z, log_dets = _through(x, layers)
    return _base(z) - _total(log_dets, x)


@mistake(
    "flow_log_prob",
    source="ikostrikov/pytorch-flows, issue 16: the log-determinant is left out",
    hints=(
        "You return the density of z, not that of x.",
        "Layers that keep the volume hide it; otherwise the density does not sum to 1.",
        "What does the change of variables add to the density at z?",
    ),
)
def no_log_dets(x, layers):
    return _base(_through(x, layers)[0])


@mistake(
    "flow_log_prob",
    source="constructed: overwritten instead of added up",
    hints=(
        "Only one of the layers counts.",
        "With a single layer all is well.",
        "What happens to determinants when maps follow each other?",
    ),
)
def the_last_log_det_only(x, layers):
    z, log_dets = _through(x, layers)
    return _base(z) + (log_dets[-1] if log_dets else 0)


@mistake(
    "flow_log_prob",
    source="constructed: the first layer only",
    hints=(
        "Only one of the layers counts.",
        "With a single layer all is well.",
        "What happens to determinants when maps follow each other?",
    ),
)
def the_first_log_det_only(x, layers):
    z, log_dets = _through(x, layers)
    return _base(z) + (log_dets[0] if log_dets else 0)


@mistake(
    "flow_log_prob",
    source="constructed: a mean over the layers",
    hints=(
        "Every layer counts too little.",
        "With a single layer all is well.",
        "What does the logarithm make of a product of determinants?",
    ),
)
def mean_over_the_layers(x, layers):
    z, log_dets = _through(x, layers)
    return _base(z) + _total(log_dets, x) / max(1, len(layers))


@mistake(
    "flow_log_prob",
    source="constructed: a product over the layers",
    hints=(
        "A layer that keeps the volume makes all the others disappear.",
        "With a single layer all is well.",
        "What does the logarithm make of a product of determinants?",
    ),
)
def product_over_the_layers(x, layers):
    z, log_dets = _through(x, layers)
    total = log_dets[0] if log_dets else 0
    for log_det in log_dets[1:]:
        total = total * log_det
    return _base(z) + total


@mistake(
    "flow_log_prob",
    source="constructed: the order of sampling",
    hints=(
        "You apply the right layers in the wrong order.",
        "With a single layer all is well.",
        "Which layer sees x itself?",
    ),
)
def last_layer_first(x, layers):
    z, log_dets = _through(x, layers[::-1])
    return _base(z) + _total(log_dets, x)


@mistake(
    "flow_log_prob",
    source="constructed: the direction of sampling",
    hints=(
        "You leave the data in the direction in which samples are made.",
        "It shows with any layer that is not its own inverse.",
        "On which side of a layer is the data, on which the noise?",
    ),
)
def through_the_inverses(x, layers):
    total = torch.zeros_like(x[:, 0])
    for layer in reversed(layers):
        x, log_det = layer.inverse(x)
        total = total + log_det
    return _base(x) + total


@mistake(
    "flow_log_prob",
    source="constructed: each layer is given x",
    hints=(
        "Your layers do not build on each other.",
        "With a single layer all is well.",
        "What does the second layer get to see?",
    ),
)
def every_layer_gets_x(x, layers):
    z, log_dets = x, []
    for layer in layers:
        z, log_det = layer(x)
        log_dets.append(log_det)
    return _base(z) + _total(log_dets, x)


@mistake(
    "flow_log_prob",
    source="rosinality/glow-pytorch, issue 14: summed over the batch on the way",
    hints=(
        "The value of an example changes when the other examples do.",
        "A batch of one hides it, and so do layers that keep the volume.",
        "Does the volume around one point depend on where another point lies?",
    ),
)
def log_dets_of_the_whole_batch(x, layers):
    z, log_dets = _through(x, layers)
    return _base(z) + _total(log_dets, x).sum()


@mistake(
    "flow_log_prob",
    source="training code: the loss instead of its terms",
    hints=(
        "You return a single number.",
        "It is the mean of the right ones.",
        "How many examples are there, and how many log-densities?",
    ),
)
def mean_over_the_batch(x, layers):
    z, log_dets = _through(x, layers)
    return (_base(z) + _total(log_dets, x)).mean()


@mistake(
    "flow_log_prob",
    source="unixpickle/cnn-toys, issue 10: a column and a row are added",
    hints=(
        "You return a matrix.",
        "A batch of one hides all but the shape.",
        "What does torch make of a column plus a row?",
    ),
)
def matrix_by_broadcasting(x, layers):
    z, log_dets = _through(x, layers)
    return _base(z).unsqueeze(1) + _total(log_dets, x)


@mistake(
    "flow_log_prob",
    source="training code: the negative log-likelihood",
    hints=(
        "What is likely gets a small value.",
        "All signs are exchanged.",
        "Is it the loss that is wanted, or the log-density?",
    ),
)
def negative_log_prob(x, layers):
    z, log_dets = _through(x, layers)
    return -(_base(z) + _total(log_dets, x))


@mistake(
    "flow_log_prob",
    source="constructed: a density for a log-density",
    hints=(
        "Your values are never negative.",
        "Everything is there, in another form than asked for.",
        "Is it the density that is wanted, or its logarithm?",
    ),
)
def the_density_itself(x, layers):
    z, log_dets = _through(x, layers)
    return torch.exp(_base(z) + _total(log_dets, x))


# --- flow_sample ------------------------------------------------------------------------------


@mistake(
    "flow_sample",
    source="constructed: the layers are not reversed",
    hints=(
        "There and back again is not the identity.",
        "With a single layer all is well.",
        "Which layer was the last on the way from x to z?",
    ),
)
def first_layer_first(z, layers):
    x, log_dets = _back(z, layers[::-1])
    return x, _base(z) - _total(log_dets, z)


@mistake(
    "flow_sample",
    source="constructed: the forward pass once more",
    hints=(
        "You go from z away from x.",
        "Layers that are their own inverse hide it.",
        "On which side of a layer is the data, on which the noise?",
    ),
)
def forwards_instead_of_back(z, layers):
    x, log_dets = _through(z, layers)
    return x, _base(z) - _total(log_dets, z)


@mistake(
    "flow_sample",
    source="danielward27/flowjax, issue 208: the log-determinant of the inverse is not negated",
    hints=(
        "The log-density of a sample is not what flow_log_prob says about it.",
        "Layers that keep the volume hide it.",
        "If the inverse spreads the samples out, are they denser or rarer than the noise was?",
    ),
)
def log_dets_not_negated(z, layers):
    x, log_dets = _back(z, layers)
    return x, _base(z) + _total(log_dets, z)


@mistake(
    "flow_sample",
    source="ikostrikov/pytorch-flows, issue 16: the log-determinant is left out",
    hints=(
        "You return the density of z, not that of x.",
        "Layers that keep the volume hide it.",
        "What does the change of variables add?",
    ),
)
def density_of_the_noise(z, layers):
    return _back(z, layers)[0], _base(z)


@mistake(
    "flow_sample",
    source="the class notes, 12.3, whose formula names one density for both sides",
    hints=(
        "The base density is looked up at the wrong place.",
        "Without layers all is well.",
        "Which of the two is standard normal, x or z?",
    ),
)
def base_density_of_the_sample(z, layers):
    x, log_dets = _back(z, layers)
    return x, _base(x) - _total(log_dets, z)


@mistake(
    "flow_sample",
    source="constructed: the constant is dropped",
    hints=(
        "All log-densities are too large by the same number.",
        "It is the base density.",
        "What is log p at the origin of a two-dimensional standard normal?",
    ),
)
def sample_without_constant(z, layers):
    x, log_dets = _back(z, layers)
    return x, -0.5 * (z * z).sum(1) - _total(log_dets, z)


@mistake(
    "flow_sample",
    source="constructed: the constant of one dimension",
    hints=(
        "With one coordinate all is well, with more the log-densities are too large.",
        "It is the constant of the base density.",
        "What is log p at the origin of a two-dimensional standard normal?",
    ),
)
def sample_constant_counted_once(z, layers):
    x, log_dets = _back(z, layers)
    return x, -0.5 * (z * z).sum(1) - 0.5 * _NORM - _total(log_dets, z)


@mistake(
    "flow_sample",
    source="constructed: overwritten instead of added up",
    hints=(
        "Only one of the layers counts in log_prob.",
        "With a single layer all is well.",
        "What happens to determinants when maps follow each other?",
    ),
)
def only_the_last_inverse_counts(z, layers):
    x, log_dets = _back(z, layers)
    return x, _base(z) - (log_dets[-1] if log_dets else 0)


@mistake(
    "flow_sample",
    source="rosinality/glow-pytorch, issue 14: summed over the batch on the way",
    hints=(
        "The log-density of a sample changes when the other samples do.",
        "A batch of one hides it, and so do layers that keep the volume.",
        "Does the volume around one point depend on where another point lies?",
    ),
)
def sample_log_dets_of_the_batch(z, layers):
    x, log_dets = _back(z, layers)
    return x, _base(z) - _total(log_dets, z).sum()


# --- masked_coupling_forward ------------------------------------------------------------------


@mistake(
    "masked_coupling_forward",
    source="dataflowr/notebooks, normalizing flows: the mask is not applied to the log-scales",
    hints=(
        "log_det counts coordinates that pass unchanged.",
        "y is right.",
        "Draw the Jacobian for two coordinates. What stands in the row of the one that passes?",
    ),
)
def counts_what_passes(x, mask, scale_net, shift_net):
    s, t = scale_net(mask * x), shift_net(mask * x)
    return mask * x + (1 - mask) * (x * torch.exp(s) + t), s.sum(1)


@mistake(
    "masked_coupling_forward",
    source="dataflowr/notebooks, normalizing flows: the mask is forgotten on the shift",
    hints=(
        "Coordinates that should pass are moved.",
        "It is y; the scale is masked as it should be.",
        "Which coordinates must come out untouched?",
    ),
)
def shifts_what_passes(x, mask, scale_net, shift_net):
    s, t = (1 - mask) * scale_net(mask * x), shift_net(mask * x)
    return x * torch.exp(s) + t, s.sum(1)


@mistake(
    "masked_coupling_forward",
    source="dataflowr/notebooks, normalizing flows: the mask is forgotten on the scale",
    hints=(
        "Coordinates that should pass are stretched.",
        "Both y and log_det; the shift is masked as it should be.",
        "Which coordinates must come out untouched?",
    ),
)
def scales_what_passes(x, mask, scale_net, shift_net):
    s, t = scale_net(mask * x), (1 - mask) * shift_net(mask * x)
    return x * torch.exp(s) + t, s.sum(1)


@mistake(
    "masked_coupling_forward",
    source="constructed: the networks see everything",
    hints=(
        "The networks look at coordinates that are being changed: who could invert that?",
        "Everything is right but what goes into them.",
        "On the way back, which coordinates are known before anything is computed?",
    ),
)
def networks_see_everything(x, mask, scale_net, shift_net):
    s, t = (1 - mask) * scale_net(x), (1 - mask) * shift_net(x)
    return x * torch.exp(s) + t, s.sum(1)


@mistake(
    "masked_coupling_forward",
    source="constructed: the mask, inverted",
    hints=(
        "What should pass is transformed, and the other way round.",
        "Both y and log_det; they fit each other.",
        "What does a 1 in the mask mean?",
    ),
)
def inverted_mask(x, mask, scale_net, shift_net):
    seen = (1 - mask) * x
    s, t = mask * scale_net(seen), mask * shift_net(seen)
    return x * torch.exp(s) + t, s.sum(1)


@mistake(
    "masked_coupling_forward",
    source="constructed: the part that passes is not put back",
    hints=(
        "Coordinates that should pass come out as 0.",
        "It is y.",
        "Where does the first summand of the formula stand in your code?",
    ),
)
def loses_what_passes(x, mask, scale_net, shift_net):
    s, t = (1 - mask) * scale_net(mask * x), shift_net(mask * x)
    return (1 - mask) * (x * torch.exp(s) + t), s.sum(1)


@mistake(
    "masked_coupling_forward",
    source="constructed: the mask is applied outside the exponential only",
    hints=(
        "log_det is too small, y is right.",
        "It shows when some coordinates pass; then a mean is taken over all of them.",
        "What does the logarithm make of a product of factors?",
    ),
)
def masked_mean(x, mask, scale_net, shift_net):
    s, t = (1 - mask) * scale_net(mask * x), (1 - mask) * shift_net(mask * x)
    return x * torch.exp(s) + t, s.mean(1)


@mistake(
    "masked_coupling_forward",
    source="danielward27/flowjax, issue 208: the sign of the log-determinant",
    hints=(
        "Where the layer stretches you report that it shrinks.",
        "It is the sign of log_det.",
        "A map doubles all lengths. Is its determinant above or below 1?",
    ),
)
def masked_minus_log_det(x, mask, scale_net, shift_net):
    s, t = (1 - mask) * scale_net(mask * x), (1 - mask) * shift_net(mask * x)
    return x * torch.exp(s) + t, -s.sum(1)


@mistake(
    "masked_coupling_forward",
    source="rosinality/glow-pytorch, issue 14: one number for the whole batch",
    hints=(
        "All examples share one log_det.",
        "A batch of one hides it, but for the shape.",
        "Six points: how many log-determinants?",
    ),
)
def masked_total(x, mask, scale_net, shift_net):
    s, t = (1 - mask) * scale_net(mask * x), (1 - mask) * shift_net(mask * x)
    return x * torch.exp(s) + t, s.sum()


@mistake(
    "masked_coupling_forward",
    source="constructed: shift and scale in the other order",
    hints=(
        "Your shift is stretched along.",
        "y is right where one of the two networks answers 0.",
        "What happens to x first, and what second?",
    ),
)
def masked_shift_first(x, mask, scale_net, shift_net):
    s, t = (1 - mask) * scale_net(mask * x), (1 - mask) * shift_net(mask * x)
    return (x + t) * torch.exp(s), s.sum(1)


# --- actnorm_forward --------------------------------------------------------------------------


@mistake(
    "actnorm_forward",
    source="rosinality/glow-pytorch, issue 14: the pixels are forgotten",
    hints=(
        "Your log_det does not depend on how large the image is.",
        "Images of one pixel hide it.",
        "How many coordinates does each channel's scale multiply?",
    ),
)
def pixels_forgotten(x, scale, bias):
    return _scaled(x, scale, bias), torch.log(torch.abs(scale)).sum().repeat(len(x))


@mistake(
    "actnorm_forward",
    source="constructed: one side of the image",
    hints=(
        "Your log_det counts one row of pixels.",
        "It shows when the image is higher than one pixel.",
        "How many coordinates does each channel's scale multiply?",
    ),
)
def counts_the_width(x, scale, bias):
    log_det = x.shape[3] * torch.log(torch.abs(scale)).sum()
    return _scaled(x, scale, bias), log_det.repeat(len(x))


@mistake(
    "actnorm_forward",
    source="constructed: channels are counted twice",
    hints=(
        "Your log_det is too large in size by the number of channels.",
        "A single channel hides it.",
        "Over what does the sum run already?",
    ),
)
def counts_channels_twice(x, scale, bias):
    log_det = x[0].numel() * torch.log(torch.abs(scale)).sum()
    return _scaled(x, scale, bias), log_det.repeat(len(x))


@mistake(
    "actnorm_forward",
    source="constructed: the absolute value is forgotten",
    hints=(
        "Negative scales give no number.",
        "Positive ones are fine.",
        "What is taken of the determinant before the logarithm?",
    ),
)
def negative_scales_forgotten(x, scale, bias):
    log_det = x.shape[2] * x.shape[3] * torch.log(scale).sum()
    return _scaled(x, scale, bias), log_det.repeat(len(x))


@mistake(
    "actnorm_forward",
    source="implementations that keep the logarithm of the scale",
    hints=(
        "log_det takes the scales for their logarithms.",
        "y is right.",
        "What is the diagonal of the Jacobian, and what its logarithm?",
    ),
)
def scales_for_log_scales(x, scale, bias):
    log_det = x.shape[2] * x.shape[3] * scale.sum()
    return _scaled(x, scale, bias), log_det.repeat(len(x))


@mistake(
    "actnorm_forward",
    source="implementations that keep the logarithm of the scale",
    hints=(
        "You take the scales for logarithms of scales.",
        "Both y and log_det; they fit each other.",
        "By what number is a channel multiplied?",
    ),
)
def exponential_of_the_scale(x, scale, bias):
    log_det = x.shape[2] * x.shape[3] * scale.sum()
    return _scaled(x, torch.exp(scale), bias), log_det.repeat(len(x))


@mistake(
    "actnorm_forward",
    source="danielward27/flowjax, issue 208: the sign of the log-determinant",
    hints=(
        "Where the layer stretches you report that it shrinks.",
        "It is the sign of log_det.",
        "A map doubles all lengths. Is its determinant above or below 1?",
    ),
)
def actnorm_minus_log_det(x, scale, bias):
    log_det = x.shape[2] * x.shape[3] * torch.log(torch.abs(scale)).sum()
    return _scaled(x, scale, bias), -log_det.repeat(len(x))


@mistake(
    "actnorm_forward",
    source="rosinality/glow-pytorch, issue 14: a scalar where one number per image is wanted",
    hints=(
        "The value is right, the shape is not.",
        "It is log_det.",
        "How many images are there, and how many log-determinants?",
    ),
)
def one_number_for_all_images(x, scale, bias):
    log_det = x.shape[2] * x.shape[3] * torch.log(torch.abs(scale)).sum()
    return _scaled(x, scale, bias), log_det


@mistake(
    "actnorm_forward",
    source="constructed: the whole batch is counted",
    hints=(
        "The log_det of an image grows with the number of images.",
        "A batch of one hides it.",
        "Whose coordinates does the Jacobian of one example concern?",
    ),
)
def counts_the_batch(x, scale, bias):
    log_det = x[:, 0].numel() * torch.log(torch.abs(scale)).sum()
    return _scaled(x, scale, bias), log_det.repeat(len(x))


@mistake(
    "actnorm_forward",
    source="rosinality/glow-pytorch's own order: the bias is added first",
    hints=(
        "Your bias is stretched along.",
        "It is y; log_det is right.",
        "What happens to x first, and what second?",
    ),
)
def bias_first(x, scale, bias):
    y = (x + bias.view(-1, 1, 1)) * scale.view(-1, 1, 1)
    log_det = x.shape[2] * x.shape[3] * torch.log(torch.abs(scale)).sum()
    return y, log_det.repeat(len(x))


@mistake(
    "actnorm_forward",
    source="a habit from batch normalisation: divided by the scale",
    hints=(
        "Where a scale is large, your output is small.",
        "It is y; log_det belongs to the map of the exercise.",
        "Is the scale what was measured, or what is applied?",
    ),
)
def divides(x, scale, bias):
    log_det = x.shape[2] * x.shape[3] * torch.log(torch.abs(scale)).sum()
    return _scaled(x, 1 / scale, bias), log_det.repeat(len(x))


# --- invertible_conv1x1_forward ---------------------------------------------------------------


@mistake(
    "invertible_conv1x1_forward",
    source="rosinality/glow-pytorch, issue 14: the pixels are forgotten",
    hints=(
        "Your log_det does not depend on how large the image is.",
        "Images of one pixel hide it.",
        "How many times is the matrix applied to one image?",
    ),
)
def matrix_counted_once(x, permutation, L, U):
    log_det = torch.log(torch.abs(U.diagonal())).sum()
    return _mixed(x, (L @ U)[permutation]), log_det.repeat(len(x))


@mistake(
    "invertible_conv1x1_forward",
    source="constructed: the absolute value is forgotten",
    hints=(
        "Negative numbers on a diagonal give no number.",
        "Positive ones are fine.",
        "What is taken of the determinant before the logarithm?",
    ),
)
def negative_diagonal_forgotten(x, permutation, L, U):
    log_det = x.shape[2] * x.shape[3] * torch.log(U.diagonal()).sum()
    return _mixed(x, (L @ U)[permutation]), log_det.repeat(len(x))


@mistake(
    "invertible_conv1x1_forward",
    source="constructed: the trace for the determinant",
    hints=(
        "Your log_det is the logarithm of a sum.",
        "A single channel hides it.",
        "Is the determinant of a triangular matrix the sum of its diagonal?",
    ),
)
def logarithm_of_the_trace(x, permutation, L, U):
    log_det = x.shape[2] * x.shape[3] * torch.log(torch.abs(U.diagonal().sum()))
    return _mixed(x, (L @ U)[permutation]), log_det.repeat(len(x))


@mistake(
    "invertible_conv1x1_forward",
    source="constructed: the diagonal of the product",
    hints=(
        "You look at the diagonal of a matrix that is not triangular.",
        "It is log_det; a single channel hides it.",
        "Of which of the matrices is the determinant the product of the diagonal?",
    ),
)
def diagonal_of_the_whole(x, permutation, L, U):
    weight = (L @ U)[permutation]
    log_det = x.shape[2] * x.shape[3] * torch.log(torch.abs(weight.diagonal())).sum()
    return _mixed(x, weight), log_det.repeat(len(x))


@mistake(
    "invertible_conv1x1_forward",
    source="constructed: the diagonal of the wrong factor",
    hints=(
        "Your log_det is always 0.",
        "You look at a factor that keeps the volume.",
        "Which factor has something else than ones on its diagonal?",
    ),
)
def diagonal_of_the_lower_factor(x, permutation, L, U):
    log_det = x.shape[2] * x.shape[3] * torch.log(torch.abs(L.diagonal())).sum()
    return _mixed(x, (L @ U)[permutation]), log_det.repeat(len(x))


@mistake(
    "invertible_conv1x1_forward",
    source="danielward27/flowjax, issue 208: the sign of the log-determinant",
    hints=(
        "Where the layer stretches you report that it shrinks.",
        "It is the sign of log_det.",
        "A map doubles all lengths. Is its determinant above or below 1?",
    ),
)
def conv_minus_log_det(x, permutation, L, U):
    log_det = x.shape[2] * x.shape[3] * torch.log(torch.abs(U.diagonal())).sum()
    return _mixed(x, (L @ U)[permutation]), -log_det.repeat(len(x))


@mistake(
    "invertible_conv1x1_forward",
    source="rosinality/glow-pytorch, issue 14: a scalar where one number per image is wanted",
    hints=(
        "The value is right, the shape is not.",
        "It is log_det.",
        "How many images are there, and how many log-determinants?",
    ),
)
def conv_one_number(x, permutation, L, U):
    log_det = x.shape[2] * x.shape[3] * torch.log(torch.abs(U.diagonal())).sum()
    return _mixed(x, (L @ U)[permutation]), log_det


@mistake(
    "invertible_conv1x1_forward",
    source="constructed: the inverse permutation",
    hints=(
        "The rows of your matrix stand in another order.",
        "Permutations that are their own inverse hide it.",
        "Which row of the product is the first row of the matrix?",
    ),
)
def rows_the_other_way(x, permutation, L, U):
    log_det = x.shape[2] * x.shape[3] * torch.log(torch.abs(U.diagonal())).sum()
    return _mixed(x, (L @ U)[torch.argsort(permutation)]), log_det.repeat(len(x))


@mistake(
    "invertible_conv1x1_forward",
    source="constructed: columns are permuted",
    hints=(
        "You permute what goes in, not what comes out.",
        "It is y; log_det is right.",
        "Does the permutation stand on the left or on the right of the other factors?",
    ),
)
def columns_are_permuted(x, permutation, L, U):
    log_det = x.shape[2] * x.shape[3] * torch.log(torch.abs(U.diagonal())).sum()
    return _mixed(x, (L @ U)[:, permutation]), log_det.repeat(len(x))


@mistake(
    "invertible_conv1x1_forward",
    source="constructed: the factors in the other order",
    hints=(
        "Your matrix is another one, with the same determinant.",
        "It is y; log_det is right.",
        "Which of the factors meets the pixel first?",
    ),
)
def factors_exchanged(x, permutation, L, U):
    log_det = x.shape[2] * x.shape[3] * torch.log(torch.abs(U.diagonal())).sum()
    return _mixed(x, (U @ L)[permutation]), log_det.repeat(len(x))


@mistake(
    "invertible_conv1x1_forward",
    source="constructed: the transposed matrix",
    hints=(
        "Rows and columns of your matrix are exchanged.",
        "It is y; log_det is right.",
        "Which index of the matrix counts the channels that go in?",
    ),
)
def transposed_matrix(x, permutation, L, U):
    log_det = x.shape[2] * x.shape[3] * torch.log(torch.abs(U.diagonal())).sum()
    return _mixed(x, (L @ U)[permutation].T), log_det.repeat(len(x))


@mistake(
    "invertible_conv1x1_forward",
    source="constructed: the permutation is forgotten",
    hints=(
        "The rows of your matrix stand in another order.",
        "The identity hides it.",
        "Which of your arguments have you not used?",
    ),
)
def no_permutation(x, permutation, L, U):
    log_det = x.shape[2] * x.shape[3] * torch.log(torch.abs(U.diagonal())).sum()
    return _mixed(x, L @ U), log_det.repeat(len(x))


# --- maf_forward ------------------------------------------------------------------------------


@mistake(
    "maf_forward",
    source="danielward27/flowjax, issue 208: the sign of the log-determinant",
    hints=(
        "Where the map stretches you report that it shrinks.",
        "It is the sign of log_det.",
        "A large alpha makes z small. Is the determinant then above or below 1?",
    ),
)
def maf_plus_log_det(x, net):
    mu, alpha = net(x)
    return (x - mu) * torch.exp(-alpha), alpha.sum(1)


@mistake(
    "maf_forward",
    source="constructed: the sign of the exponent",
    hints=(
        "Where z should be small, yours is large.",
        "It is z; log_det belongs to the map of the exercise.",
        "Is alpha the logarithm of what x is multiplied with, or divided by?",
    ),
)
def multiplies_by_the_deviation(x, net):
    mu, alpha = net(x)
    return (x - mu) * torch.exp(alpha), -alpha.sum(1)


@mistake(
    "maf_forward",
    source="constructed: scale and mean in the other order",
    hints=(
        "The mean is subtracted from what has been scaled already.",
        "It is z; right where alpha is 0.",
        "What happens to x first, and what second?",
    ),
)
def scales_first(x, net):
    mu, alpha = net(x)
    return x * torch.exp(-alpha) - mu, -alpha.sum(1)


@mistake(
    "maf_forward",
    source="the conventions of variational autoencoders: the logarithm of a variance",
    hints=(
        "You take alpha for the logarithm of a variance.",
        "Both z and log_det; they fit each other.",
        "What is divided by, the exponential of alpha or its square root?",
    ),
)
def alpha_is_a_log_variance(x, net):
    mu, alpha = net(x)
    return (x - mu) * torch.exp(-0.5 * alpha), -0.5 * alpha.sum(1)


@mistake(
    "maf_forward",
    source="constructed: the results of the network are exchanged",
    hints=(
        "What should shift scales, and the other way round.",
        "Both z and log_det; they fit each other.",
        "What does the network return first?",
    ),
)
def results_exchanged(x, net):
    alpha, mu = net(x)
    return (x - mu) * torch.exp(-alpha), -alpha.sum(1)


@mistake(
    "maf_forward",
    source="constructed: the last coordinate only",
    hints=(
        "Only one coordinate counts in log_det.",
        "A single coordinate hides it.",
        "How long is the diagonal of the Jacobian?",
    ),
)
def last_alpha_only(x, net):
    mu, alpha = net(x)
    return (x - mu) * torch.exp(-alpha), -alpha[:, -1]


@mistake(
    "maf_forward",
    source="rosinality/glow-pytorch, issue 14: one number for the whole batch",
    hints=(
        "All examples share one log_det.",
        "A batch of one hides it, but for the shape.",
        "Six points: how many log-determinants?",
    ),
)
def maf_one_number(x, net):
    mu, alpha = net(x)
    return (x - mu) * torch.exp(-alpha), -alpha.sum()


# --- maf_inverse ------------------------------------------------------------------------------


@mistake(
    "maf_inverse",
    source="the inverse autoregressive flow, taken for this one",
    hints=(
        "There and back again is not the identity, but for the first coordinate.",
        "With a single coordinate all is well.",
        "The network was fed with x on the way there. What do you feed it with?",
    ),
)
def fed_with_the_noise(z, net):
    mu, alpha = net(z)
    return z * torch.exp(alpha) + mu, alpha.sum(1)


@mistake(
    "maf_inverse",
    source="constructed: the network is asked only once, about nothing",
    hints=(
        "Your coordinates do not depend on each other.",
        "With a single coordinate all is well.",
        "What must be known before the second coordinate can be computed?",
    ),
)
def asked_only_once(z, net):
    mu, alpha = net(torch.zeros_like(z))
    return z * torch.exp(alpha) + mu, alpha.sum(1)


@mistake(
    "maf_inverse",
    source="constructed: two passes, whatever the size",
    hints=(
        "Your first two coordinates are right, the later ones are not.",
        "With up to two coordinates all is well.",
        "How many times must the network be asked?",
    ),
)
def two_passes(z, net):
    x = torch.zeros_like(z)
    for _ in range(2):
        mu, alpha = net(x)
        x = z * torch.exp(alpha) + mu
    return x, net(x)[1].sum(1)


@mistake(
    "maf_inverse",
    source="constructed: a loop that ends one too early",
    hints=(
        "Your last coordinate is wrong.",
        "All the others are right.",
        "How many times must the network be asked?",
    ),
)
def one_pass_too_few(z, net):
    x = torch.zeros_like(z)
    for _ in range(z.shape[1] - 1):
        mu, alpha = net(x)
        x = z * torch.exp(alpha) + mu
    return x, net(x)[1].sum(1)


@mistake(
    "maf_inverse",
    source="constructed: the last coordinate first",
    hints=(
        "There and back again is not the identity.",
        "With a single coordinate all is well.",
        "Which coordinate depends on no other?",
    ),
)
def last_coordinate_first(z, net):
    x = torch.zeros_like(z)
    for i in reversed(range(z.shape[1])):
        mu, alpha = net(x)
        x[:, i] = z[:, i] * torch.exp(alpha[:, i]) + mu[:, i]
    return x, net(x)[1].sum(1)


@mistake(
    "maf_inverse",
    source="danielward27/flowjax, issue 208: the sign of the log-determinant",
    hints=(
        "You return the log-determinant of the way there.",
        "x is right.",
        "Which of the two maps is asked for, x to z or z to x?",
    ),
)
def log_det_of_the_way_there(z, net):
    x = _unrolled(z, net)
    return x, -net(x)[1].sum(1)


@mistake(
    "maf_inverse",
    source="constructed: the log-scales of the noise",
    hints=(
        "x is right, log_det is not.",
        "With a single coordinate all is well.",
        "At which point were the log-scales taken that made x?",
    ),
)
def log_det_at_the_noise(z, net):
    return _unrolled(z, net), net(z)[1].sum(1)


@mistake(
    "maf_inverse",
    source="constructed: the sign of the exponent",
    hints=(
        "There and back again scales twice.",
        "Right where alpha is 0.",
        "By what do you undo a division?",
    ),
)
def divides_again(z, net):
    x = torch.zeros_like(z)
    for i in range(z.shape[1]):
        mu, alpha = net(x)
        x[:, i] = z[:, i] * torch.exp(-alpha[:, i]) + mu[:, i]
    return x, net(x)[1].sum(1)


@mistake(
    "maf_inverse",
    source="constructed: undone in the order it was done",
    hints=(
        "There and back again is not the identity, unless the network answers 0.",
        "It shows in the first coordinate already.",
        "Socks, then shoes. What comes off first?",
    ),
)
def mean_before_scale(z, net):
    x = torch.zeros_like(z)
    for i in range(z.shape[1]):
        mu, alpha = net(x)
        x[:, i] = (z[:, i] + mu[:, i]) * torch.exp(alpha[:, i])
    return x, net(x)[1].sum(1)


# --- train_flow -------------------------------------------------------------------------------


def _drawn(std, *shape, like, generator):
    return (std * torch.randn(*shape, generator=generator)).to(like).requires_grad_()


def _trained(x, points, steps, generator, *, swap=True, volume=True):
    sizes = ((2, 16, 1), (1, 16), (0.1, 2, 16), (0, 2))
    networks = [[_drawn(*size, like=x, generator=generator) for size in sizes] for _ in range(4)]

    def flow(h):
        total = h.new_zeros(len(h))
        for W_1, b_1, W_2, b_2 in networks:
            s, t = (torch.tanh(h[:, :1] @ W_1.T + b_1) @ W_2.T + b_2).split(1, dim=1)
            s = torch.tanh(s)
            parts = (h[:, :1], h[:, 1:] * torch.exp(s) + t)
            h = torch.cat(parts[::-1] if swap else parts, dim=1)
            total = total + s[:, 0]
        return h, total

    optimizer = torch.optim.Adam([one for network in networks for one in network])
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 0.02 * min(1, 2 - 2 * step / steps)
        z, log_det = flow(x)
        loss = (0.5 * z.square().sum(1) - volume * log_det).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return flow(points)


@mistake(
    "train_flow",
    source="implementations of Real NVP: nothing between the coupling layers",
    hints=(
        "Your flow learns, but not enough: one latent coordinate is a coordinate of the data.",
        "All your layers transform the same coordinate.",
        "What has to happen between two coupling layers?",
    ),
)
def nothing_changes_places(x, points, steps, generator):
    return _trained(x, points, steps, generator, swap=False)


@mistake(
    "train_flow",
    source="ikostrikov/pytorch-flows, issue 16: the log-determinant is left out of the loss",
    hints=(
        "Your flow sends all points to the same place.",
        "It is what you maximise.",
        "What keeps a flow from squeezing everything to the origin?",
    ),
)
def squeezed_to_the_origin(x, points, steps, generator):
    return _trained(x, points, steps, generator, volume=False)


@mistake(
    "train_flow",
    source="121 public solution sets of one course: a seed inside the function",
    hints=(
        "Every generator gives the same flow.",
        "The density is fine.",
        "Where do your random numbers come from?",
    ),
)
def a_seed_of_its_own(x, points, steps, generator):
    return _trained(x, points, steps, torch.Generator().manual_seed(0))


@mistake(
    "train_flow",
    source="constructed: the seed of a generator is taken for its state",
    hints=(
        "Training a second flow with the same generator gives the first one again.",
        "The density is fine.",
        "What of a generator changes when numbers are drawn from it, and what does not?",
    ),
)
def seed_for_state(x, points, steps, generator):
    own = torch.Generator().manual_seed(generator.initial_seed())
    return _trained(x, points, steps, own)


@mistake(
    "train_flow",
    source="constructed: the global generator",
    hints=(
        "The same generator state gives another flow each time.",
        "The density is fine.",
        "Where do your random numbers come from?",
    ),
)
def the_global_generator(x, points, steps, generator):
    return _trained(x, points, steps, None)
