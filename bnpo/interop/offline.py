"""Offline data: the replay to and from Minari datasets, and learning before the first step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from bnpo.agent.brain import Brain, TurnReport
from bnpo.envs import make_vector_env
from bnpo.envs.rollout import Rollout
from bnpo.errors import ConfigError, OfflineError
from bnpo.interop.minari_episodes import knows_behaviour, read_segments
from bnpo.interop.minari_files import open_dataset, require_free, write_segments
from bnpo.networks import Memory
from bnpo.replay import ImportanceRatio, SegmentTable
from bnpo.types import Trajectories

if TYPE_CHECKING:
    from bnpo.agent import Agent

__all__ = ["check_offline", "from_minari", "learn_offline", "play", "to_minari"]

_SEGMENTS_AT_ONCE = 256
"""Segments credited together, so that crediting a large dataset takes little memory."""


def to_minari(
    agent: Agent, dataset_id: str, *, steps: int | None = None, num_envs: int = 8, seed: int = 0
) -> Path:
    """Write an agent's replay, or what its policy plays now, as a local Minari dataset.

    Every finished segment becomes an episode, oldest first, with the environment's own observations
    and goals, the actions that it was given, and in ``infos["behaviour"]`` the actions as drawn and
    their distributions: :func:`from_minari` gives the same transitions back, bit for bit. A segment
    that was cut within its episode (``AgentConfig.max_steps``) is neither terminated nor truncated.
    Datasets lie where Minari keeps them (``MINARI_DATASETS_PATH``, else ``~/.minari/datasets``).

    Args:
        agent: whose replay
        dataset_id: name of the new dataset, ``namespace/name-v0``
        steps: play so many environment steps, as in training, and write these instead
        num_envs: environments in which it plays
        seed: of the environments and of the actions drawn

    Returns:
        The dataset's folder.

    Raises:
        MissingExtra: Minari is not installed.
        OfflineError: the name is none or taken, there is nothing to write, or it cannot be written.

    """
    _require_no_memory(agent)
    require_free(dataset_id)
    table = agent.replay if steps is None else play(agent, steps, num_envs=num_envs, seed=seed)
    if table is None or not table.transitions_stored:
        what = "the agent's replay" if steps is None else f"steps = {steps}"
        raise OfflineError(f"dataset {dataset_id!r}: {what} holds no finished segment to write")
    return write_segments(dataset_id, table.finished(), agent)


@torch.no_grad()
def play(agent: Agent, steps: int, *, num_envs: int = 8, seed: int = 0) -> SegmentTable:
    """Play as an agent acts in training after its warm-up; nothing of the agent changes.

    Args:
        agent: what acts
        steps: environment steps of all environments together
        num_envs: environments stepped as one batch
        seed: of the environments and of the actions drawn

    Returns:
        A replay table with the segments that were finished.

    """
    sequence = np.random.SeedSequence([seed, num_envs]).generate_state(2, np.uint64) >> 1
    generator = torch.Generator(agent.device).manual_seed(int(sequence[0]))
    settings = agent.config
    longest = settings.max_steps
    table = SegmentTable(
        agent.spec,
        capacity=max(steps, num_envs * longest) + num_envs * longest,
        max_steps=longest,
        num_envs=num_envs,
        device=agent.device,
        dtype=agent.dtype,
    )
    env = make_vector_env(agent.spec.env_id, num_envs, **agent.env_kwargs)
    try:
        reset = env.reset(seed=int(sequence[1]) % 2**31)[0]
        rollout = Rollout(env, agent.policy, reset, info=agent.spec.info)
        table.begin(rollout.observation)
        for _ in range(-(-steps // num_envs)):
            decision = agent.policy.act(rollout.observation, settings.warmup_steps, generator)
            table.append(rollout.step(decision))
    finally:
        env.close()
    return table


def from_minari(agent: Agent, dataset_id: str) -> int:
    """Put a local Minari dataset into an agent's replay, and credit it for every brain.

    Normalisation counts its observations and goals; an agent that has not acted yet is normalised
    by them at once. Episodes longer than ``AgentConfig.max_steps`` become several segments.

    A dataset that :func:`to_minari` wrote tells the behaviour distribution of every action. Others
    do not: then (mu_b, sigma_b) is the point mass (a, 0) with log-density 0. For a pathwise brain
    that climbs Q at point masses, as one with hindsight does, that is all it needs, since
    Q(s, g, a, 0) = E[return | s, g, a]; brains that use a ratio to the behaviour density are
    refused.

    Args:
        agent: what will learn from it
        dataset_id: name of the dataset

    Returns:
        Transitions taken over; of a dataset larger than the replay the last.

    Raises:
        MissingExtra: Minari is not installed.
        OfflineError: the dataset is missing, damaged, of another task, or a brain of the agent
            cannot learn from it.

    """
    check_offline(agent, dataset_id)
    segments = read_segments(open_dataset(dataset_id, agent), agent)
    return load_segments(agent, segments)


def load_segments(agent: Agent, segments: Trajectories) -> int:
    """Put segments [K] that something else has played into an agent's replay, and credit them."""
    if agent.replay is None:
        agent.new_replay(1)
    assert agent.replay is not None
    rows = agent.replay.extend(segments)
    agent.normalization.observe(agent.replay.trajectories, rows)
    if not agent.env_steps:
        agent.normalization.renew(first=True)
    for brain in agent.brains:
        for part in _newest(brain, agent.replay, rows).split(_SEGMENTS_AT_ONCE):
            brain.receive(agent.replay, part, agent.env_steps)
    return int(agent.replay.trajectories.length[rows].sum())


