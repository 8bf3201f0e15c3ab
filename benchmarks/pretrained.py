"""Train the policies that the package brings, and write them with their cards.

    python benchmarks/pretrained.py                 all of them
    python benchmarks/pretrained.py fetch_reach     some of them

Each is the *last* policy of ``bnpo with PRESET TASK seed=0``, which no evaluation has chosen. Its
card tells what it reaches on 100 evaluation episodes; a slow test holds it to that.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from bnpo.experiment import main as command_line
from bnpo.files import write_json, write_whole
from bnpo.runs import load_agent, load_config, load_summary
from bnpo.runs.checkpoint_folder import CheckpointFolder
from bnpo.runs.reading import PRETRAINED
from bnpo.runs.summary import Summary
from bnpo.show.text import markdown
from bnpo.training.evaluation import Evaluation, evaluate

POLICIES = {
    "goal_reacher": "bpo",
    "fetch_reach": "bpo",
    "reacher_v5": "ppo",
    "moving_reacher": "bpo",
}
"""Tasks, each with the preset that it is trained with."""

SEED = 0
EPISODES = 100

CARD = """\
# {task}

A policy for `{env}`, trained with BNPO {version} by
`bnpo with {preset} {task} seed={seed}` and written by `make pretrained`.

```python
import bnpo
import gymnasium as gym

agent = bnpo.load("pretrained/{task}")
env = gym.make("{env}"{arguments})
observation, _ = env.reset(seed=0)
action = agent.predict(observation)
```

{figures}

It is the last policy of its run, on one seed, which says little about others. It was trained and
evaluated in simulation, on this environment with these arguments alone.
"""


def main() -> int:
    """Train and write policies."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tasks", nargs="*", choices=[[], *POLICIES], help="all of them by default")
    tasks = parser.parse_args().tasks or [*POLICIES]
    for task in tasks:
        with tempfile.TemporaryDirectory(prefix="bnpo-pretrained-") as place:
            words = ["with", POLICIES[task], task, f"seed={SEED}"]
            if status := command_line(["-F", place, "-i", task, *words]):
                return status
            write(task, Path(place) / task)
    return 0


def write(task: str, run: Path) -> None:
    """Write the last policy of a run and its card into the package."""
    agent, config, summary = load_agent(run, "last"), load_config(run), load_summary(run)
    evaluation = evaluate(agent, EPISODES)
    folder = PRETRAINED / task
    shutil.rmtree(folder, ignore_errors=True)
    write_json(folder / "config.json", config)
    policy = {"encoder": agent.encoder.state_dict(), "actor": agent.actor.state_dict()}
    state = {"agent": policy, "env_steps": summary.env_steps}
    CheckpointFolder(folder / "checkpoints").save(state, summary.env_steps)
    write_whole(folder / "README.md", card(task, config, summary, evaluation).encode())


def card(task: str, config: dict[str, Any], summary: Summary, evaluation: Evaluation) -> str:
    """Return the card of a policy in Markdown."""
    figures = [
        ("environment steps", f"{summary.env_steps:,}"),
        ("gradient steps", f"{summary.gradient_steps:,}"),
        (f"mean return over {evaluation.episodes} episodes", f"{evaluation.mean_return:.2f}"),
    ]
    for name in ("success_rate", "mean_score"):
        value = getattr(evaluation, name)
        if value is not None:
            words = name.replace("_", " ")
            figures.append((f"{words} over {evaluation.episodes} episodes", f"{value:.2f}"))
    versions = ", ".join(f"{name} {number}" for name, number in summary.versions.items())
    return CARD.format(
        task=task,
        env=config["env"],
        version=summary.versions["bnpo"],
        preset=config["preset"],
        seed=config["seed"],
        arguments="".join(f", {key}={value!r}" for key, value in config["env_kwargs"].items()),
        figures=markdown(("", ""), [*figures, ("versions", versions)]),
    )


if __name__ == "__main__":
    sys.exit(main())
