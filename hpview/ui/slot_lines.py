"""The lines around the pages of a slot: where one is, and what is under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from rich.segment import Segment

from hpview.inquiry.words import brief, slot_words
from hpview.pages.page import PageBit
from hpview.text import printable
from hpview.ui import describe, page_words
from hpview.ui.paint import cut_line, fitted, joined
from hpview.wire import PAGE_SIZE, SLOT_SIZE

if TYPE_CHECKING:
    from hpview.pages.page import SlotPages
    from hpview.reasons.answers import Answers
    from hpview.space.address_space import AddressSpace
    from hpview.ui.palette import Inks


def header(
    process: str, address: int, slot: SlotPages | None, problem: str, width: int, inks: Inks
) -> list[Segment]:
    """Which slot of which process, and how full it is or why that is not so any longer.

    Args:
        process: Its number and name, printable.
        address: In the slot.
        slot: Its pages, once there are any.
        problem: Printable, or "".
        width: Terminal cells.
        inks: Styles.
    """
    crumb = Segment(f"{inks.glyphs.crumb} ", inks.dim)
    left = [
        Segment(" hpview ", inks.dim),
        crumb,
        Segment(f"{process} ", inks.text),
        crumb,
        Segment(f"slot {address & -SLOT_SIZE:012x} ", inks.strong),
    ]
    if problem:
        return [*left, Segment(f" {problem}", inks.warn)]
    if slot is None:
        return left
    present = int(np.count_nonzero(slot.having(PageBit.PRESENT)))
    right = [Segment(f"{present}/{len(slot)}", inks.strong), Segment(" present ", inks.dim)]
    return joined(left, right, width, inks)


def why(answers: Answers, address: int, width: int, inks: Inks) -> list[Segment]:
    """Why the slot around an address is not huge, with what else stands against it.

    Args:
        answers: What the rules say of the process.
        address: In the slot and in its VMA.
        width: Terminal cells.
        inks: Styles.
    """
    explanation = answers.explain(address)
    if explanation is None:
        return []
    if explanation.huge:
        return [Segment(" huge: one entry of the page table maps it", inks.text)]
    first, *others = explanation.findings
    shown = brief(first)
    words = printable(slot_words(first) + (f" ({shown})" if shown else ""))
    left = [Segment(" not huge: ", inks.dim), Segment(words, inks.accent)]
    if others:
        besides = "; ".join(slot_words(finding) for finding in others)
        left.append(Segment(inks.glyphs.text(f" · besides: {besides}"), inks.dim))
    return cut_line(left, width, inks)


def detail(
    slot: SlotPages, place: int, space: AddressSpace, width: int, inks: Inks, *, high: bool
) -> list[list[Segment]]:
    """What is under the cursor: the page, its folio, its VMA.

    Args:
        slot: The pages.
        place: Of the cursor in the slot, 0 to 511.
        space: The process's VMAs, as far as they are known.
        width: Terminal cells.
        inks: Styles.
        high: There are three lines rather than two.
    """
    dot = inks.glyphs.text(" · ")
    more = inks.glyphs.more
    address = (slot.start & -SLOT_SIZE) + place * PAGE_SIZE
    where = f" {page_words.page_range(address)}  "
    words = dot.join(page_words.page_words(slot, place))
    first = [
        Segment(where, inks.strong),
        Segment(fitted(words, width - len(where), more=more), inks.text),
    ]
    folio = page_words.page_folio_words(slot, place)
    *facts, name = describe.vma_words(space, space.index_at(address), address) or [""]
    facts = [*facts, name] if name else facts
    if high:
        return [first, _cut(folio or "no folio", width, inks), _cut(dot.join(facts), width, inks)]
    return [first, _cut(dot.join(filter(None, (folio, *facts))), width, inks)]


def _cut(words: str, width: int, inks: Inks) -> list[Segment]:
    return [Segment(fitted(f" {words}", width, more=inks.glyphs.more), inks.dim)]


def notes(slot: SlotPages, width: int, inks: Inks, *, high: bool) -> list[list[Segment]]:
    """Where the facts come from, and why some are not known.

    Args:
        slot: The pages.
        width: Terminal cells.
        inks: Styles.
        high: There is a line for each reason besides the first line.
    """
    sources = inks.glyphs.text(" · ").join(page_words.source_words(slot))
    reasons = [printable(reason) for reason in slot.reasons]
    if high or not reasons:
        lines = [sources, *(f"not known: {reason}" for reason in reasons)]
    else:
        lines = [f"not known: {'; '.join(reasons)}"]
    return [_cut(line, width, inks) for line in lines]
