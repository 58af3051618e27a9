"""Reinforcement learning: the checks that students run too."""

import math

import pytest
import torch

F64 = torch.float64
# Powers of gamma, or gamma times a flag, may be of torch's default float32: that is no mistake.
ROUNDED = {"rtol": 1e-5, "atol": 1e-6}


def numbers(draw, values, dtype=None):
    return torch.tensor(values, dtype=dtype or draw.dtype, device=draw.device)


def stay_or_leave(draw):
    """The world of the handout: stay and earn 1, or leave for good and earn 3."""
    P = numbers(draw, [[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]], F64)
    return P, numbers(draw, [[1.0, 3.0], [0.0, 0.0]], F64)


@pytest.mark.exercise("discounted_returns", parts={"returns": 2, "small_gamma": 1})
class TestDiscountedReturns:
    """Discounted returns"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        returns = student.discounted_returns(numbers(draw, [1.0, 0.0, 4.0]), 0.5)
        expect(returns, numbers(draw, [2.0, 2.0, 4.0]), name="returns", **ROUNDED)

    def test_random(self, student, draw, expect, oracle):
        """seven random rewards"""
        rewards = draw.normal(7)
        expected = oracle.discounted_returns(rewards, 0.9)
        expect(student.discounted_returns(rewards, 0.9), expected, name="returns", **ROUNDED)

    @pytest.mark.part("small_gamma")
    def test_no_future(self, student, draw, expect):
        """gamma 0: only the next reward counts"""
        rewards = draw.normal(4)
        expect(student.discounted_returns(rewards, 0.0), rewards, name="small_gamma", **ROUNDED)


@pytest.mark.exercise("gridworld", parts={"P": 2, "R": 1, "terminal": 1})
class TestGridworld:
    """A world on a board"""

    def test_worked_number(self, student, draw, expect):
        """the board of the handout, without its terminal field"""
        P, R = student.gridworld(2, [3])
        leads_to = torch.tensor([[0, 1, 0, 2], [0, 1, 1, 3], [2, 3, 0, 2]])
        expect(P[:3], torch.nn.functional.one_hot(leads_to, 4).float(), name="P")
        expect(R[:3], torch.full((3, 4), -1.0), name="R")

    @pytest.mark.part("terminal")
    def test_terminal(self, student, draw, expect):
        """the terminal field of the board of the handout"""
        P, R = student.gridworld(2, [3])
        expect(P[3], torch.tensor([[0.0, 0.0, 0.0, 1.0]]).repeat(4, 1), name="terminal")
        expect(R[3], torch.zeros(4), name="terminal")


@pytest.mark.exercise("policy_evaluation", parts={"v": 1})
class TestPolicyEvaluation:
    """Values of a policy"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        P, R = stay_or_leave(draw)
        v = student.policy_evaluation(P, R, torch.full_like(R, 0.5), 0.5)
        expect(v, numbers(draw, [8 / 3, 0.0], F64), rtol=0, atol=1e-6)

    def test_random(self, student, draw, expect, oracle):
        """a random world of four states and three actions"""
        P, R = draw.probabilities(4, 3, 4, dtype=F64), draw.normal(4, 3, dtype=F64)
        policy = draw.probabilities(4, 3, dtype=F64)
        expected = oracle.policy_evaluation(P, R, policy, 0.8)
        expect(student.policy_evaluation(P, R, policy, 0.8), expected, rtol=0, atol=1e-6)


