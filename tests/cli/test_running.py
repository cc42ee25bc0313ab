"""``run``: papermill's options, its record, and a notebook written whatever happens."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import nbformat
import pytest

from nbdash.engine.memory import MemoryEngine, Scripted
from nbdash.model import CellError
from tests.cli.conftest import Invoke
from tests.conftest import MakeNotebook

ERROR = Scripted(error=CellError(ename="ValueError", evalue="no such region", traceback=("line",)))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> MemoryEngine:
    """What plays the cells instead of a real engine."""
    engine = MemoryEngine()
    monkeypatch.setattr("nbdash.cli.running.make_engine", lambda _: engine)
    return engine


def read(path: Path) -> dict[str, Any]:
    document = nbformat.read(path, as_version=4)
    nbformat.validate(document)
    return json.loads(path.read_text())


def statuses(document: dict[str, Any]) -> list[str]:
    return [cell["metadata"]["papermill"]["status"] for cell in document["cells"]]


@pytest.mark.parametrize("name", ["fork", "kernel"])
def test_a_notebook_runs_with_its_parameters(
    name: str, invoke: Invoke, make_notebook: MakeNotebook, tmp_path: Path
) -> None:
    path = make_notebook(("region = 'south'\nyear = 1", ["parameters"]), "print(region, year + 1)")
    out = tmp_path / "out.ipynb"
    answer = invoke("run", path, "-o", out, "-p", "region", "north", "-p", "year", "2024", "--engine", name)
    assert (answer.status, answer.out) == (0, "")
    document = read(out)
    assert document["cells"][1]["metadata"]["tags"] == ["injected-parameters"]
    assert document["cells"][2]["outputs"][0]["text"] == ["north 2025\n"]
    record = document["metadata"]["papermill"]
    assert record["parameters"] == {"region": "north", "year": 2024}
    assert (record["exception"], record["output_path"]) == (None, str(out))
    assert statuses(document) == ["completed"] * 3
    assert "[3/3]" in answer.err and f"Wrote {out}" in answer.err


def test_a_failing_notebook_is_written_with_its_error(
    invoke: Invoke, make_notebook: MakeNotebook, engine: MemoryEngine, tmp_path: Path
) -> None:
    engine.script = {"fail()": ERROR}
    out = tmp_path / "out.ipynb"
    answer = invoke("run", make_notebook("first()", "fail()", "never()"), "-o", out)
    assert (answer.status, answer.out) == (1, "")
    assert answer.err.splitlines()[-1].startswith("nbdash: 'sales.ipynb' failed: ")
    assert "ValueError: no such region" in answer.err
    document = read(out)
    assert statuses(document) == ["completed", "failed", "pending"]
    assert document["metadata"]["papermill"]["exception"] is True
    assert document["cells"][1]["metadata"]["papermill"]["exception"] is True
    assert document["cells"][1]["outputs"][0]["ename"] == "ValueError"
    assert document["cells"][2]["outputs"] == [] and document["cells"][2]["execution_count"] is None


def test_parameters_come_from_files_and_text_and_the_last_kind_wins(
    invoke: Invoke, make_notebook: MakeNotebook, engine: MemoryEngine, tmp_path: Path
) -> None:
    (tmp_path / "values.yml").write_text("a: 1\nb: 1\nc: 1\nday: 2024-05-01\n")
    path = make_notebook(("a = b = c = day = 0", ["parameters"]))
    options = ["-f", tmp_path / "values.yml", "-y", "{b: 2, c: 2}", "-p", "c", "3", "-r", "d", "4"]
    answer = invoke("run", path, *options, "-o", tmp_path / "out.ipynb")
    assert answer.status == 0, answer.err
    values = read(tmp_path / "out.ipynb")["metadata"]["papermill"]["parameters"]
    assert values == {"a": 1, "b": 2, "c": 3, "d": "4", "day": "2024-05-01"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-y", "[1]"], "no mapping"),
        (["-y", "a: ["], "no valid YAML"),
        (["-f", "absent.yml"], "'absent.yml'"),
        (["-o", "absent/out.ipynb"], "no folder"),
        (["-k", "klingon"], "no kernel 'klingon'"),
        (["-p", "a-b", "1"], "'a-b'"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_runs(
    options: list[str], said: str, invoke: Invoke, make_notebook: MakeNotebook, engine: MemoryEngine
) -> None:
    answer = invoke("run", make_notebook("a = 1"), *options)
    assert answer.status == 2 and said in answer.err
    assert engine.jobs == []


def test_all_cells_run_and_draw_unless_told_otherwise(
    invoke: Invoke, make_notebook: MakeNotebook, engine: MemoryEngine
) -> None:
    path = make_notebook("import math", ("print()", ["dash"]))
    invoke("run", path)
    invoke("run", path, "--cells", "tagged", "--timeout", "7", "--cwd", "/")
    whole, tagged = engine.jobs
    assert [(cell.index, cell.draws) for cell in whole.cells] == [(0, True), (1, True)]
    assert whole.folder == path.parent
    assert tagged.limits.run_seconds == 7 and tagged.folder == Path("/")


def test_without_an_output_nothing_is_written(
    invoke: Invoke, make_notebook: MakeNotebook, engine: MemoryEngine, tmp_path: Path
) -> None:
    path = make_notebook("a = 1")
    before = (path.read_bytes(), sorted(tmp_path.iterdir()))
    answer = invoke("run", path)
    assert (answer.status, answer.out) == (0, "") and "Nothing was written" in answer.err
    assert (path.read_bytes(), sorted(tmp_path.iterdir())) == before


def test_a_dash_writes_to_standard_output(invoke: Invoke, make_notebook: MakeNotebook, engine: MemoryEngine) -> None:
    answer = invoke("run", make_notebook("a = 1"), "-o", "-")
    assert nbformat.reads(answer.out, as_version=4).metadata.papermill.output_path == "-"


def test_an_interrupted_run_keeps_what_it_has_done(
    invoke: Invoke, make_notebook: MakeNotebook, engine: MemoryEngine, tmp_path: Path
) -> None:
    def script(cell: Any) -> Scripted:
        if cell.index == 1:
            os.kill(os.getpid(), signal.SIGINT)
            return Scripted(gate=threading.Event())
        return Scripted()

    engine.script = script
    answer = invoke("run", make_notebook("a = 1", "wait()"), "-o", tmp_path / "out.ipynb")
    assert answer.status == 130 and engine.closed
    assert f"Wrote {tmp_path / 'out.ipynb'}" in answer.err
    assert statuses(read(tmp_path / "out.ipynb")) == ["completed", "failed"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_output_replaces_its_predecessor_and_keeps_its_mode(
    invoke: Invoke, make_notebook: MakeNotebook, engine: MemoryEngine, tmp_path: Path
) -> None:
    out = tmp_path / "out.ipynb"
    out.write_text("old")
    out.chmod(0o640)
    invoke("run", make_notebook("a = 1"), "-o", out)
    assert read(out)["cells"] and out.stat().st_mode & 0o777 == 0o640
    assert not list(tmp_path.glob(".out*"))
