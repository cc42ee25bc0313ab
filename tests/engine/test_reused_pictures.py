"""Pictures that are used again: only of just this figure, on just this dashboard, and what is seen is the same."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_runs import Result, cell, make_job, run_job

from nbdash.engine.drawings import Drawing
from nbdash.engine.forked import ForkEngine
from nbdash.engine.host.wire import WireError, pack_frame
from nbdash.engine.memory import MemoryPictures
from nbdash.engine.pictures import Pictures, Prospects
from nbdash.model import OutputAdded

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the fork engine is for Linux")

BEGIN = "import sys, warnings, numpy as np, matplotlib, matplotlib.pyplot as plt"
PLOT = "fig, ax = plt.subplots(figsize=(2, 1)); ax.plot(data);"
TOKEN = b"t" * 16


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> MemoryPictures:
    monkeypatch.setattr("nbdash.engine.pictures._CHECKED", 10**9)  # or one in so many is drawn
    return MemoryPictures()


@pytest.fixture(scope="module")
def forked() -> Iterator[ForkEngine]:
    engine = ForkEngine(drawers=2)
    yield engine
    engine.close()


@pytest.fixture
def engine(forked: ForkEngine, pictures: MemoryPictures, monkeypatch: pytest.MonkeyPatch) -> ForkEngine:
    monkeypatch.setattr(forked, "_pictures", pictures)
    monkeypatch.setattr(forked, "_prospects", Prospects())
    return forked


def run(engine: ForkEngine, folder: Path, *cells: str, dashboard: str | None = "1") -> Result:
    sources = [cell(each, may_raise=True) for each in (BEGIN, *cells)]
    result = run_job(engine, make_job(*sources, folder=folder, imports=("numpy", "matplotlib"), dashboard=dashboard))
    assert result.outcome.failure is None
    return result


def outputs(result: Result) -> list[object]:
    return [result.outputs(index) for index in result.started()]


def test_an_unchanged_figure_is_not_drawn_again(engine: ForkEngine, pictures: MemoryPictures, tmp_path: Path) -> None:
    cells = ["data = [1, 2]", f"print('a'); {PLOT} plt.show(); print('b')", PLOT, "print(ax.get_position()); fig"]
    first = run(engine, tmp_path, *cells)
    assert (pictures.found, len(pictures.kept)) == (0, 2)
    second = run(engine, tmp_path, *cells)
    assert pictures.found == 2
    assert outputs(second) == outputs(first) == outputs(run(engine, tmp_path, *cells, dashboard=None))
    kinds = [output["output_type"] for output in second.outputs(2)]
    assert kinds == ["stream", "display_data", "stream"]


def test_what_figures_say_of_themselves_comes_with_them(engine: ForkEngine, tmp_path: Path) -> None:
    cells = ["data = [1, 2]", f"{PLOT} ax.set_title('Two')"]
    told = [run(engine, tmp_path, *cells).document["cells"][2]["metadata"]["nbdash"]["figures"] for _ in range(2)]
    assert told[0] == told[1] == [{"title": "Two", "alt": "Line chart: Two."}]


@pytest.mark.parametrize(
    ("change", "is_found"),
    [
        ("data = [1, 2]", True),
        ("data = [1, np.nextafter(2, 3)]", False),
        ("data = [1, 2]; plt.rcParams['lines.linewidth'] = 3", False),
        ("data = [1, 2]; %config InlineBackend.figure_format = 'retina'", False),
        ("data = [1, 2]; %config InlineBackend.print_figure_kwargs = {'bbox_inches': None}", False),
        ("data = [1, 2]; matplotlib.lines.Line2D.zorder = -5", False),
        ("data = [1, 2]; matplotlib.axes.Axes.get_zorder = lambda self: 1", False),
    ],
)
def test_a_change_is_drawn(
    engine: ForkEngine, pictures: MemoryPictures, tmp_path: Path, change: str, is_found: bool
) -> None:
    run(engine, tmp_path, "data = [1, 2]", PLOT)
    change = change.replace("; %", "\n%")
    changed = run(engine, tmp_path, change, PLOT)
    assert pictures.found == is_found
    assert outputs(changed)[2] == outputs(run(engine, tmp_path, change, PLOT, dashboard=None))[2]


@pytest.mark.parametrize(
    "source",
    [
        f"{PLOT} ax.set_title('\\u6771');",  # a warning about a missing glyph
        f"{PLOT} ax.xaxis.set_major_formatter(lambda value, place: str(value));",
        f"%config InlineBackend.figure_format = 'svg'\n{PLOT}",
        "fig, ax = plt.subplots(); ax.set_title('$\\\\frac{$');",
    ],
    ids=["warns", "code of its own", "svg", "broken"],
)
def test_what_cannot_be_known_is_not_kept(
    engine: ForkEngine, pictures: MemoryPictures, tmp_path: Path, source: str
) -> None:
    for _ in range(2):
        run(engine, tmp_path, "data = [1, 2]; plt.close()", source)
    assert pictures.found == 0


def test_dashboards_do_not_share(engine: ForkEngine, pictures: MemoryPictures, tmp_path: Path) -> None:
    for dashboard in ("1", "2"):
        run(engine, tmp_path, "data = [1, 2]", PLOT, dashboard=dashboard)
    assert (pictures.found, {dashboard for dashboard, _ in pictures.kept}) == (0, {"1", "2"})


def test_a_wrong_picture_is_found_out(
    engine: ForkEngine, pictures: MemoryPictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(engine, tmp_path, "data = [1, 2]", PLOT)
    (key,) = pictures.kept
    kept = json.loads(pictures.kept[key])
    kept["output"]["data"]["image/png"] = "wrong"
    pictures.kept[key] = json.dumps(kept).encode()
    monkeypatch.setenv("NBDASH_VERIFY_FIGURES", "1")
    assert outputs(run(engine, tmp_path, "data = [1, 2]", PLOT)) == outputs(first)
    assert pictures.distrusted == {"1"}


def test_a_damaged_picture_is_drawn_again(engine: ForkEngine, pictures: MemoryPictures, tmp_path: Path) -> None:
    first = run(engine, tmp_path, "data = [1, 2]", PLOT)
    pictures.kept = dict.fromkeys(pictures.kept, b'{"output": {}')
    assert outputs(run(engine, tmp_path, "data = [1, 2]", PLOT)) == outputs(first)


@pytest.mark.parametrize("fingerprint", ["../../x", "", "0" * 39, 7, None])
def test_a_forged_fingerprint_is_refused(fingerprint: object) -> None:
    mine, theirs = socket.socketpair()
    drawing = Drawing(mine.detach(), index=0, token=TOKEN, pictures=None)
    with theirs:
        theirs.sendall(pack_frame({"kind": "known", "part": 0, "fingerprint": fingerprint}, TOKEN))
        with pytest.raises(WireError):
            drawing.read()
    drawing.close()


def test_a_drawing_begins_when_it_is_its_turn() -> None:
    mine, theirs = socket.socketpair()
    drawing = Drawing(mine.detach(), index=0, token=TOKEN, pictures=None)
    with theirs:
        made = drawing.began
        theirs.sendall(pack_frame({"kind": "begun", "index": 0, "part": 0}, TOKEN))
        assert drawing.read() == []
        assert drawing.began > made
    drawing.close()


def test_very_large_pictures_are_not_kept(pictures: MemoryPictures) -> None:
    for size in (1000, 4 * 1024**2):
        output = {"output_type": "display_data", "data": {"image/png": "x" * size}, "metadata": {}}
        Pictures(pictures, "1").keep(f"{size:040}", OutputAdded(index=0, output=output))
    assert list(pictures.kept) == [("1", f"{1000:040}")]


def test_figures_that_are_always_new_are_seldom_asked_for(
    engine: ForkEngine, pictures: MemoryPictures, tmp_path: Path
) -> None:
    """And what has stopped changing is noticed within a few runs."""
    changing = ["data = list(np.random.rand(9))", PLOT]
    kept = []
    for _ in range(9):
        run(engine, tmp_path, *changing, dashboard="changing")
        kept.append(len(pictures.kept))
    assert kept == [1, 2, 2, 3, 3, 3, 3, 4, 4]
    (tmp_path / "data.txt").write_text("1 2 3")
    steady = ["data = [1, 2, 3]", PLOT]
    found = []
    for _ in range(10):
        run(engine, tmp_path, *steady, dashboard="changing")
        found.append(pictures.found)
    assert found[-1] > found[3], "the same cell with the same source has figures that stay"
    assert found[-1] - found[-2] == 1, "and once that is known, none is drawn"


def test_one_cell_with_new_figures_does_not_speak_for_others(
    engine: ForkEngine, pictures: MemoryPictures, tmp_path: Path
) -> None:
    cells = ["data = list(np.random.rand(9))", f"{PLOT} ax.set_title('new');", "data = [1, 2]", PLOT]
    for number in range(9):
        run(engine, tmp_path, *cells, dashboard="both")
        assert pictures.found == number


def test_two_cells_that_make_the_same_figure_are_each_compared_with_their_own() -> None:
    kept = MemoryPictures()
    Pictures(kept, "1").keep("equal", OutputAdded(index=1, output={"data": {"image/png": "one"}}))
    checked = Pictures(kept, "1", checks_all=True)
    drawn = [OutputAdded(index=index, output={"data": {"image/png": "one"}}) for index in (1, 2)]
    assert [checked.find("equal", each.index) for each in drawn] == [None, None]
    for each in drawn:
        checked.keep("equal", each)
    assert not kept.distrusted
