"""Figures drawn beside the run: whatever a notebook does, it sees and shows what it does when the run draws them."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_runs import Result, cell, make_job, run_job

from nbdash.engine.forked import ForkEngine
from nbdash.model import Cause

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the fork engine is for Linux")

BEGIN = "import os, sys, time, threading, warnings, numpy as np, matplotlib, matplotlib.pyplot as plt"
PLOT = "fig, ax = plt.subplots(figsize=(2, 1)); line, = ax.plot([1, 2]); ax.set_title('t');"
SHOW = f"{PLOT} plt.show()"
#: Tells whether the run has yet to draw the figure that a drawer has drawn.
MISSING = "plt.title('\\u6771'); plt.plot([1, 2]);"
ASLEEP = "print('asleep', type(fig).__mro__[1].__name__ == '_Sleeper')"
POSITION = "print(ax.get_position(), ax.get_tightbbox())"
LABELS = "print([text.get_text() for text in ax.get_xticklabels()])"

#: Notebooks whose figures are drawn beside the run.
BESIDE = {
    "never looked at": [PLOT, "1 + 1"],
    "shown": [SHOW],
    "shown, and more text": [f"print('a'); {SHOW}; print('b'); {SHOW}; print('c')"],
    "in a loop": [f"for number in range(5):\n    {PLOT}\n    print(number)"],
    "shown in a loop": [f"for number in range(3):\n    {SHOW}\n    print(number)"],
    "two at an end": [f"{PLOT} first = fig; {PLOT} first.suptitle('first');"],
    "shown, and one at the end": [f"{SHOW}; {PLOT}"],
    "looked at in the same cell": [f"{SHOW}; {LABELS}"],
    "labels": [PLOT, LABELS],
    "position": [PLOT.replace("(2, 1)", "(2, 1), layout='constrained'"), POSITION],
    "shown again": [PLOT, "fig"],
    "changed and shown again": [PLOT, "ax.set_title('other'); line.set_color('red'); fig"],
    "through a function": [PLOT, "def look(): return ax.get_xlim(), ax.get_position()\nlook()"],
    "through an array": [
        "fig, axes = plt.subplots(2, 2, figsize=(3, 2)); ax = axes[1, 0];",
        "axes[0, 1].get_position()",
    ],
    "through a part": [f"{PLOT} part = ax.xaxis.get_major_formatter()", "part.format_data(1.5), part.get_offset()"],
    "a formatter of its own": [f"{PLOT} ax.yaxis.set_major_formatter(lambda v, _: f'{{v:.1f}} t');", LABELS],
    "through its transform": [f"{PLOT} part = ax.transAxes", "part.transform((1, 1))"],
    "pickled": [PLOT, "import pickle\ncopy = pickle.loads(pickle.dumps(fig)); copy.axes[0].get_title()"],
    "copied": [PLOT, "import copy\ncopy.copy(ax).get_title(), copy.deepcopy(line).get_xdata()"],
    "settings changed meanwhile": [PLOT, "plt.rcParams['font.size'] = 20; plt.rcParams['axes.grid'] = True", "fig"],
    "style context": [f"with plt.style.context('dark_background'):\n    {SHOW}", POSITION],
    "kinds": [PLOT, "isinstance(fig, dict), isinstance(ax, matplotlib.axes.Axes), ax.__class__, str(line), type(ax)"],
    "collected": [
        f"import gc, weakref\n{PLOT} seen = weakref.ref(fig)",
        "del fig, ax, line\nfor name in [name for name in globals() if name.startswith('_')]: globals()[name] = None\n"
        "Out.clear(); gc.collect(); seen() is None",
    ],
    "no child of the run": [PLOT, "try:\n    os.wait()\nexcept ChildProcessError as error:\n    print(error)"],
    "other children": [PLOT, "pid = os.fork()\nif not pid: os._exit(3)\nprint(os.wait()[1])"],
    "a missing glyph": [MISSING, "print('next')"],
    "a glyph missing again and again": [
        *[f"{MISSING}", f"{MISSING} plt.figure(); {MISSING}", f"{MISSING} plt.show(); {MISSING}"],
        f"warnings.simplefilter('always'); {MISSING}",
        *[MISSING, f"warnings.simplefilter('error'); {MISSING}", f"warnings.simplefilter('ignore'); {MISSING}"],
    ],
    "logged": [f"import logging\nlogging.basicConfig(level=20); {PLOT} ax.plot(['1', '2'], [1, 2]);"],
    "a broken text": ["fig, ax = plt.subplots(); ax.set_title('$\\\\frac{$');", "print('next')"],
    "numbers by a library's threads": ["a = np.random.rand(300, 300); b = a @ a", PLOT],
    "an error after it": [f"{PLOT} 1 / 0", "print('next')"],
    "cleared": [f"from IPython.display import clear_output\n{SHOW}; clear_output(); print('x')"],
    "transparent": ["fig, ax = plt.subplots(facecolor='none', figsize=(2, 1)); ax.tick_params(colors='white');"],
    "a hook of its own": ["get_ipython().events.register('post_execute', lambda: print(plt.get_fignums()))", PLOT],
    "shown and left open": [f"{PLOT} plt.show(close=False); print(plt.get_fignums())"],
    "displayed": [f"from IPython.display import display\n{PLOT} display(fig); ax.set_title('later');"],
    "an image": ["fig, ax = plt.subplots(); fig.colorbar(ax.imshow([[1, 2], [3, 4]]));", "ax.images[0].norm.vmax"],
    "three dimensions": [
        "fig = plt.figure(); ax = fig.add_subplot(projection='3d'); ax.plot([1], [2], [3]);",
        POSITION,
    ],
}
#: Notebooks whose figures the run draws itself: anything else would be noticed.
HERE = {
    "a formatter that counts": [
        "calls = []\ndef tell(value, place):\n    calls.append(value); return 'x'",
        f"{PLOT} ax.xaxis.set_major_formatter(tell)",
        "print(len(calls))",
    ],
    "an artist of its own": [
        "class Loud(matplotlib.lines.Line2D):\n    drawn = 0\n"
        "    def draw(self, renderer):\n        Loud.drawn += 1; super().draw(renderer)",
        f"{PLOT} ax.add_line(Loud([1, 2], [2, 1]));",
        "print(Loud.drawn)",
    ],
    "told of draws": [f"{PLOT} told = []; fig.canvas.mpl_connect('draw_event', told.append);", "print(len(told))"],
    "a running thread": [
        "stop = threading.Event(); thread = threading.Thread(target=stop.wait); thread.start()",
        PLOT,
        "stop.set()",
    ],
    "a handler of children": ["import signal\nsignal.signal(signal.SIGCHLD, lambda *_: print('child'))", PLOT],
    "kept open": ["plt.plot(1)\n%config InlineBackend.close_figures = False", PLOT, "ax.plot([2, 1]); plt.show()"],
}


@pytest.fixture(scope="module")
def beside() -> Iterator[ForkEngine]:
    engine = ForkEngine(drawers=2)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def here() -> Iterator[ForkEngine]:
    engine = ForkEngine(drawers=0)
    yield engine
    engine.close()


def run(engine: ForkEngine, folder: Path, cells: list[str], **options: object) -> Result:
    sources = [cell(each, may_raise=True) for each in (BEGIN, *cells)]
    return run_job(engine, make_job(*sources, folder=folder, imports=("numpy", "matplotlib"), **options))


def outputs(result: Result) -> str:
    """All outputs in order, without what differs between any two processes."""
    shown = [result.outputs(index) for index in result.started()]
    return re.sub(r"ipykernel_\d+|0x[0-9a-f]{8,}", "", json.dumps(shown, sort_keys=True, indent=1))


def is_asleep(result: Result, index: int) -> bool:
    return result.text(index) == "asleep True\n"


@pytest.mark.parametrize("name", [*BESIDE, *HERE])
def test_outputs_are_as_if_the_run_had_drawn(beside: ForkEngine, here: ForkEngine, tmp_path: Path, name: str) -> None:
    cells = (BESIDE | HERE)[name]
    expected, actual = run(here, tmp_path, cells), run(beside, tmp_path, cells)
    assert (expected.outcome.failure, actual.outcome.failure) == (None, None)
    assert outputs(actual) == outputs(expected)
    assert ("image/png" in outputs(actual)) == (name not in ("a broken text", "cleared"))


@pytest.mark.parametrize("source", [PLOT, SHOW], ids=["open", "shown"])
def test_a_figure_sleeps_until_it_is_looked_at(beside: ForkEngine, tmp_path: Path, source: str) -> None:
    result = run(beside, tmp_path, [source, ASLEEP, "len(fig.axes)", ASLEEP])
    assert (result.text(2), result.text(4)) == ("asleep True\n", "asleep False\n")


@pytest.mark.parametrize("name", HERE)
def test_what_would_be_noticed_is_drawn_by_the_run(beside: ForkEngine, tmp_path: Path, name: str) -> None:
    result = run(beside, tmp_path, [*HERE[name], ASLEEP])
    assert result.text(1 + len(HERE[name])) == "asleep False\n"


@pytest.mark.parametrize(
    "name", ["numbers by a library's threads", "a missing glyph", "three dimensions", "a formatter of its own"]
)
def test_the_usual_is_drawn_beside(beside: ForkEngine, tmp_path: Path, name: str) -> None:
    cells = [f"{source}\nfig = plt.gcf();" for source in BESIDE[name][:-1]]
    last = BESIDE[name][-1] if name.startswith("numbers") else ASLEEP
    result = run(beside, tmp_path, [*cells, last, ASLEEP])
    assert result.text(2 + len(cells)) == "asleep True\n"


def test_a_drawing_that_crashes_ends_the_run(beside: ForkEngine, tmp_path: Path) -> None:
    patched = "matplotlib.axes.Axes.draw = lambda *_: os.abort()"
    result = run(beside, tmp_path, [patched, f"print('told'); {PLOT}", "time.sleep(20)"])
    failure = result.outcome.failure
    assert failure is not None
    assert (failure.cause, failure.index) == (Cause.SIGNAL, 2)
    assert result.text(2) == "told\n"


def test_a_drawing_takes_no_longer_than_a_cell_may(beside: ForkEngine, tmp_path: Path) -> None:
    patched = "matplotlib.axes.Axes.draw = lambda *_: time.sleep(30)"
    result = run(beside, tmp_path, [patched, PLOT, *["time.sleep(0.8)"] * 9], cell_seconds=2.0)
    assert result.outcome.failure is not None
    assert (result.outcome.failure.cause, result.outcome.failure.index) == (Cause.TIMEOUT, 2)


def test_a_drawer_does_not_read_on_where_the_run_is(beside: ForkEngine, tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("abcdefgh")
    patched = (
        "letters = open('letters.txt', 'rb', buffering=0); letters.read(2)\n"
        "draw = matplotlib.axes.Axes.draw\ndef reading(self, renderer):\n"
        "    open('seen', 'ab').write(letters.read(3)); draw(self, renderer)\nmatplotlib.axes.Axes.draw = reading"
    )
    result = run(beside, tmp_path, [patched, PLOT, ASLEEP, "time.sleep(1); print(letters.read())"])
    assert is_asleep(result, 3)
    assert result.text(4) == "b'cdefgh'\n"
    assert (tmp_path / "seen").read_bytes().startswith(b"cde")


def test_as_many_are_drawn_at_a_time_as_there_may_be(beside: ForkEngine, tmp_path: Path) -> None:
    patched = (
        "draw = matplotlib.axes.Axes.draw\ndef slow(self, renderer):\n"
        "    open(f'{time.monotonic()}', 'w').close(); time.sleep(0.2); draw(self, renderer)\n"
        "    open(f'{time.monotonic()}-', 'w').close()\nmatplotlib.axes.Axes.draw = slow"
    )
    run(beside, tmp_path, [patched, f"for _ in range(6):\n    {PLOT}"])
    moments = sorted((float(path.name.rstrip("-")), path.name.endswith("-")) for path in tmp_path.iterdir())
    under_way = [sum(-1 if is_end else 1 for _, is_end in moments[: count + 1]) for count in range(len(moments))]
    assert max(under_way) == 2


def test_the_run_does_not_wait_for_a_drawers_turn(beside: ForkEngine, tmp_path: Path) -> None:
    """Two of them are drawn at a time, and here only once the last cell has run."""
    patched = (
        "draw = matplotlib.axes.Axes.draw\ndef gated(self, renderer):\n"
        "    while not os.path.exists('go'): time.sleep(0.01)\n"
        "    draw(self, renderer)\nmatplotlib.axes.Axes.draw = gated"
    )
    result = run(beside, tmp_path, [patched, PLOT, PLOT, PLOT, PLOT, "open('go', 'w').close()"])
    assert result.outcome.failure is None
    assert [len(result.outputs(index)) for index in range(2, 6)] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("source", "draws"),
    [(PLOT, 2), (SHOW, 2), (PLOT.replace("(2, 1)", "(2, 1), layout='tight'"), 3), (MISSING, 5)],
    ids=["settled by one draw", "shown", "laid out", "tried in vain"],
)
def test_no_figure_is_drawn_more_often_than_it_must_be(
    beside: ForkEngine, tmp_path: Path, source: str, draws: int
) -> None:
    """A kernel draws it three times."""
    counted = (
        "draw = matplotlib.axes.Axes.draw\ndef count(self, renderer):\n"
        "    open('draws', 'a').write('x'); draw(self, renderer)\nmatplotlib.axes.Axes.draw = count"
    )
    run(beside, tmp_path, [counted, source])
    assert len((tmp_path / "draws").read_text()) == draws


def test_figures_that_nobody_sees_are_not_drawn(beside: ForkEngine, tmp_path: Path) -> None:
    cells = [cell(BEGIN), cell(PLOT, draws=False), cell(SHOW, draws=False), cell(ASLEEP)]
    result = run_job(beside, make_job(*cells, folder=tmp_path, imports=("matplotlib",)))
    assert (result.outputs(1), result.outputs(2), result.text(3)) == ([], [], "asleep False\n")
