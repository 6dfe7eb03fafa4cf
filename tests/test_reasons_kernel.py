"""A process in which each reason is true, and what is told of it."""

from __future__ import annotations

import errno
import os
import platform
from typing import TYPE_CHECKING, Final

import pytest

from hpview.in_force import release
from hpview.kernelfs.smaps import read_smaps
from hpview.reasons.reason import Reason
from hpview.wire import SLOT_SIZE
from tests.children import child
from tests.judging import collapse, explained, judge, kernel_eligible, may_collapse, read
from tests.khugepaged import asleep
from tests.knobs import PMD, SMALL, USUAL, alone, turned
from tests.reason_targets import HELPERS, REGIONS, Region, places, program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from hpview.reasons.answers import Answers, Explanation
    from hpview.space.address_space import AddressSpace

pytestmark = [pytest.mark.root, pytest.mark.bpf]

PLACES: Final = places()
TOP: Final = "shmem_enabled"
SIZE: Final = f"{PMD}/shmem_enabled"
FEWER_MISSING: Final = {"khugepaged/max_ptes_none": "300"}


@pytest.fixture(scope="module", autouse=True)
def _settings() -> Iterator[None]:
    with alone(), asleep(), turned(USUAL | FEWER_MISSING):
        yield


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AddressSpace]:
    with child(program(), cwd=tmp_path_factory.mktemp("reasons")) as process:
        yield read(process.pid)


@pytest.fixture(scope="module")
def answers(target: AddressSpace) -> Answers:
    return judge(target)


def under(knobs: Mapping[str, str], target: AddressSpace, name: str) -> Explanation:
    """What is told of a region while some settings are different."""
    with turned(knobs):
        return explained(judge(target), PLACES[name])


def assert_told(found: Explanation, region: Region) -> None:
    assert found.huge == (region.reason is Reason.NONE)
    if found.huge:
        assert found.findings == ()
        return
    first = found.findings[0]
    assert first.reason is region.reason
    assert first.certain is region.certain
    assert region.with_it <= {finding.reason for finding in found.findings}
    what, value = region.evidence
    assert any(what in fact.what and value in fact.value for fact in first.evidence), first.evidence
    words = [remedy.words for remedy in first.remedies]
    assert any(region.remedy in line for line in words), words
    for finding in found.findings:
        assert all(all(fact) for fact in finding.evidence), "a fact without its source or rule"


@pytest.mark.parametrize("region", REGIONS, ids=lambda region: region.name)
def test_the_reason_that_is_true(region: Region, answers: Answers) -> None:
    assert_told(explained(answers, PLACES[region.name]), region)


def test_proc_with_smaps_tells_the_same(answers: Answers) -> None:
    pid = answers.space.tgid
    found = judge(read(pid, "procfs"), read_smaps(pid))
    for name, place in PLACES.items():
        told, same = explained(found, place), explained(answers, place)
        assert [f.reason for f in told.findings] == [f.reason for f in same.findings], name
    assert found.breakdown.shares == answers.breakdown.shares


def test_every_reason_has_a_region_or_a_test_of_its_own() -> None:
    elsewhere = {
        Reason.UNREADABLE,  # tests of the fakes: every page table can be read here
        Reason.CANNOT_TELL,  # the kernel's stream knows the advice
        Reason.FALLBACK,  # cannot be forced without taking all memory
    }
    here = {Reason.KIND, Reason.OFF, Reason.PROCESS_OFF, Reason.SWAPPED, Reason.CACHE}
    assert {region.reason for region in REGIONS} == set(Reason) - elsewhere - here


@pytest.mark.parametrize("name", ["[vdso]", "[vvar]"])
def test_special_mappings(name: str, target: AddressSpace, answers: Answers) -> None:
    at = next(i for i in range(len(target.vmas)) if target.name_of(i) == name)
    first = explained(answers, int(target.vmas["start"][at])).findings[0]
    assert (first.reason, first.certain) == (Reason.KIND, True)
    assert first.remedies == ()


def test_what_the_regions_hold_is_told_by_their_sum(answers: Answers) -> None:
    found = answers.breakdown
    assert found.gap == sum(share.bytes for share in found.shares)
    assert found.huge == answers.space.totals.huge
    assert {Reason.SHARED, Reason.SPLIT, Reason.EDGE} <= {share.reason for share in found.shares}


