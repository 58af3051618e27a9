"""Autoregressive models and the VAE: what grades them.

The truth is torch.distributions, torch's own operators, autograd, a quadrature or a closed form in
float64, not the reference solution.
"""

import itertools
import math

import pytest
import torch
from torch.distributions import Bernoulli, Categorical, MultivariateNormal, Normal, kl_divergence

F = torch.nn.functional
LAYOUTS = ("transposed", "strided", "expanded", "offset")


def numbers(draw, values):
    return torch.tensor(values, dtype=draw.dtype, device=draw.device)


def rounding(z):
    """Tolerances for extreme inputs: differences of numbers as large as those of z lose digits.

    What is at stake there is whether a result survives; its last digits are tested elsewhere.
    """
    step = 8 * torch.finfo(z.dtype).eps * z.abs().max().item()
    if z.dtype == torch.float64:
        return {"rtol": 1e-6, "atol": max(1e-8, step)}
    return {"rtol": 1e-4, "atol": max(1e-5, step)}


def huge(draw):
    """Return a log-variance whose exponential overflows, and that of its half does not."""
    return 1000.0 if draw.dtype == torch.float64 else 120.0


def grads_of(function, cotangent, tensors):
    """Return the gradients of sum(cotangent * function(*tensors)) with respect to each tensor."""
    leaves = [tensor.clone().requires_grad_() for tensor in tensors]
    return torch.autograd.grad(function(*leaves), leaves, cotangent)


# --- autoregressive models ----------------------------------------------------------------------


def chain_rule(cond_logits, x):
    return Categorical(logits=cond_logits).log_prob(x).sum(1)


@pytest.mark.exercise("autoregressive_log_prob", parts={"log_prob": 2, "stability": 1})
class TestAutoregressiveLogProb:
    """Log-probability of a sequence"""

    def check(self, student, expect, oracle, cond_logits, x):
        right = oracle(chain_rule, cond_logits, x)
        expect(student.autoregressive_log_prob(cond_logits, x), right, name="log_prob")

    @pytest.mark.parametrize(
        "sizes", [(5, 4, 3), (3, 6, 2), (1, 3, 5), (4, 4, 4), (3, 1, 4), (2, 3, 1)], ids=str
    )
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """random scores of size (B, T, K)"""
        B, T, K = sizes
        self.check(student, expect, oracle, draw.normal(*sizes), draw.integers(B, T, high=K))

    def test_confident(self, student, draw, expect, oracle):
        """scores of about 10, sequences that are likely and sequences that are not"""
        self.check(
            student, expect, oracle, draw.normal(6, 4, 3, std=10), draw.integers(6, 4, high=3)
        )

    @pytest.mark.parametrize(("T", "K"), [(4, 2), (3, 3)], ids=str)
    def test_total_probability(self, student, draw, expect, T, K):
        """the probabilities of all sequences of length T with K values sum to 1"""
        x = torch.cartesian_prod(*[torch.arange(K)] * T)
        cond_logits = []
        for t in range(T):  # one row of scores for each prefix of length t
            place = sum((x[:, s] * K**s for s in range(t)), torch.zeros(len(x), dtype=torch.int64))
            cond_logits.append(draw.normal(K**t, K)[place])
        log_prob = student.autoregressive_log_prob(torch.stack(cond_logits, dim=1), x)
        expect(log_prob.shape == (len(x),), expected=True, name="log_prob")
        expect(log_prob.exp().sum(), numbers(draw, 1.0), name="log_prob")

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        cond_logits = draw.layout(draw.normal(4, 3, 5), kind)
        x = draw.layout(draw.integers(4, 3, high=5), "transposed")
        self.check(student, expect, oracle, cond_logits, x)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        cond_logits = draw.normal(5, 4, 3, dtype=torch.float32)
        self.check(student, expect, oracle, cond_logits, draw.integers(5, 4, high=3))

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("offset", [1e3, -1e3, 1e4], ids=str)
    def test_large_scores(self, student, draw, expect, oracle, offset):
        """large scores, close together"""
        cond_logits, x = draw.normal(3, 4, 5) + offset, draw.integers(3, 4, high=5)
        right = oracle(chain_rule, cond_logits, x)
        log_prob = student.autoregressive_log_prob(cond_logits, x)
        expect(log_prob, right, name="stability", **rounding(cond_logits))

    @pytest.mark.part("stability")
    def test_far_apart(self, student, draw, expect, oracle):
        """probabilities that are 0 in floating point"""
        cond_logits = draw.normal(4, 3, 5)
        x = cond_logits.argmin(-1)
        cond_logits.scatter_add_(-1, x.unsqueeze(-1), torch.full_like(cond_logits, -800.0))
        right = oracle(chain_rule, cond_logits, x)
        log_prob = student.autoregressive_log_prob(cond_logits, x)
        expect(log_prob, right, name="stability", **rounding(cond_logits))

    @pytest.mark.part("stability")
    def test_entries_far_apart(self, student, draw, expect, oracle):
        """scores of one entry 2000 above those of another"""
        cond_logits, x = draw.normal(3, 3, 4), draw.integers(3, 3, high=4)
        cond_logits += numbers(draw, [[1000.0], [-1000.0], [0.0]])
        right = oracle(chain_rule, cond_logits, x)
        log_prob = student.autoregressive_log_prob(cond_logits, x)
        expect(log_prob, right, name="stability", **rounding(cond_logits))


def past(kernel_size, kind):
    """Write the definition out, pixel by pixel."""
    c = kernel_size // 2
    mask = torch.zeros(kernel_size, kernel_size)
    for i, j in itertools.product(range(kernel_size), repeat=2):
        mask[i, j] = float((i, j) < (c, c) or (kind == "B" and (i, j) == (c, c)))
    return mask


