"""Policies as files that are used without BNPO: a torch program or ONNX, and a model card."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bnpo.agent import Agent
from bnpo.envs import make_vector_env
from bnpo.envs.rollout import Rollout
from bnpo.errors import ExportError
from bnpo.extras import require
from bnpo.files import replacing, write_whole
from bnpo.interop.model_card import model_card
from bnpo.networks import Memory, Normalizer
from bnpo.runs import Checkpoint, find_run, load_agent, load_config, load_history, load_summary
from bnpo.types.step import Observation

__all__ = ["ExportedPolicy", "Format", "export", "visited_states"]

Format = Literal["torch_export", "onnx"]
"""Kind of file: a program of ``torch.export``, or ONNX."""

STATES = 1_000
"""Number of states at which a file is compared with its agent."""

TOLERANCE = 1e-5
"""Largest difference of actions that is allowed, as a fraction of half the action range."""

_SUFFIX = {"torch_export": "pt2", "onnx": "onnx"}


class ExportedPolicy(nn.Module):
    """The mean action of an agent, its normalisation included: what is evaluated, and exported."""

    def __init__(self, agent: Agent) -> None:
        """Take the networks of an agent."""
        super().__init__()
        assert isinstance(agent.encoder, Normalizer)
        self.encoder = agent.encoder
        self.actor = agent.actor

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return actions [B, A] for the inputs that :func:`input_names` lists, [B, .] each.

        The goal comes last; what comes before it is the state that the agent sees.
        """
        if self.encoder.goal_dim:
            *state, goal = inputs
        else:
            state, goal = [*inputs], inputs[0][:, :0]
        observation = torch.cat(state, -1) if len(state) > 1 else state[0]
        return self.actor.clip(self.actor(self.encoder(observation, goal))[0])


def input_names(agent: Agent) -> list[str]:
    """Return the names of the policy's inputs, as the environment calls them."""
    if not agent.spec.is_goal_env:
        return ["observation"]
    achieved = ["achieved_goal"] if agent.config.networks.observe_achieved_goal else []
    return ["observation", *achieved, "desired_goal"]


def export(
    run: str | int | Path,
    format: Format = "torch_export",  # noqa: A002
    *,
    checkpoint: Checkpoint = "last",
    output: str | Path | None = None,
) -> tuple[Path, Path, float]:
    """Write the policy of a run as a file that is used without BNPO, and its model card.

    Args:
        run: folder, number or name of the run
        format: kind of file
        checkpoint: which policy of the run
        output: folder for both; None: ``export`` in the run's folder

    Returns:
        The file, the card, and the largest difference between file and agent on 1,000 states, as
        a fraction of half the action range.

    Raises:
        RunError: the run is missing or damaged.
        CheckpointError: its checkpoint is.
        MissingExtra: ONNX is not installed.
        ExportError: the file acts otherwise than the agent, or cannot be written.

    """
    folder = find_run(run)
    if format == "onnx":
        for module in ("onnx", "onnxscript", "onnxruntime"):
            require(module, "export", "format=onnx")
    agent = load_agent(folder, checkpoint)
    config, summary, history = load_config(folder), load_summary(folder), load_history(folder)
    if isinstance(agent.encoder, Memory):
        raise ExportError(
            f"the policy of {folder} has agent.networks.frame_history = "
            f"{agent.config.networks.frame_history} and memory = {agent.config.networks.memory}: "
            "a file keeps nothing from step to step, allowed are 1 and None"
        )
    states = visited_states(agent, STATES)
    place = folder / "export" if output is None else Path(output)
    if output is None and place.is_symlink():
        raise ExportError(f"{place} is a link, which may lead out of the run: say output=...")
    file, card = place / f"policy.{_SUFFIX[format]}", place / "policy.md"
    write = {"torch_export": _write_program, "onnx": _write_onnx}[format]
    with _writing(file), replacing(file) as temporary:
        acting = write(agent, states, temporary)
        difference = _difference(agent, states, acting)
        if not difference <= TOLERANCE:
            raise ExportError(
                f"the {format} file of {folder} acts otherwise than its agent: they differ by "
                f"{difference:.1e} of half the action range, allowed is {TOLERANCE:g}"
            )
    text = model_card(
        agent,
        config=config,
        summary=summary,
        history=history,
        inputs={name: states[name].shape[1] for name in input_names(agent)},
        file=file.name,
        checkpoint=checkpoint,
        check=(STATES, difference),
    )
    with _writing(card):
        write_whole(card, text.encode())
    return file, card, difference


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Tell in one line that a file cannot be written."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ExportError(f"{path} cannot be written: {reason}") from None


