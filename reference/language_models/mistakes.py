"""Known wrong versions of the exercises on language models, and hints for each."""

import itertools
import math

import torch

from autograder.checks.bank import mistake


def _pairs(words, stoi):
    """Return the first and the second characters of all bigrams."""
    paths = [[0, *(stoi[one] for one in word), 0] for word in words]
    first = torch.tensor([one for path in paths for one in path[:-1]])
    return first, torch.tensor([one for path in paths for one in path[1:]])


def _log_softmax(logits):
    shifted = logits - logits.max(1, keepdim=True).values
    return shifted - shifted.exp().sum(1, keepdim=True).log()


def _start(X, V, E, hidden, generator):
    """Return the parameters before training."""
    width = X.shape[1] * E
    C = torch.randn(V, E, generator=generator)
    W_1 = torch.randn(hidden, width, generator=generator) / math.sqrt(width)
    W_2 = torch.randn(V, hidden, generator=generator) / math.sqrt(hidden)
    params = (C, W_1, torch.zeros(hidden), W_2, torch.zeros(V))
    return tuple(one.to(X.device) for one in params)


def _step(params, X, Y, lr):
    """Return the parameters after one right step."""
    C, W_1, b_1, W_2, b_2 = params
    flat = C[X].flatten(1)
    h = torch.tanh(flat @ W_1.T + b_1)
    grad_logits = torch.softmax(h @ W_2.T + b_2, dim=1)
    grad_logits[torch.arange(len(X)), Y] -= 1
    grad_logits /= len(X)
    grad_pre = grad_logits @ W_2 * (1 - h * h)
    grad_emb = (grad_pre @ W_1).reshape(-1, C.shape[1])
    grad_C = torch.zeros_like(C).index_add(0, X.reshape(-1), grad_emb)
    grads = (grad_C, grad_pre.T @ flat, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0))
    return tuple(one - lr * grad for one, grad in zip(params, grads, strict=True))


# --- bigram_counts --------------------------------------------------------------------------------


@mistake(
    "bigram_counts",
    source="constructed: the dot at one end only",
    hints=(
        "The first row holds too little.",
        "It is about where words begin.",
        "Which character stands before the first one of a word?",
    ),
)
def no_beginning(words, stoi):
    counts = torch.zeros(len(stoi), len(stoi), dtype=torch.int64)
    for word in words:
        path = [*(stoi[one] for one in word), 0]
        for first, second in itertools.pairwise(path):
            counts[first, second] += 1
    return counts


@mistake(
    "bigram_counts",
    source="constructed: the dot at one end only",
    hints=(
        "The first column holds too little.",
        "It is about where words end.",
        "What does a model learn about endings from these counts?",
    ),
)
def no_end(words, stoi):
    counts = torch.zeros(len(stoi), len(stoi), dtype=torch.int64)
    for word in words:
        path = [0, *(stoi[one] for one in word)]
        for first, second in itertools.pairwise(path):
            counts[first, second] += 1
    return counts


@mistake(
    "bigram_counts",
    source="constructed: only the pairs inside words",
    hints=(
        "Row 0 and column 0 are empty.",
        "All pairs of two proper characters are counted.",
        "How many bigrams has a word of one character?",
    ),
)
def no_dots(words, stoi):
    counts = torch.zeros(len(stoi), len(stoi), dtype=torch.int64)
    for word in words:
        for first, second in itertools.pairwise(word):
            counts[stoi[first], stoi[second]] += 1
    return counts


@mistake(
    "bigram_counts",
    source="constructed: words glued to each other",
    hints=(
        "You count pairs that no word contains.",
        "It is where one word ends and the next one begins.",
        "Does the last character of a word say anything about the next word?",
    ),
)
def one_long_text(words, stoi):
    counts = torch.zeros(len(stoi), len(stoi), dtype=torch.int64)
    path = [0, *(stoi[one] for word in words for one in word), 0]
    for first, second in itertools.pairwise(path):
        counts[first, second] += 1
    return counts


@mistake(
    "bigram_counts",
    source="constructed: the second character counts the rows",
    hints=(
        "The numbers are right, rows and columns are exchanged.",
        "It shows wherever a pair is not symmetric.",
        "If 'ab' stands in the text and 'ba' does not, which entry is 1?",
    ),
)
def rows_and_columns_exchanged(words, stoi):
    counts = torch.zeros(len(stoi), len(stoi), dtype=torch.int64)
    for word in words:
        path = [0, *(stoi[one] for one in word), 0]
        for first, second in itertools.pairwise(path):
            counts[second, first] += 1
    return counts


@mistake(
    "bigram_counts",
    source="constructed: `=` where a count goes up",
    hints=(
        "No entry is larger than 1.",
        "It shows when a bigram occurs again.",
        "What happens to the old value when you meet a pair a second time?",
    ),
)
def seen_or_not(words, stoi):
    counts = torch.zeros(len(stoi), len(stoi), dtype=torch.int64)
    for word in words:
        path = [0, *(stoi[one] for one in word), 0]
        for first, second in itertools.pairwise(path):
            counts[first, second] = 1
    return counts


@mistake(
    "bigram_counts",
    source="constructed: `+=` at a list of indices does not accumulate",
    hints=(
        "A bigram that occurs twice in a word counts once there.",
        "Bigrams of different words do add up.",
        "What does torch do when the same place is indexed twice in one assignment?",
    ),
)
def indexed_addition(words, stoi):
    counts = torch.zeros(len(stoi), len(stoi), dtype=torch.int64)
    for word in words:
        path = torch.tensor([0, *(stoi[one] for one in word), 0])
        counts[path[:-1], path[1:]] += 1
    return counts


@mistake(
    "bigram_counts",
    source="constructed: a set of words",
    hints=(
        "A word that stands in the list twice counts once.",
        "Texts without repetition are fine.",
        "Should a frequent name weigh more than a rare one?",
    ),
)
def each_word_once(words, stoi):
    counts = torch.zeros(len(stoi), len(stoi), dtype=torch.int64)
    for word in sorted(set(words)):
        path = [0, *(stoi[one] for one in word), 0]
        for first, second in itertools.pairwise(path):
            counts[first, second] += 1
    return counts


@mistake(
    "bigram_counts",
    source="constructed: a guard against empty words",
    hints=(
        "One entry is too small.",
        "It is about the empty word.",
        "Which bigram does a word without characters have?",
    ),
)
def empty_words_skipped(words, stoi):
    counts = torch.zeros(len(stoi), len(stoi), dtype=torch.int64)
    for word in words:
        if not word:
            continue
        path = [0, *(stoi[one] for one in word), 0]
        for first, second in itertools.pairwise(path):
            counts[first, second] += 1
    return counts


@mistake(
    "bigram_counts",
    source="session 2 asks for 'a torch matrix of size 27x27 containing floats'",
    hints=(
        "The numbers are right, their dtype is not.",
        "It is how the table is made.",
        "What kind of number is a count?",
    ),
)
def float_counts(words, stoi):
    counts = torch.zeros(len(stoi), len(stoi))
    for word in words:
        path = [0, *(stoi[one] for one in word), 0]
        for first, second in itertools.pairwise(path):
            counts[first, second] += 1
    return counts


# --- bigram_probabilities -------------------------------------------------------------------------


@mistake(
    "bigram_probabilities",
    source="keepdim: decodingcoding.substack, newsletter 21, on makemore",
    hints=(
        "The rows do not sum to 1.",
        "The sums are right; it is how they meet the table.",
        "Along which axis does a vector of V numbers lie when it divides a (V, V) table?",
    ),
)
def no_keepdim(counts, smoothing):
    smooth = counts + float(smoothing)
    return smooth / smooth.sum(1)


@mistake(
    "bigram_probabilities",
    source="constructed: the other axis",
    hints=(
        "The columns sum to 1, not the rows.",
        "It is the axis of the sum.",
        "Of which character's successors is a row the list?",
    ),
)
def columns(counts, smoothing):
    smooth = counts + float(smoothing)
    return smooth / smooth.sum(0, keepdim=True)


