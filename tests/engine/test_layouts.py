"""Layouts that are computed once: what drawing changes about an axis or a text has them computed anew."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator
from typing import Any

import matplotlib.pyplot as plt
import matplotlib.ticker as mticker
import pytest
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.text import Text

from nbdash.engine.host.layouts import compute_layouts_once, has_usual_axes

USUAL = {name: getattr(kind, name) for kind, name in ((Axis, "_update_ticks"), (Axis, "_get_ticklabel_bboxes"))}
LAY_OUT = Text._get_layout


@pytest.fixture(autouse=True)
def computed_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, function in USUAL.items():
        monkeypatch.setattr(Axis, name, function)
    monkeypatch.setattr(Text, "_get_layout", LAY_OUT)
    plt.switch_backend("agg")
    compute_layouts_once()
    yield
    plt.close("all")


@pytest.fixture
def axes() -> Any:
    axes = plt.figure(figsize=(5, 4), dpi=80).add_subplot()
    axes.plot([1e6, 3e6])
    return axes


def ticks_of(axis: Any, update: Callable[[Any], Any]) -> Any:
    ticks = update(axis)
    boxes = Axis._get_ticklabel_bboxes(axis, ticks, axis.figure.canvas.get_renderer())
    drawn = [(tick.get_loc(), tick.label1.get_text(), tick.label1.get_position()) for tick in ticks]
    return drawn, [[box.bounds for box in each] for each in boxes], axis.major.formatter.get_offset()


CHANGES: dict[str, Callable[[Any], Any]] = {
    "limits": lambda axes: axes.set_ylim(0, 1e9),
    "size": lambda axes: axes.set_position((0.1, 0.1, 0.4, 0.1)),
    "resolution": lambda axes: axes.figure.set_dpi(33),
    "locator": lambda axes: axes.yaxis.set_major_locator(mticker.MaxNLocator(2)),
    "formatter": lambda axes: axes.yaxis.set_major_formatter("{x:.3f}"),
    "minor locator": lambda axes: axes.yaxis.set_minor_locator(mticker.MaxNLocator(30)),
    "scale": lambda axes: axes.set_yscale("symlog"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_ticks_follow_what_changes(axes: Any, change: Callable[[Any], Any]) -> None:
    before = ticks_of(axes.yaxis, Axis._update_ticks)
    assert ticks_of(axes.yaxis, Axis._update_ticks) == before
    change(axes)
    assert ticks_of(axes.yaxis, Axis._update_ticks) == ticks_of(axes.yaxis, USUAL["_update_ticks"])


def test_ticks_are_computed_once(axes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    usual = type(axes.yaxis.major.formatter).format_ticks
    monkeypatch.setattr(
        type(axes.yaxis.major.formatter), "format_ticks", lambda self, at: calls.append(at) or usual(self, at)
    )
    assert axes.yaxis._update_ticks() is axes.yaxis._update_ticks()
    assert len(calls) == 1


def test_a_formatter_of_two_says_what_it_said_last(axes: Any) -> None:
    other = axes.figure.add_axes((0, 0, 0.3, 0.3))
    other.set_ylim(1e12, 1e12 + 1)
    other.yaxis.set_major_formatter(axes.yaxis.get_major_formatter())
    for axis in (axes.yaxis, other.yaxis, axes.yaxis, axes.yaxis, other.yaxis, axes.yaxis):
        axis._update_ticks()
        said = axis.major.formatter.get_offset()
        USUAL["_update_ticks"](axis)
        assert axis.major.formatter.get_offset() == said


def test_boxes_are_those_of_the_renderer_and_of_the_ticks(axes: Any) -> None:
    axis, renderers = axes.yaxis, [RendererAgg(400, 320, 80) for _ in range(2)]
    ticks = axis._update_ticks()
    for renderer in (*renderers, renderers[0]):
        axis._get_ticklabel_bboxes(ticks, renderer)
        assert {tick.label1._renderer for tick in ticks} == {renderer}
    assert len(axis._get_ticklabel_bboxes(ticks[1:], renderers[0])[0]) == len(ticks) - 1


TEXT_CHANGES: dict[str, Callable[[Text], Any]] = {
    "text": lambda text: text.set_text("other\nlines and more"),
    "family": lambda text: text.set_fontfamily("monospace"),
    "font": lambda text: text.get_fontproperties().set_size(30),
    "rotation": lambda text: text.set_rotation(40),
    "across": lambda text: text.set_horizontalalignment("right"),
    "up": lambda text: text.set_verticalalignment("top"),
    "resolution": lambda text: text.figure.set_dpi(200),
    "wrapping": lambda text: text.set_wrap(True),
}


def layout_of(text: Text, lay_out: Callable[[Any, Any], Any]) -> Any:
    text._renderer = text.figure.canvas.get_renderer()
    box, lines, whole = lay_out(text, text._renderer)
    return box.bounds, list(lines), whole


LABELLING: dict[str, tuple[Callable[[Any], Any], bool]] = {
    "function": (lambda axes: axes.yaxis.set_major_formatter(lambda value, _: f"{value}"), True),
    "fixed": (lambda axes: axes.set_xticks([0, 1], ["a", "b"]), True),
    "drawing lots": (lambda axes: axes.yaxis.set_minor_formatter(random.Random(1).uniform), False),
}


@pytest.mark.parametrize(("label", "is_usual"), LABELLING.values(), ids=LABELLING)
def test_labels_that_may_be_others_each_time_are_not_usual(axes: Any, label: Any, is_usual: bool) -> None:
    label(axes)
    assert has_usual_axes(axes.figure) is is_usual


@pytest.mark.parametrize("change", TEXT_CHANGES.values(), ids=TEXT_CHANGES)
def test_layouts_of_texts_follow_what_changes(change: Callable[[Text], Any]) -> None:
    text = plt.figure().text(0.1, 0.5, "a text that is not short, in the middle of a figure " * 3)
    assert layout_of(text, Text._get_layout) == layout_of(text, LAY_OUT)
    change(text)
    assert layout_of(text, Text._get_layout) == layout_of(text, LAY_OUT)


def test_wrapped_texts_follow_their_place() -> None:
    text = plt.figure().text(0.1, 0.5, "a text that is wrapped at the end of the figure " * 3, wrap=True)
    for place in (0.1, 0.7):
        text.set_x(place)
        assert layout_of(text, Text._get_layout) == layout_of(text, LAY_OUT)


def test_texts_of_other_classes_are_always_laid_out() -> None:
    class Stretched(Text):
        text = "a"

        def get_text(self) -> str:
            return "text"

        def _get_wrapped_text(self) -> str:
            return self.text

    stretched = Stretched()
    plt.figure().add_artist(stretched)
    for stretched.text in ("a", "more than that"):
        assert layout_of(stretched, Text._get_layout) == layout_of(stretched, LAY_OUT)


def test_a_text_turned_by_its_transform_follows_it() -> None:
    axes = plt.figure().add_subplot()
    text = axes.text(0.2, 0.2, "along", rotation=45, transform_rotates_text=True)
    for top in (1, 50):
        axes.set_ylim(0, top)
        assert layout_of(text, Text._get_layout) == layout_of(text, LAY_OUT)


def test_texts_are_laid_out_once(axes: Any) -> None:
    title = axes.set_title("title")
    renderer = axes.figure.canvas.get_renderer()
    assert title._get_layout(renderer) is title._get_layout(renderer)


def test_each_kind_of_renderer_has_its_own_layout() -> None:
    text = plt.figure().text(0.1, 0.5, "some text")
    for renderer in (RendererAgg(400, 320, 100), RendererSVG(400, 320, io.StringIO()), RendererAgg(400, 320, 100)):
        assert text._get_layout(renderer)[0].bounds == LAY_OUT(text, renderer)[0].bounds
