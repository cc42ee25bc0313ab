"""What is planned for the example notebooks: they pass nbdash's own checks."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nbdash.model import CellKind, Plan, Selection, Severity
from nbdash.notebook.reader import read_notebook

checks = pytest.importorskip("nbdash.notebook.checks")
plan = pytest.importorskip("nbdash.notebook.plan")

EXAMPLES = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))

each_example = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)


def plan_of(path: Path) -> Plan:
    return plan.make_plan(read_notebook(path), Selection.NEEDED)


@each_example
def test_begins_with_words_for_the_viewer(path: Path) -> None:
    assert plan_of(path).cards[0].kind is CellKind.MARKDOWN


@each_example
def test_has_code_that_a_dashboard_leaves_out(path: Path) -> None:
    planned = plan_of(path)
    code = {cell.index for cell in planned.notebook.cells if cell.kind is CellKind.CODE}
    assert any(cell.index in code and not cell.runs for cell in planned.cells)


@each_example
def test_has_no_finding_but_hints(path: Path) -> None:
    findings = checks.check_notebook(plan_of(path))
    assert [found for found in findings if found.severity is not Severity.HINT] == []


@each_example
def test_uses_only_what_the_examples_extra_installs(path: Path) -> None:
    installed = {"IPython", "matplotlib", "numpy", "pandas"}
    assert set(plan_of(path).imports) <= installed | sys.stdlib_module_names
