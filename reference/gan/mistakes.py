"""Known wrong versions of the exercises on adversarial networks, and hints for each."""

import math

import torch

from autograder.checks.bank import mistake


def _softplus(x):
    return torch.nn.functional.softplus(x)


# --- discriminator_loss -----------------------------------------------------------------------


@mistake(
    "discriminator_loss",
    source="class notes, 11.2, which label real samples 0 and fake ones 1",
    hints=(
        "A discriminator that is right pays, one that is wrong does not.",
        "It shows whenever real and fake samples get different logits.",
        "What is D(x) to be for a real sample?",
    ),
)
def labels_swapped(real_logits, fake_logits):
    return _softplus(real_logits).mean() + _softplus(-fake_logits).mean()


@mistake(
    "discriminator_loss",
    source="a habit from CycleGAN and pix2pix code: the loss is halved",
    hints=(
        "An undecided discriminator pays ln 2 at your till.",
        "Both terms are right.",
        "Is V a sum of two means, or their mean?",
    ),
)
def halved(real_logits, fake_logits):
    return (_softplus(-real_logits).mean() + _softplus(fake_logits).mean()) / 2


@mistake(
    "discriminator_loss",
    source="constructed: one mean over both batches, doubled so that equal batches agree",
    hints=(
        "The larger batch gets more of a say.",
        "Batches of the same size hide it.",
        "Over how many samples is each of the two means?",
    ),
)
def one_mean_for_both(real_logits, fake_logits):
    both = torch.cat([_softplus(-real_logits).reshape(-1), _softplus(fake_logits).reshape(-1)])
    return 2 * both.mean()


@mistake(
    "discriminator_loss",
    source="constructed: sums over the batches",
    hints=(
        "Twice the data, twice the loss.",
        "Batches of one sample hide it.",
        "What becomes of your loss if every sample is shown twice?",
    ),
)
def sums_for_means(real_logits, fake_logits):
    return _softplus(-real_logits).sum() + _softplus(fake_logits).sum()


@mistake(
    "discriminator_loss",
    source="constructed: the value of the game itself, which is maximised",
    hints=(
        "Your loss is never positive.",
        "It is the right number in every other respect.",
        "Does an optimizer go up or down?",
    ),
)
def value_not_loss(real_logits, fake_logits):
    return -_softplus(-real_logits).mean() - _softplus(fake_logits).mean()


@mistake(
    "discriminator_loss",
    source="constructed: the difference of the two terms",
    hints=(
        "Raising the logits of fake samples lowers your loss.",
        "The real samples are right.",
        "Which sign has the second term of -V?",
    ),
)
def difference(real_logits, fake_logits):
    return _softplus(-real_logits).mean() - _softplus(fake_logits).mean()


@mistake(
    "discriminator_loss",
    source="constructed: a discriminator that never sees a fake",
    hints=(
        "Your loss does not depend on the fake samples.",
        "It lacks a term.",
        "What would a discriminator learn that may always answer 'real'?",
    ),
)
def real_only(real_logits, fake_logits):
    return _softplus(-real_logits).mean() + 0 * fake_logits.mean()


@mistake(
    "discriminator_loss",
    source="constructed: BCEWithLogitsLoss after a network that ends in Sigmoid",
    hints=(
        "Your loss hardly changes, however sure the discriminator is.",
        "It shows for all logits, even for 0.",
        "How many sigmoids stand between a logit and its probability?",
    ),
)
def sigmoid_twice(real_logits, fake_logits):
    return (
        _softplus(-torch.sigmoid(real_logits)).mean() + _softplus(torch.sigmoid(fake_logits)).mean()
    )


@mistake(
    "discriminator_loss",
    source="121 public solution sets of one course: the logarithm of a rounded probability",
    hints=(
        "For large logits your loss is infinite or no number.",
        "It is where a probability is rounded to 0 or to 1.",
        "Can you find the logarithm of a sigmoid without computing the sigmoid?",
    ),
)
def log_of_sigmoid(real_logits, fake_logits):
    of_real = torch.log(torch.sigmoid(real_logits))
    return -of_real.mean() - torch.log(1 - torch.sigmoid(fake_logits)).mean()


@mistake(
    "discriminator_loss",
    source="121 public solution sets of one course: log(p + 1e-8)",
    hints=(
        "However wrong the discriminator is, it never pays more than a fixed price.",
        "It shows for large logits.",
        "What is your loss for a real sample with the logit -1000?",
    ),
)
def epsilon_in_the_log(real_logits, fake_logits):
    of_real = torch.log(torch.sigmoid(real_logits) + 1e-12)
    return -of_real.mean() - torch.log(torch.sigmoid(-fake_logits) + 1e-12).mean()


@mistake(
    "discriminator_loss",
    source="torch's BCELoss, which cuts logarithms at -100",
    hints=(
        "However wrong the discriminator is, it never pays more than 100 for a sample.",
        "It shows for logits beyond 100.",
        "What is your loss for a real sample with the logit -1000?",
    ),
)
def cut_at_a_hundred(real_logits, fake_logits):
    return (
        _softplus(-real_logits).clamp(max=100).mean() + _softplus(fake_logits).clamp(max=100).mean()
    )


# --- generator_loss ---------------------------------------------------------------------------


@mistake(
    "generator_loss",
    source="constructed: the loss of theory in place of that of practice",
    hints=(
        "Your loss is negative, and hardly moves where the discriminator is sure.",
        "It shows for all logits.",
        "Which slope has your loss for a fake that is taken for a fake?",
    ),
)
def minimax(fake_logits):
    return -_softplus(fake_logits).mean()


@mistake(
    "generator_loss",
    source="the sign of the saturating loss: the generator helps the discriminator",
    hints=(
        "Your generator wants its samples to be taken for fakes.",
        "It shows for all logits but 0.",
        "Should the loss rise or fall when a fake gets a larger logit?",
    ),
)
def fakes_called_fake(fake_logits):
    return _softplus(fake_logits).mean()


@mistake(
    "generator_loss",
    source="constructed: the minus forgotten",
    hints=(
        "Your loss is never positive, and grows the better the fakes are.",
        "It is the right number in every other respect.",
        "Which sign has the logarithm of a probability?",
    ),
)
def without_the_minus(fake_logits):
    return -_softplus(-fake_logits).mean()


@mistake(
    "generator_loss",
    source="constructed: a sum over the batch",
    hints=(
        "Twice the fakes, twice the loss.",
        "A single sample hides it.",
        "What becomes of your loss if every sample is shown twice?",
    ),
)
def sum_for_mean(fake_logits):
    return _softplus(-fake_logits).sum()


