"""Known wrong versions of the exercises on diffusion, and hints for each."""

import torch

from autograder.checks.bank import mistake


def _beside(values, x):
    """Give one number for each sample as many axes as the samples have."""
    return values.reshape(-1, *[1] * (x.dim() - 1))


def _left(betas):
    return torch.cumprod(1 - betas, dim=0)


def _before(betas):
    """What is left before each step."""
    return torch.cat([torch.ones_like(betas[:1]), _left(betas)[:-1]])


# --- alpha_bars -------------------------------------------------------------------------------


@mistake(
    "alpha_bars",
    source="constructed: the product of the betas",
    hints=(
        "What is left is nearly nothing after the first steps already.",
        "It shows in every entry, unless a beta is 1/2.",
        "If a step adds noise of variance beta, which share of the data does it keep?",
    ),
)
def product_of_betas(betas):
    return torch.cumprod(betas, dim=0)


@mistake(
    "alpha_bars",
    source="constructed: what is gone in place of what is left",
    hints=(
        "Your numbers rise from step to step.",
        "It shows in every entry.",
        "Is this the share of the data, or the share of the noise?",
    ),
)
def share_of_noise(betas):
    return 1 - torch.cumprod(1 - betas, dim=0)


@mistake(
    "alpha_bars",
    source="constructed: betas added up",
    hints=(
        "With many steps your numbers fall below 0.",
        "The first entry is right.",
        "Half of what is left is lost, and once more half: is nothing left?",
    ),
)
def one_minus_the_sum(betas):
    return 1 - torch.cumsum(betas, dim=0)


@mistake(
    "alpha_bars",
    source="constructed: the limit of many small steps",
    hints=(
        "Your numbers are a little too large.",
        "Small betas nearly hide it.",
        "Is 1 - x the same as e to the minus x?",
    ),
)
def exponential_of_the_sum(betas):
    return torch.exp(-torch.cumsum(betas, dim=0))


@mistake(
    "alpha_bars",
    source="lucidrains/denoising-diffusion-pytorch, issue 18: the array of the step before",
    hints=(
        "Your first entry is 1, as if step 0 did nothing.",
        "All entries are one place too late.",
        "Is entry t what is left before step t, or after it?",
    ),
)
def one_step_late(betas):
    return _before(betas)


@mistake(
    "alpha_bars",
    source="constructed: alpha for alpha-bar",
    hints=(
        "With a constant schedule your numbers do not fall.",
        "The first entry is right.",
        "What is left after two steps that keep one half each?",
    ),
)
def single_steps(betas):
    return 1 - betas


@mistake(
    "alpha_bars",
    source="constructed: the factor of the data in place of its square",
    hints=(
        "Your numbers are too large, and squaring mends them.",
        "It shows in every entry.",
        "Is alpha-bar the factor of x_0, or what is left of its variance?",
    ),
)
def roots(betas):
    return torch.cumprod(torch.sqrt(1 - betas), dim=0)


@mistake(
    "alpha_bars",
    source="constructed: from the end to the start",
    hints=(
        "Your numbers rise from step to step.",
        "The first entry is the product of all.",
        "Which steps come before step t?",
    ),
)
def from_the_end(betas):
    return torch.cumprod((1 - betas).flip(0), dim=0).flip(0)


# --- q_sample ---------------------------------------------------------------------------------


@mistake(
    "q_sample",
    source="labmlai/annotated_deep_learning_paper_implementations, issue 152: no square roots",
    hints=(
        "Data of variance 1 do not keep it.",
        "It is both factors.",
        "By what is a variance multiplied when the variable is multiplied by a?",
    ),
)
def no_roots(x_0, t, noise, alpha_bar):
    share = _beside(alpha_bar[t], x_0)
    return share * x_0 + (1 - share) * noise


@mistake(
    "q_sample",
    source="labmlai/annotated_deep_learning_paper_implementations, issue 152: a root is missing",
    hints=(
        "There is too little noise.",
        "The part of the data is right.",
        "Which standard deviation has noise of variance 1/4?",
    ),
)
def no_root_of_the_noise(x_0, t, noise, alpha_bar):
    share = _beside(alpha_bar[t], x_0)
    return share.sqrt() * x_0 + (1 - share) * noise


@mistake(
    "q_sample",
    source="constructed: no root for the data",
    hints=(
        "Too little is left of the data.",
        "The part of the noise is right.",
        "Is alpha-bar the factor of x_0, or what is left of its variance?",
    ),
)
def no_root_of_the_data(x_0, t, noise, alpha_bar):
    share = _beside(alpha_bar[t], x_0)
    return share * x_0 + (1 - share).sqrt() * noise


@mistake(
    "q_sample",
    source="constructed: one minus the root",
    hints=(
        "There is too little noise, above all at early steps.",
        "The part of the data is right.",
        "Do the squares of your two factors add up to 1?",
    ),
)
def one_minus_the_root(x_0, t, noise, alpha_bar):
    root = _beside(alpha_bar[t], x_0).sqrt()
    return root * x_0 + (1 - root) * noise


