"""The real path from a notebook to a viewer: publisher, worker, a real engine, and the web application.

What a hostile notebook must not change is looked at here: the page that viewers see, the processes, threads
and open files of this process, and the next run of this and of another dashboard.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbformat
import psutil
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from nbdash.config import Settings
from nbdash.model import Run, RunError
from nbdash.publisher.publication import Publisher
from nbdash.store import Store, open_store
from nbdash.store.token import author_token
from nbdash.web import create_app
from nbdash.worker import Worker

PLOT = "import matplotlib.pyplot as plt\nplt.figure(figsize=(2, 1)); plt.plot([1, 2])\nplt.show()"
#: What no viewer ever reads.
PRIVATE = ("Traceback", "hunter2", 'File "', "site-packages", "ipykernel")
#: A sentence of nbdash's own: ends like one, on one line.
SENTENCE = re.compile(r"[^\n]+[.!?]")
SETTLE_SECONDS = 10.0


@dataclass(frozen=True)
class Case:
    """What a notebook's cells do, and what becomes of the run."""

    source: str | Sequence[str]  #: of its cards
    says: str = ""  #: a part of what the author is told of a failure; empty: the run succeeds
    shows: str = ""  #: a part of the page, where it succeeds
    hides: str = ""  #: what is not in the page
    limits: dict[str, float] | None = None  #: in the notebook's own metadata
    only: str = ""  #: the one engine it is about

    @property
    def fails(self) -> bool:
        """Whether the run ends without a result."""
        return bool(self.says)


class Scene:
    """One data directory with everything that works on it, in this process."""

    def __init__(self, folder: Path, engine: str) -> None:
        self.folder = folder
        self.settings = Settings(
            data=folder / "data",
            engine=engine,
            timeout=60,
            memory_mib=600,
            processes=100,
            output_mib=1,
            figures=20,
            reruns_per_minute=10_000,
        )
        self.store: Store = open_store(self.settings.data)
        self.publisher = Publisher(self.store, self.settings)
        self.worker = Worker(self.store, self.settings)
        self.app = create_app(self.settings, store=self.store)
        self.author = {"Authorization": f"Bearer {author_token(self.settings.data)}"}

    def close(self) -> None:
        """End the engines, close the store."""
        self.worker.close()
        self.store.close()

    # --- what authors and viewers do ---

    def write(self, slug: str, sources: str | Sequence[str], **metadata: Any) -> Path:
        """A notebook whose cells are all cards, in a folder of its own."""
        document = new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "P"}, **metadata})
        for number, source in enumerate([sources] if isinstance(sources, str) else sources):
            make = new_markdown_cell if source.startswith("md:") else new_code_cell
            cell = make(source.removeprefix("md:"), id=f"c{number}", metadata={"tags": ["dash"]})
            document.cells.append(cell)
        path = self.folder / slug / f"{slug}.ipynb"
        path.parent.mkdir(exist_ok=True)
        path.write_text(nbformat.writes(document), encoding="utf-8")
        return path

    def publish(self, slug: str, sources: str | Sequence[str], **metadata: Any) -> Run:
        """Publish it and perform what is queued; the run as it ended."""
        publication = self.publisher.publish(self.write(slug, sources, **metadata))
        assert publication.dashboard.slug == slug and publication.run is not None
        self.perform()
        return self.store.run(publication.run.id)

    def rerun(self, slug: str) -> Run:
        """Press Rerun as a viewer does; the run as it ended."""
        answer = self.app.test_client().post(f"/d/{slug}/runs", headers={"Accept": "application/json"})
        assert answer.status_code == 202, answer.text
        self.perform()
        return self.store.run(answer.json["id"])

    def perform(self) -> None:
        """Perform all that is queued."""
        while run := self.store.claim_run(self.worker.name):
            self.worker.perform(run)

    # --- what people read ---

    def get(self, path: str, **headers: str) -> bytes:
        """What a viewer on this machine gets; always 200."""
        answer = self.app.test_client().get(path, headers=headers)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer.data

    def look(self, slug: str) -> list[bytes]:
        """All that a viewer sees of a dashboard: its page, its latest figure, its record."""
        record = self.get(f"/api/v1/dashboards/{slug}")
        return [self.get(f"/d/{slug}"), self.get(f"/d/{slug}/figures/cell-1.png"), record]

    def page(self, slug: str) -> str:
        """The page's HTML."""
        return self.get(f"/d/{slug}").decode()

    def log(self, slug: str) -> str:
        """The author's page about the last run."""
        return self.get(f"/d/{slug}/log", **self.author).decode()


def check_sentence(error: RunError) -> None:
    """What an author reads of a failure: one sentence, one line, of a bounded length."""
    assert SENTENCE.fullmatch(error.message) or "raised" in error.message, error.message
    assert "\n" not in error.message and len(error.message) < 500
    assert "Traceback" not in error.message and "nbdash itself failed" not in error.message


# --- what is left ---


@dataclass(frozen=True)
class Resources:
    """What this process holds: processes below it, threads, and open files."""

    processes: frozenset[int]
    threads: frozenset[str]
    files: int

    @classmethod
    def now(cls) -> Resources:
        """As they are at this moment."""
        children = psutil.Process().children(recursive=True)
        living = {child.pid for child in children if _lives(child)}
        threads = {f"{thread.name} {thread.ident}" for thread in threading.enumerate()}
        return cls(processes=frozenset(living), threads=frozenset(threads), files=len(os.listdir("/proc/self/fd")))

    def more_than(self, before: Resources) -> str:
        """What there is now that was not there before, in words; empty if nothing is."""
        found = [f"process {pid}" for pid in self.processes - before.processes]
        found += [f"thread {name}" for name in self.threads - before.threads]
        found += [f"{self.files - before.files} more open files"] * (self.files > before.files)
        return ", ".join(found)


def check_nothing_left(before: Resources, folder: Path) -> None:
    """Nothing is left of a run: no process of this one's or in ``folder``, no thread, no open file."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while left := _left(before, folder):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def _left(before: Resources, folder: Path) -> str:
    strays = [f"stray {each.pid}" for each in psutil.process_iter() if _is_below(each, folder)]
    more = Resources.now().more_than(replace(before, processes=before.processes | _zygotes(before)))
    return ", ".join([*strays, more] if more else strays)


def _zygotes(before: Resources) -> frozenset[int]:
    """A zygote that was killed is started again: as many as there were may be there."""
    children = psutil.Process().children()
    fresh = [child.pid for child in children if child.pid not in before.processes and "_nbdash_host" in _command(child)]
    gone = [pid for pid in before.processes if not psutil.pid_exists(pid)]
    return frozenset(fresh[: len(gone)])


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _is_below(process: psutil.Process, folder: Path) -> bool:
    try:
        return _lives(process) and Path(process.cwd()).is_relative_to(folder)
    except (psutil.Error, OSError):
        return False


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
