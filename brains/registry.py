"""Names of learning rules, and the rule that follows from a description's flags."""

from __future__ import annotations

from bnpo.brains.rule import Rule
from bnpo.brains.rules.awr import AWR
from bnpo.brains.rules.da_ac import DAAC
from bnpo.brains.rules.ddpg import DDPG
from bnpo.brains.rules.gps import GPS
from bnpo.brains.rules.ipg import IPG
from bnpo.brains.rules.is_return import ISReturn
from bnpo.brains.rules.ppo import PPO
from bnpo.brains.rules.ppo_kl import PPOKL
from bnpo.brains.rules.reppo import REPPO
from bnpo.brains.rules.sac import SAC
from bnpo.brains.rules.td3 import TD3
from bnpo.brains.rules.trpo import TRPO
from bnpo.brains.rules.vpg import VPG
from bnpo.config import BrainDescription
from bnpo.errors import ConfigError, did_you_mean
from bnpo.types import adopted

__all__ = ["RULES", "resolve_rule"]

RULES: dict[str, type[Rule]] = {
    "awr": AWR,
    "da_ac": DAAC,
    "ddpg": DDPG,
    "gps": GPS,
    "ipg": IPG,
    "is_return": ISReturn,
    "ppo": PPO,
    "ppo_kl": PPOKL,
    "reppo": REPPO,
    "sac": SAC,
    "td3": TD3,
    "trpo": TRPO,
    "vpg": VPG,
}
"""Every rule by its name."""


def resolve_rule(description: BrainDescription) -> Rule:
    """Return the rule of a brain: the one it names, or the one its flags imply.

    Raises:
        ConfigError: for an unknown name, for something that is no rule, and where the flag
            ``bellman`` contradicts the rule.

    """
    if not isinstance(description, BrainDescription):
        raise ConfigError(f"brains holds {description!r}: allowed are BrainDescriptions")
    rule = description.rule
    if rule is None:
        return _derive(description)
    if isinstance(rule, str):
        if rule not in RULES:
            hint = did_you_mean(rule, RULES)
            raise ConfigError(
                f"BrainDescription.rule = {rule!r}: allowed is one of {sorted(RULES)}{hint}"
            )
        rule = RULES[rule]()
    if not isinstance(rule, type):
        rule = adopted(rule, Rule, "pathwise", "objective")
    if not isinstance(rule, Rule):
        raise ConfigError(
            f"BrainDescription.rule = {rule!r}: allowed is a rule's name or an object with "
            "'pathwise' and 'objective(sample)'"
        )
    if rule.pathwise != description.bellman:
        kind = "pathwise: set bellman=True" if rule.pathwise else "not pathwise: set bellman=False"
        raise ConfigError(
            f"BrainDescription.bellman = {description.bellman} with rule "
            f"{type(rule).__name__}, which is {kind}"
        )
    return rule


def _derive(description: BrainDescription) -> Rule:
    if description.bellman:
        return DDPG(mean_only=description.mean_only, clip=description.ppo_eps)
    assert description.ppo_eps is not None  # BrainDescription refuses it without a rule
    return PPO(eps=description.ppo_eps)
