"""Bad input ends in one line, exit status 2, before anything is written."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.experiment.conftest import Command

BAD = [
    ("with env=bnpo/GoalReachr-v0", ["bnpo/GoalReachr-v0", "bnpo/GoalReacher-v0"]),
    ("with env=3", ["env", "3"]),
    ("with env=CartPole-v1", ["CartPole-v1", "Discrete(2)", "Box"]),
    ("with ddpg_her env=Pendulum-v1", ["Pendulum-v1", "goal environment", "desired_goal"]),
    ("with env_kwargs.colour=3", ["colour", "distance_threshold"]),
    ("with env_kwargs.env_id=x", ["env_kwargs.env_id", "'x'"]),
    ("with env_kwargs.num_envs=3", ["env_kwargs.num_envs", "3"]),
    ("with env=Reacher-v5 env_kwargs.care=1", ["env_kwargs.care", "1"]),
    ("with env=Reacher-v5 env_kwargs.workers=1", ["env_kwargs.workers", "1"]),
    ("with env_kwargs.render_mode=human", ["env_kwargs.render_mode", "'human'"]),
    ("with env=Reacher-v5 env_kwargs.id=x", ["Reacher-v5", "'id'"]),
    ("with env=Reacher-v5 env_kwargs.max_episode_steps=x", ["Reacher-v5", "max_episode_steps"]),
    ("-i " + "x" * 300 + " with", ["--id", "200 bytes"]),
    ("runs with folder=" + "x" * 300, ["File name too long"]),
    ("evaluate with run=" + "x" * 300, ["File name too long"]),
    ("plot with runs=" + "y/" * 3000, ["File name too long"]),
    ("evaluate with run='a\\x00b'", ["run", "text"]),
    ("with bpo offline='\\ud800'", ["offline", "text"]),
    ("-F " + "x" * 300 + " with", ["File name too long"]),
    ("with bpo " + "x" * 300 + ".json", ["File name too long"]),
    ("with bpo_", ["'bpo_'", "'bpo'"]),
    ("with bpo ppo", ["'bpo'", "'ppo'", "one"]),
    ("with preset=xx", ["preset", "'xx'", "bpo"]),
    ("with absent.json", ["absent.json"]),
    ("with totl_steps=3", ["totl_steps", "total_steps"]),
    ("with agent.gama=0.9", ["agent.gama", "agent.gamma"]),
    ("with agent.networks.critic=2", ["agent.networks.critic", "agent.networks.critics"]),
    ("with brains.dpg.batch_size=3", ["'dpg'", "'ddpg'"]),
    ("with brains.ddpg.bath_size=3", ["brains.ddpg.bath_size", "brains.ddpg.batch_size"]),
    ("with brains.ddpg.credit.ratoi=1", ["brains.ddpg.credit.ratoi", "brains.ddpg.credit.ratio"]),
    ("with brains.ddpg.credit=hr", ["credit", "'hr'", "her"]),
    ("with brains.ddpg.rule.name=pp", ["rule", "'pp'", "ppo"]),
    ("with brains.ddpg.batch_size=0", ["brains.ddpg", "batch_size", "0", "greater"]),
    ("with brains.ddpg.tau_actor=2", ["brains.ddpg", "tau_actor", "2", "1"]),
    ("with brains.ppo.ppo_eps=-1", ["brains.ppo", "ppo_eps", "-1", "greater than 0"]),
    ("with brains.ppo.memory_size=1.5", ["memory_size", "1.5", "integer"]),
    ("with brains.ddpg.bellman=3", ["bellman", "3", "boolean"]),
    ("with brains.ppo.credit=her", ["credit", "HER", "likelihood-ratio"]),
    ("with brains.ppo.ppo_eps=None brains.ppo.rule=None", ["rule = None", "bellman=False"]),
    ("with brains={}", ["brains", "at least one"]),
    ("with brains=[]", ["brains", "[]"]),
    ("with num_envs=0", ["num_envs", "0", "1"]),
    ("with total_steps=0", ["total_steps", "0", "1"]),
    ("with eval_episodes=2.5", ["eval_episodes", "2.5", "integer"]),
    ("with gama=0.9", ["unknown config key gama", "did you mean agent.gamma?"]),
    ("with device=cpu", ["unknown config key device", "did you mean agent.device?"]),
    ("with actor_hiden=[8]", ["did you mean agent.networks.actor_hidden?"]),
    ("with video=sometimes", ["video", "'sometimes'", "off, end, or every=N"]),
    ("with video=every=0", ["video", "'every=0'", "off, end, or every=N"]),
    ("with callbacks=early_stoping", ["callbacks", "did you mean 'early_stopping'"]),
    ("with callbacks=3", ["callbacks", "3", "list"]),
    ("with log_interval=0", ["log_interval", "0"]),
    ("with on_callback_failure=ignore", ["on_callback_failure", "'ignore'", "stop"]),
    ("plot run=1 x=hours", ["x", "'hours'", "steps"]),
    ("with seed=-1", ["seed", "-1", "0"]),
    ("with seed=4294967296", ["seed", "4294967296"]),
    ("with agent=3", ["agent", "3"]),
    ("with agent.gamma.x=3", ["agent.gamma.x", "no fields"]),
    ("with agent.gamma=nan", ["gamma", "nan"]),
    ("with agent.device=quux", ["agent.device", "'quux'"]),
    ("with agent.replay_size=10", ["agent.replay_size", "10", "400"]),
    ("with agent.replay_size=1000000000000", ["agent.replay_size", "bytes"]),
    ("with agent.networks.critics=99999999999999999999", ["critics", "bytes"]),
    ("with agent.networks.actor_hidden=[1000000,1000000]", ["actor_hidden", "bytes"]),
    ("with brains.ddpg.credit.name=[None]", ["brains.ddpg.credit.name", "[None]", "her"]),
    ("help with", ["'with'", "train"]),
    ("with =3", ["'=3'", "key=value"]),
    ("with env_kwargs={1:2}", ["env_kwargs", "1"]),
    ("with agent.gamma={1,2}", ["agent.gamma", "{1, 2}"]),
    ("trian", ["'trian'", "'train'"]),
    ("bpo", ["'bpo'", "bnpo with bpo"]),
    ("train bpo", ["'bpo'", "with"]),
    ("--foo", ["--foo"]),
    ("-l LOUD with bpo", ["--loglevel", "'LOUD'", "WARNING"]),
    ("-b x with bpo", ["--beat-interval", "'x'"]),
    ("-i ../x with bpo", ["--id", "'../x'"]),
    ("-F taken with bpo", ["taken", "cannot be written"]),
    ("evaluate", ["run", "missing"]),
    ("evaluate with bpo", ["'bpo'", "run=..."]),
    ("evaluate with run=runs/7", ["runs/7", "missing"]),
    ("evaluate with run=taken", ["taken"]),
    ("record with run=runs/7", ["runs/7", "missing"]),
    ("resume with run=runs/7", ["runs/7", "missing"]),
    ("plot with runs=['runs/7']", ["runs/7", "missing"]),
    ("plot with runs=[]", ["runs", "[]", "at least one"]),
]


def assert_one_line(said: tuple[int, str, str], *mentions: str) -> None:
    status, output, errors = said
    assert (status, output) == (2, ""), errors
    assert errors.count("\n") == 1, errors
    for mention in mentions:
        assert mention in errors, errors


@pytest.mark.parametrize(("line", "mentions"), BAD, ids=[line[:60] for line, _ in BAD])
def test_bad_input(command: Command, tmp_path: Path, line: str, mentions: list[str]) -> None:
    (tmp_path / "taken").write_text("a file")
    assert_one_line(command(line), *mentions)
    assert {path.name for path in tmp_path.iterdir()} == {"taken"}


_OF_NO_ENVIRONMENT = json.dumps(
    {"env": "a", "env_kwargs": {}, "seed": 0, "preset": "b", "agent": {}, "brains": {}}
)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", None),
        ("config.json", "{"),
        ("config.json", "[]"),
        ("config.json", '{"env": 1, "env_kwargs": {}, "seed": 0, "preset": "b"}'),
        ("config.json", _OF_NO_ENVIRONMENT),
        ("checkpoints/step-*.json", None),
        ("checkpoints/step-*.json", "no checkpoint"),
        ("checkpoints/state-*.safetensors", None),
        ("checkpoints/state-*.safetensors", "no tensors"),
    ],
)
@pytest.mark.parametrize("name", ["evaluate", "record", "resume"])
def test_a_damaged_run_is_named(
    finished_run: Path, command: Command, tmp_path: Path, file: str, content: str | None, name: str
) -> None:
    if name == "resume" and content is None and "step" in file:
        pytest.skip("a run that was killed before its first checkpoint starts over")
    run = shutil.copytree(finished_run, tmp_path / "1")
    record = (run / "run.json").read_bytes()
    for path in run.glob(file):
        if content is None:
            path.unlink()
        else:
            path.write_text(content)
    assert_one_line(command(f"{name} with run=1 -F {tmp_path}"), file.partition("*")[0])
    assert (run / "run.json").read_bytes() == record


@pytest.mark.parametrize("content", [None, "", '{"records": 3}', '{"records": [{"a": 1}]}'])
def test_a_damaged_history_is_named(
    finished_run: Path, command: Command, tmp_path: Path, content: str | None
) -> None:
    run = shutil.copytree(finished_run, tmp_path / "1")
    (run / "history.json").unlink()
    if content is not None:
        (run / "history.json").write_text(content)
    assert_one_line(command(f"plot with runs={run}"), "history.json")


def test_a_policy_of_another_shape_is_named(
    finished_run: Path, command: Command, tmp_path: Path
) -> None:
    run = shutil.copytree(finished_run, tmp_path / "1")
    config = (run / "config.json").read_text()
    (run / "config.json").write_text(config.replace("[\n        8\n", "[\n        9\n"))
    assert_one_line(command(f"evaluate with run={run}"), "step-000000400.json", "does not fit")


def test_a_picture_that_cannot_be_written_is_named(finished_run: Path, command: Command) -> None:
    line = f"plot with runs={finished_run} output=curve.txt"
    assert_one_line(command(line), "curve.txt", "png")


def test_an_error_that_nobody_foresaw_is_raised(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("bnpo.training.Trainer.step", fail)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        command("with bpo TINY")
    assert '"FAILED"' in (tmp_path / "runs/1/run.json").read_text()
    assert '"failed"' in (tmp_path / "runs/1/summary.json").read_text()


def test_runs_with_names_that_are_no_text_are_listed(
    finished_run: Path, command: Command, tmp_path: Path
) -> None:
    for name in (b"\xff\xfe", b"two\nlines", b"\x1b[31mred", "übrig".encode()):
        shutil.copytree(finished_run, tmp_path / "runs" / os.fsdecode(name))
    status, output, _ = command("runs")
    assert status == 0
    names = [line.split()[0] for line in output.splitlines()[1:]]
    assert sorted(names) == ["\\udcff\\udcfe", "red", "two\\nlines", "übrig"]
