"""Several actors that exchange their weights: the predecessor of BPO."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from bnpo.brains import PolicyExchange
from tests.agent.conftest import likelihood_ratio, pathwise, play


def _weights(actor: Any) -> torch.Tensor:
    return torch.cat([p.detach().reshape(-1).clone() for p in actor.parameters()])


def test_shared_is_one_actor(make_trainer: Any) -> None:
    agent = make_trainer(likelihood_ratio(), pathwise()).agent
    assert agent.exchange is None
    assert all(brain.step.networks.actor is agent.actor for brain in agent.brains)


def test_apart_every_brain_trains_its_own_and_the_first_acts(make_trainer: Any) -> None:
    agent = make_trainer(likelihood_ratio(), pathwise(), policies="copied").agent
    actors = [brain.step.networks.actor for brain in agent.brains]
    assert actors[0] is agent.actor
    assert actors[1] is not agent.actor
    assert torch.equal(_weights(actors[0]), _weights(actors[1]))


def test_copied_the_seconds_turn_goes_to_the_first(make_trainer: Any) -> None:
    trainer = make_trainer(likelihood_ratio(learning_delay=1_000), pathwise(), policies="copied")
    start = _weights(trainer.agent.actor)
    play(trainer, 10)
    assert not torch.equal(_weights(trainer.agent.actor), start)
    torch.testing.assert_close(*map(_weights, trainer.agent.actors))


def test_copied_no_turn_of_either_brain_is_lost() -> None:
    """Turns move the first by 1, 1, 1 and the second by 10, 10, 10: the first is at 33.

    After the second turn of the first, at 1 + 10 + 1, it goes to the second, which ends 10 + 10
    above that: at 32, without the first's last turn.
    """
    actors: list[Any] = [torch.nn.Linear(1, 1, bias=False) for _ in range(2)]
    for actor in actors:
        torch.nn.init.zeros_(actor.weight)
    exchange = PolicyExchange(actors, "copied", 2)
    for _ in range(3):
        for index, move in enumerate((1.0, 10.0)):
            with torch.no_grad():
                actors[index].weight.add_(move)
            exchange.after_turn(index)
    assert [float(actor.weight.detach()) for actor in actors] == [33.0, 32.0]


def test_the_first_goes_to_the_second_every_delay_turns(make_trainer: Any) -> None:
    trainer = make_trainer(
        likelihood_ratio(), pathwise(learning_delay=1_000), policies="copied", policy_delay=2
    )
    play(trainer, 10)
    assert not torch.equal(*map(_weights, trainer.agent.actors))
    play(trainer, 10)
    assert torch.equal(*map(_weights, trainer.agent.actors))


def test_swapped_they_change_places(make_trainer: Any) -> None:
    trainer = make_trainer(likelihood_ratio(learning_delay=1_000), pathwise(), policies="swapped")
    first = _weights(trainer.agent.actors[0])
    play(trainer, 10)
    assert torch.equal(_weights(trainer.agent.actors[1]), first)
    assert not torch.equal(_weights(trainer.agent.actors[0]), first)


@pytest.mark.parametrize("mode", ["copied", "swapped"])
def test_saved_state_goes_on_bit_for_bit(mode: str, make_trainer: Any) -> None:
    lists = [likelihood_ratio(), pathwise(recalc_delay=1)]
    whole, resumed = (make_trainer(*lists, policies=mode, policy_delay=2) for _ in range(2))
    play(whole, 15)
    resumed.load_state_dict(copy.deepcopy(whole.state_dict()))
    play(whole, 15)
    play(resumed, 15)
    for a, b in zip(whole.agent.actors, resumed.agent.actors, strict=True):
        assert torch.equal(_weights(a), _weights(b))
