"""Reinforcement learning: what grades it.

The truth is the definition, policy iteration, distances on a board, or autograd, in float64; never
the reference solution.
"""

import itertools
import math

import pytest
import torch

F64 = torch.float64
# Powers of gamma, or gamma times a flag, may be of torch's default float32: that is no mistake.
ROUNDED = {"rtol": 1e-5, "atol": 1e-6}
LAYOUTS = ("transposed", "strided", "expanded", "offset")
one_hot = torch.nn.functional.one_hot


def numbers(draw, values, dtype=None):
    return torch.tensor(values, dtype=dtype or draw.dtype, device=draw.device)


# --- returns ----------------------------------------------------------------------------------


def returns_by_definition(rewards, gamma):
    waiting = torch.arange(len(rewards)) - torch.arange(len(rewards)).unsqueeze(1)
    weight = torch.where(waiting >= 0, torch.tensor(gamma, dtype=F64) ** waiting.clamp(min=0), 0.0)
    return weight @ rewards


@pytest.mark.exercise("discounted_returns", parts={"returns": 2, "small_gamma": 1})
class TestDiscountedReturns:
    """Discounted returns"""

    def check(self, student, expect, oracle, rewards, gamma, name="returns"):
        expected = oracle(returns_by_definition, rewards, gamma)
        expect(student.discounted_returns(rewards, gamma), expected, name=name, **ROUNDED)

    @pytest.mark.parametrize("T", [1, 2, 9, 30], ids="T={}".format)
    def test_lengths(self, student, draw, expect, oracle, T):
        """random rewards"""
        self.check(student, expect, oracle, draw.normal(T), 0.9)

    @pytest.mark.parametrize("gamma", [0.3, 0.99, 1.0], ids="gamma={}".format)
    def test_gamma(self, student, draw, expect, oracle, gamma):
        """eight random rewards"""
        self.check(student, expect, oracle, draw.normal(8), gamma)

    def test_only_at_the_end(self, student, draw, expect, oracle):
        """a single reward, at the end"""
        rewards = torch.zeros(6, dtype=draw.dtype, device=draw.device)
        rewards[-1] = 5.0
        self.check(student, expect, oracle, rewards, 0.5)

    @pytest.mark.parametrize("layout", ["strided", "offset"])
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """rewards that do not lie in memory one after the other"""
        self.check(student, expect, oracle, draw.layout(draw.normal(7), layout), 0.8)

    def test_repeated(self, student, draw, expect, oracle):
        """one reward, repeated by expand"""
        self.check(student, expect, oracle, draw.normal(1).expand(6), 0.8)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        self.check(student, expect, oracle, draw.normal(9, dtype=torch.float32), 0.7)

    @pytest.mark.part("small_gamma")
    def test_no_future(self, student, draw, expect, oracle):
        """gamma 0"""
        self.check(student, expect, oracle, draw.normal(5), 0.0, "small_gamma")

    @pytest.mark.part("small_gamma")
    def test_long_episode(self, student, draw, expect, oracle):
        """a long episode and a gamma of which high powers are 0"""
        self.check(student, expect, oracle, draw.normal(200), 0.01, "small_gamma")


# --- boards -----------------------------------------------------------------------------------


def board(n):
    """Return where each action leads from each field of a board, shape (n*n, 4)."""
    field = torch.arange(n * n).view(n, n)
    left = torch.cat([field[:, :1], field[:, :-1]], dim=1)
    right = torch.cat([field[:, 1:], field[:, -1:]], dim=1)
    up = torch.cat([field[:1], field[:-1]])
    down = torch.cat([field[1:], field[-1:]])
    return torch.stack([left, right, up, down], dim=2).view(n * n, 4)


@pytest.mark.exercise("gridworld", parts={"P": 2, "R": 1, "terminal": 1})
class TestGridworld:
    """A world on a board"""

    BOARDS = pytest.mark.parametrize(
        ("n", "terminals"),
        [(2, [0]), (3, [5]), (3, [1, 6]), (4, [0, 15]), (5, [8, 21, 24]), (3, [])],
        ids=str,
    )

    @BOARDS
    def test_moves(self, student, expect, n, terminals):
        """fields that are not terminal: n, terminals"""
        P, R = student.gridworld(n, terminals)
        others = [s for s in range(n * n) if s not in terminals]
        expect(list(P.shape), [n * n, 4, n * n], name="P")
        expect(P[others], one_hot(board(n), n * n).float()[others], name="P")
        expect(list(R.shape), [n * n, 4], name="R")
        expect(R[others], torch.full((len(others), 4), -1.0), name="R")

    @pytest.mark.part("terminal")
    @pytest.mark.parametrize(
        ("n", "terminals"),
        [(1, [0]), (2, [0]), (3, [5]), (3, [6, 1]), (4, [0, 15]), (2, [0, 1, 2, 3])],
        ids=str,
    )
    def test_terminals(self, student, expect, n, terminals):
        """terminal fields: n, terminals"""
        P, R = student.gridworld(n, terminals)
        stay = one_hot(torch.tensor(terminals), n * n).float()
        expect(P[terminals], stay.unsqueeze(1).repeat(1, 4, 1), name="terminal")
        expect(R[terminals], torch.zeros(len(terminals), 4), name="terminal")


# --- known worlds -----------------------------------------------------------------------------


def random_world(draw, S, A, *, has_end=False):
    """Return P and R of a random world, always float64; its last state may be terminal."""
    P, R = draw.probabilities(S, A, S, dtype=F64), draw.normal(S, A, dtype=F64)
    if has_end:
        P[-1], R[-1] = 0.0, 0.0
        P[-1, :, -1] = 1.0
    return P, R


def values(P, R, policy, gamma):
    """Return the sum of gamma^t P_policy^t R_policy over t, doubling the number of terms."""
    total, step = (policy * R).sum(1), gamma * (policy.unsqueeze(2) * P).sum(1)
    for _ in range(13):
        total, step = total + step @ total, step @ step
    return total


WORLDS = pytest.mark.parametrize(
    ("S", "A"), [(4, 3), (3, 5), (3, 3), (1, 2), (4, 1), (1, 1)], ids=str
)


@pytest.mark.exercise("policy_evaluation", parts={"v": 1})
class TestPolicyEvaluation:
    """Values of a policy"""

    def check(self, student, expect, oracle, *world):
        v = student.policy_evaluation(*world)
        expect(v, oracle(values, *world), rtol=0, atol=1e-6)  # of the largest value

    @WORLDS
    def test_sizes(self, student, draw, expect, oracle, S, A):
        """random worlds and policies: S, A"""
        policy = draw.probabilities(S, A, dtype=F64)
        self.check(student, expect, oracle, *random_world(draw, S, A), policy, 0.8)

    @pytest.mark.parametrize("gamma", [0.0, 0.5, 0.99], ids="gamma={}".format)
    def test_gamma(self, student, draw, expect, oracle, gamma):
        """a random world of three states"""
        policy = draw.probabilities(3, 2, dtype=F64)
        self.check(student, expect, oracle, *random_world(draw, 3, 2), policy, gamma)

    def test_end(self, student, draw, expect, oracle):
        """a world with a terminal state"""
        policy = draw.probabilities(4, 3, dtype=F64)
        self.check(student, expect, oracle, *random_world(draw, 4, 3, has_end=True), policy, 0.9)

    def test_certain(self, student, draw, expect, oracle):
        """a policy that is certain of its actions, in a world where nothing is random"""
        policy, P = draw.one_hot(5, 3, dtype=F64), one_hot(draw.integers(5, 3, high=5), 5).to(F64)
        self.check(student, expect, oracle, P, draw.normal(5, 3, dtype=F64), policy, 0.9)

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """tensors that do not lie in memory row by row"""
        world = (*random_world(draw, 3, 3), draw.probabilities(3, 3, dtype=F64))
        self.check(student, expect, oracle, *(draw.layout(x, layout) for x in world), 0.7)


