"""Aligned columns of plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from numpy.typing import NDArray


def texts(values: NDArray[Any], written: Callable[[Any], str]) -> list[str]:
    """Each value as text; equal ones, of which there are many, are written once."""
    unique, places = np.unique(values, return_inverse=True)
    words = [written(value) for value in unique.tolist()]
    return [words[place] for place in places.tolist()]


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
        f"{{:{'<' if title in left else '>'}{max(map(len, (title, *column)))}}}"
        for title, column in zip(head, columns, strict=True)
    )
    yield form.format(*head).rstrip()
    for cells in zip(*columns, strict=True):
        yield form.format(*cells).rstrip()
