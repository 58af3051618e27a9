"""Robustness and generalisation: the checks that students run too."""

import math

import pytest
import torch

F64 = torch.float64
# Plain numbers may have been computed in torch's default float32, which is no mistake.
PLAIN = {"rtol": 1e-5, "atol": 1e-6}


def plain(expect, actual, expected, name=None):
    """Compare two plain numbers.

    They may have been computed in torch's default float32, which is no mistake.
    """
    expect(actual, torch.tensor(expected, dtype=torch.float32), name=name, **PLAIN)


def numbers(draw, values, dtype=None):
    return torch.tensor(values, dtype=dtype or draw.dtype, device=draw.device)


@pytest.mark.exercise("fgsm", parts={"x_adv": 2, "bounds": 1, "zero_grad": 1})
class TestFgsm:
    """The fast gradient sign method"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout, pixel by pixel"""
        x, grad = numbers(draw, [0.5, 0.5, 0.5, 0.875]), numbers(draw, [3.0, -0.01, 0.0, 2.0])
        x_adv = student.fgsm(x, grad, 0.25)
        expect(x_adv[:2], numbers(draw, [0.75, 0.25]), name="x_adv")
        expect(x_adv[2:3], numbers(draw, [0.5]), name="zero_grad")
        expect(x_adv[3:], numbers(draw, [1.0]), name="bounds")

    def test_random(self, student, draw, expect, oracle):
        """two small random images"""
        x, grad = draw.uniform(2, 3, 3), draw.normal(2, 3, 3)
        expect(student.fgsm(x, grad, 0.3), oracle.fgsm(x, grad, 0.3), name="bounds")


@pytest.mark.exercise("pgd", parts={"x_adv": 2, "ball": 2, "bounds": 1})
class TestPgd:
    """Projected gradient steps"""

    @pytest.mark.part("ball")
    @pytest.mark.parametrize("steps", [1, 2, 5], ids="steps={}".format)
    def test_worked_number(self, student, support, draw, expect, steps):
        """the worked number of the handout"""
        gradient = support.make("linear_gradient", numbers(draw, [2.0]))
        x_adv = student.pgd(numbers(draw, [0.5]), gradient, 0.3, 0.2, steps)
        expect(x_adv, numbers(draw, [0.7 if steps == 1 else 0.8]), name="ball")

    @pytest.mark.part("x_adv")
    def test_network(self, student, support, draw, expect):
        """small steps that raise the output of a network"""
        W, b, v, x = draw.normal(4, 3), draw.normal(4), draw.normal(4), draw.uniform(2, 3)
        x = 0.4 + 0.2 * x
        expected = x
        for _ in range(3):
            h = torch.tanh(expected @ W.T + b)
            expected = expected + 0.02 * ((v * (1 - h * h)) @ W).sign()
        gradient = support.make("network_gradient", W, b, v)
        expect(student.pgd(x, gradient, 0.3, 0.02, 3), expected, name="x_adv")

    @pytest.mark.part("bounds")
    def test_edges(self, student, support, draw, expect):
        """pixels that are nearly black or white"""
        gradient = support.make("linear_gradient", numbers(draw, [1.0, -1.0, 1.0]))
        x = numbers(draw, [0.9, 0.05, 0.2])
        x_adv = student.pgd(x, gradient, 0.3, 0.1, 4)
        expect(x_adv, numbers(draw, [1.0, 0.0, 0.5]), name="bounds")


