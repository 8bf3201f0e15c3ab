"""Every code block of the documents runs: Python with fewer steps, command lines up to the work."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import importlib.util
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bnpo.config import BrainDescription
from bnpo.credit.registry import SCHEMES
from bnpo.experiment import main
from bnpo.presets import PRESETS

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
WRITTEN = ROOT / "docs" / "api"
"""Pages that the site's build writes from the docstrings."""
PAGES = [page for page in sorted((ROOT / "docs").glob("**/*.md")) if WRITTEN not in page.parents]
DOCUMENTS = [README, ROOT / "CONTRIBUTING.md", *PAGES]
SMALLER = {
    "total_steps=20_000, num_envs=8": (
        "total_steps=800, num_envs=8, eval_episodes=2, progress_bar=False"
    ),
    "episodes=100": "episodes=2",
    "learning_repeat=200": "learning_repeat=4",
    "turns=20": "turns=1, progress_bar=False",
    "seeds=5).run()": (
        "seeds=1, overrides={'total_steps': 400, 'eval_episodes': 2, "
        "'brains.ddpg.learning_repeat': 4}).run(progress_bar=False)"
    ),
}
TOOLS = {"git", "pip", "cd", "source", "mkdir", "export", "ray", "kubectl", "docker", "tensorboard"}
"""Programs of others, of which nothing is checked but that they are meant."""


