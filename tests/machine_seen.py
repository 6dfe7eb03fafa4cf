"""All of the machine screen, made of a machine whose numbers all differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpview.machine import Snapshot
from hpview.ui import palette
from hpview.ui.machine.sections import SECTIONS
from hpview.ui.machine.seen import Seen
from hpview.ui.widgets.machine_overview import told
from hpview.wire import Source
from tests import fake_host
from tests.fake_machine import machine

if TYPE_CHECKING:
    from rich.segment import Segment

    from hpview.ui.machine.table import Row

INKS = palette.plain_inks()
NOW, KHUGEPAGED, HUGETLB, WAITS, SIZES, USERS = range(6)
WIDE = 400


def seen(*samples: object, **changes: object) -> Seen:
    """All that can be read, from three samples a second apart."""
    out = Seen()
    for found in samples or fake_host.SAMPLES[:3]:
        out.take_sample(found)  # type: ignore[arg-type]
    out.ledger = fake_host.LEDGER
    out.snapshot = Snapshot(machine(), Source.BPF, 0.038, 1)
    out.take_delays(fake_host.DELAYS, 10.0)
    for name, value in changes.items():
        setattr(out, name, value)
    return out


def text(segments: list[Segment]) -> str:
    return "".join(segment.text for segment in segments)


def rows_of(section: int, found: Seen) -> dict[str, Row]:
    return {row.key: row for table in SECTIONS[section].tables(found) for row in table.rows}


def lines(section: int, found: Seen, width: int = WIDE) -> list[str]:
    out = []
    for table in SECTIONS[section].tables(found):
        out.append(text(table.titles(width, INKS)).rstrip())
        out += [text(table.row(y, width, INKS)).rstrip() for y in range(len(table.rows))]
    return out


def columns(section: int, found: Seen, key: str) -> dict[str, str]:
    """What stands in a row, by the titles of its table."""
    for table in SECTIONS[section].tables(found):
        for row in table.rows:
            if row.key == key:
                cells = ["".join(part.text for part in cell.parts) for cell in row.cells]
                names = [column.title for column in table.columns]
                return dict(zip(names, cells, strict=False))
    raise AssertionError(f"no row {key}")


def answer(section: int, found: Seen) -> str:
    return text(told(SECTIONS[section].answer(found), WIDE, INKS))
