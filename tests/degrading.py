"""What hpview does without some of the kernel's interfaces: the table of docs/degrading.md."""

from __future__ import annotations

from itertools import product
from typing import Final, NamedTuple

YES, NO = "yes", "no"
DENIED: Final = "none: it may not be read"
_HEAD: Final = (
    "BPF", "PAGEMAP_SCAN", "PROCMAP_QUERY", "kpageflags", "process",
    "source", "huge", "4 kB, zero, swap", "said",
)  # fmt: skip


class Case(NamedTuple):
    """What there is.

    Attributes:
        bpf: The program loads and its iterator can be read.
        scan: PAGEMAP_SCAN.
        query: PROCMAP_QUERY.
        kpageflags: It tells, and pagemap tells frames.
        own: The process is the reader's, else another user's.
    """

    bpf: bool
    scan: bool
    query: bool
    kpageflags: bool
    own: bool


class Behaviour(NamedTuple):
    """What is done about it.

    Attributes:
        source: Where numbers come from, as it is shown beside them.
        huge: How well huge pages are known.
        small: How well everything else is.
        said: Beginnings of the notices, in their order, or of the error.
    """

    source: str
    huge: str
    small: str
    said: tuple[str, ...]


CASES: Final = [Case(*values) for values in product((True, False), repeat=5)]

_BPF: Final = "bpf is not available"
_FOLIOS: Final = "what is huge is concluded from folios, an estimate"
_TOTALS: Final = "what is huge is concluded from the totals of smaps, an estimate"
EXACT: Final = "exact"
BY_FOLIO: Final = "estimate, marked: a 2 MB folio that 4 kB entries map counts as huge"
BY_TOTAL: Final = "totals exact; which slots is an estimate, marked"
MOSTLY: Final = "exact, but zero pages: marked where they are an estimate"
ERROR: Final = "process {} may not be read: run as its user or as root"


def behaviour(case: Case) -> Behaviour:
    """What hpview does, by the rules of ``stream.auto``, ``stream.features`` and the kernel's."""
    if case.bpf:
        return Behaviour("bpf", EXACT, EXACT, ())
    if not (case.own or case.kpageflags):
        # Without kpageflags the reader is no root of the first user namespace.
        return Behaviour("-", DENIED, DENIED, (ERROR.format("PID"),))
    if case.scan:
        return Behaviour("pagemap_scan", EXACT, EXACT, (_BPF,))
    if case.kpageflags:
        return Behaviour("pagemap+kpageflags", BY_FOLIO, EXACT, (_BPF, _FOLIOS))
    return Behaviour("smaps", BY_TOTAL, MOSTLY, (_BPF, _TOTALS))


def rendered() -> str:
    """The table in Markdown."""
    rows = [_HEAD, tuple("-" * len(name) for name in _HEAD)]
    for case in CASES:
        found = behaviour(case)
        features = [YES if has else NO for has in case[:4]]
        whose = "own" if case.own else "another's"
        said = "; ".join(found.said) or "-"
        rows.append((*features, whose, found.source, found.huge, found.small, said))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    print(rendered())
