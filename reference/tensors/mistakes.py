"""Known wrong versions of the exercises on tensors, and hints for each."""

import math

import torch

from autograder.checks.bank import mistake

# --- row_normalize --------------------------------------------------------------------------------


@mistake(
    "row_normalize",
    source="keepdim: decodingcoding.substack, newsletter 21, on makemore",
    hints=(
        "The rows do not sum to 1.",
        "The sums are right; it is how they line up with the table. With a single row all is well.",
        "Along which axis does a vector lie when it meets a table?",
    ),
)
def no_keepdim(counts):
    total = counts.sum(1)
    return torch.where(total == 0, 1 / counts.shape[1], counts / total)


@mistake(
    "row_normalize",
    source="constructed: the other axis",
    hints=(
        "The columns sum to 1, not the rows.",
        "It is the axis of the sum.",
        "Which axis of the table disappears when you add up a row?",
    ),
)
def columns_sum_to_one(counts):
    total = counts.sum(0, keepdim=True)
    return torch.where(total == 0, 1 / counts.shape[1], counts / total)


@mistake(
    "row_normalize",
    source="constructed: one sum for all rows",
    hints=(
        "The whole table sums to 1, not each row.",
        "It is the sum that you divide by; with a single row all is well.",
        "How many sums does a table with R rows need?",
    ),
)
def whole_table(counts):
    total = counts.sum()
    empty = counts.sum(1, keepdim=True) == 0
    return torch.where(empty, 1 / counts.shape[1], counts / total)


@mistake(
    "row_normalize",
    source="constructed: 0 divided by 0",
    hints=(
        "Rows of zeros become NaN.",
        "All other rows are right.",
        "What is 0 divided by 0, and which shares say nothing?",
    ),
)
def nan_for_zeros(counts):
    return counts / counts.sum(1, keepdim=True)


@mistake(
    "row_normalize",
    source="constructed: a denominator that is kept from being 0",
    hints=(
        "Rows of zeros stay rows of zeros.",
        "All other rows are right.",
        "To how much should the shares of each row sum?",
    ),
)
def zeros_stay(counts):
    total = counts.sum(1, keepdim=True)
    return counts / torch.where(total == 0, 1, total)


@mistake(
    "row_normalize",
    source="121 public solution sets of one course: an epsilon where none was asked for",
    hints=(
        "The rows sum to a little less than 1.",
        "It is the denominator; tiny numbers show it best.",
        "What does adding 1e-8 do to a row whose sum is 1e-6?",
    ),
)
def epsilon(counts):
    total = counts.sum(1, keepdim=True)
    return torch.where(total == 0, 1 / counts.shape[1], counts / (total + 1e-8))


@mistake(
    "row_normalize",
    source="constructed: a threshold for an empty row",
    hints=(
        "Rows of tiny numbers become uniform, whatever stands in them.",
        "Rows of zeros are right, and so are rows of ordinary numbers.",
        "Which rows does your code treat as if they held zeros only?",
    ),
)
def tiny_rows_count_as_empty(counts):
    total = counts.sum(1, keepdim=True)
    return torch.where(total < 1e-8, 1 / counts.shape[1], counts / total)


@mistake(
    "row_normalize",
    source="constructed: one added to each count",
    hints=(
        "Zeros that should stay zeros become positive.",
        "Rows of zeros are right, the others are too even.",
        "Which rows are an exception, and which are not?",
    ),
)
def everything_smoothed(counts):
    smooth = counts + 1
    return smooth / smooth.sum(1, keepdim=True)


@mistake(
    "row_normalize",
    source="constructed: softmax where a division is meant",
    hints=(
        "The largest numbers get too large a share.",
        "The rows do sum to 1.",
        "If one count is twice another, how do their shares compare?",
    ),
)
def softmax_of_the_row(counts):
    values = counts if counts.is_floating_point() else counts.float()
    return torch.softmax(values, dim=1)


@mistake(
    "row_normalize",
    source="constructed: Euclidean length",
    hints=(
        "The squares of a row sum to 1, not the row.",
        "It is the number that you divide by.",
        "Which norm of a row without negative numbers is its sum?",
    ),
)
def unit_length(counts):
    values = counts if counts.is_floating_point() else counts.float()
    total = values.norm(dim=1, keepdim=True)
    return torch.where(total == 0, 1 / counts.shape[1], values / total)


@mistake(
    "row_normalize",
    source="constructed: division by the maximum",
    hints=(
        "The largest entry of each row is 1.",
        "It is the number that you divide by.",
        "Which number makes the shares of a row sum to 1?",
    ),
)
def largest_is_one(counts):
    total = counts.amax(1, keepdim=True)
    return torch.where(total == 0, 1 / counts.shape[1], counts / total)


@mistake(
    "row_normalize",
    source="constructed: integer division",
    hints=(
        "Tables of integers give only zeros and ones.",
        "Tables of fractions are right.",
        "Which dtype can hold a quarter?",
    ),
)
def whole_shares(counts):
    total = counts.sum(1, keepdim=True)
    share = torch.where(total == 0, 1 / counts.shape[1], counts / total)
    return share if counts.is_floating_point() else share.long()


@mistake(
    "row_normalize",
    source="constructed: the wrong length for a row of zeros",
    hints=(
        "The shares of a row of zeros do not sum to 1.",
        "Square tables hide it.",
        "Among how many entries is such a row shared out?",
    ),
)
def one_over_rows(counts):
    total = counts.sum(1, keepdim=True)
    return torch.where(total == 0, 1 / counts.shape[0], counts / total)


