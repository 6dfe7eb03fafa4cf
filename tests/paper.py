"""An address space of a real process, written as a string as ``fakemm`` does: one letter a page.

Equal neighbours are one VMA, ``.`` is unmapped. The letters are protections, so that VMAs split
and merge as mprotect(2) has it.
"""

from __future__ import annotations

from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Final

from hpview import wire
from hpview.kernelfs.maps import read_maps
from hpview.wire import PAGE_SIZE, Kind, Status
from tests.compare import read
from tests.mutant import Mutant, mutant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hpview.stream.base import Stream
    from tests.mutant import Command

PROTECTION: Final = {"A": 1, "B": 3, "C": 5, "D": 0, "E": 4, "X": 7}
_LETTER: Final = {protection: letter for letter, protection in PROTECTION.items()}


class Paper:
    """A stopped process with pages of our own above all it had: nothing is mapped behind them.

    Attributes:
        base: Address of page 0.
    """

    def __init__(self, target: Mutant, pages: str, base: int | None = None) -> None:
        self.target = target
        self.pid = target.pid
        self.base = read_maps(self.pid)[-1].end + 16 * PAGE_SIZE if base is None else base
        self.pages = "." * len(pages)
        self.become(pages)

    def become(self, pages: str) -> None:
        """Change the pages whose letters differ: mprotect(2) from letter to letter."""
        commands: list[Command] = []
        at = 0
        for (before, after), group in groupby(zip(self.pages, pages, strict=True)):
            length = len(list(group))
            place = (self.base + at * PAGE_SIZE, length * PAGE_SIZE)
            at += length
            if before == after:
                continue
            if after == ".":
                commands.append(("unmap", *place))
            else:
                how = "map" if before == "." else "protect"
                commands.append((how, *place, PROTECTION[after]))
        self.target.do_all(commands)
        self.pages = pages
        found = [(m.start, m.end, m.vm_flags & 7) for m in read_maps(self.pid)]
        names = [name for vma in found if (name := self._name(*vma))]
        assert names == _written(pages)

    def renew(self, pages: str) -> None:
        """The same, but by mapping anew what changes: other VMAs for the same pages."""
        self.become("".join(b if b == a else "." for b, a in zip(self.pages, pages, strict=True)))
        self.become(pages)

    def first(self, stream: Stream, last: str) -> list[str]:
        """Read one VMA at a time until ``last`` was shown: the one behind it is pending."""
        shown: list[str] = []
        while last not in shown:
            data = read(stream, wire.RECORD_SIZE)
            assert data != b"", f"{last} did not come, but {shown}"
            shown += self._names(data or b"")
        return shown

    def rest(self, stream: Stream, size: int = wire.RECORD_SIZE) -> list[str]:
        """All that is shown until the end, which is ``END`` and its status."""
        shown: list[str] = []
        while (data := read(stream, size)) != b"":
            shown += self._names(data or b"")
        return shown

    def shown_before(self) -> int:
        """How many VMAs lie below."""
        return sum(m.end <= self.base for m in read_maps(self.pid))

    def _names(self, data: bytes) -> list[str]:
        chunk = wire.decode(data)
        names = [
            name
            for vma in chunk.of(Kind.VMA)
            if (name := self._name(int(vma["start"]), int(vma["end"]), int(vma["vm_flags"]) & 7))
        ]
        for end in chunk.of(Kind.END):
            status = Status(int(end["status"]))
            names.append("END" if status is Status.COMPLETE else f"END:{status.name}")
        return names

    def _name(self, start: int, end: int, protection: int) -> str:
        """``A0-2``; "" for what is not ours."""
        if start < self.base or start >= self.base + len(self.pages) * PAGE_SIZE:
            return ""
        first, last = (start - self.base) // PAGE_SIZE, (end - self.base) // PAGE_SIZE
        return f"{_LETTER.get(protection, '?')}{first}-{last}"


@contextmanager
def paper(pages: str, base: int | None = None) -> Iterator[Paper]:
    """Start a process with these pages."""
    with mutant() as target:
        yield Paper(target, pages, base)


def _written(pages: str) -> list[str]:
    names = []
    at = 0
    for letter, group in groupby(pages):
        length = len(list(group))
        if letter != ".":
            names.append(f"{letter}{at}-{at + length}")
        at += length
    return names
