"""What prctl(PR_SET_THP_DISABLE) did to a process, as far as a stream can tell."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import pytest

from hpview.space.address_space import AddressSpace
from hpview.stream.emulated import ProcfsBackend
from hpview.stream.kernel import KernelBackend
from hpview.wire import Kind, MmFlag, decode
from tests import records
from tests.children import child
from tests.compare import drain
from tests.kernel_targets import PRELUDE

if TYPE_CHECKING:
    from hpview.stream.base import Backend

DISABLED: Final = MmFlag.KNOWN | MmFlag.THP_DISABLED
EXCEPT_ADVISED: Final = pytest.mark.skipif(
    tuple(map(int, os.uname().release.split(".")[:2])) < (6, 18), reason="Linux 6.18 or later"
)


def set_thp_disable(*arguments: int) -> str:
    """prctl(PR_SET_THP_DISABLE)."""
    return f"check(libc.prctl(41, {', '.join(map(str, arguments))}, 0, 0));"


@pytest.mark.bpf
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("", MmFlag(0)),
        (set_thp_disable(1, 0), MmFlag.THP_DISABLED),
        (set_thp_disable(1, 0) + set_thp_disable(0, 0), MmFlag(0)),
        pytest.param(set_thp_disable(1, 2), MmFlag.THP_EXCEPT_ADVISED, marks=EXCEPT_ADVISED),
    ],
)
def test_both_streams_tell_what_prctl_did(code: str, expected: MmFlag) -> None:
    """All that /proc/PID/status tells is that they are disabled altogether."""
    kernel = KernelBackend()
    try:
        with child(PRELUDE + code) as process:
            told = [mm_flags(backend, process.pid) for backend in (kernel, ProcfsBackend())]
            with kernel.open_all() as stream:
                tasks = decode(drain(stream)).of(Kind.TASK)
    finally:
        kernel.close()
    assert told == [
        MmFlag.KNOWN | expected,
        DISABLED if expected is MmFlag.THP_DISABLED else MmFlag(0),
    ]
    assert tasks["mm_flags"][tasks["tgid"] == process.pid].tolist() == [MmFlag.KNOWN | expected]


def mm_flags(backend: Backend, pid: int) -> MmFlag:
    space = AddressSpace()
    with backend.open(pid) as stream:
        space.feed(drain(stream))
    return space.mm_flags


def test_the_last_word_of_the_stream_counts() -> None:
    """It may change while a process is read, and exec() does not clear it."""
    space = AddressSpace()
    assert space.mm_flags == MmFlag(0)
    for flags, mm in ((MmFlag.KNOWN, 1), (DISABLED, 1), (MmFlag.KNOWN, 2)):
        space.feed(records.task(mm=mm, mm_flags=flags))
        assert space.mm_flags == flags
    assert space.execs == 1
