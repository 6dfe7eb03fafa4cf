"""The screen of one process: what its keys do."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType

from hpview.ui.collapsing import Span
from hpview.ui.screens.changes import ChangesScreen
from hpview.ui.screens.collapse import offer
from hpview.ui.screens.process_view import ProcessView
from hpview.ui.screens.why import WhyScreen
from hpview.ui.widgets.memory_map import MemoryMap
from hpview.ui.widgets.prompt import Prompt
from hpview.ui.widgets.rows import RowList
from hpview.ui.widgets.vma_list import VmaList


class ProcessScreen(ProcessView):
    """One process and how to move about in it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "step_hole(1)", "Hole", tooltip="Next hole: 4k where a huge page has room"),
        Binding("N", "step_hole(-1)", "Previous hole", show=False),
        Binding("a", "why", "Why", tooltip="Why it is not huge, and what would change it"),
        Binding("g", "go_to", "Go to", tooltip="Go to an address or a name", priority=True),
        Binding(
            "plus,equals_sign",
            "zoom(-1)",
            "Zoom",
            key_display="+ -",
            tooltip="Smaller cells, down to 4 KiB",
        ),
        Binding("minus", "zoom(1)", "Zoom out", show=False, tooltip="Larger cells, up to 64 GiB"),
        Binding("left_square_bracket", "step_vma(-1)", "Previous VMA", show=False),
        Binding("right_square_bracket", "step_vma(1)", "Next VMA", show=False),
        Binding("tab", "switch_pane", "Pane", tooltip="Go to the other pane"),
        Binding("z", "widen", "Widen", tooltip="The whole width for this pane, or both"),
        Binding(
            "slash",
            "filter",
            "Filter",
            tooltip="Filter: words, perm:rw, backing:4k, size>2M",
            priority=True,
        ),
        Binding("f", "only", "Only", tooltip="All VMAs, only huge-able ones, only with holes"),
        Binding(
            "less_than_sign,comma",
            "sort(-1)",
            "Sort",
            show=False,
            tooltip="Sort the VMAs by the column to the left",
        ),
        Binding(
            "greater_than_sign,full_stop",
            "sort(1)",
            "Sort",
            show=False,
            tooltip="Sort the VMAs by the column to the right",
        ),
        Binding("r", "reverse", "Reverse", show=False, tooltip="Reverse the order of the VMAs"),
        Binding("w", "watch", "Watch", tooltip="Read it again and again, mark what changes"),
        Binding("W", "changes", "Changes", tooltip="What changed, and how often to look"),
        Binding(
            "c", "collapse", "Collapse", tooltip="Have the kernel make it huge now; asks first"
        ),
        Binding("i", "protocol", "Protocol", tooltip="The reads one by one; pause and step"),
        Binding("u", "nodes", "Nodes", show=False, tooltip="On which NUMA nodes its memory lies"),
        Binding("m", "machine", "Machine", tooltip="Whether it has huge pages, and who holds them"),
        Binding("R", "reread", "Reread", tooltip="Read the process again"),
        Binding("escape", "back", "Back", tooltip="Back to where you were"),
    ]
    HELP_SECTIONS: ClassVar[tuple[tuple[str, type], ...]] = (
        ("Map", MemoryMap),
        ("VMA list", RowList),
        ("", VmaList),
    )

    def action_reread(self) -> None:
        """Read the process again."""
        self.reading.begin()
        self._draw_status()

    def action_protocol(self) -> None:
        """Show the reads."""
        self.post_message(self.ProtocolWanted(self.reading))

    def action_nodes(self) -> None:
        """Show the NUMA nodes."""
        self.post_message(self.NodesWanted(self.reading))

    def action_machine(self) -> None:
        """Show the machine."""
        self.post_message(self.MachineWanted())

    def action_watch(self) -> None:
        """Read the process again and again, or no more."""
        self.watching.toggle()

    def action_changes(self) -> None:
        """List what changed."""
        self.app.push_screen(ChangesScreen(self.glyphs, self.watching, self._show_address))

    def action_why(self) -> None:
        """Tell why memory is not huge."""
        given = self.reading, self.asking, self._why_choice, self._show_address
        self.app.push_screen(WhyScreen(self.glyphs, *given))

    def action_collapse(self) -> None:
        """Offer to collapse the cell under the cursor, or the VMA in the list."""
        vma, found = self._vmas.index, self._map.cursor_range
        if self._vmas.has_focus and vma >= 0:
            start, end = (int(self.space.vmas[side][vma]) for side in ("start", "end"))
            offer(self, self._services, self.reading, Span(start, end, start))
        elif found is not None:
            span = Span(*found, self._map.address or found[0])
            offer(self, self._services, self.reading, span)

    def _show_address(self, address: int) -> None:
        self._travel.stop()
        self._map.go_to(address)
        self._arrived()

    def action_switch_pane(self) -> None:
        """Move the focus to the other pane."""
        self._focus_pane(self._map if self._vmas.has_focus else self._vmas)

    def action_widen(self) -> None:
        """Give the pane with the focus the room of both, or each its own again."""
        focused = "-list-alone" if self._vmas.has_focus else "-map-alone"
        self._stand_alone("" if self._alone else focused)

    # -- moving about -----------------------------------------------------------------

    def action_step_vma(self, step: int) -> None:
        """Go to a neighbouring VMA of those listed."""
        index = self._vmas.neighbour(self._map.address or 0, step)
        if index >= 0:
            self._vmas.put_index(index)
            self._show_vma(index)

    def action_step_hole(self, step: int) -> None:
        """Go to the next stretch of holes, or the one before."""
        self._travel.to_hole(step)
        self._arrived()

    def action_zoom(self, step: int) -> None:
        """Make cells larger or smaller about the cursor."""
        if self._map.zoom(step):
            self._travel.keep_zoom(self._settings)
            self._arrived()

    @on(MemoryMap.Zoomed)
    def _wheel_zoomed(self, event: MemoryMap.Zoomed) -> None:
        self.action_zoom(event.step)

    def action_go_to(self) -> None:
        """Ask for an address or a name."""
        self._prompt.open("g", "an address such as 7f3a5c200000, or a part of a name")

    def action_filter(self) -> None:
        """Type a filter for the VMAs."""
        text = self._filter.text
        self._prompt.open("/", self._filter.placeholder, text)
        self._prompt.tell(self._filter.type(text))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In a prompt a letter is text."""
        return not (action in ("filter", "go_to") and self._prompt.is_typed_into)

    @on(Prompt.Changed)
    def _prompt_changed(self, event: Prompt.Changed) -> None:
        if event.question == "/":
            self._prompt.tell(self._filter.type(event.text))
            self._keep_together()

    @on(Prompt.Submitted)
    def _prompt_submitted(self, event: Prompt.Submitted) -> None:
        if event.question == "g":
            self._travel.to_words(event.text)
            self._arrived()
        if event.question == "g" or not event.text:
            self._end_question()
        self._focus_pane(self._vmas if event.question == "/" else self._map)

    def _end_question(self) -> None:
        """Close the prompt, or have it show again what the VMAs are filtered by."""
        if self._filter.text:
            self.action_filter()
        else:
            self._prompt.close()

    def action_only(self) -> None:
        """List all VMAs, those that can be huge, those with holes."""
        self._filter.next_only()
        self._keep_together()
        self._draw_status()

    def action_sort(self, step: int) -> None:
        """Sort the VMAs by a neighbouring column."""
        self._vmas.move_sort(step)

    def action_reverse(self) -> None:
        """Reverse the order of the VMAs."""
        self._vmas.sort_by(self._vmas.sort)

    async def action_back(self) -> None:
        """Undo the last step: the prompt, the filter, a dive into a cell; else leave."""
        if self._prompt.question:
            if self._prompt.question == "/":
                self._filter.clear()
                self._follow_map()
            self._end_question()
            self._map.focus()
        elif self._travel.surface(self._settings):
            self._arrived()
        elif self._filter.is_set:
            self._filter.clear()
            self._follow_map()
            self._draw_status()
        else:
            await self.run_action("app.back")

    def documented_bindings(self) -> list[Binding]:
        """First of all the key that leads on from the map."""
        opens = [b for b in MemoryMap.BINDINGS if isinstance(b, Binding) and b.action == "open"]
        return [*opens, *super().documented_bindings()]
