"""Generative adversarial networks: the checks that students run too."""

import math

import pytest
import torch


def numbers(draw, values):
    return torch.tensor(values, dtype=draw.dtype, device=draw.device)


@pytest.mark.exercise("discriminator_loss", parts={"loss": 2, "stability": 1})
class TestDiscriminatorLoss:
    """What the discriminator minimises"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        real = numbers(draw, [math.log(3), math.log(3)])
        loss = student.discriminator_loss(real, numbers(draw, [0.0]))
        expect(loss, numbers(draw, math.log(8 / 3)), name="loss")

    def test_random(self, student, draw, expect, oracle):
        """batches of different sizes"""
        real, fake = draw.normal(5, std=2.0), draw.normal(3, std=2.0)
        expect(
            student.discriminator_loss(real, fake),
            oracle.discriminator_loss(real, fake),
            name="loss",
        )

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("logit", [-100.0, 100.0], ids=str)
    def test_large_logits(self, student, draw, expect, logit):
        """a discriminator that is very sure, and wrong or right"""
        real, fake = numbers(draw, [logit, logit]), numbers(draw, [-logit])
        right = 200.0 if logit < 0 else 0.0
        expect(student.discriminator_loss(real, fake), numbers(draw, right), name="stability")


@pytest.mark.exercise("generator_loss", parts={"loss": 2, "stability": 1})
class TestGeneratorLoss:
    """What the generator minimises, in practice"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        loss = student.generator_loss(numbers(draw, [0.0, math.log(3)]))
        expect(loss, numbers(draw, (math.log(2) + math.log(4 / 3)) / 2), name="loss")

    def test_random(self, student, draw, expect, oracle):
        """five random logits"""
        fake = draw.normal(5, std=2.0)
        expect(student.generator_loss(fake), oracle.generator_loss(fake), name="loss")

    @pytest.mark.part("stability")
    def test_large_logits(self, student, draw, expect):
        """large logits of either sign"""
        fake = numbers(draw, [-100.0, 100.0, -1000.0, 1000.0])
        expect(student.generator_loss(fake), numbers(draw, 275.0), name="stability")


@pytest.mark.exercise("generator_loss_minimax", parts={"loss": 2, "stability": 1})
class TestGeneratorLossMinimax:
    """What the generator minimises, in theory"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        loss = student.generator_loss_minimax(numbers(draw, [0.0, math.log(3)]))
        expect(loss, numbers(draw, -math.log(8) / 2), name="loss")

    def test_random(self, student, draw, expect, oracle):
        """five random logits"""
        fake = draw.normal(5, std=2.0)
        expect(
            student.generator_loss_minimax(fake), oracle.generator_loss_minimax(fake), name="loss"
        )

    @pytest.mark.part("stability")
    def test_large_logits(self, student, draw, expect):
        """large logits of either sign"""
        fake = numbers(draw, [-100.0, 100.0, -1000.0, 1000.0])
        expect(student.generator_loss_minimax(fake), numbers(draw, -275.0), name="stability")


GRADIENTS = {"grad_real_logits": 2, "grad_fake_logits": 2, "stability": 1}


@pytest.mark.exercise("discriminator_loss_backward", parts=GRADIENTS)
class TestDiscriminatorLossBackward:
    """The gradient of the discriminator's loss"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        real, fake = numbers(draw, [math.log(3), -math.log(3)]), numbers(draw, [0.0])
        grads = student.discriminator_loss_backward(numbers(draw, 2.0), real, fake)
        expect(grads[0], numbers(draw, [-0.25, -0.75]), name="grad_real_logits")
        expect(grads[1], numbers(draw, [1.0]), name="grad_fake_logits")

    def test_random(self, student, draw, expect, oracle):
        """batches of different sizes"""
        args = (draw.normal(), draw.normal(5, 1), draw.normal(3, 1))
        grads = student.discriminator_loss_backward(*args)
        right = oracle.discriminator_loss_backward(*args)
        expect(grads[0], right[0], name="grad_real_logits")
        expect(grads[1], right[1], name="grad_fake_logits")

    @pytest.mark.part("stability")
    def test_large_logits(self, student, draw, expect):
        """large logits of either sign"""
        logits = numbers(draw, [1000.0, -1000.0])
        grads = student.discriminator_loss_backward(numbers(draw, 1.0), logits, logits)
        expect(grads[0], numbers(draw, [0.0, -0.5]), name="stability")
        expect(grads[1], numbers(draw, [0.5, 0.0]), name="stability")


