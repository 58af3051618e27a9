"""Diffusion: the checks that students run too."""

import math

import pytest
import torch


def numbers(draw, values):
    return torch.tensor(values, dtype=draw.dtype, device=draw.device)


def steps(draw, *values):
    return torch.tensor(values, device=draw.device)


def two_steps(draw):
    """The schedule of most worked numbers: what is left is 0.64, then 0.36."""
    return numbers(draw, [0.36, 0.4375])


@pytest.mark.exercise("alpha_bars", parts={"alpha_bar": 1})
class TestAlphaBars:
    """What is left after each step"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        left = student.alpha_bars(numbers(draw, [0.1, 0.2, 0.5]))
        expect(left, numbers(draw, [0.9, 0.72, 0.36]))

    def test_random(self, student, draw, expect, oracle):
        """a random schedule"""
        betas = draw.uniform(6, low=0.05, high=0.5)
        expect(student.alpha_bars(betas), oracle.alpha_bars(betas))


@pytest.mark.exercise("q_sample", parts={"x_t": 2, "images": 1})
class TestQSample:
    """A jump to any step"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        left, x_0, noise = ([0.64, 0.36], [2.0, 2.0], [1.0, -1.0])
        left, x_0, noise = (numbers(draw, one) for one in (left, x_0, noise))
        x_t = student.q_sample(x_0, steps(draw, 0, 1), noise, left)
        expect(x_t, numbers(draw, [2.2, 0.4]), name="x_t")

    def test_random(self, student, draw, expect, oracle):
        """five points of the plane"""
        args = (draw.normal(5, 2), draw.integers(5, high=4), draw.normal(5, 2))
        left = numbers(draw, [0.9, 0.7, 0.4, 0.1])
        expect(student.q_sample(*args, left), oracle.q_sample(*args, left), name="x_t")

    @pytest.mark.part("images")
    def test_images(self, student, draw, expect, oracle):
        """three small pictures"""
        args = (draw.normal(3, 2, 4, 5), draw.integers(3, high=4), draw.normal(3, 2, 4, 5))
        left = numbers(draw, [0.9, 0.7, 0.4, 0.1])
        expect(student.q_sample(*args, left), oracle.q_sample(*args, left), name="images")


@pytest.mark.exercise("posterior", parts={"mean": 2, "variance": 1, "first_step": 1})
class TestPosterior:
    """Where was the sample one step before?"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout, step 1"""
        x_0, x_t = numbers(draw, [1.0]), numbers(draw, [2.0])
        mean, variance = student.posterior(x_0, x_t, steps(draw, 1), two_steps(draw))
        expect(mean, numbers(draw, [1.390625]), name="mean")
        expect(variance, numbers(draw, [0.24609375]), name="variance")

    def test_random(self, student, draw, expect, oracle):
        """five points of the plane"""
        t = draw.integers(5, low=1, high=6)
        args = (draw.normal(5, 2), draw.normal(5, 2), t, draw.uniform(6, low=0.1, high=0.5))
        right = oracle.posterior(*args)
        mean, variance = student.posterior(*args)
        expect(mean, right[0], name="mean")
        expect(variance, right[1], name="variance")

    @pytest.mark.part("first_step")
    def test_first_step(self, student, draw, expect):
        """the worked number of the handout, step 0"""
        x_0, x_t = numbers(draw, [1.0]), numbers(draw, [2.0])
        mean, variance = student.posterior(x_0, x_t, steps(draw, 0), two_steps(draw))
        expect(mean, numbers(draw, [1.0]), name="first_step")
        expect(variance, numbers(draw, [0.0]), name="first_step")


@pytest.mark.exercise("predict_x0_from_noise", parts={"x_0": 1})
class TestPredictX0FromNoise:
    """From the noise to the data"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        left, x_t, noise = ([0.64, 0.36], [2.2, 0.4], [1.0, -1.0])
        left, x_t, noise = (numbers(draw, one) for one in (left, x_t, noise))
        x_0 = student.predict_x0_from_noise(x_t, steps(draw, 0, 1), noise, left)
        expect(x_0, numbers(draw, [2.0, 2.0]))

    def test_random(self, student, draw, expect, oracle):
        """five points of the plane"""
        args = (draw.normal(5, 2), draw.integers(5, high=3), draw.normal(5, 2))
        left = numbers(draw, [0.9, 0.6, 0.2])
        expect(
            student.predict_x0_from_noise(*args, left), oracle.predict_x0_from_noise(*args, left)
        )


@pytest.mark.exercise("predict_mean_from_noise", parts={"mean": 1})
class TestPredictMeanFromNoise:
    """From the noise to the mean of the step before"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        x_t, noise = numbers(draw, [0.4]), numbers(draw, [-1.0])
        mean = student.predict_mean_from_noise(x_t, steps(draw, 1), noise, two_steps(draw))
        expect(mean, numbers(draw, [1.2625]))

    def test_random(self, student, draw, expect, oracle):
        """five points of the plane"""
        args = (draw.normal(5, 2), draw.integers(5, high=4), draw.normal(5, 2))
        betas = draw.uniform(4, low=0.1, high=0.5)
        expect(
            student.predict_mean_from_noise(*args, betas),
            oracle.predict_mean_from_noise(*args, betas),
        )


