"""The hugetlb controller of cgroups, v1 and v2 (mm/hugetlb_cgroup.c). World readable."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from hpview.kernelfs.files import PROC
from hpview.kernelfs.mounts import own_mounts

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNIT: Final = {"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
_UNLIMITED: Final = 1 << 62
"""v1 prints PAGE_COUNTER_MAX pages, rounded down, where there is no limit."""

# limit, use, limit and use of reservations, how often a limit was met
_FILES: Final[Mapping[bool, tuple[str, ...]]] = {
    True: ("max", "current", "rsvd.max", "rsvd.current", "events"),
    False: (
        "limit_in_bytes",
        "usage_in_bytes",
        "rsvd.limit_in_bytes",
        "rsvd.usage_in_bytes",
        "failcnt",
    ),
}


class HugetlbCgroup(NamedTuple):
    """Limits and use of one page size in one cgroup, its descendants' use included.

    Attributes:
        path: Of the cgroup, as /proc/PID/cgroup has it; untrusted.
        page_size: Bytes.
        limit: Bytes that may be used; None without a limit.
        usage: Bytes in use.
        reserved_limit: Bytes that may be reserved; None without a limit, and before 5.7.
        reserved_usage: Bytes reserved or in use; None before 5.7.
        failures: How often the limit was met; None where that is not told.
        source: The file of ``limit``; untrusted.
    """

    path: str
    page_size: int
    limit: int | None
    usage: int
    reserved_limit: int | None
    reserved_usage: int | None
    failures: int | None
    source: str


class Hierarchy(NamedTuple):
    """Where the controller's files are.

    Attributes:
        folder: The mount point.
        top: The cgroup that is mounted there.
        unified: cgroup v2.
    """

    folder: Path
    top: str
    unified: bool

    def path_of(self, cgroup: str) -> Path | None:
        """The folder of a cgroup; None where it lies outside of what is mounted."""
        if cgroup.startswith("/.."):
            return None  # above the root of the reader's cgroup namespace
        top = self.top.rstrip("/")
        if not f"{cgroup}/".startswith(f"{top}/"):
            return None
        return self.folder / cgroup.removeprefix(top).lstrip("/")


def find_hierarchy(root: Path = PROC) -> Hierarchy | None:
    """v1's where it is mounted, for a controller is in one only; else v2's; None without either."""
    mounts = own_mounts(root).values()
    for mount in mounts:
        if mount.kind == "cgroup" and "hugetlb" in mount.options:
            return Hierarchy(Path(mount.path), mount.top, False)
    for mount in mounts:
        if mount.kind == "cgroup2":
            return Hierarchy(Path(mount.path), mount.top, True)
    return None


def read_limits(hierarchy: Hierarchy, cgroup: str) -> list[HugetlbCgroup]:
    """The page sizes of one cgroup, ascending; [] where it is not subject to the controller."""
    folder = hierarchy.path_of(cgroup)
    if folder is None:
        return []
    limit, usage, reserved_limit, reserved_usage, failures = _FILES[hierarchy.unified]
    found = []
    for path in folder.glob(f"hugetlb.*.{usage}"):
        name = path.name.removesuffix(f".{usage}")
        used = _number(path)
        if name.endswith(".rsvd") or used is None:
            continue
        size = name.removeprefix("hugetlb.")
        found.append(
            HugetlbCgroup(
                path=cgroup,
                page_size=int(size[:-2]) * _UNIT[size[-2:]],
                limit=_limit(folder / f"{name}.{limit}"),
                usage=used,
                reserved_limit=_limit(folder / f"{name}.{reserved_limit}"),
                reserved_usage=_number(folder / f"{name}.{reserved_usage}"),
                failures=_number(folder / f"{name}.{failures}"),
                source=str(folder / f"{name}.{limit}"),
            )
        )
    return sorted(found, key=lambda cgroup: cgroup.page_size)


def _limit(path: Path) -> int | None:
    number = _number(path)
    return None if number is None or number >= _UNLIMITED else number


def _number(path: Path) -> int | None:
    """A number, alone or behind the word ``max`` (events); None for no number, as ``max`` alone."""
    try:
        words = path.read_text("ascii").split()
    except OSError:
        return None
    return int(words[-1]) if words and words[-1].isdigit() else None
