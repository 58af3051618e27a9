"""Known wrong versions of the exercises on optimizers, and hints for each."""

import math

import torch

from autograder.checks.bank import mistake

# --- sgd_step ---------------------------------------------------------------------------------


@mistake(
    "sgd_step",
    source="constructed: the sum of the batch in place of its average",
    hints=(
        "The step grows with the number of examples.",
        "With a batch of one all is well.",
        "If every example of the batch came twice, should the step be twice as long?",
    ),
)
def sum_of_the_batch(theta, grads, lr):
    return theta - lr * grads.sum(0)


@mistake(
    "sgd_step",
    source="constructed: gradient ascent",
    hints=(
        "A small step makes the loss larger.",
        "It shows wherever the average gradient is not 0.",
        "Which way does a gradient point, up or down?",
    ),
)
def uphill(theta, grads, lr):
    return theta + lr * grads.mean(0)


@mistake(
    "sgd_step",
    source="constructed: an average over everything",
    hints=(
        "All parameters move by the same amount.",
        "With a single parameter all is well.",
        "Over which axes is the average of the batch taken?",
    ),
)
def average_over_everything(theta, grads, lr):
    return theta - lr * grads.mean()


@mistake(
    "sgd_step",
    source="constructed: stochastic gradient descent where a batch was given",
    hints=(
        "Some of the gradients have no influence on the step.",
        "With a batch of one all is well.",
        "How many examples take part in the step?",
    ),
)
def first_example_only(theta, grads, lr):
    return theta - lr * grads[0]


@mistake(
    "sgd_step",
    source="constructed: a step of fixed length",
    hints=(
        "Near the minimum your steps are as long as far away from it.",
        "Double all gradients: the step must double too, yours stays.",
        "Which number says how long a step is, besides the learning rate?",
    ),
)
def unit_length(theta, grads, lr):
    grad = grads.mean(0)
    return theta - lr * grad / (grad.norm() + 1e-12)


@mistake(
    "sgd_step",
    source="constructed: the step itself in place of the point that it leads to",
    hints=(
        "Your result does not depend on where you are.",
        "If all parameters are 0, only the sign is off.",
        "What is asked for, how far to go or where you end?",
    ),
)
def only_the_step(theta, grads, lr):
    return lr * grads.mean(0)


@mistake(
    "sgd_step",
    source="121 public solution sets of one course: keepdims left in",
    hints=(
        "The values are right, the shape is not.",
        "It is the average that keeps an axis.",
        "How many axes do the parameters have?",
    ),
)
def keeps_the_axis_of_the_batch(theta, grads, lr):
    return theta - lr * grads.mean(0, keepdim=True)


# --- momentum_step ----------------------------------------------------------------------------


@mistake(
    "momentum_step",
    source="a habit from moving averages: dampening, as torch.optim.SGD offers it",
    hints=(
        "The slope pushes too little.",
        "It shows in the velocity, unless the gradient is 0.",
        "Do the two weights of this recursion have to add up to 1?",
    ),
)
def dampened(theta, grad, v, lr, *, gamma=0.9):
    v = gamma * v + (1 - gamma) * lr * grad
    return theta - v, v


@mistake(
    "momentum_step",
    source="torch.optim.SGD, which keeps the learning rate out of its buffer",
    hints=(
        "The velocity is measured in another unit.",
        "It shows unless the learning rate is 1.",
        "When the learning rate falls, which pushes get smaller: the new one, or all of them?",
    ),
)
def rate_outside(theta, grad, v, lr, *, gamma=0.9):
    v = gamma * v + grad
    return theta - lr * v, v


@mistake(
    "momentum_step",
    source="constructed: the velocity from before the step",
    hints=(
        "The parameters do not react to the gradient of this step.",
        "The velocity is right.",
        "Which velocity carries the ball, the old one or the new one?",
    ),
)
def old_velocity(theta, grad, v, lr, *, gamma=0.9):
    return theta - v, gamma * v + lr * grad


@mistake(
    "momentum_step",
    source="121 public solution sets of one course: v = mu v - lr dw, which another text asks for",
    hints=(
        "Your velocity points the other way.",
        "From a velocity of 0 the parameters are right.",
        "Is the velocity of this exercise added to the parameters, or subtracted?",
    ),
)
def velocity_downhill(theta, grad, v, lr, *, gamma=0.9):
    v = gamma * v - lr * grad
    return theta + v, v


@mistake(
    "momentum_step",
    source="constructed: nothing fades",
    hints=(
        "The ball never loses speed.",
        "From a velocity of 0 all is well.",
        "What happens to the velocity where the ground is flat?",
    ),
)
def no_friction(theta, grad, v, lr, *, gamma=0.9):
    v = v + lr * grad
    return theta - v, v


@mistake(
    "momentum_step",
    source="121 public solution sets of one course: the velocity is never updated",
    hints=(
        "The parameters are right, the velocity is not.",
        "The next step would start as if this one had not been taken.",
        "What does the caller need besides the parameters?",
    ),
)
def velocity_forgotten(theta, grad, v, lr, *, gamma=0.9):
    return theta - (gamma * v + lr * grad), v


@mistake(
    "momentum_step",
    source="torch.optim.SGD(nesterov=True)",
    hints=(
        "The parameters move too far.",
        "The velocity is right.",
        "How often does the gradient of this step act in this step?",
    ),
)
def looks_ahead(theta, grad, v, lr, *, gamma=0.9):
    v = gamma * v + lr * grad
    return theta - (gamma * v + lr * grad), v


@mistake(
    "momentum_step",
    source="constructed: friction acts on the push too",
    hints=(
        "The slope pushes too little.",
        "With a gradient of 0 all is well.",
        "What is multiplied by gamma, the past or the sum?",
    ),
)
def friction_on_everything(theta, grad, v, lr, *, gamma=0.9):
    v = gamma * (v + lr * grad)
    return theta - v, v


# --- momentum_unrolled ------------------------------------------------------------------------


@mistake(
    "momentum_unrolled",
    source="the class notes, 3.5.1, as printed",
    hints=(
        "The old velocity counts for too much.",
        "From a velocity of 0 all is well.",
        "How often is the old velocity multiplied by gamma in one step, and in k + 1?",
    ),
)
def one_fading_less(v, grads, lr, *, gamma=0.9):
    k = len(grads) - 1
    fading = gamma ** torch.arange(k, -1, -1, dtype=v.dtype, device=v.device)
    return gamma**k * v + lr * torch.tensordot(fading, grads, dims=1)


@mistake(
    "momentum_unrolled",
    source="constructed: the order of the gradients",
    hints=(
        "The oldest gradient counts most.",
        "With a single gradient all is well.",
        "Which gradient had the most time to fade?",
    ),
)
def newest_first(v, grads, lr, *, gamma=0.9):
    for grad in grads.flip(0):
        v = gamma * v + lr * grad
    return v


@mistake(
    "momentum_unrolled",
    source="the second formula of the class notes, 3.5.1, which starts from rest",
    hints=(
        "Where the ball came from does not matter to you.",
        "From a velocity of 0 all is well.",
        "What is left of the old velocity if all gradients are 0?",
    ),
)
def from_rest(v, grads, lr, *, gamma=0.9):
    v = torch.zeros_like(v)
    for grad in grads:
        v = gamma * v + lr * grad
    return v


