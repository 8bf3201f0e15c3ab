"""Frame history, GRU memory, parameter noise and encoder freezing, alone and in a run."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bnpo import Agent, AgentConfig, NetworkConfig, TrainConfig, Trainer
from bnpo.errors import ConfigError
from bnpo.networks import Memory, Normalizer, gaussian
from tests.agent.conftest import likelihood_ratio, pathwise, play
from tests.networks.cue import ENV_ID


def _memory(**fields: Any) -> Memory:
    torch.manual_seed(0)
    return Memory(Normalizer(2, 1), NetworkConfig(**fields))


def _trainer(request: Any, networks: dict[str, Any], *, steps: int = 4, **config: Any) -> Trainer:
    brain = likelihood_ratio(
        **{"batch_size": 64, "optim_batch_size": 128, "optim_pool_size": 128, "lr_actor": 3e-3},
        **{"memory_size": 128, "learning_delay": 4, "learning_repeat": 8, "optim_epochs": 4},
    )
    sizes: dict[str, Any] = {"actor_hidden": (16,), "critic_hidden": (16,), "sigma_init": 0.3}
    agent = Agent.for_env(
        ENV_ID,
        [brain],
        config=AgentConfig(
            networks=NetworkConfig(**sizes, **networks),
            **{"max_steps": 8, "replay_size": 4_000, "lr_critic": 3e-3, **config},
        ),
        env_kwargs={"steps": steps},
    )
    trainer = Trainer(
        agent,
        TrainConfig(num_envs=32, total_steps=5_000, eval_interval=5_000, eval_episodes=40),
        progress_bar=False,
    )
    request.addfinalizer(trainer.close)
    return trainer


def test_history_begins_with_the_first_observation_and_moves_on() -> None:
    memory = _memory(frame_history=3)
    rows = torch.arange(8.0).view(4, 1, 2)
    state = memory.start(rows[0])
    assert state.tolist() == [[0, 1, 0, 1, 0, 1]]
    for row in rows[1:]:
        state = memory.follow(state, row)
    assert state.tolist() == [[2, 3, 4, 5, 6, 7]]


@pytest.mark.parametrize("frames", [1, 3])
def test_memory_is_the_gru_over_the_whole_episode_whatever_the_goal(frames: int) -> None:
    memory = _memory(memory=5, memory_window=4, frame_history=frames)
    rows = torch.randn(11, 6, 2)
    state, states = memory.start(rows[0]), [memory.start(rows[0])]
    for row in rows[1:]:
        state = memory.follow(state, row)
        states.append(state)
    padded = torch.cat((rows[:1].expand(memory.depth - 1, -1, -1), rows))
    inputs = torch.stack([padded[i : len(padded) - frames + 1 + i] for i in range(frames)], 2)
    assert memory.gru is not None
    expected = memory.gru(inputs.flatten(2))[1][0]
    one, other = memory(state, torch.zeros(6, 1)), memory(state, torch.ones(6, 1))
    torch.testing.assert_close(one[:, -6:-1], expected)
    assert torch.equal(one[:, :-1], other[:, :-1])
    whole = torch.stack(states, 1)
    spoilt = whole.clone()
    spoilt[:, 1:, : memory.units] = 9.0
    torch.testing.assert_close(memory.refresh(spoilt), whole)


def test_stored_history_never_crosses_an_episode(request: pytest.FixtureRequest) -> None:
    trainer = _trainer(request, {"frame_history": 3})
    play(trainer, 9)
    table = trainer.agent.replay
    assert table is not None
    rows = table.trajectories
    done = rows.length == 4
    seen = rows.observation[done].unflatten(-1, (3, 2))  # episodes of 4 steps, one segment each
    assert done.sum() == 64
    for step in range(5):
        for frame in range(3):
            source = max(step - 2 + frame, 0)
            assert torch.equal(seen[:, step, frame], seen[:, source, 2])


def test_first_ratio_is_one_and_freezing_keeps_the_memory(request: pytest.FixtureRequest) -> None:
    networks = {"memory": 8, "memory_window": 4}
    trainer = _trainer(request, networks, freeze_delta=2, freeze_count=1)
    agent, brain = trainer.agent, trainer.agent.brains[0]
    moved, ratios = [], []
    original = brain.step.take

    def take(*given: Any, **options: Any) -> Any:
        before = [p.clone() for p in agent.encoder.parameters()]
        learnt = original(*given, **options)
        same = all(map(torch.equal, before, agent.encoder.parameters()))
        moved.append((brain.rounds % 2, not same))
        ratios.append(float(learnt.info["approximate_kl"]))
        return learnt

    brain.step.take = take  # type: ignore[method-assign]
    play(trainer, 4)
    assert moved == [(0, True)] * 4 + [(1, False)] * 4
    assert abs(ratios[0]) < 1e-6


def test_a_cue_of_the_first_step_needs_memory(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bnpo.envs.making.available_cores", lambda: 1)  # a step costs too little
    memory = _trainer(request, {"memory": 8, "memory_window": 4}).run()[-1].mean_return
    stored = _trainer(request, {"memory": 8, "memory_window": 2}).run()[-1].mean_return
    frames = _trainer(request, {"frame_history": 4}).run()[-1].mean_return
    blind = _trainer(request, {}).run()[-1].mean_return
    assert blind < 0.45  # 0.36 is the best without
    assert min(memory, stored, frames) > 0.8


def test_noise_renews_one_layer_and_is_in_the_recorded_density(make_trainer: Any) -> None:
    trainer = make_trainer(pathwise(), parameter_noise=0.5, resample_delay=3)
    agent, observation = trainer.agent, trainer.stepper.observation
    noise = agent.policy.noise
    first, second, third = (noise.disturbed(agent.actor, step) for step in (0, 3, 6))
    for before, after, renewed in ((first, second, 0), (second, third, 1)):
        for layer in range(2):
            for noisy, later in zip(before[layer], after[layer], strict=True):
                assert torch.equal(noisy, later) == (layer != renewed)
    decision = agent.act(observation)
    clean = agent.policy.best_action(observation)
    assert not torch.equal(decision.mu, clean)
    features = agent.encoder(observation.observation, observation.desired_goal)
    assert torch.equal(clean, agent.actor(features)[0])
    expected = gaussian.log_prob(decision.action, decision.mu, decision.sigma)
    assert torch.equal(decision.log_prob, expected)


def test_saved_runs_go_on_bit_for_bit(make_trainer: Any) -> None:
    config = {
        "networks": NetworkConfig(
            actor_hidden=(16,), critic_hidden=(16,), memory=4, memory_window=3, frame_history=2
        ),
        **{"parameter_noise": 0.3, "resample_delay": 2, "freeze_delta": 3, "freeze_count": 1},
        "dtype": "float64",
    }
    brains = (likelihood_ratio(sources="all"), pathwise(recalc_delay=0))
    whole, part = (make_trainer(*brains, **config) for _ in range(2))
    play(whole, 40)
    play(part, 23)
    resumed = make_trainer(*brains, **config)
    resumed.load_state_dict(part.state_dict())
    play(resumed, 17)
    for ours, theirs in zip(
        [*whole.agent.encoder.state_dict().values(), *whole.agent.actor.parameters()],
        [*resumed.agent.encoder.state_dict().values(), *resumed.agent.actor.parameters()],
        strict=True,
    ):
        assert torch.equal(ours, theirs)
    assert whole.agent.gradient_steps


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"networks": NetworkConfig(memory=4), "max_steps": 5}, r"max_steps = 5 .*memory_window"),
        ({"freeze_delta": 4}, r"freeze_count = None with freeze_delta = 4: allowed is to set both"),
        ({"freeze_delta": 4, "freeze_count": 5}, r"freeze_count = 5: allowed is from 1 to"),
        ({"freeze_delta": 4, "freeze_count": 1}, r"freeze_delta = 4 with networks.memory = None"),
    ],
)
def test_what_cannot_work_is_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        AgentConfig(**fields)


@pytest.mark.parametrize(
    ("run", "own", "complaint"),
    [
        ({"rollouts": "ray"}, {"frame_history": 2}, r"rollouts = 'ray' .*_history = 2: .*'local'"),
        ({"overlap": "free"}, {"memory": 4}, r"overlap = 'free' with .*memory = 4: .*'off'"),
        ({"overlap": "lockstep"}, {}, r"overlap = 'lockstep' .*parameter_noise = 0.5: .*'off'"),
        ({"offline": "a/b-v0"}, {"memory": 4}, r"offline = 'a/b-v0' with .*memory = 4: .*None"),
    ],
)
def test_what_acts_elsewhere_recalls_nothing(
    run: dict[str, Any], own: dict[str, Any], complaint: str
) -> None:
    agent = AgentConfig(networks=NetworkConfig(**own), parameter_noise=None if own else 0.5)
    with pytest.raises(ConfigError, match=complaint):
        TrainConfig(**run).require_fits(agent)
    TrainConfig().require_fits(agent)
