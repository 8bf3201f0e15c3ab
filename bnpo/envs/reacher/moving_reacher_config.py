"""Settings of the moving Reacher: size and speed of the goal, reward, observation, physics."""

from __future__ import annotations

from dataclasses import dataclass

from bnpo.envs.arguments import require_choice, require_int, require_number
from bnpo.envs.reacher.arm_dynamics import INTEGRATORS

HAND_RADIUS = 1.0
"""Radius of the sphere at the end of link B (metres)."""

REWARD_TYPES = ("sparse", "contact", "per_axis")
LAYOUTS = ("split", "unity")


@dataclass(frozen=True, kw_only=True)
class MovingReacherConfig:
    """Settings of MovingReacher; each is a keyword argument of the environment."""

    episode_steps: int = 1000
    """Steps after which an episode is truncated (decisions of 0.08 s); the article trains on 60."""

    goal_size: float = 5.0
    """Diameter of the goal sphere (metres). Contact: hand and goal closer than half of it + 1."""

    goal_speed: float = 1.0
    """The goal's speed is uniform in +- this (degrees per physics step); 0 is the static task."""

    reward_type: str = "sparse"
    """``"sparse"``: 0 in contact at the end of the decision, else -1. ``"contact"``: 0.04 in
    contact, else 0. ``"per_axis"``: a vector of three, 0 where the goal is within reach of the hand
    along the axis, else -1."""

    obs_layout: str = "split"
    """``"unity"``: the original's 33 numbers in their order. ``"split"``: the same without the
    goal, link B first (original 13:26, 0:13, 29:33), 30 numbers."""

    integrator: str = "rk4"
    """``"rk4"``, or ``"implicitfast"``: with 4 substeps as costly as one of rk4, and coarser: it
    misplaces the hand by 9 mm per decision of random play (rk4: below 0.001 mm)."""

    substeps: int = 1
    """Number of simulator steps of one physics step of 0.02 s."""

    max_angular_velocity: float | None = 7.0
    """PhysX's limit on the angular velocity of a link before the joints are solved (rad/s);
    None lifts it."""

    angular_drag: float = 0.05
    """Rate at which angular velocities decay (1/s)."""

    def __post_init__(self) -> None:
        """Check every field."""
        require_int("episode_steps", self.episode_steps, minimum=1)
        require_number("goal_size", self.goal_size, minimum=0.0, exclusive=True)
        require_number("goal_speed", self.goal_speed, minimum=0.0)
        require_choice("reward_type", self.reward_type, REWARD_TYPES)
        require_choice("obs_layout", self.obs_layout, LAYOUTS)
        require_choice("integrator", self.integrator, INTEGRATORS)
        require_int("substeps", self.substeps, minimum=1)
        require_number("angular_drag", self.angular_drag, minimum=0.0)
        if self.max_angular_velocity is not None:
            limit = self.max_angular_velocity
            require_number("max_angular_velocity", limit, minimum=0.0, exclusive=True)

    @property
    def contact_distance(self) -> float:
        """Distance of hand and goal below which they touch (metres)."""
        return 0.5 * self.goal_size + HAND_RADIUS

    @property
    def observation_dim(self) -> int:
        """Number of components of the observation, without the two goals."""
        return 33 if self.obs_layout == "unity" else 30