@mistake(
    "momentum_unrolled",
    source="torch.optim.SGD, which keeps the learning rate out of its buffer",
    hints=(
        "The gradients count for too much, or too little.",
        "With gradients of 0 all is well.",
        "Is the learning rate part of this velocity?",
    ),
)
def without_the_rate(v, grads, lr, *, gamma=0.9):
    for grad in grads:
        v = gamma * v + grad
    return v


@mistake(
    "momentum_unrolled",
    source="constructed: the learning rate before everything",
    hints=(
        "The old velocity is multiplied by the learning rate.",
        "From a velocity of 0 all is well.",
        "Which of the two terms holds the learning rate already?",
    ),
)
def rate_on_everything(v, grads, lr, *, gamma=0.9):
    v = v * lr
    for grad in grads:
        v = gamma * v + lr * grad
    return v


@mistake(
    "momentum_unrolled",
    source="constructed: the sum starts at the wrong power",
    hints=(
        "The newest gradient has faded already.",
        "With gradients of 0 all is well.",
        "With which power of gamma does the newest gradient count?",
    ),
)
def one_fading_more(v, grads, lr, *, gamma=0.9):
    for grad in grads:
        v = gamma * (v + lr * grad)
    return v


@mistake(
    "momentum_unrolled",
    source="a habit from moving averages",
    hints=(
        "The gradients count for too little.",
        "With gradients of 0 all is well.",
        "Is the velocity an average or a sum?",
    ),
)
def an_average(v, grads, lr, *, gamma=0.9):
    for grad in grads:
        v = gamma * v + (1 - gamma) * lr * grad
    return v


# --- nesterov_step ----------------------------------------------------------------------------


@mistake(
    "nesterov_step",
    source="constructed: momentum, as before",
    hints=(
        "You ask for the slope where you stand.",
        "From a velocity of 0 all is well, and with gamma = 0.",
        "Where will the velocity have carried you when the gradient acts?",
    ),
)
def slope_at_theta(theta, grad_fn, v, lr, *, gamma=0.9):
    v = gamma * v + lr * grad_fn(theta)
    return theta - v, v


@mistake(
    "nesterov_step",
    source="constructed: the sign of a velocity that points downhill",
    hints=(
        "You look back instead of ahead.",
        "From a velocity of 0 all is well.",
        "Is the velocity of this exercise added to the parameters, or subtracted?",
    ),
)
def looks_back(theta, grad_fn, v, lr, *, gamma=0.9):
    v = gamma * v + lr * grad_fn(theta + gamma * v)
    return theta - v, v


@mistake(
    "nesterov_step",
    source="constructed: the whole velocity, without friction",
    hints=(
        "You look too far ahead.",
        "From a velocity of 0 all is well.",
        "How much of the velocity survives into this step?",
    ),
)
def looks_too_far(theta, grad_fn, v, lr, *, gamma=0.9):
    v = gamma * v + lr * grad_fn(theta - v)
    return theta - v, v


@mistake(
    "nesterov_step",
    source="torch.optim.SGD(nesterov=True), whose parameter is another point",
    hints=(
        "Your parameters are those of another trajectory, a bit ahead of the one asked for.",
        "It shows unless gamma is 0.",
        "At which of the two points, where you stand or where you look, does your function start?",
    ),
)
def as_torch_stores_it(theta, grad_fn, v, lr, *, gamma=0.9):
    grad = grad_fn(theta)
    v = gamma * v + lr * grad
    return theta - (gamma * v + lr * grad), v


@mistake(
    "nesterov_step",
    source="constructed: the step begins where one only looks",
    hints=(
        "The old velocity carries you twice.",
        "The new velocity is right.",
        "Do you walk to the place where you ask for the slope, or only look at it?",
    ),
)
def walks_ahead_first(theta, grad_fn, v, lr, *, gamma=0.9):
    ahead = theta - gamma * v
    v = gamma * v + lr * grad_fn(ahead)
    return ahead - v, v


@mistake(
    "nesterov_step",
    source="a habit from moving averages: dampening",
    hints=(
        "The slope pushes too little.",
        "It shows in the velocity even if it was 0 before.",
        "Do the two weights of this recursion have to add up to 1?",
    ),
)
def dampened_ahead(theta, grad_fn, v, lr, *, gamma=0.9):
    v = gamma * v + (1 - gamma) * lr * grad_fn(theta - gamma * v)
    return theta - v, v


@mistake(
    "nesterov_step",
    source="121 public solution sets of one course: the velocity is never updated",
    hints=(
        "The parameters are right, the velocity is not.",
        "The next step would start as if this one had not been taken.",
        "What does the caller need besides the parameters?",
    ),
)
def velocity_not_kept(theta, grad_fn, v, lr, *, gamma=0.9):
    ahead = theta - gamma * v
    return ahead - lr * grad_fn(ahead), v


@mistake(
    "nesterov_step",
    source="torch.optim.SGD, which keeps the learning rate out of its buffer",
    hints=(
        "The velocity is measured in another unit.",
        "It shows unless the learning rate is 1.",
        "Is the learning rate part of this velocity?",
    ),
)
def rate_outside_ahead(theta, grad_fn, v, lr, *, gamma=0.9):
    v = gamma * v + grad_fn(theta - lr * gamma * v)
    return theta - lr * v, v


# --- adagrad_step -----------------------------------------------------------------------------


@mistake(
    "adagrad_step",
    source="torch.optim.Adagrad; 121 public solution sets of one course: where eps goes",
    hints=(
        "Where gradients are large beside epsilon all is well.",
        "It is the denominator.",
        "What is the denominator if s is 0: epsilon, or its root?",
    ),
)
def eps_outside(theta, grad, s, lr, *, eps=1e-8):
    s = s + grad**2
    return theta - lr * grad / (s.sqrt() + eps), s


@mistake(
    "adagrad_step",
    source="121 public solution sets of one course: no root",
    hints=(
        "Scale the loss by 10: the first step must stay the same, yours shrinks to a tenth.",
        "It is the denominator.",
        "In which unit is s measured, and in which the gradient?",
    ),
)
def no_root(theta, grad, s, lr, *, eps=1e-8):
    s = s + grad**2
    return theta - lr * grad / (s + eps), s


@mistake(
    "adagrad_step",
    source="constructed: the sum from before the step",
    hints=(
        "The first step is huge.",
        "The state that you return is right.",
        "Does the gradient of this step count in its own denominator?",
    ),
)
def old_sum(theta, grad, s, lr, *, eps=1e-8):
    return theta - lr * grad / torch.sqrt(s + eps), s + grad**2


@mistake(
    "adagrad_step",
    source="constructed: nothing is remembered",
    hints=(
        "Every step is as long as the first one.",
        "From a state of 0 all is well.",
        "What has s to do with the gradients of earlier steps?",
    ),
)
def remembers_nothing(theta, grad, s, lr, *, eps=1e-8):
    s = grad**2
    return theta - lr * grad / torch.sqrt(s + eps), s


@mistake(
    "adagrad_step",
    source="constructed: sizes in place of squares",
    hints=(
        "Scale the loss by 10: the first step must stay the same, yours grows.",
        "It is the state.",
        "What is summed, the gradients' sizes or their squares?",
    ),
)
def sum_of_sizes(theta, grad, s, lr, *, eps=1e-8):
    s = s + grad.abs()
    return theta - lr * grad / torch.sqrt(s + eps), s


