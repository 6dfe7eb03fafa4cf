"""Reads the settings from the user's configuration folder."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hpview.settings import NAMES, Settings, from_table
from hpview.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of reading.

    Attributes:
        settings: Defaults wherever there was nothing, or nothing that makes sense.
        notice: What was wrong, one printable line, or "".
        path: The file to save to; None where there is no home, and where the file could
            not be read: then it must not be written over.
    """

    settings: Settings
    notice: str
    path: Path | None


def config_path(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Where the settings are kept (XDG Base Directory Specification); None without a home."""
    folder = environment.get("XDG_CONFIG_HOME", "")
    try:
        # The specification has relative paths ignored.
        base = Path(folder) if folder.startswith("/") else Path.home() / ".config"
    except RuntimeError:
        return None
    return base / "hpview" / "config.toml"


def load(path: Path | None) -> Loaded:
    """Read the settings; whatever is wrong with them is one notice and no failure."""
    if path is None:
        return Loaded(Settings(), "", None)
    shown = printable(str(path))
    try:
        table = tomllib.loads(path.read_bytes().decode())
    except (FileNotFoundError, NotADirectoryError):
        return Loaded(Settings(), "", path)
    except OSError as err:
        return Loaded(Settings(), f"settings not read: {shown}: {err.strerror}", None)
    # What is nested a thousand deep ends in a RecursionError.
    except (ValueError, RecursionError) as err:
        why = printable(str(err)) if isinstance(err, tomllib.TOMLDecodeError) else "not TOML"
        return Loaded(Settings(), f"settings not read, nor saved: {shown}: {why}", None)
    settings, wrong = from_table(table)
    unknown = [printable(name) for name in table if name not in NAMES]
    words = [f"no sense in {', '.join(wrong)}"] if wrong else []
    words += [f"not known: {', '.join(unknown)}"] if unknown else []
    notice = f"{shown}: {'; '.join(words)}" if words else ""
    return Loaded(settings, notice, path)
