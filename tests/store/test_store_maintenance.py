from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from nbdash.errors import NotFoundError
from nbdash.model import EventKind, RunState
from nbdash.store.maintenance import ROLLBACKS

HOUR = 3600.0


@pytest.fixture
def blobs(tmp_path: Path) -> Path:
    return tmp_path / "data" / "blobs"


def make_old(blobs: Path) -> None:
    """As if every blob had been put two hours ago."""
    for path in blobs.glob("*/*"):
        os.utime(path, (time.time() - 2 * HOUR,) * 2)


def ids(runs):
    return {run.id for run in runs}


def test_prune_keeps_the_newest_runs_of_each_dashboard(store, fill):
    kept = set()
    for slug in ("a", "b"):
        _, version = fill.published(slug)
        runs = []
        for _ in range(5):
            runs.append(fill.start(version))
            fill.finish(runs[-1], RunState.FAILED)
        kept |= ids(runs[-3:])
    assert store.prune(3) == 4
    left = {run.id for each in store.list_dashboards(include_unlisted=True) for run in store.runs(each.id)}
    assert left == kept
    assert store.prune(3) == 0
    assert store.integrity() == []


def test_prune_never_takes_what_people_see_or_wait_for_nor_the_last_run(store, fill):
    dashboard, version = fill.published()
    shown, north = fill.succeed(version), fill.succeed(version, "north", "rerun")
    other = fill.start(version, "south")
    for _ in range(3):
        last = fill.start(version)
        fill.finish(last, RunState.FAILED)
    assert store.prune(0) == 2
    assert ids(store.runs(dashboard.id)) == {shown.id, north.id, other.id, last.id}
    assert store.current_run(dashboard.id).id == shown.id


def test_run_that_came_into_view_while_pruning_stays(store, fill):
    _, version = fill.published()
    run = fill.succeed(version)
    assert store._remove_runs([run.id]) == 0
    assert store.integrity() == []


def test_prune_leaves_good_runs_of_the_last_versions_to_go_back_to(store, fill):
    dashboard = fill.dashboard()
    runs = [fill.succeed(fill.version(dashboard, f"content {number}")) for number in range(ROLLBACKS + 2)]
    fill.finish(fill.start(store.versions(dashboard.id)[0]), RunState.FAILED)
    store.prune(1)
    assert ids(runs) & ids(store.runs(dashboard.id)) == ids(runs[-ROLLBACKS:])
    assert len(store.versions(dashboard.id)) == ROLLBACKS


def test_prune_takes_what_belongs_to_a_run_with_it(store, fill, make_card):
    _, version = fill.published()
    old = fill.start(version)
    store.record(old, events=[(EventKind.OUTPUT, {})], cards=[make_card()])
    fill.finish(old, RunState.FAILED)
    fill.succeed(version)
    assert store.prune(1) == 1
    assert store.cards(old.id) == [] and store.events(old.id) == []
    with pytest.raises(NotFoundError):
        store.run(old.id)


def test_versions_that_never_ran_are_removed_but_the_newest_and_the_current(store, fill):
    dashboard = fill.dashboard()
    versions = [fill.version(dashboard, f"content {number}") for number in range(6)]
    store.set_current_version(dashboard.id, versions[0].id)
    store.prune(2)
    assert [each.number for each in store.versions(dashboard.id)] == [6, 5, 1]


def test_pages_unchanged_for_long_are_removed(store, clock):
    digest = store.put_blob(b"page")
    store.keep_page("old", 1, digest, "e")
    clock.advance(8 * 24 * HOUR)
    store.keep_page("new", 1, digest, "e")
    store.prune(1)
    assert store.stored_page("old", 1) is None
    assert store.stored_page("new", 1) is not None