@mistake(
    "bigram_probabilities",
    source="constructed: joint probabilities",
    hints=(
        "The whole table sums to 1, not each row.",
        "It is the sum that you divide by.",
        "The probability of a pair, or of the second character once the first one is known?",
    ),
)
def whole_table(counts, smoothing):
    smooth = counts + float(smoothing)
    return smooth / smooth.sum()


@mistake(
    "bigram_probabilities",
    source="constructed: smoothing in the numerator only",
    hints=(
        "With smoothing, the rows sum to more than 1.",
        "It is the denominator.",
        "If each of V counts grows by s, by how much does their sum grow?",
    ),
)
def smoothing_above_only(counts, smoothing):
    return (counts + float(smoothing)) / counts.sum(1, keepdim=True).clamp(min=1)


@mistake(
    "bigram_probabilities",
    source="constructed: the denominator grows by s instead of V s",
    hints=(
        "With smoothing, the rows sum to more than 1.",
        "It is the denominator, which does grow, but not enough.",
        "To how many counts of a row do you add s?",
    ),
)
def smoothing_once(counts, smoothing):
    return (counts + float(smoothing)) / (counts.sum(1, keepdim=True) + float(smoothing))


@mistake(
    "bigram_probabilities",
    source="constructed: the argument is not used",
    hints=(
        "Bigrams that were never seen keep the probability 0.",
        "It shows whenever smoothing is not 0.",
        "Where does s enter?",
    ),
)
def no_smoothing(counts, smoothing):
    return counts / counts.sum(1, keepdim=True)


@mistake(
    "bigram_probabilities",
    source="constructed: only unseen bigrams get something",
    hints=(
        "The order of likely and unlikely bigrams can turn around.",
        "It shows where zeros and other counts stand in a row.",
        "Do bigrams that were seen get the s as well?",
    ),
)
def smoothing_of_zeros_only(counts, smoothing):
    smooth = torch.where(counts == 0, float(smoothing), counts.float())
    return smooth / smooth.sum(1, keepdim=True)


@mistake(
    "bigram_probabilities",
    source="constructed: the `N + 1` of karpathy/makemore, whatever the smoothing",
    hints=(
        "The smoothing is not the one that was asked for.",
        "It is right when smoothing is 1.",
        "Which number does your function add?",
    ),
)
def always_one(counts, smoothing):
    smooth = counts + 1.0
    return smooth / smooth.sum(1, keepdim=True)


@mistake(
    "bigram_probabilities",
    source="constructed: probabilities are smoothed instead of counts",
    hints=(
        "The smoothing is much too strong.",
        "The rows do sum to 1.",
        "What is s added to: to numbers of occurrences, or to shares?",
    ),
)
def after_the_division(counts, smoothing):
    share = counts / counts.sum(1, keepdim=True).clamp(min=1) + float(smoothing)
    return share / share.sum(1, keepdim=True)


@mistake(
    "bigram_probabilities",
    source="constructed: softmax where a division is meant",
    hints=(
        "Frequent characters get nearly all the probability.",
        "The rows do sum to 1.",
        "Are counts scores, or are they already what has to be divided by its sum?",
    ),
)
def softmax_of_counts(counts, smoothing):
    return torch.softmax(counts + float(smoothing), dim=1)


@mistake(
    "bigram_probabilities",
    source="constructed: smoothing in whole numbers",
    hints=(
        "A small smoothing has no effect.",
        "Whole numbers are fine.",
        "Which dtype has the table to which you add?",
    ),
)
def truncated_smoothing(counts, smoothing):
    smooth = counts + int(smoothing)
    return smooth / smooth.sum(1, keepdim=True)


# --- bigram_nll -----------------------------------------------------------------------------------


@mistake(
    "bigram_nll",
    source="session 2, step 2: the slide's comment 'sum of logs of probs'",
    hints=(
        "Twice the same text must have the same NLL; yours doubles, and it is negative.",
        "The logarithms themselves are right.",
        "Which two things stand between a sum of logs and a mean surprise?",
    ),
)
def sum_of_logs(words, stoi, P):
    first, second = _pairs(words, stoi)
    return torch.log(P[first, second]).sum()


@mistake(
    "bigram_nll",
    source="session 2, step 2: 'mean of log'",
    hints=(
        "A better model gets a larger number.",
        "The size is right.",
        "Which sign has the logarithm of a probability?",
    ),
)
def no_minus(words, stoi, P):
    first, second = _pairs(words, stoi)
    return torch.log(P[first, second]).mean()


@mistake(
    "bigram_nll",
    source="session 2, step 2: the NLL as a sum",
    hints=(
        "Twice the same text must have the same NLL; yours doubles.",
        "Each term is right.",
        "How many bigrams are there?",
    ),
)
def no_mean(words, stoi, P):
    first, second = _pairs(words, stoi)
    return -torch.log(P[first, second]).sum()


@mistake(
    "bigram_nll",
    source="constructed: divided by the number of words",
    hints=(
        "The number grows with the length of the words.",
        "The sum is right, what divides it is not.",
        "Of what do you take the mean?",
    ),
)
def per_word(words, stoi, P):
    first, second = _pairs(words, stoi)
    return -torch.log(P[first, second]).sum() / len(words)


@mistake(
    "bigram_nll",
    source="constructed: the final dot is not counted as a prediction",
    hints=(
        "The number is a little too large.",
        "The sum is right, what divides it is not.",
        "How many predictions does a word of three characters ask for?",
    ),
)
def per_character(words, stoi, P):
    first, second = _pairs(words, stoi)
    return -torch.log(P[first, second]).sum() / max(1, sum(len(word) for word in words))


@mistake(
    "bigram_nll",
    source="constructed: a mean for each word first",
    hints=(
        "Short words weigh too much.",
        "With words of the same length all is well.",
        "Does each bigram of the text have the same weight?",
    ),
)
def mean_of_means(words, stoi, P):
    means = []
    for word in words:
        first, second = _pairs([word], stoi)
        means.append(-torch.log(P[first, second]).mean())
    return torch.stack(means).mean()


@mistake(
    "bigram_nll",
    source="constructed: mean and logarithm exchanged",
    hints=(
        "The number is too small, unless all probabilities are equal.",
        "It is the order of two operations.",
        "Is the surprise averaged, or the probability?",
    ),
)
def log_of_the_mean(words, stoi, P):
    first, second = _pairs(words, stoi)
    return -torch.log(P[first, second].mean())


@mistake(
    "bigram_nll",
    source="constructed: the likelihood of the whole text first",
    hints=(
        "Short texts are fine, long ones become infinitely surprising.",
        "It is in how the probabilities are brought together.",
        "How small is a product of a thousand probabilities, and what does a float make of it?",
    ),
)
def log_of_the_product(words, stoi, P):
    first, second = _pairs(words, stoi)
    return -torch.log(P[first, second].prod()) / len(first)


@mistake(
    "bigram_nll",
    source="constructed: the logarithm with base 2",
    hints=(
        "All numbers are too large by the same factor.",
        "It is the logarithm.",
        "What should the uniform model of 27 characters give?",
    ),
)
def in_bits(words, stoi, P):
    first, second = _pairs(words, stoi)
    return -torch.log2(P[first, second]).mean()


@mistake(
    "bigram_nll",
    source="121 public solution sets of one course: log(p + 1e-8)",
    hints=(
        "Impossible texts get a finite number.",
        "Probabilities near 1 hide it.",
        "What do you add, and what is the logarithm of it?",
    ),
)
def epsilon(words, stoi, P):
    first, second = _pairs(words, stoi)
    return -torch.log(P[first, second] + 1e-8).mean()


@mistake(
    "bigram_nll",
    source="constructed: probabilities are clipped",
    hints=(
        "Impossible texts get a finite number.",
        "Only very small probabilities are affected.",
        "Is a model that says 'never' about something that happens only a little wrong?",
    ),
)
def clamped(words, stoi, P):
    first, second = _pairs(words, stoi)
    return -torch.log(P[first, second].clamp(min=1e-9)).mean()


