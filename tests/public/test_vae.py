"""Autoregressive models and the VAE: the checks that students run too."""

import math

import pytest
import torch

LN2, LN3, LN4, LN9 = math.log(2), math.log(3), math.log(4), math.log(9)


def numbers(draw, values):
    return torch.tensor(values, dtype=draw.dtype, device=draw.device)


def integers(draw, values):
    return torch.tensor(values, device=draw.device)


@pytest.mark.exercise("autoregressive_log_prob", parts={"log_prob": 2, "stability": 1})
class TestAutoregressiveLogProb:
    """Log-probability of a sequence"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        cond_logits = numbers(draw, [[[0.0, LN3], [LN2, 0.0]]])
        log_prob = student.autoregressive_log_prob(cond_logits, integers(draw, [[1, 1]]))
        expect(log_prob, numbers(draw, [-LN4]), name="log_prob")

    def test_random(self, student, draw, expect, oracle):
        """four sequences of three entries with five values"""
        cond_logits, x = draw.normal(4, 3, 5), draw.integers(4, 3, high=5)
        expected = oracle.autoregressive_log_prob(cond_logits, x)
        expect(student.autoregressive_log_prob(cond_logits, x), expected, name="log_prob")

    def test_total_probability(self, student, draw, expect):
        """the probabilities of all binary strings of length 3 sum to 1"""
        x = torch.cartesian_prod(*[torch.arange(2)] * 3)
        table = draw.normal(7, 2)  # one row for each prefix: none, 0, 1, 00, 01, 10, 11
        prefix = torch.stack([0 * x[:, 0], 1 + x[:, 0], 3 + 2 * x[:, 0] + x[:, 1]], dim=1)
        log_prob = student.autoregressive_log_prob(table[prefix], x)
        expect(log_prob.exp().sum(), numbers(draw, 1.0), name="log_prob")

    @pytest.mark.part("stability")
    def test_large_scores(self, student, draw, expect):
        """scores of 1000, and a probability too small to be stored"""
        cond_logits = numbers(draw, [[[1000.0, 1000.0], [0.0, -800.0]]])
        log_prob = student.autoregressive_log_prob(cond_logits, integers(draw, [[0, 1]]))
        expect(log_prob, numbers(draw, [-LN2 - 800]), name="stability")


@pytest.mark.exercise("pixelcnn_mask", parts={"mask_A": 1, "mask_B": 1, "errors": 1})
class TestPixelcnnMask:
    """The mask of a PixelCNN"""

    @pytest.mark.part("mask_A")
    def test_kind_a(self, student, expect):
        """the worked number of the handout: kind A"""
        mask = student.pixelcnn_mask(3, "A")
        expected = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
        expect(mask.float(), expected, name="mask_A")

    @pytest.mark.part("mask_B")
    def test_kind_b(self, student, expect):
        """the worked number of the handout: kind B"""
        mask = student.pixelcnn_mask(3, "B")
        expected = torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
        expect(mask.float(), expected, name="mask_B")

    @pytest.mark.part("errors")
    def test_errors(self, student, expect):
        """a ValueError for an even kernel and for an unknown kind, a mask otherwise"""
        ones = [float(student.pixelcnn_mask(5, kind).float().sum()) for kind in "AB"]
        expect(ones, [12.0, 13.0], name="errors")
        expect.raises(ValueError, student.pixelcnn_mask, 4, "A", name="errors")
        expect.raises(ValueError, student.pixelcnn_mask, 3, "C", name="errors")


@pytest.mark.exercise("masked_conv2d", parts={"y": 2, "causality": 1})
class TestMaskedConv2d:
    """A convolution that looks at the past only"""

    @pytest.mark.part("y")
    @pytest.mark.parametrize("kind", ["A", "B"])
    def test_worked_number(self, student, draw, expect, kind):
        """the worked number of the handout: kind"""
        x, weight = numbers(draw, [[[[1.0, 2.0], [3.0, 4.0]]]]), numbers(draw, [[[[1.0] * 3] * 3]])
        y = student.masked_conv2d(x, weight, numbers(draw, [10.0]), kind)
        right = {"A": [[10.0, 11.0], [13.0, 16.0]], "B": [[11.0, 13.0], [16.0, 20.0]]}
        expect(y, numbers(draw, [[right[kind]]]), name="y")

    @pytest.mark.part("y")
    def test_random(self, student, draw, expect, oracle):
        """two images with three channels, a kernel of size 5"""
        args = (draw.normal(2, 3, 4, 6), draw.normal(4, 3, 5, 5), draw.normal(4), "B")
        expect(student.masked_conv2d(*args), oracle.masked_conv2d(*args), name="y")

    @pytest.mark.part("causality")
    @pytest.mark.parametrize("kind", ["A", "B"])
    def test_causality(self, student, draw, expect, kind):
        """which outputs move with a pixel in the middle: earlier ones, its own, the next"""
        x, weight, bias = draw.normal(1, 1, 3, 5), draw.uniform(1, 1, 3, 3, low=0.5), draw.normal(1)
        moved = x.clone()
        moved[..., 1, 2] += 1
        first, second = (student.masked_conv2d(image, weight, bias, kind) for image in (x, moved))
        still = ((second - first).abs() < 1e-4).flatten().tolist()
        expect(still[:9], [True] * 7 + [kind == "A", False], name="causality")


@pytest.mark.exercise("autoencoder_loss", parts={"loss": 1})
class TestAutoencoderLoss:
    """The loss of an autoencoder"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        x, x_hat = numbers(draw, [[1.0, 2.0], [3.0, 4.0]]), numbers(draw, [[1.0, 0.0], [2.0, 6.0]])
        expect(student.autoencoder_loss(x, x_hat), numbers(draw, 4.5))

    def test_images(self, student, draw, expect, oracle):
        """three images with two channels"""
        x, x_hat = draw.normal(3, 2, 4, 5), draw.normal(3, 2, 4, 5)
        expect(student.autoencoder_loss(x, x_hat), oracle.autoencoder_loss(x, x_hat))


