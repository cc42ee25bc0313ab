"""Hostile notebooks: every payload in every field and every type of output that may reach a page.

A *place* is one notebook with one card per payload.  What its cells put out is at hand for the engine that
plays a script, and stands in the file too, for the export.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nbdash.engine.memory import Scripted
from nbdash.model import CellError, Output, OutputAdded
from tests.web.web_site import make_png
from tests.xss.payloads import Payload

SPEC = {"name": "python3", "display_name": "Python 3", "language": "python"}


@dataclass(frozen=True, kw_only=True)
class Made:
    """One hostile cell: nbformat's fields of it, and what it puts out."""

    outputs: Sequence[Output] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    #: What a figure knows about itself, which comes at run time.
    facts: Mapping[str, str] = field(default_factory=dict)
    error: CellError | None = None
    source: str = ""
    markdown: str | None = None
    attachments: Mapping[str, Any] | None = None
    heading: str | None = None  #: a Markdown cell before it


Place = Callable[[Payload], Made]


def bundle(data: Mapping[str, Any], **metadata: Any) -> Output:
    """A ``display_data`` output."""
    return {"output_type": "display_data", "data": dict(data), "metadata": metadata}


def only(mime: str, content: Callable[[str], Any] = str) -> Place:
    """A place where the payload is the content of one type, with a plain form beside it as kernels send it."""
    return lambda payload: Made(outputs=[bundle({mime: content(payload.text), "text/plain": payload.text})])


def stream(name: str) -> Place:
    """A place where the payload is printed."""
    return lambda payload: Made(outputs=[{"output_type": "stream", "name": name, "text": payload.text + "\n"}])


def polyglot(payload: Payload, size: int = 4) -> str:
    """A PNG of a shade of its own that is followed by the payload; base64."""
    return base64.b64encode(make_png(size, size, payload.id % 256) + payload.text.encode()).decode()


# --- fields ---


def texts(payload: Payload) -> Made:
    """Whatever an author can write about a cell, and what its figure says about itself."""
    text = payload.text
    return Made(
        source=f"# {text.splitlines()[0]}",
        metadata={
            "tags": [text[:100].replace(",", " ")],
            "nbdash": {"title": text, "caption": text, "alt": text, "label": text, text[:50]: text},
            "mystnb": {"image": {"alt": text}, "figure": {"caption": text, "name": text}},
        },
        outputs=[_picture(payload)],
        facts={"title": text, "alt": text},
    )


def figures(payload: Payload) -> Made:
    """A figure without a title of its author's: its own, made when it was drawn, is shown."""
    text = payload.text
    return Made(outputs=[_picture(payload)], facts={"title": text, "alt": text}, heading=text)


def headings(payload: Payload) -> Made:
    """Section headings, as text and as code, and a card without another title."""
    line = payload.text.replace("\n", " ")
    return Made(outputs=[bundle({"text/plain": "7"})], heading=f"## {line}\n\n## `` {line} ``")


def sources(payload: Payload) -> Made:
    """A cell's source, where its author shows it, and options among its comments."""
    line = json.dumps(payload.text)
    return Made(
        source=f"#| echo: true\n#| title: {line}\n#| fig-cap: {line}\n#| fig-alt: {line}\n#| label: {line}\n"
        + "\n".join(f"# {line}" for line in payload.text.splitlines()),
        outputs=[bundle({"text/plain": "7"})],
    )


def _picture(payload: Payload) -> Output:
    """A picture whose metadata are hostile."""
    text = payload.text
    about = {"width": text, "height": f"1{text}", "alt": text, text[:40]: text, "needs_background": text}
    return bundle({"image/png": polyglot(payload), "text/plain": text}, **{"image/png": about}, title=text)


# --- outputs ---


def scripted_html(payload: Payload) -> Made:
    """HTML that needs script, so it gets a frame."""
    html = f"<script>X('frame {payload.id}')</script>{payload.text}"
    return Made(outputs=[bundle({"text/html": html, "text/plain": payload.text})])


def javascript(payload: Payload) -> Made:
    """A script, with the payload in its text."""
    code = f"X('script {payload.id}'); /* {payload.text} */ '{payload.text}'"
    return Made(outputs=[bundle({"application/javascript": code, "text/plain": payload.text})])


def vega(payload: Payload) -> Made:
    """Several types of one output at once, as charts send them."""
    data = {"application/vnd.vegalite.v5+json": {"title": payload.text}, "text/markdown": payload.text}
    return Made(outputs=[bundle({**data, "text/plain": payload.text, "text/latex": payload.text})])