@mistake(
    "generator_loss",
    source="constructed: BCEWithLogitsLoss after a network that ends in Sigmoid",
    hints=(
        "Your loss hardly changes, however bad the fakes are.",
        "It shows for all logits, even for 0.",
        "How many sigmoids stand between a logit and its probability?",
    ),
)
def squashed_twice(fake_logits):
    return _softplus(-torch.sigmoid(fake_logits)).mean()


@mistake(
    "generator_loss",
    source="a habit from Wasserstein GANs",
    hints=(
        "Your loss is the same for all batches with the same mean logit.",
        "It shows for all logits, even for 0.",
        "Where is the logarithm?",
    ),
)
def critic(fake_logits):
    return -fake_logits.mean()


@mistake(
    "generator_loss",
    source="a habit from least-squares GANs",
    hints=(
        "The worst fake pays 1 at most.",
        "It shows for all logits, even for 0.",
        "Where is the logarithm?",
    ),
)
def least_squares(fake_logits):
    return ((torch.sigmoid(fake_logits) - 1) ** 2).mean()


@mistake(
    "generator_loss",
    source="constructed: the logarithm of a mean",
    hints=(
        "One good fake makes up for all the bad ones.",
        "A single sample hides it.",
        "Is it the logarithm of the mean, or the mean of the logarithms?",
    ),
)
def log_of_the_mean(fake_logits):
    return -torch.log(torch.sigmoid(fake_logits).mean())


@mistake(
    "generator_loss",
    source="121 public solution sets of one course: the logarithm of a rounded probability",
    hints=(
        "For large negative logits your loss is infinite.",
        "It is where a probability is rounded to 0.",
        "Can you find the logarithm of a sigmoid without computing the sigmoid?",
    ),
)
def log_of_an_underflow(fake_logits):
    return -torch.log(torch.sigmoid(fake_logits)).mean()


@mistake(
    "generator_loss",
    source="121 public solution sets of one course: log(p + 1e-8)",
    hints=(
        "However bad a fake is, it never costs more than a fixed price.",
        "It shows for large negative logits.",
        "What is your loss for a fake with the logit -1000?",
    ),
)
def epsilon_beside_the_probability(fake_logits):
    return -torch.log(torch.sigmoid(fake_logits) + 1e-12).mean()


# --- generator_loss_minimax -------------------------------------------------------------------


@mistake(
    "generator_loss_minimax",
    source="constructed: the loss of practice in place of that of theory",
    hints=(
        "Your loss is positive.",
        "It shows for all logits.",
        "Which part of V depends on the generator?",
    ),
)
def non_saturating(fake_logits):
    return _softplus(-fake_logits).mean()


@mistake(
    "generator_loss_minimax",
    source="the sign of the saturating loss: the generator helps the discriminator",
    hints=(
        "Your generator wants its samples to be taken for fakes.",
        "It is the right number in every other respect.",
        "Who minimises V, and who minimises -V?",
    ),
)
def loss_of_the_other_player(fake_logits):
    return _softplus(fake_logits).mean()


@mistake(
    "generator_loss_minimax",
    source="class notes, 11.2, which label real samples 0 and fake ones 1",
    hints=(
        "Your loss grows the better the fakes are.",
        "It shows for all logits but 0.",
        "What is D(x) to be for a real sample?",
    ),
)
def fake_is_one(fake_logits):
    return -_softplus(-fake_logits).mean()


@mistake(
    "generator_loss_minimax",
    source="constructed: a sum over the batch",
    hints=(
        "Twice the fakes, twice the loss.",
        "A single sample hides it.",
        "What becomes of your loss if every sample is shown twice?",
    ),
)
def sum_of_the_logs(fake_logits):
    return -_softplus(fake_logits).sum()


@mistake(
    "generator_loss_minimax",
    source="constructed: BCEWithLogitsLoss after a network that ends in Sigmoid",
    hints=(
        "Your loss hardly changes, however good the fakes are.",
        "It shows for all logits, even for 0.",
        "How many sigmoids stand between a logit and its probability?",
    ),
)
def two_sigmoids(fake_logits):
    return -_softplus(torch.sigmoid(fake_logits)).mean()


@mistake(
    "generator_loss_minimax",
    source="constructed: a parenthesis in the wrong place",
    hints=(
        "Your loss is never below 1.",
        "It shows for all logits.",
        "The logarithm of what?",
    ),
)
def one_minus_the_log(fake_logits):
    return 1 + _softplus(-fake_logits).mean()


@mistake(
    "generator_loss_minimax",
    source="constructed: the probability in place of its logarithm",
    hints=(
        "Your loss lies between 0 and 1.",
        "It shows for all logits.",
        "Where is the logarithm?",
    ),
)
def probability(fake_logits):
    return torch.sigmoid(-fake_logits).mean()


@mistake(
    "generator_loss_minimax",
    source="121 public solution sets of one course: the logarithm of a rounded probability",
    hints=(
        "For large logits your loss is minus infinity.",
        "It is where a probability is rounded to 1.",
        "Can you find the logarithm of 1 - D without computing D?",
    ),
)
def log_of_what_is_left(fake_logits):
    return torch.log(1 - torch.sigmoid(fake_logits)).mean()


@mistake(
    "generator_loss_minimax",
    source="121 public solution sets of one course: log(p + 1e-8)",
    hints=(
        "However good a fake is, your loss does not fall below a fixed number.",
        "It shows for large logits.",
        "What is your loss for a fake with the logit 1000?",
    ),
)
def epsilon_beside_what_is_left(fake_logits):
    return torch.log(torch.sigmoid(-fake_logits) + 1e-12).mean()


# --- discriminator_loss_backward --------------------------------------------------------------


def _backward(grad_loss, real_logits, fake_logits):
    grad_real = -grad_loss * torch.sigmoid(-real_logits) / real_logits.numel()
    return grad_real, grad_loss * torch.sigmoid(fake_logits) / fake_logits.numel()


@mistake(
    "discriminator_loss_backward",
    source="class notes, 11.2, which label real samples 0 and fake ones 1",
    hints=(
        "A step against your gradient makes the discriminator worse.",
        "It shows for both batches.",
        "Should the logit of a real sample rise or fall?",
    ),
)
def labels_the_wrong_way_round(grad_loss, real_logits, fake_logits):
    grad_real, grad_fake = _backward(grad_loss, -real_logits, -fake_logits)
    return -grad_real, -grad_fake


