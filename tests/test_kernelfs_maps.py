"""maps text: parsed, and printed again byte for byte."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from hpview import text
from hpview.errors import AccessDenied, BackendUnavailable, NoMemoryMap, NoSuchProcess, ReadFailed
from hpview.kernelfs.files import failure
from hpview.kernelfs.maps import (
    Mapping,
    MapsText,
    format_line,
    parse_maps,
    parse_numbers,
    perms,
    read_maps,
)
from hpview.kernelfs.procmap_query import MapsQuery
from hpview.wire import VmFlag
from tests.children import child
from tests.fakeproc import PF_KTHREAD, FakeProc

SAMPLE = b"""\
00400000-00401000 r-xp 00001000 08:01 42                                 /usr/bin/a b (deleted)
7f0000000000-7f0000002000 rw-s 00000000 00:05 7                          /memfd:\\012x
7ffd00000000-7ffd00021000 ---p 00000000 00:00 0                          [stack]
ffff880000000-ffff880001000 rw-p 123456789000 fd1:12345 99999999999999999999  /x
7ffe00000000-7ffe00001000 rw-p 00000000 00:00 0 
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
"""  # noqa: W291

ODD_NAMES = """
import ctypes, mmap, os
keep = []
def file(name):
    fd = os.open(name, os.O_RDWR | os.O_CREAT)
    os.ftruncate(fd, 8192)
    keep.append(mmap.mmap(fd, 8192, flags=mmap.MAP_SHARED))
    keep.append(mmap.mmap(fd, 4096, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ, offset=4096))
    os.close(fd)
for name in (b"with space", b"two\\nlines", b"back\\\\slash", b"esc\\x1b[31m", b"bad\\xff\\xfe",
             b"tail \\n ", b" head", "\\u202eodd".encode()):
    file(name)
file(b"gone")
os.unlink(b"gone")
deep = os.open(".", os.O_RDONLY)
for _ in range(25):
    os.mkdir(b"d" * 200, dir_fd=deep)
    os.fchdir(deep)
    deep = os.open(b"d" * 200, os.O_RDONLY)
os.fchdir(deep)
file(b"very deep")
fd = os.memfd_create("memory\\nfile")
os.ftruncate(fd, 4096)
keep.append(mmap.mmap(fd, 4096))
keep.append(mmap.mmap(-1, 1 << 20, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS))
keep.append(mmap.mmap(-1, 8192, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=0))
"""


def kernel_text(pid: int) -> bytes:
    lines = Path(f"/proc/{pid}/maps").read_bytes().splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(b"ffffffffff600000"))


def printed(mappings: list[Mapping]) -> bytes:
    return b"".join(text.encode(format_line(m)) + b"\n" for m in mappings)


def queried(pid: int) -> list[Mapping]:
    found = []
    with MapsQuery(pid) as maps:
        addr = 0
        while mapping := maps.query(addr):
            found.append(mapping)
            addr = mapping.end
    return found


def test_a_text_is_parsed_without_vsyscall_and_printed_again() -> None:
    mappings = parse_maps(SAMPLE)
    assert printed(mappings) == SAMPLE[: SAMPLE.index(b"ffffffffff6")]
    first, second, *_ = mappings
    assert first == Mapping(
        0x400000, 0x401000, VmFlag.READ | VmFlag.EXEC, 0x1000, 8 << 20 | 1, 42,
        "/usr/bin/a b (deleted)",
    )  # fmt: skip
    assert second.name == "/memfd:\\012x"
    assert second.vm_flags == VmFlag.READ | VmFlag.WRITE | VmFlag.MAYSHARE
    assert mappings[3].dev == 0xFD1 << 20 | 0x12345
    assert mappings[4].name == ""


@pytest.mark.parametrize(
    "line", [b"garbage\n", b"1-2 rw-p 0 00:00\n", b"1-2 rw-q 0 00:00 0 \n", b"1-2 rw-p 0 0:0 0 "]
)
def test_a_line_that_is_none_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match="maps"):
        parse_maps(line)


def test_perms() -> None:
    assert perms(0) == "---p"
    assert perms(VmFlag.READ | VmFlag.MAYSHARE) == "r--s"
    assert perms(VmFlag.WRITE | VmFlag.EXEC | VmFlag.SHARED) == "-wxp"


def test_odd_names_are_printed_as_the_kernel_does(tmp_path: Path) -> None:
    with child(ODD_NAMES, cwd=tmp_path) as process:
        expected = kernel_text(process.pid)
        assert printed(read_maps(process.pid)) == expected
        assert printed(queried(process.pid)) == expected
    assert b"two\\012lines" in expected
    assert b"gone (deleted)" in expected
    assert b"bad\xff\xfe" in expected
    assert b"/memfd:memory\\012file (deleted)" in expected
    assert b"/dev/zero (deleted)" in expected
    assert max(map(len, expected.splitlines())) > 4096
    for name in (b"[heap]", b"[stack]", b"[vdso]", b"[vvar]"):
        assert name in expected


def test_other_live_processes_are_printed_as_the_kernel_does() -> None:
    seen = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        pid = int(entry.name)
        try:
            before = kernel_text(pid)
            ours, by_query = printed(read_maps(pid)), printed(queried(pid))
            quiet = before and before == kernel_text(pid)
        except (NoSuchProcess, NoMemoryMap, AccessDenied, OSError):
            continue
        if quiet:
            assert ours == before, pid
            assert by_query == before, pid
            seen += 1
    assert seen or os.geteuid() != 0


def test_why_there_is_no_map_is_told(tmp_path: Path) -> None:
    fake = FakeProc(tmp_path)
    fake.add_process(5, comm=b"a) Z (b", state="Z")
    fake.add_process(6, flags=PF_KTHREAD)
    fake.add_process(7)
    for pid, what in ((5, "a zombie"), (6, "a kernel thread")):
        with pytest.raises(NoMemoryMap, match=what):
            read_maps(pid, fake.proc)
    for pid in (7, 8):
        with pytest.raises(NoSuchProcess):
            read_maps(pid, fake.proc)


def test_errors_of_the_system_are_translated(tmp_path: Path) -> None:
    fake = FakeProc(tmp_path)
    fake.add_process(7)

    def told(number: int, pid: int) -> Exception:
        return failure(OSError(number, "x"), pid, "pagemap", fake.proc)

    assert isinstance(told(errno.EACCES, 7), AccessDenied)
    assert isinstance(told(errno.EPERM, 7), AccessDenied)
    assert isinstance(told(errno.ESRCH, 7), NoSuchProcess)
    assert isinstance(told(errno.ENOENT, 8), NoSuchProcess)
    assert isinstance(told(errno.ENOENT, 7), BackendUnavailable)
    assert isinstance(told(errno.EIO, 7), ReadFailed)


@pytest.mark.root
def test_a_kernel_thread_has_no_map() -> None:
    # kthreadd, where the pid namespace is the first one
    if not Path("/proc/2/comm").read_text().startswith("kthreadd"):
        pytest.skip("no kernel threads in this pid namespace")
    with pytest.raises(NoMemoryMap, match="kernel thread"):
        read_maps(2)


def test_a_zombie_has_no_map() -> None:
    with child("") as process:
        assert process.stdin is not None
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(NoMemoryMap, match="zombie"):
            read_maps(process.pid)


def numbers(mappings: list[Mapping]) -> list[list[int]]:
    return [[m.start, m.end, m.vm_flags, m.offset, m.dev, m.ino] for m in mappings]


EVERY_FORM = b"""\
00400000-00401000 r-xp 00001000 08:01 42                                 /usr/bin/a b - 00:00 0
7f0000000000-7f0000002000 rwxp 00000000 00:00 0 
7f0000002000-7f0000003000 ---s 00000000 00:00 0 
7f0000003000-7f0000004000 r--p 00000000 00:05 0 
7f0000004000-7f0000005000 r--p 00000000 00:00 1 
7f0000005000-7f0000006000 -w-s 00000000 00:00 07 
7f0000006000-7f0000007000 --xp 00000001 00:00 0                          [heap]
7ffe00000000-7ffe00001000 rw-p 00000000 00:00 0                          [stack]
7ffffffff000-800000000000 rw-p 123456789000 103:12345 12345678901234567890 /x
800000000000-ffff880001000 rw-p 00000000 00:00 0 
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
"""  # noqa: W291


def test_numbers_of_every_form_of_line() -> None:
    found = parse_numbers(EVERY_FORM)
    assert found.tolist() == numbers(parse_maps(EVERY_FORM))
    assert len(found) == EVERY_FORM.count(b"\n") - 1


@pytest.mark.parametrize("line", EVERY_FORM.splitlines(keepends=True)[:-1])
def test_numbers_of_one_line(line: bytes) -> None:
    assert parse_numbers(line).tolist() == numbers(parse_maps(line))


def test_numbers_of_nothing() -> None:
    assert parse_numbers(b"").shape == (0, 6)


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"7f0000000000-7f0000002000\n",
        b"7f000000000g-7f0000002000 rw-p 00000000 00:00 0 \n",
        b"7f0000000000 7f0000002000 rw-p 00000000 00:00 0 \n",
        b"Rss:  4 kB\n",
    ],
)
def test_numbers_of_what_maps_would_not_print(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"maps|fromhex"):
        parse_numbers(EVERY_FORM + line)


@pytest.mark.parametrize("size", [1, 50, 4096, 1 << 16])
def test_text_is_read_on_in_whole_lines(size: int) -> None:
    with child("") as process, MapsText(process.pid) as text:
        pieces = list(iter(lambda: text.read(size), None))
        assert all(piece.endswith(b"\n") for piece in pieces if piece)
        assert b"".join(filter(None, pieces)) == Path(f"/proc/{process.pid}/maps").read_bytes()
        assert text.read(size) is None


def test_no_more_lines_are_made_up_than_asked_for() -> None:
    with child("") as process, MapsText(process.pid) as text:
        assert text.read(10) == b""
        assert text.inside_line
        process.kill()
        process.wait()
        line = text.read(4096)
        assert line is not None
        assert line.count(b"\n") == 1
        assert not text.inside_line
        assert text.read(4096) is None
