"""What a process does between two reads, seen on the protocol screen; on both streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hpview import assembly, wire
from hpview.loader import load
from hpview.settings import Settings
from hpview.ui.app import HpviewApp
from hpview.ui.screens.protocol import ProtocolScreen
from hpview.wire import PAGE_SIZE, RECORD_SIZE, Kind
from tests.fakes import drive, press, settled, until
from tests.golden import screen_lines
from tests.paper import Paper, paper

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.pilot import Pilot

    from hpview.readlog import Read
    from hpview.services import Services
    from hpview.ui.reading import Reading


@pytest.fixture(scope="module", params=[pytest.param("bpf", marks=pytest.mark.bpf), "procfs"])
def services(request: pytest.FixtureRequest) -> Iterator[Services]:
    found = assembly.services(request.param)
    yield found
    found.close()


@pytest.fixture(scope="module")
def pages() -> Iterator[Paper]:
    with paper("." * 12) as target:
        yield target


EXACT = {"2": "still there", "1": "is gone", "4.1": "exactly the range", "4.2": "of another range"}


@pytest.mark.parametrize(
    ("after", "case", "concluded", "shown"),
    [
        ("AABBCC", "2", "1 or 2", (2, 4)),
        ("AA..CC", "1", "1 or 2", (4, 6)),
        ("AAXXCC", "4.1", "1 or 2", (2, 4)),
        ("AAAXCC", "4.2", "1 or 2", (3, 4)),
        ("ABBBCC", "4.2", "4.2", (1, 4)),
    ],
)
def test_a_change_between_two_steps_is_told(
    services: Services,
    pages: Paper,
    after: str,
    case: str,
    concluded: str,
    shown: tuple[int, int],
) -> None:
    pages.renew("." * 12)
    pages.renew("AABBCC......")
    app = HpviewApp(services, pages.pid, settings=Settings(refresh=1e6))

    async def script(pilot: Pilot[None]) -> None:
        await settled(pilot, app)
        await press(pilot, "i")
        screen = app.screen
        assert isinstance(screen, ProtocolScreen)
        screen.reading.resize(bytes_up_to(services, pages))
        newest = await step(pilot, screen.reading)
        assert newest.reached == (pages.base, pages.base + 2 * PAGE_SIZE)
        pages.become(after.ljust(12, "."))
        screen.reading.resize(RECORD_SIZE)
        newest = await step(pilot, screen.reading)
        await pilot.pause()
        drawn = "\n".join(screen_lines(app))
        told = f"case {case}: " if newest.exact else f"case {concluded}: "
        assert told in drawn
        if newest.exact:
            assert EXACT[case] in drawn
            assert f"prev_vm_end {pages.base + 4 * PAGE_SIZE:x}" in drawn
        assert newest.found == tuple(pages.base + page * PAGE_SIZE for page in shown)
        for page in shown:
            assert f"{pages.base + page * PAGE_SIZE:x}" in drawn

    drive(app, script, (140, 40))


def bytes_up_to(services: Services, pages: Paper) -> int:
    """Bytes of the stream up to the VMA of page 0, with which a read ends exactly."""
    size = 0
    for batch in load(lambda: services.open(pages.pid)):
        for piece in batch.data:
            starts = [record["start"] for record in wire.decode(piece).of(Kind.VMA)]
            if pages.base not in starts:
                size += len(piece)
                continue
            at = wire.decode(piece).positions(Kind.VMA)[starts.index(pages.base)]
            return size + (int(at) + 1) * RECORD_SIZE
    raise AssertionError("not in the stream")


async def step(pilot: Pilot[None], reading: Reading) -> Read:
    """One chunk; the read that brought it."""
    before = len(reading.log) if reading.busy else 0
    await press(pilot, "full_stop")
    await until(pilot, lambda: len(reading.log) == before + 1)
    return reading.log[before]
