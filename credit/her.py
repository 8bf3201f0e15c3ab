"""Hindsight experience replay: goals replaced by what was achieved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from bnpo.config import Fraction, Steps, config
from bnpo.credit.goals import check_strategy, choose
from bnpo.types import CreditScheme, Evaluator, Trajectories, Transitions

__all__ = ["HER"]


@config
class HER(CreditScheme):
    """Hindsight goals g' for a share of the transitions, n-step credit as it happened for the rest.

    r = R(achieved_goal_{t+1}, g') and n = 1 under g' (Andrychowicz et al. 2017). The discount is 0
    where the task says that reaching g' ends the episode; a termination that really happened stays
    where its own goal does not explain it. g' is chosen because of the action (``relabels``).
    """

    strategy: Any = "future"
    """future, final, episode, other, actual, a callable (see bnpo.credit.goals), or {strategy:
    probability}. Goals of the own segment make a random world look kind: where chance decides the
    outcome it chooses the goal, too. "other" and "actual" do not, and neither do the goals that
    stay."""
    ratio: Fraction = 0.8
    """Probability that a transition's goal is replaced."""
    steps: Steps = 3
    """n of the transitions that keep their goal; drawn from U{1..steps} if floating."""
    floating: bool = True
    """Whether that n is drawn anew for each transition each time."""
    moving: bool | None = None
    """Whether a replaced goal moves as the desired one does: g'_t = g'_{t+1} - (g_{t+1} - g_t);
    None: where the environment says that its goals move."""
    relabels: ClassVar[bool] = True
    """Goals are chosen because of the outcome."""
    needs_goals: ClassVar[bool] = True
    """Works on goal environments alone."""

    def __post_init__(self) -> None:
        """Refuse a strategy that is none."""
        check_strategy(self.strategy, "HER.strategy")

    @property
    def wants_whole_episodes(self) -> bool:
        """Whether goals are those of a whole episode: its end, or anywhere in it."""
        named = self.strategy if isinstance(self.strategy, Mapping) else {self.strategy: 1.0}
        return any(named.get(strategy, 0.0) > 0.0 for strategy in ("final", "episode"))

    def assign(
        self, trajectories: Trajectories, segment: Tensor, time: Tensor, evaluator: Evaluator
    ) -> Transitions:
        """Assign hindsight credit to the transitions at (segment, time), both [B]."""
        generator = evaluator.generator
        replaced = torch.rand(time.shape, generator=generator, device=time.device) < self.ratio
        fewest = 1 if self.floating else self.steps
        steps = torch.empty_like(time).random_(fewest, self.steps + 1, generator=generator)
        if self.steps > 1:
            steps.masked_fill_(replaced, 1)  # later actions did not pursue the new goal
        made, outcome = trajectories.n_step_outcome(
            segment, time, steps, evaluator.gamma, self.steps
        )
        goal = choose(
            self.strategy, trajectories, segment, time, generator, moving=bool(self.moving)
        )
        later = goal + (made.next_goal - made.goal) if self.moving else goal
        info = trajectories.info_at(segment, time)
        reward = evaluator.reward(outcome, later, *info)  # read where n = 1 alone
        where = replaced[:, None]
        discount = made.discount
        some_ended = not bool(discount.all())
        if some_ended and len(ended := (replaced & (discount == 0)).nonzero()[:, 0]):
            # by their own goals: others may not end
            asked = [part[ended] for part in (outcome, made.next_goal, *info)]
            explained = evaluator.terminated(*asked)
            discount = discount.index_fill(0, ended[explained], evaluator.gamma)
        ends = evaluator.terminated(outcome, later, *info)  # a goal that truncates is bootstrapped
        discount = discount.masked_fill(replaced & ends, 0.0)
        return made.replace(
            goal=torch.where(where, goal, made.goal),
            next_goal=torch.where(where, later, made.next_goal),
            reward=torch.where(where, reward, made.reward),
            discount=discount,
            relabelled=replaced,
        )
