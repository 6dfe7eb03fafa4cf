"""Delays of tasks, from the kernel's taskstats (kernel/taskstats.c), through pyroute2.

Importing pyroute2 takes longer than a screen may wait: this module is imported in the thread
that asks.
"""

from __future__ import annotations

import errno
import os
import struct
import time
from typing import TYPE_CHECKING, Any, Final

from pyroute2.netlink import NLM_F_REQUEST, genlmsg, nla
from pyroute2.netlink import taskstats as tables
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.generic import AsyncGenericNetlinkSocket

from hpview.host.delays import Delays, TaskDelays, Wait, accounting
from hpview.host.unread import Unread
from hpview.kernelfs.files import PROC
from hpview.kernelfs.namespaces import REMEDY, foreign

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SOURCE: Final = "taskstats"
_GONE: Final = frozenset({errno.ESRCH, errno.EINVAL, errno.ENOENT})
_VERSION: Final = struct.Struct("=H")
_PAIR: Final = struct.Struct("=2Q")

_PLACES: Final = {
    "compaction": (352, 11),
    "thrashing": (328, 9),
    "reclaim": (312, 7),
    "swapin": (48, 1),
}
"""Where count and total, two u64, are in struct taskstats, and since which version."""

_PLACES_15: Final = {
    "compaction": (432, 15),
    "thrashing": (392, 15),
    "reclaim": (360, 15),
    "swapin": (80, 15),
}
"""The same in version 15 (Linux 6.14 and 6.15), which put a maximum and a minimum behind each
total; version 16 moved those to the end (0bf2d838de1f)."""


class _Answer(genlmsg):  # type: ignore[misc]
    """What comes back, with struct taskstats as it is.

    Of version 16 pyroute2 0.9 decodes the fields up to version 6 only, and ac_comm as strict
    UTF-8, while any process may call itself something else.
    """

    class aggregate(nla):  # type: ignore[misc]
        nla_map = (
            ("TASKSTATS_TYPE_UNSPEC", "none"),
            ("TASKSTATS_TYPE_PID", "uint32"),
            ("TASKSTATS_TYPE_TGID", "uint32"),
            ("TASKSTATS_TYPE_STATS", "cdata"),
        )

    nla_map = (
        ("TASKSTATS_TYPE_UNSPEC", "none"),
        ("TASKSTATS_TYPE_PID", "uint32"),
        ("TASKSTATS_TYPE_TGID", "uint32"),
        ("TASKSTATS_TYPE_STATS", "cdata"),
        ("TASKSTATS_TYPE_AGGR_PID", "aggregate"),
        ("TASKSTATS_TYPE_AGGR_TGID", "aggregate"),
    )


class _AsyncTaskStats(tables.AsyncTaskStats):  # type: ignore[misc]
    """Asks for whole processes."""

    async def bind(self) -> None:
        await AsyncGenericNetlinkSocket.bind(self, "TASKSTATS", _Answer)

    async def get_pid_stat(self, pid: int) -> Any:  # noqa: ANN401 - pyroute2 has no types
        message = tables.tcmd()
        message["cmd"] = tables.TASKSTATS_CMD_GET
        message["version"] = 1
        message["attrs"].append(["TASKSTATS_CMD_ATTR_TGID", pid])
        return await self.nlm_request(message, self.prid, msg_flags=NLM_F_REQUEST)


class _TaskStats(tables.TaskStats):  # type: ignore[misc]
    async_class = _AsyncTaskStats


def read_delays(pids: Sequence[int], root: Path = PROC) -> Delays | Unread:
    """Ask for the delays of processes; those that are gone meanwhile are left out."""
    if why := foreign(root):
        return Unread(_SOURCE, why, REMEDY)
    began = time.perf_counter()
    try:
        with _TaskStats() as socket:
            socket.bind()
            tasks = [task for pid in pids if (task := _ask(socket, pid)) is not None]
    except (OSError, NetlinkError, KeyError) as err:
        # bind() of pyroute2 0.9 turns errors into a KeyError, as that of a missing family
        return _unread(err)
    return Delays(accounting(root), tuple(tasks), time.perf_counter() - began)


def decode(pid: int, stats: bytes) -> TaskDelays:
    """The delays in a struct taskstats, whatever its version."""
    (version,) = _VERSION.unpack_from(stats)
    places = _PLACES_15 if version == 15 else _PLACES
    return TaskDelays(
        pid,
        **{
            name: Wait(*_PAIR.unpack_from(stats, at))
            if version >= since and len(stats) >= at + _PAIR.size
            else None
            for name, (at, since) in places.items()
        },
    )


def _ask(socket: _TaskStats, pid: int) -> TaskDelays | None:
    try:
        answers = list(socket.get_pid_stat(pid))
    except NetlinkError as err:
        if err.code in _GONE:
            return None
        raise
    aggregate = answers[0].get_attr("TASKSTATS_TYPE_AGGR_TGID")
    return decode(pid, aggregate.get_attr("TASKSTATS_TYPE_STATS"))


def _unread(err: OSError | NetlinkError | KeyError) -> Unread:
    if isinstance(err, KeyError):
        return Unread(_SOURCE, "the kernel was built without it", "CONFIG_TASKSTATS")
    code = (err.errno if isinstance(err, OSError) else err.code) or errno.EIO
    if code in (errno.EPERM, errno.EACCES):
        return Unread(_SOURCE, "not told to this user", "run as root, or with CAP_NET_ADMIN")
    return Unread(_SOURCE, os.strerror(code).lower())
