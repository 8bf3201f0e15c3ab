"""The commands on finished runs, and the help."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from bnpo.experiment import experiment
from bnpo.presets import PRESETS, TASKS
from bnpo.runs.folder import refuse_foreign
from tests.experiment.conftest import Command


def test_no_words_list_the_commands(command: Command) -> None:
    status, output, errors = command("")
    assert (status, errors) == (0, "")
    for name in ("train", "evaluate", "plot", "record", "resume", "print_config"):
        assert f"\n  {name} " in output
    for name in (*PRESETS, *TASKS, "--file_storage", "bnpo evaluate 1 episodes=100"):
        assert name in output


@pytest.mark.parametrize("name", ["train", "evaluate", "plot", "record", "resume"])
def test_every_command_has_help(command: Command, name: str) -> None:
    assert command(f"help {name}")[1] == command(f"{name} --help")[1] != ""


def test_version(command: Command) -> None:
    assert command("--version")[1].startswith("bnpo ")


def test_a_dry_run_validates_and_writes_nothing(command: Command, tmp_path: Path) -> None:
    assert command("--dry-run with ppo seed=3")[:2] == (0, "the configuration is valid\n")
    assert not [*tmp_path.iterdir()]


def test_print_config_shows_everything_that_train_takes(command: Command) -> None:
    status, output, _ = command("print_config with ppo agent.gamma=0.9")
    lines = output.splitlines()
    assert status == 0
    assert "agent.gamma = 0.9" in lines
    assert "total_steps = 40000" in lines
    assert "brains.ppo.bellman = False" in lines


def test_evaluate_repeats_what_the_run_saw(finished_run: Path, command: Command) -> None:
    status, output, errors = command(f"evaluate with run={finished_run} episodes=4")
    summary = json.loads((finished_run / "summary.json").read_text())
    assert (status, errors) == (0, "")
    assert f"mean return   {summary['mean_return']:.2f}" in output


def test_runs_are_found_by_number_and_name(finished_run: Path, command: Command) -> None:
    for run in ("1", str(finished_run)):
        line = f"-F {finished_run.parent} --dry-run evaluate with run={run}"
        assert command(line)[0] == 0


def test_plot_overlays_runs(finished_run: Path, command: Command, tmp_path: Path) -> None:
    for name, seed, gamma in (("1", 0, 0.92), ("2", 1, 0.92), ("3", 0, 0.9)):
        run = shutil.copytree(finished_run, tmp_path / "runs" / name)
        config = json.loads((run / "config.json").read_text())
        config["agent"]["gamma"] = gamma
        (run / "config.json").write_text(json.dumps({**config, "seed": seed}))
    assert command("plot with runs=['runs/1','runs/2']")[0] == 0
    assert command("plot with runs=[1,2,3] output=own.svg x=seconds")[0] == 0
    legend = (tmp_path / "own.svg").read_text()
    assert "<!-- bpo agent.gamma=0.92 (2 seeds) -->" in legend
    assert "<!-- bpo agent.gamma=0.9, seed 0 -->" in legend
    assert "<!-- seconds of training -->" in legend
    assert command("plot 1 2 metric=ddpg/critic_loss output=own.svg")[0] == 0
    assert "<!-- ddpg/critic_loss -->" in (tmp_path / "own.svg").read_text()
    drawn = (tmp_path / "runs/1/learning_curve.png").stat().st_mtime_ns
    assert command("plot 1 metric=rollout/return x=seconds")[0] == 0
    assert (tmp_path / "runs/1/learning_curve-rollout-return-seconds.png").is_file()
    assert (tmp_path / "runs/1/learning_curve.png").stat().st_mtime_ns == drawn
    refuse_foreign(tmp_path / "runs/1")  # it is still a run's own
    status, _, errors = command("plot 1 metric=rollout/retrun")
    assert status == 2
    assert "metric = 'rollout/retrun'; did you mean 'rollout/return'?" in errors
    with Image.open(tmp_path / "runs" / "learning_curves.png") as picture:
        assert picture.size[0] >= 1000


def test_what_is_missing_is_told_with_what_is_there(
    finished_run: Path, command: Command, tmp_path: Path
) -> None:
    for number in (1, 2, 10):
        run = shutil.copytree(finished_run, tmp_path / "runs" / str(number))
    for path in run.glob("checkpoints/step-*.json"):
        path.unlink()
    line = "there is no such folder (runs holds 1, 2, 10)"
    assert line in command("evaluate 7")[2]
    status, _, errors = command("evaluate 10 episodes=2")
    assert status == 2
    assert "the run ended before it; its best policy is there: checkpoint=best" in errors
    assert command("evaluate 10 episodes=2 checkpoint=best")[0] == 0


def test_record_writes_a_video(finished_run: Path, command: Command, tmp_path: Path) -> None:
    run = shutil.copytree(finished_run, tmp_path / "copy")
    (run / "policy.gif").unlink()
    assert command(f"record with run={run} episodes=1 checkpoint=best")[0] == 0
    assert (run / "policy.gif").is_file()


def test_an_unobserved_run_leaves_no_files(command: Command, tmp_path: Path) -> None:
    status, output, _ = command("-u with bpo TINY total_steps=200")
    assert status == 0
    assert "success rate" in output
    assert not [*tmp_path.iterdir()]


def test_a_run_starts_again_from_its_own_configuration(
    finished_run: Path, command: Command
) -> None:
    file = finished_run / "config.json"
    status, output, _ = command(f"print_config with {file}")
    assert status == 0
    assert "total_steps = 400" in output
    assert "agent.networks.actor_hidden = [8]" in output
    assert output.index("brains.ppo.") < output.index("brains.ddpg.")


def test_an_environment_without_goals_is_plotted_by_its_return(
    command: Command, tmp_path: Path
) -> None:
    line = "with ppo env=Pendulum-v1 num_envs=2 total_steps=40 eval_episodes=1"
    status, output, _ = command(line)
    assert status == 0
    assert "success rate" not in output
    assert "pygame" in output or "policy.gif" in output
    assert json.loads((tmp_path / "runs/1/summary.json").read_text())["success_rate"] is None


def test_the_experiment_runs_from_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = experiment.run(
        named_configs=["ppo"],
        config_updates={
            "total_steps": 40,
            "eval_episodes": 2,
            "env_kwargs": {"episode_steps": 5},
            "agent": {"max_steps": 5},
        },
    )
    assert run.config["agent"]["max_steps"] == 5
    assert run.config["agent"]["gamma"] == TASKS["goal_reacher"]["agent"]["gamma"]
    assert run.status == "COMPLETED"
    assert run.result == 0.0


def test_what_is_added_in_sacreds_own_ways_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    def more() -> None:
        eval_episodes = 7  # noqa: F841

    monkeypatch.setattr(experiment, "configurations", [])
    experiment.add_config({"total_steps": 1_234, "agent": {"gamma": 0.5}})
    experiment.config(more)
    for _ in range(2):
        config = experiment.run("print_config", config_updates={"agent.gamma": 0.6}).config
        assert (config["total_steps"], config["eval_episodes"]) == (1_234, 7)
        assert config["agent"]["gamma"] == 0.6


@pytest.mark.parametrize("words", ["{run}", "{run} episodes=2", "with run={run} episodes=2"])
def test_a_command_takes_a_run_as_people_type_it(
    finished_run: Path, command: Command, words: str
) -> None:
    assert command(f"--dry-run evaluate {words.format(run=finished_run)}")[0] == 0
    assert command(f"--dry-run evaluate {words.format(run=1)} -F {finished_run.parent}")[0] == 0


def test_one_run_at_most_is_evaluated(command: Command) -> None:
    status, _, errors = command("evaluate 1 2")
    assert (status, errors) == (2, "bnpo: error: 2 after 1: allowed is one run\n")


@pytest.mark.parametrize("words", ["runs 1", "runs run=1", "runs with runs=[1]", "runs seeds=0"])
def test_runs_are_listed_as_people_type_it(
    finished_run: Path, command: Command, words: str
) -> None:
    status, output, _ = command(f"{words} -F {finished_run.parent}")
    assert status == 0
    assert [line.split()[:2] for line in output.splitlines()[1:]] == [["1", "completed"]]


@pytest.mark.parametrize("words", ["plot run={run}", "plot {run}", "plot with run={run}"])
def test_one_key_means_a_run_everywhere(finished_run: Path, command: Command, words: str) -> None:
    assert command(f"--dry-run {words.format(run=finished_run)}")[0] == 0


def test_a_run_that_is_not_there_is_not_listed(finished_run: Path, command: Command) -> None:
    status, _, errors = command(f"runs 7 -F {finished_run.parent}")
    assert (status, errors.count("\n")) == (2, 1)
    assert "is missing" in errors


def test_a_device_that_is_not_there_is_told_shortly(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    status, _, errors = command("--dry-run with bpo agent.device=cuda")
    assert (status, errors.count("\n")) == (2, 1)
    assert errors.endswith("torch finds no CUDA device here; allowed is cpu, or auto\n")
    assert "\nagent.device = 'cpu'\n" in command("print_config with bpo agent.device=auto")[1]


def test_the_record_names_the_commit_of_the_working_folder(
    command: Command, tmp_path: Path
) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "Begin"]):
        subprocess.run([*git, *words], cwd=tmp_path, check=True)
    done = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert command("with bpo TINY total_steps=200")[0] == 0
    record = json.loads((tmp_path / "runs/1/run.json").read_text())
    assert record["meta"]["commit"] == done.stdout.strip()
