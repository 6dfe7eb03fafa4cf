"""Glyphs and inks: how each backing looks, the same everywhere.

Colours live in hpview.tcss as component classes; here they only get names. Each
backing also has a glyph of its own, so that nothing depends on colour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.style import Style
from textual.color import Color

from hpview.space.cell_class import CellClass
from hpview.ui.page_looks import ASCII_PAGES, PAGE_CLASSES, UNICODE_PAGES

if TYPE_CHECKING:
    from rich.color import Color as RichColor
    from textual.widget import Widget


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters of one character set; all are one cell wide.

    Attributes:
        cells: By CellClass.
        pages: By PageLook.
        folio: The ends of a folio, left and right; then the same where a part is missing.
        joint: Between two pages of one folio.
        solid: Stands for a glyph that fills its cell, under the cursor.
        fold: Left and right of the label of a folded gap.
        here: Marks the current row of a list.
        changed: Marks a VMA that changed while it was read.
        down: Sorted, largest first.
        up: Sorted, smallest first.
        crumb: Between a screen and what it shows.
        dot: Between facts.
        more: Stands for what did not fit.
        rule: Between two panes.
        view: Marks in an overview what is visible.
        marks: Of what changed, by ChangeKind; the first is of none.
        becomes: Between what was and what is.
        twig_more: Leads to a child that has more siblings below.
        twig_last: Leads to the last child.
        twig_past: Leads past a generation that has more children below.
        spark: A number among others: nothing, then from the least to the most.
        plain: Nothing outside ASCII may be drawn.
    """

    cells: tuple[str, ...]
    pages: tuple[str, ...]
    folio: tuple[str, ...]
    joint: str
    solid: str
    fold: str
    here: str
    changed: str
    down: str
    up: str
    crumb: str
    dot: str
    more: str
    rule: str
    view: str
    twig_more: str
    twig_last: str
    twig_past: str
    marks: tuple[str, ...]
    becomes: str
    spark: str
    plain: bool

    def text(self, words: str) -> str:
        """Words of hpview's own in this character set."""
        if not self.plain:
            return words
        return words.replace("·", "-").replace("…", "...").replace("\u203a", ">")


def _by_class(glyphs: dict[CellClass, str]) -> tuple[str, ...]:
    return tuple(glyphs[kind] for kind in CellClass)


UNICODE: Final = Glyphs(
    cells=_by_class(
        {
            CellClass.UNMAPPED: " ",
            CellClass.EMPTY: "·",
            CellClass.HUGE_2M: "█",
            CellClass.HUGE_1G: "▆",
            CellClass.FULL_4K: "▓",
            CellClass.PART_4K: "▒",
            CellClass.SPARSE_4K: "░",
            CellClass.SWAP: "▚",
            CellClass.ZERO: "z",
            CellClass.UNKNOWN: "?",
        }
    ),
    pages=UNICODE_PAGES,
    folio=("┃", "┃", "╎", "╎"),
    joint="─",
    solid="■",
    fold="⋯",
    here="▸",
    changed="!",
    down="▼",
    up="▲",
    crumb="\u203a",
    dot="·",
    more="…",
    rule="│",
    view="▐",
    twig_more="├─",
    twig_last="└─",
    twig_past="│ ",
    marks=(" ", "+", "/", "↓", "↑", "▴", "▾", "*", "x"),
    becomes="→",
    spark="▁▂▃▄▅▆▇█",
    plain=False,
)

ASCII: Final = Glyphs(
    cells=_by_class(
        {
            CellClass.UNMAPPED: " ",
            CellClass.EMPTY: ".",
            CellClass.HUGE_2M: "#",
            CellClass.HUGE_1G: "@",
            CellClass.FULL_4K: "=",
            CellClass.PART_4K: "-",
            CellClass.SPARSE_4K: ",",
            CellClass.SWAP: "%",
            CellClass.ZERO: "z",
            CellClass.UNKNOWN: "?",
        }
    ),
    pages=ASCII_PAGES,
    folio=("[", "]", "(", ")"),
    joint="-",
    solid="#",
    fold="~",
    here=">",
    changed="!",
    down="v",
    up="^",
    crumb=">",
    dot="-",
    more="~",
    rule="|",
    view="|",
    twig_more="|-",
    twig_last="`-",
    twig_past="| ",
    marks=(" ", "+", "/", ">", "<", "^", "v", "*", "x"),
    becomes=">",
    spark="_.:-=+*#",
    plain=True,
)

