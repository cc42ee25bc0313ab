"""A plan in words: which cells run, which show, and why."""

from __future__ import annotations

from collections.abc import Iterator

import click

from nbdash.cli.terminal import plain, width_of
from nbdash.model import CellKind, Notebook, Plan, PlannedCell

TITLE_COLUMNS = 32


def show_plan(plan: Plan, *, err: bool) -> None:
    """Print the plan, a line per code cell and per shown text."""
    for line in plan_lines(plan):
        click.echo(line, err=err)


def show_notices(notebook: Notebook) -> None:
    """Print what was repaired or ignored in a notebook's file."""
    for notice in notebook.notices:
        click.echo(f"Note: {plain(notice)}", err=True)


def plan_lines(plan: Plan) -> Iterator[str]:
    """The plan as text."""
    yield plain(f"{plan.notebook.name}: {summary_of(plan)}")
    for planned in plan.cells:
        if plan.notebook.cells[planned.index].kind is CellKind.CODE or planned.shows:
            yield _line(plan, planned)


def summary_of(plan: Plan) -> str:
    """How many cells there are, run and show."""
    code = sum(cell.kind is CellKind.CODE for cell in plan.notebook.cells)
    runs = sum(cell.runs for cell in plan.cells)
    shows = sum(cell.shows for cell in plan.cells)
    kernel = f", kernel {plan.notebook.kernel_name}" if plan.notebook.kernel_name else ""
    return f"{code} code cell{'s' * (code != 1)}, {runs} run, {shows} show{kernel}"


def cell_title(plan: Plan, index: int) -> str:
    """What a person recognises a cell of the plan by: its title, else its first line of source."""
    return title_or_source(plan.notebook, index, plan.label_of(index))


def title_or_source(notebook: Notebook, index: int, title: str) -> str:
    """``title``, or instead of a mere ``cell 3`` the cell's first line of source."""
    if title != f"cell {index + 1}":
        return title
    lines = (line.strip() for line in notebook.cells[index].source.splitlines())
    return next((line.lstrip("# ") for line in lines if line and not line.startswith("#|")), title)


def column(text: str, width: int = TITLE_COLUMNS) -> str:
    """``text``, safe for a terminal, on one line, in exactly that many columns."""
    text = " ".join(plain(text).split())
    if width_of(text) > width:
        while width_of(text) > width - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (width - width_of(text))


def _line(plan: Plan, planned: PlannedCell) -> str:
    runs = "runs" if planned.runs else ""
    shows = "shows" if planned.shows else ""
    title = column(cell_title(plan, planned.index))
    return f"{planned.index + 1:>4}  {runs:4}  {shows:5}  {title}  {plain(planned.why)}".rstrip()
