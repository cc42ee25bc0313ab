"""The plan of a run: what runs, what shows, and what it imports."""

from __future__ import annotations

import ast
from dataclasses import replace

from nbdash.model import CellKind, Notebook, Plan, PlannedCell, Selection
from nbdash.notebook.layout import lay_out
from nbdash.notebook.prefix import count_prefix
from nbdash.notebook.selection import select_cells
from nbdash.notebook.source import parse_cell


def make_plan(notebook: Notebook, selection: Selection) -> Plan:
    """What happens to each cell when the notebook runs with this selection, and the cards it gives."""
    planned = select_cells(notebook, selection)
    running = {cell.index for cell in planned if cell.runs}
    cards = tuple(card for card in lay_out(notebook) if card.kind is CellKind.MARKDOWN or card.index in running)
    shown = {card.index for card in cards}
    return Plan(
        notebook=notebook,
        selection=selection,
        cells=tuple(replace(cell, shows=cell.index in shown) for cell in planned),
        cards=cards,
        imports=_find_imports(notebook, planned),
        prefix=count_prefix(notebook, planned),
    )


def _find_imports(notebook: Notebook, planned: tuple[PlannedCell, ...]) -> tuple[str, ...]:
    if notebook.language != "python":
        return ()
    trees = (parse_cell(notebook.cells[cell.index].source) for cell in planned if cell.runs)
    return tuple(sorted({name for tree in trees if tree for node in ast.walk(tree) for name in _imported(node)}))


def _imported(node: ast.AST) -> list[str]:
    """The top-level modules that one statement imports."""
    match node:
        case ast.Import(names=names):
            return [alias.name.partition(".")[0] for alias in names]
        case ast.ImportFrom(module=str(module), level=0):
            return [module.partition(".")[0]]
    return []
