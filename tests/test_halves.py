"""What ``make test`` runs beside the tests that change the machine."""

from __future__ import annotations

import pytest

from tests.halves import HERE, PURE, pure

_SIGNS = ("mark.root", "mark.bpf", "kernel_fixtures", "Demo.spawn", "tests.children", "Terminal")
"""Of tests that look at the machine, or at processes with memory of their own."""


def test_every_name_is_that_of_a_file() -> None:
    assert all(list(HERE.glob(f"test_{name}.py")) for name in PURE)
    assert len(set(pure())) == len(pure()) > 50


@pytest.mark.parametrize("path", pure())
def test_the_first_half_touches_nothing_of_the_machine(path: str) -> None:
    text = (HERE.parent / path).read_text("utf-8")
    assert not [sign for sign in _SIGNS if sign in text]
