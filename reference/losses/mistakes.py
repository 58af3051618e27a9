"""Known wrong versions of the losses, each with the hints that a good teacher would give."""

import math

import torch
from torch import Tensor

from autograder.checks.bank import mistake

_BUILT = "constructed from the formula, not yet seen"
_SETS = "of 121 public solution sets"


# --- right pieces that wrong versions are made with ---------------------------------------------


def _softmax(z: Tensor) -> Tensor:
    e = torch.exp(z - z.amax(-1, keepdim=True))
    return e / e.sum(-1, keepdim=True)


def _log_softmax(z: Tensor) -> Tensor:
    shifted = z - z.amax(-1, keepdim=True)
    return shifted - shifted.exp().sum(-1, keepdim=True).log()


def _rows(target: Tensor, logits: Tensor) -> Tensor:
    """Write targets of either form as probabilities (N, C)."""
    if target.ndim == 2:
        return target
    return torch.eye(logits.shape[1], dtype=logits.dtype, device=logits.device)[target]


def _reduce(losses: Tensor, reduction: str) -> Tensor:
    if reduction == "mean":
        return losses.mean()
    return losses.sum() if reduction == "sum" else losses


def _average(grad: Tensor, reduction: str) -> Tensor:
    return grad / len(grad) if reduction == "mean" else grad


# --- softmax ------------------------------------------------------------------------------------


@mistake(
    "softmax",
    source=f"seen in 41 {_SETS}",
    hints=(
        "The results are right for small scores and not numbers at all for large ones.",
        "It starts where exp of a score can no longer be stored, or where all of them become 0.",
        "softmax does not notice a shift of all scores. Which shift keeps exp harmless?",
    ),
)
def softmax_without_shift(z: Tensor, dim: int = -1) -> Tensor:
    """Exponentiate the scores as they come."""
    e = torch.exp(z)
    return e / e.sum(dim, keepdim=True)


@mistake(
    "softmax",
    source=f"seen in 2 {_SETS}",
    hints=(
        "Large scores are survived, but not large differences between the rows of one tensor.",
        "The rows that break are those whose scores all lie far below the largest row.",
        "One row lies near 10 000, another near 0. What does exp leave of the second?",
    ),
)
def shift_by_overall_maximum(z: Tensor, dim: int = -1) -> Tensor:
    """Shift all rows by the largest score of the whole tensor."""
    e = torch.exp(z - z.max())
    return e / e.sum(dim, keepdim=True)


@mistake(
    "softmax",
    source=_BUILT,
    hints=(
        "The results sum to 1 along the last axis, whatever axis was asked for.",
        "Calls that name another `dim` than the last are wrong, all others right.",
        "Where in your function does `dim` have a say?",
    ),
)
def always_last_axis(z: Tensor, dim: int = -1) -> Tensor:
    """Ignore `dim`."""
    del dim
    return _softmax(z)


@mistake(
    "softmax",
    source=_BUILT,
    hints=(
        "The results do not sum to 1 along `dim`; they do along the first axis.",
        "With the default `dim`, every tensor of two or more axes is wrong, a single row too.",
        "Which entries compete for the same unit of probability?",
    ),
)
def always_first_axis(z: Tensor, dim: int = -1) -> Tensor:
    """Normalise over the batch."""
    del dim
    e = torch.exp(z - z.amax(0, keepdim=True))
    return e / e.sum(0, keepdim=True)


@mistake(
    "softmax",
    source=_BUILT,
    hints=(
        "All results together sum to 1, so each row by itself sums to less.",
        "A tensor with one single row is right, every other one is not.",
        "Does the first example's probability change when you alter the scores of the second?",
    ),
)
def one_sum_for_all(z: Tensor, dim: int = -1) -> Tensor:
    """Divide by the sum over the whole tensor."""
    e = torch.exp(z - z.amax(dim, keepdim=True))
    return e / e.sum()


@mistake(
    "softmax",
    source="session 2, 'A few tips'; decodingcoding newsletter 21, on keepdim",
    hints=(
        "Rows do not sum to 1; some shapes raise an error about sizes instead.",
        "It shows along the last axis. Square inputs are wrong in silence, others raise.",
        "What is the shape of the thing you divide by, and which axis does it line up with?",
    ),
)
def sum_without_keepdim(z: Tensor, dim: int = -1) -> Tensor:
    """Let the denominators line up with the wrong axis."""
    e = torch.exp(z - z.amax(dim, keepdim=True))
    return e / e.sum(dim)


@mistake(
    "softmax",
    source=_BUILT,
    hints=(
        "Rows of negative scores sum to less than 1, rows of very negative ones to 0.",
        "All scores near -1000: no NaN, just zeros. All scores near 1000: NaN.",
        "What does a tiny number in the denominator do to a fraction whose numerator is 0?",
    ),
)
def epsilon_in_denominator(z: Tensor, dim: int = -1) -> Tensor:
    """Guard the division, but not the exponential."""
    e = torch.exp(z)
    return e / (e.sum(dim, keepdim=True) + 1e-8)


@mistake(
    "softmax",
    source=_BUILT,
    hints=(
        "Large scores that lie close together are survived, one score far above the rest is not.",
        "It also breaks where a score is minus infinity.",
        "After your shift, how large can the largest exponent still be?",
    ),
)
def shift_by_mean(z: Tensor, dim: int = -1) -> Tensor:
    """Centre the scores instead of capping them."""
    e = torch.exp(z - z.mean(dim, keepdim=True))
    return e / e.sum(dim, keepdim=True)


@mistake(
    "softmax",
    source=_BUILT,
    hints=(
        "Nothing overflows, but large scores that differ get equal probabilities.",
        "It begins at some fixed size of the scores, and leaves small ones alone.",
        "The scores 1000 and 1001 differ by one. Do they still, when exp gets to see them?",
    ),
)
def clipped_scores(z: Tensor, dim: int = -1) -> Tensor:
    """Cut the scores off where exp would overflow."""
    e = torch.exp(z.clamp(-50, 50))
    return e / e.sum(dim, keepdim=True)


@mistake(
    "softmax",
    source=_BUILT,
    hints=(
        "Every entry lies between 0 and 1, but the entries of a row do not sum to 1.",
        "Each entry depends on its own score only.",
        "Raise the score of one class. What must happen to the probabilities of the others?",
    ),
)
def sigmoid_per_class(z: Tensor, dim: int = -1) -> Tensor:
    """Ask each class by itself."""
    del dim
    return torch.sigmoid(z)


@mistake(
    "softmax",
    source=_BUILT,
    hints=(
        "Rows sum to 1, but some probabilities are negative or larger than 1.",
        "It is wrong for all inputs with more than one class.",
        "How does a negative score become a positive share?",
    ),
)
def scores_over_their_sum(z: Tensor, dim: int = -1) -> Tensor:
    """Normalise the scores without making them positive."""
    return z / z.sum(dim, keepdim=True)


@mistake(
    "softmax",
    source=_BUILT,
    hints=(
        "Rows sum to 1, but all of it sits on one class (or is shared by equal ones).",
        "Every row with different scores is wrong; equal scores and one class are right.",
        "Two scores differ by a hair. Should one of them get everything?",
    ),
)
def winner_takes_all(z: Tensor, dim: int = -1) -> Tensor:
    """Return the arg max as a one-hot row."""
    best = (z == z.amax(dim, keepdim=True)).to(z.dtype)
    return best / best.sum(dim, keepdim=True)


# --- logsumexp ----------------------------------------------------------------------------------


@mistake(
    "logsumexp",
    source=f"seen in 41 {_SETS}",
    hints=(
        "Small scores are right, large ones give plus or minus infinity.",
        "Plus infinity comes above 710 (89 in float32), minus infinity as far below 0.",
        "Adding c to all scores adds c to the result. Which c would make every exponent harmless?",
    ),
)
def logsumexp_without_shift(z: Tensor, dim: int = -1) -> Tensor:
    """Exponentiate the scores as they come."""
    return torch.exp(z).sum(dim).log()


@mistake(
    "logsumexp",
    source=_BUILT,
    hints=(
        "The result does not move when all scores move together, but it should move with them.",
        "The error is a different number in each row, and 0 where the largest score is 0.",
        "What did you take away before exp, and who gives it back?",
    ),
)
def shift_not_added_back(z: Tensor, dim: int = -1) -> Tensor:
    """Forget the maximum after it has done its duty."""
    return torch.exp(z - z.amax(dim, keepdim=True)).sum(dim).log()


@mistake(
    "logsumexp",
    source=_BUILT,
    hints=(
        "The numbers are right, the shape is not.",
        "An axis of size 1 stands where the summed axis was.",
        "Which axes does the handout promise in the result?",
    ),
)
def axis_kept(z: Tensor, dim: int = -1) -> Tensor:
    """Return the summed axis with size 1."""
    largest = z.amax(dim, keepdim=True)
    return torch.exp(z - largest).sum(dim, keepdim=True).log() + largest


@mistake(
    "logsumexp",
    source=f"seen in 2 {_SETS}",
    hints=(
        "Large scores are survived, but not large differences between rows of one tensor.",
        "Rows far below the largest row give minus infinity.",
        "One row lies near 10 000, another near 0. What is left of the second after your shift?",
    ),
)
def logsumexp_shift_by_overall_maximum(z: Tensor, dim: int = -1) -> Tensor:
    """Shift all rows by the largest score of the whole tensor."""
    largest = z.max()
    return torch.exp(z - largest).sum(dim).log() + largest


@mistake(
    "logsumexp",
    source=_BUILT,
    hints=(
        "The result is too small by the same number for all rows of one tensor.",
        "That number depends only on how many scores are put together; for one score it is 0.",
        "Two equal scores c: is the result c, or more than c?",
    ),
)
def mean_of_exponentials(z: Tensor, dim: int = -1) -> Tensor:
    """Average where a sum is meant."""
    largest = z.amax(dim, keepdim=True)
    return torch.exp(z - largest).mean(dim).log() + largest.squeeze(dim)


@mistake(
    "logsumexp",
    source=_BUILT,
    hints=(
        "The result is never larger than the largest score, and it should be.",
        "It is nearly right where one score towers above the rest, and worst where all are equal.",
        "Which of the scores does your result notice, if you change each a little?",
    ),
)
def maximum_only(z: Tensor, dim: int = -1) -> Tensor:
    """Take the hard maximum for the soft one."""
    return z.amax(dim)


@mistake(
    "logsumexp",
    source=_BUILT,
    hints=(
        "The last axis is always the one that disappears.",
        "Calls that name another `dim` are wrong, by shape or, if sizes agree, by value.",
        "Where in your function does `dim` have a say?",
    ),
)
def logsumexp_always_last_axis(z: Tensor, dim: int = -1) -> Tensor:
    """Ignore `dim`."""
    del dim
    largest = z.amax(-1, keepdim=True)
    return torch.exp(z - largest).sum(-1).log() + largest.squeeze(-1)


@mistake(
    "logsumexp",
    source=_BUILT,
    hints=(
        "One number comes back where one number per row is asked for.",
        "A tensor of a single axis is right, every other one is not.",
        "Over which axis should the sum run, and which axes should be left?",
    ),
)
def everything_summed(z: Tensor, dim: int = -1) -> Tensor:
    """Sum over the whole tensor."""
    del dim
    return torch.exp(z - z.max()).sum().log() + z.max()


