"""The last line of a screen: its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.segment import Segment

from hpview.ui.paint import width_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.binding import Binding

    from hpview.ui.palette import Inks

KEY_NAMES: Final = {
    "question_mark": "?",
    "slash": "/",
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "comma": ",",
    "full_stop": ".",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "escape": "Esc",
    "enter": "Enter",
    "tab": "Tab",
    "home": "Home",
    "end": "End",
    "up": "Up",
    "down": "Down",
    "left": "Left",
    "right": "Right",
}


def key_names(binding: Binding) -> list[str]:
    """The keys of a binding as they stand on a keyboard."""
    return [KEY_NAMES.get(key, key) for key in binding.key.split(",")]


_ALWAYS: Final = frozenset({"help", "quit"})
"""Actions whose keys are shown however narrow the line is."""


def keys(bindings: Sequence[Binding], width: int, inks: Inks) -> list[Segment]:
    """Key and word of each binding, as many as fit; help and quit in any case."""
    drawn = [_key(binding, inks) for binding in bindings]
    kept = [binding.action in _ALWAYS for binding in bindings]
    room = width + 2 - sum(width_of(key) for key, always in zip(drawn, kept, strict=True) if always)
    out = [Segment(" ", inks.text)]
    full = False
    for key, always in zip(drawn, kept, strict=True):
        full = full or (not always and width_of(key) > room)
        if always or not full:
            out += key
            room -= 0 if always else width_of(key)
    return out


def _key(binding: Binding, inks: Inks) -> list[Segment]:
    return [
        Segment(binding.key_display or key_names(binding)[0], inks.accent),
        Segment(f" {binding.description.lower()}   ", inks.dim),
    ]
