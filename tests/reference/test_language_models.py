"""The solutions on language models, against oracles that their hidden suite does not use."""

import itertools
import math
from pathlib import Path

import pytest
import torch

from autograder.checks import bank

ROOT = Path(__file__).parents[2]
TOPIC = bank.load(ROOT, "language_models")
STOI = {".": 0, "a": 1, "b": 2, "c": 3}
WORDS = ["abc", "", "cab", "aa", "b", "cab", "bacab"]


def solution(name):
    return TOPIC.solution[name]


@pytest.fixture
def normal():
    """Seeded float64 normal values."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return draw


def central(f, x, h=1e-5):
    """Return the gradient of `f` at `x` by central differences."""
    grad = torch.zeros_like(x)
    for i in range(x.numel()):
        step = torch.zeros_like(x)
        step.view(-1)[i] = h
        grad.view(-1)[i] = (f(x + step) - f(x - step)) / (2 * h)
    return grad


# --- counting ---------------------------------------------------------------------------------


def test_counts_balance():
    # Each character is entered as often as it is left.
    counts = solution("bigram_counts")(WORDS, STOI)
    assert torch.equal(counts.sum(0), counts.sum(1))
    assert counts.sum() == sum(len(word) + 1 for word in WORDS)
    assert counts[0].sum() == len(WORDS)


def test_counts_add_up_over_words():
    count = solution("bigram_counts")
    assert torch.equal(count(WORDS, STOI), sum(count([word], STOI) for word in WORDS))


def test_counts_of_words_turned_around_are_transposed():
    count = solution("bigram_counts")
    turned = [word[::-1] for word in WORDS]
    assert torch.equal(count(turned, STOI), count(WORDS, STOI).T)


def test_smoothing_mixes_with_the_uniform_model():
    counts = solution("bigram_counts")(WORDS, STOI)
    smooth, s = solution("bigram_probabilities"), 0.7
    total = counts.sum(1, keepdim=True)
    weight = total / (total + 4 * s)
    mixed = weight * smooth(counts, 0) + (1 - weight) / 4
    torch.testing.assert_close(smooth(counts, s), mixed)
    torch.testing.assert_close(smooth(counts, 1e9), torch.full((4, 4), 0.25))


def test_counting_is_maximum_likelihood(normal):
    # Gibbs: no other model is less surprised by the text, and the loss is the conditional entropy.
    counts = solution("bigram_counts")(WORDS, STOI).double()
    P = counts / counts.sum(1, keepdim=True)
    best = solution("bigram_nll")(WORDS, STOI, P)
    torch.testing.assert_close(best, -torch.special.xlogy(counts, P).sum() / counts.sum())
    for _ in range(20):
        other = torch.softmax(P.log().clamp(min=-9) + 0.3 * normal(4, 4), dim=1)
        assert solution("bigram_nll")(WORDS, STOI, other) > best


def test_nll_of_the_uniform_model():
    P = torch.full((27, 27), 1 / 27, dtype=torch.float64)
    stoi = {one: i for i, one in enumerate(".abcdefghijklmnopqrstuvwxyz")}
    assert float(solution("bigram_nll")(["emma", "ava"], stoi, P)) == pytest.approx(3.295837)


# --- sampling ---------------------------------------------------------------------------------


def test_chi_square_of_many_words():
    P = torch.tensor([[0.1, 0.5, 0.4], [0.4, 0.1, 0.5], [0.5, 0.4, 0.1]], dtype=torch.float64)
    words = solution("sample_words")(P, 3000, torch.Generator().manual_seed(1), 200)
    counts = torch.zeros(3, 3, dtype=torch.float64)
    for word in words:
        for pair in itertools.pairwise([0, *word, 0]):
            counts[pair] += 1
    expected = counts.sum(1, keepdim=True) * P
    statistic = float(((counts - expected) ** 2 / expected).sum())
    assert statistic < 6 + 6 * math.sqrt(2 * 6)  # six degrees of freedom


def test_mean_length_is_that_of_the_absorbing_chain():
    P = torch.tensor([[0.0, 0.7, 0.3], [0.3, 0.3, 0.4], [0.2, 0.5, 0.3]], dtype=torch.float64)
    inner = torch.linalg.inv(torch.eye(2, dtype=torch.float64) - P[1:, 1:])
    expected = float((P[0, 1:] @ inner).sum())
    words = solution("sample_words")(P, 3000, torch.Generator().manual_seed(2), 500)
    lengths = torch.tensor([float(len(word)) for word in words])
    standard_error = float(lengths.std()) / math.sqrt(len(words))
    assert abs(float(lengths.mean()) - expected) < 5 * standard_error


# --- the table, learnt ------------------------------------------------------------------------


def test_table_gradient_by_finite_differences(normal):
    W = normal(4, 4)
    xs, ys = torch.tensor([0, 3, 3, 1, 3, 0]), torch.tensor([1, 2, 2, 1, 0, 3])
    f = solution("bigram_logits_loss_grad")
    numeric = central(lambda W: f(W, xs, ys)[0], W)
    torch.testing.assert_close(f(W, xs, ys)[1], numeric, rtol=1e-7, atol=1e-9)


def test_gradient_descent_finds_the_counts():
    counts = torch.tensor([[1, 2, 3], [2, 2, 1], [4, 1, 1]])
    pairs = [(i, j) for i in range(3) for j in range(3) for _ in range(int(counts[i, j]))]
    xs, ys = torch.tensor(pairs).T
    W = torch.zeros(3, 3, dtype=torch.float64)
    for _ in range(2000):
        W = W - 2.0 * solution("bigram_logits_loss_grad")(W, xs, ys)[1]
    P = solution("bigram_probabilities")(counts, 0).double()
    torch.testing.assert_close(torch.softmax(W, 1), P, rtol=1e-6, atol=1e-6)


def test_rows_of_the_table_gradient_sum_to_zero(normal):
    xs, ys = torch.tensor([0, 1, 1, 4]), torch.tensor([2, 2, 0, 4])
    _, grad = solution("bigram_logits_loss_grad")(normal(5, 5), xs, ys)
    torch.testing.assert_close(grad.sum(1), torch.zeros(5, dtype=torch.float64))
    assert not grad[[2, 3]].any()


# --- contexts ---------------------------------------------------------------------------------


def test_contexts_spell_the_words():
    X, Y = solution("build_dataset")(WORDS, STOI, 2)
    itos = {i: one for one, i in STOI.items()}
    assert "".join(itos[i] for i in Y.tolist()) == "".join(word + "." for word in WORDS)
    for here, following, y in zip(X[:-1], X[1:], Y[:-1], strict=True):
        carried_on = torch.cat([here[1:], y.reshape(1)])
        assert torch.equal(following, carried_on if y else torch.zeros_like(here))


def test_contexts_of_one_character_are_the_bigrams():
    X, Y = solution("build_dataset")(WORDS, STOI, 1)
    counts = torch.bincount(4 * X[:, 0] + Y, minlength=16).reshape(4, 4)
    assert torch.equal(counts, solution("bigram_counts")(WORDS, STOI))


def test_the_contexts_of_the_slide():
    letters = {one: i for i, one in enumerate(".abcdefghijklmnopqrstuvwxyz")}
    X, _ = solution("build_dataset")(["eb", "yanni"], letters, 3)
    rows = X.tolist()
    for row in ([0, 0, 0], [0, 0, 5], [0, 5, 2], [25, 1, 14], [1, 14, 14], [14, 14, 9]):
        assert row in rows


# --- the network ------------------------------------------------------------------------------


def network(normal, n, B, V, E, nh):
    params = (normal(V, E), normal(nh, B * E), normal(nh), normal(V, nh), normal(V))
    generator = torch.Generator().manual_seed(3)
    return params, torch.randint(V, (n, B), generator=generator)


def test_one_hot_vectors_make_a_table(normal):
    # With C = identity and one character, the network is a table of V rows.
    W_1, b_1, W_2, b_2 = normal(4, 5), normal(4), normal(5, 4), normal(5)
    X = torch.tensor([[3], [0], [3]])
    eye = torch.eye(5, dtype=torch.float64)
    h, logits = solution("ngram_mlp_forward")(eye, W_1, b_1, W_2, b_2, X)
    table = torch.tanh(W_1.T + b_1)
    torch.testing.assert_close(h, table[[3, 0, 3]])
    torch.testing.assert_close(logits, table[[3, 0, 3]] @ W_2.T + b_2)


def test_logits_leave_the_interval_of_tanh(normal):
    params, X = network(normal, 6, 2, 4, 3, 8)
    assert solution("ngram_mlp_forward")(*params, X)[1].abs().max() > 1


@pytest.mark.parametrize("which", range(5), ids=["C", "W_1", "b_1", "W_2", "b_2"])
def test_network_gradients_by_finite_differences(normal, which):
    params, X = network(normal, 4, 3, 4, 2, 3)
    X[0] = X[0, 0]
    grad_logits = normal(4, 4)

    def loss(one):
        changed = [*params[:which], one, *params[which + 1 :]]
        return (solution("ngram_mlp_forward")(*changed, X)[1] * grad_logits).sum()

    C, W_1, _, W_2, _ = params
    h, _ = solution("ngram_mlp_forward")(*params, X)
    grads = solution("ngram_mlp_backward")(grad_logits, C, W_1, W_2, X, h)
    torch.testing.assert_close(grads[which], central(loss, params[which]), rtol=1e-6, atol=1e-8)


def test_network_gradients_with_torch_func(normal):
    params, X = network(normal, 5, 2, 6, 3, 4)
    grad_logits = normal(5, 6)
    C, W_1, _, W_2, _ = params
    h, _ = solution("ngram_mlp_forward")(*params, X)
    _, vjp = torch.func.vjp(lambda *p: solution("ngram_mlp_forward")(*p, X)[1], *params)
    grads = solution("ngram_mlp_backward")(grad_logits, C, W_1, W_2, X, h)
    for grad, right in zip(grads, vjp(grad_logits), strict=True):
        torch.testing.assert_close(grad, right)


def test_it_agrees_with_the_longer_chain_of_the_perceptron_notebook(normal):
    params, X = network(normal, 5, 3, 4, 2, 6)
    C, W_1, _, W_2, _ = params
    h, logits = solution("ngram_mlp_forward")(*params, X)
    target, counts = torch.tensor([0, 3, 1, 1, 2]), logits.exp()
    probs = counts / counts.sum(1, keepdim=True)
    ngram_backward = bank.load(ROOT, "mlp").solution["ngram_backward"]
    chain = ngram_backward(X, target, W_1, W_2, C[X], h, counts, probs)
    grads = solution("ngram_mlp_backward")(chain[4], C, W_1, W_2, X, h)
    for grad, place in zip(grads, (12, 9, 10, 5, 6), strict=True):
        torch.testing.assert_close(grad, chain[place])


def test_training_overfits_twenty_examples():
    generator = torch.Generator().manual_seed(0)
    X = torch.cartesian_prod(torch.arange(5), torch.arange(4))
    Y = torch.randint(5, (20,), generator=generator)
    params = solution("train_ngram_mlp")(X, Y, 5, 4, 32, 1500, 1.0, generator)
    _, logits = solution("ngram_mlp_forward")(*params, X)
    assert torch.nn.functional.cross_entropy(logits, Y) < 0.05


def test_a_bigram_learns_nothing_from_the_secret_text():
    # After each second character all next characters are equally probable, so the count model
    # ends at ln 4, and a network that sees one character cannot do better.
    pairs = torch.cartesian_prod(torch.arange(4), torch.arange(4))
    p = torch.full((16, 4), 0.1 / 3, dtype=torch.float64)
    p[torch.arange(16), pairs.sum(1) % 4] = 0.9
    after_second = p.reshape(4, 4, 4).mean(0)
    torch.testing.assert_close(after_second, torch.full((4, 4), 0.25, dtype=torch.float64))
