"""The sections of the machine screen, in the order in which an operator asks."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final, NamedTuple

from hpview.ui.machine import hugetlb, khugepaged, now, sizes, users, waits

if TYPE_CHECKING:
    from collections.abc import Callable

    from hpview.ui.machine.seen import Seen
    from hpview.ui.machine.table import Part, Table


class Source(Enum):
    """What is read apart, because it costs more than a sample of the machine."""

    LEDGER = auto()
    PROCESSES = auto()
    DELAYS = auto()


class Section(NamedTuple):
    """One section.

    Attributes:
        name: A word.
        question: What it answers.
        needs: What has to be read for it beside the sample, in this order.
        answer: In a line, as facts; the first is the most important one.
        tables: At length.
    """

    name: str
    question: str
    needs: tuple[Source, ...]
    answer: Callable[[Seen], list[list[Part]]]
    tables: Callable[[Seen], tuple[Table, ...]]


_LEDGER: Final = (Source.LEDGER,)
_PROCESSES: Final = (Source.PROCESSES,)
_DELAYS: Final = (Source.PROCESSES, Source.DELAYS)

SECTIONS: Final = (
    Section("now", "can huge pages be had now?", (), now.answer, now.tables),
    Section("khugepaged", "does it do anything?", (), khugepaged.answer, khugepaged.tables),
    Section("hugetlb", "who holds the pools?", _LEDGER, hugetlb.answer, hugetlb.tables),
    Section("waits", "who pays for huge pages?", _DELAYS, waits.answer, waits.tables),
    Section("sizes", "which folios are on, and used?", (), sizes.answer, sizes.tables),
    Section("users", "what do users, cgroups come to?", _PROCESSES, users.answer, users.tables),
)
