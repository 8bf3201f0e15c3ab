"""Agents as folders: saved from Python, or left by a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bnpo.agent import Agent
from bnpo.errors import CheckpointError, ConfigError, RunError
from bnpo.files import write_json
from bnpo.presets import run_of, write_config
from bnpo.runs.checkpoint import load_checkpoint
from bnpo.runs.checkpoint_folder import CheckpointFolder
from bnpo.runs.folder import writing
from bnpo.runs.reading import (
    Checkpoint,
    checkpoint_path,
    find_run,
    history_state,
    load_agent,
    load_history,
    load_run,
)
from bnpo.runs.stream import STREAM, StreamFile

__all__ = ["load", "save"]


def save(agent: Agent, folder: Path) -> Path:
    """Write all of an agent into a folder that the commands on runs take, too.

    Args:
        agent: what to save
        folder: gets config.json, history.json and checkpoints; an agent saved there before is
            replaced

    Raises:
        ConfigError: the folder holds a recorded run.
        RunError: a file cannot be written.

    """
    if (folder / "run.json").exists():
        raise ConfigError(f"{folder} holds a recorded run: save the agent to another folder")
    run = run_of(agent)
    if agent.replay is not None:
        run = run.with_train(num_envs=agent.replay.num_envs)
    with writing(folder / "config.json") as path:
        write_json(path, write_config(run))
    if agent.history is not None:
        with writing(folder / "history.json") as path:
            write_json(path, history_state(agent.history))
        with writing(folder / STREAM):
            StreamFile(folder).replace(agent.history.training)
    state = {"agent": agent.state_dict(), "env_steps": agent.env_steps}
    checkpoints = CheckpointFolder(folder / "checkpoints", keep=1)
    for newer in checkpoints.manifests():
        newer.unlink()
    checkpoints.save(state, agent.env_steps)
    return folder


def load(run: str | int | Path, checkpoint: Checkpoint = "last") -> Agent:
    """Return the agent of a run, or one that was saved.

    All of it where the checkpoint holds all, so that it can be trained further; else its policy.

    Args:
        run: folder, number or name of the run, or where the agent was saved
        checkpoint: last, or best by the run's metric

    Raises:
        RunError: the folder or its configuration is missing or damaged.
        CheckpointError: the checkpoint is.

    """
    folder = find_run(run)
    agent = load_agent(folder, checkpoint)
    path = checkpoint_path(folder, checkpoint)
    state: dict[str, Any] = load_checkpoint(path)["agent"]
    if "brains" in state and agent.acts_alone is None:
        if state["replay"] is not None:
            num_envs = load_run(folder).train.num_envs
            agent.new_replay(num_envs)
            for brain in agent.brains:
                brain.begin(num_envs)  # pools of rollouts are as large as these need
        try:
            agent.load_state_dict(state)
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            reason = " ".join(str(error).split())[:100]
            raise CheckpointError(f"checkpoint {path} does not fit its run: {reason}") from None
    try:
        agent.history = load_history(folder)
    except RunError:
        agent.history = None  # it was never evaluated
    return agent
