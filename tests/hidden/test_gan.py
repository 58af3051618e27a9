"""Generative adversarial networks: what grades them.

The truth is torch's own losses, autograd or a closed form in float64, not the reference solution.
"""

import math

import pytest
import torch

F = torch.nn.functional
LAYOUTS = ("transposed", "strided", "expanded")
SHAPES = [((5,), (3,)), ((4, 1), (4, 1)), ((1,), (1,)), ((2, 3, 2), (3, 1, 4))]


def numbers(draw, values):
    return torch.tensor(values, dtype=draw.dtype, device=draw.device)


def bce(logits, label):
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


# --- losses -----------------------------------------------------------------------------------


def loss_of_discriminator(real, fake):
    return bce(real, 1.0) + bce(fake, 0.0)


@pytest.mark.exercise("discriminator_loss", parts={"loss": 2, "stability": 1})
class TestDiscriminatorLoss:
    """What the discriminator minimises"""

    def check(self, student, expect, oracle, real, fake, name="loss"):
        right = oracle(loss_of_discriminator, real, fake)
        expect(student.discriminator_loss(real, fake), right, name=name)

    @pytest.mark.parametrize("shapes", SHAPES, ids=str)
    def test_shapes(self, student, draw, expect, oracle, shapes):
        """random logits, shapes of real and fake"""
        real, fake = (draw.normal(*shape, std=2.0) for shape in shapes)
        self.check(student, expect, oracle, real, fake)

    def test_undecided(self, student, draw, expect):
        """a discriminator that cannot tell"""
        zeros = torch.zeros(4, dtype=draw.dtype, device=draw.device)
        expect(student.discriminator_loss(zeros, zeros), numbers(draw, math.log(4)), name="loss")

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, layout):
        """another memory layout"""
        real, fake = draw.normal(4, 3), draw.normal(2, 3)
        self.check(student, expect, oracle, draw.layout(real, layout), draw.layout(fake, layout))

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        real, fake = draw.normal(6, dtype=torch.float32), draw.normal(4, dtype=torch.float32)
        self.check(student, expect, oracle, real, fake)

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("size", [40.0, 100.0, 800.0, 1e4], ids=str)
    @pytest.mark.parametrize("sign", [-1, 1], ids=["wrong", "right"])
    def test_sure(self, student, draw, expect, oracle, size, sign):
        """a discriminator that is sure of every sample"""
        real, fake = sign * (size + draw.normal(4)), -sign * (size + draw.normal(3))
        self.check(student, expect, oracle, real, fake, name="stability")

    @pytest.mark.part("stability")
    def test_mixed(self, student, draw, expect, oracle):
        """large logits of either sign"""
        real, fake = draw.normal(6, std=300.0), draw.normal(6, std=300.0)
        self.check(student, expect, oracle, real, fake, name="stability")


def loss_of_generator(fake):
    return bce(fake, 1.0)


def minimax_of_generator(fake):
    return -bce(fake, 0.0)


class GeneratorCases:
    """What both losses of the generator are asked."""

    function = ""
    truth = None

    def check(self, student, expect, oracle, fake, name="loss"):
        right = oracle(type(self).truth, fake)
        expect(getattr(student, self.function)(fake), right, name=name)

    @pytest.mark.parametrize("shape", [(5,), (4, 1), (1,), (2, 3, 2)], ids=str)
    def test_shapes(self, student, draw, expect, oracle, shape):
        """random logits"""
        self.check(student, expect, oracle, draw.normal(*shape, std=2.0))

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, layout):
        """another memory layout"""
        self.check(student, expect, oracle, draw.layout(draw.normal(4, 3), layout))

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        self.check(student, expect, oracle, draw.normal(6, dtype=torch.float32))

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("size", [-1e4, -800.0, -100.0, -40.0, 40.0, 100.0, 800.0], ids=str)
    def test_sure(self, student, draw, expect, oracle, size):
        """a discriminator that is sure of every sample"""
        self.check(student, expect, oracle, size + draw.normal(4), name="stability")

    @pytest.mark.part("stability")
    def test_mixed(self, student, draw, expect, oracle):
        """large logits of either sign"""
        self.check(student, expect, oracle, draw.normal(6, std=300.0), name="stability")


