"""Lists that cannot work are refused when they are made: which brain, which field, what to do."""

from __future__ import annotations

from typing import Any

import pytest

from bnpo.errors import ConfigError
from tests.agent.toys import MakeToy, brain_of

CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "natural with nothing to constrain": (
        brain_of("ppo", natural=True, ppo_eps=None, rule=None),
        ["natural = True", "no objective to constrain", "rule='trpo'"],
    ),
    "no rule follows": (
        brain_of("ppo", ppo_eps=None, rule=None),
        ["rule = None", "set ppo_eps for PPO or name a rule"],
    ),
    "hindsight on a likelihood ratio": (
        brain_of("ppo", credit={"name": "her", "strategy": "final"}),
        ["credit = HER", "rule PPO", "'shifted_goals'"],
    ),
    "hindsight on the vanilla gradient": (
        brain_of("vpg_rtg", credit="her"),
        ["credit = HER", "rule VPG", "pathwise", "rule='awr'"],
    ),
    "the ratio twice": (
        brain_of("ppo", sampler="importance_ratio"),
        ["sampler = ImportanceRatio", "PPO", "again", "sampler='uniform'"],
    ),
    "the ratio twice, by a schedule": (
        brain_of("trpo", prio_schedule=0.5),
        ["prio_schedule = 0.5", "TRPO", "prio_schedule=None"],
    ),
    "values of actions that nobody learns": (
        brain_of("vpg_q", regress="behaviour"),
        ["regress = 'behaviour'", "single actions", "'interpolate', 'point'"],
    ),
    "a rule of single actions among values of distributions": (
        brain_of("sac", regress="behaviour"),
        ["regress = 'behaviour'", "SAC", "'auto', 'point'"],
    ),
    "other credit for a rule with its own": (
        brain_of("is_return", credit="gae"),
        ["credit = GAE", "ISReturn", "leave credit=None"],
    ),
    "a pathwise rule called a likelihood ratio": (
        brain_of("ddpg", bellman=False),
        ["bellman = False", "DDPG", "set bellman=True"],
    ),
    "an unknown rule": (
        brain_of("ppo", rule="pop"),
        ["rule = 'pop'", "did you mean 'ppo'"],
    ),
    "a trust region of no size": (
        brain_of("trpo", rule={"name": "trpo", "natural": {"delta": 0.0}}),
        ["NaturalGradient.delta = 0.0", "greater than 0"],
    ),
    "a line search of less than none": (
        brain_of("npg", rule={"name": "vpg", "natural": {"backtracks": -1}}),
        ["NaturalGradient.backtracks = -1"],
    ),
    "a phi that is none": (
        brain_of("vpg_q", rule={"name": "vpg", "phi": "v"}),
        ["VPG.phi = 'v'", "'return', 'constant', 'advantage' or 'q'"],
    ),
    "an unknown field of a rule": (
        brain_of("ppo_kl", rule={"name": "ppo_kl", "target": 0.1}),
        ["PPOKL has no field 'target'"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_list_that_cannot_work_is_refused(case: str, make_toy: MakeToy) -> None:
    bad, words = CASES[case]
    with pytest.raises(ConfigError) as caught:
        make_toy({"first": brain_of("ppo"), "second": bad})
    message = str(caught.value)
    assert "\n" not in message
    assert "second" in message
    for word in words:
        assert word in message


def test_a_discount_schedule_must_be_a_function(make_toy: MakeToy) -> None:
    with pytest.raises(ConfigError, match=r"AgentConfig.gamma_schedule = 0.9: allowed is None or"):
        make_toy({"ppo": brain_of("ppo")}, {"gamma_schedule": 0.9})
