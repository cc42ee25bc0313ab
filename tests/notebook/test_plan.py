"""The plan joins what runs and what shows."""

from __future__ import annotations

import pytest
from notebook_cells import code, markdown, plan_of

from nbdash.model import Selection


def test_a_plan_has_every_cell_and_the_cards() -> None:
    plan = plan_of(markdown("# Sales"), "import math", ("x = 1", "dash-setup"), ("x", "dash"), ("y", "dash-skip"))
    assert [cell.index for cell in plan.cells] == [0, 1, 2, 3, 4]
    assert [cell.shows for cell in plan.cells] == [False, False, False, True, False]
    assert plan.cells[3].runs and not plan.cells[4].runs
    assert [card.index for card in plan.cards] == [3]


def test_a_card_that_does_not_run_is_not_shown() -> None:
    plan = plan_of(("1", "dash", "skip-execution"), ("2", "dash"), markdown("text", "dash"))
    assert [card.index for card in plan.cards] == [1, 2]
    assert [cell.shows for cell in plan.cells] == [False, True, True]


def test_an_untagged_notebook_runs_whole() -> None:
    plan = plan_of("import math", "x = 1", "x", markdown("text"))
    assert [cell.runs for cell in plan.cells] == [True, True, True, False]
    assert [card.index for card in plan.cards] == [1, 2, 3]


@pytest.mark.parametrize(
    ("source", "imports"),
    [
        ("import numpy as np, os.path", ("numpy", "os")),
        ("from matplotlib.pyplot import plot", ("matplotlib",)),
        ("from . import a\nfrom .b import c", ()),
        ("def f():\n    import pandas", ("pandas",)),
        ("%%time\nimport numpy", ("numpy",)),
        ("%matplotlib inline\nimport numpy", ("numpy",)),
        ("import = 1", ()),
        ("%%bash\nimport x", ()),
    ],
)
def test_imports(source: str, imports: tuple[str, ...]) -> None:
    assert plan_of(source, selection=Selection.ALL).imports == imports


def test_imports_are_those_of_running_cells_of_a_python_notebook() -> None:
    assert plan_of(("import a", "dash-skip"), ("import b", "dash")).imports == ("b",)
    assert plan_of(code("import a"), metadata={"language_info": {"name": "R"}}).imports == ()
