"""A notebook's cells as plain Python, with Matplotlib's figures drawn and closed after each cell.

Saved is as the inline back end saves, so that the pictures are the kernel's, but without its drawing before.
"""

from __future__ import annotations

import ast
import io
import json
import re
from pathlib import Path
from typing import Any

_SETTING = re.compile(r"^%config InlineBackend\.(\w+) = (.+)$", re.MULTILINE)
_MAGIC = re.compile(r"^%.*$", re.MULTILINE)


def read_cells(path: Path) -> tuple[list[str], dict[str, Any]]:
    """The code cells without magics, and what these set of the inline back end."""
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    sources = ["".join(cell["source"]) for cell in cells]
    settings = {name: ast.literal_eval(value) for name, value in _SETTING.findall("\n".join(sources))}
    return [_MAGIC.sub("", source) for source in sources], settings


def draw_open_figures(settings: dict[str, Any]) -> list[bytes]:
    """The open figures as PNG, as the inline back end saves them; none is open afterwards."""
    from matplotlib import pyplot

    pictures = [_picture(pyplot.figure(number), settings) for number in pyplot.get_fignums()]
    pyplot.close("all")
    return pictures


def _picture(figure: Any, settings: dict[str, Any]) -> bytes:
    scale = 2 if settings.get("figure_formats") == ["retina"] else 1
    options = {"bbox_inches": "tight"} | settings.get("print_figure_kwargs", {})
    colours = {"facecolor": figure.get_facecolor(), "edgecolor": figure.get_edgecolor()}
    with io.BytesIO() as file:
        figure.savefig(file, format="png", dpi=figure.dpi * scale, **colours, **options)
        return file.getvalue()


def execute_cells(path: Path) -> list[bytes]:
    """Executes the cells in a fresh namespace of this process; the figures' pictures."""
    sources, settings = read_cells(path)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    pictures: list[bytes] = []
    for source in sources:
        exec(compile(source, str(path), "exec"), namespace)
        pictures += draw_open_figures(settings)
    return pictures
