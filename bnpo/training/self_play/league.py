"""The league of a policy's past selves, and the games between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnpo.agent.policy import Policy
from bnpo.training.self_play.ratings import Ratings, elo_ratings

__all__ = ["SCRIPTED", "League", "Member"]

SCRIPTED = "scripted"
"""Name of the player that every rating is measured against."""


@dataclass(frozen=True)
class Member:
    """Past self of the policy."""

    step: int
    """Number of environment steps after which it was kept"""

    policy: Policy
    """Copy of the policy of that moment"""


@dataclass
class League:
    """Past selves, bounded in number, and the table of all games that any of them has played."""

    size: int
    """Largest number of past selves"""

    members: list[Member] = field(default_factory=list)
    """Past selves in the order of time"""

    players: list[str] = field(default_factory=lambda: [SCRIPTED])
    """Names of all who have ever played, past selves by their step"""

    wins: NDArray[np.float64] = field(default_factory=lambda: np.zeros((1, 1)))
    """[P, P], number of games that i won against j"""

    draws: NDArray[np.float64] = field(default_factory=lambda: np.zeros((1, 1)))
    """[P, P], number of games without a goal, alike for i and j"""

    def add(self, member: Member) -> None:
        """Keep a past self; where there is no room, one of those that lie closest in time goes.

        The first and the newest stay, so that the league covers the whole run.
        """
        self.members.append(member)
        if len(self.members) > self.size:
            steps = np.array([one.step for one in self.members], np.float64)
            spans = steps[2:] - steps[:-2]  # that would be left without the one between
            index = 1 + int(spans.argmin()) if len(spans) else 0
            del self.members[index]

    def enter(self, step: int) -> int:
        """Give a new player a row in the table; return which."""
        self.players.append(str(step))
        self.wins, self.draws = (np.pad(table, ((0, 1), (0, 1))) for table in self._tables())
        return len(self.players) - 1

    def note(self, player: int, other: int, won: int, lost: int, drawn: int) -> None:
        """Add games of a player against another one."""
        self.wins[player, other] += won
        self.wins[other, player] += lost
        for i, j in ((player, other), (other, player)):
            self.draws[i, j] += drawn

    def _tables(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self.wins, self.draws

    @property
    def ratings(self) -> Ratings:
        """Elo ratings of all players; the scripted one has 0."""
        return elo_ratings(self.wins + 0.5 * self.draws)

    def score_of_last(self) -> NDArray[np.float64]:
        """Return the share of points that the newest player took from each member, [M], or 1/2."""
        rows = [self.players.index(str(member.step)) for member in self.members]
        points = self.wins[-1, rows] + 0.5 * self.draws[-1, rows]
        games = self.wins[-1, rows] + self.wins[rows, -1] + self.draws[-1, rows]
        share: NDArray[np.float64] = np.full(len(rows), 0.5)
        return np.divide(points, games, out=share, where=games > 0)

    def figures(self) -> dict[str, float]:
        """Return the scalars for a run's history: how the newest past self stands."""
        if len(self.players) < 2:
            return {}
        elo, margin = self.ratings
        decided = self.wins[-1] + self.wins[:, -1]
        own = [self.players.index(str(member.step)) for member in self.members[:-1]]
        figures = {"elo": elo[-1], "elo_margin": margin[-1], "past_selves": len(self.members)}
        for name, rows in (("win_share_scripted", [0]), ("win_share_past", own)):
            if decided[rows].sum() > 0:
                figures[name] = self.wins[-1, rows].sum() / decided[rows].sum()
        return {name: float(value) for name, value in figures.items()}

    def table(self) -> dict[str, Any]:
        """Return all games and ratings, as JSON holds them."""
        elo, margin = self.ratings
        return {
            "players": self.players,
            "wins": self.wins.tolist(),
            "draws": self.draws.tolist(),
            "elo": elo.tolist(),
            "elo_margin": margin.tolist(),
        }