@pytest.mark.exercise("linear_autoencoder", parts={"W": 2, "b": 1, "loss": 1})
class TestLinearAutoencoder:
    """The best linear autoencoder"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        x = numbers(draw, [[7.0, 1.0], [1.0, 1.0], [4.0, 3.0], [4.0, -1.0]])
        W, b, loss = student.linear_autoencoder(x, 1)
        expect(W.abs(), numbers(draw, [[1.0, 0.0]]), name="W")
        expect(b, numbers(draw, [4.0, 1.0]), name="b")
        expect(loss, numbers(draw, 2.0), name="loss")

    def test_plane(self, student, draw, expect):
        """data in a plane come back without loss through two numbers"""
        plane = numbers(draw, [[0.8, 0.6, 0.0], [0.0, 0.0, 1.0]])
        x = draw.normal(6, 2) @ plane + numbers(draw, [1.0, 2.0, 3.0])
        W, b, loss = student.linear_autoencoder(x, 2)
        expect(W.T @ W, plane.T @ plane, name="W")
        expect(b, x.mean(0), name="b")
        expect(loss, numbers(draw, 0.0), name="loss")


@pytest.mark.exercise("reparameterize", parts={"z": 2, "stability": 1})
class TestReparameterize:
    """A sample that lets gradients pass"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        mu, logvar = numbers(draw, [[1.0, -1.0]]), numbers(draw, [[LN4, LN9]])
        z = student.reparameterize(mu, logvar, numbers(draw, [[1.5, -1.0]]))
        expect(z, numbers(draw, [[4.0, -4.0]]), name="z")

    def test_random(self, student, draw, expect, oracle):
        """five codes of three dimensions"""
        args = (draw.normal(5, 3), draw.normal(5, 3), draw.normal(5, 3))
        expect(student.reparameterize(*args), oracle.reparameterize(*args), name="z")

    @pytest.mark.part("stability")
    def test_large_variance(self, student, draw, expect):
        """a variance that overflows, a standard deviation that does not"""
        logvar = 1000.0 if draw.dtype == torch.float64 else 120.0
        z = student.reparameterize(*(numbers(draw, [[one]]) for one in (1.0, logvar, 2.0)))
        expect(z * math.exp(-logvar / 2), numbers(draw, [[2.0]]), name="stability")


