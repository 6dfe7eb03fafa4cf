"""The last table in bench/README.md."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bench.errors import BenchError

PATH: Final = Path(__file__).resolve().parent / "README.md"
BEGIN: Final = "<!-- table: written by --write-readme -->"
END: Final = "<!-- end of table -->"


def replaced(text: str, table: str) -> str:
    """The text with everything between the two markers replaced.

    Raises:
        BenchError: The markers are not there.
    """
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise BenchError(f"{PATH.name} has no {BEGIN} ... {END}")
    return f"{head}{begin}\n\n{table.strip()}\n\n{end}{tail}"


def write(table: str) -> None:
    """Put a table there.

    Raises:
        BenchError: As ``replaced``.
    """
    PATH.write_text(replaced(PATH.read_text(), table))
