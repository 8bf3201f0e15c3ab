"""The moving picture of the README: twenty arms that follow their spheres.

python docs/arms.py    train a policy (half a minute on one core), write docs/arms.gif
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bnpo
from bnpo.compose import compose
from bnpo.presets import build_agent
from bnpo.show.films import Episode, write_gif
from bnpo.show.recording import play

PICTURE = Path(__file__).parent / "arms.gif"

ARM_STEPS = 80_000
"""Length of training (environment steps, all arms together)."""

SHOWN = 80
"""Decisions of the one episode that is shown."""

BYTES = 1_000_000
"""Size that the file may have: it is on the first page."""


def main() -> None:
    """Train, play and draw."""
    config = compose(["bpo", "moving_reacher"], {"seed": 2})
    settings = {key: config[key] for key in ("num_envs", "train_episode_steps")}
    agent = build_agent(config)
    bnpo.train(agent, ARM_STEPS, eval_interval=ARM_STEPS, eval_episodes=20, **settings)
    write_gif([smaller(episode) for episode in play(agent, 1, SHOWN)], PICTURE)
    if PICTURE.stat().st_size > BYTES:
        raise SystemExit(f"{PICTURE} has {PICTURE.stat().st_size:,} bytes: allowed are {BYTES:,}")


def smaller(episode: Episode) -> Episode:
    """Return an episode with every second picture."""
    return replace(
        episode,
        frames=episode.frames[::2],
        steps=episode.steps[::2],
        frame_ms=2 * episode.frame_ms,
    )


if __name__ == "__main__":
    main()
