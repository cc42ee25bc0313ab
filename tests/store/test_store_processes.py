"""Several processes on one data directory, and processes that are killed."""

from __future__ import annotations

import contextlib
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from nbdash.model import RunState
from nbdash.store import open_store
from nbdash.store.folder import DATABASE

ACTOR = Path(__file__).with_name("store_actor.py")
PROCESSES = 4

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals and limits")


def start(data: Path, action: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", ACTOR, data, action],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def lines_of(*actors: subprocess.Popen[str]) -> list[str]:
    lines = []
    for actor in actors:
        out, errors = actor.communicate(timeout=120)
        assert actor.returncode == 0, errors
        lines += out.splitlines()
    return lines


def test_many_equal_submissions_on_a_new_directory_make_one_run(tmp_path):
    data = tmp_path / "data"
    lines = lines_of(*[start(data, "submit") for _ in range(PROCESSES)])
    assert len(lines) == PROCESSES * 12 and len(set(lines)) == 1
    with open_store(data) as store:
        (dashboard,) = store.list_dashboards(include_unlisted=True)
        assert [run.id for run in store.runs(dashboard.id)] == lines[:1]
        assert len(store.versions(dashboard.id)) == 1
        assert len(store.events(lines[0])) == 1


def test_every_run_is_claimed_by_one_worker(tmp_path, fill, store):
    _, version = fill.published()
    submitted = [fill.submit(version, str(number)).id for number in range(40)]
    claims = [line.split() for line in lines_of(*[start(tmp_path / "data", "claim") for _ in range(PROCESSES)])]
    assert sorted(run_id for run_id, _ in claims) == sorted(submitted)
    assert len({fence for _, fence in claims}) == 40
    assert all(store.run(run_id).attempt == 1 for run_id in submitted)


def test_killed_at_any_statement_the_next_process_goes_on(tmp_path):
    *wrong, trials = lines_of(start(tmp_path, "die"))
    assert wrong == []
    assert int(trials.split()[0]) > 60  # the migration's statements and those of a whole run


def test_killed_at_any_moment_nothing_accepted_is_lost(tmp_path):
    data = tmp_path / "data"
    accepted: list[str] = []
    for _ in range(6):
        actor = start(data, "work")
        assert actor.stdout is not None
        accepted.append(actor.stdout.readline().strip())
        try:
            actor.wait(random.uniform(0.02, 0.2))
        except subprocess.TimeoutExpired:
            actor.kill()
        out, errors = actor.communicate(timeout=60)
        assert errors == ""
        accepted += [line for line in out.splitlines(keepends=False) if line]
        with open_store(data) as store:
            assert store.integrity() == []
    with open_store(data) as store:
        store.sweep(-1.0)
        assert all(store.run(run_id).state in (RunState.SUCCEEDED, RunState.QUEUED) for run_id in accepted)
        assert store.integrity() == []


def test_full_disk_is_a_sentence_and_does_no_damage(tmp_path):
    data = tmp_path / "data"
    blob, row, damage = lines_of(start(data, "fill"))
    assert str(data / "blobs") in blob and "check its space" in blob
    assert str(data / "nbdash.sqlite") in row and ("free some space" in row or "free space" in row)
    assert damage == "[]"
    assert not list(data.glob("blobs/*/.new-*"))


def test_ctrl_c_leaves_no_transaction_in_the_middle(tmp_path, fill, store):
    _, version = fill.published()
    run = fill.submit(version, "1")
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, where the tests run in the background
    before = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    interrupted = 0
    try:
        for trial in range(300):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0002 + random.Random(trial).random() * 0.003)
                while True:
                    store.events(run.id)
                    store.run(run.id)
            except KeyboardInterrupt:
                interrupted += 1
            with contextlib.closing(sqlite3.connect(tmp_path / "data" / DATABASE, timeout=0)) as other:
                other.execute("BEGIN EXCLUSIVE")
                other.rollback()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.signal(signal.SIGINT, usual)
    assert interrupted == 300
