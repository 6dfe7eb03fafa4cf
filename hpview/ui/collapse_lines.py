"""The lines of the box that offers to collapse memory."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from rich.segment import Segment

from hpview import units
from hpview.acting import words
from hpview.space.cell_class import CellClass
from hpview.text import printable
from hpview.ui.collapsing import Stage
from hpview.ui.paint import bar, clipped, joined, over
from hpview.units import thousands

if TYPE_CHECKING:
    from rich.style import Style

    from hpview.acting.plan import Plan
    from hpview.ui.collapsing import Collapsing
    from hpview.ui.palette import Inks

ANSWERS: Final = ("leave it alone", "collapse it")
"""The first does no harm."""

_LABEL: Final = 9
_GAP: Final = 4


def lines(state: Collapsing, width: int, inks: Inks) -> list[list[Segment]]:
    """What there is to read.

    Args:
        state: What is known.
        width: Terminal cells.
        inks: Styles.
    """
    title = [Segment("Collapse into huge pages", inks.strong)]
    process = [Segment(f"{state.pid} {state.comm}".rstrip(), inks.dim)]
    out = [joined(title, process, width, inks)]
    if state.plan is not None:
        out += [[], *_plan(state, state.plan, width, inks)]
    if state.stage is not Stage.ASKING:
        out.append([])
    match state.stage:
        case Stage.LOOKING:
            out += _said("reading the process…", width, inks.dim, inks)
        case Stage.RUNNING | Stage.STOPPING:
            out += _progress(state, width, inks)
        case Stage.READING:
            out += _said("reading the page tables again…", width, inks.dim, inks)
        case Stage.IMPOSSIBLE:
            out += _said(state.problem, width, inks.warn, inks)
            if state.attempts:
                tried = f"{words.slots(len(state.attempts))} had been tried before"
                out += _said(tried, width, inks.text, inks)
        case Stage.TOLD:
            out += _result(state, width, inks)
    return out


def answers(chosen: int, inks: Inks) -> list[Segment]:
    """The line of ANSWERS, with the one marked that Enter takes."""
    out = []
    for number, answer in enumerate(ANSWERS):
        here = number == chosen
        drawn = [
            Segment(f"{inks.glyphs.here if here else ' '} ", inks.accent),
            Segment(f"{answer} ", inks.strong if here else inks.text),
        ]
        out += over(drawn, inks.cursor) if here else drawn
        out.append(Segment(" " * _GAP, inks.text))
    return out


def answer_at(x: int) -> int | None:
    """Which of ANSWERS is at a column of their line."""
    first = len(ANSWERS[0]) + 3
    if 0 <= x < first:
        return 0
    second = x - first - _GAP
    return 1 if 0 <= second < len(ANSWERS[1]) + 3 else None


def _said(text: str, width: int, style: Style, inks: Inks) -> list[list[Segment]]:
    """Words, on as many lines as it takes."""
    return [[Segment(line, style)] for line in textwrap.wrap(inks.glyphs.text(text), width)]


def _field(label: str, text: str, width: int, style: Style, inks: Inks) -> list[list[Segment]]:
    """A word that says what it is, and words beside it, on as many lines as it takes."""
    room = max(10, width - _LABEL)
    found = textwrap.wrap(inks.glyphs.text(text), room) or [""]
    labels = [label, *[""] * (len(found) - 1)]
    return [
        [Segment(f"{name:<{_LABEL}}", inks.dim), Segment(line, style)]
        for name, line in zip(labels, found, strict=True)
    ]


def _plan(state: Collapsing, plan: Plan, width: int, inks: Inks) -> list[list[Segment]]:
    where = f"{plan.start:x}-{plan.end:x} · {units.size(plan.end - plan.start)}"
    where = inks.glyphs.text(f"{where} · " if plan.name else where)
    room = width - _LABEL - len(where)
    name = clipped(printable(plan.name), room, tail=True, more=inks.glyphs.more)
    out = [
        [
            Segment(f"{'range':<{_LABEL}}", inks.dim),
            Segment(where, inks.text),
            Segment(name, inks.text),
        ],
        *_field("expected", words.expected_words(plan), width, inks.text, inks),
    ]
    if plan.doubt:
        out += _field("", f"the kernel may refuse: {plan.doubt}", width, inks.warn, inks)
    if state.stage is Stage.ASKING:
        for number, cost in enumerate((*words.memory_words(plan), *words.TIME_COSTS)):
            out += _field("" if number else "costs", cost, width, inks.text, inks)
    out += _field("command", plan.command, width, inks.accent, inks)
    return out + _field("", words.call_words(plan), width, inks.dim, inks)


def _progress(state: Collapsing, width: int, inks: Inks) -> list[list[Segment]]:
    whole = len(state.plan.slots) if state.plan is not None else 0
    tried, failed = len(state.attempts), state.failed_count
    parts = [
        (CellClass.HUGE_2M, tried - failed),
        (CellClass.FULL_4K, failed),
        (CellClass.EMPTY, whole - tried),
    ]
    told = f"{thousands(tried)} of {words.slots(whole)} tried"
    if failed:
        told += f", {thousands(failed)} failed"
    if state.stage is Stage.STOPPING:
        told += ": stopping"
    return [bar(parts, width, inks), [Segment(told, inks.text)]]


def _result(state: Collapsing, width: int, inks: Inks) -> list[list[Segment]]:
    result, plan = state.result, state.plan
    if result is None or plan is None:
        return []
    out = _field("result", words.result_words(result), width, inks.strong, inks)
    for what, remedy in words.failed_words(result, plan.doubt):
        out += _field("", what, width, inks.warn, inks)
        if remedy:
            out += _field("", f"what would help: {remedy}", width, inks.text, inks)
    return out
