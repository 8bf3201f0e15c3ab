"""An Adam that keeps its state at hand; torch's own takes the same steps."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

__all__ = ["AdamState", "LeanAdam"]


class AdamState(NamedTuple):
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


_step_of_adam = inspect.unwrap(torch.optim.Adam.step)


class LeanAdam(torch.optim.Adam):
    """Fused Adam (Kingma and Ba 2015) that looks its state up once instead of at every step.

    What torch wraps for its compiler is taken without: the compiler alone takes as long to load as
    all the rest of torch, and no optimizer is compiled here.
    """

    add_param_group = inspect.unwrap(torch.optim.Adam.add_param_group)
    state_dict = inspect.unwrap(torch.optim.Adam.state_dict)
    load_state_dict = inspect.unwrap(torch.optim.Adam.load_state_dict)

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float) -> None:
        """Step on these parameters with this learning rate."""
        super().__init__(parameters, lr=lr, fused=True)
        self._known: AdamState | None = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over a state, also a loaded one, and forget what was known of the last."""
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._known = None

    def held(self, parameters: Sequence[nn.Parameter]) -> AdamState:
        """Return what is kept of the parameters that move, all others having no gradient.

        Args:
            parameters: in the order of the optimizer's

        """
        known = self._known
        if known is None or len(known.parameters) != len(parameters):
            moving = {id(parameter) for parameter in parameters}
            for parameter in parameters:
                if parameter not in self.state:
                    self.state[parameter] = {
                        "step": torch.zeros((), device=parameter.device),
                        "exp_avg": torch.zeros_like(parameter),
                        "exp_avg_sq": torch.zeros_like(parameter),
                    }
            (group,) = self.param_groups
            others = [one for one in group["params"] if id(one) not in moving]
            self._known = known = AdamState.of(list(parameters), others, self.state)
        return known

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take one step along the parameters' ``grad``; those without one stay as they are."""
        (group,) = self.param_groups
        known = self._known
        gradients: list[Tensor] = []
        if known is not None and all(p.grad is None for p in known.others):
            gradients = [p.grad for p in known.parameters if p.grad is not None]
        if known is None or len(gradients) < len(known.parameters):
            _step_of_adam(self)
            moved = [parameter for parameter in group["params"] if parameter.grad is not None]
            others = [parameter for parameter in group["params"] if parameter.grad is None]
            self._known = AdamState.of(moved, others, self.state) if moved else None
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