@pytest.mark.exercise("pixelcnn_mask", parts={"mask_A": 1, "mask_B": 1, "errors": 1})
class TestPixelcnnMask:
    """The mask of a PixelCNN"""

    @pytest.mark.part("mask_A")
    @pytest.mark.parametrize("kernel_size", [1, 3, 5, 7, 9])
    def test_kind_a(self, student, expect, kernel_size):
        """kind A, kernel_size"""
        mask = student.pixelcnn_mask(kernel_size, "A")
        expect(mask.float(), past(kernel_size, "A"), name="mask_A")

    @pytest.mark.part("mask_B")
    @pytest.mark.parametrize("kernel_size", [1, 3, 5, 7, 9])
    def test_kind_b(self, student, expect, kernel_size):
        """kind B, kernel_size"""
        mask = student.pixelcnn_mask(kernel_size, "B")
        expect(mask.float(), past(kernel_size, "B"), name="mask_B")

    @pytest.mark.part("errors")
    @pytest.mark.parametrize("kernel_size", [2, 6, 0, -1])
    def test_no_centre(self, student, expect, kernel_size):
        """a kernel without a centre, kernel_size"""
        expect(float(student.pixelcnn_mask(7, "A").float().sum()), 24.0, name="errors")
        for kind in "AB":
            expect.raises(ValueError, student.pixelcnn_mask, kernel_size, kind, name="errors")

    @pytest.mark.part("errors")
    @pytest.mark.parametrize("kind", ["C", "", "AB"])
    def test_kind(self, student, expect, kind):
        """a kind that there is not"""
        expect(float(student.pixelcnn_mask(7, "B").float().sum()), 25.0, name="errors")
        expect.raises(ValueError, student.pixelcnn_mask, 3, kind, name="errors")


def causal_conv(x, weight, bias, kind):
    k = weight.shape[-1]
    return F.conv2d(x, weight * past(k, kind).to(weight), bias, padding=k // 2)


@pytest.mark.exercise("masked_conv2d", parts={"y": 2, "causality": 1})
class TestMaskedConv2d:
    """A convolution that looks at the past only"""

    @pytest.mark.part("y")
    @pytest.mark.parametrize("kind", ["A", "B"])
    @pytest.mark.parametrize(
        "sizes",
        [(2, 3, 4, 5, 6, 3), (1, 1, 2, 7, 4, 5), (3, 2, 2, 4, 4, 3), (2, 2, 3, 3, 2, 7),
         (2, 1, 1, 1, 5, 3), (2, 3, 2, 3, 3, 1)],
        ids=str,
    )  # fmt: skip
    def test_sizes(self, student, draw, expect, oracle, sizes, kind):
        """sizes (N, C, F, H, W, k), kind"""
        n, c, f, height, width, k = sizes
        args = (draw.normal(n, c, height, width), draw.normal(f, c, k, k), draw.normal(f), kind)
        expect(student.masked_conv2d(*args), oracle(causal_conv, *args), name="y")

    @pytest.mark.part("y")
    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        x, weight = (
            draw.layout(draw.normal(2, 3, 4, 5), kind),
            draw.layout(draw.normal(2, 3, 3, 3), kind),
        )
        args = (x, weight, draw.layout(draw.normal(2), "strided"), "B")
        expect(student.masked_conv2d(*args), oracle(causal_conv, *args), name="y")

    @pytest.mark.part("y")
    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        x, weight = (
            draw.normal(2, 3, 4, 5, dtype=torch.float32),
            draw.normal(4, 3, 3, 3, dtype=torch.float32),
        )
        args = (x, weight, draw.normal(4, dtype=torch.float32), "A")
        expect(student.masked_conv2d(*args), oracle(causal_conv, *args), name="y")

    @pytest.mark.part("causality")
    @pytest.mark.parametrize("kind", ["A", "B"])
    @pytest.mark.parametrize("pixel", [(0, 0), (1, 3), (2, 1), (3, 4)], ids=str)
    def test_causality(self, student, draw, expect, pixel, kind):
        """which outputs move with one pixel, row and column, kind"""
        x, weight, bias = draw.normal(1, 2, 4, 5), draw.uniform(1, 2, 5, 5, low=0.5), draw.normal(1)
        moved = x.clone()
        moved[0, 1, pixel[0], pixel[1]] += 1
        first, second = (student.masked_conv2d(image, weight, bias, kind) for image in (x, moved))
        # Weights are positive: nothing cancels in the answer to a single white pixel.
        right = (causal_conv(moved - x, weight, None, kind).abs() > 1e-3).flatten().tolist()
        seen = ((second - first).abs() > 1e-3).flatten().tolist()
        expect([bool(first.isfinite().all()), *seen], [True, *right], name="causality")


# --- autoencoders -------------------------------------------------------------------------------


def squared_error(x, x_hat):
    return F.mse_loss(x_hat, x, reduction="none").flatten(1).sum(1).mean()


@pytest.mark.exercise("autoencoder_loss", parts={"loss": 1})
class TestAutoencoderLoss:
    """The loss of an autoencoder"""

    @pytest.mark.parametrize(
        "shape", [(5, 3), (3, 3), (1, 4), (6, 1), (4, 3, 2), (3, 2, 4, 5), (2, 1, 1, 3)], ids=str
    )
    def test_shapes(self, student, draw, expect, oracle, shape):
        """random examples of the given shape"""
        x, x_hat = draw.normal(*shape), draw.normal(*shape, mean=0.5)
        expect(student.autoencoder_loss(x, x_hat), oracle(squared_error, x, x_hat))

    def test_perfect(self, student, draw, expect):
        """a perfect reconstruction, and one that is off by 3 everywhere"""
        x = draw.normal(4, 5)
        expect(student.autoencoder_loss(x, x.clone()), numbers(draw, 0.0))
        expect(student.autoencoder_loss(x, x + 3), numbers(draw, 45.0))

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        x, x_hat = draw.layout(draw.normal(4, 3, 2), kind), draw.layout(draw.normal(4, 3, 2), kind)
        expect(student.autoencoder_loss(x, x_hat), oracle(squared_error, x, x_hat))

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        x, x_hat = draw.normal(5, 4, dtype=torch.float32), draw.normal(5, 4, dtype=torch.float32)
        expect(student.autoencoder_loss(x, x_hat), oracle(squared_error, x, x_hat))


def cloud(draw, n, d, **kwargs):
    """Return data far from the origin whose principal axes have clearly different sizes."""
    left = torch.linalg.qr(draw.normal(n, min(n - 1, d)).double()).Q
    left = torch.linalg.qr(left - left.mean(0)).Q  # centred, orthonormal
    right = torch.linalg.qr(draw.normal(d, left.shape[1]).double()).Q
    sizes = 4 * 0.6 ** torch.arange(left.shape[1]).double()
    x = (left * sizes) @ right.T + draw.uniform(d, low=2.0, high=4.0).double()
    return x.to(kwargs.get("dtype", draw.dtype))


def principal_axes(x, k):
    """Return the projector, the mean and the loss, by the eigenvectors of the covariance."""
    centred = x - x.mean(0)
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(x))
    axes = vectors[:, len(values) - k :]
    return axes @ axes.T, x.mean(0), values[: len(values) - k].sum()


