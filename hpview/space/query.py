"""What the filter of the VMA list understands, beside what ``hpview.query`` tells.

    heap            part of the name
    perm:rw         these of the letters r, w, x, p and s
    perm:r-x        the letters in their places, as maps shows them; perm:--- for none
    backing:4k,swap some of it is backed so: 2m, 1g, 4k, swap, or none for nothing at all

Numbers to compare: size, res, 2m (with 1g), 4k, swap, cov.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from hpview.query import Kind, Language, Number, Query, UnfinishedError, WrongError
from hpview.space.address_space import AddressSpace
from hpview.space.listing import values
from hpview.space.names import named
from hpview.wire import VmaFlag, VmFlag

if TYPE_CHECKING:
    from hpview.query import Mask

VmaQuery = Query[AddressSpace]

ANONYMOUS: Final = "anon"
"""The name of memory that has none."""

_NUMBERS: Final = {
    "size": "size",
    "res": "resident",
    "resident": "resident",
    "2m": "2m",
    "4k": "4k",
    "swap": "swap",
}
_LETTERS: Final = {
    "r": (VmFlag.READ, True),
    "w": (VmFlag.WRITE, True),
    "x": (VmFlag.EXEC, True),
    "s": (VmFlag.MAYSHARE, True),
    "p": (VmFlag.MAYSHARE, False),
}
"""The flag that a letter stands for, and whether it is set."""

_PLACES: Final = ("r", "w", "x", "ps")
_BACKINGS: Final = {"2m": "bytes_2m", "1g": "bytes_1g", "4k": "bytes_4k", "swap": "bytes_swap"}
_NOTHING: Final = "none"


def _word(space: AddressSpace, word: str) -> Mask:
    found: Mask = named(space, lambda name: word in name.casefold())
    if word in ANONYMOUS:
        # The name of a file may not be known yet; device 0 and inode 0 mean none.
        is_file = (space.vmas["ino"] != 0) | (space.vmas["dev"] != 0)
        found |= (space.vmas["name"] == 0) & ~is_file
    return found


def _number(key: str) -> Callable[[AddressSpace], NDArray[np.float64]]:
    """A column of the list; unknown where it was not read what backs a VMA."""
    if key == "size":
        return lambda space: values(space, key)
    return lambda space: np.where(_skipped(space), np.nan, values(space, key))


def _coverage(space: AddressSpace) -> NDArray[np.float64]:
    return values(space, "coverage") * 100


def _skipped(space: AddressSpace) -> Mask:
    skipped: Mask = (space.vmas["flags"] & VmaFlag.SKIPPED) != 0
    return skipped


def _permission(value: str) -> Callable[[AddressSpace], Mask]:
    wanted = _in_places(value) if "-" in value else [_LETTERS.get(letter) for letter in value]
    flags = [found for found in wanted if found is not None]
    if len(flags) < len(wanted):
        raise WrongError("perm: is such as rw or r-x")

    def term(space: AddressSpace) -> Mask:
        found = np.ones(len(space.vmas), dtype=np.bool_)
        for flag, is_set in flags:
            found &= ((space.vmas["vm_flags"] & np.uint64(flag)) != 0) == is_set
        return found

    return term


def _in_places(value: str) -> list[tuple[VmFlag, bool] | None]:
    """The flag of each place, None where a letter does not belong there."""
    if len(value) > len(_PLACES):
        return [None]
    found: list[tuple[VmFlag, bool] | None] = []
    for letter, fitting in zip(value, _PLACES, strict=False):
        if letter == "-" and len(fitting) == 1:
            found.append((_LETTERS[fitting][0], False))
        else:
            found.append(_LETTERS[letter] if letter in fitting else None)
    return found


def _backing(value: str) -> Callable[[AddressSpace], Mask]:
    parts = [part for part in value.split(",") if part]
    if not parts:
        raise UnfinishedError
    for part in parts:
        if part not in _BACKINGS and part != _NOTHING:
            if any(name.startswith(part) for name in (*_BACKINGS, _NOTHING)):
                raise UnfinishedError
            raise WrongError(f"backing: is {', '.join(_BACKINGS)} or {_NOTHING}")

    def term(space: AddressSpace) -> Mask:
        backed = {name: space.vmas[field] != 0 for name, field in _BACKINGS.items()}
        backed[_NOTHING] = ~np.logical_or.reduce([*backed.values(), _skipped(space)])
        found: Mask = np.logical_or.reduce([backed[part] for part in parts])
        return found

    return term


LANGUAGE: Final[Language[AddressSpace]] = Language(
    count=lambda space: len(space.vmas),
    word=_word,
    numbers={
        **{name: Number(Kind.SIZE, _number(key)) for name, key in _NUMBERS.items()},
        **dict.fromkeys(("cov", "coverage"), Number(Kind.SHARE, _coverage)),
    },
    keys={"perm": _permission, "perms": _permission, "backing": _backing},
)


Keys = Mapping[str, Callable[[str], Callable[[AddressSpace], NDArray[np.bool_]]]]
"""As ``Language.keys``."""


def parse(text: str, keys: Keys | None = None) -> VmaQuery:
    """Understand what was typed; never raises.

    Args:
        text: What was typed.
        keys: What else may stand before a colon: what is known of VMAs elsewhere.
    """
    if not keys:
        return LANGUAGE.parse(text)
    return replace(LANGUAGE, keys={**LANGUAGE.keys, **keys}).parse(text)
