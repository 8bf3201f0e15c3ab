"""Self-play: who plays the other side, what is kept of the past, and bits after a resume."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch

from bnpo.compose.composition import compose
from bnpo.config import OpponentConfig, TrainConfig
from bnpo.envs import make_vector_env
from bnpo.errors import ConfigError
from bnpo.presets import build_agent, build_train_config
from bnpo.training import Trainer
from bnpo.training.self_play import League, Member, Opponents, SelfPlayEnv
from bnpo.training.self_play.matches import play_matches
from bnpo.training.self_play.opponents import NEWEST

SMALL: dict[str, Any] = {
    **{"seed": 1, "num_envs": 4, "total_steps": 800, "eval_interval": 400, "eval_episodes": 2},
    **{"env_kwargs": {"episode_steps": 12}, "agent.max_steps": 10, "agent.replay_size": 400},
    **{"agent.networks.actor_hidden": [8], "agent.networks.critic_hidden": [8], "threads": 1},
    **{"brains.ppo.learning_delay": 10, "brains.ppo.learning_repeat": 4},
    **{"opponents.interval": 100, "opponents.pool_size": 3, "opponents.games": 2},
    **{"opponents.past_share": 0.5},
}


def trainer(**changes: Any) -> Trainer:
    updates = {**SMALL, **{key.replace("__", "."): value for key, value in changes.items()}}
    config = compose(["self_play", "hockey_reacher"], updates)
    return Trainer(build_agent(config), build_train_config(config), progress_bar=False)


def wrapped(one: Trainer) -> SelfPlayEnv:
    assert isinstance(one.env, SelfPlayEnv)
    return one.env


def member(one: Trainer, step: int) -> Member:
    return Member(step, one.agent.policy.snapshot(0))


def test_the_league_covers_the_whole_run() -> None:
    """Of six that come one after the other the first and the last stay, and spans are even."""
    one = trainer()
    league = League(4)
    for step in (0, 100, 200, 300, 400, 500):
        league.add(member(one, step))
        assert len(league.members) <= 4
    steps = [past.step for past in league.members]
    assert steps[0] == 0
    assert steps[-1] == 500
    assert max(np.diff(steps)) <= 300
    one.close()


def test_a_league_of_one_keeps_the_newest() -> None:
    one = trainer()
    league = League(1)
    for step in (0, 100, 200):
        league.add(member(one, step))
    assert [past.step for past in league.members] == [200]
    one.close()


def test_shares_of_opponents_are_as_asked() -> None:
    """Of 4,000 games a share 0.2 against three past selves alike: standard error 0.006 each."""
    one = trainer()
    config = OpponentConfig(past_share=0.2, pool_size=3)
    opponents = Opponents(one.agent, config, 4_000)
    for step in (0, 100, 200):
        opponents.keep(member(one, step))
    opponents.begin(np.ones(4_000, np.bool_))
    shares = {step: (opponents.assigned == step).mean() for step in (NEWEST, 0, 100, 200)}
    assert abs(shares[NEWEST] - 0.8) < 0.02
    for step in (0, 100, 200):
        assert abs(shares[step] - 0.2 / 3) < 0.013
    one.close()


def test_who_is_hard_to_beat_is_drawn_more_often() -> None:
    """Scores 1 and 0 of the last self: weights 0.01 and 1.01, so 0.99 of the draws."""
    one = trainer()
    opponents = Opponents(one.agent, OpponentConfig(past_share=1.0, draw="hardest"), 4_000)
    for step in (0, 100):
        opponents.league.enter(step)
        opponents.keep(member(one, step))
    last = opponents.league.enter(200)
    opponents.league.note(last, 1, won=10, lost=0, drawn=0)
    opponents.league.note(last, 2, won=0, lost=10, drawn=0)
    opponents.begin(np.ones(4_000, np.bool_))
    assert abs((opponents.assigned == 100).mean() - 1.01 / 1.02) < 0.01
    one.close()


def test_each_row_is_played_by_its_own_policy() -> None:
    """With sigma next to 0 actions are means: of the newest policy here, of a past self there."""
    one = trainer(agent__networks__sigma_init=1e-6, agent__networks__sigma_min=1e-6)
    opponents = Opponents(one.agent, OpponentConfig(past_share=0.0), 6)
    past = member(one, 7)
    with torch.no_grad():
        for name, parameter in past.policy.actor.named_parameters():
            if "sigma" not in name:
                parameter.mul_(-2.0)
    opponents.keep(past)
    opponents.assigned[[1, 4]] = 7
    view = np.random.default_rng(0).normal(size=(6, 24))
    actions = opponents.actions(view)
    for rows, policy in (([0, 2, 3, 5], one.agent.policy), ([1, 4], past.policy)):
        observation = policy.tensors(
            {
                "observation": view[rows],
                "achieved_goal": np.empty((len(rows), 0)),
                "desired_goal": np.empty((len(rows), 0)),
            }
        )
        expected = policy.playable(policy.best_action(observation))
        np.testing.assert_allclose(actions[rows], expected, atol=1e-4)
    one.close()


def test_a_game_is_played_by_one_opponent_to_its_end() -> None:
    one = trainer()
    env = wrapped(one)
    before = env.opponents.assigned.copy()
    changes = ends = 0
    for _ in range(100):
        one.step()
        begun = env.elapsed == 0
        kept = {NEWEST, *(past.step for past in env.opponents.league.members)}
        for row in range(4):
            changed = env.opponents.assigned[row] != before[row]
            changes += int(changed)
            assert not changed or begun[row] or before[row] not in kept
        ends += int(begun.sum())
        before = env.opponents.assigned.copy()
    assert ends > 20
    assert changes > 5
    one.close()


def test_past_selves_are_kept_and_rated() -> None:
    """At steps 0, 100, ... 700 of 800: each plays two games with the scripted player, and with
    every one that was in the league."""
    one = trainer()
    history = one.run()
    env = wrapped(one)
    league = env.opponents.league
    assert [member.step for member in league.members][::2] == [0, 700]
    assert league.players == ["scripted", *(str(step) for step in range(0, 800, 100))]
    games = league.wins + league.wins.T + league.draws
    assert games[0, 1:].tolist() == [2.0] * 8
    assert games[2, 1] == 2.0
    figures = history[-1].brains["opponents"]
    assert figures["past_selves"] == 3
    assert np.isfinite(figures["elo"])
    assert one.games is not None
    assert one.games["players"] == league.players
    one.close()


def test_matches_are_repeatable() -> None:
    """Against the scripted player and twice against itself: all games are accounted for, and the
    second time they end as the first time."""
    one = trainer()
    policy, outcomes = one.agent.policy, []
    for _ in range(2):
        env = make_vector_env("bnpo/HockeyReacher-v0", 12, threads=0, episode_steps=40)
        outcomes.append(play_matches(env.unwrapped, policy, [None, policy, policy], 4))
        env.close()
    assert [sum(match) for match in outcomes[0]] == [4, 4, 4]
    assert outcomes[0] == outcomes[1]
    one.close()


@pytest.mark.parametrize("memory", [None, 4])
def test_a_resumed_run_has_the_same_bits(memory: int | None) -> None:
    """In the middle of games, with a league, through the bytes of a checkpoint."""
    straight, other = (trainer(agent__networks__memory=memory) for _ in range(2))
    for _ in range(83):
        straight.step()
    buffer = io.BytesIO()
    torch.save(straight.state_dict(), buffer)
    buffer.seek(0)
    other.load_state_dict(torch.load(buffer, weights_only=False))
    for one in (straight, other):
        state = torch.get_rng_state()
        for _ in range(60):
            one.step()
        torch.set_rng_state(state)
    ours, theirs = straight.agent.actor.state_dict(), other.agent.actor.state_dict()
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name])
    first, second = wrapped(straight), wrapped(other)
    np.testing.assert_array_equal(first.observe(), second.observe())
    np.testing.assert_array_equal(first.opponents.assigned, second.opponents.assigned)
    np.testing.assert_array_equal(first.opponents.league.wins, second.opponents.league.wins)
    for one in (straight, other):
        one.close()


def test_a_past_self_of_other_networks_is_refused() -> None:
    small, large = trainer(), trainer(agent__networks__actor_hidden=[9])
    for _ in range(3):
        small.step()
    with pytest.raises(ValueError, match="the past self of step 0 has another actor than the"):
        wrapped(large).opponents.load_state_dict(wrapped(small).opponents.state_dict())
    for one in (small, large):
        one.close()


@pytest.mark.parametrize("task", ["goal_reacher", "hockey_goal_reacher"])
def test_tasks_without_two_sides_are_refused(task: str) -> None:
    config = compose(["self_play", task], {"threads": 1})
    agent, train_config = build_agent(config), build_train_config(config)
    with pytest.raises(ConfigError, match=r"opponents on bnpo/\w+-v0, which is no game"):
        Trainer(agent, train_config, progress_bar=False)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"pool_size": 0}, "OpponentConfig.pool_size = 0 with past_share = 0.2: allowed is"),
        ({"past_share": 1.5}, "OpponentConfig.past_share = 1.5"),
        ({"interval": 0}, "OpponentConfig.interval = 0"),
        ({"draw": "worst"}, "OpponentConfig.draw = 'worst'"),
    ],
)
def test_bad_opponents_are_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        OpponentConfig(**fields)


def test_newest_alone_needs_no_league() -> None:
    assert OpponentConfig(pool_size=0, past_share=0.0).pool_size == 0


@pytest.mark.parametrize("field", [{"rollouts": "ray"}, {"overlap": "free"}])
def test_self_play_is_stepped_by_the_trainer_alone(field: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="with opponents: allowed is"):
        TrainConfig(opponents=OpponentConfig(), **field)


@pytest.mark.slow
def test_against_itself_it_learns_to_beat_the_scripted_player() -> None:
    """Within a quarter of its steps; the games of its early selves have taught it to attack."""
    config = compose(["self_play", "hockey_reacher"], {"seed": 0, "total_steps": 3_000_000})
    one = Trainer(build_agent(config), build_train_config(config), progress_bar=False)
    history = one.run()
    env = make_vector_env(config["env"], 200)
    (match,) = play_matches(env.unwrapped, one.agent.policy, [None], 200)
    assert match.won > 2 * match.lost
    ratings = [record.brains["opponents"]["elo"] for record in history]
    assert ratings[-1] > ratings[0] + 100.0
    env.close()
    one.close()