@pytest.mark.exercise("q_value_iteration", parts={"q": 1})
class TestQValueIteration:
    """Optimal action values"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        q = student.q_value_iteration(*stay_or_leave(draw), 0.5, 1e-7)
        expect(q, numbers(draw, [[2.5, 3.0], [0.0, 0.0]], F64), rtol=0, atol=2e-7)

    def test_random(self, student, draw, expect, oracle):
        """a random world of four states and three actions"""
        P, R = draw.probabilities(4, 3, 4, dtype=F64), draw.normal(4, 3, dtype=F64)
        expected = oracle.q_value_iteration(P, R, 0.8, 1e-12)
        expect(student.q_value_iteration(P, R, 0.8, 1e-8), expected, rtol=0, atol=5e-8)


@pytest.mark.exercise("greedy_policy", parts={"policy": 2, "ties": 1})
class TestGreedyPolicy:
    """The greedy policy"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        policy = student.greedy_policy(numbers(draw, [[2.5, 3.0], [1.0, -1.0]]))
        expect(policy, numbers(draw, [[0.0, 1.0], [1.0, 0.0]]), name="policy")

    @pytest.mark.part("ties")
    def test_two_best(self, student, draw, expect):
        """two actions that are equally good"""
        policy = student.greedy_policy(numbers(draw, [[3.0, 1.0, 3.0]]))
        first, last = numbers(draw, [[1.0, 0.0, 0.0]]), numbers(draw, [[0.0, 0.0, 1.0]])
        expect.any_of(policy, [first, last], name="ties")