@mistake(
    "discriminator_loss_backward",
    source="class notes, 11.3: the update of D goes up, along the gradient of V",
    hints=(
        "A step against your gradient raises the loss.",
        "The size is right.",
        "Is this the gradient of what is minimised?",
    ),
)
def gradient_of_the_value(grad_loss, real_logits, fake_logits):
    grad_real, grad_fake = _backward(grad_loss, real_logits, fake_logits)
    return -grad_real, -grad_fake


@mistake(
    "discriminator_loss_backward",
    source="constructed: the mean forgotten",
    hints=(
        "Your gradients are too large.",
        "Batches of one sample hide it.",
        "How much does the mean change when one of its numbers grows by 1?",
    ),
)
def without_the_mean(grad_loss, real_logits, fake_logits):
    return -grad_loss * torch.sigmoid(-real_logits), grad_loss * torch.sigmoid(fake_logits)


@mistake(
    "discriminator_loss_backward",
    source="constructed: the length of the batch for the number of logits",
    hints=(
        "Your gradients are too large when a sample has several logits.",
        "Logits of shape (N,) or (N, 1) hide it.",
        "Of how many numbers is the loss a mean?",
    ),
)
def divided_by_the_batch(grad_loss, real_logits, fake_logits):
    grad_real, grad_fake = _backward(grad_loss, real_logits, fake_logits)
    return (
        grad_real * real_logits[0].numel(),
        grad_fake * fake_logits[0].numel(),
    )


@mistake(
    "discriminator_loss_backward",
    source="constructed: one size for both batches",
    hints=(
        "The gradient of the fakes has the wrong size.",
        "Batches of the same size hide it.",
        "How many fakes are there?",
    ),
)
def size_of_the_real_batch(grad_loss, real_logits, fake_logits):
    grad_real, _ = _backward(grad_loss, real_logits, fake_logits)
    return grad_real, grad_loss * torch.sigmoid(fake_logits) / real_logits.numel()


@mistake(
    "discriminator_loss_backward",
    source="constructed: one mean over both batches",
    hints=(
        "Both gradients are too small.",
        "It shows for batches of any size.",
        "How many means are there in the loss?",
    ),
)
def size_of_both_batches(grad_loss, real_logits, fake_logits):
    total = real_logits.numel() + fake_logits.numel()
    grad_real, grad_fake = -torch.sigmoid(-real_logits), torch.sigmoid(fake_logits)
    return grad_loss * grad_real / total, grad_loss * grad_fake / total


@mistake(
    "discriminator_loss_backward",
    source="constructed: what comes from above is ignored",
    hints=(
        "Your gradients do not change when the loss is multiplied by 2 afterwards.",
        "With 1 from above all is well.",
        "What does the chain rule multiply by?",
    ),
)
def nothing_from_above(grad_loss, real_logits, fake_logits):
    return _backward(torch.ones_like(grad_loss), real_logits, fake_logits)


@mistake(
    "discriminator_loss_backward",
    source="constructed: the sigmoid differentiated once too often",
    hints=(
        "A discriminator that is quite wrong hardly learns from you.",
        "It shows for all logits.",
        "What cancels when the slope of the sigmoid meets the slope of the logarithm?",
    ),
)
def slope_of_the_sigmoid(grad_loss, real_logits, fake_logits):
    grad_real, grad_fake = _backward(grad_loss, real_logits, fake_logits)
    return grad_real * torch.sigmoid(real_logits), grad_fake * torch.sigmoid(-fake_logits)


@mistake(
    "discriminator_loss_backward",
    source="lecture 3, whose backpropagation names the gradient after the prediction",
    hints=(
        "Your gradient is with respect to the probabilities.",
        "It shows for all logits.",
        "With respect to which variable did you differentiate?",
    ),
)
def by_the_probability(grad_loss, real_logits, fake_logits):
    grad_real = -grad_loss * (1 + torch.exp(-real_logits)) / real_logits.numel()
    return grad_real, grad_loss * (1 + torch.exp(fake_logits)) / fake_logits.numel()


@mistake(
    "discriminator_loss_backward",
    source="constructed: real and fake treated alike",
    hints=(
        "A sure and right answer for a real sample still gets a full push.",
        "It is the gradient of the real logits.",
        "Is the gradient large where the discriminator is right, or where it is wrong?",
    ),
)
def pushes_the_sure_ones(grad_loss, real_logits, fake_logits):
    grad_real = -grad_loss * torch.sigmoid(real_logits) / real_logits.numel()
    return grad_real, _backward(grad_loss, real_logits, fake_logits)[1]


@mistake(
    "discriminator_loss_backward",
    source="121 public solution sets of one course: the sigmoid as a fraction that overflows",
    hints=(
        "For large logits your gradient is no number.",
        "It is where an exponential is infinite.",
        "Which of e^l and e^(-l) is small?",
    ),
)
def fraction_of_exponentials(grad_loss, real_logits, fake_logits):
    of_real, of_fake = torch.exp(-real_logits), torch.exp(fake_logits)
    grad_real = -grad_loss * of_real / (1 + of_real) / real_logits.numel()
    return grad_real, grad_loss * of_fake / (1 + of_fake) / fake_logits.numel()


# --- optimal_discriminator --------------------------------------------------------------------


def _half_nowhere(p, q, best):
    return torch.where(p + q == 0, torch.full_like(best, 0.5), best)


@mistake(
    "optimal_discriminator",
    source="class notes, 11.2, which label real samples 0 and fake ones 1",
    hints=(
        "Where only the data are, your discriminator says fake.",
        "It shows wherever the densities differ.",
        "What is D(x) to be for a real sample?",
    ),
)
def probability_of_fake(p, q):
    return _half_nowhere(p, q, q / (p + q))


@mistake(
    "optimal_discriminator",
    source="constructed: the odds for the probability",
    hints=(
        "Your result is not a probability.",
        "It shows wherever the data are.",
        "If both densities are equal, how sure should the discriminator be?",
    ),
)
def odds(p, q):
    return _half_nowhere(p, q, p / q)


@mistake(
    "optimal_discriminator",
    source="constructed: densities taken for logits",
    hints=(
        "Where the generator never goes, your discriminator is still in doubt.",
        "It shows wherever the densities differ.",
        "Does the answer change when both densities are doubled?",
    ),
)
def sigmoid_of_the_difference(p, q):
    return torch.sigmoid(p - q)