@mistake(
    "q_sample",
    source="constructed: data and noise exchanged",
    hints=(
        "The later the step, the more of the data your samples show.",
        "It is the two factors.",
        "What should be left of the data at the last step?",
    ),
)
def exchanged(x_0, t, noise, alpha_bar):
    share = _beside(alpha_bar[t], x_0)
    return (1 - share).sqrt() * x_0 + share.sqrt() * noise


@mistake(
    "q_sample",
    source="a habit from score-based models: the variance explodes",
    hints=(
        "Your data never fade.",
        "The part of the noise is right.",
        "What multiplies x_0?",
    ),
)
def data_never_fade(x_0, t, noise, alpha_bar):
    return x_0 + (1 - _beside(alpha_bar[t], x_0)).sqrt() * noise


@mistake(
    "q_sample",
    source="constructed: papers count from 1",
    hints=(
        "Your samples are one step behind, and those of the first step come from the last.",
        "It is the index.",
        "Which entry belongs to t = 0?",
    ),
)
def counted_from_one(x_0, t, noise, alpha_bar):
    share = _beside(alpha_bar[t - 1], x_0)
    return share.sqrt() * x_0 + (1 - share).sqrt() * noise


@mistake(
    "q_sample",
    source="constructed: alpha for alpha-bar",
    hints=(
        "There is only the noise of one step.",
        "At the first step all is well.",
        "Is this what is left after one step, or after all of them?",
    ),
)
def one_step_of_noise(x_0, t, noise, alpha_bar):
    alphas = torch.cat([alpha_bar[:1], alpha_bar[1:] / alpha_bar[:-1]])
    share = _beside(alphas[t], x_0)
    return share.sqrt() * x_0 + (1 - share).sqrt() * noise


@mistake(
    "q_sample",
    source="constructed: the step of the first sample for all",
    hints=(
        "All samples of your batch are at one step.",
        "Batches in which they are hide it.",
        "How many numbers are in t?",
    ),
)
def first_step_for_all(x_0, t, noise, alpha_bar):
    share = alpha_bar[t[0]]
    return share.sqrt() * x_0 + (1 - share).sqrt() * noise


@mistake(
    "q_sample",
    source="constructed: t stretched over the last axis",
    hints=(
        "Your steps run along the wrong axis.",
        "It shows when the last axis is as long as the batch, without any message.",
        "Along which axis does broadcasting line up two shapes?",
    ),
)
def along_the_last_axis(x_0, t, noise, alpha_bar):
    share = alpha_bar[t]
    if x_0.dim() == 1 or x_0.shape[-1] != len(t):
        share = _beside(share, x_0)
    return share.sqrt() * x_0 + (1 - share).sqrt() * noise


@mistake(
    "q_sample",
    source="constructed: one axis more, however many there are",
    hints=(
        "Pictures go wrong, vectors do not.",
        "It is the shape of the two factors.",
        "How many axes has a sample?",
    ),
)
def two_axes_only(x_0, t, noise, alpha_bar):
    share = alpha_bar[t].unsqueeze(1) if x_0.dim() > 1 else alpha_bar[t]
    return share.sqrt() * x_0 + (1 - share).sqrt() * noise


# --- posterior --------------------------------------------------------------------------------


def _bayes(x_0, x_t, t, betas, *, left=None, before=None, alpha=None):
    left = _left(betas) if left is None else left
    before = _before(betas) if before is None else before
    alpha = (1 - betas) if alpha is None else alpha
    of_x_0 = before.sqrt() * betas / (1 - left)
    of_x_t = alpha.sqrt() * (1 - before) / (1 - left)
    mean = _beside(of_x_0[t], x_0) * x_0 + _beside(of_x_t[t], x_t) * x_t
    return mean, ((1 - before) / (1 - left) * betas)[t]


@mistake(
    "posterior",
    source="DDPM, section 3.2: the other choice of a variance",
    hints=(
        "Your variance is that of a sampler, not that of Bayes.",
        "It shows most at early steps; the mean is right.",
        "How uncertain is the sample before step 0, if the data are known?",
    ),
)
def variance_is_beta(x_0, x_t, t, betas):
    return _bayes(x_0, x_t, t, betas)[0], betas[t]


@mistake(
    "posterior",
    source="lucidrains/denoising-diffusion-pytorch, issue 18: padded on the wrong side",
    hints=(
        "For the step before you take the step after.",
        "It is the array of alpha-bars, moved by one place.",
        "Is what was left before step t more or less than what is left after it?",
    ),
)
def padded_on_the_wrong_side(x_0, x_t, t, betas):
    left = _left(betas)
    after = torch.cat([left[1:], torch.ones_like(left[:1])])
    return _bayes(x_0, x_t, t, betas, before=after)


@mistake(
    "posterior",
    source="constructed: padded with 0",
    hints=(
        "At the first step nothing is left of x_0.",
        "All other steps are right.",
        "Which share of the data is there before any noise was added?",
    ),
)
def padded_with_zero(x_0, x_t, t, betas):
    before = torch.cat([torch.zeros_like(betas[:1]), _left(betas)[:-1]])
    return _bayes(x_0, x_t, t, betas, before=before)


