"""When steps are compiled, where what was compiled lies, and what is said where that fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from bnpo import compiling
from bnpo.brains import DDPG
from bnpo.brains.entropy import EntropyBonus
from bnpo.brains.steps.compiled import compiled
from bnpo.brains.steps.native import build
from bnpo.config import AgentConfig, NetworkConfig
from bnpo.errors import ConfigError
from tests.brains.test_compiled import make_step, needs_compiler


@pytest.mark.parametrize(
    "fields",
    [
        {"rule": DDPG(), "point": False},  # climbs by its scale, too
        {"rule": DDPG(mean_only=True, clip=0.2)},
        {"rule": DDPG(mean_only=True, entropy=EntropyBonus(coefficient=0.1))},
        {"regress": "learning"},
        {"regress": "interpolate"},
    ],
)
def test_steps_without_a_closed_form_are_taken_one_by_one(fields: dict[str, Any]) -> None:
    assert compiled(make_step(**fields), "auto") is None


def test_off_means_off() -> None:
    assert compiled(make_step(), "off") is None


@pytest.fixture
def no_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return monkeypatch


@pytest.mark.parametrize("compiler", ["no-such-compiler", "false"])
def test_without_a_compiler_on_says_what_to_set(
    compiler: str, no_cache: pytest.MonkeyPatch
) -> None:
    no_cache.setenv("CXX", compiler)
    assert compiled(make_step(), "auto") is None
    with pytest.raises(ConfigError, match=r"AgentConfig\.compile = 'on'.*CXX.*'off'") as caught:
        compiled(make_step(), "on")
    assert "\n" not in str(caught.value)


@needs_compiler
def test_a_cache_that_cannot_be_written_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert compiled(make_step(), "auto") is None
    with pytest.raises(ConfigError, match="XDG_CACHE_HOME"):
        compiled(make_step(), "on")


@pytest.mark.slow
@needs_compiler
def test_what_is_compiled_is_found_again(no_cache: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = compiling.compile_seconds()
    assert build.library(torch.float32) is not None
    assert compiling.compile_seconds() > before
    (file,) = (tmp_path / "bnpo").iterdir()
    assert file.suffix == ".so"


def test_a_processor_without_bfloat16_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "processor_has", lambda _: False)
    with pytest.raises(ConfigError, match=r"matmul = 'bfloat16'.*AVX512-BF16.*'float32'") as caught:
        compiled(make_step(dtype=torch.float32), "auto", "bfloat16")
    assert "\n" not in str(caught.value)


def test_bfloat16_is_refused_where_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "processor_has", lambda _: True)
    with pytest.raises(ConfigError, match=r"matmul = 'bfloat16' with a brain whose steps are not"):
        compiled(make_step(rule=DDPG(), point=False, dtype=torch.float32), "auto", "bfloat16")
    wide = NetworkConfig(matmul="bfloat16")
    for fields in ({"compile": "off"}, {"closed_form": False}, {"dtype": "float64"}):
        with pytest.raises(ConfigError, match=r"matmul = 'bfloat16' with compile = "):
            AgentConfig(networks=wide, **fields)


def test_bfloat16_is_refused_without_a_compiler(no_cache: pytest.MonkeyPatch) -> None:
    no_cache.setattr(compiling, "processor_has", lambda _: True)
    no_cache.setenv("CXX", "no-such-compiler")
    with pytest.raises(ConfigError, match=r"matmul = 'bfloat16' where nothing can be compiled"):
        compiled(make_step(dtype=torch.float32), "auto", "bfloat16")


def test_compile_on_needs_closed_forms() -> None:
    with pytest.raises(ConfigError, match=r"compile = 'on' with closed_form = False"):
        AgentConfig(compile="on", closed_form=False)
