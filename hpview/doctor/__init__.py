"""What this machine and this user can and cannot do, and what would change it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from hpview.doctor import access, acting, settings
from hpview.doctor.finding import Finding
from hpview.kernelfs.files import PROC, SYS
from hpview.text import printable
from hpview.wire import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

__all__ = ["Finding", "examine", "render", "source"]

_GLYPHS: Final = {"yes": "✓", "partly": "◐", "no": "✗"}
_ASCII_GLYPHS: Final = {"yes": "+", "partly": "~", "no": "-"}


def examine(
    root: Path = PROC,
    sysfs: Path = SYS,
    *,
    load_bpf: Callable[[], None] | None = None,
    environ: Mapping[str, str] = os.environ,
    encoding: str | None = None,
    patience: float = access.EVENTS_PATIENCE,
) -> list[Finding]:
    """Try everything hpview may use; nothing is inferred from versions.

    Args:
        root: The proc file system.
        sysfs: The sys file system.
        load_bpf: Loads the BPF program and lets it go again, or raises
            BackendUnavailable; None leaves that untried.
        environ: Environment variables, for the terminal's part.
        encoding: What standard output encodes to; its own by default.
        patience: Seconds to wait for a process event.

    Returns:
        The findings, in the order to show them.
    """
    return [
        settings.kernel(),
        settings.page_sizes(sysfs),
        settings.transparent(sysfs),
        settings.folio_sizes(sysfs),
        settings.hugetlb(sysfs),
        settings.swap(root),
        access.capabilities(root),
        access.btf(sysfs),
        access.bpf(load_bpf),
        access.untried(root, access.SCAN) or access.scan(root),
        access.untried(root, access.QUERY) or access.query(root),
        access.untried(root, access.PFNS) or access.frame_numbers(root),
        access.page_flags(root),
        access.untried(root, access.SMAPS) or access.own_smaps(root),
        access.others(root),
        access.hidepid(root),
        access.process_events(patience),
        acting.collapsing(),
        settings.terminal(environ, encoding or sys.stdout.encoding or "ascii"),
    ]


def source(findings: Sequence[Finding]) -> Source:
    """The best source of backing that the findings allow."""
    usable = {finding.name for finding in findings if finding.state != "no"}
    if access.BPF in usable:
        return Source.BPF
    if access.SCAN in usable:
        return Source.PAGEMAP_SCAN
    if {access.PFNS, access.PAGE_FLAGS} <= usable:
        return Source.PAGEMAP_KPAGEFLAGS
    return Source.SMAPS if access.SMAPS in usable else Source.NONE


def render(findings: Sequence[Finding], *, ascii_only: bool = False) -> str:
    """Aligned plain text: a line each, indented lines for what belongs to it.

    Args:
        findings: As ``examine`` returns them.
        ascii_only: No glyph beyond ASCII.

    Returns:
        Lines without a newline at the end and without control characters of its sources.
    """
    glyphs = _ASCII_GLYPHS if ascii_only else _GLYPHS
    width = max((len(finding.name) for finding in findings), default=0)
    indent = " " * (width + 12)
    lines = []
    for finding in findings:
        first, *more = map(printable, finding.detail.split("\n"))
        lines.append(
            f"{glyphs[finding.state]} {finding.state:<6}  {finding.name:<{width}}  {first}".rstrip()
        )
        lines.extend(f"{indent}{line}".rstrip() for line in more)
        if finding.remedy:
            lines.append(f"{indent}would change it: {printable(finding.remedy)}")
    lines.append(f"source that will be used: {source(findings).label}")
    return "\n".join(lines)
