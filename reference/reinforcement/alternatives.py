"""Other right versions of the exercises on reinforcement learning: every suite accepts them."""

import random

import numpy as np
import torch

from autograder.checks.bank import alternative

# --- discounted_returns -----------------------------------------------------------------------


@alternative("discounted_returns")
def by_definition(rewards, gamma):
    returns = []
    for t in range(len(rewards)):
        total = torch.zeros_like(rewards[0])
        for k in range(t, len(rewards)):
            total = total + gamma ** (k - t) * rewards[k]
        returns.append(total)
    return torch.stack(returns)


@alternative("discounted_returns")
def with_a_matrix(rewards, gamma):
    T = len(rewards)
    weights = torch.tensor([gamma**k for k in range(T)], dtype=rewards.dtype, device=rewards.device)
    rows = [torch.cat([rewards.new_zeros(t), weights[: T - t]]) for t in range(T)]
    return torch.stack(rows) @ rewards


@alternative("discounted_returns")
def with_a_list(rewards, gamma):
    after, found = 0.0, []
    for reward in reversed(rewards.tolist()):
        after = reward + gamma * after
        found.insert(0, after)
    return torch.tensor(found, dtype=rewards.dtype, device=rewards.device)


@alternative("discounted_returns")
def with_powers_in_float32(rewards, gamma):
    powers = gamma ** torch.arange(len(rewards), device=rewards.device)  # of torch's default dtype
    sums = [(powers[: len(rewards) - t] * rewards[t:]).sum() for t in range(len(rewards))]
    return torch.stack(sums)


@alternative("discounted_returns")
def by_doubling(rewards, gamma):
    returns, reach = rewards.clone(), 1
    while reach < len(rewards):
        later = torch.cat([returns[reach:], returns.new_zeros(reach)])
        returns = returns + gamma**reach * later
        reach *= 2
    return returns


# --- gridworld --------------------------------------------------------------------------------


@alternative("gridworld")
def with_conditions(n, terminals):
    P, R = torch.zeros(n * n, 4, n * n), torch.zeros(n * n, 4)
    for s in range(n * n):
        if s in terminals:
            P[s, :, s] = 1.0
            continue
        R[s] = -1.0
        P[s, 0, s if s % n == 0 else s - 1] = 1.0
        P[s, 1, s if s % n == n - 1 else s + 1] = 1.0
        P[s, 2, s if s < n else s - n] = 1.0
        P[s, 3, s if s >= n * n - n else s + n] = 1.0
    return P, R


@alternative("gridworld")
def with_kronecker(n, terminals):
    stay, back = torch.eye(n), torch.zeros(n, n)
    for i in range(n):
        back[i, max(i - 1, 0)] = 1.0
    forth = back.flip(0, 1)
    moves = [torch.kron(stay, back), torch.kron(stay, forth)]
    moves += [torch.kron(back, stay), torch.kron(forth, stay)]
    P, over = torch.stack(moves, dim=1), torch.zeros(n * n, dtype=torch.bool)
    over[terminals] = True
    P = torch.where(over.view(-1, 1, 1), torch.eye(n * n).unsqueeze(1), P)
    return P, torch.where(over, 0.0, -1.0).unsqueeze(1).repeat(1, 4)


@alternative("gridworld")
def with_numpy(n, terminals):
    P, R = np.zeros((n, n, 4, n, n), dtype=np.float32), -np.ones((n * n, 4), dtype=np.float32)
    for i, j in np.ndindex(n, n):
        for a, (di, dj) in enumerate(((0, -1), (0, 1), (-1, 0), (1, 0))):
            inside = 0 <= i + di < n and 0 <= j + dj < n and i * n + j not in terminals
            P[i, j, a, i + di * inside, j + dj * inside] = 1
    R[terminals] = 0
    return torch.from_numpy(P.reshape(n * n, 4, n * n)), torch.from_numpy(R)


# --- policy_evaluation ------------------------------------------------------------------------


@alternative("policy_evaluation")
def by_iteration(P, R, policy, gamma):
    v = torch.zeros_like(R[:, 0])
    while True:
        updated = (policy * (R + gamma * P @ v)).sum(1)
        if (updated - v).abs().max() <= 1e-9:
            return updated
        v = updated


@alternative("policy_evaluation")
def in_place_sweeps(P, R, policy, gamma):
    S, A = R.shape
    p, r, pi = P.tolist(), R.tolist(), policy.tolist()
    v, change = [0.0] * S, 1.0
    while change > 1e-9:
        change = 0.0
        for s in range(S):
            seen = 0.0
            for a in range(A):
                future = sum(x * y for x, y in zip(p[s][a], v, strict=True))
                seen += pi[s][a] * (r[s][a] + gamma * future)
            change, v[s] = max(change, abs(seen - v[s])), seen
    return torch.tensor(v, dtype=R.dtype, device=R.device)


