"""A notebook executed by nbclient, the oracle, and by an engine; each time in a folder of its own."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import json
import os
import shutil
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from benchmarks.fidelity.sources import is_shadow
from nbdash.engine.base import Engine
from nbdash.engine.recorder import Recorder
from nbdash.errors import NotebookError
from nbdash.model import Cause, CellJob, DisplayUpdated, EngineEvent, Job, Limits, OutputAdded, Selection
from nbdash.notebook.plan import make_plan
from nbdash.notebook.reader import parse_notebook
from tests.conformance.comparison import Document, Executed

#: A part of every key in the store of kernel runs: one more when what is stored changes.
_FORM = 1
#: No notebook has it.
_PARAMETER = "nbdash_parameter"
_ENDINGS = {Cause.TIMEOUT: "timeout", Cause.EXIT: "death", Cause.SIGNAL: "death", Cause.ERROR: "death"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A notebook to be compared."""

    package: str  #: the source distribution, or where else it comes from
    name: str
    document: Document
    folder: Path | None = None  #: what lies beside it

    @property
    def cells(self) -> list[tuple[int, str]]:
        """Index and source of the cells that nbclient executes."""
        return [
            (index, cell["source"])
            for index, cell in enumerate(self.document["cells"])
            if cell["cell_type"] == "code" and "skip-execution" not in cell["metadata"].get("tags", ())
        ]


class Oracle:
    """Runs of a Jupyter kernel, kept in a folder: a kernel is slow, and what it makes of a notebook does not change.

    Kept by what is executed, by the Python and its packages that execute it, and by the run's number.
    """

    def __init__(self, folder: Path, cell_seconds: int) -> None:
        self._folder = folder
        self._cell_seconds = cell_seconds
        self._packages = sorted({f"{each.name}=={each.version}" for each in distributions()})

    def run(self, case: Case, number: int) -> Executed:
        """The run of that number; executed only if it was not before."""
        path = self._folder / f"{self._key(case, number)}.json"
        if path.exists():
            return Executed(**json.loads(path.read_text(encoding="utf-8")))
        executed = run_kernel(case, self._cell_seconds)
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{threading.get_ident()}")
        unfinished.write_text(json.dumps(asdict(executed)), encoding="utf-8")
        unfinished.replace(path)
        return executed

    def _key(self, case: Case, number: int) -> str:
        python = [sys.executable, sys.version, self._packages]
        parts = [_FORM, python, self._cell_seconds, case.package, case.name, case.cells, number]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class _RecordingClient(NotebookClient):  # type: ignore[misc]
    """An nbclient that also notes the display ids, which a notebook does not keep."""

    displays: dict[str, list[list[str]]]

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """As nbclient, which calls it for every message of a cell."""
        display_id = msg["content"].get("transient", {}).get("display_id")
        if display_id is not None:
            kind = "update" if msg["msg_type"].startswith("update") else "output"
            self.displays[str(cell_index)].append([kind, display_id])
        return super().process_message(msg, cell, cell_index)


def run_kernel(case: Case, cell_seconds: int) -> Executed:
    """Execute with nbclient, as ``jupyter execute --allow-errors`` does."""
    with _folder_for(case) as folder:
        client = _RecordingClient(
            nbformat.from_dict(copy.deepcopy(case.document)),
            kernel_name="python3",
            resources={"metadata": {"path": str(folder)}},
            allow_errors=True,
            timeout=cell_seconds,
        )
        client.displays = defaultdict(list)
        ending = "end"
        try:
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(client.async_execute(env=_kernel_environment()))
        except CellTimeoutError:
            ending = "timeout"
        except DeadKernelError:
            ending = "death"
        return _executed(dict(client.nb), client.displays, ending, folder)


def run_engine(engine: Engine, case: Case, cell_seconds: int) -> Executed:
    """Execute with an engine, through the recorder, the cells that nbclient executes."""
    with _folder_for(case) as folder:
        return _execute(engine, case, _job_for(case, folder, cell_seconds))[0]


