"""/sys/kernel/mm/transparent_hugepage: the settings in force. World readable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hpview.kernelfs.files import SYS, by_page_size, read_number

if TYPE_CHECKING:
    from pathlib import Path

DIRECTORY: Final = "kernel/mm/transparent_hugepage"

_FIRST: Final = ("enabled", "defrag", "shmem_enabled", "use_zero_page", "shrink_underused")
_KHUGEPAGED_COUNTERS: Final = frozenset({"pages_collapsed", "full_scans"})
_NEGATIVE: Final = 1 << 63
"""A sum over processors that another one changed meanwhile wraps below zero."""


@dataclass(frozen=True, slots=True)
class Knob:
    """One setting.

    Attributes:
        name: Its file, relative to transparent_hugepage: ``defrag``, ``khugepaged/pages_to_scan``.
        value: What is in force: the word in brackets, else all of it.
        choices: What may be written, where the file tells; else ().
    """

    name: str
    value: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SizeSetting:
    """The knobs of one folio size.

    Attributes:
        size: Bytes.
        enabled: ``always``, ``inherit``, ``madvise`` or ``never``; None where the
            size is for shared memory only.
        shmem_enabled: The like for shared memory, or None.
    """

    size: int
    enabled: str | None
    shmem_enabled: str | None


@dataclass(frozen=True, slots=True)
class ThpSettings:
    """Settings of transparent huge pages; None for a file that this kernel lacks.

    Attributes:
        enabled: ``always``, ``madvise`` or ``never``.
        defrag: How hard a fault tries.
        shmem_enabled: For shared memory and tmpfs.
        use_zero_page: Whether reads of untouched memory map the huge zero page.
        pmd_size: Bytes of a PMD leaf.
        khugepaged: The values of khugepaged/*, by file name.
        sizes: Per folio size, ascending; () before 6.8.
    """

    enabled: str | None
    defrag: str | None
    shmem_enabled: str | None
    use_zero_page: bool | None
    pmd_size: int | None
    khugepaged: dict[str, int]
    sizes: tuple[SizeSetting, ...]


def read_thp(sysfs: Path = SYS) -> ThpSettings:
    """Read what there is; a kernel without THP gives None and () throughout."""
    base = sysfs / DIRECTORY
    zero = read_number(base / "use_zero_page")
    return ThpSettings(
        enabled=_chosen(base / "enabled"),
        defrag=_chosen(base / "defrag"),
        shmem_enabled=_chosen(base / "shmem_enabled"),
        use_zero_page=None if zero is None else bool(zero),
        pmd_size=read_number(base / "hpage_pmd_size"),
        khugepaged={
            path.name: value
            for path in sorted(base.glob("khugepaged/*"))
            if (value := read_number(path)) is not None
        },
        sizes=tuple(
            SizeSetting(size, _chosen(path / "enabled"), _chosen(path / "shmem_enabled"))
            for size, path in by_page_size(base)
        ),
    )


def read_knobs(sysfs: Path = SYS) -> tuple[Knob, ...]:
    """All settings but those of a folio size: what files there are differs by kernel.

    Returns:
        The known ones first, then others by name, then those of khugepaged, its counters left out.
    """
    base = sysfs / DIRECTORY
    top = {path.name: path for path in sorted(base.glob("*")) if path.is_file()}
    top.pop("hpage_pmd_size", None)
    paths = [top.pop(name) for name in _FIRST if name in top] + [*top.values()]
    paths += [
        path for path in sorted(base.glob("khugepaged/*")) if path.name not in _KHUGEPAGED_COUNTERS
    ]
    return tuple(
        Knob(str(path.relative_to(base)), _bracketed(words) or words, _choices(words))
        for path in paths
        if (words := _read(path)) is not None
    )


def read_counts(sysfs: Path = SYS) -> dict[str, int]:
    """What khugepaged and each folio size have counted, by file relative to transparent_hugepage.

    ``khugepaged/full_scans``, ``hugepages-64kB/stats/anon_fault_alloc`` and so on; sizes and
    files differ by kernel. A gauge that was just below zero is left out.
    """
    base = sysfs / DIRECTORY
    paths = [base / "khugepaged" / name for name in sorted(_KHUGEPAGED_COUNTERS)]
    for _, folder in by_page_size(base):
        paths += sorted(folder.glob("stats/*"))
    return {
        str(path.relative_to(base)): value
        for path in paths
        if (value := read_number(path)) is not None and value < _NEGATIVE
    }


def _read(path: Path) -> str | None:
    try:
        return path.read_text("ascii").strip()
    except OSError:
        return None


def _chosen(path: Path) -> str | None:
    """The word in brackets of ``always [madvise] never``."""
    words = _read(path)
    return None if words is None else _bracketed(words) or words


def _bracketed(words: str) -> str:
    return words.partition("[")[2].partition("]")[0]


def _choices(words: str) -> tuple[str, ...]:
    return tuple(word.strip("[]") for word in words.split()) if _bracketed(words) else ()
