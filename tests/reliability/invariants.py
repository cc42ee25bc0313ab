"""What must hold after every trial, read from the files themselves and from the process table.

The rows are read with plain SQL: nbdash's own checks (``Store.integrity``) are asked too, but not trusted alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path

import psutil

from nbdash.store import open_store

FINAL = ("succeeded", "failed", "cancelled", "lost")
#: Seconds after which nothing of a run that is over may be alive.
BURIAL_SECONDS = 15.0
#: A heartbeat that was due while the check began is not held against anybody.
LEASE_MARGIN = 1.0
_TOKEN = re.compile(rb"token-([0-9a-f]{16})")


def find_violations(
    data: Path, accepted: Collection[str], *, lease: float, grace: float = 3600.0, pids: Path | None = None
) -> list[str]:
    """Everything that does not hold in a data directory, a sentence each.

    ``accepted``: the runs that were answered 202. ``grace``: the age from which a blob without a row is
    garbage that was not collected. ``pids``: the file in which cells wrote down their processes.
    """
    with open_store(data) as store:
        store.sweep(lease)
        found = store.integrity()
    with closing(sqlite3.connect(data / "nbdash.sqlite", timeout=30)) as rows:
        rows.execute("BEGIN")  # one state of it, whatever workers do meanwhile
        found += [
            *_expired(rows, lease + LEASE_MARGIN),
            *_endings(rows),
            *_pointers(rows),
            *_forgotten(rows, accepted),
        ]
        referenced = _referenced(rows)
    return [*found, *_blobs(data / "blobs", referenced, grace), *_wait_for_burial(data, pids)]


def count_states(data: Path) -> Counter[str]:
    """How many runs are in each state."""
    with closing(sqlite3.connect(data / "nbdash.sqlite", timeout=30)) as rows:
        return Counter(state for (state,) in rows.execute("SELECT state FROM runs"))


def page_fault(status: int, page: bytes) -> str | None:
    """What is wrong with an answer to a reader: it is 200, and all of its cards are of one run."""
    tokens = set(_TOKEN.findall(page))
    if status != 200:
        return f"a page was answered {status}"
    if len(tokens) != 1:
        return f"a page shows the runs {sorted(token.decode() for token in tokens)}"
    return None


def _expired(rows: sqlite3.Connection, lease: float) -> Iterator[str]:
    limit = (time.time() - lease) * 1e6
    query = "SELECT id FROM runs WHERE state = 'running' AND coalesce(heartbeat_at, claimed_at) < ?"
    for (run_id,) in rows.execute(query, (limit,)):
        yield f"Run {run_id} is running, but its lease has expired."


def _endings(rows: sqlite3.Connection) -> Iterator[str]:
    ends: Counter[str] = Counter()
    for run_id, data in rows.execute("SELECT run_id, data FROM events WHERE kind = 'state'"):
        ends[run_id] += json.loads(data)["state"] in FINAL
    for run_id, state in rows.execute("SELECT id, state FROM runs"):
        if ends[run_id] != (state in FINAL):
            yield f"Run {run_id} is {state} and has ended {ends[run_id]} times."


def _pointers(rows: sqlite3.Connection) -> Iterator[str]:
    """What viewers see is a success, and no newer success of the same version is hidden by it."""
    query = """
        SELECT pointers.run_id, shown.state, max(better.seq) > shown.seq
        FROM pointers JOIN runs AS shown ON shown.id = pointers.run_id
        LEFT JOIN runs AS better ON better.dashboard_id = shown.dashboard_id AND better.version_id = shown.version_id
            AND better.parameters_key = pointers.parameters_key AND better.state = 'succeeded'
        GROUP BY pointers.dashboard_id, pointers.parameters_key"""
    for run_id, state, is_outdated in rows.execute(query):
        if state != "succeeded" or is_outdated:
            yield f"Viewers see run {run_id}, which is {state}{' and not the newest' if is_outdated else ''}."


def _forgotten(rows: sqlite3.Connection, accepted: Collection[str]) -> Iterator[str]:
    known = {run_id for (run_id,) in rows.execute("SELECT id FROM runs")}
    yield from (f"Run {run_id} was accepted and is forgotten." for run_id in accepted if run_id not in known)


def _referenced(rows: sqlite3.Connection) -> set[str]:
    query = """
        SELECT notebook_digest FROM versions UNION SELECT document_digest FROM runs
        UNION SELECT body_digest FROM pages UNION SELECT digests FROM cards"""
    return {digest for (text,) in rows.execute(query) for digest in (text or "").split()}


def _blobs(folder: Path, referenced: Collection[str], grace: float) -> Iterator[str]:
    for digest in referenced:
        path = folder / digest[:2] / digest[2:]
        if not path.is_file():
            yield f"Blob {digest} is missing."
        elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            yield f"Blob {digest} has other bytes."
    oldest = time.time() - grace
    for path in folder.glob("*/*"):
        with contextlib.suppress(FileNotFoundError):
            if path.parent.name + path.name not in referenced and path.stat().st_mtime < oldest:
                yield f"Blob {path.parent.name}{path.name} belongs to nothing and was not collected."


def _wait_for_burial(data: Path, pids: Path | None) -> list[str]:
    deadline = time.monotonic() + BURIAL_SECONDS
    while found := [*_orphans(data), *(_survivors(data, pids) if pids else ())]:
        if time.monotonic() > deadline:
            return found
        time.sleep(0.1)
    return []


def _orphans(data: Path) -> Iterator[str]:
    """Processes that carry the mark of a run that is over."""
    states = _states(data)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            run_id = process.environ().get("NBDASH_RUN_ID", "")
            if states.get(run_id, "running") != "running" and process.status() != psutil.STATUS_ZOMBIE:
                yield f"Process {process.pid} is alive, and its run {run_id} is {states[run_id]}."


def _survivors(data: Path, pids: Path) -> Iterator[str]:
    """Processes of cells, by what these wrote down: a fork's mark is not in the process table."""
    states = _states(data)
    for line in pids.read_text().splitlines() if pids.exists() else ():
        run_id, pid, created = line.split()
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(int(pid))
            is_same = abs(process.create_time() - float(created)) < 0.05
            if is_same and process.status() != psutil.STATUS_ZOMBIE and states.get(run_id) != "running":
                yield f"Process {pid} of run {run_id} is alive, and the run is {states.get(run_id)}."


def _states(data: Path) -> dict[str, str]:
    with closing(sqlite3.connect(data / "nbdash.sqlite", timeout=30)) as rows:
        return dict(rows.execute("SELECT id, state FROM runs").fetchall())
