"""What can be asked of a process: the columns of the list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from hpview.process import Process


@dataclass(frozen=True, slots=True)
class Field:
    """One fact of each process.

    Attributes:
        key: Its name.
        falling: Sorted with the largest first unless reversed.
        text: Of the fields of words; None for those of numbers.
        number: Of the fields of numbers, None where unknown; coverage is a percentage.
        summed: The number of a group is the sum of its processes' numbers.
    """

    key: str
    falling: bool
    text: Callable[[Process], str] | None = None
    number: Callable[[Process], float | None] | None = None
    summed: bool = False


def coverage(process: Process) -> float | None:
    """``Process.coverage`` in percent."""
    share = process.coverage
    return None if share is None else 100 * share


_ALL: Final = (
    Field("pid", False, number=lambda p: p.pid),
    Field("ppid", False, number=lambda p: p.ppid),
    Field("user", False, text=lambda p: p.user),
    Field("cgroup", False, text=lambda p: p.cgroup),
    Field("command", False, text=lambda p: p.shown_command),
    Field("resident", True, number=lambda p: p.resident, summed=True),
    Field("2m", True, number=lambda p: p.bytes_2m, summed=True),
    Field("1g", True, number=lambda p: p.bytes_1g, summed=True),
    Field("4k", True, number=lambda p: p.bytes_4k, summed=True),
    Field("swap", True, number=lambda p: p.bytes_swap, summed=True),
    Field("coverage", True, number=coverage),
    Field("gap", True, number=lambda p: p.bytes_gap, summed=True),
    Field("vmas", True, number=lambda p: p.vmas, summed=True),
    Field("change", True, number=lambda p: p.change, summed=True),
)
FIELDS: Final = {field.key: field for field in _ALL}
"""By key, in the order of the columns."""

SUMMED: Final = tuple(field.key for field in _ALL if field.summed)


class Table:
    """Processes by fields; each field is read when it is first asked for.

    Args:
        processes: By ascending pid.
    """

    def __init__(self, processes: Sequence[Process]) -> None:
        self.processes = processes
        self._numbers: dict[str, NDArray[np.float64]] = {}
        self._texts: dict[str, list[str]] = {}
        self._words: list[str] | None = None

    def __len__(self) -> int:
        """How many processes there are."""
        return len(self.processes)

    def numbers(self, key: str) -> NDArray[np.float64]:
        """A field of numbers, shape (n,); NaN is unknown."""
        found = self._numbers.get(key)
        if found is None:
            read = FIELDS[key].number
            assert read is not None
            values = [read(process) for process in self.processes]
            found = self._numbers[key] = np.array(values, dtype=np.float64)
        return found

    def texts(self, key: str) -> list[str]:
        """A field of words, casefolded."""
        found = self._texts.get(key)
        if found is None:
            read = FIELDS[key].text
            assert read is not None
            found = self._texts[key] = [read(process).casefold() for process in self.processes]
        return found

    @property
    def words(self) -> list[str]:
        """What a plain word is looked for in: pid, user, name and command line, casefolded."""
        if self._words is None:
            self._words = [
                f"{p.pid}\n{p.user}\n{p.comm}\n{p.cmdline}".casefold() for p in self.processes
            ]
        return self._words

    def order(self, key: str, *, reverse: bool = False) -> NDArray[np.intp]:
        """The processes sorted by a field, shape (n,).

        What is unknown comes last in either direction; equals stay by pid.
        """
        field = FIELDS[key]
        falling = field.falling != reverse
        if field.text is None:
            values = self.numbers(key)
            return np.argsort(-values if falling else values, kind="stable")
        texts = self.texts(key)
        order = sorted(range(len(texts)), key=texts.__getitem__, reverse=falling)
        return np.array(order, dtype=np.intp)
