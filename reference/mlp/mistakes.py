"""Known wrong versions of the exercises on the multilayer perceptron, and hints for each."""

import torch

from autograder.checks.bank import mistake

# --- linreg_fit -------------------------------------------------------------------------------


@mistake(
    "linreg_fit",
    source="the first regression slides, which print the risk without its square",
    hints=(
        "The slope makes the errors sum to 0, but does not make their squares small.",
        "It shows as soon as the points do not lie exactly on a line.",
        "A large x says more about the slope than a small one. Where does your formula know that?",
    ),
)
def ratio_of_sums(x, y):
    if not x.any():
        raise ValueError("all x are 0")
    return y.sum() / x.sum()


@mistake(
    "linreg_fit",
    source="constructed: the slope of each point, averaged",
    hints=(
        "Each point gets the same say in the slope.",
        "A point with a tiny x, or an x of 0, throws the result off.",
        "How much does the risk change when the line misses a point near the origin?",
    ),
)
def mean_of_ratios(x, y):
    if not x.any():
        raise ValueError("all x are 0")
    return (y / x).mean()


@mistake(
    "linreg_fit",
    source="constructed: the textbook regression with an intercept",
    hints=(
        "The line that you fit does not go through the origin.",
        "It shows when the data lie far from the origin.",
        "How many parameters does the model of this exercise have?",
    ),
)
def with_intercept(x, y):
    if not x.any():
        raise ValueError("all x are 0")
    centred = x - x.mean()
    return (centred * (y - y.mean())).sum() / (centred * centred).sum()


@mistake(
    "linreg_fit",
    source="constructed: regression of x on y",
    hints=(
        "Scale y by 10: the slope must grow tenfold, yours shrinks.",
        "The numerator is fine.",
        "Whose errors does the risk square, those of y or those of x?",
    ),
)
def regression_of_x_on_y(x, y):
    if not x.any():
        raise ValueError("all x are 0")
    return (x * y).sum() / (y * y).sum()


@mistake(
    "linreg_fit",
    source="constructed: the equation of the zero gradient, not solved to the end",
    hints=(
        "Scale x by 10: the slope must shrink to a tenth, yours grows.",
        "The numerator is fine.",
        "What multiplies theta in the equation that you solve?",
    ),
)
def no_denominator(x, y):
    if not x.any():
        raise ValueError("all x are 0")
    return (x * y).sum()


@mistake(
    "linreg_fit",
    source="constructed: sum and square exchanged",
    hints=(
        "With a single point all is well, with more points the slope is too small.",
        "It is the denominator.",
        "Is the sum of the squares the square of the sum?",
    ),
)
def square_of_the_sum(x, y):
    if not x.any():
        raise ValueError("all x are 0")
    return (x * y).sum() / x.sum() ** 2


@mistake(
    "linreg_fit",
    source="constructed: cosine similarity",
    hints=(
        "Your number never leaves the interval from -1 to 1.",
        "It is the denominator.",
        "If all y were ten times as large, what would happen to the best slope?",
    ),
)
def cosine(x, y):
    if not x.any():
        raise ValueError("all x are 0")
    return (x * y).sum() / (x.norm() * y.norm())


@mistake(
    "linreg_fit",
    source="karpathy/nn-zero-to-hero, issue 59: shapes that broadcasting hides",
    hints=(
        "The value is right, the shape is not.",
        "It is the sum that keeps an axis.",
        "How many axes does a single number have?",
    ),
)
def keeps_an_axis(x, y):
    if not x.any():
        raise ValueError("all x are 0")
    return (x * y).sum(0, keepdim=True) / (x * x).sum(0, keepdim=True)


@mistake(
    "linreg_fit",
    source="121 public solution sets of one course: an epsilon where none was asked for",
    hints=(
        "The slope is a little too small, and much too small for tiny inputs.",
        "It is the denominator.",
        "What does adding a small number do when the numbers themselves are small?",
    ),
)
def epsilon_in_the_denominator(x, y):
    return (x * y).sum() / ((x * x).sum() + 1e-8)


@mistake(
    "linreg_fit",
    source="constructed: the exception is forgotten",
    hints=(
        "Where there is no answer, you give one.",
        "Only if all x are 0.",
        "What is 0 divided by 0 here, and who will notice?",
    ),
)
def divides_zero_by_zero(x, y):
    return (x * y).sum() / (x * x).sum()


@mistake(
    "linreg_fit",
    source="constructed: torch.allclose compares x with 0",
    hints=(
        "Where there is an answer, you raise.",
        "It shows for x that are tiny, but not 0.",
        "Which x does your test take for 0, and is there no slope for all of them?",
    ),
)
def refuses_tiny_inputs(x, y):
    if torch.allclose(x, torch.zeros_like(x)):
        raise ValueError("all x are 0")
    return (x * y).sum() / (x * x).sum()


@mistake(
    "linreg_fit",
    source="constructed: a default instead of an exception",
    hints=(
        "Where there is no answer, you give one.",
        "Only if all x are 0.",
        "Is 0 a better slope than any other then?",
    ),
)
def zero_by_default(x, y):
    if not x.any():
        return torch.zeros((), dtype=x.dtype, device=x.device)
    return (x * y).sum() / (x * x).sum()


# --- linreg_fit_multivariate ------------------------------------------------------------------


@mistake(
    "linreg_fit_multivariate",
    source="constructed: the solution of the system, handed out as it comes",
    hints=(
        "The numbers are right, rows and columns are exchanged.",
        "It shows in the shape, or in the values where nx equals ny.",
        "Which of inputs and outputs counts the rows of a weight?",
    ),
)
def not_transposed(x, y):
    return torch.linalg.solve(x.T @ x, x.T @ y)


@mistake(
    "linreg_fit_multivariate",
    source="constructed: exercise 1, column by column",
    hints=(
        "Each input is fitted as if the others were not there.",
        "It shows when the columns of x are not orthogonal.",
        "If two inputs rise together, which of them gets the credit?",
    ),
)
def column_by_column(x, y):
    return (x.T @ y / (x * x).sum(0).unsqueeze(1)).T


@mistake(
    "linreg_fit_multivariate",
    source="constructed: the system is not solved",
    hints=(
        "Scale x by 10: theta must shrink to a tenth, yours grows.",
        "You have one side of the normal equations.",
        "What multiplies theta in them?",
    ),
)
def right_side_only(x, y):
    return y.T @ x


@mistake(
    "linreg_fit_multivariate",
    source="constructed: division for inversion",
    hints=(
        "Exact data do not give their weight back.",
        "It is what you do with the square matrix.",
        "Is the inverse of a matrix the matrix of the inverses?",
    ),
)
def elementwise_inverse(x, y):
    return ((1 / (x.T @ x)) @ x.T @ y).T


@mistake(
    "linreg_fit_multivariate",
    source="a habit from libraries: ridge regression 'for stability'",
    hints=(
        "Theta is a little too small, and much too small for tiny inputs.",
        "It is the square matrix.",
        "Which risk is minimised when something is added to the diagonal?",
    ),
)
def ridge(x, y):
    diagonal = 1e-5 * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    return torch.linalg.solve(x.T @ x + diagonal, x.T @ y).T


@mistake(
    "linreg_fit_multivariate",
    source="constructed: centred data, as with an intercept",
    hints=(
        "The map that you fit does not send 0 to 0.",
        "It shows when the data lie far from the origin.",
        "Is there an intercept in the model?",
    ),
)
def with_intercept_multivariate(x, y):
    x, y = x - x.mean(0), y - y.mean(0)
    return torch.linalg.solve(x.T @ x, x.T @ y).T


@mistake(
    "linreg_fit_multivariate",
    source="constructed: as many equations as unknowns",
    hints=(
        "Some of the examples have no influence on your theta.",
        "Exact data hide it.",
        "How many examples take part in the risk?",
    ),
)
def first_rows_only(x, y):
    n = x.shape[1]
    return torch.linalg.solve(x[:n], y[:n]).T


@mistake(
    "linreg_fit_multivariate",
    source="constructed: the mean on one side of the equation only",
    hints=(
        "Theta grows when the same data are given twice.",
        "Each entry is off by the same factor.",
        "Does 1/N stand on both sides of your normal equations?",
    ),
)
def mean_on_one_side(x, y):
    return torch.linalg.solve(x.T @ x / len(x), x.T @ y).T


@mistake(
    "linreg_fit_multivariate",
    source="constructed: outputs averaged before the fit",
    hints=(
        "All outputs get the same weights.",
        "With a single output all is well.",
        "Do the outputs share parameters?",
    ),
)
def outputs_averaged(x, y):
    y = y.mean(1, keepdim=True).expand(y.shape)
    return torch.linalg.solve(x.T @ x, x.T @ y).T


# --- sgd_epoch --------------------------------------------------------------------------------


@mistake(
    "sgd_epoch",
    source="constructed: batch_size in the formula instead of the length of the batch",
    hints=(
        "The last step is too short.",
        "It shows when batch_size does not divide N, or is larger than N.",
        "Over how many examples does the last batch average?",
    ),
)
def full_size_for_the_last(params, x, y, lr, batch_size, permutation):
    W, b = params
    for batch in permutation.split(batch_size):
        grad = 2 * (x[batch] @ W.T + b - y[batch]) / batch_size
        W, b = W - lr * grad.T @ x[batch], b - lr * grad.sum(0)
    return W, b


