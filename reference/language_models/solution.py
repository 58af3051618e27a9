# %% [markdown]
# # Bigrams and an n-gram network
#
# A language model answers one question: which character comes next? In this notebook you build the
# simplest one by counting, find the same one again by going down a gradient, and then replace the
# table by a small neural network that sees more than one character. At the end they invent names.
#
# **Words.** A text is a list of words; the dot `.` marks where a word begins and where it ends,
# and never stands inside. `stoi` ("string to integer") is a dictionary that gives each character
# its number: the dot has number 0, the others 1 to $V - 1$, in whatever order they stand there.
# With the dot, the *vocabulary* has $V$ = `len(stoi)` characters. A *bigram* is a pair of
# neighbours: the word `ab` has three, `.a`, `ab` and `b.`, and the empty word has one, `..`.
# $\ln$ is the natural logarithm, and a loss of $\ln V$ is that of a model that knows nothing: $\ln
# 27 = 3.2958$ for the 26 letters.
#
# **By hand.** Each exercise says what it does not allow:
#
# * *autograd*: everything that differentiates for you (`backward`, `torch.autograd`,
#   `torch.func`);
# * *softmax*: torch's softmax, log-softmax, logsumexp and cross-entropy;
# * *optim*: `torch.optim`.
#
# Everything else is yours: `F.one_hot`, `torch.multinomial`, `torch.einsum`, dictionaries, and
# loops (the tests are small enough for them).
#
# **What is always tested.** Your results have the shapes and dtypes stated, stand on the device of
# the inputs, and do not depend on how an input lies in memory (transposed, strided, repeated by
# `expand`). Floating inputs come as float64 first, then as float32. Several points of an exercise
# are *parts* of their own. Each exercise gets right inputs: a mistake in one costs nothing in
# another.
#
# **Sources.** *Deep learning: Unpacking Transformers, LLMs and image generation*, session 2,
# "TP2: makemore", which this notebook follows step by step; where a slide has a slip, the exercise
# says so and gives the right formula. Yoshua Bengio, Réjean Ducharme, Pascal Vincent and Christian
# Jauvin, *A Neural Probabilistic Language Model*, 2003. Marc Lelarge, Jill-Jênn Vie and Kevin
# Scaman, *Deep Learning*, class notes by Antoine Groudiev (the *class notes* below).

# %%
"""Bigrams and an n-gram network."""

import itertools
import math

import torch

# %% [markdown]
# ## 1. `bigram_counts`
#
# **Goal.** Count. How often does character $j$ come right after character $i$?
#
# $$N_{ij} = \#\{\text{bigrams } (i, j) \text{ of all words}\} \qquad N\ (V, V),\
# \text{row = first character, column = second}$$
#
# Each word brings its own beginning and its own end; a word that stands twice in the list counts
# twice.
#
# **Source.** Session 2, "Step 1: bigram by hand".
#
# **Worked number.** `stoi` $= \{. : 0, a : 1, b : 2\}$ and the words `ab`, `b`: the bigrams are
# `.a`, `ab`, `b.`, `.b`, `b.`, and $N = \begin{pmatrix} 0 & 1 & 1 \\ 0 & 0 & 1 \\ 2 & 0 & 0
# \end{pmatrix}$.
#
# **Not allowed.** Nothing is.
#
# **Hidden tests vary** the words (also empty, of one character, repeated), their number (also 0),
# the characters, the order of `stoi`, characters that never occur.


# %%
def bigram_counts(words: list[str], stoi: dict[str, int]) -> torch.Tensor:
    """Count the bigrams of all words, with a dot at the beginning and at the end of each.

    Args:
        words: The text.
        stoi: Number of each character; that of "." is 0.

    Returns:
        How often column follows row, int64, shape (V, V), V = len(stoi).
    """
    # BEGIN SOLUTION
    counts = torch.zeros(len(stoi), len(stoi), dtype=torch.int64)
    for word in words:
        path = [0, *(stoi[character] for character in word), 0]
        for first, second in itertools.pairwise(path):
            counts[first, second] += 1
    return counts
    # END SOLUTION


