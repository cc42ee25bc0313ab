"""Which cells run, and why."""

from __future__ import annotations

from nbdash.model import CellKind, Notebook, PlannedCell, Role, Selection


def select_cells(notebook: Notebook, selection: Selection) -> tuple[PlannedCell, ...]:
    """One PlannedCell per cell."""
    return tuple(
        PlannedCell(
            index=cell.index,
            runs=cell.kind is CellKind.CODE and cell.role is not Role.SKIP,
            shows=cell.role is Role.CARD,
            why="",
        )
        for cell in notebook.cells
    )
