"""The formats of a picture, by the ending of the file's name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hpview.ui.pictures.html import html
from hpview.ui.pictures.png import png
from hpview.ui.pictures.svg import svg

if TYPE_CHECKING:
    from collections.abc import Callable

    from hpview.ui.pictures.screen import Picture


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write a picture.

    Attributes:
        ending: Of file names, with its dot.
        name: What people call it.
        words: What it is good for.
        made: The bytes of the file; may block, and raises HpviewError.
    """

    ending: str
    name: str
    words: str
    made: Callable[[Picture], bytes]

    def pieces(self, picture: Callable[[], Picture]) -> list[bytes]:
        """The same of a picture still to be made, as the only piece of a file."""
        return [self.made(picture())]


def _text(picture: Picture) -> bytes:
    return "".join(f"{line}\n" for line in picture.lines()).encode()


FORMATS: Final = (
    Format(".svg", "SVG", "sharp at every size", lambda picture: svg(picture).encode()),
    Format(".png", "PNG", "pixels, for where SVG is not shown", lambda picture: png(svg(picture))),
    Format(".html", "HTML", "a page with text to select", lambda picture: html(picture).encode()),
    Format(".txt", "text", "without colours", _text),
)


def of_name(name: str) -> Format | None:
    """The format that a file's name asks for; None for an ending that means none."""
    return next((found for found in FORMATS if name.lower().endswith(found.ending)), None)