def best_values(P, R, gamma):
    """Return the optimal action values by policy iteration (Howard, 1960)."""
    S, A = R.shape
    policy = torch.zeros(S, dtype=torch.int64)
    for _ in range(A**S + 1):
        rows = torch.arange(S)
        v = torch.linalg.solve(torch.eye(S, dtype=F64) - gamma * P[rows, policy], R[rows, policy])
        q = R + gamma * torch.einsum("sat,t->sa", P, v)
        better = q.max(1).values > q[rows, policy] + 1e-11
        if not better.any():
            break
        policy = torch.where(better, q.argmax(1), policy)
    return q


def steps_to_go(n, terminals):
    """Return minus the number of steps that each action costs on a board, at best."""
    row, column = torch.arange(n * n) // n, torch.arange(n * n) % n
    ends = torch.tensor(terminals)
    distance = (row.unsqueeze(1) - row[ends]).abs() + (column.unsqueeze(1) - column[ends]).abs()
    q = -1.0 - distance.min(1).values[board(n)].to(F64)
    q[ends] = 0.0
    return q


@pytest.mark.exercise("q_value_iteration", parts={"q": 1})
class TestQValueIteration:
    """Optimal action values"""

    def check(self, student, expect, oracle, P, R, gamma, tol=1e-7):
        q, right = student.q_value_iteration(P, R, gamma, tol), oracle(best_values, P, R, gamma)
        # The bound of the handout; `expect` multiplies it by the largest value.
        band = 1e-12 + tol / (1 - gamma) / max(1.0, float(right.abs().max()))
        expect(q, right, rtol=0, atol=band)

    @WORLDS
    def test_sizes(self, student, draw, expect, oracle, S, A):
        """random worlds: S, A"""
        self.check(student, expect, oracle, *random_world(draw, S, A), 0.8)

    @pytest.mark.parametrize("gamma", [0.0, 0.5, 0.95], ids="gamma={}".format)
    def test_gamma(self, student, draw, expect, oracle, gamma):
        """a random world of three states"""
        self.check(student, expect, oracle, *random_world(draw, 3, 2), gamma)

    @pytest.mark.parametrize("tol", [1.0, 1e-2, 1e-4, 1e-9], ids="tol={}".format)
    def test_tol(self, student, draw, expect, oracle, tol):
        """the accuracy that tol promises"""
        P, R = random_world(draw, 5, 3)
        self.check(student, expect, oracle, P, 10 * R, 0.9, tol)

    def test_end(self, student, draw, expect, oracle):
        """a world with a terminal state"""
        self.check(student, expect, oracle, *random_world(draw, 4, 3, has_end=True), 0.9)

    def test_negative(self, student, draw, expect, oracle):
        """a world without an end in which everything costs"""
        P, R = random_world(draw, 4, 3)
        self.check(student, expect, oracle, P, -R.abs() - 1, 0.9)

    def test_late_reward(self, student, draw, expect, oracle):
        """a chain that pays at its far end only"""
        next_state = torch.tensor([[0, 1], [0, 2], [0, 3], [0, 4], [0, 4]])
        R = torch.zeros(5, 2, dtype=F64)
        R[3, 1], R[:, 0] = 10.0, 0.1
        self.check(student, expect, oracle, one_hot(next_state, 5).to(F64), R, 0.9)

    @pytest.mark.parametrize(("n", "terminals"), [(4, [0, 15]), (3, [5]), (2, [1])], ids=str)
    def test_board(self, student, expect, n, terminals):
        """a board without a discount: n, terminals"""
        P, R = one_hot(board(n), n * n).to(F64), torch.full((n * n, 4), -1.0, dtype=F64)
        P[terminals], R[terminals] = 0.0, 0.0
        P[terminals, :, terminals] = 1.0
        q = student.q_value_iteration(P, R, 1.0, 1e-6)
        expect(q, steps_to_go(n, terminals))

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """tensors that do not lie in memory row by row"""
        P, R = (draw.layout(x, layout) for x in random_world(draw, 3, 3))
        self.check(student, expect, oracle, P, R, 0.7)