@mistake(
    "posterior",
    source="constructed: Python counts from the end",
    hints=(
        "Before the first step you find the last one.",
        "All other steps are right.",
        "What does Python take for entry -1?",
    ),
)
def entry_minus_one(x_0, x_t, t, betas):
    return _bayes(x_0, x_t, t, betas, before=_left(betas).roll(1))


@mistake(
    "posterior",
    source="code of DDPM: the first variance replaced by the second, to take its logarithm",
    hints=(
        "At the first step your variance is not 0.",
        "The mean, and all other steps, are right.",
        "If the data are known, what is uncertain before step 0?",
    ),
)
def first_variance_replaced(x_0, x_t, t, betas):
    mean, _ = _bayes(x_0, x_t, t, betas)
    variance = (1 - _before(betas)) / (1 - _left(betas)) * betas
    return mean, torch.cat([variance[1:2] if len(betas) > 1 else betas[:1], variance[1:]])[t]


@mistake(
    "posterior",
    source="constructed: the standard deviation",
    hints=(
        "Your variance is too large, and squaring mends it.",
        "The mean is right.",
        "Which of the two does the exercise ask for?",
    ),
)
def deviation_for_variance(x_0, x_t, t, betas):
    mean, variance = _bayes(x_0, x_t, t, betas)
    return mean, variance.sqrt()


@mistake(
    "posterior",
    source="constructed: the two factors exchanged",
    hints=(
        "At the first step your mean is x_t.",
        "It is the two factors of the mean.",
        "Close to the start, which of x_0 and x_t says more?",
    ),
)
def factors_exchanged(x_0, x_t, t, betas):
    return _bayes(x_t, x_0, t, betas)[0], _bayes(x_0, x_t, t, betas)[1]


@mistake(
    "posterior",
    source="labmlai/annotated_deep_learning_paper_implementations, issue 152: no square roots",
    hints=(
        "Both factors of your mean are too small.",
        "At the first step all is well; the variance is right.",
        "Which roots are there in the formula of the mean?",
    ),
)
def mean_without_roots(x_0, x_t, t, betas):
    left, before = _left(betas), _before(betas)
    of_x_0, of_x_t = before * betas / (1 - left), (1 - betas) * (1 - before) / (1 - left)
    mean = _beside(of_x_0[t], x_0) * x_0 + _beside(of_x_t[t], x_t) * x_t
    return mean, _bayes(x_0, x_t, t, betas)[1]


@mistake(
    "posterior",
    source="constructed: alpha-bar for alpha",
    hints=(
        "The part of x_t is too small at late steps.",
        "The part of x_0 and the variance are right.",
        "Which of the alphas belongs to the one step between the two samples?",
    ),
)
def bar_in_front_of_x_t(x_0, x_t, t, betas):
    return _bayes(x_0, x_t, t, betas, alpha=_left(betas))


@mistake(
    "posterior",
    source="constructed: alpha-bar of this step for that of the step before",
    hints=(
        "The part of x_0 is too small.",
        "The part of x_t and the variance are right.",
        "Which sample does the mean speak about?",
    ),
)
def this_step_for_x_0(x_0, x_t, t, betas):
    left = _left(betas)
    mean, variance = _bayes(x_0, x_t, t, betas)
    change = (left.sqrt() - _before(betas).sqrt()) * betas / (1 - left)
    return mean + _beside(change[t], x_0) * x_0, variance


@mistake(
    "posterior",
    source="constructed: one alpha in the denominators",
    hints=(
        "Your variance is larger than beta.",
        "At the first step all is well.",
        "Which of the alphas does 1 - alpha-bar mean?",
    ),
)
def divided_by_one_step(x_0, x_t, t, betas):
    return _bayes(x_0, x_t, t, betas, left=1 - betas)


@mistake(
    "posterior",
    source="constructed: the fraction of the variance upside down",
    hints=(
        "Your variance is larger than beta.",
        "The mean is right.",
        "Is the sample before more certain if one also knows the data?",
    ),
)
def upside_down(x_0, x_t, t, betas):
    mean, _ = _bayes(x_0, x_t, t, betas)
    return mean, ((1 - _left(betas)) / (1 - _before(betas)) * betas)[t]


# --- predict_x0_from_noise --------------------------------------------------------------------


@mistake(
    "predict_x0_from_noise",
    source="constructed: the noise added once more",
    hints=(
        "Your data are noisier than what you started from.",
        "It is a sign.",
        "What must be done with something that was added?",
    ),
)
def noise_added(x_t, t, noise, alpha_bar):
    share = _beside(alpha_bar[t], x_t)
    return (x_t + (1 - share).sqrt() * noise) / share.sqrt()


@mistake(
    "predict_x0_from_noise",
    source="constructed: multiplied, not divided",
    hints=(
        "Your data are too small, above all at late steps.",
        "It is the last operation.",
        "What undoes a multiplication?",
    ),
)
def multiplied(x_t, t, noise, alpha_bar):
    share = _beside(alpha_bar[t], x_t)
    return (x_t - (1 - share).sqrt() * noise) * share.sqrt()