@pytest.mark.exercise("spectral_norm", parts={"sigma": 3, "zero": 1})
class TestSpectralNorm:
    """The spectral norm"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        W = numbers(draw, [[3.0, 0.0], [0.0, 4.0]])
        sigma = student.spectral_norm(W, numbers(draw, [1.0, 1.0]), 30)
        expect(sigma, numbers(draw, 4.0), name="sigma", rtol=1e-5, atol=0)
        sigma = student.spectral_norm(W, numbers(draw, [1.0, 0.0]), 30)
        expect(sigma, numbers(draw, 3.0), name="sigma", rtol=1e-5, atol=0)

    def test_random(self, student, draw, expect, oracle):
        """a random matrix of 3 rows and 5 columns"""
        W, v_0 = draw.normal(3, 5), draw.normal(5)
        W[0] *= 4  # so that the largest singular value stands alone
        expected = oracle.spectral_norm(W, v_0, 500)
        expect(student.spectral_norm(W, v_0, 200), expected, name="sigma", rtol=1e-5, atol=0)

    @pytest.mark.part("zero")
    def test_zero_matrix(self, student, draw, expect):
        """a matrix of zeros, and a matrix that is not 0"""
        W, v_0 = torch.zeros(3, 2, dtype=draw.dtype, device=draw.device), draw.normal(2)
        expect(student.spectral_norm(W, v_0, 5), numbers(draw, 0.0), name="zero")
        W[1, 0] = -2.0
        expect(student.spectral_norm(W, v_0, 5), numbers(draw, 2.0), name="zero", **PLAIN)


@pytest.mark.exercise("lipschitz_upper", parts={"bound": 1})
class TestLipschitzUpper:
    """A bound for a whole network"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        weights = [numbers(draw, [[3.0, 0.0], [0.0, 4.0]]), numbers(draw, [[2.0, 0.0]])]
        expect(student.lipschitz_upper(weights), numbers(draw, 8.0), **PLAIN)

    def test_random(self, student, draw, expect, oracle):
        """three random layers"""
        weights = [draw.normal(4, 3), draw.normal(5, 4), draw.normal(2, 5)]
        expect(student.lipschitz_upper(weights), oracle.lipschitz_upper(weights), **PLAIN)


@pytest.mark.exercise("certified_radius", parts={"radius": 2, "misclassified": 1})
class TestCertifiedRadius:
    """A promise"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        logits = numbers(draw, [[5.0, 1.0, 3.0], [5.0, 1.0, 3.0]])
        target = torch.tensor([0, 2], device=draw.device)
        radius = student.certified_radius(logits, target, math.sqrt(2))
        expect(radius[:1], numbers(draw, [1.0]), name="radius", **PLAIN)
        expect(radius[1:], numbers(draw, [0.0]), name="misclassified", **PLAIN)

    def test_random(self, student, draw, expect, oracle):
        """five inputs with four classes, all classified right"""
        logits = draw.normal(5, 4)
        args = (logits, logits.argmax(1), 3.0)
        expected = oracle.certified_radius(*args)
        expect(student.certified_radius(*args), expected, name="radius", **PLAIN)


@pytest.mark.exercise("hoeffding_bound", parts={"bound": 1})
class TestHoeffdingBound:
    """Hoeffding's bound"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        plain(expect, student.hoeffding_bound(1.0, 8, 2 * math.exp(-4)), 1.0)

    def test_another(self, student, draw, expect, oracle):
        """another number of examples, another largest loss"""
        expected = oracle.hoeffding_bound(2.5, 1000, 0.05)
        plain(expect, student.hoeffding_bound(2.5, 1000, 0.05), expected)


ERRORS = {"generalization": 1, "optimization": 1, "statistical": 1, "approximation": 1}


@pytest.mark.exercise("error_decomposition", parts=ERRORS)
class TestErrorDecomposition:
    """Where the risk comes from"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        args = (numbers(draw, [6.0, 5.0]), numbers(draw, [4.0, 1.0]), 2.0, 3.0)
        generalization, optimization, statistical, approximation = student.error_decomposition(
            *args
        )
        expect(generalization, numbers(draw, [2.0, 4.0]), name="generalization")
        expect(optimization, numbers(draw, [1.0, -2.0]), name="optimization")
        plain(expect, statistical, 1.0, "statistical")
        plain(expect, approximation, 2.0, "approximation")


@pytest.mark.exercise("l2_penalty_grad", parts={"grads": 1})
class TestL2PenaltyGrad:
    """The gradient of a penalty"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        params = [numbers(draw, [[1.0, -2.0]]), numbers(draw, [4.0])]
        expected = (numbers(draw, [[0.5, -1.0]]), numbers(draw, [2.0]))
        expect(student.l2_penalty_grad(params, 0.25), expected)

    def test_random(self, student, draw, expect, oracle):
        """a random weight and a random bias"""
        params = [draw.normal(3, 2), draw.normal(3)]
        expect(student.l2_penalty_grad(params, 0.3), oracle.l2_penalty_grad(params, 0.3))