# --- acting -----------------------------------------------------------------------------------


def best_actions(q):
    return one_hot(q.argmax(1), q.shape[1]).to(q)


@pytest.mark.exercise("greedy_policy", parts={"policy": 2, "ties": 1})
class TestGreedyPolicy:
    """The greedy policy"""

    @pytest.mark.parametrize("shape", [(4, 3), (3, 5), (4, 4), (1, 3), (5, 1)], ids=str)
    def test_sizes(self, student, draw, expect, oracle, shape):
        """random values"""
        q = draw.normal(*shape)
        expect(student.greedy_policy(q), oracle(best_actions, q), name="policy")

    @pytest.mark.parametrize("sign", [1.0, -1.0], ids="{:+g}".format)
    def test_signs(self, student, draw, expect, oracle, sign):
        """values of one sign"""
        q = sign * (draw.normal(4, 3).abs() + 0.1)
        expect(student.greedy_policy(q), oracle(best_actions, q), name="policy")

    def test_close(self, student, draw, expect, oracle):
        """values that lie close together"""
        q = 1000 + 1e-2 * numbers(draw, [[1.0, 3.0, 2.0], [3.0, 2.0, 1.0], [2.0, 1.0, 3.0]])
        expect(student.greedy_policy(q), oracle(best_actions, q), name="policy")

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """values that do not lie in memory row by row"""
        q = draw.layout(draw.normal(4, 3), layout)
        expect(student.greedy_policy(q), oracle(best_actions, q), name="policy")

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        q = draw.normal(4, 3, dtype=torch.float32)
        expect(student.greedy_policy(q), oracle(best_actions, q), name="policy")

    @pytest.mark.part("ties")
    @pytest.mark.parametrize(
        "q",
        [
            [[2.0, 2.0], [1.0, 3.0]],
            [[0.0, 0.0, 0.0], [5.0, 1.0, 5.0]],
            [[-1.0, -1.0, -2.0], [4.0, 3.0, 2.0]],
        ],
        ids=["two", "three", "negative"],
    )
    def test_ties(self, student, draw, expect, q):
        """actions that are equally good"""
        q = numbers(draw, q)
        best = [torch.nonzero(row == row.max()).flatten().tolist() for row in q]
        right = [one_hot(torch.tensor(a), q.shape[1]).to(q) for a in itertools.product(*best)]
        expect.any_of(student.greedy_policy(q), right, name="ties")


