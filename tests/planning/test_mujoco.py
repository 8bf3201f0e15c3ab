"""iLQR on MuJoCo models: linearisation against MuJoCo's own, and the planar arm."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from bnpo.planning import ILQR, MujocoDynamics, Plan, linearize, plan, plan_best, reaching_cost
from tests.planning.arm import arm, tasks

BALL = """
<mujoco>
  <option timestep="0.01" integrator="Euler"/>
  <worldbody>
    <body><joint name="ball" type="ball" damping="0.1"/>
      <geom type="capsule" fromto="0 0 0 .3 .1 0" size=".03"/>
      <body pos=".3 .1 0"><joint name="hinge" axis="0 1 0"/>
        <geom type="capsule" fromto="0 0 0 .2 0 .1" size=".02"/></body></body>
  </worldbody>
  <actuator><motor joint="hinge" gear="2"/>
    <general joint="hinge" dyntype="filter" dynprm="0.1"/></actuator>
</mujoco>
"""
STEPS = 25


def test_linearisation_equals_mujocos_own() -> None:
    """A ball joint, a hinge and an actuator with a state: 4 + 1 positions, 4 velocities, 1."""
    model = mujoco.MjModel.from_xml_string(BALL)
    data = mujoco.MjData(model)
    draw = np.random.default_rng(0)
    data.qvel[:], data.act[:], data.ctrl[:] = draw.normal(size=4), 0.3, draw.normal(size=2)
    mujoco.mj_integratePos(model, data.qpos, draw.normal(size=4), 1.0)
    state = np.concatenate((data.qpos, data.qvel, data.act))[None]
    linear = linearize(MujocoDynamics(model), state, data.ctrl[None].copy())
    a, b = np.zeros((9, 9)), np.zeros((9, 2))
    mujoco.mjd_transitionFD(model, data, 1e-6, True, a, b, None, None)
    np.testing.assert_allclose(linear.state[0], np.concatenate((a, b), 1), atol=2e-4)


def test_a_shift_and_the_difference_undo_each_other() -> None:
    dynamics = MujocoDynamics(mujoco.MjModel.from_xml_string(BALL))
    draw = np.random.default_rng(1)
    here = np.zeros((5, 10))
    here[:, 0] = 1.0
    here = dynamics.shift(here, draw.normal(size=(5, 9)))
    change = 0.5 * draw.normal(size=(5, 9))
    np.testing.assert_allclose(dynamics.difference(dynamics.shift(here, change), here), change)
    np.testing.assert_allclose(np.linalg.norm(here[:, :4], axis=1), 1.0)


def test_a_step_is_the_environments_step() -> None:
    """Several physics steps under one control, clipped by the model as the environment does."""
    dynamics = arm()
    data = mujoco.MjData(dynamics.model)
    data.qpos[:], data.qvel[:], data.ctrl[:] = [0.3, -0.4], [1.0, -2.0], [0.4, -0.1]
    before = np.concatenate((data.qpos, data.qvel))[None]
    mujoco.mj_step(dynamics.model, data, 2)
    following, _ = dynamics.step(before, np.array([[0.4, -0.1]]))
    np.testing.assert_allclose(following[0], np.concatenate((data.qpos, data.qvel)), rtol=1e-12)


def test_linearisation_at_a_bound_sees_both_sides() -> None:
    inner = linearize(arm(), np.zeros((1, 4)), np.array([[0.9, -0.9]])).state
    at_bound = linearize(arm(), np.zeros((1, 4)), np.array([[1.0, -1.0]])).state
    np.testing.assert_allclose(at_bound[:, :, 4:], inner[:, :, 4:], rtol=0.05)


@pytest.fixture(scope="module", params=[0, 1, 2])
def reaching(request: pytest.FixtureRequest) -> tuple[Plan, np.ndarray]:
    start, guesses, context, target = tasks(6, STEPS, request.param)
    return plan_best(arm(), reaching_cost(1e-2, 0.05), start, guesses, context), target


def test_the_fingertip_reaches_the_target(reaching: tuple[Plan, np.ndarray]) -> None:
    plans, target = reaching
    assert np.linalg.norm(plans.output[:, -1] - target, axis=1).max() < 0.02


def test_the_cost_never_rises(reaching: tuple[Plan, np.ndarray]) -> None:
    plans, _ = reaching
    assert (np.diff(plans.cost, axis=0) <= 0).all()
    assert (plans.cost[-1] < 0.6 * plans.cost[0]).mean() > 0.5


def test_actions_stay_in_their_box_and_covariances_in_theirs(
    reaching: tuple[Plan, np.ndarray],
) -> None:
    plans, _ = reaching
    assert np.abs(plans.action).max() <= 1.0
    scale = np.sqrt(np.linalg.eigvalsh(plans.covariance))
    assert scale.min() >= 0.02 - 1e-9
    assert scale.max() <= 0.3 + 1e-9
    assert scale.min() < 0.25  # where it matters what is done, less is tried


def test_the_gains_hold_the_trajectory_against_disturbance() -> None:
    """From a start moved by 0.2 rad the controller ends nearer than the bare actions do."""
    start, guesses, context, target = tasks(8, STEPS, 3)
    dynamics = arm()
    plans = plan(dynamics, reaching_cost(1e-2, 0.05), start, guesses[0], context)
    away = {}
    for name, closed in (("open", False), ("closed", True)):
        state = start + np.array([0.2, 0.2, 0.0, 0.0])
        for t in range(STEPS):
            action = plans.mean(dynamics, t, state) if closed else plans.action[:, t]
            state, output = dynamics.step(state, action)
        away[name] = np.linalg.norm(output - target, axis=1).mean()
    assert away["closed"] < 0.4 * away["open"]


def test_many_at_once_are_what_they_are_alone() -> None:
    start, guesses, context, _ = tasks(3, 8, 4)
    guess = guesses[0]
    options, cost = ILQR(iterations=5), reaching_cost(1e-2, 0.05)
    together = plan(arm(), cost, start, guess, context, options)
    alone = plan(arm(), cost, start[1:2], guess[1:2], context[1:2], options)
    np.testing.assert_allclose(together.action[1], alone.action[0], atol=1e-9)