@mistake(
    "predict_x0_from_noise",
    source="labmlai/annotated_deep_learning_paper_implementations, issue 152: no square roots",
    hints=(
        "Going there and back again does not lead home.",
        "It is both factors.",
        "Which roots are there in the formula of x_t?",
    ),
)
def without_any_root(x_t, t, noise, alpha_bar):
    share = _beside(alpha_bar[t], x_t)
    return (x_t - (1 - share) * noise) / share


@mistake(
    "predict_x0_from_noise",
    source="constructed: no root in the denominator",
    hints=(
        "Your data are too large, above all at late steps.",
        "It is the denominator.",
        "By what was x_0 multiplied?",
    ),
)
def divided_by_the_share(x_t, t, noise, alpha_bar):
    share = _beside(alpha_bar[t], x_t)
    return (x_t - (1 - share).sqrt() * noise) / share


@mistake(
    "predict_x0_from_noise",
    source="constructed: no root for the noise",
    hints=(
        "Some noise is left in your data.",
        "It is the factor of the noise.",
        "By what was the noise multiplied?",
    ),
)
def too_little_noise_removed(x_t, t, noise, alpha_bar):
    share = _beside(alpha_bar[t], x_t)
    return (x_t - (1 - share) * noise) / share.sqrt()


@mistake(
    "predict_x0_from_noise",
    source="constructed: divided before the noise is taken away",
    hints=(
        "Some noise is left in your data.",
        "It is the order of the two operations.",
        "What was done last on the way there?",
    ),
)
def divided_too_early(x_t, t, noise, alpha_bar):
    share = _beside(alpha_bar[t], x_t)
    return x_t / share.sqrt() - (1 - share).sqrt() * noise


@mistake(
    "predict_x0_from_noise",
    source="constructed: not scaled back",
    hints=(
        "Your data fade at late steps.",
        "The noise is gone, but something else is missing.",
        "What is x_t if the noise is 0?",
    ),
)
def not_scaled_back(x_t, t, noise, alpha_bar):
    return x_t - (1 - _beside(alpha_bar[t], x_t)).sqrt() * noise


@mistake(
    "predict_x0_from_noise",
    source="constructed: papers count from 1",
    hints=(
        "You go back from the step before, and from the last instead of the first.",
        "It is the index.",
        "Which entry belongs to t = 0?",
    ),
)
def index_of_the_paper(x_t, t, noise, alpha_bar):
    share = _beside(alpha_bar[t - 1], x_t)
    return (x_t - (1 - share).sqrt() * noise) / share.sqrt()


@mistake(
    "predict_x0_from_noise",
    source="code of DDPM: the guess is clipped to the range of pictures",
    hints=(
        "Your data never leave the interval from -1 to 1.",
        "Small data hide it.",
        "Does the formula know of a range?",
    ),
)
def clipped(x_t, t, noise, alpha_bar):
    share = _beside(alpha_bar[t], x_t)
    return ((x_t - (1 - share).sqrt() * noise) / share.sqrt()).clamp(-1, 1)


# --- predict_mean_from_noise ------------------------------------------------------------------


def _mean(x_t, t, noise, betas, *, kept=None, weight=None):
    kept = (1 - betas).sqrt() if kept is None else kept
    weight = betas / (1 - _left(betas)).sqrt() if weight is None else weight
    return (x_t - _beside(weight[t], x_t) * noise) / _beside(kept[t], x_t)


@mistake(
    "predict_mean_from_noise",
    source="constructed: alpha-bar in front",
    hints=(
        "Your mean is much too large at late steps.",
        "At the first step all is well.",
        "How many steps do you go back?",
    ),
)
def bar_in_front(x_t, t, noise, betas):
    return _mean(x_t, t, noise, betas, kept=_left(betas).sqrt())


@mistake(
    "predict_mean_from_noise",
    source="constructed: alpha for alpha-bar below",
    hints=(
        "You take away too much noise at late steps.",
        "At the first step all is well.",
        "The noise of how many steps is in x_t?",
    ),
)
def one_alpha_below(x_t, t, noise, betas):
    return _mean(x_t, t, noise, betas, weight=betas.sqrt())


@mistake(
    "predict_mean_from_noise",
    source="labmlai/annotated_deep_learning_paper_implementations, issue 152: a root is missing",
    hints=(
        "You take away too much noise, above all at early steps.",
        "It is the denominator of the noise.",
        "Which standard deviation has the noise in x_t?",
    ),
)
def no_root_below(x_t, t, noise, betas):
    return _mean(x_t, t, noise, betas, weight=betas / (1 - _left(betas)))


@mistake(
    "predict_mean_from_noise",
    source="constructed: no root in front",
    hints=(
        "Your mean is a little too large.",
        "It is the factor in front.",
        "By what does one step multiply the sample?",
    ),
)
def no_root_in_front(x_t, t, noise, betas):
    return _mean(x_t, t, noise, betas, kept=1 - betas)


@mistake(
    "predict_mean_from_noise",
    source="constructed: a sign",
    hints=(
        "Your mean is noisier than what you started from.",
        "It is a sign.",
        "Is noise put in, or taken out?",
    ),
)
def noise_put_in(x_t, t, noise, betas):
    return _mean(x_t, t, -noise, betas)


