"""What is imported before a run's fork finds what it would find in a cell."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from engine_runs import cell, make_job, run_job

from nbdash.engine.forked import ForkEngine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the fork engine is for Linux")


@pytest.fixture(scope="module")
def fork() -> Iterator[ForkEngine]:
    engine = ForkEngine()
    yield engine
    engine.close()


def test_pandas_does_not_take_a_run_for_a_terminal(fork: ForkEngine, tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    source = "import pandas\nprint(pandas.get_option('display.max_columns'))"
    for imports in (("pandas",), ()):
        assert run_job(fork, make_job(cell(source), folder=tmp_path, imports=imports)).text(0) == "20\n"


def test_what_runs_are_forked_from_holds_no_font_open(tmp_path: Path) -> None:
    """A run that freed one late would close a file of its own, which has got the number by then."""
    engine = ForkEngine()
    run_job(engine, make_job(cell("import matplotlib.pyplot"), folder=tmp_path, imports=("matplotlib",)))
    living, opened = 0, set()
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # the run and its keeper end at about now
            opened |= {file.path for file in child.open_files()}
            living += 1
    engine.close()
    assert living
    assert {path for path in opened if path.endswith((".ttf", ".otf"))} == set()


def test_a_first_cell_imports_nothing_more() -> None:
    script = """
        import sys
        from nbdash.engine.host.drawing import Drawings
        from nbdash.engine.host.shell import make_shell
        from nbdash.engine.host.streams import SilentChannel
        from nbdash.engine.host.warming import warm_cells
        shell = make_shell()
        warm_cells(shell)
        shell.channel, shell.shown_errors, shell.drawings = SilentChannel(), [], Drawings(shell, most=0)
        before = set(sys.modules)
        shell.run_cell("x = 1")
        print(set(sys.modules) - before)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr
