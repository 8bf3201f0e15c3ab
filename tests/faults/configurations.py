"""Configurations of any kind: a valid small one, of which some fields are given any values."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from bnpo.brains.registry import RULES
from bnpo.compose.composition import compose
from bnpo.compose.overrides import flatten
from bnpo.config import AgentConfig, BrainDescription, NetworkConfig, TrainConfig
from bnpo.credit.registry import SCHEMES
from bnpo.replay import LAWS

REGISTRIES: dict[str, Mapping[str, type[Any]]] = {"rule": RULES, "credit": SCHEMES, "sampler": LAWS}

LABOUR = {
    *("learning_repeat", "optim_epochs", "total_steps", "eval_episodes", "eval_interval"),
    *("checkpoint_interval", "threads", "name", "checkpoint_keep", "iterations"),
    "offline_turns",
}
"""Fields whose large values are right and take long, so that they are kept small here."""

WORDS = ("", "x", "auto", "her", "ppo", "future", "point", "min", "global", "float64", "uniform")

LARGE = (100, 10**3, 10**6, 10**9, 10**13, 2**63, 10**30)

junk = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(WORDS),
    st.just([]),
    st.just({}),
    st.lists(st.integers(-1, 9), max_size=3),
    st.dictionaries(st.sampled_from(["name", "a"]), st.sampled_from(WORDS), max_size=2),
)
"""Values of wrong types."""

whole = st.one_of(
    st.integers(1, 70), st.integers(1, 70), st.integers(-1, 1), st.sampled_from(LARGE)
)
broken = st.one_of(
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0.0, 1e-30, 1e-8, 1 - 1e-9, 1.0, 10.0, 1e8, 1e30]),
)
small = st.one_of(st.integers(1, 12), st.integers(-1, 12))
width = st.one_of(st.integers(1, 40), st.integers(0, 40), st.sampled_from([10**5, 10**9, 10**14]))

SPECIAL: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(LABOUR, small),
    **dict.fromkeys(("actor_hidden", "critic_hidden"), st.lists(width, max_size=3)),
    "critics": st.one_of(st.integers(0, 8), st.sampled_from(LARGE[4:])),
    "exploration": st.lists(st.floats(0, 2), max_size=4),
    "target_bounds": st.lists(st.floats(-30, 30), min_size=2, max_size=2),
    "device": st.sampled_from(["cpu", "cpu", "cuda:99", "meta", "x", ""]),
    "dtype": st.sampled_from(["float32", "float64", "float16"]),
    "reduce": st.sampled_from(["min", "mean", "max"]),
    "sigma": st.sampled_from(["fixed", "global", "state", "x"]),
    "regress": st.sampled_from(["auto", "point", "behaviour", "learning", "interpolate", "x"]),
    "climb": st.sampled_from(["auto", "point", "distribution", "x"]),
    "ess_action": st.sampled_from(["skip", "shrink", "x"]),
    "strategy": st.sampled_from(["future", "final", "episode", "x"]),
    "ratio": st.one_of(st.floats(0, 1), st.sampled_from(["sampled", "realigned", "decoupled"])),
}
"""Fields whose values are not just numbers."""


def value_of(name: str, like: Any) -> st.SearchStrategy[Any]:
    """Any value for a field, mostly of a kind that it could have."""
    if name in REGISTRIES:
        right: st.SearchStrategy[Any] = st.one_of(
            part_of(name), st.sampled_from(sorted(REGISTRIES[name]))
        )
    elif name in SPECIAL:
        right = SPECIAL[name]
    elif isinstance(like, bool):
        right = st.booleans()
    elif isinstance(like, int):
        right = whole
    elif isinstance(like, float) or like is None:
        right = broken
    else:
        right = st.sampled_from(WORDS)
    return st.integers(0, 9).flatmap(lambda dice: junk if dice == 0 else right)


def part_of(key: str) -> st.SearchStrategy[dict[str, Any]]:
    """A rule, a scheme or a law with some fields of its own."""

    def fields_of(name: str) -> st.SearchStrategy[dict[str, Any]]:
        kind = REGISTRIES[key][name]
        fields = dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ()
        chosen = st.fixed_dictionaries(
            {}, optional={field.name: value_of(field.name, field.default) for field in fields}
        )
        return chosen.map(lambda given: {"name": name, **given})

    return st.sampled_from(sorted(REGISTRIES[key])).flatmap(fields_of)


def _paths() -> dict[str, str]:
    """Dotted path of every public field, and its name."""
    kinds = {"": TrainConfig, "agent.": AgentConfig, "agent.networks.": NetworkConfig}
    paths = {
        f"{at}{f.name}": f.name for at, kind in kinds.items() for f in dataclasses.fields(kind)
    }
    for brain in ("ppo", "ddpg"):
        fields = [field.name for field in dataclasses.fields(BrainDescription)]
        paths |= {f"brains.{brain}.{name}": name for name in fields if name != "name"}
    paths.pop("agent.networks")
    return paths


PATHS = _paths()
USUAL = dict(flatten(compose(["bpo", "goal_reacher"], {})))


@st.composite
def changes(draw: st.DrawFn) -> dict[str, Any]:
    """Overrides of a valid small configuration: a few fields, of any value."""
    paths = draw(st.lists(st.sampled_from(sorted(PATHS)), min_size=1, max_size=4, unique=True))
    return {path: draw(value_of(PATHS[path], USUAL.get(path))) for path in paths}