# %% [markdown]
# ## 2. `bigram_probabilities`
#
# **Goal.** From counts to a model: given a character, how probable is each next one? A bigram that
# was never seen would get the probability 0, and one such bigram in a new name makes the whole
# name impossible. So pretend to have seen each bigram a few times more, `smoothing` $= s \ge 0$.
#
# $$P_{ij} = \frac{N_{ij} + s}{\sum_{k=0}^{V-1} (N_{ik} + s)} \qquad N, P\ (V, V)$$
#
# A character that was never seen has an empty row: with $s > 0$ all is equally probable after it.
# (With $s = 0$ its row would be 0/0; the tests do not ask.)
#
# **Source.** Session 2, "A few tips...": normalizing by row requires `keepdim` "somewhere". Look
# at the shapes before you divide.
#
# **Worked number.** The counts of exercise 1 with $s = 1$: $P = \begin{pmatrix} 0.2 & 0.4 & 0.4 \\
# 0.25 & 0.25 & 0.5 \\ 0.6 & 0.2 & 0.2 \end{pmatrix}$.
#
# **Not allowed.** Nothing is.
#
# **Hidden tests vary** $V$, the counts (also 0, also large), empty rows, `smoothing` (0, whole, a
# fraction, very large), memory layout.


# %%
def bigram_probabilities(counts: torch.Tensor, smoothing: float) -> torch.Tensor:
    """Turn counts into the probability of the next character.

    Args:
        counts: How often column follows row, int64, shape (V, V); not changed.
        smoothing: Added to every count, at least 0.

    Returns:
        Probabilities, float32 or float64, shape (V, V); each row sums to 1.
    """
    # BEGIN SOLUTION
    smooth = counts + smoothing
    return smooth / smooth.sum(1, keepdim=True)
    # END SOLUTION


# %% [markdown]
# ## 3. `bigram_nll`
#
# **Goal.** How good is the model? Ask it for the probability of each bigram of a text; the
# *negative log-likelihood* is the mean surprise.
#
# $$\text{NLL} = -\frac{1}{n} \sum_{(i, j)} \ln P_{ij} \qquad \text{over all } n \text{ bigrams
# } (i, j) \text{ of all words}$$
#
# Each bigram has the same weight, however long its word is. A text with an impossible bigram
# ($P_{ij} = 0$) has an infinite NLL; a zero for a bigram that does not occur in the text changes
# nothing. There is at least one word.
#
# **Source.** Session 2, "Step 2": the slide writes the loss as a sum, without the mean, and calls
# it "mean of log" in the next one. It is *minus* the *mean* of the logs. Class notes, 9.2.1, calls
# $\sum_i \log f_\theta(x^{(i)})$ a loss to minimize; it wants the same minus.
#
# **Worked number.** The words of exercise 1 under their own model without smoothing: the five
# probabilities are $\frac12, 1, 1, \frac12, 1$, and the NLL is $\frac25 \ln 2 = 0.2773$.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `nll`; `impossible` (probabilities that are 0, where it matters and where it does
# not). **Hidden tests vary** the words (also empty, also repeated, also very many), $V$ (also 27,
# with the uniform model), dtype and memory layout.


# %%
def bigram_nll(words: list[str], stoi: dict[str, int], P: torch.Tensor) -> torch.Tensor:
    """Return the mean negative log-likelihood of the bigrams of a text.

    Args:
        words: The text, at least one word.
        stoi: Number of each character; that of "." is 0.
        P: Probability of column after row, floating dtype, shape (V, V).

    Returns:
        A 0-d tensor, dtype of `P`; infinite if some bigram of the text has probability 0.
    """
    # BEGIN SOLUTION
    first: list[int] = []
    second: list[int] = []
    for word in words:
        path = [0, *(stoi[character] for character in word), 0]
        first += path[:-1]
        second += path[1:]
    return -torch.log(P[first, second]).mean()
    # END SOLUTION


