"""Closed-form kinematics of the moving Reacher's arms, for a whole batch at once.

Each arm is two links on two universal joints. The angles of a joint are (x, z): the child link is
turned by Rx(x) Rz(z) against its parent; link A hangs from the base, whose frame is turned by 180
degrees about x, so that +y of a link points from its joint to its end and downwards at rest.
Letters: N arms; the axis of size 2 is the link, A then B. Lengths in metres, angles in radians.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

PIVOT_HEIGHT = 0.02
"""Height of the shoulder above the base's centre."""

SHOULDER_TO_CENTRE = 4.02
"""Shoulder to the centre of capsule A, which is A's centre of mass."""

SHOULDER_TO_ELBOW = 7.02
ELBOW_TO_CENTRE = 3.0
"""Elbow to the centre of capsule B."""

ELBOW_TO_MASS = 4.454545
"""Elbow to the centre of mass of link B with its hand."""

ELBOW_TO_HAND = 6.0

_HALF_TURN_ABOUT_X = np.array([[1.0], [-1.0], [-1.0]])
_HAND_LENGTHS = np.array([[SHOULDER_TO_ELBOW], [ELBOW_TO_HAND]])
_CENTRE_LENGTHS = np.array([[[SHOULDER_TO_CENTRE, 0.0], [SHOULDER_TO_ELBOW, ELBOW_TO_CENTRE]]])
_MASS_LENGTHS = np.array([[[SHOULDER_TO_CENTRE, 0.0], [SHOULDER_TO_ELBOW, ELBOW_TO_MASS]]])

# Hamilton's product p q = sum_k p_k (SIGN[k] * q[ORDER[k]]), quaternions as (w, x, y, z).
_PRODUCT_ORDER = np.array([[0, 1, 2, 3], [1, 0, 3, 2], [2, 3, 0, 1], [3, 2, 1, 0]])
_PRODUCT_SIGN = np.array(
    [[1.0, 1.0, 1.0, 1.0], [-1.0, 1.0, -1.0, 1.0], [-1.0, 1.0, 1.0, -1.0], [-1.0, -1.0, 1.0, 1.0]]
)


class ArmPose:
    """Orientation and angular velocity of both links of N arms, in arrays allocated once."""

    def __init__(self, num_arms: int) -> None:
        """Allocate; :meth:`update` fills the arrays."""
        self.rotation: FloatArray = np.zeros((num_arms, 2, 3, 3))
        """[N, 2, 3, 3], link frame to world frame."""
        self.angular_velocity: FloatArray = np.zeros((num_arms, 2, 3))
        """[N, 2, 3], in the frame of the link (rad/s)."""
        self._joint = np.zeros((num_arms, 2, 3, 3))
        self._turns = np.zeros((num_arms, 2, 2, 2))  # arm, joint, axis x or z, (cos, sin)

    def update(self, qpos: FloatArray, qvel: FloatArray) -> None:
        """Compute the pose for joint angles and velocities [N, 4]: shoulder x, z, elbow x, z."""
        angles, rates = qpos.reshape(-1, 2, 2), qvel.reshape(-1, 2, 2)
        joint, turns, w = self._joint, self._turns, self.angular_velocity
        np.cos(angles, out=turns[..., 0])
        np.sin(angles, out=turns[..., 1])
        about_x, about_z = turns[:, :, 0], turns[:, :, 1]
        # Rx Rz = [[cz, -sz, 0], [cx sz, cx cz, -sx], [sx sz, sx cz, cx]]
        np.multiply(about_x[..., None], about_z[..., None, ::-1], out=joint[..., 1:, :2])
        joint[..., 0, 0] = about_z[..., 0]
        np.negative(about_z[..., 1], out=joint[..., 0, 1])
        np.negative(about_x[..., 1], out=joint[..., 1, 2])
        joint[..., 2, 2] = about_x[..., 0]
        np.multiply(joint[:, 0], _HALF_TURN_ABOUT_X, out=self.rotation[:, 0])
        np.matmul(self.rotation[:, 0], joint[:, 1], out=self.rotation[:, 1])
        # The x axis of a joint, seen from the child, is the first row of Rx Rz.
        np.multiply(joint[..., 0, :], rates[..., :1], out=w)
        w[..., 2] = rates[..., 1]
        w[:, 1] += np.matmul(w[:, :1], joint[:, 1])[:, 0]

    @property
    def directions(self) -> FloatArray:
        """Unit vectors along the links, from joint to end, a view [N, 2, 3]."""
        return self.rotation[..., 1]

    def links(self, qpos: FloatArray) -> FloatArray:
        """Return the state of the links as Unity reports it [N, 2, 13], in world axes.

        For each link: position of the capsule's centre (3), quaternion x, y, z, w (4), angular
        velocity (3, rad/s) and velocity of the centre of mass (3, m/s).
        """
        links = np.empty((len(qpos), 2, 13))
        np.matmul(_CENTRE_LENGTHS, self.rotation[..., 1], out=links[..., :3])
        links[..., 1] += PIVOT_HEIGHT
        links[..., 3:7] = link_quaternions(qpos)[..., [1, 2, 3, 0]]
        w = self.angular_velocity
        links[..., 7:10] = _turned(self.rotation, w)
        tip = np.zeros_like(w)  # w x (0, 1, 0): velocity one metre along the link
        np.negative(w[..., 2], out=tip[..., 0])
        tip[..., 2] = w[..., 0]
        np.matmul(_MASS_LENGTHS, _turned(self.rotation, tip), out=links[..., 10:])
        return links

    def body_torques(self, torques: FloatArray) -> FloatArray:
        """Return the world torques [N, 2, 3] in the frames of the links [N, 2, 3]."""
        turned: FloatArray = np.matmul(torques[..., None, :], self.rotation)[..., 0, :]
        return turned

    def world_torques(self, torques: FloatArray) -> FloatArray:
        """Return the torques in the frames of the links [N, 2, 3] in world axes [N, 2, 3]."""
        return _turned(self.rotation, torques)


