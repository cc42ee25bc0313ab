"""What a process pays for its first cell and its first figure, paid before the fork: none of it shows in a run."""

from __future__ import annotations

import io
import sys
import warnings
from importlib import import_module
from typing import Any

#: What IPython imports when it executes its first cell.
_FOR_CELLS = ("IPython.core.logger", "bdb")


def warm_cells(shell: Any) -> None:
    """Import and compile what the first cell would."""
    for name in _FOR_CELLS:
        import_module(name)
    shell.transform_cell("1")


def draw_once() -> None:
    """Draw and save a small figure with Matplotlib's own settings, if it is loaded; leaves no figure and no file open.

    It fills caches that outlive a fork: fonts found by name, the grammar of formulas, modules loaded late.
    Not those of open fonts, whose files the forks would share: Matplotlib empties them on forking.
    """
    matplotlib: Any = sys.modules.get("matplotlib")
    if matplotlib is None or "matplotlib.backends.backend_agg" not in sys.modules:
        return
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with warnings.catch_warnings(), matplotlib.rc_context(matplotlib.rcParamsDefault):
        warnings.simplefilter("ignore")
        figure = Figure()
        canvas: Any = FigureCanvasAgg(figure)
        axes = figure.subplots()
        axes.plot([1, 2], label="$x^2$")
        axes.set_title("1")
        axes.legend()
        canvas.draw()
        canvas.print_figure(io.BytesIO(), format="png", bbox_inches="tight")


def close_fonts() -> None:
    """Leave no font open; to be called when everything is warm.

    A run closes the files that it inherits.  A font of theirs that it frees late, out of a cache that is full, would
    close them once more: a font of the run's own, most likely, which has got the number by then.
    """
    mathtext: Any = sys.modules.get("matplotlib.mathtext")
    font_manager: Any = sys.modules.get("matplotlib.font_manager")
    if mathtext is not None and font_manager is not None:
        mathtext.MathTextParser._parse_cached.cache_clear()
        font_manager._get_font.cache_clear()
