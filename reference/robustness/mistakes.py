"""Known wrong versions of the exercises on robustness, and hints for each."""

import itertools
import math

import torch

from autograder.checks.bank import mistake


def _climb(x, direction, epsilon, alpha, steps):
    z = x
    for _ in range(steps):
        z = (z + alpha * direction(z)).clamp(x - epsilon, x + epsilon).clamp(0, 1)
    return z


def _iterate(W, v, num_iters):
    for _ in range(num_iters):
        v = W.T @ (W @ v)
        if not v.any():
            break
        v = v / v.norm()
    return v


def _stretch(W, v):
    return (W @ v).norm()


def _norms(weights):
    return [torch.linalg.matrix_norm(W, 2) for W in weights]


def _margin(logits, target):
    own = logits.gather(1, target.unsqueeze(1))
    rivals = logits.scatter(1, target.unsqueeze(1), -math.inf)
    return (own - rivals.amax(1, keepdim=True)).squeeze(1)


def _errors(risk, empirical_risk, best_risk, best_empirical_risk):
    generalization, optimization = risk - empirical_risk, empirical_risk - best_empirical_risk
    return generalization, optimization, best_empirical_risk - best_risk, best_risk


def _stop(losses, patience, improves):
    best = 0
    for epoch, loss in enumerate(losses.tolist()):
        if epoch > 0 and improves(loss, float(losses[best])):
            best = epoch
        if epoch - best >= patience:
            return epoch, best
    return len(losses) - 1, best


def _check(n, k):
    if k < 2 or k > n:
        raise ValueError("impossible folds")


def _pairs(n, folds):
    everything = set(range(n))
    return [(torch.tensor(sorted(everything - set(val.tolist()))).long(), val) for val in folds]


def _powers(x, degree):
    return x.unsqueeze(1) ** torch.arange(degree + 1, device=x.device)


def _fits(x, y, degrees, powers=_powers):
    columns = y.unsqueeze(1)
    return [torch.linalg.lstsq(powers(x, d), columns).solution.squeeze(1) for d in degrees]


def _errors_of(fits, x, y, powers=_powers, measure=torch.square):
    return torch.stack([measure(powers(x, len(c) - 1)[:, : len(c)] @ c - y).mean() for c in fits])


def _risks(x, y, x_new, y_new, degrees, powers=_powers, measure=torch.square):
    fits = _fits(x, y, degrees, powers)
    train, test = [], []
    for degree, c in zip(degrees, fits, strict=True):
        train.append(measure(powers(x, degree) @ c - y).mean())
        test.append(measure(powers(x_new, degree) @ c - y_new).mean())
    return torch.stack(train), torch.stack(test)


# --- fgsm ----------------------------------------------------------------------------------------


@mistake(
    "fgsm",
    source="constructed: no clipping",
    hints=(
        "Some of your pixels are darker than black or whiter than white.",
        "It shows close to 0 and 1.",
        "Is the result an image?",
    ),
)
def not_clipped(x, grad, epsilon):
    return x + epsilon * grad.sign()


@mistake(
    "fgsm",
    source="constructed: the gradient itself in place of its sign",
    hints=(
        "Pixels change by more or less than epsilon.",
        "The change depends on the size of the gradient.",
        "How far may each pixel move, and how far should it?",
    ),
)
def gradient_itself(x, grad, epsilon):
    return (x + epsilon * grad).clamp(0, 1)


@mistake(
    "fgsm",
    source="a habit from training: descending",
    hints=(
        "Your change lowers the loss.",
        "All changes have the wrong sign.",
        "Does an attacker want the loss high or low?",
    ),
)
def downhill(x, grad, epsilon):
    return (x - epsilon * grad.sign()).clamp(0, 1)


@mistake(
    "fgsm",
    source="constructed: two cases for three",
    hints=(
        "Pixels move that have no influence on the loss.",
        "It shows where the gradient is 0.",
        "Which sign has 0?",
    ),
)
def zero_counts_as_positive(x, grad, epsilon):
    sign = torch.where(grad >= 0, torch.ones_like(x), -torch.ones_like(x))
    return (x + epsilon * sign).clamp(0, 1)


@mistake(
    "fgsm",
    source="constructed: two cases for three, the other way",
    hints=(
        "Pixels get darker that have no influence on the loss.",
        "It shows where the gradient is 0.",
        "Which sign has 0?",
    ),
)
def zero_counts_as_negative(x, grad, epsilon):
    sign = torch.where(grad > 0, torch.ones_like(x), -torch.ones_like(x))
    return (x + epsilon * sign).clamp(0, 1)


@mistake(
    "fgsm",
    source="a habit from networks whose inputs are centred: pixels from -1 to 1",
    hints=(
        "Some of your pixels are darker than black.",
        "It shows close to 0; close to 1 all is well.",
        "Between which numbers do pixels lie here?",
    ),
)
def centred_pixels(x, grad, epsilon):
    return (x + epsilon * grad.sign()).clamp(-1, 1)


@mistake(
    "fgsm",
    source="constructed: the lower bound only",
    hints=(
        "Some of your pixels are whiter than white.",
        "It shows close to 1; close to 0 all is well.",
        "Between which numbers do pixels lie here?",
    ),
)
def lower_bound_only(x, grad, epsilon):
    return (x + epsilon * grad.sign()).relu()


