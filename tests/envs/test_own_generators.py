"""The seed decides what environments draw, whatever they draw from and wherever they live."""

from __future__ import annotations

import random
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch

from bnpo.envs.workers.generators import GlobalGenerators
from bnpo.envs.workers.vector_env import WorkerVectorEnv
from tests.envs.points import PLANE, Point


class Drawing(Point):
    """Draws from everything: in its constructor, at resets and in steps."""

    action_space: Any = PLANE
    way: Any = staticmethod(lambda _: 0.0)
    constructs = True

    def __init__(self) -> None:
        super().__init__()
        self.layout = self.way(self) if self.constructs else 0.0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.taken = 0
        self.goal = np.array([self.layout, self.way(self)])
        return self.observe(), {}

    def step(self, action: Any) -> tuple[Any, Any, Any, bool, dict[str, Any]]:
        self.taken += 1
        return self.observe(), self.way(self), False, self.taken == 3, {}


WAYS: dict[str, Any] = {
    "np.random": lambda env: np.random.normal(),  # noqa: NPY002
    "random": lambda env: random.random(),
    "random.gauss": lambda env: random.gauss(0.0, 1.0),
    "both": lambda env: np.random.rand() + random.uniform(0.0, 1.0),  # noqa: NPY002
    "action space": lambda env: float(env.action_space.sample()[0]),
    "observation space": lambda env: float(env.observation_space["desired_goal"].sample()[0]),
    "shuffle": lambda env: float(random.sample(range(1000), 3)[0]),
    "np.random.seed": lambda env: (np.random.seed(int(1e6 * random.random())), np.random.rand())[1],  # noqa: NPY002
    "np_random": lambda env: float(env.np_random.random()),
    "torch": lambda env: float(torch.randn(())),
}


def play(way: str, workers: int, seed: int, envs: int = 4) -> Any:
    class Local(Drawing):  # which other processes get as it is
        pass

    Local.way = staticmethod(WAYS[way])
    Local.constructs = "space" not in way and way != "np_random"  # which have no seed yet
    pool = WorkerVectorEnv(Local, num_envs=envs, workers=workers)
    observation, _ = pool.reset(seed=seed)
    seen = [observation["desired_goal"]]
    for _ in range(7):
        random.random()  # the agent's own draws are no matter
        np.random.rand()  # noqa: NPY002
        observation, reward, *_ = pool.step(np.zeros((envs, 2), np.float32))
        seen += [observation["desired_goal"], reward[:, None]]
    pool.close()
    return np.concatenate(seen, axis=1)


@pytest.fixture(autouse=True)
def seeded() -> None:
    np.random.seed(0)  # noqa: NPY002  as an agent does
    random.seed(0)


@pytest.mark.parametrize("way", WAYS)
def test_one_seed_gives_one_run_in_one_process(way: str) -> None:
    one = play(way, 1, 3)
    np.random.seed(0)  # noqa: NPY002
    np.testing.assert_array_equal(one, play(way, 1, 3))
    np.random.seed(0)  # noqa: NPY002
    assert not np.array_equal(one, play(way, 1, 4))
    assert len({tuple(row) for row in one}) == 4  # no environment draws what another one does


@pytest.mark.parametrize("way", ["both", "action space"])
def test_numbers_do_not_depend_on_the_processes(way: str) -> None:
    one = play(way, 1, 3)
    np.random.seed(0)  # noqa: NPY002
    np.testing.assert_array_equal(one, play(way, 3, 3))


def test_the_global_generators_are_left_as_they_were() -> None:
    before = random.getstate(), np.random.get_state(legacy=False)["state"]["key"].tolist()  # noqa: NPY002
    own = GlobalGenerators(5)
    with own:
        random.random()
        np.random.rand()  # noqa: NPY002
    assert random.getstate() == before[0]
    assert np.random.get_state(legacy=False)["state"]["key"].tolist() == before[1]  # noqa: NPY002


def test_they_go_on_from_a_saved_state() -> None:
    one, other = GlobalGenerators(5), GlobalGenerators(6)

    def draw(own: GlobalGenerators) -> tuple[float, float]:
        with own:
            return random.random(), float(np.random.rand())  # noqa: NPY002

    draw(one)
    other.set_state(one.get_state())
    assert [draw(one) for _ in range(5)] == [draw(other) for _ in range(5)]


def test_a_worker_process_loads_no_torch() -> None:
    """Which would take seconds and hundreds of megabytes in each of them."""
    code = "import sys, bnpo.envs.workers.worker; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
