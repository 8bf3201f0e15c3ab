"""What the compiled steps read, laid out as ``plan.h`` declares it."""

from __future__ import annotations

from ctypes import POINTER, Structure, c_double, c_ssize_t, c_void_p

__all__ = ["Actor", "Adam", "Column", "Draw", "Perceptron", "Plan"]


class Perceptron(Structure):
    """Layers of a network."""

    _fields_ = (
        ("depth", c_ssize_t),
        ("widths", c_void_p),
        ("members", c_ssize_t),
        ("by_output", c_ssize_t),
        ("normalised", c_ssize_t),
        ("parameters", c_void_p),
    )


class Adam(Structure):
    """An optimizer's numbers about the parameters that it moves."""

    _fields_ = (
        ("count", c_ssize_t),
        ("sizes", c_void_p),
        *((name, c_void_p) for name in ("parameters", "gradients", "means", "squares")),
        *((name, c_double) for name in ("taken", "lr", "beta1", "beta2", "epsilon", "clip")),
    )


class Column(Structure):
    """A column of a draw: its first number, and from row to row."""

    _fields_ = (("at", c_void_p), ("row", c_ssize_t))


class Draw(Structure):
    """Transitions."""

    _fields_ = (
        *((n, c_ssize_t) for n in ("rows", "observations", "goals", "actions", "rewards")),
        *((n, Column) for n in ("observation", "goal", "next_observation", "next_goal", "action")),
        *((n, Column) for n in ("mu", "sigma", "reward", "discount")),
        *((n, Column) for n in ("behaviour_log_prob", "proximal_log_prob", "weight")),
        ("sampler_weight", Column),
        *((name, c_void_p) for name in ("relabelled", "order")),
    )


class Actor(Structure):
    """A network, and what makes a distribution within the Box of its output."""

    _fields_ = (
        ("net", Perceptron),
        ("mode", c_ssize_t),
        ("sigma", c_void_p),
        *((name, c_double) for name in ("log_low", "log_range")),
        *((name, c_void_p) for name in ("middle", "half_range")),
        ("unit_box", c_ssize_t),
        *((name, c_void_p) for name in ("low", "high")),
    )


class Plan(Structure):
    """All of one call."""

    _fields_ = (
        ("draw", Draw),
        ("actor", Actor),
        ("target_actors", POINTER(Actor)),
        *((name, Perceptron) for name in ("critic", "target_critic")),
        *((name, Adam) for name in ("actor_adam", "critic_adam")),
        *((name, c_void_p) for name in ("shift", "scale")),
        *((name, c_double) for name in ("clip", "low", "high", "action_l2")),
        *((name, c_ssize_t) for name in ("batch", "steps", "first", "point", "regress", "least")),
        *((name, c_ssize_t) for name in ("number", "every", "surrogate")),
        *((name, c_double) for name in ("eps", "decouple", "max_log_ratio")),
        *((name, c_ssize_t) for name in ("normalize", "holds_actor")),
        *((name, c_void_p) for name in ("error", "scalars")),
    )
