"""Which cells are cards, in notebook order, and their names, sections and texts."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from nbdash.model import Card, Cell, CellKind, Notebook, Role, Visibility
from nbdash.notebook.source import cell_magic_of, parse_cell
from nbdash.notebook.text import Heading, headings_of, is_only_heading, slug_of

#: Statements that can put out nothing.
_SILENT = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Pass)
#: Cell magics that put out nothing.
_SILENT_MAGICS = frozenset({"writefile", "file"})


def lay_out(notebook: Notebook) -> tuple[Card, ...]:
    """The notebook's cards.

    In a tagged notebook these are the cells tagged ``dash``; in one without any, the markdown cells
    with text and the code cells that may put out something, which only running them decides.
    """
    places = _find_places(notebook)
    shown = [cell for cell in notebook.cells if _shows(cell, notebook)]
    names = _unique_names([_name_of(cell, places[cell.index], notebook) for cell in shown])
    return tuple(_card(cell, name, places[cell.index]) for cell, name in zip(shown, names, strict=True))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """Where a cell stands among the headings."""

    section: str | None = None
    heading: str | None = None


def _find_places(notebook: Notebook) -> list[_Place]:
    """A cell's place; a markdown cell's own headings count for itself, by its first one."""
    places = []
    current = _Place()
    for cell in notebook.cells:
        headings = headings_of(cell.source) if cell.kind is CellKind.MARKDOWN else ()
        places.append(_moved(current, headings[0], notebook.title) if headings else current)
        for heading in headings:
            current = _moved(current, heading, notebook.title)
    return places


def _moved(place: _Place, heading: Heading, title: str) -> _Place:
    """The place under ``heading``: levels 1 and 2 make sections, except the heading that is the title."""
    section = place.section
    if heading.level <= 2:
        section = None if heading.level == 1 and heading.text == title else heading.text
    return _Place(section=section, heading=heading.text)


def _shows(cell: Cell, notebook: Notebook) -> bool:
    if cell.options.source is Visibility.ABSENT and cell.options.output is Visibility.ABSENT:
        return False
    if notebook.is_tagged:
        return cell.role is Role.CARD
    if cell.role is not Role.PLAIN:
        return False
    if cell.kind is CellKind.MARKDOWN:
        return bool(cell.source.strip()) and not is_only_heading(cell.source)
    return cell.kind is CellKind.CODE and _may_put_out(cell, notebook.language)


def _may_put_out(cell: Cell, language: str) -> bool:
    if language != "python" or cell_magic_of(cell.source):
        return bool(cell.source.strip()) and cell_magic_of(cell.source) not in _SILENT_MAGICS
    tree = parse_cell(cell.source)
    return tree is None or any(not _is_silent(statement) for statement in tree.body)


def _is_silent(statement: ast.stmt) -> bool:
    """Whether a statement surely puts out nothing: definitions and ``%matplotlib inline``."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="run_line_magic"), args=[ast.Constant(value=name), *_])):
            return name in ("matplotlib", "load_ext", "autoreload", "config")
    return isinstance(statement, _SILENT)


# --- names ---


def _name_of(cell: Cell, place: _Place, notebook: Notebook) -> str:
    candidates = (cell.options.label, cell.options.title, place.heading)
    slugs = (slug_of(text) for text in candidates if text)
    return next((slug for slug in slugs if slug), f"cell-{_counted_number(cell, notebook)}")


def _counted_number(cell: Cell, notebook: Notebook) -> int:
    """The cell's position from 1, as it is without a cell of injected parameters."""
    earlier = notebook.cells[: cell.index]
    return 1 + sum(other.role is not Role.INJECTED for other in earlier)


def _unique_names(names: list[str]) -> Iterator[str]:
    taken: set[str] = set()
    for name in names:
        unique, number = name, 2
        while unique in taken:
            unique, number = f"{name}-card-{number}", number + 1
        taken.add(unique)
        yield unique


def _card(cell: Cell, name: str, place: _Place) -> Card:
    options = cell.options
    return Card(
        name=name,
        index=cell.index,
        kind=cell.kind,
        title=options.title,
        caption=options.caption,
        alt=options.alt,
        width=options.width,
        section=place.section,
        heading=place.heading,
        source=options.source,
        output=options.output,
    )
