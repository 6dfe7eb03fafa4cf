"""The app in a real terminal: keys go in, the screen is read, nothing is left behind."""

from __future__ import annotations

import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import lacking

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 30.0
ROOT = Path(__file__).parent.parent


class Terminal:
    """A tmux server of its own with one window."""

    def __init__(self, folder: Path, size: tuple[int, int]) -> None:
        self._socket = str(folder / "tmux")
        self._size = size
        self._folder = folder
        self._status = folder / "status"

    def tmux(self, *arguments: str) -> str:
        command = ["tmux", "-S", self._socket, "-f", "/dev/null", *arguments]
        # The shell of a system user may be one that refuses to run anything.
        env = os.environ | {"SHELL": "/bin/sh"}
        return subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout

    def start(
        self,
        *arguments: str,
        env: dict[str, str] | None = None,
        through: tuple[str, ...] = (),
        python: str = sys.executable,
    ) -> None:
        """Run hpview, by another program if need be; the window stays when it has ended."""
        columns, rows = map(str, self._size)
        variables = [f"{k}={v}" for k, v in {"PYTHONPATH": str(ROOT), **(env or {})}.items()]
        self.tmux("new-session", "-d", "-x", columns, "-y", rows, "-c", str(self._folder), "cat")
        self.tmux("set-option", "-g", "remain-on-exit", "on")
        # readline, which pytest loads, exports the size of pytest's own terminal.
        program = [
            "env",
            "-u",
            "COLUMNS",
            "-u",
            "LINES",
            *variables,
            *through,
            python,
            "-m",
            "hpview",
            *arguments,
        ]
        # tmux does not always learn the exit status of a pane.
        run = f"{shlex.join(program)}; echo $? > {shlex.quote(str(self._status))}"
        self.tmux("respawn-pane", "-k", "sh", "-c", run)

    def keys(self, *keys: str) -> None:
        self.tmux("send-keys", *keys)

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p")

    def until(self, pattern: str) -> str:
        """The screen once it shows a pattern. Asking tmux again and again paces the loop."""
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, screen := self.screen()):
            assert time.monotonic() < deadline, f"no {pattern!r} on\n{screen}"
        return screen

    def until_not(self, pattern: str) -> None:
        """Wait until the screen shows a pattern no longer."""
        deadline = time.monotonic() + PATIENCE
        while re.search(pattern, screen := self.screen(), re.MULTILINE):
            assert time.monotonic() < deadline, f"still {pattern!r} on\n{screen}"

    def exit_status(self) -> int:
        """Of the program, once it has ended."""
        deadline = time.monotonic() + PATIENCE
        while self.tmux("display", "-p", "#{pane_dead}").strip() != "1":
            assert time.monotonic() < deadline, self.screen()
        return int(self._status.read_text())


