"""A served folder whose processes are killed, and those who look at it meanwhile."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import psutil
from nbformat.v4 import new_code_cell, new_notebook

from tests.reliability.invariants import count_states, find_violations, page_fault
from tests.served import Served

LEASE = 2.0
#: How long what was accepted may take to end: a limit for giving up, not a promise.
PATIENCE_SECONDS = 120.0
SETTINGS = {"lease": LEASE, "keep": 100_000, "workers": 2, "reruns_per_minute": 1_000_000}
_MARK = """
import os, psutil, subprocess
me = psutil.Process()
with open("pids.txt", "a") as file:
    file.write(f"{os.environ['NBDASH_RUN_ID']} {me.pid} {me.create_time()}\\n")
subprocess.Popen(["sleep", "600"], start_new_session=True)  # a daemon, which must not outlive the run
"""
_HOLD = "while os.path.exists('hold'):\n    time.sleep(0.02)\nassert not os.path.exists('fail')"
_CARD = "import os, time\ntime.sleep(seconds)\nprint('token-' + os.environ['NBDASH_RUN_ID'])"
SLUG = "site"
READ_SECONDS = 0.1


def write_notebook(folder: Path, *, name: str = f"{SLUG}.ipynb", extra: str = "") -> Path:
    """A dashboard of two cards that tell of which run they are; ``seconds`` is how long each takes.

    Between the two it waits as long as there is a file ``hold``, and fails if there is a file ``fail``.
    """
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = new_notebook(metadata={"kernelspec": spec, "language_info": {"name": "python"}})
    cells = (
        ("seconds = 0.0", "parameters"),
        (_MARK, "dash-setup"),
        (_CARD, "dash"),
        (f"{_HOLD}\n{extra}", "dash-setup"),
        (_CARD, "dash"),
    )
    notebook.cells = [
        new_code_cell(source, id=f"c{number}", metadata={"tags": [tag]}) for number, (source, tag) in enumerate(cells)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    draft = path.with_suffix(".tmp")
    nbformat.write(notebook, draft)  # type: ignore[no-untyped-call]
    draft.replace(path)
    return path


class Deployment:
    """``nbdash serve`` of one notebook; what it has accepted, and what its readers have seen."""

    def __init__(self, folder: Path, *, port: int, data: Path | None = None) -> None:
        self.folder = folder / "notebooks"
        self.data = data or folder / "data"
        self.accepted: set[str] = set()
        self.faults: list[str] = []
        self.reads = 0
        self._port = port
        self._reading = threading.Event()
        self._number = 0
        write_notebook(self.folder)
        self.server = self._serve()
        try:
            wait_until(lambda: self.state() == "fresh", "the first run to succeed")
        except BaseException:
            self.stop()
            raise

    def _serve(self) -> Served:
        return Served(self.folder, self.data, port=self._port, **SETTINGS)

    def restart(self) -> None:
        """Start the server again, whether it was stopped or killed."""
        self.server = self._serve()

    def state(self) -> str | None:
        """The dashboard's, as the API tells it; None while nobody answers."""
        status, answer = self.ask(f"/api/v1/dashboards/{SLUG}")
        return str(json.loads(answer)["state"]) if status == 200 else None

    def ask(self, path: str, values: dict[str, object] | None = None) -> tuple[int, bytes]:
        """GET, or POST of a rerun's values; status 0 where the connection breaks or nobody listens."""
        connection = http.client.HTTPConnection(urlsplit(self.server.url).netloc, timeout=60)
        body = None if values is None else json.dumps({"parameters": values})
        headers = {"Accept": "application/json" if body else "*/*", "Connection": "close"}
        if body:
            headers["Content-Type"] = "application/json"
        try:
            connection.request("POST" if body else "GET", path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def rerun(self, seconds: float = 0.0) -> str | None:
        """Ask for a run that no other one equals; its id if it was accepted."""
        self._number += 1
        status, answer = self.ask(f"/d/{SLUG}/runs", {"seconds": seconds + self._number * 1e-9})
        if status != 202:
            assert status in (0, 503), (status, answer)
            return None
        run_id = str(json.loads(answer)["id"])
        self.accepted.add(run_id)
        return run_id

    def rerun_default(self) -> None:
        """Ask for a run of what the readers look at."""
        status, answer = self.ask(f"/d/{SLUG}/runs", {})
        if status == 202:
            self.accepted.add(str(json.loads(answer)["id"]))

    # --- processes ---

    def find(self, role: str) -> list[psutil.Process]:
        """The living processes of a role: serve, web, worker, zygote, keeper, run."""
        if role == "serve":
            return [psutil.Process(self.server.process.pid)] if self.server.process.poll() is None else []
        return list(self._find(role))

    def _find(self, role: str) -> Iterator[psutil.Process]:
        parent = {"web": "serve", "worker": "serve", "zygote": "worker", "keeper": "zygote", "run": "keeper"}[role]
        for process in self.find(parent):
            with contextlib.suppress(psutil.Error):
                yield from (child for child in process.children() if _has_role(child, role))

    def kill(self, role: str) -> bool:
        """SIGKILL every process of a role, or of all roles at once; whether there was one."""
        roles = ("serve", "web", "worker", "zygote", "keeper", "run") if role == "all" else (role,)
        victims = [process for each in roles for process in self.find(each)]
        for process in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        if "serve" in roles:
            self.server.process.wait(60)
        return bool(victims)

    def heal(self) -> None:
        """Start the server again if it is down, as a service manager would."""
        if self.server.process.poll() is not None:
            self.restart()
        wait_until(lambda: self.ask("/-/health")[0] == 200 or self.server.process.poll() is not None, "an answer")
        if self.server.process.poll() is not None:
            self.heal()

    # --- what must hold ---

    @contextlib.contextmanager
    def readers(self) -> Iterator[None]:
        """Somebody looks at the page all the time."""
        self._reading.set()
        thread = threading.Thread(target=self._read)
        thread.start()
        try:
            yield
        finally:
            self._reading.clear()
            thread.join()

    def _read(self) -> None:
        while self._reading.is_set():
            status, page = self.ask(f"/d/{SLUG}")
            if status:  # an answer, and a whole one
                self.reads += 1
                fault = page_fault(status, page)
                self.faults += [fault] if fault else []
            time.sleep(READ_SECONDS)

    def settle(self) -> None:
        """Wait until all that was accepted has ended."""
        wait_until(lambda: not self.unfinished(), lambda: f"runs to end: {self.unfinished()}, {self.tail()}")

    def unfinished(self) -> dict[str, int]:
        """How many runs are queued or running."""
        counts = count_states(self.data)
        return {state: counts[state] for state in ("queued", "running") if counts[state]}

    def tail(self) -> str:
        """The end of the server's log."""
        return self.server.log.read_text(errors="replace")[-2000:]

    def violations(self) -> list[str]:
        """What does not hold now, and what readers have seen that they should not."""
        found = find_violations(self.data, self.accepted, lease=LEASE, pids=self.folder / "pids.txt")
        return found + self.faults

    def stop(self) -> None:
        """End it; nothing that it started is left."""
        if self.server.process.poll() is None:
            self.server.stop()


def _has_role(process: psutil.Process, role: str) -> bool:
    words = " ".join(process.cmdline())
    if process.status() == psutil.STATUS_ZOMBIE:
        return False
    return {"web": "spawn_main" in words, "worker": "nbdash worker" in words}.get(role, True)


def wait_until(is_so: object, what: object, *, seconds: float = PATIENCE_SECONDS) -> None:
    """Look again and again; fails with what did not come."""
    assert callable(is_so)
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what() if callable(what) else what}"
        time.sleep(0.05)
