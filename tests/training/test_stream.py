"""The training stream: sums over episodes, means of a line, and its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import bnpo
from bnpo import TrainConfig
from bnpo.envs.episodes import EpisodeCounter
from bnpo.runs.stream import StreamFile, read_stream
from bnpo.training.stream import Stream
from bnpo.types.step import Step
from bnpo.types.stream import Episodes, Scalars

NAN = float("nan")


def step(
    reward: list[float],
    ended: list[bool],
    success: list[float] | None = None,
    score: list[float] | None = None,
    lost: list[bool] | None = None,
) -> Step:
    def tensor(values: list[Any] | None) -> Tensor | None:
        return None if values is None else torch.tensor(values)

    rest: dict[str, Any] = dict.fromkeys(
        ("decision", "next_observation", "reset_observation", "reward_low", "reward_high", "lag")
    )
    return Step(
        reward=torch.tensor(reward)[:, None],
        terminated=torch.tensor(ended),
        truncated=torch.zeros(len(ended), dtype=torch.bool),
        success=tensor(success),
        score=tensor(score),
        lost=tensor(lost),
        **rest,
    )


def test_episodes_are_summed_up_to_their_ends() -> None:
    counter = EpisodeCounter(3)
    # The first environment's episode ends after two steps, -1 + -2; the second's after three,
    # 1 + 1 + 1; the third is lost in its second step, so its third step is the first of an episode.
    assert counter.note(step([-1.0, 1.0, 9.0], [False, False, False])) is None
    lost = [False, False, True]
    first = counter.note(step([-2.0, 1.0, 9.0], [True, False, False], [1.0, NAN, NAN], lost=lost))
    assert first is not None
    assert (first.returns.tolist(), first.lengths.tolist()) == ([-3.0], [2.0])
    assert first.success.tolist() == [1.0]
    counter.load_state_dict(json.loads(json.dumps(counter.state_dict())))
    second = counter.note(step([-5.0, 1.0, 4.0], [False, True, True], [NAN, 0.0, NAN]))
    assert second is not None
    assert (second.returns.tolist(), second.lengths.tolist()) == ([3.0, 4.0], [3.0, 1.0])
    assert np.isnan(second.success).tolist() == [False, True]
    assert np.isnan(second.score).all()


def test_the_environments_own_score_is_summed() -> None:
    counter = EpisodeCounter(1)
    counter.note(step([0.0], [False], score=[0.25]))
    episodes = counter.note(step([0.0], [True], score=[0.5]))
    assert episodes is not None
    assert episodes.score.tolist() == [0.75]


def test_a_line_holds_means_and_speeds() -> None:
    stream = Stream()
    stream.begin(100, 10, 1.0)
    unknown = np.array([NAN])
    stream.note_episodes(Episodes(np.array([-4.0]), np.array([10.0]), np.array([1.0]), unknown))
    stream.note_episodes(Episodes(np.array([-2.0]), np.array([20.0]), unknown, unknown))
    stream.log("ppo/kl", 0.25)
    stream.log("ppo/bad", float("inf"))
    stream.log("ppo/kl", 0.75)
    line = stream.line(300, 30, 3.0, evaluation_s=0.5)
    # 200 environment steps and 20 gradient steps in 2 seconds; the episode that did not tell
    # success counts as a failure, since another one told it.
    assert line == Scalars(
        env_steps=300,
        wall_s=3.0,
        values={
            "ppo/kl": 0.5,
            "rollout/return": -3.0,
            "rollout/length": 15.0,
            "rollout/success": 0.5,
            "rollout/episodes": 2.0,
            "time/env_steps_per_s": 100.0,
            "time/gradient_steps_per_s": 10.0,
            "time/gradient_steps": 30.0,
            "time/evaluation_s": 0.5,
        },
    )
    assert set(stream.line(400, 30, 4.0).values) == {
        "rollout/episodes",
        *(f"time/{name}" for name in ("env_steps_per_s", "gradient_steps_per_s", "gradient_steps")),
    }


def test_a_file_is_read_without_what_is_not_whole_and_taken_back(tmp_path: Path) -> None:
    file = StreamFile(tmp_path)
    assert read_stream(tmp_path) == []
    lines = [
        Scalars(env_steps=n, wall_s=n / 10, values={"rollout/return": -float(n)}) for n in (1, 2, 3)
    ]
    for line in lines:
        file.append(line)
    with file.path.open("a") as torn:
        torn.write('{"env_steps": 4, "wall')
    assert read_stream(tmp_path) == lines
    assert file.rewind(2) == lines[:2]
    assert read_stream(tmp_path) == lines[:2]
    assert file.path.read_text().count("\n") == 2


def test_a_saved_agent_keeps_its_stream(tmp_path: Path) -> None:
    agent = bnpo.make_agent("ddpg_her", seed=0, eval_episodes=2)
    history = bnpo.train(agent, 400, 4, eval_interval=200, progress_bar=False)
    agent.save(tmp_path / "mine")
    again = bnpo.load(tmp_path / "mine")
    assert again.history is not None
    assert again.history.training == history.training
    assert [one.env_steps for one in history.training] == [*range(20, 401, 20)]
    bnpo.train(again, 480, 4, eval_interval=200, progress_bar=False)
    assert [one.env_steps for one in again.history.training] == [*range(20, 481, 20)]


@pytest.mark.parametrize(
    ("settings", "steps", "expected"),
    [
        ({}, 50, (1_000, 100)),  # the fixed protocol
        ({}, 100, (1_000, 100)),
        ({}, 1_000, (100_000, 10)),  # 10 episodes of 1,000 steps: a tenth of 100,000
        ({}, 300, (30_000, 10)),
        ({"eval_interval": 50_000}, 1_000, (50_000, 5)),  # 50,000 / 10 / 1,000
        ({"eval_interval": 10_000_000}, 1_000, (10_000_000, 100)),
        ({"eval_interval": 1_000}, 1_000, (1_000, 5)),  # as asked for; never fewer than 5
        ({"eval_episodes": 20}, 1_000, (200_000, 20)),
        ({"eval_episodes": 20, "eval_interval": 500}, 1_000, (500, 20)),
        ({"eval_protocol": "fixed"}, 1_000, (1_000, 100)),
        ({"eval_protocol": "fixed", "eval_interval": 20}, 1_000, (20, 100)),
        ({"eval_max_steps": 200}, None, (20_000, 10)),  # episodes that are cut at 200
    ],
)
def test_evaluations_of_long_episodes_cost_a_tenth_of_the_steps(
    settings: dict[str, Any], steps: int | None, expected: tuple[int, int]
) -> None:
    assert TrainConfig(**settings).evaluations(steps) == expected
