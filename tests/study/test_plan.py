"""Plans: which runs follow from them, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bnpo.compose.composition import compose_run
from bnpo.config import RunConfig
from bnpo.errors import ConfigError
from bnpo.study import estimate
from bnpo.study.plan import StudyPlan, read_plan
from tests.study.conftest import Command

pytest.importorskip("yaml", reason="the extra study is not installed")

PLAN = """
presets:
  ddpg_her:
  wide: {preset: ddpg_her, agent.networks.actor_hidden: [9]}
tasks:
  goal_reacher:
  short: {task: goal_reacher, env_kwargs: {episode_steps: 20}}
seeds: [3, 5, 3]
overrides:
  total_steps: 400
"""


def test_a_plan_is_presets_times_tasks_times_seeds(tmp_path: Path) -> None:
    file = tmp_path / "my plan.yaml"
    file.write_text(PLAN)
    plan = StudyPlan(**read_plan(file, StudyPlan, "study"))
    jobs = {job.name: job for job in plan.jobs()}
    assert plan.name == "my-plan"
    assert list(jobs)[:4] == [
        "ddpg_her-goal_reacher-3",
        "ddpg_her-goal_reacher-5",
        "ddpg_her-short-3",
        "ddpg_her-short-5",
    ]
    assert len(jobs) == 8
    run = jobs["wide-short-5"].run
    assert (run.task.seed, run.train.total_steps, run.task.preset) == (5, 400, "ddpg_her")
    assert run.task.env_kwargs == {"episode_steps": 20}
    assert run.agent.networks.actor_hidden == (9,)


def test_a_run_of_a_plan_is_configured_like_the_single_run() -> None:
    (job,) = StudyPlan(presets=["bpo"], seeds=[4], overrides={"agent": {"gamma": 0.5}}).jobs()
    assert job.run == compose_run(["bpo", "goal_reacher"], {"seed": 4, "agent.gamma": 0.5})


def test_a_preset_overrides_what_all_runs_share() -> None:
    (job,) = StudyPlan(
        presets={"bpo": {"total_steps": 300}}, seeds=1, overrides={"total_steps": 200}
    ).jobs()
    assert job.run.train.total_steps == 300


def test_a_task_gives_some_presets_something_of_their_own() -> None:
    plan = StudyPlan(
        presets=["ppo", "ddpg_her"],
        tasks={
            "flat": {
                "task": "reacher_v5",
                "total_steps": 400,
                "presets": {"ddpg_her": {"brains.ddpg.credit": "n_step", "total_steps": 800}},
            }
        },
        seeds=1,
    )
    ppo, ddpg = (job.run for job in plan.jobs())
    assert (ppo.train.total_steps, ddpg.train.total_steps) == (400, 800)
    assert type(ddpg.brains["ddpg"].credit).__name__ == "NStep"


def test_a_task_may_be_an_environment_of_no_named_task() -> None:
    plan = StudyPlan(
        presets=["ppo"],
        tasks={"swing": {"env": "Pendulum-v1", "total_steps": 400}, "goal_reacher": None},
        seeds=1,
    )
    swing, reacher = plan.jobs()
    assert (swing.task, swing.run.task.env) == ("swing", "Pendulum-v1")
    assert swing.run.train.total_steps == 400
    assert swing.run.agent == compose_run(["ppo"], {"env": "Pendulum-v1"}).agent
    assert reacher.run.task.env == "bnpo/GoalReacher-v0"


@pytest.mark.parametrize(
    ("fields", "mentions"),
    [
        (
            {"tasks": {"goal_reacher": {"presets": {"bp": {}}}}},
            ["tasks.goal_reacher.presets", "'bp'", "'bpo'"],
        ),
        (
            {"tasks": {"goal_reacher": {"presets": ["bpo"]}}},
            ["tasks.goal_reacher.presets", "['bpo']", "by label"],
        ),
        ({"presets": ["bp"]}, ["preset", "'bp'", "'bpo'"]),
        ({"presets": {"mine": None}}, ["'mine'", "bpo"]),
        ({"presets": {"a b": {"preset": "bpo"}}}, ["'a b'", "plain name"]),
        ({"presets": []}, ["presets", "at least one"]),
        ({"tasks": ["goal_reachr"]}, ["task", "'goal_reachr'", "goal_reacher"]),
        ({"seeds": 0}, ["seeds", "0"]),
        ({"seeds": []}, ["seeds", "at least one"]),
        ({"seeds": [-1]}, ["seeds", "-1"]),
        ({"seed": 3}, ["seed"]),
        ({"overrides": {"seed": 3}}, ["seed", "seeds="]),
        ({"overrides": {"agent.gama": 0.5}}, ["agent.gama", "agent.gamma"]),
        ({"overrides": {"num_envs": 0}}, ["bpo on goal_reacher", "num_envs"]),
        ({"name": "../x"}, ["name", "../x"]),
    ],
)
def test_a_plan_that_cannot_work_is_refused(fields: dict[str, Any], mentions: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        StudyPlan(**{"presets": ["bpo"], **fields}).jobs()
    assert all(mention in str(caught.value) for mention in mentions), caught.value


@pytest.mark.parametrize(
    ("text", "words", "mentions"),
    [
        (None, "study.yaml", ["study.yaml", "No such file"]),
        ("presets: [bpo", "study.yaml", ["study.yaml", "not YAML"]),
        ("- bpo", "study.yaml", ["study.yaml", "list", "mapping"]),
        ("presets: [bpo]\nsedes: 3", "study.yaml", ["study.yaml", "sedes", "seeds"]),
        ("presets: [bp]", "study.yaml", ["study.yaml", "'bp'", "'bpo'"]),
        ("seeds: 3", "study.yaml", ["study.yaml", "presets", "missing"]),
        ("presets: [bpo]\nworkers: many", "study.yaml", ["workers", "'many'"]),
        ("presets: [bpo]", "study.yaml workers=0", ["workers", "0"]),
        ("presets: [bpo]", "", ["file", "missing"]),
    ],
)
def test_a_bad_study_file_is_told_in_one_line(
    command: Command, tmp_path: Path, text: str | None, words: str, mentions: list[str]
) -> None:
    if text is not None:
        (tmp_path / "study.yaml").write_text(text)
    status, output, errors = command(f"study with {words}")
    assert (status, output, errors.count("\n")) == (2, "", 1), errors
    assert all(mention in errors for mention in mentions), errors
    assert {path.name for path in tmp_path.iterdir()} <= {"study.yaml"}


def test_a_dry_run_checks_the_plan_and_writes_nothing(command: Command, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(PLAN)
    assert command("study with study.yaml --dry-run")[:2] == (0, "the configuration is valid\n")
    (tmp_path / "study.yaml").write_text(PLAN + "  agent.gama: 1")
    assert command("study with study.yaml --dry-run")[0] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]


def test_the_time_of_a_study_is_told_from_a_second_of_each_kind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = StudyPlan(
        presets=["bpo", "ddpg_her"], seeds=3, overrides={"total_steps": 6_000, "num_envs": 4}
    )
    runs = [job.run for job in plan.jobs()]
    measured: list[str | None] = []

    def speed(run: RunConfig) -> float:
        measured.append(run.task.preset)
        return {"bpo": 100.0, "ddpg_her": 300.0}[str(run.task.preset)]

    monkeypatch.setattr(estimate, "steps_per_s", speed)
    # Three runs of 60 seconds and three of 20 on two processes; one run alone takes 60.
    assert estimate.estimated_seconds(runs, 2) == 120.0
    assert measured == ["bpo", "ddpg_her"]
    assert estimate.estimated_seconds(runs, 40) == 60.0
    assert estimate.estimated_seconds([runs[0].with_train(total_steps=100)], 2) is None
    assert [estimate.about(seconds) for seconds in (0.2, 89, 600, 9_000)] == [
        "about 1 s", "about 89 s", "about 10 min", "about 2.5 h",
    ]  # fmt: skip


def test_a_measured_speed_is_that_of_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "SECONDS", 0.2)
    (run,) = [job.run for job in StudyPlan(presets=["ddpg_her"], seeds=1).jobs()]
    assert 10 < estimate.steps_per_s(run) < 10**6
