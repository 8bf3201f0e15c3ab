"""Model of the moving Reacher's arm, and what PhysX does to torques that MuJoCo does not."""

from __future__ import annotations

import numpy as np

from bnpo.envs.reacher.arm_kinematics import ArmPose, FloatArray

PHYSICS_STEP = 0.02
"""Seconds."""

INERTIA = np.array([[2.750735, 0.122059, 2.750735], [3.858919, 0.256818, 3.858919]])
"""Moments of inertia of links A and B about their centres of mass, link axes (kg m^2)."""

MAX_JOINT_SPEED = 50.0
"""Limit on the speed of a hinge (rad/s). Two hinges are singular where the second stands at 90
degrees; held torques can spin a link there until no time step is short enough. Random play stays
below 16, bang-bang play below 25."""

_SPEED_PER_TORQUE = PHYSICS_STEP / INERTIA
_TORQUE_PER_SPEED = INERTIA / PHYSICS_STEP


def limited_torques(
    pose: ArmPose,
    torques: FloatArray,
    *,
    angular_drag: float,
    max_angular_velocity: float | None,
) -> FloatArray:
    """Return the world torques that give each link PhysX's velocity before the joints are solved.

    PhysX adds torque and drag to the angular velocity of a link as if it were free, limits the
    result, and only then solves the joints: w' = limit((1 - drag dt) w + dt I^-1 torque).
    The same is reached by the torque I (w' - w) / dt.

    Args:
        pose: orientation and angular velocity of the links.
        torques: world torques asked for [N, 2, 3] (N m).
        angular_drag: rate of decay (1/s).
        max_angular_velocity: limit of |w'| (rad/s), None for none.

    Returns:
        World torques to apply for one physics step [N, 2, 3] (N m).

    """
    before = pose.angular_velocity
    after = pose.body_torques(torques)
    after *= _SPEED_PER_TORQUE
    after += (1.0 - angular_drag * PHYSICS_STEP) * before
    if max_angular_velocity is not None:
        squared = np.square(after).sum(-1, keepdims=True)
        np.maximum(squared, max_angular_velocity**2, out=squared)
        after *= max_angular_velocity / np.sqrt(squared, out=squared)
    after -= before
    after *= _TORQUE_PER_SPEED
    return pose.world_torques(after)


INTEGRATORS = {"rk4": "RK4", "implicitfast": "implicitfast"}
"""MuJoCo's name of each integrator."""


def arm_xml(*, substeps: int, integrator: str) -> str:
    """Return the MJCF of one arm: two links on two universal joints, no contacts, no limits."""
    inertia_a, inertia_b = (" ".join(map(str, row)) for row in INERTIA)
    return f"""
    <mujoco model="moving_reacher">
      <compiler inertiafromgeom="false"/>
      <option timestep="{PHYSICS_STEP / substeps}" integrator="{INTEGRATORS[integrator]}"
              gravity="0 -9.81 0">
        <flag constraint="disable" contact="disable"/>
      </option>
      <worldbody>
        <body name="A" pos="0 -4 0" quat="0 1 0 0">
          <inertial pos="0 0 0" mass="1" diaginertia="{inertia_a}"/>
          <joint name="shoulder_x" type="hinge" axis="1 0 0" pos="0 -4.02 0"/>
          <joint name="shoulder_z" type="hinge" axis="0 0 1" pos="0 -4.02 0"/>
          <body name="B" pos="0 6 0">
            <inertial pos="0 1.454545 0" mass="1" diaginertia="{inertia_b}"/>
            <joint name="elbow_x" type="hinge" axis="1 0 0" pos="0 -3 0"/>
            <joint name="elbow_z" type="hinge" axis="0 0 1" pos="0 -3 0"/>
          </body>
        </body>
      </worldbody>
    </mujoco>
    """
