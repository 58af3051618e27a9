"""Known wrong versions of the exercises on attention and transformers, and hints for each."""

import math

import torch

from autograder.checks.bank import mistake

F = torch.nn.functional

# --- additive_attention -----------------------------------------------------------------------


@mistake(
    "additive_attention",
    source="constructed: a linear score",
    hints=(
        "Double all states: your scores double too.",
        "It is the small network, between its two layers.",
        "What would the network be worth if both its layers were one matrix?",
    ),
)
def no_tanh(s, h, W_s, W_h, v):
    a = torch.softmax(((s @ W_s.T).unsqueeze(1) + h @ W_h.T) @ v, dim=1)
    return (a.unsqueeze(1) @ h).squeeze(1), a


@mistake(
    "additive_attention",
    source="constructed: the activation behind the last layer",
    hints=(
        "Your scores never leave the interval from -1 to 1, so no state is ever ignored.",
        "It is the small network: the order of its steps.",
        "Is a score a hidden unit or an output?",
    ),
)
def tanh_of_the_score(s, h, W_s, W_h, v):
    e = torch.tanh(((s @ W_s.T).unsqueeze(1) + h @ W_h.T) @ v)
    a = torch.softmax(e, dim=1)
    return (a.unsqueeze(1) @ h).squeeze(1), a


@mistake(
    "additive_attention",
    source="constructed: another activation",
    hints=(
        "The weights are a little too even.",
        "It is the hidden layer of the small network.",
        "Can a hidden unit of yours be negative?",
    ),
)
def sigmoid_for_tanh(s, h, W_s, W_h, v):
    e = torch.sigmoid((s @ W_s.T).unsqueeze(1) + h @ W_h.T) @ v
    a = torch.softmax(e, dim=1)
    return (a.unsqueeze(1) @ h).squeeze(1), a


@mistake(
    "additive_attention",
    source="labmlai/annotated_deep_learning_paper_implementations, issue 146: softmax over the"
    " wrong axis",
    hints=(
        "The weights of one sequence do not sum to 1.",
        "It is the softmax; a batch of one shows it best.",
        "Who competes here: the states of one sequence, or the sequences of the batch?",
    ),
)
def softmax_over_the_batch(s, h, W_s, W_h, v):
    a = torch.softmax(torch.tanh((s @ W_s.T).unsqueeze(1) + h @ W_h.T) @ v, dim=0)
    return (a.unsqueeze(1) @ h).squeeze(1), a


@mistake(
    "additive_attention",
    source="constructed: scores used as weights",
    hints=(
        "Your weights can be negative.",
        "It is the step from scores to weights.",
        "What must the weights of one sequence add up to?",
    ),
)
def scores_as_weights(s, h, W_s, W_h, v):
    a = torch.tanh((s @ W_s.T).unsqueeze(1) + h @ W_h.T) @ v
    return (a.unsqueeze(1) @ h).squeeze(1), a


@mistake(
    "additive_attention",
    source="constructed: shares of the scores, without an exponential",
    hints=(
        "The weights sum to 1, and some of them are negative.",
        "It is the step from scores to weights.",
        "Which function makes any real number positive?",
    ),
)
def divided_by_their_sum(s, h, W_s, W_h, v):
    e = torch.tanh((s @ W_s.T).unsqueeze(1) + h @ W_h.T) @ v
    a = e / e.sum(1, keepdim=True)
    return (a.unsqueeze(1) @ h).squeeze(1), a


@mistake(
    "additive_attention",
    source="constructed: the state of the decoder is never used",
    hints=(
        "Another state of the decoder gives you the same weights.",
        "It is the input of the small network.",
        "Who is asking?",
    ),
)
def nobody_asks(s, h, W_s, W_h, v):
    a = torch.softmax(torch.tanh(h @ W_h.T) @ v, dim=1)
    return (a.unsqueeze(1) @ h).squeeze(1), a


@mistake(
    "additive_attention",
    source="constructed: the two projections are multiplied",
    hints=(
        "A state of the decoder that is 0 makes all your weights equal.",
        "It is where the two sides meet in the small network.",
        "Why is this attention called additive?",
    ),
)
def multiplied(s, h, W_s, W_h, v):
    a = torch.softmax(torch.tanh((s @ W_s.T).unsqueeze(1) * (h @ W_h.T)) @ v, dim=1)
    return (a.unsqueeze(1) @ h).squeeze(1), a


@mistake(
    "additive_attention",
    source="constructed: the last layer is a plain sum",
    hints=(
        "All hidden units have the same say in your score.",
        "It is the last layer of the small network.",
        "Which of the arguments have you not used?",
    ),
)
def without_v(s, h, W_s, W_h, v):
    a = torch.softmax(torch.tanh((s @ W_s.T).unsqueeze(1) + h @ W_h.T).sum(2), dim=1)
    return (a.unsqueeze(1) @ h).squeeze(1), a


@mistake(
    "additive_attention",
    source="constructed: the plain mean as context",
    hints=(
        "Your weights are right, and the context does not use them.",
        "It is the last step.",
        "What does the context look like if one weight is 1 and the others are 0?",
    ),
)
def mean_of_the_states(s, h, W_s, W_h, v):
    a = torch.softmax(torch.tanh((s @ W_s.T).unsqueeze(1) + h @ W_h.T) @ v, dim=1)
    return h.mean(1), a


@mistake(
    "additive_attention",
    source="constructed: the most fitting state as context",
    hints=(
        "Your weights are right, and the context is always one of the states.",
        "It is the last step.",
        "A state with the weight 0.4: how much of it is in the context?",
    ),
)
def the_best_state(s, h, W_s, W_h, v):
    a = torch.softmax(torch.tanh((s @ W_s.T).unsqueeze(1) + h @ W_h.T) @ v, dim=1)
    return h[torch.arange(len(h)), a.argmax(1)], a


@mistake(
    "additive_attention",
    source="constructed: the weighted values are averaged",
    hints=(
        "Your context shrinks when the encoder has read more.",
        "The weights are right; it is the last step.",
        "The weights sum to 1: by what must their weighted sum still be divided?",
    ),
)
def averaged_again(s, h, W_s, W_h, v):
    a = torch.softmax(torch.tanh((s @ W_s.T).unsqueeze(1) + h @ W_h.T) @ v, dim=1)
    return (a.unsqueeze(2) * h).mean(1), a


@mistake(
    "additive_attention",
    source="121 public solution sets of one course: no maximum subtracted",
    hints=(
        "Large scores give NaN, or no weights at all.",
        "It is your own softmax.",
        "Which shift of all scores changes nothing but the size of the exponentials?",
    ),
)
def plain_exponentials(s, h, W_s, W_h, v):
    e = torch.exp(torch.tanh((s @ W_s.T).unsqueeze(1) + h @ W_h.T) @ v)
    a = e / e.sum(1, keepdim=True)
    return (a.unsqueeze(1) @ h).squeeze(1), a


@mistake(
    "additive_attention",
    source="NVIDIA/tacotron2, pull request 303: squeeze drops a batch of one",
    hints=(
        "Some batches give an error.",
        "It is a single sequence, or a sequence with a single state.",
        "You drop an axis of size 1. Is it always the only one?",
    ),
)
def scores_squeezed(s, h, W_s, W_h, v):
    hidden = torch.tanh((s @ W_s.T).unsqueeze(1) + h @ W_h.T)
    a = torch.softmax((hidden @ v.unsqueeze(1)).squeeze(), dim=1)
    return (a.unsqueeze(1) @ h).squeeze(1), a


# --- causal_mask ------------------------------------------------------------------------------


@mistake(
    "causal_mask",
    source="constructed: a strict triangle",
    hints=(
        "The first token may attend to nothing.",
        "It is the diagonal.",
        "May a token look at itself?",
    ),
)
def without_itself(T):
    return torch.ones(T, T, dtype=torch.bool).tril(-1)


@mistake(
    "causal_mask",
    source="constructed: the triangle on the other side",
    hints=(
        "The first token may attend to all, the last one only to itself.",
        "Rows and columns are exchanged.",
        "Which axis is that of the queries?",
    ),
)
def looks_ahead(T):
    return torch.ones(T, T, dtype=torch.bool).triu()


@mistake(
    "causal_mask",
    source="a habit from nn.Transformer, whose masks mark what is hidden",
    hints=(
        "Each token may attend to what comes later, and to nothing else.",
        "Every entry is wrong.",
        "What does True mean in this notebook?",
    ),
)
def marks_what_is_hidden(T):
    return torch.ones(T, T, dtype=torch.bool).triu(1)


@mistake(
    "causal_mask",
    source="constructed: one step too far",
    hints=(
        "Each token sees one token of the future.",
        "It is the edge of the triangle.",
        "What is the last key that query 0 may attend to?",
    ),
)
def one_step_ahead(T):
    return torch.ones(T, T, dtype=torch.bool).tril(1)


@mistake(
    "causal_mask",
    source="constructed: the diagonal",
    hints=(
        "Each token sees itself alone.",
        "All that is off the diagonal.",
        "What has the last token of a text read?",
    ),
)
def only_itself(T):
    return torch.eye(T, dtype=torch.bool)


@mistake(
    "causal_mask",
    source="constructed: a window of two tokens",
    hints=(
        "The last token forgets how the text began.",
        "It shows from three tokens on.",
        "How far back may a token look?",
    ),
)
def itself_and_the_one_before(T):
    return torch.ones(T, T, dtype=torch.bool).tril().triu(-1)


@mistake(
    "causal_mask",
    source="constructed: a mask of ones and zeros",
    hints=(
        "The pattern is right, the dtype is not.",
        "All entries are numbers.",
        "Which dtype has a mask in this notebook?",
    ),
)
def ones_and_zeros(T):
    return torch.ones(T, T).tril()


@mistake(
    "causal_mask",
    source="a habit from karpathy/nanoGPT: a mask with axes for batch and heads",
    hints=(
        "The pattern is right, the shape is not.",
        "There are axes in front that nobody asked for.",
        "Which shape has the mask of three tokens?",
    ),
)
def with_axes_in_front(T):
    return torch.ones(T, T, dtype=torch.bool).tril().view(1, 1, T, T)


@mistake(
    "causal_mask",
    source="constructed: a mask that is added to the scores",
    hints=(
        "The pattern is right, but it is written in numbers.",
        "All entries.",
        "Is this mask added to scores, or does it say yes and no?",
    ),
)
def to_be_added(T):
    return torch.full((T, T), -math.inf).triu(1)


@mistake(
    "causal_mask",
    source="constructed: nothing is masked",
    hints=(
        "Each token sees the whole text.",
        "All that lies above the diagonal.",
        "Change the last token: may the first one notice?",
    ),
)
def all_allowed(T):
    return torch.ones(T, T, dtype=torch.bool)


# --- scaled_dot_product_attention -------------------------------------------------------------


def _hide(scores, mask):
    return scores if mask is None else scores.masked_fill(~mask, -math.inf)


def _weights(scores, mask):
    """Return the right weights for given scores."""
    scores = _hide(scores, mask)
    largest = scores.amax(-1, keepdim=True).clamp(min=torch.finfo(scores.dtype).min)
    e = torch.exp(scores - largest)
    return e / e.sum(-1, keepdim=True).clamp(min=1)


def _scores(q, k):
    return q @ k.mT / math.sqrt(q.shape[-1])


