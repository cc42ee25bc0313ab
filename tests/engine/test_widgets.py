"""The state of Jupyter widgets in an executed notebook, and what Output widgets catch."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from nbformat.v4 import new_code_cell, new_notebook

from nbdash.engine.budget import OutputBudget
from nbdash.engine.recorder import Recorder
from nbdash.model import CellStarted, EngineEvent, Limits, OutputAdded, OutputCleared, WidgetChanged

_KIND = "application/vnd.jupyter.widget-state+json"
_OUTPUT = {"_model_name": "OutputModel", "_model_module": "@jupyter-widgets/output", "outputs": []}


def changed(name: str, **state: Any) -> WidgetChanged:
    return WidgetChanged(index=0, name=name, state=state)


def text(content: str) -> OutputAdded:
    return OutputAdded(index=0, output={"output_type": "stream", "name": "stdout", "text": content})


def record(*events: EngineEvent) -> dict[str, Any]:
    recorder = Recorder(new_notebook(cells=[new_code_cell(""), new_code_cell("")]))
    for event in events:
        recorder.feed(event)
    return recorder.document()


def states(document: dict[str, Any]) -> dict[str, Any]:
    return {name: model["state"] for name, model in document["metadata"]["widgets"][_KIND]["state"].items()}


def test_a_notebook_without_widgets_says_nothing_of_them() -> None:
    assert "widgets" not in record(text("x"))["metadata"]


def test_a_state_is_what_all_changes_make_of_it() -> None:
    buffer = {"data": "AA==", "encoding": "base64", "path": ["value"]}
    document = record(
        changed("a", _model_name="IntSliderModel", _model_module="m", _model_module_version="2", value=1),
        WidgetChanged(index=0, name="a", state={"value": 2}, buffers=(buffer,)),
        changed("no model", value=3),
    )
    model = document["metadata"]["widgets"][_KIND]["state"].pop("a")
    assert document["metadata"]["widgets"][_KIND] == {"state": {}, "version_major": 2, "version_minor": 0}
    assert (model["model_name"], model["model_module"], model["model_module_version"]) == ("IntSliderModel", "m", "2")
    assert (model["state"]["value"], model["buffers"]) == (2, [buffer])


def test_an_output_widget_catches_what_is_put_out_meanwhile() -> None:
    document = record(
        changed("o", **_OUTPUT),
        text("before "),
        changed("o", msg_id="1"),
        text("a"),
        text("b"),
        changed("o", msg_id=""),
        text("after"),
    )
    assert [output["text"] for output in document["cells"][0]["outputs"]] == ["before after"]
    assert [output["text"] for output in states(document)["o"]["outputs"]] == ["ab"]


def test_output_widgets_clear_themselves_and_the_inner_one_catches() -> None:
    document = record(
        changed("outer", **_OUTPUT),
        changed("inner", **_OUTPUT),
        changed("outer", msg_id="1"),
        text("gone"),
        OutputCleared(index=0, wait=True),
        changed("inner", msg_id="1"),
        text("inner"),
        changed("inner", msg_id=""),
        text("stays"),
    )
    found = {name: [output["text"] for output in state["outputs"]] for name, state in states(document).items()}
    assert found == {"outer": ["stays"], "inner": ["inner"]}


def test_the_next_cell_is_not_caught() -> None:
    start = CellStarted(index=1, at=datetime.now(UTC))
    document = record(changed("o", **_OUTPUT), changed("o", msg_id="1"), start, text("free"))
    assert [output["text"] for output in document["cells"][0]["outputs"]] == ["free"]


def test_widgets_have_no_more_room_than_outputs() -> None:
    seen: list[EngineEvent] = []
    budget = OutputBudget(Limits(output_bytes=100), seen.append)
    for event in (changed("a", v="x" * 60), changed("a", v="y" * 60), changed("b", v="z" * 60), changed("c", v="z")):
        budget(event)
    assert [event.state["v"][0] for event in seen if isinstance(event, WidgetChanged)] == ["x", "y", "z"]
    assert [event.name for event in seen if isinstance(event, WidgetChanged)] == ["a", "a", "c"]
