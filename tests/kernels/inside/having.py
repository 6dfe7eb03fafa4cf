"""What this machine was booted with, read here and not by hpview; and hpview's own words."""

from __future__ import annotations

import io
import json
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Final

from hpview import cli

THP: Final = Path("/sys/kernel/mm/transparent_hugepage")


def chosen(file: Path) -> str:
    """The word in brackets; "" where there is no such file."""
    try:
        found = re.search(r"\[(\w+)\]", file.read_text("ascii"))
    except FileNotFoundError:
        return ""
    return found[1] if found else ""


def thp_mode() -> str:
    """always, madvise or never; "" without transparent huge pages."""
    return chosen(THP / "enabled")


def lockdown() -> str:
    """none, integrity or confidentiality: the last one on the kernel's command line, if any."""
    told = [
        word.partition("=")[2]
        for word in Path("/proc/cmdline").read_text("ascii").split()
        if word.startswith("lockdown=")
    ]
    return told[-1] if told else "none"


def nodes() -> list[int]:
    """NUMA nodes that have memory."""
    text = Path("/sys/devices/system/node/has_memory").read_text("ascii").strip()
    out: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        out += range(int(first), int(last or first) + 1)
    return out


def told(*words: str) -> dict[str, Any]:
    """The JSON that a command prints; in this process, since starting another takes seconds."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        assert cli.main([*words, "--format", "json"]) == 0
    found: dict[str, Any] = json.loads(printed.getvalue())
    return found
