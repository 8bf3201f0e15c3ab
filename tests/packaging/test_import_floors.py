"""Imports point down only: the floors, what each may see, and a check that parses every module."""

import ast
import graphlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

# One row per room, from the ground up: what it may import. A room sees rooms of rows above its own
# alone, so that imports point down and no circle can close. All imports count, those inside
# functions and under TYPE_CHECKING too.
ROOMS = {
    "errors": "",
    "version": "",
    "files": "",
    "seeding": "",
    "extras": "errors",
    "compiling": "errors",
    "types": "extras",
    "config": "errors",
    "networks": "config seeding types",
    "envs": "errors extras seeding types",
    "credit": "config errors types",
    "replay": "compiling config errors types",
    "brains": "compiling config errors networks types",
    "planning": "brains config envs errors networks replay seeding types",
    "agent": "brains compiling config credit envs errors networks planning replay seeding types",
    "presets": "extras agent brains config credit errors replay types",
    "runs": "agent config errors extras files presets types version",
    "show": "agent config envs errors files seeding types",
    "cluster": "agent config envs errors extras files replay runs seeding types",
    "interop": "agent envs errors extras files networks replay runs show types",
    "training": "agent cluster config envs errors extras files interop networks presets seeding"
    " show types",
    "compose": "agent cluster config envs errors extras interop presets replay runs training types",
    "study": "cluster compose config envs errors extras files presets runs show training types",
    "board": "compose errors extras files runs types",
    "experiment": "agent board brains compiling compose config envs errors extras files interop"
    " networks presets replay runs show study training types version",
    "": "brains compose config credit envs experiment extras interop presets replay runs show study"
    " training types version",
    "__main__": "experiment show",
}


def full(room: str) -> str:
    return f"bnpo.{room}".rstrip(".")


SEES = {full(room): {full(one) for one in sees.split()} for room, sees in ROOMS.items()}

# Who may import a library; every other room may not. Libraries without a row are free.
HEADS = {full(room) for room in [*ROOMS][[*ROOMS].index("agent") :]}
LIBRARIES = {
    "sacred": {"bnpo.experiment", "bnpo.__main__"},
    "fastapi": {"bnpo.board"},
    "uvicorn": {"bnpo.board"},
    "tqdm": HEADS,
    "matplotlib": HEADS,
    "pandas": HEADS,
    "gymnasium": HEADS | {"bnpo.envs", "bnpo.planning"},
    "gymnasium_robotics": HEADS | {"bnpo.envs"},
    "mujoco": HEADS | {"bnpo.envs", "bnpo.planning"},
}

VAGUE = {"utils", "util", "common", "misc", "helpers", "helper", "sacred"}


def room_of(module: str) -> str | None:
    """Row of the table that a module, or a name inside one, belongs to."""
    name = ".".join(module.split(".")[:2])
    return name if name in SEES else None


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and absolute name of everything imported, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield node.lineno, "." * node.level + (node.module or "")
            else:
                for alias in node.names:
                    yield node.lineno, f"{node.module}.{alias.name}"


def fault(importer: str, imported: str) -> str | None:
    """What is wrong with an import, if anything."""
    if imported.startswith("."):
        return "relative import"
    top = imported.split(".", maxsplit=1)[0]
    if top in {"credit", "replay", "brains", "tests", "benchmarks"}:
        return f"{top} is not an import name"
    if top in LIBRARIES and importer not in LIBRARIES[top]:
        return f"only {', '.join(sorted(LIBRARIES[top]))} may import {top}"
    # `from bnpo import Name` and `import bnpo` reach the namespace itself.
    target = room_of(imported) or ("bnpo" if top == "bnpo" else None)
    if target in {None, importer} or target in SEES[importer]:
        return None
    return f"{importer} may not import {target}"


def violations(modules: Mapping[str, Path]) -> list[str]:
    """Every break of the rules, as file:line: what."""
    breaks = []
    for module, path in sorted(modules.items()):
        vague = VAGUE.intersection(module.split("."))
        if vague:
            breaks.append(f"{path}: a module called {vague.pop()} says nothing")
        importer = room_of(module)
        if importer is None:
            breaks.append(f"{path}: {module} is in no room: give it a row in ROOMS")
            continue
        for line, imported in imports(ast.parse(path.read_text(encoding="utf-8"))):
            wrong = fault(importer, imported)
            if wrong:
                breaks.append(f"{path}:{line}: {wrong}")
    return breaks