@mistake(
    "bigram_nll",
    source="constructed: counts times logarithms, over the whole table",
    hints=(
        "Zeros for bigrams that do not occur spoil the result.",
        "Without zeros in P all is well.",
        "What is 0 times minus infinity in floating point?",
    ),
)
def zero_times_infinity(words, stoi, P):
    first, second = _pairs(words, stoi)
    counts = torch.zeros_like(P)
    counts.index_put_((first, second), torch.ones_like(P[first, second]), accumulate=True)
    return -(counts * torch.log(P)).sum() / counts.sum()


@mistake(
    "bigram_nll",
    source="constructed: the table is read the other way round",
    hints=(
        "A symmetric table hides it.",
        "The pairs are right, the place where you look them up is not.",
        "Which of the two characters chooses the row?",
    ),
)
def transposed_table(words, stoi, P):
    first, second = _pairs(words, stoi)
    return -torch.log(P[second, first]).mean()


@mistake(
    "bigram_nll",
    source="constructed: the dot at one end only",
    hints=(
        "The endings of words cost nothing.",
        "All other bigrams are there.",
        "Who predicts that a word is over?",
    ),
)
def without_the_end(words, stoi, P):
    path = [(a, b) for word in words for a, b in zip("." + word[:-1], word, strict=False)]
    first = torch.tensor([stoi[a] for a, _ in path], dtype=torch.int64)
    second = torch.tensor([stoi[b] for _, b in path], dtype=torch.int64)
    return -torch.log(P[first, second]).mean()


@mistake(
    "bigram_nll",
    source="constructed: each kind of bigram once",
    hints=(
        "Repeating a word must change the weights; for you it changes nothing.",
        "Texts without repeated bigrams are fine.",
        "Over what does the sum run: over the text, or over the table?",
    ),
)
def kinds_of_bigrams(words, stoi, P):
    first, second = _pairs(words, stoi)
    kinds = torch.unique(torch.stack([first, second]), dim=1)
    return -torch.log(P[kinds[0], kinds[1]]).mean()


# --- sample_words ---------------------------------------------------------------------------------


@mistake(
    "sample_words",
    source="constructed: appended before the check",
    hints=(
        "Your words end in a number that does not belong to them.",
        "It is the last one of each word that was not cut.",
        "Does a word contain the sign that ends it?",
    ),
)
def keeps_the_dot(P, num_words, generator, max_len):
    words = []
    for _ in range(num_words):
        word, current = [], 0
        while len(word) < max_len:
            current = int(torch.multinomial(P[current], 1, generator=generator))
            word.append(current)
            if current == 0:
                break
        words.append(word)
    return words


@mistake(
    "sample_words",
    source="constructed: the dot is taken for the first character",
    hints=(
        "Your words begin with a number that does not belong to them.",
        "The rest is right.",
        "Where does a word begin: at the dot, or after it?",
    ),
)
def begins_with_the_dot(P, num_words, generator, max_len):
    words = []
    for _ in range(num_words):
        word = [0]
        while len(word) <= max_len:
            current = int(torch.multinomial(P[word[-1]], 1, generator=generator))
            if current == 0:
                break
            word.append(current)
        words.append(word)
    return words


@mistake(
    "sample_words",
    source="session 2, step 1: 'you need to stop when you hit that special character'",
    hints=(
        "All words are of the same length.",
        "It is what happens when a dot is drawn.",
        "What does the dot mean when it is drawn?",
    ),
)
def never_stops(P, num_words, generator, max_len):
    words = []
    for _ in range(num_words):
        word, current = [], 0
        for _ in range(max_len):
            current = int(torch.multinomial(P[current], 1, generator=generator))
            word.append(current)
        words.append(word)
    return words


@mistake(
    "sample_words",
    source="constructed: the first row that is no dot",
    hints=(
        "Words do not begin as the model says.",
        "Later characters are right.",
        "Which character stands before the first one?",
    ),
)
def begins_anywhere(P, num_words, generator, max_len):
    words = []
    for _ in range(num_words):
        word, current = [], min(1, len(P) - 1)
        while len(word) < max_len:
            current = int(torch.multinomial(P[current], 1, generator=generator))
            if current == 0:
                break
            word.append(current)
        words.append(word)
    return words


@mistake(
    "sample_words",
    source="constructed: argmax",
    hints=(
        "All words of a call are the same.",
        "It is how the next character is chosen.",
        "If a character has the probability 0.4, how often should it come?",
    ),
)
def most_probable(P, num_words, generator, max_len):
    words = []
    for _ in range(num_words):
        word, current = [], 0
        while len(word) < max_len:
            current = int(P[current].argmax())
            if current == 0:
                break
            word.append(current)
        words.append(word)
    return words


@mistake(
    "sample_words",
    source="constructed: the table is read the other way round",
    hints=(
        "What follows a character is not what the model says.",
        "It is which part of the table you draw from.",
        "Does a column of P sum to 1?",
    ),
)
def columns_for_rows(P, num_words, generator, max_len):
    words = []
    for _ in range(num_words):
        word, current = [], 0
        while len(word) < max_len:
            current = int(torch.multinomial(P[:, current], 1, generator=generator))
            if current == 0:
                break
            word.append(current)
        words.append(word)
    return words


@mistake(
    "sample_words",
    source="constructed: the context is not carried on",
    hints=(
        "Each character is drawn as if it were the first one.",
        "First characters are right.",
        "From which row is the second character drawn?",
    ),
)
def always_row_zero(P, num_words, generator, max_len):
    words = []
    for _ in range(num_words):
        word, current = [], 0
        while len(word) < max_len:
            current = int(torch.multinomial(P[0], 1, generator=generator))
            if current == 0:
                break
            word.append(current)
        words.append(word)
    return words


@mistake(
    "sample_words",
    source="constructed: the model is not used",
    hints=(
        "All characters are equally probable in your words.",
        "A uniform model hides it.",
        "Where does P enter?",
    ),
)
def uniform(P, num_words, generator, max_len):
    words = []
    for _ in range(num_words):
        word, current = [], 0
        while len(word) < max_len:
            current = int(torch.multinomial(torch.ones_like(P[current]), 1, generator=generator))
            if current == 0:
                break
            word.append(current)
        words.append(word)
    return words


@mistake(
    "sample_words",
    source="constructed: softmax applied to what is a probability already",
    hints=(
        "Impossible characters appear in your words.",
        "The frequencies are close to uniform.",
        "Is a row of P a list of scores?",
    ),
)
def softmax_of_probabilities(P, num_words, generator, max_len):
    words = []
    for _ in range(num_words):
        word, current = [], 0
        while len(word) < max_len:
            current = int(torch.multinomial(torch.softmax(P[current], 0), 1, generator=generator))
            if current == 0:
                break
            word.append(current)
        words.append(word)
    return words


@mistake(
    "sample_words",
    source="constructed: the length is checked too late",
    hints=(
        "Words that are cut are too long.",
        "It shows when the dot is not drawn in time.",
        "How long is the word when you look at its length?",
    ),
)
def one_too_many(P, num_words, generator, max_len):
    words = []
    for _ in range(num_words):
        word, current = [], 0
        while len(word) <= max_len:
            current = int(torch.multinomial(P[current], 1, generator=generator))
            if current == 0:
                break
            word.append(current)
        words.append(word)
    return words


@mistake(
    "sample_words",
    source="constructed: max_len counts the final dot",
    hints=(
        "Words that are cut are too short.",
        "It shows when the dot is not drawn in time.",
        "Does max_len count characters, or characters and dots?",
    ),
)
def dot_counts(P, num_words, generator, max_len):
    words = []
    for _ in range(num_words):
        word, current = [], 0
        while len(word) + 1 < max_len:
            current = int(torch.multinomial(P[current], 1, generator=generator))
            if current == 0:
                break
            word.append(current)
        words.append(word)
    return words


@mistake(
    "sample_words",
    source="constructed: the generator is not handed on",
    hints=(
        "The same state of the generator does not give the same words.",
        "The frequencies are right.",
        "Where do your random numbers come from?",
    ),
)
def own_randomness(P, num_words, generator, max_len):
    words = []
    for _ in range(num_words):
        word, current = [], 0
        while len(word) < max_len:
            current = int(torch.multinomial(P[current], 1))
            if current == 0:
                break
            word.append(current)
        words.append(word)
    return words


