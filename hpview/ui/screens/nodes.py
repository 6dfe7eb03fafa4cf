"""The screen of a process's NUMA nodes: read when it is opened, and on a key."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.worker import get_current_worker

from hpview.errors import HpviewError
from hpview.export import exportable
from hpview.machine import Stopped
from hpview.text import printable
from hpview.ui.machine import nodes, numbers
from hpview.ui.paint import joined
from hpview.ui.screens.tables import TablesScreen
from hpview.ui.widgets.line import Lines
from hpview.ui.widgets.machine_list import TableList
from hpview.ui.widgets.rows import RowList
from hpview.units import thousands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.app import ComposeResult

    from hpview.export.exportable import Exportable
    from hpview.host.nodes import ByNode
    from hpview.services import Services
    from hpview.space.address_space import AddressSpace
    from hpview.ui.palette import Glyphs, Inks
    from hpview.ui.reading import Reading
    from hpview.wire import Records


class NodesScreen(TablesScreen):
    """Huge memory by node; 4 kB pages only when somebody asks for them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("4", "small", "4k pages", tooltip="Ask for 4 kB pages too, or no more: 512 a slot"),
        Binding("R", "ask", "Ask again", tooltip="Ask again where the memory lies"),
        Binding("escape", "app.back", "Back"),
    ]
    HELP_SECTIONS: ClassVar[tuple[tuple[str, type], ...]] = (("Nodes", RowList),)

    def __init__(self, services: Services, glyphs: Glyphs, reading: Reading) -> None:
        super().__init__(glyphs, "nodes-detail")
        self.found: ByNode | None = None
        self.problem = ""
        self._services = services
        self._reading = reading
        self._small = False
        self._token = 0
        self._header = Lines(glyphs, id="nodes-header")
        self._list = TableList(glyphs, "NODES", "where does its memory lie?", id="nodes")

    def body(self) -> ComposeResult:
        """Header, nodes, detail."""
        yield self._header
        yield self._list
        yield self.detail

    def on_mount(self) -> None:
        """Ask."""
        self._list.focus()
        self.action_ask()

    def on_resize(self, event: events.Resize) -> None:
        """The source has a line of its own where that is narrow."""
        self.fit_detail(*event.size)

    @property
    def current_list(self) -> TableList:
        """There is one."""
        return self._list

    @property
    def shows_data(self) -> bool:
        """There are nodes."""
        return self.found is not None

    def action_ask(self) -> None:
        """Ask for the nodes of what was read of the process."""
        self._token += 1
        self.problem = ""
        self._list.set_placeholder("asking…")
        space = self._reading.space
        ask = partial(self._ask, self._token, space, space.runs.copy(), self._small)
        self.run_worker(
            ask, thread=True, exclusive=True, group="nodes", description="Asking for nodes"
        )
        self._draw()

    def action_small(self) -> None:
        """Ask for 4 kB pages too, or no more."""
        self._small = not self._small
        self.action_ask()

    def _ask(self, token: int, space: AddressSpace, runs: Records, small: bool) -> None:
        worker = get_current_worker()
        found: ByNode | None = None
        problem = ""
        try:
            found = self._services.nodes(
                self._reading.pid, runs, small, lambda: worker.is_cancelled
            )
            self._services.require_same(space)
        except Stopped:
            return
        except HpviewError as err:
            problem = printable(str(err))
        if not worker.is_cancelled:
            self.app.call_from_thread(self._take, token, found, problem)

    def _take(self, token: int, found: ByNode | None, problem: str) -> None:
        if token == self._token:
            self.found, self.problem = found, problem
            self._list.set_placeholder(problem)
            self._draw()

    def _draw(self) -> None:
        found = self.found
        state = "" if found is None else _cost(found)
        self._list.show((nodes.table(found),) if found is not None else (), state)
        self._header.paint(self._header_lines)
        self.draw_detail()

    def _header_lines(self, width: int, inks: Inks) -> list[list[Segment]]:
        crumb = Segment(f" {inks.glyphs.crumb} ", inks.dim)
        name = printable(self._reading.space.comm)
        left = [
            Segment(" hpview", inks.dim),
            crumb,
            Segment(f"{self._reading.pid} {name}".rstrip(), inks.strong),
            crumb,
            Segment("nodes", inks.strong),
        ]
        pages = "huge and 4k pages" if self._small else "huge pages only: 4 asks for 4k pages too"
        part = "of what was read so far, " if self._reading.busy else ""
        return [joined(left, [Segment(f"{part}{pages} ", inks.dim)], width, inks)]

    def data(self) -> Sequence[Exportable]:
        """The nodes."""
        if self.found is None:
            return ()
        return [exportable.nodes(self.found, self._reading.space.comm)]

    def picture_name(self) -> str:
        """With the pid."""
        return f"hpview-{self._reading.pid}-nodes"


def _cost(found: ByNode) -> str:
    return f"{thousands(found.asked)} addresses asked for · {numbers.seconds(found.seconds)}"
