"""A task of two sides as a vector environment of one: the other side is played by the policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bnpo.agent import Agent
from bnpo.config import OpponentConfig
from bnpo.errors import ConfigError
from bnpo.training.self_play.league import Member
from bnpo.training.self_play.matches import play_matches
from bnpo.training.self_play.opponents import Opponents

__all__ = ["SelfPlayEnv"]


class SelfPlayEnv:
    """Steps games against the newest policy and its past selves.

    Every ``interval`` environment steps of the agent it keeps a copy of the policy, which plays
    rating games against the others that are kept and the scripted player. Its state holds that of
    the games and of all opponents, so that a run is resumed bit for bit.
    """

    def __init__(
        self,
        env: Any,
        agent: Agent,
        config: OpponentConfig,
        make: Callable[[int], Any],
    ) -> None:
        """Wrap a vector environment of two sides.

        Args:
            env: has ``step_both``, ``other_view`` and ``scripted_actions``
            agent: whose policy plays both sides
            config: who plays the other side
            make: makes such an environment of a number of rows, for rating games

        Raises:
            ConfigError: the task has one side, or goals.

        """
        sides = env.unwrapped
        if not hasattr(sides, "step_both") or agent.spec.is_goal_env:
            raise ConfigError(
                f"TrainConfig.opponents on {agent.spec.env_id}, which is no game of two sides: "
                "allowed is None, or a task such as bnpo/HockeyReacher-v0"
            )
        self.env = sides
        self.agent = agent
        self.opponents = Opponents(agent, config, int(env.num_envs))
        self._make = make
        self._intervals = -1  # how many intervals had passed when a past self was last kept

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the environment: everything else is its own."""
        return getattr(self.__dict__["env"], name)

    def reset(self, **settings: Any) -> Any:
        """Begin new games, see the environment's own reset."""
        observations = self.env.reset(**settings)
        self.opponents.begin(np.ones(self.env.num_envs, np.bool_))
        return observations

    def step(self, actions: Any) -> Any:
        """Step every game once under actions [N, A] of side 0."""
        self._keep_if_due()
        other = self.opponents.actions(self.env.other_view())
        result = self.env.step_both(actions, other)
        ended = result[2] | result[3]
        if ended.any():
            self.opponents.begin(ended)
        return result

    def _keep_if_due(self) -> None:
        """Keep a past self where another interval of the agent's steps has passed, and rate it."""
        passed = self.agent.env_steps // self.opponents.config.interval
        if passed == self._intervals:
            return
        self._intervals = passed
        league, games = self.opponents.league, self.opponents.config.games
        policy = self.agent.policy.snapshot(self.agent.vector_steps)
        player = league.enter(self.agent.env_steps)
        others = [None, *(member.policy for member in league.members)]
        rows = [0, *(league.players.index(str(member.step)) for member in league.members)]
        env = self._make(games * len(others))
        matches = play_matches(env.unwrapped, policy, others, games)
        env.close()
        for row, match in zip(rows, matches, strict=True):
            league.note(player, row, *match)
        self.opponents.keep(Member(self.agent.env_steps, policy))

    def figures(self) -> dict[str, float]:
        """Return the scalars for a run's history."""
        return self.opponents.league.figures()

    def table(self) -> dict[str, Any]:
        """Return all games that past selves have played, with ratings, as JSON holds them."""
        return self.opponents.league.table()

    def get_state(self) -> dict[str, Any]:
        """Return the state of the games and of everyone who plays."""
        return {
            "games": self.env.get_state(),
            "opponents": self.opponents.state_dict(),
            "kept": self._intervals,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that :meth:`get_state` returned."""
        self.env.set_state(state["games"])
        self.opponents.load_state_dict(state["opponents"])
        self._intervals = int(state["kept"])
