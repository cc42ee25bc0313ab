"""From a plan to an executed notebook: what the worker, ``nbdash run`` and ``check --run`` share."""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import nbdash
from nbdash.config import Settings
from nbdash.engine.base import Engine
from nbdash.engine.processes import ATTEMPT_MARK, RUN_MARK
from nbdash.engine.recorder import Recorder
from nbdash.model import CellJob, CellKind, EngineEvent, Job, Outcome, Plan, Role, Run
from nbdash.publisher.limits import limits_from, settings_for

#: Called after the recorder has taken the event in.
Observe: TypeAlias = Callable[[EngineEvent, Recorder], None]

#: A line that asks Matplotlib for windows or widgets, of which a run has none.
_WINDOW_LINE = re.compile(
    r"^([ \t]*%matplotlib)[ \t]+(?:auto|gtk\w*|macosx|nbagg|notebook|osx|qt\w*|tk\w*|widget|ipympl|wx\w*)[ \t]*$",
    re.MULTILINE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Execution:
    """An executed notebook (nbformat 4.5) and how its execution ended."""

    document: dict[str, Any]
    outcome: Outcome


def job_from(
    plan: Plan,
    *,
    run: Run | None = None,
    folder: Path,
    settings: Settings,
    python: str | None = None,
    draws_all: bool = False,
) -> Job:
    """The job of a plan's running cells; only shown cells draw, unless ``draws_all``.

    By their ids its processes are found, so a run that nobody keeps gets one of its own too.
    """
    run_id = run.id if run else secrets.token_hex(8)
    cells = tuple(
        CellJob(
            index=planned.index,
            source=_WINDOW_LINE.sub(r"\1 inline", plan.notebook.cells[planned.index].source),
            title=plan.label_of(planned.index),
            may_raise=plan.notebook.cells[planned.index].may_raise,
            draws=draws_all or planned.shows,
            is_injected=plan.notebook.cells[planned.index].role is Role.INJECTED,
        )
        for planned in plan.cells
        if planned.runs and plan.notebook.cells[planned.index].kind is CellKind.CODE
    )
    return Job(
        run_id=run_id,
        cells=cells,
        folder=folder,
        language=plan.notebook.language,
        kernel_name=plan.notebook.kernel_name,
        python=python,
        imports=plan.imports,
        prefix=plan.prefix,
        environment=_environment(run_id, run.attempt_id if run else run_id),
        limits=limits_from(settings_for(plan.notebook, settings)),
    )


def execute(
    plan: Plan,
    job: Job,
    engine: Engine,
    *,
    observe: Observe | None = None,
    cancel: threading.Event | None = None,
) -> Execution:
    """Execute a job in a fresh process. A failing notebook is told in the outcome, never raised."""
    recorder = Recorder(plan.notebook.document)

    def emit(event: EngineEvent) -> None:
        recorder.feed(event)
        if observe is not None:
            observe(event, recorder)

    outcome = engine.execute(job, emit, cancel or threading.Event())
    return Execution(document=recorder.document(), outcome=outcome)


def _environment(run_id: str, attempt_id: str) -> Mapping[str, str]:
    """What cells find in ``os.environ`` besides the caller's; nothing of nbdash's own settings."""
    return {
        "SERVER_SOFTWARE": f"nbdash/{nbdash.__version__}",
        RUN_MARK: run_id,
        ATTEMPT_MARK: attempt_id,
    }
