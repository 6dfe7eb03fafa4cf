"""The lines around the list of reasons: headline, evidence and remedies, what is not known."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.segment import Segment

from hpview import units
from hpview.inquiry.unknowns import unknowns
from hpview.inquiry.words import flowed, settings_words, slot_words
from hpview.text import printable
from hpview.ui.paint import clipped, cut_line, joined, width_of
from hpview.units import thousands

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hpview.inquiry.asking import Inquiry
    from hpview.inquiry.sums import Told
    from hpview.reasons.breakdown import Breakdown
    from hpview.reasons.case import Finding, Remedy
    from hpview.space.address_space import AddressSpace
    from hpview.ui.palette import Inks

_LEAST: Final = 20
"""Terminal cells that text is wrapped to at least."""

_FEW: Final = 2
"""Lines of notes that leave one for the settings."""

NOT_COUNTED: Final = (
    "Coverage counts anonymous memory, shared memory and hugetlb in mappings of 2 MiB and more: "
    "what could be huge if everything were set for it. Pages of files that are mapped huge count, "
    "too. Files in 4 kB pages, mappings under 2 MiB and special ones are not counted; why they "
    "are not huge is told all the same."
)


def header(title: str, sums: Breakdown | None, state: str, width: int, inks: Inks) -> list[Segment]:
    """Which process, and its coverage.

    Args:
        title: Of the process, printable.
        sums: What the rules say of it; None before they were asked.
        state: That it is old or not all there, or "".
        width: Terminal cells.
        inks: Styles.
    """
    left = [
        Segment(f" hpview {inks.glyphs.crumb} ", inks.dim),
        Segment(title, inks.strong),
        Segment(f" {inks.glyphs.crumb} ", inks.dim),
        Segment("why", inks.strong),
    ]
    if state:
        left.append(Segment(f"  {inks.glyphs.text(state)}", inks.warn))
    if sums is None or not sums.able:
        return left
    right = [
        Segment("coverage ", inks.dim),
        Segment(units.percent(sums.huge, sums.able), inks.strong),
        Segment(f" of {units.size(sums.able)} huge-able ", inks.dim),
    ]
    return joined(left, right, width, inks)


def headline(sums: Breakdown, width: int, inks: Inks) -> list[Segment]:
    """What is missed, and as many reasons as fit."""
    least = min(2, len(sums.shares))
    forms = [sums.words(most) for most in range(len(sums.shares), least - 1, -1)]
    forms.append(forms[-1].partition(":")[0])
    words = next((form for form in forms if len(form) + 2 <= width), forms[-1])
    return [Segment(f" {words}", inks.text)]


class Place(NamedTuple):
    """One range of a reason.

    Attributes:
        number: Its number, from 0, the largest first.
        start: First address.
        end: Address behind the last.
        bytes: 4 kB pages in it.
        name: Of the VMA, printable.
    """

    number: int
    start: int
    end: int
    bytes: int
    name: str


def place_of(one: Told, number: int, space: AddressSpace) -> Place:
    """A range of a reason.

    Args:
        one: The reason.
        number: Of the range, from 0, the largest first.
        space: What the answers are of.
    """
    row = one.places[number]
    name = printable(space.name_of(int(row["vma"])))
    return Place(number, int(row["start"]), int(row["end"]), int(row["bytes"]), name)


def places(
    one: Told, chosen: int, space: AddressSpace, width: int, height: int, inks: Inks
) -> list[list[Segment]]:
    """The largest ranges of a reason about the chosen one, in so many lines."""
    count = len(one.places)
    if count < 2 or height < 4:
        return []
    room = height - 2
    first = max(0, min(chosen - room // 2, count - room))
    out: list[list[Segment]] = [
        [],
        [Segment(f"  its {thousands(count)} ranges, the largest first:", inks.dim)],
    ]
    for number in range(first, min(first + room, count)):
        place = place_of(one, number, space)
        here = number == chosen
        words = f"{place.start:012x}-{place.end:012x} {units.short(place.bytes):>5}  "
        mark = inks.glyphs.here if here else " "
        line = [
            Segment(f" {mark} ", inks.accent),
            Segment(f"{number + 1:>5}  ", inks.dim),
            Segment(words, inks.strong if here else inks.text),
            Segment(place.name, inks.dim),
        ]
        out.append(cut_line(line, width, inks))
    return out


def title(one: Told, place: Place, width: int, inks: Inks) -> list[Segment]:
    """The reason and where it holds."""
    dot = inks.glyphs.text(" · ")
    count = len(one.places)
    which = f"range {thousands(place.number + 1)} of {thousands(count)}" if count > 1 else "range"
    where = f"{place.start:x}-{place.end:x} {units.size(place.bytes)}"
    left = [Segment(f" {one.share.reason.short}", inks.accent), Segment(dot, inks.dim)]
    left.append(Segment(f"{which} {where}", inks.text))
    room = width - width_of(left) - len(dot) - 1
    if place.name and room > 8:
        name = clipped(place.name, room, tail=True, more=inks.glyphs.more)
        left += [Segment(dot, inks.dim), Segment(name, inks.dim)]
    return cut_line(left, width, inks)


def explained(
    findings: Sequence[Finding], chosen: int, width: int, height: int, inks: Inks
) -> list[list[Segment]]:
    """Evidence and remedies of the first finding, and what stands besides, in so many lines.

    Where not all of it fits, first the places in the kernel's source are left out, then what
    stands above the chosen remedy.

    Args:
        findings: The primary one first.
        chosen: Number of a remedy.
        width: Terminal cells.
        height: Lines.
        inks: Styles.
    """
    lines, at = _explained(findings, chosen, width, inks, source=True)
    if len(lines) > height:
        lines, at = _explained(findings, chosen, width, inks, source=False)
    first = max(0, min(at + 2 - height, len(lines) - height))
    shown = lines[first : first + max(height, 0)]
    if first + height < len(lines) and shown:
        shown[-1] = [Segment(f"   {inks.glyphs.more} more: l", inks.dim)]
    return shown


def _explained(
    findings: Sequence[Finding], chosen: int, width: int, inks: Inks, *, source: bool
) -> tuple[list[list[Segment]], int]:
    """The lines, and the number of that on which the chosen remedy ends."""
    primary, *others = findings
    out: list[list[Segment]] = []
    for fact in primary.evidence:
        what, value = printable(fact.what), printable(fact.value)
        room = max(0, width - 4 - len(what))
        if len(value) > room:
            out += [[Segment(line, inks.dim)] for line in _wrapped(what, width, "  ")]
            out += [[Segment(line, inks.strong)] for line in _wrapped(value, width, "    ")]
        else:
            out.append([Segment(f"  {what}  ", inks.dim), Segment(value, inks.strong)])
        told = f"{fact.rule} ({fact.source})" if source else fact.rule
        out += [[Segment(line, inks.text)] for line in _wrapped(told, width, "    ")]
    if source:
        out.append([Segment("  what would change it:", inks.dim)])
    at = len(out)
    for number, remedy in enumerate(primary.remedies):
        out += _remedy(remedy, width, inks, chosen=number == chosen)
        at = len(out) - 1 if number == chosen else at
    if not primary.remedies:
        out.append([Segment("   nothing that a program or a setting could do", inks.text)])
    if others:
        words = "besides: " + "; ".join(slot_words(finding) for finding in others)
        out += [[Segment(line, inks.dim)] for line in _wrapped(words, width, "  ")]
    return out, at


def _remedy(remedy: Remedy, width: int, inks: Inks, *, chosen: bool) -> Iterator[list[Segment]]:
    mark = f" {inks.glyphs.here} " if chosen else "   "
    for number, line in enumerate(_wrapped(printable(remedy.words), width, "   ")):
        yield [
            Segment(mark if number == 0 else "   ", inks.accent),
            Segment(line[3:], inks.strong if chosen else inks.text),
        ]
    if remedy.text:
        for line in _wrapped(printable(remedy.text), width, "       "):
            yield [Segment(line, inks.accent if chosen else inks.dim)]


def plain(words: str, width: int, inks: Inks) -> list[list[Segment]]:
    """A paragraph."""
    return [[Segment(line, inks.dim)] for line in _wrapped(words, width, "  ")]


def _wrapped(words: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(
        words,
        max(_LEAST, width - 1),
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
    ) or [indent]


def notes(found: Inquiry, asked: str, width: int, most: int, inks: Inks) -> list[list[Segment]]:
    """The settings in force, and what is not known, in at most so many lines.

    Args:
        found: The answers.
        asked: A question to the user, which comes instead, or "".
        width: Terminal cells.
        most: Lines, two at least; the settings are told in one where these are all.
        inks: Styles.
    """
    if asked:
        return [[Segment(line, inks.warn)] for line in _wrapped(asked, width, " ")][:most]
    dot = inks.glyphs.text(" · ")
    every = settings_words(found.answers.in_force)
    settings = [dot.join(every)] if most <= _FEW else flowed(every, width - 2, dot)
    out = [cut_line([Segment(f" {line}", inks.dim)], width, inks) for line in settings]
    most -= len(out) - 1
    unknown = unknowns(found)
    single = unknown if len(unknown) < most else unknown[: most - 2]
    told = [one.what + (f"{dot}{one.remedy}" if one.remedy else "") for one in single]
    if len(single) < len(unknown):
        told.append("; ".join(one.what for one in unknown[len(single) :]))
    for words in told:
        line = printable(f" not known: {words}")
        out.append(cut_line([Segment(line, inks.warn)], width, inks))
    return out
