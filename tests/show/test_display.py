"""In a notebook: progress and learning curve, tables, interrupts, sacred."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.kernel import execute, html_of, of_cells, text_of

AGENT = """
import bnpo, os, signal, threading
from bnpo.presets import PRESETS, build_brain

brains = [build_brain(name, {**fields, "learning_repeat": 4}) for name, fields in
          PRESETS["bpo"]["brains"].items()]
agent = bnpo.Agent.for_env("bnpo/GoalReacher-v0", brains)
"""
TRAIN = "history = bnpo.train(agent, 1600, 8, eval_interval=800, eval_episodes=2)"


def test_tables_bar_and_curve(tmp_path: Path) -> None:
    played = execute(
        of_cells(
            AGENT + TRAIN, "agent", "agent.descriptions", "agent.descriptions[0]", "history",
            "bnpo.plot(history)", "print(history.to_frame().env_steps.tolist())",
        ),
        tmp_path,
    )  # fmt: skip
    training, agent, brains, brain, history, curve, frame = played.cells
    bar, picture = html_of(training)
    assert "1,600 of 1,600 steps" in bar
    assert "success" in bar
    assert "data:image/png;base64," in picture
    assert all(len(html_of(cell)) == 1 for cell in (agent, brains, brain, history))
    assert "bnpo/GoalReacher-v0" in html_of(agent)[0]
    assert "learning_repeat" in html_of(brains)[0]
    assert html_of(brains)[0].count("<th ") == 3
    assert html_of(brain)[0].count("<th ") == 2
    assert "1,600" in html_of(history)[0]
    assert "image/png" in curve.outputs[0].data
    assert text_of(frame) == "[800, 1600]\n"


def test_interrupt_and_continue(tmp_path: Path) -> None:
    interrupted = """
def interrupt(record):
    os.kill(os.getpid(), signal.SIGINT)

history = bnpo.train(agent, 40_000, 8, eval_interval=800, eval_episodes=2, on_evaluation=interrupt)
print(len(history), agent.env_steps)
"""
    trainer = """
trainer = bnpo.Trainer(agent, bnpo.TrainConfig(
    total_steps=2_400, num_envs=8, eval_interval=800, eval_episodes=2))
print(len(trainer.run(interrupt)), agent.env_steps)
print(len(trainer.run()), agent.env_steps)
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""
    played = execute(of_cells(AGENT, interrupted, trainer), tmp_path)
    assert text_of(played.cells[1]) == "1 800\n"
    assert text_of(played.cells[2]) == "1 1600\n2 2400\nTrue\n"


def test_sacred_keeps_the_bar(tmp_path: Path) -> None:
    sacred = """
from bnpo.experiment import experiment
run = experiment.run(named_configs=["bpo", "goal_reacher"], config_updates={
    "total_steps": 1600, "eval_interval": 800, "eval_episodes": 2,
    "brains.ddpg.learning_repeat": 4})
"""
    (cell,) = execute(of_cells(sacred), tmp_path).cells
    assert any("1,600 of 1,600 steps" in html for html in html_of(cell))
    assert any("data:image/png;base64," in html for html in html_of(cell))
    (printed,) = (tmp_path / "runs").glob("*/cout.txt")
    assert "<progress" not in printed.read_text()
    assert (printed.parent / "summary.json").exists()


@pytest.mark.parametrize("value", [None, 3, 2.5, "text", True])
def test_tables_escape_and_align(value: object) -> None:
    from bnpo.show import html_table

    table = html_table(["<a>"], [[value]], caption="1 < 2")
    assert "&lt;a&gt;" in table
    assert "1 &lt; 2" in table
    assert ("right" in table) == (type(value) in (int, float))


def test_every_field_has_its_meaning() -> None:
    import dataclasses

    from bnpo.config import BrainDescription
    from bnpo.config.keys import meanings_of

    meanings = meanings_of(BrainDescription)
    assert set(meanings) == {f.name for f in dataclasses.fields(BrainDescription)}
    assert meanings["batch_size"].startswith("Size of the minibatch")
