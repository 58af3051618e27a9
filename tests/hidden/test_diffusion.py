"""Diffusion: what grades it.

The truth is the definition step by step, Bayes' rule for Gaussians, or a closed form in float64,
not the reference solution.
"""

import math

import pytest
import torch

LAYOUTS = ("transposed", "strided", "expanded")
VECTORS = [(5, 3), (4, 4), (1, 3), (6,), (3, 1)]
IMAGES = [(3, 2, 4, 5), (2, 2, 2, 2), (4, 4, 4), (1, 1, 3, 3)]
ANY_SHAPE = [(5, 3), (4, 4), (1, 3), (6,), (3, 2, 4, 5), (2, 2, 2)]


def numbers(draw, values):
    return torch.tensor(values, dtype=draw.dtype, device=draw.device)


def schedule(draw, T, dtype=None):
    """Random, and not in order: each step is like no other."""
    return draw.uniform(T, low=0.05, high=0.45, dtype=dtype)


def left_after(betas):
    return torch.exp(torch.log1p(-betas).cumsum(0))


def left_over(draw, T, dtype=None):
    """What is left after each step of a random schedule."""
    return left_after(schedule(draw, T, dtype=torch.float64)).to(dtype or draw.dtype)


def by_sample(function):
    """Apply `function(t, *rows)` to each sample and its step."""

    def all_samples(t, *batches):
        rows = [function(int(step), *row) for step, *row in zip(t, *batches, strict=True)]
        return torch.stack(rows)

    return all_samples


# --- the way there ----------------------------------------------------------------------------


@pytest.mark.exercise("alpha_bars", parts={"alpha_bar": 1})
class TestAlphaBars:
    """What is left after each step"""

    def check(self, student, expect, oracle, betas):
        expect(student.alpha_bars(betas), oracle(left_after, betas))

    @pytest.mark.parametrize("T", [1, 2, 7, 30], ids="T={}".format)
    def test_random(self, student, draw, expect, oracle, T):
        """a random schedule"""
        self.check(student, expect, oracle, draw.uniform(T, low=0.01, high=0.9))

    def test_constant(self, student, draw, expect):
        """a constant schedule"""
        betas = torch.full((5,), 0.5, dtype=draw.dtype, device=draw.device)
        expect(student.alpha_bars(betas), numbers(draw, [0.5, 0.25, 0.125, 0.0625, 0.03125]))

    def test_linear(self, student, draw, expect, oracle):
        """the linear schedule of the paper, with 1000 steps"""
        betas = torch.linspace(1e-4, 0.02, 1000, dtype=draw.dtype, device=draw.device)
        self.check(student, expect, oracle, betas)

    @pytest.mark.parametrize("layout", ["strided", "offset"])
    def test_layout(self, student, draw, expect, oracle, layout):
        """another memory layout"""
        self.check(student, expect, oracle, draw.layout(schedule(draw, 6), layout))

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        self.check(student, expect, oracle, schedule(draw, 6, dtype=torch.float32))


def noisy(x_0, t, noise, alpha_bar):
    """Sample by sample, with angles: the squares of cosine and sine add up to 1."""

    def one(step, x, e):
        angle = math.acos(math.sqrt(float(alpha_bar[step])))
        return math.cos(angle) * x + math.sin(angle) * e

    return by_sample(one)(t, x_0, noise)


@pytest.mark.exercise("q_sample", parts={"x_t": 2, "images": 1})
class TestQSample:
    """A jump to any step"""

    def check(self, student, expect, oracle, *args, name="x_t"):
        expect(student.q_sample(*args), oracle(noisy, *args), name=name)

    @pytest.mark.parametrize("shape", VECTORS, ids=str)
    def test_shapes(self, student, draw, expect, oracle, shape):
        """numbers or vectors at random steps"""
        t = draw.integers(shape[0], high=7)
        args = (draw.normal(*shape), t, draw.normal(*shape), left_over(draw, 7))
        self.check(student, expect, oracle, *args)

    @pytest.mark.parametrize("step", [0, 6], ids=["first", "last"])
    def test_ends(self, student, draw, expect, oracle, step):
        """all samples at the first step, or at the last"""
        t = torch.full((4,), step, device=draw.device)
        args = (draw.normal(4, 3), t, draw.normal(4, 3), left_over(draw, 7))
        self.check(student, expect, oracle, *args)

    def test_order(self, student, draw, expect, oracle):
        """every step once, in another order"""
        args = (draw.normal(7, 2), draw.permutation(7), draw.normal(7, 2), left_over(draw, 7))
        self.check(student, expect, oracle, *args)

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, layout):
        """another memory layout"""
        x_0, noise = (draw.layout(draw.normal(4, 3), layout) for _ in range(2))
        left = draw.layout(left_over(draw, 7), "strided")
        self.check(student, expect, oracle, x_0, draw.integers(4, high=7), noise, left)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        x_0, noise = draw.normal(5, 3, dtype=torch.float32), draw.normal(5, 3, dtype=torch.float32)
        left = left_over(draw, 7, torch.float32)
        self.check(student, expect, oracle, x_0, draw.integers(5, high=7), noise, left)

    @pytest.mark.part("images")
    @pytest.mark.parametrize("shape", IMAGES, ids=str)
    def test_images(self, student, draw, expect, oracle, shape):
        """samples with more axes"""
        t = draw.integers(shape[0], high=7)
        args = (draw.normal(*shape), t, draw.normal(*shape), left_over(draw, 7))
        self.check(student, expect, oracle, *args, name="images")