@pytest.mark.exercise("generator_loss", parts={"loss": 2, "stability": 1})
class TestGeneratorLoss(GeneratorCases):
    """What the generator minimises, in practice"""

    function = "generator_loss"
    truth = staticmethod(loss_of_generator)


@pytest.mark.exercise("generator_loss_minimax", parts={"loss": 2, "stability": 1})
class TestGeneratorLossMinimax(GeneratorCases):
    """What the generator minimises, in theory"""

    function = "generator_loss_minimax"
    truth = staticmethod(minimax_of_generator)


def grads_of_discriminator(grad_loss, real, fake):
    real, fake = real.requires_grad_(), fake.requires_grad_()
    return torch.autograd.grad(loss_of_discriminator(real, fake), (real, fake), grad_loss)


GRADIENTS = {"grad_real_logits": 2, "grad_fake_logits": 2, "stability": 1}


@pytest.mark.exercise("discriminator_loss_backward", parts=GRADIENTS)
class TestDiscriminatorLossBackward:
    """The gradient of the discriminator's loss"""

    def check(self, student, expect, oracle, *args, names=("grad_real_logits", "grad_fake_logits")):
        right = oracle(grads_of_discriminator, *args)
        grads = student.discriminator_loss_backward(*args)
        for name, grad, one in zip(names, grads, right, strict=True):
            expect(grad, one, name=name)

    @pytest.mark.parametrize("shapes", SHAPES, ids=str)
    def test_shapes(self, student, draw, expect, oracle, shapes):
        """random logits, shapes of real and fake"""
        real, fake = (draw.normal(*shape, std=2.0) for shape in shapes)
        self.check(student, expect, oracle, draw.normal(), real, fake)

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, layout):
        """another memory layout"""
        real, fake = draw.layout(draw.normal(4, 3), layout), draw.layout(draw.normal(2, 3), layout)
        self.check(student, expect, oracle, draw.normal(), real, fake)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        real, fake = draw.normal(6, dtype=torch.float32), draw.normal(4, dtype=torch.float32)
        self.check(student, expect, oracle, draw.normal(dtype=torch.float32), real, fake)

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("size", [-1e4, -800.0, -100.0, 100.0, 800.0, 1e4], ids=str)
    def test_large(self, student, draw, expect, oracle, size):
        """large logits"""
        real, fake = size + draw.normal(4), size + draw.normal(3)
        names = ("stability", "stability")
        self.check(student, expect, oracle, draw.normal(), real, fake, names=names)


# --- theory -----------------------------------------------------------------------------------


def best_answer(p, q):
    """Ratio, by logarithms: where one density is 0, the other decides; where both are, nobody."""
    return torch.where((p == 0) & (q == 0), 0.5, torch.sigmoid(p.log() - q.log()))


