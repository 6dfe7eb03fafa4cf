"""Numbers for people. Sizes are in binary units, as the kernel counts pages."""

from __future__ import annotations

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def _scaled(count: int) -> tuple[str, int]:
    value = float(count)
    unit = 0
    while abs(value) >= 999.5 and unit < len(_UNITS) - 1:
        value /= 1024
        unit += 1
    if unit and abs(value) < 9.95:
        return f"{value:.1f}", unit
    return f"{value:.0f}", unit


def size(count: int) -> str:
    """Bytes with a unit: ``7.1 GiB``, ``640 KiB``, ``0 B``; at most three digits."""
    digits, unit = _scaled(count)
    return f"{digits} {_UNITS[unit]}"


def short(count: int) -> str:
    """The same without a space and with the unit's first letter: ``7.1G``, ``0``."""
    digits, unit = _scaled(count)
    return digits + (_UNITS[unit][0] if unit else "")


def page(count: int) -> str:
    """The size of a page, of which the kernel has powers of two only: ``4K``, ``2M``, ``1G``."""
    unit = max(count.bit_length() - 1, 0) // 10
    return f"{count >> 10 * unit}{_UNITS[unit][0]}" if unit else str(count)


def thousands(count: int) -> str:
    """``7 140``: a count that stays readable when it is long."""
    return f"{count:,}".replace(",", " ")


def exact(count: int) -> str:
    """Every byte: ``7 623 462 912 B``, its digits in groups of three."""
    return f"{thousands(count)} B"


def percent(part: int, whole: int) -> str:
    """``71 %``; ``-`` of nothing. Only all is 100 and only nothing is 0."""
    if whole <= 0:
        return "-"
    value = 100 * part / whole
    if part < whole:
        value = min(value, 99.0)
    if part > 0:
        value = max(value, 1.0)
    return f"{value:.0f} %"
