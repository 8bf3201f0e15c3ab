"""Presets: brain lists and tasks by name, and agents built from plain configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bnpo.extras import on_use
from bnpo.presets.guided import GUIDED
from bnpo.presets.hybrid import HYBRID
from bnpo.presets.off_policy import OFF_POLICY
from bnpo.presets.on_policy import ON_POLICY
from bnpo.presets.tasks import TASKS
from bnpo.presets.tuned import TUNED

if TYPE_CHECKING:
    from bnpo.presets.building import (
        agent_of,
        build_agent,
        build_brain,
        build_train_config,
        read_config,
        run_of,
        write_config,
    )
    from bnpo.presets.named import REGISTRIES

__all__ = [
    "PRESETS",
    "REGISTRIES",
    "TASKS",
    "TUNED",
    "agent_of",
    "build_agent",
    "build_brain",
    "build_train_config",
    "read_config",
    "run_of",
    "write_config",
]

PRESETS: dict[str, dict[str, Any]] = {**HYBRID, **ON_POLICY, **OFF_POLICY, **GUIDED}
"""Brain lists by name, with the agent settings they were made for."""

__getattr__ = on_use(
    __name__,
    {
        "REGISTRIES": "bnpo.presets.named",
        **{name: "bnpo.presets.building" for name in __all__ if name.islower()},
    },
)
