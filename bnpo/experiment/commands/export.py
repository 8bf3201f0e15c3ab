"""``bnpo export``: a policy or a replay in another format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from bnpo.config import Count, config
from bnpo.errors import ConfigError, ExportError, OfflineError
from bnpo.experiment.command import Command, with_run_found

if TYPE_CHECKING:
    from bnpo.agent import Agent

__all__ = ["ExportOptions", "export"]


@config
class ExportOptions:
    """Options of ``bnpo export``."""

    run: str | int
    """Folder of the run, or its number or name among the runs."""

    format: Literal["torch_export", "onnx", "minari"] = "torch_export"
    """Kind of file: a policy as a program of torch or as ONNX, or a Minari dataset of episodes."""

    checkpoint: Literal["last", "best"] = "last"
    """Policy of the run that is exported: the last or the best one."""

    output: str | None = None
    """Folder for the file and its card; None: export in the run's folder. Not for Minari, which
    keeps its datasets in MINARI_DATASETS_PATH."""

    dataset: str | None = None
    """Name of the new Minari dataset."""

    steps: Count | None = None
    """Environment steps that the policy, with its own noise, plays for the Minari dataset; None:
    the run's replay."""

    def __post_init__(self) -> None:
        """Refuse options that the format does not know."""
        minari = self.format == "minari"
        if minari and self.dataset is None:
            raise ConfigError(
                "ExportOptions.dataset is missing: format=minari needs a name such as "
                "dataset=goal-reacher/bpo-v0"
            )
        for name in ("output",) if minari else ("dataset", "steps"):
            if getattr(self, name) is not None:
                raise ConfigError(
                    f"ExportOptions.{name} = {getattr(self, name)!r}: allowed is None with "
                    f"format={self.format}"
                )


def export(options: ExportOptions) -> float:
    """Write a run's policy as a file used without BNPO, or its replay as a Minari dataset."""
    from bnpo.interop.export import export as export_policy
    from bnpo.show.text import say, table

    if options.format == "minari":
        return _export_dataset(options)
    try:
        file, card, difference = export_policy(
            options.run, options.format, checkpoint=options.checkpoint, output=options.output
        )
    except ExportError as error:
        raise ConfigError(str(error)) from None
    remark = f"{difference:.1e} of half the action range at most, on 1,000 states"
    say(table([("policy", str(file)), ("card", str(card)), ("differs from the agent by", remark)]))
    return difference


def _export_dataset(options: ExportOptions) -> float:
    """Write a dataset of what the run's replay holds, or of what its policy plays now."""
    from bnpo.interop.offline import to_minari
    from bnpo.runs import load_agent
    from bnpo.show.text import say, table

    assert options.dataset is not None
    agent = load_agent(options.run, options.checkpoint)
    if options.steps is None:
        _load_replay(agent, options)
    folder = to_minari(agent, options.dataset, steps=options.steps)
    say(table([("dataset", options.dataset), ("folder", str(folder))]))
    return 0.0


def _load_replay(agent: Agent, options: ExportOptions) -> None:
    """Give an agent the replay of its run's checkpoint."""
    from bnpo.runs import checkpoint_path, find_run, load_run
    from bnpo.runs.checkpoint import fitting, load_checkpoint

    folder = find_run(options.run)
    path = checkpoint_path(folder, options.checkpoint)
    with fitting(path):
        replay = load_checkpoint(path)["agent"].get("replay")
    if replay is None:
        raise OfflineError(f"checkpoint {path} holds a policy alone: let it play with steps=20000")
    agent.new_replay(load_run(folder).train.num_envs)
    assert agent.replay is not None
    with fitting(path):
        agent.replay.load_state_dict(replay)


COMMAND = Command(function=export, options=ExportOptions, word="run", check=with_run_found)
