"""The command that saves a screen as a picture."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hpview.commands.common import UsageError, opened_services, why_not_act
from hpview.errors import HpviewError
from hpview.text import printable

if TYPE_CHECKING:
    from argparse import Namespace

    from hpview.ui.shot import Wish


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
    with opened_services(args, no_act=why_not_act(args)) as services:
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
    if screen not in ("list", "machine") and args.pid is None:
        what = "the nodes" if screen == "nodes" else f"a {screen}"
        raise UsageError(f"a shot of {what} needs its PID")
    if screen in ("list", "machine") and args.pid is not None:
        raise UsageError(f"a shot of the {screen} takes no PID")
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