# --- what Bayes says --------------------------------------------------------------------------


def bayes(x_0, x_t, t, betas):
    """Product of two Gaussians in x_{t-1}: precisions add, and weigh the means."""
    left = left_after(betas)

    def one(step, start, end):
        alpha, beta = 1 - betas[step], betas[step]
        if step == 0:
            return start, 0 * beta
        prior = 1 / (1 - left[step - 1])  # x_{t-1} given x_0
        likelihood = alpha / beta  # x_t given x_{t-1}
        mean = (prior * left[step - 1].sqrt() * start + likelihood * end / alpha.sqrt()) / (
            prior + likelihood
        )
        return mean, 1 / (prior + likelihood)

    both = [one(int(step), *rows) for step, *rows in zip(t, x_0, x_t, strict=True)]
    return torch.stack([mean for mean, _ in both]), torch.stack([var for _, var in both])


@pytest.mark.exercise("posterior", parts={"mean": 2, "variance": 1, "first_step": 1})
class TestPosterior:
    """Where was the sample one step before?"""

    def check(self, student, expect, oracle, *args, names=("mean", "variance")):
        right = oracle(bayes, *args)
        mean, variance = student.posterior(*args)
        expect(mean, right[0], name=names[0])
        expect(variance, right[1], name=names[1])

    @pytest.mark.parametrize("shape", ANY_SHAPE, ids=str)
    def test_shapes(self, student, draw, expect, oracle, shape):
        """random samples at random steps"""
        t = draw.integers(shape[0], low=1, high=7)
        args = (draw.normal(*shape), draw.normal(*shape), t, schedule(draw, 7))
        self.check(student, expect, oracle, *args)

    def test_all_steps(self, student, draw, expect, oracle):
        """every step but the first, in another order"""
        t = draw.permutation(6) + 1
        args = (draw.normal(6, 2), draw.normal(6, 2), t, schedule(draw, 7))
        self.check(student, expect, oracle, *args)

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, layout):
        """another memory layout"""
        x_0, x_t = (draw.layout(draw.normal(4, 3), layout) for _ in range(2))
        betas = draw.layout(schedule(draw, 7), "strided")
        self.check(student, expect, oracle, x_0, x_t, draw.integers(4, low=1, high=7), betas)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        x_0, x_t = draw.normal(5, 3, dtype=torch.float32), draw.normal(5, 3, dtype=torch.float32)
        betas = schedule(draw, 7, torch.float32)
        self.check(student, expect, oracle, x_0, x_t, draw.integers(5, low=1, high=7), betas)

    @pytest.mark.part("first_step")
    @pytest.mark.parametrize("T", [1, 7], ids="T={}".format)
    def test_first_step(self, student, draw, expect, oracle, T):
        """all samples at the first step"""
        t = torch.zeros(4, dtype=torch.int64, device=draw.device)
        args = (draw.normal(4, 3), draw.normal(4, 3), t, schedule(draw, T))
        self.check(student, expect, oracle, *args, names=("first_step", "first_step"))

    @pytest.mark.part("first_step")
    def test_some_at_the_first(self, student, draw, expect, oracle):
        """some samples at the first step, others later"""
        t = torch.tensor([0, 3, 0, 1, 6], device=draw.device)
        args = (draw.normal(5, 2, 3), draw.normal(5, 2, 3), t, schedule(draw, 7))
        self.check(student, expect, oracle, *args, names=("first_step", "first_step"))


