"""The ``#|`` lines at the top of a code cell: Quarto's ``#| key: value`` and the bare ``#| dash``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

_OPTION_LINE = re.compile(r"#\s?\|(.*)")
_WORD = re.compile(r"[\w-]+")
_KEY_VALUE = re.compile(r"\s*([\w-]+)\s*:\s*(.*)")
_CHARACTERS = 20_000
_NOT_YAML = "Its '#|' lines are not valid YAML, so each was read by itself: put values with ': ' in quotes."


@dataclass(frozen=True, kw_only=True, slots=True)
class CommentOptions:
    """What the ``#|`` lines say: every scalar stays the text that the author wrote."""

    values: dict[str, Any] = field(default_factory=dict)  #: text, or lists and dictionaries of it
    words: tuple[str, ...] = ()  #: lines of one bare word: ``#| dash``
    notices: tuple[str, ...] = ()


def read_comments(source: str) -> CommentOptions:
    """The options in a code cell's contiguous leading ``#|`` lines; a cell magic may stand above them."""
    lines = [line.rstrip() for line in option_lines(source)]
    words = tuple(line for line in lines if _WORD.fullmatch(line))
    block = "\n".join(line for line in lines if not _WORD.fullmatch(line))
    if len(block) > _CHARACTERS:
        return CommentOptions(words=words, notices=("Its '#|' lines are too long and were ignored.",))
    values, notices = _read_yaml(block)
    return CommentOptions(values=values, words=words, notices=notices)


def option_lines(source: str) -> list[str]:
    """The text behind ``#|`` in each of those lines."""
    lines = source.lstrip().splitlines()
    if lines and lines[0].startswith("%%"):
        lines = lines[1:]
    found = []
    for line in lines:
        option = _OPTION_LINE.match(line)
        if option is None:
            break
        found.append(option[1].removeprefix(" "))
    return found


def _read_yaml(block: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """YAML's mapping, or, where an author forgot YAML's quotes, each line's ``key: rest``."""
    try:
        # BaseLoader: "2024", "no" and "1.10" are titles as well as any other text.
        loaded = yaml.load(block, Loader=yaml.BaseLoader) or {}  # noqa: S506 - makes text only
    except (yaml.YAMLError, RecursionError, ValueError):
        return _read_lines(block), ("Its '#|' lines are not valid YAML, so each was read by itself: quote values.",)
    if not isinstance(loaded, dict):
        return {}, ("Its '#|' lines are not 'key: value' and were ignored.",)
    return {str(key): value for key, value in loaded.items()}, ()


def _read_lines(block: str) -> dict[str, Any]:
    values: dict[str, str] = {}
    key = ""
    for line in block.splitlines():
        pair = _KEY_VALUE.fullmatch(line)
        if pair and not line.startswith(" "):
            key, values[pair[1]] = pair[1], pair[2].strip().strip("\"'")
        elif key:
            values[key] += f" {line.strip()}"
    return values
