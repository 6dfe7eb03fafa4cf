from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpview.readlog import Read
from hpview.stream.base import Resume
from hpview.ui import palette
from hpview.ui.widgets.resume_picture import HEIGHT, after, before, picture, remembered
from hpview.ui.widgets.vma_boxes import Fate, bounds
from tests import golden

if TYPE_CHECKING:
    from hpview.readlog import Span

A, B, C, D = (0x1000, 0x2000), (0x2000, 0x4000), (0x4000, 0x6000), (0x6000, 0x9000)


def read(
    resume: Resume | None,
    *,
    last: Span | None = A,
    waiting: Span | None = B,
    found: Span | None = None,
    reached: Span | None = None,
    pending: Span | None = None,
    vmas: int = 1,
    size: int = 64,
    again: bool = False,
    exact: bool = True,
) -> Read:
    return Read(
        asked=64,
        size=size,
        records=1,
        seconds=0,
        again=again,
        resume=resume,
        exact=exact,
        number=7,
        last=last,
        waiting=waiting,
        found=found,
        reached=reached or found or last,
        vmas=vmas,
        pending=pending,
    )


INKS = palette.plain_inks(palette.ASCII)


def drawn(of: Read, width: int = 78) -> list[str]:
    return ["".join(s.text for s in line).rstrip() for line in picture(of, width, INKS)]


CASES = {
    "first": read(Resume.FIRST, last=None, waiting=None, found=A, reached=B, vmas=2, pending=C),
    "case 1": read(Resume.GONE, found=C, pending=D),
    "case 2": read(Resume.SAME, found=B, pending=C),
    "case 3": read(Resume.END),
    "case 4.1": read(Resume.REPLACED, found=B, reached=D, vmas=3),
    "case 4.2": read(Resume.CHANGED, found=(0x3000, 0x4000), pending=C),
    "inside": read(Resume.INSIDE, last=B, waiting=B, found=B, pending=B),
    "EAGAIN": read(Resume.INSIDE, last=B, waiting=B, pending=B, again=True, size=0),
    "buffer": read(Resume.BUFFER, pending=B),
    "concluded": read(Resume.WENT_ON, waiting=None, found=B, exact=False),
    "exec": read(Resume.OTHER_MM, found=(0x500, 0x900), reached=(0x500, 0x900)),
    "nothing whole": read(None, waiting=None, exact=False),
    "behind the end": read(Resume.END, waiting=None, size=0),
}


def test_pictures_of_every_case() -> None:
    lines = [line for name, case in CASES.items() for line in (f"-- {name}", *drawn(case), "")]
    golden.check("resume-pictures", lines)


@pytest.mark.parametrize("name", CASES)
def test_pictures_fit(name: str) -> None:
    for width in (58, 78, 100, 200):
        lines = drawn(CASES[name], width)
        assert len(lines) <= HEIGHT
        assert all(line.isascii() for line in lines)


def test_boxes_keep_their_borders_apart_where_vmas_are() -> None:
    lines = drawn(read(Resume.GONE, last=A, waiting=C, found=D, pending=(0x9000, 0xA000)))
    box_lines = [line for line in lines if line.startswith((" before", " read 7"))]
    assert box_lines[0].count("|") == 4
    assert "gone" in box_lines[1]
    assert box_lines[1].index("gone") < box_lines[1].index("|")


SPANS = st.none() | st.tuples(st.integers(1, 8), st.integers(1, 4)).map(
    lambda span: (span[0] << 12, (span[0] + span[1]) << 12)
)


@given(
    st.sampled_from([None, *Resume]),
    st.tuples(SPANS, SPANS, SPANS, SPANS, SPANS),
    st.integers(0, 3),
    st.booleans(),
    st.booleans(),
)
def test_whatever_a_read_says_can_be_drawn(
    resume: Resume | None,
    spans: tuple[Span | None, ...],
    vmas: int,
    again: bool,
    exact: bool,
) -> None:
    last, waiting, found, reached, pending = spans
    of = read(
        resume,
        last=last,
        waiting=waiting,
        found=found,
        reached=reached,
        pending=pending,
        vmas=vmas,
        again=again,
        exact=exact,
        size=0 if again else 64,
    )
    assert 2 <= len(drawn(of)) <= HEIGHT
    assert remembered(of)
    for lane in (before(of), after(of)):
        assert all(box.end is None or box.start < box.end for box in lane.boxes)
        known = [(box.start, box.end) for box in lane.boxes if box.fate is not Fate.GONE]
        assert known == sorted(known, key=lambda span: span[0])
    assert bounds([before(of)]) == sorted(bounds([before(of)]))
