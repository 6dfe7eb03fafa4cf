from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpview import text, units


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"plain [bold]text[/]", "plain [bold]text[/]"),
        (b"a\x1b[31mb", "a\\x1b[31mb"),
        (b"two\nlines\ttab", "two\\x0alines\\x09tab"),
        (b"\xff\xfe", "\\xff\\xfe"),
        ("grün 漢字".encode(), "grün 漢字"),
        ("\u202eevil".encode(), "\\u202eevil"),
        ("\u2028\x7f\x85".encode(), "\\u2028\\x7f\\x85"),
        ("\U000e0001".encode(), "\\U000e0001"),
    ],
)
def test_printable(raw: bytes, shown: str) -> None:
    assert text.printable(text.decode(raw)) == shown


@given(st.binary())
def test_printable_is_printable_and_decoding_loses_nothing(raw: bytes) -> None:
    assert text.encode(text.decode(raw)) == raw
    shown = text.printable(text.decode(raw))
    assert shown.isprintable() or " " in shown or "\u3000" in shown or "\xa0" in shown
    shown.encode()
    text.well_formed(text.decode(raw)).encode()


@pytest.mark.parametrize(
    ("count", "size", "short"),
    [
        (0, "0 B", "0"),
        (999, "999 B", "999"),
        (1000, "1.0 KiB", "1.0K"),
        (4096, "4.0 KiB", "4.0K"),
        (10 << 10, "10 KiB", "10K"),
        (1023 << 10, "1.0 MiB", "1.0M"),
        (int(7.13 * (1 << 30)), "7.1 GiB", "7.1G"),
        (1 << 40, "1.0 TiB", "1.0T"),
        (1 << 63, "8.0 EiB", "8.0E"),
    ],
)
def test_sizes(count: int, size: str, short: str) -> None:
    assert units.size(count) == size
    assert units.short(count) == short


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [(0, 0, "-"), (0, 9, "0 %"), (9, 9, "100 %"), (999, 1000, "99 %"), (1, 1000, "1 %")],
)
def test_percent(part: int, whole: int, shown: str) -> None:
    assert units.percent(part, whole) == shown
