"""Words for one slot's verdict, and for the settings that it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hpview import units
from hpview.in_force import ProcessThp
from hpview.inquiry.sums import within
from hpview.reasons.breakdown import breakdown
from hpview.reasons.reason import Reason
from hpview.units import thousands
from hpview.wire import SLOT_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hpview.in_force import InForce
    from hpview.reasons.answers import Answers
    from hpview.reasons.case import Finding

_OF_A_SLOT: Final = {
    Reason.NONE: "huge",
    Reason.UNREADABLE: "could not be read",
    Reason.EMPTY: "nothing there yet",
    Reason.KIND: "a special mapping, never huge",
    Reason.TOO_SMALL: "the VMA is under 2 MiB",
    Reason.EDGE: "the VMA covers a part of this slot only",
    Reason.MISALIGNED: "file offset and address do not match",
    Reason.FILE: "a file without huge page support",
    Reason.COPIED: "private copies of pages of a file",
    Reason.PROCESS_OFF: "huge pages are disabled for the process",
    Reason.NOHUGEPAGE: "the program forbade it: MADV_NOHUGEPAGE",
    Reason.SHMEM_OFF: "huge pages are off for shared memory",
    Reason.OFF: "huge pages are switched off",
    Reason.NOT_ADVISED: "the program did not ask: no MADV_HUGEPAGE",
    Reason.CANNOT_TELL: "cannot tell whether the program asked",
    Reason.SWAPPED: "too many pages are swapped out",
    Reason.SHARED: "too many pages are shared",
    Reason.SPARSE: "too sparse for khugepaged",
    Reason.CACHE: "the page cache has it in smaller folios",
    Reason.SPLIT: "it was huge and was split",
    Reason.FALLBACK: "no free 2 MB block",
    Reason.WAITING: "eligible, khugepaged has not come",
}
"""What is said of one slot; ``Reason.short`` stands behind an amount instead."""

_IN_A_COLUMN: Final = {
    Reason.NONE: "",
    Reason.UNREADABLE: "unreadable",
    Reason.EMPTY: "",
    Reason.KIND: "never huge",
    Reason.TOO_SMALL: "under 2 MiB",
    Reason.EDGE: "at VMA edges",
    Reason.MISALIGNED: "misaligned",
    Reason.FILE: "file",
    Reason.COPIED: "private copies",
    Reason.PROCESS_OFF: "off for process",
    Reason.NOHUGEPAGE: "MADV_NOHUGEPAGE",
    Reason.SHMEM_OFF: "shmem off",
    Reason.OFF: "switched off",
    Reason.NOT_ADVISED: "not advised",
    Reason.CANNOT_TELL: "cannot tell",
    Reason.SWAPPED: "swapped",
    Reason.SHARED: "shared",
    Reason.SPARSE: "too sparse",
    Reason.CACHE: "small folios",
    Reason.SPLIT: "was split",
    Reason.FALLBACK: "no free block",
    Reason.WAITING: "waiting",
}

COLUMN: Final = max(map(len, _IN_A_COLUMN.values()))
"""Terminal cells of ``column_words``."""

_SAID_ALREADY: Final = frozenset({Reason.UNREADABLE, Reason.EMPTY})
"""Reasons that are what is seen, too."""

_BY_VALUE: Final = frozenset({Reason.EDGE, Reason.TOO_SMALL, Reason.KIND})
"""Reasons whose first fact says all in its value."""

_BY_SETTING: Final = frozenset(
    {
        Reason.SHMEM_OFF,
        Reason.OFF,
        Reason.NOT_ADVISED,
        Reason.CANNOT_TELL,
        Reason.SWAPPED,
        Reason.SHARED,
        Reason.SPARSE,
    }
)
"""Reasons that a setting decides: the last fact that is a file under /sys, or a mount option."""


_OF_THE_PROCESS: Final = {
    ProcessThp.ALLOWED: "allowed for the process",
    ProcessThp.ADVISED_ONLY: "for the process only where advised",
    ProcessThp.DISABLED: "disabled for the process",
    ProcessThp.NOT_DISABLED: "not disabled for the process",
    ProcessThp.UNKNOWN: "not known whether disabled for the process",
}


def slot_words(finding: Finding) -> str:
    """The reason of one slot, with "possibly" where that is all that can be said."""
    words = _OF_A_SLOT[finding.reason]
    return words if finding.certain else f"possibly: {words}"


def column_words(reason: Reason) -> str:
    """The same in a column of a list; "" where nothing is missed."""
    return _IN_A_COLUMN[reason]


def brief(finding: Finding) -> str:
    """What shows it, in a few words such as ``max_ptes_none 64``, or ""; untrusted."""
    if finding.reason in _BY_VALUE:
        return finding.evidence[0].value
    if finding.reason in _BY_SETTING:
        for fact in reversed(finding.evidence):
            if fact.what.startswith("/sys/"):
                return f"{fact.what.rpartition('/')[2]} {fact.value}"
            if fact.what.startswith("mount "):
                return f"{fact.what} {fact.value}"
    return ""


def cell_forms(answers: Answers, start: int, end: int, address: int) -> tuple[str, ...]:
    """Why a cell of the map is not huge, in ever shorter forms; none where nothing is missed.

    Args:
        answers: The rules applied.
        start: First address of the cell.
        end: Address behind the last; of several slots the reasons with most bytes are told.
        address: In the cell; of a slot in two VMAs the part there is told.
    """
    if end - start > SLOT_SIZE:
        found = breakdown(within(answers, start, end))
        shares = [f"{units.size(s.bytes)} {s.reason.short}" for s in (*found.shares, *found.others)]
        return tuple(", ".join(shares[:most]) for most in range(len(shares[:2]), 0, -1))
    explanation = answers.explain(address) or answers.explain(start)
    if explanation is None or not explanation.findings:
        return ()
    first = explanation.findings[0]
    if first.reason in _SAID_ALREADY:
        return ()
    words, shown = slot_words(first), brief(first)
    short = first.reason.short
    return (f"{words} ({shown})", words, short) if shown else (words, short)


def settings_words(in_force: InForce) -> tuple[str, ...]:
    """What is in force, a few words each."""
    thp, size = in_force.thp, in_force.pmd_size
    limits = [
        f"{short} {in_force.khugepaged(f'max_ptes_{short}', -1)}"
        for short in ("none", "swap", "shared")
        if f"max_ptes_{short}" in thp.khugepaged
    ]
    pages, sleep = (in_force.khugepaged(n, -1) for n in ("pages_to_scan", "scan_sleep_millisecs"))
    pace = [f"{pages} pages every {sleep / 1000:g} s"] if pages >= 0 and sleep >= 0 else []
    kernel = ".".join(map(str, in_force.kernel))
    return (
        f"Linux {kernel}",
        f"THP {_switch(thp.enabled, None if size is None else size.enabled)}",
        f"shared memory {_switch(thp.shmem_enabled, None if size is None else size.shmem_enabled)}",
        f"defrag {thp.defrag or '-'}",
        _OF_THE_PROCESS[in_force.process],
        *([f"khugepaged max_ptes {', '.join(limits)}"] if limits else []),
        *(f"khugepaged {words}" for words in pace),
        *_free(in_force.free_huge),
    )


def flowed(words: Sequence[str], width: int, dot: str = " · ") -> list[str]:
    """Words with dots in between, in lines that none of them crosses.

    Args:
        words: A few characters each.
        width: Of a line, unless one of the words is longer.
        dot: Between two words of a line.
    """
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1] + dot + word) <= width:
            lines[-1] += dot + word
        else:
            lines.append(word)
    return lines


def _free(blocks: int | None) -> tuple[str, ...]:
    return () if blocks is None else (f"2 MB blocks free {thousands(blocks)}",)


def _switch(word: str | None, own: str | None) -> str:
    """A setting, and that of the 2 MB size where it does not just take it over."""
    if own is None or own == "inherit":
        return word or "-"
    return f"{word or '-'} (2 MB: {own})"
