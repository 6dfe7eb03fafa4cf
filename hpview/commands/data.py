"""The commands that print what was read."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from hpview.commands.common import (
    UsageError,
    opened_readers,
    opened_services,
    print_lines,
    print_notices,
    print_object,
    print_raw,
)
from hpview.errors import NothingMapped

if TYPE_CHECKING:
    from argparse import Namespace


def ps(args: Namespace) -> int:
    """Print the process list."""
    from hpview.export import json, table

    with opened_services(args) as services:
        snapshot = services.snapshot(lambda: False)
    if args.format == "json":
        print_object(json.ps_object(snapshot), services)
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        print_lines(table.ps(snapshot, width))
        print_notices(services)
    return 0


def scan(args: Namespace) -> int:
    """Print one process, its folios or the log of reading it."""
    if args.format == "thpmaps" or args.folios:
        return _scan_folios(args)
    if args.format == "maps" and args.explain:
        raise UsageError("--explain goes with the formats table and json")
    from hpview import scan as scan_
    from hpview.export import explain, json, maps, table

    with opened_readers(args) as readers:
        result = scan_.scan(readers, args.pid)
    if args.format == "json":
        print_object(json.scan_object(result, log=args.explain), readers)
    elif args.explain:
        print_lines(explain.lines(result))
        print_notices(readers)
    elif args.format == "maps":
        print_raw(maps.lines(result.space))
    else:
        print_lines(table.scan(result))
        print_notices(readers)
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
        print_raw(thpmaps.lines(result, rollup=args.folios))
    elif args.format == "json":
        print(json.dumps(folios.folios_object(result)))
    else:
        print_lines(folios.table(result))
    return 0


def slot(args: Namespace) -> int:
    """Print the pages of one slot."""
    from hpview.export import json, pages

    with opened_services(args) as services:
        found = services.pages(args.pid, args.address)
    if not len(found):
        raise NothingMapped(args.pid, args.address)
    if args.format == "json":
        print(json.dumps(pages.slot_object(args.pid, found)))
    else:
        print_lines(pages.lines(found))
    return 0