@mistake(
    "sample_words",
    source="constructed: a generator of one's own, seeded",
    hints=(
        "Another state of the generator gives the same words.",
        "The frequencies are right.",
        "Whose seed decides what you draw?",
    ),
)
def own_seed(P, num_words, generator, max_len):
    generator = torch.Generator().manual_seed(0)
    words = []
    for _ in range(num_words):
        word, current = [], 0
        while len(word) < max_len:
            current = int(torch.multinomial(P[current], 1, generator=generator))
            if current == 0:
                break
            word.append(current)
        words.append(word)
    return words


@mistake(
    "sample_words",
    source="constructed: the state is restored before each word",
    hints=(
        "All words of a call are the same.",
        "Between two generators they differ.",
        "What does the second word of a call draw from?",
    ),
)
def state_reset_for_each_word(P, num_words, generator, max_len):
    state, words = generator.get_state(), []
    for _ in range(num_words):
        generator.set_state(state)
        word, current = [], 0
        while len(word) < max_len:
            current = int(torch.multinomial(P[current], 1, generator=generator))
            if current == 0:
                break
            word.append(current)
        words.append(word)
    return words


@mistake(
    "sample_words",
    source="constructed: the seed of a generator is taken for its state",
    hints=(
        "Drawing once more with the same generator gives the same words again.",
        "The frequencies are right.",
        "What of a generator changes when numbers are drawn from it, and what does not?",
    ),
)
def seed_for_state(P, num_words, generator, max_len):
    generator = torch.Generator().manual_seed(generator.initial_seed())
    words = []
    for _ in range(num_words):
        word, current = [], 0
        while len(word) < max_len:
            current = int(torch.multinomial(P[current], 1, generator=generator))
            if current == 0:
                break
            word.append(current)
        words.append(word)
    return words


@mistake(
    "sample_words",
    source="constructed: the seed of a generator is taken for its state",
    hints=(
        "In a model whose rows are all alike, a word repeats one character until it is cut.",
        "It is the draw; models that leave nothing to chance are right.",
        "Which random number does the second character get?",
    ),
)
def seeds_for_each_character(P, num_words, generator, max_len):
    words = []
    for _ in range(num_words):
        word, current = [], 0
        while len(word) < max_len:
            own = torch.Generator().manual_seed(generator.initial_seed())
            current = int(torch.multinomial(P[current], 1, generator=own))
            if current == 0:
                break
            word.append(current)
        words.append(word)
    return words


# --- bigram_logits_loss_grad ----------------------------------------------------------------------


@mistake(
    "bigram_logits_loss_grad",
    source="session 2, step 2: the slide's comment 'sum of logs of probs'",
    hints=(
        "The loss is negative, and grows with the number of pairs.",
        "The gradient is right.",
        "Which two things stand between a sum of logs and a mean surprise?",
    ),
)
def sum_of_log_probs(W, xs, ys):
    n = len(xs)
    rows = torch.arange(n, device=W.device)
    log_p = _log_softmax(W[xs])
    loss = log_p[rows, ys].sum()
    grad = log_p.exp()
    grad[rows, ys] -= 1
    return loss, torch.zeros_like(W).index_add(0, xs, grad / n)


@mistake(
    "bigram_logits_loss_grad",
    source="constructed: sum in the loss, mean in the gradient",
    hints=(
        "Twice the same pairs must give the same loss; yours doubles.",
        "The gradient is right.",
        "Over how many pairs does the mean run?",
    ),
)
def loss_not_averaged(W, xs, ys):
    n = len(xs)
    rows = torch.arange(n, device=W.device)
    log_p = _log_softmax(W[xs])
    loss = -log_p[rows, ys].sum()
    grad = log_p.exp()
    grad[rows, ys] -= 1
    return loss, torch.zeros_like(W).index_add(0, xs, grad / n)


@mistake(
    "bigram_logits_loss_grad",
    source="constructed: missing 1/N",
    hints=(
        "Twice the same pairs must give the same gradient; yours doubles.",
        "The loss is right.",
        "What does the mean in the loss do to its derivative?",
    ),
)
def gradient_not_averaged(W, xs, ys):
    n = len(xs)
    rows = torch.arange(n, device=W.device)
    log_p = _log_softmax(W[xs])
    loss = -log_p[rows, ys].mean()
    grad = log_p.exp()
    grad[rows, ys] -= 1
    return loss, torch.zeros_like(W).index_add(0, xs, grad)


@mistake(
    "bigram_logits_loss_grad",
    source="constructed: `=` where gradients add up",
    hints=(
        "A character that begins several pairs gets the gradient of one of them.",
        "Characters that begin one pair are right.",
        "By how many paths does a row of W reach the loss?",
    ),
)
def last_pair_wins(W, xs, ys):
    n = len(xs)
    rows = torch.arange(n, device=W.device)
    log_p = _log_softmax(W[xs])
    loss = -log_p[rows, ys].mean()
    grad = log_p.exp()
    grad[rows, ys] -= 1
    grad_W = torch.zeros_like(W)
    for k in range(n):
        grad_W[xs[k]] = grad[k] / n
    return loss, grad_W


@mistake(
    "bigram_logits_loss_grad",
    source="constructed: each row divided by its own number of pairs",
    hints=(
        "Rare characters get too large a gradient.",
        "Only pairs that begin with the same character are averaged together.",
        "By what is the sum over all pairs divided?",
    ),
)
def averaged_by_row(W, xs, ys):
    n = len(xs)
    rows = torch.arange(n, device=W.device)
    log_p = _log_softmax(W[xs])
    loss = -log_p[rows, ys].mean()
    grad = log_p.exp()
    grad[rows, ys] -= 1
    grad_W = torch.zeros_like(W).index_add(0, xs, grad)
    times = torch.bincount(xs, minlength=len(W)).clamp(min=1).unsqueeze(1)
    return loss, grad_W / times


@mistake(
    "bigram_logits_loss_grad",
    source="constructed: the one-hot input is forgotten",
    hints=(
        "Characters that begin no pair get a gradient.",
        "The loss is right.",
        "Would the loss change if you raised the scores of a character that does not occur?",
    ),
)
def gradient_for_all_rows(W, xs, ys):
    n = len(xs)
    rows = torch.arange(n, device=W.device)
    loss = -_log_softmax(W[xs])[rows, ys].mean()
    pairs = torch.zeros_like(W).index_put((xs, ys), torch.ones_like(W[xs, ys]), accumulate=True)
    return loss, (_log_softmax(W).exp() - pairs) / n


@mistake(
    "bigram_logits_loss_grad",
    source="constructed: the gradient of the log-likelihood",
    hints=(
        "A small step against your gradient raises the loss.",
        "The loss is right.",
        "Is it the likelihood that you differentiate, or minus the likelihood?",
    ),
)
def ascent(W, xs, ys):
    n = len(xs)
    rows = torch.arange(n, device=W.device)
    log_p = _log_softmax(W[xs])
    loss = -log_p[rows, ys].mean()
    grad = log_p.exp()
    grad[rows, ys] -= 1
    return loss, torch.zeros_like(W).index_add(0, xs, -grad / n)


@mistake(
    "bigram_logits_loss_grad",
    source="constructed: only the true character is pushed",
    hints=(
        "The rows of your gradient do not sum to 0.",
        "The loss is right.",
        "Which scores change the probability of the true character?",
    ),
)
def no_softmax_term(W, xs, ys):
    n = len(xs)
    rows = torch.arange(n, device=W.device)
    log_p = _log_softmax(W[xs])
    loss = -log_p[rows, ys].mean()
    grad = torch.zeros_like(log_p)
    grad[rows, ys] -= 1
    return loss, torch.zeros_like(W).index_add(0, xs, grad / n)