@mistake(
    "scaled_dot_product_attention",
    source="PAIR-code/tiny-transformers, issue 71: the scale is forgotten",
    hints=(
        "Your weights are too sure of themselves, more so for longer queries.",
        "It is the scores.",
        "A scalar product adds d terms. How large is it typically?",
    ),
)
def no_scale(q, k, v, mask=None):
    a = _weights(q @ k.mT, mask)
    return a @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="thegregyang/NTK4A, issue 3: a scale without its root",
    hints=(
        "Your weights are too even, more so for longer queries.",
        "It is the scores.",
        "Does the spread of a sum of d random terms grow like d?",
    ),
)
def scaled_by_d(q, k, v, mask=None):
    a = _weights(q @ k.mT / q.shape[-1], mask)
    return a @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="constructed: the scale is multiplied where it divides",
    hints=(
        "Your weights are far too sure of themselves, more so for longer queries.",
        "It is the scores.",
        "Should longer queries have larger scores?",
    ),
)
def scale_upside_down(q, k, v, mask=None):
    a = _weights(q @ k.mT * math.sqrt(q.shape[-1]), mask)
    return a @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="constructed: the scale of the keys' number",
    hints=(
        "A key that nobody may attend to changes your weights.",
        "It is the scores.",
        "Over which axis does a scalar product add?",
    ),
)
def scaled_by_the_number_of_keys(q, k, v, mask=None):
    a = _weights(q @ k.mT / math.sqrt(k.shape[-2]), mask)
    return a @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="constructed: the scale of the values' size",
    hints=(
        "Longer values change your weights.",
        "It is the scores.",
        "Which tensors have met when the scores are made?",
    ),
)
def scaled_by_the_values(q, k, v, mask=None):
    a = _weights(q @ k.mT / math.sqrt(v.shape[-1]), mask)
    return a @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="constructed: the scale behind the softmax",
    hints=(
        "Your weights do not sum to 1.",
        "The scale comes at the wrong moment.",
        "What is to be kept small: what goes into softmax, or what comes out?",
    ),
)
def scaled_after_the_softmax(q, k, v, mask=None):
    a = _weights(q @ k.mT, mask) / math.sqrt(q.shape[-1])
    return a @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="constructed: cosine similarity",
    hints=(
        "Make a key ten times longer: nothing changes.",
        "It is the scores.",
        "Does the formula divide by the length of the query, or by the root of its size?",
    ),
)
def cosines(q, k, v, mask=None):
    lengths = q.norm(dim=-1, keepdim=True) * k.norm(dim=-1).unsqueeze(-2)
    a = _weights(q @ k.mT / lengths.clamp(min=1e-8), mask)
    return a @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="PetrochukM/PyTorch-NLP, issue 2: softmax over the queries",
    hints=(
        "The weights of one query do not sum to 1; those of one key do.",
        "It is the softmax.",
        "Who shares the attention: the keys of one query, or the queries of one key?",
    ),
)
def softmax_over_the_queries(q, k, v, mask=None):
    a = _weights(_hide(_scores(q, k), mask).mT, None).mT
    return a @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="labmlai/annotated_deep_learning_paper_implementations, issue 146: softmax over the"
    " first axis",
    hints=(
        "Add a sequence to the batch: the weights of the others change.",
        "It is the softmax.",
        "Does the axis of the keys have the same number whatever stands in front?",
    ),
)
def softmax_over_the_first_axis(q, k, v, mask=None):
    a = _weights(_hide(_scores(q, k), mask).movedim(0, -1), None).movedim(-1, 0)
    return a @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="the class notes, 6.4.3, which give the softmax a fixed axis",
    hints=(
        "Without leading axes all is well; with them the weights of a query do not sum to 1.",
        "It is the softmax.",
        "Which axis are the keys when heads and batch stand in front?",
    ),
)
def always_axis_1(q, k, v, mask=None):
    a = _weights(_hide(_scores(q, k), mask).movedim(1, -1), None).movedim(-1, 1)
    return a @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="constructed: one softmax for the whole table",
    hints=(
        "All weights of a sequence together sum to 1.",
        "It is the softmax.",
        "Do the queries compete with each other?",
    ),
)
def softmax_over_everything(q, k, v, mask=None):
    scores = _scores(q, k)
    a = _weights(_hide(scores, mask).flatten(-2), None).view(scores.shape)
    return a @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="georg-wolflein/good-features, issue 1: the mask multiplies the scores",
    hints=(
        "A key that is not allowed still gets a weight.",
        "It is where the mask meets the scores.",
        "What is e to the power 0?",
    ),
)
def mask_times_scores(q, k, v, mask=None):
    scores = _scores(q, k)
    scores = scores if mask is None else scores * mask
    a = _weights(scores, None)
    return a @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="huggingface/pytorch-image-models, issue 2236: the mask comes after the softmax",
    hints=(
        "With a mask, your weights sum to less than 1.",
        "The mask comes at the wrong moment.",
        "Some probability was spent on forbidden keys. Where did it go?",
    ),
)
def mask_after_the_softmax(q, k, v, mask=None):
    a = _weights(_scores(q, k), None)
    a = a if mask is None else a * mask
    return a @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="constructed: masked weights divided by their sum, with the wrong maximum",
    hints=(
        "A giant score that the mask hides makes all weights of its query vanish.",
        "It is the shift of the scores.",
        "The largest of which scores do you subtract?",
    ),
)
def shifted_by_a_hidden_score(q, k, v, mask=None):
    scores = _scores(q, k)
    e = torch.exp(scores - scores.amax(-1, keepdim=True))
    e = e if mask is None else e * mask
    total = e.sum(-1, keepdim=True)
    a = torch.where(total > 0, e / total, torch.zeros_like(e))
    return a @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="a habit from nn.Transformer, whose masks mark what is hidden",
    hints=(
        "Each query attends to exactly those keys that it may not attend to.",
        "It is where the mask meets the scores.",
        "What does True mean in this notebook?",
    ),
)
def mask_inverted(q, k, v, mask=None):
    a = _weights(_scores(q, k), None if mask is None else ~mask)
    return a @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="121 public solution sets of one course: the result of masked_fill is discarded",
    hints=(
        "With and without a mask you return the same.",
        "Everything else is right.",
        "What happens to the masked scores once you have them?",
    ),
)
def mask_ignored(q, k, v, mask=None):
    a = _weights(_scores(q, k), None)
    return a @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="constructed: the mask is transposed",
    hints=(
        "With a causal mask, the first token sees the whole text and the last one only itself.",
        "It is where the mask meets the scores; it needs a mask with rows and columns.",
        "Which axis of the mask is that of the queries?",
    ),
)
def mask_transposed(q, k, v, mask=None):
    if mask is not None and mask.dim() > 1:
        mask = mask.mT
    a = _weights(_scores(q, k), mask)
    return a @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="hyunwoongko/transformer, issue 10: a mask that is too soft",
    hints=(
        "A key that is not allowed keeps a small weight.",
        "It is the number that stands for a hidden score.",
        "How large would a score have to be to beat your mask?",
    ),
)
def soft_mask(q, k, v, mask=None):
    scores = _scores(q, k)
    scores = scores if mask is None else scores.masked_fill(~mask, -8.0)
    a = _weights(scores, None)
    return a @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="constructed: -1e4, the number that still fits into half precision, stands for infinity",
    hints=(
        "A key that is not allowed gets the weight, if the allowed ones have very low scores.",
        "It is the number that stands for a hidden score.",
        "A query has scores below -10 000 only. Which of its keys does your softmax prefer?",
    ),
)
def finite_stand_in(q, k, v, mask=None):
    scores = _scores(q, k)
    if mask is None:
        a = _weights(scores, None)
    else:
        a = _weights(scores.masked_fill(~mask, -1e4), None) * mask.any(-1, keepdim=True)
    return a @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="constructed: a boolean mask is added like a floating one",
    hints=(
        "Keys that are not allowed get a weight, only a smaller one.",
        "It is where the mask meets the scores.",
        "What number is True when it is added, and what number would hide a key?",
    ),
)
def mask_added(q, k, v, mask=None):
    scores = _scores(q, k)
    scores = scores if mask is None else scores + mask
    a = _weights(scores, None)
    return a @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="constructed: hidden scores of 0 stay in the sum",
    hints=(
        "With a mask your weights sum to less than 1, and less the more keys are hidden.",
        "It is the sum that you divide by.",
        "Do the hidden keys still take part in the sum?",
    ),
)
def hidden_keys_in_the_sum(q, k, v, mask=None):
    scores = _scores(q, k)
    hidden = scores if mask is None else scores.masked_fill(~mask, 0.0)
    largest = hidden.amax(-1, keepdim=True)
    e = torch.exp(hidden - largest)
    a = e / e.sum(-1, keepdim=True)
    a = a if mask is None else a * mask
    return a @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="pytorch/pytorch, issue 103963: NaN for queries that may attend to nothing",
    hints=(
        "A query that may attend to nothing gets NaN.",
        "Everything else is right.",
        "Nobody to attend to: what should come out, and what is 0 divided by 0?",
    ),
)
def nan_for_nothing(q, k, v, mask=None):
    scores = _hide(_scores(q, k), mask)
    e = torch.exp(scores - scores.amax(-1, keepdim=True))
    a = e / e.sum(-1, keepdim=True)
    return a @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="constructed: a large number in place of infinity",
    hints=(
        "A query that may attend to nothing attends to all keys alike.",
        "Everything else is right.",
        "If all scores of a query are hidden behind the same number, what does softmax see?",
    ),
)
def all_for_nothing(q, k, v, mask=None):
    scores = _scores(q, k)
    scores = scores if mask is None else scores.masked_fill(~mask, -1e9)
    a = _weights(scores, None)
    return a @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="constructed: the weights are cleaned, the output is not",
    hints=(
        "A query that may attend to nothing has right weights, and an output of NaN.",
        "It is the output only.",
        "Which weights make your output, the ones before or after your repair?",
    ),
)
def repaired_too_late(q, k, v, mask=None):
    scores = _hide(_scores(q, k), mask)
    e = torch.exp(scores - scores.amax(-1, keepdim=True))
    a = e / e.sum(-1, keepdim=True)
    return a @ v, torch.nan_to_num(a)


@mistake(
    "scaled_dot_product_attention",
    source="121 public solution sets of one course: no maximum subtracted",
    hints=(
        "Large scores give NaN, or no weights at all.",
        "It is your own softmax.",
        "Which shift of all scores changes nothing but the size of the exponentials?",
    ),
)
def no_shift(q, k, v, mask=None):
    e = torch.exp(_hide(_scores(q, k), mask))
    total = e.sum(-1, keepdim=True)
    empty = torch.zeros_like(total, dtype=torch.bool)
    if mask is not None:
        empty = ~mask.expand(e.shape).any(-1, keepdim=True)
    a = torch.where(empty, torch.zeros_like(e), e / total)
    return a @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="121 public solution sets of one course: one maximum for all rows",
    hints=(
        "A query whose scores lie far below those of another loses all its weights.",
        "It is the shift of the scores.",
        "Whose largest score does a query have to subtract?",
    ),
)
def one_shift_for_all(q, k, v, mask=None):
    scores = _hide(_scores(q, k), mask)
    e = torch.exp(scores - scores.max())
    total = e.sum(-1, keepdim=True)
    a = torch.where(total > 0, e / total, torch.zeros_like(e))
    return a @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="constructed: scores used as weights",
    hints=(
        "Your weights can be negative.",
        "It is the step from scores to weights.",
        "What must the weights of one query add up to?",
    ),
)
def no_softmax(q, k, v, mask=None):
    scores = _scores(q, k)
    a = scores if mask is None else scores.masked_fill(~mask, 0.0)
    return a @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="constructed: a power of two where e belongs",
    hints=(
        "Your weights are a little too even, at any size.",
        "It is your own softmax.",
        "Which number is raised to the power of the scores?",
    ),
)
def powers_of_two(q, k, v, mask=None):
    a = _weights(_scores(q, k) * math.log(2), mask)
    return a @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="121 public solution sets of one course: the value projection is fed with the key",
    hints=(
        "Your output is an average of keys.",
        "It shows where keys and values have the same size; elsewhere the shape is wrong.",
        "Which of the three tensors is being averaged?",
    ),
)
def averages_the_keys(q, k, v, mask=None):
    a = _weights(_scores(q, k), mask)
    return a @ k, a


@mistake(
    "scaled_dot_product_attention",
    source="constructed: queries and keys exchanged",
    hints=(
        "Your scores are those of the keys asking the queries.",
        "It shows where there are as many keys as queries; elsewhere the shapes do not fit.",
        "Which axis of the scores is that of the queries?",
    ),
)
def keys_ask(q, k, v, mask=None):
    a = _weights(_scores(k, q), mask)
    return a @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="constructed: the weights are transposed before they meet the values",
    hints=(
        "Your weights are right, your output is not.",
        "It shows where there are as many keys as queries; elsewhere the shapes do not fit.",
        "Over which axis of the weights does the output sum?",
    ),
)
def output_from_transposed_weights(q, k, v, mask=None):
    a = _weights(_scores(q, k), mask)
    return a.mT @ v, a


@mistake(
    "scaled_dot_product_attention",
    source="constructed: the two results in the wrong order",
    hints=(
        "Both results are there, in the wrong places.",
        "It is the return statement.",
        "Which one does the handout return first?",
    ),
)
def results_exchanged(q, k, v, mask=None):
    a = _weights(_scores(q, k), mask)
    return a, a @ v


@mistake(
    "scaled_dot_product_attention",
    source="constructed: products of batches of matrices, torch.bmm",
    hints=(
        "Some inputs give an error.",
        "It is those that do not have exactly one leading axis.",
        "Which two axes does the product need, and from which end do you count them?",
    ),
)
def one_leading_axis(q, k, v, mask=None):
    a = _weights(torch.bmm(q, k.transpose(1, 2)) / math.sqrt(q.shape[-1]), mask)
    return torch.bmm(a, v), a


@mistake(
    "scaled_dot_product_attention",
    source="constructed: the mask as an index, which does not broadcast",
    hints=(
        "Some masks give an error.",
        "It is those that have another shape than the scores.",
        "One mask for all heads: which ways to hide scores repeat it for you?",
    ),
)
def mask_as_an_index(q, k, v, mask=None):
    scores = _scores(q, k)
    if mask is not None:
        scores[~mask] = -math.inf
    a = _weights(scores, None)
    return a @ v, a


# --- attention_backward -----------------------------------------------------------------------


def _grads(grad_e, grad_y, a, q, k):
    """Return the right gradients for a given gradient of the unscaled products."""
    return grad_e @ k, grad_e.mT @ q, a.mT @ grad_y


def _through_softmax(grad_a, a):
    return a * (grad_a - (grad_a * a).sum(-1, keepdim=True))


@mistake(
    "attention_backward",
    source="constructed: the scale is forgotten, on the way back",
    hints=(
        "The gradients of queries and keys are too large, more so for longer queries.",
        "The gradient of the values is right.",
        "What stands between the scalar products and the scores?",
    ),
)
def backward_without_scale(grad_y, a, q, k, v):
    return _grads(_through_softmax(grad_y @ v.mT, a), grad_y, a, q, k)


@mistake(
    "attention_backward",
    source="constructed: the scale twice",
    hints=(
        "The gradients of queries and keys are too small, more so for longer queries.",
        "The gradient of the values is right.",
        "How many times does the forward pass divide?",
    ),
)
def scaled_twice(grad_y, a, q, k, v):
    grad_e = _through_softmax(grad_y @ v.mT, a) / q.shape[-1]
    return _grads(grad_e, grad_y, a, q, k)


@mistake(
    "attention_backward",
    source="constructed: the scale of the values' size",
    hints=(
        "Longer values change the gradients of queries and keys by a factor.",
        "The gradient of the values is right.",
        "Whose size does the forward pass divide by?",
    ),
)
def scaled_by_the_size_of_values(grad_y, a, q, k, v):
    grad_e = _through_softmax(grad_y @ v.mT, a) / math.sqrt(v.shape[-1])
    return _grads(grad_e, grad_y, a, q, k)