# --- one_hot --------------------------------------------------------------------------------------


@mistake(
    "one_hot",
    source="session 2, 'A few tips...': `.float()` is forgotten",
    hints=(
        "The values are right, their dtype is not.",
        "It is the last step.",
        "With which dtype can a weight matrix be multiplied?",
    ),
)
def integers(y, num_classes):
    return (y.unsqueeze(1) == torch.arange(num_classes, device=y.device)).long()


@mistake(
    "one_hot",
    source="constructed: the axes exchanged",
    hints=(
        "Rows and columns are exchanged.",
        "It shows in the shape, unless N equals C.",
        "What does each row of the result belong to: an example or a class?",
    ),
)
def classes_in_rows(y, num_classes):
    return (y.unsqueeze(1) == torch.arange(num_classes, device=y.device)).float().T


@mistake(
    "one_hot",
    source="the courses count classes from 1",
    hints=(
        "The 1 stands one place too far to the left.",
        "It is the number of the first class.",
        "Which class is y = 0?",
    ),
)
def from_one(y, num_classes):
    return (y.unsqueeze(1) == torch.arange(num_classes, device=y.device) + 1).float()


@mistake(
    "one_hot",
    source="constructed: classes counted from the end",
    hints=(
        "Rows are mirrored.",
        "A class in the middle hides it.",
        "At which end of a row is class 0?",
    ),
)
def backwards(y, num_classes):
    return (y.unsqueeze(1) == torch.arange(num_classes, device=y.device)).float().flip(1)


@mistake(
    "one_hot",
    source="121 public solution sets of one course: max(y) + 1 classes",
    hints=(
        "Rows are too short when the last classes do not occur.",
        "The values that are there are right.",
        "Who says how many classes there are, the argument or the examples?",
    ),
)
def as_many_as_occur(y, num_classes):
    n = int(y.max()) + 1 if len(y) else 0
    return (y.unsqueeze(1) == torch.arange(n, device=y.device)).float()


@mistake(
    "one_hot",
    source="constructed: all ones in the same row",
    hints=(
        "All examples share their ones.",
        "A single example is right.",
        "How many ones has each row?",
    ),
)
def one_row(y, num_classes):
    out = torch.zeros(len(y), num_classes, device=y.device)
    out[:, y] = 1
    return out


@mistake(
    "one_hot",
    source="constructed: the number of the class instead of 1",
    hints=(
        "The entries are not 0 and 1.",
        "Class 1 is right.",
        "What should stand at the place of class 2?",
    ),
)
def the_class_itself(y, num_classes):
    return (y.unsqueeze(1) == torch.arange(num_classes, device=y.device)) * y.unsqueeze(1).float()


@mistake(
    "one_hot",
    source="constructed: a comparison with <",
    hints=(
        "Rows hold several ones.",
        "Class 0 is right.",
        "Which comparison is true at exactly one place?",
    ),
)
def up_to_the_class(y, num_classes):
    return (torch.arange(num_classes, device=y.device) <= y.unsqueeze(1)).float()


@mistake(
    "one_hot",
    source="constructed: signs instead of zeros",
    hints=(
        "The zeros are not zeros.",
        "The ones are right.",
        "What stands at the places of the other classes?",
    ),
)
def minus_one_elsewhere(y, num_classes):
    return 2 * (y.unsqueeze(1) == torch.arange(num_classes, device=y.device)).float() - 1


# --- standardize ----------------------------------------------------------------------------------


@mistake(
    "standardize",
    source="torch's default: `x.var(0)` divides by N - 1",
    hints=(
        "The columns come out a little too small.",
        "It is the variance; many rows hide it.",
        "By what does torch divide when it computes a variance, and by what does the formula?",
    ),
)
def unbiased(x, eps):
    centred = x - x.mean(0)
    return centred / torch.sqrt((centred * centred).sum(0) / max(1, len(x) - 1) + eps)


@mistake(
    "standardize",
    source="121 public solution sets of one course: sqrt(var) + eps",
    hints=(
        "A large epsilon shrinks the columns too much or too little.",
        "It is where epsilon is added.",
        "Before or after the root?",
    ),
)
def epsilon_outside(x, eps):
    return (x - x.mean(0)) / (x.std(0, correction=0) + eps)


@mistake(
    "standardize",
    source="121 public solution sets of one course: eps dropped",
    hints=(
        "Constant columns become NaN.",
        "A tiny epsilon hides it elsewhere.",
        "What is divided by what in a constant column?",
    ),
)
def no_epsilon(x, eps):
    return (x - x.mean(0)) / x.std(0, correction=0)


@mistake(
    "standardize",
    source="layer norm for batch norm: the other axis",
    hints=(
        "The rows have mean 0, not the columns.",
        "It is the axis of mean and variance.",
        "Over which index does the mean of column d run?",
    ),
)
def rows(x, eps):
    centred = x - x.mean(1, keepdim=True)
    return centred / torch.sqrt((centred * centred).mean(1, keepdim=True) + eps)


@mistake(
    "standardize",
    source="constructed: one mean and one variance for all",
    hints=(
        "Columns of different sizes stay different.",
        "A single column is right.",
        "How many means does a table with D columns need?",
    ),
)
def standardize_whole_table(x, eps):
    centred = x - x.mean()
    return centred / torch.sqrt((centred * centred).mean() + eps)


