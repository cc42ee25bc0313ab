"""Terminal text as a page can show it."""

from __future__ import annotations

import re

MAX_CHARACTERS = 100_000

#: ECMA-48: OSC, DCS and their like up to BEL or ST; CSI; any other escape.
_ESCAPES = re.compile(
    r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?"
)
#: What is left of C0 and C1 but tab and newline, and the marks that reverse the direction of text.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def plain_text(text: str) -> str:
    """The text without escape sequences and control characters; of an overwritten line its last state."""
    text = _ESCAPES.sub("", text).replace("\r\n", "\n")
    text = "\n".join(_last_state(line) for line in text.split("\n")) if "\r" in text else text
    return shorten(_CONTROLS.sub("", text).rstrip().lstrip("\n"))


def shorten(text: str, limit: int = MAX_CHARACTERS) -> str:
    """Head and tail of a text longer than ``limit``, and between them how much is left out."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n… {len(text) - 2 * half:,} characters left out …\n{text[-half:]}"


def _last_state(line: str) -> str:
    """What a terminal shows of a progress bar: the text after the last carriage return that has any."""
    return next((part for part in reversed(line.split("\r")) if part), "")
