"""PPO: the six cases of the clip, the score function at ratio one, the advantage."""

import math

import pytest
import torch

from bnpo.brains import PPO
from bnpo.brains.losses import clip_fraction, clipped_surrogate


@pytest.mark.parametrize(
    ("ratio", "advantage", "has_gradient"),
    [
        (1.0, 1.0, True),  # inside, A > 0
        (1.0, -1.0, True),  # inside, A < 0
        (0.5, 1.0, True),  # below, A > 0: worse than before, not clipped
        (0.5, -1.0, False),  # below, A < 0: already less likely, clipped
        (1.5, 1.0, False),  # above, A > 0: already more likely, clipped
        (1.5, -1.0, True),  # above, A < 0: worse than before, not clipped
    ],
)
def test_six_cases_of_the_clip(ratio: float, advantage: float, has_gradient: bool) -> None:
    log_ratio = torch.tensor([math.log(ratio)], requires_grad=True)
    value = clipped_surrogate(log_ratio, torch.tensor([advantage]), 0.2)
    value.sum().backward()
    # d(rho A)/d log rho = rho A
    expected = ratio * advantage if has_gradient else 0.0
    torch.testing.assert_close(log_ratio.grad, torch.tensor([expected]))


def test_clip_fraction_counts_what_lies_outside() -> None:
    ratios = torch.tensor([0.5, 0.9, 1.0, 1.1, 1.5]).log()
    assert clip_fraction(ratios, 0.2).item() == pytest.approx(2 / 5)


def test_at_ratio_one_the_gradient_is_the_score_function(make_brain, make_batch) -> None:
    """d mean(rho A) = mean(A d log pi); mu = tanh(z), so d log pi/dz = (a - mu)/s^2 (1 - mu^2)."""
    brain = make_brain(PPO(normalize_advantage=False), dtype=torch.float64)
    batch = make_batch(brain.networks)
    brain.actor_step.optimizer.optimizer.param_groups[0]["lr"] = 0.0
    y = brain.td_target(batch, brain.networks.target_actor).sum(-1)
    features = brain.networks.encoder(batch.observation, batch.goal)
    with torch.no_grad():
        baseline = brain.networks.critic.value(features, batch.mu, batch.sigma).sum(-1)
        score = (batch.action - batch.mu) / batch.sigma**2 * (1 - batch.mu**2)
        expected = ((y - baseline)[:, None] * score).mean(0)
    brain.take(batch)
    torch.testing.assert_close(-brain.networks.actor.head.bias.grad, expected)


def test_the_first_minibatch_on_the_own_rollout_has_ratio_one(make_brain, make_batch) -> None:
    brain = make_brain(PPO())
    info = brain.take(make_batch(brain.networks)).info
    assert info["clip_fraction"].item() == 0
    assert abs(info["approximate_kl"].item()) < 1e-6


def test_the_log_ratio_is_bounded(make_brain, make_batch) -> None:
    brain = make_brain(PPO())
    batch = make_batch(brain.networks)
    far = batch.replace(proximal_log_prob=batch.proximal_log_prob - 1e4)
    brain.take(far)
    assert all(torch.isfinite(p).all() for p in brain.networks.actor.parameters())


def test_decoupled_weight_is_truncated(make_brain, make_batch) -> None:
    """With advantage off the clip, a sample weighs min(pi_prox / pi_b, 2)."""
    gradients = []
    for shift in (0.0, math.log(2.0), 50.0):
        brain = make_brain(PPO(decouple=2.0, normalize_advantage=False))
        batch = make_batch(brain.networks)
        batch = batch.replace(behaviour_log_prob=batch.proximal_log_prob - shift)
        brain.take(batch)
        gradients.append(brain.networks.actor.head.bias.grad.clone())
    torch.testing.assert_close(gradients[1], 2 * gradients[0])
    torch.testing.assert_close(gradients[2], 2 * gradients[0])


def test_entropy_bonus_widens_sigma(make_brain, make_batch) -> None:
    brain = make_brain(PPO(entropy=100.0))
    before = brain.networks.actor.sigma_bias.clone()
    brain.take(make_batch(brain.networks))
    assert (brain.networks.actor.sigma_bias > before).all()