@mistake(
    "standardize",
    source="class notes, 4.5.2: the variance is called standard deviation",
    hints=(
        "Scale x by 10: the result must hardly change, yours shrinks.",
        "The root is missing.",
        "In which unit is a variance measured?",
    ),
)
def by_the_variance(x, eps):
    return (x - x.mean(0)) / (x.var(0, correction=0) + eps)


@mistake(
    "standardize",
    source="constructed: only scaled",
    hints=(
        "The columns do not have mean 0.",
        "It is the numerator.",
        "What is subtracted before you divide?",
    ),
)
def not_centred(x, eps):
    return x / torch.sqrt(x.var(0, correction=0) + eps)


@mistake(
    "standardize",
    source="constructed: only shifted",
    hints=(
        "The columns do not have variance 1.",
        "The means are right.",
        "What is left to do after the subtraction?",
    ),
)
def only_centred(x, eps):
    return x - x.mean(0)


@mistake(
    "standardize",
    source="constructed: the mean of the squares, not centred",
    hints=(
        "Columns far from 0 come out too small.",
        "It is the variance.",
        "Around what does the variance measure?",
    ),
)
def second_moment(x, eps):
    return (x - x.mean(0)) / torch.sqrt((x * x).mean(0) + eps)


@mistake(
    "standardize",
    source="121 public solution sets of one course: var = E[x^2] - E[x]^2",
    hints=(
        "Columns far from 0 lose digits.",
        "Columns around 0 are right.",
        "How many digits are left of the difference of two numbers of a million millions?",
    ),
)
def difference_of_large_numbers(x, eps):
    variance = (x * x).mean(0) - x.mean(0) ** 2
    return (x - x.mean(0)) / torch.sqrt(variance.clamp(min=0) + eps)


@mistake(
    "standardize",
    source="constructed: epsilon next to the deviation, under one root",
    hints=(
        "A large epsilon has the wrong effect.",
        "It is what is added under the root.",
        "Is epsilon added to a variance or to a deviation?",
    ),
)
def epsilon_squared(x, eps):
    return (x - x.mean(0)) / torch.sqrt(x.var(0, correction=0) + eps**2)


# --- moving_average -------------------------------------------------------------------------------


@mistake(
    "moving_average",
    source="constructed: no division",
    hints=(
        "The result is k times too large.",
        "Windows of one are right.",
        "What is the average of k equal numbers?",
    ),
)
def sums(x, k):
    return x.unfold(1, k, 1).sum(2)


@mistake(
    "moving_average",
    source="constructed: one window too few",
    hints=(
        "The result is too short.",
        "What is there is right, the end is missing.",
        "How many windows of 2 has a row of 4?",
    ),
)
def last_window_missing(x, k):
    return x.unfold(1, k, 1).mean(2)[:, :-1]


@mistake(
    "moving_average",
    source="constructed: all rows in one line",
    hints=(
        "Windows reach from one row into the next.",
        "A single row is right.",
        "Where does a row end once the table is flat?",
    ),
)
def across_rows(x, k):
    flat = x.reshape(-1)
    starts = torch.arange(len(x) * (x.shape[1] - k + 1), device=x.device)
    return flat.unfold(0, k, 1).mean(1)[starts].reshape(len(x), -1)


@mistake(
    "moving_average",
    source="constructed: the other axis",
    hints=(
        "You average along the wrong axis.",
        "It shows in the shape, or in the values where N equals T.",
        "Which axis is the time?",
    ),
)
def down_the_columns(x, k):
    return x.unfold(0, k, 1).mean(2)


@mistake(
    "moving_average",
    source="constructed: zeros at the border",
    hints=(
        "The result is as long as the input.",
        "Some entries at the border average zeros that nobody gave.",
        "Do windows that stick out count?",
    ),
)
def same_length(x, k):
    padded = torch.cat([x.new_zeros(len(x), k - 1), x], dim=1)
    return padded.unfold(1, k, 1).mean(2)


@mistake(
    "moving_average",
    source="constructed: windows that do not overlap",
    hints=(
        "There are too few windows.",
        "The first one is right.",
        "By how much does the window move?",
    ),
)
def side_by_side(x, k):
    return x.unfold(1, k, k).mean(2)


@mistake(
    "moving_average",
    source="constructed: the mean of all so far",
    hints=(
        "Later entries still contain the first numbers.",
        "The first entry is right.",
        "When does a number leave the window?",
    ),
)
def from_the_start(x, k):
    steps = torch.arange(1, x.shape[1] + 1, device=x.device)
    return (x.cumsum(1) / steps)[:, k - 1 :]


@mistake(
    "moving_average",
    source="constructed: divided by k + 1",
    hints=(
        "The result is too small.",
        "The sums are right.",
        "How many numbers are in a window?",
    ),
)
def one_too_wide(x, k):
    return x.unfold(1, k, 1).sum(2) / (k + 1)


@mistake(
    "moving_average",
    source="constructed: differences of cumulative sums, off by one",
    hints=(
        "All windows are shifted by one place, the first one is lost.",
        "It is in the difference of the two sums.",
        "What is the sum of the numbers before the first one?",
    ),
)
def cumulative_sum_without_its_zero(x, k):
    total = x.cumsum(1)
    first = total[:, -1:] if x.shape[1] == k else total[:, k:] - total[:, :-k]
    return torch.cat([first, first[:, -1:]], dim=1)[:, : x.shape[1] - k + 1] / k