@mistake(
    "adagrad_step",
    source="constructed: one learning rate for all",
    hints=(
        "A large gradient of one parameter slows the others down.",
        "With a single parameter all is well.",
        "Whose squared gradients does the state of a parameter hold?",
    ),
)
def one_rate_for_all(theta, grad, s, lr, *, eps=1e-8):
    s = s + (grad**2).sum()
    return theta - lr * grad / torch.sqrt(s + eps), s


@mistake(
    "adagrad_step",
    source="121 public solution sets of one course: eps dropped",
    hints=(
        "You divide by 0.",
        "It shows where neither this gradient nor any before was anything but 0.",
        "What is the denominator of a parameter that was never used?",
    ),
)
def no_eps(theta, grad, s, lr, *, eps=1e-8):
    s = s + grad**2
    return theta - lr * grad / torch.sqrt(s), s


@mistake(
    "adagrad_step",
    source="121 public solution sets of one course: a variable that holds eps is stored",
    hints=(
        "The parameters are right, the state is a little too large.",
        "It shows when epsilon is large.",
        "What is s after a step whose gradient is 0?",
    ),
)
def eps_in_the_state(theta, grad, s, lr, *, eps=1e-8):
    s = s + grad**2 + eps
    return theta - lr * grad / torch.sqrt(s), s


@mistake(
    "adagrad_step",
    source="constructed: RMSProp with a share of a half",
    hints=(
        "The state forgets.",
        "A gradient of 0 must leave the state as it is; yours shrinks.",
        "Does the state of AdaGrad ever fall?",
    ),
)
def an_average_of_squares(theta, grad, s, lr, *, eps=1e-8):
    s = (s + grad**2) / 2
    return theta - lr * grad / torch.sqrt(s + eps), s


# --- rmsprop_step -----------------------------------------------------------------------------


@mistake(
    "rmsprop_step",
    source="torch.optim.RMSprop; keras-team/keras, issue 4356; 121 public solution sets of one"
    " course: where eps goes",
    hints=(
        "Where gradients are large beside epsilon all is well.",
        "It is the denominator.",
        "What is the denominator if s is 0: epsilon, or its root?",
    ),
)
def eps_outside_the_root(theta, grad, s, lr, *, gamma=0.9, eps=1e-8):
    s = gamma * s + (1 - gamma) * grad**2
    return theta - lr * grad / (s.sqrt() + eps), s


@mistake(
    "rmsprop_step",
    source="121 public solution sets of one course: rmsprop without sqrt",
    hints=(
        "Scale the loss by 10: the first step must stay the same, yours shrinks to a tenth.",
        "It is the denominator.",
        "In which unit is s measured, and in which the gradient?",
    ),
)
def no_square_root(theta, grad, s, lr, *, gamma=0.9, eps=1e-8):
    s = gamma * s + (1 - gamma) * grad**2
    return theta - lr * grad / (s + eps), s


@mistake(
    "rmsprop_step",
    source="constructed: the second weight is left out",
    hints=(
        "Your state is much larger than the squared gradients.",
        "With a gradient of 0 the state is right.",
        "If all gradients are equal, what is their average?",
    ),
)
def a_fading_sum(theta, grad, s, lr, *, gamma=0.9, eps=1e-8):
    s = gamma * s + grad**2
    return theta - lr * grad / torch.sqrt(s + eps), s


@mistake(
    "rmsprop_step",
    source="constructed: the two weights exchanged",
    hints=(
        "The past fades too fast.",
        "It shows unless gamma is a half.",
        "Which of the two, past or present, does gamma weigh?",
    ),
)
def weights_exchanged(theta, grad, s, lr, *, gamma=0.9, eps=1e-8):
    s = (1 - gamma) * s + gamma * grad**2
    return theta - lr * grad / torch.sqrt(s + eps), s


@mistake(
    "rmsprop_step",
    source="constructed: the average from before the step",
    hints=(
        "The first step is huge.",
        "The state that you return is right.",
        "Does the gradient of this step count in its own denominator?",
    ),
)
def old_average(theta, grad, s, lr, *, gamma=0.9, eps=1e-8):
    return theta - lr * grad / torch.sqrt(s + eps), gamma * s + (1 - gamma) * grad**2


@mistake(
    "rmsprop_step",
    source="constructed: AdaGrad, as before",
    hints=(
        "The state never falls.",
        "A gradient of 0 must make the state smaller; yours stays.",
        "What was the trouble with AdaGrad?",
    ),
)
def never_forgets(theta, grad, s, lr, *, gamma=0.9, eps=1e-8):
    s = s + grad**2
    return theta - lr * grad / torch.sqrt(s + eps), s


@mistake(
    "rmsprop_step",
    source="121 public solution sets of one course: eps hard-coded",
    hints=(
        "Your result does not depend on epsilon.",
        "It shows when epsilon is not the usual one.",
        "Which of the arguments do you never use?",
    ),
)
def eps_fixed(theta, grad, s, lr, *, gamma=0.9, eps=1e-8):
    s = gamma * s + (1 - gamma) * grad**2
    return theta - lr * grad / torch.sqrt(s + 1e-8), s


@mistake(
    "rmsprop_step",
    source="121 public solution sets of one course: a variable that holds eps is stored",
    hints=(
        "The parameters are right, the state is a little too large.",
        "It shows when epsilon is large.",
        "What is s after a step from s = 0 whose gradient is 0?",
    ),
)
def eps_kept_in_the_state(theta, grad, s, lr, *, gamma=0.9, eps=1e-8):
    s = gamma * s + (1 - gamma) * grad**2 + eps
    return theta - lr * grad / torch.sqrt(s), s


@mistake(
    "rmsprop_step",
    source="constructed: sizes in place of squares",
    hints=(
        "Scale the loss by 10: the first step must stay the same, yours grows.",
        "It is the state.",
        "What is averaged, the gradients' sizes or their squares?",
    ),
)
def average_of_sizes(theta, grad, s, lr, *, gamma=0.9, eps=1e-8):
    s = gamma * s + (1 - gamma) * grad.abs()
    return theta - lr * grad / torch.sqrt(s + eps), s


@mistake(
    "rmsprop_step",
    source="constructed: a correction that Adam has and RMSProp has not",
    hints=(
        "Your steps are too short.",
        "The state is right.",
        "Does the formula correct the average for its start at 0?",
    ),
)
def corrected_like_adam(theta, grad, s, lr, *, gamma=0.9, eps=1e-8):
    s = gamma * s + (1 - gamma) * grad**2
    return theta - lr * grad / torch.sqrt(s / (1 - gamma) + eps), s


# --- adam_step --------------------------------------------------------------------------------


