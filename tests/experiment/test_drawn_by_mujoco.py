"""Which environments need an OpenGL backend before they are drawn."""

from types import SimpleNamespace

from bnpo.envs import make_env
from bnpo.scenes import _drawn_by_mujoco


def test_an_environment_within_an_environment_is_found() -> None:
    inner = SimpleNamespace(mujoco_renderer=object())
    assert _drawn_by_mujoco(inner)
    assert _drawn_by_mujoco(SimpleNamespace(point_env=inner))
    assert not _drawn_by_mujoco(SimpleNamespace(state=0))


def test_the_maze_family_is_drawn_by_mujoco_and_a_pendulum_is_not() -> None:
    for env_id, expected in (("PointMaze_UMaze-v3", True), ("Pendulum-v1", False)):
        env = make_env(env_id)
        assert _drawn_by_mujoco(env.unwrapped) == expected
        env.close()
