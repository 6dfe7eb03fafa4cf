"""Untrusted bytes on their way to a screen, a picture or a file.

Command lines, mapping names and comm are whatever the process wrote there.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})


def decode(raw: bytes) -> str:
    """Decode as UTF-8; invalid bytes become lone surrogates and survive a round trip."""
    return raw.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """The bytes that ``decode`` was given."""
    return text.encode("utf-8", "surrogateescape")


def well_formed(text: str) -> str:
    r"""Replace lone surrogates by ``\xNN``, so that the text is valid Unicode."""
    if text.isascii():
        return text
    return "".join(_shown(c) if 0xD800 <= ord(c) <= 0xDFFF else c for c in text)


@lru_cache(maxsize=4096)
def _shown(char: str) -> str:
    if unicodedata.category(char) not in _HIDDEN:
        return char
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def printable(text: str) -> str:
    r"""Escape everything that does not draw as itself.

    Control and format characters (ESC, newline, bidirectional overrides), lone
    surrogates and unassigned code points become ``\xNN``, ``\uNNNN`` or
    ``\UNNNNNNNN``. A backslash stays as it is: the result is for eyes, not for
    parsing back. Console markup is not escaped, since no text of hpview's is
    ever parsed as markup.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_shown, text))
