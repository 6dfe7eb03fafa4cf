"""What could not be read, and what would make it so."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unread:
    """Stands where a value would.

    Attributes:
        source: The file, or the interface.
        reason: Why, in a few words: ``permission denied``.
        remedy: What would change it, or "" where nothing known would.
    """

    source: str
    reason: str
    remedy: str = ""

    def __str__(self) -> str:
        change = f"; {self.remedy}" if self.remedy else ""
        return f"{self.source}: {self.reason}{change}"


def unread(source: str, err: OSError | ValueError) -> Unread:
    """Why reading a file failed."""
    if isinstance(err, PermissionError):
        return Unread(source, "permission denied", "run as root")
    if isinstance(err, FileNotFoundError):
        return Unread(source, "this kernel has no such file")
    if isinstance(err, OSError):
        return Unread(source, (err.strerror or str(err)).lower())
    return Unread(source, "not what this kernel's source prints")
