"""Bigrams and an n-gram network: the checks that students run too."""

import itertools
import math

import pytest
import torch

STOI = {".": 0, "a": 1, "b": 2}
LETTERS = {".": 0, "e": 1, "l": 2, "o": 3, "n": 4, "i": 5}
NAMES = ["noel", "leon", "leo", "elie", "nino", "noe", "olie"]


def numbers(draw, values):
    return torch.tensor(values, dtype=draw.dtype, device=draw.device)


def whole(draw, values):
    return torch.tensor(values, dtype=torch.int64, device=draw.device)


@pytest.mark.exercise("bigram_counts", parts={"counts": 1})
class TestBigramCounts:
    """Counting bigrams"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        counts = student.bigram_counts(["ab", "b"], STOI)
        expect(counts, whole(draw, [[0, 1, 1], [0, 0, 1], [2, 0, 0]]))

    def test_names(self, student, expect, oracle):
        """seven names"""
        expect(student.bigram_counts(NAMES, LETTERS), oracle.bigram_counts(NAMES, LETTERS))


@pytest.mark.exercise("bigram_probabilities", parts={"P": 1})
class TestBigramProbabilities:
    """From counts to probabilities"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        counts = whole(draw, [[0, 1, 1], [0, 0, 1], [2, 0, 0]])
        right = torch.tensor([[0.2, 0.4, 0.4], [0.25, 0.25, 0.5], [0.6, 0.2, 0.2]])
        expect(student.bigram_probabilities(counts, 1), right)

    def test_fraction(self, student, draw, expect, oracle):
        """random counts, smoothing 0.5"""
        counts = draw.integers(4, 4, high=9)
        right = oracle.bigram_probabilities(counts, 0.5).to(torch.float32)
        expect(student.bigram_probabilities(counts, 0.5), right)