@mistake(
    "attention_backward",
    source="constructed: the scale on one side only",
    hints=(
        "The gradient of the keys is too large, that of the queries is right.",
        "It is the last step to the keys.",
        "Do both sides of a scaled product feel the scale?",
    ),
)
def scaled_for_the_queries_only(grad_y, a, q, k, v):
    grad_e = _through_softmax(grad_y @ v.mT, a)
    return grad_e @ k / math.sqrt(q.shape[-1]), grad_e.mT @ q, a.mT @ grad_y


@mistake(
    "attention_backward",
    source="a question on StackOverflow about the softmax derivative: the diagonal alone",
    hints=(
        "Add a constant to all values: the gradients of queries and keys must not move, yours do.",
        "It is the derivative of softmax.",
        "Raise one score a little. Which of the weights move?",
    ),
)
def diagonal_of_the_softmax(grad_y, a, q, k, v):
    grad_e = (grad_y @ v.mT) * a * (1 - a) / math.sqrt(q.shape[-1])
    return _grads(grad_e, grad_y, a, q, k)


@mistake(
    "attention_backward",
    source="constructed: softmax is skipped",
    hints=(
        "Weights of exactly 0 let gradients through.",
        "It is the step from the weights to the scores.",
        "Which function of the forward pass has no trace in your backward pass?",
    ),
)
def past_the_softmax(grad_y, a, q, k, v):
    grad_e = (grad_y @ v.mT) / math.sqrt(q.shape[-1])
    return _grads(grad_e, grad_y, a, q, k)


@mistake(
    "attention_backward",
    source="constructed: softmax taken for an exponential",
    hints=(
        "Add a constant to all values: the gradients of queries and keys must not move, yours do.",
        "It is the derivative of softmax.",
        "What does one key lose when another one gains?",
    ),
)
def exponential_without_its_sum(grad_y, a, q, k, v):
    grad_e = a * (grad_y @ v.mT) / math.sqrt(q.shape[-1])
    return _grads(grad_e, grad_y, a, q, k)


@mistake(
    "attention_backward",
    source="constructed: the sign of the second term",
    hints=(
        "Add a constant to all values: the gradients of queries and keys must not move, yours do.",
        "It is the derivative of softmax, its second term.",
        "What one key gains, do the others gain or lose?",
    ),
)
def plus_the_sum(grad_y, a, q, k, v):
    grad_a = grad_y @ v.mT
    grad_e = a * (grad_a + (grad_a * a).sum(-1, keepdim=True)) / math.sqrt(q.shape[-1])
    return _grads(grad_e, grad_y, a, q, k)


@mistake(
    "attention_backward",
    source="constructed: a plain mean where the weighted one belongs",
    hints=(
        "The gradients of the scores of one query do not sum to 0.",
        "It is the derivative of softmax, its second term.",
        "With which weights is the average taken?",
    ),
)
def minus_the_plain_mean(grad_y, a, q, k, v):
    grad_a = grad_y @ v.mT
    grad_e = a * (grad_a - grad_a.mean(-1, keepdim=True)) / math.sqrt(q.shape[-1])
    return _grads(grad_e, grad_y, a, q, k)


@mistake(
    "attention_backward",
    source="constructed: the factor in front is forgotten",
    hints=(
        "Weights of exactly 0 let gradients through.",
        "It is the derivative of softmax, the factor in front.",
        "How much can the weight of a hidden key still change?",
    ),
)
def weights_only_in_the_mean(grad_y, a, q, k, v):
    grad_a = grad_y @ v.mT
    grad_e = (grad_a - (grad_a * a).sum(-1, keepdim=True)) / math.sqrt(q.shape[-1])
    return _grads(grad_e, grad_y, a, q, k)


@mistake(
    "attention_backward",
    source="constructed: softmax over the queries, on the way back",
    hints=(
        "The gradients of the scores of one query do not sum to 0; those of one key do.",
        "It is the derivative of softmax.",
        "Who competes for attention: the keys of one query, or the queries of one key?",
    ),
)
def sum_over_the_queries(grad_y, a, q, k, v):
    grad_a = grad_y @ v.mT
    grad_e = a * (grad_a - (grad_a * a).sum(-2, keepdim=True)) / math.sqrt(q.shape[-1])
    return _grads(grad_e, grad_y, a, q, k)


@mistake(
    "attention_backward",
    source="constructed: gradients at the scores used for the values",
    hints=(
        "The gradients of queries and keys are right, that of the values is not.",
        "It is the product that made the output.",
        "Which factor stood next to the values?",
    ),
)
def values_from_the_scores(grad_y, a, q, k, v):
    grad_e = _through_softmax(grad_y @ v.mT, a) / math.sqrt(q.shape[-1])
    return grad_e @ k, grad_e.mT @ q, grad_e.mT @ grad_y


@mistake(
    "attention_backward",
    source="constructed: the weights not transposed",
    hints=(
        "The gradient of the values is that of a transposed table of weights.",
        "It shows where there are as many keys as queries; elsewhere the shapes do not fit.",
        "A value is used by several queries. Over which axis do you sum?",
    ),
)
def weights_not_transposed(grad_y, a, q, k, v):
    grad_e = _through_softmax(grad_y @ v.mT, a) / math.sqrt(q.shape[-1])
    return grad_e @ k, grad_e.mT @ q, a @ grad_y


@mistake(
    "attention_backward",
    source="constructed: queries and keys exchanged",
    hints=(
        "The gradient of the queries is made of queries.",
        "It shows where there are as many keys as queries; elsewhere the shapes do not fit.",
        "The derivative of a product with respect to one factor: what is left?",
    ),
)
def own_factor(grad_y, a, q, k, v):
    grad_e = _through_softmax(grad_y @ v.mT, a) / math.sqrt(q.shape[-1])
    return grad_e @ q, grad_e.mT @ k, a.mT @ grad_y


@mistake(
    "attention_backward",
    source="constructed: the two gradients in the wrong order",
    hints=(
        "All three gradients are right, two of them stand in the wrong place.",
        "It is the return statement.",
        "In which order do the arguments stand?",
    ),
)
def order_of_the_gradients(grad_y, a, q, k, v):
    grad_e = _through_softmax(grad_y @ v.mT, a) / math.sqrt(q.shape[-1])
    return grad_e.mT @ q, grad_e @ k, a.mT @ grad_y


# --- split_heads ------------------------------------------------------------------------------


