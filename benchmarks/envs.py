"""Speed of the environments, side by side in one run; prints a Markdown table.

Every figure is the median of five rounds; in each round all candidates take their turn, so that a
busy machine slows all of them. ``make bench-envs`` runs it; ``python benchmarks/envs.py --parts
pucks`` measures one part anew.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import gymnasium as gym
import mujoco
import numpy as np
from clock import CLOCKS, Clock, Work
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from medians import Median, compared, leave, show
from stepping import resetting, rolling, stepping, stepping_one

from bnpo.envs import (
    GoalReacherVectorEnv,
    HockeyReacherVectorEnv,
    MovingReacherVectorEnv,
    SlideReacherVectorEnv,
    make_env,
    make_vector_env,
)
from bnpo.envs.cores import available_cores
from bnpo.envs.reacher.arm_dynamics import arm_xml
from bnpo.envs.reacher.goal_reacher import FRAME_SKIP, planar_arm_xml
from bnpo.envs.reacher.hockey_rink import PHYSICS_STEPS as HOCKEY_STEPS
from bnpo.envs.reacher.hockey_rink import rink_xml
from bnpo.envs.reacher.moving_reacher import PHYSICS_STEPS
from bnpo.envs.reacher.slide_reacher import PHYSICS_STEPS as SLIDE_STEPS
from bnpo.envs.reacher.slide_reacher import SLIDE_XML

REACHERS, ARMS, FETCHES = 64, 20, 8


def main() -> None:
    """Measure everything, print the table and leave it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds, of which the median counts")
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    options = parser.parse_args()
    print(f"{available_cores()} cores, MuJoCo {mujoco.__version__}, Gymnasium {gym.__version__}\n")
    medians = [
        median
        for part in options.parts
        for median in PARTS[part][0](Clock(options.rounds, CLOCKS[PARTS[part][1]]))
    ]
    show(medians)
    leave("envs", medians)


def goal_reacher(clock: Clock) -> Iterator[Median]:
    """GoalReacher against MuJoCo's own rollout and Gymnasium's SyncVectorEnv."""
    published = gym.make("Reacher-v5").unwrapped.model  # type: ignore[attr-defined]
    lean = mujoco.MjModel.from_xml_string(planar_arm_xml())
    env = GoalReacherVectorEnv(num_envs=REACHERS)
    mode = AutoresetMode.SAME_STEP
    singles = SyncVectorEnv(
        [lambda: gym.make("bnpo/GoalReacher-v0")] * REACHERS, autoreset_mode=mode
    )
    speed = clock.measure(
        {
            "env": stepping(env, 100),
            "published": rolling(published, REACHERS, FRAME_SKIP, 100),
            "lean": rolling(lean, REACHERS, FRAME_SKIP, 100),
            "sync": stepping(singles, 10),
            "reset": resetting(env, 20),
        }
    )
    env.close()
    what, ours = f"batch of {REACHERS} goal Reachers", speed["env"]
    yield beside(what, ours, "rollout, Gymnasium's reacher.xml", speed["published"], ">= 0.85")
    yield beside(what, ours, "rollout, the arm alone", speed["lean"], ">= 0.85")
    yield beside(what, ours, "SyncVectorEnv", speed["sync"], ">= 2")
    yield cost_of_reset(what, ours, speed["reset"])


def moving_reacher(clock: Clock) -> Iterator[Median]:
    """MovingReacher against mj_step alone: its default integration, and the Unity port's.

    The port's model has geoms to look at, which cost time in every step; the environment's model
    has none. Twenty arms are stepped in the calling thread, where a second thread costs more than
    it brings, and mj_step alone beside it; the last row is mj_step alone on all cores.
    """
    for integrator, substeps in (("rk4", 1), ("implicitfast", 4)):
        settings: dict[str, Any] = {"integrator": integrator, "substeps": substeps}
        bare = arm_xml(**settings)
        model = mujoco.MjModel.from_xml_string(bare)
        port = mujoco.MjModel.from_xml_string(as_specified(bare))
        env = MovingReacherVectorEnv(num_envs=ARMS, **settings)
        threads = env.threads  # as many threads for the peer
        speed = clock.measure(
            {
                "env": stepping(env, 100),
                "physics": rolling(model, ARMS, PHYSICS_STEPS * substeps, 100, threads),
                "port": rolling(port, ARMS, PHYSICS_STEPS * substeps, 100, threads),
                "cores": rolling(port, ARMS, PHYSICS_STEPS * substeps, 100),
                "reset": resetting(env, 20),
            }
        )
        env.close()
        what, ours = f"{ARMS} moving arms, {integrator} with {substeps} substeps", speed["env"]
        yield Median(what=what, ours=ours, unit="steps/s", asked=">= 12000")
        yield beside(what, ours, "mj_step, the port's model", speed["port"], ">= 0.6")
        yield beside(what, ours, "mj_step, this model", speed["physics"])
        cores = f"mj_step, the port's model, {available_cores()} threads"
        yield beside(what, ours, cores, speed["cores"])
        yield cost_of_reset(what, ours, speed["reset"])


