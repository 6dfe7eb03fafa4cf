"""The kernel's process events, where this machine and user get them."""

from __future__ import annotations

import ctypes
import os
import struct
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

import pytest
from pyroute2.netlink.connector import cn_proc

from hpview import connector
from hpview.connector import Connector
from hpview.events import Event, EventsUnavailable, What
from tests.conftest import lacking

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 10.0
HOSTILE = """
import ctypes, sys
ctypes.CDLL(None).prctl(15, b"\\xff\\xfe not utf-8", 0, 0, 0)
"""


@contextmanager
def listening() -> Iterator[Connector]:
    try:
        opened = Connector()
    except EventsUnavailable as err:
        lacking(str(err))
    try:
        yield opened
    finally:
        opened.close()
        assert opened.read(0) is None


def told_of(events: Connector, pid: int) -> list[What]:
    """What happened to a process until it ended."""
    found: list[What] = []
    deadline = time.monotonic() + PATIENCE
    while What.EXIT not in found:
        assert time.monotonic() < deadline, found
        found += [what for what, who in events.read(0.1) or () if who == pid]
    return found


def test_a_life() -> None:
    with listening() as events:
        child = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])
        child.wait()
        life = told_of(events, child.pid)
    assert life[0] is What.FORK
    assert What.EXEC in life
    assert life[-1] is What.EXIT


def test_a_name_that_is_not_utf8_is_told_of_like_any_other() -> None:
    with listening() as events:
        child = subprocess.Popen([sys.executable, "-I", "-S", "-c", HOSTILE])
        child.wait()
        assert What.COMM in told_of(events, child.pid)


def test_threads_are_not_processes() -> None:
    with listening() as events:
        thread = threading.Thread(target=lambda: None)
        thread.start()
        thread.join()
        child = subprocess.Popen(["true"])
        child.wait()
        seen: list[Event] = []
        deadline = time.monotonic() + PATIENCE
        while Event(What.EXIT, child.pid) not in seen:
            assert time.monotonic() < deadline
            seen += events.read(0.1) or ()
    assert thread.native_id not in {pid for _, pid in seen}
    assert Event(What.EXIT, os.getpid()) not in seen


def test_closing_wakes_the_reader_at_once() -> None:
    with listening() as events:
        threading.Timer(0.05, events.close).start()
        began = time.monotonic()
        while events.read(PATIENCE) is not None:
            pass
        assert time.monotonic() - began < PATIENCE / 2
        events.close()


def test_what_did_not_fit_is_told() -> None:
    class Full:
        def __init__(self) -> None:
            self.left = [OSError(105, "No buffer space available"), BlockingIOError()]

        def recv(self, _size: int) -> bytes:
            raise self.left.pop(0)

    assert connector._drained(Full()) == [Event(What.LOST, 0)]


def datagram(what: int, *numbers: int) -> bytes:
    """A message as cn_proc.c sends it: struct nlmsghdr, cn_msg, proc_event."""
    event = struct.pack("=IIQ6I", what, 0, 1, *numbers, *[0] * (6 - len(numbers)))
    header = struct.pack("=IHHII", 16 + 20 + len(event), 3, 0, 7, 0)
    return header + struct.pack("=IIIIHH", 1, 1, 0, 0, len(event), 0) + event


@pytest.mark.parametrize(
    ("what", "numbers", "event"),
    [
        (0x00000001, (10, 10, 20, 20), Event(What.FORK, 20)),
        (0x00000001, (10, 10, 21, 20), None),
        (0x00000002, (20, 20), Event(What.EXEC, 20)),
        (0x00000200, (20, 20, 0xFFFEFFFE), Event(What.COMM, 20)),
        (0x00000200, (21, 20, 0x41414141), None),
        (0x80000000, (20, 20, 0, 17, 10, 10), Event(What.EXIT, 20)),
        (0x80000000, (21, 20, 0, 17, 10, 10), None),
        (0x00000004, (20, 20, 0, 0), None),
        (0x00000080, (20, 20), None),
        (0x00000100, (20, 20, 1, 1), None),
        (0x40000000, (20, 20), None),
        (0x00000000, (), None),
        (0x20000000, (20, 20), None),
    ],
)
def test_every_kind_of_message(what: int, numbers: tuple[int, ...], event: Event | None) -> None:
    class Told:
        marshal = connector._Marshal()
        left: ClassVar = [datagram(what, *numbers)]

        def recv(self, _size: int) -> bytes:
            if not self.left:
                raise BlockingIOError
            return self.left.pop(0)

    assert connector._drained(Told()) == ([event] if event else [])


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyError("no free address available"), "they take CAP_NET_ADMIN"),
        (PermissionError(1, "no"), "they take CAP_NET_ADMIN"),
        (ConnectionRefusedError(111, "no"), "first network namespace only"),
        (OSError(93, "no"), "protocol not supported"),
    ],
)
def test_why_there_are_none(monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str) -> None:
    def refuse() -> None:
        raise error

    monkeypatch.setattr(cn_proc, "ProcEventSocket", refuse)
    with pytest.raises(EventsUnavailable, match=reason):
        Connector()


CLONE_NEWUSER = 0x10000000


def test_no_events_in_a_namespace_of_ones_own() -> None:
    code = (
        f"import ctypes; assert not ctypes.CDLL(None).unshare({CLONE_NEWUSER})\n"
        "from hpview.connector import Connector\n"
        "from hpview.events import EventsUnavailable\n"
        "try: Connector()\n"
        "except EventsUnavailable as err: print(err)\n"
    )
    if ctypes.CDLL(None).unshare(0):
        lacking("unshare() is not permitted")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if "AssertionError" in done.stderr:
        lacking("user namespaces are not permitted")
    assert "lacks them, or this is a container" in done.stdout, done.stderr
