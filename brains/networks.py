"""The networks of one brain, online and target."""

from __future__ import annotations

from dataclasses import dataclass

from bnpo.networks import Actor, Critic, Encoder

__all__ = ["Networks"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Networks:
    """Networks that one brain may read; it trains ``actor`` and ``critic``."""

    encoder: Encoder
    """Features of (s, g), shared; its memory learns with actor and critic"""

    actor: Actor
    """Online actor, shared by all brains"""

    critic: Critic
    """Online critic"""

    target_actor: Actor
    """Target actor π', a slow copy of the online one"""

    target_critic: Critic
    """Target critic Q', a slow copy of the online one"""