@mistake(
    "fgsm",
    source="the fast gradient method in the 2-norm",
    hints=(
        "Few pixels change much, most hardly at all.",
        "The length of your whole change is epsilon, not the change of each pixel.",
        "In which norm is the change measured here?",
    ),
)
def unit_length(x, grad, epsilon):
    length = grad.norm()
    return (x + epsilon * grad / length.clamp(min=1e-30)).clamp(0, 1)


@mistake(
    "fgsm",
    source="constructed: scaled by the largest entry",
    hints=(
        "Only one pixel changes by epsilon, the others by less.",
        "The change depends on the size of the gradient.",
        "How far should each pixel move?",
    ),
)
def scaled_by_the_largest(x, grad, epsilon):
    largest = grad.abs().amax() if grad.numel() else grad.sum()
    return (x + epsilon * grad / largest.clamp(min=1e-30)).clamp(0, 1)


@mistake(
    "fgsm",
    source="constructed: the change alone",
    hints=(
        "You return what is to be added, not the sum.",
        "It shows everywhere.",
        "What does an image look like that was not attacked at all?",
    ),
)
def change_only(x, grad, epsilon):
    return epsilon * grad.sign()


@mistake(
    "fgsm",
    source="constructed: the change is relative",
    hints=(
        "Dark pixels hardly change.",
        "A black pixel never changes.",
        "Is epsilon an amount or a share?",
    ),
)
def relative(x, grad, epsilon):
    return (x * (1 + epsilon * grad.sign())).clamp(0, 1)


# --- pgd -----------------------------------------------------------------------------------------


@mistake(
    "pgd",
    source="constructed: one gradient for all steps",
    hints=(
        "You climb in a straight line, however the hill bends.",
        "With a linear loss, or one step, all is well.",
        "Where is the gradient of the second step taken?",
    ),
)
def first_gradient_only(x, gradient, epsilon, alpha, steps):
    return _climb(x, lambda _: gradient(x).sign(), epsilon, alpha, steps)


@mistake(
    "pgd",
    source="constructed: the ball moves along",
    hints=(
        "You end further than epsilon from the original.",
        "It shows as soon as several steps lead the same way.",
        "Around which point is the ball?",
    ),
)
def ball_moves(x, gradient, epsilon, alpha, steps):
    z = x
    for _ in range(steps):
        step = (alpha * gradient(z).sign()).clamp(-epsilon, epsilon)
        z = (z + step).clamp(0, 1)
    return z


@mistake(
    "pgd",
    source="constructed: the gradient itself in place of its sign",
    hints=(
        "The size of your steps depends on the size of the gradient.",
        "It shows in every step.",
        "How long is a step?",
    ),
)
def gradient_for_sign(x, gradient, epsilon, alpha, steps):
    return _climb(x, gradient, epsilon, alpha, steps)


@mistake(
    "pgd",
    source="the name of the method: descent",
    hints=(
        "Your steps lower the loss.",
        "All steps have the wrong sign.",
        "Does an attacker want the loss high or low?",
    ),
)
def descends(x, gradient, epsilon, alpha, steps):
    return _climb(x, lambda z: -gradient(z).sign(), epsilon, alpha, steps)


@mistake(
    "pgd",
    source="constructed: no clipping to pixels",
    hints=(
        "Some of your pixels are darker than black or whiter than white.",
        "It shows close to 0 and 1.",
        "Is the result an image?",
    ),
)
def no_range(x, gradient, epsilon, alpha, steps):
    z = x
    for _ in range(steps):
        z = (z + alpha * gradient(z).sign()).clamp(x - epsilon, x + epsilon)
    return z


@mistake(
    "pgd",
    source="constructed: no ball",
    hints=(
        "You end further than epsilon from the original.",
        "It shows as soon as steps times alpha exceeds epsilon.",
        "What does epsilon limit?",
    ),
)
def no_ball(x, gradient, epsilon, alpha, steps):
    z = x
    for _ in range(steps):
        z = (z + alpha * gradient(z).sign()).clamp(0, 1)
    return z


@mistake(
    "pgd",
    source="constructed: projected once, at the end",
    hints=(
        "You look at gradients in places where you may not be.",
        "It shows where the loss is not linear and the ball is left on the way.",
        "Where does step k + 1 begin?",
    ),
)
def projected_at_the_end(x, gradient, epsilon, alpha, steps):
    z = x
    for _ in range(steps):
        z = z + alpha * gradient(z).sign()
    return z.clamp(x - epsilon, x + epsilon).clamp(0, 1)


@mistake(
    "pgd",
    source="constructed: off by one",
    hints=(
        "You take a step too few.",
        "It shows until the border is reached.",
        "How many steps are there if steps is 1?",
    ),
)
def one_step_less(x, gradient, epsilon, alpha, steps):
    return _climb(x, lambda z: gradient(z).sign(), epsilon, alpha, steps - 1)


@mistake(
    "pgd",
    source="constructed: alpha is not used",
    hints=(
        "Your steps are all together as long as the ball is wide.",
        "It shows in every step.",
        "How long is a step?",
    ),
)
def epsilon_shared_out(x, gradient, epsilon, alpha, steps):
    return _climb(x, lambda z: gradient(z).sign(), epsilon, epsilon / max(steps, 1), steps)