@mistake(
    "split_heads",
    source="reczoo/FuxiCTR, issue 30: view without a transpose",
    hints=(
        "A head gets features of several tokens mixed.",
        "It shows as soon as there are several tokens and several heads.",
        "Label every entry (token, feature) on paper: where does yours put token 1?",
    ),
)
def view_alone(x, num_heads):
    N, T, D = x.shape
    return x.reshape(N, num_heads, T, D // num_heads)


@mistake(
    "split_heads",
    source="constructed: features dealt out like cards",
    hints=(
        "Head 0 gets features that lie far apart.",
        "The tokens are right, the features of each head are not.",
        "Does head 0 get the first features, or every second one?",
    ),
)
def like_cards(x, num_heads):
    return x.unflatten(-1, (-1, num_heads)).movedim(-1, 1)


@mistake(
    "split_heads",
    source="constructed: the axes are not exchanged",
    hints=(
        "Features and tokens are right, the axes are not.",
        "The heads stand behind the tokens.",
        "Which axis of the result is that of the heads?",
    ),
)
def heads_behind_tokens(x, num_heads):
    return x.unflatten(-1, (num_heads, -1))


@mistake(
    "split_heads",
    source="constructed: the number of heads read as their size",
    hints=(
        "You make heads of `num_heads` features each.",
        "It is right where the number of heads is the root of D.",
        "How many heads are there if D is 6 and `num_heads` is 2?",
    ),
)
def number_as_size(x, num_heads):
    return x.unflatten(-1, (-1, num_heads)).transpose(1, 2)


@mistake(
    "split_heads",
    source="constructed: heads merged into the batch",
    hints=(
        "The numbers are right, the shape is not.",
        "Batch and heads share an axis.",
        "How many axes does the result have?",
    ),
)
def heads_in_the_batch(x, num_heads):
    return x.unflatten(-1, (num_heads, -1)).transpose(1, 2).flatten(0, 1)


@mistake(
    "split_heads",
    source="constructed: the tokens dealt out instead of the features",
    hints=(
        "A head does not see all tokens.",
        "The shape is right only where T and D fit by chance.",
        "What is split: the text, or the features of each token?",
    ),
)
def splits_the_tokens(x, num_heads):
    N, T, D = x.shape
    if T % num_heads:
        return x.reshape(N, num_heads, T, -1)
    return x.view(N, num_heads, T // num_heads, D)


@mistake(
    "split_heads",
    source="constructed: heads from last to first",
    hints=(
        "Each head is right, their order is not.",
        "With one head all is well.",
        "Which head gets the first features?",
    ),
)
def last_head_first(x, num_heads):
    return x.unflatten(-1, (num_heads, -1)).transpose(1, 2).flip(1)


# --- merge_heads ------------------------------------------------------------------------------


@mistake(
    "merge_heads",
    source="jsbaan/transformer-from-scratch, issue 6: reshape without a transpose",
    hints=(
        "The output of a token holds features of other tokens.",
        "It shows as soon as there are several tokens and several heads.",
        "Label every entry (head, token, feature) on paper: which ones does yours put first?",
    ),
)
def reshape_alone(x):
    N, H, T, d = x.shape
    return x.reshape(N, T, H * d)


@mistake(
    "merge_heads",
    source="constructed: features of the heads in turn",
    hints=(
        "The tokens are right, the features of the heads are shuffled.",
        "It shows with several heads of several features.",
        "Does feature 1 of head 0 stand before feature 0 of head 1?",
    ),
)
def features_in_turn(x):
    return x.permute(0, 2, 3, 1).flatten(2)


@mistake(
    "merge_heads",
    source="constructed: the wrong two axes exchanged",
    hints=(
        "The output of a token holds features of other tokens.",
        "It shows as soon as there are several tokens.",
        "Which two axes have to stand next to each other before they can become one?",
    ),
)
def wrong_axes(x):
    N, H, T, d = x.shape
    return x.transpose(2, 3).reshape(N, T, H * d)


@mistake(
    "merge_heads",
    source="constructed: the heads are averaged",
    hints=(
        "What the heads found is mixed; it should stand side by side.",
        "It is the shape already.",
        "How many features has a token if three heads found two each?",
    ),
)
def averaged(x):
    return x.mean(1)


@mistake(
    "merge_heads",
    source="constructed: the axes are exchanged but not joined",
    hints=(
        "The order is right, there is one axis too many.",
        "It is the last step.",
        "How many axes did the tokens have before they were split?",
    ),
)
def not_joined(x):
    return x.transpose(1, 2)


@mistake(
    "merge_heads",
    source="constructed: the heads one below the other",
    hints=(
        "The texts of the heads follow one another.",
        "It is the shape already.",
        "Along which axis do the heads stand side by side?",
    ),
)
def one_below_the_other(x):
    return x.flatten(1, 2)


@mistake(
    "merge_heads",
    source="constructed: heads from last to first",
    hints=(
        "The features of each head are right, their order is not.",
        "With one head all is well.",
        "Whose features come first?",
    ),
)
def last_head_in_front(x):
    return x.flip(1).transpose(1, 2).flatten(2)


@mistake(
    "merge_heads",
    source="facebookresearch/fairseq, issue 2598: a view of what was transposed",
    hints=(
        "Most inputs give an error; a single head, or a single token, does not.",
        "The axes are in the right order; it is the step that joins two of them.",
        "Which ways to join two axes need them to lie side by side in memory, and which copy?",
    ),
)
def view_of_transposed(x):
    N, H, T, d = x.shape
    return x.transpose(1, 2).view(N, T, H * d)


# --- multi_head_attention ---------------------------------------------------------------------


def _split(x, num_heads):
    return x.unflatten(-1, (num_heads, -1)).transpose(1, 2)


def _merge(x):
    return x.transpose(1, 2).flatten(2)


def _qkv(x, W_q, W_k, W_v, num_heads):
    return (_split(x @ W.T, num_heads) for W in (W_q, W_k, W_v))


@mistake(
    "multi_head_attention",
    source="the class notes, 6.5.4, which have nothing behind the heads",
    hints=(
        "Another output weight gives you the same result.",
        "It is the last step; where E differs from D the shape is wrong too.",
        "What mixes what the heads have found?",
    ),
)
def no_output_projection(x, W_q, W_k, W_v, W_o, num_heads, mask=None):
    q, k, v = _qkv(x, W_q, W_k, W_v, num_heads)
    return _merge(_weights(_scores(q, k), mask) @ v)


@mistake(
    "multi_head_attention",
    source="lucidrains/vit-pytorch, issue 65: the scale of the model, not of the head",
    hints=(
        "Your weights are too even, the more heads the more so.",
        "With one head all is well.",
        "How many terms does the scalar product of one head add?",
    ),
)
def scaled_by_the_whole_width(x, W_q, W_k, W_v, W_o, num_heads, mask=None):
    q, k, v = _qkv(x, W_q, W_k, W_v, num_heads)
    a = _weights(q @ k.mT / math.sqrt(len(W_q)), mask)
    return _merge(a @ v) @ W_o.T


@mistake(
    "multi_head_attention",
    source="PAIR-code/tiny-transformers, issue 71: the scale is forgotten",
    hints=(
        "Your weights are too sure of themselves.",
        "Heads of one feature hide it.",
        "A scalar product adds d terms. How large is it typically?",
    ),
)
def heads_without_scale(x, W_q, W_k, W_v, W_o, num_heads, mask=None):
    q, k, v = _qkv(x, W_q, W_k, W_v, num_heads)
    return _merge(_weights(q @ k.mT, mask) @ v) @ W_o.T


@mistake(
    "multi_head_attention",
    source="hyunwoongko/transformer, issue 15: view without a transpose",
    hints=(
        "Shuffle the tokens: your outputs are not the same ones, shuffled.",
        "It is where the heads are made; with one head all is well.",
        "Does a head of yours see all tokens?",
    ),
)
def heads_by_view_alone(x, W_q, W_k, W_v, W_o, num_heads, mask=None):
    N, T, _ = x.shape
    q, k, v = ((x @ W.T).reshape(N, num_heads, T, -1) for W in (W_q, W_k, W_v))
    return _merge(_weights(_scores(q, k), mask) @ v) @ W_o.T


@mistake(
    "multi_head_attention",
    source="jsbaan/transformer-from-scratch, issue 6: merge without a transpose",
    hints=(
        "Shuffle the tokens: your outputs are not the same ones, shuffled.",
        "It is where the heads are put together; with one head all is well.",
        "Which entries stand next to each other when you reshape?",
    ),
)
def merged_by_view_alone(x, W_q, W_k, W_v, W_o, num_heads, mask=None):
    N, T, _ = x.shape
    q, k, v = _qkv(x, W_q, W_k, W_v, num_heads)
    y = _weights(_scores(q, k), mask) @ v
    return y.reshape(N, T, -1) @ W_o.T


@mistake(
    "multi_head_attention",
    source="constructed: view without a transpose, there and back",
    hints=(
        "Shuffle the tokens: your outputs are not the same ones, shuffled.",
        "It is where the heads are made, and where they are put together.",
        "Does a head of yours see all tokens?",
    ),
)
def views_there_and_back(x, W_q, W_k, W_v, W_o, num_heads, mask=None):
    N, T, _ = x.shape
    q, k, v = ((x @ W.T).reshape(N, num_heads, T, -1) for W in (W_q, W_k, W_v))
    y = _weights(_scores(q, k), mask) @ v
    return y.reshape(N, T, -1) @ W_o.T


@mistake(
    "multi_head_attention",
    source="constructed: features dealt out like cards",
    hints=(
        "Each head sees other features than it should.",
        "It shows with several heads of several features.",
        "Does head 0 get the first features, or every second one?",
    ),
)
def heads_like_cards(x, W_q, W_k, W_v, W_o, num_heads, mask=None):
    q, k, v = ((x @ W.T).unflatten(-1, (-1, num_heads)).movedim(-1, 1) for W in (W_q, W_k, W_v))
    return _merge(_weights(_scores(q, k), mask) @ v) @ W_o.T


@mistake(
    "multi_head_attention",
    source="constructed: a single head",
    hints=(
        "The number of heads does not change your result.",
        "With one head all is well.",
        "How many tables of weights are there for one sequence?",
    ),
)
def a_single_head(x, W_q, W_k, W_v, W_o, num_heads, mask=None):
    if mask is not None and mask.dim() == 4:
        mask = mask[:, :1]
    elif mask is not None and mask.dim() == 3:
        mask = mask[:1]
    q, k, v = _qkv(x, W_q, W_k, W_v, 1)
    return _merge(_weights(_scores(q, k), mask) @ v) @ W_o.T


@mistake(
    "multi_head_attention",
    source="the class notes, 6.5.4, which cut the input into chunks",
    hints=(
        "A head of yours sees only some of the features of the input.",
        "With one head all is well; else it shows where E equals D, elsewhere shapes do not fit.",
        "What is cut into heads: the input, or what the projections make of it?",
    ),
)
def chunks_of_the_input(x, W_q, W_k, W_v, W_o, num_heads, mask=None):
    d = len(W_q) // num_heads
    out = []
    for h in range(num_heads):
        part = slice(h * d, (h + 1) * d)
        q, k, v = (x[..., part] @ W[part, part].T for W in (W_q, W_k, W_v))
        seen = mask
        if mask is not None and mask.dim() >= 3:
            seen = mask.expand(len(x), num_heads, -1, -1)[:, h]
        out.append(_weights(_scores(q, k), seen) @ v)
    return torch.cat(out, dim=-1) @ W_o.T


@mistake(
    "multi_head_attention",
    source="a habit from CS231n, whose weights have the shape (in, out)",
    hints=(
        "Rows and columns of the input's weights are exchanged.",
        "It shows where E equals D; elsewhere the shapes do not fit.",
        "Which of inputs and outputs counts the rows of a weight?",
    ),
)
def weights_in_out(x, W_q, W_k, W_v, W_o, num_heads, mask=None):
    q, k, v = (_split(x @ W, num_heads) for W in (W_q, W_k, W_v))
    return _merge(_weights(_scores(q, k), mask) @ v) @ W_o.T


@mistake(
    "multi_head_attention",
    source="constructed: the output weight not transposed",
    hints=(
        "Rows and columns of the output's weight are exchanged.",
        "It shows where E equals D; elsewhere the shapes do not fit.",
        "Which of inputs and outputs counts the rows of a weight?",
    ),
)
def output_weight_in_out(x, W_q, W_k, W_v, W_o, num_heads, mask=None):
    q, k, v = _qkv(x, W_q, W_k, W_v, num_heads)
    return _merge(_weights(_scores(q, k), mask) @ v) @ W_o


@mistake(
    "multi_head_attention",
    source="121 public solution sets of one course: the value projection is fed with the key",
    hints=(
        "Another weight of the values gives you the same result.",
        "It is what the heads average.",
        "Which of your three projections uses which weight?",
    ),
)
def averages_projected_keys(x, W_q, W_k, W_v, W_o, num_heads, mask=None):
    q, k, _ = _qkv(x, W_q, W_k, W_v, num_heads)
    return _merge(_weights(_scores(q, k), mask) @ k) @ W_o.T


@mistake(
    "multi_head_attention",
    source="constructed: queries and keys exchanged",
    hints=(
        "A token attends to those that should attend to it.",
        "It is the scores.",
        "Which axis of the scores is that of the queries?",
    ),
)
def projected_keys_ask(x, W_q, W_k, W_v, W_o, num_heads, mask=None):
    q, k, v = _qkv(x, W_q, W_k, W_v, num_heads)
    return _merge(_weights(_scores(k, q), mask) @ v) @ W_o.T


@mistake(
    "multi_head_attention",
    source="constructed: the projection of the queries is left out",
    hints=(
        "Another weight of the queries gives you the same result.",
        "It shows where E equals D; elsewhere the shapes do not fit.",
        "What is a token's query: the token itself?",
    ),
)
def raw_queries(x, W_q, W_k, W_v, W_o, num_heads, mask=None):
    _, k, v = _qkv(x, W_q, W_k, W_v, num_heads)
    return _merge(_weights(_scores(_split(x, num_heads), k), mask) @ v) @ W_o.T


@mistake(
    "multi_head_attention",
    source="121 public solution sets of one course: the result of masked_fill is discarded",
    hints=(
        "With and without a mask you return the same.",
        "Everything else is right.",
        "What happens to the masked scores once you have them?",
    ),
)
def heads_without_mask(x, W_q, W_k, W_v, W_o, num_heads, mask=None):
    q, k, v = _qkv(x, W_q, W_k, W_v, num_heads)
    return _merge(_weights(_scores(q, k), None) @ v) @ W_o.T


@mistake(
    "multi_head_attention",
    source="a habit from nn.Transformer, whose masks mark what is hidden",
    hints=(
        "Each token attends to exactly those that it may not attend to.",
        "It is where the mask meets the scores.",
        "What does True mean in this notebook?",
    ),
)
def heads_with_inverted_mask(x, W_q, W_k, W_v, W_o, num_heads, mask=None):
    q, k, v = _qkv(x, W_q, W_k, W_v, num_heads)
    a = _weights(_scores(q, k), None if mask is None else ~mask)
    return _merge(a @ v) @ W_o.T


@mistake(
    "multi_head_attention",
    source="georg-wolflein/good-features, issue 1: the mask multiplies the scores",
    hints=(
        "A token that is not allowed still gets a weight.",
        "It is where the mask meets the scores.",
        "What is e to the power 0?",
    ),
)
def mask_times_scores_of_heads(x, W_q, W_k, W_v, W_o, num_heads, mask=None):
    q, k, v = _qkv(x, W_q, W_k, W_v, num_heads)
    scores = _scores(q, k)
    scores = scores if mask is None else scores * mask
    return _merge(_weights(scores, None) @ v) @ W_o.T


@mistake(
    "multi_head_attention",
    source="constructed: a number that is low enough for ordinary scores stands for infinity",
    hints=(
        "A token that is not allowed gets the weight, if the allowed ones have low scores.",
        "It is the number that stands for a hidden score.",
        "Could the score of a token that is allowed be lower than your mask?",
    ),
)
def finite_stand_in_for_heads(x, W_q, W_k, W_v, W_o, num_heads, mask=None):
    q, k, v = _qkv(x, W_q, W_k, W_v, num_heads)
    scores = _scores(q, k)
    scores = scores if mask is None else scores.masked_fill(~mask, -30.0)
    return _merge(_weights(scores, None) @ v) @ W_o.T


@mistake(
    "multi_head_attention",
    source="huggingface/pytorch-image-models, issue 2236: the mask comes after the softmax",
    hints=(
        "With a mask, your weights sum to less than 1.",
        "The mask comes at the wrong moment.",
        "Some probability was spent on forbidden tokens. Where did it go?",
    ),
)
def mask_after_the_softmax_of_heads(x, W_q, W_k, W_v, W_o, num_heads, mask=None):
    q, k, v = _qkv(x, W_q, W_k, W_v, num_heads)
    a = _weights(_scores(q, k), None)
    a = a if mask is None else a * mask
    return _merge(a @ v) @ W_o.T


@mistake(
    "multi_head_attention",
    source="PetrochukM/PyTorch-NLP, issue 2: softmax over the queries",
    hints=(
        "The weights of one query do not sum to 1; those of one key do.",
        "It is the softmax.",
        "Who shares the attention: the keys of one query, or the queries of one key?",
    ),
)
def heads_with_softmax_over_the_queries(x, W_q, W_k, W_v, W_o, num_heads, mask=None):
    q, k, v = _qkv(x, W_q, W_k, W_v, num_heads)
    a = _weights(_hide(_scores(q, k), mask).mT, None).mT
    return _merge(a @ v) @ W_o.T


@mistake(
    "multi_head_attention",
    source="constructed: the heads compete with each other",
    hints=(
        "The heads do not look independently: one takes what another leaves.",
        "It is the softmax.",
        "Which axis of the scores, (N, H, T, T), is that of the keys?",
    ),
)
def softmax_over_the_heads(x, W_q, W_k, W_v, W_o, num_heads, mask=None):
    q, k, v = _qkv(x, W_q, W_k, W_v, num_heads)
    a = _weights(_hide(_scores(q, k), mask).movedim(1, -1), None).movedim(-1, 1)
    return _merge(a @ v) @ W_o.T


# --- kv_cache_step ----------------------------------------------------------------------------


@mistake(
    "kv_cache_step",
    source="constructed: the cache is read before it is filled",
    hints=(
        "The new token does not attend to itself; the first one gets nothing.",
        "The caches that you return are right.",
        "May a token look at itself?",
    ),
)
def attends_to_the_old_only(x, cache_k, cache_v, W_q, W_k, W_v, W_o, num_heads):
    q, k, v = _qkv(x, W_q, W_k, W_v, num_heads)
    y = q * 0 if cache_k.shape[2] == 0 else _weights(_scores(q, cache_k), None) @ cache_v
    return _merge(y) @ W_o.T, torch.cat([cache_k, k], 2), torch.cat([cache_v, v], 2)


@mistake(
    "kv_cache_step",
    source="constructed: the cache is filled and never read",
    hints=(
        "The new token attends to itself alone.",
        "The caches that you return are right; the first token is too.",
        "What were the keys kept for?",
    ),
)
def attends_to_itself_only(x, cache_k, cache_v, W_q, W_k, W_v, W_o, num_heads):
    _, k, v = _qkv(x, W_q, W_k, W_v, num_heads)
    return _merge(v) @ W_o.T, torch.cat([cache_k, k], 2), torch.cat([cache_v, v], 2)


@mistake(
    "kv_cache_step",
    source="constructed: the new token in front",
    hints=(
        "The outputs are right, the caches are out of order.",
        "The new entries stand at the wrong end.",
        "Which token is the oldest?",
    ),
)
def newest_first(x, cache_k, cache_v, W_q, W_k, W_v, W_o, num_heads):
    q, k, v = _qkv(x, W_q, W_k, W_v, num_heads)
    cache_k, cache_v = torch.cat([k, cache_k], 2), torch.cat([v, cache_v], 2)
    y = _weights(_scores(q, cache_k), None) @ cache_v
    return _merge(y) @ W_o.T, cache_k, cache_v


@mistake(
    "kv_cache_step",
    source="constructed: a causal mask for a single query",
    hints=(
        "The new token attends to the oldest one alone.",
        "With an empty cache all is well, and the caches are right.",
        "Which row of the causal mask belongs to the newest token?",
    ),
)
def first_row_of_the_mask(x, cache_k, cache_v, W_q, W_k, W_v, W_o, num_heads):
    q, k, v = _qkv(x, W_q, W_k, W_v, num_heads)
    cache_k, cache_v = torch.cat([cache_k, k], 2), torch.cat([cache_v, v], 2)
    scores = _scores(q, cache_k)
    mask = torch.ones_like(scores, dtype=torch.bool).tril()
    return _merge(_weights(scores, mask) @ cache_v) @ W_o.T, cache_k, cache_v


@mistake(
    "kv_cache_step",
    source="constructed: keys stored as values",
    hints=(
        "The cache of values holds a key.",
        "It is the entry of the new token.",
        "Which projection fills which cache?",
    ),
)
def key_in_both_caches(x, cache_k, cache_v, W_q, W_k, W_v, W_o, num_heads):
    q, k, _ = _qkv(x, W_q, W_k, W_v, num_heads)
    cache_k, cache_v = torch.cat([cache_k, k], 2), torch.cat([cache_v, k], 2)
    y = _weights(_scores(q, cache_k), None) @ cache_v
    return _merge(y) @ W_o.T, cache_k, cache_v


@mistake(
    "kv_cache_step",
    source="constructed: the cache slides",
    hints=(
        "Your caches do not grow; the oldest token is forgotten.",
        "It shows as soon as there is something to forget.",
        "How many keys are there after S + 1 tokens?",
    ),
)
def forgets_the_oldest(x, cache_k, cache_v, W_q, W_k, W_v, W_o, num_heads):
    q, k, v = _qkv(x, W_q, W_k, W_v, num_heads)
    cache_k, cache_v = torch.cat([cache_k[:, :, 1:], k], 2), torch.cat([cache_v[:, :, 1:], v], 2)
    y = _weights(_scores(q, cache_k), None) @ cache_v
    return _merge(y) @ W_o.T, cache_k, cache_v


@mistake(
    "kv_cache_step",
    source="constructed: the new entries are used, not kept",
    hints=(
        "The output is right, the caches come back as they came in.",
        "It is what you return.",
        "What will the next token need of this one?",
    ),
)
def caches_not_returned(x, cache_k, cache_v, W_q, W_k, W_v, W_o, num_heads):
    q, k, v = _qkv(x, W_q, W_k, W_v, num_heads)
    keys, values = torch.cat([cache_k, k], 2), torch.cat([cache_v, v], 2)
    y = _weights(_scores(q, keys), None) @ values
    return _merge(y) @ W_o.T, cache_k, cache_v


@mistake(
    "kv_cache_step",
    source="Graylab/DL4Proteins-notebooks, issue 12: the scale of the model, not of the head",
    hints=(
        "Your weights are too even, the more heads the more so.",
        "The caches are right; with one head all is well.",
        "How many terms does the scalar product of one head add?",
    ),
)
def step_scaled_by_the_whole_width(x, cache_k, cache_v, W_q, W_k, W_v, W_o, num_heads):
    q, k, v = _qkv(x, W_q, W_k, W_v, num_heads)
    cache_k, cache_v = torch.cat([cache_k, k], 2), torch.cat([cache_v, v], 2)
    a = _weights(q @ cache_k.mT / math.sqrt(len(W_q)), None)
    return _merge(a @ cache_v) @ W_o.T, cache_k, cache_v


@mistake(
    "kv_cache_step",
    source="constructed: the caches exchanged",
    hints=(
        "Keys are averaged and values are asked.",
        "It is how the caches are used; what you return is right.",
        "Which cache meets the query, and which one the weights?",
    ),
)
def caches_exchanged(x, cache_k, cache_v, W_q, W_k, W_v, W_o, num_heads):
    q, k, v = _qkv(x, W_q, W_k, W_v, num_heads)
    cache_k, cache_v = torch.cat([cache_k, k], 2), torch.cat([cache_v, v], 2)
    y = _weights(_scores(q, cache_v), None) @ cache_k
    return _merge(y) @ W_o.T, cache_k, cache_v


@mistake(
    "kv_cache_step",
    source="the class notes, 6.5.4, which have nothing behind the heads",
    hints=(
        "Another output weight gives you the same result.",
        "It is the last step; the caches are right.",
        "What mixes what the heads have found?",
    ),
)
def step_without_output_projection(x, cache_k, cache_v, W_q, W_k, W_v, W_o, num_heads):
    q, k, v = _qkv(x, W_q, W_k, W_v, num_heads)
    cache_k, cache_v = torch.cat([cache_k, k], 2), torch.cat([cache_v, v], 2)
    y = _merge(_weights(_scores(q, cache_k), None) @ cache_v)
    return y, cache_k, cache_v


@mistake(
    "kv_cache_step",
    source="constructed: the heads of the new token dealt out like cards",
    hints=(
        "The new token's features go to the wrong heads.",
        "It shows with several heads of several features, in all three results.",
        "Does head 0 get the first features, or every second one?",
    ),
)
def new_token_like_cards(x, cache_k, cache_v, W_q, W_k, W_v, W_o, num_heads):
    q, k, v = ((x @ W.T).unflatten(-1, (-1, num_heads)).movedim(-1, 1) for W in (W_q, W_k, W_v))
    cache_k, cache_v = torch.cat([cache_k, k], 2), torch.cat([cache_v, v], 2)
    y = _weights(_scores(q, cache_k), None) @ cache_v
    return _merge(y) @ W_o.T, cache_k, cache_v


# --- sinusoidal_positions ---------------------------------------------------------------------


def _columns(positions, d):
    column = torch.arange(d, dtype=positions.dtype, device=positions.device)
    return column, column - column % 2


def _waves(angle):
    out = angle.sin()
    out[:, 1::2] = angle[:, 1::2].cos()
    return out


@mistake(
    "sinusoidal_positions",
    source="constructed: a frequency for each column",
    hints=(
        "A sine and its cosine do not belong to the same wave: their squares do not sum to 1.",
        "The sines are right.",
        "How many different frequencies are there for d columns?",
    ),
)
def a_frequency_for_each_column(positions, d):
    column, _ = _columns(positions, d)
    return _waves(positions.unsqueeze(1) / 10000 ** (column / d))


@mistake(
    "sinusoidal_positions",
    source="constructed: the number of the pair in place of twice the number",
    hints=(
        "Your slowest wave is too fast.",
        "The first pair of columns is right.",
        "How far does the exponent get, close to 1 or close to 1/2?",
    ),
)
def exponent_halved(positions, d):
    _, even = _columns(positions, d)
    return _waves(positions.unsqueeze(1) / 10000 ** (even / 2 / d))


@mistake(
    "sinusoidal_positions",
    source="constructed: the number of the column doubled",
    hints=(
        "Your waves get slow too soon.",
        "The first pair of columns is right.",
        "Which numbers does 2i run through, and which number has the column?",
    ),
)
def exponent_doubled(positions, d):
    _, even = _columns(positions, d)
    return _waves(positions.unsqueeze(1) / 10000 ** (2 * even / d))


@mistake(
    "sinusoidal_positions",
    source="constructed: cosines in the even columns",
    hints=(
        "Position 0 is (1, 0, 1, 0, ...).",
        "It is the order within each pair.",
        "What is the sine of 0?",
    ),
)
def cosines_first(positions, d):
    _, even = _columns(positions, d)
    return _waves(positions.unsqueeze(1) / 10000 ** (even / d) + math.pi / 2).mul(
        torch.where(torch.arange(d, device=positions.device) % 2 == 0, 1, -1)
    )


@mistake(
    "sinusoidal_positions",
    source="tensor2tensor and its descendants: all sines, then all cosines",
    hints=(
        "The numbers are right, the columns are in another order.",
        "All sines stand in front of all cosines.",
        "Which columns does the formula give to the sine?",
    ),
)
def two_blocks(positions, d):
    _, even = _columns(positions, d)
    out = _waves(positions.unsqueeze(1) / 10000 ** (even / d))
    return torch.cat([out[:, 0::2], out[:, 1::2]], dim=1)


@mistake(
    "sinusoidal_positions",
    source="constructed: sines only",
    hints=(
        "Position 0 is all zeros.",
        "The even columns are right.",
        "What stands in the odd columns?",
    ),
)
def sines_only(positions, d):
    _, even = _columns(positions, d)
    return torch.sin(positions.unsqueeze(1) / 10000 ** (even / d))


@mistake(
    "sinusoidal_positions",
    source="constructed: positions counted from 1",
    hints=(
        "Position 0 is not (0, 1, 0, 1, ...).",
        "All rows are those of a position further on.",
        "Is the first position in the argument 0 or 1?",
    ),
)
def counted_from_one(positions, d):
    _, even = _columns(positions, d)
    return _waves((positions + 1).unsqueeze(1) / 10000 ** (even / d))


@mistake(
    "sinusoidal_positions",
    source="constructed: the argument's length in place of its values",
    hints=(
        "The order of the positions does not change your result.",
        "With the positions 0, 1, 2, ... all is well.",
        "Is the third position in the argument always 2?",
    ),
)
def ignores_the_positions(positions, d):
    _, even = _columns(positions, d)
    place = torch.arange(len(positions), dtype=positions.dtype, device=positions.device)
    return _waves(place.unsqueeze(1) / 10000 ** (even / d))


@mistake(
    "sinusoidal_positions",
    source="constructed: the power multiplies",
    hints=(
        "Your waves get faster from column to column.",
        "The first pair of columns is right.",
        "Does the last pair of columns change quickly or slowly with the position?",
    ),
)
def faster_and_faster(positions, d):
    _, even = _columns(positions, d)
    return _waves(positions.unsqueeze(1) * 10 ** (even / d))


@mistake(
    "sinusoidal_positions",
    source="constructed: a base of 1000",
    hints=(
        "Your slowest wave is too fast.",
        "The first pair of columns is right.",
        "How many zeros has the base?",
    ),
)
def another_base(positions, d):
    _, even = _columns(positions, d)
    return _waves(positions.unsqueeze(1) / 1000 ** (even / d))


@mistake(
    "sinusoidal_positions",
    source="codertimo/BERT-pytorch, issue 78: an odd number of features",
    hints=(
        "Some widths give an error.",
        "It is odd ones.",
        "With 5 features, how many sines are there, and how many cosines?",
    ),
)
def even_widths_only(positions, d):
    even = torch.arange(0, d, 2, dtype=positions.dtype, device=positions.device)
    angle = positions.unsqueeze(1) / 10000 ** (even / d)
    out = positions.new_zeros(len(positions), d)
    out[:, 0::2] = angle.sin()
    out[:, 1::2] = angle.cos()
    return out


# --- transformer_block ------------------------------------------------------------------------


def _attended(h, p, num_heads, mask):
    q, k, v = _qkv(h, p["W_q"], p["W_k"], p["W_v"], num_heads)
    return _merge(_weights(_scores(q, k), mask) @ v) @ p["W_o"].T


def _thought(h, p):
    return torch.relu(h @ p["W_1"].T + p["b_1"]) @ p["W_2"].T + p["b_2"]


def _normal(z, gamma, beta):
    centred = z - z.mean(-1, keepdim=True)
    return gamma * centred / torch.sqrt((centred**2).mean(-1, keepdim=True) + 1e-5) + beta


def _norms(p, normal=_normal):
    return (
        lambda z: normal(z, p["gamma_1"], p["beta_1"]),
        lambda z: normal(z, p["gamma_2"], p["beta_2"]),
    )


def _composed(x, norm, attend, think, first, second):
    """Compose a block out of its four layers."""
    if norm == "post":
        h = first(x + attend(x))
        return second(h + think(h))
    h = x + attend(first(x))
    return h + think(second(h))


def _with_normal(x, params, num_heads, mask, norm, normal):
    """Return a block that is right but for its layer normalisation."""
    first, second = _norms(params, normal)

    def attend(h):
        return _attended(h, params, num_heads, mask)

    return _composed(x, norm, attend, lambda h: _thought(h, params), first, second)


@mistake(
    "transformer_block",
    source="constructed: the argument norm is not used",
    hints=(
        "With norm='pre' you return what belongs to norm='post'.",
        "Post is right.",
        "Where does the name of the variant enter your code?",
    ),
)
def always_post(x, params, num_heads, mask=None, norm="post"):
    return _with_normal(x, params, num_heads, mask, "post", _normal)


@mistake(
    "transformer_block",
    source="constructed: the argument norm is not used, the other way round",
    hints=(
        "With norm='post' you return what belongs to norm='pre'.",
        "Pre is right.",
        "Where does the name of the variant enter your code?",
    ),
)
def always_pre(x, params, num_heads, mask=None, norm="post"):
    return _with_normal(x, params, num_heads, mask, "pre", _normal)


@mistake(
    "transformer_block",
    source="constructed: the names of the variants exchanged",
    hints=(
        "Both variants are there, under each other's name.",
        "It is the choice between them.",
        "Post means behind. Behind what?",
    ),
)
def variants_exchanged(x, params, num_heads, mask=None, norm="post"):
    other = "pre" if norm == "post" else "post"
    return _with_normal(x, params, num_heads, mask, other, _normal)


@mistake(
    "transformer_block",
    source="constructed: nothing is added",
    hints=(
        "If attention and MLP return zeros, your block forgets the tokens.",
        "It is what happens to the output of each layer.",
        "How can a gradient reach the input without passing a layer?",
    ),
)
def no_residuals(x, params, num_heads, mask=None, norm="post"):
    first, second = _norms(params)
    if norm == "post":
        h = first(_attended(x, params, num_heads, mask))
        return second(_thought(h, params))
    h = _attended(first(x), params, num_heads, mask)
    return _thought(second(h), params)


@mistake(
    "transformer_block",
    source="constructed: the second residual connection is missing",
    hints=(
        "If the MLP returns zeros, your block forgets what attention did.",
        "It is the second half of the block.",
        "How many arrows in the figure of the block pass by a layer?",
    ),
)
def one_residual(x, params, num_heads, mask=None, norm="post"):
    first, second = _norms(params)
    if norm == "post":
        h = first(x + _attended(x, params, num_heads, mask))
        return second(_thought(h, params))
    h = x + _attended(first(x), params, num_heads, mask)
    return _thought(second(h), params)


@mistake(
    "transformer_block",
    source="constructed: the second residual starts at the input",
    hints=(
        "What attention found is lost on the straight path.",
        "It is the second half of the block.",
        "To what is the output of the MLP added?",
    ),
)
def residual_from_the_input(x, params, num_heads, mask=None, norm="post"):
    first, second = _norms(params)
    if norm == "post":
        h = first(x + _attended(x, params, num_heads, mask))
        return second(x + _thought(h, params))
    h = x + _attended(first(x), params, num_heads, mask)
    return x + _thought(second(h), params)


@mistake(
    "transformer_block",
    source="constructed: the residual of the normalised tokens",
    hints=(
        "With norm='pre', the size of the input is forgotten.",
        "Post is right.",
        "To what is the output of attention added: to the tokens, or to their normalised version?",
    ),
)
def residual_of_the_normalised(x, params, num_heads, mask=None, norm="post"):
    first, second = _norms(params)
    if norm == "post":
        return _with_normal(x, params, num_heads, mask, norm, _normal)
    z = first(x)
    h = z + _attended(z, params, num_heads, mask)
    z = second(h)
    return z + _thought(z, params)


@mistake(
    "transformer_block",
    source="constructed: the layer is normalised, then added",
    hints=(
        "With norm='post', the tokens that leave your block are not normalised.",
        "Pre is right.",
        "What is normalised: what a layer adds, or the sum?",
    ),
)
def normalised_before_adding(x, params, num_heads, mask=None, norm="post"):
    first, second = _norms(params)
    if norm == "pre":
        return _with_normal(x, params, num_heads, mask, norm, _normal)
    h = x + first(_attended(x, params, num_heads, mask))
    return h + second(_thought(h, params))


@mistake(
    "transformer_block",
    source="constructed: one layer normalisation for both places",
    hints=(
        "Other values of the second gamma and beta give you the same result.",
        "It is the second half of the block.",
        "How many layer normalisations are there, and do they share parameters?",
    ),
)
def one_norm_for_both(x, params, num_heads, mask=None, norm="post"):
    first, _ = _norms(params)

    def attend(h):
        return _attended(h, params, num_heads, mask)

    return _composed(x, norm, attend, lambda h: _thought(h, params), first, first)


@mistake(
    "transformer_block",
    source="constructed: the two layer normalisations exchanged",
    hints=(
        "With equal parameters in both places all is well.",
        "It is the layer normalisations.",
        "Which of them comes first?",
    ),
)
def norms_exchanged(x, params, num_heads, mask=None, norm="post"):
    first, second = _norms(params)

    def attend(h):
        return _attended(h, params, num_heads, mask)

    return _composed(x, norm, attend, lambda h: _thought(h, params), second, first)


@mistake(
    "transformer_block",
    source="constructed: layer normalisation without its parameters",
    hints=(
        "Gamma and beta do not change your result.",
        "It is the layer normalisation.",
        "What comes after the features have mean 0 and variance 1?",
    ),
)
def no_gamma_and_beta(x, params, num_heads, mask=None, norm="post"):
    def normal(z, gamma, beta):
        return _normal(z, torch.ones_like(gamma), torch.zeros_like(beta))

    return _with_normal(x, params, num_heads, mask, norm, normal)


@mistake(
    "transformer_block",
    source="harvardnlp/annotated-transformer, pull request 119: the variance of a sample",
    hints=(
        "Your normalised features are a little too small, most of all when there are few.",
        "It is the layer normalisation.",
        "By how many is the sum of squares divided in the handout?",
    ),
)
def unbiased_variance(x, params, num_heads, mask=None, norm="post"):
    def normal(z, gamma, beta):
        centred = z - z.mean(-1, keepdim=True)
        var = (centred**2).sum(-1, keepdim=True) / (z.shape[-1] - 1)
        return gamma * centred / torch.sqrt(var + 1e-5) + beta

    return _with_normal(x, params, num_heads, mask, norm, normal)


@mistake(
    "transformer_block",
    source="hkproj/pytorch-transformer, pull request 31: the small number outside the root",
    hints=(
        "Tokens whose features are nearly equal are blown up too much.",
        "It is the layer normalisation; ordinary tokens hide it.",
        "To what does the handout add the small number, before or after the root?",
    ),
)
def eps_outside_the_root(x, params, num_heads, mask=None, norm="post"):
    def normal(z, gamma, beta):
        centred = z - z.mean(-1, keepdim=True)
        return gamma * centred / ((centred**2).mean(-1, keepdim=True).sqrt() + 1e-5) + beta

    return _with_normal(x, params, num_heads, mask, norm, normal)


@mistake(
    "transformer_block",
    source="constructed: another small number",
    hints=(
        "Tokens whose features are nearly equal come out with another size.",
        "It is the layer normalisation; ordinary tokens hide it.",
        "How small is the small number in the handout?",
    ),
)
def another_eps(x, params, num_heads, mask=None, norm="post"):
    def normal(z, gamma, beta):
        centred = z - z.mean(-1, keepdim=True)
        return gamma * centred / ((centred**2).mean(-1, keepdim=True) + 1e-6).sqrt() + beta

    return _with_normal(x, params, num_heads, mask, norm, normal)


@mistake(
    "transformer_block",
    source="constructed: the mean is not subtracted",
    hints=(
        "Add the same number to all features of a token: your normalised token moves.",
        "It is the layer normalisation.",
        "What are mean and variance of the features behind it?",
    ),
)
def not_centred(x, params, num_heads, mask=None, norm="post"):
    def normal(z, gamma, beta):
        return gamma * z / torch.sqrt((z**2).mean(-1, keepdim=True) + 1e-5) + beta

    return _with_normal(x, params, num_heads, mask, norm, normal)


@mistake(
    "transformer_block",
    source="constructed: batch normalisation",
    hints=(
        "Another sequence in the batch changes the tokens of this one.",
        "It is the layer normalisation.",
        "Which numbers share one mean?",
    ),
)
def over_the_batch(x, params, num_heads, mask=None, norm="post"):
    def normal(z, gamma, beta):
        centred = z - z.mean(0, keepdim=True)
        return gamma * centred / torch.sqrt((centred**2).mean(0, keepdim=True) + 1e-5) + beta

    return _with_normal(x, params, num_heads, mask, norm, normal)


@mistake(
    "transformer_block",
    source="constructed: normalisation over tokens and features",
    hints=(
        "A token changes the normalisation of its neighbours.",
        "It is the layer normalisation; a single token hides it.",
        "How many numbers share one mean: those of a token, or those of a text?",
    ),
)
def over_the_text(x, params, num_heads, mask=None, norm="post"):
    def normal(z, gamma, beta):
        centred = z - z.mean((-2, -1), keepdim=True)
        var = (centred**2).mean((-2, -1), keepdim=True)
        return gamma * centred / torch.sqrt(var + 1e-5) + beta

    return _with_normal(x, params, num_heads, mask, norm, normal)


def _with_layers(x, params, num_heads, mask, norm, think):
    first, second = _norms(params)

    def attend(h):
        return _attended(h, params, num_heads, mask)

    return _composed(x, norm, attend, think, first, second)


@mistake(
    "transformer_block",
    source="constructed: an MLP without its activation",
    hints=(
        "Your MLP is a single linear map.",
        "It is between the two layers of the MLP.",
        "What lets a network do more than a matrix?",
    ),
)
def no_relu(x, params, num_heads, mask=None, norm="post"):
    def think(h):
        return (h @ params["W_1"].T + params["b_1"]) @ params["W_2"].T + params["b_2"]

    return _with_layers(x, params, num_heads, mask, norm, think)


@mistake(
    "transformer_block",
    source="constructed: an activation behind the last layer too",
    hints=(
        "Your MLP never makes a feature smaller.",
        "It is the end of the MLP.",
        "Does the last layer of a network have an activation?",
    ),
)
def relu_at_the_end(x, params, num_heads, mask=None, norm="post"):
    return _with_layers(x, params, num_heads, mask, norm, lambda h: torch.relu(_thought(h, params)))


@mistake(
    "transformer_block",
    source="GPT-2's activation where the handout has another one",
    hints=(
        "Your hidden units are not 0 where their input is negative.",
        "It is the activation of the MLP.",
        "Which activation does the handout name?",
    ),
)
def gelu_for_relu(x, params, num_heads, mask=None, norm="post"):
    def think(h):
        hidden = F.gelu(h @ params["W_1"].T + params["b_1"])
        return hidden @ params["W_2"].T + params["b_2"]

    return _with_layers(x, params, num_heads, mask, norm, think)


@mistake(
    "transformer_block",
    source="constructed: the biases are forgotten",
    hints=(
        "Other biases give you the same result.",
        "It is the MLP.",
        "How many parameters has a layer of the MLP?",
    ),
)
def no_biases(x, params, num_heads, mask=None, norm="post"):
    def think(h):
        return torch.relu(h @ params["W_1"].T) @ params["W_2"].T

    return _with_layers(x, params, num_heads, mask, norm, think)


@mistake(
    "transformer_block",
    source="constructed: the mask does not reach attention",
    hints=(
        "With and without a mask you return the same.",
        "Everything else is right.",
        "Who needs to know what a token may look at?",
    ),
)
def block_without_mask(x, params, num_heads, mask=None, norm="post"):
    return _with_normal(x, params, num_heads, None, norm, _normal)


@mistake(
    "transformer_block",
    source="constructed: a number that is low enough for ordinary scores stands for infinity",
    hints=(
        "A token that is not allowed gets the weight, if the allowed ones have low scores.",
        "It is the number that stands for a hidden score.",
        "Could the score of a token that is allowed be lower than your mask?",
    ),
)
def finite_stand_in_in_the_block(x, params, num_heads, mask=None, norm="post"):
    def attend(h):
        q, k, v = _qkv(h, params["W_q"], params["W_k"], params["W_v"], num_heads)
        scores = _scores(q, k)
        scores = scores if mask is None else scores.masked_fill(~mask, -30.0)
        return _merge(_weights(scores, None) @ v) @ params["W_o"].T

    first, second = _norms(params)
    return _composed(x, norm, attend, lambda h: _thought(h, params), first, second)


@mistake(
    "transformer_block",
    source="constructed: attention and MLP side by side",
    hints=(
        "The MLP does not see what attention found.",
        "It is the input of the MLP.",
        "Which tokens think: those before or those after attention?",
    ),
)
def side_by_side_layers(x, params, num_heads, mask=None, norm="post"):
    first, second = _norms(params)
    if norm == "post":
        h = first(x + _attended(x, params, num_heads, mask))
        return second(h + _thought(x, params))
    h = x + _attended(first(x), params, num_heads, mask)
    return h + _thought(second(x), params)


@mistake(
    "transformer_block",
    source="constructed: the MLP comes first",
    hints=(
        "Tokens think before they have listened.",
        "It is the order of the two layers.",
        "Which layer does the input meet first?",
    ),
)
def thinks_first(x, params, num_heads, mask=None, norm="post"):
    first, second = _norms(params)

    def attend(h):
        return _attended(h, params, num_heads, mask)

    return _composed(x, norm, lambda h: _thought(h, params), attend, first, second)


# --- gpt_param_count --------------------------------------------------------------------------


def _count(vocab, context, d, d_ff, layers, *, block=0, rest=0):
    """Return the right count, with so many more parameters in each block and elsewhere."""
    inside = 4 * d * d + 2 * d * d_ff + d_ff + d + 4 * d
    return 2 * vocab * d + context * d + layers * (inside + block) + 2 * d + rest


@mistake(
    "gpt_param_count",
    source="GPT-2, whose head shares the table of the tokens",
    hints=(
        "You count one table of size V x D; there are two.",
        "It is the head.",
        "Does this model's head have parameters of its own?",
    ),
)
def head_shared(vocab, context, d, d_ff, layers, num_heads):
    return _count(vocab, context, d, d_ff, layers, rest=-vocab * d)


@mistake(
    "gpt_param_count",
    source="constructed: each head with weights of the full size",
    hints=(
        "More heads, more parameters: that should not be.",
        "It is the attention of the blocks; with one head all is well.",
        "How many features has each of four heads, if they share 64?",
    ),
)
def heads_of_full_size(vocab, context, d, d_ff, layers, num_heads):
    return _count(vocab, context, d, d_ff, layers, block=3 * (num_heads - 1) * d * d)


@mistake(
    "gpt_param_count",
    source="constructed: three weights of attention",
    hints=(
        "A weight is missing in each block.",
        "It is the attention of the blocks.",
        "How many arguments called W has multi-head attention?",
    ),
)
def three_weights(vocab, context, d, d_ff, layers, num_heads):
    return _count(vocab, context, d, d_ff, layers, block=-d * d)


@mistake(
    "gpt_param_count",
    source="GPT-2, whose attention has biases",
    hints=(
        "You count biases that this model does not have.",
        "It is the attention of the blocks.",
        "Which of the linear maps in exercise 7 have a bias?",
    ),
)
def biases_in_attention(vocab, context, d, d_ff, layers, num_heads):
    return _count(vocab, context, d, d_ff, layers, block=4 * d)


@mistake(
    "gpt_param_count",
    source="constructed: an MLP without biases",
    hints=(
        "Something small is missing in each block.",
        "It is the MLP.",
        "Which parameters of the MLP are no matrices?",
    ),
)
def no_biases_in_the_mlp(vocab, context, d, d_ff, layers, num_heads):
    return _count(vocab, context, d, d_ff, layers, block=-d_ff - d)


@mistake(
    "gpt_param_count",
    source="constructed: layer normalisation has nothing to learn",
    hints=(
        "Something small is missing, in each block and at the end.",
        "It is the layer normalisations.",
        "What do gamma and beta come from?",
    ),
)
def norms_without_parameters(vocab, context, d, d_ff, layers, num_heads):
    return _count(vocab, context, d, d_ff, layers, block=-4 * d, rest=-2 * d)


@mistake(
    "gpt_param_count",
    source="constructed: one layer normalisation for each block",
    hints=(
        "Something small is missing in each block.",
        "It is the layer normalisations.",
        "How often does a block normalise?",
    ),
)
def one_norm_in_each_block(vocab, context, d, d_ff, layers, num_heads):
    return _count(vocab, context, d, d_ff, layers, block=-2 * d)


@mistake(
    "gpt_param_count",
    source="constructed: the last layer normalisation is forgotten",
    hints=(
        "Something small is missing, however many blocks there are.",
        "It is behind the blocks.",
        "What stands between the last block and the head?",
    ),
)
def last_norm_forgotten(vocab, context, d, d_ff, layers, num_heads):
    return _count(vocab, context, d, d_ff, layers, rest=-2 * d)


@mistake(
    "gpt_param_count",
    source="constructed: positions that are not learnt",
    hints=(
        "A longer context does not change your count.",
        "It is in front of the blocks.",
        "Where does this model's vector of a position come from?",
    ),
)
def positions_not_learnt(vocab, context, d, d_ff, layers, num_heads):
    return _count(vocab, context, d, d_ff, layers, rest=-context * d)


@mistake(
    "gpt_param_count",
    source="constructed: the hidden layer fixed at four times the width",
    hints=(
        "F does not change your count.",
        "It is the MLP.",
        "Is F always four times D?",
    ),
)
def always_four_times(vocab, context, d, d_ff, layers, num_heads):
    return _count(vocab, context, d, 4 * d, layers)


@mistake(
    "gpt_param_count",
    source="constructed: one block",
    hints=(
        "The number of layers does not change your count.",
        "It is the blocks; with one layer all is well.",
        "Do the blocks share parameters?",
    ),
)
def one_block(vocab, context, d, d_ff, layers, num_heads):
    return _count(vocab, context, d, d_ff, 1)


# --- gpt_forward ------------------------------------------------------------------------------


def _causal(T, device):
    return torch.ones(T, T, dtype=torch.bool, device=device).tril()


def _embedded(idx, params):
    return params["tok"][idx] + params["pos"][: idx.shape[1]]


def _stacked(h, params, num_heads, mask, norm="pre"):
    for p in params["blocks"]:
        h = _with_normal(h, p, num_heads, mask, norm, _normal)
    return h


def _scored(h, params):
    return _normal(h, params["gamma"], params["beta"]) @ params["head"].T


@mistake(
    "gpt_forward",
    source="constructed: the causal mask is forgotten",
    hints=(
        "Another last token changes the scores at the first position.",
        "It is the blocks; without any all is well.",
        "Who may look at whom, when a text is written from left to right?",
    ),
)
def no_mask(idx, params, num_heads):
    return _scored(_stacked(_embedded(idx, params), params, num_heads, None), params)


@mistake(
    "gpt_forward",
    source="constructed: the mask transposed",
    hints=(
        "Another last token changes the scores at the first position.",
        "It is the blocks; a single token hides it.",
        "Which tokens does the first position see?",
    ),
)
def sees_the_future(idx, params, num_heads):
    mask = _causal(idx.shape[1], idx.device).mT
    return _scored(_stacked(_embedded(idx, params), params, num_heads, mask), params)


@mistake(
    "gpt_forward",
    source="constructed: a strict triangle",
    hints=(
        "A token does not look at itself.",
        "It is the mask of the blocks.",
        "What does the first token attend to?",
    ),
)
def not_at_itself(idx, params, num_heads):
    mask = torch.ones_like(_causal(idx.shape[1], idx.device)).tril(-1)
    return _scored(_stacked(_embedded(idx, params), params, num_heads, mask), params)


@mistake(
    "gpt_forward",
    source="constructed: positions are forgotten",
    hints=(
        "One token, again and again: your scores are the same at all positions.",
        "It is in front of the blocks.",
        "How does the model know that 'dog bites man' is not 'man bites dog'?",
    ),
)
def no_positions(idx, params, num_heads):
    h = params["tok"][idx]
    return _scored(_stacked(h, params, num_heads, _causal(idx.shape[1], idx.device)), params)


@mistake(
    "gpt_forward",
    source="constructed: positions looked up by token",
    hints=(
        "One token, again and again: your scores are the same at all positions.",
        "It is the vector of the position.",
        "With which number do you look up a position?",
    ),
)
def positions_by_token(idx, params, num_heads):
    h = params["tok"][idx] + params["pos"][idx % len(params["pos"])]
    return _scored(_stacked(h, params, num_heads, _causal(idx.shape[1], idx.device)), params)


@mistake(
    "gpt_forward",
    source="constructed: the last positions of the table",
    hints=(
        "Texts that are shorter than the table get the wrong positions.",
        "A text as long as the table hides it.",
        "Which position has the first token?",
    ),
)
def last_positions(idx, params, num_heads):
    h = params["tok"][idx] + params["pos"][-idx.shape[1] :]
    return _scored(_stacked(h, params, num_heads, _causal(idx.shape[1], idx.device)), params)


@mistake(
    "gpt_forward",
    source="constructed: tokens and positions are multiplied",
    hints=(
        "A position whose vector is 0 makes you forget the token.",
        "It is in front of the blocks.",
        "Are the two vectors added or multiplied?",
    ),
)
def times_positions(idx, params, num_heads):
    h = params["tok"][idx] * params["pos"][: idx.shape[1]]
    return _scored(_stacked(h, params, num_heads, _causal(idx.shape[1], idx.device)), params)


@mistake(
    "gpt_forward",
    source="constructed: the scale of Vaswani and others, 3.4",
    hints=(
        "Your tokens outweigh their positions.",
        "It is in front of the blocks.",
        "Which factor stands in front of the token's vector in the handout?",
    ),
)
def tokens_scaled(idx, params, num_heads):
    h = params["tok"][idx] * math.sqrt(params["tok"].shape[1]) + params["pos"][: idx.shape[1]]
    return _scored(_stacked(h, params, num_heads, _causal(idx.shape[1], idx.device)), params)


@mistake(
    "gpt_forward",
    source="constructed: the last layer normalisation is forgotten",
    hints=(
        "Scores grow with the number of blocks.",
        "It is behind the blocks.",
        "What stands between the last block and the head?",
    ),
)
def no_last_norm(idx, params, num_heads):
    h = _stacked(_embedded(idx, params), params, num_heads, _causal(idx.shape[1], idx.device))
    return h @ params["head"].T


@mistake(
    "gpt_forward",
    source="the original transformer, whose blocks normalise behind",
    hints=(
        "Your blocks are those of the other variant.",
        "Without any block all is well.",
        "Which of the two variants does a GPT use?",
    ),
)
def post_norm_blocks(idx, params, num_heads):
    mask = _causal(idx.shape[1], idx.device)
    h = _stacked(_embedded(idx, params), params, num_heads, mask, "post")
    return _scored(h, params)


@mistake(
    "gpt_forward",
    source="constructed: one block again and again",
    hints=(
        "Other parameters of the second block give you the same scores.",
        "It shows from two blocks on.",
        "Do the blocks share parameters?",
    ),
)
def first_block_repeated(idx, params, num_heads):
    shared = {**params, "blocks": params["blocks"][:1] * len(params["blocks"])}
    h = _stacked(_embedded(idx, params), shared, num_heads, _causal(idx.shape[1], idx.device))
    return _scored(h, params)


@mistake(
    "gpt_forward",
    source="constructed: each block starts from the embedding",
    hints=(
        "Other parameters of the first block give you the same scores.",
        "It shows from two blocks on.",
        "What does the second block get?",
    ),
)
def blocks_not_chained(idx, params, num_heads):
    only_last = {**params, "blocks": params["blocks"][-1:]}
    h = _stacked(_embedded(idx, params), only_last, num_heads, _causal(idx.shape[1], idx.device))
    return _scored(h, params)


@mistake(
    "gpt_forward",
    source="Lightning-Universe/lightning-bolts, issue 654: softmax in front of the loss",
    hints=(
        "Your scores lie between 0 and 1.",
        "It is the last step.",
        "What does the loss expect: scores, or probabilities?",
    ),
)
def probabilities_for_scores(idx, params, num_heads):
    h = _stacked(_embedded(idx, params), params, num_heads, _causal(idx.shape[1], idx.device))
    return torch.softmax(_scored(h, params), dim=-1)


@mistake(
    "gpt_forward",
    source="constructed: the table of the tokens as head",
    hints=(
        "Another head gives you the same scores.",
        "It is the last step.",
        "Does this model share the table of the tokens?",
    ),
)
def head_from_the_table(idx, params, num_heads):
    h = _stacked(_embedded(idx, params), params, num_heads, _causal(idx.shape[1], idx.device))
    return _scored(h, {**params, "head": params["tok"]})


@mistake(
    "gpt_forward",
    source="karpathy/nanoGPT, which scores only the last position when it writes",
    hints=(
        "You score the last position only.",
        "It is the shape already; a single token hides it.",
        "How many questions does a text of T tokens ask while the model learns?",
    ),
)
def only_the_last_position(idx, params, num_heads):
    h = _stacked(_embedded(idx, params), params, num_heads, _causal(idx.shape[1], idx.device))
    return _scored(h[:, -1:], params)


@mistake(
    "gpt_forward",
    source="YuanGongND/gopt, issue 4: a text that is shorter than the table of positions",
    hints=(
        "Most texts give an error; one as long as the context does not.",
        "It is what is added to the tokens.",
        "How many positions does a text of three tokens have?",
    ),
)
def whole_table_of_positions(idx, params, num_heads):
    h = params["tok"][idx] + params["pos"]
    return _scored(_stacked(h, params, num_heads, _causal(h.shape[1], idx.device)), params)


@mistake(
    "gpt_forward",
    source="121 public solution sets of one course: a name that only a loop defines",
    hints=(
        "One architecture gives an error.",
        "It is the one without blocks.",
        "What goes into the last normalisation if your loop never runs?",
    ),
)
def at_least_one_block(idx, params, num_heads):
    h = _embedded(idx, params)
    mask = _causal(idx.shape[1], idx.device)
    for p in params["blocks"]:
        out = h = _with_normal(h, p, num_heads, mask, "pre", _normal)
    return _scored(out, params)


# --- next_token_loss --------------------------------------------------------------------------


@mistake(
    "next_token_loss",
    source="constructed: no shift",
    hints=(
        "A model that just repeats its input has no loss.",
        "It is which scores meet which tokens.",
        "The scores at position 0: of which token are they?",
    ),
)
def no_token_shift(logits, idx):
    return F.cross_entropy(logits.flatten(0, 1), idx.flatten())


@mistake(
    "next_token_loss",
    source="constructed: the shift on the wrong side",
    hints=(
        "Your model is asked to predict the past.",
        "It is which scores meet which tokens.",
        "The scores at position 1: are they of token 0 or of token 2?",
    ),
)
def predicts_the_past(logits, idx):
    return F.cross_entropy(logits[:, 1:].flatten(0, 1), idx[:, :-1].flatten())


@mistake(
    "next_token_loss",
    source="constructed: both sides cut at the same end",
    hints=(
        "A model that just repeats its input has no loss.",
        "The last position is left out on both sides.",
        "The scores at position 0: of which token are they?",
    ),
)
def both_cut_at_the_end(logits, idx):
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), idx[:, :-1].flatten())


