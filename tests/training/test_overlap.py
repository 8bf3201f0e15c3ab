"""Stepping and training at the same time: what stays as it is, how stale, exactly resumed."""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch

from bnpo import ConfigError, TrainConfig
from bnpo.errors import Diverged
from bnpo.runs.checkpoint import load_checkpoint, save_checkpoint
from bnpo.types.step import Step
from tests.agent.conftest import Spy, learns, likelihood_ratio, parameters, pathwise, play

LISTS = {
    "pathwise": [pathwise(recalc_delay=1, sampler="importance_ratio")],
    "both": [likelihood_ratio(), pathwise(recalc_delay=1)],
}


def overlapped(mode: str, staleness: int = 10) -> dict[str, Any]:
    return {"overlap": mode, "max_staleness": staleness}


@pytest.mark.parametrize("brains", LISTS.values(), ids=LISTS)
def test_lockstep_twice_gives_the_same_parameters(brains: list[Any], make_trainer: Any) -> None:
    states, histories = [], []
    for pause in (0.0, 0.002):  # the thread that steps falls behind in the second
        trainer = make_trainer(*brains, train=overlapped("lockstep"))
        _slow_down(trainer, pause)
        histories.append(trainer.run())
        states.append(parameters(trainer))
    assert torch.equal(states[0], states[1])
    assert histories[0][-1].mean_return == histories[1][-1].mean_return


def test_lockstep_acts_by_the_policy_of_some_steps_before(make_trainer: Any) -> None:
    """Actions are those of the policy that had the turns of all steps but the last ten."""
    plain = make_trainer(pathwise(), dtype="float64")
    ahead = make_trainer(pathwise(), dtype="float64", train=overlapped("lockstep"))
    for trainer in (plain, ahead):
        play(trainer, 20)
    table, other = (trainer.agent.replay.trajectories for trainer in (plain, ahead))
    assert torch.equal(table.action[:4], other.action[:4])  # before the first turn
    assert not torch.equal(table.action[4:8], other.action[4:8])
    untrained = make_trainer(pathwise(), dtype="float64").agent
    shown = other.observation[4:8, :-1].flatten(0, 1), other.desired_goal[4:8, :-1].flatten(0, 1)
    mu, _ = untrained.actor(untrained.encoder(*shown))
    torch.testing.assert_close(mu.view_as(other.mu[4:8]), other.mu[4:8])


@pytest.mark.parametrize("mode", ["lockstep", "free"])
def test_the_same_gradient_steps_as_without(mode: str, make_trainer: Any) -> None:
    plain = make_trainer(*LISTS["both"])
    ahead = make_trainer(*LISTS["both"], train=overlapped(mode, 7))
    for trainer in (plain, ahead):
        trainer.run()
    counts = [[x.gradient_steps for x in trainer.agent.brains] for trainer in (plain, ahead)]
    assert counts[0] == counts[1]
    assert plain.agent.env_steps == ahead.agent.env_steps == 400


@pytest.mark.parametrize(("mode", "pause"), [("lockstep", 0.0), ("free", 0.0), ("free", 0.005)])
def test_the_acting_policy_is_no_staler_than_allowed(
    mode: str, pause: float, make_trainer: Any
) -> None:
    trainer = make_trainer(pathwise(), train=overlapped(mode, 6))
    _slow_down(trainer, pause)
    lags = []
    next_step = trainer.ahead.next

    def watched() -> Step:
        step: Step = next_step()
        lags.append(step.lag)
        return step

    trainer.ahead.next = watched
    history = trainer.run()
    assert max(lags) == max(record.policy_lag for record in history) <= 6
    if mode == "lockstep":
        assert lags == [min(index, 6) for index in range(100)]
    if pause:
        assert sum(lags[-20:]) < 6 * 20  # where acting is the slower side, it is fresher


@pytest.mark.parametrize("brains", LISTS.values(), ids=LISTS)
def test_lockstep_resumes_exactly(brains: list[Any], make_trainer: Any, tmp_path: Any) -> None:
    whole = make_trainer(*brains, train=overlapped("lockstep"))
    play(whole, 47)
    other = make_trainer(*brains, train=overlapped("lockstep"))
    for stop in (13, 30):
        play(other, stop - other.agent.vector_steps)
        save_checkpoint(tmp_path / "state", other.state_dict())
        other = make_trainer(*brains, train=overlapped("lockstep"))
        other.load_state_dict(load_checkpoint(tmp_path / "state"))
    play(other, 17)
    assert torch.equal(parameters(whole), parameters(other))
    for name, tensor in whole.agent.encoder.state_dict().items():
        assert torch.equal(tensor, other.agent.encoder.state_dict()[name]), name
    assert torch.equal(whole.ahead.next().decision.action, other.ahead.next().decision.action)


