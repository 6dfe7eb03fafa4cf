"""Reads the single pages that the map shows, in the background, a screenful at a time."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.worker import get_current_worker

from hpview.errors import AccessDenied, NoMemoryMap, NoSuchProcess, NotAProcess
from hpview.inquiry.same import NotTheSame

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray
    from textual.screen import Screen

    from hpview.services import Services
    from hpview.space.address_space import AddressSpace
    from hpview.ui.widgets.map_pane import MapPane
    from hpview.wire import Records


class PageReader:
    """Keeps a map supplied with pages while its cells are smaller than a slot.

    Args:
        owner: The screen; its thread ends with it.
        services: Reads pages.
        pid: The process.
        space: What is known of it.
        map_: Says what it wants, and gets it.
        told: Called on the thread of the app after each delivery.
    """

    def __init__(
        self,
        owner: Screen[None],
        services: Services,
        pid: int,
        space: Callable[[], AddressSpace],
        map_: MapPane,
        told: Callable[[], None],
    ) -> None:
        self._owner = owner
        self._services = services
        self._pid = pid
        self._space = space
        self._map = map_
        self._told = told
        self._token = 0
        self._busy = False
        self._lost = False

    def look(self) -> None:
        """See whether the map wants pages, and read them unless some are being read."""
        if self._busy or self._lost:
            return
        slots = self._map.wanted_pages()
        if slots is None:
            return
        self._busy = True
        self._owner.run_worker(
            partial(self._read, self._token, slots),
            thread=True,
            exclusive=True,
            group="pages",
            exit_on_error=False,
            description="Reading pages",
        )

    def renew(self, changed: Records | None) -> None:
        """The process was read anew: what was read of pages is old.

        Args:
            changed: Ranges that changed, dtype ``CHANGE``; the rest is shown until it is
                read again. None drops all.
        """
        self._token += 1
        self._lost = False
        if changed is None:
            self._map.forget_pages()
        else:
            self._map.outdate_pages(changed["start"], changed["end"])

    def _read(self, token: int, slots: NDArray[np.uint64]) -> None:
        worker = get_current_worker()
        states: NDArray[np.uint8] | None
        try:
            states = self._services.states(self._pid, slots)
            self._services.require_same(self._space())
        except (NoSuchProcess, NotTheSame, NotAProcess, NoMemoryMap, AccessDenied):
            # It exited, and perhaps another has its number, or another user's exec took its
            # place: what is shown stays as it is, and reading it again tells.
            states = None
        if not worker.is_cancelled:
            self._owner.app.call_from_thread(self._take, token, slots, states)

    def _take(
        self, token: int, slots: NDArray[np.uint64], states: NDArray[np.uint8] | None
    ) -> None:
        self._busy = False
        if not self._owner.is_running:
            return
        if token == self._token and states is None:
            self._lost = True
        elif token == self._token and states is not None:
            self._map.add_pages(slots, states)
            self._told()
        self.look()