@mistake(
    "pgd",
    source="projection to a ball of the 2-norm",
    hints=(
        "Your change is too small in each pixel, however few pixels there are.",
        "It shows when the ball is reached.",
        "In which norm is the ball?",
    ),
)
def round_ball(x, gradient, epsilon, alpha, steps):
    z = x
    for _ in range(steps):
        change = z + alpha * gradient(z).sign() - x
        length = change.norm()
        z = (x + change * (epsilon / length if length > epsilon else 1.0)).clamp(0, 1)
    return z


@mistake(
    "pgd",
    source="constructed: two cases for three",
    hints=(
        "Inputs move that have no influence on the loss.",
        "It shows where the gradient is 0.",
        "Which sign has 0?",
    ),
)
def never_stands_still(x, gradient, epsilon, alpha, steps):
    def direction(z):
        return torch.where(gradient(z) >= 0, torch.ones_like(z), -torch.ones_like(z))

    return _climb(x, direction, epsilon, alpha, steps)


# --- spectral_norm -------------------------------------------------------------------------------


@mistake(
    "spectral_norm",
    source="constructed: the norm of all entries",
    hints=(
        "Your number is too large unless the rank is 1.",
        "It is the root of the sum of all squares.",
        "Does the longest possible output use all singular values at once?",
    ),
)
def frobenius(W, v_0, num_iters):
    return W.square().sum().sqrt()


@mistake(
    "spectral_norm",
    source="constructed: power iteration with W alone",
    hints=(
        "You find an eigenvalue of W, not a singular value; and only for square matrices.",
        "It is the product that you repeat.",
        "Where does W take a vector, and how does it come back?",
    ),
)
def without_the_transpose(W, v_0, num_iters):
    v = v_0 / v_0.norm()
    for _ in range(num_iters):
        v = W @ v
        if not v.any():
            return v.norm()
        v = v / v.norm()
    return (W @ v).norm()


@mistake(
    "spectral_norm",
    source="constructed: the eigenvalue of the product",
    hints=(
        "Double the matrix, and your number grows fourfold.",
        "It is the last step.",
        "Of which matrix is your number an eigenvalue?",
    ),
)
def squared(W, v_0, num_iters):
    return _stretch(W, _iterate(W, v_0, num_iters)).square()


@mistake(
    "spectral_norm",
    source="constructed: one iteration, whatever num_iters says",
    hints=(
        "The number has not settled.",
        "It shows unless the rank is 1.",
        "How many iterations do you make?",
    ),
)
def one_iteration(W, v_0, num_iters):
    return _stretch(W, _iterate(W, v_0, 1))


@mistake(
    "spectral_norm",
    source="constructed: the length is taken at the end only",
    hints=(
        "Your vector grows or shrinks until it cannot be stored.",
        "It shows for large and small matrices, and for 0.",
        "How long is the vector after 100 iterations?",
    ),
)
def normalised_at_the_end(W, v_0, num_iters):
    v = v_0
    for _ in range(num_iters):
        v = W.T @ (W @ v)
    return (W @ v).norm() / v.norm()


@mistake(
    "spectral_norm",
    source="constructed: no case for 0",
    hints=(
        "Where there is no direction to keep, you divide by 0.",
        "It shows for a matrix of zeros.",
        "How long is the image of your vector?",
    ),
)
def zero_by_zero(W, v_0, num_iters):
    v = v_0
    for _ in range(num_iters):
        v = W.T @ (W @ v)
        v = v / v.norm()
    return (W @ v).norm()


@mistake(
    "spectral_norm",
    source="constructed: a start of its own",
    hints=(
        "Your result does not depend on the start.",
        "It shows when the start is blind for the largest singular value.",
        "What is v_0 for?",
    ),
)
def own_start(W, v_0, num_iters):
    v = _iterate(W, torch.ones_like(v_0) + 0.1 * torch.arange(len(v_0)).to(v_0), num_iters)
    return _stretch(W, v)


@mistake(
    "spectral_norm",
    source="constructed: the largest row sum",
    hints=(
        "Your number changes when the output is rotated.",
        "It is a norm, but of another kind.",
        "In which norm are lengths measured?",
    ),
)
def largest_row_sum(W, v_0, num_iters):
    return W.abs().sum(1).amax()


@mistake(
    "spectral_norm",
    source="constructed: the entries made to sum to 1",
    hints=(
        "Your number is too small, the more inputs there are.",
        "It is the normalisation of the vector.",
        "How long is your vector when you measure its image?",
    ),
)
def sum_for_length(W, v_0, num_iters):
    v = _iterate(W, v_0, num_iters)
    return _stretch(W, v / v.abs().sum() if v.any() else v)


@mistake(
    "spectral_norm",
    source="constructed: not a number but the vector",
    hints=(
        "You return the direction, the exercise asks for the stretch.",
        "It shows in the shape.",
        "By how much does W stretch your vector?",
    ),
)
def direction(W, v_0, num_iters):
    return _iterate(W, v_0, num_iters)


@mistake(
    "spectral_norm",
    source="constructed: the start is measured, not the end",
    hints=(
        "Your number depends on the start, however often you iterate.",
        "It is what comes back from the loop.",
        "Which vector do you apply W to in the end?",
    ),
)
def measures_the_start(W, v_0, num_iters):
    return _stretch(W, v_0 / v_0.norm())


# --- lipschitz_upper -----------------------------------------------------------------------------


@mistake(
    "lipschitz_upper",
    source="constructed: a sum for a product",
    hints=(
        "Your bound is too small: a network of two layers that double doubles twice.",
        "It is how the layers are combined.",
        "If each of ten layers stretches by 2, by how much does the network?",
    ),
)
def added(weights):
    return sum(_norms(weights))


