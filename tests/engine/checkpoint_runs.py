"""Runs with a prefix, for the tests of checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine_runs import cell, make_job, run_job

from nbdash.engine.checkpoints import CheckpointRules
from nbdash.engine.forked import ForkEngine
from nbdash.model import Job

RULES = CheckpointRules(least_seconds=0.0)
LIBRARIES = "import os, sys, time, random, asyncio, warnings, numpy as np, matplotlib.pyplot as plt"


def job_of(
    prefix: Sequence[str],
    rest: Sequence[str],
    folder: Path,
    p: int | None = None,
    *,
    begin: str = "import os, time",
    **options: Any,
) -> Job:
    """Imports, parameters, with ``p`` a cell of injected ones, the prefix, the rest."""
    injected = [] if p is None else [f"# Parameters\np = {p}\n"]
    sources = [begin, "p = 1", *injected, *prefix, *rest]
    cells = [cell(source, may_raise=options.get("may_raise", True)) for source in sources]
    options.pop("may_raise", None)
    imports = ("matplotlib",) if "matplotlib" in begin else ()
    job = make_job(*cells, folder=folder, dashboard="d", prefix=2 + len(prefix), imports=imports, **options)
    return replace(job, cells=tuple(replace(each, is_injected=p is not None and each.index == 2) for each in job.cells))


def is_kept(engine: ForkEngine, prefix: Sequence[str], folder: Path, **options: Any) -> bool:
    """Whether a run after one of the prefix starts there."""
    run_job(engine, job_of(prefix, ["print(p)"], folder, **options))
    again = run_job(engine, job_of(prefix, ["print(p)"], folder, 2, resumes=True, **options))
    assert again.outcome.failure is None and "2\n" in again.text(4), again.outcome.failure
    return again.outcome.data_at is not None