@mistake(
    "bigram_logits_loss_grad",
    source="lecture 3's slide: the gradient named with respect to the probabilities",
    hints=(
        "The rows of your gradient do not sum to 0.",
        "You stopped one step before the scores.",
        "With respect to what is -1/p the derivative?",
    ),
)
def through_the_probability(W, xs, ys):
    n = len(xs)
    rows = torch.arange(n, device=W.device)
    log_p = _log_softmax(W[xs])
    loss = -log_p[rows, ys].mean()
    grad = torch.zeros_like(log_p)
    grad[rows, ys] = -torch.exp(-log_p[rows, ys])
    return loss, torch.zeros_like(W).index_add(0, xs, grad / n)


@mistake(
    "bigram_logits_loss_grad",
    source="constructed: W is read the other way round",
    hints=(
        "A symmetric table hides it.",
        "It is which scores you take for a character.",
        "Does onehot(x) W pick a row or a column of W?",
    ),
)
def columns_of_the_table(W, xs, ys):
    n = len(xs)
    rows = torch.arange(n, device=W.device)
    log_p = _log_softmax(W.T[xs])
    loss = -log_p[rows, ys].mean()
    grad = log_p.exp()
    grad[rows, ys] -= 1
    return loss, torch.zeros_like(W).index_add(1, xs, grad.T / n)


@mistake(
    "bigram_logits_loss_grad",
    source="constructed: the wrong axis",
    hints=(
        "The loss depends on which other pairs there are.",
        "With equal rows it is hard to see.",
        "Over which axis do the probabilities of the next character sum to 1?",
    ),
)
def softmax_over_pairs(W, xs, ys):
    n = len(xs)
    rows = torch.arange(n, device=W.device)
    log_p = _log_softmax(W[xs].T).T
    loss = -log_p[rows, ys].mean()
    grad = log_p.exp()
    grad[rows, ys] -= 1
    return loss, torch.zeros_like(W).index_add(0, xs, grad / n)


@mistake(
    "bigram_logits_loss_grad",
    source="121 public solution sets of one course: no subtraction of the maximum",
    hints=(
        "Large scores give NaN.",
        "Ordinary scores are fine.",
        "How large is the exponential of 1000?",
    ),
)
def no_shift(W, xs, ys):
    n = len(xs)
    rows = torch.arange(n, device=W.device)
    counts = torch.exp(W[xs])
    probs = counts / counts.sum(1, keepdim=True)
    loss = -torch.log(probs[rows, ys]).mean()
    grad = probs.clone()
    grad[rows, ys] -= 1
    return loss, torch.zeros_like(W).index_add(0, xs, grad / n)


@mistake(
    "bigram_logits_loss_grad",
    source="121 public solution sets of one course: log(softmax) after the shift",
    hints=(
        "The loss becomes infinite although it is not.",
        "It shows when the true character is far below the others; the gradient is right.",
        "What is left of a probability of exp(-2000) before you take its logarithm?",
    ),
)
def log_of_nothing(W, xs, ys):
    n = len(xs)
    rows = torch.arange(n, device=W.device)
    logits = W[xs]
    counts = torch.exp(logits - logits.max(1, keepdim=True).values)
    probs = counts / counts.sum(1, keepdim=True)
    loss = -torch.log(probs[rows, ys]).mean()
    grad = probs.clone()
    grad[rows, ys] -= 1
    return loss, torch.zeros_like(W).index_add(0, xs, grad / n)


@mistake(
    "bigram_logits_loss_grad",
    source="121 public solution sets of one course: the global maximum is subtracted",
    hints=(
        "Rows with small scores give NaN when another row has large ones.",
        "A single row is fine.",
        "How large is the largest number of each row after your shift?",
    ),
)
def one_shift_for_all(W, xs, ys):
    n = len(xs)
    rows = torch.arange(n, device=W.device)
    logits = W[xs] - W[xs].max()
    log_p = logits - torch.log(torch.exp(logits).sum(1, keepdim=True))
    loss = -log_p[rows, ys].mean()
    grad = log_p.exp()
    grad[rows, ys] -= 1
    return loss, torch.zeros_like(W).index_add(0, xs, grad / n)


# --- build_dataset --------------------------------------------------------------------------------


@mistake(
    "build_dataset",
    source="constructed: the context that is appended is the same list each time",
    hints=(
        "All contexts of a word are the same.",
        "Y is right.",
        "After you append a list and change it, what does the collection hold?",
    ),
)
def the_same_list(words, stoi, block_size):
    X, Y = [], []
    for word in words:
        context = [0] * block_size
        for one in word + ".":
            X.append(context)
            Y.append(stoi[one])
            context.pop(0)
            context.append(stoi[one])
    return torch.tensor(X), torch.tensor(Y)


@mistake(
    "build_dataset",
    source="constructed: the context is not reset",
    hints=(
        "Contexts contain characters of the word before.",
        "The first word is right.",
        "What stands before the first character of each word?",
    ),
)
def runs_on(words, stoi, block_size):
    X, Y = [], []
    context = [0] * block_size
    for word in words:
        for one in word + ".":
            X.append(context)
            Y.append(stoi[one])
            context = [*context[1:], stoi[one]]
    return torch.tensor(X), torch.tensor(Y)


@mistake(
    "build_dataset",
    source="constructed: the dot at one end only",
    hints=(
        "There are too few examples.",
        "It is the last one of each word.",
        "How does the model learn where words end?",
    ),
)
def dataset_no_end(words, stoi, block_size):
    X, Y = [], []
    for word in words:
        context = [0] * block_size
        for one in word:
            X.append(context)
            Y.append(stoi[one])
            context = [*context[1:], stoi[one]]
    X, Y = torch.tensor(X, dtype=torch.int64), torch.tensor(Y, dtype=torch.int64)
    return X.reshape(-1, block_size), Y


@mistake(
    "build_dataset",
    source="constructed: the context grows at the wrong end",
    hints=(
        "The characters of a context stand in the wrong order.",
        "Y is right, and so is a context of one character.",
        "Where does the newest character stand?",
    ),
)
def newest_first(words, stoi, block_size):
    X, Y = [], []
    for word in words:
        context = [0] * block_size
        for one in word + ".":
            X.append(context)
            Y.append(stoi[one])
            context = [stoi[one], *context[:-1]]
    return torch.tensor(X), torch.tensor(Y)


@mistake(
    "build_dataset",
    source="constructed: the context moves before it is kept",
    hints=(
        "The context already contains what is to be predicted.",
        "Y is right.",
        "What does the model know when it is asked for the next character?",
    ),
)
def one_step_late(words, stoi, block_size):
    X, Y = [], []
    for word in words:
        context = [0] * block_size
        for one in word + ".":
            context = [*context[1:], stoi[one]]
            X.append(context)
            Y.append(stoi[one])
    return torch.tensor(X), torch.tensor(Y)


@mistake(
    "build_dataset",
    source="constructed: dots at the wrong side of a short context",
    hints=(
        "Contexts at the beginning of a word are shifted.",
        "Full contexts are right.",
        "On which side of a short context do the dots stand?",
    ),
)
def filled_from_the_left(words, stoi, block_size):
    X, Y = [], []
    for word in words:
        path = [stoi[one] for one in word]
        for k, following in enumerate([*path, 0]):
            context = path[max(0, k - block_size) : k]
            X.append(context + [0] * (block_size - len(context)))
            Y.append(following)
    return torch.tensor(X), torch.tensor(Y)


@mistake(
    "build_dataset",
    source="constructed: no padding",
    hints=(
        "There are too few examples.",
        "It is the first ones of each word.",
        "What does the model see when it has to begin a word?",
    ),
)
def full_contexts_only(words, stoi, block_size):
    X, Y = [], []
    for word in words:
        path = [0, *(stoi[one] for one in word), 0]
        for k in range(len(path) - block_size):
            X.append(path[k : k + block_size])
            Y.append(path[k + block_size])
    X, Y = torch.tensor(X, dtype=torch.int64), torch.tensor(Y, dtype=torch.int64)
    return X.reshape(-1, block_size), Y