@mistake(
    "optimal_discriminator",
    source="constructed: a verdict in place of a probability",
    hints=(
        "Your discriminator is always sure.",
        "It shows wherever both densities are positive.",
        "What does a sure discriminator pay when it is wrong?",
    ),
)
def verdict(p, q):
    return _half_nowhere(p, q, (p > q).to(p.dtype))


@mistake(
    "optimal_discriminator",
    source="constructed: the maximum of a sum of squares",
    hints=(
        "Your discriminator is too sure.",
        "Equal densities hide it.",
        "Where is the derivative of a ln y + b ln(1 - y) zero?",
    ),
)
def squares(p, q):
    return torch.where(p + q == 0, torch.full_like(p, 0.5), p / (p + q * (q / p)))


@mistake(
    "optimal_discriminator",
    source="121 public solution sets of one course: an epsilon in the denominator",
    hints=(
        "For small densities your discriminator says fake.",
        "It is the denominator.",
        "Does the answer change when both densities are divided by a billion?",
    ),
)
def epsilon_in_the_denominator(p, q):
    return p / (p + q + 1e-8)


@mistake(
    "optimal_discriminator",
    source="constructed: 0 divided by 0",
    hints=(
        "Where nobody ever is, your result is no number.",
        "It is where both densities are 0.",
        "What is 0 divided by 0, and what does the exercise ask for?",
    ),
)
def nothing_divided_by_nothing(p, q):
    return p / (p + q)


@mistake(
    "optimal_discriminator",
    source="constructed: a default that takes sides",
    hints=(
        "Where nobody ever is, your discriminator says fake.",
        "It is where both densities are 0.",
        "Is there any evidence at such a point?",
    ),
)
def fake_by_default(p, q):
    return torch.nan_to_num(p / (p + q), nan=0.0)


@mistake(
    "optimal_discriminator",
    source="constructed: a threshold for 0",
    hints=(
        "Where both densities are small, your discriminator does not know any more.",
        "It shows for densities far below 1.",
        "When exactly is there no evidence?",
    ),
)
def small_is_nowhere(p, q):
    return torch.where(p + q < 1e-6, torch.full_like(p, 0.5), p / (p + q))


# --- value_at_optimum -------------------------------------------------------------------------


def _xlogx(x):
    return torch.xlogy(x, x)


def _value(p, q):
    return (_xlogx(p) + _xlogx(q) - _xlogx(p + q)).sum()


def _share(p, q):
    """P ln(p / (p + q)), 0 where p is."""
    return torch.where(p > 0, p * torch.log(p / (p + q)), torch.zeros_like(p))


@mistake(
    "value_at_optimum",
    source="class notes, 11.4: the second expectation with p_data in its numerator",
    hints=(
        "Exchange data and generator: the value must stay, yours changes.",
        "It is the second sum.",
        "What is 1 - D* as a fraction?",
    ),
)
def data_in_both_numerators(p, q):
    second = torch.where(q > 0, q * torch.log(p / (p + q)), torch.zeros_like(q))
    return (_share(p, q) + second).sum()


@mistake(
    "value_at_optimum",
    source="constructed: the divergence alone",
    hints=(
        "For equal distributions your value is 0.",
        "It lacks a constant.",
        "What does an undecided discriminator get?",
    ),
)
def twice_the_divergence(p, q):
    return _value(p, q) + math.log(4)


@mistake(
    "value_at_optimum",
    source="constructed: the factor 2 forgotten",
    hints=(
        "For equal distributions all is well, for others the value is too small.",
        "It is the factor of the divergence.",
        "How many KL divergences are there in V, and what stands before them in JSD?",
    ),
)
def divergence_once(p, q):
    return (_value(p, q) - math.log(4)) / 2


@mistake(
    "value_at_optimum",
    source="constructed: log 2 for log 4",
    hints=(
        "Your value is too large by the same number in every case.",
        "It is the constant.",
        "How many times is a factor 2 taken out of a logarithm?",
    ),
)
def one_log_two(p, q):
    return _value(p, q) + math.log(2)


@mistake(
    "value_at_optimum",
    source="constructed: the sign of the constant",
    hints=(
        "Your value is positive.",
        "It is the constant.",
        "What is the value for equal distributions?",
    ),
)
def constant_added(p, q):
    return _value(p, q) + 2 * math.log(4)


@mistake(
    "value_at_optimum",
    source="constructed: the loss of the discriminator",
    hints=(
        "Your value is never negative.",
        "It is the right number in every other respect.",
        "Is V a sum of logarithms of probabilities, or of minus those?",
    ),
)
def loss_at_optimum(p, q):
    return -_value(p, q)


@mistake(
    "value_at_optimum",
    source="constructed: a mean over the outcomes",
    hints=(
        "The more outcomes, the smaller your value.",
        "With a single outcome all is well.",
        "Who weighs the outcomes in an expectation?",
    ),
)
def mean_over_outcomes(p, q):
    return _value(p, q) / len(p)


@mistake(
    "value_at_optimum",
    source="constructed: the symmetric KL divergence without the mixture",
    hints=(
        "For distributions that share no outcome your value is infinite.",
        "It is what p and q are compared with.",
        "Which denominator has D*?",
    ),
)
def compared_with_each_other(p, q):
    def kl(a, b):
        return torch.where(a > 0, a * torch.log(a / b), torch.zeros_like(a)).sum()

    return kl(p, q) + kl(q, p) - math.log(4)


@mistake(
    "value_at_optimum",
    source="constructed: one expectation only",
    hints=(
        "Your value is too large.",
        "It lacks the fake samples.",
        "What does the best discriminator get for fakes?",
    ),
)
def data_only(p, q):
    return _share(p, q).sum()


@mistake(
    "value_at_optimum",
    source="constructed: logarithms to the base 2",
    hints=(
        "For equal distributions your value is -2.",
        "All logarithms are too large by the same factor.",
        "Which logarithm does this notebook use?",
    ),
)
def in_bits(p, q):
    return _value(p, q) / math.log(2)


@mistake(
    "value_at_optimum",
    source="constructed: 0 times minus infinity",
    hints=(
        "Your value is no number.",
        "It is where an outcome has the probability 0.",
        "What is the limit of x ln x?",
    ),
)
def zero_times_infinity(p, q):
    return (p * torch.log(p / (p + q)) + q * torch.log(q / (p + q))).sum()


