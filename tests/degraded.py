"""Reads a process while more and more is refused: ``python -m tests.degraded``, JSON in and out."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from hpview import backends
from hpview.errors import HpviewError
from hpview.loader import load
from hpview.machine import Machine
from hpview.space.address_space import AddressSpace
from hpview.wire import VmaFlag
from tests.denied import denied, deny
from tests.paged import ROOT


def read(
    through: tuple[str, ...] = (), python: str = sys.executable, **wanted: object
) -> dict[str, Any]:
    """Have a child do ``_read``, and return what that returns.

    Args:
        through: What the child is run through.
        python: Its Python.
        wanted: Arguments of ``_read``.
    """
    done = subprocess.run(
        [*through, python, "-W", "error", "-m", "tests.degraded", json.dumps(wanted)],
        cwd=None if through else ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _read(
    pid: int | None,
    *,
    backend: str = "auto",
    first: list[str] = [],  # noqa: B006 - never changed
    chunks: int = 0,
    later: list[str] = [],  # noqa: B006 - never changed
    size: int = 4096,
) -> dict[str, object]:
    """Read a process, or all.

    Args:
        pid: The process.
        backend: As ``backends.choose``.
        first: Refused from the start, as ``denied.denied``.
        chunks: How many batches are read before ``later``.
        later: Refused from then on.
        size: Of a read().
    """
    deny(denied(*first))
    chosen, notices = backends.choose(backend)
    readers = backends.readers(chosen, notices)
    if pid is None:
        deny(denied(*later))
        snapshot = Machine(chosen).snapshot()
        found = {p.pid: [p.bytes_2m, p.bytes_4k, p.source.label] for p in snapshot.processes}
        return {"processes": found, "notices": notices()}
    space = AddressSpace()
    seen = 0
    if not chunks:
        deny(denied(*later))
    for batch in load(lambda: readers.open(pid), lambda: readers.facts(pid), size=size, seconds=0):
        for data in batch.data:
            space.feed(data)
        if batch.facts is not None:
            space.set_names(batch.facts.starts, batch.facts.mappings)
        seen += bool(batch.data)
        if seen == chunks:
            seen += 1
            deny(denied(*later))
    return _told(space, notices())


def _told(space: AddressSpace, notices: tuple[str, ...]) -> dict[str, object]:
    totals = space.totals
    return {
        "2m": totals.bytes_2m,
        "4k": totals.bytes_4k,
        "source": space.source.label,
        "complete": space.complete and not (space.partial or space.read_errors),
        "execs": space.execs,
        "estimates": sum(bool(flags & VmaFlag.ESTIMATE) for flags in space.vmas["flags"].tolist()),
        "vmas": len(space.vmas),
        "names": sum(bool(space.name_of(i)) for i in range(len(space.vmas))),
        "notices": list(notices),
    }


if __name__ == "__main__":
    try:
        print(json.dumps(_read(**json.loads(sys.argv[1]))))
    except HpviewError as err:
        print(json.dumps({"error": str(err)}))
