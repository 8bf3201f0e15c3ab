"""How named configurations and overrides become one configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bnpo.compose.composition import compose, compose_run
from bnpo.compose.overrides import Overrides, parse, put
from bnpo.errors import ConfigError
from bnpo.presets import PRESETS, TASKS, TUNED, build_agent, read_config, write_config


def made(*words: str) -> dict[str, Any]:
    return compose(*parse(words))


def test_values_are_literals_or_text() -> None:
    names, overrides = parse(["bpo", "a=1", "b.c=x y", "d=true", "e=null", "f=(1, 2)", "a=2"])
    assert names == ["bpo"]
    assert overrides == {"b.c": "x y", "d": True, "e": None, "f": [1, 2], "a": 2}


def test_the_default_is_bpo_on_the_goal_reacher() -> None:
    assert made() == made("bpo", "goal_reacher") == made("goal_reacher", "bpo")
    assert made()["preset"] == "bpo"
    assert made()["env"] == "bnpo/GoalReacher-v0"


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_brings_its_brains_and_nothing_of_another(preset: str) -> None:
    assert list(made(preset)["brains"]) == list(PRESETS[preset]["brains"])


def test_another_environment_takes_no_settings_of_a_task() -> None:
    assert made("env=Pendulum-v1")["agent"]["target_bounds"] is None
    reacher = made("env=bnpo/GoalReacher-v0")
    assert reacher["agent"]["target_bounds"] == TASKS["goal_reacher"]["agent"]["target_bounds"]


def test_a_nested_override_leaves_its_neighbours() -> None:
    before, after = made(), made("brains.ddpg.batch_size=128", "brains.ddpg.credit.ratio=0.5")
    assert after["brains"]["ddpg"]["batch_size"] == 128
    assert after["brains"]["ddpg"]["credit"]["ratio"] == 0.5
    after["brains"]["ddpg"]["batch_size"] = before["brains"]["ddpg"]["batch_size"]
    after["brains"]["ddpg"]["credit"]["ratio"] = before["brains"]["ddpg"]["credit"]["ratio"]
    assert after == before


def test_an_override_replaces_and_an_update_merges() -> None:
    brain = made()["brains"]["ddpg"]
    assert list(compose([], Overrides(brains={"own": brain}))["brains"]) == ["own"]
    assert list(compose([], {"brains": {"own": brain}})["brains"]) == ["ppo", "ddpg", "own"]


def test_composing_changes_no_preset() -> None:
    before = json.dumps(PRESETS)
    made("brains.ddpg.credit.ratio=0.5", "agent.networks.critics=5")
    assert json.dumps(PRESETS) == before


def test_a_name_takes_fields() -> None:
    config: dict[str, Any] = {"credit": "her"}
    put(config, "credit.ratio", 0.5)
    assert config == {"credit": {"name": "her", "ratio": 0.5}}


def test_a_file_stands_between_names_and_overrides(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"agent": {"gamma": 0.5}, "num_envs": 2}))
    config = made(str(file), "ppo", "num_envs=3")
    assert (config["preset"], config["agent"]["gamma"], config["num_envs"]) == ("ppo", 0.5, 3)


@pytest.mark.parametrize(
    ("text", "rate"),
    [("1e-3", 0.001), ("1E+3", 1000.0), (".5e-1", 0.05), ("-1.5e2", -150.0), ("0.25", 0.25)],
)
def test_a_file_of_yaml_holds_numbers_as_people_write_them(
    tmp_path: Path, text: str, rate: float
) -> None:
    pytest.importorskip("yaml", reason="the extra study is not installed")
    file = tmp_path / "mine.yaml"
    file.write_text(f"brains:\n  ddpg:\n    lr_actor: {text}\nnum_envs: 2\n")
    config = made(str(file), "ddpg_her", "num_envs=3")
    assert config["brains"]["ddpg"]["lr_actor"] == rate
    assert config["num_envs"] == 3


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "\t- x: {", "3"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    pytest.importorskip("yaml", reason="the extra study is not installed")
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"config file .*mine.yaml (is not YAML|holds)"):
        made(str(file))


def test_a_recorded_configuration_makes_itself(tmp_path: Path) -> None:
    config = made("ppo", "env=FetchPush-v4", "seed=7")
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config))
    again = made(str(file))
    assert again == config
    assert list(again["brains"]) == list(config["brains"])


@pytest.mark.parametrize("word", ["a..b=1", ".a=1", "a-b=1", "$x=1", "py/object=1"])
def test_a_path_is_names_joined_by_dots(word: str) -> None:
    with pytest.raises(ConfigError, match="is no override"):
        parse([word])


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(ConfigError, match="deeper"):
        parse(["env_kwargs=" + "[" * 60 + "]" * 60])


def test_what_was_found_for_a_preset_on_a_task_is_weaker_than_a_users_word() -> None:
    of_task = compose(["bpo", "moving_reacher"], {})
    assert of_task["brains"]["ddpg"]["learning_delay"] == 60
    assert compose(["bpo", "goal_reacher"], {})["brains"]["ddpg"]["learning_delay"] == 50
    own = compose(["bpo", "moving_reacher"], {"brains.ddpg.learning_delay": 7})
    assert own["brains"]["ddpg"]["learning_delay"] == 7


def test_every_tuned_setting_belongs_to_a_preset_and_a_task_and_builds() -> None:
    for preset, task in TUNED:
        config = compose([preset, task], {"seed": 0})
        assert build_agent(config).brains


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("preset", PRESETS)
def test_a_run_is_read_back_equal(preset: str, task: str) -> None:
    run = compose_run([preset, task], {"seed": 3, "agent.networks.critics": 2})
    written = json.loads(json.dumps(write_config(run)))
    assert read_config(written) == run
    assert list(written["brains"]) == list(PRESETS[preset]["brains"])


def test_a_run_is_written_flat_with_every_default() -> None:
    written = write_config(compose_run(["bpo"], {"brains.ppo.credit": "gae"}))
    assert written["total_steps"] == 40_000
    assert written["agent"]["networks"]["critics"] == 2
    assert written["brains"]["ppo"]["credit"] == {
        "name": "gae",
        "horizon": None,
        "gae_lambda": 0.95,
        "rho_max": None,
        "trace_max": 1.0,
    }
    assert "name" not in written["brains"]["ppo"]


def test_a_schedule_of_the_discount_is_read_back() -> None:
    schedule = {"start": 0.9, "end": 0.99, "over": 1_000}
    run = compose_run(["bpo"], Overrides({"agent.gamma_schedule": schedule}))
    assert run.agent.gamma_schedule(500) == pytest.approx(0.945)  # half way
    assert read_config(write_config(run)) == run


def test_a_file_may_name_another_scheme_than_its_preset(tmp_path: Path) -> None:
    own = compose_run(["bpo"], Overrides({"brains.ddpg.credit": {"name": "floating", "steps": 2}}))
    file = tmp_path / "config.json"
    file.write_text(json.dumps(write_config(own)))
    assert compose_run([str(file)], {}) == own


def test_another_name_leaves_nothing_of_the_fields_before() -> None:
    by_name = made("brains.ddpg.credit.name=floating")["brains"]["ddpg"]["credit"]
    assert by_name == {"name": "floating"}
    changes = {"brains": {"ddpg": {"credit": {"steps": 2, "name": "floating"}}}}
    assert compose([], changes)["brains"]["ddpg"]["credit"] == {"name": "floating", "steps": 2}
    same = made("brains.ddpg.credit.name=her", "brains.ddpg.credit.ratio=0.5")
    assert same["brains"]["ddpg"]["credit"]["strategy"] == "future"