def run_resumed(engine: Engine, case: Case, cell_seconds: int) -> tuple[Executed, bool]:
    """Execute it once, and then with a parameter from where that stood half-way; whether it started there."""
    with _folder_for(case) as folder:
        first = _with_parameter(case, None)
        _execute(engine, first, _job_for(first, folder, cell_seconds))
        _fill_folder(case, folder)
        then = _with_parameter(case, 2)
        return _execute(engine, then, replace(_job_for(then, folder, cell_seconds), resumes=True))


def run_whole(engine: Engine, case: Case, cell_seconds: int) -> Executed:
    """Execute all of it with a parameter."""
    return run_engine(engine, _with_parameter(case, 2), cell_seconds)


def _with_parameter(case: Case, value: int | None) -> Case:
    """The notebook with a cell of parameters before its first, and with one of injected ones."""
    cell = {"cell_type": "code", "id": "nbdash-parameters", "outputs": [], "execution_count": None}
    cell |= {"metadata": {"tags": ["parameters"]}, "source": f"{_PARAMETER} = 1"}
    injected = {**cell, "id": "nbdash-injected", "source": f"# Parameters\n{_PARAMETER} = {value}\n"}
    injected["metadata"] = {"tags": ["injected-parameters"]}
    before = [cell] if value is None else [cell, injected]
    return replace(case, document={**case.document, "cells": [*before, *case.document["cells"]]})


def _execute(engine: Engine, case: Case, job: Job) -> tuple[Executed, bool]:
    displays: dict[str, list[list[str]]] = defaultdict(list)
    recorder = Recorder(case.document)

    def take(event: EngineEvent) -> None:
        recorder.feed(event)
        if isinstance(event, OutputAdded | DisplayUpdated) and event.display_id is not None:
            kind = "update" if isinstance(event, DisplayUpdated) else "output"
            displays[str(event.index)].append([kind, event.display_id])

    outcome = engine.execute(job, take, threading.Event())
    ending = "end" if outcome.failure is None else _ENDINGS.get(outcome.failure.cause, outcome.failure.message)
    return _executed(recorder.document(), displays, ending, job.folder), outcome.data_at is not None


def _job_for(case: Case, folder: Path, cell_seconds: int) -> Job:
    cells = tuple(
        CellJob(
            index=index,
            source=source,
            title=f"cell {index + 1}",
            may_raise=True,
            is_injected=case.document["cells"][index].get("id") == "nbdash-injected",
        )
        for index, source in case.cells
    )
    imports, prefix = _planned(case)
    limits = Limits(cell_seconds=cell_seconds, figures=10_000, output_bytes=1 << 30)
    return Job(
        run_id="conformance",
        cells=cells,
        folder=folder,
        python=sys.executable,
        imports=imports,
        prefix=min(prefix, len(cells) // 2),
        limits=limits,
        dashboard=f"{case.package}/{case.name}",
    )


def _planned(case: Case) -> tuple[tuple[str, ...], int]:
    """What nbdash tells an engine of the notebook's imports, and of the cells that do not depend on parameters."""
    try:
        plan = make_plan(parse_notebook(json.dumps(case.document), case.name), Selection.ALL)
    except NotebookError:  # nbdash would not take it; the engine can
        return (), 0
    return plan.imports, plan.prefix


@contextmanager
def _folder_for(case: Case) -> Iterator[Path]:
    """A copy of what lies beside the notebook: what one run writes there, no other sees."""
    with tempfile.TemporaryDirectory(prefix="conformance-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch) / "notebook"
        folder.mkdir()
        _fill_folder(case, folder)
        yield folder


def _fill_folder(case: Case, folder: Path) -> None:
    """The folder itself stays: it may be somebody's working directory."""
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    if case.folder is not None:
        shutil.copytree(case.folder, folder, symlinks=True, ignore=_shadows, dirs_exist_ok=True)


def _shadows(_: str, names: list[str]) -> list[str]:
    return [name for name in names if is_shadow(name)]


def _kernel_environment() -> dict[str, str]:
    """Ours, but for pytest's mark: below pytest, ipykernel does not read the text of subprocesses."""
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


def _executed(document: Document, displays: dict[str, list[list[str]]], ending: str, folder: Path) -> Executed:
    """In JSON's own types, and with one name for the folder, whose own is of the same length every time."""
    plain = json.loads(json.dumps(document).replace(str(folder), "<folder>"))
    return Executed(document=plain, displays=dict(displays), ending=ending)