def start_of(x_t, t, noise, alpha_bar):
    def one(step, x, e):
        return x / alpha_bar[step].sqrt() - (1 / alpha_bar[step] - 1).sqrt() * e

    return by_sample(one)(t, x_t, noise)


class NoiseCases:
    """What both exercises that start from the noise are asked."""

    function = ""
    part = ""

    def steps_data(self, draw, dtype=None):
        """Return what the function needs to know about the steps."""
        raise NotImplementedError

    def truth(self, x_t, t, noise, known):
        """Return the right result."""
        raise NotImplementedError

    def check(self, student, expect, oracle, *args):
        expect(getattr(student, self.function)(*args), oracle(self.truth, *args), name=self.part)

    @pytest.mark.parametrize("shape", ANY_SHAPE, ids=str)
    def test_shapes(self, student, draw, expect, oracle, shape):
        """random samples at random steps"""
        t = draw.integers(shape[0], high=7)
        args = (draw.normal(*shape), t, draw.normal(*shape), self.steps_data(draw))
        self.check(student, expect, oracle, *args)

    @pytest.mark.parametrize("step", [0, 6], ids=["first", "last"])
    def test_ends(self, student, draw, expect, oracle, step):
        """all samples at the first step, or at the last"""
        t = torch.full((4,), step, device=draw.device)
        args = (draw.normal(4, 3), t, draw.normal(4, 3), self.steps_data(draw))
        self.check(student, expect, oracle, *args)

    def test_order(self, student, draw, expect, oracle):
        """every step once, in another order"""
        args = (draw.normal(7, 2), draw.permutation(7), draw.normal(7, 2), self.steps_data(draw))
        self.check(student, expect, oracle, *args)

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, layout):
        """another memory layout"""
        x_t, noise = (draw.layout(draw.normal(4, 3), layout) for _ in range(2))
        known = draw.layout(self.steps_data(draw), "strided")
        self.check(student, expect, oracle, x_t, draw.integers(4, high=7), noise, known)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        x_t, noise = draw.normal(5, 3, dtype=torch.float32), draw.normal(5, 3, dtype=torch.float32)
        known = self.steps_data(draw, torch.float32)
        self.check(student, expect, oracle, x_t, draw.integers(5, high=7), noise, known)


@pytest.mark.exercise("predict_x0_from_noise", parts={"x_0": 1})
class TestPredictX0FromNoise(NoiseCases):
    """From the noise to the data"""

    function = "predict_x0_from_noise"
    part = "x_0"

    def steps_data(self, draw, dtype=None):
        return left_over(draw, 7, dtype)

    def truth(self, x_t, t, noise, known):
        return start_of(x_t, t, noise, known)


def mean_by_the_data(x_t, t, noise, betas):
    """The detour: what the data must have been, then Bayes."""
    return bayes(start_of(x_t, t, noise, left_after(betas)), x_t, t, betas)[0]


@pytest.mark.exercise("predict_mean_from_noise", parts={"mean": 1})
class TestPredictMeanFromNoise(NoiseCases):
    """From the noise to the mean of the step before"""

    function = "predict_mean_from_noise"
    part = "mean"

    def steps_data(self, draw, dtype=None):
        return schedule(draw, 7, dtype)

    def truth(self, x_t, t, noise, known):
        return mean_by_the_data(x_t, t, noise, known)


# --- models -----------------------------------------------------------------------------------


def wavy(a, b):
    """The model of the same name in support.py."""

    def model(x, t):
        beside = t.reshape(-1, *[1] * (x.dim() - 1)).to(x.dtype)
        return torch.tanh(a * x + torch.sin(b * (beside + 1)))

    return model


def loss_of(x_0, t, noise, alpha_bar, a, b):
    guess = wavy(a, b)(noisy(x_0, t, noise, alpha_bar), t)
    return torch.nn.functional.mse_loss(guess, noise)


