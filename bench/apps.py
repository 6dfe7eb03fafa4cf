"""Apps for the part ui to look at; ``python -m bench.apps N`` opens a list of N processes."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hpview import assembly
from hpview.settings import Settings
from hpview.ui.app import HpviewApp

if TYPE_CHECKING:
    from hpview.machine import Process, Snapshot

EMPTY: Final = "from textual.app import App; App().run()"
"""The least that is a Textual app."""

_NEVER: Final = 1e6
_USERS: Final = ("root", "postgres", "www-data", "app", "nobody")
_WORDS: Final = ("server", "worker", "--config", "/srv/data", "-Xmx8g", "main.py", "checkpointer")


def many(recorded: Snapshot, count: int) -> Snapshot:
    """The processes of a snapshot over and over, each with numbers of its own."""
    chance = random.Random(count)
    processes = [_varied(chance, chance.choice(recorded.processes), n) for n in range(1, count + 1)]
    return replace(recorded, processes=tuple(processes), unreadable=0)


def _varied(chance: random.Random, process: Process, pid: int) -> Process:
    huge = chance.choice((0, chance.randrange(1 << 33)))
    small = chance.randrange(1 << 32)
    return process._replace(
        pid=pid,
        start_time=pid,
        user=chance.choice(_USERS),
        cmdline=" ".join(chance.choices(_WORDS, k=chance.randint(1, 12))),
        resident=huge + small,
        bytes_2m=huge,
        bytes_1g=0,
        bytes_4k=small,
        bytes_gap=chance.randrange(small + 1),
        bytes_swap=chance.choice((0, chance.randrange(1 << 28))),
        vmas=chance.randrange(10, 5000),
    )


def main() -> None:
    """Open the list of as many made-up processes as were asked for."""
    services = assembly.services("auto")
    try:
        made = many(services.snapshot(lambda: False), int(sys.argv[1]))
        listed = replace(services, snapshot=lambda _stop: made)
        HpviewApp(lambda: listed, settings=Settings(refresh=_NEVER)).run()
    finally:
        services.close()


if __name__ == "__main__":
    main()
