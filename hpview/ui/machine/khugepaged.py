"""Is khugepaged doing anything, and what becomes of the huge pages there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpview.text import printable
from hpview.ui.machine import counters, numbers
from hpview.ui.machine.now import settings
from hpview.ui.machine.table import Part
from hpview.units import thousands

if TYPE_CHECKING:
    from hpview.ui.machine.seen import Seen
    from hpview.ui.machine.table import Table

_MADE = "khugepaged/pages_collapsed"
_SCANS = "khugepaged/full_scans"


def answer(seen: Seen) -> list[list[Part]]:
    """In a line: how many it makes, how far it gets, its pace."""
    made, rate, scans = seen.value(_MADE), seen.rates.get(_MADE), seen.value(_SCANS)
    if made is None:
        return [[Part("not told by this kernel" if seen.sample else "reading…", "dim")]]
    facts = [[Part(thousands(made), "strong"), Part(" huge pages made")]]
    if rate is not None:
        facts[0].append(Part(f", {numbers.rate(rate)}/s now", "strong" if rate else "dim"))
    if scans is not None:
        lately = seen.rates.get(_SCANS)
        facts.append([Part(thousands(scans), "text"), Part(" times through all memory", "dim")])
        if lately:
            facts[-1].append(Part(f", {numbers.rate(lately)}/s now"))
    return [*facts, _pace(seen)]


def _pace(seen: Seen) -> list[Part]:
    knobs = {knob.name: knob.value for knob in seen.sample.knobs} if seen.sample else {}
    pages = knobs.get("khugepaged/pages_to_scan", "?")
    sleep = knobs.get("khugepaged/scan_sleep_millisecs", "?")
    often = f"{int(sleep) / 1000:g} s" if sleep.isdigit() else "?"
    many = thousands(int(pages)) if pages.isdigit() else printable(pages)
    return [Part(f"{many} pages every {often}", "dim")]


def tables(seen: Seen) -> tuple[Table, ...]:
    """Its work, then its settings, then what is split, moved and swapped out."""
    if seen.sample is None:
        return ()
    return (
        counters.table(seen, "MAKING HUGE PAGES", ("khugepaged", "collapse")),
        settings(seen.sample, of_khugepaged=True),
        counters.table(seen, "SPLIT, SWAPPED, MOVED", ("split", "swap", "migration"), others=True),
    )