@pytest.mark.parametrize(
    ("knobs", "fact"),
    [
        ({"enabled": "never"}, ("transparent_hugepage/enabled", "never")),
        ({f"{PMD}/enabled": "never"}, (f"{PMD}/enabled", "never")),
        ({"enabled": "always", f"{PMD}/enabled": "never"}, (f"{PMD}/enabled", "never")),
    ],
)
def test_switched_off(knobs: dict[str, str], fact: tuple[str, str], target: AddressSpace) -> None:
    region = Region("", "", Reason.OFF, fact, "where it is advised")
    assert_told(under(knobs, target, "waiting"), region)
    words = under(knobs, target, "waiting").findings[0].remedies
    assert any(fact[0] in remedy.text for remedy in words), "another knob than the one that rules"


@pytest.mark.parametrize(
    "knobs", [{"enabled": "never", f"{PMD}/enabled": "madvise"}, {"enabled": "always"}]
)
def test_not_switched_off(knobs: dict[str, str], target: AddressSpace) -> None:
    assert under(knobs, target, "waiting").findings[0].reason is Reason.WAITING


def test_always_needs_no_advice(target: AddressSpace) -> None:
    for knobs in ({"enabled": "always"}, {f"{PMD}/enabled": "always"}):
        assert under(knobs, target, "not advised").findings[0].reason is Reason.WAITING
        assert under(knobs, target, "nohugepage").findings[0].reason is Reason.NOHUGEPAGE


@pytest.mark.parametrize(
    ("knobs", "memfd", "sysv"),
    [
        ({TOP: "deny", SIZE: "always"}, TOP, TOP),
        ({TOP: "always", SIZE: "never"}, SIZE, ""),
        ({TOP: "never", SIZE: "always"}, "", TOP),
        ({TOP: "always"}, "", ""),
    ],
)
def test_shared_memory_of_two_kinds(
    knobs: dict[str, str], memfd: str, sysv: str, target: AddressSpace
) -> None:
    """The size's own knob rules memfd and shared anonymous memory, and not that of shmget()."""
    for name, ruling in (("memfd", memfd), ("shared anonymous", memfd), ("SysV", sysv)):
        first = under(knobs, target, name).findings[0]
        if ruling:
            assert first.reason is Reason.SHMEM_OFF, name
            assert first.evidence[-1].what == f"/sys/kernel/mm/transparent_hugepage/{ruling}"
        else:
            assert first.reason is Reason.WAITING, name


def test_shared_memory_where_it_is_advised(target: AddressSpace) -> None:
    for name in ("memfd", "SysV"):
        first = under({"shmem_enabled": "advise"}, target, name).findings[0]
        assert first.reason is Reason.NOT_ADVISED
        assert first.evidence[-2].value == "advise"


@pytest.mark.parametrize("name", ["tmpfs huge=never", "tmpfs huge=advise", "SysV"])
def test_deny_overrides_mount_options(name: str, target: AddressSpace) -> None:
    first = under({"shmem_enabled": "deny"}, target, name).findings[0]
    assert first.reason is Reason.SHMEM_OFF
    assert first.evidence[-1].value == "deny"
    assert not any(remedy.text.startswith("hpview collapse") for remedy in first.remedies)


def test_swapped_out(swap: None, tmp_path: Path) -> None:
    made = "put(M)\nwrite()\nadvise(PAGEOUT, 100 * K)\nadvise(HUGEPAGE)"
    region = Region("", made, Reason.SWAPPED, ("page table", "100 of 512"), "have it read back in")
    with child(program([region]), cwd=tmp_path) as process:
        answers = judge(read(process.pid))
        assert_told(explained(answers, places([region])[""]), region)
        with turned({"khugepaged/max_ptes_swap": "100"}):
            found = explained(judge(answers.space), places([region])[""])
    assert found.findings[0].reason is Reason.WAITING


def test_pages_of_a_file_in_smaller_folios(tmp_path: Path) -> None:
    made = "put(M, fd=filled('file'))\nread()"
    region = Region("", made, Reason.CACHE, ("mount ", "type "), "read in by 2 MB", certain=False)
    with child(program([region]), cwd=tmp_path) as process:
        answers = judge(read(process.pid))
    skip_unless_on(("ext4", "xfs"), answers, places([region])[""])
    assert_told(explained(answers, places([region])[""]), region)


WRITTEN_BY_2_MB: Final = "put(M, fd=filled('file', piece=M))\nread()"
ADVISED_AND_READ_ANEW: Final = (
    "fd = filled('file')\nos.fsync(fd)\nos.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)\n"
    "put(M, fd=fd)\nadvise(HUGEPAGE)\nread()"
)


