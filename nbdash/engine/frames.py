"""A run's messages as engine events; what does not fit raises WireError: a cell may have forged it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from nbdash.engine.host.wire import WireError, output_of
from nbdash.model import (
    CellEnded,
    CellError,
    CellStarted,
    DisplayUpdated,
    EngineEvent,
    Output,
    OutputAdded,
    OutputCleared,
    WidgetChanged,
)


def event_from_frame(frame: dict[str, Any]) -> EngineEvent:
    """The event; its times are the engine's own."""
    try:
        return _event_of(frame["kind"], int(frame["index"]), frame)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise WireError("a message without what belongs into it") from None


def _event_of(kind: str, index: int, frame: dict[str, Any]) -> EngineEvent:
    match kind:
        case "start":
            return CellStarted(index=index, at=datetime.now(UTC), execution_count=_count_in(frame))
        case "output":
            return _output_added(index, frame)
        case "clear":
            return OutputCleared(index=index, wait=bool(frame["wait"]))
        case "update":
            output = _checked(frame["output"])
            display_id = str(frame["display_id"])
            return DisplayUpdated(index=index, display_id=display_id, data=output["data"], metadata=output["metadata"])
        case "widget":
            return _widget_changed(index, frame)
        case "end":
            return _cell_ended(index, frame)
    raise WireError(f"a message of unknown kind {kind!r}")


def _output_added(index: int, frame: dict[str, Any]) -> OutputAdded:
    about = frame.get("about") or {}
    return OutputAdded(
        index=index,
        output=_checked(frame["output"]),
        display_id=_text_or_none(frame.get("display_id")),
        title=_text_or_none(about.get("title")),
        alt=_text_or_none(about.get("alt")),
    )


def _widget_changed(index: int, frame: dict[str, Any]) -> WidgetChanged:
    state, buffers = frame["state"], frame["buffers"]
    if not isinstance(state, dict) or not all(isinstance(buffer, dict) for buffer in buffers):
        raise TypeError("widget")
    return WidgetChanged(index=index, name=str(frame["name"]), state=state, buffers=tuple(buffers))


def _cell_ended(index: int, frame: dict[str, Any]) -> CellEnded:
    return CellEnded(
        index=index,
        at=datetime.now(UTC),
        seconds=float(frame["seconds"]),
        execution_count=_count_in(frame),
        error=None if frame["error"] is None else _error_from(frame["error"]),
    )


def _error_from(content: dict[str, Any]) -> CellError:
    traceback = tuple(str(line) for line in content["traceback"])
    return CellError(ename=str(content["ename"]), evalue=str(content["evalue"]), traceback=traceback)


def _count_in(frame: dict[str, Any]) -> int | None:
    count = frame["execution_count"]
    return None if count is None else int(count)


def _checked(output: Output) -> Output:
    return output_of(output["output_type"], output)


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
