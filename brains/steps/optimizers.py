"""How the actor takes a step along an objective: an Adam step, or a natural-gradient step.

Both take the same two functions, so that any rule may be given to either: PPO's surrogate handed
to the natural step is TRPO, the pathwise objective handed to it is the N of BNPO.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol, Self

import torch
from torch import Tensor, nn

from bnpo.brains.rule import Info

__all__ = ["ActorStep", "Adam", "GradientStep", "descend"]

Objective = Callable[[], Tensor]
"""Mean objective of a minibatch at the parameters of the moment, a scalar with gradient."""

Policy = Callable[[], tuple[Tensor, Tensor]]
"""(mu, sigma), both [B, A], of the minibatch at the parameters of the moment."""


class ActorStep(Protocol):
    """Moves the actor's parameters so that an objective grows."""

    def ascend(self, objective: Objective, policy: Policy) -> Info:
        """Take one step; return scalars for the log."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that decides the next step."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""


class _State(NamedTuple):
    """Parameters and Adam's numbers about them, side by side."""

    parameters: list[Tensor]
    others: list[Tensor]
    """Parameters of the group that had no gradient"""

    means: list[Tensor]
    squares: list[Tensor]
    taken: Tensor
    """[K], steps taken"""

    steps: list[Tensor]
    """The same, each as a view"""

    @classmethod
    def of(cls, parameters: list[Tensor], others: list[Tensor], state: dict[Tensor, Any]) -> Self:
        """Take what an optimizer keeps of the parameters; its step counts become one tensor."""
        taken = torch.stack([state[p]["step"] for p in parameters])
        steps = list(taken.unbind())
        for parameter, step in zip(parameters, steps, strict=True):
            state[parameter]["step"] = step
        means, squares = ([state[p][key] for p in parameters] for key in ("exp_avg", "exp_avg_sq"))
        return cls(parameters, others, means, squares, taken, steps)

    def gradients(self) -> list[Tensor] | None:
        """Gradients of the parameters; None where others have one than before."""
        found = [p.grad for p in self.parameters if p.grad is not None]
        same = len(found) == len(self.parameters) and all(p.grad is None for p in self.others)
        return found if same else None


class Adam(torch.optim.Adam):
    """Fused Adam (Kingma and Ba 2015) that looks its state up once instead of at every step."""

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float) -> None:
        """Step on these parameters with this learning rate."""
        super().__init__(parameters, lr=lr, fused=True)
        self._known: _State | None = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over a state, also a loaded one, and forget what was known of the last."""
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._known = None

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take one step along the parameters' ``grad``; those without one stay as they are."""
        (group,) = self.param_groups
        known = self._known
        gradients = None if known is None else known.gradients()
        if known is None or gradients is None:
            super().step()
            moved = [parameter for parameter in group["params"] if parameter.grad is not None]
            others = [parameter for parameter in group["params"] if parameter.grad is None]
            self._known = _State.of(moved, others, self.state) if moved else None
            return
        beta1, beta2 = group["betas"]
        known.taken.add_(1)
        torch._fused_adam_(
            known.parameters,
            gradients,
            known.means,
            known.squares,
            [],
            known.steps,
            amsgrad=False,
            lr=group["lr"],
            beta1=beta1,
            beta2=beta2,
            weight_decay=0.0,
            eps=group["eps"],
            maximize=False,
        )

    step.hooked = True  # type: ignore[attr-defined]  # torch would wrap it for its profiler


def descend(
    parameters: Sequence[nn.Parameter],
    gradients: Sequence[Tensor | None],
    optimizer: torch.optim.Optimizer,
    clip_norm: float | None,
) -> Tensor | None:
    """Step against gradients; return their norm before clipping, None where it is not bounded."""
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    norm = nn.utils.clip_grad_norm_(parameters, clip_norm) if clip_norm is not None else None
    optimizer.step()
    return norm


class GradientStep:
    """One Adam step (Kingma and Ba 2015)."""

    def __init__(
        self, parameters: Sequence[nn.Parameter], lr: float, clip_norm: float | None = None
    ) -> None:
        """Step on these parameters.

        Args:
            parameters: what to move
            lr: learning rate
            clip_norm: bound on the gradient's norm

        """
        self.parameters = [p for p in parameters if p.requires_grad]
        self.clip_norm = clip_norm
        self.optimizer = Adam(self.parameters, lr)

    def ascend(self, objective: Objective, policy: Policy) -> Info:
        """Take one Adam step up the objective."""
        return self.descend(torch.autograd.grad(-objective(), self.parameters, allow_unused=True))

    def descend(self, gradients: Sequence[Tensor | None]) -> Info:
        """Take one Adam step against gradients, one for each parameter."""
        norm = descend(self.parameters, gradients, self.optimizer, self.clip_norm)
        return {} if norm is None else {"actor_gradient_norm": norm}

    def state_dict(self) -> dict[str, Any]:
        """Adam's moments and step count."""
        return self.optimizer.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from saved moments."""
        self.optimizer.load_state_dict(state)
