"""What a Jupyter kernel made of a notebook, beside what an engine made of it, cell by cell.

A cell's outputs are taken apart into *facts*: the number of outputs, the type and the MIME types of each, every line
of a text, the pixels of a picture.  A fact in which runs of a kernel differ from each other is not held against an
engine; the other facts of that cell are.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

from PIL import Image

Document = dict[str, Any]
#: Where in a cell a fact is found: ``(output, MIME type, line)`` or shorter.
Place = tuple[Any, ...]
Facts = dict[Place, Any]
#: In place of a cell's index: what is said of the notebook as a whole.
WHOLE = -1

_VARIES = (
    (re.compile(r"\x1b\[[\d;]*m"), ""),
    (re.compile(r"0x[0-9a-f]{6,}"), "0x…"),
    (re.compile(r"/tmp/ipykernel_\d+/\d+\.py"), "<cell>"),
    (re.compile(r"\(\d+\.py, line"), "(<cell>, line"),  # named after a hash of the cell
    (
        re.compile(r"(?m)^File \S*(/ipykernel/|/engine/host/|_nbdash_host)(.+\n)+"),
        "",
    ),  # frames of what runs the cell
)
_PICTURES = ("image/png", "image/jpeg")
_RANDOM_ID = re.compile(r"^[0-9a-f]{32}$")
_MISSING = object()


@dataclass(frozen=True, kw_only=True)
class Executed:
    """A notebook after a run, in JSON's own types."""

    document: Document
    #: Of each cell that displays with an id, or updates one: kind and id, in order.
    displays: dict[str, list[list[str]]]
    ending: str  #: ``end``; ``death`` of the process; ``timeout`` of a cell; else an engine's own cause

    @cached_property
    def facts(self) -> dict[int, Facts]:
        """By the index of a code cell, and of the :data:`WHOLE`."""
        cells = self.document["cells"]
        indices = [index for index, cell in enumerate(cells) if cell["cell_type"] == "code"]
        return {WHOLE: _whole_facts(self)} | {index: _cell_facts(self, index) for index in indices}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A fact that an engine made otherwise than every run of a kernel."""

    cell: int
    place: str
    kernel: str
    engine: str


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One notebook's result."""

    cells: int
    outputs: int
    figures: int
    varying_cells: int  #: in which runs of a kernel differ in anything
    varying_figures: int
    differences: list[Difference]


def compare(engine: Executed, kernels: list[Executed]) -> Compared:
    """What differs, where runs of a kernel do not differ among themselves."""
    expected = kernels[0].facts
    varying = {index: _varying([each.facts[index] for each in kernels]) for index in expected}
    found = [
        each for index in expected for each in _differences(index, expected[index], engine.facts[index], varying[index])
    ]
    pictures = [(index, place) for index, facts in expected.items() for place in facts if _is_picture(place)]
    return Compared(
        cells=len(expected) - 1,
        outputs=sum(len(cell.get("outputs", ())) for cell in kernels[0].document["cells"]),
        figures=len(pictures),
        varying_cells=sum(bool(varying[index]) for index in expected if index != WHOLE),
        varying_figures=sum(_is_within(place, varying[index]) for index, place in pictures),
        differences=found,
    )


def unequal_cells(one: Document, other: Document) -> set[int]:
    """The code cells whose outputs differ in anything."""
    left, right = (Executed(document=each, displays={}, ending="end") for each in (one, other))
    return {index for index, facts in left.facts.items() if index != WHOLE and facts != right.facts[index]}


def _whole_facts(executed: Executed) -> Facts:
    return {("ending",): executed.ending, **_widget_facts(executed.document)}


def _cell_facts(executed: Executed, index: int) -> Facts:
    """Everything about a cell's outputs that a reader, or a program, can see."""
    cell = executed.document["cells"][index]
    outputs = list(_outputs_of(cell))
    facts: Facts = {("execution count",): cell["execution_count"], ("outputs",): len(outputs)}
    if displays := executed.displays.get(str(index)):
        facts[("display ids",)] = _numbered(displays)
    for number, (kind, about, contents) in enumerate(outputs, start=1):
        facts[number, "type"] = kind
        facts[number, "metadata"] = about
        facts[number, "MIME types"] = sorted(contents)
        for name, content in contents.items():
            facts |= {(number, name, *place): value for place, value in _content_facts(name, content)}
    return facts