@mistake(
    "build_dataset",
    source="121 public solution sets of one course: a size that is hard-coded",
    hints=(
        "The contexts do not have the size that was asked for.",
        "It is right when block_size is 3.",
        "Which argument decides how many columns X has?",
    ),
)
def always_three(words, stoi, block_size):
    X, Y = [], []
    for word in words:
        context = [0] * 3
        for one in word + ".":
            X.append(context)
            Y.append(stoi[one])
            context = [*context[1:], stoi[one]]
    return torch.tensor(X), torch.tensor(Y)


@mistake(
    "build_dataset",
    source="constructed: one context too far back",
    hints=(
        "The context lacks the character just before the one to predict.",
        "Y is right.",
        "Which character should stand at the end of the context?",
    ),
)
def oldest_only(words, stoi, block_size):
    X, Y = [], []
    for word in words:
        path = [0] * (block_size + 1) + [stoi[one] for one in word] + [0]
        for k in range(len(word) + 1):
            X.append(path[k : k + block_size])
            Y.append(path[k + block_size + 1])
    return torch.tensor(X), torch.tensor(Y)


@mistake(
    "build_dataset",
    source="constructed: a guard against empty words",
    hints=(
        "There are too few examples.",
        "It is about the empty word.",
        "What does an empty word teach the model?",
    ),
)
def dataset_empty_words_skipped(words, stoi, block_size):
    X, Y = [], []
    for word in words:
        context = [0] * block_size
        for one in word + "." if word else "":
            X.append(context)
            Y.append(stoi[one])
            context = [*context[1:], stoi[one]]
    X, Y = torch.tensor(X, dtype=torch.int64), torch.tensor(Y, dtype=torch.int64)
    return X.reshape(-1, block_size), Y


@mistake(
    "build_dataset",
    source="constructed: the dtype of `torch.Tensor`",
    hints=(
        "The numbers are right, their dtype is not.",
        "It concerns X and Y.",
        "Can a number that is not whole choose the row of a table?",
    ),
)
def floats(words, stoi, block_size):
    X, Y = [], []
    for word in words:
        context = [0] * block_size
        for one in word + ".":
            X.append(context)
            Y.append(stoi[one])
            context = [*context[1:], stoi[one]]
    return torch.Tensor(X), torch.Tensor(Y)


# --- ngram_mlp_forward ----------------------------------------------------------------------------


@mistake(
    "ngram_mlp_forward",
    source="session 2, step 3: the slide's logits",
    hints=(
        "No score leaves the interval from -1 to 1.",
        "h is right.",
        "How confident can a softmax of such scores be?",
    ),
)
def tanh_on_the_logits(C, W_1, b_1, W_2, b_2, X):
    h = torch.tanh(C[X].flatten(1) @ W_1.T + b_1)
    return h, torch.tanh(h @ W_2.T + b_2)


@mistake(
    "ngram_mlp_forward",
    source="constructed: softmax before the loss that contains it",
    hints=(
        "The rows of your logits sum to 1.",
        "h is right.",
        "Scores or probabilities?",
    ),
)
def softmax_on_the_logits(C, W_1, b_1, W_2, b_2, X):
    h = torch.tanh(C[X].flatten(1) @ W_1.T + b_1)
    return h, torch.softmax(h @ W_2.T + b_2, dim=1)


@mistake(
    "ngram_mlp_forward",
    source="constructed: the activation is forgotten",
    hints=(
        "The network is affine in the vectors of the characters.",
        "It is h, and the logits follow.",
        "What is left of two layers without anything between them?",
    ),
)
def no_tanh(C, W_1, b_1, W_2, b_2, X):
    h = C[X].flatten(1) @ W_1.T + b_1
    return h, h @ W_2.T + b_2


@mistake(
    "ngram_mlp_forward",
    source="constructed: the pre-activation is returned",
    hints=(
        "The logits are right, h is not.",
        "It shows when h leaves the interval from -1 to 1.",
        "Which of the two is called h?",
    ),
)
def h_before_tanh(C, W_1, b_1, W_2, b_2, X):
    pre = C[X].flatten(1) @ W_1.T + b_1
    return pre, torch.tanh(pre) @ W_2.T + b_2


@mistake(
    "ngram_mlp_forward",
    source="constructed: the order (N, E B) instead of (N, B E)",
    hints=(
        "The vectors of a context are interleaved.",
        "With one character, or vectors of size 1, all is well.",
        "Which index runs fastest in the flat row: the place in the context, or the coordinate?",
    ),
)
def coordinates_side_by_side(C, W_1, b_1, W_2, b_2, X):
    h = torch.tanh(C[X].transpose(1, 2).flatten(1) @ W_1.T + b_1)
    return h, h @ W_2.T + b_2


@mistake(
    "ngram_mlp_forward",
    source="constructed: a view that mixes the examples",
    hints=(
        "An example depends on the other ones of the batch.",
        "A single example is fine.",
        "Which axis comes first in memory after you moved the context to the front?",
    ),
)
def contexts_mixed(C, W_1, b_1, W_2, b_2, X):
    emb = C[X].transpose(0, 1).reshape(len(X), -1)
    h = torch.tanh(emb @ W_1.T + b_1)
    return h, h @ W_2.T + b_2


@mistake(
    "ngram_mlp_forward",
    source="constructed: the context is turned around",
    hints=(
        "The first characters meet the weights of the last ones.",
        "With one character all is well.",
        "Which character of the context stands first in the flat row?",
    ),
)
def forward_newest_first(C, W_1, b_1, W_2, b_2, X):
    h = torch.tanh(C[X.flip(1)].flatten(1) @ W_1.T + b_1)
    return h, h @ W_2.T + b_2


@mistake(
    "ngram_mlp_forward",
    source="constructed: the vectors of a context are averaged",
    hints=(
        "Exchanging two characters of a context changes nothing.",
        "With one character all is well.",
        "Do the vectors stand side by side, or are they mixed?",
    ),
)
def order_does_not_matter(C, W_1, b_1, W_2, b_2, X):
    emb = C[X].mean(1, keepdim=True).expand(-1, X.shape[1], -1)
    h = torch.tanh(emb.flatten(1) @ W_1.T + b_1)
    return h, h @ W_2.T + b_2


@mistake(
    "ngram_mlp_forward",
    source="constructed: b_1 is forgotten",
    hints=(
        "An argument is not used.",
        "It is in h, and the logits follow.",
        "What is h when all vectors are 0?",
    ),
)
def no_hidden_bias(C, W_1, b_1, W_2, b_2, X):
    h = torch.tanh(C[X].flatten(1) @ W_1.T)
    return h, h @ W_2.T + b_2


@mistake(
    "ngram_mlp_forward",
    source="constructed: b_2 is forgotten",
    hints=(
        "An argument is not used.",
        "h is right.",
        "What are the logits when h is 0?",
    ),
)
def no_output_bias(C, W_1, b_1, W_2, b_2, X):
    h = torch.tanh(C[X].flatten(1) @ W_1.T + b_1)
    return h, h @ W_2.T


@mistake(
    "ngram_mlp_forward",
    source="constructed: another activation",
    hints=(
        "No hidden unit is ever negative.",
        "It is h, and the logits follow.",
        "Which function stands in the formula?",
    ),
)
def sigmoid(C, W_1, b_1, W_2, b_2, X):
    h = torch.sigmoid(C[X].flatten(1) @ W_1.T + b_1)
    return h, h @ W_2.T + b_2


@mistake(
    "ngram_mlp_forward",
    source="constructed: tanh before the first layer too",
    hints=(
        "Large coordinates of a vector count too little.",
        "It is before the first layer.",
        "How many times is tanh applied?",
    ),
)
def tanh_of_the_vectors(C, W_1, b_1, W_2, b_2, X):
    h = torch.tanh(torch.tanh(C[X]).flatten(1) @ W_1.T + b_1)
    return h, h @ W_2.T + b_2


