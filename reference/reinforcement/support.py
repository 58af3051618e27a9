"""Worlds to walk in: what the tests hand to `q_learning`."""

import torch


class World:
    """A world in which every step is certain, but unknown to who walks in it.

    Attributes:
        n_states: Number of states.
        n_actions: Number of actions in each of them.
    """

    def __init__(
        self,
        next_state: torch.Tensor,
        reward: torch.Tensor,
        final: torch.Tensor,
        start: int,
    ) -> None:
        self.n_states, self.n_actions = next_state.shape
        self._next_state = next_state.tolist()
        self._reward = reward.tolist()
        self._final = final.tolist()
        self._start = self._state = start

    def reset(self) -> int:
        """Begin an episode, and return the state in which it starts."""
        self._state = self._start
        return self._state

    def step(self, action: int) -> tuple[int, float, bool]:
        """Take an action.

        Returns:
            The state where one is now, the reward, and whether the episode is over. If it is, the
            state is already the one in which the next episode starts.
        """
        s, a = self._state, int(action)
        reward, done = self._reward[s][a], self._final[s][a]
        self._state = self._start if done else self._next_state[s][a]
        return self._state, reward, done


def world(next_state: torch.Tensor, reward: torch.Tensor, final: torch.Tensor, start: int) -> World:
    """Return a world.

    Args:
        next_state: Where each action leads, int64, shape (S, A).
        reward: What it earns, shape (S, A).
        final: Whether it ends the episode, bool, shape (S, A).
        start: Where each episode starts.
    """
    return World(next_state, reward, final, start)
