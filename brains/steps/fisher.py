"""Products with the Fisher matrix of a diagonal Normal policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.overrides import TorchFunctionMode

__all__ = ["fisher_vector_product", "flatten"]

MOST_COLUMNS = 12
"""Largest number of output columns for which the fast path is used: beyond it plain automatic
differentiation is faster."""

Product = Callable[[Tensor], Tensor]


def fisher_vector_product(
    policy: Callable[[], tuple[Tensor, Tensor]], parameters: Sequence[nn.Parameter]
) -> tuple[Product, tuple[Tensor, Tensor]]:
    """Return v -> F v, F the Fisher matrix averaged over a minibatch, and (μ, σ) without gradient.

    F = Jᵀ M J / B with J the Jacobian of (μ, σ) and M = diag(1/σ², 2/σ²): one product with J and
    one with its transpose, no Hessian.

    Args:
        policy: (μ, σ), both [B, A], of the minibatch; each row a function of its own input row
        parameters: θ, joined to one vector [P]

    """
    with _LinearCalls() as recorded:
        mu, sigma = policy()
    outputs = torch.cat((mu, sigma), -1)
    with torch.no_grad():
        inverse = sigma.detach().square().reciprocal()
        metric = torch.cat((inverse, 2.0 * inverse), -1) / len(mu)
    jacobian = _Jacobian(outputs, _columns(mu, sigma, recorded.calls), recorded.calls, parameters)

    def product(v: Tensor) -> Tensor:
        return jacobian.pull(metric * jacobian.push(v))

    return product, (mu.detach(), sigma.detach())


class _Linear(NamedTuple):
    """A linear layer at work: output = input weightᵀ + bias."""

    input: Tensor
    weight: Tensor
    bias: Tensor | None
    output: GradientEdge
    """Where the layer's output stands in the graph, whatever is done to it in place"""


class _LinearCalls(TorchFunctionMode):
    """Records the linear layers that are applied to matrices."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[_Linear] = []

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        if func is nn.functional.linear and args[0].ndim == 2 and output.requires_grad:
            bias = args[2] if len(args) > 2 else (kwargs or {}).get("bias")
            edge = get_gradient_edge(output)
            self.calls.append(_Linear(args[0].detach(), args[1], bias, edge))
        return output


def _columns(mu: Tensor, sigma: Tensor, calls: list[_Linear]) -> list[int]:
    """Return the columns of (μ, σ) that depend on a linear layer."""
    columns: list[int] = []
    for offset, part in ((0, mu), (mu.shape[1], sigma)):
        if part.requires_grad and calls:
            ends = [call.output for call in calls]
            gradients = torch.autograd.grad(part.sum(), ends, retain_graph=True, allow_unused=True)
            if any(gradient is not None for gradient in gradients):
                columns += range(offset, offset + part.shape[1])
    return columns


class _Jacobian:
    """Products with the Jacobian J [B K, P] of outputs [B, K].

    A linear layer's part is d output_bk = Σ_w g_bkw (input_b dWᵀ + db)_w, with the signal g found
    once: a product costs one multiplication by the layer's matrix, where automatic differentiation
    takes two. What is no linear layer, and all of it where the outputs are many, is left to
    automatic differentiation, where Jv is the derivative of the linear u -> Jᵀu.
    """

    def __init__(
        self,
        outputs: Tensor,
        columns: list[int],
        calls: list[_Linear],
        parameters: Sequence[nn.Parameter],
    ) -> None:
        self.outputs, self.parameters = outputs, parameters
        self.columns = columns
        wanted = {id(parameter) for parameter in parameters}
        few = len(columns) <= MOST_COLUMNS
        self.calls = [call for call in calls if few and id(call.weight) in wanted]
        self.signals = self._signals()
        own = {id(p) for call in self.calls for p in (call.weight, call.bias)}
        self.rest = [parameter for parameter in parameters if id(parameter) not in own]
        self.probe = torch.zeros_like(outputs, requires_grad=True)
        self.pulled = self._pull_rest(self.probe, create_graph=True)

    def _signals(self) -> list[Tensor]:
        """Return derivative of every column by the output of every recorded layer, [K, B, W]."""
        if not self.calls:
            return []
        ends = [call.output for call in self.calls]
        gradients = [
            torch.autograd.grad(
                self.outputs[:, k].sum(), ends, retain_graph=True, allow_unused=True
            )
            for k in self.columns
        ]
        signals = []
        for call, columns in zip(self.calls, zip(*gradients, strict=True), strict=True):
            nothing = call.input.new_zeros(len(call.input), len(call.weight))
            signals.append(torch.stack([nothing if g is None else g for g in columns]))
        return signals

    def _pull_rest(self, u: Tensor, *, create_graph: bool = False) -> Tensor | None:
        if not self.rest:
            return None
        pulled = torch.autograd.grad(
            self.outputs,
            self.rest,
            u,
            retain_graph=True,
            create_graph=create_graph,
            allow_unused=True,
        )
        return flatten(pulled, self.rest)

    def push(self, v: Tensor) -> Tensor:
        """Return the product J v, [B, K], of a vector v [P]."""
        parts = dict(zip(map(id, self.parameters), self._split(v), strict=True))
        if self.pulled is not None and self.pulled.requires_grad:
            rest = torch.cat([parts[id(p)].reshape(-1) for p in self.rest])
            (pushed,) = torch.autograd.grad(self.pulled, self.probe, rest, retain_graph=True)
        else:
            pushed = torch.zeros_like(self.outputs)
        for call, signal in zip(self.calls, self.signals, strict=True):
            moved = call.input @ parts[id(call.weight)].T
            if call.bias is not None:
                moved += parts[id(call.bias)]
            for k, by_layer in zip(self.columns, signal, strict=True):
                pushed[:, k] += (by_layer * moved).sum(1)
        return pushed

    def pull(self, u: Tensor) -> Tensor:
        """Return the product Jᵀ u, [P], of a vector u [B, K]."""
        pulled = {id(p): torch.zeros_like(p) for p in self.parameters}
        rest = self._pull_rest(u)
        if rest is not None:
            offset = 0
            for parameter in self.rest:
                size = parameter.numel()
                pulled[id(parameter)] = rest[offset : offset + size].view_as(parameter)
                offset += size
        for call, signal in zip(self.calls, self.signals, strict=True):
            back = torch.zeros_like(signal[0])  # [B, W]
            for k, by_layer in zip(self.columns, signal, strict=True):
                back.addcmul_(u[:, k, None], by_layer)
            pulled[id(call.weight)].addmm_(back.T, call.input)
            if call.bias is not None:
                pulled[id(call.bias)] += back.sum(0)
        return torch.cat([pulled[id(p)].reshape(-1) for p in self.parameters])

    def _split(self, v: Tensor) -> list[Tensor]:
        sizes = [parameter.numel() for parameter in self.parameters]
        pieces = v.split(sizes)
        return [piece.view_as(p) for piece, p in zip(pieces, self.parameters, strict=True)]


def flatten(gradients: Sequence[Tensor | None], parameters: Sequence[nn.Parameter]) -> Tensor:
    """Join gradients to one vector [P]; zeros where a parameter is not used."""
    return torch.cat(
        [
            (torch.zeros_like(parameter) if gradient is None else gradient).reshape(-1)
            for gradient, parameter in zip(gradients, parameters, strict=True)
        ]
    )
