"""The moving Reacher's arm against a plain MuJoCo twin, and against what physics allows."""

from __future__ import annotations

import mujoco
import numpy as np
import numpy.typing as npt
import pytest

from bnpo.envs import MovingReacherVectorEnv
from bnpo.envs.reacher.arm_dynamics import arm_xml
from bnpo.envs.reacher.arm_kinematics import ArmPose, hand_position

FloatArray = npt.NDArray[np.float64]

TWIN = """
<mujoco>
  <compiler inertiafromgeom="false"/>
  <option timestep="0.005" gravity="0 -9.81 0" integrator="implicitfast"/>
  <worldbody>
    <body name="A" pos="0 -4 0" quat="0 1 0 0">
      <inertial pos="0 0 0" mass="1" diaginertia="2.750735 0.122059 2.750735"/>
      <joint axis="1 0 0" pos="0 -4.02 0"/>
      <joint axis="0 0 1" pos="0 -4.02 0"/>
      <body name="B" pos="0 6 0">
        <inertial pos="0 1.454545 0" mass="1" diaginertia="3.858919 0.256818 3.858919"/>
        <joint axis="1 0 0" pos="0 -3 0"/>
        <joint axis="0 0 1" pos="0 -3 0"/>
        <site name="hand" pos="0 3 0"/>
      </body>
    </body>
  </worldbody>
</mujoco>
"""


class Twin:
    """One arm, stepped in plain MuJoCo with every quantity taken from the simulator."""

    def __init__(self, angle: float, speed: float) -> None:
        self.model = mujoco.MjModel.from_xml_string(TWIN)
        self.model.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_WARMSTART)
        self.data = mujoco.MjData(self.model)
        self.angle, self.speed = angle, speed

    def decide(self, action: FloatArray) -> tuple[FloatArray, float]:
        """Advance one decision; the hand [3] and the reward for contact."""
        a = np.clip(action, -1.0, 1.0)
        torques = {1: 150.0 * np.array([a[0], 0, a[1]]), 2: 150.0 * np.array([a[2], 0, a[3]])}
        contact = 0.0
        for _ in range(4):
            self.angle += self.speed
            mujoco.mj_forward(self.model, self.data)
            for body, torque in torques.items():
                self.data.xfrc_applied[body, 3:] = self._limited(body, torque)
            for _ in range(4):
                mujoco.mj_step(self.model, self.data)
            mujoco.mj_forward(self.model, self.data)
            radians = np.deg2rad(self.angle)
            goal = np.array([8 * np.sin(radians), -1.0, 8 * np.cos(radians)])
            contact += 0.01 * (np.linalg.norm(self.data.site("hand").xpos - goal) < 3.5)
        return self.data.site("hand").xpos.copy(), contact

    def _limited(self, body: int, torque: FloatArray) -> FloatArray:
        rotation = self.data.ximat[body].reshape(3, 3)
        inertia = rotation @ np.diag(self.model.body_inertia[body]) @ rotation.T
        velocity = self.data.cvel[body, :3]
        free = velocity * (1 - 0.05 * 0.02) + 0.02 * np.linalg.solve(inertia, torque)
        norm = np.linalg.norm(free)
        if norm > 7.0:
            free *= 7.0 / norm
        limited: FloatArray = inertia @ (free - velocity) / 0.02
        return limited


def test_decisions_equal_a_plain_simulation() -> None:
    """40 decisions of three arms, contacts included, against the specification step by step."""
    env = MovingReacherVectorEnv(num_envs=3, threads=2, integrator="implicitfast", substeps=4)
    angles, speeds = np.array([10.0, 200.0, 300.0]), np.array([1.0, -0.5, 0.1])
    env.reset(seed=0, options={"goal_angle": angles, "goal_speed": speeds})
    twins = [Twin(*course) for course in zip(angles, speeds, strict=True)]
    rng = np.random.default_rng(3)
    for _ in range(40):
        actions = rng.uniform(-1.5, 1.5, (3, 4))
        observations, _, _, _, infos = env.step(actions)
        for index, twin in enumerate(twins):
            hand, contact = twin.decide(actions[index])
            np.testing.assert_allclose(observations["achieved_goal"][index], hand, atol=1e-7)
            assert infos["contact_reward"][index] == pytest.approx(contact)
    env.close()


