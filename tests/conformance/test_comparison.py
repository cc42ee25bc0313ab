"""The comparison itself: it sees every difference, and nothing that varies in a kernel."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image

from tests.conformance.comparison import Compared, Executed, compare
from tests.conformance.corpus import why_left_out


def picture(colour: str, level: int = 6) -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (2, 2), colour).save(buffer, "png", compress_level=level)
    return base64.b64encode(buffer.getvalue()).decode()


def stream(text: str, name: str = "stdout") -> Any:
    return new_output("stream", name=name, text=text)


def display(**data: Any) -> Any:
    return new_output("display_data", data={key.replace("_", "/"): value for key, value in data.items()})


def error(*traceback: str, evalue: str = "v") -> Any:
    return new_output("error", ename="E", evalue=evalue, traceback=list(traceback))


def executed(*outputs: Any, count: int = 1, ending: str = "end", ids: list[list[str]] | None = None) -> Executed:
    cell = new_code_cell("", outputs=list(outputs), execution_count=count)
    return Executed(document=new_notebook(cells=[cell]), displays={"0": ids} if ids else {}, ending=ending)


def places(result: Compared) -> list[str]:
    return [difference.place for difference in result.differences]


@pytest.mark.parametrize(
    ("kernel", "engine"),
    [
        (executed(stream("a")), executed(stream("b"))),
        (executed(stream("a")), executed(stream("a", "stderr"))),
        (executed(stream("a\n")), executed(stream("a"))),
        (executed(), executed(stream("a"))),
        (executed(count=1), executed(count=2)),
        (executed(ending="end"), executed(ending="death")),
        (executed(ids=[["output", "a"]]), executed(ids=[["output", "b"]])),
        (executed(ids=[["output", "a"]]), executed()),
        (executed(display(text_plain="a")), executed(display(text_plain="a", text_html="b"))),
        (executed(display(text_plain="a"), stream("b")), executed(stream("b"), display(text_plain="a"))),
        (executed(display(image_png=picture("red"))), executed(display(image_png=picture("green")))),
        (executed(error("one", evalue="x")), executed(error("one", evalue="y"))),
        (executed(error("one")), executed(error("two"))),
    ],
)
def test_every_difference_is_seen(kernel: Executed, engine: Executed) -> None:
    assert compare(engine, [kernel]).differences
    assert not compare(kernel, [kernel]).differences


def test_what_means_the_same_is_the_same() -> None:
    kernel = executed(
        stream("a"),
        stream("b"),
        display(image_png=picture("red", level=1), text_plain="<x at 0x7f0123456789>"),
        error("\x1b[31mred\x1b[0m", "Cell <cell>"),
        ids=[["output", "0" * 32], ["update", "0" * 32]],
    )
    engine = executed(
        stream("ab"),
        display(image_png=picture("red", level=9), text_plain="<x at 0x7fffffffffff>"),
        error("red", "Cell <cell>"),
        ids=[["output", "f" * 32], ["update", "f" * 32]],
    )
    result = compare(engine, [kernel])
    assert (places(result), result.figures, result.cells) == ([], 1, 1)


def test_only_the_line_that_varies_is_not_compared() -> None:
    first, second = (executed(stream(f"took {n} s\nscore 5")) for n in (1, 2))
    assert places(compare(executed(stream("took 3 s\nscore 5")), [first, second])) == []
    assert places(compare(executed(stream("took 3 s\nscore 6")), [first, second])) == ["1 · stdout · 2"]
    assert places(compare(executed(stream("took 3 s\nscore 5\nmore")), [first, second])) == [
        "1 · stdout · lines",
        "1 · stdout · 3",
    ]


def test_a_picture_that_varies_is_counted_and_the_text_beside_it_compared() -> None:
    first, second = (executed(display(image_png=picture(each), text_plain="a")) for each in ("red", "blue"))
    result = compare(executed(display(image_png=picture("green"), text_plain="b")), [first, second])
    assert (result.figures, result.varying_figures, places(result)) == (1, 1, ["1 · text/plain · 1"])


def test_where_the_number_of_outputs_varies_nothing_in_the_cell_is_compared() -> None:
    first, second = executed(stream("a")), executed(stream("a"), display(text_plain="b"))
    assert not compare(executed(), [first, second]).differences
    assert places(compare(executed(), [first, first]))


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("penguins = sns.load_dataset('penguins')", "network"),
        ("X = fetch_openml('mnist')", "network"),
        ("pd.read_csv('https://example.org/a.csv')", "network"),
        ("matplotlib.use('QtAgg')", "window toolkit"),
        ("from gi.repository import Gtk", "window toolkit"),
        ("%matplotlib widget", "window toolkit"),
        ("%matplotlib inline\nimport signal\nplt.plot()  # https://example.org", None),
        ("matplotlib.use('agg')", None),
    ],
)
def test_the_rule_leaves_out_what_needs_a_network_or_a_window(text: str, rule: str | None) -> None:
    assert why_left_out(text) == rule
