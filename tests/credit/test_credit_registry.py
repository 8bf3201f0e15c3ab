"""Names of schemes, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

from bnpo.credit import GAE, HER, SCHEMES, check_scheme, resolve
from bnpo.errors import ConfigError
from bnpo.types import CreditScheme, Evaluator, Trajectories, Transitions


@pytest.mark.parametrize("name", sorted(SCHEMES))
def test_every_name_is_a_sound_scheme(name: str) -> None:
    scheme = resolve(name)
    assert isinstance(scheme, CreditScheme)
    check_scheme(scheme)
    check_scheme(name, steps=1, segments=1, reward_dim=2)
    if not scheme.needs_goals:
        check_scheme(scheme, goal_dim=0)


def test_the_names_of_the_design() -> None:
    assert {"n_step", "floating", "gae", "her", "reward_to_go", "full_return", "shifted_goals"} <= (
        SCHEMES.keys()
    )
    assert resolve("her") == HER()


def test_schemes_pass_through() -> None:
    scheme = GAE(gae_lambda=0.5)
    assert resolve(scheme) is scheme

    class Own:
        def assign(
            self, trajectories: Trajectories, segment: Tensor, time: Tensor, evaluator: Evaluator
        ) -> Transitions:
            return trajectories.n_step(segment, time, time * 0 + 1, evaluator.gamma)

    own: Any = Own()
    assert resolve(own) is own
    check_scheme(own)


@pytest.mark.parametrize(
    ("scheme", "message"),
    [
        ("hre", r"credit = 'hre': allowed is one of .*'her'.* or a scheme; did you mean 'her'\?"),
        ("zzzz", r"credit = 'zzzz': allowed is one of [^?]*$"),
        (HER, r"credit = HER, a class: allowed is an object, such as HER\(\)"),
        (3, r"credit = 3: allowed is a name or an object with a method assign"),
        (None, r"credit = None"),
    ],
)
def test_what_is_refused(scheme: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        resolve(scheme)
