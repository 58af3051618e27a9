"""Known wrong versions of the exercises on normalisation, and hints for each."""

import math

import torch

from autograder.checks.bank import mistake


def _refuse_one(count, *, training):
    if training and count == 1:
        raise ValueError("one value has no variance")


def _moved(running, batch, momentum):
    return (1 - momentum) * running + momentum * batch


def _unbiased(x):
    """The unbiased variance over the first axis; that of a single value counts as 0."""
    return x.var(0, correction=0) * len(x) / max(len(x) - 1, 1)


def _normalised(x, axes, eps):
    """Return the normalised values and one over the standard deviation."""
    var, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
    inv_std = torch.rsqrt(var + eps)
    return (x - mean) * inv_std, inv_std


def _backward(g, x_hat, inv_std, axes):
    """The gradient with respect to x, with means over `axes`."""
    along = (g * x_hat).mean(axes, keepdim=True)
    return inv_std * (g - g.mean(axes, keepdim=True) - x_hat * along)


# --- batchnorm_forward ------------------------------------------------------------------------


@mistake(
    "batchnorm_forward",
    source="callummcdougall/ARENA_3.0 issue 415, ml-explore/mlx issue 3817",
    hints=(
        "What you remember of the variance is too small, above all for small batches.",
        "The output is right, and so is the running mean.",
        "One estimate describes this batch, the other the population. Which one is remembered?",
    ),
)
def remembers_the_biased_variance(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    _refuse_one(len(x), training=training)
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(0), x.var(0, correction=0)
        running_mean = _moved(running_mean, mean, momentum)
        running_var = _moved(running_var, var, momentum)
    return gamma * (x - mean) / torch.sqrt(var + eps) + beta, running_mean, running_var


@mistake(
    "batchnorm_forward",
    source="pytorch/pytorch issue 60528: the default of torch.var",
    hints=(
        "Your normalised values are a little too small, above all for small batches.",
        "It is the output in training; what is remembered is right.",
        "Which of the two estimators does the formula of the output define?",
    ),
)
def normalises_with_the_unbiased_variance(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    _refuse_one(len(x), training=training)
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(0), x.var(0)
        running_mean = _moved(running_mean, mean, momentum)
        running_var = _moved(running_var, var, momentum)
    return gamma * (x - mean) / torch.sqrt(var + eps) + beta, running_mean, running_var


@mistake(
    "batchnorm_forward",
    source="another convention: courses in which momentum is the weight of the past",
    hints=(
        "After one batch you have forgotten almost all that came before.",
        "It is what is remembered, both statistics.",
        "With a momentum of 0.1, how much does one batch weigh?",
    ),
)
def momentum_for_the_past(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    _refuse_one(len(x), training=training)
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(0), x.var(0, correction=0)
        running_mean = _moved(running_mean, mean, 1 - momentum)
        running_var = _moved(running_var, _unbiased(x), 1 - momentum)
    return gamma * (x - mean) / torch.sqrt(var + eps) + beta, running_mean, running_var


@mistake(
    "batchnorm_forward",
    source="constructed: the default value written into the formula",
    hints=(
        "With the default momentum all is well.",
        "It is what is remembered, both statistics.",
        "Where in your function does the argument for it appear?",
    ),
)
def fixed_momentum(x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5):
    _refuse_one(len(x), training=training)
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(0), x.var(0, correction=0)
        running_mean = _moved(running_mean, mean, 0.1)
        running_var = _moved(running_var, _unbiased(x), 0.1)
    return gamma * (x - mean) / torch.sqrt(var + eps) + beta, running_mean, running_var


@mistake(
    "batchnorm_forward",
    source="constructed: `or` takes a momentum of 0 for none",
    hints=(
        "With a momentum of 0 the batch should leave no trace in what is remembered, and does.",
        "It is both running statistics; every other momentum is right.",
        "Is a momentum of 0 the same as no momentum given? What does Python say of 0?",
    ),
)
def zero_momentum_replaced(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    _refuse_one(len(x), training=training)
    mean, var = running_mean, running_var
    if training:
        momentum = momentum or 0.1
        mean, var = x.mean(0), x.var(0, correction=0)
        running_mean = _moved(running_mean, mean, momentum)
        running_var = _moved(running_var, _unbiased(x), momentum)
    return gamma * (x - mean) / torch.sqrt(var + eps) + beta, running_mean, running_var


@mistake(
    "batchnorm_forward",
    source="121 public solution sets of one course: the epsilon outside of the root",
    hints=(
        "It shows for features that hardly vary, and where eps is large.",
        "It is the denominator of the output.",
        "Is epsilon added to a variance or to a standard deviation?",
    ),
)
def eps_outside_of_the_root(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    _refuse_one(len(x), training=training)
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(0), x.var(0, correction=0)
        running_mean = _moved(running_mean, mean, momentum)
        running_var = _moved(running_var, _unbiased(x), momentum)
    return gamma * (x - mean) / (torch.sqrt(var) + eps) + beta, running_mean, running_var


@mistake(
    "batchnorm_forward",
    source="121 public solution sets of one course: the epsilon dropped",
    hints=(
        "It shows for features that hardly vary, and is no number for those that never do.",
        "It is the denominator of the output.",
        "What comes out for a feature that never changes?",
    ),
)
def no_eps(x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5):
    _refuse_one(len(x), training=training)
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(0), x.var(0, correction=0)
        running_mean = _moved(running_mean, mean, momentum)
        running_var = _moved(running_var, _unbiased(x), momentum)
    return gamma * (x - mean) / torch.sqrt(var) + beta, running_mean, running_var


@mistake(
    "batchnorm_forward",
    source="class notes, 4.5.2: the operation at test time, as printed",
    hints=(
        "Training is right, evaluation is a little too large.",
        "It shows for running variances that are small against eps.",
        "What keeps the denominator away from 0 in evaluation?",
    ),
)
def evaluation_without_eps(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    _refuse_one(len(x), training=training)
    if not training:
        y = gamma * (x - running_mean) / torch.sqrt(running_var) + beta
        return y, running_mean, running_var
    mean, var = x.mean(0), x.var(0, correction=0)
    running_mean = _moved(running_mean, mean, momentum)
    running_var = _moved(running_var, _unbiased(x), momentum)
    return gamma * (x - mean) / torch.sqrt(var + eps) + beta, running_mean, running_var


@mistake(
    "batchnorm_forward",
    source="constructed: the default value written into the formula",
    hints=(
        "With the default eps all is well.",
        "It is the denominator of the output.",
        "Where in your function does the argument for it appear?",
    ),
)
def fixed_eps(x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5):
    _refuse_one(len(x), training=training)
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(0), x.var(0, correction=0)
        running_mean = _moved(running_mean, mean, momentum)
        running_var = _moved(running_var, _unbiased(x), momentum)
    return gamma * (x - mean) / torch.sqrt(var + 1e-5) + beta, running_mean, running_var


@mistake(
    "batchnorm_forward",
    source="121 public solution sets of one course: one variable for the variance with and without",
    hints=(
        "What you remember of the variance is too large, above all where eps is.",
        "The output is right, and so is the running mean.",
        "Does epsilon belong to the data or to the division?",
    ),
)
def remembers_the_eps(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    _refuse_one(len(x), training=training)
    mean, var = running_mean, running_var + eps
    if training:
        mean, var = x.mean(0), x.var(0, correction=0) + eps
        running_mean = _moved(running_mean, mean, momentum)
        running_var = _moved(running_var, var * len(x) / (len(x) - 1), momentum)
    return gamma * (x - mean) / torch.sqrt(var) + beta, running_mean, running_var


@mistake(
    "batchnorm_forward",
    source="121 public solution sets of one course: the running variance tracks the deviation",
    hints=(
        "Scale the data by 10: what you remember grows by 10, it must grow by 100.",
        "The output is right, and so is the running mean.",
        "Is it the spread or its square that is remembered?",
    ),
)
def remembers_the_deviation(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    _refuse_one(len(x), training=training)
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(0), x.var(0, correction=0)
        running_mean = _moved(running_mean, mean, momentum)
        running_var = _moved(running_var, _unbiased(x).sqrt(), momentum)
    return gamma * (x - mean) / torch.sqrt(var + eps) + beta, running_mean, running_var


@mistake(
    "batchnorm_forward",
    source="constructed: the statistics of the last batch only",
    hints=(
        "What you remember does not depend on what you had remembered.",
        "It is both running statistics in training.",
        "How much of the past should survive one batch?",
    ),
)
def remembers_the_last_batch_only(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    _refuse_one(len(x), training=training)
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(0), x.var(0, correction=0)
        running_mean, running_var = mean, _unbiased(x)
    return gamma * (x - mean) / torch.sqrt(var + eps) + beta, running_mean, running_var


@mistake(
    "batchnorm_forward",
    source="constructed: evaluation normalises with the batch",
    hints=(
        "In evaluation the result for one example depends on the others.",
        "Training is right.",
        "What should a single test example see?",
    ),
)
def evaluation_with_the_batch(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    _refuse_one(len(x), training=training)
    mean, var = x.mean(0), x.var(0, correction=0)
    if training:
        running_mean = _moved(running_mean, mean, momentum)
        running_var = _moved(running_var, _unbiased(x), momentum)
    return gamma * (x - mean) / torch.sqrt(var + eps) + beta, running_mean, running_var


@mistake(
    "batchnorm_forward",
    source="121 public solution sets of one course: test mode updates the running statistics",
    hints=(
        "Evaluating the same examples twice gives two results.",
        "The output is right; look at what else comes back in evaluation.",
        "May a look at the test data change the model?",
    ),
)
def evaluation_learns(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    _refuse_one(len(x), training=training)
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(0), x.var(0, correction=0)
    running_mean = _moved(running_mean, x.mean(0), momentum)
    running_var = _moved(running_var, _unbiased(x), momentum)
    return gamma * (x - mean) / torch.sqrt(var + eps) + beta, running_mean, running_var


@mistake(
    "batchnorm_forward",
    source="constructed: the running statistics in training too",
    hints=(
        "In training your features do not have mean 0 before scale and shift.",
        "What is remembered is right.",
        "Which statistics belong to this batch?",
    ),
)
def training_with_the_running_statistics(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    _refuse_one(len(x), training=training)
    if training:
        running_mean = _moved(running_mean, x.mean(0), momentum)
        running_var = _moved(running_var, _unbiased(x), momentum)
    y = gamma * (x - running_mean) / torch.sqrt(running_var + eps) + beta
    return y, running_mean, running_var


@mistake(
    "batchnorm_forward",
    source="121 public solution sets of one course: no scale and shift in test mode",
    hints=(
        "Training is right; in evaluation what the layer has learnt has no effect.",
        "It is the output.",
        "Which of the parameters does your evaluation use?",
    ),
)
def evaluation_without_scale_and_shift(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    _refuse_one(len(x), training=training)
    if not training:
        return (x - running_mean) / torch.sqrt(running_var + eps), running_mean, running_var
    mean, var = x.mean(0), x.var(0, correction=0)
    running_mean = _moved(running_mean, mean, momentum)
    running_var = _moved(running_var, _unbiased(x), momentum)
    return gamma * (x - mean) / torch.sqrt(var + eps) + beta, running_mean, running_var


@mistake(
    "batchnorm_forward",
    source="constructed: the statistics of each example, which is layer normalisation",
    hints=(
        "In training your features do not have mean 0, your examples do.",
        "It is the output; what is remembered is right.",
        "Which numbers share one mean, those of a feature or those of an example?",
    ),
)
def normalises_examples(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    _refuse_one(len(x), training=training)
    if not training:
        y = gamma * (x - running_mean) / torch.sqrt(running_var + eps) + beta
        return y, running_mean, running_var
    running_mean = _moved(running_mean, x.mean(0), momentum)
    running_var = _moved(running_var, _unbiased(x), momentum)
    return gamma * _normalised(x, 1, eps)[0] + beta, running_mean, running_var


@mistake(
    "batchnorm_forward",
    source="constructed: one mean and one variance for the whole batch",
    hints=(
        "Change one feature: the others must not notice.",
        "It shows with two features or more, in the output.",
        "How many means does the layer compute?",
    ),
)
def one_mean_for_all(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    _refuse_one(len(x), training=training)
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(), x.var(correction=0)
        running_mean = _moved(running_mean, x.mean(0), momentum)
        running_var = _moved(running_var, _unbiased(x), momentum)
    return gamma * (x - mean) / torch.sqrt(var + eps) + beta, running_mean, running_var


@mistake(
    "batchnorm_forward",
    source="121 public solution sets of one course: running statistics with a row axis",
    hints=(
        "The values are right, the shape of what is remembered is not.",
        "It is both running statistics in training.",
        "What shape has what came in?",
    ),
)
def keeps_a_row_axis(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    _refuse_one(len(x), training=training)
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(0, keepdim=True), x.var(0, correction=0, keepdim=True)
        running_mean = _moved(running_mean, mean, momentum)
        running_var = _moved(running_var, var * len(x) / (len(x) - 1), momentum)
    return gamma * (x - mean) / torch.sqrt(var + eps) + beta, running_mean, running_var


@mistake(
    "batchnorm_forward",
    source="121 public solution sets of one course: the normalised values are never used",
    hints=(
        "Shift all inputs by 1: the output must not move.",
        "It is the last step of the output in training.",
        "What do scale and shift act on?",
    ),
)
def scales_the_input(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    _refuse_one(len(x), training=training)
    if not training:
        y = gamma * (x - running_mean) / torch.sqrt(running_var + eps) + beta
        return y, running_mean, running_var
    running_mean = _moved(running_mean, x.mean(0), momentum)
    running_var = _moved(running_var, _unbiased(x), momentum)
    return gamma * x + beta, running_mean, running_var


@mistake(
    "batchnorm_forward",
    source="constructed: the shift inside of the scale",
    hints=(
        "The mean of an output feature over the batch is not its shift.",
        "It shows unless every entry of gamma is 1.",
        "Which comes first, scale or shift?",
    ),
)
def shifts_before_scaling(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    _refuse_one(len(x), training=training)
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(0), x.var(0, correction=0)
        running_mean = _moved(running_mean, mean, momentum)
        running_var = _moved(running_var, _unbiased(x), momentum)
    return gamma * ((x - mean) / torch.sqrt(var + eps) + beta), running_mean, running_var


@mistake(
    "batchnorm_forward",
    source="121 public solution sets of one course: mean of squares minus square of the mean",
    hints=(
        "The formula is right on paper; far from 0 its digits are gone.",
        "It is the variance.",
        "What is left when two large numbers that are almost equal are subtracted?",
    ),
)
def variance_as_a_difference(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    _refuse_one(len(x), training=training)
    mean, var = running_mean, running_var
    if training:
        mean = x.mean(0)
        var = ((x * x).mean(0) - mean * mean).clamp(min=0)
        running_mean = _moved(running_mean, mean, momentum)
        running_var = _moved(running_var, var * len(x) / (len(x) - 1), momentum)
    return gamma * (x - mean) / torch.sqrt(var + eps) + beta, running_mean, running_var


@mistake(
    "batchnorm_forward",
    source="constructed: the exception is forgotten",
    hints=(
        "Where there is no variance, you give one.",
        "Only with a single example in training.",
        "What does your network learn about an example that is always mapped to the same value?",
    ),
)
def accepts_one_example(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(0), x.var(0, correction=0)
        running_mean = _moved(running_mean, mean, momentum)
        running_var = _moved(running_var, _unbiased(x), momentum)
    return gamma * (x - mean) / torch.sqrt(var + eps) + beta, running_mean, running_var


@mistake(
    "batchnorm_forward",
    source="pytorch/pytorch, pull request 2961: one value is refused in evaluation too",
    hints=(
        "You refuse a batch that there is nothing wrong with.",
        "It is a single example in evaluation.",
        "Whose mean and variance are used when nothing is learnt any more?",
    ),
)
def refuses_one_example_always(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    _refuse_one(len(x), training=True)
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(0), x.var(0, correction=0)
        running_mean = _moved(running_mean, mean, momentum)
        running_var = _moved(running_var, _unbiased(x), momentum)
    return gamma * (x - mean) / torch.sqrt(var + eps) + beta, running_mean, running_var


@mistake(
    "batchnorm_forward",
    source="constructed: the exception is left to chance",
    hints=(
        "You do refuse, but with another exception than the handout asks for.",
        "It is a single example in training.",
        "Who refuses there, you or the arithmetic?",
    ),
)
def divides_by_zero_for_one_example(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(0), x.var(0, correction=0)
        bessel = len(x) / (len(x) - 1)
        running_mean = _moved(running_mean, mean, momentum)
        running_var = _moved(running_var, bessel * var, momentum)
    return gamma * (x - mean) / torch.sqrt(var + eps) + beta, running_mean, running_var


# --- batchnorm_backward -----------------------------------------------------------------------


@mistake(
    "batchnorm_backward",
    source="121 public solution sets of one course: the Jacobian is taken as elementwise",
    hints=(
        "Shift all inputs by the same amount: the loss stays, your gradient says it moves.",
        "grad_gamma and grad_beta are right.",
        "Nudge one input alone. Which other normalised values of its feature move?",
    ),
)
def constant_statistics(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, 0, eps)
    return grad_y * gamma * inv_std, (grad_y * x_hat).sum(0), grad_y.sum(0)


@mistake(
    "batchnorm_backward",
    source="121 public solution sets of one course: the road through the mean dropped",
    hints=(
        "Shift all inputs by the same amount: the loss stays, your gradient says it moves.",
        "It is grad_x; one of its roads is missing.",
        "Count the arrows that leave x in the graph. Which one did you not walk back?",
    ),
)
def constant_mean(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, 0, eps)
    g = grad_y * gamma
    grad_x = inv_std * (g - x_hat * (g * x_hat).mean(0))
    return grad_x, (grad_y * x_hat).sum(0), grad_y.sum(0)


@mistake(
    "batchnorm_backward",
    source="121 public solution sets of one course: the road through the variance dropped",
    hints=(
        "Stretch a feature about its mean: the loss hardly moves, your gradient says it does.",
        "It is grad_x; one of its roads is missing.",
        "Count the arrows that leave x in the graph. Which one did you not walk back?",
    ),
)
def constant_variance(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, 0, eps)
    g = grad_y * gamma
    return inv_std * (g - g.mean(0)), (grad_y * x_hat).sum(0), grad_y.sum(0)


@mistake(
    "batchnorm_backward",
    source="constructed: sums where the formula has means",
    hints=(
        "The gradient of one feature does not sum to 0, and the error grows with the batch.",
        "It is grad_x.",
        "Each example owns only a part of the mean. How large is it?",
    ),
)
def sums_for_means(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, 0, eps)
    g = grad_y * gamma
    grad_x = inv_std * (g - g.sum(0) - x_hat * (g * x_hat).sum(0))
    return grad_x, (grad_y * x_hat).sum(0), grad_y.sum(0)


@mistake(
    "batchnorm_backward",
    source="constructed: the centred values in the place of the normalised ones",
    hints=(
        "In millimetres instead of metres the gradient must shrink by 1000; yours does not.",
        "It is the last of the three terms of grad_x.",
        "Is that factor divided by the standard deviation or not?",
    ),
)
def centred_for_normalised(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, 0, eps)
    g, centred = grad_y * gamma, x - x.mean(0)
    grad_x = inv_std * (g - g.mean(0) - centred * (g * centred).mean(0))
    return grad_x, (grad_y * x_hat).sum(0), grad_y.sum(0)


@mistake(
    "batchnorm_backward",
    source="constructed: one division forgotten",
    hints=(
        "In millimetres instead of metres the gradient must shrink by 1000; yours stays.",
        "It is grad_x; its direction is right within each feature.",
        "Which step lies between the centred and the normalised values?",
    ),
)
def no_division(grad_y, x, gamma, *, eps=1e-5):
    x_hat, _ = _normalised(x, 0, eps)
    g = grad_y * gamma
    grad_x = g - g.mean(0) - x_hat * (g * x_hat).mean(0)
    return grad_x, (grad_y * x_hat).sum(0), grad_y.sum(0)


@mistake(
    "batchnorm_backward",
    source="constructed: divided by the variance",
    hints=(
        "In millimetres instead of metres the gradient must shrink by 1000, yours by a million.",
        "It is grad_x; its direction is right within each feature.",
        "How often does the standard deviation divide on the way from x to the output?",
    ),
)
def divides_twice(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, 0, eps)
    grad_x = inv_std * _backward(grad_y * gamma, x_hat, inv_std, 0)
    return grad_x, (grad_y * x_hat).sum(0), grad_y.sum(0)


@mistake(
    "batchnorm_backward",
    source="constructed: a sign on the road through the variance",
    hints=(
        "Stretch a feature about its mean: the loss hardly moves, your gradient says it does.",
        "It is the last of the three terms of grad_x.",
        "If the variance grows, do the normalised values grow or shrink?",
    ),
)
def sign_of_the_variance(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, 0, eps)
    g = grad_y * gamma
    grad_x = inv_std * (g - g.mean(0) + x_hat * (g * x_hat).mean(0))
    return grad_x, (grad_y * x_hat).sum(0), grad_y.sum(0)


@mistake(
    "batchnorm_backward",
    source="constructed: a factor of the chain rule lost at the square root",
    hints=(
        "Stretch a feature about its mean: the loss hardly moves, your gradient says it does.",
        "It is the last of the three terms of grad_x.",
        "What are the derivatives of a square and of a square root, and what is left of both?",
    ),
)
def half_of_the_variance(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, 0, eps)
    g = grad_y * gamma
    grad_x = inv_std * (g - g.mean(0) - 0.5 * x_hat * (g * x_hat).mean(0))
    return grad_x, (grad_y * x_hat).sum(0), grad_y.sum(0)


@mistake(
    "batchnorm_backward",
    source="constructed: the means run over all entries",
    hints=(
        "Change what comes from above for one feature: the others must not notice.",
        "It is grad_x, with two features or more.",
        "Which numbers share one mean?",
    ),
)
def means_over_everything(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, 0, eps)
    g = grad_y * gamma
    grad_x = inv_std * (g - g.mean() - x_hat * (g * x_hat).mean())
    return grad_x, (grad_y * x_hat).sum(0), grad_y.sum(0)


@mistake(
    "batchnorm_backward",
    source="constructed: the means run over the features, as in layer normalisation",
    hints=(
        "The gradient of one feature does not sum to 0.",
        "It is grad_x.",
        "Which numbers share one mean, those of a feature or those of an example?",
    ),
)
def means_over_features(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, 0, eps)
    grad_x = _backward(grad_y * gamma, x_hat, inv_std, 1)
    return grad_x, (grad_y * x_hat).sum(0), grad_y.sum(0)


@mistake(
    "batchnorm_backward",
    source="pytorch/pytorch issue 60528: the default of torch.var",
    hints=(
        "Everything but grad_beta is slightly off, above all for small batches.",
        "It is the variance that you compute again.",
        "Which estimator of the variance does the forward pass use?",
    ),
)
def unbiased_variance(grad_y, x, gamma, *, eps=1e-5):
    inv_std = torch.rsqrt(x.var(0) + eps)
    x_hat = (x - x.mean(0)) * inv_std
    grad_x = _backward(grad_y * gamma, x_hat, inv_std, 0)
    return grad_x, (grad_y * x_hat).sum(0), grad_y.sum(0)


@mistake(
    "batchnorm_backward",
    source="constructed: one less in the mean of the variance's road",
    hints=(
        "Slightly off, above all for small batches.",
        "It is the last of the three terms of grad_x.",
        "By what does the variance of the forward pass divide?",
    ),
)
def bessel_in_the_gradient(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, 0, eps)
    g = grad_y * gamma
    grad_x = inv_std * (g - g.mean(0) - x_hat * (g * x_hat).sum(0) / (len(x) - 1))
    return grad_x, (grad_y * x_hat).sum(0), grad_y.sum(0)


@mistake(
    "batchnorm_backward",
    source="121 public solution sets of one course: the epsilon outside of the root",
    hints=(
        "It shows for features that hardly vary, and where eps is large.",
        "It is the standard deviation that you compute again.",
        "Is epsilon added to a variance or to a standard deviation?",
    ),
)
def eps_outside(grad_y, x, gamma, *, eps=1e-5):
    inv_std = 1 / (x.std(0, correction=0) + eps)
    x_hat = (x - x.mean(0)) * inv_std
    grad_x = _backward(grad_y * gamma, x_hat, inv_std, 0)
    return grad_x, (grad_y * x_hat).sum(0), grad_y.sum(0)


@mistake(
    "batchnorm_backward",
    source="121 public solution sets of one course: the epsilon dropped",
    hints=(
        "It shows for features that hardly vary, and is no number for those that never do.",
        "It is the standard deviation that you compute again.",
        "What comes out for a feature that never changes?",
    ),
)
def without_eps(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, 0, 0.0)
    grad_x = _backward(grad_y * gamma, x_hat, inv_std, 0)
    return grad_x, (grad_y * x_hat).sum(0), grad_y.sum(0)


@mistake(
    "batchnorm_backward",
    source="121 public solution sets of one course: the forward pass has an epsilon, this has none",
    hints=(
        "It shows for features that hardly vary; grad_gamma is right even there.",
        "It is the factor in front of grad_x.",
        "Is it the same denominator as that of the normalised values?",
    ),
)
def eps_in_one_place_only(grad_y, x, gamma, *, eps=1e-5):
    x_hat, _ = _normalised(x, 0, eps)
    inv_std = x.var(0, correction=0) ** -0.5
    grad_x = _backward(grad_y * gamma, x_hat, inv_std, 0)
    return grad_x, (grad_y * x_hat).sum(0), grad_y.sum(0)


@mistake(
    "batchnorm_backward",
    source="constructed: the default value written into the formula",
    hints=(
        "With the default eps all is well.",
        "It is the standard deviation that you compute again.",
        "Where in your function does the argument for it appear?",
    ),
)
def eps_of_the_default(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, 0, 1e-5)
    grad_x = _backward(grad_y * gamma, x_hat, inv_std, 0)
    return grad_x, (grad_y * x_hat).sum(0), grad_y.sum(0)


@mistake(
    "batchnorm_backward",
    source="constructed: the input in the place of the normalised values",
    hints=(
        "Shift all inputs by 1: grad_gamma must not move.",
        "The other two gradients are right.",
        "Which quantity does gamma multiply?",
    ),
)
def grad_gamma_with_the_input(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, 0, eps)
    grad_x = _backward(grad_y * gamma, x_hat, inv_std, 0)
    return grad_x, (grad_y * x).sum(0), grad_y.sum(0)


@mistake(
    "batchnorm_backward",
    source="constructed: gamma counted in its own gradient",
    hints=(
        "Scale gamma by 10: its own gradient must not move.",
        "The other two gradients are right.",
        "What is the derivative of a product with respect to its first factor?",
    ),
)
def grad_gamma_holds_gamma(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, 0, eps)
    g = grad_y * gamma
    return _backward(g, x_hat, inv_std, 0), (g * x_hat).sum(0), grad_y.sum(0)


@mistake(
    "batchnorm_backward",
    source="rasbt/stat453-deep-learning-ss21 issue 5, of a bias: a mean where the batch adds up",
    hints=(
        "Both gradients of the parameters shrink as the batch grows.",
        "grad_x is right.",
        "How many examples share one gamma, and what happens to their wishes?",
    ),
)
def means_for_the_parameters(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, 0, eps)
    grad_x = _backward(grad_y * gamma, x_hat, inv_std, 0)
    return grad_x, (grad_y * x_hat).mean(0), grad_y.mean(0)


@mistake(
    "batchnorm_backward",
    source="constructed: the order of the results",
    hints=(
        "All three are right, two of them stand in each other's place.",
        "It is what is returned.",
        "In which order do gamma and beta come?",
    ),
)
def beta_before_gamma(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, 0, eps)
    grad_x = _backward(grad_y * gamma, x_hat, inv_std, 0)
    return grad_x, grad_y.sum(0), (grad_y * x_hat).sum(0)


@mistake(
    "batchnorm_backward",
    source="constructed: the scale forgotten on the way back",
    hints=(
        "Scale gamma by 10: grad_x must grow by 10, yours stays.",
        "It is invisible as long as every entry of gamma is 1.",
        "Follow the arrow from y back to the normalised values. What does it multiply by?",
    ),
)
def no_gamma(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, 0, eps)
    return _backward(grad_y, x_hat, inv_std, 0), (grad_y * x_hat).sum(0), grad_y.sum(0)


@mistake(
    "batchnorm_backward",
    source="121 public solution sets of one course: gradients with a row axis",
    hints=(
        "The values are right, the shapes of two gradients are not.",
        "It is the sums that keep an axis.",
        "What shape has gamma, and what shape its gradient?",
    ),
)
def gradients_with_a_row_axis(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, 0, eps)
    grad_x = _backward(grad_y * gamma, x_hat, inv_std, 0)
    return grad_x, (grad_y * x_hat).sum(0, keepdim=True), grad_y.sum(0, keepdim=True)


# --- batchnorm2d_forward ----------------------------------------------------------------------


def _statistics(x):
    return x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0), x[:, 0].numel()


def _scaled(x, mean, var, gamma, beta, eps):
    scale = gamma / torch.sqrt(var + eps)
    return (x - mean[:, None, None]) * scale[:, None, None] + beta[:, None, None]


def _remembered(x, running_mean, running_var, momentum):
    mean, var, n = _statistics(x)
    running_mean = _moved(running_mean, mean, momentum)
    return running_mean, _moved(running_var, var * n / max(n - 1, 1), momentum)


def _over_axes(x, gamma, beta, running_mean, running_var, axes, *, training, momentum, eps):
    """Right in evaluation and in what is remembered; in training, the output uses other axes."""
    _refuse_one(x[:, 0].numel(), training=training)
    if not training:
        y = _scaled(x, running_mean, running_var, gamma, beta, eps)
        return y, running_mean, running_var
    y = gamma[:, None, None] * _normalised(x, axes, eps)[0] + beta[:, None, None]
    return y, *_remembered(x, running_mean, running_var, momentum)


@mistake(
    "batchnorm2d_forward",
    source="121 public solution sets of one course: statistics of each pixel",
    hints=(
        "Two pixels of one channel are treated differently.",
        "It is the output in training, in images of more than one pixel.",
        "How many means does a channel have?",
    ),
)
def statistics_of_each_pixel(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    options = {"training": training, "momentum": momentum, "eps": eps}
    return _over_axes(x, gamma, beta, running_mean, running_var, (0,), **options)


@mistake(
    "batchnorm2d_forward",
    source="constructed: statistics of each image, which is instance normalisation",
    hints=(
        "A bright and a dark image look alike afterwards.",
        "It is the output in training, with two images or more.",
        "Over which axes of the batch does a mean run?",
    ),
)
def statistics_of_each_image(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    options = {"training": training, "momentum": momentum, "eps": eps}
    return _over_axes(x, gamma, beta, running_mean, running_var, (2, 3), **options)


@mistake(
    "batchnorm2d_forward",
    source="constructed: one mean for all channels",
    hints=(
        "Change one channel: the others must not notice.",
        "It is the output in training, with two channels or more.",
        "How many means does the layer compute?",
    ),
)
def channels_share_a_mean(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    axes = (0, 1, 2, 3)
    options = {"training": training, "momentum": momentum, "eps": eps}
    return _over_axes(x, gamma, beta, running_mean, running_var, axes, **options)


@mistake(
    "batchnorm2d_forward",
    source="constructed: one of the two axes of an image forgotten",
    hints=(
        "Two columns of one channel are treated differently.",
        "It is the output in training, in images of more than one column.",
        "Over which axes of the batch does a mean run?",
    ),
)
def statistics_of_each_column(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    options = {"training": training, "momentum": momentum, "eps": eps}
    return _over_axes(x, gamma, beta, running_mean, running_var, (0, 2), **options)


@mistake(
    "batchnorm2d_forward",
    source="121 public solution sets of one course: reshaped without moving the channels",
    hints=(
        "Pixels of different channels share a mean.",
        "It is the output and what is remembered, in images of more than one pixel.",
        "A reshape never reorders memory. Did you need a reorder?",
    ),
)
def reshapes_without_moving(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    _refuse_one(x[:, 0].numel(), training=training)
    rows = x.reshape(-1, x.shape[1])
    mean, var = running_mean, running_var
    if training:
        mean, var = rows.mean(0), rows.var(0, correction=0)
        running_mean = _moved(running_mean, mean, momentum)
        running_var = _moved(running_var, _unbiased(rows), momentum)
    y = gamma * (rows - mean) / torch.sqrt(var + eps) + beta
    return y.reshape(x.shape), running_mean, running_var


@mistake(
    "batchnorm2d_forward",
    source="callummcdougall/ARENA_3.0 issue 415, ml-explore/mlx issue 3817",
    hints=(
        "What you remember of the variance is too small, above all for few pixels.",
        "The output is right, and so is the running mean.",
        "One estimate describes this batch, the other the population. Which one is remembered?",
    ),
)
def remembers_the_biased_variance_of_images(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    mean, var, n = running_mean, running_var, x[:, 0].numel()
    _refuse_one(n, training=training)
    if training:
        mean, var, _ = _statistics(x)
        running_mean = _moved(running_mean, mean, momentum)
        running_var = _moved(running_var, var, momentum)
    return _scaled(x, mean, var, gamma, beta, eps), running_mean, running_var


@mistake(
    "batchnorm2d_forward",
    source="constructed: the number of images in the place of the number of values",
    hints=(
        "What you remember of the variance is too large.",
        "The output is right, and so is the running mean.",
        "How many values of a channel does the batch hold?",
    ),
)
def counts_images_not_pixels(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    mean, var, n = running_mean, running_var, x[:, 0].numel()
    _refuse_one(n, training=training)
    if training:
        mean, var, _ = _statistics(x)
        running_mean = _moved(running_mean, mean, momentum)
        running_var = _moved(running_var, var * len(x) / max(len(x) - 1, 1), momentum)
    return _scaled(x, mean, var, gamma, beta, eps), running_mean, running_var


@mistake(
    "batchnorm2d_forward",
    source="pytorch/pytorch issue 60528: the default of torch.var",
    hints=(
        "Your normalised values are a little too small, above all for few pixels.",
        "It is the output in training; what is remembered is right.",
        "Which of the two estimators does the formula of the output define?",
    ),
)
def normalises_images_unbiased(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    mean, var = running_mean, running_var
    _refuse_one(x[:, 0].numel(), training=training)
    if training:
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3))
        running_mean, running_var = _remembered(x, running_mean, running_var, momentum)
    return _scaled(x, mean, var, gamma, beta, eps), running_mean, running_var


@mistake(
    "batchnorm2d_forward",
    source="another convention: courses in which momentum is the weight of the past",
    hints=(
        "After one batch you have forgotten almost all that came before.",
        "It is what is remembered, both statistics.",
        "With a momentum of 0.1, how much does one batch weigh?",
    ),
)
def momentum_for_the_past_of_images(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    mean, var = running_mean, running_var
    _refuse_one(x[:, 0].numel(), training=training)
    if training:
        mean, var, _ = _statistics(x)
        running_mean, running_var = _remembered(x, running_mean, running_var, 1 - momentum)
    return _scaled(x, mean, var, gamma, beta, eps), running_mean, running_var


@mistake(
    "batchnorm2d_forward",
    source="121 public solution sets of one course: the epsilon outside of the root",
    hints=(
        "It shows for channels that hardly vary, and where eps is large.",
        "It is the denominator of the output.",
        "Is epsilon added to a variance or to a standard deviation?",
    ),
)
def eps_outside_for_images(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    mean, var = running_mean, running_var
    _refuse_one(x[:, 0].numel(), training=training)
    if training:
        mean, var, _ = _statistics(x)
        running_mean, running_var = _remembered(x, running_mean, running_var, momentum)
    scale = gamma / (torch.sqrt(var) + eps)
    y = (x - mean[:, None, None]) * scale[:, None, None] + beta[:, None, None]
    return y, running_mean, running_var


@mistake(
    "batchnorm2d_forward",
    source="constructed: evaluation normalises with the batch",
    hints=(
        "In evaluation the result for one image depends on the others.",
        "Training is right.",
        "What should a single test image see?",
    ),
)
def evaluation_with_the_batch_of_images(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    _refuse_one(x[:, 0].numel(), training=training)
    mean, var, _ = _statistics(x)
    if training:
        running_mean, running_var = _remembered(x, running_mean, running_var, momentum)
    return _scaled(x, mean, var, gamma, beta, eps), running_mean, running_var


@mistake(
    "batchnorm2d_forward",
    source="class notes, 4.5.3: statistics in tensor form, handed out as they are",
    hints=(
        "The values are right, the shape of what is remembered is not.",
        "It is both running statistics in training.",
        "What shape has what came in?",
    ),
)
def keeps_four_axes(x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5):
    mean, var = running_mean, running_var
    _refuse_one(x[:, 0].numel(), training=training)
    if training:
        mean, var, _ = _statistics(x)
        running_mean, running_var = _remembered(x, running_mean, running_var, momentum)
        running_mean = running_mean.reshape(1, -1, 1, 1)
        running_var = running_var.reshape(1, -1, 1, 1)
    return _scaled(x, mean, var, gamma, beta, eps), running_mean, running_var


@mistake(
    "batchnorm2d_forward",
    source="constructed: scale and shift meet the last axis",
    hints=(
        "Scale and shift differ between the columns of an image, not between its channels.",
        "It fails unless there are as many columns as channels, and is silently wrong then.",
        "With which axis does a vector of one axis line up?",
    ),
)
def scales_the_columns(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    mean, var = running_mean, running_var
    _refuse_one(x[:, 0].numel(), training=training)
    if training:
        mean, var, _ = _statistics(x)
        running_mean, running_var = _remembered(x, running_mean, running_var, momentum)
    x_hat = _scaled(x, mean, var, torch.ones_like(var), torch.zeros_like(var), eps)
    return gamma * x_hat + beta, running_mean, running_var


@mistake(
    "batchnorm2d_forward",
    source="constructed: the exception is forgotten",
    hints=(
        "Where there is no variance, you give one.",
        "Only with a single value in a channel, in training.",
        "What is the variance of one number?",
    ),
)
def accepts_one_value(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    mean, var = running_mean, running_var
    if training:
        mean, var, _ = _statistics(x)
        running_mean, running_var = _remembered(x, running_mean, running_var, momentum)
    return _scaled(x, mean, var, gamma, beta, eps), running_mean, running_var


@mistake(
    "batchnorm2d_forward",
    source="constructed: the rule for rows, copied to images",
    hints=(
        "You refuse a batch that there is nothing wrong with.",
        "It is a single image in training, one with several pixels.",
        "How many values share a mean when there is one image of ten pixels?",
    ),
)
def refuses_one_image(
    x, gamma, beta, running_mean, running_var, *, training, momentum=0.1, eps=1e-5
):
    _refuse_one(len(x), training=training)
    mean, var = running_mean, running_var
    if training:
        mean, var, _ = _statistics(x)
        running_mean, running_var = _remembered(x, running_mean, running_var, momentum)
    return _scaled(x, mean, var, gamma, beta, eps), running_mean, running_var


# --- batchnorm2d_backward ---------------------------------------------------------------------

_PIXELS = (0, 2, 3)  # the axes that share a mean in a batch of images


def _parameters_of_images(grad_y, x_hat):
    return (grad_y * x_hat).sum(_PIXELS), grad_y.sum(_PIXELS)


@mistake(
    "batchnorm2d_backward",
    source="121 public solution sets of one course: statistics of each pixel",
    hints=(
        "Two pixels of one channel are treated differently.",
        "It is grad_x and grad_gamma, in images of more than one pixel.",
        "How many means does a channel have?",
    ),
)
def pixels_by_themselves(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, 0, eps)
    grad_x = _backward(grad_y * gamma[:, None, None], x_hat, inv_std, 0)
    return grad_x, *_parameters_of_images(grad_y, x_hat)


@mistake(
    "batchnorm2d_backward",
    source="constructed: statistics of each image, which is instance normalisation",
    hints=(
        "The images of a batch do not influence each other.",
        "It is grad_x and grad_gamma, with two images or more.",
        "Over which axes of the batch does a mean run?",
    ),
)
def images_by_themselves(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, (2, 3), eps)
    grad_x = _backward(grad_y * gamma[:, None, None], x_hat, inv_std, (2, 3))
    return grad_x, *_parameters_of_images(grad_y, x_hat)


@mistake(
    "batchnorm2d_backward",
    source="constructed: exercise 2, copied with its axis",
    hints=(
        "The gradient of one channel does not sum to 0 as that of each pixel does.",
        "It is grad_x; the normalised values are right.",
        "What shares a mean now?",
    ),
)
def means_over_images_only(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, _PIXELS, eps)
    grad_x = _backward(grad_y * gamma[:, None, None], x_hat, inv_std, 0)
    return grad_x, *_parameters_of_images(grad_y, x_hat)


@mistake(
    "batchnorm2d_backward",
    source="constructed: the number of images in the place of the number of values",
    hints=(
        "The gradient of one channel does not sum to 0, and the error grows with the images' size.",
        "It is grad_x.",
        "How many values share one mean?",
    ),
)
def divides_by_the_images(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, _PIXELS, eps)
    g, n = grad_y * gamma[:, None, None], len(x)
    along = (g * x_hat).sum(_PIXELS, keepdim=True) / n
    grad_x = inv_std * (g - g.sum(_PIXELS, keepdim=True) / n - x_hat * along)
    return grad_x, *_parameters_of_images(grad_y, x_hat)


@mistake(
    "batchnorm2d_backward",
    source="121 public solution sets of one course: reshaped without moving the channels",
    hints=(
        "Pixels of different channels share a mean.",
        "It is all three gradients, in images of more than one pixel.",
        "A reshape never reorders memory. Did you need a reorder?",
    ),
)
def reshapes_the_gradient_without_moving(grad_y, x, gamma, *, eps=1e-5):
    rows, above = x.reshape(-1, x.shape[1]), grad_y.reshape(-1, x.shape[1])
    x_hat, inv_std = _normalised(rows, 0, eps)
    grad_x = _backward(above * gamma, x_hat, inv_std, 0)
    return grad_x.reshape(x.shape), (above * x_hat).sum(0), above.sum(0)


@mistake(
    "batchnorm2d_backward",
    source="121 public solution sets of one course: the road through the mean dropped",
    hints=(
        "Shift a whole channel: the loss stays, your gradient says it moves.",
        "It is grad_x; one of its roads is missing.",
        "Count the arrows that leave x in the graph. Which one did you not walk back?",
    ),
)
def constant_mean_of_images(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, _PIXELS, eps)
    g = grad_y * gamma[:, None, None]
    grad_x = inv_std * (g - x_hat * (g * x_hat).mean(_PIXELS, keepdim=True))
    return grad_x, *_parameters_of_images(grad_y, x_hat)


@mistake(
    "batchnorm2d_backward",
    source="121 public solution sets of one course: the road through the variance dropped",
    hints=(
        "Stretch a channel about its mean: the loss hardly moves, your gradient says it does.",
        "It is grad_x; one of its roads is missing.",
        "Count the arrows that leave x in the graph. Which one did you not walk back?",
    ),
)
def constant_variance_of_images(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, _PIXELS, eps)
    g = grad_y * gamma[:, None, None]
    grad_x = inv_std * (g - g.mean(_PIXELS, keepdim=True))
    return grad_x, *_parameters_of_images(grad_y, x_hat)


@mistake(
    "batchnorm2d_backward",
    source="constructed: the scale forgotten on the way back",
    hints=(
        "Scale gamma by 10: grad_x must grow by 10, yours stays.",
        "It is invisible as long as every entry of gamma is 1.",
        "Follow the arrow from y back to the normalised values. What does it multiply by?",
    ),
)
def no_gamma_for_images(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, _PIXELS, eps)
    return _backward(grad_y, x_hat, inv_std, _PIXELS), *_parameters_of_images(grad_y, x_hat)


@mistake(
    "batchnorm2d_backward",
    source="constructed: each pixel gets a scale and a shift of its own",
    hints=(
        "Two gradients have the shape of an image.",
        "grad_x is right.",
        "Which axes share one gamma?",
    ),
)
def parameters_for_each_pixel(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, _PIXELS, eps)
    grad_x = _backward(grad_y * gamma[:, None, None], x_hat, inv_std, _PIXELS)
    return grad_x, (grad_y * x_hat).sum(0), grad_y.sum(0)


@mistake(
    "batchnorm2d_backward",
    source="rasbt/stat453-deep-learning-ss21 issue 5, of a bias: a mean where pixels add up",
    hints=(
        "Both gradients of the parameters shrink as the images grow.",
        "grad_x is right.",
        "How many pixels share one gamma, and what happens to their wishes?",
    ),
)
def pixels_are_averaged(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, _PIXELS, eps)
    grad_x = _backward(grad_y * gamma[:, None, None], x_hat, inv_std, _PIXELS)
    return grad_x, (grad_y * x_hat).mean((2, 3)).sum(0), grad_y.mean((2, 3)).sum(0)


@mistake(
    "batchnorm2d_backward",
    source="121 public solution sets of one course: the epsilon outside of the root",
    hints=(
        "It shows for channels that hardly vary, and where eps is large.",
        "It is the standard deviation that you compute again.",
        "Is epsilon added to a variance or to a standard deviation?",
    ),
)
def eps_outside_in_the_gradient_of_images(grad_y, x, gamma, *, eps=1e-5):
    inv_std = 1 / (x.std(_PIXELS, correction=0, keepdim=True) + eps)
    x_hat = (x - x.mean(_PIXELS, keepdim=True)) * inv_std
    grad_x = _backward(grad_y * gamma[:, None, None], x_hat, inv_std, _PIXELS)
    return grad_x, *_parameters_of_images(grad_y, x_hat)


@mistake(
    "batchnorm2d_backward",
    source="class notes, 4.5.3: parameters in tensor form",
    hints=(
        "The values are right, the shapes of two gradients are not.",
        "It is the sums that keep their axes.",
        "What shape has gamma, and what shape its gradient?",
    ),
)
def gradients_with_four_axes(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, _PIXELS, eps)
    grad_x = _backward(grad_y * gamma[:, None, None], x_hat, inv_std, _PIXELS)
    grad_gamma, grad_beta = _parameters_of_images(grad_y, x_hat)
    return grad_x, grad_gamma.reshape(1, -1, 1, 1), grad_beta.reshape(1, -1, 1, 1)


# --- fuse_linear_batchnorm --------------------------------------------------------------------


def _scale(gamma, running_var, eps):
    return gamma / torch.sqrt(running_var + eps)


def _or_zeros(b, beta):
    return torch.zeros_like(beta) if b is None else b


@mistake(
    "fuse_linear_batchnorm",
    source="constructed: the running mean with the wrong sign",
    hints=(
        "An input that the layer maps to the running mean must come out as beta.",
        "It is the bias.",
        "Is the mean added or taken away?",
    ),
)
def adds_the_mean(W, b, gamma, beta, running_mean, running_var, *, eps=1e-5):
    scale = _scale(gamma, running_var, eps)
    return scale[:, None] * W, scale * (_or_zeros(b, beta) + running_mean) + beta


@mistake(
    "fuse_linear_batchnorm",
    source="constructed: the columns of the weight are scaled",
    hints=(
        "Each input has a factor of its own, the outputs have none.",
        "It fails unless the weight is square, and is silently wrong then.",
        "Which axis of the weight counts what is normalised?",
    ),
)
def scales_the_inputs(W, b, gamma, beta, running_mean, running_var, *, eps=1e-5):
    scale = _scale(gamma, running_var, eps)
    return scale * W, scale * (_or_zeros(b, beta) - running_mean) + beta


@mistake(
    "fuse_linear_batchnorm",
    source="class notes, 4.5.2: the operation at test time, as printed",
    hints=(
        "Slightly too large, and infinite for a feature that never varied.",
        "It shows where the running variance is small against eps.",
        "What keeps the denominator away from 0?",
    ),
)
def fuses_without_eps(W, b, gamma, beta, running_mean, running_var, *, eps=1e-5):
    scale = _scale(gamma, running_var, 0.0)
    return scale[:, None] * W, scale * (_or_zeros(b, beta) - running_mean) + beta


@mistake(
    "fuse_linear_batchnorm",
    source="class notes, 4.5.2: the variance is called standard deviation",
    hints=(
        "Scale the running variance by 100: the weight must shrink by 10, yours does by 100.",
        "It is both weight and bias.",
        "Is running_var a spread or its square?",
    ),
)
def divides_by_the_variance(W, b, gamma, beta, running_mean, running_var, *, eps=1e-5):
    scale = gamma / (running_var + eps)
    return scale[:, None] * W, scale * (_or_zeros(b, beta) - running_mean) + beta


@mistake(
    "fuse_linear_batchnorm",
    source="constructed: the bias of the layer passes unscaled",
    hints=(
        "The bias of the linear layer reaches the output at its full size.",
        "It is the bias; without one all is well.",
        "What does the normalisation do to everything that the layer puts out?",
    ),
)
def bias_not_scaled(W, b, gamma, beta, running_mean, running_var, *, eps=1e-5):
    scale = _scale(gamma, running_var, eps)
    return scale[:, None] * W, _or_zeros(b, beta) - scale * running_mean + beta


@mistake(
    "fuse_linear_batchnorm",
    source="constructed: the shift is scaled too",
    hints=(
        "The shift of the normalisation does not reach the output at its full size.",
        "It is the bias.",
        "Which comes first in the normalisation, scale or shift?",
    ),
)
def shift_scaled(W, b, gamma, beta, running_mean, running_var, *, eps=1e-5):
    scale = _scale(gamma, running_var, eps)
    return scale[:, None] * W, scale * (_or_zeros(b, beta) - running_mean + beta)


@mistake(
    "fuse_linear_batchnorm",
    source="constructed: the bias of the layer is left out",
    hints=(
        "Change the bias of the linear layer: your result does not notice.",
        "It is the bias; without one all is well.",
        "Which two things does a linear layer put out?",
    ),
)
def bias_forgotten(W, b, gamma, beta, running_mean, running_var, *, eps=1e-5):
    scale = _scale(gamma, running_var, eps)
    return scale[:, None] * W, beta - scale * running_mean


@mistake(
    "fuse_linear_batchnorm",
    source="constructed: a layer without bias keeps the shift alone",
    hints=(
        "With a bias all is well, without one the running mean has no effect.",
        "It is the bias that comes out when none goes in.",
        "Which bias does a layer without bias have?",
    ),
)
def mean_forgotten_without_bias(W, b, gamma, beta, running_mean, running_var, *, eps=1e-5):
    scale = _scale(gamma, running_var, eps)
    if b is None:
        return scale[:, None] * W, beta.clone()
    return scale[:, None] * W, scale * (b - running_mean) + beta


@mistake(
    "fuse_linear_batchnorm",
    source="constructed: a layer without bias stays one",
    hints=(
        "With a bias all is well, without one something is missing.",
        "It is the bias that comes out when none goes in.",
        "Does the normalisation map 0 to 0?",
    ),
)
def no_bias_stays_none(W, b, gamma, beta, running_mean, running_var, *, eps=1e-5):
    scale = _scale(gamma, running_var, eps)
    return scale[:, None] * W, None if b is None else scale * (b - running_mean) + beta


# --- fuse_conv_batchnorm ----------------------------------------------------------------------


@mistake(
    "fuse_conv_batchnorm",
    source="nntrainer/nntrainer issue 705, of a convolution: the channels exchanged",
    hints=(
        "Each input channel has a factor of its own, the output channels have none.",
        "It fails unless there are as many of one as of the other, and is silently wrong then.",
        "Which axis of the filters counts what is normalised?",
    ),
)
def scales_the_input_channels(weight, b, gamma, beta, running_mean, running_var, *, eps=1e-5):
    scale = _scale(gamma, running_var, eps)
    return scale[:, None, None] * weight, scale * (_or_zeros(b, beta) - running_mean) + beta


@mistake(
    "fuse_conv_batchnorm",
    source="constructed: the factor meets the last axis",
    hints=(
        "Each column of a filter has a factor of its own.",
        "It fails unless a filter has as many columns as there are filters.",
        "With which axis does a vector of one axis line up?",
    ),
)
def scales_the_columns_of_filters(weight, b, gamma, beta, running_mean, running_var, *, eps=1e-5):
    scale = _scale(gamma, running_var, eps)
    return scale * weight, scale * (_or_zeros(b, beta) - running_mean) + beta


@mistake(
    "fuse_conv_batchnorm",
    source="class notes, 4.5.2: the operation at test time, as printed",
    hints=(
        "Slightly too large.",
        "It shows where the running variance is small against eps.",
        "What keeps the denominator away from 0?",
    ),
)
def fuses_filters_without_eps(weight, b, gamma, beta, running_mean, running_var, *, eps=1e-5):
    scale = _scale(gamma, running_var, 0.0)
    fused = scale[:, None, None, None] * weight
    return fused, scale * (_or_zeros(b, beta) - running_mean) + beta


@mistake(
    "fuse_conv_batchnorm",
    source="constructed: the bias counted once for each pixel of the filter",
    hints=(
        "The bias grows with the size of the filters.",
        "It is what becomes of the running mean.",
        "How often is the mean of an output taken away?",
    ),
)
def mean_for_each_pixel(weight, b, gamma, beta, running_mean, running_var, *, eps=1e-5):
    scale = _scale(gamma, running_var, eps)
    shift = _or_zeros(b, beta) - running_mean * weight[0].numel()
    return scale[:, None, None, None] * weight, scale * shift + beta


@mistake(
    "fuse_conv_batchnorm",
    source="constructed: the filters are left as they are",
    hints=(
        "Change gamma: your filters do not notice.",
        "It is the filters; the bias is right.",
        "What does the normalisation do to everything that the layer puts out?",
    ),
)
def filters_not_scaled(weight, b, gamma, beta, running_mean, running_var, *, eps=1e-5):
    scale = _scale(gamma, running_var, eps)
    return weight.clone(), scale * (_or_zeros(b, beta) - running_mean) + beta


@mistake(
    "fuse_conv_batchnorm",
    source="constructed: a convolution without bias keeps the shift alone",
    hints=(
        "With a bias all is well, without one the running mean has no effect.",
        "It is the bias that comes out when none goes in.",
        "Which bias does a convolution without bias have?",
    ),
)
def mean_forgotten_without_a_bias(weight, b, gamma, beta, running_mean, running_var, *, eps=1e-5):
    scale = _scale(gamma, running_var, eps)
    fused = scale[:, None, None, None] * weight
    if b is None:
        return fused, beta.clone()
    return fused, scale * (b - running_mean) + beta


# --- layernorm_forward ------------------------------------------------------------------------


@mistake(
    "layernorm_forward",
    source="constructed: the statistics of the batch",
    hints=(
        "The result for one example depends on the others.",
        "It is mean and variance, with two examples or more.",
        "Which numbers share one mean, those of a feature or those of an example?",
    ),
)
def statistics_of_the_batch(x, gamma, beta, *, eps=1e-5):
    return gamma * _normalised(x, 0, eps)[0] + beta


@mistake(
    "layernorm_forward",
    source="harvardnlp/annotated-transformer issue 119: the default of torch.std",
    hints=(
        "Your normalised values are a little too small, above all for few features.",
        "It is the denominator; for a single feature it is no number.",
        "Which of the two estimators does the formula define?",
    ),
)
def unbiased_over_features(x, gamma, beta, *, eps=1e-5):
    D = x.shape[-1]
    centred = x - x.mean(-1, keepdim=True)
    var = centred.square().sum(-1, keepdim=True) / (D - 1) if D > 1 else math.nan * centred
    return gamma * centred / torch.sqrt(var + eps) + beta


@mistake(
    "layernorm_forward",
    source="codertimo/BERT-pytorch issue 30: the epsilon added to the deviation",
    hints=(
        "It shows for examples that hardly vary, and where eps is large.",
        "It is the denominator.",
        "Is epsilon added to a variance or to a standard deviation?",
    ),
)
def eps_beside_the_deviation(x, gamma, beta, *, eps=1e-5):
    std = x.std(-1, correction=0, keepdim=True)
    return gamma * (x - x.mean(-1, keepdim=True)) / (std + eps) + beta


@mistake(
    "layernorm_forward",
    source="constructed, as seen in batch normalisation: the epsilon dropped",
    hints=(
        "It shows for examples that hardly vary, and is no number for equal features.",
        "It is the denominator.",
        "What comes out if all features of an example are equal?",
    ),
)
def layernorm_without_eps(x, gamma, beta, *, eps=1e-5):
    return gamma * _normalised(x, -1, 0.0)[0] + beta


@mistake(
    "layernorm_forward",
    source="constructed: eps as a threshold",
    hints=(
        "Examples that hardly vary come out as if their features were equal.",
        "It shows where the variance is below eps, but not 0.",
        "Does the formula treat a small variance in another way than a large one?",
    ),
)
def small_variance_counts_as_none(x, gamma, beta, *, eps=1e-5):
    var = x.var(-1, correction=0, keepdim=True)
    return gamma * torch.where(var < eps, 0.0, _normalised(x, -1, eps)[0]) + beta


@mistake(
    "layernorm_forward",
    source="constructed: one mean for the whole input",
    hints=(
        "The result for one example depends on the others.",
        "It is mean and variance, with two examples or more.",
        "How many means does the layer compute?",
    ),
)
def one_mean_for_the_input(x, gamma, beta, *, eps=1e-5):
    return gamma * _normalised(x, tuple(range(x.dim())), eps)[0] + beta


@mistake(
    "layernorm_forward",
    source="constructed: normalised over all axes but the first",
    hints=(
        "With two axes all is well, with three the words of a sentence share a mean.",
        "It is mean and variance.",
        "Over how many axes does a mean run, whatever shape comes in?",
    ),
)
def all_axes_but_the_first(x, gamma, beta, *, eps=1e-5):
    return gamma * _normalised(x, tuple(range(1, x.dim())) or (0,), eps)[0] + beta


@mistake(
    "layernorm_forward",
    source="constructed: the default value written into the formula",
    hints=(
        "With the default eps all is well.",
        "It is the denominator.",
        "Where in your function does the argument for it appear?",
    ),
)
def layernorm_with_the_default_eps(x, gamma, beta, *, eps=1e-5):
    return gamma * _normalised(x, -1, 1e-5)[0] + beta


@mistake(
    "layernorm_forward",
    source="constructed: the root mean square in the place of the deviation",
    hints=(
        "Shift an example by 1: the output must not move.",
        "It is the denominator.",
        "From where are the squares measured that make up a variance?",
    ),
)
def deviation_from_zero(x, gamma, beta, *, eps=1e-5):
    size = torch.sqrt(x.square().mean(-1, keepdim=True) + eps)
    return gamma * (x - x.mean(-1, keepdim=True)) / size + beta


@mistake(
    "layernorm_forward",
    source="constructed: the shift inside of the scale",
    hints=(
        "With equal features the output must be beta, yours is not.",
        "It shows unless every entry of gamma is 1.",
        "Which comes first, scale or shift?",
    ),
)
def layernorm_shifts_first(x, gamma, beta, *, eps=1e-5):
    return gamma * (_normalised(x, -1, eps)[0] + beta)


@mistake(
    "layernorm_forward",
    source="constructed, as seen in batch normalisation: a variance as a difference",
    hints=(
        "The formula is right on paper; far from 0 its digits are gone.",
        "It is the variance.",
        "What is left when two large numbers that are almost equal are subtracted?",
    ),
)
def layernorm_variance_as_a_difference(x, gamma, beta, *, eps=1e-5):
    mean = x.mean(-1, keepdim=True)
    var = ((x * x).mean(-1, keepdim=True) - mean * mean).clamp(min=0)
    return gamma * (x - mean) / torch.sqrt(var + eps) + beta


@mistake(
    "layernorm_forward",
    source="constructed: two axes are taken for granted, as in batch normalisation",
    hints=(
        "Some inputs give an error instead of a result.",
        "It is those that do not have exactly two axes.",
        "Which axes do you need to know by name, if the last one is all that counts?",
    ),
)
def rows_only(x, gamma, beta, *, eps=1e-5):
    n, _ = x.shape
    var, mean = torch.var_mean(x, 1, correction=0)
    return gamma * (x - mean.reshape(n, 1)) / torch.sqrt(var.reshape(n, 1) + eps) + beta


# --- layernorm_backward -----------------------------------------------------------------------


def _parameters_of_layernorm(grad_y, x_hat):
    D = grad_y.shape[-1]
    return (grad_y * x_hat).reshape(-1, D).sum(0), grad_y.reshape(-1, D).sum(0)


@mistake(
    "layernorm_backward",
    source="121 public solution sets of one course: copied from batch normalisation",
    hints=(
        "The gradient of one example does not sum to 0.",
        "It is the means of grad_x; the normalised values are right.",
        "Which numbers share one mean now?",
    ),
)
def means_over_the_batch(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, -1, eps)
    grad_x = _backward(grad_y * gamma, x_hat, inv_std, 0)
    return grad_x, *_parameters_of_layernorm(grad_y, x_hat)


@mistake(
    "layernorm_backward",
    source="constructed: the short formula of batch normalisation with another axis",
    hints=(
        "With equal entries of gamma all is well.",
        "It is grad_x.",
        "In the sum over the features of an example, do all terms have the same gamma?",
    ),
)
def gamma_in_front(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, -1, eps)
    grad_x = gamma * _backward(grad_y, x_hat, inv_std, -1)
    return grad_x, *_parameters_of_layernorm(grad_y, x_hat)


@mistake(
    "layernorm_backward",
    source="constructed: mean and variance taken as constants",
    hints=(
        "Shift an example: the loss stays, your gradient says it moves.",
        "It is grad_x; two of its roads are missing.",
        "Nudge one feature alone. Which other normalised values move?",
    ),
)
def constant_statistics_of_layernorm(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, -1, eps)
    return grad_y * gamma * inv_std, *_parameters_of_layernorm(grad_y, x_hat)


@mistake(
    "layernorm_backward",
    source="constructed: the road through the mean dropped",
    hints=(
        "Shift an example: the loss stays, your gradient says it moves.",
        "It is grad_x; one of its roads is missing.",
        "Count the arrows that leave x in the graph. Which one did you not walk back?",
    ),
)
def constant_mean_of_layernorm(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, -1, eps)
    g = grad_y * gamma
    grad_x = inv_std * (g - x_hat * (g * x_hat).mean(-1, keepdim=True))
    return grad_x, *_parameters_of_layernorm(grad_y, x_hat)


@mistake(
    "layernorm_backward",
    source="constructed: the road through the variance dropped",
    hints=(
        "Stretch an example about its mean: the loss hardly moves, your gradient says it does.",
        "It is grad_x; one of its roads is missing.",
        "Count the arrows that leave x in the graph. Which one did you not walk back?",
    ),
)
def constant_variance_of_layernorm(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, -1, eps)
    g = grad_y * gamma
    grad_x = inv_std * (g - g.mean(-1, keepdim=True))
    return grad_x, *_parameters_of_layernorm(grad_y, x_hat)


@mistake(
    "layernorm_backward",
    source="constructed: sums where the formula has means",
    hints=(
        "The gradient of one example does not sum to 0, and the error grows with its size.",
        "It is grad_x.",
        "Each feature owns only a part of the mean. How large is it?",
    ),
)
def sums_over_features(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, -1, eps)
    g = grad_y * gamma
    along = (g * x_hat).sum(-1, keepdim=True)
    grad_x = inv_std * (g - g.sum(-1, keepdim=True) - x_hat * along)
    return grad_x, *_parameters_of_layernorm(grad_y, x_hat)


@mistake(
    "layernorm_backward",
    source="constructed: divided by the number of examples",
    hints=(
        "The gradient of one example does not sum to 0, unless there are as many as features.",
        "It is grad_x.",
        "How many numbers share one mean?",
    ),
)
def divides_by_the_examples(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, -1, eps)
    g, n = grad_y * gamma, len(x)
    along = (g * x_hat).sum(-1, keepdim=True) / n
    grad_x = inv_std * (g - g.sum(-1, keepdim=True) / n - x_hat * along)
    return grad_x, *_parameters_of_layernorm(grad_y, x_hat)


@mistake(
    "layernorm_backward",
    source="harvardnlp/annotated-transformer issue 119: the default of torch.std",
    hints=(
        "Everything but grad_beta is slightly off, above all for few features.",
        "It is the variance that you compute again.",
        "Which estimator of the variance does the forward pass use?",
    ),
)
def unbiased_variance_of_layernorm(grad_y, x, gamma, *, eps=1e-5):
    D = x.shape[-1]
    centred = x - x.mean(-1, keepdim=True)
    inv_std = torch.rsqrt(centred.square().sum(-1, keepdim=True) / max(D - 1, 1) + eps)
    x_hat = centred * inv_std
    grad_x = _backward(grad_y * gamma, x_hat, inv_std, -1)
    return grad_x, *_parameters_of_layernorm(grad_y, x_hat)


@mistake(
    "layernorm_backward",
    source="codertimo/BERT-pytorch issue 30: the epsilon added to the deviation",
    hints=(
        "It shows for examples that hardly vary, and where eps is large.",
        "It is the standard deviation that you compute again.",
        "Is epsilon added to a variance or to a standard deviation?",
    ),
)
def eps_outside_of_layernorm(grad_y, x, gamma, *, eps=1e-5):
    inv_std = 1 / (x.std(-1, correction=0, keepdim=True) + eps)
    x_hat = (x - x.mean(-1, keepdim=True)) * inv_std
    grad_x = _backward(grad_y * gamma, x_hat, inv_std, -1)
    return grad_x, *_parameters_of_layernorm(grad_y, x_hat)


@mistake(
    "layernorm_backward",
    source="constructed: the scale forgotten on the way back",
    hints=(
        "Scale gamma by 10: grad_x must grow by 10, yours stays.",
        "It is invisible as long as every entry of gamma is 1.",
        "Follow the arrow from y back to the normalised values. What does it multiply by?",
    ),
)
def layernorm_without_gamma(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, -1, eps)
    return _backward(grad_y, x_hat, inv_std, -1), *_parameters_of_layernorm(grad_y, x_hat)


@mistake(
    "layernorm_backward",
    source="constructed: the input in the place of the normalised values",
    hints=(
        "Shift an example by 1: grad_gamma must not move.",
        "The other two gradients are right.",
        "Which quantity does gamma multiply?",
    ),
)
def layernorm_grad_gamma_with_the_input(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, -1, eps)
    grad_x = _backward(grad_y * gamma, x_hat, inv_std, -1)
    return grad_x, *_parameters_of_layernorm(grad_y, x)


@mistake(
    "layernorm_backward",
    source="constructed: the sums run over the first axis only",
    hints=(
        "With two axes all is well, with more two gradients have the wrong shape.",
        "grad_x is right.",
        "Which axes share one gamma, whatever shape comes in?",
    ),
)
def sums_over_the_first_axis(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, -1, eps)
    grad_x = _backward(grad_y * gamma, x_hat, inv_std, -1)
    if x.dim() == 1:
        return grad_x, grad_y * x_hat, grad_y
    return grad_x, (grad_y * x_hat).sum(0), grad_y.sum(0)


@mistake(
    "layernorm_backward",
    source="constructed: the parameters get means over the examples",
    hints=(
        "Both gradients of the parameters shrink as the batch grows.",
        "grad_x is right.",
        "How many examples share one gamma, and what happens to their wishes?",
    ),
)
def layernorm_means_for_the_parameters(grad_y, x, gamma, *, eps=1e-5):
    x_hat, inv_std = _normalised(x, -1, eps)
    D = x.shape[-1]
    grad_x = _backward(grad_y * gamma, x_hat, inv_std, -1)
    return grad_x, (grad_y * x_hat).reshape(-1, D).mean(0), grad_y.reshape(-1, D).mean(0)


# --- instancenorm_forward ---------------------------------------------------------------------


@mistake(
    "instancenorm_forward",
    source="class notes, 4.5.5: 'the equivalent of layer normalization' taken at its word",
    hints=(
        "The result for one channel depends on the others.",
        "It is mean and variance, with two channels or more.",
        "How many means does one image have?",
    ),
)
def whole_image(x, gamma, beta, *, eps=1e-5):
    return gamma[:, None, None] * _normalised(x, (1, 2, 3), eps)[0] + beta[:, None, None]


@mistake(
    "instancenorm_forward",
    source="constructed: batch normalisation of images",
    hints=(
        "The result for one image depends on the others.",
        "It is mean and variance, with two images or more.",
        "How many means does one channel of a batch have?",
    ),
)
def channel_of_the_batch(x, gamma, beta, *, eps=1e-5):
    return gamma[:, None, None] * _normalised(x, (0, 2, 3), eps)[0] + beta[:, None, None]


@mistake(
    "instancenorm_forward",
    source="constructed, as seen in group normalisation: the statistics run over one axis",
    hints=(
        "The rows of an image are treated one by one.",
        "It is mean and variance, in images of more than one row.",
        "Over how many axes does a mean run?",
    ),
)
def each_row_by_itself(x, gamma, beta, *, eps=1e-5):
    return gamma[:, None, None] * _normalised(x, 3, eps)[0] + beta[:, None, None]


@mistake(
    "instancenorm_forward",
    source="pytorch/pytorch issue 60528: the default of torch.var",
    hints=(
        "Your normalised values are a little too small, above all for few pixels.",
        "It is the denominator.",
        "Which of the two estimators does the formula define?",
    ),
)
def instancenorm_unbiased(x, gamma, beta, *, eps=1e-5):
    n = x[0, 0].numel()
    centred = x - x.mean((2, 3), keepdim=True)
    var = centred.square().sum((2, 3), keepdim=True) / max(n - 1, 1)
    return gamma[:, None, None] * centred / torch.sqrt(var + eps) + beta[:, None, None]


@mistake(
    "instancenorm_forward",
    source="codertimo/BERT-pytorch issue 30: the epsilon added to the deviation",
    hints=(
        "It shows for channels that hardly vary, and where eps is large.",
        "It is the denominator.",
        "Is epsilon added to a variance or to a standard deviation?",
    ),
)
def instancenorm_eps_outside(x, gamma, beta, *, eps=1e-5):
    std = x.std((2, 3), correction=0, keepdim=True)
    x_hat = (x - x.mean((2, 3), keepdim=True)) / (std + eps)
    return gamma[:, None, None] * x_hat + beta[:, None, None]


@mistake(
    "instancenorm_forward",
    source="constructed: scale and shift meet the last axis",
    hints=(
        "Scale and shift differ between the columns of an image, not between its channels.",
        "It fails unless there are as many columns as channels, and is silently wrong then.",
        "With which axis does a vector of one axis line up?",
    ),
)
def instancenorm_scales_the_columns(x, gamma, beta, *, eps=1e-5):
    return gamma * _normalised(x, (2, 3), eps)[0] + beta


@mistake(
    "instancenorm_forward",
    source="constructed: the parameters are left out, as torch's module does by default",
    hints=(
        "Change gamma or beta: your result does not notice.",
        "The normalised values are right.",
        "Where do the last two arguments appear?",
    ),
)
def instancenorm_without_parameters(x, gamma, beta, *, eps=1e-5):
    return _normalised(x, (2, 3), eps)[0]


@mistake(
    "instancenorm_forward",
    source="constructed, as seen in batch normalisation: a variance as a difference",
    hints=(
        "The formula is right on paper; far from 0 its digits are gone.",
        "It is the variance.",
        "What is left when two large numbers that are almost equal are subtracted?",
    ),
)
def instancenorm_variance_as_a_difference(x, gamma, beta, *, eps=1e-5):
    mean = x.mean((2, 3), keepdim=True)
    var = ((x * x).mean((2, 3), keepdim=True) - mean * mean).clamp(min=0)
    return gamma[:, None, None] * (x - mean) / torch.sqrt(var + eps) + beta[:, None, None]


# --- groupnorm_forward ------------------------------------------------------------------------


def _in_groups(x, num_groups):
    N, C, H, W = x.shape
    return x.reshape(N, num_groups, C // num_groups, H, W)


def _scaled_channels(x_hat, x, gamma, beta):
    return gamma[:, None, None] * x_hat.reshape(x.shape) + beta[:, None, None]


@mistake(
    "groupnorm_forward",
    source="121 public solution sets of one course: the number of groups read as their size",
    hints=(
        "With one group your channels stand alone; with C groups they are all together.",
        "It is which channels form a group.",
        "Does the argument say how many groups there are, or how large they are?",
    ),
)
def groups_of_that_size(x, num_groups, gamma, beta, *, eps=1e-5):
    groups = _in_groups(x, x.shape[1] // num_groups)
    return _scaled_channels(_normalised(groups, (2, 3, 4), eps)[0], x, gamma, beta)


@mistake(
    "groupnorm_forward",
    source="121 public solution sets of one course: the channels of a group, pixel by pixel",
    hints=(
        "Two pixels of a group are treated differently.",
        "It is mean and variance, in images of more than one pixel.",
        "Over which axes does a mean run, besides the channels of the group?",
    ),
)
def groups_pixel_by_pixel(x, num_groups, gamma, beta, *, eps=1e-5):
    groups = _in_groups(x, num_groups)
    return _scaled_channels(_normalised(groups, 2, eps)[0], x, gamma, beta)


@mistake(
    "groupnorm_forward",
    source="121 public solution sets of one course: transpose and reshape mix the channels",
    hints=(
        "Channels that are not neighbours share a mean.",
        "It shows unless there is one group, or as many as channels.",
        "With four channels and two groups, who is in the first group?",
    ),
)
def channels_dealt_out(x, num_groups, gamma, beta, *, eps=1e-5):
    N, C, H, W = x.shape
    groups = x.reshape(N, C // num_groups, num_groups, H, W)
    return _scaled_channels(_normalised(groups, (1, 3, 4), eps)[0], x, gamma, beta)


@mistake(
    "groupnorm_forward",
    source="constructed: the images of a batch share a mean",
    hints=(
        "The result for one image depends on the others.",
        "It is mean and variance, with two images or more.",
        "Is this a normalisation of the batch?",
    ),
)
def groups_across_the_batch(x, num_groups, gamma, beta, *, eps=1e-5):
    groups = _in_groups(x, num_groups)
    return _scaled_channels(_normalised(groups, (0, 2, 3, 4), eps)[0], x, gamma, beta)


@mistake(
    "groupnorm_forward",
    source="constructed: the groups are ignored: layer normalisation of an image",
    hints=(
        "With one group all is well.",
        "It is mean and variance: the groups of an image influence each other.",
        "Where does the number of groups appear?",
    ),
)
def one_group_always(x, num_groups, gamma, beta, *, eps=1e-5):
    return _scaled_channels(_normalised(x, (1, 2, 3), eps)[0], x, gamma, beta)


@mistake(
    "groupnorm_forward",
    source="121 public solution sets of one course: statistics over too few axes",
    hints=(
        "With as many groups as channels all is well.",
        "It is mean and variance: the channels of a group stand alone.",
        "What do the channels of a group share?",
    ),
)
def each_channel_alone(x, num_groups, gamma, beta, *, eps=1e-5):
    return _scaled_channels(_normalised(x, (2, 3), eps)[0], x, gamma, beta)


@mistake(
    "groupnorm_forward",
    source="pytorch/pytorch issue 60528: the default of torch.var",
    hints=(
        "Your normalised values are a little too small, above all for small groups.",
        "It is the denominator.",
        "Which of the two estimators does the formula define?",
    ),
)
def groupnorm_unbiased(x, num_groups, gamma, beta, *, eps=1e-5):
    groups = x.reshape(len(x), num_groups, -1)
    centred = groups - groups.mean(-1, keepdim=True)
    var = centred.square().sum(-1, keepdim=True) / max(groups.shape[-1] - 1, 1)
    return _scaled_channels(centred / torch.sqrt(var + eps), x, gamma, beta)


@mistake(
    "groupnorm_forward",
    source="codertimo/BERT-pytorch issue 30: the epsilon added to the deviation",
    hints=(
        "It shows for groups that hardly vary, and where eps is large.",
        "It is the denominator.",
        "Is epsilon added to a variance or to a standard deviation?",
    ),
)
def groupnorm_eps_outside(x, num_groups, gamma, beta, *, eps=1e-5):
    groups = x.reshape(len(x), num_groups, -1)
    centred = groups - groups.mean(-1, keepdim=True)
    std = groups.std(-1, correction=0, keepdim=True)
    return _scaled_channels(centred / (std + eps), x, gamma, beta)


@mistake(
    "groupnorm_forward",
    source="constructed: a group shares the parameters of its first channel",
    hints=(
        "The channels of a group have one scale and one shift.",
        "With as many groups as channels all is well.",
        "How many entries has gamma, and how many of them do you use?",
    ),
)
def parameters_of_the_first_channel(x, num_groups, gamma, beta, *, eps=1e-5):
    groups = _in_groups(x, num_groups)
    size = groups.shape[2]
    gamma, beta = (one[::size].repeat_interleave(size) for one in (gamma, beta))
    return _scaled_channels(_normalised(groups, (2, 3, 4), eps)[0], x, gamma, beta)


@mistake(
    "groupnorm_forward",
    source="constructed, as seen in batch normalisation: a variance as a difference",
    hints=(
        "The formula is right on paper; far from 0 its digits are gone.",
        "It is the variance.",
        "What is left when two large numbers that are almost equal are subtracted?",
    ),
)
def groupnorm_variance_as_a_difference(x, num_groups, gamma, beta, *, eps=1e-5):
    groups = x.reshape(len(x), num_groups, -1)
    mean = groups.mean(-1, keepdim=True)
    var = ((groups * groups).mean(-1, keepdim=True) - mean * mean).clamp(min=0)
    return _scaled_channels((groups - mean) / torch.sqrt(var + eps), x, gamma, beta)


@mistake(
    "groupnorm_forward",
    source="kornia/kornia, pull request 4580: a view of images that have gaps in memory",
    hints=(
        "Some images give an error, though their shapes are right.",
        "It is those that do not lie in memory in the order of their axes.",
        "Which ways to join two axes need them to lie side by side in memory, and which copy?",
    ),
)
def groups_in_order_only(x, num_groups, gamma, beta, *, eps=1e-5):
    groups = x.view(len(x), num_groups, -1)
    return _scaled_channels(_normalised(groups, (2,), eps)[0], x, gamma, beta)


@mistake(
    "groupnorm_forward",
    source="121 public solution sets of one course: np.squeeze drops axes of size 1",
    hints=(
        "Some images give an error instead of a result.",
        "It is those where something is 1: the images, the groups, their channels, a side.",
        "After the grouping you count on five axes. Are there always five?",
    ),
)
def groups_squeezed(x, num_groups, gamma, beta, *, eps=1e-5):
    groups = _in_groups(x, num_groups).squeeze()
    return _scaled_channels(_normalised(groups, (2, 3, 4), eps)[0], x, gamma, beta)


# --- groupnorm_backward -----------------------------------------------------------------------


def _groupnorm_grads(grad_y, x, shape, axes, gamma, eps):
    """The gradients if `x`, in this shape, shares means over these axes."""
    x_hat, inv_std = _normalised(x.reshape(shape), axes, eps)
    g = (grad_y * gamma[:, None, None]).reshape(shape)
    grad_x = _backward(g, x_hat, inv_std, axes).reshape(x.shape)
    return grad_x, (grad_y * x_hat.reshape(x.shape)).sum(_PIXELS), grad_y.sum(_PIXELS)


@mistake(
    "groupnorm_backward",
    source="121 public solution sets of one course: the number of groups read as their size",
    hints=(
        "With one group your channels stand alone; with C groups they are all together.",
        "It is which channels form a group.",
        "Does the argument say how many groups there are, or how large they are?",
    ),
)
def gradient_of_groups_of_that_size(grad_y, x, num_groups, gamma, *, eps=1e-5):
    shape = _in_groups(x, x.shape[1] // num_groups).shape
    return _groupnorm_grads(grad_y, x, shape, (2, 3, 4), gamma, eps)


@mistake(
    "groupnorm_backward",
    source="121 public solution sets of one course: the channels of a group, pixel by pixel",
    hints=(
        "Two pixels of a group are treated differently.",
        "It is grad_x and grad_gamma, in images of more than one pixel.",
        "Over which axes does a mean run, besides the channels of the group?",
    ),
)
def gradient_pixel_by_pixel(grad_y, x, num_groups, gamma, *, eps=1e-5):
    shape = _in_groups(x, num_groups).shape
    return _groupnorm_grads(grad_y, x, shape, (2,), gamma, eps)


@mistake(
    "groupnorm_backward",
    source="121 public solution sets of one course: transpose and reshape mix the channels",
    hints=(
        "Channels that are not neighbours share a mean.",
        "It shows unless there is one group, or as many as channels.",
        "With four channels and two groups, who is in the first group?",
    ),
)
def gradient_of_channels_dealt_out(grad_y, x, num_groups, gamma, *, eps=1e-5):
    N, C, H, W = x.shape
    shape = (N, C // num_groups, num_groups, H, W)
    return _groupnorm_grads(grad_y, x, shape, (1, 3, 4), gamma, eps)


@mistake(
    "groupnorm_backward",
    source="constructed: the images of a batch share a mean",
    hints=(
        "The gradient of one image depends on the others.",
        "It is grad_x and grad_gamma, with two images or more.",
        "Is this a normalisation of the batch?",
    ),
)
def gradient_across_the_batch(grad_y, x, num_groups, gamma, *, eps=1e-5):
    shape = _in_groups(x, num_groups).shape
    return _groupnorm_grads(grad_y, x, shape, (0, 2, 3, 4), gamma, eps)


@mistake(
    "groupnorm_backward",
    source="121 public solution sets of one course: statistics over too few axes",
    hints=(
        "With as many groups as channels all is well.",
        "It is grad_x and grad_gamma: the channels of a group stand alone.",
        "What do the channels of a group share?",
    ),
)
def gradient_of_channels_alone(grad_y, x, num_groups, gamma, *, eps=1e-5):
    return _groupnorm_grads(grad_y, x, x.shape, (2, 3), gamma, eps)


@mistake(
    "groupnorm_backward",
    source="constructed: the number of pixels in the place of the number of values",
    hints=(
        "The gradient of a group does not sum to 0, unless it is a single channel.",
        "It is grad_x.",
        "How many values share one mean?",
    ),
)
def divides_by_the_pixels(grad_y, x, num_groups, gamma, *, eps=1e-5):
    groups = _in_groups(x, num_groups)
    axes, n = (2, 3, 4), x[0, 0].numel()
    x_hat, inv_std = _normalised(groups, axes, eps)
    g = (grad_y * gamma[:, None, None]).reshape(groups.shape)
    along = (g * x_hat).sum(axes, keepdim=True) / n
    grad_x = inv_std * (g - g.sum(axes, keepdim=True) / n - x_hat * along)
    parameters = _parameters_of_images(grad_y, x_hat.reshape(x.shape))
    return grad_x.reshape(x.shape), *parameters


@mistake(
    "groupnorm_backward",
    source="constructed: the short formula of batch normalisation with other axes",
    hints=(
        "With equal entries of gamma all is well, and with groups of one channel.",
        "It is grad_x.",
        "In the sum over a group, do all terms have the same gamma?",
    ),
)
def gamma_in_front_of_groups(grad_y, x, num_groups, gamma, *, eps=1e-5):
    shape, ones = _in_groups(x, num_groups).shape, torch.ones_like(gamma)
    grad_x, *parameters = _groupnorm_grads(grad_y, x, shape, (2, 3, 4), ones, eps)
    return gamma[:, None, None] * grad_x, *parameters


@mistake(
    "groupnorm_backward",
    source="constructed: the scale forgotten on the way back",
    hints=(
        "Scale gamma by 10: grad_x must grow by 10, yours stays.",
        "It is invisible as long as every entry of gamma is 1.",
        "Follow the arrow from y back to the normalised values. What does it multiply by?",
    ),
)
def groupnorm_without_gamma(grad_y, x, num_groups, gamma, *, eps=1e-5):
    shape = _in_groups(x, num_groups).shape
    return _groupnorm_grads(grad_y, x, shape, (2, 3, 4), torch.ones_like(gamma), eps)


@mistake(
    "groupnorm_backward",
    source="constructed: the road through the mean dropped",
    hints=(
        "Shift a whole group: the loss stays, your gradient says it moves.",
        "It is grad_x; one of its roads is missing.",
        "Count the arrows that leave x in the graph. Which one did you not walk back?",
    ),
)
def constant_mean_of_groups(grad_y, x, num_groups, gamma, *, eps=1e-5):
    groups = _in_groups(x, num_groups)
    x_hat, inv_std = _normalised(groups, (2, 3, 4), eps)
    g = (grad_y * gamma[:, None, None]).reshape(groups.shape)
    grad_x = inv_std * (g - x_hat * (g * x_hat).mean((2, 3, 4), keepdim=True))
    parameters = _parameters_of_images(grad_y, x_hat.reshape(x.shape))
    return grad_x.reshape(x.shape), *parameters


@mistake(
    "groupnorm_backward",
    source="constructed: the road through the variance dropped",
    hints=(
        "Stretch a group about its mean: the loss hardly moves, your gradient says it does.",
        "It is grad_x; one of its roads is missing.",
        "Count the arrows that leave x in the graph. Which one did you not walk back?",
    ),
)
def constant_variance_of_groups(grad_y, x, num_groups, gamma, *, eps=1e-5):
    groups = _in_groups(x, num_groups)
    x_hat, inv_std = _normalised(groups, (2, 3, 4), eps)
    g = (grad_y * gamma[:, None, None]).reshape(groups.shape)
    grad_x = inv_std * (g - g.mean((2, 3, 4), keepdim=True))
    parameters = _parameters_of_images(grad_y, x_hat.reshape(x.shape))
    return grad_x.reshape(x.shape), *parameters


@mistake(
    "groupnorm_backward",
    source="constructed: every image keeps its own gradient of the parameters",
    hints=(
        "Two gradients have an axis for the images.",
        "grad_x is right.",
        "Which axes share one gamma?",
    ),
)
def parameters_for_each_image(grad_y, x, num_groups, gamma, *, eps=1e-5):
    shape = _in_groups(x, num_groups).shape
    grad_x, *_ = _groupnorm_grads(grad_y, x, shape, (2, 3, 4), gamma, eps)
    x_hat = _normalised(x.reshape(shape), (2, 3, 4), eps)[0].reshape(x.shape)
    return grad_x, (grad_y * x_hat).sum((2, 3)), grad_y.sum((2, 3))


@mistake(
    "groupnorm_backward",
    source="codertimo/BERT-pytorch issue 30: the epsilon added to the deviation",
    hints=(
        "It shows for groups that hardly vary, and where eps is large.",
        "It is the standard deviation that you compute again.",
        "Is epsilon added to a variance or to a standard deviation?",
    ),
)
def eps_outside_of_groups(grad_y, x, num_groups, gamma, *, eps=1e-5):
    groups = _in_groups(x, num_groups)
    axes = (2, 3, 4)
    inv_std = 1 / (groups.std(axes, correction=0, keepdim=True) + eps)
    x_hat = (groups - groups.mean(axes, keepdim=True)) * inv_std
    g = (grad_y * gamma[:, None, None]).reshape(groups.shape)
    grad_x = _backward(g, x_hat, inv_std, axes).reshape(x.shape)
    return grad_x, *_parameters_of_images(grad_y, x_hat.reshape(x.shape))


# --- kaiming_uniform --------------------------------------------------------------------------


def _uniform(fan_out, fan_in, bound, generator):
    return bound * (2 * torch.rand(fan_out, fan_in, generator=generator) - 1)


def _from_the_beginning(generator):
    """Return another generator of the same seed that has drawn nothing yet."""
    return torch.Generator().manual_seed(generator.initial_seed())


@mistake(
    "kaiming_uniform",
    source="constructed: the fan of the other side",
    hints=(
        "With as many inputs as outputs all is well.",
        "It is the bound.",
        "How many products does one unit of the layer add up?",
    ),
)
def bound_of_fan_out(fan_out, fan_in, generator):
    return _uniform(fan_out, fan_in, math.sqrt(6 / fan_out), generator)


@mistake(
    "kaiming_uniform",
    source="constructed: the standard deviation taken as the bound",
    hints=(
        "The variance of your weights is a third of what it should be.",
        "It is the bound.",
        "What is the variance of a uniform distribution on an interval?",
    ),
)
def deviation_as_bound(fan_out, fan_in, generator):
    return _uniform(fan_out, fan_in, math.sqrt(2 / fan_in), generator)


@mistake(
    "kaiming_uniform",
    source="a habit from libraries: the default of torch.nn.Linear",
    hints=(
        "The variance of your weights is a sixth of what it should be.",
        "It is the bound.",
        "Which share of its energy does a signal lose in a ReLU?",
    ),
)
def bound_of_the_default_layer(fan_out, fan_in, generator):
    return _uniform(fan_out, fan_in, math.sqrt(1 / fan_in), generator)


@mistake(
    "kaiming_uniform",
    source="constructed: the compromise of exercise 14",
    hints=(
        "The bound depends on the number of outputs.",
        "It is the bound.",
        "Which of the two fans does this rule look at?",
    ),
)
def bound_of_both_fans(fan_out, fan_in, generator):
    return _uniform(fan_out, fan_in, math.sqrt(6 / (fan_in + fan_out)), generator)


@mistake(
    "kaiming_uniform",
    source="constructed: the generator's numbers used as they come",
    hints=(
        "None of your weights is negative.",
        "It is the interval.",
        "What is the mean of the weights, and what should it be?",
    ),
)
def positive_weights(fan_out, fan_in, generator):
    return math.sqrt(6 / fan_in) * torch.rand(fan_out, fan_in, generator=generator)


@mistake(
    "kaiming_uniform",
    source="constructed: rows and columns exchanged",
    hints=(
        "The numbers may be right, rows and columns are exchanged.",
        "It shows wherever the fans differ.",
        "Which of inputs and outputs counts the rows of a weight?",
    ),
)
def transposed_weight(fan_out, fan_in, generator):
    return _uniform(fan_in, fan_out, math.sqrt(6 / fan_in), generator)


@mistake(
    "kaiming_uniform",
    source="constructed: the generator is not used",
    hints=(
        "The same generator state gives different weights.",
        "It is where the random numbers come from.",
        "Who else could take numbers from the source that you use?",
    ),
)
def global_generator(fan_out, fan_in, generator):
    return _uniform(fan_out, fan_in, math.sqrt(6 / fan_in), None)


@mistake(
    "kaiming_uniform",
    source="constructed: a seed inside of the function",
    hints=(
        "Every generator gives the same weight.",
        "It is where the random numbers come from.",
        "Would two layers of the same size start differently?",
    ),
)
def seeds_itself(fan_out, fan_in, generator):
    own = torch.Generator().manual_seed(0)
    return _uniform(fan_out, fan_in, math.sqrt(6 / fan_in), own)


@mistake(
    "kaiming_uniform",
    source="constructed: one row, repeated",
    hints=(
        "All units of the layer start as the same unit.",
        "It is how many random numbers you draw.",
        "What will the gradients of two equal units be?",
    ),
)
def equal_rows(fan_out, fan_in, generator):
    return _uniform(1, fan_in, math.sqrt(6 / fan_in), generator).repeat(fan_out, 1)


@mistake(
    "kaiming_uniform",
    source="constructed: the seed of a generator is taken for its state",
    hints=(
        "Two layers that are made one after the other get the same weight.",
        "It is where the random numbers come from.",
        "What of a generator changes when numbers are drawn from it, and what does not?",
    ),
)
def seed_for_state(fan_out, fan_in, generator):
    return _uniform(fan_out, fan_in, math.sqrt(6 / fan_in), _from_the_beginning(generator))


# --- kaiming_normal ---------------------------------------------------------------------------


def _normal(fan_out, fan_in, std, generator):
    return std * torch.randn(fan_out, fan_in, generator=generator)


@mistake(
    "kaiming_normal",
    source="constructed: the fan of the other side",
    hints=(
        "With as many inputs as outputs all is well.",
        "It is the standard deviation.",
        "How many products does one unit of the layer add up?",
    ),
)
def deviation_of_fan_out(fan_out, fan_in, generator):
    return _normal(fan_out, fan_in, math.sqrt(2 / fan_out), generator)


@mistake(
    "kaiming_normal",
    source="constructed: the variance taken as the standard deviation",
    hints=(
        "Your weights are much too small for a wide layer.",
        "It is the standard deviation.",
        "What does the second parameter of a normal distribution mean, here and in torch?",
    ),
)
def variance_as_deviation(fan_out, fan_in, generator):
    return _normal(fan_out, fan_in, 2 / fan_in, generator)


@mistake(
    "kaiming_normal",
    source="constructed: the rule for a layer without ReLU",
    hints=(
        "The variance of your weights is half of what it should be.",
        "It is the standard deviation.",
        "Which share of its energy does a signal lose in a ReLU?",
    ),
)
def deviation_without_relu(fan_out, fan_in, generator):
    return _normal(fan_out, fan_in, math.sqrt(1 / fan_in), generator)


@mistake(
    "kaiming_normal",
    source="constructed: a uniform distribution of the right variance",
    hints=(
        "The size is right, the distribution is not.",
        "It is where the random numbers come from.",
        "How often does a weight exceed two standard deviations, and how often should it?",
    ),
)
def uniform_for_normal(fan_out, fan_in, generator):
    return _uniform(fan_out, fan_in, math.sqrt(6 / fan_in), generator)


@mistake(
    "kaiming_normal",
    source="a habit from libraries: a truncated normal distribution",
    hints=(
        "No weight is large, and the variance is too small for it.",
        "It is the tails of the distribution.",
        "How often should a weight exceed three standard deviations?",
    ),
)
def tails_cut_off(fan_out, fan_in, generator):
    std = math.sqrt(2 / fan_in)
    return _normal(fan_out, fan_in, std, generator).clamp(-2 * std, 2 * std)


@mistake(
    "kaiming_normal",
    source="constructed: rows and columns exchanged",
    hints=(
        "The numbers may be right, rows and columns are exchanged.",
        "It shows wherever the fans differ.",
        "Which of inputs and outputs counts the rows of a weight?",
    ),
)
def transposed_normal(fan_out, fan_in, generator):
    return _normal(fan_in, fan_out, math.sqrt(2 / fan_in), generator)


@mistake(
    "kaiming_normal",
    source="constructed: the generator is not used",
    hints=(
        "The same generator state gives different weights.",
        "It is where the random numbers come from.",
        "Who else could take numbers from the source that you use?",
    ),
)
def global_generator_normal(fan_out, fan_in, generator):
    return _normal(fan_out, fan_in, math.sqrt(2 / fan_in), None)


@mistake(
    "kaiming_normal",
    source="constructed: the seed of a generator is taken for its state",
    hints=(
        "Two layers that are made one after the other get the same weight.",
        "It is where the random numbers come from.",
        "What of a generator changes when numbers are drawn from it, and what does not?",
    ),
)
def seed_for_state_normal(fan_out, fan_in, generator):
    return _normal(fan_out, fan_in, math.sqrt(2 / fan_in), _from_the_beginning(generator))


# --- xavier_uniform ---------------------------------------------------------------------------


@mistake(
    "xavier_uniform",
    source="constructed: Kaiming's bound",
    hints=(
        "The bound does not depend on the number of outputs.",
        "It is the bound.",
        "Which two directions does this rule serve?",
    ),
)
def fan_in_alone(fan_out, fan_in, generator, *, gain=1.0):
    return _uniform(fan_out, fan_in, gain * math.sqrt(6 / fan_in), generator)


@mistake(
    "xavier_uniform",
    source="constructed: the standard deviation taken as the bound",
    hints=(
        "The variance of your weights is a third of what it should be.",
        "It is the bound.",
        "What is the variance of a uniform distribution on an interval?",
    ),
)
def xavier_deviation_as_bound(fan_out, fan_in, generator, *, gain=1.0):
    return _uniform(fan_out, fan_in, gain * math.sqrt(2 / (fan_in + fan_out)), generator)


@mistake(
    "xavier_uniform",
    source="class notes, 7.1.4: the variance of the heuristic, whatever the gain",
    hints=(
        "The variance of your weights is twice what it should be.",
        "It is the bound.",
        "For which gain does the heuristic of the notes hold?",
    ),
)
def mean_of_the_fans(fan_out, fan_in, generator, *, gain=1.0):
    return _uniform(fan_out, fan_in, gain * math.sqrt(12 / (fan_in + fan_out)), generator)


@mistake(
    "xavier_uniform",
    source="constructed: the gain is not used",
    hints=(
        "With the default gain all is well.",
        "It is the bound.",
        "Where in your function does the argument for it appear?",
    ),
)
def gain_ignored(fan_out, fan_in, generator, *, gain=1.0):
    return _uniform(fan_out, fan_in, math.sqrt(6 / (fan_in + fan_out)), generator)


@mistake(
    "xavier_uniform",
    source="class notes, 7.1.4: the square of the gain lost inside the root",
    hints=(
        "Double the gain: the bound must double, yours grows less.",
        "It is the bound; with the default gain all is well.",
        "What does the root do to the gain?",
    ),
)
def gain_under_the_root(fan_out, fan_in, generator, *, gain=1.0):
    return _uniform(fan_out, fan_in, math.sqrt(6 * gain / (fan_in + fan_out)), generator)


@mistake(
    "xavier_uniform",
    source="constructed: a normal distribution of the right variance",
    hints=(
        "The size is right, the distribution is not: some weights leave the interval.",
        "It is where the random numbers come from.",
        "How large can a weight of this rule be?",
    ),
)
def normal_for_uniform(fan_out, fan_in, generator, *, gain=1.0):
    return _normal(fan_out, fan_in, gain * math.sqrt(2 / (fan_in + fan_out)), generator)


@mistake(
    "xavier_uniform",
    source="constructed: rows and columns exchanged",
    hints=(
        "The numbers may be right, rows and columns are exchanged.",
        "It shows wherever the fans differ.",
        "Which of inputs and outputs counts the rows of a weight?",
    ),
)
def transposed_xavier(fan_out, fan_in, generator, *, gain=1.0):
    return _uniform(fan_in, fan_out, gain * math.sqrt(6 / (fan_in + fan_out)), generator)


@mistake(
    "xavier_uniform",
    source="constructed: a seed inside of the function",
    hints=(
        "Every generator gives the same weight.",
        "It is where the random numbers come from.",
        "Would two layers of the same size start differently?",
    ),
)
def xavier_seeds_itself(fan_out, fan_in, generator, *, gain=1.0):
    own = torch.Generator().manual_seed(0)
    return _uniform(fan_out, fan_in, gain * math.sqrt(6 / (fan_in + fan_out)), own)


@mistake(
    "xavier_uniform",
    source="constructed: the seed of a generator is taken for its state",
    hints=(
        "Two layers that are made one after the other get the same weight.",
        "It is where the random numbers come from.",
        "What of a generator changes when numbers are drawn from it, and what does not?",
    ),
)
def xavier_seed_for_state(fan_out, fan_in, generator, *, gain=1.0):
    bound = gain * math.sqrt(6 / (fan_in + fan_out))
    return _uniform(fan_out, fan_in, bound, _from_the_beginning(generator))


# --- dropout_forward --------------------------------------------------------------------------


def _drawn(x, p, generator):
    return (torch.rand(x.shape, generator=generator) >= p).to(x.device)


def _kept(x, mask, scale):
    return torch.where(mask, x * scale, torch.zeros_like(x))


def _all_of(x):
    return x.clone(), torch.ones_like(x, dtype=torch.bool)


def _inverse(share):
    return 1 / share if share > 0 else 0.0


@mistake(
    "dropout_forward",
    source="121 public solution sets of one course: keep and drop exchanged",
    hints=(
        "For small p almost everything is dropped.",
        "It is the mask, and the factor that goes with it.",
        "Is p the probability that an entry stays, or that it goes?",
    ),
)
def keeps_with_probability_p(x, p, generator, *, training):
    if not training:
        return _all_of(x)
    mask = ~_drawn(x, p, generator)
    return _kept(x, mask, _inverse(p)), mask


@mistake(
    "dropout_forward",
    source="121 public solution sets of one course: the mask is not divided by anything",
    hints=(
        "The mean of the output is smaller than that of the input.",
        "It is what becomes of the entries that are kept.",
        "Evaluation changes nothing. What must training make up for?",
    ),
)
def does_not_scale(x, p, generator, *, training):
    if not training:
        return _all_of(x)
    mask = _drawn(x, p, generator)
    return _kept(x, mask, 1.0), mask


@mistake(
    "dropout_forward",
    source="lmjohns3/theanets issue 123, kaldi-asr/kaldi issue 2814: the other probability",
    hints=(
        "With p = 1/2 all is well, otherwise the mean of the output is not that of the input.",
        "It is what becomes of the entries that are kept.",
        "If one entry in ten is dropped, by how much must the others grow?",
    ),
)
def scales_by_one_over_p(x, p, generator, *, training):
    if not training:
        return _all_of(x)
    mask = _drawn(x, p, generator)
    return _kept(x, mask, _inverse(p) if p < 1 else 1.0) if p > 0 else x.clone(), mask


@mistake(
    "dropout_forward",
    source="Srivastava and others, 2014: the scale at test time, on top of the one in training",
    hints=(
        "Training is right, evaluation is too small.",
        "It is the output in evaluation.",
        "What has training done already so that evaluation need not?",
    ),
)
def scales_in_evaluation_too(x, p, generator, *, training):
    if not training:
        return x * (1 - p), torch.ones_like(x, dtype=torch.bool)
    mask = _drawn(x, p, generator)
    return _kept(x, mask, _inverse(1 - p)), mask


@mistake(
    "dropout_forward",
    source="121 public solution sets of one course: active in evaluation",
    hints=(
        "Evaluating the same input with two generators gives two results.",
        "It is evaluation; training is right.",
        "Which argument says whether anything is dropped at all?",
    ),
)
def drops_in_evaluation(x, p, generator, *, training):
    mask = _drawn(x, p, generator)
    return _kept(x, mask, _inverse(1 - p)), mask


@mistake(
    "dropout_forward",
    source="121 public solution sets of one course: normal numbers compared with a probability",
    hints=(
        "The share of entries that are kept is not 1 - p.",
        "It is the mask.",
        "Of the random numbers that you draw, which share lies below 0.3?",
    ),
)
def compares_normal_numbers(x, p, generator, *, training):
    if not training:
        return _all_of(x)
    mask = (torch.randn(x.shape, generator=generator) >= p).to(x.device)
    return _kept(x, mask, _inverse(1 - p)), mask


@mistake(
    "dropout_forward",
    source="121 public solution sets of one course: one row of a mask for the whole batch",
    hints=(
        "All examples lose the same features.",
        "It is the mask, with two axes or more.",
        "How many independent decisions are there?",
    ),
)
def one_mask_for_all_rows(x, p, generator, *, training):
    if not training:
        return _all_of(x)
    mask = _drawn(x[:1], p, generator).expand(x.shape)
    return _kept(x, mask, _inverse(1 - p)), mask


@mistake(
    "dropout_forward",
    source="121 public solution sets of one course: a mask of the first two axes only",
    hints=(
        "Whole channels of an image are dropped.",
        "It is the mask, with more than two axes.",
        "How many independent decisions are there?",
    ),
)
def drops_whole_channels(x, p, generator, *, training):
    if not training:
        return _all_of(x)
    small = x[(..., *((slice(0, 1),) * max(0, x.dim() - 2)))] if x.dim() > 2 else x
    mask = _drawn(small, p, generator).expand(x.shape)
    return _kept(x, mask, _inverse(1 - p)), mask


@mistake(
    "dropout_forward",
    source="121 public solution sets of one course: the mask read off the output",
    hints=(
        "Entries that are 0 count as dropped.",
        "It is the mask; the output is right.",
        "Can you tell from the output alone what happened to a 0?",
    ),
)
def mask_from_the_output(x, p, generator, *, training):
    if not training:
        return _all_of(x)
    y = _kept(x, _drawn(x, p, generator), _inverse(1 - p))
    return y, y != 0


@mistake(
    "dropout_forward",
    source="constructed: exactly the share p is dropped",
    hints=(
        "How many entries are kept is always the same number.",
        "It is the mask.",
        "If seven of eight entries are known, is the last one still undecided?",
    ),
)
def drops_an_exact_number(x, p, generator, *, training):
    if not training:
        return _all_of(x)
    order = torch.randperm(x.numel(), generator=generator).to(x.device)
    mask = (order >= round(p * x.numel())).reshape(x.shape)
    return _kept(x, mask, _inverse(1 - p)), mask


@mistake(
    "dropout_forward",
    source="constructed: the mask says what was dropped",
    hints=(
        "The output is right, the mask says the opposite.",
        "It is what the mask means.",
        "For which entries is the mask True?",
    ),
)
def mask_of_what_is_dropped(x, p, generator, *, training):
    if not training:
        return x.clone(), torch.zeros_like(x, dtype=torch.bool)
    mask = _drawn(x, p, generator)
    return _kept(x, mask, _inverse(1 - p)), ~mask


@mistake(
    "dropout_forward",
    source="another convention: a mask of factors",
    hints=(
        "The output is right, the mask is not of the type that is asked for.",
        "It is the mask.",
        "Is the mask an answer to a question, or a factor?",
    ),
)
def mask_of_factors(x, p, generator, *, training):
    if not training:
        return x.clone(), torch.ones_like(x)
    mask = _drawn(x, p, generator)
    factors = mask.to(x.dtype) * _inverse(1 - p)
    return _kept(x, mask, _inverse(1 - p)), factors


@mistake(
    "dropout_forward",
    source="constructed: 0 divided by 0",
    hints=(
        "Where everything is dropped, no number comes out.",
        "Only with p = 1.",
        "What is 0 times infinity?",
    ),
)
def no_number_at_one(x, p, generator, *, training):
    if not training:
        return _all_of(x)
    mask = _drawn(x, p, generator)
    return x * mask / torch.tensor(1 - p, dtype=x.dtype, device=x.device), mask


@mistake(
    "dropout_forward",
    source="constructed: a seed inside of the function",
    hints=(
        "The same entries are dropped every time.",
        "It is where the random numbers come from.",
        "Would two batches lose different features?",
    ),
)
def the_same_mask_always(x, p, generator, *, training):
    if not training:
        return _all_of(x)
    mask = _drawn(x, p, torch.Generator().manual_seed(0))
    return _kept(x, mask, _inverse(1 - p)), mask


@mistake(
    "dropout_forward",
    source="constructed: the seed of a generator is taken for its state",
    hints=(
        "Each batch of a training loses the same entries, however often its generator was used.",
        "It is where the random numbers come from.",
        "What of a generator changes when numbers are drawn from it, and what does not?",
    ),
)
def mask_of_the_seed(x, p, generator, *, training):
    if not training:
        return _all_of(x)
    mask = _drawn(x, p, _from_the_beginning(generator))
    return _kept(x, mask, _inverse(1 - p)), mask


@mistake(
    "dropout_forward",
    source="pytorch/pytorch, pull request 1833: division by zero with p = 1",
    hints=(
        "Where everything is dropped, an error comes instead of zeros.",
        "Only in training, with p = 1.",
        "What makes up for the entries that are dropped, if no entry is left?",
    ),
)
def divides_by_zero_at_one(x, p, generator, *, training):
    if not training:
        return _all_of(x)
    mask, scale = _drawn(x, p, generator), 1 / (1 - p)
    return _kept(x, mask, scale), mask


# --- dropout_backward -------------------------------------------------------------------------


@mistake(
    "dropout_backward",
    source="121 public solution sets of one course: the mask is not divided by anything",
    hints=(
        "The gradient is too small by the same factor everywhere.",
        "It is what becomes of the entries that were kept.",
        "By what was each entry multiplied on the way forward?",
    ),
)
def gradient_not_scaled(grad_y, mask, p):
    return _kept(grad_y, mask, 1.0)


@mistake(
    "dropout_backward",
    source="lmjohns3/theanets issue 123, kaldi-asr/kaldi issue 2814: the other probability",
    hints=(
        "With p = 1/2 all is well.",
        "It is what becomes of the entries that were kept.",
        "Is p the probability that an entry stays, or that it goes?",
    ),
)
def gradient_over_p(grad_y, mask, p):
    return _kept(grad_y, mask, 1 / p) if 0 < p < 1 else _kept(grad_y, mask, 1.0)


@mistake(
    "dropout_backward",
    source="constructed: the factor undone instead of repeated",
    hints=(
        "The gradient is too small by the square of the factor.",
        "It is what becomes of the entries that were kept.",
        "Dropout is linear. Is its derivative the factor, or the inverse of it?",
    ),
)
def factor_undone(grad_y, mask, p):
    return _kept(grad_y, mask, 1 - p)


@mistake(
    "dropout_backward",
    source="constructed: the mask is not used",
    hints=(
        "A gradient arrives at entries that had no influence.",
        "It is what becomes of the entries that were dropped.",
        "Nudge an entry that was dropped. What does the output do?",
    ),
)
def mask_not_used(grad_y, mask, p):
    return grad_y / (1 - p) if p < 1 else torch.zeros_like(grad_y)


@mistake(
    "dropout_backward",
    source="constructed: the mask read as what was dropped",
    hints=(
        "The gradient arrives exactly where it should not.",
        "It is which entries are 0.",
        "For which entries is the mask True?",
    ),
)
def mask_read_backwards(grad_y, mask, p):
    return _kept(grad_y, ~mask, _inverse(1 - p))


@mistake(
    "dropout_backward",
    source="constructed: the share that was kept in the place of its probability",
    hints=(
        "The factor depends on the mask.",
        "It shows where not exactly the share p was dropped.",
        "Which number did the forward pass divide by?",
    ),
)
def share_of_the_mask(grad_y, mask, p):
    return _kept(grad_y, mask, _inverse(float(mask.double().mean())))


@mistake(
    "dropout_backward",
    source="constructed: 0 divided by 0",
    hints=(
        "Where everything was dropped, no number comes out.",
        "Only with p = 1.",
        "What is 0 times infinity?",
    ),
)
def gradient_no_number_at_one(grad_y, mask, p):
    return grad_y * mask / torch.tensor(1 - p, dtype=grad_y.dtype, device=grad_y.device)


@mistake(
    "dropout_backward",
    source="constructed: a mask of its own, as if the backward pass dropped out too",
    hints=(
        "A gradient arrives at entries that had no influence, and not at some that had.",
        "It is which entries are 0.",
        "Which mask did the output depend on?",
    ),
)
def draws_a_new_mask(grad_y, mask, p):
    mask = _drawn(grad_y, p, torch.Generator().manual_seed(0))
    return _kept(grad_y, mask, _inverse(1 - p))


@mistake(
    "dropout_backward",
    source="pytorch/pytorch, pull request 1833: division by zero with p = 1",
    hints=(
        "Where everything was dropped, an error comes instead of zeros.",
        "Only with p = 1.",
        "What makes up for the entries that are dropped, if no entry is left?",
    ),
)
def gradient_divides_by_zero_at_one(grad_y, mask, p):
    return _kept(grad_y, mask, 1 / (1 - p))


# --- residual_backward ------------------------------------------------------------------------


def _residual(grad_y, x, W_1, W_2):
    h = torch.relu(x @ W_1.T)
    return h, grad_y @ W_2 * (h > 0)


@mistake(
    "residual_backward",
    source="constructed: the shortcut is forgotten",
    hints=(
        "With weights of 0 no gradient reaches the input.",
        "It is grad_x; the gradients of the weights are right.",
        "On how many roads does x reach the output?",
    ),
)
def no_shortcut(grad_y, x, W_1, W_2):
    h, grad_pre = _residual(grad_y, x, W_1, W_2)
    return grad_pre @ W_1, grad_pre.T @ x, grad_y.T @ h


@mistake(
    "residual_backward",
    source="constructed: the two roads multiplied",
    hints=(
        "With weights of 0 no gradient reaches the input.",
        "It is where the two roads meet.",
        "Does a value that is used twice get the sum or the product of its gradients?",
    ),
)
def roads_multiplied(grad_y, x, W_1, W_2):
    h, grad_pre = _residual(grad_y, x, W_1, W_2)
    return grad_y * (grad_pre @ W_1), grad_pre.T @ x, grad_y.T @ h


@mistake(
    "residual_backward",
    source="constructed: ReLU passes everything",
    hints=(
        "Units that are not active get a gradient.",
        "It is grad_x and grad_W_1.",
        "What does a unit at 0 do when its input moves a little?",
    ),
)
def no_derivative_of_relu(grad_y, x, W_1, W_2):
    h, _ = _residual(grad_y, x, W_1, W_2)
    grad_pre = grad_y @ W_2
    return grad_y + grad_pre @ W_1, grad_pre.T @ x, grad_y.T @ h


@mistake(
    "residual_backward",
    source="constructed: the sign of the gradient in the place of that of the unit",
    hints=(
        "Which gradient passes depends on the gradient itself.",
        "It is grad_x and grad_W_1.",
        "Double what comes from above and turn its sign. Should the same units pass it?",
    ),
)
def relu_of_the_gradient(grad_y, x, W_1, W_2):
    h, _ = _residual(grad_y, x, W_1, W_2)
    grad_pre = torch.relu(grad_y @ W_2)
    return grad_y + grad_pre @ W_1, grad_pre.T @ x, grad_y.T @ h


@mistake(
    "residual_backward",
    source="a habit from libraries: the other derivative at the kink",
    hints=(
        "Away from the kink all is well.",
        "It is units whose input is exactly 0.",
        "What is the derivative of ReLU at 0, by the convention of the exercise?",
    ),
)
def one_at_the_kink(grad_y, x, W_1, W_2):
    pre = x @ W_1.T
    grad_pre = grad_y @ W_2 * (pre >= 0)
    return grad_y + grad_pre @ W_1, grad_pre.T @ x, grad_y.T @ torch.relu(pre)


@mistake(
    "residual_backward",
    source="constructed: the value before ReLU in the gradient of the second weight",
    hints=(
        "grad_W_2 is not 0 for units that are not active.",
        "The other two gradients are right.",
        "Which tensor enters the second layer?",
    ),
)
def second_weight_before_relu(grad_y, x, W_1, W_2):
    _, grad_pre = _residual(grad_y, x, W_1, W_2)
    return grad_y + grad_pre @ W_1, grad_pre.T @ x, grad_y.T @ (x @ W_1.T)


@mistake(
    "residual_backward",
    source="constructed: the output of the block in the gradient of the first weight",
    hints=(
        "grad_W_1 depends on the second weight in two ways.",
        "The other two gradients are right.",
        "Which tensor enters the first layer?",
    ),
)
def first_weight_with_the_output(grad_y, x, W_1, W_2):
    h, grad_pre = _residual(grad_y, x, W_1, W_2)
    return grad_y + grad_pre @ W_1, grad_pre.T @ (x + h @ W_2.T), grad_y.T @ h


@mistake(
    "residual_backward",
    source="constructed: gradients of the weights transposed",
    hints=(
        "The numbers are right, rows and columns of two gradients are exchanged.",
        "grad_x is right.",
        "Which shape must a gradient have, always?",
    ),
)
def weights_transposed(grad_y, x, W_1, W_2):
    h, grad_pre = _residual(grad_y, x, W_1, W_2)
    return grad_y + grad_pre @ W_1, x.T @ grad_pre, h.T @ grad_y


@mistake(
    "residual_backward",
    source="kvfrans/notes issue 5, of a bias: a mean where the batch adds up",
    hints=(
        "The gradients of both weights shrink as the batch grows.",
        "grad_x is right.",
        "Whatever the loss averages is in what comes from above. Is anything left to average?",
    ),
)
def averages_once_more(grad_y, x, W_1, W_2):
    h, grad_pre = _residual(grad_y, x, W_1, W_2)
    n = len(x)
    return grad_y + grad_pre @ W_1, grad_pre.T @ x / n, grad_y.T @ h / n


@mistake(
    "residual_backward",
    source="constructed: the shortcut passes through ReLU",
    hints=(
        "The gradient on the shortcut is cut where x is not positive.",
        "It is grad_x; the gradients of the weights are right.",
        "What does the shortcut do to x?",
    ),
)
def relu_on_the_shortcut(grad_y, x, W_1, W_2):
    h, grad_pre = _residual(grad_y, x, W_1, W_2)
    return grad_y * (x > 0) + grad_pre @ W_1, grad_pre.T @ x, grad_y.T @ h
