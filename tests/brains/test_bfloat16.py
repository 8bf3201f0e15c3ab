"""Products in bfloat16: how near the gradients of compiled steps are."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bnpo.brains.steps.compiled import Matmul, compiled
from bnpo.compiling import processor_has
from tests.brains.test_compiled import make_draw, make_step, needs_compiler

needs_bfloat16 = pytest.mark.skipif(
    not processor_has("avx512_bf16"), reason="the processor has no AVX512-BF16"
)


def gradient_of(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])


@needs_compiler
@needs_bfloat16
@pytest.mark.parametrize("widths", [(128, 96), (70, 64), (66, 130)])
def test_products_in_bfloat16_are_as_near_as_it_rounds(widths: tuple[int, int]) -> None:
    """A factor in bfloat16 has eight bits: it is off by 2^-9 = 0.2 % at most, 0.1 % on average.

    So is what a unit sums up, which opens or closes one ReLU in a thousand: those whose input lies
    that near to zero, where a standard normal one has density 0.4. A gradient of which one
    thousandth is another is off by sqrt(0.001) = 3 % of its norm.
    """
    fields: dict[str, Any] = {
        "dtype": torch.float32,
        "actor_hidden": widths,
        "critic_hidden": widths,
    }
    one, other = make_step(**fields), make_step(**fields)
    draw = make_draw(one)._replace(size=64, steps=1)
    kinds: list[Matmul] = ["float32", "bfloat16"]
    for step, matmul in zip((one, other), kinds, strict=True):
        several = compiled(step, "on", matmul)
        assert several is not None
        (learnt,) = several.take_each(draw, [step.networks.target_actor], False, 0)
        assert torch.isfinite(learnt.error).all()
    pairs = zip(*((s.networks.actor, s.networks.critic) for s in (other, one)), strict=True)
    for rounded, exact in pairs:
        own, theirs = gradient_of(rounded), gradient_of(exact)
        error = float((own - theirs).norm() / theirs.norm())
        assert 1e-4 < error < 0.05  # rounded, and no more than that