def test_default_integration_has_converged() -> None:
    """A hundredth of the step gives the same decision; the specified port is off by millimetres."""
    rng = np.random.default_rng(0)
    swing, action = rng.uniform(-1, 1, (10, 30, 4)), rng.uniform(-1, 1, (30, 4))
    fine = MovingReacherVectorEnv(num_envs=30, threads=0, substeps=100)
    start, _ = fine.reset(seed=0)
    for actions in swing:
        fine.step(actions)
    state = fine.get_state()
    expected = fine.step(action)[0]["achieved_goal"]
    error = {}
    for integrator, substeps in (("rk4", 1), ("implicitfast", 4)):
        env = MovingReacherVectorEnv(
            num_envs=30, threads=0, integrator=integrator, substeps=substeps
        )
        env.set_state(state)
        hands = env.step(action)[0]["achieved_goal"]
        error[integrator] = np.median(np.linalg.norm(hands - expected, axis=1))
    assert error["rk4"] < 1e-5
    assert 1e-4 < error["implicitfast"] < 0.05
    assert np.linalg.norm(expected - start["achieved_goal"], axis=1).mean() > 1.0


def test_free_motion_keeps_its_energy() -> None:
    """Ten seconds of a swing from above the horizontal, to 1 % of the energy above hanging."""
    env = MovingReacherVectorEnv(num_envs=1, threads=0, max_angular_velocity=None, angular_drag=0.0)
    env.reset(seed=0)
    state = env.get_state()
    state["arrays"]["physics"][0, 1:5] = [1.5, 0.4, 0.5, -0.3]
    env.set_state(state)
    model = mujoco.MjModel.from_xml_string(arm_xml(substeps=1, integrator="rk4"))
    model.opt.enableflags |= int(mujoco.mjtEnableBit.mjENBL_ENERGY)
    data = mujoco.MjData(model)

    def energy() -> float:
        physics = env.get_state()["arrays"]["physics"][0]
        data.qpos[:], data.qvel[:] = physics[1:5], physics[5:]
        mujoco.mj_forward(model, data)
        return float(data.energy.sum())

    mujoco.mj_forward(model, data)
    hanging = float(data.energy[0])
    energies = [energy()]
    for _ in range(125):
        env.step(np.zeros((1, 4)))
        energies.append(energy())
    above = np.array(energies) - hanging
    assert np.ptp(above) < 0.01 * above[0]


def test_limit_holds_before_the_joints_are_solved() -> None:
    """Full torque about the limb's own axis is scaled down: random play moves the arm little."""
    rng = np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (50, 20, 4))
    mean_speed = {}
    for limit in (7.0, None):
        env = MovingReacherVectorEnv(num_envs=20, threads=0, max_angular_velocity=limit)
        env.reset(seed=0)
        speeds = [np.abs(env.step(a)[0]["observation"][:, 10:13]).mean() for a in actions]
        mean_speed[limit] = np.mean(speeds)
    assert mean_speed[7.0] < 0.9 * mean_speed[None]


def test_held_torques_never_make_the_simulation_unstable() -> None:
    """Two hinges are singular at 90 degrees; MuJoCo resets an arm whose numbers overflow."""
    env = MovingReacherVectorEnv(num_envs=100, threads=0)
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (100, 4))
    clocks = []
    for step in range(1, 400):
        if step % 100 == 0:
            actions = rng.choice([-1.0, 0.0, 1.0], (100, 4))
        env.step(actions)
        clocks.append(env.get_state()["arrays"]["physics"][:, 0] - 0.08 * step)
    np.testing.assert_allclose(clocks, 0.0, atol=1e-9)  # a reset arm would start its clock anew


def test_kinematics_equal_mujoco() -> None:
    model = mujoco.MjModel.from_xml_string(TWIN)
    data = mujoco.MjData(model)
    rng = np.random.default_rng(0)
    qpos, qvel = rng.uniform(-4, 4, (8, 4)), rng.normal(size=(8, 4))
    pose = ArmPose(8)
    pose.update(qpos, qvel)
    links, hands = pose.links(qpos), hand_position(pose.directions)
    for row in range(8):
        data.qpos[:], data.qvel[:] = qpos[row], qvel[row]
        mujoco.mj_forward(model, data)
        np.testing.assert_allclose(hands[row], data.site("hand").xpos, atol=1e-12)
        for link, body in enumerate((1, 2)):
            velocity = np.zeros(6)
            kind = mujoco.mjtObj.mjOBJ_BODY
            mujoco.mj_objectVelocity(model, data, kind, body, velocity, 0)
            quaternion = data.xquat[body][[1, 2, 3, 0]]
            expected = np.concatenate([data.xpos[body], quaternion, velocity])
            np.testing.assert_allclose(links[row, link], expected, atol=1e-12)