# %% [markdown]
# ## 4. `sample_words`
#
# **Goal.** Let the model write. Start at the dot; draw the next character from the row of the
# current one; stop when the dot is drawn, or when the word has `max_len` characters.
#
# A word is the list of the numbers of its characters, *without* the dots: it may be empty. All
# randomness comes from `generator`, which lives on the CPU; `torch.multinomial` takes one. Which
# numbers you draw from it is up to you: the tests look at how often each character follows each
# other one.
#
# **Source.** Session 2, "Step 1": "When sampling, you need to stop when you hit that special
# character"; "A few tips...": `z.multinomial()`.
#
# **Worked number.** $P = \begin{pmatrix} 0 & 1 & 0 \\ 0 & 0 & 1 \\ 1 & 0 & 0 \end{pmatrix}$ leaves
# nothing to chance: every word is $(1, 2)$, and with `max_len` 1 every word is $(1)$.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `words` (models that leave nothing to chance); `frequencies` (a band of seven
# standard deviations around what is expected); `generator` (the same state gives the same words,
# another one gives others). **Hidden tests vary** $V$, the model, `num_words`, `max_len` (also 0),
# the generator.


# %%
def sample_words(
    P: torch.Tensor, num_words: int, generator: torch.Generator, max_len: int
) -> list[list[int]]:
    """Draw words from a bigram model.

    Args:
        P: Probability of column after row, floating dtype, shape (V, V).
        num_words: How many words.
        generator: Where all random numbers come from, on the CPU.
        max_len: The most characters that a word may have.

    Returns:
        `num_words` lists of at most `max_len` numbers in 1..V-1.
    """
    # BEGIN SOLUTION
    P = P.cpu()
    words = []
    for _ in range(num_words):
        word: list[int] = []
        current = 0
        while len(word) < max_len:
            current = int(torch.multinomial(P[current], 1, generator=generator))
            if current == 0:
                break
            word.append(current)
        words.append(word)
    return words
    # END SOLUTION


# %% [markdown]
# ## 5. `bigram_logits_loss_grad`
#
# **Goal.** The same model, learnt. A table $W$ of scores; the row of the current character, taken
# through softmax, is the distribution of the next one. Return the mean NLL of the pairs $(x_n,
# y_n)$ and its gradient.
#
# $$\text{logits}_n = \text{onehot}(x_n)\, W = W_{x_n}\ (V,) \qquad
# p_n = \text{softmax}(\text{logits}_n) \qquad
# \mathcal L = -\frac{1}{N} \sum_{n=1}^{N} \ln p_{n, y_n}$$
#
# $W, \nabla_W\ (V, V)$, $x, y\ (N,)$. Derive the gradient: first with respect to the logits of one
# pair, then through the table. Where it is zero, you will have met exercise 2 again: which $W$ is
# it?
#
# **Source.** Session 2, "Step 2: bigram as a learnable matrix". The code on the slide calls the
# loss a "sum of logs of probs": it is *minus* the *mean*. Its `counts` are $\exp(\text{logits})$,
# and its `probs` are `counts` divided by their sum; that division is the softmax.
#
# **Worked number.** $W = \begin{pmatrix} 0 & \ln 3 \\ 0 & 0 \end{pmatrix}$, $x = (0, 0)$, $y = (1,
# 0)$: both pairs have $p = (\frac14, \frac34)$, so $\mathcal L = \frac12 (\ln \frac43 + \ln 4) =
# 0.8370$, and $\nabla_W = \begin{pmatrix} -\frac14 & \frac14 \\ 0 & 0 \end{pmatrix}$.
#
# **Not allowed.** autograd, softmax.
#
# **Parts.** `loss`; `grad_W`; `stability` (scores of several thousand, of either sign, the same
# for all characters or far apart; the loss stays finite). **Hidden tests vary** $V$, $N$ (also 1),
# repeated and missing characters, dtype and memory layout.