def visited_states(agent: Agent, count: int) -> dict[str, NDArray[np.float32]]:
    """Return states that the agent meets when it explores, by the environment's names, [count, .].

    They are the same for the same policy.
    """
    number = 8
    env = make_vector_env(agent.spec.env_id, number, **agent.env_kwargs)
    seen: list[Observation] = []
    try:
        rollout = Rollout(env, agent.policy, env.reset(seed=0)[0])
        for _ in range(-(-count // number)):
            seen.append(rollout.observation)
            rollout.step(agent.act(rollout.observation))
    finally:
        env.close()
    columns = (torch.cat(column)[:count].cpu().numpy() for column in zip(*seen, strict=True))
    states = dict(zip(Observation._fields, columns, strict=True))
    if (
        agent.config.networks.observe_achieved_goal and agent.spec.is_goal_env
    ):  # the networks' observation ends on it
        states["observation"] = states["observation"][:, : -agent.spec.goal_dim]
    return states


def _write_program(agent: Agent, states: Mapping[str, NDArray[Any]], file: Path) -> Any:
    """Write a program of torch.export; return the function that it is when it is read."""
    examples, shapes = _examples(agent, states)
    program = torch.export.export(ExportedPolicy(agent).eval(), examples, dynamic_shapes=(shapes,))
    content = io.BytesIO()  # torch itself does not tell a full disk from other errors
    torch.export.save(program, content)
    file.write_bytes(content.getvalue())
    module: Any = torch.export.load(io.BytesIO(content.getvalue())).module()

    def act(*inputs: NDArray[Any]) -> NDArray[Any]:
        with torch.no_grad():
            actions: NDArray[Any] = module(*map(torch.from_numpy, inputs)).numpy()
        return actions

    return act


def _write_onnx(agent: Agent, states: Mapping[str, NDArray[Any]], file: Path) -> Any:
    """Write ONNX; return the function that it is in its own runtime."""
    examples, shapes = _examples(agent, states)
    with _silence():
        program = torch.onnx.export(
            ExportedPolicy(agent).eval(),
            examples,
            dynamo=True,
            input_names=input_names(agent),
            output_names=["action"],
            dynamic_shapes=(shapes,),
            verbose=False,
        )
        assert program is not None
        program.save(str(file))
    runtime = require("onnxruntime", "export", "format=onnx")
    session = runtime.InferenceSession(str(file), providers=["CPUExecutionProvider"])

    def act(*inputs: NDArray[Any]) -> NDArray[Any]:
        feed = dict(zip(input_names(agent), inputs, strict=True))
        actions: NDArray[Any] = session.run(["action"], feed)[0]
        return actions

    return act


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep back what the exporter says about itself."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def _examples(
    agent: Agent, states: Mapping[str, NDArray[Any]]
) -> tuple[tuple[Tensor, ...], tuple[dict[int, Any], ...]]:
    """Return inputs to trace with, and that their first dimension is free."""
    batch = torch.export.Dim("batch")
    examples = tuple(torch.from_numpy(states[name][:4]) for name in input_names(agent))
    return examples, tuple({0: batch} for _ in examples)


def _difference(agent: Agent, states: Mapping[str, NDArray[Any]], acting: Any) -> float:
    """Return the largest difference of the actions, in a batch and one by one."""
    expected = agent.policy.best_action(agent.policy.tensors(states)).cpu().numpy()
    inputs = [states[name] for name in input_names(agent)]
    single = [acting(*(column[row : row + 1] for column in inputs)) for row in range(8)]
    half = (agent.actor.high - agent.actor.low).cpu().numpy() / 2
    actions = np.concatenate([acting(*inputs), *single])
    return float((np.abs(actions - np.concatenate([expected, expected[:8]])) / half).max())
