"""A notebook file as a JSON object: bytes, text and JSON checked, every problem one sentence.

Nothing here knows what a notebook is made of; :mod:`nbdash.notebook.repair` does.
"""

from __future__ import annotations

import codecs
import json
import math
import os
import re
import stat
from pathlib import Path
from typing import Any, NoReturn

from nbdash.errors import NotebookError

#: Stored outputs make files large; the notebook without them may have NOTEBOOK_BYTES.
FILE_BYTES = 512 * 1024**2
NOTEBOOK_BYTES = 64 * 1024**2
#: Levels of nesting; far below what any recursion over the document can bear.
DEPTH = 100

_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SURROGATE_OR_NUL = re.compile("[\ud800-\udfff\0]")
_CONFLICT = re.compile(r"^<{7} ", re.MULTILINE)
_OTHER_FORMATS = {
    ".py": "Python script",
    ".rmd": "R Markdown file",
    ".qmd": "Quarto file",
    ".md": "Markdown file",
}


def read_file(path: Path) -> bytes:
    """A notebook file's bytes; refuses what is no regular file without waiting for it.

    Raises NotebookError.
    """
    _check_suffix(path)
    if path.is_dir():
        raise NotebookError(f"{str(path)!r} is a folder: give the notebook in it.")
    try:
        # Opening a FIFO would otherwise wait for a writer; Windows knows neither FIFOs nor the flag.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise NotebookError(f"{str(path)!r} is a device or pipe: give a Jupyter .ipynb file.")
            return file.read(FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise NotebookError(_reason_unreadable(path, error)) from None


def load_object(content: str | bytes, name: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The JSON object in ``content``, and a notice for what had to be cleaned in it.

    Only what every JSON parser and database can hold stays: NaN and infinities become null, NUL and
    lone surrogates U+FFFD.  Raises NotebookError.
    """
    text = decode_text(content, name)
    document = _load_json(text, name)
    cleaner = _Cleaner(name)
    cleaned = cleaner.clean(document)
    if not isinstance(cleaned, dict):
        kind = "null" if cleaned is None else f"a {type(cleaned).__name__}"
        raise NotebookError(f"{name!r} is not a notebook (its top level is {kind}): give a Jupyter .ipynb file.")
    return cleaned, cleaner.notices


def decode_text(content: str | bytes, name: str) -> str:
    """The file's text, without a byte order mark; raises NotebookError unless it is UTF-8 and plausible."""
    if len(content) > FILE_BYTES:
        megabytes = FILE_BYTES // 1024**2
        raise NotebookError(f"{name!r} is larger than {megabytes} MiB: clear its outputs and save it again.")
    text = _decode_bytes(content, name) if isinstance(content, bytes) else content
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise NotebookError(f"{name!r} is empty: save the notebook in Jupyter and try again.")
    return text


def _check_suffix(path: Path) -> None:
    if path.suffix.lower() == ".ipynb":
        return
    kind = _OTHER_FORMATS.get(path.suffix.lower())
    if kind:
        raise NotebookError(f"{path.name!r} is a {kind}, not a notebook: convert it with 'jupytext --to ipynb'.")
    raise NotebookError(f"{path.name!r} does not end in '.ipynb': give a Jupyter notebook, or rename it if it is one.")


def _reason_unreadable(path: Path, error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"There is no notebook {str(path)!r}: check the path."
    if isinstance(error, PermissionError):
        return f"Notebook {str(path)!r} may not be read by this user: change its permissions."
    reason = getattr(error, "strerror", None) or error
    return f"Notebook {str(path)!r} cannot be read ({reason}): check its path and its disk."


def _decode_bytes(content: bytes, name: str) -> str:
    if content.startswith((b"PK\x03\x04", b"\x1f\x8b")):
        raise NotebookError(f"{name!r} is a compressed archive: unpack it and give the .ipynb file inside.")
    if content.startswith(_UTF16_MARKS):
        raise NotebookError(f"{name!r} is UTF-16, not UTF-8 (byte 1): save it as UTF-8.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotebookError(f"{name!r} is not UTF-8 (byte {error.start + 1}): save it as UTF-8.") from None


def _load_json(text: str, name: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=lambda pairs: _unique(pairs, name))
    except json.JSONDecodeError as error:
        raise NotebookError(_reason_not_json(text, name, error)) from None
    except RecursionError:
        _refuse_depth(name)
    except ValueError:  # Python's own limit on the digits of an integer
        raise NotebookError(f"{name!r} holds a number of more than 4300 digits: remove it.") from None


def _unique(pairs: list[tuple[str, Any]], name: str) -> dict[str, Any]:
    """An object's members; refuses twins, of which two parsers may see different ones."""
    members = dict(pairs)
    if len(members) < len(pairs):
        keys = [key for key, _ in pairs]
        twin = next(key for key in keys if keys.count(key) > 1)
        raise NotebookError(f"{name!r} has a duplicate key {twin[:80]!r} in one object: remove one of the two.")
    return members


def _reason_not_json(text: str, name: str, error: json.JSONDecodeError) -> str:
    start = text.lstrip()[:200].lower()
    if start.startswith("<") and not start.startswith("<<<<<<<"):
        return f"{name!r} is HTML, probably a login page: download the notebook itself."
    conflict = _CONFLICT.search(text)
    if conflict:
        line = text.count("\n", 0, conflict.start()) + 1
        return f"{name!r} has a git conflict marker in line {line}: resolve the conflict first."
    place = f"line {error.lineno}, column {error.colno}"
    return f"{name!r} is not valid JSON ({error.msg}: {place}): save the notebook again, or restore it."


def _refuse_depth(name: str) -> NoReturn:
    raise NotebookError(f"{name!r} is nested too deeply (more than {DEPTH} levels): it is not a Jupyter notebook.")


class _Cleaner:
    """Copies a JSON value, with what other programs cannot hold replaced."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._texts = self._numbers = 0

    @property
    def notices(self) -> tuple[str, ...]:
        found = []
        if self._texts:
            found.append("NUL characters or lone surrogates were replaced by U+FFFD.")
        if self._numbers:
            found.append("NaN or infinite numbers, which JSON does not have, were replaced by null.")
        return tuple(found)

    def clean(self, value: Any, depth: int = 0) -> Any:
        match value:
            case str():
                return self._clean_text(value)
            case dict() | list() if depth >= DEPTH:
                _refuse_depth(self._name)
            case dict():
                return {self._clean_text(key): self.clean(item, depth + 1) for key, item in value.items()}
            case list():
                return [self.clean(item, depth + 1) for item in value]
            case float() if not math.isfinite(value):
                self._numbers += 1
                return None
        return value

    def _clean_text(self, text: str) -> str:
        if text.isascii() and "\0" not in text:
            return text
        cleaned = _SURROGATE_OR_NUL.sub("\ufffd", text)
        self._texts += cleaned != text
        return cleaned
