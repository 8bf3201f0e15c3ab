"""Names of settings, under which results are kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

_PROTOCOL = {"eval_interval": 1_000, "eval_episodes": 100}
"""Evaluations of the fixed protocol, which say no more than their default on short tasks."""


_SINCE: dict[str, dict[str, Any]] = {
    "credit": {"rho_max": None, "trace_max": 1.0},
    "networks": {"matmul": "float32"},
}
"""Fields of parts that came after the first results, at defaults that change nothing."""


def fingerprint(config: Mapping[str, Any]) -> str:
    """Short name of a run's configuration: results of other settings do not count.

    What stands at its default is left out, so that a field that is added later, at a default which
    changes nothing, leaves the name as it is.
    """
    return short_name(_own(config))


def short_name(settings: Any) -> str:
    """Short name of settings of any kind, those of a peer for instance."""
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def as_before(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out of the parts of a configuration what came later and changes nothing."""
    own = dict(fields)
    for part, added in _SINCE.items():
        if isinstance(one := own.get(part), dict):
            own[part] = {k: v for k, v in one.items() if k not in added or v != added[k]}
    return own


def _own(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration without what stands at its default."""
    from bnpo.compose.schema import defaults
    from bnpo.config import AgentConfig, BrainDescription, NetworkConfig, TrainConfig

    def changed(fields: Mapping[str, Any], kind: type[Any]) -> dict[str, Any]:
        nested = ("networks",) if kind is AgentConfig else ()
        usual = json.loads(json.dumps(defaults(kind, without=nested), default=str))
        plain = json.loads(json.dumps(fields, default=str))
        return {
            key: value
            for key, value in plain.items()
            if value not in (usual.get(key, "none"), _PROTOCOL.get(key, "none"))
        }

    def brain(fields: Mapping[str, Any]) -> dict[str, Any]:
        return as_before(changed(fields, BrainDescription))

    agent = dict(config["agent"])
    networks = changed(agent.pop("networks"), NetworkConfig)
    apart = ("agent", "brains", "seed", "video")  # films decide nothing
    rest = {key: value for key, value in config.items() if key not in apart}
    return {
        **changed(rest, TrainConfig),
        "agent": {**changed(agent, AgentConfig), "networks": networks},
        "brains": {name: brain(one) for name, one in config["brains"].items()},
    }
