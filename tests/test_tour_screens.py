"""Every screen in a real terminal, as root and as an ordinary user."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hpview
from tests.conftest import lacking
from tests.test_tour import ROOT, Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = 65534
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
STEPS = (
    ("n", r"page|pages"),
    ("Home", r"row 1 of"),
    ("z", r"one row \d+ MiB"),
    ("z", r"VMAs"),
    ("f", r"listed: only huge-able"),
    ("f", r"listed: only holes"),
    ("f", r"complete .* records"),
    ("+", r"one cell is 1 MiB"),
    ("-", r"one cell is 2 MiB"),
    ("?", r"This screen"),
    ("Escape", r"row \d+ of"),
    ("i", r"RESUMED"),
    (".", r"paused at"),
    ("Space", r"complete.*begin anew"),
    ("Escape", r"one cell is 2 MiB"),
    ("w", r"watch 2 s, lately"),
    ("W", r"\u203a changes"),
    ("Escape", r"one cell is 2 MiB"),
    ("w", r"complete .* records"),
    ("S", r"Save this screen as"),
    ("Escape", r"one cell is 2 MiB"),
    ("e", r"Export the data"),
    ("Escape", r"one cell is 2 MiB"),
    ("C-p", r"(?i)search"),
    ("Escape", r"one cell is 2 MiB"),
    ("y", r"copied 0x"),
    ("Enter", r"512 pages of 4 kB|by one entry|2M huge|one 2 MB page"),
    ("]", r"\u203a slot [0-9a-f]{12}"),
    ("Escape", r"one cell is 2 MiB"),
)
"""A key, and what shows once it was handled."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that everybody may enter."""
    made = Path(tempfile.mkdtemp(prefix="hpview-tour-"))
    made.chmod(0o777)
    yield made
    shutil.rmtree(made)


def follow(terminal: Terminal, steps: tuple[tuple[str, str], ...]) -> None:
    before = ""
    for key, shows in steps:
        terminal.keys(key)
        if key == "Escape":
            # The next key right behind it would be taken for Alt and that key.
            terminal.until_not(before)
        terminal.until(shows)
        before = shows


@pytest.fixture
def terminal(folder: Path, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    if shutil.which("tmux") is None:
        lacking("needs tmux")
    size: tuple[int, int] = getattr(request, "param", (120, 40))
    opened = Terminal(folder, size)
    yield opened
    opened.tmux("kill-server")


@pytest.mark.parametrize("terminal", [(80, 24), (200, 60)], indirect=True)
def test_every_screen_of_the_demo(terminal: Terminal) -> None:
    terminal.start("demo")
    terminal.until(r"complete .* records")
    follow(terminal, STEPS)
    terminal.keys("g")
    terminal.until(r"\n g ")
    terminal.keys("-l", "heap")
    terminal.keys("Enter")
    terminal.until(r"\[heap\]")
    terminal.keys("Escape")
    list_of_processes(terminal)


def list_of_processes(terminal: Terminal) -> None:
    """Shapes, columns, filter; then leave."""
    terminal.until(r"PID\s.*COMMAND")
    follow(
        terminal,
        (
            ("t", r"(?i)tree"),
            ("t", r"COMMAND "),
            ("u", r"(?i)user"),
            ("c", r"(?i)cgroup"),
            ("c", r"COMMAND "),
            ("o", r"(?i)command line"),
            ("Escape", r"PID\s.*COMMAND"),
            (">", r"PID\s.*COMMAND"),
            ("/", r"\n / "),
        ),
    )
    terminal.keys("-l", "pid>0")
    terminal.until(r"\n / pid>0")
    terminal.keys("Escape")
    terminal.until_not(r"^ / pid>0")
    terminal.keys("q")
    assert terminal.exit_status() == 0


def reachable_python(folder: Path) -> tuple[str, str]:
    """A Python of this version that an ordinary user may run, and its path of packages."""
    site = Path(hpview.__file__).parent.parent, *map(Path, filter(None, sys.path))
    packages = next(p for p in site if (p / "textual").is_dir())
    versions = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{versions}", f"/usr/local/bin/{versions}"):
        if not Path(python).exists():
            continue
        if subprocess.run(
            [*AS_NOBODY, python, "-c", ""], capture_output=True, check=False
        ).returncode:
            continue
        copied = folder / "packages"
        shutil.copytree(packages, copied, ignore=shutil.ignore_patterns("__pycache__", "mypy*"))
        shutil.copytree(ROOT / "hpview", copied / "hpview", dirs_exist_ok=True)
        subprocess.run(["chmod", "-R", "a+rX", str(copied)], check=True)
        return python, str(copied)
    lacking(f"no {versions} that an ordinary user may run")
    raise AssertionError


@pytest.mark.root
def test_an_ordinary_user_sees_his_own_and_is_told_of_others(
    terminal: Terminal, folder: Path
) -> None:
    python, packages = reachable_python(folder)
    own = subprocess.Popen([*AS_NOBODY, "sleep", "1000"])
    env = {"PYTHONPATH": packages, "HOME": str(folder)}
    try:
        terminal.start(str(own.pid), env=env, through=AS_NOBODY, python=python)
        terminal.until(r"complete .* records .* pagemap_scan")
        follow(
            terminal,
            (
                ("+", r"one cell is 1 MiB"),
                ("-", r"one cell is 2 MiB"),
                ("i", r"RESUMED"),
                ("Escape", r"one cell is 2 MiB"),
                ("Escape", r"PID\s.*COMMAND"),
            ),
        )
        terminal.until(r"unreadable")
        terminal.keys("/")
        terminal.until(r"\n / ")
        terminal.keys("-l", f"pid:{os.getpid()}")
        terminal.until(rf"\n / pid:{os.getpid()}")
        terminal.until(r"may not be read: run as its user or as root")
        terminal.keys("Escape")
        terminal.until_not(r"^ / pid")
        terminal.keys("q")
        assert terminal.exit_status() == 0
    finally:
        own.kill()
        own.wait()