@pytest.mark.exercise("ddpm_loss", parts={"loss": 1})
class TestDdpmLoss:
    """How the network learns"""

    @pytest.mark.parametrize(("a", "right"), [(0.0, 1.0), (1.0, 1.7)], ids=["0", "x_t"])
    def test_worked_number(self, student, draw, expect, support, a, right):
        """the worked numbers of the handout, with a model that returns this"""
        left, x_0, noise = ([0.64, 0.36], [2.0, 2.0], [1.0, -1.0])
        left, x_0, noise = (numbers(draw, one) for one in (left, x_0, noise))
        model = support.make("linear_denoiser", a, 0.0)
        loss = student.ddpm_loss(model, x_0, steps(draw, 0, 1), noise, left)
        expect(loss, numbers(draw, right))

    def test_step_matters(self, student, draw, expect, support):
        """a model whose guess depends on the step"""
        x_0, noise, t = draw.normal(3, 2), draw.normal(3, 2), steps(draw, 1, 0, 1)
        share = numbers(draw, [0.36, 0.64, 0.36]).unsqueeze(1)
        x_t = share.sqrt() * x_0 + (1 - share).sqrt() * noise
        guess = torch.tanh(0.5 * x_t + torch.sin(2.0 * (t.unsqueeze(1).to(x_t.dtype) + 1)))
        model = support.make("wavy_denoiser", 0.5, 2.0)
        loss = student.ddpm_loss(model, x_0, t, noise, numbers(draw, [0.64, 0.36]))
        expect(loss, (noise - guess).square().mean())


@pytest.mark.exercise("p_sample_step", parts={"x": 2, "last_step": 1})
class TestPSampleStep:
    """One step back"""

    def step(self, student, draw, support, t):
        model = support.make("linear_denoiser", 0.0, -1.0)
        x_t, noise = numbers(draw, [0.4]), numbers(draw, [2.0])
        return student.p_sample_step(model, x_t, t, noise, two_steps(draw))

    def test_worked_number(self, student, draw, expect, support):
        """the worked number of the handout, step 1"""
        right = 1.2625 + 2 * math.sqrt(0.4375)
        expect(self.step(student, draw, support, 1), numbers(draw, [right]), name="x")

    @pytest.mark.part("last_step")
    def test_last_step(self, student, draw, expect, support):
        """the worked number of the handout, step 0"""
        expect(self.step(student, draw, support, 0), numbers(draw, [1.25]), name="last_step")


@pytest.mark.exercise("p_sample_loop", parts={"samples": 2, "moments": 1})
class TestPSampleLoop:
    """All the way back"""

    def test_worked_number(self, student, draw, expect, support):
        """the worked number of the handout"""
        model = support.make("linear_denoiser", 0.0, -1.0)
        x_T, noises = numbers(draw, [0.4]), numbers(draw, [[5.0], [2.0]])
        samples = student.p_sample_loop(model, x_T, noises, two_steps(draw))
        right = (1.2625 + 2 * math.sqrt(0.4375) + 0.6) / 0.8
        expect(samples, numbers(draw, [right]), name="samples")

    @pytest.mark.part("moments")
    def test_moments(self, student, draw, expect, support):
        """mean and variance of many samples, with the best possible model"""
        betas = torch.linspace(0.1, 0.5, 12, dtype=draw.dtype, device=draw.device)
        model = support.make("gaussian_denoiser", 3.0, 1.0, betas)
        # A start that is what is left of the data and noise, as after the last step.
        x_T = 3.0 * (1 - betas).prod().sqrt() + draw.normal(1000)
        samples = student.p_sample_loop(model, x_T, draw.normal(12, 1000), betas)
        moments = torch.stack([samples.mean(), samples.var()])
        # Five standard deviations of a mean and of a variance of 1000 samples are 0.15 and 0.21.
        expect(moments, numbers(draw, [3.0, 0.9]), name="moments", rtol=0, atol=0.22)


@pytest.mark.exercise("ddim_step", parts={"x": 2, "data": 1})
class TestDdimStep:
    """A stride without fresh noise"""

    def step(self, student, draw, support, s):
        model = support.make("linear_denoiser", 0.0, -1.0)
        left = numbers(draw, [0.64, 0.36])
        return student.ddim_step(model, numbers(draw, [0.4]), 1, s, left)

    def test_worked_number(self, student, draw, expect, support):
        """the worked number of the handout, to step 0"""
        expect(self.step(student, draw, support, 0), numbers(draw, [1.0]), name="x")

    @pytest.mark.part("data")
    def test_data(self, student, draw, expect, support):
        """the worked number of the handout, to the data"""
        expect(self.step(student, draw, support, -1), numbers(draw, [2.0]), name="data")