def failures(payload: Payload) -> Made:
    """An error that its author lets pass."""
    return Made(
        metadata={"tags": ["raises-exception"]},
        outputs=[bundle({"text/plain": payload.text})],
        error=CellError(ename=payload.text, evalue=payload.text, traceback=(payload.text, f"\x1b[31m{payload.text}")),
    )


def markdown_cells(payload: Payload) -> Made:
    """The author's own text."""
    return Made(markdown=payload.text)


def attachments(payload: Payload) -> Made:
    """A pasted picture whose name, type and data are hostile."""
    text = payload.text
    files = {
        "x.png": {"image/png": f'AAAA" onerror="X({payload.id})'},
        "y.png": {"image/png": f"AAAA) {text}"},
        "z.svg": {"image/svg+xml": text, text[:40]: text},
        text[:40]: {"image/png": polyglot(payload)},
    }
    return Made(
        markdown=f"![a](attachment:x.png) ![b](attachment:y.png) ![c](attachment:z.svg)\n\n{text}", attachments=files
    )


def wrapped_svg(text: str) -> str:
    """A drawing that says so."""
    return f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">{text}</svg>'


def in_json(text: str) -> Any:
    """JSON with it in names and values."""
    return {text: [text, {"a": text}], "</script>": text}


PLACES: Mapping[str, Place] = {
    "texts": texts,
    "figures": figures,
    "headings": headings,
    "sources": sources,
    "plain": only("text/plain"),
    "html": only("text/html"),
    "html-scripted": scripted_html,
    "markdown": only("text/markdown"),
    "markdown-cells": markdown_cells,
    "attachments": attachments,
    "latex": only("text/latex"),
    "svg": only("image/svg+xml", wrapped_svg),
    "svg-raw": only("image/svg+xml"),
    "json": only("application/json", in_json),
    "javascript": javascript,
    "stdout": stream("stdout"),
    "stderr": stream("stderr"),
    "png": lambda payload: Made(outputs=[bundle({"image/png": payload.text, "image/jpeg": payload.text})]),
    "plotly": only("application/vnd.plotly.v1+json", in_json),
    "vega": vega,
    "widget": only("application/vnd.jupyter.widget-view+json", lambda text: {"model_id": text, "version_major": 2}),
    "failures": failures,
}

#: Places whose payloads are outputs that keep to themselves: several share a card, as a loop's do.
TOGETHER = 31
SHARED = frozenset(
    "plain markdown latex svg svg-raw json javascript stdout stderr png plotly vega widget types".split(),
)

#: Places where most payloads have a frame of their own.
FRAMED = frozenset({"html", "html-scripted"})

#: Types that no page of nbdash's shows, or only as text.
OTHER_TYPES = (
    "application/atom+xml application/dash+xml application/ecmascript application/epub+zip application/geo+json "
    "application/java-archive application/ld+json application/mathml+xml application/octet-stream application/pdf "
    "application/rdf+xml application/rtf application/schema+json application/soap+xml application/typescript "
    "application/vnd.bokehjs_exec.v0+json application/vnd.bokehjs_load.v0+json application/vnd.code.notebook.error "
    "application/vnd.dataresource+json application/vnd.jupyter.widget-state+json application/vnd.mozilla.xul+xml "
    "application/vnd.wap.xhtml+xml application/wasm application/x-ecmascript application/x-javascript "
    "application/x-shockwave-flash application/xhtml+xml application/xml application/xml-dtd application/xslt+xml "
    "application/zip audio/midi audio/mpeg font/woff2 image/apng image/avif image/bmp image/gif image/tiff image/webp "
    "image/x-icon message/rfc822 model/gltf+json multipart/related multipart/x-mixed-replace text/cache-manifest "
    "text/calendar text/css text/csv text/ecmascript text/html;charset=utf-7 text/javascript text/jscript text/mathml "
    "text/rtf text/tab-separated-values text/vbscript text/vcard text/vnd.mermaid text/x-component text/xml text/xsl "
    "TEXT/HTML text/html\x00 video/mp4 x/y"
).split(" ")


# --- notebooks ---


@dataclass(frozen=True, kw_only=True)
class Hostile:
    """A notebook, and what each of its cells does, by the last line of its source."""

    document: dict[str, Any]
    script: Mapping[str, Scripted]