@mistake(
    "value_at_optimum",
    source="121 public solution sets of one course: an epsilon in the logarithm",
    hints=(
        "Your value is a little off where an outcome has the probability 0.",
        "It is inside the logarithms.",
        "Where does a small number change a logarithm most?",
    ),
)
def epsilon_everywhere(p, q):
    p, q = p + 1e-3, q + 1e-3
    return (p * torch.log(p / (p + q)) + q * torch.log(q / (p + q))).sum()


# --- gan_step ---------------------------------------------------------------------------------


def _d_loss(on_real, on_fake):
    return _softplus(-on_real).mean() + _softplus(on_fake).mean()


def _g_loss(on_fake):
    return _softplus(-on_fake).mean()


def _move(optimizer, loss, params, into=None):
    """One step of `optimizer`; gradients flow into `into` only, or everywhere."""
    optimizer.zero_grad()
    loss.backward(inputs=None if into is None else list(params))
    optimizer.step()


def _d_step(generator, discriminator, opt_d, real, z, loss=_d_loss):
    d_loss = loss(discriminator(real), discriminator(generator(z).detach()))
    _move(opt_d, d_loss, discriminator.parameters())
    return d_loss.detach()


def _g_step(generator, discriminator, opt_g, z, loss=_g_loss):
    g_loss = loss(discriminator(generator(z)))
    _move(opt_g, g_loss, generator.parameters(), into="own")
    return g_loss.detach()


@mistake(
    "gan_step",
    source="class notes, 11.2, which label real samples 0 and fake ones 1",
    hints=(
        "Your discriminator learns to call real samples fake.",
        "It is the loss of the first step.",
        "What is D(x) to be for a real sample?",
    ),
)
def discriminator_taught_the_wrong_labels(generator, discriminator, opt_g, opt_d, real, z_d, z_g):
    d_loss = _d_step(generator, discriminator, opt_d, real, z_d, lambda a, b: _d_loss(-a, -b))
    return d_loss, _g_step(generator, discriminator, opt_g, z_g)


@mistake(
    "gan_step",
    source="constructed: the generator gets the loss of theory",
    hints=(
        "Your generator hardly learns where the discriminator is sure.",
        "It is the loss of the second step.",
        "Which of the two losses of the generator is asked for?",
    ),
)
def saturating_loss(generator, discriminator, opt_g, opt_d, real, z_d, z_g):
    d_loss = _d_step(generator, discriminator, opt_d, real, z_d)
    return d_loss, _g_step(
        generator, discriminator, opt_g, z_g, lambda fake: -_softplus(fake).mean()
    )


@mistake(
    "gan_step",
    source="the sign of the saturating loss: the generator helps the discriminator",
    hints=(
        "Your generator moves away from what the discriminator takes for real.",
        "It is the loss of the second step.",
        "Which label would the generator like its samples to get?",
    ),
)
def generator_wants_to_be_caught(generator, discriminator, opt_g, opt_d, real, z_d, z_g):
    d_loss = _d_step(generator, discriminator, opt_d, real, z_d)
    return d_loss, _g_step(
        generator, discriminator, opt_g, z_g, lambda fake: _softplus(fake).mean()
    )


@mistake(
    "gan_step",
    source="nikhilsinghmus/image2reverb, issue 37: detach in the generator's step",
    hints=(
        "Your generator does not move.",
        "It is the second step.",
        "On which way does the loss of the second step reach the generator's parameters?",
    ),
)
def generator_cut_off(generator, discriminator, opt_g, opt_d, real, z_d, z_g):
    d_loss = _d_step(generator, discriminator, opt_d, real, z_d)
    opt_g.zero_grad()
    g_loss = _g_loss(discriminator(generator(z_g).detach()))
    opt_g.step()
    return d_loss, g_loss.detach()


@mistake(
    "gan_step",
    source="constructed: no detach in the discriminator's step, gradients cleared later",
    hints=(
        "While the discriminator learns, its loss flows into the generator's gradients.",
        "It is the first step; what is returned is right.",
        "Through which networks does the loss of the first step go backwards?",
    ),
)
def leaks_into_the_generator(generator, discriminator, opt_g, opt_d, real, z_d, z_g):
    d_loss = _d_loss(discriminator(real), discriminator(generator(z_d)))
    _move(opt_d, d_loss, discriminator.parameters())
    return d_loss.detach(), _g_step(generator, discriminator, opt_g, z_g)


@mistake(
    "gan_step",
    source="constructed: no detach, and all gradients cleared only once",
    hints=(
        "Your generator follows both losses.",
        "Both steps have a part in it.",
        "What stands in the generator's gradients when the second step begins?",
    ),
)
def generator_follows_both(generator, discriminator, opt_g, opt_d, real, z_d, z_g):
    opt_g.zero_grad()
    opt_d.zero_grad()
    d_loss = _d_loss(discriminator(real), discriminator(generator(z_d)))
    d_loss.backward()
    opt_d.step()
    g_loss = _g_loss(discriminator(generator(z_g)))
    g_loss.backward(inputs=list(generator.parameters()))
    opt_g.step()
    return d_loss.detach(), g_loss.detach()


@mistake(
    "gan_step",
    source="PyTorch's DCGAN tutorial: the generator's loss stays in the discriminator",
    hints=(
        "After your round, the loss of the generator is left in the discriminator's gradients.",
        "It is the second step; what is returned is right.",
        "For which parameters does your second backward pass compute gradients?",
    ),
)
def leaks_into_the_discriminator(generator, discriminator, opt_g, opt_d, real, z_d, z_g):
    d_loss = _d_step(generator, discriminator, opt_d, real, z_d)
    g_loss = _g_loss(discriminator(generator(z_g)))
    _move(opt_g, g_loss, generator.parameters())
    return d_loss, g_loss.detach()


@mistake(
    "gan_step",
    source="constructed: both optimizers are stepped after the generator's loss",
    hints=(
        "Your discriminator moves twice.",
        "It is the second step.",
        "Whose turn is it after the second loss?",
    ),
)
def discriminator_helps(generator, discriminator, opt_g, opt_d, real, z_d, z_g):
    d_loss = _d_step(generator, discriminator, opt_d, real, z_d)
    g_loss = _g_loss(discriminator(generator(z_g)))
    opt_d.zero_grad()
    _move(opt_g, g_loss, generator.parameters())
    opt_d.step()
    return d_loss, g_loss.detach()