@pytest.mark.exercise("optimal_discriminator", parts={"D": 2, "nowhere": 1})
class TestOptimalDiscriminator:
    """The best answer to a generator"""

    def check(self, student, expect, oracle, p, q, name="D"):
        expect(student.optimal_discriminator(p, q), oracle(best_answer, p, q), name=name)

    @pytest.mark.parametrize("shape", [(6,), (3, 4), (3, 3), (1,), ()], ids=str)
    def test_shapes(self, student, draw, expect, oracle, shape):
        """random densities"""
        p, q = draw.uniform(*shape, low=0.1, high=3.0), draw.uniform(*shape, low=0.1, high=3.0)
        self.check(student, expect, oracle, p, q)

    def test_zeros(self, student, draw, expect, oracle):
        """zeros in one of the densities"""
        p, q = draw.uniform(6, low=0.1), draw.uniform(6, low=0.1)
        p[1] = p[4] = q[0] = q[5] = 0.0
        self.check(student, expect, oracle, p, q)

    @pytest.mark.parametrize("size", [1e-30, 1e-8, 1e8], ids=str)
    def test_sizes(self, student, draw, expect, oracle, size):
        """densities of one order of magnitude"""
        self.check(student, expect, oracle, size * draw.uniform(5), size * draw.uniform(5))

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, layout):
        """another memory layout"""
        p, q = draw.layout(draw.uniform(4, 3), layout), draw.layout(draw.uniform(4, 3), layout)
        self.check(student, expect, oracle, p, q)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        p, q = draw.uniform(6, dtype=torch.float32), draw.uniform(6, dtype=torch.float32)
        self.check(student, expect, oracle, p, q)

    @pytest.mark.part("nowhere")
    def test_nowhere(self, student, draw, expect, oracle):
        """points where both densities are 0, among others"""
        p, q = draw.uniform(3, 4, low=0.1), draw.uniform(3, 4, low=0.1)
        p[0, 1] = p[1, 1] = p[2, 3] = q[0, 1] = q[2, 3] = q[2, 0] = 0.0
        self.check(student, expect, oracle, p, q, name="nowhere")


def value(p, q):
    """By torch's own divergence from p + q, which knows that 0 log 0 = 0."""
    both = (p + q).clamp(min=1e-300).log()
    return F.kl_div(both, p, reduction="sum") + F.kl_div(both, q, reduction="sum")


@pytest.mark.exercise("value_at_optimum", parts={"value": 2, "zeros": 1})
class TestValueAtOptimum:
    """What is left for the generator to minimise"""

    # Between outcomes that share little, the value is the small rest of large terms.
    def check(self, student, draw, expect, oracle, p, q, name="value"):
        right = oracle(value, p, q)
        slack = 1e-9 if p.dtype == torch.float64 else 1e-5
        expect(student.value_at_optimum(p, q), right, name=name, rtol=slack, atol=slack)

    @pytest.mark.parametrize("K", [2, 5, 12], ids="K={}".format)
    def test_random(self, student, draw, expect, oracle, K):
        """random probabilities"""
        p, q = draw.probabilities(K), draw.probabilities(K)
        self.check(student, draw, expect, oracle, p, q)

    def test_one_outcome(self, student, draw, expect):
        """a single outcome"""
        one = numbers(draw, [1.0])
        expect(student.value_at_optimum(one, one), numbers(draw, -math.log(4)), name="value")

    def test_close(self, student, draw, expect, oracle):
        """distributions that are close to each other"""
        p = draw.probabilities(6)
        q = p * (1 + draw.normal(6, std=0.1))
        self.check(student, draw, expect, oracle, p, q / q.sum())

    def test_exchanged(self, student, draw, expect, oracle):
        """data and generator exchanged"""
        p, q = draw.probabilities(4), draw.probabilities(4)
        self.check(student, draw, expect, oracle, p, q)
        self.check(student, draw, expect, oracle, q, p)

    def test_rare(self, student, draw, expect, oracle):
        """outcomes that are rare"""
        p, q = numbers(draw, [1e-30, 1e-6, 0.3, 0.7]), numbers(draw, [0.4, 0.6, 1e-9, 1e-30])
        self.check(student, draw, expect, oracle, p / p.sum(), q / q.sum())

    @pytest.mark.parametrize("layout", ["strided", "offset"])
    def test_layout(self, student, draw, expect, oracle, layout):
        """another memory layout"""
        p, q = (
            draw.layout(draw.probabilities(5), layout),
            draw.layout(draw.probabilities(5), layout),
        )
        self.check(student, draw, expect, oracle, p, q)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        p, q = (
            draw.probabilities(7, dtype=torch.float32),
            draw.probabilities(7, dtype=torch.float32),
        )
        self.check(student, draw, expect, oracle, p, q)

    @pytest.mark.part("zeros")
    @pytest.mark.parametrize("where", ["p", "q", "both"])
    def test_zeros(self, student, draw, expect, oracle, where):
        """outcomes of probability 0"""
        p, q = draw.uniform(6, low=0.1), draw.uniform(6, low=0.1)
        for name, one in (("p", p), ("q", q)):
            if where in (name, "both"):
                one[1] = one[4] = 0.0
        self.check(student, draw, expect, oracle, p / p.sum(), q / q.sum(), name="zeros")

    @pytest.mark.part("zeros")
    def test_disjoint(self, student, draw, expect, oracle):
        """distributions that share no outcome"""
        p, q = draw.uniform(6, low=0.1), draw.uniform(6, low=0.1)
        p[:2] = q[2:] = 0.0
        self.check(student, draw, expect, oracle, p / p.sum(), q / q.sum(), name="zeros")