@mistake(
    "moving_average",
    source="constructed: the middle number",
    hints=(
        "One wild number in a window changes nothing.",
        "Windows of one are right.",
        "Mean or median?",
    ),
)
def median(x, k):
    return x.unfold(1, k, 1).median(2).values


# --- gather_rows ----------------------------------------------------------------------------------


@mistake(
    "gather_rows",
    source="constructed: `x[:, idx]`",
    hints=(
        "The result has an axis too many.",
        "Every example gets the rows of all examples.",
        "What has to be counted along with idx?",
    ),
)
def all_with_all(x, idx):
    return x[:, idx]


@mistake(
    "gather_rows",
    source="constructed: `x[idx]`",
    hints=(
        "You pick examples instead of rows of them.",
        "It shows in the shape.",
        "Which axis of x does idx speak of?",
    ),
)
def rows_as_examples(x, idx):
    return x[idx]


@mistake(
    "gather_rows",
    source="constructed: the last time for all",
    hints=(
        "idx has no influence.",
        "It is right where idx points to the last row.",
        "Where does idx enter?",
    ),
)
def last_row(x, idx):
    return x[:, -1]


@mistake(
    "gather_rows",
    source="constructed: the first index for all",
    hints=(
        "All examples use the same index.",
        "The first example is right.",
        "Which index belongs to the second example?",
    ),
)
def same_for_all(x, idx):
    return x[:, idx[0]]


@mistake(
    "gather_rows",
    source="constructed: idx is taken for a length",
    hints=(
        "You pick the row before the right one.",
        "It is in the use of idx.",
        "Does idx count from 0, or is it a number of rows?",
    ),
)
def lengths_for_indices(x, idx):
    return x[torch.arange(len(x), device=x.device), idx - 1]


@mistake(
    "gather_rows",
    source="constructed: counted from the end",
    hints=(
        "Rows are counted from the wrong end.",
        "The row in the middle is right.",
        "Which row is idx = 0?",
    ),
)
def gather_backwards(x, idx):
    return x[torch.arange(len(x), device=x.device), -1 - idx]


@mistake(
    "gather_rows",
    source="constructed: coordinates picked instead of rows",
    hints=(
        "The numbers of a result come from different rows.",
        "It is the axis that idx is used on.",
        "Which of the axes T and D does idx run over?",
    ),
)
def axes_exchanged(x, idx):
    return x[torch.arange(len(x), device=x.device), :, idx]


@mistake(
    "gather_rows",
    source="constructed: idx is applied to other examples",
    hints=(
        "Each example gets the index of another one.",
        "A single example is right.",
        "Does example n use entry n of idx?",
    ),
)
def examples_reversed(x, idx):
    return x[torch.arange(len(x), device=x.device), idx.flip(0)]


@mistake(
    "gather_rows",
    source="constructed: idx is sorted first",
    hints=(
        "Each example gets the index of another one.",
        "Indices in increasing order are fine.",
        "Does example n use entry n of idx?",
    ),
)
def sorted_indices(x, idx):
    return x[torch.arange(len(x), device=x.device), idx.sort().values]


@mistake(
    "gather_rows",
    source="karpathy/nn-zero-to-hero, issue 59: shapes that broadcasting hides",
    hints=(
        "The values are right, the shape is not.",
        "An axis of length 1 is left over.",
        "How many axes has one row per example?",
    ),
)
def keeps_an_axis(x, idx):
    return x.gather(1, idx.reshape(-1, 1, 1).expand(-1, 1, x.shape[2]))


@mistake(
    "gather_rows",
    source="constructed: the mean of all rows up to the index",
    hints=(
        "The rows before have an influence.",
        "idx = 0 is right.",
        "One row, or all rows up to it?",
    ),
)
def up_to_the_row(x, idx):
    rows = torch.arange(x.shape[1], device=x.device)
    seen = (rows <= idx.unsqueeze(1)).to(x.dtype).unsqueeze(2)
    return (x * seen).sum(1) / seen.sum(1)


# --- pairwise_sq_dist -----------------------------------------------------------------------------


@mistake(
    "pairwise_sq_dist",
    source="constructed: the formula with the scalar product",
    hints=(
        "Points far from the origin get wrong distances, or negative ones.",
        "Points near the origin are right.",
        "What is left of the digits when you subtract two large numbers that are nearly equal?",
    ),
)
def multiplied_out(A, B):
    return (A * A).sum(1, keepdim=True) + (B * B).sum(1) - 2 * A @ B.T


@mistake(
    "pairwise_sq_dist",
    source="constructed: the distance itself",
    hints=(
        "Scale all points by 10: the result must grow a hundredfold, yours tenfold.",
        "It is the last step.",
        "Distance, or squared distance?",
    ),
)
def root(A, B):
    return (A.unsqueeze(1) - B).square().sum(2).sqrt()


@mistake(
    "pairwise_sq_dist",
    source="constructed: the new axis in the wrong tensor",
    hints=(
        "Rows and columns are exchanged.",
        "It shows in the shape, unless N equals M.",
        "Which of the two sets of points do the rows belong to?",
    ),
)
def other_way_round(A, B):
    return (B.unsqueeze(1) - A).square().sum(2)


@mistake(
    "pairwise_sq_dist",
    source="constructed: mean for sum",
    hints=(
        "The result is too small.",
        "With one coordinate all is well.",
        "Is each squared difference divided by anything?",
    ),
)
def mean_over_coordinates(A, B):
    return (A.unsqueeze(1) - B).square().mean(2)