def hand_position(directions: FloatArray) -> FloatArray:
    """Return the position of the hand for the directions of both links [..., 2, 3] -> [..., 3]."""
    along = directions * _HAND_LENGTHS
    hand: FloatArray = along[..., 0, :] + along[..., 1, :]
    hand[..., 1] += PIVOT_HEIGHT
    return hand


def link_quaternions(qpos: FloatArray) -> FloatArray:
    """Orientation of both links as quaternions (w, x, y, z) [N, 2, 4], continuous in the angles."""
    half = 0.5 * qpos.reshape(-1, 2, 2)
    cos, sin = np.cos(half), np.sin(half)
    joint = np.empty((len(half), 2, 4))  # quaternion of Rx Rz
    joint[..., 0] = cos[..., 0] * cos[..., 1]
    joint[..., 1] = sin[..., 0] * cos[..., 1]
    joint[..., 2] = -sin[..., 0] * sin[..., 1]
    joint[..., 3] = cos[..., 0] * sin[..., 1]
    links = np.empty_like(joint)
    links[:, 0] = joint[:, 0, [1, 0, 3, 2]] * _PRODUCT_SIGN[1]  # half a turn about x, times joint
    terms = links[:, 0, :, None] * (joint[:, 1][:, _PRODUCT_ORDER] * _PRODUCT_SIGN)
    # Added in this order for every batch size: a matrix product rounds differently for N = 1.
    links[:, 1] = terms[:, 0] + terms[:, 1] + terms[:, 2] + terms[:, 3]
    return links


def goal_position(angle: FloatArray, *, radius: float, height: float) -> FloatArray:
    """Return the point of the goal's circle at ``angle`` (degrees) [...] -> [..., 3]."""
    radians = np.deg2rad(angle)
    position = np.empty((*np.shape(angle), 3))
    position[..., 0] = radius * np.sin(radians)
    position[..., 1] = height
    position[..., 2] = radius * np.cos(radians)
    return position


def _turned(rotation: FloatArray, vectors: FloatArray) -> FloatArray:
    """Return the vectors [N, 2, 3] turned by rotations [N, 2, 3, 3]."""
    turned: FloatArray = np.matmul(rotation, vectors[..., None])[..., 0]
    return turned