def pucks(clock: Clock) -> Iterator[Median]:
    """SlideReacher and HockeyReacher against mj_step alone, from the states where they begin.

    The peer of the rinks plays no opponent, finds no goals and observes nothing. In CPU seconds,
    those of both sides' simulator threads included.
    """
    kinds: dict[str, tuple[Any, str, int]] = {
        "slide Reachers": (SlideReacherVectorEnv, SLIDE_XML, SLIDE_STEPS),
        "hockey Reachers, scripted opponent": (HockeyReacherVectorEnv, rink_xml(), HOCKEY_STEPS),
    }
    for name, (kind, xml, physics_steps) in kinds.items():
        env = kind(num_envs=REACHERS)
        model = mujoco.MjModel.from_xml_string(xml)
        env.reset(seed=0)
        start = env.get_state()["arrays"]["physics"]
        speed = clock.measure(
            {
                "env": stepping(env, 100),
                "physics": rolling(model, REACHERS, physics_steps, 100, env.threads, start),
                "reset": resetting(env, 20),
            }
        )
        env.close()
        what, ours, bare = f"batch of {REACHERS} {name}", speed["env"], speed["physics"]
        yield compared(what, ours, "mj_step, this model", bare, "steps/CPU s", ">= 0.6")
        yield cost_of_reset(what, ours, speed["reset"])


def as_specified(bare: str) -> str:
    """Model of an arm with the goal, the geoms and the settings of the port's specification."""
    capsule = '<geom type="capsule" fromto="0 -2.5 0 0 2.5 0" size="0.5"/>'
    hand = '<geom type="sphere" pos="0 3 0" size="1"/><site pos="0 3 0"/>'
    scene = (
        '<geom type="sphere" size="0.5"/><body mocap="true" pos="0 -1 8">'
        '<geom type="sphere" size="2.5"/></body>'
    )
    return (
        bare.replace('<flag constraint="disable" contact="disable"/>', "")
        .replace("<worldbody>", f"<worldbody>{scene}")
        .replace('<body name="B"', f'{capsule}<body name="B"')
        .replace('<joint name="elbow_x"', f'{capsule}{hand}<joint name="elbow_x"')
        .replace("<option ", '<default><geom contype="0" conaffinity="0"/></default><option ')
    )


def fetch(clock: Clock) -> Iterator[Median]:
    """The process pool against one environment and against one process per environment."""
    one = make_env("FetchReach-v4")
    pool = make_vector_env("FetchReach-v4", FETCHES)
    peers: dict[str, Any] = {
        "gymnasium": gym.make_vec(
            "FetchReach-v4", FETCHES, "async", vector_kwargs={"autoreset_mode": "SameStep"}
        )
    }
    candidates = {
        "one": stepping_one(one, 200),
        "pool": stepping(pool, 50),
        "gymnasium": stepping(peers["gymnasium"], 50),
    }
    if find_spec("stable_baselines3"):
        peers["sb3"], candidates["sb3"] = subproc_vec_env("gymnasium_robotics:FetchReach-v4")
    speed = clock.measure(candidates)
    for env in (one, pool, *peers.values()):
        env.close()
    what, ours = f"{FETCHES} FetchReach in the process pool", speed["pool"]
    yield beside(what, ours, "one environment", speed["one"], ">= 1.7")
    yield beside(what, ours, "Gymnasium's AsyncVectorEnv", speed["gymnasium"], ">= 1")
    if "sb3" in speed:
        yield beside(what, ours, "SB3's SubprocVecEnv", speed["sb3"], ">= 1")


def subproc_vec_env(env_id: str) -> tuple[Any, Work]:
    """Stable-Baselines3's vector environment with one process per environment, and its work."""
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.vec_env import SubprocVecEnv

    env = make_vec_env(env_id, n_envs=FETCHES, vec_env_cls=SubprocVecEnv, seed=0)
    env.reset()
    actions = [np.array([env.action_space.sample() for _ in range(FETCHES)]) for _ in range(50)]

    def work() -> int:
        for action in actions:
            env.step(action)
        return len(actions) * FETCHES

    return env, work


def beside(what: str, ours: float, peer: str, theirs: float, asked: str = "") -> Median:
    """Steps per second beside a peer's."""
    return compared(what, ours, peer, theirs, "steps/s", asked)


def cost_of_reset(what: str, step_speed: float, reset_speed: float) -> Median:
    """What a reset of the whole batch costs."""
    cost = step_speed / reset_speed
    return Median(what=f"{what}: a reset", ours=cost, unit="steps of the batch", asked="<= 5")


PARTS: dict[str, tuple[Callable[[Clock], Iterator[Median]], str]] = {
    "goal_reacher": (goal_reacher, "wall"),
    "moving_reacher": (moving_reacher, "wall"),
    "pucks": (pucks, "cpu"),
    "fetch": (fetch, "wall"),
}
"""Parts by name, with the clock that they are measured by."""


if __name__ == "__main__":
    main()