@mistake(
    "adam_step",
    source="121 public solution sets of one course: no bias correction",
    hints=(
        "The first steps have the wrong length.",
        "It shows for small t; after thousands of steps all is well.",
        "How large is m after the first step, compared with the gradient?",
    ),
)
def not_corrected(theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    return theta - lr * m / (v.sqrt() + eps), m, v


@mistake(
    "adam_step",
    source="keras-team/keras, pull request 10129; 121 public solution sets of one course: t before"
    " it is incremented",
    hints=(
        "The correction divides by 0 at first.",
        "It shows for small t, and most of all at the first step.",
        "How many gradients has m seen when the first step is taken?",
    ),
)
def counts_one_less(theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    m_hat, v_hat = m / (1 - beta_1 ** (t - 1)), v / (1 - beta_2 ** (t - 1))
    return theta - lr * m_hat / (v_hat.sqrt() + eps), m, v


@mistake(
    "adam_step",
    source="cs231n/cs231n.github.io, issue 179, and tensorflow/tensorflow, issue 35444: t is 2 in"
    " the first step",
    hints=(
        "The correction is too weak.",
        "It shows for small t, and most of all at the first step.",
        "What is t in this exercise when the first step is taken?",
    ),
)
def counts_one_more(theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    m_hat, v_hat = m / (1 - beta_1 ** (t + 1)), v / (1 - beta_2 ** (t + 1))
    return theta - lr * m_hat / (v_hat.sqrt() + eps), m, v


@mistake(
    "adam_step",
    source="d2l-ai/d2l-zh, pull request 502; 121 public solution sets of one course: eps inside"
    " the root",
    hints=(
        "Where gradients are large beside epsilon all is well.",
        "It is the denominator.",
        "What is the denominator if v is 0: epsilon, or its root?",
    ),
)
def eps_inside(theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
    return theta - lr * m_hat / torch.sqrt(v_hat + eps), m, v


@mistake(
    "adam_step",
    source="tensorflow/tensorflow, issue 9047, and keras-team/keras, issue 17391: epsilon hat",
    hints=(
        "Where gradients are large beside epsilon all is well, and after thousands of steps.",
        "It is the denominator.",
        "To which root is epsilon added, that of v or that of the corrected v?",
    ),
)
def epsilon_hat(theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    rate = lr * math.sqrt(1 - beta_2**t) / (1 - beta_1**t)
    return theta - rate * m / (v.sqrt() + eps), m, v


@mistake(
    "adam_step",
    source="121 public solution sets of one course: eps hard-coded",
    hints=(
        "Your result does not depend on epsilon.",
        "It shows when epsilon is not the usual one.",
        "Which of the arguments do you never use?",
    ),
)
def eps_hard_coded(theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
    return theta - lr * m_hat / (v_hat.sqrt() + 1e-8), m, v


@mistake(
    "adam_step",
    source="constructed: the square is missing in the second average",
    hints=(
        "The second average has the wrong unit.",
        "The first average is right.",
        "Scale the loss by 10. By how much should v grow?",
    ),
)
def sizes_not_squares(theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad.abs()
    m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
    return theta - lr * m_hat / (v_hat.sqrt() + eps), m, v


@mistake(
    "adam_step",
    source="constructed: the two shares exchanged",
    hints=(
        "The first average fades too slowly, the second too fast.",
        "It shows in both averages.",
        "Which of the two averages has the longer memory?",
    ),
)
def shares_exchanged(theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m = beta_2 * m + (1 - beta_2) * grad
    v = beta_1 * v + (1 - beta_1) * grad**2
    m_hat, v_hat = m / (1 - beta_2**t), v / (1 - beta_1**t)
    return theta - lr * m_hat / (v_hat.sqrt() + eps), m, v


@mistake(
    "adam_step",
    source="121 public solution sets of one course: the share without its complement",
    hints=(
        "The averages are much too small.",
        "The past counts as it should, the gradient of this step does not.",
        "What do the two weights of an average add up to?",
    ),
)
def weights_swapped(theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m = (1 - beta_1) * m + beta_1 * grad
    v = (1 - beta_2) * v + beta_2 * grad**2
    m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
    return theta - lr * m_hat / (v_hat.sqrt() + eps), m, v


@mistake(
    "adam_step",
    source="121 public solution sets of one course: 1 - (1 - beta)^t",
    hints=(
        "The correction has the wrong size after the first step, or even at it.",
        "The averages are right.",
        "What is left of the start of the average after t steps, and what has been added?",
    ),
)
def complement_to_the_power(theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    m_hat, v_hat = m / (1 - (1 - beta_1) ** t), v / (1 - (1 - beta_2) ** t)
    return theta - lr * m_hat / (v_hat.sqrt() + eps), m, v


@mistake(
    "adam_step",
    source="121 public solution sets of one course: beta to the power of 2",
    hints=(
        "The correction does not change from step to step.",
        "At the second step all is well.",
        "What does the correction tend to when t grows?",
    ),
)
def always_squared(theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    m_hat, v_hat = m / (1 - beta_1**2), v / (1 - beta_2**2)
    return theta - lr * m_hat / (v_hat.sqrt() + eps), m, v


@mistake(
    "adam_step",
    source="eriklindernoren/ML-From-Scratch, issue 35: the correction without a power",
    hints=(
        "The correction does not change from step to step.",
        "At the first step all is well.",
        "What does the correction tend to when t grows?",
    ),
)
def never_counts(theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    m_hat, v_hat = m / (1 - beta_1), v / (1 - beta_2)
    return theta - lr * m_hat / (v_hat.sqrt() + eps), m, v


@mistake(
    "adam_step",
    source="constructed: the corrected averages become the state",
    hints=(
        "The parameters are right, the state is not.",
        "After thousands of steps all is well.",
        "If the state is corrected, what happens when the next step corrects it again?",
    ),
)
def corrected_state(theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m = (beta_1 * m + (1 - beta_1) * grad) / (1 - beta_1**t)
    v = (beta_2 * v + (1 - beta_2) * grad**2) / (1 - beta_2**t)
    return theta - lr * m / (v.sqrt() + eps), m, v


@mistake(
    "adam_step",
    source="constructed: only the first average is corrected",
    hints=(
        "The first steps are much too long.",
        "The averages are right.",
        "Which of the two averages is too small at first?",
    ),
)
def only_m_corrected(theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    return theta - lr * m / (1 - beta_1**t) / (v.sqrt() + eps), m, v


@mistake(
    "adam_step",
    source="constructed: one correction for both averages",
    hints=(
        "The first steps have the wrong length.",
        "The averages are right.",
        "Does each average get the correction that belongs to it?",
    ),
)
def one_correction_for_both(theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_1**t)
    return theta - lr * m_hat / (v_hat.sqrt() + eps), m, v


@mistake(
    "adam_step",
    source="121 public solution sets of one course: stale m",
    hints=(
        "The parameters do not react to the direction of this gradient.",
        "The averages are right.",
        "Which m carries the step, that from before or that from after?",
    ),
)
def stale_averages(theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    new_v = beta_2 * v + (1 - beta_2) * grad**2
    v_hat = new_v / (1 - beta_2**t)
    step = lr * m / (1 - beta_1**t) / (v_hat.sqrt() + eps)
    return theta - step, beta_1 * m + (1 - beta_1) * grad, new_v


@mistake(
    "adam_step",
    source="121 public solution sets of one course: no root",
    hints=(
        "Scale the loss by 10: the first step must stay the same, yours shrinks to a tenth.",
        "It is the denominator.",
        "In which unit is v measured, and in which m?",
    ),
)
def root_forgotten(theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
    return theta - lr * m_hat / (v_hat + eps), m, v


@mistake(
    "adam_step",
    source="constructed: RMSProp with a correction; the gradient where its average belongs",
    hints=(
        "There is no momentum in your step.",
        "At the first step all is well, and with beta_1 = 0.",
        "What is the first average for?",
    ),
)
def gradient_for_average(theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    return theta - lr * grad / (torch.sqrt(v / (1 - beta_2**t)) + eps), m, v


@mistake(
    "adam_step",
    source="constructed: the order of what is returned",
    hints=(
        "The parameters are right; each of the two averages is in the other's place.",
        "It shows in m and v.",
        "In which order does the docstring ask for the results?",
    ),
)
def returned_in_another_order(theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
    return theta - lr * m_hat / (v_hat.sqrt() + eps), v, m


# --- amsgrad_step -----------------------------------------------------------------------------


@mistake(
    "amsgrad_step",
    source="torch.optim.Adam(amsgrad=True), which corrects the bias; here as at its first step",
    hints=(
        "Your step has the wrong length, by the same factor everywhere.",
        "All of the state is right.",
        "Which of Adam's corrections does this formula have?",
    ),
)
def corrected_as_at_first(theta, grad, m, v, v_max, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    v_max = torch.maximum(v_max, v)
    root = torch.sqrt(v_max / (1 - beta_2))
    return theta - lr * m / (1 - beta_1) / (root + eps), m, v, v_max


@mistake(
    "amsgrad_step",
    source="constructed: the maximum is kept but not used",
    hints=(
        "Your learning rates can rise again.",
        "All of the state is right.",
        "Which of your tensors is used nowhere?",
    ),
)
def maximum_not_used(theta, grad, m, v, v_max, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    return theta - lr * m / (v.sqrt() + eps), m, v, torch.maximum(v_max, v)


@mistake(
    "amsgrad_step",
    source="the class notes, 3.5.6: 'we replace the moving average by a max operator'",
    hints=(
        "The average never falls.",
        "It shows in v, where the maximum is not exceeded.",
        "From which number does the next average go on, from v or from its maximum?",
    ),
)
def average_replaced(theta, grad, m, v, v_max, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m = beta_1 * m + (1 - beta_1) * grad
    v_max = torch.maximum(v_max, beta_2 * v + (1 - beta_2) * grad**2)
    return theta - lr * m / (v_max.sqrt() + eps), m, v_max, v_max


@mistake(
    "amsgrad_step",
    source="the class notes, 3.5.6, read another way: a maximum of squares, not of averages",
    hints=(
        "A single large gradient slows you down for ever, and at once.",
        "It shows where the square of the gradient exceeds the maximum.",
        "What is the maximum taken of?",
    ),
)
def maximum_of_squares(theta, grad, m, v, v_max, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    v_max = torch.maximum(v_max, grad**2)
    return theta - lr * m / (v_max.sqrt() + eps), m, v, v_max


@mistake(
    "amsgrad_step",
    source="constructed: the maximum over all parameters",
    hints=(
        "A large gradient of one parameter slows the others down.",
        "With a single parameter all is well.",
        "Over what is the maximum taken, over time or over the parameters?",
    ),
)
def maximum_over_parameters(theta, grad, m, v, v_max, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    v_max = torch.maximum(v_max, v).max().expand(v.shape)
    return theta - lr * m / (v_max.sqrt() + eps), m, v, v_max


@mistake(
    "amsgrad_step",
    source="constructed: the smaller of the two",
    hints=(
        "Your learning rates rise where they should not.",
        "It shows in v_max, unless nothing has been seen yet.",
        "Which is safer, dividing by the larger or by the smaller of two averages?",
    ),
)
def minimum(theta, grad, m, v, v_max, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    v_max = torch.minimum(v_max, v)
    return theta - lr * m / (v_max.sqrt() + eps), m, v, v_max


@mistake(
    "amsgrad_step",
    source="constructed: the maximum from before the step",
    hints=(
        "All of the state is right, the parameters are not.",
        "It shows where the maximum is exceeded.",
        "Does the average of this step count in its own denominator?",
    ),
)
def stale_maximum(theta, grad, m, v, v_max, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    return theta - lr * m / (v_max.sqrt() + eps), m, v, torch.maximum(v_max, v)


@mistake(
    "amsgrad_step",
    source="121 public solution sets of one course: eps inside the root",
    hints=(
        "Where gradients are large beside epsilon all is well.",
        "It is the denominator.",
        "What is the denominator if v_max is 0: epsilon, or its root?",
    ),
)
def eps_under_the_root(theta, grad, m, v, v_max, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    v_max = torch.maximum(v_max, v)
    return theta - lr * m / torch.sqrt(v_max + eps), m, v, v_max


# --- adamw_step -------------------------------------------------------------------------------


@mistake(
    "adamw_step",
    source="torch.optim.Adam(weight_decay=...): L2, the decay inside the gradient",
    hints=(
        "The decay gets into the averages.",
        "It shows in m and v, unless the decay is 0.",
        "By what is the decay of a weight divided when it comes with the gradient?",
    ),
)
def decay_in_the_gradient(
    theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8, weight_decay=0.01
):
    grad = grad + weight_decay * theta
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
    return theta - lr * m_hat / (v_hat.sqrt() + eps), m, v


@mistake(
    "adamw_step",
    source="Loshchilov and Hutter, Algorithm 2, whose decay is not multiplied by the rate alpha",
    hints=(
        "The weights decay too fast.",
        "The averages are right.",
        "Halve the learning rate. Should the weights decay as fast as before?",
    ),
)
def decay_without_the_rate(
    theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8, weight_decay=0.01
):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
    return theta - weight_decay * theta - lr * m_hat / (v_hat.sqrt() + eps), m, v


@mistake(
    "adamw_step",
    source="constructed: the weights decay after the step",
    hints=(
        "It is a little off, and only if the decay is not 0.",
        "The averages are right.",
        "A share of which weights decays, those before the step or those after?",
    ),
)
def decays_afterwards(
    theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8, weight_decay=0.01
):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
    theta = theta - lr * m_hat / (v_hat.sqrt() + eps)
    return theta * (1 - lr * weight_decay), m, v


@mistake(
    "adamw_step",
    source="constructed: Adam, as before",
    hints=(
        "Your result does not depend on the decay.",
        "The averages are right, and with a decay of 0 all is.",
        "Which of the arguments do you never use?",
    ),
)
def nothing_decays(
    theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8, weight_decay=0.01
):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
    return theta - lr * m_hat / (v_hat.sqrt() + eps), m, v


@mistake(
    "adamw_step",
    source="constructed: the decay beside m, over the same denominator",
    hints=(
        "Weights that move a lot decay less than others.",
        "The averages are right.",
        "Which of the two terms is divided by the root?",
    ),
)
def decay_over_the_root(
    theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8, weight_decay=0.01
):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
    return theta - lr * (m_hat + weight_decay * theta) / (v_hat.sqrt() + eps), m, v


@mistake(
    "adamw_step",
    source="constructed: the sign of the decay",
    hints=(
        "The weights grow.",
        "The averages are right, and with a decay of 0 all is.",
        "Where do the weights go if all gradients are 0?",
    ),
)
def weights_grow(
    theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8, weight_decay=0.01
):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
    return theta * (1 + lr * weight_decay) - lr * m_hat / (v_hat.sqrt() + eps), m, v


@mistake(
    "adamw_step",
    source="121 public solution sets of one course: no bias correction",
    hints=(
        "The first steps have the wrong length.",
        "It shows for small t; after thousands of steps all is well.",
        "How large is m after the first step, compared with the gradient?",
    ),
)
def decays_but_not_corrected(
    theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8, weight_decay=0.01
):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    return theta * (1 - lr * weight_decay) - lr * m / (v.sqrt() + eps), m, v


@mistake(
    "adamw_step",
    source="121 public solution sets of one course: eps inside the root",
    hints=(
        "Where gradients are large beside epsilon all is well.",
        "It is the denominator.",
        "What is the denominator if v is 0: epsilon, or its root?",
    ),
)
def decays_with_eps_inside(
    theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8, weight_decay=0.01
):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
    return theta * (1 - lr * weight_decay) - lr * m_hat / torch.sqrt(v_hat + eps), m, v


@mistake(
    "adamw_step",
    source="karpathy/nanochat, issue 304: epsilon hat",
    hints=(
        "Where gradients are large beside epsilon all is well, and after thousands of steps.",
        "It is the denominator.",
        "To which root is epsilon added, that of v or that of the corrected v?",
    ),
)
def decays_with_epsilon_hat(
    theta, grad, m, v, t, lr, *, beta_1=0.9, beta_2=0.999, eps=1e-8, weight_decay=0.01
):
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    rate = lr * math.sqrt(1 - beta_2**t) / (1 - beta_1**t)
    return theta * (1 - lr * weight_decay) - rate * m / (v.sqrt() + eps), m, v


# --- clip_grad_norm ---------------------------------------------------------------------------


@mistake(
    "clip_grad_norm",
    source="constructed: each tensor by itself",
    hints=(
        "The direction of the whole gradient changes.",
        "With a single tensor all is well.",
        "Two tensors of norm 1, and a maximum of 1.2: is anything clipped?",
    ),
)
def tensor_by_tensor(grads, max_norm):
    norm = torch.sqrt(sum((grad**2).sum() for grad in grads))
    return [grad * min(1.0, max_norm / (float(grad.norm()) or 1.0)) for grad in grads], norm


@mistake(
    "clip_grad_norm",
    source="constructed: the norms of the tensors, added up",
    hints=(
        "Your norm is too large.",
        "With a single tensor all is well.",
        "Cut a tensor in two: does the norm of the whole gradient change?",
    ),
)
def sum_of_norms(grads, max_norm):
    norm = sum(torch.linalg.vector_norm(grad) for grad in grads)
    factor = max_norm / norm if norm > max_norm else 1.0
    return [grad * factor for grad in grads], norm


@mistake(
    "clip_grad_norm",
    source="torch.nn.utils.clip_grad_value_: clipping by value",
    hints=(
        "The direction of the gradient changes.",
        "It shows when some entries are larger than the maximum and others are not.",
        "What is limited here, each entry or the length of the whole?",
    ),
)
def entry_by_entry(grads, max_norm):
    norm = torch.sqrt(sum((grad**2).sum() for grad in grads))
    return [grad.clamp(-max_norm, max_norm) for grad in grads], norm


@mistake(
    "clip_grad_norm",
    source="constructed: normalised, not clipped",
    hints=(
        "Short gradients are made longer.",
        "It shows when the norm is below the maximum.",
        "What happens to a gradient that is short enough?",
    ),
)
def always_scaled(grads, max_norm):
    norm = torch.sqrt(sum((grad**2).sum() for grad in grads))
    factor = max_norm / norm if norm > 0 else 1.0
    return [grad * factor for grad in grads], norm


@mistake(
    "clip_grad_norm",
    source="constructed: the largest entry in place of the norm",
    hints=(
        "Your norm is too small.",
        "With a single number all is well.",
        "What is the length of the vector (3, 4)?",
    ),
)
def largest_entry(grads, max_norm):
    norm = torch.stack([grad.abs().max() for grad in grads]).max()
    factor = max_norm / norm if norm > max_norm else 1.0
    return [grad * factor for grad in grads], norm


@mistake(
    "clip_grad_norm",
    source="constructed: no root",
    hints=(
        "Your norm has the wrong unit.",
        "It shows unless the norm is 0 or 1.",
        "What is the length of the vector (3, 4)?",
    ),
)
def squared_norm(grads, max_norm):
    norm = sum((grad**2).sum() for grad in grads)
    factor = max_norm / norm if norm > max_norm else 1.0
    return [grad * factor for grad in grads], norm


@mistake(
    "clip_grad_norm",
    source="constructed: the norm after clipping",
    hints=(
        "The gradients are right, the norm is not.",
        "It shows when something was clipped.",
        "Which norm would tell you in a plot that training is about to explode?",
    ),
)
def norm_afterwards(grads, max_norm):
    norm = torch.sqrt(sum((grad**2).sum() for grad in grads))
    factor = max_norm / norm if norm > max_norm else 1.0
    return [grad * factor for grad in grads], norm * factor


@mistake(
    "clip_grad_norm",
    source="constructed: the factor upside down",
    hints=(
        "Long gradients are made longer.",
        "The norm is right.",
        "What is the norm of what you return?",
    ),
)
def factor_upside_down(grads, max_norm):
    norm = torch.sqrt(sum((grad**2).sum() for grad in grads))
    factor = norm / max_norm if norm > max_norm else 1.0
    return [grad * factor for grad in grads], norm


@mistake(
    "clip_grad_norm",
    source="constructed: direction times length, where there is no direction",
    hints=(
        "You divide by 0.",
        "It shows when all gradients are 0.",
        "What is the direction of a vector of zeros, and do you need it?",
    ),
)
def direction_times_length(grads, max_norm):
    norm = torch.sqrt(sum((grad**2).sum() for grad in grads))
    length = torch.clamp(norm, max=max_norm)
    return [grad / norm * length for grad in grads], norm


@mistake(
    "clip_grad_norm",
    source="constructed: the root of the mean square",
    hints=(
        "Your norm does not grow with the number of parameters.",
        "With a single number all is well.",
        "What is the length of the vector (3, 4)?",
    ),
)
def root_mean_square(grads, max_norm):
    norm = torch.cat([grad.reshape(-1) for grad in grads]).square().mean().sqrt()
    factor = max_norm / norm if norm > max_norm else 1.0
    return [grad * factor for grad in grads], norm


@mistake(
    "clip_grad_norm",
    source="constructed: sizes in place of squares",
    hints=(
        "Your norm is too large.",
        "With a single number all is well.",
        "What is the length of the vector (3, 4)?",
    ),
)
def sum_of_absolute_values(grads, max_norm):
    norm = sum(grad.abs().sum() for grad in grads)
    factor = max_norm / norm if norm > max_norm else 1.0
    return [grad * factor for grad in grads], norm


@mistake(
    "clip_grad_norm",
    source="constructed: a gradient that is too long is thrown away",
    hints=(
        "Where something is clipped nothing is left.",
        "It shows when the norm is above the maximum.",
        "Which norm should a gradient have that was too long?",
    ),
)
def thrown_away(grads, max_norm):
    norm = torch.sqrt(sum((grad**2).sum() for grad in grads))
    return [grad if norm <= max_norm else torch.zeros_like(grad) for grad in grads], norm


@mistake(
    "clip_grad_norm",
    source="tensorflow/tensorflow, issue 22048: a norm of 0, here as Python's number",
    hints=(
        "Gradients that are all 0 give an error.",
        "All others are right, long or short.",
        "By which factor must a gradient of length 0 be scaled?",
    ),
)
def divides_by_no_length(grads, max_norm):
    norm = torch.sqrt(sum((grad**2).sum() for grad in grads))
    scale = min(1.0, max_norm / norm.item())
    return [grad * scale for grad in grads], norm


@mistake(
    "clip_grad_norm",
    source="constructed: a stack of tensors of equal shape",
    hints=(
        "Most lists of gradients give an error.",
        "It is those whose tensors differ in shape.",
        "What do a matrix and a bias have in common that can be added up?",
    ),
)
def equal_shapes_only(grads, max_norm):
    norm = torch.sqrt((torch.stack(list(grads)) ** 2).sum())
    return [grad * min(1.0, max_norm / max(float(norm), 1e-30)) for grad in grads], norm


@mistake(
    "clip_grad_norm",
    source="pytorch/pytorch, issue 126625: a view of a gradient that has gaps in memory",
    hints=(
        "Some gradients give an error, though their shapes are right.",
        "It is those that do not lie in memory in the order of their axes.",
        "Which ways to flatten need the numbers to lie side by side in memory, and which copy?",
    ),
)
def in_order_only(grads, max_norm):
    norm = torch.cat([grad.view(-1) for grad in grads]).square().sum().sqrt()
    return [grad * min(1.0, max_norm / max(float(norm), 1e-30)) for grad in grads], norm


# --- lr_step ----------------------------------------------------------------------------------


@mistake(
    "lr_step",
    source="constructed: a smooth decay",
    hints=(
        "Your learning rate falls in every step.",
        "Just at the cuts all is well.",
        "How many cuts have there been half-way to the first one?",
    ),
)
def smooth(t, lr, step_size, *, gamma=0.1):
    return lr * gamma ** (t / step_size)


@mistake(
    "lr_step",
    source="constructed: steps counted from 1",
    hints=(
        "Your cuts come one step too late.",
        "It shows just at the cuts.",
        "With a step size of 2, which is the first step with the smaller rate?",
    ),
)
def one_step_late(t, lr, step_size, *, gamma=0.1):
    return lr * gamma ** (max(t - 1, 0) // step_size)


@mistake(
    "lr_step",
    source="constructed: t + 1 for the number of the step",
    hints=(
        "Your cuts come one step too early.",
        "It shows just before the cuts.",
        "With a step size of 2, which is the first step with the smaller rate?",
    ),
)
def one_step_early(t, lr, step_size, *, gamma=0.1):
    return lr * gamma ** ((t + 1) // step_size)


@mistake(
    "lr_step",
    source="constructed: a single cut",
    hints=(
        "Your learning rate falls once and then never again.",
        "Until the second cut all is well.",
        "How many cuts have there been after three times the step size?",
    ),
)
def a_single_cut(t, lr, step_size, *, gamma=0.1):
    return lr if t < step_size else lr * gamma


@mistake(
    "lr_step",
    source="constructed: the cut undone in the next step",
    hints=(
        "Your learning rate recovers.",
        "Just at the first cut all is well.",
        "What is the learning rate one step after a cut?",
    ),
)
def only_at_the_cuts(t, lr, step_size, *, gamma=0.1):
    return lr * gamma if t > 0 and t % step_size == 0 else lr


@mistake(
    "lr_step",
    source="constructed: the factor added up, not multiplied",
    hints=(
        "Your learning rate falls along a line, and below 0 in the end.",
        "Until the second cut all is well.",
        "By which factor do two neighbouring levels differ?",
    ),
)
def along_a_line(t, lr, step_size, *, gamma=0.1):
    return lr * (1 - (1 - gamma) * (t // step_size))


@mistake(
    "lr_step",
    source="constructed: gamma read as what is taken away",
    hints=(
        "The factor between two levels is not the one asked for.",
        "Until the first cut all is well.",
        "With gamma = 0.1, is a tenth left after a cut, or nine tenths?",
    ),
)
def takes_gamma_away(t, lr, step_size, *, gamma=0.1):
    return lr * (1 - gamma) ** (t // step_size)


# --- lr_cosine --------------------------------------------------------------------------------


@mistake(
    "lr_cosine",
    source="constructed: a wave around lr_min",
    hints=(
        "Half-way down you are at the bottom already, and then below it.",
        "The start is right.",
        "Between which two numbers does the cosine vary, and between which should the rate?",
    ),
)
def wave_around_the_minimum(t, T, lr, *, lr_min=0.0, warmup=0):
    if t < warmup:
        return lr * t / warmup
    if t >= T:
        return lr_min
    return lr_min + (lr - lr_min) * math.cos(math.pi * (t - warmup) / (T - warmup))


@mistake(
    "lr_cosine",
    source="constructed: the full height on top of the minimum",
    hints=(
        "You start above the largest learning rate.",
        "With a minimum of 0 all is well.",
        "How high is the wave, if it stands on lr_min and reaches lr?",
    ),
)
def too_high_a_wave(t, T, lr, *, lr_min=0.0, warmup=0):
    if t < warmup:
        return lr * t / warmup
    if t >= T:
        return lr_min
    return lr_min + lr / 2 * (1 + math.cos(math.pi * (t - warmup) / (T - warmup)))


@mistake(
    "lr_cosine",
    source="constructed: a full wave",
    hints=(
        "Your learning rate comes back to the top.",
        "It shows between the warm-up and the end; the start is right.",
        "Where is the cosine at its lowest for the first time?",
    ),
)
def a_full_wave(t, T, lr, *, lr_min=0.0, warmup=0):
    if t < warmup:
        return lr * t / warmup
    if t >= T:
        return lr_min
    return lr_min + (lr - lr_min) / 2 * (1 + math.cos(2 * math.pi * (t - warmup) / (T - warmup)))


@mistake(
    "lr_cosine",
    source="torch.optim.lr_scheduler.CosineAnnealingLR, which rises again behind its end",
    hints=(
        "Your learning rate rises again.",
        "Until step T all is well.",
        "What does the schedule do behind its end?",
    ),
)
def rises_again(t, T, lr, *, lr_min=0.0, warmup=0):
    if t < warmup:
        return lr * t / warmup
    return lr_min + (lr - lr_min) / 2 * (1 + math.cos(math.pi * (t - warmup) / (T - warmup)))


@mistake(
    "lr_cosine",
    source="constructed: no warm-up",
    hints=(
        "You start at the full rate.",
        "It shows in the warm-up only.",
        "What is the learning rate of the very first step?",
    ),
)
def starts_at_the_top(t, T, lr, *, lr_min=0.0, warmup=0):
    if t < warmup:
        return lr
    if t >= T:
        return lr_min
    return lr_min + (lr - lr_min) / 2 * (1 + math.cos(math.pi * (t - warmup) / (T - warmup)))


@mistake(
    "lr_cosine",
    source="constructed: the wave starts at step 0",
    hints=(
        "There is a jump at the end of the warm-up.",
        "Without a warm-up all is well.",
        "What is the learning rate just at the end of the warm-up?",
    ),
)
def wave_from_the_beginning(t, T, lr, *, lr_min=0.0, warmup=0):
    if t < warmup:
        return lr * t / warmup
    if t >= T:
        return lr_min
    return lr_min + (lr - lr_min) / 2 * (1 + math.cos(math.pi * t / T))


@mistake(
    "lr_cosine",
    source="constructed: T counts the steps after the warm-up",
    hints=(
        "Your schedule ends too late.",
        "Without a warm-up all is well.",
        "From which step on is the rate lr_min: T, or T plus the warm-up?",
    ),
)
def warmup_on_top(t, T, lr, *, lr_min=0.0, warmup=0):
    if t < warmup:
        return lr * t / warmup
    if t >= T + warmup:
        return lr_min
    return lr_min + (lr - lr_min) / 2 * (1 + math.cos(math.pi * (t - warmup) / T))


@mistake(
    "lr_cosine",
    source="a habit from training scripts: (t + 1) / warmup",
    hints=(
        "Your warm-up is one step ahead.",
        "It shows in the warm-up only.",
        "What is the learning rate of the very first step?",
    ),
)
def warmup_one_ahead(t, T, lr, *, lr_min=0.0, warmup=0):
    if t < warmup:
        return lr * (t + 1) / warmup
    if t >= T:
        return lr_min
    return lr_min + (lr - lr_min) / 2 * (1 + math.cos(math.pi * (t - warmup) / (T - warmup)))


@mistake(
    "lr_cosine",
    source="constructed: the warm-up starts at the minimum",
    hints=(
        "Your warm-up starts too high.",
        "With a minimum of 0 all is well.",
        "What is the learning rate of the very first step?",
    ),
)
def warmup_from_the_minimum(t, T, lr, *, lr_min=0.0, warmup=0):
    if t < warmup:
        return lr_min + (lr - lr_min) * t / warmup
    if t >= T:
        return lr_min
    return lr_min + (lr - lr_min) / 2 * (1 + math.cos(math.pi * (t - warmup) / (T - warmup)))


@mistake(
    "lr_cosine",
    source="constructed: a line in place of the wave",
    hints=(
        "Your learning rate falls along a line.",
        "Top, middle and end are right.",
        "How steep is the schedule just after the top?",
    ),
)
def falls_along_a_line(t, T, lr, *, lr_min=0.0, warmup=0):
    if t < warmup:
        return lr * t / warmup
    return max(lr_min, lr - (lr - lr_min) * (t - warmup) / (T - warmup))


@mistake(
    "lr_cosine",
    source="deepspeedai/DeepSpeed, issue 771: a schedule without warm-up",
    hints=(
        "Some schedules give an error instead of a rate.",
        "It is those without a warm-up.",
        "Which share of no steps at all is done at the start?",
    ),
)
def warmup_of_no_steps(t, T, lr, *, lr_min=0.0, warmup=0):
    risen = t / warmup
    if risen < 1:
        return lr * risen
    if t >= T:
        return lr_min
    return lr_min + (lr - lr_min) / 2 * (1 + math.cos(math.pi * (t - warmup) / (T - warmup)))


# --- sgd_bound --------------------------------------------------------------------------------


@mistake(
    "sgd_bound",
    source="constructed: the larger of the two",
    hints=(
        "Your step size is too large for the theorem.",
        "It shows in all three numbers.",
        "Up to which step size does one step lower the loss for sure?",
    ),
)
def larger_step(beta, delta, sigma, T):
    lr = 1 / beta
    if sigma > 0:
        lr = max(lr, math.sqrt(2 * delta / (T * beta * sigma**2)))
    noise = lr * beta * sigma**2
    return lr, 2 * delta / (lr * T) + noise, math.sqrt(noise)


@mistake(
    "sgd_bound",
    source="the class notes, 3.4, as printed: the floor sqrt(eta beta sigma)",
    hints=(
        "Your floor has the wrong unit.",
        "Step size and bound are right.",
        "By how much does the floor grow when the noise doubles and the step size stays?",
    ),
)
def floor_as_printed(beta, delta, sigma, T):
    lr = 1 / beta
    if sigma > 0:
        lr = min(lr, math.sqrt(2 * delta / (T * beta * sigma**2)))
    bound = 2 * delta / (lr * T) + lr * beta * sigma**2
    return lr, bound, math.sqrt(lr * beta * sigma)


@mistake(
    "sgd_bound",
    source="constructed: without noise, without error",
    hints=(
        "You promise too much where there is no noise.",
        "With noise all is well.",
        "Is a walk without noise at its goal after one step?",
    ),
)
def no_noise_no_error(beta, delta, sigma, T):
    if sigma == 0:
        return 1 / beta, 0.0, 0.0
    lr = min(1 / beta, math.sqrt(2 * delta / (T * beta * sigma**2)))
    noise = lr * beta * sigma**2
    return lr, 2 * delta / (lr * T) + noise, math.sqrt(noise)


@mistake(
    "sgd_bound",
    source="the class notes, 3.4, as printed: the simplified bound",
    hints=(
        "Your bound is true, but not the smallest one.",
        "Step size and floor are right.",
        "What is B at your step size, before it is simplified?",
    ),
)
def bound_as_printed(beta, delta, sigma, T):
    lr = 1 / beta
    if sigma > 0:
        lr = min(lr, math.sqrt(2 * delta / (T * beta * sigma**2)))
    bound = 4 * beta * delta / T + math.sqrt(8 * beta * delta * sigma**2 / T)
    return lr, bound, math.sqrt(lr * beta) * sigma


@mistake(
    "sgd_bound",
    source="constructed: standard deviation and variance confused",
    hints=(
        "Double the noise: the step size must halve where noise decides, yours does not.",
        "It shows in the step size, and in what depends on it.",
        "Is sigma the variance of the noise?",
    ),
)
def sigma_for_variance(beta, delta, sigma, T):
    lr = 1 / beta
    if sigma > 0:
        lr = min(lr, math.sqrt(2 * delta / (T * beta * sigma)))
    noise = lr * beta * sigma
    return lr, 2 * delta / (lr * T) + noise, math.sqrt(noise)


@mistake(
    "sgd_bound",
    source="constructed: the step size of gradient descent without noise",
    hints=(
        "Your step size does not depend on the noise.",
        "With little noise, or none, all is well.",
        "Which term of B grows with the step size?",
    ),
)
def ignores_the_noise(beta, delta, sigma, T):
    lr = 1 / beta
    noise = lr * beta * sigma**2
    return lr, 2 * delta / (lr * T) + noise, math.sqrt(noise)


@mistake(
    "sgd_bound",
    source="constructed: the floor of the squared norm",
    hints=(
        "Your floor is that of another quantity.",
        "Step size and bound are right.",
        "Does the floor speak of the norm of the gradient, or of its square?",
    ),
)
def floor_of_the_square(beta, delta, sigma, T):
    lr = 1 / beta
    if sigma > 0:
        lr = min(lr, math.sqrt(2 * delta / (T * beta * sigma**2)))
    noise = lr * beta * sigma**2
    return lr, 2 * delta / (lr * T) + noise, noise


@mistake(
    "sgd_bound",
    source="constructed: the bound without what the noise adds",
    hints=(
        "Your bound goes to 0 when the walk goes on.",
        "Step size and floor are right.",
        "Which term of B does not fade?",
    ),
)
def bound_without_noise(beta, delta, sigma, T):
    lr = 1 / beta
    if sigma > 0:
        lr = min(lr, math.sqrt(2 * delta / (T * beta * sigma**2)))
    return lr, 2 * delta / (lr * T), math.sqrt(lr * beta) * sigma


@mistake(
    "sgd_bound",
    source="constructed: never larger than 1 over beta, but T forgotten",
    hints=(
        "Your step size does not depend on the number of steps.",
        "With one step all is well.",
        "Who walks longer, should he take larger or smaller steps in the noise?",
    ),
)
def forgets_the_number_of_steps(beta, delta, sigma, T):
    lr = 1 / beta
    if sigma > 0:
        lr = min(lr, math.sqrt(2 * delta / beta) / sigma)
    noise = lr * beta * sigma**2
    return lr, 2 * delta / (lr * T) + noise, math.sqrt(noise)


@mistake(
    "sgd_bound",
    source="constructed: the best step size for noise, whatever the noise",
    hints=(
        "You give an error instead of a bound.",
        "Only if there is no noise at all; hardly any is fine.",
        "Which of the two limits on the step size is left when the noise goes to 0?",
    ),
)
def divides_by_no_noise(beta, delta, sigma, T):
    lr = min(1 / beta, math.sqrt(2 * delta / (T * beta)) / sigma)
    noise = lr * beta * sigma**2
    return lr, 2 * delta / (lr * T) + noise, math.sqrt(noise)