@mistake(
    "sgd_epoch",
    source="a habit from data loaders: drop_last=True",
    hints=(
        "Some examples are never used.",
        "It shows when batch_size does not divide N, or is larger than N.",
        "How many steps does an epoch of 7 examples take with batches of 3?",
    ),
)
def drops_the_last(params, x, y, lr, batch_size, permutation):
    W, b = params
    for step in range(len(x) // batch_size):
        batch = permutation[step * batch_size : (step + 1) * batch_size]
        grad = 2 * (x[batch] @ W.T + b - y[batch]) / len(batch)
        W, b = W - lr * grad.T @ x[batch], b - lr * grad.sum(0)
    return W, b


@mistake(
    "sgd_epoch",
    source="constructed: the last batch filled up from the front",
    hints=(
        "Some examples are used twice.",
        "It shows when batch_size does not divide N.",
        "May the last batch be shorter than the others?",
    ),
)
def wraps_around(params, x, y, lr, batch_size, permutation):
    W, b = params
    for start in range(0, len(x), batch_size):
        places = torch.arange(start, start + batch_size, device=permutation.device) % len(x)
        batch = permutation[places]
        grad = 2 * (x[batch] @ W.T + b - y[batch]) / len(batch)
        W, b = W - lr * grad.T @ x[batch], b - lr * grad.sum(0)
    return W, b


@mistake(
    "sgd_epoch",
    source="constructed: slices of the data in place of slices of the permutation",
    hints=(
        "Another permutation gives you the same result.",
        "It shows unless the permutation leaves all in place.",
        "Which examples are in your first batch?",
    ),
)
def ignores_the_permutation(params, x, y, lr, batch_size, permutation):
    W, b = params
    for start in range(0, len(x), batch_size):
        batch = slice(start, start + batch_size)
        grad = 2 * (x[batch] @ W.T + b - y[batch]) / len(x[batch])
        W, b = W - lr * grad.T @ x[batch], b - lr * grad.sum(0)
    return W, b


@mistake(
    "sgd_epoch",
    source="constructed: inputs shuffled, labels not",
    hints=(
        "The model learns from inputs paired with the observations of others.",
        "It shows unless the permutation leaves all in place.",
        "Which two things must be shuffled in the same way?",
    ),
)
def shuffles_the_inputs_only(params, x, y, lr, batch_size, permutation):
    W, b = params
    x = x[permutation]
    for start in range(0, len(x), batch_size):
        batch = slice(start, start + batch_size)
        grad = 2 * (x[batch] @ W.T + b - y[batch]) / len(x[batch])
        W, b = W - lr * grad.T @ x[batch], b - lr * grad.sum(0)
    return W, b


@mistake(
    "sgd_epoch",
    source="constructed: the permutation read as places, not as examples",
    hints=(
        "The examples come in another order than the one asked for.",
        "A permutation that swaps pairs hides it.",
        "Is permutation[0] the first example to use, or the place of example 0?",
    ),
)
def inverse_permutation(params, x, y, lr, batch_size, permutation):
    W, b = params
    for batch in permutation.argsort().split(batch_size):
        grad = 2 * (x[batch] @ W.T + b - y[batch]) / len(batch)
        W, b = W - lr * grad.T @ x[batch], b - lr * grad.sum(0)
    return W, b


@mistake(
    "sgd_epoch",
    source="constructed: every k-th example instead of neighbours",
    hints=(
        "The batches have the right sizes, but not the right members.",
        "With one batch, or batches of one, all is well.",
        "Which examples are in your first batch?",
    ),
)
def strided_batches(params, x, y, lr, batch_size, permutation):
    W, b = params
    steps = -(-len(x) // batch_size)
    for step in range(steps):
        batch = permutation[step::steps]
        grad = 2 * (x[batch] @ W.T + b - y[batch]) / len(batch)
        W, b = W - lr * grad.T @ x[batch], b - lr * grad.sum(0)
    return W, b


@mistake(
    "sgd_epoch",
    source="davharris/mistnet, issue 33: gradients summed, not averaged",
    hints=(
        "Larger batches take larger steps.",
        "Batches of one example hide it.",
        "What happens to your step if I duplicate every example of a batch?",
    ),
)
def sum_over_the_batch(params, x, y, lr, batch_size, permutation):
    W, b = params
    for batch in permutation.split(batch_size):
        grad = 2 * (x[batch] @ W.T + b - y[batch])
        W, b = W - lr * grad.T @ x[batch], b - lr * grad.sum(0)
    return W, b


@mistake(
    "sgd_epoch",
    source="d2l-ai/d2l-en, issue 1000: the batch size divides a second time, in the update",
    hints=(
        "Larger batches take smaller steps.",
        "Batches of one example hide it.",
        "How many times does the size of the batch divide?",
    ),
)
def divides_twice(params, x, y, lr, batch_size, permutation):
    W, b = params
    for batch in permutation.split(batch_size):
        grad = 2 * (x[batch] @ W.T + b - y[batch]) / len(batch) ** 2
        W, b = W - lr * grad.T @ x[batch], b - lr * grad.sum(0)
    return W, b


@mistake(
    "sgd_epoch",
    source="constructed: the mean over the data set for each batch",
    hints=(
        "The steps are too short, the more so the more batches there are.",
        "A single batch hides it.",
        "Over which examples is the risk of a batch a mean?",
    ),
)
def mean_over_the_data_set(params, x, y, lr, batch_size, permutation):
    W, b = params
    for batch in permutation.split(batch_size):
        grad = 2 * (x[batch] @ W.T + b - y[batch]) / len(x)
        W, b = W - lr * grad.T @ x[batch], b - lr * grad.sum(0)
    return W, b


@mistake(
    "sgd_epoch",
    source="constructed: F.mse_loss divides by all elements",
    hints=(
        "The steps are too short if there are several outputs.",
        "A single output hides it.",
        "Is the squared error of one example a sum or a mean over its outputs?",
    ),
)
def mean_over_the_outputs(params, x, y, lr, batch_size, permutation):
    W, b = params
    for batch in permutation.split(batch_size):
        grad = 2 * (x[batch] @ W.T + b - y[batch]) / y[batch].numel()
        W, b = W - lr * grad.T @ x[batch], b - lr * grad.sum(0)
    return W, b


@mistake(
    "sgd_epoch",
    source="constructed: the factor 2 of the square is left out",
    hints=(
        "Each step is half as long as it should be.",
        "It shows in every case.",
        "What is the derivative of a square?",
    ),
)
def no_factor_two(params, x, y, lr, batch_size, permutation):
    W, b = params
    for batch in permutation.split(batch_size):
        grad = (x[batch] @ W.T + b - y[batch]) / len(batch)
        W, b = W - lr * grad.T @ x[batch], b - lr * grad.sum(0)
    return W, b


@mistake(
    "sgd_epoch",
    source="constructed: the sign of the error or of the step",
    hints=(
        "The risk grows with every step.",
        "It shows in every case.",
        "Does the gradient point uphill or downhill?",
    ),
)
def ascent(params, x, y, lr, batch_size, permutation):
    W, b = params
    for batch in permutation.split(batch_size):
        grad = 2 * (x[batch] @ W.T + b - y[batch]) / len(batch)
        W, b = W + lr * grad.T @ x[batch], b + lr * grad.sum(0)
    return W, b


@mistake(
    "sgd_epoch",
    source="constructed: all gradients at the parameters that came in",
    hints=(
        "The second batch does not know that there was a first one.",
        "A single batch hides it.",
        "At which parameters is the gradient of the second batch taken?",
    ),
)
def stale_parameters(params, x, y, lr, batch_size, permutation):
    W, b = params
    for batch in permutation.split(batch_size):
        grad = 2 * (x[batch] @ params[0].T + params[1] - y[batch]) / len(batch)
        W, b = W - lr * grad.T @ x[batch], b - lr * grad.sum(0)
    return W, b


@mistake(
    "sgd_epoch",
    source="constructed: parameters updated in place, one after the other",
    hints=(
        "W is right after the first step, b is not.",
        "The two parameters do not step together.",
        "Which W does the gradient of b see?",
    ),
)
def bias_sees_the_new_weight(params, x, y, lr, batch_size, permutation):
    W, b = params[0].clone(), params[1].clone()
    for batch in permutation.split(batch_size):
        W -= lr * (2 * (x[batch] @ W.T + b - y[batch]) / len(batch)).T @ x[batch]
        b -= lr * (2 * (x[batch] @ W.T + b - y[batch]) / len(batch)).sum(0)
    return W, b


@mistake(
    "sgd_epoch",
    source="a habit from torch: gradients that are never set back to zero",
    hints=(
        "The first step is right, the later ones are too long.",
        "A single batch hides it.",
        "What is left of the first batch when the second one takes its step?",
    ),
)
def gradients_pile_up(params, x, y, lr, batch_size, permutation):
    W, b = params
    grad_W, grad_b = torch.zeros_like(W), torch.zeros_like(b)
    for batch in permutation.split(batch_size):
        grad = 2 * (x[batch] @ W.T + b - y[batch]) / len(batch)
        grad_W, grad_b = grad_W + grad.T @ x[batch], grad_b + grad.sum(0)
        W, b = W - lr * grad_W, b - lr * grad_b
    return W, b


@mistake(
    "sgd_epoch",
    source="121 public solution sets of one course: an early return inside a loop",
    hints=(
        "Most examples have no influence on the result.",
        "A single batch hides it.",
        "How many steps does your epoch take?",
    ),
)
def first_batch_only(params, x, y, lr, batch_size, permutation):
    W, b = params
    batch = permutation[:batch_size]
    grad = 2 * (x[batch] @ W.T + b - y[batch]) / len(batch)
    return W - lr * grad.T @ x[batch], b - lr * grad.sum(0)


@mistake(
    "sgd_epoch",
    source="constructed: gradient descent that is not stochastic",
    hints=(
        "The result does not depend on the permutation, nor on batch_size.",
        "A single batch hides it.",
        "How many steps does an epoch of 7 examples take with batches of 3?",
    ),
)
def one_step_for_all(params, x, y, lr, batch_size, permutation):
    W, b = params
    grad = 2 * (x @ W.T + b - y) / len(x)
    return W - lr * grad.T @ x, b - lr * grad.sum(0)


@mistake(
    "sgd_epoch",
    source="constructed: the bias is forgotten in the update",
    hints=(
        "One of the parameters never moves.",
        "W is right after one step, but not after two.",
        "Which of the two gradients is not used?",
    ),
)
def bias_never_moves(params, x, y, lr, batch_size, permutation):
    W, b = params
    for batch in permutation.split(batch_size):
        grad = 2 * (x[batch] @ W.T + b - y[batch]) / len(batch)
        W = W - lr * grad.T @ x[batch]
    return W, b


@mistake(
    "sgd_epoch",
    source="constructed: the bias left out of the prediction",
    hints=(
        "The errors that you learn from are not those of the model.",
        "A bias of 0 hides it, for one step.",
        "What does the model predict for x = 0?",
    ),
)
def prediction_without_bias(params, x, y, lr, batch_size, permutation):
    W, b = params
    for batch in permutation.split(batch_size):
        grad = 2 * (x[batch] @ W.T - y[batch]) / len(batch)
        W, b = W - lr * grad.T @ x[batch], b - lr * grad.sum(0)
    return W, b


@mistake(
    "sgd_epoch",
    source="kvfrans/notes, issue 5: a bias gradient averaged",
    hints=(
        "W is right after the first step, b is not.",
        "Batches of one example hide it.",
        "The mean is already in the gradient of the predictions. Does the bias need another one?",
    ),
)
def bias_averaged(params, x, y, lr, batch_size, permutation):
    W, b = params
    for batch in permutation.split(batch_size):
        grad = 2 * (x[batch] @ W.T + b - y[batch]) / len(batch)
        W, b = W - lr * grad.T @ x[batch], b - lr * grad.mean(0)
    return W, b


@mistake(
    "sgd_epoch",
    source="rasbt/stat453-deep-learning-ss21, issue 5: one number for all biases",
    hints=(
        "All entries of b move by the same amount.",
        "A single output hides it.",
        "Which axes does the bias of one output not have?",
    ),
)
def bias_shared(params, x, y, lr, batch_size, permutation):
    W, b = params
    for batch in permutation.split(batch_size):
        grad = 2 * (x[batch] @ W.T + b - y[batch]) / len(batch)
        W, b = W - lr * grad.T @ x[batch], b - lr * grad.sum()
    return W, b


# --- mlp_forward ------------------------------------------------------------------------------


@mistake(
    "mlp_forward",
    source="constructed: the activation is forgotten",
    hints=(
        "The hidden layer leaves the interval from -1 to 1.",
        "It is h, and with it y_hat.",
        "Without it, what is the composition of two linear layers?",
    ),
)
def no_tanh(x, W_h, b_h, W_y, b_y):
    h = x @ W_h.T + b_h
    return h, torch.softmax(h @ W_y.T + b_y, dim=1)


@mistake(
    "mlp_forward",
    source="constructed: another activation",
    hints=(
        "The hidden layer is never negative.",
        "It is h, and with it y_hat.",
        "What is tanh(0), and what is yours?",
    ),
)
def sigmoid_for_tanh(x, W_h, b_h, W_y, b_y):
    h = torch.sigmoid(x @ W_h.T + b_h)
    return h, torch.softmax(h @ W_y.T + b_y, dim=1)


@mistake(
    "mlp_forward",
    source="constructed: the activation of most other networks",
    hints=(
        "The hidden layer is never negative, and has no upper limit.",
        "It is h, and with it y_hat.",
        "Which activation does the handout ask for?",
    ),
)
def relu_for_tanh(x, W_h, b_h, W_y, b_y):
    h = torch.relu(x @ W_h.T + b_h)
    return h, torch.softmax(h @ W_y.T + b_y, dim=1)


@mistake(
    "mlp_forward",
    source="121 public solution sets of one course: tanh from two exponentials",
    hints=(
        "Large pre-activations give NaN.",
        "It is h; ordinary values are right.",
        "What is infinity divided by infinity?",
    ),
)
def tanh_by_hand(x, W_h, b_h, W_y, b_y):
    pre = x @ W_h.T + b_h
    h = (torch.exp(pre) - torch.exp(-pre)) / (torch.exp(pre) + torch.exp(-pre))
    return h, torch.softmax(h @ W_y.T + b_y, dim=1)


@mistake(
    "mlp_forward",
    source="constructed: the hidden bias is forgotten",
    hints=(
        "An input of zeros always gives a hidden layer of zeros.",
        "It is h, and with it y_hat.",
        "Which of the parameters is never used?",
    ),
)
def no_hidden_bias(x, W_h, b_h, W_y, b_y):
    h = torch.tanh(x @ W_h.T)
    return h, torch.softmax(h @ W_y.T + b_y, dim=1)


@mistake(
    "mlp_forward",
    source="constructed: the output bias is forgotten",
    hints=(
        "A hidden layer of zeros always gives equal probabilities.",
        "h is right, y_hat is not.",
        "Which of the parameters is never used?",
    ),
)
def no_output_bias(x, W_h, b_h, W_y, b_y):
    h = torch.tanh(x @ W_h.T + b_h)
    return h, torch.softmax(h @ W_y.T, dim=1)


@mistake(
    "mlp_forward",
    source="constructed: the bias added on the wrong side of the activation",
    hints=(
        "The hidden layer leaves the interval from -1 to 1, but only a little.",
        "It is h, and with it y_hat.",
        "What is inside the tanh, and what is outside?",
    ),
)
def bias_after_tanh(x, W_h, b_h, W_y, b_y):
    h = torch.tanh(x @ W_h.T) + b_h
    return h, torch.softmax(h @ W_y.T + b_y, dim=1)


@mistake(
    "mlp_forward",
    source="the dense layer as printed on the slide, with examples in rows",
    hints=(
        "It fails unless the layers have equal widths, and then the values are wrong.",
        "Compare a network of equal widths with one of different widths.",
        "Name rows and columns of a weight. Which of them meets the entries of x?",
    ),
)
def weights_not_transposed(x, W_h, b_h, W_y, b_y):
    h = torch.tanh(x @ W_h + b_h)
    return h, torch.softmax(h @ W_y + b_y, dim=1)


@mistake(
    "mlp_forward",
    source="constructed: what went into tanh used for the second layer",
    hints=(
        "h is right, y_hat is not.",
        "Large pre-activations make the difference large.",
        "Which variable enters the output layer?",
    ),
)
def output_from_the_pre_activation(x, W_h, b_h, W_y, b_y):
    pre = x @ W_h.T + b_h
    return torch.tanh(pre), torch.softmax(pre @ W_y.T + b_y, dim=1)


@mistake(
    "mlp_forward",
    source="session 2, step 3 of the language model, which prints a tanh on the logits",
    hints=(
        "No probability comes near 0 or 1, however large the weights are.",
        "h is right, y_hat is not.",
        "How many activations does the network have before softmax?",
    ),
)
def tanh_on_the_logits(x, W_h, b_h, W_y, b_y):
    h = torch.tanh(x @ W_h.T + b_h)
    return h, torch.softmax(torch.tanh(h @ W_y.T + b_y), dim=1)


@mistake(
    "mlp_forward",
    source="a habit from torch, where the loss applies softmax",
    hints=(
        "The rows of y_hat do not sum to 1, and some entries are negative.",
        "h is right, y_hat is not.",
        "Is y_hat what the last linear layer returns?",
    ),
)
def logits_for_probabilities(x, W_h, b_h, W_y, b_y):
    h = torch.tanh(x @ W_h.T + b_h)
    return h, h @ W_y.T + b_y


@mistake(
    "mlp_forward",
    source="constructed: log_softmax, as nn.NLLLoss wants it",
    hints=(
        "No entry of y_hat is positive.",
        "h is right, y_hat is not.",
        "Probabilities or their logarithms: which are asked for?",
    ),
)
def log_probabilities(x, W_h, b_h, W_y, b_y):
    h = torch.tanh(x @ W_h.T + b_h)
    return h, torch.log_softmax(h @ W_y.T + b_y, dim=1)


@mistake(
    "mlp_forward",
    source="lightning-bolts, issue 654: softmax applied twice",
    hints=(
        "The probabilities are too close to each other.",
        "h is right, y_hat is not.",
        "Your rows sum to 1. How often did you make them do so?",
    ),
)
def softmax_twice(x, W_h, b_h, W_y, b_y):
    h = torch.tanh(x @ W_h.T + b_h)
    return h, torch.softmax(torch.softmax(h @ W_y.T + b_y, dim=1), dim=1)


@mistake(
    "mlp_forward",
    source="constructed: softmax over the batch",
    hints=(
        "The columns of y_hat sum to 1, the rows do not.",
        "h is right, y_hat is not.",
        "Who competes for the probability of one example: its classes, or the other examples?",
    ),
)
def softmax_over_the_batch(x, W_h, b_h, W_y, b_y):
    h = torch.tanh(x @ W_h.T + b_h)
    return h, torch.softmax(h @ W_y.T + b_y, dim=0)


@mistake(
    "mlp_forward",
    source="constructed: one sum for the whole batch",
    hints=(
        "All of y_hat together sums to 1, instead of each row.",
        "h is right; with a single example y_hat is too.",
        "Over which entries does the sum in softmax run?",
    ),
)
def softmax_over_everything(x, W_h, b_h, W_y, b_y):
    h = torch.tanh(x @ W_h.T + b_h)
    e = torch.exp(h @ W_y.T + b_y)
    return h, e / e.sum()


@mistake(
    "mlp_forward",
    source="session 2, 'A few tips': normalising by row needs keepdim",
    hints=(
        "It fails unless there are as many classes as examples, and then the values are wrong.",
        "h is right, y_hat is not.",
        "Which shape has the sum that you divide by, and along which axis is it stretched?",
    ),
)
def sum_without_keepdim(x, W_h, b_h, W_y, b_y):
    h = torch.tanh(x @ W_h.T + b_h)
    e = torch.exp(h @ W_y.T + b_y)
    return h, e / e.sum(1)


@mistake(
    "mlp_forward",
    source="constructed: one sigmoid per class",
    hints=(
        "Each entry of y_hat is between 0 and 1, but the rows do not sum to 1.",
        "h is right, y_hat is not.",
        "If one class gains, do the others lose?",
    ),
)
def sigmoid_for_softmax(x, W_h, b_h, W_y, b_y):
    h = torch.tanh(x @ W_h.T + b_h)
    return h, torch.sigmoid(h @ W_y.T + b_y)


@mistake(
    "mlp_forward",
    source="121 public solution sets of one course: softmax without subtracting the maximum",
    hints=(
        "Large logits give NaN.",
        "It is y_hat; ordinary values are right.",
        "softmax ignores a shift of all logits. Which shift keeps exp harmless?",
    ),
)
def softmax_overflows(x, W_h, b_h, W_y, b_y):
    h = torch.tanh(x @ W_h.T + b_h)
    e = torch.exp(h @ W_y.T + b_y)
    return h, e / e.sum(1, keepdim=True)


@mistake(
    "mlp_forward",
    source="121 public solution sets of one course: one maximum for the whole batch",
    hints=(
        "An example whose logits are far below those of another gives NaN.",
        "It is y_hat; a single example is always right.",
        "Whose maximum do you subtract?",
    ),
)
def one_shift_for_all_rows(x, W_h, b_h, W_y, b_y):
    h = torch.tanh(x @ W_h.T + b_h)
    logits = h @ W_y.T + b_y
    e = torch.exp(logits - logits.max())
    return h, e / e.sum(1, keepdim=True)


@mistake(
    "mlp_forward",
    source="constructed: the decision instead of the probabilities",
    hints=(
        "Every entry of y_hat is 0 or 1.",
        "h is right, y_hat is not.",
        "How sure is the network?",
    ),
)
def one_hot_predictions(x, W_h, b_h, W_y, b_y):
    h = torch.tanh(x @ W_h.T + b_h)
    logits = h @ W_y.T + b_y
    best = logits.argmax(1, keepdim=True)
    return h, torch.zeros_like(logits).scatter(1, best, 1.0)


@mistake(
    "mlp_forward",
    source="constructed: the order of the results",
    hints=(
        "Both results are right, but each has the name of the other.",
        "The numbers themselves are fine, where they end up is not.",
        "In which order does the handout ask for them?",
    ),
)
def swapped_results(x, W_h, b_h, W_y, b_y):
    h = torch.tanh(x @ W_h.T + b_h)
    return torch.softmax(h @ W_y.T + b_y, dim=1), h


# --- mlp_backward -----------------------------------------------------------------------------


@mistake(
    "mlp_backward",
    source="davharris/mistnet, issue 33: gradients summed, not averaged",
    hints=(
        "All four gradients grow with the batch.",
        "With a single example they are right.",
        "Your loss is a mean. What happens to your gradient if I duplicate the batch?",
    ),
)
def sum_not_mean(x, h, y_hat, y, W_y):
    grad_logits = y_hat - y
    grad_pre = grad_logits @ W_y * (1 - h * h)
    return grad_pre.T @ x, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "mlp_backward",
    source="d2l-ai/d2l-en, issue 1000: the batch size divides a second time",
    hints=(
        "The gradients of the hidden layer shrink with the batch.",
        "Those of the output layer are right.",
        "How many times does 1/N appear in the loss?",
    ),
)
def mean_at_each_layer(x, h, y_hat, y, W_y):
    grad_logits = (y_hat - y) / len(x)
    grad_pre = grad_logits @ W_y * (1 - h * h) / len(x)
    return grad_pre.T @ x, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "mlp_backward",
    source="constructed: .mean() over examples and classes",
    hints=(
        "All four gradients are too small by the same factor, also for a single example.",
        "The factor is the number of classes.",
        "Is the loss a mean over the examples, or over all entries?",
    ),
)
def mean_over_classes_too(x, h, y_hat, y, W_y):
    grad_logits = (y_hat - y) / y.numel()
    grad_pre = grad_logits @ W_y * (1 - h * h)
    return grad_pre.T @ x, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "mlp_backward",
    source="constructed: truth minus prediction",
    hints=(
        "All four gradients point the wrong way.",
        "It is in the very first step.",
        "Would a step against your gradient raise or lower the probability of the true class?",
    ),
)
def wrong_sign(x, h, y_hat, y, W_y):
    grad_logits = (y - y_hat) / len(x)
    grad_pre = grad_logits @ W_y * (1 - h * h)
    return grad_pre.T @ x, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "mlp_backward",
    source="the matrix slide of lecture 3, whose first gradient bears the wrong name",
    hints=(
        "The gradient that you send back does not sum to 0 over the classes.",
        "It is in the very first step.",
        "With respect to which variable did you differentiate: y_hat, or the logits?",
    ),
)
def gradient_of_the_probabilities(x, h, y_hat, y, W_y):
    grad_logits = -y / y_hat / len(x)
    grad_pre = grad_logits @ W_y * (1 - h * h)
    return grad_pre.T @ x, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "mlp_backward",
    source="constructed: the logits, rebuilt from h, in place of the probabilities",
    hints=(
        "The gradient that you send back does not sum to 0 over the classes.",
        "It is in the very first step.",
        "Do the numbers from which you subtract y sum to 1?",
    ),
)
def no_softmax(x, h, y_hat, y, W_y):
    grad_logits = (h @ W_y.T - y) / len(x)
    grad_pre = grad_logits @ W_y * (1 - h * h)
    return grad_pre.T @ x, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "mlp_backward",
    source="lightning-bolts, issue 654; mlelarge/graph_neural_net, issue 37: softmax twice",
    hints=(
        "The gradients are too small when the network is sure and wrong.",
        "It is in the very first step.",
        "y_hat sums to 1 already. Are your probabilities still in their natural spread?",
    ),
)
def softmax_of_the_probabilities(x, h, y_hat, y, W_y):
    grad_logits = (torch.softmax(y_hat, dim=1) - y) / len(x)
    grad_pre = grad_logits @ W_y * (1 - h * h)
    return grad_pre.T @ x, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "mlp_backward",
    source="constructed: a sigmoid's derivative on top of the shortcut",
    hints=(
        "The gradients vanish when the network is sure, even if it is wrong.",
        "It is in the very first step.",
        "The difference of y_hat and y is the result of a derivation. Is softmax already in it?",
    ),
)
def softmax_derivative_again(x, h, y_hat, y, W_y):
    grad_logits = (y_hat - y) * y_hat * (1 - y_hat) / len(x)
    grad_pre = grad_logits @ W_y * (1 - h * h)
    return grad_pre.T @ x, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "mlp_backward",
    source="a common question about softmax: only the diagonal of its Jacobian",
    hints=(
        "The gradient that you send back does not sum to 0 over the classes.",
        "It is in the very first step.",
        "Raise the logit of one wrong class a little. Which of the probabilities move?",
    ),
)
def diagonal_of_softmax(x, h, y_hat, y, W_y):
    grad_logits = -y * (1 - y_hat) / len(x)
    grad_pre = grad_logits @ W_y * (1 - h * h)
    return grad_pre.T @ x, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "mlp_backward",
    source="constructed: labels turned into class numbers",
    hints=(
        "One-hot labels are treated right, soft ones are not.",
        "It is in the very first step.",
        "What becomes of a label that is 60 % one class and 40 % another?",
    ),
)
def hard_labels(x, h, y_hat, y, W_y):
    grad_logits = y_hat.clone()
    grad_logits[torch.arange(len(x), device=x.device), y.argmax(1)] -= 1
    grad_logits = grad_logits / len(x)
    grad_pre = grad_logits @ W_y * (1 - h * h)
    return grad_pre.T @ x, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "mlp_backward",
    source="constructed: the squared error's habit of weighting by the label",
    hints=(
        "Wrong classes send nothing back, however probable they seemed.",
        "It is in the very first step.",
        "The loss names only the true class. Do the logits of the others have no influence on it?",
    ),
)
def true_class_only(x, h, y_hat, y, W_y):
    grad_logits = (y_hat - y) * y / len(x)
    grad_pre = grad_logits @ W_y * (1 - h * h)
    return grad_pre.T @ x, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "mlp_backward",
    source="constructed: inputs and outputs of a weight exchanged",
    hints=(
        "The weight gradients have rows and columns exchanged.",
        "The bias gradients are right.",
        "Name rows and columns of W, then check each index of the product. Do they match?",
    ),
)
def weights_transposed(x, h, y_hat, y, W_y):
    grad_logits = (y_hat - y) / len(x)
    grad_pre = grad_logits @ W_y * (1 - h * h)
    return x.T @ grad_pre, grad_pre.sum(0), h.T @ grad_logits, grad_logits.sum(0)


