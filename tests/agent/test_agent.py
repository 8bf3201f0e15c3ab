"""The agent: sharing and detaching, determinism, what brains see of each other."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

import bnpo
from bnpo import Agent, AgentConfig, BrainDescription, ConfigError
from bnpo.credit import HER
from bnpo.errors import Diverged
from tests.agent.conftest import SMALL, Spy, likelihood_ratio, parameters, pathwise, play


def test_same_seed_same_parameters_bit_for_bit(make_trainer: Any) -> None:
    lists = [likelihood_ratio(), pathwise(recalc_delay=1, sampler="importance_ratio")]
    states = []
    for seed in (0, 0, 1):
        trainer = make_trainer(*lists, seed=seed)
        trainer.run()
        states.append(parameters(trainer))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_evaluation_does_not_disturb_training(make_trainer: Any) -> None:
    quiet, watched = (make_trainer(pathwise()) for _ in range(2))
    play(quiet, 20)
    for _ in range(20):
        play(watched, 1)
        watched.evaluate()
    assert torch.equal(parameters(quiet), parameters(watched))


@pytest.mark.parametrize(("detach", "count"), [(True, 2), (False, 1)])
def test_detach_actors(detach: bool, count: int, make_trainer: Any) -> None:
    trainer = make_trainer(likelihood_ratio(), pathwise(), detach_actors=detach)
    targets = {id(x.step.networks.target_actor) for x in trainer.agent.brains}
    assert len(targets) == len(trainer.agent.target_actors) == count
    assert len({id(x.step.networks.actor) for x in trainer.agent.brains}) == 1


@pytest.mark.parametrize(
    ("critics", "targets", "count"),
    [(True, True, (2, 2)), (True, False, (2, 2)), (False, True, (1, 2)), (False, False, (1, 1))],
)
def test_detach_critics_and_their_targets(
    critics: bool, targets: bool, count: tuple[int, int], make_trainer: Any
) -> None:
    detached = {"detach_critics": critics, "detach_targets": targets}
    trainer = make_trainer(likelihood_ratio(critic="shared"), pathwise(), **detached)
    networks = [brain.step.networks for brain in trainer.agent.brains]
    assert len({id(n.critic) for n in networks}) == count[0]
    assert len({id(n.target_critic) for n in networks}) == count[1]


def test_a_target_follows_the_shared_critic_with_the_tau_of_its_brain(make_trainer: Any) -> None:
    quick, slow = likelihood_ratio(tau_critic=1.0, critic="shared"), pathwise(tau_critic=0.0)
    agent = make_trainer(quick, slow).agent
    before = [p.clone() for p in agent.target_critics[1].parameters()]
    trainer = make_trainer(quick, slow)
    play(trainer, 20)
    (online,), (own, other) = trainer.agent.critics, trainer.agent.target_critics
    assert trainer.agent.gradient_steps > 0
    assert all(torch.equal(p, q) for p, q in zip(before, other.parameters(), strict=True))
    moved = zip(own.parameters(), other.parameters(), strict=True)
    assert not any(torch.equal(p, q) for p, q in moved)
    assert own is not online


def test_a_brain_leaves_the_others_targets_alone(make_trainer: Any) -> None:
    trainer = make_trainer(pathwise(), likelihood_ratio(learning_delay=1_000))
    other = trainer.agent.brains[1].step.networks
    before = [p.clone() for n in (other.target_actor, other.target_critic) for p in n.parameters()]
    play(trainer, 20)
    after = [p for n in (other.target_actor, other.target_critic) for p in n.parameters()]
    assert trainer.agent.gradient_steps > 0
    assert all(torch.equal(p, q) for p, q in zip(before, after, strict=True))


def test_log_rho_is_zero_in_ppos_first_minibatch_on_its_own_rollout(make_trainer: Any) -> None:
    """Also after the statistics of normalisation have moved: they wait for PPO's turn."""
    trainer = make_trainer(likelihood_ratio(), dtype="float64")
    for _ in range(3):
        spy = Spy(trainer.agent.brains[0])
        play(trainer, 10)
        batch = spy.batches[0]
        difference = batch.proximal_log_prob - batch.behaviour_log_prob
        assert difference.abs().max() < 1e-12
    assert trainer.agent.encoder.totals[0, 0] > 0


def test_statistics_are_frozen_until_ppo_has_learnt(make_trainer: Any) -> None:
    trainer = make_trainer(likelihood_ratio(learning_delay=20), pathwise(learning_delay=5))
    play(trainer, 19)
    assert not trainer.agent.encoder.mean.any()
    play(trainer, 1)
    assert trainer.agent.encoder.mean.any()


def test_each_fresh_sample_is_counted_once(make_trainer: Any) -> None:
    trainer = make_trainer(pathwise(recalc_delay=0))
    play(trainer, 30)
    # three segments of 11 observations in four environments
    assert trainer.agent.encoder.totals[0, 0] == 3 * 4 * 11