@mistake(
    "logsumexp",
    source=_BUILT,
    hints=(
        "Two equal scores c should give c + ln 2; you return 2c.",
        "Only a single score comes out right.",
        "Is the logarithm of a sum the sum of the logarithms?",
    ),
)
def log_cancels_exp(z: Tensor, dim: int = -1) -> Tensor:
    """Let log and exp cancel across the sum."""
    return z.sum(dim)


@mistake(
    "logsumexp",
    source=f"seen in 5 {_SETS} (as log(p + eps))",
    hints=(
        "Small scores look right, very negative ones all give one and the same number.",
        "All scores near -1000 and all near -10 000 should differ by 9000, and do not.",
        "What is the smallest value that your logarithm can ever return?",
    ),
)
def epsilon_in_logsumexp(z: Tensor, dim: int = -1) -> Tensor:
    """Guard the logarithm, but not the exponential."""
    return torch.log(torch.exp(z).sum(dim) + 1e-8)


@mistake(
    "logsumexp",
    source=_BUILT,
    hints=(
        "The result is too large, as if there were one more score than there is.",
        "It is wrong even for a single score.",
        "Which term does log1p add to what you give it?",
    ),
)
def log1p_of_sum(z: Tensor, dim: int = -1) -> Tensor:
    """Use log1p on a sum that already holds the 1."""
    largest = z.amax(dim, keepdim=True)
    return torch.log1p(torch.exp(z - largest).sum(dim)) + largest.squeeze(dim)


# --- log_softmax --------------------------------------------------------------------------------


@mistake(
    "log_softmax",
    source=f"seen in 65 {_SETS}",
    hints=(
        "All is right until a probability is too small to be stored; then it is -inf.",
        "It happens for scores about 745 (104 in float32) below the largest of their slice.",
        "You go through a number too small to store. Can you avoid visiting it?",
    ),
)
def log_of_softmax(z: Tensor, dim: int = -1) -> Tensor:
    """Take the logarithm of a probability that has become 0."""
    e = torch.exp(z - z.amax(dim, keepdim=True))
    return torch.log(e / e.sum(dim, keepdim=True))


@mistake(
    "log_softmax",
    source=f"seen in 41 {_SETS}",
    hints=(
        "Small scores are right, large ones give infinities.",
        "Scores near 1000 give minus infinity, scores near -1000 plus infinity.",
        "log-softmax does not notice a shift of all scores. Which shift keeps exp harmless?",
    ),
)
def log_softmax_without_shift(z: Tensor, dim: int = -1) -> Tensor:
    """Subtract a log-sum-exp that overflows."""
    return z - torch.exp(z).sum(dim, keepdim=True).log()


@mistake(
    "log_softmax",
    source=f"seen in 41 {_SETS}",
    hints=(
        "Small scores are right, large ones give NaN.",
        "Both ends break: exp overflows above 710 (89 in float32), and vanishes below -745.",
        "Which two numbers do you divide when all scores are 1000?",
    ),
)
def log_of_unshifted_softmax(z: Tensor, dim: int = -1) -> Tensor:
    """Take the logarithm of a fraction of infinities."""
    e = torch.exp(z)
    return torch.log(e / e.sum(dim, keepdim=True))


@mistake(
    "log_softmax",
    source=f"seen in 5 {_SETS}",
    hints=(
        "Likely classes are nearly right, unlikely ones are not unlikely enough.",
        "No result is ever below about -18.",
        "A probability of e to the -40: what is it after your small number has been added?",
    ),
)
def epsilon_in_log(z: Tensor, dim: int = -1) -> Tensor:
    """Add a small number to every probability."""
    e = torch.exp(z - z.amax(dim, keepdim=True))
    return torch.log(e / e.sum(dim, keepdim=True) + 1e-8)


@mistake(
    "log_softmax",
    source=f"seen in 5 {_SETS} (as a bound on p)",
    hints=(
        "Likely classes are exactly right, very unlikely ones all get the same number.",
        "No result is ever below about -28.",
        "Scores of -40 and -400 against 0: should their log-probabilities be equal?",
    ),
)
def clamped_probability(z: Tensor, dim: int = -1) -> Tensor:
    """Keep every probability above a bound."""
    e = torch.exp(z - z.amax(dim, keepdim=True))
    return torch.log((e / e.sum(dim, keepdim=True)).clamp(min=1e-12))


@mistake(
    "log_softmax",
    source=_BUILT,
    hints=(
        "The exponentials of the results do not sum to 1 along `dim`.",
        "Each row is off by one number of its own, and that number follows its largest score.",
        "You shifted the scores inside the sum. Do the two terms still speak of the same scores?",
    ),
)
def shift_on_one_side(z: Tensor, dim: int = -1) -> Tensor:
    """Shift the scores in the sum only."""
    return z - torch.exp(z - z.amax(dim, keepdim=True)).sum(dim, keepdim=True).log()


@mistake(
    "log_softmax",
    source=_BUILT,
    hints=(
        "The probabilities sum to 1 along the last axis, whatever axis was asked for.",
        "Calls that name another `dim` than the last are wrong, all others right.",
        "Where in your function does `dim` have a say?",
    ),
)
def log_softmax_always_last_axis(z: Tensor, dim: int = -1) -> Tensor:
    """Ignore `dim`."""
    del dim
    return _log_softmax(z)


@mistake(
    "log_softmax",
    source=_BUILT,
    hints=(
        "The exponentials of the results sum to 1 along the first axis, not along `dim`.",
        "With the default `dim`, every tensor of two or more axes is wrong.",
        "Which entries compete for the same unit of probability?",
    ),
)
def log_softmax_always_first_axis(z: Tensor, dim: int = -1) -> Tensor:
    """Normalise over the batch."""
    del dim
    shifted = z - z.amax(0, keepdim=True)
    return shifted - shifted.exp().sum(0, keepdim=True).log()


@mistake(
    "log_softmax",
    source="session 2, 'A few tips': normalising by row requires keepdim",
    hints=(
        "Each column, not each row, is shifted by a constant; some shapes raise instead.",
        "It shows along the last axis. Square inputs are wrong in silence, others raise.",
        "What is the shape of the thing you subtract, and which axis does it line up with?",
    ),
)
def normaliser_without_keepdim(z: Tensor, dim: int = -1) -> Tensor:
    """Let the normalisers line up with the wrong axis."""
    largest = z.amax(dim, keepdim=True)
    return z - (torch.exp(z - largest).sum(dim).log() + largest.squeeze(dim))


@mistake(
    "log_softmax",
    source=_BUILT,
    hints=(
        "All results together describe one distribution, each row by itself does not.",
        "A tensor with one single row is right, every other one is not.",
        "Does the first row of the result change when you alter the second row of the scores?",
    ),
)
def one_normaliser_for_all(z: Tensor, dim: int = -1) -> Tensor:
    """Subtract the log-sum-exp of the whole tensor."""
    del dim
    shifted = z - z.max()
    return shifted - shifted.exp().sum().log()


@mistake(
    "log_softmax",
    source=f"seen in 2 {_SETS}",
    hints=(
        "Large scores are survived, but not large differences between rows of one tensor.",
        "Rows far below the largest row give infinity.",
        "One row lies near 10 000, another near 0. What is left of the second when you take exp?",
    ),
)
def log_softmax_shift_by_overall_maximum(z: Tensor, dim: int = -1) -> Tensor:
    """Shift all rows by the largest score of the whole tensor."""
    shifted = z - z.max()
    return shifted - shifted.exp().sum(dim, keepdim=True).log()


@mistake(
    "log_softmax",
    source=_BUILT,
    hints=(
        "All results are positive, but the logarithm of a probability cannot be.",
        "Only the sign is wrong, everywhere.",
        "Is it the log-probability that you return, or the surprise?",
    ),
)
def surprise(z: Tensor, dim: int = -1) -> Tensor:
    """Return minus the log-probability."""
    shifted = z - z.amax(dim, keepdim=True)
    return shifted.exp().sum(dim, keepdim=True).log() - shifted


@mistake(
    "log_softmax",
    source=_BUILT,
    hints=(
        "The results change when all scores are shifted together, and should not.",
        "They are wrong everywhere, also for two classes and small scores.",
        "What is the logarithm of a fraction?",
    ),
)
def quotient_of_logs(z: Tensor, dim: int = -1) -> Tensor:
    """Divide the logarithms instead of subtracting them."""
    largest = z.amax(dim, keepdim=True)
    return z / (torch.exp(z - largest).sum(dim, keepdim=True).log() + largest)


# --- softmax_jacobian ---------------------------------------------------------------------------


@mistake(
    "softmax_jacobian",
    source="StackOverflow, 'numpy: calculate the derivative of the softmax function'",
    hints=(
        "The rows of the matrix do not sum to 0.",
        "The diagonal is right, everything beside it is 0.",
        "Raise z_1 a little. Which of the probabilities move?",
    ),
)
def jacobian_diagonal_only(z: Tensor) -> Tensor:
    """Leave the other classes where they are."""
    p = _softmax(z)
    return torch.diag(p * (1 - p))


@mistake(
    "softmax_jacobian",
    source="StackOverflow, 'numpy: calculate the derivative of the softmax function'",
    hints=(
        "One number per class comes back, not one per pair of classes.",
        "The shape is (C,) where (C, C) is asked for.",
        "How many derivatives are there, if each probability may react to each score?",
    ),
)
def vector_of_derivatives(z: Tensor) -> Tensor:
    """Return one derivative per class."""
    p = _softmax(z)
    return p * (1 - p)


@mistake(
    "softmax_jacobian",
    source=_BUILT,
    hints=(
        "The rows of the matrix do not sum to 0; no entry is negative.",
        "Both the diagonal and the rest are wrong.",
        "Raise z_1 a little. Does p_2 go up or down?",
    ),
)
def plus_between_terms(z: Tensor) -> Tensor:
    """Add the two terms."""
    p = _softmax(z)
    return torch.diag(p) + torch.outer(p, p)


@mistake(
    "softmax_jacobian",
    source=_BUILT,
    hints=(
        "The rows of the matrix sum to minus a probability, not to 0.",
        "Off the diagonal all is right, on it every entry is negative.",
        "Raise z_1 a little. Does p_1 itself go up or down?",
    ),
)
def same_case_everywhere(z: Tensor) -> Tensor:
    """Use the off-diagonal case on the diagonal too."""
    p = _softmax(z)
    return -torch.outer(p, p)


@mistake(
    "softmax_jacobian",
    source="StackOverflow, 'numpy: calculate the derivative of the softmax function'",
    hints=(
        "The matrix changes when all scores are shifted together, and should not.",
        "It is not symmetric, and wrong by an amount that grows with the scores.",
        "Is the derivative written with the input or with the output of softmax?",
    ),
)
def scores_for_probabilities(z: Tensor) -> Tensor:
    """Write z_j where p_j is meant."""
    p = _softmax(z)
    return p.unsqueeze(1) * (torch.eye(len(z), dtype=z.dtype, device=z.device) - z)


