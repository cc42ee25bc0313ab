"""Which figures a second draw changes nothing about, and that they are saved the same with less work."""

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
from matplotlib.axis import Axis
from matplotlib.text import Text

from nbdash.engine.host.layouts import compute_layouts_once, has_usual_axes
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


def one_formatter_for_two() -> None:
    """It keeps the offset of whose ticks it wrote last, and says it when it is asked."""
    _, axes = plt.subplots(2, 1, figsize=(4, 5))
    for axis, size in zip(axes, (1, 1e7), strict=True):
        axis.plot([1e9 * size, 1e9 * size + 3])
        axis.yaxis.set_major_formatter(axes[0].yaxis.get_major_formatter())
        axis.set(title="t", ylabel="y")


def shared_axes_of_different_sizes() -> None:
    figure, axes = plt.subplots(2, 2, sharex="col", sharey=True, width_ratios=[1, 9], height_ratios=[1, 7])
    for axis in axes.flat:
        axis.plot(RNG.normal(size=50).cumsum() * 1e7 + 1e9, RNG.normal(size=50) * 1e-6)
        axis.set(title="t", xlabel="x", ylabel="y")
    figure.align_labels()


def one_locator_of_dates_for_two() -> None:
    _, axes = plt.subplots(2, 1)
    locator = mdates.AutoDateLocator()
    for axis, days in zip(axes, (3, 60), strict=True):
        axis.plot(FRAME.index[:days], FRAME["a"][:days])
        axis.xaxis.set_major_locator(locator)
        axis.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
        axis.set_title("t")


def a_bar_of_what_has_no_scale_yet() -> None:
    axis = plt.figure().add_subplot()
    points = axis.scatter(RNG.normal(size=9), RNG.normal(size=9), s=400, clip_on=False)
    bar = plt.colorbar(points, location="left")
    points.set_array(RNG.normal(size=9) * 1e6)
    bar.set_label("label")


def turned_labels_and_spines() -> None:
    axis = plt.figure(figsize=(4, 3)).add_subplot()
    axis.plot(["first", "second\nline", "$x^2$"], [1e-9, 2e-9, 5e-9])
    axis.tick_params(axis="x", rotation=30, pad=9)
    axis.tick_params(axis="y", labelrotation=90, labelright=True, labelleft=False)
    axis.spines["left"].set_position(("outward", 20))
    axis.spines["bottom"].set_position(("data", 3e-9))
    axis.yaxis.set_label_position("right")
    axis.set(ylabel="y", title="above")
    axis.minorticks_on()
    axis.figure.suptitle("all", rotation=3)
    axis.figure.supxlabel("below")
    axis.figure.legend(["line"], loc="outside upper right", title="lines")


def logarithms() -> None:
    figure, axes = plt.subplots(1, 3, figsize=(7, 2))
    axes[0].loglog([1, 30], [0.2, 0.9])
    axes[1].semilogy([1, 1e12])
    axes[2].plot([0.01, 0.5, 0.99])
    axes[2].set_yscale("logit")
    axes[1].tick_params(which="minor", labelleft=True)
    figure.tight_layout()


def two_scales_of_pandas() -> None:
    axis = FRAME.plot(y=["a", "b"], secondary_y="b", title="t")
    FRAME["c"].resample("W").sum().plot(ax=axis, style="--")