@mistake(
    "mlp_backward",
    source="constructed: the weight turned on the way back",
    hints=(
        "The hidden layer fails unless it is as wide as the output, and then its values are wrong.",
        "The gradients of the output layer are right.",
        "Over which index of W_y does the sum run when you go backwards?",
    ),
)
def back_through_the_transpose(x, h, y_hat, y, W_y):
    grad_logits = (y_hat - y) / len(x)
    grad_pre = grad_logits @ W_y.T * (1 - h * h)
    return grad_pre.T @ x, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "mlp_backward",
    source="kvfrans/notes, issue 5: bias gradients averaged",
    hints=(
        "The bias gradients shrink with the batch, the weight gradients do not.",
        "With a single example they are right.",
        "The mean is already in the gradient of the logits. Does the bias need another one?",
    ),
)
def bias_averaged_again(x, h, y_hat, y, W_y):
    grad_logits = (y_hat - y) / len(x)
    grad_pre = grad_logits @ W_y * (1 - h * h)
    return grad_pre.T @ x, grad_pre.mean(0), grad_logits.T @ h, grad_logits.mean(0)


@mistake(
    "mlp_backward",
    source="rasbt/stat453-deep-learning-ss21, issue 5: one number for all biases",
    hints=(
        "All entries of a bias gradient are equal.",
        "The weight gradients are right.",
        "Each unit has its own bias: over which axes is it shared?",
    ),
)
def bias_summed_over_everything(x, h, y_hat, y, W_y):
    grad_logits = (y_hat - y) / len(x)
    grad_pre = grad_logits @ W_y * (1 - h * h)
    grad_b_h = grad_pre.sum() * torch.ones_like(h[0])
    grad_b_y = grad_logits.sum() * torch.ones_like(y[0])
    return grad_pre.T @ x, grad_b_h, grad_logits.T @ h, grad_b_y