# --- the game ---------------------------------------------------------------------------------


def network(weights, x):
    *hidden, W, b = weights
    if hidden:
        x = torch.tanh(x @ hidden[0].T + hidden[1])
    return x @ W.T + b


def played(generator, discriminator, lr_g, lr_d, real, z_d, z_g):
    """Return both losses, the parameters afterwards, and the gradients of the first step."""
    G, D = ([w.requires_grad_() for w in one] for one in (generator, discriminator))
    fake = network(G, z_d).detach()
    d_loss = loss_of_discriminator(network(D, real), network(D, fake))
    d_grads = torch.autograd.grad(d_loss, D)
    D = [w.detach() - lr_d * grad for w, grad in zip(D, d_grads, strict=True)]
    g_loss = bce(network(D, network(G, z_g)), 1.0)
    g_grads = torch.autograd.grad(g_loss, G)
    G = [w.detach() - lr_g * grad for w, grad in zip(G, g_grads, strict=True)]
    return d_loss, tuple(D), g_loss, tuple(G), tuple(d_grads)


def affine(draw, n_in, n_out, dtype=None):
    return draw.normal(n_out, n_in, dtype=dtype), draw.normal(n_out, dtype=dtype)


def hidden_layer(draw, n_in, n_out, dtype=None):
    return (*affine(draw, n_in, 4, dtype), *affine(draw, 4, n_out, dtype))


@pytest.mark.exercise("gan_step", parts={"discriminator": 2, "generator": 2, "bystanders": 1})
class TestGanStep:
    """One round of the game"""

    def play(
        self, student, draw, oracle, support, *,
        make=hidden_layer, sizes=(4, 4, 4), rates=(0.3, 0.2), stale=None, dtype=None,
    ):  # fmt: skip
        """Play one round; return the game, what the student returns, and the truth."""
        weights = (make(draw, 3, 2, dtype), make(draw, 2, 1, dtype))
        N, M, L = sizes
        batches = (
            draw.normal(N, 2, mean=1.0, dtype=dtype),
            draw.normal(M, 3, dtype=dtype),
            draw.normal(L, 3, dtype=dtype),
        )
        game = support.make("Game", *weights, *rates, stale=stale)
        losses = tuple(student.gan_step(*game.players(), *batches))
        return game, losses, oracle(played, *weights, *rates, *batches)

    def check(self, student, draw, expect, oracle, support, **options):
        game, losses, right = self.play(student, draw, oracle, support, **options)
        expect(losses[0], right[0], name="discriminator")
        expect(game.parameters("discriminator"), right[1], name="discriminator")
        expect(losses[1], right[2], name="generator")
        expect(game.parameters("generator"), right[3], name="generator")

    @pytest.mark.parametrize("make", [affine, hidden_layer], ids=["affine", "hidden layer"])
    @pytest.mark.parametrize("sizes", [(4, 4, 4), (5, 3, 2), (1, 1, 1)], ids=str)
    def test_sizes(self, student, draw, expect, oracle, support, make, sizes):
        """networks, and sizes of the three batches"""
        self.check(student, draw, expect, oracle, support, make=make, sizes=sizes)

    @pytest.mark.parametrize("rates", [(0.0, 0.5), (0.5, 0.0), (0.05, 1.0)], ids=str)
    def test_rates(self, student, draw, expect, oracle, support, rates):
        """learning rates of generator and discriminator"""
        self.check(student, draw, expect, oracle, support, rates=rates)

    def test_left_over(self, student, draw, expect, oracle, support):
        """gradients left over from before"""
        self.check(student, draw, expect, oracle, support, stale=0.7)

    def test_float32(self, student, draw, expect, oracle, support):
        """float32"""
        self.check(student, draw, expect, oracle, support, dtype=torch.float32)

    @pytest.mark.part("bystanders")
    @pytest.mark.parametrize("make", [affine, hidden_layer], ids=["affine", "hidden layer"])
    def test_bystanders(self, student, draw, expect, oracle, support, make):
        """the losses, and what the gradients of the other player hold"""
        game, losses, right = self.play(student, draw, oracle, support, make=make, sizes=(4, 3, 5))
        both = (right[0], right[2])
        zeros = tuple(torch.zeros_like(one) for one in right[3])
        meanwhile = (*losses, *game.generator_meanwhile())
        expect(meanwhile, (*both, *zeros), name="bystanders")
        cleared = tuple(torch.zeros_like(one) for one in right[4])
        afterwards = (*losses, *game.gradients("discriminator"))
        expect.any_of(afterwards, [(*both, *right[4]), (*both, *cleared)], name="bystanders")


