"""CSV of what the JSON objects hold as lists: one line an object."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Final

from hpview.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_FORMULA: Final = ("=", "+", "-", "@")
"""What a spreadsheet takes for a formula at the beginning of a cell."""


def lines(objects: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> Iterator[str]:
    """The heading and one line for each object.

    Text comes from processes: what does not draw as itself is escaped, so that a record is
    one line, and a cell that a spreadsheet would run as a formula begins with ``'``.

    Args:
        objects: What they lack, and what is None, is an empty cell.
        columns: Keys, in order.
    """
    keys = list(columns)
    buffer = io.StringIO()
    writer = csv.writer(buffer)  # RFC 4180: lines end in CR LF
    for row in _rows(objects, keys):
        writer.writerow(row)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def _rows(objects: Iterable[Mapping[str, Any]], keys: list[str]) -> Iterator[list[str]]:
    yield keys
    for found in objects:
        yield [_cell(found.get(key)) for key in keys]


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return _cell("; ".join(map(str, value)))
        case str():
            shown = printable(value)
            return f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown
        case _:
            return str(value)