@mistake(
    "lipschitz_upper",
    source="constructed: Frobenius norms",
    hints=(
        "Your bound holds, but it is larger than the one that was asked for.",
        "It shows unless all ranks are 1.",
        "By how much does a layer stretch at most?",
    ),
)
def frobenius_norms(weights):
    return torch.stack([W.square().sum().sqrt() for W in weights]).prod()


@mistake(
    "lipschitz_upper",
    source="constructed: the worst layer",
    hints=(
        "Only one of the layers enters.",
        "With a single layer all is well.",
        "What do the other layers do with what this one has stretched?",
    ),
)
def worst_layer(weights):
    return torch.stack(_norms(weights)).amax()


@mistake(
    "lipschitz_upper",
    source="constructed: the norm of the product of the weights",
    hints=(
        "Your number is right without activations, and may be too small with them.",
        "It shows when layers undo each other.",
        "What may a ReLU do between two layers?",
    ),
)
def norm_of_the_product(weights):
    product = weights[0]
    for W in weights[1:]:
        product = W @ product
    return torch.linalg.matrix_norm(product, 2)


@mistake(
    "lipschitz_upper",
    source="constructed: the largest sum of a row",
    hints=(
        "Your number is a bound in another norm.",
        "It is the norm of each layer.",
        "In which norm are lengths measured?",
    ),
)
def row_sums(weights):
    return torch.stack([W.abs().sum(1).amax() for W in weights]).prod()


@mistake(
    "lipschitz_upper",
    source="constructed: all singular values added",
    hints=(
        "Your bound is too large unless all ranks are 1.",
        "It is the norm of each layer.",
        "Which of the singular values counts?",
    ),
)
def nuclear(weights):
    return torch.stack([torch.linalg.svdvals(W).sum() for W in weights]).prod()


@mistake(
    "lipschitz_upper",
    source="constructed: the largest entry",
    hints=(
        "Your number is too small: many small entries can stretch a lot.",
        "It is the norm of each layer.",
        "How long can the image of a vector of length 1 be, if all entries are 1?",
    ),
)
def largest_entries(weights):
    return torch.stack([W.abs().amax() for W in weights]).prod()


@mistake(
    "lipschitz_upper",
    source="constructed: eigenvalues of the products",
    hints=(
        "Double one weight, and your number grows fourfold.",
        "It is the norm of each layer.",
        "Of which matrix are your numbers eigenvalues?",
    ),
)
def squares(weights):
    return torch.stack(_norms(weights)).square().prod()


# --- certified_radius ----------------------------------------------------------------------------


@mistake(
    "certified_radius",
    source="constructed: the two scores move the same way",
    hints=(
        "Your promise is not the best one that can be made.",
        "All radii are off by the same factor.",
        "How far can the difference of two scores move if both together move by 1?",
    ),
)
def without_the_root(logits, target, lipschitz):
    return _margin(logits, target).clamp(min=0) / lipschitz


@mistake(
    "certified_radius",
    source="constructed: multiplied by the constant",
    hints=(
        "The wilder the network, the more you promise.",
        "With L = 1 all is well.",
        "What happens to the radius when the network stretches more?",
    ),
)
def multiplied(logits, target, lipschitz):
    return _margin(logits, target).clamp(min=0) * lipschitz / math.sqrt(2)


@mistake(
    "certified_radius",
    source="constructed: a negative radius",
    hints=(
        "Some of your radii are negative.",
        "It shows where another class leads.",
        "How far may an input move that is wrong already?",
    ),
)
def negative(logits, target, lipschitz):
    return _margin(logits, target) / (math.sqrt(2) * lipschitz)


@mistake(
    "certified_radius",
    source="constructed: the maximum over all classes",
    hints=(
        "No input of yours has a radius.",
        "It is the maximum.",
        "Does the right class compete with itself?",
    ),
)
def competes_with_itself(logits, target, lipschitz):
    own = logits.gather(1, target.unsqueeze(1)).squeeze(1)
    return (own - logits.amax(1)).clamp(min=0) / (math.sqrt(2) * lipschitz)


@mistake(
    "certified_radius",
    source="constructed: the lead of whoever leads",
    hints=(
        "You promise a radius for answers that are wrong.",
        "It shows where the input is misclassified.",
        "Whose lead counts?",
    ),
)
def whoever_leads(logits, target, lipschitz):
    first, second = logits.topk(2, dim=1).values.unbind(1)
    return (first - second) / (math.sqrt(2) * lipschitz)


@mistake(
    "certified_radius",
    source="constructed: the margin in either direction",
    hints=(
        "An input that is clearly wrong gets a large radius.",
        "It shows where the input is misclassified.",
        "How far may an input move that is wrong already?",
    ),
)
def either_direction(logits, target, lipschitz):
    return _margin(logits, target).abs() / (math.sqrt(2) * lipschitz)


@mistake(
    "certified_radius",
    source="constructed: probabilities for scores",
    hints=(
        "Your radii stop growing when the network gets sure.",
        "It is the margin.",
        "For what does the Lipschitz constant hold: scores or probabilities?",
    ),
)
def of_probabilities(logits, target, lipschitz):
    margin = _margin(torch.softmax(logits, 1), target)
    return margin.clamp(min=0) / (math.sqrt(2) * lipschitz)