# --- conditional batch normalisation ----------------------------------------------------------


def normalised(x, y, gamma, beta, eps):
    one_hot = F.one_hot(y, len(gamma)).to(x)
    return one_hot @ gamma * F.batch_norm(x, None, None, training=True, eps=eps) + one_hot @ beta


def normalised_grads(grad_out, x, y, gamma, eps):
    leaves = [one.requires_grad_() for one in (x, gamma, torch.zeros_like(gamma))]
    return torch.autograd.grad(normalised(leaves[0], y, *leaves[1:], eps), leaves, grad_out)


# (N, C, K)
SIZES = [(6, 3, 4), (4, 4, 4), (8, 2, 2), (5, 1, 3), (6, 3, 1)]
LABELS = {
    "absent": [1, 1, 3, 1, 3, 3],
    "one for all": [2, 2, 2, 2, 2, 2],
    "all": [3, 0, 2, 1, 0, 3],
}


@pytest.mark.exercise("conditional_batchnorm_forward", parts={"out": 1})
class TestConditionalBatchnormForward:
    """Batch normalisation with a scale and a shift for each label"""

    def check(self, student, draw, expect, oracle, x, y, K, eps=1e-5):
        C, dtype = x.shape[1], x.dtype
        args = (x, y, draw.normal(K, C, dtype=dtype), draw.normal(K, C, dtype=dtype))
        right = oracle(normalised, *args, eps)
        expect(student.conditional_batchnorm_forward(*args, eps=eps), right)

    @pytest.mark.parametrize("sizes", SIZES, ids=str)
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """random features and labels, sizes (N, C, K)"""
        N, C, K = sizes
        self.check(student, draw, expect, oracle, draw.normal(N, C), draw.integers(N, high=K), K)

    def test_one_example(self, student, draw, expect):
        """a single example"""
        x, gamma, beta = draw.normal(1, 3), draw.normal(2, 3), draw.normal(2, 3)
        y = torch.tensor([1], device=draw.device)
        expect(student.conditional_batchnorm_forward(x, y, gamma, beta), beta[1:])

    @pytest.mark.parametrize("labels", list(LABELS))
    def test_labels(self, student, draw, expect, oracle, labels):
        """which labels there are"""
        y = torch.tensor(LABELS[labels], device=draw.device)
        self.check(student, draw, expect, oracle, draw.normal(6, 3), y, 4)

    @pytest.mark.parametrize("std", [0.001, 1.0], ids=str)
    @pytest.mark.parametrize("mean", [0.0, 1.0], ids=str)
    def test_features(self, student, draw, expect, oracle, mean, std):
        """features that vary little or much, around a mean"""
        x = draw.normal(6, 3, mean=mean, std=std)
        self.check(student, draw, expect, oracle, x, draw.integers(6, high=4), 4)

    @pytest.mark.parametrize("eps", [1e-3, 0.5], ids=str)
    def test_eps(self, student, draw, expect, oracle, eps):
        """a larger epsilon"""
        y = draw.integers(6, high=4)
        self.check(student, draw, expect, oracle, draw.normal(6, 3), y, 4, eps)

    @pytest.mark.parametrize("layout", ["transposed", "strided"])
    def test_layout(self, student, draw, expect, oracle, layout):
        """another memory layout"""
        x, y = draw.layout(draw.normal(5, 3), layout), draw.layout(draw.integers(5, high=3), layout)
        self.check(student, draw, expect, oracle, x, y, 3)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        x, y = draw.normal(6, 3, dtype=torch.float32), draw.integers(6, high=4)
        self.check(student, draw, expect, oracle, x, y, 4)