@pytest.fixture
def terminal(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    if shutil.which("tmux") is None:
        lacking("needs tmux")
    size: tuple[int, int] = getattr(request, "param", (120, 36))
    opened = Terminal(tmp_path, size)
    yield opened
    opened.tmux("kill-server")


@pytest.mark.parametrize("terminal", [(80, 24), (200, 60)], indirect=True)
def test_from_the_list_into_a_process_and_back(terminal: Terminal, tmp_path: Path) -> None:
    terminal.start("--backend", "procfs")
    terminal.until(r"PID\s.*USER\s.*COMMAND")
    terminal.keys("/")
    terminal.keys("-l", "hpview")
    terminal.until(r"\n / hpview")
    terminal.keys("Escape")
    terminal.until_not(r"^ / hpview")
    terminal.keys("Enter")
    terminal.until(r"complete .* records .* pagemap_scan")
    screen = terminal.until(r"one cell is 2 MiB")
    assert re.search(r"^\s*.?[0-9a-f]{12}\s", screen, re.MULTILINE)
    terminal.keys("-")
    terminal.until(r"one cell is 4 MiB")
    terminal.keys("+")
    terminal.keys("j", "l", "]", "[", "End", "Home", "PageDown", "PageUp")
    terminal.keys("?")
    terminal.until(r"(?i)previous vma")
    # A key right behind Escape would be taken for Alt and that key.
    terminal.keys("Escape")
    terminal.until_not(r"(?i)previous vma")
    terminal.keys("s")
    terminal.until(r"\.svg")
    terminal.keys("Escape")
    terminal.until(r"PID\s.*USER\s.*COMMAND")
    terminal.keys("q")
    assert terminal.exit_status() == 0
    (picture,) = tmp_path.glob("hpview-*.svg")
    assert picture.read_text("utf-8").startswith("<svg")


def test_the_demo_without_colour(terminal: Terminal) -> None:
    terminal.start("--backend", "procfs", "demo", env={"NO_COLOR": "1"})
    screen = terminal.until(r"complete .* records")
    for glyph in "█▓▒░·⋯z":
        assert glyph in screen
    terminal.keys("q")
    assert terminal.exit_status() == 0


def test_ascii_where_the_locale_is_not_utf8(terminal: Terminal) -> None:
    terminal.start("--backend", "procfs", "demo", env={"LC_ALL": "C", "PYTHONUTF8": "1"})
    screen = terminal.until(r"complete .* records")
    assert screen.isascii()
    for glyph in "#=-,.~z":
        assert glyph in screen
    terminal.keys("q")
    assert terminal.exit_status() == 0


@pytest.mark.parametrize("terminal", [(20, 5)], indirect=True)
def test_a_terminal_that_is_too_small(terminal: Terminal) -> None:
    terminal.start("--backend", "procfs")
    terminal.until(r"(?i)too small")
    terminal.keys("q")
    assert terminal.exit_status() == 0


def test_a_process_that_dies_is_told(terminal: Terminal) -> None:
    victim = subprocess.Popen(["sleep", "1000"])
    terminal.start("--backend", "procfs", str(victim.pid))
    terminal.until(r"complete .* records")
    victim.kill()
    victim.wait()
    terminal.keys("R")
    terminal.until(rf"no process {victim.pid}")
    terminal.keys("q")
    assert terminal.exit_status() in (0, 1)


def test_no_such_process_in_a_terminal(terminal: Terminal) -> None:
    terminal.start("--backend", "procfs", "4194304")
    terminal.until(r"no process 4194304")
    terminal.keys("q")
    assert terminal.exit_status() == 1


def test_a_backend_that_cannot_be_used_is_told_in_one_line(terminal: Terminal) -> None:
    """The app has begun by then: it leaves, and says why on the terminal it has given back."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        lacking("needs root, to do without its rights, and setpriv")
    terminal.start("--backend", "bpf", through=("setpriv", "--bounding-set=-all"))
    assert terminal.exit_status() == 1
    shown = terminal.tmux("capture-pane", "-p", "-S", "-100")
    assert "hpview: bpf is not available: " in shown, shown
    assert "Traceback" not in shown


def _given_back(terminal: Terminal) -> bool:
    return terminal.tmux("display", "-p", "#{alternate_on}#{mouse_any_flag}").strip() == "00"


def _program(terminal: Terminal) -> int:
    """The process of the app, a child of the window's shell."""
    shell = terminal.tmux("display", "-p", "#{pane_pid}").strip()
    children = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
    return int(children[0])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_it_leaves_the_terminal_as_it_was(
    terminal: Terminal, number: signal.Signals
) -> None:
    terminal.start("--backend", "procfs", "demo")
    terminal.until(r"complete .* records")
    os.kill(_program(terminal), number)
    assert terminal.exit_status() == 128 + number
    assert _given_back(terminal)


def test_a_terminal_that_is_closed_ends_it(terminal: Terminal) -> None:
    terminal.start("--backend", "procfs", "demo")
    terminal.until(r"complete .* records")
    program = os.pidfd_open(_program(terminal))
    pane = terminal.tmux("display", "-p", "#{pane_id}").strip()
    terminal.tmux("new-session", "-d", "cat")  # tmux would end with its last window
    terminal.tmux("kill-pane", "-t", pane)
    assert select.select([program], [], [], PATIENCE)[0]
    os.close(program)


@pytest.mark.parametrize("by_key", [True, False])
def test_the_terminal_is_given_back_while_it_is_suspended(terminal: Terminal, by_key: bool) -> None:
    """SIGSTOP tells nobody: then only what comes after SIGCONT must be right."""
    terminal.start("--backend", "procfs", "demo")
    terminal.until(r"row 1 of")
    program = _program(terminal)
    if by_key:
        terminal.keys("C-z")
    else:
        os.kill(program, signal.SIGSTOP)
    deadline = time.monotonic() + PATIENCE
    while Path(f"/proc/{program}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < deadline
    assert _given_back(terminal) == by_key
    os.kill(program, signal.SIGCONT)
    terminal.until(r"row 1 of")
    terminal.keys("j")
    terminal.until(r"row 2 of")
    terminal.keys("q")
    assert terminal.exit_status() == 0
    assert _given_back(terminal)
