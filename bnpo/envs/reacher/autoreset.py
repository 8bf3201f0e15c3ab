"""What happens at the end of an episode, by name."""

from __future__ import annotations

from gymnasium.vector import AutoresetMode

from bnpo.envs.arguments import require_choice


def autoreset_mode(mode: AutoresetMode | str) -> AutoresetMode:
    """Return the mode; its names and its values (``"SameStep"``) are understood."""
    if isinstance(mode, AutoresetMode):
        return mode
    names = {
        **{one.name: one for one in AutoresetMode},
        **{one.value: one for one in AutoresetMode},
    }
    require_choice("autoreset_mode", mode, list(names))
    return names[mode]