@pytest.mark.parametrize(
    "made", [WRITTEN_BY_2_MB, ADVISED_AND_READ_ANEW], ids=["written", "advised"]
)
def test_pages_of_a_file_in_folios_of_2_mb(made: str, tmp_path: Path) -> None:
    """The second is what is recommended where they lie in smaller ones."""
    region = Region("", made, Reason.NONE)
    with child(program([region]), cwd=tmp_path) as process:
        answers = judge(read(process.pid))
    skip_unless_on(("ext4", "xfs"), answers, places([region])[""])
    found = explained(answers, places([region])[""])
    if not found.huge:
        assert found.findings[0].reason is Reason.CACHE, "no 2 MB block was to be had"


def skip_unless_on(kinds: tuple[str, ...], answers: Answers, address: int) -> None:
    """Skip where the file mapped there lies on another file system."""
    space = answers.space
    mount = answers.in_force.mounts.get(int(space.vmas["dev"][space.index_at(address)]))
    if mount is None or mount.kind not in kinds:
        pytest.skip("the folder of the tests lies on a file system without large folios")


def of_disabled(region: Region, prctl: str, folder: Path) -> Explanation:
    code = HELPERS + f"check(libc.prctl(41, {prctl}, 0, 0))\np = A\n{region.code}"
    with child(code, cwd=folder) as process:
        return explained(judge(read(process.pid)), places([region])[region.name])


@pytest.mark.parametrize("name", ["waiting", "memfd"])
def test_disabled_for_the_process(name: str, tmp_path: Path) -> None:
    region = next(region for region in REGIONS if region.name == name)
    told = Region("", "", Reason.PROCESS_OFF, ("/status", "0"), "do not disable it")
    assert_told(of_disabled(region, "1, 0", tmp_path), told)


@pytest.mark.skipif(release(os.uname().release) < (6, 18), reason="PR_THP_DISABLE_EXCEPT_ADVISED")
def test_disabled_except_where_advised(tmp_path: Path) -> None:
    some = {region.name: region for region in REGIONS}
    told = Region("", "", Reason.PROCESS_OFF, ("mm flags", "EXCEPT_ADVISED"), "ask for it")
    assert_told(of_disabled(some["not advised"], "1, 2", tmp_path), told)
    assert_told(of_disabled(some["waiting"], "1, 2", tmp_path), some["waiting"])
    assert of_disabled(some["huge"], "1, 2", tmp_path).huge


USERFAULTFD: Final = (
    "import fcntl, struct\nput(2 * M)\nwrite(511)\nwrite(512, M)\nadvise(HUGEPAGE, 2 * M)\n"
    "uffd = libc.syscall(323, 0)\nassert uffd >= 0, os.strerror(ctypes.get_errno())\n"
    "fcntl.ioctl(uffd, 0xC018AA3F, bytearray(struct.pack('QQQ', 0xAA, 0, 0)))\n"
    "fcntl.ioctl(uffd, 0xC020AA00, bytearray(struct.pack('QQQQ', p, 2 * M, 1, 0)))"
)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the number of userfaultfd()")
def test_what_userfaultfd_waits_for_is_not_filled_in(tmp_path: Path) -> None:
    told = Region("", USERFAULTFD, Reason.SPARSE, ("vm_flags", "VM_UFFD_MISSING"), "the handler of")
    place = places([told])[""]
    with child(program([told]), cwd=tmp_path) as process:
        answers = judge(read(process.pid))
        assert_told(explained(answers, place), told)
        for slot, error in ((place, errno.EBUSY), (place + SLOT_SIZE, 0)):
            assert may_collapse(explained(answers, slot)) is (error == 0)
            assert collapse(process.pid, slot) == error


def test_smaller_folios_are_not_the_answer(tmp_path: Path) -> None:
    """THPeligible says 1 where 64 kB are allowed; a PMD leaf is another matter."""
    region = next(region for region in REGIONS if region.name == "not advised")
    with turned({f"{SMALL}/enabled": "always"}), child(program([region]), cwd=tmp_path) as process:
        answers = judge(read(process.pid))
        place = places([region])[region.name]
        assert kernel_eligible(process.pid)[place]
        assert_told(explained(answers, place), region)


def test_a_range_is_a_slot(answers: Answers) -> None:
    found = explained(answers, PLACES["waiting"] + 4096)
    assert (found.start, found.end) == (PLACES["waiting"], PLACES["waiting"] + SLOT_SIZE)
