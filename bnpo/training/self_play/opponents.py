"""Who plays the other side of each row: the newest policy or a past self, for a whole game."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bnpo import seeding
from bnpo.agent import Agent
from bnpo.agent.policy import Policy
from bnpo.config import OpponentConfig
from bnpo.training.self_play.league import League, Member
from bnpo.types.step import Observation

__all__ = ["NEWEST", "Opponents", "seen"]

NEWEST = -1
"""Mark of rows whose other side the newest policy plays."""


class Opponents:
    """Players of the other side of N rows. Each of them acts for all of its rows in one pass."""

    def __init__(self, agent: Agent, config: OpponentConfig, num_envs: int) -> None:
        """Let the newest policy play everywhere.

        Args:
            agent: whose policy plays, and whose past selves are kept
            config: how often a past self plays
            num_envs: N

        """
        self.agent = agent
        self.config = config
        self.league = League(config.pool_size)
        self.assigned: NDArray[np.int64] = np.full(num_envs, NEWEST)
        """Player of each row, [N]: the step of a past self, or NEWEST"""
        (seed,) = seeding.derived(agent.seed, seeding.OPPONENTS)
        self._draws = np.random.default_rng(seed)
        self._generator = seeding.generator(agent.device, agent.seed, seeding.OPPONENTS)
        self._begun = np.ones(num_envs, np.bool_)
        self._before: torch.Tensor | None = None  # states of the policies, [N, S]

    def begin(self, rows: NDArray[np.bool_]) -> None:
        """Draw a player for each row [N] in which a game begins."""
        count = int(rows.sum())
        past = self._draws.random(count) < self.config.past_share
        uniform = self._draws.random(count)
        steps = np.array([member.step for member in self.league.members], np.int64)
        drawn = np.full(count, NEWEST)
        if len(steps):
            ladder = np.cumsum(self._weights())
            chosen = np.searchsorted(ladder, uniform * ladder[-1], side="right")
            drawn[past] = steps[np.minimum(chosen, len(steps) - 1)][past]
        self.assigned[rows] = drawn
        self._begun |= rows

    def _weights(self) -> NDArray[np.float64]:
        """Return the weights with which past selves are drawn, [M]."""
        if self.config.draw == "uniform":
            return np.ones(len(self.league.members))
        weights: NDArray[np.float64] = 0.01 + (1.0 - self.league.score_of_last()) ** 2
        return weights

    def keep(self, member: Member) -> None:
        """Add a past self to the league; the newest policy goes on where one is dropped."""
        self.league.add(member)
        playing = [NEWEST, *(one.step for one in self.league.members)]
        lost = ~np.isin(self.assigned, playing)
        self.assigned[lost] = NEWEST
        self._begun |= lost

    @torch.no_grad()
    def actions(self, view: NDArray[np.float64]) -> NDArray[Any]:
        """Draw actions [N, A] of the other side from what it sees [N, O]."""
        policies = {member.step: member.policy for member in self.league.members}
        policies[NEWEST] = self.agent.policy
        actions = np.empty((len(view), self.agent.spec.action_dim), np.float32)
        states: list[tuple[NDArray[np.intp], torch.Tensor]] = []
        for step in np.unique(self.assigned):
            rows = np.flatnonzero(self.assigned == step)
            policy = policies[int(step)]
            before = None if self._before is None else self._before[torch.from_numpy(rows)]
            observation = seen(policy, view[rows], before, self._begun[rows])
            features = policy.encoder(observation.observation, observation.desired_goal)
            mu, sigma = policy.actor(features)
            noise = torch.randn(
                mu.shape, dtype=mu.dtype, device=mu.device, generator=self._generator
            )
            actions[rows] = policy.playable(mu + sigma * noise)
            states.append((rows, observation.observation))
        state = states[0][1].new_empty((len(view), states[0][1].shape[1]))
        for rows, part in states:
            state[torch.from_numpy(rows)] = part
        self._before = state
        self._begun[:] = False
        return actions

    def state_dict(self) -> dict[str, Any]:
        """Return everything that decides who plays next and how."""
        league = self.league
        return {
            "assigned": self.assigned.copy(),
            "begun": self._begun.copy(),
            "before": None if self._before is None else self._before.cpu().numpy().copy(),
            "draws": self._draws.bit_generator.state,
            "generator": self._generator.get_state().numpy().copy(),
            "players": list(league.players),
            "wins": league.wins.copy(),
            "draws_played": league.draws.copy(),
            "members": [
                {
                    "step": member.step,
                    "encoder": _arrays(member.policy.encoder),
                    "actor": _arrays(member.policy.actor),
                }
                for member in league.members
            ],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a saved state.

        Raises:
            ValueError: a past self has other networks than the agent.

        """
        self.assigned[:] = state["assigned"]
        self._begun[:] = state["begun"]
        before = state["before"]
        self._before = None if before is None else self.agent.policy.tensor(np.array(before))
        self._draws.bit_generator.state = state["draws"]
        self._generator.set_state(torch.from_numpy(np.array(state["generator"])))
        league = self.league
        league.players = list(state["players"])
        league.wins = np.array(state["wins"])
        league.draws = np.array(state["draws_played"])
        league.members = [self._restored(saved) for saved in state["members"]]

    def _restored(self, saved: Mapping[str, Any]) -> Member:
        """Return the past self of a saved state."""
        policy = self.agent.policy.snapshot(0)
        for name in ("encoder", "actor"):
            tensors = {key: torch.from_numpy(np.array(one)) for key, one in saved[name].items()}
            try:
                getattr(policy, name).load_state_dict(tensors)
            except RuntimeError as error:
                reason = " ".join(str(error).split())
                raise ValueError(
                    f"the past self of step {saved['step']} has another {name} than the agent "
                    f"(allowed is the same networks): {reason}"
                ) from None
        return Member(int(saved["step"]), policy)


def seen(
    policy: Policy,
    view: NDArray[np.float64],
    before: torch.Tensor | None = None,
    begun: NDArray[np.bool_] | None = None,
) -> Observation:
    """Return what a policy's networks are shown of rows [B, O] of a game without goals.

    Args:
        policy: that plays the rows
        view: what their side sees
        before: states one step before [B, S]; None: games begin here
        begun: [B], rows in which a game begins

    """
    nothing = np.empty((len(view), 0))
    keys = {"observation": view, "achieved_goal": nothing, "desired_goal": nothing}
    if before is None:
        return policy.tensors(keys)
    empty = before.new_empty((len(view), 0))
    return policy.tensors(keys, Observation(before, empty, empty), begun)


def _arrays(network: torch.nn.Module) -> dict[str, NDArray[Any]]:
    """Return the parameters and buffers of a network, as arrays."""
    return {name: one.cpu().numpy().copy() for name, one in network.state_dict().items()}
