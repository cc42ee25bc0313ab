"""The recorder: events in, nbformat 4.5 out, by nbclient's rules."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import nbformat
import pytest

from nbdash.engine.recorder import Recorder
from nbdash.model import (
    CellEnded,
    CellError,
    CellStarted,
    DisplayUpdated,
    EngineEvent,
    OutputAdded,
    OutputCleared,
)

NOON = datetime(2026, 3, 1, 12, 0, 0, 250, tzinfo=UTC)
PNG = {"image/png": "iVBORw0KGgo="}


def make_document(*kinds: str) -> dict[str, Any]:
    makers = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
    document = nbformat.v4.new_notebook(cells=[makers[kind]("x") for kind in kinds])
    return nbformat.from_dict(document)


def text(content: str, name: str = "stdout", index: int = 0) -> OutputAdded:
    return OutputAdded(index=index, output={"output_type": "stream", "name": name, "text": content})


def shown(data: dict[str, Any], index: int = 0, **about: Any) -> OutputAdded:
    output = {"output_type": "display_data", "data": data, "metadata": {}}
    return OutputAdded(index=index, output=output, **about)


def record(*events: EngineEvent, kinds: tuple[str, ...] = ("code",)) -> Recorder:
    recorder = Recorder(make_document(*kinds))
    for event in events:
        recorder.feed(event)
    return recorder


def test_streams_of_one_name_in_a_row_are_one_output() -> None:
    recorder = record(text("a"), text("b"), text("!", "stderr"), text("c"), shown({"text/plain": "1"}), text("d"))
    assert [(o["output_type"], o.get("name"), o.get("text")) for o in recorder.outputs(0)] == [
        ("stream", "stdout", "ab"),
        ("stream", "stderr", "!"),
        ("stream", "stdout", "c"),
        ("display_data", None, None),
        ("stream", "stdout", "d"),
    ]


def test_clear_output_acts_at_once() -> None:
    assert record(text("old"), OutputCleared(index=0, wait=False)).outputs(0) == []


def test_clear_output_wait_acts_with_the_next_output() -> None:
    recorder = record(text("old"), OutputCleared(index=0, wait=True))
    assert [o["text"] for o in recorder.outputs(0)] == ["old"]
    recorder.feed(text("new"))
    assert [o["text"] for o in recorder.outputs(0)] == ["new"]


def test_a_clear_at_once_overrides_a_waiting_one() -> None:
    recorder = record(text("1"), OutputCleared(index=0, wait=True), OutputCleared(index=0, wait=False))
    recorder.feed(text("2"))
    recorder.feed(text("3"))
    assert [o["text"] for o in recorder.outputs(0)] == ["23"]


def test_a_waiting_clear_does_not_reach_the_next_cell() -> None:
    recorder = record(text("kept"), OutputCleared(index=0, wait=True), text("next", index=1), kinds=("code", "code"))
    assert [recorder.outputs(i)[0]["text"] for i in (0, 1)] == ["kept", "next"]


def test_update_display_reaches_every_cell() -> None:
    recorder = record(
        shown({"text/plain": "one"}, display_id="d"),
        shown({"text/plain": "other"}, display_id="e"),
        shown({"text/plain": "one"}, index=1, display_id="d"),
        DisplayUpdated(index=1, display_id="d", data={"text/plain": "two"}, metadata={"m": 1}),
        DisplayUpdated(index=1, display_id="unknown", data={"text/plain": "three"}, metadata={}),
        kinds=("code", "code"),
    )
    assert [o["data"]["text/plain"] for o in recorder.outputs(0)] == ["two", "other"]
    assert recorder.outputs(1)[0]["data"] == {"text/plain": "two"}
    assert recorder.outputs(1)[0]["metadata"] == {"m": 1}


def test_a_display_id_used_again_updates_the_older_output() -> None:
    recorder = record(
        shown({"text/plain": "old"}, display_id="d"),
        shown({"text/plain": "new"}, index=1, display_id="d"),
        kinds=("code", "code"),
    )
    assert [recorder.outputs(i)[0]["data"]["text/plain"] for i in (0, 1)] == ["new", "new"]


def test_a_cleared_display_is_not_updated() -> None:
    recorder = record(
        shown({"text/plain": "old"}, display_id="d"),
        OutputCleared(index=0, wait=False),
        shown({"text/plain": "fresh"}),
        DisplayUpdated(index=0, display_id="d", data={"text/plain": "no"}, metadata={}),
    )
    assert [o["data"]["text/plain"] for o in recorder.outputs(0)] == ["fresh"]


def test_the_document_is_valid_and_complete() -> None:
    failure = CellError(ename="E", evalue="v", traceback=("line",))
    error = {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["line"]}
    result = {
        "output_type": "execute_result",
        "data": {"text/plain": "1"},
        "metadata": {},
        "execution_count": 1,
    }
    recorder = record(
        CellStarted(index=1, at=NOON),
        text("hello", index=1),
        OutputAdded(index=1, output=result),
        shown(PNG, index=1),
        CellEnded(index=1, at=NOON, seconds=1.5, execution_count=1),
        CellStarted(index=2, at=NOON),
        OutputAdded(index=2, output=error),
        CellEnded(index=2, at=NOON, seconds=0.1, execution_count=2, error=failure),
        kinds=("markdown", "code", "code", "code"),
    )
    document = recorder.document()
    nbformat.validate(document)
    assert [cell.get("execution_count") for cell in document["cells"]] == [None, 1, 2, None]
    assert [len(cell.get("outputs", [])) for cell in document["cells"]] == [0, 3, 1, 0]


def test_timing_is_written_as_nbclient_writes_it() -> None:
    recorder = record(CellStarted(index=0, at=NOON), CellEnded(index=0, at=NOON, seconds=0, execution_count=1))
    stamp = "2026-03-01T12:00:00.000250Z"
    assert recorder.document()["cells"][0]["metadata"]["execution"] == {
        "iopub.status.busy": stamp,
        "iopub.execute_input": stamp,
        "shell.execute_reply": stamp,
        "iopub.status.idle": stamp,
    }


def test_what_figures_know_stands_beside_them_in_order() -> None:
    recorder = record(
        shown(PNG, title="First", alt="a line"),
        shown({"text/plain": "between"}),
        shown({"image/svg+xml": "<svg/>", "text/plain": "x"}, title="Second"),
    )
    assert recorder.document()["cells"][0]["metadata"]["nbdash"]["figures"] == [
        {"title": "First", "alt": "a line"},
        {"title": "Second", "alt": None},
    ]


def test_an_earlier_run_leaves_no_trace() -> None:
    document = make_document("code")
    cell = document["cells"][0]
    cell["outputs"] = [nbformat.v4.new_output("stream", text="old")]
    cell["execution_count"] = 7
    cell["metadata"] = {"execution": {"iopub.status.idle": "x"}, "nbdash": {"title": "T", "figures": [{}]}}
    fresh = Recorder(document).document()["cells"][0]
    assert (fresh["outputs"], fresh["execution_count"]) == ([], None)
    assert fresh["metadata"] == {"nbdash": {"title": "T"}}
    assert cell["execution_count"] == 7, "the given document is never changed"


def test_a_document_is_the_callers_own() -> None:
    recorder = record(shown(PNG))
    recorder.document()["cells"][0]["outputs"][0]["data"].clear()
    recorder.outputs(0)[0]["data"] = {}
    assert recorder.outputs(0)[0]["data"] == PNG


@pytest.mark.parametrize("content", ["whole", ["who", "le"]])
def test_both_forms_of_multi_line_text_are_taken(content: Any) -> None:
    assert record(text(content)).outputs(0)[0]["text"] == "whole"
