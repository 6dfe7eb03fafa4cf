"""Writes what was changed into the user's file, and leaves the rest of it as it is."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import tomlkit
from tomlkit.exceptions import ParseError, TOMLKitError

from hpview.errors import HpviewError
from hpview.settings import Settings, changes
from hpview.text import printable

if TYPE_CHECKING:
    from tomlkit import TOMLDocument


class NotKept(HpviewError):
    """The settings could not be saved."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"settings not saved: {printable(str(path))}: {why}")


def save(path: Path, settings: Settings, since: Settings) -> None:
    """Save what differs from how it was.

    Another hpview may have saved since: only what changed here is written. Comments and
    keys of other versions stay; a value that is the default again is taken out.

    Args:
        path: The file; made, with its folder, where there is none.
        settings: What to save.
        since: How they were when they were read, or last saved.

    Raises:
        NotKept: The file cannot be written, or is no TOML any more and left alone.
    """
    changed = changes(settings, since)
    if not changed:
        return
    try:
        path = Path(os.path.realpath(path))  # a link into somebody's dotfiles stays one
        document = _document(path)
        _change(document, changed)
        _make_folder(path.parent)
        _replace(path, tomlkit.dumps(document))
    except OSError as err:
        raise NotKept(path, err.strerror or str(err)) from err
    except (ParseError, UnicodeDecodeError, RecursionError) as err:
        raise NotKept(path, "it is not TOML, and left as it is") from err
    except (TOMLKitError, TypeError, ValueError) as err:
        raise NotKept(path, printable(str(err))) from err


def _document(path: Path) -> TOMLDocument:
    try:
        return tomlkit.parse(path.read_bytes().decode())
    except FileNotFoundError:
        return tomlkit.document()


def _change(document: TOMLDocument, changed: dict[str, object]) -> None:
    defaults = Settings()
    for name, value in changed.items():
        if value == getattr(defaults, name):
            document.pop(name, None)
        else:
            document[name] = value


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir()
        _give(folder, folder.parent)


def _give(path: Path, folder: Path) -> None:
    """Under sudo the home may be that of the user: what root makes there is theirs."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def _replace(path: Path, text: str) -> None:
    """Put a whole file in the place of the old one, or leave that one."""
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".config-", suffix=".toml")
    try:
        with open(handle, "wb") as file:
            file.write(text.encode())
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        _give(Path(name), path.parent)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
