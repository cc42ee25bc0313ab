"""Engine events back into a notebook, by nbclient's rules (its ``process_message`` and ``output``).

Two things differ from nbclient on purpose: stream outputs of one name that follow each other are one
output (nbclient keeps one per message, so their number depends on timing), and a cell that did not run
has no outputs.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from nbdash.engine.widgets import WidgetStates
from nbdash.model import (
    CellEnded,
    CellStarted,
    DisplayUpdated,
    EngineEvent,
    Output,
    OutputAdded,
    OutputCleared,
    WidgetChanged,
)


@dataclass(kw_only=True, slots=True)
class _Kept:
    """One output under construction. A stream's text stays in pieces: a loop of prints has many."""

    output: Output
    pieces: list[str] = field(default_factory=list)
    display_id: str | None = None
    title: str | None = None
    alt: str | None = None

    def finished(self) -> Output:
        if self.output["output_type"] == "stream":
            return {**self.output, "text": "".join(self.pieces)}
        return dict(self.output)

    @property
    def is_image(self) -> bool:
        return any(mime.startswith("image/") for mime in self.output.get("data", ()))


@dataclass(kw_only=True, slots=True)
class _CellRecord:
    """What is known of one code cell."""

    kept: list[_Kept] = field(default_factory=list)
    clear_pending: bool = False
    execution_count: int | None = None
    timing: dict[str, str] = field(default_factory=dict)

    def add(self, event: OutputAdded) -> None:
        if self.clear_pending:
            self.kept, self.clear_pending = [], False
        if event.output["output_type"] == "stream":
            self._add_text(event.output)
        else:
            self._add_output(event)

    def _add_text(self, output: Output) -> None:
        last = self.kept[-1].output if self.kept else {}
        if last.get("name") != output["name"]:
            self.kept.append(_Kept(output={"output_type": "stream", "name": output["name"]}))
        self.kept[-1].pieces.append(_joined(output["text"]))

    def _add_output(self, event: OutputAdded) -> None:
        self.kept.append(
            _Kept(output=dict(event.output), display_id=event.display_id, title=event.title, alt=event.alt)
        )

    def clear(self, wait: bool) -> None:
        self.clear_pending = wait
        if not wait:
            self.kept = []

    def update(self, display_id: str, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        for kept in self.kept:
            if kept.display_id == display_id:
                kept.output = {**kept.output, "data": data, "metadata": metadata}

    def figures(self) -> list[dict[str, str | None]]:
        return [{"title": kept.title, "alt": kept.alt} for kept in self.kept if kept.is_image]


class Recorder:
    """Makes an executed notebook of a run's events, which may be looked at while the run goes on.

    ``document`` is nbformat 4.5 as a dictionary; it is copied, and its old outputs are left behind.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = copy.deepcopy(document)
        cells = self._document["cells"]
        self._widgets = WidgetStates()
        self._records = {i: _CellRecord() for i, cell in enumerate(cells) if cell["cell_type"] == "code"}
        for index in self._records:
            _forget_run(cells[index])

    def feed(self, event: EngineEvent) -> None:
        """Take one event in; events of a run come in the order in which the engine emitted them."""
        record = self._records[event.index]
        match event:
            case CellStarted():
                self._start(event)
            case OutputAdded():
                self._add(record, event)
            case OutputCleared():
                if not self._widgets.clear(event.wait):
                    record.clear(event.wait)
            case WidgetChanged():
                self._widgets.change(event)
            case DisplayUpdated():
                self._update(event.display_id, event.data, event.metadata)
            case CellEnded():
                _end(record, event)

    def outputs(self, index: int) -> list[Output]:
        """The outputs of code cell ``index`` as they stand now, in nbformat's form."""
        return [kept.finished() for kept in self._records[index].kept]

    def cell(self, index: int) -> dict[str, Any]:
        """One code cell of :meth:`document`."""
        cell: dict[str, Any] = copy.deepcopy(self._document["cells"][index])
        _fill_cell(cell, self._records[index], copy.deepcopy(self.outputs(index)))
        return cell

    def document(self) -> dict[str, Any]:
        """The executed notebook as it stands now: a valid nbformat 4.5 document, the caller's own."""
        document = copy.deepcopy(self._document)
        for index in self._records:
            document["cells"][index] = self.cell(index)
        if widgets := self._widgets.metadata():
            document["metadata"]["widgets"] = widgets
        return document

    def _start(self, event: CellStarted) -> None:
        self._widgets.begin_cell()
        stamp = _timestamp(event.at)
        timing = {"iopub.status.busy": stamp, "iopub.execute_input": stamp}
        self._records[event.index] = _CellRecord(timing=timing, execution_count=event.execution_count)

    def _add(self, record: _CellRecord, event: OutputAdded) -> None:
        if event.display_id is not None:  # as nbclient: a display id used again updates its older outputs
            self._update(event.display_id, event.output["data"], event.output["metadata"])
        if not self._widgets.add(event.output):
            record.add(event)

    def _update(self, display_id: str, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        for record in self._records.values():
            record.update(display_id, data, metadata)


def _end(record: _CellRecord, event: CellEnded) -> None:
    record.execution_count = event.execution_count
    stamp = _timestamp(event.at)
    record.timing |= {"shell.execute_reply": stamp, "iopub.status.idle": stamp}


def _forget_run(cell: dict[str, Any]) -> None:
    """Remove what an earlier execution left in a code cell."""
    cell |= {"outputs": [], "execution_count": None}
    cell["metadata"].pop("execution", None)
    if isinstance(options := cell["metadata"].get("nbdash"), dict):
        options.pop("figures", None)


def _fill_cell(cell: dict[str, Any], record: _CellRecord, outputs: list[Output]) -> None:
    cell |= {"outputs": outputs, "execution_count": record.execution_count}
    if record.timing:
        cell["metadata"]["execution"] = dict(record.timing)
    if figures := record.figures():
        cell["metadata"].setdefault("nbdash", {})["figures"] = figures


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def _timestamp(at: datetime) -> str:
    """As nbclient's ``record_timing`` and JupyterLab write it: ISO 8601 in UTC with a Z."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
