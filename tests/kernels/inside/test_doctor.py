"""Each finding of the doctor beside a check of its own, made here with bare hands."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from hpview.doctor import access, acting, examine, source
from hpview.errors import BackendUnavailable
from hpview.in_force import release
from hpview.kernelfs.maps import address_of
from hpview.stream.kernel import KernelBackend
from tests.kernels.inside.having import lockdown, thp_mode, told

if TYPE_CHECKING:
    from hpview.doctor import Finding

pytestmark = pytest.mark.root

KERNEL: Final = release(os.uname().release)
PAGEMAP_SCAN: Final = 0xC0606610
PROCMAP_QUERY: Final = 0xC0686611
GUARD: Final = 0x100
SYS_PROCESS_MADVISE: Final = 440
CAP_LAST: Final = 39


@pytest.fixture(scope="module")
def findings() -> dict[str, Finding]:
    found = examine(load_bpf=lambda: KernelBackend().close(), patience=30.0)
    return {finding.name: finding for finding in found}


def test_kernel_types(findings: dict[str, Finding]) -> None:
    here = Path("/sys/kernel/btf/vmlinux").exists()
    assert findings["kernel types (BTF)"].state == ("yes" if here else "no")


def test_bpf(findings: dict[str, Finding]) -> None:
    """It loads wherever it should, and a kernel that cannot is told so, not its user."""
    finding = findings[access.BPF]
    if lockdown() == "confidentiality":
        assert finding.state == "no"
        assert "lockdown" in finding.detail
    elif KERNEL < (5, 17):
        assert finding.state == "no"
        assert finding.remedy == "Linux 5.17 or later"
    else:
        assert (finding.state, finding.detail) == ("yes", "the program loads and runs")


def test_scan(findings: dict[str, Finding]) -> None:
    """The ioctl itself, with and without the category of 6.16."""
    plain, guard = scan_errno(0x78), scan_errno(0x78 | GUARD)
    if plain:
        assert plain == errno.ENOTTY
        assert KERNEL < (6, 7)
        assert findings[access.SCAN].state == "no"
        assert findings[access.SCAN].remedy == "Linux 6.7 or later"
    else:
        assert findings[access.SCAN].state == ("partly" if guard else "yes")
        assert bool(guard) == (KERNEL < (6, 16))


def scan_errno(returned: int) -> int:
    """What PAGEMAP_SCAN answers for this process's first page."""
    vector = ctypes.create_string_buffer(24 * 8)
    args = struct.pack(
        "=12Q", 96, 0, 0, 4096, 0, ctypes.addressof(vector), 8, 0, 0, 0, 0x18, returned
    )
    with open("/proc/self/pagemap", "rb") as pagemap:
        return ioctl_errno(pagemap.fileno(), PAGEMAP_SCAN, args)


def ioctl_errno(fd: int, request: int, args: bytes) -> int:
    try:
        fcntl.ioctl(fd, request, bytearray(args))
    except OSError as err:
        return err.errno or -1
    return 0


def test_query(findings: dict[str, Finding]) -> None:
    args = struct.pack("=9Q4I2Q", 104, 0x10, *(0,) * 13)
    with open("/proc/self/maps", "rb") as maps:
        error = ioctl_errno(maps.fileno(), PROCMAP_QUERY, args)
    assert error in (0, errno.ENOTTY)
    assert (error == 0) == (KERNEL >= (6, 11))
    assert findings[access.QUERY].state == ("no" if error else "yes")
    assert findings[access.QUERY].remedy == ("Linux 6.11 or later" if error else "")


def test_frames_and_their_flags(findings: dict[str, Finding]) -> None:
    with mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory[0] = 1
        with open("/proc/self/pagemap", "rb", buffering=0) as pagemap:
            entry = os.pread(pagemap.fileno(), 8, address_of(memory) // 4096 * 8)
        frame = int.from_bytes(entry, "little") & (1 << 55) - 1
        assert findings[access.PFNS].state == ("yes" if frame else "no")
        with open("/proc/kpageflags", "rb", buffering=0) as flags:
            told = int.from_bytes(os.pread(flags.fileno(), 8, frame * 8), "little")
    assert told >> 12 & 1, "KPF_ANON"
    assert findings[access.PAGE_FLAGS].state == "yes"


def test_capabilities(findings: dict[str, Finding]) -> None:
    """Root has all that hpview may use, on a kernel that has them."""
    effective = int(
        Path("/proc/self/status").read_text().partition("\nCapEff:")[2].split(maxsplit=1)[0], 16
    )
    known = {12: "CAP_NET_ADMIN", 19: "CAP_SYS_PTRACE", 21: "CAP_SYS_ADMIN", 38: "CAP_PERFMON"}
    has, _, lacks = findings["capabilities"].detail.replace(",", "").partition("lacks")
    for bit, name in (known | {CAP_LAST: "CAP_BPF"}).items():
        held = bool(effective >> bit & 1)
        assert (name in has.split(), name in lacks.split()) == (held, not held)


def test_settings(findings: dict[str, Finding]) -> None:
    mode = thp_mode()
    states = {"always": "yes", "madvise": "partly", "never": "no", "": "no"}
    assert findings["transparent huge pages"].state == states[mode]
    sizes = list(Path("/sys/kernel/mm/transparent_hugepage").glob("hugepages-*kB/enabled"))
    # Linux 6.8; without a knob there are no folios of other sizes to be had.
    assert bool(sizes) == (KERNEL >= (6, 8))
    assert (findings["folio sizes"].state == "no") <= (not sizes or mode != "always")


def test_collapsing(findings: dict[str, Finding]) -> None:
    """MADV_COLLAPSE with no memory named."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(os.getppid())
    try:
        done = libc.syscall(SYS_PROCESS_MADVISE, pidfd, None, 0, 25, 0)
    finally:
        os.close(pidfd)
    assert (done == 0) == (KERNEL >= (6, 1))
    finding = findings[acting.COLLAPSING]
    assert finding.state == ("yes" if done == 0 else "no")
    if done:
        assert "Linux 6.1" in finding.detail + finding.remedy


def test_others_list_and_events(findings: dict[str, Finding]) -> None:
    # Some may have capabilities that even root lacks in a container.
    assert findings[access.OTHERS].state != "no"
    assert findings["process list"].state == "yes"
    assert findings[access.EVENTS].state == "yes", findings[access.EVENTS].detail
    assert findings[access.SMAPS].state == "yes"


def test_the_source_it_names_is_the_one_that_is_used(findings: dict[str, Finding]) -> None:
    scanned = told("scan", str(os.getpid()))
    assert scanned["source"] == source(list(findings.values())).label


def test_without_bpf_the_reason_is_told_once() -> None:
    try:
        KernelBackend().close()
    except BackendUnavailable as err:
        reason = str(err)
    else:
        reason = ""
    notices = told("ps")["notices"]
    assert notices.count(reason) == bool(reason)


def test_lockdown_is_why_bpf_is_refused() -> None:
    if lockdown() != "confidentiality":
        pytest.skip("lockdown is not confidentiality")
    scanned = told("scan", "1")
    assert scanned["source"] != "bpf"
    (notice,) = [line for line in scanned["notices"] if line.startswith("bpf ")]
    assert "lockdown" in notice
