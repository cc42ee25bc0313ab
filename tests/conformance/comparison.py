"""What a Jupyter kernel made of a notebook, beside what an engine made of it, cell by cell.

The oracle is plain nbclient.  What differs between two of *its* runs is not held against an engine:
there only the kinds of outputs and their order count.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import io
import re
import threading
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from PIL import Image

from nbdash.engine.base import Engine
from nbdash.engine.recorder import Recorder
from nbdash.model import CellJob, Job, Limits

Document = dict[str, Any]
#: A cell as compared: its execution count and its outputs in a comparable form.
Comparable = tuple[int | None, list[tuple[Any, ...]]]

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

REPEATS = 3


def run_oracle(document: Document, folder: Path) -> Document:
    """Execute with nbclient, as ``jupyter execute`` does; an untagged error ends it."""
    notebook = nbformat.from_dict(copy.deepcopy(document))
    client = NotebookClient(notebook, resources={"metadata": {"path": str(folder)}}, allow_errors=True)
    client.execute()
    return notebook


def run_engine(engine: Engine, document: Document, folder: Path) -> Document:
    """Execute with an engine, through the recorder, the cells that nbclient executes."""
    cells = tuple(
        CellJob(index=index, source=cell["source"], title=f"cell {index + 1}", may_raise=True)
        for index, cell in enumerate(document["cells"])
        if cell["cell_type"] == "code" and "skip-execution" not in cell["metadata"].get("tags", ())
    )
    recorder = Recorder(document)
    job = Job(run_id="conformance", cells=cells, folder=folder, limits=Limits(run_seconds=170, figures=10_000))
    outcome = engine.execute(job, recorder.feed, threading.Event())
    assert outcome.failure is None, outcome.failure
    return recorder.document()


def differences(expected: Document, actual: Document, again: Callable[[], Document]) -> list[str]:
    """A sentence per cell that differs; ``again`` runs the oracle once more, if there is any.

    Two kernels may print the same time by chance, so what has not varied yet is run :data:`REPEATS` times.
    """
    found = list(_differing(expected, actual))
    unsteady: set[int] = set()
    for _ in range(REPEATS):
        if all(index in unsteady for index, *_ in found):
            break
        unsteady |= {index for index, *_ in _differing(expected, again())}
    return [
        f"{expected['cells'][index]['source']}\n-- a kernel gives {want}\n-- the engine {got}"
        for index, want, got in found
        if index not in unsteady or _kinds(want) != _kinds(got)
    ]


def _differing(one: Document, other: Document) -> Iterator[tuple[int, Comparable, Comparable]]:
    for index, (left, right) in enumerate(zip(one["cells"], other["cells"], strict=True)):
        if left["cell_type"] == "code" and comparable(left) != comparable(right):
            yield index, comparable(left), comparable(right)


def _kinds(cell: Comparable) -> list[Any]:
    return [(output[0], sorted(output[1]) if isinstance(output[1], dict) else None) for output in cell[1]]


def comparable(cell: dict[str, Any]) -> Comparable:
    """A cell's outputs in a form in which equal means: a reader sees the same."""
    outputs: list[tuple[Any, ...]] = []
    for is_stream, group in groupby(cell["outputs"], key=lambda output: output["output_type"] == "stream"):
        members = list(group)
        outputs += _streams(members) if is_stream else map(_output, members)
    return cell["execution_count"], outputs


def _streams(outputs: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """A kernel's two streams have no order between them; each has its text."""
    texts = {name: "".join(o["text"] for o in outputs if o["name"] == name) for name in ("stdout", "stderr")}
    return [(name, _steady(text)) for name, text in texts.items() if text]


def _output(output: dict[str, Any]) -> tuple[Any, ...]:
    if output["output_type"] == "error":
        traceback = _frames(_steady("\n".join(output["traceback"])))
        return ("error", output["ename"], _steady(output["evalue"]), traceback)
    data = {mime: _content(mime, value) for mime, value in output["data"].items()}
    return (output["output_type"], data, output["metadata"], output.get("execution_count"))


def _frames(traceback: str) -> list[str]:
    """Its frames; equal ones in a row are one, since a recursion's depth depends on what runs the cell."""
    frames = re.sub(r"\[\.\.\. skipping similar frames.*\]", "", traceback).split("\n\n")
    return [frame for frame, _ in groupby(frame.strip() for frame in frames if frame.strip())]


def _content(mime: str, value: Any) -> Any:
    if mime in ("image/png", "image/jpeg"):
        return _pixels(value)
    return _steady("".join(value)) if isinstance(value, (str, list)) else value


def _pixels(content: str) -> tuple[tuple[int, int], str]:
    with Image.open(io.BytesIO(base64.b64decode(content))) as image:
        return image.size, hashlib.sha256(image.convert("RGBA").tobytes()).hexdigest()


def _steady(text: str) -> str:
    for pattern, replacement in _VARIES:
        text = pattern.sub(replacement, text)
    return text
