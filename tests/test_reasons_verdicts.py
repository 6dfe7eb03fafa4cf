"""Verdicts and their sums against a plain reading of the rules, over any stream."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hpview.pages.slot_facts import NO_FACTS, SLOT_FACTS, Folio
from hpview.reasons.advice import advice_of
from hpview.reasons.breakdown import breakdown, main_reasons, ranges
from hpview.reasons.eligibility import judged
from hpview.reasons.reason import Reason
from hpview.reasons.verdicts import decide
from hpview.space.address_space import AddressSpace
from hpview.wire import SLOT_SIZE
from tests import reasons_model
from tests.settings_in_force import in_force, thp
from tests.space_model import scripts

if TYPE_CHECKING:
    from hpview.in_force import InForce
    from hpview.wire import Records

EXAMPLES = settings(max_examples=60)

_SETTINGS = st.builds(
    lambda enabled, none, swap, shared, free: replace(
        in_force(thp(enabled, max_ptes_none=none, max_ptes_swap=swap, max_ptes_shared=shared)),
        free_huge=free,
    ),
    st.sampled_from(["always", "madvise", "never"]),
    st.sampled_from([511, 64, 0]),
    st.sampled_from([64, 0]),
    st.sampled_from([256, 0]),
    st.sampled_from([0, 9]),
)


def _facts(space: AddressSpace, data: st.DataObject) -> Records:
    starts = [
        slot
        for run in space.runs
        for slot in range(
            -(-int(run["start"]) // SLOT_SIZE) * SLOT_SIZE, int(run["end"]), SLOT_SIZE
        )
        if slot + SLOT_SIZE <= int(run["end"])
    ]
    chosen = sorted(data.draw(st.sets(st.sampled_from(starts), max_size=6))) if starts else []
    rows = [
        (start, data.draw(st.sampled_from([0, 1, 257])), data.draw(st.sampled_from(list(Folio))))
        for start in chosen
    ]
    return np.array(rows, dtype=SLOT_FACTS)


@EXAMPLES
@given(scripts(), _SETTINGS, st.data())
def test_every_slot_has_the_verdict_of_the_model(
    records: list[bytes], rules: InForce, data: st.DataObject
) -> None:
    space = AddressSpace()
    space.feed(b"".join(records))
    eligibility = judged(space, rules, advice_of(space))
    facts = _facts(space, data)
    pieces = decide(space, rules, eligibility, facts)
    told = {int(f["start"]): (int(f["shared"]), Folio(int(f["folio"]))) for f in facts}
    wanted = list(reasons_model.slots(space, rules, eligibility, told))
    assert (pieces["start"][1:] >= pieces["end"][:-1]).all()
    for slot in wanted:
        at = int(np.searchsorted(pieces["end"], np.uint64(slot.start), "right"))
        piece = pieces[at]
        assert piece["start"] <= slot.start < slot.end <= piece["end"]
        assert piece["vma"] == slot.vma
        assert Reason(int(piece["reason"])) is slot.reason
        assert {r for r in Reason if int(piece["mask"]) >> r & 1} == slot.reasons
    for field in ("gap", "beside", "huge"):
        assert int(pieces[field].sum()) == sum(getattr(slot, field) for slot in wanted)


@EXAMPLES
@given(scripts(), _SETTINGS)
def test_shares_sum_to_the_gap_exactly(records: list[bytes], rules: InForce) -> None:
    space = AddressSpace()
    space.feed(b"".join(records))
    eligibility = judged(space, rules, advice_of(space))
    pieces = decide(space, rules, eligibility)
    found = breakdown(pieces)
    assert sum(share.bytes for share in found.shares) == found.gap
    assert sum(share.bytes for share in found.others) == found.beside
    assert found.gap == int(space.vmas["bytes_4k"][eligibility.huge_able].sum())
    assert found.gap + found.beside == space.totals.bytes_4k
    assert found.huge == space.totals.huge
    by_vma = [breakdown(pieces[pieces["vma"] == i]) for i in range(len(space.vmas))]
    assert sum(part.gap for part in by_vma) == found.gap
    main = main_reasons(pieces, len(space.vmas))
    for part, reason in zip(by_vma, main.tolist(), strict=True):
        first = (part.shares + part.others)[:1]
        assert (Reason(reason) is Reason.NONE) == (not first)
        if first:
            sizes = {s.reason: s.bytes for s in part.shares + part.others}
            assert sizes[Reason(reason)] == max(sizes.values())


@EXAMPLES
@given(scripts(), _SETTINGS)
def test_ranges_hold_all_bytes_and_cannot_be_joined(records: list[bytes], rules: InForce) -> None:
    space = AddressSpace()
    space.feed(b"".join(records))
    eligibility = judged(space, rules, advice_of(space))
    pieces = decide(space, rules, eligibility, NO_FACTS)
    found = ranges(pieces)
    assert int(found["bytes"].sum()) == int(pieces["gap"].sum())
    for one, following in pairwise(found):
        assert one["end"] <= following["start"]
        same = one["end"] == following["start"] and one["reason"] == following["reason"]
        assert not (same and one["vma"] == following["vma"])
    for share in breakdown(pieces).shares:
        own = found[found["reason"] == share.reason]
        assert int(own["bytes"].sum()) == share.bytes
        assert own["bytes"].max() == own["bytes"][own["start"] == share.start][0]