@pytest.mark.exercise("epsilon_greedy", parts={"greedy": 1, "exploration": 2, "generator": 1})
class TestEpsilonGreedy:
    """Exploration"""

    @pytest.mark.part("greedy")
    @pytest.mark.parametrize("shape", [(6, 4), (3, 3), (1, 5), (4, 1)], ids=str)
    def test_greedy(self, student, draw, expect, oracle, shape):
        """epsilon 0"""
        q = draw.normal(*shape)
        actions = student.epsilon_greedy(q, 0.0, draw.generator())
        expect(actions, oracle(torch.argmax, q, 1), name="greedy")

    @pytest.mark.part("greedy")
    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """values that do not lie in memory row by row, epsilon 0"""
        q = draw.layout(draw.normal(4, 3), layout)
        actions = student.epsilon_greedy(q, 0.0, draw.generator())
        expect(actions, oracle(torch.argmax, q, 1), name="greedy")

    @pytest.mark.part("greedy")
    def test_float32(self, student, draw, expect, oracle):
        """float32, epsilon 0"""
        q = draw.normal(5, 3, dtype=torch.float32)
        actions = student.epsilon_greedy(q, 0.0, draw.generator())
        expect(actions, oracle(torch.argmax, q, 1), name="greedy")

    def shares(self, student, draw, A, epsilon):
        """Return how often the best, the second best, ... action is chosen, in steps of 0.05."""
        q = draw.normal(12000, A)
        actions = student.epsilon_greedy(q, epsilon, draw.generator())
        rank = (q > q.gather(1, actions.unsqueeze(1))).sum(1)
        return (20 * torch.bincount(rank, minlength=A) / 12000).round() / 20

    @pytest.mark.part("exploration")
    @pytest.mark.parametrize(
        ("A", "epsilon", "right"),
        [
            (4, 0.6, [0.55, 0.15, 0.15, 0.15]),
            (2, 0.5, [0.75, 0.25]),
            (5, 1.0, [0.2] * 5),
            (5, 0.25, [0.8, 0.05, 0.05, 0.05, 0.05]),
        ],
        ids=["A=4, epsilon=0.6", "A=2, epsilon=0.5", "A=5, epsilon=1", "A=5, epsilon=0.25"],
    )
    def test_ranks(self, student, draw, expect, A, epsilon, right):
        """how often the best, the second best, ... action is chosen"""
        # Half a step of rounding, 0.025, is 5.5 standard deviations of a share or more.
        shares = self.shares(student, draw, A, epsilon)
        expect(shares, torch.tensor(right), name="exploration")

    @pytest.mark.part("exploration")
    def test_each_action(self, student, draw, expect):
        """how often each action is chosen if all rows are equal"""
        q = numbers(draw, [[0.5, -1.0, 2.0, 0.0]]).repeat(12000, 1)
        actions = student.epsilon_greedy(q, 0.4, draw.generator())
        shares = (20 * torch.bincount(actions, minlength=4) / 12000).round() / 20
        expect(shares, torch.tensor([0.1, 0.1, 0.7, 0.1]), name="exploration")

    @pytest.mark.part("generator")
    @pytest.mark.parametrize("epsilon", [0.5, 1.0], ids="epsilon={}".format)
    def test_generator(self, student, draw, expect, epsilon):
        """the same state gives the same actions, another one others"""
        q, source, other = draw.normal(80, 6), draw.generator(), draw.generator()
        first, again, different, later = (
            student.epsilon_greedy(q, epsilon, one)
            for one in (source, source, other, draw.advanced(source))
        )
        facts = [list(first.shape), torch.equal(first, again), torch.equal(first, different)]
        expect([*facts, torch.equal(first, later)], [[80], True, False, False], name="generator")


# --- learning from steps ----------------------------------------------------------------------


def after_a_step(q, s, a, r, s_next, done, alpha, gamma):
    """The definition, as an average of old and new."""
    seen = r + (0.0 if done else gamma * max(q[s_next].tolist()))
    change = torch.zeros_like(q)
    change[s, a] = 1.0
    return q * (1 - alpha * change) + alpha * seen * change