@pytest.mark.parametrize("stable", [True, False])
def test_stable_probs_takes_proximal_densities_from_the_target(
    stable: bool, make_trainer: Any
) -> None:
    trainer = make_trainer(
        likelihood_ratio(lr_actor=0.1, tau_actor=0.0), stable_probs=stable, dtype="float64"
    )
    play(trainer, 20)
    brain = trainer.agent.brains[0]
    table = trainer.agent.replay
    rows = torch.tensor([4])  # of the second rollout, acted by the changed online actor
    transitions = brain.credit.assign(table, rows.repeat(10), torch.arange(10))
    evaluator = brain.evaluator
    asked = (transitions.observation, transitions.goal, transitions.action)
    target, online = evaluator.target_log_prob(*asked), evaluator.log_prob(*asked)
    recorded = table.trajectories.log_prob[4]  # by the policy that acted, whatever came later
    torch.testing.assert_close(transitions.proximal_log_prob, target if stable else recorded)
    assert not torch.allclose(recorded, online)
    again = brain.credit.assign(table, rows.repeat(10), torch.arange(10), refresh=True)
    torch.testing.assert_close(again.proximal_log_prob, target if stable else online)


def test_a_turn_keeps_to_its_budget_while_the_critic_learns_on(make_trainer: Any) -> None:
    """Ten halvings find the share of the way to a thousandth; the KL grows like its square."""
    free = make_trainer(pathwise(lr_actor=0.1, learning_repeat=40))
    play(free, 10)
    assert free.progress.turns["ddpg"]["kl_turn"] > 0.1
    held = make_trainer(pathwise(lr_actor=0.1, learning_repeat=40, kl_budget=0.02))
    agent, moved = held.agent, []
    play(held, 10)
    moved.append(held.progress.turns["ddpg"]["kl_turn"])
    critic = [p.clone() for p in agent.critics[0].parameters()]
    assert agent.replay is not None
    half = agent.brains[0].take_turn(agent.replay, 40, agent.target_actors, 0.5)
    assert half is not None
    moved.append(half.info["kl_turn"])
    for kl, budget in zip(moved, (0.02, 0.01), strict=True):
        assert 0.8 * budget < kl <= budget * (1 + 1e-6)
    assert half.gradient_steps == 20
    pairs = zip(critic, agent.critics[0].parameters(), strict=True)
    assert not any(torch.equal(p, q) for p, q in pairs)


def test_the_articles_brain_list_constructs_and_trains() -> None:
    max_steps, bs, ppobs = 50, 512, 2048
    brains = [
        BrainDescription(
            memory_size=20 * max_steps * 5, batch_size=ppobs,
            optim_pool_size=(max_steps * 80 * 10) // 3,
            optim_epochs=1, optim_batch_size=1 * ppobs, recalc_delay=3,
            lr_actor=1e-3, learning_delay=1 * max_steps, learning_repeat=6,
            sync_delta_a=3, sync_delta_c=1, tau_actor=1e-1, tau_critic=1e-1,
            bellman=False, ppo_eps=2e-1, natural=False, mean_only=False, separate_actors=True),
        BrainDescription(
            memory_size=20 * max_steps * 200, batch_size=bs,
            optim_pool_size=70000, optim_epochs=2, optim_batch_size=3 * bs, recalc_delay=5,
            lr_actor=3e-5, learning_delay=10, learning_repeat=4,
            sync_delta_a=1, sync_delta_c=1, tau_actor=1e-1, tau_critic=1e-1,
            bellman=True, ppo_eps=None, natural=False, mean_only=True, separate_actors=False),
    ]  # fmt: skip
    agent = Agent.for_env("bnpo/GoalReacher-v0", brains, seed=0)
    # The first brain waits until its half of the environments has filled its draw of 2,048: five
    # segments of 50 steps in ten environments after the warm-up.
    history = bnpo.train(agent, total_steps=7_000, num_envs=20, eval_episodes=2, progress_bar=False)
    assert [brain.name for brain in agent.brains] == ["ppo", "ddpg"]
    assert all(brain.gradient_steps > 0 for brain in agent.brains)
    assert len(history) == 7


def test_a_scheme_from_a_cell_goes_into_a_brain_list(make_trainer: Any) -> None:
    class Double:
        """One-step credit with doubled rewards; imports nothing of the package."""

        def assign(self, trajectories: Any, segment: Any, time: Any, evaluator: Any) -> Any:
            transitions = trajectories.n_step(segment, time, torch.ones_like(time), evaluator.gamma)
            return transitions.replace(reward=2 * transitions.reward)

    trainer = make_trainer(pathwise(credit=Double()))
    spy = Spy(trainer.agent.brains[0])
    play(trainer, 10)
    assert set(spy.batches[0].reward.unique().tolist()) <= {-2.0, 0.0}


