"""What collapsing costs and what came of it, in words: on the screen and on a terminal."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

from hpview import units

if TYPE_CHECKING:
    from hpview.acting.outcome import Outcome
    from hpview.acting.plan import Plan

FAILURES: Final = {
    0: (
        "the kernel says it was done, but it is not huge now",
        "it was split again, or changed meanwhile",
    ),
    errno.ENOMEM: (
        "no free 2 MiB block could be had, or nothing is mapped there any more",
        "free memory, or have it compacted (/proc/sys/vm/compact_memory), and try again",
    ),
    errno.EBUSY: (
        "the process's cgroup is at its memory limit, or userfaultfd waits for pages missing here",
        "raise the cgroup's memory.max, or free memory in it",
    ),
    errno.EAGAIN: (
        "pages of it are in use: pinned for I/O, locked, or on their way elsewhere",
        "try again in a moment",
    ),
    errno.EINVAL: (
        "the kernel makes no huge page of it: MADV_NOHUGEPAGE, huge pages off for the process "
        "or for shared memory, userfaultfd, or pages it cannot move",
        "the reasons why it is not huge tell which",
    ),
}
"""What an errno of MADV_COLLAPSE means, and what would help.

mm/khugepaged.c, madvise_collapse_errno(): ENOMEM is a failed allocation, EBUSY a failed
charge or a page missing where userfaultfd waits for it, EAGAIN a page that was counted, locked
or off its list, EINVAL all the rest; and mm/madvise.c, which says ENOMEM where nothing is
mapped. 0 is none.
"""

_REFUSALS: Final = {
    errno.EPERM: "to collapse memory of another process takes CAP_SYS_NICE: run as root",
    errno.EACCES: "this user may not look into it: run as root",
    errno.ENOSYS: "this kernel has no process_madvise(2): Linux 5.10 or later",
    errno.EINVAL: "this kernel has no MADV_COLLAPSE: Linux 6.1 or later, with huge pages",
}
"""Why the call is refused before any address is looked at (mm/madvise.c, process_madvise())."""


TIME_COSTS: Final = (
    "blocks of 2 MiB are freed by reclaim and compaction if need be, whatever defrag says",
    "a slot is copied meanwhile, and whatever touches it waits",
)
"""What it costs in any case."""


def refusal_words(code: int) -> str:
    """Why nothing can be done at all, by errno."""
    return _REFUSALS.get(code) or f"the kernel refuses it ({name_of(code)})"


def name_of(code: int) -> str:
    """``EINVAL``; the number where it has no name."""
    return errno.errorcode.get(code, f"error {code}")


def failure_words(code: int) -> tuple[str, str]:
    """What kept a slot from becoming huge, and what would help, by errno."""
    what, remedy = FAILURES.get(code, ("the kernel could not do it", ""))
    return f"{name_of(code)}: {what}" if code else what, remedy


def slots(count: int) -> str:
    """``1 slot`` or ``1 200 slots``."""
    return f"{units.thousands(count)} slot{'' if count == 1 else 's'}"


def call_words(plan: Plan) -> str:
    """The system call, much as strace would print it."""
    count = len(plan.slots)
    each = f" for each of {slots(count)}" if count > 1 else ""
    return f"process_madvise(pidfd, {{0x{int(plan.slots[0]):x}, 2 MiB}}, MADV_COLLAPSE){each}"


def expected_words(plan: Plan) -> str:
    """How many slots are tried, and why not the others."""
    others = [
        f"{units.thousands(count)} {what}"
        for count, what in (
            (plan.huge, "huge already"),
            (plan.empty, "with nothing there yet"),
            (plan.unread, "not read"),
        )
        if count
    ]
    out = f"{units.thousands(len(plan.slots))} of {slots(plan.count)} to be made huge"
    return f"{out} ({', '.join(others)})" if others else out


def memory_words(plan: Plan) -> list[str]:
    """What it costs in memory, a line each."""
    grow = f"up to {units.size(plan.missing)} more memory: missing pages are filled with zeros"
    out = [grow if plan.missing else "no more memory: no page is missing"]
    if plan.swapped:
        out.append(f"{units.size(plan.swapped)} are read back from swap")
    return out


def result_words(result: Outcome) -> str:
    """``3 of 4 slots are huge now (1 before), +1.2 MiB resident``."""
    sign = "-" if result.grown < 0 else "+"
    memory = f"{sign}{units.size(abs(result.grown))}" if result.grown else "no change in"
    return (
        f"{units.thousands(result.huge)} of {slots(result.count)} "
        f"{'is' if result.count == 1 else 'are'} huge now "
        f"({units.thousands(result.was_huge)} before), {memory} resident"
    )


def failed_words(result: Outcome, doubt: str = "") -> list[tuple[str, str]]:
    """For each way to fail how many slots did and why, and what would help.

    Args:
        result: What came of a plan.
        doubt: Of the plan.
    """
    out = []
    for code, count in result.failures:
        what, remedy = failure_words(code)
        if code == errno.EINVAL and doubt:
            what, remedy = f"{name_of(code)}: {doubt}", ""
        out.append((f"{units.thousands(count)} failed: {what}", remedy))
    if result.left:
        out.append((f"{units.thousands(result.left)} not tried: it was stopped", ""))
    return out
