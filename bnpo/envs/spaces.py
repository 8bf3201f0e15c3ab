"""Spaces of an environment: its own, with generators that its seed decides."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, TypeVar

import gymnasium as gym

from bnpo import seeding

__all__ = ["layers", "own_spaces", "seed_spaces"]

Env = TypeVar("Env", bound=gym.Env[Any, Any])

_SPACES = ("action_space", "observation_space")


def own_spaces(env: Env) -> Env:
    """Let an environment have its own copy of spaces that all of its class share."""
    base = env.unwrapped
    for name in _SPACES:
        space = getattr(type(base), name, None)
        if isinstance(space, gym.Space) and name not in vars(base):
            setattr(base, name, copy.deepcopy(space))
    return env


def layers(env: gym.Env[Any, Any]) -> Iterator[gym.Env[Any, Any]]:
    """Yield an environment from its outermost wrapper inwards."""
    yield env
    while isinstance(env, gym.Wrapper):
        env = env.env
        yield env


def seed_spaces(env: gym.Env[Any, Any], seed: int) -> None:
    """Seed the generators of an environment's spaces, from which it may draw."""
    spaces = {
        id(space): space
        for one in layers(env)
        for name in _SPACES
        if (space := getattr(one, name, None)) is not None
    }
    seeds = seeding.derived(seed, seeding.SPACES, count=len(spaces))
    for space, own in zip(spaces.values(), seeds, strict=True):
        space.seed(own)
