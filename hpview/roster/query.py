"""What the filter of the process list understands, beside what ``hpview.query`` tells.

    java            part of the pid, the user, the name or the command line
    user:post       the user's name begins so
    cgroup:web      part of the path of the cgroup
    pid:1,42        one of these pids; ppid: likewise

Numbers to compare: cov, gap, res, 2m, 1g, 4k, swap, vmas, delta, pid, ppid.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from hpview.query import Kind, Language, Number, Query, UnfinishedError, WrongError
from hpview.roster.fields import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from hpview.query import Mask

ProcessQuery = Query[Table]

_NUMBERS: Final = {
    "res": ("resident", Kind.SIZE),
    "resident": ("resident", Kind.SIZE),
    "2m": ("2m", Kind.SIZE),
    "1g": ("1g", Kind.SIZE),
    "4k": ("4k", Kind.SIZE),
    "swap": ("swap", Kind.SIZE),
    "gap": ("gap", Kind.SIZE),
    "delta": ("change", Kind.SIZE),
    "cov": ("coverage", Kind.SHARE),
    "coverage": ("coverage", Kind.SHARE),
    "vmas": ("vmas", Kind.COUNT),
    "pid": ("pid", Kind.COUNT),
    "ppid": ("ppid", Kind.COUNT),
}
"""Field and kind by name."""


def _word(table: Table, word: str) -> Mask:
    return np.array([word in words for words in table.words], np.bool_)


def _user(value: str) -> Callable[[Table], Mask]:
    return lambda table: np.array([t.startswith(value) for t in table.texts("user")], np.bool_)


def _cgroup(value: str) -> Callable[[Table], Mask]:
    return lambda table: np.array([value in t for t in table.texts("cgroup")], np.bool_)


def _pid(key: str, value: str) -> Callable[[Table], Mask]:
    parts = [part for part in value.split(",") if part]
    if not parts:
        raise UnfinishedError
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise WrongError(f"{key}: needs numbers")
    wanted = [float(part) for part in parts]
    return lambda table: np.isin(table.numbers(key), wanted)


LANGUAGE: Final[Language[Table]] = Language(
    count=len,
    word=_word,
    numbers={
        name: Number(kind, partial(Table.numbers, key=field))
        for name, (field, kind) in _NUMBERS.items()
    },
    keys={
        "user": _user,
        "cgroup": _cgroup,
        "pid": partial(_pid, "pid"),
        "ppid": partial(_pid, "ppid"),
    },
)


def parse(text: str) -> ProcessQuery:
    """Understand what was typed; never raises."""
    return LANGUAGE.parse(text)
