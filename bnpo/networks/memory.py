"""What networks see of the past: the last observations, and a memory of those before."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bnpo.config import NetworkConfig
from bnpo.networks.normalizer import Normalizer

__all__ = ["Memory", "remembers"]


def remembers(config: NetworkConfig) -> bool:
    """Return whether networks so configured see more than the present observation."""
    return config.frame_history > 1 or config.memory is not None


class Memory(nn.Module):
    """Frame history and a GRU memory over normalised observations; the goal joins after both.

    The state of an environment, which takes the observation's place everywhere, is

        s_t = [h_{t-w}, o_{t-F+1}, ..., o_t]    [H + F O],  F = w + k - 1,

    with k frames of history and a memory of H units whose gradients reach w steps back (without
    one, H = 0 and w = 1). Features are the last k observations, the memory and the goal,

        [o_{t-k+1}, ..., o_t, h_t, g],    h_i = GRU([o_{i-k+1}, ..., o_i], h_{i-1}),

    (Cho et al. 2014), h_t from h_{t-w} by w steps with gradient: truncated back-propagation through
    time from a stored state (Kapturowski et al. 2019, R2D2). The goal is no input of the memory, so
    another goal leaves h as it is. An episode begins as if its first observation had been shown F
    times and the memory were empty: no state ever holds anything of another episode.
    """

    def __init__(self, normalizer: Normalizer, config: NetworkConfig) -> None:
        """Remember what a normalizer of single observations [B, O] normalises."""
        super().__init__()
        self.normalizer = normalizer
        self.frames = config.frame_history
        self.units = config.memory or 0
        window = config.memory_window if config.memory else 1
        self.depth = window + self.frames - 1
        size = normalizer.observation_dim
        self.state_dim = self.units + self.depth * size
        self.features = self.frames * size + self.units + normalizer.goal_dim
        self.gru: nn.GRU | None = None
        if self.units:
            own = normalizer.mean
            self.gru = nn.GRU(self.frames * size, self.units).to(own.device, own.dtype)

    def forward(self, state: Tensor, goal: Tensor) -> Tensor:
        """Return the features [B, F] of states [B, S] and goals [B, G]."""
        frames, goal = self._normalised(state[:, self.units :], goal)
        recent = frames[:, -self.frames :].flatten(1)
        if self.gru is None:
            return torch.cat((recent, goal), -1)
        hidden = state[:, : self.units].contiguous()
        _, last = self.gru(self._inputs(frames).transpose(0, 1), hidden[None])
        return torch.cat((recent, last[0], goal), -1)

    @torch.no_grad()
    def start(self, observation: Tensor) -> Tensor:
        """Return states [N, S] of environments whose episodes begin with observations [N, O]."""
        empty = observation.new_zeros(len(observation), self.units)
        return torch.cat((empty, observation.repeat(1, self.depth)), 1)

    @torch.no_grad()
    def follow(self, state: Tensor, observation: Tensor) -> Tensor:
        """Return the states [N, S] that follow from states [N, S] and new observations [N, O]."""
        size = self.normalizer.observation_dim
        hidden, frames = state[:, : self.units], state[:, self.units :]
        if self.gru is not None:
            _, last = self.gru(self._oldest(frames)[None], hidden.contiguous()[None])
            hidden = last[0]
        return torch.cat((hidden, frames[:, size:], observation), 1)

    @torch.no_grad()
    def refresh(self, states: Tensor) -> Tensor:
        """Return states of whole segments [U, T+1, S] with the memory of today's networks.

        The memory before a segment's first step stays as it was stored.
        """
        if self.gru is None:
            return states
        segments, steps, _ = states.shape
        frames = states[..., self.units :]
        inputs = self._oldest(frames[:, :-1].flatten(0, 1)).view(segments, steps - 1, -1)
        first = states[:, 0, : self.units].contiguous()
        hidden, _ = self.gru(inputs.transpose(0, 1), first[None])
        return torch.cat((torch.cat((first[None], hidden)).transpose(0, 1), frames), -1)

    def observe(self, state: Tensor, goals: Tensor) -> None:
        """Take the newest observations of states [N, S] into the statistics, with goals [M, G]."""
        self.normalizer.observe(state[:, -self.normalizer.observation_dim :], goals)

    def commit(self) -> None:
        """Put the statistics of all samples observed so far in force."""
        self.normalizer.commit()

    def _oldest(self, frames: Tensor) -> Tensor:
        """Return the oldest input of the memory among frames [N, F O], normalised, [N, k O]."""
        size = self.normalizer.observation_dim
        rows, _ = self._normalised(frames[:, : self.frames * size], frames[:, :0])
        return rows.flatten(1)

    def _inputs(self, frames: Tensor) -> Tensor:
        """Return the inputs of the memory, k frames each, of frames [B, F, O], [B, w, k O]."""
        if self.frames == 1:
            return frames
        return frames.unfold(1, self.frames, 1).transpose(2, 3).flatten(2)

    def _normalised(self, frames: Tensor, goal: Tensor) -> tuple[Tensor, Tensor]:
        """Return frames [N, F O] as [N, F, O] and goals [N, G], with the statistics in force."""
        own = self.normalizer
        size = own.observation_dim
        rows = frames.unflatten(1, (-1, size))
        if not own.enabled:
            return rows, goal
        rows = torch.addcmul(own.shift[:size], rows, own.scale[:size]).clamp_(-own.clip, own.clip)
        if goal.shape[1]:
            goal = torch.addcmul(own.shift[size:], goal, own.scale[size:])
            goal = goal.clamp_(-own.clip, own.clip)
        return rows, goal
