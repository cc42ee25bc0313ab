"""The main job in one process that takes this machine for another: ``python -m tests.main_job_elsewhere win32 DIR``.

Publish, look, rerun, fail, recover, cancel, and ``nbdash run``: web, store, worker and engine see what they would
see there; the kernels are real. What came of it is printed as JSON, for the test to judge.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from tests.other_platform import pretend

PLOT = "import matplotlib.pyplot as plt, numpy as np\nplt.plot(np.random.rand(9)); plt.show()"
GATE = "import pathlib\nif pathlib.Path('fail').exists():\n    raise ValueError('told to')"
HUNGRY = "import time\nheld = bytearray(b'x') * (900 << 20)\ntime.sleep(60)"
SLOW = "import time\ntime.sleep(60)"


def write_notebook(path: Path, *sources: str) -> Path:
    """A notebook whose cells are all shown."""
    cells = [new_code_cell(source, metadata={"tags": ["dash"]}) for source in sources]
    nbformat.write(new_notebook(cells=cells), path)
    return path


class MainJob:
    """A publisher, a worker and a web client on one data directory."""

    def __init__(self, folder: Path) -> None:
        from nbdash.config import Settings
        from nbdash.publisher.publication import Publisher
        from nbdash.store import open_store
        from nbdash.web import create_app
        from nbdash.worker import Worker

        settings = Settings(data=folder / "data", memory_mib=600)
        self.folder = folder
        self.store = open_store(settings.data)
        self.publisher = Publisher(self.store, settings)
        self.worker = Worker(self.store, settings)
        self.client = create_app(settings, store=self.store).test_client()

    def publish(self, *sources: str, cancels: bool = False) -> dict[str, Any]:
        """Publish these cells, and follow their run to its end."""
        run = self.publisher.publish(write_notebook(self.folder / "sales.ipynb", *sources)).run
        assert run is not None
        return self._follow(run.id, cancels=cancels)

    def rerun(self) -> dict[str, Any]:
        """Press Rerun, and follow the run to its end."""
        answer = self.client.post("/d/sales/runs", headers={"Accept": "application/json"})
        assert answer.status_code == 202, answer.text
        return self._follow(answer.json["id"])

    def look(self) -> dict[str, Any]:
        """What a viewer sees."""
        page = self.client.get("/d/sales")
        figure = self.client.get("/d/sales/figures/cell-1.png")
        assert (page.status_code, figure.status_code) == (200, 200)
        return {"banner": "nb-is-failed" in page.text, "figure": figure.data.hex()}

    def _follow(self, run_id: str, *, cancels: bool = False) -> dict[str, Any]:
        from nbdash.publisher.following import follow

        kinds = []
        for event in follow(self.store, run_id):
            kinds.append(str(event.kind))
            if cancels and kinds[-1] == "cell_start":
                self.publisher.cancel(run_id)
        run = self.store.run(run_id)
        error = run.error.message if run.error else None
        return {"state": str(run.state), "engine": run.engine, "events": kinds, "error": error}


def main_job(job: MainJob) -> dict[str, dict[str, Any]]:
    """All of it, what was seen after it included."""
    fail = job.folder / "fail"
    facts = {"published": job.publish(PLOT, GATE) | job.look()}
    facts["rerun"] = job.rerun() | job.look()
    fail.touch()
    facts["raised"] = job.rerun() | job.look()
    fail.unlink()
    facts["recovered"] = job.rerun() | job.look()
    facts["hungry"] = job.publish(PLOT, HUNGRY) | job.look()
    facts["cancelled"] = job.publish(SLOW, cancels=True) | job.look()
    return facts


def run_command(folder: Path) -> int | str | None:
    """``nbdash run``: its exit status."""
    from nbdash.cli import main

    path = write_notebook(folder / "run.ipynb", "print('there')")
    try:
        main(["run", str(path), "-o", str(folder / "out.ipynb")])
    except SystemExit as ended:
        return ended.code
    return None


def elsewhere(platform: str, folder: Path) -> dict[str, Any]:
    """Everything, as on ``platform``."""
    pretend(platform)
    job, stop = MainJob(folder), threading.Event()
    serving = threading.Thread(target=job.worker.serve, args=(stop,))
    serving.start()
    try:
        facts = main_job(job)
    finally:
        stop.set()
        serving.join()
    return {"runs": facts, "status": run_command(folder)}


if __name__ == "__main__":
    print(json.dumps(elsewhere(sys.argv[1], Path(sys.argv[2]))))