@mistake(
    "gan_step",
    source="constructed: zero_grad forgotten for the discriminator",
    hints=(
        "What stood in the discriminator's gradients before still moves it.",
        "Networks that are new hide it.",
        "What does backward do with a gradient that is already there?",
    ),
)
def discriminator_not_cleared(generator, discriminator, opt_g, opt_d, real, z_d, z_g):
    d_loss = _d_loss(discriminator(real), discriminator(generator(z_d).detach()))
    d_loss.backward()
    opt_d.step()
    return d_loss.detach(), _g_step(generator, discriminator, opt_g, z_g)


@mistake(
    "gan_step",
    source="constructed: zero_grad forgotten for the generator",
    hints=(
        "What stood in the generator's gradients before still moves it.",
        "Networks that are new hide it.",
        "What does backward do with a gradient that is already there?",
    ),
)
def generator_not_cleared(generator, discriminator, opt_g, opt_d, real, z_d, z_g):
    d_loss = _d_step(generator, discriminator, opt_d, real, z_d)
    g_loss = _g_loss(discriminator(generator(z_g)))
    g_loss.backward(inputs=list(generator.parameters()))
    opt_g.step()
    return d_loss, g_loss.detach()


@mistake(
    "gan_step",
    source="constructed: the generator first",
    hints=(
        "Your generator is judged by a discriminator that has not learnt yet.",
        "It is the order of the steps.",
        "Who moves first?",
    ),
)
def generator_first(generator, discriminator, opt_g, opt_d, real, z_d, z_g):
    g_loss = _g_step(generator, discriminator, opt_g, z_g)
    return _d_step(generator, discriminator, opt_d, real, z_d), g_loss


@mistake(
    "gan_step",
    source="constructed: both losses first, then both steps",
    hints=(
        "Your generator is judged by a discriminator that has not learnt yet.",
        "The discriminator is right.",
        "Which discriminator sees the fakes of the second step?",
    ),
)
def both_at_once(generator, discriminator, opt_g, opt_d, real, z_d, z_g):
    d_loss = _d_loss(discriminator(real), discriminator(generator(z_d).detach()))
    g_loss = _g_loss(discriminator(generator(z_g)))
    opt_g.zero_grad()
    g_loss.backward(inputs=list(generator.parameters()))
    _move(opt_d, d_loss, discriminator.parameters())
    opt_g.step()
    return d_loss.detach(), g_loss.detach()


@mistake(
    "gan_step",
    source="constructed: the fakes of the first step are used again",
    hints=(
        "Your generator does not see its fresh noise.",
        "It is the second step.",
        "What is z_g for?",
    ),
)
def old_noise(generator, discriminator, opt_g, opt_d, real, z_d, z_g):
    d_loss = _d_step(generator, discriminator, opt_d, real, z_d)
    return d_loss, _g_step(generator, discriminator, opt_g, z_d)


@mistake(
    "gan_step",
    source="constructed: BCEWithLogitsLoss after a network that ends in Sigmoid",
    hints=(
        "Both losses hardly change, however sure the discriminator is.",
        "It shows in both steps.",
        "How many sigmoids stand between a logit and its probability?",
    ),
)
def probabilities_for_logits(generator, discriminator, opt_g, opt_d, real, z_d, z_g):
    d_loss = _d_step(
        generator, discriminator, opt_d, real, z_d,
        lambda a, b: _d_loss(torch.sigmoid(a), torch.sigmoid(b)),
    )  # fmt: skip
    return d_loss, _g_step(
        generator, discriminator, opt_g, z_g, lambda fake: _g_loss(torch.sigmoid(fake))
    )


@mistake(
    "gan_step",
    source="a habit from CycleGAN and pix2pix code: the loss is halved",
    hints=(
        "Your discriminator goes half as far as it should.",
        "It is the loss of the first step.",
        "Is V a sum of two means, or their mean?",
    ),
)
def half_a_step(generator, discriminator, opt_g, opt_d, real, z_d, z_g):
    d_loss = _d_step(generator, discriminator, opt_d, real, z_d, lambda a, b: _d_loss(a, b) / 2)
    return d_loss, _g_step(generator, discriminator, opt_g, z_g)


@mistake(
    "gan_step",
    source="constructed: the losses in the other order",
    hints=(
        "Both players move as they should; what you return is in the wrong order.",
        "It is the last line.",
        "Which of the two losses comes first?",
    ),
)
def losses_exchanged(generator, discriminator, opt_g, opt_d, real, z_d, z_g):
    d_loss = _d_step(generator, discriminator, opt_d, real, z_d)
    return _g_step(generator, discriminator, opt_g, z_g), d_loss


@mistake(
    "gan_step",
    source="constructed: the losses are computed once more after the steps",
    hints=(
        "Both players move as they should; the losses are those of players that have moved.",
        "It is what you return.",
        "When is a loss computed: before its step, or after?",
    ),
)
def losses_afterwards(generator, discriminator, opt_g, opt_d, real, z_d, z_g):
    _d_step(generator, discriminator, opt_d, real, z_d)
    _g_step(generator, discriminator, opt_g, z_g)
    with torch.no_grad():
        d_loss = _d_loss(discriminator(real), discriminator(generator(z_d)))
        return d_loss, _g_loss(discriminator(generator(z_g)))


# --- conditional_batchnorm_forward ------------------------------------------------------------


def _unbiased(x):
    return (x - x.mean(0)).square().sum(0) / (len(x) - 1)


def _normalised(x, eps):
    return (x - x.mean(0)) / torch.sqrt(x.var(0, correction=0) + eps)


@mistake(
    "conditional_batchnorm_forward",
    source="constructed: statistics of each label by itself",
    hints=(
        "The result for one label does not change when the examples of another do.",
        "If all labels are the same, all is well.",
        "Over which examples are the mean and the variance?",
    ),
)
def statistics_per_label(x, y, gamma, beta, *, eps=1e-5):
    x_hat = torch.empty_like(x)
    for label in range(len(gamma)):
        if (y == label).any():
            x_hat[y == label] = _normalised(x[y == label], eps)
    return gamma[y] * x_hat + beta[y]


@mistake(
    "conditional_batchnorm_forward",
    source="constructed: torch's default variance",
    hints=(
        "Your result is a little too small, and no number for a single example.",
        "Large batches nearly hide it.",
        "Does the variance of the formula divide by N, or by N - 1?",
    ),
)
def unbiased_variance(x, y, gamma, beta, *, eps=1e-5):
    return gamma[y] * (x - x.mean(0)) / torch.sqrt(_unbiased(x) + eps) + beta[y]