@pytest.mark.exercise("early_stopping", parts={"stop": 1, "best": 1})
class TestEarlyStopping:
    """When to stop"""

    @pytest.mark.parametrize(("patience", "stop", "best"), [(2, 3, 1), (3, 4, 4)], ids=str)
    def test_worked_number(self, student, draw, expect, patience, stop, best):
        """the worked number of the handout: patience, stop, best"""
        losses = numbers(draw, [5.0, 3.0, 4.0, 3.0, 2.0])
        found = student.early_stopping(losses, patience)
        expect(found[0], stop, name="stop")
        expect(found[1], best, name="best")

    def test_always_better(self, student, draw, expect):
        """losses that always fall"""
        found = student.early_stopping(numbers(draw, [4.0, 3.0, 2.0, 1.0]), 2)
        expect(found[0], 3, name="stop")
        expect(found[1], 3, name="best")


@pytest.mark.exercise("kfold_indices", parts={"val": 1, "train": 1, "no_folds": 1})
class TestKfoldIndices:
    """Cross-validation"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        folds = student.kfold_indices(5, 2)
        first, last = torch.tensor([0, 1, 2]), torch.tensor([3, 4])
        expect([val for _, val in folds], [first, last], name="val")
        expect([train for train, _ in folds], [last, first], name="train")

    def test_three_folds(self, student, draw, expect):
        """six examples, three folds"""
        folds = student.kfold_indices(6, 3)
        expect([val for _, val in folds], list(torch.arange(6).view(3, 2)), name="val")
        expected = [torch.tensor(rest) for rest in ([2, 3, 4, 5], [0, 1, 4, 5], [0, 1, 2, 3])]
        expect([train for train, _ in folds], expected, name="train")

    @pytest.mark.part("no_folds")
    @pytest.mark.parametrize(("n", "k"), [(5, 1), (3, 4)], ids=str)
    def test_no_folds(self, student, draw, expect, n, k):
        """a ValueError if there are no folds, as many folds as examples otherwise: n, k"""
        expect.raises(ValueError, student.kfold_indices, n, k, name="no_folds")
        expect(student.kfold_indices(n, n)[-1][1], torch.tensor([n - 1]), name="no_folds")


@pytest.mark.exercise("polynomial_risks", parts={"train": 1, "test": 1})
class TestPolynomialRisks:
    """Overfitting"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        old = (numbers(draw, [-1.0, 0.0, 1.0], F64), numbers(draw, [0.0, 0.0, 3.0], F64))
        new = (numbers(draw, [2.0], F64), numbers(draw, [1.0], F64))
        train, test = student.polynomial_risks(*old, *new, [0, 1, 2])
        expect(train, numbers(draw, [2.0, 0.5, 0.0], F64), name="train", rtol=1e-5, atol=1e-7)
        expect(test, numbers(draw, [0.0, 9.0, 64.0], F64), name="test", rtol=1e-5, atol=1e-7)

    def test_random(self, student, draw, expect, oracle):
        """nine random points"""
        x = torch.linspace(-1, 1, 9, dtype=F64) + draw.uniform(9, low=-0.1, high=0.1, dtype=F64)
        args = (x, draw.normal(9, dtype=F64), draw.uniform(5, low=-1, dtype=F64))
        args = (*args, draw.normal(5, dtype=F64), [3, 1, 5])
        train, test = student.polynomial_risks(*args)
        expected = oracle.polynomial_risks(*args)
        expect(train, expected[0], name="train", rtol=1e-5, atol=1e-7)
        expect(test, expected[1], name="test", rtol=1e-5, atol=1e-7)
