"""What hpview foretells of each VMA, and THPeligible of this kernel's smaps."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest

from hpview.in_force import read_in_force
from hpview.kernelfs.smaps import read_smaps
from hpview.reasons.answers import answer
from hpview.reasons.thpeligible import Foretold, thp_eligible
from hpview.wire import Source
from tests.children import child
from tests.judging import kernel_eligible, read
from tests.kernel_targets import AREA
from tests.khugepaged import asleep
from tests.knobs import PMD, SMALL, USUAL, alone, turned
from tests.reason_targets import APART, HELPERS
from tests.test_reasons_kernel_agrees import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.root

ANON: Final = (
    {"enabled": "always"},
    {"enabled": "madvise"},
    {"enabled": "never"},
    {"enabled": "never", f"{PMD}/enabled": "madvise"},
    {"enabled": "always", f"{PMD}/enabled": "never"},
    {"enabled": "always", f"{PMD}/enabled": "never", f"{SMALL}/enabled": "inherit"},
)
SHMEM: Final = (
    {"shmem_enabled": "always"},
    {"shmem_enabled": "within_size"},
    {"shmem_enabled": "advise"},
    {"shmem_enabled": "deny"},
    {"shmem_enabled": "force"},
    {"shmem_enabled": "never", f"{PMD}/shmem_enabled": "advise"},
    {"shmem_enabled": "never", f"{PMD}/shmem_enabled": "within_size"},
    {"shmem_enabled": "always", f"{PMD}/shmem_enabled": "never"},
    {"shmem_enabled": "advise", f"{SMALL}/shmem_enabled": "always"},
    {"shmem_enabled": "always", f"{SMALL}/shmem_enabled": "inherit"},
)
"""Knobs that this kernel has not are left out."""

SIZES: Final = (3 << 20, 65536, 32768, 4096)
PLACES: Final = ("", "fd=memory(), offset=4096", "fd=memory()", "flags=0x21")
MORE: Final = tuple(
    f"put({size}, {place})\nadvise({advice}, {size})"
    for size in SIZES
    for place in PLACES
    for advice in ("HUGEPAGE", "NOHUGEPAGE")
)
_EXEC: Final = "put(2 * M, flags=2, fd=filled('program', 4 * M), prot=5)"
_DATA: Final = "put(2 * M, flags=2, fd=filled('data', 4 * M), prot=1)\nadvise(HUGEPAGE, 2 * M)"


@pytest.fixture(scope="module", autouse=True)
def _settings() -> Iterator[None]:
    with alone(), asleep(), turned(USUAL):
        yield


def regions() -> str:
    """One of each kind, some too small, some at an offset that does not fit, two of files."""
    kinds = ("S = 2 * M\n" + code for code in (*KINDS.values(), *MORE, _EXEC, _DATA))
    return HELPERS + "".join(f"p = {AREA + i * APART:#x}\n{c}\n" for i, c in enumerate(kinds))


@pytest.mark.parametrize("prctl", ["", "check(libc.prctl(41, 1, 0, 0, 0))\n"], ids=["", "disabled"])
def test_thp_eligible_is_foretold(prctl: str, tmp_path: Path) -> None:
    names = (*KINDS, *MORE, "program", "data")
    wrong: Counter[str] = Counter()
    compared = unknown = 0
    with child(regions() + prctl, cwd=tmp_path) as process:
        space = read(process.pid, "auto")
        # Without BPF, nothing but smaps tells who was advised.
        smaps = None if space.source is Source.BPF else read_smaps(process.pid)
        for knobs in (*ANON, *SHMEM):
            with turned(knobs):
                in_force = read_in_force(process.pid)
                truth = kernel_eligible(process.pid)
            answers = answer(space, in_force, smaps)
            told = thp_eligible(space, in_force, answers.eligibility)
            for start, foretold in zip(space.vmas["start"].tolist(), told.tolist(), strict=True):
                at = (start - AREA) // APART
                name = names[at] if 0 <= at < len(names) else f"{start:x}"
                compared += 1
                unknown += foretold == Foretold.UNKNOWN
                if foretold not in (Foretold.UNKNOWN, truth[start]):
                    wrong[f"{name}: {knobs}: told {foretold}"] += 1
    assert not wrong, "\n".join(wrong)
    assert compared
    assert unknown < compared / 10
