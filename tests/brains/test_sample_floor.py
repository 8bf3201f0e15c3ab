"""What happens to the actor's step when the effective sample size of a minibatch collapses."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bnpo.brains.losses import effective_sample_size
from bnpo.brains.steps.sample_floor import SampleFloor
from bnpo.errors import ConfigError
from tests.agent.conftest import likelihood_ratio, make_trainer, pathwise, play

__all__ = ["make_trainer"]

# ρ = 1, 1, 2, 4: (Σ ρ)² = 64, B Σ ρ² = 4 (1 + 1 + 4 + 16) = 88
RATIOS = torch.tensor([1.0, 1.0, 2.0, 4.0]).log()
SHARE = 64 / 88


@pytest.mark.parametrize("shift", [0.0, -500.0, 500.0])
def test_effective_sample_size_by_hand(shift: float) -> None:
    assert float(effective_sample_size(RATIOS + shift)) / 4 == pytest.approx(SHARE, rel=1e-5)
    assert float(effective_sample_size(torch.full((5,), shift))) == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("floor", "action", "scale"),
    [
        (0.7, "skip", 1.0),
        (0.8, "skip", 0.0),
        (0.8, "shrink", SHARE / 0.8),
        (0.0, "shrink", 1.0),
    ],
)
def test_as_much_of_the_step_is_taken_as_the_samples_allow(
    floor: float, action: Any, scale: float
) -> None:
    parameter = nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))

    class Step:
        optimizer: Any = None
        look: Any = None

        def __call__(self, minibatch: Any, objective: Any) -> dict[str, Any]:
            parameter.data += torch.tensor([0.5, 1.0])
            return {"gain": torch.tensor(1.0)}

    minibatch: Any = SimpleNamespace(log_ratio=RATIOS)
    info = SampleFloor(Step(), [parameter], floor, action)(minibatch, lambda _: (RATIOS, {}))
    expected = torch.tensor([1.0, -2.0]) + scale * torch.tensor([0.5, 1.0])
    torch.testing.assert_close(parameter.detach(), expected.double(), atol=1e-6, rtol=0)
    assert info["actor_step_scale"].item() == pytest.approx(scale, abs=1e-6)
    assert ("gain" in info) == (scale > 0)


def _run(make: Any, **fields: Any) -> tuple[torch.Tensor, torch.Tensor, dict[str, float]]:
    """Actor and critic after two turns of PPO, and the scalars of the last one."""
    trainer = make(likelihood_ratio(lr_actor=0.05, learning_repeat=20, **fields))
    play(trainer, 20)
    agent = trainer.agent
    parts = (agent.actor, agent.critics[0])
    actor, critic = (nn.utils.parameters_to_vector(n.parameters()).detach() for n in parts)
    return actor, critic, trainer.progress.turns["ppo"]


def test_a_floor_holds_the_actor_back_and_not_the_critic(make_trainer: Any) -> None:
    free, critic, info = _run(make_trainer)
    assert "actor_step_scale" not in info
    collapsed = info["effective_sample_size"]
    unheld, _, info = _run(make_trainer, ess_floor=0.0)
    assert torch.equal(free, unheld)
    assert info["actor_step_scale"] == 1.0
    skipped, learnt, info = _run(make_trainer, ess_floor=1.0)
    assert 0.0 < info["actor_step_scale"] < 1.0  # the first minibatch is the policy's own
    assert not torch.equal(skipped, free)
    assert not torch.equal(learnt, critic)
    shrunk, _, shrinking = _run(make_trainer, ess_floor=1.0, ess_action="shrink")
    assert info["actor_step_scale"] < shrinking["actor_step_scale"] < 1.0
    assert shrinking["effective_sample_size"] > collapsed
    assert not torch.equal(skipped, shrunk)


def test_a_pathwise_brain_may_have_a_floor(make_trainer: Any) -> None:
    trainer = make_trainer(pathwise(credit="her", ess_floor=0.9, ess_action="shrink", lr_actor=0.1))
    play(trainer, 30)
    assert 0.0 < trainer.progress.turns["ddpg"]["actor_step_scale"] < 1.0


@pytest.mark.parametrize("fields", [{"ess_floor": 1.5}, {"ess_floor": -0.1}, {"ess_action": "x"}])
def test_what_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(fields))):
        likelihood_ratio(**fields)


@pytest.mark.parametrize("shift", [0.0, 300.0, -300.0])
def test_effective_sample_size(shift: float) -> None:
    def ess(log_ratio: Tensor) -> float:
        return float(effective_sample_size(log_ratio + shift))

    assert ess(torch.zeros(1000)) == 1000
    assert ess(torch.tensor([0.0, -200.0, -200.0])) == 1
    # Weights 1, 2, 3: (6^2) / (1 + 4 + 9)
    assert ess(torch.tensor([1.0, 2.0, 3.0]).log()) == pytest.approx(36 / 14, rel=1e-4)


def test_effective_sample_size_of_nothing() -> None:
    with pytest.raises(ValueError, match="no samples"):
        effective_sample_size(torch.zeros(0))
