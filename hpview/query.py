"""The little language of the filters.

A query is terms with spaces in between; a row has to match all of them.

    word            a word
    "two words"     the same with spaces, or with what would mean something else
    key:value       something special to the key
    cov<50          a number of each row: < <= > >= = !=; blanks around them do no harm
    res>1.5G        sizes in B, K, M, G or T, binary
    !term, -term    not that

Case never matters. What could not be read matches neither a comparison nor its opposite. A term
that is wrong is told and left out; one that is not finished yet is only left out.

Words, keys and numbers are those of a ``Language``, one for each kind of list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    """Which rows match, shape (n,)."""

Rows = TypeVar("Rows")
"""What holds all rows of a list."""

_TERM: Final = re.compile(r'(?:[^\s"]|"[^"]*(?:"|$))+')
_COMPARED: Final = re.compile(r"([^<>=!:\"]+)(<=|>=|!=|<|>|=)(.*)", re.DOTALL)
_BEGUN: Final = re.compile(r"[!-]?([^<>=!:\"]+)(<=|>=|!=|<|>|=)?")
"""A comparison without its number, or without its sign, too."""
_SIGN: Final = re.compile(r"[<>=]|!=")
_DIGITS: Final = re.compile(r"-?\.?\d")
_NUMBER: Final = re.compile(r"(-?\d+(?:\.\d*)?|-?\.\d+)\s*(?:([kmgt])(?:i?b)?|(b)|(%))?")
_UNITS: Final = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_COMPARISONS: Final[dict[str, Callable[[NDArray[np.float64], float], Mask]]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "=": np.equal,
    "!=": np.not_equal,
}


class WrongError(Exception):
    """A term that means nothing; the message says why."""


class UnfinishedError(Exception):
    """A term that may yet mean something."""


class Kind(Enum):
    """What a number may be written with."""

    SIZE = "size"
    """A unit; bytes without."""
    SHARE = "share"
    """A percent sign."""
    COUNT = "count"
    """Nothing."""


@dataclass(frozen=True, slots=True)
class Number(Generic[Rows]):
    """A number of each row.

    Attributes:
        kind: What it is.
        read: Bytes, percent or pieces, shape (n,); NaN is unknown.
    """

    kind: Kind
    read: Callable[[Rows], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Query(Generic[Rows]):
    """What was typed, understood as far as it goes.

    Attributes:
        text: What was typed.
        terms: Each makes a mask of the rows.
        problems: What is wrong with other terms, a few words each.
        count: As ``Language.count``.
    """

    text: str
    terms: tuple[Callable[[Rows], Mask], ...]
    problems: tuple[str, ...]
    count: Callable[[Rows], int]

    @property
    def is_empty(self) -> bool:
        """Everything matches."""
        return not self.terms

    def mask(self, rows: Rows) -> Mask:
        """Which rows match."""
        found = np.ones(self.count(rows), dtype=np.bool_)
        for term in self.terms:
            found &= term(rows)
        return found


@dataclass(frozen=True, slots=True)
class Language(Generic[Rows]):
    """What can be asked of the rows of a list.

    Attributes:
        count: How many rows there are.
        word: Which of them a casefolded word is a part of.
        numbers: What can be compared, by name.
        keys: What makes a term of the casefolded value behind ``key:``, which is not empty; it
            may raise WrongError and UnfinishedError.
    """

    count: Callable[[Rows], int]
    word: Callable[[Rows, str], Mask]
    numbers: Mapping[str, Number[Rows]]
    keys: Mapping[str, Callable[[str], Callable[[Rows], Mask]]]

    def parse(self, text: str) -> Query[Rows]:
        """Understand a query; never raises."""
        terms, problems = [], []
        for written in self._joined(_TERM.findall(text.casefold())):
            try:
                terms.append(self._term(written))
            except WrongError as wrong:
                problems.append(str(wrong))
            except UnfinishedError:
                continue
        return Query(text, tuple(terms), tuple(problems), self.count)

    def _joined(self, parts: Iterable[str]) -> list[str]:
        """What stands between blanks, comparisons with blanks in them put together."""
        out: list[str] = []
        for part in parts:
            if out and self._goes_on(out[-1], part):
                out[-1] += part
            else:
                out.append(part)
        return out

    def _goes_on(self, before: str, part: str) -> bool:
        begun = _BEGUN.fullmatch(before)
        if begun is None or begun[1] not in self.numbers:
            return False
        due = _DIGITS if begun[2] else _SIGN
        return due.match(part) is not None

    def _term(self, written: str) -> Callable[[Rows], Mask]:
        if written[0] not in "!-":
            return self._plain(written, negated=False)
        if len(written) == 1:
            raise UnfinishedError
        return self._plain(written[1:], negated=True)

    def _plain(self, body: str, *, negated: bool) -> Callable[[Rows], Mask]:
        compared = _COMPARED.fullmatch(body)
        if compared is not None:
            name, sign, number = compared.groups()
            # An "=" stands in many a command line; "<" and ">" hardly in any.
            if name in self.numbers or sign[0] in "<>":
                return self._comparison(name, sign, number, negated=negated)
        key, colon, value = body.partition(":")
        if colon and key in self.keys:
            return _inverted(self.keys[key](_unquoted(value)), negated=negated)
        word = _unquoted(body)
        return _inverted(lambda rows: self.word(rows, word), negated=negated)

    def _comparison(
        self, name: str, sign: str, written: str, *, negated: bool
    ) -> Callable[[Rows], Mask]:
        number = self.numbers.get(name)
        if number is None:
            raise WrongError(f"{name} is no column to compare")
        if not written:
            raise UnfinishedError
        limit = _value(name, number.kind, written)
        compare = _COMPARISONS[sign]

        def term(rows: Rows) -> Mask:
            values = number.read(rows)
            found = compare(values, limit)
            known: Mask = ~np.isnan(values)
            matching: Mask = known & (~found if negated else found)
            return matching

        return term


def _inverted(term: Callable[[Rows], Mask], *, negated: bool) -> Callable[[Rows], Mask]:
    return (lambda rows: ~term(rows)) if negated else term


def _unquoted(text: str) -> str:
    text = text.replace('"', "")
    if not text:
        raise UnfinishedError
    return text


def _value(name: str, kind: Kind, written: str) -> float:
    """The number of a comparison, in bytes, percent or pieces."""
    matched = _NUMBER.fullmatch(written)
    if matched is None:
        raise WrongError(f"{name} needs a number")
    digits, unit, byte, percent = matched.groups()
    if percent and kind is not Kind.SHARE:
        raise WrongError(f"{name} is no percentage")
    if (unit or byte) and kind is not Kind.SIZE:
        raise WrongError(f"{name} has no unit {unit or byte}")
    return float(digits) * _UNITS.get(unit or "", 1)