@pytest.mark.exercise("ddpm_loss", parts={"loss": 1})
class TestDdpmLoss:
    """How the network learns"""

    def check(self, student, expect, oracle, support, *args, a=0.7, b=1.3):
        model = support.make("wavy_denoiser", a, b)
        expect(student.ddpm_loss(model, *args), oracle(loss_of, *args, a, b))

    @pytest.mark.parametrize("shape", ANY_SHAPE, ids=str)
    def test_shapes(self, student, draw, expect, oracle, support, shape):
        """random samples at random steps"""
        t = draw.integers(shape[0], high=7)
        args = (draw.normal(*shape), t, draw.normal(*shape), left_over(draw, 7))
        self.check(student, expect, oracle, support, *args)

    @pytest.mark.parametrize("model", [(1.0, 0.0), (0.0, 2.0), (-2.0, 0.4)], ids=str)
    def test_models(self, student, draw, expect, oracle, support, model):
        """models, by what they make of x_t and of t"""
        t = draw.integers(6, high=7)
        args = (draw.normal(6, 3), t, draw.normal(6, 3), left_over(draw, 7))
        self.check(student, expect, oracle, support, *args, a=model[0], b=model[1])

    @pytest.mark.parametrize("step", [0, 6], ids=["first", "last"])
    def test_ends(self, student, draw, expect, oracle, support, step):
        """all samples at the first step, or at the last"""
        t = torch.full((4,), step, device=draw.device)
        args = (draw.normal(4, 3), t, draw.normal(4, 3), left_over(draw, 7))
        self.check(student, expect, oracle, support, *args)

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, support, layout):
        """another memory layout"""
        x_0, noise = (draw.layout(draw.normal(4, 3), layout) for _ in range(2))
        args = (x_0, draw.integers(4, high=7), noise, left_over(draw, 7))
        self.check(student, expect, oracle, support, *args)

    def test_float32(self, student, draw, expect, oracle, support):
        """float32"""
        x_0, noise = draw.normal(5, 3, dtype=torch.float32), draw.normal(5, 3, dtype=torch.float32)
        left = left_over(draw, 7, torch.float32)
        self.check(student, expect, oracle, support, x_0, draw.integers(5, high=7), noise, left)


def back(x_t, t, noise, betas, a, b):
    """One step back, by the data: what the model takes them for, then Bayes, then noise."""
    steps = torch.full((len(x_t),), t)
    mean = mean_by_the_data(x_t, steps, wavy(a, b)(x_t, steps), betas)
    return mean if t == 0 else mean + noise * betas[t] ** 0.5


@pytest.mark.exercise("p_sample_step", parts={"x": 2, "last_step": 1})
class TestPSampleStep:
    """One step back"""

    def check(self, student, expect, oracle, support, *args, a=0.7, b=1.3, name="x"):
        model = support.make("wavy_denoiser", a, b)
        expect(student.p_sample_step(model, *args), oracle(back, *args, a, b), name=name)

    @pytest.mark.parametrize("shape", ANY_SHAPE, ids=str)
    def test_shapes(self, student, draw, expect, oracle, support, shape):
        """random samples in the middle of the way"""
        args = (draw.normal(*shape), 4, draw.normal(*shape), schedule(draw, 7))
        self.check(student, expect, oracle, support, *args)

    @pytest.mark.parametrize("t", [1, 2, 6], ids="t={}".format)
    def test_steps(self, student, draw, expect, oracle, support, t):
        """steps"""
        args = (draw.normal(4, 3), t, draw.normal(4, 3), schedule(draw, 7))
        self.check(student, expect, oracle, support, *args)

    @pytest.mark.parametrize("model", [(1.0, 0.0), (0.0, 2.0)], ids=str)
    def test_models(self, student, draw, expect, oracle, support, model):
        """models, by what they make of x_t and of t"""
        args = (draw.normal(4, 3), 3, draw.normal(4, 3), schedule(draw, 7))
        self.check(student, expect, oracle, support, *args, a=model[0], b=model[1])

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, support, layout):
        """another memory layout"""
        x_t, noise = (draw.layout(draw.normal(4, 3), layout) for _ in range(2))
        self.check(student, expect, oracle, support, x_t, 5, noise, schedule(draw, 7))

    def test_float32(self, student, draw, expect, oracle, support):
        """float32"""
        x_t, noise = draw.normal(5, 3, dtype=torch.float32), draw.normal(5, 3, dtype=torch.float32)
        betas = schedule(draw, 7, torch.float32)
        self.check(student, expect, oracle, support, x_t, 4, noise, betas)

    @pytest.mark.part("last_step")
    @pytest.mark.parametrize("T", [1, 7], ids="T={}".format)
    def test_last_step(self, student, draw, expect, oracle, support, T):
        """the last step of the way back"""
        args = (draw.normal(3, 2, 2), 0, draw.normal(3, 2, 2), schedule(draw, T))
        self.check(student, expect, oracle, support, *args, name="last_step")


def all_the_way(x_T, noises, betas, a, b):
    for t in range(len(betas) - 1, -1, -1):
        x_T = back(x_T, t, noises[t], betas, a, b)
    return x_T


