"""Figures that differ between selections, and from run to run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nbdash.config import Settings
from nbdash.engine.memory import MemoryEngine, Scripted
from nbdash.model import CellError, CellJob, Finding, Severity
from nbdash.notebook.reader import read_notebook
from nbdash.publisher.comparison import RULES, find_differences
from tests.conftest import MakeNotebook


def drawn(text: str) -> Scripted:
    return Scripted(outputs=[{"output_type": "display_data", "data": {"image/png": text}, "metadata": {}}])


def compare(engine: MemoryEngine, path: Path, settings: Settings) -> tuple[Finding, ...]:
    return find_differences(read_notebook(path), engine, folder=path.parent, settings=settings)


@pytest.fixture
def path(make_notebook: MakeNotebook) -> Path:
    return make_notebook(("one = print()", ["dash"]), ("two = print()", ["dash"]))


def test_equal_figures_are_no_finding(path: Path, settings: Settings) -> None:
    engine = MemoryEngine(lambda cell: drawn(cell.source))
    assert compare(engine, path, settings) == ()
    assert [any(not cell.draws for cell in job.cells) for job in engine.jobs] == [False] * 3


def test_a_figure_that_differs_from_run_to_run_is_named(path: Path, settings: Settings) -> None:
    count = iter(range(10))
    engine = MemoryEngine(lambda cell: drawn(str(next(count)) if cell.index == 1 else "steady"))
    (finding,) = compare(engine, path, settings)
    assert (finding.rule, finding.index, finding.severity) == ("NB202", 1, Severity.WARNING)
    assert finding.message == RULES["NB202"]


def test_a_figure_that_differs_when_all_cells_run_is_named(path: Path, settings: Settings) -> None:
    script: Iterator[str] = iter(["a", "b", "a", "b", "a", "changed"])
    engine = MemoryEngine(lambda _: drawn(next(script)))
    (finding,) = compare(engine, path, settings)
    assert (finding.rule, finding.index, finding.severity) == ("NB201", 1, Severity.ERROR)


def test_a_run_that_fails_is_the_only_finding(path: Path, settings: Settings) -> None:
    def script(cell: CellJob) -> Scripted:
        return Scripted(error=CellError(ename="ValueError", evalue="no")) if cell.index else drawn("x")

    (finding,) = compare(MemoryEngine(script), path, settings)
    assert (finding.rule, finding.index) == ("NB203", 1)
    assert "ValueError: no" in finding.message
