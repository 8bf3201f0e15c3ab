"""The supplied checks find what they are for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from bnpo.credit import NStep, check_scheme
from bnpo.types import Evaluator, Trajectories, Transitions

Change = Callable[[Transitions, Trajectories, Tensor, Tensor, Evaluator], Any]


class Broken:
    """One-step credit and then a mistake."""

    def __init__(self, mistake: Change) -> None:
        self.mistake = mistake

    def assign(
        self, trajectories: Trajectories, segment: Tensor, time: Tensor, evaluator: Evaluator
    ) -> Any:
        transitions = NStep().assign(trajectories, segment, time, evaluator)
        return self.mistake(transitions, trajectories, segment, time, evaluator)


MISTAKES: dict[str, tuple[Change, str]] = {
    "shape": (
        lambda made, *_: made.replace(reward=made.reward[:, 0]),
        r"Broken: reward has shape \[256\], expected \[256, 1\]$",
    ),
    "dtype": (
        lambda made, *_: made.replace(weight=made.weight.double()),
        r"Broken: weight is torch\.float64, expected torch\.float32$",
    ),
    "no tensor": (
        lambda made, *_: made.replace(weight=1.0),
        r"Broken: weight is a float: allowed is a Tensor$",
    ),
    "type": (lambda *_: None, r"Broken\.assign returned NoneType: allowed is Transitions$"),
    "unwritten": (
        lambda made, stored, segment, time, _: made.replace(
            next_observation=stored.observation[segment, (time + 3).clamp(max=6)]
        ),
        r"Broken: next_observation is not finite in \d+ places",
    ),
    "stored": (
        lambda made, stored, *_: made.replace(
            reward=stored.reward.fill_(0)[:256, 0][:1] + made.reward
        ),
        r"Broken wrote to the stored trajectories, column reward$",
    ),
    "indices": (
        lambda made, *given: made.replace(weight=made.weight + 0 * given[2].add_(1)),
        r"Broken wrote to the indices segment and time it was handed$",
    ),
    "global generator": (
        lambda made, *_: made.replace(weight=torch.rand_like(made.weight)),
        r"Broken drew from torch's global generator: allowed is evaluator\.generator$",
    ),
    "discount": (
        lambda made, *_: made.replace(discount=made.discount * 2),
        r"Broken: discount lies in \[0, 1\.8\], expected within \[0, 1\]$",
    ),
    "weight": (
        lambda made, *_: made.replace(weight=-made.weight),
        r"Broken: weight is -1, expected at least 0$",
    ),
    "steps": (
        lambda made, *_: made.replace(steps=made.steps + 9),
        r"Broken: steps is 10, expected from 1 to \d, what is left of the segment$",
    ),
    "relabelled": (
        lambda made, *_: made.replace(relabelled=~made.relabelled),
        r"Broken: relabelled is set but the scheme has no attribute relabels = True",
    ),
    "gradient": (
        lambda made, *_: made.replace(weight=made.weight.clone().requires_grad_()),
        r"Broken: weight carries a gradient, expected none$",
    ),
    "raises": (
        lambda *given: given[1].length[999],
        r"Broken\.assign raised IndexError: index 999",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_finds_the_mistake(mistake: str) -> None:
    change, message = MISTAKES[mistake]
    with pytest.raises(ValueError, match=message) as caught:
        check_scheme(Broken(change))
    assert "\n" not in str(caught.value)


def test_finds_what_changes_from_run_to_run() -> None:
    runs: list[int] = []

    def count(made: Transitions, *_: Any) -> Transitions:
        runs.append(1)
        return made.replace(weight=made.weight * len(runs))

    with pytest.raises(ValueError, match="weight differs between two runs of one generator state"):
        check_scheme(Broken(count))


def test_a_sound_scheme_passes() -> None:
    check_scheme(Broken(lambda made, *_: made))
    check_scheme(Broken(lambda made, *_: made), seed=5, batch=1, segments=1, dtype=torch.float64)
