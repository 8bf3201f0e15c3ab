"""Imports point down only: the floors, what each may see, and a check that parses every module."""

import ast
import graphlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Floor:
    """Modules or packages side by side; without `together` they do not import each other."""

    members: frozenset[str]
    sees: frozenset[str]
    together: bool = False


def floor(members: str, sees: frozenset[str], together: bool = False) -> Floor:
    return Floor(frozenset(f"bnpo.{name}".rstrip(".") for name in members.split()), sees, together)


GROUND = floor("types config", sees=frozenset())
TOOLS = floor("networks envs ilqr", sees=GROUND.members)
DATA = floor("credit replay", sees=GROUND.members)
BRAINS = floor("brains", sees=GROUND.members | {"bnpo.networks"})
BELOW_AGENT = GROUND.members | TOOLS.members | DATA.members | BRAINS.members
AGENT = floor(
    "agent assembly checkpoint checkpoint_files checkpoint_folder cluster credit_assignment"
    " env_dynamics evaluation export extras generators guiding health history learner"
    " minari_episodes minari_files model_card network_evaluator normalization notebook offline"
    " overlap plotting policy presets priorities progress recording row_parts runs scenes"
    " stepping summary training training_envs",
    sees=BELOW_AGENT,
    together=True,
)
ROOF = floor(
    "experiment study __main__", sees=BELOW_AGENT | AGENT.members | {"bnpo"}, together=True
)
NAMESPACE = Floor(frozenset({"bnpo"}), sees=BELOW_AGENT | AGENT.members | {"bnpo.study"})
FLOORS = (GROUND, TOOLS, DATA, BRAINS, AGENT, ROOF, NAMESPACE)

# Who may import a library; every other member may not. Libraries without a row are free.
HEADS = AGENT.members | ROOF.members
LIBRARIES = {
    "sacred": ROOF.members - {"bnpo.study"},
    "tqdm": HEADS,
    "matplotlib": HEADS,
    "pandas": HEADS,
    "gymnasium": HEADS | {"bnpo.envs"},
    "gymnasium_robotics": HEADS | {"bnpo.envs"},
    "mujoco": HEADS | {"bnpo.envs", "bnpo.ilqr"},
}

VAGUE = {"utils", "util", "common", "misc", "helpers", "helper", "sacred"}


def member_of(module: str) -> str | None:
    """Row of the table that a module, or a name inside one, belongs to; bnpo stands for itself."""
    parts = module.split(".")
    name = ".".join(parts[:2])
    return name if any(name in floor.members for floor in FLOORS) else None


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


class WithoutTypeChecking(ast.NodeTransformer):
    """Drop what `if TYPE_CHECKING` holds: such imports depend on no order."""

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        if ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            return node.orelse
        return self.generic_visit(node)


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
    target = member_of(imported) or ("bnpo" if top == "bnpo" else None)
    if target in {None, importer} or imported == "bnpo.__version__":
        return None
    home = next(floor for floor in FLOORS if importer in floor.members)
    if target in home.sees or (home.together and target in home.members):
        return None
    return f"{importer} may not import {target}"


def violations(modules: Mapping[str, Path]) -> list[str]:
    """Every break of the rules, as file:line: what."""
    found = []
    for module, path in sorted(modules.items()):
        vague = VAGUE.intersection(module.split("."))
        if vague:
            found.append(f"{path}: a module called {vague.pop()} says nothing")
        importer = member_of(module)
        if importer is None:
            found.append(f"{path}: {module} is on no floor: give it a row in FLOORS")
            continue
        for line, imported in imports(ast.parse(path.read_text(encoding="utf-8"))):
            wrong = fault(importer, imported)
            if wrong:
                found.append(f"{path}:{line}: {wrong}")
    return found


def dependencies(modules: Mapping[str, Path]) -> dict[str, set[str]]:
    """Modules that each module imports when it runs."""
    graph: dict[str, set[str]] = {}
    for module, path in modules.items():
        tree = WithoutTypeChecking().visit(ast.parse(path.read_text(encoding="utf-8")))
        names = [name for _, name in imports(tree)]
        used = {name if name in modules else name.rpartition(".")[0] for name in names}
        graph[module] = used.intersection(modules) - {module}
    return graph


def test_imports_point_down(modules: Mapping[str, Path]) -> None:
    assert violations(modules) == []


def test_no_module_imports_itself_through_others(modules: Mapping[str, Path]) -> None:
    graphlib.TopologicalSorter(dependencies(modules)).prepare()


def test_every_row_of_the_table_exists(modules: Mapping[str, Path]) -> None:
    rows = set().union(*(floor.members for floor in FLOORS))
    assert rows <= set(modules)


@pytest.mark.parametrize(
    ("module", "line", "complaint"),
    [
        ("bnpo.credit.her", "from bnpo.replay.table import SegmentTable", "may not import"),
        ("bnpo.credit.her", "from bnpo.networks import Actor", "may not import"),
        ("bnpo.credit.her", "import bnpo.networks", "may not import"),
        ("bnpo.credit.her", "from bnpo import networks", "may not import"),
        ("bnpo.credit.her", "from bnpo import Agent", "may not import bnpo"),
        ("bnpo.replay.pool", "def f():\n    from bnpo.agent import Agent", "may not import"),
        ("bnpo.brains.ppo", "from bnpo.credit import HER", "may not import"),
        ("bnpo.brains.ppo", "from bnpo.envs import make_env", "may not import"),
        ("bnpo.networks.actor", "from bnpo.envs import make_env", "may not import"),
        ("bnpo.types", "from bnpo.config import config", "may not import"),
        ("bnpo.training", "from bnpo.experiment import main", "may not import"),
        ("bnpo.training", "import sacred", "may import sacred"),
        ("bnpo.brains.ppo", "from tqdm.auto import tqdm", "may import tqdm"),
        ("bnpo.replay.pool", "import matplotlib.pyplot as plt", "may import matplotlib"),
        ("bnpo.brains.ppo", "from .rule import Rule", "relative import"),
        ("bnpo.agent", "from credit import HER", "not an import name"),
        ("bnpo.surprise", "", "on no floor"),
        ("bnpo.credit.utils", "", "says nothing"),
    ],
)
def test_a_violation_is_caught(tmp_path: Path, module: str, line: str, complaint: str) -> None:
    path = tmp_path / "module.py"
    path.write_text(line)
    (found,) = violations({module: path})
    assert complaint in found


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("bnpo.credit.her", "from bnpo.credit.goals import choose"),
        ("bnpo.brains.ppo", "from bnpo import networks"),
        ("bnpo.training", "from bnpo.agent import Agent"),
        ("bnpo.training", "from tqdm.auto import tqdm"),
        ("bnpo.summary", "from bnpo import __version__"),
        ("bnpo.experiment", "import sacred\nimport bnpo\nfrom bnpo.training import train"),
    ],
)
def test_what_points_down_is_left_alone(tmp_path: Path, module: str, line: str) -> None:
    path = tmp_path / "module.py"
    path.write_text(line)
    assert violations({module: path}) == []


def test_a_cycle_is_caught(tmp_path: Path) -> None:
    modules = {f"bnpo.{name}": tmp_path / f"{name}.py" for name in ("agent", "learner")}
    modules["bnpo.agent"].write_text("from bnpo.learner import Learner")
    modules["bnpo.learner"].write_text("from bnpo import agent")
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter(dependencies(modules)).prepare()
    modules["bnpo.learner"].write_text("if TYPE_CHECKING:\n    from bnpo import agent")
    graphlib.TopologicalSorter(dependencies(modules)).prepare()
