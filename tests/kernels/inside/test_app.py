"""The app, drawn without a terminal: every screen of a process, with this kernel's answers."""

from __future__ import annotations

import asyncio
import re
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest

from hpview import assembly, cli
from hpview.settings import Settings
from hpview.ui.app import HpviewApp
from tests.children import child
from tests.fakes import press, settled, until
from tests.golden import screen_lines
from tests.kernel_targets import AREA, PRELUDE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CODE: Final = PRELUDE + "area(4 * M, NOHUGEPAGE); touch(0); touch(2, 100)"


@pytest.fixture(scope="module")
def pid() -> Iterator[int]:
    with child(_CODE) as process:
        yield process.pid


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "python"),
        (["{pid}"], "20000000"),
        (["{pid}", "--address", f"{AREA:#x}", "--screen", "slot"], "512"),
        (["--screen", "machine"], "MiB"),
    ],
)
def test_a_shot_of_a_screen(options: list[str], expected: str, pid: int, tmp_path: Path) -> None:
    out = tmp_path / "shot.svg"
    words = [option.format(pid=pid) for option in options]
    assert cli.main(["shot", *words, "--size", "120x40", "-o", str(out)]) == 0
    text = re.sub(r"<[^>]*>", "", out.read_text("utf-8")).replace("&#160;", " ")
    assert expected in text


def test_from_the_list_to_a_process_and_back(pid: int) -> None:
    asyncio.run(_browse(pid))


async def _browse(pid: int) -> None:
    with closing(assembly.services("auto")) as services:
        app = HpviewApp(services, None, settings=Settings(refresh=1e6))
        async with app.run_test(size=(120, 40)) as pilot:
            await settled(pilot, app)
            assert str(pid) in "\n".join(screen_lines(app))
            await press(pilot, "slash", *str(pid), "enter", "enter")
            await settled(pilot, app)
            await until(pilot, lambda: "20000000" in "\n".join(screen_lines(app)))
            await press(pilot, "escape")
            await settled(pilot, app)