@pytest.mark.exercise("linear_autoencoder", parts={"W": 2, "b": 1, "loss": 1})
class TestLinearAutoencoder:
    """The best linear autoencoder"""

    def check(self, student, expect, oracle, x, k):
        W, b, loss = student.linear_autoencoder(x, k)
        plane, mean, least = oracle(principal_axes, x, k)
        expect(W @ W.T, torch.eye(k, dtype=x.dtype), name="W")
        expect(W.T @ W, plane, name="W")
        expect(b, mean, name="b")
        expect(loss, least, name="loss")

    @pytest.mark.parametrize(
        "sizes",
        [(8, 5, 2), (8, 5, 1), (8, 5, 4), (9, 3, 3), (5, 7, 2), (5, 7, 3), (5, 5, 2), (4, 1, 1)],
        ids=str,
    )
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """N examples, D dimensions, bottleneck k"""
        n, d, k = sizes
        self.check(student, expect, oracle, cloud(draw, n, d), k)

    @pytest.mark.parametrize("kind", ["transposed", "strided", "offset"])
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        self.check(student, expect, oracle, draw.layout(cloud(draw, 7, 4), kind), 2)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        self.check(student, expect, oracle, cloud(draw, 8, 4, dtype=torch.float32), 2)


# --- the pieces of the bound --------------------------------------------------------------------

SHAPES = [(5, 3), (4, 4), (1, 3), (6, 1), (3, 2, 4), (3, 3, 3)]


def sample(mu, logvar, noise):
    return torch.addcmul(mu, logvar.exp().sqrt(), noise)


@pytest.mark.exercise("reparameterize", parts={"z": 2, "stability": 1})
class TestReparameterize:
    """A sample that lets gradients pass"""

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_shapes(self, student, draw, expect, oracle, shape):
        """random means, log-variances and noise"""
        args = (draw.normal(*shape), draw.normal(*shape, std=2), draw.normal(*shape))
        expect(student.reparameterize(*args), oracle(sample, *args), name="z")

    @pytest.mark.parametrize("logvar", [40.0, -40.0], ids="logvar={:g}".format)
    def test_wide_and_narrow(self, student, draw, expect, oracle, logvar):
        """a very wide and a very narrow Gaussian"""
        mu, noise = draw.normal(3, 4), draw.normal(3, 4)
        args = (0 * mu if logvar < 0 else mu, logvar + draw.normal(3, 4), noise)
        # Compared on the scale of the standard deviation, which is 1e9 or 1e-9.
        z, right = student.reparameterize(*args), oracle(sample, *args)
        expect(z * math.exp(-logvar / 2), right * math.exp(-logvar / 2), name="z")

    def test_no_noise(self, student, draw, expect):
        """noise of 0 gives the mean"""
        mu = draw.normal(3, 4)
        z = student.reparameterize(mu, draw.normal(3, 4), torch.zeros_like(mu))
        expect(z, mu, name="z")

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        args = [draw.layout(draw.normal(4, 3), kind) for _ in range(3)]
        expect(student.reparameterize(*args), oracle(sample, *args), name="z")

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        args = [draw.normal(4, 3, dtype=torch.float32) for _ in range(3)]
        expect(student.reparameterize(*args), oracle(sample, *args), name="z")

    @pytest.mark.part("stability")
    def test_overflow(self, student, draw, expect):
        """variances that overflow, standard deviations that do not"""
        logvar = huge(draw) + draw.normal(3, 4)
        noise, half = draw.normal(3, 4), torch.exp(logvar.double() / 2).to(draw.dtype)
        z = student.reparameterize(draw.normal(3, 4), logvar, noise)
        # On the scale of sigma; in float32 half of 120 is known to 4e-6, and so is its exponential.
        expect(z / half, noise, name="stability")


def kl_to_prior(mu, logvar):
    q, prior = Normal(mu, torch.exp(logvar / 2)), Normal(torch.zeros_like(mu), 1.0)
    return kl_divergence(q, prior).flatten(1).sum(1)


