"""What hpview says of a process, by the kernel's stream, and what the kernel says itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from hpview import backends, scan
from hpview.acting import madvise
from hpview.in_force import read_in_force
from hpview.pages.slot_facts import read_slot_facts
from hpview.reasons.answers import Answers, answer
from hpview.wire import SLOT_SIZE, Backing

if TYPE_CHECKING:
    from hpview.kernelfs.smaps import Smaps
    from hpview.reasons.answers import Explanation
    from hpview.space.address_space import AddressSpace

_COLLAPSE: Final = "hpview collapse "


def read(pid: int, backend: str = "bpf") -> AddressSpace:
    """A process by the kernel's stream, or by another."""
    readers = backends.readers(*backends.choose(backend))
    try:
        return scan.scan(readers, pid).space
    finally:
        readers.close()


def judge(space: AddressSpace, smaps: Smaps | None = None) -> Answers:
    """All that can be said of it now, single pages looked at."""
    in_force = read_in_force(space.tgid)
    facts = read_slot_facts(space.tgid, answer(space, in_force, smaps).open_slots)
    return answer(space, in_force, smaps, facts)


def explained(answers: Answers, address: int) -> Explanation:
    """Why the slot there is not huge; something is mapped there."""
    found = answers.explain(address)
    assert found is not None
    return found


def may_collapse(found: Explanation) -> bool:
    """Whether it is told that the slot can be collapsed now."""
    return any(
        remedy.text.startswith(_COLLAPSE)
        for finding in found.findings
        for remedy in finding.remedies
    )


def is_huge(space: AddressSpace, address: int) -> bool:
    """Whether a leaf maps an address."""
    runs = space.runs_of(address, address + 1)
    return bool(len(runs)) and int(runs["backing"][0]) in (Backing.PMD_2M, Backing.PUD_1G)


def collapse(pid: int, slot: int) -> int:
    """Have a slot collapsed; the error number, 0 for none."""
    pidfd = os.pidfd_open(pid)
    try:
        madvise.advise(pidfd, [slot // SLOT_SIZE * SLOT_SIZE])
    except OSError as err:
        return err.errno or -1
    finally:
        os.close(pidfd)
    return 0


def kernel_eligible(pid: int) -> dict[int, bool]:
    """THPeligible of every VMA, by its start."""
    out = {}
    with open(f"/proc/{pid}/smaps", "rb") as smaps:
        for line in smaps:
            key, colon, value = line.partition(b":")
            if not colon or b" " in key:
                start = int(line.partition(b"-")[0], 16)
            elif key == b"THPeligible":
                out[start] = int(value) == 1
    return out