def test_blobs_that_rows_name_are_never_collected(store, fill, make_card, blobs):
    _, version = fill.published()
    run = fill.start(version)
    store.record(run, events=[], cards=[make_card()])
    fill.finish(run)
    store.keep_page("page", 1, store.put_blob(b"page"), "e")
    make_old(blobs)
    count = len(list(blobs.glob("*/*")))
    assert count == 5  # notebook, figure, frame, executed notebook, page
    assert store.collect_blobs(HOUR) == 0
    assert len(list(blobs.glob("*/*"))) == count
    assert store.integrity() == []


def test_blobs_that_no_row_names_are_collected_when_old(store, fill, blobs):
    dashboard, version = fill.published()
    fill.succeed(version)
    make_old(blobs)
    young = store.put_blob(b"its row is not committed yet")
    store.remove_dashboard(dashboard.id)
    assert store.collect_blobs(HOUR) == 2
    assert store.read_blob(young)


def test_blob_put_again_is_young_again(store, blobs):
    digest = store.put_blob(b"figure")
    make_old(blobs)
    store.put_blob(b"figure")
    assert store.collect_blobs(HOUR) == 0
    assert store.read_blob(digest) == b"figure"


def test_blob_put_again_while_it_is_being_collected_stays(store, blobs, monkeypatch):
    digest = store.put_blob(b"figure")
    make_old(blobs)
    replace = os.replace

    def put_then_replace(source, target):
        monkeypatch.setattr(os, "replace", replace)
        store.put_blob(b"figure")  # another process, at the worst moment
        replace(source, target)

    monkeypatch.setattr(os, "replace", put_then_replace)
    assert store.collect_blobs(HOUR) == 0
    assert store.read_blob(digest) == b"figure"


def test_what_a_killed_process_left_is_cleared_away(store, blobs):
    digest = store.put_blob(b"figure")
    folder = blobs / digest[:2]
    (folder / digest[2:]).rename(folder / f".old-{digest[2:]}")  # a collector, killed in the middle
    (folder / ".new-0123").write_bytes(b"half")  # a writer, killed in the middle
    os.utime(folder / ".new-0123", (0, 0))
    assert store.collect_blobs(HOUR) == 0
    assert store.read_blob(digest) == b"figure"
    assert [path.name for path in folder.iterdir()] == [digest[2:]]


def test_integrity_names_missing_and_damaged_blobs(store, fill, blobs):
    _, version = fill.published()
    run = fill.succeed(version)
    document = store.run(run.id).document_digest
    notebook = version.notebook_digest
    (blobs / document[:2] / document[2:]).write_bytes(b"other bytes")
    (blobs / notebook[:2] / notebook[2:]).unlink()
    damage = store.integrity()
    assert len(damage) == 2
    assert any(document in each and "damaged" in each for each in damage)
    assert any(notebook in each and "missing" in each for each in damage)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("UPDATE runs SET state = 'failed' WHERE seq = 2", "instead of"),
        ("UPDATE pointers SET run_id = (SELECT id FROM runs WHERE seq = 1)", "instead of"),
        ("UPDATE dashboards SET version_id = 99", "a version that it does not have"),
        ("DELETE FROM events WHERE seq = 2", "have gaps"),
        ("DELETE FROM events WHERE seq = 3", "end 0 times"),
        ("UPDATE runs SET state = 'queued' WHERE seq = 1", "end 1 times"),
        ("PRAGMA foreign_keys = OFF; DELETE FROM versions", "lost the 'versions'"),
    ],
)
def test_integrity_finds_broken_rules(store, fill, change, complaint):
    _, version = fill.published()
    fill.succeed(version)
    fill.succeed(version)
    assert store.integrity() == []
    store.close()
    with closing(sqlite3.connect(store._database.path)) as connection:
        connection.executescript(change)
    assert any(complaint in each for each in store.integrity())


def test_integrity_of_a_damaged_file_is_a_sentence(store, fill):
    _, version = fill.published()
    for _ in range(3):
        fill.succeed(version)
    path = store._database.path
    store.close()
    data = bytearray(path.read_bytes())
    data[8192:16384] = b"\xa5" * 8192
    path.write_bytes(data)
    damage = store.integrity()
    assert damage and all("damaged" in each for each in damage)
