"""Calibration of the moving Reacher against the original build: random play and near-best play.

The scripted controller knows the arm's dynamics. It steers the links towards directions that put
the hand on the goal with the elbow down: with y the stacked directions of both links,
y'' = K_p (y* - y) + K_d (y*' - y') is asked for, solved for joint accelerations, and turned into
the world torques that give them: M q'' + bias = B u.
"""

from __future__ import annotations

import mujoco
import numpy as np
import numpy.typing as npt

from bnpo.envs.reacher.arm_dynamics import arm_xml
from bnpo.envs.reacher.arm_kinematics import ELBOW_TO_HAND, PIVOT_HEIGHT, SHOULDER_TO_ELBOW, ArmPose
from bnpo.envs.reacher.moving_reacher import MovingReacherVectorEnv

FloatArray = npt.NDArray[np.float64]


class ComputedTorque:
    """Actions for every arm of an environment, from its full state."""

    def __init__(
        self, env: MovingReacherVectorEnv, *, stiffness: float = 10.0, damping: float = 6.0
    ) -> None:
        self.env = env
        self.stiffness, self.damping = stiffness, damping
        self.model = mujoco.MjModel.from_xml_string(arm_xml(substeps=1, integrator="rk4"))
        self.data = mujoco.MjData(self.model)
        self.pose = ArmPose(env.num_envs)

    def __call__(self) -> FloatArray:
        """Actions [N, 4] for the next decision."""
        state = self.env.get_state()["arrays"]
        qpos, qvel = state["physics"][:, 1:5], state["physics"][:, 5:9]
        directions, jacobian = self._directions(qpos)
        drift = (self._directions(qpos + 1e-6 * qvel)[1] - jacobian) / 1e-6
        wanted, rate = self._wanted(state["goal_angle"], state["goal_speed"])
        speed = np.einsum("nij,nj->ni", jacobian, qvel)
        push = self.stiffness * (wanted - directions) + self.damping * (rate - speed)
        push -= np.einsum("nij,nj->ni", drift, qvel)
        acceleration = np.einsum("nij,nj->ni", np.linalg.pinv(jacobian, rcond=0.02), push)
        forces = self._forces(qpos, qvel, acceleration)
        torques = np.linalg.solve(self._torque_map(qpos) + 1e-6 * np.eye(4), forces[..., None])
        actions: FloatArray = np.clip(torques[..., 0] / 150.0, -1.0, 1.0)
        return actions

    def _directions(self, qpos: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Directions of both links [N, 6] and their derivative by the angles [N, 6, 4]."""
        axes = self._axes(qpos)
        links = self.pose.rotation[..., 1].copy()
        jacobian = np.zeros((len(qpos), 2, 3, 4))
        for link, joints in ((0, 2), (1, 4)):
            for joint in range(joints):
                jacobian[:, link, :, joint] = np.cross(axes[:, joint], links[:, link])
        return links.reshape(-1, 6), jacobian.reshape(-1, 6, 4)

    def _axes(self, qpos: FloatArray) -> FloatArray:
        """World axes of the four hinges [N, 4, 3]."""
        self.pose.update(qpos, np.zeros_like(qpos))
        a, b = self.pose.rotation[:, 0], self.pose.rotation[:, 1]
        base = np.broadcast_to([1.0, 0.0, 0.0], (len(qpos), 3))
        return np.stack([base, a[..., 2], a[..., 0], b[..., 2]], axis=1)

    def _torque_map(self, qpos: FloatArray) -> FloatArray:
        """B [N, 4, 4]: world torques (A x, A z, B x, B z) to forces on the joints."""
        horizontal = self._axes(qpos)[..., ::2]
        matrix = np.concatenate([horizontal, horizontal], axis=-1)
        matrix[:, 2:, :2] = 0.0  # a torque on link A does not move the elbow
        return matrix

    def _wanted(self, angle: FloatArray, speed: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Directions of the links with the hand at the goal [N, 6], and their rates (1/s)."""
        now = angle + 2.0 * speed
        ahead = self._elbow_down(now + speed) - self._elbow_down(now - speed)
        return self._elbow_down(now), ahead / 0.04

    def _elbow_down(self, angle: FloatArray) -> FloatArray:
        """Directions of both links [N, 6] that put the hand at the goal's place at ``angle``."""
        radians = np.deg2rad(angle)
        height = np.full_like(radians, -1.0 - PIVOT_HEIGHT)
        goal = np.stack([8.0 * np.sin(radians), height, 8.0 * np.cos(radians)], axis=1)
        distance = np.linalg.norm(goal, axis=1, keepdims=True)
        along = goal / distance
        below = np.array([0.0, -1.0, 0.0]) + along[:, 1:2] * along  # downwards, across ``along``
        below /= np.linalg.norm(below, axis=1, keepdims=True)
        upper, lower = SHOULDER_TO_ELBOW, ELBOW_TO_HAND
        cosine = (upper**2 + distance**2 - lower**2) / (2.0 * upper * distance)
        first = cosine * along + np.sqrt(1.0 - cosine**2) * below
        second = (goal - upper * first) / lower
        return np.concatenate([first, second], axis=1)

    def _forces(self, qpos: FloatArray, qvel: FloatArray, acceleration: FloatArray) -> FloatArray:
        """Joint forces M q'' + bias [N, 4], from MuJoCo's inverse dynamics."""
        forces = np.empty_like(qpos)
        for row in range(len(qpos)):
            self.data.qpos[:], self.data.qvel[:] = qpos[row], qvel[row]
            self.data.qacc[:] = acceleration[row]
            mujoco.mj_inverse(self.model, self.data)
            forces[row] = self.data.qfrc_inverse
        return forces


def test_random_play_scores_like_the_original_build() -> None:
    """Udacity's build: 0.13 to 0.15 per 1000 decisions for clip(N(0, 1))."""
    env = MovingReacherVectorEnv(num_envs=100)
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(1000):
        *_, infos = env.step(rng.standard_normal((100, 4)))
    env.close()
    assert 0.10 <= infos["final_info"]["score"].mean() <= 0.22


def test_computed_torque_scores_like_the_best_players() -> None:
    """Trained agents reach 37 to 39.5 of 40 in the original build."""
    env = MovingReacherVectorEnv(num_envs=10, threads=0)
    env.reset(seed=0)
    controller = ComputedTorque(env)
    for _ in range(1000):
        *_, infos = env.step(controller())
    env.close()
    assert infos["final_info"]["score"].mean() > 37.0
