"""Segments as Minari's episodes, and its episodes as segments.

A segment is an episode. What Minari has no column for lies in the episode's
``infos["behaviour"]``, row t + 1 for the action of step t as Minari has it, row 0 without meaning:
``action`` as drawn (the episode's own actions are those that the environment was given), ``mu``,
``sigma`` and ``log_prob`` of the distribution that it was drawn from. What hindsight keeps of info
lies under its own keys, row t + 1 for step t as well, NaN where a step did not tell it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bnpo.envs import as_goal_observation
from bnpo.envs.kept_info import unpack
from bnpo.errors import OfflineError
from bnpo.replay import columns_of, widths_of
from bnpo.types import InfoKey, Trajectories

if TYPE_CHECKING:
    from bnpo.agent import Agent

__all__ = ["episodes_of", "knows_behaviour", "read_segments", "reading"]

_BEHAVIOUR = ("action", "mu", "sigma", "log_prob")
_SHOWN = ("observation", "achieved_goal", "desired_goal")


def episodes_of(
    segments: Trajectories, agent: Agent, space: Any, buffer: type[Any]
) -> Iterator[Any]:
    """Yield every segment as an episode.

    Args:
        segments: [K]
        agent: whose replay they are from
        space: of the environment's observations
        buffer: Minari's class of an episode

    """
    spec, own = agent.spec, agent.spec.observation_dim
    if agent.config.networks.observe_achieved_goal:
        own -= spec.goal_dim  # the environment's own observation
    actions = agent.actor.clip(segments.action).cpu().numpy()
    rows = Trajectories(**{name: column.cpu() for name, column in segments.columns()})
    for index in range(len(rows)):
        steps = int(rows.length[index])
        observations: Any = rows.observation[index, : steps + 1, :own].numpy()
        kind = space["observation"].dtype if spec.is_goal_env else space.dtype
        observations = observations.astype(kind)
        if spec.is_goal_env:
            observations = {"observation": observations}
            for key in ("achieved_goal", "desired_goal"):
                goals = getattr(rows, key)[index, : steps + 1].numpy()
                observations[key] = goals.astype(space[key].dtype)
        drawn = {name: getattr(rows, name)[index, :steps].numpy() for name in _BEHAVIOUR}
        behaviour = {
            name: np.concatenate([np.zeros_like(column[:1]), column])
            for name, column in drawn.items()
        }
        reward = rows.reward[index, :steps].numpy().astype(np.float64)
        ends = np.zeros((2, steps), bool)
        ends[:, -1] = bool(rows.terminated[index]), bool(rows.truncated[index])
        yield buffer(
            observations=observations,
            actions=actions[index, :steps],
            rewards=reward[:, 0] if spec.reward_dim == 1 else reward,
            terminations=ends[0],
            truncations=ends[1],
            infos={"behaviour": behaviour, **_infos_of(rows.info[index, :steps], spec.info)},
        )


def _infos_of(told: Tensor, keys: Sequence[InfoKey]) -> dict[str, NDArray[Any]]:
    """Return what was kept of info as columns of T + 1 rows, the first without meaning."""
    packed = told.numpy().astype(np.float64)
    if np.isnan(packed).any():
        keys = [dataclasses.replace(key, dtype="float64") for key in keys]
    columns = unpack(packed, keys)
    return {name: np.concatenate([column[:1] * 0, column]) for name, column in columns.items()}


def _told_of(raw: Any, keys: Sequence[InfoKey]) -> NDArray[np.float64]:
    """What is kept of the infos of one of Minari's episodes, [T, I]."""
    infos, steps = raw.infos or {}, len(raw.rewards)
    parts = [np.zeros((steps, 0))]
    for key in keys:
        if key.name not in infos:
            raise _bad(raw, f"infos[{key.name!r}] is missing, which hindsight needs here")
        column = np.asarray(infos[key.name], np.float64)[1:]
        if column.shape != (steps, *key.shape):
            raise _bad(
                raw,
                f"infos[{key.name!r}] has shape {column.shape}: allowed is {(steps, *key.shape)}, "
                "and a row before",
            )
        parts.append(column.reshape(steps, key.size))
    return np.concatenate(parts, 1)