@pytest.mark.exercise("gaussian_kl", parts={"kl": 2, "underflow": 1})
class TestGaussianKl:
    """The KL term"""

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_shapes(self, student, draw, expect, oracle, shape):
        """random means and log-variances"""
        mu, logvar = draw.normal(*shape), draw.normal(*shape, std=1.5)
        expect(student.gaussian_kl(mu, logvar), oracle(kl_to_prior, mu, logvar), name="kl")

    def test_only_the_mean(self, student, draw, expect):
        """means of 1, -1 and 2, variance 1: half the squares"""
        mu = numbers(draw, [[1.0, 0.0], [0.0, -1.0], [2.0, 1.0]])
        kl = student.gaussian_kl(mu, torch.zeros_like(mu))
        expect(kl, numbers(draw, [0.5, 0.5, 2.5]), name="kl")

    @pytest.mark.parametrize("variance", [0.3, 4.0, math.exp(2)], ids="{:.2g}".format)
    def test_only_the_variance(self, student, draw, expect, variance):
        """mean 0, two dimensions of the given variance"""
        logvar = torch.full((3, 2), math.log(variance), dtype=draw.dtype)
        kl = student.gaussian_kl(torch.zeros_like(logvar), logvar)
        right = torch.full((3,), variance - 1 - math.log(variance), dtype=draw.dtype)
        expect(kl, right, name="kl")

    def test_prior(self, student, draw, expect, oracle):
        """0 for the prior, not for the others of the batch"""
        mu, logvar = draw.normal(4, 3), draw.normal(4, 3)
        mu[1], logvar[1] = 0.0, 0.0
        expect(student.gaussian_kl(mu, logvar), oracle(kl_to_prior, mu, logvar), name="kl")

    @pytest.mark.parametrize("logvar", [-30.0, 20.0], ids="logvar={:g}".format)
    def test_narrow_and_wide(self, student, draw, expect, oracle, logvar):
        """a narrow and a wide Gaussian"""
        args = (draw.normal(4, 3), logvar + draw.normal(4, 3))
        expect(student.gaussian_kl(*args), oracle(kl_to_prior, *args), name="kl")

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        mu, logvar = draw.layout(draw.normal(4, 3), kind), draw.layout(draw.normal(4, 3), kind)
        expect(student.gaussian_kl(mu, logvar), oracle(kl_to_prior, mu, logvar), name="kl")

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        args = (draw.normal(4, 3, dtype=torch.float32), draw.normal(4, 3, dtype=torch.float32))
        expect(student.gaussian_kl(*args), oracle(kl_to_prior, *args), name="kl")

    @pytest.mark.part("underflow")
    def test_underflow(self, student, draw, expect):
        """variances that are 0 in floating point"""
        mu, logvar = draw.normal(4, 3), -800 + 10 * draw.normal(4, 3)
        kl = student.gaussian_kl(mu, logvar)
        expect(kl, 0.5 * (mu.square() - 1 - logvar).sum(1), name="underflow")

    @pytest.mark.part("underflow")
    def test_one_of_several(self, student, draw, expect):
        """one such variance among ordinary ones"""
        mu, logvar = numbers(draw, [[1.0, 2.0]]), numbers(draw, [[-2000.0, 0.0]])
        expect(student.gaussian_kl(mu, logvar), numbers(draw, [1002.0]), name="underflow")


def coins(x, logits):
    loss = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return -loss.flatten(1).sum(1)


def coins_by_distribution(x, logits):
    return Bernoulli(logits=logits).log_prob(x).flatten(1).sum(1)


IMAGES = [(4, 6), (3, 3), (1, 5), (5, 1), (4, 2, 3), (3, 2, 4, 5)]


@pytest.mark.exercise("bernoulli_log_likelihood", parts={"log_likelihood": 2, "stability": 1})
class TestBernoulliLogLikelihood:
    """Pixels as coins"""

    def check(self, student, expect, oracle, truth, x, logits):
        value = student.bernoulli_log_likelihood(x, logits)
        expect(value, oracle(truth, x, logits), name="log_likelihood")

    @pytest.mark.parametrize("shape", IMAGES, ids=str)
    def test_black_and_white(self, student, draw, expect, oracle, shape):
        """black-and-white images of the given shape"""
        x, logits = draw.integers(*shape, high=2).to(draw.dtype), draw.normal(*shape, std=2)
        self.check(student, expect, oracle, coins_by_distribution, x, logits)

    @pytest.mark.parametrize("shape", IMAGES, ids=str)
    def test_grey(self, student, draw, expect, oracle, shape):
        """grey images of the given shape"""
        self.check(student, expect, oracle, coins, draw.uniform(*shape), draw.normal(*shape, std=2))

    def test_total_probability(self, student, draw, expect):
        """the probabilities of all images of four pixels sum to 1"""
        x = torch.cartesian_prod(*[numbers(draw, [0.0, 1.0])] * 4)
        value = student.bernoulli_log_likelihood(x, draw.normal(1, 4).expand(16, 4))
        expect(value.shape == (16,), expected=True, name="log_likelihood")
        expect(value.exp().sum(), numbers(draw, 1.0), name="log_likelihood")

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        x, logits = (
            draw.layout(draw.uniform(3, 4, 5), kind),
            draw.layout(draw.normal(3, 4, 5), kind),
        )
        self.check(student, expect, oracle, coins, x, logits)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        x, logits = draw.uniform(3, 4, dtype=torch.float32), draw.normal(3, 4, dtype=torch.float32)
        self.check(student, expect, oracle, coins, x, logits)

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("score", [50.0, 500.0, 5000.0], ids=str)
    def test_large_scores(self, student, draw, expect, oracle, score):
        """large scores of either sign, right, wrong and grey"""
        x = numbers(draw, [[0.0, 1.0], [1.0, 0.0], [0.25, 0.5]])
        logits = numbers(draw, [[-score, score]] * 3) + draw.normal(3, 2)
        value = student.bernoulli_log_likelihood(x, logits)
        expect(value, oracle(coins, x, logits), name="stability")
        value = student.bernoulli_log_likelihood(x, -logits)
        expect(value, oracle(coins, x, -logits), name="stability")


def density(x, mu, logvar):
    return Normal(mu, torch.exp(logvar / 2)).log_prob(x).flatten(1).sum(1)


