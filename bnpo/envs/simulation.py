"""MuJoCo, loaded so that no file of the working folder is taken for a library."""

from bnpo.envs.python import safe_children

with safe_children():  # it loads glfw, which starts an interpreter
    import mujoco
    import mujoco.rollout

__all__ = ["mujoco"]