@mistake(
    "predict_mean_from_noise",
    source="constructed: all of the noise at once",
    hints=(
        "You take away the noise of all steps.",
        "At the first step all is well.",
        "How much of the noise came with this one step?",
    ),
)
def all_noise_at_once(x_t, t, noise, betas):
    return _mean(x_t, t, noise, betas, weight=(1 - _left(betas)).sqrt())


@mistake(
    "predict_mean_from_noise",
    source="constructed: the root of beta",
    hints=(
        "You take away too much noise.",
        "It is the numerator of the noise.",
        "Is beta a variance or a standard deviation, and which of them stands there?",
    ),
)
def root_of_beta(x_t, t, noise, betas):
    return _mean(x_t, t, noise, betas, weight=betas.sqrt() / (1 - _left(betas)).sqrt())


@mistake(
    "predict_mean_from_noise",
    source="constructed: the factor in front for x_t only",
    hints=(
        "You take away a little too little noise.",
        "It is where the parenthesis ends.",
        "What does the factor in front multiply?",
    ),
)
def parenthesis_too_short(x_t, t, noise, betas):
    kept, weight = (1 - betas).sqrt(), betas / (1 - _left(betas)).sqrt()
    return x_t / _beside(kept[t], x_t) - _beside(weight[t], x_t) * noise


@mistake(
    "predict_mean_from_noise",
    source="lucidrains/denoising-diffusion-pytorch, issue 18: the array of the step before",
    hints=(
        "You divide by the noise that was there before the step.",
        "It is the denominator of the noise, which is 0 at the first step.",
        "The noise of which sample is given?",
    ),
)
def noise_of_the_step_before(x_t, t, noise, betas):
    return _mean(x_t, t, noise, betas, weight=betas / (1 - _before(betas)).sqrt())


# --- ddpm_loss --------------------------------------------------------------------------------


def _noisy(x_0, t, noise, alpha_bar):
    share = _beside(alpha_bar[t], x_0)
    return share.sqrt() * x_0 + (1 - share).sqrt() * noise


@mistake(
    "ddpm_loss",
    source="constructed: the data for the noise",
    hints=(
        "Your model is asked for the data.",
        "It is what the guess is compared with.",
        "What does this model guess?",
    ),
)
def compared_with_the_data(model, x_0, t, noise, alpha_bar):
    return (model(_noisy(x_0, t, noise, alpha_bar), t) - x_0).square().mean()


@mistake(
    "ddpm_loss",
    source="constructed: the noisy sample for the noise",
    hints=(
        "A model that returns its input is perfect in your eyes.",
        "It is what the guess is compared with.",
        "What does this model guess?",
    ),
)
def compared_with_its_input(model, x_0, t, noise, alpha_bar):
    x_t = _noisy(x_0, t, noise, alpha_bar)
    return (model(x_t, t) - x_t).square().mean()


@mistake(
    "ddpm_loss",
    source="constructed: the model sees the data",
    hints=(
        "Your model looks for noise where there is none.",
        "It is what the model is given.",
        "In which of the samples is the noise?",
    ),
)
def model_sees_the_data(model, x_0, t, noise, alpha_bar):
    del alpha_bar
    return (model(x_0, t) - noise).square().mean()


@mistake(
    "ddpm_loss",
    source="labmlai/annotated_deep_learning_paper_implementations, issue 152: no square roots",
    hints=(
        "Your model sees samples of the wrong variance.",
        "It is what the model is given.",
        "Do the squares of your two factors add up to 1?",
    ),
)
def model_sees_too_little(model, x_0, t, noise, alpha_bar):
    share = _beside(alpha_bar[t], x_0)
    return (model(share * x_0 + (1 - share) * noise, t) - noise).square().mean()


@mistake(
    "ddpm_loss",
    source="DDPM, equation (14): the squared norm, a sum over the numbers of a sample",
    hints=(
        "Larger pictures have larger losses.",
        "Samples that are single numbers hide it.",
        "Over which axes is the mean?",
    ),
)
def sum_over_a_sample(model, x_0, t, noise, alpha_bar):
    error = model(_noisy(x_0, t, noise, alpha_bar), t) - noise
    return error.square().reshape(len(x_0), -1).sum(1).mean()


@mistake(
    "ddpm_loss",
    source="constructed: a sum over everything",
    hints=(
        "Twice the data, twice the loss.",
        "It shows whenever there is more than one number.",
        "What becomes of your loss if every sample is given twice?",
    ),
)
def sum_over_all(model, x_0, t, noise, alpha_bar):
    return (model(_noisy(x_0, t, noise, alpha_bar), t) - noise).square().sum()


@mistake(
    "ddpm_loss",
    source="a habit of later code: the absolute error",
    hints=(
        "Twice the error, only twice the loss.",
        "It is what is done to the errors.",
        "Which power of the error is asked for?",
    ),
)
def absolute_error(model, x_0, t, noise, alpha_bar):
    return (model(_noisy(x_0, t, noise, alpha_bar), t) - noise).abs().mean()


