"""Calls the callbacks of a run, and keeps a user's mistakes from taking the run with them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Literal

from bnpo.errors import CallbackError, ConfigError, did_you_mean, headline
from bnpo.extras import imported
from bnpo.types.callback import HOOKS, Callback, TrainingRun

__all__ = ["NAMES", "Dispatcher", "callback_of", "checked"]

_HOME = "bnpo.training.callbacks"

NAMES = {
    "early_stopping": f"{_HOME}.stopping:EarlyStopping",
    "film": f"{_HOME}.film:Film",
    "mlflow": f"{_HOME}.trackers:MLflow",
    "tensorboard": f"{_HOME}.tensorboard:TensorBoard",
    "wandb": f"{_HOME}.trackers:WandB",
}
"""Callbacks of the package by name."""


def callback_of(spec: str | dict[str, Any]) -> Any:
    """Return the callback that a configuration names.

    Args:
        spec: a name of :data:`NAMES` or module:Name, alone or as ``{"name": ..., argument: value}``

    Raises:
        ConfigError: there is none of that name, it is no callback, or it takes other arguments.

    """
    fields = dict(spec) if isinstance(spec, dict) else {"name": spec}
    name = fields.pop("name", None)
    if not isinstance(name, str) or (name not in NAMES and ":" not in name):
        hint = did_you_mean(name, NAMES)
        raise ConfigError(
            f"callbacks = {name!r}: allowed is one of {', '.join(NAMES)}, or module:Name{hint}"
        )
    callback = imported(NAMES.get(name, name), "callbacks")
    if isinstance(callback, type):
        _require_hooks(callback, name)
        try:
            callback = callback(**fields)
        except ConfigError:
            raise
        except Exception as error:  # whatever its constructor raises
            reason = headline(error)
            raise ConfigError(
                f"callbacks = {name!r} cannot be made of {fields}: {reason}"
            ) from None
    elif fields:
        raise ConfigError(f"callbacks = {name!r} is an object: allowed is its name alone")
    return checked(callback, name)


def checked(callback: Any, name: str | None = None) -> Any:
    """Return an object that has hooks of a :class:`bnpo.Callback`.

    Args:
        callback: any object
        name: how an error calls it; None: by its class

    Raises:
        ConfigError: it has no hook, or a method like one that is none.

    """
    _require_hooks(callback, name or type(callback).__name__)
    return callback


def _require_hooks(callback: Any, name: str) -> None:
    own = [one for one in dir(callback) if one.startswith("on_")]
    wrong = next((one for one in own if one not in HOOKS), None)
    if wrong is not None and callable(getattr(callback, wrong)):
        hint = did_you_mean(wrong, HOOKS)
        raise ConfigError(
            f"callbacks = {name!r} has {wrong}, which nothing calls{hint} (allowed: "
            f"{', '.join(HOOKS)})"
        )
    if not own:
        raise ConfigError(
            f"callbacks = {name!r} is no callback: allowed is a class or an object with one of "
            f"{', '.join(HOOKS)}"
        )


class Dispatcher:
    """The callbacks of a run, by hook, in their order."""

    def __init__(
        self,
        run: TrainingRun,
        own: Sequence[Callback],
        users: Sequence[Any],
        on_failure: Literal["stop", "continue"],
    ) -> None:
        """Take callbacks.

        Args:
            run: what they are called with
            own: of the package, whose exceptions pass
            users: of the user
            on_failure: what to do when one of the user's raises

        """
        self._run = run
        self._on_failure = on_failure
        self._users = [*users]
        self._hooks: dict[str, list[tuple[Any, Callable[..., None]]]] = {
            hook: [(one, getattr(one, hook)) for one in (*own, *users) if _has_own(type(one), hook)]
            for hook in HOOKS
        }

    def wants(self, hook: str) -> bool:
        """Return whether any callback has a hook."""
        return bool(self._hooks[hook])

    def call(self, hook: str, *args: Any, failing: bool = False) -> None:
        """Call a hook of all callbacks.

        Args:
            hook: its name
            *args: what it takes after the run
            failing: the run is failing already: what a user's callback raises is only told

        Raises:
            CallbackError: a user's callback raised, and that is to stop the run.

        """
        for callback, method in [*self._hooks[hook]]:
            if callback not in self._users:
                method(self._run, *args)
                continue
            try:
                method(self._run, *args)
            except Exception as error:
                self._fail(callback, hook, error, failing=failing)

    def _fail(self, callback: Any, hook: str, error: Exception, *, failing: bool) -> None:
        steps = self._run.agent.env_steps
        text = f"callback {type(callback).__name__}.{hook} at {steps:,} steps: {headline(error)}"
        if self._on_failure == "stop" and not failing:
            raise CallbackError(text) from error
        logging.getLogger("bnpo.training").warning("%s; the run goes on without it", text)
        self._users.remove(callback)
        for calls in self._hooks.values():
            calls[:] = [pair for pair in calls if pair[0] is not callback]


def _has_own(kind: type[Any], hook: str) -> bool:
    """Return whether a class has a hook that does something."""
    method = getattr(kind, hook, None)
    return method is not None and method is not getattr(Callback, hook)
