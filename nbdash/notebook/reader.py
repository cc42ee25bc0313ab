"""Reading notebooks: any nbformat version in, a :class:`~nbdash.model.Notebook` out, one error type."""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import yaml

from nbdash.config import LOWERABLE
from nbdash.errors import NotebookError
from nbdash.model import Cell, CellKind, Notebook, Role
from nbdash.notebook.loading import NOTEBOOK_BYTES, load_object, read_file
from nbdash.notebook.options import options_of
from nbdash.notebook.repair import repair_document
from nbdash.notebook.text import clean_line, headings_of

#: What the notebook's ``metadata.nbdash`` may say, besides lower limits: a file must not configure a server.
PRESENTATION_KEYS = frozenset({"title"})

_TITLE_CHARACTERS = 200
#: What of a cell's metadata a dashboard shows or obeys, besides tags.
_OPTION_KEYS = ("nbdash", "mystnb", "alt")


def read_notebook(path: Path) -> Notebook:
    """The notebook in a file, its stored outputs included.  Raises NotebookError."""
    return parse_notebook(read_file(path), path.name)


def parse_notebook(content: str | bytes, name: str) -> Notebook:
    """The notebook in a file's content; ``name`` is the file's, for messages and as a last title.

    Raises NotebookError.
    """
    loaded, cleaned = load_object(content, name)
    document, repaired = repair_document(loaded, name)
    _check_size(content, document, name)
    notebook = notebook_from_document(document, name)
    return replace(notebook, notices=(*cleaned, *repaired, *notebook.notices))


def notebook_from_document(document: dict[str, Any], name: str) -> Notebook:
    """What a valid nbformat 4.5 document means."""
    metadata = document["metadata"]
    cells, notices = _read_cells(document["cells"])
    kernelspec = metadata.get("kernelspec", {})
    return Notebook(
        name=name,
        title=_find_title(document, name),
        document=document,
        cells=cells,
        language=_find_language(metadata),
        kernel_name=kernelspec.get("name"),
        limits=_find_limits(metadata),
        notices=(*_metadata_notices(metadata), *notices),
    )


def strip_outputs(document: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of an nbformat 4.5 document without outputs and execution counts."""
    cells = [
        {**cell, "outputs": [], "execution_count": None} if cell["cell_type"] == "code" else cell
        for cell in document["cells"]
    ]
    return copy.deepcopy({**document, "cells": cells})


def content_digest(notebook: Notebook) -> str:
    """SHA-256, in hex, of all that makes the dashboard: never of outputs, execution counts or cell ids."""
    content: dict[str, Any] = {
        "kernel": notebook.kernel_name,
        "language": notebook.language,
        "title": notebook.title,
        "cells": [_digested(cell) for cell in notebook.document["cells"]],
    }
    if notebook.limits:
        content["limits"] = dict(notebook.limits)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _digested(cell: Mapping[str, Any]) -> list[Any]:
    metadata = cell["metadata"]
    options = {key: metadata[key] for key in _OPTION_KEYS if key in metadata}
    return [cell["cell_type"], cell["source"], metadata.get("tags", []), options, cell.get("attachments")]


def _check_size(content: str | bytes, document: Mapping[str, Any], name: str) -> None:
    """Refuse what is too large even without its outputs."""
    if len(content) > NOTEBOOK_BYTES and len(json.dumps(strip_outputs(document))) > NOTEBOOK_BYTES:
        megabytes = NOTEBOOK_BYTES // 1024**2
        raise NotebookError(f"Notebook {name!r} without outputs exceeds {megabytes} MiB: move data into files.")


# --- cells ---


def _read_cells(cells: list[dict[str, Any]]) -> tuple[tuple[Cell, ...], tuple[str, ...]]:
    read: list[Cell] = []
    notices: list[str] = []
    has_parameters = False
    for index, cell in enumerate(cells):
        settings = options_of(cell)
        notices.extend(f"Cell {index + 1}: {notice}" for notice in settings.notices)
        role = settings.role
        if role is Role.PARAMETERS and has_parameters:
            role = Role.PLAIN  # papermill knows only the first one
            notices.append(f"Cell {index + 1}: It is a second cell tagged 'parameters'; only the first one counts.")
        has_parameters |= role is Role.PARAMETERS
        read.append(
            Cell(
                index=index,
                kind=CellKind(cell["cell_type"]),
                source=cell["source"],
                tags=settings.tags,
                role=role,
                options=settings.options,
                may_raise=settings.may_raise,
            )
        )
    return tuple(read), tuple(notices)


# --- the notebook as a whole ---


def _find_title(document: Mapping[str, Any], name: str) -> str:
    for title in _titles(document):
        if isinstance(title, str) and (line := clean_line(title, _TITLE_CHARACTERS)):
            return line
    return clean_line(PurePath(name).stem, _TITLE_CHARACTERS) or "Untitled"


def _titles(document: Mapping[str, Any]) -> Iterator[Any]:
    metadata = document["metadata"]
    yield _own_metadata(metadata).get("title")
    yield metadata.get("title")
    yield _front_matter(document["cells"]).get("title")
    for cell in document["cells"]:
        if cell["cell_type"] == "markdown":
            yield from (heading.text for heading in headings_of(cell["source"]) if heading.level == 1)


def _front_matter(cells: list[dict[str, Any]]) -> dict[str, Any]:
    """The YAML between ``---`` lines in a first cell that is no code, as Quarto and MyST have it."""
    source = cells[0]["source"].strip() if cells and cells[0]["cell_type"] != "code" else ""
    if not (source.startswith("---\n") and source.endswith("\n---")):
        return {}
    try:
        loaded = yaml.load(source[4:-4], Loader=yaml.BaseLoader)  # noqa: S506 - makes text only
    except (yaml.YAMLError, RecursionError, ValueError):
        return {}
    return loaded if isinstance(loaded, dict) else {}


def _find_language(metadata: Mapping[str, Any]) -> str:
    named = metadata.get("language_info", {}).get("name") or metadata.get("kernelspec", {}).get("language")
    return named.lower() if isinstance(named, str) and named else "python"


def _own_metadata(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    own = metadata.get("nbdash")
    return own if isinstance(own, dict) else {}


def _find_limits(metadata: Mapping[str, Any]) -> dict[str, float]:
    own = _own_metadata(metadata)
    return {name: own[name] for name in LOWERABLE if _is_limit(own.get(name))}


def _is_limit(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _metadata_notices(metadata: Mapping[str, Any]) -> Iterator[str]:
    for key, value in _own_metadata(metadata).items():
        if key in LOWERABLE and not _is_limit(value):
            yield f"The notebook's metadata 'nbdash.{key}' is no number above 0 and was ignored."
        elif key not in PRESENTATION_KEYS and key not in LOWERABLE:
            yield f"The notebook's metadata 'nbdash.{key[:40]}' is no setting of a notebook and was ignored."