@mistake(
    "ddpm_loss",
    source="constructed: the root of the mean",
    hints=(
        "Your loss is the root of the right one.",
        "It is the last operation.",
        "Which power of the error is asked for?",
    ),
)
def root_of_the_mean(model, x_0, t, noise, alpha_bar):
    return (model(_noisy(x_0, t, noise, alpha_bar), t) - noise).square().mean().sqrt()


@mistake(
    "ddpm_loss",
    source="constructed: the model is told the step of the paper",
    hints=(
        "Your model is told another step than the one that its input is at.",
        "A model that does not look at the step hides it.",
        "From which number does this notebook count?",
    ),
)
def told_the_next_step(model, x_0, t, noise, alpha_bar):
    return (model(_noisy(x_0, t, noise, alpha_bar), t + 1) - noise).square().mean()


@mistake(
    "ddpm_loss",
    source="constructed: one step for the whole batch",
    hints=(
        "All samples of your batch are made noisy by the same number of steps.",
        "Batches in which they are at one step hide it.",
        "How many numbers are in t?",
    ),
)
def noise_of_the_first_step(model, x_0, t, noise, alpha_bar):
    return (model(_noisy(x_0, t[:1], noise, alpha_bar), t) - noise).square().mean()


# --- p_sample_step ----------------------------------------------------------------------------


def _steps(x, t):
    return torch.full((len(x),), t, device=x.device)


def _guess(model, x_t, t):
    return model(x_t, _steps(x_t, t))


def _step(model, x_t, t, noise, betas, *, scale=None, guess=None):
    guess = _guess(model, x_t, t) if guess is None else guess
    scale = betas.sqrt() if scale is None else scale
    mean = _mean(x_t, _steps(x_t, t), guess, betas)
    return mean + scale[t] * noise if t > 0 else mean


@mistake(
    "p_sample_step",
    source="the line of Algorithm 2 that is most often left out",
    hints=(
        "Your final samples are noisy.",
        "It is the last step only.",
        "Who will take away the noise that you add at t = 0?",
    ),
)
def noise_to_the_end(model, x_t, t, noise, betas):
    return _mean(x_t, _steps(x_t, t), _guess(model, x_t, t), betas) + betas[t].sqrt() * noise


@mistake(
    "p_sample_step",
    source="constructed: papers count from 1",
    hints=(
        "One step too early you stop adding noise, and at the last one you add some.",
        "It is the condition.",
        "Which number has the last step of the way back?",
    ),
)
def last_step_of_the_paper(model, x_t, t, noise, betas):
    mean = _mean(x_t, _steps(x_t, t), _guess(model, x_t, t), betas)
    return mean + betas[t].sqrt() * noise if t != 1 else mean


@mistake(
    "p_sample_step",
    source="constructed: the variance as a scale",
    hints=(
        "You add too little noise.",
        "The mean is right.",
        "Which standard deviation has noise of variance beta?",
    ),
)
def scaled_by_the_variance(model, x_t, t, noise, betas):
    return _step(model, x_t, t, noise, betas, scale=betas)


@mistake(
    "p_sample_step",
    source="DDPM, section 3.2: the other choice of a variance",
    hints=(
        "You add a little too little noise.",
        "The mean is right.",
        "Which of the two variances is asked for?",
    ),
)
def variance_of_the_posterior(model, x_t, t, noise, betas):
    variance = (1 - _before(betas)) / (1 - _left(betas)) * betas
    return _step(model, x_t, t, noise, betas, scale=variance.sqrt())


@mistake(
    "p_sample_step",
    source="constructed: the noise of all steps",
    hints=(
        "You add too much noise.",
        "The mean is right.",
        "The variance of how many steps do you add?",
    ),
)
def noise_of_all_steps(model, x_t, t, noise, betas):
    return _step(model, x_t, t, noise, betas, scale=(1 - _left(betas)).sqrt())


@mistake(
    "p_sample_step",
    source="constructed: the mean alone",
    hints=(
        "Your way back has no noise at all.",
        "The mean, and the last step, are right.",
        "What is the argument noise for?",
    ),
)
def mean_alone(model, x_t, t, noise, betas):
    return _step(model, x_t, t, 0 * noise, betas)


@mistake(
    "p_sample_step",
    source="constructed: fresh noise in place of the guess",
    hints=(
        "Your model is not asked.",
        "It is what you take away from x_t.",
        "Which of the two noises is in x_t?",
    ),
)
def fresh_noise_for_the_guess(model, x_t, t, noise, betas):
    return _step(model, x_t, t, noise, betas, guess=noise + 0 * _guess(model, x_t, t))


@mistake(
    "p_sample_step",
    source="constructed: the model is told the step of the paper",
    hints=(
        "Your model is told another step than the one that its input is at.",
        "A model that does not look at the step hides it.",
        "From which number does this notebook count?",
    ),
)
def model_one_step_ahead(model, x_t, t, noise, betas):
    return _step(model, x_t, t, noise, betas, guess=_guess(model, x_t, t + 1))


@mistake(
    "p_sample_step",
    source="constructed: alpha-bar in front",
    hints=(
        "Your samples grow from step to step.",
        "At t = 0 all is well.",
        "How many steps do you go back?",
    ),
)
def grows(model, x_t, t, noise, betas):
    kept = _left(betas).sqrt()
    mean = _mean(x_t, _steps(x_t, t), _guess(model, x_t, t), betas, kept=kept)
    return mean + betas[t].sqrt() * noise if t > 0 else mean