@pytest.mark.exercise("gaussian_kl", parts={"kl": 2, "underflow": 1})
class TestGaussianKl:
    """The KL term"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        mu, logvar = numbers(draw, [[0.5, 1.0]]), numbers(draw, [[math.log(0.3), 0.0]])
        right = 0.5 * (0.25 + 0.3 - 1 - math.log(0.3)) + 0.5
        expect(student.gaussian_kl(mu, logvar), numbers(draw, [right]), name="kl")

    def test_random(self, student, draw, expect, oracle):
        """five codes of three dimensions"""
        mu, logvar = draw.normal(5, 3), draw.normal(5, 3)
        expect(student.gaussian_kl(mu, logvar), oracle.gaussian_kl(mu, logvar), name="kl")

    @pytest.mark.part("underflow")
    def test_tiny_variance(self, student, draw, expect):
        """a variance that is 0 in floating point"""
        kl = student.gaussian_kl(numbers(draw, [[2.0]]), numbers(draw, [[-800.0]]))
        expect(kl, numbers(draw, [401.5]), name="underflow")


@pytest.mark.exercise("bernoulli_log_likelihood", parts={"log_likelihood": 2, "stability": 1})
class TestBernoulliLogLikelihood:
    """Pixels as coins"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        x, logits = numbers(draw, [[1.0, 0.0, 0.5]]), numbers(draw, [[LN3, LN3, 0.0]])
        right = math.log(0.75) + math.log(0.25) + math.log(0.5)
        value = student.bernoulli_log_likelihood(x, logits)
        expect(value, numbers(draw, [right]), name="log_likelihood")

    def test_random(self, student, draw, expect, oracle):
        """four black-and-white images"""
        x, logits = draw.integers(4, 3, 5, high=2).to(draw.dtype), draw.normal(4, 3, 5)
        expected = oracle.bernoulli_log_likelihood(x, logits)
        expect(student.bernoulli_log_likelihood(x, logits), expected, name="log_likelihood")

    @pytest.mark.part("stability")
    def test_large_scores(self, student, draw, expect):
        """scores of 500, right and wrong"""
        x, logits = numbers(draw, [[1.0, 0.0], [0.0, 1.0]]), numbers(draw, [[500.0, -500.0]] * 2)
        value = student.bernoulli_log_likelihood(x, logits)
        expect(value, numbers(draw, [0.0, -1000.0]), name="stability")


@pytest.mark.exercise("gaussian_log_likelihood", parts={"log_likelihood": 2, "stability": 1})
class TestGaussianLogLikelihood:
    """Log-density of a Gaussian"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        args = (numbers(draw, [[3.0, 0.0]]), numbers(draw, [[1.0, 0.0]]))
        value = student.gaussian_log_likelihood(*args, numbers(draw, [[LN4, 0.0]]))
        right = -0.5 * (2 * math.log(2 * math.pi) + LN4 + 1)
        expect(value, numbers(draw, [right]), name="log_likelihood")

    def test_random(self, student, draw, expect, oracle):
        """four observations of six entries"""
        args = (draw.normal(4, 6), draw.normal(4, 6), draw.normal(4, 6))
        expected = oracle.gaussian_log_likelihood(*args)
        expect(student.gaussian_log_likelihood(*args), expected, name="log_likelihood")

    @pytest.mark.part("stability")
    def test_far_from_the_mean(self, student, draw, expect):
        """a density that is 0 in floating point"""
        args = (numbers(draw, [[100.0]]), numbers(draw, [[0.0]]), numbers(draw, [[0.0]]))
        right = -0.5 * math.log(2 * math.pi) - 5000
        expect(student.gaussian_log_likelihood(*args), numbers(draw, [right]), name="stability")


ELBO = {"elbo": 1, "reconstruction": 1, "kl": 1, "stability": 1}


@pytest.mark.exercise("elbo", parts=ELBO)
class TestElbo:
    """The evidence lower bound"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        x, logits = numbers(draw, [[1.0, 0.0, 0.5]]), numbers(draw, [[LN3, LN3, 0.0]])
        mu, logvar = numbers(draw, [[0.5, 1.0]]), numbers(draw, [[math.log(0.3), 0.0]])
        value, reconstruction, kl = student.elbo(x, logits, mu, logvar)
        explained = math.log(0.75) + math.log(0.25) + math.log(0.5)
        cost = 0.5 * (0.25 + 0.3 - 1 - math.log(0.3)) + 0.5
        expect(value, numbers(draw, [explained - cost]), name="elbo")
        expect(reconstruction, numbers(draw, [explained]), name="reconstruction")
        expect(kl, numbers(draw, [cost]), name="kl")

    def test_random(self, student, draw, expect, oracle):
        """five images of six pixels, codes of three dimensions"""
        args = (draw.uniform(5, 6), draw.normal(5, 6), draw.normal(5, 3), draw.normal(5, 3))
        values, expected = student.elbo(*args), oracle.elbo(*args)
        for name, value, right in zip(
            ("elbo", "reconstruction", "kl"), values, expected, strict=True
        ):
            expect(value, right, name=name)

    @pytest.mark.part("stability")
    def test_large_scores(self, student, draw, expect):
        """scores of 500, right and wrong"""
        x, logits = numbers(draw, [[1.0, 0.0], [0.0, 1.0]]), numbers(draw, [[500.0, -500.0]] * 2)
        mu, logvar = numbers(draw, [[1.0], [2.0]]), numbers(draw, [[0.0], [0.0]])
        value, reconstruction, _ = student.elbo(x, logits, mu, logvar)
        expect(value, numbers(draw, [-0.5, -1002.0]), name="stability")
        expect(reconstruction, numbers(draw, [0.0, -1000.0]), name="stability")