def knows_behaviour(dataset: Any) -> bool:
    """Whether a dataset tells the distributions that its actions were drawn from."""
    with reading(dataset.storage.data_path.parent):
        first = next(iter(dataset.iterate_episodes([int(dataset.episode_indices[0])])))
        return _behaviour_of(first) != {}


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Tell in one line that a dataset is damaged, whatever that lets Minari raise.

    Raises:
        OfflineError: naming the dataset's folder and what is wrong.

    """
    try:
        yield
    except OfflineError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise OfflineError(f"dataset {path} is damaged: {reason}") from None


def read_segments(dataset: Any, agent: Agent) -> Trajectories:
    """Return the episodes of a dataset as segments, longer ones cut into several.

    Where a dataset does not tell the behaviour distribution it is taken as the point mass (a, 0)
    with log-density 0: its samples are evidence of Q at single actions, and no ratio to its density
    means anything.

    Raises:
        OfflineError: an episode does not hold what it must.

    """
    known = knows_behaviour(dataset)
    with reading(dataset.storage.data_path.parent):
        return _segments_of(dataset, agent, known)


def _segments_of(dataset: Any, agent: Agent, known: bool) -> Trajectories:
    """Episodes as segments; see :func:`read_segments`."""
    episodes = [_episode(raw, agent, known) for raw in dataset.iterate_episodes()]
    longest = agent.config.max_steps
    counts = [-(-len(episode.reward) // longest) for episode in episodes]
    width = sum(map(sum, widths_of(agent.spec)))
    storage = torch.zeros(sum(counts), longest + 1, width, dtype=agent.dtype, device=agent.device)
    segments = columns_of(storage, agent.spec)
    row = 0
    for episode in episodes:
        for start in range(0, len(episode.reward), longest):
            steps = min(longest, len(episode.reward) - start)
            ended = start + steps == len(episode.reward)
            during = {"reward": episode.reward, "info": episode.info, **episode.behaviour}
            for name, column in during.items():
                getattr(segments, name)[row, :steps] = column[start : start + steps]
            for name, column in zip(_SHOWN, episode.observations, strict=True):
                getattr(segments, name)[row, : steps + 1] = column[start : start + steps + 1]
            segments.length[row] = steps
            segments.terminated[row] = ended and episode.terminated
            segments.truncated[row] = ended and episode.truncated
            row += 1
    return segments


@dataclass(frozen=True)
class _Episode:
    """One episode as tensors, T steps."""

    observations: tuple[Tensor, ...]  # [T+1, .], observation, achieved and desired goal
    behaviour: dict[str, Tensor]  # [T, .]
    reward: Tensor  # [T, R]
    info: Tensor  # [T, I]
    terminated: bool
    truncated: bool


def _episode(raw: Any, agent: Agent, known: bool) -> _Episode:
    """One of Minari's episodes as tensors, checked."""
    steps = len(raw.rewards)
    observations = as_goal_observation(raw.observations)
    behaviour = _behaviour_of(raw) if known else {}
    if known and not behaviour:
        raise _bad(raw, "infos['behaviour'] is missing, which other episodes have")
    columns = {**observations, "rewards": raw.rewards, "actions": raw.actions, **behaviour}
    for name, column in columns.items():
        rows = steps + (name in observations)
        if len(column) != rows or not steps:
            raise _bad(raw, f"{name} has {len(column)} rows: allowed is {rows}, at least 1 step")
        if not np.isfinite(column).all():
            raise _bad(raw, f"{name} holds a number that is not finite")
    if np.any(raw.terminations[:-1]):
        raise _bad(raw, "it goes on after a termination")
    if known:
        behaviour_columns = {name: agent.policy.tensor(behaviour[name]) for name in _BEHAVIOUR}
    else:
        action = agent.policy.tensor(np.asarray(raw.actions))
        mass = torch.zeros_like(action)
        behaviour_columns = {"action": action, "mu": action, "sigma": mass, "log_prob": mass[:, 0]}
    return _Episode(
        observations=tuple(agent.policy.tensors(observations)),
        behaviour=behaviour_columns,
        reward=agent.policy.tensor(np.asarray(raw.rewards)).reshape(steps, agent.spec.reward_dim),
        info=agent.policy.tensor(_told_of(raw, agent.spec.info)),
        terminated=bool(raw.terminations[-1]),
        truncated=bool(raw.truncations[-1]),
    )


def _behaviour_of(raw: Any) -> dict[str, NDArray[Any]]:
    """Drawn actions and their distributions of one of Minari's episodes; empty where unknown."""
    held = (raw.infos or {}).get("behaviour")
    if not isinstance(held, Mapping) or set(held) != set(_BEHAVIOUR):
        return {}
    return {name: np.asarray(held[name])[1:] for name in _BEHAVIOUR}


def _bad(raw: Any, what: str) -> OfflineError:
    return OfflineError(f"episode {raw.id} of the dataset is damaged: {what}")