@mistake(
    "ngram_mlp_forward",
    source="121 public solution sets of one course: (e^x - e^-x) / (e^x + e^-x)",
    hints=(
        "Large pre-activations give NaN.",
        "Ordinary numbers are fine.",
        "How large are the two exponentials, and what is their quotient then?",
    ),
)
def handwritten_tanh(C, W_1, b_1, W_2, b_2, X):
    pre = C[X].flatten(1) @ W_1.T + b_1
    h = (torch.exp(pre) - torch.exp(-pre)) / (torch.exp(pre) + torch.exp(-pre))
    return h, h @ W_2.T + b_2


# --- ngram_mlp_backward ---------------------------------------------------------------------------


@mistake(
    "ngram_mlp_backward",
    source="constructed: `dC[ix] =` does not accumulate",
    hints=(
        "A character that is looked up several times gets the gradient of one place only.",
        "It is grad_C; characters that occur once are right.",
        "By how many paths does a row of C reach the loss?",
    ),
)
def last_one_wins(grad_logits, C, W_1, W_2, X, h):
    n, E = len(X), C.shape[1]
    flat = C[X].reshape(n, -1)
    grad_pre = grad_logits @ W_2 * (1 - h * h)
    grad_emb = (grad_pre @ W_1).reshape(*X.shape, E)
    grad_C = torch.zeros_like(C)
    for k in range(n):
        for b in range(X.shape[1]):
            grad_C[X[k, b]] = grad_emb[k, b]
    return grad_C, grad_pre.T @ flat, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "ngram_mlp_backward",
    source="constructed: repeats inside a context are lost",
    hints=(
        "A character that stands twice in a context gets the gradient of one place only.",
        "Between contexts the gradients do add up.",
        "What happens in an indexed addition when an index occurs twice?",
    ),
)
def once_for_each_example(grad_logits, C, W_1, W_2, X, h):
    n, E = len(X), C.shape[1]
    flat = C[X].reshape(n, -1)
    grad_pre = grad_logits @ W_2 * (1 - h * h)
    grad_emb = (grad_pre @ W_1).reshape(*X.shape, E)
    grad_C = torch.zeros_like(C)
    for k in range(n):
        row = torch.zeros_like(C)
        for b in range(X.shape[1]):
            row[X[k, b]] = grad_emb[k, b]
        grad_C += row
    return grad_C, grad_pre.T @ flat, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "ngram_mlp_backward",
    source="constructed: mean over the places of a character",
    hints=(
        "Frequent characters get too small a gradient.",
        "It is grad_C; characters that occur once are right.",
        "Do the paths from a row to the loss add up, or are they averaged?",
    ),
)
def averaged_rows(grad_logits, C, W_1, W_2, X, h):
    n, E = len(X), C.shape[1]
    flat = C[X].reshape(n, -1)
    grad_pre = grad_logits @ W_2 * (1 - h * h)
    grad_emb = (grad_pre @ W_1).reshape(*X.shape, E)
    grad_C = torch.zeros_like(C).index_add(0, X.reshape(-1), grad_emb.reshape(-1, E))
    times = torch.bincount(X.reshape(-1), minlength=len(C)).clamp(min=1)
    grad_C = grad_C / times.unsqueeze(1)
    return grad_C, grad_pre.T @ flat, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "ngram_mlp_backward",
    source="constructed: a bigram's habit",
    hints=(
        "Only the last character of each context learns.",
        "It is grad_C.",
        "Which characters of a context did the hidden layer see?",
    ),
)
def last_character_only(grad_logits, C, W_1, W_2, X, h):
    n, E = len(X), C.shape[1]
    flat = C[X].reshape(n, -1)
    grad_pre = grad_logits @ W_2 * (1 - h * h)
    grad_emb = (grad_pre @ W_1).reshape(*X.shape, E)
    grad_C = torch.zeros_like(C).index_add(0, X[:, -1], grad_emb[:, -1])
    return grad_C, grad_pre.T @ flat, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "ngram_mlp_backward",
    source="constructed: the order (N, E B) instead of (N, B E)",
    hints=(
        "The gradient of a vector contains numbers of its neighbours.",
        "It is grad_C; with one character, or vectors of size 1, all is well.",
        "In which order did the forward pass put the coordinates into the flat row?",
    ),
)
def coordinates_mixed(grad_logits, C, W_1, W_2, X, h):
    n, E = len(X), C.shape[1]
    flat = C[X].reshape(n, -1)
    grad_pre = grad_logits @ W_2 * (1 - h * h)
    grad_emb = (grad_pre @ W_1).reshape(n, E, -1).transpose(1, 2)
    grad_C = torch.zeros_like(C).index_add(0, X.reshape(-1), grad_emb.reshape(-1, E))
    return grad_C, grad_pre.T @ flat, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "ngram_mlp_backward",
    source="constructed: the activation is skipped on the way back",
    hints=(
        "Saturated hidden units still get a gradient.",
        "The gradients of the output layer are right.",
        "How much does h move when its pre-activation is 50?",
    ),
)
def no_tanh_derivative(grad_logits, C, W_1, W_2, X, h):
    n, E = len(X), C.shape[1]
    flat = C[X].reshape(n, -1)
    grad_pre = grad_logits @ W_2
    grad_emb = (grad_pre @ W_1).reshape(*X.shape, E)
    grad_C = torch.zeros_like(C).index_add(0, X.reshape(-1), grad_emb.reshape(-1, E))
    return grad_C, grad_pre.T @ flat, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "ngram_mlp_backward",
    source="constructed: the derivative is taken at h",
    hints=(
        "Saturated hidden units still get a gradient.",
        "The gradients of the output layer are right.",
        "Is h the input or the output of tanh?",
    ),
)
def tanh_of_h(grad_logits, C, W_1, W_2, X, h):
    n, E = len(X), C.shape[1]
    flat = C[X].reshape(n, -1)
    grad_pre = grad_logits @ W_2 * (1 - torch.tanh(h) ** 2)
    grad_emb = (grad_pre @ W_1).reshape(*X.shape, E)
    grad_C = torch.zeros_like(C).index_add(0, X.reshape(-1), grad_emb.reshape(-1, E))
    return grad_C, grad_pre.T @ flat, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "ngram_mlp_backward",
    source="constructed: the derivative of another activation",
    hints=(
        "Some hidden units get a gradient of the wrong sign.",
        "The gradients of the output layer are right.",
        "Whose derivative is h (1 - h)?",
    ),
)
def sigmoid_derivative(grad_logits, C, W_1, W_2, X, h):
    n, E = len(X), C.shape[1]
    flat = C[X].reshape(n, -1)
    grad_pre = grad_logits @ W_2 * h * (1 - h)
    grad_emb = (grad_pre @ W_1).reshape(*X.shape, E)
    grad_C = torch.zeros_like(C).index_add(0, X.reshape(-1), grad_emb.reshape(-1, E))
    return grad_C, grad_pre.T @ flat, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "ngram_mlp_backward",
    source="constructed: the square is forgotten",
    hints=(
        "Positive and negative hidden units are treated differently.",
        "The gradients of the output layer are right.",
        "Should the derivative of tanh change when h changes its sign?",
    ),
)
def one_minus_h(grad_logits, C, W_1, W_2, X, h):
    n, E = len(X), C.shape[1]
    flat = C[X].reshape(n, -1)
    grad_pre = grad_logits @ W_2 * (1 - h)
    grad_emb = (grad_pre @ W_1).reshape(*X.shape, E)
    grad_C = torch.zeros_like(C).index_add(0, X.reshape(-1), grad_emb.reshape(-1, E))
    return grad_C, grad_pre.T @ flat, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "ngram_mlp_backward",
    source="session 2, step 3: the slide's logits",
    hints=(
        "The gradients are those of a network with tanh on its scores.",
        "All of them are affected.",
        "What stands between the last layer and the loss?",
    ),
)
def backward_tanh_on_the_logits(grad_logits, C, W_1, W_2, X, h):
    grad_logits = grad_logits * (1 - (h @ W_2.T).tanh() ** 2)
    n, E = len(X), C.shape[1]
    flat = C[X].reshape(n, -1)
    grad_pre = grad_logits @ W_2 * (1 - h * h)
    grad_emb = (grad_pre @ W_1).reshape(*X.shape, E)
    grad_C = torch.zeros_like(C).index_add(0, X.reshape(-1), grad_emb.reshape(-1, E))
    return grad_C, grad_pre.T @ flat, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "ngram_mlp_backward",
    source="constructed: 1/N twice",
    hints=(
        "All gradients shrink when the batch grows.",
        "A single example is fine.",
        "Who has divided by N already?",
    ),
)
def divided_again(grad_logits, C, W_1, W_2, X, h):
    grad_logits = grad_logits / len(X)
    n, E = len(X), C.shape[1]
    flat = C[X].reshape(n, -1)
    grad_pre = grad_logits @ W_2 * (1 - h * h)
    grad_emb = (grad_pre @ W_1).reshape(*X.shape, E)
    grad_C = torch.zeros_like(C).index_add(0, X.reshape(-1), grad_emb.reshape(-1, E))
    return grad_C, grad_pre.T @ flat, grad_pre.sum(0), grad_logits.T @ h, grad_logits.sum(0)


