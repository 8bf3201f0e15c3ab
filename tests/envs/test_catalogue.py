"""The catalogue of environments."""

from bnpo.envs.catalogue import inspect, matching


def test_matching_finds_ids_whatever_their_case() -> None:
    assert matching("movingreacher") == ["bnpo/MovingReacher-v0"]
    assert "FetchPush-v4" in matching("fetchpush")
    assert matching("no such thing") == []


def test_inspect_describes_and_measures() -> None:
    entry = inspect("bnpo/GoalReacher-v0", num_envs=2, seconds=0.01)
    assert entry.spec is not None
    assert (entry.spec.observation_dim, entry.spec.goal_dim, entry.spec.action_dim) == (6, 2, 2)
    assert entry.spec.max_episode_steps == 50
    assert entry.steps_per_s is not None
    assert entry.steps_per_s > 100


def test_inspect_tells_why_an_environment_cannot_be_trained() -> None:
    entry = inspect("CartPole-v1", num_envs=1, seconds=0.01)
    assert entry.spec is None
    assert entry.reason is not None
    assert "Discrete(2)" in entry.reason