def make_hostile(name: str, place: Place, payloads: Sequence[Payload]) -> Hostile:
    """One place's notebook: all the payloads there."""
    cells: list[dict[str, Any]] = []
    script: dict[str, Scripted] = {}
    size = TOGETHER if name in SHARED else 1
    for first in range(0, len(payloads), size):
        payload, *others = payloads[first : first + size]
        made = place(payload)
        outputs = [*made.outputs, *(output for other in others for output in place(other).outputs)]
        mark = f"put({name!r}, {payload.id})"
        if made.heading is not None:
            cells.append(_cell("markdown", f"h{payload.id}", made.heading, {}))
        cells.append(_cell_of(replace(made, outputs=outputs), mark, payload))
        script[mark] = Scripted(outputs=[_event(output, made) for output in outputs], error=made.error)
    return Hostile(document=document_of(cells, title=f"Place {name}"), script=script)


def document_of(cells: list[dict[str, Any]], **metadata: Any) -> dict[str, Any]:
    """nbformat 4.5 around the cells."""
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": SPEC, **metadata}, "cells": cells}


def _cell_of(made: Made, mark: str, payload: Payload) -> dict[str, Any]:
    metadata = json.loads(json.dumps(made.metadata))
    metadata["tags"] = ["dash", *metadata.get("tags", ())]
    if made.markdown is not None:
        cell = _cell("markdown", f"c{payload.id}", made.markdown, metadata)
        return cell | ({"attachments": dict(made.attachments)} if made.attachments else {})
    if made.facts:
        metadata.setdefault("nbdash", {})["figures"] = [dict(made.facts)]
    cell = _cell("code", f"c{payload.id}", f"{made.source}\n{mark}".lstrip("\n"), metadata)
    return cell | {"outputs": list(made.outputs), "execution_count": None}


def _cell(kind: str, id: str, source: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {"cell_type": kind, "id": id, "source": source, "metadata": dict(metadata)}


def _event(output: Output, made: Made) -> OutputAdded:
    return OutputAdded(index=0, output=output, title=made.facts.get("title"), alt=made.facts.get("alt"))


def moved(event: OutputAdded, index: int) -> OutputAdded:
    """The event, from the cell that it turned out to be."""
    return replace(event, index=index)


def named(payload: Payload) -> Hostile:
    """A notebook with the payload in its title and all that is said of its kernel, which then fails with it."""
    text = payload.text
    mark = f"fail({payload.id})"
    printed = [{"output_type": "stream", "name": name, "text": text} for name in ("stdout", "stderr")]
    error = CellError(ename=text, evalue=text, traceback=(text, f"\x1b[0;31m{text}\x1b[0m"))
    metadata = {"tags": ["dash", text[:100]], "nbdash": {"title": text}}
    cells = [
        _cell("code", "c0", f"{text.splitlines()[0]}\n{mark}", metadata) | {"outputs": [], "execution_count": None}
    ]
    document = document_of(
        cells,
        title=text,
        authors=[{"name": text}],
        kernelspec={"name": "python3", "display_name": text, "language": text},
        nbdash={"title": text, text[:40]: text},
    )
    return Hostile(document=document, script={mark: Scripted(outputs=printed, error=error)})


def parametrised(payloads: Sequence[Payload]) -> Hostile:
    """A notebook with a parameter per payload: in its default, its type and its help."""
    lines = ["text = 'x'  # help", "number = 7"]
    for payload in payloads:
        kind = json.dumps(payload.text)
        lines.append(f"p{payload.id}: {kind} = {payload.text!r}  # {payload.text.splitlines()[0]}")
        lines.append(f"q{payload.id} = f({payload.text!r})")
    parameters = _cell("code", "p", "\n".join(lines), {"tags": ["parameters"]})
    card = _cell("code", "c", "show()", {"tags": ["dash"]})
    cells = [each | {"outputs": [], "execution_count": None} for each in (parameters, card)]
    return Hostile(document=document_of(cells), script={"show()": Scripted(outputs=[bundle({"text/plain": "7"})])})


def unreadable(payload: Payload) -> list[str]:
    """Contents of files that are no notebooks, for the payload to turn up in what is said about them."""
    text = payload.text
    cell = {"cell_type": text, "metadata": {}, "source": text}
    return [
        json.dumps({"nbformat": text, "cells": [], "metadata": {}}),
        json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}),
        text,
    ]