CELL_CLASSES: Final = tuple(
    f"cell--{name}"
    for name in (
        "unmapped",
        "empty",
        "2m",
        "1g",
        "4k-full",
        "4k-part",
        "4k-sparse",
        "swap",
        "zero",
        "unknown",
    )
)
"""Component classes by CellClass."""

INK_CLASSES: Final = (
    "ink--text",
    "ink--dim",
    "ink--strong",
    "ink--accent",
    "ink--warn",
    "ink--cursor",
    "ink--cursor-away",
    "ink--cell-cursor",
)

MARK_CLASSES: Final = tuple(
    f"mark--{name}"
    for name in ("none", "huge", "split", "out", "in", "filled", "emptied", "mapped", "unmapped")
)
"""Component classes by ChangeKind."""

COMPONENTS: Final = frozenset((*CELL_CLASSES, *PAGE_CLASSES, *INK_CLASSES, *MARK_CLASSES))
"""What every screen declares."""

_SHADE: Final = 0.22


@dataclass(frozen=True, slots=True)
class Inks:
    """The styles of one widget, resolved; every Segment takes its style from here.

    Attributes:
        cells: By CellClass.
        shaded: The same, a little darker (or lighter), for every other VMA.
        pages: By PageLook.
        text: Plain words.
        dim: Words that may be overlooked, and what could not be read.
        strong: Words to be seen first.
        accent: The title of the pane that has the focus, key names.
        warn: Something is not as it should be.
        cursor: Laid over the current row of the pane that has the focus.
        cursor_away: The same without the focus.
        cell_cursor: The cell under the cursor.
        marks: Laid over a cell that changed, by ChangeKind.
    """

    glyphs: Glyphs
    cells: tuple[Style, ...]
    shaded: tuple[Style, ...]
    pages: tuple[Style, ...]
    text: Style
    dim: Style
    strong: Style
    accent: Style
    warn: Style
    cursor: Style
    cursor_away: Style
    cell_cursor: Style
    marks: tuple[Style, ...]

    def cell(self, kind: CellClass) -> tuple[str, Style]:
        """Glyph and style of a class of cells."""
        return self.glyphs.cells[kind], self.cells[kind]


def resolve(widget: Widget, glyphs: Glyphs) -> Inks:
    """A widget's styles: the palette of its screen on its own background.

    Only screens carry the component classes: Textual applies each class to each node that
    declares it at every change of focus.
    """
    ground = Style(bgcolor=widget.rich_style.bgcolor)

    def own(name: str) -> Style:
        return widget.screen.get_component_rich_style(name, partial=True)

    def ink(name: str) -> Style:
        return ground + own(name)

    cells = tuple(map(ink, CELL_CLASSES))
    theme = widget.app.current_theme
    if theme.ansi:
        # Colours of the terminal's own cannot be blended.
        shaded = tuple(cell + Style(dim=True) for cell in cells)
    else:
        shaded = tuple(ground + _shaded(own(name), dark=theme.dark) for name in CELL_CLASSES)
    text, dim, strong, accent, warn = map(ink, INK_CLASSES[:5])
    return Inks(
        glyphs=glyphs,
        cells=cells,
        shaded=shaded,
        pages=tuple(map(ink, PAGE_CLASSES)),
        text=text,
        dim=dim,
        strong=strong,
        accent=accent,
        warn=warn,
        cursor=own("ink--cursor"),
        cursor_away=own("ink--cursor-away"),
        cell_cursor=ink("ink--cell-cursor"),
        marks=tuple(map(own, MARK_CLASSES)),
    )


def _shaded(style: Style, *, dark: bool) -> Style:
    """A style with its colours a little darker, on light themes a little lighter."""
    towards = Color(0, 0, 0) if dark else Color(255, 255, 255)

    def moved(color: RichColor | None) -> RichColor | None:
        return color and Color.from_rich_color(color).blend(towards, _SHADE).rich_color

    return style + Style(color=moved(style.color), bgcolor=moved(style.bgcolor))


def plain_inks(glyphs: Glyphs = UNICODE) -> Inks:
    """Inks without any colour, for tests of functions that draw."""
    none = Style()
    cells = (none,) * len(CellClass)
    marks = (none,) * len(MARK_CLASSES)
    pages = (none,) * len(PAGE_CLASSES)
    return Inks(glyphs, cells, cells, pages, none, none, none, none, none, none, none, none, marks)
