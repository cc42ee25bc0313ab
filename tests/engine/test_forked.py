"""The fork engine's own promises: fresh and independent runs, text in order, figures that know their names."""

from __future__ import annotations

import os
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from engine_runs import Result, cell, make_job, run_job

from nbdash.engine.forked import ForkEngine
from nbdash.engine.zygotes import preload_set
from nbdash.errors import EngineError
from nbdash.model import CellEnded, OutputAdded

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the fork engine is for Linux")


@pytest.fixture(scope="module")
def fork() -> Iterator[ForkEngine]:
    engine = ForkEngine(zygotes=2)
    yield engine
    engine.close()


def run(fork: ForkEngine, folder: Path, *sources: str, **options: object) -> Result:
    return run_job(fork, make_job(*sources, folder=folder, **{"imports": ("numpy", "matplotlib"), **options}))


def sequence(result: Result, index: int = 0) -> list[str]:
    """A cell's outputs as they came: the text, or the kind."""
    return [
        event.output.get("text", event.output["output_type"])
        for event in result.events
        if isinstance(event, OutputAdded) and event.index == index
    ]


def test_text_and_displays_keep_their_order(fork: ForkEngine, tmp_path: Path) -> None:
    source = (
        "import os, sys\nprint('a'); os.system('echo b'); os.write(1, b'c\\n'); display(1)\n"
        "print('d', end=''); os.system('printf e'); display(2); print('f')"
    )
    assert sequence(run(fork, tmp_path, source)) == ["a\nb\nc\n", "display_data", "de", "display_data", "f\n"]


def test_text_of_c_code_belongs_to_its_cell(fork: ForkEngine, tmp_path: Path) -> None:
    source = "import ctypes; _ = ctypes.CDLL(None).puts(b'from C')"
    assert run(fork, tmp_path, source, "1").text(0) == "from C\n"


def test_text_of_forked_processes_arrives(fork: ForkEngine, tmp_path: Path) -> None:
    source = "import multiprocessing as m\np = m.get_context('fork').Process(target=print, args=['below'])"
    assert run(fork, tmp_path, source, "p.start(); p.join()").text(1) == "below\n"


def test_characters_cut_in_two_are_whole(fork: ForkEngine, tmp_path: Path) -> None:
    source = "import os, time\nos.write(1, '€'.encode()[:1]); time.sleep(0.5); os.write(1, '€'.encode()[1:])"
    assert run(fork, tmp_path, source).text(0) == "€"


def test_every_run_is_fresh(fork: ForkEngine, tmp_path: Path) -> None:
    run(fork, tmp_path, "import numpy as np, matplotlib as m; x = 1; np.sin = None; m.rcParams['font.size'] = 99")
    result = run(
        fork,
        tmp_path,
        "import numpy as np, matplotlib as m\nprint('x' in globals(), np.sin(0), m.rcParams['font.size'])",
    )
    assert result.text(0) == "False 0.0 10.0\n"


def test_every_run_has_its_own_randomness(fork: ForkEngine, tmp_path: Path) -> None:
    source = "import random, numpy as np\nprint(random.random(), np.random.rand(), np.random.default_rng().random())"
    draws = [run(fork, tmp_path, source).text(0).split() for _ in range(3)]
    assert all(len(set(column)) == 3 for column in zip(*draws, strict=True))


def test_libraries_are_there_before_the_run(fork: ForkEngine, tmp_path: Path) -> None:
    source = "import sys; print('numpy' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    assert run(fork, tmp_path, source).text(0) == "True True\n"
    assert run(fork, tmp_path, source, imports=()).text(0) == "False False\n"


