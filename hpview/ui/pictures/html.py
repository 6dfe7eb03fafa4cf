"""A picture as a page that a browser shows without any network."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hpview.ui.pictures.screen import Look, Picture, Run

_FONTS: Final = "'Fira Code', 'DejaVu Sans Mono', Menlo, Consolas, monospace"


def html(picture: Picture) -> str:
    """One page: the rows as preformatted text, a span for each run that is not plain."""
    looks = [run.look for row in picture.rows for run in row if not _plain(run, picture.ground)]
    names = {css: f"r{i}" for i, css in enumerate(dict.fromkeys(map(_css, looks)))}
    rules = "".join(f".{name}{{{css}}}\n" for css, name in names.items())
    lines = ("".join(_span(run, picture.ground, names) for run in row) for row in picture.rows)
    return f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{escape(picture.title)}</title>
<style>
body{{margin:1em;background:{picture.ground}}}
pre{{font:14px/1.2 {_FONTS}}}
{rules}</style>
</head>
<body>
<pre>{chr(10).join(lines)}</pre>
</body>
</html>
"""


def _plain(run: Run, ground: str) -> bool:
    """Blanks on the page's own colour."""
    return run.look.bg == ground and not run.text.strip()


def _css(look: Look) -> str:
    return f"color:{look.fg};background:{look.bg}{look.css}"


def _span(run: Run, ground: str, names: dict[str, str]) -> str:
    text = escape(run.text)
    return text if _plain(run, ground) else f'<span class="{names[_css(run.look)]}">{text}</span>'
