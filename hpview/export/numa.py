"""``hpview numa``: the NUMA nodes of a process as text, and as an object for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hpview import text, units
from hpview.export.columns import aligned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hpview.host.nodes import ByNode


NODE_KEYS: Final = ("node", "bytes_2m", "bytes_1g", "bytes_4k")
"""Keys of an object of ``nodes``."""


def lines(found: ByNode, comm: str) -> Iterator[str]:
    """A line a node, and what asking cost.

    Args:
        found: The nodes.
        comm: Of the process; untrusted.
    """
    huge = sum(share.bytes_2m + share.bytes_1g for share in found.shares)
    rows = [
        (
            str(share.node),
            units.size(share.bytes_2m),
            units.size(share.bytes_1g),
            "-" if share.bytes_4k is None else units.size(share.bytes_4k),
            units.percent(share.bytes_2m + share.bytes_1g, huge),
        )
        for share in found.shares
    ]
    head = ("NODE", "2M", "1G", "4K", "OF ALL HUGE")
    yield from aligned(head, list(zip(*rows, strict=True)) or [()] * len(head), frozenset())
    yield ""
    if found.unknown:
        yield f"{units.size(found.unknown)} of huge pages on a node that the kernel did not tell"
    yield (
        f"{found.pid} {text.printable(comm)}: {units.size(huge)} in huge pages · "
        f"move_pages, {units.thousands(found.asked)} addresses · {found.seconds * 1000:.1f} ms"
    )


def numa_object(found: ByNode, comm: str) -> dict[str, Any]:
    """The object of ``hpview numa --format json``, schema ``hpview.numa/1``; bytes throughout.

    ``bytes_4k`` is null unless asked for. ``unknown`` are bytes of huge pages.
    """
    return {
        "schema": "hpview.numa/1",
        "pid": found.pid,
        "comm": text.well_formed(comm),
        "source": "move_pages",
        "nodes": [
            {
                "node": share.node,
                "bytes_2m": share.bytes_2m,
                "bytes_1g": share.bytes_1g,
                "bytes_4k": share.bytes_4k,
            }
            for share in found.shares
        ],
        "unknown": found.unknown,
        "asked": found.asked,
        "ms": round(found.seconds * 1000, 3),
    }