@mistake(
    "conditional_batchnorm_forward",
    source="121 public solution sets of one course: epsilon after the root",
    hints=(
        "Your result is a little off where features vary little.",
        "It is the denominator.",
        "Is epsilon added to the variance or to its root?",
    ),
)
def epsilon_after_the_root(x, y, gamma, beta, *, eps=1e-5):
    return gamma[y] * (x - x.mean(0)) / (x.std(0, correction=0) + eps) + beta[y]


@mistake(
    "conditional_batchnorm_forward",
    source="121 public solution sets of one course: epsilon hard-coded",
    hints=(
        "Your result does not depend on eps.",
        "With the default all is well.",
        "Where do you use the argument?",
    ),
)
def epsilon_of_its_own(x, y, gamma, beta, *, eps=1e-5):
    return gamma[y] * _normalised(x, 1e-5) + beta[y]


@mistake(
    "conditional_batchnorm_forward",
    source="constructed: examples normalised instead of features",
    hints=(
        "Each example is normalised by itself.",
        "It is the axis of the statistics.",
        "Which index does the sum in the formula run over?",
    ),
)
def normalised_over_features(x, y, gamma, beta, *, eps=1e-5):
    x_hat = (x - x.mean(1, keepdim=True)) / torch.sqrt(x.var(1, correction=0, keepdim=True) + eps)
    return gamma[y] * x_hat + beta[y]


@mistake(
    "conditional_batchnorm_forward",
    source="a habit from BigGAN code: the scale is 1 + gamma",
    hints=(
        "With a scale of 0 your result still depends on x.",
        "The shift is right.",
        "By what does the formula multiply?",
    ),
)
def one_plus_gamma(x, y, gamma, beta, *, eps=1e-5):
    return (1 + gamma[y]) * _normalised(x, eps) + beta[y]


@mistake(
    "conditional_batchnorm_forward",
    source="constructed: one scale and shift for all, the mean over the labels",
    hints=(
        "Your result does not depend on the labels.",
        "With a single label all is well.",
        "Which row of gamma belongs to an example?",
    ),
)
def labels_ignored(x, y, gamma, beta, *, eps=1e-5):
    return gamma.mean(0) * _normalised(x, eps) + beta.mean(0)


@mistake(
    "conditional_batchnorm_forward",
    source="constructed: only the scale depends on the label",
    hints=(
        "All examples get the same shift.",
        "The scale is right.",
        "Which row of beta belongs to an example?",
    ),
)
def common_shift(x, y, gamma, beta, *, eps=1e-5):
    return gamma[y] * _normalised(x, eps) + beta[0]


@mistake(
    "conditional_batchnorm_forward",
    source="constructed: rows of gamma taken in order",
    hints=(
        "Examples get a scale by their place in the batch, not by their label.",
        "With a single label all is well.",
        "Which row of gamma belongs to example i?",
    ),
)
def rows_by_place(x, y, gamma, beta, *, eps=1e-5):
    row = torch.arange(len(x), device=x.device) % len(gamma)
    return gamma[row] * _normalised(x, eps) + beta[row]


@mistake(
    "conditional_batchnorm_forward",
    source="constructed: gamma and beta exchanged",
    hints=(
        "What should scale shifts, and what should shift scales.",
        "It shows in every case.",
        "With gamma 0, what should be left?",
    ),
)
def scale_and_shift_exchanged(x, y, gamma, beta, *, eps=1e-5):
    return beta[y] * _normalised(x, eps) + gamma[y]


@mistake(
    "conditional_batchnorm_forward",
    source="constructed: the shift before the scale",
    hints=(
        "With gamma 0 your result is 0.",
        "It is the order of scale and shift.",
        "Is beta multiplied by anything?",
    ),
)
def shifted_first(x, y, gamma, beta, *, eps=1e-5):
    return gamma[y] * (_normalised(x, eps) + beta[y])


# --- conditional_batchnorm_backward -----------------------------------------------------------


def _norm(grad_out, x, y, gamma, eps, *, through=None):
    """The right gradients; `through` replaces the way from grad_x_hat to grad_x."""
    scale = torch.rsqrt(x.var(0, correction=0) + eps)
    x_hat = (x - x.mean(0)) * scale
    g = grad_out * gamma[y]
    grad_gamma = torch.zeros_like(gamma).index_add(0, y, grad_out * x_hat)
    grad_beta = torch.zeros_like(gamma).index_add(0, y, grad_out)
    if through is None:
        grad_x = scale * (g - g.mean(0) - x_hat * (g * x_hat).mean(0))
    else:
        grad_x = through(g, x_hat, scale)
    return grad_x, grad_gamma, grad_beta


@mistake(
    "conditional_batchnorm_backward",
    source="constructed: the layer without labels, its gamma multiplied at the end",
    hints=(
        "The gradient of x is wrong as soon as two labels meet.",
        "If all labels are the same, all is well.",
        "What are the two means of the formula means of?",
    ),
)
def gamma_at_the_end(grad_out, x, y, gamma, *, eps=1e-5):
    def through(g, x_hat, scale):
        inner = grad_out - grad_out.mean(0) - x_hat * (grad_out * x_hat).mean(0)
        return gamma[y] * scale * inner

    return _norm(grad_out, x, y, gamma, eps, through=through)


@mistake(
    "conditional_batchnorm_backward",
    source="constructed: the statistics taken for constants",
    hints=(
        "Add the same number to all x: nothing happens to the result, but your gradient says so.",
        "It is the gradient of x.",
        "On which ways does x reach the result?",
    ),
)
def statistics_are_constants(grad_out, x, y, gamma, *, eps=1e-5):
    return _norm(grad_out, x, y, gamma, eps, through=lambda g, _, scale: scale * g)


@mistake(
    "conditional_batchnorm_backward",
    source="121 public solution sets of one course: the way through the variance is dropped",
    hints=(
        "Multiply all centred x by a number: hardly anything happens, but your gradient says so.",
        "It is the gradient of x.",
        "On which ways does x reach the result?",
    ),
)
def variance_is_a_constant(grad_out, x, y, gamma, *, eps=1e-5):
    return _norm(grad_out, x, y, gamma, eps, through=lambda g, _, scale: scale * (g - g.mean(0)))


@mistake(
    "conditional_batchnorm_backward",
    source="121 public solution sets of one course: the way through the mean is dropped",
    hints=(
        "Add the same number to all x: nothing happens to the result, but your gradient says so.",
        "It is one term of the gradient of x.",
        "On which ways does x reach the result?",
    ),
)
def mean_is_a_constant(grad_out, x, y, gamma, *, eps=1e-5):
    return _norm(
        grad_out, x, y, gamma, eps,
        through=lambda g, x_hat, scale: scale * (g - x_hat * (g * x_hat).mean(0)),
    )  # fmt: skip


