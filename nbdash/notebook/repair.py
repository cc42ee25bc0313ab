"""A JSON object as valid nbformat 4.5: upgraded, repaired where the meaning is clear, else refused.

Repairs are told as notices.  What is left is checked with nbformat's own schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NoReturn

import nbformat
from nbformat.validator import iter_validate

from nbdash.errors import NotebookError

#: The tag of the cells in which papermill tells of a failed run.
ERROR_MARKER_TAG = "papermill-error-cell-tag"

CELLS = 2000
SOURCE_CHARACTERS = 4 * 1024**2
TAGS = 100

_CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_KERNEL_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_JSON_MIME = re.compile(r"application/(.*\+)?json")
_COMMON_KEYS = {"cell_type", "id", "metadata", "source"}
_CELL_KEYS = {
    "code": _COMMON_KEYS | {"outputs", "execution_count"},
    "markdown": _COMMON_KEYS | {"attachments"},
    "raw": _COMMON_KEYS | {"attachments"},
}
_ROLE_TAGS = {"dash", "dash-setup", "body", "parameters"}


def repair_document(document: dict[str, Any], name: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """``document`` as nbformat 4.5, and the notices; the argument may be changed.

    Raises NotebookError.
    """
    return _Repair(name).run(document)


def is_error_marker(cell: Any) -> bool:
    """Whether papermill put this raw JSON cell in to tell of an error."""
    metadata = cell.get("metadata") if isinstance(cell, dict) else None
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return isinstance(tags, list) and ERROR_MARKER_TAG in tags


class _Repair:
    """One document's way to nbformat 4.5; collects notices."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._notices: list[str] = []

    def run(self, document: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
        repaired = {
            **self._upgrade(document),
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        repaired = {key: repaired.get(key) for key in ("cells", "metadata", "nbformat", "nbformat_minor")}
        repaired["metadata"] = self._repair_metadata(repaired["metadata"])
        repaired["cells"] = self._repair_cells(repaired["cells"])
        self._validate(repaired)
        return repaired, tuple(self._notices)

    # --- the format's version ---

    def _upgrade(self, document: dict[str, Any]) -> dict[str, Any]:
        major = self._major_version(document)
        if major == 4:
            self._check_minor(document.get("nbformat_minor", 0))
            return document
        self._notices.append(f"The file's format, nbformat {major}, was upgraded to 4.5.")
        worksheets = document.get("worksheets")
        if isinstance(worksheets, list) and len(worksheets) > 1:
            self._notices.append("Its worksheets were joined into one.")
        try:
            old = nbformat.versions[major].to_notebook_json(document, minor=document.get("nbformat_minor", 0))
            upgraded = nbformat.convert(old, 4)
        except Exception as error:  # nbformat leaves with any exception on malformed old notebooks
            reason = f"{type(error).__name__}: {error}"[:200]
            self._refuse(f"is malformed nbformat {major} ({reason})", "open it in Jupyter and save it again")
        return dict(_plain(upgraded))

    def _major_version(self, document: dict[str, Any]) -> int:
        if "nbformat" not in document:
            self._refuse("has no 'nbformat' entry, so it is not a notebook", "give a Jupyter .ipynb file")
        major = document["nbformat"]
        if type(major) is not int or major < 1:
            self._refuse(f"has nbformat {major!r}, which does not exist", "open it in Jupyter and save it again")
        if major > 4:
            self._refuse(f"was made by a newer Jupyter (nbformat {major})", "save it as nbformat 4")
        return major

    def _check_minor(self, minor: Any) -> None:
        if type(minor) is not int or minor < 0:
            self._notices.append(f"nbformat_minor is {minor!r}; the file was read as nbformat 4.5.")
        elif minor > 5:
            self._notices.append(f"The file's format, nbformat 4.{minor}, is newer; it was read as 4.5.")

    # --- notebook metadata ---

    def _repair_metadata(self, metadata: Any) -> dict[str, Any]:
        if not isinstance(metadata, dict):
            self._notices.append("The notebook's metadata was missing or malformed; it counts as empty.")
            return {}
        repaired = {key: value for key, value in metadata.items() if not key.startswith("orig_nbformat")}
        if "kernelspec" in repaired:
            repaired["kernelspec"] = self._repair_kernelspec(repaired["kernelspec"])
        errors = iter_validate(
            {"cells": [], "metadata": repaired, "nbformat": 4, "nbformat_minor": 5},
            version=4,
            version_minor=5,
        )
        for key in {error.absolute_path[1] for error in errors if len(error.absolute_path) > 1}:
            del repaired[key]
            if key != "kernelspec":
                self._notices.append(f"The notebook's metadata {key!r} is malformed and was ignored.")
        return repaired

    def _repair_kernelspec(self, kernelspec: Any) -> dict[str, Any] | None:
        """A kernelspec with the required entries; only its name is ever used, never a command in it."""
        name = kernelspec.get("name") if isinstance(kernelspec, dict) else None
        if not isinstance(name, str) or not _KERNEL_NAME.fullmatch(name):
            self._notices.append("The notebook's kernelspec has no usable name and was ignored.")
            return None
        display_name = kernelspec.get("display_name")
        return {**kernelspec, "display_name": display_name if isinstance(display_name, str) else name}

    # --- cells ---

    def _repair_cells(self, cells: Any) -> list[dict[str, Any]]:
        if not isinstance(cells, list):
            self._refuse("has no list of cells", "open it in Jupyter and save it again")
        if len(cells) > CELLS:
            self._refuse(f"has {len(cells)} cells, more than {CELLS}", "split it into several notebooks")
        kept = [cell for cell in cells if not is_error_marker(cell)]
        if len(kept) < len(cells):
            self._notices.append("Cells in which papermill tells of an earlier error were left out.")
        repaired = [self._repair_cell(cell, number) for number, cell in enumerate(kept, start=1)]
        _give_ids(repaired)
        return repaired

    def _repair_cell(self, cell: Any, number: int) -> dict[str, Any]:
        if not isinstance(cell, dict):
            self._refuse(f"has a cell {number} that is no JSON object", "open it in Jupyter and save it again")
        repaired = dict(cell)
        repaired["metadata"] = self._repair_cell_metadata(repaired.get("metadata", {}), number)
        repaired["source"] = self._repair_source(repaired.get("source", ""), number)
        repaired["cell_type"] = self._repair_kind(repaired, number)
        if repaired["cell_type"] == "code":
            repaired["outputs"] = self._repair_outputs(repaired.get("outputs", []), number)
            count = repaired.get("execution_count")
            repaired["execution_count"] = count if type(count) is int and count >= 0 else None
        return {key: value for key, value in repaired.items() if key in _CELL_KEYS[repaired["cell_type"]]}

    def _repair_kind(self, cell: dict[str, Any], number: int) -> str:
        kind = cell.get("cell_type")
        if isinstance(kind, str) and kind in _CELL_KEYS:
            return kind
        if kind == "heading":
            level = cell.get("level")
            cell["source"] = "#" * (level if type(level) is int and 1 <= level <= 6 else 1) + " " + cell["source"]
            return "markdown"
        if _ROLE_TAGS.intersection(cell["metadata"].get("tags", ())):
            self._refuse(
                f"has a tagged cell {number} of the unknown type {str(kind)[:40]!r}",
                "make it a code or markdown cell",
            )
        self._notices.append(f"Cell {number} has the unknown type {str(kind)[:40]!r} and was skipped.")
        return "raw"

    def _repair_source(self, source: Any, number: int) -> str:
        if isinstance(source, list) and all(isinstance(line, str) for line in source):
            source = "".join(source)
        if not isinstance(source, str):
            self._refuse(f"has a cell {number} whose source is not text", "open it in Jupyter and save it again")
        if len(source) > SOURCE_CHARACTERS:
            megabytes = SOURCE_CHARACTERS // 1024**2
            self._refuse(f"has a cell {number} of more than {megabytes} MiB of source", "move its data into a file")
        return source

    def _repair_cell_metadata(self, metadata: Any, number: int) -> dict[str, Any]:
        if not isinstance(metadata, dict):
            self._notices.append(f"Cell {number} has malformed metadata, which was ignored.")
            return {}
        repaired = dict(metadata)
        if "tags" in repaired:
            repaired["tags"] = self._repair_tags(repaired["tags"], number)
        return repaired

    def _repair_tags(self, tags: Any, number: int) -> list[str]:
        """Unique strings without commas, as nbformat demands; a lone string counts as a list of one."""
        listed = [tags] if isinstance(tags, str) else tags if isinstance(tags, list) else []
        words = [word for tag in listed if isinstance(tag, str) for word in tag.split(",") if word]
        unique = list(dict.fromkeys(words))[:TAGS]
        if unique != tags:
            self._notices.append(f"Cell {number} has malformed tags; they were read as: {_listing(unique)}.")
        return unique

    def _repair_outputs(self, outputs: Any, number: int) -> list[dict[str, Any]]:
        if not isinstance(outputs, list):
            self._notices.append(f"Cell {number} has malformed stored outputs, which were dropped.")
            return []
        return [_joined_output(output) if isinstance(output, dict) else output for output in outputs]

    # --- the check by nbformat's own schema ---

    def _validate(self, document: dict[str, Any]) -> None:
        if _first_error(document) is None:
            return
        for number, cell in enumerate(document["cells"], start=1):
            if _first_error(cell, f"{cell['cell_type']}_cell") is not None:
                self._reduce_cell(cell)
                self._notices.append(f"Cell {number} has malformed metadata or outputs, which were dropped.")
        error = _first_error(document)
        if error is not None:
            self._refuse(f"is not valid nbformat 4.5 ({error[:200]})", "open it in Jupyter and save it again")

    @staticmethod
    def _reduce_cell(cell: dict[str, Any]) -> None:
        """Leave of a cell only what has been repaired piece by piece."""
        cell["metadata"] = {key: cell["metadata"][key] for key in ("tags", "nbdash") if key in cell["metadata"]}
        cell.pop("attachments", None)
        if cell["cell_type"] == "code":
            cell["outputs"] = []

    def _refuse(self, what: str, advice: str) -> NoReturn:
        raise NotebookError(f"Notebook {self._name!r} {what}: {advice}.")


def _first_error(part: dict[str, Any], definition: str | None = None) -> str | None:
    errors: Iterator[Any] = iter_validate(part, ref=definition, version=4, version_minor=5)
    return next((str(error.message) for error in errors), None)


def _give_ids(cells: list[dict[str, Any]]) -> None:
    """Valid and unique ids, the same ones each time the file is read."""
    taken: set[str] = set()
    for cell in cells:
        own = cell.get("id")
        cell["id"] = own if isinstance(own, str) and _CELL_ID.fullmatch(own) and own not in taken else ""
        taken.add(cell["id"])
    for number, cell in enumerate(cells, start=1):
        cell["id"] = cell["id"] or _free_id(f"cell-{number}", taken)
        taken.add(cell["id"])


def _free_id(wanted: str, taken: set[str]) -> str:
    while wanted in taken:
        wanted += "-"
    return wanted


def _joined_output(output: dict[str, Any]) -> dict[str, Any]:
    """An output with its lists of lines joined, as nbformat does on reading."""
    joined = {**output, "text": _joined(output["text"])} if "text" in output else dict(output)
    if isinstance(joined.get("data"), dict):
        joined["data"] = {
            mime: value if _JSON_MIME.fullmatch(mime) else _joined(value) for mime, value in joined["data"].items()
        }
    return joined


def _joined(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    return value


def _plain(value: Any) -> Any:
    """nbformat's attribute dictionaries as plain ones."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _listing(words: list[str]) -> str:
    return ", ".join(repr(word[:40]) for word in words[:10]) or "none"