@mistake(
    "certified_radius",
    source="constructed: the weakest rival",
    hints=(
        "You promise too much.",
        "With two classes all is well.",
        "Which of the other classes is the first to overtake?",
    ),
)
def weakest_rival(logits, target, lipschitz):
    own = logits.gather(1, target.unsqueeze(1)).squeeze(1)
    return (own - logits.amin(1)).clamp(min=0) / (math.sqrt(2) * lipschitz)


# --- hoeffding_bound -----------------------------------------------------------------------------


@mistake(
    "hoeffding_bound",
    source="constructed: one side only",
    hints=(
        "Your bound is too small: the mean may be off in two directions.",
        "It is inside the logarithm.",
        "How many ways are there to be far away?",
    ),
)
def one_sided(M, n, delta):
    return M * math.sqrt(2 * math.log(1 / delta) / n)


@mistake(
    "hoeffding_bound",
    source="the bound for a loss between 0 and M",
    hints=(
        "Your bound is too small by a constant factor.",
        "It is the range of the loss.",
        "How wide is the interval from -M to M?",
    ),
)
def from_zero_to_m(M, n, delta):
    return M * math.sqrt(math.log(2 / delta) / (2 * n))


@mistake(
    "hoeffding_bound",
    source="constructed: the root is missing",
    hints=(
        "Four times the examples make your bound four times as small.",
        "With n = 1 it is too large or too small as well.",
        "How does the error of a mean fall with n?",
    ),
)
def no_root(M, n, delta):
    return M * 2 * math.log(2 / delta) / n


@mistake(
    "hoeffding_bound",
    source="constructed: n outside the root",
    hints=(
        "Your bound falls too fast with n.",
        "With n = 1 all is well.",
        "How does the error of a mean fall with n?",
    ),
)
def n_outside(M, n, delta):
    return M * math.sqrt(2 * math.log(2 / delta)) / n


@mistake(
    "hoeffding_bound",
    source="Chebyshev's inequality",
    hints=(
        "Your bound explodes for a tiny delta.",
        "It is how delta enters.",
        "Does a bounded loss have heavy tails?",
    ),
)
def chebyshev(M, n, delta):
    return M / math.sqrt(n * delta)


@mistake(
    "hoeffding_bound",
    source="constructed: delta for 1 - delta",
    hints=(
        "The surer you want to be, the smaller is your bound.",
        "It is how delta enters.",
        "Is delta the probability that the bound holds, or that it fails?",
    ),
)
def probability_that_it_holds(M, n, delta):
    return M * math.sqrt(2 * math.log(2 / (1 - delta)) / n)


@mistake(
    "hoeffding_bound",
    source="constructed: M inside the root",
    hints=(
        "Your bound does not double when the loss does.",
        "With M = 1 all is well.",
        "If the loss is measured in cents, what happens to the bound?",
    ),
)
def m_inside(M, n, delta):
    return math.sqrt(2 * M * math.log(2 / delta) / n)


@mistake(
    "hoeffding_bound",
    source="constructed: the logarithm to base 10",
    hints=(
        "Your bound is too small by a constant factor.",
        "It is the logarithm.",
        "To which base are logarithms here?",
    ),
)
def base_ten(M, n, delta):
    return M * math.sqrt(2 * math.log10(2 / delta) / n)


# --- error_decomposition -------------------------------------------------------------------------


@mistake(
    "error_decomposition",
    source="constructed: train minus test",
    hints=(
        "Your generalization error has the wrong sign.",
        "The four do not add up to the risk.",
        "Is a model better on what it has seen, or on what it has not?",
    ),
)
def generalization_reversed(risk, empirical_risk, best_risk, best_empirical_risk):
    one, two, three, four = _errors(risk, empirical_risk, best_risk, best_empirical_risk)
    return -one, two, three, four


@mistake(
    "error_decomposition",
    source="constructed: training against the best risk",
    hints=(
        "Your optimization error compares losses on different data.",
        "The four do not add up to the risk.",
        "On which data does training compare models?",
    ),
)
def optimization_of_the_risk(risk, empirical_risk, best_risk, best_empirical_risk):
    one, _, three, four = _errors(risk, empirical_risk, best_risk, best_empirical_risk)
    return one, empirical_risk - best_risk, three, four


@mistake(
    "error_decomposition",
    source="constructed: the statistical error, the other way around",
    hints=(
        "Your statistical error has the wrong sign.",
        "The four do not add up to the risk.",
        "If you add the four up, which terms have to cancel?",
    ),
)
def statistical_reversed(risk, empirical_risk, best_risk, best_empirical_risk):
    one, two, three, four = _errors(risk, empirical_risk, best_risk, best_empirical_risk)
    return one, two, -three, four


@mistake(
    "error_decomposition",
    source="constructed: the approximation error on the training set",
    hints=(
        "Your approximation error depends on which examples were drawn.",
        "The four do not add up to the risk.",
        "Whose loss is left if there are as many examples and steps as you like?",
    ),
)
def approximation_on_examples(risk, empirical_risk, best_risk, best_empirical_risk):
    one, two, three, _ = _errors(risk, empirical_risk, best_risk, best_empirical_risk)
    return one, two, three, best_empirical_risk