@mistake(
    "conditional_batchnorm_backward",
    source="constructed: means over the examples of the same label",
    hints=(
        "Examples of another label have no influence on your gradient of x.",
        "If all labels are the same, all is well.",
        "Who took part in the mean and the variance?",
    ),
)
def means_per_label(grad_out, x, y, gamma, *, eps=1e-5):
    def through(g, x_hat, scale):
        same = (y.unsqueeze(1) == y).to(x.dtype)
        same = same / same.sum(1, keepdim=True)
        return scale * (g - same @ g - x_hat * (same @ (g * x_hat)))

    return _norm(grad_out, x, y, gamma, eps, through=through)


@mistake(
    "conditional_batchnorm_backward",
    source="constructed: the root forgotten",
    hints=(
        "The gradient of x has the wrong size where features vary little or much.",
        "It is the factor before the parenthesis.",
        "By what does the forward pass divide?",
    ),
)
def divided_by_the_variance(grad_out, x, y, gamma, *, eps=1e-5):
    grad_x, grad_gamma, grad_beta = _norm(grad_out, x, y, gamma, eps)
    return grad_x * torch.rsqrt(x.var(0, correction=0) + eps), grad_gamma, grad_beta


@mistake(
    "conditional_batchnorm_backward",
    source="121 public solution sets of one course: epsilon hard-coded",
    hints=(
        "Your gradients do not depend on eps.",
        "With the default all is well.",
        "Where do you use the argument?",
    ),
)
def default_epsilon(grad_out, x, y, gamma, *, eps=1e-5):
    del eps
    return _norm(grad_out, x, y, gamma, 1e-5)


@mistake(
    "conditional_batchnorm_backward",
    source="constructed: torch's default variance",
    hints=(
        "The gradients of x and gamma are a little off, and no numbers for a single example.",
        "Large batches nearly hide it.",
        "Does the variance of the formula divide by N, or by N - 1?",
    ),
)
def divided_by_n_minus_one(grad_out, x, y, gamma, *, eps=1e-5):
    scale = torch.rsqrt(_unbiased(x) + eps)
    x_hat = (x - x.mean(0)) * scale
    g = grad_out * gamma[y]
    grad_x = scale * (g - g.mean(0) - x_hat * (g * x_hat).mean(0))
    zeros = torch.zeros_like(gamma)
    return grad_x, zeros.index_add(0, y, grad_out * x_hat), zeros.index_add(0, y, grad_out)


@mistake(
    "conditional_batchnorm_backward",
    source="the textbook slip: an indexed += adds once",
    hints=(
        "A label that appears twice gets the gradient of one appearance only.",
        "It is the gradients of gamma and beta.",
        "What does += do with an index that stands in the list twice?",
    ),
)
def rows_written_once(grad_out, x, y, gamma, *, eps=1e-5):
    grad_x, grad_gamma, grad_beta = _norm(grad_out, x, y, gamma, eps)
    x_hat = _normalised(x, eps)
    grad_gamma, grad_beta = torch.zeros_like(gamma), torch.zeros_like(gamma)
    for i, label in enumerate(y.tolist()):
        grad_gamma[label], grad_beta[label] = grad_out[i] * x_hat[i], grad_out[i]
    return grad_x, grad_gamma, grad_beta


@mistake(
    "conditional_batchnorm_backward",
    source="constructed: a mean over the examples of a label",
    hints=(
        "A label that appears often gets too small a gradient.",
        "Labels that appear once hide it.",
        "Along how many ways does a row of gamma reach the loss?",
    ),
)
def mean_over_the_label(grad_out, x, y, gamma, *, eps=1e-5):
    grad_x, grad_gamma, grad_beta = _norm(grad_out, x, y, gamma, eps)
    count = torch.bincount(y, minlength=len(gamma)).clamp(min=1).to(x.dtype).unsqueeze(1)
    return grad_x, grad_gamma / count, grad_beta / count


@mistake(
    "conditional_batchnorm_backward",
    source="constructed: the gradient of the layer without labels, for every label",
    hints=(
        "A label that is absent gets a gradient, and all labels get the same.",
        "With a single label all is well.",
        "Which examples does a row of gamma scale?",
    ),
)
def same_for_all_labels(grad_out, x, y, gamma, *, eps=1e-5):
    grad_x, grad_gamma, grad_beta = _norm(grad_out, x, y, gamma, eps)
    return (
        grad_x,
        grad_gamma.sum(0).expand(gamma.shape).clone(),
        grad_beta.sum(0).expand(gamma.shape).clone(),
    )


@mistake(
    "conditional_batchnorm_backward",
    source="constructed: x in place of its normalised form",
    hints=(
        "The gradient of gamma changes when the same number is added to all x.",
        "Features that are normalised already hide it.",
        "What does gamma multiply?",
    ),
)
def gamma_times_x(grad_out, x, y, gamma, *, eps=1e-5):
    grad_x, _, grad_beta = _norm(grad_out, x, y, gamma, eps)
    return grad_x, torch.zeros_like(gamma).index_add(0, y, grad_out * x), grad_beta


@mistake(
    "conditional_batchnorm_backward",
    source="constructed: the scale forgotten on the way to x",
    hints=(
        "The gradient of x does not depend on gamma.",
        "The other two are right.",
        "By what is the normalised x multiplied in the forward pass?",
    ),
)
def without_gamma(grad_out, x, y, gamma, *, eps=1e-5):
    _, grad_gamma, grad_beta = _norm(grad_out, x, y, gamma, eps)
    return _norm(grad_out, x, y, torch.ones_like(gamma), eps)[0], grad_gamma, grad_beta


@mistake(
    "conditional_batchnorm_backward",
    source="constructed: an average for the absent",
    hints=(
        "A label that is absent gets a gradient that is no number.",
        "If all labels are there, all is well but the size.",
        "What is the mean over no examples?",
    ),
)
def absent_is_no_number(grad_out, x, y, gamma, *, eps=1e-5):
    grad_x = _norm(grad_out, x, y, gamma, eps)[0]
    x_hat = _normalised(x, eps)
    rows = [
        ((grad_out * x_hat)[y == label].mean(0), grad_out[y == label].mean(0))
        for label in range(len(gamma))
    ]
    return grad_x, torch.stack([row[0] for row in rows]), torch.stack([row[1] for row in rows])