@pytest.mark.exercise("gaussian_log_likelihood", parts={"log_likelihood": 2, "stability": 1})
class TestGaussianLogLikelihood:
    """Log-density of a Gaussian"""

    def check(self, student, expect, oracle, *args):
        value = student.gaussian_log_likelihood(*args)
        expect(value, oracle(density, *args), name="log_likelihood")

    @pytest.mark.parametrize("shape", IMAGES, ids=str)
    def test_shapes(self, student, draw, expect, oracle, shape):
        """random observations, means and log-variances"""
        args = (draw.normal(*shape), draw.normal(*shape), draw.normal(*shape, std=1.5))
        self.check(student, expect, oracle, *args)

    @pytest.mark.parametrize("logvar", [-30.0, 40.0], ids="logvar={:g}".format)
    def test_narrow_and_wide(self, student, draw, expect, oracle, logvar):
        """a narrow and a wide Gaussian, observations at the distance of a standard deviation"""
        logvar = logvar + draw.normal(4, 3)
        x = torch.exp(logvar / 2) * draw.normal(4, 3)
        self.check(student, expect, oracle, x, torch.zeros_like(x), logvar)

    def test_at_the_mean(self, student, draw, expect):
        """observations at the mean: minus half of ln(2 pi variance) for each entry"""
        x, logvar = draw.normal(4, 3), draw.normal(4, 3)
        value = student.gaussian_log_likelihood(x, x.clone(), logvar)
        right = -0.5 * (logvar.double() + math.log(2 * math.pi)).sum(1).to(draw.dtype)
        expect(value, right, name="log_likelihood")

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        self.check(
            student, expect, oracle, *[draw.layout(draw.normal(3, 4, 5), kind) for _ in range(3)]
        )

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        self.check(student, expect, oracle, *[draw.normal(4, 3, dtype=torch.float32)] * 2,
                   draw.normal(4, 3, dtype=torch.float32))  # fmt: skip

    @pytest.mark.part("stability")
    def test_far_from_the_mean(self, student, draw, expect, oracle):
        """densities that are 0 in floating point"""
        args = (draw.normal(4, 3), 100 + draw.normal(4, 3), draw.normal(4, 3, std=0.5))
        value = student.gaussian_log_likelihood(*args)
        expect(value, oracle(density, *args), name="stability")

    @pytest.mark.part("stability")
    def test_overflow(self, student, draw, expect):
        """variances that overflow: the observations make no difference"""
        logvar = huge(draw) + draw.normal(4, 3)
        value = student.gaussian_log_likelihood(draw.normal(4, 3), draw.normal(4, 3), logvar)
        right = -0.5 * (logvar.double() + math.log(2 * math.pi)).sum(1).to(draw.dtype)
        expect(value, right, name="stability")


# --- the bound ----------------------------------------------------------------------------------

ELBO = {"elbo": 1, "reconstruction": 1, "kl": 1, "stability": 1}


def bound_and_terms(x, logits, mu, logvar):
    reconstruction, kl = coins(x, logits), kl_to_prior(mu, logvar)
    return reconstruction - kl, reconstruction, kl


def nodes_and_weights(n):
    """Return nodes and weights of Gauss-Hermite quadrature for a standard normal (Golub-Welsch)."""
    off = torch.arange(1, n).double().sqrt()
    nodes, vectors = torch.linalg.eigh(torch.diag(off, 1) + torch.diag(off, -1))
    return nodes, vectors[0].square()


def log_evidence(x, W, b):
    """Return log p(x) of coins with logits z W + b and a standard normal z, on a fine grid."""
    z = torch.linspace(-12, 12, 4001, dtype=torch.float64)
    log_joint = -coins_loss(x, z, W, b) + Normal(0.0, 1.0).log_prob(z)
    return torch.logsumexp(log_joint, 0) + math.log(24 / 4000)


def coins_loss(x, z, W, b):
    logits = z.unsqueeze(1) * W + b
    loss = F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none")
    return loss.sum(1)


def gap(x, W, b, mu, logvar):
    """Return KL(q(z | x) || p(z | x)), on a fine grid."""
    sd = math.exp(logvar / 2)
    z = torch.linspace(mu - 10 * sd, mu + 10 * sd, 4001, dtype=torch.float64)
    log_q = Normal(mu, sd).log_prob(z)
    log_joint = -coins_loss(x, z, W, b) + Normal(0.0, 1.0).log_prob(z)
    integrand = log_q.exp() * (log_q - log_joint + log_evidence(x, W, b))
    return integrand.sum() * 20 * sd / 4000


