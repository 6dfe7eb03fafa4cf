"""The doctor's findings about access: what this user may read, each thing tried for real."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Final

import numpy as np
from pyroute2 import ProcEventSocket
from pyroute2.netlink.exceptions import NetlinkError

from hpview.doctor.finding import Finding
from hpview.errors import BackendUnavailable, HpviewError
from hpview.kernelfs import kpageflags, namespaces, pagemap, procmap_query
from hpview.kernelfs.files import open_file, own_pid
from hpview.kernelfs.smaps import read_smaps
from hpview.kernelfs.status import read_stat

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hpview.doctor.finding import State

BPF: Final = "BPF iterator"
SCAN: Final = "PAGEMAP_SCAN"
QUERY: Final = "PROCMAP_QUERY"
PFNS: Final = "page frame numbers"
PAGE_FLAGS: Final = "kpageflags"
SMAPS: Final = "smaps"
OTHERS: Final = "other processes"
EVENTS: Final = "process events"

EVENTS_PATIENCE: Final = 2.0
"""Seconds to wait for an event. Outside the first pid namespace the kernel answers
nothing at all (drivers/connector/cn_proc.c, cn_proc_mcast_ctl)."""

# include/uapi/linux/capability.h
_CAPABILITIES: Final = {
    "CAP_NET_ADMIN": 12,
    "CAP_SYS_PTRACE": 19,
    "CAP_SYS_ADMIN": 21,
    "CAP_SYS_NICE": 23,
    "CAP_SYS_RESOURCE": 24,
    "CAP_PERFMON": 38,
    "CAP_BPF": 39,
}


def capabilities(root: Path) -> Finding:
    """Which of the capabilities that matter are in force."""
    try:
        status = (root / "self/status").read_text("utf-8", "surrogateescape")
    except OSError as err:
        return Finding("capabilities", "no", str(err))
    effective = int(status.partition("\nCapEff:")[2].split(maxsplit=1)[0], 16)
    held = [name for name, bit in _CAPABILITIES.items() if effective >> bit & 1]
    lacking = [name for name in _CAPABILITIES if name not in held]
    parts = [f"has {' '.join(held)}"] if held else []
    parts += [f"lacks {' '.join(lacking)}"] if lacking else []
    state: State = "no" if not held else "partly" if lacking else "yes"
    remedy = "" if {"CAP_BPF", "CAP_PERFMON"} <= set(held) else "CAP_BPF and CAP_PERFMON load BPF"
    if held and not namespaces.in_first_user_namespace(root):
        parts.append("all of them good in its own user namespace alone")
        state, remedy = "partly", "run as root outside of the container"
    return Finding("capabilities", state, f"user {os.geteuid()} {', '.join(parts)}", remedy)


def btf(sysfs: Path) -> Finding:
    """The kernel's types, by which the BPF program finds its fields."""
    path = sysfs / "kernel/btf/vmlinux"
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as err:
        remedy = "a kernel with CONFIG_DEBUG_INFO_BTF" if isinstance(err, FileNotFoundError) else ""
        return Finding("kernel types (BTF)", "no", f"{path}: {err.strerror}", remedy)
    return Finding("kernel types (BTF)", "yes", f"{path} can be read")


def bpf(load: Callable[[], None] | None) -> Finding:
    """Load the program, by whatever the caller gives for that."""
    if load is None:
        return Finding(BPF, "no", "not tried")
    try:
        load()
    except BackendUnavailable as err:
        lines = (err.reason, *err.details)
        return Finding(BPF, "no", "\n".join(lines), err.remedy)
    return Finding(BPF, "yes", "the program loads and runs")


def untried(root: Path, name: str) -> Finding | None:
    """What to say of what is tried on this process where /proc does not show it."""
    if not (root / "self").is_symlink() or (root / "self/stat").exists():
        return None
    return Finding(name, "partly", f"not tried: {root} does not show hpview", namespaces.REMEDY)


def scan(root: Path) -> Finding:
    """One scan of the own first page."""
    try:
        guard = pagemap.attempt(root)
    except BackendUnavailable as err:
        return Finding(SCAN, "no", err.reason, err.remedy)
    except (HpviewError, OSError) as err:
        return Finding(SCAN, "no", str(err))
    if guard:
        return Finding(SCAN, "yes", "works, and tells guard pages")
    return Finding(
        SCAN, "partly", "works; guard pages look like swapped ones", "Linux 6.16 or later"
    )


