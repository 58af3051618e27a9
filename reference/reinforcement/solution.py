# %% [markdown]
# # Reinforcement learning
#
# Nobody shows an agent what is right; it acts, and is paid, perhaps much later. In this notebook
# you write the quantities that it lives by, the equation that ties them together, and three ways
# to act well: computing with a known world, learning from one's own steps, and following the
# gradient of a policy.
#
# **Words.** A world (Markov decision process) has `S` states and `A` actions, numbered from 0.
# `P[s, a, s2]` is the probability that action `a` in state `s` leads to state `s2`, a tensor of
# shape `(S, A, S)`; `R[s, a]` is the expected reward, shape `(S, A)`. A policy $\pi$ has the shape
# `(S, A)`: `policy[s, a]` is the probability of choosing `a` in `s`, so each row sums to 1. $v$
# is a value per state, `q` a table of shape `(S, A)`; $\gamma$ is the discount factor. The state
# always comes before the action (the class notes, 8.2.1, define $\mathcal R$ on $\mathcal S \times
# \mathcal A$, but write $\mathcal R(a, s)$ once).
#
# **Time.** In state $S_t$ one chooses $A_t$, is paid $R_{t+1}$ and arrives in $S_{t+1}$. So
# `rewards[t]` is $R_{t+1}$, the pay for the action $A_t$.
#
# **The end.** After a *terminal* state nothing follows: its value is 0. A world as a table has no
# end, so a terminal state there leads to itself for ever, with reward 0. A single step that ended
# the episode is marked `done`.
#
# **By hand.** Matrix products, `torch.linalg.solve`, `torch.softmax`, maxima and loops are what
# you build with, in every exercise. `reinforce_backward` does not allow *autograd*: everything
# that differentiates for you (`backward`, `torch.autograd`, `torch.func`). You may call the
# functions that you have already written; a mistake in them then costs twice.
#
# **What is always tested.** Results have the shapes stated, and the dtype and device of the
# floating inputs (float64 first, float32 too), however the inputs lie in memory. Exercises 3 and 4,
# which one may solve by going on until nothing changes any more, are tested in float64 only, with
# the accuracy that they state. Several points of an exercise are *parts* of their own.
#
# **Sources.** Marc Lelarge, Jill-Jênn Vie and Kevin Scaman, *Deep Learning*, class notes by
# Antoine Groudiev (the *class notes* below), chapter 8; where they have a slip, the exercise says
# so. They end where learning from samples begins; papers are named where they are needed.
#
# A slip that concerns no exercise but your vocabulary: the class notes, 8.2.5, call an approximator
# of $q$ "Q-learning". What they describe is the iteration of $q$-*values* in a world that is known.
# Q-learning (Watkins, 1989) learns the same table from sampled steps; with a network in place of
# the table it becomes *deep* Q-learning.

# %%
"""Reinforcement learning, from returns to policy gradients."""

import math
from typing import Protocol

import torch

# %% [markdown]
# ## 1. `discounted_returns`
#
# **Goal.** What is still to come, at each time of an episode: the sum of all later rewards, each
# worth less the longer one must wait for it.
#
# $$G_t = R_{t+1} + \gamma R_{t+2} + \dots + \gamma^{T-t-1} R_T
# = \sum_{k=t+1}^{T} \gamma^{k-t-1} R_k \qquad \text{rewards } (T,) \to G\ (T,)$$
#
# for $t = 0, \dots, T - 1$. With $\gamma = 0$ only the next reward counts, with $\gamma = 1$ all
# count alike.
#
# **Source.** Class notes, 8.2.1, "Discounted return". The last formula there prints the exponent
# $k - t - a$; there is no $a$, read $k - t - 1$: the first reward is not discounted. The notes also
# write $R_t$ for what elsewhere in the section is $R_{t+1}$.
#
# **Worked number.** rewards $(1, 0, 4)$ and $\gamma = 1/2$: $G_2 = 4$, $G_1 = 0 + 2 = 2$, $G_0 = 1
# + 0 + 1 = 2$, so $G = (2, 2, 4)$.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `returns`; `small_gamma` ($\gamma = 0$, and long episodes with a small $\gamma$, of
# which the high powers are 0 in floating point). **Hidden tests vary** $T$ (also 1), $\gamma$ from
# 0 to 1, rewards of either sign, dtype and memory layout.


