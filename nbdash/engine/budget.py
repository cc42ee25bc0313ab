"""The limits on what a run puts out: between an engine and whoever receives its events."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

from nbdash.engine.failures import amount_of, bounded_error
from nbdash.model import (
    CellEnded,
    CellError,
    DisplayUpdated,
    Emit,
    EngineEvent,
    Limits,
    Output,
    OutputAdded,
    OutputCleared,
    WidgetChanged,
)

#: What is kept of the end of a stream whose middle is cut.
TAIL_CHARACTERS = 32 * 1024


@dataclass(slots=True)
class _Spent:
    """What one cell has put out and not cleared again."""

    size: int = 0
    figures: int = 0
    noted: set[str] = field(default_factory=set)
    tails: dict[str, _Tail] = field(default_factory=dict)


@dataclass(slots=True)
class _Tail:
    """The end of a stream, and how many characters before it are lost."""

    text: str = ""
    cut: int = 0

    def add(self, text: str) -> None:
        text = self.text + text
        self.text = text[-TAIL_CHARACTERS:]
        self.cut += len(text) - len(self.text)

    def finished(self) -> str:
        return f"\n[… {amount_of(self.cut)} left out …]\n{self.text}" if self.cut else self.text


class OutputBudget:
    """An ``emit`` that passes on what the limits allow; of a longer text head and tail, of the rest a note.

    A cleared output counts no more, so a loop that draws and clears may go on.
    """

    def __init__(self, limits: Limits, emit: Emit) -> None:
        self._limits = limits
        self._emit = emit
        self._cells: defaultdict[int, _Spent] = defaultdict(_Spent)
        #: The size of each part of each widget's state.
        self._widgets: dict[tuple[str, str], int] = {}
        self._widgets_size = 0

    def __call__(self, event: EngineEvent) -> None:
        """Take one event of the engine's."""
        match event:
            case OutputAdded(output={"output_type": "stream"}):
                self._add_text(event)
            case OutputAdded():
                self._add_output(event)
            case OutputCleared():
                self._cells.pop(event.index, None)
                self._emit(event)
            case DisplayUpdated():
                if _size_of(event.data) <= self._limits.output_bytes:
                    self._emit(event)
            case WidgetChanged():
                self._change_widget(event)
            case CellEnded():
                self.finish(event.index)
                self._emit(replace(event, error=bounded_error(event.error) if event.error else None))
            case _:
                self._emit(event)

    def finish(self, index: int) -> None:
        """Emit what is kept of the ends of a cell's streams; for a cell that has no end of its own."""
        for name, tail in self._cells[index].tails.items():
            self._emit(_stream(index, name, tail.finished()))
        self._cells[index].tails.clear()

    @property
    def _left(self) -> int:
        return self._limits.output_bytes - sum(spent.size for spent in self._cells.values())

    def _add_text(self, event: OutputAdded) -> None:
        spent, name = self._cells[event.index], event.output["name"]
        text = event.output["text"]
        if name not in spent.tails:
            head = text[: max(0, self._left)]
            spent.size += _length(head)
            text = text[len(head) :]
            if head:
                self._emit(_stream(event.index, name, head))
        if text:
            spent.tails.setdefault(name, _Tail()).add(text)

    def _add_output(self, event: OutputAdded) -> None:
        output = event.output
        spent, size = self._cells[event.index], _size_of(output.get("data"))
        is_figure = any(mime.startswith("image/") for mime in output.get("data", ()))
        if output["output_type"] == "error":
            self._emit(replace(event, output=_bounded_output(output)))
        elif is_figure and self._figures >= self._limits.figures:
            self._note(event.index, f"[More figures than the {self._limits.figures} a run may show: left out]")
        elif size > self._left:
            limit = amount_of(self._limits.output_bytes)
            self._note(event.index, f"[Outputs beyond the {limit} that a run may have: left out]")
        else:
            spent.size += size
            spent.figures += is_figure
            self._emit(event)

    def _change_widget(self, event: WidgetChanged) -> None:
        """Widgets may have as much as outputs; a part that changes replaces what it was."""
        parts = {**event.state, **{f"buffer {buffer.get('path')}": buffer for buffer in event.buffers}}
        sizes = {(event.name, str(key)): _size_of(key) + _size_of(value) for key, value in parts.items()}
        size = self._widgets_size + sum(each - self._widgets.get(part, 0) for part, each in sizes.items())
        if size <= self._limits.output_bytes:
            self._widgets |= sizes
            self._widgets_size = size
            self._emit(event)

    @property
    def _figures(self) -> int:
        return sum(spent.figures for spent in self._cells.values())

    def _note(self, index: int, text: str) -> None:
        if text in self._cells[index].noted:
            return
        self._cells[index].noted.add(text)
        output = {"output_type": "display_data", "data": {"text/plain": text}, "metadata": {}}
        self._emit(OutputAdded(index=index, output=output))


def _stream(index: int, name: str, text: str) -> OutputAdded:
    return OutputAdded(index=index, output={"output_type": "stream", "name": name, "text": text})


def _bounded_output(output: Output) -> Output:
    error = bounded_error(CellError(ename=output["ename"], evalue=output["evalue"], traceback=output["traceback"]))
    return {**output, "ename": error.ename, "evalue": error.evalue, "traceback": list(error.traceback)}


def _size_of(value: Any) -> int:
    """The bytes of a JSON value's texts, which is nearly all of it."""
    if isinstance(value, dict):
        return sum(_size_of(item) for item in value.values())
    if isinstance(value, list):
        return sum(_size_of(item) for item in value)
    return _length(value) if isinstance(value, str) else 8


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="replace"))