@mistake(
    "mlp_backward",
    source="constructed: bias gradients not summed over the batch",
    hints=(
        "The bias gradients have one row for each example.",
        "The weight gradients are right.",
        "Which shape must a gradient have, always?",
    ),
)
def bias_not_summed(x, h, y_hat, y, W_y):
    grad_logits = (y_hat - y) / len(x)
    grad_pre = grad_logits @ W_y * (1 - h * h)
    return grad_pre.T @ x, grad_pre, grad_logits.T @ h, grad_logits


@mistake(
    "mlp_backward",
    source="karpathy/nn-zero-to-hero, issue 59: shapes that broadcasting hides",
    hints=(
        "The values of the bias gradients are right, their shapes are not.",
        "It is the sum that keeps an axis.",
        "Which shape must a gradient have, always?",
    ),
)
def bias_keeps_an_axis(x, h, y_hat, y, W_y):
    grad_logits = (y_hat - y) / len(x)
    grad_pre = grad_logits @ W_y * (1 - h * h)
    grad_b_h, grad_b_y = grad_pre.sum(0, keepdim=True), grad_logits.sum(0, keepdim=True)
    return grad_pre.T @ x, grad_b_h, grad_logits.T @ h, grad_b_y


@mistake(
    "mlp_backward",
    source="the matrix slide of lecture 3, taken literally: the bias gradient as a transpose",
    hints=(
        "The bias gradients have one column for each example.",
        "The weight gradients are right.",
        "One bias serves all examples. What happens to its gradients from each of them?",
    ),
)
def bias_as_on_the_slide(x, h, y_hat, y, W_y):
    grad_logits = (y_hat - y) / len(x)
    grad_pre = grad_logits @ W_y * (1 - h * h)
    return grad_pre.T @ x, grad_pre.T, grad_logits.T @ h, grad_logits.T


@mistake(
    "mlp_backward",
    source="constructed: the other axis summed",
    hints=(
        "There is one entry of the bias gradients for each example.",
        "The weight gradients are right.",
        "Which axis counts the examples?",
    ),
)
def bias_summed_over_units(x, h, y_hat, y, W_y):
    grad_logits = (y_hat - y) / len(x)
    grad_pre = grad_logits @ W_y * (1 - h * h)
    return grad_pre.T @ x, grad_pre.sum(1), grad_logits.T @ h, grad_logits.sum(1)


@mistake(
    "mlp_backward",
    source="constructed: the activation has no derivative",
    hints=(
        "Saturated hidden units learn as fast as the others.",
        "The gradients of the output layer are right, those of the hidden layer are not.",
        "Does the loss feel a small change before tanh as much as one after it?",
    ),
)
def no_tanh_derivative(x, h, y_hat, y, W_y):
    grad_logits = (y_hat - y) / len(x)
    grad_pre = grad_logits @ W_y
    return grad_pre.T @ x, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "mlp_backward",
    source="constructed: the bias taken before the derivative of tanh",
    hints=(
        "The weight gradient of the hidden layer is right, its bias gradient is not.",
        "The two need the same gradient from above.",
        "Is b_h added before or after tanh?",
    ),
)
def hidden_bias_after_tanh(x, h, y_hat, y, W_y):
    grad_logits = (y_hat - y) / len(x)
    grad_h = grad_logits @ W_y
    grad_pre = grad_h * (1 - h * h)
    return grad_pre.T @ x, grad_h.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "mlp_backward",
    source="constructed: the formula fed with what went into tanh",
    hints=(
        "The factor of tanh is negative for large pre-activations.",
        "The gradients of the output layer are right, those of the hidden layer are not.",
        "tanh' in terms of its output: which variable is the output?",
    ),
)
def tanh_derivative_of_the_input(x, h, y_hat, y, W_y):
    grad_logits = (y_hat - y) / len(x)
    pre = torch.atanh(h)
    grad_pre = grad_logits @ W_y * (1 - pre * pre)
    return grad_pre.T @ x, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "mlp_backward",
    source="constructed: tanh applied to what has been through tanh",
    hints=(
        "The factor of tanh never comes below 0.4.",
        "The gradients of the output layer are right, those of the hidden layer are not.",
        "tanh' in terms of its output: how often has h been through tanh?",
    ),
)
def tanh_of_h(x, h, y_hat, y, W_y):
    grad_logits = (y_hat - y) / len(x)
    grad_pre = grad_logits @ W_y * (1 - torch.tanh(h) ** 2)
    return grad_pre.T @ x, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "mlp_backward",
    source="constructed: the derivative of the sigmoid",
    hints=(
        "A hidden unit at 0 sends nothing back, and a negative one turns the sign.",
        "The gradients of the output layer are right, those of the hidden layer are not.",
        "Where is tanh steepest, and what is your factor there?",
    ),
)
def sigmoid_derivative(x, h, y_hat, y, W_y):
    grad_logits = (y_hat - y) / len(x)
    grad_pre = grad_logits @ W_y * h * (1 - h)
    return grad_pre.T @ x, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "mlp_backward",
    source="constructed: the derivative of ReLU",
    hints=(
        "Hidden units below 0 send nothing back.",
        "The gradients of the output layer are right, those of the hidden layer are not.",
        "Is tanh flat for negative numbers?",
    ),
)
def relu_derivative(x, h, y_hat, y, W_y):
    grad_logits = (y_hat - y) / len(x)
    grad_pre = grad_logits @ W_y * (h > 0)
    return grad_pre.T @ x, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "mlp_backward",
    source="constructed: the square is forgotten",
    hints=(
        "Hidden units at -1 send twice as much back as units at 0.",
        "The gradients of the output layer are right, those of the hidden layer are not.",
        "tanh is an odd function. Is its derivative the same at -z and at z?",
    ),
)
def tanh_derivative_without_square(x, h, y_hat, y, W_y):
    grad_logits = (y_hat - y) / len(x)
    grad_pre = grad_logits @ W_y * (1 - h)
    return grad_pre.T @ x, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "mlp_backward",
    source="constructed: the hidden layer in place of the input",
    hints=(
        "The weight gradient of the hidden layer has the wrong shape, or wrong values.",
        "The other three gradients are right.",
        "Which tensor entered the hidden layer?",
    ),
)
def hidden_weight_uses_h(x, h, y_hat, y, W_y):
    grad_logits = (y_hat - y) / len(x)
    grad_pre = grad_logits @ W_y * (1 - h * h)
    return grad_pre.T @ h, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "mlp_backward",
    source="constructed: a loop over the examples that overwrites instead of adding",
    hints=(
        "All examples but one have no influence.",
        "With a single example all is well.",
        "What becomes of the first example when your loop reaches the second?",
    ),
)
def last_example_only(x, h, y_hat, y, W_y):
    grad_logits = (y_hat - y)[-1:] / len(x)
    grad_pre = grad_logits @ W_y * (1 - h[-1:] ** 2)
    return grad_pre.T @ x[-1:], grad_pre[0], grad_logits.T @ h[-1:], grad_logits[0]


