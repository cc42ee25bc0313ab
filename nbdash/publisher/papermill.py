"""An executed notebook as papermill leaves one: its record in the metadata, written in one step."""

from __future__ import annotations

import copy
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat

import nbdash
from nbdash.errors import NotebookError
from nbdash.model import Json
from nbdash.publisher.execution import Execution


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRecord:
    """What papermill notes of a whole run."""

    input_path: str
    output_path: str | None
    parameters: Mapping[str, Json]
    started_at: datetime
    finished_at: datetime


def with_papermill_record(execution: Execution, record: RunRecord) -> dict[str, Any]:
    """The executed notebook with ``metadata.papermill``, of itself and of each cell."""
    document = copy.deepcopy(execution.document)
    failure = execution.outcome.failure
    document["metadata"]["papermill"] = {
        "default_parameters": {},
        "environment_variables": {},
        "exception": True if failure else None,
        "input_path": record.input_path,
        "output_path": record.output_path,
        "parameters": dict(record.parameters),
        "version": f"nbdash {nbdash.__version__}",
        **_span(record.started_at, record.finished_at),
    }
    for index, cell in enumerate(document["cells"]):
        is_culprit = failure is not None and failure.index == index
        cell["metadata"]["papermill"] = _cell_record(cell, is_culprit=is_culprit, until=record.finished_at)
    return document


def _cell_record(cell: Mapping[str, Any], *, is_culprit: bool, until: datetime) -> dict[str, Any]:
    """papermill's record of a cell; one that did not run stays ``pending``."""
    timing = cell["metadata"].get("execution", {})
    if "iopub.status.busy" not in timing:
        return {"status": "pending"} | dict.fromkeys(("exception", "start_time", "end_time", "duration"))
    started = datetime.fromisoformat(timing["iopub.status.busy"])
    ended = timing.get("iopub.status.idle")
    has_failed = is_culprit or ended is None
    return {
        "exception": has_failed,
        "status": "failed" if has_failed else "completed",
        **_span(started, datetime.fromisoformat(ended) if ended else until),
    }


def _span(started: datetime, ended: datetime) -> dict[str, Json]:
    return {
        "start_time": started.isoformat(),
        "end_time": ended.isoformat(),
        "duration": round((ended - started).total_seconds(), 6),
    }


def notebook_text(document: dict[str, Any]) -> str:
    """A document as Jupyter writes it to a file."""
    text = str(nbformat.writes(nbformat.from_dict(document))) + "\n"
    return text.encode("utf-8", "replace").decode()  # a path's odd bytes are half surrogate pairs


def write_notebook(path: Path, document: dict[str, Any]) -> None:
    """Write beside, then rename: a reader sees the old file or the new one. Raises NotebookError."""
    try:
        descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(notebook_text(document))
            os.chmod(draft, path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask())
            os.replace(draft, path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise NotebookError(f"{str(path)!r} cannot be written ({error.strerror}): check it.") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
