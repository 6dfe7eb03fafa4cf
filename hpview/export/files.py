"""New files: nothing that exists is written over, and nothing half written stays."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from hpview.errors import HpviewError
from hpview.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MOST: Final = 1000
"""Names tried, with a number added, before one gives up."""


class NotWritten(HpviewError):
    """A file could not be made or not be filled."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"cannot write {printable(name)}: {why}")


def write_new(name: str, pieces: Iterable[bytes]) -> Path:
    """Write a file that does not exist yet.

    Args:
        name: Its path; ``~`` is the home folder. Where something is there already, ``-2``
            or the next free number is put before the ending.
        pieces: What to write; may be made as it is asked for.

    Returns:
        Where it was written, an absolute path where there is one.

    Raises:
        NotWritten: No such folder, no permission, no room; there is no file then.
        HpviewError: Making a piece failed; there is no file either.
    """
    if not name.strip():
        raise NotWritten(name, "it has no name")
    try:
        path = Path(name).expanduser()
        file, path = _opened(path)
    except (OSError, RuntimeError, ValueError) as err:
        raise NotWritten(name, _why(err)) from err
    try:
        with file:
            file.writelines(pieces)
    except BaseException as err:
        path.unlink(missing_ok=True)
        if isinstance(err, OSError):
            raise NotWritten(name, _why(err)) from err
        raise
    return _absolute(path)


def free_name(name: str) -> str:
    """The name that ``write_new`` would take, as long as nobody is faster."""
    free = (str(path) for path in _names(Path(name)) if not os.path.lexists(path))
    return next(free, name)


def _names(path: Path) -> Iterator[Path]:
    yield path
    for number in range(2, _MOST):
        yield path.with_stem(f"{path.stem}-{number}")


def _opened(path: Path) -> tuple[BinaryIO, Path]:
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    for free in _names(path):
        try:
            return open(free, "xb"), free
        except FileExistsError:
            continue
    raise FileExistsError(errno.EEXIST, "it exists, and so do those with a number")


def _why(err: BaseException) -> str:
    return (err.strerror if isinstance(err, OSError) else None) or str(err)


def _absolute(path: Path) -> Path:
    try:
        return path.absolute()
    except OSError:  # the working directory is gone, yet its files can be written
        return path
