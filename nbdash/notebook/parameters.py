"""Parameters, as papermill has them: found in one cell's assignments, injected as one more cell.

Values reach a notebook only as Python literals made here; text is never pasted into source.
"""

from __future__ import annotations

import ast
import hashlib
import io
import json
import keyword
import re
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from nbdash.errors import ParameterError
from nbdash.model import Json, Notebook, Parameter, Role
from nbdash.notebook.literals import python_literal
from nbdash.notebook.reader import notebook_from_document
from nbdash.notebook.source import parse_cell


def find_parameters(notebook: Notebook) -> tuple[Parameter, ...]:
    """The assignments of one name in the cell tagged ``parameters``, in order; () without such a cell.

    A superset of papermill's: the type also comes from the literal.  Of a name that is assigned
    twice, the last assignment counts.
    """
    cell = next((cell for cell in notebook.cells if cell.role is Role.PARAMETERS), None)
    tree = parse_cell(cell.source) if cell and notebook.language == "python" else None
    if cell is None or tree is None:
        return ()
    comments, lines = _comments_by_line(cell.source), re.split(r"\r\n|[\r\n]", cell.source)
    found = (_read_assignment(statement, lines, comments) for statement in tree.body)
    return tuple({parameter.name: parameter for parameter in found if parameter}.values())


def inject_parameters(notebook: Notebook, values: Mapping[str, Json]) -> Notebook:
    """The notebook with a cell that assigns ``values``, placed where papermill places it.

    That is: instead of a cell of injected parameters, else after the parameters cell, else first.
    An unknown name is injected all the same, with a notice.  Raises ParameterError for what is no
    Python name or no JSON value, and in notebooks that are not Python.
    """
    if not values:
        return notebook
    if notebook.language != "python":
        message = f"Notebook {notebook.name!r} is {notebook.language}, not Python: run it without parameters."
        raise ParameterError(message)
    papermill = notebook.document["metadata"].get("papermill")
    document = {
        **notebook.document,
        "cells": _cells_with(_new_cell(values, notebook), notebook),
        "metadata": {
            **notebook.document["metadata"],
            "papermill": {**(papermill if isinstance(papermill, dict) else {}), "parameters": dict(values)},
        },
    }
    injected = notebook_from_document(document, notebook.name)
    return replace(injected, notices=(*notebook.notices, *_injection_notices(notebook, values)))


def cast_value(text: str) -> Json:
    """The value of papermill's ``-p NAME TEXT``: True, False, None, an integer, a float, else the text."""
    if text in ("True", "False", "None"):
        return ast.literal_eval(text)
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    return text


def canonical_key(values: Mapping[str, Json]) -> str:
    """A SHA-256, in hex, equal for equal values in any order; empty for no values."""
    if not values:
        return ""
    return hashlib.sha256(json.dumps(dict(values), sort_keys=True).encode()).hexdigest()


# --- finding ---


def _read_assignment(statement: ast.stmt, lines: Sequence[str], comments: Mapping[int, str]) -> Parameter | None:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            annotation = None
        case ast.AnnAssign(target=ast.Name(id=name), annotation=node, value=ast.expr() as value):
            annotation = ast.unparse(node)
        case _:
            return None
    if name.startswith("__"):
        return None
    kind, description = _split_comment(comments.get(statement.end_lineno or 0, ""))
    default = _literal(value)
    return Parameter(
        name=name,
        default=default,
        source=_as_written(statement, value, lines),
        type=annotation or kind or (type(default).__name__ if default is not None else None),
        help=description,
    )


def _as_written(statement: ast.stmt, value: ast.expr, lines: Sequence[str]) -> str:
    first, last = value.lineno - 1, value.end_lineno or value.lineno
    # Behind a magic (``%time x = 3``) positions are those of the statement alone.
    if lines[statement.lineno - 1].lstrip().startswith("%"):
        return ast.unparse(value)
    # As ``ast.get_source_segment``, which looks through the whole cell for each: columns count bytes.
    written = [line.encode() for line in lines[first:last]]
    written[-1] = written[-1][: value.end_col_offset]
    written[0] = written[0][value.col_offset :]
    return b"\n".join(written).decode()


def _literal(node: ast.expr) -> Json:
    """A literal's value, if JSON can hold it; else None."""
    try:
        return json.loads(json.dumps(ast.literal_eval(node), allow_nan=False))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def _split_comment(comment: str) -> tuple[str | None, str]:
    """``type: int how many`` is a type and its help; any other comment is help."""
    if not comment.startswith("type:"):
        return None, comment
    kind, _, description = comment.removeprefix("type:").strip().partition(" ")
    return kind or None, description.strip()


def _comments_by_line(source: str) -> dict[int, str]:
    comments: dict[int, str] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                comments[token.start[0]] = token.string.lstrip("#").strip()
    except (tokenize.TokenError, SyntaxError):
        pass  # magics: the comments up to here are what there is
    return comments


# --- injecting ---


def _new_cell(values: Mapping[str, Json], notebook: Notebook) -> dict[str, Any]:
    taken = {cell["id"] for cell in notebook.document["cells"]}
    numbered = (f"injected-parameters-{number}" for number in range(2, len(taken) + 3))
    return {
        "cell_type": "code",
        "id": next(identity for identity in ("injected-parameters", *numbered) if identity not in taken),
        "metadata": {"tags": ["injected-parameters"]},
        "source": "\n".join(["# Parameters", *_assignments(values)]) + "\n",
        "outputs": [],
        "execution_count": None,
    }


def _cells_with(cell: dict[str, Any], notebook: Notebook) -> list[dict[str, Any]]:
    cells = notebook.document["cells"]
    injected = [known.index for known in notebook.cells if known.role is Role.INJECTED]
    if injected:
        return [*cells[: injected[0]], cell, *cells[injected[0] + 1 :]]
    parameters = [known.index for known in notebook.cells if known.role is Role.PARAMETERS]
    after = parameters[0] + 1 if parameters else 0
    return [*cells[:after], cell, *cells[after:]]


def _assignments(values: Mapping[str, Json]) -> Iterator[str]:
    for name, value in values.items():
        if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("__"):
            raise ParameterError(f"{name[:80]!r} is not a Python name: give a parameter's name.", field=name)
        yield f"{name} = {python_literal(value, name)}"


def _injection_notices(notebook: Notebook, values: Mapping[str, Json]) -> Iterator[str]:
    if not any(cell.role in (Role.PARAMETERS, Role.INJECTED) for cell in notebook.cells):
        yield "No cell is tagged 'parameters', so the parameters were put first."
        return
    known = {parameter.name for parameter in find_parameters(notebook)}
    for name in values:
        if name not in known:
            yield f"No parameter is called {name!r}; it was set all the same."
