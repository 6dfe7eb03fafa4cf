"""The little language of the filter.

A query is terms with spaces in between; a process has to match all of them.

    java            a word: part of the pid, the user, the name or the command line
    "two words"     the same with spaces, or with what would mean something else
    user:post       the user's name begins so
    cgroup:web      part of the path of the cgroup
    pid:1,42        one of these pids; ppid: likewise
    cov<50          a column against a number: < <= > >= = !=
    res>1.5G        sizes in B, K, M, G or T, binary
    !term, -term    not that

Columns to compare: cov, res, 2m, 1g, 4k, swap, vmas, delta, pid, ppid. Case never matters. What
could not be read matches neither a comparison nor its opposite. A term that is wrong
is told and left out; one that is not finished yet is only left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from hpview.roster.fields import Table

    Mask = NDArray[np.bool_]

_TERM: Final = re.compile(r'(?:[^\s"]|"[^"]*(?:"|$))+')
_COMPARED: Final = re.compile(r"([^<>=!:\"]+)(<=|>=|!=|<|>|=)(.*)", re.DOTALL)
_NUMBER: Final = re.compile(r"(-?\d+(?:\.\d*)?|-?\.\d+)\s*(?:([kmgt])(?:i?b)?|(b)|(%))?")
_SIZES: Final = {"res": "resident", "2m": "2m", "1g": "1g", "4k": "4k", "swap": "swap"}
_FIELDS: Final = {
    **_SIZES,
    "resident": "resident",
    "delta": "change",
    "cov": "coverage",
    "coverage": "coverage",
    "vmas": "vmas",
    "pid": "pid",
    "ppid": "ppid",
}
_COUNTS: Final = frozenset({"coverage", "vmas", "pid", "ppid"})
_UNITS: Final = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_COMPARISONS: Final[dict[str, Callable[[NDArray[np.float64], float], Mask]]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "=": np.equal,
    "!=": np.not_equal,
}


class _WrongError(Exception):
    """A term that means nothing; the message says why."""


class _UnfinishedError(Exception):
    """A term that may yet mean something."""


@dataclass(frozen=True, slots=True)
class Query:
    """What was typed, understood as far as it goes.

    Attributes:
        text: What was typed.
        terms: Each makes a mask of a table, shape (n,).
        problems: What is wrong with other terms, a few words each.
    """

    text: str
    terms: tuple[Callable[[Table], Mask], ...]
    problems: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Everything matches."""
        return not self.terms

    def mask(self, table: Table) -> Mask:
        """Which processes match, shape (n,)."""
        found = np.ones(len(table), dtype=np.bool_)
        for term in self.terms:
            found &= term(table)
        return found


def parse(text: str) -> Query:
    """Understand a query; never raises."""
    terms, problems = [], []
    for written in _TERM.findall(text):
        try:
            terms.append(_term(written.casefold()))
        except _WrongError as wrong:
            problems.append(str(wrong))
        except _UnfinishedError:
            continue
    return Query(text, tuple(terms), tuple(problems))


def _term(written: str) -> Callable[[Table], Mask]:
    if written[0] not in "!-":
        return _plain(written, negated=False)
    if len(written) == 1:
        raise _UnfinishedError
    return _plain(written[1:], negated=True)


def _plain(body: str, *, negated: bool) -> Callable[[Table], Mask]:
    compared = _COMPARED.fullmatch(body)
    if compared is not None:
        name, sign, number = compared.groups()
        # An "=" stands in many a command line; "<" and ">" hardly in any.
        if name in _FIELDS or sign[0] in "<>":
            return _comparison(name, sign, number, negated=negated)
    key, colon, value = body.partition(":")
    if colon and key in _KEYS:
        value = value.replace('"', "")
        if not value:
            raise _UnfinishedError
        return _inverted(_KEYS[key](key, value), negated=negated)
    word = body.replace('"', "")
    if not word:
        raise _UnfinishedError
    return _inverted(
        lambda table: np.array([word in w for w in table.words], np.bool_), negated=negated
    )


def _inverted(term: Callable[[Table], Mask], *, negated: bool) -> Callable[[Table], Mask]:
    return (lambda table: ~term(table)) if negated else term


def _user(_key: str, value: str) -> Callable[[Table], Mask]:
    return lambda table: np.array([t.startswith(value) for t in table.texts("user")], np.bool_)


def _cgroup(_key: str, value: str) -> Callable[[Table], Mask]:
    return lambda table: np.array([value in t for t in table.texts("cgroup")], np.bool_)


def _pid(key: str, value: str) -> Callable[[Table], Mask]:
    parts = [part for part in value.split(",") if part]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise _WrongError(f"{key}: needs numbers")
    wanted = [float(part) for part in parts]
    return lambda table: np.isin(table.numbers(key), wanted)


_KEYS: Final[dict[str, Callable[[str, str], Callable[[Table], Mask]]]] = {
    "user": _user,
    "cgroup": _cgroup,
    "pid": _pid,
    "ppid": _pid,
}


def _comparison(name: str, sign: str, number: str, *, negated: bool) -> Callable[[Table], Mask]:
    field = _FIELDS.get(name)
    if field is None:
        raise _WrongError(f"{name} is no column to compare")
    if not number:
        raise _UnfinishedError
    limit = _value(name, field, number)
    compare = _COMPARISONS[sign]

    def term(table: Table) -> Mask:
        values = table.numbers(field)
        found = compare(values, limit)
        known: Mask = ~np.isnan(values)
        matching: Mask = known & (~found if negated else found)
        return matching

    return term


def _value(name: str, field: str, written: str) -> float:
    """The number of a comparison, in bytes, percent or pieces."""
    matched = _NUMBER.fullmatch(written)
    if matched is None:
        raise _WrongError(f"{name} needs a number")
    digits, unit, byte, percent = matched.groups()
    if percent and field != "coverage":
        raise _WrongError(f"{name} is no percentage")
    if (unit or byte) and field in _COUNTS:
        raise _WrongError(f"{name} has no unit {unit or byte}")
    return float(digits) * _UNITS.get(unit or "", 1)
