"""What several commands need: services that are closed again, and printing."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any

from hpview.errors import BackendUnavailable, HpviewError
from hpview.events import unlistened
from hpview.kernelfs.files import PROC
from hpview.text import encode, printable, well_formed

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hpview.events import ProcessEvents
    from hpview.host.delays import Delays
    from hpview.host.unread import Unread
    from hpview.services import Readers, Services


class UsageError(HpviewError):
    """Arguments that do not go together."""


def require_proc() -> None:
    """Refuse to work without /proc, where everything begins.

    Raises:
        BackendUnavailable: It is not mounted.
    """
    if not (PROC / "self").is_symlink():
        raise BackendUnavailable("/proc", "it is not mounted", remedy="mount -t proc proc /proc")


def why_not_act(args: Namespace) -> str:
    """Why nothing may be changed in a process, or "": ``--read-only``, or the setting."""
    from hpview.settings import reading

    if args.read_only:
        return "hpview was started with --read-only"
    loaded = reading.load(reading.config_path())
    if loaded.path is None and loaded.notice:
        return "the settings, which may forbid it, could not be read"
    return "the settings say read_only = true" if loaded.settings.read_only else ""


@contextmanager
def opened_services(
    args: Namespace,
    events: Callable[[], ProcessEvents] = unlistened,
    no_act: str = "this command only looks",
) -> Iterator[Services]:
    """Everything that is wanted with ``--backend``; the rest as of ``assembly.services``."""
    from hpview import assembly

    services = assembly.services(args.backend, events, _delays, no_act=no_act)
    with closing(services):
        yield services


def _events() -> ProcessEvents:
    # pyroute2 takes 100 ms and more to import: it is the listening thread that waits for it.
    from hpview.connector import Connector

    return Connector()


def _delays(pids: Sequence[int]) -> Delays | Unread:
    # The same: it is who asks that waits.
    from hpview.host.taskstats import read_delays

    return read_delays(pids)


@contextmanager
def services_later(args: Namespace) -> Iterator[Callable[[], Services]]:
    """What opens them; may be called in a thread that ends before the block does."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(opened_services(args, _events, why_not_act(args)))


@contextmanager
def opened_readers(args: Namespace) -> Iterator[Readers]:
    """What reads one process, with ``--backend``."""
    from hpview import backends

    readers = backends.readers(*backends.choose(args.backend))
    with closing(readers):
        yield readers


def print_lines(lines: Iterable[str]) -> None:
    """Print lines that are fit for a terminal."""
    sys.stdout.writelines(f"{line}\n" for line in lines)


def print_notices(readers: Readers) -> None:
    """What whoever reads a table has to know of where it comes from."""
    print_lines(f"note: {printable(notice)}" for notice in readers.notices())


def print_object(value: dict[str, Any], readers: Readers) -> None:
    """Print an object as JSON, with ``notices``: the same as sentences."""
    from hpview.export import json

    print(json.dumps(value | {"notices": [well_formed(told) for told in readers.notices()]}))


def print_raw(lines: Iterable[str]) -> None:
    """Names are printed byte for byte, except on a terminal, which they could steer."""
    if sys.stdout.isatty():
        print_lines(map(printable, lines))
        return
    sys.stdout.flush()
    for line in lines:
        sys.stdout.buffer.write(encode(line) + b"\n")


def unicode_terminal() -> bool:
    """Whether the locale promises UTF-8 (locale(7): LC_ALL, then LC_CTYPE, then LANG)."""
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        if value := os.environ.get(name):
            return value.upper().replace("-", "").endswith("UTF8")
    return False