def dependencies(modules: Mapping[str, Path]) -> dict[str, set[str]]:
    """Modules that each module imports."""
    graph: dict[str, set[str]] = {}
    for module, path in modules.items():
        names = [name for _, name in imports(ast.parse(path.read_text(encoding="utf-8")))]
        used = {name if name in modules else name.rpartition(".")[0] for name in names}
        graph[module] = used.intersection(modules) - {module}
    return graph


def test_imports_point_down(modules: Mapping[str, Path]) -> None:
    assert violations(modules) == []


def test_no_module_imports_itself_through_others(modules: Mapping[str, Path]) -> None:
    graphlib.TopologicalSorter(dependencies(modules)).prepare()


def test_every_row_of_the_table_exists_and_sees_rows_above_it(modules: Mapping[str, Path]) -> None:
    assert set(SEES) <= set(modules)
    rows = [*SEES]
    for index, row in enumerate(rows):
        assert SEES[row] <= set(rows[:index]), row


def test_what_a_row_sees_is_used(modules: Mapping[str, Path]) -> None:
    used: dict[str, set[str]] = {row: set() for row in SEES}
    for module, targets in dependencies(modules).items():
        home = room_of(module)
        assert home is not None
        used[home] |= {room_of(target) or "bnpo" for target in targets} - {home}
    assert used == SEES


def test_few_modules_lie_flat(modules: Mapping[str, Path]) -> None:
    flat = [path for path in modules.values() if path.parent.name == "bnpo"]
    assert len(flat) <= 8
    assert len(SEES) <= 27


@pytest.mark.parametrize(
    ("module", "line", "complaint"),
    [
        ("bnpo.credit.her", "from bnpo.replay.table import SegmentTable", "may not import"),
        ("bnpo.credit.her", "from bnpo.networks import Actor", "may not import"),
        ("bnpo.credit.her", "import bnpo.networks", "may not import"),
        ("bnpo.credit.her", "from bnpo import networks", "may not import"),
        ("bnpo.credit.her", "from bnpo import Agent", "may not import bnpo"),
        ("bnpo.replay.pool", "def f():\n    from bnpo.agent import Agent", "may not import"),
        ("bnpo.agent.brain", "if TYPE_CHECKING:\n    from bnpo.show import Page", "may not import"),
        ("bnpo.brains.rules.ppo", "from bnpo.credit import HER", "may not import"),
        ("bnpo.brains.rules.ppo", "from bnpo.envs import make_env", "may not import"),
        ("bnpo.networks.actor", "from bnpo.envs import make_env", "may not import"),
        ("bnpo.types", "from bnpo.config import config", "may not import"),
        ("bnpo.training", "from bnpo.experiment import main", "may not import"),
        ("bnpo.training", "import sacred", "may import sacred"),
        ("bnpo.brains.rules.ppo", "from tqdm.auto import tqdm", "may import tqdm"),
        ("bnpo.replay.pool", "import matplotlib.pyplot as plt", "may import matplotlib"),
        ("bnpo.brains.rules.ppo", "from .rule import Rule", "relative import"),
        ("bnpo.agent", "from credit import HER", "not an import name"),
        ("bnpo.surprise", "", "in no room"),
        ("bnpo.credit.utils", "", "says nothing"),
    ],
)
def test_a_violation_is_caught(tmp_path: Path, module: str, line: str, complaint: str) -> None:
    path = tmp_path / "module.py"
    path.write_text(line)
    (line_at_fault,) = violations({module: path})
    assert complaint in line_at_fault


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("bnpo.credit.her", "from bnpo.credit.goals import choose"),
        ("bnpo.brains.rules.ppo", "from bnpo import networks"),
        ("bnpo.training", "from bnpo.agent import Agent"),
        ("bnpo.training", "if TYPE_CHECKING:\n    from bnpo.show.plotting import plot"),
        ("bnpo.training", "from tqdm.auto import tqdm"),
        ("bnpo.runs.summary", "from bnpo.version import __version__"),
        ("bnpo.experiment", "import sacred\nfrom bnpo.training import Trainer"),
    ],
)
def test_what_points_down_is_left_alone(tmp_path: Path, module: str, line: str) -> None:
    path = tmp_path / "module.py"
    path.write_text(line)
    assert violations({module: path}) == []


def test_a_cycle_is_caught(tmp_path: Path) -> None:
    modules = {f"bnpo.{name}": tmp_path / f"{name}.py" for name in ("agent", "policy")}
    modules["bnpo.agent"].write_text("from bnpo.policy import Policy")
    modules["bnpo.policy"].write_text("if TYPE_CHECKING:\n    from bnpo import agent")
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter(dependencies(modules)).prepare()
    modules["bnpo.policy"].write_text("")
    graphlib.TopologicalSorter(dependencies(modules)).prepare()
