"""Running normalisation: exact statistics, each sample once, frozen until committed."""

import torch

from bnpo.networks import Normalizer


def _samples(seed: int, count: int, dim: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, dim, generator=generator) * 3 + 5


def test_statistics_are_those_of_all_samples_whatever_their_batches() -> None:
    observation, goals = _samples(0, 700, 3), _samples(1, 900, 2)
    whole, parts = Normalizer(3, 2), Normalizer(3, 2)
    whole.observe(observation, goals)
    whole.commit()
    for start in range(0, 700, 100):
        parts.observe(observation[start : start + 100], goals[start : start + 100])
        if start % 300 == 0:
            parts.commit()
    parts.observe(observation[:0].new_zeros(0, 3), goals[700:])
    parts.commit()
    joined = torch.cat((observation.mean(0), goals.mean(0)))
    torch.testing.assert_close(whole.mean, joined, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(whole.mean, parts.mean)
    torch.testing.assert_close(whole.scale, parts.scale)
    deviation = torch.cat((observation.std(0, correction=0), goals.std(0, correction=0)))
    torch.testing.assert_close(whole.scale, 1 / deviation, rtol=1e-5, atol=1e-5)


def test_nothing_changes_before_the_commit() -> None:
    normalizer = Normalizer(3, 2)
    observation, goals = _samples(2, 50, 3), _samples(3, 50, 2)
    before = normalizer(observation, goals)
    normalizer.observe(observation, goals)
    assert torch.equal(normalizer(observation, goals), before)
    normalizer.commit()
    assert not torch.equal(normalizer(observation, goals), before)


def test_each_sample_counts_once() -> None:
    normalizer = Normalizer(1, 0)
    normalizer.observe(torch.tensor([[1.0], [3.0]]), torch.empty(0, 0))
    normalizer.commit()
    normalizer.commit()
    assert normalizer.totals[0].item() == 2
    assert normalizer.mean.item() == 2


def test_inputs_are_clipped_and_disabling_leaves_them() -> None:
    far = torch.full((1, 2), 100.0)
    assert Normalizer(2, 0, clip=5.0)(far, far[:, :0]).max() == 5
    assert Normalizer(2, 0, enabled=False)(far, far[:, :0]).max() == 100
