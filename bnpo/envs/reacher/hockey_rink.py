"""A rink with a puck and two planar arms that face each other, in MuJoCo, as a batch.

Side 0 defends the end at x = -0.4 m, side 1 that at +0.4 m. Each side has a frame of its own, in
which its own end lies at negative x: that of side 1 is the world turned by half a turn, so that the
same arm with the same angles and torques does the same there.
"""

from __future__ import annotations

import numpy as np

from bnpo.envs.reacher.batch_env import FloatArray, IndexArray
from bnpo.envs.reacher.planar_arm import fingertip_velocities, fingertips, reaching_angles
from bnpo.envs.reacher.simulator import BatchSimulator
from bnpo.envs.simulation import mujoco

HALF_LENGTH, HALF_WIDTH = 0.4, 0.2
"""Half the length and half the width of the rink (metres)."""

LINKS = (0.25, 0.25)
"""Lengths of both arms' links (metres)."""

BASE = -0.44
"""Place x of the shoulder in its side's frame, behind the end of the rink (metres)."""

MALLET_RADIUS, PUCK_RADIUS = 0.03, 0.025
"""Radii of the discs that collide (metres)."""

HOME = (-0.3, 0.0)
"""Place of a mallet at a face-off, in its side's frame, up to noise (metres)."""

TORQUE = 1.6
"""Torque of an action of 1 (N m)."""

TIMESTEP = 0.004
PHYSICS_STEPS = 5
"""Number of physics steps of one environment step of 0.02 s."""

PUCK_MASS = 0.03

OBSERVATION_DIM = 24
"""Number of components that a side observes."""

_BOUNCE = 'condim="1" solref="0.05 0.1"'
_STOP = 'condim="1" solref="0.01 1"'
_ANGLE_NOISE = 0.05


def _arm(side: int) -> str:
    """Return the MJCF of an arm; its links pass above the puck, its mallet alone touches things."""
    turn = "" if side == 0 else 'quat="0 0 0 1"'
    base = BASE if side == 0 else -BASE
    return f"""
    <body pos="{base} 0 0" {turn}>
      <joint name="shoulder{side}"/>
      <geom type="capsule" fromto="0 0 0 {LINKS[0]} 0 0" size="0.01"/>
      <body pos="{LINKS[0]} 0 0">
        <joint name="elbow{side}" limited="true" range="0.05 2.9"/>
        <geom type="capsule" fromto="0 0 0 {LINKS[1]} 0 0" size="0.01"/>
        <geom name="mallet{side}" type="sphere" pos="{LINKS[1]} 0 0" size="{MALLET_RADIUS}"/>
      </body>
    </body>"""


def _wall(name: str, x: float, y: float, normal: str) -> str:
    """Return the MJCF of a plane at (x, y) with a normal that points into the rink."""
    return f'<geom name="{name}" type="plane" pos="{x} {y} 0" zaxis="{normal}" size="1 1 1"/>'


def rink_xml() -> str:
    """Return the MJCF of a rink: walls, a centre line that no mallet crosses, arms, a puck."""
    pairs = [("puck", wall, _BOUNCE) for wall in ("left", "right", "near", "far")]
    pairs += [("puck", f"mallet{side}", _BOUNCE) for side in (0, 1)]
    for side, (end, line) in enumerate((("left", "line0"), ("right", "line1"))):
        pairs += [(f"mallet{side}", wall, _STOP) for wall in (end, line, "near", "far")]
    contacts = "".join(f'<pair geom1="{a}" geom2="{b}" {how}/>' for a, b, how in pairs)
    motors = "".join(
        f'<motor joint="{joint}{side}" gear="{TORQUE}" ctrllimited="true" ctrlrange="-1 1"/>'
        for side in (0, 1)
        for joint in ("shoulder", "elbow")
    )
    return f"""
<mujoco model="hockey_reacher">
  <compiler angle="radian" inertiafromgeom="auto"/>
  <option timestep="{TIMESTEP}" gravity="0 0 0" integrator="implicitfast"/>
  <default>
    <joint type="hinge" axis="0 0 1" armature="0.02" damping="0.25"/>
    <geom contype="0" conaffinity="0" density="300"/>
  </default>
  <worldbody>
    {_wall("left", -HALF_LENGTH, 0.0, "1 0 0")}{_wall("right", HALF_LENGTH, 0.0, "-1 0 0")}
    {_wall("near", 0.0, -HALF_WIDTH, "0 1 0")}{_wall("far", 0.0, HALF_WIDTH, "0 -1 0")}
    {_wall("line0", 0.0, 0.0, "-1 0 0")}{_wall("line1", 0.0, 0.0, "1 0 0")}
    {_arm(0)}{_arm(1)}
    <body>
      <inertial pos="0 0 0" mass="{PUCK_MASS}" diaginertia="1e-5 1e-5 1e-5"/>
      <joint name="puck_x" type="slide" axis="1 0 0" armature="0" damping="0.006"/>
      <joint name="puck_y" type="slide" axis="0 1 0" armature="0" damping="0.006"/>
      <geom name="puck" type="sphere" size="{PUCK_RADIUS}"/>
    </body>
  </worldbody>
  <contact>{contacts}</contact>
  <actuator>{motors}</actuator>
</mujoco>"""


