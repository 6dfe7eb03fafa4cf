"""The app in a real terminal: how it starts and ends, and that nothing is left behind."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import lacking
from tests.tmux_control import PATIENCE

if TYPE_CHECKING:
    from tests.tmux import Terminal


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
    shown = terminal.ask("capture-pane", "-p", "-S", "-100")
    assert "hpview: bpf is not available: " in shown, shown
    assert "Traceback" not in shown


def _given_back(terminal: Terminal) -> bool:
    return terminal.ask("display", "-p", "#{alternate_on}#{mouse_any_flag}").strip() == "00"


def _program(terminal: Terminal) -> int:
    """The process of the app, a child of the window's shell."""
    shell = terminal.ask("display", "-p", "#{pane_pid}").strip()
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
    pane = terminal.ask("display", "-p", "#{pane_id}").strip()
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
    if by_key:
        terminal.once(lambda _screen: _given_back(terminal), "not given back")
    else:
        assert not _given_back(terminal)
    # What is on the screen then was drawn after SIGCONT; a key that comes earlier may be dropped.
    terminal.keys("-R")
    assert "row 1 of" not in terminal.screen()
    os.kill(program, signal.SIGCONT)
    terminal.until(r"row 1 of")
    terminal.keys("j")
    terminal.until(r"row [23] of")  # beside which a fold may lie
    terminal.keys("q")
    assert terminal.exit_status() == 0
    assert _given_back(terminal)
