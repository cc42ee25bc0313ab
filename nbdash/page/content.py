"""From an executed cell to what a viewer sees: blocks, and the bytes of figures and frames beside them.

Everything in a cell's outputs is untrusted.  Pictures are checked, HTML passes an allow-list or goes to a
sandboxed frame, text is stripped of control sequences and escaped by the templates.  Standard error and
tracebacks are never shown.
"""

from __future__ import annotations

import base64
import hashlib
import html as html_escapes
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from nbdash.model import Block, BlockKind, Card, CellKind, Figure, Output, ShownCard, Visibility
from nbdash.page.frames import frame_document
from nbdash.page.pictures import MAX_PIXELS, Picture, PictureError, read_picture
from nbdash.page.sanitize import clean_html, has_content, needs_frame, render_markdown
from nbdash.page.text import plain_text

MAX_HTML = 4 * 1024**2

#: Jupyter's order of preference, but a picture before its SVG (only pictures have URLs and thumbnails)
#: and before LaTeX (which is not typeset here).
PREFERENCE = (
    "text/html",
    "application/javascript",
    "text/markdown",
    "image/png",
    "image/jpeg",
    "image/svg+xml",
    "application/json",
    "text/plain",
    "text/latex",
)
_WIDGET = "application/vnd.jupyter.widget-view+json"
_WIDGET_NOTE = "An interactive widget is left out: it needs a live kernel."
_CHART_NOTE = "An interactive chart is left out: it has no form that a page can show."
_TOO_LONG_NOTE = "A table is left out: its HTML has more than 4 MiB."
_UNDRAWN_NOTE = "A figure is left out: it could not be drawn."
#: What stands in for a figure whose drawing failed.
_UNDRAWN = re.compile(r"<Figure size \S+ with \d+ Axes>")
#: What IPython's display objects print where their content cannot be shown.
_OBJECT = re.compile(r"<\S[^>]*\bobject(?: at 0x[0-9a-f]+)?>")
_OPTION_LINE = re.compile(r"\A(?:#\|.*\n?)+\n*")


def show_card(
    card: Card,
    cell: Mapping[str, Any],
    *,
    failed: bool = False,
    max_figures: int = 64,
    max_pixels: int = MAX_PIXELS,
) -> tuple[ShownCard, dict[str, bytes]]:
    """What the card shows of its executed cell (nbformat), and bytes by digest.

    No blocks mean that there is nothing to show, and the page leaves the card out.
    """
    builder = _Builder(card, cell, max_figures, max_pixels)
    if card.kind is CellKind.MARKDOWN:
        builder.add_markdown(_joined(cell.get("source", "")), _attachments(cell))
    else:
        builder.add_code_cell()
    return builder.shown(failed=failed), builder.blobs


