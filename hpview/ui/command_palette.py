"""Textual's command palette, with keys that do nothing where there is nothing to do."""

from __future__ import annotations

from typing import ClassVar

from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.command import CommandList, CommandPalette


class HpviewPalette(CommandPalette):
    """The palette.

    In Textual 8.2 a page key over an empty list raises KeyError, and a second Enter that is
    on its way when the first one closes it, ScreenStackError.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pagedown", "page('page_down')", "Page down", show=False),
        Binding("pageup", "page('page_up')", "Page up", show=False),
    ]

    def dismiss(self, result: None = None) -> AwaitComplete:
        """Close it, once."""
        return super().dismiss(result) if self.is_active else AwaitComplete()

    async def action_page(self, action: str) -> None:
        """Move by a page of commands."""
        commands = self.query_one(CommandList)
        if commands.option_count:
            await commands.run_action(action)
