"""Model cards: what a policy is, where it comes from, how well it does, how it is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bnpo.agent import Agent
from bnpo.runs.summary import Summary
from bnpo.show.text import markdown
from bnpo.types.history import History, Record

__all__ = ["model_card"]

_USE = {
    "pt2": """\
import torch

policy = torch.export.load("{file}").module()
action = policy({arguments})  # float32 tensors [batch, size]
""",
    "onnx": """\
import onnxruntime

policy = onnxruntime.InferenceSession("{file}")
(action,) = policy.run(None, {{{arguments}}})  # float32 arrays [batch, size]
""",
}


def model_card(
    agent: Agent,
    *,
    config: Mapping[str, Any],
    summary: Summary,
    history: History,
    inputs: Mapping[str, int],
    file: str,
    checkpoint: str,
    check: tuple[int, float],
) -> str:
    """Return the card in Markdown.

    Args:
        agent: whose policy it is
        config: of its run
        summary: of its run
        history: of its run
        inputs: size of each input
        file: name of the exported file
        checkpoint: which policy of the run, last or best
        check: number of states and largest difference between file and agent

    """
    spec, (states, difference) = agent.spec, check
    kind = file.rpartition(".")[2]
    record = _record(history, checkpoint)
    arguments = ", ".join(inputs if kind == "pt2" else (f'"{name}": {name}' for name in inputs))
    if agent.dtype.is_floating_point and str(agent.dtype) == "torch.float64":
        use = _USE[kind].replace("float32", "float64")
    else:
        use = _USE[kind]
    parts = [
        f"# Policy for {spec.env_id}",
        f"A deterministic policy trained with BNPO {summary.versions.get('bnpo')} "
        f"({summary.preset or 'own brains'}). It returns the mean of the trained distribution; "
        "normalisation of its inputs is inside.",
        "## Use",
        "```python\n" + use.format(file=file, arguments=arguments) + "```",
        markdown(
            ("input or output", "size", "meaning"),
            [
                *((f"`{name}`", str(size), _MEANING[name]) for name, size in inputs.items()),
                ("`action`", str(spec.action_dim), _bounds(agent)),
            ],
        ),
        "## Training",
        markdown(("", ""), _training(agent, config, summary)),
        "## Figures",
        markdown(("", ""), _figures(record, summary, checkpoint)),
        f"The file was compared with the agent on {states:,} states: the actions differ by at most "
        f"{difference:.1e} of half the action range.",
        "## Limits",
        "It was trained and evaluated in simulation, on this environment with these arguments "
        "alone. Success is judged at an episode's last step. One seed says little about how "
        "reliably its configuration learns.",
    ]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


_MEANING = {
    "observation": "state of the environment",
    "achieved_goal": "the goal that the state stands for",
    "desired_goal": "the goal to reach",
}


def _record(history: History, checkpoint: str) -> Record | None:
    """Return the evaluation that belongs to a checkpoint."""
    records = [one for one in history if getattr(one, history.metric) is not None]
    if not records:
        return None
    if checkpoint == "last":
        return records[-1]
    return max(records, key=lambda one: float(getattr(one, history.metric)))


def _training(agent: Agent, config: Mapping[str, Any], summary: Summary) -> list[tuple[str, str]]:
    arguments = ", ".join(f"{key}={value!r}" for key, value in agent.env_kwargs.items())
    versions = ", ".join(f"{name} {number}" for name, number in summary.versions.items())
    return [
        ("environment", f"`{config['env']}`" + (f" with {arguments}" if arguments else "")),
        ("seed", str(summary.seed)),
        ("brains", ", ".join(config["brains"])),
        ("environment steps", f"{summary.env_steps:,}"),
        ("gradient steps", f"{summary.gradient_steps:,}"),
        ("seconds of training", f"{summary.wall_s:,.1f}"),
        ("versions", versions),
    ]


def _figures(record: Record | None, summary: Summary, checkpoint: str) -> list[tuple[str, str]]:
    rows = [("checkpoint", checkpoint)]
    if record is not None:
        rows.append(("evaluated after", f"{record.env_steps:,} environment steps"))
        rows.append(("episodes", str(record.episodes)))
        if record.success_rate is not None:
            rows.append(("success rate", f"{record.success_rate:.2f}"))
        rows.append(("mean return", f"{record.mean_return:.2f}"))
        if record.mean_score is not None:
            rows.append(("mean score", f"{record.mean_score:.2f}"))
    solved = summary.solved_at_env_steps
    threshold = f"{summary.solve_metric.replace('_', ' ')} of {summary.solve_threshold:g}"
    rows.append((f"reached a {threshold}", "no" if solved is None else f"after {solved:,} steps"))
    return rows


def _bounds(agent: Agent) -> str:
    low, high = (
        ", ".join(f"{x:g}" for x in row.tolist()) for row in (agent.actor.low, agent.actor.high)
    )
    return f"from [{low}] to [{high}]"
