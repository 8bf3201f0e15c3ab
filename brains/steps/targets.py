"""Target networks: slow copies, and how they follow the online ones."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn

__all__ = ["Follower", "target_of"]

AnyNetwork = TypeVar("AnyNetwork", bound=nn.Module)


def target_of(online: AnyNetwork) -> AnyNetwork:
    """Return a slow copy of a network, which never takes gradients."""
    return copy.deepcopy(online).requires_grad_(False)


class Follower:
    """A target network and what it follows: target += tau (online - target)."""

    def __init__(self, target: nn.Module, online: nn.Module, tau: float) -> None:
        """Pair the parameters of two networks of one shape."""
        self.target = [parameter.data for parameter in target.parameters()]
        self.online = [parameter.data for parameter in online.parameters()]
        self.tau = tau

    def sync(self) -> None:
        """Move the target by tau of the way (Polyak averaging)."""
        torch._foreach_lerp_(self.target, self.online, self.tau)