@mistake(
    "p_sample_step",
    source="constructed: straight to the data",
    hints=(
        "You go all the way back at once.",
        "At t = 0 all is well.",
        "Which sample does exercise 4 give, and which one do you want?",
    ),
)
def straight_to_the_data(model, x_t, t, noise, betas):
    left = _left(betas)[t]
    x_0 = (x_t - (1 - left).sqrt() * _guess(model, x_t, t)) / left.sqrt()
    return x_0 + betas[t].sqrt() * noise if t > 0 else x_0


# --- p_sample_loop ----------------------------------------------------------------------------


def _all(model, x, noises, betas, *, order=None, step=None):
    order = reversed(range(len(betas))) if order is None else order
    step = _step if step is None else step
    for t in order:
        x = step(model, x, t, noises[t], betas)
    return x


@mistake(
    "p_sample_loop",
    source="constructed: from the first step to the last",
    hints=(
        "Your samples go the way there once more.",
        "With a single step all is well.",
        "At which step is x_T?",
    ),
)
def forwards(model, x_T, noises, betas):
    return _all(model, x_T, noises, betas, order=range(len(betas)))


@mistake(
    "p_sample_loop",
    source="the line of Algorithm 2 that is most often left out",
    hints=(
        "Your final samples are noisy.",
        "It is the last step only.",
        "Who will take away the noise that you add at t = 0?",
    ),
)
def noisy_to_the_end(model, x_T, noises, betas):
    def step(model, x, t, noise, betas):
        return _mean(x, _steps(x, t), _guess(model, x, t), betas) + betas[t].sqrt() * noise

    return _all(model, x_T, noises, betas, step=step)


@mistake(
    "p_sample_loop",
    source="constructed: a range that ends too early",
    hints=(
        "Some noise is left in your samples.",
        "The last step of the way back is missing.",
        "Does your range contain 0?",
    ),
)
def stops_before_the_end(model, x_T, noises, betas):
    return _all(model, x_T, noises, betas, order=range(len(betas) - 1, 0, -1))


@mistake(
    "p_sample_loop",
    source="constructed: a range that starts too late",
    hints=(
        "Your samples start one step too late.",
        "The first step of the way back is missing.",
        "At which step is x_T?",
    ),
)
def starts_too_late(model, x_T, noises, betas):
    return _all(model, x_T, noises, betas, order=range(len(betas) - 2, -1, -1))


@mistake(
    "p_sample_loop",
    source="constructed: noises in the order of use",
    hints=(
        "Your steps get the noise of other steps.",
        "It is the index of noises.",
        "Which entry of noises belongs to the first step that you take?",
    ),
)
def noises_in_order_of_use(model, x_T, noises, betas):
    return _all(model, x_T, noises.flip(0), betas)


@mistake(
    "p_sample_loop",
    source="constructed: noises shifted by one",
    hints=(
        "Your steps get the noise of the step before.",
        "It is the index of noises.",
        "Which entry of noises is not needed?",
    ),
)
def noises_shifted(model, x_T, noises, betas):
    return _all(model, x_T, noises.roll(1, 0), betas)


@mistake(
    "p_sample_loop",
    source="constructed: one noise for all steps",
    hints=(
        "The same noise comes in every step.",
        "It is the index of noises.",
        "How often is z drawn in Algorithm 2?",
    ),
)
def same_noise_again(model, x_T, noises, betas):
    return _all(model, x_T, noises[-1:].expand(noises.shape), betas)


@mistake(
    "p_sample_loop",
    source="constructed: the model is always told the last step",
    hints=(
        "Your model never hears that its input has become cleaner.",
        "With a single step, or a model that does not look at it, all is well.",
        "What does the model need to know about its input?",
    ),
)
def always_the_last_step(model, x_T, noises, betas):
    def step(model, x, t, noise, betas):
        return _step(model, x, t, noise, betas, guess=_guess(model, x, len(betas) - 1))

    return _all(model, x_T, noises, betas, step=step)


@mistake(
    "p_sample_loop",
    source="constructed: no fresh noise",
    hints=(
        "Your samples vary too little.",
        "With a single step all is well.",
        "What is the argument noises for?",
    ),
)
def no_fresh_noise(model, x_T, noises, betas):
    return _all(model, x_T, 0 * noises, betas)


@mistake(
    "p_sample_loop",
    source="constructed: the variance as a scale",
    hints=(
        "Your samples vary too little.",
        "It is the noise of each step.",
        "Which standard deviation has noise of variance beta?",
    ),
)
def variances_as_scales(model, x_T, noises, betas):
    def step(model, x, t, noise, betas):
        return _step(model, x, t, noise, betas, scale=betas)

    return _all(model, x_T, noises, betas, step=step)


