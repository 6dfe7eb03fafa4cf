"""Pressing keys without a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest
from textual.app import App
from textual.binding import Binding, BindingType

from tests.piloting import drive

if TYPE_CHECKING:
    from textual.pilot import Pilot


class Failing(App[None]):
    BINDINGS: ClassVar[list[BindingType]] = [Binding("x", "fail", "Fail")]

    def action_fail(self) -> None:
        raise RuntimeError("a bug")


def test_nothing_is_waited_for_once_an_app_has_failed() -> None:
    pressed: list[str] = []

    async def script(pilot: Pilot[None]) -> None:
        for key in ("x", "y"):
            await pilot.press(key)
            pressed.append(key)

    with pytest.raises(RuntimeError, match="a bug"):
        drive(Failing(), script)
    assert pressed == ["x", "y"]
