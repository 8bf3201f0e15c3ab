"""The closed form of DDPG's step is what automatic differentiation finds."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from bnpo.brains import DDPG, GradientStep
from bnpo.brains.steps.closed_form import MeanClimb
from bnpo.compose import compose
from bnpo.config import NetworkConfig
from bnpo.networks import Actor, Critic
from bnpo.presets import PRESETS, build_agent, build_train_config
from bnpo.training import Trainer
from bnpo.types import TaskSpec
from tests.experiment.preset_tasks import task_of

SPEC = TaskSpec(
    env_id="toy", observation_dim=4, goal_dim=2, action_low=(-1.0, -2.0), action_high=(1.0, 5.0)
)


class _Recorder(GradientStep):
    """Keeps gradients instead of following them."""

    found: tuple[Tensor | None, ...] = ()

    def descend(self, gradients: Any) -> dict[str, Tensor]:
        self.found = tuple(gradients)
        return {}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "fields",
    [
        {"critics": 1, "sigma": "fixed"},
        {"critics": 3, "reduce": "min", "sigma": "state"},
        {"critics": 2, "reduce": "mean", "layer_norm": True},
        {"critics": 1, "actor_hidden": (), "critic_hidden": ()},
    ],
)
@pytest.mark.parametrize("rule", [DDPG(mean_only=True), DDPG(mean_only=True, action_l2=0.1)])
def test_gradients_are_those_of_automatic_differentiation(
    rule: DDPG, fields: dict[str, Any], weighted: bool
) -> None:
    torch.manual_seed(0)
    config = NetworkConfig(**{"actor_hidden": (16, 8), "critic_hidden": (16, 8), **fields})
    actor, critic = Actor(6, SPEC, config).double(), Critic(6, SPEC, config).double()
    with torch.no_grad():
        actor.head.weight.mul_(10)
    features = torch.randn(37, 6, dtype=torch.float64)
    weight = torch.rand(37, dtype=torch.float64) if weighted else None

    mu, sigma, raw = actor.heads(features)
    value = critic.value(features, mu, sigma.detach()).sum(-1)
    value = value - rule.action_l2 * raw.square().mean(-1)
    objective = (value if weight is None else weight * value).mean()
    parameters = list(actor.parameters())
    expected: list[Any] = [*torch.autograd.grad(-objective, parameters, allow_unused=True)]

    step = _Recorder(parameters, 1e-3)
    climb = MeanClimb.of(rule, actor, critic, step, point=False)
    assert climb is not None
    minibatch = SimpleNamespace(features=features, policy=climb.look(features), weight=weight)
    climb(cast(Any, minibatch), lambda _: (value, {}))
    for own, other in zip(step.found, expected, strict=True):
        if other is None:
            assert own is None
        else:
            torch.testing.assert_close(own, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    "rule", [DDPG(), DDPG(mean_only=True, clip=0.2), DDPG(mean_only=True, entropy=0.1)]
)
def test_what_also_moves_sigma_or_weighs_samples_is_left_to_it(rule: DDPG) -> None:
    config = NetworkConfig()
    actor, critic = Actor(6, SPEC, config), Critic(6, SPEC, config)
    step = GradientStep(list(actor.parameters()), 1e-3)
    assert MeanClimb.of(rule, actor, critic, step, point=False) is None


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_moves_alike_without_it(preset: str) -> None:
    """Parameters after three turns in double precision: rounding alone may differ."""
    parameters: list[list[Tensor]] = []
    for closed, compile_steps in ((False, "off"), (True, "off"), (True, "auto")):
        updates = {
            "seed": 3,
            "agent.closed_form": closed,
            "agent.compile": compile_steps,
            "agent.dtype": "float64",
            "agent.warmup_steps": 0,
            "threads": 1,
        }
        config = compose([preset, task_of(preset)], updates)
        for brain in config["brains"].values():
            brain["learning_repeat"] = 2 * brain["optim_epochs"]
            brain["learning_delay"] = min(brain["learning_delay"], 50)
            if isinstance(brain["rule"], dict) and brain["rule"]["name"] == "gps":
                brain["rule"]["guidance"] = {"plans": 8, "samples": 1, "fit_steps": 5}
            if brain["batch_size"] not in ("rollout", 256):
                sizes = ("batch_size", "optim_pool_size", "optim_batch_size")
                brain.update(dict.fromkeys(sizes, 400))
        agent = build_agent(config)
        if compile_steps == "auto" and all(brain.steps is brain.step for brain in agent.brains):
            break  # nothing is compiled
        trainer = Trainer(agent, build_train_config(config), progress_bar=False)
        for _ in range(150):
            trainer.step()
        trainer.close()
        networks = [agent.actor, *agent.critics, *agent.target_actors, *agent.target_critics]
        parameters.append([p.detach() for network in networks for p in network.parameters()])
        assert agent.gradient_steps > 0
    expected, *others = parameters
    for other in others:
        for one, own in zip(expected, other, strict=True):
            torch.testing.assert_close(one, own, rtol=0.0, atol=1e-6)


def test_an_optimizer_loads_no_compiler() -> None:
    code = """
import sys, torch
from bnpo.brains.steps.optimizers import LeanAdam
weight = torch.nn.Parameter(torch.ones(3))
optimizer = LeanAdam([weight], 0.1)
for _ in range(2):
    weight.grad = torch.ones(3)
    optimizer.step()
optimizer.load_state_dict(optimizer.state_dict())
print("torch._dynamo" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