@pytest.mark.exercise("optimal_discriminator", parts={"D": 2, "nowhere": 1})
class TestOptimalDiscriminator:
    """The best answer to a generator"""

    def test_worked_number(self, student, draw, expect):
        """densities of which at most one is 0"""
        p, q = numbers(draw, [3.0, 0.0, 0.5]), numbers(draw, [1.0, 2.0, 0.5])
        expect(student.optimal_discriminator(p, q), numbers(draw, [0.75, 0.0, 0.5]), name="D")

    def test_random(self, student, draw, expect, oracle):
        """random densities"""
        p, q = draw.uniform(6, high=3.0), draw.uniform(6, high=3.0)
        expect(student.optimal_discriminator(p, q), oracle.optimal_discriminator(p, q), name="D")

    @pytest.mark.part("nowhere")
    def test_nowhere(self, student, draw, expect):
        """a point where both densities are 0: the worked number of the handout"""
        p, q = numbers(draw, [3.0, 0.0, 0.5, 0.0]), numbers(draw, [1.0, 2.0, 0.5, 0.0])
        right = numbers(draw, [0.75, 0.0, 0.5, 0.5])
        expect(student.optimal_discriminator(p, q), right, name="nowhere")


@pytest.mark.exercise("value_at_optimum", parts={"value": 2, "zeros": 1})
class TestValueAtOptimum:
    """What is left for the generator to minimise"""

    def test_equal(self, student, draw, expect):
        """equal distributions"""
        p = draw.probabilities(5)
        expect(student.value_at_optimum(p, p), numbers(draw, -math.log(4)), name="value")

    def test_random(self, student, draw, expect, oracle):
        """random probabilities"""
        p, q = draw.probabilities(5), draw.probabilities(5)
        expect(student.value_at_optimum(p, q), oracle.value_at_optimum(p, q), name="value")

    @pytest.mark.part("zeros")
    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout, with a zero in q"""
        value = student.value_at_optimum(numbers(draw, [0.5, 0.5]), numbers(draw, [1.0, 0.0]))
        expect(value, numbers(draw, math.log(4 / 27) / 2), name="zeros")

    @pytest.mark.part("zeros")
    def test_impossible(self, student, draw, expect):
        """an outcome that neither distribution knows, and no other in common"""
        p, q = numbers(draw, [0.0, 1.0, 0.0]), numbers(draw, [0.25, 0.0, 0.75])
        expect(student.value_at_optimum(p, q), numbers(draw, 0.0), name="zeros", rtol=0, atol=1e-6)


@pytest.mark.exercise("gan_step", parts={"discriminator": 2, "generator": 2, "bystanders": 1})
class TestGanStep:
    """One round of the game"""

    def game(self, draw, support, stale=None):
        generator = (numbers(draw, [[1.0]]), numbers(draw, [0.0]))
        discriminator = (numbers(draw, [[0.0]]), numbers(draw, [0.0]))
        return support.make("Game", generator, discriminator, 1.0, 1.0, stale=stale)

    def batches(self, draw):
        return numbers(draw, [[2.0]]), numbers(draw, [[-1.0]]), numbers(draw, [[0.0]])

    @pytest.mark.part("discriminator")
    @pytest.mark.parametrize("stale", [None, 0.5], ids="left over: {}".format)
    def test_discriminator(self, student, draw, expect, support, stale):
        """the worked number of the handout: the discriminator"""
        game = self.game(draw, support, stale)
        d_loss, _ = student.gan_step(*game.players(), *self.batches(draw))
        expect(d_loss, numbers(draw, 2 * math.log(2)), name="discriminator")
        right = (numbers(draw, [[1.5]]), numbers(draw, [0.0]))
        expect(game.parameters("discriminator"), right, name="discriminator")

    @pytest.mark.part("generator")
    @pytest.mark.parametrize("stale", [None, 0.5], ids="left over: {}".format)
    def test_generator(self, student, draw, expect, support, stale):
        """the worked number of the handout: the generator"""
        game = self.game(draw, support, stale)
        _, g_loss = student.gan_step(*game.players(), *self.batches(draw))
        expect(g_loss, numbers(draw, math.log(2)), name="generator")
        right = (numbers(draw, [[1.0]]), numbers(draw, [0.75]))
        expect(game.parameters("generator"), right, name="generator")

    @pytest.mark.part("bystanders")
    def test_bystanders(self, student, draw, expect, support):
        """the losses, and what the gradients of the other player hold"""
        game = self.game(draw, support)
        losses = tuple(student.gan_step(*game.players(), *self.batches(draw)))
        right = (numbers(draw, 2 * math.log(2)), numbers(draw, math.log(2)))
        zeros = (numbers(draw, [[0.0]]), numbers(draw, [0.0]))
        meanwhile = (*losses, *game.generator_meanwhile())
        expect(meanwhile, (*right, *zeros), name="bystanders")
        own = (numbers(draw, [[-1.5]]), numbers(draw, [0.0]))
        afterwards = (*losses, *game.gradients("discriminator"))
        expect.any_of(afterwards, [(*right, *own), (*right, *zeros)], name="bystanders")


@pytest.mark.exercise("conditional_batchnorm_forward", parts={"out": 1})
class TestConditionalBatchnormForward:
    """Batch normalisation with a scale and a shift for each label"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        x, y = numbers(draw, [[1.0], [3.0]]), torch.tensor([1, 0], device=draw.device)
        gamma, beta = numbers(draw, [[10.0], [100.0]]), numbers(draw, [[1.0], [2.0]])
        out = student.conditional_batchnorm_forward(x, y, gamma, beta, eps=0.0)
        expect(out, numbers(draw, [[-98.0], [11.0]]))

    def test_random(self, student, draw, expect, oracle):
        """six random examples, four labels"""
        args = (draw.normal(6, 3), draw.integers(6, high=4), draw.normal(4, 3), draw.normal(4, 3))
        expect(
            student.conditional_batchnorm_forward(*args),
            oracle.conditional_batchnorm_forward(*args),
        )


