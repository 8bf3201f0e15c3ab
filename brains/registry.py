"""Names of learning rules, and the rule that follows from a description's flags."""

from __future__ import annotations

import difflib

from bnpo.brains.ddpg import DDPG
from bnpo.brains.gps import GPS
from bnpo.brains.is_return import ISReturn
from bnpo.brains.ppo import PPO
from bnpo.brains.ppo_kl import PPOKL
from bnpo.brains.rule import Rule
from bnpo.brains.trpo import TRPO
from bnpo.brains.vpg import VPG
from bnpo.config import BrainDescription, ConfigError

__all__ = ["RULES", "resolve_rule"]

RULES: dict[str, type[Rule]] = {
    "ddpg": DDPG,
    "gps": GPS,
    "is_return": ISReturn,
    "ppo": PPO,
    "ppo_kl": PPOKL,
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
    rule = description.rule
    if rule is None:
        return _derive(description)
    if isinstance(rule, str):
        if rule not in RULES:
            close = difflib.get_close_matches(rule, RULES, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ConfigError(
                f"BrainDescription.rule = {rule!r}: allowed is one of {sorted(RULES)}{hint}"
            )
        rule = RULES[rule]()
    if isinstance(rule, type) or not isinstance(rule, Rule):
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
