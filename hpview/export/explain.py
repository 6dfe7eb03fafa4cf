"""The log of reads as text: the kernel's read-and-resume protocol at work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hpview.export.columns import aligned
from hpview.readlog import MEANING, counts, resume_label

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hpview.scan import Scan

_HEAD: Final = ("READ", "ASKED", "BYTES", "RECORDS", "MS", "RESUME")
_LEFT: Final = frozenset({"RESUME"})


def lines(result: Scan) -> Iterator[str]:
    """A line a read, the sums, and what the words mean."""
    reads = result.reads
    columns = [
        [str(number) for number in range(1, len(reads) + 1)],
        [str(read.asked) for read in reads],
        ["EAGAIN" if read.again else str(read.size) for read in reads],
        [str(read.records) for read in reads],
        [f"{read.seconds * 1000:.2f}" for read in reads],
        [resume_label(read.resume) for read in reads],
    ]
    yield from aligned(_HEAD, columns, _LEFT)
    yield ""
    agains = sum(read.again for read in reads)
    yield (
        f"{len(reads)} reads, {agains} of them EAGAIN · "
        f"{sum(read.size for read in reads)} bytes · "
        f"{sum(read.records for read in reads)} records · "
        f"{sum(read.seconds for read in reads) * 1000:.1f} ms, "
        f"the longest {max((read.seconds for read in reads), default=0) * 1000:.2f} ms"
    )
    told = any(read.exact for read in reads)
    yield (
        "RESUME is how a read found its place (kernel/bpf/task_iter.c), "
        + ("as the stream tells it:" if told else "concluded from the records:")
    )
    for case, count in counts(reads).items():
        yield f"  {resume_label(case):<11}  {count:>6}  {MEANING[case]}"
