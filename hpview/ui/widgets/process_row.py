"""How a line of the process list is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.segment import Segment
from rich.style import Style

from hpview import units
from hpview.space.cell_class import CellClass
from hpview.text import printable
from hpview.ui.paint import bar, clipped, fitted, width_of
from hpview.units import thousands

if TYPE_CHECKING:
    from collections.abc import Callable

    from hpview.process import Process
    from hpview.roster.arrange import Line
    from hpview.ui.palette import Glyphs, Inks
    from hpview.ui.widgets.columns import Place

UNKNOWN: Final = "?"
_ESTIMATE: Final = "~"
_PERCENT: Final = 6
_SIZES: Final = {
    "2m": "bytes_2m",
    "1g": "bytes_1g",
    "4k": "bytes_4k",
    "swap": "bytes_swap",
    "gap": "bytes_gap",
}


def line_segments(
    line: Line, placed: tuple[Place, ...], *, wide: bool, inks: Inks
) -> list[Segment]:
    """One line; what could not be read is a question mark, never 0."""
    process = line.process
    size = units.size if wide else units.short
    out: list[Segment] = []
    if line.group is not None:
        # Columns up to the command make one for the name.
        last = next(i for i, place in enumerate(placed) if place.key == "command")
        out += _group_name(line, placed[last].x + placed[last].width, inks)
        placed = placed[last + 1 :]
    for place in placed:
        key = place.key
        if key == "coverage":
            out += [*_coverage(process, place.width, inks), Segment(" ", inks.text)]
        elif key == "command":
            out += [*_command(line, place.width, inks), Segment(" ", inks.text)]
        else:
            words, style = _cell(line, key, size, inks)
            tail = key == "cgroup"
            more = inks.glyphs.more
            text = fitted(words, place.width, right=place.right, tail=tail, more=more)
            out.append(Segment(text + " ", style))
    return out


def _cell(line: Line, key: str, size: Callable[[int], str], inks: Inks) -> tuple[str, Style]:
    """Words and style of a column that needs nothing special."""
    process = line.process
    plain = inks.text if line.matches and process.huge is not None else inks.dim
    match key:
        case "pid":
            return str(process.pid), plain
        case "ppid":
            return str(process.ppid), inks.dim
        case "user":
            return printable(process.user), plain
        case "cgroup":
            return printable(process.cgroup), inks.dim
        case "resident":
            words = size(process.resident) + "+" * process.partial
            return words, plain if process.resident else inks.dim
        case "vmas":
            words = _known(process, process.vmas, thousands, inks.glyphs)
            return words, plain if process.vmas else inks.dim
        case "change":
            return _change(process.change), plain
    value: int | None = getattr(process, _SIZES[key])
    style = inks.strong if value and key in ("2m", "1g") else plain if value else inks.dim
    guess = _ESTIMATE * (process.estimate and bool(value) and key != "swap")
    return guess + _known(process, value, size, inks.glyphs), style


def _known(process: Process, value: int | None, words: Callable[[int], str], glyphs: Glyphs) -> str:
    if value is not None:
        return words(value)
    return glyphs.text("…") if process.pending else UNKNOWN


def _change(grown: int | None) -> str:
    """``+6.0M``; blank when nothing changed."""
    if not grown:
        return ""
    return f"{'+' if grown > 0 else '-'}{units.short(abs(grown))}"


def _coverage(process: Process, width: int, inks: Inks) -> list[Segment]:
    """The bar of what is huge or could be, and the share that is; faint where nothing is."""
    huge, gap = process.huge, process.bytes_gap
    if huge is None or gap is None:
        words = _known(process, None, str, inks.glyphs)
        return [Segment(fitted(words, width, right=True), inks.dim)]
    parts = [
        (CellClass.HUGE_1G, process.bytes_1g or 0),
        (CellClass.HUGE_2M, process.bytes_2m or 0),
        (CellClass.FULL_4K, gap),
    ]
    drawn = bar(parts, width - _PERCENT, inks)
    share = _ESTIMATE * process.estimate + units.percent(huge, huge + gap)
    share = fitted(share, _PERCENT, right=True)
    if not huge:
        faint = inks.shaded[CellClass.FULL_4K if gap else CellClass.EMPTY] + Style(dim=True)
        return [*(Segment(segment.text, faint) for segment in drawn), Segment(share, inks.dim)]
    return [*drawn, Segment(share, inks.strong)]


def _command(line: Line, width: int, inks: Inks) -> list[Segment]:
    """The command behind its twig, the tree's or the group's."""
    twig = twig_text(line.twig, inks.glyphs)
    if line.hidden:
        twig += "[+] "
    words = printable(line.process.shown_command)
    if line.hidden:
        words = f"{words} (+{thousands(line.hidden)})"
    plain = line.matches and line.process.huge is not None
    room = max(0, width - len(twig))
    return [
        Segment(fitted(twig, min(width, len(twig))), inks.dim),
        Segment(fitted(words, room, more=inks.glyphs.more), inks.text if plain else inks.dim),
    ]


def twig_text(twig: str, glyphs: Glyphs) -> str:
    """The lines that lead from the generations above to a process."""
    if not twig:
        return ""
    past = "".join(glyphs.twig_past if more == "1" else "  " for more in twig[:-1])
    return past + (glyphs.twig_more if twig[-1] == "1" else glyphs.twig_last)


def _group_name(line: Line, width: int, inks: Inks) -> list[Segment]:
    name = printable(line.process.user) or "(none)"
    count = f"{thousands(line.below)} process{'es' * (line.below != 1)}"
    mark = "[+] " if line.hidden else "[-] "
    room = width - len(mark) - len(count) - 2
    first = [
        Segment(mark, inks.accent),
        Segment(clipped(name, room, tail=True, more=inks.glyphs.more), inks.strong),
    ]
    return [*first, Segment(fitted(f"  {count}", width - width_of(first)) + " ", inks.dim)]
