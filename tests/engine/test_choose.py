"""Which engine executes a job, and the in-memory one."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest
from engine_runs import cell, make_job, run_job

from nbdash.engine import choose
from nbdash.engine.choose import make_engine
from nbdash.engine.memory import MemoryEngine, Scripted
from nbdash.errors import EngineError, OptionError
from nbdash.model import Cause, CellError, CellStarted, EngineEvent

ONE = {"output_type": "stream", "name": "stdout", "text": "one"}


def test_the_default_is_the_platforms() -> None:
    engine = make_engine()
    assert engine.name == ("fork" if sys.platform == "linux" else "kernel")
    engine.close()


def test_without_fork_there_is_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose.sys, "platform", "darwin")
    assert make_engine().name == "kernel"
    with pytest.raises(OptionError, match="'fork' engine does not work on darwin: use 'kernel'"):
        make_engine("fork")


def test_another_name_is_an_error() -> None:
    with pytest.raises(OptionError, match="no engine 'spoon'; there are: fork, kernel"):
        make_engine("spoon")


def test_what_cannot_be_forked_goes_to_a_kernel(tmp_path: Path) -> None:
    engine = make_engine()
    with pytest.raises(EngineError, match="No Jupyter kernel 'R' is installed"):
        run_job(engine, make_job("1", folder=tmp_path, language="R"))
    engine.close()


def test_the_script_is_played(tmp_path: Path) -> None:
    error = CellError(ename="E", evalue="v")
    engine = MemoryEngine({"a": Scripted(outputs=[ONE]), "b": Scripted(error=error)})
    result = run_job(engine, make_job("a", cell("b", may_raise=True), "b", "a", folder=tmp_path))
    assert result.text(0) == "one"
    assert result.outputs(1)[0]["ename"] == "E"
    assert result.started() == [0, 1, 2]
    assert result.outcome.failure is not None and result.outcome.failure.error == error
    assert [each.source for each in engine.jobs[0].cells] == ["a", "b", "b", "a"]


def test_a_gate_holds_a_cell_and_a_cancel_opens_it(tmp_path: Path) -> None:
    cancel = threading.Event()

    def see(event: EngineEvent) -> None:
        if isinstance(event, CellStarted):
            cancel.set()

    engine = MemoryEngine(lambda cell: Scripted(gate=threading.Event()))
    result = run_job(engine, make_job("a", folder=tmp_path), cancel=cancel, watch=see)
    assert result.outcome.failure is not None and result.outcome.failure.cause is Cause.CANCELLED
    assert result.ended() == {}
