"""The limits on outputs: head and tail of text, notes for the rest, and what is cleared counts no more."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from nbdash.engine.budget import TAIL_CHARACTERS, OutputBudget
from nbdash.engine.recorder import Recorder
from nbdash.model import CellEnded, CellError, CellStarted, DisplayUpdated, EngineEvent, Limits, OutputAdded
from nbdash.model import OutputCleared as Cleared

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ENDED = CellEnded(index=0, at=NOW, seconds=0, execution_count=1)


def outputs_of(*events: EngineEvent, **limits: int) -> list[dict[str, Any]]:
    cell = {"cell_type": "code", "metadata": {}, "source": ""}
    recorder = Recorder({"cells": [cell], "metadata": {}})
    budget = OutputBudget(Limits(**limits), recorder.feed)
    for event in (CellStarted(index=0, at=NOW), *events):
        budget(event)
    return recorder.outputs(0)


def text(content: str, name: str = "stdout") -> OutputAdded:
    return OutputAdded(index=0, output={"output_type": "stream", "name": name, "text": content})


def figure(content: str = "x") -> OutputAdded:
    return OutputAdded(index=0, output={"output_type": "display_data", "data": {"image/png": content}, "metadata": {}})


def test_within_the_limits_everything_passes_unchanged() -> None:
    outputs = outputs_of(text("a"), figure(), text("b"), ENDED, output_bytes=100)
    assert [o.get("text") for o in outputs] == ["a", None, "b"]


def test_a_long_text_keeps_its_head_and_its_tail() -> None:
    lines = [text(f"{i:07}\n") for i in range(20_000)]
    (output,) = outputs_of(*lines, ENDED, output_bytes=8_000)
    head, _, tail = output["text"].partition("\n[… ")
    assert head.startswith("0000000\n") and len(head) == 8_000
    assert tail.endswith("0019999\n") and "KiB left out …]" in tail
    assert len(tail) < TAIL_CHARACTERS + 100


def test_a_text_in_one_piece_is_cut_like_one_in_many() -> None:
    (output,) = outputs_of(text("x" * 1_000_000 + "end"), ENDED, output_bytes=1_000)
    assert len(output["text"]) < 1_000 + TAIL_CHARACTERS + 100
    assert output["text"].endswith("xend")


def test_a_text_a_little_over_loses_nothing() -> None:
    (output,) = outputs_of(text("abc"), text("def"), ENDED, output_bytes=4)
    assert output["text"] == "abcdef"


def test_bytes_are_counted_not_characters() -> None:
    outputs = outputs_of(figure("é" * 6), ENDED, output_bytes=10)
    assert "image/png" not in outputs[0]["data"]


def test_too_large_an_output_becomes_one_note() -> None:
    outputs = outputs_of(figure("x" * 50), figure("x" * 60), figure("y"), ENDED, output_bytes=40)
    assert [list(o["data"]) for o in outputs] == [["text/plain"], ["image/png"]]
    assert outputs[0]["data"]["text/plain"] == "[Outputs beyond the 1 KiB that a run may have: left out]"


def test_figures_are_counted() -> None:
    outputs = outputs_of(*[figure(str(i)) for i in range(5)], ENDED, figures=2)
    assert [o["data"].get("image/png") for o in outputs] == ["0", "1", None]


def test_what_is_cleared_counts_no_more() -> None:
    loop = [event for i in range(9) for event in (figure(str(i)), Cleared(index=0, wait=True))]
    outputs = outputs_of(*loop, figure("last"), ENDED, figures=1, output_bytes=10)
    assert [o["data"]["image/png"] for o in outputs] == ["last"]


def test_an_update_too_large_is_left_out() -> None:
    shown = OutputAdded(
        index=0, output={"output_type": "display_data", "data": {"a": "1"}, "metadata": {}}, display_id="d"
    )
    small = DisplayUpdated(index=0, display_id="d", data={"a": "2"}, metadata={})
    large = DisplayUpdated(index=0, display_id="d", data={"a": "3" * 50}, metadata={})
    assert outputs_of(shown, small, large, ENDED, output_bytes=20)[0]["data"] == {"a": "2"}


def test_an_errors_text_is_bounded() -> None:
    long = "m" * 10_000_000
    seen: list[EngineEvent] = []
    budget = OutputBudget(Limits(output_bytes=10), seen.append)
    error = {"output_type": "error", "ename": "E", "evalue": long, "traceback": [long, "short"]}
    budget(OutputAdded(index=0, output=error))
    budget(
        CellEnded(
            index=0,
            at=NOW,
            seconds=0,
            execution_count=1,
            error=CellError(ename="E", evalue=long, traceback=(long,)),
        )
    )
    assert isinstance(seen[0], OutputAdded) and isinstance(seen[1], CellEnded) and seen[1].error
    assert seen[0].output["traceback"][1] == "short"
    for content in (seen[0].output["evalue"], seen[0].output["traceback"][0], seen[1].error.evalue):
        assert 2 * TAIL_CHARACTERS < len(content) < 2 * TAIL_CHARACTERS + 100


def test_a_cell_without_an_end_can_be_finished() -> None:
    seen: list[EngineEvent] = []
    budget = OutputBudget(Limits(output_bytes=1), seen.append)
    budget(text("abc"))
    budget.finish(0)
    assert "".join(e.output["text"] for e in seen if isinstance(e, OutputAdded)) == "abc"
