"""Text of others (titles, outputs, exceptions) made safe for a terminal."""

from __future__ import annotations

import re
import sys
import unicodedata
from io import TextIOWrapper

#: Control, bidi and lone surrogate characters: what can move the cursor, hide text, or not be encoded.
_UNSAFE = "\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_CONTROL = re.compile(rf"\x1b\[[0-9;?]*[A-Za-z]|[{_UNSAFE}]")
_COLOUR_OR_CONTROL = re.compile(rf"(\x1b\[[0-9;]*m)|\x1b\[[0-9;?]*[A-Za-z]|[{_UNSAFE}]")


def plain(text: str) -> str:
    """``text`` without anything that a terminal would obey."""
    return _CONTROL.sub("", text)


def coloured(text: str) -> str:
    """``text`` with its colours, but without anything else that a terminal would obey."""
    return _COLOUR_OR_CONTROL.sub(r"\1", text)


def width_of(text: str) -> int:
    """The columns that ``text`` takes in a terminal: East Asian wide characters take two, marks none."""
    return sum(_character_width(character) for character in text)


def _character_width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def tolerate_any_encoding() -> None:
    """A terminal that cannot show a character shows ``?`` instead of ending the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
