"""The buffer behind the iterator's descriptor: what bpf_seq_read() does, object by object."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpview.stream import seq_file
from hpview.stream.seq_file import Buffer, SeqFile

USABLE = 32767


class Objects:
    """Numbered objects, written as so many bytes each; remembers what was asked of it.

    Attributes:
        shown: Objects in the order the program was called for them.
        stops: The object that was pending at each stop().
        again: Objects the program returns 1 for, once each.
        at_once: How many objects a call may be for.
    """

    def __init__(self, sizes: list[int], trailer: int = 0, at_once: int = 1) -> None:
        self.sizes = sizes
        self.trailer = trailer
        self.at_once = at_once
        self.shown: list[int] = []
        self.stops: list[int | None] = []
        self.again: set[int] = set()
        self.pending: int | None = 0
        self.ended = 0

    def _at(self, number: int | None) -> int | None:
        return number if number is not None and number < len(self.sizes) else None

    def start(self) -> int | None:
        return self._at(self.pending)

    def next(self, current: int, shown: int) -> int | None:
        return self._at(current + shown)

    def show(self, buffer: Buffer, current: int, most: int) -> int:
        ahead = range(current + 1, min(current + self.at_once, len(self.sizes)))
        stop = next((i for i in ahead if i in self.again), len(self.sizes))
        sizes = self.sizes[current : min(current + self.at_once, stop)]
        count = min(buffer.fitting(np.cumsum(sizes)), most) or 1
        for number in range(current, current + count):
            self.shown.append(number)
            buffer.write(bytes([number % 251]) * self.sizes[number])
        if current in self.again:
            self.again.remove(current)
            return 0
        return count

    def stop(self, buffer: Buffer, current: int | None) -> None:
        self.stops.append(current)
        self.pending = current
        if current is None and not self.ended and self.trailer:
            self.ended = buffer.write(b"\xff" * self.trailer)


class OneByOne:
    """bpf_seq_read() again, of objects like these, without a buffer that knows anything."""

    def __init__(self, sizes: list[int], trailer: int, again: set[int], most: int) -> None:
        self.sizes = sizes
        self.trailer = trailer
        self.again = set(again)
        self.most = most
        self.at = 0
        self.left = b""

    def read(self, size: int) -> bytes:
        if not self.left:
            self.left = self._fill(size)
        out, self.left = self.left[:size], self.left[size:]
        return out

    def _fill(self, size: int) -> bytes:
        out = b""
        silent = 0
        while self.at < len(self.sizes):
            data = bytes([self.at % 251]) * self.sizes[self.at]
            again = self.at in self.again
            self.again.discard(self.at)
            if again or len(out) + len(data) >= 32768:
                if not out:
                    raise BlockingIOError if again else OverflowError
                return out
            out += data
            silent += 1
            self.at += 1
            if self.at == len(self.sizes) or len(out) >= size:
                break
            if silent >= self.most:
                if not out:
                    raise BlockingIOError
                return out
        if self.at == len(self.sizes) and self.trailer:
            if len(out) + self.trailer >= 32768:
                if not out:
                    raise OverflowError
                return out
            out += b"\xff" * self.trailer
            self.trailer = 0
        return out


def drain(objects: Objects, size: int) -> list[bytes]:
    file = SeqFile(objects)
    return list(iter(lambda: file.read(size), b""))


@pytest.mark.parametrize("record", [1, 7, 56, 64, 100, 104, 4095, 16383, 16384, 32766])
@pytest.mark.parametrize("size", [1, 55, 56, 57, 1000, 4096, 32704, 32767, 32768, 1 << 20])
def test_records_of_one_fill(record: int, size: int) -> None:
    expected = max(1, min(-(-size // record), USABLE // record))
    objects = Objects([record] * (expected + 3))
    SeqFile(objects).read(size)
    assert objects.stops == [expected]
    dropped = expected < -(-size // record)
    assert objects.shown == list(range(expected + dropped))


MEASURED = {
    1: [1] * 56,
    16: [16, 16, 16, 8],
    56: [56],
    4096: [4096, 48],
    8192: [8192, 40],
    32767: [32760],
    32768: [32760],
    65536: [32760],
    1 << 20: [32760],
}


@pytest.mark.parametrize("size", MEASURED)
def test_chunks_measured_on_a_kernel_with_records_of_56_bytes(size: int) -> None:
    pattern = MEASURED[size]
    count = 3042 if size >= 4096 else 50
    chunks = [len(chunk) for chunk in drain(Objects([56] * count), size)]
    whole = count * 56 // sum(pattern)
    assert chunks[: whole * len(pattern)] == pattern * whole
    assert sum(chunks) == count * 56
    if size >= 32767:
        assert chunks == [32760] * 5 + [6552]


@pytest.mark.parametrize("size", [1, 3, 63, 64, 65, 5000, 32767, 32768, 1 << 20])
def test_any_size_yields_the_same_bytes(size: int) -> None:
    sizes = [1, 64, 0, 30000, 2767, 2768, 32766, 0, 0, 5] + [64] * 600
    once = b"".join(drain(Objects(sizes, trailer=64), USABLE))
    assert len(once) == sum(sizes) + 64
    assert b"".join(drain(Objects(sizes, trailer=64), size)) == once


def test_one_byte_of_the_buffer_is_never_used() -> None:
    buffer = Buffer(64)
    assert buffer.write(b"x" * 63)
    assert not buffer.write(b"x")
    assert buffer.overflowed
    assert not Buffer(64).write(b"x" * 64)


def test_nothing_is_written_behind_an_overflow_until_it_is_taken_back() -> None:
    buffer = Buffer(64)
    buffer.write(b"x" * 64)
    assert not buffer.write(b"y")
    buffer.roll_back(0)
    assert buffer.write(b"y")
    assert buffer.take(9) == b"y"


def test_an_object_that_overflows_is_taken_back_and_shown_again() -> None:
    objects = Objects([20000, 20000])
    file = SeqFile(objects)
    assert len(file.read(1 << 20)) == 20000
    assert objects.stops == [1]
    assert file.read(1 << 20) == b"\1" * 20000
    assert objects.shown == [0, 1, 1]
    assert file.read(1) == b""


def test_leftovers_are_handed_out_before_the_program_runs_again() -> None:
    objects = Objects([100, 100])
    file = SeqFile(objects)
    assert len(file.read(60)) == 60
    assert objects.shown == [0]
    assert len(file.read(1 << 20)) == 40
    assert objects.shown == [0]
    assert len(file.read(1 << 20)) == 100


def test_an_object_that_never_fits_is_e2big_for_ever() -> None:
    objects = Objects([10, 32768, 10])
    file = SeqFile(objects)
    assert len(file.read(1 << 20)) == 10
    for _ in range(3):
        with pytest.raises(OverflowError):
            file.read(1 << 20)
    assert objects.stops == [1, 1, 1, 1]


def test_a_retry_hands_over_what_was_collected() -> None:
    objects = Objects([10, 10, 10])
    objects.again = {1}
    file = SeqFile(objects)
    assert file.read(1 << 20) == b"\0" * 10
    assert objects.stops == [1]
    assert file.read(1 << 20) == b"\1" * 10 + b"\2" * 10


def test_a_retry_with_nothing_collected_is_eagain_and_drops_what_was_written() -> None:
    objects = Objects([10])
    objects.again = {0}
    file = SeqFile(objects)
    with pytest.raises(BlockingIOError):
        file.read(1 << 20)
    assert objects.stops == [0]
    assert file.read(1 << 20) == b"\0" * 10
    assert objects.shown == [0, 0]


def test_a_retry_behind_silent_objects_is_eagain_too() -> None:
    objects = Objects([0, 0, 10])
    objects.again = {2}
    with pytest.raises(BlockingIOError):
        SeqFile(objects).read(1)


def test_the_kernel_counts_to_a_million() -> None:
    assert seq_file.MAX_OBJECTS == 1_000_000


@pytest.mark.parametrize("silent", [99, 100, 101, 250])
def test_a_million_silent_objects_are_eagain(monkeypatch: pytest.MonkeyPatch, silent: int) -> None:
    monkeypatch.setattr(seq_file, "MAX_OBJECTS", 100)
    objects = Objects([0] * silent + [10])
    file = SeqFile(objects)
    for _ in range(silent // 100):
        with pytest.raises(BlockingIOError):
            file.read(1 << 20)
    assert file.read(1 << 20) == bytes([silent % 251]) * 10
    assert objects.shown == list(range(silent + 1))


def test_a_million_silent_objects_at_the_end_are_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seq_file, "MAX_OBJECTS", 100)
    assert SeqFile(Objects([0] * 100)).read(1) == b""


def test_a_million_objects_of_which_one_spoke_end_the_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seq_file, "MAX_OBJECTS", 100)
    objects = Objects([10] + [0] * 150 + [10])
    file = SeqFile(objects)
    assert len(file.read(1 << 20)) == 10
    assert objects.stops == [100]
    assert len(file.read(1 << 20)) == 10


def test_the_trailer_follows_the_last_object_at_once() -> None:
    objects = Objects([10], trailer=5)
    file = SeqFile(objects)
    assert file.read(1 << 20) == b"\0" * 10 + b"\xff" * 5
    assert [file.read(1) for _ in range(3)] == [b""] * 3


def test_a_trailer_alone() -> None:
    assert drain(Objects([], trailer=5), 3) == [b"\xff" * 3, b"\xff" * 2]


def test_a_trailer_that_does_not_fit_comes_with_the_next_read() -> None:
    objects = Objects([32760], trailer=64)
    file = SeqFile(objects)
    assert len(file.read(1 << 20)) == 32760
    assert file.read(1 << 20) == b"\xff" * 64
    assert objects.stops[:2] == [None, None]
    assert objects.shown == [0]
    assert file.read(1) == b""


def test_a_trailer_that_never_fits_is_e2big_for_ever() -> None:
    file = SeqFile(Objects([10], trailer=32768))
    assert len(file.read(1)) == 1
    assert len(file.read(1 << 20)) == 9
    for _ in range(2):
        with pytest.raises(OverflowError):
            file.read(1)


def read_all(file: SeqFile[int] | OneByOne, sizes: list[int]) -> list[bytes | str]:
    """What each read() gives, by these sizes and then by 32 KiB, up to the end."""
    out: list[bytes | str] = []
    for size in sizes + [32768] * 60:
        try:
            out.append(file.read(size))
        except (BlockingIOError, OverflowError) as err:
            out.append(type(err).__name__)
        if out[-1] == b"":
            break
    return out


@settings(max_examples=100)
@given(
    sizes=st.lists(
        st.one_of(st.just(0), st.just(64), st.integers(1, 3000), st.integers(1, 33000)), max_size=60
    ),
    trailer=st.sampled_from((0, 64, 5000)),
    again=st.sets(st.integers(0, 60), max_size=4),
    at_once=st.integers(1, 70),
    most=st.sampled_from((1, 3, 10, 1000)),
    reads=st.lists(st.one_of(st.integers(1, 200), st.integers(1, 40000)), max_size=20),
)
def test_several_objects_at_once_are_read_as_one_by_one(
    sizes: list[int], trailer: int, again: set[int], at_once: int, most: int, reads: list[int]
) -> None:
    objects = Objects(sizes, trailer, at_once)
    objects.again = set(again)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seq_file, "MAX_OBJECTS", most)
        ours = read_all(SeqFile(objects), reads)
    assert ours == read_all(OneByOne(sizes, trailer, again, most), reads)


def test_as_many_objects_fit_as_would_have_been_shown() -> None:
    buffer = Buffer(1000)
    buffer.begin(300)
    ends = np.cumsum([100] * 12)
    assert buffer.fitting(ends) == 3
    buffer.write(b"x" * 299)
    assert buffer.fitting(ends) == 1
    buffer.begin(1 << 20)
    assert buffer.fitting(ends) == 7
    assert buffer.fitting(np.cumsum([700, 1])) == 1
    assert buffer.fitting(np.cumsum([701])) == 0