# %%
def bigram_logits_loss_grad(
    W: torch.Tensor, xs: torch.Tensor, ys: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean negative log-likelihood of bigrams, and its gradient.

    Args:
        W: Score of column after row, floating dtype, shape (V, V).
        xs: First characters, int64, shape (N,).
        ys: Second characters, int64, shape (N,).

    Returns:
        (loss, grad_W): a 0-d tensor, and the gradient of shape (V, V); dtype of `W`.
    """
    # BEGIN SOLUTION
    rows = torch.arange(len(xs), device=W.device)
    logits = W[xs]
    shifted = logits - logits.max(1, keepdim=True).values
    log_p = shifted - shifted.exp().sum(1, keepdim=True).log()
    loss = -log_p[rows, ys].mean()
    grad_logits = log_p.exp()
    grad_logits[rows, ys] -= 1
    return loss, torch.zeros_like(W).index_add(0, xs, grad_logits / len(xs))
    # END SOLUTION


# %% [markdown]
# ## 6. `build_dataset`
#
# **Goal.** One character of memory is little. Prepare examples for a model that sees the last $B$
# = `block_size` characters: one example for each character of each word, and one for the dot that
# ends it.
#
# $$X\ (N, B) \text{ the characters before, oldest first} \qquad Y\ (N,) \text{ the next one}$$
#
# A word begins in a context of dots; the context slides by one character at each example. Examples
# stand in the order of the text.
#
# **Source.** Session 2, "Step 3: A Neural Probabilistic Language Model", which shows some rows of
# `X_train` with $B = 3$; class notes, 9.2.2, for the chain rule behind it.
#
# **Worked number.** The word `ab`, $B = 3$: $X = \begin{pmatrix} 0 & 0 & 0 \\ 0 & 0 & 1 \\ 0 & 1 &
# 2 \end{pmatrix}$, $Y = (1, 2, 0)$.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `X`; `Y`. **Hidden tests vary** the words (also empty, shorter and longer than the
# context), `block_size` (1 to 5), the characters.


# %%
def build_dataset(
    words: list[str], stoi: dict[str, int], block_size: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cut words into contexts and the characters that follow them.

    Args:
        words: The text, at least one word.
        stoi: Number of each character; that of "." is 0.
        block_size: Number of characters of a context, at least 1.

    Returns:
        (X, Y): contexts, int64, shape (N, block_size), and next characters, int64, shape (N,).
    """
    # BEGIN SOLUTION
    X: list[list[int]] = []
    Y: list[int] = []
    for word in words:
        path = [0] * block_size + [stoi[character] for character in word] + [0]
        for start in range(len(word) + 1):
            X.append(path[start : start + block_size])
            Y.append(path[start + block_size])
    return torch.tensor(X), torch.tensor(Y)
    # END SOLUTION


# %% [markdown]
# ## 7. `ngram_mlp_forward`
#
# **Goal.** A table with a row for each context would be far too large. Give each character a vector
# instead, a row of $C$; put the vectors of a context side by side, and let a small network score
# the next character.
#
# $$\text{emb} = C[X]\ (N, B, E) \qquad
# h = \tanh\big(\text{flat(emb)}\, W_1^\top + b_1\big)\ (N, n_h) \qquad
# \text{logits} = h\, W_2^\top + b_2\ (N, V)$$
#
# $C\ (V, E)$, $W_1\ (n_h, B E)$, $b_1\ (n_h,)$, $W_2\ (V, n_h)$, $b_2\ (V,)$. `flat` puts the $B$
# vectors of one example side by side, the oldest character first: $(N, B, E) \to (N, B E)$.
#
# **Source.** Session 2, "Step 3". The slide prints $\text{logits} = \tanh(W_2 h + b_2)$; a score
# between $-1$ and $1$ could never be confident. Bengio et al. (2003), equation (1): $y = b + W x +
# U \tanh(d + H x)$ (here without the direct connection $W x$).
#
# **Worked number.** $C = (0, 1, 2)^\top$, one example $X = (1, 2)$, $W_1 = \begin{pmatrix} \ln 2 &
# 0 \\ 0 & \frac14 \ln 3 \end{pmatrix}$, $b_1 = (0, \frac12 \ln 3)$: the pre-activations are $\ln
# 2$ and $\ln 3$, and $h = (0.6, 0.8)$. With $W_2 = \begin{pmatrix} 4 & -3 \\ 0 & 0 \\ 5 & 5
# \end{pmatrix}$, $b_2 = (0, \ln 3, 1)$ the logits are $(0, \ln 3, 8)$.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `h`; `logits`. **Hidden tests vary** all sizes (also 1, also equal), repeated
# characters, the size of the weights, dtype and memory layout.


# %%
def ngram_mlp_forward(
    C: torch.Tensor,
    W_1: torch.Tensor,
    b_1: torch.Tensor,
    W_2: torch.Tensor,
    b_2: torch.Tensor,
    X: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the hidden layer and the scores of the next character.

    Args:
        C: Vectors of the characters, shape (V, E), floating dtype.
        W_1: Weight of the hidden layer, shape (nh, B * E).
        b_1: Bias of the hidden layer, shape (nh,).
        W_2: Weight of the output layer, shape (V, nh).
        b_2: Bias of the output layer, shape (V,).
        X: Contexts, int64, shape (N, B).

    Returns:
        (h, logits) of shapes (N, nh) and (N, V), same dtype as `C`.
    """
    # BEGIN SOLUTION
    h = torch.tanh(C[X].flatten(1) @ W_1.T + b_1)
    return h, h @ W_2.T + b_2
    # END SOLUTION


# %% [markdown]
# ## 8. (*) `ngram_mlp_backward`
#
# **Goal.** All gradients of the network of exercise 7, for whatever loss stands on top: from above
# comes $\nabla_{\text{logits}}\ (N, V)$. Whether the loss is a sum or a mean is its affair and is
# contained in $\nabla_{\text{logits}}$ already.
#
# Go back one line at a time. In the last step, think of a character that stands twice in a
# context, and in several contexts: by how many paths does its row of $C$ reach the loss?
#
# **Source.** Session 2, "Step 3"; Bengio et al. (2003), section 3.2, where the backward phase
# updates the vectors of the input words one after the other.
#
# **Worked number.** One example, $X = (1, 1)$, $C = (0, 2, 3)^\top$, so flat(emb) $= (2, 2)$; $h =
# (0.6, 0.8)$, $W_1 = \begin{pmatrix} 1 & 0 \\ 0 & 2 \end{pmatrix}$, $W_2 = \begin{pmatrix} 4 & -3
# \\ 0 & 0 \\ 5 & 5 \end{pmatrix}$ and $\nabla_{\text{logits}} = (1, -1, 0)$. Then $\nabla_{b_2} =
# (1, -1, 0)$, $\nabla_{W_2} = \begin{pmatrix} 0.6 & 0.8 \\ -0.6 & -0.8 \\ 0 & 0 \end{pmatrix}$,
# $\nabla_h = (4, -3)$, $\nabla_{b_1} = (2.56, -1.08)$, $\nabla_{W_1} = \begin{pmatrix} 5.12 & 5.12
# \\ -2.16 & -2.16 \end{pmatrix}$, and $\nabla_C = (0, 0.4, 0)^\top$.
#
# **Not allowed.** autograd.
#
# **Parts.** One for each gradient. **Hidden tests vary** all sizes (also 1, also equal), characters
# repeated in a context and between contexts, characters that do not occur, saturated hidden units,
# dtype and memory layout.


# %%
def ngram_mlp_backward(
    grad_logits: torch.Tensor,
    C: torch.Tensor,
    W_1: torch.Tensor,
    W_2: torch.Tensor,
    X: torch.Tensor,
    h: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradients of a loss with respect to all parameters of the network.

    Args:
        grad_logits: Gradient of the loss with respect to the logits, shape (N, V), floating.
        C: Vectors of the characters, shape (V, E).
        W_1: Weight of the hidden layer, shape (nh, B * E).
        W_2: Weight of the output layer, shape (V, nh).
        X: Contexts, int64, shape (N, B).
        h: Hidden layer after tanh, shape (N, nh).

    Returns:
        (grad_C, grad_W_1, grad_b_1, grad_W_2, grad_b_2), each of the shape of its parameter; same
        dtype as `grad_logits`.
    """
    # BEGIN SOLUTION
    grad_pre = grad_logits @ W_2 * (1 - h * h)
    grad_emb = (grad_pre @ W_1).reshape(-1, C.shape[1])
    grad_C = torch.zeros_like(C).index_add(0, X.reshape(-1), grad_emb)
    grad_W_1, grad_b_1 = grad_pre.T @ C[X].flatten(1), grad_pre.sum(0)
    return grad_C, grad_W_1, grad_b_1, grad_logits.T @ h, grad_logits.sum(0)
    # END SOLUTION


# %% [markdown]
# ## 9. (*) `train_ngram_mlp`
#
# **Goal.** Put it together: train the network on contexts and next characters with gradient
# descent on the mean NLL, `steps` times with the learning rate `lr`, on all examples or on batches
# of them. All randomness comes from `generator`, on the CPU. Draw the rows of $C$ from $\mathcal
# N(0, 1)$ and each weight from $\mathcal N(0, 1 / n)$, $n$ the number of its inputs, and start the
# biases at 0.
#
# The texts of the tests are written by a machine with a secret: the next of $V = 4$ characters is a
# function of the last *two*, except that one time in ten it is any of the other three. That
# function is such that one character alone says nothing about the next. So the best that a bigram
# model can reach is known, $\ln 4 = 1.386$, and so is the best that any model can reach, the
# entropy of the source:
#
# $$-0.9 \ln 0.9 - 0.1 \ln \tfrac{0.1}{3} = 0.435$$
#
# **Source.** Session 2, "Step 3"; class notes, 9.2.2. A warning: training hides mistakes, also in
# gradients. That is why exercise 8 is graded gradient by gradient, and why this one is worth
# little.
#
# **Worked number.** With 240 examples, `embedding_dim` 3, `hidden` 16, 60 steps and the learning
# rate 2 you should see an NLL of about 0.53 on new text.
#
# **Not allowed.** Nothing is: exercise 8 has shown that you can do without autograd.
#
# **Parts.** `nll` (on new text at most 0.85); `generator` (the same state gives the same
# parameters, another one gives others). **Hidden tests vary** the secret, the text and the
# generator; all sizes are those of the worked number.


# %%
def train_ngram_mlp(
    X: torch.Tensor,
    Y: torch.Tensor,
    num_embeddings: int,
    embedding_dim: int,
    hidden: int,
    steps: int,
    lr: float,
    generator: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Train an n-gram network from random parameters with gradient descent.

    Args:
        X: Contexts, int64, shape (N, B).
        Y: Next characters, int64, shape (N,).
        num_embeddings: Number V of characters.
        embedding_dim: Size E of their vectors.
        hidden: Number nh of hidden units.
        steps: Number of times that the parameters are changed.
        lr: Learning rate, positive.
        generator: Where all random numbers come from, on the CPU.

    Returns:
        (C, W_1, b_1, W_2, b_2) after training, of shapes (V, E), (nh, B * E), (nh,), (V, nh) and
        (V,), float32 or float64.
    """
    # BEGIN SOLUTION
    width = X.shape[1] * embedding_dim
    C = torch.randn(num_embeddings, embedding_dim, generator=generator)
    W_1 = torch.randn(hidden, width, generator=generator) / math.sqrt(width)
    W_2 = torch.randn(num_embeddings, hidden, generator=generator) / math.sqrt(hidden)
    b_1, b_2 = torch.zeros(hidden), torch.zeros(num_embeddings)
    C, W_1, b_1, W_2, b_2 = (one.to(X.device) for one in (C, W_1, b_1, W_2, b_2))
    target = torch.eye(num_embeddings, device=X.device)[Y]
    for _ in range(steps):
        h, logits = ngram_mlp_forward(C, W_1, b_1, W_2, b_2, X)
        grad_logits = (torch.softmax(logits, dim=1) - target) / len(X)
        grads = ngram_mlp_backward(grad_logits, C, W_1, W_2, X, h)
        params = zip((C, W_1, b_1, W_2, b_2), grads, strict=True)
        C, W_1, b_1, W_2, b_2 = (one - lr * grad for one, grad in params)
    return C, W_1, b_1, W_2, b_2
    # END SOLUTION


# %% [markdown]
# ## A reward: names that nobody has
#
# Your two models read the same 154 first names and invent new ones. First the
# bigrams, then the network, which remembers three characters.

# %%
if __name__ == "__main__":
    census = """
        ada adele agathe agnes alan albert alice alma amelie anais andre anna anne antoine ariane
        arthur astrid aurelie basile beatrice benoit bernard blaise blanche bruno camille carla
        caroline cecile celeste chantal charles chloe claire clara claude clemence colette coralie
        daniel delphine denis diane edgar edith eleonore elena elise eloise emile emilie emma
        emmanuel estelle esther eugenie eva fabien felix flora florence florian francois gabriel
        gaspard gaston georges germaine gilles gustave helene henri hortense hugo ines irene
        isabelle ivan jacques jeanne jerome josephine judith jules julien juliette justine laura
        laurent lea leon leonie lila lina louise lucas lucie lucien madeleine manon marc marcel
        margot marie marine marion marius martin mathilde maurice maxime melanie michel mila nadine
        nathalie nicolas nina noemie norbert odette olivia oscar pascal pauline perrine philippe
        pierre raphael raymond remi renee robert rosalie rose sabine salome samuel sarah simone
        solene sophie suzanne sylvain theo therese thomas valerie victor vincent violette yvonne
        zelie zoe
    """
    names = census.split()
    letters = ".abcdefghijklmnopqrstuvwxyz"
    number = {letter: i for i, letter in enumerate(letters)}
    seeded = torch.Generator().manual_seed(0)

    table = bigram_probabilities(bigram_counts(names, number), 0.1)
    print(f"a model that knows nothing: {math.log(27):.2f} nats per character")
    print(f"bigrams: {bigram_nll(names, number, table).item():.2f}")
    invented = sample_words(table, 12, seeded, 12)
    print("   ", ", ".join("".join(letters[i] for i in word) for word in invented))

    contexts, following = build_dataset(names, number, 3)
    network = train_ngram_mlp(contexts, following, 27, 8, 64, 500, 0.6, seeded)
    _, scores = ngram_mlp_forward(*network, contexts)
    log_probs = torch.log_softmax(scores, dim=1)
    print(f"the network: {-log_probs.gather(1, following.unsqueeze(1)).mean().item():.2f}")
    invented = []
    while len(invented) < 12:
        context = [0, 0, 0]
        while len(context) == 3 or context[-1] != 0:
            _, scores = ngram_mlp_forward(*network, torch.tensor([context[-3:]]))
            distribution = torch.softmax(scores[0], dim=0)
            context.append(int(torch.multinomial(distribution, 1, generator=seeded)))
        invented.append(context[3:-1])
    print("   ", ", ".join("".join(letters[i] for i in word) for word in invented))