@mistake(
    "p_sample_loop",
    source="DDPM, section 3.2: the other choice of a variance",
    hints=(
        "Your samples vary a little too little.",
        "It is the noise of each step; the means are right.",
        "Which of the two variances is asked for?",
    ),
)
def posterior_variances(model, x_T, noises, betas):
    scale = ((1 - _before(betas)) / (1 - _left(betas)) * betas).sqrt()

    def step(model, x, t, noise, betas):
        return _step(model, x, t, noise, betas, scale=scale)

    return _all(model, x_T, noises, betas, step=step)


# --- ddim_step --------------------------------------------------------------------------------


def _stride(model, x_t, t, then, alpha_bar):
    """From step t to where `then` is left, and the guess."""
    now, guess = alpha_bar[t], _guess(model, x_t, t)
    x_0 = (x_t - (1 - now).sqrt() * guess) / now.sqrt()
    return x_0, guess, then


def _left_at(alpha_bar, s):
    return torch.ones_like(alpha_bar[0]) if s < 0 else alpha_bar[s]


@mistake(
    "ddim_step",
    source="constructed: Python counts from the end",
    hints=(
        "On the way to the data you arrive at the last step.",
        "All other strides are right.",
        "What does Python take for entry -1?",
    ),
)
def data_are_the_last_step(model, x_t, t, s, alpha_bar):
    x_0, guess, then = _stride(model, x_t, t, alpha_bar[s], alpha_bar)
    return then.sqrt() * x_0 + (1 - then).sqrt() * guess


@mistake(
    "ddim_step",
    source="code that clips the index: the data taken for step 0",
    hints=(
        "On the way to the data you stop at step 0.",
        "All other strides are right.",
        "How much noise is in the data?",
    ),
)
def data_are_the_first_step(model, x_t, t, s, alpha_bar):
    x_0, guess, then = _stride(model, x_t, t, alpha_bar[max(s, 0)], alpha_bar)
    return then.sqrt() * x_0 + (1 - then).sqrt() * guess


@mistake(
    "ddim_step",
    source="constructed: always one step",
    hints=(
        "However far you are to go, you go one step.",
        "Strides of one step hide it.",
        "What is s for?",
    ),
)
def one_step_only(model, x_t, t, s, alpha_bar):
    del s
    x_0, guess, then = _stride(model, x_t, t, _left_at(alpha_bar, t - 1), alpha_bar)
    return then.sqrt() * x_0 + (1 - then).sqrt() * guess


@mistake(
    "ddim_step",
    source="constructed: the noise of the step where the samples are",
    hints=(
        "There is too much noise in what you return.",
        "The part of the data is right.",
        "How much noise belongs to step s?",
    ),
)
def old_amount_of_noise(model, x_t, t, s, alpha_bar):
    x_0, guess, then = _stride(model, x_t, t, _left_at(alpha_bar, s), alpha_bar)
    return then.sqrt() * x_0 + (1 - alpha_bar[t]).sqrt() * guess


@mistake(
    "ddim_step",
    source="labmlai/annotated_deep_learning_paper_implementations, issue 152: no square roots",
    hints=(
        "What you return has the wrong variance.",
        "On the way to the data all is well.",
        "Do the squares of your last two factors add up to 1?",
    ),
)
def last_roots_missing(model, x_t, t, s, alpha_bar):
    x_0, guess, then = _stride(model, x_t, t, _left_at(alpha_bar, s), alpha_bar)
    return then * x_0 + (1 - then) * guess


@mistake(
    "ddim_step",
    source="constructed: the guess of the data, wherever one wants to go",
    hints=(
        "You always go to the data.",
        "On the way to the data all is well.",
        "How much noise belongs to step s?",
    ),
)
def always_to_the_data(model, x_t, t, s, alpha_bar):
    return _stride(model, x_t, t, s, alpha_bar)[0]


@mistake(
    "ddim_step",
    source="constructed: the noise is not put back",
    hints=(
        "There is no noise in what you return.",
        "On the way to the data all is well.",
        "How much noise belongs to step s?",
    ),
)
def noise_not_put_back(model, x_t, t, s, alpha_bar):
    x_0, _, then = _stride(model, x_t, t, _left_at(alpha_bar, s), alpha_bar)
    return then.sqrt() * x_0


@mistake(
    "ddim_step",
    source="constructed: a second guess, at the step of arrival",
    hints=(
        "Your model is asked about a step where the samples are not.",
        "A model that does not look at the step hides it.",
        "At which step is x_t?",
    ),
)
def asked_about_the_arrival(model, x_t, t, s, alpha_bar):
    now, then = alpha_bar[t], _left_at(alpha_bar, s)
    guess = _guess(model, x_t, s)
    x_0 = (x_t - (1 - now).sqrt() * guess) / now.sqrt()
    return then.sqrt() * x_0 + (1 - then).sqrt() * guess


@mistake(
    "ddim_step",
    source="code of DDPM: the guess is clipped to the range of pictures",
    hints=(
        "Your guess of the data never leaves the interval from -1 to 1.",
        "Small data hide it.",
        "Does the formula know of a range?",
    ),
)
def guess_clipped(model, x_t, t, s, alpha_bar):
    x_0, guess, then = _stride(model, x_t, t, _left_at(alpha_bar, s), alpha_bar)
    return then.sqrt() * x_0.clamp(-1, 1) + (1 - then).sqrt() * guess