@mistake(
    "error_decomposition",
    source="constructed: errors are positive",
    hints=(
        "Your optimization error cannot become negative.",
        "It shows when the model fits its examples better than the best model does.",
        "What does overfitting look like in these numbers?",
    ),
)
def never_negative(risk, empirical_risk, best_risk, best_empirical_risk):
    one, two, three, four = _errors(risk, empirical_risk, best_risk, best_empirical_risk)
    return one, two.clamp(min=0), three, four


@mistake(
    "error_decomposition",
    source="constructed: the excess risk for the generalization error",
    hints=(
        "Your first error is what the risk exceeds the best risk by.",
        "The four do not add up to the risk.",
        "With which loss of the *same* parameters is the risk compared?",
    ),
)
def excess_risk(risk, empirical_risk, best_risk, best_empirical_risk):
    _, two, three, four = _errors(risk, empirical_risk, best_risk, best_empirical_risk)
    return risk - best_risk, two, three, four


@mistake(
    "error_decomposition",
    source="constructed: two of them exchanged",
    hints=(
        "The numbers are right, two of them stand in the wrong places.",
        "It is the first two.",
        "In which order are they asked for?",
    ),
)
def exchanged(risk, empirical_risk, best_risk, best_empirical_risk):
    one, two, three, four = _errors(risk, empirical_risk, best_risk, best_empirical_risk)
    return two, one, three, four


# --- l2_penalty_grad -----------------------------------------------------------------------------


@mistake(
    "l2_penalty_grad",
    source="121 public solution sets of one course: loss and gradient do not agree (27 times)",
    hints=(
        "Your gradient is that of half the penalty.",
        "All entries are too small by one factor.",
        "What is the derivative of a square?",
    ),
)
def half_of_it(params, gamma):
    return tuple(gamma * param for param in params)


@mistake(
    "l2_penalty_grad",
    source="constructed: the norm for its square",
    hints=(
        "Your gradient has the same length however large the parameters are.",
        "It shows when the parameters grow.",
        "Is the norm squared, or not?",
    ),
)
def of_the_norm(params, gamma):
    length = sum(param.square().sum() for param in params).sqrt()
    return tuple(gamma * param / length for param in params)


@mistake(
    "l2_penalty_grad",
    source="constructed: the mean of the squares",
    hints=(
        "Your penalty is a mean, so large parameters count less.",
        "With a single entry all is well.",
        "Does the penalty count entries, or add their squares?",
    ),
)
def of_the_mean(params, gamma):
    return tuple(2 * gamma * param / max(param.numel(), 1) for param in params)


@mistake(
    "l2_penalty_grad",
    source="a habit from training: biases are spared",
    hints=(
        "Some parameters are not penalised.",
        "It shows for parameters with a single axis or none.",
        "Which entries does the sum run over?",
    ),
)
def biases_spared(params, gamma):
    return tuple(2 * gamma * param * (param.dim() > 1) for param in params)


@mistake(
    "l2_penalty_grad",
    source="constructed: the penalty of each parameter",
    hints=(
        "You return the penalty, the exercise asks for its gradient.",
        "It shows in the shape.",
        "Which shape has a gradient?",
    ),
)
def the_penalty(params, gamma):
    return tuple(gamma * param.square().sum() for param in params)


@mistake(
    "l2_penalty_grad",
    source="constructed: the penalty is subtracted",
    hints=(
        "A step against your gradient makes the parameters larger.",
        "All entries have the wrong sign.",
        "Which parameters does the penalty prefer?",
    ),
)
def sign(params, gamma):
    return tuple(-2 * gamma * param for param in params)


@mistake(
    "l2_penalty_grad",
    source="lasso in place of ridge",
    hints=(
        "Your gradient has the same size for small and large parameters.",
        "It is the norm.",
        "Which power of the entries does the penalty hold?",
    ),
)
def lasso(params, gamma):
    return tuple(gamma * param.sign() for param in params)


@mistake(
    "l2_penalty_grad",
    source="constructed: gamma squared",
    hints=(
        "Your gradient grows with the square of gamma.",
        "With gamma = 1 all would be well.",
        "Is gamma inside the square?",
    ),
)
def gamma_squared(params, gamma):
    return tuple(2 * gamma**2 * param for param in params)


# --- early_stopping ------------------------------------------------------------------------------


@mistake(
    "early_stopping",
    source="constructed: compared with the epoch before",
    hints=(
        "You stop too late when losses fall again from a peak.",
        "It is what a loss is compared with.",
        "Is an epoch better because the one before was bad?",
    ),
)
def better_than_before(losses, patience):
    best, waited, previous = 0, 0, float("inf")
    for epoch, loss in enumerate(losses.tolist()):
        waited = 0 if loss < previous else waited + 1
        previous = loss
        best = epoch if loss < float(losses[best]) else best
        if waited >= patience:
            return epoch, best
    return len(losses) - 1, best


@mistake(
    "early_stopping",
    source="constructed: the counter is never reset",
    hints=(
        "You stop too early when bad and good epochs alternate.",
        "It is the counter.",
        "How many epochs without improvement *in a row* have there been?",
    ),
)
def never_reset(losses, patience):
    best, waited = 0, -1
    for epoch, loss in enumerate(losses.tolist()):
        if loss < float(losses[best]):
            best = epoch
        else:
            waited += 1
        if waited >= patience:
            return epoch, best
    return len(losses) - 1, best


