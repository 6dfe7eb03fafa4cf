"""One slot and all that a rule may look at to explain its verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from hpview.reasons import modes
from hpview.reasons.kinds import SHARED_KINDS, VmaKind
from hpview.wire import PAGE_SIZE, SLOT_SIZE

if TYPE_CHECKING:
    import numpy as np

    from hpview.in_force import InForce
    from hpview.kernelfs.mounts import Mount
    from hpview.reasons.modes import Ruling
    from hpview.reasons.reason import Reason


class Evidence(NamedTuple):
    """One fact that a verdict rests on.

    Attributes:
        what: The file, flag or range it was read from.
        value: What stands there; may hold untrusted text.
        rule: What follows of it.
        source: Where the kernel says so: file and function.
    """

    what: str
    value: str
    rule: str
    source: str


class Remedy(NamedTuple):
    """What would change it.

    Attributes:
        words: What to do, and at what price.
        text: A line of code or a command to copy, or "".
    """

    words: str
    text: str = ""


class Finding(NamedTuple):
    """One reason and what shows it.

    Attributes:
        reason: It.
        certain: False where it is likely, not proved.
        evidence: One fact at least.
        remedies: The nearest first; none where nothing helps.
    """

    reason: Reason
    certain: bool
    evidence: tuple[Evidence, ...]
    remedies: tuple[Remedy, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """One slot, or the part of it in one VMA.

    Attributes:
        in_force: The settings.
        vma: Row of ``AddressSpace.vmas``.
        kind: Of the VMA.
        name: Of the VMA; untrusted.
        start: First address.
        end: Address behind the last.
        present: 4 kB pages that are there.
        swapped: Pages in swap.
        shared: Pages that others map, too; 0 where not asked for.
        collapsible: MADV_COLLAPSE may be tried.
    """

    in_force: InForce
    vma: np.void
    kind: VmaKind
    name: str
    start: int
    end: int
    present: int
    swapped: int
    shared: int
    collapsible: bool

    @property
    def range_words(self) -> str:
        """The VMA's range, as maps prints it."""
        return f"{self.field('start'):x}-{self.field('end'):x}"

    @property
    def pages(self) -> int:
        """Pages of 4 kB in the case."""
        return (self.end - self.start) // PAGE_SIZE

    @property
    def slot(self) -> int:
        """The address of the whole slot."""
        return self.start // SLOT_SIZE * SLOT_SIZE

    @property
    def mount(self) -> Mount | None:
        """The file system that the VMA's file lies on, as far as it is known."""
        return self.in_force.mounts.get(self.field("dev"))

    @property
    def ruling(self) -> Ruling:
        """The setting that rules the VMA."""
        match self.kind:
            case VmaKind.SHMEM:
                return modes.shmem(self.in_force)
            case VmaKind.SYSV:
                return modes.sysv(self.in_force)
            case VmaKind.TMPFS:
                return modes.tmpfs(self.in_force, self.mount)
            case VmaKind.FILE:
                return modes.file(self.in_force)
        return modes.anon(self.in_force)

    @property
    def is_shared_memory(self) -> bool:
        """Shmem of either kind."""
        return self.kind in SHARED_KINDS

    def field(self, name: str) -> int:
        """A number of the VMA's row."""
        value: Any = self.vma[name]
        return int(value)

    def knob(self, name: str) -> str:
        """The file of a khugepaged setting."""
        return f"{modes.THP}/khugepaged/{name}"
