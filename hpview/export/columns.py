"""Aligned columns of plain text."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from numpy.typing import NDArray


def texts(values: NDArray[Any], written: Callable[[Any], str]) -> list[str]:
    """Each value as text; equal ones, of which there are many, are written once."""
    plain = values.tolist()
    words = {value: written(value) for value in set(plain)}
    return [words[value] for value in plain]


def aligned(
    head: Sequence[str], columns: Sequence[Sequence[str]], left: frozenset[str]
) -> Iterator[str]:
    """Lines of columns two spaces apart, trailing blanks cut.

    Args:
        head: The title of each column.
        columns: Its cells, from the top.
        left: Titles of columns that begin, rather than end, together.
    """
    form = "  ".join(
        f"%{'-' if title in left else ''}{max(len(title), max(map(len, column), default=0))}s"
        for title, column in zip(head, columns, strict=True)
    )
    # map() over tuples: a table of a process has tens of thousands of lines
    rows = zip(*columns, strict=True)
    return map(str.rstrip, map(form.__mod__, chain((tuple(head),), rows)))
