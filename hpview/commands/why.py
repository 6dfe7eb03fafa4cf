"""The command that tells why memory of a process is not huge."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from hpview.commands.common import opened_services, print_lines, print_notices, print_object
from hpview.errors import NothingMapped

if TYPE_CHECKING:
    from argparse import Namespace

    from hpview.inquiry.asking import Inquiry
    from hpview.kernelfs.smaps import Smaps
    from hpview.scan import Scan
    from hpview.services import Services


def why(args: Namespace) -> int:
    """Print why the process, or one slot of it, is not huge.

    Returns:
        0 if all of the process could be read, else 1.
    """
    from hpview.export import table, why_lines
    from hpview.export import why as why_

    with opened_services(args) as services:
        result, found = _asked(services, args)
    if args.address is None:
        if args.format == "json":
            print_object(why_.why_object(found, complete=result.complete), services)
        else:
            print_lines(why_lines.process_lines(found))
            print_notices(services)
    else:
        explanation = found.answers.explain(args.address)
        if explanation is None:
            raise NothingMapped(args.pid, args.address)
        if args.format == "json":
            answer = why_.slot_object(found, explanation, complete=result.complete)
            print_object(answer, services)
        else:
            print_lines(why_lines.slot_lines(found, explanation))
            print_notices(services)
    if not result.complete:
        print(f"hpview: process {args.pid}: {table.state(result)}", file=sys.stderr)
        return 1
    return 0


def _asked(services: Services, args: Namespace) -> tuple[Scan, Inquiry]:
    from hpview import scan as scan_
    from hpview.inquiry.asking import ask, look_closer

    result = scan_.scan(services, args.pid)
    in_force = services.in_force(args.pid)
    told = _smaps(services, args.pid) if args.smaps else None
    services.require_same(result.space)
    return result, look_closer(services, ask(result.space, in_force, told), args.address)


def _smaps(services: Services, pid: int) -> Smaps:
    """Read it, and tell before and afterwards what that costs the process."""
    print(
        f"hpview: reading smaps of {pid}: whatever in it maps memory waits meanwhile",
        file=sys.stderr,
    )
    began = time.monotonic()
    told = services.smaps(pid)
    print(f"hpview: that took {(time.monotonic() - began) * 1000:.0f} ms", file=sys.stderr)
    return told
