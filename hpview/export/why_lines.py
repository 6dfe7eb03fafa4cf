"""Why memory is not huge, as text for a terminal or a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hpview import units
from hpview.export.columns import aligned
from hpview.inquiry.asking import cross_check
from hpview.inquiry.sums import vma_sums
from hpview.inquiry.unknowns import unknowns
from hpview.inquiry.words import flowed, settings_words, slot_words
from hpview.kernelfs.maps import perms
from hpview.reasons.reason import Reason
from hpview.text import printable
from hpview.units import thousands

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hpview.inquiry.asking import Inquiry
    from hpview.inquiry.sums import Told
    from hpview.reasons.answers import Answers, Explanation
    from hpview.reasons.case import Finding

_LEFT: Final = frozenset({"REASON", "LARGEST RANGE", "ADDRESS", "MOSTLY", "NAME"})
_REASONS: Final = ("BYTES", "OF GAP", "SLOTS", "VMAS", "LARGEST RANGE", "REASON")
_VMAS: Final = ("ADDRESS", "SIZE", "HUGE", "GAP", "COVERAGE", "MOSTLY", "NAME")
_MOST: Final = 10
_WIDTH: Final = 100


def process_lines(found: Inquiry) -> Iterator[str]:
    """Headline, reasons, what stands beside, the neediest VMAs, settings, what is not known."""
    answers = found.answers
    sums = answers.breakdown
    space = answers.space
    yield f"{space.tgid} {printable(space.comm)}: {sums.words()}".rstrip()
    if sums.coverage is not None:
        yield (
            f"coverage {units.percent(sums.huge, sums.able)}: {units.size(sums.huge)} "
            f"huge of {units.size(sums.able)} huge-able resident memory"
        )
    every = found.told
    yield from _part("", _reasons([one for one in every if one.counted], sums.gap))
    yield from _part(
        f"not counted, {units.size(sums.beside)}: files and mappings under 2 MiB",
        _reasons([one for one in every if not one.counted], 0),
    )
    yield from _part("VMAs with the most of what is missed", _neediest(answers))
    yield from _rest(found)


def slot_lines(found: Inquiry, explanation: Explanation) -> Iterator[str]:
    """What one slot is, and every reason why it is not huge, with evidence and remedies."""
    answers = found.answers
    space, index = answers.space, explanation.vma
    vma = space.vmas[index]
    start, end = int(vma["start"]), int(vma["end"])
    yield (
        f"{space.tgid} {printable(space.comm)}: slot {explanation.start:x}-{explanation.end:x}, "
        f"{units.size(explanation.end - explanation.start)}"
    )
    yield (
        f"in {start:x}-{end:x} {perms(int(vma['vm_flags']))} {units.size(end - start)} "
        f"{printable(space.name_of(index)) or 'anon'}"
    )
    if explanation.huge:
        yield ""
        yield "it is huge"
    for number, finding in enumerate(explanation.findings):
        yield ""
        title = "not huge" if number == 0 else "besides"
        yield f"{title}: {slot_words(finding)}"
        yield from finding_lines(finding)
    yield from _rest(found)


def finding_lines(finding: Finding) -> Iterator[str]:
    """The facts, where the kernel says what follows of them, and what would change it."""
    for fact in finding.evidence:
        yield f"  {printable(fact.what)}: {printable(fact.value)}"
        yield f"    {fact.rule} [{fact.source}]"
    for remedy in finding.remedies:
        yield f"  remedy: {printable(remedy.words)}"
        if remedy.text:
            yield f"    {printable(remedy.text)}"


def _part(title: str, lines: Iterable[str]) -> Iterator[str]:
    """Lines below a title, if there are any."""
    made = list(lines)
    if made:
        yield ""
        if title:
            yield title
        yield from made


def _reasons(every: Sequence[Told], gap: int) -> Iterator[str]:
    if not every:
        return iter(())
    columns = [
        [units.short(one.share.bytes) for one in every],
        [units.percent(one.share.bytes, gap) for one in every],
        [thousands(one.share.slots) for one in every],
        [thousands(one.vmas) for one in every],
        [f"{one.share.start:x}-{one.share.end:x}" for one in every],
        [_reason_words(one) for one in every],
    ]
    return aligned(_REASONS, columns, _LEFT)


def _reason_words(one: Told) -> str:
    words = one.share.reason.short
    return words if one.finding.certain else f"{words} (possibly)"


def _neediest(answers: Answers) -> Iterator[str]:
    sums = vma_sums(answers)
    vmas = answers.space.vmas
    chosen = sums.neediest[:_MOST].tolist()
    if not chosen:
        return
    bounds = [(int(vmas["start"][i]), int(vmas["end"][i])) for i in chosen]
    huge, gap = ([int(column[i]) for i in chosen] for column in (sums.huge, sums.gap))
    columns = [
        [f"{start:012x}-{end:012x}" for start, end in bounds],
        [units.short(end - start) for start, end in bounds],
        [units.short(size) for size in huge],
        [units.short(size) for size in gap],
        [units.percent(size, size + missed) for size, missed in zip(huge, gap, strict=True)],
        [Reason(int(answers.main[i])).short for i in chosen],
        [printable(answers.space.name_of(i)) or "anon" for i in chosen],
    ]
    yield from aligned(_VMAS, columns, _LEFT)
    left = len(sums.neediest) - len(chosen)
    if left:
        yield f"and {thousands(left)} more"


def _rest(found: Inquiry) -> Iterator[str]:
    settings = flowed(settings_words(found.answers.in_force), _WIDTH)
    yield from _part("in force", [f"  {line}" for line in settings])
    yield from _part("", _unknown_lines(found))
    if found.smaps is not None:
        compared, differ = cross_check(found)
        yield ""
        yield (
            f"THPeligible of smaps: {thousands(compared)} VMAs compared with the rules, "
            f"{thousands(len(differ)) if differ else 'none'} differ"
        )
        for one in differ:
            yield (
                f"  {one.start:x}-{one.end:x}: the kernel says {one.kernel}, "
                f"the rules {one.foretold}"
            )


def _unknown_lines(found: Inquiry) -> Iterator[str]:
    for unknown in unknowns(found):
        remedy = f" (to know it: {unknown.remedy})" if unknown.remedy else ""
        yield f"not known: {unknown.what}{remedy}"