@mistake(
    "next_token_loss",
    source="constructed: the text taken for a circle",
    hints=(
        "The last position is asked for the first token.",
        "There is a question too many in each sequence.",
        "How many questions does a text of T tokens ask?",
    ),
)
def round_the_corner(logits, idx):
    return F.cross_entropy(logits.flatten(0, 1), idx.roll(-1, 1).flatten())


@mistake(
    "next_token_loss",
    source="constructed: the batch read as one long text",
    hints=(
        "The end of one sequence is asked for the beginning of the next.",
        "A single sequence hides it.",
        "Along which axis do tokens follow one another?",
    ),
)
def across_sequences(logits, idx):
    return F.cross_entropy(logits.flatten(0, 1)[:-1], idx.flatten()[1:])


@mistake(
    "next_token_loss",
    source="constructed: two steps ahead",
    hints=(
        "Each position is asked for a token that is not the next one.",
        "It shows from three tokens on.",
        "How far does the shift go?",
    ),
)
def two_steps_ahead(logits, idx):
    if idx.shape[1] < 3:
        return F.cross_entropy(logits[:, :-1].flatten(0, 1), idx[:, 1:].flatten())
    return F.cross_entropy(logits[:, :-2].flatten(0, 1), idx[:, 2:].flatten())


@mistake(
    "next_token_loss",
    source="constructed: a sum over all questions",
    hints=(
        "Your loss grows with the batch and with the length of the text.",
        "Each question is right.",
        "What does a model that knows nothing pay, whatever the size of the batch?",
    ),
)
def summed(logits, idx):
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), idx[:, 1:].flatten(), reduction="sum")


