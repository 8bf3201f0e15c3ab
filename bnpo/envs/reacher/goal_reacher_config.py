"""Settings of the goal Reacher: targets, reward, and what may go wrong with the motors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bnpo.envs.arguments import require_choice, require_int, require_number, require_numbers

LINKS = (0.1, 0.11)
"""Distances shoulder to elbow and elbow to fingertip (metres)."""

REACH = sum(LINKS)

REWARD_TYPES = ("sparse", "dense")


@dataclass(frozen=True, kw_only=True)
class GoalReacherConfig:
    """Settings of GoalReacher; each is a keyword argument of the environment."""

    episode_steps: int = 50
    """Steps after which an episode is truncated (environment steps of 0.02 s)."""

    distance_threshold: float = 0.02
    """Distance within which the target counts as reached (metres)."""

    reward_type: str = "sparse"
    """``"sparse"``: 0 within the threshold, else -1. ``"dense"``: minus the distance (metres)."""

    target_radius: float = 0.2
    """Targets are uniform by area in a disc of this radius (metres)."""

    target_center: Sequence[float] = (0.0, 0.0)
    """Centre of that disc, from the shoulder (metres)."""

    motor_noise: float = 0.0
    """Standard deviation of Gaussian noise that each motor adds to the action in each step; the
    torque stays within its limits."""

    stall_zone: Sequence[float] | None = None
    """Disc x, y, radius (metres) in which the motors may stall; None: they never do."""

    stall_probability: float = 0.12
    """Probability that the motors stall in a step that begins with the fingertip in the zone."""

    stall_steps: int | None = None
    """Steps for which stalled motors hold the arm still; None: until the episode ends."""

    def __post_init__(self) -> None:
        """Check every field."""
        require_int("episode_steps", self.episode_steps, minimum=1)
        require_number("distance_threshold", self.distance_threshold, minimum=0.0, exclusive=True)
        require_choice("reward_type", self.reward_type, REWARD_TYPES)
        radius = require_number("target_radius", self.target_radius, minimum=0.0)
        x, y = require_numbers(
            "target_center", self.target_center, "two finite numbers x, y", count=2
        )
        if radius > REACH:
            raise ValueError(f"target_radius={radius!r} must be at most {REACH:g}, the arm's reach")
        if math.hypot(x, y) + radius > REACH + 1e-9:
            raise ValueError(
                f"target_center={self.target_center!r} must be at most {REACH - radius:g} from the "
                f"shoulder: with target_radius={radius!r} the arm reaches no further"
            )
        require_number("motor_noise", self.motor_noise, minimum=0.0)
        if self.stall_zone is not None:
            allowed = "three finite numbers x, y, radius, the radius above 0, or None"
            if require_numbers("stall_zone", self.stall_zone, allowed, count=3)[2] <= 0.0:
                raise ValueError(f"stall_zone={self.stall_zone!r} must be {allowed}")
        if require_number("stall_probability", self.stall_probability, minimum=0.0) > 1.0:
            raise ValueError(f"stall_probability={self.stall_probability!r} must be at most 1")
        if self.stall_steps is not None:
            require_int("stall_steps", self.stall_steps, minimum=1)

    @property
    def zone(self) -> tuple[float, float, float] | None:
        """The stall zone as a tuple x, y, radius."""
        if self.stall_zone is None:
            return None
        x, y, radius = map(float, self.stall_zone)
        return x, y, radius
