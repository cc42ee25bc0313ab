"""Which figures a second draw changes nothing about, so that they are saved without having been drawn before."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import mpl_toolkits.axes_grid1 as grid
import numpy as np
import pandas as pd
import pytest

from nbdash.engine.host.settled import is_settled_by_one_draw

FORMATS: dict[str, Any] = {"image/png": ["print_figure", {"fmt": "png", "base64": True, "bbox_inches": "tight"}]}
RNG = np.random.default_rng(3)
FRAME = pd.DataFrame(RNG.normal(size=(60, 3)).cumsum(0), pd.date_range("2024-01-30", periods=60), list("abc"))


@pytest.fixture(autouse=True)
def as_a_kernel_draws() -> Any:
    with mpl.rc_context({"figure.dpi": 72}):
        plt.switch_backend("agg")
        yield
        plt.close("all")


def lines() -> None:
    plt.plot(RNG.normal(size=300).cumsum(), label="a")
    plt.gca().set(title="Title", xlabel="x", ylabel="y")
    plt.legend()


def grid_of_dates() -> None:
    _, axes = plt.subplots(2, 2, sharex=True)
    for axis in axes.flat:
        axis.plot(FRAME.index, FRAME["a"])
        axis.xaxis.set_major_formatter(mdates.ConciseDateFormatter(axis.xaxis.get_major_locator()))
    axes[0, 0].figure.suptitle("Above")
    axes[0, 0].figure.autofmt_xdate()


def image_and_bar() -> None:
    plt.imshow(RNG.normal(size=(20, 30)))
    plt.colorbar(extend="both")


def meshes_and_bars() -> None:
    figure, axes = plt.subplots(1, 2)
    for axis in axes:
        figure.colorbar(axis.pcolormesh(RNG.normal(size=(9, 9))), ax=axis, orientation="horizontal")


def equal_box() -> None:
    _, axes = plt.subplots(1, 2, sharex=True, sharey=True)
    axes[0].plot([0, 3], [0, 1])
    axes[1].scatter([0, 1], [0, 5])
    axes[0].set_aspect("equal")
    axes[1].set_box_aspect(1)


def twins() -> None:
    axis = plt.figure().add_subplot()
    axis.bar(range(4), [1e6, 3e6, 2e6, 5e6])
    axis.twinx().plot(range(4), [1, 10, 1000, 100])
    axis.twiny().semilogx([1, 1e5], [0, 1])


def aligned() -> None:
    figure, axes = plt.subplots(3, 2)
    for number, axis in enumerate(axes.flat):
        axis.plot([0, 10.0**number])
        axis.set(xlabel="x", ylabel=f"y {number}")
    figure.align_labels()


def annotations() -> None:
    axis = plt.figure().add_subplot()
    first = axis.annotate("one", (0.2, 0.2), (0.6, 0.8), arrowprops={"arrowstyle": "->"})
    axis.annotate("two", (1, 0.5), (40, 0), xycoords=first, textcoords="offset points", arrowprops={})
    axis.text(0.5, 0.5, "a long text that is wrapped at the end of the figure " * 3, wrap=True)
    axis.quiverkey(axis.quiver([0, 1], [0, 1], [1, 1], [2, 1]), 0.5, 0.9, 1, "key")
    axis.set_title("high", y=None)
    axis.xaxis.tick_top()


def of_pandas() -> None:
    FRAME.plot(subplots=True, figsize=(5, 4))


def of_pandas_bars() -> None:
    axis = FRAME.head(5).plot.bar(rot=40)
    for bars in axis.containers:
        axis.bar_label(bars, fmt="%.1f", fontsize=6)


def contours() -> None:
    axis = plt.figure().add_subplot()
    axis.clabel(axis.contour(RNG.normal(size=(8, 8)).cumsum(0)))
    axis.set_xscale("symlog")


def tightened() -> None:
    _, axes = plt.subplots(2, 2)
    for axis in axes.flat:
        axis.set(ylabel="y", title="t")
    plt.tight_layout()


SETTLED = [
    lines,
    grid_of_dates,
    image_and_bar,
    meshes_and_bars,
    equal_box,
    twins,
    aligned,
    annotations,
    of_pandas,
    of_pandas_bars,
    contours,
    tightened,
]


def picture(figure: Any, *, draws_first: bool) -> bytes:
    """What a kernel sends, with or without the draw that comes first."""
    if draws_first:
        figure.canvas.draw()
    target = io.BytesIO()
    figure.canvas.print_figure(target, format="png", bbox_inches="tight", dpi=figure.dpi)
    return target.getvalue()


@pytest.mark.parametrize("make", SETTLED)
def test_settled_figures_look_as_if_drawn_before(make: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = []
    for draws_first in (True, False):
        monkeypatch.setitem(globals(), "RNG", np.random.default_rng(3))
        make()
        assert is_settled_by_one_draw(plt.gcf(), FORMATS)
        pictures.append(picture(plt.gcf(), draws_first=draws_first))
        plt.close("all")
    assert pictures[0] == pictures[1]


def with_a_layout_engine() -> None:
    plt.subplots(2, 2, layout="constrained")


def with_another_layout_engine() -> None:
    plt.figure(layout="tight").add_subplot()


def with_subfigures() -> None:
    plt.figure().subfigures(1, 2)


def in_three_dimensions() -> None:
    plt.figure().add_subplot(projection="3d")


def polar() -> None:
    plt.figure().add_subplot(projection="polar")


def with_an_inset() -> None:
    axis = plt.figure().add_subplot()
    axis.indicate_inset_zoom(axis.inset_axes((0.5, 0.5, 0.4, 0.4)))


def with_a_second_axis() -> None:
    plt.figure().add_subplot().secondary_xaxis("top")


def with_a_table() -> None:
    plt.table([["a", "b"]])


def with_limits_from_its_shape() -> None:
    plt.plot([1, 9])
    plt.gca().set_aspect("equal", adjustable="datalim")


def with_a_locator() -> None:
    axis = plt.figure().add_subplot()
    grid.make_axes_locatable(axis).append_axes("right", "5%")


def transparent() -> None:
    plt.figure(facecolor="none").add_subplot()


@pytest.mark.parametrize(
    "make",
    [
        with_a_layout_engine,
        with_another_layout_engine,
        with_subfigures,
        in_three_dimensions,
        polar,
        with_an_inset,
        with_a_second_axis,
        with_a_table,
        with_limits_from_its_shape,
        with_a_locator,
        transparent,
    ],
)
def test_others_are_drawn_first(make: Callable[[], None]) -> None:
    make()
    assert not is_settled_by_one_draw(plt.gcf(), FORMATS)


@pytest.mark.parametrize(
    "formats",
    [
        {},
        {**FORMATS, "image/svg+xml": ["print_figure", {"fmt": "svg"}]},
        {"image/svg+xml": ["print_figure", {"fmt": "svg", "bbox_inches": "tight"}]},
        {"image/png": ["retina_figure", {"base64": True, "bbox_inches": "tight"}]},
        {"image/png": ["print_figure", {"fmt": "png", "base64": True}]},
        {"image/png": ["print_figure", {"fmt": "png", "bbox_inches": "tight", "dpi": 200}]},
        {"image/png": ["print_figure", {"fmt": "png", "bbox_inches": "tight", "facecolor": "none"}]},
    ],
    ids=str,
)
def test_other_ways_of_saving_are_drawn_first(formats: dict[str, Any]) -> None:
    lines()
    assert is_settled_by_one_draw(plt.gcf(), FORMATS)
    assert not is_settled_by_one_draw(plt.gcf(), formats)