def _widget_facts(document: Document) -> Facts:
    """The state of every widget, as nbclient stores it; widgets are told apart by their order."""
    widgets = document["metadata"].get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {})
    models = widgets.get("state", {})
    facts: Facts = {("widgets",): len(models)}
    names = {name: f"widget {number}" for number, name in enumerate(models, start=1)}
    for name, model in models.items():
        text = json.dumps(model, sort_keys=True)
        for each, told in names.items():
            text = text.replace(each, told)
        facts[names[name],] = text
    return facts


def _differences(index: int, want: Facts, got: Facts, varying: set[Place]) -> Iterator[Difference]:
    for place in sorted(_unequal(want, got), key=str):
        if not _is_within(place, varying):
            kernel, engine = (_told(facts.get(place, _MISSING)) for facts in (want, got))
            yield Difference(cell=index, place=" · ".join(map(str, place)), kernel=kernel, engine=engine)


def _varying(runs: list[Facts]) -> set[Place]:
    """The facts in which runs differ; where there are as many lines, or outputs, as it happens: what is in them."""
    places = {place for run in runs[1:] for place in _unequal(runs[0], run)}
    if ("outputs",) in places:
        return {()}
    return places | {place[:-1] for place in places if place[-1] == "lines"}


def _unequal(one: Facts, other: Facts) -> set[Place]:
    return {place for place in one.keys() | other.keys() if one.get(place, _MISSING) != other.get(place, _MISSING)}


def _is_within(place: Place, places: set[Place]) -> bool:
    return any(place[:length] in places for length in range(len(place) + 1))


def _is_picture(place: Place) -> bool:
    return (len(place) == 2 and str(place[1]).startswith("image/")) or place[1:] == ("image/svg+xml", "lines")


def _told(value: Any) -> str:
    text = "nothing" if value is _MISSING else str(value)
    return text if len(text) <= 500 else f"{text[:250]} … {text[-250:]}"


def _outputs_of(cell: dict[str, Any]) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Type, metadata and contents of each output."""
    for is_stream, group in groupby(cell["outputs"], key=lambda output: output["output_type"] == "stream"):
        for output in _streams(list(group)) if is_stream else group:
            yield _output_of(output)


def _streams(outputs: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """A kernel's two streams have no order between them; each has its text."""
    for name in ("stdout", "stderr"):
        if text := "".join(output["text"] for output in outputs if output["name"] == name):
            yield {"output_type": "stream", "name": name, "text": text}


def _output_of(output: dict[str, Any]) -> tuple[str, Any, dict[str, Any]]:
    kind = output["output_type"]
    if kind == "stream":
        return kind, None, {output["name"]: output["text"]}
    if kind == "error":
        traceback = _frames(_steady("\n".join(output["traceback"])))
        return kind, None, {"ename": output["ename"], "evalue": output["evalue"], "traceback": traceback}
    return kind, [output["metadata"], output.get("execution_count")], output["data"]


def _frames(traceback: str) -> str:
    """Its frames; equal ones in a row are one, since a recursion's depth depends on what runs the cell."""
    frames = re.sub(r"\[\.\.\. skipping similar frames.*\]", "", traceback).split("\n\n")
    return "\n\n".join(frame for frame, _ in groupby(frame.strip() for frame in frames if frame.strip()))


def _content_facts(name: str, content: Any) -> Iterator[tuple[Place, Any]]:
    if name in _PICTURES:
        yield (), _pixels(content)
    elif isinstance(content, str) or (isinstance(content, list) and all(isinstance(each, str) for each in content)):
        lines = _steady("".join(content)).split("\n")
        yield ("lines",), len(lines)
        yield from (((number,), line) for number, line in enumerate(lines, start=1))
    else:
        yield (), json.dumps(content, sort_keys=True)


def _pixels(content: str) -> str:
    with Image.open(io.BytesIO(base64.b64decode(content))) as image:
        return f"{image.size} {hashlib.sha256(image.convert('RGBA').tobytes()).hexdigest()}"


def _numbered(displays: list[list[str]]) -> list[str]:
    """Ids that IPython drew by lot are told by their order."""
    drawn = {name: f"random id {n}" for n, name in enumerate(dict.fromkeys(i for _, i in displays if _is_random(i)))}
    return [f"{kind} {drawn.get(name, name)}" for kind, name in displays]


def _is_random(name: str) -> bool:
    return _RANDOM_ID.match(name) is not None


def _steady(text: str) -> str:
    for pattern, replacement in _VARIES:
        text = pattern.sub(replacement, text)
    return text
