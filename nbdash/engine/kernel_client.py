"""nbclient's conversation with a kernel, told as engine events while it goes on."""

from __future__ import annotations

from datetime import UTC, datetime
from time import monotonic
from typing import Any

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from nbdash.engine.kernel_process import log
from nbdash.model import (
    CellEnded,
    CellError,
    CellJob,
    CellStarted,
    DisplayUpdated,
    Emit,
    OutputAdded,
    OutputCleared,
    WidgetChanged,
)

_IOPUB_SECONDS = 120  # for the outputs still under way when a cell has ended
_START_SECONDS = 120


class CellClient(NotebookClient):  # type: ignore[misc]
    """Runs one cell at a time. nbclient keeps the protocol and the Output widgets, we keep no outputs."""

    def __init__(self, manager: AsyncKernelManager, emit: Emit) -> None:
        super().__init__(
            nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell()]),
            km=manager,
            allow_errors=True,
            timeout=None,
            iopub_timeout=_IOPUB_SECONDS,
            raise_on_iopub_timeout=True,
            startup_timeout=_START_SECONDS,
            on_cell_executed=self._keep_reply,
            log=log,
        )
        self._emit = emit
        self._reply: dict[str, Any] = {}
        self._shown_error: dict[str, Any] = {}
        self._count = 0  # of the last cell that was executed
        self._cell: CellJob | None = None

    async def connect(self) -> None:
        """Wait until the started kernel answers; raises RuntimeError if it does not."""
        self.kc = self.km.client()
        self.kc.start_channels()
        await self.kc.wait_for_ready(timeout=self.startup_timeout)
        self.kc.allow_stdin = False

    def disconnect(self) -> None:
        """Close the connection; idempotent."""
        if self.kc is not None:
            self.kc.stop_channels()
            self.kc = None

    async def run_cell(self, cell: CellJob) -> CellEnded:
        """Execute one cell, emitting as it goes; the event that ends it is emitted too.

        Raises DeadKernelError, and CellTimeoutError if the kernel ends the cell but not its outputs.
        """
        count = self._count + 1 if cell.source.strip() else None
        self._cell, self._reply, self._shown_error = cell, {}, {}
        began = monotonic()
        self._emit(CellStarted(index=cell.index, at=datetime.now(UTC), execution_count=count))
        await self.async_execute_cell(nbformat.v4.new_code_cell(cell.source), 0)
        self._tell_caught()
        ended = CellEnded(
            index=cell.index,
            at=datetime.now(UTC),
            seconds=monotonic() - began,
            execution_count=self._reply.get("execution_count"),
            error=_error_of(self._reply, self._shown_error),
        )
        self._emit(ended)
        return ended

    @property
    def exit_requested(self) -> bool:
        """Whether the last cell called ``exit()``: a kernel answers "ok" to that, and stops."""
        return any(payload.get("source") == "ask_exit" for payload in self._reply.get("payload", ()))

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """One IOPub message; an update is passed on, where nbclient would look for its own outputs."""
        if msg["msg_type"] != "update_display_data":
            return super().process_message(msg, cell, cell_index)
        content = msg["content"]
        self._emit(
            DisplayUpdated(
                index=self._index,
                display_id=content["transient"]["display_id"],
                data=content["data"],
                metadata=content["metadata"],
            )
        )
        return None

    def output(self, outs: list[Any], msg: dict[str, Any], display_id: str | None, cell_index: int) -> Any:
        """An output, unless an Output widget has caught it."""
        output = super().output([], msg, None, cell_index)
        if output is not None and output["output_type"] == "error":
            self._shown_error = output
        if output is not None and self._is_wanted(output):
            self._emit(OutputAdded(index=self._index, output=_plain(output), display_id=display_id))
        return output

    def clear_output(self, outs: list[Any], msg: dict[str, Any], cell_index: int) -> None:
        """``clear_output``, unless an Output widget has caught it."""
        if self.output_hook_stack[msg["parent_header"].get("msg_id")]:
            super().clear_output(outs, msg, cell_index)
        else:
            self._emit(OutputCleared(index=self._index, wait=bool(msg["content"].get("wait"))))

    def handle_comm_msg(self, outs: list[Any], msg: dict[str, Any], cell_index: int) -> None:
        """What a widget tells of its state."""
        super().handle_comm_msg(outs, msg, cell_index)
        data = msg["content"]["data"]
        if isinstance(data.get("state"), dict):
            buffers = self._get_buffer_data(msg) if data.get("buffer_paths") else []
            name = msg["content"]["comm_id"]
            self._emit(WidgetChanged(index=self._index, name=name, state=_plain(data["state"]), buffers=tuple(buffers)))

    def _tell_caught(self) -> None:
        """What the Output widgets hold, which nbclient has caught."""
        for name, widget in self.comm_objects.items():
            self._emit(WidgetChanged(index=self._index, name=name, state={"outputs": _plain(widget.outputs)}))

    @property
    def _index(self) -> int:
        assert self._cell is not None
        return self._cell.index

    def _is_wanted(self, output: dict[str, Any]) -> bool:
        """A kernel draws what is left open at a cell's end: where nobody sees it, it goes no further."""
        assert self._cell is not None
        is_figure = output["output_type"] == "display_data" and any(
            mime.startswith("image/") for mime in output["data"]
        )
        return self._cell.draws or not is_figure

    def _keep_reply(self, execute_reply: dict[str, Any], **_: Any) -> None:
        self._reply = execute_reply["content"]
        self._count = self._reply.get("execution_count") or self._count


def _error_of(reply: dict[str, Any], shown: dict[str, Any]) -> CellError | None:
    """What the kernel replied; of an error in showing a result it has only what it put out."""
    if reply.get("status") != "error":
        return None
    if reply["ename"] == "NoneType" and shown:
        reply = shown
    return CellError(ename=reply["ename"], evalue=reply["evalue"], traceback=tuple(reply["traceback"]))


def _plain(value: Any) -> Any:
    """nbformat's attribute dictionaries as plain ones."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
