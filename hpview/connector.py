"""Process events of the kernel's connector (drivers/connector/cn_proc.c), through pyroute2.

Importing pyroute2 takes longer than the first frame of the app may: this module is imported in
the thread that listens.
"""

from __future__ import annotations

import errno
import os
import select
import threading
import time
from itertools import count
from typing import Final

from pyroute2.netlink import NLMSG_DONE
from pyroute2.netlink.connector import cn_proc
from pyroute2.netlink.exceptions import NetlinkError

from hpview.events import Event, EventsUnavailable, What
from hpview.kernelfs.files import PROC
from hpview.kernelfs.namespaces import foreign

PATIENCE: Final = 0.5
"""Seconds in which the kernel answers that it will tell events; it does so at once or never."""

_BUFFER: Final = 1 << 16
_AT_ONCE: Final = 4096
"""Events handed over together at most."""

_tokens = count(os.getpid())


class _Answer(cn_proc.proc_event_base):  # type: ignore[misc]
    """PROC_EVENT_NONE: the answer to a control message."""

    fields = (*cn_proc.proc_event_base.fields, ("err", "I"))


class _Marshal(cn_proc.ProcEventMarshal):  # type: ignore[misc]
    """Decodes what is used here.

    The name in a COMM event is left out: pyroute2 0.9 decodes it as strict UTF-8, and any process
    may call itself something else.
    """

    msg_map = {  # noqa: RUF012 - pyroute2 looks it up on the class
        cn_proc.PROC_EVENT_NONE: _Answer,
        cn_proc.PROC_EVENT_FORK: cn_proc.proc_event_fork,
        cn_proc.PROC_EVENT_EXEC: cn_proc.proc_event_exec,
        cn_proc.PROC_EVENT_COMM: cn_proc.proc_event_exec,
        cn_proc.PROC_EVENT_EXIT: cn_proc.proc_event_exit,
    }


_WHAT: Final = {
    cn_proc.PROC_EVENT_EXEC: What.EXEC,
    cn_proc.PROC_EVENT_COMM: What.COMM,
    cn_proc.PROC_EVENT_EXIT: What.EXIT,
}


class Connector:
    """Process events of the whole machine, as ``events.ProcessEvents``.

    Opened, read and let go in one thread, for pyroute2 keeps its socket for each.

    Raises:
        EventsUnavailable: The kernel tells this user none, or not in these namespaces.
    """

    def __init__(self) -> None:
        if why := foreign(PROC):
            raise EventsUnavailable(why)
        self._closed = threading.Event()
        self._waker = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._lock = threading.Lock()
        try:
            self._socket = _opened()
        except EventsUnavailable:
            os.close(self._waker)
            raise

    def read(self, timeout: float) -> list[Event] | None:
        """As ``ProcessEvents.read``."""
        if not self._closed.is_set():
            ready, _, _ = select.select([self._socket.fileno(), self._waker], [], [], timeout)
        if self._closed.is_set():
            self._release()
            return None
        return _drained(self._socket) if ready else []

    def close(self) -> None:
        """As ``ProcessEvents.close``."""
        with self._lock:
            if not self._closed.is_set():
                self._closed.set()
                os.eventfd_write(self._waker, 1)

    def _release(self) -> None:
        with self._lock:
            if self._waker >= 0:
                self._socket.close()
                os.close(self._waker)
                self._waker = -1


def _opened() -> cn_proc.ProcEventSocket:
    """A socket that events come to.

    Raises:
        EventsUnavailable: They do not.
    """
    socket = None
    try:
        socket = cn_proc.ProcEventSocket()
        socket.set_marshal(_Marshal())
        socket.bind()
        _listen(socket)
    except (OSError, NetlinkError, KeyError) as err:
        # bind() of pyroute2 0.9 turns every error into a KeyError
        if socket is not None:
            socket.close()
        raise EventsUnavailable(_reason(err)) from err
    except EventsUnavailable:
        if socket is not None:
            socket.close()
        raise
    return socket


def _reason(err: OSError | NetlinkError | KeyError) -> str:
    code = errno.EPERM
    if not isinstance(err, KeyError):
        code = (err.errno if isinstance(err, OSError) else err.code) or errno.EIO
    if code in (errno.EPERM, errno.EACCES):
        return "they take CAP_NET_ADMIN"
    if code == errno.ECONNREFUSED:
        return "the kernel tells them in its first network namespace only"
    return os.strerror(code).lower()


def _listen(socket: cn_proc.ProcEventSocket) -> None:
    """Ask for events and wait for the answer.

    cn_proc_mcast_ctl() answers nobody outside of the first pid and user namespaces. Such a
    socket may yet get the events that others asked for, with pids that mean nothing here.
    """
    token = next(_tokens) & 0x7FFFFFFF
    message = cn_proc.proc_event_control()
    message["action"] = cn_proc.PROC_CN_MCAST_LISTEN
    message["idx"] = cn_proc.CN_IDX_PROC
    message["val"] = cn_proc.CN_VAL_PROC
    message["ack"] = token
    message["len"] = 4
    message["header"]["type"] = NLMSG_DONE
    message["header"]["flags"] = 0
    message.encode()
    # put() would run pyroute2's event loop, which takes what comes meanwhile: the answer
    socket.send(message.data)
    end = time.monotonic() + PATIENCE
    while (left := end - time.monotonic()) > 0:
        if not select.select([socket.fileno()], [], [], left)[0]:
            break
        for answer in socket.marshal.parse(socket.recv(_BUFFER)):
            if answer.get("what") == cn_proc.PROC_EVENT_NONE and answer["ack"] == token + 1:
                if answer["err"]:
                    raise OSError(answer["err"], os.strerror(answer["err"]))
                return
    raise EventsUnavailable("the kernel tells none here: it lacks them, or this is a container")


def _drained(socket: cn_proc.ProcEventSocket) -> list[Event]:
    out: list[Event] = []
    for _ in range(_AT_ONCE):
        try:
            data = socket.recv(_BUFFER)
        except BlockingIOError:
            break
        except OSError as err:
            if err.errno != errno.ENOBUFS:
                raise
            out.append(Event(What.LOST, 0))
            continue
        out.extend(filter(None, map(_event, socket.marshal.parse(data))))
    return out


def _event(message: cn_proc.proc_event_base) -> Event | None:
    """The event of a process; None for those of other threads."""
    what = message.get("what")  # others than those of _Marshal are not decoded at all
    if what == cn_proc.PROC_EVENT_FORK:
        born = message["child_pid"] == message["child_tgid"]
        return Event(What.FORK, message["child_tgid"]) if born else None
    if what not in _WHAT:
        return None
    # A thread that calls exec() takes the place of the first one, which tells nothing then.
    first = message["process_pid"] == message["process_tgid"]
    return Event(_WHAT[what], message["process_tgid"]) if first else None