@pytest.mark.exercise("bigram_nll", parts={"nll": 2, "impossible": 1})
class TestBigramNll:
    """Mean surprise"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        P = numbers(draw, [[0.1, 0.5, 0.4], [0.2, 0.3, 0.5], [0.25, 0.5, 0.25]])
        right = -(2 * math.log(0.5) + math.log(0.4) + 2 * math.log(0.25)) / 5
        expect(student.bigram_nll(["ab", "b"], STOI, P), numbers(draw, right), name="nll")

    def test_uniform(self, student, draw, expect):
        """the uniform model: the logarithm of V"""
        P = numbers(draw, [[1 / 6] * 6] * 6)
        expect(student.bigram_nll(NAMES, LETTERS, P), numbers(draw, math.log(6)), name="nll")

    def test_random(self, student, draw, expect, oracle):
        """seven names, a random model"""
        P = draw.probabilities(6, 6)
        right = oracle.bigram_nll(NAMES, LETTERS, P)
        expect(student.bigram_nll(NAMES, LETTERS, P), right, name="nll")

    @pytest.mark.part("impossible")
    def test_zeros(self, student, draw, expect):
        """the worked number of the handout, which has zeros; then a text that is impossible"""
        P = numbers(draw, [[0.0, 0.5, 0.5], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
        right = numbers(draw, 0.4 * math.log(2))
        expect(student.bigram_nll(["ab", "b"], STOI, P), right, name="impossible")
        right = numbers(draw, math.inf)
        expect(student.bigram_nll(["ab", "ba"], STOI, P), right, name="impossible")


def transitions(words, V, max_len):
    """Count what follows what in sampled words, dots included, unless they were cut."""
    counts = [[0] * V for _ in range(V)]
    for word in words:
        path = [0, *word, 0] if len(word) < max_len else [0, *word]
        for first, second in itertools.pairwise(path):
            counts[first][second] += 1
    return torch.tensor(counts, dtype=torch.float64)


def follow(row, probabilities):
    """Say whether counts of what follows one character lie in a wide band around the model."""
    expected = row.sum() * probabilities
    allowed = 7 * (expected * (1 - probabilities)).sqrt() + 4
    return bool(((row - expected).abs() <= allowed).all())


@pytest.mark.exercise("sample_words", parts={"words": 1, "frequencies": 2, "generator": 1})
class TestSampleWords:
    """Drawing words"""

    @pytest.mark.part("words")
    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        P = numbers(draw, [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
        expect(student.sample_words(P, 3, draw.generator(), 9), [[1, 2]] * 3, name="words")
        expect(student.sample_words(P, 2, draw.generator(), 1), [[1], [1]], name="words")

    @pytest.mark.part("frequencies")
    def test_frequencies(self, student, draw, expect):
        """what follows each of three characters in 200 words: not far from the model"""
        P = numbers(draw, [[0.1, 0.6, 0.3], [0.5, 0.1, 0.4], [0.3, 0.6, 0.1]])
        counts = transitions(student.sample_words(P, 200, draw.generator(), 9), 3, 9)
        for row, probabilities in zip(counts, P.double(), strict=True):
            expect(follow(row, probabilities), expected=True, name="frequencies")

    @pytest.mark.part("generator")
    def test_generator(self, student, draw, expect):
        """the same state gives the same words, another one gives others"""
        P = (draw.probabilities(5, 5) + 1 / 5) / 2
        generator, other = draw.generator(), draw.generator()
        first, again, different = (
            student.sample_words(P, 20, source, 10) for source in (generator, generator, other)
        )
        used = {int(one) for word in first for one in word}
        facts = [len(first), used == set(range(1, 5)), first == again, first == different]
        expect(facts, [20, True, True, False], name="generator")


@pytest.mark.exercise("bigram_logits_loss_grad", parts={"loss": 1, "grad_W": 2, "stability": 1})
class TestBigramLogitsLossGrad:
    """The table, learnt"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        W = numbers(draw, [[0.0, math.log(3)], [0.0, 0.0]])
        loss, grad = student.bigram_logits_loss_grad(W, whole(draw, [0, 0]), whole(draw, [1, 0]))
        expect(loss, numbers(draw, math.log(16 / 3) / 2), name="loss")
        expect(grad, numbers(draw, [[-0.25, 0.25], [0.0, 0.0]]), name="grad_W")

    def test_random(self, student, draw, expect, oracle):
        """seven random pairs of four characters"""
        args = (draw.normal(4, 4), draw.integers(7, high=4), draw.integers(7, high=4))
        loss, grad = student.bigram_logits_loss_grad(*args)
        right = oracle.bigram_logits_loss_grad(*args)
        expect(loss, right[0], name="loss")
        expect(grad, right[1], name="grad_W")

    @pytest.mark.part("stability")
    def test_large(self, student, draw, expect, oracle):
        """scores of several thousand"""
        W = 1000 * draw.normal(3, 3, dtype=torch.float64)
        xs, ys = whole(draw, [0, 1, 2, 2]), whole(draw, [2, 2, 0, 1])
        loss, grad = student.bigram_logits_loss_grad(W, xs, ys)
        right = oracle.bigram_logits_loss_grad(W, xs, ys)
        expect(loss, right[0], name="stability")
        expect(grad, right[1], name="stability")


@pytest.mark.exercise("build_dataset", parts={"X": 2, "Y": 1})
class TestBuildDataset:
    """Contexts and what follows"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        X, Y = student.build_dataset(["ab"], STOI, 3)
        expect(X, whole(draw, [[0, 0, 0], [0, 0, 1], [0, 1, 2]]), name="X")
        expect(Y, whole(draw, [1, 2, 0]), name="Y")

    def test_names(self, student, expect, oracle):
        """seven names, contexts of two characters"""
        X, Y = student.build_dataset(NAMES, LETTERS, 2)
        right = oracle.build_dataset(NAMES, LETTERS, 2)
        expect(X, right[0], name="X")
        expect(Y, right[1], name="Y")


@pytest.mark.exercise("ngram_mlp_forward", parts={"h": 1, "logits": 1})
class TestNgramMlpForward:
    """Forward pass of the n-gram network"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        C = numbers(draw, [[0.0], [1.0], [2.0]])
        W_1 = numbers(draw, [[math.log(2), 0.0], [0.0, math.log(3) / 4]])
        b_1 = numbers(draw, [0.0, math.log(3) / 2])
        W_2 = numbers(draw, [[4.0, -3.0], [0.0, 0.0], [5.0, 5.0]])
        b_2 = numbers(draw, [0.0, math.log(3), 1.0])
        h, logits = student.ngram_mlp_forward(C, W_1, b_1, W_2, b_2, whole(draw, [[1, 2]]))
        expect(h, numbers(draw, [[0.6, math.tanh(math.log(3))]]), name="h")
        expect(logits, numbers(draw, [[0.0, math.log(3), 8.0]]), name="logits")

    def test_random(self, student, draw, expect, oracle):
        """five random contexts of three characters"""
        args = (draw.normal(6, 2), draw.normal(4, 6), draw.normal(4), draw.normal(6, 4))
        args = (*args, draw.normal(6), draw.integers(5, 3, high=6))
        h, logits = student.ngram_mlp_forward(*args)
        right = oracle.ngram_mlp_forward(*args)
        expect(h, right[0], name="h")
        expect(logits, right[1], name="logits")