def blocks_of(path: Path, language: str) -> list[str]:
    """Fenced blocks of a document in a language."""
    fenced = rf"^```{language}\n(.*?)^```"
    return re.findall(fenced, path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def python_blocks() -> Iterator[tuple[str, str]]:
    for path in DOCUMENTS:
        for block in blocks_of(path, "python"):
            yield str(path.relative_to(ROOT)), block


def command_lines() -> Iterator[tuple[str, str]]:
    """Lines of indented blocks that begin with a program, and those of fenced shell blocks."""
    program = r"(?:bnpo|make|python|\.venv/bin/\w+)"
    for path in DOCUMENTS:
        text = path.read_text()
        shell = re.findall(r"^```(?:sh|bash|console)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
        inline = re.findall(rf"`({program} [^`]+)`", text)
        indented = re.findall(rf"^    ({program}(?: .*|))$", text, re.MULTILINE)
        fenced = [line for block in shell for line in block.replace("\\\n", " ").splitlines()]
        for line in [*indented, *fenced, *inline]:
            words = " ".join(
                re.split(r"\s{2,}|\s#", line.strip().removeprefix("$ "), maxsplit=1)[0].split()
            )
            if words and not words.startswith("#"):
                yield str(path.relative_to(ROOT)), words


BLOCKS = list(python_blocks())
LINES = sorted(set(command_lines()))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_there_are_blocks() -> None:
    assert len(BLOCKS) >= 4
    assert len(LINES) >= 20
    assert {line.split()[0] for _, line in LINES} >= {"bnpo", "make", "python"}


MODULES = {
    block.partition(".py\n")[0].removeprefix("# "): block
    for _, block in BLOCKS
    if re.match(r"# \w+\.py\n", block)
}
"""Files that documents show, by the name under which other blocks and lines import them."""


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let modules that documents show be imported, and forget them."""
    for name, block in MODULES.items():
        (tmp_path / f"{name}.py").write_text(block, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    importlib.invalidate_caches()
    yield
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize(("document", "block"), BLOCKS)
def test_block_runs(
    document: str, block: str, workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "minari" in block:
        pytest.importorskip("minari", reason="the extra minari is not installed")
        pytest.importorskip("h5py", reason="the extra minari is not installed")
    (tmp_path / "runs").symlink_to(workplace / "runs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    for large, small in SMALLER.items():
        block = block.replace(large, small)
    exec(compile(block, document, "exec"), {})


TINY = (
    "with ddpg_her goal_reacher total_steps=80 eval_interval=80 eval_episodes=1 num_envs=4 "
    "env_kwargs.episode_steps=10 agent.max_steps=10"
)
PLANS = {
    "study.yaml": "presets: [bpo]\ntasks: [goal_reacher]\nseeds: 1\n",
    "sweep.yaml": (
        "preset: bpo\ntask: goal_reacher\ntrials: 1\n"
        "ranges:\n  brains.ddpg.lr_actor: {low: 1.0e-4, high: 1.0e-2, log: true}\n"
    ),
}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the runs, plans and datasets that the documents speak of."""
    folder = tmp_path_factory.mktemp("workplace")
    assert main(["-F", str(folder / "runs"), *TINY.split()]) == 0
    for number in range(2, 8):
        (folder / "runs" / str(number)).symlink_to("1")
    (folder / "studies").symlink_to(ROOT / "studies")
    for name, plan in PLANS.items():
        (folder / name).write_text(plan)
    return folder


@functools.cache
def help_of(script: str) -> str:
    """What a script says when it is asked for its options."""
    words = [sys.executable, str(ROOT / script), "--help"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize(("document", "line"), LINES)
def test_command_line_is_valid(
    document: str,
    line: str,
    workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    program, *words = shlex.split(line)
    if program == "make":
        assert {word for word in words if "=" not in word} <= TARGETS, line
    elif program == "python":
        assert all(word in help_of(words[0]) for word in words if word.startswith("--")), line
    elif program.endswith("/pytest"):
        assert (ROOT / words[0]).exists(), line
    elif program == "bnpo":
        monkeypatch.chdir(workplace)
        if "minari" in line or "offline=" in line:
            pytest.importorskip("minari", reason="the extra minari is not installed")
            pytest.importorskip("h5py", reason="the extra minari is not installed")
            monkeypatch.setenv("MINARI_DATASETS_PATH", str(workplace / "datasets"))
            write = "export with run=1 format=minari dataset=my/replay-v0"
            if not (workplace / "datasets").exists():
                assert main(write.split()) == 0
        if "ray" in line:
            pytest.importorskip("ray", reason="the extra ray is not installed")
        status = main([*words, "--dry-run"])
        assert status == 0, capsys.readouterr().err
    else:
        assert program.rpartition("/")[2] in TOOLS, line


PLANNED = [
    (str(path.relative_to(ROOT)), block) for path in PAGES for block in blocks_of(path, "yaml")
    if re.match(r"# (study|sweep)\.yaml\n", block)
]  # fmt: skip


def test_there_are_plans() -> None:
    assert len(PLANNED) >= 2


@pytest.mark.parametrize(("document", "plan"), PLANNED)
def test_plan_is_valid(
    document: str,
    plan: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    name = plan.splitlines()[0].removeprefix("# ")
    (tmp_path / name).write_text(plan)
    command = name.removesuffix(".yaml")
    assert main([command, "with", name, "--dry-run"]) == 0, capsys.readouterr().err


def test_every_field_and_preset_has_its_line() -> None:
    guide = ROOT / "docs" / "guide"
    lists = (guide / "brain-lists.md").read_text(encoding="utf-8")
    fields = [field.name for field in dataclasses.fields(BrainDescription)]
    assert [name for name in (*fields, *SCHEMES) if f"`{name}`" not in lists] == []
    rules = (guide / "rules.md").read_text(encoding="utf-8")
    assert [name for name in PRESETS if f"`{name}`" not in rules] == []


def test_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 160


def test_links_lead_to_files() -> None:
    dead = [
        f"{path.relative_to(ROOT)}: {link}"
        for path in DOCUMENTS
        for link in re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8"))
        if "://" not in link and not (path.parent / link).exists()
    ]
    assert dead == []


def test_modules_that_pages_name_exist() -> None:
    named = {
        (paths, module)
        for path in PAGES
        for paths, module in re.findall(
            r"\{py:mod\}`([^`<]+?)\s*<([\w.]+)>`", path.read_text(encoding="utf-8")
        )
    }
    assert len(named) >= 20
    assert [module for _, module in named if importlib.util.find_spec(module) is None] == []
    files = {paths for paths, _ in named if paths.endswith(".py")}
    assert [file for file in sorted(files) if not (ROOT / file).is_file()] == []


def test_paths_that_documents_name_exist() -> None:
    folders = "bnpo|brains|credit|replay|tests|docs|benchmarks|notebooks"
    gone = [
        f"{path.relative_to(ROOT)}: {named}"
        for path in DOCUMENTS
        for named in re.findall(rf"`((?:{folders})/[\w./-]*)`", path.read_text(encoding="utf-8"))
        if not (ROOT / named).exists() and not named.endswith("-v0")
    ]
    assert gone == []


CLAIM = re.compile(r"^# .* at least (\d+) of 100 ", re.MULTILINE)
"""What a program of the README says that it reaches; its last line prints the share."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("number", range(len(blocks_of(README, "python"))))
def test_program_of_the_readme_reaches_what_it_says(number: int, seed: int, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    text = blocks_of(README, "python")[number]
    program.write_text(re.sub(r"(\bseed\W+)0\b", rf"\g<1>{seed}", text), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(program)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    if claim := CLAIM.search(text):
        assert 100 * float(done.stdout.split()[-1]) >= int(claim[1])


def test_a_program_of_the_readme_says_what_it_reaches() -> None:
    assert any(CLAIM.search(block) for block in blocks_of(README, "python"))
