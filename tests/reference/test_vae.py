"""Second oracles for the reference on autoregressive models and the VAE.

The hidden suite compares with torch.distributions and autograd; here the truth is enumeration,
numerical integration, Monte Carlo, finite differences and what the formulas must satisfy.
"""

import itertools
import math
from pathlib import Path

import pytest
import torch

from autograder.checks import bank

ROOT = Path(__file__).parents[2]
F = torch.nn.functional


@pytest.fixture(scope="module")
def ref():
    topic = bank.load(ROOT, "vae")
    return type("Reference", (), {name: staticmethod(f) for name, f in topic.solution.items()})


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def normal(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def assert_close(actual, expected, tolerance=1e-9):
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


def numerical_gradient(function, x, h=1e-5):
    """Return central differences of a scalar function."""
    grad = torch.zeros_like(x)
    for place in itertools.product(*map(range, x.shape)):
        up, down = x.clone(), x.clone()
        up[place] += h
        down[place] -= h
        grad[place] = (function(up) - function(down)) / (2 * h)
    return grad


# --- autoregressive models ----------------------------------------------------------------------


def test_sequences_of_a_recurrent_model_have_total_probability_one(ref):
    W, U = normal(3, 4), normal(4, 4)
    x = torch.cartesian_prod(*[torch.arange(3)] * 5)
    state, cond_logits = torch.zeros(len(x), 4).double(), []
    for t in range(5):
        cond_logits.append(state @ W.T)
        state = torch.tanh(state @ U.T + x[:, t : t + 1] + 0.3)
    log_prob = ref.autoregressive_log_prob(torch.stack(cond_logits, 1), x)
    assert_close(log_prob.exp().sum(), torch.tensor(1.0).double())


def test_log_prob_is_minus_torchs_cross_entropy(ref):
    cond_logits, x = 100 * normal(4, 6, 3), torch.randint(3, (4, 6))
    loss = F.cross_entropy(cond_logits.transpose(1, 2), x, reduction="none").sum(1)
    assert_close(ref.autoregressive_log_prob(cond_logits, x), -loss)


def test_a_pixelcnn_is_a_distribution(ref):
    """Two masked layers: the probabilities of all 3 x 3 images sum to 1."""
    first, second = normal(4, 1, 3, 3), normal(1, 4, 3, 3)
    x = torch.cartesian_prod(*[torch.arange(2.0).double()] * 9).reshape(512, 1, 3, 3)
    hidden = torch.tanh(ref.masked_conv2d(x, first, normal(4), "A"))
    logits = ref.masked_conv2d(hidden, second, normal(1), "B")
    assert_close(ref.bernoulli_log_likelihood(x, logits).exp().sum(), torch.tensor(1.0).double())


@pytest.mark.parametrize("k", [1, 3, 5, 7])
def test_masks_order_the_pixels(ref, k):
    a, b = ref.pixelcnn_mask(k, "A"), ref.pixelcnn_mask(k, "B")
    assert (b - a).nonzero().tolist() == [[k // 2, k // 2]]
    assert torch.equal(a + b.flip(0, 1), torch.ones(k, k))  # past, and present with future


def test_no_pixel_feels_itself_or_the_future(ref):
    weights = [normal(2, 1, 3, 3).abs(), normal(2, 2, 3, 3).abs(), normal(1, 2, 3, 3).abs()]

    def stack(x):
        for weight, kind in zip(weights, "ABB", strict=True):
            x = ref.masked_conv2d(x[None], weight, weight.new_zeros(len(weight)), kind)[0]
        return x

    jacobian = torch.func.jacrev(stack)(normal(1, 4, 5)).reshape(20, 20)
    assert torch.equal(jacobian.triu(), torch.zeros(20, 20).double())
    felt = jacobian.reshape(4, 5, 4, 5)[3, 2] != 0
    assert felt[2].tolist() == [True, True, True, True, False]  # the blind spot on the right


# --- autoencoders -------------------------------------------------------------------------------


def test_autoencoder_loss_is_a_mean_of_squared_norms(ref):
    x, x_hat = normal(5, 2, 3), normal(5, 2, 3)
    norms = torch.stack([torch.linalg.matrix_norm(one) for one in x - x_hat])
    assert_close(ref.autoencoder_loss(x, x_hat), (norms**2).mean())


@pytest.mark.parametrize(("n", "d", "k"), [(9, 5, 2), (4, 6, 3), (8, 4, 4)])
def test_linear_autoencoder_is_the_best(ref, n, d, k):
    x = normal(n, d) @ normal(d, d) + 3
    W, b, loss = ref.linear_autoencoder(x, k)
    assert_close(W @ W.T, torch.eye(k).double())
    assert_close(ref.autoencoder_loss(x, (x - b) @ W.T @ W + b), loss, 1e-8)
    for _ in range(100):  # near and far competitors, with any bias
        other = torch.linalg.qr(W.T + 0.3 * torch.rand(1).double() * normal(d, k)).Q.T
        shift = b + 0.1 * normal(d)
        worse = ref.autoencoder_loss(x, (x - shift) @ other.T @ other + shift)
        assert worse >= loss - 1e-9


# --- the pieces of the bound --------------------------------------------------------------------


def test_reparameterize_has_the_right_moments(ref):
    n = 200_000
    mu, logvar = torch.tensor([[0.5, -2.0]]).double(), torch.tensor([[-1.0, 1.5]]).double()
    z = ref.reparameterize(mu.expand(n, 2), logvar.expand(n, 2), normal(n, 2))
    var = logvar.exp()
    assert ((z.mean(0) - mu).abs() < 5 * (var / n).sqrt()).all()
    assert ((z.var(0) - var).abs() < 5 * var * math.sqrt(2 / n)).all()


@pytest.mark.parametrize(("mu", "logvar"), [(0.5, math.log(0.3)), (-2.0, 2.0), (1.0, -4.0)])
def test_gaussian_kl_by_numerical_integration(ref, mu, logvar):
    sd = math.exp(logvar / 2)
    z = torch.linspace(mu - 12 * sd, mu + 12 * sd, 20_001, dtype=torch.float64)
    log_q = -0.5 * (math.log(2 * math.pi) + logvar + ((z - mu) / sd) ** 2)
    log_p = -0.5 * (math.log(2 * math.pi) + z**2)
    integral = torch.trapezoid(log_q.exp() * (log_q - log_p), z)
    kl = ref.gaussian_kl(torch.tensor([[mu]]).double(), torch.tensor([[logvar]]).double())
    assert_close(kl, integral.reshape(1), 1e-8)


def test_gaussian_kl_is_never_negative_and_0_at_the_prior(ref):
    assert (ref.gaussian_kl(normal(1000, 2), normal(1000, 2)) > 0).all()
    assert ref.gaussian_kl(torch.zeros(2, 3), torch.zeros(2, 3)).tolist() == [0.0, 0.0]


def test_bernoulli_log_likelihood_is_linear_in_the_pixels(ref):
    """A grey pixel is as likely as black and white in proportion, in logarithms."""
    logits, share = normal(1, 1), torch.linspace(0, 1, 5).double().unsqueeze(1)
    white, black = torch.sigmoid(logits).log(), torch.sigmoid(-logits).log()
    value = ref.bernoulli_log_likelihood(share, logits.expand(5, 1))
    assert_close(value, (share * white + (1 - share) * black).squeeze(1))


def test_gaussian_log_likelihood_integrates_to_one(ref):
    axis = torch.linspace(-15, 15, 601, dtype=torch.float64)
    x = torch.cartesian_prod(axis, axis)
    mu, logvar = torch.tensor([[1.0, -0.5]]).double(), torch.tensor([[0.7, -1.0]]).double()
    value = ref.gaussian_log_likelihood(x, mu.expand_as(x), logvar.expand_as(x))
    assert_close(value.exp().sum() * 0.05**2, torch.tensor(1.0).double(), 1e-8)


# --- the bound ----------------------------------------------------------------------------------


def test_elbo_averages_to_less_than_the_evidence(ref):
    """For one latent dimension, with the evidence by integration and the mean by quadrature."""
    W, b, x = normal(5), normal(5), torch.tensor([1.0, 0.0, 0.0, 1.0, 1.0]).double()
    z = torch.linspace(-10, 10, 4001, dtype=torch.float64)
    log_px = ref.bernoulli_log_likelihood(x.expand(4001, 5), z.unsqueeze(1) * W + b)
    prior = torch.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    evidence = torch.trapezoid(log_px.exp() * prior, z).log()
    gaps = []
    for mu, logvar in itertools.product((-1.0, 0.0, 0.5, 1.5), (-2.0, 0.0, 1.0)):
        sd = math.exp(logvar / 2)
        codes = mu + sd * z
        args = (
            torch.full((4001, 1), mu, dtype=torch.float64),
            torch.full((4001, 1), logvar, dtype=torch.float64),
        )
        value, reconstruction, kl = ref.elbo(x.expand(4001, 5), codes.unsqueeze(1) * W + b, *args)
        assert_close(value, reconstruction - kl)
        gaps.append(float(evidence - torch.trapezoid(value * prior, z)))
    assert min(gaps) > 0
    assert min(gaps) < 0.5  # one of these encoders is close


def test_linear_gaussian_elbo_by_monte_carlo(ref):
    n, sigma = 100_000, 0.7
    x, W, b, mu, logvar = normal(1, 4), normal(4, 2), normal(4), normal(1, 2), normal(1, 2)
    elbo, _ = ref.linear_gaussian_elbo(x, W, b, sigma, mu, logvar)
    z = ref.reparameterize(mu.expand(n, 2), logvar.expand(n, 2), normal(n, 2))
    noise = torch.full((n, 4), 2 * math.log(sigma), dtype=torch.float64)
    samples = ref.gaussian_log_likelihood(x.expand(n, 4), z @ W.T + b, noise)
    samples = samples - ref.gaussian_kl(mu, logvar)
    assert abs(float(samples.mean() - elbo)) < 5 * float(samples.std()) / math.sqrt(n)


def test_linear_gaussian_gap_is_the_divergence_from_the_posterior(ref):
    sigma, x, W, b = 0.6, normal(5, 4), normal(4, 3), normal(4)
    mu, logvar = normal(5, 3), normal(5, 3)
    precision = W.T @ W / sigma**2 + torch.eye(3).double()
    distance = mu - torch.linalg.solve(precision, W.T @ (x - b).T / sigma**2).T
    trace = logvar.exp() @ precision.diagonal()
    squares = (distance @ precision * distance).sum(1)
    divergence = 0.5 * (trace + squares - 3 - torch.logdet(precision) - logvar.sum(1))
    elbo, evidence = ref.linear_gaussian_elbo(x, W, b, sigma, mu, logvar)
    assert_close(evidence - elbo, divergence)
    assert (elbo < evidence).all()


def test_linear_gaussian_evidence_by_integration(ref):
    x, W, b, sigma = normal(3, 2), normal(2, 1), normal(2), 0.8
    z = torch.linspace(-12, 12, 6001, dtype=torch.float64)
    means = z.unsqueeze(1) * W[:, 0] + b
    squares = (x.unsqueeze(1) - means).square().sum(-1) / sigma**2 + z**2
    joint = torch.exp(-0.5 * squares) / ((2 * math.pi) ** 1.5 * sigma**2)
    zero = torch.zeros(3, 1).double()
    _, evidence = ref.linear_gaussian_elbo(x, W, b, sigma, zero, zero)
    assert_close(evidence, torch.trapezoid(joint, z).log())


def test_iwae_bound_approaches_the_evidence(ref):
    K, sigma, x, W, b = 20_000, 0.8, normal(3, 4), normal(4, 2), normal(4)
    mu, logvar = 0.3 * normal(3, 2), torch.full((3, 2), -0.5, dtype=torch.float64)
    _, evidence = ref.linear_gaussian_elbo(x, W, b, sigma, mu, logvar)
    z = mu + torch.exp(logvar / 2) * normal(K, 3, 2)
    noise = torch.full((K * 3, 4), 2 * math.log(sigma), dtype=torch.float64)
    means = (z @ W.T + b).reshape(-1, 4)
    log_px = ref.gaussian_log_likelihood(x.repeat(K, 1), means, noise).reshape(K, 3)
    assert_close(ref.iwae_bound(log_px, z, mu, logvar), evidence, 0.1)
    averages = [
        torch.stack([ref.iwae_bound(*pair, mu, logvar) for pair in zip(*chunks, strict=True)])
        .mean(0)
        for chunks in (
            (log_px[:2000].split(size), z[:2000].split(size)) for size in (1, 10, 100, 1000)
        )
    ]  # fmt: skip
    for below, above in itertools.pairwise(averages):
        assert (below < above + 1e-12).all()


def test_iwae_bound_is_exact_with_the_true_posterior(ref):
    """Then all weights are equal, and one code is as good as many."""
    x, W, b, sigma = normal(3, 4), torch.linalg.qr(normal(4, 2)).Q, normal(4), 0.8
    var = 1 / (1 + 1 / sigma**2)
    mu = var * (x - b) @ W / sigma**2
    logvar = torch.full((3, 2), math.log(var), dtype=torch.float64)
    z = mu + math.sqrt(var) * normal(5, 3, 2)
    noise = torch.full((15, 4), 2 * math.log(sigma), dtype=torch.float64)
    log_px = ref.gaussian_log_likelihood(x.repeat(5, 1), (z @ W.T + b).reshape(15, 4), noise)
    _, evidence = ref.linear_gaussian_elbo(x, W, b, sigma, mu, logvar)
    assert_close(ref.iwae_bound(log_px.reshape(5, 3), z, mu, logvar), evidence)


# --- gradients ----------------------------------------------------------------------------------


def test_reparameterize_backward_by_finite_differences(ref):
    mu, logvar, noise, grad_z = normal(3, 2), normal(3, 2), normal(3, 2), normal(3, 2)
    grad_mu, grad_logvar = ref.reparameterize_backward(grad_z, logvar, noise)

    def loss(mu, logvar):
        return (grad_z * ref.reparameterize(mu, logvar, noise)).sum()

    assert_close(grad_mu, numerical_gradient(lambda mu: loss(mu, logvar), mu), 1e-7)
    assert_close(grad_logvar, numerical_gradient(lambda logvar: loss(mu, logvar), logvar), 1e-7)


def test_gaussian_kl_backward_by_finite_differences(ref):
    mu, logvar, grad_kl = normal(3, 2, 2), normal(3, 2, 2), normal(3)
    grad_mu, grad_logvar = ref.gaussian_kl_backward(grad_kl, mu, logvar)

    def loss(mu, logvar):
        return (grad_kl * ref.gaussian_kl(mu, logvar)).sum()

    assert_close(grad_mu, numerical_gradient(lambda mu: loss(mu, logvar), mu), 1e-7)
    assert_close(grad_logvar, numerical_gradient(lambda logvar: loss(mu, logvar), logvar), 1e-7)


def test_gradients_agree_with_torch_func(ref):
    mu, logvar, noise, grad_z, grad_kl = (normal(4, 3) for _ in range(5))
    _, pull = torch.func.vjp(lambda mu, logvar: ref.reparameterize(mu, logvar, noise), mu, logvar)
    assert_close(ref.reparameterize_backward(grad_z, logvar, noise), pull(grad_z))
    _, pull = torch.func.vjp(ref.gaussian_kl, mu, logvar)
    assert_close(ref.gaussian_kl_backward(grad_kl[:, 0], mu, logvar), pull(grad_kl[:, 0]))


def test_both_paths_vanish_at_the_posterior(ref):
    """At the best encoder of a linear decoder, reconstruction and KL pull against each other."""
    x, W, b, sigma = normal(1, 3), torch.linalg.qr(normal(3, 2)).Q, normal(3), 0.5
    var = 1 / (1 + 1 / sigma**2)
    mu = var * (x - b) @ W / sigma**2
    logvar = torch.full((1, 2), math.log(var), dtype=torch.float64)
    kl_mu, kl_logvar = ref.gaussian_kl_backward(torch.ones(1).double(), mu, logvar)
    # The mean of the reconstruction's gradient over the noise, in closed form.
    rec_mu = (x - b - mu @ W.T) @ W / sigma**2
    rec_logvar = -0.5 * logvar.exp() / sigma**2
    assert_close(rec_mu, kl_mu)
    assert_close(rec_logvar, kl_logvar)


# --- training -----------------------------------------------------------------------------------


def test_train_vae_beats_independent_pixels(ref):
    generator = torch.Generator().manual_seed(1)
    kind = torch.randint(2, (300, 1), generator=generator).double()
    x = torch.cat([kind, 1 - kind, kind, 1 - kind, kind, kind], dim=1)  # one bit, six times
    W_e, b_e, W_mu, b_mu, W_v, b_v, W_d, b_d, W_x, b_x = ref.train_vae(
        x, 8, 1, 200, 0.03, generator
    )
    h = torch.tanh(x @ W_e.T + b_e)
    mu, logvar = h @ W_mu.T + b_mu, h @ W_v.T + b_v
    z = ref.reparameterize(mu, logvar, normal(300, 1))
    value, _, kl = ref.elbo(x, torch.tanh(z @ W_d.T + b_d) @ W_x.T + b_x, mu, logvar)
    assert float(value.mean()) > -2.0  # independent pixels: -6 ln 2 = -4.2; the truth: -ln 2
    assert float(kl.mean()) > 0.5