NORM = {"grad_x": 2, "grad_gamma": 1, "grad_beta": 1}


@pytest.mark.exercise("conditional_batchnorm_backward", parts=NORM)
class TestConditionalBatchnormBackward:
    """Its backward pass"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout, with a label that is absent"""
        x, y = numbers(draw, [[1.0], [3.0]]), torch.tensor([1, 0], device=draw.device)
        gamma, grad_out = numbers(draw, [[10.0], [100.0], [5.0]]), numbers(draw, [[1.0], [2.0]])
        grads = student.conditional_batchnorm_backward(grad_out, x, y, gamma, eps=0.0)
        expect(grads[0], numbers(draw, [[0.0], [0.0]]), name="grad_x")
        expect(grads[1], numbers(draw, [[2.0], [-1.0], [0.0]]), name="grad_gamma")
        expect(grads[2], numbers(draw, [[2.0], [1.0], [0.0]]), name="grad_beta")

    def test_random(self, student, draw, expect, oracle):
        """six random examples, four labels"""
        args = (draw.normal(6, 3), draw.normal(6, 3), draw.integers(6, high=4), draw.normal(4, 3))
        grads = student.conditional_batchnorm_backward(*args)
        right = oracle.conditional_batchnorm_backward(*args)
        for name, grad, one in zip(NORM, grads, right, strict=True):
            expect(grad, one, name=name)