SETTLED = [
    one_formatter_for_two,
    shared_axes_of_different_sizes,
    one_locator_of_dates_for_two,
    a_bar_of_what_has_no_scale_yet,
    turned_labels_and_spines,
    logarithms,
    two_scales_of_pandas,
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


def picture(make: Callable[[], None], monkeypatch: pytest.MonkeyPatch, *, draws_first: bool = False) -> bytes:
    """What a kernel sends, with or without the draw that comes first."""
    monkeypatch.setitem(globals(), "RNG", np.random.default_rng(3))
    make()
    figure = plt.gcf()
    if draws_first:
        figure.canvas.draw()
    target = io.BytesIO()
    figure.canvas.print_figure(target, format="png", bbox_inches="tight", dpi=figure.dpi)
    plt.close("all")
    return target.getvalue()


@pytest.mark.parametrize("make", SETTLED)
def test_settled_figures_look_as_if_drawn_before(make: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    assert picture(make, monkeypatch) == picture(make, monkeypatch, draws_first=True)
    make()
    assert is_settled_by_one_draw(plt.gcf(), FORMATS)


def with_a_layout_engine() -> None:
    figure, axes = plt.subplots(2, 2, layout="constrained", sharex="col")
    for axis in axes.flat:
        axis.plot(RNG.normal(size=40).cumsum() * 1e6)
        axis.set(title="t", xlabel="x", ylabel="y")
    figure.colorbar(axes[0, 0].scatter([1, 2], [3, 4], c=[1, 9]), ax=axes[:, 1], label="c")
    figure.suptitle("all")


def with_another_layout_engine() -> None:
    _, axes = plt.subplots(2, 1, layout="tight")
    axes[0].plot(FRAME.index, FRAME["a"])
    axes[0].set(title="t", ylabel="y")


def with_subfigures() -> None:
    for part in plt.figure(layout="constrained").subfigures(1, 2):
        part.subplots(2, 1)[0].plot([1e7, 2e7])
        part.suptitle("part")


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
    plt.plot([1, 2])
    plt.table([["a", "b"], ["a long text", "d"]], loc="center")


def with_limits_from_its_shape() -> None:
    _, axes = plt.subplots(1, 2, sharey=True)
    axes[0].plot([1, 9], [0, 1])
    axes[0].set_aspect("equal", adjustable="datalim")
    axes[1].plot([1e3, 2e3])


def with_a_locator() -> None:
    axis = plt.figure().add_subplot()
    image = axis.imshow(RNG.normal(size=(9, 19)))
    plt.colorbar(image, cax=grid.make_axes_locatable(axis).append_axes("right", "5%"))


def transparent() -> None:
    plt.figure(facecolor="none").add_subplot(title="t", xlabel="x")


USUAL = [
    with_a_layout_engine,
    with_another_layout_engine,
    with_subfigures,
    with_a_table,
    with_limits_from_its_shape,
    with_a_locator,
    transparent,
]
UNUSUAL = [in_three_dimensions, polar, with_an_inset, with_a_second_axis]


@pytest.mark.parametrize("make", SETTLED + USUAL)
def test_layouts_computed_once_are_the_same(make: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    as_drawn = picture(make, monkeypatch, draws_first=True)
    counts = dict.fromkeys(("_update_ticks", "_get_ticklabel_bboxes"), 0)
    for name in counts:
        monkeypatch.setattr(Axis, name, counted(counts, name, getattr(Axis, name)))
    monkeypatch.setattr(Text, "_get_layout", Text._get_layout)  # to be put back
    draws_first = make in USUAL
    picture(make, monkeypatch, draws_first=draws_first)
    usual = counts.copy()
    counts.update(dict.fromkeys(counts, 0))
    compute_layouts_once()
    assert picture(make, monkeypatch, draws_first=draws_first) == as_drawn
    assert all(counts[name] < usual[name] * 0.8 for name in counts)
    make()
    assert has_usual_axes(plt.gcf())


def counted(counts: dict[str, int], name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def count(*args: Any, **kwargs: Any) -> Any:
        counts[name] += 1
        return function(*args, **kwargs)

    return count


@pytest.mark.parametrize("make", USUAL + UNUSUAL)
def test_others_are_drawn_first(make: Callable[[], None]) -> None:
    make()
    assert not is_settled_by_one_draw(plt.gcf(), FORMATS)
    assert has_usual_axes(plt.gcf()) is (make in USUAL)


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
