"""On which NUMA node the huge pages of a process lie."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from hpview.kernelfs.files import SYS
from hpview.kernelfs.move_pages import nodes_of
from hpview.machine import Stopped
from hpview.wire import PAGE_SIZE, Backing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from hpview.wire import Records

    Asking = Callable[[int, NDArray[np.uint64]], NDArray[np.int32]]

_SIZES: Final = {Backing.PMD_2M: 1 << 21, Backing.PUD_1G: 1 << 30}
_AT_ONCE: Final = 1 << 14
"""Addresses in one call: some milliseconds, after which it can be given up."""


class NodeShare(NamedTuple):
    """What of a process lies on one node.

    Attributes:
        node: Its number.
        bytes_2m: In leaves of 2 MiB.
        bytes_1g: In leaves of 1 GiB.
        bytes_4k: In pages mapped by PTEs; None where these were not asked for.
    """

    node: int
    bytes_2m: int
    bytes_1g: int
    bytes_4k: int | None


@dataclass(frozen=True, slots=True)
class ByNode:
    """A process by node.

    Attributes:
        pid: tgid.
        shares: By node: every one of the machine that has memory, and others it has pages on.
        unknown: Bytes of huge pages whose node the kernel did not tell: they are no longer
            there, or being moved.
        asked: Addresses asked for: one a huge page, one a page that may be there in a slot of
            4 kB pages.
        seconds: What the asking took.
    """

    pid: int
    shares: tuple[NodeShare, ...]
    unknown: int
    asked: int
    seconds: float


def by_node(
    pid: int,
    runs: Records,
    small: bool = False,
    stop: Callable[[], bool] = lambda: False,
    *,
    asking: Asking = nodes_of,
    sysfs: Path = SYS,
) -> ByNode:
    """Ask the kernel where each huge page lies, by one address of it.

    Args:
        pid: Process.
        runs: Of its address space, dtype RUN.
        small: Ask for every 4 kB page too: 512 addresses a slot that has some.
        stop: Asked again and again; True gives up.
        asking: What asks.
        sysfs: /sys, which tells what nodes there are.

    Raises:
        NoSuchProcess, AccessDenied, BackendUnavailable: As ``move_pages.nodes_of``.
        Stopped: ``stop`` said so.
    """
    began = time.perf_counter()
    wanted = dict(_SIZES) | ({Backing.PTE_4K: PAGE_SIZE} if small else {})
    found: dict[int, dict[int, int]] = {node: {} for node in memory_nodes(sysfs)}
    asked = unknown = 0
    for backing, size in wanted.items():
        for addresses in _addresses(runs[runs["backing"] == backing], size):
            if stop():
                raise Stopped
            nodes = asking(pid, addresses)
            asked += len(addresses)
            known, counts = np.unique(nodes[nodes >= 0], return_counts=True)
            for node, count in zip(known.tolist(), counts.tolist(), strict=True):
                share = found.setdefault(node, {})
                share[size] = share.get(size, 0) + count * size
            if backing != Backing.PTE_4K:
                unknown += int(np.count_nonzero(nodes < 0)) * size
    return ByNode(
        pid=pid,
        shares=tuple(
            NodeShare(
                node,
                share.get(1 << 21, 0),
                share.get(1 << 30, 0),
                share.get(PAGE_SIZE, 0) if small else None,
            )
            for node, share in sorted(found.items())
        ),
        unknown=unknown,
        asked=asked,
        seconds=time.perf_counter() - began,
    )


def memory_nodes(sysfs: Path = SYS) -> tuple[int, ...]:
    """The nodes that have memory, ascending; () where the kernel has no NUMA.

    ``has_memory`` is a list such as ``0,2-3`` (lib/vsprintf.c, bitmap_list_string).
    """
    try:
        words = (sysfs / "devices/system/node/has_memory").read_text("ascii").strip()
    except OSError:
        return ()
    nodes: list[int] = []
    for word in filter(None, words.split(",")):
        first, _, last = word.partition("-")
        nodes.extend(range(int(first), int(last or first) + 1))
    return tuple(nodes)


def _addresses(runs: Records, size: int) -> Iterator[NDArray[np.uint64]]:
    """One address a page of some runs, a bounded number at a time."""
    starts, step = runs["start"], np.uint64(size)
    first = starts // step
    ends = np.cumsum((runs["end"] - np.uint64(1)) // step - first + np.uint64(1)).astype(np.int64)
    total = int(ends[-1]) if len(ends) else 0
    for at in range(0, total, _AT_ONCE):
        numbers = np.arange(at, min(at + _AT_ONCE, total))
        run = np.searchsorted(ends, numbers, side="right")
        before = np.where(run > 0, ends[run - 1], 0)
        pages = first[run] + (numbers - before).astype(np.uint64)
        # a run that is cut by its VMA begins inside of its page
        yield np.maximum(pages * step, starts[run])
