"""For every reason a process of which it is true, made of records."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from hpview.in_force import ProcessThp
from hpview.kernelfs.maps import Mapping
from hpview.pages.slot_facts import NO_FACTS, SLOT_FACTS, Folio
from hpview.reasons.answers import answer
from hpview.reasons.reason import Reason
from hpview.space.address_space import AddressSpace
from hpview.wire import Backing, Source, VmFlag
from tests import records
from tests.records import MIB, RW, Script, run
from tests.settings_in_force import DISK, OLD_DISK, SHMEM, TMPFS, in_force, thp

if TYPE_CHECKING:
    from hpview.in_force import InForce
    from hpview.reasons.answers import Answers
    from hpview.wire import Records

BASE = 0x7F0000000000
SLOT = 2 * MIB
HG = RW | VmFlag.HUGEPAGE
_SHARED = VmFlag.SHARED | VmFlag.MAYSHARE
THP = "/sys/kernel/mm/transparent_hugepage"


def _facts(shared: int = 0, folio: Folio = Folio.SMALL) -> Records:
    return np.array([(BASE, shared, folio)], dtype=SLOT_FACTS)


@dataclass(frozen=True)
class Given:
    """One VMA of 4 MiB at ``BASE`` with one slot in it, and what is to be said of that slot."""

    reason: Reason
    evidence: tuple[str, str]
    remedy: str
    certain: bool = True
    also: tuple[Reason, ...] = ()
    vm_flags: int = HG
    start: int = BASE
    size: int = 2 * SLOT
    dev: int = 0
    ino: int = 77
    """Of what is mapped, if it is a file."""
    pgoff: int = 0
    backing: Backing = Backing.PTE_4K
    present: int = 512
    swapped: int = 0
    rules: InForce = field(default_factory=in_force)
    facts: Records = field(default_factory=NO_FACTS.copy)
    source: Source = Source.BPF
    name: str = ""
    shared: bool = True
    """Mapped so, if it is of a file."""

    def answers(self) -> Answers:
        script = Script(0).raw(records.task(4127, source=self.source))
        end = self.start + self.size
        cut = min(end, self.start // SLOT * SLOT + SLOT)
        runs = [run(self.start, cut, self.backing, present=self.present, swapped=self.swapped)]
        script.vma(
            self.start,
            end,
            *(runs if self.backing is not Backing.NONE else []),
            vm_flags=self.vm_flags | (_SHARED if self.dev and self.shared else 0),
            dev=self.dev,
            ino=self.ino if self.dev else 0,
            pgoff=self.pgoff,
        )
        space = AddressSpace()
        space.feed(script.end().data)
        if self.name:
            mapping = Mapping(self.start, end, RW, 0, self.dev, self.ino, self.name)
            space.set_names(np.array([self.start], dtype=np.uint64), [mapping])
        return answer(space, self.rules, None, self.facts)


GIVEN = {
    "unread": Given(
        Reason.UNREADABLE, ("page tables of", "could not be read"), "run as",
        backing=Backing.UNKNOWN,
    ),
    "nothing": Given(
        Reason.EMPTY, ("page table of", "no page"), "nothing is missed", backing=Backing.NONE
    ),
    "nothing, and it would not be": Given(
        Reason.EMPTY, ("page table of", "no page"), "nothing is missed", backing=Backing.NONE,
        vm_flags=RW, also=(Reason.NOT_ADVISED,),
    ),
    "the zero page": Given(
        Reason.EMPTY, ("page table of", "zero page"), "nothing is missed", backing=Backing.ZERO,
        present=0,
    ),
    "a device": Given(
        Reason.KIND, ("vm_flags", "VM_IO"), "", vm_flags=HG | VmFlag.IO,
    ),
    "small": Given(
        Reason.TOO_SMALL, (f"VMA {BASE:x}-{BASE + MIB:x}", "1.0 MiB"), "map more at once", size=MIB,
        present=256,
    ),
    "head": Given(
        Reason.EDGE, (f"VMA {BASE + MIB:x}-", f"head: the VMA begins at {BASE + MIB:x}"),
        "begin the mapping at a multiple", start=BASE + MIB, present=256,
    ),
    "offset": Given(
        Reason.MISALIGNED, ("VMA", "start 0x0, offset 0x10000 modulo 2 MiB"), "map it at",
        dev=SHMEM, pgoff=16, rules=in_force(thp(shmem_enabled="always")),
    ),
    "old file system": Given(
        Reason.FILE, ("/proc/config.gz", "CONFIG_READ_ONLY_THP_FOR_FS not set"), "a kernel with",
        dev=OLD_DISK,
    ),
    "page cache": Given(
        Reason.CACHE, ("mount /", "type ext4"), "have it read in", dev=DISK, certain=False,
    ),
    "data of a library": Given(
        Reason.COPIED, ("vm_flags", "private and writable"), "map it shared", dev=DISK,
        vm_flags=VmFlag.READ | VmFlag.ACCOUNT, certain=False, shared=False,
        also=(Reason.CACHE,),
    ),
    "overlay": Given(
        Reason.CANNOT_TELL, ("file system of", "not known"), "", dev=99,
    ),
    "overlay, not asked": Given(
        Reason.CANNOT_TELL, ("file system of", "not known"), "", dev=99, vm_flags=RW,
    ),
    "prctl": Given(
        Reason.PROCESS_OFF, ("/proc/4127/status THP_enabled", "0"), "do not disable",
        rules=replace(in_force(), process=ProcessThp.DISABLED),
    ),
    "prctl, except advised": Given(
        Reason.PROCESS_OFF, ("mm flags", "EXCEPT_ADVISED"), "ask for it", vm_flags=RW,
        rules=replace(in_force(thp("always")), process=ProcessThp.ADVISED_ONLY),
    ),
    "refused": Given(
        Reason.NOHUGEPAGE, ("vm_flags", "nh"), "leave out madvise(MADV_NOHUGEPAGE)",
        vm_flags=RW | VmFlag.NOHUGEPAGE,
    ),
    "not asked": Given(
        Reason.NOT_ADVISED, (f"{THP}/hugepages-2048kB/enabled", "inherit"), "ask for it",
        vm_flags=RW,
    ),
    "not asked, not known": Given(
        Reason.CANNOT_TELL, (f"{THP}/hugepages-2048kB/enabled", "inherit"), "run as root",
        source=Source.PAGEMAP_SCAN,
    ),
    "never": Given(
        Reason.OFF, (f"{THP}/hugepages-2048kB/enabled", "inherit"), "collapse the slot now",
        rules=in_force(thp("never")),
    ),
    "never for the size": Given(
        Reason.OFF, (f"{THP}/hugepages-2048kB/enabled", "never"), "collapse the slot now",
        rules=in_force(thp("always", pmd=("never", "never"))),
    ),
    "memfd": Given(
        Reason.SHMEM_OFF, (f"{THP}/hugepages-2048kB/shmem_enabled", "inherit"),
        "collapse the slot now", dev=SHMEM,
    ),
    "memfd, denied": Given(
        Reason.SHMEM_OFF, (f"{THP}/shmem_enabled", "deny"), "let shared memory", dev=SHMEM,
        rules=in_force(thp(shmem_enabled="deny")),
    ),
    "tmpfs": Given(
        Reason.SHMEM_OFF, ("mount option huge= of /srv/cache", "never"), "collapse the slot now",
        dev=TMPFS,
    ),
    "tmpfs, not asked": Given(
        Reason.NOT_ADVISED, ("mount option huge= of /srv/cache", "advise"), "ask for it",
        dev=TMPFS, vm_flags=RW, rules=in_force(huge="advise"),
    ),
    "swapped": Given(
        Reason.SWAPPED, ("page table of", "65 of 512 pages swapped out"), "use it", present=447,
        swapped=65,
    ),
    "shared": Given(
        Reason.SHARED, ("page table of", "257 of 512 pages mapped by another"),
        "collapse the slot now", facts=_facts(shared=257),
    ),
    "sparse": Given(
        Reason.SPARSE, ("page table of", "447 of 512 pages present"), "collapse the slot now",
        present=447, rules=in_force(thp(max_ptes_none=64)),
    ),
    "sparse shared memory": Given(
        Reason.SPARSE, ("page table of", "447 of 512 pages present"), "collapse the slot now",
        present=447, rules=in_force(thp(shmem_enabled="always", max_ptes_none=64)), dev=SHMEM,
        certain=False,
    ),
    "SysV memory": Given(
        Reason.SHMEM_OFF, (f"{THP}/shmem_enabled", "never"), "collapse the slot now", dev=SHMEM,
        name="/SYSV00000001 (deleted)", rules=in_force(thp(pmd=("inherit", "always"))),
    ),
    "the first SysV segment since boot": Given(
        Reason.SHMEM_OFF, (f"{THP}/shmem_enabled", "never"), "collapse the slot now", dev=SHMEM,
        name="/SYSV00000000 (deleted)", ino=0,
    ),
    "/dev/zero of a container": Given(
        Reason.OFF, (f"{THP}/hugepages-2048kB/enabled", "inherit"), "collapse the slot now",
        dev=TMPFS, shared=False, name="/dev/zero", rules=in_force(thp("never")),
    ),
    "a tmpfs file that was unlinked some time": Given(
        Reason.CANNOT_TELL, ("when /srv/cache/x (deleted) lost its name", "never"), "", dev=TMPFS,
        name="/srv/cache/x (deleted)", rules=in_force(thp(pmd=("inherit", "always"))),
    ),
    "userfaultfd": Given(
        Reason.SPARSE, ("page table of", "511 of 512"), "have the handler", present=511,
        vm_flags=HG | VmFlag.UFFD_MISSING,
    ),
    "page cache, prctl except advised": Given(
        Reason.CACHE, ("mount /", "type ext4"), "have it read in", dev=DISK, certain=False,
        vm_flags=RW, rules=replace(in_force(), process=ProcessThp.ADVISED_ONLY),
    ),
    "split": Given(
        Reason.SPLIT, ("/proc/kpageflags of", "mapped by 511 entries"), "collapse the slot now",
        present=511, facts=_facts(folio=Folio.SPLIT),
    ),
    "split shared memory": Given(
        Reason.SPLIT, ("/proc/kpageflags of", "mapped by 511 entries"), "collapse the slot now",
        present=511, facts=_facts(folio=Folio.SPLIT), dev=SHMEM, certain=False,
        rules=in_force(thp(shmem_enabled="always")),
    ),
    "swapped, and nothing left": Given(
        Reason.SWAPPED, ("page table of", "20 of 512 pages swapped out"), "use it", present=0,
        swapped=20,
    ),
    "fragmented": Given(
        Reason.FALLBACK, ("/proc/buddyinfo", "0 free blocks"), "compact memory once",
        rules=replace(in_force(), free_huge=0), certain=False,
    ),
    "waiting": Given(
        Reason.WAITING, (f"{THP}/khugepaged", "pages_to_scan 4096"), "collapse the slot now",
        certain=False,
    ),
}  # fmt: skip