@mistake(
    "pairwise_sq_dist",
    source="constructed: sum and square exchanged",
    hints=(
        "Differences of either sign cancel.",
        "With one coordinate all is well.",
        "First the square or first the sum?",
    ),
)
def square_of_the_sum(A, B):
    return (A.unsqueeze(1) - B).sum(2).square()


@mistake(
    "pairwise_sq_dist",
    source="constructed: absolute values",
    hints=(
        "Scale all points by 10: the result must grow a hundredfold, yours tenfold.",
        "It is what happens to each difference.",
        "Absolute value or square?",
    ),
)
def city_blocks(A, B):
    return (A.unsqueeze(1) - B).abs().sum(2)


@mistake(
    "pairwise_sq_dist",
    source="constructed: the factor 2 is forgotten",
    hints=(
        "The distance of a point to itself is not 0.",
        "It is the mixed term.",
        "How often does the mixed product appear when you multiply out a square?",
    ),
)
def cross_term_once(A, B):
    return (A * A).sum(1, keepdim=True) + (B * B).sum(1) - A @ B.T


@mistake(
    "pairwise_sq_dist",
    source="constructed: the sign of the mixed term",
    hints=(
        "The distance of a point to itself is not 0.",
        "It is the mixed term.",
        "Which sign has the mixed product in the square of a difference?",
    ),
)
def cross_term_added(A, B):
    return (A.unsqueeze(1) + B).square().sum(2)


@mistake(
    "pairwise_sq_dist",
    source="keepdim: a vector of N sums meets a table of M columns",
    hints=(
        "The norms of A stand in the wrong axis.",
        "It shows even where N equals M.",
        "Along which axis does a vector lie when it meets a table?",
    ),
)
def norms_lined_up_wrongly(A, B):
    norms = (A * A).sum(1)
    return norms + (B * B).sum(1) - 2 * A @ B.T


@mistake(
    "pairwise_sq_dist",
    source="constructed: maximum for sum",
    hints=(
        "Only one coordinate counts.",
        "With one coordinate all is well.",
        "How do the squares of all coordinates come together?",
    ),
)
def largest_coordinate(A, B):
    return (A.unsqueeze(1) - B).square().amax(2)


@mistake(
    "pairwise_sq_dist",
    source="constructed: the wrong axis is summed away",
    hints=(
        "The result has the wrong axes.",
        "It is the axis of the sum.",
        "Which of n, m and d is missing on the left of the formula?",
    ),
)
def sum_over_points(A, B):
    return (A.unsqueeze(1) - B).square().sum(1)


# --- gram_matrix ----------------------------------------------------------------------------------


@mistake(
    "gram_matrix",
    source="constructed: the sum",
    hints=(
        "The result grows with the size of the image.",
        "Images of one pixel are right.",
        "Is it a mean over the places?",
    ),
)
def not_divided(x):
    return torch.einsum("nchw,ndhw->ncd", x, x)


@mistake(
    "gram_matrix",
    source="a habit of style transfer: c * h * w",
    hints=(
        "The result is too small.",
        "A single channel is right.",
        "Over what does the mean run: places, or places and channels?",
    ),
)
def divided_by_everything(x):
    return torch.einsum("nchw,ndhw->ncd", x, x) / x[0].numel()


@mistake(
    "gram_matrix",
    source="constructed: the batch is summed away",
    hints=(
        "All images share one matrix.",
        "It shows in the shape.",
        "Does n stand on the left of the formula?",
    ),
)
def images_added(x):
    return torch.einsum("nchw,ndhw->cd", x, x) / (x.shape[2] * x.shape[3])


@mistake(
    "gram_matrix",
    source="constructed: the other product of the same matrix",
    hints=(
        "The matrix has a row for each place instead of each channel.",
        "It shows in the shape.",
        "Which index is summed over, and which stays?",
    ),
)
def pixels_for_channels(x):
    flat = x.flatten(2)
    return flat.transpose(1, 2) @ flat / flat.shape[2]


@mistake(
    "gram_matrix",
    source="constructed: a reshape that is taken for a transpose",
    hints=(
        "Numbers of different channels are mixed.",
        "A single channel is right.",
        "Does a reshape move any number in memory?",
    ),
)
def scrambled(x):
    n, c, height, width = x.shape
    flat = x.reshape(n, height * width, c)
    return flat.transpose(1, 2) @ flat / (height * width)


@mistake(
    "gram_matrix",
    source="constructed: centred channels",
    hints=(
        "Channels that are constant vanish.",
        "Channels of mean 0 are right.",
        "Is anything subtracted in the formula?",
    ),
)
def covariance(x):
    flat = x.flatten(2)
    flat = flat - flat.mean(2, keepdim=True)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


@mistake(
    "gram_matrix",
    source="constructed: mean and product exchanged",
    hints=(
        "Only the means of the channels matter.",
        "Images of one pixel are right.",
        "First the product, or first the mean?",
    ),
)
def products_of_means(x):
    mean = x.mean((2, 3))
    return mean.unsqueeze(2) * mean.unsqueeze(1)


@mistake(
    "gram_matrix",
    source="constructed: channels of length 1",
    hints=(
        "The diagonal is 1.",
        "It is a division too many.",
        "Does a channel that is twice as bright change the result?",
    ),
)
def correlations(x):
    flat = torch.nn.functional.normalize(x.flatten(2), dim=2)
    return flat @ flat.transpose(1, 2)


