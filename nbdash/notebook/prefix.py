"""Which of a notebook's first cells do the same whatever the values of its parameters are.

A run with other values may start behind them.  The cell of injected parameters counts as if it ran last of them, so
none may bind a parameter, or read one in whatever way: by its name, in a text that a function evaluates, or through a
function that reads it when it is called.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from nbdash.model import Cell, CellKind, Notebook, PlannedCell, Role
from nbdash.notebook.analysis import Facts, survey_names
from nbdash.notebook.names import names_of_cell
from nbdash.notebook.selection import facts_of
from nbdash.notebook.source import cell_magic_of, parse_cell


def count_prefix(notebook: Notebook, planned: tuple[PlannedCell, ...]) -> int:
    """How many of the running code cells, the injected one aside; 0 where no cell is tagged ``parameters``."""
    running = [notebook.cells[cell.index] for cell in planned if cell.runs]
    code = [cell for cell in running if cell.kind is CellKind.CODE]
    places = [place for place, cell in enumerate(code) if cell.role is Role.PARAMETERS]
    if not places or notebook.language != "python":
        return 0
    before, own, after = code[: places[0]], code[places[0]], code[places[0] + 1 :]
    is_injected = bool(after) and after[0].role is Role.INJECTED
    try:
        reading = _Reading(code)
        reading.taint(own, *after[:1] if is_injected else ())
        reading.follow(before)
        count = reading.count_independent(after[1:] if is_injected else after)
    except (SyntaxError, RecursionError):
        return 0
    return len(before) + 1 + count


class _Reading:
    """What can tell the values apart: at first the parameters' names, then what may read those when it is used."""

    def __init__(self, code: list[Cell]) -> None:
        self._trees: Mapping[int, ast.Module | None] = {cell.index: parse_cell(cell.source) for cell in code}
        names = survey_names(tree for tree in self._trees.values() if tree is not None)
        self._facts: Mapping[int, Facts] = {cell.index: facts_of(cell, self._trees[cell.index], names) for cell in code}
        self._telling: set[str] = set()

    def taint(self, *cells: Cell) -> None:
        """These bind the parameters."""
        for cell in cells:
            self._telling |= self._facts[cell.index].binds

    def follow(self, cells: list[Cell]) -> None:
        """What these have made before there were parameters may read them later."""
        count = -1
        while count < len(self._telling):
            count = len(self._telling)
            for facts in (self._facts[cell.index] for cell in cells):
                if self._uses(facts):
                    self._telling |= facts.binds | {change.name for change in facts.changes}

    def count_independent(self, cells: list[Cell]) -> int:
        """How many from the first on."""
        for count, cell in enumerate(cells):
            if not self._is_independent(cell):
                return count
        return len(cells)

    def _is_independent(self, cell: Cell) -> bool:
        facts, tree = self._facts[cell.index], self._trees[cell.index]
        if cell.role is Role.INJECTED or facts.surveys or self._telling & facts.binds:
            return False
        if names_of_cell(tree).makes_any if tree is not None else cell_magic_of(cell.source) is None:
            return False
        if not self._uses(facts):
            return True
        # A function that reads a parameter does not read it before it is called.
        is_definition = tree is not None and all(map(_only_defines, tree.body))
        if is_definition and not self._telling & (facts.reads | facts.mentions):
            self._telling |= facts.binds
            return True
        return False

    def _uses(self, facts: Facts) -> bool:
        return bool(self._telling & (facts.reads | facts.later_reads | facts.mentions))


def _only_defines(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        return not statement.decorator_list
    return isinstance(statement, ast.Import | ast.ImportFrom)