@pytest.mark.exercise("q_learning_update", parts={"q": 2, "done": 1})
class TestQLearningUpdate:
    """One step of Q-learning"""

    def check(self, student, expect, oracle, *step):
        updated, expected = student.q_learning_update(*step), oracle(after_a_step, *step)
        expect(updated, expected, name="done" if step[5] else "q", **ROUNDED)

    @pytest.mark.parametrize("done", [False, True], ids="done={}".format)
    @pytest.mark.parametrize("shape", [(4, 3), (3, 5), (4, 4), (2, 1)], ids=str)
    def test_sizes(self, student, draw, expect, oracle, shape, done):
        """random tables"""
        q, s, a = draw.normal(*shape), shape[0] - 2, shape[1] - 1
        self.check(student, expect, oracle, q, s, a, 0.7, shape[0] - 1, done, 0.3, 0.9)

    @pytest.mark.parametrize("done", [False, True], ids="done={}".format)
    def test_stays(self, student, draw, expect, oracle, done):
        """a step that leads to where it started, with another action, or the same, at its best"""
        q = numbers(draw, [[1.0, 2.0], [0.5, 3.0]])
        self.check(student, expect, oracle, q, 1, 0, -1.0, 1, done, 0.4, 0.8)
        self.check(student, expect, oracle, q, 1, 1, -1.0, 1, done, 0.4, 0.8)

    @pytest.mark.parametrize("done", [False, True], ids="done={}".format)
    @pytest.mark.parametrize("alpha", [0.0, 0.1, 1.0], ids="alpha={}".format)
    def test_alpha(self, student, draw, expect, oracle, alpha, done):
        """a learning rate"""
        self.check(student, expect, oracle, draw.normal(3, 4), 0, 2, 1.3, 2, done, alpha, 0.9)

    @pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0], ids="gamma={}".format)
    def test_gamma(self, student, draw, expect, oracle, gamma):
        """a discount factor"""
        self.check(student, expect, oracle, draw.normal(3, 4), 1, 0, -0.4, 2, False, 0.6, gamma)

    def test_all_negative(self, student, draw, expect, oracle):
        """a table of negative values"""
        q = -draw.normal(3, 4).abs() - 0.5
        self.check(student, expect, oracle, q, 1, 3, -1.0, 0, False, 0.5, 0.9)

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """a table that does not lie in memory row by row"""
        q = draw.layout(draw.normal(4, 3), layout)
        self.check(student, expect, oracle, q, 2, 1, 0.7, 0, False, 0.3, 0.9)

    @pytest.mark.parametrize("done", [False, True], ids="done={}".format)
    def test_float32(self, student, draw, expect, oracle, done):
        """float32"""
        q = draw.normal(4, 3, dtype=torch.float32)
        self.check(student, expect, oracle, q, 0, 1, 0.7, 2, done, 0.3, 0.9)


def targets(r, q_next, done, gamma):
    """The definition, step by step."""
    found = r.clone()
    for n in range(len(r)):
        if not done[n]:
            found[n] = r[n] + gamma * max(q_next[n].tolist())
    return found


SHAPES = [(5, 3), (3, 6), (4, 4), (1, 2), (4, 1)]


@pytest.mark.exercise("dqn_target", parts={"target": 1, "done": 1, "not_finite": 1})
class TestDqnTarget:
    """Targets of deep Q-learning"""

    def check(self, student, expect, oracle, name, *steps):
        expect(student.dqn_target(*steps), oracle(targets, *steps), name=name, **ROUNDED)

    def some_done(self, draw, n):
        """Return flags of which the first says done; the last does not if there are several."""
        done = draw.integers(n, high=2).bool()
        done[-1], done[0] = False, True
        return done

    @pytest.mark.part("target")
    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_sizes(self, student, draw, expect, oracle, shape):
        """random steps, none of them the last"""
        done = torch.zeros(shape[0], dtype=torch.bool, device=draw.device)
        steps = (draw.normal(shape[0]), draw.normal(*shape), done, 0.9)
        self.check(student, expect, oracle, "target", *steps)

    @pytest.mark.part("target")
    @pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0], ids="gamma={}".format)
    def test_gamma(self, student, draw, expect, oracle, gamma):
        """negative values"""
        done = torch.zeros(4, dtype=torch.bool, device=draw.device)
        steps = (draw.normal(4), -1 - draw.normal(4, 3).abs(), done, gamma)
        self.check(student, expect, oracle, "target", *steps)

    @pytest.mark.part("target")
    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """tensors that do not lie in memory row by row"""
        done = torch.zeros(4, dtype=torch.bool, device=draw.device)
        steps = (draw.layout(draw.normal(4), layout), draw.layout(draw.normal(4, 3), layout))
        self.check(student, expect, oracle, "target", *steps, done, 0.8)

    @pytest.mark.part("target")
    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        done = torch.zeros(4, dtype=torch.bool, device=draw.device)
        steps = (draw.normal(4, dtype=torch.float32), draw.normal(4, 3, dtype=torch.float32))
        self.check(student, expect, oracle, "target", *steps, done, 0.8)

    @pytest.mark.part("done")
    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_some_done(self, student, draw, expect, oracle, shape):
        """random steps, some of them the last"""
        done = self.some_done(draw, shape[0])
        steps = (draw.normal(shape[0]), draw.normal(*shape), done, 0.9)
        self.check(student, expect, oracle, "done", *steps)

    @pytest.mark.part("done")
    def test_all_done(self, student, draw, expect, oracle):
        """all of them the last"""
        done = torch.ones(4, dtype=torch.bool, device=draw.device)
        steps = (draw.normal(4), draw.normal(4, 3), done, 0.9)
        self.check(student, expect, oracle, "done", *steps)

    @pytest.mark.part("not_finite")
    @pytest.mark.parametrize("nothing", [math.nan, math.inf, -math.inf], ids=str)
    def test_not_finite(self, student, draw, expect, oracle, nothing):
        """values that are no numbers, where the episode ended"""
        done, q_next = self.some_done(draw, 6), draw.normal(6, 3)
        q_next[done] = nothing
        self.check(student, expect, oracle, "not_finite", draw.normal(6), q_next, done, 0.9)

    @pytest.mark.part("not_finite")
    def test_one_entry(self, student, draw, expect, oracle):
        """a single value that is no number, and gamma 0"""
        done, q_next = self.some_done(draw, 4), draw.normal(4, 3)
        q_next[0, 1] = math.nan
        self.check(student, expect, oracle, "not_finite", draw.normal(4), q_next, done, 0.5)
        q_next[0, 1] = math.inf
        self.check(student, expect, oracle, "not_finite", draw.normal(4), q_next, done, 0.0)