@alternative("policy_evaluation")
def with_an_inverse(P, R, policy, gamma):
    where = torch.stack([policy[s] @ P[s] for s in range(len(P))])
    pay = torch.einsum("sa,sa->s", policy, R)
    return torch.linalg.inv(torch.eye(len(P)).to(P) - gamma * where) @ pay


@alternative("policy_evaluation")
def through_action_values(P, R, policy, gamma):
    q = torch.zeros_like(R)
    for _ in range(2500):
        q = R + gamma * torch.einsum("sat,tb,tb->sa", P, policy, q)
    return (policy * q).sum(1)


# --- q_value_iteration ------------------------------------------------------------------------


@alternative("q_value_iteration")
def over_state_values(P, R, gamma, tol):
    v = torch.zeros_like(R[:, 0])
    while True:
        q = R + gamma * torch.einsum("sat,t->sa", P, v)
        updated = q.max(dim=1).values
        if torch.max(torch.abs(updated - v)) < tol:
            return R + gamma * torch.einsum("sat,t->sa", P, updated)
        v = updated


@alternative("q_value_iteration")
def with_loops(P, R, gamma, tol):
    S, A = R.shape
    p, r, q = P.tolist(), R.tolist(), [[0.0] * A for _ in range(S)]
    while True:
        best = [max(row) for row in q]
        new = [[0.0] * A for _ in range(S)]
        for s in range(S):
            for a in range(A):
                future = sum(x * y for x, y in zip(p[s][a], best, strict=True))
                new[s][a] = r[s][a] + gamma * future
        change = max(abs(new[s][a] - q[s][a]) for s in range(S) for a in range(A))
        q = new
        if change <= tol:
            return torch.tensor(q, dtype=R.dtype, device=R.device)


@alternative("q_value_iteration")
def row_by_row_in_place(P, R, gamma, tol):
    q, change = torch.zeros_like(R), tol + 1
    while change > tol:
        before = q.clone()
        for s in range(len(R)):
            q[s] = R[s] + gamma * P[s] @ q.max(1).values
        change = (q - before).abs().max().item()
    return q


@alternative("q_value_iteration")
def flat(P, R, gamma, tol):
    S, A = R.shape
    table, pay = P.reshape(S * A, S), R.reshape(S * A)
    q = pay.clone()
    while True:
        new = pay + gamma * (table @ q.view(S, A).amax(dim=1))
        if torch.linalg.vector_norm(new - q) <= tol:
            return new.view(S, A)
        q = new


@alternative("q_value_iteration")
def returns_the_one_before(P, R, gamma, tol):
    q = torch.zeros_like(R)
    while True:
        updated = R + gamma * (P * q.max(dim=1).values).sum(dim=2)
        if torch.allclose(updated, q, rtol=0, atol=tol):
            return q
        q = updated


# --- greedy_policy ----------------------------------------------------------------------------


@alternative("greedy_policy")
def with_one_hot(q):
    return torch.nn.functional.one_hot(q.max(dim=1).indices, q.shape[1]).to(q.dtype)


@alternative("greedy_policy")
def last_of_the_best(q):
    policy = torch.zeros(q.shape, dtype=q.dtype, device=q.device)
    for s, row in enumerate(q.tolist()):
        best = 0
        for a, value in enumerate(row):
            if value >= row[best]:
                best = a
        policy[s, best] = 1
    return policy


@alternative("greedy_policy")
def with_sorting(q):
    order = q.argsort(dim=1, descending=True)
    return torch.eye(q.shape[1], dtype=q.dtype, device=q.device)[order[:, 0]]


# --- epsilon_greedy ---------------------------------------------------------------------------


@alternative("epsilon_greedy")
def agent_by_agent(q, epsilon, generator):
    coins = torch.rand(len(q), generator=generator).tolist()
    actions = []
    for n, coin in enumerate(coins):
        if coin < epsilon:
            actions.append(int(torch.randint(0, q.shape[1], (1,), generator=generator)))
        else:
            actions.append(int(q[n].argmax()))
    return torch.tensor(actions, device=q.device)


@alternative("epsilon_greedy")
def with_multinomial(q, epsilon, generator):
    n, A = q.shape
    p = torch.full((n, A), epsilon / A)
    p[torch.arange(n), q.argmax(1).cpu()] += 1 - epsilon
    return torch.multinomial(p, 1, generator=generator).view(n).to(q.device)


@alternative("epsilon_greedy")
def with_one_number(q, epsilon, generator):
    n, A = q.shape
    u = torch.rand(n, dtype=torch.float64, generator=generator).to(q.device)
    if epsilon == 0:
        return q.argmax(1)
    anything = (u / epsilon * A).long().clamp(max=A - 1)
    return torch.where(u < epsilon, anything, q.argmax(1))


