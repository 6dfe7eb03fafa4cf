"""Which setting rules which memory, by a table of the kernel's rules."""

from __future__ import annotations

import pytest

from hpview.kernelfs.mounts import Mount
from hpview.reasons import modes
from hpview.reasons.kinds import VmaKind
from hpview.reasons.modes import Mode
from tests.settings_in_force import in_force, thp

_THP = "/sys/kernel/mm/transparent_hugepage"


@pytest.mark.parametrize(
    ("enabled", "pmd", "mode"),
    [
        ("always", None, Mode.ALWAYS),
        ("madvise", None, Mode.ADVISED),
        ("never", None, Mode.NEVER),
        (None, None, Mode.NEVER),
        ("always", "inherit", Mode.ALWAYS),
        ("madvise", "inherit", Mode.ADVISED),
        ("never", "inherit", Mode.NEVER),
        ("never", "always", Mode.ALWAYS),
        ("never", "madvise", Mode.ADVISED),
        ("always", "never", Mode.NEVER),
    ],
)
def test_anonymous_memory(enabled: str | None, pmd: str | None, mode: Mode) -> None:
    found = modes.anon(in_force(thp(enabled, pmd=None if pmd is None else (pmd, "inherit"))))
    assert found.mode is mode
    top = (f"{_THP}/enabled", enabled or "no such file")
    own = (f"{_THP}/hugepages-2048kB/enabled", pmd)
    wanted = [] if pmd is None else [own]
    assert list(found.settings) == wanted + ([top] if pmd in (None, "inherit") else [])


@pytest.mark.parametrize(
    ("top", "pmd", "mode"),
    [
        ("always", None, Mode.ALWAYS),
        ("advise", None, Mode.ADVISED),
        ("within_size", None, Mode.WITHIN_SIZE),
        ("never", None, Mode.NEVER),
        (None, None, Mode.NEVER),
        ("always", "inherit", Mode.ALWAYS),
        ("within_size", "inherit", Mode.WITHIN_SIZE),
        ("never", "inherit", Mode.NEVER),
        ("never", "advise", Mode.ADVISED),
        ("never", "always", Mode.ALWAYS),
        ("always", "never", Mode.NEVER),
        ("deny", "always", Mode.NEVER),
        ("deny", "inherit", Mode.NEVER),
        ("force", "inherit", Mode.ALWAYS),
        ("force", "always", Mode.NEVER),
    ],
)
def test_shared_memory(top: str | None, pmd: str | None, mode: Mode) -> None:
    knobs = None if pmd is None else ("inherit", pmd)
    found = modes.shmem(in_force(thp(shmem_enabled=top, pmd=knobs)))
    assert found.mode is mode
    assert found.settings


@pytest.mark.parametrize(
    ("top", "huge", "mode"),
    [
        ("never", None, Mode.NEVER),
        ("always", None, Mode.NEVER),
        ("never", "always", Mode.ALWAYS),
        ("never", "advise", Mode.ADVISED),
        ("never", "within_size", Mode.WITHIN_SIZE),
        ("always", "never", Mode.NEVER),
        ("deny", "always", Mode.NEVER),
        ("force", "never", Mode.ALWAYS),
    ],
)
def test_tmpfs(top: str, huge: str | None, mode: Mode) -> None:
    options = () if huge is None else (f"huge={huge}",)
    mount = Mount(25, "tmpfs", "/srv/cache", options)
    found = modes.tmpfs(in_force(thp(shmem_enabled=top)), mount)
    assert found.mode is mode
    overridden = top in ("deny", "force")
    where = f"{_THP}/shmem_enabled" if overridden else "mount option huge= of /srv/cache"
    assert found.settings == ((where, top if overridden else huge or "never"),)


@pytest.mark.parametrize(
    ("top", "size", "advised", "allowed"),
    [
        ("never", "inherit", False, True),
        ("never", "always", False, True),
        ("never", "within_size", False, True),
        ("always", "never", False, False),
        ("never", "advise", False, False),
        ("never", "advise", True, True),
        ("force", "inherit", False, True),
        ("force", "always", False, False),
        ("deny", "inherit", True, False),
        ("deny", "always", True, False),
        ("never", None, False, True),
    ],
)
def test_collapse_of_shared_memory(
    top: str, size: str | None, *, advised: bool, allowed: bool
) -> None:
    """As MADV_COLLAPSE did on Linux 6.18."""
    settings = in_force(thp(shmem_enabled=top, pmd=("inherit", size)))
    assert modes.collapse_allowed(settings, VmaKind.SHMEM, advised=advised) is allowed
    for other in (VmaKind.SYSV, VmaKind.TMPFS):
        assert modes.collapse_allowed(settings, other, advised=advised) is (top != "deny")


@pytest.mark.parametrize(
    ("top", "size", "memfd", "sysv", "linked", "unlinked"),
    [
        ("never", "always", 3, 0, 0, 3),
        ("always", "never", 0, 3, 0, 0),
        ("always", "inherit", 3, 3, 0, 0),
        ("force", "inherit", 3, 3, 3, 3),
        ("force", "always", 0, 3, 3, 0),
        ("deny", "always", 0, 0, 0, 0),
        ("within_size", "inherit", 2, 2, 0, 0),
    ],
)
def test_kinds_of_shared_memory(
    top: str, size: str, memfd: int, sysv: int, linked: int, unlinked: int
) -> None:
    """What THPeligible said of each on Linux 6.18, the tmpfs mounted without huge=."""
    settings = in_force(thp(shmem_enabled=top, pmd=("inherit", size)))
    mount = Mount(25, "tmpfs", "/srv/cache", ("rw",))
    assert modes.shmem(settings).mode == memfd
    assert modes.sysv(settings).mode == sysv
    assert modes.tmpfs(settings, mount).mode == linked
    assert modes.unlinked(settings, mount).mode == unlinked


def test_a_size_for_shared_memory_only_has_no_knob_for_anonymous_memory() -> None:
    settings = in_force(thp("always", small=(None, "always")))
    small = settings.thp.sizes[0]
    assert modes.anon(settings, small).mode is Mode.NEVER
    assert modes.shmem(settings, small).mode is Mode.ALWAYS


def test_before_shmem_had_sizes_only_the_pmd_was_ruled_by_the_one_knob() -> None:
    settings = in_force(thp(shmem_enabled="always", pmd=("inherit", None), small=("always", None)))
    small, pmd = settings.thp.sizes
    assert modes.shmem(settings, pmd).mode is Mode.ALWAYS
    assert modes.shmem(settings, small).mode is Mode.NEVER


@pytest.mark.parametrize(
    ("kind", "kernel", "large"),
    [
        ("ext4", (6, 15), False),
        ("ext4", (6, 16), True),
        ("xfs", (5, 17), False),
        ("xfs", (5, 18), True),
        ("vfat", (6, 18), False),
        ("overlay", (6, 18), None),
        ("fuse.sshfs", (6, 18), None),
    ],
)
def test_large_folios_by_file_system(
    kind: str, kernel: tuple[int, int], *, large: bool | None
) -> None:
    assert modes.has_large_folios(Mount(9, kind, "/", ()), kernel) is large


def test_nothing_is_known_of_a_file_system_that_is_not_mounted() -> None:
    assert modes.has_large_folios(None, (6, 18)) is None
