"""Every screen there is, one after the other, in a real terminal: as root and as anybody."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.children import child
from tests.ordinary import ordinary

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tmux import Terminal

HOLE = 0x100006200000
"""The slot of the demo that lacks one page: the first hole there is."""


def process(terminal: Terminal, source: str) -> None:
    """The demo: its map and what lies over it."""
    screen = terminal.until(r"complete · .* records")
    assert re.search(rf"complete · .* · {source}\n", screen)
    assert re.search(r"█ 2M [1-9]", screen)
    terminal.press("n", r"511/512 pages")
    terminal.press("+", r"one cell is 4 KiB", times=9)
    terminal.until(r"page \d+ of the slot")
    terminal.press("-", r"one cell is 2 MiB", times=9)
    terminal.press("g", r"\n g an address")
    terminal.type("heap", r"\n g heap")
    terminal.press("Enter", r"· \[heap\]\n")
    terminal.press("f", r"only huge-able")
    terminal.press("f", r"only holes")
    terminal.leave(r"only holes", "f")
    terminal.press("/", r"\n / ")
    terminal.type("stack", r"\n.1 of \d+▲")
    terminal.leave(r"1 of \d+▲")
    terminal.leave(r"VMAs▲", "z")
    terminal.press("z", r"VMAs▲")


def slot(terminal: Terminal) -> None:
    """The pages of a slot, reached by its address, and back to the map."""
    terminal.press("g", r"\n g an address")
    terminal.type(f"{HOLE:x}", rf"\n g {HOLE:x}")
    terminal.press("Enter", r"511/512 pages")
    terminal.press("Enter", rf"slot {HOLE:x} +511/512 present")
    terminal.press("n", r"page 101 of 512 ")
    terminal.press("Tab", r"\[(use|sharing)\]")
    terminal.press("Escape", r"one cell is 2 MiB")


def why(terminal: Terminal) -> None:
    """Reasons, the ranges of one, and a remedy to copy."""
    terminal.press("a", r"hpview-demo . why")
    terminal.press("j", r"\n▸2 ")
    terminal.press("l", r"\n ▸ ")
    terminal.press("d", r"Reading smaps of")
    terminal.press("d", r"reading smaps took")
    terminal.press("y", r"copied ")
    terminal.press("Escape", r"one cell is 2 MiB")


def nodes(terminal: Terminal) -> None:
    """Where the memory lies; 4 kB pages on a key."""
    terminal.press("u", r"NODES .* addresses asked for")
    terminal.press("4", r"hpview-demo . nodes +.*huge and 4k pages")
    terminal.press("Escape", r"one cell is 2 MiB")


def machine(terminal: Terminal) -> None:
    """Every section of the machine; a pause; back to where it was opened."""
    terminal.press("m", r"\n▸1 now +THP \w+ · [\d ]+ 2M blocks free")
    terminal.press("j", r"\n defrag  ")
    terminal.press("2", r" 2 KHUGEPAGED ")
    terminal.press("3", r" 3 HUGETLB .* pages read")
    terminal.press("4", r" 4 WAITS .* processes · .* ms")
    terminal.press("Tab", r" 5 SIZES ")
    terminal.press("Right", r" 6 USERS .* processes · .* ms")
    terminal.press("Space", r"paused: space goes on")
    terminal.leave(r"paused: space goes on", "Space")
    terminal.press("Escape", r"one cell is 2 MiB")


def protocol(terminal: Terminal) -> None:
    """Reading step by step."""
    terminal.press("i", r"protocol .* 32 768 B")
    terminal.press("<", r"asks for 512 B", times=2)
    terminal.press("Space", r"paused before the first read")
    terminal.press(".", r"paused at [0-9a-f]+")
    terminal.press("Space", r"complete · space or")
    terminal.press("Escape", r"one cell is 2 MiB")


def watch(terminal: Terminal) -> None:
    """Marks of what changes, and the list of it."""
    terminal.press("w", r"\n watch \d+ s")
    terminal.press("W", r"hpview-demo . changes")
    terminal.press("Escape", r"one cell is 2 MiB")
    terminal.leave(r"^ watch \d+ s", "w")


def everywhere(terminal: Terminal) -> None:
    """What every screen offers."""
    terminal.press("?", r"This screen")
    terminal.leave(r"This screen")
    terminal.press("C-p", r"Go to an address or a name")
    terminal.leave(r"Go to an address or a name")
    terminal.press("S", r"Save this screen as")
    terminal.leave(r"Save this screen as")
    terminal.press("e", r"Export the data")
    terminal.leave(r"Export the data")
    terminal.press("y", r"copied 0x")
    terminal.press("s", r"▌ saved\b")


def processes(terminal: Terminal) -> None:
    """The list in all its forms."""
    terminal.press("Escape", r"PID .*USER .*COMMAND .* RES(IDENT)?▼")
    terminal.press("t", r"COMMAND tree")
    terminal.press("u", r"COMMAND by user")
    terminal.press("c", r"COMMAND by cgroup")
    terminal.leave(r"by cgroup", "c")
    terminal.press("o", r"\[x\] PID +process, always shown")
    terminal.leave(r"always shown")
    terminal.press(">", r" 2M▼")
    terminal.press("<", r" RES(IDENT)?▼")
    terminal.press("r", r" RES(IDENT)?▲")
    terminal.press("r", r" RES(IDENT)?▼")


def find(terminal: Terminal, pid: int) -> None:
    """One process alone in the list, under the cursor."""
    terminal.press("/", r"\n / ")
    terminal.type(f"pid:{pid}", r"\b1 of \d+ processes")
    terminal.press("Enter", rf"\n▸ +{pid} ")


def tour(terminal: Terminal, source: str) -> None:
    process(terminal, source)
    slot(terminal)
    why(terminal)
    nodes(terminal)
    machine(terminal)
    protocol(terminal)
    watch(terminal)
    everywhere(terminal)
    processes(terminal)


@pytest.mark.root
@pytest.mark.bpf
@pytest.mark.parametrize("terminal", [(80, 24), (200, 60)], indirect=True)
def test_the_tour_as_root(terminal: Terminal, tmp_path: Path) -> None:
    terminal.start("demo")
    tour(terminal, "bpf")
    with child("") as other:
        find(terminal, other.pid)
        terminal.press("Enter", rf"hpview . {other.pid} ")
        terminal.until(r"complete · .* · bpf\n")
        terminal.press("Escape", rf"\n▸ +{other.pid} ")
    terminal.keys("q")
    assert terminal.exit_status() == 0
    (picture,) = tmp_path.glob("hpview-*.svg")
    assert picture.read_text("utf-8").startswith("<svg")


def test_the_tour_as_an_ordinary_user(terminal: Terminal) -> None:
    through, python = ordinary()
    terminal.start("demo", through=through, python=python)
    tour(terminal, "pagemap_scan")
    terminal.until(r"\d unreadable")
    foreign = 1
    find(terminal, foreign)
    screen = terminal.press("Enter", r"\n Esc back ")
    assert f" process {foreign} may not be read: run as its user or as root\n" in screen
    terminal.press("Escape", rf"\n▸ +{foreign} ")
    terminal.keys("q")
    assert terminal.exit_status() == 0