def new_simulator(*, num_envs: int, threads: int | None) -> BatchSimulator:
    """Start the simulator of N rinks.

    Args:
        num_envs: N
        threads: MuJoCo threads; 0 steps in the calling thread, None takes as many as pay

    """
    return BatchSimulator(
        mujoco.MjModel.from_xml_string(rink_xml()),
        num_envs=num_envs,
        steps=PHYSICS_STEPS,
        control_spec=mujoco.mjtState.mjSTATE_CTRL,
        threads=threads,
    )


class HockeyRink:
    """Physics of N rinks, and what each side sees of them."""

    def __init__(self, simulator: BatchSimulator) -> None:
        """Hold the rinks of a simulator, as :func:`new_simulator` starts it."""
        self.simulator = simulator
        self._home = reaching_angles(np.array([HOME]) - (BASE, 0.0), LINKS)[0]

    def face_off(self, rows: IndexArray, uniforms: FloatArray, puck_speed: float) -> None:
        """Put rinks ``rows`` [K] at the start of a game made of ``uniforms`` [K, 8].

        The puck starts on the centre line and moves towards either side with equal chance.
        """
        noise = 2.0 * uniforms - 1.0
        qpos, qvel = self.simulator.qpos, self.simulator.qvel
        self.simulator.state[rows] = 0.0
        qpos[rows, :4] = np.tile(self._home, 2) + _ANGLE_NOISE * noise[:, :4]
        qpos[rows, 5] = 0.5 * HALF_WIDTH * noise[:, 4]
        qvel[rows, 4] = np.where(noise[:, 5] < 0.0, -1.0, 1.0) * puck_speed
        qvel[rows, 4] *= 0.5 + uniforms[:, 6]
        qvel[rows, 5] = puck_speed * noise[:, 7]

    def place_puck(self, rows: IndexArray, puck: FloatArray) -> None:
        """Put pucks into places and velocities [K, 4] (metres, m/s)."""
        self.simulator.qpos[rows, 4:] = puck[:, :2]
        self.simulator.qvel[rows, 4:] = puck[:, 2:]

    def advance(self, own: FloatArray, other: FloatArray) -> None:
        """Take one environment step under actions of side 0 and side 1, both [N, 2]."""
        control = self.simulator.control
        control[:, :, :2] = own[:, None]  # the model clips to [-1, 1]
        control[:, :, 2:] = other[:, None]
        self.simulator.advance()

    def scored(self, half_mouth: float) -> FloatArray:
        """Return who scored in the step just taken, [N]: 1 side 0, -1 side 1, 0 nobody.

        A puck that touches an end inside its mouth is a goal. It cannot bounce off unseen: a
        contact acts on states that overlap alone, and every physics step is looked at.
        """
        path = self.simulator.path[:, :, 4:6]
        across, along = np.abs(path[:, :, 1]) < half_mouth, path[:, :, 0]
        at_end = HALF_LENGTH - PUCK_RADIUS
        goals = np.stack((along > at_end, along < -at_end)) & across
        sign: FloatArray = np.subtract(goals[0].any(1), goals[1].any(1), dtype=np.float64)
        return sign

    def puck(self) -> FloatArray:
        """Return the places of the pucks, [N, 2], in the frame of side 0 (metres)."""
        return self.simulator.qpos[:, 4:].copy()

    def view(self, side: int) -> FloatArray:
        """Return what a side sees, [N, 24], in its own frame.

        Puck and its velocity; own mallet and its velocity, cos q, sin q, joint speeds; the same ten
        of the other side, its mallet in this side's frame, its angles in its own.
        """
        qpos, qvel = self.simulator.qpos, self.simulator.qvel
        sign = 1.0 if side == 0 else -1.0
        seen = np.empty((len(qpos), OBSERVATION_DIM))
        seen[:, 0:2] = sign * qpos[:, 4:]
        seen[:, 2:4] = sign * qvel[:, 4:]
        for at, arm, turn in ((4, side, 1.0), (14, 1 - side, -1.0)):
            angles, speeds = qpos[:, 2 * arm : 2 * arm + 2], qvel[:, 2 * arm : 2 * arm + 2]
            mallet = fingertips(angles, LINKS)
            mallet[:, 0] += BASE
            seen[:, at : at + 2] = turn * mallet
            seen[:, at + 2 : at + 4] = turn * fingertip_velocities(angles, speeds, LINKS)
            np.cos(angles, out=seen[:, at + 4 : at + 6])
            np.sin(angles, out=seen[:, at + 6 : at + 8])
            seen[:, at + 8 : at + 10] = speeds
        return seen