@mistake(
    "next_token_loss",
    source="constructed: a mean over sequences of sums over tokens",
    hints=(
        "Your loss grows with the length of the text.",
        "Each question is right; two tokens hide it.",
        "What does a model that knows nothing pay, whatever the length of the text?",
    ),
)
def summed_over_the_text(logits, idx):
    return F.cross_entropy(logits[:, :-1].mT, idx[:, 1:], reduction="none").sum(1).mean()


@mistake(
    "next_token_loss",
    source="constructed: divided by the number of tokens",
    hints=(
        "Your loss is a little too small, most of all for short texts.",
        "Each question is right.",
        "How many questions does a text of T tokens ask?",
    ),
)
def divided_by_all_tokens(logits, idx):
    losses = F.cross_entropy(logits[:, :-1].mT, idx[:, 1:], reduction="sum")
    return losses / idx.numel()


@mistake(
    "next_token_loss",
    source="Lightning-Universe/lightning-bolts, issue 654: softmax twice",
    hints=(
        "Even a perfect model has a loss.",
        "It is what you give to the cross-entropy.",
        "Does it expect scores, or probabilities?",
    ),
)
def softmax_twice(logits, idx):
    p = torch.softmax(logits[:, :-1], dim=-1)
    return F.cross_entropy(p.flatten(0, 1), idx[:, 1:].flatten())