@alternative("epsilon_greedy")
def with_python_numbers(q, epsilon, generator):
    source = random.Random(int(torch.randint(2**31, (), generator=generator)))  # noqa: S311
    best = q.argmax(dim=1).tolist()
    A = q.shape[1]
    chosen = [source.randrange(A) if source.random() < epsilon else a for a in best]
    return torch.tensor(chosen, dtype=torch.int64, device=q.device)


# --- q_learning_update ------------------------------------------------------------------------


@alternative("q_learning_update")
def weighted_mean(q, s, a, r, s_next, done, alpha, gamma):
    future = 0 if done else max(q[s_next].tolist())
    new = q.clone()
    new[s, a] = (1 - alpha) * q[s, a] + alpha * (r + gamma * future)
    return new


@alternative("q_learning_update")
def with_a_mask(q, s, a, r, s_next, done, alpha, gamma):
    here = torch.zeros_like(q)
    here[s, a] = 1
    error = r + gamma * (1 - int(done)) * q[s_next].amax() - q[s, a]
    return q + alpha * error * here


@alternative("q_learning_update")
def in_place(q, s, a, r, s_next, done, alpha, gamma):
    q = q.contiguous() if 0 in q.stride() else q
    best = q[s_next].sort().values[-1].item()
    q[s, a] = q[s, a] + alpha * (r + (not done) * gamma * best - q[s, a])
    return q


# --- dqn_target -------------------------------------------------------------------------------


@alternative("dqn_target")
def with_masked_fill(r, q_next, done, gamma):
    return r + gamma * q_next.max(dim=1).values.masked_fill(done, 0.0)


@alternative("dqn_target")
def by_index(r, q_next, done, gamma):
    y = r.clone()
    y[~done] += gamma * q_next[~done].max(dim=1)[0]
    return y


@alternative("dqn_target")
def step_by_step(r, q_next, done, gamma):
    steps = zip(r, q_next, done, strict=True)
    return torch.stack([x if over else x + gamma * row.max() for x, row, over in steps])


@alternative("dqn_target")
def cleaned_first(r, q_next, done, gamma):
    future = torch.where(done.unsqueeze(1), torch.zeros_like(q_next), q_next)
    return r + gamma * (~done) * future.amax(dim=1)


# --- q_learning -------------------------------------------------------------------------------


@alternative("q_learning")
def with_lists(env, steps, alpha, gamma, epsilon, generator):
    q = [[0.0] * env.n_actions for _ in range(env.n_states)]
    coins = torch.rand(steps, generator=generator).tolist()
    anything = torch.randint(env.n_actions, (steps,), generator=generator).tolist()
    s = env.reset()
    for coin, a in zip(coins, anything, strict=True):
        if coin >= epsilon:
            a = q[s].index(max(q[s]))  # noqa: PLW2901
        s_next, r, done = env.step(a)
        target = r if done else r + gamma * max(q[s_next])
        q[s][a] += alpha * (target - q[s][a])
        s = s_next
    return torch.tensor(q)


@alternative("q_learning")
def episode_by_episode(env, steps, alpha, gamma, epsilon, generator):
    q, taken = torch.zeros((env.n_states, env.n_actions)), 0
    while taken < steps:
        s, done = env.reset(), False
        while not done and taken < steps:
            best = torch.nonzero(q[s] == q[s].max()).flatten()
            a = int(best[torch.randint(len(best), (), generator=generator)])
            if torch.rand(1, generator=generator).item() < epsilon:
                a = torch.randint(env.n_actions, (1,), generator=generator).item()
            s_next, r, done = env.step(a)
            q[s, a] = (1 - alpha) * q[s, a] + alpha * (r + gamma * (not done) * q[s_next].max())
            s, taken = s_next, taken + 1
    return q


# --- reinforce_backward -----------------------------------------------------------------------


@alternative("reinforce_backward")
def subtracted_in_place(logits, actions, returns):
    shifted = logits - logits.amax(1, keepdim=True)
    grad = torch.exp(shifted) / torch.exp(shifted).sum(1, keepdim=True)
    grad[torch.arange(len(logits)), actions] -= 1
    return grad * returns[:, None] / logits.shape[0]


@alternative("reinforce_backward")
def row_by_row(logits, actions, returns):
    rows = []
    for scores, a, weight in zip(logits, actions.tolist(), returns, strict=True):
        p = torch.softmax(scores, dim=0)
        rows.append(torch.stack([weight * (p[k] - int(k == a)) for k in range(len(p))]))
    return torch.stack(rows) / len(rows)


@alternative("reinforce_backward")
def through_the_jacobian(logits, actions, returns):
    log_p = torch.log_softmax(logits, dim=-1)
    identity = torch.eye(logits.shape[1], dtype=logits.dtype, device=logits.device)
    jacobian = identity - log_p.exp().unsqueeze(1)
    weights = -(returns / len(returns)).unsqueeze(1) * identity[actions]
    return torch.einsum("nj,njk->nk", weights, jacobian)
