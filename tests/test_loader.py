from __future__ import annotations

from typing import TYPE_CHECKING, Self

import pytest

from hpview.errors import AccessDenied, CorruptStream, NoSuchProcess
from hpview.kernelfs.maps import Mapping
from hpview.loader import load
from hpview.stream.base import Resume
from hpview.wire import RECORD_SIZE, Source, VmaFlag
from tests import records

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIB = 1 << 20


class ListedStream:
    """Hands over listed results: bytes, or None for EAGAIN, or an error to raise."""

    source = Source.BPF

    def __init__(self, *results: bytes | Exception | None) -> None:
        self.results = list(results)
        self.closed = 0

    resume: Resume | None = None
    waiting: tuple[int, int] | None = None

    def read(self, size: int = 0) -> bytes:
        if not self.results:
            return b""
        result = self.results.pop(0)
        if result is None:
            raise BlockingIOError
        if isinstance(result, Exception):
            raise result
        return result

    def close(self) -> None:
        self.closed += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class NamesOnly:
    """Knows the VMAs below 16 MiB."""

    def __init__(self) -> None:
        self.closed = 0

    def lookup(self, starts: NDArray[np.uint64]) -> list[Mapping]:
        return [
            Mapping(s, s + MIB, 3, 0, 5, 6, f"name{s // MIB}")
            for s in starts.tolist()
            if s < 16 * MIB
        ]

    def close(self) -> None:
        self.closed += 1


def vma(number: int) -> bytes:
    return records.vma(number * MIB, (number + 1) * MIB)


HEAD = records.task() + vma(1)


def test_first_chunk_comes_alone_and_the_rest_together() -> None:
    stream = ListedStream(HEAD, vma(2), vma(3), records.end())
    batches = list(load(lambda: stream, seconds=60))
    assert [b.data for b in batches] == [(HEAD,), (vma(2) + vma(3) + records.end(),)]
    last = batches[-1].progress
    assert last.done
    assert (last.chunks, last.records, last.bytes) == (4, 5, 5 * RECORD_SIZE)
    assert last.resume == 4 * MIB
    assert stream.closed == 1


def test_batches_end_when_time_is_up() -> None:
    stream = ListedStream(HEAD, vma(2), vma(3), records.end())
    sizes = [len(b"".join(b.data)) // RECORD_SIZE for b in load(lambda: stream, seconds=0)]
    assert sizes == [2, 1, 1, 1, 0]


def test_records_cut_by_a_read_are_joined() -> None:
    data = HEAD + vma(2) + records.end()
    stream = ListedStream(*(data[i : i + 40] for i in range(0, len(data), 40)))
    batches = list(load(lambda: stream, seconds=60))
    assert b"".join(piece for b in batches for piece in b.data) == data
    assert all(len(piece) % RECORD_SIZE == 0 for b in batches for piece in b.data)
    assert sum(read.records for b in batches for read in b.reads) == len(data) // RECORD_SIZE


def test_eagain_is_counted_and_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hpview.loader._HEARTBEAT", 0)
    stream = ListedStream(None, None, HEAD, None, records.end())
    batches = list(load(lambda: stream, seconds=60))
    assert [len(b"".join(b.data)) // RECORD_SIZE for b in batches] == [0, 0, 2, 0, 1]
    reads = [read for b in batches for read in b.reads]
    assert [read.again for read in reads] == [True, True, False, True, False, False]
    assert batches[-1].progress.agains == 3


def test_closing_the_generator_closes_stream_and_names() -> None:
    stream, names = ListedStream(HEAD, vma(2), records.end()), NamesOnly()
    loading = load(lambda: stream, lambda: names)
    next(loading)
    loading.close()
    assert (stream.closed, names.closed) == (1, 1)
    assert len(stream.results) == 2


def test_names_come_with_their_chunk() -> None:
    stream, names = ListedStream(HEAD + vma(20), records.end()), NamesOnly()
    first = next(iter(load(lambda: stream, lambda: names)))
    facts = first.facts
    assert facts is not None
    assert facts.starts.tolist() == [MIB]
    assert [m.name for m in facts.mappings] == ["name1"]


def test_names_that_may_not_be_read_are_left_out() -> None:
    def denied() -> NamesOnly:
        raise AccessDenied(1)

    batches = list(load(lambda: ListedStream(HEAD, records.end()), denied))
    assert all(b.facts is None for b in batches)


def test_a_failing_read_passes_on_and_closes() -> None:
    stream = ListedStream(HEAD, NoSuchProcess(7))
    with pytest.raises(NoSuchProcess):
        list(load(lambda: stream))
    assert stream.closed == 1


def test_a_record_cut_for_good_is_told_with_its_place() -> None:
    stream = ListedStream(HEAD + vma(2)[:10])
    with pytest.raises(CorruptStream, match="byte 128"):
        list(load(lambda: stream))


def test_each_read_is_logged_with_what_it_means() -> None:
    stream = ListedStream(
        HEAD,
        vma(2),
        None,
        records.vma(2 * MIB, 5 * MIB, flags=VmaFlag.MORE),
        records.vma(2 * MIB, 5 * MIB, flags=VmaFlag.CONT),
        records.task(mm=9) + vma(9),
        records.end(),
    )
    reads = [read for b in load(lambda: stream, size=4096) for read in b.reads]
    assert [read.resume for read in reads] == [
        Resume.FIRST,
        Resume.WENT_ON,
        None,
        Resume.CHANGED,
        Resume.INSIDE,
        Resume.OTHER_MM,
        Resume.END,
        None,
    ]
    assert [read.size for read in reads] == [128, 64, 0, 64, 64, 128, 64, 0]
    assert [read.records for read in reads] == [2, 1, 0, 1, 1, 2, 1, 0]
    assert {read.asked for read in reads} == {4096}
    assert not any(read.exact for read in reads)


def test_what_the_stream_tells_goes_before_what_records_suggest() -> None:
    stream = ListedStream(HEAD, vma(2), records.end())
    stream.resume = Resume.GONE
    reads = [read for b in load(lambda: stream) for read in b.reads]
    assert {read.resume for read in reads} == {Resume.GONE}
    assert all(read.exact for read in reads)
