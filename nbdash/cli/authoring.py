"""``init`` and ``check``: from a notebook to a dashboard's plan."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from nbdash.cli.asking import ask
from nbdash.cli.options import cells_option, engine_option, python_option
from nbdash.cli.plans import cell_title, column, plan_lines, title_or_source
from nbdash.cli.terminal import coloured, plain
from nbdash.config import load_settings
from nbdash.errors import OptionError
from nbdash.model import Finding, Notebook, Plan, Selection, Severity
from nbdash.notebook.checks import check_notebook
from nbdash.notebook.plan import make_plan
from nbdash.notebook.reader import read_notebook
from nbdash.notebook.tagging import Proposal, propose_tags, write_tags
from nbdash.publisher.limits import held_to

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.HINT: "cyan"}


# --- init ---


@click.command("init")
@click.argument("notebook", metavar="NB", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Write the tags without asking.")
def init_command(notebook: Path, yes: bool) -> None:
    """Propose tags for NB: 'dash' for cells that draw or show something, 'dash-setup' for what those need.

    Asks, and writes the tags. Nothing else changes; tagged cells stay as they are, and the file before is
    kept in the folder .nbdash beside it.

    Example: nbdash init sales.ipynb
    """
    read = read_notebook(notebook)
    proposals = propose_tags(read)
    if not proposals:
        click.echo(_nothing_to_tag(read), err=True)
        return
    for line in _proposal_lines(read, proposals):
        click.echo(line)
    if not yes and not ask(f"Tag {len(proposals)} cell{'s' * (len(proposals) != 1)}?", default=True):
        click.echo("Nothing was written.", err=True)
        return
    backup = write_tags(notebook, {proposal.index: proposal.tag for proposal in proposals})
    click.echo(f"Saved {notebook} (the file before: {_near(backup)}).", err=True)
    click.echo(f"Next: nbdash check {notebook}, then nbdash publish {notebook}", err=True)


def _nothing_to_tag(notebook: Notebook) -> str:
    if notebook.is_tagged:
        return f"{notebook.name} is tagged already; 'nbdash check {notebook.name}' tells what it shows."
    return f"{notebook.name} has no cell that draws or shows something: tag one 'dash' yourself in Jupyter."


def _proposal_lines(notebook: Notebook, proposals: Sequence[Proposal]) -> Iterator[str]:
    yield f"{'#':>4}  {column('cell')}  {'makes':12}  tag"
    for proposal in proposals:
        note = f"   ({proposal.note})" if proposal.note else ""
        makes = column(proposal.makes, 12)
        title = column(title_or_source(notebook, proposal.index, proposal.title))
        yield f"{proposal.index + 1:>4}  {title}  {makes}  {proposal.tag}{note}"


def _near(path: Path) -> Path:
    """The path from here, where that is shorter."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


# --- check ---


@click.command("check")
@click.argument("notebook", metavar="NB", type=click.Path(path_type=Path))
@click.option(
    "--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True, help="How to print it."
)
@cells_option("needed")
@click.option("--run", "runs", is_flag=True, help="Execute it three times, and name the figures that differ.")
@engine_option
@python_option
@click.pass_context
def check_command(  # noqa: PLR0913 - one argument per option
    context: click.Context,
    notebook: Path,
    form: str,
    cells: str,
    runs: bool,
    engine: str | None,
    python: str | None,
) -> None:
    """Print what of NB would run and show, and why; then what to mend. Executes nothing without --run.

    The exit status is 1 if a finding is an error. With --run the needed cells are executed twice and all
    cells once, and each figure that comes out different is named.

    Example: nbdash check sales.ipynb
    """
    if (engine or python) and not runs:
        raise OptionError("--engine and --python say how to execute: give --run too.")
    read = held_to(load_settings(), read_notebook(notebook))
    plan = make_plan(read, Selection(cells))
    findings = check_notebook(plan, notebook.resolve().parent)
    if runs:
        findings += _compared(read, notebook, engine, python)
    if form == "json":
        click.echo(json.dumps(_report(plan, findings), ensure_ascii=False))
    else:
        _print_report(plan, findings)
    if any(finding.severity is Severity.ERROR for finding in findings):
        context.exit(1)


def _compared(read: Notebook, path: Path, engine: str | None, python: str | None) -> tuple[Finding, ...]:
    # Engines are not imported for a check that executes nothing.
    from nbdash.cli.progress import CellProgress
    from nbdash.engine.choose import make_engine
    from nbdash.publisher.comparison import find_differences

    settings = load_settings()
    chosen = make_engine(engine or settings.engine)

    def observer(plan: Plan) -> Any:
        click.echo(f"Running {plan.notebook.name} with --cells {plan.selection}", err=True)
        progress = CellProgress(plan)
        ending.callback(progress.close)
        return progress.observe

    with ExitStack() as ending:
        ending.callback(chosen.close)
        return find_differences(
            read,
            chosen,
            folder=path.resolve().parent,
            settings=settings,
            python=python,
            observer=observer,
        )


def _print_report(plan: Plan, findings: Sequence[Finding]) -> None:
    for line in plan_lines(plan):
        click.echo(line)
    click.echo()
    for finding in findings:
        click.echo(coloured(_finding_line(plan, finding)))
        if finding.fix:
            click.echo(plain(f"        fix: {finding.fix}"))
    click.echo(_verdict(findings))


def _finding_line(plan: Plan, finding: Finding) -> str:
    severity = click.style(f"{finding.severity:7}", fg=_COLOURS[finding.severity])
    if finding.index is None:
        return f"{severity} {finding.rule}  {finding.message}"
    title = cell_title(plan, finding.index)
    return f'{severity} {finding.rule}  cell {finding.index + 1} "{column(title).rstrip()}": {finding.message}'


def _verdict(findings: Sequence[Finding]) -> str:
    if not findings:
        return "Nothing to mend."
    counts = {severity: sum(finding.severity is severity for finding in findings) for severity in Severity}
    return ", ".join(f"{n} {severity}{'s' * (n != 1)}" for severity, n in counts.items() if n) + "."


def _report(plan: Plan, findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        "notebook": plan.notebook.name,
        "title": plan.notebook.title,
        "selection": plan.selection,
        "cells": [
            {
                "cell": planned.index + 1,
                "kind": plan.notebook.cells[planned.index].kind,
                "title": cell_title(plan, planned.index),
                "runs": planned.runs,
                "shows": planned.shows,
                "why": planned.why,
            }
            for planned in plan.cells
        ],
        "findings": [
            {
                "rule": finding.rule,
                "severity": finding.severity,
                "cell": None if finding.index is None else finding.index + 1,
                "title": None if finding.index is None else cell_title(plan, finding.index),
                "message": finding.message,
                "fix": finding.fix,
            }
            for finding in findings
        ],
    }
