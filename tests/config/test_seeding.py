"""Every purpose has random numbers of its own."""

from __future__ import annotations

from bnpo import seeding


def test_no_two_streams_share_a_number() -> None:
    """Hundred brains, which take the numbers from BRAINS on, are between two others as well."""
    streams = {
        name: number
        for name in seeding.__all__
        if isinstance(number := getattr(seeding, name), int) and name != "EVALUATION_SEED"
    }
    assert len(streams) >= 10
    numbers = sorted([*streams.values(), *range(seeding.BRAINS + 1, seeding.BRAINS + 100)])
    assert len(set(numbers)) == len(numbers), streams