@mistake(
    "ngram_mlp_backward",
    source="constructed: mean for sum in the bias gradients",
    hints=(
        "The gradients of the biases are too small.",
        "A single example is fine.",
        "Where would a division by N come from here?",
    ),
)
def averaged_biases(grad_logits, C, W_1, W_2, X, h):
    n, E = len(X), C.shape[1]
    flat = C[X].reshape(n, -1)
    grad_pre = grad_logits @ W_2 * (1 - h * h)
    grad_emb = (grad_pre @ W_1).reshape(*X.shape, E)
    grad_C = torch.zeros_like(C).index_add(0, X.reshape(-1), grad_emb.reshape(-1, E))
    return grad_C, grad_pre.T @ flat, grad_pre.mean(0), grad_logits.T @ h, grad_logits.mean(0)


@mistake(
    "ngram_mlp_backward",
    source="karpathy/nn-zero-to-hero, issue 59: shapes that broadcasting hides",
    hints=(
        "The values of the bias gradients are right, their shape is not.",
        "It is an axis of size 1.",
        "Which shape has a bias?",
    ),
)
def bias_keeps_an_axis(grad_logits, C, W_1, W_2, X, h):
    n, E = len(X), C.shape[1]
    flat = C[X].reshape(n, -1)
    grad_pre = grad_logits @ W_2 * (1 - h * h)
    grad_emb = (grad_pre @ W_1).reshape(*X.shape, E)
    grad_C = torch.zeros_like(C).index_add(0, X.reshape(-1), grad_emb.reshape(-1, E))
    return (
        grad_C,
        grad_pre.T @ flat,
        grad_pre.sum(0, keepdim=True),
        grad_logits.T @ h,
        grad_logits.sum(0, keepdim=True),
    )


@mistake(
    "ngram_mlp_backward",
    source="constructed: the weight as (in, out)",
    hints=(
        "The values of the weight gradients are right, rows and columns are exchanged.",
        "Both weights are affected.",
        "Which shape has a weight here, (out, in) or (in, out)?",
    ),
)
def weights_transposed(grad_logits, C, W_1, W_2, X, h):
    n, E = len(X), C.shape[1]
    flat = C[X].reshape(n, -1)
    grad_pre = grad_logits @ W_2 * (1 - h * h)
    grad_emb = (grad_pre @ W_1).reshape(*X.shape, E)
    grad_C = torch.zeros_like(C).index_add(0, X.reshape(-1), grad_emb.reshape(-1, E))
    return grad_C, flat.T @ grad_pre, grad_pre.sum(0), h.T @ grad_logits, grad_logits.sum(0)


@mistake(
    "ngram_mlp_backward",
    source="constructed: the hidden bias before the activation",
    hints=(
        "grad_b_1 does not fit grad_W_1.",
        "The other four are right.",
        "Is the bias added before or after tanh?",
    ),
)
def not_through_tanh(grad_logits, C, W_1, W_2, X, h):
    n, E = len(X), C.shape[1]
    flat = C[X].reshape(n, -1)
    grad_pre = grad_logits @ W_2 * (1 - h * h)
    grad_emb = (grad_pre @ W_1).reshape(*X.shape, E)
    grad_C = torch.zeros_like(C).index_add(0, X.reshape(-1), grad_emb.reshape(-1, E))
    return (
        grad_C,
        grad_pre.T @ flat,
        (grad_logits @ W_2).sum(0),
        grad_logits.T @ h,
        grad_logits.sum(0),
    )


@mistake(
    "ngram_mlp_backward",
    source="constructed: tanh is applied to h once more",
    hints=(
        "grad_W_2 is too small.",
        "The other four are right.",
        "By what was W_2 multiplied in the forward pass?",
    ),
)
def tanh_twice(grad_logits, C, W_1, W_2, X, h):
    n, E = len(X), C.shape[1]
    flat = C[X].reshape(n, -1)
    grad_pre = grad_logits @ W_2 * (1 - h * h)
    grad_emb = (grad_pre @ W_1).reshape(*X.shape, E)
    grad_C = torch.zeros_like(C).index_add(0, X.reshape(-1), grad_emb.reshape(-1, E))
    return (
        grad_C,
        grad_pre.T @ flat,
        grad_pre.sum(0),
        grad_logits.T @ torch.tanh(h),
        grad_logits.sum(0),
    )


# --- train_ngram_mlp ------------------------------------------------------------------------------


@mistake(
    "train_ngram_mlp",
    source="constructed: all parameters start at 0",
    hints=(
        "Nothing is learnt but how frequent each character is.",
        "The gradients are right.",
        "If all hidden units are equal at the start, what makes them differ later?",
    ),
)
def all_zeros(X, Y, num_embeddings, embedding_dim, hidden, steps, lr, generator):
    params = tuple(0 * one for one in _start(X, num_embeddings, embedding_dim, hidden, generator))
    for _ in range(steps):
        params = _step(params, X, Y, lr)
    return params


@mistake(
    "train_ngram_mlp",
    source="constructed: the bigram's habit",
    hints=(
        "The loss does not go below that of the bigrams.",
        "Training itself works.",
        "How many characters of the context reach the hidden layer?",
    ),
)
def sees_one_character(X, Y, num_embeddings, embedding_dim, hidden, steps, lr, generator):
    X = X[:, -1:].expand(X.shape)
    params = _start(X, num_embeddings, embedding_dim, hidden, generator)
    for _ in range(steps):
        params = _step(params, X, Y, lr)
    return params


@mistake(
    "train_ngram_mlp",
    source="constructed: the new parameters are thrown away",
    hints=(
        "The parameters are those of the beginning.",
        "It is in the loop.",
        "What does the second step start from?",
    ),
)
def not_trained(X, Y, num_embeddings, embedding_dim, hidden, steps, lr, generator):
    params = _start(X, num_embeddings, embedding_dim, hidden, generator)
    for _ in range(steps):
        _step(params, X, Y, lr)
    return params


@mistake(
    "train_ngram_mlp",
    source="constructed: a generator of one's own, seeded",
    hints=(
        "Another state of the generator gives the same parameters.",
        "Training itself works.",
        "Whose seed decides where you start?",
    ),
)
def training_own_seed(X, Y, num_embeddings, embedding_dim, hidden, steps, lr, generator):
    generator = torch.Generator().manual_seed(0)
    params = _start(X, num_embeddings, embedding_dim, hidden, generator)
    for _ in range(steps):
        params = _step(params, X, Y, lr)
    return params


@mistake(
    "train_ngram_mlp",
    source="constructed: the seed of a generator is taken for its state",
    hints=(
        "Two trainings with the same generator, one after the other, end at the same network.",
        "It is decided before training begins.",
        "What of a generator changes when numbers are drawn from it, and what does not?",
    ),
)
def training_seed_for_state(X, Y, num_embeddings, embedding_dim, hidden, steps, lr, generator):
    generator = torch.Generator().manual_seed(generator.initial_seed())
    params = _start(X, num_embeddings, embedding_dim, hidden, generator)
    for _ in range(steps):
        params = _step(params, X, Y, lr)
    return params