GRADIENTS = {"grad_C": 2, "grad_W_1": 1, "grad_b_1": 1, "grad_W_2": 1, "grad_b_2": 1}


@pytest.mark.exercise("ngram_mlp_backward", parts=GRADIENTS)
class TestNgramMlpBackward:
    """Backward pass of the n-gram network"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        C, X, h = numbers(draw, [[0.0], [2.0], [3.0]]), whole(draw, [[1, 1]]), [[0.6, 0.8]]
        W_1 = numbers(draw, [[1.0, 0.0], [0.0, 2.0]])
        W_2 = numbers(draw, [[4.0, -3.0], [0.0, 0.0], [5.0, 5.0]])
        grad_logits = numbers(draw, [[1.0, -1.0, 0.0]])
        grads = student.ngram_mlp_backward(grad_logits, C, W_1, W_2, X, numbers(draw, h))
        right = (
            [[0.0], [0.4], [0.0]], [[5.12, 5.12], [-2.16, -2.16]], [2.56, -1.08],
            [[0.6, 0.8], [-0.6, -0.8], [0.0, 0.0]], [1.0, -1.0, 0.0],
        )  # fmt: skip
        for name, grad, one in zip(GRADIENTS, grads, right, strict=True):
            expect(grad, numbers(draw, one), name=name)

    def test_random(self, student, draw, expect, oracle):
        """five random contexts of three characters"""
        args = (draw.normal(5, 6), draw.normal(6, 2), draw.normal(4, 6), draw.normal(6, 4))
        args = (*args, draw.integers(5, 3, high=6), draw.uniform(5, 4, low=-0.9, high=0.9))
        grads = student.ngram_mlp_backward(*args)
        right = oracle.ngram_mlp_backward(*args)
        for name, grad, one in zip(GRADIENTS, grads, right, strict=True):
            expect(grad, one, name=name)


ENTROPY = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1 / 3))


@pytest.mark.exercise("train_ngram_mlp", parts={"nll": 3, "generator": 1})
class TestTrainNgramMlp:
    """Training on a text of known entropy"""

    @pytest.mark.part("nll")
    def test_sum(self, student, draw, expect):
        """on new text at most 0.85 nats: the secret is the sum of two characters, modulo 4"""
        X = draw.integers(240, 2, high=4)
        strays = (draw.uniform(240) < 0.1) * draw.integers(240, low=1, high=4)
        Y = (X.sum(1) + strays) % 4
        params = student.train_ngram_mlp(X, Y, 4, 3, 16, 60, 2.0, draw.generator())
        C, W_1, b_1, W_2, b_2 = (one.double() for one in params)
        contexts = torch.cartesian_prod(torch.arange(4), torch.arange(4))
        h = torch.tanh(C[contexts].flatten(1) @ W_1.T + b_1)
        log_p = torch.log_softmax(h @ W_2.T + b_2, dim=1)
        p = torch.full((16, 4), 0.1 / 3, dtype=torch.float64)
        p[torch.arange(16), contexts.sum(1) % 4] = 0.9
        nll = float(-(p * log_p).sum(1).mean())
        expect(nll, ENTROPY, name="nll", rtol=0, atol=0.85 - ENTROPY)