def test_free_goes_on_from_its_state(make_trainer: Any, tmp_path: Any) -> None:
    trainer = make_trainer(pathwise(), train=overlapped("free"))
    play(trainer, 25)
    save_checkpoint(tmp_path / "state", trainer.state_dict())
    resumed = make_trainer(pathwise(), train=overlapped("free"))
    resumed.load_state_dict(load_checkpoint(tmp_path / "state"))
    assert torch.equal(parameters(trainer), parameters(resumed))
    steps = [each.ahead.next() for each in (trainer, resumed)]
    assert torch.equal(
        steps[0].reset_observation.observation, steps[1].reset_observation.observation
    )


def test_a_state_of_another_mode_is_refused(make_trainer: Any) -> None:
    state = make_trainer(pathwise()).state_dict()
    with pytest.raises(ValueError, match="was not one of overlap = 'lockstep'"):
        make_trainer(pathwise(), train=overlapped("lockstep")).load_state_dict(state)


@pytest.mark.parametrize("staleness", [3, 10, 25])
def test_a_rollout_is_learnt_from_with_the_statistics_that_acted_it(
    staleness: int, make_trainer: Any
) -> None:
    """With an actor that stands still log rho is 0, as statistics move from rollout to rollout."""
    trainer = make_trainer(
        likelihood_ratio(lr_actor=1e-30), dtype="float64", train=overlapped("lockstep", staleness)
    )
    means, scales = [], []
    for _ in range(6):
        spy = Spy(trainer.agent.brains[0])
        play(trainer, 10)
        batch = spy.batches[0]
        networks = trainer.agent.brains[0].step.networks
        density = trainer.agent.brains[0].evaluator.log_prob
        difference = density(batch.observation, batch.goal, batch.action) - batch.proximal_log_prob
        assert torch.equal(batch.proximal_log_prob, batch.behaviour_log_prob)
        assert difference.abs().max() < 1e-12
        means.append(networks.encoder.mean.clone())
        scales.append(networks.encoder.scale.clone())
    assert bool((scales[0] == 1).all())  # the identity until something was seen
    assert not torch.equal(means[0], means[-1])


def test_ratios_refer_to_the_policy_that_acted(make_trainer: Any) -> None:
    trainer = make_trainer(
        likelihood_ratio(lr_actor=0.03), dtype="float64", train=overlapped("lockstep")
    )
    play(trainer, 20)
    spy = Spy(trainer.agent.brains[0])
    play(trainer, 10)
    batch = spy.batches[0]
    assert torch.equal(batch.proximal_log_prob, batch.behaviour_log_prob)
    density = trainer.agent.brains[0].evaluator.log_prob
    now = density(batch.observation, batch.goal, batch.action)
    assert (now - batch.proximal_log_prob).abs().max() > 1e-3


def test_an_error_of_the_environments_ends_the_run(make_trainer: Any) -> None:
    trainer = make_trainer(pathwise(), train=overlapped("lockstep"))
    step = trainer.env.step

    def broken(action: Any) -> Any:
        shown, reward, *rest = step(action)
        reward[1] = float("nan") if trainer.stepper.vector_steps == 14 else 0.0
        return shown, reward, *rest

    trainer.env.step = broken
    with pytest.raises(Diverged, match="environment 1: reward = nan at environment step 60"):
        trainer.run()
    with pytest.raises(Diverged):  # and nobody waits for the thread that has ended
        trainer.state_dict()


def test_a_run_that_was_stopped_goes_on(make_trainer: Any) -> None:
    trainer = make_trainer(pathwise(), train=overlapped("lockstep"))
    trainer.request_stop()
    trainer.run()
    assert trainer.agent.env_steps < 400
    trainer.run()
    assert trainer.agent.env_steps == 400


def test_what_cannot_work_is_refused() -> None:
    with pytest.raises(ConfigError, match="TrainConfig.overlap = 'on': allowed is 'off'"):
        TrainConfig(overlap="on")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="TrainConfig.max_staleness = 0: allowed is greater"):
        TrainConfig(max_staleness=0)


def _slow_down(trainer: Any, seconds: float) -> None:
    """Let every step of the environments take some time."""
    step = trainer.env.step

    def slow(action: Any) -> Any:
        time.sleep(seconds)
        return step(action)

    trainer.env.step = slow


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["lockstep", "free"])
def test_it_learns_under_an_older_policy(mode: str) -> None:
    assert learns({"overlap": mode}) >= 0.8
