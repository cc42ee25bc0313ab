"""Changing tags in a notebook's JSON text, and not one character else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nbdash.notebook.repair import is_error_marker

_SPACE = re.compile(r"[ \t\r\n]*")
_decoder = json.JSONDecoder()


def edit_tags(text: str, changes: Mapping[int, Callable[[list[str]], list[str]]]) -> str:
    """The notebook's text with the tags of some cells, by their index, as ``changes`` make them.

    ``text`` is JSON of nbformat 4; new text is indented as what it replaces.
    """
    edited = text
    for index, (start, end) in reversed(list(enumerate(_cell_spans(text)))):
        if index in changes:
            edited = edited[:start] + _with_tags(text[start:end], changes[index]) + edited[end:]
    return edited


def _cell_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where each cell that nbdash counts stands in the text."""
    cells, _ = _members(text, _skip(text, 0))["cells"]
    for start, end in _elements(text, cells):
        if not is_error_marker(json.loads(text[start:end])):
            yield start, end


def _with_tags(cell: str, change: Callable[[list[str]], list[str]]) -> str:
    members = _members(cell, 0)
    if "metadata" not in members:
        first = _skip(cell, 1)
        added = _dumped({"tags": change([])}, cell, first)
        return f'{cell[:first]}"metadata": {added},{cell[1:first] or " "}{cell[first:]}'
    start, end = members["metadata"]
    metadata = json.loads(cell[start:end])
    metadata = metadata if isinstance(metadata, dict) else {}
    metadata["tags"] = change(_listed(metadata.get("tags")))
    return cell[:start] + _dumped(metadata, cell, start) + cell[end:]


def _listed(tags: Any) -> list[str]:
    listed = [tags] if isinstance(tags, str) else tags if isinstance(tags, list) else []
    return [tag for tag in listed if isinstance(tag, str)]


def _dumped(value: Any, around: str, position: int) -> str:
    """``value`` as JSON in the style of the text around ``position``."""
    before = around[:position].rpartition("\n")
    if not before[1]:
        return json.dumps(value, ensure_ascii=around.isascii())
    margin = re.match(r"[ \t]*", before[2])
    indent = margin[0] if margin else ""
    unit = _indent_unit(around, indent)
    newline = "\r\n" if before[0].endswith("\r") else "\n"
    dumped = json.dumps(value, ensure_ascii=around.isascii(), indent=unit)
    return dumped.replace("\n", newline + indent)


def _indent_unit(cell: str, indent: str) -> str:
    """One level of indentation: what the cell's members have beyond its closing brace."""
    closing = re.search(r"\n([ \t]*)\}\Z", cell)
    return indent[len(closing[1]) :] if closing and indent.startswith(closing[1]) else " "


# --- a JSON text's structure ---


def _members(text: str, start: int) -> dict[str, tuple[int, int]]:
    """The spans of the values in the object that starts there."""
    spans = {}
    position = _skip(text, start + 1)
    while text[position] != "}":
        key, position = _decoder.raw_decode(text, position)
        value = _skip(text, _skip(text, position) + 1)
        _, end = _decoder.raw_decode(text, value)
        spans[key] = (value, end)
        position = _after_comma(text, end)
    return spans


def _elements(text: str, start: int) -> Iterator[tuple[int, int]]:
    """The spans of the items in the list that starts there."""
    position = _skip(text, start + 1)
    while text[position] != "]":
        _, end = _decoder.raw_decode(text, position)
        yield position, end
        position = _after_comma(text, end)


def _after_comma(text: str, position: int) -> int:
    position = _skip(text, position)
    return _skip(text, position + 1) if text[position] == "," else position


def _skip(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position
