"""Imports go one way: a module knows only what lies below it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "hpview"

LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "notices", "text", "units"}),
    frozenset({"query", "settings", "wire"}),
    frozenset({"kernelfs", "process"}),
    frozenset({"demo", "pages", "particulars", "machine_state", "in_force"}),
    frozenset({"stream", "space", "facts"}),
    frozenset({"readlog", "control", "reasons"}),
    frozenset({"machine", "loader", "events", "acting"}),
    frozenset({"host"}),
    frozenset({"services", "census", "connector", "roster"}),
    frozenset({"bursts", "inquiry"}),
    frozenset({"scan", "doctor", "ui", "export"}),
    frozenset({"backends"}),
    frozenset({"assembly"}),
    frozenset({"commands", "arguments"}),
    frozenset({"cli"}),
    frozenset({"__main__"}),
)
"""Rooms, lowest first. A room may import itself and what stands in a lower row."""

BESIDE = {("export", "scan"), ("ui", "export")}
"""The only imports within a row."""

OUTSIDE = {
    "textual": {"ui"},
    "rich": {"ui"},
    "pyroute2": {"doctor", "connector", "host"},
    "psutil": {"machine", "particulars"},
    "argparse": {"cli", "commands", "arguments"},
    "tomlkit": {"settings"},
}
"""Rooms that may import a library at all."""

ALL = sorted(PACKAGE.rglob("*.py"))


def _room(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def _rank(room: str) -> int:
    return next(i for i, rooms in enumerate(LAYERS) if room in rooms)


def _imports(path: Path) -> set[str]:
    """Absolute names of all modules a file imports, in functions and for types too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            if node.module == "hpview":
                found |= {f"hpview.{alias.name}" for alias in node.names}
            else:
                found.add(node.module)
    return found - {"hpview.__version__"}


@pytest.mark.parametrize("path", ALL, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_downwards(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room == "__init__":
        return
    for module in _imports(path):
        top = module.split(".")[0]
        if top != "hpview":
            assert room in OUTSIDE.get(top, {room}), f"{room} imports {top}"
            continue
        other = _room(module)
        below = _rank(other) < _rank(room) or other == room or (room, other) in BESIDE
        assert below, f"{room} imports {module}, which does not lie below"


def test_stream_and_space_do_not_know_each_other() -> None:
    for room, other in (("stream", "space"), ("space", "stream"), ("ui", "stream")):
        for path in (PACKAGE / room).rglob("*.py"):
            assert not {m for m in _imports(path) if m.startswith(f"hpview.{other}.")} - {
                "hpview.stream.base"
            }, path


@pytest.mark.parametrize(
    "module", ["hpview.cli", "hpview.loader", "hpview.scan", "hpview.doctor", "hpview.backends"]
)
def test_no_screen_is_imported_before_it_is_opened(module: str) -> None:
    code = f"import {module}, sys; print(sorted({{'textual', 'rich'}} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_only_who_asks_for_delays_waits_for_pyroute2() -> None:
    for path in (PACKAGE / "host").rglob("*.py"):
        wanted = {module for module in _imports(path) if module.startswith("pyroute2")}
        assert not wanted or path.name == "taskstats.py"
        assert "hpview.host.taskstats" not in _imports(path)


def test_what_reads_is_imported_behind_the_first_frame() -> None:
    """Screens over data are names of ``hpview.ui.screens``, which imports them when asked for."""
    heavy = {"numpy", "psutil", "pyroute2", "hpview.loader", "hpview.machine"}
    code = f"import hpview.cli, hpview.ui.app, sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("path", ALL, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_commands_import_inside_functions(path: Path) -> None:
    if path.parent.name == "commands":
        return
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inside = [n for n in ast.walk(node) if isinstance(n, ast.Import | ast.ImportFrom)]
            assert not inside, f"{path}:{node.lineno}"


@pytest.mark.parametrize(
    "path",
    sorted([*ALL, *(ROOT / "tests").rglob("*.py"), *(ROOT / "bench").rglob("*.py")]),
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_modules_are_small(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 350
