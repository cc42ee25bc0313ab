"""Notebooks of the notebook tests, built from a few cells."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

from nbdash.model import Notebook, Plan, Selection
from nbdash.notebook import make_plan, parse_notebook

#: A code cell's source, ``(source, *tags)``, or a whole cell.
Part: TypeAlias = str | tuple[str, ...] | dict[str, Any]


def code(source: Any = "1", *tags: str, **entries: Any) -> dict[str, Any]:
    """A code cell; keywords replace its entries."""
    metadata = {"tags": list(tags)} if tags else {}
    cell = {
        "cell_type": "code",
        "metadata": metadata,
        "source": source,
        "outputs": [],
        "execution_count": None,
    }
    return {**cell, **entries}


def markdown(source: str, *tags: str) -> dict[str, Any]:
    """A markdown cell."""
    return {"cell_type": "markdown", "metadata": {"tags": list(tags)} if tags else {}, "source": source}


def document_of(*parts: Part | Any, **entries: Any) -> dict[str, Any]:
    """An nbformat 4.5 document; keywords replace its top-level entries."""
    cells = [
        code(part) if isinstance(part, str) else code(*part) if isinstance(part, tuple) else part for part in parts
    ]
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **entries}


def text_of(*parts: Part | Any, **entries: Any) -> str:
    """The file of such a document."""
    return json.dumps(document_of(*parts, **entries))


def notebook_of(*parts: Part, name: str = "sales.ipynb", **entries: Any) -> Notebook:
    """The notebook of such a document."""
    return parse_notebook(text_of(*parts, **entries), name)


def plan_of(*parts: Part, selection: Selection = Selection.NEEDED, **entries: Any) -> Plan:
    """The plan of such a notebook."""
    return make_plan(notebook_of(*parts, **entries), selection)