@pytest.mark.exercise("linear_gaussian_elbo", parts={"elbo": 2, "log_evidence": 1})
class TestLinearGaussianElbo:
    """A bound whose other side is known"""

    @pytest.mark.parametrize("q", ["prior", "posterior"])
    def test_worked_number(self, student, draw, expect, q):
        """the worked number of the handout: encoder"""
        x, W, b = numbers(draw, [[2.0]]), numbers(draw, [[1.0]]), numbers(draw, [0.0])
        mu, var = (0.0, 1.0) if q == "prior" else (1.0, 0.5)
        code = (numbers(draw, [[mu]]), numbers(draw, [[math.log(var)]]))
        elbo, log_evidence = student.linear_gaussian_elbo(x, W, b, 1.0, *code)
        evidence = -0.5 * (math.log(4 * math.pi) + 2)
        right = -0.5 * (math.log(2 * math.pi) + 5) if q == "prior" else evidence
        expect(elbo, numbers(draw, [right]), name="elbo")
        expect(log_evidence, numbers(draw, [evidence]), name="log_evidence")

    def test_random(self, student, draw, expect, oracle):
        """four observations of three entries, codes of two dimensions"""
        args = (draw.normal(4, 3), draw.normal(3, 2), draw.normal(3), 0.7)
        code = (draw.normal(4, 2), draw.normal(4, 2))
        elbo, log_evidence = student.linear_gaussian_elbo(*args, *code)
        right = oracle.linear_gaussian_elbo(*args, *code)
        expect(elbo, right[0], name="elbo")
        expect(log_evidence, right[1], name="log_evidence")


@pytest.mark.exercise("iwae_bound", parts={"bound": 2, "stability": 1})
class TestIwaeBound:
    """The importance weighted bound"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout, whatever the codes are"""
        log_px, zero = numbers(draw, [[-LN2], [-LN4]]), numbers(draw, [[0.0]])
        bound = student.iwae_bound(log_px, draw.normal(2, 1, 1), zero, zero)
        expect(bound, numbers(draw, [math.log(3 / 8)]), name="bound")

    def test_random(self, student, draw, expect, oracle):
        """four codes of three dimensions for each of five examples"""
        args = (draw.normal(4, 5), draw.normal(4, 5, 3), draw.normal(5, 3), draw.normal(5, 3))
        expect(student.iwae_bound(*args), oracle.iwae_bound(*args), name="bound")

    @pytest.mark.part("stability")
    def test_tiny_weights(self, student, draw, expect):
        """weights of exp(-1000)"""
        log_px, zero = numbers(draw, [[-1000.0]] * 3), numbers(draw, [[0.0]])
        bound = student.iwae_bound(log_px, draw.normal(3, 1, 1), zero, zero)
        expect(bound, numbers(draw, [-1000.0]), name="stability")


GRADIENTS = {"grad_mu": 1, "grad_logvar": 1}


