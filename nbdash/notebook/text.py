"""Titles, headings and slugs: one line of clean text out of what an author wrote."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

#: Unicode's explicit direction marks: they could make a title read as something else.
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
#: Not printable by themselves, but parts of emoji and of words in some scripts.
_JOINERS = frozenset("\u200c\u200d")
#: Quarto's and Pandoc's attributes after a heading.
_ATTRIBUTES = re.compile(r"\s*\{[^{}]*\}\s*$")
_SLUG_CHARACTERS = 60

_markdown = MarkdownIt("commonmark")


@dataclass(frozen=True, kw_only=True, slots=True)
class Heading:
    """A markdown heading."""

    level: int  #: 1..6
    text: str  #: without markup


def clean_line(text: str, characters: int) -> str:
    """``text`` on one line, in NFC, without control and direction-changing characters, at most so long."""
    normal = (letter for letter in unicodedata.normalize("NFC", text) if letter not in _DIRECTIONS)
    printable = "".join(letter if letter.isprintable() or letter in _JOINERS else " " for letter in normal)
    line = " ".join(printable.split())
    return line if len(line) <= characters else line[: characters - 1].rstrip() + "…"


def slug_of(text: str) -> str:
    """``text`` as lowercase ASCII words joined by hyphens; empty if nothing of it is ASCII."""
    words = re.sub(r"[\W_]+", "-", unicodedata.normalize("NFC", text).lower())
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode("ascii")
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_SLUG_CHARACTERS].strip("-")


def headings_of(source: str) -> tuple[Heading, ...]:
    """The non-empty headings of a markdown cell, in order."""
    if "#" not in source and "==" not in source and "--" not in source:
        return ()
    tokens = _markdown.parse(source)
    found = [
        Heading(level=int(opening.tag[1:]), text=_heading_text(content))
        for opening, content in pairwise(tokens)
        if opening.type == "heading_open"
    ]
    return tuple(heading for heading in found if heading.text)


def is_only_heading(source: str) -> bool:
    """Whether a markdown cell has nothing but headings."""
    return all(token.type in ("heading_open", "inline", "heading_close") for token in _markdown.parse(source))


def _heading_text(content: Token) -> str:
    return clean_line(_ATTRIBUTES.sub("", "".join(_texts(content.children or ()))), 200)


def _texts(tokens: Iterable[Token]) -> Iterable[str]:
    for token in tokens:
        if token.type in ("softbreak", "hardbreak"):
            yield " "
        elif token.type in ("text", "code_inline", "image"):
            yield token.content