@mistake(
    "mlp_backward",
    source="constructed: results in the order in which they are computed",
    hints=(
        "Each gradient has the name of another one.",
        "The numbers themselves are fine, where they end up is not.",
        "In which order does the handout ask for them?",
    ),
)
def output_layer_first(x, h, y_hat, y, W_y):
    grad_logits = (y_hat - y) / len(x)
    grad_pre = grad_logits @ W_y * (1 - h * h)
    return grad_logits.T @ h, grad_logits.sum(0), grad_pre.T @ x, grad_pre.sum(0)


# --- train_mlp --------------------------------------------------------------------------------


def _start(x, y, hidden, generator):
    """Draw the four parameters as the handout asks for it."""
    nx, ny = x.shape[1], y.shape[1]
    W_h = torch.randn(hidden, nx, generator=generator).to(x) / nx**0.5
    W_y = torch.randn(ny, hidden, generator=generator).to(x) / hidden**0.5
    return W_h, x.new_zeros(hidden), W_y, x.new_zeros(ny)


def _descend(x, y, params, steps, lr):
    """Take `steps` steps of gradient descent on all examples."""
    W_h, b_h, W_y, b_y = params
    for _ in range(steps):
        h = torch.tanh(x @ W_h.T + b_h)
        grad_logits = (torch.softmax(h @ W_y.T + b_y, dim=1) - y) / len(x)
        grad_pre = grad_logits @ W_y * (1 - h * h)
        W_h, b_h = W_h - lr * grad_pre.T @ x, b_h - lr * grad_pre.sum(0)
        W_y, b_y = W_y - lr * grad_logits.T @ h, b_y - lr * grad_logits.sum(0)
    return W_h, b_h, W_y, b_y


@mistake(
    "train_mlp",
    source="constructed: all weights start at 0",
    hints=(
        "Your hidden units are all the same, from the first step to the last.",
        "It is decided before training begins.",
        "If two units are equal, what could ever make them different?",
    ),
)
def starts_at_zero(x, y, hidden, steps, lr, generator):
    W_h, b_h, W_y, b_y = _start(x, y, hidden, generator)
    return _descend(x, y, (0 * W_h, b_h, 0 * W_y, b_y), steps, lr)


@mistake(
    "train_mlp",
    source="constructed: one random number for all hidden units",
    hints=(
        "Your hidden units are all the same, from the first step to the last.",
        "It is decided before training begins.",
        "If two units are equal, what could ever make them different?",
    ),
)
def identical_units(x, y, hidden, steps, lr, generator):
    W_h, b_h, W_y, b_y = _start(x, y, hidden, generator)
    W_h, W_y = W_h[:1].repeat(hidden, 1), W_y[:, :1].repeat(1, hidden)
    return _descend(x, y, (W_h, b_h, W_y, b_y), steps, lr)


@mistake(
    "train_mlp",
    source="constructed: updated parameters that nobody keeps",
    hints=(
        "The network at the end is the one of the beginning.",
        "It is what the loop leaves behind.",
        "Print one weight before and after training. Does it move?",
    ),
)
def never_updates(x, y, hidden, steps, lr, generator):
    params = _start(x, y, hidden, generator)
    for _ in range(steps):
        _descend(x, y, params, 1, lr)
    return params


@mistake(
    "train_mlp",
    source="121 public solution sets of one course: an early return inside a loop",
    hints=(
        "The network has hardly been trained.",
        "It is what the loop leaves behind.",
        "How many steps does your training take?",
    ),
)
def returns_after_one_step(x, y, hidden, steps, lr, generator):
    return _descend(x, y, _start(x, y, hidden, generator), min(steps, 1), lr)


@mistake(
    "train_mlp",
    source="constructed: a network without an activation, trained as such",
    hints=(
        "Your border between the classes is a straight line.",
        "It is the hidden layer.",
        "What is the composition of two linear layers?",
    ),
)
def trains_a_linear_network(x, y, hidden, steps, lr, generator):
    W_h, b_h, W_y, b_y = _start(x, y, hidden, generator)
    for _ in range(steps):
        h = x @ W_h.T + b_h
        grad_logits = (torch.softmax(h @ W_y.T + b_y, dim=1) - y) / len(x)
        grad_pre = grad_logits @ W_y
        # A smaller step: without tanh nothing bounds the curvature.
        W_h, b_h = W_h - 0.05 * lr * grad_pre.T @ x, b_h - 0.05 * lr * grad_pre.sum(0)
        W_y = W_y - 0.05 * lr * grad_logits.T @ h
        b_y = b_y - 0.05 * lr * grad_logits.sum(0)
    return W_h, b_h, W_y, b_y


@mistake(
    "train_mlp",
    source="constructed: the biases are never trained",
    hints=(
        "Your network treats x and -x alike, up to an exchange of the classes.",
        "Some of the parameters are still what they were at the start.",
        "Which parameters does a step change?",
    ),
)
def biases_stay_at_zero(x, y, hidden, steps, lr, generator):
    W_h, b_h, W_y, b_y = _start(x, y, hidden, generator)
    for _ in range(steps):
        W_h, _, W_y, _ = _descend(x, y, (W_h, b_h, W_y, b_y), 1, lr)
    return W_h, b_h, W_y, b_y


@mistake(
    "train_mlp",
    source="a habit: torch.randn without its generator",
    hints=(
        "Two runs with the same generator state end differently.",
        "It is decided before training begins.",
        "Where do your random numbers come from?",
    ),
)
def ignores_the_generator(x, y, hidden, steps, lr, generator):
    return _descend(x, y, _start(x, y, hidden, None), steps, lr)


@mistake(
    "train_mlp",
    source="a habit: a seed of one's own",
    hints=(
        "Two different generators end at the same network.",
        "It is decided before training begins.",
        "Where do your random numbers come from?",
    ),
)
def seeds_its_own_generator(x, y, hidden, steps, lr, generator):
    return _descend(x, y, _start(x, y, hidden, torch.Generator().manual_seed(0)), steps, lr)


@mistake(
    "train_mlp",
    source="constructed: the seed of a generator is taken for its state",
    hints=(
        "Two trainings with the same generator, one after the other, end at the same network.",
        "It is decided before training begins.",
        "What of a generator changes when numbers are drawn from it, and what does not?",
    ),
)
def starts_from_the_seed(x, y, hidden, steps, lr, generator):
    own = torch.Generator().manual_seed(generator.initial_seed())
    return _descend(x, y, _start(x, y, hidden, own), steps, lr)


# --- mlp_backward_relu_L ----------------------------------------------------------------------


@mistake(
    "mlp_backward_relu_L",
    source="constructed: the activation has no derivative",
    hints=(
        "Units that are off learn like units that are on.",
        "The last layer is right, the others are not.",
        "A unit outputs 0 and is far below the kink. Does the loss feel a small change before it?",
    ),
)
def no_relu_derivative(activations, weights, y):
    grad_weights, grad_biases = (), ()
    grad = (activations[-1] - y) / len(y)
    for weight, a in zip(reversed(weights), reversed(activations[:-1]), strict=True):
        grad_weights, grad_biases = (grad.T @ a, *grad_weights), (grad.sum(0), *grad_biases)
        grad = grad @ weight
    return grad_weights, grad_biases


@mistake(
    "mlp_backward_relu_L",
    source="constructed: a mask of the gradient, not of the activation",
    hints=(
        "Negative gradients never get through.",
        "The last layer is right, the others are not.",
        "Which tensor says whether a unit was on?",
    ),
)
def mask_of_the_gradient(activations, weights, y):
    grad_weights, grad_biases = (), ()
    grad = (activations[-1] - y) / len(y)
    for weight, a in zip(reversed(weights), reversed(activations[:-1]), strict=True):
        grad_weights, grad_biases = (grad.T @ a, *grad_weights), (grad.sum(0), *grad_biases)
        grad = torch.relu(grad @ weight)
    return grad_weights, grad_biases


@mistake(
    "mlp_backward_relu_L",
    source="constructed: the mask of a neighbour",
    hints=(
        "It fails unless neighbouring layers have equal widths, and then the values are wrong.",
        "The last layer is right, the others are not.",
        "To which layer does the mask belong that you multiply with?",
    ),
)
def mask_of_the_layer_below(activations, weights, y):
    grad_weights, grad_biases = (), ()
    grad = (activations[-1] - y) / len(y)
    for layer in reversed(range(len(weights))):
        a = activations[layer]
        grad_weights, grad_biases = (grad.T @ a, *grad_weights), (grad.sum(0), *grad_biases)
        if layer > 0:
            grad = grad @ weights[layer] * (activations[layer - 1] > 0)
    return grad_weights, grad_biases