@mistake(
    "softmax_jacobian",
    source=_BUILT,
    hints=(
        "The rows sum to 0, but the columns do not, and the matrix is not symmetric.",
        "Each row is off by a factor of its own.",
        "Of which function is this the Jacobian: of the probabilities, or of their logarithms?",
    ),
)
def jacobian_of_log_softmax(z: Tensor) -> Tensor:
    """Differentiate log-softmax."""
    return torch.eye(len(z), dtype=z.dtype, device=z.device) - _softmax(z)


@mistake(
    "softmax_jacobian",
    source=f"seen in 41 {_SETS}",
    hints=(
        "The matrix is right for small scores and NaN for large ones.",
        "It breaks before you differentiate: in the probabilities themselves.",
        "softmax does not notice a shift of all scores. Which shift keeps exp harmless?",
    ),
)
def jacobian_without_shift(z: Tensor) -> Tensor:
    """Exponentiate the scores as they come."""
    e = torch.exp(z)
    p = e / e.sum()
    return torch.diag(p) - torch.outer(p, p)


@mistake(
    "softmax_jacobian",
    source=_BUILT,
    hints=(
        "Every entry has the wrong sign.",
        "The diagonal is negative, the rest positive.",
        "Raise z_1 a little. Does p_1 go up or down?",
    ),
)
def jacobian_reversed(z: Tensor) -> Tensor:
    """Subtract the other way round."""
    p = _softmax(z)
    return torch.outer(p, p) - torch.diag(p)


@mistake(
    "softmax_jacobian",
    source=_BUILT,
    hints=(
        "The rows of the matrix do not sum to 0.",
        "The diagonal is right, the rest has the right size and the wrong sign.",
        "When one class gains, do the others gain with it?",
    ),
)
def off_diagonal_sign(z: Tensor) -> Tensor:
    """Lose the minus of the case i != j."""
    p = _softmax(z)
    return torch.diag(p - 2 * p * p) + torch.outer(p, p)


@mistake(
    "softmax_jacobian",
    source=_BUILT,
    hints=(
        "The rows of the matrix do not sum to 0; no entry is negative.",
        "The diagonal is right. Beside it stands what belongs on the diagonal.",
        "Does e to the z_i in the numerator depend on z_j, if j is another class?",
    ),
)
def diagonal_case_everywhere(z: Tensor) -> Tensor:
    """Use the diagonal case off the diagonal too."""
    p = _softmax(z)
    return torch.outer(p, 1 - p)


@mistake(
    "softmax_jacobian",
    source=_BUILT,
    hints=(
        "The rows of the matrix do not sum to 0, and a certain class still reacts.",
        "The diagonal is too large, everything beside it is 0.",
        "Which of the scores does the denominator depend on?",
    ),
)
def constant_denominator(z: Tensor) -> Tensor:
    """Differentiate the numerator only."""
    return torch.diag(_softmax(z))


# --- softmax_backward ---------------------------------------------------------------------------


@mistake(
    "softmax_backward",
    source="StackOverflow, 'numpy: calculate the derivative of the softmax function'",
    hints=(
        "The entries of a row of grad_z do not sum to 0.",
        "Each entry depends on its own entry of grad_p only.",
        "Raise z_1 a little. Which of the outputs move?",
    ),
)
def diagonal_only(grad_p: Tensor, p: Tensor) -> Tensor:
    """Use the diagonal of the Jacobian only."""
    return grad_p * p * (1 - p)


@mistake(
    "softmax_backward",
    source=_BUILT,
    hints=(
        "Doubling the gradient from above does not double yours.",
        "The result depends on p alone.",
        "Your answer does not depend on what comes from above. Should it?",
    ),
)
def upstream_ignored(grad_p: Tensor, p: Tensor) -> Tensor:
    """Return the local derivative."""
    del grad_p
    return p * (1 - p)


@mistake(
    "softmax_backward",
    source=_BUILT,
    hints=(
        "The entries of a row of grad_z do not sum to 0.",
        "One of the two terms is right, the other has the wrong sign.",
        "Check the two cases i = j and i != j on two classes: which sign does each have?",
    ),
)
def plus_for_minus(grad_p: Tensor, p: Tensor) -> Tensor:
    """Add the inner product."""
    return p * (grad_p + (grad_p * p).sum(-1, keepdim=True))


@mistake(
    "softmax_backward",
    source=_BUILT,
    hints=(
        "The entries of a row of grad_z do not sum to 0.",
        "All entries of a row have the same sign.",
        "You treat all pairs of classes alike. What is special when i = j?",
    ),
)
def off_diagonal_only(grad_p: Tensor, p: Tensor) -> Tensor:
    """Leave out the diagonal term."""
    return -p * (grad_p * p).sum(-1, keepdim=True)


@mistake(
    "softmax_backward",
    source=_BUILT,
    hints=(
        "Classes of probability 0 still get a gradient.",
        "Each entry is off by a factor of its own; a gradient of ones from above hides it.",
        "If p_1 is 0 and stays 0, can z_1 matter?",
    ),
)
def factor_p_missing(grad_p: Tensor, p: Tensor) -> Tensor:
    """Centre the upstream gradient and stop there."""
    return grad_p - (grad_p * p).sum(-1, keepdim=True)


@mistake(
    "softmax_backward",
    source=_BUILT,
    hints=(
        "The entries of a row of grad_z do not sum to 0, even for a gradient of ones from above.",
        "The number that is taken off each row is wrong; the rest is right.",
        "You subtract an average of grad_p. With which weights?",
    ),
)
def unweighted_sum(grad_p: Tensor, p: Tensor) -> Tensor:
    """Subtract the plain sum of the upstream gradient."""
    return p * (grad_p - grad_p.sum(-1, keepdim=True))


@mistake(
    "softmax_backward",
    source=_BUILT,
    hints=(
        "A gradient of ones from above should vanish and does not.",
        "What is taken off each row is too small by a factor: the number of classes.",
        "The weights p already sum to 1. What does dividing once more do?",
    ),
)
def mean_for_sum(grad_p: Tensor, p: Tensor) -> Tensor:
    """Average the weighted upstream gradient."""
    return p * (grad_p - (grad_p * p).mean(-1, keepdim=True))


@mistake(
    "softmax_backward",
    source=_BUILT,
    hints=(
        "A gradient of ones from above vanishes, but the rows of grad_z do not sum to 0.",
        "The number that is taken off each row ignores the probabilities.",
        "Should a class that is nearly impossible count as much as a likely one?",
    ),
)
def plain_mean(grad_p: Tensor, p: Tensor) -> Tensor:
    """Subtract the plain mean of the upstream gradient."""
    return p * (grad_p - grad_p.mean(-1, keepdim=True))


@mistake(
    "softmax_backward",
    source=_BUILT,
    hints=(
        "The columns, not the rows, are tied together: an example's gradient depends on others.",
        "A change in one example of the batch changes the gradient of all.",
        "Which entries compete for the same unit of probability?",
    ),
)
def summed_over_batch(grad_p: Tensor, p: Tensor) -> Tensor:
    """Sum over the wrong axis."""
    return p * (grad_p - (grad_p * p).sum(0, keepdim=True))


@mistake(
    "softmax_backward",
    source=_BUILT,
    hints=(
        "An example's gradient depends on the other examples.",
        "A batch of one is right, every larger one is not.",
        "How many inner products are there in a batch of N?",
    ),
)
def summed_over_everything(grad_p: Tensor, p: Tensor) -> Tensor:
    """Use one number for the whole batch."""
    return p * (grad_p - (grad_p * p).sum())


@mistake(
    "softmax_backward",
    source="session 2, 'A few tips': normalising by row requires keepdim",
    hints=(
        "Rows of grad_z do not sum to 0; some shapes raise an error about sizes instead.",
        "As many examples as classes: wrong in silence. Other sizes raise.",
        "What is the shape of the thing you subtract, and which axis does it line up with?",
    ),
)
def inner_product_without_keepdim(grad_p: Tensor, p: Tensor) -> Tensor:
    """Let the inner products line up with the classes."""
    return p * (grad_p - (grad_p * p).sum(-1))


@mistake(
    "softmax_backward",
    source=_BUILT,
    hints=(
        "The entries of a row sum to 0, but differ too little between the classes.",
        "It shows most where some probability is nearly 0 or 1.",
        "What does the second argument hold: scores, or what softmax made of them?",
    ),
)
def softmax_once_more(grad_p: Tensor, p: Tensor) -> Tensor:
    """Take the probabilities for scores."""
    again = _softmax(p)
    return again * (grad_p - (grad_p * again).sum(-1, keepdim=True))


@mistake(
    "softmax_backward",
    source=_BUILT,
    hints=(
        "The entries of a row of grad_z do not sum to 0.",
        "A class that is certain still gets a gradient; it should get none.",
        "Which of the scores does softmax's denominator depend on?",
    ),
)
def normaliser_is_constant(grad_p: Tensor, p: Tensor) -> Tensor:
    """Differentiate the numerator only."""
    return grad_p * p


@mistake(
    "softmax_backward",
    source=_BUILT,
    hints=(
        "Doubling the gradient from above does not double yours.",
        "One of the two terms follows grad_p, the other does not.",
        "In the sum over k, what is multiplied with p_k?",
    ),
)
def upstream_missing_in_sum(grad_p: Tensor, p: Tensor) -> Tensor:
    """Sum the squares of p."""
    return p * (grad_p - (p * p).sum(-1, keepdim=True))


@mistake(
    "softmax_backward",
    source=_BUILT,
    hints=(
        "The direction is right, the size depends on how many examples are in the batch.",
        "A batch of one is right.",
        "Does softmax itself average over the batch, or does the loss above it?",
    ),
)
def averaged_over_batch(grad_p: Tensor, p: Tensor) -> Tensor:
    """Divide by the batch size here too."""
    return p * (grad_p - (grad_p * p).sum(-1, keepdim=True)) / len(p)


@mistake(
    "softmax_backward",
    source=_BUILT,
    hints=(
        "A gradient of 0 from above should give 0, and does not.",
        "The result is wrong for all gradients from above, even for a single example.",
        "Your formula is the derivative of two functions together. Which two?",
    ),
)
def cross_entropy_shortcut(grad_p: Tensor, p: Tensor) -> Tensor:
    """Use the formula of softmax and cross-entropy together."""
    return p - grad_p


@mistake(
    "softmax_backward",
    source=_BUILT,
    hints=(
        "The first example is right, the others are not.",
        "All examples go through one and the same matrix.",
        "How many Jacobians does a batch of N examples have?",
    ),
)
def one_jacobian_for_all(grad_p: Tensor, p: Tensor) -> Tensor:
    """Use the Jacobian of the first example for the whole batch."""
    return grad_p @ (torch.diag(p[0]) - torch.outer(p[0], p[0]))


# --- cross_entropy ------------------------------------------------------------------------------


