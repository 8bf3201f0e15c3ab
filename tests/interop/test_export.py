"""Exported policies: the same actions as the agent's, in a process that has no BNPO."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import bnpo.interop.export
from bnpo.errors import ConfigError, ExportError
from bnpo.experiment import main
from bnpo.interop.export import ExportedPolicy, export, input_names, visited_states
from bnpo.presets import build_agent
from bnpo.runs import load_agent, load_config

TINY = (
    "total_steps=400 eval_interval=200 eval_episodes=4 num_envs=4 env_kwargs.episode_steps=10 "
    "agent.max_steps=10 agent.warmup_steps=0 agent.networks.actor_hidden=[8] "
    "agent.networks.critic_hidden=[8] brains.ddpg.batch_size=16 brains.ddpg.optim_batch_size=16 "
    "brains.ddpg.learning_repeat=4"
)


def trained(folder: Path, words: str) -> Path:
    assert main(["-F", str(folder), "with", *words.split()]) == 0
    return folder / "1"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run whose policy sees the achieved goal, as it does by default."""
    return trained(tmp_path_factory.mktemp("exported"), f"ddpg_her {TINY}")


LOADED = {
    "torch_export": """
import torch
policy = torch.export.load(file).module()
with torch.no_grad():
    action = policy(*(torch.from_numpy(inputs[name]) for name in names)).numpy()
""",
    "onnx": """
import onnxruntime
(action,) = onnxruntime.InferenceSession(file).run(None, inputs)
""",
}
_PROGRAM = """
import sys
sys.modules["bnpo"] = None  # as where it is not installed
import numpy as np
inputs = dict(np.load(sys.argv[1]))
file, out, names = sys.argv[2], sys.argv[3], sys.argv[4:]
{load}
np.save(out, action)
assert not [name for name in sys.modules if name.startswith("bnpo.")]
"""


def elsewhere(file: Path, kind: str, inputs: dict[str, Any], folder: Path) -> Any:
    """Return the actions of an exported file, found by a process without BNPO."""
    source, out = folder / "inputs.npz", folder / "actions.npy"
    np.savez(source, **inputs)
    program = _PROGRAM.format(load=LOADED[kind])
    words = [sys.executable, "-c", program, str(source), str(file), str(out), *inputs]
    subprocess.run(words, check=True, cwd=folder)
    return np.load(out)


@pytest.mark.parametrize("kind", ["torch_export", "onnx"])
def test_a_file_acts_like_its_agent_without_bnpo(run: Path, tmp_path: Path, kind: Any) -> None:
    if kind == "onnx":
        pytest.importorskip("onnxscript", reason="the extra export is not installed")
        pytest.importorskip("onnxruntime", reason="the extra export is not installed")
    file, card, difference = export(run, kind, output=tmp_path)
    agent = load_agent(run)
    states = visited_states(agent, 1_000)
    inputs = {name: states[name] for name in input_names(agent)}
    assert [*inputs] == ["observation", "achieved_goal", "desired_goal"]
    expected = agent.policy.best_action(agent.policy.tensors(states)).numpy()
    actions = elsewhere(file, kind, inputs, tmp_path)
    assert actions.shape == (1_000, 2)
    assert np.abs(actions - expected).max() <= 1e-5
    assert difference <= 1e-5
    assert np.ptp(expected) > 1e-3  # the policy does not always do the same
    assert file.name in card.read_text()


def test_normalisation_is_inside(run: Path) -> None:
    agent = load_agent(run)
    states = visited_states(agent, 16)
    inputs = [agent.policy.tensor(states[name]) for name in input_names(agent)]
    with torch.no_grad():
        normalised, raw = ExportedPolicy(agent)(*inputs), agent.actor(torch.cat(inputs, -1))[0]
    assert torch.equal(normalised, agent.policy.best_action(agent.policy.tensors(states)))
    assert (normalised - raw).abs().max() > 1e-3


def test_a_policy_without_goals_or_achieved_goals(tmp_path: Path) -> None:
    config = load_config(
        trained(tmp_path, f"ddpg_her {TINY} agent.networks.observe_achieved_goal=False")
    )
    assert input_names(build_agent(config)) == ["observation", "desired_goal"]
    file, _, difference = export(tmp_path / "1")
    assert file == tmp_path / "1" / "export" / "policy.pt2"
    assert difference <= 1e-5
    small = "eval_episodes=1 num_envs=2"
    trained(tmp_path / "plain", f"ppo env=Pendulum-v1 total_steps=40 {small}")
    _, card, difference = export(tmp_path / "plain" / "1")
    assert difference <= 1e-5
    assert "desired_goal" not in card.read_text()
    assert "from [-2] to [2]" in card.read_text()


def test_states_are_the_same_for_the_same_policy(run: Path) -> None:
    first, second = (visited_states(load_agent(run), 100) for _ in range(2))
    assert all(np.array_equal(first[key], second[key]) for key in first)
    assert np.ptp(first["observation"], axis=0).min() > 0


def test_the_card_tells_where_a_policy_comes_from(run: Path, tmp_path: Path) -> None:
    card = export(run, checkpoint="best", output=tmp_path)[1].read_text()
    for fact in (
        "# Policy for bnpo/GoalReacher-v0",
        "| seed | 0 |",
        "| environment | `bnpo/GoalReacher-v0` with episode_steps=10 |",
        "| environment steps | 400 |",
        "| checkpoint | best |",
        "| episodes | 4 |",
        "| `achieved_goal` | 2 |",
        'torch.export.load("policy.pt2")',
        "1,000 states",
    ):
        assert fact in card, fact


def test_a_file_that_acts_otherwise_is_refused(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        ExportedPolicy,
        "forward",
        lambda self, *inputs: self.actor(self.encoder(*_of(inputs)))[0] + 1e-3,
    )
    with pytest.raises(ExportError, match=r"differ by 1\.0e-03"):
        export(run, output=tmp_path)
    assert not [*tmp_path.iterdir()]


def _of(inputs: Any) -> Any:
    return torch.cat(inputs[:-1], -1), inputs[-1]


def said(line: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    capsys.readouterr()
    status = main(line.split())
    return status, "".join(capsys.readouterr())


def test_the_command_exports(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, text = said(f"export with run={run}", capsys)
    assert status == 0
    assert str(run / "export" / "policy.pt2") in text
    assert "differs from the agent by" in text


@pytest.mark.parametrize(
    ("line", "mentions"),
    [
        ("export with run=runs/7", ["runs/7", "missing"]),
        ("export", ["run", "missing"]),
        ("export with run={run} format=keras", ["format", "'keras'", "onnx"]),
        ("export with run={run} output={run}/config.json", ["config.json", "cannot be written"]),
    ],
)
def test_bad_input_is_told_in_one_line(
    run: Path, capsys: pytest.CaptureFixture[str], line: str, mentions: list[str]
) -> None:
    status, text = said(line.format(run=run), capsys)
    assert (status, text.count("\n")) == (2, 1), text
    assert all(mention in text for mention in mentions), text


def test_onnx_without_its_packages_names_the_extra(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(module: str, extra: str, feature: str) -> None:
        raise ConfigError(f"{feature} needs {module}: pip install 'bnpo[{extra}]'")

    monkeypatch.setattr(bnpo.interop.export, "require", absent)
    status, text = said(f"export with run={run} format=onnx", capsys)
    assert (status, text.count("\n")) == (2, 1)
    assert "format=onnx needs onnx: pip install 'bnpo[export]'" in text