NORM = {"grad_x": 2, "grad_gamma": 1, "grad_beta": 1}


@pytest.mark.exercise("conditional_batchnorm_backward", parts=NORM)
class TestConditionalBatchnormBackward:
    """Its backward pass"""

    def check(self, student, draw, expect, oracle, x, y, K, *, eps=1e-5, layout=None):
        gamma = draw.normal(K, x.shape[1], dtype=x.dtype)
        args = (draw.normal(*x.shape, dtype=x.dtype), x, y, gamma)
        args = tuple(draw.layout(one, layout) for one in args) if layout else args
        grads = student.conditional_batchnorm_backward(*args, eps=eps)
        right = oracle(normalised_grads, *args, eps)
        for name, grad, one in zip(NORM, grads, right, strict=True):
            expect(grad, one, name=name)

    def test_one_example(self, student, draw, expect):
        """a single example"""
        grad_out, x, gamma = draw.normal(1, 3), draw.normal(1, 3), draw.normal(2, 3)
        y = torch.tensor([1], device=draw.device)
        grads = student.conditional_batchnorm_backward(grad_out, x, y, gamma)
        expect(grads[0], torch.zeros_like(x), name="grad_x")
        expect(grads[1], torch.zeros_like(gamma), name="grad_gamma")
        expect(grads[2], torch.cat([torch.zeros_like(grad_out), grad_out]), name="grad_beta")

    @pytest.mark.parametrize("sizes", SIZES, ids=str)
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """random features and labels, sizes (N, C, K)"""
        N, C, K = sizes
        self.check(student, draw, expect, oracle, draw.normal(N, C), draw.integers(N, high=K), K)

    @pytest.mark.parametrize("labels", list(LABELS))
    def test_labels(self, student, draw, expect, oracle, labels):
        """which labels there are"""
        y = torch.tensor(LABELS[labels], device=draw.device)
        self.check(student, draw, expect, oracle, draw.normal(6, 3), y, 4)

    @pytest.mark.parametrize("std", [0.01, 1.0], ids=str)
    @pytest.mark.parametrize("mean", [0.0, 1.0], ids=str)
    def test_features(self, student, draw, expect, oracle, mean, std):
        """features that vary little or much, around a mean"""
        x = draw.normal(6, 3, mean=mean, std=std)
        self.check(student, draw, expect, oracle, x, draw.integers(6, high=4), 4)

    @pytest.mark.parametrize("eps", [1e-3, 0.5], ids=str)
    def test_eps(self, student, draw, expect, oracle, eps):
        """a larger epsilon"""
        y = draw.integers(6, high=4)
        self.check(student, draw, expect, oracle, draw.normal(6, 3), y, 4, eps=eps)

    @pytest.mark.parametrize("kind", ["transposed", "strided"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        self.check(
            student, draw, expect, oracle, draw.normal(5, 3), draw.integers(5, high=3), 3,
            layout=kind,
        )  # fmt: skip

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        x, y = draw.normal(6, 3, dtype=torch.float32), draw.integers(6, high=4)
        self.check(student, draw, expect, oracle, x, y, 4)