@mistake(
    "early_stopping",
    source="constructed: not worse is better",
    hints=(
        "Equal losses keep your training alive.",
        "It shows when losses are equal.",
        "Is an epoch an improvement that is as good as the best one?",
    ),
)
def ties_improve(losses, patience):
    return _stop(losses, patience, lambda new, old: new <= old)


@mistake(
    "early_stopping",
    source="constructed: one epoch too patient",
    hints=(
        "You stop one epoch too late.",
        "It is the comparison with patience.",
        "With patience 1, how many bad epochs are allowed?",
    ),
)
def one_more(losses, patience):
    return _stop(losses, patience + 1, lambda new, old: new < old)


@mistake(
    "early_stopping",
    source="constructed: the best of all losses",
    hints=(
        "You know what comes after training has stopped.",
        "It is the best epoch; the other number is right.",
        "Which losses has one seen when training stops?",
    ),
)
def hindsight(losses, patience):
    stop, _ = _stop(losses, patience, lambda new, old: new < old)
    return stop, int(losses.argmin())


@mistake(
    "early_stopping",
    source="constructed: keeps the last parameters",
    hints=(
        "You keep the parameters of the end, not the best ones.",
        "It is the second number.",
        "Which epoch was the best one?",
    ),
)
def keeps_the_last(losses, patience):
    stop, _ = _stop(losses, patience, lambda new, old: new < old)
    return stop, stop


@mistake(
    "early_stopping",
    source="constructed: a count for an index",
    hints=(
        "If training never stops early, you are off by one.",
        "It shows when the losses keep falling.",
        "Which number has the last of T epochs?",
    ),
)
def count_for_index(losses, patience):
    stop, best = _stop(losses, patience, lambda new, old: new < old)
    return (stop if stop - best >= patience else len(losses)), best


@mistake(
    "early_stopping",
    source="constructed: the last of equal losses",
    hints=(
        "Of equally good epochs you keep the last one.",
        "It shows when losses are equal; the other number is right.",
        "Which of two equally good epochs comes first?",
    ),
)
def last_of_the_best(losses, patience):
    stop, best = _stop(losses, patience, lambda new, old: new < old)
    until = losses[: stop + 1].tolist()
    return stop, max(i for i, loss in enumerate(until) if loss == until[best])


@mistake(
    "early_stopping",
    source="constructed: never stops",
    hints=(
        "You train to the end, however patient one should be.",
        "The first number is always the last epoch.",
        "What does patience limit?",
    ),
)
def trains_to_the_end(losses, patience):
    return len(losses) - 1, int(losses.argmin())


@mistake(
    "early_stopping",
    source="constructed: patience counted from the start",
    hints=(
        "You stop after a fixed number of epochs.",
        "It is the counter.",
        "From which epoch on does one wait?",
    ),
)
def fixed_number(losses, patience):
    stop = min(patience, len(losses) - 1)
    return stop, int(losses[: stop + 1].argmin())


# --- kfold_indices -------------------------------------------------------------------------------