def _newest(brain: Brain, table: SegmentTable, rows: Tensor) -> Tensor:
    """Those of the segments [K] that fit into a brain's pool, the last ones."""
    length = table.trajectories.length[rows]
    behind = length.flip(0).cumsum(0).flip(0) - length  # transitions that come later
    return rows[behind < brain.pool.capacity]


def learn_offline(agent: Agent, turns: int, *, progress_bar: bool = True) -> dict[str, TurnReport]:
    """Give every brain of an agent turns without a step of the environment.

    Args:
        agent: what learns, from what its replay and its pools hold
        turns: of each brain, in the order of the list, whatever their schedules say
        progress_bar: show the turns taken and the time left

    Returns:
        What the brains did in their last turn; those are absent that wait for more transitions.

    Raises:
        ConfigError: turns is below 1.
        OfflineError: the agent has no replay yet.

    """
    if turns < 1:
        raise ConfigError(f"learn_offline.turns = {turns!r}: allowed is at least 1")
    if agent.replay is None or not agent.replay.transitions_stored:
        raise OfflineError("learn_offline: the agent's replay is empty; load a dataset first")
    reports: dict[str, TurnReport] = {}
    for _ in tqdm(range(turns), unit="turn", disable=not progress_bar, dynamic_ncols=True):
        reports |= agent.take_turns(agent.brains)
    return reports


def check_offline(agent: Agent, dataset_id: str) -> None:
    """Raise unless every brain of an agent can learn from a dataset; nothing is loaded.

    Raises:
        MissingExtra: Minari is not installed.
        OfflineError: naming the dataset or the brain, and what to change.

    """
    _require_no_memory(agent)
    dataset = open_dataset(dataset_id, agent)
    known = knows_behaviour(dataset)
    for brain in agent.brains:
        if brain.step.rule.guidance is not None:
            raise OfflineError(
                f"brain {brain.name!r} plans its own guiding samples: offline data is for others"
            )
        if not known:
            _require_no_ratio(brain, dataset_id)


def _require_no_memory(agent: Agent) -> None:
    """Refuse an agent whose states hold more than an environment's observation."""
    if isinstance(agent.encoder, Memory):
        networks = agent.config.networks
        raise OfflineError(
            f"networks.frame_history = {networks.frame_history} and memory = {networks.memory} "
            "with a dataset, which holds single observations: allowed are 1 and None"
        )


def _require_no_ratio(brain: Brain, dataset_id: str) -> None:
    """Refuse a brain that needs the density of actions whose density nobody knows."""
    start = f"brain {brain.name!r} cannot learn from dataset {dataset_id!r}, which does not tell"
    start += " how its actions were drawn: "
    ratio = "its importance ratios would mean nothing; "
    if not brain.step.rule.pathwise:
        rule = type(brain.step.rule).__name__
        raise OfflineError(f"{start}{ratio}allowed are pathwise rules (bellman=True) and no {rule}")
    if brain.description.ppo_eps is not None:
        raise OfflineError(f"{start}{ratio}ppo_eps = {brain.description.ppo_eps}: allowed is None")
    if isinstance(brain.priorities.law, ImportanceRatio):
        raise OfflineError(f"{start}{ratio}sampler: allowed is 'uniform' or 'td_error'")
    if not brain.step.climb_point:
        raise OfflineError(
            f"{start}Q is learnt at single actions, and must be climbed there: set climb='point'"
        )
