"""What goes wrong, told in one line."""

from __future__ import annotations


class BenchError(Exception):
    """The run, or one part of it, cannot go on; the text says what is missing."""
