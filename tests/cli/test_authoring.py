"""``init`` and ``check``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from nbdash.engine.memory import MemoryEngine, Scripted
from tests.cli.conftest import Invoke
from tests.conftest import MakeNotebook

PLOT = "#| title: Revenue\nax = plt.subplot()\nax.plot(data)"
CELLS = ("import matplotlib.pyplot as plt", "data = [1, 2, 3]", PLOT)


def tags_in(path: Path) -> list[list[str]]:
    return [cell["metadata"].get("tags", []) for cell in json.loads(path.read_text())["cells"]]


def test_init_lists_the_cells_and_writes_the_tags(invoke: Invoke, make_notebook: MakeNotebook) -> None:
    path = make_notebook(*CELLS)
    before = path.read_bytes()
    answer = invoke("init", path, "--yes")
    assert answer.status == 0
    line = next(line for line in answer.out.splitlines() if "Revenue" in line)
    assert line.split()[:4] == ["3", "Revenue", "figure", "dash"]
    assert "dash" in tags_in(path)[2] and "dash-setup" in tags_in(path)[1]
    backup = path.parent / ".nbdash" / "sales.bak.ipynb"
    assert backup.read_bytes() == before and backup.name in answer.err


def test_init_does_not_ask_where_nobody_can_answer(invoke: Invoke, make_notebook: MakeNotebook) -> None:
    path = make_notebook(*CELLS)
    before = path.read_bytes()
    answer = invoke("init", path)
    assert answer.status == 2 and "--yes" in answer.err
    assert path.read_bytes() == before


@pytest.mark.parametrize(("reply", "written"), [("n\n", False), ("y\n", True), ("\n", True)])
def test_init_asks_at_a_terminal(
    reply: str, written: bool, invoke: Invoke, make_notebook: MakeNotebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_notebook(*CELLS)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: reply.strip())
    assert invoke("init", path).status == 0
    assert any(tags_in(path)) is written


def test_init_has_nothing_to_do_in_a_tagged_notebook(invoke: Invoke, make_notebook: MakeNotebook) -> None:
    path = make_notebook((PLOT, ["dash"]))
    before = path.read_bytes()
    answer = invoke("init", path, "--yes")
    assert (answer.status, answer.out) == (0, "")
    assert "tagged already" in answer.err and path.read_bytes() == before


def test_check_prints_the_plan_and_what_to_mend(invoke: Invoke, make_notebook: MakeNotebook) -> None:
    path = make_notebook(*CELLS[:2], (PLOT, ["dash"]), ("1/0", ["dash-skip"]))
    answer = invoke("check", path)
    assert answer.status == 0
    lines = [line.split() for line in answer.out.splitlines()]
    assert ["3", "runs", "shows", "Revenue"] in [line[:4] for line in lines]
    assert any(line[:1] == ["4"] and "runs" not in line for line in lines)
    assert 'NB003  cell 3 "Revenue"' in answer.out and "fix: " in answer.out


def test_check_fails_if_a_finding_is_an_error(invoke: Invoke, make_notebook: MakeNotebook) -> None:
    answer = invoke("check", make_notebook(("print(absent)", ["dash"])))
    assert answer.status == 1 and "error   NB001" in answer.out


def test_check_tells_machines_the_same(invoke: Invoke, make_notebook: MakeNotebook) -> None:
    answer = invoke("check", make_notebook(*CELLS[:2], (PLOT, ["dash"])), "--format", "json")
    report = json.loads(answer.out)
    assert report["cells"][2] == report["cells"][2] | {
        "cell": 3,
        "kind": "code",
        "title": "Revenue",
        "runs": True,
        "shows": True,
    }
    assert {"NB003"} <= {finding["rule"] for finding in report["findings"]}
    assert set(report["findings"][0]) == {"rule", "severity", "cell", "title", "message", "fix"}


def test_check_executes_nothing(invoke: Invoke, make_notebook: MakeNotebook, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    invoke("check", make_notebook((f"open({str(trace)!r}, 'w')", ["dash"])))
    assert not trace.exists()


def test_check_run_adds_what_runs_find(
    invoke: Invoke, make_notebook: MakeNotebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = iter(range(10))

    def other_each_time(_: object) -> Scripted:
        data = {"image/png": f"picture {next(count)}"}
        return Scripted(outputs=[{"output_type": "display_data", "data": data, "metadata": {}}])

    engine = MemoryEngine(other_each_time)
    monkeypatch.setattr("nbdash.engine.choose.make_engine", lambda _: engine)
    answer = invoke("check", "--run", make_notebook(("draw = print()", ["dash"])))
    assert answer.status == 0 and "NB202  cell 1" in answer.out
    assert len(engine.jobs) == 3 and engine.closed


def test_check_run_with_a_real_engine(invoke: Invoke, make_notebook: MakeNotebook) -> None:
    noise = "import numpy as np, matplotlib.pyplot as plt\nplt.plot(np.random.rand(9))\nplt.show()"
    steady = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
    answer = invoke("check", "--run", "--format", "json", make_notebook((noise, ["dash"]), (steady, ["dash"])))
    found = [(each["rule"], each["cell"]) for each in json.loads(answer.out)["findings"]]
    assert [each for each in found if each[0].startswith("NB2")] == [("NB202", 1)]
