"""Which environments need an OpenGL backend before they are drawn."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from bnpo.envs import make_env
from bnpo.show.scenes import backend_works, drawn_by_mujoco
from bnpo.study.processes.jobs import ONE_THREAD

_THREADS = """
import json
from pathlib import Path
from bnpo.envs import make_env
env = make_env("Reacher-v5", render_mode="rgb_array")
env.reset(seed=0)
env.render()
names = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
print(json.dumps(names))
env.close()
"""


def test_an_environment_within_an_environment_is_found() -> None:
    inner = SimpleNamespace(mujoco_renderer=object())
    assert drawn_by_mujoco(inner)
    assert drawn_by_mujoco(SimpleNamespace(point_env=inner))
    assert not drawn_by_mujoco(SimpleNamespace(state=0))


def test_the_maze_family_is_drawn_by_mujoco_and_a_pendulum_is_not() -> None:
    for env_id, expected in (("PointMaze_UMaze-v3", True), ("Pendulum-v1", False)):
        env = make_env(env_id)
        assert drawn_by_mujoco(env.unwrapped) == expected
        env.close()


def test_one_of_several_runs_draws_with_one_thread() -> None:
    if not backend_works("egl"):
        pytest.skip("EGL does not work here")
    environment = {**os.environ, **ONE_THREAD, "MUJOCO_GL": "egl"}
    done = subprocess.run(
        [sys.executable, "-c", _THREADS], env=environment, check=True, capture_output=True
    )
    drawing = [name for name in json.loads(done.stdout) if name.startswith("llvmpipe")]
    assert len(drawing) <= 1