# --- a life -----------------------------------------------------------------------------------


def best_in(next_state, reward, final, gamma):
    """Return the optimal action values of a world in which every step is certain."""
    q = torch.zeros_like(reward)
    for _ in range(400):
        future = torch.where(final, 0.0, q.max(1).values[next_state])
        q = reward + gamma * future
    return q


def corridor(draw, n):
    """Two actions, left and right; the far end ends the episode; return the start as well."""
    s = torch.arange(n)
    next_state = torch.stack([(s - 1).clamp(min=0), (s + 1).clamp(max=n - 1)], dim=1)
    reward = -draw.uniform(n, 2, low=0.5, high=1.5, dtype=F64)
    return next_state, reward, next_state == n - 1, 0


def carousel(draw, n):
    """Three actions, each a permutation: who acts at random is everywhere equally often.

    The first action of state 2 ends the episode; the next one starts where it would have led.
    """
    onwards = (torch.arange(n) + 1) % n
    next_state = torch.stack([draw.permutation(n), draw.permutation(n), onwards], dim=1)
    final = torch.zeros(n, 3, dtype=torch.bool)
    final[2, 0] = True
    reward = -draw.uniform(n, 3, low=0.5, high=1.5, dtype=F64)
    return next_state, reward, final, int(next_state[2, 0])


@pytest.mark.exercise("q_learning", parts={"q": 2, "generator": 1})
class TestQLearning:
    """An agent in an unknown world"""

    @pytest.mark.part("q")
    @pytest.mark.parametrize("kind", [corridor, carousel], ids=["corridor", "carousel"])
    def test_converges(self, student, support, draw, expect, oracle, kind):
        """the table after a long walk"""
        n, steps, gamma, epsilon = (4, 600, 0.9, 0.5) if kind is corridor else (4, 900, 0.8, 1.0)
        *facts, start = kind(draw, n)
        env = support.make("world", *facts, start)
        q = student.q_learning(env, steps, 0.5, gamma, epsilon, draw.generator())
        right = oracle(best_in, *facts, gamma)
        visited = torch.ones(n, dtype=torch.bool)
        visited[-1] = kind is carousel  # nobody acts at the end of a corridor
        right = torch.where(visited.unsqueeze(1), right, 0.0).float()
        # The band is 0.05; `expect` multiplies it by the largest value.
        band = 0.05 / max(1.0, float(right.abs().max()))
        expect(q, right, name="q", rtol=0, atol=band)

    @pytest.mark.part("generator")
    def test_generator(self, student, support, draw, expect):
        """the same state gives the same table, another one another"""
        facts, source, other = corridor(draw, 6), draw.generator(), draw.generator()
        first, again, different, later = (
            student.q_learning(support.make("world", *facts), 60, 0.5, 0.9, 0.9, one)
            for one in (source, source, other, draw.advanced(source))
        )
        seen = [list(first.shape), bool(first.any()), bool(first[-1].any())]
        expect(seen, [[6, 2], True, False], name="generator")
        same = [torch.equal(first, table) for table in (again, different, later)]
        expect(same, [True, False, False], name="generator")


