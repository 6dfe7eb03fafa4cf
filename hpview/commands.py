"""What each command does. Each imports what it needs: most of a short command is imports."""

from __future__ import annotations

import copy
import os
import shutil
import sys
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hpview.errors import HpviewError, NothingMapped
from hpview.events import unlistened
from hpview.text import encode, printable

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterable, Iterator

    from hpview.events import ProcessEvents
    from hpview.services import Readers, Services
    from hpview.settings import Settings
    from hpview.settings.reading import Loaded
    from hpview.ui.shot import Wish


class UsageError(HpviewError):
    """Arguments that do not go together."""


@contextmanager
def _services(
    args: Namespace, events: Callable[[], ProcessEvents] = unlistened
) -> Iterator[Services]:
    from hpview import assembly

    services = assembly.services(args.backend, events)
    with closing(services):
        yield services


def _events() -> ProcessEvents:
    # pyroute2 takes 100 ms and more to import: it is the listening thread that waits for it.
    from hpview.connector import Connector

    return Connector()


@contextmanager
def _services_later(args: Namespace) -> Iterator[Callable[[], Services]]:
    """What opens them; may be called in a thread that ends before the block does."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(_services(args, _events))


@contextmanager
def _readers(args: Namespace) -> Iterator[Readers]:
    from hpview import backends

    readers = backends.readers(*backends.choose(args.backend))
    with closing(readers):
        yield readers


def view(args: Namespace) -> int:
    """Open the app on the list or on a process."""
    _need_terminal()
    with _services_later(args) as services:
        return _run_app(services, args.pid)


def demo(args: Namespace) -> int:
    """Start the demo process and open the app on it."""
    from hpview.demo import Demo

    _need_terminal()
    with _services_later(args) as services, Demo.spawn() as target:
        return _run_app(services, target.pid)


def ps(args: Namespace) -> int:
    """Print the process list."""
    from hpview.export import json, table

    with _services(args) as services:
        snapshot = services.snapshot(lambda: False)
    if args.format == "json":
        print(json.dumps(json.ps_object(snapshot)))
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        _print_lines(table.ps(snapshot, width))
    return 0


def scan(args: Namespace) -> int:
    """Print one process, its folios or the log of reading it."""
    if args.format == "thpmaps" or args.folios:
        return _scan_folios(args)
    if args.format == "maps" and args.explain:
        raise UsageError("--explain goes with the formats table and json")
    from hpview import scan as scan_
    from hpview.export import explain, json, maps, table

    with _readers(args) as readers:
        result = scan_.scan(readers, args.pid)
    if args.format == "json":
        print(json.dumps(json.scan_object(result, log=args.explain)))
    elif args.explain:
        _print_lines(explain.lines(result))
    elif args.format == "maps":
        _print_raw(maps.lines(result.space))
    else:
        _print_lines(table.scan(result))
    if not result.complete:
        print(f"hpview: process {args.pid}: {table.state(result)}", file=sys.stderr)
        return 1
    return 0


def _scan_folios(args: Namespace) -> int:
    if args.explain or (args.folios and args.format == "maps"):
        wrong = "--explain" if args.explain else "--folios"
        raise UsageError(f"{wrong} does not go with the format {args.format}")
    from hpview.export import folios, json, thpmaps
    from hpview.pages import process

    result = process.read(args.pid)
    if args.format == "thpmaps":
        _print_raw(thpmaps.lines(result, rollup=args.folios))
    elif args.format == "json":
        print(json.dumps(folios.folios_object(result)))
    else:
        _print_lines(folios.table(result))
    return 0


def slot(args: Namespace) -> int:
    """Print the pages of one slot."""
    from hpview.export import json, pages

    with _services(args) as services:
        found = services.pages(args.pid, args.address)
    if not len(found):
        raise NothingMapped(args.pid, args.address)
    if args.format == "json":
        print(json.dumps(pages.slot_object(args.pid, found)))
    else:
        _print_lines(pages.lines(found))
    return 0


def shot(args: Namespace) -> int:
    """Save a screen as a picture."""
    from hpview.ui import pictures
    from hpview.ui import shot as shot_

    form = pictures.FORMATS[0]
    if args.output and args.output != "-":
        found = pictures.of_name(args.output)
        if found is None:
            endings = ", ".join(known.ending for known in pictures.FORMATS)
            raise UsageError(f"a picture's name ends in one of {endings}")
        form = found
    wish = _wish(args)
    with _services(args) as services:
        try:
            data = form.made(shot_.shot(services, wish))
        except shot_.UnknownName as err:
            raise UsageError(str(err)) from err
    if args.output == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        return 0
    name = args.output or (f"hpview-{args.pid}.svg" if args.pid is not None else "hpview.svg")
    try:
        Path(name).write_bytes(data)
    except OSError as err:
        raise HpviewError(f"cannot write {printable(name)}: {err.strerror}") from err
    print(f"wrote {printable(name)}")
    return 0


def _wish(args: Namespace) -> Wish:
    """What is to be drawn, by what was typed."""
    from hpview.ui import shot as shot_

    screen = args.screen
    if screen is None:
        screen = "list" if args.pid is None else "process" if args.address is None else "slot"
    if screen != "list" and args.pid is None:
        raise UsageError(f"a shot of a {screen} needs its PID")
    if screen == "list" and args.pid is not None:
        raise UsageError("a shot of the list takes no PID")
    if screen == "slot" and args.address is None:
        raise UsageError("a shot of a slot needs its --address")
    if screen not in ("slot", "process") and args.address is not None:
        raise UsageError("--address goes with a shot of a slot or a process")
    try:
        keys = shot_.keys_of(args.keys)
    except shot_.UnknownName as err:
        raise UsageError(str(err)) from err
    return shot_.Wish(
        screen=screen,
        pid=args.pid,
        address=args.address,
        size=args.size,
        keys=keys,
        theme=args.theme,
        ascii=args.ascii,
    )


def doctor(args: Namespace) -> int:
    """Print what works here."""
    # pyroute2 and what it needs take longer to import than all the rest.
    from hpview import doctor as examination
    from hpview.stream.kernel import KernelBackend

    def load_bpf() -> None:
        KernelBackend().close()

    findings = examination.examine(load_bpf=load_bpf)
    print(examination.render(findings, ascii_only=not _unicode_terminal()))
    return 0


def _run_app(services: Callable[[], Services], pid: int | None) -> int:
    from hpview.settings import reading
    from hpview.ui.app import HpviewApp

    loaded = reading.load(reading.config_path())
    keep = _keeper(loaded)
    app = HpviewApp(
        services,
        pid,
        ascii=not _unicode_terminal(),
        settings=loaded.settings,
        keep=keep,
        notice=loaded.notice,
    )
    app.run()
    try:
        keep(app.settings)
    except HpviewError as err:
        print(f"hpview: {err}", file=sys.stderr)
    if app.unopened is not None:
        raise app.unopened
    return app.return_code or 0


def _keeper(loaded: Loaded) -> Callable[[Settings], None]:
    """What saves settings if they were changed since; gives up after a failure."""
    path, since = loaded.path, copy.deepcopy(loaded.settings)

    def keep(settings: Settings) -> None:
        nonlocal path, since
        if path is None or settings == since:
            return
        from hpview.settings import writing

        to, path = path, None
        writing.save(to, settings, since)
        path, since = to, copy.deepcopy(settings)

    return keep


def _need_terminal() -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise HpviewError("no terminal to draw on: use hpview ps, scan or shot")


def _unicode_terminal() -> bool:
    """Whether the locale promises UTF-8 (locale(7): LC_ALL, then LC_CTYPE, then LANG)."""
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        if value := os.environ.get(name):
            return value.upper().replace("-", "").endswith("UTF8")
    return False


def _print_lines(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _print_raw(lines: Iterable[str]) -> None:
    """Names are printed byte for byte, except on a terminal, which they could steer."""
    if sys.stdout.isatty():
        _print_lines(map(printable, lines))
        return
    sys.stdout.flush()
    for line in lines:
        sys.stdout.buffer.write(encode(line) + b"\n")
