"""The figures of an executed notebook, and pictures in a form in which equal means: every pixel is."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from PIL import Image

HTML = "HTML comes beside the picture, and the page shows that, as Jupyter does"
SVG = "it is SVG alone, which the page shows in a frame"
REPEATED = "it comes again in the same cell, and the page shows it once"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One output with an image."""

    cell: int
    pixels: str
    #: Why a page does not count it among its figures; empty for most.
    elsewhere: str


def figures_in(document: dict[str, Any]) -> list[Figure]:
    """Every output with an image, in order."""
    return [
        figure
        for index, cell in enumerate(document["cells"])
        if cell["cell_type"] == "code"
        for figure in _cell_figures(index, cell["outputs"])
    ]


def pixels(picture: bytes) -> str:
    """Size and colours of a PNG or JPEG."""
    with Image.open(io.BytesIO(picture)) as image:
        return f"{image.size} {hashlib.sha256(image.convert('RGBA').tobytes()).hexdigest()}"


def _cell_figures(index: int, outputs: list[dict[str, Any]]) -> Iterator[Figure]:
    seen: set[str] = set()
    for output in outputs:
        data = output.get("data", {})
        encoded = data.get("image/png") or data.get("image/jpeg")
        if not encoded and "image/svg+xml" not in data:
            continue
        content = pixels(base64.b64decode(encoded)) if encoded else "".join(data["image/svg+xml"])
        elsewhere = HTML if "text/html" in data else "" if encoded else SVG
        if not elsewhere and content in seen:
            elsewhere = REPEATED
        seen.add(content)
        yield Figure(cell=index, pixels=content, elsewhere=elsewhere)