@pytest.mark.exercise("epsilon_greedy", parts={"greedy": 1, "exploration": 2, "generator": 1})
class TestEpsilonGreedy:
    """Exploration"""

    @pytest.mark.part("greedy")
    def test_greedy(self, student, draw, expect):
        """epsilon 0"""
        actions = student.epsilon_greedy(
            numbers(draw, [[1.0, 3.0, 2.0, 0.0], [-1.0, -3.0, -2.0, -4.0]]), 0.0, draw.generator()
        )
        expect(actions, torch.tensor([1, 0], device=draw.device), name="greedy")

    @pytest.mark.part("exploration")
    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout, tried 12 000 times"""
        q = numbers(draw, [[1.0, 3.0, 2.0, 0.0]]).repeat(12000, 1)
        actions = student.epsilon_greedy(q, 0.6, draw.generator())
        shares = torch.bincount(actions, minlength=4) / 12000
        # Half a step of rounding, 0.025, is 5.5 standard deviations of a share or more.
        rounded = (20 * shares).round() / 20
        expect(rounded, torch.tensor([0.15, 0.55, 0.15, 0.15]), name="exploration")

    @pytest.mark.part("generator")
    def test_generator(self, student, draw, expect):
        """the same state gives the same actions"""
        q, source, other = draw.normal(60, 5), draw.generator(), draw.generator()
        first, again, different = (
            student.epsilon_greedy(q, 1.0, g) for g in (source, source, other)
        )
        facts = [torch.equal(first, again), torch.equal(first, different)]
        expect(facts, [True, False], name="generator")


@pytest.mark.exercise("q_learning_update", parts={"q": 2, "done": 1})
class TestQLearningUpdate:
    """One step of Q-learning"""

    @pytest.mark.parametrize("done", [False, True], ids="done={}".format)
    def test_worked_number(self, student, draw, expect, done):
        """the worked number of the handout"""
        q = numbers(draw, [[1.0, 2.0], [4.0, 6.0]])
        expected = numbers(draw, [[1.0, 1.5 if done else 3.0], [4.0, 6.0]])
        updated = student.q_learning_update(q, 0, 1, 1.0, 1, done, 0.5, 0.5)
        expect(updated, expected, name="done" if done else "q", **ROUNDED)

    @pytest.mark.parametrize("done", [False, True], ids="done={}".format)
    def test_random(self, student, draw, expect, oracle, done):
        """a random table of four states and three actions"""
        step = (draw.normal(4, 3), 2, 1, 0.7, 3, done, 0.3, 0.9)
        updated, expected = student.q_learning_update(*step), oracle.q_learning_update(*step)
        expect(updated, expected, name="done" if done else "q", **ROUNDED)


@pytest.mark.exercise("dqn_target", parts={"target": 1, "done": 1, "not_finite": 1})
class TestDqnTarget:
    """Targets of deep Q-learning"""

    @pytest.mark.part("target")
    def test_random(self, student, draw, expect, oracle):
        """five steps, none of them the last"""
        step = (draw.normal(5), draw.normal(5, 3), torch.zeros(5, dtype=torch.bool), 0.9)
        expect(student.dqn_target(*step), oracle.dqn_target(*step), name="target", **ROUNDED)

    @pytest.mark.part("done")
    def test_done(self, student, draw, expect, oracle):
        """five steps, some of them the last"""
        done = torch.tensor([True, False, False, True, False], device=draw.device)
        step = (draw.normal(5), draw.normal(5, 3), done, 0.9)
        expect(student.dqn_target(*step), oracle.dqn_target(*step), name="done", **ROUNDED)

    @pytest.mark.part("not_finite")
    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        q_next = numbers(draw, [[4.0, 6.0], [8.0, math.nan]])
        done = torch.tensor([False, True], device=draw.device)
        targets = student.dqn_target(numbers(draw, [1.0, 2.0]), q_next, done, 0.5)
        expect(targets, numbers(draw, [4.0, 2.0]), name="not_finite", **ROUNDED)


@pytest.mark.exercise("q_learning", parts={"q": 2, "generator": 1})
class TestQLearning:
    """An agent in an unknown world"""

    def corridor(self, support, n):
        """Return the corridor of the handout, of n states."""
        s = torch.arange(n)
        next_state = torch.stack([(s - 1).clamp(min=0), (s + 1).clamp(max=n - 1)], dim=1)
        return support.make("world", next_state, torch.full((n, 2), -1.0), next_state == n - 1, 0)

    @pytest.mark.part("q")
    def test_corridor(self, student, support, draw, expect):
        """the corridor of the handout"""
        env = self.corridor(support, 5)
        q = student.q_learning(env, 600, 0.5, 0.9, 0.5, draw.generator())
        right = [-3.439, -2.71, -1.9, -1.0]
        left = [-1 + 0.9 * right[max(s - 1, 0)] for s in range(4)]
        expected = torch.tensor([*zip(left, right, strict=True), (0.0, 0.0)])
        # The band is 0.05; it is multiplied by the largest value, 4.1.
        expect(q, expected, name="q", rtol=0, atol=0.05 / 4.1)

    @pytest.mark.part("generator")
    def test_generator(self, student, support, draw, expect):
        """the same state gives the same table"""
        source, other = draw.generator(), draw.generator()
        first, again, different = (
            student.q_learning(self.corridor(support, 5), 30, 0.5, 0.9, 1.0, one)
            for one in (source, source, other)
        )
        facts = [list(first.shape), torch.equal(first, again), torch.equal(first, different)]
        expect(facts, [[5, 2], True, False], name="generator")


@pytest.mark.exercise("reinforce_backward", parts={"grad_logits": 3, "stability": 1})
class TestReinforceBackward:
    """The gradient of a policy"""

    def test_worked_number(self, student, draw, expect):
        """the worked number of the handout"""
        logits, actions = numbers(draw, [[0.0, math.log(3)]]), torch.tensor([0], device=draw.device)
        grad = student.reinforce_backward(logits, actions, numbers(draw, [2.0]))
        expect(grad, numbers(draw, [[-1.5, 1.5]]), name="grad_logits")

    def test_random(self, student, draw, expect, oracle):
        """five random steps with three actions"""
        args = (draw.normal(5, 3), draw.integers(5, high=3), draw.normal(5))
        expected = oracle.reinforce_backward(*args)
        expect(student.reinforce_backward(*args), expected, name="grad_logits")

    @pytest.mark.part("stability")
    def test_large_logits(self, student, draw, expect, oracle):
        """logits of several thousand"""
        args = (1000 * draw.normal(4, 3) + 1000, draw.integers(4, high=3), draw.normal(4))
        expected = oracle.reinforce_backward(*args)
        expect(student.reinforce_backward(*args), expected, name="stability")
