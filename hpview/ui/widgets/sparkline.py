"""A line of small bars: how a number went lately."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.segment import Segment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hpview.ui.palette import Inks

_UNKNOWN = -1


def sparkline(series: Sequence[float | None], width: int, inks: Inks) -> list[Segment]:
    """The newest numbers of a series, as many as fit, the last one at the right of them.

    The highest bar is the largest number shown. Only nothing has the lowest one: a little is
    a bar higher. What is unknown is a gap.

    Args:
        series: Numbers from 0, oldest first; None is unknown.
        width: Terminal cells.
        inks: Styles.
    """
    if width <= 0:
        return []
    shown = series[-width:]
    levels = _levels(shown, len(inks.glyphs.spark) - 1) + [_UNKNOWN] * (width - len(shown))
    out = []
    for bright, run in groupby(levels, lambda level: level > 0):
        text = "".join(" " if level == _UNKNOWN else inks.glyphs.spark[level] for level in run)
        out.append(Segment(text, inks.accent if bright else inks.dim))
    return out


def _levels(series: Sequence[float | None], highest: int) -> list[int]:
    most = max((number for number in series if number is not None), default=0.0)
    return [
        _UNKNOWN if number is None else max(1, round(number / most * highest)) if number > 0 else 0
        for number in series
    ]