@mistake(
    "next_token_loss",
    source="constructed: the axes reshaped, not exchanged",
    hints=(
        "Scores of different positions are mixed.",
        "It is how the scores get the shape that the cross-entropy wants.",
        "Does a reshape move the axis of the classes to another place?",
    ),
)
def reshaped_for_the_classes(logits, idx):
    N, T, V = logits.shape
    return F.cross_entropy(logits[:, :-1].reshape(N, V, T - 1), idx[:, 1:])


@mistake(
    "next_token_loss",
    source="constructed: only the last token counts",
    hints=(
        "The scores at the first positions do not change your loss.",
        "Two tokens hide it.",
        "How many questions does a text of T tokens ask?",
    ),
)
def last_token_only(logits, idx):
    return F.cross_entropy(logits[:, -2], idx[:, -1])


@mistake(
    "next_token_loss",
    source="121 public solution sets of one course: no maximum subtracted",
    hints=(
        "Large scores give NaN or infinity.",
        "It is your own softmax.",
        "Which shift of all scores changes nothing but the size of the exponentials?",
    ),
)
def exponentials_overflow(logits, idx):
    z = logits[:, :-1]
    picked = z.gather(2, idx[:, 1:].unsqueeze(2)).squeeze(2)
    return (torch.exp(z).sum(2).log() - picked).mean()