@mistake(
    "mlp_backward_relu_L",
    source="constructed: the activation itself in place of its derivative",
    hints=(
        "Units that are strongly on send more back than units that are just on.",
        "The last layer is right, the others are not.",
        "What is the slope of ReLU at 1, and at 5?",
    ),
)
def times_the_activation(activations, weights, y):
    grad_weights, grad_biases = (), ()
    grad = (activations[-1] - y) / len(y)
    for weight, a in zip(reversed(weights), reversed(activations[:-1]), strict=True):
        grad_weights, grad_biases = (grad.T @ a, *grad_weights), (grad.sum(0), *grad_biases)
        grad = grad @ weight * a
    return grad_weights, grad_biases


@mistake(
    "mlp_backward_relu_L",
    source="constructed: exercise 5's derivative, kept",
    hints=(
        "Units that are off send everything back.",
        "The last layer is right, the others are not.",
        "Whose derivative is one minus a square?",
    ),
)
def tanh_for_relu(activations, weights, y):
    grad_weights, grad_biases = (), ()
    grad = (activations[-1] - y) / len(y)
    for weight, a in zip(reversed(weights), reversed(activations[:-1]), strict=True):
        grad_weights, grad_biases = (grad.T @ a, *grad_weights), (grad.sum(0), *grad_biases)
        grad = grad @ weight * (1 - a * a)
    return grad_weights, grad_biases


@mistake(
    "mlp_backward_relu_L",
    source="constructed: the mask as (sign + 1) / 2",
    hints=(
        "Units that are off send half of it back.",
        "The last layer is right, the others are not.",
        "What is the sign of an activation that is exactly 0, and what does your mask make of it?",
    ),
)
def half_at_zero(activations, weights, y):
    grad_weights, grad_biases = (), ()
    grad = (activations[-1] - y) / len(y)
    for weight, a in zip(reversed(weights), reversed(activations[:-1]), strict=True):
        grad_weights, grad_biases = (grad.T @ a, *grad_weights), (grad.sum(0), *grad_biases)
        grad = grad @ weight * (torch.sign(a) + 1) / 2
    return grad_weights, grad_biases


@mistake(
    "mlp_backward_relu_L",
    source="davharris/mistnet, issue 33: gradients summed, not averaged",
    hints=(
        "All gradients grow with the batch.",
        "With a single example they are right.",
        "Your loss is a mean. What happens to your gradient if I duplicate the batch?",
    ),
)
def sum_over_examples(activations, weights, y):
    grad_weights, grad_biases = (), ()
    grad = activations[-1] - y
    for weight, a in zip(reversed(weights), reversed(activations[:-1]), strict=True):
        grad_weights, grad_biases = (grad.T @ a, *grad_weights), (grad.sum(0), *grad_biases)
        grad = grad @ weight * (a > 0)
    return grad_weights, grad_biases


@mistake(
    "mlp_backward_relu_L",
    source="d2l-ai/d2l-en, issue 1000: the batch size divides again in each layer",
    hints=(
        "The gradients shrink with the batch, the more so the deeper you go.",
        "The last layer is right, the others are not.",
        "How many times does 1/N appear in the loss?",
    ),
)
def mean_in_each_layer(activations, weights, y):
    grad_weights, grad_biases = (), ()
    grad = (activations[-1] - y) / len(y)
    for weight, a in zip(reversed(weights), reversed(activations[:-1]), strict=True):
        grad_weights, grad_biases = (grad.T @ a, *grad_weights), (grad.sum(0), *grad_biases)
        grad = grad @ weight * (a > 0) / len(y)
    return grad_weights, grad_biases


@mistake(
    "mlp_backward_relu_L",
    source="kvfrans/notes, issue 5: bias gradients averaged",
    hints=(
        "The bias gradients shrink with the batch, the weight gradients do not.",
        "With a single example they are right.",
        "The mean is already in the gradient of the logits. Do the biases need another one?",
    ),
)
def biases_averaged(activations, weights, y):
    grad_weights, grad_biases = (), ()
    grad = (activations[-1] - y) / len(y)
    for weight, a in zip(reversed(weights), reversed(activations[:-1]), strict=True):
        grad_weights, grad_biases = (grad.T @ a, *grad_weights), (grad.mean(0), *grad_biases)
        grad = grad @ weight * (a > 0)
    return grad_weights, grad_biases


@mistake(
    "mlp_backward_relu_L",
    source="karpathy/nn-zero-to-hero, issue 59: shapes that broadcasting hides",
    hints=(
        "The values of the bias gradients are right, their shapes are not.",
        "It is the sum that keeps an axis.",
        "Which shape must a gradient have, always?",
    ),
)
def biases_keep_an_axis(activations, weights, y):
    grad_weights, grad_biases = (), ()
    grad = (activations[-1] - y) / len(y)
    for weight, a in zip(reversed(weights), reversed(activations[:-1]), strict=True):
        grad_weights = (grad.T @ a, *grad_weights)
        grad_biases = (grad.sum(0, keepdim=True), *grad_biases)
        grad = grad @ weight * (a > 0)
    return grad_weights, grad_biases


@mistake(
    "mlp_backward_relu_L",
    source="constructed: results in the order in which they are computed",
    hints=(
        "The gradients are right, but they are those of other layers.",
        "A single layer hides it.",
        "Which layer do you meet first on the way back, and where does its gradient belong?",
    ),
)
def last_layer_first(activations, weights, y):
    grad_weights, grad_biases = (), ()
    grad = (activations[-1] - y) / len(y)
    for weight, a in zip(reversed(weights), reversed(activations[:-1]), strict=True):
        grad_weights, grad_biases = (*grad_weights, grad.T @ a), (*grad_biases, grad.sum(0))
        grad = grad @ weight * (a > 0)
    return grad_weights, grad_biases


@mistake(
    "mlp_backward_relu_L",
    source="constructed: the output of a layer in place of its input",
    hints=(
        "The weight gradients have wrong shapes, or wrong values.",
        "The bias gradients are right.",
        "Which tensor entered the layer?",
    ),
)
def own_output_for_input(activations, weights, y):
    grad_weights, grad_biases = (), ()
    grad = (activations[-1] - y) / len(y)
    for layer in reversed(range(len(weights))):
        grad_weights = (grad.T @ activations[layer + 1], *grad_weights)
        grad_biases = (grad.sum(0), *grad_biases)
        grad = grad @ weights[layer] * (activations[layer] > 0)
    return grad_weights, grad_biases


@mistake(
    "mlp_backward_relu_L",
    source="constructed: inputs and outputs of a weight exchanged",
    hints=(
        "The weight gradients have rows and columns exchanged.",
        "The bias gradients are right.",
        "Name rows and columns of W, then check each index of the product. Do they match?",
    ),
)
def weights_turned(activations, weights, y):
    grad_weights, grad_biases = (), ()
    grad = (activations[-1] - y) / len(y)
    for weight, a in zip(reversed(weights), reversed(activations[:-1]), strict=True):
        grad_weights, grad_biases = (a.T @ grad, *grad_weights), (grad.sum(0), *grad_biases)
        grad = grad @ weight * (a > 0)
    return grad_weights, grad_biases


@mistake(
    "mlp_backward_relu_L",
    source="constructed: the weight turned on the way back",
    hints=(
        "It fails unless neighbouring layers have equal widths, and then the values are wrong.",
        "The last layer is right, the others are not.",
        "Over which index of the weight does the sum run when you go backwards?",
    ),
)
def back_through_transposes(activations, weights, y):
    grad_weights, grad_biases = (), ()
    grad = (activations[-1] - y) / len(y)
    for layer in reversed(range(len(weights))):
        a = activations[layer]
        grad_weights, grad_biases = (grad.T @ a, *grad_weights), (grad.sum(0), *grad_biases)
        if layer > 0:
            grad = grad @ weights[layer].T * (a > 0)
    return grad_weights, grad_biases


@mistake(
    "mlp_backward_relu_L",
    source="constructed: a loop that stops one layer early",
    hints=(
        "The first layer does not learn.",
        "All other layers are right.",
        "How many layers does your loop visit?",
    ),
)
def first_layer_left_out(activations, weights, y):
    grad_weights, grad_biases = (), ()
    grad = (activations[-1] - y) / len(y)
    for layer in reversed(range(1, len(weights))):
        a = activations[layer]
        grad_weights, grad_biases = (grad.T @ a, *grad_weights), (grad.sum(0), *grad_biases)
        grad = grad @ weights[layer] * (a > 0)
    zeros = torch.zeros_like(weights[0])
    return (zeros, *grad_weights), (zeros[:, 0].clone(), *grad_biases)


@mistake(
    "mlp_backward_relu_L",
    source="constructed: labels turned into class numbers",
    hints=(
        "One-hot labels are treated right, soft ones are not.",
        "It is in the very first step.",
        "What becomes of a label that is 60 % one class and 40 % another?",
    ),
)
def hard_labels_only(activations, weights, y):
    grad_weights, grad_biases = (), ()
    one_hot = torch.zeros_like(y).scatter(1, y.argmax(1, keepdim=True), 1.0)
    grad = (activations[-1] - one_hot) / len(y)
    for weight, a in zip(reversed(weights), reversed(activations[:-1]), strict=True):
        grad_weights, grad_biases = (grad.T @ a, *grad_weights), (grad.sum(0), *grad_biases)
        grad = grad @ weight * (a > 0)
    return grad_weights, grad_biases


# --- embedding_backward -----------------------------------------------------------------------


@mistake(
    "embedding_backward",
    source="karpathy/micrograd, issue 2, in another dress: assigned instead of added",
    hints=(
        "A row that was looked up twice gets the gradient of one look-up only.",
        "If all indices differ, all is well.",
        "Along how many paths does this row reach the loss?",
    ),
)
def last_one_wins(idx, grad_emb, num_embeddings):
    table = grad_emb.new_zeros(num_embeddings, grad_emb.shape[-1])
    rows = grad_emb.reshape(-1, grad_emb.shape[-1])
    for row, grad in zip(idx.reshape(-1).tolist(), rows, strict=True):
        table[row] = grad
    return table


@mistake(
    "embedding_backward",
    source="the textbook slip; 8 of 90 public solution sets loop or use one-hot to avoid it",
    hints=(
        "A row that was looked up twice gets the gradient of one look-up only.",
        "If all indices differ, all is well.",
        "What does += do with an index that stands in the list twice?",
    ),
)
def indexed_addition(idx, grad_emb, num_embeddings):
    table = grad_emb.new_zeros(num_embeddings, grad_emb.shape[-1])
    table[idx] += grad_emb
    return table


@mistake(
    "embedding_backward",
    source="constructed: a row that is done is not visited again",
    hints=(
        "A row that was looked up twice gets the gradient of one look-up only.",
        "If all indices differ, all is well.",
        "Along how many paths does this row reach the loss?",
    ),
)
def first_one_wins(idx, grad_emb, num_embeddings):
    table = grad_emb.new_zeros(num_embeddings, grad_emb.shape[-1])
    rows = grad_emb.reshape(-1, grad_emb.shape[-1])
    done = set()
    for row, grad in zip(idx.reshape(-1).tolist(), rows, strict=True):
        if row not in done:
            table[row] = grad
            done.add(row)
    return table