# %%
def discounted_returns(rewards: torch.Tensor, gamma: float) -> torch.Tensor:
    """Return the discounted return at each time of an episode.

    Args:
        rewards: Rewards in the order in which they are paid, shape (T,), floating dtype, T >= 1.
        gamma: Discount factor, in [0, 1].

    Returns:
        The returns G_0, ..., G_{T-1}, shape (T,), same dtype.
    """
    # BEGIN SOLUTION
    returns = rewards.clone()
    for t in reversed(range(len(rewards) - 1)):
        returns[t] += gamma * returns[t + 1]
    return returns
    # END SOLUTION


# %% [markdown]
# ## 2. `gridworld`
#
# **Goal.** Build a world. On a square board of `n` rows and `n` columns one moves a step left,
# right, up or down until one stands on a terminal field, and wants to be there soon: each move
# costs 1.
#
# The field in row $i$, column $j$ (from the top left, from 0) is state $s = n i + j$, so $S = n^2$.
# The actions are, in this order, **0: left, 1: right, 2: up, 3: down**, so $A = 4$. There is a
# wall around the board: who walks against it stays, and pays. A terminal state leads to itself,
# whatever one does, with reward 0; everywhere else the reward is $-1$, also for the move that
# arrives.
#
# **Source.** Class notes, 8.2.2, "Example: Gridworld", with $n = 5$ and fields that count from 1.
# It sets $\mathcal R = s \mapsto -1$ for all states; a terminal state that goes on paying $-1$
# would not be worth reaching.
#
# **Worked number.** $n = 2$ with state 3 (bottom right) terminal. From state 0, left and up stay
# in 0, right leads to 1, down to 2. From state 1, down leads to 3, with reward $-1$. In state 3 all
# actions stay, with reward 0.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `P` and `R` (all rows that do not belong to a terminal state); `terminal` (those that
# do). **Hidden tests vary** $n$ (also 1), and how many states are terminal (also none, also all).


