"""Known wrong versions of the exercises on reinforcement learning, and hints for each."""

import torch

from autograder.checks.bank import mistake


def _board(n, terminals, field=None):
    """Return the world of a board; `field` says where one is who would be in row i, column j."""
    field = field or (lambda i, j: (min(max(i, 0), n - 1), min(max(j, 0), n - 1)))
    P, R = torch.zeros(n * n, 4, n * n), torch.full((n * n, 4), -1.0)
    for s in range(n * n):
        for a, (down, right) in enumerate([(0, -1), (0, 1), (-1, 0), (1, 0)]):
            i, j = field(s // n + down, s % n + right)
            P[s, a, s if s in terminals else n * i + j] = 1.0
    R[terminals] = 0.0
    return P, R


def _solve(P_policy, R_policy, gamma):
    identity = torch.eye(len(P_policy), dtype=P_policy.dtype, device=P_policy.device)
    return torch.linalg.solve(identity - gamma * P_policy, R_policy)


def _iterate(R, update, tol, rounds=3000):
    q = torch.zeros_like(R)
    for _ in range(rounds):
        updated = update(q)
        change, q = (updated - q).abs().max(), updated
        if change <= tol:
            break
    return q


def _walk(env, steps, alpha, epsilon, generator, target):
    q, s = torch.zeros(env.n_states, env.n_actions), env.reset()
    for _ in range(steps):
        a = int(q[s].argmax())
        if float(torch.rand((), generator=generator)) < epsilon:
            a = int(torch.randint(env.n_actions, (), generator=generator))
        s_next, r, done = env.step(a)
        q[s, a] += alpha * (target(q, r, s_next, done) - q[s, a])
        s = env.reset() if done else s_next
    return q


def _grad(logits, actions, returns):
    chosen = torch.nn.functional.one_hot(actions, logits.shape[1])
    return returns.unsqueeze(1) * (torch.softmax(logits, 1) - chosen) / len(logits)


# --- discounted_returns --------------------------------------------------------------------------


@mistake(
    "discounted_returns",
    source="class notes, 8.2.1: an exponent that is off by one",
    hints=(
        "All returns come out too small, by one and the same factor.",
        "It shows for every gamma but 1.",
        "How long does one wait for the reward of the action that is just being taken?",
    ),
)
def first_one_discounted(rewards, gamma):
    returns = rewards.clone()
    for t in reversed(range(len(rewards) - 1)):
        returns[t] += gamma * returns[t + 1]
    return gamma * returns


@mistake(
    "discounted_returns",
    source="constructed: discounted from the start of the episode",
    hints=(
        "Only the first return is right; the later ones are too small.",
        "The same weights serve for all times.",
        "Seen from time t, how far away is the next reward?",
    ),
)
def discounted_from_the_start(rewards, gamma):
    weights = gamma ** torch.arange(len(rewards), dtype=rewards.dtype, device=rewards.device)
    return (weights * rewards).flip(0).cumsum(0).flip(0)


@mistake(
    "discounted_returns",
    source="constructed: the sum runs with time",
    hints=(
        "Your return knows the past and not the future.",
        "With equal rewards the list comes out in reverse; the last entry is the largest.",
        "Which rewards are still to come at time t?",
    ),
)
def sums_the_past(rewards, gamma):
    returns = rewards.clone()
    for t in range(1, len(rewards)):
        returns[t] += gamma * returns[t - 1]
    return returns


@mistake(
    "discounted_returns",
    source="constructed: appended from the end, and left that way",
    hints=(
        "The right numbers stand in the wrong places.",
        "Look at the first and the last entry.",
        "In which order did your loop meet the times?",
    ),
)
def not_turned_back(rewards, gamma):
    returns, after = [], torch.zeros_like(rewards[0])
    for reward in rewards.flip(0):
        after = reward + gamma * after
        returns.append(after)
    return torch.stack(returns)


@mistake(
    "discounted_returns",
    source="class notes, 8.2.1, which write both R_t and R_{t+1} for one reward",
    hints=(
        "The reward that the action earns is not part of its return.",
        "The last return is 0, whatever is paid.",
        "Which entry of the list is paid for the action at time 0?",
    ),
)
def without_its_own(rewards, gamma):
    returns = torch.zeros_like(rewards)
    for t in reversed(range(len(rewards) - 1)):
        returns[t] = rewards[t + 1] + gamma * returns[t + 1]
    return returns


@mistake(
    "discounted_returns",
    source="constructed: gamma left out",
    hints=(
        "A reward in the far future weighs as much as the next one.",
        "It shows for every gamma but 1.",
        "Where does gamma enter?",
    ),
)
def not_discounted(rewards, gamma):
    return rewards.flip(0).cumsum(0).flip(0)


@mistake(
    "discounted_returns",
    source="a habit from policy gradient scripts: returns with mean 0 and spread 1",
    hints=(
        "Your returns have the mean 0, whatever the rewards are.",
        "It happens after the returns have been computed.",
        "If all rewards are positive, can a return be negative?",
    ),
)
def standardised(rewards, gamma):
    returns = rewards.clone()
    for t in reversed(range(len(rewards) - 1)):
        returns[t] += gamma * returns[t + 1]
    spread = returns.std(unbiased=False)
    return (returns - returns.mean()) / (spread + 1e-8)


@mistake(
    "discounted_returns",
    source="constructed: one look ahead",
    hints=(
        "Each return knows two rewards and no more.",
        "It shows as soon as the episode has three steps.",
        "Of what must the next term be the discounted value: a reward, or a return?",
    ),
)
def one_look_ahead(rewards, gamma):
    returns = rewards.clone()
    returns[:-1] += gamma * rewards[1:]
    return returns


@mistake(
    "discounted_returns",
    source="constructed: a cumulative sum, divided by the powers of gamma",
    hints=(
        "The formula is right on paper, and breaks when powers of gamma vanish.",
        "It shows for gamma 0 and for long episodes with a small gamma.",
        "What do you divide by at the end of a long episode?",
    ),
)
def divided_by_powers(rewards, gamma):
    weights = gamma ** torch.arange(len(rewards), dtype=rewards.dtype, device=rewards.device)
    return (weights * rewards).flip(0).cumsum(0).flip(0) / weights


# --- gridworld -----------------------------------------------------------------------------------


@mistake(
    "gridworld",
    source="constructed: modulo n, a board without a wall",
    hints=(
        "Who leaves the board comes back on the other side.",
        "It shows at the edges only.",
        "What happens to who walks against the wall?",
    ),
)
def no_wall(n, terminals):
    P, R = _board(n, terminals, lambda i, j: (i % n, j % n))
    return P, R


@mistake(
    "gridworld",
    source="constructed: left and right as s - 1 and s + 1",
    hints=(
        "From the end of one row one walks into the next row.",
        "It shows at the left and right edges, not at the top or the bottom.",
        "Which fields lie in the last column, and what lies to their right?",
    ),
)
def into_the_next_row(n, terminals):
    def clamp(i, j):
        s = n * min(max(i, 0), n - 1) + j
        return divmod(min(max(s, 0), n * n - 1), n)

    return _board(n, terminals, clamp)


@mistake(
    "gridworld",
    source="constructed: y grows upwards",
    hints=(
        "Two of the actions are exchanged.",
        "Left and right are fine.",
        "In which direction do the numbers of the rows grow?",
    ),
)
def up_is_down(n, terminals):
    P, R = _board(n, terminals)
    return P[:, [0, 1, 3, 2]], R


@mistake(
    "gridworld",
    source="constructed: x and y for row and column",
    hints=(
        "The board is mirrored at its diagonal.",
        "Each action moves by the wrong amount.",
        "By how much does the number of the state change when one goes down a row?",
    ),
)
def rows_for_columns(n, terminals):
    P, R = _board(n, terminals)
    return P[:, [2, 3, 0, 1]], R


@mistake(
    "gridworld",
    source="class notes, 8.2.2: the reward is -1 for all states",
    hints=(
        "It is all the same to your agent whether it ever arrives.",
        "It is the reward of the terminal states.",
        "What does it cost to stay at home?",
    ),
)
def terminal_pays(n, terminals):
    P, R = _board(n, terminals)
    return P, torch.full_like(R, -1.0)


@mistake(
    "gridworld",
    source="constructed: terminal states like any other",
    hints=(
        "From a terminal state one walks on.",
        "It is the transitions of the terminal states.",
        "What follows when the episode is over?",
    ),
)
def walks_on(n, terminals):
    P, _ = _board(n, [])
    _, R = _board(n, terminals)
    return P, R


@mistake(
    "gridworld",
    source="constructed: the reward depends on where one arrives",
    hints=(
        "The last move is free.",
        "It shows beside terminal fields.",
        "For what is the reward paid: for the action, or for where it leads?",
    ),
)
def arriving_is_free(n, terminals):
    P, R = _board(n, terminals)
    home = torch.zeros(n * n)
    home[terminals] = 1.0
    return P, R * (1 - P @ home)


@mistake(
    "gridworld",
    source="constructed: no probability where nothing happens",
    hints=(
        "In some rows the probabilities do not sum to 1.",
        "It is the terminal states.",
        "Where is one, after an action that does not lead anywhere?",
    ),
)
def nowhere(n, terminals):
    P, R = _board(n, terminals)
    P[terminals] = 0.0
    return P, R


@mistake(
    "gridworld",
    source="constructed: a wall that costs nothing",
    hints=(
        "Walking against the wall is free.",
        "It shows at the edges only.",
        "Is a move that leads nowhere a move?",
    ),
)
def wall_is_free(n, terminals):
    P, R = _board(n, terminals)
    stays = P[torch.arange(n * n), :, torch.arange(n * n)]
    return P, R * (1 - stays)


@mistake(
    "gridworld",
    source="constructed: axes in another order",
    hints=(
        "The numbers are right, the axes are not.",
        "It shows in the shape.",
        "Which axis of P says where one comes from?",
    ),
)
def actions_first(n, terminals):
    P, R = _board(n, terminals)
    return P.transpose(0, 1), R.T


# --- policy_evaluation ---------------------------------------------------------------------------


@mistake(
    "policy_evaluation",
    source="constructed: P_policy transposed",
    hints=(
        "The value of a state depends on who comes there, not on where one can go.",
        "It is the matrix of the equations.",
        "Which index of P does the sum over next states run over?",
    ),
)
def transposed(P, R, policy, gamma):
    return _solve((policy.unsqueeze(2) * P).sum(1).T, (policy * R).sum(1), gamma)


@mistake(
    "policy_evaluation",
    source="constructed: the best action instead of the policy's",
    hints=(
        "Your values do not depend on the policy.",
        "They are never too small.",
        "Who acts here?",
    ),
)
def best_instead(P, R, policy, gamma):
    v = torch.zeros_like(R[:, 0])
    for _ in range(3000):
        v = (R + gamma * P @ v).amax(1)
    return v


@mistake(
    "policy_evaluation",
    source="constructed: all actions equally likely",
    hints=(
        "Your values do not depend on the policy.",
        "They are right for a policy that throws dice.",
        "Who acts here?",
    ),
)
def throws_dice(P, R, policy, gamma):
    return _solve(P.mean(1), R.mean(1), gamma)


@mistake(
    "policy_evaluation",
    source="constructed: the rewards are not weighted by the policy",
    hints=(
        "A reward counts although the policy never earns it.",
        "With certain policies the rewards of all actions enter.",
        "What is paid on average, if one acts by the policy?",
    ),
)
def rewards_averaged(P, R, policy, gamma):
    return _solve((policy.unsqueeze(2) * P).sum(1), R.mean(1), gamma)


@mistake(
    "policy_evaluation",
    source="constructed: the transitions are not weighted by the policy",
    hints=(
        "One goes where the policy never leads.",
        "With gamma 0 all is well.",
        "How likely is it to arrive in s', if one acts by the policy?",
    ),
)
def transitions_averaged(P, R, policy, gamma):
    return _solve(P.mean(1), (policy * R).sum(1), gamma)


@mistake(
    "policy_evaluation",
    source="constructed: one backup and no more",
    hints=(
        "Your values know two rewards and no more.",
        "With gamma 0 all is well.",
        "When has the value settled?",
    ),
)
def one_backup(P, R, policy, gamma):
    now = (policy * R).sum(1)
    return now + gamma * (policy.unsqueeze(2) * P).sum(1) @ now


@mistake(
    "policy_evaluation",
    source="constructed: gamma before the whole bracket",
    hints=(
        "All values come out too small, by the factor gamma.",
        "With gamma 0 nothing is left.",
        "Is the reward of the first action discounted?",
    ),
)
def first_one_discounted_too(P, R, policy, gamma):
    return gamma * _solve((policy.unsqueeze(2) * P).sum(1), (policy * R).sum(1), gamma)


@mistake(
    "policy_evaluation",
    source="constructed: the sign of the matrix",
    hints=(
        "Future rewards lower the value.",
        "With gamma 0 all is well.",
        "When you bring v to one side, what is its factor?",
    ),
)
def plus_sign(P, R, policy, gamma):
    return _solve((policy.unsqueeze(2) * P).sum(1), (policy * R).sum(1), -gamma)


@mistake(
    "policy_evaluation",
    source="constructed: action values instead of state values",
    hints=(
        "You return a number for each action as well.",
        "It shows in the shape.",
        "Whose choice is averaged over in the value of a state?",
    ),
)
def action_values(P, R, policy, gamma):
    v = _solve((policy.unsqueeze(2) * P).sum(1), (policy * R).sum(1), gamma)
    return R + gamma * P @ v


# --- q_value_iteration ---------------------------------------------------------------------------


@mistake(
    "q_value_iteration",
    source="constructed: the maximum outside the expectation",
    hints=(
        "Your agent may choose its next action before the dice have fallen.",
        "Where nothing is random, all is well.",
        "When does the agent choose: before or after it knows where it has arrived?",
    ),
)
def max_of_the_mean(P, R, gamma, tol):
    return _iterate(R, lambda q: R + gamma * (P @ q).amax(2), tol)


@mistake(
    "q_value_iteration",
    source="constructed: the mean over the actions for the maximum",
    hints=(
        "Your values are those of an agent that throws dice.",
        "They are too small.",
        "What does an agent do that acts as well as possible?",
    ),
)
def mean_over_actions(P, R, gamma, tol):
    return _iterate(R, lambda q: R + gamma * P @ q.mean(1), tol)


@mistake(
    "q_value_iteration",
    source="constructed: the maximum over the wrong axis",
    hints=(
        "Your update fails unless there are as many actions as states, and is wrong then.",
        "It is the maximum.",
        "Over which axis does an agent choose?",
    ),
)
def max_over_states(P, R, gamma, tol):
    return _iterate(R, lambda q: R + gamma * P @ q.amax(0), tol)


@mistake(
    "q_value_iteration",
    source="constructed: a single sweep",
    hints=(
        "Your values know two rewards and no more.",
        "With gamma 0 all is well.",
        "When may the iteration stop?",
    ),
)
def two_sweeps(P, R, gamma, tol):
    return R + gamma * P @ R.amax(1)


@mistake(
    "q_value_iteration",
    source="constructed: the reward of where one arrives",
    hints=(
        "The reward of the action itself is missing.",
        "What is paid elsewhere enters one step too early.",
        "For which state and action is R[s, a] paid?",
    ),
)
def reward_of_the_next(P, R, gamma, tol):
    return _iterate(R, lambda q: P @ (R + gamma * q).amax(1), tol)


@mistake(
    "q_value_iteration",
    source="constructed: gamma before the whole right side",
    hints=(
        "Your values are too small by the factor gamma.",
        "With gamma 1 all is well.",
        "Is the reward of the first action discounted?",
    ),
)
def reward_discounted_too(P, R, gamma, tol):
    return _iterate(R, lambda q: gamma * (R + P @ q.amax(1)), tol)


@mistake(
    "q_value_iteration",
    source="constructed: the discount is left out",
    hints=(
        "A far future counts as much as the next step.",
        "On a board without a discount all is well.",
        "Where does gamma enter?",
    ),
)
def without_discount(P, R, gamma, tol):
    return _iterate(R, lambda q: R + P @ q.amax(1), tol, rounds=50)


@mistake(
    "q_value_iteration",
    source="constructed: it takes the worst action",
    hints=(
        "Your agent fears the worst of itself.",
        "It shows as soon as there are two actions.",
        "Which of its actions does the agent choose in the next state?",
    ),
)
def worst_action(P, R, gamma, tol):
    return _iterate(R, lambda q: R + gamma * P @ q.amin(1), tol)


@mistake(
    "q_value_iteration",
    source="constructed: values are never below those of the start",
    hints=(
        "No value of yours is negative in the next state.",
        "It shows where everything costs.",
        "May staying out of the world be one of the choices?",
    ),
)
def never_negative(P, R, gamma, tol):
    return _iterate(R, lambda q: R + gamma * P @ q.amax(1).clamp(min=0), tol)


@mistake(
    "q_value_iteration",
    source="constructed: stops as soon as any entry has settled",
    hints=(
        "Your iteration stops too early.",
        "It shows where a reward comes late.",
        "Of all the changes of one round, which one decides?",
    ),
)
def smallest_change(P, R, gamma, tol):
    q = torch.zeros_like(R)
    for _ in range(3000):
        updated = R + gamma * P @ q.amax(1)
        change, q = (updated - q).abs().min(), updated
        if change <= tol:
            break
    return q


@mistake(
    "q_value_iteration",
    source="constructed: the values of states",
    hints=(
        "You return a number for each state, not for each action in it.",
        "It shows in the shape.",
        "What does the agent need to know in order to choose?",
    ),
)
def state_values(P, R, gamma, tol):
    return _iterate(R, lambda q: R + gamma * P @ q.amax(1), tol).amax(1)


# --- greedy_policy -------------------------------------------------------------------------------


@mistake(
    "greedy_policy",
    source="constructed: every best action gets a 1",
    hints=(
        "Some rows do not sum to 1.",
        "It shows where several actions are equally good.",
        "Can one take two actions with certainty?",
    ),
)
def all_the_best(q):
    return (q == q.amax(1, keepdim=True)).to(q.dtype)


@mistake(
    "greedy_policy",
    source="constructed: softmax for the maximum",
    hints=(
        "Your policy tries every action.",
        "It is close to greedy only for large values.",
        "How likely is the second best action?",
    ),
)
def softmax_policy(q):
    return torch.softmax(q, 1)


@mistake(
    "greedy_policy",
    source="constructed: the wrong axis",
    hints=(
        "Your columns sum to 1, not your rows.",
        "It is the axis of the maximum.",
        "Who competes: the actions of a state, or the states of an action?",
    ),
)
def best_state(q):
    return torch.zeros_like(q).scatter(0, q.argmax(0, keepdim=True), 1.0)


@mistake(
    "greedy_policy",
    source="constructed: the numbers of the actions",
    hints=(
        "You say which action, the exercise asks how likely each one is.",
        "It shows in the shape.",
        "How would `policy_evaluation` read your result?",
    ),
)
def action_numbers(q):
    return q.argmax(1)


@mistake(
    "greedy_policy",
    source="constructed: the smallest value",
    hints=(
        "Your policy chooses the worst action.",
        "Turn the sign of q: then it would be right.",
        "Are the values of q costs or returns?",
    ),
)
def worst(q):
    return torch.zeros_like(q).scatter(1, q.argmin(1, keepdim=True), 1.0)


@mistake(
    "greedy_policy",
    source="constructed: one best action for the whole table",
    hints=(
        "Only one state has a policy.",
        "It shows as soon as there are two states.",
        "In how many states must one choose?",
    ),
)
def best_of_all(q):
    return (q == q.max()).to(q.dtype)


@mistake(
    "greedy_policy",
    source="constructed: the value where a probability should stand",
    hints=(
        "The largest value itself stands where a 1 should.",
        "Your rows sum to the largest value.",
        "How likely is it that a greedy agent takes its best action?",
    ),
)
def value_kept(q):
    return torch.zeros_like(q).scatter(1, q.argmax(1, keepdim=True), q.amax(1, keepdim=True))


# --- epsilon_greedy ------------------------------------------------------------------------------


@mistake(
    "epsilon_greedy",
    source="constructed: exploring excludes the best action",
    hints=(
        "The best action is chosen too rarely.",
        "It shows in the frequencies; with epsilon 0 all is well.",
        "Which actions may an exploring agent choose?",
    ),
)
def others_only(q, epsilon, generator):
    n, A = q.shape
    best = q.argmax(1)
    shift = torch.randint(1, max(A, 2), (n,), generator=generator).to(q.device)
    explore = torch.rand(n, generator=generator).to(q.device) < epsilon
    return torch.where(explore, (best + shift) % A, best)


@mistake(
    "epsilon_greedy",
    source="constructed: epsilon and 1 - epsilon exchanged",
    hints=(
        "With epsilon 0 you explore always, with epsilon 1 never.",
        "It is the comparison.",
        "Is epsilon the probability of exploring, or of not exploring?",
    ),
)
def exchanged(q, epsilon, generator):
    n, A = q.shape
    explore = torch.rand(n, generator=generator).to(q.device) > epsilon
    anything = torch.randint(A, (n,), generator=generator).to(q.device)
    return torch.where(explore, anything, q.argmax(1))


@mistake(
    "epsilon_greedy",
    source="constructed: an upper bound that is excluded",
    hints=(
        "The last action is never tried.",
        "It shows in the frequencies.",
        "Is the upper bound of your random integers itself among them?",
    ),
)
def never_the_last(q, epsilon, generator):
    n, A = q.shape
    explore = torch.rand(n, generator=generator).to(q.device) < epsilon
    anything = torch.randint(max(A - 1, 1), (n,), generator=generator).to(q.device)
    return torch.where(explore, anything, q.argmax(1))


@mistake(
    "epsilon_greedy",
    source="constructed: one coin for all rows",
    hints=(
        "All agents explore together, or none does.",
        "It shows in the frequencies of a large batch.",
        "How many coins must be tossed?",
    ),
)
def one_coin(q, epsilon, generator):
    n, A = q.shape
    if float(torch.rand((), generator=generator)) < epsilon:
        return torch.randint(A, (n,), generator=generator).to(q.device)
    return q.argmax(1)


@mistake(
    "epsilon_greedy",
    source="constructed: one random action for all rows",
    hints=(
        "All who explore do the same thing.",
        "It shows in the frequencies of a large batch.",
        "How many random actions must be drawn?",
    ),
)
def one_action_for_all(q, epsilon, generator):
    explore = torch.rand(len(q), generator=generator).to(q.device) < epsilon
    anything = torch.randint(q.shape[1], (1,), generator=generator).to(q.device)
    return torch.where(explore, anything, q.argmax(1))


@mistake(
    "epsilon_greedy",
    source="constructed: a generator of its own, with a fixed seed",
    hints=(
        "You give the same actions whatever the generator holds.",
        "It shows when another generator is passed.",
        "Where do your random numbers come from?",
    ),
)
def fixed_seed(q, epsilon, generator):
    n, A = q.shape
    generator = torch.Generator().manual_seed(42)
    explore = torch.rand(n, generator=generator).to(q.device) < epsilon
    anything = torch.randint(A, (n,), generator=generator).to(q.device)
    return torch.where(explore, anything, q.argmax(1))


@mistake(
    "epsilon_greedy",
    source="constructed: the seed of a generator is taken for its state",
    hints=(
        "Whoever asks again with the same generator gets the same actions again.",
        "It shows when numbers have been drawn from the generator before.",
        "What of a generator changes when numbers are drawn from it, and what does not?",
    ),
)
def seed_for_state(q, epsilon, generator):
    n, A = q.shape
    generator = torch.Generator().manual_seed(generator.initial_seed())
    explore = torch.rand(n, generator=generator).to(q.device) < epsilon
    anything = torch.randint(A, (n,), generator=generator).to(q.device)
    return torch.where(explore, anything, q.argmax(1))


@mistake(
    "epsilon_greedy",
    source="constructed: softmax for exploring",
    hints=(
        "Better actions are explored more often.",
        "It shows in the frequencies; with epsilon 0 all is well.",
        "How likely is each action, given that the agent explores?",
    ),
)
def explores_by_softmax(q, epsilon, generator):
    explore = torch.rand(len(q), generator=generator).to(q.device) < epsilon
    weights = torch.softmax(3 * q, 1).cpu()
    anything = torch.multinomial(weights, 1, generator=generator).squeeze(1).to(q.device)
    return torch.where(explore, anything, q.argmax(1))


@mistake(
    "epsilon_greedy",
    source="121 public solution sets of one course: randn for rand, there in dropout",
    hints=(
        "You explore too often.",
        "With epsilon 0 half of the agents explore, with epsilon 1 not all do.",
        "Between which numbers do your random numbers lie?",
    ),
)
def normal_numbers(q, epsilon, generator):
    n, A = q.shape
    explore = torch.randn(n, generator=generator).to(q.device) < epsilon
    anything = torch.randint(A, (n,), generator=generator).to(q.device)
    return torch.where(explore, anything, q.argmax(1))


# --- q_learning_update ---------------------------------------------------------------------------


@mistake(
    "q_learning_update",
    source="navneet-nmk/pytorch-rl, issue 2; seungeunrho/minimalRL, issue 21",
    hints=(
        "The end of an episode has a future.",
        "It shows when done.",
        "What can still be earned when the episode is over?",
    ),
)
def done_ignored(q, s, a, r, s_next, done, alpha, gamma):
    q = q.clone()
    q[s, a] += alpha * (r + gamma * q[s_next].max() - q[s, a])
    return q


@mistake(
    "q_learning_update",
    source="constructed: done means going on",
    hints=(
        "A future is added just when there is none.",
        "Both parts are wrong: the two cases are exchanged.",
        "What does done = True say about s_next?",
    ),
)
def done_inverted(q, s, a, r, s_next, done, alpha, gamma):
    q = q.clone()
    q[s, a] += alpha * (r + gamma * int(done) * q[s_next].max() - q[s, a])
    return q


@mistake(
    "q_learning_update",
    source="constructed: when it is over, the reward is forgotten",
    hints=(
        "The last reward of an episode teaches nothing.",
        "It shows when done.",
        "What was paid for the last step?",
    ),
)
def last_reward_lost(q, s, a, r, s_next, done, alpha, gamma):
    q = q.clone()
    target = 0.0 if done else r + gamma * q[s_next].max()
    q[s, a] += alpha * (target - q[s, a])
    return q


@mistake(
    "q_learning_update",
    source="constructed: when it is over, nothing is learnt",
    hints=(
        "The last step of an episode teaches nothing.",
        "It shows when done.",
        "What has one seen in the last step?",
    ),
)
def last_step_skipped(q, s, a, r, s_next, done, alpha, gamma):
    q = q.clone()
    if not done:
        q[s, a] += alpha * (r + gamma * q[s_next].max() - q[s, a])
    return q


@mistake(
    "q_learning_update",
    source="constructed: the maximum of the state that one left",
    hints=(
        "Your target looks at the state that one has left.",
        "It shows when the step leads elsewhere.",
        "Where will the next action be chosen?",
    ),
)
def max_of_the_old_state(q, s, a, r, s_next, done, alpha, gamma):
    q = q.clone()
    target = r if done else r + gamma * q[s].max()
    q[s, a] += alpha * (target - q[s, a])
    return q


@mistake(
    "q_learning_update",
    source="SARSA's update without knowing the next action",
    hints=(
        "Your target supposes that the same action is taken again.",
        "It shows when another action is better in the next state.",
        "What will an agent do there that acts as well as possible?",
    ),
)
def same_action_again(q, s, a, r, s_next, done, alpha, gamma):
    q = q.clone()
    target = r if done else r + gamma * q[s_next, a]
    q[s, a] += alpha * (target - q[s, a])
    return q


@mistake(
    "q_learning_update",
    source="constructed: the mean of the next state's values",
    hints=(
        "Your target supposes that the agent throws dice.",
        "It shows as soon as there are two actions.",
        "What will an agent do there that acts as well as possible?",
    ),
)
def mean_of_the_next(q, s, a, r, s_next, done, alpha, gamma):
    q = q.clone()
    target = r if done else r + gamma * q[s_next].mean()
    q[s, a] += alpha * (target - q[s, a])
    return q


@mistake(
    "q_learning_update",
    source="constructed: the maximum over the wrong axis",
    hints=(
        "Your target compares states with each other.",
        "It is the maximum.",
        "Over which axis of the table does the agent choose?",
    ),
)
def max_over_states_of_one_action(q, s, a, r, s_next, done, alpha, gamma):
    q = q.clone()
    target = r if done else r + gamma * q[:, a].max()
    q[s, a] += alpha * (target - q[s, a])
    return q


@mistake(
    "q_learning_update",
    source="constructed: the old value is not subtracted",
    hints=(
        "The value grows without end if the same step is seen again and again.",
        "It is the difference.",
        "If the table is right already, by how much must it change?",
    ),
)
def old_not_subtracted(q, s, a, r, s_next, done, alpha, gamma):
    q = q.clone()
    q[s, a] += alpha * (r if done else r + gamma * q[s_next].max())
    return q


@mistake(
    "q_learning_update",
    source="constructed: alpha and 1 - alpha exchanged",
    hints=(
        "With alpha 0 you forget all, with alpha 1 you learn nothing.",
        "With alpha 1/2 all is well.",
        "Which weight belongs to what one has just seen?",
    ),
)
def weights_exchanged(q, s, a, r, s_next, done, alpha, gamma):
    q = q.clone()
    target = r if done else r + gamma * q[s_next].max()
    q[s, a] = alpha * q[s, a] + (1 - alpha) * target
    return q


@mistake(
    "q_learning_update",
    source="constructed: gamma before the whole target",
    hints=(
        "The reward that is paid at once is discounted too.",
        "With gamma 1 all is well.",
        "What does gamma discount?",
    ),
)
def reward_discounted(q, s, a, r, s_next, done, alpha, gamma):
    q = q.clone()
    target = gamma * r if done else gamma * (r + q[s_next].max())
    q[s, a] += alpha * (target - q[s, a])
    return q


@mistake(
    "q_learning_update",
    source="constructed: gamma is missing",
    hints=(
        "The future counts as much as the next reward.",
        "With gamma 1 all is well, and when done.",
        "What does gamma discount?",
    ),
)
def undiscounted(q, s, a, r, s_next, done, alpha, gamma):
    q = q.clone()
    target = r if done else r + q[s_next].max()
    q[s, a] += alpha * (target - q[s, a])
    return q


@mistake(
    "q_learning_update",
    source="constructed: the whole row is updated",
    hints=(
        "Actions that were not taken change as well.",
        "It is where you write.",
        "Of which action does the step tell anything?",
    ),
)
def whole_row(q, s, a, r, s_next, done, alpha, gamma):
    q = q.clone()
    target = r if done else r + gamma * q[s_next].max()
    q[s] += alpha * (target - q[s])
    return q


# --- dqn_target ----------------------------------------------------------------------------------


@mistake(
    "dqn_target",
    source="navneet-nmk/pytorch-rl, issue 2; seungeunrho/minimalRL, issue 21",
    hints=(
        "The end of an episode has a future.",
        "It shows where done.",
        "What can still be earned when the episode is over?",
    ),
)
def targets_ignore_done(r, q_next, done, gamma):
    return r + gamma * q_next.amax(1)


@mistake(
    "dqn_target",
    source="constructed: multiplied by 1 - done",
    hints=(
        "What stands where nothing follows gets into the target.",
        "It shows where those values are NaN or infinite.",
        "What is infinity times 0?",
    ),
)
def multiplied(r, q_next, done, gamma):
    return r + gamma * (1 - done.to(r.dtype)) * q_next.amax(1)


@mistake(
    "dqn_target",
    source="constructed: all is 0 where it is over",
    hints=(
        "The last reward is forgotten.",
        "It shows where done.",
        "What was paid for the last step?",
    ),
)
def reward_lost(r, q_next, done, gamma):
    return torch.where(done, torch.zeros_like(r), r + gamma * q_next.amax(1))


@mistake(
    "dqn_target",
    source="constructed: done means going on",
    hints=(
        "A future is added just where there is none.",
        "The two cases are exchanged.",
        "What does done say about the state that followed?",
    ),
)
def exchanged_cases(r, q_next, done, gamma):
    return torch.where(done, r + gamma * q_next.amax(1), r)


@mistake(
    "dqn_target",
    source="constructed: the mean over the actions",
    hints=(
        "Your target supposes that the agent throws dice.",
        "It shows as soon as there are two actions.",
        "What will an agent do that acts as well as possible?",
    ),
)
def mean_of_actions(r, q_next, done, gamma):
    return torch.where(done, r, r + gamma * q_next.mean(1))


@mistake(
    "dqn_target",
    source="constructed: one maximum for the whole batch",
    hints=(
        "One step's future becomes the future of all.",
        "With a single step all is well.",
        "Which numbers compete in the maximum?",
    ),
)
def max_of_the_batch(r, q_next, done, gamma):
    return torch.where(done, r, r + gamma * q_next[~done].max() if not done.all() else r)


@mistake(
    "dqn_target",
    source="constructed: gamma before the whole target",
    hints=(
        "Rewards that are paid at once are discounted too.",
        "With gamma 1 all is well.",
        "What does gamma discount?",
    ),
)
def all_discounted(r, q_next, done, gamma):
    return gamma * torch.where(done, r, r + q_next.amax(1))


@mistake(
    "dqn_target",
    source="constructed: the number of the best action",
    hints=(
        "You add which action is best, not how good it is.",
        "It is the maximum.",
        "What does a maximum along an axis return besides the values?",
    ),
)
def index_for_value(r, q_next, done, gamma):
    return torch.where(done, r, r + gamma * q_next.argmax(1).to(r.dtype))


@mistake(
    "dqn_target",
    source="constructed: an axis of size 1 that broadcasts",
    hints=(
        "Each step gets the rewards of all the others.",
        "It shows in the shape.",
        "What is the shape of a column plus a row?",
    ),
)
def column_plus_row(r, q_next, done, gamma):
    return torch.where(done, r, r + gamma * q_next.amax(1, keepdim=True))


# --- q_learning ----------------------------------------------------------------------------------


@mistake(
    "q_learning",
    source="navneet-nmk/pytorch-rl, issue 2; seungeunrho/minimalRL, issue 21",
    hints=(
        "Your agent believes that life goes on after the end.",
        "Its values are too small, most of all close to the end.",
        "After the last step, what does the state say that you are given?",
    ),
)
def endless(env, steps, alpha, gamma, epsilon, generator):
    def target(q, r, s_next, done):
        return r + gamma * q[s_next].max()

    return _walk(env, steps, alpha, epsilon, generator, target)


@mistake(
    "q_learning",
    source="constructed: gamma is not handed on",
    hints=(
        "Your agent does not discount.",
        "Its values are too large in size, most of all far from the end.",
        "Which discount factor reaches the update?",
    ),
)
def patient(env, steps, alpha, gamma, epsilon, generator):
    def target(q, r, s_next, done):
        return r if done else r + q[s_next].max()

    return _walk(env, steps, alpha, epsilon, generator, target)


@mistake(
    "q_learning",
    source="constructed: learns rewards, not values",
    hints=(
        "Your agent looks no further than the next reward.",
        "Its table is the table of rewards.",
        "How does the news of a distant end get to where the agent starts?",
    ),
)
def shortsighted(env, steps, alpha, gamma, epsilon, generator):
    def target(q, r, s_next, done):
        return r

    return _walk(env, steps, alpha, epsilon, generator, target)


@mistake(
    "q_learning",
    source="expected SARSA in place of Q-learning",
    hints=(
        "Your agent learns how good its own exploring policy is.",
        "Its values are too small, the more it explores.",
        "Does the best policy explore?",
    ),
)
def on_policy(env, steps, alpha, gamma, epsilon, generator):
    def target(q, r, s_next, done):
        future = (1 - epsilon) * q[s_next].max() + epsilon * q[s_next].mean()
        return r if done else r + gamma * future

    return _walk(env, steps, alpha, epsilon, generator, target)


@mistake(
    "q_learning",
    source="constructed: the seed of a generator is taken for its state",
    hints=(
        "A second life with the same generator is the first one again.",
        "The values are right.",
        "What of a generator changes when numbers are drawn from it, and what does not?",
    ),
)
def one_life_of_the_seed(env, steps, alpha, gamma, epsilon, generator):
    def target(q, r, s_next, done):
        return r if done else r + gamma * q[s_next].max()

    own = torch.Generator().manual_seed(generator.initial_seed())
    return _walk(env, steps, alpha, epsilon, own, target)


@mistake(
    "q_learning",
    source="constructed: the seed of a generator is taken for its state",
    hints=(
        "Your agent throws the same dice in every step, some actions are never tried.",
        "It is how an action is chosen; each update is right.",
        "Which random numbers does the second step get?",
    ),
)
def the_same_dice_always(env, steps, alpha, gamma, epsilon, generator):
    def target(q, r, s_next, done):
        return r if done else r + gamma * q[s_next].max()

    q, s = torch.zeros(env.n_states, env.n_actions), env.reset()
    for _ in range(steps):
        own = torch.Generator().manual_seed(generator.initial_seed())
        a = int(q[s].argmax())
        if float(torch.rand((), generator=own)) < epsilon:
            a = int(torch.randint(env.n_actions, (), generator=own))
        s_next, r, done = env.step(a)
        q[s, a] += alpha * (target(q, r, s_next, done) - q[s, a])
        s = env.reset() if done else s_next
    return q


# --- reinforce_backward --------------------------------------------------------------------------


@mistake(
    "reinforce_backward",
    source="constructed: gradient of the mean log-probability, to be ascended",
    hints=(
        "Descending along it makes good deeds less likely.",
        "Every entry has the wrong sign.",
        "Is the loss high or low if a good deed was unlikely?",
    ),
)
def ascends(logits, actions, returns):
    return -_grad(logits, actions, returns)


@mistake(
    "reinforce_backward",
    source="davharris/mistnet, issue 33: gradients summed, not averaged",
    hints=(
        "Twice the same data give twice the gradient.",
        "With a single step all is well.",
        "What does the loss do with the N steps?",
    ),
)
def not_divided_by_n(logits, actions, returns):
    return len(logits) * _grad(logits, actions, returns)


@mistake(
    "reinforce_backward",
    source="constructed: the derivative of the chosen logit only",
    hints=(
        "Your rows do not sum to 0.",
        "Only the entry of the chosen action is nonzero.",
        "What happens to the probability of an action when the score of another one rises?",
    ),
)
def chosen_only(logits, actions, returns):
    chosen = torch.nn.functional.one_hot(actions, logits.shape[1])
    return -returns.unsqueeze(1) * (1 - torch.softmax(logits, 1)) * chosen / len(logits)


@mistake(
    "reinforce_backward",
    source="constructed: probabilities for log-probabilities",
    hints=(
        "Deeds that were unlikely hardly count.",
        "Each row is off by the probability of its action.",
        "Does the loss hold the probability or its logarithm?",
    ),
)
def without_the_logarithm(logits, actions, returns):
    p = torch.softmax(logits, 1).gather(1, actions.unsqueeze(1))
    return p * _grad(logits, actions, returns)


@mistake(
    "reinforce_backward",
    source="constructed: returns averaged before they weigh",
    hints=(
        "All deeds get the same credit.",
        "With equal returns all is well.",
        "Which return belongs to which action?",
    ),
)
def mean_return(logits, actions, returns):
    return _grad(logits, actions, returns.mean().expand(returns.shape))


@mistake(
    "reinforce_backward",
    source="a habit from policy gradient scripts: returns with mean 0",
    hints=(
        "Half of the deeds count as bad, whatever they earned.",
        "With a single step nothing is left.",
        "Does the loss of the exercise subtract anything from the returns?",
    ),
)
def baseline(logits, actions, returns):
    return _grad(logits, actions, returns - returns.mean())


@mistake(
    "reinforce_backward",
    source="constructed: softmax over the batch",
    hints=(
        "Your columns compete with each other, not your rows.",
        "It is the axis of softmax.",
        "Who competes for probability: the actions of a step, or the steps?",
    ),
)
def softmax_over_the_batch(logits, actions, returns):
    chosen = torch.nn.functional.one_hot(actions, logits.shape[1])
    return returns.unsqueeze(1) * (torch.softmax(logits, 0) - chosen) / len(logits)


@mistake(
    "reinforce_backward",
    source="cross-entropy without its weights",
    hints=(
        "Deeds count alike whatever they earned.",
        "A return of 0 still changes the policy.",
        "Where do the returns enter?",
    ),
)
def labels_only(logits, actions, returns):
    return _grad(logits, actions, torch.ones_like(returns))


@mistake(
    "reinforce_backward",
    source="constructed: divided by all entries",
    hints=(
        "The gradient is too small, the more actions there are.",
        "With a single action all is well.",
        "Over what does the loss average?",
    ),
)
def mean_over_entries(logits, actions, returns):
    return _grad(logits, actions, returns) / logits.shape[1]


@mistake(
    "reinforce_backward",
    source="121 public solution sets of one course: no maximum subtracted",
    hints=(
        "The formula is right, and breaks for large logits.",
        "You go through a number too large to store.",
        "Softmax ignores a shift of all scores. Which shift keeps exp harmless?",
    ),
)
def no_max(logits, actions, returns):
    weight = torch.exp(logits)
    chosen = torch.nn.functional.one_hot(actions, logits.shape[1])
    p = weight / weight.sum(1, keepdim=True)
    return returns.unsqueeze(1) * (p - chosen) / len(logits)
