from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hpview.errors import AccessDenied, NoSuchProcess
from hpview.export import table
from hpview.scan import scan
from hpview.services import Readers
from hpview.wire import Backing, Status, VmaFlag
from tests import records
from tests.records import Script
from tests.test_loader import ListedStream, NamesOnly

if TYPE_CHECKING:
    from collections.abc import Sequence

MIB = 1 << 20
WHOLE = (
    Script().vma(MIB, 9 * MIB, records.run(2 * MIB, 4 * MIB, Backing.PTE_4K, present=3)).end().data
)
CUT = (
    Script()
    .vma(
        MIB,
        9 * MIB,
        records.run(2 * MIB, 4 * MIB, Backing.PTE_4K, present=2),
        flags=VmaFlag.MORE,
    )
    .vma(20 * MIB, 21 * MIB)
    .end()
    .data
)
EXEC = Script(mm=1).vma(MIB, 2 * MIB).task(mm=2).end().data


def services(streams: Sequence[bytes]) -> tuple[Readers, list[ListedStream]]:
    """Each open hands over the next of the streams, the last one for ever."""
    opened: list[ListedStream] = []

    def open_stream(_pid: int) -> ListedStream:
        opened.append(ListedStream(streams[min(len(opened), len(streams) - 1)]))
        return opened[-1]

    return Readers(
        notices=lambda: (),
        open=open_stream,
        facts=lambda _pid: NamesOnly(),
        close=lambda: None,
    ), opened


@pytest.mark.parametrize("first", [CUT, EXEC])
def test_what_changed_before_all_was_read_is_read_again(first: bytes) -> None:
    given, opened = services([first, WHOLE])
    result = scan(given, 100)
    assert result.complete
    assert result.space.totals.bytes_4k == 3 * 4096
    assert len(opened) == 2


def test_what_never_holds_still_is_not_called_complete() -> None:
    given, opened = services([CUT])
    result = scan(given, 100)
    assert not result.complete
    assert table.state(result) == "changed before all was read: 1 mappings, incomplete"
    assert len(opened) == 3


@pytest.mark.parametrize(
    ("status", "error"), [(Status.VANISHED, NoSuchProcess), (Status.PERMISSION, AccessDenied)]
)
def test_nothing_at_all_is_an_error(status: Status, error: type[Exception]) -> None:
    given, _ = services([records.end(status)])
    with pytest.raises(error):
        scan(given, 100)