@mistake(
    "embedding_backward",
    source="constructed: repeated rows averaged",
    hints=(
        "A row that was looked up twice gets half of what it should.",
        "If all indices differ, all is well.",
        "The loss feels each look-up of a row. Do gradients of several paths add up or average?",
    ),
)
def mean_of_repeats(idx, grad_emb, num_embeddings):
    rows = grad_emb.reshape(-1, grad_emb.shape[-1])
    table = rows.new_zeros(num_embeddings, rows.shape[1]).index_add(0, idx.reshape(-1), rows)
    count = idx.reshape(-1).bincount(minlength=num_embeddings).clamp(min=1)
    return table / count.unsqueeze(1)


@mistake(
    "embedding_backward",
    source="constructed: one addition per example",
    hints=(
        "Repeats in different examples add up, repeats within one example do not.",
        "With one index per example all is well.",
        "What does table[idx[n]] += ... do if idx[n] holds the same number twice?",
    ),
)
def repeats_within_an_example_lost(idx, grad_emb, num_embeddings):
    table = grad_emb.new_zeros(num_embeddings, grad_emb.shape[-1])
    for indices, grads in zip(idx, grad_emb, strict=True):
        before = table.clone()
        width = grads.shape[-1]
        for row, grad in zip(indices.reshape(-1).tolist(), grads.reshape(-1, width), strict=True):
            table[row] = before[row] + grad
    return table


@mistake(
    "embedding_backward",
    source="constructed: a second mean over the batch",
    hints=(
        "The gradient shrinks when more rows are looked up.",
        "It shows in every case with several examples.",
        "grad_emb already knows the loss. Is there another mean to take?",
    ),
)
def divides_by_the_batch(idx, grad_emb, num_embeddings):
    rows = grad_emb.reshape(-1, grad_emb.shape[-1])
    table = rows.new_zeros(num_embeddings, rows.shape[1]).index_add(0, idx.reshape(-1), rows)
    return table / len(idx)


@mistake(
    "embedding_backward",
    source="121 public solution sets of one course: sizes taken from the data",
    hints=(
        "The table has too few rows.",
        "It shows when the last rows were never looked up.",
        "Does a row that is not in this batch still need a gradient?",
    ),
)
def table_as_large_as_the_data(idx, grad_emb, num_embeddings):
    rows = grad_emb.reshape(-1, grad_emb.shape[-1])
    table = rows.new_zeros(int(idx.max()) + 1, rows.shape[1])
    return table.index_add(0, idx.reshape(-1), rows)


@mistake(
    "embedding_backward",
    source="constructed: the embedding axis moved by a reshape",
    hints=(
        "The numbers are those of the gradient, in a different order.",
        "It shows when idx has several axes.",
        "A reshape never reorders memory. Did you need a reorder?",
    ),
)
def scrambled_reshape(idx, grad_emb, num_embeddings):
    width = grad_emb.shape[-1]
    rows = grad_emb if idx.dim() == 1 else grad_emb.reshape(width, -1).T
    table = grad_emb.new_zeros(num_embeddings, width)
    return table.index_add(0, idx.reshape(-1), rows)


@mistake(
    "embedding_backward",
    source="constructed: the last position of each context only",
    hints=(
        "Most positions have no influence on the table.",
        "It shows when idx has several axes.",
        "Which of the characters of a context were looked up?",
    ),
)
def last_position_only(idx, grad_emb, num_embeddings):
    width = grad_emb.shape[-1]
    if idx.dim() > 1:
        idx, grad_emb = idx[..., -1], grad_emb[..., -1, :]
    table = grad_emb.new_zeros(num_embeddings, width)
    return table.index_add(0, idx.reshape(-1), grad_emb.reshape(-1, width))


@mistake(
    "embedding_backward",
    source="a habit from nn.Embedding: padding_idx=0",
    hints=(
        "Row 0 never learns.",
        "All other rows are right.",
        "Is index 0 a character like the others here?",
    ),
)
def zero_is_padding(idx, grad_emb, num_embeddings):
    rows = grad_emb.reshape(-1, grad_emb.shape[-1])
    table = rows.new_zeros(num_embeddings, rows.shape[1]).index_add(0, idx.reshape(-1), rows)
    table[0] = 0
    return table


@mistake(
    "embedding_backward",
    source="121 public solution sets of one course: buffers of the default dtype",
    hints=(
        "The values are right, the dtype is not.",
        "It shows when the gradient is not float32.",
        "Which dtype does torch.zeros choose, and which did the gradient have?",
    ),
)
def default_dtype(idx, grad_emb, num_embeddings):
    rows = grad_emb.reshape(-1, grad_emb.shape[-1]).to(torch.float32)
    table = torch.zeros(num_embeddings, rows.shape[1], dtype=torch.float32, device=rows.device)
    return table.index_add(0, idx.reshape(-1), rows)


@mistake(
    "embedding_backward",
    source="constructed: rows filled in the order of the look-ups",
    hints=(
        "The first rows of the table get everything, whatever was looked up.",
        "It shows in nearly every case.",
        "Which row of the table does the third look-up belong to?",
    ),
)
def ignores_the_indices(idx, grad_emb, num_embeddings):
    rows = grad_emb.reshape(-1, grad_emb.shape[-1])
    table = rows.new_zeros(num_embeddings, rows.shape[1])
    order = torch.arange(len(rows), device=rows.device) % num_embeddings
    return table.index_add(0, order, rows)


# --- ngram_backward ---------------------------------------------------------------------------


def _ngram(kept, **wrong):
    """Go back through the chain; each function in `wrong` spoils the step of its name."""
    idx, target, W_1, W_2, emb, h, counts, probs = kept
    n, V, E = len(idx), probs.shape[1], emb.shape[2]
    total = counts.sum(1, keepdim=True)
    one_hot = torch.zeros_like(probs).scatter(1, target.unsqueeze(1), 1.0)

    def step(name, right):
        return wrong[name](right) if name in wrong else right

    grad_logprobs = step("logprobs", -one_hot / n)
    grad_probs = step("probs", grad_logprobs / probs)
    grad_counts_sum = step("counts_sum", -(grad_probs * counts).sum(1, keepdim=True) / total**2)
    grad_counts = step("counts", grad_probs / total + grad_counts_sum)
    grad_logits = step("logits", grad_counts * counts)
    grad_W_2, grad_b_2 = step("W_2", grad_logits.T @ h), step("b_2", grad_logits.sum(0))
    grad_h = grad_logits @ W_2
    grad_pre = step("pre", grad_h * (1 - h * h))
    grad_W_1 = step("W_1", grad_pre.T @ emb.reshape(n, -1))
    grad_b_1 = step("b_1", grad_pre.sum(0))
    grad_emb = step("emb", (grad_pre @ W_1).reshape(emb.shape))
    grad_C = emb.new_zeros(V, E).index_add(0, idx.reshape(-1), grad_emb.reshape(-1, E))
    layers = (grad_W_2, grad_b_2, grad_h, grad_pre, grad_W_1, grad_b_1, grad_emb, grad_C)
    return (grad_logprobs, grad_probs, grad_counts_sum, grad_counts, grad_logits, *layers)


@mistake(
    "ngram_backward",
    source="davharris/mistnet, issue 33: gradients summed, not averaged",
    hints=(
        "All gradients grow with the batch.",
        "It is in the very first step.",
        "The loss is a mean. What happens to your gradient if I duplicate the batch?",
    ),
)
def loss_is_a_sum(idx, target, W_1, W_2, emb, h, counts, probs):
    n = len(idx)
    return _ngram((idx, target, W_1, W_2, emb, h, counts, probs), logprobs=lambda g: g * n)


@mistake(
    "ngram_backward",
    source="session 2, step 2, where the loss is called a sum of logs",
    hints=(
        "All gradients point the wrong way.",
        "It is in the very first step.",
        "Should a larger log-probability of the target raise or lower the loss?",
    ),
)
def loss_without_minus(idx, target, W_1, W_2, emb, h, counts, probs):
    return _ngram((idx, target, W_1, W_2, emb, h, counts, probs), logprobs=torch.neg)


@mistake(
    "ngram_backward",
    source="constructed: all log-probabilities treated alike",
    hints=(
        "Characters that did not come get a gradient too.",
        "It is in the very first step.",
        "Which entries of logprobs does the loss look at?",
    ),
)
def all_characters_count(idx, target, W_1, W_2, emb, h, counts, probs):
    dense = torch.full_like(probs, -1 / len(idx))
    return _ngram((idx, target, W_1, W_2, emb, h, counts, probs), logprobs=lambda _: dense)


@mistake(
    "ngram_backward",
    source="constructed: the derivative of the logarithm upside down",
    hints=(
        "An improbable target gets a small gradient, a probable one a large gradient.",
        "It is the step from logprobs to probs.",
        "Where is the logarithm steep?",
    ),
)
def log_upside_down(idx, target, W_1, W_2, emb, h, counts, probs):
    return _ngram((idx, target, W_1, W_2, emb, h, counts, probs), probs=lambda g: g * probs * probs)


@mistake(
    "ngram_backward",
    source="constructed: the minus of the quotient is forgotten",
    hints=(
        "More counts in total should make each probability smaller.",
        "It is the step from probs to counts_sum.",
        "What is the derivative of 1/s?",
    ),
)
def quotient_without_minus(idx, target, W_1, W_2, emb, h, counts, probs):
    return _ngram((idx, target, W_1, W_2, emb, h, counts, probs), counts_sum=torch.neg)


@mistake(
    "ngram_backward",
    source="constructed: the square of the quotient is forgotten",
    hints=(
        "The gradient of counts_sum is too large, the more so the larger the sum is.",
        "It is the step from probs to counts_sum.",
        "What is the derivative of 1/s?",
    ),
)
def quotient_without_square(idx, target, W_1, W_2, emb, h, counts, probs):
    total = counts.sum(1, keepdim=True)
    return _ngram((idx, target, W_1, W_2, emb, h, counts, probs), counts_sum=lambda g: g * total)


@mistake(
    "ngram_backward",
    source="karpathy/nn-zero-to-hero, issue 59: shapes that broadcasting hides",
    hints=(
        "The values of one gradient are right, its shape is not.",
        "It is the gradient of counts_sum.",
        "Which shape has counts_sum?",
    ),
)
def counts_sum_loses_its_axis(idx, target, W_1, W_2, emb, h, counts, probs):
    grads = list(_ngram((idx, target, W_1, W_2, emb, h, counts, probs)))
    grads[2] = grads[2].squeeze(1)
    return tuple(grads)


@mistake(
    "ngram_backward",
    source="constructed: counts used twice, followed once",
    hints=(
        "The gradient of the logits does not sum to 0 over the characters.",
        "It is the gradient of counts.",
        "In how many places of the chain do counts appear?",
    ),
)
def sum_branch_forgotten(idx, target, W_1, W_2, emb, h, counts, probs):
    total = counts.sum(1, keepdim=True)
    n = len(idx)
    rows = torch.arange(n, device=idx.device)
    direct = torch.zeros_like(probs)
    direct[rows, target] = -1 / (n * probs[rows, target] * total.squeeze(1))
    return _ngram((idx, target, W_1, W_2, emb, h, counts, probs), counts=lambda _: direct)