@pytest.mark.exercise("elbo", parts=ELBO)
class TestElbo:
    """The evidence lower bound"""

    def check(self, student, expect, oracle, *args):
        value, reconstruction, kl = student.elbo(*args)
        right = oracle(bound_and_terms, *args)
        expect(value, right[0], name="elbo")
        expect(reconstruction, right[1], name="reconstruction")
        expect(kl, right[2], name="kl")

    @pytest.mark.parametrize(
        ("pixels", "D"),
        [((5, 6), 3), ((4, 4), 4), ((1, 5), 2), ((3, 1), 1), ((2, 3), 6), ((4, 1, 3, 5), 2),
         ((3, 3, 3), 3)],
        ids=str,
    )  # fmt: skip
    def test_sizes(self, student, draw, expect, oracle, pixels, D):
        """black-and-white images of the given shape, D latent dimensions"""
        x, logits = draw.integers(*pixels, high=2).to(draw.dtype), draw.normal(*pixels, std=2)
        mu, logvar = draw.normal(pixels[0], D), draw.normal(pixels[0], D, std=1.5)
        self.check(student, expect, oracle, x, logits, mu, logvar)

    def test_grey(self, student, draw, expect, oracle):
        """grey images"""
        x, logits = draw.uniform(5, 2, 3), draw.normal(5, 2, 3)
        self.check(student, expect, oracle, x, logits, draw.normal(5, 4), draw.normal(5, 4))

    @pytest.mark.parametrize("logvar", [-30.0, 20.0], ids="logvar={:g}".format)
    def test_narrow_and_wide(self, student, draw, expect, oracle, logvar):
        """a narrow and a wide code"""
        code = (draw.normal(4, 3), logvar + draw.normal(4, 3))
        self.check(student, expect, oracle, draw.uniform(4, 5), draw.normal(4, 5), *code)

    def test_repeated_data(self, student, draw, expect, oracle):
        """the same example three times"""
        x, logits, mu, logvar = (draw.normal(1, n) for n in (5, 5, 2, 2))
        args = [one.repeat(3, 1) for one in (x.sigmoid(), logits, mu, logvar)]
        self.check(student, expect, oracle, *args)

    @pytest.mark.parametrize("logvar", [0.0, -1.0, 0.7], ids="logvar={:g}".format)
    def test_lower_bound(self, student, draw, expect, oracle, logvar):
        """averaged over all codes it lies below log p(x), by the divergence from the posterior"""
        W, b = draw.uniform(4, low=-1.2, high=1.2), draw.normal(4, std=0.5)
        x = draw.integers(4, high=2).to(draw.dtype)
        nodes, weights = nodes_and_weights(32)
        z = (0.6 + math.exp(logvar / 2) * nodes).unsqueeze(1).to(draw.dtype)
        code = [torch.full_like(z, 0.6), torch.full_like(z, logvar)]
        value, _, _ = student.elbo(x.expand(32, 4), z * W + b, *code)
        mean = (value.double() * weights).sum().to(draw.dtype)
        evidence = oracle(log_evidence, x, W, b)
        expect(value.shape == (32,), expected=True, name="elbo")
        expect(bool(mean <= evidence + 1e-4), expected=True, name="elbo")
        # The decoder's logits reach the student rounded; in float32 that limits the mean to 1e-5.
        right = evidence - oracle(gap, x, W, b, 0.6, logvar)
        expect(
            mean, right, name="elbo", rtol=1e-6 if draw.dtype == torch.float64 else 1e-4, atol=1e-6
        )

    def test_ignored_code(self, student, draw, expect, oracle):
        """equal to log p(x) if the decoder ignores the code and the encoder says the prior"""
        b, x = draw.normal(4), draw.integers(4, high=2).to(draw.dtype)
        prior = torch.zeros(3, 2, dtype=draw.dtype)
        value, _, _ = student.elbo(x.expand(3, 4), b.expand(3, 4), prior, prior)
        expect(value, oracle(log_evidence, x, torch.zeros_like(b), b).expand(3), name="elbo")

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        args = [draw.uniform(4, 5), draw.normal(4, 5), draw.normal(4, 3), draw.normal(4, 3)]
        self.check(student, expect, oracle, *[draw.layout(one, kind) for one in args])

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        kwargs = {"dtype": torch.float32}
        x, logits = draw.uniform(4, 5, **kwargs), draw.normal(4, 5, **kwargs)
        self.check(
            student,
            expect,
            oracle,
            x,
            logits,
            draw.normal(4, 3, **kwargs),
            draw.normal(4, 3, **kwargs),
        )

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("score", [50.0, 500.0], ids=str)
    def test_large_scores(self, student, draw, expect, oracle, score):
        """large scores of either sign, right, wrong and grey"""
        x = numbers(draw, [[0.0, 1.0], [1.0, 0.0], [0.25, 0.5]])
        logits = numbers(draw, [[-score, score]] * 3) + draw.normal(3, 2)
        args = (x, logits, draw.normal(3, 2), draw.normal(3, 2))
        value, reconstruction, _ = student.elbo(*args)
        right = oracle(bound_and_terms, *args)
        expect(value, right[0], name="stability")
        expect(reconstruction, right[1], name="stability")


def linear_gaussian(x, W, b, sigma, mu, logvar):
    """Average the log-likelihood over all codes by quadrature: two nodes integrate squares."""
    P, D = W.shape
    nodes, weights = nodes_and_weights(2)
    reconstruction = torch.zeros(len(x), dtype=x.dtype)
    for places in itertools.product(range(2), repeat=D):
        z = mu + torch.exp(logvar / 2) * nodes[list(places)]
        log_px = Normal(z @ W.T + b, sigma).log_prob(x).sum(1)
        reconstruction += weights[list(places)].prod() * log_px
    covariance = W @ W.T + sigma**2 * torch.eye(P, dtype=x.dtype)
    evidence = MultivariateNormal(b, covariance).log_prob(x)
    return reconstruction - kl_to_prior(mu, logvar), evidence


@pytest.mark.exercise("linear_gaussian_elbo", parts={"elbo": 2, "log_evidence": 1})
class TestLinearGaussianElbo:
    """A bound whose other side is known"""

    def check(self, student, expect, oracle, *args):
        elbo, evidence = student.linear_gaussian_elbo(*args)
        right = oracle(linear_gaussian, *args)
        expect(elbo, right[0], name="elbo")
        expect(evidence, right[1], name="log_evidence")

    def model(self, draw, B, P, D, **kwargs):
        return (
            draw.normal(B, P, std=1.5, **kwargs),
            draw.normal(P, D, **kwargs),
            draw.normal(P, **kwargs),
        )

    @pytest.mark.parametrize(
        ("sizes", "sigma"),
        [((5, 4, 2), 0.5), ((3, 2, 4), 2.0), ((1, 3, 2), 1.0), ((4, 3, 3), 0.8), ((3, 3, 1), 1.5),
         ((2, 1, 1), 0.7)],
        ids=str,
    )  # fmt: skip
    def test_sizes(self, student, draw, expect, oracle, sizes, sigma):
        """sizes (B, P, D), standard deviation of the decoder"""
        B, _, D = sizes
        code = (draw.normal(B, D), draw.normal(B, D))
        self.check(student, expect, oracle, *self.model(draw, *sizes), sigma, *code)

    @pytest.mark.parametrize("columns", ["orthogonal", "other"])
    def test_true_posterior(self, student, draw, expect, oracle, columns):
        """the encoder says what is true: equal if the columns of W are orthogonal, else below"""
        x, W, b = (one.double() for one in self.model(draw, 4, 5, 3))
        if columns == "orthogonal":
            W = torch.linalg.qr(W).Q * torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
        precision = W.T @ W / 0.49 + torch.eye(3, dtype=torch.float64)
        mu = torch.linalg.solve(precision, W.T @ (x - b).T / 0.49).T
        logvar = -precision.diagonal().log().expand(4, 3)
        x, W, b, mu, logvar = (one.to(draw.dtype) for one in (x, W, b, mu, logvar))
        elbo, evidence = student.linear_gaussian_elbo(x, W, b, 0.7, mu, logvar)
        right = oracle(linear_gaussian, x, W, b, 0.7, mu, logvar)
        expect(elbo, right[1] if columns == "orthogonal" else right[0], name="elbo")
        expect(evidence, right[1], name="log_evidence")

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        x, W, b = self.model(draw, 4, 3, 2)
        x, W = draw.layout(x, kind), draw.layout(W, kind)
        code = (draw.layout(draw.normal(4, 2), kind), draw.layout(draw.normal(4, 2), kind))
        self.check(student, expect, oracle, x, W, b, 0.8, *code)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        code = (draw.normal(4, 2, dtype=torch.float32), draw.normal(4, 2, dtype=torch.float32))
        self.check(
            student, expect, oracle, *self.model(draw, 4, 3, 2, dtype=torch.float32), 0.8, *code
        )


