"""What tasks waited for memory, from struct taskstats of every version."""

from __future__ import annotations

import errno
import os
import re
import shutil
import struct
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pyroute2.netlink.exceptions import NetlinkError

from hpview.host import taskstats
from hpview.host.delays import SYSCTL, Delays, Wait, accounting, unasked
from hpview.host.taskstats import decode, read_delays
from hpview.host.unread import Unread
from tests.children import child
from tests.conftest import lacking
from tests.ordinary import ordinary

if TYPE_CHECKING:
    from collections.abc import Iterator

_WAITS = ("cpu", "blkio", "swapin")
_LATER = {7: "freepages", 9: "thrashing", 11: "compact", 13: "wpcopy", 14: "irq"}


def fields(version: int) -> list[tuple[str, str]]:
    """struct taskstats as include/uapi/linux/taskstats.h of that version has it, field by field."""

    def wait(name: str) -> list[tuple[str, str]]:
        names = ["count", "delay_total"]
        names += ["delay_max", "delay_min"] if version == 15 else []
        return [(f"{name}_{what}", "Q") for what in names]

    out = [("version", "H"), ("ac_exitcode", "I"), ("ac_flag", "B"), ("ac_nice", "B")]
    for name in _WAITS:
        out += wait(name)
    out += [("cpu_run_real_total", "Q"), ("cpu_run_virtual_total", "Q"), ("ac_comm", "32s")]
    out += [("ac_sched", "8B"), *((f"ac_{name}", "I") for name in ("uid", "gid", "pid", "ppid"))]
    out += [("ac_btime", "I")]
    out += [(f"basic_{i}", "Q") for i in range(9)]  # ac_etime to hiwater_vm
    out += [(f"io_{i}", "Q") for i in range(7)]  # read_char to cancelled_write_bytes
    out += [(f"scaled_{i}", "Q") for i in range(5)]  # nvcsw to cpu_scaled_run_real_total
    for since, name in _LATER.items():
        if version >= since:
            out += wait(name)
        if since == 9 and version >= 10:
            out += [("ac_btime64", "Q")]
        if since == 11 and version >= 12:
            out += [("ac_tgid", "I"), ("ac_tgetime", "Q"), ("exe_dev", "Q"), ("exe_inode", "Q")]
    if version >= 16:
        out += [(f"most_and_least_{i}", "Q") for i in range(16)]
    return out + ([(f"when_{i}", "Q") for i in range(8)] if version >= 17 else [])


def packed(version: int) -> tuple[bytes, dict[str, int]]:
    """One with a number of its own in every field, and the numbers."""
    numbers: Iterator[int] = count(1_000_003, 7)
    out, values = b"", {}
    for name, form in fields(version):
        size = struct.calcsize(form)
        # alignment of C: every member at a multiple of its own size, ac_sched and ac_uid at 8
        out += bytes(-len(out) % {"32s": 1, "8B": 8}.get(form, size))
        values[name] = version if name == "version" else next(numbers)
        out += values[name].to_bytes(size, sys.byteorder) if form in "HIQ" else bytes(size)
    return out, values


@pytest.mark.parametrize("version", [1, 6, *range(7, 19)])
def test_every_version_of_the_struct(version: int) -> None:
    data, values = packed(version)
    found = decode(42, data)

    def wait(name: str) -> Wait | None:
        if f"{name}_count" not in values:
            return None
        return Wait(values[f"{name}_count"], values[f"{name}_delay_total"])

    assert found.pid == 42
    assert found.compaction == wait("compact")
    assert found.thrashing == wait("thrashing")
    assert found.reclaim == wait("freepages")
    assert found.swapin == wait("swapin")


@pytest.mark.parametrize(("version", "size"), [(15, 560), (16, 560), (14, 432)])
def test_the_struct_made_here_is_as_long_as_the_kernels(version: int, size: int) -> None:
    assert len(packed(version)[0]) == size


