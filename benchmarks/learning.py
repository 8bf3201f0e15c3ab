"""Learning with hindsight on sparse goal tasks, beside Stable-Baselines3.

    python benchmarks/learning.py goal_reacher         run what is missing, print the table
    python benchmarks/learning.py goal_reacher --programs bpo --seeds 0 1 2 3 4
    python benchmarks/learning.py fetch_reach
    python benchmarks/learning.py fetch_push --seeds 0       half an hour a seed, no peer
    python benchmarks/learning.py fetch_pick_and_place --seeds 0         hours

Success at the last step of 100 episodes of the mean action on the same evaluation seeds decides,
every 1,000 environment steps (FetchReach 200, FetchPush and FetchPickAndPlace 10,000, PointMaze
4,000); solved is the first of two evaluations in a row at 0.95 or above; seconds are training
without evaluation, one thread of torch each, the environments of Fetch in processes on two cores.
Settings were chosen on seeds 100-104.
"""

from __future__ import annotations

from peers import Peer
from race import Program, Race, main

COMMON = {
    "gamma": 0.95,
    "tau": 0.05,
    "batch_size": 256,
    "buffer_size": 100_000,
    "train_freq": 1,
    "gradient_steps": 4,
}
"""Settings of both peers."""

# Found on seed 100, which is not reported: with observations normalised and this learning rate it
# is solved at 8,000 steps; at 1e-3 at 17,000; without normalisation not within 30,000.
PLANAR = Peer(
    name="sb3_sac_her",
    algorithm="SAC",
    env_id="bnpo/GoalReacher-v0",
    steps=30_000,
    settings={**COMMON, "learning_rate": 3e-3, "learning_starts": 1_000},
)

REACHING = Peer(
    name="sb3_ddpg_her",
    algorithm="DDPG",
    env_id="FetchReach-v4",
    steps=4_000,
    noise=0.2,
    settings={**COMMON, "learning_rate": 2e-3, "learning_starts": 400},
)

RACES = {
    "goal_reacher": Race(
        results="reacher",
        task="goal_reacher",
        interval=1_000,
        programs={
            "bpo": Program(preset="bpo", steps=30_000),
            "ddpg_her": Program(preset="ddpg_her", steps=30_000),
            "ppo": Program(preset="ppo", steps=100_000),
        },
        peer=PLANAR,
    ),
    "fetch_reach": Race(
        results="fetch_reach",
        task="fetch_reach",
        interval=200,
        programs={
            "bpo": Program(preset="bpo", steps=4_000),
            "ddpg_her": Program(preset="ddpg_her", steps=4_000),
        },
        peer=REACHING,
    ),
    **{
        task: Race(
            results=task,
            task=task,
            interval=10_000,
            programs={"ddpg_her": Program(preset="ddpg_her", steps=steps)},
            peer=None,
            seeds=(0, 1),  # half an hour each and more
        )
        for task, steps in (("fetch_push", 300_000), ("fetch_pick_and_place", 700_000))
    },
    "point_maze": Race(
        results="point_maze",
        task="point_maze",
        interval=4_000,
        programs={
            "ddpg_her": Program(preset="ddpg_her", steps=40_000, overrides={"eval_episodes": 100})
        },
        peer=None,
        seeds=(0, 1, 2),
    ),
}


if __name__ == "__main__":
    main(__doc__, __file__, RACES)
