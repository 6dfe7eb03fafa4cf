"""Reads processes while more and more is refused: ``python -m tests.degraded``, JSON in and out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hpview import backends, scan
from hpview.errors import HpviewError
from hpview.loader import load
from hpview.machine import Machine
from hpview.space.address_space import AddressSpace
from hpview.wire import VmaFlag
from tests.denied import denied, deny

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hpview.services import Readers


ROOT: Final = Path(__file__).parent.parent
SELF: Final = 0
"""The child that reads the list."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What to read, and what is refused meanwhile, in the words of ``denied.denied``.

    Attributes:
        pid: The process, or ``SELF``.
        backend: As ``backends.choose``.
        first: Refused from the start.
        later: Refused once so many batches were read; of ``chunks`` 0 once all is opened.
        chunks: How many.
        size: Of a read().
        listed: Read all processes, and tell of this one.
    """

    pid: int
    backend: str = "auto"
    first: Sequence[str] = ()
    later: Sequence[str] = ()
    chunks: int = 0
    size: int = 1024
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What came of it; sizes in bytes.

    Attributes:
        error: Why nothing was read, or "".
        source: As it is shown.
        huge: In PMD leaves; None where it is not known.
        small: In 4 kB pages.
        complete: All of it was read.
        estimates: VMAs that are told as estimates; of a list 1 or 0.
        names: VMAs that have a name.
        execs: How often another address space took the place of the one known.
        notices: What was said of all this.
    """

    error: str = ""
    source: str = ""
    huge: int | None = None
    small: int | None = None
    complete: bool = False
    estimates: int = 0
    names: int = 0
    execs: int = 0
    notices: list[str] = field(default_factory=list)


def read(*wishes: Wish, through: Sequence[str] = (), python: str = sys.executable) -> list[Told]:
    """Have a child of its own read for each wish.

    Args:
        wishes: What to read.
        through: What the parent of these children is run through.
        python: Its Python.
    """
    done = subprocess.run(
        [*through, python, "-W", "error", "-m", "tests.degraded"],
        input=json.dumps([asdict(wish) for wish in wishes]),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return [Told(**told) for told in json.loads(done.stdout)]


def _told(wish: Wish) -> Told:
    deny(denied(*wish.first))
    chosen, notices = backends.choose(wish.backend)
    readers = backends.readers(chosen, notices)
    if not wish.chunks:
        deny(denied(*wish.later))
    try:
        found = _listed(Machine(chosen), wish) if wish.listed else _scanned(readers, wish)
    except HpviewError as err:
        found = {"error": str(err)}
    return Told(notices=list(notices()), **found)


def _listed(machine: Machine, wish: Wish) -> dict[str, Any]:
    pid = wish.pid or os.getpid()
    snapshot = machine.snapshot()
    process = next(p for p in snapshot.processes if p.pid == pid)
    assert process.source == snapshot.source
    return {
        "source": process.source.label,
        "huge": process.bytes_2m,
        "small": process.bytes_4k,
        "complete": process.bytes_2m is not None and not process.partial,
        "estimates": int(process.estimate),
    }


def _scanned(readers: Readers, wish: Wish) -> dict[str, Any]:
    if not wish.chunks:
        result = scan.scan(readers, wish.pid)
        return _of(result.space, complete=result.complete)
    space = AddressSpace()
    chunks = 0
    # A filter knows an iterator by its number, which no later file is to get.
    lower = [os.open(os.devnull, os.O_RDONLY) for _ in range(64)]
    opened = (lambda: readers.open(wish.pid)), (lambda: readers.facts(wish.pid))
    for batch in load(*opened, size=wish.size, seconds=0):
        for data in batch.data:
            space.feed(data)
        if batch.facts is not None:
            space.set_names(batch.facts.starts, batch.facts.mappings)
        chunks += bool(batch.data)
        if chunks == wish.chunks:
            chunks += 1
            deny(denied(*wish.later))
            while lower:
                os.close(lower.pop())
    return _of(space, complete=space.complete and not (space.partial or space.read_errors))


def _of(space: AddressSpace, *, complete: bool) -> dict[str, Any]:
    totals = space.totals
    return {
        "source": space.source.label,
        "huge": totals.bytes_2m,
        "small": totals.bytes_4k,
        "complete": complete,
        "estimates": sum(bool(flags & VmaFlag.ESTIMATE) for flags in space.vmas["flags"].tolist()),
        "names": sum(bool(space.name_of(i)) for i in range(len(space.vmas))),
        "execs": space.execs,
    }


def _answer(wish: Wish) -> dict[str, Any]:
    return asdict(_told(wish))


def in_child(what: Callable[[], Any]) -> Any:  # noqa: ANN401 - anything that JSON has
    """What a function returns that changes the process for good: it is called in a child."""
    out, into = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(out)
        with os.fdopen(into, "w") as pipe:
            json.dump(what(), pipe)
        os._exit(0)
    os.close(into)
    with os.fdopen(out) as pipe:
        data = pipe.read()
    assert os.waitpid(pid, 0)[1] == 0, f"the child of {what} failed"
    return json.loads(data)


if __name__ == "__main__":
    wishes = [Wish(**wish) for wish in json.load(sys.stdin)]
    print(json.dumps([in_child(partial(_answer, wish)) for wish in wishes]))
