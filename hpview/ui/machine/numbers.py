"""Numbers of the machine screen, for people."""

from __future__ import annotations

from hpview import units
from hpview.units import thousands

UNKNOWN = "-"


def rate(per_second: float | None) -> str:
    """``12``, ``0.3``, ``0``; ``-`` is unknown. Only nothing is 0."""
    if per_second is None:
        return UNKNOWN
    if per_second == 0:
        return "0"
    if per_second < 0.005:
        return "<0.01"
    if per_second < 0.095:
        return f"{per_second:.2f}"
    return f"{per_second:.1f}" if per_second < 9.95 else thousands(round(per_second))


def count(number: int | None) -> str:
    """``1 009``, or ``-`` where there is none."""
    return UNKNOWN if number is None else thousands(number)


def share(part: float, whole: float) -> str:
    """``20 %``; ``-`` of nothing."""
    return units.percent(round(part * 1000), round(whole * 1000))


def seconds(value: float) -> str:
    """What reading took: ``19 ms``."""
    took = value * 1000
    return f"{took:.{0 if took >= 9.95 else 1}f} ms"
