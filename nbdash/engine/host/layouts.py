"""Layouts that are computed once while a figure is saved, where Matplotlib computes each up to ten times.

An axis asks for its ticks when it is drawn, and so do its label and the titles, which keep clear of them, and the
rectangle that is to be cut out, first without ink and then with it.  While a figure is saved, nothing but Matplotlib's
own code runs (``survey``).  So what was computed for an object holds until something has changed that drawing itself
changes about it.
"""

from __future__ import annotations

import functools
import sys
import types
from typing import Any


def has_usual_axes(figure: Any) -> bool:
    """Whether there are no others: the ticks of polar or 3D axes, say, follow from more than is known here."""
    usual = sys.modules["matplotlib.axes"].Axes
    return all(type(axes) is usual and not axes.child_axes and _are_labelled_alike(axes) for axes in figure.axes)


def _are_labelled_alike(axes: Any) -> bool:
    """Whether ticks get the same labels each time: a method may count, or draw lots, wherever it comes from."""
    functions = [getattr(each, "func", None) for axis in (axes.xaxis, axes.yaxis) for each in _helpers_of(axis)]
    given = [each.func if isinstance(each, functools.partial) else each for each in functions]
    return all(each is None or isinstance(each, types.FunctionType) for each in given)


def _helpers_of(axis: Any) -> tuple[Any, ...]:
    return axis.major.locator, axis.major.formatter, axis.minor.locator, axis.minor.formatter


def compute_layouts_once() -> None:
    """In a process that draws one figure, which has usual axes, and ends: it changes Matplotlib's classes."""
    axis, text = sys.modules["matplotlib.axis"].Axis, sys.modules["matplotlib.text"]
    if hasattr(axis, "_get_ticklabel_bboxes"):  # since Matplotlib 3.6
        ticks = _Ticks(axis)
        axis._update_ticks = lambda self: ticks.of(self)
        axis._get_ticklabel_bboxes = lambda self, drawn, renderer=None: ticks.boxes_of(self, drawn, renderer)
        texts = _Texts(text)
        text.Text._get_layout = lambda self, renderer: texts.layout_of(self, renderer)


class _Ticks:
    """Of each axis the ticks that are to be drawn, placed and labelled, and the boxes of their labels."""

    def __init__(self, axis: Any) -> None:
        self._update, self._measure = axis._update_ticks, axis._get_ticklabel_bboxes
        self._ticks: dict[Any, tuple[Any, Any]] = {}
        self._boxes: dict[Any, tuple[Any, Any, Any]] = {}
        self._served: dict[Any, Any] = {}  # whose ticks a locator or formatter, which keeps some of it, computed last

    def of(self, axis: Any) -> Any:
        helpers = _helpers_of(axis)
        state = [limits.get_points().tobytes() for limits in (axis.axes.viewLim, axis.axes.bbox)]
        before, ticks = self._ticks.get(axis, (None, None))
        if before != state or any(self._served.get(each) is not axis for each in helpers):
            ticks = self._update(axis)
            self._served.update(dict.fromkeys(helpers, axis))
            self._ticks[axis] = state, ticks
        return ticks

    def boxes_of(self, axis: Any, drawn: Any, renderer: Any) -> Any:
        ticks, before, boxes = self._boxes.get(axis, (None, None, None))
        if ticks is not drawn or before is not renderer:
            boxes = self._measure(axis, drawn, renderer)
            self._boxes[axis] = drawn, renderer, boxes
        return boxes


class _Texts:
    """Of each text how its lines lie to each other."""

    def __init__(self, module: Any) -> None:
        self._lay_out = module.Text._get_layout
        self._kinds = (module.Text, module.Annotation)
        self._known: dict[Any, tuple[Any, Any]] = {}

    def layout_of(self, text: Any, renderer: Any) -> Any:
        if type(text) not in self._kinds or text.get_wrap():  # where a line ends depends on where the text is
            return self._lay_out(text, renderer)
        state = (
            text.get_text(),
            hash(text.get_fontproperties()),
            text.get_rotation(),
            text.get_horizontalalignment(),
            text.get_verticalalignment(),
            text.figure.dpi,
            type(renderer),
        )
        before, layout = self._known.get(text, (None, None))
        if before != state:
            layout = self._lay_out(text, renderer)
            self._known[text] = (state, layout)
        return layout