# --- policy gradient --------------------------------------------------------------------------


def reinforce_gradient(logits, actions, returns):
    """Differentiate the loss."""
    leaf = logits.clone().requires_grad_()
    surprise = torch.nn.functional.cross_entropy(leaf, actions, reduction="none")
    return torch.autograd.grad((returns * surprise).mean(), leaf)[0]


@pytest.mark.exercise("reinforce_backward", parts={"grad_logits": 3, "stability": 1})
class TestReinforceBackward:
    """The gradient of a policy"""

    def check(self, student, expect, oracle, *args, name="grad_logits"):
        expected = oracle(reinforce_gradient, *args)
        expect(student.reinforce_backward(*args), expected, name=name)

    @pytest.mark.parametrize("shape", [(5, 3), (3, 6), (4, 4), (1, 3), (4, 1)], ids=str)
    def test_sizes(self, student, draw, expect, oracle, shape):
        """random logits and returns"""
        actions = draw.integers(shape[0], high=shape[1])
        self.check(student, expect, oracle, draw.normal(*shape), actions, draw.normal(shape[0]))

    @pytest.mark.parametrize("sign", [1.0, -1.0], ids="{:+g}".format)
    def test_returns(self, student, draw, expect, oracle, sign):
        """returns of one sign, and one that is 0"""
        returns = sign * (draw.normal(5).abs() + 0.5)
        returns[2] = 0.0
        self.check(student, expect, oracle, draw.normal(5, 3), draw.integers(5, high=3), returns)

    def test_one_action(self, student, draw, expect, oracle):
        """the same action every time, equal returns"""
        actions = torch.full((4,), 2, device=draw.device)
        returns = torch.full((4,), 1.5, dtype=draw.dtype, device=draw.device)
        self.check(student, expect, oracle, draw.normal(4, 3), actions, returns)

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_memory_layout(self, student, draw, expect, oracle, layout):
        """tensors that do not lie in memory row by row"""
        logits, returns = (draw.layout(draw.normal(*s), layout) for s in ((4, 3), (4,)))
        self.check(student, expect, oracle, logits, draw.integers(4, high=3), returns)

    def test_float32(self, student, draw, expect, oracle):
        """float32"""
        logits, returns = (draw.normal(*s, dtype=torch.float32) for s in ((4, 3), (4,)))
        self.check(student, expect, oracle, logits, draw.integers(4, high=3), returns)

    @pytest.mark.part("stability")
    @pytest.mark.parametrize("offset", [1e3, -1e3, 1e4], ids=str)
    def test_large_logits(self, student, draw, expect, oracle, offset):
        """large logits, close together"""
        # What is at stake is whether the result survives: sums with the offset lose digits.
        args = (draw.normal(4, 3).round() + offset, draw.integers(4, high=3), draw.normal(4))
        self.check(student, expect, oracle, *args, name="stability")

    @pytest.mark.part("stability")
    def test_spread_logits(self, student, draw, expect, oracle):
        """large logits, far apart"""
        args = (draw.normal(4, 3, std=1e3).round(), draw.integers(4, high=3), draw.normal(4))
        self.check(student, expect, oracle, *args, name="stability")