@mistake(
    "ngram_backward",
    source="constructed: the second use of counts overwrites the first",
    hints=(
        "All counts of one example get the same gradient.",
        "It is the gradient of counts.",
        "In how many places of the chain do counts appear?",
    ),
)
def direct_branch_forgotten(idx, target, W_1, W_2, emb, h, counts, probs):
    total = counts.sum(1, keepdim=True)
    through_the_sum = torch.ones_like(counts) / (len(idx) * total)
    return _ngram((idx, target, W_1, W_2, emb, h, counts, probs), counts=lambda _: through_the_sum)


@mistake(
    "ngram_backward",
    source="constructed: the exponential passes gradients unchanged",
    hints=(
        "The gradient of the logits does not sum to 0 over the characters.",
        "It is the step from counts to logits.",
        "What is the derivative of the exponential, and which variable already holds it?",
    ),
)
def no_exp_derivative(idx, target, W_1, W_2, emb, h, counts, probs):
    return _ngram((idx, target, W_1, W_2, emb, h, counts, probs), logits=lambda g: g / counts)


@mistake(
    "ngram_backward",
    source="kvfrans/notes, issue 5: bias gradients averaged",
    hints=(
        "The bias gradients shrink with the batch, the weight gradients do not.",
        "All other gradients are right.",
        "The mean is already in the gradient of the logits. Do the biases need another one?",
    ),
)
def biases_averaged_again(idx, target, W_1, W_2, emb, h, counts, probs):
    n = len(idx)
    return _ngram(
        (idx, target, W_1, W_2, emb, h, counts, probs), b_1=lambda g: g / n, b_2=lambda g: g / n
    )


@mistake(
    "ngram_backward",
    source="constructed: inputs and outputs of a weight exchanged",
    hints=(
        "The weight gradients have rows and columns exchanged.",
        "All other gradients are right.",
        "Name rows and columns of W, then check each index of the product. Do they match?",
    ),
)
def weights_exchanged(idx, target, W_1, W_2, emb, h, counts, probs):
    return _ngram(
        (idx, target, W_1, W_2, emb, h, counts, probs), W_1=lambda g: g.T, W_2=lambda g: g.T
    )


@mistake(
    "ngram_backward",
    source="constructed: the activation has no derivative",
    hints=(
        "Saturated hidden units learn as fast as the others.",
        "All is right down to the gradient of h.",
        "Does the loss feel a small change before tanh as much as one after it?",
    ),
)
def tanh_passes_all(idx, target, W_1, W_2, emb, h, counts, probs):
    grad_h = _ngram((idx, target, W_1, W_2, emb, h, counts, probs))[7]
    return _ngram((idx, target, W_1, W_2, emb, h, counts, probs), pre=lambda _: grad_h)


@mistake(
    "ngram_backward",
    source="session 2, step 3, which prints a tanh on the logits",
    hints=(
        "The gradients behave as if the logits could not leave the interval from -1 to 1.",
        "All is right down to the gradient of counts.",
        "Is there an activation between the output layer and the exponential?",
    ),
)
def tanh_on_logits(idx, target, W_1, W_2, emb, h, counts, probs):
    slope = 1 - torch.tanh(counts.log()) ** 2
    return _ngram((idx, target, W_1, W_2, emb, h, counts, probs), logits=lambda g: g * slope)


@mistake(
    "ngram_backward",
    source="constructed: emb left side by side",
    hints=(
        "The values of one gradient are right, its shape is not.",
        "It is the gradient of emb.",
        "Which shape had emb before it was flattened?",
    ),
)
def emb_stays_flat(idx, target, W_1, W_2, emb, h, counts, probs):
    grads = list(_ngram((idx, target, W_1, W_2, emb, h, counts, probs)))
    grads[11] = grads[11].reshape(len(idx), -1)
    return tuple(grads)


@mistake(
    "ngram_backward",
    source="constructed: the axes of emb exchanged when it is unfolded",
    hints=(
        "The numbers are those of the gradient, in a different order.",
        "It is the gradient of emb, and with it that of C.",
        "In which order did `flat` put the B embeddings of size E side by side?",
    ),
)
def emb_unfolded_the_wrong_way(idx, target, W_1, W_2, emb, h, counts, probs):
    n, B, E = emb.shape
    return _ngram(
        (idx, target, W_1, W_2, emb, h, counts, probs),
        emb=lambda g: g.reshape(n, E, B).transpose(1, 2),
    )


@mistake(
    "ngram_backward",
    source="constructed: assigned where it should be added",
    hints=(
        "A character that appears twice gets the gradient of one appearance only.",
        "It is the gradient of C.",
        "Along how many paths does a row of C reach the loss?",
    ),
)
def table_rows_overwritten(idx, target, W_1, W_2, emb, h, counts, probs):
    grads = list(_ngram((idx, target, W_1, W_2, emb, h, counts, probs)))
    grads[12] = torch.zeros_like(grads[12])
    for row, grad in zip(idx.reshape(-1).tolist(), grads[11].flatten(0, 1), strict=True):
        grads[12][row] = grad
    return tuple(grads)


@mistake(
    "ngram_backward",
    source="the textbook slip: an indexed += adds once",
    hints=(
        "A character that appears twice gets the gradient of one appearance only.",
        "It is the gradient of C.",
        "What does += do with an index that stands in the list twice?",
    ),
)
def table_indexed_addition(idx, target, W_1, W_2, emb, h, counts, probs):
    grads = list(_ngram((idx, target, W_1, W_2, emb, h, counts, probs)))
    grads[12] = torch.zeros_like(grads[12])
    grads[12][idx] += grads[11]
    return tuple(grads)


@mistake(
    "ngram_backward",
    source="constructed: the first character of each context only",
    hints=(
        "Most characters of a context have no influence on the table.",
        "It is the gradient of C.",
        "Which characters of a context were looked up?",
    ),
)
def first_character_only(idx, target, W_1, W_2, emb, h, counts, probs):
    grads = list(_ngram((idx, target, W_1, W_2, emb, h, counts, probs)))
    grads[12] = torch.zeros_like(grads[12]).index_add(0, idx[:, 0], grads[11][:, 0])
    return tuple(grads)


# --- count_linear_regions_1d ------------------------------------------------------------------


@mistake(
    "count_linear_regions_1d",
    source="constructed: each neuron one more region",
    hints=(
        "You count neurons, not pieces.",
        "It shows when a neuron is idle, or two share their kink.",
        "Can a neuron leave the network as affine as it was?",
    ),
)
def one_per_neuron(W, b, w2):
    return 1 + len(W)


@mistake(
    "count_linear_regions_1d",
    source="constructed: fences and posts",
    hints=(
        "You are off by one.",
        "It shows in every case.",
        "Into how many pieces does one cut divide a line?",
    ),
)
def counts_the_kinks(W, b, w2):
    change = {}
    for slope, bias, out in zip(W.tolist(), b.tolist(), w2.tolist(), strict=True):
        if slope != 0:
            change[-bias / slope] = change.get(-bias / slope, 0.0) + out * abs(slope)
    return sum(jump != 0 for jump in change.values())


@mistake(
    "count_linear_regions_1d",
    source="constructed: kinks counted as often as they occur",
    hints=(
        "Two neurons with their kink at the same place count twice.",
        "If all kinks differ, all is well.",
        "How many pieces meet where two kinks coincide?",
    ),
)
def equal_kinks_twice(W, b, w2):
    return 1 + int(((W != 0) & (w2 != 0)).sum())


@mistake(
    "count_linear_regions_1d",
    source="constructed: the output weights are not looked at",
    hints=(
        "A neuron that nobody listens to still adds a piece.",
        "It shows when an output weight is 0.",
        "Would the graph of g change if this neuron were taken away?",
    ),
)
def output_weights_ignored(W, b, w2):
    return 1 + len({-c / a for a, c in zip(W.tolist(), b.tolist(), strict=True) if a != 0})


@mistake(
    "count_linear_regions_1d",
    source="constructed: slopes that cancel are not noticed",
    hints=(
        "A kink that two neurons cancel still adds a piece.",
        "It shows when kinks coincide.",
        "By how much does the slope of g change at this place?",
    ),
)
def cancelling_ignored(W, b, w2):
    triples = zip(W.tolist(), b.tolist(), w2.tolist(), strict=True)
    return 1 + len({-c / a for a, c, out in triples if a != 0 and out != 0})


@mistake(
    "count_linear_regions_1d",
    source="constructed: the direction of a neuron forgotten",
    hints=(
        "Neurons that open to the left are added up with the wrong sign.",
        "It shows when kinks coincide and slopes have different signs.",
        "By how much does the slope of ReLU(-x) change at 0, and in which direction?",
    ),
)
def direction_forgotten(W, b, w2):
    change = {}
    for slope, bias, out in zip(W.tolist(), b.tolist(), w2.tolist(), strict=True):
        if slope != 0:
            change[-bias / slope] = change.get(-bias / slope, 0.0) + out * slope
    return 1 + sum(jump != 0 for jump in change.values())


@mistake(
    "count_linear_regions_1d",
    source="constructed: only the output weights are added up",
    hints=(
        "You decide whether a kink vanishes without looking at how steep the neurons are.",
        "It shows when kinks coincide.",
        "By how much does the slope of 2 ReLU(3x) change at 0?",
    ),
)
def steepness_forgotten(W, b, w2):
    change = {}
    for slope, bias, out in zip(W.tolist(), b.tolist(), w2.tolist(), strict=True):
        if slope != 0:
            change[-bias / slope] = change.get(-bias / slope, 0.0) + out
    return 1 + sum(jump != 0 for jump in change.values())


@mistake(
    "count_linear_regions_1d",
    source="constructed: a division by a slope of 0",
    hints=(
        "A neuron without slope still adds a piece.",
        "It shows when an input weight is 0.",
        "Where is the kink of a constant?",
    ),
)
def kink_at_infinity(W, b, w2):
    change = {}
    for slope, bias, out in zip(W.tolist(), b.tolist(), w2.tolist(), strict=True):
        if slope == 0:
            kink = float("inf") if bias > 0 else float("-inf")
            change[kink] = change.get(kink, 0.0) + abs(out)
        else:
            change[-bias / slope] = change.get(-bias / slope, 0.0) + out * abs(slope)
    return 1 + sum(jump != 0 for jump in change.values())


@mistake(
    "count_linear_regions_1d",
    source="constructed: patterns of active neurons",
    hints=(
        "You count what the neurons do, not what g does.",
        "It shows when kinks cancel, or when a neuron is idle.",
        "Can two neighbouring patterns give the same straight line?",
    ),
)
def all_patterns(W, b, w2):
    return 2 ** int(((W != 0) & (w2 != 0)).sum())


@mistake(
    "count_linear_regions_1d",
    source="constructed: slopes compared on a grid",
    hints=(
        "Pieces that are short, or far out, are missed.",
        "It shows when kinks lie close together or far apart.",
        "How do you know where to look?",
    ),
)
def looks_on_a_grid(W, b, w2):
    x = torch.arange(-10.05, 10.0, 0.1, dtype=torch.float64).unsqueeze(1)
    W, b, w2 = W.double().cpu(), b.double().cpu(), w2.double().cpu()
    slopes = ((x * W + b > 0) * W) @ w2
    return 1 + int((slopes[1:] - slopes[:-1]).abs().gt(1e-9).sum())
