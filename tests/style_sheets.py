"""Style sheets are parsed once for all apps of a run: that took a tenth of the time."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING
from unittest.mock import patch

from textual.css.parse import parse
from textual.css.tokenize import tokenize_values
from textual.css.tokenizer import Token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.css.model import RuleSet
    from textual.css.types import CSSLocation


class _Tokens(dict[str, list[Token]]):
    """Those of the variables of a theme; equal to themselves only, so that they can be a key."""

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


@contextmanager
def parsed_once() -> Iterator[None]:
    """Let apps use the rules that others have parsed from the same sheets and variables."""
    with (
        patch("textual.css.stylesheet.parse", _parse),
        patch("textual.css.stylesheet.tokenize_values", _tokenize),
    ):
        yield


def _tokenize(values: dict[str, str]) -> _Tokens:
    return _tokens(frozenset(values.items()))


@cache
def _tokens(values: frozenset[tuple[str, str]]) -> _Tokens:
    return _Tokens(tokenize_values(dict(values)))


@cache
def _parse(
    scope: str,
    css: str,
    read_from: CSSLocation,
    *,
    variable_tokens: _Tokens,
    is_default_rules: bool,
    tie_breaker: int,
) -> list[RuleSet]:
    rules = parse(
        scope,
        css,
        read_from,
        variable_tokens=variable_tokens,
        is_default_rules=is_default_rules,
        tie_breaker=tie_breaker,
    )
    return list(rules)
