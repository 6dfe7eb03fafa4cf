"""Segments of exact width: the small functions every line is made of.

Untrusted text passes ``cell_text`` (or ``hpview.text.printable``) before it gets here;
nothing is ever parsed as markup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment

from hpview.space.cell_class import CellClass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.style import Style

    from hpview.ui.palette import Inks


def fitted(
    text: str, width: int, *, right: bool = False, tail: bool = False, more: str = "…"
) -> str:
    """Text in exactly ``width`` terminal cells.

    Args:
        text: Printable text.
        width: Terminal cells, 0 or more.
        right: Align to the right.
        tail: Keep the end rather than the beginning when it does not fit.
        more: Drawn in the place of what does not fit.
    """
    length = cell_len(text)
    if length <= width:
        return " " * (width - length) + text if right else text + " " * (width - length)
    if width < 2:
        return set_cell_size(text, width)
    if not tail:
        return set_cell_size(text, width - 1) + more
    cut = text
    while cell_len(cut) > width - 1:
        cut = cut[max(1, (cell_len(cut) - width + 1) // 2) :]
    return (
        " " * (width - 1 - cell_len(cut)) + more + cut
        if right
        else (more + cut + " " * (width - 1 - cell_len(cut)))
    )


def clipped(text: str, room: int, *, tail: bool = False, more: str = "…") -> str:
    """As ``fitted``, in no more terminal cells than the text needs."""
    return fitted(text, max(0, min(room, cell_len(text))), tail=tail, more=more)


def shares(parts: Sequence[int], width: int) -> list[int]:
    """Divide ``width`` cells among parts by size, largest remainder first.

    A part that is not nothing gets a cell as long as there are cells: what is there
    can be seen, and only all of it fills everything.
    """
    whole = sum(parts)
    if whole <= 0 or width <= 0:
        return [0] * len(parts)
    out = [part * width // whole for part in parts]
    rest = sorted(range(len(parts)), key=lambda i: -(parts[i] * width % whole))
    for i in rest[: width - sum(out)]:
        out[i] += 1
    for i, part in enumerate(parts):
        largest = max(range(len(out)), key=out.__getitem__)
        if part > 0 and out[i] == 0 and out[largest] > 1:
            out[i] += 1
            out[largest] -= 1
    return out


def bar(parts: Sequence[tuple[CellClass, int]], width: int, inks: Inks) -> list[Segment]:
    """A bar of ``width`` cells in the glyphs and colours of its parts.

    Args:
        parts: Classes and bytes, drawn from left to right; nothing at all is drawn empty.
        width: Terminal cells.
        inks: Styles.
    """
    counts = shares([size for _, size in parts], width)
    out = []
    for (kind, _), count in zip(parts, counts, strict=True):
        if count:
            glyph, style = inks.cell(kind)
            out.append(Segment(glyph * count, style))
    if not out and width > 0:
        glyph, style = inks.cell(CellClass.EMPTY)
        out.append(Segment(glyph * width, style))
    return out


def cell_segments(looks: Sequence[tuple[int, int]], inks: Inks) -> list[Segment]:
    """Cells as few segments: one for each stretch of equal looks.

    Args:
        looks: How many cells, and twice their CellClass, plus one in every other VMA.
        inks: Styles.
    """
    glyphs, styles = inks.glyphs.cells, (inks.cells, inks.shaded)
    return [
        Segment(glyphs[look >> 1] * count, styles[look & 1][look >> 1]) for count, look in looks
    ]


def put_cursor(segments: list[Segment], x: int, inks: Inks) -> list[Segment]:
    """Draw the cell cursor over the character at column ``x`` of a line."""
    out = []
    at = 0
    for segment in segments:
        text, style = segment.text, segment.style
        if at <= x < at + len(text):
            here = x - at
            glyph = inks.glyphs.solid if text[here] in "█▆" else text[here]
            out += [
                Segment(text[:here], style),
                Segment(glyph, inks.cell_cursor),
                Segment(text[here + 1 :], style),
            ]
        else:
            out.append(segment)
        at += len(text)
    return [segment for segment in out if segment.text]


def over(segments: list[Segment], style: Style) -> list[Segment]:
    """Segments with a style laid over their own."""
    return [Segment(s.text, (s.style + style) if s.style else style) for s in segments]


def width_of(segments: list[Segment]) -> int:
    """The terminal cells that segments take."""
    return sum(segment.cell_length for segment in segments)


def joined(left: list[Segment], right: list[Segment], width: int, inks: Inks) -> list[Segment]:
    """Two groups at the two ends of a line; the right one is left out where it does not fit."""
    room = width - width_of(left) - width_of(right)
    if room < 1:
        return left
    return [*left, Segment(" " * room, inks.text), *right]


def cut_line(segments: list[Segment], width: int, inks: Inks) -> list[Segment]:
    """A line of no more than ``width`` cells; a sign stands where the rest was cut off."""
    if width_of(segments) <= width:
        return segments
    out: list[Segment] = []
    room = width
    for segment in segments:
        text = clipped(segment.text, room, more=inks.glyphs.more)
        out.append(Segment(text, segment.style))
        room -= segment.cell_length
        if room <= 0:
            break
    return out
