"""Matplotlib's figures: what they know about themselves, in words, and those that nobody sees."""

from __future__ import annotations

import sys
from typing import Any

#: An alternative text is a sentence or a few, not a table.
_ALT_CHARS = 400
_AXES_TOLD = 6


def is_figure(value: Any) -> bool:
    """Whether the value is a Matplotlib figure; imports nothing."""
    module = sys.modules.get("matplotlib.figure")
    return module is not None and isinstance(value, module.Figure)


def close_unseen() -> None:
    """Close what the inline back end would draw at the cell's end, unless the notebook wants figures kept open.

    To be called before Matplotlib's own hook, which draws every open figure once more than is seen.
    """
    backend = sys.modules.get("matplotlib_inline.backend_inline")
    if backend is None or not backend.show._draw_called:
        return
    if backend.InlineBackend.instance().close_figures:
        backend.show._to_draw, backend.show._draw_called = [], False
        backend.matplotlib.pyplot.close("all")


def describe_figure(figure: Any) -> dict[str, str | None]:
    """``title`` and ``alt`` of a figure; empty where something about it cannot be read."""
    try:
        return {"title": _title_of(figure), "alt": _alt_of(figure)}
    except Exception:
        return {}


def _title_of(figure: Any) -> str | None:
    suptitle = figure._suptitle.get_text() if figure._suptitle is not None else ""
    titles = [title for axes in figure.axes if (title := _axes_title(axes))]
    return _one_line(suptitle or (titles[0] if titles else "")) or None


def _axes_title(axes: Any) -> str:
    return next((text for side in ("center", "left", "right") if (text := axes.get_title(loc=side))), "")


def _alt_of(figure: Any) -> str | None:
    shown = [axes for axes in figure.axes if axes.get_visible() and axes.get_label() != "<colorbar>"]
    told = [text for axes in shown[:_AXES_TOLD] if (text := _tell_axes(axes))]
    if len(shown) > _AXES_TOLD:
        told.append(f"And {len(shown) - _AXES_TOLD} more charts.")
    alt = _one_line(" ".join(told))
    return (alt if len(alt) <= _ALT_CHARS else alt[: _ALT_CHARS - 1].rstrip() + "…") or None


def _tell_axes(axes: Any) -> str:
    """One chart in a sentence: ``Line chart: Sales. Month against EUR. Series: north, south.``"""
    kind, title = _kind_of(axes), _axes_title(axes)
    if not kind:
        return ""
    across, up = axes.get_xlabel(), axes.get_ylabel()
    parts = [f"{kind}: {title}." if title else f"{kind}."]
    if across and up:
        parts.append(f"{up} against {across}.")
    elif across or up:
        parts.append(f"{across or up}.")
    if series := _series_of(axes):
        parts.append(f"Series: {', '.join(series)}.")
    return " ".join(parts)


def _kind_of(axes: Any) -> str:
    """The kind of chart, from what the axes hold; empty when they hold nothing."""
    if axes.name == "3d":
        return "3-D chart"
    if axes.images:
        return "Image"
    if axes.containers and any(type(each).__name__ == "BarContainer" for each in axes.containers):
        return "Bar chart"
    if any(type(patch).__name__ == "Wedge" for patch in axes.patches):
        return "Pie chart"
    return _kind_of_marks(axes)


def _kind_of_marks(axes: Any) -> str:
    collections = {type(each).__name__ for each in axes.collections}
    if collections & {"QuadMesh", "PolyQuadMesh"}:
        return "Heat map"
    if collections & {"QuadContourSet", "TriContourSet"}:
        return "Contour plot"
    if axes.lines:
        return "Line chart"
    if "PathCollection" in collections:
        return "Scatter plot"
    return "Chart" if axes.collections or axes.patches or axes.texts else ""


def _series_of(axes: Any) -> list[str]:
    legend = axes.get_legend()
    labels = [text.get_text() for text in legend.get_texts()] if legend is not None else []
    return labels[:8]


def _one_line(text: str) -> str:
    return " ".join(text.split())