def query(root: Path) -> Finding:
    """One query for the own first VMA."""
    try:
        procmap_query.attempt(root)
    except BackendUnavailable as err:
        return Finding(QUERY, "no", f"{err.reason}: the text of maps is read instead", err.remedy)
    except (HpviewError, OSError) as err:
        return Finding(QUERY, "no", str(err))
    return Finding(QUERY, "yes", "works")


def frame_numbers(root: Path) -> Finding:
    """The raw pagemap entry of an own page."""
    try:
        pagemap.own_frame(root)
    except BackendUnavailable as err:
        return Finding(PFNS, "no", f"{err.backend}: {err.reason}", err.remedy)
    except (HpviewError, OSError) as err:
        return Finding(PFNS, "no", str(err))
    return Finding(PFNS, "yes", "pagemap tells them")


def page_flags(root: Path) -> Finding:
    """The flags of one frame."""
    try:
        kpageflags.read(np.zeros(1, dtype=np.uint64), root)
    except BackendUnavailable as err:
        return Finding(PAGE_FLAGS, "no", f"{root / 'kpageflags'}: {err.reason}", err.remedy)
    return Finding(PAGE_FLAGS, "yes", "can be read")


def own_smaps(root: Path) -> Finding:
    """The kernel's own totals, as a last resort and to compare with."""
    try:
        smaps = read_smaps(own_pid(root), root)
    except (HpviewError, OSError) as err:
        return Finding(SMAPS, "no", str(err), "a kernel with CONFIG_PROC_PAGE_MONITOR")
    return Finding(SMAPS, "yes", f"can be read: {len(smaps.table)} mappings of this process")


def others(root: Path) -> Finding:
    """Open the pagemap of every process that is not this user's, or all of them as root.

    Any file but that one anybody may open who may trace: pagemap is its user's alone.
    """
    user = os.geteuid()
    readable = total = 0
    for directory in root.glob("[1-9]*"):
        pid = int(directory.name)
        try:
            if user and directory.stat().st_uid == user:
                continue
            if (stat := read_stat(pid, root)).is_kernel_thread or stat.is_zombie:
                continue
            total += 1
            os.close(open_file(pid, "pagemap", root))
        except (HpviewError, OSError):
            continue
        readable += 1
    whose = "of other users" if user else "on this machine"
    if not total:
        return Finding(OTHERS, "yes", f"there is none {whose} to be seen")
    detail = f"{readable} of {total} {whose} may be read"
    if readable == total:
        return Finding(OTHERS, "yes", detail)
    if not user:
        return Finding(
            OTHERS, "partly", f"{detail}; the rest have capabilities that this one lacks"
        )
    remedy = "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, or run as root"
    return Finding(OTHERS, "partly" if readable else "no", detail, remedy)


def hidepid(root: Path) -> Finding:
    """Whether /proc shows every process of the namespace we live in."""
    if why := namespaces.foreign(root):
        return Finding("process list", "partly", why, namespaces.REMEDY)
    try:
        mode = namespaces.hidepid(root)
    except OSError as err:
        return Finding("process list", "no", str(err))
    if not mode:
        return Finding("process list", "yes", "/proc shows every process (no hidepid)")
    visible = namespaces.sees_others(root)
    detail = f"/proc is mounted with hidepid={mode}, process 1 is {'' if visible else 'not '}shown"
    if visible and os.geteuid() == 0:
        return Finding("process list", "yes", detail)
    return Finding("process list", "partly", detail, "run as root, or mount /proc with hidepid=0")


def process_events(patience: float = EVENTS_PATIENCE) -> Finding:
    """Listen for events of the process connector, start a process, wait for its event."""
    answers: queue.SimpleQueue[str] = queue.SimpleQueue()
    # a get() of pyroute2 cannot be bounded, so it waits in a thread that may be left behind
    threading.Thread(target=lambda: answers.put(_await_event()), daemon=True).start()
    try:
        problem = answers.get(timeout=patience)
    except queue.Empty:
        problem = f"no event within {patience:g} s"
    if not problem:
        return Finding(EVENTS, "yes", "a process was started and its event came")
    return Finding(
        EVENTS,
        "no",
        f"{problem}: the list is read again instead",
        "CAP_NET_ADMIN before Linux 6.6; not inside a container",
    )


def _await_event() -> str:
    """What went wrong; "" once the event of a process of our own came."""
    try:
        with ProcEventSocket() as connector:
            connector.bind()
            connector.control(listen=True)
            child = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])
            child.wait()
            while True:
                for event in connector.get():
                    if child.pid in (event.get("child_pid"), event.get("process_pid")):
                        return ""
    except (OSError, NetlinkError) as err:
        return str(err)
