"""The commands that open the app."""

from __future__ import annotations

import copy
import sys
from typing import TYPE_CHECKING

from hpview.commands.common import services_later, unicode_terminal
from hpview.errors import HpviewError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from hpview.services import Services
    from hpview.settings import Settings
    from hpview.settings.reading import Loaded


def view(args: Namespace) -> int:
    """Open the app on the list or on a process."""
    _need_terminal()
    with services_later(args) as services:
        return _run_app(services, args.pid)


def demo(args: Namespace) -> int:
    """Start the demo process and open the app on it."""
    from hpview.demo import Demo

    _need_terminal()
    with services_later(args) as services, Demo.spawn() as target:
        return _run_app(services, target.pid)


def _run_app(services: Callable[[], Services], pid: int | None) -> int:
    from hpview.settings import reading
    from hpview.ui.app import HpviewApp

    loaded = reading.load(reading.config_path())
    keep = _keeper(loaded)
    app = HpviewApp(
        services,
        pid,
        ascii=not unicode_terminal(),
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