@mistake(
    "next_token_loss",
    source="121 public solution sets of one course: the logarithm of a probability of 0",
    hints=(
        "Scores that lie far apart give an infinite loss.",
        "It is the order of softmax and logarithm.",
        "You go through a number too small to store. Can you avoid visiting it?",
    ),
)
def log_of_the_softmax(logits, idx):
    p = torch.softmax(logits[:, :-1], dim=-1)
    return -p.gather(2, idx[:, 1:].unsqueeze(2)).log().mean()


@mistake(
    "next_token_loss",
    source="unslothai/unsloth-zoo, pull request 591: a view of a slice",
    hints=(
        "Most batches give an error; a single sequence does not.",
        "The right scores are left out; it is the step that makes one list of the rest.",
        "Which ways to join two axes need them to lie side by side in memory, and which copy?",
    ),
)
def view_of_a_slice(logits, idx):
    V = logits.shape[-1]
    return F.cross_entropy(logits[:, :-1].view(-1, V), idx[:, 1:].reshape(-1))


# --- generate ---------------------------------------------------------------------------------


def _next(logits, temperature, top_k, generator):
    """Draw the next token, rightly."""
    logits = logits / temperature
    if top_k is not None and top_k < logits.shape[1]:
        least = logits.topk(top_k, dim=1).values[:, -1:]
        logits = logits.masked_fill(logits < least, -math.inf)
    return torch.multinomial(torch.softmax(logits, dim=1), 1, generator=generator)


def _written(model, idx, n, context, draw):
    """Write with a given way to draw the next token."""
    for _ in range(n):
        idx = torch.cat([idx, draw(model(idx[:, -context:])[:, -1])], dim=1)
    return idx


@mistake(
    "generate",
    source="constructed: the beginning of the text is shown",
    hints=(
        "Once the text is longer than the context, it goes on as if nothing new were written.",
        "Short texts are right.",
        "Which tokens does the model need, the first ones or the last ones?",
    ),
)
def shows_the_beginning(model, idx, n, context, temperature, top_k, generator):
    for _ in range(n):
        token = _next(model(idx[:, :context])[:, -1], temperature, top_k, generator)
        idx = torch.cat([idx, token], dim=1)
    return idx


@mistake(
    "generate",
    source="constructed: only the last token is shown",
    hints=(
        "Your text depends on its last token only.",
        "It is what the model gets to see.",
        "How many tokens may the model see?",
    ),
)
def shows_the_last_token(model, idx, n, context, temperature, top_k, generator):
    return _written(model, idx, n, 1, lambda z: _next(z, temperature, top_k, generator))


@mistake(
    "generate",
    source="constructed: one token less than the context",
    hints=(
        "The model sees a token less than it could.",
        "Short texts are right.",
        "How many tokens may the model see?",
    ),
)
def one_token_less(model, idx, n, context, temperature, top_k, generator):
    shown = max(1, context - 1)
    return _written(model, idx, n, shown, lambda z: _next(z, temperature, top_k, generator))


@mistake(
    "generate",
    source="constructed: the context is cut before the loop and never grows",
    hints=(
        "The model never sees what it has written.",
        "The first new token is right.",
        "What is the text so far, when the second token is drawn?",
    ),
)
def never_sees_its_own(model, idx, n, context, temperature, top_k, generator):
    shown = idx[:, -context:]
    for _ in range(n):
        token = _next(model(shown)[:, -1], temperature, top_k, generator)
        idx = torch.cat([idx, token], dim=1)
    return idx


@mistake(
    "generate",
    source="constructed: the scores of the first position",
    hints=(
        "Your text does not depend on its last token.",
        "It is which of the scores you use; a single token hides it.",
        "Which position scores the token that comes next?",
    ),
)
def scores_of_the_first_position(model, idx, n, context, temperature, top_k, generator):
    for _ in range(n):
        token = _next(model(idx[:, -context:])[:, 0], temperature, top_k, generator)
        idx = torch.cat([idx, token], dim=1)
    return idx


@mistake(
    "generate",
    source="constructed: always the most likely token",
    hints=(
        "The same token is drawn every time.",
        "With a top_k of 1 all is well.",
        "Where does chance enter?",
    ),
)
def no_chance(model, idx, n, context, temperature, top_k, generator):
    return _written(model, idx, n, context, lambda z: z.argmax(1, keepdim=True))


@mistake(
    "generate",
    source="constructed: the temperature multiplies",
    hints=(
        "A high temperature makes your text more certain.",
        "It is the scores; a temperature of 1 hides it.",
        "Do the scores get closer or farther apart when it is hot?",
    ),
)
def temperature_multiplies(model, idx, n, context, temperature, top_k, generator):
    return _written(model, idx, n, context, lambda z: _next(z, 1 / temperature, top_k, generator))


@mistake(
    "generate",
    source="constructed: the temperature divides the probabilities",
    hints=(
        "The temperature changes nothing.",
        "It comes at the wrong moment, or not at all.",
        "What happens to a division of all probabilities when they are normalised again?",
    ),
)
def temperature_without_effect(model, idx, n, context, temperature, top_k, generator):
    def draw(logits):
        if top_k is not None and top_k < logits.shape[1]:
            least = logits.topk(top_k, dim=1).values[:, -1:]
            logits = logits.masked_fill(logits < least, -math.inf)
        p = torch.softmax(logits, dim=1) / temperature
        return torch.multinomial(p, 1, generator=generator)

    return _written(model, idx, n, context, draw)


@mistake(
    "generate",
    source="constructed: top_k is ignored",
    hints=(
        "Tokens are drawn that are not among the best.",
        "Without top_k all is well.",
        "What becomes of the scores that are not among the largest?",
    ),
)
def all_tokens_allowed(model, idx, n, context, temperature, top_k, generator):
    return _written(model, idx, n, context, lambda z: _next(z, temperature, None, generator))


@mistake(
    "generate",
    source="constructed: hidden scores of 0",
    hints=(
        "Tokens that are not among the best are still drawn, sometimes more often than before.",
        "It is the number that stands for an excluded score.",
        "What is e to the power 0?",
    ),
)
def excluded_scores_of_zero(model, idx, n, context, temperature, top_k, generator):
    def draw(logits):
        logits = logits / temperature
        if top_k is not None and top_k < logits.shape[1]:
            least = logits.topk(top_k, dim=1).values[:, -1:]
            logits = logits.masked_fill(logits < least, 0.0)
        return torch.multinomial(torch.softmax(logits, dim=1), 1, generator=generator)

    return _written(model, idx, n, context, draw)


@mistake(
    "generate",
    source="constructed: the best one is excluded too",
    hints=(
        "One token too few may be drawn.",
        "It is the edge of top_k; a top_k of 1 hides it here.",
        "Does the token with the k-th largest score belong to the best k?",
    ),
)
def one_too_few(model, idx, n, context, temperature, top_k, generator):
    fewer = None if top_k is None else max(1, top_k - 1)
    return _written(model, idx, n, context, lambda z: _next(z, temperature, fewer, generator))


@mistake(
    "generate",
    source="constructed: the worst tokens are kept",
    hints=(
        "The least likely tokens are drawn.",
        "It is top_k; without it all is well.",
        "Which scores are kept, the largest or the smallest?",
    ),
)
def keeps_the_worst(model, idx, n, context, temperature, top_k, generator):
    def draw(logits):
        logits = logits / temperature
        if top_k is not None and top_k < logits.shape[1]:
            most = logits.topk(top_k, dim=1, largest=False).values[:, -1:]
            logits = logits.masked_fill(logits > most, -math.inf)
        return torch.multinomial(torch.softmax(logits, dim=1), 1, generator=generator)

    return _written(model, idx, n, context, draw)


@mistake(
    "generate",
    source="constructed: the place among the best, not the token",
    hints=(
        "Your tokens are small numbers.",
        "It is top_k; without it all is well.",
        "What did you draw: a token, or its place in the list of the best?",
    ),
)
def place_for_token(model, idx, n, context, temperature, top_k, generator):
    def draw(logits):
        if top_k is not None:
            logits = logits.topk(min(top_k, logits.shape[1]), dim=1).values
        p = torch.softmax(logits / temperature, dim=1)
        return torch.multinomial(p, 1, generator=generator)

    return _written(model, idx, n, context, draw)


@mistake(
    "generate",
    source="constructed: randomness from torch's own generator",
    hints=(
        "The same state of the generator gives you another text.",
        "It is the draw.",
        "Where do your random numbers come from?",
    ),
)
def own_randomness(model, idx, n, context, temperature, top_k, generator):
    return _written(model, idx, n, context, lambda z: _next(z, temperature, top_k, None))


@mistake(
    "generate",
    source="constructed: the generator is seeded again",
    hints=(
        "Another state of the generator gives you the same text.",
        "It is the draw.",
        "What does seeding do to the state that you were given?",
    ),
)
def seeded_again(model, idx, n, context, temperature, top_k, generator):
    generator = generator.clone_state().manual_seed(0)
    return _written(model, idx, n, context, lambda z: _next(z, temperature, top_k, generator))


@mistake(
    "generate",
    source="constructed: the seed of a generator is taken for its state",
    hints=(
        "Writing on with the same generator gives the same text again.",
        "It is the draw; the shares of the tokens are right.",
        "What of a generator changes when numbers are drawn from it, and what does not?",
    ),
)
def seed_for_state(model, idx, n, context, temperature, top_k, generator):
    generator = torch.Generator().manual_seed(generator.initial_seed())
    return _written(model, idx, n, context, lambda z: _next(z, temperature, top_k, generator))


@mistake(
    "generate",
    source="constructed: the state is restored before each token",
    hints=(
        "A model to which all tokens are equally good writes the same token again and again.",
        "It is the draw; the shares of the first token are right.",
        "Which random number does the second token get?",
    ),
)
def begins_again_for_each_token(model, idx, n, context, temperature, top_k, generator):
    state = generator.get_state()

    def draw(logits):
        generator.set_state(state)
        return _next(logits, temperature, top_k, generator)

    return _written(model, idx, n, context, draw)


@mistake(
    "generate",
    source="constructed: only what is new",
    hints=(
        "Your result does not begin with the text that was given.",
        "It is what you return.",
        "How many tokens does the result have?",
    ),
)
def only_the_new_tokens(model, idx, n, context, temperature, top_k, generator):
    text = _written(model, idx, n, context, lambda z: _next(z, temperature, top_k, generator))
    return text[:, idx.shape[1] :]


@mistake(
    "generate",
    source="constructed: one token too many",
    hints=(
        "Your result is one token too long.",
        "It shows in the shape.",
        "How often does the loop run?",
    ),
)
def one_too_many(model, idx, n, context, temperature, top_k, generator):
    return _written(model, idx, n + 1, context, lambda z: _next(z, temperature, top_k, generator))


@mistake(
    "generate",
    source="constructed: one draw for the whole batch",
    hints=(
        "All sequences of the batch get the same new tokens.",
        "A single sequence hides it.",
        "Does each sequence have its own scores?",
    ),
)
def one_draw_for_all(model, idx, n, context, temperature, top_k, generator):
    def draw(logits):
        token = _next(logits[:1], temperature, top_k, generator)
        return token.expand(len(logits), 1)

    return _written(model, idx, n, context, draw)


@mistake(
    "generate",
    source="TransformerLensOrg/TransformerLens, pull request 1347: more tokens than there are",
    hints=(
        "Some texts give an error.",
        "It is when more tokens may be drawn than the vocabulary has.",
        "The best eight of five: which are they?",
    ),
)
def more_than_there_are(model, idx, n, context, temperature, top_k, generator):
    def draw(logits):
        logits = logits / temperature
        if top_k is not None:
            least = logits.topk(top_k, dim=1).values[:, -1:]
            logits = logits.masked_fill(logits < least, -math.inf)
        return torch.multinomial(torch.softmax(logits, dim=1), 1, generator=generator)

    return _written(model, idx, n, context, draw)
