"""/sys/kernel/mm/transparent_hugepage: the settings in force. World readable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hpview.kernelfs.files import SYS

if TYPE_CHECKING:
    from pathlib import Path

DIRECTORY: Final = "kernel/mm/transparent_hugepage"


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
    zero = _number(base / "use_zero_page")
    return ThpSettings(
        enabled=_chosen(base / "enabled"),
        defrag=_chosen(base / "defrag"),
        shmem_enabled=_chosen(base / "shmem_enabled"),
        use_zero_page=None if zero is None else bool(zero),
        pmd_size=_number(base / "hpage_pmd_size"),
        khugepaged={
            path.name: value
            for path in sorted(base.glob("khugepaged/*"))
            if (value := _number(path)) is not None
        },
        sizes=tuple(
            SizeSetting(size, _chosen(path / "enabled"), _chosen(path / "shmem_enabled"))
            for size, path in sorted(
                (int(path.name.removeprefix("hugepages-").removesuffix("kB")) * 1024, path)
                for path in base.glob("hugepages-*kB")
            )
        ),
    )


def _read(path: Path) -> str | None:
    try:
        return path.read_text("ascii").strip()
    except OSError:
        return None


def _chosen(path: Path) -> str | None:
    """The word in brackets of ``always [madvise] never``."""
    words = _read(path)
    if words is None:
        return None
    return words.partition("[")[2].partition("]")[0] or words


def _number(path: Path) -> int | None:
    digits = _read(path)
    return int(digits) if digits is not None and digits.isdigit() else None
