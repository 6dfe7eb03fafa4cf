"""Lets go of screens that were left: all that Textual and Python would keep of them."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from textual.widget import Widget

from hpview.ui.screens.base import HpviewScreen

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from textual.app import App
    from textual.screen import Screen

Given = ParamSpec("Given")
Result = TypeVar("Result")

_REMOVED: Final = 0.1
"""Seconds after which Textual has long taken a screen apart."""


def leave_garbage() -> None:
    """Have garbage collected when a screen is left, and otherwise hardly ever.

    A screen that is opened makes enough objects for a full collection, in which no key is
    answered: 45 ms, or 20 without what was imported, which stays anyway.
    """
    gc.freeze()
    gc.set_threshold(10_000, 20, 1_000)


class Threads(ThreadPoolExecutor):
    """Runs each piece of work in a context of its own.

    Textual notes a worker in the context that it runs in and leaves it there: a thread that waits
    for work would keep the last worker, its screen and the whole address space.
    """

    def submit(
        self, work: Callable[Given, Result], /, *args: Given.args, **kwargs: Given.kwargs
    ) -> Future[Result]:
        """As the base class does."""
        return super().submit(partial(Context().run, work, *args, **kwargs))


class Leaving:
    """Sees which screens are left.

    Args:
        app: Is running.
    """

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._shown: list[Screen[Any]] = []
        app.screen_change_signal.subscribe(app, self._changed, immediate=True)

    def _changed(self, _on_top: Screen[Any]) -> None:
        before, self._shown = self._shown, list(self._app.screen_stack)
        left = [screen for screen in before if screen not in self._shown]
        for screen in left:
            forget_drawn(screen)
        if gc.get_freeze_count() and any(isinstance(screen, HpviewScreen) for screen in left):
            self._app.set_timer(_REMOVED, gc.collect)


def forget_drawn(screen: Screen[Any]) -> None:
    """Drop the lines drawn: Textual 8.2 keeps those of the last 1024 widgets (its issue 6665)."""
    for widget in screen.walk_children(Widget, with_self=True):
        widget.refresh()
        if widget.show_vertical_scrollbar:
            widget.vertical_scrollbar.refresh()
