"""Fields of BrainDescription that decide credit, and where the critic is regressed and climbed."""

from __future__ import annotations

from typing import Any

import pytest

from bnpo import Trainer
from bnpo.brains import DAAC, DDPG, SAC, TD3, EntropyBonus
from bnpo.credit import GAE, HER, NStep
from tests.agent.conftest import likelihood_ratio, pathwise


def test_credit_defaults_to_her_and_gae(make_trainer: Any) -> None:
    trainer: Trainer = make_trainer(pathwise(), likelihood_ratio(), pathwise(credit=NStep(steps=2)))
    schemes = [brain.credit.scheme for brain in trainer.agent.brains]
    assert not trainer.agent.spec.goals_move
    assert schemes == [HER(), GAE(), NStep(steps=2)]


def test_climb_and_regress_are_points_where_goals_are_relabelled(make_trainer: Any) -> None:
    trainer: Trainer = make_trainer(
        pathwise(),
        likelihood_ratio(),
        pathwise(climb="distribution"),
        pathwise(credit="n_step", climb="point", regress="behaviour"),
    )
    chosen = [
        (b.climb_point, b.critic_step.regress) for b in (x.step for x in trainer.agent.brains)
    ]
    assert chosen == [(True, "point"), (False, "auto"), (False, "auto"), (True, "behaviour")]


@pytest.mark.parametrize(
    "rule",
    [SAC(), TD3(), DDPG(), DDPG(entropy=EntropyBonus(in_target=True)), DAAC()],
    ids=str,
)
def test_a_baseline_is_of_the_return_of_what_acts(rule: Any, make_trainer: Any) -> None:
    """PPO shares a critic with another PPO, and with no pathwise rule, goals or not.

    On Pendulum, where rewards are dense and need no hindsight, DDPG took three to four times
    the steps with a shared one.
    """
    beside = pathwise(rule=rule, credit=NStep(steps=1))
    assert len(make_trainer(likelihood_ratio(), beside).agent.critics) == 2
    assert len(make_trainer(likelihood_ratio(), likelihood_ratio()).agent.critics) == 1