class _Builder:
    """Collects the blocks of one card."""

    def __init__(self, card: Card, cell: Mapping[str, Any], max_figures: int, max_pixels: int) -> None:
        self.card = card
        self.cell = cell
        self.max_figures = max_figures
        self.max_pixels = max_pixels
        self.blocks: list[Block] = []
        self.blobs: dict[str, bytes] = {}
        self.frame_parts: list[str] = []
        self.left_out = 0
        self.facts = _figure_facts(cell)

    def shown(self, *, failed: bool) -> ShownCard:
        return ShownCard(card=self.card, title=self.title, blocks=tuple(self.blocks), failed=failed)

    @property
    def title(self) -> str | None:
        """The author's; else the first figure's own; else the nearest heading (Markdown brings its own)."""
        if self.card.title or self.card.kind is CellKind.MARKDOWN:
            return self.card.title
        return next((fact["title"] for fact in self.facts if fact.get("title")), self.card.heading)

    @property
    def figures(self) -> list[Figure]:
        return [block.figure for block in self.blocks if block.figure]

    def add_code_cell(self) -> None:
        if self.card.source is not Visibility.ABSENT:
            source = _OPTION_LINE.sub("", _joined(self.cell.get("source", "")))
            self.add(BlockKind.SOURCE, text=source)
        if self.card.output is Visibility.ABSENT:
            return
        for output, fact in _with_facts(self.cell.get("outputs", ()), self.facts):
            self.add_output(output, fact)
        self.end_frame()
        if self.left_out:
            self.note(f"{self.left_out} more figures are left out: a card shows at most {self.max_figures}.")

    def add_output(self, output: Output, fact: Mapping[str, str]) -> None:
        if output.get("output_type") == "stream":
            if output.get("name") == "stdout":
                self.add_text(_joined(output.get("text", "")), joins=True)
        elif output.get("output_type") in ("display_data", "execute_result"):
            self.add_bundle(output.get("data", {}), output.get("metadata", {}), fact)

    def add_bundle(self, data: Mapping[str, Any], metadata: Mapping[str, Any], fact: Mapping[str, str]) -> None:
        mime = choose_mime(data)
        content = data[mime] if mime else ""
        if mime in ("image/png", "image/jpeg"):
            self.add_picture(_joined(content), _mapping(metadata.get(mime)), fact)
        elif mime in ("text/html", "application/javascript"):
            self.add_html(_joined(data.get("text/html", "")), _joined(data.get("application/javascript", "")))
        elif mime == "image/svg+xml":
            self.add_svg(_joined(content), fact)
        elif mime == "text/markdown":
            self.add_markdown(_joined(content), {})
        elif mime == "application/json":
            self.add_text(json.dumps(content, indent=2, ensure_ascii=False, default=str))
        elif mime == "text/plain" and _UNDRAWN.fullmatch(_joined(content)):
            self.note(_UNDRAWN_NOTE)
        elif mime in ("text/plain", "text/latex"):
            self.add_text(_joined(content))
        elif mime:
            self.note(_WIDGET_NOTE if mime == _WIDGET else _CHART_NOTE)

    def add(self, kind: BlockKind, **content: Any) -> None:
        self.end_frame()
        self.blocks.append(Block(kind=kind, **content))

    def note(self, text: str) -> None:
        """A sentence of nbdash's own, once per card."""
        block = Block(kind=BlockKind.NOTE, text=text)
        if block not in self.blocks:
            self.blocks.append(block)

    def add_text(self, text: str, *, joins: bool = False) -> None:
        shown = plain_text(text)
        if not shown:
            return
        last = self.blocks[-1] if self.blocks else None
        if joins and last and last.kind is BlockKind.TEXT and not self.frame_parts:
            self.blocks[-1] = Block(kind=BlockKind.TEXT, text=plain_text(f"{last.text}\n{shown}"))
        else:
            self.add(BlockKind.TEXT, text=shown)

    def add_markdown(self, source: str, pictures: dict[str, str]) -> None:
        html = render_markdown(source, pictures)
        if html.strip():
            self.add(BlockKind.HTML, html=html)

    def add_html(self, html: str, javascript: str) -> None:
        if len(html) + len(javascript) > MAX_HTML:
            self.note(_TOO_LONG_NOTE)
        elif javascript or needs_frame(html):
            self.add_to_frame(html, javascript)
        elif has_content(html):
            self.add(BlockKind.HTML, html=clean_html(html))

    def add_to_frame(self, html: str, javascript: str = "") -> None:
        """Scripted outputs in a row share one frame: the first is often the library of the next."""
        if not javascript and not has_content(html):
            return
        self.frame_parts.append(html)
        if javascript:
            self.frame_parts.append("<script>" + javascript.replace("</", "<\\/") + "</script>")

    def end_frame(self) -> None:
        if self.frame_parts:
            document = frame_document("\n".join(self.frame_parts), title=self.title or self.card.name)
            self.frame_parts = []
            self.blocks.append(Block(kind=BlockKind.FRAME, digest=self.keep(document.encode())))

    def add_svg(self, svg: str, fact: Mapping[str, str]) -> None:
        """As a picture inside a frame, where neither its scripts nor its links work."""
        if len(svg) > MAX_HTML:
            return self.note("A figure is left out: its SVG has more than 4 MiB.")
        alt = html_escapes.escape(fact.get("alt") or self.card.alt or self.title or "Figure")
        source = base64.b64encode(svg.encode()).decode()
        self.add_to_frame(f'<img alt="{alt}" src="data:image/svg+xml;base64,{source}">')
        return None

    def add_picture(self, encoded: str, metadata: Mapping[str, Any], fact: Mapping[str, str]) -> None:
        try:
            picture = read_picture(encoded, self.max_pixels)
        except PictureError as error:
            return self.note(str(error))
        digest = hashlib.sha256(picture.data).hexdigest()
        if digest in self.blobs:  # the same figure, returned and also flushed
            return None
        if len(self.figures) >= self.max_figures:
            self.left_out += 1
            return None
        figure = self.figure_of(picture, metadata, fact)
        self.keep(picture.data)
        return self.add(BlockKind.FIGURE, figure=figure)

    def figure_of(self, picture: Picture, metadata: Mapping[str, Any], fact: Mapping[str, str]) -> Figure:
        number = len(self.figures) + 1
        first = number == 1
        base = self.title or self.card.heading or self.card.name
        title = fact.get("title") or (base if first else f"{base} ({number})")
        own = _text(metadata.get("alt")) or (self.card.alt if first else None)
        width, height = _css_size(picture, metadata)
        return Figure(
            name=self.card.name if first else f"{self.card.name}-{number}",
            title=self.card.title if first and self.card.title else title,
            alt=own or fact.get("alt") or f"Figure: {title}",
            alt_is_generated=own is None,
            mime=picture.mime,
            width=width,
            height=height,
            digest=hashlib.sha256(picture.data).hexdigest(),
        )

    def keep(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        self.blobs[digest] = data
        return digest


def choose_mime(data: Mapping[str, Any]) -> str | None:
    """The type of a MIME bundle that is shown; one of no known type is told in a note."""
    if _WIDGET in data and "text/html" not in data:
        return _WIDGET
    known = [mime for mime in PREFERENCE if mime in data]
    if known and known[0] == "text/plain" and _OBJECT.fullmatch(_joined(data["text/plain"]).strip()):
        known = known[1:]
    charts = [mime for mime in data if mime.startswith("application/vnd.")]
    if charts and known in ([], ["text/plain"]):
        return charts[0]
    return known[0] if known else None


def _joined(value: Any) -> str:
    """nbformat's multi-line string."""
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _figure_facts(cell: Mapping[str, Any]) -> list[dict[str, str]]:
    """What the figures knew about themselves when they were drawn, in order of the image outputs."""
    facts = _mapping(_mapping(cell.get("metadata")).get("nbdash")).get("figures")
    if not isinstance(facts, list):
        return []
    return [{key: text for key in ("title", "alt") if (text := _text(_mapping(fact).get(key)))} for fact in facts]


def _with_facts(outputs: list[Output], facts: list[dict[str, str]]) -> Iterator[tuple[Output, dict[str, str]]]:
    images = 0
    for output in outputs:
        is_image = any(mime.startswith("image/") for mime in _mapping(output.get("data")))
        yield output, facts[images] if is_image and images < len(facts) else {}
        images += is_image


def _attachments(cell: Mapping[str, Any]) -> dict[str, str]:
    """A Markdown cell's pasted pictures as data URLs, by name."""
    return {
        name: f"data:{mime};base64,{_joined(data)}"
        for name, bundle in _mapping(cell.get("attachments")).items()
        for mime, data in _mapping(bundle).items()
        if mime in ("image/png", "image/jpeg")
    }


def _css_size(picture: Picture, metadata: Mapping[str, Any]) -> tuple[int, int]:
    """The author's size in CSS pixels (half the picture's for a retina figure), else the picture's own."""
    width, height = _side(metadata.get("width")), _side(metadata.get("height"))
    if width and height:
        return width, height
    if width:
        return width, max(1, round(width * picture.height / picture.width))
    if height:
        return max(1, round(height * picture.width / picture.height)), height
    return picture.width, picture.height


def _side(value: Any) -> int | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return round(value) if is_number and 1 <= value <= 20_000 else None