# %%
def gridworld(n: int, terminals: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the world of an n x n board.

    Args:
        n: Number of rows and of columns, at least 1.
        terminals: The terminal states, different numbers in 0..n*n-1.

    Returns:
        (P, R): P of shape (n*n, 4, n*n), R of shape (n*n, 4), both float32, torch's default.
    """
    # BEGIN SOLUTION
    P, R = torch.zeros(n * n, 4, n * n), torch.full((n * n, 4), -1.0)
    for s in range(n * n):
        i, j = divmod(s, n)
        moves = (
            (i, max(j - 1, 0)),
            (i, min(j + 1, n - 1)),
            (max(i - 1, 0), j),
            (min(i + 1, n - 1), j),
        )
        for a, (row, column) in enumerate(moves):
            P[s, a, s if s in terminals else n * row + column] = 1
    R[terminals] = 0
    return P, R
    # END SOLUTION


# %% [markdown]
# ## 3. `policy_evaluation`
#
# **Goal.** How good is it to be somewhere, if one always acts by the policy $\pi$? The value
# $v_\pi(s)$ is the expected return from state $s$. It is what is paid now, and the discounted
# value of where one will be:
#
# $$v_\pi(s) = \sum_a \pi(a \mid s) \Big( R[s, a] + \gamma \sum_{s'} P[s, a, s']\, v_\pi(s') \Big)
# \qquad P\ (S, A, S),\ R, \pi\ (S, A) \to v\ (S,)$$
#
# These are $S$ linear equations with $S$ unknowns. Write them as $v = R_\pi + \gamma P_\pi v$ and
# solve them, or start anywhere and put $v$ into the right side again and again until it has
# settled: both are right.
#
# **Source.** Class notes, 8.2.3, "Value function". 8.2.1 writes a stochastic policy as $\pi(a) =
# \mathbb P(A_t = a \mid S_t = s)$; it depends on the state, read $\pi(a \mid s)$. The equation is
# Bellman's for a fixed policy: Sutton and Barto, *Reinforcement Learning* (2018), equation 4.4.
#
# **Worked number.** Two states, the second terminal; $\gamma = 1/2$. In the first, action 0 stays
# and pays 1, action 1 goes to the end and pays 3; the policy tosses a coin. $v_0 = \frac12 (1 +
# \frac12 v_0) + \frac12 \cdot 3$ gives $v = (8/3, 0)$.
#
# **Not allowed.** Nothing is.
#
# **Hidden tests vary** $S$ and $A$ (also equal, also 1), certain and random policies, worlds with
# and without an end, $\gamma$ from 0 to 0.99, memory layout. Your $v$ may be wrong by $10^{-6}$ of
# the largest value.


# %%
def policy_evaluation(
    P: torch.Tensor, R: torch.Tensor, policy: torch.Tensor, gamma: float
) -> torch.Tensor:
    """Return the value of each state under a policy.

    Args:
        P: Transition probabilities, shape (S, A, S), float64; P[s, a] sums to 1.
        R: Expected rewards, shape (S, A), float64.
        policy: Probability of each action in each state, shape (S, A), float64; rows sum to 1.
        gamma: Discount factor, in [0, 1).

    Returns:
        The values, shape (S,), float64.
    """
    # BEGIN SOLUTION
    P_policy = torch.einsum("sa,sat->st", policy, P)
    R_policy = (policy * R).sum(1)
    return torch.linalg.solve(
        torch.eye(len(P), dtype=P.dtype, device=P.device) - gamma * P_policy, R_policy
    )
    # END SOLUTION


# %% [markdown]
# ## 4. `q_value_iteration`
#
# **Goal.** The best that one can do, $q^*(s, a)$: take action $a$ in state $s$, then act as well as
# possible. Whoever acts well takes, wherever he arrives, the action of the largest $q^*$:
#
# $$q^*(s, a) = R[s, a] + \gamma \sum_{s'} P[s, a, s'] \max_{a'} q^*(s', a') \qquad (S, A)$$
#
# The maximum makes this an equation that cannot be solved at once. Start with $q_0 = 0$, put $q_i$
# into the right side to get $q_{i+1}$, and stop as soon as no entry changes by more than `tol`.
#
# Each round shrinks the distance to $q^*$ by the factor $\gamma$ at least: the right side is a
# *contraction*. So what you return, $q_{i+1}$ or even $q_i$, is no further from $q^*$ than
# $\texttt{tol} / (1 - \gamma)$, and that is what the tests ask for. A more exact result is right as
# well.
#
# **Source.** Class notes, 8.2.4, equation 8.2.2, and 8.2.5. The sentence before the equation speaks
# of the action that maximises $r + \gamma \cdot q^*(s, a)$; as in the equation, read $r + \gamma
# \max_{a'} q^*(s', a')$.
#
# **Worked number.** The world of exercise 3, $\gamma = 1/2$: from the first state, leaving earns 3.
# Staying once earns 1 and then, at best, half of 3. So $q^* = \begin{pmatrix} 2.5 & 3 \\ 0 & 0
# \end{pmatrix}$.
#
# **Not allowed.** Nothing is.
#
# **Hidden tests vary** $S$ and $A$ (also equal, also 1), certain and random steps, worlds with and
# without an end, $\gamma$ from 0 to 0.95, `tol`, memory layout; and $\gamma = 1$ on a board, where
# $-q^*$ counts the steps to the nearest terminal field and the iteration ends by itself.


# %%
def q_value_iteration(P: torch.Tensor, R: torch.Tensor, gamma: float, tol: float) -> torch.Tensor:
    """Return the optimal action-value function of a known world.

    Args:
        P: Transition probabilities, shape (S, A, S), float64; P[s, a] sums to 1.
        R: Expected rewards, shape (S, A), float64.
        gamma: Discount factor, in [0, 1]; with 1, a terminal state can be reached from everywhere.
        tol: The largest change of an entry that ends the iteration, positive.

    Returns:
        q, shape (S, A), float64.
    """
    # BEGIN SOLUTION
    q, change = torch.zeros_like(R), math.inf
    while change > tol:
        updated = R + gamma * P @ q.amax(1)
        change = (updated - q).abs().max()
        q = updated
    return q
    # END SOLUTION


# %% [markdown]
# ## 5. `greedy_policy`
#
# **Goal.** From values to deeds: in each state choose an action of the largest $q$, with
# certainty.
#
# $$\pi(a \mid s) = 1 \text{ for one } a \in \arg\max_{a'} q(s, a'), \quad 0 \text{ for all others}
# \qquad q\ (S, A) \to \pi\ (S, A)$$
#
# so that `policy_evaluation` can take it. If several actions are equally good, choose one of
# them, whichever you like: each row of the policy still sums to 1.
#
# **Source.** Class notes, 8.2.4, "the optimal policy takes in each state the action maximizing
# $q^*(s, a)$".
#
# **Worked number.** $q = \begin{pmatrix} 2.5 & 3 \\ 1 & -1 \end{pmatrix}$ gives $\pi =
# \begin{pmatrix} 0 & 1 \\ 1 & 0 \end{pmatrix}$.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `policy`; `ties`. **Hidden tests vary** $S$ and $A$ (also equal, also 1), values of
# either sign, ties of some or all actions, dtype and memory layout.


# %%
def greedy_policy(q: torch.Tensor) -> torch.Tensor:
    """Return a policy that chooses an action of the largest value in each state.

    Args:
        q: Action values, shape (S, A), floating dtype.

    Returns:
        The policy, shape (S, A), same dtype: one 1 in each row, else 0.
    """
    # BEGIN SOLUTION
    return torch.zeros_like(q).scatter(1, q.argmax(1, keepdim=True), 1.0)
    # END SOLUTION


# %% [markdown]
# ## 6. `epsilon_greedy`
#
# **Goal.** Who always does what seems best never finds out what is better. With probability
# $\varepsilon$, *explore*: choose any of the $A$ actions, each equally likely (also the one that
# seems best). Otherwise be greedy.
#
# $$\mathbb P(a) = \frac{\varepsilon}{A} + (1 - \varepsilon)\, \mathbb 1\{a = \arg\max_{a'} q(a')\}
# \qquad q\ (N, A) \to \text{actions } (N,)$$
#
# The rows of `q` belong to $N$ agents that decide independently of each other: each explores or
# not by itself. All random numbers come from `generator`, which is a CPU generator; whichever way
# you use it is right, if the probabilities are.
#
# **Source.** Sutton and Barto, *Reinforcement Learning* (2018), section 2.2; Watkins, *Learning
# from Delayed Rewards* (1989), for why Q-learning needs it: every action must be tried again and
# again in every state.
#
# **Worked number.** $q = (1, 3, 2, 0)$ and $\varepsilon = 0.6$: the probabilities are $(0.15, 0.55,
# 0.15, 0.15)$.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `greedy` ($\varepsilon = 0$); `exploration` (how often each action is chosen, rounded
# to the nearest multiple of 0.05); `generator` (the same state gives the same actions, another one
# others). **Hidden tests vary** $N$ (also 1), $A$, $\varepsilon$ from 0 to 1, the generator's
# state, dtype and memory layout.


# %%
def epsilon_greedy(q: torch.Tensor, epsilon: float, generator: torch.Generator) -> torch.Tensor:
    """Return one action for each row of values: random with probability epsilon, else greedy.

    Args:
        q: Action values, shape (N, A), floating dtype, without ties.
        epsilon: Probability of exploring, in [0, 1].
        generator: Where all random numbers come from.

    Returns:
        The actions, int64, shape (N,), entries in 0..A-1.
    """
    # BEGIN SOLUTION
    n, A = q.shape
    explore = torch.rand(n, generator=generator).to(q.device) < epsilon
    anything = torch.randint(A, (n,), generator=generator).to(q.device)
    return torch.where(explore, anything, q.argmax(1))
    # END SOLUTION


# %% [markdown]
# ## 7. `q_learning_update`
#
# **Goal.** Learn from a single step, without knowing the world. One was in state `s`, took action
# `a`, was paid `r` and arrived in `s_next`. What one thought of $(s, a)$ moves a little towards
# what one has just seen:
#
# $$q(s, a) \leftarrow q(s, a) + \alpha \big(y - q(s, a)\big), \qquad
# y = \begin{cases} r & \text{if the step ended the episode (done)} \\
# r + \gamma \max_{a'} q(s', a') & \text{otherwise} \end{cases}$$
#
# Nothing else changes. After `done`, `s_next` may be any state, for instance the one where the next
# episode starts: it says nothing about this step. Return a new table.
#
# **Source.** Watkins and Dayan, *Q-learning* (1992), equation 1. It is equation 8.2.2 of the class
# notes with one sample in place of the expectation.
#
# **Worked number.** $q = \begin{pmatrix} 1 & 2 \\ 4 & 6 \end{pmatrix}$, $s = 0$, $a = 1$, $r = 1$,
# $s' = 1$, $\alpha = 1/2$, $\gamma = 1/2$: the target is $1 + 3 = 4$, so $q(0, 1)$ becomes 3. Had
# the step been the last one, the target would be 1 and $q(0, 1)$ would become 1.5.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `q` (not done); `done`. **Hidden tests vary** $S$ and $A$ (also equal, also 1), steps
# that stay where they are, $\alpha$ and $\gamma$ (also 0, also 1), dtype and memory layout.


# %%
def q_learning_update(
    q: torch.Tensor,
    s: int,
    a: int,
    r: float,
    s_next: int,
    done: int,
    alpha: float,
    gamma: float,
) -> torch.Tensor:
    """Return the table of action values after one step of Q-learning.

    Args:
        q: Action values, shape (S, A), floating dtype.
        s: State, in 0..S-1.
        a: Action that was taken there, in 0..A-1.
        r: Reward that it earned.
        s_next: State where it led, in 0..S-1; without meaning if `done`.
        done: Whether the episode ended with this step, True or False.
        alpha: Learning rate, in [0, 1].
        gamma: Discount factor, in [0, 1].

    Returns:
        The new table, shape (S, A), same dtype.
    """
    # BEGIN SOLUTION
    target = r if done else r + gamma * q[s_next].max()
    q = q.clone()
    q[s, a] += alpha * (target - q[s, a])
    return q
    # END SOLUTION


# %% [markdown]
# ## 8. (*) `dqn_target`
#
# **Goal.** With a network in place of the table, one learns from a batch of `N` steps. What should
# the network have said about each?
#
# $$y_n = \begin{cases} r_n & \text{if done}_n \\
# r_n + \gamma \max_{a'} q_{\text{next}}[n, a'] & \text{otherwise} \end{cases}
# \qquad r, \text{done } (N,),\ q_{\text{next}}\ (N, A) \to y\ (N,)$$
#
# `q_next` is what the network says about the states that followed. Where the episode ended there
# was none, and whatever stands there counts for nothing: it may be a huge number, infinity or NaN.
# What is NaN times 0?
#
# (When you train a network: the target is a constant, through which no gradient goes. Compute it
# under `torch.no_grad()`, better still from an older copy of the network.)
#
# **Source.** Mnih et al., *Human-level control through deep reinforcement learning* (2015),
# algorithm 1. The class notes, 8.2.5, end with the need for such an approximator.
#
# **Worked number.** $r = (1, 2)$, $q_{\text{next}} = \begin{pmatrix} 4 & 6 \\ 8 & \text{NaN}
# \end{pmatrix}$, done $= (\text{no}, \text{yes})$, $\gamma = 1/2$: $y = (4, 2)$.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `target` (nothing is done); `done`; `not_finite` (NaN or infinity where done).
# **Hidden tests vary** $N$ and $A$ (also equal, also 1), $\gamma$ (also 0 and 1), all or some done,
# values of either sign, dtype and memory layout.


# %%
def dqn_target(
    r: torch.Tensor, q_next: torch.Tensor, done: torch.Tensor, gamma: float
) -> torch.Tensor:
    """Return the targets of deep Q-learning.

    Args:
        r: Rewards, shape (N,), floating dtype.
        q_next: Action values of the states that followed, shape (N, A), same dtype; finite
            wherever the episode goes on.
        done: Whether the episode ended with the step, bool, shape (N,).
        gamma: Discount factor, in [0, 1].

    Returns:
        The targets, shape (N,), same dtype.
    """
    # BEGIN SOLUTION
    return torch.where(done, r, r + gamma * q_next.amax(1))
    # END SOLUTION


# %% [markdown]
# ## 9. (*) `q_learning`
#
# **Goal.** Put exercises 6 and 7 together and let an agent loose in a world of which it knows
# nothing but the number of states and actions.
#
# `env` has the attributes `n_states` and `n_actions`. `env.reset()` begins an episode and returns
# its first state. `env.step(a)` takes an action and returns `(s_next, r, done)`. When an episode is
# over, `s_next` is already the first state of the next one (and `env.reset()` returns it again).
#
# Start with a table of zeros. For `steps` steps: choose an action, epsilon-greedily (ties as you
# like); take it; learn from it. If the episode is over, begin the next one.
#
# **Source.** Watkins and Dayan, *Q-learning* (1992): if every action is tried again and again in
# every state, the table converges to $q^*$, however odd the policy that tries them. The policy
# shows in how fast, not in where it ends: Q-learning is *off-policy*.
#
# **Worked number.** A corridor of 5 states. Action 0 goes left (in state 0 it stays), action 1
# right, each step costs 1, state 4 ends the episode, $\gamma = 0.9$: $q^*(3, \text{right}) = -1$,
# $q^*(3, \text{left}) = -1 + 0.9\, q^*(2, \text{right}) = -1 - 0.9 \cdot 1.9 = -2.71$. With
# $\varepsilon = 0.5$, $\alpha = 0.5$ and 600 steps you should see that.
#
# **Not allowed.** Nothing is.
#
# **Parts.** `q` (0.05 is close enough); `generator` (the same state gives the same table, another
# one another table). **Hidden tests vary** the world, in which each action always leads to the same
# state, its size, its rewards, $\gamma$, and the generator's state.


# %%
class Environment(Protocol):
    """What an agent may do with the world."""

    n_states: int
    n_actions: int

    def reset(self) -> int:
        """Begin an episode and return its first state."""

    def step(self, action: int) -> tuple[int, float, bool]:
        """Take an action and return (s_next, r, done)."""


def q_learning(
    env: Environment,
    steps: int,
    alpha: float,
    gamma: float,
    epsilon: float,
    generator: torch.Generator,
) -> torch.Tensor:
    """Learn action values by walking through a world.

    Args:
        env: The world.
        steps: How many steps to take, over all episodes.
        alpha: Learning rate, in (0, 1].
        gamma: Discount factor, in [0, 1).
        epsilon: Probability of exploring, in [0, 1].
        generator: Where all random numbers come from.

    Returns:
        The table of action values, shape (n_states, n_actions), float32, torch's default; entries
        of states that were never visited are 0.
    """
    # BEGIN SOLUTION
    q, s = torch.zeros(env.n_states, env.n_actions), env.reset()
    for _ in range(steps):
        a = int(epsilon_greedy(q[s].unsqueeze(0), epsilon, generator))
        s_next, r, done = env.step(a)
        q = q_learning_update(q, s, a, r, s_next, done, alpha, gamma)
        s = env.reset() if done else s_next
    return q
    # END SOLUTION


# %% [markdown]
# ## 10. (*) `reinforce_backward`
#
# **Goal.** Leave the values aside and improve the policy itself. A network gives each action a
# score, softmax of the scores is the policy. What led to a high return should become more likely:
#
# $$L = -\frac{1}{N} \sum_{n=1}^{N} G_n \ln \text{softmax}(\text{logits}_n)_{a_n}
# \qquad \text{logits } (N, A),\ a, G\ (N,)$$
#
# It looks like the cross-entropy of a classifier whose labels are its own deeds, each weighted by
# what it earned; a weight may be negative, then the deed becomes less likely. The returns are
# numbers, not functions of the logits. Return $\partial L / \partial \text{logits}$, of the shape
# of `logits`; derive it by hand.
#
# **Source.** Williams, *Simple statistical gradient-following algorithms for connectionist
# reinforcement learning* (1992), theorem 1. If the actions are drawn from the policy, minus this
# gradient is on average the gradient of the expected return.
#
# **Worked number.** $\text{logits} = (0, \ln 3)$, so the policy is $(1/4, 3/4)$. The action was 0,
# its return 2: the gradient is $2 \cdot (1/4 - 1, 3/4) = (-1.5, 1.5)$. Descending along it makes
# action 0 more likely.
#
# **Not allowed.** autograd.
#
# **Parts.** `grad_logits`; `stability` (large logits). **Hidden tests vary** $N$ and $A$ (also
# equal, also 1), repeated actions, returns of either sign and 0, logits up to 10 000, dtype and
# memory layout.


# %%
def reinforce_backward(
    logits: torch.Tensor, actions: torch.Tensor, returns: torch.Tensor
) -> torch.Tensor:
    """Return the gradient of the loss of REINFORCE with respect to the logits.

    Args:
        logits: Scores of the actions, shape (N, A), floating dtype, finite.
        actions: What was done, int64, shape (N,), entries in 0..A-1.
        returns: What it earned, shape (N,), dtype of `logits`.

    Returns:
        grad_logits, shape (N, A), same dtype.
    """
    # BEGIN SOLUTION
    chosen = torch.nn.functional.one_hot(actions, logits.shape[1])
    return returns.unsqueeze(1) * (torch.softmax(logits, 1) - chosen) / len(logits)
    # END SOLUTION


# %% [markdown]
# ## A reward: the way home
#
# Two houses `H` on a board with a swamp `~`, where each step costs 3 more: your value iteration
# computes the best policy, drawn as arrows. Then your Q-learning lives on a small board without
# having seen a map, and prints how far from home it believes each field to be.

# %%
if __name__ == "__main__":
    n, houses = 14, [14 * 4 + 3, 14 * 9 + 12]
    P, R = gridworld(n, houses)
    swamp = [n * i + j for i in range(3, 12) for j in range(5, 9) if i + j != 13]
    R[swamp] -= 3
    policy = greedy_policy(q_value_iteration(P.double(), R.double(), 0.99, 1e-6))
    board = ["~" if s in swamp else "<>^v"[a] for s, a in enumerate(policy.argmax(1).tolist())]
    for house in houses:
        board[house] = "H"
    print("\n".join(" ".join(board[n * i : n * i + n]) for i in range(n)), end="\n\n")

    class Board:
        """A board of 5 x 5 fields with one terminal field; episodes start anywhere."""

        n_states, n_actions = 25, 4
        P, R = gridworld(5, [7])
        luck = torch.Generator().manual_seed(0)

        def reset(self) -> int:
            """Begin an episode on any field but the last one."""
            self.s = (8 + int(torch.randint(24, (), generator=self.luck))) % 25
            return self.s

        def step(self, action: int) -> tuple[int, float, bool]:
            """Take an action."""
            r = float(self.R[self.s, action])
            self.s = int(self.P[self.s, action].argmax())
            done = self.s == 7
            return self.reset() if done else self.s, r, done

    learnt = q_learning(Board(), 8000, 0.5, 0.999, 0.3, torch.Generator().manual_seed(1))
    print(
        "\n".join(
            "".join(f"{abs(v):5.1f}" for v in row) for row in learnt.amax(1).view(5, 5).tolist()
        )
    )