@mistake(
    "cross_entropy",
    source=f"seen in 65 {_SETS}",
    hints=(
        "All is right until a probability is too small to be stored; then inf or NaN comes.",
        "It happens for logits about 745 (104 in float32) below the largest of their example.",
        "You go through a number too small to store. Can you avoid visiting it?",
    ),
)
def loss_of_stored_probability(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Take the logarithm of a probability that has become 0."""
    log_p = torch.log(_softmax(logits))
    return _reduce(-(_rows(target, logits) * log_p).sum(1), reduction)


@mistake(
    "cross_entropy",
    source=f"seen in 41 {_SETS}",
    hints=(
        "Small logits are right, large ones give infinity or NaN.",
        "All logits near 1000 already break it, however close together they are.",
        "The loss does not notice a shift of all logits. Which shift keeps exp harmless?",
    ),
)
def loss_without_shift(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Use a log-sum-exp that overflows."""
    log_p = logits - torch.exp(logits).sum(1, keepdim=True).log()
    return _reduce(-(_rows(target, logits) * log_p).sum(1), reduction)


@mistake(
    "cross_entropy",
    source=f"seen in 5 {_SETS}",
    hints=(
        "The loss is nearly right for likely targets and too small for unlikely ones.",
        "No loss is ever above about 18.",
        "A target with probability e to the -40: what is it after your small number is added?",
    ),
)
def loss_with_epsilon(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Add a small number to every probability."""
    log_p = torch.log(_softmax(logits) + 1e-8)
    return _reduce(-(_rows(target, logits) * log_p).sum(1), reduction)


@mistake(
    "cross_entropy",
    source="the class notes print it so, 2.1.1",
    hints=(
        "The loss is negative, and falls when the model gets worse.",
        "Only the sign is wrong, everywhere.",
        "What must the loss of a perfect model be, and can any model have less?",
    ),
)
def minus_missing(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Return the log-likelihood."""
    return _reduce((_rows(target, logits) * _log_softmax(logits)).sum(1), reduction)


@mistake(
    "cross_entropy",
    source=_BUILT,
    hints=(
        "The loss doubles when the batch is repeated, although a mean was asked for.",
        'reduction="mean" is wrong for more than one example; "sum" and "none" are right.',
        "What must the loss be for ten classes and equal logits, whatever the size of the batch?",
    ),
)
def mean_is_a_sum(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Sum where a mean is asked for."""
    losses = -(_rows(target, logits) * _log_softmax(logits)).sum(1)
    return losses if reduction == "none" else losses.sum()


@mistake(
    "cross_entropy",
    source=_BUILT,
    hints=(
        "The mean is too small by a factor: the number of classes.",
        '"sum" and "none" are right.',
        "How many losses are there in a batch of N examples: N, or N times C?",
    ),
)
def mean_over_classes_too(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Average over all N times C products."""
    products = -_rows(target, logits) * _log_softmax(logits)
    return products.mean() if reduction == "mean" else _reduce(products.sum(1), reduction)


@mistake(
    "cross_entropy",
    source="Lightning-Universe/lightning-bolts#654, mlelarge/graph_neural_net#37",
    hints=(
        "The loss stays near ln C, even for targets that are certain.",
        "Equal logits are right; the more the logits differ, the worse it gets.",
        "How often do you turn scores into probabilities before you take the logarithm?",
    ),
)
def softmax_twice(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Treat probabilities as logits."""
    log_p = _log_softmax(_softmax(logits))
    return _reduce(-(_rows(target, logits) * log_p).sum(1), reduction)


@mistake(
    "cross_entropy",
    source="NLLLoss fed with probabilities; torch's documentation warns of it",
    hints=(
        "The loss lies between -1 and 0.",
        "It is wrong for all inputs; for equal logits it is -1/C.",
        "How surprised is one by an event of probability p?",
    ),
)
def logarithm_missing(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Return minus the probability of the target."""
    return _reduce(-(_rows(target, logits) * _softmax(logits)).sum(1), reduction)


@mistake(
    "cross_entropy",
    source="class notes, Figure 3.3: NLLLoss on the network's raw outputs",
    hints=(
        "The loss changes when all logits of an example are shifted together, and should not.",
        "It depends on the target's logit only, not on those of the other classes.",
        "Where do the other classes enter the loss?",
    ),
)
def score_of_target(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Return minus the target's logit."""
    return _reduce(-(_rows(target, logits) * logits).sum(1), reduction)


@mistake(
    "cross_entropy",
    source=_BUILT,
    hints=(
        "The mean comes back, whatever was asked for.",
        '"sum" has the wrong size, "none" the wrong shape.',
        "Where in your function does `reduction` have a say?",
    ),
)
def reduction_ignored(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Always average."""
    del reduction
    return -(_rows(target, logits) * _log_softmax(logits)).sum(1).mean()


@mistake(
    "cross_entropy",
    source=_BUILT,
    hints=(
        "Targets given as probabilities count as if they were certain.",
        "Class indices and rows with a single 1 are right.",
        "A target of (0.6, 0.4): how much does the second class contribute?",
    ),
)
def soft_targets_hardened(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Keep the most likely class of a soft target only."""
    index = target.argmax(1) if target.ndim == 2 else target
    losses = -_log_softmax(logits).gather(1, index.unsqueeze(1)).squeeze(1)
    return _reduce(losses, reduction)


@mistake(
    "cross_entropy",
    source=f"seen in 2 {_SETS}",
    hints=(
        "Large logits are survived, but not large differences between the examples of a batch.",
        "Examples far below the largest one give infinity or NaN.",
        "One example lies near 10 000, another near 0. What does exp leave of the second?",
    ),
)
def loss_shift_by_overall_maximum(
    logits: Tensor, target: Tensor, reduction: str = "mean"
) -> Tensor:
    """Shift all examples by the largest logit of the batch."""
    shifted = logits - logits.max()
    log_p = shifted - shifted.exp().sum(1, keepdim=True).log()
    return _reduce(-(_rows(target, logits) * log_p).sum(1), reduction)


@mistake(
    "cross_entropy",
    source="the slides and class notes number the classes 1..C",
    hints=(
        "Each example is charged for a class that is not its target.",
        "Only targets given as class indices are wrong.",
        "Which column of the logits belongs to the target 0?",
    ),
)
def targets_from_one(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Count the classes from 1."""
    rows = _rows(target if target.ndim == 2 else target - 1, logits)
    return _reduce(-(rows * _log_softmax(logits)).sum(1), reduction)


@mistake(
    "cross_entropy",
    source=_BUILT,
    hints=(
        "Each example is charged for the targets of all the others too.",
        'With "none" there are N times N losses. Targets given as probabilities are right.',
        "Print the shape of what your indexing returns: one number per example?",
    ),
)
def every_target_for_every_row(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Index all rows with all targets."""
    log_p = _log_softmax(logits)
    losses = -(target * log_p).sum(1) if target.ndim == 2 else -log_p[:, target]
    return _reduce(losses, reduction)


@mistake(
    "cross_entropy",
    source=_BUILT,
    hints=(
        "An example's loss depends on the other examples of the batch.",
        "A batch of one gives a loss of 0, whatever the logits.",
        "Which entries compete for the same unit of probability?",
    ),
)
def softmax_over_batch(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Normalise over the examples."""
    log_p = _log_softmax(logits.T).T
    return _reduce(-(_rows(target, logits) * log_p).sum(1), reduction)


@mistake(
    "cross_entropy",
    source=_BUILT,
    hints=(
        "The loss is too large, and most so where a wrong class is likely.",
        "For two classes and a certain target it is twice the right value.",
        "The formula sums over the classes. Does it also pay for what is not the target?",
    ),
)
def binary_terms_added(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Add the terms of a binary cross-entropy for each class."""
    rows, p = _rows(target, logits), _softmax(logits)
    products = rows * _log_softmax(logits) + (1 - rows) * torch.log1p(-p)
    return _reduce(-products.sum(1), reduction)


@mistake(
    "cross_entropy",
    source=f"seen in 2 {_SETS}",
    hints=(
        "The loss is 0 whenever the target has the largest logit, however close the others are.",
        "Each example's loss is too small, by at most ln C.",
        "You shifted the logits. Have you also normalised them?",
    ),
)
def unnormalised_score(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Stop after the shift."""
    shifted = logits - logits.amax(1, keepdim=True)
    return _reduce(-(_rows(target, logits) * shifted).sum(1), reduction)


@mistake(
    "cross_entropy",
    source=f"seen in 2 {_SETS} (as -log(sum p))",
    hints=(
        "Certain targets are right, targets given as real probabilities are charged too little.",
        "The loss of a soft target is wrong even for equal shares of two classes.",
        "Is the mean of the logarithms the logarithm of the mean?",
    ),
)
def logarithm_outside(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Average the probabilities first, then take the logarithm."""
    rows, log_p = _rows(target, logits), _log_softmax(logits)
    weighted = torch.where(rows > 0, rows.log() + log_p, -math.inf)
    largest = weighted.amax(1, keepdim=True)
    losses = -(torch.exp(weighted - largest).sum(1).log() + largest.squeeze(1))
    return _reduce(losses, reduction)


@mistake(
    "cross_entropy",
    source="constructed: squeeze() without an axis takes away the batch too",
    hints=(
        "A batch of one gives a bare number where a list of one loss is asked for.",
        'Only "none" with a single example and a class index shows it; the number is right.',
        "Print the shape of your losses for one example. Which axes did you mean to remove?",
    ),
)
def batch_of_one_squeezed(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Remove every axis of size 1 after picking the target's column."""
    log_p = _log_softmax(logits)
    if target.ndim == 2:
        return _reduce(-(target * log_p).sum(1), reduction)
    return _reduce(-log_p.gather(1, target.unsqueeze(1)).squeeze(), reduction)


# --- cross_entropy_backward ---------------------------------------------------------------------


@mistake(
    "cross_entropy_backward",
    source="davharris/mistnet#33",
    hints=(
        "The gradient does not shrink when the batch is repeated, although the loss is a mean.",
        'reduction="mean" is wrong for more than one example, "sum" is right.',
        "Your loss is a mean. What happens to your gradient if I duplicate the batch?",
    ),
)
def gradient_not_averaged(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Leave out the 1/N of the mean."""
    del reduction
    return _softmax(logits) - _rows(target, logits)


@mistake(
    "cross_entropy_backward",
    source=_BUILT,
    hints=(
        "The gradient of the mean is too small by a factor: the number of classes.",
        '"sum" is right.',
        "Over what does the loss average: over examples, or over all entries?",
    ),
)
def gradient_averaged_over_classes(
    logits: Tensor, target: Tensor, reduction: str = "mean"
) -> Tensor:
    """Divide by N times C."""
    grad = _softmax(logits) - _rows(target, logits)
    return grad / logits.numel() if reduction == "mean" else grad


@mistake(
    "cross_entropy_backward",
    source=_BUILT,
    hints=(
        "Every entry has the wrong sign.",
        "The target's entry is positive, the others are negative.",
        "Would a step against this gradient raise or lower the probability of the true class?",
    ),
)
def gradient_reversed(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Subtract the other way round."""
    return _average(_rows(target, logits) - _softmax(logits), reduction)


@mistake(
    "cross_entropy_backward",
    source="Sun, lecture 3: the symbol on the slide of the vectorised backward pass",
    hints=(
        "The rows of the gradient do not sum to 0.",
        "Classes that are not the target get no gradient at all.",
        "With respect to which variable did you differentiate: the probabilities or the logits?",
    ),
)
def gradient_wrt_probabilities(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Stop at the probabilities."""
    return _average(-_rows(target, logits) / _softmax(logits), reduction)


@mistake(
    "cross_entropy_backward",
    source=_BUILT,
    hints=(
        "The rows of the gradient do not sum to 0, and grow with the logits.",
        "The gradient changes when all logits of an example are shifted together.",
        "Do your probabilities sum to 1?",
    ),
)
def logits_for_probabilities(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Forget the softmax."""
    return _average(logits - _rows(target, logits), reduction)


@mistake(
    "cross_entropy_backward",
    source="Lightning-Universe/lightning-bolts#654, mlelarge/graph_neural_net#37",
    hints=(
        "The rows sum to 0, but a target that is already certain still gets a large gradient.",
        "The probabilities in the gradient hardly differ between the classes.",
        "How often do you apply softmax? Are the probabilities still in their natural spread?",
    ),
)
def gradient_softmax_twice(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Apply softmax to probabilities."""
    return _average(_softmax(_softmax(logits)) - _rows(target, logits), reduction)


@mistake(
    "cross_entropy_backward",
    source=_BUILT,
    hints=(
        "The gradient of the mean comes back, whatever was asked for.",
        '"sum" is too small by a factor: the size of the batch.',
        "Where in your function does `reduction` have a say?",
    ),
)
def always_averaged(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Ignore the reduction."""
    del reduction
    return (_softmax(logits) - _rows(target, logits)) / len(logits)


@mistake(
    "cross_entropy_backward",
    source="StackOverflow, 'numpy: calculate the derivative of the softmax function'",
    hints=(
        "The rows of the gradient do not sum to 0.",
        "For class indices the target's entry is right and all the others are 0.",
        "The loss looks at the target's probability only. On which logits does that depend?",
    ),
)
def target_class_only(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Use the diagonal of softmax's Jacobian only."""
    return _average(_rows(target, logits) * (_softmax(logits) - 1), reduction)


@mistake(
    "cross_entropy_backward",
    source=f"seen in 41 {_SETS}",
    hints=(
        "Small logits are right, large ones give NaN.",
        "It breaks in the probabilities, before the target is subtracted.",
        "softmax does not notice a shift of all logits. Which shift keeps exp harmless?",
    ),
)
def gradient_without_shift(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Exponentiate the logits as they come."""
    e = torch.exp(logits)
    return _average(e / e.sum(1, keepdim=True) - _rows(target, logits), reduction)


@mistake(
    "cross_entropy_backward",
    source=f"seen in 2 {_SETS}",
    hints=(
        "Large logits are survived, but not large differences between the examples of a batch.",
        "Examples far below the largest one give NaN.",
        "One example lies near 10 000, another near 0. What does exp leave of the second?",
    ),
)
def gradient_shift_by_overall_maximum(
    logits: Tensor, target: Tensor, reduction: str = "mean"
) -> Tensor:
    """Shift all examples by the largest logit of the batch."""
    e = torch.exp(logits - logits.max())
    return _average(e / e.sum(1, keepdim=True) - _rows(target, logits), reduction)


@mistake(
    "cross_entropy_backward",
    source=_BUILT,
    hints=(
        "The rows of the gradient do not sum to 0.",
        "An example's gradient depends on the other examples of the batch.",
        "Which entries compete for the same unit of probability?",
    ),
)
def gradient_softmax_over_batch(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Normalise over the examples."""
    return _average(_softmax(logits.T).T - _rows(target, logits), reduction)


@mistake(
    "cross_entropy_backward",
    source=_BUILT,
    hints=(
        "The rows of the gradient sum to a positive number, not to 0.",
        "The result does not change with the target.",
        "If the target were another class, should the gradient stay the same?",
    ),
)
def target_left_out(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Return the probabilities."""
    del target
    return _average(_softmax(logits), reduction)


@mistake(
    "cross_entropy_backward",
    source=_BUILT,
    hints=(
        "Targets given as probabilities count as if they were certain.",
        "Class indices and rows with a single 1 are right.",
        "A target of (0.6, 0.4): towards which probabilities should the gradient pull?",
    ),
)
def soft_gradient_hardened(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Keep the most likely class of a soft target only."""
    index = target.argmax(1) if target.ndim == 2 else target
    return _average(_softmax(logits) - _rows(index, logits), reduction)


@mistake(
    "cross_entropy_backward",
    source="the slides and class notes number the classes 1..C",
    hints=(
        "Each row pulls towards a class that is not its target.",
        "Only targets given as class indices are wrong.",
        "Which column of the logits belongs to the target 0?",
    ),
)
def gradient_targets_from_one(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Count the classes from 1."""
    rows = _rows(target if target.ndim == 2 else target - 1, logits)
    return _average(_softmax(logits) - rows, reduction)


@mistake(
    "cross_entropy_backward",
    source=_BUILT,
    hints=(
        "The rows of the gradient sum to a negative number, not to 0.",
        "Only class indices are wrong, and only in a batch whose targets differ.",
        "Your indexing names some columns. In which rows does it act?",
    ),
)
def target_columns_of_every_row(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Subtract 1 in the columns of all targets, in every row."""
    grad = _softmax(logits)
    if target.ndim == 2:
        return _average(grad - target, reduction)
    grad[:, target] -= 1
    return _average(grad, reduction)


@mistake(
    "cross_entropy_backward",
    source=_BUILT,
    hints=(
        "The rows of the gradient do not sum to 0 for a mean; for a sum they do.",
        "Classes that are not the target are right, the target's entry is far too negative.",
        "Which of the two terms does the 1/N belong to?",
    ),
)
def only_probabilities_averaged(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Divide the first term by N, but not the second."""
    return _average(_softmax(logits), reduction) - _rows(target, logits)


@mistake(
    "cross_entropy_backward",
    source=_BUILT,
    hints=(
        "The rows of the gradient do not sum to 0: nearly all entries are negative.",
        "It is wrong for all inputs, and worst for classes that are nearly impossible.",
        "Is the derivative written with probabilities or with their logarithms?",
    ),
)
def log_probabilities_for_probabilities(
    logits: Tensor, target: Tensor, reduction: str = "mean"
) -> Tensor:
    """Subtract the target from the log-probabilities."""
    return _average(_log_softmax(logits) - _rows(target, logits), reduction)


@mistake(
    "cross_entropy_backward",
    source=f"as the log of a stored probability, seen in 65 {_SETS}",
    hints=(
        "All is right until a probability is too small to be stored; then NaN comes out.",
        "It happens for logits about 745 (104 in float32) below the largest of their example.",
        "You divide by a probability and multiply by it again. What if it is 0?",
    ),
)
def through_stored_probability(logits: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Chain the derivatives of the logarithm and of softmax, one after the other."""
    p = _softmax(logits)
    grad_p = -_rows(target, logits) / p
    return _average(p * (grad_p - (grad_p * p).sum(1, keepdim=True)), reduction)


# --- bce_with_logits ----------------------------------------------------------------------------


@mistake(
    "bce_with_logits",
    source=f"seen in 65 {_SETS} (for softmax)",
    hints=(
        "Small scores are right, large ones give infinity or NaN, even where the loss is 0.",
        "It begins where 1 minus the sigmoid is 0 in floating point: near 37 (17 in float32).",
        "You go through a number too small to store. Can you avoid visiting it?",
    ),
)
def loss_of_stored_sigmoid(z: Tensor, y: Tensor, reduction: str = "mean") -> Tensor:
    """Take the logarithm of a sigmoid that has become 0 or 1."""
    p = torch.sigmoid(z)
    return _reduce(-(y * torch.log(p) + (1 - y) * torch.log(1 - p)), reduction)


@mistake(
    "bce_with_logits",
    source="the class notes print it so, 2.1.1",
    hints=(
        "The loss is negative, and falls when the model gets worse.",
        "Only the sign is wrong, everywhere.",
        "What must the loss of a perfect model be, and can any model have less?",
    ),
)
def binary_minus_missing(z: Tensor, y: Tensor, reduction: str = "mean") -> Tensor:
    """Return the log-likelihood."""
    losses = z.clamp(min=0) - z * y + torch.log1p(torch.exp(-z.abs()))
    return _reduce(-losses, reduction)


@mistake(
    "bce_with_logits",
    source=f"seen in 5 {_SETS} (for softmax)",
    hints=(
        "Small scores are nearly right, the losses of confident mistakes are far too small.",
        "No loss is ever above about 18.",
        "A score of 800 and the truth 0 should cost 800. Can your logarithm get that far?",
    ),
)
def sigmoid_with_epsilon(z: Tensor, y: Tensor, reduction: str = "mean") -> Tensor:
    """Add a small number inside both logarithms."""
    p = torch.sigmoid(z)
    return _reduce(-(y * torch.log(p + 1e-8) + (1 - y) * torch.log(1 - p + 1e-8)), reduction)


@mistake(
    "bce_with_logits",
    source=_BUILT,
    hints=(
        "A score of 0 should cost ln 2 and does not; large scores cost at most 1.32.",
        "It is wrong for all inputs.",
        "How often do you turn the score into a probability?",
    ),
)
def sigmoid_twice(z: Tensor, y: Tensor, reduction: str = "mean") -> Tensor:
    """Treat the probability as a score."""
    p = torch.sigmoid(z)
    return _reduce(p - p * y + torch.log1p(torch.exp(-p)), reduction)


@mistake(
    "bce_with_logits",
    source=_BUILT,
    hints=(
        "Many results are not numbers at all, even for small scores.",
        "It happens for scores outside of 0 to 1.",
        "What turns a score into a probability here?",
    ),
)
def score_for_probability(z: Tensor, y: Tensor, reduction: str = "mean") -> Tensor:
    """Take the logarithm of the score."""
    return _reduce(-(y * torch.log(z) + (1 - y) * torch.log(1 - z)), reduction)


@mistake(
    "bce_with_logits",
    source=_BUILT,
    hints=(
        "Targets of 0 cost nothing, whatever the score.",
        "Targets of 1 are right.",
        "What should a high score cost when the truth is no?",
    ),
)
def yes_term_only(z: Tensor, y: Tensor, reduction: str = "mean") -> Tensor:
    """Leave out the term of the truth 0."""
    return _reduce(y * ((-z).clamp(min=0) + torch.log1p(torch.exp(-z.abs()))), reduction)


@mistake(
    "bce_with_logits",
    source=_BUILT,
    hints=(
        "The loss doubles when the batch is repeated, although a mean was asked for.",
        'reduction="mean" is wrong for more than one element; "sum" and "none" are right.',
        "By what does a mean divide?",
    ),
)
def binary_mean_is_a_sum(z: Tensor, y: Tensor, reduction: str = "mean") -> Tensor:
    """Sum where a mean is asked for."""
    losses = z.clamp(min=0) - z * y + torch.log1p(torch.exp(-z.abs()))
    return losses if reduction == "none" else losses.sum()


@mistake(
    "bce_with_logits",
    source=_BUILT,
    hints=(
        "The mean is too large by a factor: the number of columns.",
        "Inputs of a single axis are right.",
        "How many losses are there in a tensor of shape (N, D)?",
    ),
)
def mean_over_rows_only(z: Tensor, y: Tensor, reduction: str = "mean") -> Tensor:
    """Divide by the size of the first axis."""
    losses = z.clamp(min=0) - z * y + torch.log1p(torch.exp(-z.abs()))
    return losses.sum() / len(z) if reduction == "mean" else _reduce(losses, reduction)


@mistake(
    "bce_with_logits",
    source=_BUILT,
    hints=(
        "The mean comes back, whatever was asked for.",
        '"sum" has the wrong size, "none" the wrong shape.',
        "Where in your function does `reduction` have a say?",
    ),
)
def binary_reduction_ignored(z: Tensor, y: Tensor, reduction: str = "mean") -> Tensor:
    """Always average."""
    del reduction
    return (z.clamp(min=0) - z * y + torch.log1p(torch.exp(-z.abs()))).mean()


@mistake(
    "bce_with_logits",
    source=_BUILT,
    hints=(
        "Right answers are expensive and wrong ones cheap.",
        "Targets of 0 and 1 seem to have changed places; a target of 1/2 is right.",
        "Is the sigmoid the probability of yes or of no?",
    ),
)
def targets_swapped(z: Tensor, y: Tensor, reduction: str = "mean") -> Tensor:
    """Take the sigmoid for the probability of 0."""
    losses = z.clamp(min=0) - z * (1 - y) + torch.log1p(torch.exp(-z.abs()))
    return _reduce(losses, reduction)


@mistake(
    "bce_with_logits",
    source=f"seen in 41 {_SETS} (for softmax)",
    hints=(
        "Large positive scores give infinity, large negative ones are right.",
        "It begins at about 710 (89 in float32).",
        "For which sign of the score is your exponent harmless, and what about the other?",
    ),
)
def overflow_on_one_side(z: Tensor, y: Tensor, reduction: str = "mean") -> Tensor:
    """Use log(1 + exp(z)) for scores of either sign."""
    return _reduce(torch.log1p(torch.exp(z)) - z * y, reduction)


@mistake(
    "bce_with_logits",
    source=_BUILT,
    hints=(
        "Negative scores are right, positive ones cost too little, even less than nothing.",
        "The error of a positive score is the score itself.",
        "You made the exponent negative for either sign. What did that cost, for positive scores?",
    ),
)
def positive_part_missing(z: Tensor, y: Tensor, reduction: str = "mean") -> Tensor:
    """Put the absolute value in without paying for it."""
    return _reduce(torch.log1p(torch.exp(-z.abs())) - z * y, reduction)


@mistake(
    "bce_with_logits",
    source=_BUILT,
    hints=(
        "Targets of 0 and 1 are right, targets between count as if they were certain.",
        "It shows for soft targets only.",
        "A target of 0.4: how much does the yes-term contribute?",
    ),
)
def targets_rounded(z: Tensor, y: Tensor, reduction: str = "mean") -> Tensor:
    """Round the targets."""
    hard = (y > 0.5).to(z.dtype)
    return _reduce(z.clamp(min=0) - z * hard + torch.log1p(torch.exp(-z.abs())), reduction)


@mistake(
    "bce_with_logits",
    source=_BUILT,
    hints=(
        "Targets of 1 are right, targets of 0 cost ln 2 whatever the score.",
        "Targets between are wrong too.",
        "Your formula has its labels at -1 and 1. Where are they here?",
    ),
)
def labels_of_minus_one(z: Tensor, y: Tensor, reduction: str = "mean") -> Tensor:
    """Use the loss for labels -1 and 1 with labels 0 and 1."""
    margin = z * y
    return _reduce((-margin).clamp(min=0) + torch.log1p(torch.exp(-margin.abs())), reduction)


# --- gaussian_nll -------------------------------------------------------------------------------


@mistake(
    "gaussian_nll",
    source="the default of torch.nn.functional.gaussian_nll_loss",
    hints=(
        "Every result is too small by one and the same number.",
        "That number is 0.9189 and depends on nothing.",
        "What is the density of the standard normal distribution at 0?",
    ),
)
def constant_dropped(y: Tensor, mu: Tensor, var: Tensor) -> Tensor:
    """Leave out what does not depend on the parameters."""
    return 0.5 * (torch.log(var) + (y - mu) ** 2 / var)


@mistake(
    "gaussian_nll",
    source=_BUILT,
    hints=(
        "A variance of 1 is right, every other one is not.",
        "The wider the distribution, the more you undercharge what is far from the mean.",
        "If the variance is 9, how far does a typical observation sit from the mean?",
    ),
)
def variance_as_deviation(y: Tensor, mu: Tensor, var: Tensor) -> Tensor:
    """Take `var` for the standard deviation."""
    return 0.5 * math.log(2 * math.pi) + torch.log(var) + 0.5 * ((y - mu) / var) ** 2


@mistake(
    "gaussian_nll",
    source=_BUILT,
    hints=(
        "A variance of 1 is right, every other one is not, even at the mean.",
        "The term with the square is right.",
        "The density holds 1 over the root of the variance. What is the log of a root?",
    ),
)
def half_missing_at_log(y: Tensor, mu: Tensor, var: Tensor) -> Tensor:
    """Lose the root of the normaliser."""
    return 0.5 * math.log(2 * math.pi) + torch.log(var) + 0.5 * (y - mu) ** 2 / var


@mistake(
    "gaussian_nll",
    source=_BUILT,
    hints=(
        "A variance of 1 is right; an ever larger variance is never charged for.",
        "At the mean the result is the same for all variances.",
        "If predicting a huge variance were free, what would a network learn to predict?",
    ),
)
def log_variance_missing(y: Tensor, mu: Tensor, var: Tensor) -> Tensor:
    """Keep the weighted square and the constant."""
    return 0.5 * (math.log(2 * math.pi) + (y - mu) ** 2 / var)


@mistake(
    "gaussian_nll",
    source=_BUILT,
    hints=(
        "Observations far from the mean should cost more than near ones, and cost less.",
        "Only the sign is wrong, everywhere.",
        "Is it the log-likelihood that you return, or what is to be minimised?",
    ),
)
def log_likelihood(y: Tensor, mu: Tensor, var: Tensor) -> Tensor:
    """Forget the minus."""
    return -0.5 * (math.log(2 * math.pi) + torch.log(var) + (y - mu) ** 2 / var)


@mistake(
    "gaussian_nll",
    source=_BUILT,
    hints=(
        "At the mean all is right; away from it you charge too much.",
        "The distance from the mean counts twice as much as it should.",
        "What stands before the square in the exponent of the density?",
    ),
)
def half_missing_at_square(y: Tensor, mu: Tensor, var: Tensor) -> Tensor:
    """Lose the 2 in the exponent."""
    return 0.5 * (math.log(2 * math.pi) + torch.log(var)) + (y - mu) ** 2 / var


@mistake(
    "gaussian_nll",
    source=_BUILT,
    hints=(
        "The wider the distribution, the more you charge for a distance from the mean.",
        "At the mean, and for a variance of 1, all is right.",
        "Two metres off: is that a surprise if the deviation is 1 cm, or if it is 10 m?",
    ),
)
def variance_multiplies(y: Tensor, mu: Tensor, var: Tensor) -> Tensor:
    """Take `var` for the precision in the exponent."""
    return 0.5 * (math.log(2 * math.pi) + torch.log(var) + (y - mu) ** 2 * var)


@mistake(
    "gaussian_nll",
    source=_BUILT,
    hints=(
        "One number comes back where one per element is asked for.",
        "It is the mean of the right numbers.",
        "What shape does the handout promise?",
    ),
)
def nll_averaged(y: Tensor, mu: Tensor, var: Tensor) -> Tensor:
    """Reduce although nothing is said of it."""
    return (0.5 * (math.log(2 * math.pi) + torch.log(var) + (y - mu) ** 2 / var)).mean()


@mistake(
    "gaussian_nll",
    source=f"seen in 65 {_SETS} (for softmax)",
    hints=(
        "All is right until an observation is very far from the mean; then infinity comes out.",
        "It happens where the density is too small to be stored.",
        "Must the density itself be computed, if all you want is its logarithm?",
    ),
)
def log_of_density(y: Tensor, mu: Tensor, var: Tensor) -> Tensor:
    """Take the logarithm of a density that has become 0."""
    density = torch.exp(-((y - mu) ** 2) / (2 * var)) / torch.sqrt(2 * math.pi * var)
    return -torch.log(density)


@mistake(
    "gaussian_nll",
    source=_BUILT,
    hints=(
        "Every result is too large by one and the same number.",
        "That number is 0.9189 and depends on nothing.",
        "What is the density of the standard normal distribution at 0?",
    ),
)
def constant_not_halved(y: Tensor, mu: Tensor, var: Tensor) -> Tensor:
    """Lose the root of 2 pi."""
    return math.log(2 * math.pi) + 0.5 * (torch.log(var) + (y - mu) ** 2 / var)


@mistake(
    "gaussian_nll",
    source=_BUILT,
    hints=(
        "At the mean all is right; far from it you charge too little, very near it too much.",
        "Twice the distance should cost four times as much, and costs twice.",
        "How does the distance from the mean enter the exponent of the density?",
    ),
)
def distance_not_squared(y: Tensor, mu: Tensor, var: Tensor) -> Tensor:
    """Use the absolute distance, as a Laplace distribution does."""
    return 0.5 * (math.log(2 * math.pi) + torch.log(var) + (y - mu).abs() / var)


@mistake(
    "gaussian_nll",
    source=_BUILT,
    hints=(
        "No variance is right, not even 1.",
        "Large variances are charged in proportion, not by their logarithm.",
        "Is the third argument a variance or the logarithm of one?",
    ),
)
def variance_as_log_variance(y: Tensor, mu: Tensor, var: Tensor) -> Tensor:
    """Take `var` for the log-variance."""
    return 0.5 * (math.log(2 * math.pi) + var + (y - mu) ** 2 * torch.exp(-var))


@mistake(
    "gaussian_nll",
    source="torch.nn.functional.gaussian_nll_loss has an eps; added here instead of clamped",
    hints=(
        "Ordinary variances are nearly right, very small ones are not.",
        "A variance of 0.0001 shows it.",
        "Is every variance that you use the one that you were given?",
    ),
)
def epsilon_added_to_variance(y: Tensor, mu: Tensor, var: Tensor) -> Tensor:
    """Guard against a variance of 0 that never comes."""
    safe = var + 1e-6
    return 0.5 * (math.log(2 * math.pi) + torch.log(safe) + (y - mu) ** 2 / safe)


# --- entropy ------------------------------------------------------------------------------------


@mistake(
    "entropy",
    source="the class notes leave out the same minus, 2.1.1",
    hints=(
        "The results are negative, but uncertainty cannot be.",
        "Only the sign is wrong, everywhere.",
        "What sign has the logarithm of a probability?",
    ),
)
def entropy_minus_missing(p: Tensor) -> Tensor:
    """Forget the minus."""
    return torch.xlogy(p, p).sum(-1)


@mistake(
    "entropy",
    source="0 * inf = nan: seen in a course's own temporal softmax loss",
    hints=(
        "Positive probabilities are right, a single zero makes the result NaN.",
        "It happens in rows that hold an impossible event.",
        "What is 0 times minus infinity for a computer, and what should it be here?",
    ),
)
def entropy_of_zero_is_nan(p: Tensor) -> Tensor:
    """Multiply 0 with the logarithm of 0."""
    return -(p * torch.log(p)).sum(-1)


@mistake(
    "entropy",
    source=_BUILT,
    hints=(
        "Every result is too large by one and the same factor.",
        "A fair coin should have ln 2 and has 1.",
        "In which unit does the handout measure?",
    ),
)
def entropy_in_bits(p: Tensor) -> Tensor:
    """Use logarithms to the base 2."""
    return -torch.xlogy(p, p).sum(-1) / math.log(2)


@mistake(
    "entropy",
    source=_BUILT,
    hints=(
        "The results are too small by a factor: the number of events.",
        "It is wrong for all inputs; for a uniform distribution it is ln C over C.",
        "The mean surprise: with which weights is the mean taken?",
    ),
)
def entropy_averaged(p: Tensor) -> Tensor:
    """Average over the events once more."""
    return -torch.xlogy(p, p).mean(-1)


@mistake(
    "entropy",
    source=_BUILT,
    hints=(
        "One number comes back where one per row is asked for.",
        "A single distribution is right, a batch of them is not.",
        "What is left of the rows, once the zeros have been picked out?",
    ),
)
def entropy_of_whole_tensor(p: Tensor) -> Tensor:
    """Pick the positive entries and lose the rows."""
    positive = p[p > 0]
    return -(positive * torch.log(positive)).sum()


@mistake(
    "entropy",
    source=_BUILT,
    hints=(
        "Nearly impossible events make the result huge, and should hardly count.",
        "It is wrong for all inputs with more than one event; zeros make it infinite.",
        "How often does one meet an event of probability p?",
    ),
)
def entropy_unweighted(p: Tensor) -> Tensor:
    """Sum the surprises without their weights."""
    return -torch.log(p).sum(-1)


@mistake(
    "entropy",
    source=_BUILT,
    hints=(
        "Uniform and certain distributions are right, all others come out too small.",
        "It holds for one row as for many.",
        "Is the mean of the logarithms the logarithm of the mean?",
    ),
)
def logarithm_of_mean_probability(p: Tensor) -> Tensor:
    """Average first, then take the logarithm (the collision entropy)."""
    return -torch.log((p * p).sum(-1))


@mistake(
    "entropy",
    source=_BUILT,
    hints=(
        "The results lie between 0 and 1 and are too small.",
        "Certain distributions are right, uniform ones give 1 - 1/C instead of ln C.",
        "Where is the logarithm?",
    ),
)
def gini_impurity(p: Tensor) -> Tensor:
    """Use the impurity of decision trees."""
    return (p * (1 - p)).sum(-1)


@mistake(
    "entropy",
    source=_BUILT,
    hints=(
        "Every uniform distribution gives 1, whatever the number of events.",
        "The results are too small by a factor that depends on the number of events only.",
        "Is a fair die as uncertain as a fair coin?",
    ),
)
def entropy_normalised(p: Tensor) -> Tensor:
    """Divide by the largest entropy there is."""
    return -torch.xlogy(p, p).sum(-1) / math.log(p.shape[-1])


@mistake(
    "entropy",
    source="constructed: a threshold for zero that real probabilities fall below",
    hints=(
        "Rare events count for nothing, although they can happen.",
        "Zeros are right, and so are ordinary probabilities; about a millionth shows it.",
        "Which probabilities does your code treat as if they were 0?",
    ),
)
def rare_events_dropped(p: Tensor) -> Tensor:
    """Treat every probability below a threshold as 0."""
    return -torch.where(p > 1e-6, torch.xlogy(p, p), 0.0).sum(-1)


# --- cross_entropy_discrete ---------------------------------------------------------------------


@mistake(
    "cross_entropy_discrete",
    source="the class notes print it so, 2.1.1",
    hints=(
        "The results are negative, but a mean surprise cannot be.",
        "Only the sign is wrong, everywhere.",
        "What sign has the logarithm of a probability?",
    ),
)
def discrete_minus_missing(p: Tensor, q: Tensor) -> Tensor:
    """Forget the minus."""
    return torch.xlogy(p, q).sum(-1)


@mistake(
    "cross_entropy_discrete",
    source=_BUILT,
    hints=(
        "The arguments seem to have changed places.",
        "p = q is right, everything else is not.",
        "Under which of the two distributions do events happen, and which one is only believed?",
    ),
)
def arguments_swapped(p: Tensor, q: Tensor) -> Tensor:
    """Average under the belief."""
    return -torch.xlogy(q, p).sum(-1)


@mistake(
    "cross_entropy_discrete",
    source="0 * inf = nan: seen in a course's own temporal softmax loss",
    hints=(
        "Positive probabilities are right, a zero in both makes the result NaN.",
        "It happens where an event cannot happen and is believed impossible.",
        "What is 0 times minus infinity for a computer, and what should it be here?",
    ),
)
def zero_times_infinity(p: Tensor, q: Tensor) -> Tensor:
    """Multiply 0 with the logarithm of 0."""
    return -(p * torch.log(q)).sum(-1)


@mistake(
    "cross_entropy_discrete",
    source="session 2, 'Loss functions': the label 'divergence' under the cross-entropy term",
    hints=(
        "p = q should give the entropy and gives 0.",
        "Every result is too small, by a number that depends on p only.",
        "Does someone who believes the truth never meet a surprise?",
    ),
)
def divergence_for_cross_entropy(p: Tensor, q: Tensor) -> Tensor:
    """Subtract the entropy."""
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum(-1)


@mistake(
    "cross_entropy_discrete",
    source=f"seen in 5 {_SETS}",
    hints=(
        "An event that was believed impossible should be an infinite surprise, and is not.",
        "Ordinary probabilities are nearly right; zeros in q alone show it.",
        "Is every probability whose logarithm you take one that you were given?",
    ),
)
def epsilon_added_to_belief(p: Tensor, q: Tensor) -> Tensor:
    """Add a small number to every q."""
    return -(p * torch.log(q + 1e-8)).sum(-1)


@mistake(
    "cross_entropy_discrete",
    source=_BUILT,
    hints=(
        "One number comes back where one per row is asked for.",
        "A single pair of distributions is right, a batch is not.",
        "Over which axis should the sum run?",
    ),
)
def discrete_sum_over_batch(p: Tensor, q: Tensor) -> Tensor:
    """Sum over everything."""
    return -torch.xlogy(p, q).sum()


@mistake(
    "cross_entropy_discrete",
    source=_BUILT,
    hints=(
        "The results are too small by a factor: the number of events.",
        "Infinite results are right, all finite ones are not.",
        "The mean surprise: with which weights is the mean taken?",
    ),
)
def discrete_averaged(p: Tensor, q: Tensor) -> Tensor:
    """Average over the events once more."""
    return -torch.xlogy(p, q).mean(-1)


@mistake(
    "cross_entropy_discrete",
    source=_BUILT,
    hints=(
        "Every result is too large by one and the same factor.",
        "A fair coin, believed to be fair, should give ln 2 and gives 1.",
        "In which unit does the handout measure?",
    ),
)
def discrete_in_bits(p: Tensor, q: Tensor) -> Tensor:
    """Use logarithms to the base 2."""
    return -torch.xlogy(p, q).sum(-1) / math.log(2)


@mistake(
    "cross_entropy_discrete",
    source=f"seen in 2 {_SETS} (as -log(sum p))",
    hints=(
        "Certain p are right, all others come out too small.",
        "An event believed impossible is forgiven if another one can happen.",
        "Is the mean of the logarithms the logarithm of the mean?",
    ),
)
def logarithm_of_mean_belief(p: Tensor, q: Tensor) -> Tensor:
    """Average the beliefs first, then take the logarithm."""
    return -torch.log((p * q).sum(-1))


@mistake(
    "cross_entropy_discrete",
    source=_BUILT,
    hints=(
        "An event that was believed impossible should be an infinite surprise, and costs nothing.",
        "Ordinary probabilities are right; zeros in q alone show it.",
        "You skip the zeros of q. Are all of them harmless?",
    ),
)
def impossible_beliefs_skipped(p: Tensor, q: Tensor) -> Tensor:
    """Leave out every event with q = 0."""
    return -torch.where(q > 0, torch.xlogy(p, q), 0.0).sum(-1)


@mistake(
    "cross_entropy_discrete",
    source=_BUILT,
    hints=(
        "The result does not change with p.",
        "It is wrong for all inputs with more than one event.",
        "How often does each surprise happen?",
    ),
)
def discrete_unweighted(p: Tensor, q: Tensor) -> Tensor:
    """Sum the surprises without their weights."""
    del p
    return -torch.log(q).sum(-1)


@mistake(
    "cross_entropy_discrete",
    source=_BUILT,
    hints=(
        "The results are too large, more so the more events there are.",
        "For two events they are twice the right value.",
        "Each event happens or does not: which of the two does the formula charge for?",
    ),
)
def discrete_binary_terms(p: Tensor, q: Tensor) -> Tensor:
    """Add a binary term for each event."""
    return -(torch.xlogy(p, q) + torch.xlogy(1 - p, 1 - q)).sum(-1)


@mistake(
    "cross_entropy_discrete",
    source="constructed: a threshold for zero that real probabilities fall below",
    hints=(
        "Rare events count for nothing, even if they were believed impossible.",
        "Zeros are right, and so are ordinary probabilities; p of about a millionth shows it.",
        "Which probabilities does your code treat as if they were 0?",
    ),
)
def discrete_rare_events_dropped(p: Tensor, q: Tensor) -> Tensor:
    """Treat every p below a threshold as 0."""
    return -torch.where(p > 1e-6, torch.xlogy(p, q), 0.0).sum(-1)


# --- kl_discrete --------------------------------------------------------------------------------


@mistake(
    "kl_discrete",
    source="session 2, 'Loss functions', calls it a distance",
    hints=(
        "The arguments seem to have changed places.",
        "p = q is right, everything else is not; the infinities sit in the wrong rows.",
        "Under which of the two distributions do you take the average?",
    ),
)
def reverse_divergence(p: Tensor, q: Tensor) -> Tensor:
    """Compute KL(q || p)."""
    return (torch.xlogy(q, q) - torch.xlogy(q, p)).sum(-1)


@mistake(
    "kl_discrete",
    source="0 * inf = nan: seen in a course's own temporal softmax loss",
    hints=(
        "Positive probabilities are right, a zero in p makes the result NaN.",
        "It happens where an event cannot happen, whatever was believed.",
        "What is 0 times minus infinity for a computer, and what should it be here?",
    ),
)
def divergence_of_zero_is_nan(p: Tensor, q: Tensor) -> Tensor:
    """Multiply 0 with the logarithm of 0."""
    return (p * torch.log(p / q)).sum(-1)


@mistake(
    "kl_discrete",
    source=f"seen in 5 {_SETS}",
    hints=(
        "An event that was believed impossible should make the result infinite, and does not.",
        "Ordinary probabilities are nearly right; zeros in q alone show it.",
        "Is every probability that you use one that you were given?",
    ),
)
def divergence_with_epsilon(p: Tensor, q: Tensor) -> Tensor:
    """Add a small number to every probability."""
    return (p * torch.log((p + 1e-8) / (q + 1e-8))).sum(-1)


@mistake(
    "kl_discrete",
    source=_BUILT,
    hints=(
        "The results are negative, but a divergence cannot be.",
        "Only the sign is wrong, everywhere.",
        "Which of the two surprises is larger on average: that of the believer, or of who knows?",
    ),
)
def divergence_negated(p: Tensor, q: Tensor) -> Tensor:
    """Turn the fraction upside down."""
    return (torch.xlogy(p, q) - torch.xlogy(p, p)).sum(-1)


@mistake(
    "kl_discrete",
    source="session 2, 'Loss functions': the label 'divergence' under the cross-entropy term",
    hints=(
        "p = q should give 0 and does not.",
        "Every result is too large, by a number that depends on p only.",
        "How much of the surprise could not have been avoided?",
    ),
)
def cross_entropy_for_divergence(p: Tensor, q: Tensor) -> Tensor:
    """Leave the entropy in."""
    return -torch.xlogy(p, q).sum(-1)


@mistake(
    "kl_discrete",
    source="torch.nn.functional.kl_div averages over all elements by default",
    hints=(
        "The results are too small by a factor: the number of events.",
        "0 and infinity are right, everything between is not.",
        "The mean over events: with which weights is it taken?",
    ),
)
def divergence_averaged(p: Tensor, q: Tensor) -> Tensor:
    """Average over the events once more."""
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).mean(-1)


@mistake(
    "kl_discrete",
    source=_BUILT,
    hints=(
        "One number comes back where one per row is asked for.",
        "A single pair of distributions is right, a batch is not.",
        "Over which axis should the sum run?",
    ),
)
def divergence_sum_over_batch(p: Tensor, q: Tensor) -> Tensor:
    """Sum over everything."""
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum()


@mistake(
    "kl_discrete",
    source=_BUILT,
    hints=(
        "Nearly impossible events dominate the result, and should hardly count.",
        "p = q is right, everything else is not.",
        "How often does one meet an event of probability p?",
    ),
)
def divergence_unweighted(p: Tensor, q: Tensor) -> Tensor:
    """Sum the log-ratios without their weights."""
    return torch.log(p / q).sum(-1)


@mistake(
    "kl_discrete",
    source="session 2, 'Loss functions', calls it a distance",
    hints=(
        "The result stays the same when the arguments change places, and should not.",
        "It lies half-way between the two orders; p = q is right.",
        "What does believing q cost if p is true, and what the other way round?",
    ),
)
def divergence_symmetrised(p: Tensor, q: Tensor) -> Tensor:
    """Average both orders, as if it were a distance."""
    forward = torch.xlogy(p, p) - torch.xlogy(p, q)
    backward = torch.xlogy(q, q) - torch.xlogy(q, p)
    return 0.5 * (forward + backward).sum(-1)


@mistake(
    "kl_discrete",
    source=_BUILT,
    hints=(
        "Every finite result is too large by one and the same factor.",
        "A certain event, believed to be a fair coin, should give ln 2 and gives 1.",
        "In which unit does the handout measure?",
    ),
)
def divergence_in_bits(p: Tensor, q: Tensor) -> Tensor:
    """Use logarithms to the base 2."""
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum(-1) / math.log(2)


@mistake(
    "kl_discrete",
    source=_BUILT,
    hints=(
        "An event that was believed impossible should make the result infinite, and is left out.",
        "Ordinary probabilities are right; zeros in q alone show it.",
        "You skip the zeros of q. Are all of them harmless?",
    ),
)
def impossible_events_skipped(p: Tensor, q: Tensor) -> Tensor:
    """Leave out every event with q = 0."""
    terms = torch.xlogy(p, p) - torch.xlogy(p, q)
    return torch.where(q > 0, terms, 0.0).sum(-1)


@mistake(
    "kl_discrete",
    source=_BUILT,
    hints=(
        "The results are too large; p = q and certain p are right.",
        "It is wrong wherever some event is likelier than believed and another less likely.",
        "Must every single term of the sum be positive, or only the sum?",
    ),
)
def terms_made_positive(p: Tensor, q: Tensor) -> Tensor:
    """Take the absolute value of each term."""
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).abs().sum(-1)


@mistake(
    "kl_discrete",
    source="constructed: a threshold for zero that real probabilities fall below",
    hints=(
        "Rare events count for nothing, even if they were believed impossible.",
        "Zeros are right, and so are ordinary probabilities; p of about a millionth shows it.",
        "Which probabilities does your code treat as if they were 0?",
    ),
)
def divergence_rare_events_dropped(p: Tensor, q: Tensor) -> Tensor:
    """Treat every p below a threshold as 0."""
    return torch.where(p > 1e-6, torch.xlogy(p, p) - torch.xlogy(p, q), 0.0).sum(-1)


# --- nll_equals_lsq -----------------------------------------------------------------------------


def _solve(x: Tensor, y: Tensor) -> Tensor:
    return torch.linalg.solve(x.T @ x, x.T @ y)


def _mean_nll(x: Tensor, y: Tensor, theta: Tensor, sigma: float) -> Tensor:
    squares = (y - x @ theta) ** 2
    return 0.5 * math.log(2 * math.pi * sigma**2) + squares.mean() / (2 * sigma**2)


@mistake(
    "nll_equals_lsq",
    source=_BUILT,
    hints=(
        "theta is right; nll is right for sigma = 1 only.",
        "Even points that are fitted exactly have the wrong nll.",
        "How does the height of the bell depend on its width?",
    ),
)
def log_sigma_missing(x: Tensor, y: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Leave log(sigma) out of the loss."""
    theta = _solve(x, y)
    squares = (y - x @ theta) ** 2
    return theta, 0.5 * math.log(2 * math.pi) + squares.mean() / (2 * sigma**2)


@mistake(
    "nll_equals_lsq",
    source="torch.nn.functional.gaussian_nll_loss leaves it out by default",
    hints=(
        "theta is right; nll is too small by one and the same number.",
        "That number is 0.9189 and depends on nothing.",
        "What is the density of the standard normal distribution at 0?",
    ),
)
def fit_constant_dropped(x: Tensor, y: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Leave out the constant."""
    theta = _solve(x, y)
    return theta, _mean_nll(x, y, theta, sigma) - 0.5 * math.log(2 * math.pi)


@mistake(
    "nll_equals_lsq",
    source=_BUILT,
    hints=(
        "theta is right; nll is right for sigma = 1 and wrong for all others.",
        "Both the logarithm and the squares use the wrong power of sigma.",
        "Is the third argument the variance, or the standard deviation?",
    ),
)
def sigma_as_variance(x: Tensor, y: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Take `sigma` for the variance."""
    theta = _solve(x, y)
    return theta, _mean_nll(x, y, theta, math.sqrt(sigma))


@mistake(
    "nll_equals_lsq",
    source=_BUILT,
    hints=(
        "theta is right; nll grows with the number of points.",
        "It doubles when all points are repeated.",
        "Is it the sum or the mean of the losses that the handout asks for?",
    ),
)
def fit_sum_for_mean(x: Tensor, y: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Sum over the points."""
    theta = _solve(x, y)
    return theta, len(y) * _mean_nll(x, y, theta, sigma)


@mistake(
    "nll_equals_lsq",
    source=_BUILT,
    hints=(
        "theta changes with sigma, and should not.",
        "It is right for sigma = 1.",
        "Set the gradient to 0: what can you divide the equation by?",
    ),
)
def theta_over_variance(x: Tensor, y: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Keep one 1/sigma^2 too many."""
    theta = _solve(x, y) / sigma**2
    return theta, _mean_nll(x, y, theta, sigma)


@mistake(
    "nll_equals_lsq",
    source=_BUILT,
    hints=(
        "theta is too short, more so the larger sigma is.",
        "Even points that lie exactly on a plane are not fitted.",
        "Does the likelihood say anything about how large theta may be?",
    ),
)
def prior_on_theta(x: Tensor, y: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Add a normal prior (ridge regression)."""
    ridge = sigma**2 * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    theta = torch.linalg.solve(x.T @ x + ridge, x.T @ y)
    return theta, _mean_nll(x, y, theta, sigma)


@mistake(
    "nll_equals_lsq",
    source="the one-dimensional formula of Sun, lecture 3, applied to each column",
    hints=(
        "theta is right for one input dimension, wrong for more.",
        "Even points that lie exactly on a plane are not fitted.",
        "Two columns carry the same information. Who gets the credit?",
    ),
)
def one_column_at_a_time(x: Tensor, y: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Fit each column as if it were alone."""
    theta = (x.T @ y) / (x**2).sum(0)
    return theta, _mean_nll(x, y, theta, sigma)


@mistake(
    "nll_equals_lsq",
    source=_BUILT,
    hints=(
        "theta is that of another model: one with an intercept.",
        "Points on a plane through the origin are fitted right, others are not.",
        "At x = 0, what does the model of the handout predict?",
    ),
)
def centred_first(x: Tensor, y: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Subtract the means first."""
    centred = x - x.mean(0)
    gram = centred.T @ centred + 1e-10 * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    theta = torch.linalg.solve(gram, centred.T @ (y - y.mean()))
    return theta, _mean_nll(x, y, theta, sigma)


@mistake(
    "nll_equals_lsq",
    source=_BUILT,
    hints=(
        "theta is right; what nll charges for the residuals is twice too much.",
        "Points that are fitted exactly have the right nll.",
        "What stands before the square in the exponent of the density?",
    ),
)
def fit_half_missing(x: Tensor, y: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Lose the 2 in the exponent."""
    theta = _solve(x, y)
    return theta, _mean_nll(x, y, theta, sigma) + ((y - x @ theta) ** 2).mean() / (2 * sigma**2)


@mistake(
    "nll_equals_lsq",
    source=_BUILT,
    hints=(
        "theta is right; nll has the wrong sign.",
        "The worse the fit, the smaller your number.",
        "Is it the log-likelihood that you return, or what is minimised?",
    ),
)
def fit_log_likelihood(x: Tensor, y: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Forget the minus."""
    theta = _solve(x, y)
    return theta, -_mean_nll(x, y, theta, sigma)


@mistake(
    "nll_equals_lsq",
    source="class notes, 3.2.1: the likelihood and the squared error called equivalent",
    hints=(
        "theta is right; nll does not change with sigma.",
        "Points that are fitted exactly give 0.",
        "The two losses have the same minimiser. Do they have the same value there?",
    ),
)
def squared_error_for_nll(x: Tensor, y: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Return the mean squared error."""
    del sigma
    theta = _solve(x, y)
    return theta, ((y - x @ theta) ** 2).mean()


@mistake(
    "nll_equals_lsq",
    source=_BUILT,
    hints=(
        "theta is wrong even for points that lie exactly on a plane.",
        "It scales with the inputs, but should scale against them.",
        "If all inputs are measured in a unit ten times smaller, what must happen to theta?",
    ),
)
def gram_matrix_missing(x: Tensor, y: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Stop at the correlation of inputs and observations."""
    theta = (x.T @ y) / len(y)
    return theta, _mean_nll(x, y, theta, sigma)


@mistake(
    "nll_equals_lsq",
    source=_BUILT,
    hints=(
        "theta is right; nll does not change with sigma.",
        "Points that are fitted exactly give a very negative number.",
        "Is the width of the noise given, or is it to be estimated too?",
    ),
)
def sigma_estimated(x: Tensor, y: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Replace sigma by the width of the residuals."""
    del sigma
    theta = _solve(x, y)
    variance = ((y - x @ theta) ** 2).mean().clamp(min=1e-6)
    return theta, 0.5 * (math.log(2 * math.pi) + torch.log(variance) + 1)