@pytest.mark.exercise("reparameterize_backward", parts={"gradients": 1})
class TestReparameterizeBackward:
    """The gradient through a sample"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        grad_z, logvar = numbers(draw, [[2.0, 3.0]]), numbers(draw, [[LN4, LN9]])
        grad_mu, grad_logvar = student.reparameterize_backward(
            grad_z, logvar, numbers(draw, [[1.5, -1.0]])
        )
        expect(grad_mu, grad_z, name="grad_mu")
        expect(grad_logvar, numbers(draw, [[3.0, -4.5]]), name="grad_logvar")

    def test_random(self, student, draw, expect, oracle):
        """five codes of three dimensions"""
        args = (draw.normal(5, 3), draw.normal(5, 3), draw.normal(5, 3))
        grads, expected = (
            student.reparameterize_backward(*args),
            oracle.reparameterize_backward(*args),
        )
        for name, grad, right in zip(GRADIENTS, grads, expected, strict=True):
            expect(grad, right, name=name)


@pytest.mark.exercise("gaussian_kl_backward", parts=GRADIENTS)
class TestGaussianKlBackward:
    """The gradient of the KL term"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        mu, logvar = numbers(draw, [[0.5, -1.0]]), numbers(draw, [[LN4, -LN2]])
        grad_mu, grad_logvar = student.gaussian_kl_backward(numbers(draw, [2.0]), mu, logvar)
        expect(grad_mu, numbers(draw, [[1.0, -2.0]]), name="grad_mu")
        expect(grad_logvar, numbers(draw, [[3.0, -0.5]]), name="grad_logvar")

    def test_random(self, student, draw, expect, oracle):
        """five codes of three dimensions"""
        args = (draw.normal(5), draw.normal(5, 3), draw.normal(5, 3))
        grads, expected = student.gaussian_kl_backward(*args), oracle.gaussian_kl_backward(*args)
        for name, grad, right in zip(GRADIENTS, grads, expected, strict=True):
            expect(grad, right, name=name)


def squares(draw, n):
    """Return `n` images of 6 x 6 pixels with a white 3 x 3 square at a random place."""
    place, pixel = draw.integers(n, 2, high=4).unsqueeze(2), torch.arange(6)
    white = (pixel >= place) & (pixel < place + 3)
    return (white[:, 0].unsqueeze(2) & white[:, 1].unsqueeze(1)).flatten(1).to(draw.dtype)


def independent_pixels(x, new):
    """Return the mean log-likelihood of a model that knows how often each pixel is white."""
    share = x.mean(0).clamp(0.01, 0.99)
    return float((new * share.log() + (1 - new) * (1 - share).log()).sum(1).mean())


def decoded(params, z, x):
    """Return the log-likelihood of the images, given codes."""
    W_d, b_d, W_x, b_x = params[6:]
    logits = torch.tanh(z @ W_d.T + b_d) @ W_x.T + b_x
    pixels = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return -pixels.sum(1)


def evaluated(params, x, noise):
    """Return means over the images: elbo, KL, and the log-likelihood given the mean code."""
    x, noise, params = x.double(), noise.double(), [param.double() for param in params]
    W_e, b_e, W_mu, b_mu, W_v, b_v = params[:6]
    h = torch.tanh(x @ W_e.T + b_e)
    mu, logvar = h @ W_mu.T + b_mu, h @ W_v.T + b_v
    kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)
    elbo = decoded(params, mu + torch.exp(logvar / 2) * noise, x) - kl
    return float(elbo.mean()), float(kl.mean()), float(decoded(params, mu, x).mean())


@pytest.mark.exercise("train_vae", parts={"bound": 2, "latent": 1, "generator": 1})
class TestTrainVae:
    """A small variational autoencoder"""

    def test_squares(self, student, draw, expect):
        """new squares: 10 nats better than independent pixels, KL in 1..15, mean code"""
        x, new, noise = squares(draw, 300), squares(draw, 200), draw.normal(200, 4)
        params = student.train_vae(x, 32, 4, 100, 0.03, draw.generator())
        elbo, kl, reconstruction = evaluated(params, new, noise)
        baseline = independent_pixels(x, new)
        # It is 12 by the formulas, hardly less with smaller batches or another start, and below 10
        # if one of the two tanh is missing.
        expect(elbo >= baseline + 10, expected=True, name="bound")
        expect([kl > 1, kl < 15, reconstruction >= baseline + 1.5], [True] * 3, name="latent")
