"""Settings of the slide Reacher, and the sizes of its arm and puck."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bnpo.envs.arguments import require_choice, require_int, require_number, require_numbers

LINKS = (0.1, 0.11)
"""Distances shoulder to elbow and elbow to fingertip (metres)."""

TIP_RADIUS, PUCK_RADIUS = 0.01, 0.02
"""Radii of the discs that collide (metres)."""

OUT_OF_REACH = sum(LINKS) + TIP_RADIUS + PUCK_RADIUS
"""Distance from the shoulder beyond which the arm cannot push the puck (metres)."""

REWARD_TYPES = ("sparse", "dense")


@dataclass(frozen=True, kw_only=True)
class SlideReacherConfig:
    """Settings of SlideReacher; each is a keyword argument of the environment."""

    episode_steps: int = 50
    """Steps after which an episode is truncated (environment steps of 0.02 s)."""

    distance_threshold: float = 0.03
    """Distance of puck and target within which the target counts as reached (metres)."""

    reward_type: str = "sparse"
    """``"sparse"``: 0 within the threshold, else -1. ``"dense"``: minus the distance (metres)."""

    target_distance: Sequence[float] = (0.28, 0.45)
    """Least and largest distance of targets from the shoulder (metres), out of the arm's reach."""

    target_angle: float = 30.0
    """Targets are uniform by area in a sector of +- this angle around the x axis (degrees)."""

    friction: float = 0.15
    """Coefficient of the friction between puck and table: it slows down by 9.81 times this."""

    def __post_init__(self) -> None:
        """Check every field."""
        require_int("episode_steps", self.episode_steps, minimum=1)
        require_number("distance_threshold", self.distance_threshold, minimum=0.0, exclusive=True)
        require_choice("reward_type", self.reward_type, REWARD_TYPES)
        near, far = self.distances
        if not OUT_OF_REACH <= near <= far:
            raise ValueError(
                f"target_distance={self.target_distance!r} must be two numbers of at least "
                f"{OUT_OF_REACH:g}, the arm's reach, in ascending order"
            )
        if require_number("target_angle", self.target_angle, minimum=0.0) > 180.0:
            raise ValueError(f"target_angle={self.target_angle!r} must be at most 180")
        require_number("friction", self.friction, minimum=0.0, exclusive=True)

    @property
    def distances(self) -> tuple[float, float]:
        """Least and largest distance of a target."""
        near, far = require_numbers(
            "target_distance", self.target_distance, "two finite numbers", count=2
        )
        return near, far
