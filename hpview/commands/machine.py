"""The commands about the machine and its nodes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hpview.commands.common import opened_services, print_lines, print_notices, print_object
from hpview.errors import HpviewError

if TYPE_CHECKING:
    from argparse import Namespace

    from hpview.export.machine import Report
    from hpview.machine import Snapshot
    from hpview.services import Services


def machine(args: Namespace) -> int:
    """Print what of the machine bears on huge pages."""
    from hpview.export import machine, machine_json

    with opened_services(args) as services:
        report = _report(services, args.seconds)
    if args.format == "json":
        print_object(machine_json.machine_object(report), services)
    else:
        print_lines(machine.lines(report))
        print_notices(services)
    return 0


def _report(services: Services, seconds: float | None) -> Report:
    from hpview.export.machine import Report
    from hpview.host.unread import Unread

    before = None if seconds is None else services.host()
    if seconds is not None:
        time.sleep(seconds)
    sample = services.host()
    try:
        snapshot: Snapshot | Unread = services.snapshot(lambda: False)
    except HpviewError as err:
        snapshot = Unread("the process list", str(err))
    pids = [] if isinstance(snapshot, Unread) else [p.pid for p in snapshot.processes]
    return Report(
        sample=sample,
        before=before,
        ledger=services.ledger(lambda: False),
        delays=services.delays(pids),
        snapshot=snapshot,
    )


def numa(args: Namespace) -> int:
    """Print on which nodes the memory of a process lies."""
    from hpview import scan
    from hpview.export import numa

    with opened_services(args) as services:
        space = scan.scan(services, args.pid).space
        found = services.nodes(args.pid, space.runs, args.small, lambda: False)
        services.require_same(space)
    if args.format == "json":
        print_object(numa.numa_object(found, space.comm), services)
    else:
        print_lines(numa.lines(found, space.comm))
        print_notices(services)
    return 0
