"""The checker finds what it is there for: each invariant, broken by hand."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest

from nbdash.store import Store
from tests.reliability import disk_actor, invariants
from tests.reliability.invariants import find_violations, page_fault


@pytest.fixture
def data(store: Store, tmp_path: Path) -> Path:
    """A data directory in which all is well: two runs that succeeded."""
    for _ in range(2):
        disk_actor.act(store)
    folder = tmp_path / "data"
    assert find_violations(folder, (), lease=1.0) == []
    return folder


def change(data: Path, statement: str) -> None:
    """The database behind nbdash's back."""
    with closing(sqlite3.connect(data / "nbdash.sqlite")) as rows, rows:
        rows.execute(statement)


def newest_run(data: Path) -> str:
    with closing(sqlite3.connect(data / "nbdash.sqlite")) as rows:
        return str(rows.execute("SELECT id FROM runs ORDER BY seq DESC").fetchone()[0])


BREAKAGES: dict[str, tuple[str, str]] = {
    "a second end": (
        "INSERT INTO events SELECT run_id, max(seq) + 1, 'state', at, json_object('state', 'failed') FROM events"
        " GROUP BY run_id LIMIT 1",
        "has ended 2 times",
    ),
    "no end": ("DELETE FROM events WHERE json_extract(data, '$.state') = 'succeeded'", "has ended 0 times"),
    "a failed run is shown": (
        "UPDATE runs SET state = 'failed' WHERE id IN (SELECT run_id FROM pointers)",
        "Viewers see run",
    ),
    "an older run is shown": (
        "INSERT INTO runs SELECT 1000, 'newer', dashboard_id, version_id, state, parameters, parameters_key, origin,"
        " promotes, attempt, fence, worker, queued_at, claimed_at, started_at, heartbeat_at, finished_at,"
        " cancel_requested, progress, error, document_digest, engine, peak_memory_bytes, data_at FROM runs"
        " WHERE id IN (SELECT run_id FROM pointers)",
        "not the newest",
    ),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_broken_rows_are_found(data: Path, breakage: str) -> None:
    statement, sentence = BREAKAGES[breakage]
    change(data, statement)
    assert any(sentence in found for found in find_violations(data, (), lease=1.0))


def test_a_run_past_its_lease_is_found(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "sweep", lambda *_: [])
    change(data, "UPDATE runs SET state = 'running', heartbeat_at = 1")
    assert any("its lease has expired" in found for found in find_violations(data, (), lease=1.0))


def test_a_forgotten_run_is_found(data: Path) -> None:
    assert find_violations(data, {"0123456789abcdef"}, lease=1.0) == [
        "Run 0123456789abcdef was accepted and is forgotten."
    ]


def damage(path: Path) -> None:
    path.write_bytes(b"other")


@pytest.mark.parametrize(("act", "sentence"), [(Path.unlink, "is missing"), (damage, "has other bytes")])
def test_damaged_blobs_are_found(data: Path, act: Callable[[Path], None], sentence: str) -> None:
    act(next(data.glob("blobs/*/*")))
    assert any(sentence in found for found in find_violations(data, (), lease=1.0))


def test_garbage_is_found(data: Path) -> None:
    blob = data / "blobs" / "00" / "1234"
    blob.parent.mkdir(exist_ok=True)
    blob.touch()
    assert find_violations(data, (), lease=1.0) == []  # it may be of a run that is being recorded
    os.utime(blob, (time.time() - 7200,) * 2)
    assert find_violations(data, (), lease=1.0) == ["Blob 001234 belongs to nothing and was not collected."]


@contextmanager
def process(**environment: str) -> Iterator[psutil.Process]:
    command = [sys.executable, "-c", "print(flush=True); input()"]
    with subprocess.Popen(
        command, env=os.environ | environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as started:
        assert started.stdout is not None and started.stdout.readline()
        yield psutil.Process(started.pid)
        started.kill()


def test_processes_left_behind_are_found(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invariants, "BURIAL_SECONDS", 0.0)
    run_id = newest_run(data)
    with process(NBDASH_RUN_ID=run_id) as left:
        assert find_violations(data, (), lease=1.0) == [
            f"Process {left.pid} is alive, and its run {run_id} is succeeded."
        ]
    with process() as left:
        pids = tmp_path / "pids.txt"
        pids.write_text(f"{run_id} {left.pid} {left.create_time()}\n")
        assert len(find_violations(data, (), lease=1.0, pids=pids)) == 1
    assert find_violations(data, (), lease=1.0, pids=pids) == []


def test_pages_are_whole() -> None:
    one, other = b"token-0123456789abcdef", b"token-fedcba9876543210"
    assert page_fault(200, one + b" " + one) is None
    assert page_fault(503, one) and page_fault(200, b"") and page_fault(200, one + other)