@mistake(
    "kfold_indices",
    source="constructed: n // k examples in each fold",
    hints=(
        "Some examples are never used for validation.",
        "It shows when k does not divide n.",
        "To which fold does the last example belong?",
    ),
)
def drops_the_rest(n, k):
    _check(n, k)
    return _pairs(n, list(torch.arange(n).split(n // k)[:k]))


@mistake(
    "kfold_indices",
    source="constructed: the last fold takes the rest",
    hints=(
        "Your folds differ by more than one example.",
        "It shows when k does not divide n.",
        "How are 11 examples shared by 4 folds?",
    ),
)
def last_takes_the_rest(n, k):
    _check(n, k)
    cut = n // k * (k - 1)
    return _pairs(n, [*torch.arange(cut).split(n // k), torch.arange(cut, n)])


@mistake(
    "kfold_indices",
    source="constructed: every k-th example",
    hints=(
        "Your folds are not made of neighbours.",
        "It is how the numbers are shared out.",
        "Which examples follow each other?",
    ),
)
def every_kth(n, k):
    _check(n, k)
    return _pairs(n, [torch.arange(i, n, k) for i in range(k)])


@mistake(
    "kfold_indices",
    source="constructed: smaller folds first",
    hints=(
        "The sizes are right, their order is not.",
        "It shows when k does not divide n.",
        "Which folds get one more?",
    ),
)
def small_ones_first(n, k):
    _check(n, k)
    bounds = [i * (n // k) + max(0, i - (k - n % k)) for i in range(k + 1)]
    return _pairs(n, [torch.arange(a, b) for a, b in itertools.pairwise(bounds)])


@mistake(
    "kfold_indices",
    source="constructed: validated on what was trained on",
    hints=(
        "Your training sets hold everything.",
        "It is the first of each pair.",
        "What may a model not have seen that is to be validated?",
    ),
)
def trained_on_all(n, k):
    _check(n, k)
    return [(torch.arange(n), val) for val in torch.arange(n).tensor_split(k)]


@mistake(
    "kfold_indices",
    source="constructed: the pairs are turned around",
    hints=(
        "Training and validation are exchanged.",
        "It shows in the sizes.",
        "Which of the two is the larger one?",
    ),
)
def turned_around(n, k):
    _check(n, k)
    return [(val, train) for train, val in _pairs(n, torch.arange(n).tensor_split(k))]


@mistake(
    "kfold_indices",
    source="validation of time series",
    hints=(
        "Your training sets hold only what comes before the fold.",
        "The first of them is empty.",
        "Which examples are used for training when the first fold is validated?",
    ),
)
def the_past_only(n, k):
    _check(n, k)
    return [(torch.arange(int(val[0])), val) for val in torch.arange(n).tensor_split(k)]


@mistake(
    "kfold_indices",
    source="torch.chunk, which may return fewer chunks than it was asked for",
    hints=(
        "Your folds differ by more than one example, and may be too few.",
        "It shows when k does not divide n.",
        "How many folds come out for 9 examples and k = 5?",
    ),
)
def chunks(n, k):
    _check(n, k)
    return _pairs(n, torch.arange(n).chunk(k))


@mistake(
    "kfold_indices",
    source="constructed: the exception is forgotten",
    hints=(
        "Where there are no folds, you return some.",
        "It shows for k below 2 and k above n.",
        "What would a fold without examples say?",
    ),
)
def no_exception(n, k):
    return _pairs(n, torch.arange(n).tensor_split(max(k, 1)))


@mistake(
    "kfold_indices",
    source="constructed: one bound of two",
    hints=(
        "Some of your folds are empty, and nobody is told.",
        "It shows for k above n.",
        "How many folds can 3 examples fill?",
    ),
)
def one_bound_only(n, k):
    if k < 2:
        raise ValueError("too few folds")
    return _pairs(n, torch.arange(n).tensor_split(k))


# --- polynomial_risks ----------------------------------------------------------------------------


@mistake(
    "polynomial_risks",
    source="constructed: powers from 1",
    hints=(
        "Your polynomials go through the origin.",
        "It shows for every degree.",
        "How many coefficients has a polynomial of degree 0?",
    ),
)
def no_constant(x, y, x_new, y_new, degrees):
    def powers(p, degree):
        return p.unsqueeze(1) ** torch.arange(1, degree + 2, device=p.device)

    return _risks(x, y, x_new, y_new, degrees, powers)


@mistake(
    "polynomial_risks",
    source="constructed: the degree is taken for the number of coefficients",
    hints=(
        "Your polynomials lack their highest power.",
        "It shows for every degree but 0.",
        "How many coefficients has a polynomial of degree 1?",
    ),
)
def one_degree_less(x, y, x_new, y_new, degrees):
    def powers(p, degree):
        return p.unsqueeze(1) ** torch.arange(max(degree, 1), device=p.device)

    return _risks(x, y, x_new, y_new, degrees, powers)


@mistake(
    "polynomial_risks",
    source="constructed: sums for means",
    hints=(
        "Your errors grow with the number of points.",
        "With a single point all is well.",
        "Over what does the error average?",
    ),
)
def sums(x, y, x_new, y_new, degrees):
    train, test = _risks(x, y, x_new, y_new, degrees)
    return train * len(x), test * len(x_new)


@mistake(
    "polynomial_risks",
    source="constructed: the root of the mean square",
    hints=(
        "Your errors are measured in the unit of y, the exercise squares it.",
        "It is the last step.",
        "Is the error squared?",
    ),
)
def roots(x, y, x_new, y_new, degrees):
    train, test = _risks(x, y, x_new, y_new, degrees)
    return train.sqrt(), test.sqrt()


@mistake(
    "polynomial_risks",
    source="constructed: absolute errors",
    hints=(
        "Large errors count too little.",
        "It is how the error is measured.",
        "What does a mean *squared* error do with an error of 3?",
    ),
)
def absolute(x, y, x_new, y_new, degrees):
    return _risks(x, y, x_new, y_new, degrees, measure=torch.abs)


@mistake(
    "polynomial_risks",
    source="constructed: fitted to all points",
    hints=(
        "Your model has seen the new points.",
        "Both errors are wrong: the polynomial is.",
        "Which points may enter the fit?",
    ),
)
def has_seen_all(x, y, x_new, y_new, degrees):
    fits = _fits(torch.cat([x, x_new]), torch.cat([y, y_new]), degrees)
    return _errors_of(fits, x, y), _errors_of(fits, x_new, y_new)


@mistake(
    "polynomial_risks",
    source="constructed: the same error twice",
    hints=(
        "Your error on new points is that on the examples.",
        "It is the second result.",
        "Where do the new points enter?",
    ),
)
def examples_twice(x, y, x_new, y_new, degrees):
    train, _ = _risks(x, y, x_new, y_new, degrees)
    return train, train.clone()


@mistake(
    "polynomial_risks",
    source="constructed: one large model for all degrees",
    hints=(
        "All your models have the same degree.",
        "It shows as soon as there are two degrees.",
        "Which degree has the model that is measured?",
    ),
)
def largest_for_all(x, y, x_new, y_new, degrees):
    return _risks(x, y, x_new, y_new, [max(degrees)] * len(degrees))


@mistake(
    "polynomial_risks",
    source="a habit from libraries: ridge regression 'for stability'",
    hints=(
        "Your fit is not the one of least squares.",
        "It shows most where a polynomial could go through all points.",
        "Which risk is minimised when something is added to the diagonal?",
    ),
)
def ridge(x, y, x_new, y_new, degrees):
    fits = []
    for degree in degrees:
        powers = x.unsqueeze(1) ** torch.arange(degree + 1, device=x.device)
        square = powers.T @ powers + 1e-2 * torch.eye(degree + 1).to(x)
        fits.append(torch.linalg.solve(square, powers.T @ y))
    return _errors_of(fits, x, y), _errors_of(fits, x_new, y_new)