def weighted_bound(log_px, z, mu, logvar):
    prior, q = Normal(torch.zeros_like(mu), 1.0), Normal(mu, torch.exp(logvar / 2))
    log_w = log_px + (prior.log_prob(z) - q.log_prob(z)).sum(-1)
    return torch.logsumexp(log_w, 0) - math.log(len(z))


@pytest.mark.exercise("iwae_bound", parts={"bound": 2, "stability": 1})
class TestIwaeBound:
    """The importance weighted bound"""

    def args(self, draw, K, B, D, **kwargs):
        mu, logvar = draw.normal(B, D, **kwargs), draw.normal(B, D, **kwargs)
        z = mu + torch.exp(logvar / 2) * draw.normal(K, B, D, **kwargs)
        return draw.normal(K, B, mean=-5.0, **kwargs), z, mu, logvar

    def check(self, student, expect, oracle, *args):
        expect(student.iwae_bound(*args), oracle(weighted_bound, *args), name="bound")

    @pytest.mark.parametrize(
        "sizes", [(5, 4, 3), (4, 4, 4), (1, 3, 2), (6, 1, 2), (3, 2, 1), (4, 4, 2)], ids=str
    )
    def test_sizes(self, student, draw, expect, oracle, sizes):
        """sizes (K, B, D)"""
        self.check(student, expect, oracle, *self.args(draw, *sizes))

    def test_wide_and_narrow(self, student, draw, expect, oracle):
        """variances from 0.0001 to 10 000"""
        log_px, _, mu, logvar = self.args(draw, 5, 3, 2)
        logvar = numbers(draw, [[-9.0, 9.0], [9.0, 4.0], [-9.0, -4.0]]) + 0.1 * logvar
        z = mu + torch.exp(logvar / 2) * draw.normal(5, 3, 2)
        # The prior of a far code must not decide alone: thousands that cancel, and lose digits.
        args = (log_px + 0.5 * z.square().sum(-1), z, mu, logvar)
        bound = student.iwae_bound(*args)
        expect(bound, oracle(weighted_bound, *args), name="bound", **rounding(args[0]))

    def test_monotone(self, student, draw, expect, oracle):
        """averaged over all subsets of K of five codes it rises with K"""
        log_px, z, mu, logvar = self.args(draw, 5, 2, 3)
        means = []
        for K in (1, 2, 4, 5):
            subsets = [list(one) for one in itertools.combinations(range(5), K)]
            bounds = [student.iwae_bound(log_px[one], z[one], mu, logvar) for one in subsets]
            means.append(torch.stack(bounds).mean(0))
        rises = [bool((above > below).all()) for below, above in itertools.pairwise(means)]
        expect(rises, [True] * 3, name="bound")
        expect(means[-1], oracle(weighted_bound, log_px, z, mu, logvar), name="bound")

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        args = [draw.layout(one, kind) for one in self.args(draw, 4, 3, 2)]
        self.check(student, expect, oracle, *args)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        self.check(student, expect, oracle, *self.args(draw, 4, 3, 2, dtype=torch.float32))

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("offset", [-1000.0, 1000.0], ids="{:g}".format)
    def test_extreme_weights(self, student, draw, expect, oracle, offset):
        """weights that are 0, or infinite, in floating point"""
        log_px, *code = self.args(draw, 4, 3, 2)
        log_px = log_px + offset
        bound = student.iwae_bound(log_px, *code)
        expect(bound, oracle(weighted_bound, log_px, *code), name="stability", **rounding(log_px))

    @pytest.mark.part("stability")
    def test_examples_far_apart(self, student, draw, expect, oracle):
        """examples 2000 apart, and codes 2000 apart"""
        log_px, *code = self.args(draw, 4, 3, 2)
        log_px = log_px + numbers(draw, [-1000.0, 0.0, 1000.0])
        log_px[1] += 2000
        bound = student.iwae_bound(log_px, *code)
        expect(bound, oracle(weighted_bound, log_px, *code), name="stability", **rounding(log_px))


# --- gradients by hand --------------------------------------------------------------------------

GRADIENTS = {"grad_mu": 1, "grad_logvar": 1}


def sample_grads(grad_z, logvar, noise):
    mu = torch.zeros_like(logvar)
    return grads_of(lambda mu, logvar: sample(mu, logvar, noise), grad_z, [mu, logvar])


@pytest.mark.exercise("reparameterize_backward", parts={"gradients": 1})
class TestReparameterizeBackward:
    """The gradient through a sample"""

    def check(self, student, expect, oracle, *args, scale=1.0):
        grad_mu, grad_logvar = student.reparameterize_backward(*args)
        right = oracle(sample_grads, *args)
        expect(grad_mu, right[0], name="grad_mu")
        expect(grad_logvar * scale, right[1] * scale, name="grad_logvar")

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_shapes(self, student, draw, expect, oracle, shape):
        """random gradients from above"""
        args = (draw.normal(*shape), draw.normal(*shape, std=1.5), draw.normal(*shape))
        self.check(student, expect, oracle, *args)

    @pytest.mark.parametrize("logvar", [40.0, -40.0], ids="logvar={:g}".format)
    def test_wide_and_narrow(self, student, draw, expect, oracle, logvar):
        """a very wide and a very narrow Gaussian"""
        args = (draw.normal(3, 4), logvar + draw.normal(3, 4), draw.normal(3, 4))
        # Compared on the scale of the standard deviation, which is 1e9 or 1e-9.
        self.check(student, expect, oracle, *args, scale=math.exp(-logvar / 2))

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        args = [draw.layout(draw.normal(4, 3), kind) for _ in range(3)]
        self.check(student, expect, oracle, *args)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        args = [draw.normal(4, 3, dtype=torch.float32) for _ in range(3)]
        self.check(student, expect, oracle, *args)


