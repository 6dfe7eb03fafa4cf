"""The picture of one read: what the iterator remembered, and what it found."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Final

from rich.segment import Segment

from hpview.readlog import told
from hpview.stream.base import Resume
from hpview.ui.widgets import vma_boxes
from hpview.ui.widgets.vma_boxes import Box, Fate, Lane

if TYPE_CHECKING:
    from hpview.readlog import Read
    from hpview.ui.palette import Inks

HEIGHT: Final = 11
"""Lines at most: a sentence of two, what is remembered, two lanes of boxes, addresses in two."""


def picture(read: Read, width: int, inks: Inks) -> list[list[Segment]]:
    """The sentence, what was remembered, and the boxes of one read."""
    sentence = wrap(told(read), max(20, width - 2))[:2]
    lines = [[Segment(f" {line}", inks.strong)] for line in sentence]
    lines.append([Segment(f" {remembered(read)}", inks.dim)])
    return [*lines, *vma_boxes.draw([before(read), after(read)], width, inks)]


def remembered(read: Read) -> str:
    """``prev_vm_start`` and ``prev_vm_end`` of task_iter.c as they were when the read began."""
    if read.waiting is not None:
        return f"remembered: prev_vm_start ~0   prev_vm_end {read.waiting[1]:x}"
    if read.last is None:
        return "remembered: nothing yet"
    if read.exact or not (read.size or read.again):
        return "remembered: that the last VMA was shown"
    return "remembered: prev_vm_start ~0   prev_vm_end not told by the records"


def before(read: Read) -> Lane:
    """What was shown before the read, and what waited."""
    boxes: list[Box] = []
    last, waiting = read.last, read.waiting
    if last is not None and (waiting is None or last[0] < waiting[0]):
        # A VMA that changed may overlap the one shown before it.
        end = last[1] if waiting is None else min(last[1], waiting[0])
        boxes.append(Box(last[0], end, "shown", Fate.SHOWN))
    if waiting is not None:
        words = "shown in part" if last == waiting else "pending"
        boxes.append(Box(*waiting, words, Fate.PENDING))
    elif last is not None and not read.exact and read.size:
        boxes.append(Box(last[1], None, "pending?", Fate.PENDING))
    return Lane("before", boxes)


def after(read: Read) -> Lane:
    """What the read found, showed, and left."""
    boxes: list[Box] = []
    found, waited = read.found, read.waiting
    over = not read.again and (not read.size or read.resume is Resume.END)
    at = 0
    if waited is not None and (over or read.resume is Resume.GONE):
        boxes.append(Box(*waited, "gone", Fate.GONE))
        at = waited[1]
    if found is not None:
        words = "shown" if read.pending != found else "shown in part"
        boxes.append(Box(*found, words, Fate.SHOWN))
        at = found[1]
        if read.vmas > 1 and read.reached is not None and read.reached[1] > at:
            boxes.append(Box(at, read.reached[1], f"{read.vmas - 1} more", Fate.SHOWN))
            at = read.reached[1]
    elif read.resume is Resume.BUFFER and read.last is not None and read.size:
        boxes.append(Box(*read.last, "more of it", Fate.SHOWN))
        at = read.last[1]
    if over:
        at = max(at, read.reached[1] if read.reached is not None else 0)
        return Lane(_name(read), [*boxes, Box(at, None, "no VMA is left", Fate.UNREAD)])
    left = read.pending
    if left is not None and left[0] >= at:
        words = "in part" if left == read.last else "pending"
        boxes.append(Box(*left, words, Fate.PENDING))
        at = left[1]
    if at:
        boxes.append(Box(at, None, "not read yet", Fate.UNREAD))
    return Lane(_name(read), boxes)


def _name(read: Read) -> str:
    return f"read {read.number}"
