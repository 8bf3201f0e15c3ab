"""How parameters move: by a step along an objective, or slowly after another network's.

An Adam step and a natural-gradient step take the same two functions, so that any rule may be given
to either: PPO's surrogate handed to the natural step is TRPO, the pathwise objective handed to it
is the N of BNPO.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable, Sequence
from operator import is_not
from typing import Any, NamedTuple, Protocol, Self, TypeVar

import torch
from torch import Tensor, nn

from bnpo.brains.rule import Info

__all__ = [
    "ActorOptimizer",
    "AdamState",
    "Follower",
    "GradientStep",
    "LeanAdam",
    "MakeOptimizer",
    "descend",
    "fused_adam",
    "target_of",
]

AnyNetwork = TypeVar("AnyNetwork", bound=nn.Module)

Objective = Callable[[], Tensor]
"""Mean objective of a minibatch at the parameters of the moment, a scalar with gradient."""

Policy = Callable[[], tuple[Tensor, Tensor]]
"""(mu, sigma), both [B, A], of the minibatch at the parameters of the moment."""


MakeOptimizer = Callable[[Sequence[nn.Parameter], float], torch.optim.Optimizer]
"""Makes an optimizer of parameters and learning rate."""


class ActorOptimizer(Protocol):
    """Moves the actor's parameters so that an objective grows."""

    def ascend(self, objective: Objective, policy: Policy) -> Info:
        """Take one step; return scalars for the log."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that decides the next step."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""


def fused_adam(parameters: Sequence[nn.Parameter], lr: float) -> torch.optim.Optimizer:
    """Return torch's Adam in one operation per step (Kingma and Ba 2015)."""
    return torch.optim.Adam(parameters, lr=lr, fused=True)


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
        self,
        parameters: Sequence[nn.Parameter],
        lr: float,
        clip_norm: float | None = None,
        *,
        adam: MakeOptimizer = fused_adam,
    ) -> None:
        """Step on these parameters.

        Args:
            parameters: what to move
            lr: learning rate
            clip_norm: bound on the gradient's norm
            adam: makes the optimizer of parameters and learning rate

        """
        self.parameters = [p for p in parameters if p.requires_grad]
        self.clip_norm = clip_norm
        self.optimizer = adam(self.parameters, lr)

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


def target_of(online: AnyNetwork) -> AnyNetwork:
    """Return a slow copy of a network, which never takes gradients."""
    return copy.deepcopy(online).requires_grad_(False)


class Follower:
    """A target network and what it follows: target += tau (online - target)."""

    def __init__(self, target: nn.Module, online: nn.Module, tau: float) -> None:
        """Pair the parameters of two networks of one shape."""
        self.target = [parameter.data for parameter in target.parameters()]
        self.online = [parameter.data for parameter in online.parameters()]
        self.tau = tau

    def sync(self) -> None:
        """Move the target by tau of the way (Polyak averaging)."""
        torch._foreach_lerp_(self.target, self.online, self.tau)


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
            parameters: always the same

        """
        known = self._known
        same = known is not None and len(known.parameters) == len(parameters)
        if known is None or not same or any(map(is_not, known.parameters, parameters)):
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