def kl_grads(grad_kl, mu, logvar):
    return grads_of(kl_to_prior, grad_kl, [mu, logvar])


@pytest.mark.exercise("gaussian_kl_backward", parts=GRADIENTS)
class TestGaussianKlBackward:
    """The gradient of the KL term"""

    def check(self, student, expect, oracle, *args):
        grad_mu, grad_logvar = student.gaussian_kl_backward(*args)
        right = oracle(kl_grads, *args)
        expect(grad_mu, right[0], name="grad_mu")
        expect(grad_logvar, right[1], name="grad_logvar")

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_shapes(self, student, draw, expect, oracle, shape):
        """random gradients from above, of either sign"""
        args = (draw.normal(shape[0], std=2), draw.normal(*shape), draw.normal(*shape, std=1.5))
        self.check(student, expect, oracle, *args)

    @pytest.mark.parametrize("logvar", [-30.0, 20.0], ids="logvar={:g}".format)
    def test_narrow_and_wide(self, student, draw, expect, oracle, logvar):
        """a narrow and a wide Gaussian"""
        args = (draw.normal(4), draw.normal(4, 3), logvar + draw.normal(4, 3))
        self.check(student, expect, oracle, *args)

    def test_prior(self, student, draw, expect, oracle):
        """no pull at the prior, some elsewhere in the batch"""
        mu, logvar = draw.normal(4, 3), draw.normal(4, 3)
        mu[2], logvar[2] = 0.0, 0.0
        self.check(student, expect, oracle, draw.normal(4), mu, logvar)

    @pytest.mark.parametrize("kind", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, kind):
        """another memory layout"""
        mu, logvar = draw.layout(draw.normal(4, 3), kind), draw.layout(draw.normal(4, 3), kind)
        self.check(student, expect, oracle, draw.layout(draw.normal(4), "strided"), mu, logvar)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        mu, logvar = draw.normal(4, 3, dtype=torch.float32), draw.normal(4, 3, dtype=torch.float32)
        self.check(student, expect, oracle, draw.normal(4, dtype=torch.float32), mu, logvar)


# --- training -----------------------------------------------------------------------------------


def digits(draw):
    """Return 600 handwritten digits to learn from and 400 new ones, black and white."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 -- this case alone needs it

    images = torch.from_numpy(load_digits().data > 8).to(draw.dtype)[draw.permutation(1797)]
    return images[:600], images[600:1000]


def independent_pixels(x, new):
    """Return the mean log-likelihood of a model that knows how often each pixel is white."""
    share = x.mean(0).clamp(0.01, 0.99)
    return float((new * share.log() + (1 - new) * (1 - share).log()).sum(1).mean())


def decoded(params, z, x):
    """Return the log-likelihood of the images, given codes."""
    W_d, b_d, W_x, b_x = params[6:]
    return coins(x, torch.tanh(z @ W_d.T + b_d) @ W_x.T + b_x)


def evaluated(params, x, noise):
    """Return means over the images: elbo, KL, and the log-likelihood given the mean code."""
    x, noise, params = x.double(), noise.double(), [param.double() for param in params]
    W_e, b_e, W_mu, b_mu, W_v, b_v = params[:6]
    h = torch.tanh(x @ W_e.T + b_e)
    mu, logvar = h @ W_mu.T + b_mu, h @ W_v.T + b_v
    kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)
    elbo = decoded(params, sample(mu, logvar, noise), x) - kl
    return float(elbo.mean()), float(kl.mean()), float(decoded(params, mu, x).mean())


@pytest.mark.exercise("train_vae", parts={"bound": 2, "latent": 1, "generator": 1})
class TestTrainVae:
    """A small variational autoencoder"""

    @pytest.mark.parametrize("seed", [0, 1])
    def test_digits(self, student, draw, expect, seed):
        """new digits: 1.5 nats better than independent pixels, KL in 1..15, mean code"""
        (x, new), noise = digits(draw), draw.normal(400, 4)
        params = student.train_vae(x, 32, 4, 100, 0.03, draw.generator())
        elbo, kl, reconstruction = evaluated(params, new, noise)
        baseline = independent_pixels(x, new)
        expect(elbo >= baseline + 1.5, expected=True, name="bound")
        expect([kl > 1, kl < 15, reconstruction >= baseline + 1.5], [True] * 3, name="latent")

    @pytest.mark.part("generator")
    def test_generator(self, student, draw, expect):
        """the same generator state gives the same parameters, another one gives others"""
        x, generator, other = draw.integers(9, 5, high=2), draw.generator(), draw.generator()
        first, again, different, later = (
            student.train_vae(x.to(draw.dtype), 4, 3, 2, 0.02, source)
            for source in (generator, generator, other, draw.advanced(generator))
        )
        shapes = [(4, 5), (4,), (3, 4), (3,), (3, 4), (3,), (4, 3), (4,), (5, 4), (5,)]
        expect([tuple(one.shape) for one in first] == shapes, expected=True, name="generator")
        first, again, different, later = (
            torch.cat([param.reshape(-1) for param in params])
            for params in (first, again, different, later)
        )
        facts = [bool(first.isfinite().all()), bool(first.any()), torch.equal(first, again)]
        facts += [torch.equal(first, different), torch.equal(first, later)]
        expect(facts, [True, True, True, False, False], name="generator")
