"""Figures that need not be drawn before they are saved.

A kernel draws a figure at its cell's end and then saves it, which with ``bbox_inches="tight"`` draws it twice more,
the first time without ink.  What is saved is the third draw of a figure; for most it looks like the second.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from .layouts import has_usual_axes


def is_settled_by_one_draw(figure: Any, formats: Mapping[str, Any]) -> bool:
    """Whether a second draw puts nothing of the figure elsewhere than the first.

    Positions that depend on each other may take several draws: a layout engine's, those of parts of other figures
    and axes, of axes whose limits follow from their shape, of tables.  What is left computes all of its positions
    from the data, the limits and the figure's size.
    """
    return (
        _is_drawn_twice(formats)
        and "matplotlib.layout_engine" in sys.modules  # Matplotlib 3.6
        and type(figure) is sys.modules["matplotlib.figure"].Figure
        and _is_laid_out(figure.get_layout_engine())
        and not figure.subfigs
        and figure.get_facecolor()[3] >= 0.5  # else the ticks' colours are looked at between the draws
        and has_usual_axes(figure)
        and all(map(_has_its_own_place, figure.axes))
    )


def _is_drawn_twice(formats: Mapping[str, Any]) -> bool:
    """Whether saving draws twice, in the figure's own resolution."""
    function, options = formats.get("image/png", ("", {}))
    is_tight = options.get("bbox_inches") == "tight" and options.keys() <= {"fmt", "bbox_inches", "base64"}
    return len(formats) == 1 and function == "print_figure" and is_tight


def _is_laid_out(engine: Any) -> bool:
    """Whether drawing lays out nothing: there is no engine, or what is left of one that did it once."""
    return engine is None or type(engine).__name__ == "PlaceHolderLayoutEngine"


def _has_its_own_place(axes: Any) -> bool:
    """Whether only the figure says where these axes and what is in them are, or they are those of a colour bar."""
    locator = axes.get_axes_locator()
    return (
        not axes.tables
        and (axes.get_aspect() == "auto" or axes.get_adjustable() == "box")
        and (locator is None or type(locator).__module__ == "matplotlib.colorbar")
    )