def test_a_scheme_of_wrong_shapes_is_named(make_trainer: Any) -> None:
    class Flat:
        """Drops the reward's dimension."""

        def assign(self, trajectories: Any, segment: Any, time: Any, evaluator: Any) -> Any:
            transitions = trajectories.n_step(segment, time, torch.ones_like(time), evaluator.gamma)
            return transitions.replace(reward=transitions.reward[:, 0])

    trainer = make_trainer(pathwise(credit=Flat()))
    with pytest.raises(ValueError, match=r"Flat: reward has shape \[40\], expected \[40, 1\]"):
        play(trainer, 10)


def test_several_brains_refuse_what_cannot_work() -> None:
    with pytest.raises(ConfigError, match=r"brains = \[\]"):
        Agent.for_env("bnpo/GoalReacher-v0", [])
    with pytest.raises(ConfigError, match=r"brain 1: credit = HER.*likelihood-ratio"):
        Agent.for_env("bnpo/GoalReacher-v0", [pathwise(), likelihood_ratio(credit=HER())])
    with pytest.raises(ConfigError, match="Pendulum-v1, which has no goals: hindsight needs a"):
        Agent.for_env("Pendulum-v1", [pathwise(credit="her")])
    with pytest.raises(ValueError, match="CartPole-v1 has the action space Discrete"):
        Agent.for_env("CartPole-v1", [pathwise()])
    with pytest.raises(ValueError, match="did you mean"):
        Agent.for_env("bnpo/GoalReacher-v1", [pathwise()])


def test_an_environment_without_goals_trains() -> None:
    agent = Agent.for_env(
        "Pendulum-v1",
        [likelihood_ratio(), pathwise()],
        config=AgentConfig(networks=SMALL, max_steps=10, replay_size=1_000),
    )
    history = bnpo.train(
        agent, total_steps=80, num_envs=2, eval_episodes=1, progress_bar=False, solve_threshold=0.0
    )
    assert history[-1].success_rate is None
    assert history[-1].mean_return < 0
    assert agent.gradient_steps > 0


def test_the_agent_runs_in_double_precision(make_trainer: Any) -> None:
    trainer = make_trainer(pathwise(recalc_delay=0), dtype="float64")
    play(trainer, 10)
    assert all(p.dtype == torch.float64 for p in trainer.agent.actor.parameters())
    assert trainer.agent.replay.trajectories.observation.dtype == torch.float64


def test_repr_names_task_and_brains(make_trainer: Any) -> None:
    text = repr(make_trainer(likelihood_ratio(), pathwise()).agent)
    assert "bnpo/GoalReacher-v0" in text
    assert "ppo: PPO(" in text
    assert "ddpg: DDPG(" in text


def test_saved_state_goes_on_bit_for_bit(make_trainer: Any, tmp_path: Any) -> None:
    from bnpo.runs.checkpoint import load_checkpoint, save_checkpoint

    lists = [likelihood_ratio(), pathwise(recalc_delay=1, sampler="importance_ratio")]
    whole = make_trainer(*lists)
    play(whole, 25)
    save_checkpoint(tmp_path / "state.pt", whole.state_dict())
    play(whole, 25)
    resumed = make_trainer(*lists)
    resumed.load_state_dict(load_checkpoint(tmp_path / "state.pt"))
    play(resumed, 25)
    assert torch.equal(parameters(whole), parameters(resumed))
    assert dataclasses.asdict(resumed.agent.config) == dataclasses.asdict(whole.agent.config)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_agent_trains_on_cuda(make_trainer: Any) -> None:
    trainer = make_trainer(
        likelihood_ratio(), pathwise(recalc_delay=1, sampler="importance_ratio"), device="cuda"
    )
    play(trainer, 30)
    assert trainer.agent.replay.trajectories.observation.is_cuda
    assert all(p.is_cuda for p in trainer.agent.actor.parameters())
    assert all(brain.gradient_steps > 0 for brain in trainer.agent.brains)


def test_a_priority_that_is_not_finite_ends_the_turn_by_name(make_trainer: Any) -> None:
    trainer = make_trainer(pathwise(sampler="td_error"))
    with torch.no_grad():
        next(trainer.agent.critics[0].parameters()).fill_(float("nan"))
    words = r"brain 'ddpg': SumTree.update: priority = nan: .*, at environment step 40"
    with pytest.raises(Diverged, match=words):
        play(trainer, 10)


def test_a_priority_that_is_not_finite_on_arrival_is_told_by_name(make_trainer: Any) -> None:
    trainer = make_trainer(pathwise(sampler="importance_ratio"))
    play(trainer, 11)
    trainer.agent.replay.trajectories.log_prob.fill_(float("nan"))
    words = r"brain 'ddpg': SumTree.update: priority = nan: .*, at environment step \d+"
    with pytest.raises(Diverged, match=words):
        play(trainer, 10)