@mistake(
    "gram_matrix",
    source="constructed: the mean over one axis of the image",
    hints=(
        "The result is too large.",
        "Images of height 1 are right.",
        "How many places has an image?",
    ),
)
def only_rows(x):
    return torch.einsum("nchw,ndhw->ncd", x, x) / x.shape[3]


@mistake(
    "gram_matrix",
    source="constructed: each channel with itself only",
    hints=(
        "All entries off the diagonal are 0.",
        "A single channel is right.",
        "Do the two channels of a product have the same index?",
    ),
)
def diagonal(x):
    return torch.diag_embed(x.square().mean((2, 3)))


# --- patchify -------------------------------------------------------------------------------------


@mistake(
    "patchify",
    source="constructed: a reshape that is taken for a transpose",
    hints=(
        "The numbers of a patch are no neighbours in the image.",
        "Patches of one pixel of one channel are right.",
        "Does a reshape move any number in memory?",
    ),
)
def reshaped_only(x, size):
    n, c = x.shape[:2]
    return x.reshape(n, -1, c * size * size)


@mistake(
    "patchify",
    source="constructed: patches from top to bottom",
    hints=(
        "Patches stand in the wrong order.",
        "Each patch is right.",
        "In which direction do you read?",
    ),
)
def columns_first(x, size):
    n, c, height, width = x.shape
    split = x.reshape(n, c, height // size, size, width // size, size)
    return split.permute(0, 4, 2, 1, 3, 5).reshape(n, -1, c * size * size)


@mistake(
    "patchify",
    source="the habit of some transformers: (p, p, C)",
    hints=(
        "Within a patch, channels are interleaved.",
        "A single channel is right.",
        "What comes first in a patch: all of a channel, or all channels of a pixel?",
    ),
)
def channels_last(x, size):
    n, c, height, width = x.shape
    split = x.reshape(n, c, height // size, size, width // size, size)
    return split.permute(0, 2, 4, 3, 5, 1).reshape(n, -1, c * size * size)


@mistake(
    "patchify",
    source="constructed: rows and columns of a patch exchanged",
    hints=(
        "Each patch lies on its side.",
        "Patches of one pixel are right.",
        "Which axis of a patch runs faster?",
    ),
)
def patches_transposed(x, size):
    n, c, height, width = x.shape
    split = x.reshape(n, c, height // size, size, width // size, size)
    return split.permute(0, 2, 4, 1, 5, 3).reshape(n, -1, c * size * size)


@mistake(
    "patchify",
    source="constructed: the axis of the channels stays in front",
    hints=(
        "The first patches hold only the first channel.",
        "A single channel is right.",
        "Which axes make up a patch, and which number them?",
    ),
)
def channels_as_patches(x, size):
    n, c, height, width = x.shape
    split = x.reshape(n, c, height // size, size, width // size, size)
    return split.permute(0, 1, 2, 4, 3, 5).reshape(n, -1, c * size * size)


@mistake(
    "patchify",
    source="constructed: the two halves of an axis exchanged",
    hints=(
        "Pixels of a patch lie far apart in the image.",
        "It is how an axis is split.",
        "When you split 6 into 3 times 2, which of the two runs faster?",
    ),
)
def strides_for_blocks(x, size):
    n, c, height, width = x.shape
    split = x.reshape(n, c, size, height // size, size, width // size)
    return split.permute(0, 3, 5, 1, 2, 4).reshape(n, -1, c * size * size)


@mistake(
    "patchify",
    source="torch's unfold: (N, C p p, L)",
    hints=(
        "Patches stand in columns.",
        "It shows in the shape.",
        "Which axis numbers the patches?",
    ),
)
def vectors_in_columns(x, size):
    n, c, height, width = x.shape
    split = x.reshape(n, c, height // size, size, width // size, size)
    return split.permute(0, 1, 3, 5, 2, 4).reshape(n, c * size * size, -1)


@mistake(
    "patchify",
    source="constructed: patches at every place",
    hints=(
        "There are too many patches.",
        "The first one is right.",
        "By how much does the window move?",
    ),
)
def overlapping(x, size):
    return torch.nn.functional.unfold(x, size).transpose(1, 2)


@mistake(
    "patchify",
    source="constructed: pooling",
    hints=(
        "Each channel of a patch is one number.",
        "Patches of one pixel are right.",
        "How many numbers does a patch keep?",
    ),
)
def mean_of_each_patch(x, size):
    return torch.nn.functional.avg_pool2d(x, size).flatten(2).transpose(1, 2)


@mistake(
    "patchify",
    source="constructed: the grid of patches is kept",
    hints=(
        "The values are right, the shape is not.",
        "The patches still stand in a grid.",
        "Which two lengths make L?",
    ),
)
def one_axis_too_many(x, size):
    n, c, height, width = x.shape
    split = x.reshape(n, c, height // size, size, width // size, size)
    return split.permute(0, 2, 4, 1, 3, 5).reshape(n, height // size, width // size, -1)


# --- mse ------------------------------------------------------------------------------------------


@mistake(
    "mse",
    source="measured: torch gives 1.33 for a column against an equal row",
    hints=(
        "Shapes that differ are accepted.",
        "Equal shapes are right.",
        "Who notices when a column minus a row becomes a table?",
    ),
)
def broadcasts_silently(pred, target, reduction="mean"):
    error = (pred - target) ** 2
    if reduction == "mean":
        return error.mean()
    if reduction == "sum":
        return error.sum()
    if reduction == "none":
        return error
    raise ValueError("unknown reduction")


@mistake(
    "mse",
    source="constructed: the number of entries is compared",
    hints=(
        "Some shapes that differ are accepted.",
        "It is right where the numbers of entries differ.",
        "Have (4, 1) and (4) the same number of entries?",
    ),
)
def counts_entries_only(pred, target, reduction="mean"):
    if pred.numel() != target.numel():
        raise ValueError("shapes differ")
    error = (pred.reshape(-1) - target.reshape(-1)) ** 2
    if reduction == "mean":
        return error.mean()
    if reduction == "sum":
        return error.sum()
    if reduction == "none":
        return error.reshape(pred.shape)
    raise ValueError("unknown reduction")


@mistake(
    "mse",
    source="constructed: the first axis is compared",
    hints=(
        "Some shapes that differ are accepted.",
        "It is right where the first axes differ.",
        "How many axes have to agree?",
    ),
)
def compares_the_batch_only(pred, target, reduction="mean"):
    if pred.shape[:1] != target.shape[:1]:
        raise ValueError("shapes differ")
    error = (pred - target) ** 2
    if reduction == "mean":
        return error.mean()
    if reduction == "sum":
        return error.sum()
    if reduction == "none":
        return error
    raise ValueError("unknown reduction")


@mistake(
    "mse",
    source="constructed: squeeze before the comparison",
    hints=(
        "(N, 1) and (N) are accepted.",
        "It is right where no axis has length 1.",
        "Are (4, 1) and (4) equal shapes?",
    ),
)
def axes_of_one_are_dropped(pred, target, reduction="mean"):
    if pred.squeeze().shape != target.squeeze().shape:
        raise ValueError("shapes differ")
    shape = pred.shape
    error = (pred.squeeze() - target.squeeze()) ** 2
    if reduction == "mean":
        return error.mean()
    if reduction == "sum":
        return error.sum()
    if reduction == "none":
        return error.reshape(shape)
    raise ValueError("unknown reduction")


@mistake(
    "mse",
    source="Scaman, 'Typical loss functions': a sum over the coordinates",
    hints=(
        "The mean is too large.",
        "A single axis is right.",
        "By the number of what do you divide?",
    ),
)
def mean_over_the_batch(pred, target, reduction="mean"):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    error = (pred - target) ** 2
    if reduction == "mean":
        return error.sum() / (len(error) if error.dim() else 1)
    if reduction == "sum":
        return error.sum()
    if reduction == "none":
        return error
    raise ValueError("unknown reduction")


@mistake(
    "mse",
    source="constructed: always the mean",
    hints=(
        "Sum and single errors are not what was asked for.",
        "The mean is right.",
        "What does the third argument change?",
    ),
)
def reduction_ignored(pred, target, reduction="mean"):
    if pred.shape != target.shape or reduction not in ("mean", "sum", "none"):
        raise ValueError("mse")
    return ((pred - target) ** 2).mean()


@mistake(
    "mse",
    source="constructed: else means mean",
    hints=(
        "A reduction that does not exist is accepted.",
        "The three that exist are right.",
        "What does a typing error in `reduction` give?",
    ),
)
def unknown_is_mean(pred, target, reduction="mean"):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    error = (pred - target) ** 2
    if reduction == "mean":
        return error.mean()
    if reduction == "sum":
        return error.sum()
    if reduction == "none":
        return error
    return error.mean()


@mistake(
    "mse",
    source="constructed: else means none",
    hints=(
        "A reduction that does not exist is accepted.",
        "The three that exist are right.",
        "What does a typing error in `reduction` give?",
    ),
)
def unknown_is_none(pred, target, reduction="mean"):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    error = (pred - target) ** 2
    if reduction == "mean":
        return error.mean()
    if reduction == "sum":
        return error.sum()
    if reduction == "none":
        return error
    return error


@mistake(
    "mse",
    source="constructed: the mean absolute error",
    hints=(
        "Twice the error must cost four times as much, for you it costs twice.",
        "It is what happens to each difference.",
        "Absolute value or square?",
    ),
)
def absolute(pred, target, reduction="mean"):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    error = (pred - target).abs()
    if reduction == "mean":
        return error.mean()
    if reduction == "sum":
        return error.sum()
    if reduction == "none":
        return error
    raise ValueError("unknown reduction")


@mistake(
    "mse",
    source="constructed: the half that makes the derivative pretty",
    hints=(
        "All values are too small by the same factor.",
        "It is in each single error.",
        "Is there a factor in front of the square?",
    ),
)
def halved(pred, target, reduction="mean"):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    error = (pred - target) ** 2 / 2
    if reduction == "mean":
        return error.mean()
    if reduction == "sum":
        return error.sum()
    if reduction == "none":
        return error
    raise ValueError("unknown reduction")


@mistake(
    "mse",
    source="constructed: the root mean squared error",
    hints=(
        "Twice the error must cost four times as much, for you it costs twice.",
        "Sum and single errors are right.",
        "In which unit is a squared error measured?",
    ),
)
def root_of_the_mean(pred, target, reduction="mean"):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    error = (pred - target) ** 2
    if reduction == "mean":
        return error.mean().sqrt()
    if reduction == "sum":
        return error.sum()
    if reduction == "none":
        return error
    raise ValueError("unknown reduction")


@mistake(
    "mse",
    source="constructed: mean and square exchanged",
    hints=(
        "Errors of either sign cancel.",
        "Sum and single errors are right.",
        "First the square, or first the mean?",
    ),
)
def square_of_the_mean(pred, target, reduction="mean"):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    error = (pred - target) ** 2
    if reduction == "mean":
        return (pred - target).mean() ** 2
    if reduction == "sum":
        return error.sum()
    if reduction == "none":
        return error
    raise ValueError("unknown reduction")


@mistake(
    "mse",
    source="constructed: 'none' still sums the coordinates",
    hints=(
        "For 'none' the result has too few axes.",
        "Mean and sum are right.",
        "How many errors are there before any reduction?",
    ),
)
def one_per_row(pred, target, reduction="mean"):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    error = (pred - target) ** 2
    if reduction == "mean":
        return error.mean()
    if reduction == "sum":
        return error.sum()
    if reduction == "none":
        return error.sum(-1)
    raise ValueError("unknown reduction")


# --- unbroadcast ----------------------------------------------------------------------------------


@mistake(
    "unbroadcast",
    source="constructed: mean for sum",
    hints=(
        "The result is too small.",
        "Axes that were not stretched are right.",
        "An entry was used three times. What is the derivative of the sum of its three uses?",
    ),
)
def mean_of_the_copies(grad, shape):
    added = grad.dim() - len(shape)
    for axis in range(grad.dim()):
        if axis < added or shape[axis - added] == 1:
            grad = grad.mean(axis, keepdim=True)
    return grad.reshape(shape)


@mistake(
    "unbroadcast",
    source="constructed: one of the copies stands for all",
    hints=(
        "Only one copy of each entry counts.",
        "Axes that were not stretched are right.",
        "By how many paths does the entry reach the loss?",
    ),
)
def first_copy(grad, shape):
    added = grad.dim() - len(shape)
    for axis in range(grad.dim()):
        if axis < added or shape[axis - added] == 1:
            grad = grad.narrow(axis, 0, 1)
    return grad.reshape(shape)


@mistake(
    "unbroadcast",
    source="constructed: stretched axes of length 1 are forgotten",
    hints=(
        "The result is too large wherever an axis of length 1 was stretched.",
        "Axes that were added in front are right.",
        "What happened to an axis of length 1?",
    ),
)
def added_axes_only(grad, shape):
    return grad.sum(tuple(range(grad.dim() - len(shape)))) if grad.dim() > len(shape) else grad


@mistake(
    "unbroadcast",
    source="constructed: axes that were added in front are forgotten",
    hints=(
        "The result has too many axes.",
        "Axes that were stretched from length 1 are right.",
        "Where did the axes come from that `shape` does not have?",
    ),
)
def stretched_axes_only(grad, shape):
    added = grad.dim() - len(shape)
    for axis in range(added, grad.dim()):
        if shape[axis - added] == 1:
            grad = grad.sum(axis, keepdim=True)
    return grad


@mistake(
    "unbroadcast",
    source="constructed: keepdim is forgotten",
    hints=(
        "The values are right, axes of length 1 are missing.",
        "It is right where no axis had length 1.",
        "Which shape must a gradient have?",
    ),
)
def axes_of_one_disappear(grad, shape):
    added = grad.dim() - len(shape)
    for axis in range(grad.dim()):
        if axis < added or shape[axis - added] == 1:
            grad = grad.sum(axis, keepdim=True)
    return grad.squeeze()


@mistake(
    "unbroadcast",
    source="constructed: the added axes keep length 1",
    hints=(
        "The values are right, there are axes too many.",
        "It is right where no axis was added.",
        "Which shape must a gradient have?",
    ),
)
def axes_stay(grad, shape):
    added = grad.dim() - len(shape)
    for axis in range(grad.dim()):
        if axis < added or shape[axis - added] == 1:
            grad = grad.sum(axis, keepdim=True)
    return grad


@mistake(
    "unbroadcast",
    source="constructed: shapes compared from the left",
    hints=(
        "The wrong axis is summed away.",
        "It is right where no axis was added.",
        "At which end does broadcasting align shapes?",
    ),
)
def aligned_at_the_left(grad, shape):
    padded = (*shape, *[1] * (grad.dim() - len(shape)))
    for axis, length in enumerate(padded):
        if length != grad.shape[axis] or (axis >= len(shape)):
            grad = grad.sum(axis, keepdim=True)
    return grad.reshape(shape) if grad.numel() == math.prod(shape) else grad


@mistake(
    "unbroadcast",
    source="constructed: the loop ends too early",
    hints=(
        "A last axis that was stretched is not summed.",
        "Axes before the last one are right.",
        "Which axes does your loop visit?",
    ),
)
def last_axis_never(grad, shape):
    added = grad.dim() - len(shape)
    for axis in range(grad.dim() - 1):
        if axis < added or shape[axis - added] == 1:
            grad = grad.sum(axis, keepdim=True)
    return grad.reshape(grad.shape[added:])


@mistake(
    "unbroadcast",
    source="constructed: it stops after the first stretched axis",
    hints=(
        "Only one axis is summed.",
        "It is right where a single axis was added or stretched.",
        "Can several axes be stretched at once?",
    ),
)
def one_axis_only(grad, shape):
    added = grad.dim() - len(shape)
    for axis in range(grad.dim()):
        if axis < added or shape[axis - added] == 1 != grad.shape[axis]:
            return grad.sum(axis, keepdim=axis >= added)
    return grad


@mistake(
    "unbroadcast",
    source="constructed: all axes are summed, then spread out again",
    hints=(
        "All entries of the result are equal.",
        "Shapes of a single entry are right.",
        "Which axes were not stretched?",
    ),
)
def everything(grad, shape):
    return grad.sum().expand(shape)