@pytest.mark.exercise("p_sample_loop", parts={"samples": 2, "moments": 1})
class TestPSampleLoop:
    """All the way back"""

    def check(self, student, draw, expect, oracle, support, shape, T, dtype=None):
        args = (
            draw.normal(*shape, dtype=dtype),
            draw.normal(T, *shape, dtype=dtype),
            schedule(draw, T, dtype),
        )
        model = support.make("wavy_denoiser", 0.7, 1.3)
        right = oracle(all_the_way, *args, 0.7, 1.3)
        expect(student.p_sample_loop(model, *args), right, name="samples")

    @pytest.mark.parametrize("T", [1, 2, 3, 7], ids="T={}".format)
    def test_steps(self, student, draw, expect, oracle, support, T):
        """number of steps"""
        self.check(student, draw, expect, oracle, support, (4, 2), T)

    @pytest.mark.parametrize("shape", [(1, 3), (4,), (2, 2, 3), (4, 4)], ids=str)
    def test_shapes(self, student, draw, expect, oracle, support, shape):
        """shapes"""
        self.check(student, draw, expect, oracle, support, shape, 4)

    def test_float32(self, student, draw, expect, oracle, support):
        """float32"""
        self.check(student, draw, expect, oracle, support, (4, 2), 5, torch.float32)

    @pytest.mark.part("moments")
    def test_moments(self, student, draw, expect, support):
        """mean and variance of many samples, with the best possible model"""
        betas = torch.linspace(0.15, 0.5, 10, dtype=draw.dtype, device=draw.device)
        model = support.make("gaussian_denoiser", -2.0, 1.0, betas)
        x_T = -2.0 * (1 - betas).prod().sqrt() + draw.normal(2000)
        samples = student.p_sample_loop(model, x_T, draw.normal(10, 2000), betas)
        moments = torch.stack([samples.mean(), samples.var()])
        # Five standard deviations of a mean and of a variance of 2000 samples: 0.10 and 0.14.
        expect(moments, numbers(draw, [-2.0, 0.85]), name="moments", rtol=0, atol=0.14)


def stride(x_t, t, s, alpha_bar, a, b):
    steps = torch.full((len(x_t),), t)
    guess = wavy(a, b)(x_t, steps)
    start = start_of(x_t, steps, guess, alpha_bar)
    return start if s < 0 else noisy(start, 0 * steps + s, guess, alpha_bar)


@pytest.mark.exercise("ddim_step", parts={"x": 2, "data": 1})
class TestDdimStep:
    """A stride without fresh noise"""

    def check(self, student, expect, oracle, support, *args, a=0.7, b=1.3, name="x"):
        model = support.make("wavy_denoiser", a, b)
        expect(student.ddim_step(model, *args), oracle(stride, *args, a, b), name=name)

    @pytest.mark.parametrize("shape", ANY_SHAPE, ids=str)
    def test_shapes(self, student, draw, expect, oracle, support, shape):
        """random samples in the middle of the way"""
        self.check(student, expect, oracle, support, draw.normal(*shape), 5, 2, left_over(draw, 7))

    @pytest.mark.parametrize(("t", "s"), [(1, 0), (6, 5), (6, 0)], ids=str)
    def test_strides(self, student, draw, expect, oracle, support, t, s):
        """from step, to step"""
        self.check(student, expect, oracle, support, draw.normal(4, 3), t, s, left_over(draw, 7))

    @pytest.mark.parametrize("model", [(1.0, 0.0), (0.0, 2.0)], ids=str)
    def test_models(self, student, draw, expect, oracle, support, model):
        """models, by what they make of x_t and of t"""
        args = (draw.normal(4, 3), 4, 1, left_over(draw, 7))
        self.check(student, expect, oracle, support, *args, a=model[0], b=model[1])

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_layout(self, student, draw, expect, oracle, support, layout):
        """another memory layout"""
        x_t = draw.layout(draw.normal(4, 3), layout)
        self.check(student, expect, oracle, support, x_t, 5, 3, left_over(draw, 7))

    def test_float32(self, student, draw, expect, oracle, support):
        """float32"""
        x_t, left = draw.normal(5, 3, dtype=torch.float32), left_over(draw, 7, torch.float32)
        self.check(student, expect, oracle, support, x_t, 4, 2, left)

    @pytest.mark.part("data")
    @pytest.mark.parametrize("t", [0, 1, 6], ids="t={}".format)
    def test_data(self, student, draw, expect, oracle, support, t):
        """to the data"""
        args = (draw.normal(3, 2, 2), t, -1, left_over(draw, 7))
        self.check(student, expect, oracle, support, *args, name="data")