def test_the_process_looks_like_a_kernels(fork: ForkEngine, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("name = 'beside'")
    (tmp_path / "this.py").write_text("c = 'not the standard library'")
    source = (
        "import beside, sys\nprint(beside.name, sys.path.count(''), any('_nbdash_host' in p for p in sys.path))\n"
        "print(sys.argv[1], __name__, vars(sys.modules['__main__']) is globals(), 'zmq' in str(type(get_ipython())))\n"
        "print(get_ipython().kernel.shell is get_ipython())\n"
        "sys.stdout = None; import this; sys.stdout = sys.__stdout__; print(this.c)"
    )
    assert run(fork, tmp_path, source).text(0) == "beside 1 False\n-f __main__ True True\nTrue\n97\n"


def test_a_run_holds_no_files_of_others(fork: ForkEngine, tmp_path: Path) -> None:
    """Two pipes, each twice, a socket, and the pair of sockets of its event loop."""
    source = """
        import os
        links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
        print(*sorted(os.readlink(link).partition(":")[0] for link in links if os.path.islink(link)))
    """
    expected = "/dev/null anon_inode pipe pipe pipe pipe socket socket socket\n"
    assert run(fork, tmp_path, textwrap.dedent(source)).text(0) == expected


def test_a_file_left_open_is_written(fork: ForkEngine, tmp_path: Path) -> None:
    run(
        fork,
        tmp_path,
        "f = open('left.txt', 'w'); _ = f.write('kept')\nimport atexit; atexit.register(print, 'bye', file=f)",
    )
    assert (tmp_path / "left.txt").read_text() == "keptbye\n"


def test_an_error_that_is_allowed_does_not_end_the_run(fork: ForkEngine, tmp_path: Path) -> None:
    result = run_job(fork, make_job(cell("1 / 0", may_raise=True), cell("print('on')"), folder=tmp_path))
    assert result.outcome.failure is None
    ended = [event for event in result.events if isinstance(event, CellEnded)]
    assert ended[0].error is not None and ended[0].error.ename == "ZeroDivisionError"
    assert result.text(1) == "on\n"


FIGURES = {
    "fig, ax = plt.subplots(); ax.plot([1, 2], label='north'); ax.plot([2, 1], label='south'); ax.legend()\n"
    "ax.set(title='Sales', xlabel='Month', ylabel='EUR')": (
        "Sales",
        "Line chart: Sales. EUR against Month. Series: north, south.",
    ),
    "fig, axes = plt.subplots(1, 2); axes[0].bar([1], [2]); axes[1].scatter([1], [2]); fig.suptitle('Two\\nof them')": (
        "Two of them",
        "Bar chart. Scatter plot.",
    ),
    "plt.imshow([[1, 2]]); plt.colorbar(); plt.title('Map', loc='left')": ("Map", "Image: Map."),
    "plt.hist([1, 2, 2]); plt.ylabel('Count')": (None, "Bar chart. Count."),
    "plt.pie([1, 2])": (None, "Pie chart."),
    "plt.contourf([[1, 2], [3, 4]]); plt.title('$x$')": ("$x$", "Contour plot: $x$."),
}


def test_figures_know_their_title_and_their_text(fork: ForkEngine, tmp_path: Path) -> None:
    sources = ["import matplotlib.pyplot as plt", *(f"{source};" for source in FIGURES)]
    result = run(fork, tmp_path, *sources)
    assert result.outcome.failure is None
    drawn = [
        event
        for event in result.events
        if isinstance(event, OutputAdded) and "image/png" in event.output.get("data", {})
    ]
    assert [(event.title, event.alt) for event in drawn] == list(FIGURES.values())


def test_a_returned_figure_knows_its_title_too(fork: ForkEngine, tmp_path: Path) -> None:
    source = "import matplotlib.pyplot as plt\nfig, ax = plt.subplots(); ax.set_title('T'); plt.close(fig)\nfig"
    (event,) = [event for event in run(fork, tmp_path, source).events if isinstance(event, OutputAdded)]
    assert (event.output["output_type"], event.title) == ("execute_result", "T")


def test_undrawn_figures_cost_nothing_and_are_closed(fork: ForkEngine, tmp_path: Path) -> None:
    patch = "import matplotlib.pyplot as plt, matplotlib.figure as f\nf.Figure.draw = lambda *a: print('drawn')"
    cells = [cell(patch), *(cell(s, draws=False) for s in ("plt.plot([1])", "plt.plot([1]); plt.show()", "plt.gcf()"))]
    result = run_job(fork, make_job(*cells, cell("print(plt.get_fignums())"), folder=tmp_path))
    assert "drawn" not in str(result.events)
    assert result.text(4) == "[]\n"


def test_zygote_is_replaced_when_packages_change(fork: ForkEngine, tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    (packages / "yaml").mkdir(parents=True)
    (packages / "yaml" / "__init__.py").write_text("version = 1")

    def version() -> str:
        result = run(fork, tmp_path, "import yaml; print(yaml.version)", imports=("yaml",), environment=environment)
        return result.text(0)

    environment = {"PYTHONPATH": str(packages)}
    assert version() == "1\n"
    (packages / "yaml" / "__init__.py").unlink()
    (packages / "yaml" / "__init__.py").write_text("version = '2, another'")
    assert version() == "2, another\n"


def test_zygotes_are_few_and_come_back(fork: ForkEngine, tmp_path: Path) -> None:
    source = "import os; print(open(f'/proc/{os.getppid()}/stat').read().split()[3])"
    settings = [{"environment": {"A": str(n)}} for n in (1, 2, 3, 1)]
    zygotes = [run(fork, tmp_path, source, imports=(), **each).text(0) for each in settings]
    assert len(set(zygotes)) == 4, "one of another environment, and one that had made room"
    assert run(fork, tmp_path, source, imports=(), environment={"A": "1", "NBDASH_X": "y"}).text(0) == zygotes[-1]


def test_nothing_is_preloaded_where_imports_may_differ(tmp_path: Path) -> None:
    job = make_job("1", folder=tmp_path, imports=("pandas.plotting", "polars"))
    assert {"pandas", "numpy", "matplotlib.pyplot"} <= preload_set(job)
    assert not any("polars" in name for name in preload_set(job))
    (tmp_path / "pandas.py").touch()
    assert preload_set(job) == frozenset()
    (tmp_path / "pandas.py").rename(tmp_path / "matplotlibrc")
    assert preload_set(job) == frozenset()


def test_a_folder_with_its_own_settings_is_heard(fork: ForkEngine, tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text("font.size: 23")
    assert run(fork, tmp_path, "import matplotlib; print(matplotlib.rcParams['font.size'])").text(0) == "23.0\n"


def test_a_python_without_ipython_is_told(fork: ForkEngine, tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {os.path.realpath(sys.executable)} -I -S "$@"\n')
    bare.chmod(0o755)
    with pytest.raises(EngineError, match=r"cannot run notebooks \(ModuleNotFoundError: No module named 'IPython'\)"):
        run(fork, tmp_path, "1", python=str(bare))


def test_a_folder_that_is_gone_is_told(fork: ForkEngine, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="is not there"):
        run(fork, tmp_path / "gone", "1")


def test_messages_are_not_waited_for(fork: ForkEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text is left to gather, but what it comes with is passed on at once."""
    waits: list[float] = []
    monkeypatch.setattr("nbdash.engine.supervision.time", SimpleNamespace(sleep=waits.append, monotonic=time.monotonic))
    run(fork, tmp_path, *["x = 1"] * 10)
    assert waits == []
    run(fork, tmp_path, "import time\nfor i in range(3):\n    print(i)\n    time.sleep(0.1)")
    assert waits