def test_the_places_are_those_of_the_running_kernel() -> None:
    """By its own types (BTF): a struct with each member's place in it is told as it is read."""
    btf = Path("/sys/kernel/btf/vmlinux")
    if shutil.which("bpftool") is None or not btf.exists():
        lacking("needs bpftool and the kernel's types")
    dump = subprocess.run(
        ["bpftool", "btf", "dump", "file", str(btf)], capture_output=True, text=True, check=True
    ).stdout
    struct_ = dump.partition("STRUCT 'taskstats' ")[2].partition("\n[")[0]
    places = dict(re.findall(r"'(\w+)' type_id=\d+ bits_offset=(\d+)", struct_))
    size = int(re.match(r"size=(\d+)", struct_)[1])  # type: ignore[index]
    data = bytearray(size)
    data[:2] = (14 if size < 500 else 16).to_bytes(2, sys.byteorder)
    waits = []
    for name in ("compact", "thrashing", "freepages", "swapin"):
        places_ = [int(places[f"{name}_{what}"]) // 8 for what in ("count", "delay_total")]
        waits.append(Wait(*places_))
        for at in places_:
            data[at : at + 8] = at.to_bytes(8, sys.byteorder)
    found = decode(1, bytes(data))
    assert [found.compaction, found.thrashing, found.reclaim, found.swapin] == waits


def test_a_struct_that_is_cut_tells_what_is_there() -> None:
    data, values = packed(16)
    found = decode(42, data[:344])
    assert found.compaction is None
    assert found.thrashing == Wait(values["thrashing_count"], values["thrashing_delay_total"])


@pytest.mark.parametrize(("content", "expected"), [("1\n", True), ("0\n", False), (None, None)])
def test_whether_the_kernel_counts(
    tmp_path: Path, content: str | None, expected: bool | None
) -> None:
    if content is not None:
        (tmp_path / "sys/kernel").mkdir(parents=True)
        (tmp_path / "sys/kernel/task_delayacct").write_text(content)
    assert accounting(tmp_path) is expected


def test_where_nothing_can_ask() -> None:
    assert unasked([1]) == Unread("taskstats", "not asked")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (KeyError("TASKSTATS"), "the kernel was built without it"),
        (NetlinkError(errno.EPERM), "not told to this user"),
        (PermissionError(errno.EACCES, "no"), "not told to this user"),
        (OSError(errno.ENOBUFS, "full"), "no buffer space available"),
    ],
)
def test_why_nothing_is_told(
    monkeypatch: pytest.MonkeyPatch, error: Exception, expected: str
) -> None:
    def refuse(_self: object) -> None:
        raise error

    monkeypatch.setattr(taskstats._TaskStats, "bind", refuse)
    found = read_delays([1])
    assert isinstance(found, Unread)
    assert found.reason == expected


@pytest.mark.root
def test_processes_that_are_gone_are_left_out() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    found = read_delays([os.getpid(), gone.pid])
    assert isinstance(found, Delays)
    assert [task.pid for task in found.tasks] == [os.getpid()]


@pytest.fixture
def counting() -> Iterator[None]:
    """The kernel counts meanwhile."""
    path = Path(SYSCTL)
    before = path.read_text()
    path.write_text("1\n")
    yield
    path.write_text(before)


@pytest.fixture
def tight() -> Iterator[Path]:
    """A cgroup whose memory is limited to 16 MiB."""
    for base, limit in (
        ("/sys/fs/cgroup", "memory.max"),
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
    ):
        folder = Path(base, f"hpview-test-{os.getpid()}")
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            if (folder / limit).exists():
                (folder / limit).write_text(str(16 << 20))
                yield folder
                return
        finally:
            folder.rmdir()
    lacking("needs a cgroup with the memory controller")


@pytest.mark.root
@pytest.mark.usefixtures("counting")
def test_a_task_that_reads_more_than_it_may_keep_has_freed_memory(
    tight: Path, tmp_path: Path
) -> None:
    """What it read before must go for what it reads next: nobody else frees it in its cgroup."""
    file = tmp_path / "large"
    with file.open("wb") as large:
        for _ in range(64):
            large.write(bytes(1 << 20))
        large.flush()
        os.fsync(large.fileno())
        os.posix_fadvise(large.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    code = f"""
open({str(tight / "cgroup.procs")!r}, "w").write("0")
with open({str(file)!r}, "rb", buffering=0) as large:
    while large.read(1 << 20):
        pass
"""
    with child(code) as process:
        found = read_delays([process.pid])
    assert isinstance(found, Delays)
    assert found.accounting is True
    (task,) = found.tasks
    assert task.reclaim is not None
    assert task.reclaim.times > 0
    assert 0 < task.reclaim.total < 60 * 10**9
    assert task.compaction is not None, "this kernel tells it, at whatever offset"


@pytest.mark.root
def test_another_threads_waits_are_the_process_s() -> None:
    """Asked by tgid the kernel sums up threads; a thread's own number is no process."""
    code = "import threading; threading.Thread(target=__import__('time').sleep, args=(60,), daemon=True).start()"  # noqa: E501
    with child(code) as process:
        tids = {int(path.name) for path in Path(f"/proc/{process.pid}/task").iterdir()}
        found = read_delays([process.pid])
        assert len(tids) == 2
    assert isinstance(found, Delays)
    assert [task.pid for task in found.tasks] == [process.pid]


@pytest.mark.root
def test_an_ordinary_user_is_told_what_it_takes() -> None:
    through, python = ordinary()
    code = "from hpview.host.taskstats import read_delays; print(read_delays([1]))"
    done = subprocess.run(
        [*through, python, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "taskstats: not told to this user; run as root, or with CAP_NET_ADMIN\n"
