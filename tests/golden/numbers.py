"""Golden numbers: what four presets compute in 300 vector steps on the goal Reacher.

``make golden`` writes them anew; a change that is meant to move no number must not need it.

Bits depend on the processor and on the build of torch, so each set of hashes lies under the name of
the machine that computed them. On a machine without a set of its own the figures (norms, means,
returns) are compared instead, within the tolerance that rounding leaves after 300 steps.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bnpo.compose.composition import compose
from bnpo.presets import build_agent, build_train_config
from bnpo.training import Trainer

PRESETS = ("bpo", "ppo", "trpo", "bpo_ir")
FILE = Path(__file__).with_name("numbers.json")
UPDATES: dict[str, Any] = {
    "seed": 0,
    "total_steps": 2_400,  # 300 steps of each of the eight environments
    "eval_interval": 1_200,
    "eval_episodes": 8,
    "agent.warmup_steps": 400,
    "threads": 1,
    "agent.compile": "off",  # whose bits would also depend on the compiler
}


def machine() -> str:
    """Name of what decides the bits: processor, its vector instructions, build of torch."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    model = next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), ""
    )
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{model or platform.processor()}, {capability}, torch {torch.__version__}"


def compute(preset: str) -> dict[str, dict[str, Any]]:
    """Train a preset; return hashes and figures of parameters, replay and history."""
    config = compose([preset, "goal_reacher"], UPDATES)
    torch.set_num_threads(1)
    trainer = Trainer(build_agent(config), build_train_config(config), progress_bar=False)
    try:
        history = trainer.run()
        agent = trainer.agent
        assert agent.replay is not None
        networks = {"encoder": agent.encoder, "actor": agent.actor}
        for kind in ("critics", "target_actors", "target_critics"):
            networks |= {f"{kind}.{i}": one for i, one in enumerate(getattr(agent, kind))}
        parameters = {
            f"{title}.{name}": tensor
            for title, network in networks.items()
            for name, tensor in network.state_dict().items()
        }
        replay = dict(_tensors(agent.replay.state_dict()))
        records = [_plain(record.row()) for record in history]
    finally:
        trainer.close()
    return {
        "hashes": {
            "parameters": _hash(parameters),
            "replay": _hash(replay),
            "history": hashlib.sha256(json.dumps(records).encode()).hexdigest(),
        },
        "figures": {
            "norms": {
                title: float(
                    torch.stack(
                        [t.double().norm() for n, t in parameters.items() if n.startswith(title)]
                    ).norm()
                )
                for title in networks
            },
            "mean_return": [record["mean_return"] for record in records],
            "gradient_steps": [record["gradient_steps"] for record in records],
        },
    }


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in sorted(row.items()) if name != "wall_s"}


def _tensors(state: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """Every tensor of nested dictionaries and sequences, with its path."""
    if isinstance(state, Tensor):
        yield path, state
    elif isinstance(state, Mapping):
        for name in sorted(state):
            yield from _tensors(state[name], f"{path}.{name}")
    elif isinstance(state, list | tuple):
        for index, value in enumerate(state):
            yield from _tensors(value, f"{path}.{index}")


def _hash(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over the contents, whatever their names: a renaming moves no number."""
    contents = (t.detach().cpu().contiguous().numpy().tobytes() for t in tensors.values())
    digests = sorted(hashlib.sha256(content).digest() for content in contents)
    return hashlib.sha256(b"".join(digests)).hexdigest()


def read() -> dict[str, Any]:
    """Return what is on file."""
    content: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return content


def main() -> None:
    """Write the numbers of this machine, and the figures, anew."""
    computed = {preset: compute(preset) for preset in PRESETS}
    here = {preset: numbers["hashes"] for preset, numbers in computed.items()}
    figures = {preset: numbers["figures"] for preset, numbers in computed.items()}
    before = read() if FILE.exists() else {"hashes": {}, "figures": None}
    # New figures mean new numbers, which the sets of other machines do not know.
    others = before["hashes"] if before["figures"] == figures else {}
    content = {"figures": figures, "hashes": {**others, machine(): here}}
    FILE.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
