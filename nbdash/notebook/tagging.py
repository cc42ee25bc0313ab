"""Proposing tags for a notebook that has none, and writing tags into its file."""

from __future__ import annotations

import ast
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from nbdash.errors import NotebookError, OptionError
from nbdash.model import Cell, CellKind, Notebook, Role
from nbdash.notebook.calls import Surroundings, draws, surroundings_of
from nbdash.notebook.edits import edit_tags
from nbdash.notebook.layout import lay_out
from nbdash.notebook.loading import decode_text, load_object, read_file
from nbdash.notebook.names import CellNames, names_of_cell
from nbdash.notebook.options import KNOWN_TAGS
from nbdash.notebook.reader import parse_notebook
from nbdash.notebook.source import parse_cell

#: nbdash's own roles: a cell has one of them.
_OWN_TAGS = frozenset({"dash", "dash-setup", "dash-skip"})
#: A last expression that only looks around.
_EXPLORING = frozenset(
    """head tail info describe sample dtypes shape columns index isnull isna sum nunique unique
    value_counts keys close show legend title xlabel ylabel""".split()
)
_RICH_MIMES = ("text/html", "image/svg+xml", "text/markdown", "application/vnd.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """A tag that a cell should have."""

    index: int
    title: str  #: the cell's title or heading, else ``cell 3``
    makes: str  #: ``figure``, ``table``, ``text``, ``output``, or the names that other cells need
    tag: str  #: ``dash`` or ``dash-setup``
    note: str = ""  #: ``needed by cells 5, 9``, ``no alt text``


@dataclass(frozen=True, kw_only=True)
class _Part:
    """A code cell with its syntax."""

    cell: Cell
    tree: ast.Module
    names: CellNames


def propose_tags(notebook: Notebook) -> tuple[Proposal, ...]:
    """Tags for the untagged code cells: ``dash`` for what shows, ``dash-setup`` for what that needs.

    Stored outputs count as well as what the source says; cells of imports alone need no tag, since
    they run where they are needed.
    """
    parts = [_part(cell) for cell in notebook.cells if cell.kind is CellKind.CODE and cell.role is not Role.SKIP]
    surroundings = surroundings_of([part.tree for part in parts], {name for part in parts for name in part.names.makes})
    shown = {
        part.cell.index: makes for part in parts if (makes := _what_shows(part, notebook, surroundings)) is not None
    }
    cards = set(shown) | {cell.index for cell in notebook.cells if cell.role is Role.CARD}
    needed = _needed_parts(parts, cards)
    titles = _titles(notebook)
    proposals = [
        _proposal(part, shown.get(part.cell.index), needed.get(part.cell.index, []), titles)
        for part in parts
        if part.cell.role is Role.PLAIN and (part.cell.index in shown or part.cell.index in needed)
    ]
    return tuple(proposals)


def write_tags(path: Path, tags: Mapping[int, str]) -> Path:
    """Give cells, by their index, a tag in the file; returns the backup's path.

    Other characters of the file stay as they are.  A role of nbdash's own replaces another one.  The
    file is replaced at once or not at all, and the one before is kept as ``.nbdash/<stem>.bak.ipynb``.
    Raises NotebookError, or OptionError for a tag that nbdash does not know.
    """
    target = path.resolve()
    content = read_file(target)
    _check_writable(content, tags, path.name)
    text = content.decode("utf-8")
    start = len(text) - len(decode_text(text, path.name))
    edited = text[:start] + edit_tags(text[start:], {index: partial(_add_tag, tag) for index, tag in tags.items()})
    try:
        backup = _keep_backup(target, content)
        _replace_file(target, edited.encode("utf-8"))
    except OSError as error:
        raise NotebookError(f"Notebook {str(path)!r} cannot be written ({error.strerror}): check its folder.") from None
    return backup


# --- proposing ---


def _part(cell: Cell) -> _Part:
    tree = parse_cell(cell.source) or ast.Module(body=[], type_ignores=[])
    return _Part(cell=cell, tree=tree, names=names_of_cell(tree))


def _what_shows(part: _Part, notebook: Notebook, surroundings: Surroundings) -> str | None:
    """What a cell shows that belongs on a dashboard; None if nothing."""
    if part.cell.role is not Role.PLAIN:
        return None
    stored = _stored_mimes(notebook.document["cells"][part.cell.index])
    if "image/png" in stored or draws(part.tree, surroundings):
        return "figure"
    if not part.tree.body or _is_exploring(part.tree.body[-1]):
        return None
    if any(mime.startswith(_RICH_MIMES) for mime in stored):
        return "table" if "text/html" in stored else "text"
    return "output" if _displays(part.tree.body[-1]) else None


def _stored_mimes(cell: Mapping[str, Any]) -> set[str]:
    return {mime for output in cell.get("outputs", ()) for mime in output.get("data", ())}


def _is_exploring(statement: ast.stmt) -> bool:
    """Whether the last line is ``df.head()`` or ``df.shape``."""
    node: ast.AST | None = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(node, ast.Call):
        node = node.func
    return isinstance(node, ast.Attribute) and node.attr in _EXPLORING


def _displays(statement: ast.stmt) -> bool:
    """Whether the last line displays an object by name or by ``display(…)``."""
    match statement:
        case ast.Expr(value=ast.Name()) | ast.Expr(value=ast.Call(func=ast.Name(id="display"))):
            return True
    return False


def _needed_parts(parts: list[_Part], cards: set[int]) -> dict[int, list[int]]:
    """The cells that make what cards read, each with the numbers of the cells that need it directly."""
    wanted = set(cards)
    needed: dict[int, list[int]] = {}
    for position in reversed(range(len(parts))):
        reader = parts[position]
        if reader.cell.index not in wanted:
            continue
        for name in reader.names.reads | reader.names.later_reads:
            maker = next((part for part in reversed(parts[:position]) if name in part.names.makes), None)
            if maker and not _only_imports(maker):
                wanted.add(maker.cell.index)
                needed.setdefault(maker.cell.index, []).append(reader.cell.number)
    return needed


def _only_imports(part: _Part) -> bool:
    return all(isinstance(statement, ast.Import | ast.ImportFrom) for statement in part.tree.body)


def _titles(notebook: Notebook) -> dict[int, str]:
    headings = {card.index: card.title or card.heading for card in lay_out(notebook)}
    return {
        cell.index: cell.options.title or headings.get(cell.index) or f"cell {cell.number}" for cell in notebook.cells
    }


def _proposal(part: _Part, shows: str | None, needed_by: list[int], titles: Mapping[int, str]) -> Proposal:
    if shows is not None:
        note = "no alt text" if shows == "figure" and not part.cell.options.alt else ""
        return Proposal(index=part.cell.index, title=titles[part.cell.index], makes=shows, tag="dash", note=note)
    numbers = sorted(set(needed_by))
    return Proposal(
        index=part.cell.index,
        title=titles[part.cell.index],
        makes=", ".join(sorted(name for name in part.names.makes if not name.startswith("_"))[:4]),
        tag="dash-setup",
        note=f"needed by cell{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}",
    )


# --- writing ---


def _check_writable(content: bytes, tags: Mapping[int, str], name: str) -> None:
    document, _ = load_object(content, name)
    count = len(parse_notebook(content, name).cells)
    if document["nbformat"] != 4:
        raise NotebookError(f"Notebook {name!r} is nbformat {document['nbformat']}: save it in Jupyter first.")
    for index, tag in tags.items():
        if tag not in KNOWN_TAGS:
            raise OptionError(f"{tag!r} is no tag of nbdash; there are: {', '.join(KNOWN_TAGS)}.", field="tag")
        if not 0 <= index < count:
            raise NotebookError(f"Notebook {name!r} has no cell {index + 1}: it has {count}.")


def _add_tag(tag: str, tags: list[str]) -> list[str]:
    replaced = _OWN_TAGS if tag in _OWN_TAGS else frozenset({tag})
    return [*(known for known in tags if known not in replaced), tag]


def _keep_backup(path: Path, content: bytes) -> Path:
    folder = path.parent / ".nbdash"
    folder.mkdir(exist_ok=True)
    backup = folder / f"{path.stem}.bak.ipynb"
    _replace_file(backup, content)
    return backup


def _replace_file(path: Path, content: bytes) -> None:
    """Write beside, then rename: a reader sees the old file or the new one."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            os.chmod(name, path.stat().st_mode & 0o7777)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
